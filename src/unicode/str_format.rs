//! The replacement-field language of `str.format`: literal text, fields, and field names.
//!
//! Ranges are indices into the text that was given.

use std::ops::Range;

use crate::properties::decimal_value;
use crate::text::{CodeUnit, code_points};

/// A malformed format; a `ValueError` with this message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StrFormatError(pub &'static str);

/// Literal text, and the replacement field that follows it, if any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Markup {
    /// Literal text; a doubled brace ends it and shows once.
    pub literal: Range<usize>,
    /// The field.
    pub field: Option<Field>,
}

/// A replacement field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its name, to be given to [`split_field_name`].
    pub name: Range<usize>,
    /// The conversion character (code point) after `!`.
    pub conversion: Option<u32>,
    /// The format specification.
    pub spec: Range<usize>,
    /// True if the specification holds replacement fields itself.
    pub spec_has_fields: bool,
}

/// Iterates over a format as `_string.formatter_parser` does; fused after an error.
pub struct MarkupIter<'a, U> {
    text: &'a [U],
    at: usize,
}

impl<'a, U: CodeUnit> MarkupIter<'a, U> {
    /// The pieces of `text`.
    pub fn new(text: &'a [U]) -> Self {
        Self { text, at: 0 }
    }

    fn peek(&self) -> Option<char> {
        // Code points that are no characters are never syntax.
        self.text.get(self.at).map(|&unit| char::from_u32(unit.into()).unwrap_or('\u{fffd}'))
    }

    fn take(&mut self) -> Option<char> {
        let taken = self.peek();
        self.at += usize::from(taken.is_some());
        taken
    }

    fn markup(&mut self) -> Result<Markup, StrFormatError> {
        let start = self.at;
        while let Some(code) = self.take() {
            if code != '{' && code != '}' {
                continue;
            }
            let next = self.peek();
            if next == Some(code) {
                let literal = start..self.at;
                self.at += 1;
                return Ok(Markup { literal, field: None });
            }
            if code == '}' {
                return Err(StrFormatError("Single '}' encountered in format string"));
            }
            if next.is_none() {
                return Err(StrFormatError("Single '{' encountered in format string"));
            }
            let literal = start..self.at - 1;
            return Ok(Markup { literal, field: Some(self.field()?) });
        }
        Ok(Markup { literal: start..self.at, field: None })
    }

    fn field(&mut self) -> Result<Field, StrFormatError> {
        let start = self.at;
        let end_mark = loop {
            match self.take() {
                Some('{') => return Err(StrFormatError("unexpected '{' in field name")),
                Some('[') => {
                    while self.peek().is_some_and(|code| code != ']') {
                        self.at += 1;
                    }
                }
                Some(mark @ ('}' | ':' | '!')) => break mark,
                Some(_) => {}
                None => return Err(StrFormatError("expected '}' before end of string")),
            }
        };
        let name = start..self.at - 1;
        let mut field = Field { name, conversion: None, spec: self.at..self.at, spec_has_fields: false };
        if end_mark == '}' {
            field.spec = self.at - 1..self.at - 1;
            return Ok(field);
        }
        if end_mark == '!' {
            field.conversion = self.text.get(self.at).map(|&unit| unit.into());
            if self.take().is_none() {
                let message = "end of string while looking for conversion specifier";
                return Err(StrFormatError(message));
            }
            match self.take() {
                Some('}') => {
                    field.spec = self.at - 1..self.at - 1;
                    return Ok(field);
                }
                Some(':') => {}
                Some(_) => return Err(StrFormatError("expected ':' after conversion specifier")),
                None => return Err(StrFormatError("unmatched '{' in format spec")),
            }
        }
        self.spec(&mut field)?;
        Ok(field)
    }

    fn spec(&mut self, field: &mut Field) -> Result<(), StrFormatError> {
        let start = self.at;
        let mut depth = 1;
        while let Some(code) = self.take() {
            match code {
                '{' => {
                    field.spec_has_fields = true;
                    depth += 1;
                }
                '}' => {
                    depth -= 1;
                    if depth == 0 {
                        field.spec = start..self.at - 1;
                        return Ok(());
                    }
                }
                _ => {}
            }
        }
        Err(StrFormatError("unmatched '{' in format spec"))
    }
}

impl<U: CodeUnit> Iterator for MarkupIter<'_, U> {
    type Item = Result<Markup, StrFormatError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.text.len() {
            return None;
        }
        let markup = self.markup();
        if markup.is_err() {
            self.at = self.text.len();
        }
        Some(markup)
    }
}

/// The start of a field name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldFirst {
    /// Nothing: numbered automatically.
    Empty,
    /// A number.
    Index(usize),
    /// A keyword.
    Name(Range<usize>),
}

/// One step of a field name's path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldStep {
    /// `.name`
    Attribute(Range<usize>),
    /// `[3]`
    Index(usize),
    /// `[key]`
    Key(Range<usize>),
}

/// Splits a field name into its start and the position of the rest.
pub fn split_field_name<U: CodeUnit>(name: &[U]) -> Result<(FieldFirst, usize), StrFormatError> {
    let end = code_points(name).position(|code| code == u32::from('.') || code == u32::from('[')).unwrap_or(name.len());
    let first = match integer(&name[..end])? {
        _ if end == 0 => FieldFirst::Empty,
        Some(index) => FieldFirst::Index(index),
        None => FieldFirst::Name(0..end),
    };
    Ok((first, end))
}

/// The steps of a field name from `at` on; fused after an error.
pub fn field_steps<U: CodeUnit>(name: &[U], mut at: usize) -> impl Iterator<Item = Result<FieldStep, StrFormatError>> {
    std::iter::from_fn(move || {
        if at >= name.len() {
            return None;
        }
        let step = field_step(name, &mut at);
        if step.is_err() {
            at = name.len();
        }
        Some(step)
    })
}

fn field_step<U: CodeUnit>(name: &[U], at: &mut usize) -> Result<FieldStep, StrFormatError> {
    let mark = char::from_u32(name[*at].into());
    let start = *at + 1;
    let rest = &name[start..];
    let find =
        |wanted: &[char]| code_points(rest).position(|code| char::from_u32(code).is_some_and(|c| wanted.contains(&c)));
    let step = match mark {
        Some('.') => {
            let end = start + find(&['.', '[']).unwrap_or(rest.len());
            *at = end;
            FieldStep::Attribute(start..end)
        }
        Some('[') => {
            let length = find(&[']']).ok_or(StrFormatError("Missing ']' in format string"))?;
            *at = start + length + 1;
            match integer(&rest[..length])? {
                Some(index) => FieldStep::Index(index),
                None => FieldStep::Key(start..start + length),
            }
        }
        _ => {
            let message = "Only '.' or '[' may follow ']' in format field specifier";
            return Err(StrFormatError(message));
        }
    };
    match &step {
        FieldStep::Attribute(range) | FieldStep::Key(range) if range.is_empty() => {
            Err(StrFormatError("Empty attribute in format string"))
        }
        _ => Ok(step),
    }
}

/// The value of text that is all decimal digits.
fn integer<U: CodeUnit>(text: &[U]) -> Result<Option<usize>, StrFormatError> {
    let mut value = None;
    for code in code_points(text) {
        let Some(digit) = decimal_value(code) else {
            return Ok(None);
        };
        let next = value
            .unwrap_or(0usize)
            .checked_mul(10)
            .and_then(|value| value.checked_add(usize::from(digit)))
            .filter(|&value| isize::try_from(value).is_ok());
        if next.is_none() {
            return Err(StrFormatError("Too many decimal digits in format string"));
        }
        value = next;
    }
    Ok(value)
}

/// Numbers fields, and refuses a mixture of `{}` and `{0}`.
#[derive(Debug, Clone, Copy, Default)]
pub struct AutoNumber {
    manual: bool,
    next: Option<usize>,
}

impl AutoNumber {
    /// Turns an empty start into the next number.
    pub fn resolve(&mut self, first: FieldFirst) -> Result<FieldFirst, StrFormatError> {
        match first {
            FieldFirst::Empty if self.manual => {
                Err(StrFormatError("cannot switch from manual field specification to automatic field numbering"))
            }
            FieldFirst::Index(_) if self.next.is_some() => {
                Err(StrFormatError("cannot switch from automatic field numbering to manual field specification"))
            }
            FieldFirst::Empty => {
                let index = self.next.unwrap_or(0);
                self.next = Some(index + 1);
                Ok(FieldFirst::Index(index))
            }
            FieldFirst::Index(_) => {
                self.manual = true;
                Ok(first)
            }
            FieldFirst::Name(_) => Ok(first),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Vec<Markup>, StrFormatError> {
        MarkupIter::new(text.as_bytes()).collect()
    }

    #[test]
    fn markup() {
        let found = parse("a{{b{x[}]!r:>{w}}c").unwrap();
        assert_eq!(found[0], Markup { literal: 0..2, field: None });
        assert_eq!(found[1].literal, 3..4);
        let field = found[1].field.clone().unwrap();
        assert_eq!((field.name, field.conversion), (5..9, Some(u32::from('r'))));
        assert_eq!((field.spec, field.spec_has_fields), (12..16, true));
        assert_eq!(found[2], Markup { literal: 17..18, field: None });
    }

    #[test]
    fn errors() {
        for (text, message) in [
            ("}", "Single '}' encountered in format string"),
            ("{", "Single '{' encountered in format string"),
            ("{a", "expected '}' before end of string"),
            ("{a{", "unexpected '{' in field name"),
            ("{a!", "end of string while looking for conversion specifier"),
            ("{a!rx}", "expected ':' after conversion specifier"),
            ("{a!r", "unmatched '{' in format spec"),
            ("{a:", "unmatched '{' in format spec"),
            ("{a[", "expected '}' before end of string"),
        ] {
            assert_eq!(parse(text), Err(StrFormatError(message)));
        }
    }

    #[test]
    fn names() {
        let name = b"0.a[1][k]";
        let (first, rest) = split_field_name(name).unwrap();
        assert_eq!((first, rest), (FieldFirst::Index(0), 1));
        let steps: Result<Vec<_>, _> = field_steps(name, rest).collect();
        assert_eq!(steps, Ok(vec![FieldStep::Attribute(2..3), FieldStep::Index(1), FieldStep::Key(7..8)]));
        let error = |name: &[u8]| field_steps(name, 0).find_map(Result::err).map(|error| error.0);
        assert_eq!(error(b".a[1]x"), Some("Only '.' or '[' may follow ']' in format field specifier"));
        assert_eq!(error(b"[]"), Some("Empty attribute in format string"));
        assert_eq!(error(b"[a"), Some("Missing ']' in format string"));
    }
}
