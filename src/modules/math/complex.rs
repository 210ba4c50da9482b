//! `cmath`: functions of complex numbers.

use num_complex::Complex64;
use pyrs_macros::pymodule;
use pyrs_runtime::args::{FromArg, Maybe};
use pyrs_runtime::errors::{PyResult, Raised};
use pyrs_runtime::object::{Obj, Object};
use pyrs_runtime::objects::{complex, float};
use pyrs_runtime::raise;

/// Any number as an argument.
pub struct Number(Complex64);

impl<'a> FromArg<'a> for Number {
    fn from_arg(arg: &'a Obj) -> PyResult<Self> {
        complex::from_number(arg).map(|(re, im)| Number(Complex64::new(re, im)))
    }
}

#[cold]
fn math_error(error: pymath::Error) -> Raised {
    match error {
        pymath::Error::EDOM => raise!(ValueError, "math domain error"),
        pymath::Error::ERANGE => raise!(OverflowError, "math range error"),
    }
}

fn finish(result: pymath::Result<Complex64>) -> PyResult<Obj> {
    result.map(|z| complex::new(z.re, z.im)).map_err(math_error)
}

/// This module provides access to mathematical functions for complex
/// numbers.
#[pymodule(name = "cmath")]
pub mod module {
    use super::*;
    use pyrs_runtime::objects::module::Module;

    #[module_exec]
    fn exec(module: &Object<Module>) -> PyResult<()> {
        module.add("pi", float::new(std::f64::consts::PI));
        module.add("e", float::new(std::f64::consts::E));
        module.add("tau", float::new(std::f64::consts::TAU));
        module.add("inf", float::new(f64::INFINITY));
        module.add("infj", complex::new(0.0, f64::INFINITY));
        module.add("nan", float::new(f64::NAN));
        module.add("nanj", complex::new(0.0, f64::NAN));
        Ok(())
    }

    /// Return the arc cosine of z.
    #[pyfunction]
    fn acos(z: Number) -> PyResult<Obj> {
        finish(pymath::cmath::acos(z.0))
    }

    /// Return the inverse hyperbolic cosine of z.
    #[pyfunction]
    fn acosh(z: Number) -> PyResult<Obj> {
        finish(pymath::cmath::acosh(z.0))
    }

    /// Return the arc sine of z.
    #[pyfunction]
    fn asin(z: Number) -> PyResult<Obj> {
        finish(pymath::cmath::asin(z.0))
    }

    /// Return the inverse hyperbolic sine of z.
    #[pyfunction]
    fn asinh(z: Number) -> PyResult<Obj> {
        finish(pymath::cmath::asinh(z.0))
    }

    /// Return the arc tangent of z.
    #[pyfunction]
    fn atan(z: Number) -> PyResult<Obj> {
        finish(pymath::cmath::atan(z.0))
    }

    /// Return the inverse hyperbolic tangent of z.
    #[pyfunction]
    fn atanh(z: Number) -> PyResult<Obj> {
        finish(pymath::cmath::atanh(z.0))
    }

    /// Return the cosine of z.
    #[pyfunction]
    fn cos(z: Number) -> PyResult<Obj> {
        finish(pymath::cmath::cos(z.0))
    }

    /// Return the hyperbolic cosine of z.
    #[pyfunction]
    fn cosh(z: Number) -> PyResult<Obj> {
        finish(pymath::cmath::cosh(z.0))
    }

    /// Return the exponential value e**z.
    #[pyfunction]
    fn exp(z: Number) -> PyResult<Obj> {
        finish(pymath::cmath::exp(z.0))
    }

    /// Return the base-10 logarithm of z.
    #[pyfunction]
    fn log10(z: Number) -> PyResult<Obj> {
        finish(pymath::cmath::log10(z.0))
    }

    /// Return the sine of z.
    #[pyfunction]
    fn sin(z: Number) -> PyResult<Obj> {
        finish(pymath::cmath::sin(z.0))
    }

    /// Return the hyperbolic sine of z.
    #[pyfunction]
    fn sinh(z: Number) -> PyResult<Obj> {
        finish(pymath::cmath::sinh(z.0))
    }

    /// Return the square root of z.
    #[pyfunction]
    fn sqrt(z: Number) -> PyResult<Obj> {
        finish(pymath::cmath::sqrt(z.0))
    }

    /// Return the tangent of z.
    #[pyfunction]
    fn tan(z: Number) -> PyResult<Obj> {
        finish(pymath::cmath::tan(z.0))
    }

    /// Return the hyperbolic tangent of z.
    #[pyfunction]
    fn tanh(z: Number) -> PyResult<Obj> {
        finish(pymath::cmath::tanh(z.0))
    }

    /// log(z[, base]) -> the logarithm of z to the given base.
    ///
    /// If the base is not specified, returns the natural logarithm (base e) of z.
    #[pyfunction(sig = "(z, base=<unrepresentable>, /)")]
    fn log(z: Number, base: Maybe<Number>) -> PyResult<Obj> {
        let logarithm = |z: Complex64| pymath::cmath::log(z, None).map_err(math_error);
        let numerator = logarithm(z.0)?;
        let Some(base) = base.0 else { return Ok(complex::new(numerator.re, numerator.im)) };
        let denominator = logarithm(base.0)?;
        match complex::divide((numerator.re, numerator.im), (denominator.re, denominator.im)) {
            Some((re, im)) => Ok(complex::new(re, im)),
            None => Err(raise!(ValueError, "math domain error")),
        }
    }

    /// Return argument, also known as the phase angle, of a complex.
    #[pyfunction]
    fn phase(z: Number) -> PyResult<f64> {
        pymath::cmath::phase(z.0).map_err(math_error)
    }

    /// Convert a complex from rectangular coordinates to polar coordinates.
    ///
    /// r is the distance from 0 and phi the phase angle.
    #[pyfunction]
    fn polar(z: Number) -> PyResult<(f64, f64)> {
        pymath::cmath::polar(z.0).map_err(math_error)
    }

    /// Convert from polar coordinates to rectangular coordinates.
    #[pyfunction]
    fn rect(r: f64, phi: f64) -> PyResult<Obj> {
        finish(pymath::cmath::rect(r, phi))
    }

    /// Return True if both the real and imaginary parts of z are finite, else False.
    #[pyfunction]
    fn isfinite(z: Number) -> bool {
        z.0.re.is_finite() && z.0.im.is_finite()
    }

    /// Checks if the real or imaginary part of z is infinite.
    #[pyfunction]
    fn isinf(z: Number) -> bool {
        z.0.re.is_infinite() || z.0.im.is_infinite()
    }

    /// Checks if the real or imaginary part of z not a number (NaN).
    #[pyfunction]
    fn isnan(z: Number) -> bool {
        z.0.re.is_nan() || z.0.im.is_nan()
    }

    /// Determine whether two complex numbers are close in value.
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
    fn isclose(a: Number, b: Number, rel_tol: f64, abs_tol: f64) -> PyResult<bool> {
        if rel_tol < 0.0 || abs_tol < 0.0 {
            return Err(raise!(ValueError, "tolerances must be non-negative"));
        }
        let (a, b) = (a.0, b.0);
        if a == b {
            return Ok(true);
        }
        if [a.re, a.im, b.re, b.im].iter().any(|x| x.is_infinite()) {
            return Ok(false);
        }
        let difference = (a - b).norm();
        Ok(difference <= rel_tol * b.norm() || difference <= rel_tol * a.norm() || difference <= abs_tol)
    }
}
