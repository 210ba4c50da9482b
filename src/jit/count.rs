//! How often each instruction of a trace was executed, for `--dump-traces`.
//!
//! Counting micro-ops stand where a trace begins, where its loop begins and in the stub of each exit: an instruction
//! was executed as often as its pass began, less the exits in front of it. Nothing is counted along the main path.

use std::cell::Cell;

use pyrs_bytecode::Opcode;
use pyrs_runtime::object::Object;
use pyrs_runtime::objects::code::Code;
use pyrs_uops::Uop;

use crate::assemble::{Inst, NO_EXIT};
use crate::helpers;
use crate::lower::{Lowered, Way};
use crate::record::Record;

/// The counters of one trace.
pub struct Counters {
    /// Entries, iterations of the loop, then one counter for each exit.
    words: Box<[Cell<u64>]>,
    instructions: Vec<Instruction>,
    /// What is needed of the body: the instruction that a micro-op belongs to, its exit, whether it interprets.
    body: Vec<(u32, u32, bool)>,
    /// For each exit, whether its instruction has been executed when it is taken.
    behind: Vec<bool>,
    top: usize,
}

/// A recorded instruction, as dumps tell of it.
pub struct Instruction {
    pub opcode: Opcode,
    pub oparg: u32,
    /// Where it begins, and where its opcode is.
    start: *mut u16,
    ip: *mut u16,
    code: *const Object<Code>,
}

/// What a recording consists of.
pub fn instructions(records: &[Record]) -> Vec<Instruction> {
    let instruction =
        |r: &Record| Instruction { opcode: r.opcode, oparg: r.oparg, start: r.start, ip: r.ip, code: r.code };
    records.iter().map(instruction).collect()
}

impl Instruction {
    /// The code object that it belongs to.
    pub fn code(&self) -> &Object<Code> {
        // SAFETY: a trace keeps the code alive that it was made from.
        unsafe { &*self.code }
    }

    /// Where it is in its code, in bytes.
    pub fn offset(&self) -> u32 {
        // SAFETY: `ip` is in the code.
        unsafe { self.ip.offset_from(self.code().first_unit()) as u32 * 2 }
    }

    pub fn line(&self) -> u32 {
        self.code().source.line_at(self.offset()).unwrap_or(0) as u32
    }
}

impl std::fmt::Display for Instruction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (name, line, offset) = (self.code().qualname.to_string_lossy(), self.line(), self.offset());
        write!(f, "{name}:{line} {offset:4} {} {}", self.opcode.name(), self.oparg)
    }
}

const ENTRIES: usize = 0;
const ITERATIONS: usize = 1;
const EXITS: usize = 2;

/// Executions of one instruction.
#[derive(Copy, Clone, Default, PartialEq, Eq, Debug)]
pub struct Executed {
    /// As micro-ops.
    pub compiled: u64,
    /// By the interpreter, at the trace's request.
    pub stepped: u64,
}

impl Counters {
    /// Puts counting micro-ops into a trace that is about to be assembled.
    pub fn attach(lowered: &mut Lowered, records: &[Record]) -> Counters {
        let words: Box<[Cell<u64>]> = vec![Cell::new(0); EXITS + lowered.exits.len()].into();
        let address = |n: usize| &raw const words[n] as u64;
        let (n, top) = (lowered.body.len(), lowered.top);
        let closed = lowered.body.last().is_some_and(|inst| inst.uop == Uop::JumpTop);
        if closed {
            insert(&mut lowered.body, top, address(ITERATIONS));
            lowered.origins.insert(top, lowered.origins.get(top).copied().unwrap_or(0));
        }
        insert(&mut lowered.body, 0, address(ENTRIES));
        lowered.origins.insert(0, 0);
        lowered.top = if closed { top + 1 } else { top };
        debug_assert_eq!(lowered.body.len(), n + 1 + closed as usize);
        for (i, exit) in lowered.exits.iter_mut().enumerate() {
            insert(&mut exit.stub, 0, address(EXITS + i));
        }
        let instructions = instructions(records);
        let body: Vec<_> = lowered
            .body
            .iter()
            .zip(&lowered.origins)
            .map(|(inst, &origin)| (origin, inst.exit, interprets(inst)))
            .collect();
        let mut behind = vec![false; lowered.exits.len()];
        for &(origin, exit, _) in body.iter().filter(|(_, exit, _)| *exit != NO_EXIT) {
            let plan = &lowered.exits[exit as usize];
            behind[exit as usize] = plan.way == Way::Interpret || plan.ip != instructions[origin as usize].start;
        }
        Counters { words, instructions, body, behind, top: if closed { lowered.top } else { usize::MAX } }
    }

    /// How often the trace was entered.
    pub fn entries(&self) -> u64 {
        self.words[ENTRIES].get()
    }

    /// How often its loop began.
    pub fn iterations(&self) -> u64 {
        self.words[ITERATIONS].get()
    }

    /// How often an exit was taken, by itself or by way of the trace that is linked to it.
    pub fn exit(&self, n: usize) -> u64 {
        self.words[EXITS + n].get()
    }

    pub fn opcode(&self, n: usize) -> Opcode {
        self.instructions[n].opcode
    }

    /// Executions of each recorded instruction but the last, which only says where the trace arrives.
    pub fn executed(&self) -> Vec<Executed> {
        let mut out = vec![Executed::default(); self.instructions.len().saturating_sub(1)];
        let split = self.top.min(self.body.len());
        for (pass, begun) in [(&self.body[..split], self.entries()), (&self.body[split..], self.iterations())] {
            self.pass(pass, begun, &mut out);
        }
        out
    }

    fn pass(&self, body: &[(u32, u32, bool)], begun: u64, out: &mut [Executed]) {
        let (mut before, mut behind) = (vec![0; out.len()], vec![0; out.len()]);
        let mut stepped = vec![false; out.len()];
        let mut seen = vec![false; self.behind.len()];
        for &(origin, exit, interprets) in body {
            let n = origin as usize;
            if n >= out.len() {
                continue;
            }
            stepped[n] |= interprets;
            if exit != NO_EXIT && !std::mem::replace(&mut seen[exit as usize], true) {
                let counts = if self.behind[exit as usize] { &mut behind } else { &mut before };
                counts[n] += self.exit(exit as usize);
            }
        }
        let mut alive = begun;
        for (n, executed) in out.iter_mut().enumerate() {
            alive = alive.saturating_sub(before[n]);
            *(if stepped[n] { &mut executed.stepped } else { &mut executed.compiled }) += alive;
            alive = alive.saturating_sub(behind[n]);
        }
    }
}

/// Whether the micro-op executes a handler; other functions do an instruction's work in its place.
fn interprets(inst: &Inst) -> bool {
    inst.uop == Uop::Interpret && inst.immediates[1] == helpers::interpret as *const () as u64
}

/// Puts a counting micro-op in front of another one.
fn insert(body: &mut Vec<Inst>, at: usize, address: u64) {
    let depth = body.get(at).map(|inst| inst.depth).unwrap_or_default();
    let count = Inst { uop: Uop::Count, depth, immediates: [address, 0, 0], displacements: [0; 4], exit: NO_EXIT };
    body.insert(at, count);
}
