//! Memory for machine code.
//!
//! One region, mapped twice: code is written through one mapping and runs in the other, so nothing is ever
//! writable and executable at one address. The executable mapping lies near the program's own text, where calls
//! reach with 32 bits of displacement.
//!
//! The mappings share their pages, so a forked child would go on writing into its parent's code. It gets a copy of its
//! own, made before the fork, while nobody compiles. (No file is behind the region: perf looks for the names of code in
//! its map only where it finds no file.)

use std::io;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use crate::state;

/// A region of code that grows until it is cleared.
pub struct CodeMemory {
    writable: *mut u8,
    executable: *mut u8,
    size: usize,
    used: usize,
    /// Up to here, both mappings have their pages.
    populated: usize,
    /// Nothing may be written any more.
    frozen: bool,
}

/// Pages are got ready by so many bytes.
const POPULATED: usize = 1 << 16;

/// How far from the text the executable mapping is looked for, in steps.
const STEP: usize = 1 << 20;
const STEPS: usize = 1800;

impl CodeMemory {
    /// Reserves `size` bytes, which take memory as they are used.
    pub fn new(size: usize) -> io::Result<CodeMemory> {
        let writable = new_region(size).ok_or_else(io::Error::last_os_error)?;
        let mapped = place_near_text(size).filter(|executable| share(writable, *executable, size));
        match mapped {
            Some(executable) => Ok(CodeMemory { writable, executable, size, used: 0, populated: 0, frozen: false }),
            None => {
                let error = io::Error::last_os_error();
                // SAFETY: the mapping is this function's.
                unsafe { libc::munmap(writable.cast(), size) };
                Err(error)
            }
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

    /// Room for the next piece of code, of about `length` bytes, at [`Self::next_address`]: all that is left, writable
    /// here. None if the code would not fit.
    pub fn room(&mut self, length: usize) -> Option<&mut [u8]> {
        if self.frozen || length > self.left() {
            return None;
        }
        self.populate(self.used + length);
        // SAFETY: the rest of the region; nothing runs there yet, and the slice borrows `self`.
        Some(unsafe { std::slice::from_raw_parts_mut(self.writable.add(self.used), self.size - self.used) })
    }

    /// The first `length` bytes of [`Self::room`] are code from now on; their address.
    pub fn keep(&mut self, length: usize) -> usize {
        assert!(length <= self.left());
        let address = self.next_address();
        self.used = (self.used + length).next_multiple_of(16).min(self.size);
        flush(address, length);
        address
    }

    /// Gets pages up to an offset ready in both mappings, some at a time: one fault for each would cost more than all the
    /// copying. (What the system does not do, faults will.)
    fn populate(&mut self, end: usize) {
        if end <= self.populated {
            return;
        }
        let end = end.next_multiple_of(POPULATED).min(self.size);
        let (begin, length) = (self.populated, end - self.populated);
        self.populated = end;
        // SAFETY: parts of the two mappings; their contents stay as they are.
        unsafe {
            libc::madvise(self.writable.add(begin).cast(), length, libc::MADV_POPULATE_WRITE);
            libc::madvise(self.executable.add(begin).cast(), length, libc::MADV_POPULATE_READ);
        }
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

    /// A region with the same code, for a child; null if there can't be one.
    fn copy(&self) -> *mut u8 {
        let Some(copy) = new_region(self.size) else { return ptr::null_mut() };
        // SAFETY: both regions are at least as long, and different.
        unsafe { ptr::copy_nonoverlapping(self.writable, copy, self.used) };
        copy
    }

    /// Replaces both mappings by those of a region with the same code.
    fn move_to(&mut self, region: *mut u8) {
        let flags = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED;
        let moved = !region.is_null()
            // SAFETY: the region comes to stand where the writable mapping was.
            && unsafe { libc::mremap(region.cast(), self.size, self.size, flags, self.writable) } == self.writable.cast()
            && share(self.writable, self.executable, self.size);
        self.populated = if moved { 0 } else { self.populated };
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

/// Pages that several mappings can share, writable.
fn new_region(size: usize) -> Option<*mut u8> {
    let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: a new mapping.
    let at = unsafe { libc::mmap(ptr::null_mut(), size, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
    (at != libc::MAP_FAILED).then_some(at as *mut u8)
}

/// Address space within reach of the program's text, if there is room; else anywhere.
fn place_near_text(size: usize) -> Option<*mut u8> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    let text = place_near_text as *const () as usize & !(STEP - 1);
    // SAFETY: MAP_FIXED_NOREPLACE never replaces a mapping.
    unsafe {
        for i in 1..STEPS {
            let hint = (text + i * STEP) as *mut libc::c_void;
            let at = libc::mmap(hint, size, libc::PROT_NONE, flags | libc::MAP_FIXED_NOREPLACE, -1, 0);
            if at == hint {
                return Some(at as *mut u8);
            }
            if at != libc::MAP_FAILED {
                libc::munmap(at, size);
            }
        }
        let at = libc::mmap(ptr::null_mut(), size, libc::PROT_NONE, flags, -1, 0);
        (at != libc::MAP_FAILED).then_some(at as *mut u8)
    }
}

/// Maps the pages of a region a second time, executable, in place of what is there.
fn share(region: *mut u8, executable: *mut u8, size: usize) -> bool {
    let flags = libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED;
    // SAFETY: a shared mapping of length 0 is one more mapping of its pages; what was at its place is the caller's.
    unsafe {
        libc::mremap(region.cast(), 0, size, flags, executable) == executable.cast()
            && libc::mprotect(executable.cast(), size, libc::PROT_READ | libc::PROT_EXEC) == 0
    }
}

/// The copy of the code that the next child gets.
static COPY: AtomicPtr<u8> = AtomicPtr::new(ptr::null_mut());

/// Lets children have code memory of their own.
pub fn prepare_for_forks() {
    // SAFETY: the handlers call what may be called there.
    unsafe { libc::pthread_atfork(Some(before_fork), Some(after_fork_in_parent), Some(after_fork_in_child)) };
}

/// The thread that forks holds the GIL.
extern "C" fn before_fork() {
    // SAFETY: nothing else uses the state: the GIL is held, and handlers don't call others.
    if let Some(state) = unsafe { state::peek() } {
        COPY.store(state.memory.copy(), Ordering::Relaxed);
    }
}

extern "C" fn after_fork_in_parent() {
    let copy = COPY.swap(ptr::null_mut(), Ordering::Relaxed);
    // SAFETY: as before the fork; the copy is of the region's size.
    unsafe {
        if let (false, Some(state)) = (copy.is_null(), state::peek()) {
            libc::munmap(copy.cast(), state.memory.size);
        }
    }
}

extern "C" fn after_fork_in_child() {
    // SAFETY: as before the fork.
    if let Some(state) = unsafe { state::peek() } {
        state.memory.move_to(COPY.swap(ptr::null_mut(), Ordering::Relaxed));
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

    /// Writes a piece of code.
    fn add(memory: &mut CodeMemory, code: &[u8]) -> Option<usize> {
        memory.room(code.len())?[..code.len()].copy_from_slice(code);
        Some(memory.keep(code.len()))
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn code_runs_where_it_was_put() {
        let mut memory = CodeMemory::new(1 << 16).expect("memory for code");
        // mov eax, edi; add eax, 2; ret
        let address = add(&mut memory, &[0x89, 0xf8, 0x83, 0xc0, 0x02, 0xc3]).expect("room");
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
        assert!(add(&mut memory, &[0; 4096]).is_some());
        assert_eq!(add(&mut memory, &[0]), None);
    }
}
