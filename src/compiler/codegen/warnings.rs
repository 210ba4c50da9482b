//! Warnings about code that is valid but surely wrong.

use pyrs_bytecode::Constant;
use pyrs_parser::ast::{CmpOp, Expr, ExprKind};
use pyrs_parser::{SyntaxWarningInfo, WarningKind};

use super::Compiler;
use crate::instruction::Loc;

impl Compiler<'_, '_> {
    pub(super) fn syntax_warning(&mut self, loc: Loc, msg: impl Into<String>) {
        if self.disable_warnings > 0 {
            return;
        }
        (self.warn)(SyntaxWarningInfo {
            kind: WarningKind::Syntax,
            msg: msg.into(),
            lineno: loc.line,
            offset: loc.col + 1,
            end_lineno: loc.end_line,
            end_offset: loc.end_col + 1,
        });
    }

    /// `is` with a literal.
    pub(super) fn check_compare(&mut self, left: &Expr, ops: &[CmpOp], comparators: &[Expr], loc: Loc) {
        let mut left = left;
        for (op, right) in ops.iter().zip(comparators) {
            let literal = if !may_be_identical(left) {
                Some(left)
            } else if !may_be_identical(right) {
                Some(right)
            } else {
                None
            };
            if let (CmpOp::Is | CmpOp::IsNot, Some(literal)) = (op, literal) {
                let name = type_name(literal).unwrap_or("object");
                let msg = if *op == CmpOp::Is {
                    format!("\"is\" with '{name}' literal. Did you mean \"==\"?")
                } else {
                    format!("\"is not\" with '{name}' literal. Did you mean \"!=\"?")
                };
                return self.syntax_warning(loc, msg);
            }
            left = right;
        }
    }

    /// A call of something that is surely not callable.
    pub(super) fn check_caller(&mut self, func: &Expr) {
        let callable = matches!(func.kind, ExprKind::Lambda { .. });
        if let (Some(name), false) = (type_name(func), callable) {
            let msg = format!("'{name}' object is not callable; perhaps you missed a comma?");
            self.syntax_warning(func.location.into(), msg);
        }
    }

    /// An index into something that is surely not subscriptable.
    pub(super) fn check_subscripter(&mut self, value: &Expr) {
        let warns = match &value.kind {
            ExprKind::Constant { value, .. } => matches!(
                value,
                Constant::None
                    | Constant::Ellipsis
                    | Constant::True
                    | Constant::False
                    | Constant::Int(_)
                    | Constant::BigInt(_)
                    | Constant::Float(_)
                    | Constant::Complex { .. }
                    | Constant::FrozenSet(_)
            ),
            ExprKind::Set { .. }
            | ExprKind::SetComp { .. }
            | ExprKind::GeneratorExp { .. }
            | ExprKind::TemplateStr { .. }
            | ExprKind::Lambda { .. } => true,
            _ => false,
        };
        if let (true, Some(name)) = (warns, type_name(value)) {
            let msg = format!("'{name}' object is not subscriptable; perhaps you missed a comma?");
            self.syntax_warning(value.location.into(), msg);
        }
    }

    /// An index that is surely no integer or slice.
    pub(super) fn check_index(&mut self, value: &Expr, index: &Expr) {
        let Some(index_name) = type_name(index) else {
            return;
        };
        if matches!(index_name, "int" | "bool" | "slice") {
            return;
        }
        let sequence = match &value.kind {
            ExprKind::Constant { value, .. } => {
                matches!(value, Constant::Str(_) | Constant::Bytes(_) | Constant::Tuple(_))
            }
            ExprKind::Tuple { .. }
            | ExprKind::List { .. }
            | ExprKind::ListComp { .. }
            | ExprKind::JoinedStr { .. }
            | ExprKind::FormattedValue { .. }
            | ExprKind::Interpolation { .. } => true,
            _ => false,
        };
        if let (true, Some(name)) = (sequence, type_name(value)) {
            let msg = format!(
                "{name} indices must be integers or slices, not {index_name}; \
                 perhaps you missed a comma?"
            );
            self.syntax_warning(value.location.into(), msg);
        }
    }
}

/// Whether comparing by identity makes sense.
fn may_be_identical(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Tuple { elts, .. } => !elts.iter().all(|elt| matches!(elt.kind, ExprKind::Constant { .. })),
        ExprKind::Constant { value, .. } => {
            matches!(value, Constant::None | Constant::True | Constant::False | Constant::Ellipsis)
        }
        _ => true,
    }
}

/// The type that an expression surely has.
fn type_name(expr: &Expr) -> Option<&'static str> {
    Some(match &expr.kind {
        ExprKind::Tuple { .. } => "tuple",
        ExprKind::List { .. } | ExprKind::ListComp { .. } => "list",
        ExprKind::Dict { .. } | ExprKind::DictComp { .. } => "dict",
        ExprKind::Set { .. } | ExprKind::SetComp { .. } => "set",
        ExprKind::GeneratorExp { .. } => "generator",
        ExprKind::Lambda { .. } => "function",
        ExprKind::TemplateStr { .. } | ExprKind::Interpolation { .. } => "string.templatelib.Template",
        ExprKind::JoinedStr { .. } | ExprKind::FormattedValue { .. } => "str",
        ExprKind::Constant { value, .. } => match value {
            Constant::None => "NoneType",
            Constant::True | Constant::False => "bool",
            Constant::Ellipsis => "ellipsis",
            Constant::Int(_) | Constant::BigInt(_) => "int",
            Constant::Float(_) => "float",
            Constant::Complex { .. } => "complex",
            Constant::Str(_) => "str",
            Constant::Bytes(_) => "bytes",
            Constant::Tuple(_) => "tuple",
            Constant::FrozenSet(_) => "frozenset",
            Constant::Slice(_) => "slice",
            Constant::Code(_) => "code",
        },
        _ => return None,
    })
}
