//! The 64-bit value word: what a local variable, a stack slot or a list item holds.
//!
//! | low bits | meaning |
//! |---|---|
//! | `...1` | fixnum: a 63-bit signed integer |
//! | `..10` | flonum: a double whose exponent lies near zero, rotated as CRuby does |
//! | `.000` | pointer to a heap object; the word 0 means "no value" |
//!
//! The form is canonical: an exact `int` that fits 63 bits is always a fixnum and an exact `float`
//! that can be a flonum always is one, so identity is word equality.

use crate::object::{Header, Obj};

/// A raw value word. `Copy`, owns nothing; used by the interpreter, the collector and the JIT.
#[repr(transparent)]
#[derive(Copy, Clone, PartialEq, Eq)]
pub struct Value(pub u64);

/// Largest integer held in the word itself.
pub const FIXNUM_MAX: i64 = i64::MAX >> 1;
/// Smallest integer held in the word itself.
pub const FIXNUM_MIN: i64 = i64::MIN >> 1;

/// The word for `0.0`, whose bits do not fit the rotation.
const FLONUM_ZERO: u64 = 0x8000_0000_0000_0002;
/// The one bit pattern with a suitable exponent that would collide with `FLONUM_ZERO`.
const FLONUM_HOLE: u64 = 0x3000_0000_0000_0000;

impl Value {
    /// No value: an unbound local, or "an exception is pending".
    pub const NULL: Value = Value(0);

    #[inline(always)]
    pub const fn is_null(self) -> bool {
        self.0 == 0
    }

    #[inline(always)]
    pub const fn is_fixnum(self) -> bool {
        self.0 & 1 != 0
    }

    #[inline(always)]
    pub const fn is_flonum(self) -> bool {
        self.0 & 3 == 2
    }

    /// True for a heap pointer and for `NULL`.
    #[inline(always)]
    pub const fn is_pointer_or_null(self) -> bool {
        self.0 & 7 == 0
    }

    /// True for a heap pointer alone, in a single test of a byte: addresses are positive as signed numbers, what lies in
    /// front of the first one is not. The rotation brings the sign beside the low bits; processors rotate by one place more
    /// slowly.
    #[inline(always)]
    pub const fn is_pointer(self) -> bool {
        self.0.wrapping_sub(8).rotate_left(4) & 0x78 == 0
    }

    /// Wraps an integer; the caller knows that it fits 63 bits.
    #[inline(always)]
    pub const fn from_fixnum(n: i64) -> Value {
        Value(((n as u64) << 1) | 1)
    }

    /// Wraps an integer if it fits 63 bits.
    #[inline(always)]
    pub const fn try_from_i64(n: i64) -> Option<Value> {
        if n >= FIXNUM_MIN && n <= FIXNUM_MAX { Some(Value::from_fixnum(n)) } else { None }
    }

    #[inline(always)]
    pub const fn as_fixnum(self) -> i64 {
        (self.0 as i64) >> 1
    }

    /// Wraps a double if its exponent is in the flonum range (about 1e-77 to 1e77, and `0.0`).
    #[inline(always)]
    pub const fn try_from_f64(x: f64) -> Option<Value> {
        let bits = x.to_bits();
        let exponent = (bits >> 60) & 7;
        if (exponent == 3 || exponent == 4) && bits != FLONUM_HOLE {
            Some(Value((bits.rotate_left(3) & !3) | 2))
        } else if bits == 0 {
            Some(Value(FLONUM_ZERO))
        } else {
            None
        }
    }

    #[inline(always)]
    pub const fn as_flonum(self) -> f64 {
        if self.0 == FLONUM_ZERO {
            return 0.0;
        }
        let low = 2 - (self.0 >> 63);
        f64::from_bits((low | (self.0 & !3)).rotate_right(3))
    }

    #[inline(always)]
    pub fn from_pointer(p: *const Header) -> Value {
        Value(p as u64)
    }

    #[inline(always)]
    pub const fn as_pointer(self) -> *mut Header {
        self.0 as *mut Header
    }

    /// Takes over the reference that this word stands for.
    ///
    /// # Safety
    /// The word is not `NULL` and carries one reference that nobody else releases.
    #[inline(always)]
    pub unsafe fn into_obj(self) -> Obj {
        // SAFETY: the caller hands over a counted, non-null word.
        unsafe { Obj::from_owned(self) }
    }

    /// Views the word as an object without touching its count.
    ///
    /// # Safety
    /// The word is not `NULL` and stays alive for as long as the borrow.
    #[inline(always)]
    pub unsafe fn as_obj(&self) -> &Obj {
        debug_assert!(!self.is_null());
        // SAFETY: Obj is a transparent wrapper of the same word.
        unsafe { &*(self as *const Value as *const Obj) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixnums_round_trip() {
        assert!(!Value::NULL.is_pointer());
        assert!(Value(0x7fff_ffff_fff0).is_pointer());
        for n in [0, 1, -1, FIXNUM_MAX, FIXNUM_MIN] {
            assert!(!Value::from_fixnum(n).is_pointer());
            assert_eq!(Value::try_from_i64(n).unwrap().as_fixnum(), n);
        }
        assert!(Value::try_from_i64(FIXNUM_MAX + 1).is_none());
        assert!(Value::try_from_i64(FIXNUM_MIN - 1).is_none());
    }

    #[test]
    fn flonums_round_trip() {
        for x in [0.0, 1.0, -1.0, 0.1, -2.5e10, 1e76, -1e-76] {
            let v = Value::try_from_f64(x).unwrap();
            assert!(v.is_flonum());
            assert_eq!(v.as_flonum().to_bits(), x.to_bits());
        }
        for x in [-0.0, f64::NAN, f64::INFINITY, 1e300, 1e-300, f64::from_bits(FLONUM_HOLE)] {
            assert!(Value::try_from_f64(x).is_none());
        }
    }
}
