//! `datetime.timedelta`.

use num_bigint::BigInt;
use num_integer::Integer;
use num_traits::{Signed, Zero};
use pyrs_macros::{pyclass, pymethods};
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::object::{Obj, Object, Ptr, PyClass};
use pyrs_runtime::objects::singletons::not_implemented;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::objects::{float, int};
use pyrs_runtime::protocols::number;
use pyrs_runtime::types::Type;
use pyrs_runtime::types::slots::CompareOp;
use pyrs_runtime::{call, raise};

use super::calendar::MICROS_A_DAY;
use crate::data::tuple;

pub const MAX_DAYS: i64 = 999_999_999;

/// Difference between two datetime values.
///
/// timedelta(days=0, seconds=0, microseconds=0, milliseconds=0, minutes=0, hours=0, weeks=0)
///
/// All arguments are optional and default to 0.
/// Arguments may be integers or floats, and may be positive or negative.
#[pyclass(name = "timedelta", module = "datetime", nogc, flags = BASETYPE)]
pub struct TimeDelta {
    pub days: i32,
    pub seconds: i32,
    pub micros: i32,
}

fn days_out_of_range(days: impl std::fmt::Display) -> pyrs_runtime::Raised {
    raise!(OverflowError, "days={days}; must have magnitude <= {MAX_DAYS}")
}

impl TimeDelta {
    pub fn total_micros(&self) -> i128 {
        (self.days as i128 * 86_400 + self.seconds as i128) * 1_000_000 + self.micros as i128
    }

    /// A new instance of `cls`; raises OverflowError if there are too many days.
    pub fn in_class(cls: &Type, micros: i128) -> PyResult<Ptr<TimeDelta>> {
        let day = MICROS_A_DAY as i128;
        let (days, rest) = (micros.div_euclid(day), micros.rem_euclid(day) as i64);
        let Ok(days) = i32::try_from(days) else {
            return Err(raise!(OverflowError, "Python int too large to convert to C int"));
        };
        if (days as i64).abs() > MAX_DAYS {
            return Err(days_out_of_range(days));
        }
        let delta = TimeDelta { days, seconds: (rest / 1_000_000) as i32, micros: (rest % 1_000_000) as i32 };
        Ok(Ptr::new_in(cls, delta))
    }

    pub fn of_micros(micros: i128) -> PyResult<Ptr<TimeDelta>> {
        TimeDelta::in_class(TimeDelta::class(), micros)
    }

    pub fn of_seconds(seconds: i64) -> PyResult<Ptr<TimeDelta>> {
        TimeDelta::of_micros(seconds as i128 * 1_000_000)
    }

    fn of_big(micros: &BigInt) -> PyResult<Obj> {
        match i128::try_from(micros) {
            Ok(n) => TimeDelta::of_micros(n).map(Into::into),
            Err(_) => Err(raise!(OverflowError, "Python int too large to convert to C int")),
        }
    }
}

/// `n / d` rounded half to even; `d` is not zero.
pub fn divide_nearest(n: &BigInt, d: &BigInt) -> BigInt {
    let (q, r) = n.div_mod_floor(d);
    let twice: BigInt = &r * 2;
    let order = if d.is_negative() { d.cmp(&twice) } else { twice.cmp(d) };
    match order {
        std::cmp::Ordering::Greater => q + 1,
        std::cmp::Ordering::Equal if q.is_odd() => q + 1,
        _ => q,
    }
}

fn view(obj: &Obj) -> Option<&Object<TimeDelta>> {
    obj.downcast::<TimeDelta>()
}

fn zero_division() -> pyrs_runtime::Raised {
    raise!(ZeroDivisionError, "division by zero")
}

/// Numerator and denominator of a float.
fn ratio(x: &Obj) -> PyResult<(BigInt, BigInt)> {
    let value = float::view(x).unwrap_or(0.0);
    if value.is_nan() {
        return Err(raise!(ValueError, "cannot convert NaN to integer ratio"));
    }
    if value.is_infinite() {
        return Err(raise!(OverflowError, "cannot convert Infinity to integer ratio"));
    }
    let pair = call::call_method(x, "as_integer_ratio", &[])?;
    let Some(items) = pair.downcast::<Tuple>().map(|t| t.items()) else {
        let class = pair.class().name();
        return Err(raise!(TypeError, "unexpected return type from as_integer_ratio(): expected tuple, not '{class}'"));
    };
    let [n, d] = items else {
        return Err(raise!(
            ValueError,
            "unexpected return type from as_integer_ratio(): expected tuple of length 2, not {}",
            items.len()
        ));
    };
    let part = |n: &Obj| int::to_bigint(n).ok_or_else(|| raise!(TypeError, "as_integer_ratio() must return ints"));
    Ok((part(n)?, part(d)?))
}

/// The sum of the constructor's arguments.
#[derive(Default)]
struct Sum {
    whole: i128,
    /// Parts of microseconds, which are rounded together.
    rest: f64,
}

impl Sum {
    fn add(&mut self, name: &str, value: Option<&Obj>, factor: i64) -> PyResult<()> {
        let Some(value) = value else { return Ok(()) };
        let too_large = || raise!(OverflowError, "Python int too large to convert to C int");
        if int::is_int(value) {
            let n = match int::to_i64(value) {
                Some(n) => n as i128,
                None => int::to_bigint(value).and_then(|n| i128::try_from(&n).ok()).ok_or_else(too_large)?,
            };
            let more = n.checked_mul(factor as i128).and_then(|n| n.checked_add(self.whole));
            self.whole = more.ok_or_else(too_large)?;
            return Ok(());
        }
        let Some(x) = float::view(value) else {
            let class = value.class().name();
            return Err(raise!(TypeError, "unsupported type for timedelta {name} component: {class}"));
        };
        if x.is_nan() {
            return Err(raise!(ValueError, "cannot convert float NaN to integer"));
        }
        if x.is_infinite() {
            return Err(raise!(OverflowError, "cannot convert float infinity to integer"));
        }
        let whole = x.trunc();
        if whole.abs() >= 1e27 {
            return Err(too_large());
        }
        self.whole += whole as i128 * factor as i128;
        let part = (x - whole) * factor as f64;
        self.whole += part.trunc() as i128;
        self.rest += part - part.trunc();
        Ok(())
    }

    fn micros(&self) -> i128 {
        if self.rest == 0.0 {
            return self.whole;
        }
        let mut rounded = self.rest.round();
        if (rounded - self.rest).abs() == 0.5 {
            // The whole sum is rounded half to even.
            let odd = (self.whole & 1) as f64;
            rounded = 2.0 * ((self.rest + odd) * 0.5).round() - odd;
        }
        self.whole + rounded as i128
    }
}

#[pymethods]
impl TimeDelta {
    #[new(
        name = "__new__",
        sig = "(days=0, seconds=0, microseconds=0, milliseconds=0, minutes=0, hours=0, weeks=0)",
        text_signature = ""
    )]
    fn py_new(
        cls: &Type,
        days: pyrs_runtime::args::Maybe<&Obj>,
        seconds: pyrs_runtime::args::Maybe<&Obj>,
        microseconds: pyrs_runtime::args::Maybe<&Obj>,
        milliseconds: pyrs_runtime::args::Maybe<&Obj>,
        minutes: pyrs_runtime::args::Maybe<&Obj>,
        hours: pyrs_runtime::args::Maybe<&Obj>,
        weeks: pyrs_runtime::args::Maybe<&Obj>,
    ) -> PyResult<Obj> {
        let mut sum = Sum::default();
        sum.add("microseconds", microseconds.0, 1)?;
        sum.add("milliseconds", milliseconds.0, 1000)?;
        sum.add("seconds", seconds.0, 1_000_000)?;
        sum.add("minutes", minutes.0, 60_000_000)?;
        sum.add("hours", hours.0, 3_600_000_000)?;
        sum.add("days", days.0, MICROS_A_DAY)?;
        sum.add("weeks", weeks.0, 7 * MICROS_A_DAY)?;
        TimeDelta::in_class(cls, sum.micros()).map(Into::into)
    }

    #[slot(repr)]
    fn repr(this: &Object<TimeDelta>) -> PyResult<Obj> {
        let mut parts = Vec::new();
        for (name, n) in [("days", this.days), ("seconds", this.seconds), ("microseconds", this.micros)] {
            if n != 0 {
                parts.push(format!("{name}={n}"));
            }
        }
        let inner = if parts.is_empty() { "0".to_owned() } else { parts.join(", ") };
        Ok(Str::new(&format!("{}({inner})", super::shown_class(this.class()))).into())
    }

    #[slot(str)]
    fn str(this: &Object<TimeDelta>) -> PyResult<Obj> {
        let (minutes, seconds) = (this.seconds / 60, this.seconds % 60);
        let mut text = String::new();
        if this.days != 0 {
            let plural = if this.days.abs() == 1 { "" } else { "s" };
            text.push_str(&format!("{} day{plural}, ", this.days));
        }
        text.push_str(&format!("{}:{:02}:{seconds:02}", minutes / 60, minutes % 60));
        if this.micros != 0 {
            text.push_str(&format!(".{:06}", this.micros));
        }
        Ok(Str::new(&text).into())
    }

    #[slot(hash)]
    fn hash(this: &Obj) -> PyResult<i64> {
        let d = view(this).expect("the slot belongs to this class");
        let parts = [d.days, d.seconds, d.micros].map(|n| int::new(n as i64));
        pyrs_runtime::objects::dict::hash_key(&tuple(parts.to_vec()))
    }

    #[slot(richcompare)]
    fn compare(a: &Obj, b: &Obj, op: CompareOp) -> PyResult<Obj> {
        match (view(a), view(b)) {
            (Some(a), Some(b)) => {
                let order = (a.days, a.seconds, a.micros).cmp(&(b.days, b.seconds, b.micros));
                Ok(pyrs_runtime::objects::singletons::bool_obj(op.matches(order)))
            }
            _ => Ok(not_implemented()),
        }
    }

    #[slot(nb_bool)]
    fn bool(this: &Obj) -> PyResult<bool> {
        Ok(view(this).is_some_and(|d| d.total_micros() != 0))
    }

    #[slot(nb_add)]
    fn add(a: &Obj, b: &Obj) -> PyResult<Obj> {
        match (view(a), view(b)) {
            (Some(a), Some(b)) => TimeDelta::of_micros(a.total_micros() + b.total_micros()).map(Into::into),
            _ => Ok(not_implemented()),
        }
    }

    #[slot(nb_subtract)]
    fn subtract(a: &Obj, b: &Obj) -> PyResult<Obj> {
        match (view(a), view(b)) {
            (Some(a), Some(b)) => TimeDelta::of_micros(a.total_micros() - b.total_micros()).map(Into::into),
            _ => Ok(not_implemented()),
        }
    }

    #[slot(nb_negative)]
    fn negative(this: &Obj) -> PyResult<Obj> {
        TimeDelta::of_micros(-view(this).expect("a slot of this class").total_micros()).map(Into::into)
    }

    #[slot(nb_positive)]
    fn positive(this: &Obj) -> PyResult<Obj> {
        TimeDelta::of_micros(view(this).expect("a slot of this class").total_micros()).map(Into::into)
    }

    #[slot(nb_absolute)]
    fn absolute(this: &Obj) -> PyResult<Obj> {
        TimeDelta::of_micros(view(this).expect("a slot of this class").total_micros().abs()).map(Into::into)
    }

    #[slot(nb_multiply)]
    fn multiply(a: &Obj, b: &Obj) -> PyResult<Obj> {
        let (delta, factor) = match (view(a), view(b)) {
            (Some(d), None) => (d, b),
            (None, Some(d)) => (d, a),
            _ => return Ok(not_implemented()),
        };
        let micros = delta.total_micros();
        if int::is_int(factor) {
            if let Some(n) = int::to_i64(factor).and_then(|n| micros.checked_mul(n as i128)) {
                return TimeDelta::of_micros(n).map(Into::into);
            }
            return TimeDelta::of_big(&(BigInt::from(micros) * int::to_bigint(factor).unwrap_or_default()));
        }
        if float::view(factor).is_some() {
            let (n, d) = ratio(factor)?;
            return TimeDelta::of_big(&divide_nearest(&(BigInt::from(micros) * n), &d));
        }
        Ok(not_implemented())
    }

    #[slot(nb_floor_divide)]
    fn floor_divide(a: &Obj, b: &Obj) -> PyResult<Obj> {
        let Some(x) = view(a) else { return Ok(not_implemented()) };
        let micros = x.total_micros();
        if let Some(y) = view(b) {
            let divisor = y.total_micros();
            if divisor == 0 {
                return Err(zero_division());
            }
            return Ok(int::from_i128(Integer::div_floor(&micros, &divisor)));
        }
        if int::is_int(b) {
            let divisor = int::to_bigint(b).unwrap_or_default();
            if divisor.is_zero() {
                return Err(zero_division());
            }
            return TimeDelta::of_big(&BigInt::from(micros).div_floor(&divisor));
        }
        Ok(not_implemented())
    }

    #[slot(nb_true_divide)]
    fn true_divide(a: &Obj, b: &Obj) -> PyResult<Obj> {
        let Some(x) = view(a) else { return Ok(not_implemented()) };
        let micros = x.total_micros();
        if let Some(y) = view(b) {
            return number::true_divide(&int::from_i128(micros), &int::from_i128(y.total_micros()));
        }
        if int::is_int(b) {
            let divisor = int::to_bigint(b).unwrap_or_default();
            if divisor.is_zero() {
                return Err(zero_division());
            }
            return TimeDelta::of_big(&divide_nearest(&BigInt::from(micros), &divisor));
        }
        if float::view(b).is_some() {
            let (n, d) = ratio(b)?;
            if n.is_zero() {
                return Err(zero_division());
            }
            return TimeDelta::of_big(&divide_nearest(&(BigInt::from(micros) * d), &n));
        }
        Ok(not_implemented())
    }

    #[slot(nb_remainder)]
    fn remainder(a: &Obj, b: &Obj) -> PyResult<Obj> {
        match (view(a), view(b)) {
            (Some(a), Some(b)) => match b.total_micros() {
                0 => Err(zero_division()),
                divisor => TimeDelta::of_micros(Integer::mod_floor(&a.total_micros(), &divisor)).map(Into::into),
            },
            _ => Ok(not_implemented()),
        }
    }

    #[slot(nb_divmod)]
    fn divmod(a: &Obj, b: &Obj) -> PyResult<Obj> {
        match (view(a), view(b)) {
            (Some(a), Some(b)) => match b.total_micros() {
                0 => Err(zero_division()),
                divisor => {
                    let (q, r) = Integer::div_mod_floor(&a.total_micros(), &divisor);
                    Ok(tuple(vec![int::from_i128(q), TimeDelta::of_micros(r)?.into()]))
                }
            },
            _ => Ok(not_implemented()),
        }
    }

    /// Total seconds in the duration.
    #[pymethod]
    fn total_seconds(&self) -> PyResult<Obj> {
        number::true_divide(&int::from_i128(self.total_micros()), &int::new(1_000_000))
    }

    /// __reduce__() -> (cls, state)
    #[pymethod(name = "__reduce__")]
    fn reduce(this: &Object<TimeDelta>) -> Obj {
        let parts = [this.days, this.seconds, this.micros].map(|n| int::new(n as i64));
        tuple(vec![this.class().to_obj(), tuple(parts.to_vec())])
    }

    /// Number of days.
    #[getter]
    fn days(&self) -> i32 {
        self.days
    }

    /// Number of seconds (>= 0 and less than 1 day).
    #[getter]
    fn seconds(&self) -> i32 {
        self.seconds
    }

    /// Number of microseconds (>= 0 and less than 1 second).
    #[getter]
    fn microseconds(&self) -> i32 {
        self.micros
    }
}
