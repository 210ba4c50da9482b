//! Comprehensions, inlined (PEP 709) or as functions of their own.

use pyrs_bytecode::{AnyOpcode as Op, WStr};
use pyrs_parser::ast::{Comprehension, Expr, ExprKind};

use super::Compiler;
use crate::errors::{Compiled, system_error};
use crate::instruction::{Label, Loc};
use crate::symtable::{BlockId, BlockKey, BlockRole, BlockType, Scope, symbol};
use crate::unit::{ArgCounts, FrameBlockData, FrameBlockKind, UnitKind};

/// What a comprehension makes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Product {
    Generator,
    List,
    Set,
    Dict,
}

/// The parts of a comprehension.
struct Parts<'a> {
    product: Product,
    generators: &'a [Comprehension],
    elt: &'a Expr,
    value: Option<&'a Expr>,
    loc: Loc,
}

/// What must be undone after an inlined comprehension.
#[derive(Default)]
struct InlineState {
    pushed_locals: Vec<WStr>,
    saved_symbols: Vec<(WStr, u32)>,
    hidden: Vec<WStr>,
    cleanup: Option<Label>,
}

impl<'a> Compiler<'a, '_> {
    pub(super) fn comprehension(&mut self, expr: &'a Expr) -> Compiled<()> {
        let (product, name, generators, elt, value) = match &expr.kind {
            ExprKind::ListComp { elt, generators } => (Product::List, "<listcomp>", generators, elt, None),
            ExprKind::SetComp { elt, generators } => (Product::Set, "<setcomp>", generators, elt, None),
            ExprKind::GeneratorExp { elt, generators } => (Product::Generator, "<genexpr>", generators, elt, None),
            ExprKind::DictComp { key, value, generators } => {
                (Product::Dict, "<dictcomp>", generators, key, Some(&**value))
            }
            _ => return Ok(()),
        };
        let key = BlockKey::new(expr, BlockRole::Body);
        let Some(entry) = self.table.lookup(key) else {
            return Err(system_error("comprehension without a block"));
        };
        let loc = Loc::from(expr.location);
        let parts = Parts { product, generators, elt, value, loc };
        let outermost = &generators[0];
        let is_async = self.table.block(entry).coroutine;
        if self.table.block(entry).comp_inlined {
            self.outermost_iterator(outermost)?;
            let mut state = self.push_inlined(entry, loc);
            self.build_product(product, true, loc);
            self.generators(&parts, 0, 0, true)?;
            self.pop_inlined(&mut state, loc);
            return Ok(());
        }
        let counts = ArgCounts { args: 1, ..ArgCounts::default() };
        let (kind, line) = (UnitKind::Comprehension, expr.location.lineno);
        self.enter_scope(WStr::from(name), kind, key, line, None, counts)?;
        self.build_product(product, false, loc);
        self.generators(&parts, 0, 0, false)?;
        if product == Product::Generator {
            self.wrap_in_stop_iteration_handler();
        } else {
            self.op(Op::ReturnValue, loc);
        }
        let code = self.assemble(true)?;
        self.exit_scope();
        self.make_closure(code, 0, loc)?;
        self.outermost_iterator(outermost)?;
        self.op_arg(Op::Call, 0, loc);
        if is_async && product != Product::Generator {
            self.op_arg(Op::GetAwaitable, 0, loc);
            self.load_none(loc);
            self.yield_from(true, loc);
        }
        Ok(())
    }

    /// The iterator that a comprehension is given.
    fn outermost_iterator(&mut self, outermost: &'a Comprehension) -> Compiled<()> {
        self.expr(&outermost.iter)?;
        let op = if outermost.is_async != 0 { Op::GetAiter } else { Op::GetIter };
        self.op(op, outermost.iter.location.into());
        Ok(())
    }

    fn build_product(&mut self, product: Product, inlined: bool, loc: Loc) {
        let op = match product {
            Product::Generator => return,
            Product::List => Op::BuildList,
            Product::Set => Op::BuildSet,
            Product::Dict => Op::BuildMap,
        };
        self.op_arg(op, 0, loc);
        if inlined {
            self.op_arg(Op::Swap, 2, loc);
        }
    }

    fn generators(&mut self, parts: &Parts<'a>, index: usize, depth: usize, iter_on_stack: bool) -> Compiled<()> {
        if parts.generators[index].is_async != 0 {
            self.async_generator(parts, index, depth, iter_on_stack)
        } else {
            self.sync_generator(parts, index, depth, iter_on_stack)
        }
    }

    fn sync_generator(
        &mut self,
        parts: &Parts<'a>,
        index: usize,
        mut depth: usize,
        iter_on_stack: bool,
    ) -> Compiled<()> {
        let generator = &parts.generators[index];
        let (start, if_cleanup, anchor) = (self.new_label(), self.new_label(), self.new_label());
        let iter_loc = Loc::from(generator.iter.location);
        let mut loops = true;
        if !iter_on_stack {
            if index == 0 {
                self.op_arg(Op::LoadFast, 0, parts.loc);
            } else if let Some(only) = single_element(&generator.iter) {
                // `for x in [value]` is an assignment.
                self.expr(only)?;
                loops = false;
            } else {
                self.expr(&generator.iter)?;
                self.op(Op::GetIter, iter_loc);
            }
        }
        if loops {
            depth += 1;
            self.use_label(start);
            self.jump(Op::ForIter, anchor, iter_loc);
        }
        self.expr(&generator.target)?;
        let elt_loc = self.generator_tail(parts, index, depth, if_cleanup)?;
        self.use_label(if_cleanup);
        if loops {
            self.jump(Op::Jump, start, elt_loc);
            self.use_label(anchor);
            self.op(Op::EndFor, Loc::NONE);
            self.op(Op::PopIter, Loc::NONE);
        }
        Ok(())
    }

    /// The conditions, the inner loops and the element.
    fn generator_tail(&mut self, parts: &Parts<'a>, index: usize, depth: usize, if_cleanup: Label) -> Compiled<Loc> {
        for condition in &parts.generators[index].ifs {
            self.jump_if(condition, if_cleanup, false, parts.loc)?;
        }
        let elt_loc = Loc::from(parts.elt.location);
        if index + 1 < parts.generators.len() {
            self.generators(parts, index + 1, depth, false)?;
            return Ok(elt_loc);
        }
        self.expr(parts.elt)?;
        let op = match parts.product {
            Product::Generator => {
                self.emit_yield(elt_loc);
                self.op(Op::PopTop, elt_loc);
                return Ok(elt_loc);
            }
            Product::List => Op::ListAppend,
            Product::Set => Op::SetAdd,
            Product::Dict => {
                let Some(value) = parts.value else {
                    return Ok(elt_loc);
                };
                self.expr(value)?;
                let loc = Loc::from(parts.elt.location.to(value.location));
                self.op_arg(Op::MapAdd, depth + 1, loc);
                return Ok(loc);
            }
        };
        self.op_arg(op, depth + 1, elt_loc);
        Ok(elt_loc)
    }

    fn async_generator(&mut self, parts: &Parts<'a>, index: usize, depth: usize, iter_on_stack: bool) -> Compiled<()> {
        let generator = &parts.generators[index];
        let (start, send) = (self.new_label(), self.new_label());
        let (except, if_cleanup) = (self.new_label(), self.new_label());
        let loc = parts.loc;
        if !iter_on_stack {
            if index == 0 {
                self.op_arg(Op::LoadFast, 0, loc);
            } else {
                self.expr(&generator.iter)?;
                self.op(Op::GetAiter, generator.iter.location.into());
            }
        }
        self.use_label(start);
        let kind = FrameBlockKind::AsyncComprehension;
        self.push_frame_block(kind, Some(start), None, loc, FrameBlockData::Nothing)?;
        self.jump(Op::SetupFinally, except, loc);
        self.op(Op::GetAnext, loc);
        self.load_none(loc);
        self.use_label(send);
        self.yield_from(true, loc);
        self.op(Op::PopBlock, loc);
        self.expr(&generator.target)?;
        let elt_loc = self.generator_tail(parts, index, depth + 1, if_cleanup)?;
        self.use_label(if_cleanup);
        self.jump(Op::Jump, start, elt_loc);
        self.pop_frame_block();
        self.use_label(except);
        self.jump(Op::EndAsyncFor, send, loc);
        Ok(())
    }

    /// Takes over the names of a comprehension that is compiled in place.
    fn push_inlined(&mut self, entry: BlockId, loc: Loc) -> InlineState {
        let mut state = InlineState::default();
        let in_class = self.block().kind == BlockType::Class && self.unit().in_inlined_comp == 0;
        let function_like = self.block().is_function_like();
        self.unit_mut().in_inlined_comp += 1;
        let symbols: Vec<(WStr, u32)> = self.table.block(entry).symbols.iter().cloned().collect();
        let outer_id = self.unit().block;
        let mut bound = Vec::new();
        for (name, bits) in &symbols {
            let scope = Scope::of(*bits);
            let outer_bits = self.table.block(outer_id).bits(name);
            let outer_scope = Scope::of(outer_bits);
            let differs =
                scope != outer_scope && scope != Scope::Free && !(scope == Scope::Cell && outer_scope == Scope::Free);
            if differs || in_class {
                state.saved_symbols.push((name.clone(), outer_bits));
                self.table.block_mut(outer_id).symbols.insert(name.clone(), *bits);
            }
            let binds = bits & symbol::DEF_LOCAL != 0 && bits & symbol::DEF_NONLOCAL == 0;
            if !binds {
                continue;
            }
            bound.push((name.clone(), scope));
            let unit = self.unit_mut();
            if !function_like && unit.fast_hidden.get(name) != Some(&true) {
                unit.fast_hidden.insert(name.clone(), true);
                state.hidden.push(name.clone());
            }
        }
        self.push_inlined_locals(&mut state, bound, loc);
        state
    }

    fn push_inlined_locals(&mut self, state: &mut InlineState, bound: Vec<(WStr, Scope)>, loc: Loc) {
        for (name, scope) in bound {
            let outer_scope = self.block().scope(&name);
            let local = self.unit_mut().varnames.number(name.clone());
            self.op_arg(Op::LoadFastAndClear, local, loc);
            if scope == Scope::Cell {
                let cell = outer_scope != Scope::Free;
                let number = self.unit_mut().deref_number(&name, cell);
                self.op_arg(Op::MakeCell, number, loc);
            }
            state.pushed_locals.push(name);
        }
        if !state.pushed_locals.is_empty() {
            self.op_arg(Op::Swap, state.pushed_locals.len() + 1, loc);
            // The locals are restored when the comprehension raises, too.
            let cleanup = self.new_label();
            state.cleanup = Some(cleanup);
            self.jump(Op::SetupFinally, cleanup, loc);
        }
    }

    fn pop_inlined(&mut self, state: &mut InlineState, loc: Loc) {
        if let Some(cleanup) = state.cleanup {
            self.op(Op::PopBlock, Loc::NONE);
            let end = self.new_label();
            self.jump(Op::JumpNoInterrupt, end, Loc::NONE);
            self.use_label(cleanup);
            self.op_arg(Op::Swap, 2, Loc::NONE);
            self.op(Op::PopTop, Loc::NONE);
            self.restore_inlined_locals(&state.pushed_locals, loc);
            self.op_arg(Op::Reraise, 0, Loc::NONE);
            self.use_label(end);
            self.restore_inlined_locals(&state.pushed_locals, loc);
        }
        self.unit_mut().in_inlined_comp -= 1;
        let outer_id = self.unit().block;
        for (name, bits) in state.saved_symbols.drain(..) {
            self.table.block_mut(outer_id).symbols.insert(name, bits);
        }
        for name in state.hidden.drain(..) {
            self.unit_mut().fast_hidden.insert(name, false);
        }
    }

    fn restore_inlined_locals(&mut self, names: &[WStr], loc: Loc) {
        self.op_arg(Op::Swap, names.len() + 1, loc);
        for name in names.iter().rev() {
            let number = self.unit_mut().varnames.number(name.clone());
            self.op_arg(Op::StoreFastMaybeNull, number, loc);
        }
    }
}

/// The element of a list or tuple display of exactly one.
fn single_element(iter: &Expr) -> Option<&Expr> {
    match &iter.kind {
        ExprKind::List { elts, .. } | ExprKind::Tuple { elts, .. } => match elts.as_slice() {
            [only] if !matches!(only.kind, ExprKind::Starred { .. }) => Some(only),
            _ => None,
        },
        _ => None,
    }
}
