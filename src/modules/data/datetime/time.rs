//! `datetime.time`.

use pyrs_macros::{pyclass, pymethods};
use pyrs_runtime::args::{FromArg, Maybe};
use pyrs_runtime::call::{self, Args};
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::object::{Obj, Object, Ptr, PyClass};
use pyrs_runtime::objects::bytes::Bytes;
use pyrs_runtime::objects::int;
use pyrs_runtime::objects::singletons::{bool_obj, none, not_implemented};
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::protocols::text;
use pyrs_runtime::raise;
use pyrs_runtime::types::Type;
use pyrs_runtime::types::slots::CompareOp;

use super::date::{format_argument, format_special, pickled_state, replace_by};
use super::delta::TimeDelta;
use super::format;
use super::zone::{self, TimeZone};
use crate::data::tuple;

/// time([hour[, minute[, second[, microsecond[, tzinfo]]]]]) --> a time object
///
/// All arguments are optional. tzinfo may be None, or an instance of
/// a tzinfo subclass. The remaining arguments may be ints.
#[pyclass(name = "time", module = "datetime", flags = BASETYPE)]
pub struct Time {
    pub hour: i32,
    pub minute: i32,
    pub second: i32,
    pub micros: i32,
    pub fold: bool,
    pub zone: Option<Obj>,
}

/// Raises ValueError unless the time exists.
pub fn check_time(hour: i32, minute: i32, second: i32, micros: i32, fold: i32) -> PyResult<()> {
    for (name, n, most) in
        [("hour", hour, 23), ("minute", minute, 59), ("second", second, 59), ("microsecond", micros, 999_999)]
    {
        if !(0..=most).contains(&n) {
            return Err(raise!(ValueError, "{name} must be in 0..{most}, not {n}"));
        }
    }
    if fold != 0 && fold != 1 {
        return Err(raise!(ValueError, "fold must be either 0 or 1, not {fold}"));
    }
    Ok(())
}

impl Time {
    pub fn of(hour: i32, minute: i32, second: i32, micros: i32, zone: Option<Obj>, fold: bool) -> Time {
        Time { hour, minute, second, micros, fold, zone }
    }

    /// Microseconds since midnight.
    pub fn total(&self) -> i64 {
        ((self.hour as i64 * 60 + self.minute as i64) * 60 + self.second as i64) * 1_000_000 + self.micros as i64
    }

    fn in_class(cls: &Type, time: Time) -> PyResult<Obj> {
        check_time(time.hour, time.minute, time.second, time.micros, time.fold as i32)?;
        if std::ptr::eq(cls, Time::class()) {
            return Ok(Ptr::new(time).into());
        }
        let numbers = [time.hour, time.minute, time.second, time.micros].map(|n| int::new(n as i64));
        let mut args = numbers.to_vec();
        args.push(time.zone.unwrap_or_else(none));
        let keywords: &[(&str, Obj)] = if time.fold { &[("fold", int::new(1))] } else { &[] };
        call::call_keywords(&cls.as_obj(), &args, keywords)
    }

    fn offset(&self, method: &str) -> PyResult<Option<i128>> {
        match &self.zone {
            Some(zone) => zone::zone_offset(zone, method, &none()),
            None => Ok(None),
        }
    }

    fn packed(&self, fold: bool) -> [u8; 6] {
        let us = self.micros;
        let hour = self.hour as u8 | if fold && self.fold { 0x80 } else { 0 };
        [hour, self.minute as u8, self.second as u8, (us >> 16) as u8, (us >> 8) as u8, us as u8]
    }

    fn state(this: &Object<Time>, protocol: i32) -> Obj {
        let mut state = vec![Bytes::new(&this.packed(protocol > 3)).into_obj()];
        state.extend(this.zone.clone());
        tuple(vec![this.class().to_obj(), tuple(state)])
    }
}

/// The hash of the time in UTC is that of equal times in other zones.
fn hash_of(time: &Object<Time>) -> PyResult<i64> {
    match time.offset("utcoffset")? {
        None => pyrs_runtime::objects::dict::hash_key(&Bytes::new(&time.packed(false)).into()),
        Some(offset) => {
            pyrs_runtime::objects::dict::hash_key(&TimeDelta::of_micros(time.total() as i128 - offset)?.into())
        }
    }
}

#[pymethods]
impl Time {
    #[new(
        name = "function",
        sig = "(hour=0, minute=0, second=0, microsecond=0, tzinfo=None, *, fold=0)",
        text_signature = ""
    )]
    fn py_new(
        cls: &Type,
        hour: Maybe<&Obj>,
        minute: Maybe<&Obj>,
        second: i32,
        microsecond: i32,
        tzinfo: Option<&Obj>,
        fold: i32,
    ) -> PyResult<Obj> {
        if let Some(first) = hour.0
            && let Some(state) = pickled_state(first, 6)?
            && state[0] & 0x7f < 24
        {
            let zone = match minute.0.filter(|z| !z.is_none()) {
                None => None,
                Some(zone) if zone.is_instance_of::<zone::TzInfo>() => Some(zone.clone()),
                Some(_) => return Err(raise!(TypeError, "bad tzinfo state arg")),
            };
            let micros = (state[3] as i32) << 16 | (state[4] as i32) << 8 | state[5] as i32;
            let (hour, fold) = ((state[0] & 0x7f) as i32, state[0] & 0x80 != 0);
            return Ok(Ptr::new_in(cls, Time::of(hour, state[1] as i32, state[2] as i32, micros, zone, fold)).into());
        }
        let number = |n: Maybe<&Obj>| n.0.map_or(Ok(0), i32::from_arg);
        let (hour, minute) = (number(hour)?, number(minute)?);
        let zone = tzinfo.map_or(Ok(None), zone::zone_argument)?;
        check_time(hour, minute, second, microsecond, fold)?;
        Ok(Ptr::new_in(cls, Time::of(hour, minute, second, microsecond, zone, fold == 1)).into())
    }

    #[slot(repr)]
    fn repr(this: &Object<Time>) -> PyResult<Obj> {
        let mut out = format!("{}({}, {}", super::shown_class(this.class()), this.hour, this.minute);
        if this.second != 0 || this.micros != 0 {
            out.push_str(&format!(", {}", this.second));
        }
        if this.micros != 0 {
            out.push_str(&format!(", {}", this.micros));
        }
        if let Some(zone) = &this.zone {
            out.push_str(&format!(", tzinfo={}", text::repr_text(zone)?));
        }
        if this.fold {
            out.push_str(", fold=1");
        }
        out.push(')');
        Ok(Str::new(&out).into())
    }

    #[slot(str)]
    fn str(this: &Obj) -> PyResult<Obj> {
        call::call_method(this, "isoformat", &[])
    }

    #[slot(hash)]
    fn hash(this: &Obj) -> PyResult<i64> {
        hash_of(this.downcast::<Time>().expect("the slot belongs to this class"))
    }

    #[slot(richcompare)]
    fn compare(a: &Obj, b: &Obj, op: CompareOp) -> PyResult<Obj> {
        let (Some(a), Some(b)) = (a.downcast::<Time>(), b.downcast::<Time>()) else {
            return Ok(not_implemented());
        };
        let same_zone = match (&a.zone, &b.zone) {
            (None, None) => true,
            (Some(x), Some(y)) => x.is(y),
            _ => false,
        };
        if same_zone {
            return Ok(bool_obj(op.matches(a.total().cmp(&b.total()))));
        }
        match (a.offset("utcoffset")?, b.offset("utcoffset")?) {
            (Some(x), Some(y)) => {
                let order = (a.total() as i128 - x).cmp(&(b.total() as i128 - y));
                Ok(bool_obj(op.matches(order)))
            }
            (None, None) => Ok(bool_obj(op.matches(a.total().cmp(&b.total())))),
            _ => match op {
                CompareOp::Eq => Ok(bool_obj(false)),
                CompareOp::Ne => Ok(bool_obj(true)),
                _ => Err(raise!(TypeError, "can't compare offset-naive and offset-aware times")),
            },
        }
    }

    /// Construct a time from a string in ISO 8601 format.
    #[classmethod(sig = "(object, /)")]
    fn fromisoformat(cls: &Type, object: &Obj) -> PyResult<Obj> {
        let Some(source) = object.downcast::<Str>() else {
            return Err(raise!(TypeError, "fromisoformat: argument must be str"));
        };
        let invalid = || -> PyResult<pyrs_runtime::Raised> {
            Ok(raise!(ValueError, "Invalid isoformat string: {}", text::repr_text(object)?))
        };
        let bytes = source.as_ascii().map(str::as_bytes);
        let bytes = bytes.map(|b| b.strip_prefix(b"T").unwrap_or(b));
        let Some(parsed) = bytes.and_then(format::parse_time) else { return Err(invalid()?) };
        let (mut hour, minute, second, micros) = (parsed.hour, parsed.minute, parsed.second, parsed.micros);
        if hour == 24 {
            if minute != 0 || second != 0 || micros != 0 {
                return Err(raise!(ValueError, "minute, second, and microsecond must be 0 when hour is 24"));
            }
            hour = 0;
        }
        let zone = zone_of(parsed.offset)?;
        Time::in_class(cls, Time::of(hour, minute, second, micros, zone, false))
    }

    /// string, format -> new time parsed from a string (like time.strptime()).
    #[classmethod(sig = "(date_string, format, /)", text_signature = "")]
    fn strptime(cls: &Type, date_string: &Obj, format: &Obj) -> PyResult<Obj> {
        let module = crate::core::import::import_module("_strptime")?;
        call::call_method(&module, "_strptime_datetime_time", &[cls.to_obj(), date_string.clone(), format.clone()])
    }

    /// Return string in ISO 8601 format, [HH[:MM[:SS[.mmm[uuu]]]]][+HH:MM].
    ///
    /// The optional argument timespec specifies the number of additional terms
    /// of the time to include. Valid options are 'auto', 'hours', 'minutes',
    /// 'seconds', 'milliseconds' and 'microseconds'.
    #[pymethod(sig = "(timespec=None)", text_signature = "")]
    fn isoformat(&self, timespec: Maybe<&Obj>) -> PyResult<String> {
        if let Some(spec) = timespec.0.filter(|s| s.downcast::<Str>().is_none()) {
            return Err(pyrs_runtime::args::bad_argument("isoformat", " 1", "str", spec));
        }
        let mut out = format::clock_text(self.hour, self.minute, self.second, self.micros, timespec.0)?;
        if let Some(offset) = self.offset("utcoffset")? {
            out.push_str(&format::offset_text(offset, ":"));
        }
        Ok(out)
    }

    /// format -> strftime() style string.
    #[pymethod(sig = "(format)", text_signature = "")]
    fn strftime(&self, format: &Obj) -> PyResult<Obj> {
        let format = format_argument("strftime", format)?;
        let fields = [1900, 1, 1, self.hour, self.minute, self.second, 0, 1, -1].map(i64::from);
        let moment = format::Moment {
            micros: self.micros,
            iso_year: 1900,
            year: 1900,
            month: 1,
            day: 1,
            offset: &|| self.offset("utcoffset"),
            zone_name: &|| zone::zone_name(self.zone.as_ref(), &none()),
        };
        format::strftime(format, &moment, format::time_tuple(fields)?)
    }

    /// Formats self with strftime.
    #[pymethod(name = "__format__", text_signature = "")]
    fn format(this: &Obj, format: &Obj) -> PyResult<Obj> {
        format_special(this, format)
    }

    /// Return self.tzinfo.utcoffset(self).
    #[pymethod]
    fn utcoffset(&self) -> PyResult<Obj> {
        zone::zone_offset_object(self.zone.as_ref(), "utcoffset", &none())
    }

    /// Return self.tzinfo.tzname(self).
    #[pymethod]
    fn tzname(&self) -> PyResult<Obj> {
        zone::zone_name(self.zone.as_ref(), &none())
    }

    /// Return self.tzinfo.dst(self).
    #[pymethod]
    fn dst(&self) -> PyResult<Obj> {
        zone::zone_offset_object(self.zone.as_ref(), "dst", &none())
    }

    /// Return time with new specified fields.
    #[pymethod(
        sig = "(hour=unchanged, minute=unchanged, second=unchanged, microsecond=unchanged, tzinfo=unchanged, *, fold=unchanged)",
        text_signature = "($self, /, hour=unchanged, minute=unchanged, second=unchanged,\n        microsecond=unchanged, tzinfo=unchanged, *, fold=unchanged)"
    )]
    fn replace(
        this: &Object<Time>,
        hour: Maybe<i32>,
        minute: Maybe<i32>,
        second: Maybe<i32>,
        microsecond: Maybe<i32>,
        tzinfo: Maybe<&Obj>,
        fold: Maybe<i32>,
    ) -> PyResult<Obj> {
        let zone = match tzinfo.0 {
            Some(zone) => zone::zone_argument(zone)?,
            None => this.zone.clone(),
        };
        let fold = fold.0.unwrap_or(this.fold as i32);
        let or = |new: Maybe<i32>, old: i32| new.0.unwrap_or(old);
        let (hour, minute) = (or(hour, this.hour), or(minute, this.minute));
        let (second, micros) = (or(second, this.second), or(microsecond, this.micros));
        check_time(hour, minute, second, micros, fold)?;
        Time::in_class(this.class(), Time::of(hour, minute, second, micros, zone, fold == 1))
    }

    /// The same as replace().
    #[pymethod(name = "__replace__", text_signature = "($self, /, **changes)")]
    fn replace_special(this: &Obj, args: Args<'_>) -> PyResult<Obj> {
        replace_by(this, args)
    }

    /// __reduce_ex__(proto) -> (cls, state)
    #[pymethod(name = "__reduce_ex__", sig = "(protocol, /)", text_signature = "")]
    fn reduce_ex(this: &Object<Time>, protocol: i32) -> Obj {
        Time::state(this, protocol)
    }

    /// __reduce__() -> (cls, state)
    #[pymethod(name = "__reduce__")]
    fn reduce(this: &Object<Time>) -> Obj {
        Time::state(this, 2)
    }

    #[getter]
    fn hour(&self) -> i32 {
        self.hour
    }

    #[getter]
    fn minute(&self) -> i32 {
        self.minute
    }

    #[getter]
    fn second(&self) -> i32 {
        self.second
    }

    #[getter]
    fn microsecond(&self) -> i32 {
        self.micros
    }

    #[getter]
    fn tzinfo(&self) -> Option<Obj> {
        self.zone.clone()
    }

    #[getter]
    fn fold(&self) -> i32 {
        self.fold as i32
    }
}

/// The zone of an offset in ISO text.
pub fn zone_of(offset: Option<i128>) -> PyResult<Option<Obj>> {
    match offset {
        None => Ok(None),
        Some(0) => Ok(Some(zone::utc())),
        Some(micros) => TimeZone::make(TimeZone::class(), &*TimeDelta::of_micros(micros)?, None).map(Some),
    }
}
