//! `None`, `NotImplemented`, `Ellipsis`, `True` and `False`.

use crate::object::{Header, IMMORTAL_REFCNT, Obj, Object, PyClass};
use crate::types::{StaticType, Type};
use crate::value::Value;
use std::cell::Cell;

/// Storage of an immortal object.
#[repr(transparent)]
pub struct StaticObject<T>(Object<T>);

// SAFETY: only touched under the GIL.
unsafe impl<T> Sync for StaticObject<T> {}

impl<T> StaticObject<T> {
    pub const fn new(class: &'static StaticType, payload: T) -> StaticObject<T> {
        let header = Header { refcnt: Cell::new(IMMORTAL_REFCNT), class: Cell::new(class.get()) };
        StaticObject(Object { header, payload })
    }

    #[inline(always)]
    pub fn value(&'static self) -> Value {
        Value::from_pointer(&self.0.header)
    }

    #[inline(always)]
    pub fn obj(&'static self) -> Obj {
        // SAFETY: immortal.
        unsafe { Obj::from_borrowed(self.value()) }
    }
}

macro_rules! singleton_class {
    ($ty:ident, $class:ident, $object:ident) => {
        #[doc = concat!("Payload of the one `", stringify!($ty), "`.")]
        pub struct $ty;
        pub(crate) static $class: StaticType = StaticType::new();
        static $object: StaticObject<$ty> = StaticObject::new(&$class, $ty);
        // SAFETY: the class is readied with this payload's layout.
        unsafe impl PyClass for $ty {
            #[inline(always)]
            fn class() -> &'static Type {
                $class.get()
            }
        }
    };
}

singleton_class!(NoneType, NONE_TYPE, NONE);
singleton_class!(NotImplementedType, NOT_IMPLEMENTED_TYPE, NOT_IMPLEMENTED);
singleton_class!(EllipsisType, ELLIPSIS_TYPE, ELLIPSIS);

/// `bool`, a subclass of `int` with two instances; its payload is `int`'s.
pub struct Bool;
pub(crate) static BOOL: StaticType = StaticType::new();
// SAFETY: the class is readied with `int`'s layout; `Bool` itself is zero-sized and never read.
unsafe impl PyClass for Bool {
    #[inline(always)]
    fn class() -> &'static Type {
        BOOL.get()
    }
}

use crate::objects::int::Int;
static TRUE: StaticObject<Int> = StaticObject::new(&BOOL, Int::Small(1));
static FALSE: StaticObject<Int> = StaticObject::new(&BOOL, Int::Small(0));

#[inline(always)]
pub fn none() -> Obj {
    NONE.obj()
}

#[inline(always)]
pub fn none_value() -> Value {
    NONE.value()
}

#[inline(always)]
pub fn not_implemented() -> Obj {
    NOT_IMPLEMENTED.obj()
}

#[inline(always)]
pub fn not_implemented_value() -> Value {
    NOT_IMPLEMENTED.value()
}

#[inline(always)]
pub fn ellipsis() -> Obj {
    ELLIPSIS.obj()
}

#[inline(always)]
pub fn true_value() -> Value {
    TRUE.value()
}

#[inline(always)]
pub fn false_value() -> Value {
    FALSE.value()
}

#[inline(always)]
pub fn bool_value(b: bool) -> Value {
    if b { TRUE.value() } else { FALSE.value() }
}

#[inline(always)]
pub fn bool_obj(b: bool) -> Obj {
    if b { TRUE.obj() } else { FALSE.obj() }
}

/// The truth of an exact bool.
#[inline(always)]
pub fn as_bool(obj: &Obj) -> Option<bool> {
    if obj.value() == TRUE.value() {
        Some(true)
    } else if obj.value() == FALSE.value() {
        Some(false)
    } else {
        None
    }
}
