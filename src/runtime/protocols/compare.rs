//! Rich comparison, equality and hashing.

use crate::errors::PyResult;
use crate::object::{Obj, Object, PyClass};
use crate::objects::singletons::{bool_obj, not_implemented_value};
use crate::objects::str::Str;
use crate::objects::tuple::Tuple;
use crate::objects::{float, int};
use crate::protocols::truth;
use crate::raise;
use crate::thread::with_recursion;
use crate::types::flags;
use crate::types::slots::CompareOp;
use crate::value::Value;

/// `a OP b` as an object.
pub fn rich_compare(a: &Obj, b: &Obj, op: CompareOp) -> PyResult<Obj> {
    with_recursion(" in comparison", || rich_compare_inner(a, b, op))
}

fn rich_compare_inner(a: &Obj, b: &Obj, op: CompareOp) -> PyResult<Obj> {
    let (class_a, class_b) = (a.class(), b.class());
    let mut tried_reflected = false;
    if !std::ptr::eq(class_a, class_b)
        && class_b.is_subclass(class_a)
        && let Some(f) = class_b.slots().richcompare
    {
        tried_reflected = true;
        let result = f(b, a, op.swapped())?;
        if result.value() != not_implemented_value() {
            return Ok(result);
        }
    }
    if let Some(f) = class_a.slots().richcompare {
        let result = f(a, b, op)?;
        if result.value() != not_implemented_value() {
            return Ok(result);
        }
    }
    if !tried_reflected && let Some(f) = class_b.slots().richcompare {
        let result = f(b, a, op.swapped())?;
        if result.value() != not_implemented_value() {
            return Ok(result);
        }
    }
    without_answer(a, b, op)
}

/// `a OP b` where neither operand knows: the same object is equal, and nothing has an order.
pub fn without_answer(a: &Obj, b: &Obj, op: CompareOp) -> PyResult<Obj> {
    match op {
        CompareOp::Eq => Ok(bool_obj(a.is(b))),
        CompareOp::Ne => Ok(bool_obj(!a.is(b))),
        _ => Err(raise!(
            TypeError,
            "'{}' not supported between instances of '{}' and '{}'",
            op.symbol(),
            a.class().name(),
            b.class().name()
        )),
    }
}

/// `a OP b` as a truth value; identity implies equality, as in containers.
pub fn compare_bool(a: &Obj, b: &Obj, op: CompareOp) -> PyResult<bool> {
    if a.is(b) {
        match op {
            CompareOp::Eq => return Ok(true),
            CompareOp::Ne => return Ok(false),
            _ => {}
        }
    }
    if matches!(op, CompareOp::Eq | CompareOp::Ne) {
        if let Some(equal) = quick_equal(a, b) {
            return Ok(equal == (op == CompareOp::Eq));
        }
        if let (Some(x), Some(y)) = (plain_tuple(a), plain_tuple(b)) {
            let equal = with_recursion(" in comparison", || equal_items(x.items(), y.items()))?;
            return Ok(equal == (op == CompareOp::Eq));
        }
    }
    truth::is_true(&rich_compare(a, b, op)?)
}

/// A tuple that compares as tuples do; instances of subclasses may, named tuples above all.
#[inline]
fn plain_tuple(v: &Obj) -> Option<&Object<Tuple>> {
    let class = v.class();
    let standard = || Tuple::class().slots().richcompare.map(|f| f as usize);
    let fits = std::ptr::eq(class, Tuple::class())
        || class.has_flag(flags::TUPLE_SUBCLASS) && class.slots().richcompare.map(|f| f as usize) == standard();
    // SAFETY: the payload of subclasses begins with that of the class.
    fits.then(|| unsafe { v.downcast_unchecked::<Tuple>() })
}

/// Whether tuples of these items are equal. As with the comparison of tuples, items in front of the first
/// difference are compared even if the lengths differ.
fn equal_items(a: &[Obj], b: &[Obj]) -> PyResult<bool> {
    for (x, y) in a.iter().zip(b) {
        if !equal(x, y)? {
            return Ok(false);
        }
    }
    Ok(a.len() == b.len())
}

/// `a is b or a == b`.
#[inline]
pub fn equal(a: &Obj, b: &Obj) -> PyResult<bool> {
    compare_bool(a, b, CompareOp::Eq)
}

/// Equality of exact ints, floats and strings, without running Python code; `None` = ask the slots.
#[inline]
pub fn quick_equal(a: &Obj, b: &Obj) -> Option<bool> {
    let (va, vb) = (a.value(), b.value());
    if va.is_fixnum() && vb.is_fixnum() {
        return Some(va == vb);
    }
    if va.is_flonum() && vb.is_flonum() {
        return Some(va.as_flonum() == vb.as_flonum());
    }
    if let (Some(sa), Some(sb)) = (a.exact::<Str>(), b.exact::<Str>()) {
        return Some(sa.equals(sb));
    }
    None
}

/// Python's `hash(obj)`.
#[inline]
pub fn hash(obj: &Obj) -> PyResult<i64> {
    let v = obj.value();
    if v.is_fixnum() {
        return Ok(int::hash_i64(v.as_fixnum()));
    }
    if let Some(s) = obj.exact::<Str>() {
        return Ok(s.hash());
    }
    if v.is_flonum() {
        return Ok(pyrs_unicode::hash::hash_double(v.as_flonum()).unwrap_or(0));
    }
    match obj.class().slots().hash {
        Some(f) => f(obj),
        None => unhashable(obj),
    }
}

/// The hash of what is hashed without a call: ints that are their own hash (others have other ones), exact strings whose
/// hash is known.
#[inline(always)]
pub fn quick_hash(v: Value) -> Option<i64> {
    if v.is_fixnum() {
        return Some(v.as_fixnum()).filter(|n| (0..1 << 60).contains(n));
    }
    // SAFETY: the class says what the word points to. Strings without a hash have -1 there.
    Some(unsafe { v.as_obj() }.exact::<Str>()?.known_hash()).filter(|hash| *hash != -1)
}

/// The hash slot of unhashable classes.
pub fn unhashable(obj: &Obj) -> PyResult<i64> {
    Err(raise!(TypeError, "unhashable type: '{}'", obj.class().name()))
}

/// Hash by identity.
pub fn identity_hash(obj: &Obj) -> PyResult<i64> {
    let id = obj.id();
    Ok(id.rotate_right(4) as i64)
}

/// Hash of a float object that is not a number: by identity.
pub fn hash_float(obj: &Obj) -> PyResult<i64> {
    let x = float::view(obj).unwrap_or(0.0);
    match pyrs_unicode::hash::hash_double(x) {
        Some(h) => Ok(h),
        None => identity_hash(obj),
    }
}
