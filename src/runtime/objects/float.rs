//! `float`: representation and construction. Its methods are in `float_methods`.
//!
//! Nearly every exact float is an immediate word; heap objects hold the others (very large or small,
//! `-0.0`, `inf`, `nan`) and instances of subclasses.

use crate::object::{Obj, Ptr, PyClass};
use crate::types::{StaticType, Type};
use crate::value::Value;

/// Payload of a heap float.
pub struct Float(pub f64);

static FLOAT: StaticType = StaticType::new();

// SAFETY: FLOAT is readied with the layout of this payload.
unsafe impl PyClass for Float {
    #[inline(always)]
    fn class() -> &'static Type {
        FLOAT.get()
    }
}

/// The class object, for its definition.
pub const CLASS: &StaticType = &FLOAT;

#[inline(always)]
pub fn new(x: f64) -> Obj {
    match Value::try_from_f64(x) {
        // SAFETY: immediates carry no reference.
        Some(v) => unsafe { Obj::from_owned(v) },
        None => boxed(x),
    }
}

#[cold]
fn boxed(x: f64) -> Obj {
    Ptr::new(Float(x)).into_obj()
}

/// The value of a float or an instance of a subclass.
#[inline(always)]
pub fn view(obj: &Obj) -> Option<f64> {
    let v = obj.value();
    if v.is_flonum() {
        return Some(v.as_flonum());
    }
    obj.downcast::<Float>().map(|f| f.0)
}

#[inline]
pub fn is_exact(obj: &Obj) -> bool {
    obj.value().is_flonum() || obj.exact::<Float>().is_some()
}
