//! The common mistakes: rules that only the error pass tries, each with a message of its own.
//!
//! A rule that does not apply returns `Ok(())`; where it consumed something, the caller goes back
//! to where it was.

use pyrs_bytecode::Constant;

use crate::ast::{CmpOp, Expr, ExprKind, Location};
use crate::error::ErrorKind;
use crate::token::{Keyword, Token, TokenKind};

use super::simple::augmented_operator;
use super::{Fail, Parsed, Parser, error_location, token_location};

/// What kind of target an expression fails to be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum TargetKind {
    Star,
    Del,
    For,
}

/// What an expression is called in messages.
pub(super) fn expr_name(expr: &Expr) -> &'static str {
    match &expr.kind {
        ExprKind::Attribute { .. } => "attribute",
        ExprKind::Subscript { .. } => "subscript",
        ExprKind::Starred { .. } => "starred",
        ExprKind::Name { .. } => "name",
        ExprKind::List { .. } => "list",
        ExprKind::Tuple { .. } => "tuple",
        ExprKind::Lambda { .. } => "lambda",
        ExprKind::Call { .. } => "function call",
        ExprKind::BoolOp { .. } | ExprKind::BinOp { .. } | ExprKind::UnaryOp { .. } => "expression",
        ExprKind::GeneratorExp { .. } => "generator expression",
        ExprKind::Yield { .. } | ExprKind::YieldFrom { .. } => "yield expression",
        ExprKind::Await { .. } => "await expression",
        ExprKind::ListComp { .. } => "list comprehension",
        ExprKind::SetComp { .. } => "set comprehension",
        ExprKind::DictComp { .. } => "dict comprehension",
        ExprKind::Dict { .. } => "dict literal",
        ExprKind::Set { .. } => "set display",
        ExprKind::JoinedStr { .. } | ExprKind::FormattedValue { .. } => "f-string expression",
        ExprKind::TemplateStr { .. } | ExprKind::Interpolation { .. } => "t-string expression",
        ExprKind::Constant { value, .. } => match value {
            Constant::None => "None",
            Constant::True => "True",
            Constant::False => "False",
            Constant::Ellipsis => "ellipsis",
            _ => "literal",
        },
        ExprKind::Compare { .. } => "comparison",
        ExprKind::IfExp { .. } => "conditional expression",
        ExprKind::NamedExpr { .. } => "named expression",
        ExprKind::Slice { .. } => "slice",
    }
}

/// The part of an expression because of which it is no target.
fn invalid_target(expr: &Expr, kind: TargetKind) -> Option<&Expr> {
    match &expr.kind {
        ExprKind::List { elts, .. } | ExprKind::Tuple { elts, .. } => {
            elts.iter().find_map(|elt| invalid_target(elt, kind))
        }
        ExprKind::Starred { value, .. } if kind != TargetKind::Del => invalid_target(value, kind),
        ExprKind::Compare { left, ops, .. } if kind == TargetKind::For => {
            // `a in b` of a loop reads as a comparison.
            if ops.first() == Some(&CmpOp::In) { invalid_target(left, kind) } else { None }
        }
        ExprKind::Name { .. } | ExprKind::Subscript { .. } | ExprKind::Attribute { .. } => None,
        _ => Some(expr),
    }
}

impl Parser<'_> {
    pub(super) fn raise_expected_colon<T>(&mut self) -> Parsed<T> {
        let token = self.peek();
        self.raise(token_location(token), "expected ':'")
    }

    /// An error at the current token.
    pub(super) fn raise_here<T>(&mut self, msg: impl Into<String>) -> Parsed<T> {
        let token = self.peek();
        self.raise(token_location(token), msg)
    }

    /// Tries a rule for its errors; the position stays.
    fn probe(&mut self, rule: impl FnOnce(&mut Self) -> Parsed<()>) -> Parsed<()> {
        let start = self.pos;
        let result = self.attempt(rule);
        self.pos = start;
        result.map(|_| ())
    }

    fn not_at(&mut self, kinds: &[TokenKind]) -> Parsed<()> {
        if kinds.contains(&self.kind()) { Err(Fail::NoMatch) } else { Ok(()) }
    }

    /// Runs a rule with the checks for mistakes switched off.
    fn without_invalid<T>(&mut self, rule: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        self.error_pass = false;
        let result = rule(self);
        self.error_pass = true;
        result
    }

    fn raise_invalid_target(&mut self, expr: &Expr, kind: TargetKind) -> Parsed<()> {
        let Some(bad) = invalid_target(expr, kind) else {
            return Ok(());
        };
        let verb = if kind == TargetKind::Del { "delete" } else { "assign to" };
        self.raise(bad.location, format!("cannot {verb} {}", expr_name(bad)))
    }

    fn is_legacy_name(expr: &Expr) -> bool {
        matches!(&expr.kind, ExprKind::Name { id, .. } if *id == "print" || *id == "exec")
    }

    pub(super) fn invalid_legacy_expression(&mut self) -> Parsed<()> {
        let token = self.peek();
        self.probe(|p| {
            p.expect_name()?;
            p.not_at(&[TokenKind::Lpar])?;
            let value = p.star_expressions()?;
            let name = p.text(token);
            if !matches!(name, "print" | "exec") {
                return Err(Fail::NoMatch);
            }
            p.raise(
                token_location(token).to(value.location),
                format!("Missing parentheses in call to '{name}'. Did you mean {name}(...)?"),
            )
        })
    }

    pub(super) fn invalid_expression(&mut self) -> Parsed<()> {
        self.probe(Self::text_between_strings)?;
        self.probe(Self::missing_comma)?;
        self.probe(Self::incomplete_conditional)?;
        self.probe(Self::statement_in_conditional)?;
        self.probe(Self::lambda_in_fstring)
    }

    /// `"a "b" c"`: quotes inside quotes.
    fn text_between_strings(&mut self) -> Parsed<()> {
        self.expect(TokenKind::String)?;
        self.not_at(&[TokenKind::String])?;
        let first = self.without_invalid(Self::plain_expression)?;
        let mut last = first.location;
        while !self.at(TokenKind::String) {
            last = self.without_invalid(Self::plain_expression)?.location;
        }
        self.raise(first.location.to(last), "invalid syntax. Is this intended to be part of the string?")
    }

    fn missing_comma(&mut self) -> Parsed<()> {
        let first = self.peek();
        if first.kind == TokenKind::Name && first.keyword.is_none() {
            let soft = matches!(self.text(first), "match" | "case" | "type" | "_");
            if soft || self.next_kind() == TokenKind::String {
                return Err(Fail::NoMatch);
            }
        }
        let left = self.disjunction()?;
        let right = self.without_invalid(Self::plain_expression)?;
        if Self::is_legacy_name(&left) || self.tokens[self.pos - 1].level == 0 {
            return Err(Fail::NoMatch);
        }
        self.raise(left.location.to(right.location), "invalid syntax. Perhaps you forgot a comma?")
    }

    fn incomplete_conditional(&mut self) -> Parsed<()> {
        let body = self.disjunction()?;
        self.expect_keyword(Keyword::If)?;
        let test = self.disjunction()?;
        if !self.at_keyword(Keyword::Else) {
            self.not_at(&[TokenKind::Colon])?;
            return self.raise(body.location.to(test.location), "expected 'else' after 'if' expression");
        }
        self.pos += 1;
        if self.attempt(Self::expression)?.is_none() {
            return self.raise_here("expected expression after 'else', but statement is given");
        }
        Ok(())
    }

    fn statement_in_conditional(&mut self) -> Parsed<()> {
        if !self.at_any_keyword(&[Keyword::Pass, Keyword::Break, Keyword::Continue]) {
            return Err(Fail::NoMatch);
        }
        let statement = self.peek();
        self.pos += 1;
        self.expect_keyword(Keyword::If)?;
        self.disjunction()?;
        self.expect_keyword(Keyword::Else)?;
        self.simple_stmt()?;
        self.raise(token_location(statement), "expected expression before 'if', but statement is given")
    }

    fn lambda_in_fstring(&mut self) -> Parsed<()> {
        let start = self.expect_keyword(Keyword::Lambda)?;
        self.lambda_parameters()?;
        let colon = self.expect(TokenKind::Colon)?;
        let letter = match self.kind() {
            TokenKind::FstringMiddle => 'f',
            TokenKind::TstringMiddle => 't',
            _ => return Err(Fail::NoMatch),
        };
        self.raise(
            token_location(start).to(token_location(colon)),
            format!("{letter}-string: lambda expressions are not allowed without parentheses"),
        )
    }

    pub(super) fn invalid_named_expression(&mut self) -> Parsed<()> {
        self.probe(|p| {
            let target = p.expression()?;
            p.expect(TokenKind::ColonEqual)?;
            p.expression()?;
            p.raise(target.location, format!("cannot use assignment expressions with {}", expr_name(&target)))
        })?;
        self.probe(|p| {
            let name = p.expect_name()?;
            p.expect(TokenKind::Equal)?;
            let value = p.bitwise_or()?;
            p.not_at(&[TokenKind::Equal, TokenKind::ColonEqual])?;
            p.raise(
                token_location(name).to(value.location),
                "invalid syntax. Maybe you meant '==' or ':=' instead of '='?",
            )
        })?;
        self.probe(|p| {
            if p.at_any_keyword(&[Keyword::True, Keyword::None, Keyword::False]) {
                return Err(Fail::NoMatch);
            }
            let bracketed = matches!(p.kind(), TokenKind::Lpar | TokenKind::Lsqb);
            let start = p.pos;
            if bracketed && let Some(atom) = p.attempt(Self::atom)? {
                let excluded =
                    matches!(atom.kind, ExprKind::List { .. } | ExprKind::Tuple { .. } | ExprKind::GeneratorExp { .. });
                if excluded {
                    return Err(Fail::NoMatch);
                }
            }
            p.pos = start;
            let target = p.bitwise_or()?;
            p.expect(TokenKind::Equal)?;
            p.bitwise_or()?;
            p.not_at(&[TokenKind::Equal, TokenKind::ColonEqual])?;
            p.raise(
                target.location,
                format!("cannot assign to {} here. Maybe you meant '==' instead of '='?", expr_name(&target)),
            )
        })
    }

    pub(super) fn invalid_assignment(&mut self) -> Parsed<()> {
        self.probe(|p| {
            let target = p.annotated_display()?;
            p.expect(TokenKind::Colon)?;
            p.expression()?;
            p.raise(target.location, format!("only single target (not {}) can be annotated", expr_name(&target)))
        })?;
        self.probe(|p| {
            let first = p.star_named_expression()?;
            p.expect(TokenKind::Comma)?;
            p.attempt(Self::star_named_expressions)?;
            p.expect(TokenKind::Colon)?;
            p.expression()?;
            p.raise(first.location, "only single target (not tuple) can be annotated")
        })?;
        self.probe(|p| {
            let target = p.expression()?;
            p.expect(TokenKind::Colon)?;
            p.expression()?;
            p.raise(target.location, "illegal target for annotation")
        })?;
        self.probe(Self::invalid_plain_assignment)?;
        self.probe(|p| {
            let target = p.star_expressions()?;
            if augmented_operator(p.kind()).is_none() {
                return Err(Fail::NoMatch);
            }
            p.pos += 1;
            p.annotated_rhs()?;
            p.raise(
                target.location,
                format!("'{}' is an illegal expression for augmented assignment", expr_name(&target)),
            )
        })
    }

    /// A list or tuple, perhaps in parentheses.
    fn annotated_display(&mut self) -> Parsed<Expr> {
        if !matches!(self.kind(), TokenKind::Lpar | TokenKind::Lsqb) {
            return Err(Fail::NoMatch);
        }
        let atom = self.atom()?;
        match atom.kind {
            ExprKind::List { .. } | ExprKind::Tuple { .. } => Ok(atom),
            _ => Err(Fail::NoMatch),
        }
    }

    fn invalid_plain_assignment(&mut self) -> Parsed<()> {
        loop {
            let start = self.pos;
            let valid = self.attempt(|p| {
                p.star_targets()?;
                p.expect(TokenKind::Equal)
            })?;
            if valid.is_none() {
                self.pos = start;
                break;
            }
        }
        let start = self.pos;
        if let Some(target) = self.attempt(|p| {
            let target = p.star_expressions()?;
            p.expect(TokenKind::Equal)?;
            Ok(target)
        })? {
            return self.raise_invalid_target(&target, TargetKind::Star);
        }
        self.pos = start;
        let target = self.yield_expr()?;
        self.expect(TokenKind::Equal)?;
        self.raise(target.location, "assignment to yield expression not possible")
    }

    pub(super) fn invalid_del(&mut self) -> Parsed<()> {
        self.probe(|p| {
            p.expect_keyword(Keyword::Del)?;
            let target = p.star_expressions()?;
            p.raise_invalid_target(&target, TargetKind::Del)
        })
    }

    pub(super) fn invalid_assert(&mut self) -> Parsed<()> {
        Ok(())
    }

    pub(super) fn invalid_comprehension(&mut self) -> Parsed<()> {
        let open = self.kind();
        let msg = "did you forget parentheses around the comprehension target?";
        self.probe(|p| {
            p.pos += 1;
            let starred = p.starred_expression()?;
            p.comprehension_clauses()?;
            p.raise(starred.location, "iterable unpacking cannot be used in comprehension")
        })?;
        if open == TokenKind::Lpar {
            return Ok(());
        }
        self.probe(|p| {
            p.pos += 1;
            let first = p.star_named_expression()?;
            p.expect(TokenKind::Comma)?;
            let (rest, _) = p.star_named_expressions()?;
            p.comprehension_clauses()?;
            let last = rest.last().map_or(first.location, |last| last.location);
            p.raise(first.location.to(last), msg)
        })?;
        self.probe(|p| {
            p.pos += 1;
            let first = p.star_named_expression()?;
            let comma = p.expect(TokenKind::Comma)?;
            p.comprehension_clauses()?;
            p.raise(first.location.to(token_location(comma)), msg)
        })
    }

    pub(super) fn invalid_group(&mut self) -> Parsed<()> {
        self.probe(|p| {
            p.expect(TokenKind::Lpar)?;
            if p.at(TokenKind::DoubleStar) {
                let stars = p.peek();
                p.pos += 1;
                p.expression()?;
                p.expect(TokenKind::Rpar)?;
                return p.raise(token_location(stars), "cannot use double starred expression here");
            }
            let starred = p.starred_expression()?;
            p.expect(TokenKind::Rpar)?;
            p.raise(starred.location, "cannot use starred expression here")
        })
    }

    pub(super) fn invalid_dict(&mut self) -> Parsed<()> {
        self.probe(|p| {
            p.expect(TokenKind::Lbrace)?;
            let stars = p.expect(TokenKind::DoubleStar)?;
            p.bitwise_or()?;
            p.comprehension_clauses()?;
            p.expect(TokenKind::Rbrace)?;
            p.raise(token_location(stars), "dict unpacking cannot be used in dict comprehension")
        })?;
        self.probe(|p| {
            p.expect(TokenKind::Lbrace)?;
            // Good pairs first; then the one that is wrong.
            let mut pairs = 0;
            loop {
                let start = p.pos;
                let good = p.attempt(Self::dict_pair)?;
                if good.is_none() {
                    p.pos = start;
                    break;
                }
                pairs += 1;
                if !p.eat(TokenKind::Comma) {
                    return Err(Fail::NoMatch);
                }
            }
            p.bad_dict_pair(pairs > 0)
        })
    }

    fn dict_pair(&mut self) -> Parsed<()> {
        if self.eat(TokenKind::DoubleStar) {
            self.bitwise_or()?;
        } else {
            self.expression()?;
            self.expect(TokenKind::Colon)?;
            self.expression()?;
        }
        Ok(())
    }

    fn bad_dict_pair(&mut self, after_others: bool) -> Parsed<()> {
        let key = self.expression()?;
        if !self.at(TokenKind::Colon) {
            if !after_others {
                return Err(Fail::NoMatch);
            }
            let place = Location {
                lineno: key.location.lineno,
                col_offset: key.location.end_col_offset - 1,
                end_lineno: key.location.end_lineno,
                end_col_offset: -1,
            };
            return self.raise(place, "':' expected after dictionary key");
        }
        let colon = self.peek();
        self.pos += 1;
        let token = self.peek();
        if token.kind == TokenKind::Star {
            self.pos += 1;
            self.bitwise_or()?;
            return self.raise_from(token_location(token), "cannot use a starred expression in a dictionary value");
        }
        if matches!(token.kind, TokenKind::Rbrace | TokenKind::Comma) {
            return self.raise(token_location(colon), "expression expected after dictionary key and ':'");
        }
        Ok(())
    }

    pub(super) fn invalid_starred_expression_unpacking(&mut self) -> Parsed<()> {
        self.probe(|p| {
            let star = p.expect(TokenKind::Star)?;
            p.expression()?;
            p.expect(TokenKind::Equal)?;
            let value = p.expression()?;
            p.raise(token_location(star).to(value.location), "cannot assign to iterable argument unpacking")
        })
    }

    /// After a binary operator.
    pub(super) fn invalid_arithmetic(&mut self) -> Parsed<()> {
        self.unparenthesized_not()
    }

    /// After a unary operator.
    pub(super) fn invalid_factor(&mut self) -> Parsed<()> {
        self.unparenthesized_not()
    }

    fn unparenthesized_not(&mut self) -> Parsed<()> {
        self.probe(|p| {
            let not = p.expect_keyword(Keyword::Not)?;
            let operand = p.inversion_operand()?;
            p.raise(token_location(not).to(operand.location), "'not' after an operator must be parenthesized")
        })
    }

    pub(super) fn invalid_import(&mut self) -> Parsed<()> {
        self.probe(|p| {
            let import = p.expect_keyword(Keyword::Import)?;
            if p.at(TokenKind::Newline) {
                return p.raise_newline("Expected one or more names after 'import'");
            }
            p.dotted_name()?;
            while p.eat(TokenKind::Comma) {
                p.dotted_name()?;
            }
            p.expect_keyword(Keyword::From)?;
            p.dotted_name()?;
            p.raise_from(token_location(import), "Did you mean to use 'from ... import ...' instead?")
        })
    }

    /// An error from the current token, a line's end, on.
    pub(super) fn raise_newline<T>(&mut self, msg: &str) -> Parsed<T> {
        let token = self.peek();
        self.raise_from(token_location(token), msg)
    }

    pub(super) fn invalid_import_as_name(&mut self) -> Parsed<()> {
        let target = self.expression()?;
        self.raise(target.location, format!("cannot use {} as import target", expr_name(&target)))
    }

    pub(super) fn invalid_import_from_targets(&mut self) -> Parsed<()> {
        if self.at(TokenKind::Comma) && self.next_kind() == TokenKind::Newline {
            return self.raise_last("trailing comma not allowed without surrounding parentheses");
        }
        Ok(())
    }

    pub(super) fn invalid_elif_after_else(&mut self) -> Parsed<()> {
        if self.at_keyword(Keyword::Elif) {
            return self.raise_last("'elif' block follows an 'else' block");
        }
        Ok(())
    }

    pub(super) fn invalid_for_target(&mut self) -> Parsed<()> {
        self.probe(|p| {
            p.eat_keyword(Keyword::Async);
            p.expect_keyword(Keyword::For)?;
            let target = p.star_expressions()?;
            p.raise_invalid_target(&target, TargetKind::For)
        })
    }

    pub(super) fn invalid_comprehension_target(&mut self, start: usize) -> Parsed<()> {
        self.pos = start;
        self.probe(|p| {
            p.eat_keyword(Keyword::Async);
            p.expect_keyword(Keyword::For)?;
            p.bitwise_or()?;
            while p.eat(TokenKind::Comma) {
                if p.attempt(Self::bitwise_or)?.is_none() {
                    break;
                }
            }
            if p.at_keyword(Keyword::In) {
                return Err(Fail::NoMatch);
            }
            p.raise_last("'in' expected after for-loop variables")
        })?;
        self.invalid_for_target()
    }

    pub(super) fn invalid_with_item(&mut self) -> Parsed<()> {
        self.probe(|p| {
            p.expression()?;
            p.expect_keyword(Keyword::As)?;
            let target = p.expression()?;
            if !matches!(p.kind(), TokenKind::Comma | TokenKind::Rpar | TokenKind::Colon) {
                return Err(Fail::NoMatch);
            }
            p.raise_invalid_target(&target, TargetKind::Star)
        })
    }

    pub(super) fn invalid_with_stmt(&mut self) -> Parsed<()> {
        for parenthesized in [false, true] {
            self.probe(|p| {
                p.eat_keyword(Keyword::Async);
                p.expect_keyword(Keyword::With)?;
                if parenthesized {
                    p.expect(TokenKind::Lpar)?;
                }
                loop {
                    p.expression()?;
                    if p.eat_keyword(Keyword::As) {
                        p.star_target()?;
                    }
                    if !p.eat(TokenKind::Comma) || (parenthesized && p.at(TokenKind::Rpar)) {
                        break;
                    }
                }
                if parenthesized {
                    p.expect(TokenKind::Rpar)?;
                }
                if p.at(TokenKind::Newline) {
                    return p.raise_last("expected ':'");
                }
                Err(Fail::NoMatch)
            })?;
        }
        Ok(())
    }

    pub(super) fn invalid_try_stmt(&mut self, _start: Token) -> Parsed<()> {
        if !self.at_any_keyword(&[Keyword::Except, Keyword::Finally]) {
            return self.raise_last("expected 'except' or 'finally' block");
        }
        Ok(())
    }

    /// The header of an `except` clause, after the keyword and the star.
    pub(super) fn invalid_except_header(&mut self, star: bool) -> Parsed<()> {
        if self.at(TokenKind::Newline) && !star {
            return self.raise_last("expected ':'");
        }
        if star && matches!(self.kind(), TokenKind::Newline | TokenKind::Colon) {
            return self.raise_last("expected one or more exception types");
        }
        self.probe(|p| {
            let first = p.expression()?;
            if p.eat(TokenKind::Comma) {
                p.exception_names()?;
                p.expect_keyword(Keyword::As)?;
                p.expect_name()?;
                p.expect(TokenKind::Colon)?;
                return p.raise_from(first.location, "multiple exception types must be parenthesized when using 'as'");
            }
            if p.eat_keyword(Keyword::As) {
                let named = p.pos;
                let is_name = p.attempt(Self::expect_name)?.is_some();
                let ends = matches!(p.kind(), TokenKind::Newline | TokenKind::Colon);
                if !(is_name && ends) {
                    p.pos = named;
                    let target = p.expression()?;
                    p.expect(TokenKind::Colon)?;
                    let word = if star { "except*" } else { "except" };
                    let what = expr_name(&target);
                    return p.raise(target.location, format!("cannot use {word} statement with {what}"));
                }
            }
            if p.at(TokenKind::Newline) {
                return p.raise_last("expected ':'");
            }
            Err(Fail::NoMatch)
        })
    }

    fn exception_names(&mut self) -> Parsed<()> {
        self.expression()?;
        while self.eat(TokenKind::Comma) {
            if self.attempt(Self::expression)?.is_none() {
                break;
            }
        }
        Ok(())
    }

    /// At the clause whose keyword is the given token.
    pub(super) fn raise_mixed_except<T>(&mut self, keyword: usize, star: bool) -> Parsed<T> {
        let last = self.token_at(keyword + usize::from(star));
        let place = token_location(self.token_at(keyword)).to(token_location(last));
        self.raise(place, "cannot have both 'except' and 'except*' on the same 'try'")
    }

    /// After `as` in a pattern.
    pub(super) fn invalid_as_pattern(&mut self) -> Parsed<()> {
        let token = self.peek();
        if token.kind == TokenKind::Name && self.text(token) == "_" {
            return self.raise(token_location(token), "cannot use '_' as a target");
        }
        self.probe(|p| {
            if p.at_name() && !matches!(p.next_kind(), TokenKind::Dot | TokenKind::Lpar) {
                return Err(Fail::NoMatch);
            }
            let target = p.expression()?;
            p.raise(target.location, format!("cannot use {} as pattern target", expr_name(&target)))
        })
    }

    /// At a positional pattern after keyword patterns.
    pub(super) fn invalid_class_pattern(&mut self, _first: usize) -> Parsed<()> {
        self.probe(|p| {
            let first = p.pattern()?;
            let mut last = first.location;
            while p.at(TokenKind::Comma) {
                let comma = p.pos;
                p.pos += 1;
                let keyword = p.at_name() && p.next_kind() == TokenKind::Equal;
                match if keyword { None } else { p.attempt(Self::pattern)? } {
                    Some(next) => last = next.location,
                    None => {
                        p.pos = comma;
                        break;
                    }
                }
            }
            p.raise(first.location.to(last), "positional patterns follow keyword patterns")
        })
    }

    pub(super) fn invalid_type_param_bound<T>(&mut self, star: bool, colon: Token, bound: &Expr) -> Parsed<T> {
        let what = match bound.kind {
            ExprKind::Tuple { .. } => "constraints",
            _ => "bound",
        };
        let kind = if star { "TypeVarTuple" } else { "ParamSpec" };
        self.raise_from(token_location(colon), format!("cannot use {what} with {kind}"))
    }

    /// A missing block.
    pub(super) fn raise_indentation<T>(&mut self, msg: String) -> Parsed<T> {
        self.peek();
        let place = error_location(self.token_at(self.furthest));
        Err(self.raise_at(ErrorKind::Indentation, place, msg))
    }
}
