//! Runs of SWAPs: as short as possible, or none at all where stores can trade places instead.

use pyrs_bytecode::AnyOpcode as Op;

use super::blocks::CfgInstr;

/// Replaces the run of SWAPs and NOPs at an index by a shortest one with the same effect.
/// Returns the index of the run's last instruction.
pub fn optimize_run(instrs: &mut [CfgInstr], start: usize) -> usize {
    let length = instrs[start..].iter().take_while(|instr| matches!(instr.op, Op::Swap | Op::Nop)).count();
    let run = &mut instrs[start..start + length];
    let swaps = run.iter().filter(|instr| instr.op == Op::Swap).count();
    if swaps < 2 {
        return start;
    }
    let depth = run.iter().filter(|i| i.op == Op::Swap).map(|i| i.arg).max().unwrap_or(0) as usize;
    let mut stack: Vec<usize> = (0..depth).collect();
    for instr in run.iter().filter(|instr| instr.op == Op::Swap) {
        stack.swap(0, instr.arg as usize - 1);
    }
    // Undo the permutation cycle by cycle, and write the swaps down from the end.
    let mut visited = vec![false; depth];
    let mut current = length;
    for first in 0..depth {
        if visited[first] || stack[first] == first {
            continue;
        }
        let mut item = first;
        loop {
            if item != 0 && current > 0 {
                current -= 1;
                run[current].set(Op::Swap, item as i32 + 1);
            }
            if visited[item] {
                break;
            }
            visited[item] = true;
            item = stack[item];
        }
    }
    for instr in &mut run[..current] {
        instr.make_nop();
    }
    start + length - 1
}

fn is_swappable(op: Op) -> bool {
    matches!(op, Op::StoreFast | Op::StoreFastMaybeNull | Op::PopTop)
}

fn stores_to(instr: &CfgInstr) -> Option<i32> {
    matches!(instr.op, Op::StoreFast | Op::StoreFastMaybeNull).then_some(instr.arg)
}

fn next_swappable(instrs: &[CfgInstr], after: usize, line: i32) -> Option<usize> {
    for (index, instr) in instrs.iter().enumerate().skip(after + 1) {
        if line >= 0 && instr.loc.line != line {
            return None;
        }
        if instr.op == Op::Nop {
            continue;
        }
        return is_swappable(instr.op).then_some(index);
    }
    None
}

/// Makes the SWAPs up to an index unnecessary by exchanging the stores after them.
pub fn apply_static(instrs: &mut [CfgInstr], last: usize) {
    for index in (0..=last).rev() {
        let swap = instrs[index];
        if swap.op != Op::Swap {
            if swap.op == Op::Nop || is_swappable(swap.op) {
                continue;
            }
            return;
        }
        let Some(first) = next_swappable(instrs, index, -1) else {
            return;
        };
        let line = instrs[first].loc.line;
        let mut second = first;
        for _ in 1..swap.arg {
            match next_swappable(instrs, second, line) {
                Some(next) => second = next,
                None => return,
            }
        }
        let stores = (stores_to(&instrs[first]), stores_to(&instrs[second]));
        if stores != (None, None) {
            if stores.0 == stores.1 {
                return;
            }
            let conflict = instrs[first + 1..second]
                .iter()
                .filter_map(stores_to)
                .any(|between| stores.0 == Some(between) || stores.1 == Some(between));
            if conflict {
                return;
            }
        }
        instrs[index].make_nop();
        instrs.swap(first, second);
    }
}
