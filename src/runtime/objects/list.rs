//! `list`: representation and the operations that other native code needs. Its methods are in
//! `list_methods`.

use std::alloc::Layout;
use std::cell::UnsafeCell;
use std::mem::ManuallyDrop;

use crate::heap::{self, cycles::Visitor};
use crate::object::{Obj, Object, Ptr, PyClass, Trace};
use crate::types::{StaticType, Type};
use crate::value::Value;

/// Payload of `list`.
#[repr(C)]
#[derive(Default)]
pub struct List {
    /// Given up by hand, from the end on.
    items: UnsafeCell<ManuallyDrop<Vec<Obj>>>,
}

static LIST: StaticType = StaticType::new();

// SAFETY: LIST is readied with the layout of this payload.
unsafe impl PyClass for List {
    #[inline(always)]
    fn class() -> &'static Type {
        LIST.get()
    }
}

/// The class object, for its definition.
pub const CLASS: &StaticType = &LIST;

impl Trace for List {
    fn trace(&self, visitor: &mut Visitor<'_>) {
        self.items().iter().for_each(|x| x.trace(visitor));
    }
    fn clear(&self) {
        drop_backwards(self.take());
    }
}

impl Drop for List {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: nobody looks at the vector after this.
        drop_backwards(unsafe { ManuallyDrop::take(self.items.get_mut()) });
    }
}

/// Gives the items of a list up in CPython's order, the last one first.
#[inline]
pub(crate) fn drop_backwards(items: Vec<Obj>) {
    let mut items = ManuallyDrop::new(items);
    let (first, len, capacity) = (items.as_mut_ptr(), items.len(), items.capacity());
    // SAFETY: the items are alive, and each is dropped once; then only their memory is left.
    unsafe {
        drop_in_reverse(std::ptr::slice_from_raw_parts_mut(first, len));
        drop(Vec::from_raw_parts(first as *mut Value, 0, capacity));
    }
}

/// Drops items, the last one first.
///
/// # Safety
/// Nobody uses the items after this.
#[inline]
pub(crate) unsafe fn drop_in_reverse(items: *mut [Obj]) {
    for i in (0..items.len()).rev() {
        // SAFETY: by contract.
        unsafe { std::ptr::drop_in_place((items as *mut Obj).add(i)) };
    }
}

/// Makes room for one more item behind those that fill the vector; as in CPython, for about an eighth more.
#[inline(never)]
fn grow(items: &mut Vec<Obj>) {
    let (first, len) = (items.as_mut_ptr(), items.len());
    let want = len + 1;
    let capacity = (want + (want >> 3) + 6) & !3;
    let Ok(layout) = Layout::array::<Obj>(capacity) else { return items.reserve_exact(capacity - len) };
    // SAFETY: the vector is full, so that its memory has the layout of `len` items; its size is not 0. The items move.
    unsafe {
        let moved = match len {
            0 => std::alloc::alloc(layout),
            _ => std::alloc::realloc(first.cast(), Layout::array::<Obj>(len).unwrap_unchecked(), layout.size()),
        };
        if moved.is_null() {
            std::alloc::handle_alloc_error(layout);
        }
        std::ptr::write(items, Vec::from_raw_parts(moved.cast(), len, capacity));
    }
}

impl List {
    /// Where compiled code finds the number of items and their address in the payload.
    pub fn vector_offsets() -> (usize, usize) {
        let (length, address) = crate::objects::machine_items::vector_offsets::<u64>();
        (std::mem::offset_of!(List, items) + length, std::mem::offset_of!(List, items) + address)
    }

    pub fn payload(items: Vec<Obj>) -> List {
        List { items: UnsafeCell::new(ManuallyDrop::new(items)) }
    }

    #[inline]
    pub fn new() -> Ptr<List> {
        List::from_vec(Vec::new())
    }

    #[inline]
    pub fn from_vec(items: Vec<Obj>) -> Ptr<List> {
        let items = ManuallyDrop::new(items);
        // SAFETY: fresh memory, all of it written here; a list consists of header and payload.
        unsafe {
            let object = heap::alloc_static(LIST.get(), size_of::<Object<List>>(), true) as *mut Object<List>;
            (&raw mut (*object).payload).write(List::payload(ManuallyDrop::into_inner(items)));
            Ptr::from_owned(object)
        }
    }

    #[inline(always)]
    pub fn len(&self) -> usize {
        self.items().len()
    }

    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The items, for code that does not run Python code while it looks.
    #[inline(always)]
    pub(crate) fn items(&self) -> &[Obj] {
        // SAFETY: callers drop the slice before anything can change the list.
        unsafe { &*self.items.get() }
    }

    /// The items as a raw slice, for the interpreter's fast paths.
    ///
    /// # Safety
    /// Nothing changes the list while the slice lives.
    #[inline(always)]
    pub unsafe fn items_unchecked(&self) -> &[Obj] {
        // SAFETY: by contract.
        unsafe { &*self.items.get() }
    }

    /// Item `i`, a new reference.
    #[inline]
    pub fn get(&self, i: usize) -> Option<Obj> {
        self.items().get(i).cloned()
    }

    /// Replaces item `i`; gives the value back if there is no such item.
    pub fn set(&self, i: usize, value: Obj) -> Result<(), Obj> {
        // SAFETY: the old item leaves the vector before it is dropped.
        let old = unsafe {
            match (&mut *self.items.get()).get_mut(i) {
                Some(slot) => std::mem::replace(slot, value),
                None => return Err(value),
            }
        };
        drop(old);
        Ok(())
    }

    #[inline]
    pub fn push(&self, value: Obj) {
        // SAFETY: no slice into the vector lives across the call.
        unsafe {
            let items = &mut **self.items.get();
            if items.len() == items.capacity() {
                grow(items);
            }
            // There is room now.
            items.as_mut_ptr().add(items.len()).write(value);
            items.set_len(items.len() + 1);
        }
    }

    /// Makes room for `count` more items: as CPython does it, exactly so many in an empty list, else about an eighth
    /// more.
    fn reserve(&self, count: usize) {
        self.with(|items| {
            let want = items.len() + count;
            if want > items.capacity() {
                let roomy = (want + (want >> 3) + 6) & !3;
                let exact = items.is_empty() || count > roomy - want;
                items.reserve_exact(if exact { count } else { roomy - items.len() });
            }
        });
    }

    /// Appends items, which are not this list's own.
    #[inline]
    pub fn extend_with(&self, items: &[Obj]) {
        self.reserve(items.len());
        // SAFETY: there is room for the items, which are another object's; cloning runs no other code.
        unsafe {
            let own = &mut **self.items.get();
            let len = own.len();
            debug_assert!(own.capacity() - len >= items.len());
            let end = own.as_mut_ptr().add(len);
            for (i, item) in items.iter().enumerate() {
                end.add(i).write(item.clone());
            }
            own.set_len(len + items.len());
        }
    }

    /// As [`List::push`] of an owned word if there is room: true if so.
    ///
    /// # Safety
    /// The caller gives up the word if the result is true.
    #[inline(always)]
    pub unsafe fn push_in_place(&self, word: Value) -> bool {
        // SAFETY: no slice into the vector lives across the call; there is room for the item.
        unsafe {
            let items = &mut **self.items.get();
            let len = items.len();
            if len == items.capacity() {
                return false;
            }
            (items.as_mut_ptr().add(len) as *mut Value).write(word);
            items.set_len(len + 1);
            true
        }
    }

    pub fn pop(&self) -> Option<Obj> {
        // SAFETY: no slice into the vector lives across the call.
        unsafe { (*self.items.get()).pop() }
    }

    /// Changes the vector; `f` must not run Python code (removed items are to be returned, not dropped).
    #[inline]
    pub fn with<R>(&self, f: impl FnOnce(&mut Vec<Obj>) -> R) -> R {
        // SAFETY: `f` is short and does not reenter.
        f(unsafe { &mut *self.items.get() })
    }

    /// Takes all items out.
    pub fn take(&self) -> Vec<Obj> {
        self.with(std::mem::take)
    }

    /// A copy of the items.
    pub fn to_vec(&self) -> Vec<Obj> {
        self.items().to_vec()
    }
}
