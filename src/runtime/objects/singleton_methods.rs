//! Methods of `NoneType`, `NotImplementedType` and `ellipsis`.

use crate::class::ClassDef;
use crate::errors::PyResult;
use crate::object::{Obj, Object};
use crate::objects::object::object_class;
use crate::objects::singletons::*;
use crate::objects::str::Str;
use crate::raise;
use crate::types::{NativeLayout, Type};
use pyrs_macros::pymethods;

fn text(s: &str) -> PyResult<Obj> {
    Ok(Str::new(s).into_obj())
}

#[pymethods]
impl NoneType {
    #[new(sig = "()")]
    fn new(cls: &Type) -> PyResult<Obj> {
        let _ = cls;
        Ok(none())
    }

    #[slot(repr)]
    fn repr(_this: &Obj) -> PyResult<Obj> {
        text("None")
    }

    #[slot(nb_bool)]
    fn bool(_this: &Obj) -> PyResult<bool> {
        Ok(false)
    }

    #[slot(hash)]
    fn hash(_this: &Obj) -> PyResult<i64> {
        Ok(0xfca8_6420)
    }
}

#[pymethods]
impl NotImplementedType {
    #[new(sig = "()")]
    fn new(cls: &Type) -> PyResult<Obj> {
        let _ = cls;
        Ok(not_implemented())
    }

    #[slot(repr)]
    fn repr(_this: &Obj) -> PyResult<Obj> {
        text("NotImplemented")
    }

    #[slot(nb_bool)]
    fn bool(_this: &Obj) -> PyResult<bool> {
        Err(raise!(TypeError, "NotImplemented should not be used in a boolean context"))
    }

    #[pymethod(name = "__reduce__")]
    fn reduce(_this: &Obj) -> &'static str {
        "NotImplemented"
    }
}

#[pymethods]
impl EllipsisType {
    #[new(sig = "()")]
    fn new(cls: &Type) -> PyResult<Obj> {
        let _ = cls;
        Ok(ellipsis())
    }

    #[slot(repr)]
    fn repr(_this: &Obj) -> PyResult<Obj> {
        text("Ellipsis")
    }

    #[pymethod(name = "__reduce__")]
    fn reduce(_this: &Obj) -> &'static str {
        "Ellipsis"
    }
}

macro_rules! definition {
    ($ty:ident, $class:ident, $name:literal, $doc:literal) => {
        impl $ty {
            /// The definition that the class object is made from.
            pub fn def() -> &'static ClassDef {
                static DEF: ClassDef = ClassDef {
                    name: $name,
                    module: "builtins",
                    doc: $doc,
                    class: &$class,
                    base: object_class,
                    flags: 0,
                    basicsize: size_of::<Object<$ty>>(),
                    itemsize: 0,
                    has_dict: false,
                    has_weaklist: false,
                    layout: NativeLayout::EMPTY,
                    parts: &[&$ty::PART],
                    unhashable: false,
                };
                &DEF
            }
        }
    };
}

definition!(NoneType, NONE_TYPE, "NoneType", "The type of the None singleton.");
definition!(
    NotImplementedType,
    NOT_IMPLEMENTED_TYPE,
    "NotImplementedType",
    "The type of the NotImplemented singleton."
);
definition!(EllipsisType, ELLIPSIS_TYPE, "ellipsis", "The type of the Ellipsis singleton.");
