//! Traces and their summary for people.

use std::fmt::Write as _;
use std::time::Duration;

use super::code;
use super::summary::{Summary, Times, by_count};
use crate::assemble::Inst;
use crate::count::Executed;
use crate::executor::Executor;
use crate::record::{End, Origin};
use crate::state::{self, Jit};

/// Rows of the tables of opcodes.
const MOST_FREQUENT: usize = 30;

/// All traces and a summary.
pub fn text() -> String {
    all(false)
}

/// All traces with their machine code, and a summary.
pub fn text_with_code() -> String {
    all(true)
}

fn all(with_code: bool) -> String {
    let mut out = String::new();
    // SAFETY: nothing else uses the state: the program has ended.
    let Some(state) = (unsafe { state::peek() }) else { return out };
    for (i, executor) in state.executors.iter().enumerate() {
        trace(&mut out, i, executor);
        if with_code {
            code::code(&mut out, state, executor);
        }
    }
    // Writing to a string can't fail.
    let _ = summary(&mut out, state);
    out
}

/// One trace.
pub fn trace_text(i: usize, executor: &Executor) -> String {
    let mut out = String::new();
    trace(&mut out, i, executor);
    out
}

fn trace(out: &mut String, i: usize, executor: &Executor) {
    let from = match executor.origin {
        Origin::Loop { .. } => "loop".to_owned(),
        Origin::Entry { .. } => "function".to_owned(),
        Origin::Exit { executor, exit } => format!("exit {exit} of trace {executor}"),
    };
    let _ = writeln!(
        out,
        "trace {i}: {from}, ends {:?}, {} instructions ({} interpreted), {} micro-ops, {} bytes at {:#x}, ready after {:?}",
        executor.end,
        executor.instructions,
        executor.interpreted,
        executor.body.len(),
        executor.length,
        executor.entry,
        executor.latency
    );
    let executed = executor.counters.as_ref().map(|c| c.executed()).unwrap_or_default();
    if let Some(counters) = &executor.counters {
        let _ = writeln!(out, "  entered {} times, looped {} times", counters.entries(), counters.iterations());
    }
    let mut last = u32::MAX;
    for (k, inst) in executor.body.iter().enumerate() {
        if k == executor.top && k > 0 {
            let _ = writeln!(out, "  top:");
            last = u32::MAX;
        }
        let origin = executor.origins.get(k).copied().unwrap_or(0);
        if origin != last {
            instruction(out, executor, origin as usize, &executed);
            last = origin;
        }
        micro_op(out, inst);
    }
    exits(out, executor);
}

fn instruction(out: &mut String, executor: &Executor, n: usize, executed: &[Executed]) {
    let Some(instruction) = executor.listing.get(n) else { return };
    let _ = write!(out, "  {instruction}");
    if let Some(e) = executed.get(n) {
        let _ = write!(out, "  ; {}", e.compiled + e.stepped);
        if e.stepped > 0 {
            let _ = write!(out, ", {} interpreted", e.stepped);
        }
    }
    out.push('\n');
}

pub(super) fn micro_op(out: &mut String, inst: &Inst) {
    let _ = writeln!(out, "      {inst}");
}

fn exits(out: &mut String, executor: &Executor) {
    for exit in &executor.exits {
        let taken = executor.counters.as_ref().map_or(exit.count as u64, |c| c.exit(exit.index));
        if taken == 0 && exit.side.is_none() {
            continue;
        }
        let _ = write!(out, "  exit {}: taken {taken} times{}", exit.index, reason(executor, exit.index));
        if let Some(side) = exit.side {
            let _ = write!(out, ", on to trace {side}");
        }
        for face in exit.faces.iter().filter(|f| f.side.is_some()) {
            let _ = write!(out, ", on to trace {}", face.side.unwrap_or_default());
        }
        out.push('\n');
    }
    match executor.end {
        End::Link(trace) => drop(writeln!(out, "  ends in trace {trace}")),
        End::Closed | End::Again | End::Stop => {}
    }
}

/// The micro-op that an exit belongs to, and its instruction.
pub(super) fn reason(executor: &Executor, exit: usize) -> String {
    let Some(k) = executor.body.iter().position(|inst| inst.exit == exit as u32) else {
        return " at the end".to_owned();
    };
    let name = executor.body[k].uop.info().name;
    match executor.origins.get(k).and_then(|n| executor.listing.get(*n as usize)) {
        Some(instruction) => format!(" at {name} of {instruction}"),
        None => format!(" at {name}"),
    }
}

fn summary(out: &mut String, state: &Jit) -> std::fmt::Result {
    let (s, summary) = (&state.stats, Summary::of(state));
    writeln!(
        out,
        "traces {} (side traces {}), micro-ops {} (and {} in stubs), left to the interpreter {}, code {} bytes",
        s.traces, s.side_traces, s.micro_ops, s.stub_micro_ops, s.interpreted, s.code_bytes
    )?;
    writeln!(
        out,
        "recording {:?}, lowering {:?} ({:.0} ns a micro-op), copy and patch {:?} ({:.1} ns a micro-op), tables {:?}",
        s.recording,
        s.lowering,
        summary.lowering_each,
        s.assembling,
        summary.assembling_each,
        s.placing.saturating_sub(s.assembling)
    )?;
    let [middle, longest] = summary.latency;
    writeln!(
        out,
        "from the beginning of a recording to code that can run: {middle:?} (median), {longest:?} (longest)"
    )?;
    if let Some(t) = &summary.times {
        times(out, t)?;
    }
    instructions(out, &summary)?;
    let mut by: Vec<_> = s.interpreted_by.iter().collect();
    by.sort_by_key(|(_, n)| std::cmp::Reverse(**n));
    let by: Vec<String> = by.iter().take(25).map(|(name, n)| format!("{name} {n}")).collect();
    writeln!(out, "left to the interpreter, by opcode: {}", by.join(", "))?;
    if s.flushes > 0 {
        writeln!(out, "all code was given up {} times; the traces above are those since", s.flushes)?;
    }
    for (why, n) in &s.aborts {
        writeln!(out, "aborted: {} {n}", why.name())?;
    }
    Ok(())
}

fn times(out: &mut String, t: &Times) -> std::fmt::Result {
    let share = |part: Duration| part.as_secs_f64() * 100.0 / t.total.as_secs_f64().max(1e-9);
    writeln!(
        out,
        "time {:?}: compiled code {:?} ({:.1} %), interpreted for traces {:?} ({:.1} %), interpreter {:?} ({:.1} %)",
        t.total,
        t.compiled,
        share(t.compiled),
        t.stepped,
        share(t.stepped),
        t.interpreter,
        share(t.interpreter)
    )
}

fn instructions(out: &mut String, summary: &Summary) -> std::fmt::Result {
    let i = &summary.instructions;
    if i.interpreted_by.is_none() {
        return writeln!(
            out,
            "executed instructions: compiled {}, the interpreter's were not counted",
            i.by_traces.compiled
        );
    }
    writeln!(
        out,
        "executed instructions: compiled {} ({:.2} %), interpreted for traces {}, by the interpreter {}; entered {} times",
        i.by_traces.compiled,
        i.share(),
        i.stepped(),
        i.interpreted(),
        i.entries
    )?;
    let interpreted = i.interpreted_by.iter().map(|by| ("by the interpreter", by));
    for (who, by) in [("interpreted for traces", &i.by_traces.stepped_by)].into_iter().chain(interpreted) {
        writeln!(out, "{who}:")?;
        for (name, n) in by_count(by).into_iter().take(MOST_FREQUENT) {
            writeln!(out, "  {name:<40}{n:>14}")?;
        }
    }
    Ok(())
}
