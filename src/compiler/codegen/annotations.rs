//! Deferred annotations (PEP 649) and stringized ones.

use std::sync::Arc;

use pyrs_bytecode::{AnyOpcode as Op, CodeObject, CommonConstant, CompareOp, Constant, WStr, function_attribute};
use pyrs_parser::ast::{Arg, Arguments, Expr, ExprKind, Stmt, StmtKind};

use super::Compiler;
use crate::errors::{Compiled, system_error};
use crate::instruction::Loc;
use crate::symtable::{BlockKey, BlockRole, BlockType};
use crate::unit::{ArgCounts, DeferredAnnotation, UnitKind};
use crate::unparse;

/// `annotationlib.Format.VALUE_WITH_FAKE_GLOBALS`: higher formats are not supported.
const VALUE_WITH_FAKE_GLOBALS: i64 = 2;

impl<'a> Compiler<'a, '_> {
    /// Enters a scope whose function takes a format and refuses those it does not know.
    pub(super) fn enter_annotation_scope(&mut self, name: WStr, key: BlockKey, loc: Loc) -> Compiled<()> {
        let counts = ArgCounts { posonly: 1, ..ArgCounts::default() };
        self.enter_scope(name, UnitKind::Annotations, key, loc.line, None, counts)?;
        let body = self.new_label();
        self.op_arg(Op::LoadFast, 0, loc);
        self.load_const(Constant::Int(VALUE_WITH_FAKE_GLOBALS), loc);
        self.op_arg(Op::CompareOp, CompareOp::Gt.oparg() as usize, loc);
        self.jump(Op::PopJumpIfFalse, body, loc);
        self.op_arg(Op::LoadCommonConstant, CommonConstant::NotImplementedError as usize, loc);
        self.op_arg(Op::RaiseVarargs, 1, loc);
        self.use_label(body);
        Ok(())
    }

    /// Ends an `__annotate__` function; its parameter is shown as `format`.
    fn leave_annotation_scope(&mut self, loc: Loc) -> Compiled<()> {
        self.op(Op::ReturnValue, loc);
        let code = self.assemble(true)?;
        let mut renamed: CodeObject = (*code).clone();
        if let Some(first) = renamed.localsplusnames.first_mut() {
            *first = WStr::from("format");
        }
        self.exit_scope();
        self.make_closure(Arc::new(renamed), 0, loc)
    }

    /// Makes the `__annotate__` function of a module or class.
    pub(super) fn deferred_annotations(&mut self, loc: Loc) -> Compiled<()> {
        let deferred = std::mem::take(&mut self.unit_mut().deferred);
        if deferred.is_empty() {
            return Ok(());
        }
        let kind = self.unit().kind;
        let separate = kind == UnitKind::Module;
        if separate {
            let unit = self.unit_mut();
            unit.stashed = Some(std::mem::take(&mut unit.code));
        }
        let Some(annotation_block) = self.block().annotation_block else {
            return Err(system_error("annotations without a block"));
        };
        let key = self.table.block(annotation_block).key;
        let name = self.table.block(annotation_block).name.clone();
        self.enter_annotation_scope(name, key, loc)?;
        self.deferred_annotations_body(&deferred, kind, loc)?;
        self.leave_annotation_scope(loc)?;
        let in_class = self.block().kind == BlockType::Class;
        let target = if in_class { "__annotate_func__" } else { "__annotate__" };
        self.store_name(&WStr::from(target), loc)?;
        if separate {
            let unit = self.unit_mut();
            if let Some(stashed) = unit.stashed.take() {
                let annotations = std::mem::replace(&mut unit.code, stashed);
                unit.code.annotations = Some(annotations.instrs);
            }
        }
        Ok(())
    }

    fn deferred_annotations_body(
        &mut self,
        deferred: &[DeferredAnnotation<'a>],
        kind: UnitKind,
        loc: Loc,
    ) -> Compiled<()> {
        self.op_arg(Op::BuildMap, 0, loc);
        for item in deferred {
            let StmtKind::AnnAssign { target, annotation, .. } = &item.stmt.kind else {
                continue;
            };
            let ExprKind::Name { id, .. } = &target.kind else {
                continue;
            };
            let stmt_loc = Loc::from(item.stmt.location);
            let mangled = crate::symtable::mangle(self.unit().private.as_ref(), id);
            let not_set = self.new_label();
            if let Some(index) = item.index {
                self.load_const(Constant::Int(index as i64), stmt_loc);
                if kind == UnitKind::Class {
                    let number = self.free_number("__conditional_annotations__");
                    self.op_arg(Op::LoadDeref, number, stmt_loc);
                } else {
                    let name = WStr::from("__conditional_annotations__");
                    let number = self.unit_mut().names.number(name);
                    self.op_arg(Op::LoadGlobal, number << 1, stmt_loc);
                }
                self.op_arg(Op::ContainsOp, 0, stmt_loc);
                self.jump(Op::PopJumpIfFalse, not_set, stmt_loc);
            }
            self.expr(annotation)?;
            self.op_arg(Op::Copy, 2, stmt_loc);
            self.load_const(Constant::Str(mangled), stmt_loc);
            self.op(Op::StoreSubscr, loc);
            self.use_label(not_set);
        }
        Ok(())
    }

    /// The annotation of a plain name in a module or class.
    pub(super) fn simple_annotation(
        &mut self,
        stmt: &'a Stmt,
        id: &WStr,
        annotation: &'a Expr,
        loc: Loc,
    ) -> Compiled<()> {
        if self.future_annotations() {
            self.stringized(annotation);
            self.name_arg(Op::LoadName, &WStr::from("__annotations__"), loc);
            let mangled = self.maybe_mangle(id);
            self.load_const(Constant::Str(mangled), loc);
            self.op(Op::StoreSubscr, loc);
            return Ok(());
        }
        let unit = self.unit_mut();
        let conditional = unit.kind == UnitKind::Module || unit.in_conditional_block > 0;
        let index = conditional.then_some(unit.next_conditional_index);
        unit.deferred.push(DeferredAnnotation { stmt, index });
        let Some(index) = index else {
            return Ok(());
        };
        unit.next_conditional_index += 1;
        if unit.kind == UnitKind::Class {
            let cell = self.cell_number("__conditional_annotations__");
            self.op_arg(Op::LoadDeref, cell, loc);
        } else {
            self.name_arg(Op::LoadName, &WStr::from("__conditional_annotations__"), loc);
        }
        self.load_const(Constant::Int(index as i64), loc);
        self.op_arg(Op::SetAdd, 1, loc);
        self.op(Op::PopTop, loc);
        Ok(())
    }

    fn stringized(&mut self, annotation: &Expr) {
        let text = unparse::expression(annotation);
        self.load_const(Constant::Str(text), annotation.location.into());
    }

    /// Pushes the `__annotate__` function of a function, if it has annotations.
    pub(super) fn function_annotations(
        &mut self,
        args: &'a Arguments,
        returns: Option<&'a Expr>,
        loc: Loc,
    ) -> Compiled<u32> {
        let key = BlockKey::new(args, BlockRole::Annotations);
        let Some(id) = self.table.lookup(key) else {
            return Ok(0);
        };
        if !self.table.block(id).annotations_used {
            return Ok(0);
        }
        let name = self.table.block(id).name.clone();
        self.enter_annotation_scope(name, key, loc)?;
        let mut count = 0;
        let all = args
            .args
            .iter()
            .chain(&args.posonlyargs)
            .chain(args.vararg.as_deref())
            .chain(&args.kwonlyargs)
            .chain(args.kwarg.as_deref());
        for arg in all {
            count += self.arg_annotation(arg, loc)?;
        }
        if let Some(returns) = returns {
            self.one_annotation(&WStr::from("return"), returns, loc)?;
            count += 1;
        }
        self.op_arg(Op::BuildMap, count, loc);
        self.leave_annotation_scope(loc)?;
        Ok(function_attribute::ANNOTATE)
    }

    fn arg_annotation(&mut self, arg: &'a Arg, loc: Loc) -> Compiled<usize> {
        match &arg.annotation {
            Some(annotation) => {
                self.one_annotation(&arg.arg, annotation, loc)?;
                Ok(1)
            }
            None => Ok(0),
        }
    }

    fn one_annotation(&mut self, name: &WStr, annotation: &'a Expr, loc: Loc) -> Compiled<()> {
        let mangled = self.maybe_mangle(name);
        self.load_const(Constant::Str(mangled), loc);
        if self.future_annotations() {
            self.stringized(annotation);
            return Ok(());
        }
        match &annotation.kind {
            ExprKind::Starred { value, .. } => {
                self.expr(value)?;
                self.op_arg(Op::UnpackSequence, 1, loc);
                Ok(())
            }
            _ => self.expr(annotation),
        }
    }
}
