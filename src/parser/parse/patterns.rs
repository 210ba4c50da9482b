//! The `match` statement and its patterns.

use pyrs_bytecode::{Constant, WStr};

use crate::ast::{Expr, ExprContext, ExprKind, MatchCase, Operator, Pattern, PatternKind, Stmt, StmtKind, UnaryOp};
use crate::token::{Keyword, TokenKind};

use super::{Fail, Parsed, Parser, boxed, token_location};

impl Parser<'_> {
    pub(super) fn match_stmt(&mut self) -> Parsed<Stmt> {
        let start = self.peek();
        self.pos += 1;
        let subject = boxed(self.subject()?);
        if self.error_pass && self.at(TokenKind::Newline) {
            return self.raise_last("expected ':'");
        }
        self.expect(TokenKind::Colon)?;
        self.expect(TokenKind::Newline)?;
        if self.error_pass && !self.at(TokenKind::Indent) {
            return self.raise_expected_block("'match' statement", start.lineno);
        }
        self.expect(TokenKind::Indent)?;
        let mut cases = vec![self.case_block()?];
        while self.at_soft("case") {
            cases.push(self.case_block()?);
        }
        self.expect(TokenKind::Dedent)?;
        Ok(Stmt::new(StmtKind::Match { subject, cases }, self.span(start)))
    }

    fn subject(&mut self) -> Parsed<Expr> {
        let start = self.peek();
        let first = self.star_named_expression()?;
        if !self.at(TokenKind::Comma) {
            if matches!(first.kind, ExprKind::Starred { .. }) {
                return Err(Fail::NoMatch);
            }
            return Ok(first);
        }
        let mut elts = vec![first];
        while self.eat(TokenKind::Comma) {
            match self.attempt(Self::star_named_expression)? {
                Some(next) => elts.push(next),
                None => break,
            }
        }
        let kind = ExprKind::Tuple { elts, ctx: ExprContext::Load };
        Ok(kind.at(self.span(start)))
    }

    fn case_block(&mut self) -> Parsed<MatchCase> {
        if !self.at_soft("case") {
            return Err(Fail::NoMatch);
        }
        let start = self.peek();
        self.pos += 1;
        let pattern = self.patterns()?;
        let guard = if self.eat_keyword(Keyword::If) { Some(boxed(self.named_expression()?)) } else { None };
        if self.error_pass && self.at(TokenKind::Newline) {
            return self.raise_last("expected ':'");
        }
        self.expect(TokenKind::Colon)?;
        let body = self.block("'case' statement", start.lineno)?;
        Ok(MatchCase { pattern, guard, body })
    }

    fn patterns(&mut self) -> Parsed<Pattern> {
        let start = self.peek();
        let first = self.maybe_star_pattern()?;
        let starred = matches!(first.kind, PatternKind::MatchStar { .. });
        if !self.at(TokenKind::Comma) {
            if starred {
                return Err(Fail::NoMatch);
            }
            return Ok(first);
        }
        let mut patterns = vec![first];
        self.more_patterns(&mut patterns)?;
        let kind = PatternKind::MatchSequence { patterns };
        Ok(Pattern { kind, location: self.span(start) })
    }

    fn more_patterns(&mut self, patterns: &mut Vec<Pattern>) -> Parsed<()> {
        while self.eat(TokenKind::Comma) {
            match self.attempt(Self::maybe_star_pattern)? {
                Some(next) => patterns.push(next),
                None => break,
            }
        }
        Ok(())
    }

    fn maybe_star_pattern(&mut self) -> Parsed<Pattern> {
        let start = self.peek();
        if !self.eat(TokenKind::Star) {
            return self.pattern();
        }
        let name = self.capture_name()?;
        Ok(Pattern { kind: PatternKind::MatchStar { name }, location: self.span(start) })
    }

    /// A name, `None` for `_`.
    fn capture_name(&mut self) -> Parsed<Option<WStr>> {
        let token = self.expect_name()?;
        if self.text(token) == "_" {
            return Ok(None);
        }
        Ok(Some(self.identifier(token)))
    }

    pub(super) fn pattern(&mut self) -> Parsed<Pattern> {
        self.nested(|p| {
            let start = p.peek();
            let pattern = p.or_pattern()?;
            if !p.at_keyword(Keyword::As) {
                return Ok(pattern);
            }
            p.pos += 1;
            if p.error_pass {
                p.invalid_as_pattern()?;
            }
            let Some(name) = p.capture_name()? else {
                return Err(Fail::NoMatch);
            };
            let kind = PatternKind::MatchAs { pattern: Some(Box::new(pattern)), name: Some(name) };
            Ok(Pattern { kind, location: p.span(start) })
        })
    }

    fn or_pattern(&mut self) -> Parsed<Pattern> {
        let start = self.peek();
        let first = self.closed_pattern()?;
        if !self.at(TokenKind::Vbar) {
            return Ok(first);
        }
        let mut patterns = vec![first];
        while self.eat(TokenKind::Vbar) {
            patterns.push(self.closed_pattern()?);
        }
        Ok(Pattern { kind: PatternKind::MatchOr { patterns }, location: self.span(start) })
    }

    fn closed_pattern(&mut self) -> Parsed<Pattern> {
        let start = self.peek();
        let kind = match start.kind {
            TokenKind::Number | TokenKind::Minus => PatternKind::MatchValue { value: boxed(self.number_expr()?) },
            TokenKind::String | TokenKind::FstringStart | TokenKind::TstringStart => {
                let value = self.strings()?;
                if matches!(value.kind, ExprKind::JoinedStr { .. } | ExprKind::TemplateStr { .. }) {
                    return self.raise(value.location, "patterns may only match literals and attribute lookups");
                }
                PatternKind::MatchValue { value: boxed(value) }
            }
            TokenKind::Lpar => return self.group_or_sequence(),
            TokenKind::Lsqb => {
                self.pos += 1;
                let mut patterns = Vec::new();
                if !self.at(TokenKind::Rsqb) {
                    patterns.push(self.maybe_star_pattern()?);
                    self.more_patterns(&mut patterns)?;
                }
                self.expect(TokenKind::Rsqb)?;
                PatternKind::MatchSequence { patterns }
            }
            TokenKind::Lbrace => self.mapping_pattern()?,
            TokenKind::Name => return self.name_pattern(),
            _ => return Err(Fail::NoMatch),
        };
        Ok(Pattern { kind, location: self.span(start) })
    }

    fn name_pattern(&mut self) -> Parsed<Pattern> {
        let start = self.peek();
        let singleton = match start.keyword {
            Some(Keyword::None) => Some(Constant::None),
            Some(Keyword::True) => Some(Constant::True),
            Some(Keyword::False) => Some(Constant::False),
            Some(_) => return Err(Fail::NoMatch),
            None => None,
        };
        if let Some(value) = singleton {
            self.pos += 1;
            let kind = PatternKind::MatchSingleton { value };
            return Ok(Pattern { kind, location: self.span(start) });
        }
        let value = self.name_or_attr()?;
        let is_name = matches!(value.kind, ExprKind::Name { .. });
        let kind = if self.at(TokenKind::Lpar) {
            self.class_pattern(value)?
        } else if is_name {
            if self.at(TokenKind::Equal) {
                return Err(Fail::NoMatch);
            }
            let name = (self.text(start) != "_").then(|| self.identifier(start));
            PatternKind::MatchAs { pattern: None, name }
        } else {
            PatternKind::MatchValue { value: boxed(value) }
        };
        Ok(Pattern { kind, location: self.span(start) })
    }

    fn name_or_attr(&mut self) -> Parsed<Expr> {
        let start = self.expect_name()?;
        let mut value = self.name_expr(start, ExprContext::Load);
        while self.eat(TokenKind::Dot) {
            let name = self.expect_name()?;
            let attr = self.identifier(name);
            let kind = ExprKind::Attribute { value: boxed(value), attr, ctx: ExprContext::Load };
            value = kind.at(self.span(start));
        }
        Ok(value)
    }

    /// A number, perhaps negative, perhaps complex.
    fn number_expr(&mut self) -> Parsed<Expr> {
        let start = self.peek();
        let left = self.signed_number()?;
        let op = match self.kind() {
            TokenKind::Plus => Operator::Add,
            TokenKind::Minus => Operator::Sub,
            _ => return Ok(left),
        };
        if is_complex(&left) {
            let real = left.location;
            return self.raise(real, "real number required in complex literal");
        }
        self.pos += 1;
        let token = self.expect(TokenKind::Number)?;
        let value = self.number(token)?;
        if !matches!(value, Constant::Complex { .. }) {
            return self.raise(token_location(token), "imaginary number required in complex literal");
        }
        let right = boxed(self.constant(token, value));
        let kind = ExprKind::BinOp { left: boxed(left), op, right };
        Ok(kind.at(self.span(start)))
    }

    fn signed_number(&mut self) -> Parsed<Expr> {
        let start = self.peek();
        if self.eat(TokenKind::Minus) {
            let token = self.expect(TokenKind::Number)?;
            let value = self.number(token)?;
            let operand = boxed(self.constant(token, value));
            let kind = ExprKind::UnaryOp { op: UnaryOp::USub, operand };
            return Ok(kind.at(self.span(start)));
        }
        let token = self.expect(TokenKind::Number)?;
        let value = self.number(token)?;
        Ok(self.constant(token, value))
    }

    fn group_or_sequence(&mut self) -> Parsed<Pattern> {
        let start = self.expect(TokenKind::Lpar)?;
        let mut patterns = Vec::new();
        if !self.at(TokenKind::Rpar) {
            let first = self.maybe_star_pattern()?;
            let starred = matches!(first.kind, PatternKind::MatchStar { .. });
            if !self.at(TokenKind::Comma) {
                if starred {
                    return Err(Fail::NoMatch);
                }
                self.expect(TokenKind::Rpar)?;
                return Ok(first);
            }
            patterns.push(first);
            self.more_patterns(&mut patterns)?;
        }
        self.expect(TokenKind::Rpar)?;
        let kind = PatternKind::MatchSequence { patterns };
        Ok(Pattern { kind, location: self.span(start) })
    }

    fn mapping_pattern(&mut self) -> Parsed<PatternKind> {
        self.pos += 1;
        let (mut keys, mut patterns, mut rest) = (Vec::new(), Vec::new(), None);
        while !self.at(TokenKind::Rbrace) {
            if self.eat(TokenKind::DoubleStar) {
                let Some(name) = self.capture_name()? else {
                    return Err(Fail::NoMatch);
                };
                rest = Some(name);
                self.eat(TokenKind::Comma);
                break;
            }
            keys.push(self.mapping_key()?);
            self.expect(TokenKind::Colon)?;
            patterns.push(self.pattern()?);
            if !self.eat(TokenKind::Comma) {
                break;
            }
        }
        self.expect(TokenKind::Rbrace)?;
        Ok(PatternKind::MatchMapping { keys, patterns, rest })
    }

    fn mapping_key(&mut self) -> Parsed<Expr> {
        let token = self.peek();
        match token.kind {
            TokenKind::Number | TokenKind::Minus => self.number_expr(),
            TokenKind::String | TokenKind::FstringStart | TokenKind::TstringStart => self.strings(),
            TokenKind::Name if token.keyword.is_some() => {
                let value = match token.keyword {
                    Some(Keyword::None) => Constant::None,
                    Some(Keyword::True) => Constant::True,
                    Some(Keyword::False) => Constant::False,
                    _ => return Err(Fail::NoMatch),
                };
                self.pos += 1;
                Ok(self.constant(token, value))
            }
            TokenKind::Name => {
                let value = self.name_or_attr()?;
                if matches!(value.kind, ExprKind::Name { .. }) {
                    return Err(Fail::NoMatch);
                }
                Ok(value)
            }
            _ => Err(Fail::NoMatch),
        }
    }

    fn class_pattern(&mut self, cls: Expr) -> Parsed<PatternKind> {
        self.expect(TokenKind::Lpar)?;
        let first_argument = self.pos;
        let (mut patterns, mut kwd_attrs, mut kwd_patterns) = (Vec::new(), Vec::new(), Vec::new());
        while !self.at(TokenKind::Rpar) {
            if self.at_name() && self.next_kind() == TokenKind::Equal {
                let name = self.expect_name()?;
                self.pos += 1;
                kwd_attrs.push(self.identifier(name));
                kwd_patterns.push(self.pattern()?);
            } else {
                if !kwd_attrs.is_empty() {
                    if self.error_pass {
                        self.invalid_class_pattern(first_argument)?;
                    }
                    return Err(Fail::NoMatch);
                }
                patterns.push(self.pattern()?);
            }
            if !self.eat(TokenKind::Comma) {
                break;
            }
        }
        self.expect(TokenKind::Rpar)?;
        Ok(PatternKind::MatchClass { cls: boxed(cls), patterns, kwd_attrs, kwd_patterns })
    }
}

fn is_complex(expr: &Expr) -> bool {
    let value = match &expr.kind {
        ExprKind::UnaryOp { operand, .. } => &operand.kind,
        kind => kind,
    };
    matches!(value, ExprKind::Constant { value: Constant::Complex { .. }, .. })
}
