//! Properties of characters, and case mapping.
//!
//! Every function takes a code point as `u32`; lone surrogates and values above U+10FFFF have
//! the properties of unassigned characters.

use crate::tables;

/// The properties of one code point; many share a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// Bits, see the constants in [`tables`].
    pub flags: u32,
    /// Index into [`tables::CATEGORIES`].
    pub category: u8,
    /// Index into [`tables::BIDIRECTIONAL`].
    pub bidirectional: u8,
    /// Canonical combining class.
    pub combining: u8,
    /// Index into [`tables::EAST_ASIAN_WIDTHS`].
    pub east_asian_width: u8,
    /// Decimal value or -1.
    pub decimal: i8,
    /// Digit value or -1.
    pub digit: i8,
    /// Index into [`tables::NUMERIC_VALUES`] plus one, or 0.
    pub numeric: u8,
    /// Distance to the upper-case character.
    pub upper: i32,
    /// Distance to the lower-case character.
    pub lower: i32,
    /// Distance to the title-case character.
    pub title: i32,
}

/// The record of a code point.
pub fn record(code: u32) -> &'static Record {
    let code = if code > 0x10ffff { 0x378 } else { code };
    let block = usize::from(tables::RECORD_BLOCKS[(code >> 7) as usize]);
    let index = usize::from(tables::RECORD_INDICES[block << 7 | (code & 0x7f) as usize]);
    &tables::RECORDS[index]
}

macro_rules! flag_tests {
    ($($(#[$doc:meta])* $name:ident = $flags:expr;)*) => {
        $($(#[$doc])* pub fn $name(code: u32) -> bool {
            record(code).flags & ($flags) != 0
        })*
    };
}

flag_tests! {
    /// `str.isalpha`
    is_alpha = tables::ALPHA;
    /// `str.isdecimal`
    is_decimal = tables::DECIMAL;
    /// `str.isdigit`
    is_digit = tables::DIGIT;
    /// `str.isnumeric`
    is_numeric = tables::NUMERIC;
    /// `str.isalnum`
    is_alnum = tables::ALPHA | tables::DECIMAL | tables::DIGIT | tables::NUMERIC;
    /// `str.isspace`
    is_space = tables::SPACE;
    /// `str.isprintable`
    is_printable = tables::PRINTABLE;
    /// Upper case
    is_upper = tables::UPPER;
    /// Lower case
    is_lower = tables::LOWER;
    /// Title case (category Lt)
    is_title = tables::TITLE;
    /// Upper, lower or title case
    is_cased = tables::UPPER | tables::LOWER | tables::TITLE;
    /// Looked through when the form of a final sigma is chosen
    is_case_ignorable = tables::CASE_IGNORABLE;
    /// Starts an identifier (`_` included)
    is_identifier_start = tables::XID_START;
    /// Continues an identifier
    is_identifier_continue = tables::XID_CONTINUE;
    /// A boundary for `str.splitlines`
    is_line_break = tables::LINE_BREAK;
    /// `unicodedata.mirrored`
    is_mirrored = tables::MIRRORED;
}

/// The decimal value (`unicodedata.decimal`).
pub fn decimal_value(code: u32) -> Option<u8> {
    u8::try_from(record(code).decimal).ok()
}

/// The digit value (`unicodedata.digit`).
pub fn digit_value(code: u32) -> Option<u8> {
    u8::try_from(record(code).digit).ok()
}

/// The numeric value (`unicodedata.numeric`).
pub fn numeric_value(code: u32) -> Option<f64> {
    let index = usize::from(record(code).numeric).checked_sub(1)?;
    tables::NUMERIC_VALUES.get(index).copied()
}

/// The general category, as `unicodedata.category` names it.
pub fn category(code: u32) -> &'static str {
    tables::CATEGORIES[usize::from(record(code).category)]
}

/// The bidirectional class, as `unicodedata.bidirectional` names it.
pub fn bidirectional(code: u32) -> &'static str {
    tables::BIDIRECTIONAL[usize::from(record(code).bidirectional)]
}

/// The canonical combining class.
pub fn combining(code: u32) -> u8 {
    record(code).combining
}

/// The East Asian width, as `unicodedata.east_asian_width` names it.
pub fn east_asian_width(code: u32) -> &'static str {
    tables::EAST_ASIAN_WIDTHS[usize::from(record(code).east_asian_width)]
}

/// The single-character lower-case mapping.
pub fn to_lower(code: u32) -> u32 {
    code.wrapping_add_signed(record(code).lower)
}

/// The single-character upper-case mapping.
pub fn to_upper(code: u32) -> u32 {
    code.wrapping_add_signed(record(code).upper)
}

/// The single-character title-case mapping.
pub fn to_title(code: u32) -> u32 {
    code.wrapping_add_signed(record(code).title)
}

/// The result of a full case mapping: one to three code points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mapping {
    points: [u32; 3],
    length: u8,
}

impl Mapping {
    fn one(code: u32) -> Self {
        Self { points: [code, 0, 0], length: 1 }
    }

    /// The code points.
    pub fn as_slice(&self) -> &[u32] {
        &self.points[..usize::from(self.length)]
    }
}

#[derive(Clone, Copy)]
enum Form {
    Lower,
    Upper,
    Title,
    Fold,
}

fn full_mapping(code: u32, form: Form) -> Mapping {
    let record = record(code);
    if record.flags & tables::EXTENDED_CASE != 0
        && let Some(mapping) = extended_mapping(code, form)
    {
        return mapping;
    }
    let delta = match form {
        Form::Lower | Form::Fold => record.lower,
        Form::Upper => record.upper,
        Form::Title => record.title,
    };
    Mapping::one(code.wrapping_add_signed(delta))
}

fn extended_mapping(code: u32, form: Form) -> Option<Mapping> {
    let found = tables::EXTENDED_CASE_ROWS.binary_search_by_key(&code, |row| row.0).ok()?;
    let (_, start, lower, upper, title, fold) = tables::EXTENDED_CASE_ROWS[found];
    let (skipped, length) = match form {
        Form::Lower => (0, lower),
        Form::Upper => (lower, upper),
        Form::Title => (lower + upper, title),
        Form::Fold => (lower + upper + title, fold),
    };
    let start = usize::from(start) + usize::from(skipped);
    let source = tables::EXTENDED_CASE_POOL.get(start..start + usize::from(length))?;
    let mut points = [0; 3];
    points.get_mut(..source.len())?.copy_from_slice(source);
    Some(Mapping { points, length })
}

/// The full lower-case mapping, without regard to context.
pub fn to_lower_full(code: u32) -> Mapping {
    full_mapping(code, Form::Lower)
}

/// The full upper-case mapping.
pub fn to_upper_full(code: u32) -> Mapping {
    full_mapping(code, Form::Upper)
}

/// The full title-case mapping.
pub fn to_title_full(code: u32) -> Mapping {
    full_mapping(code, Form::Title)
}

/// The full case folding.
pub fn to_folded_full(code: u32) -> Mapping {
    full_mapping(code, Form::Fold)
}

/// The direct decomposition: its compatibility tag (empty: canonical) and the code points.
/// Hangul syllables are computed by [`crate::normalize`] instead.
pub fn decomposition(code: u32) -> Option<(&'static str, &'static [u32])> {
    if record(code).flags & tables::ANY_DECOMPOSITION == 0 {
        return None;
    }
    let found = tables::DECOMPOSITION_ROWS.binary_search_by_key(&code, |row| row.0).ok()?;
    let (_, start, length, tag) = tables::DECOMPOSITION_ROWS[found];
    let start = usize::from(start);
    let points = tables::DECOMPOSITION_POOL.get(start..start + usize::from(length))?;
    Some((tables::DECOMPOSITION_TAGS[usize::from(tag)], points))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties() {
        assert!(is_alpha(u32::from('é')) && !is_alpha(u32::from('1')));
        assert!(is_identifier_start(u32::from('_')) && !is_identifier_start(u32::from('1')));
        assert!(is_identifier_continue(u32::from('·')));
        assert!(!is_printable(0xd800) && is_printable(u32::from(' ')));
        assert_eq!(decimal_value(u32::from('٣')), Some(3));
        assert_eq!(digit_value(u32::from('²')), Some(2));
        assert_eq!(decimal_value(u32::from('²')), None);
        assert_eq!(numeric_value(u32::from('½')), Some(0.5));
        assert_eq!(category(0x110000), "Cn");
        assert_eq!(category(0xd800), "Cs");
        assert_eq!(bidirectional(u32::from('א')), "R");
        assert_eq!(east_asian_width(u32::from('中')), "W");
    }

    #[test]
    fn case() {
        assert_eq!(to_upper_full(u32::from('ß')).as_slice(), [0x53, 0x53]);
        assert_eq!(to_title_full(u32::from('ß')).as_slice(), [0x53, 0x73]);
        assert_eq!(to_folded_full(u32::from('ß')).as_slice(), [0x73, 0x73]);
        assert_eq!(to_folded_full(u32::from('Σ')).as_slice(), [0x3c3]);
        assert_eq!(to_folded_full(u32::from('ς')).as_slice(), [0x3c3]);
        assert_eq!(to_lower_full(0x130).as_slice(), [0x69, 0x307]);
        assert_eq!(to_lower(0x130), 0x69);
        assert_eq!(to_title(0x1c6), 0x1c5);
        assert_eq!(to_upper(u32::from('é')), u32::from('É'));
    }
}
