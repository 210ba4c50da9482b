//! `repr()`, `str()`, `ascii()` and `format()`.

use crate::errors::PyResult;
use crate::object::{Obj, Ptr};
use crate::objects::str::Str;
use crate::thread::{current, with_recursion};
use crate::{call, name, raise};

/// Python's `repr(obj)`.
pub fn repr(obj: &Obj) -> PyResult<Ptr<Str>> {
    let Some(f) = obj.class().slots().repr else {
        return Ok(Str::new(&format!("<{} object at {:#x}>", obj.class().name(), obj.id())));
    };
    let result = with_recursion(" while getting the repr of an object", || f(obj))?;
    result.into_ptr::<Str>().map_err(|r| raise!(TypeError, "__repr__ returned non-string (type {})", r.class().name()))
}

/// Python's `repr(obj)` as Rust text.
pub fn repr_text(obj: &Obj) -> PyResult<String> {
    Ok(repr(obj)?.to_string_lossy())
}

/// Python's `str(obj)`.
pub fn str(obj: &Obj) -> PyResult<Ptr<Str>> {
    if let Some(s) = obj.exact::<Str>() {
        return Ok(s.to_ptr());
    }
    let Some(f) = obj.class().slots().str else { return repr(obj) };
    let result = with_recursion(" while getting the str of an object", || f(obj))?;
    result.into_ptr::<Str>().map_err(|r| raise!(TypeError, "__str__ returned non-string (type {})", r.class().name()))
}

/// Python's `str(obj)` as Rust text.
pub fn str_text(obj: &Obj) -> PyResult<String> {
    Ok(str(obj)?.to_string_lossy())
}

/// Python's `ascii(obj)`.
pub fn ascii(obj: &Obj) -> PyResult<Ptr<Str>> {
    let text = repr(obj)?;
    if text.is_ascii() {
        return Ok(text);
    }
    let mut out = String::new();
    for c in text.code_points() {
        match c {
            0..0x80 => out.push(c as u8 as char),
            0x80..0x100 => out.push_str(&format!("\\x{c:02x}")),
            0x100..0x10000 => out.push_str(&format!("\\u{c:04x}")),
            _ => out.push_str(&format!("\\U{c:08x}")),
        }
    }
    Ok(Str::new(&out))
}

/// Python's `format(obj, spec)`.
pub fn format(obj: &Obj, spec: &Obj) -> PyResult<Ptr<Str>> {
    let empty = spec.downcast::<Str>().is_some_and(|s| s.is_empty());
    if empty {
        if let Some(s) = obj.exact::<Str>() {
            return Ok(s.to_ptr());
        }
        if obj.value().is_fixnum() {
            return Ok(crate::objects::int_methods::small_decimal(obj.value().as_fixnum()));
        }
    }
    match call::call_special(obj, name!("__format__"), std::slice::from_ref(spec))? {
        Some(result) => result
            .into_ptr::<Str>()
            .map_err(|r| raise!(TypeError, "__format__ must return a str, not {}", r.class().name())),
        None => Err(raise!(TypeError, "Type {} doesn't define __format__", obj.class().name())),
    }
}

/// Guards a container's repr against containing itself: `None` if `obj` is being shown already.
pub struct ReprGuard(u64);

impl ReprGuard {
    pub fn enter(obj: &Obj) -> Option<ReprGuard> {
        let mut active = current().repr_active.borrow_mut();
        if active.contains(&obj.id()) {
            return None;
        }
        active.push(obj.id());
        Some(ReprGuard(obj.id()))
    }
}

impl Drop for ReprGuard {
    fn drop(&mut self) {
        let mut active = current().repr_active.borrow_mut();
        if let Some(at) = active.iter().rposition(|id| *id == self.0) {
            active.remove(at);
        }
    }
}
