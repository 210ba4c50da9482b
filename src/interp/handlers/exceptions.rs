//! Raising, catching and matching exceptions.

use pyrs_macros::handler;
use pyrs_runtime::heap::{decref_or_null, incref};
use pyrs_runtime::objects::exceptions::is_exception;
use pyrs_runtime::objects::singletons::{bool_value, none_value};
use pyrs_runtime::value::Value;

use crate::dispatch::Regs;
use crate::dispatch::tri;
use crate::ops;

#[handler]
pub unsafe fn push_exc_info(mut m: Regs) -> Value {
    let exc = m.peek(1);
    let info = &*m.thread().exc_info.get();
    let old = info.value.replace(exc);
    incref(exc);
    m.put(1, if old.is_null() { none_value() } else { old });
    m.push(exc);
    m.next(1)
}

#[handler]
pub unsafe fn pop_except(mut m: Regs) -> Value {
    let v = m.pop();
    let info = &*m.thread().exc_info.get();
    let old = info.value.replace(v);
    m.drop_next(old, 1)
}

#[handler]
pub unsafe fn check_exc_match(mut m: Regs) -> Value {
    let (exc, wanted) = (m.obj(2), m.peek(1));
    if wanted.0 == std::ptr::from_ref(exc.class()) as u64 && is_exception(exc) {
        // Its very class, which it keeps alive.
        (*wanted.as_pointer()).refcnt.set((*wanted.as_pointer()).refcnt.get() - 1);
        m.sp = m.sp.sub(1);
        return m.branch_next(true, 1);
    }
    m.tail(check_any_match)
}

/// As [`check_exc_match`], for any exception, class and tuple of classes.
#[handler]
unsafe fn check_any_match(m: Regs) -> Value {
    m.save();
    let r = tri!(m, ops::exceptions::check_match(m.obj(2), m.obj(1)));
    m.replace_next(1, bool_value(r), 1)
}

#[handler]
pub unsafe fn check_eg_match(mut m: Regs) -> Value {
    m.save();
    let (rest, matched) = tri!(m, ops::exceptions::check_group_match(m.obj(2), m.obj(1)));
    let (rest, matched) = (rest.into_value(), matched.into_value());
    if matched != none_value() {
        let info = &*m.thread().exc_info.get();
        incref(matched);
        decref_or_null(info.value.replace(matched));
    }
    m.release(2);
    m.push(rest);
    m.push(matched);
    m.next(1)
}

#[handler]
pub unsafe fn raise_varargs(mut m: Regs) -> Value {
    m.save();
    let reraise = ops::exceptions::raise(m.thread(), m.sp, m.oparg as u32);
    m.release(m.oparg);
    if reraise { m.reraise() } else { m.raise() }
}

#[handler]
pub unsafe fn reraise(mut m: Regs) -> Value {
    m.save();
    let exc = m.pop();
    if m.oparg != 0 {
        let lasti = m.peek(m.oparg);
        (*m.frame).ip = (*m.frame).code().first_unit().add(lasti.as_fixnum() as usize);
    }
    m.thread().restore_exception(Some(exc.into_obj()));
    m.reraise()
}

#[handler]
pub unsafe fn with_except_start(mut m: Regs) -> Value {
    m.save();
    let r = tri!(m, ops::exceptions::with_except_start(m.sp));
    m.push(r.into_value());
    m.next(1)
}
