//! The common mistakes: rules that only the error pass tries, each with a message of its own.

use crate::ast::Expr;
use crate::token::{Keyword, Token, TokenKind};

use super::{Parsed, Parser};

impl Parser<'_> {
    pub(super) fn raise_expected_colon<T>(&mut self) -> Parsed<T> {
        let token = self.peek();
        self.raise(super::token_location(token), "expected ':'")
    }
    pub(super) fn invalid_named_expression(&mut self) -> Parsed<()> { Ok(()) }
    pub(super) fn invalid_expression(&mut self) -> Parsed<()> { Ok(()) }
    pub(super) fn invalid_legacy_expression(&mut self) -> Parsed<()> { Ok(()) }
    pub(super) fn invalid_arithmetic(&mut self) -> Parsed<()> { Ok(()) }
    pub(super) fn invalid_factor(&mut self) -> Parsed<()> { Ok(()) }
    pub(super) fn invalid_group(&mut self) -> Parsed<()> { Ok(()) }
    pub(super) fn invalid_comprehension(&mut self) -> Parsed<()> { Ok(()) }
    pub(super) fn invalid_dict(&mut self) -> Parsed<()> { Ok(()) }
    pub(super) fn invalid_starred_expression_unpacking(&mut self) -> Parsed<()> { Ok(()) }
    pub(super) fn invalid_assignment(&mut self) -> Parsed<()> { Ok(()) }
    pub(super) fn invalid_raise(&mut self) -> Parsed<()> { Ok(()) }
    pub(super) fn invalid_del(&mut self) -> Parsed<()> { Ok(()) }
    pub(super) fn invalid_assert(&mut self) -> Parsed<()> { Ok(()) }
    pub(super) fn invalid_import(&mut self) -> Parsed<()> { Ok(()) }
    pub(super) fn invalid_import_as_name(&mut self) -> Parsed<()> { Ok(()) }
    pub(super) fn invalid_import_from_targets(&mut self) -> Parsed<()> { Ok(()) }
    pub(super) fn invalid_elif_after_else(&mut self) -> Parsed<()> { Ok(()) }
    pub(super) fn invalid_for_target(&mut self) -> Parsed<()> { Ok(()) }
    pub(super) fn invalid_with_stmt(&mut self) -> Parsed<()> { Ok(()) }
    pub(super) fn invalid_with_item(&mut self) -> Parsed<()> { Ok(()) }
    pub(super) fn invalid_as_pattern(&mut self) -> Parsed<()> { Ok(()) }
    pub(super) fn invalid_mapping_pattern(&mut self) -> Parsed<()> { Ok(()) }
    pub(super) fn invalid_comprehension_target(&mut self, _start: usize) -> Parsed<()> { Ok(()) }
    pub(super) fn invalid_type_param_bound<T>(&mut self, _s: bool, _c: Token, _v: &Expr) -> Parsed<T> { Err(super::Fail::NoMatch) }
    pub(super) fn invalid_with_stmt_indent(&mut self, _start: usize) -> Parsed<()> { Ok(()) }
    pub(super) fn invalid_try_stmt(&mut self, _start: Token) -> Parsed<()> { Ok(()) }
    pub(super) fn invalid_except_header(&mut self, _start: Token, _s: bool) -> Parsed<()> { Ok(()) }
    pub(super) fn invalid_class_pattern(&mut self, _start: usize) -> Parsed<()> { Ok(()) }
    fn _unused(&mut self) { let _ = (Keyword::If, TokenKind::Name); }
}
