//! Simple statements.

use pyrs_bytecode::WStr;

use crate::ast::{Alias, Expr, ExprContext, ExprKind, Operator, Stmt, StmtKind};
use crate::token::{Keyword, Token, TokenKind};

use super::targets::make_target;
use super::{Fail, Parsed, Parser, boxed, token_location};

impl Parser<'_> {
    /// Simple statements on one line.
    pub(super) fn simple_stmts(&mut self) -> Parsed<Vec<Stmt>> {
        let mut body = vec![self.simple_stmt()?];
        loop {
            if self.eat(TokenKind::Newline) {
                return Ok(body);
            }
            if !self.eat(TokenKind::Semi) {
                return Err(Fail::NoMatch);
            }
            if self.eat(TokenKind::Newline) {
                return Ok(body);
            }
            body.push(self.simple_stmt()?);
        }
    }

    pub(super) fn simple_stmt(&mut self) -> Parsed<Stmt> {
        let start = self.peek();
        let start_pos = self.pos;
        let Some(keyword) = start.keyword else {
            if self.at_soft("type")
                && let Some(alias) = self.attempt(Self::type_alias)?
            {
                return Ok(alias);
            }
            return self.expression_stmt();
        };
        let kind = match keyword {
            Keyword::Return => {
                self.pos += 1;
                let value = self.attempt(Self::star_expressions)?.map(boxed);
                StmtKind::Return { value }
            }
            Keyword::Import | Keyword::From => self.import(keyword)?,
            Keyword::Raise => self.raise_stmt()?,
            Keyword::Pass => self.bare(StmtKind::Pass {}),
            Keyword::Break => self.bare(StmtKind::Break {}),
            Keyword::Continue => self.bare(StmtKind::Continue {}),
            Keyword::Del => self.del_stmt(start_pos)?,
            Keyword::Assert => self.assert_stmt()?,
            Keyword::Global | Keyword::Nonlocal => {
                self.pos += 1;
                let mut names = vec![self.expect_name()?];
                while self.eat(TokenKind::Comma) {
                    names.push(self.expect_name()?);
                }
                let names = names.into_iter().map(|name| self.identifier(name)).collect();
                if keyword == Keyword::Global { StmtKind::Global { names } } else { StmtKind::Nonlocal { names } }
            }
            _ => return self.expression_stmt(),
        };
        Ok(Stmt::new(kind, self.span(start)))
    }

    fn bare(&mut self, kind: StmtKind) -> StmtKind {
        self.pos += 1;
        kind
    }

    /// An assignment of any kind, or an expression.
    fn expression_stmt(&mut self) -> Parsed<Stmt> {
        let start = self.peek();
        let start_pos = self.pos;
        if !self.error_pass {
            let first = self.annotated_rhs()?;
            return self.assignment_or_value(start, first);
        }
        // As in CPython's grammar: assignments, then what looks like one, then expressions.
        let assigned = self.attempt(|p| {
            let first = p.annotated_rhs()?;
            let stmt = p.assignment_or_value(start, first)?;
            match stmt.kind {
                StmtKind::Expr { .. } => Err(Fail::NoMatch),
                _ => Ok(stmt),
            }
        })?;
        if let Some(stmt) = assigned {
            return Ok(stmt);
        }
        self.invalid_assignment()?;
        self.pos = start_pos;
        let value = boxed(self.annotated_rhs()?);
        Ok(Stmt::new(StmtKind::Expr { value }, self.span(start)))
    }

    fn assignment_or_value(&mut self, start: Token, mut first: Expr) -> Parsed<Stmt> {
        let token = self.peek();
        if token.kind == TokenKind::Colon && single_target(&first, true) {
            return self.annotated_assignment(start, first);
        }
        if token.kind == TokenKind::Equal {
            return self.assignment(start, first);
        }
        if let Some(op) = augmented_operator(token.kind)
            && single_target(&first, false)
        {
            self.pos += 1;
            make_target(&mut first, ExprContext::Store);
            let value = boxed(self.annotated_rhs()?);
            let kind = StmtKind::AugAssign { target: boxed(first), op, value };
            return Ok(Stmt::new(kind, self.span(start)));
        }
        let kind = StmtKind::Expr { value: boxed(first) };
        Ok(Stmt::new(kind, self.span(start)))
    }

    fn annotated_assignment(&mut self, start: Token, mut target: Expr) -> Parsed<Stmt> {
        let parenthesized = start.kind == TokenKind::Lpar;
        let simple = i64::from(matches!(target.kind, ExprKind::Name { .. }) && !parenthesized);
        make_target(&mut target, ExprContext::Store);
        self.expect(TokenKind::Colon)?;
        let annotation = boxed(self.expression()?);
        let value = if self.at(TokenKind::Equal) {
            self.attempt(|p| {
                p.pos += 1;
                p.annotated_rhs()
            })?
        } else {
            None
        };
        let value = value.map(boxed);
        let kind = StmtKind::AnnAssign { target: boxed(target), annotation, value, simple };
        Ok(Stmt::new(kind, self.span(start)))
    }

    fn assignment(&mut self, start: Token, first: Expr) -> Parsed<Stmt> {
        let mut targets = Vec::new();
        let mut value = first;
        while self.eat(TokenKind::Equal) {
            if !make_target(&mut value, ExprContext::Store) {
                self.pos -= 1;
                return Err(Fail::NoMatch);
            }
            targets.push(value);
            value = self.annotated_rhs()?;
        }
        let kind = StmtKind::Assign { targets, value: boxed(value), type_comment: None };
        Ok(Stmt::new(kind, self.span(start)))
    }

    fn raise_stmt(&mut self) -> Parsed<StmtKind> {
        self.pos += 1;
        let Some(exc) = self.attempt(Self::expression)? else {
            return Ok(StmtKind::Raise { exc: None, cause: None });
        };
        let cause = if self.eat_keyword(Keyword::From) { Some(boxed(self.expression()?)) } else { None };
        Ok(StmtKind::Raise { exc: Some(boxed(exc)), cause })
    }

    fn del_stmt(&mut self, start_pos: usize) -> Parsed<StmtKind> {
        let found = self.attempt(|p| {
            p.pos += 1;
            let mut targets = vec![p.del_target()?];
            while p.eat(TokenKind::Comma) {
                match p.attempt(Self::del_target)? {
                    Some(next) => targets.push(next),
                    None => break,
                }
            }
            if !matches!(p.kind(), TokenKind::Semi | TokenKind::Newline) {
                return Err(Fail::NoMatch);
            }
            Ok(targets)
        })?;
        match found {
            Some(targets) => Ok(StmtKind::Delete { targets }),
            None => {
                if self.error_pass {
                    self.pos = start_pos;
                    self.invalid_del()?;
                }
                Err(Fail::NoMatch)
            }
        }
    }

    fn assert_stmt(&mut self) -> Parsed<StmtKind> {
        self.pos += 1;
        if self.error_pass {
            self.invalid_assert()?;
        }
        let test = boxed(self.expression()?);
        let msg = if self.eat(TokenKind::Comma) { Some(boxed(self.expression()?)) } else { None };
        Ok(StmtKind::Assert { test, msg })
    }

    fn type_alias(&mut self) -> Parsed<Stmt> {
        let start = self.peek();
        self.pos += 1;
        let name = self.expect_name()?;
        let target = boxed(self.name_expr(name, ExprContext::Store));
        let type_params = self.type_params()?;
        self.expect(TokenKind::Equal)?;
        let value = boxed(self.expression()?);
        let kind = StmtKind::TypeAlias { name: target, type_params, value };
        Ok(Stmt::new(kind, self.span(start)))
    }

    fn import(&mut self, keyword: Keyword) -> Parsed<StmtKind> {
        if self.error_pass {
            let start = self.pos;
            self.invalid_import()?;
            self.pos = start;
        }
        self.pos += 1;
        if keyword == Keyword::Import {
            return Ok(StmtKind::Import { names: self.dotted_as_names()? });
        }
        let mut level = 0;
        loop {
            match self.kind() {
                TokenKind::Dot => level += 1,
                TokenKind::Ellipsis => level += 3,
                _ => break,
            }
            self.pos += 1;
        }
        let module = if level > 0 && self.at_keyword(Keyword::Import) { None } else { Some(self.dotted_name()?) };
        self.expect_keyword(Keyword::Import)?;
        let names = self.import_targets()?;
        if module.as_ref().is_some_and(|name| *name == "__future__")
            && names.iter().any(|alias| alias.name == "barry_as_FLUFL")
        {
            self.set_barry_as_bdfl();
        }
        Ok(StmtKind::ImportFrom { module, names, level: Some(level) })
    }

    pub(super) fn dotted_name(&mut self) -> Parsed<WStr> {
        let first = self.expect_name()?;
        let mut name = self.identifier(first);
        while self.eat(TokenKind::Dot) {
            let part = self.expect_name()?;
            name = name.concat(&WStr::from(".")).concat(&self.identifier(part));
        }
        Ok(name)
    }

    fn dotted_as_names(&mut self) -> Parsed<Vec<Alias>> {
        let mut names = vec![self.dotted_as_name()?];
        while self.eat(TokenKind::Comma) {
            names.push(self.dotted_as_name()?);
        }
        Ok(names)
    }

    fn dotted_as_name(&mut self) -> Parsed<Alias> {
        let start = self.peek();
        let name = self.dotted_name()?;
        let asname = self.as_name()?;
        Ok(Alias { name, asname, location: self.span(start) })
    }

    fn as_name(&mut self) -> Parsed<Option<WStr>> {
        if !self.eat_keyword(Keyword::As) {
            return Ok(None);
        }
        let start = self.pos;
        let bare = self.at_name() && {
            self.pos += 1;
            let ends = matches!(self.kind(), TokenKind::Comma | TokenKind::Rpar | TokenKind::Semi | TokenKind::Newline);
            self.pos = start;
            ends
        };
        if self.error_pass && !bare {
            self.invalid_import_as_name()?;
            self.pos = start;
        }
        let name = self.expect_name()?;
        Ok(Some(self.identifier(name)))
    }

    fn import_targets(&mut self) -> Parsed<Vec<Alias>> {
        let token = self.peek();
        if token.kind == TokenKind::Star {
            self.pos += 1;
            return Ok(vec![Alias { name: WStr::from("*"), asname: None, location: token_location(token) }]);
        }
        if self.eat(TokenKind::Lpar) {
            let names = self.import_as_names(true)?;
            self.expect(TokenKind::Rpar)?;
            return Ok(names);
        }
        if self.error_pass && token.kind == TokenKind::Newline {
            return self.raise_newline("Expected one or more names after 'import'");
        }
        let names = self.import_as_names(false)?;
        if self.error_pass {
            self.invalid_import_from_targets()?;
        }
        Ok(names)
    }

    fn import_as_names(&mut self, parenthesized: bool) -> Parsed<Vec<Alias>> {
        let mut names = vec![self.import_as_name()?];
        while self.at(TokenKind::Comma) {
            let comma = self.pos;
            self.pos += 1;
            if parenthesized && self.at(TokenKind::Rpar) {
                break;
            }
            match self.attempt(Self::import_as_name)? {
                Some(alias) => names.push(alias),
                None => {
                    self.pos = comma;
                    break;
                }
            }
        }
        Ok(names)
    }

    fn import_as_name(&mut self) -> Parsed<Alias> {
        let name = self.expect_name()?;
        let asname = self.as_name()?;
        Ok(Alias { name: self.identifier(name), asname, location: self.span(name) })
    }

    /// An error about blocks at the current token.
    pub(super) fn raise_expected_block<T>(&mut self, what: &str, line: i32) -> Parsed<T> {
        self.raise_indentation(format!("expected an indented block after {what} on line {line}"))
    }
}

fn single_target(expr: &Expr, _annotated: bool) -> bool {
    matches!(expr.kind, ExprKind::Name { .. } | ExprKind::Attribute { .. } | ExprKind::Subscript { .. })
}

/// The operator of an augmented assignment.
pub(super) fn augmented_operator(kind: TokenKind) -> Option<Operator> {
    Some(match kind {
        TokenKind::PlusEqual => Operator::Add,
        TokenKind::MinEqual => Operator::Sub,
        TokenKind::StarEqual => Operator::Mult,
        TokenKind::AtEqual => Operator::MatMult,
        TokenKind::SlashEqual => Operator::Div,
        TokenKind::PercentEqual => Operator::Mod,
        TokenKind::AmperEqual => Operator::BitAnd,
        TokenKind::VbarEqual => Operator::BitOr,
        TokenKind::CircumflexEqual => Operator::BitXor,
        TokenKind::LeftShiftEqual => Operator::LShift,
        TokenKind::RightShiftEqual => Operator::RShift,
        TokenKind::DoubleStarEqual => Operator::Pow,
        TokenKind::DoubleSlashEqual => Operator::FloorDiv,
        _ => return None,
    })
}
