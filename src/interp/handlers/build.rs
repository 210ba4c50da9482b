//! Building containers, strings and functions.

use pyrs_macros::handler;
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::object::{Obj, Object};
use pyrs_runtime::objects::dict::Dict;
use pyrs_runtime::objects::list::List;
use pyrs_runtime::objects::set::Set;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::value::Value;

use crate::dispatch::Regs;
use crate::dispatch::tri;
use crate::ops;

#[handler]
pub unsafe fn build_tuple(mut m: Regs) -> Value {
    m.sp = m.sp.sub(m.oparg);
    let tuple = Tuple::from_words(m.sp, m.oparg);
    m.push(tuple.into_obj().into_value());
    m.next(1)
}

#[handler]
pub unsafe fn build_list(mut m: Regs) -> Value {
    m.sp = m.sp.sub(m.oparg);
    m.push(list_of(m.sp, m.oparg));
    m.next(1)
}

/// A list of `count` owned words.
#[inline(never)]
unsafe fn list_of(words: *mut Value, count: usize) -> Value {
    // SAFETY: contract of handlers; ownership of the words moves.
    unsafe { List::from_vec(ops::build::take_words(words, count)).into_obj().into_value() }
}

#[handler]
pub unsafe fn build_set(mut m: Regs) -> Value {
    m.save();
    let set = tri!(m, ops::build::build_set(m.sp.sub(m.oparg), m.oparg));
    m.release(m.oparg);
    m.push(set.into_value());
    m.next(1)
}

#[handler]
pub unsafe fn build_map(mut m: Regs) -> Value {
    m.save();
    m.sp = m.sp.sub(m.oparg * 2);
    let dict = tri!(m, ops::build::build_map(m.sp, m.oparg));
    m.push(dict.into_value());
    m.next(1)
}

#[handler]
pub unsafe fn build_string(mut m: Regs) -> Value {
    m.save();
    let text = ops::build::build_string(m.sp.sub(m.oparg), m.oparg);
    m.release(m.oparg);
    m.push(text.into_value());
    m.next(1)
}

#[handler]
pub unsafe fn build_slice(mut m: Regs) -> Value {
    m.save();
    let slice = ops::build::build_slice(m.sp, m.oparg);
    m.release(m.oparg);
    m.push(slice.into_value());
    m.next(1)
}

#[handler]
pub unsafe fn build_interpolation(m: Regs) -> Value {
    m.save();
    let r = tri!(m, ops::build::build_interpolation(m.sp, m.oparg as u32));
    m.replace_next(2 + (m.oparg & 1), r.into_value(), 1)
}

#[handler]
pub unsafe fn build_template(m: Regs) -> Value {
    m.save();
    let r = tri!(m, ops::build::build_template(m.obj(2), m.obj(1)));
    m.replace_next(2, r.into_value(), 1)
}

#[handler]
pub unsafe fn list_append(mut m: Regs) -> Value {
    let list = &*(m.peek(1 + m.oparg).as_pointer() as *const Object<List>);
    if !list.push_in_place(m.peek(1)) {
        return m.tail(grow_and_append);
    }
    m.sp = m.sp.sub(1);
    m.next(1)
}

/// As [`list_append`], for a list without room.
#[handler]
unsafe fn grow_and_append(mut m: Regs) -> Value {
    let v = m.pop();
    let list = &*(m.peek(m.oparg).as_pointer() as *const Object<List>);
    list.push(v.into_obj());
    m.next(1)
}

#[handler]
pub unsafe fn list_extend(mut m: Regs) -> Value {
    m.save();
    tri!(m, ops::build::list_extend(m.sp.sub(1 + m.oparg), m.obj(1)));
    let v = m.pop();
    m.drop_next(v, 1)
}

#[handler]
pub unsafe fn set_add(mut m: Regs) -> Value {
    let set = &*(m.peek(1 + m.oparg).as_pointer() as *const Object<Set>);
    if !set.0.add_in_place(m.peek(1)) {
        return m.tail(find_and_add);
    }
    m.sp = m.sp.sub(1);
    m.next(1)
}

/// As [`set_add`], for an item whose place has to be looked for, and where the table has to grow.
#[handler]
unsafe fn find_and_add(mut m: Regs) -> Value {
    m.save();
    let item = m.pop();
    tri!(m, ops::build::set_add(m.obj(m.oparg), item.into_obj()));
    m.next(1)
}

#[handler]
pub unsafe fn set_update(mut m: Regs) -> Value {
    m.save();
    tri!(m, ops::build::set_update(m.obj(1 + m.oparg), m.obj(1)));
    let v = m.pop();
    m.drop_next(v, 1)
}

#[handler]
pub unsafe fn map_add(mut m: Regs) -> Value {
    let dict = &*(m.peek(2 + m.oparg).as_pointer() as *const Object<Dict>);
    if !dict.append_in_place(m.peek(2), m.peek(1)) {
        return m.tail(find_and_set);
    }
    m.sp = m.sp.sub(2);
    m.next(1)
}

/// As [`map_add`], for a key whose place has to be looked for, and where the table has to grow.
#[handler]
unsafe fn find_and_set(mut m: Regs) -> Value {
    m.save();
    let (value, key) = (m.pop(), m.pop());
    tri!(m, add_item(m.obj(m.oparg), key.into_obj(), value.into_obj()));
    m.next(1)
}

#[inline(never)]
fn add_item(dict: &Obj, key: Obj, value: Obj) -> PyResult<()> {
    dict.exact::<Dict>().expect("the compiler put a dict there").set(key, value)
}

#[handler]
pub unsafe fn dict_update(mut m: Regs) -> Value {
    m.save();
    tri!(m, ops::build::dict_update(m.obj(1 + m.oparg), m.obj(1)));
    let v = m.pop();
    m.drop_next(v, 1)
}

#[handler]
pub unsafe fn dict_merge(mut m: Regs) -> Value {
    m.save();
    tri!(m, ops::build::dict_merge(m.obj(4 + m.oparg), m.obj(1 + m.oparg), m.obj(1)));
    let v = m.pop();
    m.drop_next(v, 1)
}

#[handler]
pub unsafe fn convert_value(m: Regs) -> Value {
    m.save();
    let r = tri!(m, ops::build::convert_value(m.obj(1), m.oparg as u32));
    m.replace_next(1, r.into_value(), 1)
}

#[handler]
pub unsafe fn format_simple(m: Regs) -> Value {
    if m.obj(1).exact::<Str>().is_some() {
        return m.next(1);
    }
    m.save();
    let r = tri!(m, format_plain(m.obj(1)));
    m.replace_next(1, r.into_value(), 1)
}

#[inline(never)]
fn format_plain(v: &Obj) -> PyResult<Obj> {
    ops::build::format(v, None)
}

#[handler]
pub unsafe fn format_with_spec(m: Regs) -> Value {
    m.save();
    let r = tri!(m, ops::build::format(m.obj(2), Some(m.obj(1))));
    m.replace_next(2, r.into_value(), 1)
}

#[handler]
pub unsafe fn make_function(mut m: Regs) -> Value {
    let code = m.pop();
    m.push(ops::call::make_function(m.frame, code.into_obj()).into_value());
    m.next(1)
}

#[handler]
pub unsafe fn set_function_attribute(mut m: Regs) -> Value {
    let function = m.pop();
    let v = m.pop();
    let function = ops::call::set_function_attribute(function.into_obj(), v.into_obj(), m.oparg as u32);
    m.push(function.into_value());
    m.next(1)
}
