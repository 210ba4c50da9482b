//! `math`: functions of real numbers.

use num_bigint::BigInt;
use num_integer::Integer;
use num_traits::{One, Signed, ToPrimitive, Zero};
use pyrs_macros::pymodule;
use pyrs_runtime::args::Maybe;
use pyrs_runtime::call::call_special;
use pyrs_runtime::errors::{PyResult, Raised};
use pyrs_runtime::object::{Obj, Object};
use pyrs_runtime::objects::int::{self, IntRef};
use pyrs_runtime::objects::{float, float_methods, int_arithmetic};
use pyrs_runtime::protocols::{iter, number};
use pyrs_runtime::{name, raise};
use pyrs_unicode::number_format::float_repr;

/// Turns the C library's verdict into an exception; `domain` is the text for arguments out of range.
fn checked(result: pymath::Result<f64>, domain: Option<String>) -> PyResult<f64> {
    result.map_err(|error| math_error(error, domain))
}

#[cold]
fn math_error(error: pymath::Error, domain: Option<String>) -> Raised {
    match (error, domain) {
        (pymath::Error::EDOM, Some(text)) => raise!(ValueError, "{text}"),
        (pymath::Error::EDOM, None) => raise!(ValueError, "math domain error"),
        (pymath::Error::ERANGE, _) => raise!(OverflowError, "math range error"),
    }
}

/// A logarithm of any real number: ints too large for a double are scaled first.
fn logarithm(obj: &Obj, f: fn(f64) -> pymath::Result<f64>) -> PyResult<f64> {
    if let Some(value) = int::view(obj) {
        let value = value.to_bigint();
        if !value.is_positive() {
            return Err(raise!(ValueError, "expected a positive input"));
        }
        if let Some(x) = value.to_f64().filter(|x| x.is_finite()) {
            return checked(f(x), None);
        }
        let bits = value.bits();
        let mantissa = int_arithmetic::ratio(&value, &(BigInt::one() << bits))?;
        return Ok(checked(f(mantissa), None)? + checked(f(2.0), None)? * bits as f64);
    }
    let x = number::as_f64(obj)?;
    if x <= 0.0 {
        return Err(raise!(ValueError, "expected a positive input"));
    }
    checked(f(x), None)
}

/// An integer argument as a big integer.
fn integer(obj: &Obj) -> PyResult<BigInt> {
    let index = number::index(obj)?;
    Ok(int::to_bigint(&index).unwrap_or_default())
}

/// The product of the integers from `low` to `high`.
fn product(low: u64, high: u64) -> BigInt {
    if low > high {
        return BigInt::one();
    }
    if high - low < 16 {
        return (low..=high).fold(BigInt::one(), |product, n| product * n);
    }
    let middle = low + (high - low) / 2;
    product(low, middle) * product(middle + 1, high)
}

/// `n * (n - 1) * ... * (n - k + 1)`
fn falling(n: &BigInt, k: u64) -> BigInt {
    if let Some(n) = n.to_u64() {
        return product(n - k + 1, n);
    }
    (0..k).fold(BigInt::one(), |product, i| product * (n - i))
}

fn non_negative(n: BigInt, what: &str) -> PyResult<BigInt> {
    if n.is_negative() { Err(raise!(ValueError, "{what} must be a non-negative integer")) } else { Ok(n) }
}

/// Rounds by a special method, or as a double.
fn rounded(x: &Obj, method: &'static Object<pyrs_runtime::objects::str::Str>, f: fn(f64) -> f64) -> PyResult<Obj> {
    if !float::is_exact(x)
        && let Some(result) = call_special(x, method, &[])?
    {
        return Ok(result);
    }
    float_methods::to_int(f(number::as_f64(x)?))
}

fn doubles(items: &[Obj]) -> PyResult<Vec<f64>> {
    items.iter().map(number::as_f64).collect()
}

/// This module provides access to the mathematical functions
/// defined by the C standard.
#[pymodule(name = "math")]
pub mod module {
    use super::*;
    use pyrs_runtime::objects::module::Module;

    #[module_exec]
    fn exec(module: &Object<Module>) -> PyResult<()> {
        module.add("pi", float::new(std::f64::consts::PI));
        module.add("e", float::new(std::f64::consts::E));
        module.add("tau", float::new(std::f64::consts::TAU));
        module.add("inf", float::new(f64::INFINITY));
        module.add("nan", float::new(f64::NAN));
        Ok(())
    }

    /// Return the arc cosine (measured in radians) of x.
    ///
    /// The result is between 0 and pi.
    #[pyfunction]
    fn acos(x: f64) -> PyResult<f64> {
        match pymath::math::acos(x) {
            Ok(y) => Ok(y),
            error => checked(error, Some(format!("expected a number in range from -1 up to 1, got {}", float_repr(x)))),
        }
    }

    /// Return the inverse hyperbolic cosine of x.
    #[pyfunction]
    fn acosh(x: f64) -> PyResult<f64> {
        match pymath::math::acosh(x) {
            Ok(y) => Ok(y),
            error => checked(error, Some(format!("expected argument value not less than 1, got {}", float_repr(x)))),
        }
    }

    /// Return the arc sine (measured in radians) of x.
    ///
    /// The result is between -pi/2 and pi/2.
    #[pyfunction]
    fn asin(x: f64) -> PyResult<f64> {
        match pymath::math::asin(x) {
            Ok(y) => Ok(y),
            error => checked(error, Some(format!("expected a number in range from -1 up to 1, got {}", float_repr(x)))),
        }
    }

    /// Return the inverse hyperbolic sine of x.
    #[pyfunction]
    fn asinh(x: f64) -> PyResult<f64> {
        checked(pymath::math::asinh(x), None)
    }

    /// Return the arc tangent (measured in radians) of x.
    ///
    /// The result is between -pi/2 and pi/2.
    #[pyfunction]
    fn atan(x: f64) -> PyResult<f64> {
        checked(pymath::math::atan(x), None)
    }

    /// Return the inverse hyperbolic tangent of x.
    #[pyfunction]
    fn atanh(x: f64) -> PyResult<f64> {
        match pymath::math::atanh(x) {
            Ok(y) => Ok(y),
            error => checked(error, Some(format!("expected a number between -1 and 1, got {}", float_repr(x)))),
        }
    }

    /// Return the cube root of x.
    #[pyfunction]
    fn cbrt(x: f64) -> PyResult<f64> {
        checked(pymath::math::cbrt(x), None)
    }

    /// Return the cosine of x (measured in radians).
    #[pyfunction]
    fn cos(x: f64) -> PyResult<f64> {
        match pymath::math::cos(x) {
            Ok(y) => Ok(y),
            error => checked(error, Some(format!("expected a finite input, got {}", float_repr(x)))),
        }
    }

    /// Return the hyperbolic cosine of x.
    #[pyfunction]
    fn cosh(x: f64) -> PyResult<f64> {
        checked(pymath::math::cosh(x), None)
    }

    /// Error function at x.
    #[pyfunction]
    fn erf(x: f64) -> PyResult<f64> {
        checked(pymath::math::erf(x), None)
    }

    /// Complementary error function at x.
    #[pyfunction]
    fn erfc(x: f64) -> PyResult<f64> {
        checked(pymath::math::erfc(x), None)
    }

    /// Return e raised to the power of x.
    #[pyfunction]
    fn exp(x: f64) -> PyResult<f64> {
        checked(pymath::math::exp(x), None)
    }

    /// Return 2 raised to the power of x.
    #[pyfunction]
    fn exp2(x: f64) -> PyResult<f64> {
        checked(pymath::math::exp2(x), None)
    }

    /// Return exp(x)-1.
    ///
    /// This function keeps the precision that exp(x)-1 loses for small x.
    #[pyfunction]
    fn expm1(x: f64) -> PyResult<f64> {
        checked(pymath::math::expm1(x), None)
    }

    /// Return the absolute value of the float x.
    #[pyfunction]
    fn fabs(x: f64) -> PyResult<f64> {
        checked(pymath::math::fabs(x), None)
    }

    /// Gamma function at x.
    #[pyfunction]
    fn gamma(x: f64) -> PyResult<f64> {
        match pymath::math::gamma(x) {
            Ok(y) => Ok(y),
            error => checked(error, Some(format!("expected a noninteger or positive integer, got {}", float_repr(x)))),
        }
    }

    /// Natural logarithm of absolute value of Gamma function at x.
    #[pyfunction]
    fn lgamma(x: f64) -> PyResult<f64> {
        match pymath::math::lgamma(x) {
            Ok(y) => Ok(y),
            error => checked(error, Some(format!("expected a noninteger or positive integer, got {}", float_repr(x)))),
        }
    }

    /// Return the natural logarithm of 1+x (base e).
    ///
    /// The result is accurate for x near zero.
    #[pyfunction]
    fn log1p(x: f64) -> PyResult<f64> {
        match pymath::math::log1p(x) {
            Ok(y) => Ok(y),
            error => checked(error, Some(format!("expected argument value > -1, got {}", float_repr(x)))),
        }
    }

    /// Return the sine of x (measured in radians).
    #[pyfunction]
    fn sin(x: f64) -> PyResult<f64> {
        match pymath::math::sin(x) {
            Ok(y) => Ok(y),
            error => checked(error, Some(format!("expected a finite input, got {}", float_repr(x)))),
        }
    }

    /// Return the hyperbolic sine of x.
    #[pyfunction]
    fn sinh(x: f64) -> PyResult<f64> {
        checked(pymath::math::sinh(x), None)
    }

    /// Return the square root of x.
    #[pyfunction]
    fn sqrt(x: f64) -> PyResult<f64> {
        match pymath::math::sqrt(x) {
            Ok(y) => Ok(y),
            error => checked(error, Some(format!("expected a nonnegative input, got {}", float_repr(x)))),
        }
    }

    /// Return the tangent of x (measured in radians).
    #[pyfunction]
    fn tan(x: f64) -> PyResult<f64> {
        match pymath::math::tan(x) {
            Ok(y) => Ok(y),
            error => checked(error, Some(format!("expected a finite input, got {}", float_repr(x)))),
        }
    }

    /// Return the hyperbolic tangent of x.
    #[pyfunction]
    fn tanh(x: f64) -> PyResult<f64> {
        checked(pymath::math::tanh(x), None)
    }

    /// Return the arc tangent (measured in radians) of y/x.
    ///
    /// Unlike atan(y/x), the signs of both x and y are considered.
    #[pyfunction]
    fn atan2(y: f64, x: f64) -> PyResult<f64> {
        checked(pymath::math::atan2(y, x), None)
    }

    /// Return the ceiling of x as an Integral.
    ///
    /// This is the smallest integer >= x.
    #[pyfunction]
    fn ceil(x: &Obj) -> PyResult<Obj> {
        rounded(x, name!("__ceil__"), f64::ceil)
    }

    /// Return the floor of x as an Integral.
    ///
    /// This is the largest integer <= x.
    #[pyfunction]
    fn floor(x: &Obj) -> PyResult<Obj> {
        rounded(x, name!("__floor__"), f64::floor)
    }

    /// Truncates the Real x to the nearest Integral toward 0.
    ///
    /// Uses the __trunc__ magic method.
    #[pyfunction]
    fn trunc(x: &Obj) -> PyResult<Obj> {
        match call_special(x, name!("__trunc__"), &[])? {
            Some(result) => Ok(result),
            None => Err(raise!(TypeError, "type {} doesn't define __trunc__ method", x.class().name())),
        }
    }

    /// Return a float with the magnitude (absolute value) of x but the sign of y.
    ///
    /// On platforms that support signed zeros, copysign(1.0, -0.0)
    /// returns -1.0.
    #[pyfunction]
    fn copysign(x: f64, y: f64) -> f64 {
        x.copysign(y)
    }

    /// Convert angle x from radians to degrees.
    #[pyfunction]
    fn degrees(x: f64) -> f64 {
        x * (180.0 / std::f64::consts::PI)
    }

    /// Convert angle x from degrees to radians.
    #[pyfunction]
    fn radians(x: f64) -> f64 {
        x * (std::f64::consts::PI / 180.0)
    }

    /// Number of ways to choose k items from n items without repetition and without order.
    ///
    /// Evaluates to n! / (k! * (n - k)!) when k <= n and evaluates
    /// to zero when k > n.
    #[pyfunction]
    fn comb(n: &Obj, k: &Obj) -> PyResult<BigInt> {
        let n = non_negative(integer(n)?, "n")?;
        let k = non_negative(integer(k)?, "k")?;
        if k > n {
            return Ok(BigInt::zero());
        }
        let other = &n - &k;
        let Some(k) = k.min(other).to_u64().filter(|&k| k <= i64::MAX as u64) else {
            return Err(raise!(OverflowError, "min(n - k, k) must not exceed {}", i64::MAX));
        };
        Ok(falling(&n, k) / product(1, k))
    }

    /// Number of ways to choose k items from n items without repetition and with order.
    ///
    /// Evaluates to n! / (n - k)! when k <= n and evaluates
    /// to zero when k > n.
    ///
    /// If k is not specified or is None, then k defaults to n
    /// and the function returns n!.
    #[pyfunction(sig = "(n, k=None, /)")]
    fn perm(n: &Obj, k: Option<&Obj>) -> PyResult<BigInt> {
        let Some(k) = k else { return factorial(n) };
        let n = non_negative(integer(n)?, "n")?;
        let k = non_negative(integer(k)?, "k")?;
        if k > n {
            return Ok(BigInt::zero());
        }
        match k.to_u64().filter(|&k| k <= i64::MAX as u64) {
            Some(k) => Ok(falling(&n, k)),
            None => Err(raise!(OverflowError, "k must not exceed {}", i64::MAX)),
        }
    }

    /// Find n!.
    #[pyfunction]
    fn factorial(n: &Obj) -> PyResult<BigInt> {
        let n = integer(n)?;
        if n.is_negative() {
            return Err(raise!(ValueError, "factorial() not defined for negative values"));
        }
        match n.to_i64() {
            Some(n) => Ok(product(1, n as u64)),
            None => Err(raise!(OverflowError, "factorial() argument should not exceed {}", i64::MAX)),
        }
    }

    /// Return the Euclidean distance between two points p and q.
    ///
    /// The points should be specified as sequences (or iterables) of
    /// coordinates.  Both inputs must have the same dimension.
    ///
    /// Roughly equivalent to:
    ///     sqrt(sum((px - qx) ** 2.0 for px, qx in zip(p, q)))
    #[pyfunction]
    fn dist(p: &Obj, q: &Obj) -> PyResult<f64> {
        let (p, q) = (iter::collect(p)?, iter::collect(q)?);
        if p.len() != q.len() {
            return Err(raise!(ValueError, "both points must have the same number of dimensions"));
        }
        Ok(pymath::math::dist(&doubles(&p)?, &doubles(&q)?))
    }

    /// Multidimensional Euclidean distance from the origin to a point.
    ///
    /// Roughly equivalent to:
    ///     sqrt(sum(x**2 for x in coordinates))
    ///
    /// For a two dimensional point (x, y), gives the hypotenuse
    /// using the Pythagorean theorem:  sqrt(x*x + y*y).
    #[pyfunction(sig = "(*coordinates)")]
    fn hypot(coordinates: &[Obj]) -> PyResult<f64> {
        let point = doubles(coordinates)?;
        Ok(pymath::math::dist(&point, &vec![0.0; point.len()]))
    }

    /// Fused multiply-add operation.
    ///
    /// Compute (x * y) + z with a single round.
    #[pyfunction]
    fn fma(x: f64, y: f64, z: f64) -> PyResult<f64> {
        let result = x.mul_add(y, z);
        if result.is_finite() {
            return Ok(result);
        }
        if result.is_nan() && !x.is_nan() && !y.is_nan() && !z.is_nan() {
            return Err(raise!(ValueError, "invalid operation in fma"));
        }
        if result.is_infinite() && x.is_finite() && y.is_finite() && z.is_finite() {
            return Err(raise!(OverflowError, "overflow in fma"));
        }
        Ok(result)
    }

    /// Return fmod(x, y), according to platform C.
    ///
    /// x % y may differ.
    #[pyfunction]
    fn fmod(x: f64, y: f64) -> PyResult<f64> {
        checked(pymath::math::fmod(x, y), None)
    }

    /// Difference between x and the closest integer multiple of y.
    ///
    /// Return x - n*y where n*y is the closest integer multiple of y.
    /// In the case where x is exactly halfway between two multiples of
    /// y, the nearest even value of n is used. The result is always exact.
    #[pyfunction]
    fn remainder(x: f64, y: f64) -> PyResult<f64> {
        checked(pymath::math::remainder(x, y), None)
    }

    /// Return the mantissa and exponent of x, as pair (m, e).
    ///
    /// If x is a finite nonzero number, then m is a float with
    /// 0.5 <= abs(m) < 1.0 and e is an integer such that
    /// x == m * 2**e exactly.
    #[pyfunction]
    fn frexp(x: f64) -> (f64, i32) {
        if x == 0.0 || !x.is_finite() { (x, 0) } else { pymath::math::frexp(x) }
    }

    /// Return x * (2**i).
    ///
    /// This is essentially the inverse of frexp().
    #[pyfunction]
    fn ldexp(x: f64, i: &Obj) -> PyResult<f64> {
        let exponent = match int::view(i) {
            None => return Err(raise!(TypeError, "Expected an int as second argument to ldexp.")),
            Some(IntRef::Small(n)) => n,
            Some(IntRef::Big(n)) if n.is_negative() => i64::MIN,
            Some(IntRef::Big(_)) => i64::MAX,
        };
        if x == 0.0 || !x.is_finite() {
            return Ok(x);
        }
        if exponent > i64::from(i32::MAX) {
            return Err(raise!(OverflowError, "math range error"));
        }
        if exponent < i64::from(i32::MIN) {
            return Ok(0f64.copysign(x));
        }
        checked(pymath::math::ldexp(x, exponent as i32), None)
    }

    /// Return the fractional and integer parts of x.
    ///
    /// Both results carry the sign of x and are floats.
    #[pyfunction]
    fn modf(x: f64) -> (f64, f64) {
        pymath::math::modf(x)
    }

    /// Return an accurate floating-point sum of values in the iterable seq.
    ///
    /// Assumes IEEE-754 floating-point arithmetic.
    #[pyfunction]
    fn fsum(seq: &Obj) -> PyResult<f64> {
        let mut values = Vec::new();
        iter::for_each(seq, |item| {
            values.push(number::as_f64(&item)?);
            Ok(())
        })?;
        pymath::math::fsum(values).map_err(|error| match error {
            pymath::Error::EDOM => raise!(ValueError, "-inf + inf in fsum"),
            pymath::Error::ERANGE => raise!(OverflowError, "intermediate overflow in fsum"),
        })
    }

    /// Greatest Common Divisor.
    #[pyfunction(sig = "(*integers)", text_signature = "($module, /, *integers)")]
    fn gcd(integers: &[Obj]) -> PyResult<BigInt> {
        let mut result = BigInt::zero();
        for n in integers {
            result = result.gcd(&integer(n)?);
        }
        Ok(result)
    }

    /// Least Common Multiple.
    #[pyfunction(sig = "(*integers)", text_signature = "($module, /, *integers)")]
    fn lcm(integers: &[Obj]) -> PyResult<BigInt> {
        let mut result = BigInt::one();
        for n in integers {
            let n = integer(n)?;
            result = if n.is_zero() || result.is_zero() { BigInt::zero() } else { result.lcm(&n).abs() };
        }
        Ok(result)
    }

    /// Return the integer part of the square root of the input.
    #[pyfunction]
    fn isqrt(n: &Obj) -> PyResult<BigInt> {
        let n = integer(n)?;
        if n.is_negative() {
            return Err(raise!(ValueError, "isqrt() argument must be nonnegative"));
        }
        Ok(n.sqrt())
    }

    /// Determine whether two floating-point numbers are close in value.
    ///
    ///   rel_tol
    ///     maximum difference for being considered "close", relative to the
    ///     magnitude of the input values
    ///   abs_tol
    ///     maximum difference for being considered "close", regardless of the
    ///     magnitude of the input values
    ///
    /// The difference must be smaller than at least one of the tolerances.  NaN is
    /// close to nothing, and infinities only to themselves.
    #[pyfunction(
        sig = "(a, b, *, rel_tol=1e-09, abs_tol=0.0)",
        text_signature = "($module, /, a, b, *, rel_tol=1e-09, abs_tol=0.0)"
    )]
    fn isclose(a: f64, b: f64, rel_tol: f64, abs_tol: f64) -> PyResult<bool> {
        if rel_tol < 0.0 || abs_tol < 0.0 {
            return Err(raise!(ValueError, "tolerances must be non-negative"));
        }
        if a == b {
            return Ok(true);
        }
        if a.is_infinite() || b.is_infinite() {
            return Ok(false);
        }
        let difference = (b - a).abs();
        Ok(difference <= (rel_tol * b).abs() || difference <= (rel_tol * a).abs() || difference <= abs_tol)
    }

    /// Return True if x is neither an infinity nor a NaN, and False otherwise.
    #[pyfunction]
    fn isfinite(x: f64) -> bool {
        x.is_finite()
    }

    /// Return True if x is a positive or negative infinity, and False otherwise.
    #[pyfunction]
    fn isinf(x: f64) -> bool {
        x.is_infinite()
    }

    /// Return True if x is a NaN (not a number), and False otherwise.
    #[pyfunction]
    fn isnan(x: f64) -> bool {
        x.is_nan()
    }

    /// log(x, [base=math.e])
    /// Return the logarithm of x to the given base.
    ///
    /// If the base is not specified, returns the natural logarithm (base e) of x.
    #[pyfunction(text_signature = "")]
    fn log(x: &Obj, base: Maybe<&Obj>) -> PyResult<Obj> {
        let natural = |x| pymath::math::log(x, None);
        let numerator = logarithm(x, natural)?;
        let Some(base) = base.0 else { return Ok(float::new(numerator)) };
        let denominator = logarithm(base, natural)?;
        if denominator == 0.0 {
            return Err(raise!(ZeroDivisionError, "division by zero"));
        }
        Ok(float::new(numerator / denominator))
    }

    /// Return the base 10 logarithm of x.
    #[pyfunction]
    fn log10(x: &Obj) -> PyResult<f64> {
        logarithm(x, pymath::math::log10)
    }

    /// Return the base 2 logarithm of x.
    #[pyfunction]
    fn log2(x: &Obj) -> PyResult<f64> {
        logarithm(x, pymath::math::log2)
    }

    /// Return the floating-point value the given number of steps after x towards y.
    ///
    /// If steps is not specified or is None, it defaults to 1.
    ///
    /// Raises a TypeError, if x or y is not a double, or if steps is not an integer.
    /// Raises ValueError if steps is negative.
    #[pyfunction(sig = "(x, y, /, *, steps=None)")]
    fn nextafter(x: f64, y: f64, steps: Option<&Obj>) -> PyResult<f64> {
        let steps = match steps {
            None => None,
            Some(steps) => {
                let steps = integer(steps)?;
                if steps.is_negative() {
                    return Err(raise!(ValueError, "steps must be a non-negative integer"));
                }
                Some(steps.to_u64().unwrap_or(u64::MAX))
            }
        };
        Ok(pymath::math::nextafter(x, y, steps))
    }

    /// Return x**y (x to the power of y).
    #[pyfunction]
    fn pow(x: f64, y: f64) -> PyResult<f64> {
        checked(pymath::math::pow(x, y), None)
    }

    /// Calculate the product of all the elements in the input iterable.
    ///
    /// The default start value for the product is 1.
    ///
    /// When the iterable is empty, return the start value.  This function is
    /// intended specifically for use with numeric values and may reject
    /// non-numeric types.
    #[pyfunction(sig = "(iterable, /, *, start=1)")]
    fn prod(iterable: &Obj, start: Maybe<&Obj>) -> PyResult<Obj> {
        let mut total = start.0.cloned().unwrap_or_else(|| int::new(1));
        iter::for_each(iterable, |item| {
            total = number::multiply(&total, &item)?;
            Ok(())
        })?;
        Ok(total)
    }

    /// Return the sum of products of values from two iterables p and q.
    ///
    /// Roughly equivalent to:
    ///
    ///     sum(map(operator.mul, p, q, strict=True))
    ///
    /// For float and mixed int/float inputs, the intermediate products
    /// and sums are computed with extended precision.
    #[pyfunction]
    fn sumprod(p: &Obj, q: &Obj) -> PyResult<Obj> {
        let (p, q) = (iter::collect(p)?, iter::collect(q)?);
        if p.len() != q.len() {
            return Err(raise!(ValueError, "Inputs are not the same length"));
        }
        let all = || p.iter().chain(&q);
        let plain = |x: &Obj| float::is_exact(x) || int::is_exact(x);
        if all().any(float::is_exact)
            && all().all(plain)
            && let (Ok(x), Ok(y)) = (doubles(&p), doubles(&q))
            && let Ok(sum) = pymath::math::sumprod(&x, &y)
        {
            return Ok(float::new(sum));
        }
        drop(pyrs_runtime::thread::current().take_exception());
        let mut total = int::new(0);
        for (x, y) in p.iter().zip(&q) {
            total = number::add(&total, &number::multiply(x, y)?)?;
        }
        Ok(total)
    }

    /// Return the value of the least significant bit of the float x.
    #[pyfunction]
    fn ulp(x: f64) -> f64 {
        pymath::math::ulp(x)
    }
}
