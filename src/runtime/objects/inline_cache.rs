//! Inline caches that are too large for the instruction stream.
//!
//! A specialized attribute or name instruction keeps, in its inline cache words behind the counter, the address
//! of an [`InlineCache`] that its code object owns. Up to [`MAX_CHAIN`] of them hang together where a site
//! sees several classes.

use std::cell::RefCell;

use crate::types::shape::Shape;
use crate::value::Value;

/// How many classes one site remembers.
pub const MAX_CHAIN: usize = 4;

/// What one site has seen once. Which fields have a meaning depends on the specialized opcode.
#[repr(C)]
#[derive(Clone)]
pub struct InlineCache {
    /// Version tag of the owner's class (or of the class that is the owner), or keys version of a dict.
    pub version: u32,
    /// Second version: of the metaclass, of the builtins, of a function.
    pub version2: u32,
    /// Byte offset of the shape word in the owner.
    pub shape_offset: u32,
    /// Byte offset of the attribute in the owner.
    pub offset: u32,
    /// The owner's shape before the operation.
    pub shape: *const Shape,
    /// The value found (borrowed; valid as long as the versions are), the address of a dictionary's value, or
    /// the shape after the operation.
    pub target: u64,
    /// The next alternative of a polymorphic site.
    pub next: *mut InlineCache,
}

impl Default for InlineCache {
    fn default() -> InlineCache {
        InlineCache {
            version: 0,
            version2: 0,
            shape_offset: 0,
            offset: 0,
            shape: std::ptr::null(),
            target: 0,
            next: std::ptr::null_mut(),
        }
    }
}

impl InlineCache {
    pub fn target_value(&self) -> Value {
        Value(self.target)
    }
}

/// The caches that a code object owns.
#[derive(Default)]
pub struct CacheArena(RefCell<Vec<Box<InlineCache>>>);

impl CacheArena {
    /// Keeps a cache for as long as the code lives.
    pub fn add(&self, cache: InlineCache) -> *mut InlineCache {
        let mut cache = Box::new(cache);
        let address: *mut InlineCache = &mut *cache;
        self.0.borrow_mut().push(cache);
        address
    }
}

/// Executions before a fresh instruction is specialized, and before one that failed is tried again: CPython's
/// layout, twelve bits that count down and four bits of exponential back-off.
pub mod counter {
    pub const WARMUP: u16 = (1 << 4) | 1;
    /// After a specialization: misses that are tolerated.
    pub const COOLDOWN: u16 = 52 << 4;
    pub const ONE: u16 = 1 << 4;
    const MAX_BACKOFF: u16 = 12;

    /// The counter after a failure: twice as long as before.
    pub fn backed_off(old: u16) -> u16 {
        let backoff = ((old & 15) + 1).min(MAX_BACKOFF);
        (((1u32 << backoff) - 1).min(0xfff) as u16 * ONE) | backoff
    }
}
