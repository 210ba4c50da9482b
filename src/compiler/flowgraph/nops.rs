//! Removal of NOPs, of jumps to the next instruction, and of pushes that are popped at once.

use pyrs_bytecode::AnyOpcode as Op;

use super::blocks::{BlockRef, Graph, is_unconditional_jump};
use crate::instruction::Loc;

impl Graph {
    pub(super) fn remove_nops_in_block(&mut self, block: BlockRef) -> usize {
        let next_line = self.next_block_line(block);
        let instrs = &mut self.block_mut(block).instrs;
        let before = instrs.len();
        let mut kept = 0;
        let mut previous_line = -1;
        for index in 0..before {
            let instr = instrs[index];
            let line = instr.loc.line;
            if instr.op == Op::Nop {
                if line < 0 || previous_line == line {
                    continue;
                }
                if index + 1 < before {
                    let following = &mut instrs[index + 1];
                    if following.loc.line == line {
                        continue;
                    }
                    if following.loc.line < 0 {
                        following.loc = instr.loc;
                        continue;
                    }
                } else if next_line == Some(line) {
                    continue;
                }
            }
            instrs[kept] = instr;
            kept += 1;
            previous_line = line;
        }
        self.block_mut(block).truncate(kept);
        before - kept
    }

    /// The line on which the code after a block goes on.
    fn next_block_line(&self, block: BlockRef) -> Option<i32> {
        let next = self.next_nonempty(self.block(block).next)?;
        let first = self.block(next).instrs.iter().find(|instr| !(instr.op == Op::Nop && instr.loc.line < 0));
        Some(first.map_or(Loc::NONE.line, |instr| instr.loc.line))
    }

    pub(super) fn remove_redundant_nops(&mut self) -> usize {
        self.order().into_iter().map(|block| self.remove_nops_in_block(block)).sum()
    }

    fn remove_redundant_jumps(&mut self) -> usize {
        let mut changes = 0;
        for block in self.order() {
            let Some(last) = self.block(block).instrs.last().copied() else {
                continue;
            };
            if !is_unconditional_jump(last.op) {
                continue;
            }
            let target = self.next_nonempty(last.target);
            if target.is_some() && target == self.next_nonempty(self.block(block).next) {
                changes += 1;
                if let Some(last) = self.block_mut(block).instrs.last_mut() {
                    last.make_nop();
                    last.target = None;
                }
            }
        }
        changes
    }

    pub(super) fn remove_redundant_nops_and_jumps(&mut self) {
        loop {
            let nops = self.remove_redundant_nops();
            let jumps = self.remove_redundant_jumps();
            if nops + jumps == 0 {
                return;
            }
        }
    }

    /// Removes a constant or copy that is popped at once.
    pub(super) fn remove_redundant_nops_and_pairs(&mut self) {
        loop {
            let mut done = true;
            let mut previous: Option<(BlockRef, usize)> = None;
            for block in self.order() {
                self.remove_nops_in_block(block);
                if self.block(block).labeled {
                    previous = None;
                }
                for index in 0..self.block(block).instrs.len() {
                    let before = previous.replace((block, index));
                    if self.block(block).instrs[index].op != Op::PopTop {
                        continue;
                    }
                    let Some((other, at)) = before else {
                        continue;
                    };
                    let pushed = self.block(other).instrs[at];
                    let redundant = match pushed.op {
                        Op::LoadConst | Op::LoadSmallInt => true,
                        Op::Copy => pushed.arg == 1,
                        _ => false,
                    };
                    if redundant {
                        self.block_mut(other).instrs[at].make_nop();
                        self.block_mut(block).instrs[index].make_nop();
                        done = false;
                    }
                }
                let ends_in_jump = self.block(block).instrs.last().is_some_and(|last| last.op.has_jump());
                if ends_in_jump || !self.block(block).falls_through() {
                    previous = None;
                }
            }
            if done {
                return;
            }
        }
    }
}
