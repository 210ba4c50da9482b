//! Memory for machine code.
//!
//! One region, mapped twice: code is written through one mapping and runs in the other, so nothing is ever
//! writable and executable at one address. The executable mapping lies near the program's own text, where calls
//! reach with 32 bits of displacement.
//!
//! The mappings are of one file and shared, so a forked child would go on writing into its parent's code. It gets a copy
//! of its own, made before the fork, while nobody compiles.

use std::io;
use std::sync::atomic::{AtomicI32, Ordering};

use crate::state;

/// A region of code that grows until it is cleared.
pub struct CodeMemory {
    writable: *mut u8,
    executable: *mut u8,
    size: usize,
    used: usize,
    /// Nothing may be written any more.
    frozen: bool,
}

/// Bytes that one system call copies before a fork.
const COPIED_AT_ONCE: usize = 1 << 20;

/// How far from the text the executable mapping is looked for, in steps.
const STEP: usize = 1 << 20;
const STEPS: usize = 1800;

impl CodeMemory {
    /// Reserves `size` bytes, which take memory as they are used.
    pub fn new(size: usize) -> io::Result<CodeMemory> {
        // SAFETY: plain system calls; the mappings live as long as the process.
        unsafe {
            let file = new_file();
            if file < 0 {
                return Err(io::Error::last_os_error());
            }
            let mapped = CodeMemory::map(file, size);
            libc::close(file);
            mapped
        }
    }

    unsafe fn map(file: i32, size: usize) -> io::Result<CodeMemory> {
        // SAFETY: as above.
        unsafe {
            if libc::ftruncate(file, size as libc::off_t) != 0 {
                return Err(io::Error::last_os_error());
            }
            let writable =
                libc::mmap(std::ptr::null_mut(), size, libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED, file, 0);
            if writable == libc::MAP_FAILED {
                return Err(io::Error::last_os_error());
            }
            let Some(executable) = map_near_text(file, size) else {
                let error = io::Error::last_os_error();
                libc::munmap(writable, size);
                return Err(error);
            };
            Ok(CodeMemory { writable: writable as *mut u8, executable, size, used: 0, frozen: false })
        }
    }

    /// Bytes that are left.
    pub fn left(&self) -> usize {
        self.size - self.used
    }

    pub fn used(&self) -> usize {
        self.used
    }

    /// Where the next piece of code will run.
    pub fn next_address(&self) -> usize {
        self.executable as usize + self.used
    }

    /// Writes a piece of code at [`Self::next_address`]; None if it does not fit.
    pub fn add(&mut self, code: &[u8]) -> Option<usize> {
        let padded = code.len().next_multiple_of(16);
        if self.frozen || padded > self.left() {
            return None;
        }
        let address = self.next_address();
        // SAFETY: there is room; nothing runs there yet.
        unsafe { std::ptr::copy_nonoverlapping(code.as_ptr(), self.writable.add(self.used), code.len()) };
        self.used += padded;
        flush(address, code.len());
        Some(address)
    }

    /// Forgets all code. None of it is running, and nothing leads to it any more.
    pub fn clear(&mut self) {
        if !self.frozen {
            self.used = 0;
        }
    }

    /// Changes code that may be running on this thread only: an aligned word of an instruction.
    pub fn rewrite(&mut self, address: usize, bytes: &[u8]) {
        let offset = address - self.executable as usize;
        assert!(offset + bytes.len() <= self.used);
        if self.frozen {
            return;
        }
        // SAFETY: inside the used part.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.writable.add(offset), bytes.len()) };
        flush(address, bytes.len());
    }

    /// A file with the same code; -1 if there can't be one.
    fn copy_to_file(&self) -> i32 {
        let file = new_file();
        // SAFETY: system calls on a file of this function, and on the used part of the region.
        let complete = file >= 0
            && unsafe { libc::ftruncate(file, self.size as libc::off_t) } == 0
            && (0..self.used).step_by(COPIED_AT_ONCE).all(|at| {
                let length = COPIED_AT_ONCE.min(self.used - at);
                // SAFETY: as above.
                let n = unsafe { libc::pwrite(file, self.writable.add(at).cast(), length, at as libc::off_t) };
                n == length as isize
            });
        if !complete && file >= 0 {
            // SAFETY: as above.
            unsafe { libc::close(file) };
        }
        if complete { file } else { -1 }
    }

    /// Replaces both mappings by those of a file with the same code, and closes it.
    fn move_to_file(&mut self, file: i32) {
        let data = libc::PROT_READ | libc::PROT_WRITE;
        let code = libc::PROT_READ | libc::PROT_EXEC;
        let moved = file >= 0
            && [(self.executable, code), (self.writable, data)].into_iter().all(|(at, protection)| {
                let flags = libc::MAP_SHARED | libc::MAP_FIXED;
                // SAFETY: the new mapping has the place and the contents of the old one.
                let new = unsafe { libc::mmap(at.cast(), self.size, protection, flags, file, 0) };
                new == at.cast()
            });
        if file >= 0 {
            // SAFETY: the file was handed over.
            unsafe { libc::close(file) };
        }
        if !moved {
            // What is there still runs, but nothing is added to it: it is the parent's too.
            self.frozen = true;
        }
    }

    /// The bytes of a piece of code.
    pub fn bytes(&self, address: usize, length: usize) -> &[u8] {
        let offset = address - self.executable as usize;
        assert!(offset + length <= self.used);
        // SAFETY: inside the used part.
        unsafe { std::slice::from_raw_parts(self.writable.add(offset), length) }
    }
}

/// A file without a name.
fn new_file() -> i32 {
    // SAFETY: a plain system call.
    unsafe { libc::memfd_create(c"pyrs-jit".as_ptr(), libc::MFD_CLOEXEC) }
}

/// The copy of the code that the next child gets.
static COPY: AtomicI32 = AtomicI32::new(-1);

/// Lets children have code memory of their own.
pub fn prepare_for_forks() {
    // SAFETY: the handlers call what may be called there.
    unsafe { libc::pthread_atfork(Some(before_fork), Some(after_fork_in_parent), Some(after_fork_in_child)) };
}

/// The thread that forks holds the GIL.
extern "C" fn before_fork() {
    // SAFETY: nothing else uses the state: the GIL is held, and handlers don't call others.
    let Some(state) = (unsafe { state::peek() }) else { return };
    COPY.store(state.memory.copy_to_file(), Ordering::Relaxed);
}

extern "C" fn after_fork_in_parent() {
    let file = COPY.swap(-1, Ordering::Relaxed);
    if file >= 0 {
        // SAFETY: the file is this function's.
        unsafe { libc::close(file) };
    }
}

extern "C" fn after_fork_in_child() {
    // SAFETY: as before the fork.
    let Some(state) = (unsafe { state::peek() }) else { return };
    let file = COPY.swap(-1, Ordering::Relaxed);
    state.memory.move_to_file(file);
}

/// Maps the file executable, within reach of the program's text if there is room.
unsafe fn map_near_text(file: i32, size: usize) -> Option<*mut u8> {
    let protection = libc::PROT_READ | libc::PROT_EXEC;
    let text = map_near_text as *const () as usize & !(STEP - 1);
    // SAFETY: MAP_FIXED_NOREPLACE never replaces a mapping.
    unsafe {
        for i in 1..STEPS {
            let hint = (text + i * STEP) as *mut libc::c_void;
            let flags = libc::MAP_SHARED | libc::MAP_FIXED_NOREPLACE;
            let at = libc::mmap(hint, size, protection, flags, file, 0);
            if at == hint {
                return Some(at as *mut u8);
            }
            if at != libc::MAP_FAILED {
                libc::munmap(at, size);
            }
        }
        let at = libc::mmap(std::ptr::null_mut(), size, protection, libc::MAP_SHARED, file, 0);
        (at != libc::MAP_FAILED).then_some(at as *mut u8)
    }
}

/// Makes written code visible to instruction fetch.
fn flush(address: usize, length: usize) {
    #[cfg(target_arch = "aarch64")]
    {
        unsafe extern "C" {
            fn __clear_cache(start: *mut u8, end: *mut u8);
        }
        // SAFETY: addresses of the executable mapping.
        unsafe { __clear_cache(address as *mut u8, (address + length) as *mut u8) }
    }
    #[cfg(not(target_arch = "aarch64"))]
    let _ = (address, length);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn code_runs_where_it_was_put() {
        let mut memory = CodeMemory::new(1 << 16).expect("memory for code");
        // mov eax, edi; add eax, 2; ret
        let address = memory.add(&[0x89, 0xf8, 0x83, 0xc0, 0x02, 0xc3]).expect("room");
        // SAFETY: the code follows the C convention.
        let f: extern "C" fn(i32) -> i32 = unsafe { std::mem::transmute(address) };
        assert_eq!(f(40), 42);
        assert_eq!(memory.bytes(address, 2), [0x89, 0xf8]);
        memory.rewrite(address + 4, &[3]);
        assert_eq!(f(40), 43);
    }

    #[test]
    fn a_full_region_says_so() {
        let mut memory = CodeMemory::new(4096).expect("memory for code");
        assert!(memory.add(&[0; 4096]).is_some());
        assert_eq!(memory.add(&[0]), None);
    }
}
