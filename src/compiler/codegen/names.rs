//! Loading, storing and deleting names.

use pyrs_bytecode::{AnyOpcode as Op, WStr};
use pyrs_parser::ast::ExprContext;

use super::{Compiler, NameOp};
use crate::errors::{Compiled, system_error};
use crate::instruction::Loc;
use crate::symtable::{BlockType, Scope};
use crate::unit::UnitKind;

impl Compiler<'_, '_> {
    pub(super) fn load_name(&mut self, name: &WStr, loc: Loc) -> Compiled<()> {
        self.name_op(name, ExprContext::Load, loc)
    }

    pub(super) fn store_name(&mut self, name: &WStr, loc: Loc) -> Compiled<()> {
        self.name_op(name, ExprContext::Store, loc)
    }

    /// What kind of variable a mangled name is, and its number.
    fn resolve(&mut self, mangled: &WStr, scope: Scope) -> Compiled<(NameOp, usize)> {
        let function_like = self.block().is_function_like();
        let unit = self.unit_mut();
        let kind = match scope {
            Scope::Free => return Ok((NameOp::Deref, unit.deref_number(mangled, false))),
            Scope::Cell => return Ok((NameOp::Deref, unit.deref_number(mangled, true))),
            Scope::Local if function_like => NameOp::Fast,
            Scope::Local if unit.fast_hidden.get(mangled) == Some(&true) => NameOp::Fast,
            Scope::GlobalImplicit if function_like => NameOp::Global,
            Scope::GlobalExplicit => NameOp::Global,
            _ => NameOp::Name,
        };
        let number = match kind {
            NameOp::Fast => unit.varnames.number(mangled.clone()),
            _ => unit.names.number(mangled.clone()),
        };
        Ok((kind, number))
    }

    pub(super) fn name_op(&mut self, name: &WStr, ctx: ExprContext, loc: Loc) -> Compiled<()> {
        let mangled = self.maybe_mangle(name);
        let scope = self.block().scope(&mangled);
        let (kind, mut number) = self.resolve(&mangled, scope)?;
        let block = self.block();
        let in_class = block.kind == BlockType::Class;
        let sees_class = block.can_see_class_scope;
        let inlined = self.unit().in_inlined_comp > 0;
        let op = match (kind, ctx) {
            (NameOp::Deref, ExprContext::Load) => {
                if in_class && !inlined {
                    self.op(Op::LoadLocals, loc);
                    Op::LoadFromDictOrDeref
                } else if sees_class {
                    self.load_classdict(loc);
                    Op::LoadFromDictOrDeref
                } else {
                    Op::LoadDeref
                }
            }
            (NameOp::Deref, ExprContext::Store) => Op::StoreDeref,
            (NameOp::Deref, ExprContext::Del) => Op::DeleteDeref,
            (NameOp::Fast, ExprContext::Load) => Op::LoadFast,
            (NameOp::Fast, ExprContext::Store) => Op::StoreFast,
            (NameOp::Fast, ExprContext::Del) => Op::DeleteFast,
            (NameOp::Global, ExprContext::Load) => {
                if sees_class && scope == Scope::GlobalImplicit {
                    self.load_classdict(loc);
                    Op::LoadFromDictOrGlobals
                } else {
                    Op::LoadGlobal
                }
            }
            (NameOp::Global, ExprContext::Store) => Op::StoreGlobal,
            (NameOp::Global, ExprContext::Del) => Op::DeleteGlobal,
            (NameOp::Name, ExprContext::Load) => {
                if in_class && inlined {
                    Op::LoadGlobal
                } else {
                    Op::LoadName
                }
            }
            (NameOp::Name, ExprContext::Store) => Op::StoreName,
            (NameOp::Name, ExprContext::Del) => Op::DeleteName,
        };
        if op == Op::LoadGlobal {
            number <<= 1;
        }
        self.op_arg(op, number, loc);
        Ok(())
    }

    fn load_classdict(&mut self, loc: Loc) {
        let number = self.unit_mut().deref_number(&WStr::from("__classdict__"), false);
        self.op_arg(Op::LoadDeref, number, loc);
    }

    /// The number of a cell of the current unit.
    pub(super) fn cell_number(&mut self, name: &str) -> usize {
        self.unit_mut().deref_number(&WStr::from(name), true)
    }

    /// The number of a free variable of the current unit.
    pub(super) fn free_number(&mut self, name: &str) -> usize {
        self.unit_mut().deref_number(&WStr::from(name), false)
    }

    /// The number by which an inner function's free variable is found here.
    pub(super) fn closure_number(&mut self, name: &WStr) -> Compiled<usize> {
        let scope = self.reference_scope(name);
        let unit = self.unit();
        let (table, offset) =
            if scope == Scope::Cell { (&unit.cellvars, 0) } else { (&unit.freevars, unit.cellvars.len()) };
        match table.get(name) {
            Some(number) => Ok(number + offset),
            None => Err(system_error(format!("no closure variable {name}"))),
        }
    }

    /// Where a name lives, with a class's implicit cells.
    pub(super) fn reference_scope(&self, name: &WStr) -> Scope {
        let implicit = *name == "__class__" || *name == "__classdict__" || *name == "__conditional_annotations__";
        if self.unit().kind == UnitKind::Class && implicit {
            return Scope::Cell;
        }
        self.block().scope(name)
    }
}

impl crate::unit::Unit<'_> {
    /// The number of a cell or free variable; free ones come after the cells.
    pub fn deref_number(&mut self, name: &WStr, cell: bool) -> usize {
        if cell {
            return self.cellvars.number(name.clone());
        }
        let cells = self.cellvars.len();
        cells + self.freevars.number(name.clone())
    }
}
