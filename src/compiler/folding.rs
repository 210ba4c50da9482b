//! The arithmetic of constants.  `None` means: not foldable, leave it to run time.

use num_bigint::{BigInt, Sign};
use num_integer::Integer;
use num_traits::{Signed, ToPrimitive, Zero};
use pyrs_bytecode::{BinaryOp, Constant, WStr};

const MAX_INT_BITS: u64 = 128;
const MAX_COLLECTION_SIZE: i64 = 256;
const MAX_STR_SIZE: i64 = 4096;
const MAX_TOTAL_ITEMS: i64 = 1024;

/// A number on its way up the tower.
enum Number {
    Int(BigInt),
    Float(f64),
    Complex(f64, f64),
}

fn as_int(value: &Constant) -> Option<BigInt> {
    match value {
        Constant::Int(value) => Some(BigInt::from(*value)),
        Constant::BigInt(value) => Some(value.clone()),
        Constant::True => Some(BigInt::from(1)),
        Constant::False => Some(BigInt::zero()),
        _ => None,
    }
}

fn as_number(value: &Constant) -> Option<Number> {
    match value {
        Constant::Float(value) => Some(Number::Float(*value)),
        Constant::Complex { real, imag } => Some(Number::Complex(*real, *imag)),
        _ => as_int(value).map(Number::Int),
    }
}

fn is_bool(value: &Constant) -> bool {
    matches!(value, Constant::True | Constant::False)
}

fn int(value: BigInt) -> Option<Constant> {
    Some(Constant::from_bigint(value))
}

/// `-value`.
pub fn negative(value: &Constant) -> Option<Constant> {
    match as_number(value)? {
        Number::Int(value) => int(-value),
        Number::Float(value) => Some(Constant::Float(-value)),
        Number::Complex(real, imag) => Some(Constant::Complex { real: -real, imag: -imag }),
    }
}

/// `+value`.
pub fn positive(value: &Constant) -> Option<Constant> {
    match as_number(value)? {
        Number::Int(value) => int(value),
        Number::Float(value) => Some(Constant::Float(value)),
        Number::Complex(real, imag) => Some(Constant::Complex { real, imag }),
    }
}

/// `~value`; for a bool it warns at run time, so it is left alone there too by value only.
pub fn invert(value: &Constant) -> Option<Constant> {
    if is_bool(value) {
        return None;
    }
    int(!as_int(value)?)
}

/// `left op right`.
pub fn binary(left: &Constant, op: BinaryOp, right: &Constant) -> Option<Constant> {
    match op {
        BinaryOp::Subscript => return subscript(left, right),
        BinaryOp::Add => {
            if let Some(joined) = concatenate(left, right) {
                return Some(joined);
            }
        }
        BinaryOp::Multiply => {
            if let Some(repeated) = repeat(left, right) {
                return repeated;
            }
        }
        BinaryOp::Remainder => {
            if matches!(left, Constant::Str(_) | Constant::Bytes(_)) {
                return None;
            }
        }
        _ => {}
    }
    match (as_number(left)?, as_number(right)?) {
        (Number::Int(a), Number::Int(b)) => {
            let bools = is_bool(left) && is_bool(right);
            int_binary(&a, op, &b, bools)
        }
        (Number::Complex(ar, ai), b) => complex_binary((ar, ai), op, as_complex(b)?),
        (a, Number::Complex(br, bi)) => mixed_complex(a, op, (br, bi)),
        (a, b) => float_binary(as_float(a)?, op, as_float(b)?),
    }
}

fn as_float(value: Number) -> Option<f64> {
    match value {
        Number::Float(value) => Some(value),
        Number::Int(value) => {
            let float = value.to_f64()?;
            float.is_finite().then_some(float)
        }
        Number::Complex(..) => None,
    }
}

fn as_complex(value: Number) -> Option<(f64, f64)> {
    match value {
        Number::Complex(real, imag) => Some((real, imag)),
        other => Some((as_float(other)?, 0.0)),
    }
}

fn int_binary(a: &BigInt, op: BinaryOp, b: &BigInt, bools: bool) -> Option<Constant> {
    let logical = |value: BigInt| {
        if bools { Some(Constant::from_bool(!value.is_zero())) } else { int(value) }
    };
    match op {
        BinaryOp::Add => int(a + b),
        BinaryOp::Subtract => int(a - b),
        BinaryOp::Multiply => {
            if !a.is_zero() && !b.is_zero() && a.bits() + b.bits() > MAX_INT_BITS {
                return None;
            }
            int(a * b)
        }
        BinaryOp::TrueDivide => true_divide(a, b).map(Constant::Float),
        BinaryOp::FloorDivide if !b.is_zero() => int(a.div_floor(b)),
        BinaryOp::Remainder if !b.is_zero() => int(a.mod_floor(b)),
        BinaryOp::Power => int_power(a, b),
        BinaryOp::Lshift => {
            if b.is_negative() {
                return None;
            }
            let shift = b.to_u64()?;
            if a.is_zero() {
                return int(BigInt::zero());
            }
            if shift > MAX_INT_BITS || a.bits() > MAX_INT_BITS - shift {
                return None;
            }
            int(a << shift)
        }
        BinaryOp::Rshift => {
            if b.is_negative() {
                return None;
            }
            match b.to_u64() {
                Some(shift) if shift < a.bits() + 1 => int(a >> shift),
                _ => int(if a.is_negative() { BigInt::from(-1) } else { BigInt::zero() }),
            }
        }
        BinaryOp::And => logical(a & b),
        BinaryOp::Or => logical(a | b),
        BinaryOp::Xor => logical(a ^ b),
        _ => None,
    }
}

/// Correctly rounded quotient of two ints.
fn true_divide(a: &BigInt, b: &BigInt) -> Option<f64> {
    if b.is_zero() {
        return None;
    }
    if let (Some(x), Some(y)) = (a.to_i64(), b.to_i64())
        && x.unsigned_abs() < 1 << 53
        && y.unsigned_abs() < 1 << 53
    {
        return Some(x as f64 / y as f64);
    }
    // Scale so that the integer quotient has at least 55 bits, with a sticky last bit.
    let negative = (a.sign() == Sign::Minus) != (b.sign() == Sign::Minus);
    let (num, den) = (a.abs(), b.abs());
    if num.is_zero() {
        return Some(0.0);
    }
    let shift = 66 + den.bits() as i64 - num.bits() as i64;
    let (scaled, den) = if shift >= 0 { (num << shift as u64, den) } else { (num, den << -shift as u64) };
    let (mut quotient, rest) = scaled.div_rem(&den);
    if !rest.is_zero() {
        quotient |= BigInt::from(1);
    }
    let mantissa = quotient.to_u128()?;
    let float = scale_u128(mantissa, -shift)?;
    float.is_finite().then_some(if negative { -float } else { float })
}

/// `mantissa * 2**exponent`, rounded once; subnormal results are left to run time.
fn scale_u128(mantissa: u128, exponent: i64) -> Option<f64> {
    let bits = 128 - i64::from(mantissa.leading_zeros());
    let top = bits + exponent;
    if !(-1021..=1024).contains(&top) {
        return None;
    }
    let float = mantissa as f64;
    let half = exponent / 2;
    Some(float * 2f64.powi(half as i32) * 2f64.powi((exponent - half) as i32))
}

fn int_power(a: &BigInt, b: &BigInt) -> Option<Constant> {
    if b.is_negative() {
        let base = a.to_f64()?;
        if a.is_zero() {
            return None;
        }
        return Some(Constant::Float(base.powf(b.to_f64()?)));
    }
    if !a.is_zero() && !b.is_zero() {
        let exponent = b.to_u64()?;
        if a.bits() > MAX_INT_BITS / exponent {
            return None;
        }
    }
    let exponent = b.to_u32();
    match exponent {
        Some(exponent) => int(a.pow(exponent)),
        None if a.is_zero() => int(BigInt::zero()),
        None => None,
    }
}

fn float_binary(a: f64, op: BinaryOp, b: f64) -> Option<Constant> {
    let value = match op {
        BinaryOp::Add => a + b,
        BinaryOp::Subtract => a - b,
        BinaryOp::Multiply => a * b,
        BinaryOp::TrueDivide if b != 0.0 => a / b,
        BinaryOp::FloorDivide if b != 0.0 => float_divmod(a, b).0,
        BinaryOp::Remainder if b != 0.0 => float_divmod(a, b).1,
        BinaryOp::Power => return float_power(a, b),
        _ => return None,
    };
    Some(Constant::Float(value))
}

fn float_divmod(a: f64, b: f64) -> (f64, f64) {
    let mut rest = a % b;
    let mut quotient = (a - rest) / b;
    if rest != 0.0 {
        if (b < 0.0) != (rest < 0.0) {
            rest += b;
            quotient -= 1.0;
        }
    } else {
        rest = 0f64.copysign(b);
    }
    let floor = if quotient != 0.0 {
        let floor = quotient.floor();
        if quotient - floor > 0.5 { floor + 1.0 } else { floor }
    } else {
        0f64.copysign(a / b)
    };
    (floor, rest)
}

fn float_power(a: f64, b: f64) -> Option<Constant> {
    if a == 0.0 && b < 0.0 {
        return None;
    }
    if a < 0.0 && a.is_finite() && b.is_finite() && b != b.floor() {
        return None;
    }
    let value = a.powf(b);
    if value.is_infinite() && a.is_finite() && b.is_finite() {
        return None;
    }
    Some(Constant::Float(value))
}

fn complex(real: f64, imag: f64) -> Option<Constant> {
    Some(Constant::Complex { real, imag })
}

fn complex_binary(a: (f64, f64), op: BinaryOp, b: (f64, f64)) -> Option<Constant> {
    match op {
        BinaryOp::Add => complex(a.0 + b.0, a.1 + b.1),
        BinaryOp::Subtract => complex(a.0 - b.0, a.1 - b.1),
        BinaryOp::Multiply => complex(a.0 * b.0 - a.1 * b.1, a.0 * b.1 + a.1 * b.0),
        BinaryOp::TrueDivide => complex_quotient(a, b),
        BinaryOp::Power => complex_power(a, b),
        _ => None,
    }
}

fn complex_product(a: (f64, f64), b: (f64, f64)) -> (f64, f64) {
    (a.0 * b.0 - a.1 * b.1, a.0 * b.1 + a.1 * b.0)
}

fn complex_power(a: (f64, f64), b: (f64, f64)) -> Option<Constant> {
    let (real, imag) = if b.1 == 0.0 && b.0 == b.0.floor() && b.0.abs() <= 100.0 {
        let power = complex_int_power(a, b.0.abs() as u32);
        if b.0 >= 0.0 {
            power
        } else {
            match complex_quotient((1.0, 0.0), power)? {
                Constant::Complex { real, imag } => (real, imag),
                _ => return None,
            }
        }
    } else if a == (0.0, 0.0) {
        if b.1 != 0.0 || b.0 < 0.0 {
            return None;
        }
        (0.0, 0.0)
    } else {
        let size = a.0.hypot(a.1);
        let angle = a.1.atan2(a.0);
        let mut length = size.powf(b.0);
        let mut phase = angle * b.0;
        if b.1 != 0.0 {
            length *= (-angle * b.1).exp();
            phase += b.1 * size.ln();
        }
        (length * phase.cos(), length * phase.sin())
    };
    if real.is_infinite() || imag.is_infinite() {
        return None;
    }
    complex(real, imag)
}

fn complex_int_power(base: (f64, f64), exponent: u32) -> (f64, f64) {
    let mut result = (1.0, 0.0);
    let mut power = base;
    let mut rest = exponent;
    while rest > 0 {
        if rest & 1 != 0 {
            result = complex_product(result, power);
        }
        rest >>= 1;
        power = complex_product(power, power);
    }
    result
}

/// Real and complex operand: the real one has no imaginary part, not a zero one.
fn mixed_complex(a: Number, op: BinaryOp, b: (f64, f64)) -> Option<Constant> {
    let real = as_float(a)?;
    match op {
        BinaryOp::Add => complex(real + b.0, b.1),
        BinaryOp::Subtract => complex(real - b.0, -b.1),
        BinaryOp::Multiply => complex(real * b.0, real * b.1),
        BinaryOp::TrueDivide => complex_quotient((real, 0.0), b),
        BinaryOp::Power => complex_power((real, 0.0), b),
        _ => None,
    }
}

fn complex_quotient(a: (f64, f64), b: (f64, f64)) -> Option<Constant> {
    if b == (0.0, 0.0) {
        return None;
    }
    if b.0.abs() >= b.1.abs() {
        let ratio = b.1 / b.0;
        let scale = b.0 + b.1 * ratio;
        return complex((a.0 + a.1 * ratio) / scale, (a.1 - a.0 * ratio) / scale);
    }
    let ratio = b.0 / b.1;
    let scale = b.0 * ratio + b.1;
    complex((a.0 * ratio + a.1) / scale, (a.1 * ratio - a.0) / scale)
}

fn concatenate(left: &Constant, right: &Constant) -> Option<Constant> {
    match (left, right) {
        (Constant::Str(a), Constant::Str(b)) => Some(Constant::Str(a.concat(b))),
        (Constant::Bytes(a), Constant::Bytes(b)) => Some(Constant::Bytes([&a[..], b].concat())),
        (Constant::Tuple(a), Constant::Tuple(b)) => Some(Constant::Tuple([&a[..], b].concat())),
        _ => None,
    }
}

/// A sequence times a number; the outer `None` means that neither side is a sequence.
fn repeat(left: &Constant, right: &Constant) -> Option<Option<Constant>> {
    let (sequence, count) = if is_sequence(left) {
        (left, right)
    } else if is_sequence(right) {
        (right, left)
    } else {
        return None;
    };
    let Some(count) = as_int(count) else {
        return Some(None);
    };
    Some(repeat_sequence(sequence, &count))
}

fn is_sequence(value: &Constant) -> bool {
    matches!(value, Constant::Str(_) | Constant::Bytes(_) | Constant::Tuple(_))
}

fn repeat_sequence(sequence: &Constant, count: &BigInt) -> Option<Constant> {
    let size = match sequence {
        Constant::Str(text) => text.len(),
        Constant::Bytes(bytes) => bytes.len(),
        Constant::Tuple(items) => items.len(),
        _ => return None,
    } as i64;
    let limit = if matches!(sequence, Constant::Tuple(_)) { MAX_COLLECTION_SIZE } else { MAX_STR_SIZE };
    if size == 0 {
        return Some(sequence.clone());
    }
    let count = count.to_i64()?;
    if count < 0 || count > limit / size {
        return None;
    }
    let times = count as usize;
    Some(match sequence {
        Constant::Str(text) => Constant::Str(WStr::from_wtf8(&text.as_bytes().repeat(times)).unwrap_or_default()),
        Constant::Bytes(bytes) => Constant::Bytes(bytes.repeat(times)),
        Constant::Tuple(items) => {
            if count != 0 && complexity(sequence, MAX_TOTAL_ITEMS / count) < 0 {
                return None;
            }
            Constant::Tuple(items.iter().cycle().take(items.len() * times).cloned().collect())
        }
        _ => return None,
    })
}

fn complexity(value: &Constant, limit: i64) -> i64 {
    let Constant::Tuple(items) = value else {
        return limit;
    };
    let mut left = limit - items.len() as i64;
    for item in items {
        if left < 0 {
            return left;
        }
        left = complexity(item, left);
    }
    left
}

fn subscript(sequence: &Constant, index: &Constant) -> Option<Constant> {
    if let Constant::Slice(parts) = index {
        return slice(sequence, parts);
    }
    let index = as_int(index)?.to_i64()?;
    let at = |length: usize| {
        let index = if index < 0 { index + length as i64 } else { index };
        usize::try_from(index).ok().filter(|index| *index < length)
    };
    match sequence {
        Constant::Str(text) => {
            let point = text.code_points().nth(at(text.len())?)?;
            Some(Constant::Str(WStr::from_code_points([point])))
        }
        Constant::Bytes(bytes) => Some(Constant::Int(i64::from(bytes[at(bytes.len())?]))),
        Constant::Tuple(items) => Some(items[at(items.len())?].clone()),
        _ => None,
    }
}

fn slice(sequence: &Constant, parts: &[Constant; 3]) -> Option<Constant> {
    let length = match sequence {
        Constant::Str(text) => text.len(),
        Constant::Bytes(bytes) => bytes.len(),
        Constant::Tuple(items) => items.len(),
        _ => return None,
    };
    let indices = slice_indices(parts, length as i64)?;
    Some(match sequence {
        Constant::Str(text) => {
            let points: Vec<u32> = text.code_points().collect();
            Constant::Str(WStr::from_code_points(indices.map(|index| points[index])))
        }
        Constant::Bytes(bytes) => Constant::Bytes(indices.map(|index| bytes[index]).collect()),
        Constant::Tuple(items) => Constant::Tuple(indices.map(|index| items[index].clone()).collect()),
        _ => return None,
    })
}

fn slice_indices(parts: &[Constant; 3], length: i64) -> Option<impl Iterator<Item = usize>> {
    let bound = |value: &Constant| -> Option<Option<i64>> {
        match value {
            Constant::None => Some(None),
            other => as_int(other)?.to_i64().map(Some),
        }
    };
    let step = bound(&parts[2])?.unwrap_or(1);
    if step == 0 {
        return None;
    }
    let (low, high) = if step > 0 { (0, length) } else { (-1, length - 1) };
    let clamp = |value: Option<i64>, default: i64| match value {
        None => default,
        Some(value) if value < 0 => (value.saturating_add(length)).max(low),
        Some(value) => value.min(high),
    };
    let (first, last) = if step > 0 { (low, high) } else { (high, low) };
    let start = clamp(bound(&parts[0])?, first);
    let stop = clamp(bound(&parts[1])?, last);
    let mut index = start;
    Some(std::iter::from_fn(move || {
        let inside = if step > 0 { index < stop } else { index > stop };
        let current = index;
        index = index.saturating_add(step);
        inside.then_some(current as usize)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic() {
        let int = Constant::Int;
        assert_eq!(binary(&int(7), BinaryOp::FloorDivide, &int(-2)), Some(int(-4)));
        assert_eq!(binary(&int(7), BinaryOp::Remainder, &int(-2)), Some(int(-1)));
        assert_eq!(binary(&int(1), BinaryOp::TrueDivide, &int(0)), None);
        assert_eq!(binary(&int(1), BinaryOp::Lshift, &int(200)), None);
        assert_eq!(binary(&int(1), BinaryOp::TrueDivide, &int(3)), Some(Constant::Float(1.0 / 3.0)));
        let text = Constant::Str(WStr::from("ab"));
        assert_eq!(binary(&text, BinaryOp::Multiply, &int(2)), Some(Constant::Str(WStr::from("abab"))));
        assert_eq!(binary(&text, BinaryOp::Subscript, &int(-1)), Some(Constant::Str(WStr::from("b"))));
    }
}
