//! Exception handlers, and what only they reach, go to the end.

use pyrs_bytecode::AnyOpcode as Op;

use super::blocks::{BlockRef, CfgInstr, Graph};
use crate::instruction::Loc;

impl Graph {
    pub(super) fn push_cold_blocks_to_end(&mut self) {
        if self.block(self.entry).next.is_none() {
            return;
        }
        self.mark_warm();
        self.mark_cold();
        self.add_jumps_out_of_cold();
        let order = self.order();
        let (cold, warm): (Vec<_>, Vec<_>) = order.into_iter().partition(|block| self.block(*block).cold);
        if cold.is_empty() {
            return;
        }
        let chain: Vec<BlockRef> = warm.into_iter().chain(cold).collect();
        for (index, block) in chain.iter().enumerate() {
            self.block_mut(*block).next = chain.get(index + 1).copied();
        }
        self.remove_redundant_nops_and_jumps();
    }

    /// The blocks that jumps and falling through lead to.
    fn successors(&self, block: BlockRef) -> Vec<BlockRef> {
        let source = self.block(block);
        let next = source.next.filter(|_| source.falls_through());
        let jumps = source.instrs.iter().filter(|i| i.op.has_jump()).filter_map(|i| i.target);
        next.into_iter().chain(jumps).collect()
    }

    fn mark_warm(&mut self) {
        self.clear_visited();
        self.visit(self.entry);
        let mut todo = vec![self.entry];
        while let Some(block) = todo.pop() {
            self.block_mut(block).warm = true;
            for successor in self.successors(block) {
                if self.visit(successor) {
                    todo.push(successor);
                }
            }
        }
    }

    fn mark_cold(&mut self) {
        self.clear_visited();
        let mut todo = Vec::new();
        for block in self.order() {
            if self.block(block).except_handler {
                self.visit(block);
                todo.push(block);
            }
        }
        while let Some(block) = todo.pop() {
            self.block_mut(block).cold = true;
            for successor in self.successors(block) {
                if !self.block(successor).warm && self.visit(successor) {
                    todo.push(successor);
                }
            }
        }
    }

    /// A cold block cannot fall through into a warm one any more.
    fn add_jumps_out_of_cold(&mut self) {
        for block in self.order() {
            let source = self.block(block);
            let Some(next) = source.next else {
                continue;
            };
            if !source.cold || !source.falls_through() || !self.block(next).warm {
                continue;
            }
            let made = self.new_block();
            let jump = CfgInstr::new(Op::JumpNoInterrupt, 0, Loc::NONE);
            let jump_block = self.block_mut(made);
            jump_block.instrs.push(CfgInstr { target: Some(next), ..jump });
            jump_block.cold = true;
            jump_block.predecessors = 1;
            jump_block.next = Some(next);
            self.block_mut(block).next = Some(made);
            self.block_mut(next).labeled = true;
        }
    }
}
