//! `datetime.tzinfo` and `datetime.timezone`.

use pyrs_macros::{pyclass, pymethods};
use pyrs_runtime::args::bad_argument;
use pyrs_runtime::call::{self, Args};
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::object::{Obj, Object, Ptr, PyClass};
use pyrs_runtime::objects::singletons::{bool_obj, none, not_implemented};
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::protocols::{attr, compare, text};
use pyrs_runtime::thread::runtime;
use pyrs_runtime::types::Type;
use pyrs_runtime::types::slots::CompareOp;
use pyrs_runtime::{name, raise};

use super::calendar::MICROS_A_DAY;
use super::date_time::{DateTime, InZone};
use super::delta::TimeDelta;
use crate::data::tuple;

/// Abstract base class for time zone info objects.
#[repr(C)]
#[pyclass(name = "tzinfo", module = "datetime", flags = BASETYPE)]
pub struct TzInfo {}

fn not_done(method: &str) -> pyrs_runtime::Raised {
    raise!(NotImplementedError, "a tzinfo subclass must implement {method}()")
}

#[pymethods]
impl TzInfo {
    #[slot(new)]
    fn py_new(cls: &Type, _args: Args<'_>) -> PyResult<Obj> {
        Ok(Ptr::new_in(cls, TzInfo {}).into())
    }

    /// datetime -> string name of time zone.
    #[pymethod(sig = "(object, /)")]
    fn tzname(this: &Obj, object: &Obj) -> PyResult<Obj> {
        let _ = (this, object);
        Err(not_done("tzname"))
    }

    /// datetime -> timedelta showing offset from UTC, negative values indicating West of UTC
    #[pymethod(sig = "(object, /)")]
    fn utcoffset(this: &Obj, object: &Obj) -> PyResult<Obj> {
        let _ = (this, object);
        Err(not_done("utcoffset"))
    }

    /// datetime -> DST offset as timedelta positive east of UTC.
    #[pymethod(sig = "(object, /)")]
    fn dst(this: &Obj, object: &Obj) -> PyResult<Obj> {
        let _ = (this, object);
        Err(not_done("dst"))
    }

    /// datetime in UTC -> datetime in local time.
    #[pymethod(sig = "(object, /)")]
    fn fromutc(this: &Obj, object: &Obj) -> PyResult<Obj> {
        let dt = utc_argument(this, object)?;
        let offset = dt
            .offset_of("utcoffset")?
            .ok_or_else(|| raise!(ValueError, "fromutc: non-None utcoffset() result required"))?;
        let none_dst = || raise!(ValueError, "fromutc: non-None dst() result required");
        let dst = dt.offset_of("dst")?.ok_or_else(none_dst)?;
        let mut result = object.clone();
        if offset != dst {
            let shift = TimeDelta::of_micros(offset - dst)?;
            result = DateTime::add_delta(dt, &shift, 1)?;
        }
        let shifted = result.downcast::<DateTime>().expect("a datetime and a timedelta give one");
        let inconsistent = || raise!(ValueError, "fromutc: tz.dst() gave inconsistent results; cannot convert");
        match shifted.offset_of("dst")?.ok_or_else(inconsistent)? {
            0 => Ok(result.clone()),
            dst => DateTime::add_delta(shifted, &*TimeDelta::of_micros(dst)?, 1),
        }
    }

    /// -> (cls, state)
    #[pymethod(name = "__reduce__")]
    fn reduce(this: &Obj) -> PyResult<Obj> {
        let args = match attr::getattr_optional(this, name!("__getinitargs__"))? {
            Some(method) => call::call(&method, &[])?,
            None => tuple(vec![]),
        };
        let state = call::call_method(this, "__getstate__", &[])?;
        Ok(tuple(vec![this.class().to_obj(), args, state]))
    }
}

/// The argument of `fromutc`: a datetime in this zone.
fn utc_argument<'a>(this: &Obj, object: &'a Obj) -> PyResult<&'a Object<DateTime>> {
    let Some(dt) = object.downcast::<DateTime>() else {
        return Err(raise!(TypeError, "fromutc: argument must be a datetime"));
    };
    if !dt.zone().is_some_and(|z| z.is(this)) {
        return Err(raise!(ValueError, "fromutc: dt.tzinfo is not self"));
    }
    Ok(dt)
}

/// Fixed offset from UTC implementation of tzinfo.
#[repr(C)]
#[pyclass(name = "timezone", module = "datetime", base = TzInfo)]
pub struct TimeZone {
    offset: Obj,
    name: Option<Obj>,
}

/// `timezone.utc`
pub fn utc() -> Obj {
    runtime().registered("datetime.utc").unwrap_or_else(|| {
        let zero = TimeDelta::of_micros(0).expect("zero is in range");
        let made: Obj = Ptr::new(TimeZone { offset: zero.into(), name: None }).into();
        runtime().register("datetime.utc", made.clone());
        made
    })
}

impl TimeZone {
    pub fn make(cls: &Type, offset: &Object<TimeDelta>, name: Option<Obj>) -> PyResult<Obj> {
        let micros = offset.total_micros();
        if micros == 0 && name.is_none() {
            return Ok(utc());
        }
        if micros.abs() >= MICROS_A_DAY as i128 {
            return Err(raise!(
                ValueError,
                "offset must be a timedelta strictly between -timedelta(hours=24) and timedelta(hours=24), not {}",
                text::repr_text(&offset.as_obj())?
            ));
        }
        Ok(Ptr::new_in(cls, TimeZone { offset: offset.to_obj(), name }).into())
    }

    pub fn offset_micros(&self) -> i128 {
        self.offset.downcast::<TimeDelta>().map_or(0, |d| d.total_micros())
    }

    pub fn offset(&self) -> Obj {
        self.offset.clone()
    }

    pub fn display_name(this: &Obj) -> PyResult<Obj> {
        let zone = this.downcast::<TimeZone>().expect("checked by the caller");
        if let Some(name) = &zone.name {
            return Ok(name.clone());
        }
        let micros = zone.offset_micros();
        if this.is(&utc()) || micros == 0 {
            return Ok(Str::new("UTC").into());
        }
        Ok(Str::new(&format!("UTC{}", super::format::offset_text(micros, ":"))).into())
    }
}

fn check_datetime(method: &str, dt: &Obj) -> PyResult<()> {
    if dt.is_none() || dt.downcast::<DateTime>().is_some() {
        return Ok(());
    }
    let class = dt.class().name();
    Err(raise!(TypeError, "{method}(dt) argument must be a datetime instance or None, not {class}"))
}

#[pymethods]
impl TimeZone {
    #[new(name = "timezone", sig = "(offset, name=<unrepresentable>)", text_signature = "")]
    fn py_new(cls: &Type, offset: &Obj, name: pyrs_runtime::args::Maybe<&Obj>) -> PyResult<Obj> {
        let Some(delta) = offset.downcast::<TimeDelta>() else {
            return Err(bad_argument("timezone", " 1", "datetime.timedelta", offset));
        };
        if let Some(name) = name.0.filter(|n| n.downcast::<Str>().is_none()) {
            return Err(bad_argument("timezone", " 2", "str", name));
        }
        TimeZone::make(cls, delta, name.0.cloned())
    }

    #[slot(repr)]
    fn repr(this: &Object<TimeZone>) -> PyResult<Obj> {
        let class = super::shown_class(this.class());
        if this.as_obj().is(&utc()) {
            return Ok(Str::new(&format!("{class}.utc")).into());
        }
        let offset = text::repr_text(&this.offset)?;
        Ok(Str::new(&match &this.name {
            None => format!("{class}({offset})"),
            Some(name) => format!("{class}({offset}, {})", text::repr_text(name)?),
        })
        .into())
    }

    #[slot(str)]
    fn str(this: &Obj) -> PyResult<Obj> {
        TimeZone::display_name(this)
    }

    #[slot(hash)]
    fn hash(this: &Obj) -> PyResult<i64> {
        let zone = this.downcast::<TimeZone>().expect("the slot belongs to this class");
        pyrs_runtime::objects::dict::hash_key(&zone.offset)
    }

    #[slot(richcompare)]
    fn compare(a: &Obj, b: &Obj, op: CompareOp) -> PyResult<Obj> {
        match (op, a.downcast::<TimeZone>(), b.downcast::<TimeZone>()) {
            (CompareOp::Eq | CompareOp::Ne, Some(a), Some(b)) => {
                let equal = compare::equal(&a.offset, &b.offset)?;
                Ok(bool_obj(equal == (op == CompareOp::Eq)))
            }
            _ => Ok(not_implemented()),
        }
    }

    /// If name is specified when timezone is created, returns the name.  Otherwise returns offset as 'UTC(+|-)HH:MM'.
    #[pymethod(sig = "(object, /)")]
    fn tzname(this: &Obj, object: &Obj) -> PyResult<Obj> {
        check_datetime("tzname", object)?;
        TimeZone::display_name(this)
    }

    /// Return fixed offset.
    #[pymethod(sig = "(object, /)")]
    fn utcoffset(&self, object: &Obj) -> PyResult<Obj> {
        check_datetime("utcoffset", object)?;
        Ok(self.offset.clone())
    }

    /// Return None.
    #[pymethod(sig = "(object, /)")]
    fn dst(&self, object: &Obj) -> PyResult<Obj> {
        check_datetime("dst", object)?;
        Ok(none())
    }

    /// datetime in UTC -> datetime in local time.
    #[pymethod(sig = "(object, /)")]
    fn fromutc(this: &Obj, object: &Obj) -> PyResult<Obj> {
        let dt = utc_argument(this, object)?;
        let zone = this.downcast::<TimeZone>().expect("a method of this class");
        let delta = zone.offset.downcast::<TimeDelta>().expect("checked when it was made");
        DateTime::add_delta(dt, delta, 1)
    }

    /// pickle support
    #[pymethod(name = "__getinitargs__")]
    fn init_args(&self) -> Obj {
        let mut args = vec![self.offset.clone()];
        args.extend(self.name.clone());
        tuple(args)
    }
}

/// A `tzinfo` argument: None, or an instance of the class.
pub fn zone_argument(zone: &Obj) -> PyResult<Option<Obj>> {
    if zone.is_none() {
        return Ok(None);
    }
    if zone.is_instance_of::<TzInfo>() {
        return Ok(Some(zone.clone()));
    }
    let class = zone.class().name();
    Err(raise!(TypeError, "tzinfo argument must be None or of a tzinfo subclass, not type '{class}'"))
}

/// Calls `utcoffset` or `dst` of a zone: microseconds, `None` for None.
pub fn zone_offset(zone: &Obj, method: &str, argument: &Obj) -> PyResult<Option<i128>> {
    if let Some(fixed) = zone.exact::<TimeZone>() {
        return Ok((method == "utcoffset").then(|| fixed.offset_micros()));
    }
    let result = call::call_method(zone, method, std::slice::from_ref(argument))?;
    if result.is_none() {
        return Ok(None);
    }
    let Some(delta) = result.downcast::<TimeDelta>() else {
        let class = result.class().name();
        return Err(raise!(TypeError, "tzinfo.{method}() must return None or a timedelta, not '{class}'"));
    };
    let micros = delta.total_micros();
    if micros.abs() >= MICROS_A_DAY as i128 {
        return Err(raise!(
            ValueError,
            "offset must be a timedelta strictly between -timedelta(hours=24) and timedelta(hours=24)."
        ));
    }
    Ok(Some(micros))
}

/// As [`zone_offset`], as an object.
pub fn zone_offset_object(zone: Option<&Obj>, method: &str, argument: &Obj) -> PyResult<Obj> {
    let Some(zone) = zone else { return Ok(none()) };
    if let (Some(fixed), "utcoffset") = (zone.exact::<TimeZone>(), method) {
        return Ok(fixed.offset());
    }
    match zone_offset(zone, method, argument)? {
        Some(micros) => TimeDelta::of_micros(micros).map(Into::into),
        None => Ok(none()),
    }
}

/// Calls `tzname` of a zone.
pub fn zone_name(zone: Option<&Obj>, argument: &Obj) -> PyResult<Obj> {
    let Some(zone) = zone else { return Ok(none()) };
    if zone.exact::<TimeZone>().is_some() {
        return TimeZone::display_name(zone);
    }
    let result = call::call_method(zone, "tzname", std::slice::from_ref(argument))?;
    if result.is_none() || result.downcast::<Str>().is_some() {
        return Ok(result);
    }
    let class = result.class().name();
    Err(raise!(TypeError, "tzinfo.tzname() must return None or a string, not '{class}'"))
}

/// The class itself, for those who make zones.
pub fn timezone_class() -> &'static Type {
    TimeZone::class()
}
