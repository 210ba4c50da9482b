//! Hashes of numbers: equal numbers of any type hash alike, modulo the Mersenne prime 2**61 - 1.

use num_bigint::{BigInt, Sign};

/// `sys.hash_info.modulus`
pub const MODULUS: u64 = (1 << BITS) - 1;
/// `sys.hash_info.inf`
pub const HASH_INF: i64 = 314159;
/// `sys.hash_info.imag`
pub const HASH_IMAG: i64 = 1_000_003;

const BITS: u32 = 61;

/// Multiplies by `2**shift` modulo [`MODULUS`] (`shift` below 61, `value` below the modulus).
fn rotate(value: u64, shift: u32) -> u64 {
    ((value << shift) & MODULUS) | (value >> (BITS - shift))
}

/// -1 signals an error in hash slots, so it never is a hash.
fn finish(magnitude: u64, negative: bool) -> i64 {
    let hash = magnitude.cast_signed();
    let hash = if negative { -hash } else { hash };
    if hash == -1 { -2 } else { hash }
}

/// `hash(value)` of a float; `None` for nan, which hashes by the identity of its object.
pub fn hash_double(value: f64) -> Option<i64> {
    if value.is_nan() {
        return None;
    }
    if value.is_infinite() {
        return Some(if value > 0.0 { HASH_INF } else { -HASH_INF });
    }
    if value == 0.0 {
        return Some(0);
    }
    let bits = value.to_bits();
    let fraction = bits & ((1 << 52) - 1);
    let biased = (bits >> 52) & 0x7ff;
    let mantissa = if biased == 0 { fraction } else { fraction | 1 << 52 };
    // value = mantissa * 2**(biased - 1075); 2**61 is 1, so exponents count modulo 61.
    let exponent = biased.max(1).cast_signed() - 1075;
    let shift = u32::try_from(exponent.rem_euclid(i64::from(BITS))).unwrap_or(0);
    let rotated = rotate(mantissa, shift);
    Some(finish(if rotated == MODULUS { 0 } else { rotated }, value < 0.0))
}

/// `hash(value)` of a machine integer.
#[inline]
pub fn hash_small_int(value: i64) -> i64 {
    finish(value.unsigned_abs() % MODULUS, value < 0)
}

/// `hash(value)` of an integer.
pub fn hash_bigint(value: &BigInt) -> i64 {
    let mut hash = 0u64;
    for digit in value.magnitude().iter_u32_digits().rev() {
        hash = rotate(hash, 32);
        hash += u64::from(digit);
        if hash >= MODULUS {
            hash -= MODULUS;
        }
    }
    finish(hash, value.sign() == Sign::Minus)
}

/// `hash(complex)` from the hashes of its parts.
pub fn combine_complex(real: i64, imaginary: i64) -> i64 {
    let hash = real.wrapping_add(HASH_IMAG.wrapping_mul(imaginary));
    if hash == -1 { -2 } else { hash }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_cpython() {
        assert_eq!(hash_double(0.5), Some(1152921504606846976));
        assert_eq!(hash_double(-1.0), Some(-2));
        assert_eq!(hash_double(1e300), Some(1224995262755759164));
        assert_eq!(hash_double(5e-324), Some(16777216));
        assert_eq!(hash_double(f64::NEG_INFINITY), Some(-314159));
        assert_eq!(hash_small_int(-1), -2);
        assert_eq!(hash_small_int(i64::MIN), -4);
        assert_eq!(hash_small_int((1 << 61) - 1), 0);
        assert_eq!(hash_bigint(&BigInt::from(10).pow(100)), 910685213754167845);
        assert_eq!(hash_bigint(&-BigInt::from(2).pow(200)), -131072);
    }
}
