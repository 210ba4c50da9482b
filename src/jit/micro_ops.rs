//! The text of micro-ops: printed, read again, and checked.
//!
//! `NAME [words/doubles] immediates displacements -> exit N`: what is cached before it, `0x…` for each 64-bit operand,
//! `+…` for each displacement, up to the last one that is not 0.

use std::fmt;

use pyrs_uops::{Depth, Uop, flags};

use crate::assemble::{Inst, NO_EXIT};
use crate::lower::Lowered;

impl fmt::Display for Inst {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}/{}]", self.uop.info().name, self.depth.ints, self.depth.floats)?;
        let used = self.immediates.iter().rposition(|v| *v != 0).map_or(0, |last| last + 1);
        for v in &self.immediates[..used] {
            write!(f, " {v:#x}")?;
        }
        let used = self.displacements.iter().rposition(|v| *v != 0).map_or(0, |last| last + 1);
        for v in &self.displacements[..used] {
            write!(f, " +{v}")?;
        }
        if self.exit != NO_EXIT {
            write!(f, " -> exit {}", self.exit)?;
        }
        Ok(())
    }
}

/// Reads one micro-op; the message says what is wrong.
pub fn parse(line: &str) -> Result<Inst, String> {
    let (operation, exit) = match line.split_once(" -> exit ") {
        Some((operation, exit)) => (operation, exit.trim().parse().map_err(|_| format!("no exit: {line}"))?),
        None => (line, NO_EXIT),
    };
    let mut words = operation.split_whitespace();
    let name = words.next().ok_or("an empty line")?;
    let uop = Uop::from_name(name).ok_or_else(|| format!("no micro-op: {name}"))?;
    let depth = words.next().and_then(parse_depth).ok_or_else(|| format!("no depth: {line}"))?;
    let mut inst = Inst { uop, depth, immediates: [0; 3], displacements: [0; 4], exit };
    let (mut immediates, mut displacements) = (inst.immediates.iter_mut(), inst.displacements.iter_mut());
    for word in words {
        let bad = || format!("no operand: {word}");
        if let Some(digits) = word.strip_prefix("0x") {
            *immediates.next().ok_or_else(bad)? = u64::from_str_radix(digits, 16).map_err(|_| bad())?;
        } else {
            let digits = word.strip_prefix('+').ok_or_else(bad)?;
            *displacements.next().ok_or_else(bad)? = digits.parse().map_err(|_| bad())?;
        }
    }
    Ok(inst)
}

fn parse_depth(word: &str) -> Option<Depth> {
    let (ints, floats) = word.strip_prefix('[')?.strip_suffix(']')?.split_once('/')?;
    Some(Depth { ints: ints.parse().ok()?, floats: floats.parse().ok()? })
}

/// Checks that a trace's micro-ops follow from each other; the message says where they don't.
pub fn verify(lowered: &Lowered) -> Result<(), String> {
    let top = if lowered.body.last().is_some_and(|inst| inst.uop == Uop::JumpTop) { Some(lowered.top) } else { None };
    verify_body(&lowered.body, top, lowered.exits.len())?;
    if lowered.origins.len() != lowered.body.len() {
        return Err("each micro-op belongs to an instruction".to_owned());
    }
    let mut exits = lowered.exits.iter().enumerate();
    exits.try_for_each(|(n, exit)| verify_stub(&exit.stub).map_err(|e| format!("exit {n}: {e}")))
}

/// The micro-ops of a trace: `top` is where its loop begins, if it has one.
pub fn verify_body(body: &[Inst], top: Option<usize>, exits: usize) -> Result<(), String> {
    let Some(last) = body.last() else { return Err("no micro-ops".to_owned()) };
    for (k, inst) in body.iter().enumerate() {
        let wrong = |what: &str| Err(format!("micro-op {k}: {what}: {inst}"));
        if inst.uop.variant(inst.depth).is_none() {
            return wrong("can't be executed at this depth");
        }
        if inst.uop.has(flags::EXITS) != (inst.exit != NO_EXIT) || (inst.exit != NO_EXIT && inst.exit as usize >= exits)
        {
            return wrong("an exit is missing, or does not exist");
        }
        if inst.uop.has(flags::TERMINAL) != (k + 1 == body.len()) {
            return wrong("something follows the end, or nothing does");
        }
        // Registers may be given up without a micro-op, but nothing comes from nowhere.
        let after = if k + 1 < body.len() { inst.uop.after(inst.depth) } else { continue };
        let next = body[k + 1].depth;
        if next.ints > after.ints || next.floats > after.floats {
            return wrong("the next micro-op finds more cached than this one leaves");
        }
    }
    match top {
        Some(top) if body.get(top).is_none_or(|first| first.depth != last.depth) => {
            Err("the loop does not begin with what is cached at its end".to_owned())
        }
        _ => Ok(()),
    }
}

/// The micro-ops on the way out: straight ones, without rare parts.
fn verify_stub(stub: &[Inst]) -> Result<(), String> {
    for (k, inst) in stub.iter().enumerate() {
        if inst.uop.variant(inst.depth).is_none() || inst.exit != NO_EXIT || inst.uop.has(flags::TERMINAL) {
            return Err(format!("micro-op {k} can't be in a stub: {inst}"));
        }
        let after = inst.uop.after(inst.depth);
        if stub.get(k + 1).is_some_and(|next| next.depth.ints > after.ints || next.depth.floats > after.floats) {
            return Err(format!("micro-op {k} leaves less than the next one finds: {inst}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOP: &str = "LOAD_FRAME [0/0] +112
LOAD_IMMEDIATE [1/0] 0x15
ADD_INT [2/0] -> exit 0
STORE_FRAME [1/0] +112
GUARD_MEMORY_32 [0/0] 0x0 0x1c -> exit 1
NEXT_RANGE [1/0] +24 +0 +-8 -> exit 1
JUMP_TOP [0/0]";

    fn body(text: &str) -> Vec<Inst> {
        text.lines().map(|line| parse(line).expect("a micro-op")).collect()
    }

    #[test]
    fn text_is_read_as_it_is_printed() {
        let printed: Vec<String> = body(LOOP).iter().map(|inst| inst.to_string()).collect();
        assert_eq!(printed.join("\n"), LOOP);
    }

    #[test]
    fn what_is_no_micro_op_is_refused() {
        for bad in ["", "ADD_INT", "ADD_INTS [2/0]", "ADD_INT [2]", "ADD_INT [2/0] 7", "ADD_INT [2/0] 0x1 0x2 0x3 0x4"]
        {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn micro_ops_must_follow_from_each_other() {
        let good = "LOAD_FRAME [0/0] +112\nGUARD_INT_1 [1/0] -> exit 0\nSTORE_FRAME [1/0] +120\nJUMP_TOP [0/0]";
        assert_eq!(verify_body(&body(good), Some(0), 1), Ok(()));
        let bad = [
            ("ADD_INT [1/0] -> exit 0\nJUMP_TOP [0/0]", "can't be executed"),
            ("LOAD_FRAME [0/0]\nADD_INT [2/0] -> exit 0\nJUMP_TOP [0/0]", "more cached"),
            ("LOAD_FRAME [0/0]\nGUARD_INT_1 [1/0]\nJUMP_TOP [0/0]", "an exit is missing"),
            ("LOAD_FRAME [0/0]\nGUARD_INT_1 [1/0] -> exit 1\nJUMP_TOP [0/0]", "does not exist"),
            ("LOAD_FRAME [0/0]\nJUMP_TOP [0/0]\nLOAD_FRAME [0/0]", "something follows"),
            ("LOAD_FRAME [0/0]\nJUMP_TOP [1/0]", "does not begin with"),
        ];
        for (text, message) in bad {
            let error = verify_body(&body(text), Some(0), 1).expect_err(text);
            assert!(error.contains(message), "{error}");
        }
    }
}
