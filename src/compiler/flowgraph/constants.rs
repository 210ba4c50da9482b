//! Constant folding, `LOAD_SMALL_INT`, and conditions known at compile time.

use pyrs_bytecode::{AnyOpcode as Op, BinaryOp, Constant, Intrinsic1};

use super::blocks::{BlockRef, CfgInstr, Graph};
use crate::codegen::STACK_USE_GUIDELINE;
use crate::folding;
use crate::instruction::Loc;

/// Shorter displays of constants are built item by item.
const MIN_CONST_SEQUENCE_SIZE: usize = 3;

fn loads_const(op: Op) -> bool {
    matches!(op, Op::LoadConst | Op::LoadSmallInt)
}

fn const_value(instr: &CfgInstr, consts: &[Constant]) -> Constant {
    match instr.op {
        Op::LoadSmallInt => Constant::Int(i64::from(instr.arg)),
        _ => consts.get(instr.arg as usize).cloned().unwrap_or(Constant::None),
    }
}

/// The index of a constant, added if it is new.
fn add_const(value: Constant, consts: &mut Vec<Constant>) -> i32 {
    let key = value.key();
    // NaN is equal to nothing.
    let mergeable = !matches!(value, Constant::Float(float) if float.is_nan());
    let found = consts.iter().position(|known| mergeable && known.key() == key);
    let index = found.unwrap_or_else(|| {
        consts.push(value);
        consts.len() - 1
    });
    index as i32
}

fn small_int(value: &Constant) -> Option<i32> {
    match value {
        Constant::Int(value) if (0..=255).contains(value) => Some(*value as i32),
        _ => None,
    }
}

fn set_const(instr: &mut CfgInstr, value: Constant, consts: &mut Vec<Constant>) {
    match small_int(&value) {
        Some(small) => instr.set(Op::LoadSmallInt, small),
        None => instr.set(Op::LoadConst, add_const(value, consts)),
    }
}

fn nop_out(instrs: &mut [CfgInstr], indices: &[usize]) {
    for index in indices {
        instrs[*index].make_nop();
        instrs[*index].loc = Loc::NONE;
    }
}

/// The `count` instructions before `end` that load constants, NOPs aside.
fn const_loads_before(instrs: &[CfgInstr], end: usize, count: usize) -> Option<Vec<usize>> {
    let mut found = Vec::with_capacity(count);
    for index in (0..end).rev() {
        if found.len() == count {
            break;
        }
        match instrs[index].op {
            Op::Nop => {}
            op if loads_const(op) => found.push(index),
            _ => return None,
        }
    }
    found.reverse();
    (found.len() == count).then_some(found)
}

/// Builds a constant of the loads before a `BUILD_TUPLE`.
pub fn fold_tuple(instrs: &mut [CfgInstr], index: usize, consts: &mut Vec<Constant>) {
    let size = instrs[index].arg as usize;
    if size > STACK_USE_GUIDELINE {
        return;
    }
    let Some(loads) = const_loads_before(instrs, index, size) else {
        return;
    };
    let items = loads.iter().map(|load| const_value(&instrs[*load], consts)).collect();
    nop_out(instrs, &loads);
    set_const(&mut instrs[index], Constant::Tuple(items), consts);
}

/// Builds a constant of a tuple that is put together as a list.
pub fn fold_list_to_tuple(instrs: &mut [CfgInstr], index: usize, consts: &mut Vec<Constant>) {
    let mut expect_append = true;
    let mut loads = Vec::new();
    for at in (0..index).rev() {
        let instr = instrs[at];
        match instr.op {
            Op::Nop => continue,
            Op::BuildList if instr.arg == 0 => {
                if !expect_append {
                    return;
                }
                let items = loads.iter().rev().map(|load| const_value(&instrs[*load], consts)).collect();
                let used: Vec<usize> = (at..index).filter(|at| instrs[*at].op != Op::Nop).collect();
                nop_out(instrs, &used);
                return set_const(&mut instrs[index], Constant::Tuple(items), consts);
            }
            Op::ListAppend if expect_append && instr.arg == 1 => {}
            op if !expect_append && loads_const(op) => loads.push(at),
            _ => return,
        }
        expect_append = !expect_append;
    }
}

/// A display of many constants, added one by one, of which only the items matter.
pub fn fold_appended_display(instrs: &mut [CfgInstr], last: usize, consts: &mut Vec<Constant>) {
    let add = instrs[last].op;
    let build = if add == Op::ListAppend { Op::BuildList } else { Op::BuildSet };
    let mut loads = Vec::new();
    let mut expect_add = true;
    for at in (0..=last).rev() {
        let instr = instrs[at];
        match instr.op {
            Op::Nop => continue,
            op if op == build && instr.arg == 0 => {
                if !expect_add || loads.is_empty() {
                    return;
                }
                let items: Vec<Constant> = loads.iter().rev().map(|load| const_value(&instrs[*load], consts)).collect();
                let used: Vec<usize> = (at..last).filter(|at| instrs[*at].op != Op::Nop).collect();
                nop_out(instrs, &used);
                let value =
                    if build == Op::BuildSet { Constant::FrozenSet(distinct(items)) } else { Constant::Tuple(items) };
                instrs[last].loc = Loc::NONE;
                return instrs[last].set(Op::LoadConst, add_const(value, consts));
            }
            op if expect_add && op == add && instr.arg == 1 => {}
            op if !expect_add && loads_const(op) => loads.push(at),
            _ => return,
        }
        expect_add = !expect_add;
    }
}

/// A list or set display: constant, or a tuple where only its items matter.
pub fn optimize_display(instrs: &mut [CfgInstr], index: usize, next: Op, consts: &mut Vec<Constant>) {
    let only_items = matches!(next, Op::GetIter | Op::ContainsOp);
    let build = instrs[index].op;
    let size = instrs[index].arg as usize;
    if size > STACK_USE_GUIDELINE || (size < MIN_CONST_SEQUENCE_SIZE && !only_items) {
        return;
    }
    let Some(loads) = const_loads_before(instrs, index, size) else {
        if only_items && build == Op::BuildList {
            instrs[index].op = Op::BuildTuple;
        }
        return;
    };
    let items: Vec<Constant> = loads.iter().map(|load| const_value(&instrs[*load], consts)).collect();
    let value = if build == Op::BuildSet { Constant::FrozenSet(distinct(items)) } else { Constant::Tuple(items) };
    let number = add_const(value, consts);
    nop_out(instrs, &loads);
    if only_items {
        return instrs[index].set(Op::LoadConst, number);
    }
    instrs[index - 2].loc = instrs[index].loc;
    instrs[index - 2].set(build, 0);
    instrs[index - 1].set(Op::LoadConst, number);
    let extend = if build == Op::BuildList { Op::ListExtend } else { Op::SetUpdate };
    instrs[index].set(extend, 1);
}

/// The items without repetitions, as a set would have them.
fn distinct(items: Vec<Constant>) -> Vec<Constant> {
    let mut seen = Vec::new();
    let mut kept = Vec::new();
    for item in items {
        let key = python_key(&item);
        if !seen.contains(&key) {
            seen.push(key);
            kept.push(item);
        }
    }
    kept
}

/// A key under which `1`, `1.0` and `True` are one.
fn python_key(value: &Constant) -> pyrs_bytecode::ConstKey {
    match value {
        Constant::True => Constant::Int(1).key(),
        Constant::False => Constant::Int(0).key(),
        Constant::Float(float) if *float == float.trunc() && float.abs() < 9e15 => Constant::Int(*float as i64).key(),
        Constant::Complex { real, imag } if *imag == 0.0 => python_key(&Constant::Float(*real)),
        other => other.key(),
    }
}

/// Evaluates a binary operator on constants.
pub fn fold_binary(instrs: &mut [CfgInstr], index: usize, consts: &mut Vec<Constant>) {
    let Some(op) = BinaryOp::from_u32(instrs[index].arg as u32) else {
        return;
    };
    let Some(loads) = const_loads_before(instrs, index, 2) else {
        return;
    };
    let left = const_value(&instrs[loads[0]], consts);
    let right = const_value(&instrs[loads[1]], consts);
    if let Some(value) = folding::binary(&left, op, &right) {
        nop_out(instrs, &loads);
        set_const(&mut instrs[index], value, consts);
    }
}

/// Evaluates a unary operator on a constant.
pub fn fold_unary(instrs: &mut [CfgInstr], index: usize, consts: &mut Vec<Constant>) {
    let Some(loads) = const_loads_before(instrs, index, 1) else {
        return;
    };
    let operand = const_value(&instrs[loads[0]], consts);
    let folded = match instrs[index].op {
        Op::UnaryNegative => folding::negative(&operand),
        Op::UnaryInvert => folding::invert(&operand),
        Op::UnaryNot => Some(Constant::from_bool(!operand.is_true())),
        Op::CallIntrinsic1 if instrs[index].arg == Intrinsic1::UnaryPositive as i32 => folding::positive(&operand),
        _ => None,
    };
    if let Some(value) = folded {
        nop_out(instrs, &loads);
        set_const(&mut instrs[index], value, consts);
    }
}

impl Graph {
    /// Small ints, and conditions that are constants.
    pub(super) fn optimize_load_const(&mut self, consts: &mut Vec<Constant>) {
        for block in self.order() {
            self.load_const_in_block(block, consts);
        }
    }

    fn load_const_in_block(&mut self, block: BlockRef, consts: &mut Vec<Constant>) {
        let instrs = &mut self.block_mut(block).instrs;
        let (mut op, mut arg) = (Op::Cache, 0);
        for index in 0..instrs.len() {
            if instrs[index].op == Op::LoadConst
                && let Some(small) = small_int(&const_value(&instrs[index], consts))
            {
                instrs[index].set(Op::LoadSmallInt, small);
            }
            let current = instrs[index];
            let copies_const = op == Op::LoadConst && current.op == Op::Copy && current.arg == 1;
            if !copies_const {
                (op, arg) = (current.op, current.arg);
            }
            if !loads_const(op) {
                continue;
            }
            let value = const_value(&CfgInstr::new(op, arg, Loc::NONE), consts);
            let Some(next) = instrs.get(index + 1).map(|instr| instr.op) else {
                continue;
            };
            match next {
                Op::PopJumpIfFalse | Op::PopJumpIfTrue | Op::JumpIfFalse | Op::JumpIfTrue => {
                    constant_jump(instrs, index, next, value.is_true());
                }
                Op::IsOp => none_test(instrs, index, &value),
                Op::ToBool => {
                    let truth = add_const(Constant::from_bool(value.is_true()), consts);
                    instrs[index].make_nop();
                    instrs[index + 1].set(Op::LoadConst, truth);
                }
                _ => {}
            }
        }
    }

    /// Drops constants that no instruction loads; the first may be a docstring and stays.
    pub(super) fn remove_unused_consts(&mut self, consts: &mut Vec<Constant>) {
        if consts.is_empty() {
            return;
        }
        let mut used = vec![false; consts.len()];
        used[0] = true;
        let order = self.order();
        for block in &order {
            for instr in &self.block(*block).instrs {
                if instr.op == Op::LoadConst
                    && let Some(flag) = used.get_mut(instr.arg as usize)
                {
                    *flag = true;
                }
            }
        }
        let mut renumbered = Vec::with_capacity(used.len());
        let mut count = 0;
        for flag in &used {
            renumbered.push(count);
            count += i32::from(*flag);
        }
        let mut flags = used.iter();
        consts.retain(|_| flags.next().copied().unwrap_or(true));
        for block in order {
            for instr in &mut self.block_mut(block).instrs {
                if instr.op == Op::LoadConst {
                    instr.arg = renumbered[instr.arg as usize];
                }
            }
        }
    }
}

/// A conditional jump on a constant: always or never.
fn constant_jump(instrs: &mut [CfgInstr], index: usize, jump: Op, truth: bool) {
    let pops = matches!(jump, Op::PopJumpIfFalse | Op::PopJumpIfTrue);
    if pops {
        instrs[index].make_nop();
    }
    let jump_if_true = matches!(jump, Op::PopJumpIfTrue | Op::JumpIfTrue);
    if truth == jump_if_true {
        instrs[index + 1].op = Op::Jump;
    } else {
        instrs[index + 1].make_nop();
        instrs[index + 1].target = None;
    }
}

/// `is None` and `is not None` have jumps of their own.
fn none_test(instrs: &mut [CfgInstr], index: usize, value: &Constant) {
    if !matches!(value, Constant::None) || instrs.len() <= index + 2 {
        return;
    }
    let mut at = index + 2;
    if instrs[at].op == Op::ToBool {
        instrs[at].make_nop();
        at += 1;
        if at >= instrs.len() {
            return;
        }
    }
    let mut invert = instrs[index + 1].arg != 0;
    match instrs[at].op {
        Op::PopJumpIfFalse => invert = !invert,
        Op::PopJumpIfTrue => {}
        _ => return,
    }
    instrs[index].make_nop();
    instrs[index + 1].make_nop();
    instrs[at].op = if invert { Op::PopJumpIfNotNone } else { Op::PopJumpIfNone };
}
