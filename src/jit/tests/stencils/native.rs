//! Stencils run in this process, on x86-64.

#![cfg(target_arch = "x86_64")]

use std::arch::{asm, global_asm};

use crate::machine::{CODE, MEMORY, MEMORY_SIZE, Machine, SLOT, Slot};
use crate::{X86_64, cases, compare, link};

// The registers' place in memory is MEMORY + 0xa00; `run` saves the stack pointer behind the way out.
global_asm!(
    ".globl stencil_test_run",
    "stencil_test_run:",
    "push rbp",
    "mov rbp, rsp",
    "push rbx",
    "push r12",
    "push r13",
    "push r14",
    "push r15",
    "sub rsp, 8",
    "movabs rax, 0x700000a00",
    "mov [rax + 104], rsp",
    "mov r10, rdi",
    "mov rdx, [rax]",
    "mov rcx, [rax + 8]",
    "mov r8, [rax + 16]",
    "mov r9, [rax + 24]",
    "movsd xmm0, [rax + 32]",
    "movsd xmm1, [rax + 40]",
    "movsd xmm2, [rax + 48]",
    "movsd xmm3, [rax + 56]",
    "mov rdi, [rax + 64]",
    "mov rsi, [rax + 72]",
    "mov r15, [rax + 80]",
    "jmp r10",
    // Ways out: `eax` gets the number, then everything is written down.
    ".irp n, 0, 1, 2, 3, 4",
    ".globl stencil_test_way_\\n",
    "stencil_test_way_\\n:",
    "mov eax, \\n",
    "jmp 2f",
    ".endr",
    "2:",
    "movabs r11, 0x700000a00",
    "mov [r11 + 88], rax",
    "mov [r11], rdx",
    "mov [r11 + 8], rcx",
    "mov [r11 + 16], r8",
    "mov [r11 + 24], r9",
    "movsd [r11 + 32], xmm0",
    "movsd [r11 + 40], xmm1",
    "movsd [r11 + 48], xmm2",
    "movsd [r11 + 56], xmm3",
    "mov [r11 + 64], rdi",
    "mov [r11 + 72], rsi",
    "mov [r11 + 80], r15",
    "mov rsp, [r11 + 104]",
    "add rsp, 8",
    "pop r15",
    "pop r14",
    "pop r13",
    "pop r12",
    "pop rbx",
    "pop rbp",
    "ret",
    // Destroys an object: written down, with every register preserved.
    ".globl stencil_test_dealloc",
    "stencil_test_dealloc:",
    "push rax",
    "push rcx",
    "movabs rax, 0x700000a78",
    "mov rcx, [rax]",
    "inc qword ptr [rax]",
    "shl rcx, 5",
    "mov qword ptr [rax + rcx + 8], 5",
    "mov [rax + rcx + 16], rdi",
    "pop rcx",
    "pop rax",
    "ret",
    // A native function: its arguments are written down, what it may change is changed.
    ".globl stencil_test_function",
    "stencil_test_function:",
    "movabs rax, 0x700000a78",
    "mov r11, [rax]",
    "inc qword ptr [rax]",
    "shl r11, 5",
    "mov qword ptr [rax + r11 + 8], 6",
    "mov [rax + r11 + 16], rsi",
    "mov [rax + r11 + 24], rdx",
    "mov [rax + r11 + 32], rcx",
    "mov rax, [rax - 8]",
    "mov rcx, -77",
    "mov rdx, rcx",
    "mov rsi, rcx",
    "mov rdi, rcx",
    "mov r8, rcx",
    "mov r9, rcx",
    "mov r10, rcx",
    "mov r11, rcx",
    "movq xmm0, rcx",
    "movq xmm1, rcx",
    "movq xmm2, rcx",
    "movq xmm3, rcx",
    "ret",
);

unsafe extern "C" {
    fn stencil_test_run(code: usize);
    fn stencil_test_way_0();
    fn stencil_test_way_1();
    fn stencil_test_way_2();
    fn stencil_test_way_3();
    fn stencil_test_way_4();
    fn stencil_test_dealloc();
    fn stencil_test_function();
}

fn map(at: usize, size: usize, protection: i32) {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE;
    // SAFETY: nothing else is there: NOREPLACE.
    let mapped = unsafe { libc::mmap(at as *mut _, size, protection, flags, -1, 0) };
    assert_eq!(mapped as usize, at, "the test's addresses are free");
}

/// Writes code; it is never writable and executable at once.
fn write(at: usize, code: &[u8]) {
    // SAFETY: the code memory is this test's, and nothing runs there now.
    unsafe {
        let page = CODE as *mut libc::c_void;
        assert_eq!(libc::mprotect(page, 0x1000, libc::PROT_READ | libc::PROT_WRITE), 0);
        std::ptr::copy_nonoverlapping(code.as_ptr(), at as *mut u8, code.len());
        assert_eq!(libc::mprotect(page, 0x1000, libc::PROT_READ | libc::PROT_EXEC), 0);
    }
}

fn slots() -> Vec<u8> {
    let targets = [
        stencil_test_way_0,
        stencil_test_way_1,
        stencil_test_way_2,
        stencil_test_way_3,
        stencil_test_way_4,
        stencil_test_dealloc,
        stencil_test_function,
    ];
    let mut out = Vec::new();
    for target in targets {
        // jmp [rip]
        out.extend([0xff, 0x25, 0, 0, 0, 0]);
        out.extend((target as *const () as u64).to_le_bytes());
        out.resize(out.len().next_multiple_of(SLOT), 0xcc);
    }
    out
}

#[test]
fn stencils_do_what_the_model_says() {
    map(MEMORY, MEMORY_SIZE, libc::PROT_READ | libc::PROT_WRITE);
    map(CODE, 0x1000, libc::PROT_READ | libc::PROT_WRITE);
    write(CODE, &slots());
    let at = CODE + SLOT * Slot::COUNT;
    let all = cases();
    for (case, expected) in &all {
        write(at, &link(X86_64, case));
        let mut found = Machine::new();
        // SAFETY: the memory is this test's; the code is a stencil with its holes filled, which ends in a way out.
        unsafe {
            let memory = MEMORY as *mut u8;
            std::ptr::copy_nonoverlapping(case.machine.0.as_ptr(), memory, MEMORY_SIZE);
            asm!("", options(nostack));
            stencil_test_run(at);
            std::ptr::copy_nonoverlapping(memory, found.0.as_mut_ptr(), MEMORY_SIZE);
        }
        compare(case, expected, &found);
    }
    assert!(all.len() > 10_000);
}
