//! Arithmetic and comparison of immediates: the operations that need no call.

use pyrs_runtime::types::slots::CompareOp;
use pyrs_runtime::value::Value;

const ADD: u32 = 0;
const MULTIPLY: u32 = 5;
const SUBTRACT: u32 = 10;
const TRUE_DIVIDE: u32 = 11;
const AND: u32 = 1;
const OR: u32 = 7;
const XOR: u32 = 12;
const FLOOR_DIVIDE: u32 = 2;
const REMAINDER: u32 = 6;
const LEFT_SHIFT: u32 = 3;
const RIGHT_SHIFT: u32 = 9;
const INPLACE: u32 = 13;

/// `a OP b` for two fixnums or two flonums whose result is an immediate.
#[inline(always)]
pub fn binary_fast(oparg: u32, a: Value, b: Value) -> Option<Value> {
    // Operators and their in-place forms share an order of their own.
    let op = if (INPLACE..26).contains(&oparg) { oparg - INPLACE } else { oparg };
    if a.is_fixnum() && b.is_fixnum() {
        return fixnums(op, a, b);
    }
    if a.is_flonum() {
        let y = if b.is_flonum() {
            b.as_flonum()
        } else if b.is_fixnum() {
            b.as_fixnum() as f64
        } else {
            return None;
        };
        return flonums(op, a.as_flonum(), y);
    }
    if a.is_fixnum() && b.is_flonum() {
        return flonums(op, a.as_fixnum() as f64, b.as_flonum());
    }
    None
}

#[inline(always)]
fn flonums(op: u32, x: f64, y: f64) -> Option<Value> {
    Value::try_from_f64(match op {
        ADD => x + y,
        SUBTRACT => x - y,
        MULTIPLY => x * y,
        TRUE_DIVIDE if y != 0.0 => x / y,
        _ => return None,
    })
}

/// Integers up to here are doubles, too.
const EXACT: i64 = 1 << 53;

#[inline(always)]
fn fixnums(op: u32, a: Value, b: Value) -> Option<Value> {
    let (x, y) = (a.as_fixnum(), b.as_fixnum());
    match op {
        ADD => Value::try_from_i64(x + y),
        SUBTRACT => Value::try_from_i64(x - y),
        MULTIPLY => x.checked_mul(y).and_then(Value::try_from_i64),
        AND => Some(Value::from_fixnum(x & y)),
        OR => Some(Value::from_fixnum(x | y)),
        XOR => Some(Value::from_fixnum(x ^ y)),
        FLOOR_DIVIDE if y > 0 => Some(Value::from_fixnum(x.div_euclid(y))),
        REMAINDER if y > 0 => Some(Value::from_fixnum(x.rem_euclid(y))),
        RIGHT_SHIFT if (0..63).contains(&y) => Some(Value::from_fixnum(x >> y)),
        LEFT_SHIFT if (0..63).contains(&y) && (x << y) >> y == x => Value::try_from_i64(x << y),
        TRUE_DIVIDE if y != 0 && x.abs() <= EXACT && y.abs() <= EXACT => Value::try_from_f64(x as f64 / y as f64),
        _ => None,
    }
}

/// `a OP b` for two fixnums or two flonums.
#[inline(always)]
pub fn compare_fast(op: CompareOp, a: Value, b: Value) -> Option<bool> {
    if a.is_fixnum() && b.is_fixnum() {
        return Some(op.matches((a.0 as i64).cmp(&(b.0 as i64))));
    }
    if a.is_flonum() && b.is_flonum() {
        let (x, y) = (a.as_flonum(), b.as_flonum());
        return Some(match op {
            CompareOp::Lt => x < y,
            CompareOp::Le => x <= y,
            CompareOp::Eq => x == y,
            CompareOp::Ne => x != y,
            CompareOp::Gt => x > y,
            CompareOp::Ge => x >= y,
        });
    }
    None
}
