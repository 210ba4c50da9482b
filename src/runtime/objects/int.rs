//! `int`: representation and construction. Its methods are in `int_methods`, its arithmetic in
//! `int_arithmetic`.
//!
//! An exact int that fits 63 bits is an immediate word. Everything else has a heap object: larger
//! ints, and all instances of subclasses (`bool`, `IntEnum` members).

use std::borrow::Cow;

use num_bigint::BigInt;
use num_traits::ToPrimitive;

use crate::object::{Obj, Ptr, PyClass};
use crate::types::{StaticType, Type};
use crate::value::Value;

/// Payload of a heap int.
#[derive(Clone, Debug)]
pub enum Int {
    /// An instance of a subclass whose value fits a machine word.
    Small(i64),
    Big(BigInt),
}

static INT: StaticType = StaticType::new();

// SAFETY: INT is readied with the layout of this payload.
unsafe impl PyClass for Int {
    #[inline(always)]
    fn class() -> &'static Type {
        INT.get()
    }
}

/// The class object, for its definition.
pub const CLASS: &StaticType = &INT;

/// A borrowed view of an int's value.
#[derive(Copy, Clone, Debug)]
pub enum IntRef<'a> {
    Small(i64),
    Big(&'a BigInt),
}

impl<'a> IntRef<'a> {
    /// The value as a big integer, borrowed if it is one.
    pub fn as_bigint(self) -> Cow<'a, BigInt> {
        match self {
            IntRef::Small(n) => Cow::Owned(BigInt::from(n)),
            IntRef::Big(n) => Cow::Borrowed(n),
        }
    }

    pub fn to_bigint(self) -> BigInt {
        match self {
            IntRef::Small(n) => BigInt::from(n),
            IntRef::Big(n) => n.clone(),
        }
    }
}

/// The canonical object for a value.
#[inline]
pub fn new(n: i64) -> Obj {
    match Value::try_from_i64(n) {
        // SAFETY: immediates carry no reference.
        Some(v) => unsafe { Obj::from_owned(v) },
        None => Ptr::new(Int::Big(BigInt::from(n))).into_obj(),
    }
}

pub fn from_u64(n: u64) -> Obj {
    match i64::try_from(n) {
        Ok(n) => new(n),
        Err(_) => Ptr::new(Int::Big(BigInt::from(n))).into_obj(),
    }
}

pub fn from_i128(n: i128) -> Obj {
    match i64::try_from(n) {
        Ok(n) => new(n),
        Err(_) => Ptr::new(Int::Big(BigInt::from(n))).into_obj(),
    }
}

/// The canonical object for a value.
pub fn from_bigint(n: BigInt) -> Obj {
    match n.to_i64().and_then(Value::try_from_i64) {
        // SAFETY: immediates carry no reference.
        Some(v) => unsafe { Obj::from_owned(v) },
        None => Ptr::new(Int::Big(n)).into_obj(),
    }
}

/// The value of an int (or an instance of a subclass); `None` for anything else.
#[inline]
pub fn view(obj: &Obj) -> Option<IntRef<'_>> {
    let v = obj.value();
    if v.is_fixnum() {
        return Some(IntRef::Small(v.as_fixnum()));
    }
    obj.downcast::<Int>().map(|int| match &**int {
        Int::Small(n) => IntRef::Small(*n),
        Int::Big(n) => IntRef::Big(n),
    })
}

/// The value as a big integer, if `obj` is an int.
pub fn to_bigint(obj: &Obj) -> Option<BigInt> {
    view(obj).map(IntRef::to_bigint)
}

/// The value if `obj` is an int that fits.
#[inline]
pub fn to_i64(obj: &Obj) -> Option<i64> {
    match view(obj)? {
        IntRef::Small(n) => Some(n),
        IntRef::Big(n) => n.to_i64(),
    }
}

#[inline]
pub fn is_int(obj: &Obj) -> bool {
    obj.value().is_fixnum() || obj.downcast::<Int>().is_some()
}

/// True for exact ints (not bools or other subclasses).
#[inline]
pub fn is_exact(obj: &Obj) -> bool {
    obj.value().is_fixnum() || obj.exact::<Int>().is_some()
}

/// Hash of an int: the value modulo 2**61 - 1, -1 replaced by -2.
pub fn hash_of(obj: &Obj) -> i64 {
    match view(obj) {
        Some(IntRef::Small(n)) => hash_i64(n),
        Some(IntRef::Big(n)) => hash_bigint(n),
        None => 0,
    }
}

pub use pyrs_unicode::hash::{hash_bigint, hash_small_int as hash_i64};
