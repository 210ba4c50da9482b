//! Targets of assignments, loops and deletions.

use crate::ast::{Expr, ExprContext, ExprKind};
use crate::token::TokenKind;

use super::{Fail, Parsed, Parser};

/// Turns an expression into a target; false if it cannot be one.
pub(super) fn make_target(expr: &mut Expr, context: ExprContext) -> bool {
    match &mut expr.kind {
        ExprKind::Name { ctx, .. } | ExprKind::Attribute { ctx, .. } | ExprKind::Subscript { ctx, .. } => {
            *ctx = context;
            true
        }
        ExprKind::Tuple { elts, ctx } | ExprKind::List { elts, ctx } => {
            *ctx = context;
            elts.iter_mut().all(|elt| make_target(elt, context))
        }
        ExprKind::Starred { value, ctx } => {
            *ctx = context;
            context == ExprContext::Store
                && !matches!(value.kind, ExprKind::Starred { .. })
                && make_target(value, context)
        }
        _ => false,
    }
}

impl Parser<'_> {
    /// The targets of a loop: a target, or a tuple of them.
    pub(super) fn star_targets(&mut self) -> Parsed<Expr> {
        let start = self.peek();
        let first = self.star_target()?;
        if !self.at(TokenKind::Comma) {
            return Ok(first);
        }
        let mut elts = vec![first];
        while self.eat(TokenKind::Comma) {
            match self.attempt(Self::star_target)? {
                Some(next) => elts.push(next),
                None => break,
            }
        }
        let kind = ExprKind::Tuple { elts, ctx: ExprContext::Store };
        Ok(kind.at(self.span(start)))
    }

    /// One target, perhaps starred.
    pub(super) fn star_target(&mut self) -> Parsed<Expr> {
        let mut target = if self.at(TokenKind::Star) { self.starred(Self::primary)? } else { self.primary()? };
        if make_target(&mut target, ExprContext::Store) { Ok(target) } else { Err(Fail::NoMatch) }
    }

    /// One thing to delete.
    pub(super) fn del_target(&mut self) -> Parsed<Expr> {
        let mut target = self.primary()?;
        if make_target(&mut target, ExprContext::Del) { Ok(target) } else { Err(Fail::NoMatch) }
    }
}
