//! A growing text that is as narrow as its widest character, ready to become a `str`.

use crate::text::CodeUnit;

/// Text being built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextBuffer {
    /// Up to U+00FF; see [`TextBuffer::is_ascii`].
    Latin1(Vec<u8>),
    /// Up to U+FFFF.
    Ucs2(Vec<u16>),
    /// Anything.
    Ucs4(Vec<u32>),
}

/// Appends UTF-8 whose code points fit 16 bits: runs of ASCII eight bytes at a time.
fn push_ucs2(units: &mut Vec<u16>, text: &[u8], count: usize) {
    units.reserve(count);
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        if let Some((eight, behind)) = rest.split_first_chunk::<8>()
            && u64::from_ne_bytes(*eight) & 0x8080_8080_8080_8080 == 0
        {
            units.extend_from_slice(&eight.map(u16::from));
            rest = behind;
            continue;
        }
        let more = |byte: u8| u16::from(byte & 0x3f);
        let first = u16::from(*first);
        rest = match tail {
            _ if first < 0x80 => {
                units.push(first);
                tail
            }
            [a, tail @ ..] if first < 0xe0 => {
                units.push((first & 0x1f) << 6 | more(*a));
                tail
            }
            [a, b, tail @ ..] => {
                units.push(first << 12 | more(*a) << 6 | more(*b));
                tail
            }
            _ => return,
        };
    }
}

impl Default for TextBuffer {
    fn default() -> Self {
        Self::Latin1(Vec::new())
    }
}

impl TextBuffer {
    /// Empty, with room for narrow text.
    pub fn with_capacity(capacity: usize) -> Self {
        Self::Latin1(Vec::with_capacity(capacity))
    }

    /// The number of code points.
    pub fn len(&self) -> usize {
        match self {
            Self::Latin1(text) => text.len(),
            Self::Ucs2(text) => text.len(),
            Self::Ucs4(text) => text.len(),
        }
    }

    /// True without any text.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// True if all of it is ASCII.
    pub fn is_ascii(&self) -> bool {
        matches!(self, Self::Latin1(text) if text.is_ascii())
    }

    /// Appends a code point.
    pub fn push(&mut self, code: u32) {
        match self {
            Self::Latin1(text) => match u8::from_code(code) {
                Some(unit) => text.push(unit),
                None => self.widen_and_push(code),
            },
            Self::Ucs2(text) => match u16::from_code(code) {
                Some(unit) => text.push(unit),
                None => self.widen_and_push(code),
            },
            Self::Ucs4(text) => text.push(code),
        }
    }

    #[cold]
    fn widen_and_push(&mut self, code: u32) {
        let spare = self.len() / 8 + 16;
        if u16::try_from(code).is_ok() {
            self.make_ucs2(spare);
        } else {
            self.make_ucs4(spare);
        }
        self.push(code);
    }

    /// Appends Latin-1 text.
    pub fn push_latin1(&mut self, bytes: &[u8]) {
        match self {
            Self::Latin1(text) => text.extend_from_slice(bytes),
            Self::Ucs2(text) => text.extend(bytes.iter().map(|&unit| u16::from(unit))),
            Self::Ucs4(text) => text.extend(bytes.iter().map(|&unit| u32::from(unit))),
        }
    }

    /// Appends text.
    pub fn push_str(&mut self, text: &str) {
        if text.is_ascii() {
            return self.push_latin1(text.as_bytes());
        }
        // The highest lead byte tells the width, so that the text is widened once at most.
        let highest = text.bytes().max().unwrap_or(0);
        let count = text.chars().count();
        if highest >= 0xf0 {
            self.make_ucs4(count);
        } else if highest >= 0xc4 && matches!(self, Self::Latin1(_)) {
            self.make_ucs2(count);
        }
        match self {
            Self::Ucs2(units) => push_ucs2(units, text.as_bytes(), count),
            Self::Latin1(units) => {
                units.extend(text.chars().filter_map(|c| u8::try_from(u32::from(c)).ok()));
            }
            Self::Ucs4(units) => units.extend(text.chars().map(u32::from)),
        }
    }

    fn make_ucs2(&mut self, spare: usize) {
        if let Self::Latin1(text) = self {
            let mut wide = Vec::with_capacity(text.len() + spare);
            wide.extend(text.iter().map(|&unit| u16::from(unit)));
            *self = Self::Ucs2(wide);
        }
    }

    fn make_ucs4(&mut self, spare: usize) {
        let mut wide: Vec<u32> = Vec::with_capacity(self.len() + spare);
        match self {
            Self::Latin1(text) => wide.extend(text.iter().map(|&unit| u32::from(unit))),
            Self::Ucs2(text) => wide.extend(text.iter().map(|&unit| u32::from(unit))),
            Self::Ucs4(_) => return,
        }
        *self = Self::Ucs4(wide);
    }

    /// Appends text of any width.
    pub fn push_units<U: CodeUnit>(&mut self, text: &[U]) {
        self.extend(text.iter().map(|&unit| unit.into()));
    }

    /// A copy as code points.
    pub fn to_code_points(&self) -> Vec<u32> {
        match self {
            Self::Latin1(text) => text.iter().map(|&unit| u32::from(unit)).collect(),
            Self::Ucs2(text) => text.iter().map(|&unit| u32::from(unit)).collect(),
            Self::Ucs4(text) => text.clone(),
        }
    }
}

impl Extend<u32> for TextBuffer {
    fn extend<I: IntoIterator<Item = u32>>(&mut self, codes: I) {
        for code in codes {
            self.push(code);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widens() {
        let mut buffer = TextBuffer::default();
        buffer.push_str("aé");
        assert!(matches!(&buffer, TextBuffer::Latin1(_)) && !buffer.is_ascii());
        buffer.push(0xd800);
        assert!(matches!(&buffer, TextBuffer::Ucs2(_)));
        buffer.push(0x10ffff);
        assert_eq!(buffer, TextBuffer::Ucs4(vec![0x61, 0xe9, 0xd800, 0x10ffff]));
    }
}
