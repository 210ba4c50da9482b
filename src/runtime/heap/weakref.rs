//! Weak references: `weakref.ref` objects hang in a list that starts in a word of the referent.

use std::cell::Cell;

use super::{decref, incref};
use crate::object::{Header, Obj, ObjCell, Object};
use crate::types::Type;
use crate::value::Value;

/// Payload of `weakref.ref` (and, first in their payload, of the proxies).
#[repr(C)]
pub struct WeakRef {
    /// The referent, not counted; `NULL` once it is dead.
    pub referent: Cell<Value>,
    pub callback: ObjCell,
    /// The referent's hash once it was asked for; -1 before.
    pub hash: Cell<i64>,
    prev: Cell<*const Object<WeakRef>>,
    next: Cell<*const Object<WeakRef>>,
}

impl Drop for WeakRef {
    fn drop(&mut self) {
        self.unlink();
    }
}

impl WeakRef {
    pub fn new(callback: Option<Obj>) -> WeakRef {
        WeakRef {
            referent: Cell::new(Value::NULL),
            callback: ObjCell::new(callback),
            hash: Cell::new(-1),
            prev: Cell::new(std::ptr::null()),
            next: Cell::new(std::ptr::null()),
        }
    }

    /// The referent, if it is alive.
    pub fn get(&self) -> Option<Obj> {
        let v = self.referent.get();
        // SAFETY: a referent is reset before its memory goes; one that is just being destroyed has a
        // count of zero and counts as dead.
        unsafe { if v.is_null() || (*v.as_pointer()).refcnt.get() <= 0 { None } else { Some(Obj::from_borrowed(v)) } }
    }

    fn unlink(&self) {
        let referent = self.referent.replace(Value::NULL);
        if referent.is_null() {
            return;
        }
        let (prev, next) = (self.prev.take(), self.next.take());
        // SAFETY: a linked reference has a live referent with a list word, and live neighbours.
        unsafe {
            if prev.is_null() {
                let header = referent.as_pointer();
                list_word(header, &*(*header).class.get()).set(next);
            } else {
                (*prev).payload.next.set(next);
            }
            if !next.is_null() {
                (*next).payload.prev.set(prev);
            }
        }
    }
}

/// # Safety
/// `header` is a live instance of `class`, which has a weak-reference word.
unsafe fn list_word<'a>(header: *const Header, class: &Type) -> &'a Cell<*const Object<WeakRef>> {
    // SAFETY: the word lies inside the instance; it is zero or the first reference.
    unsafe { &*(crate::types::shape::weak_word(header, class) as *const Cell<*const Object<WeakRef>>) }
}

/// Hangs `reference` into the list of `referent`; false if its class does not support weak references.
pub fn link(reference: &Object<WeakRef>, referent: &Obj) -> bool {
    if !referent.value().is_pointer_or_null() || referent.class().weaklist_offset() == 0 {
        return false;
    }
    // SAFETY: the referent is a live heap object with a list word.
    unsafe {
        let word = list_word(referent.value().as_pointer(), referent.class());
        let first = word.get();
        reference.referent.set(referent.value());
        // Plain references without callback stay in front, where `existing` finds them.
        if !first.is_null() && reference.callback.is_set() {
            let mut last = first;
            while !(*last).payload.next.get().is_null() {
                last = (*last).payload.next.get();
            }
            reference.prev.set(last);
            (*last).payload.next.set(reference);
        } else {
            reference.next.set(first);
            if !first.is_null() {
                (*first).payload.prev.set(reference);
            }
            word.set(reference);
        }
    }
    true
}

/// All weak references to an object, in list order.
pub fn references_to(referent: &Obj) -> Vec<Obj> {
    let mut found = Vec::new();
    if !referent.value().is_pointer_or_null() || referent.class().weaklist_offset() == 0 {
        return found;
    }
    // SAFETY: list members are alive: they unlink themselves when they die.
    unsafe {
        let mut at = list_word(referent.value().as_pointer(), referent.class()).get();
        while !at.is_null() {
            if (*at).header.refcnt.get() > 0 {
                found.push((*at).to_obj());
            }
            at = (*at).payload.next.get();
        }
    }
    found
}

/// Clears all weak references to a dying object, then calls their callbacks.
///
/// # Safety
/// `header` is a dead but intact instance of `class`, which has a weak-reference word.
#[inline]
pub unsafe fn object_dies(header: *mut Header, class: &Type) {
    // SAFETY: by contract.
    unsafe {
        if !list_word(header, class).get().is_null() {
            referenced_object_dies(header, class);
        }
    }
}

/// As [`object_dies`], for an object that has weak references.
///
/// # Safety
/// As [`object_dies`].
#[inline(never)]
unsafe fn referenced_object_dies(header: *mut Header, class: &Type) {
    // SAFETY: by contract.
    unsafe {
        (*header).refcnt.set(1);
        let callbacks = clear_references(header, class, &|_| true);
        (*header).refcnt.set(0);
        run_callbacks(callbacks);
    }
}

/// Clears the weak references to all garbage objects; callbacks run only where the weak reference
/// itself is not garbage.
///
/// # Safety
/// The caller keeps the objects alive.
pub unsafe fn clear_unreachable(garbage: &[*mut Header]) {
    // SAFETY: kept alive by the caller.
    let class = |header: *mut Header| unsafe { &*(*header).class.get() };
    let is_referenced = |header: &*mut Header| {
        let class = class(*header);
        // SAFETY: kept alive by the caller.
        class.weaklist_offset() != 0 && unsafe { !list_word(*header, class).get().is_null() }
    };
    let referenced: Vec<*mut Header> = garbage.iter().copied().filter(is_referenced).collect();
    if referenced.is_empty() {
        return;
    }
    let doomed: std::collections::HashSet<*const Header> = garbage.iter().map(|&h| h as *const Header).collect();
    let mut callbacks = Vec::new();
    for header in referenced {
        // SAFETY: kept alive by the caller.
        callbacks.extend(unsafe { clear_references(header, class(header), &|r| !doomed.contains(&r)) });
    }
    run_callbacks(callbacks);
}

/// # Safety
/// As [`object_dies`]; the count of `header` is not zero.
unsafe fn clear_references(
    header: *mut Header,
    class: &Type,
    wants_call: &dyn Fn(*const Header) -> bool,
) -> Vec<(Obj, Obj)> {
    let mut callbacks = Vec::new();
    // SAFETY: list members are alive until they unlink themselves.
    unsafe {
        let mut at = list_word(header, class).get();
        while !at.is_null() {
            let reference = &*at;
            at = reference.next.get();
            let alive = reference.header.refcnt.get() > 0;
            if alive {
                incref(reference.value());
            }
            reference.unlink();
            if let Some(callback) = reference.callback.take()
                && alive
                && wants_call(&reference.header)
            {
                callbacks.push((reference.to_obj(), callback));
            }
            if alive {
                decref(reference.value());
            }
        }
    }
    callbacks
}

fn run_callbacks(callbacks: Vec<(Obj, Obj)>) {
    if callbacks.is_empty() {
        return;
    }
    let pending = crate::thread::current().take_exception();
    for (reference, callback) in callbacks {
        if let Err(raised) = crate::native_only::opened(|| crate::call::call(&callback, &[reference])) {
            crate::native_only::opened(|| crate::errors::write_unraisable(raised, Some(&callback)));
        }
    }
    crate::thread::current().restore_exception(pending);
}
