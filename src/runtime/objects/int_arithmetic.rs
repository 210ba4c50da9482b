//! Arithmetic on ints: what the number slots of `int` do.
//!
//! Values that fit a machine word are computed there, with an overflow check; the rest goes through
//! big integers. Division and remainder round towards negative infinity.

use num_bigint::{BigInt, Sign};
use num_integer::Integer;
use num_traits::{One, Signed, ToPrimitive, Zero};

use crate::errors::{PyResult, Raised};
use crate::object::Obj;
use crate::objects::float;
use crate::objects::int::{self, IntRef};
use crate::objects::singletons::not_implemented;
use crate::objects::tuple::Tuple;
use crate::raise;
use IntRef::{Big, Small};

/// Shifts whose result would not fit any memory are refused beyond this many bits.
const MAX_BITS: i64 = 1 << 40;

#[cold]
fn division_by_zero() -> Raised {
    raise!(ZeroDivisionError, "division by zero")
}

/// Both values, if both operands are ints.
#[inline]
fn both<'a>(a: &'a Obj, b: &'a Obj) -> Option<(IntRef<'a>, IntRef<'a>)> {
    Some((int::view(a)?, int::view(b)?))
}

macro_rules! operators {
    ($($(#[$doc:meta])* $f:ident $values:ident;)*) => { $(
        $(#[$doc])*
        #[inline]
        pub fn $f(a: &Obj, b: &Obj) -> PyResult<Obj> {
            match both(a, b) {
                Some((x, y)) => $values(x, y),
                None => Ok(not_implemented()),
            }
        }
    )* };
}

operators! {
    /// `a + b`; NotImplemented unless both are ints, as all of these.
    add add_values;
    /// `a - b`
    subtract subtract_values;
    /// `a * b`
    multiply multiply_values;
    /// `a // b`
    floor_divide floor_divide_values;
    /// `a % b`
    remainder remainder_values;
    /// `divmod(a, b)`
    divmod divmod_values;
    /// `a / b`
    true_divide true_divide_values;
    /// `a << b`
    lshift lshift_values;
    /// `a >> b`
    rshift rshift_values;
    /// `a & b`
    and and_values;
    /// `a | b`
    or or_values;
    /// `a ^ b`
    xor xor_values;
}

#[inline]
fn add_values(x: IntRef<'_>, y: IntRef<'_>) -> PyResult<Obj> {
    Ok(match (x, y) {
        (Small(x), Small(y)) => match x.checked_add(y) {
            Some(n) => int::new(n),
            None => int::from_i128(x as i128 + y as i128),
        },
        (Small(n), Big(b)) | (Big(b), Small(n)) => int::from_bigint(b + n),
        (Big(x), Big(y)) => int::from_bigint(x + y),
    })
}

#[inline]
fn subtract_values(x: IntRef<'_>, y: IntRef<'_>) -> PyResult<Obj> {
    Ok(match (x, y) {
        (Small(x), Small(y)) => match x.checked_sub(y) {
            Some(n) => int::new(n),
            None => int::from_bigint(BigInt::from(x) - y),
        },
        (Small(x), Big(y)) => int::from_bigint(x - y),
        (Big(x), Small(y)) => int::from_bigint(x - y),
        (Big(x), Big(y)) => int::from_bigint(x - y),
    })
}

#[inline]
fn multiply_values(x: IntRef<'_>, y: IntRef<'_>) -> PyResult<Obj> {
    Ok(match (x, y) {
        (Small(x), Small(y)) => match x.checked_mul(y) {
            Some(n) => int::new(n),
            None => int::from_bigint(BigInt::from(x as i128 * y as i128)),
        },
        (Small(n), Big(b)) | (Big(b), Small(n)) => int::from_bigint(b * n),
        (Big(x), Big(y)) => int::from_bigint(x * y),
    })
}

fn is_zero(x: IntRef<'_>) -> bool {
    matches!(x, Small(0))
}

#[inline]
fn floor_divide_values(x: IntRef<'_>, y: IntRef<'_>) -> PyResult<Obj> {
    if is_zero(y) {
        return Err(division_by_zero());
    }
    Ok(match (x, y) {
        (Small(x), Small(-1)) => int::from_i128(-(x as i128)),
        (Small(x), Small(y)) => int::new(num_integer::Integer::div_floor(&x, &y)),
        _ => {
            let (x, y) = (x.as_bigint(), y.as_bigint());
            match short_quotient(&x, &y) {
                Some(quotient) => int::from_u64(quotient),
                None => int::from_bigint(x.div_floor(&*y)),
            }
        }
    })
}

#[inline]
fn remainder_values(x: IntRef<'_>, y: IntRef<'_>) -> PyResult<Obj> {
    if is_zero(y) {
        return Err(division_by_zero());
    }
    Ok(match (x, y) {
        (Small(_), Small(-1)) => int::new(0),
        (Small(x), Small(y)) => int::new(x.mod_floor(&y)),
        (Big(x), Small(y)) => int::new(floored((x % y).to_i64().unwrap_or(0), y)),
        _ => {
            let (x, y) = (x.as_bigint(), y.as_bigint());
            match short_quotient(&x, &y) {
                Some(quotient) => int::from_bigint(&*x - &*y * quotient),
                None => int::from_bigint(x.mod_floor(&*y)),
            }
        }
    })
}

/// Gives a truncated remainder the sign of the divisor.
fn floored(remainder: i64, divisor: i64) -> i64 {
    if remainder != 0 && (remainder < 0) != (divisor < 0) { remainder + divisor } else { remainder }
}

fn divmod_values(x: IntRef<'_>, y: IntRef<'_>) -> PyResult<Obj> {
    if is_zero(y) {
        return Err(division_by_zero());
    }
    let (quotient, remainder) = match (x, y) {
        (Small(x), Small(y)) if y != -1 => {
            let (quotient, remainder) = x.div_mod_floor(&y);
            (int::new(quotient), int::new(remainder))
        }
        _ => {
            let (x, y) = (x.as_bigint(), y.as_bigint());
            match short_quotient(&x, &y) {
                Some(quotient) => (int::from_u64(quotient), int::from_bigint(&*x - &*y * quotient)),
                None => {
                    let (quotient, remainder) = x.div_mod_floor(&*y);
                    (int::from_bigint(quotient), int::from_bigint(remainder))
                }
            }
        }
    };
    Ok(Tuple::from_vec(vec![quotient, remainder]).into_obj())
}

/// The quotient of two positive ints, if it is short and the leading bits alone determine it: a long division
/// would take time for each digit of the operands.
fn short_quotient(x: &BigInt, y: &BigInt) -> Option<u64> {
    const MOST_BITS: u64 = 62;
    if x.sign() != Sign::Plus || y.sign() != Sign::Plus {
        return None;
    }
    let (x_bits, y_bits) = (x.bits(), y.bits());
    if y_bits <= 64 || x_bits < y_bits || x_bits - y_bits >= MOST_BITS {
        return None;
    }
    // 64 bits of the divisor, and what stands above the same place in the dividend.
    let cut = y_bits - 64;
    let (top, divisor) = (bits_from(x, cut), bits_from(y, cut));
    let (least, most) = (top / (divisor + 1), top / divisor);
    (least == most).then_some(most as u64)
}

/// The bits of `x` from bit `from` on, which are no more than 128.
fn bits_from(x: &BigInt, from: u64) -> u128 {
    let (skipped, shift) = ((from / 64) as usize, from % 64);
    let digits = x.iter_u64_digits();
    let above = digits.len() - skipped;
    let mut result = 0;
    // The highest digit comes first and is shifted up most.
    for (i, digit) in digits.rev().take(above).enumerate() {
        let place = 64 * (above - 1 - i) as i64 - shift as i64;
        let digit = u128::from(digit);
        result |= if place < 0 { digit >> -place } else { digit << place };
    }
    result
}

fn true_divide_values(x: IntRef<'_>, y: IntRef<'_>) -> PyResult<Obj> {
    const EXACT: u64 = 1 << 53;
    if is_zero(y) {
        return Err(division_by_zero());
    }
    if let (Small(x), Small(y)) = (x, y)
        && x.unsigned_abs() <= EXACT
        && y.unsigned_abs() <= EXACT
    {
        return Ok(float::new(x as f64 / y as f64));
    }
    ratio(&x.to_bigint(), &y.to_bigint()).map(float::new)
}

/// `numerator / denominator`, correctly rounded; the denominator is not 0.
pub fn ratio(numerator: &BigInt, denominator: &BigInt) -> PyResult<f64> {
    if numerator.is_zero() {
        return Ok(if denominator.is_negative() { -0.0 } else { 0.0 });
    }
    let negative = numerator.is_negative() != denominator.is_negative();
    let (a, b) = (numerator.magnitude(), denominator.magnitude());
    // A quotient of at least 66 bits, the lowest made odd if anything was cut off.
    let shift = a.bits() as i64 - b.bits() as i64 - 66;
    if shift > 1100 {
        return Err(raise!(OverflowError, "integer division result too large for a float"));
    }
    if shift < -1300 {
        return Ok(if negative { -0.0 } else { 0.0 });
    }
    let (quotient, rest) = if shift < 0 { (a << -shift).div_rem(b) } else { a.div_rem(&(b << shift)) };
    let quotient = quotient.to_u128().unwrap_or(u128::MAX) | !rest.is_zero() as u128;
    match scale_rounded(quotient, shift) {
        Some(x) => Ok(if negative { -x } else { x }),
        None => Err(raise!(OverflowError, "integer division result too large for a float")),
    }
}

/// `mantissa * 2**exponent` rounded to the nearest double, ties to even; `None` on overflow.
fn scale_rounded(mantissa: u128, exponent: i64) -> Option<f64> {
    let bits = 128 - i64::from(mantissa.leading_zeros());
    let drop = (bits - 53).max(-1074 - exponent).max(0);
    let kept = if drop > 127 {
        0
    } else {
        let (kept, cut) = (mantissa >> drop, mantissa & ((1u128 << drop) - 1));
        let half = if drop == 0 { 1 } else { 1u128 << (drop - 1) };
        kept + (cut > half || (drop > 0 && cut == half && kept & 1 == 1)) as u128
    };
    let exponent = exponent + drop;
    if exponent > 971 {
        return None;
    }
    let power = |e: i64| f64::from_bits(((e + 1023) as u64) << 52);
    // Both factors and both products are exact: the result is representable.
    let x = if exponent < -1000 {
        kept as f64 * power(exponent + 100) * power(-100)
    } else {
        kept as f64 * power(exponent)
    };
    x.is_finite().then_some(x)
}

/// The nearest double, or OverflowError.
pub fn to_f64(x: IntRef<'_>) -> PyResult<f64> {
    match x {
        Small(n) => Ok(n as f64),
        Big(n) => match n.to_f64().filter(|x| x.is_finite()) {
            Some(x) => Ok(x),
            None => Err(raise!(OverflowError, "int too large to convert to float")),
        },
    }
}

fn lshift_values(x: IntRef<'_>, y: IntRef<'_>) -> PyResult<Obj> {
    let count = match y {
        Small(n) if n >= 0 => n,
        Big(n) if !n.is_negative() => {
            return if is_zero(x) { Ok(int::new(0)) } else { Err(raise!(OverflowError, "too many digits in integer")) };
        }
        _ => return Err(raise!(ValueError, "negative shift count")),
    };
    if is_zero(x) {
        return Ok(int::new(0));
    }
    if let Small(x) = x
        && count < 64
    {
        return Ok(int::from_i128((x as i128) << count));
    }
    if count > MAX_BITS {
        return Err(raise!(MemoryError));
    }
    Ok(int::from_bigint(x.to_bigint() << count))
}

fn rshift_values(x: IntRef<'_>, y: IntRef<'_>) -> PyResult<Obj> {
    let count = match y {
        Small(n) if n >= 0 => n,
        Big(n) if !n.is_negative() => i64::MAX,
        _ => return Err(raise!(ValueError, "negative shift count")),
    };
    Ok(match x {
        Small(x) => int::new(x >> count.min(63)),
        Big(x) if count > x.bits() as i64 => int::new(if x.is_negative() { -1 } else { 0 }),
        Big(x) => int::from_bigint(x >> count),
    })
}

/// The value if it fits two digits.
fn as_i128(x: IntRef<'_>) -> Option<i128> {
    match x {
        Small(n) => Some(n.into()),
        Big(n) if n.bits() < 127 => n.to_i128(),
        Big(_) => None,
    }
}

#[inline]
fn and_values(x: IntRef<'_>, y: IntRef<'_>) -> PyResult<Obj> {
    Ok(match (x, y) {
        (Small(x), Small(y)) => int::new(x & y),
        _ => match (as_i128(x), as_i128(y)) {
            (Some(x), Some(y)) => int::from_i128(x & y),
            _ => int::from_bigint(&*x.as_bigint() & &*y.as_bigint()),
        },
    })
}

#[inline]
fn or_values(x: IntRef<'_>, y: IntRef<'_>) -> PyResult<Obj> {
    Ok(match (x, y) {
        (Small(x), Small(y)) => int::new(x | y),
        _ => match (as_i128(x), as_i128(y)) {
            (Some(x), Some(y)) => int::from_i128(x | y),
            _ => int::from_bigint(&*x.as_bigint() | &*y.as_bigint()),
        },
    })
}

#[inline]
fn xor_values(x: IntRef<'_>, y: IntRef<'_>) -> PyResult<Obj> {
    Ok(match (x, y) {
        (Small(x), Small(y)) => int::new(x ^ y),
        _ => match (as_i128(x), as_i128(y)) {
            (Some(x), Some(y)) => int::from_i128(x ^ y),
            _ => int::from_bigint(&*x.as_bigint() ^ &*y.as_bigint()),
        },
    })
}

/// `pow(a, b, modulus)`; the modulus may be None.
pub fn power(a: &Obj, b: &Obj, modulus: &Obj) -> PyResult<Obj> {
    let Some((base, exponent)) = both(a, b) else {
        return Ok(not_implemented());
    };
    if !modulus.is_none() {
        return match int::view(modulus) {
            Some(modulus) => modular_power(base, exponent, modulus),
            None => Ok(not_implemented()),
        };
    }
    match exponent {
        Small(n) if n >= 0 => plain_power(base, n as u64),
        Big(n) if !n.is_negative() => match base {
            Small(0) => Ok(int::new(0)),
            Small(1) => Ok(int::new(1)),
            Small(-1) => Ok(int::new(if n.is_even() { 1 } else { -1 })),
            _ => Err(raise!(MemoryError)),
        },
        _ => crate::objects::float_methods::power_values(to_f64(base)?, to_f64(exponent)?),
    }
}

fn plain_power(base: IntRef<'_>, exponent: u64) -> PyResult<Obj> {
    if let Small(base) = base {
        match base {
            0 => return Ok(int::new((exponent == 0) as i64)),
            1 => return Ok(int::new(1)),
            -1 => return Ok(int::new(if exponent.is_multiple_of(2) { 1 } else { -1 })),
            _ => {}
        }
        if let Some(n) = u32::try_from(exponent).ok().and_then(|e| base.checked_pow(e)) {
            return Ok(int::new(n));
        }
        // Powers of two are shifts.
        if base.unsigned_abs().is_power_of_two() {
            let shift =
                i64::from(base.unsigned_abs().trailing_zeros()).checked_mul(exponent.try_into().unwrap_or(i64::MAX));
            let Some(shift) = shift.filter(|&s| s <= MAX_BITS) else {
                return Err(raise!(MemoryError));
            };
            let n = BigInt::one() << shift;
            return Ok(int::from_bigint(if base < 0 && exponent % 2 == 1 { -n } else { n }));
        }
    }
    let base = base.to_bigint();
    let bits = base.bits().saturating_mul(exponent);
    let Some(exponent) = u32::try_from(exponent).ok().filter(|_| bits <= MAX_BITS as u64) else {
        return Err(raise!(MemoryError));
    };
    Ok(int::from_bigint(base.pow(exponent)))
}

fn modular_power(base: IntRef<'_>, exponent: IntRef<'_>, modulus: IntRef<'_>) -> PyResult<Obj> {
    if is_zero(modulus) {
        return Err(raise!(ValueError, "pow() 3rd argument cannot be 0"));
    }
    if let (Small(base), Small(exponent), Small(modulus)) = (base, exponent, modulus)
        && exponent >= 0
        && modulus != -1
    {
        return Ok(int::new(small_modular_power(base, exponent as u64, modulus)));
    }
    let (mut base, mut exponent, modulus) = (base.to_bigint(), exponent.to_bigint(), modulus.to_bigint());
    if modulus.magnitude().is_one() {
        return Ok(int::new(0));
    }
    if exponent.is_negative() {
        let Some(inverse) = base.mod_floor(&modulus.abs()).modinv(&modulus.abs()) else {
            return Err(raise!(ValueError, "base is not invertible for the given modulus"));
        };
        (base, exponent) = (inverse, -exponent);
    }
    Ok(int::from_bigint(base.modpow(&exponent, &modulus)))
}

fn small_modular_power(base: i64, mut exponent: u64, modulus: i64) -> i64 {
    let m = modulus.unsigned_abs() as u128;
    let mut square = (base as i128).rem_euclid(m as i128) as u128;
    let mut result = 1 % m;
    while exponent != 0 {
        if exponent & 1 == 1 {
            result = result * square % m;
        }
        square = square * square % m;
        exponent >>= 1;
    }
    let result = result as i64;
    if modulus < 0 && result != 0 { result + modulus } else { result }
}

/// `-x`
pub fn negate(x: IntRef<'_>) -> Obj {
    match x {
        Small(n) => int::from_i128(-(n as i128)),
        Big(n) => int::from_bigint(-n),
    }
}

/// `abs(x)`
pub fn absolute(x: IntRef<'_>) -> Obj {
    match x {
        Small(n) => int::from_u64(n.unsigned_abs()),
        Big(n) => int::from_bigint(n.abs()),
    }
}

/// `~x`
pub fn invert(x: IntRef<'_>) -> Obj {
    match x {
        Small(n) => int::new(!n),
        Big(n) => int::from_bigint(!n),
    }
}

/// Orders two ints.
#[inline]
pub fn compare(x: IntRef<'_>, y: IntRef<'_>) -> std::cmp::Ordering {
    match (x, y) {
        (Small(x), Small(y)) => x.cmp(&y),
        // A small value may be stored big in a subclass instance, never the other way round.
        (Small(x), Big(y)) => BigInt::from(x).cmp(y),
        (Big(x), Small(y)) => x.cmp(&BigInt::from(y)),
        (Big(x), Big(y)) => x.cmp(y),
    }
}

/// Number of bits of the magnitude.
pub fn bit_length(x: IntRef<'_>) -> u64 {
    match x {
        Small(n) => u64::from(64 - n.unsigned_abs().leading_zeros()),
        Big(n) => n.bits(),
    }
}

/// The magnitude's one bits.
pub fn bit_count(x: IntRef<'_>) -> u64 {
    match x {
        Small(n) => u64::from(n.unsigned_abs().count_ones()),
        Big(n) => n.magnitude().iter_u64_digits().map(|d| u64::from(d.count_ones())).sum(),
    }
}

/// The integer part of a finite double.
pub fn from_f64(x: f64) -> Obj {
    const EXACT: f64 = (1i64 << 62) as f64;
    if x.abs() < EXACT {
        return int::new(x as i64);
    }
    let bits = x.to_bits();
    let mantissa = (bits & ((1 << 52) - 1)) | 1 << 52;
    let exponent = ((bits >> 52) & 0x7ff) as i64 - 1075;
    let sign = if x < 0.0 { Sign::Minus } else { Sign::Plus };
    int::from_bigint(BigInt::from_biguint(sign, mantissa.into()) << exponent)
}

/// Rounds to a multiple of `10**digits`, half to even.
pub fn round_to_power(x: &BigInt, digits: u32) -> BigInt {
    let unit = BigInt::from(10).pow(digits);
    let (quotient, remainder) = x.div_mod_floor(&unit);
    let twice: BigInt = &remainder * 2;
    let up = match twice.cmp(&unit) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Equal => quotient.is_odd(),
        std::cmp::Ordering::Greater => true,
    };
    (if up { quotient + 1 } else { quotient }) * unit
}
