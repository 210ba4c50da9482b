//! f-strings and t-strings: replacement fields, format specs, and the folding of literal parts.

use pyrs_bytecode::{Constant, WStr};

use crate::ast::{Expr, ExprKind, Location};
use crate::token::{Token, TokenKind};

use super::strings::LiteralPlace;
use super::{Fail, Parsed, Parser, boxed, token_location};

/// One of several adjacent literals.
pub(super) enum StringPart {
    Plain(Token),
    F(Vec<Expr>),
    T(Vec<Expr>),
}

impl StringPart {
    /// The token of a plain literal.
    pub(super) fn token(&self) -> Token {
        match self {
            StringPart::Plain(token) => *token,
            _ => unreachable_token(),
        }
    }
}

/// A stand-in for the token of a part that has none.
fn unreachable_token() -> Token {
    Token {
        kind: TokenKind::EndMarker,
        keyword: None,
        start: 0,
        end: 0,
        lineno: 0,
        col_offset: 0,
        end_lineno: 0,
        end_col_offset: 0,
        level: 0,
    }
}

/// What differs between f-strings and t-strings.
#[derive(Clone, Copy)]
struct Flavour {
    letter: char,
    middle: TokenKind,
    end: TokenKind,
    /// Whether a field makes an interpolation; in a format spec it makes text in both.
    interpolates: bool,
    raw: bool,
}

const F_STRING: Flavour = Flavour {
    letter: 'f',
    middle: TokenKind::FstringMiddle,
    end: TokenKind::FstringEnd,
    interpolates: false,
    raw: false,
};
const T_STRING: Flavour = Flavour {
    letter: 't',
    middle: TokenKind::TstringMiddle,
    end: TokenKind::TstringEnd,
    interpolates: true,
    raw: false,
};

fn is_text(expr: &Expr) -> bool {
    matches!(expr.kind, ExprKind::Constant { .. })
}

fn is_empty_text(expr: &Expr) -> bool {
    matches!(&expr.kind, ExprKind::Constant { value: Constant::Str(text), .. } if text.is_empty())
}

impl Parser<'_> {
    pub(super) fn fstring(&mut self) -> Parsed<StringPart> {
        Ok(StringPart::F(self.interpolated(F_STRING)?))
    }

    pub(super) fn tstring(&mut self) -> Parsed<StringPart> {
        Ok(StringPart::T(self.interpolated(T_STRING)?))
    }

    fn interpolated(&mut self, flavour: Flavour) -> Parsed<Vec<Expr>> {
        let start = self.peek();
        self.pos += 1;
        let raw = self.text(start).contains(['r', 'R']);
        let flavour = Flavour { raw, ..flavour };
        let mut values = Vec::new();
        loop {
            let token = self.peek();
            if token.kind == flavour.middle {
                self.pos += 1;
                let text = self.text_part(token, raw)?;
                if !is_empty_text(&text) {
                    values.push(text);
                }
            } else if token.kind == TokenKind::Lbrace {
                values.extend(self.nested(|p| p.replacement_field(flavour))?);
            } else {
                break;
            }
        }
        self.expect(flavour.end)?;
        Ok(values)
    }

    /// Literal text between replacement fields.
    fn text_part(&mut self, token: Token, raw: bool) -> Parsed<Expr> {
        let body = self.text(token);
        let points = if raw || !body.contains('\\') {
            body.chars().map(u32::from).collect()
        } else {
            self.decode_text(body, LiteralPlace { token, start: token.start as usize })?
        };
        Ok(self.constant(token, Constant::Str(WStr::from_code_points(points))))
    }

    /// A replacement field: its value, after the text that `=` asks for.
    fn replacement_field(&mut self, flavour: Flavour) -> Parsed<Vec<Expr>> {
        let start_pos = self.pos;
        match self.attempt(|p| p.plain_replacement_field(flavour))? {
            Some(field) => Ok(field),
            None => {
                self.pos = start_pos;
                if self.error_pass {
                    self.invalid_replacement_field(flavour)?;
                }
                Err(Fail::NoMatch)
            }
        }
    }

    fn plain_replacement_field(&mut self, flavour: Flavour) -> Parsed<Vec<Expr>> {
        let open = self.expect(TokenKind::Lbrace)?;
        let value = boxed(self.annotated_rhs()?);
        let equal = self.peek();
        let debug = self.eat(TokenKind::Equal);
        let mut after_expression = self.peek();
        let conversion = self.conversion(flavour)?;
        let spec = if self.at(TokenKind::Colon) {
            if conversion.is_none() {
                after_expression = self.peek();
            }
            Some(self.format_spec(flavour)?)
        } else {
            None
        };
        let close = self.expect(TokenKind::Rbrace)?;
        let location = self.span(open);
        let text_end = match (&conversion, &spec) {
            (Some(name), _) => (name.lineno, name.col_offset),
            (None, Some(spec)) => (spec.location.lineno, spec.location.col_offset + 1),
            _ => (close.end_lineno, close.end_col_offset),
        };
        let char_code = match conversion {
            Some(name) => i64::from(self.text(name).as_bytes()[0]),
            None if debug && spec.is_none() => i64::from(b'r'),
            None => -1,
        };
        let source_text = self.expression_text(open, after_expression);
        let format_spec = spec.map(boxed);
        let kind = if !flavour.interpolates {
            ExprKind::FormattedValue { value, conversion: char_code, format_spec }
        } else {
            let text = if debug { self.expression_text(open, equal) } else { source_text.clone() };
            let str = Constant::Str(WStr::from(text));
            ExprKind::Interpolation { value, str, conversion: char_code, format_spec }
        };
        let field = kind.at(location);
        if !debug {
            return Ok(vec![field]);
        }
        let text_location = Location {
            lineno: open.lineno,
            col_offset: open.col_offset + 1,
            end_lineno: text_end.0,
            end_col_offset: text_end.1 - 1,
        };
        let value = Constant::Str(WStr::from(source_text));
        let text = ExprKind::Constant { value, kind: None }.at(text_location);
        Ok(vec![text, field])
    }

    /// The source between the brace and the token after the expression, without comments.
    fn expression_text(&self, open: Token, after: Token) -> String {
        let text = &self.source[open.end as usize..after.start as usize];
        if !text.contains('#') {
            return text.to_string();
        }
        strip_comments(text)
    }

    fn conversion(&mut self, flavour: Flavour) -> Parsed<Option<Token>> {
        if !self.at(TokenKind::Exclamation) {
            return Ok(None);
        }
        let mark = self.peek();
        self.pos += 1;
        let name = self.peek();
        if name.kind != TokenKind::Name {
            return Err(Fail::NoMatch);
        }
        self.pos += 1;
        let letter = flavour.letter;
        if name.start != mark.end {
            return self.raise(
                token_location(mark).to(token_location(name)),
                format!("{letter}-string: conversion type must come right after the exclamation mark"),
            );
        }
        let text = self.text(name);
        if !matches!(text, "s" | "r" | "a") {
            return self.raise(
                token_location(name),
                format!(
                    "{letter}-string: invalid conversion character '{text}': \
                     expected 's', 'r', or 'a'"
                ),
            );
        }
        Ok(Some(name))
    }

    fn format_spec(&mut self, flavour: Flavour) -> Parsed<Expr> {
        let flavour = Flavour { interpolates: false, ..flavour };
        let colon = self.expect(TokenKind::Colon)?;
        let mut items = Vec::new();
        loop {
            let token = self.peek();
            if token.kind == flavour.middle {
                self.pos += 1;
                items.push(self.text_part(token, flavour.raw)?);
            } else if token.kind == TokenKind::Lbrace {
                items.extend(self.nested(|p| p.replacement_field(flavour))?);
            } else {
                break;
            }
        }
        items.retain(|item| !is_empty_text(item));
        let values = fold_text(items);
        Ok(ExprKind::JoinedStr { values }.at(self.span(colon)))
    }

    /// Joins adjacent literals of which at least one has replacement fields.
    pub(super) fn join_interpolated(&mut self, parts: Vec<StringPart>, location: Location) -> Parsed<Expr> {
        let templates = parts.iter().filter(|part| matches!(part, StringPart::T(_))).count();
        if templates != 0 && templates != parts.len() {
            return self.raise(location, "cannot mix t-string literals with string or bytes literals");
        }
        let has_bytes = parts.iter().any(|part| match part {
            StringPart::Plain(token) => self.is_bytes(*token),
            _ => false,
        });
        if has_bytes {
            self.peek();
            return self.raise_last("cannot mix bytes and nonbytes literals");
        }
        let mut values = Vec::new();
        for part in parts {
            match part {
                StringPart::Plain(token) => {
                    let points = self.text_literal(token)?;
                    let value = Constant::Str(WStr::from_code_points(points));
                    let kind = self.unicode_kind(Some(&token));
                    values.push(ExprKind::Constant { value, kind }.at(token_location(token)));
                }
                StringPart::F(items) | StringPart::T(items) => values.extend(items),
            }
        }
        let values = fold_text(values);
        let kind = if templates == 0 { ExprKind::JoinedStr { values } } else { ExprKind::TemplateStr { values } };
        Ok(kind.at(location))
    }

    fn invalid_replacement_field(&mut self, flavour: Flavour) -> Parsed<()> {
        let letter = flavour.letter;
        self.expect(TokenKind::Lbrace)?;
        let token = self.peek();
        let mark = match token.kind {
            TokenKind::Equal => "=",
            TokenKind::Exclamation => "!",
            TokenKind::Colon => ":",
            TokenKind::Rbrace => "}",
            _ => "",
        };
        if !mark.is_empty() {
            return self
                .raise(token_location(token), format!("{letter}-string: valid expression required before '{mark}'"));
        }
        if self.attempt(Self::annotated_rhs)?.is_none() {
            return self
                .raise(token_location(token), format!("{letter}-string: expecting a valid expression after '{{'"));
        }
        let expected = |p: &mut Self, list: &str| {
            let place = token_location(p.peek());
            p.raise::<()>(place, format!("{letter}-string: expecting {list}"))
        };
        let ends = [TokenKind::Exclamation, TokenKind::Colon, TokenKind::Rbrace];
        if self.eat(TokenKind::Equal) {
            if !ends.contains(&self.kind()) {
                return expected(self, "'!', or ':', or '}'");
            }
        } else if !ends.contains(&self.kind()) {
            return expected(self, "'=', or '!', or ':', or '}'");
        }
        if self.eat(TokenKind::Exclamation) {
            let token = self.peek();
            if matches!(token.kind, TokenKind::Colon | TokenKind::Rbrace) {
                return self.raise(token_location(token), format!("{letter}-string: missing conversion character"));
            }
            if token.kind != TokenKind::Name || token.keyword.is_some() {
                return self.raise(token_location(token), format!("{letter}-string: invalid conversion character"));
            }
            self.pos += 1;
        }
        if !matches!(self.kind(), TokenKind::Colon | TokenKind::Rbrace) {
            return expected(self, "':' or '}'");
        }
        if self.eat(TokenKind::Colon) {
            while self.kind() == flavour.middle || self.at(TokenKind::Lbrace) {
                if !self.eat(flavour.middle) {
                    self.replacement_field(flavour)?;
                }
            }
            if !self.at(TokenKind::Rbrace) {
                return expected(self, "'}', or format specs");
            }
        }
        if !self.at(TokenKind::Rbrace) {
            return expected(self, "'}'");
        }
        Ok(())
    }
}

/// Joins neighbouring texts and drops empty ones.
fn fold_text(items: Vec<Expr>) -> Vec<Expr> {
    let mut folded: Vec<Expr> = Vec::with_capacity(items.len());
    for item in items {
        let joins = is_text(&item) && folded.last().is_some_and(is_text);
        if !joins {
            if folded.last().is_some_and(is_empty_text) {
                folded.pop();
            }
            folded.push(item);
            continue;
        }
        if let (
            Some(Expr { kind: ExprKind::Constant { value: Constant::Str(left), .. }, location }),
            ExprKind::Constant { value: Constant::Str(right), .. },
        ) = (folded.last_mut(), &item.kind)
        {
            *left = left.concat(right);
            *location = location.to(item.location);
        }
    }
    if folded.last().is_some_and(is_empty_text) {
        folded.pop();
    }
    folded
}

/// The text of an expression without its comments; quotes protect `#`.
fn strip_comments(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut quote: Option<char> = None;
    let mut in_comment = false;
    let mut chars = text.chars();
    while let Some(ch) = chars.next() {
        if ch == '\\' && !in_comment {
            result.push(ch);
            result.extend(chars.next());
            continue;
        }
        match quote {
            Some(open) => {
                if ch == open {
                    quote = None;
                }
                result.push(ch);
            }
            None if in_comment => {
                if ch == '\n' {
                    in_comment = false;
                    result.push(ch);
                }
            }
            None => {
                match ch {
                    '\'' | '"' => quote = Some(ch),
                    '#' => {
                        in_comment = true;
                        continue;
                    }
                    _ => {}
                }
                result.push(ch);
            }
        }
    }
    result
}
