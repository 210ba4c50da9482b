//! What the JIT has done: for `--dump-traces` and for those who work on it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::count::Counters;

/// Why a recording did not become a trace.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Abort {
    /// The recorded frame returned before the loop came round.
    LeftFrame,
    TooLong,
    TooShort,
    /// Something else than the recorded code ran in between: a nested run, a signal, a tracing function.
    Interrupted,
    /// The loop's code can't be rewritten: it is watched, or a mark is missing.
    Watched,
    /// More values or frames than a trace may hold.
    TooLarge,
    NoMemory,
    /// A branch does not reach its destination.
    OutOfReach,
    /// The code memory is at its cap.
    Unsupported,
    /// Most of its instructions would be left to the interpreter.
    Interpreted,
    /// Most of its instructions take sequences apart and store the items: the interpreter does that as fast, with less
    /// code.
    Moves,
}

impl Abort {
    pub fn name(self) -> &'static str {
        match self {
            Abort::LeftFrame => "left the frame",
            Abort::TooLong => "too long",
            Abort::TooShort => "too short",
            Abort::Interrupted => "interrupted",
            Abort::Watched => "watched",
            Abort::TooLarge => "too large",
            Abort::NoMemory => "no memory",
            Abort::OutOfReach => "out of reach",
            Abort::Unsupported => "unsupported",
            Abort::Interpreted => "mostly interpreted",
            Abort::Moves => "mostly moves",
        }
    }
}

/// Instructions that traces have executed.
#[derive(Default, Clone, Debug)]
pub struct Executions {
    pub compiled: u64,
    /// By the interpreter at a trace's request, by opcode.
    pub stepped_by: BTreeMap<&'static str, u64>,
}

impl Executions {
    /// Adds what one trace has done.
    pub fn add(&mut self, counters: &Counters) {
        for (n, executed) in counters.executed().into_iter().enumerate() {
            self.compiled += executed.compiled;
            if executed.stepped > 0 {
                *self.stepped_by.entry(counters.opcode(n).name()).or_default() += executed.stepped;
            }
        }
    }
}

/// Counters since the start.
#[derive(Default, Clone, Debug)]
pub struct Stats {
    pub traces: usize,
    pub side_traces: usize,
    pub recorded: usize,
    pub micro_ops: usize,
    /// Micro-ops of exits' stubs.
    pub stub_micro_ops: usize,
    pub interpreted: usize,
    pub code_bytes: usize,
    /// How often all code was given up.
    pub flushes: usize,
    /// What the traces did that were given up, if it was counted.
    pub before_flushes: Executions,
    pub aborts: BTreeMap<Abort, usize>,
    /// Instructions in traces that are left to the interpreter, by opcode.
    pub interpreted_by: BTreeMap<&'static str, usize>,
    pub recording: Duration,
    /// Processor time, counted only when dumps are wanted.
    pub lowering: Duration,
    /// Copy and patch alone; as above.
    pub assembling: Duration,
    /// Copy and patch, and what the runtime keeps of a trace: exits, objects; as above.
    pub placing: Duration,
    /// For each trace, from the beginning of its recording until its code could run.
    pub latencies: Vec<Duration>,
}
