//! `datetime.date`.

use pyrs_macros::{pyclass, pymethods};
use pyrs_runtime::args::{FromArg, Maybe, bad_argument};
use pyrs_runtime::call::{self, Args};
use pyrs_runtime::class::ClassDef;
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::object::{Obj, Object, Ptr, PyClass};
use pyrs_runtime::objects::bytes::Bytes;
use pyrs_runtime::objects::int;
use pyrs_runtime::objects::singletons::{bool_obj, none, not_implemented};
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::tuple::{LAYOUT, Tuple};
use pyrs_runtime::protocols::{number, text};
use pyrs_runtime::raise;
use pyrs_runtime::types::slots::CompareOp;
use pyrs_runtime::types::{StaticType, Type, flags};

use super::calendar::{self, IsoError, MAX_ORDINAL, MAX_YEAR, MIN_YEAR};
use super::date_time::DateTime;
use super::delta::TimeDelta;
use super::format::{self, IsoDate};
use crate::data::tuple;

/// date(year, month, day) --> date object
#[repr(C)]
#[pyclass(name = "date", module = "datetime", nogc, flags = BASETYPE)]
pub struct Date {
    pub year: i32,
    pub month: i32,
    pub day: i32,
}

pub const DAY_NAMES: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
pub const MONTH_NAMES: [&str; 13] =
    ["", "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Raises ValueError unless the date exists.
pub fn check_date(year: i32, month: i32, day: i32) -> PyResult<()> {
    if !(MIN_YEAR..=MAX_YEAR).contains(&year) {
        return Err(raise!(ValueError, "year must be in {MIN_YEAR}..{MAX_YEAR}, not {year}"));
    }
    if !(1..=12).contains(&month) {
        return Err(raise!(ValueError, "month must be in 1..12, not {month}"));
    }
    let days = calendar::days_in_month(year, month);
    if !(1..=days).contains(&day) {
        return Err(raise!(ValueError, "day {day} must be in range 1..{days} for month {month} in year {year}"));
    }
    Ok(())
}

/// Bytes of a pickled state: bytes, or str with the same characters.
pub fn pickled_state(obj: &Obj, length: usize) -> PyResult<Option<Vec<u8>>> {
    if let Some(bytes) = obj.downcast::<Bytes>() {
        return Ok(Some(bytes.as_slice().to_vec()).filter(|b| b.len() == length));
    }
    if let Some(text) = obj.downcast::<Str>()
        && text.len() == length
    {
        let bytes: Option<Vec<u8>> = text.code_points().map(|c| u8::try_from(c).ok()).collect();
        return Ok(bytes);
    }
    Ok(None)
}

/// The local date and time of a time stamp argument: seconds, and microseconds rounded half to even.
pub fn timestamp_argument(timestamp: &Obj, whole: bool) -> PyResult<(i64, i32)> {
    let too_large = || raise!(OverflowError, "timestamp out of range for platform time_t");
    if let Some(x) = pyrs_runtime::objects::float::view(timestamp) {
        if x.is_nan() {
            return Err(raise!(ValueError, "Invalid value NaN (not a number)"));
        }
        let floor = x.floor();
        if !(-9.2e18..9.2e18).contains(&floor) {
            return Err(too_large());
        }
        if whole {
            return Ok((floor as i64, 0));
        }
        let (mut seconds, mut micros) = (floor as i64, ((x - floor) * 1e6).round_ties_even() as i32);
        if micros >= 1_000_000 {
            seconds += 1;
            micros -= 1_000_000;
        }
        return Ok((seconds, micros));
    }
    if !whole && !number::has_index(timestamp) {
        return Err(raise!(TypeError, "argument must be int or float, not {}", timestamp.class().name()));
    }
    let index = number::index(timestamp)?;
    int::to_i64(&index).map(|n| (n, 0)).ok_or_else(too_large)
}

impl Date {
    pub fn of(year: i32, month: i32, day: i32) -> Date {
        Date { year, month, day }
    }

    pub fn ordinal(&self) -> i64 {
        calendar::to_ordinal(self.year, self.month, self.day)
    }

    /// A date of any class: subclasses are called.
    fn in_class(cls: &Type, year: i32, month: i32, day: i32) -> PyResult<Obj> {
        if std::ptr::eq(cls, Date::class()) {
            check_date(year, month, day)?;
            return Ok(Ptr::new(Date { year, month, day }).into());
        }
        call::call(&cls.as_obj(), &[year, month, day].map(|n| int::new(n as i64)))
    }

    fn from_ordinal(cls: &Type, ordinal: i64) -> PyResult<Obj> {
        if !(1..=MAX_ORDINAL).contains(&ordinal) {
            return Err(raise!(OverflowError, "date value out of range"));
        }
        let (year, month, day) = calendar::from_ordinal(ordinal);
        Date::in_class(cls, year, month, day)
    }

    /// The date of ISO text, checked.
    pub fn from_iso(parsed: IsoDate) -> PyResult<(i32, i32, i32)> {
        match parsed {
            IsoDate::Month(year, month, day) => {
                check_date(year, month, day)?;
                Ok((year, month, day))
            }
            IsoDate::Week(year, week, day) => {
                let ordinal = iso_ordinal(year, week, day)?;
                if !(1..=MAX_ORDINAL).contains(&ordinal) {
                    let shown = calendar::from_ordinal(ordinal).0;
                    return Err(raise!(ValueError, "year must be in {MIN_YEAR}..{MAX_YEAR}, not {shown}"));
                }
                Ok(calendar::from_ordinal(ordinal))
            }
        }
    }

    fn packed(&self) -> [u8; 4] {
        [(self.year >> 8) as u8, self.year as u8, self.month as u8, self.day as u8]
    }

    /// The fields of `struct_time` that a date knows.
    pub fn tuple_fields(&self) -> [i64; 9] {
        let weekday = calendar::weekday(self.year, self.month, self.day);
        let day_of_year = calendar::days_before_month(self.year, self.month) + self.day;
        [self.year, self.month, self.day, 0, 0, 0, weekday, day_of_year, -1].map(i64::from)
    }

    pub fn iso_text(&self) -> String {
        format!("{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }

    pub fn ctime_text(&self, clock: &str) -> String {
        let weekday = DAY_NAMES[calendar::weekday(self.year, self.month, self.day) as usize];
        format!("{weekday} {} {:>2} {clock} {:04}", MONTH_NAMES[self.month as usize], self.day, self.year)
    }
}

fn iso_ordinal(year: i32, week: i32, day: i32) -> PyResult<i64> {
    calendar::from_iso(year, week, day).map_err(|error| match error {
        IsoError::Year => raise!(ValueError, "year must be in {MIN_YEAR}..{MAX_YEAR}, not {year}"),
        IsoError::Week => raise!(ValueError, "Invalid week: {week}"),
        IsoError::Weekday => raise!(ValueError, "Invalid weekday: {day} (range is [1, 7])"),
    })
}

/// A date that is no datetime.
fn plain(obj: &Obj) -> Option<&Object<Date>> {
    if obj.is_instance_of::<DateTime>() { None } else { obj.downcast::<Date>() }
}

fn shift(date: &Object<Date>, delta: &TimeDelta, sign: i64) -> PyResult<Obj> {
    Date::from_ordinal(date.class(), date.ordinal() + sign * delta.days as i64)
}

/// `replace` by keyword arguments, for `__replace__`.
pub fn replace_by(this: &Obj, args: Args<'_>) -> PyResult<Obj> {
    if args.nargs > 0 {
        return Err(raise!(TypeError, "__replace__() takes no positional arguments"));
    }
    let replace = pyrs_runtime::protocols::attr::getattr_text(this, "replace")?;
    call::call_args(&replace, args)
}

/// A format argument.
pub fn format_argument<'a>(function: &str, format: &'a Obj) -> PyResult<&'a Object<Str>> {
    format.downcast::<Str>().ok_or_else(|| bad_argument(function, " 1", "str", format))
}

/// `__format__`: `str` for an empty format, else `strftime`.
pub fn format_special(this: &Obj, format: &Obj) -> PyResult<Obj> {
    let format = format.downcast::<Str>().ok_or_else(|| bad_argument("__format__", " 1", "str", format))?;
    if format.is_empty() {
        return text::str(this).map(Into::into);
    }
    call::call_method(this, "strftime", &[format.to_obj()])
}

/// What `isocalendar` gives: a tuple whose items have names.
pub struct IsoCalendarDate;
static ISO_CLASS: StaticType = StaticType::new();

// SAFETY: instances have tuple's layout; `IsoCalendarDate` itself is zero-sized and never read.
unsafe impl PyClass for IsoCalendarDate {
    fn class() -> &'static Type {
        ISO_CLASS.get()
    }
}

impl IsoCalendarDate {
    pub fn def() -> &'static ClassDef {
        static DEF: ClassDef = ClassDef {
            name: "IsoCalendarDate",
            module: "datetime",
            doc: "The result of date.isocalendar() or datetime.isocalendar()",
            class: &ISO_CLASS,
            base: <Tuple as PyClass>::class,
            flags: flags::HAVE_GC,
            basicsize: size_of::<Object<Tuple>>(),
            itemsize: 8,
            has_dict: false,
            has_weaklist: false,
            layout: LAYOUT,
            parts: &[&IsoCalendarDate::PART],
            unhashable: false,
        };
        &DEF
    }
}

fn iso_items(this: &Obj) -> &[Obj] {
    this.downcast::<Tuple>().expect("the layout is tuple's").items()
}

#[pymethods]
impl IsoCalendarDate {
    #[new(name = "IsoCalendarDate", sig = "(year, week, weekday)", text_signature = "")]
    fn py_new(cls: &Type, year: Obj, week: Obj, weekday: Obj) -> PyResult<Obj> {
        Ok(Tuple::from_vec_in(cls, vec![year, week, weekday]).into())
    }

    #[slot(repr)]
    fn repr(this: &Obj) -> PyResult<Obj> {
        let parts = iso_items(this).iter().map(text::repr_text).collect::<PyResult<Vec<String>>>()?;
        let class = super::shown_class(this.class());
        Ok(Str::new(&format!("{class}(year={}, week={}, weekday={})", parts[0], parts[1], parts[2])).into())
    }

    #[pymethod(name = "__reduce__")]
    fn reduce(this: &Obj) -> Obj {
        let plain = tuple(iso_items(this).to_vec());
        tuple(vec![Tuple::class().to_obj(), tuple(vec![plain])])
    }

    #[getter]
    fn year(this: &Obj) -> Obj {
        iso_items(this)[0].clone()
    }

    #[getter]
    fn week(this: &Obj) -> Obj {
        iso_items(this)[1].clone()
    }

    #[getter]
    fn weekday(this: &Obj) -> Obj {
        iso_items(this)[2].clone()
    }
}

#[pymethods]
impl Date {
    #[new(
        name = "function",
        sig = "(year=<unrepresentable>, month=<unrepresentable>, day=<unrepresentable>)",
        text_signature = ""
    )]
    fn py_new(cls: &Type, year: Maybe<&Obj>, month: Maybe<&Obj>, day: Maybe<&Obj>) -> PyResult<Obj> {
        let Some(year) = year.0 else {
            return Err(raise!(TypeError, "function missing required argument 'year' (pos 1)"));
        };
        if month.0.is_none()
            && day.0.is_none()
            && let Some(state) = pickled_state(year, 4)?
            && (1..=12).contains(&state[2])
        {
            let date = Date::of((state[0] as i32) << 8 | state[1] as i32, state[2] as i32, state[3] as i32);
            return Ok(Ptr::new_in(cls, date).into());
        }
        let missing =
            |name: &str, at: usize| raise!(TypeError, "function missing required argument '{name}' (pos {at})");
        let year = i32::from_arg(year)?;
        let month = i32::from_arg(month.0.ok_or_else(|| missing("month", 2))?)?;
        let day = i32::from_arg(day.0.ok_or_else(|| missing("day", 3))?)?;
        check_date(year, month, day)?;
        Ok(Ptr::new_in(cls, Date { year, month, day }).into())
    }

    #[slot(repr)]
    fn repr(this: &Object<Date>) -> PyResult<Obj> {
        let class = super::shown_class(this.class());
        Ok(Str::new(&format!("{class}({}, {}, {})", this.year, this.month, this.day)).into())
    }

    #[slot(str)]
    fn str(this: &Obj) -> PyResult<Obj> {
        call::call_method(this, "isoformat", &[])
    }

    #[slot(hash)]
    fn hash(this: &Obj) -> PyResult<i64> {
        let date = this.downcast::<Date>().expect("the slot belongs to this class");
        pyrs_runtime::objects::dict::hash_key(&Bytes::new(&date.packed()).into())
    }

    #[slot(richcompare)]
    fn compare(a: &Obj, b: &Obj, op: CompareOp) -> PyResult<Obj> {
        match (plain(a), plain(b)) {
            (Some(a), Some(b)) => Ok(bool_obj(op.matches(a.packed().cmp(&b.packed())))),
            _ => Ok(not_implemented()),
        }
    }

    #[slot(nb_add)]
    fn add(a: &Obj, b: &Obj) -> PyResult<Obj> {
        match (plain(a), plain(b)) {
            (Some(date), None) => match b.downcast::<TimeDelta>() {
                Some(delta) => shift(date, delta, 1),
                None => Ok(not_implemented()),
            },
            (None, Some(date)) => match a.downcast::<TimeDelta>() {
                Some(delta) => shift(date, delta, 1),
                None => Ok(not_implemented()),
            },
            _ => Ok(not_implemented()),
        }
    }

    #[slot(nb_subtract)]
    fn subtract(a: &Obj, b: &Obj) -> PyResult<Obj> {
        let Some(date) = plain(a) else { return Ok(not_implemented()) };
        if let Some(other) = plain(b) {
            return TimeDelta::of_micros((date.ordinal() - other.ordinal()) as i128 * calendar::MICROS_A_DAY as i128)
                .map(Into::into);
        }
        match b.downcast::<TimeDelta>() {
            Some(delta) => shift(date, delta, -1),
            None => Ok(not_implemented()),
        }
    }

    /// Current date or datetime:  same as self.__class__.fromtimestamp(time.time()).
    #[classmethod]
    fn today(cls: &Type) -> PyResult<Obj> {
        let time = crate::core::import::import_module("time")?;
        let now = call::call_method(&time, "time", &[])?;
        call::call_method(&cls.as_obj(), "fromtimestamp", &[now])
    }

    /// Create a date from a POSIX timestamp.
    ///
    /// The timestamp is a number, e.g. created via time.time(), that is interpreted
    /// as local time.
    #[classmethod]
    fn fromtimestamp(cls: &Type, timestamp: &Obj) -> PyResult<Obj> {
        let (seconds, _) = timestamp_argument(timestamp, true)?;
        match calendar::local(seconds) {
            Some(local) => Date::in_class(cls, local.wall.year, local.wall.month, local.wall.day),
            None => Err(raise!(OverflowError, "timestamp out of range for platform localtime()")),
        }
    }

    /// int -> date corresponding to a proleptic Gregorian ordinal.
    #[classmethod(text_signature = "")]
    fn fromordinal(cls: &Type, ordinal: i32) -> PyResult<Obj> {
        if ordinal < 1 {
            return Err(raise!(ValueError, "ordinal must be >= 1"));
        }
        let (year, month, day) = calendar::from_ordinal(ordinal as i64);
        Date::in_class(cls, year, month, day)
    }

    /// Construct a date from a string in ISO 8601 format.
    #[classmethod(sig = "(object, /)")]
    fn fromisoformat(cls: &Type, object: &Obj) -> PyResult<Obj> {
        let Some(source) = object.downcast::<Str>() else {
            return Err(raise!(TypeError, "fromisoformat: argument must be str"));
        };
        let bytes = source.as_ascii().map(str::as_bytes);
        let parsed = bytes.filter(|b| matches!(b.len(), 7 | 8 | 10)).and_then(format::parse_date);
        let Some(parsed) = parsed else {
            return Err(raise!(ValueError, "Invalid isoformat string: {}", text::repr_text(object)?));
        };
        let (year, month, day) = Date::from_iso(parsed)?;
        Date::in_class(cls, year, month, day)
    }

    /// int, int, int -> Construct a date from the ISO year, week number and weekday.
    ///
    /// This is the inverse of the function date.isocalendar()
    #[classmethod(sig = "(year, week, day)", text_signature = "")]
    fn fromisocalendar(cls: &Type, year: &Obj, week: &Obj, day: &Obj) -> PyResult<Obj> {
        let part = |n: &Obj| {
            pyrs_runtime::errors::unless_raised(
                i32::from_arg(n),
                pyrs_runtime::objects::exceptions::OverflowError::class(),
            )
        };
        let (Some(year), Some(week), Some(day)) = (part(year)?, part(week)?, part(day)?) else {
            return Err(raise!(ValueError, "ISO calendar component out of range"));
        };
        let (year, month, day) = Date::from_iso(IsoDate::Week(year, week, day))?;
        Date::in_class(cls, year, month, day)
    }

    /// string, format -> new date parsed from a string (like time.strptime()).
    #[classmethod(sig = "(date_string, format, /)", text_signature = "")]
    fn strptime(cls: &Type, date_string: &Obj, format: &Obj) -> PyResult<Obj> {
        let module = crate::core::import::import_module("_strptime")?;
        call::call_method(&module, "_strptime_datetime_date", &[cls.to_obj(), date_string.clone(), format.clone()])
    }

    /// Return ctime() style string.
    #[pymethod]
    fn ctime(&self) -> String {
        self.ctime_text("00:00:00")
    }

    /// format -> strftime() style string.
    #[pymethod(sig = "(format)", text_signature = "")]
    fn strftime(this: &Obj, format: &Obj) -> PyResult<Obj> {
        let date = this.downcast::<Date>().expect("a method of this class");
        let format = format_argument("strftime", format)?;
        let time_tuple = call::call_method(this, "timetuple", &[])?;
        let moment = format::Moment {
            micros: 0,
            iso_year: calendar::iso_calendar(date.year, date.month, date.day).0,
            year: date.year,
            month: date.month,
            day: date.day,
            offset: &|| Ok(None),
            zone_name: &|| Ok(none()),
        };
        format::strftime(format, &moment, time_tuple)
    }

    /// Formats self with strftime.
    #[pymethod(name = "__format__", text_signature = "")]
    fn format(this: &Obj, format: &Obj) -> PyResult<Obj> {
        format_special(this, format)
    }

    /// Return string in ISO 8601 format, YYYY-MM-DD.
    #[pymethod]
    fn isoformat(&self) -> String {
        self.iso_text()
    }

    /// Return the day of the week represented by the date.
    /// Monday == 1 ... Sunday == 7
    #[pymethod]
    fn isoweekday(&self) -> i32 {
        calendar::weekday(self.year, self.month, self.day) + 1
    }

    /// Return a named tuple containing ISO year, week number, and weekday.
    #[pymethod]
    fn isocalendar(&self) -> PyResult<Obj> {
        let (year, week, weekday) = calendar::iso_calendar(self.year, self.month, self.day);
        pyrs_runtime::types::ready(IsoCalendarDate::def());
        let items = [year, week, weekday].map(|n| int::new(n as i64)).to_vec();
        Ok(Tuple::from_vec_in(IsoCalendarDate::class(), items).into())
    }

    /// Return proleptic Gregorian ordinal.  January 1 of year 1 is day 1.
    #[pymethod]
    fn toordinal(&self) -> i64 {
        self.ordinal()
    }

    /// Return the day of the week represented by the date.
    /// Monday == 0 ... Sunday == 6
    #[pymethod]
    fn weekday(&self) -> i32 {
        calendar::weekday(self.year, self.month, self.day)
    }

    /// Return time tuple, compatible with time.localtime().
    #[pymethod]
    fn timetuple(&self) -> PyResult<Obj> {
        format::time_tuple(self.tuple_fields())
    }

    /// Return date with new specified fields.
    #[pymethod(sig = "(year=unchanged, month=unchanged, day=unchanged)")]
    fn replace(this: &Object<Date>, year: Maybe<i32>, month: Maybe<i32>, day: Maybe<i32>) -> PyResult<Obj> {
        let or = |new: Maybe<i32>, old: i32| new.0.unwrap_or(old);
        Date::in_class(this.class(), or(year, this.year), or(month, this.month), or(day, this.day))
    }

    /// The same as replace().
    #[pymethod(name = "__replace__", text_signature = "($self, /, **changes)")]
    fn replace_special(this: &Obj, args: Args<'_>) -> PyResult<Obj> {
        replace_by(this, args)
    }

    /// __reduce__() -> (cls, state)
    #[pymethod(name = "__reduce__")]
    fn reduce(this: &Object<Date>) -> Obj {
        tuple(vec![this.class().to_obj(), tuple(vec![Bytes::new(&this.packed()).into()])])
    }

    #[getter]
    fn year(&self) -> i32 {
        self.year
    }

    #[getter]
    fn month(&self) -> i32 {
        self.month
    }

    #[getter]
    fn day(&self) -> i32 {
        self.day
    }
}
