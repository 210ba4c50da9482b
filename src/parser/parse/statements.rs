//! Compound statements and whole programs.

use crate::ast::{
    Arguments, ExceptHandler, ExceptHandlerKind, Expr, ExprKind, Mod, Stmt, StmtKind, TypeParam, TypeParamKind,
    WithItem,
};
use crate::token::{Keyword, Token, TokenKind};

use super::{Fail, Parsed, Parser, boxed};

impl Parser<'_> {
    /// A module.
    pub fn file(&mut self) -> Parsed<Mod> {
        let mut body = Vec::new();
        while !self.at(TokenKind::EndMarker) {
            self.statement_into(&mut body)?;
        }
        Ok(Mod::Module { body, type_ignores: Vec::new() })
    }

    /// One interactive statement.
    pub fn interactive(&mut self) -> Parsed<Mod> {
        self.interactive = true;
        let mut body = Vec::new();
        if self.at(TokenKind::Newline) {
            let start = self.peek();
            self.pos += 1;
            body.push(Stmt::new(StmtKind::Pass {}, self.span(start)));
        } else if self.at(TokenKind::EndMarker) {
            return Err(Fail::NoMatch);
        } else {
            let compound = self.at_compound();
            self.statement_into(&mut body)?;
            if compound {
                self.eat(TokenKind::Newline);
            }
        }
        Ok(Mod::Interactive { body })
    }

    /// Whether anything but blank lines follows what was parsed; for interactive input.
    pub fn rest_is_blank(&mut self) -> bool {
        self.tokens[self.pos..].iter().all(|token| matches!(token.kind, TokenKind::Newline | TokenKind::EndMarker))
    }

    /// A single expression.
    pub fn eval(&mut self) -> Parsed<Mod> {
        let body = boxed(self.star_expressions()?);
        while self.eat(TokenKind::Newline) {}
        self.expect(TokenKind::EndMarker)?;
        Ok(Mod::Expression { body })
    }

    /// A function type comment's content.
    pub fn func_type(&mut self) -> Parsed<Mod> {
        self.expect(TokenKind::Lpar)?;
        let mut argtypes = Vec::new();
        while !self.at(TokenKind::Rpar) {
            if !self.eat(TokenKind::Star) {
                self.eat(TokenKind::DoubleStar);
            }
            argtypes.push(self.expression()?);
            if !self.eat(TokenKind::Comma) {
                break;
            }
        }
        self.expect(TokenKind::Rpar)?;
        self.expect(TokenKind::Rarrow)?;
        let returns = boxed(self.expression()?);
        while self.eat(TokenKind::Newline) {}
        self.expect(TokenKind::EndMarker)?;
        Ok(Mod::FunctionType { argtypes, returns })
    }

    fn at_compound(&mut self) -> bool {
        self.at(TokenKind::At)
            || self.at_any_keyword(&[
                Keyword::Def,
                Keyword::If,
                Keyword::Class,
                Keyword::Async,
                Keyword::For,
                Keyword::While,
                Keyword::With,
                Keyword::Try,
            ])
            || self.at_soft("match")
    }

    fn statement_into(&mut self, body: &mut Vec<Stmt>) -> Parsed<()> {
        if let Some(compound) = self.compound_stmt()? {
            body.push(compound);
        } else {
            body.extend(self.simple_stmts()?);
        }
        Ok(())
    }

    fn compound_stmt(&mut self) -> Parsed<Option<Stmt>> {
        let token = self.peek();
        if token.kind == TokenKind::At {
            return self.nested(Self::decorated).map(Some);
        }
        let rule: fn(&mut Self) -> Parsed<Stmt> = match token.keyword {
            Some(Keyword::Def) => |p| p.function(Vec::new()),
            Some(Keyword::Class) => |p| p.class(Vec::new()),
            Some(Keyword::If) => Self::if_stmt,
            Some(Keyword::For) => Self::for_stmt,
            Some(Keyword::While) => Self::while_stmt,
            Some(Keyword::With) => Self::with_stmt,
            Some(Keyword::Try) => Self::try_stmt,
            Some(Keyword::Async) => Self::async_stmt,
            None if self.at_soft("match") => {
                let start = self.pos;
                if let Some(found) = self.nested(|p| p.attempt(Self::match_stmt))? {
                    return Ok(Some(found));
                }
                self.pos = start;
                return Ok(None);
            }
            _ => return Ok(None),
        };
        self.nested(rule).map(Some)
    }

    fn decorated(&mut self) -> Parsed<Stmt> {
        let mut decorators = Vec::new();
        while self.eat(TokenKind::At) {
            decorators.push(self.named_expression()?);
            self.expect(TokenKind::Newline)?;
        }
        match self.keyword() {
            Some(Keyword::Class) => self.class(decorators),
            Some(Keyword::Def) | Some(Keyword::Async) => self.function(decorators),
            _ => Err(Fail::NoMatch),
        }
    }

    fn async_stmt(&mut self) -> Parsed<Stmt> {
        self.pos += 1;
        let follower = self.keyword();
        self.pos -= 1;
        match follower {
            Some(Keyword::Def) => self.function(Vec::new()),
            Some(Keyword::With) => self.with_stmt(),
            Some(Keyword::For) => self.for_stmt(),
            _ => Err(Fail::NoMatch),
        }
    }

    /// The colon before a block; its absence is an error of its own.
    pub(super) fn forced_colon(&mut self) -> Parsed<Token> {
        if !self.at(TokenKind::Colon) {
            return self.raise_expected_colon();
        }
        self.expect(TokenKind::Colon)
    }

    /// A block after a colon; `what` and the line name its statement in errors.
    pub(super) fn block(&mut self, what: &str, line: i32) -> Parsed<Vec<Stmt>> {
        if !self.at(TokenKind::Newline) {
            return self.simple_stmts();
        }
        self.pos += 1;
        if !self.at(TokenKind::Indent) {
            if self.error_pass {
                return self.raise_expected_block(what, line);
            }
            return Err(Fail::NoMatch);
        }
        self.pos += 1;
        let mut body = Vec::new();
        while !self.at(TokenKind::Dedent) {
            if self.at(TokenKind::EndMarker) {
                return Err(Fail::NoMatch);
            }
            self.statement_into(&mut body)?;
        }
        self.pos += 1;
        Ok(body)
    }

    fn function(&mut self, decorator_list: Vec<Expr>) -> Parsed<Stmt> {
        let start = self.peek();
        let is_async = self.eat_keyword(Keyword::Async);
        let def = self.expect_keyword(Keyword::Def)?;
        let name = self.expect_name()?;
        let name = self.identifier(name);
        let type_params = self.type_params()?;
        if !self.at(TokenKind::Lpar) {
            return self.raise_last_expected("(");
        }
        self.expect(TokenKind::Lpar)?;
        let args: Box<Arguments> = Box::new(self.parameters()?);
        self.expect(TokenKind::Rpar)?;
        let returns = self.attempt(|p| {
            p.expect(TokenKind::Rarrow)?;
            p.expression()
        })?;
        let returns = returns.map(boxed);
        self.forced_colon()?;
        let body = self.block("function definition", def.lineno)?;
        let location = self.span(start);
        let type_comment = None;
        let kind = if is_async {
            StmtKind::AsyncFunctionDef { name, args, body, decorator_list, returns, type_comment, type_params }
        } else {
            StmtKind::FunctionDef { name, args, body, decorator_list, returns, type_comment, type_params }
        };
        Ok(Stmt::new(kind, location))
    }

    fn raise_last_expected<T>(&mut self, text: &str) -> Parsed<T> {
        let token = self.peek();
        self.raise(super::token_location(token), format!("expected '{text}'"))
    }

    fn class(&mut self, decorator_list: Vec<Expr>) -> Parsed<Stmt> {
        let start = self.expect_keyword(Keyword::Class)?;
        let name = self.expect_name()?;
        let name = self.identifier(name);
        let type_params = self.type_params()?;
        let (bases, keywords) = if self.eat(TokenKind::Lpar) {
            let arguments = self.call_arguments(None)?;
            self.expect(TokenKind::Rpar)?;
            arguments
        } else {
            (Vec::new(), Vec::new())
        };
        if self.error_pass && !self.at(TokenKind::Colon) {
            if self.at(TokenKind::Newline) {
                return self.raise_last("expected ':'");
            }
            return Err(Fail::NoMatch);
        }
        self.expect(TokenKind::Colon)?;
        let body = self.block("class definition", start.lineno)?;
        let kind = StmtKind::ClassDef { name, bases, keywords, body, decorator_list, type_params };
        Ok(Stmt::new(kind, self.span(start)))
    }

    /// The type parameters, if any.
    pub(super) fn type_params(&mut self) -> Parsed<Vec<TypeParam>> {
        if !self.at(TokenKind::Lsqb) {
            return Ok(Vec::new());
        }
        let params = self.attempt(Self::bracketed_type_params)?;
        Ok(params.unwrap_or_default())
    }

    fn bracketed_type_params(&mut self) -> Parsed<Vec<TypeParam>> {
        self.pos += 1;
        if self.error_pass && self.at(TokenKind::Rsqb) {
            let close = self.peek();
            return self.raise_from(super::token_location(close), "Type parameter list cannot be empty");
        }
        let mut params = vec![self.type_param()?];
        while self.eat(TokenKind::Comma) {
            if self.at(TokenKind::Rsqb) {
                break;
            }
            params.push(self.type_param()?);
        }
        self.expect(TokenKind::Rsqb)?;
        Ok(params)
    }

    fn type_param(&mut self) -> Parsed<TypeParam> {
        let start = self.peek();
        let star = self.eat(TokenKind::Star);
        let double_star = !star && self.eat(TokenKind::DoubleStar);
        let token = self.expect_name()?;
        let name = self.identifier(token);
        let mut bound = None;
        if self.at(TokenKind::Colon) {
            let colon = self.peek();
            self.pos += 1;
            if star || double_star {
                if self.error_pass {
                    let value = self.expression()?;
                    return self.invalid_type_param_bound(star, colon, &value);
                }
                return Err(Fail::NoMatch);
            }
            bound = Some(boxed(self.expression()?));
        }
        let mut default_value = None;
        if self.eat(TokenKind::Equal) {
            let value = if star { self.star_expression()? } else { self.expression()? };
            default_value = Some(boxed(value));
        }
        let kind = if star {
            TypeParamKind::TypeVarTuple { name, default_value }
        } else if double_star {
            TypeParamKind::ParamSpec { name, default_value }
        } else {
            TypeParamKind::TypeVar { name, bound, default_value }
        };
        Ok(TypeParam { kind, location: self.span(start) })
    }

    fn if_stmt(&mut self) -> Parsed<Stmt> {
        let start = self.peek();
        self.pos += 1;
        let what = if start.keyword == Some(Keyword::Elif) { "elif" } else { "if" };
        let test = boxed(self.named_expression()?);
        self.colon_after_test()?;
        let body = self.block(&format!("'{what}' statement"), start.lineno)?;
        let orelse = if self.at_keyword(Keyword::Elif) {
            vec![self.nested(Self::if_stmt)?]
        } else {
            let orelse = self.else_block("statement")?;
            if self.error_pass && !orelse.is_empty() {
                self.invalid_elif_after_else()?;
            }
            orelse
        };
        Ok(Stmt::new(StmtKind::If { test, body, orelse }, self.span(start)))
    }

    /// After the test of `if`, `elif` or `while`: a missing colon at the line's end has a message.
    fn colon_after_test(&mut self) -> Parsed<Token> {
        if self.error_pass && self.at(TokenKind::Newline) {
            return self.raise_last("expected ':'");
        }
        self.expect(TokenKind::Colon)
    }

    fn else_block(&mut self, _what: &str) -> Parsed<Vec<Stmt>> {
        let token = self.peek();
        if !self.eat_keyword(Keyword::Else) {
            return Ok(Vec::new());
        }
        self.forced_colon()?;
        self.block("'else' statement", token.lineno)
    }

    fn while_stmt(&mut self) -> Parsed<Stmt> {
        let start = self.peek();
        self.pos += 1;
        let test = boxed(self.named_expression()?);
        self.colon_after_test()?;
        let body = self.block("'while' statement", start.lineno)?;
        let orelse = self.else_block("while")?;
        Ok(Stmt::new(StmtKind::While { test, body, orelse }, self.span(start)))
    }

    fn for_stmt(&mut self) -> Parsed<Stmt> {
        let start = self.peek();
        let start_pos = self.pos;
        let is_async = self.eat_keyword(Keyword::Async);
        let keyword = self.expect_keyword(Keyword::For)?;
        let target = match self.attempt(|p| {
            let target = p.star_targets()?;
            p.expect_keyword(Keyword::In)?;
            Ok(target)
        })? {
            Some(target) => boxed(target),
            None => {
                if self.error_pass {
                    self.pos = start_pos;
                    self.invalid_for_target()?;
                }
                return Err(Fail::NoMatch);
            }
        };
        let iter = boxed(self.star_expressions()?);
        if self.error_pass && !self.at(TokenKind::Colon) {
            if self.at(TokenKind::Newline) {
                return self.raise_last("expected ':'");
            }
            return Err(Fail::NoMatch);
        }
        self.expect(TokenKind::Colon)?;
        let body = self.block("'for' statement", keyword.lineno)?;
        let orelse = self.else_block("for")?;
        let type_comment = None;
        let kind = if is_async {
            StmtKind::AsyncFor { target, iter, body, orelse, type_comment }
        } else {
            StmtKind::For { target, iter, body, orelse, type_comment }
        };
        Ok(Stmt::new(kind, self.span(start)))
    }

    fn with_stmt(&mut self) -> Parsed<Stmt> {
        let start = self.peek();
        let start_pos = self.pos;
        let is_async = self.eat_keyword(Keyword::Async);
        let keyword = self.expect_keyword(Keyword::With)?;
        let parenthesized = if self.at(TokenKind::Lpar) { self.attempt(Self::parenthesized_items)? } else { None };
        let items = match parenthesized {
            Some(items) => items,
            None => {
                let found = self.attempt(|p| {
                    let mut items = vec![p.with_item()?];
                    while p.eat(TokenKind::Comma) {
                        items.push(p.with_item()?);
                    }
                    p.expect(TokenKind::Colon)?;
                    Ok(items)
                })?;
                match found {
                    Some(items) => items,
                    None => {
                        if self.error_pass {
                            self.pos = start_pos;
                            self.invalid_with_stmt()?;
                        }
                        return Err(Fail::NoMatch);
                    }
                }
            }
        };
        let body = self.block("'with' statement", keyword.lineno)?;
        let type_comment = None;
        let kind = if is_async {
            StmtKind::AsyncWith { items, body, type_comment }
        } else {
            StmtKind::With { items, body, type_comment }
        };
        Ok(Stmt::new(kind, self.span(start)))
    }

    /// Context managers in parentheses, and the colon after them.
    fn parenthesized_items(&mut self) -> Parsed<Vec<WithItem>> {
        self.expect(TokenKind::Lpar)?;
        let mut items = vec![self.with_item()?];
        while self.eat(TokenKind::Comma) {
            if self.at(TokenKind::Rpar) {
                break;
            }
            items.push(self.with_item()?);
        }
        self.expect(TokenKind::Rpar)?;
        self.expect(TokenKind::Colon)?;
        Ok(items)
    }

    pub(super) fn with_item(&mut self) -> Parsed<WithItem> {
        let start = self.pos;
        let context_expr = self.expression()?;
        if !self.at_keyword(Keyword::As) {
            return Ok(WithItem { context_expr, optional_vars: None });
        }
        self.pos += 1;
        let target = self.attempt(|p| {
            let target = p.star_target()?;
            match p.kind() {
                TokenKind::Comma | TokenKind::Rpar | TokenKind::Colon => Ok(target),
                _ => Err(Fail::NoMatch),
            }
        })?;
        match target {
            Some(target) => Ok(WithItem { context_expr, optional_vars: Some(boxed(target)) }),
            None => {
                if self.error_pass {
                    self.pos = start;
                    self.invalid_with_item()?;
                }
                Err(Fail::NoMatch)
            }
        }
    }

    fn try_stmt(&mut self) -> Parsed<Stmt> {
        let start = self.expect_keyword(Keyword::Try)?;
        self.forced_colon()?;
        let body = self.block("'try' statement", start.lineno)?;
        if self.error_pass {
            self.invalid_try_stmt(start)?;
        }
        let mut handlers = Vec::new();
        let mut star = None;
        while self.at_keyword(Keyword::Except) {
            let keyword = self.pos;
            let (handler, is_star) = self.except_block()?;
            if star.is_some_and(|known| known != is_star) {
                if self.error_pass {
                    return self.raise_mixed_except(keyword, is_star);
                }
                return Err(Fail::NoMatch);
            }
            star = Some(is_star);
            handlers.push(handler);
        }
        let orelse = if handlers.is_empty() { Vec::new() } else { self.else_block("try")? };
        let mut finalbody = Vec::new();
        let token = self.peek();
        if self.eat_keyword(Keyword::Finally) {
            self.forced_colon()?;
            finalbody = self.block("'finally' statement", token.lineno)?;
        } else if handlers.is_empty() {
            return Err(Fail::NoMatch);
        }
        let kind = if star == Some(true) {
            StmtKind::TryStar { body, handlers, orelse, finalbody }
        } else {
            StmtKind::Try { body, handlers, orelse, finalbody }
        };
        Ok(Stmt::new(kind, self.span(start)))
    }

    fn except_block(&mut self) -> Parsed<(ExceptHandler, bool)> {
        let start = self.expect_keyword(Keyword::Except)?;
        let is_star = self.eat(TokenKind::Star);
        let what = if is_star { "'except*' statement" } else { "'except' statement" };
        if self.error_pass {
            self.invalid_except_header(is_star)?;
        }
        let (mut type_, mut name) = (None, None);
        if is_star || !self.at(TokenKind::Colon) {
            let first = self.expression()?;
            if self.at(TokenKind::Comma) {
                type_ = Some(boxed(self.exception_list(first)?));
            } else {
                type_ = Some(boxed(first));
                if self.eat_keyword(Keyword::As) {
                    let token = self.expect_name()?;
                    name = Some(self.identifier(token));
                }
            }
        }
        self.expect(TokenKind::Colon)?;
        let body = self.block(what, start.lineno)?;
        let kind = ExceptHandlerKind::ExceptHandler { type_, name, body };
        Ok((ExceptHandler { kind, location: self.span(start) }, is_star))
    }

    /// Several exception types without parentheses.
    fn exception_list(&mut self, first: Expr) -> Parsed<Expr> {
        let start = first.location;
        let mut elts = vec![first];
        while self.eat(TokenKind::Comma) {
            match self.attempt(Self::expression)? {
                Some(next) => elts.push(next),
                None => break,
            }
        }
        let ctx = crate::ast::ExprContext::Load;
        Ok(ExprKind::Tuple { elts, ctx }.at(self.span_from(start)))
    }
}
