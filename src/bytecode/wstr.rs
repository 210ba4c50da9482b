//! `WStr`: text as CPython holds it, that is, any sequence of code points including lone surrogates.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// An owned, cheaply clonable string in WTF-8: UTF-8, plus lone surrogates as their three-byte
/// encoding.  Two strings are equal when their code points are.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct WStr(Arc<[u8]>);

impl WStr {
    /// A string of bytes that are known to be WTF-8; `None` if they are not.
    pub fn from_wtf8(bytes: &[u8]) -> Option<WStr> {
        if bytes.is_ascii() {
            return Some(WStr(Arc::from(bytes)));
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            let (_, length) = decode_one(rest)?;
            rest = &rest[length..];
        }
        Some(WStr(Arc::from(bytes)))
    }

    /// A string of these code points; those beyond U+10FFFF become U+FFFD.
    pub fn from_code_points(points: impl IntoIterator<Item = u32>) -> WStr {
        let mut bytes = Vec::new();
        for point in points {
            push_code_point(&mut bytes, point);
        }
        WStr(Arc::from(bytes))
    }

    /// The text, unless it holds a lone surrogate.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// The WTF-8 bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text with lone surrogates replaced by U+FFFD.
    pub fn to_string_lossy(&self) -> String {
        self.code_points().map(|p| char::from_u32(p).unwrap_or('\u{fffd}')).collect()
    }

    /// Whether the string is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether every code point is below 128.
    pub fn is_ascii(&self) -> bool {
        self.0.is_ascii()
    }

    /// The number of code points.
    pub fn len(&self) -> usize {
        self.0.iter().filter(|byte| **byte & 0xc0 != 0x80).count()
    }

    /// The code points, lone surrogates included.
    pub fn code_points(&self) -> CodePoints<'_> {
        CodePoints { rest: &self.0 }
    }

    /// Both strings joined.  A high surrogate followed by a low one stays a pair of surrogates,
    /// as in Python.
    pub fn concat(&self, other: &WStr) -> WStr {
        let mut bytes = self.0.to_vec();
        bytes.extend_from_slice(&other.0);
        WStr(Arc::from(bytes))
    }
}

/// Appends the (generalised) UTF-8 encoding of a code point.
pub(crate) fn push_code_point(bytes: &mut Vec<u8>, point: u32) {
    match char::from_u32(point) {
        Some(ch) => bytes.extend_from_slice(ch.encode_utf8(&mut [0; 4]).as_bytes()),
        None if point <= 0xffff => bytes.extend_from_slice(&[
            0xe0 | (point >> 12) as u8,
            0x80 | (point >> 6 & 0x3f) as u8,
            0x80 | (point & 0x3f) as u8,
        ]),
        None => bytes.extend_from_slice("\u{fffd}".as_bytes()),
    }
}

/// Decodes the first code point of WTF-8 text; `None` when the bytes are malformed.
fn decode_one(bytes: &[u8]) -> Option<(u32, usize)> {
    let first = u32::from(*bytes.first()?);
    let (length, initial, least) = match first {
        0..=0x7f => return Some((first, 1)),
        0xc2..=0xdf => (2, first & 0x1f, 0x80),
        0xe0..=0xef => (3, first & 0x0f, 0x800),
        0xf0..=0xf4 => (4, first & 0x07, 0x10000),
        _ => return None,
    };
    let mut point = initial;
    for byte in bytes.get(1..length)? {
        if byte & 0xc0 != 0x80 {
            return None;
        }
        point = point << 6 | u32::from(byte & 0x3f);
    }
    (point >= least && point <= 0x10ffff).then_some((point, length))
}

/// Iterator over the code points of a `WStr`.
pub struct CodePoints<'a> {
    rest: &'a [u8],
}

impl Iterator for CodePoints<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let (point, length) = decode_one(self.rest)?;
        self.rest = &self.rest[length..];
        Some(point)
    }
}

impl Default for WStr {
    fn default() -> WStr {
        WStr(Arc::from([]))
    }
}

impl Hash for WStr {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl From<&str> for WStr {
    fn from(text: &str) -> WStr {
        WStr(Arc::from(text.as_bytes()))
    }
}

impl From<String> for WStr {
    fn from(text: String) -> WStr {
        WStr(Arc::from(text.into_bytes()))
    }
}

impl PartialEq<str> for WStr {
    fn eq(&self, other: &str) -> bool {
        *self.0 == *other.as_bytes()
    }
}

impl PartialEq<&str> for WStr {
    fn eq(&self, other: &&str) -> bool {
        *self.0 == *other.as_bytes()
    }
}

impl fmt::Debug for WStr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_string_lossy(), f)
    }
}

impl fmt::Display for WStr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_string_lossy())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn surrogates_survive() {
        let text = WStr::from_code_points([0x61, 0xd800, 0x10ffff]);
        assert_eq!(text.code_points().collect::<Vec<_>>(), [0x61, 0xd800, 0x10ffff]);
        assert_eq!(text.as_str(), None);
        assert_eq!(text.len(), 3);
        assert!(WStr::from_wtf8(text.as_bytes()).is_some());
        assert!(WStr::from_wtf8(b"\xc0\x80").is_none());
    }
}
