//! UTF-7 (RFC 2152).

use super::{CodecError, OnDecodeError, is_surrogate};
use crate::text::{CodeUnit, code_points};
use crate::text_buffer::TextBuffer;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn from_base64(byte: u8) -> Option<u32> {
    Some(u32::from(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    }))
}

/// A base-64 section being read.
#[derive(Default)]
struct Shift {
    buffer: u32,
    bits: u32,
    high: Option<u32>,
}

impl Shift {
    fn feed(&mut self, value: u32, out: &mut TextBuffer) {
        self.buffer = self.buffer << 6 | value;
        self.bits += 6;
        if self.bits < 16 {
            return;
        }
        self.bits -= 16;
        let unit = self.buffer >> self.bits & 0xffff;
        self.buffer &= (1 << self.bits) - 1;
        if let Some(high) = self.high.take() {
            if (0xdc00..0xe000).contains(&unit) {
                out.push(0x10000 + ((high & 0x3ff) << 10 | unit & 0x3ff));
                return;
            }
            out.push(high);
        }
        if is_surrogate(unit) && unit < 0xdc00 {
            self.high = Some(unit);
        } else {
            out.push(unit);
        }
    }

    /// What is wrong with bits left over at the end of a section.
    fn leftover(&self) -> Option<&'static str> {
        if self.bits >= 6 {
            Some("partial character in shift sequence")
        } else if self.buffer != 0 {
            Some("non-zero padding bits in shift sequence")
        } else {
            None
        }
    }
}

/// Decodes UTF-7.  With `is_final` false, a base-64 section that is not ended is left for the next
/// call and nothing of it is written.
pub fn decode_utf7<E>(
    input: &[u8],
    is_final: bool,
    out: &mut TextBuffer,
    on_error: OnDecodeError<'_, E>,
) -> Result<usize, E> {
    let mut at = 0;
    while let Some(&byte) = input.get(at) {
        let start = at;
        at += 1;
        let reason = match (byte, input.get(at)) {
            (b'+', Some(b'-')) => {
                out.push(u32::from('+'));
                at += 1;
                continue;
            }
            (b'+', Some(&next)) if from_base64(next).is_none() => {
                at += 1;
                Some("ill-formed sequence")
            }
            (b'+', _) => {
                let mut section = TextBuffer::default();
                let reason = decode_section(input, &mut at, is_final, &mut section);
                if !is_final && at >= input.len() && input[start + 1..].iter().all(|&b| from_base64(b).is_some()) {
                    return Ok(start);
                }
                out.extend(section.to_code_points());
                reason
            }
            (0..0x80, _) => {
                out.push(u32::from(byte));
                continue;
            }
            _ => Some("unexpected special character"),
        };
        if let Some(reason) = reason {
            at = on_error(CodecError { start, end: at, reason }, out)?;
        }
    }
    Ok(at)
}

/// Reads the section after a `+`; returns what is wrong with it.
fn decode_section(input: &[u8], at: &mut usize, is_final: bool, out: &mut TextBuffer) -> Option<&'static str> {
    let mut shift = Shift::default();
    while let Some(&byte) = input.get(*at) {
        if let Some(value) = from_base64(byte) {
            *at += 1;
            shift.feed(value, out);
            continue;
        }
        if let Some(reason) = shift.leftover() {
            *at += 1;
            return Some(reason);
        }
        if let Some(high) = shift.high
            && byte < 0x80
        {
            out.push(high);
        }
        *at += usize::from(byte == b'-');
        return None;
    }
    let unfinished = shift.high.is_some() || shift.leftover().is_some();
    (is_final && unfinished).then_some("unterminated shift sequence")
}

/// Characters that stand for themselves.
fn is_direct(code: u32) -> bool {
    match code {
        9 | 10 | 13 => true,
        0x2b | 0x5c | 0x7e => false,
        _ => (0x20..0x7f).contains(&code),
    }
}

/// Encodes UTF-7; every text can be.
pub fn encode_utf7<U: CodeUnit>(text: &[U]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let (mut shifted, mut buffer, mut bits) = (false, 0u32, 0u32);
    let digit = |value: u32| ALPHABET[(value & 63) as usize];
    for code in code_points(text) {
        let byte = u8::try_from(code).unwrap_or(0);
        if is_direct(code) {
            if shifted {
                if bits > 0 {
                    out.push(digit(buffer << (6 - bits)));
                }
                if from_base64(byte).is_some() || byte == b'-' {
                    out.push(b'-');
                }
                (shifted, buffer, bits) = (false, 0, 0);
            }
            out.push(byte);
            continue;
        }
        if !shifted {
            out.push(b'+');
            if byte == b'+' {
                out.push(b'-');
                continue;
            }
            shifted = true;
        }
        let mut units = [0u16; 2];
        let units: &[u16] = match char::from_u32(code) {
            Some(c) => c.encode_utf16(&mut units),
            None => {
                units[0] = u16::try_from(code).unwrap_or(0xfffd);
                &units[..1]
            }
        };
        for &unit in units {
            buffer = buffer << 16 | u32::from(unit);
            bits += 16;
            while bits >= 6 {
                bits -= 6;
                out.push(digit(buffer >> bits));
            }
            buffer &= (1 << bits) - 1;
        }
    }
    if bits > 0 {
        out.push(digit(buffer << (6 - bits)));
    }
    if shifted {
        out.push(b'-');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::ErrorHandler;
    use super::super::testing::{decoded, error, points};
    use super::*;

    fn decode(input: &[u8], is_final: bool) -> Result<(Vec<u32>, usize), CodecError> {
        decoded(input, ErrorHandler::Strict, None, |out, on_error| decode_utf7(input, is_final, out, on_error))
    }

    #[test]
    fn decoding() {
        let text = |input| decode(input, true).map(|result| result.0);
        for (input, wanted) in [
            (&b"+"[..], ""),
            (b"+-", "+"),
            (b"+AGE", "a"),
            (b"+AGE-b", "ab"),
            (b"+AGE a", "a a"),
            (b"~\\", "~\\"),
            (b"+2D3eAA-", "😀"),
        ] {
            assert_eq!(text(input), Ok(points(wanted)));
        }
        assert_eq!(text(b"+2AA-"), Ok(vec![0xd800]));
        assert_eq!(text(b"+A-"), Err(error(0, 3, "partial character in shift sequence")));
        assert_eq!(text(b"+AGF-"), Err(error(0, 5, "non-zero padding bits in shift sequence")));
        assert_eq!(text(b"+AGE\xff"), Err(error(4, 5, "unexpected special character")));
        assert_eq!(text(b"a+AGEb"), Err(error(1, 6, "unterminated shift sequence")));
        assert_eq!(text(b"+@"), Err(error(0, 2, "ill-formed sequence")));
        assert_eq!(decode(b"a+AGEA", false), Ok((points("a"), 1)));
    }

    #[test]
    fn encoding() {
        for (text, wanted) in [
            ("\\~", "+AFwAfg-"),
            ("a+b", "a+-b"),
            ("é-", "+AOk--"),
            ("éa", "+AOk-a"),
            ("é a", "+AOk a"),
            ("😀", "+2D3eAA-"),
            ("é+", "+AOkAKw-"),
            ("a\0", "a+AAA-"),
            ("é!", "+AOk!"),
        ] {
            assert_eq!(encode_utf7(&points(text)), wanted.as_bytes());
        }
    }
}
