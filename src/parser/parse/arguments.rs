//! Call arguments, and the parameters of functions and lambdas.

use crate::ast::{Arg, Arguments, Expr, ExprKind, Keyword as KeywordArg};
use crate::token::{Keyword, Token, TokenKind};

use super::{Fail, Parsed, Parser, boxed, token_location};

/// What comes out of an argument list.
pub(super) type CallArguments = (Vec<Expr>, Vec<KeywordArg>);

/// What a call's parenthesis is followed by.
enum FirstArgument {
    /// The only argument: a generator expression without parentheses of its own.
    Generator(Expr),
    Plain(Expr),
    Other,
}

impl Parser<'_> {
    /// The arguments of a call in their parentheses.
    pub(super) fn call(&mut self) -> Parsed<CallArguments> {
        let open = self.expect(TokenKind::Lpar)?;
        let start_pos = self.pos;
        let first = match self.sole_generator(open)? {
            FirstArgument::Generator(genexp) => return Ok((vec![genexp], Vec::new())),
            FirstArgument::Plain(value) => Some((value, self.pos)),
            FirstArgument::Other => None,
        };
        self.pos = start_pos;
        let arguments = self.call_arguments(first)?;
        self.expect(TokenKind::Rpar)?;
        Ok(arguments)
    }

    /// A generator expression as the only argument shares the call's parentheses.
    fn sole_generator(&mut self, open: Token) -> Parsed<FirstArgument> {
        if matches!(self.kind(), TokenKind::Rpar | TokenKind::Star | TokenKind::DoubleStar) {
            return Ok(FirstArgument::Other);
        }
        if self.at_name() && self.next_kind() == TokenKind::Equal {
            return Ok(FirstArgument::Other);
        }
        let Some(elt) = self.attempt(Self::assignment_or_expression)? else {
            return Ok(FirstArgument::Other);
        };
        if !self.at_comprehension() {
            return Ok(FirstArgument::Plain(elt));
        }
        let genexp = self.attempt(|p| {
            let generators = p.comprehension_clauses()?;
            p.expect(TokenKind::Rpar)?;
            let kind = ExprKind::GeneratorExp { elt: boxed(elt), generators };
            Ok(kind.at(p.span(open)))
        })?;
        Ok(genexp.map_or(FirstArgument::Other, FirstArgument::Generator))
    }

    /// The arguments up to, but not including, the closing parenthesis.
    pub(super) fn call_arguments(&mut self, first: Option<(Expr, usize)>) -> Parsed<CallArguments> {
        let start = self.pos;
        let result = self.nested(|p| p.argument_list(first));
        match result {
            Ok(arguments) if self.at(TokenKind::Rpar) => Ok(arguments),
            Err(Fail::Raise(error)) => Err(Fail::Raise(error)),
            _ => {
                if self.error_pass {
                    let after = self.pos;
                    self.pos = start;
                    self.invalid_arguments()?;
                    self.pos = after;
                }
                Err(Fail::NoMatch)
            }
        }
    }

    /// The first argument may have been parsed already, up to a token.
    fn argument_list(&mut self, mut first: Option<(Expr, usize)>) -> Parsed<CallArguments> {
        let (mut args, mut keywords) = (Vec::new(), Vec::new());
        // After `**` only keywords may come; after a keyword, starred ones too.
        let mut seen_double_star = false;
        while !self.at(TokenKind::Rpar) {
            if self.at(TokenKind::DoubleStar) {
                keywords.push(self.double_star_argument()?);
                seen_double_star = true;
            } else if self.at(TokenKind::Star) {
                if seen_double_star {
                    return Err(Fail::NoMatch);
                }
                args.push(self.starred_expression()?);
            } else if self.at_name() && self.next_kind() == TokenKind::Equal {
                if self.error_pass {
                    let start = self.pos;
                    self.invalid_kwarg()?;
                    self.pos = start;
                }
                keywords.push(self.keyword_argument()?);
            } else {
                if !keywords.is_empty() {
                    if self.error_pass {
                        let start = self.pos;
                        self.invalid_kwarg()?;
                        self.pos = start;
                    }
                    return Err(Fail::NoMatch);
                }
                if self.error_pass {
                    let start = self.pos;
                    self.invalid_kwarg_if_assigned()?;
                    self.pos = start;
                }
                let value = match first.take() {
                    Some((value, end)) => {
                        self.pos = end;
                        value
                    }
                    None => self.assignment_or_expression()?,
                };
                if self.at(TokenKind::Equal) {
                    return Err(Fail::NoMatch);
                }
                args.push(value);
            }
            if !self.eat(TokenKind::Comma) {
                break;
            }
        }
        Ok((args, keywords))
    }

    fn double_star_argument(&mut self) -> Parsed<KeywordArg> {
        if self.error_pass {
            let start = self.pos;
            self.invalid_kwarg()?;
            self.pos = start;
        }
        let start = self.expect(TokenKind::DoubleStar)?;
        let value = self.expression()?;
        Ok(KeywordArg { arg: None, value, location: self.span(start) })
    }

    fn keyword_argument(&mut self) -> Parsed<KeywordArg> {
        let name = self.expect_name()?;
        self.expect(TokenKind::Equal)?;
        let value = self.expression()?;
        Ok(KeywordArg { arg: Some(self.identifier(name)), value, location: self.span(name) })
    }

    /// The parameters of a `def`, up to the closing parenthesis.
    pub(super) fn parameters(&mut self) -> Parsed<Arguments> {
        self.parameter_list(TokenKind::Rpar, true)
    }

    /// The parameters of a lambda, up to the colon.
    pub(super) fn lambda_parameters(&mut self) -> Parsed<Arguments> {
        self.parameter_list(TokenKind::Colon, false)
    }

    fn parameter_list(&mut self, end: TokenKind, annotated: bool) -> Parsed<Arguments> {
        let start = self.pos;
        match self.plain_parameter_list(end, annotated) {
            Ok(arguments) => Ok(arguments),
            Err(Fail::Raise(error)) => Err(Fail::Raise(error)),
            Err(Fail::NoMatch) => {
                if self.error_pass {
                    self.pos = start;
                    self.invalid_parameters(end, annotated)?;
                }
                Err(Fail::NoMatch)
            }
        }
    }

    fn plain_parameter_list(&mut self, end: TokenKind, annotated: bool) -> Parsed<Arguments> {
        let mut arguments = Arguments {
            posonlyargs: Vec::new(),
            args: Vec::new(),
            vararg: None,
            kwonlyargs: Vec::new(),
            kw_defaults: Vec::new(),
            kwarg: None,
            defaults: Vec::new(),
        };
        let mut after_star = false;
        let mut seen_slash = false;
        while !self.at(end) {
            if self.at(TokenKind::Slash) {
                if seen_slash || after_star || arguments.args.is_empty() {
                    return Err(Fail::NoMatch);
                }
                self.pos += 1;
                seen_slash = true;
                arguments.posonlyargs = std::mem::take(&mut arguments.args);
            } else if self.at(TokenKind::Star) {
                if after_star {
                    return Err(Fail::NoMatch);
                }
                self.pos += 1;
                after_star = true;
                self.after_star(end, annotated, &mut arguments)?;
            } else if self.eat(TokenKind::DoubleStar) {
                arguments.kwarg = Some(Box::new(self.parameter(annotated, false)?));
                if self.at(TokenKind::Equal) {
                    return Err(Fail::NoMatch);
                }
                self.eat(TokenKind::Comma);
                break;
            } else {
                self.one_parameter(annotated, after_star, &mut arguments)?;
            }
            if !self.eat(TokenKind::Comma) {
                break;
            }
        }
        if !self.at(end) {
            return Err(Fail::NoMatch);
        }
        Ok(arguments)
    }

    /// What follows `*`: a name, or a comma and at least one keyword-only parameter.
    fn after_star(&mut self, end: TokenKind, annotated: bool, arguments: &mut Arguments) -> Parsed<()> {
        if !self.at(TokenKind::Comma) {
            arguments.vararg = Some(Box::new(self.parameter(annotated, true)?));
            if self.at(TokenKind::Equal) {
                return Err(Fail::NoMatch);
            }
            return Ok(());
        }
        let follower = self.next_kind();
        if follower == end || follower == TokenKind::DoubleStar {
            return Err(Fail::NoMatch);
        }
        Ok(())
    }

    fn one_parameter(&mut self, annotated: bool, keyword_only: bool, arguments: &mut Arguments) -> Parsed<()> {
        let arg = self.parameter(annotated, false)?;
        let default = if self.at(TokenKind::Equal) { Some(self.default_value()?) } else { None };
        if keyword_only {
            arguments.kwonlyargs.push(arg);
            arguments.kw_defaults.push(default);
            return Ok(());
        }
        match default {
            Some(value) => arguments.defaults.push(value),
            None if !arguments.defaults.is_empty() => return Err(Fail::NoMatch),
            None => {}
        }
        arguments.args.push(arg);
        Ok(())
    }

    fn default_value(&mut self) -> Parsed<Expr> {
        self.expect(TokenKind::Equal)?;
        if self.error_pass && matches!(self.kind(), TokenKind::Rpar | TokenKind::Comma) {
            let equal = self.tokens[self.pos - 1];
            return self.raise(token_location(equal), "expected default value expression");
        }
        self.expression()
    }

    /// One parameter's name and annotation.
    pub(super) fn parameter(&mut self, annotated: bool, star: bool) -> Parsed<Arg> {
        let name = self.expect_name()?;
        let mut annotation = None;
        if annotated && self.eat(TokenKind::Colon) {
            let starred = star && self.at(TokenKind::Star);
            let value = if starred { self.starred(Self::bitwise_or)? } else { self.expression()? };
            annotation = Some(boxed(value));
        }
        Ok(Arg { arg: self.identifier(name), annotation, type_comment: None, location: self.span(name) })
    }

    /// Whether the current token is the given keyword; for the error pass.
    pub(super) fn at_any_keyword(&mut self, keywords: &[Keyword]) -> bool {
        self.keyword().is_some_and(|keyword| keywords.contains(&keyword))
    }
}
