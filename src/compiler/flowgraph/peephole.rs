//! Local rewrites: folding, jump threading, merged tests, superinstructions.

use pyrs_bytecode::{AnyOpcode as Op, COMPARE_TO_BOOL, Constant, Intrinsic1};

use super::blocks::{BlockRef, CfgInstr, Graph};
use super::constants;
use super::swaps;
use crate::instruction::has_target;

/// What follows a rewrite.
#[derive(PartialEq)]
enum Step {
    /// Go on with the next instruction.
    Next,
    /// Look at this place again.
    Again,
}

impl Graph {
    pub(super) fn peephole(&mut self, consts: &mut Vec<Constant>) {
        for block in self.order() {
            self.peephole_block(block, consts);
        }
    }

    fn peephole_block(&mut self, block: BlockRef, consts: &mut Vec<Constant>) {
        let mut index = 0;
        while index < self.block(block).instrs.len() {
            let instr = self.block(block).instrs[index];
            let step = if has_target(instr.op) && instr.op.has_jump() {
                self.thread_jump(block, index, instr)
            } else {
                rewrite(&mut self.block_mut(block).instrs, index, consts);
                Step::Next
            };
            if step == Step::Next {
                index += 1;
            }
        }
        let instrs = &mut self.block_mut(block).instrs;
        let mut index = 0;
        while index < instrs.len() {
            if instrs[index].op == Op::Swap {
                index = swaps::optimize_run(instrs, index);
                swaps::apply_static(instrs, index);
            }
            index += 1;
        }
    }

    /// A jump to a jump goes straight to where that one goes.
    fn thread_jump(&mut self, block: BlockRef, index: usize, instr: CfgInstr) -> Step {
        let Some(target_block) = instr.target else {
            return Step::Next;
        };
        let Some(target) = self.block(target_block).instrs.first().copied() else {
            return Step::Next;
        };
        let op = match (instr.op, target.op) {
            (
                Op::PopJumpIfNotNone
                | Op::PopJumpIfNone
                | Op::PopJumpIfFalse
                | Op::PopJumpIfTrue
                | Op::JumpIfFalse
                | Op::JumpIfTrue,
                Op::Jump,
            ) => instr.op,
            (Op::JumpIfFalse, Op::JumpIfFalse) | (Op::JumpIfTrue, Op::JumpIfTrue) => instr.op,
            (Op::JumpIfFalse, Op::JumpIfTrue) | (Op::JumpIfTrue, Op::JumpIfFalse) => {
                // The test at the target has the opposite outcome, so it falls through.
                let beyond = self.block(target_block).next;
                self.block_mut(block).instrs[index].target = beyond;
                return Step::Again;
            }
            (Op::Jump | Op::JumpNoInterrupt, Op::Jump) => Op::Jump,
            (Op::Jump | Op::JumpNoInterrupt, Op::JumpNoInterrupt) => instr.op,
            _ => return Step::Next,
        };
        if instr.target == target.target {
            return Step::Next;
        }
        let instrs = &mut self.block_mut(block).instrs;
        instrs[index].make_nop();
        instrs[index].target = None;
        let jump = CfgInstr { target: target.target, ..CfgInstr::new(op, 0, target.loc) };
        self.block_mut(block).append(jump);
        Step::Again
    }

    pub(super) fn insert_superinstructions(&mut self) {
        for block in self.order() {
            let instrs = &mut self.block_mut(block).instrs;
            for index in 1..instrs.len() {
                let op = match (instrs[index - 1].op, instrs[index].op) {
                    (Op::LoadFast, Op::LoadFast) => Op::LoadFastLoadFast,
                    (Op::StoreFast, Op::LoadFast) => Op::StoreFastLoadFast,
                    (Op::StoreFast, Op::StoreFast) => Op::StoreFastStoreFast,
                    _ => continue,
                };
                let (first, second) = (instrs[index - 1], instrs[index]);
                let lines = (first.loc.line, second.loc.line);
                let other_line = lines.0 >= 0 && lines.1 >= 0 && lines.0 != lines.1;
                if other_line || first.arg >= 16 || second.arg >= 16 {
                    continue;
                }
                instrs[index - 1].set(op, first.arg << 4 | second.arg);
                instrs[index].make_nop();
            }
        }
        self.remove_redundant_nops();
    }
}

fn rewrite(instrs: &mut [CfgInstr], index: usize, consts: &mut Vec<Constant>) {
    let CfgInstr { op, arg, .. } = instrs[index];
    let next = instrs.get(index + 1).map_or(Op::Cache, |instr| instr.op);
    match op {
        Op::BuildTuple => {
            if next == Op::UnpackSequence && arg == instrs[index + 1].arg && (1..=3).contains(&arg) {
                instrs[index].make_nop();
                if arg == 1 {
                    instrs[index + 1].make_nop();
                } else {
                    instrs[index + 1].op = Op::Swap;
                }
                return;
            }
            constants::fold_tuple(instrs, index, consts);
        }
        Op::BuildList | Op::BuildSet => constants::optimize_display(instrs, index, next, consts),
        Op::StoreFast
            if next == op && arg == instrs[index + 1].arg && instrs[index].loc.line == instrs[index + 1].loc.line =>
        {
            instrs[index].set(Op::PopTop, 0);
        }
        Op::Swap if arg == 1 => instrs[index].make_nop(),
        Op::LoadGlobal if next == Op::PushNull && arg & 1 == 0 => {
            instrs[index].arg |= 1;
            instrs[index + 1].make_nop();
        }
        Op::CompareOp if next == Op::ToBool => {
            instrs[index].make_nop();
            instrs[index + 1].set(op, arg | COMPARE_TO_BOOL as i32);
        }
        Op::ContainsOp | Op::IsOp if next == Op::ToBool => {
            instrs[index].make_nop();
            instrs[index + 1].set(op, arg);
        }
        Op::ContainsOp | Op::IsOp if next == Op::UnaryNot => {
            instrs[index].make_nop();
            instrs[index + 1].set(op, arg ^ 1);
        }
        Op::ToBool if next == Op::ToBool => instrs[index].make_nop(),
        Op::UnaryNot if next == Op::ToBool => {
            instrs[index].make_nop();
            instrs[index + 1].set(Op::UnaryNot, 0);
        }
        Op::UnaryNot if next == Op::UnaryNot => {
            instrs[index].make_nop();
            instrs[index + 1].make_nop();
        }
        Op::UnaryNot | Op::UnaryInvert | Op::UnaryNegative => {
            constants::fold_unary(instrs, index, consts);
        }
        Op::CallIntrinsic1 if arg == Intrinsic1::ListToTuple as i32 => {
            constants::fold_list_to_tuple(instrs, index, consts);
            if next == Op::GetIter && instrs[index].op == op {
                instrs[index].make_nop();
            }
        }
        Op::CallIntrinsic1 if arg == Intrinsic1::UnaryPositive as i32 => {
            constants::fold_unary(instrs, index, consts);
        }
        Op::ListAppend | Op::SetAdd if matches!(next, Op::GetIter | Op::ContainsOp) => {
            constants::fold_appended_display(instrs, index, consts);
        }
        Op::BinaryOp => constants::fold_binary(instrs, index, consts),
        _ => {}
    }
}
