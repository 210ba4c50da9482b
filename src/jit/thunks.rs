//! The few lines of assembly between handlers and compiled traces.
//!
//! A trace is entered from a handler and left into a handler, by jumps: the interpreter's native frame stays as it
//! is. In between, registers belong to the stencils' convention: the frame in r15 (x21), thread and `top` in the
//! first two argument registers, cached words behind them.

/// Saves the registers that the C convention preserves, and goes on in compiled code. Takes a handler's arguments:
/// `sp` is the first free word of the data stack, `oparg` the code's address.
#[cfg(target_arch = "x86_64")]
#[unsafe(naked)]
pub unsafe extern "C" fn enter() {
    std::arch::naked_asm!(
        "push rbp",
        "mov rbp, rsp",
        "push rbx",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "sub rsp, 8",
        "mov r15, rsi",
        "mov rsi, rcx",
        "jmp r9",
    )
}

/// Gets the saved registers back and goes on in [`crate::executor::left`] with the frame, `top` (as `sp`) and the
/// exit (as `oparg`).
#[cfg(target_arch = "x86_64")]
#[unsafe(naked)]
pub unsafe extern "C" fn leave() {
    std::arch::naked_asm!(
        "mov rcx, rsi",
        "mov r9, rdx",
        "mov rsi, r15",
        "add rsp, 8",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "jmp {left}",
        left = sym crate::executor::left,
    )
}

/// Destroys the object in the first argument register, with every other register preserved.
#[cfg(target_arch = "x86_64")]
#[unsafe(naked)]
pub unsafe extern "C" fn dealloc() {
    std::arch::naked_asm!(
        "push rbp",
        "mov rbp, rsp",
        "push rax",
        "push rcx",
        "push rdx",
        "push rsi",
        "push rdi",
        "push r8",
        "push r9",
        "push r10",
        "push r11",
        "sub rsp, 136",
        "and rsp, -16",
        "movsd [rsp], xmm0",
        "movsd [rsp + 8], xmm1",
        "movsd [rsp + 16], xmm2",
        "movsd [rsp + 24], xmm3",
        "movsd [rsp + 32], xmm4",
        "movsd [rsp + 40], xmm5",
        "movsd [rsp + 48], xmm6",
        "movsd [rsp + 56], xmm7",
        "call {dealloc}",
        "movsd xmm0, [rsp]",
        "movsd xmm1, [rsp + 8]",
        "movsd xmm2, [rsp + 16]",
        "movsd xmm3, [rsp + 24]",
        "movsd xmm4, [rsp + 32]",
        "movsd xmm5, [rsp + 40]",
        "movsd xmm6, [rsp + 48]",
        "movsd xmm7, [rsp + 56]",
        "lea rsp, [rbp - 72]",
        "pop r11",
        "pop r10",
        "pop r9",
        "pop r8",
        "pop rdi",
        "pop rsi",
        "pop rdx",
        "pop rcx",
        "pop rax",
        "pop rbp",
        "ret",
        dealloc = sym crate::helpers::destroy,
    )
}

#[cfg(target_arch = "aarch64")]
#[unsafe(naked)]
pub unsafe extern "C" fn enter() {
    std::arch::naked_asm!(
        "stp x29, x30, [sp, -160]!",
        "mov x29, sp",
        "stp x19, x20, [sp, 16]",
        "stp x21, x22, [sp, 32]",
        "stp x23, x24, [sp, 48]",
        "stp x25, x26, [sp, 64]",
        "stp x27, x28, [sp, 80]",
        "stp d8, d9, [sp, 96]",
        "stp d10, d11, [sp, 112]",
        "stp d12, d13, [sp, 128]",
        "stp d14, d15, [sp, 144]",
        "mov x21, x1",
        "mov x2, x0",
        "br x5",
    )
}

#[cfg(target_arch = "aarch64")]
#[unsafe(naked)]
pub unsafe extern "C" fn leave() {
    std::arch::naked_asm!(
        "mov x0, x2",
        "mov x1, x21",
        "mov x5, x4",
        "ldp x19, x20, [sp, 16]",
        "ldp x21, x22, [sp, 32]",
        "ldp x23, x24, [sp, 48]",
        "ldp x25, x26, [sp, 64]",
        "ldp x27, x28, [sp, 80]",
        "ldp d8, d9, [sp, 96]",
        "ldp d10, d11, [sp, 112]",
        "ldp d12, d13, [sp, 128]",
        "ldp d14, d15, [sp, 144]",
        "ldp x29, x30, [sp], 160",
        "b {left}",
        left = sym crate::executor::left,
    )
}

#[cfg(target_arch = "aarch64")]
#[unsafe(naked)]
pub unsafe extern "C" fn dealloc() {
    std::arch::naked_asm!(
        "stp x29, x30, [sp, -240]!",
        "mov x29, sp",
        "stp x0, x1, [sp, 16]",
        "stp x2, x3, [sp, 32]",
        "stp x4, x5, [sp, 48]",
        "stp x6, x7, [sp, 64]",
        "stp x8, x9, [sp, 80]",
        "stp x10, x11, [sp, 96]",
        "stp x12, x13, [sp, 112]",
        "stp x14, x15, [sp, 128]",
        "stp x16, x17, [sp, 144]",
        "stp d0, d1, [sp, 160]",
        "stp d2, d3, [sp, 176]",
        "stp d4, d5, [sp, 192]",
        "stp d6, d7, [sp, 208]",
        "bl {dealloc}",
        "ldp x0, x1, [sp, 16]",
        "ldp x2, x3, [sp, 32]",
        "ldp x4, x5, [sp, 48]",
        "ldp x6, x7, [sp, 64]",
        "ldp x8, x9, [sp, 80]",
        "ldp x10, x11, [sp, 96]",
        "ldp x12, x13, [sp, 112]",
        "ldp x14, x15, [sp, 128]",
        "ldp x16, x17, [sp, 144]",
        "ldp d0, d1, [sp, 160]",
        "ldp d2, d3, [sp, 176]",
        "ldp d4, d5, [sp, 192]",
        "ldp d6, d7, [sp, 208]",
        "ldp x29, x30, [sp], 240",
        "ret",
        dealloc = sym crate::helpers::destroy,
    )
}
