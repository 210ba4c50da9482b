//! UTF-8, UTF-16 and UTF-32.

use super::{ByteOrder, CodecError, OnDecodeError, OnEncodeError, encode_with, is_surrogate, unit16, unit32};
use crate::text::CodeUnit;
use crate::text_buffer::TextBuffer;

const SURROGATES: &str = "surrogates not allowed";
const UNEXPECTED_END: &str = "unexpected end of data";
const TRUNCATED: &str = "truncated data";

/// Decodes UTF-8.
pub fn decode_utf8<E>(
    input: &[u8],
    is_final: bool,
    out: &mut TextBuffer,
    on_error: OnDecodeError<'_, E>,
) -> Result<usize, E> {
    // Valid text, and valid text cut off at the end, needs no search for errors.
    let valid = match std::str::from_utf8(input) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&input[..error.valid_up_to()]).unwrap_or_default(),
    };
    out.push_str(valid);
    let mut at = valid.len();
    while let Some(rest) = input.get(at..).filter(|rest| !rest.is_empty()) {
        let Some(chunk) = rest.utf8_chunks().next() else {
            break;
        };
        out.push_str(chunk.valid());
        at += chunk.valid().len();
        let bad = chunk.invalid();
        if bad.is_empty() {
            break;
        }
        let start = at;
        let incomplete = is_incomplete(bad) && start + bad.len() == input.len();
        if !is_final && (incomplete || is_cut_surrogate(&input[start..])) {
            break;
        }
        let reason = if incomplete {
            UNEXPECTED_END
        } else if matches!(bad[0], 0xc2..=0xf4) {
            "invalid continuation byte"
        } else {
            "invalid start byte"
        };
        at = on_error(CodecError { start, end: start + bad.len(), reason }, out)?;
    }
    Ok(at)
}

/// True if more bytes could complete the (so far valid) sequence.
fn is_incomplete(bad: &[u8]) -> bool {
    matches!(bad, [0xc2..=0xf4] | [0xe0..=0xf4, _] | [0xf0..=0xf4, _, _])
}

/// True if the data ends in the first two of the three bytes `surrogatepass` makes of a surrogate:
/// an incremental decoder waits for the third.
fn is_cut_surrogate(rest: &[u8]) -> bool {
    matches!(rest, [0xed, 0xa0..=0xbf])
}

/// Appends one code point; surrogates as if they were characters.
pub fn push_utf8(out: &mut Vec<u8>, code: u32) {
    // Truncation is the point: each byte takes its bits.
    let tail = |shift: u32| 0x80 | (code >> shift & 0x3f) as u8;
    match code {
        0..0x80 => out.push(code as u8),
        0x80..0x800 => out.extend([0xc0 | (code >> 6) as u8, tail(0)]),
        0x800..0x10000 => out.extend([0xe0 | (code >> 12) as u8, tail(6), tail(0)]),
        _ => out.extend([0xf0 | (code >> 18 & 7) as u8, tail(12), tail(6), tail(0)]),
    }
}

/// Encodes UTF-8.
pub fn encode_utf8<U: CodeUnit, E: From<CodecError>>(text: &[U], on_error: OnEncodeError<'_, E>) -> Result<Vec<u8>, E> {
    let encode_one = |code, out: &mut Vec<u8>| {
        if is_surrogate(code) {
            return Err(SURROGATES);
        }
        push_utf8(out, code);
        Ok(())
    };
    encode_with(text, true, 1, encode_one, |code| code < 0x80, on_error)
}

/// Encodes UTF-8 with surrogates let through, for hashing, marshalling and the like.
pub fn encode_utf8_lossless<U: CodeUnit>(text: &[U]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    text.iter().for_each(|&unit| push_utf8(&mut out, unit.into()));
    out
}

/// The byte order mark of UTF-16 data, and its size; `None` without one.
pub fn utf16_mark(input: &[u8]) -> Option<(ByteOrder, usize)> {
    match input {
        [0xff, 0xfe, ..] => Some((ByteOrder::Little, 2)),
        [0xfe, 0xff, ..] => Some((ByteOrder::Big, 2)),
        _ => None,
    }
}

/// The byte order mark of UTF-32 data, and its size; `None` without one.
pub fn utf32_mark(input: &[u8]) -> Option<(ByteOrder, usize)> {
    match input {
        [0xff, 0xfe, 0, 0, ..] => Some((ByteOrder::Little, 4)),
        [0, 0, 0xfe, 0xff, ..] => Some((ByteOrder::Big, 4)),
        _ => None,
    }
}

/// Decodes UTF-16 from `start` on (after the mark, which the caller reads with [`utf16_mark`]).
pub fn decode_utf16<E>(
    input: &[u8],
    start: usize,
    order: ByteOrder,
    is_final: bool,
    out: &mut TextBuffer,
    on_error: OnDecodeError<'_, E>,
) -> Result<usize, E> {
    let unit = |at: usize| match input.get(at..) {
        Some(&[a, b, ..]) => Some(u32::from(unit16(order, [a, b]))),
        _ => None,
    };
    let mut at = start;
    while at < input.len() {
        let (end, reason) = match unit(at) {
            None => (input.len(), TRUNCATED),
            Some(code) if !is_surrogate(code) => {
                out.push(code);
                at += 2;
                continue;
            }
            Some(0xdc00..) => (at + 2, "illegal encoding"),
            Some(high) => match unit(at + 2) {
                Some(low @ 0xdc00..=0xdfff) => {
                    out.push(0x10000 + ((high & 0x3ff) << 10 | low & 0x3ff));
                    at += 4;
                    continue;
                }
                Some(_) => (at + 2, "illegal UTF-16 surrogate"),
                None => (input.len(), UNEXPECTED_END),
            },
        };
        if !is_final && (reason == TRUNCATED || reason == UNEXPECTED_END) {
            break;
        }
        at = on_error(CodecError { start: at, end, reason }, out)?;
    }
    Ok(at)
}

/// Decodes UTF-32 from `start` on (after the mark, which the caller reads with [`utf32_mark`]).
pub fn decode_utf32<E>(
    input: &[u8],
    start: usize,
    order: ByteOrder,
    is_final: bool,
    out: &mut TextBuffer,
    on_error: OnDecodeError<'_, E>,
) -> Result<usize, E> {
    let mut at = start;
    while let Some(rest) = input.get(at..).filter(|rest| !rest.is_empty()) {
        let (end, reason) = match *rest {
            [a, b, c, d, ..] => match unit32(order, [a, b, c, d]) {
                code if is_surrogate(code) => (at + 4, "code point in surrogate code point range(0xd800, 0xe000)"),
                0x110000.. => (at + 4, "code point not in range(0x110000)"),
                code => {
                    out.push(code);
                    at += 4;
                    continue;
                }
            },
            _ if !is_final => break,
            _ => (input.len(), TRUNCATED),
        };
        at = on_error(CodecError { start: at, end, reason }, out)?;
    }
    Ok(at)
}

/// Appends one code point; surrogates as they are.
pub fn push_utf16(out: &mut Vec<u8>, code: u32, order: ByteOrder) {
    let mut push = |unit: u32| {
        let [a, b, _, _] = unit.to_le_bytes();
        out.extend(if order == ByteOrder::Little { [a, b] } else { [b, a] });
    };
    if code < 0x10000 {
        push(code);
    } else {
        let offset = code - 0x10000;
        push(0xd800 | offset >> 10 & 0x3ff);
        push(0xdc00 | offset & 0x3ff);
    }
}

/// Appends one code point; surrogates as they are.
pub fn push_utf32(out: &mut Vec<u8>, code: u32, order: ByteOrder) {
    out.extend(match order {
        ByteOrder::Little => code.to_le_bytes(),
        ByteOrder::Big => code.to_be_bytes(),
    });
}

/// Encodes UTF-16 without a mark (`push_utf16(out, 0xfeff, ..)` makes one).
pub fn encode_utf16<U: CodeUnit, E: From<CodecError>>(
    text: &[U],
    order: ByteOrder,
    on_error: OnEncodeError<'_, E>,
) -> Result<Vec<u8>, E> {
    let encode_one = |code, out: &mut Vec<u8>| {
        if is_surrogate(code) {
            return Err(SURROGATES);
        }
        push_utf16(out, code, order);
        Ok(())
    };
    encode_with(text, false, 2, encode_one, |code| code < 0x80, on_error)
}

/// Encodes UTF-32 without a mark.
pub fn encode_utf32<U: CodeUnit, E: From<CodecError>>(
    text: &[U],
    order: ByteOrder,
    on_error: OnEncodeError<'_, E>,
) -> Result<Vec<u8>, E> {
    let encode_one = |code, out: &mut Vec<u8>| {
        if is_surrogate(code) {
            return Err(SURROGATES);
        }
        push_utf32(out, code, order);
        Ok(())
    };
    encode_with(text, false, 4, encode_one, |code| code < 0x80, on_error)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{decoded, error, points};
    use super::super::{ErrorHandler, Utf};
    use super::*;

    fn utf8(input: &[u8], handler: ErrorHandler) -> Result<(Vec<u32>, usize), CodecError> {
        decoded(input, handler, Some(Utf::Utf8), |out, on_error| decode_utf8(input, true, out, on_error))
    }

    #[test]
    fn utf8_errors() {
        let strict = |input| utf8(input, ErrorHandler::Strict);
        assert_eq!(strict("aé€😀".as_bytes()), Ok((points("aé€😀"), 10)));
        assert_eq!(strict(b"a\x80"), Err(error(1, 2, "invalid start byte")));
        assert_eq!(strict(b"\xc0\x80"), Err(error(0, 1, "invalid start byte")));
        assert_eq!(strict(b"\xe0\x80"), Err(error(0, 1, "invalid continuation byte")));
        assert_eq!(strict(b"\xe2\x82"), Err(error(0, 2, "unexpected end of data")));
        assert_eq!(strict(b"\xe2\x82a"), Err(error(0, 2, "invalid continuation byte")));
        assert_eq!(strict(b"\xf0\x90\x80"), Err(error(0, 3, "unexpected end of data")));
        assert_eq!(strict(b"\xf4\x90"), Err(error(0, 1, "invalid continuation byte")));
        assert_eq!(strict(b"\xc3"), Err(error(0, 1, "unexpected end of data")));
        let bad = b"a\xed\xa0\x80\xff\xe2\x82";
        let text = |handler| utf8(bad, handler).map(|result| result.0);
        assert_eq!(text(ErrorHandler::Replace), Ok(points("a\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}")));
        assert_eq!(text(ErrorHandler::Backslashreplace), Ok(points("a\\xed\\xa0\\x80\\xff\\xe2\\x82")));
        let escaped = vec![0x61, 0xdced, 0xdca0, 0xdc80, 0xdcff, 0xdce2, 0xdc82];
        assert_eq!(text(ErrorHandler::Surrogateescape), Ok(escaped));
        assert_eq!(text(ErrorHandler::Surrogatepass), Err(error(4, 5, "invalid start byte")));
        let partial =
            decoded(b"", ErrorHandler::Strict, None, |out, on_error| decode_utf8(b"a\xe2\x82", false, out, on_error));
        assert_eq!(partial, Ok((points("a"), 1)));
    }

    #[test]
    fn utf16_and_utf32_errors() {
        let order = ByteOrder::Little;
        let utf16 = |input: &'static [u8], is_final| {
            decoded(input, ErrorHandler::Strict, None, move |out, on_error| {
                decode_utf16(input, 0, order, is_final, out, on_error)
            })
        };
        assert_eq!(utf16(b"a\0b", true), Err(error(2, 3, "truncated data")));
        assert_eq!(utf16(b"\x00\xd8", true), Err(error(0, 2, "unexpected end of data")));
        assert_eq!(utf16(b"\x00\xd8a", true), Err(error(0, 3, "unexpected end of data")));
        assert_eq!(utf16(b"\x00\xd8a\0", true), Err(error(0, 2, "illegal UTF-16 surrogate")));
        assert_eq!(utf16(b"\x00\xdc", true), Err(error(0, 2, "illegal encoding")));
        assert_eq!(utf16(b"a\0\x00\xd8a", false), Ok((points("a"), 2)));
        assert_eq!(utf16(b"\x3d\xd8\x00\xde", true), Ok((points("😀"), 4)));
        let utf32 = |input: &'static [u8]| {
            decoded(input, ErrorHandler::Strict, None, move |out, on_error| {
                decode_utf32(input, 0, order, true, out, on_error)
            })
        };
        assert_eq!(utf32(b"\0\0\0"), Err(error(0, 3, "truncated data")));
        assert_eq!(utf32(b"\0\0\0\xff"), Err(error(0, 4, "code point not in range(0x110000)")));
    }

    #[test]
    fn encoding() {
        let text = [0x61u32, 0xd800, 0xdc80, 0xe9, 0x20ac, 0x62];
        let none = |_: u32| None;
        let encode8 =
            |handler: ErrorHandler| encode_utf8(&text, &mut |e| handler.encode(&text, e, Some(Utf::Utf8), &none));
        assert_eq!(encode8(ErrorHandler::Strict), Err(error(1, 3, "surrogates not allowed")));
        assert_eq!(encode8(ErrorHandler::Replace), Ok(b"a??\xc3\xa9\xe2\x82\xacb".to_vec()));
        let passed = b"a\xed\xa0\x80\xed\xb2\x80\xc3\xa9\xe2\x82\xacb";
        assert_eq!(encode8(ErrorHandler::Surrogatepass), Ok(passed.to_vec()));
        let utf = Utf::Utf16(ByteOrder::Little);
        let encode16 = |handler: ErrorHandler| {
            encode_utf16(&text, ByteOrder::Little, &mut |e| handler.encode(&text, e, Some(utf), &none))
        };
        assert_eq!(encode16(ErrorHandler::Strict), Err(error(1, 2, "surrogates not allowed")));
        let passed = b"a\x00\x00\xd8\x80\xdc\xe9\x00\xac b\x00";
        assert_eq!(encode16(ErrorHandler::Surrogatepass), Ok(passed.to_vec()));
    }
}
