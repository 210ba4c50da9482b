//! `unicode_escape`, `raw_unicode_escape`, and the escapes of bytes literals.

use super::{CodecError, OnDecodeError};
use crate::text::{CodeUnit, code_points};
use crate::text_buffer::TextBuffer;

/// An escape that Python warns about: its position, and its character or octal value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidEscape {
    /// `\q`: the index of the backslash, the byte after it.
    Character(usize, u8),
    /// `\777`: the index of the backslash, the value above 0o377.
    Octal(usize, u32),
}

/// How an escape sequence went.
enum Outcome {
    Done,
    Bad(&'static str),
}

/// Decodes `unicode_escape`.  `find_name` is the look-up of `\N{...}`: it appends what the name
/// stands for, or returns false.  The first invalid escape is stored in `invalid`.
pub fn decode_unicode_escape<E>(
    input: &[u8],
    is_final: bool,
    out: &mut TextBuffer,
    find_name: &dyn Fn(&[u8], &mut TextBuffer) -> bool,
    invalid: &mut Option<InvalidEscape>,
    on_error: OnDecodeError<'_, E>,
) -> Result<usize, E> {
    let mut at = 0;
    while let Some(rest) = input.get(at..).filter(|rest| !rest.is_empty()) {
        let plain = memchr::memchr(b'\\', rest).unwrap_or(rest.len());
        out.push_latin1(&rest[..plain]);
        at += plain;
        if at >= input.len() {
            break;
        }
        let start = at;
        match escape(input, &mut at, out, find_name, invalid) {
            Outcome::Done => {}
            Outcome::Bad(_) if !is_final && at >= input.len() => return Ok(start),
            Outcome::Bad(reason) => {
                at = on_error(CodecError { start, end: at, reason }, out)?;
            }
        }
    }
    Ok(at)
}

/// Decodes the escape at `at`, a backslash, and moves behind it.
fn escape(
    input: &[u8],
    at: &mut usize,
    out: &mut TextBuffer,
    find_name: &dyn Fn(&[u8], &mut TextBuffer) -> bool,
    invalid: &mut Option<InvalidEscape>,
) -> Outcome {
    let start = *at;
    let Some(&kind) = input.get(start + 1) else {
        *at = input.len();
        return Outcome::Bad("\\ at end of string");
    };
    *at = start + 2;
    let simple = match kind {
        b'\n' => return Outcome::Done,
        b'\\' | b'\'' | b'"' => kind,
        b'b' => 8,
        b'f' => 12,
        b't' => 9,
        b'n' => 10,
        b'r' => 13,
        b'v' => 11,
        b'a' => 7,
        b'0'..=b'7' => {
            let value = octal(input, start + 1, at);
            if value > 0o377 {
                invalid.get_or_insert(InvalidEscape::Octal(start, value));
            }
            out.push(value);
            return Outcome::Done;
        }
        b'x' => return hexadecimal(input, at, 2, "truncated \\xXX escape", out),
        b'u' => return hexadecimal(input, at, 4, "truncated \\uXXXX escape", out),
        b'U' => return hexadecimal(input, at, 8, "truncated \\UXXXXXXXX escape", out),
        b'N' => return named(input, at, out, find_name),
        _ => {
            invalid.get_or_insert(InvalidEscape::Character(start, kind));
            out.push_latin1(b"\\");
            kind
        }
    };
    out.push(u32::from(simple));
    Outcome::Done
}

/// Up to three octal digits.
fn octal(input: &[u8], from: usize, at: &mut usize) -> u32 {
    let digits = input[from..].iter().take(3).take_while(|byte| matches!(byte, b'0'..=b'7'));
    let (mut value, mut count) = (0, 0);
    for &digit in digits {
        value = value * 8 + u32::from(digit - b'0');
        count += 1;
    }
    *at = from + count;
    value
}

fn hexadecimal(input: &[u8], at: &mut usize, count: usize, reason: &'static str, out: &mut TextBuffer) -> Outcome {
    let (value, found) = read_hex(input, *at, count);
    *at += found;
    if found < count {
        return Outcome::Bad(reason);
    }
    if value > 0x10ffff {
        return Outcome::Bad("illegal Unicode character");
    }
    out.push(value);
    Outcome::Done
}

fn read_hex(input: &[u8], from: usize, count: usize) -> (u32, usize) {
    let (mut value, mut found) = (0u32, 0);
    for &byte in input[from..].iter().take(count) {
        let Some(digit) = char::from(byte).to_digit(16) else {
            break;
        };
        value = value << 4 | digit;
        found += 1;
    }
    (value, found)
}

fn named(
    input: &[u8],
    at: &mut usize,
    out: &mut TextBuffer,
    find_name: &dyn Fn(&[u8], &mut TextBuffer) -> bool,
) -> Outcome {
    const MALFORMED: &str = "malformed \\N character escape";
    if input.get(*at) != Some(&b'{') {
        return Outcome::Bad(MALFORMED);
    }
    let start = *at + 1;
    let Some(length) = memchr::memchr(b'}', &input[start..]) else {
        *at = input.len();
        return Outcome::Bad(MALFORMED);
    };
    if length == 0 {
        *at = start;
        return Outcome::Bad(MALFORMED);
    }
    *at = start + length + 1;
    if find_name(&input[start..start + length], out) {
        Outcome::Done
    } else {
        Outcome::Bad("unknown Unicode character name")
    }
}

/// Encodes `unicode_escape`; the result is printable ASCII.
pub fn encode_unicode_escape<U: CodeUnit>(text: &[U]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for code in code_points(text) {
        match code {
            0x5c => out.extend(b"\\\\"),
            9 => out.extend(b"\\t"),
            10 => out.extend(b"\\n"),
            13 => out.extend(b"\\r"),
            0x20..0x7f => out.extend(u8::try_from(code)),
            0..=0xff => out.extend(format!("\\x{code:02x}").into_bytes()),
            0x100..=0xffff => out.extend(format!("\\u{code:04x}").into_bytes()),
            _ => out.extend(format!("\\U{code:08x}").into_bytes()),
        }
    }
    out
}

/// Decodes `raw_unicode_escape`.
pub fn decode_raw_unicode_escape<E>(
    input: &[u8],
    is_final: bool,
    out: &mut TextBuffer,
    on_error: OnDecodeError<'_, E>,
) -> Result<usize, E> {
    let mut at = 0;
    while let Some(&byte) = input.get(at) {
        let (count, truncated) = match (byte, input.get(at + 1)) {
            (b'\\', Some(b'u')) => (4, "truncated \\uXXXX escape"),
            (b'\\', Some(b'U')) => (8, "truncated \\UXXXXXXXX escape"),
            (b'\\', None) if !is_final => return Ok(at),
            (b'\\', Some(&next)) => {
                // Whatever follows a backslash cannot start an escape.
                out.push_latin1(&[byte, next]);
                at += 2;
                continue;
            }
            _ => {
                out.push(u32::from(byte));
                at += 1;
                continue;
            }
        };
        let (value, found) = read_hex(input, at + 2, count);
        let end = at + 2 + found;
        let reason = if found < count {
            if !is_final && end >= input.len() {
                return Ok(at);
            }
            truncated
        } else if value > 0x10ffff {
            "\\Uxxxxxxxx out of range"
        } else {
            out.push(value);
            at = end;
            continue;
        };
        at = on_error(CodecError { start: at, end, reason }, out)?;
    }
    Ok(at)
}

/// Encodes `raw_unicode_escape`.
pub fn encode_raw_unicode_escape<U: CodeUnit>(text: &[U]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for code in code_points(text) {
        match code {
            0..=0xff => out.extend(u8::try_from(code)),
            0x100..=0xffff => out.extend(format!("\\u{code:04x}").into_bytes()),
            _ => out.extend(format!("\\U{code:08x}").into_bytes()),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::ErrorHandler;
    use super::super::testing::{decoded, error, points};
    use super::*;

    fn unescape(input: &[u8], is_final: bool) -> Result<(Vec<u32>, usize), CodecError> {
        decoded(input, ErrorHandler::Strict, None, |out, on_error| {
            let find = |name: &[u8], out: &mut TextBuffer| {
                let known = name == b"DASH";
                if known {
                    out.push(0x2d);
                }
                known
            };
            decode_unicode_escape(input, is_final, out, &find, &mut None, on_error)
        })
    }

    #[test]
    fn unicode_escape() {
        let text = |input| unescape(input, true).map(|result| result.0);
        assert_eq!(
            text(b"a\\n\\x41\\101\\400\\\n\\u20ac\\U0001f600\\N{DASH}\\q\xe9"),
            Ok(points("a\nAA\u{100}€😀-\\qé"))
        );
        for (input, start, end, reason) in [
            (&b"\\"[..], 0, 1, "\\ at end of string"),
            (b"\\x1", 0, 3, "truncated \\xXX escape"),
            (b"\\xg", 0, 2, "truncated \\xXX escape"),
            (b"\\U00110000", 0, 10, "illegal Unicode character"),
            (b"\\N", 0, 2, "malformed \\N character escape"),
            (b"\\N{}", 0, 3, "malformed \\N character escape"),
            (b"\\N{LATIN", 0, 8, "malformed \\N character escape"),
            (b"\\N{foo}", 0, 7, "unknown Unicode character name"),
        ] {
            assert_eq!(text(input), Err(error(start, end, reason)));
        }
        assert_eq!(unescape(b"a\\x4", false), Ok((points("a"), 1)));
        let encoded = encode_unicode_escape(&points("\t\\'\0\x7fé\u{1234}😀"));
        assert_eq!(encoded, b"\\t\\\\'\\x00\\x7f\\xe9\\u1234\\U0001f600");
    }

    #[test]
    fn raw_unicode_escape() {
        let decode = |input: &'static [u8], is_final| {
            decoded(input, ErrorHandler::Strict, None, move |out, on_error| {
                decode_raw_unicode_escape(input, is_final, out, on_error)
            })
        };
        assert_eq!(decode(b"\\\\u0041\xe9\\u00e9\\x41\\", true), Ok((points("\\\\u0041éé\\x41\\"), 19)));
        assert_eq!(decode(b"\\u1", true), Err(error(0, 3, "truncated \\uXXXX escape")));
        assert_eq!(decode(b"\\U00110000", true), Err(error(0, 10, "\\Uxxxxxxxx out of range")));
        assert_eq!(decode(b"a\\u4", false), Ok((points("a"), 1)));
        assert_eq!(encode_raw_unicode_escape(&points("\\é\u{1234}")), b"\\\xe9\\u1234");
    }
}
