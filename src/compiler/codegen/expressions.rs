//! Expressions.

use pyrs_bytecode::{AnyOpcode as Op, BinaryOp, CompareOp, Constant, Intrinsic1, WStr, resume};
use pyrs_parser::ast::{BoolOp, CmpOp, Expr, ExprContext, ExprKind, Operator, UnaryOp};
use pyrs_parser::with_stack;

use super::Compiler;
use super::statements::attribute_loc;
use crate::errors::Compiled;
use crate::instruction::{Label, Loc};
use crate::unit::UnitKind;

/// The operand of `BINARY_OP` for an operator.
pub(super) fn binary_operator(op: Operator, inplace: bool) -> BinaryOp {
    let plain = match op {
        Operator::Add => BinaryOp::Add,
        Operator::Sub => BinaryOp::Subtract,
        Operator::Mult => BinaryOp::Multiply,
        Operator::MatMult => BinaryOp::MatrixMultiply,
        Operator::Div => BinaryOp::TrueDivide,
        Operator::Mod => BinaryOp::Remainder,
        Operator::Pow => BinaryOp::Power,
        Operator::LShift => BinaryOp::Lshift,
        Operator::RShift => BinaryOp::Rshift,
        Operator::BitOr => BinaryOp::Or,
        Operator::BitXor => BinaryOp::Xor,
        Operator::BitAnd => BinaryOp::And,
        Operator::FloorDiv => BinaryOp::FloorDivide,
    };
    // The in-place operators follow in the same order.
    let offset = BinaryOp::InplaceAdd as u32;
    if !inplace {
        return plain;
    }
    BinaryOp::from_u32(plain as u32 + offset).unwrap_or(plain)
}

fn is_constant_or_none(part: &Option<Box<Expr>>) -> bool {
    part.as_ref().is_none_or(|part| matches!(part.kind, ExprKind::Constant { .. }))
}

fn is_constant_slice(slice: &Expr) -> bool {
    match &slice.kind {
        ExprKind::Slice { lower, upper, step } => [lower, upper, step].into_iter().all(is_constant_or_none),
        _ => false,
    }
}

/// Whether a subscript uses the instructions for two-part slices.
pub(super) fn takes_two_part_slice(slice: &Expr) -> bool {
    !is_constant_slice(slice) && matches!(slice.kind, ExprKind::Slice { step: None, .. })
}

impl<'a> Compiler<'a, '_> {
    pub(super) fn expr(&mut self, expr: &'a Expr) -> Compiled<()> {
        with_stack(|| self.expr_kind(expr))
    }

    fn expr_kind(&mut self, expr: &'a Expr) -> Compiled<()> {
        let loc = Loc::from(expr.location);
        match &expr.kind {
            ExprKind::NamedExpr { target, value } => {
                self.expr(value)?;
                self.op_arg(Op::Copy, 1, loc);
                self.expr(target)
            }
            ExprKind::BoolOp { op, values } => self.bool_op(*op, values, loc),
            ExprKind::BinOp { left, op, right } => {
                self.expr(left)?;
                self.expr(right)?;
                self.op_arg(Op::BinaryOp, binary_operator(*op, false) as usize, loc);
                Ok(())
            }
            ExprKind::UnaryOp { op, operand } => {
                self.expr(operand)?;
                self.unary_op(*op, loc);
                Ok(())
            }
            ExprKind::Lambda { args, body } => self.lambda(expr, args, body),
            ExprKind::IfExp { test, body, orelse } => {
                let (end, next) = (self.new_label(), self.new_label());
                self.jump_if(test, next, false, loc)?;
                self.expr(body)?;
                self.jump(Op::JumpNoInterrupt, end, Loc::NONE);
                self.use_label(next);
                self.expr(orelse)?;
                self.use_label(end);
                Ok(())
            }
            ExprKind::Dict { keys, values } => self.dict(keys, values, loc),
            ExprKind::Set { elts } => self.set(elts, loc),
            ExprKind::List { elts, ctx } => self.list(elts, *ctx, loc),
            ExprKind::Tuple { elts, ctx } => self.tuple(elts, *ctx, loc),
            ExprKind::ListComp { .. }
            | ExprKind::SetComp { .. }
            | ExprKind::DictComp { .. }
            | ExprKind::GeneratorExp { .. } => self.comprehension(expr),
            ExprKind::Yield { value } => self.yield_value(value.as_deref(), loc),
            ExprKind::YieldFrom { value } => {
                if !self.block().is_function_like() {
                    return self.error(loc, "'yield from' outside function");
                }
                if self.unit().kind == UnitKind::AsyncFunction {
                    return self.error(loc, "'yield from' inside async function");
                }
                self.expr(value)?;
                self.op(Op::GetYieldFromIter, loc);
                self.load_none(loc);
                self.yield_from(false, loc);
                Ok(())
            }
            ExprKind::Await { value } => {
                self.expr(value)?;
                self.op_arg(Op::GetAwaitable, 0, loc);
                self.load_none(loc);
                self.yield_from(true, loc);
                Ok(())
            }
            ExprKind::Compare { left, ops, comparators } => self.compare(expr, left, ops, comparators),
            ExprKind::Call { .. } => self.call(expr),
            ExprKind::Constant { value, .. } => {
                self.load_const(value.clone(), loc);
                Ok(())
            }
            ExprKind::JoinedStr { values } => self.joined_str(values, loc),
            ExprKind::TemplateStr { values } => self.template_str(values, loc),
            ExprKind::FormattedValue { value, conversion, format_spec } => {
                self.formatted_value(value, *conversion, format_spec.as_deref(), loc)
            }
            ExprKind::Interpolation { value, str, conversion, format_spec } => {
                self.interpolation(value, str, *conversion, format_spec.as_deref(), loc)
            }
            ExprKind::Attribute { value, attr, ctx } => self.attribute(expr, value, attr, *ctx),
            ExprKind::Subscript { value, slice, ctx } => self.subscript(value, slice, *ctx, loc),
            ExprKind::Starred { ctx, .. } => {
                let msg = match ctx {
                    ExprContext::Store => "starred assignment target must be in a list or tuple",
                    _ => "can't use starred expression here",
                };
                self.error(loc, msg)
            }
            ExprKind::Slice { .. } => self.slice(expr),
            ExprKind::Name { id, ctx } => self.name_op(id, *ctx, loc),
        }
    }

    fn unary_op(&mut self, op: UnaryOp, loc: Loc) {
        match op {
            UnaryOp::UAdd => {
                self.op_arg(Op::CallIntrinsic1, Intrinsic1::UnaryPositive as usize, loc);
            }
            UnaryOp::Not => {
                self.op(Op::ToBool, loc);
                self.op(Op::UnaryNot, loc);
            }
            UnaryOp::Invert => self.op(Op::UnaryInvert, loc),
            UnaryOp::USub => self.op(Op::UnaryNegative, loc),
        }
    }

    fn bool_op(&mut self, op: BoolOp, values: &'a [Expr], loc: Loc) -> Compiled<()> {
        let jump = if op == BoolOp::And { Op::JumpIfFalse } else { Op::JumpIfTrue };
        let end = self.new_label();
        for (index, value) in values.iter().enumerate() {
            self.expr(value)?;
            if index + 1 < values.len() {
                self.jump(jump, end, loc);
                self.op(Op::PopTop, loc);
            }
        }
        self.use_label(end);
        Ok(())
    }

    fn yield_value(&mut self, value: Option<&'a Expr>, loc: Loc) -> Compiled<()> {
        if !self.block().is_function_like() {
            return self.error(loc, "'yield' outside function");
        }
        match value {
            Some(value) => self.expr(value)?,
            None => self.load_none(loc),
        }
        self.emit_yield(loc);
        Ok(())
    }

    pub(super) fn emit_yield(&mut self, loc: Loc) {
        let block = self.block();
        if block.generator && block.coroutine {
            self.op_arg(Op::CallIntrinsic1, Intrinsic1::AsyncGenWrap as usize, loc);
        }
        self.op_arg(Op::YieldValue, 0, loc);
        self.op_arg(Op::Resume, resume::AFTER_YIELD as usize, loc);
    }

    pub(super) fn compare_op(&mut self, op: CmpOp, loc: Loc) {
        let compare = match op {
            CmpOp::Is => return self.op_arg(Op::IsOp, 0, loc),
            CmpOp::IsNot => return self.op_arg(Op::IsOp, 1, loc),
            CmpOp::In => return self.op_arg(Op::ContainsOp, 0, loc),
            CmpOp::NotIn => return self.op_arg(Op::ContainsOp, 1, loc),
            CmpOp::Eq => CompareOp::Eq,
            CmpOp::NotEq => CompareOp::Ne,
            CmpOp::Lt => CompareOp::Lt,
            CmpOp::LtE => CompareOp::Le,
            CmpOp::Gt => CompareOp::Gt,
            CmpOp::GtE => CompareOp::Ge,
        };
        self.op_arg(Op::CompareOp, compare.oparg() as usize, loc);
    }

    fn compare(&mut self, expr: &'a Expr, left: &'a Expr, ops: &[CmpOp], comparators: &'a [Expr]) -> Compiled<()> {
        let loc = Loc::from(expr.location);
        self.check_compare(left, ops, comparators, loc);
        self.expr(left)?;
        let (Some((last, firsts)), Some((last_op, first_ops))) = (comparators.split_last(), ops.split_last()) else {
            return Ok(());
        };
        if firsts.is_empty() {
            self.expr(last)?;
            self.compare_op(*last_op, loc);
            return Ok(());
        }
        let cleanup = self.new_label();
        for (op, comparator) in first_ops.iter().zip(firsts) {
            self.expr(comparator)?;
            self.op_arg(Op::Swap, 2, loc);
            self.op_arg(Op::Copy, 2, loc);
            self.compare_op(*op, loc);
            self.op_arg(Op::Copy, 1, loc);
            self.op(Op::ToBool, loc);
            self.jump(Op::PopJumpIfFalse, cleanup, loc);
            self.op(Op::PopTop, loc);
        }
        self.expr(last)?;
        self.compare_op(*last_op, loc);
        let end = self.new_label();
        self.jump(Op::JumpNoInterrupt, end, Loc::NONE);
        self.use_label(cleanup);
        self.op_arg(Op::Swap, 2, loc);
        self.op(Op::PopTop, loc);
        self.use_label(end);
        Ok(())
    }

    /// Jumps to a label if the expression is as true as `condition`.
    pub(super) fn jump_if(&mut self, expr: &'a Expr, next: Label, condition: bool, loc: Loc) -> Compiled<()> {
        with_stack(|| self.jump_if_kind(expr, next, condition, loc))
    }

    fn jump_if_kind(&mut self, expr: &'a Expr, next: Label, condition: bool, loc: Loc) -> Compiled<()> {
        match &expr.kind {
            ExprKind::UnaryOp { op: UnaryOp::Not, operand } => self.jump_if(operand, next, !condition, loc),
            ExprKind::BoolOp { op, values } => {
                let short_circuit = *op == BoolOp::Or;
                let inner = if short_circuit == condition { next } else { self.new_label() };
                let Some((last, firsts)) = values.split_last() else {
                    return Ok(());
                };
                for value in firsts {
                    self.jump_if(value, inner, short_circuit, loc)?;
                }
                self.jump_if(last, next, condition, loc)?;
                if inner != next {
                    self.use_label(inner);
                }
                Ok(())
            }
            ExprKind::IfExp { test, body, orelse } => {
                let (end, otherwise) = (self.new_label(), self.new_label());
                self.jump_if(test, otherwise, false, loc)?;
                self.jump_if(body, next, condition, loc)?;
                self.jump(Op::JumpNoInterrupt, end, Loc::NONE);
                self.use_label(otherwise);
                self.jump_if(orelse, next, condition, loc)?;
                self.use_label(end);
                Ok(())
            }
            ExprKind::Compare { left, ops, comparators } if ops.len() > 1 => {
                self.jump_if_chain(expr, (left, ops, comparators), next, condition)
            }
            _ => {
                let own = Loc::from(expr.location);
                self.expr(expr)?;
                self.op(Op::ToBool, own);
                self.jump(conditional_jump(condition), next, own);
                Ok(())
            }
        }
    }

    /// `a < b < c` as a condition.
    fn jump_if_chain(
        &mut self,
        expr: &'a Expr,
        (left, ops, comparators): (&'a Expr, &[CmpOp], &'a [Expr]),
        next: Label,
        condition: bool,
    ) -> Compiled<()> {
        let loc = Loc::from(expr.location);
        self.check_compare(left, ops, comparators, loc);
        let cleanup = self.new_label();
        self.expr(left)?;
        let (Some((last, firsts)), Some((last_op, first_ops))) = (comparators.split_last(), ops.split_last()) else {
            return Ok(());
        };
        for (op, comparator) in first_ops.iter().zip(firsts) {
            self.expr(comparator)?;
            self.op_arg(Op::Swap, 2, loc);
            self.op_arg(Op::Copy, 2, loc);
            self.compare_op(*op, loc);
            self.op(Op::ToBool, loc);
            self.jump(Op::PopJumpIfFalse, cleanup, loc);
        }
        self.expr(last)?;
        self.compare_op(*last_op, loc);
        self.op(Op::ToBool, loc);
        self.jump(conditional_jump(condition), next, loc);
        let end = self.new_label();
        self.jump(Op::JumpNoInterrupt, end, Loc::NONE);
        self.use_label(cleanup);
        self.op(Op::PopTop, loc);
        if !condition {
            self.jump(Op::JumpNoInterrupt, next, Loc::NONE);
        }
        self.use_label(end);
        Ok(())
    }

    /// An instruction with a (mangled) attribute name; `LOAD_ATTR` keeps its low bit free.
    pub(super) fn attribute_op(&mut self, op: Op, attr: &WStr, loc: Loc) {
        let mangled = self.maybe_mangle(attr);
        let number = self.unit_mut().names.number(mangled);
        let arg = if op == Op::LoadAttr { number << 1 } else { number };
        self.op_arg(op, arg, loc);
    }

    fn attribute(&mut self, expr: &'a Expr, value: &'a Expr, attr: &WStr, ctx: ExprContext) -> Compiled<()> {
        let loc = Loc::from(expr.location);
        if ctx == ExprContext::Load && self.can_optimize_super(value, attr) {
            self.load_super_args(value)?;
            self.super_attribute(value, attr, false, loc);
            self.op(Op::Nop, attribute_loc(loc, expr));
            return Ok(());
        }
        self.note_static_attribute(value, attr, ctx);
        self.expr(value)?;
        let loc = attribute_loc(loc, expr);
        let op = match ctx {
            ExprContext::Load => Op::LoadAttr,
            ExprContext::Store => Op::StoreAttr,
            ExprContext::Del => Op::DeleteAttr,
        };
        self.attribute_op(op, attr, loc);
        Ok(())
    }

    /// `self.x = ...` in a method shows in the class's `__static_attributes__`.
    fn note_static_attribute(&mut self, value: &Expr, attr: &WStr, ctx: ExprContext) {
        if ctx != ExprContext::Store {
            return;
        }
        let is_self = matches!(&value.kind, ExprKind::Name { id, .. } if *id == "self");
        if !is_self {
            return;
        }
        let enclosing = self.units.len() - 1;
        let class = self.units[..enclosing].iter_mut().rev().find(|u| u.kind == UnitKind::Class);
        if let Some(class) = class {
            class.static_attributes.push(attr.clone());
        }
    }

    fn subscript(&mut self, value: &'a Expr, slice: &'a Expr, ctx: ExprContext, loc: Loc) -> Compiled<()> {
        if ctx == ExprContext::Load {
            self.check_subscripter(value);
            self.check_index(value, slice);
        }
        self.expr(value)?;
        if takes_two_part_slice(slice) && ctx != ExprContext::Del {
            self.slice_two_parts(slice)?;
            let op = if ctx == ExprContext::Load { Op::BinarySlice } else { Op::StoreSlice };
            self.op(op, loc);
            return Ok(());
        }
        self.expr(slice)?;
        match ctx {
            ExprContext::Load => self.op_arg(Op::BinaryOp, BinaryOp::Subscript as usize, loc),
            ExprContext::Store => self.op(Op::StoreSubscr, loc),
            ExprContext::Del => self.op(Op::DeleteSubscr, loc),
        }
        Ok(())
    }

    pub(super) fn slice_two_parts(&mut self, slice: &'a Expr) -> Compiled<()> {
        let loc = Loc::from(slice.location);
        let ExprKind::Slice { lower, upper, .. } = &slice.kind else {
            return Ok(());
        };
        for part in [lower, upper] {
            match part {
                Some(part) => self.expr(part)?,
                None => self.load_none(loc),
            }
        }
        Ok(())
    }

    fn slice(&mut self, slice: &'a Expr) -> Compiled<()> {
        let loc = Loc::from(slice.location);
        let ExprKind::Slice { lower, upper, step } = &slice.kind else {
            return Ok(());
        };
        if is_constant_slice(slice) {
            let part = |part: &Option<Box<Expr>>| match part.as_deref().map(|part| &part.kind) {
                Some(ExprKind::Constant { value, .. }) => value.clone(),
                _ => Constant::None,
            };
            let parts = Box::new([part(lower), part(upper), part(step)]);
            self.load_const(Constant::Slice(parts), loc);
            return Ok(());
        }
        self.slice_two_parts(slice)?;
        let mut count = 2;
        if let Some(step) = step {
            self.expr(step)?;
            count = 3;
        }
        self.op_arg(Op::BuildSlice, count, loc);
        Ok(())
    }
}

fn conditional_jump(condition: bool) -> Op {
    if condition { Op::PopJumpIfTrue } else { Op::PopJumpIfFalse }
}
