//! Encoders and decoders, and the standard error handlers.
//!
//! A decoder appends to a [`TextBuffer`] and returns how many bytes it consumed; with `is_final`
//! false an incomplete sequence at the end is left for the next call.  An encoder returns bytes.
//! Both report an error to a callback with its range and reason; the callback continues the work
//! (and says where) or fails.  The object layer calls Python's error handlers there.

pub mod escape;
pub mod narrow;
pub mod utf;
pub mod utf7;

use crate::repr::push_hex_escape;
use crate::text::{CodeUnit, code_points};
use crate::text_buffer::TextBuffer;

/// What a `UnicodeDecodeError` or `UnicodeEncodeError` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodecError {
    /// First byte or character.
    pub start: usize,
    /// One past the last.
    pub end: usize,
    /// The reason.
    pub reason: &'static str,
}

/// Handles a decoding error: may append to the output; returns the position to go on at.
pub type OnDecodeError<'a, E> = &'a mut dyn FnMut(CodecError, &mut TextBuffer) -> Result<usize, E>;

/// Handles an encoding error: returns a replacement and the position to go on at.
pub type OnEncodeError<'a, E> = &'a mut dyn FnMut(CodecError) -> Result<(Replacement, usize), E>;

/// What an encoding error handler puts into the output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replacement {
    /// Bytes, as they are.
    Bytes(Vec<u8>),
    /// Text to be encoded; the original error is raised if that fails.
    Text(Vec<u32>),
}

/// The Unicode transformation formats, as far as `surrogatepass` must know them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Utf {
    /// UTF-8
    Utf8,
    /// UTF-16
    Utf16(ByteOrder),
    /// UTF-32
    Utf32(ByteOrder),
}

/// Order of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByteOrder {
    /// Least significant first.
    Little,
    /// Most significant first.
    Big,
}

impl Utf {
    /// Reads an encoding's name as `surrogatepass` does.
    pub fn from_name(name: &str) -> Option<Self> {
        let lower = name.to_ascii_lowercase().replace('_', "-");
        let rest = lower.strip_prefix("utf").or_else(|| lower.strip_prefix("cp65001"))?;
        let rest = rest.strip_prefix('-').unwrap_or(rest);
        let (size, order) = match rest.split_once('-') {
            Some((size, order)) => (size, order),
            None if rest.len() > 2 => rest.split_at(2),
            None => (rest, ""),
        };
        let order = match order {
            "" | "le" => ByteOrder::Little,
            "be" => ByteOrder::Big,
            _ => return None,
        };
        match size {
            "" | "8" => Some(Self::Utf8),
            "16" => Some(Self::Utf16(order)),
            "32" => Some(Self::Utf32(order)),
            _ => None,
        }
    }
}

/// The standard error handlers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorHandler {
    /// Raise.
    Strict,
    /// Leave out.
    Ignore,
    /// U+FFFD, or `?`.
    Replace,
    /// `\xhh`, `\uhhhh`, `\Uhhhhhhhh`.
    Backslashreplace,
    /// `\N{...}`; encoding only.
    Namereplace,
    /// `&#...;`; encoding only.
    Xmlcharrefreplace,
    /// Bytes from 128 on travel as U+DC80 to U+DCFF.
    Surrogateescape,
    /// Surrogates are encoded as if they were characters.
    Surrogatepass,
}

impl ErrorHandler {
    /// The handler with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "strict" => Self::Strict,
            "ignore" => Self::Ignore,
            "replace" => Self::Replace,
            "backslashreplace" => Self::Backslashreplace,
            "namereplace" => Self::Namereplace,
            "xmlcharrefreplace" => Self::Xmlcharrefreplace,
            "surrogateescape" => Self::Surrogateescape,
            "surrogatepass" => Self::Surrogatepass,
            _ => return None,
        })
    }

    /// Handles a decoding error; gives the error back where the handler raises it.  `utf` is
    /// the encoding, for `surrogatepass`.  Handlers for encoding only are a `TypeError` in Python
    /// ("don't know how to handle UnicodeDecodeError in error callback"); here they are strict.
    pub fn decode(
        self,
        input: &[u8],
        error: CodecError,
        utf: Option<Utf>,
        out: &mut TextBuffer,
    ) -> Result<usize, CodecError> {
        let bad = input.get(error.start..error.end).unwrap_or(&[]);
        match self {
            Self::Strict | Self::Namereplace | Self::Xmlcharrefreplace => Err(error),
            Self::Ignore => Ok(error.end),
            Self::Replace => {
                out.push(0xfffd);
                Ok(error.end)
            }
            Self::Backslashreplace => {
                for &byte in bad {
                    push_hex_escape(out, u32::from(byte));
                }
                Ok(error.end)
            }
            Self::Surrogateescape => {
                let mut taken = 0;
                for &byte in bad.iter().take(4).take_while(|&&byte| byte >= 0x80) {
                    out.push(0xdc00 + u32::from(byte));
                    taken += 1;
                }
                if taken == 0 { Err(error) } else { Ok(error.start + taken) }
            }
            Self::Surrogatepass => {
                let rest = input.get(error.start..).unwrap_or(&[]);
                let (code, size) = utf.and_then(|utf| read_surrogate(rest, utf)).ok_or(error)?;
                out.push(code);
                Ok(error.start + size)
            }
        }
    }

    /// Handles an encoding error; gives the error back where the handler raises it.  `name_of`
    /// is `unicodedata.name`.
    pub fn encode<U: CodeUnit>(
        self,
        text: &[U],
        error: CodecError,
        utf: Option<Utf>,
        name_of: &dyn Fn(u32) -> Option<String>,
    ) -> Result<(Replacement, usize), CodecError> {
        let bad = text.get(error.start..error.end).unwrap_or(&[]);
        let codes = code_points(bad);
        let replacement = match self {
            Self::Strict => return Err(error),
            Self::Ignore => Replacement::Text(Vec::new()),
            Self::Replace => Replacement::Text(vec![u32::from('?'); bad.len()]),
            Self::Backslashreplace => {
                let mut out = TextBuffer::default();
                codes.for_each(|code| push_hex_escape(&mut out, code));
                Replacement::Text(out.to_code_points())
            }
            Self::Namereplace => {
                let mut out = TextBuffer::default();
                for code in codes {
                    match name_of(code) {
                        Some(name) => out.push_str(&format!("\\N{{{name}}}")),
                        None => push_hex_escape(&mut out, code),
                    }
                }
                Replacement::Text(out.to_code_points())
            }
            Self::Xmlcharrefreplace => {
                let text: String = codes.map(|code| format!("&#{code};")).collect();
                Replacement::Text(text.chars().map(u32::from).collect())
            }
            Self::Surrogateescape => {
                let byte = |code: u32| u8::try_from(code.checked_sub(0xdc00)?).ok();
                let bytes: Option<Vec<u8>> = codes.map(|code| byte(code).filter(|&byte| byte >= 0x80)).collect();
                Replacement::Bytes(bytes.ok_or(error)?)
            }
            Self::Surrogatepass => {
                let utf = utf.ok_or(error)?;
                let mut bytes = Vec::new();
                for code in codes {
                    if !is_surrogate(code) {
                        return Err(error);
                    }
                    write_surrogate(code, utf, &mut bytes);
                }
                Replacement::Bytes(bytes)
            }
        };
        Ok((replacement, error.end))
    }
}

/// True for U+D800 to U+DFFF.
pub fn is_surrogate(code: u32) -> bool {
    (0xd800..0xe000).contains(&code)
}

fn read_surrogate(input: &[u8], utf: Utf) -> Option<(u32, usize)> {
    let (code, size) = match (utf, input) {
        (Utf::Utf8, &[0xed, second @ 0xa0..=0xbf, third @ 0x80..=0xbf, ..]) => {
            let code = 0xd000 | u32::from(second & 0x3f) << 6 | u32::from(third & 0x3f);
            (code, 3)
        }
        (Utf::Utf16(order), &[a, b, ..]) => (u32::from(unit16(order, [a, b])), 2),
        (Utf::Utf32(order), &[a, b, c, d, ..]) => (unit32(order, [a, b, c, d]), 4),
        _ => return None,
    };
    is_surrogate(code).then_some((code, size))
}

fn write_surrogate(code: u32, utf: Utf, out: &mut Vec<u8>) {
    match utf {
        Utf::Utf8 => utf::push_utf8(out, code),
        Utf::Utf16(order) => utf::push_utf16(out, code, order),
        Utf::Utf32(order) => utf::push_utf32(out, code, order),
    }
}

fn unit16(order: ByteOrder, bytes: [u8; 2]) -> u16 {
    match order {
        ByteOrder::Little => u16::from_le_bytes(bytes),
        ByteOrder::Big => u16::from_be_bytes(bytes),
    }
}

fn unit32(order: ByteOrder, bytes: [u8; 4]) -> u32 {
    match order {
        ByteOrder::Little => u32::from_le_bytes(bytes),
        ByteOrder::Big => u32::from_be_bytes(bytes),
    }
}

/// The encoders' common loop.  `encode_one` appends a character or gives the reason why it cannot;
/// with `whole_run` an error covers all such characters that follow each other.  `check_bytes`
/// refuses replacement bytes (UTF-16 wants whole units).
fn encode_with<U: CodeUnit, E: From<CodecError>>(
    text: &[U],
    whole_run: bool,
    unit_size: usize,
    mut encode_one: impl FnMut(u32, &mut Vec<u8>) -> Result<(), &'static str>,
    accepts_text: impl Fn(u32) -> bool,
    on_error: OnEncodeError<'_, E>,
) -> Result<Vec<u8>, E> {
    let mut out = Vec::with_capacity(text.len() * unit_size);
    let mut at = 0;
    while let Some(&unit) = text.get(at) {
        let Err(reason) = encode_one(unit.into(), &mut out) else {
            at += 1;
            continue;
        };
        let mut end = at + 1;
        if whole_run {
            let length = out.len();
            while text.get(end).is_some_and(|&unit| encode_one(unit.into(), &mut out).is_err()) {
                end += 1;
            }
            out.truncate(length);
        }
        let error = CodecError { start: at, end, reason };
        let (replacement, next) = on_error(error)?;
        match replacement {
            Replacement::Bytes(bytes) if bytes.len() % unit_size == 0 => out.extend(bytes),
            Replacement::Bytes(_) => return Err(error.into()),
            Replacement::Text(codes) => {
                for code in codes {
                    if !accepts_text(code) || encode_one(code, &mut out).is_err() {
                        return Err(error.into());
                    }
                }
            }
        }
        at = next;
    }
    Ok(out)
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// Decodes with a standard handler and shows the result.
    pub fn decoded(
        input: &[u8],
        handler: ErrorHandler,
        utf: Option<Utf>,
        decode: impl Fn(&mut TextBuffer, OnDecodeError<'_, CodecError>) -> Result<usize, CodecError>,
    ) -> Result<(Vec<u32>, usize), CodecError> {
        let mut out = TextBuffer::default();
        let consumed = decode(&mut out, &mut |error, out| handler.decode(input, error, utf, out))?;
        Ok((out.to_code_points(), consumed))
    }

    pub fn error(start: usize, end: usize, reason: &'static str) -> CodecError {
        CodecError { start, end, reason }
    }

    pub fn points(text: &str) -> Vec<u32> {
        text.chars().map(u32::from).collect()
    }

    #[test]
    fn utf_names() {
        assert_eq!(Utf::from_name("UTF_16-BE"), Some(Utf::Utf16(ByteOrder::Big)));
        assert_eq!(Utf::from_name("utf8"), Some(Utf::Utf8));
        assert_eq!(Utf::from_name("utf-32"), Some(Utf::Utf32(ByteOrder::Little)));
        assert_eq!(Utf::from_name("ascii"), None);
    }
}
