//! The figures at the end of a dump: the shares of the tiers in the program's instructions and time, and what
//! compiling cost.
//!
//! An instruction here is one that was dispatched: a handler that does its successor's work too counts once, in every
//! tier.

use std::collections::BTreeMap;
use std::time::Duration;

use pyrs_bytecode::Opcode;
use pyrs_interp::observe;

use crate::clock::{self, Tier};
use crate::state::Jit;
use crate::stats::Executions;

/// Executed instructions by tier.
#[derive(Default)]
pub struct Instructions {
    pub by_traces: Executions,
    /// By the interpreter, by opcode; None if another table than the counting ones was in use.
    pub interpreted_by: Option<BTreeMap<&'static str, u64>>,
    /// Entries from the interpreter, at loops.
    pub entries: u64,
}

impl Instructions {
    pub fn stepped(&self) -> u64 {
        self.by_traces.stepped_by.values().sum()
    }

    pub fn interpreted(&self) -> u64 {
        self.interpreted_by.iter().flat_map(|by| by.values()).sum()
    }

    /// The percentage that ran in compiled code as micro-ops.
    pub fn share(&self) -> f64 {
        let all = self.by_traces.compiled + self.stepped() + self.interpreted();
        if all == 0 { 0.0 } else { self.by_traces.compiled as f64 * 100.0 / all as f64 }
    }
}

/// Time by tier.
pub struct Times {
    pub total: Duration,
    pub compiled: Duration,
    pub stepped: Duration,
    /// The interpreter's, recorded iterations included.
    pub interpreter: Duration,
}

/// Everything that is told of a run.
pub struct Summary {
    pub instructions: Instructions,
    pub times: Option<Times>,
    /// Of a trace from the beginning of its recording: the middle one and the longest one.
    pub latency: [Duration; 2],
    /// Nanoseconds of lowering, and of copy and patch, for each micro-op of traces and stubs.
    pub lowering_each: f64,
    pub assembling_each: f64,
}

impl Summary {
    pub fn of(state: &Jit) -> Summary {
        let s = &state.stats;
        let micro_ops = (s.micro_ops + s.stub_micro_ops).max(1) as f64;
        let mut latencies = s.latencies.clone();
        latencies.sort();
        let middle = latencies.get(latencies.len() / 2).copied().unwrap_or_default();
        Summary {
            instructions: instructions(state),
            times: times(s.lowering + s.placing),
            latency: [middle, latencies.last().copied().unwrap_or_default()],
            lowering_each: s.lowering.as_nanos() as f64 / micro_ops,
            assembling_each: s.assembling.as_nanos() as f64 / micro_ops,
        }
    }
}

fn instructions(state: &Jit) -> Instructions {
    let mut out = Instructions { by_traces: state.stats.before_flushes.clone(), ..Instructions::default() };
    for counters in state.executors.iter().filter_map(|e| e.counters.as_ref()) {
        out.by_traces.add(counters);
    }
    if let Some(counts) = observe::executions() {
        out.entries = counts[Opcode::EnterExecutor as usize];
        let of = |opcode: &Opcode| (opcode.name(), counts[*opcode as usize]);
        let own = Opcode::ALL.iter().filter(|&&opcode| opcode != Opcode::EnterExecutor);
        out.interpreted_by = Some(own.map(of).filter(|(_, n)| *n > 0).collect());
    }
    out
}

fn times(compiling: Duration) -> Option<Times> {
    let (total, of) = clock::read()?;
    let (compiled, stepped) = (of(Tier::Compiled), of(Tier::Stepped));
    let interpreter = of(Tier::Interpreter).saturating_sub(compiling);
    Some(Times { total, compiled, stepped, interpreter })
}

/// Rows with the greatest counts first.
pub fn by_count(counts: &BTreeMap<&'static str, u64>) -> Vec<(&'static str, u64)> {
    let mut rows: Vec<_> = counts.iter().map(|(name, n)| (*name, *n)).collect();
    rows.sort_by_key(|(name, n)| (std::cmp::Reverse(*n), *name));
    rows
}
