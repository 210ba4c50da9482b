//! The printf-style mini-language of `str % args` and `bytes % args`, as a tokenizer.  The object
//! layer looks values up, asks for `*` arguments and formats.

use crate::text::CodeUnit;

/// A width or precision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Amount {
    /// Absent.
    #[default]
    None,
    /// Written out.
    Fixed(usize),
    /// `*`: the next argument.
    Star,
}

/// A conversion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Directive {
    /// Range of the mapping key.
    pub key: Option<(usize, usize)>,
    /// `-`
    pub left: bool,
    /// `+`
    pub plus: bool,
    /// Space
    pub blank: bool,
    /// `#`
    pub alternate: bool,
    /// `0`
    pub zero: bool,
    /// Minimal width.
    pub width: Amount,
    /// Precision.
    pub precision: Amount,
    /// The conversion type (code point); `%` takes no argument.
    pub kind: u32,
    /// Index of the conversion type, for the message about unsupported ones.
    pub kind_index: usize,
}

/// A piece of a format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token {
    /// A range of literal text.
    Literal(usize, usize),
    /// A conversion.
    Directive(Directive),
}

/// A malformed directive; all are `ValueError`s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PercentError {
    /// The text ended within a directive.
    Incomplete,
    /// The text ended within a mapping key.
    IncompleteKey,
    /// The width has too many digits.
    WidthTooBig,
    /// The precision has too many digits.
    PrecisionTooBig,
}

impl PercentError {
    /// CPython's words.
    pub fn message(self) -> &'static str {
        match self {
            Self::Incomplete => "incomplete format",
            Self::IncompleteKey => "incomplete format key",
            Self::WidthTooBig => "width too big",
            Self::PrecisionTooBig => "precision too big",
        }
    }
}

/// "unsupported format character …" for a directive.
pub fn unsupported_message(directive: &Directive) -> String {
    let kind = directive.kind;
    let shown = match char::from_u32(kind) {
        Some(c) if (31..0x7f).contains(&kind) => c,
        _ => '?',
    };
    format!("unsupported format character '{shown}' ({kind:#x}) at index {}", directive.kind_index)
}

/// Iterates over the tokens of a format; fused after an error.
pub struct PercentTokens<'a, U> {
    text: &'a [U],
    at: usize,
}

impl<'a, U: CodeUnit> PercentTokens<'a, U> {
    /// Tokens of `text`.
    pub fn new(text: &'a [U]) -> Self {
        Self { text, at: 0 }
    }

    fn peek(&self) -> Option<u32> {
        self.text.get(self.at).map(|&unit| unit.into())
    }

    fn accept(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(u32::from(wanted));
        self.at += usize::from(found);
        found
    }

    fn key(&mut self) -> Result<Option<(usize, usize)>, PercentError> {
        if !self.accept('(') {
            return Ok(None);
        }
        let start = self.at;
        let mut depth = 1;
        while let Some(code) = self.peek() {
            self.at += 1;
            match char::from_u32(code) {
                Some('(') => depth += 1,
                Some(')') => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return Ok(Some((start, self.at - 1)));
            }
        }
        Err(PercentError::IncompleteKey)
    }

    fn amount(&mut self, limit: usize, error: PercentError) -> Result<Amount, PercentError> {
        if self.accept('*') {
            return Ok(Amount::Star);
        }
        let mut amount = Amount::None;
        while let Some(code @ 0x30..=0x39) = self.peek() {
            let digit = usize::try_from(code - 0x30).unwrap_or(0);
            let before = if let Amount::Fixed(value) = amount { value } else { 0 };
            let value = before.checked_mul(10).and_then(|value| value.checked_add(digit));
            let value = value.filter(|&value| value <= limit).ok_or(error)?;
            amount = Amount::Fixed(value);
            self.at += 1;
        }
        Ok(amount)
    }

    fn directive(&mut self) -> Result<Directive, PercentError> {
        let mut directive = Directive { key: self.key()?, ..Directive::default() };
        while let Some(flag) = self.peek().and_then(char::from_u32) {
            match flag {
                '-' => directive.left = true,
                '+' => directive.plus = true,
                ' ' => directive.blank = true,
                '#' => directive.alternate = true,
                '0' => directive.zero = true,
                _ => break,
            }
            self.at += 1;
        }
        let widest = usize::try_from(isize::MAX).unwrap_or(usize::MAX);
        directive.width = self.amount(widest, PercentError::WidthTooBig)?;
        if self.accept('.') {
            let limit = usize::try_from(i32::MAX).unwrap_or(usize::MAX);
            directive.precision = self.amount(limit, PercentError::PrecisionTooBig)?;
            if directive.precision == Amount::None {
                directive.precision = Amount::Fixed(0);
            }
        }
        let _length_modifier = self.accept('h') || self.accept('l') || self.accept('L');
        directive.kind = self.peek().ok_or(PercentError::Incomplete)?;
        directive.kind_index = self.at;
        self.at += 1;
        Ok(directive)
    }
}

impl<U: CodeUnit> Iterator for PercentTokens<'_, U> {
    type Item = Result<Token, PercentError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.text.len() {
            return None;
        }
        if !self.accept('%') {
            let rest = &self.text[self.at..];
            let length = rest.iter().position(|&unit| unit.into() == 0x25).unwrap_or(rest.len());
            let start = self.at;
            self.at += length;
            return Some(Ok(Token::Literal(start, self.at)));
        }
        let token = self.directive().map(Token::Directive);
        if token.is_err() {
            self.at = self.text.len();
        }
        Some(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<Result<Token, PercentError>> {
        PercentTokens::new(text.as_bytes()).collect()
    }

    #[test]
    fn directives() {
        let found = tokens("a%(k(1))-+05.*lx%%");
        assert_eq!(found[0], Ok(Token::Literal(0, 1)));
        let Ok(Token::Directive(directive)) = found[1] else { panic!("{found:?}") };
        assert_eq!(directive.key, Some((3, 7)));
        assert!(directive.left && directive.plus && directive.zero);
        assert_eq!((directive.width, directive.precision), (Amount::Fixed(5), Amount::Star));
        assert_eq!(directive.kind, u32::from('x'));
        assert!(matches!(found[2], Ok(Token::Directive(Directive { kind: 0x25, .. }))));
    }

    #[test]
    fn errors() {
        assert_eq!(tokens("%"), [Err(PercentError::Incomplete)]);
        assert_eq!(tokens("%(a"), [Err(PercentError::IncompleteKey)]);
        assert_eq!(tokens("%99999999999999999999d"), [Err(PercentError::WidthTooBig)]);
        assert_eq!(tokens("%.9999999999d"), [Err(PercentError::PrecisionTooBig)]);
        let Ok(Token::Directive(directive)) = tokens("%5y")[0] else { panic!() };
        assert_eq!(unsupported_message(&directive), "unsupported format character 'y' (0x79) at index 2");
    }
}
