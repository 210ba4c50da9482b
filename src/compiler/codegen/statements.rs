//! Statements that are no loops, blocks or definitions.

use pyrs_bytecode::{AnyOpcode as Op, BinaryOp, CommonConstant, Constant, Intrinsic1, WStr};
use pyrs_parser::ast::{Alias, Expr, ExprKind, Stmt, StmtKind};
use pyrs_parser::with_stack;

use super::Compiler;
use super::expressions::{binary_operator, takes_two_part_slice};
use crate::errors::{Compiled, system_error};
use crate::instruction::Loc;
use crate::unit::UnitKind;

impl<'a> Compiler<'a, '_> {
    pub(super) fn stmts(&mut self, body: &'a [Stmt]) -> Compiled<()> {
        body.iter().try_for_each(|stmt| with_stack(|| self.stmt(stmt)))
    }

    /// A statement whose body may or may not be run.
    fn conditional(&mut self, step: impl FnOnce(&mut Self) -> Compiled<()>) -> Compiled<()> {
        self.unit_mut().in_conditional_block += 1;
        step(self)?;
        self.unit_mut().in_conditional_block -= 1;
        Ok(())
    }

    fn stmt(&mut self, stmt: &'a Stmt) -> Compiled<()> {
        let loc = Loc::from(stmt.location);
        match &stmt.kind {
            StmtKind::FunctionDef { .. } | StmtKind::AsyncFunctionDef { .. } => self.function(stmt),
            StmtKind::ClassDef { .. } => self.class(stmt),
            StmtKind::TypeAlias { name, type_params, value } => self.type_alias(stmt, name, type_params, value),
            StmtKind::Return { value } => self.return_stmt(value.as_deref(), loc),
            StmtKind::Delete { targets } => self.exprs(targets),
            StmtKind::Assign { targets, value, .. } => {
                self.expr(value)?;
                for (index, target) in targets.iter().enumerate() {
                    if index + 1 < targets.len() {
                        self.op_arg(Op::Copy, 1, loc);
                    }
                    self.expr(target)?;
                }
                Ok(())
            }
            StmtKind::AugAssign { target, op, value } => {
                self.augmented_assignment(target, binary_operator(*op, true), value, loc)
            }
            StmtKind::AnnAssign { target, annotation, value, simple } => {
                self.annotated_assignment(stmt, target, annotation, value.as_deref(), *simple != 0)
            }
            StmtKind::For { target, iter, body, orelse, .. } => {
                self.conditional(|c| c.for_loop(target, iter, body, orelse, loc))
            }
            StmtKind::AsyncFor { target, iter, body, orelse, .. } => {
                self.conditional(|c| c.async_for_loop(target, iter, body, orelse, loc))
            }
            StmtKind::While { test, body, orelse } => self.conditional(|c| c.while_loop(test, body, orelse, loc)),
            StmtKind::If { test, body, orelse } => self.conditional(|c| c.if_stmt(test, body, orelse, loc)),
            StmtKind::Match { subject, cases } => self.conditional(|c| c.match_stmt(subject, cases)),
            StmtKind::Raise { exc, cause } => {
                let mut count = 0;
                if let Some(exc) = exc {
                    self.expr(exc)?;
                    count += 1;
                    if let Some(cause) = cause {
                        self.expr(cause)?;
                        count += 1;
                    }
                }
                self.op_arg(Op::RaiseVarargs, count, loc);
                Ok(())
            }
            StmtKind::Try { body, handlers, orelse, finalbody } => {
                self.conditional(|c| c.try_stmt(body, handlers, orelse, finalbody, false, loc))
            }
            StmtKind::TryStar { body, handlers, orelse, finalbody } => {
                self.conditional(|c| c.try_stmt(body, handlers, orelse, finalbody, true, loc))
            }
            StmtKind::With { items, body, .. } => self.conditional(|c| c.with_stmt(items, body)),
            StmtKind::AsyncWith { items, body, .. } => self.conditional(|c| c.async_with_stmt(items, body)),
            StmtKind::Assert { test, msg } => self.assert_stmt(test, msg.as_deref(), loc),
            StmtKind::Import { names } => self.import(names, loc),
            StmtKind::ImportFrom { module, names, level } => {
                self.import_from(module.as_ref(), names, level.unwrap_or(0), loc)
            }
            StmtKind::Global { .. } | StmtKind::Nonlocal { .. } => Ok(()),
            StmtKind::Expr { value } => self.expr_stmt(value, loc),
            StmtKind::Pass {} => {
                self.op(Op::Nop, loc);
                Ok(())
            }
            StmtKind::Break {} => self.break_stmt(loc),
            StmtKind::Continue {} => self.continue_stmt(loc),
        }
    }

    fn expr_stmt(&mut self, value: &'a Expr, loc: Loc) -> Compiled<()> {
        if self.interactive && self.units.len() == 1 {
            self.expr(value)?;
            self.op_arg(Op::CallIntrinsic1, Intrinsic1::Print as usize, loc);
            self.op(Op::PopTop, Loc::NONE);
            return Ok(());
        }
        if matches!(value.kind, ExprKind::Constant { .. }) {
            self.op(Op::Nop, loc);
            return Ok(());
        }
        self.expr(value)?;
        self.op(Op::PopTop, Loc::NONE);
        Ok(())
    }

    fn return_stmt(&mut self, value: Option<&'a Expr>, stmt_loc: Loc) -> Compiled<()> {
        let mut loc = stmt_loc;
        let block = self.block();
        if !block.is_function_like() {
            return self.error(loc, "'return' outside function");
        }
        if value.is_some() && block.coroutine && block.generator {
            return self.error(loc, "'return' with value in async generator");
        }
        let constant = match value.map(|value| &value.kind) {
            Some(ExprKind::Constant { value, .. }) => Some(value),
            _ => None,
        };
        let preserve = value.is_some() && constant.is_none();
        if let Some(value) = value {
            if preserve {
                self.expr(value)?;
            } else {
                loc = value.location.into();
                self.op(Op::Nop, loc);
            }
        }
        if value.is_none_or(|value| value.location.lineno != stmt_loc.line) {
            loc = stmt_loc;
            self.op(Op::Nop, loc);
        }
        self.unwind_all(&mut loc, preserve)?;
        match (value, constant) {
            (None, _) => self.load_none(loc),
            (Some(_), Some(constant)) => self.load_const(constant.clone(), loc),
            _ => {}
        }
        self.op(Op::ReturnValue, loc);
        Ok(())
    }

    fn assert_stmt(&mut self, test: &'a Expr, msg: Option<&'a Expr>, loc: Loc) -> Compiled<()> {
        let always_true = match &test.kind {
            ExprKind::Tuple { elts, .. } => !elts.is_empty(),
            ExprKind::Constant { value: Constant::Tuple(items), .. } => !items.is_empty(),
            _ => false,
        };
        if always_true {
            self.syntax_warning(loc, "assertion is always true, perhaps remove parentheses?");
        }
        if self.optimize > 0 {
            return Ok(());
        }
        let end = self.new_label();
        self.jump_if(test, end, true, loc)?;
        self.op_arg(Op::LoadCommonConstant, CommonConstant::AssertionError as usize, loc);
        if let Some(msg) = msg {
            self.expr(msg)?;
            self.op_arg(Op::Call, 0, loc);
        }
        self.op_arg(Op::RaiseVarargs, 1, test.location.into());
        self.use_label(end);
        Ok(())
    }

    fn import(&mut self, names: &'a [Alias], loc: Loc) -> Compiled<()> {
        for alias in names {
            self.load_const(Constant::Int(0), loc);
            self.load_none(loc);
            let name = self.maybe_mangle(&alias.name);
            self.name_arg(Op::ImportName, &name, loc);
            let parts: Vec<WStr> = dotted_parts(&alias.name);
            match &alias.asname {
                Some(asname) => self.import_as(&parts, asname, loc)?,
                None => self.store_name(&parts[0], loc)?,
            }
        }
        Ok(())
    }

    /// `import a.b.c as d`: the attributes are taken one after the other.
    fn import_as(&mut self, parts: &[WStr], asname: &WStr, loc: Loc) -> Compiled<()> {
        for (index, part) in parts.iter().enumerate().skip(1) {
            self.name_arg(Op::ImportFrom, part, loc);
            if index + 1 < parts.len() {
                self.op_arg(Op::Swap, 2, loc);
                self.op(Op::PopTop, loc);
            }
        }
        self.store_name(asname, loc)?;
        if parts.len() > 1 {
            self.op(Op::PopTop, loc);
        }
        Ok(())
    }

    fn import_from(&mut self, module: Option<&WStr>, names: &'a [Alias], level: i64, loc: Loc) -> Compiled<()> {
        self.load_const(Constant::Int(level), loc);
        let wanted = names.iter().map(|alias| Constant::Str(alias.name.clone())).collect();
        self.load_const(Constant::Tuple(wanted), loc);
        let module = self.maybe_mangle(&module.cloned().unwrap_or_default());
        self.name_arg(Op::ImportName, &module, loc);
        if names.len() == 1 && names[0].name == "*" {
            self.op_arg(Op::CallIntrinsic1, Intrinsic1::ImportStar as usize, loc);
            self.op(Op::PopTop, Loc::NONE);
            return Ok(());
        }
        for alias in names {
            let name = self.maybe_mangle(&alias.name);
            self.name_arg(Op::ImportFrom, &name, loc);
            self.store_name(alias.asname.as_ref().unwrap_or(&alias.name), loc)?;
        }
        self.op(Op::PopTop, loc);
        Ok(())
    }

    fn augmented_assignment(&mut self, target: &'a Expr, op: BinaryOp, value: &'a Expr, stmt_loc: Loc) -> Compiled<()> {
        let loc = Loc::from(target.location);
        match &target.kind {
            ExprKind::Attribute { value: object, attr, .. } => {
                self.expr(object)?;
                self.op_arg(Op::Copy, 1, loc);
                let loc = attribute_loc(loc, target);
                self.attribute_op(Op::LoadAttr, attr, loc);
            }
            ExprKind::Subscript { value: object, slice, .. } => {
                self.expr(object)?;
                if takes_two_part_slice(slice) {
                    self.slice_two_parts(slice)?;
                    for _ in 0..3 {
                        self.op_arg(Op::Copy, 3, loc);
                    }
                    self.op(Op::BinarySlice, loc);
                } else {
                    self.expr(slice)?;
                    self.op_arg(Op::Copy, 2, loc);
                    self.op_arg(Op::Copy, 2, loc);
                    self.op_arg(Op::BinaryOp, BinaryOp::Subscript as usize, loc);
                }
            }
            ExprKind::Name { id, .. } => self.load_name(id, loc)?,
            _ => return Err(system_error("invalid node type for augmented assignment")),
        }
        self.expr(value)?;
        self.op_arg(Op::BinaryOp, op as usize, stmt_loc);
        match &target.kind {
            ExprKind::Attribute { attr, .. } => {
                let loc = attribute_loc(loc, target);
                self.op_arg(Op::Swap, 2, loc);
                self.attribute_op(Op::StoreAttr, attr, loc);
            }
            ExprKind::Subscript { slice, .. } => {
                if takes_two_part_slice(slice) {
                    for depth in [4, 3, 2] {
                        self.op_arg(Op::Swap, depth, loc);
                    }
                    self.op(Op::StoreSlice, loc);
                } else {
                    self.op_arg(Op::Swap, 3, loc);
                    self.op_arg(Op::Swap, 2, loc);
                    self.op(Op::StoreSubscr, loc);
                }
            }
            ExprKind::Name { id, .. } => self.store_name(id, loc)?,
            _ => {}
        }
        Ok(())
    }

    fn annotated_assignment(
        &mut self,
        stmt: &'a Stmt,
        target: &'a Expr,
        annotation: &'a Expr,
        value: Option<&'a Expr>,
        simple: bool,
    ) -> Compiled<()> {
        let loc = Loc::from(stmt.location);
        if let Some(value) = value {
            self.expr(value)?;
            self.expr(target)?;
        }
        let in_namespace = matches!(self.unit().kind, UnitKind::Module | UnitKind::Class);
        match &target.kind {
            ExprKind::Name { id, .. } if simple && in_namespace => {
                self.simple_annotation(stmt, id, annotation, loc)?;
            }
            ExprKind::Name { .. } => {}
            ExprKind::Attribute { value: object, .. } => {
                if value.is_none() {
                    self.check_annotation_part(object)?;
                }
            }
            ExprKind::Subscript { value: object, slice, .. } => {
                if value.is_none() {
                    self.check_annotation_part(object)?;
                    self.check_annotation_subscript(slice)?;
                }
            }
            _ => return Err(system_error("invalid node type for annotated assignment")),
        }
        Ok(())
    }

    fn check_annotation_part(&mut self, expr: &'a Expr) -> Compiled<()> {
        self.expr(expr)?;
        self.op(Op::PopTop, expr.location.into());
        Ok(())
    }

    fn check_annotation_subscript(&mut self, expr: &'a Expr) -> Compiled<()> {
        match &expr.kind {
            ExprKind::Slice { lower, upper, step } => {
                for part in [lower, upper, step].into_iter().flatten() {
                    self.check_annotation_part(part)?;
                }
                Ok(())
            }
            ExprKind::Tuple { elts, .. } => elts.iter().try_for_each(|elt| self.check_annotation_subscript(elt)),
            _ => self.check_annotation_part(expr),
        }
    }
}

fn dotted_parts(name: &WStr) -> Vec<WStr> {
    name.as_bytes().split(|byte| *byte == b'.').map(|part| WStr::from_wtf8(part).unwrap_or_default()).collect()
}

/// An attribute access over several lines starts at the attribute's name.
pub(super) fn attribute_loc(loc: Loc, attribute: &Expr) -> Loc {
    let ExprKind::Attribute { attr, .. } = &attribute.kind else {
        return loc;
    };
    let end = attribute.location;
    if loc.line == end.end_lineno {
        return loc;
    }
    let mut moved = Loc { line: end.end_lineno, ..loc };
    let length = attr.len() as i32;
    if length <= end.end_col_offset {
        moved.col = end.end_col_offset - length;
    } else {
        moved.col = -1;
        moved.end_col = -1;
    }
    moved.end_line = moved.line.max(moved.end_line);
    if moved.line == moved.end_line {
        moved.end_col = moved.col.max(moved.end_col);
    }
    moved
}
