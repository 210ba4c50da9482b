//! Comparisons, identity, membership.

use pyrs_macros::handler;
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::object::Obj;
use pyrs_runtime::objects::dict::Dict;
use pyrs_runtime::objects::set::{self, FrozenSet, Set, SetData};
use pyrs_runtime::objects::singletons::{bool_obj, bool_value, not_implemented_value};
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::protocols::{compare, iter, truth};
use pyrs_runtime::types::slots::CompareOp;
use pyrs_runtime::value::Value;

use crate::dispatch::Regs;
use crate::dispatch::tri;
use crate::handlers::arithmetic::may_be_python;
use crate::handlers::calls;
use crate::ops::{arith, operators};
use crate::specialize::{self, due};
use pyrs_runtime::call::raw;

/// Code units of COMPARE_OP and of CONTAINS_OP with their caches.
pub const UNITS: usize = 2;
/// Bit of a COMPARE_OP's operand: the result is wanted as a bool.
const AS_BOOL: usize = 16;
/// Bits of a COMPARE_OP's operand that say for which orderings it holds.
const LESS: usize = 2;
const GREATER: usize = 4;
const EQUAL: usize = 8;

#[handler]
pub unsafe fn compare_op(m: Regs) -> Value {
    if due(&m) {
        return m.tail(specialize::operators::compare_op);
    }
    m.save();
    if may_be_python(m.peek(1)) || may_be_python(m.peek(2)) {
        return m.tail(python_comparison);
    }
    m.tail(native_comparison)
}

/// A comparison that no handler knows.
#[handler]
unsafe fn native_comparison(m: Regs) -> Value {
    let r = generic(m.oparg, m.obj(2), m.obj(1));
    if r.is_null() {
        return m.raise();
    }
    m.replace_next(2, r, UNITS)
}

/// Enters the function that a Python class has for the comparison. The operands stay until it returns.
#[handler]
unsafe fn python_comparison(m: Regs) -> Value {
    let op = CompareOp::from_index(m.oparg >> 5);
    let Some(operator) = operators::python_comparison(op, m.obj(2), m.obj(1)) else { return m.tail(native_comparison) };
    let (a, b, function) = (m.peek(2), m.peek(1), operator.function);
    let (first, second) = if operator.reflected { (b, a) } else { (a, b) };
    let callee = calls::push_operator(m, function, first, second);
    if callee.is_null() {
        return m.raise();
    }
    calls::enter(m, callee, UNITS)
}

/// The function of a comparison has returned the word in `oparg`: the operands are on the stack.
#[handler]
pub unsafe fn returned(m: Regs) -> Value {
    let v = answer(Value(m.oparg as u64), (*m.ip >> 8) as usize, m.obj(2), m.obj(1));
    if v.is_null() {
        return m.raise();
    }
    m.replace_next(2, v, UNITS)
}

/// The result of a comparison whose function has returned the owned word `v`; `NULL` if that raises.
#[inline(never)]
unsafe fn answer(v: Value, oparg: usize, a: &Obj, b: &Obj) -> Value {
    // SAFETY: by contract.
    let v = unsafe { v.into_obj() };
    let v = if v.value() == not_implemented_value() {
        operators::comparison_not_implemented(CompareOp::from_index(oparg >> 5), a, b)
    } else {
        Ok(v)
    };
    raw(if oparg & AS_BOOL != 0 { v.and_then(|v| truth::is_true(&v).map(bool_obj)) } else { v })
}

#[inline(never)]
fn generic(oparg: usize, a: &Obj, b: &Obj) -> Value {
    let op = CompareOp::from_index(oparg >> 5);
    if let Some(r) = arith::compare_fast(op, a.value(), b.value()) {
        return bool_value(r);
    }
    let as_bool = |r: Obj| -> PyResult<Obj> { truth::is_true(&r).map(bool_obj) };
    let r = compare::rich_compare(a, b, op);
    raw(if oparg & AS_BOOL != 0 { r.and_then(as_bool) } else { r })
}

#[handler]
pub unsafe fn compare_op_int(mut m: Regs) -> Value {
    let (a, b) = (m.peek(2), m.peek(1));
    if a.0 & b.0 & 1 == 0 {
        return m.tail(compare_op);
    }
    let (x, y) = (a.0 as i64, b.0 as i64);
    // One bit of the operand for each outcome.
    let outcome = (LESS * usize::from(x < y)) | (GREATER * usize::from(x > y)) | (EQUAL * usize::from(x == y));
    m.sp = m.sp.sub(2);
    m.branch_next(m.oparg & outcome != 0, UNITS)
}

/// A flonum, or a fixnum that is exactly a double, as the double.
#[inline(always)]
fn as_double(v: Value) -> Option<f64> {
    const EXACT: i64 = 1 << 53;
    if v.is_flonum() {
        return Some(v.as_flonum());
    }
    (v.is_fixnum() && (-EXACT..=EXACT).contains(&v.as_fixnum())).then(|| v.as_fixnum() as f64)
}

#[handler]
pub unsafe fn compare_op_float(mut m: Regs) -> Value {
    let (Some(x), Some(y)) = (as_double(m.peek(2)), as_double(m.peek(1))) else {
        return m.tail(compare_op);
    };
    // Flonums are never NaN.
    let outcome = (LESS * usize::from(x < y)) | (GREATER * usize::from(x > y)) | (EQUAL * usize::from(x == y));
    m.sp = m.sp.sub(2);
    m.branch_next(m.oparg & outcome != 0, UNITS)
}

#[handler]
pub unsafe fn compare_op_str(mut m: Regs) -> Value {
    match (m.obj(2).exact::<Str>(), m.obj(1).exact::<Str>()) {
        (Some(a), Some(b)) => {
            let Some(equal) = a.equals_at_sight(b) else { return m.tail(compare_texts) };
            let holds = m.oparg & (if equal { EQUAL } else { LESS | GREATER }) != 0;
            m.sp = m.sp.sub(2);
            m.put_truth(holds, UNITS)
        }
        _ => m.tail(compare_op),
    }
}

/// As [`compare_op_str`], for strings of the same length.
#[handler]
unsafe fn compare_texts(mut m: Regs) -> Value {
    let (a, b) = (m.obj(2).downcast_unchecked::<Str>(), m.obj(1).downcast_unchecked::<Str>());
    let holds = m.oparg & (if a.equals(b) { EQUAL } else { LESS | GREATER }) != 0;
    m.sp = m.sp.sub(2);
    m.put_truth(holds, UNITS)
}

#[handler]
pub unsafe fn is_op(mut m: Regs) -> Value {
    let (a, b) = (m.peek(2), m.peek(1));
    m.sp = m.sp.sub(2);
    m.put_truth((a == b) != (m.oparg != 0), 1)
}

#[handler]
pub unsafe fn contains_op(m: Regs) -> Value {
    if due(&m) {
        return m.tail(specialize::operators::contains_op);
    }
    m.save();
    let r = tri!(m, iter::contains(m.obj(1), m.obj(2)));
    m.replace_next(2, bool_value(r != (m.oparg != 0)), UNITS)
}

#[handler]
pub unsafe fn contains_op_dict(mut m: Regs) -> Value {
    let Some(dict) = m.obj(1).exact::<Dict>() else { return m.tail(contains_op) };
    if dict.peek_quick(m.peek(2)).is_null() {
        return m.tail(any_key_in_dict);
    }
    m.sp = m.sp.sub(2);
    m.put_truth(m.oparg == 0, UNITS)
}

/// As [`contains_op_dict`], for a key that is not there or is not found at once.
#[handler]
unsafe fn any_key_in_dict(mut m: Regs) -> Value {
    m.save();
    let found = tri!(m, dict_contains(m.obj(1).downcast_unchecked::<Dict>(), m.obj(2)));
    m.sp = m.sp.sub(2);
    m.put_truth(found != (m.oparg != 0), UNITS)
}

#[inline(never)]
fn dict_contains(dict: &Dict, key: &Obj) -> PyResult<bool> {
    dict.contains(key)
}

#[inline(never)]
fn set_contains(elements: &SetData, set: &Obj, item: &Obj) -> PyResult<bool> {
    if !item.value().is_pointer_or_null() || item.exact::<Str>().is_some() {
        return elements.contains_hashed(item, compare::hash(item)?);
    }
    iter::contains(set, item)
}

#[handler]
pub unsafe fn contains_op_set(mut m: Regs) -> Value {
    let elements = match (m.obj(1).exact::<Set>(), m.obj(1).exact::<FrozenSet>()) {
        (Some(set), _) => &set.0,
        (None, Some(set)) => &set.0,
        (None, None) => return m.tail(contains_op),
    };
    let Some(found) = elements.quick_contains(m.peek(2)) else { return m.tail(any_element_of_set) };
    m.sp = m.sp.sub(2);
    m.put_truth(found != (m.oparg != 0), UNITS)
}

/// As [`contains_op_set`], for an element whose first place does not tell.
#[handler]
unsafe fn any_element_of_set(mut m: Regs) -> Value {
    let elements = set::as_set(m.obj(1)).expect("the class has been checked");
    m.save();
    let found = tri!(m, set_contains(elements, m.obj(1), m.obj(2)));
    m.sp = m.sp.sub(2);
    m.put_truth(found != (m.oparg != 0), UNITS)
}
