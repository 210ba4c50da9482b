//! The control-flow graph: basic blocks, and the passes that make a code unit of them.

mod blocks;
mod borrow;
mod cold;
mod constants;
mod exceptions;
mod jumps;
mod lines;
mod locals;
mod nops;
mod peephole;
mod swaps;

use pyrs_bytecode::{AnyOpcode as Op, Constant};

pub use blocks::{BlockRef, CfgInstr, Graph};

use crate::errors::{Compiled, system_error};

impl Graph {
    /// The passes up to the final order of blocks.
    pub fn optimize(&mut self, consts: &mut Vec<Constant>, locals: usize, parameters: usize) -> Compiled<()> {
        self.mark_except_handlers();
        self.label_exception_targets();
        self.check_terminators()?;
        self.inline_small_blocks();
        self.remove_unreachable();
        self.resolve_line_numbers();
        self.optimize_load_const(consts);
        self.peephole(consts);
        self.remove_redundant_nops_and_pairs();
        self.remove_unreachable();
        self.remove_redundant_nops_and_jumps();
        self.remove_unused_consts(consts);
        self.check_uninitialized_loads(locals, parameters);
        self.insert_superinstructions();
        self.push_cold_blocks_to_end();
        self.resolve_line_numbers();
        Ok(())
    }

    fn check_terminators(&self) -> Compiled<()> {
        for block in self.order() {
            let instrs = &self.block(block).instrs;
            let early = instrs.iter().rev().skip(1).any(|instr| instr.op.has_jump() || blocks::is_scope_exit(instr.op));
            if early {
                return Err(system_error("malformed control flow graph."));
            }
        }
        Ok(())
    }

    /// The deepest stack of the graph; also notes each block's depth at its start.
    pub fn stack_depth(&mut self) -> Compiled<usize> {
        for block in self.order() {
            self.block_mut(block).start_depth = None;
        }
        let mut deepest = 0;
        let mut todo = Vec::new();
        self.reach(self.entry, 0, &mut todo)?;
        while let Some(block) = todo.pop() {
            let mut depth = self.block(block).start_depth.unwrap_or(0);
            let mut falls_through = true;
            for index in 0..self.block(block).instrs.len() {
                let instr = self.block(block).instrs[index];
                deepest = deepest.max(depth);
                if let Some(target) = instr.target
                    && instr.op != Op::EndAsyncFor
                {
                    let at_target = depth + instr.op.stack_effect(instr.arg, Some(true));
                    self.reach(target, at_target, &mut todo)?;
                }
                depth += instr.op.stack_effect(instr.arg, Some(false));
                if depth < 0 {
                    return Err(system_error("Invalid CFG, stack underflow"));
                }
                if blocks::is_unconditional_jump(instr.op) || blocks::is_scope_exit(instr.op) {
                    falls_through = false;
                    break;
                }
            }
            deepest = deepest.max(depth.min(deepest));
            if let (true, Some(next)) = (falls_through, self.block(block).next) {
                self.reach(next, depth, &mut todo)?;
            }
        }
        Ok(usize::try_from(deepest).unwrap_or(0))
    }

    fn reach(&mut self, block: BlockRef, depth: i32, todo: &mut Vec<BlockRef>) -> Compiled<()> {
        let target = self.block_mut(block);
        match target.start_depth {
            None => {
                target.start_depth = Some(depth);
                todo.push(block);
                Ok(())
            }
            Some(known) if known == depth => Ok(()),
            Some(_) => Err(system_error("Invalid CFG, inconsistent stackdepth")),
        }
    }

    /// Makes a conditional jump of `JUMP_IF_...`.
    pub fn convert_pseudo_conditional_jumps(&mut self) {
        for block in self.order() {
            let instrs = &mut self.block_mut(block).instrs;
            let Some(last) = instrs.last_mut() else {
                continue;
            };
            last.op = match last.op {
                Op::JumpIfFalse => Op::PopJumpIfFalse,
                Op::JumpIfTrue => Op::PopJumpIfTrue,
                _ => continue,
            };
            let (loc, except) = (last.loc, last.except);
            let at = instrs.len() - 1;
            instrs.insert(at, CfgInstr { except, ..CfgInstr::new(Op::Copy, 1, loc) });
            instrs.insert(at + 1, CfgInstr { except, ..CfgInstr::new(Op::ToBool, 0, loc) });
        }
    }

    /// Replaces the opcodes that only the compiler knows.
    pub fn convert_pseudo_ops(&mut self) {
        for block in self.order() {
            for instr in &mut self.block_mut(block).instrs {
                match instr.op {
                    op if op.is_exception_setup() => instr.make_nop(),
                    Op::LoadClosure => instr.op = Op::LoadFast,
                    Op::StoreFastMaybeNull => instr.op = Op::StoreFast,
                    _ => {}
                }
            }
        }
        self.remove_redundant_nops_and_jumps();
    }
}
