//! Code units, and the character predicates that the embedding runtime supplies.

use crate::opcodes::category;

/// One element of a subject: a code point stored in one, two or four bytes.
pub trait CodeUnit: Copy + Eq + 'static {
    /// The code point.
    fn code(self) -> u32;
    /// The unit for a code point, if it fits this width.
    fn from_code(code: u32) -> Option<Self>;
    /// The first occurrence of `needle`.
    fn find(haystack: &[Self], needle: Self) -> Option<usize> {
        haystack.iter().position(|&unit| unit == needle)
    }
    /// The first occurrence of a byte string, when this width has a faster way than the overlap table.
    fn find_bytes(_haystack: &[Self], _finder: &memchr::memmem::Finder<'_>) -> Option<Option<usize>> {
        None
    }
}

impl CodeUnit for u8 {
    #[inline(always)]
    fn code(self) -> u32 {
        u32::from(self)
    }
    #[inline]
    fn from_code(code: u32) -> Option<u8> {
        u8::try_from(code).ok()
    }
    #[inline]
    fn find(haystack: &[u8], needle: u8) -> Option<usize> {
        memchr::memchr(needle, haystack)
    }
    #[inline]
    fn find_bytes(haystack: &[u8], finder: &memchr::memmem::Finder<'_>) -> Option<Option<usize>> {
        Some(finder.find(haystack))
    }
}

impl CodeUnit for u16 {
    #[inline(always)]
    fn code(self) -> u32 {
        u32::from(self)
    }
    #[inline]
    fn from_code(code: u32) -> Option<u16> {
        u16::try_from(code).ok()
    }
}

impl CodeUnit for u32 {
    #[inline(always)]
    fn code(self) -> u32 {
        self
    }
    #[inline]
    fn from_code(code: u32) -> Option<u32> {
        Some(code)
    }
}

/// The predicates and case mappings behind `\w`, `\d`, `\s`, `\b` and the ignore-case operators.
///
/// The Unicode ones must answer as `str.isdecimal`, `str.isspace`, `str.isalnum`, and with the simple
/// case mappings.  The locale ones see only codes below 256 and are asked at match time, because the
/// locale can change; the others are asked once per pattern for Latin-1.
#[derive(Debug, Clone, Copy)]
pub struct CharTables {
    /// `str.isdecimal`.
    pub is_decimal: fn(u32) -> bool,
    /// `str.isspace`.
    pub is_space: fn(u32) -> bool,
    /// `str.isalnum`.
    pub is_alnum: fn(u32) -> bool,
    /// Line breaks as `str.splitlines` sees them.
    pub is_linebreak: fn(u32) -> bool,
    /// Simple lower-case mapping.
    pub to_lower: fn(u32) -> u32,
    /// Simple upper-case mapping.
    pub to_upper: fn(u32) -> u32,
    /// `isalnum` in the C locale of the process.
    pub locale_is_alnum: fn(u8) -> bool,
    /// `tolower` in the C locale of the process.
    pub locale_to_lower: fn(u8) -> u8,
    /// `toupper` in the C locale of the process.
    pub locale_to_upper: fn(u8) -> u8,
}

/// Predicates from `char` and the "C" locale: for tests and tools, of whatever Unicode version std has.
pub static STD_TABLES: CharTables = CharTables {
    is_decimal: |c| match char::from_u32(c) {
        Some(ch) if ch.is_ascii() => ch.is_ascii_digit(),
        Some(ch) => ch.is_numeric() && is_std_decimal(c),
        None => false,
    },
    is_space: |c| matches!(c, 0x1c..=0x1f) || char::from_u32(c).is_some_and(char::is_whitespace),
    is_alnum: |c| char::from_u32(c).is_some_and(char::is_alphanumeric),
    is_linebreak: |c| matches!(c, 0x0a..=0x0d | 0x1c..=0x1e | 0x85 | 0x2028 | 0x2029),
    to_lower: |c| simple_case(c, char::to_lowercase),
    to_upper: |c| simple_case(c, char::to_uppercase),
    locale_is_alnum: |c| c.is_ascii_alphanumeric(),
    locale_to_lower: |c| c.to_ascii_lowercase(),
    locale_to_upper: |c| c.to_ascii_uppercase(),
};

/// A few blocks of decimal digits beyond ASCII, enough for tests.
fn is_std_decimal(c: u32) -> bool {
    [0x660, 0x6f0, 0x966, 0xff10, 0x104a0].iter().any(|&zero| (zero..zero + 10).contains(&c))
}

fn simple_case<I: Iterator<Item = char>>(c: u32, map: fn(char) -> I) -> u32 {
    let Some(ch) = char::from_u32(c) else {
        return c;
    };
    let mut mapped = map(ch);
    match (mapped.next(), mapped.next()) {
        (Some(one), None) => one as u32,
        // U+0130 is the one character whose full lower case is longer than its simple one.
        (Some(first), Some(_)) if c == 0x130 => first as u32,
        _ => c,
    }
}

pub(crate) fn lower_ascii(c: u32) -> u32 {
    if (u32::from(b'A')..=u32::from(b'Z')).contains(&c) { c + 32 } else { c }
}

impl CharTables {
    pub(crate) fn lower_locale(&self, c: u32) -> u32 {
        u8::try_from(c).map_or(c, |byte| u32::from((self.locale_to_lower)(byte)))
    }

    pub(crate) fn upper_locale(&self, c: u32) -> u32 {
        u8::try_from(c).map_or(c, |byte| u32::from((self.locale_to_upper)(byte)))
    }

    /// Whether `c` is in a category; `kind` has been validated.
    pub(crate) fn category(&self, kind: u32, c: u32) -> bool {
        let ascii = u8::try_from(c).ok().filter(u8::is_ascii);
        let positive = match kind & !1 {
            category::DIGIT => ascii.is_some_and(|b| b.is_ascii_digit()),
            category::SPACE => ascii.is_some_and(|b| matches!(b, b' ' | 9..=13)),
            category::WORD => ascii.is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_'),
            category::LINEBREAK => c == 10,
            category::LOC_WORD => c == u32::from(b'_') || u8::try_from(c).is_ok_and(self.locale_is_alnum),
            category::UNI_DIGIT => (self.is_decimal)(c),
            category::UNI_SPACE => (self.is_space)(c),
            category::UNI_WORD => c == u32::from(b'_') || (self.is_alnum)(c),
            _ => (self.is_linebreak)(c),
        };
        positive != (kind & 1 == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn categories_and_their_negations() {
        for c in 0..0x400 {
            for kind in (0..=category::LAST).step_by(2) {
                assert_ne!(STD_TABLES.category(kind, c), STD_TABLES.category(kind + 1, c));
            }
        }
        assert!(STD_TABLES.category(category::UNI_DIGIT, 0x663));
        assert!(!STD_TABLES.category(category::DIGIT, 0x663));
        assert!(!STD_TABLES.category(category::UNI_DIGIT, 0xb2));
    }

    #[test]
    fn simple_case_mappings() {
        assert_eq!((STD_TABLES.to_lower)(0x130), 0x69);
        assert_eq!((STD_TABLES.to_upper)(0xdf), 0xdf);
        assert_eq!((STD_TABLES.to_lower)(0xd800), 0xd800);
    }
}
