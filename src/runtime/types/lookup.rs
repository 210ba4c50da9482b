//! Attribute lookup along the method resolution order, cached by version tag.
//!
//! Every class that has been looked at carries a 32-bit version tag; changing the class or one of its
//! bases takes the tag away. A global cache maps (tag, interned name) to the attribute found, so a
//! method lookup is one hash of two words and two compares.

use std::cell::{Cell, UnsafeCell};

use super::{Type, flags};
use crate::errors::PyResult;
use crate::object::{Obj, Object};
use crate::objects::str::Str;
use crate::value::Value;

const CACHE_SIZE: usize = 4096;

#[derive(Copy, Clone)]
struct Entry {
    version: u32,
    name: u64,
    /// Borrowed from the class that defines it; `NULL` = not found.
    value: Value,
}

struct Cache {
    entries: UnsafeCell<[Entry; CACHE_SIZE]>,
    next_version: Cell<u32>,
}
// SAFETY: only touched under the GIL.
unsafe impl Sync for Cache {}

static CACHE: Cache = Cache {
    entries: UnsafeCell::new([Entry { version: 0, name: 0, value: Value::NULL }; CACHE_SIZE]),
    next_version: Cell::new(1),
};

/// The tag of the class's present state; 0 once tags have run out.
#[inline]
pub fn version_tag(class: &Type) -> u32 {
    let version = class.version.get();
    if version != 0 { version } else { assign_version(class) }
}

#[cold]
fn assign_version(class: &Type) -> u32 {
    if !class.has_flag(flags::READY) {
        return 0;
    }
    // A change of a base must reach us: bases without tag do not report changes.
    for base in class.mro().iter().skip(1) {
        if let Some(base) = super::as_type(base)
            && base.version.get() == 0
        {
            let next = CACHE.next_version.get();
            if next == u32::MAX {
                return 0;
            }
            CACHE.next_version.set(next + 1);
            base.version.set(next);
        }
    }
    let next = CACHE.next_version.get();
    if next == u32::MAX {
        return 0;
    }
    CACHE.next_version.set(next + 1);
    class.version.set(next);
    next
}

/// The class or one of its bases changed: its tag, and its subclasses' tags, are no longer valid.
pub fn modified(class: &Type) {
    if class.version.get() == 0 {
        return;
    }
    class.version.set(0);
    class.subclasses.with(|list| list.clone()).into_iter().for_each(|subclass| {
        // SAFETY: subclasses sign off before they die.
        modified(unsafe { &*subclass });
    });
}

/// A dying class takes its cache entries along by giving up its tag.
pub(crate) fn forget(class: &Type) {
    class.version.set(0);
}

/// Looks an attribute up along the MRO, without descriptors or metaclass. The result is borrowed
/// from the class that defines it.
#[inline(always)]
pub fn lookup_raw(class: &Type, name: &Object<Str>) -> Value {
    // No entry has the tag 0, or the name of a string that is not interned.
    let (version, id) = (class.version.get(), name.value().0);
    // SAFETY: the cache is only touched under the GIL; no reference outlives the statement.
    let entry = unsafe { &(*CACHE.entries.get())[cache_index(version, id)] };
    if entry.version == version && entry.name == id { entry.value } else { lookup_and_remember(class, name) }
}

#[inline(always)]
fn cache_index(version: u32, id: u64) -> usize {
    (version as usize ^ (id >> 4) as usize) % CACHE_SIZE
}

#[inline(never)]
fn lookup_and_remember(class: &Type, name: &Object<Str>) -> Value {
    let version = version_tag(class);
    if version == 0 || !name.is_interned() {
        return lookup_uncached(class, name);
    }
    let id = name.value().0;
    let value = lookup_uncached(class, name);
    if class.version.get() == version {
        // Interned names live as long as they are in a cache: they are kept by the class namespaces, and
        // a miss keeps the name alive by making it immortal.
        crate::heap::make_immortal(&name.as_obj());
        // SAFETY: as above.
        unsafe { (*CACHE.entries.get())[cache_index(version, id)] = Entry { version, name: id, value } };
    }
    value
}

const SUPER_CACHE_SIZE: usize = 256;

#[derive(Copy, Clone)]
struct SuperEntry {
    /// Tag of the class that the search starts from.
    version: u32,
    /// The class it begins behind: one of the MRO, so that it lives as long as the tag is valid.
    behind: u64,
    name: u64,
    /// As [`Entry::value`].
    value: Value,
}

struct SuperCache(UnsafeCell<[SuperEntry; SUPER_CACHE_SIZE]>);
// SAFETY: only touched under the GIL.
unsafe impl Sync for SuperCache {}

static SUPER_CACHE: SuperCache =
    SuperCache(UnsafeCell::new([SuperEntry { version: 0, behind: 0, name: 0, value: Value::NULL }; SUPER_CACHE_SIZE]));

/// What `super(behind, …).name` finds: the attribute of the first class that has it in the MRO of `start`, behind
/// `behind`. `NULL` if there is none, or if `behind` is not in the MRO. Borrowed as in [`lookup_raw`].
pub fn lookup_super_raw(start: &Type, behind: &Type, name: &Object<Str>) -> Value {
    let version = version_tag(start);
    if version == 0 || !name.is_interned() {
        return lookup_behind(start, behind, name);
    }
    let (id, place) = (name.value().0, behind.value().0);
    let index = (version as u64 ^ (id >> 4) ^ (place >> 5)) as usize % SUPER_CACHE_SIZE;
    // SAFETY: as in `lookup_raw`.
    let entry = unsafe { (*SUPER_CACHE.0.get())[index] };
    if entry.version == version && entry.name == id && entry.behind == place {
        return entry.value;
    }
    let value = lookup_behind(start, behind, name);
    if !value.is_null() && start.version.get() == version {
        crate::heap::make_immortal(&name.as_obj());
        // SAFETY: as in `lookup_raw`.
        unsafe { (*SUPER_CACHE.0.get())[index] = SuperEntry { version, behind: place, name: id, value } };
    }
    value
}

fn lookup_behind(start: &Type, behind: &Type, name: &Object<Str>) -> Value {
    let mro = start.mro();
    let Some(at) = mro.iter().position(|c| c.value() == behind.value()) else { return Value::NULL };
    let bases = mro[at + 1..].iter().filter_map(super::as_type);
    bases.map(|base| base.dict().peek_str(name)).find(|found| !found.is_null()).unwrap_or(Value::NULL)
}

fn lookup_uncached(class: &Type, name: &Object<Str>) -> Value {
    if class.mro().is_empty() {
        return Value::NULL;
    }
    for base in class.mro() {
        if let Some(base) = super::as_type(base) {
            let found = base.dict().peek_str(name);
            if !found.is_null() {
                return found;
            }
        }
    }
    Value::NULL
}

/// Looks an attribute up along the MRO, without descriptors or metaclass.
#[inline]
pub fn lookup(class: &Type, name: &Object<Str>) -> Option<Obj> {
    let v = lookup_raw(class, name);
    // SAFETY: the namespace that holds the value is alive.
    (!v.is_null()).then(|| unsafe { Obj::from_borrowed(v) })
}

/// A special method of `obj`, bound to it: looked up on the class, never on the instance.
pub fn lookup_special(obj: &Obj, name: &Object<Str>) -> PyResult<Option<Obj>> {
    let Some(found) = lookup(obj.class(), name) else { return Ok(None) };
    match found.class().slots().descr_get {
        Some(get) => get(&found, Some(obj), Some(obj.class())).map(Some),
        None => Ok(Some(found)),
    }
}
