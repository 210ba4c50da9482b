//! Memory of Python objects: allocation, reference counts, destruction, cycles, weak references.
//!
//! An object is born in [`new_instance`] (or one of the variable-size makers) with a count of one,
//! lives as long as somebody holds a reference, and dies in [`dealloc`] the moment the count
//! reaches zero: finaliser, weak references, attributes, payload, memory, in this order. Objects
//! that keep each other alive are found by [`cycles`].

pub mod alloc;
pub mod cycles;
pub mod weakref;

use std::cell::Cell;
use std::mem::{ManuallyDrop, size_of};
use std::ptr;

use crate::object::{Header, IMMORTAL_LIMIT, Obj, Object, Ptr};
use crate::thread::runtime;
use crate::types::{Type, flags, shape};
use crate::value::Value;

/// Adds a reference to whatever the word holds.
#[inline(always)]
pub fn incref(v: Value) {
    if v.is_pointer_or_null() {
        debug_assert!(!v.is_null());
        // SAFETY: a non-null pointer word of a live reference.
        unsafe {
            let count = &(*v.as_pointer()).refcnt;
            debug_assert!(count.get() > 0, "reference to a dead object");
            count.set(count.get() + 1);
        }
    }
}

/// Releases a reference; the object dies with the last one.
///
/// # Safety
/// The caller owns one reference to `v` and does not use it again. `v` is not `NULL`.
#[inline(always)]
pub unsafe fn decref(v: Value) {
    if v.is_pointer_or_null() {
        debug_assert!(!v.is_null());
        // SAFETY: the caller's reference kept the object alive until here.
        unsafe {
            let header = v.as_pointer();
            let count = (*header).refcnt.get() - 1;
            debug_assert!(count >= 0, "released too often");
            (*header).refcnt.set(count);
            if count == 0 {
                dealloc(header);
            }
        }
    }
}

/// As [`decref`], for words that may be `NULL`.
///
/// # Safety
/// As [`decref`].
#[inline(always)]
pub unsafe fn decref_or_null(v: Value) {
    if v.is_pointer() {
        // SAFETY: not NULL; the rest by contract.
        unsafe { decref(v) }
    }
}

/// How deep destruction may nest natively before it is queued.
const MAX_DEALLOC_DEPTH: u32 = 40;

thread_local! {
    static DEALLOC_DEPTH: Cell<u32> = const { Cell::new(0) };
    /// Something is in the queue.
    static DEALLOC_WAITING: Cell<bool> = const { Cell::new(false) };
    static DEALLOC_QUEUE: Cell<Vec<*mut Header>> = const { Cell::new(Vec::new()) };
}

/// Destroys an object whose count has reached zero. Chains of any length are destroyed without
/// native recursion: beyond a fixed depth, objects wait in a queue that the outermost call drains.
///
/// # Safety
/// The count of `header` is zero and nothing refers to it.
#[cold]
#[inline(never)]
pub unsafe fn dealloc(header: *mut Header) {
    // SAFETY: the object is dead but intact; its class is alive because the object holds it.
    let class = unsafe { &*(*header).class.get() };
    if !class.is_gc() {
        // SAFETY: objects outside the collector hold no chains.
        unsafe { destroy(header, class, false) };
        return;
    }
    let depth = DEALLOC_DEPTH.get();
    if depth >= MAX_DEALLOC_DEPTH {
        wait(header);
        return;
    }
    DEALLOC_DEPTH.set(depth + 1);
    // SAFETY: by contract.
    unsafe { destroy(header, class, true) };
    DEALLOC_DEPTH.set(depth);
    if depth == 0 && DEALLOC_WAITING.get() {
        // SAFETY: nothing is being destroyed any more.
        unsafe { destroy_waiting() };
    }
}

/// Leaves a dead object to the outermost destruction.
#[cold]
#[inline(never)]
fn wait(header: *mut Header) {
    let mut queue = DEALLOC_QUEUE.take();
    queue.push(header);
    DEALLOC_QUEUE.set(queue);
    DEALLOC_WAITING.set(true);
}

/// Destroys the objects in the queue, and those that come into it meanwhile.
///
/// # Safety
/// Queued objects are dead and unreferenced.
#[cold]
#[inline(never)]
unsafe fn destroy_waiting() {
    loop {
        let mut queue = DEALLOC_QUEUE.take();
        let next = queue.pop();
        DEALLOC_QUEUE.set(queue);
        let Some(next) = next else { break };
        DEALLOC_DEPTH.set(1);
        // SAFETY: by contract.
        unsafe { destroy(next, &*(*next).class.get(), true) };
        DEALLOC_DEPTH.set(0);
    }
    DEALLOC_WAITING.set(false);
}

/// # Safety
/// As [`dealloc`].
#[inline(always)]
unsafe fn destroy(header: *mut Header, class: &Type, is_gc: bool) {
    // SAFETY: by contract; after the payload is dropped only the memory is left.
    unsafe {
        if class.dies_simply() {
            class.drop_payload()(header);
            free_object(header, is_gc);
        } else if class.adds_weak_word_alone() {
            weakref::object_dies(header, class);
            class.drop_payload()(header);
            free_object(header, is_gc);
        } else {
            destroy_fully(header, class);
        }
    }
}

/// As [`destroy`], for objects that have more than a payload.
///
/// # Safety
/// As [`dealloc`].
#[inline(never)]
unsafe fn destroy_fully(header: *mut Header, class: &Type) {
    // SAFETY: each step leaves the object in a state the next one may look at; after the payload is
    // dropped only the memory is left.
    unsafe {
        if class.has_finalizer() && !run_finalizer(header, class) {
            return;
        }
        if class.weaklist_offset() != 0 {
            weakref::object_dies(header, class);
        }
        if class.has_managed_slots() {
            shape::clear_instance(header, class);
        }
        class.drop_payload()(header);
        free_object(header, class.is_gc());
        if class.is_heap_type() {
            if class.has_finalizer() {
                runtime().forget_birth(header);
            }
            decref(class.value());
        }
    }
}

/// Runs the finaliser once in an object's life; false if it brought the object back to life.
///
/// # Safety
/// As [`dealloc`].
unsafe fn run_finalizer(header: *mut Header, class: &Type) -> bool {
    if runtime().was_finalized(header) {
        runtime().forget_finalized(header);
        return true;
    }
    // SAFETY: the object is intact; it is kept alive while the finaliser runs.
    unsafe {
        (*header).refcnt.set(1);
        let this = Value::from_pointer(header);
        class.call_finalizer(this.as_obj());
        let count = (*header).refcnt.get() - 1;
        (*header).refcnt.set(count);
        if count > 0 {
            runtime().mark_finalized(header);
            return false;
        }
        true
    }
}

/// Size in bytes of the memory that an instance occupies.
///
/// # Safety
/// `header` is a live instance of `class` whose payload has not been overwritten.
pub unsafe fn object_size(header: *const Header, class: &Type) -> usize {
    let mut size = class.basicsize();
    if class.itemsize() != 0 {
        // SAFETY: variable-size payloads begin with their length (checked where they are declared).
        let items = unsafe { var_len(header) };
        size = shape::var_managed_offset(class, items) + class.managed_size();
    } else if class.dict_offset() != 0 {
        // SAFETY: the instance has a shape word at that offset.
        size += unsafe { shape::inline_capacity(header, class) } * 8;
    }
    size
}

/// The item count of a variable-size object: the first payload word.
///
/// # Safety
/// `header` is an instance of a class with `itemsize != 0`.
#[inline(always)]
pub unsafe fn var_len(header: *const Header) -> usize {
    // SAFETY: `#[repr(C)]` payloads of variable-size classes begin with a usize length.
    unsafe { *(header.add(1) as *const usize) }
}

/// # Safety
/// The payload is dropped; nothing refers to the object.
#[inline(always)]
unsafe fn free_object(header: *mut Header, is_gc: bool) {
    #[cfg(debug_assertions)]
    // SAFETY: the block is at least a header long; poisoning shows use after free.
    unsafe {
        ptr::write_bytes((header as *mut u8).add(8), 0xdd, 8);
    }
    alloc::free(header as *mut u8, is_gc);
}

/// Allocates an instance of `class` and moves `payload` into it. Managed attribute words are
/// initialised to "no attributes".
#[inline(always)]
pub fn new_instance<T>(class: &Type, payload: T) -> Ptr<T> {
    const { assert!(align_of::<T>() <= 16, "blocks are aligned to 16 bytes: box the field") };
    // The allocation never unwinds into a payload to be dropped, so it need not be in memory before it is in its place:
    // written in pieces and moved in larger ones, it would wait for the pieces.
    let payload = ManuallyDrop::new(payload);
    // SAFETY: fresh memory with room for the payload, which is all that is not yet written.
    unsafe {
        let object = alloc_instance(class, size_of::<Object<T>>()) as *mut Object<T>;
        ptr::write(&raw mut (*object).payload, ManuallyDrop::into_inner(payload));
        Ptr::from_owned(object)
    }
}

/// As [`new_instance`] for `T`'s own class, with a payload that `fill` writes where it will stay: large payloads are
/// not moved.
///
/// # Safety
/// `fill` initialises the whole payload and runs nothing that looks at the object.
#[inline(always)]
pub unsafe fn new_instance_with<T: crate::object::PyClass>(fill: impl FnOnce(*mut T)) -> Ptr<T> {
    // SAFETY: fresh memory, of which `fill` writes the payload.
    unsafe {
        let object = alloc_instance(T::class(), size_of::<Object<T>>()) as *mut Object<T>;
        fill(&raw mut (*object).payload);
        Ptr::from_owned(object)
    }
}

/// Allocates an instance of `class`, not of variable size, and writes all of it but the payload, which ends
/// at `payload_end`.
///
/// # Safety
/// The caller writes the payload before anything can look at the object.
#[inline(never)]
unsafe fn alloc_instance(class: &Type, payload_end: usize) -> *mut Header {
    debug_assert!(class.itemsize() == 0);
    if !class.has_flag(flags::FINALIZER | flags::MANAGED | flags::HEAPTYPE | flags::INLINE_SLOTS) {
        let block = alloc::allocate_quick(class.basicsize(), class.is_gc()) as *mut Header;
        if !block.is_null() {
            // SAFETY: fresh memory of that size.
            unsafe {
                (*block).refcnt.set(1);
                (*block).class.set(class);
            }
            return block;
        }
    }
    let weak_word = class.weaklist_offset();
    if class.adds_weak_word_alone() && weak_word.wrapping_sub(payload_end) < 8 {
        let block = alloc::allocate_quick(class.basicsize(), class.is_gc()) as *mut Header;
        if !block.is_null() {
            // SAFETY: fresh memory of that size, which ends with the word for weak references.
            unsafe {
                (*block).refcnt.set(1);
                (*block).class.set(class);
                *((block as *mut u8).add(weak_word) as *mut Value) = Value::NULL;
            }
            return block;
        }
    }
    // SAFETY: by contract.
    unsafe { alloc_managed_instance(class, payload_end) }
}

/// As [`alloc_instance`], for instances that have more than a payload.
///
/// # Safety
/// As [`alloc_instance`].
#[inline(never)]
unsafe fn alloc_managed_instance(class: &Type, payload_end: usize) -> *mut Header {
    let size = class.basicsize() + shape::initial_capacity(class) * 8;
    debug_assert!(size >= payload_end);
    // SAFETY: fresh memory of that size.
    unsafe {
        let header = alloc_object(class, size);
        if class.has_managed_slots() {
            shape::init_instance(header, class, payload_end);
        }
        header
    }
}

/// Allocates memory for an instance and writes its header (count one).
///
/// # Safety
/// The caller initialises the payload and the managed words before anything can look at the object.
#[inline]
pub unsafe fn alloc_object(class: &Type, size: usize) -> *mut Header {
    let block = alloc::allocate_quick(size, class.is_gc());
    if block.is_null() || class.has_finalizer() {
        // SAFETY: the block is one of this size and kind, or missing.
        return unsafe { finish_object(class, size, block) };
    }
    // SAFETY: fresh memory.
    unsafe { with_header(block, class) }
}

/// As [`alloc_object`], for a static class without finaliser that is known to be collected or not: nothing about it is
/// looked up.
///
/// # Safety
/// As [`alloc_object`].
#[inline(always)]
pub(crate) unsafe fn alloc_static(class: &Type, size: usize, gc: bool) -> *mut Header {
    debug_assert!(class.is_gc() == gc && !class.has_flag(flags::FINALIZER | flags::HEAPTYPE));
    let block = alloc::allocate_quick(size, gc) as *mut Header;
    if block.is_null() {
        // SAFETY: by contract.
        return unsafe { finish_object(class, size, std::ptr::null_mut()) };
    }
    // SAFETY: fresh memory of that size.
    unsafe {
        (*block).refcnt.set(1);
        (*block).class.set(class);
    }
    block
}

/// In the body of a loop that copies or clears a few words: it stays the small loop that it is, where the
/// compiler would call a library function or unroll it.
#[inline(always)]
pub fn keep_loop() {
    // SAFETY: no instruction at all.
    unsafe { std::arch::asm!("", options(nomem, nostack, preserves_flags)) }
}

/// # Safety
/// `block` is fresh memory of at least the size of a header.
#[inline(always)]
unsafe fn with_header(block: *mut u8, class: &Type) -> *mut Header {
    let header = block as *mut Header;
    // SAFETY: by contract.
    unsafe {
        (*header).refcnt.set(1);
        (*header).class.set(class);
    }
    if class.is_heap_type() {
        incref(class.value());
    }
    header
}

/// The rest of [`alloc_object`], with the block that was found quickly, or null.
///
/// # Safety
/// As [`alloc_object`].
#[inline(never)]
unsafe fn finish_object(class: &Type, size: usize, block: *mut u8) -> *mut Header {
    let block = if block.is_null() { alloc::allocate(size, class.is_gc()) } else { block };
    // SAFETY: fresh memory.
    let header = unsafe { with_header(block, class) };
    if class.is_heap_type() && class.has_finalizer() {
        runtime().note_birth(header);
    }
    header
}

/// Makes an object immortal: its memory is never freed.
pub fn make_immortal(obj: &Obj) {
    let v = obj.value();
    if v.is_pointer_or_null() {
        // SAFETY: a live object.
        unsafe {
            if (*v.as_pointer()).refcnt.get() < IMMORTAL_LIMIT {
                (*v.as_pointer()).refcnt.set(crate::object::IMMORTAL_REFCNT);
            }
        }
    }
}
