//! The Gregorian calendar, extended to all years, and times as seconds: no objects here.

pub const MIN_YEAR: i32 = 1;
pub const MAX_YEAR: i32 = 9999;
pub const MAX_ORDINAL: i64 = 3_652_059;
pub const SECONDS_A_DAY: i64 = 86_400;
pub const MICROS_A_DAY: i64 = SECONDS_A_DAY * 1_000_000;
/// Seconds from the start of year 1 to 1970.
pub const EPOCH: i64 = 719_163 * SECONDS_A_DAY;
/// No clock goes back by more than this.
const MAX_FOLD: i64 = SECONDS_A_DAY;

pub fn is_leap(year: i32) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

pub fn days_in_month(year: i32, month: i32) -> i32 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days of the year before a month.
pub fn days_before_month(year: i32, month: i32) -> i32 {
    const BEFORE: [i32; 13] = [0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    BEFORE[month as usize] + i32::from(month > 2 && is_leap(year))
}

/// Days before a year, counted from year 1.
pub fn days_before_year(year: i32) -> i64 {
    let y = year as i64 - 1;
    y * 365 + y.div_euclid(4) - y.div_euclid(100) + y.div_euclid(400)
}

/// The number of a day; 1 January of year 1 is 1.
pub fn to_ordinal(year: i32, month: i32, day: i32) -> i64 {
    days_before_year(year) + (days_before_month(year, month) + day) as i64
}

/// Year, month and day of a number.
pub fn from_ordinal(ordinal: i64) -> (i32, i32, i32) {
    let n = ordinal - 1;
    let (n400, n) = (n.div_euclid(146_097), n.rem_euclid(146_097));
    let (n100, n) = (n / 36_524, n % 36_524);
    let (n4, n) = (n / 1461, n % 1461);
    let (n1, n) = (n / 365, n % 365);
    let year = (n400 * 400 + n100 * 100 + n4 * 4 + n1 + 1) as i32;
    if n1 == 4 || n100 == 4 {
        return (year - 1, 12, 31);
    }
    let n = n as i32;
    let mut month = (n + 50) >> 5;
    if days_before_month(year, month) > n {
        month -= 1;
    }
    (year, month, n - days_before_month(year, month) + 1)
}

/// 0 is Monday.
pub fn weekday(year: i32, month: i32, day: i32) -> i32 {
    ((to_ordinal(year, month, day) + 6) % 7) as i32
}

/// The number of the Monday with which the first ISO week of a year begins.
pub fn iso_week1_monday(year: i32) -> i64 {
    let first = to_ordinal(year, 1, 1);
    let first_weekday = (first + 6) % 7;
    let monday = first - first_weekday;
    if first_weekday > 3 { monday + 7 } else { monday }
}

/// ISO year, week and weekday (1 is Monday).
pub fn iso_calendar(year: i32, month: i32, day: i32) -> (i32, i32, i32) {
    let today = to_ordinal(year, month, day);
    let mut iso_year = year;
    let mut start = iso_week1_monday(year);
    if today < start {
        iso_year -= 1;
        start = iso_week1_monday(iso_year);
    } else if today >= iso_week1_monday(year + 1) {
        iso_year += 1;
        start = iso_week1_monday(iso_year);
    }
    let days = today - start;
    (iso_year, (days / 7 + 1) as i32, (days % 7 + 1) as i32)
}

/// What can be wrong with an ISO date.
pub enum IsoError {
    Year,
    Week,
    Weekday,
}

/// The number of the day of an ISO date.
pub fn from_iso(year: i32, week: i32, day: i32) -> Result<i64, IsoError> {
    if !(MIN_YEAR..=MAX_YEAR).contains(&year) {
        return Err(IsoError::Year);
    }
    if !(1..53).contains(&week) {
        let first_weekday = weekday(year, 1, 1);
        let long = first_weekday == 3 || (first_weekday == 2 && is_leap(year));
        if week != 53 || !long {
            return Err(IsoError::Week);
        }
    }
    if !(1..8).contains(&day) {
        return Err(IsoError::Weekday);
    }
    Ok(iso_week1_monday(year) + ((week - 1) * 7 + day - 1) as i64)
}

/// A point in time as a clock on the wall shows it.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Wall {
    pub year: i32,
    pub month: i32,
    pub day: i32,
    pub hour: i32,
    pub minute: i32,
    pub second: i32,
}

impl Wall {
    /// Seconds from the start of year 1 (which is day 1).
    pub fn seconds(self) -> i64 {
        let days = to_ordinal(self.year, self.month, self.day);
        ((days * 24 + self.hour as i64) * 60 + self.minute as i64) * 60 + self.second as i64
    }

    pub fn from_seconds(seconds: i64) -> Wall {
        let (days, rest) = (seconds.div_euclid(SECONDS_A_DAY), seconds.rem_euclid(SECONDS_A_DAY));
        let (year, month, day) = from_ordinal(days);
        let rest = rest as i32;
        Wall { year, month, day, hour: rest / 3600, minute: rest / 60 % 60, second: rest % 60 }
    }
}

/// The local time of a time stamp, with offset and name of its zone.
pub struct Local {
    pub wall: Wall,
    pub offset: i64,
    pub zone: String,
    pub is_dst: i32,
}

pub fn local(timestamp: i64) -> Option<Local> {
    // SAFETY: a valid structure; the zone's name is copied at once.
    unsafe {
        let mut tm: libc::tm = std::mem::zeroed();
        if libc::localtime_r(&timestamp, &mut tm).is_null() {
            return None;
        }
        let zone = if tm.tm_zone.is_null() {
            String::new()
        } else {
            std::ffi::CStr::from_ptr(tm.tm_zone).to_string_lossy().into_owned()
        };
        let wall = Wall {
            year: tm.tm_year + 1900,
            month: tm.tm_mon + 1,
            day: tm.tm_mday,
            hour: tm.tm_hour,
            minute: tm.tm_min,
            // Leap seconds do not exist here.
            second: tm.tm_sec.min(59),
        };
        Some(Local { wall, offset: tm.tm_gmtoff, zone, is_dst: tm.tm_isdst })
    }
}

/// Wall seconds of the local time at `seconds`, which counts from year 1.
fn local_seconds(seconds: i64) -> Option<i64> {
    local(seconds - EPOCH).map(|l| l.wall.seconds())
}

/// The seconds (from year 1, in UTC) at which a local clock shows `wall`.
pub fn from_local(wall: Wall, fold: bool) -> Option<i64> {
    let t = wall.seconds();
    let a = local_seconds(t)? - t;
    let u1 = t - a;
    let t1 = local_seconds(u1)?;
    let b;
    if t1 == t {
        // One answer is found; the other, if there is one, lies on the other side of a change.
        let u2 = if fold { u1 + MAX_FOLD } else { u1 - MAX_FOLD };
        b = local_seconds(u2)? - u2;
        if a == b {
            return Some(u1);
        }
    } else {
        b = t1 - u1;
    }
    let u2 = t - b;
    if local_seconds(u2)? == t {
        return Some(u2);
    }
    if t1 == t {
        return Some(u1);
    }
    // The time does not exist: both answers are off by the gap.
    Some(if fold { u1.min(u2) } else { u1.max(u2) })
}

/// Whether a local time is the second of two equal ones.
pub fn is_fold(timestamp: i64, wall: Wall) -> bool {
    if timestamp <= MAX_FOLD {
        return false;
    }
    let result = wall.seconds();
    let Some(before) = local_seconds(EPOCH + timestamp - MAX_FOLD) else { return false };
    let transition = result - before - MAX_FOLD;
    transition < 0 && local_seconds(EPOCH + timestamp + transition) == Some(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinals_go_both_ways() {
        for ordinal in (1..=MAX_ORDINAL).step_by(97).chain([1, 365, 366, 1461, 36_524, 146_097, MAX_ORDINAL]) {
            let (year, month, day) = from_ordinal(ordinal);
            assert_eq!(to_ordinal(year, month, day), ordinal);
        }
        assert_eq!(from_ordinal(719_163), (1970, 1, 1));
    }

    #[test]
    fn iso_weeks() {
        assert_eq!(iso_calendar(2020, 12, 31), (2020, 53, 4));
        assert_eq!(iso_calendar(2021, 1, 3), (2020, 53, 7));
        assert!(from_iso(2021, 53, 1).is_err());
    }
}
