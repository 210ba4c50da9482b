//! Which handler covers which instruction; and which blocks can be reached at all.

use pyrs_bytecode::{AnyOpcode as Op, resume};

use super::blocks::{BlockRef, Graph};

impl Graph {
    pub(super) fn mark_except_handlers(&mut self) {
        for block in self.order() {
            let targets: Vec<BlockRef> = self
                .block(block)
                .instrs
                .iter()
                .filter(|instr| instr.op.is_exception_setup())
                .filter_map(|instr| instr.target)
                .collect();
            for target in targets {
                self.block_mut(target).except_handler = true;
            }
        }
    }

    /// Follows the blocks opened and closed along all paths, and notes each instruction's handler.
    pub fn label_exception_targets(&mut self) {
        self.clear_visited();
        let mut todo = vec![self.entry];
        self.block_mut(self.entry).visited = true;
        self.block_mut(self.entry).except_stack = Some(Vec::new());
        while let Some(block) = todo.pop() {
            let Some(mut stack) = self.block_mut(block).except_stack.take() else {
                continue;
            };
            let mut yield_depth = None;
            for index in 0..self.block(block).instrs.len() {
                let instr = self.block(block).instrs[index];
                let handler = stack.last().copied();
                if instr.op.is_exception_setup() {
                    if let Some(target) = instr.target {
                        if self.visit(target) {
                            self.block_mut(target).except_stack = Some(stack.clone());
                            todo.push(target);
                        }
                        if instr.op != Op::SetupFinally {
                            self.block_mut(target).preserve_lasti = true;
                        }
                        stack.push(target);
                    }
                    continue;
                }
                if instr.op == Op::PopBlock {
                    stack.pop();
                    self.block_mut(block).instrs[index].make_nop();
                    continue;
                }
                self.block_mut(block).instrs[index].except = handler;
                if instr.op == Op::YieldValue {
                    yield_depth = Some(stack.len());
                } else if instr.op == Op::Resume
                    && instr.arg as u32 != resume::AT_FUNC_START
                    && yield_depth.take() == Some(1)
                {
                    self.block_mut(block).instrs[index].arg |= resume::DEPTH1_MASK as i32;
                } else if let (true, Some(target)) = (instr.op.has_jump(), instr.target)
                    && self.visit(target)
                {
                    self.block_mut(target).except_stack = Some(stack.clone());
                    todo.push(target);
                }
            }
            if let (true, Some(next)) = (self.block(block).falls_through(), self.block(block).next)
                && self.visit(next)
            {
                self.block_mut(next).except_stack = Some(stack);
                todo.push(next);
            }
        }
    }

    /// Empties the blocks that no path reaches, and counts predecessors.
    pub(super) fn remove_unreachable(&mut self) {
        for block in self.order() {
            self.block_mut(block).predecessors = 0;
        }
        self.clear_visited();
        self.block_mut(self.entry).predecessors = 1;
        self.visit(self.entry);
        let mut todo = vec![self.entry];
        while let Some(block) = todo.pop() {
            let current = self.block(block);
            let next = current.next.filter(|_| current.falls_through());
            let jumps = current
                .instrs
                .iter()
                .filter_map(|instr| instr.target.filter(|_| instr.op.has_jump() || instr.op.is_exception_setup()));
            let successors: Vec<BlockRef> = next.into_iter().chain(jumps).collect();
            for successor in successors {
                if self.visit(successor) {
                    todo.push(successor);
                }
                self.block_mut(successor).predecessors += 1;
            }
        }
        for block in self.order() {
            let block = self.block_mut(block);
            if block.predecessors == 0 {
                block.truncate(0);
                block.except_handler = false;
            }
        }
    }
}
