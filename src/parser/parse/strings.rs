//! String literals: prefixes, escapes, and the joining of adjacent ones.

use pyrs_bytecode::{Constant, WStr};

use crate::ast::{Expr, ExprKind, Location, TypeComment};
use crate::error::WarningKind;
use crate::token::{Token, TokenKind};

use super::fstrings::StringPart;
use super::{Parsed, Parser, token_location};

/// A decoded literal.
enum Literal {
    Text(Vec<u32>),
    Bytes(Vec<u8>),
}

/// Where the text of a literal stands, for warnings about its escapes.
#[derive(Clone, Copy)]
pub(super) struct LiteralPlace {
    pub token: Token,
    /// Offset in the source at which the decoded text starts.
    pub start: usize,
}

impl Parser<'_> {
    /// One or more adjacent literals.
    pub(super) fn strings(&mut self) -> Parsed<Expr> {
        let start = self.peek();
        let mut parts = Vec::new();
        loop {
            match self.kind() {
                TokenKind::String => {
                    let token = self.peek();
                    self.pos += 1;
                    parts.push(StringPart::Plain(token));
                }
                TokenKind::FstringStart => parts.push(self.fstring()?),
                TokenKind::TstringStart => parts.push(self.tstring()?),
                _ => break,
            }
        }
        let location = self.span(start);
        let interpolated = parts.iter().any(|part| !matches!(part, StringPart::Plain(_)));
        if interpolated {
            return self.join_interpolated(parts, location);
        }
        let tokens: Vec<Token> = parts.iter().map(StringPart::token).collect();
        self.join_plain(&tokens, location)
    }

    fn join_plain(&mut self, tokens: &[Token], location: Location) -> Parsed<Expr> {
        let mut text = Vec::new();
        let mut bytes = Vec::new();
        let mut kinds = (false, false);
        for token in tokens {
            match self.literal(*token)? {
                Literal::Text(points) => {
                    kinds.0 = true;
                    text.extend(points);
                }
                Literal::Bytes(more) => {
                    kinds.1 = true;
                    bytes.extend(more);
                }
            }
            if kinds == (true, true) {
                return self.raise(location, "cannot mix bytes and nonbytes literals");
            }
        }
        let value = if kinds.1 { Constant::Bytes(bytes) } else { Constant::Str(WStr::from_code_points(text)) };
        let kind = self.unicode_kind(tokens.first());
        Ok(ExprKind::Constant { value, kind }.at(location))
    }

    /// The `u` of a literal that starts with it.
    pub(super) fn unicode_kind(&self, token: Option<&Token>) -> Option<TypeComment> {
        let text = self.text(*token?);
        text.starts_with('u').then(|| TypeComment(WStr::from("u")))
    }

    /// Whether a literal has the prefix `b`.
    pub(super) fn is_bytes(&self, token: Token) -> bool {
        let text = self.text(token);
        let prefix = text.split(['\'', '"']).next().unwrap_or("");
        prefix.contains(['b', 'B'])
    }

    /// The text of a literal without prefix `b`.
    pub(super) fn text_literal(&mut self, token: Token) -> Parsed<Vec<u32>> {
        match self.literal(token)? {
            Literal::Text(points) => Ok(points),
            Literal::Bytes(_) => Ok(Vec::new()),
        }
    }

    fn literal(&mut self, token: Token) -> Parsed<Literal> {
        let text = self.text(token);
        let quote_at = text.find(['\'', '"']).unwrap_or(0);
        let (prefix, quoted) = text.split_at(quote_at);
        let quote = &quoted[..1];
        let triple = quoted.len() >= 6 && quoted.starts_with(&quote.repeat(3));
        let size = if triple { 3 } else { 1 };
        let body = quoted.get(size..quoted.len().saturating_sub(size)).unwrap_or("");
        let raw = prefix.contains(['r', 'R']);
        let place = LiteralPlace { token, start: token.start as usize + quote_at + size };
        if prefix.contains(['b', 'B']) {
            if !body.is_ascii() {
                return self.raise(token_location(token), "bytes can only contain ASCII literal characters");
            }
            if raw {
                return Ok(Literal::Bytes(body.as_bytes().to_vec()));
            }
            return self.decode_bytes(body, place).map(Literal::Bytes);
        }
        if raw || !body.contains('\\') {
            return Ok(Literal::Text(body.chars().map(u32::from).collect()));
        }
        self.decode_text(body, place).map(Literal::Text)
    }

    /// Replaces the escapes of a text literal.
    pub(super) fn decode_text(&mut self, body: &str, place: LiteralPlace) -> Parsed<Vec<u32>> {
        let bytes = body.as_bytes();
        let mut points = Vec::with_capacity(body.len());
        let mut index = 0;
        while let Some(ch) = body[index..].chars().next() {
            if ch != '\\' {
                points.push(u32::from(ch));
                index += ch.len_utf8();
                continue;
            }
            let escape_at = index;
            let Some(escape) = body[index + 1..].chars().next() else {
                // Before a replacement field.
                points.push(u32::from('\\'));
                break;
            };
            index += 1 + escape.len_utf8();
            match escape {
                '\n' => {}
                'x' | 'u' | 'U' => {
                    let (digits, name) = match escape {
                        'x' => (2, "\\xXX"),
                        'u' => (4, "\\uXXXX"),
                        _ => (8, "\\UXXXXXXXX"),
                    };
                    let found = hex_digits(bytes, index, digits);
                    if found < digits {
                        let reason = format!("truncated {name} escape");
                        return self.unicode_error(place, escape_at, index + found - 1, &reason);
                    }
                    let value = u32::from_str_radix(&body[index..index + digits], 16).unwrap_or(0);
                    index += digits;
                    if value > 0x10ffff {
                        let reason = "illegal Unicode character";
                        return self.unicode_error(place, escape_at, index - 1, reason);
                    }
                    points.push(value);
                }
                'N' => index = self.named_character(body, index, escape_at, place, &mut points)?,
                '0'..='7' => {
                    let (value, length) = octal(bytes, index - 1);
                    index += length - 1;
                    if value > 0o377 {
                        self.warn_octal(&body[escape_at + 1..index], place, escape_at);
                    }
                    points.push(value);
                }
                _ => match simple_escape(escape) {
                    Some(value) => points.push(u32::from(value)),
                    None => {
                        if escape.is_ascii() {
                            self.warn_escape(escape, place, escape_at);
                        }
                        points.extend([u32::from('\\'), u32::from(escape)]);
                    }
                },
            }
        }
        Ok(points)
    }

    fn named_character(
        &mut self,
        body: &str,
        index: usize,
        escape_at: usize,
        place: LiteralPlace,
        points: &mut Vec<u32>,
    ) -> Parsed<usize> {
        let malformed = "malformed \\N character escape";
        let rest = &body[index..];
        if !rest.starts_with('{') {
            return self.unicode_error(place, escape_at, index.max(escape_at + 1) - 1, malformed).map(|_: Vec<u32>| 0);
        }
        let Some(end) = rest.find('}') else {
            let last = body.len() - 1;
            return self.unicode_error(place, escape_at, last, malformed).map(|_: Vec<u32>| 0);
        };
        let name = &rest[1..end];
        let after = index + end + 1;
        if name.is_empty() {
            return self.unicode_error(place, escape_at, after - 1, malformed).map(|_: Vec<u32>| 0);
        }
        match unicode_names2::character(name) {
            Some(ch) => {
                points.push(u32::from(ch));
                Ok(after)
            }
            None => {
                self.unicode_error(place, escape_at, after - 1, "unknown Unicode character name").map(|_: Vec<u32>| 0)
            }
        }
    }

    fn unicode_error<T>(&mut self, place: LiteralPlace, from: usize, to: usize, reason: &str) -> Parsed<T> {
        // Positions count the bytes of what CPython hands to its decoder.
        let body = &self.source[place.start..place.start + to.max(from)];
        let wide: usize = body
            .char_indices()
            .filter(|(index, ch)| *index < from && !ch.is_ascii())
            .map(|(_, ch)| 10 - ch.len_utf8())
            .sum();
        let (from, to) = (from + wide, to + wide);
        let span = if from == to { format!("position {from}") } else { format!("position {from}-{to}") };
        let noun = if from == to { "byte 0x5c in " } else { "bytes in " };
        self.raise_string_error(
            place,
            format!("(unicode error) 'unicodeescape' codec can't decode {noun}{span}: {reason}"),
        )
    }

    fn raise_string_error<T>(&mut self, place: LiteralPlace, msg: String) -> Parsed<T> {
        self.raise(token_location(place.token), msg)
    }

    fn decode_bytes(&mut self, body: &str, place: LiteralPlace) -> Parsed<Vec<u8>> {
        let bytes = body.as_bytes();
        let mut result = Vec::with_capacity(bytes.len());
        let mut index = 0;
        while index < bytes.len() {
            if bytes[index] != b'\\' {
                result.push(bytes[index]);
                index += 1;
                continue;
            }
            let escape_at = index;
            let escape = bytes.get(index + 1).copied().unwrap_or(b'\\');
            index += 2;
            match escape {
                b'\n' => {}
                b'x' => {
                    if hex_digits(bytes, index, 2) < 2 {
                        return self.raise_string_error(
                            place,
                            format!("(value error) invalid \\x escape at position {escape_at}"),
                        );
                    }
                    result.push(u8::from_str_radix(&body[index..index + 2], 16).unwrap_or(0));
                    index += 2;
                }
                b'0'..=b'7' => {
                    let (value, length) = octal(bytes, index - 1);
                    index += length - 1;
                    if value > 0o377 {
                        self.warn_octal(&body[escape_at + 1..index], place, escape_at);
                    }
                    result.push((value & 0xff) as u8);
                }
                _ => match simple_escape(escape as char) {
                    Some(value) => result.push(value),
                    None => {
                        self.warn_escape(escape as char, place, escape_at);
                        result.extend([b'\\', escape]);
                    }
                },
            }
        }
        Ok(result)
    }

    fn warn_octal(&mut self, digits: &str, place: LiteralPlace, offset: usize) {
        let msg = format!(
            "\"\\{digits}\" is an invalid octal escape sequence. Such sequences will not work in \
             the future. Did you mean \"\\\\{digits}\"? A raw string is also an option."
        );
        self.warn_in_literal(msg, place, offset);
    }

    fn warn_escape(&mut self, escape: char, place: LiteralPlace, offset: usize) {
        let msg = format!(
            "\"\\{escape}\" is an invalid escape sequence. Such sequences will not work in the \
             future. Did you mean \"\\\\{escape}\"? A raw string is also an option."
        );
        self.warn_in_literal(msg, place, offset);
    }

    fn warn_in_literal(&mut self, msg: String, place: LiteralPlace, offset: usize) {
        let at = place.start + offset;
        let before = &self.source[place.token.start as usize..at];
        let lines = before.matches('\n').count() as i32;
        let lineno = place.token.lineno + lines;
        let line_start = self.source[..at].rfind('\n').map_or(0, |index| index + 1);
        let column = (at - line_start) as i32;
        let location = Location { lineno, col_offset: column, end_lineno: lineno, end_col_offset: column + 2 };
        self.warn(WarningKind::Syntax, location, msg);
    }
}

fn hex_digits(bytes: &[u8], index: usize, limit: usize) -> usize {
    let rest = bytes.get(index..).unwrap_or(&[]);
    rest.iter().take(limit).take_while(|byte| byte.is_ascii_hexdigit()).count()
}

/// Up to three octal digits: their value and number.
fn octal(bytes: &[u8], index: usize) -> (u32, usize) {
    let digits: Vec<u32> = bytes[index..].iter().take(3).map_while(|byte| (*byte as char).to_digit(8)).collect();
    (digits.iter().fold(0, |value, digit| value * 8 + digit), digits.len())
}

fn simple_escape(escape: char) -> Option<u8> {
    Some(match escape {
        '\\' => b'\\',
        '\'' => b'\'',
        '"' => b'"',
        'a' => 7,
        'b' => 8,
        'f' => 12,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 11,
        _ => return None,
    })
}
