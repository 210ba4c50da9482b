//! Attributes.

use pyrs_macros::handler;
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::heap::incref;
use pyrs_runtime::object::{Header, Obj, Object, PyClass};
use pyrs_runtime::objects::dict::Dict;
use pyrs_runtime::objects::function::BuiltinFunction;
use pyrs_runtime::objects::inline_cache::InlineCache;
use pyrs_runtime::objects::module::Module;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::super_object::Super;
use pyrs_runtime::protocols::attr;
use pyrs_runtime::types::shape::{Managed, Shape};
use pyrs_runtime::types::{TYPE, Type, as_type, flags, lookup_super_raw};
use pyrs_runtime::value::Value;

use super::calls;
use crate::dispatch::Regs;
use crate::dispatch::tri;
use crate::ops;
use crate::specialize::{self, cache_at, due};
use pyrs_runtime::heap::decref;

/// Code units of LOAD_ATTR with its cache.
pub const LOAD_UNITS: usize = 10;
/// Code units of STORE_ATTR with its cache.
const STORE_UNITS: usize = 5;
/// Code units of LOAD_SUPER_ATTR with its cache.
const SUPER_UNITS: usize = 2;

#[handler]
pub unsafe fn load_attr(m: Regs) -> Value {
    if due(&m) {
        return m.tail(specialize::attributes::load_attr);
    }
    m.save();
    if m.oparg & 1 != 0 {
        let (method, unbound) = tri!(m, attr::load_method(m.obj(1), m.name(m.oparg >> 1)));
        return push_method(m, method.into_value(), unbound);
    }
    let v = tri!(m, attr::getattr(m.obj(1), m.name(m.oparg >> 1)));
    m.replace_next(1, v.into_value(), LOAD_UNITS)
}

/// Replaces the owner by a method and, if the method wants it, the owner again.
#[inline(always)]
unsafe fn push_method(mut m: Regs, method: Value, unbound: bool) -> Value {
    // SAFETY: contract of handlers.
    unsafe {
        let owner = m.peek(1);
        m.put(1, method);
        if unbound {
            m.push(owner);
            return m.next(LOAD_UNITS);
        }
        m.push(Value::NULL);
        m.drop_next(owner, LOAD_UNITS)
    }
}

/// Replaces the owner by an attribute's value, with `NULL` behind it in front of a call.
#[inline(always)]
unsafe fn push_value(mut m: Regs, v: Value) -> Value {
    // SAFETY: contract of handlers. Frames have a word to spare above their stack.
    unsafe {
        let owner = m.peek(1);
        m.put(1, v);
        *m.sp = Value::NULL;
        m.sp = m.sp.add(m.oparg & 1);
        m.drop_next(owner, LOAD_UNITS)
    }
}

/// The class of a heap object.
#[inline(always)]
unsafe fn class_of(object: Value) -> *const Type {
    // SAFETY: the caller has checked that the word is a pointer.
    unsafe { (*object.as_pointer()).class.get() }
}

/// The alternative that fits the owner's class and shape, or null.
#[inline(always)]
unsafe fn find_shape(cache: *mut InlineCache, owner: Value) -> *mut InlineCache {
    // SAFETY: caches of a code object live as long as it; the version proves that the object has a shape word at
    // the remembered place.
    unsafe {
        if !owner.is_pointer_or_null() {
            return std::ptr::null_mut();
        }
        let version = (*class_of(owner)).current_version();
        let mut cache = cache;
        loop {
            if (*cache).version == version && shape_at(owner, (*cache).shape_offset) == (*cache).shape {
                return cache;
            }
            cache = (*cache).next;
            if cache.is_null() {
                return cache;
            }
        }
    }
}

#[inline(always)]
unsafe fn shape_at(object: Value, offset: u32) -> *const Shape {
    // SAFETY: by the caller's check.
    unsafe { *((object.as_pointer() as *const u8).add(offset as usize) as *const *const Shape) }
}

#[inline(always)]
unsafe fn word_at(object: Value, offset: u32) -> *mut Value {
    // SAFETY: by the caller's check.
    unsafe { (object.as_pointer() as *mut u8).add(offset as usize) as *mut Value }
}

#[handler]
pub unsafe fn instance_value(m: Regs) -> Value {
    let owner = m.peek(1);
    let cache = find_shape(cache_at(m.ip.add(2)), owner);
    if cache.is_null() {
        return m.tail(load_attr);
    }
    let v = *word_at(owner, (*cache).offset);
    if v.is_null() {
        return m.tail(load_attr);
    }
    incref(v);
    push_value(m, v)
}

/// As [`instance_value`], for an owner that a LOAD_FAST_BORROW has left above the stack, without a reference.
#[inline(never)]
#[handler]
pub unsafe fn borrowed_instance_value(mut m: Regs) -> Value {
    let owner = *m.sp;
    let cache = find_shape(cache_at(m.ip.add(2)), owner);
    if cache.is_null() {
        return m.tail(count_and_load_attr);
    }
    let v = *word_at(owner, (*cache).offset);
    if v.is_null() {
        return m.tail(count_and_load_attr);
    }
    incref(v);
    m.push(v);
    *m.sp = Value::NULL;
    m.sp = m.sp.add(m.oparg & 1);
    m.next(LOAD_UNITS)
}

/// As [`slot`], for an owner that a LOAD_FAST_BORROW has left above the stack, without a reference.
#[handler]
pub unsafe fn borrowed_slot(mut m: Regs) -> Value {
    let owner = *m.sp;
    let cache = find_class(cache_at(m.ip.add(2)), owner);
    if cache.is_null() {
        return m.tail(count_and_load_attr);
    }
    let v = *word_at(owner, (*cache).offset);
    if v.is_null() {
        return m.tail(count_and_load_attr);
    }
    incref(v);
    m.push(v);
    *m.sp = Value::NULL;
    m.sp = m.sp.add(m.oparg & 1);
    m.next(LOAD_UNITS)
}

/// [`load_attr`] of the word above the stack, which has no reference yet.
#[cold]
#[handler]
unsafe fn count_and_load_attr(mut m: Regs) -> Value {
    incref(*m.sp);
    m.sp = m.sp.add(1);
    m.tail(load_attr)
}

#[handler]
pub unsafe fn method_with_values(mut m: Regs) -> Value {
    let owner = m.peek(1);
    let cache = find_shape(cache_at(m.ip.add(2)), owner);
    if cache.is_null() {
        return m.tail(load_attr);
    }
    let method = (*cache).target_value();
    incref(method);
    m.put(1, method);
    m.push(owner);
    m.next(LOAD_UNITS)
}

#[handler]
pub unsafe fn nondescriptor_with_values(m: Regs) -> Value {
    let cache = find_shape(cache_at(m.ip.add(2)), m.peek(1));
    if cache.is_null() {
        return m.tail(load_attr);
    }
    let v = (*cache).target_value();
    incref(v);
    push_value(m, v)
}

/// The alternative that fits the class of the owner (an immediate, perhaps), or null.
#[inline(always)]
unsafe fn find_version(cache: *mut InlineCache, owner: &Obj) -> *mut InlineCache {
    // SAFETY: as in `find_shape`.
    unsafe {
        let version = owner.class().current_version();
        let mut cache = cache;
        loop {
            if (*cache).version == version {
                return cache;
            }
            cache = (*cache).next;
            if cache.is_null() {
                return cache;
            }
        }
    }
}

#[handler]
pub unsafe fn method_no_dict(mut m: Regs) -> Value {
    let cache = find_version(cache_at(m.ip.add(2)), m.obj(1));
    if cache.is_null() {
        return m.tail(load_attr);
    }
    let (owner, method) = (m.peek(1), (*cache).target_value());
    incref(method);
    m.put(1, method);
    m.push(owner);
    m.next(LOAD_UNITS)
}

/// As [`method_with_values`], for instances whose attributes are in a dictionary.
#[handler]
pub unsafe fn method_lazy_dict(mut m: Regs) -> Value {
    let owner = m.peek(1);
    let cache = find_shape(cache_at(m.ip.add(2)), owner);
    if cache.is_null() {
        return m.tail(load_attr);
    }
    let managed = &*((owner.as_pointer() as *const u8).add((*cache).shape_offset as usize) as *const Managed);
    if has_own(managed.dict.get(), m.name(m.oparg >> 1)) {
        return m.tail(load_attr);
    }
    let method = (*cache).target_value();
    incref(method);
    m.put(1, method);
    m.push(owner);
    m.next(LOAD_UNITS)
}

/// Whether an instance's dictionary (or `NULL`) has the attribute.
#[inline(never)]
fn has_own(dict: Value, name: &Object<Str>) -> bool {
    // SAFETY: a dictionary word holds a dict.
    !dict.is_null() && !unsafe { dict.as_obj().downcast_unchecked::<Dict>() }.peek_str(name).is_null()
}

#[handler]
pub unsafe fn nondescriptor_no_dict(m: Regs) -> Value {
    let cache = find_version(cache_at(m.ip.add(2)), m.obj(1));
    if cache.is_null() {
        return m.tail(load_attr);
    }
    let v = (*cache).target_value();
    incref(v);
    push_value(m, v)
}

/// A `__slots__` attribute.
#[handler]
pub unsafe fn slot(m: Regs) -> Value {
    let owner = m.peek(1);
    let cache = find_class(cache_at(m.ip.add(2)), owner);
    if cache.is_null() {
        return m.tail(load_attr);
    }
    let v = *word_at(owner, (*cache).offset);
    if v.is_null() {
        return m.tail(load_attr);
    }
    incref(v);
    push_value(m, v)
}

/// As [`find_version`], for heap objects alone.
#[inline(always)]
unsafe fn find_class(cache: *mut InlineCache, owner: Value) -> *mut InlineCache {
    // SAFETY: as in `find_shape`.
    unsafe {
        if !owner.is_pointer_or_null() {
            return std::ptr::null_mut();
        }
        let version = (*class_of(owner)).current_version();
        let mut cache = cache;
        while !cache.is_null() && (*cache).version != version {
            cache = (*cache).next;
        }
        cache
    }
}

/// An attribute of an instance whose attributes are in a dictionary: the entry it was found in last time.
#[handler]
pub unsafe fn with_hint(m: Regs) -> Value {
    let owner = m.peek(1);
    let cache = find_shape(cache_at(m.ip.add(2)), owner);
    if cache.is_null() {
        return m.tail(load_attr);
    }
    let managed = &*((owner.as_pointer() as *const u8).add((*cache).shape_offset as usize) as *const Managed);
    let dict = managed.dict.get();
    if dict.is_null() {
        return m.tail(load_attr);
    }
    let dict = &*(dict.as_pointer() as *const Object<Dict>);
    let v = dict.peek_entry_named((*cache).offset as usize, m.name(m.oparg >> 1));
    if v.is_null() {
        return m.tail(load_attr);
    }
    incref(v);
    push_value(m, v)
}

#[handler]
pub unsafe fn module(m: Regs) -> Value {
    let Some(owner) = m.obj(1).exact::<Module>() else { return m.tail(load_attr) };
    let cache = cache_at(m.ip.add(2));
    let dict = *word_at(owner.value(), (*cache).offset);
    if dict.is_null() || (*(dict.as_pointer() as *const Object<Dict>)).current_keys_version() != (*cache).version {
        return m.tail(load_attr);
    }
    let v = *((*cache).target as *const Value);
    incref(v);
    push_value(m, v)
}

#[handler]
pub unsafe fn class(m: Regs) -> Value {
    let owner = m.peek(1);
    let cache = cache_at(m.ip.add(2));
    if !owner.is_pointer_or_null()
        || !std::ptr::eq(class_of(owner), TYPE.get())
        || (*(owner.as_pointer() as *const Type)).current_version() != (*cache).version
    {
        return m.tail(load_attr);
    }
    let v = (*cache).target_value();
    incref(v);
    push_value(m, v)
}

#[handler]
pub unsafe fn class_with_metaclass_check(m: Regs) -> Value {
    let owner = m.peek(1);
    let cache = cache_at(m.ip.add(2));
    // The metaclass's version proves that the owner is a class.
    if !owner.is_pointer_or_null()
        || (*class_of(owner)).current_version() != (*cache).version2
        || (*(owner.as_pointer() as *const Type)).current_version() != (*cache).version
    {
        return m.tail(load_attr);
    }
    let v = (*cache).target_value();
    incref(v);
    push_value(m, v)
}

/// A property whose getter is a Python function: its frame is entered with the owner as its argument.
#[handler]
pub unsafe fn property(mut m: Regs) -> Value {
    let cache = find_version(cache_at(m.ip.add(2)), m.obj(1));
    if cache.is_null() {
        return m.tail(load_attr);
    }
    let function = (*cache).target_value();
    if calls::function_at(function).version.get() != (*cache).version2 {
        return m.tail(load_attr);
    }
    m.save();
    incref(function);
    let callee = calls::push_exact(&m, function, m.sp.sub(1), 1);
    if callee.is_null() {
        decref(function);
        return m.raise();
    }
    m.sp = m.sp.sub(1);
    calls::enter(m, callee, LOAD_UNITS)
}

/// An attribute of an instance whose class computes all of them in Python: the frame of its `__getattribute__` is
/// entered with the owner and the name.
#[handler]
pub unsafe fn getattribute_overridden(mut m: Regs) -> Value {
    let cache = find_version(cache_at(m.ip.add(2)), m.obj(1));
    if cache.is_null() || m.oparg & 1 != 0 {
        return m.tail(load_attr);
    }
    let function = (*cache).target_value();
    if calls::function_at(function).version.get() != (*cache).version2 {
        return m.tail(load_attr);
    }
    m.save();
    let name = m.name(m.oparg >> 1).value();
    incref(name);
    incref(function);
    // Frames have a word to spare above their stack.
    *m.sp = name;
    let callee = calls::push_exact(&m, function, m.sp.sub(1), 2);
    if callee.is_null() {
        decref(name);
        decref(function);
        return m.raise();
    }
    m.sp = m.sp.sub(1);
    calls::enter(m, callee, LOAD_UNITS)
}

#[handler]
pub unsafe fn store_attr(mut m: Regs) -> Value {
    if due(&m) {
        return m.tail(specialize::attributes::store_attr);
    }
    m.save();
    tri!(m, attr::setattr(m.obj(1), m.name(m.oparg), Some(m.obj(2))));
    m.release(2);
    m.next(STORE_UNITS)
}

/// Replaces a slot, or fills a new one and moves the instance to the next shape.
#[handler]
pub unsafe fn store_instance_value(mut m: Regs) -> Value {
    let owner = m.peek(1);
    let cache = find_shape(cache_at(m.ip.add(2)), owner);
    if cache.is_null() {
        return m.tail(store_attr);
    }
    let slot = word_at(owner, (*cache).offset);
    let old = *slot;
    *slot = m.peek(2);
    if (*cache).target != 0 {
        *(word_at(owner, (*cache).shape_offset) as *mut u64) = (*cache).target;
    }
    m.sp = m.sp.sub(2);
    m.drop_both_next(old, owner, STORE_UNITS)
}

/// As [`store_instance_value`], for a value and an owner that a LOAD_FAST_BORROW_LOAD_FAST_BORROW has left above the
/// stack, the owner without a reference.
#[inline(never)]
#[handler]
pub unsafe fn store_borrowed_instance_value(m: Regs) -> Value {
    let owner = *m.sp.add(1);
    let cache = find_shape(cache_at(m.ip.add(2)), owner);
    if cache.is_null() {
        return m.tail(count_and_store_attr);
    }
    let slot = word_at(owner, (*cache).offset);
    let old = *slot;
    *slot = *m.sp;
    if (*cache).target != 0 {
        *(word_at(owner, (*cache).shape_offset) as *mut u64) = (*cache).target;
    }
    m.drop_next(old, STORE_UNITS)
}

/// [`store_attr`] of the words above the stack, of which the owner has no reference yet.
#[cold]
#[handler]
unsafe fn count_and_store_attr(mut m: Regs) -> Value {
    incref(*m.sp.add(1));
    m.sp = m.sp.add(2);
    m.tail(store_attr)
}

#[handler]
pub unsafe fn store_slot(mut m: Regs) -> Value {
    let owner = m.peek(1);
    let cache = find_class(cache_at(m.ip.add(2)), owner);
    if cache.is_null() {
        return m.tail(store_attr);
    }
    let slot = word_at(owner, (*cache).offset);
    let old = *slot;
    *slot = m.peek(2);
    m.sp = m.sp.sub(2);
    m.drop_both_next(old, owner, STORE_UNITS)
}

#[handler]
pub unsafe fn store_with_hint(mut m: Regs) -> Value {
    let owner = m.peek(1);
    let cache = find_shape(cache_at(m.ip.add(2)), owner);
    if cache.is_null() {
        return m.tail(store_attr);
    }
    let managed = &*((owner.as_pointer() as *const u8).add((*cache).shape_offset as usize) as *const Managed);
    let dict = managed.dict.get();
    if dict.is_null() {
        return m.tail(store_attr);
    }
    let dict = &*(dict.as_pointer() as *const Object<Dict>);
    let old = dict.replace_entry_named((*cache).offset as usize, m.name(m.oparg), m.peek(2));
    if old.is_null() {
        return m.tail(store_attr);
    }
    m.sp = m.sp.sub(2);
    m.drop_both_next(old, owner, STORE_UNITS)
}

#[handler]
pub unsafe fn delete_attr(mut m: Regs) -> Value {
    m.save();
    tri!(m, attr::setattr(m.obj(1), m.name(m.oparg), None));
    let owner = m.pop();
    m.drop_next(owner, 1)
}

#[handler]
pub unsafe fn load_super_attr(m: Regs) -> Value {
    if due(&m) {
        return m.tail(specialize::attributes::load_super_attr);
    }
    m.tail(super_attr)
}

/// As [`load_super_attr`], without counting.
#[handler]
unsafe fn super_attr(mut m: Regs) -> Value {
    m.save();
    let (v, this) = tri!(m, ops::names::load_super_attr(m.sp, m.name(m.oparg >> 2), m.oparg as u32));
    let (v, this) = (v.into_value(), this.map_or(Value::NULL, Obj::into_value));
    m.release(3);
    m.push(v);
    *m.sp = this;
    m.sp = m.sp.add(m.oparg & 1);
    m.next(SUPER_UNITS)
}

/// The word is the built-in `super`.
#[inline(always)]
fn is_super(word: Value) -> bool {
    word.0 == Super::class().header() as *const Header as u64
}

/// `super().name` where `super` is the built-in one.
#[handler]
pub unsafe fn super_attr_attr(m: Regs) -> Value {
    if !is_super(m.peek(3)) {
        return m.tail(load_super_attr);
    }
    m.tail(super_attr)
}

/// `super().name(…)` where `super` is the built-in one: for a plain method, neither a `super` object nor a bound
/// method is made.
#[handler]
pub unsafe fn super_attr_method(mut m: Regs) -> Value {
    if !is_super(m.peek(3)) {
        return m.tail(load_super_attr);
    }
    let method = plain_super_method(m.obj(2), m.obj(1), m.name(m.oparg >> 2));
    if method.is_null() {
        return m.tail(super_attr);
    }
    incref(method);
    let (global, class, this) = (m.peek(3), m.peek(2), m.peek(1));
    m.put(3, method);
    m.put(2, this);
    m.sp = m.sp.sub(1);
    m.save();
    decref(global);
    m.drop_next(class, SUPER_UNITS)
}

/// The method behind `class` for an instance, borrowed from its class; `NULL` for anything less simple.
#[inline(never)]
fn plain_super_method(class: &Obj, this: &Obj, name: &Object<Str>) -> Value {
    let Some(class) = as_type(class) else { return Value::NULL };
    // `super` of a class may start from it or from its metaclass.
    if as_type(this).is_some() {
        return Value::NULL;
    }
    let found = lookup_super_raw(this.class(), class, name);
    // SAFETY: the namespace holds the value.
    let fits = !found.is_null() && unsafe { found.as_obj() }.class().has_flag(flags::METHOD_DESCRIPTOR);
    if fits { found } else { Value::NULL }
}

/// As [`plain_super_method`]; for a class, the native function behind `class`, `__new__` above all.
pub fn found_by_super(class: &Obj, this: &Obj, name: &Object<Str>) -> Value {
    let (Some(behind), Some(start)) = (as_type(class), as_type(this)) else {
        return plain_super_method(class, this, name);
    };
    if !start.is_subclass(behind) {
        return Value::NULL;
    }
    let found = lookup_super_raw(start, behind, name);
    // SAFETY: the namespace holds the value.
    let fits = !found.is_null() && unsafe { found.as_obj() }.exact::<BuiltinFunction>().is_some();
    if fits { found } else { Value::NULL }
}

#[handler]
pub unsafe fn load_special(mut m: Regs) -> Value {
    let method = ops::names::plain_special(m.obj(1), m.oparg as u32);
    if method.is_null() {
        return m.tail(any_special);
    }
    incref(method);
    let owner = m.peek(1);
    m.put(1, method);
    m.push(owner);
    m.next(1)
}

/// As [`load_special`], for anything but a plain method.
#[handler]
unsafe fn any_special(mut m: Regs) -> Value {
    m.save();
    let (method, unbound) = tri!(m, ops::names::load_special(m.obj(1), m.oparg as u32));
    let owner = m.peek(1);
    m.put(1, method.into_value());
    if unbound {
        m.push(owner);
        return m.next(1);
    }
    m.push(Value::NULL);
    m.drop_next(owner, 1)
}

const _: () = assert!(size_of::<PyResult<(Obj, bool)>>() == 16);
