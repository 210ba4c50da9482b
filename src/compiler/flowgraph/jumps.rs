//! Inlining of small blocks at jumps to them, and the direction of conditional jumps.

use pyrs_bytecode::AnyOpcode as Op;

use super::blocks::{BlockRef, CfgInstr, Graph, is_conditional_jump, is_unconditional_jump};

/// The largest block that is copied in place of a jump to it.
const MAX_COPY_SIZE: usize = 4;

impl Graph {
    pub(super) fn inline_small_blocks(&mut self) {
        loop {
            let mut changed = false;
            for block in self.order() {
                changed |= self.inline_at_end(block);
            }
            if !changed {
                return;
            }
        }
    }

    fn inline_at_end(&mut self, block: BlockRef) -> bool {
        let Some(last) = self.block(block).instrs.last().copied() else {
            return false;
        };
        let (true, Some(target)) = (is_unconditional_jump(last.op), last.target) else {
            return false;
        };
        let body = self.block(target);
        let small_exit = body.exits_scope() && body.instrs.len() <= MAX_COPY_SIZE;
        let lineless = body.has_no_line() && !body.falls_through();
        if !small_exit && !lineless {
            return false;
        }
        let copied = body.instrs.clone();
        let source = &mut self.block_mut(block).instrs;
        if let Some(jump) = source.last_mut() {
            jump.make_nop();
            jump.target = None;
        }
        source.extend(copied);
        if lineless
            && last.op == Op::Jump
            && let Some(new_last) = source.last_mut()
            && is_unconditional_jump(new_last.op)
        {
            // The eval breaker must still be checked.
            new_last.op = Op::Jump;
        }
        let target = self.block_mut(target);
        target.predecessors = target.predecessors.saturating_sub(1);
        true
    }

    /// Conditional jumps only go forward: a backward one becomes its opposite over a jump.
    pub fn normalize_jumps(&mut self) {
        self.clear_visited();
        let mut current = Some(self.entry);
        while let Some(block) = current {
            self.block_mut(block).visited = true;
            self.normalize_jump(block);
            current = self.block(block).next;
        }
    }

    fn normalize_jump(&mut self, block: BlockRef) {
        let Some(last) = self.block(block).instrs.last().copied() else {
            return;
        };
        let (true, Some(target)) = (is_conditional_jump(last.op), last.target) else {
            return;
        };
        let not_taken = CfgInstr::new(Op::NotTaken, 0, last.loc);
        if !self.block(target).visited {
            self.block_mut(block).append(not_taken);
            return;
        }
        let next = self.block(block).next;
        let backward = self.new_block();
        let cold = self.block(block).cold;
        let depth = self.block(target).start_depth;
        let made = self.block_mut(backward);
        made.instrs.push(not_taken);
        let jump = CfgInstr::new(Op::Jump, 0, last.loc);
        made.instrs.push(CfgInstr { target: Some(target), ..jump });
        made.start_depth = depth;
        made.cold = cold;
        made.next = next;
        self.block_mut(block).next = Some(backward);
        if let Some(jump) = self.block_mut(block).instrs.last_mut() {
            jump.op = match jump.op {
                Op::PopJumpIfNotNone => Op::PopJumpIfNone,
                Op::PopJumpIfNone => Op::PopJumpIfNotNone,
                Op::PopJumpIfFalse => Op::PopJumpIfTrue,
                _ => Op::PopJumpIfFalse,
            };
            jump.target = next;
        }
    }
}
