//! Atoms: names, numbers, strings, and everything in brackets.

use num_bigint::BigInt;
use pyrs_bytecode::Constant;

use crate::ast::{Expr, ExprContext, ExprKind};
use crate::token::{Keyword, Token, TokenKind};

use super::{Fail, Parsed, Parser, boxed, token_location};

/// More digits than this need a hexadecimal literal.
const MAX_INT_DIGITS: usize = 4300;

impl Parser<'_> {
    pub(super) fn name_expr(&self, token: Token, ctx: ExprContext) -> Expr {
        Expr::new(ExprKind::Name { id: self.identifier(token), ctx }, token_location(token))
    }

    pub(super) fn constant(&self, token: Token, value: Constant) -> Expr {
        Expr::new(ExprKind::Constant { value, kind: None }, token_location(token))
    }

    pub(super) fn atom(&mut self) -> Parsed<Expr> {
        let token = self.peek();
        match token.kind {
            TokenKind::Name => {
                let value = match token.keyword {
                    None => {
                        self.pos += 1;
                        return Ok(self.name_expr(token, ExprContext::Load));
                    }
                    Some(Keyword::True) => Constant::True,
                    Some(Keyword::False) => Constant::False,
                    Some(Keyword::None) => Constant::None,
                    Some(_) => return Err(Fail::NoMatch),
                };
                self.pos += 1;
                Ok(self.constant(token, value))
            }
            TokenKind::Number => {
                self.pos += 1;
                let value = self.number(token)?;
                Ok(self.constant(token, value))
            }
            TokenKind::String | TokenKind::FstringStart | TokenKind::TstringStart => self.strings(),
            TokenKind::Ellipsis => {
                self.pos += 1;
                Ok(self.constant(token, Constant::Ellipsis))
            }
            TokenKind::Lpar => self.nested(Self::parenthesized),
            TokenKind::Lsqb => self.nested(Self::list_or_comprehension),
            TokenKind::Lbrace => self.nested(Self::braces),
            _ => Err(Fail::NoMatch),
        }
    }

    pub(super) fn number(&mut self, token: Token) -> Parsed<Constant> {
        let digits: String = self.text(token).chars().filter(|ch| *ch != '_').collect();
        let lower = digits.to_ascii_lowercase();
        let radix = match lower.get(..2) {
            Some("0x") => 16,
            Some("0o") => 8,
            Some("0b") => 2,
            _ => 10,
        };
        if radix != 10 {
            let value = BigInt::parse_bytes(&lower.as_bytes()[2..], radix).unwrap_or_default();
            return Ok(Constant::from_bigint(value));
        }
        if let Some(imaginary) = lower.strip_suffix('j') {
            let imag = imaginary.parse().unwrap_or(0.0);
            return Ok(Constant::Complex { real: 0.0, imag });
        }
        if lower.contains(['.', 'e']) {
            return Ok(Constant::Float(lower.parse().unwrap_or(0.0)));
        }
        if let Ok(small) = lower.parse() {
            return Ok(Constant::Int(small));
        }
        let significant = lower.trim_start_matches('0').len();
        if significant > MAX_INT_DIGITS {
            return self.raise_from(
                token_location(token),
                format!(
                    "Exceeds the limit ({MAX_INT_DIGITS} digits) for integer string conversion: \
                     value has {significant} digits; use sys.set_int_max_str_digits() to increase \
                     the limit - Consider hexadecimal for huge integer literals to avoid decimal \
                     conversion limits."
                ),
            );
        }
        let value = BigInt::parse_bytes(lower.as_bytes(), 10).unwrap_or_default();
        Ok(Constant::from_bigint(value))
    }

    /// A tuple, a group or a generator expression.
    fn parenthesized(&mut self) -> Parsed<Expr> {
        let start = self.expect(TokenKind::Lpar)?;
        let start_pos = self.pos - 1;
        if self.eat(TokenKind::Rpar) {
            let kind = ExprKind::Tuple { elts: Vec::new(), ctx: ExprContext::Load };
            return Ok(kind.at(self.span(start)));
        }
        match self.attempt(|p| p.parenthesized_body(start))? {
            Some(expr) => Ok(expr),
            None => {
                self.pos = start_pos;
                if self.error_pass {
                    self.invalid_group()?;
                    self.invalid_comprehension()?;
                }
                Err(Fail::NoMatch)
            }
        }
    }

    fn parenthesized_body(&mut self, start: Token) -> Parsed<Expr> {
        if self.at_keyword(Keyword::Yield) {
            let inner = self.yield_expr()?;
            self.expect(TokenKind::Rpar)?;
            return Ok(inner);
        }
        let first = self.star_named_expression()?;
        if self.at(TokenKind::Comma) {
            let mut elts = vec![first];
            while self.eat(TokenKind::Comma) {
                match self.attempt(Self::star_named_expression)? {
                    Some(next) => elts.push(next),
                    None => break,
                }
            }
            self.expect(TokenKind::Rpar)?;
            let kind = ExprKind::Tuple { elts, ctx: ExprContext::Load };
            return Ok(kind.at(self.span(start)));
        }
        if matches!(first.kind, ExprKind::Starred { .. }) {
            // Neither a group nor a generator expression may be starred.
            self.peek();
            return Err(Fail::NoMatch);
        }
        if self.at_comprehension() {
            let generators = self.comprehension_clauses()?;
            self.expect(TokenKind::Rpar)?;
            let kind = ExprKind::GeneratorExp { elt: boxed(first), generators };
            return Ok(kind.at(self.span(start)));
        }
        self.expect(TokenKind::Rpar)?;
        Ok(first)
    }

    fn list_or_comprehension(&mut self) -> Parsed<Expr> {
        let start = self.expect(TokenKind::Lsqb)?;
        let start_pos = self.pos - 1;
        match self.attempt(|p| p.list_body(start))? {
            Some(expr) => Ok(expr),
            None => {
                self.pos = start_pos;
                if self.error_pass {
                    self.invalid_comprehension()?;
                }
                Err(Fail::NoMatch)
            }
        }
    }

    fn list_body(&mut self, start: Token) -> Parsed<Expr> {
        if self.eat(TokenKind::Rsqb) {
            let kind = ExprKind::List { elts: Vec::new(), ctx: ExprContext::Load };
            return Ok(kind.at(self.span(start)));
        }
        let (mut elts, trailing_comma) = self.star_named_expressions()?;
        let single = elts.len() == 1 && !trailing_comma;
        let kind = if single && self.at_comprehension() {
            if matches!(elts[0].kind, ExprKind::Starred { .. }) {
                return Err(Fail::NoMatch);
            }
            let generators = self.comprehension_clauses()?;
            ExprKind::ListComp { elt: boxed(elts.remove(0)), generators }
        } else {
            ExprKind::List { elts, ctx: ExprContext::Load }
        };
        self.expect(TokenKind::Rsqb)?;
        Ok(kind.at(self.span(start)))
    }

    /// A dict, a set or a comprehension of one of them.
    fn braces(&mut self) -> Parsed<Expr> {
        let start = self.expect(TokenKind::Lbrace)?;
        let start_pos = self.pos - 1;
        match self.attempt(|p| p.braces_body(start))? {
            Some(expr) => Ok(expr),
            None => {
                self.pos = start_pos;
                if self.error_pass {
                    self.invalid_dict()?;
                    self.pos = start_pos;
                    self.invalid_comprehension()?;
                }
                Err(Fail::NoMatch)
            }
        }
    }

    fn braces_body(&mut self, start: Token) -> Parsed<Expr> {
        if self.eat(TokenKind::Rbrace) {
            let kind = ExprKind::Dict { keys: Vec::new(), values: Vec::new() };
            return Ok(kind.at(self.span(start)));
        }
        if self.at(TokenKind::DoubleStar) {
            return self.dict_items(start, None);
        }
        let first_pos = self.pos;
        let first = self.star_named_expression()?;
        let bare_walrus = matches!(first.kind, ExprKind::NamedExpr { .. })
            && first.location.lineno == self.tokens[first_pos].lineno
            && first.location.col_offset == self.tokens[first_pos].col_offset;
        let no_key = bare_walrus || matches!(first.kind, ExprKind::Starred { .. });
        if self.at(TokenKind::Colon) && !no_key {
            return self.dict_items(start, Some(first));
        }
        let kind = if self.at_comprehension() {
            if matches!(first.kind, ExprKind::Starred { .. }) {
                return Err(Fail::NoMatch);
            }
            let generators = self.comprehension_clauses()?;
            ExprKind::SetComp { elt: boxed(first), generators }
        } else {
            let mut elts = vec![first];
            while self.eat(TokenKind::Comma) {
                match self.attempt(Self::star_named_expression)? {
                    Some(next) => elts.push(next),
                    None => break,
                }
            }
            ExprKind::Set { elts }
        };
        self.expect(TokenKind::Rbrace)?;
        Ok(kind.at(self.span(start)))
    }

    fn dict_items(&mut self, start: Token, first_key: Option<Expr>) -> Parsed<Expr> {
        let (mut keys, mut values) = (Vec::new(), Vec::new());
        let mut pending = first_key;
        loop {
            if pending.is_none() && self.eat(TokenKind::DoubleStar) {
                keys.push(None);
                values.push(self.bitwise_or()?);
            } else {
                let key = match pending.take() {
                    Some(key) => key,
                    None => match self.attempt(Self::expression)? {
                        Some(key) => key,
                        None => break,
                    },
                };
                self.expect(TokenKind::Colon)?;
                let value = self.expression()?;
                if keys.is_empty() && self.at_comprehension() {
                    let generators = self.comprehension_clauses()?;
                    self.expect(TokenKind::Rbrace)?;
                    let kind = ExprKind::DictComp { key: boxed(key), value: boxed(value), generators };
                    return Ok(kind.at(self.span(start)));
                }
                keys.push(Some(key));
                values.push(value);
            }
            if !self.eat(TokenKind::Comma) {
                break;
            }
        }
        self.expect(TokenKind::Rbrace)?;
        Ok(ExprKind::Dict { keys, values }.at(self.span(start)))
    }
}
