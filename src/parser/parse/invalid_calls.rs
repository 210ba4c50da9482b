//! Common mistakes in calls and parameter lists.

use crate::token::TokenKind;

use super::{Parsed, Parser};

impl Parser<'_> {
    pub(super) fn invalid_arguments(&mut self) -> Parsed<()> { Ok(()) }
    pub(super) fn invalid_kwarg(&mut self) -> Parsed<()> { Ok(()) }
    pub(super) fn invalid_kwarg_if_assigned(&mut self) -> Parsed<()> { Ok(()) }
    pub(super) fn invalid_parameters(&mut self, _end: TokenKind, _annotated: bool) -> Parsed<()> { Ok(()) }
}
