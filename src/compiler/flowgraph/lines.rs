//! Lines for instructions that have none.
//!
//! Every instruction that leaves the function must have a line, because a frame's line is read
//! from it afterwards (PEP 626).  Exit blocks without a line are copied for each jump to them.

use pyrs_bytecode::AnyOpcode as Op;

use super::blocks::{BasicBlock, BlockRef, Graph};
use crate::instruction::Loc;

/// Opcodes at which the eval breaker is checked.
fn has_eval_break(op: Op) -> bool {
    matches!(op, Op::Resume | Op::JumpBackward | Op::Jump | Op::Call | Op::CallKw | Op::CallFunctionEx)
}

fn needs_line(block: &BasicBlock) -> bool {
    let matters = block.exits_scope() || block.instrs.iter().any(|instr| has_eval_break(instr.op));
    matters && block.has_no_line()
}

impl Graph {
    pub(super) fn resolve_line_numbers(&mut self) {
        self.duplicate_exits_without_line();
        self.propagate_lines();
    }

    fn duplicate_exits_without_line(&mut self) {
        let mut current = Some(self.entry);
        while let Some(block) = current {
            self.duplicate_target(block);
            current = self.block(block).next;
        }
        for block in self.order() {
            let source = self.block(block);
            let (Some(next), Some(last)) = (source.next, source.instrs.last()) else {
                continue;
            };
            let loc = last.loc;
            if source.falls_through()
                && needs_line(self.block(next))
                && let Some(first) = self.block_mut(next).instrs.first_mut()
            {
                first.loc = loc;
            }
        }
    }

    fn duplicate_target(&mut self, block: BlockRef) {
        let Some(last) = self.block(block).instrs.last().copied() else {
            return;
        };
        if !last.op.has_jump() {
            return;
        }
        let Some(target) = self.next_nonempty(last.target) else {
            return;
        };
        let original = self.block(target);
        if !needs_line(original) || original.predecessors <= 1 {
            return;
        }
        let instrs = original.instrs.clone();
        let next = original.next;
        let copy = self.new_block();
        let made = self.block_mut(copy);
        made.instrs = instrs;
        if let Some(first) = made.instrs.first_mut() {
            first.loc = last.loc;
        }
        made.predecessors = 1;
        made.next = next;
        made.labeled = true;
        let original = self.block_mut(target);
        original.predecessors -= 1;
        original.next = Some(copy);
        if let Some(jump) = self.block_mut(block).instrs.last_mut() {
            jump.target = Some(copy);
        }
    }

    fn propagate_lines(&mut self) {
        for block in self.order() {
            let mut previous = Loc::NONE;
            for instr in &mut self.block_mut(block).instrs {
                if instr.loc.line == Loc::NONE.line {
                    instr.loc = previous;
                } else {
                    previous = instr.loc;
                }
            }
            let Some(last) = self.block(block).instrs.last().copied() else {
                continue;
            };
            let next = self.block(block).next.filter(|_| self.block(block).falls_through());
            let jump = last.target.filter(|_| last.op.has_jump());
            for successor in next.into_iter().chain(jump) {
                let successor = self.block_mut(successor);
                if successor.predecessors == 1
                    && let Some(first) = successor.instrs.first_mut()
                    && first.loc.line == Loc::NONE.line
                {
                    first.loc = previous;
                }
            }
        }
    }
}
