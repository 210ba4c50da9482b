//! Which part of a trace's machine code belongs to what.

use pyrs_uops::{Depth, Uop};

use crate::executor::Executor;
use crate::stencils::piece;

/// A stretch of code.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Part {
    /// The main path of a micro-op.
    Main(usize),
    /// Its rare path.
    Rest(usize),
    /// The stub of an exit.
    Exit(usize),
    /// Jumps to what is out of reach.
    Veneers,
}

/// A trace's code in the order of addresses: where each part begins, as an offset. Empty parts are left out.
pub fn parts(executor: &Executor) -> Vec<(usize, Part)> {
    let of = |uop, depth| piece(uop, depth).expect("the micro-op has been assembled");
    let leave = of(Uop::Leave, Depth::default()).hot as usize;
    let (mut at, mut out) = (0, Vec::new());
    let mut add = |at: &mut usize, length: usize, part: Part| {
        if length > 0 {
            out.push((*at, part));
            *at += length;
        }
    };
    for (k, inst) in executor.body.iter().enumerate() {
        add(&mut at, of(inst.uop, inst.depth).hot as usize, Part::Main(k));
    }
    for (k, inst) in executor.body.iter().enumerate() {
        add(&mut at, of(inst.uop, inst.depth).cold as usize, Part::Rest(k));
    }
    for exit in &executor.exits {
        let end = exit.stub - executor.entry + leave;
        let length = end - at;
        add(&mut at, length, Part::Exit(exit.index));
    }
    let length = executor.length - at;
    add(&mut at, length, Part::Veneers);
    out
}

/// The recorded instruction that a part belongs to.
pub fn instruction(executor: &Executor, part: Part) -> Option<usize> {
    let k = match part {
        Part::Main(k) | Part::Rest(k) => k,
        Part::Exit(n) => executor.body.iter().position(|inst| inst.exit == n as u32)?,
        Part::Veneers => return None,
    };
    executor.origins.get(k).map(|n| *n as usize)
}
