//! Subscripts and slices.

use pyrs_macros::handler;
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::heap::incref;
use pyrs_runtime::object::{Obj, Object, PyClass};
use pyrs_runtime::objects::dict::{Dict, hash_key};
use pyrs_runtime::objects::function::Function;
use pyrs_runtime::objects::list::List;
use pyrs_runtime::objects::slice::Slice;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::protocols::sequence;
use pyrs_runtime::types::flags;
use pyrs_runtime::value::Value;

use super::arithmetic::{BINARY_UNITS, binary_op};
use super::calls;
use crate::dispatch::Regs;
use crate::dispatch::tri;
use crate::ops;
use crate::specialize::{self, cache_at, due};
use pyrs_runtime::heap::decref;

/// Code units of STORE_SUBSCR with its cache.
const STORE_UNITS: usize = 2;

/// The item that a fixnum index means, counted from the end if negative.
#[inline(always)]
fn item(items: &[Obj], index: Value) -> Option<Value> {
    if !index.is_fixnum() {
        return None;
    }
    let i = index.as_fixnum();
    match items.get(i as usize) {
        Some(item) => Some(item.value()),
        None => items.get((i + items.len() as i64) as usize).filter(|_| i < 0).map(Obj::value),
    }
}

/// Puts an item in place of its container and the fixnum that found it.
#[inline(always)]
unsafe fn replace_container(mut m: Regs, v: Value) -> Value {
    // SAFETY: contract of handlers.
    unsafe {
        let container = m.peek(2);
        m.sp = m.sp.sub(1);
        m.put(1, v);
        m.drop_next(container, BINARY_UNITS)
    }
}

#[handler]
pub unsafe fn list_int(m: Regs) -> Value {
    if let Some(list) = m.obj(2).exact::<List>()
        && let Some(v) = item(list.items_unchecked(), m.peek(1))
    {
        incref(v);
        return replace_container(m, v);
    }
    m.tail(binary_op)
}

#[handler]
pub unsafe fn tuple_int(m: Regs) -> Value {
    if let Some(tuple) = m.obj(2).exact::<Tuple>()
        && let Some(v) = item(tuple.items(), m.peek(1))
    {
        incref(v);
        return replace_container(m, v);
    }
    m.tail(binary_op)
}

#[handler]
pub unsafe fn str_int(m: Regs) -> Value {
    if let Some(text) = m.obj(2).exact::<Str>()
        && m.peek(1).is_fixnum()
    {
        let i = m.peek(1).as_fixnum();
        let i = if i < 0 { i + text.len() as i64 } else { i };
        let v = text.peek_char(i as usize);
        if v.is_null() {
            return m.tail(other_char);
        }
        return replace_container(m, v);
    }
    m.tail(binary_op)
}

/// As [`str_int`], for a character that is not shared, or not yet.
#[handler]
unsafe fn other_char(m: Regs) -> Value {
    let text = m.obj(2).downcast_unchecked::<Str>();
    let i = m.peek(1).as_fixnum();
    let i = if i < 0 { i + text.len() as i64 } else { i };
    match text.get_char(i as usize) {
        Some(c) => replace_container(m, text_of(c)),
        None => m.tail(binary_op),
    }
}

#[inline(never)]
fn text_of(c: u32) -> Value {
    Str::from_char(c).into_obj().into_value()
}

/// A dict, or an instance of a subclass whose subscripts are those of dict.
#[inline(always)]
pub fn plain_dict(container: &Obj) -> Option<&Object<Dict>> {
    let class = container.class();
    if !std::ptr::eq(class, Dict::class()) {
        let standard = Dict::class().slots().getitem.map(|f| f as usize);
        if !class.has_flag(flags::DICT_SUBCLASS) || class.slots().getitem.map(|f| f as usize) != standard {
            return None;
        }
    }
    // SAFETY: the payload of subclasses begins with that of the class.
    Some(unsafe { container.downcast_unchecked::<Dict>() })
}

#[handler]
pub unsafe fn dict(mut m: Regs) -> Value {
    let Some(dict) = m.obj(2).exact::<Dict>() else { return m.tail(any_dict) };
    let (container, key) = (m.peek(2), m.peek(1));
    let v = dict.peek_quick(key);
    if v.is_null() {
        return m.tail(any_dict);
    }
    incref(v);
    m.sp = m.sp.sub(1);
    m.put(1, v);
    m.drop_both_next(key, container, BINARY_UNITS)
}

/// As [`dict`], for any key and for subclasses.
#[handler]
unsafe fn any_dict(m: Regs) -> Value {
    let Some(dict) = plain_dict(m.obj(2)) else { return m.tail(binary_op) };
    m.save();
    match tri!(m, dict_item(dict, m.obj(1))) {
        Some(v) => m.replace_next(2, v.into_value(), BINARY_UNITS),
        // A subclass with `__missing__`.
        None => m.tail(binary_op),
    }
}

#[inline(never)]
fn dict_item(dict: &Object<Dict>, key: &Obj) -> PyResult<Option<Obj>> {
    // What is not found at once, and is no text, has to be hashed.
    let found = match key.exact::<Str>() {
        Some(_) => dict.get(key)?,
        None => dict.get_hashed(key, hash_key(key)?)?,
    };
    match found {
        None if std::ptr::eq(dict.class(), Dict::class()) => Err(pyrs_runtime::errors::raise_key_error(key)),
        found => Ok(found),
    }
}

#[handler]
pub unsafe fn list_slice(m: Regs) -> Value {
    if m.obj(2).exact::<List>().is_none() {
        return m.tail(binary_op);
    }
    let Some(slice) = m.obj(1).exact::<Slice>() else { return m.tail(binary_op) };
    m.save();
    let v = if slice.step.is_none() {
        ops::build::binary_slice(m.obj(2), &slice.start, &slice.stop)
    } else {
        sequence::getitem(m.obj(2), m.obj(1))
    };
    let v = tri!(m, v);
    m.replace_next(2, v.into_value(), BINARY_UNITS)
}

/// `container[key]` where the container's class defines `__getitem__` in Python.
#[handler]
pub unsafe fn python_getitem(mut m: Regs) -> Value {
    let cache = cache_at(m.ip.add(2));
    let container = m.peek(2);
    if !container.is_pointer_or_null() || (*(*container.as_pointer()).class.get()).current_version() != (*cache).version
    {
        return m.tail(binary_op);
    }
    let function = (*cache).target_value();
    let code = function.as_obj().downcast_unchecked::<Function>();
    if code.version.get() != (*cache).version2 {
        return m.tail(binary_op);
    }
    m.save();
    incref(function);
    let callee = calls::push_exact(&m, function, m.sp.sub(2), 2);
    if callee.is_null() {
        decref(function);
        return m.raise();
    }
    m.sp = m.sp.sub(2);
    calls::enter(m, callee, BINARY_UNITS)
}

#[handler]
pub unsafe fn binary_slice(m: Regs) -> Value {
    m.save();
    let r = tri!(m, ops::build::binary_slice(m.obj(3), m.obj(2), m.obj(1)));
    m.replace_next(3, r.into_value(), 1)
}

#[handler]
pub unsafe fn store_slice(mut m: Regs) -> Value {
    m.save();
    tri!(m, ops::build::store_slice(m.sp));
    m.release(4);
    m.next(1)
}

#[handler]
pub unsafe fn store_subscr(mut m: Regs) -> Value {
    if due(&m) {
        return m.tail(specialize::operators::store_subscr);
    }
    m.save();
    tri!(m, sequence::setitem(m.obj(2), m.obj(1), m.obj(3)));
    m.release(3);
    m.next(STORE_UNITS)
}

#[handler]
pub unsafe fn store_list_int(mut m: Regs) -> Value {
    let index = m.peek(1);
    if let Some(list) = m.obj(2).exact::<List>()
        && index.is_fixnum()
    {
        let items = list.items_unchecked();
        let i = index.as_fixnum();
        let i = if i < 0 { i + items.len() as i64 } else { i };
        if (i as usize) < items.len() {
            let slot = items.as_ptr().add(i as usize) as *mut Value;
            let (old, container) = (*slot, m.peek(2));
            *slot = m.peek(3);
            m.sp = m.sp.sub(3);
            return m.drop_both_next(old, container, STORE_UNITS);
        }
    }
    m.tail(store_subscr)
}

#[handler]
pub unsafe fn store_dict(mut m: Regs) -> Value {
    let Some(dict) = m.obj(2).exact::<Dict>() else { return m.tail(store_subscr) };
    let (container, key) = (m.peek(2), m.peek(1));
    let old = dict.replace_quick(key, m.peek(3));
    if old.is_null() {
        return m.tail(insert_in_dict);
    }
    if key.is_pointer_or_null() {
        // The dict has a reference to the key as well.
        (*key.as_pointer()).refcnt.set((*key.as_pointer()).refcnt.get() - 1);
    }
    m.sp = m.sp.sub(3);
    m.drop_both_next(old, container, STORE_UNITS)
}

/// As [`store_dict`], for a key that is not there yet or is not found at once.
#[handler]
unsafe fn insert_in_dict(mut m: Regs) -> Value {
    m.sp = m.sp.sub(3);
    let (value, container, key) = (*m.sp, *m.sp.add(1), *m.sp.add(2));
    if container.as_obj().downcast_unchecked::<Dict>().append_in_place(key, value) {
        return m.drop_next(container, STORE_UNITS);
    }
    m.tail(search_and_set)
}

/// As [`insert_in_dict`], for a key whose place has to be looked for, and where the table has to grow. The operands are
/// above the stack.
#[handler]
unsafe fn search_and_set(m: Regs) -> Value {
    m.save();
    let (value, container, key) = (*m.sp, *m.sp.add(1), *m.sp.add(2));
    tri!(m, set_item(container, key.into_obj(), value.into_obj()));
    m.drop_next(container, STORE_UNITS)
}

/// Sets an item of the dict that `container` holds; the reference is released on errors.
#[inline(never)]
unsafe fn set_item(container: Value, key: Obj, value: Obj) -> PyResult<()> {
    // SAFETY: the handler has checked the class and hands its reference over if this fails.
    unsafe {
        let result = container.as_obj().downcast_unchecked::<Dict>().set(key, value);
        if result.is_err() {
            decref(container);
        }
        result
    }
}

#[handler]
pub unsafe fn delete_subscr(mut m: Regs) -> Value {
    m.save();
    tri!(m, sequence::delitem(m.obj(2), m.obj(1)));
    m.release(2);
    m.next(1)
}
