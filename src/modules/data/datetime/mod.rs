//! `_datetime`: dates, times, differences between them, and time zones.

pub mod calendar;
pub mod date;
pub mod date_time;
pub mod delta;
pub mod format;
pub mod time;
pub mod zone;

use pyrs_macros::pymodule;
use pyrs_runtime::types::Type;

/// The name of a class as `repr` shows it: native ones with their module.
pub fn shown_class(class: &Type) -> String {
    if class.is_heap_type() { class.short_name().to_owned() } else { format!("datetime.{}", class.short_name()) }
}

/// Fast implementation of the datetime module.
#[pymodule(
    name = "_datetime",
    classes(
        crate::data::datetime::delta::TimeDelta,
        crate::data::datetime::date::Date,
        crate::data::datetime::zone::TzInfo,
        crate::data::datetime::time::Time,
        crate::data::datetime::date_time::DateTime,
        crate::data::datetime::zone::TimeZone
    )
)]
pub mod datetime {
    use pyrs_runtime::errors::PyResult;
    use pyrs_runtime::object::{Obj, Object, Ptr, PyClass};
    use pyrs_runtime::objects::int;
    use pyrs_runtime::objects::module::Module;
    use pyrs_runtime::objects::str::Str;
    use pyrs_runtime::types::{Type, build};

    use super::calendar::{MAX_YEAR, MICROS_A_DAY, MIN_YEAR};
    use super::date::Date;
    use super::date_time::{DateTime, Moment};
    use super::delta::TimeDelta;
    use super::time::Time;
    use super::zone::{self, TimeZone};

    fn set(class: &Type, name: &str, value: impl Into<Obj>) -> PyResult<()> {
        build::set_class_attribute(class, &Str::intern(name), Some(&value.into())).map(drop)
    }

    #[module_exec]
    fn exec(module: &Object<Module>) -> PyResult<()> {
        let day = MICROS_A_DAY as i128;
        let micro = || TimeDelta::of_micros(1);
        set(TimeDelta::class(), "min", TimeDelta::of_micros(-999_999_999 * day)?)?;
        set(TimeDelta::class(), "max", TimeDelta::of_micros(1_000_000_000 * day - 1)?)?;
        set(TimeDelta::class(), "resolution", micro()?)?;
        set(Date::class(), "min", Ptr::new(Date::of(1, 1, 1)))?;
        set(Date::class(), "max", Ptr::new(Date::of(9999, 12, 31)))?;
        set(Date::class(), "resolution", TimeDelta::of_micros(day)?)?;
        set(Time::class(), "min", Ptr::new(Time::of(0, 0, 0, 0, None, false)))?;
        set(Time::class(), "max", Ptr::new(Time::of(23, 59, 59, 999_999, None, false)))?;
        set(Time::class(), "resolution", micro()?)?;
        set(DateTime::class(), "min", DateTime::plain(Moment::new(1, 1, 1, 0, 0, 0, 0), None))?;
        set(DateTime::class(), "max", DateTime::plain(Moment::new(9999, 12, 31, 23, 59, 59, 999_999), None))?;
        set(DateTime::class(), "resolution", micro()?)?;
        let limit = 86_340 * 1_000_000;
        set(TimeZone::class(), "utc", zone::utc())?;
        for (name, micros) in [("min", -limit), ("max", limit)] {
            let offset = TimeDelta::of_micros(micros)?;
            set(TimeZone::class(), name, TimeZone::make(TimeZone::class(), &offset, None)?)?;
        }
        module.add("UTC", zone::utc());
        module.add("MINYEAR", int::new(MIN_YEAR as i64));
        module.add("MAXYEAR", int::new(MAX_YEAR as i64));
        module.add("datetime_CAPI", crate::lang::types::Capsule::new("datetime.datetime_CAPI"));
        Ok(())
    }
}
