//! The format specification mini-language: parsing, and laying numbers and strings out by it.
//!
//! The functions return text and leave two things to the caller: what `format(x, '')` means for the
//! type at hand, and turning an `int` into a `float` for the float presentation types.

use num_bigint::{BigInt, Sign};

use crate::number_format::{FLAG_ADD_DOT_0, FLAG_ALT, FLAG_NO_NEG_0, format_float, small_int_to_string_radix};

/// Digit grouping asked for by the specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Grouping {
    /// None.
    #[default]
    No,
    /// `,` every three digits.
    Comma,
    /// `_` every three digits.
    Underscore,
    /// `_` every four digits (`b`, `o`, `x`, `X`).
    UnderscoreFour,
}

impl Grouping {
    fn separator(self) -> char {
        if self == Self::Comma { ',' } else { '_' }
    }
}

/// A parsed specification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormatSpec {
    /// Padding character (code point).
    pub fill: u32,
    /// One of `< > = ^`.
    pub align: char,
    /// `+`, `-`, space or none.
    pub sign: Option<char>,
    /// `z`
    pub no_negative_zero: bool,
    /// `#`
    pub alternate: bool,
    /// Minimal width.
    pub width: Option<usize>,
    /// Grouping of the integer part.
    pub grouping: Grouping,
    /// Precision.
    pub precision: Option<usize>,
    /// Grouping of the fraction.
    pub fraction_grouping: Grouping,
    /// The presentation type (code point); the default type of the parse when absent.
    pub kind: u32,
}

/// The exception a [`FormatError`] becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FormatErrorKind {
    /// `ValueError`
    Value,
    /// `OverflowError`
    Overflow,
    /// `MemoryError`, without a message.
    Memory,
}

/// A refused specification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormatError {
    /// Which exception.
    pub kind: FormatErrorKind,
    /// Its message.
    pub message: String,
}

fn value_error<T>(message: impl Into<String>) -> Result<T, FormatError> {
    Err(FormatError { kind: FormatErrorKind::Value, message: message.into() })
}

/// What `localeconv()` says about numbers.  `grouping` is in C form: group sizes from the right; 0
/// or the end repeats the last one, 127 ends grouping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumericLocale {
    /// Decimal point.
    pub decimal_point: String,
    /// Separator of the integer part.
    pub thousands_separator: String,
    /// Sizes of the groups.
    pub grouping: Vec<u8>,
}

impl Default for NumericLocale {
    fn default() -> Self {
        Self { decimal_point: ".".into(), thousands_separator: String::new(), grouping: Vec::new() }
    }
}

/// Formatted text: nearly always ASCII, code points when a fill or a locale is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FormattedText {
    /// ASCII only.
    Ascii(String),
    /// Anything, lone surrogates included.
    Wide(Vec<u32>),
}

impl FormattedText {
    fn from_code_points(text: Vec<u32>) -> Self {
        if text.iter().all(|&c| c < 0x80) {
            Self::Ascii(text.iter().filter_map(|&c| char::from_u32(c)).collect())
        } else {
            Self::Wide(text)
        }
    }
}

/// How to pad a string: write `left` fills, the first `take` code points, `right` fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StrLayout {
    /// Fills on the left.
    pub left: usize,
    /// Code points of the string to keep.
    pub take: usize,
    /// Fills on the right.
    pub right: usize,
    /// The fill (code point).
    pub fill: u32,
}

/// Parses `spec` for an object of type `type_name`.  Strings pass `('s', '<')`, ints `('d', '>')`,
/// floats and complex numbers `('\0', '>')`.
pub fn parse_format_spec(
    spec: &[u32],
    type_name: &str,
    default_kind: char,
    default_align: char,
) -> Result<FormatSpec, FormatError> {
    let mut parsed = FormatSpec {
        fill: u32::from(' '),
        align: default_align,
        sign: None,
        no_negative_zero: false,
        alternate: false,
        width: None,
        grouping: Grouping::No,
        precision: None,
        fraction_grouping: Grouping::No,
        kind: u32::from(default_kind),
    };
    let mut cursor = Cursor { rest: spec };
    let (mut fill_given, mut align_given) = (false, false);
    if let Some(align) = spec.get(1).and_then(|&c| alignment(c)) {
        parsed.fill = spec[0];
        parsed.align = align;
        (fill_given, align_given) = (true, true);
        cursor.rest = &spec[2..];
    } else if let Some(align) = spec.first().and_then(|&c| alignment(c)) {
        parsed.align = align;
        align_given = true;
        cursor.rest = &spec[1..];
    }
    parsed.sign = ['+', '-', ' '].into_iter().find(|&sign| cursor.accept(sign));
    parsed.no_negative_zero = cursor.accept('z');
    parsed.alternate = cursor.accept('#');
    if !fill_given && cursor.accept('0') {
        parsed.fill = u32::from('0');
        if !align_given && default_align == '>' {
            parsed.align = '=';
        }
    }
    parsed.width = cursor.integer()?;
    parsed.grouping = cursor.grouping()?;
    if cursor.accept('.') {
        parsed.precision = cursor.integer()?;
        parsed.fraction_grouping = cursor.grouping()?;
        if parsed.precision.is_none() && parsed.fraction_grouping == Grouping::No {
            return value_error("Format specifier missing precision");
        }
    }
    match cursor.rest {
        [] => {}
        [kind] => parsed.kind = *kind,
        _ => {
            let text = lossy(spec);
            let name = truncate(type_name);
            return value_error(format!("Invalid format specifier '{text}' for object of type '{name}'"));
        }
    }
    check_grouping(&mut parsed)?;
    Ok(parsed)
}

struct Cursor<'a> {
    rest: &'a [u32],
}

impl Cursor<'_> {
    fn accept(&mut self, wanted: char) -> bool {
        match self.rest {
            [first, rest @ ..] if *first == u32::from(wanted) => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    fn integer(&mut self) -> Result<Option<usize>, FormatError> {
        let mut value: Option<usize> = None;
        while let [first, rest @ ..] = self.rest
            && let Some(digit) = decimal_digit(*first)
        {
            let next = value.unwrap_or(0).checked_mul(10).and_then(|v| v.checked_add(digit));
            match next {
                Some(next) if isize::try_from(next).is_ok() => value = Some(next),
                _ => return value_error("Too many decimal digits in format string"),
            }
            self.rest = rest;
        }
        Ok(value)
    }

    fn grouping(&mut self) -> Result<Grouping, FormatError> {
        let comma = self.accept(',');
        let underscore = self.accept('_');
        let clash = comma && underscore;
        if clash || (underscore && self.rest.first() == Some(&u32::from(','))) {
            return value_error("Cannot specify both ',' and '_'.");
        }
        Ok(match (comma, underscore) {
            (true, _) => Grouping::Comma,
            (_, true) => Grouping::Underscore,
            _ => Grouping::No,
        })
    }
}

/// The decimal value of a digit; other scripts' digits count as well.
fn decimal_digit(code: u32) -> Option<usize> {
    crate::properties::decimal_value(code).map(usize::from)
}

fn alignment(code: u32) -> Option<char> {
    char::from_u32(code).filter(|c| matches!(c, '<' | '>' | '=' | '^'))
}

fn check_grouping(parsed: &mut FormatSpec) -> Result<(), FormatError> {
    let kind = char::from_u32(parsed.kind).unwrap_or('\u{fffd}');
    if parsed.grouping != Grouping::No {
        match kind {
            'd' | 'e' | 'f' | 'g' | 'E' | 'G' | '%' | 'F' | '\0' => {}
            'b' | 'o' | 'x' | 'X' if parsed.grouping == Grouping::Underscore => {
                parsed.grouping = Grouping::UnderscoreFour;
            }
            _ => return grouping_error(parsed.grouping, parsed.kind),
        }
    }
    if kind == 'n' && parsed.fraction_grouping != Grouping::No {
        return grouping_error(parsed.fraction_grouping, parsed.kind);
    }
    Ok(())
}

fn grouping_error(grouping: Grouping, kind: u32) -> Result<(), FormatError> {
    let separator = grouping.separator();
    value_error(format!("Cannot specify '{separator}' with '{}'.", printable(kind)))
}

fn printable(code: u32) -> String {
    match char::from_u32(code) {
        Some(c) if code > 32 && code < 128 => c.to_string(),
        _ => format!("\\x{code:x}"),
    }
}

fn lossy(text: &[u32]) -> String {
    text.iter().map(|&c| char::from_u32(c).unwrap_or('\u{fffd}')).collect()
}

/// Type names are cut after 200 bytes.
fn truncate(name: &str) -> &str {
    let end = (0..=name.len().min(200)).rev().find(|&end| name.is_char_boundary(end));
    &name[..end.unwrap_or(0)]
}

/// "Unknown format code …"
pub fn unknown_format_code(kind: u32, type_name: &str) -> FormatError {
    let (code, name) = (printable(kind), truncate(type_name));
    FormatError {
        kind: FormatErrorKind::Value,
        message: format!("Unknown format code '{code}' for object of type '{name}'"),
    }
}

/// The layout of a string of `length` code points.
pub fn format_str_layout(spec: &FormatSpec, length: usize, type_name: &str) -> Result<StrLayout, FormatError> {
    if spec.kind != u32::from('s') {
        return Err(unknown_format_code(spec.kind, type_name));
    }
    match spec.sign {
        Some(' ') => return value_error("Space not allowed in string format specifier"),
        Some(_) => return value_error("Sign not allowed in string format specifier"),
        None => {}
    }
    if spec.no_negative_zero {
        return value_error("Negative zero coercion (z) not allowed in string format specifier");
    }
    if spec.alternate {
        return value_error("Alternate form (#) not allowed in string format specifier");
    }
    if spec.align == '=' {
        return value_error("'=' alignment not allowed in string format specifier");
    }
    let take = spec.precision.map_or(length, |precision| precision.min(length));
    let (left, right) = padding(spec, take);
    Ok(StrLayout { left, take, right, fill: spec.fill })
}

/// Fills on both sides for text of `length` code points.
fn padding(spec: &FormatSpec, length: usize) -> (usize, usize) {
    let total = spec.width.unwrap_or(0).saturating_sub(length);
    match spec.align {
        '>' => (total, 0),
        '^' => (total / 2, total - total / 2),
        _ => (0, total),
    }
}

/// Refuses widths and precisions that no memory can hold, before anything is built.
fn check_size(spec: &FormatSpec) -> Result<(), FormatError> {
    const SURELY_FINE: usize = 1 << 20;
    let size = spec.width.unwrap_or(0).max(spec.precision.unwrap_or(0));
    if size > SURELY_FINE && Vec::<u32>::new().try_reserve_exact(size).is_err() {
        return Err(FormatError { kind: FormatErrorKind::Memory, message: String::new() });
    }
    Ok(())
}

/// True if the presentation type makes an `int` format as a `float`.
pub fn is_float_kind(kind: u32) -> bool {
    char::from_u32(kind).is_some_and(|c| matches!(c, 'e' | 'E' | 'f' | 'F' | 'g' | 'G' | '%'))
}

/// An integer to format.
#[derive(Debug, Clone, Copy)]
pub enum IntRef<'a> {
    /// A machine word.
    Small(i64),
    /// Any size.
    Big(&'a BigInt),
}

/// Formats an integer by `b c d o x X n`.  `type_name` is the type of the object ("int", "bool").
/// The caller deals with [`is_float_kind`] and with the limit on decimal digits.
pub fn format_int(
    value: IntRef<'_>,
    spec: &FormatSpec,
    type_name: &str,
    locale: &NumericLocale,
) -> Result<FormattedText, FormatError> {
    let radix = match char::from_u32(spec.kind) {
        Some('b') => 2,
        Some('o') => 8,
        Some('x' | 'X') => 16,
        Some('d' | 'n') => 10,
        Some('c') => 0,
        _ => return Err(unknown_format_code(spec.kind, type_name)),
    };
    if spec.precision.is_some() {
        return value_error("Precision not allowed in integer format specifier");
    }
    if spec.no_negative_zero {
        return value_error("Negative zero coercion (z) not allowed in integer format specifier");
    }
    check_size(spec)?;
    if radix == 0 {
        return format_character(value, spec);
    }
    let (negative, text) = match value {
        IntRef::Small(value) => (value < 0, small_int_to_string_radix(value, radix)),
        IntRef::Big(value) => (value.sign() == Sign::Minus, value.to_str_radix(radix)),
    };
    let digits = text.trim_start_matches('-');
    let mut number = Number::of_digits(digits, locale_for(spec, locale));
    number.negative = negative;
    if spec.alternate {
        number.prefix = match radix {
            2 => "0b",
            8 => "0o",
            16 => "0x",
            _ => "",
        };
    }
    number.upper = spec.kind == u32::from('X');
    Ok(FormattedText::from_code_points(number.render(spec)))
}

/// The presentation type `c`.
fn format_character(value: IntRef<'_>, spec: &FormatSpec) -> Result<FormattedText, FormatError> {
    if spec.sign.is_some() {
        return value_error("Sign not allowed with integer format specifier 'c'");
    }
    if spec.alternate {
        return value_error("Alternate form (#) not allowed with integer format specifier 'c'");
    }
    let code = match value {
        IntRef::Small(value) => u32::try_from(value).ok(),
        IntRef::Big(_) => None,
    };
    let Some(code) = code.filter(|&code| code <= 0x10ffff) else {
        let message = match value {
            IntRef::Small(_) => "%c arg not in range(0x110000)",
            IntRef::Big(_) => "Python int too large to convert to C long",
        };
        return Err(FormatError { kind: FormatErrorKind::Overflow, message: message.into() });
    };
    let mut number = Number::of_digits("", NumericLocale::default());
    number.remainder = vec![code];
    Ok(FormattedText::from_code_points(number.render(spec)))
}

/// Formats a float; the presentation type 0 is "none given".
pub fn format_float_spec(
    value: f64,
    spec: &FormatSpec,
    type_name: &str,
    locale: &NumericLocale,
) -> Result<FormattedText, FormatError> {
    let mut flags = if spec.alternate { FLAG_ALT } else { 0 };
    let (mut kind, percent) = match char::from_u32(spec.kind) {
        Some('\0') => {
            flags |= FLAG_ADD_DOT_0;
            ('r', false)
        }
        Some('n') => ('g', false),
        Some('%') => ('f', true),
        Some(kind @ ('e' | 'E' | 'f' | 'F' | 'g' | 'G')) => (kind, false),
        _ => return Err(unknown_format_code(spec.kind, type_name)),
    };
    if spec.no_negative_zero {
        flags |= FLAG_NO_NEG_0;
    }
    let precision = checked_precision(spec)?;
    check_size(spec)?;
    if kind == 'r' && precision.is_some() {
        kind = 'g';
    }
    let value = if percent { value * 100.0 } else { value };
    let mut text = format_float(value, kind, precision.unwrap_or(6), flags);
    if percent {
        text.push('%');
    }
    let number = Number::of_text(&text, locale_for(spec, locale));
    Ok(FormattedText::from_code_points(number.render(spec)))
}

fn checked_precision(spec: &FormatSpec) -> Result<Option<usize>, FormatError> {
    match spec.precision {
        Some(precision) if i32::try_from(precision).is_err() => value_error("precision too big"),
        precision => Ok(precision),
    }
}

/// Formats `real + imaginary * 1j`.
pub fn format_complex(
    real: f64,
    imaginary: f64,
    spec: &FormatSpec,
    type_name: &str,
    locale: &NumericLocale,
) -> Result<FormattedText, FormatError> {
    let mut kind = match char::from_u32(spec.kind) {
        Some('\0') => 'r',
        Some('n') => 'g',
        Some(kind @ ('e' | 'E' | 'f' | 'F' | 'g' | 'G')) => kind,
        _ => return Err(unknown_format_code(spec.kind, type_name)),
    };
    let precision = checked_precision(spec)?;
    check_size(spec)?;
    if spec.fill == u32::from('0') {
        return value_error("Zero padding is not allowed in complex format specifier");
    }
    if spec.align == '=' {
        return value_error("'=' alignment flag is not allowed in complex format specifier");
    }
    let mut flags = if spec.alternate { FLAG_ALT } else { 0 };
    if spec.no_negative_zero {
        flags |= FLAG_NO_NEG_0;
    }
    let (mut skip_real, mut parentheses) = (false, false);
    if kind == 'r' {
        skip_real = real.to_bits() == 0;
        parentheses = !skip_real;
        if precision.is_some() {
            kind = 'g';
        }
    }
    let precision = precision.unwrap_or(6);
    let mut part_spec = FormatSpec { align: '<', width: None, fill: 0, ..spec.clone() };
    let mut body = Vec::new();
    if !skip_real {
        let text = format_float(real, kind, precision, flags);
        body.extend(Number::of_text(&text, locale_for(spec, locale)).render(&part_spec));
        part_spec.sign = Some('+');
    }
    let text = format_float(imaginary, kind, precision, flags);
    body.extend(Number::of_text(&text, locale_for(spec, locale)).render(&part_spec));
    body.push(u32::from('j'));
    if parentheses {
        body.insert(0, u32::from('('));
        body.push(u32::from(')'));
    }
    let (left, right) = padding(spec, body.len());
    let mut out = vec![spec.fill; left];
    out.extend(body);
    out.resize(out.len() + right, spec.fill);
    Ok(FormattedText::from_code_points(out))
}

/// The separators that apply: the caller's locale for `n`, else those of the specification.
fn locale_for(spec: &FormatSpec, locale: &NumericLocale) -> NumericLocale {
    if spec.kind == u32::from('n') {
        return locale.clone();
    }
    let (separator, size) = match spec.grouping {
        Grouping::No => return NumericLocale::default(),
        Grouping::Comma => (",", 3),
        Grouping::Underscore => ("_", 3),
        Grouping::UnderscoreFour => ("_", 4),
    };
    NumericLocale { decimal_point: ".".into(), thousands_separator: separator.into(), grouping: vec![size] }
}

/// The parts of a number:
/// `left-fill sign prefix inner-fill grouped-digits point fraction remainder right-fill`.
struct Number<'a> {
    negative: bool,
    prefix: &'a str,
    digits: &'a str,
    has_point: bool,
    fraction: &'a str,
    /// An exponent, `%`, `inf`, `nan`, or the character of `c`.
    remainder: Vec<u32>,
    upper: bool,
    locale: NumericLocale,
}

impl<'a> Number<'a> {
    /// Digits in any radix.
    fn of_digits(digits: &'a str, locale: NumericLocale) -> Self {
        Self {
            negative: false,
            prefix: "",
            digits,
            has_point: false,
            fraction: "",
            remainder: Vec::new(),
            upper: false,
            locale,
        }
    }

    /// Takes `text`, an optionally signed decimal number, apart.
    fn of_text(text: &'a str, locale: NumericLocale) -> Self {
        let (negative, body) = match text.strip_prefix('-') {
            Some(body) => (true, body),
            None => (false, text),
        };
        let split = body.bytes().position(|b| !b.is_ascii_digit()).unwrap_or(body.len());
        let (digits, rest) = body.split_at(split);
        let (has_point, rest) = match rest.strip_prefix('.') {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        let split = rest.bytes().position(|b| !b.is_ascii_digit()).unwrap_or(rest.len());
        let (fraction, remainder) = rest.split_at(split);
        let remainder = remainder.chars().map(u32::from).collect();
        Self { negative, has_point, fraction, remainder, ..Self::of_digits(digits, locale) }
    }

    fn render(&self, spec: &FormatSpec) -> Vec<u32> {
        let sign = match (self.negative, spec.sign) {
            (true, _) => Some('-'),
            (false, Some(sign @ ('+' | ' '))) => Some(sign),
            _ => None,
        };
        let point = if self.has_point { self.locale.decimal_point.as_str() } else { "" };
        let fraction = group_fraction(self.fraction, spec.fraction_grouping);
        let around = usize::from(sign.is_some())
            + self.prefix.len()
            + point.chars().count()
            + fraction.len()
            + self.remainder.len();
        let zero_fill = spec.fill == u32::from('0') && spec.align == '=';
        let min_width = if zero_fill { spec.width.unwrap_or(0).saturating_sub(around) } else { 0 };
        let digits =
            if self.digits.is_empty() { Vec::new() } else { group_digits(self.digits, min_width, &self.locale) };
        let total = spec.width.unwrap_or(0).saturating_sub(around + digits.len());
        let (left, inner, right) = match spec.align {
            '<' => (0, 0, total),
            '^' => (total / 2, 0, total - total / 2),
            '=' => (0, total, 0),
            _ => (total, 0, 0),
        };
        let case = |c: u32| match u8::try_from(c) {
            Ok(byte) if self.upper => u32::from(byte.to_ascii_uppercase()),
            _ => c,
        };
        let mut out = vec![spec.fill; left];
        out.extend(sign.map(u32::from));
        out.extend(self.prefix.chars().map(|c| case(u32::from(c))));
        out.resize(out.len() + inner, spec.fill);
        out.extend(digits.into_iter().map(case));
        out.extend(point.chars().map(u32::from));
        out.extend(fraction.bytes().map(u32::from));
        out.extend(&self.remainder);
        out.resize(out.len() + right, spec.fill);
        out
    }
}

/// Groups of three from the decimal point on.
fn group_fraction(digits: &str, grouping: Grouping) -> String {
    let mut out = String::with_capacity(digits.len() * 2);
    for (index, digit) in digits.chars().enumerate() {
        if index != 0 && index % 3 == 0 && grouping != Grouping::No {
            out.push(grouping.separator());
        }
        out.push(digit);
    }
    out
}

/// Inserts separators from the right and fills with zeros (grouped as well) up to `min_width`.
pub fn group_digits(digits: &str, min_width: usize, locale: &NumericLocale) -> Vec<u32> {
    let separator: Vec<u32> = locale.thousands_separator.chars().map(u32::from).collect();
    let mut source = digits.bytes().rev().map(u32::from);
    let mut remaining = digits.len();
    let mut width = min_width;
    let mut sizes = GroupSizes { grouping: &locale.grouping, index: 0, previous: 0 };
    // Built from the right to the left.
    let mut out: Vec<u32> = Vec::with_capacity(digits.len().max(min_width) * 4 / 3 + 1);
    let mut first = true;
    loop {
        let size = sizes.next_size();
        let wanted = remaining.max(width).max(1);
        let length = size.map_or(wanted, |size| size.min(wanted));
        if !first {
            out.extend(separator.iter().rev());
        }
        first = false;
        for _ in 0..length {
            out.push(source.next().unwrap_or(u32::from('0')));
        }
        remaining = remaining.saturating_sub(length);
        width = width.saturating_sub(length);
        if size.is_none() || (remaining == 0 && width == 0) {
            break;
        }
        width = width.saturating_sub(separator.len());
        if remaining == 0 && width == 0 {
            // The separator used the width up; one more digit has to follow it.
            width = 1;
        }
    }
    out.reverse();
    out
}

/// Walks a C-form grouping string.
struct GroupSizes<'a> {
    grouping: &'a [u8],
    index: usize,
    previous: usize,
}

impl GroupSizes<'_> {
    fn next_size(&mut self) -> Option<usize> {
        match self.grouping.get(self.index) {
            Some(127) => None,
            Some(&size) if size != 0 => {
                self.previous = usize::from(size);
                self.index += 1;
                Some(self.previous)
            }
            _ => (self.previous != 0).then_some(self.previous),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(text: &str) -> Vec<u32> {
        text.chars().map(u32::from).collect()
    }

    fn show(result: Result<FormattedText, FormatError>) -> String {
        match result {
            Ok(FormattedText::Ascii(text)) => text,
            Ok(FormattedText::Wide(text)) => lossy(&text),
            Err(error) => format!("!{}", error.message),
        }
    }

    fn int(value: i64, spec: &str) -> String {
        show(
            parse_format_spec(&points(spec), "int", 'd', '>')
                .and_then(|spec| format_int(IntRef::Small(value), &spec, "int", &NumericLocale::default())),
        )
    }

    fn float(value: f64, spec: &str) -> String {
        show(
            parse_format_spec(&points(spec), "float", '\0', '>')
                .and_then(|spec| format_float_spec(value, &spec, "float", &NumericLocale::default())),
        )
    }

    fn complex(real: f64, imaginary: f64, spec: &str) -> String {
        show(
            parse_format_spec(&points(spec), "complex", '\0', '>')
                .and_then(|spec| format_complex(real, imaginary, &spec, "complex", &NumericLocale::default())),
        )
    }

    fn string(length: usize, spec: &str) -> Result<(usize, usize, usize), String> {
        parse_format_spec(&points(spec), "str", 's', '<')
            .and_then(|spec| format_str_layout(&spec, length, "str"))
            .map(|layout| (layout.left, layout.take, layout.right))
            .map_err(|error| error.message)
    }

    #[test]
    fn ints() {
        assert_eq!(int(1234567, ","), "1,234,567");
        assert_eq!(int(-1234567, "015,"), "-00,001,234,567");
        assert_eq!(int(1234567, "012,"), "0,001,234,567");
        assert_eq!(int(255, "#010x"), "0x000000ff");
        assert_eq!(int(255, "#_X"), "0XFF");
        assert_eq!(int(0xabcdef12, "#_X"), "0XABCD_EF12");
        assert_eq!(int(5, "*^+7"), "**+5***");
        assert_eq!(int(65, "c"), "A");
        assert_eq!(int(65, "05c"), "0000A");
        assert_eq!(int(5, "é>3"), "éé5");
        assert_eq!(int(5, ".2"), "!Precision not allowed in integer format specifier");
        assert_eq!(int(5, ",x"), "!Cannot specify ',' with 'x'.");
        assert_eq!(int(5, ",_"), "!Cannot specify both ',' and '_'.");
        assert_eq!(int(5, "_,"), "!Cannot specify both ',' and '_'.");
        assert_eq!(int(5, "s"), "!Unknown format code 's' for object of type 'int'");
        assert_eq!(int(5, "dd"), "!Invalid format specifier 'dd' for object of type 'int'");
        assert_eq!(int(-1, "c"), "!%c arg not in range(0x110000)");
    }

    #[test]
    fn floats() {
        assert_eq!(float(1234.5, ",.2f"), "1,234.50");
        assert_eq!(float(1234567.1234567, ",.10_f"), "1,234,567.123_456_700_0");
        assert_eq!(float(0.1, "%"), "10.000000%");
        assert_eq!(float(f64::INFINITY, "010"), "0000000inf");
        assert_eq!(float(-0.001, "z.1f"), "0.0");
        assert_eq!(float(3.0, ""), "3.0");
        assert_eq!(float(3.0, ".3"), "3.0");
        assert_eq!(float(1e20, "020,"), "0,000,000,000,001e+20");
        assert_eq!(float(2.25159, "=+10.2f"), "+     2.25");
        assert_eq!(float(3.0, "."), "!Format specifier missing precision");
        assert_eq!(float(3.0, "d"), "!Unknown format code 'd' for object of type 'float'");
    }

    #[test]
    fn complexes() {
        assert_eq!(complex(1.0, -2.0, ""), "(1-2j)");
        assert_eq!(complex(0.0, 2.5, ">8"), "    2.5j");
        assert_eq!(complex(1.0, 2.0, ".1f"), "1.0+2.0j");
        assert_eq!(complex(1.0, 2.0, "010"), "!Zero padding is not allowed in complex format specifier");
    }

    #[test]
    fn strings() {
        assert_eq!(string(3, "^10.2"), Ok((4, 2, 4)));
        assert_eq!(string(3, "05"), Ok((0, 3, 2)));
        assert_eq!(string(3, "=5"), Err("'=' alignment not allowed in string format specifier".into()));
        assert_eq!(string(3, ",s"), Err("Cannot specify ',' with 's'.".into()));
        assert_eq!(string(3, "d"), Err("Unknown format code 'd' for object of type 'str'".into()));
    }
}
