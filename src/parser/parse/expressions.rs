//! Expressions, from the loosest binding to the tightest.

use crate::ast::{BoolOp, CmpOp, Comprehension, Expr, ExprContext, ExprKind, Location, Operator, UnaryOp};
use crate::token::{Keyword, TokenKind};

use super::{Fail, MemoRule, Parsed, Parser, boxed, token_location};

impl Parser<'_> {
    /// One or more starred expressions, a tuple if there is a comma.
    pub(super) fn star_expressions(&mut self) -> Parsed<Expr> {
        self.nested(|p| {
            let start = p.peek();
            let first = p.star_expression()?;
            if !p.at(TokenKind::Comma) {
                return Ok(first);
            }
            let mut elts = vec![first];
            while p.eat(TokenKind::Comma) {
                match p.attempt(Self::star_expression)? {
                    Some(next) => elts.push(next),
                    None => break,
                }
            }
            let kind = ExprKind::Tuple { elts, ctx: ExprContext::Load };
            Ok(Expr::new(kind, p.span(start)))
        })
    }

    pub(super) fn star_expression(&mut self) -> Parsed<Expr> {
        if self.at(TokenKind::Star) {
            return self.starred(Self::bitwise_or);
        }
        self.expression()
    }

    /// `*` and an operand.
    pub(super) fn starred(&mut self, operand: fn(&mut Self) -> Parsed<Expr>) -> Parsed<Expr> {
        let start = self.expect(TokenKind::Star)?;
        let value = boxed(operand(self)?);
        Ok(Expr::new(ExprKind::Starred { value, ctx: ExprContext::Load }, self.span(start)))
    }

    /// An element of a display: starred, or with `:=`.
    pub(super) fn star_named_expression(&mut self) -> Parsed<Expr> {
        if self.at(TokenKind::Star) {
            return self.starred(Self::bitwise_or);
        }
        self.named_expression()
    }

    /// Elements separated by commas; the flag tells of a trailing comma.
    pub(super) fn star_named_expressions(&mut self) -> Parsed<(Vec<Expr>, bool)> {
        let mut elts = vec![self.star_named_expression()?];
        loop {
            if !self.eat(TokenKind::Comma) {
                return Ok((elts, false));
            }
            match self.attempt(Self::star_named_expression)? {
                Some(next) => elts.push(next),
                None => return Ok((elts, true)),
            }
        }
    }

    pub(super) fn named_expression(&mut self) -> Parsed<Expr> {
        if self.at_name() {
            let name = self.peek();
            self.pos += 1;
            if self.tokens[self.pos].kind == TokenKind::ColonEqual {
                self.pos += 1;
                self.furthest = self.furthest.max(self.pos.min(self.tokens.len() - 1));
                let target = boxed(self.name_expr(name, ExprContext::Store));
                let value = boxed(self.expression()?);
                let kind = ExprKind::NamedExpr { target, value };
                return Ok(Expr::new(kind, self.span(name)));
            }
            self.pos -= 1;
        }
        if self.error_pass {
            self.invalid_named_expression()?;
        }
        let value = self.expression()?;
        if self.at(TokenKind::ColonEqual) {
            return Err(Fail::NoMatch);
        }
        Ok(value)
    }

    /// An argument: `name := value`, or an expression that no `:=` follows.
    pub(super) fn assignment_or_expression(&mut self) -> Parsed<Expr> {
        let walrus = self.at_name() && self.next_kind() == TokenKind::ColonEqual;
        if walrus {
            return self.named_expression();
        }
        let value = self.expression()?;
        if self.at(TokenKind::ColonEqual) {
            return Err(Fail::NoMatch);
        }
        Ok(value)
    }

    pub(super) fn expression(&mut self) -> Parsed<Expr> {
        self.memoized(MemoRule::Expression, Self::plain_expression)
    }

    pub(super) fn plain_expression(&mut self) -> Parsed<Expr> {
        self.nested(|p| {
            if p.error_pass {
                p.invalid_expression()?;
                p.invalid_legacy_expression()?;
            }
            if p.at_keyword(Keyword::Lambda) {
                return p.lambda();
            }
            let start = p.peek();
            let body = p.disjunction()?;
            if !p.at_keyword(Keyword::If) {
                return Ok(body);
            }
            let rest = p.attempt(|p| {
                p.pos += 1;
                let test = boxed(p.disjunction()?);
                p.expect_keyword(Keyword::Else)?;
                Ok((test, boxed(p.expression()?)))
            })?;
            let Some((test, orelse)) = rest else {
                return Ok(body);
            };
            let kind = ExprKind::IfExp { test, body: boxed(body), orelse };
            Ok(Expr::new(kind, p.span(start)))
        })
    }

    pub(super) fn lambda(&mut self) -> Parsed<Expr> {
        let start = self.expect_keyword(Keyword::Lambda)?;
        let args = self.lambda_parameters()?;
        self.forced_colon()?;
        let body = boxed(self.expression()?);
        Ok(Expr::new(ExprKind::Lambda { args: Box::new(args), body }, self.span(start)))
    }

    pub(super) fn disjunction(&mut self) -> Parsed<Expr> {
        self.memoized(MemoRule::Disjunction, |p| p.bool_chain(Keyword::Or, BoolOp::Or, Self::conjunction))
    }

    fn conjunction(&mut self) -> Parsed<Expr> {
        self.bool_chain(Keyword::And, BoolOp::And, Self::inversion)
    }

    fn bool_chain(&mut self, keyword: Keyword, op: BoolOp, operand: fn(&mut Self) -> Parsed<Expr>) -> Parsed<Expr> {
        let start = self.peek();
        let first = operand(self)?;
        if !self.at_keyword(keyword) {
            return Ok(first);
        }
        let mut values = vec![first];
        while self.at_keyword(keyword) {
            let next = self.attempt(|p| {
                p.pos += 1;
                operand(p)
            })?;
            match next {
                Some(value) => values.push(value),
                None => break,
            }
        }
        if values.len() == 1 {
            return values.pop().ok_or(Fail::NoMatch);
        }
        Ok(Expr::new(ExprKind::BoolOp { op, values }, self.span(start)))
    }

    /// What a misplaced `not` would negate.
    pub(super) fn inversion_operand(&mut self) -> Parsed<Expr> {
        self.inversion()
    }

    fn inversion(&mut self) -> Parsed<Expr> {
        if !self.at_keyword(Keyword::Not) {
            return self.comparison();
        }
        self.nested(|p| {
            let start = p.expect_keyword(Keyword::Not)?;
            let operand = boxed(p.inversion()?);
            Ok(Expr::new(ExprKind::UnaryOp { op: UnaryOp::Not, operand }, p.span(start)))
        })
    }

    fn comparison(&mut self) -> Parsed<Expr> {
        let start = self.peek();
        let left = self.bitwise_or()?;
        let (mut ops, mut comparators) = (Vec::new(), Vec::new());
        loop {
            let before = self.pos;
            let Some(op) = self.comparison_operator()? else {
                break;
            };
            let Some(right) = self.attempt(Self::bitwise_or)? else {
                self.pos = before;
                break;
            };
            ops.push(op);
            comparators.push(right);
        }
        if ops.is_empty() {
            return Ok(left);
        }
        let kind = ExprKind::Compare { left: boxed(left), ops, comparators };
        Ok(Expr::new(kind, self.span(start)))
    }

    fn comparison_operator(&mut self) -> Parsed<Option<CmpOp>> {
        let token = self.peek();
        let op = match token.kind {
            TokenKind::EqEqual => CmpOp::Eq,
            TokenKind::NotEqual => {
                let diamond = self.text(token) == "<>";
                if diamond != self.barry_as_bdfl {
                    let msg = if diamond {
                        "invalid syntax.  Maybe you meant '!=' instead of '<>'?"
                    } else {
                        "with Barry as BDFL, use '<>' instead of '!='"
                    };
                    return self.raise(token_location(token), msg);
                }
                CmpOp::NotEq
            }
            TokenKind::Less => CmpOp::Lt,
            TokenKind::LessEqual => CmpOp::LtE,
            TokenKind::Greater => CmpOp::Gt,
            TokenKind::GreaterEqual => CmpOp::GtE,
            TokenKind::Name => match token.keyword {
                Some(Keyword::In) => CmpOp::In,
                Some(Keyword::Is) => {
                    self.pos += 1;
                    let negated = self.eat_keyword(Keyword::Not);
                    return Ok(Some(if negated { CmpOp::IsNot } else { CmpOp::Is }));
                }
                Some(Keyword::Not) => {
                    self.pos += 1;
                    if self.eat_keyword(Keyword::In) {
                        return Ok(Some(CmpOp::NotIn));
                    }
                    self.pos -= 1;
                    return Ok(None);
                }
                _ => return Ok(None),
            },
            _ => return Ok(None),
        };
        self.pos += 1;
        Ok(Some(op))
    }

    /// `|` and everything that binds tighter.
    pub(super) fn bitwise_or(&mut self) -> Parsed<Expr> {
        self.binary(0)
    }

    fn binary(&mut self, level: u8) -> Parsed<Expr> {
        let start = self.peek();
        let mut left = self.factor()?;
        let mut length = 0;
        // Precedence climbing: each operator takes what binds tighter on its right.
        while let Some((op, power)) = binary_operator(self.kind()) {
            if power < level {
                break;
            }
            let operator = self.pos;
            self.pos += 1;
            if self.error_pass && power >= ARITHMETIC_LEVEL {
                self.invalid_arithmetic()?;
            }
            let Some(right) = self.attempt(|p| p.binary(power + 1))? else {
                self.pos = operator;
                break;
            };
            let right = boxed(right);
            let kind = ExprKind::BinOp { left: boxed(left), op, right };
            left = Expr::new(kind, self.span(start));
            length += 1;
            self.check_chain(length)?;
        }
        Ok(left)
    }

    pub(super) fn factor(&mut self) -> Parsed<Expr> {
        self.memoized(MemoRule::Factor, Self::plain_factor)
    }

    fn plain_factor(&mut self) -> Parsed<Expr> {
        let op = match self.kind() {
            TokenKind::Plus => UnaryOp::UAdd,
            TokenKind::Minus => UnaryOp::USub,
            TokenKind::Tilde => UnaryOp::Invert,
            _ => return self.power(),
        };
        self.nested(|p| {
            let start = p.peek();
            p.pos += 1;
            if p.error_pass {
                p.invalid_factor()?;
            }
            let operand = boxed(p.factor()?);
            Ok(Expr::new(ExprKind::UnaryOp { op, operand }, p.span(start)))
        })
    }

    fn power(&mut self) -> Parsed<Expr> {
        let start = self.peek();
        let left = self.await_primary()?;
        if !self.at(TokenKind::DoubleStar) {
            return Ok(left);
        }
        let right = self.attempt(|p| {
            p.pos += 1;
            p.nested(Self::factor)
        })?;
        let Some(right) = right.map(boxed) else {
            return Ok(left);
        };
        let kind = ExprKind::BinOp { left: boxed(left), op: Operator::Pow, right };
        Ok(Expr::new(kind, self.span(start)))
    }

    fn await_primary(&mut self) -> Parsed<Expr> {
        if !self.at_keyword(Keyword::Await) {
            return self.primary();
        }
        let start = self.expect_keyword(Keyword::Await)?;
        let value = boxed(self.primary()?);
        Ok(Expr::new(ExprKind::Await { value }, self.span(start)))
    }

    /// An atom with its attributes, subscripts and calls.
    pub(super) fn primary(&mut self) -> Parsed<Expr> {
        let start = self.peek();
        let mut value = self.atom()?;
        let mut length = 0;
        loop {
            value = match self.kind() {
                TokenKind::Dot => {
                    self.pos += 1;
                    if !self.at_name() {
                        self.pos -= 1;
                        return Ok(value);
                    }
                    let name = self.expect_name()?;
                    let attr = self.identifier(name);
                    ExprKind::Attribute { value: boxed(value), attr, ctx: ExprContext::Load }
                }
                TokenKind::Lsqb => {
                    let slice = self.attempt(|p| {
                        p.pos += 1;
                        let slice = p.slices()?;
                        p.expect(TokenKind::Rsqb)?;
                        Ok(slice)
                    })?;
                    let Some(slice) = slice else {
                        return Ok(value);
                    };
                    ExprKind::Subscript { value: boxed(value), slice: boxed(slice), ctx: ExprContext::Load }
                }
                TokenKind::Lpar => match self.attempt(Self::call)? {
                    Some((args, keywords)) => ExprKind::Call { func: boxed(value), args, keywords },
                    None => return Ok(value),
                },
                _ => return Ok(value),
            }
            .at(self.span(start));
            length += 1;
            self.check_chain(length)?;
        }
    }

    pub(super) fn slices(&mut self) -> Parsed<Expr> {
        let start = self.peek();
        let first = self.slice_or_starred()?;
        if !self.at(TokenKind::Comma) && !matches!(first.kind, ExprKind::Starred { .. }) {
            return Ok(first);
        }
        let mut elts = vec![first];
        while self.eat(TokenKind::Comma) {
            match self.attempt(Self::slice_or_starred)? {
                Some(next) => elts.push(next),
                None => break,
            }
        }
        let kind = ExprKind::Tuple { elts, ctx: ExprContext::Load };
        Ok(Expr::new(kind, self.span(start)))
    }

    fn slice_or_starred(&mut self) -> Parsed<Expr> {
        if self.at(TokenKind::Star) {
            return self.starred_expression();
        }
        let start = self.peek();
        let lower = if self.at(TokenKind::Colon) { None } else { Some(self.named_expression()?) };
        if !self.at(TokenKind::Colon) {
            return lower.ok_or(Fail::NoMatch);
        }
        self.pos += 1;
        let upper = self.slice_part()?;
        let step = if self.eat(TokenKind::Colon) { self.slice_part()? } else { None };
        let kind = ExprKind::Slice { lower: lower.map(boxed), upper, step };
        Ok(Expr::new(kind, self.span(start)))
    }

    fn slice_part(&mut self) -> Parsed<Option<Box<Expr>>> {
        if matches!(self.kind(), TokenKind::Colon | TokenKind::Comma | TokenKind::Rsqb) {
            return Ok(None);
        }
        Ok(Some(boxed(self.expression()?)))
    }

    /// A starred argument or index: `*` and an expression.
    pub(super) fn starred_expression(&mut self) -> Parsed<Expr> {
        if self.error_pass {
            self.invalid_starred_expression_unpacking()?;
        }
        let start = self.expect(TokenKind::Star)?;
        let Some(value) = self.attempt(Self::expression)? else {
            if self.error_pass {
                return self.raise_last("Invalid star expression");
            }
            return Err(Fail::NoMatch);
        };
        let kind = ExprKind::Starred { value: boxed(value), ctx: ExprContext::Load };
        Ok(Expr::new(kind, self.span(start)))
    }

    /// Whether a comprehension's `for` comes next.
    pub(super) fn at_comprehension(&mut self) -> bool {
        self.at_keyword(Keyword::For)
            || (self.at_keyword(Keyword::Async) && self.tokens[self.pos + 1].keyword == Some(Keyword::For))
    }

    pub(super) fn comprehension_clauses(&mut self) -> Parsed<Vec<Comprehension>> {
        let mut clauses = vec![self.comprehension_clause()?];
        while self.at_comprehension() {
            clauses.push(self.comprehension_clause()?);
        }
        Ok(clauses)
    }

    fn comprehension_clause(&mut self) -> Parsed<Comprehension> {
        let start = self.pos;
        let is_async = i64::from(self.eat_keyword(Keyword::Async));
        self.expect_keyword(Keyword::For)?;
        let target = match self.attempt(|p| {
            let target = p.star_targets()?;
            p.expect_keyword(Keyword::In)?;
            Ok(target)
        })? {
            Some(target) => target,
            None => {
                if self.error_pass {
                    self.invalid_comprehension_target(start)?;
                }
                return Err(Fail::NoMatch);
            }
        };
        let iter = self.disjunction()?;
        let mut ifs = Vec::new();
        while self.at_keyword(Keyword::If) {
            let test = self.attempt(|p| {
                p.pos += 1;
                p.disjunction()
            })?;
            match test {
                Some(test) => ifs.push(test),
                None => break,
            }
        }
        Ok(Comprehension { target, iter, ifs, is_async })
    }

    pub(super) fn yield_expr(&mut self) -> Parsed<Expr> {
        let start = self.expect_keyword(Keyword::Yield)?;
        if self.eat_keyword(Keyword::From) {
            let value = boxed(self.expression()?);
            return Ok(Expr::new(ExprKind::YieldFrom { value }, self.span(start)));
        }
        let value = self.attempt(Self::star_expressions)?.map(boxed);
        Ok(Expr::new(ExprKind::Yield { value }, self.span(start)))
    }

    /// The right side of an assignment.
    pub(super) fn annotated_rhs(&mut self) -> Parsed<Expr> {
        if self.at_keyword(Keyword::Yield) {
            return self.yield_expr();
        }
        self.star_expressions()
    }
}

/// The level of `+` and `-`.
const ARITHMETIC_LEVEL: u8 = 4;

/// The operator of a token, and how tightly it binds.
fn binary_operator(kind: TokenKind) -> Option<(Operator, u8)> {
    Some(match kind {
        TokenKind::Vbar => (Operator::BitOr, 0),
        TokenKind::Circumflex => (Operator::BitXor, 1),
        TokenKind::Amper => (Operator::BitAnd, 2),
        TokenKind::LeftShift => (Operator::LShift, 3),
        TokenKind::RightShift => (Operator::RShift, 3),
        TokenKind::Plus => (Operator::Add, ARITHMETIC_LEVEL),
        TokenKind::Minus => (Operator::Sub, ARITHMETIC_LEVEL),
        TokenKind::Star => (Operator::Mult, 5),
        TokenKind::Slash => (Operator::Div, 5),
        TokenKind::DoubleSlash => (Operator::FloorDiv, 5),
        TokenKind::Percent => (Operator::Mod, 5),
        TokenKind::At => (Operator::MatMult, 5),
        _ => return None,
    })
}

impl ExprKind {
    /// The node of this kind at a place.
    pub(super) fn at(self, location: Location) -> Expr {
        Expr::new(self, location)
    }
}
