//! Globals, builtins and the namespaces of modules and classes.

use pyrs_macros::handler;
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::heap::incref;
use pyrs_runtime::object::Obj;
use pyrs_runtime::object::Object;
use pyrs_runtime::objects::dict::Dict;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::value::Value;

use crate::dispatch::Regs;
use crate::dispatch::tri;
use crate::ops;
use crate::specialize::{self, cache_at, due};

/// Code units of LOAD_GLOBAL with its cache.
const UNITS: usize = 5;

#[handler]
pub unsafe fn load_global(mut m: Regs) -> Value {
    if due(&m) {
        return m.tail(specialize::names::load_global);
    }
    m.save();
    let v = tri!(m, ops::names::load_global(m.frame, m.name(m.oparg >> 1)));
    m.push(v.into_value());
    finish(m)
}

/// Pushes the `NULL` that a call wants behind its callable.
#[inline(always)]
unsafe fn finish(mut m: Regs) -> Value {
    // SAFETY: contract of handlers. Frames have a word to spare above their stack.
    unsafe {
        *m.sp = Value::NULL;
        m.sp = m.sp.add(m.oparg & 1);
        m.next(UNITS)
    }
}

#[handler]
pub unsafe fn load_global_module(mut m: Regs) -> Value {
    let cache = cache_at(m.ip.add(2));
    if (*(*m.frame).globals).current_keys_version() != (*cache).version {
        return m.tail(load_global);
    }
    let v = *((*cache).target as *const Value);
    incref(v);
    m.push(v);
    finish(m)
}

#[handler]
pub unsafe fn load_global_builtin(mut m: Regs) -> Value {
    let cache = cache_at(m.ip.add(2));
    if (*(*m.frame).globals).current_keys_version() != (*cache).version
        || (*(*m.frame).builtins).current_keys_version() != (*cache).version2
    {
        return m.tail(load_global);
    }
    let v = *((*cache).target as *const Value);
    incref(v);
    m.push(v);
    finish(m)
}

#[handler]
pub unsafe fn load_name(mut m: Regs) -> Value {
    m.save();
    let v = tri!(m, ops::names::load_name(m.frame, m.name(m.oparg)));
    m.push(v.into_value());
    m.next(1)
}

#[handler]
pub unsafe fn store_name(mut m: Regs) -> Value {
    m.save();
    tri!(m, ops::names::store_name(m.frame, m.name(m.oparg), m.obj(1)));
    let v = m.pop();
    m.drop_next(v, 1)
}

#[handler]
pub unsafe fn delete_name(m: Regs) -> Value {
    m.save();
    tri!(m, ops::names::delete_name(m.frame, m.name(m.oparg)));
    m.next(1)
}

#[handler]
pub unsafe fn store_global(mut m: Regs) -> Value {
    m.save();
    tri!(m, set_global((*m.frame).globals(), m.name(m.oparg), m.obj(1)));
    let v = m.pop();
    m.drop_next(v, 1)
}

#[inline(never)]
fn set_global(globals: &Dict, name: &Object<Str>, value: &Obj) -> PyResult<()> {
    globals.set_str(name, value.clone())
}

#[handler]
pub unsafe fn delete_global(m: Regs) -> Value {
    m.save();
    tri!(m, ops::names::delete_global(m.frame, m.name(m.oparg)));
    m.next(1)
}

#[handler]
pub unsafe fn load_locals(mut m: Regs) -> Value {
    m.save();
    let v = tri!(m, ops::names::load_locals(m.frame));
    m.push(v.into_value());
    m.next(1)
}

#[handler]
pub unsafe fn load_from_dict_or_globals(m: Regs) -> Value {
    m.save();
    let v = tri!(m, ops::names::load_from_dict_or_globals(m.frame, m.obj(1), m.name(m.oparg)));
    m.replace_next(1, v.into_value(), 1)
}

#[handler]
pub unsafe fn load_build_class(mut m: Regs) -> Value {
    m.save();
    let v = tri!(m, ops::names::load_build_class(m.frame));
    m.push(v.into_value());
    m.next(1)
}

#[handler]
pub unsafe fn setup_annotations(m: Regs) -> Value {
    m.save();
    tri!(m, ops::names::setup_annotations(m.frame));
    m.next(1)
}
