//! The allocator of Rust-side tables: mimalloc, entered where it is fastest.
//!
//! Its functions that take an alignment are slower than the plain ones, which align to the size class anyway: they
//! serve nearly every layout.
//!
//! Large blocks come from the C library, which lets them grow where they are by moving pages: a list of a million items
//! is never in memory twice.

use std::alloc::{GlobalAlloc, Layout};
use std::ffi::c_void;

use libmimalloc_sys as mi;

pub struct Allocator;

/// Blocks from this size on are the C library's.
const LARGE: usize = 1 << 18;

/// The C library serves the block, and aligns it well enough.
#[inline(always)]
fn is_large(size: usize, align: usize) -> bool {
    size >= LARGE && align <= 16
}

/// What plain blocks of this size are aligned to is enough.
#[inline(always)]
fn is_plain(size: usize, align: usize) -> bool {
    align <= 8 || (align <= 16 && size >= 16)
}

// SAFETY: both are allocators; blocks are aligned to 8 bytes, from 16 bytes on to 16, else as asked. The layout tells
// again whose a block is.
unsafe impl GlobalAlloc for Allocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let (size, align) = (layout.size(), layout.align());
        if is_large(size, align) {
            // SAFETY: any size is fine.
            return unsafe { libc::malloc(size) }.cast();
        }
        // SAFETY: any size and power of two is fine.
        let block =
            unsafe { if is_plain(size, align) { mi::mi_malloc(size) } else { mi::mi_malloc_aligned(size, align) } };
        block.cast()
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let (size, align) = (layout.size(), layout.align());
        if is_large(size, align) {
            // SAFETY: as above.
            return unsafe { libc::calloc(1, size) }.cast();
        }
        // SAFETY: as above.
        let block =
            unsafe { if is_plain(size, align) { mi::mi_zalloc(size) } else { mi::mi_zalloc_aligned(size, align) } };
        block.cast()
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if is_large(layout.size(), layout.align()) {
            // SAFETY: by contract, the block comes from here, so from the C library.
            return unsafe { libc::free(block.cast()) };
        }
        // SAFETY: by contract, the block comes from here.
        unsafe { mi::mi_free(block.cast::<c_void>()) }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let align = layout.align();
        if is_large(layout.size().max(size), align) {
            // SAFETY: by contract.
            return unsafe { self.realloc_large(block, layout, size) };
        }
        let block = block.cast::<c_void>();
        // SAFETY: by contract, the block comes from here.
        let block = unsafe {
            if is_plain(size, align) { mi::mi_realloc(block, size) } else { mi::mi_realloc_aligned(block, size, align) }
        };
        block.cast()
    }
}

impl Allocator {
    /// `realloc` from or to a large block: in place, or with a copy if the block changes hands.
    #[cold]
    unsafe fn realloc_large(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: by the contract of `realloc`.
        unsafe {
            if is_large(layout.size().min(size), layout.align()) {
                return libc::realloc(block.cast(), size).cast();
            }
            let moved = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !moved.is_null() {
                std::ptr::copy_nonoverlapping(block, moved, layout.size().min(size));
                self.dealloc(block, layout);
            }
            moved
        }
    }
}
