//! The slots and methods of `float`.

use num_bigint::BigInt;

use crate::call::Args;
use crate::class::ClassDef;
use crate::errors::PyResult;
use crate::object::{Obj, Object, Ptr, PyClass};
use crate::objects::float::{self, CLASS, Float};
use crate::objects::int::{self, IntRef};
use crate::objects::singletons::{bool_obj, not_implemented};
use crate::objects::str::Str;
use crate::objects::tuple::Tuple;
use crate::objects::{bytes, complex, int_arithmetic, int_methods, str_format};
use crate::protocols::{number, text};
use crate::raise;
use crate::types::slots::CompareOp;
use crate::types::{NativeLayout, Type, flags};
use pyrs_macros::pymethods;
use pyrs_unicode::number_parse::{self, HexFloatError};
use pyrs_unicode::{hash, number_format};

impl Float {
    /// The definition that the class object is made from.
    pub fn def() -> &'static ClassDef {
        static DEF: ClassDef = ClassDef {
            name: "float",
            module: "builtins",
            doc: "Convert a string or number to a floating-point number, if possible.",
            class: CLASS,
            base: crate::objects::object::object_class,
            flags: flags::BASETYPE | flags::MATCH_SELF,
            basicsize: size_of::<Object<Float>>(),
            itemsize: 0,
            has_dict: false,
            has_weaklist: false,
            layout: NativeLayout { drop_payload: crate::class::drop_payload::<Float>, ..NativeLayout::EMPTY },
            parts: &[&Float::PART],
            unhashable: false,
        };
        &DEF
    }
}

/// The value of an operand that is known to be a float.
#[inline]
fn value(this: &Obj) -> f64 {
    float::view(this).expect("the slot belongs to float")
}

/// `float(text)` for anything that is no number: str, bytes, bytearray and other buffers.
pub fn parse(obj: &Obj) -> PyResult<f64> {
    let digits = match obj.downcast::<Str>() {
        Some(text) => match text.as_ascii() {
            Some(ascii) => ascii.as_bytes().to_vec(),
            None => int_methods::ascii_number(text),
        },
        None => match bytes::contiguous(obj)? {
            Some(data) => data,
            None => {
                return Err(raise!(
                    TypeError,
                    "float() argument must be a string or a real number, not '{}'",
                    obj.class().name()
                ));
            }
        },
    };
    match number_parse::float_from_str(&digits) {
        Some(x) => Ok(x),
        None => Err(raise!(ValueError, "could not convert string to float: {}", text::repr_text(obj)?)),
    }
}

/// Both operands as doubles; `None` if one is neither float nor int.
#[inline]
fn operands(a: &Obj, b: &Obj) -> PyResult<Option<(f64, f64)>> {
    Ok(match (operand(a)?, operand(b)?) {
        (Some(x), Some(y)) => Some((x, y)),
        _ => None,
    })
}

#[inline]
fn operand(obj: &Obj) -> PyResult<Option<f64>> {
    if let Some(x) = float::view(obj) {
        return Ok(Some(x));
    }
    int::view(obj).map(int_arithmetic::to_f64).transpose()
}

/// Quotient and remainder of floor division; the divisor is not 0.
pub fn floor_divmod(x: f64, y: f64) -> (f64, f64) {
    let mut remainder = x % y;
    let mut quotient = (x - remainder) / y;
    if remainder != 0.0 {
        if (y < 0.0) != (remainder < 0.0) {
            remainder += y;
            quotient -= 1.0;
        }
    } else {
        remainder = 0f64.copysign(y);
    }
    if quotient != 0.0 {
        let floor = quotient.floor();
        quotient = if quotient - floor > 0.5 { floor + 1.0 } else { floor };
    } else {
        quotient = 0f64.copysign(x / y);
    }
    (quotient, remainder)
}

/// `x % y` with the sign of the divisor.
fn floor_mod(x: f64, y: f64) -> f64 {
    let remainder = x % y;
    if remainder == 0.0 {
        0f64.copysign(y)
    } else if (y < 0.0) != (remainder < 0.0) {
        remainder + y
    } else {
        remainder
    }
}

/// `x ** y`; a complex number for a negative base and a fractional exponent.
pub fn power_values(x: f64, y: f64) -> PyResult<Obj> {
    if y == 0.0 || x == 1.0 {
        return Ok(float::new(1.0));
    }
    if x.is_nan() || y.is_nan() {
        return Ok(float::new(f64::NAN));
    }
    if y.is_infinite() {
        let magnitude = x.abs();
        return Ok(float::new(if magnitude == 1.0 {
            1.0
        } else if (y > 0.0) == (magnitude > 1.0) {
            f64::INFINITY
        } else {
            0.0
        }));
    }
    let odd = y % 2.0 != 0.0 && y.floor() == y;
    if x.is_infinite() {
        let magnitude = if y > 0.0 { f64::INFINITY } else { 0.0 };
        return Ok(float::new(if odd { magnitude.copysign(x) } else { magnitude }));
    }
    if x == 0.0 {
        if y < 0.0 {
            return Err(raise!(ZeroDivisionError, "zero to a negative power"));
        }
        return Ok(float::new(if odd { x } else { 0.0 }));
    }
    if x < 0.0 && y.floor() != y {
        return complex::power_values((x, 0.0), (y, 0.0)).map(|(re, im)| complex::new(re, im));
    }
    let result = x.powf(y);
    if result.is_infinite() {
        return Err(crate::errors::raise_class(
            <crate::objects::exceptions::OverflowError as PyClass>::class(),
            &[int::new(i64::from(libc::ERANGE)), Str::new("Numerical result out of range").into_obj()],
        ));
    }
    Ok(float::new(result))
}

/// Compares a float with an int exactly.
fn compare_with_int(x: f64, n: IntRef<'_>) -> Option<std::cmp::Ordering> {
    if x.is_nan() {
        return None;
    }
    if x.is_infinite() {
        return x.partial_cmp(&0.0);
    }
    if let IntRef::Small(n) = n
        && n.unsigned_abs() <= 1 << 53
    {
        return x.partial_cmp(&(n as f64));
    }
    // The integer part decides, then the fraction.
    let whole = int_arithmetic::from_f64(x.trunc());
    let whole = int::view(&whole).unwrap_or(IntRef::Small(0));
    let ordering = int_arithmetic::compare(whole, n);
    Some(ordering.then_with(|| x.fract().partial_cmp(&0.0).unwrap_or(std::cmp::Ordering::Equal)))
}

/// The integer part as an int, or the error that `int()` raises.
pub fn to_int(x: f64) -> PyResult<Obj> {
    if x.is_nan() {
        return Err(raise!(ValueError, "cannot convert float NaN to integer"));
    }
    if x.is_infinite() {
        return Err(raise!(OverflowError, "cannot convert float infinity to integer"));
    }
    Ok(int_arithmetic::from_f64(x))
}

/// Numerator and denominator in lowest terms of a finite double.
pub fn integer_ratio(x: f64) -> (BigInt, BigInt) {
    if x == 0.0 {
        return (BigInt::from(0), BigInt::from(1));
    }
    let bits = x.to_bits();
    let biased = ((bits >> 52) & 0x7ff) as i64;
    let fraction = bits & ((1 << 52) - 1);
    let (mut mantissa, mut exponent) =
        if biased == 0 { (fraction, -1074) } else { (fraction | 1 << 52, biased - 1075) };
    let zeros = mantissa.trailing_zeros();
    mantissa >>= zeros;
    exponent += i64::from(zeros);
    let mantissa = if x < 0.0 { -BigInt::from(mantissa) } else { BigInt::from(mantissa) };
    if exponent > 0 { (mantissa << exponent, BigInt::from(1)) } else { (mantissa, BigInt::from(1) << -exponent) }
}

/// Makes an instance of `cls` with the value.
fn instance(cls: &Type, x: f64) -> Obj {
    if std::ptr::eq(cls, Float::class()) { float::new(x) } else { Ptr::new_in(cls, Float(x)).into_obj() }
}

#[pymethods]
impl Float {
    #[new(text_signature = "(x=0, /)")]
    fn new(cls: &Type, args: Args<'_>) -> PyResult<Obj> {
        let args = crate::class::positional_arguments::<Float>(cls, args)?;
        let x = match args.positionals() {
            [] => 0.0,
            [x] => {
                if std::ptr::eq(cls, Float::class()) && float::is_exact(x) {
                    return Ok(x.clone());
                }
                number::to_f64(x)?
            }
            more => {
                return Err(raise!(TypeError, "float expected at most 1 argument, got {}", more.len()));
            }
        };
        Ok(instance(cls, x))
    }

    #[slot(repr)]
    fn repr(this: &Obj) -> PyResult<Obj> {
        Ok(Str::from_latin1(number_format::float_repr(value(this)).as_bytes()).into_obj())
    }

    #[slot(hash)]
    fn hash(this: &Obj) -> PyResult<i64> {
        match hash::hash_double(value(this)) {
            Some(hash) => Ok(hash),
            None => crate::protocols::compare::identity_hash(this),
        }
    }

    #[slot(richcompare)]
    fn compare(a: &Obj, b: &Obj, op: CompareOp) -> PyResult<Obj> {
        let x = value(a);
        let ordering = match (float::view(b), int::view(b)) {
            (Some(y), _) => x.partial_cmp(&y),
            (_, Some(n)) => compare_with_int(x, n),
            _ => return Ok(not_implemented()),
        };
        Ok(bool_obj(ordering.map_or(op == CompareOp::Ne, |o| op.matches(o))))
    }

    #[slot(nb_add)]
    fn add(a: &Obj, b: &Obj) -> PyResult<Obj> {
        Ok(operands(a, b)?.map_or_else(not_implemented, |(x, y)| float::new(x + y)))
    }

    #[slot(nb_subtract)]
    fn subtract(a: &Obj, b: &Obj) -> PyResult<Obj> {
        Ok(operands(a, b)?.map_or_else(not_implemented, |(x, y)| float::new(x - y)))
    }

    #[slot(nb_multiply)]
    fn multiply(a: &Obj, b: &Obj) -> PyResult<Obj> {
        Ok(operands(a, b)?.map_or_else(not_implemented, |(x, y)| float::new(x * y)))
    }

    #[slot(nb_true_divide)]
    fn true_divide(a: &Obj, b: &Obj) -> PyResult<Obj> {
        match operands(a, b)? {
            Some((_, 0.0)) => Err(raise!(ZeroDivisionError, "division by zero")),
            Some((x, y)) => Ok(float::new(x / y)),
            None => Ok(not_implemented()),
        }
    }

    #[slot(nb_floor_divide)]
    fn floor_divide(a: &Obj, b: &Obj) -> PyResult<Obj> {
        match operands(a, b)? {
            Some((_, 0.0)) => Err(raise!(ZeroDivisionError, "division by zero")),
            Some((x, y)) => Ok(float::new(floor_divmod(x, y).0)),
            None => Ok(not_implemented()),
        }
    }

    #[slot(nb_remainder)]
    fn remainder(a: &Obj, b: &Obj) -> PyResult<Obj> {
        match operands(a, b)? {
            Some((_, 0.0)) => Err(raise!(ZeroDivisionError, "division by zero")),
            Some((x, y)) => Ok(float::new(floor_mod(x, y))),
            None => Ok(not_implemented()),
        }
    }

    #[slot(nb_divmod)]
    fn divmod(a: &Obj, b: &Obj) -> PyResult<Obj> {
        match operands(a, b)? {
            Some((_, 0.0)) => Err(raise!(ZeroDivisionError, "division by zero")),
            Some((x, y)) => {
                let (quotient, remainder) = floor_divmod(x, y);
                Ok(Tuple::from_vec(vec![float::new(quotient), float::new(remainder)]).into_obj())
            }
            None => Ok(not_implemented()),
        }
    }

    #[slot(nb_power)]
    fn power(a: &Obj, b: &Obj, modulus: &Obj) -> PyResult<Obj> {
        if !modulus.is_none() {
            return Err(raise!(TypeError, "pow() 3rd argument not allowed unless all arguments are integers"));
        }
        match operands(a, b)? {
            Some((x, y)) => power_values(x, y),
            None => Ok(not_implemented()),
        }
    }

    #[slot(nb_negative)]
    fn negative(this: &Obj) -> PyResult<Obj> {
        Ok(float::new(-value(this)))
    }

    #[slot(nb_positive)]
    fn positive(this: &Obj) -> PyResult<Obj> {
        Ok(float::new(value(this)))
    }

    #[slot(nb_absolute)]
    fn absolute(this: &Obj) -> PyResult<Obj> {
        Ok(float::new(value(this).abs()))
    }

    #[slot(nb_bool)]
    fn truth(this: &Obj) -> PyResult<bool> {
        Ok(value(this) != 0.0)
    }

    #[slot(nb_int)]
    fn int(this: &Obj) -> PyResult<Obj> {
        to_int(value(this))
    }

    #[slot(nb_float)]
    fn float(this: &Obj) -> PyResult<Obj> {
        Ok(if float::is_exact(this) { this.clone() } else { float::new(value(this)) })
    }

    /// Convert real number to a floating-point number.
    #[classmethod]
    fn from_number(cls: &Type, number: &Obj) -> PyResult<Obj> {
        if float::is_exact(number) && std::ptr::eq(cls, Float::class()) {
            return Ok(number.clone());
        }
        let x = float::new(number::as_f64(number)?);
        if std::ptr::eq(cls, Float::class()) { Ok(x) } else { crate::call::call(&cls.as_obj(), &[x]) }
    }

    /// Return self, the complex conjugate of any float.
    #[pymethod]
    fn conjugate(this: &Obj) -> f64 {
        value(this)
    }

    /// Return the Integral closest to x between 0 and x.
    #[pymethod(name = "__trunc__")]
    fn trunc(this: &Obj) -> PyResult<Obj> {
        to_int(value(this))
    }

    /// Return the floor as an Integral.
    #[pymethod(name = "__floor__")]
    fn floor(this: &Obj) -> PyResult<Obj> {
        to_int(value(this).floor())
    }

    /// Return the ceiling as an Integral.
    #[pymethod(name = "__ceil__")]
    fn ceil(this: &Obj) -> PyResult<Obj> {
        to_int(value(this).ceil())
    }

    /// Return the Integral closest to x, rounding half toward even.
    ///
    /// When an argument is passed, work like built-in round(x, ndigits).
    #[pymethod(name = "__round__")]
    fn round(this: &Obj, ndigits: Option<&Obj>) -> PyResult<Obj> {
        let x = value(this);
        let Some(ndigits) = ndigits else {
            return to_int(x.round_ties_even());
        };
        let ndigits = number::as_ssize(ndigits, false)? as i64;
        match number_format::round_half_even_decimal(x, ndigits) {
            Some(x) => Ok(float::new(x)),
            None => Err(raise!(OverflowError, "rounded value too large to represent")),
        }
    }

    /// Return a pair of integers, whose ratio is exactly equal to the original float.
    ///
    /// The ratio is in lowest terms and has a positive denominator.  Raise
    /// OverflowError on infinities and a ValueError on NaNs.
    ///
    /// >>> (10.0).as_integer_ratio()
    /// (10, 1)
    /// >>> (0.0).as_integer_ratio()
    /// (0, 1)
    /// >>> (-.25).as_integer_ratio()
    /// (-1, 4)
    #[pymethod]
    fn as_integer_ratio(this: &Obj) -> PyResult<(BigInt, BigInt)> {
        let x = value(this);
        if x.is_nan() {
            return Err(raise!(ValueError, "cannot convert NaN to integer ratio"));
        }
        if x.is_infinite() {
            return Err(raise!(OverflowError, "cannot convert Infinity to integer ratio"));
        }
        Ok(integer_ratio(x))
    }

    /// Create a floating-point number from a hexadecimal string.
    ///
    /// >>> float.fromhex('0x1.ffffp10')
    /// 2047.984375
    /// >>> float.fromhex('-0x1p-1074')
    /// -5e-324
    #[classmethod(sig = "(string, /)")]
    fn fromhex(cls: &Type, string: &Obj) -> PyResult<Obj> {
        let Some(text) = string.downcast::<Str>() else {
            return Err(raise!(TypeError, "bad argument type for built-in operation"));
        };
        let x = match number_parse::float_from_hex(text.to_string_checked()?.as_bytes()) {
            Ok(x) => float::new(x),
            Err(error @ HexFloatError::TooLarge) => {
                return Err(raise!(OverflowError, "{}", error.message()));
            }
            Err(error) => return Err(raise!(ValueError, "{}", error.message())),
        };
        if std::ptr::eq(cls, Float::class()) { Ok(x) } else { crate::call::call(&cls.as_obj(), &[x]) }
    }

    /// Return a hexadecimal representation of a floating-point number.
    ///
    /// >>> (-0.1).hex()
    /// '-0x1.999999999999ap-4'
    /// >>> 3.14159.hex()
    /// '0x1.921f9f01b866ep+1'
    #[pymethod]
    fn hex(this: &Obj) -> String {
        number_format::float_hex(value(this))
    }

    /// Return True if the float is an integer.
    #[pymethod]
    fn is_integer(this: &Obj) -> bool {
        let x = value(this);
        x.is_finite() && x.floor() == x
    }

    #[pymethod(name = "__getnewargs__")]
    fn getnewargs(this: &Obj) -> Obj {
        Tuple::from_vec(vec![float::new(value(this))]).into_obj()
    }

    /// You probably don't want to use this function.
    ///
    ///   typestr
    ///     Must be 'double' or 'float'.
    ///
    /// It exists mainly to be used in Python's test suite: it tells the
    /// format of the C type named, 'IEEE, little-endian' on all machines of today.
    #[classmethod(name = "__getformat__", sig = "(typestr, /)")]
    fn getformat(_cls: &Type, typestr: &Object<Str>) -> PyResult<&'static str> {
        match typestr.as_ascii() {
            Some("double" | "float") if cfg!(target_endian = "little") => Ok("IEEE, little-endian"),
            Some("double" | "float") => Ok("IEEE, big-endian"),
            _ => Err(raise!(ValueError, "__getformat__() argument 1 must be 'double' or 'float'")),
        }
    }

    /// Formats the float according to format_spec.
    #[pymethod(name = "__format__")]
    fn format(this: &Obj, format_spec: &Object<Str>) -> PyResult<Obj> {
        str_format::format_float(this, value(this), format_spec)
    }

    /// the real part of a complex number
    #[getter]
    fn real(this: &Obj) -> f64 {
        value(this)
    }

    /// the imaginary part of a complex number
    #[getter]
    fn imag(_this: &Obj) -> f64 {
        0.0
    }
}
