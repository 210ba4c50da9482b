//! Truth testing and `len()`.

use crate::errors::PyResult;
use crate::object::Obj;
use crate::objects::singletons::as_bool;
use crate::raise;

/// Python's `bool(obj)`.
#[inline]
pub fn is_true(obj: &Obj) -> PyResult<bool> {
    if let Some(b) = as_bool(obj) {
        return Ok(b);
    }
    let v = obj.value();
    if v.is_fixnum() {
        return Ok(v.as_fixnum() != 0);
    }
    if obj.is_none() {
        return Ok(false);
    }
    let slots = obj.class().slots();
    if let Some(f) = slots.nb_bool {
        f(obj)
    } else if let Some(f) = slots.length {
        Ok(f(obj)? != 0)
    } else {
        Ok(true)
    }
}

/// Python's `len(obj)`.
#[inline]
pub fn len(obj: &Obj) -> PyResult<usize> {
    match obj.class().slots().length {
        Some(f) => f(obj),
        None => Err(raise!(TypeError, "object of type '{}' has no len()", obj.class().name())),
    }
}
