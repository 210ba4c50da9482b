//! Common mistakes in calls and parameter lists.

use crate::ast::{Comprehension, Expr, Location};
use crate::token::{Keyword, TokenKind};

use super::{Fail, Parsed, Parser, token_location};

/// Where a generator expression without parentheses ends.
fn comprehension_end(clauses: &[Comprehension], start: Location) -> Location {
    let last = clauses.last();
    let end = last.map(|clause| clause.ifs.last().unwrap_or(&clause.iter).location);
    end.unwrap_or(start)
}

impl Parser<'_> {
    fn probe_call(&mut self, rule: impl FnOnce(&mut Self) -> Parsed<()>) -> Parsed<()> {
        let start = self.pos;
        let result = self.attempt(rule);
        self.pos = start;
        result.map(|_| ())
    }

    /// The arguments of a call that did not parse.
    pub(super) fn invalid_arguments(&mut self) -> Parsed<()> {
        self.probe_call(|p| {
            p.arguments_up_to_star()?;
            let comma = p.token_at(p.pos - 1);
            p.pos += 1;
            if p.attempt(Self::expression)?.is_none() {
                return p.raise_last("Invalid star expression");
            }
            p.raise_from(token_location(comma), "iterable argument unpacking follows keyword argument unpacking")
        })?;
        self.probe_call(|p| {
            let elt = p.expression()?;
            let clauses = p.comprehension_clauses()?;
            p.expect(TokenKind::Comma)?;
            // What follows is read before the mistake is told.
            p.peek();
            p.raise_generator(&elt, &clauses)
        })?;
        self.probe_call(Self::assignment_in_generator)?;
        self.probe_call(|p| {
            let name_equals = |p: &mut Self| {
                let name = p.expect_name()?;
                let equal = p.expect(TokenKind::Equal)?;
                if !matches!(p.kind(), TokenKind::Comma | TokenKind::Rpar) {
                    return Err(Fail::NoMatch);
                }
                Ok((name, equal))
            };
            loop {
                if let Some((name, equal)) = p.attempt(name_equals)? {
                    return p
                        .raise(token_location(name).to(token_location(equal)), "expected argument value expression");
                }
                p.one_argument()?;
                p.expect(TokenKind::Comma)?;
            }
        })?;
        self.probe_call(|p| {
            let mut last = p.one_argument()?;
            let mut count = 1;
            loop {
                if p.at_comprehension() {
                    let clauses = p.comprehension_clauses()?;
                    if count <= 1 {
                        return Err(Fail::NoMatch);
                    }
                    return match last {
                        Some(elt) => p.raise_generator(&elt, &clauses),
                        None => Err(Fail::NoMatch),
                    };
                }
                p.expect(TokenKind::Comma)?;
                last = p.one_argument()?;
                count += 1;
            }
        })?;
        self.probe_call(Self::positional_after_keyword)
    }

    fn raise_generator(&mut self, elt: &Expr, clauses: &[Comprehension]) -> Parsed<()> {
        self.raise(
            elt.location.to(comprehension_end(clauses, elt.location)),
            "Generator expression must be parenthesized",
        )
    }

    /// Any argument; the expression of a positional one.
    fn one_argument(&mut self) -> Parsed<Option<Expr>> {
        match self.kind() {
            TokenKind::DoubleStar => {
                self.pos += 1;
                self.expression()?;
                Ok(None)
            }
            TokenKind::Star => {
                self.starred_expression()?;
                Ok(None)
            }
            _ => {
                if self.at_name() && self.next_kind() == TokenKind::Equal {
                    self.pos += 2;
                    self.expression()?;
                    return Ok(None);
                }
                let value = self.named_expression()?;
                if self.at(TokenKind::Equal) {
                    return Err(Fail::NoMatch);
                }
                Ok(Some(value))
            }
        }
    }

    /// Arguments of which one is `**`, up to a `*`.
    fn arguments_up_to_star(&mut self) -> Parsed<()> {
        let mut seen_double_star = false;
        loop {
            if seen_double_star && self.at(TokenKind::Star) {
                return Ok(());
            }
            seen_double_star |= self.at(TokenKind::DoubleStar);
            self.one_argument()?;
            self.expect(TokenKind::Comma)?;
        }
    }

    fn assignment_in_generator(&mut self) -> Parsed<()> {
        let name = self.expect_name()?;
        let equal = self.expect(TokenKind::Equal)?;
        self.expression()?;
        self.comprehension_clauses()?;
        self.raise(
            token_location(name).to(token_location(equal)),
            "invalid syntax. Maybe you meant '==' or ':=' instead of '='?",
        )
    }

    fn positional_after_keyword(&mut self) -> Parsed<()> {
        let mut unpacking = None;
        loop {
            let double_star = self.at(TokenKind::DoubleStar);
            let keyword = self.at_name() && self.next_kind() == TokenKind::Equal;
            let starred = self.at(TokenKind::Star);
            let value = self.one_argument()?;
            if double_star {
                unpacking = Some(true);
            } else if keyword && unpacking.is_none() {
                unpacking = Some(false);
            } else if let (Some(unpacks), true) = (unpacking, value.is_some() && !starred) {
                let msg = if unpacks {
                    "positional argument follows keyword argument unpacking"
                } else {
                    "positional argument follows keyword argument"
                };
                return self.raise_last(msg);
            }
            if !self.eat(TokenKind::Comma) {
                return Err(Fail::NoMatch);
            }
        }
    }

    /// At a keyword argument, or what looks like one.
    pub(super) fn invalid_kwarg(&mut self) -> Parsed<()> {
        self.probe_call(|p| {
            if !p.at_any_keyword(&[Keyword::True, Keyword::False, Keyword::None]) {
                return Err(Fail::NoMatch);
            }
            let token = p.peek();
            p.pos += 1;
            let equal = p.expect(TokenKind::Equal)?;
            let name = p.text(token);
            p.raise(token_location(token).to(token_location(equal)), format!("cannot assign to {name}"))
        })?;
        self.probe_call(Self::assignment_in_generator)?;
        self.probe_call(|p| {
            if p.at_name() && p.next_kind() == TokenKind::Equal {
                return Err(Fail::NoMatch);
            }
            let value = p.expression()?;
            let equal = p.expect(TokenKind::Equal)?;
            p.raise(
                value.location.to(token_location(equal)),
                "expression cannot contain assignment, perhaps you meant \"==\"?",
            )
        })?;
        self.probe_call(|p| {
            let stars = p.expect(TokenKind::DoubleStar)?;
            p.expression()?;
            p.expect(TokenKind::Equal)?;
            let value = p.expression()?;
            p.raise(token_location(stars).to(value.location), "cannot assign to keyword argument unpacking")
        })
    }

    /// At a positional argument: is it followed by `=`?
    pub(super) fn invalid_kwarg_if_assigned(&mut self) -> Parsed<()> {
        self.invalid_kwarg()
    }

    /// A parameter list that did not parse.
    pub(super) fn invalid_parameters(&mut self, end: TokenKind, annotated: bool) -> Parsed<()> {
        let start = self.pos;
        let result = self.scan_parameters(end, annotated);
        self.pos = start;
        match result {
            Err(Fail::Raise(error)) => Err(Fail::Raise(error)),
            _ => Ok(()),
        }
    }

    fn scan_parameters(&mut self, end: TokenKind, annotated: bool) -> Parsed<()> {
        let mut seen = ParameterState::default();
        while !self.at(end) {
            let token = self.peek();
            let place = token_location(token);
            match token.kind {
                TokenKind::Slash => {
                    if !seen.any {
                        if self.next_kind() != TokenKind::Comma {
                            return Err(Fail::NoMatch);
                        }
                        return self.raise(place, "at least one argument must precede /");
                    }
                    if seen.slash {
                        return self.raise(place, "/ may appear only once");
                    }
                    if seen.star {
                        return self.raise(place, "/ must be ahead of *");
                    }
                    seen.slash = true;
                    seen.default &= seen.default;
                    self.pos += 1;
                    if self.at(TokenKind::Star) {
                        return self.raise_here("expected comma between / and *");
                    }
                }
                TokenKind::Star => self.scan_star(end, annotated, &mut seen)?,
                TokenKind::DoubleStar => {
                    self.pos += 1;
                    self.parameter(annotated, false)?;
                    return self.after_keyword_parameter(annotated);
                }
                TokenKind::Lpar => return self.parenthesized_parameters(end, seen.default),
                _ => {
                    let parameter = self.parameter(annotated, false)?;
                    if self.eat(TokenKind::Equal) {
                        if matches!(self.kind(), TokenKind::Comma) || self.at(end) {
                            let equal = token_location(self.tokens[self.pos - 1]);
                            return self.raise(equal, "expected default value expression");
                        }
                        self.expression()?;
                        seen.default = true;
                    } else if seen.default && !seen.star {
                        return self
                            .raise(parameter.location, "parameter without a default follows parameter with a default");
                    }
                }
            }
            seen.any = true;
            if !self.eat(TokenKind::Comma) {
                return Err(Fail::NoMatch);
            }
        }
        Ok(())
    }

    fn scan_star(&mut self, end: TokenKind, annotated: bool, seen: &mut ParameterState) -> Parsed<()> {
        let place = token_location(self.peek());
        if seen.star {
            return self.raise(place, "* argument may appear only once");
        }
        seen.star = true;
        self.pos += 1;
        let msg = "named arguments must follow bare *";
        let in_lambda = end == TokenKind::Colon;
        let complain = |p: &Self| {
            if in_lambda { p.raise_last(msg) } else { p.raise(place, msg) }
        };
        if self.at(end) {
            return complain(self);
        }
        if self.at(TokenKind::Comma) {
            let follower = self.next_kind();
            if follower == end || follower == TokenKind::DoubleStar {
                return complain(self);
            }
            return Ok(());
        }
        self.parameter(annotated, true)?;
        if self.at(TokenKind::Equal) {
            return self.raise_here("var-positional argument cannot have default value");
        }
        Ok(())
    }

    fn after_keyword_parameter(&mut self, annotated: bool) -> Parsed<()> {
        if self.at(TokenKind::Equal) {
            return self.raise_here("var-keyword argument cannot have default value");
        }
        self.expect(TokenKind::Comma)?;
        let token = self.peek();
        let msg = "arguments cannot follow var-keyword argument";
        if matches!(token.kind, TokenKind::Star | TokenKind::DoubleStar | TokenKind::Slash) {
            return self.raise(token_location(token), msg);
        }
        let parameter = self.parameter(annotated, false)?;
        self.raise(parameter.location, msg)
    }

    fn parenthesized_parameters(&mut self, end: TokenKind, seen_default: bool) -> Parsed<()> {
        if seen_default {
            return Err(Fail::NoMatch);
        }
        let open = self.expect(TokenKind::Lpar)?;
        self.expect_name()?;
        while self.eat(TokenKind::Comma) {
            if !self.at_name() {
                break;
            }
            self.pos += 1;
        }
        let close = self.expect(TokenKind::Rpar)?;
        let what = if end == TokenKind::Colon { "Lambda expression" } else { "Function" };
        self.raise(token_location(open).to(token_location(close)), format!("{what} parameters cannot be parenthesized"))
    }
}

/// What was seen of a parameter list.
#[derive(Default)]
struct ParameterState {
    any: bool,
    slash: bool,
    star: bool,
    default: bool,
}
