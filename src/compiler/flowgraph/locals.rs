//! Loads of locals that may be unbound become checked ones.

use pyrs_bytecode::AnyOpcode as Op;

use super::blocks::{BlockRef, Graph};

/// Beyond this many locals, each block is looked at alone.
const TRACKED_LOCALS: usize = 64;

impl Graph {
    pub(super) fn check_uninitialized_loads(&mut self, locals: usize, parameters: usize) {
        if locals == 0 {
            return;
        }
        if locals > TRACKED_LOCALS {
            self.check_many_locals(locals);
        }
        let tracked = locals.min(TRACKED_LOCALS);
        self.clear_visited();
        let mut todo = Vec::new();
        let unsafe_at_start = (parameters..tracked).fold(0u64, |mask, local| mask | 1 << local);
        self.note_unsafe(self.entry, unsafe_at_start, &mut todo);
        for block in self.order() {
            self.scan_locals(block, &mut todo);
        }
        while let Some(block) = todo.pop() {
            self.block_mut(block).visited = false;
            self.scan_locals(block, &mut todo);
        }
    }

    /// Adds to what may be unbound at the start of a block.
    fn note_unsafe(&mut self, block: BlockRef, mask: u64, todo: &mut Vec<BlockRef>) {
        let target = self.block_mut(block);
        let both = target.unsafe_locals | mask;
        if both == target.unsafe_locals {
            return;
        }
        target.unsafe_locals = both;
        if !target.visited {
            target.visited = true;
            todo.push(block);
        }
    }

    fn scan_locals(&mut self, block: BlockRef, todo: &mut Vec<BlockRef>) {
        let mut mask = self.block(block).unsafe_locals;
        for index in 0..self.block(block).instrs.len() {
            let instr = self.block(block).instrs[index];
            if let Some(handler) = instr.except {
                self.note_unsafe(handler, mask, todo);
            }
            if instr.arg as usize >= TRACKED_LOCALS {
                continue;
            }
            let bit = 1u64 << instr.arg;
            match instr.op {
                Op::DeleteFast | Op::LoadFastAndClear | Op::StoreFastMaybeNull => mask |= bit,
                Op::StoreFast | Op::LoadFastCheck => mask &= !bit,
                Op::LoadFast => {
                    if mask & bit != 0 {
                        self.block_mut(block).instrs[index].op = Op::LoadFastCheck;
                    }
                    mask &= !bit;
                }
                _ => {}
            }
        }
        if let (true, Some(next)) = (self.block(block).falls_through(), self.block(block).next) {
            self.note_unsafe(next, mask, todo);
        }
        let jump = self.block(block).instrs.last().copied().filter(|last| last.op.has_jump());
        if let Some(target) = jump.and_then(|last| last.target) {
            self.note_unsafe(target, mask, todo);
        }
    }

    /// Locals beyond the tracked ones are known to be bound only within a block.
    fn check_many_locals(&mut self, locals: usize) {
        let mut bound_in = vec![0usize; locals - TRACKED_LOCALS];
        for (number, block) in self.order().into_iter().enumerate() {
            let current = number + 1;
            for instr in &mut self.block_mut(block).instrs {
                let Some(slot) = (instr.arg as usize).checked_sub(TRACKED_LOCALS) else {
                    continue;
                };
                let Some(state) = bound_in.get_mut(slot) else {
                    continue;
                };
                match instr.op {
                    Op::DeleteFast | Op::LoadFastAndClear | Op::StoreFastMaybeNull => {
                        *state = current - 1;
                    }
                    Op::StoreFast => *state = current,
                    Op::LoadFast => {
                        if *state != current {
                            instr.op = Op::LoadFastCheck;
                        }
                        *state = current;
                    }
                    _ => {}
                }
            }
        }
    }
}
