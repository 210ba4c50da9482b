//! ASCII, Latin-1 and charmap codecs: one byte is one character.

use super::{CodecError, OnDecodeError, OnEncodeError, Replacement, encode_with};
use crate::text::CodeUnit;
use crate::text_buffer::TextBuffer;

const NOT_ASCII: &str = "ordinal not in range(128)";
const NOT_LATIN1: &str = "ordinal not in range(256)";

/// The reason of every charmap error.
pub const UNDEFINED: &str = "character maps to <undefined>";

/// Appends the text for a byte, or returns false.
pub type DecodeOne<'a, E> = &'a mut dyn FnMut(u8, &mut TextBuffer) -> Result<bool, E>;

/// Appends the bytes for a character, or returns false.
pub type EncodeOne<'a, E> = &'a mut dyn FnMut(u32, &mut Vec<u8>) -> Result<bool, E>;

/// Decodes ASCII.
pub fn decode_ascii<E>(input: &[u8], out: &mut TextBuffer, on_error: OnDecodeError<'_, E>) -> Result<usize, E> {
    let mut at = 0;
    while let Some(rest) = input.get(at..).filter(|rest| !rest.is_empty()) {
        let valid = rest.iter().position(|byte| !byte.is_ascii()).unwrap_or(rest.len());
        out.push_latin1(&rest[..valid]);
        at += valid;
        if at < input.len() {
            at = on_error(CodecError { start: at, end: at + 1, reason: NOT_ASCII }, out)?;
        }
    }
    Ok(at)
}

/// Encodes ASCII.
pub fn encode_ascii<U: CodeUnit, E: From<CodecError>>(
    text: &[U],
    on_error: OnEncodeError<'_, E>,
) -> Result<Vec<u8>, E> {
    let encode_one = |code, out: &mut Vec<u8>| match u8::try_from(code) {
        Ok(byte) if byte.is_ascii() => {
            out.push(byte);
            Ok(())
        }
        _ => Err(NOT_ASCII),
    };
    encode_with(text, true, 1, encode_one, |_| true, on_error)
}

/// Encodes Latin-1 (decoding is [`TextBuffer::push_latin1`]).
pub fn encode_latin1<U: CodeUnit, E: From<CodecError>>(
    text: &[U],
    on_error: OnEncodeError<'_, E>,
) -> Result<Vec<u8>, E> {
    let encode_one = |code, out: &mut Vec<u8>| match u8::try_from(code) {
        Ok(byte) => {
            out.push(byte);
            Ok(())
        }
        Err(_) => Err(NOT_LATIN1),
    };
    encode_with(text, true, 1, encode_one, |_| true, on_error)
}

/// Decodes by a table of up to 256 characters; U+FFFE and missing entries are undefined.
pub fn decode_charmap_table<U: CodeUnit, E>(
    input: &[u8],
    table: &[U],
    out: &mut TextBuffer,
    on_error: OnDecodeError<'_, E>,
) -> Result<usize, E> {
    decode_charmap(input, out, on_error, &mut |byte, out| {
        let code = table.get(usize::from(byte)).map(|&unit| unit.into());
        Ok(code.filter(|&code| code != 0xfffe).inspect(|&code| out.push(code)).is_some())
    })
}

/// Decodes by a function that appends the text for a byte, or says that there is none (false).
pub fn decode_charmap<E>(
    input: &[u8],
    out: &mut TextBuffer,
    on_error: OnDecodeError<'_, E>,
    decode_one: DecodeOne<'_, E>,
) -> Result<usize, E> {
    let mut at = 0;
    while let Some(&byte) = input.get(at) {
        if decode_one(byte, out)? {
            at += 1;
        } else {
            at = on_error(CodecError { start: at, end: at + 1, reason: UNDEFINED }, out)?;
        }
    }
    Ok(at)
}

/// Encodes by a function that appends the bytes for a character, or says that there are none
/// (false).  The characters of a replacement text go through it as well.
pub fn encode_charmap<U: CodeUnit, E: From<CodecError>>(
    text: &[U],
    on_error: OnEncodeError<'_, E>,
    encode_one: EncodeOne<'_, E>,
) -> Result<Vec<u8>, E> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(&unit) = text.get(at) {
        if encode_one(unit.into(), &mut out)? {
            at += 1;
            continue;
        }
        let mut end = at + 1;
        let length = out.len();
        while let Some(&unit) = text.get(end) {
            if encode_one(unit.into(), &mut out)? {
                break;
            }
            end += 1;
        }
        out.truncate(length);
        let error = CodecError { start: at, end, reason: UNDEFINED };
        let (replacement, next) = on_error(error)?;
        match replacement {
            Replacement::Bytes(bytes) => out.extend(bytes),
            Replacement::Text(codes) => {
                for code in codes {
                    if !encode_one(code, &mut out)? {
                        return Err(error.into());
                    }
                }
            }
        }
        at = next;
    }
    Ok(out)
}

/// The inverse of a decoding table, as `codecs.charmap_build` makes it.
#[derive(Debug, Clone, Default)]
pub struct EncodingMap {
    /// Sorted by code point.
    entries: Vec<(u32, u8)>,
}

impl EncodingMap {
    /// Inverts `table`; of equal characters the first byte counts.
    pub fn from_table<U: CodeUnit>(table: &[U]) -> Self {
        let mut entries: Vec<(u32, u8)> = (0..=255u8)
            .zip(table)
            .map(|(byte, &unit)| (unit.into(), byte))
            .filter(|&(code, _)| code != 0xfffe)
            .collect();
        entries.sort_unstable();
        entries.dedup_by_key(|entry| entry.0);
        Self { entries }
    }

    /// The byte for a character.
    pub fn byte(&self, code: u32) -> Option<u8> {
        let found = self.entries.binary_search_by_key(&code, |entry| entry.0).ok()?;
        Some(self.entries[found].1)
    }
}

#[cfg(test)]
mod tests {
    use super::super::ErrorHandler;
    use super::super::testing::{decoded, error, points};
    use super::*;

    #[test]
    fn ascii_and_latin1() {
        let input = b"a\xff\xfe";
        let decode = |handler| decoded(input, handler, None, |out, on_error| decode_ascii(input, out, on_error));
        assert_eq!(decode(ErrorHandler::Strict), Err(error(1, 2, NOT_ASCII)));
        assert_eq!(decode(ErrorHandler::Surrogateescape), Ok((vec![0x61, 0xdcff, 0xdcfe], 3)));
        let text = points("aé€b");
        let encode = |handler: ErrorHandler| encode_ascii(&text, &mut |e| handler.encode(&text, e, None, &|_| None));
        assert_eq!(encode(ErrorHandler::Strict), Err(error(1, 3, NOT_ASCII)));
        assert_eq!(encode(ErrorHandler::Xmlcharrefreplace), Ok(b"a&#233;&#8364;b".to_vec()));
        let latin = encode_latin1(&text, &mut |e| ErrorHandler::Backslashreplace.encode(&text, e, None, &|_| None));
        assert_eq!(latin, Ok(b"a\xe9\\u20acb".to_vec()));
    }

    #[test]
    fn charmap() {
        let table = [0x61u16, 0xfffe, 0x20ac];
        let decode = |input: &'static [u8]| {
            decoded(input, ErrorHandler::Strict, None, move |out, on_error| {
                decode_charmap_table(input, &table, out, on_error)
            })
        };
        assert_eq!(decode(b"\0\x02"), Ok((points("a€"), 2)));
        assert_eq!(decode(b"\0\x01"), Err(error(1, 2, UNDEFINED)));
        let map = EncodingMap::from_table(&table);
        assert_eq!((map.byte(0x20ac), map.byte(0xfffe)), (Some(2), None));
        let text = points("abc€");
        let encoded: Result<_, CodecError> = encode_charmap(&text, &mut Err, &mut |code, out| {
            Ok(map.byte(code).inspect(|&byte| out.push(byte)).is_some())
        });
        assert_eq!(encoded, Err(error(1, 3, UNDEFINED)));
    }
}
