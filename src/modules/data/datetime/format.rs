//! Text of dates and times: ISO 8601 and `strftime`.

use pyrs_runtime::call;
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::object::{Obj, Object};
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::raise;

/// "+HH:MM[:SS[.ffffff]]" with the given separator.
pub fn offset_text(micros: i128, separator: &str) -> String {
    let sign = if micros < 0 { '-' } else { '+' };
    let micros = micros.unsigned_abs();
    let (seconds, rest) = (micros / 1_000_000, micros % 1_000_000);
    let mut text = format!("{sign}{:02}{separator}{:02}", seconds / 3600, seconds / 60 % 60);
    if !seconds.is_multiple_of(60) || rest != 0 {
        text.push_str(&format!("{separator}{:02}", seconds % 60));
    }
    if rest != 0 {
        text.push_str(&format!(".{rest:06}"));
    }
    text
}

/// "HH:MM:SS.ffffff", as far as `timespec` asks for.
pub fn clock_text(hour: i32, minute: i32, second: i32, micros: i32, timespec: Option<&Obj>) -> PyResult<String> {
    let spec = match timespec {
        None => "auto".to_owned(),
        Some(spec) => spec.downcast::<Str>().map(|s| s.to_string_lossy()).unwrap_or_default(),
    };
    Ok(match spec.as_str() {
        "auto" if micros == 0 => format!("{hour:02}:{minute:02}:{second:02}"),
        "auto" | "microseconds" => format!("{hour:02}:{minute:02}:{second:02}.{micros:06}"),
        "hours" => format!("{hour:02}"),
        "minutes" => format!("{hour:02}:{minute:02}"),
        "seconds" => format!("{hour:02}:{minute:02}:{second:02}"),
        "milliseconds" => format!("{hour:02}:{minute:02}:{second:02}.{:03}", micros / 1000),
        _ => return Err(raise!(ValueError, "Unknown timespec value")),
    })
}

/// What `strftime` needs to know of an object.
pub struct Moment<'a> {
    pub micros: i32,
    pub iso_year: i32,
    pub year: i32,
    pub month: i32,
    pub day: i32,
    /// The offset in microseconds, and the name of the zone; looked up when needed.
    pub offset: &'a dyn Fn() -> PyResult<Option<i128>>,
    pub zone_name: &'a dyn Fn() -> PyResult<Obj>,
}

/// `strftime`: the directives that `time.strftime` does not know are replaced first.
pub fn strftime(format: &Object<Str>, moment: &Moment<'_>, time_tuple: Obj) -> PyResult<Obj> {
    let mut out: Vec<u32> = Vec::new();
    let mut points = format.code_points().peekable();
    let push = |out: &mut Vec<u32>, text: &str| out.extend(text.chars().map(|c| c as u32));
    while let Some(c) = points.next() {
        let directive = if c == '%' as u32 { points.next().and_then(char::from_u32) } else { None };
        match directive {
            None => out.push(c),
            Some('z') => {
                if let Some(micros) = (moment.offset)()? {
                    push(&mut out, &offset_text(micros, ""));
                }
            }
            Some(':') if points.peek() == Some(&('z' as u32)) => {
                points.next();
                if let Some(micros) = (moment.offset)()? {
                    push(&mut out, &offset_text(micros, ":"));
                }
            }
            Some('Z') => {
                let name = (moment.zone_name)()?;
                if !name.is_none() {
                    // What looks like a directive in the name is text.
                    let percent = [Str::new("%").into(), Str::new("%%").into()];
                    let escaped = call::call_method(&name, "replace", &percent)?;
                    match escaped.downcast::<Str>() {
                        Some(escaped) => out.extend(escaped.code_points()),
                        None => return Err(raise!(TypeError, "tzname.replace() did not return a string")),
                    }
                }
            }
            Some('f') => push(&mut out, &format!("{:06}", moment.micros)),
            Some('Y') => push(&mut out, &format!("{:04}", moment.year)),
            Some('G') => push(&mut out, &format!("{:04}", moment.iso_year)),
            Some('C') => push(&mut out, &format!("{:02}", moment.year / 100)),
            Some('F') => push(&mut out, &format!("{:04}-{:02}-{:02}", moment.year, moment.month, moment.day)),
            Some(other) => out.extend([c, other as u32]),
        }
    }
    let time = crate::core::import::import_module("time")?;
    call::call_method(&time, "strftime", &[Str::from_code_points(&out).into(), time_tuple])
}

/// Reads a number of exactly `count` digits.
fn digits(text: &[u8], count: usize) -> Option<i32> {
    let part = text.get(..count)?;
    part.iter().all(u8::is_ascii_digit).then(|| part.iter().fold(0, |n, d| n * 10 + (d - b'0') as i32))
}

/// A date of ISO 8601: what is in the text before it has been checked against the calendar.
pub enum IsoDate {
    Month(i32, i32, i32),
    Week(i32, i32, i32),
}

/// "YYYY-MM-DD", "YYYYMMDD", "YYYY-Www[-D]", "YYYYWww[D]"; all of the text.
pub fn parse_date(text: &[u8]) -> Option<IsoDate> {
    let year = digits(text, 4)?;
    let mut rest = &text[4..];
    let separated = rest.first() == Some(&b'-');
    if separated {
        rest = &rest[1..];
    }
    if rest.first() == Some(&b'W') {
        let week = digits(&rest[1..], 2)?;
        rest = &rest[3..];
        if rest.is_empty() {
            return Some(IsoDate::Week(year, week, 1));
        }
        if separated {
            rest = rest.strip_prefix(b"-")?;
        }
        let day = digits(rest, 1)?;
        return (rest.len() == 1).then_some(IsoDate::Week(year, week, day));
    }
    let month = digits(rest, 2)?;
    rest = &rest[2..];
    if separated {
        rest = rest.strip_prefix(b"-")?;
    }
    let day = digits(rest, 2)?;
    (rest.len() == 2).then_some(IsoDate::Month(year, month, day))
}

/// Where the date of a date and time ends.
pub fn date_end(text: &[u8]) -> Option<usize> {
    if text.len() < 7 {
        return None;
    }
    if text.len() == 7 {
        return Some(7);
    }
    if text[4] == b'-' {
        if text[5] == b'W' {
            if text.len() < 8 {
                return None;
            }
            if text.len() > 8 && text[8] == b'-' {
                if text.len() == 9 {
                    return None;
                }
                // "YYYY-Www-DD…": the last hyphen separates the time, if an hour follows it.
                if text.len() > 10 && text[10].is_ascii_digit() {
                    return Some(8);
                }
                return Some(10);
            }
            return Some(8);
        }
        return Some(10);
    }
    if text[4] == b'W' {
        let end = text[7..].iter().position(|b| !b.is_ascii_digit()).map_or(text.len(), |i| i + 7);
        return Some(if end < 9 {
            end
        } else if end % 2 == 0 {
            7
        } else {
            8
        });
    }
    Some(8)
}

/// A time of ISO 8601, with the offset from UTC perhaps.
pub struct IsoTime {
    pub hour: i32,
    pub minute: i32,
    pub second: i32,
    pub micros: i32,
    pub offset: Option<i128>,
}

/// "HH[:MM[:SS[.fff…]]]", with or without colons.
fn parse_clock(text: &[u8]) -> Option<[i32; 4]> {
    let mut parts = [0; 4];
    let colons = text.get(2) == Some(&b':');
    let mut rest = text;
    for i in 0..3 {
        parts[i] = digits(rest, 2)?;
        rest = &rest[2..];
        match rest.first() {
            None => return Some(parts),
            Some(b'.' | b',') if i == 2 => break,
            Some(b':') if colons && i < 2 => rest = &rest[1..],
            Some(_) if !colons && i < 2 => {}
            _ => return None,
        }
    }
    let fraction = &rest[1..];
    if fraction.is_empty() || !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let used = fraction.len().min(6);
    parts[3] = digits(fraction, used)? * 10i32.pow(6 - used as u32);
    Some(parts)
}

/// A whole time; the numbers are not checked.
pub fn parse_time(text: &[u8]) -> Option<IsoTime> {
    let at = text.iter().position(|b| matches!(b, b'+' | b'-' | b'Z'));
    let [hour, minute, second, micros] = parse_clock(&text[..at.unwrap_or(text.len())])?;
    let offset = match at {
        None => None,
        Some(at) if text[at] == b'Z' => {
            if at + 1 != text.len() {
                return None;
            }
            Some(0)
        }
        Some(at) => {
            let [h, m, s, us] = parse_clock(&text[at + 1..])?;
            if m > 59 || s > 59 {
                return None;
            }
            let micros = ((h as i128 * 60 + m as i128) * 60 + s as i128) * 1_000_000 + us as i128;
            Some(if text[at] == b'-' { -micros } else { micros })
        }
    };
    Some(IsoTime { hour, minute, second, micros, offset })
}

/// The fields of `time.struct_time`.
pub fn time_tuple(fields: [i64; 9]) -> PyResult<Obj> {
    let time = crate::core::import::import_module("time")?;
    let class = pyrs_runtime::protocols::attr::getattr_text(&time, "struct_time")?;
    let items = fields.map(pyrs_runtime::objects::int::new).to_vec();
    call::call(&class, &[Tuple::from_vec(items).into()])
}
