//! `LOAD_FAST_BORROW`: loads whose value is used up while the local still holds it.
//!
//! Each block is run on a stack of abstract references.  A load qualifies if its reference is
//! consumed in the block, before the local is overwritten, and is not stored in a local itself.

use pyrs_bytecode::AnyOpcode as Op;

use super::blocks::{BlockRef, Graph, is_scope_exit, is_unconditional_jump};
use crate::instruction::has_target;

/// A value on the abstract stack: the instruction that made it, and the local it came from.
#[derive(Clone, Copy)]
struct Reference {
    instr: Option<usize>,
    local: Option<i32>,
}

const UNKNOWN: Reference = Reference { instr: None, local: None };

/// The abstract state of one block.
struct Simulation {
    stack: Vec<Reference>,
    /// Instructions whose result must be owned.
    owned: Vec<bool>,
}

impl Simulation {
    fn push(&mut self, instr: usize, local: Option<i32>) {
        self.stack.push(Reference { instr: Some(instr), local });
    }

    fn pop(&mut self) -> Reference {
        self.stack.pop().unwrap_or(UNKNOWN)
    }

    fn must_own(&mut self, reference: Reference) {
        if let Some(flag) = reference.instr.and_then(|instr| self.owned.get_mut(instr)) {
            *flag = true;
        }
    }

    /// A local is overwritten: references from it on the stack must own their value.
    fn kill(&mut self, local: i32) {
        for reference in self.stack.clone() {
            if reference.local == Some(local) {
                self.must_own(reference);
            }
        }
    }

    fn store(&mut self, local: i32) {
        let stored = self.pop();
        self.kill(local);
        self.must_own(stored);
    }
}

impl Graph {
    /// Turns loads into borrowing ones.  Stack depths must be known.
    pub fn borrow_locals(&mut self) {
        self.clear_visited();
        self.block_mut(self.entry).start_depth = Some(0);
        self.visit(self.entry);
        let mut todo = vec![self.entry];
        while let Some(block) = todo.pop() {
            self.borrow_in_block(block, &mut todo);
        }
    }

    fn borrow_in_block(&mut self, block: BlockRef, todo: &mut Vec<BlockRef>) {
        let depth = self.block(block).start_depth.unwrap_or(0).max(0) as usize;
        let mut simulation =
            Simulation { stack: vec![UNKNOWN; depth], owned: vec![false; self.block(block).instrs.len()] };
        for index in 0..self.block(block).instrs.len() {
            let instr = self.block(block).instrs[index];
            if let (true, Some(target)) = (has_target(instr.op), instr.target)
                && self.visit(target)
            {
                todo.push(target);
            }
            simulate(&mut simulation, index, instr.op, instr.arg);
        }
        let leaves =
            self.block(block).instrs.last().is_none_or(|last| is_unconditional_jump(last.op) || is_scope_exit(last.op));
        if let (false, Some(next)) = (leaves, self.block(block).next)
            && self.visit(next)
        {
            todo.push(next);
        }
        for reference in std::mem::take(&mut simulation.stack) {
            simulation.must_own(reference);
        }
        for (instr, owned) in self.block_mut(block).instrs.iter_mut().zip(&simulation.owned) {
            if *owned {
                continue;
            }
            instr.op = match instr.op {
                Op::LoadFast => Op::LoadFastBorrow,
                Op::LoadFastLoadFast => Op::LoadFastBorrowLoadFastBorrow,
                other => other,
            };
        }
    }
}

fn simulate(simulation: &mut Simulation, index: usize, op: Op, arg: i32) {
    let (popped, pushed) = (op.popped(arg), op.pushed(arg));
    match op {
        Op::LoadFast => simulation.push(index, Some(arg)),
        Op::LoadFastAndClear => {
            simulation.kill(arg);
            simulation.push(index, Some(arg));
        }
        Op::LoadFastLoadFast => {
            simulation.push(index, Some(arg >> 4));
            simulation.push(index, Some(arg & 15));
        }
        Op::StoreFast => simulation.store(arg),
        Op::StoreFastLoadFast => {
            simulation.store(arg >> 4);
            simulation.push(index, Some(arg & 15));
        }
        Op::StoreFastStoreFast => {
            simulation.store(arg >> 4);
            simulation.store(arg & 15);
        }
        Op::Copy => {
            let at = simulation.stack.len().checked_sub(arg as usize);
            let copied = at.and_then(|at| simulation.stack.get(at).copied()).unwrap_or(UNKNOWN);
            simulation.stack.push(copied);
        }
        Op::Swap => {
            let top = simulation.stack.len();
            if let Some(other) = top.checked_sub(arg as usize) {
                simulation.stack.swap(other, top - 1);
            }
        }
        // The result may be the object itself.
        Op::GetYieldFromIter | Op::FormatSimple => {}
        Op::DeleteFast => simulation.kill(arg),
        // These leave their inputs in place.  What they push is numbered from the block's start,
        // as CPython has it.
        Op::GetAnext
        | Op::GetLen
        | Op::ImportFrom
        | Op::MatchKeys
        | Op::MatchMapping
        | Op::MatchSequence
        | Op::WithExceptStart => {
            for made in 0..(pushed - popped).max(0) as usize {
                simulation.push(made, None);
            }
        }
        Op::DictMerge
        | Op::DictUpdate
        | Op::ListAppend
        | Op::ListExtend
        | Op::MapAdd
        | Op::Reraise
        | Op::SetAdd
        | Op::SetUpdate => {
            for _ in 0..popped - pushed {
                simulation.pop();
            }
        }
        Op::EndSend | Op::SetFunctionAttribute => {
            // The top stays; what was under it goes.
            let top = simulation.pop();
            simulation.pop();
            simulation.stack.push(top);
        }
        Op::CheckExcMatch => {
            simulation.pop();
            simulation.push(index, None);
        }
        Op::ForIter => simulation.push(index, None),
        Op::LoadAttr | Op::LoadSuperAttr => {
            let object = simulation.pop();
            if op == Op::LoadSuperAttr {
                simulation.pop();
                simulation.pop();
            }
            simulation.push(index, None);
            if arg & 1 != 0 {
                // A method call may push the object back.
                simulation.stack.push(object);
            }
        }
        Op::LoadSpecial | Op::PushExcInfo => {
            let object = simulation.pop();
            simulation.push(index, None);
            simulation.stack.push(object);
        }
        Op::Send => {
            simulation.pop();
            simulation.push(index, None);
        }
        _ if op.is_exception_setup() => {}
        _ => {
            for _ in 0..popped {
                simulation.pop();
            }
            for _ in 0..pushed {
                simulation.push(index, None);
            }
        }
    }
}
