//! `complex`: representation, arithmetic and methods.
//!
//! Mixed operations follow C99's Annex G: a real operand is no complex number with a zero imaginary part,
//! so that signs of zeros and infinities survive.

use crate::call::{Args, call_special};
use crate::errors::PyResult;
use crate::object::{Obj, Object, Ptr, PyClass};
use crate::objects::exceptions::DeprecationWarning;
use crate::objects::singletons::{bool_obj, not_implemented};
use crate::objects::str::Str;
use crate::objects::tuple::Tuple;
use crate::objects::{float, int, int_arithmetic, int_methods, str_format};
use crate::protocols::number;
use crate::types::Type;
use crate::types::slots::CompareOp;
use crate::{name, raise};
use pyrs_macros::{pyclass, pymethods};
use pyrs_unicode::number_format::{FLAG_SIGN, format_float};
use pyrs_unicode::{hash, number_parse};

/// Create a complex number from a string or numbers.
///
/// If a string is given, parse it as a complex number.
/// If a single number is given, convert it to a complex number.
/// If the 'real' or 'imag' arguments are given, create a complex number
/// with the specified real and imaginary components.
#[pyclass(name = "complex", flags = BASETYPE, nogc)]
pub struct Complex {
    pub re: f64,
    pub im: f64,
}

/// Real and imaginary part.
pub type Parts = (f64, f64);

/// A complex object.
pub fn new(re: f64, im: f64) -> Obj {
    Ptr::new(Complex { re, im }).into_obj()
}

/// The value of a complex or an instance of a subclass.
pub fn view(obj: &Obj) -> Option<Parts> {
    obj.downcast::<Complex>().map(|c| (c.re, c.im))
}

/// An operand: complex, or real.
#[derive(Copy, Clone)]
enum Operand {
    Complex(Parts),
    Real(f64),
}

impl Operand {
    fn parts(self) -> Parts {
        match self {
            Operand::Complex(parts) => parts,
            Operand::Real(x) => (x, 0.0),
        }
    }
}

fn operand(obj: &Obj) -> PyResult<Option<Operand>> {
    if let Some(parts) = view(obj) {
        return Ok(Some(Operand::Complex(parts)));
    }
    if let Some(x) = float::view(obj) {
        return Ok(Some(Operand::Real(x)));
    }
    match int::view(obj) {
        Some(n) => int_arithmetic::to_f64(n).map(|x| Some(Operand::Real(x))),
        None => Ok(None),
    }
}

fn operands(a: &Obj, b: &Obj) -> PyResult<Option<(Operand, Operand)>> {
    Ok(operand(a)?.zip(operand(b)?))
}

/// The product; infinities that turned into NaNs are recovered.
pub fn multiply(z: Parts, w: Parts) -> Parts {
    let ((mut a, mut b), (mut c, mut d)) = (z, w);
    let (ac, bd, ad, bc) = (a * c, b * d, a * d, b * c);
    let (re, im) = (ac - bd, ad + bc);
    if !(re.is_nan() && im.is_nan()) {
        return (re, im);
    }
    let boxed = |x: f64| {
        if x.is_infinite() { 1f64.copysign(x) } else { 0f64.copysign(x) }
    };
    let zeroed = |x: f64| if x.is_nan() { 0f64.copysign(x) } else { x };
    let mut recover = false;
    if a.is_infinite() || b.is_infinite() {
        (a, b, c, d) = (boxed(a), boxed(b), zeroed(c), zeroed(d));
        recover = true;
    }
    if c.is_infinite() || d.is_infinite() {
        (c, d, a, b) = (boxed(c), boxed(d), zeroed(a), zeroed(b));
        recover = true;
    }
    if !recover && [ac, bd, ad, bc].iter().any(|x| x.is_infinite()) {
        (a, b, c, d) = (zeroed(a), zeroed(b), zeroed(c), zeroed(d));
        recover = true;
    }
    if recover {
        return (f64::INFINITY * (a * c - b * d), f64::INFINITY * (a * d + b * c));
    }
    (re, im)
}

/// The quotient; `None` for a zero divisor.
pub fn divide(z: Parts, w: Parts) -> Option<Parts> {
    let ((a, b), (c, d)) = (z, w);
    let (re, im);
    if c.abs() >= d.abs() {
        if c == 0.0 && d == 0.0 {
            return None;
        }
        let ratio = d / c;
        let denominator = c + d * ratio;
        (re, im) = ((a + b * ratio) / denominator, (b - a * ratio) / denominator);
    } else if d.abs() >= c.abs() {
        let ratio = c / d;
        let denominator = c * ratio + d;
        (re, im) = ((a * ratio + b) / denominator, (b * ratio - a) / denominator);
    } else {
        return Some((f64::NAN, f64::NAN));
    }
    if !(re.is_nan() && im.is_nan()) {
        return Some((re, im));
    }
    let boxed = |x: f64| {
        if x.is_infinite() { 1f64.copysign(x) } else { 0f64.copysign(x) }
    };
    if (a.is_infinite() || b.is_infinite()) && c.is_finite() && d.is_finite() {
        let (x, y) = (boxed(a), boxed(b));
        return Some((f64::INFINITY * (x * c + y * d), f64::INFINITY * (y * c - x * d)));
    }
    if (c.is_infinite() || d.is_infinite()) && a.is_finite() && b.is_finite() {
        let (x, y) = (boxed(c), boxed(d));
        return Some((0.0 * (a * x + b * y), 0.0 * (b * x - a * y)));
    }
    Some((re, im))
}

/// `z ** w`
pub fn power_values(z: Parts, w: Parts) -> PyResult<Parts> {
    let result = if w.1 == 0.0 && w.0 == w.0.floor() && w.0.abs() <= 100.0 {
        integer_power(z, w.0 as i32)
    } else {
        general_power(z, w)
    };
    match result {
        None => Err(raise!(ZeroDivisionError, "zero to a negative or complex power")),
        Some((re, im)) if re.is_infinite() || im.is_infinite() => Err(raise!(OverflowError, "complex exponentiation")),
        Some(parts) => Ok(parts),
    }
}

fn integer_power(z: Parts, n: i32) -> Option<Parts> {
    let mut result = (1.0, 0.0);
    let (mut square, count) = (z, n.unsigned_abs());
    let mut mask = 1;
    while mask <= count {
        if count & mask != 0 {
            result = multiply(result, square);
        }
        mask <<= 1;
        square = multiply(square, square);
    }
    if n > 0 { Some(result) } else { divide((1.0, 0.0), result) }
}

fn general_power(z: Parts, w: Parts) -> Option<Parts> {
    if w == (0.0, 0.0) {
        return Some((1.0, 0.0));
    }
    if z == (0.0, 0.0) {
        return if w.1 != 0.0 || w.0 < 0.0 { None } else { Some((0.0, 0.0)) };
    }
    let magnitude = z.0.hypot(z.1);
    let angle = z.1.atan2(z.0);
    let mut length = magnitude.powf(w.0);
    let mut phase = angle * w.0;
    if w.1 != 0.0 {
        length *= (-angle * w.1).exp();
        phase += w.1 * magnitude.ln();
    }
    Some((length * phase.cos(), length * phase.sin()))
}

/// Length of the longest floating-point literal at the start of `text`.
fn float_prefix(text: &[u8]) -> usize {
    let mut i = matches!(text.first(), Some(b'+' | b'-')) as usize;
    let lower = text[i..].to_ascii_lowercase();
    for word in [&b"infinity"[..], b"inf", b"nan"] {
        if lower.starts_with(word) {
            return i + word.len();
        }
    }
    let digits = |mut i: usize| {
        let start = i;
        while let Some(&c) = text.get(i) {
            let underscore = c == b'_' && i > start && text.get(i + 1).is_some_and(u8::is_ascii_digit);
            if !c.is_ascii_digit() && !underscore {
                break;
            }
            i += 1;
        }
        i
    };
    let whole = digits(i);
    let mut count = whole - i;
    i = whole;
    if text.get(i) == Some(&b'.') {
        let end = digits(i + 1);
        count += end - i - 1;
        i = end;
    }
    if count == 0 {
        return 0;
    }
    if matches!(text.get(i), Some(b'e' | b'E')) {
        let sign = matches!(text.get(i + 1), Some(b'+' | b'-')) as usize;
        let end = digits(i + 1 + sign);
        if end > i + 1 + sign {
            i = end;
        }
    }
    i
}

/// Reads `complex` text such as `(1+2j)`.
fn parse_text(text: &[u8]) -> Option<Parts> {
    let mut s = number_parse::trim_ascii_space(text);
    if let [b'(', inner @ .., b')'] = s {
        s = number_parse::trim_ascii_space(inner);
    }
    let is_j = |s: &[u8]| matches!(s, [b'j' | b'J']);
    let unit = |s: &[u8]| match s {
        [b'+', rest @ ..] => (1.0, rest.len()),
        [b'-', rest @ ..] => (-1.0, rest.len()),
        _ => (1.0, s.len()),
    };
    let length = float_prefix(s);
    if length == 0 {
        let (sign, rest) = unit(s);
        return is_j(&s[s.len() - rest..]).then_some((0.0, sign));
    }
    let first = number_parse::float_from_str(&s[..length])?;
    let rest = &s[length..];
    if is_j(rest) {
        return Some((0.0, first));
    }
    match rest {
        [] => Some((first, 0.0)),
        [b'+' | b'-', ..] => {
            let length = float_prefix(rest);
            if length == 0 {
                let (sign, left) = unit(rest);
                return is_j(&rest[rest.len() - left..]).then_some((first, sign));
            }
            let second = number_parse::float_from_str(&rest[..length])?;
            is_j(&rest[length..]).then_some((first, second))
        }
        _ => None,
    }
}

fn from_text(text: &Object<Str>) -> PyResult<Parts> {
    let ascii = int_methods::ascii_number(text);
    parse_text(&ascii).ok_or_else(|| raise!(ValueError, "complex() arg is a malformed string"))
}

/// The result of `__complex__`, if the class has it.
fn by_method(obj: &Obj) -> PyResult<Option<Parts>> {
    if obj.exact::<Complex>().is_some() {
        return Ok(view(obj));
    }
    let Some(result) = call_special(obj, name!("__complex__"), &[])? else {
        return Ok(None);
    };
    let Some(parts) = view(&result) else {
        return Err(raise!(TypeError, "__complex__ returned non-complex (type {})", result.class().name()));
    };
    if result.exact::<Complex>().is_none() {
        number::warn_subclass_result("__complex__", "complex", &result)?;
    }
    Ok(Some(parts))
}

fn is_real(obj: &Obj) -> bool {
    obj.class().slots().nb_float.is_some() || number::has_index(obj)
}

/// The value of any number, as the functions of `cmath` take it.
pub fn from_number(obj: &Obj) -> PyResult<Parts> {
    if let Some(parts) = view(obj) {
        return Ok(parts);
    }
    match by_method(obj)? {
        Some(parts) => Ok(parts),
        None => number::as_f64(obj).map(|x| (x, 0.0)),
    }
}

/// Refuses what is no real number as the part `which`; complex numbers are deprecated there.
fn part(obj: &Obj, which: &str) -> PyResult<Operand> {
    if let Some(parts) = by_method_of_real(obj, which)? {
        (crate::hooks::hooks().warn)(
            DeprecationWarning::class(),
            &format!("complex() argument '{which}' must be a real number, not {}", obj.class().name()),
            1,
        )?;
        return Ok(Operand::Complex(parts));
    }
    if !is_real(obj) {
        return Err(raise!(
            TypeError,
            "complex() argument '{which}' must be a real number, not {}",
            obj.class().name()
        ));
    }
    number::as_f64(obj).map(Operand::Real)
}

fn by_method_of_real(obj: &Obj, which: &str) -> PyResult<Option<Parts>> {
    if which == "real" { by_method(obj) } else { Ok(view(obj)) }
}

fn construct(real: Option<&Obj>, imag: Option<&Obj>) -> PyResult<Parts> {
    let (mut re, mut im) = (0.0, 0.0);
    if let Some(real) = real {
        match part(real, "real")? {
            Operand::Complex((a, b)) => {
                re = a;
                im = b;
            }
            Operand::Real(x) => re = x,
        }
    }
    if let Some(imag) = imag {
        match part(imag, "imag")? {
            Operand::Complex((a, b)) => {
                re -= b;
                im += a;
            }
            Operand::Real(y) if im == 0.0 => im = y,
            Operand::Real(y) => im += y,
        }
    }
    Ok((re, im))
}

fn single(obj: &Obj) -> PyResult<Parts> {
    if let Some(text) = obj.downcast::<Str>() {
        return from_text(text);
    }
    if let Some(parts) = by_method(obj)? {
        return Ok(parts);
    }
    if !is_real(obj) {
        return Err(raise!(TypeError, "complex() argument must be a string or a number, not {}", obj.class().name()));
    }
    number::as_f64(obj).map(|x| (x, 0.0))
}

fn instance(cls: &Type, (re, im): Parts) -> Obj {
    Ptr::new_in(cls, Complex { re, im }).into_obj()
}

macro_rules! binary {
    ($a:expr, $b:expr, |$x:ident, $y:ident| $body:expr) => {
        match operands($a, $b)? {
            Some(($x, $y)) => $body,
            None => Ok(not_implemented()),
        }
    };
}

#[pymethods]
impl Complex {
    #[new(text_signature = "(real=0, imag=0)")]
    fn construct(cls: &Type, args: Args<'_>) -> PyResult<Obj> {
        if let ([only], false) = (args.positionals(), args.has_keywords()) {
            if std::ptr::eq(cls, Complex::class()) && only.exact::<Complex>().is_some() {
                return Ok(only.clone());
            }
            return Ok(instance(cls, single(only)?));
        }
        static SPEC: crate::args::ParamSpec = crate::args::ParamSpec {
            owner: crate::args::Owner::None,
            function: "complex",
            names: &["real", "imag"],
            posonly: 0,
            positional: 2,
            required: 0,
            varargs: false,
            varkw: false,
        };
        let bound = crate::args::bind::<2>(&SPEC, args)?;
        Ok(instance(cls, construct(bound.values[0], bound.values[1])?))
    }

    #[slot(repr)]
    fn repr(&self) -> PyResult<Obj> {
        let imag = |flags| format_float(self.im, 'r', 0, flags);
        let text = if self.re == 0.0 && self.re.is_sign_positive() {
            format!("{}j", imag(0))
        } else {
            format!("({}{}j)", format_float(self.re, 'r', 0, 0), imag(FLAG_SIGN))
        };
        Ok(Str::new(&text).into_obj())
    }

    #[slot(hash)]
    fn hash(this: &Object<Complex>) -> PyResult<i64> {
        match (hash::hash_double(this.re), hash::hash_double(this.im)) {
            (Some(re), Some(im)) => Ok(hash::combine_complex(re, im)),
            (re, im) => {
                let identity = crate::protocols::compare::identity_hash(&this.as_obj())?;
                Ok(hash::combine_complex(re.unwrap_or(identity), im.unwrap_or(identity)))
            }
        }
    }

    #[slot(richcompare)]
    fn compare(a: &Obj, b: &Obj, op: CompareOp) -> PyResult<Obj> {
        if !matches!(op, CompareOp::Eq | CompareOp::Ne) {
            return Ok(not_implemented());
        }
        let Some((re, im)) = view(a) else {
            return Ok(not_implemented());
        };
        let equal = if let Some(other) = view(b) {
            (re, im) == other
        } else if int::is_int(b) {
            im == 0.0 && crate::protocols::compare::equal(&float::new(re), b)?
        } else if let Some(x) = float::view(b) {
            im == 0.0 && re == x
        } else {
            return Ok(not_implemented());
        };
        Ok(bool_obj(equal == (op == CompareOp::Eq)))
    }

    #[slot(nb_add)]
    fn add(a: &Obj, b: &Obj) -> PyResult<Obj> {
        binary!(a, b, |x, y| Ok(match (x, y) {
            (Operand::Complex((re, im)), Operand::Real(x)) | (Operand::Real(x), Operand::Complex((re, im))) => {
                new(re + x, im)
            }
            _ => new(x.parts().0 + y.parts().0, x.parts().1 + y.parts().1),
        }))
    }

    #[slot(nb_subtract)]
    fn subtract(a: &Obj, b: &Obj) -> PyResult<Obj> {
        binary!(a, b, |x, y| Ok(match (x, y) {
            (Operand::Complex((re, im)), Operand::Real(x)) => new(re - x, im),
            (Operand::Real(x), Operand::Complex((re, im))) => new(x - re, -im),
            _ => new(x.parts().0 - y.parts().0, x.parts().1 - y.parts().1),
        }))
    }

    #[slot(nb_multiply)]
    fn multiply(a: &Obj, b: &Obj) -> PyResult<Obj> {
        binary!(a, b, |x, y| Ok(match (x, y) {
            (Operand::Complex((re, im)), Operand::Real(x)) | (Operand::Real(x), Operand::Complex((re, im))) => {
                new(re * x, im * x)
            }
            _ => {
                let (re, im) = multiply(x.parts(), y.parts());
                new(re, im)
            }
        }))
    }

    #[slot(nb_true_divide)]
    fn true_divide(a: &Obj, b: &Obj) -> PyResult<Obj> {
        binary!(a, b, |x, y| match (x, y) {
            (_, Operand::Real(0.0)) => Err(raise!(ZeroDivisionError, "division by zero")),
            (Operand::Complex((re, im)), Operand::Real(y)) => Ok(new(re / y, im / y)),
            _ => match divide(x.parts(), y.parts()) {
                Some((re, im)) => Ok(new(re, im)),
                None => Err(raise!(ZeroDivisionError, "division by zero")),
            },
        })
    }

    #[slot(nb_power)]
    fn power(a: &Obj, b: &Obj, modulus: &Obj) -> PyResult<Obj> {
        if !modulus.is_none() {
            return Err(raise!(ValueError, "complex modulo"));
        }
        binary!(a, b, |x, y| power_values(x.parts(), y.parts()).map(|(re, im)| new(re, im)))
    }

    #[slot(nb_negative)]
    fn negative(&self) -> PyResult<Obj> {
        Ok(new(-self.re, -self.im))
    }

    #[slot(nb_positive)]
    fn positive(this: &Object<Complex>) -> PyResult<Obj> {
        Complex::to_exact(this)
    }

    #[slot(nb_absolute)]
    fn absolute(&self) -> PyResult<Obj> {
        let result = self.re.hypot(self.im);
        if result.is_infinite() && self.re.is_finite() && self.im.is_finite() {
            return Err(raise!(OverflowError, "absolute value too large"));
        }
        Ok(float::new(result))
    }

    #[slot(nb_bool)]
    fn truth(&self) -> PyResult<bool> {
        Ok(self.re != 0.0 || self.im != 0.0)
    }

    /// Convert number to a complex floating-point number.
    #[classmethod]
    fn from_number(cls: &Type, number: &Obj) -> PyResult<Obj> {
        if number.exact::<Complex>().is_some() && std::ptr::eq(cls, Complex::class()) {
            return Ok(number.clone());
        }
        let (re, im) = match by_method(number)? {
            Some(parts) => parts,
            None => (number::as_f64(number)?, 0.0),
        };
        if std::ptr::eq(cls, Complex::class()) {
            return Ok(new(re, im));
        }
        crate::call::call(&cls.as_obj(), &[new(re, im)])
    }

    /// Return the complex conjugate of its argument. (3-4j).conjugate() == 3+4j.
    #[pymethod]
    fn conjugate(&self) -> Obj {
        new(self.re, -self.im)
    }

    /// Convert this value to exact type complex.
    #[pymethod(name = "__complex__")]
    fn to_exact(this: &Object<Complex>) -> PyResult<Obj> {
        Ok(if std::ptr::eq(this.class(), Complex::class()) { this.to_obj() } else { new(this.re, this.im) })
    }

    #[pymethod(name = "__getnewargs__")]
    fn getnewargs(&self) -> Obj {
        Tuple::from_vec(vec![float::new(self.re), float::new(self.im)]).into_obj()
    }

    /// Convert to a string according to format_spec.
    #[pymethod(name = "__format__")]
    fn format(this: &Object<Complex>, format_spec: &Object<Str>) -> PyResult<Obj> {
        str_format::format_complex(&this.as_obj(), (this.re, this.im), format_spec)
    }

    /// the real part of a complex number
    #[getter]
    fn real(&self) -> f64 {
        self.re
    }

    /// the imaginary part of a complex number
    #[getter]
    fn imag(&self) -> f64 {
        self.im
    }
}
