//! The allocator of Rust-side tables: mimalloc, entered where it is fastest.
//!
//! Its functions that take an alignment are slower than the plain ones, which align to the size class anyway: they
//! serve nearly every layout.

use std::alloc::{GlobalAlloc, Layout};
use std::ffi::c_void;

use libmimalloc_sys as mi;

pub struct Allocator;

/// What plain blocks of this size are aligned to is enough.
#[inline(always)]
fn is_plain(size: usize, align: usize) -> bool {
    align <= 8 || (align <= 16 && size >= 16)
}

// SAFETY: mimalloc is an allocator; blocks are aligned to 8 bytes, from 16 bytes on to 16, else as asked.
unsafe impl GlobalAlloc for Allocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let (size, align) = (layout.size(), layout.align());
        // SAFETY: any size and power of two is fine.
        let block =
            unsafe { if is_plain(size, align) { mi::mi_malloc(size) } else { mi::mi_malloc_aligned(size, align) } };
        block.cast()
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let (size, align) = (layout.size(), layout.align());
        // SAFETY: as above.
        let block =
            unsafe { if is_plain(size, align) { mi::mi_zalloc(size) } else { mi::mi_zalloc_aligned(size, align) } };
        block.cast()
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, _layout: Layout) {
        // SAFETY: by contract, the block comes from here.
        unsafe { mi::mi_free(block.cast::<c_void>()) }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let align = layout.align();
        let block = block.cast::<c_void>();
        // SAFETY: by contract, the block comes from here.
        let block = unsafe {
            if is_plain(size, align) { mi::mi_realloc(block, size) } else { mi::mi_realloc_aligned(block, size, align) }
        };
        block.cast()
    }
}
