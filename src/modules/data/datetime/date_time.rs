//! `datetime.datetime`.

use pyrs_macros::{pyclass, pymethods};
use pyrs_runtime::args::{FromArg, Maybe, bad_argument};
use pyrs_runtime::call::{self, Args};
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::object::{Obj, Object, Ptr, PyClass};
use pyrs_runtime::objects::bytes::Bytes;
use pyrs_runtime::objects::singletons::{bool_obj, none, not_implemented};
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::{float, int};
use pyrs_runtime::protocols::text;
use pyrs_runtime::raise;
use pyrs_runtime::types::Type;
use pyrs_runtime::types::slots::CompareOp;

use super::calendar::{self, EPOCH, MAX_ORDINAL, MAX_YEAR, MICROS_A_DAY, MIN_YEAR, Wall};
use super::date::{Date, check_date, format_argument, pickled_state, timestamp_argument};
use super::delta::TimeDelta;
use super::format;
use super::time::{Time, check_time, zone_of};
use super::zone::{self, TimeZone};
use crate::data::tuple;

/// datetime(year, month, day[, hour[, minute[, second[, microsecond[,tzinfo]]]]])
///
/// The year, month and day arguments are required. tzinfo may be None, or an
/// instance of a tzinfo subclass. The remaining arguments may be ints.
#[repr(C)]
#[pyclass(name = "datetime", module = "datetime", base = Date, flags = BASETYPE)]
pub struct DateTime {
    base: Date,
    hour: i32,
    minute: i32,
    second: i32,
    micros: i32,
    fold: bool,
    zone: Option<Obj>,
}

/// A point in time without a zone.
#[derive(Copy, Clone)]
pub struct Moment {
    pub wall: Wall,
    pub micros: i32,
}

impl Moment {
    pub fn new(year: i32, month: i32, day: i32, hour: i32, minute: i32, second: i32, micros: i32) -> Moment {
        Moment { wall: Wall { year, month, day, hour, minute, second }, micros }
    }

    /// Microseconds from the start of year 1, which is day 1.
    fn total(self) -> i64 {
        self.wall.seconds() * 1_000_000 + self.micros as i64
    }

    fn from_total(total: i64) -> PyResult<Moment> {
        let days = total.div_euclid(MICROS_A_DAY);
        if !(1..=MAX_ORDINAL).contains(&days) {
            return Err(raise!(OverflowError, "date value out of range"));
        }
        let wall = Wall::from_seconds(total.div_euclid(1_000_000));
        Ok(Moment { wall, micros: total.rem_euclid(1_000_000) as i32 })
    }
}

fn check_moment(m: &Moment, fold: i32) -> PyResult<()> {
    check_date(m.wall.year, m.wall.month, m.wall.day)?;
    check_time(m.wall.hour, m.wall.minute, m.wall.second, m.micros, fold)
}

fn view(obj: &Obj) -> Option<&Object<DateTime>> {
    obj.downcast::<DateTime>()
}

fn out_of_range() -> pyrs_runtime::Raised {
    raise!(OverflowError, "timestamp out of range for platform localtime()")
}

impl DateTime {
    fn of(m: Moment, zone: Option<Obj>, fold: bool) -> DateTime {
        let w = m.wall;
        DateTime {
            base: Date::of(w.year, w.month, w.day),
            hour: w.hour,
            minute: w.minute,
            second: w.second,
            micros: m.micros,
            fold,
            zone,
        }
    }

    /// A datetime of the class itself, from what has been checked.
    pub fn plain(m: Moment, zone: Option<Obj>) -> Ptr<DateTime> {
        Ptr::new(DateTime::of(m, zone, false))
    }

    pub fn zone(&self) -> Option<&Obj> {
        self.zone.as_ref()
    }

    fn moment(&self) -> Moment {
        let b = &self.base;
        Moment::new(b.year, b.month, b.day, self.hour, self.minute, self.second, self.micros)
    }

    /// A datetime of any class: subclasses are called.
    fn in_class(cls: &Type, m: Moment, zone: Option<Obj>, fold: bool) -> PyResult<Obj> {
        if std::ptr::eq(cls, DateTime::class()) {
            check_moment(&m, fold as i32)?;
            return Ok(Ptr::new(DateTime::of(m, zone, fold)).into());
        }
        let w = m.wall;
        let numbers = [w.year, w.month, w.day, w.hour, w.minute, w.second, m.micros];
        let mut args = numbers.map(|n| int::new(n as i64)).to_vec();
        args.push(zone.unwrap_or_else(none));
        let keywords: &[(&str, Obj)] = if fold { &[("fold", int::new(1))] } else { &[] };
        call::call_keywords(&cls.as_obj(), &args, keywords)
    }

    /// `dt + sign * delta`, in the class of `dt`.
    pub fn add_delta(dt: &Object<DateTime>, delta: &TimeDelta, sign: i64) -> PyResult<Obj> {
        let micros = delta.total_micros() * sign as i128;
        let total = dt.moment().total() as i128 + micros;
        let Ok(total) = i64::try_from(total) else {
            return Err(raise!(OverflowError, "date value out of range"));
        };
        DateTime::in_class(dt.class(), Moment::from_total(total)?, dt.zone.clone(), false)
    }

    fn packed(&self, fold: bool) -> [u8; 10] {
        let (b, us) = (&self.base, self.micros);
        let month = b.month as u8 | if fold && self.fold { 0x80 } else { 0 };
        [
            (b.year >> 8) as u8,
            b.year as u8,
            month,
            b.day as u8,
            self.hour as u8,
            self.minute as u8,
            self.second as u8,
            (us >> 16) as u8,
            (us >> 8) as u8,
            us as u8,
        ]
    }

    fn state(this: &Object<DateTime>, protocol: i32) -> Obj {
        let mut state = vec![Bytes::new(&this.packed(protocol > 3)).into_obj()];
        state.extend(this.zone.clone());
        tuple(vec![this.class().to_obj(), tuple(state)])
    }

    fn clock(&self) -> String {
        format!("{:02}:{:02}:{:02}", self.hour, self.minute, self.second)
    }

    /// The seconds from year 1 in UTC that a datetime without zone stands for here.
    fn local_seconds(&self) -> PyResult<i64> {
        calendar::from_local(self.moment().wall, self.fold).ok_or_else(out_of_range)
    }

    /// The time stamp in whole seconds of a datetime in UTC.
    fn utc_seconds(&self) -> i64 {
        self.moment().wall.seconds() - EPOCH
    }

    /// From a time stamp: local time, or UTC.
    fn from_seconds(cls: &Type, seconds: i64, micros: i32, utc: bool, zone: Option<Obj>) -> PyResult<Obj> {
        let wall = if utc {
            let days = seconds.div_euclid(86_400);
            if !(-4_000_000..4_000_000_000).contains(&days) {
                return Err(raise!(OverflowError, "timestamp out of range for platform time_t"));
            }
            Wall::from_seconds(seconds + EPOCH)
        } else {
            calendar::local(seconds).ok_or_else(out_of_range)?.wall
        };
        if !(MIN_YEAR..=MAX_YEAR).contains(&wall.year) {
            return Err(raise!(ValueError, "year must be in {MIN_YEAR}..{MAX_YEAR}, not {}", wall.year));
        }
        let fold = !utc && zone.is_none() && calendar::is_fold(seconds, wall);
        DateTime::in_class(cls, Moment { wall, micros }, zone, fold)
    }

    /// The present, local or in UTC.
    fn present(cls: &Type, utc: bool, zone: Option<Obj>) -> PyResult<Obj> {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        DateTime::from_seconds(cls, now.as_secs() as i64, now.subsec_micros() as i32, utc, zone)
    }
}

/// Methods that need the object, not only its payload.
pub trait InZone {
    /// `utcoffset` or `dst` in microseconds.
    fn offset_of(&self, method: &str) -> PyResult<Option<i128>>;
}

impl InZone for Object<DateTime> {
    fn offset_of(&self, method: &str) -> PyResult<Option<i128>> {
        match &self.zone {
            Some(zone) => zone::zone_offset(zone, method, &self.as_obj()),
            None => Ok(None),
        }
    }
}

/// The zone of this machine at a time stamp.
fn local_zone(timestamp: i64) -> PyResult<Obj> {
    let local = calendar::local(timestamp).ok_or_else(out_of_range)?;
    let offset = TimeDelta::of_seconds(local.offset)?;
    TimeZone::make(zone::timezone_class(), &offset, Some(Str::new(&local.zone).into()))
}

impl DateTime {
    /// The zone of this machine at a time without zone.
    fn own_local_zone(&self) -> PyResult<Obj> {
        let wall = self.moment().wall;
        let mut seconds = self.local_seconds()?;
        // In a gap the time before the change counts for fold 0, as for times that exist.
        let other = calendar::from_local(wall, !self.fold).ok_or_else(out_of_range)?;
        if other != seconds && (other > seconds) == self.fold {
            seconds = other;
        }
        local_zone(seconds - EPOCH)
    }
}

/// Whether the offset of a datetime depends on its fold: such a one equals none in another zone.
fn depends_on_fold(dt: &Object<DateTime>, offset: Option<i128>) -> PyResult<bool> {
    let other = DateTime::of(dt.moment(), dt.zone.clone(), !dt.fold);
    let other = Ptr::new(other);
    Ok(other.offset_of("utcoffset")? != offset)
}

fn argument(object: &Obj) -> PyResult<&Object<Str>> {
    object.downcast::<Str>().ok_or_else(|| raise!(TypeError, "fromisoformat: argument must be str"))
}

#[pymethods]
impl DateTime {
    #[new(
        name = "function",
        sig = "(year=<unrepresentable>, month=<unrepresentable>, day=<unrepresentable>, hour=0, minute=0, second=0, microsecond=0, tzinfo=None, *, fold=0)",
        text_signature = ""
    )]
    fn py_new(
        cls: &Type,
        year: Maybe<&Obj>,
        month: Maybe<&Obj>,
        day: Maybe<&Obj>,
        hour: i32,
        minute: i32,
        second: i32,
        microsecond: i32,
        tzinfo: Option<&Obj>,
        fold: i32,
    ) -> PyResult<Obj> {
        let missing =
            |name: &str, at: usize| raise!(TypeError, "function missing required argument '{name}' (pos {at})");
        let year = year.0.ok_or_else(|| missing("year", 1))?;
        if day.0.is_none()
            && let Some(s) = pickled_state(year, 10)?
            && (1..=12).contains(&(s[2] & 0x7f))
        {
            let zone = match month.0.or(tzinfo).filter(|z| !z.is_none()) {
                None => None,
                Some(zone) if zone.is_instance_of::<zone::TzInfo>() => Some(zone.clone()),
                Some(_) => return Err(raise!(TypeError, "bad tzinfo state arg")),
            };
            let n = |i: usize| s[i] as i32;
            let micros = n(7) << 16 | n(8) << 8 | n(9);
            let m = Moment::new(n(0) << 8 | n(1), n(2) & 0x7f, n(3), n(4), n(5), n(6), micros);
            return Ok(Ptr::new_in(cls, DateTime::of(m, zone, s[2] & 0x80 != 0)).into());
        }
        let year = i32::from_arg(year)?;
        let month = i32::from_arg(month.0.ok_or_else(|| missing("month", 2))?)?;
        let day = i32::from_arg(day.0.ok_or_else(|| missing("day", 3))?)?;
        let m = Moment::new(year, month, day, hour, minute, second, microsecond);
        check_moment(&m, fold)?;
        let zone = tzinfo.map_or(Ok(None), zone::zone_argument)?;
        Ok(Ptr::new_in(cls, DateTime::of(m, zone, fold == 1)).into())
    }

    #[slot(repr)]
    fn repr(this: &Object<DateTime>) -> PyResult<Obj> {
        let b = &this.base;
        let mut out = format!(
            "{}({}, {}, {}, {}, {}",
            super::shown_class(this.class()),
            b.year,
            b.month,
            b.day,
            this.hour,
            this.minute
        );
        if this.second != 0 || this.micros != 0 {
            out.push_str(&format!(", {}", this.second));
        }
        if this.micros != 0 {
            out.push_str(&format!(", {}", this.micros));
        }
        if this.fold {
            out.push_str(", fold=1");
        }
        if let Some(zone) = &this.zone {
            out.push_str(&format!(", tzinfo={}", text::repr_text(zone)?));
        }
        out.push(')');
        Ok(Str::new(&out).into())
    }

    #[slot(str)]
    fn str(this: &Obj) -> PyResult<Obj> {
        call::call_method(this, "isoformat", &[Str::new(" ").into()])
    }

    #[slot(hash)]
    fn hash(this: &Obj) -> PyResult<i64> {
        let dt = view(this).expect("the slot belongs to this class");
        let offset = if dt.fold {
            Ptr::new(DateTime::of(dt.moment(), dt.zone.clone(), false)).offset_of("utcoffset")?
        } else {
            dt.offset_of("utcoffset")?
        };
        let key = match offset {
            None => Bytes::new(&dt.packed(false)).into_obj(),
            Some(offset) => TimeDelta::of_micros(dt.moment().total() as i128 - offset)?.into(),
        };
        pyrs_runtime::objects::dict::hash_key(&key)
    }

    #[slot(richcompare)]
    fn compare(a: &Obj, b: &Obj, op: CompareOp) -> PyResult<Obj> {
        let (Some(a), Some(b)) = (view(a), view(b)) else { return Ok(not_implemented()) };
        let same_zone = match (&a.zone, &b.zone) {
            (None, None) => true,
            (Some(x), Some(y)) => x.is(y),
            _ => false,
        };
        let (x, y) = (a.moment().total(), b.moment().total());
        if same_zone {
            return Ok(bool_obj(op.matches(x.cmp(&y))));
        }
        let (offset_a, offset_b) = (a.offset_of("utcoffset")?, b.offset_of("utcoffset")?);
        let equality = matches!(op, CompareOp::Eq | CompareOp::Ne);
        let order = match (offset_a, offset_b) {
            (None, None) => x.cmp(&y),
            (Some(p), Some(q)) => (x as i128 - p).cmp(&(y as i128 - q)),
            _ if equality => return Ok(bool_obj(op == CompareOp::Ne)),
            _ => return Err(raise!(TypeError, "can't compare offset-naive and offset-aware datetimes")),
        };
        if equality && order.is_eq() && (depends_on_fold(a, offset_a)? || depends_on_fold(b, offset_b)?) {
            return Ok(bool_obj(op == CompareOp::Ne));
        }
        Ok(bool_obj(op.matches(order)))
    }

    #[slot(nb_add)]
    fn add(a: &Obj, b: &Obj) -> PyResult<Obj> {
        match (view(a), view(b), a.downcast::<TimeDelta>(), b.downcast::<TimeDelta>()) {
            (Some(dt), _, _, Some(delta)) | (_, Some(dt), Some(delta), _) => DateTime::add_delta(dt, delta, 1),
            _ => Ok(not_implemented()),
        }
    }

    #[slot(nb_subtract)]
    fn subtract(a: &Obj, b: &Obj) -> PyResult<Obj> {
        let Some(dt) = view(a) else { return Ok(not_implemented()) };
        if let Some(delta) = b.downcast::<TimeDelta>() {
            return DateTime::add_delta(dt, delta, -1);
        }
        let Some(other) = view(b) else { return Ok(not_implemented()) };
        let mut micros = dt.moment().total() as i128 - other.moment().total() as i128;
        let same_zone = match (&dt.zone, &other.zone) {
            (Some(x), Some(y)) => x.is(y),
            _ => false,
        };
        if !same_zone {
            match (dt.offset_of("utcoffset")?, other.offset_of("utcoffset")?) {
                (None, None) => {}
                (Some(p), Some(q)) => micros += q - p,
                _ => return Err(raise!(TypeError, "can't subtract offset-naive and offset-aware datetimes")),
            }
        }
        TimeDelta::of_micros(micros).map(Into::into)
    }

    /// Returns new datetime object representing current time local to tz.
    ///
    ///   tz
    ///     Timezone object.
    ///
    /// If no tz is specified, uses local timezone.
    #[classmethod(sig = "(tz=None)")]
    fn now(cls: &Type, tz: Option<&Obj>) -> PyResult<Obj> {
        match tz.map_or(Ok(None), zone::zone_argument)? {
            None => DateTime::present(cls, false, None),
            Some(zone) => {
                let utc = DateTime::present(cls, true, Some(zone.clone()))?;
                call::call_method(&zone, "fromutc", &[utc])
            }
        }
    }

    /// Return a new datetime representing UTC day and time.
    #[classmethod]
    fn utcnow(cls: &Type) -> PyResult<Obj> {
        let text = "datetime.datetime.utcnow() is deprecated and scheduled for removal in a future version. Use \
                    timezone-aware objects to represent datetimes in UTC: datetime.datetime.now(datetime.UTC).";
        let class = pyrs_runtime::objects::exceptions::DeprecationWarning::class();
        (pyrs_runtime::hooks::hooks().warn)(class, text, 1)?;
        DateTime::present(cls, true, None)
    }

    /// timestamp[, tz] -> tz's local time from POSIX timestamp.
    #[classmethod(sig = "(timestamp, tz=None)", text_signature = "")]
    fn fromtimestamp(cls: &Type, timestamp: &Obj, tz: Option<&Obj>) -> PyResult<Obj> {
        let zone = tz.map_or(Ok(None), zone::zone_argument)?;
        let (seconds, micros) = timestamp_argument(timestamp, false)?;
        match zone {
            None => DateTime::from_seconds(cls, seconds, micros, false, None),
            Some(zone) => {
                let utc = DateTime::from_seconds(cls, seconds, micros, true, Some(zone.clone()))?;
                call::call_method(&zone, "fromutc", &[utc])
            }
        }
    }

    /// Construct a naive UTC datetime from a POSIX timestamp.
    #[classmethod(sig = "(timestamp, /)", text_signature = "")]
    fn utcfromtimestamp(cls: &Type, timestamp: &Obj) -> PyResult<Obj> {
        let text = "datetime.datetime.utcfromtimestamp() is deprecated and scheduled for removal in a future version. \
                    Use timezone-aware objects to represent datetimes in UTC: datetime.datetime.fromtimestamp(timestamp, \
                    datetime.UTC).";
        let class = pyrs_runtime::objects::exceptions::DeprecationWarning::class();
        (pyrs_runtime::hooks::hooks().warn)(class, text, 1)?;
        let (seconds, micros) = timestamp_argument(timestamp, false)?;
        DateTime::from_seconds(cls, seconds, micros, true, None)
    }

    /// string, format -> new datetime parsed from a string (like time.strptime()).
    #[classmethod(sig = "(date_string, format, /)", text_signature = "")]
    fn strptime(cls: &Type, date_string: &Obj, format: &Obj) -> PyResult<Obj> {
        let module = crate::core::import::import_module("_strptime")?;
        let args = [cls.to_obj(), date_string.clone(), format.clone()];
        call::call_method(&module, "_strptime_datetime_datetime", &args)
    }

    /// date, time -> datetime with same date and time fields
    #[classmethod(sig = "(date, time, tzinfo=<unrepresentable>)", text_signature = "")]
    fn combine(cls: &Type, date: &Obj, time: &Obj, tzinfo: Maybe<&Obj>) -> PyResult<Obj> {
        let Some(d) = date.downcast::<Date>() else {
            return Err(bad_argument("combine", " 1", "datetime.date", date));
        };
        let Some(t) = time.downcast::<Time>() else {
            return Err(bad_argument("combine", " 2", "datetime.time", time));
        };
        let zone = match tzinfo.0 {
            Some(zone) => zone::zone_argument(zone)?,
            None => t.zone.clone(),
        };
        let m = Moment::new(d.year, d.month, d.day, t.hour, t.minute, t.second, t.micros);
        DateTime::in_class(cls, m, zone, t.fold)
    }

    /// string -> datetime from a string in most ISO 8601 formats
    #[classmethod(sig = "(object, /)")]
    fn fromisoformat(cls: &Type, object: &Obj) -> PyResult<Obj> {
        let source = argument(object)?;
        let invalid = || -> PyResult<pyrs_runtime::Raised> {
            Ok(raise!(ValueError, "Invalid isoformat string: {}", text::repr_text(object)?))
        };
        // One character between date and time may be anything.
        let points: Vec<u32> = source.code_points().collect();
        let bytes: Vec<u8> = points.iter().map(|c| u8::try_from(*c).unwrap_or(b'?')).collect();
        let Some(end) = format::date_end(&bytes).filter(|e| *e <= bytes.len()) else { return Err(invalid()?) };
        let ascii = points.iter().enumerate().all(|(i, c)| *c < 0x80 || i == end);
        let (Some(date), true) = (format::parse_date(&bytes[..end]), ascii) else { return Err(invalid()?) };
        let mut zone = None;
        let (mut hour, mut minute, mut second, mut micros) = (0, 0, 0, 0);
        if bytes.len() > end {
            let Some(time) = bytes.get(end + 1..).and_then(format::parse_time) else { return Err(invalid()?) };
            (hour, minute, second, micros) = (time.hour, time.minute, time.second, time.micros);
            zone = zone_of(time.offset)?;
        }
        let (year, month, day) = Date::from_iso(date)?;
        let mut m = Moment::new(year, month, day, hour, minute, second, micros);
        if hour == 24 {
            // Midnight at the end of the day is the start of the next.
            if minute != 0 || second != 0 || micros != 0 {
                return Err(raise!(ValueError, "minute, second, and microsecond must be 0 when hour is 24"));
            }
            let ordinal = calendar::to_ordinal(year, month, day) + 1;
            let (year, month, day) = calendar::from_ordinal(ordinal);
            m = Moment::new(year, month, day, 0, 0, 0, 0);
        }
        DateTime::in_class(cls, m, zone, false)
    }

    /// Return date object with same year, month and day.
    #[pymethod]
    fn date(&self) -> Obj {
        Ptr::new(Date::of(self.base.year, self.base.month, self.base.day)).into()
    }

    /// Return time object with same time but with tzinfo=None.
    #[pymethod]
    fn time(&self) -> Obj {
        Ptr::new(Time::of(self.hour, self.minute, self.second, self.micros, None, self.fold)).into()
    }

    /// Return time object with same time and tzinfo.
    #[pymethod]
    fn timetz(&self) -> Obj {
        Ptr::new(Time::of(self.hour, self.minute, self.second, self.micros, self.zone.clone(), self.fold)).into()
    }

    /// Return ctime() style string.
    #[pymethod]
    fn ctime(&self) -> String {
        self.base.ctime_text(&self.clock())
    }

    /// Return time tuple, compatible with time.localtime().
    #[pymethod]
    fn timetuple(this: &Object<DateTime>) -> PyResult<Obj> {
        let mut fields = this.base.tuple_fields();
        (fields[3], fields[4], fields[5]) = (this.hour as i64, this.minute as i64, this.second as i64);
        if let Some(dst) = this.offset_of("dst")? {
            fields[8] = i64::from(dst != 0);
        }
        format::time_tuple(fields)
    }

    /// Return UTC time tuple, compatible with time.localtime().
    #[pymethod]
    fn utctimetuple(this: &Object<DateTime>) -> PyResult<Obj> {
        let mut wall = this.moment().wall;
        if let Some(offset) = this.offset_of("utcoffset")? {
            let total = this.moment().total() as i128 - offset;
            wall = Wall::from_seconds((total as i64).div_euclid(1_000_000));
            if !(MIN_YEAR..=MAX_YEAR).contains(&wall.year) {
                return Err(raise!(OverflowError, "date value out of range"));
            }
        }
        let mut fields = Date::of(wall.year, wall.month, wall.day).tuple_fields();
        (fields[3], fields[4], fields[5]) = (wall.hour as i64, wall.minute as i64, wall.second as i64);
        fields[8] = 0;
        format::time_tuple(fields)
    }

    /// Return POSIX timestamp as float.
    #[pymethod]
    fn timestamp(this: &Object<DateTime>) -> PyResult<Obj> {
        if this.zone.is_none() {
            let seconds = this.local_seconds()? - EPOCH;
            return Ok(float::new(seconds as f64 + this.micros as f64 / 1e6));
        }
        let offset = this.offset_of("utcoffset")?;
        let Some(offset) = offset else {
            return Err(raise!(TypeError, "can't subtract offset-naive and offset-aware datetimes"));
        };
        let micros = this.moment().total() as i128 - offset - EPOCH as i128 * 1_000_000;
        pyrs_runtime::protocols::number::true_divide(&int::from_i128(micros), &int::new(1_000_000))
    }

    /// [sep] -> string in ISO 8601 format, YYYY-MM-DDT[HH[:MM[:SS[.mmm[uuu]]]]][+HH:MM].
    /// sep is used to separate the year from the time, and defaults to 'T'.
    /// The optional argument timespec specifies the number of additional terms
    /// of the time to include. Valid options are 'auto', 'hours', 'minutes',
    /// 'seconds', 'milliseconds' and 'microseconds'.
    #[pymethod(sig = "(sep=<unrepresentable>, timespec=<unrepresentable>)", text_signature = "")]
    fn isoformat(this: &Object<DateTime>, sep: Maybe<&Obj>, timespec: Maybe<&Obj>) -> PyResult<Obj> {
        let separator = match sep.0 {
            None => 'T' as u32,
            Some(sep) => {
                let Some(text) = sep.downcast::<Str>() else {
                    return Err(bad_argument("isoformat", " 1", "a unicode character", sep));
                };
                match (text.len(), text.get_char(0)) {
                    (1, Some(c)) => c,
                    (n, _) => {
                        return Err(raise!(
                            TypeError,
                            "isoformat() argument 1 must be a unicode character, not a string of length {n}"
                        ));
                    }
                }
            }
        };
        if let Some(spec) = timespec.0.filter(|s| s.downcast::<Str>().is_none()) {
            return Err(bad_argument("isoformat", " 2", "str", spec));
        }
        let mut rest = format::clock_text(this.hour, this.minute, this.second, this.micros, timespec.0)?;
        if let Some(offset) = this.offset_of("utcoffset")? {
            rest.push_str(&format::offset_text(offset, ":"));
        }
        let date = this.base.iso_text();
        let points: Vec<u32> =
            date.chars().map(|c| c as u32).chain([separator]).chain(rest.chars().map(|c| c as u32)).collect();
        Ok(Str::from_code_points(&points).into())
    }

    /// format -> strftime() style string.
    #[pymethod(sig = "(format)", text_signature = "")]
    fn strftime(this: &Object<DateTime>, format: &Obj) -> PyResult<Obj> {
        let format = format_argument("strftime", format)?;
        let b = &this.base;
        let time_tuple = call::call_method(&this.as_obj(), "timetuple", &[])?;
        let moment = format::Moment {
            micros: this.micros,
            iso_year: calendar::iso_calendar(b.year, b.month, b.day).0,
            year: b.year,
            month: b.month,
            day: b.day,
            offset: &|| this.offset_of("utcoffset"),
            zone_name: &|| zone::zone_name(this.zone.as_ref(), &this.as_obj()),
        };
        format::strftime(format, &moment, time_tuple)
    }

    /// Return self.tzinfo.utcoffset(self).
    #[pymethod]
    fn utcoffset(this: &Object<DateTime>) -> PyResult<Obj> {
        zone::zone_offset_object(this.zone.as_ref(), "utcoffset", &this.as_obj())
    }

    /// Return self.tzinfo.dst(self).
    #[pymethod]
    fn dst(this: &Object<DateTime>) -> PyResult<Obj> {
        zone::zone_offset_object(this.zone.as_ref(), "dst", &this.as_obj())
    }

    /// Return self.tzinfo.tzname(self).
    #[pymethod]
    fn tzname(this: &Object<DateTime>) -> PyResult<Obj> {
        zone::zone_name(this.zone.as_ref(), &this.as_obj())
    }

    /// tz -> convert to local time in new timezone tz
    #[pymethod(sig = "(tz=None)", text_signature = "")]
    fn astimezone(this: &Object<DateTime>, tz: Option<&Obj>) -> PyResult<Obj> {
        let target = tz.map_or(Ok(None), zone::zone_argument)?;
        let mut own = this.zone.clone();
        if own.is_none() {
            own = Some(this.own_local_zone()?);
        }
        if let (Some(own), Some(target)) = (&own, &target)
            && own.is(target)
        {
            return Ok(this.to_obj());
        }
        let own = own.expect("set above");
        let offset = match zone::zone_offset(&own, "utcoffset", &this.as_obj())? {
            Some(offset) => offset,
            // A zone that knows no offset stands for local time.
            None => {
                let local = this.own_local_zone()?;
                zone::zone_offset(&local, "utcoffset", &this.as_obj())?.unwrap_or(0)
            }
        };
        let total = i64::try_from(this.moment().total() as i128 - offset)
            .map_err(|_| raise!(OverflowError, "date value out of range"))?;
        let moment = Moment::from_total(total)?;
        let zone = match target {
            Some(zone) => zone,
            None => local_zone(DateTime::of(moment, None, false).utc_seconds())?,
        };
        let utc = DateTime::in_class(this.class(), moment, Some(zone.clone()), false)?;
        call::call_method(&zone, "fromutc", &[utc])
    }

    /// Return datetime with new specified fields.
    #[pymethod(
        sig = "(year=unchanged, month=unchanged, day=unchanged, hour=unchanged, minute=unchanged, second=unchanged, microsecond=unchanged, tzinfo=unchanged, *, fold=unchanged)",
        text_signature = "($self, /, year=unchanged, month=unchanged, day=unchanged,\n        hour=unchanged, minute=unchanged, second=unchanged,\n        microsecond=unchanged, tzinfo=unchanged, *, fold=unchanged)"
    )]
    fn replace(
        this: &Object<DateTime>,
        year: Maybe<i32>,
        month: Maybe<i32>,
        day: Maybe<i32>,
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
        if fold != 0 && fold != 1 {
            return Err(raise!(ValueError, "fold must be either 0 or 1, not {fold}"));
        }
        let old = this.moment().wall;
        let or = |new: Maybe<i32>, old: i32| new.0.unwrap_or(old);
        let m = Moment::new(
            or(year, old.year),
            or(month, old.month),
            or(day, old.day),
            or(hour, old.hour),
            or(minute, old.minute),
            or(second, old.second),
            or(microsecond, this.micros),
        );
        DateTime::in_class(this.class(), m, zone, fold == 1)
    }

    /// The same as replace().
    #[pymethod(name = "__replace__", text_signature = "($self, /, **changes)")]
    fn replace_special(this: &Obj, args: Args<'_>) -> PyResult<Obj> {
        super::date::replace_by(this, args)
    }

    /// __reduce_ex__(proto) -> (cls, state)
    #[pymethod(name = "__reduce_ex__", sig = "(protocol, /)", text_signature = "")]
    fn reduce_ex(this: &Object<DateTime>, protocol: i32) -> Obj {
        DateTime::state(this, protocol)
    }

    /// __reduce__() -> (cls, state)
    #[pymethod(name = "__reduce__")]
    fn reduce(this: &Object<DateTime>) -> Obj {
        DateTime::state(this, 2)
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
