//! GDB's interface for code that is made at run time: a list of object files in memory, and a function that is called
//! when the list has changed, on which GDB has a breakpoint.

use std::ptr;

use super::Piece;
use super::object_file;
use crate::Global;

/// One object file. GDB knows this structure, and the next one, by their layout.
#[repr(C)]
pub struct Entry {
    next: *mut Entry,
    previous: *mut Entry,
    file: *const u8,
    size: u64,
}

#[repr(C)]
pub struct Descriptor {
    version: u32,
    action: u32,
    relevant: *mut Entry,
    first: *mut Entry,
}

const NOTHING: u32 = 0;
const ADDED: u32 = 1;
const REMOVED: u32 = 2;

/// GDB finds it by its name.
#[unsafe(export_name = "__jit_debug_descriptor")]
static DESCRIPTOR: Global<Descriptor> =
    Global::new(Descriptor { version: 1, action: NOTHING, relevant: ptr::null_mut(), first: ptr::null_mut() });

/// GDB stops here and looks at the descriptor.
#[inline(never)]
#[unsafe(export_name = "__jit_debug_register_code")]
extern "C" fn register_code() {
    // SAFETY: nothing is executed. The call must not be taken for one without effect.
    unsafe { std::arch::asm!("", options(nostack)) };
}

/// The object files that GDB has been told of.
#[derive(Default)]
pub struct Registered(Vec<(Box<Entry>, Vec<u8>)>);

impl Registered {
    pub fn add(&mut self, piece: &Piece<'_>) {
        let file = object_file::of(piece);
        let mut entry = Box::new(Entry {
            next: ptr::null_mut(),
            previous: ptr::null_mut(),
            file: file.as_ptr(),
            size: file.len() as u64,
        });
        // SAFETY: the caller holds the GIL; the list has entries of `self` only, which are alive.
        unsafe {
            let descriptor = DESCRIPTOR.get();
            entry.next = descriptor.first;
            if let Some(next) = entry.next.as_mut() {
                next.previous = &raw mut *entry;
            }
            descriptor.first = &raw mut *entry;
            (descriptor.relevant, descriptor.action) = (&raw mut *entry, ADDED);
        }
        register_code();
        self.0.push((entry, file));
    }

    pub fn clear(&mut self) {
        for (mut entry, _file) in self.0.drain(..) {
            // SAFETY: as above.
            unsafe {
                let descriptor = DESCRIPTOR.get();
                match entry.previous.as_mut() {
                    Some(previous) => previous.next = entry.next,
                    None => descriptor.first = entry.next,
                }
                if let Some(next) = entry.next.as_mut() {
                    next.previous = entry.previous;
                }
                (descriptor.relevant, descriptor.action) = (&raw mut *entry, REMOVED);
            }
            register_code();
        }
    }
}
