//! `--dump-traces`: what has been compiled, in words.

use std::fmt::Write as _;

use crate::executor::Executor;
use crate::record::{Origin, Record};
use crate::state;

/// The recorded instructions with their lines.
pub fn listing(records: &[Record]) -> Vec<(u32, String)> {
    records
        .iter()
        .map(|r| {
            // SAFETY: recorded code is alive.
            let code = unsafe { &*r.code };
            // SAFETY: `ip` is in the code.
            let offset = unsafe { r.ip.offset_from(code.first_unit()) } as u32 * 2;
            let line = code.source.line_at(offset).unwrap_or(0);
            let name = code.qualname.to_string_lossy();
            (line as u32, format!("{name}:{line} {offset:4} {} {}", r.opcode.name(), r.oparg))
        })
        .collect()
}

/// All traces and a summary, as text.
pub fn text() -> String {
    let mut out = String::new();
    // SAFETY: nothing else uses the state: the program has ended.
    let Some(state) = (unsafe { state::peek() }) else { return out };
    for (i, executor) in state.executors.iter().enumerate() {
        trace(&mut out, i, executor);
    }
    let s = &state.stats;
    let _ = writeln!(
        out,
        "traces {} (side traces {}), micro-ops {}, left to the interpreter {}, code {} bytes",
        s.traces, s.side_traces, s.micro_ops, s.interpreted, s.code_bytes
    );
    let _ = writeln!(out, "recording {:?}, lowering {:?}, assembling {:?}", s.recording, s.lowering, s.assembling);
    let mut by: Vec<_> = s.interpreted_by.iter().collect();
    by.sort_by_key(|(_, n)| std::cmp::Reverse(**n));
    let by: Vec<String> = by.iter().take(25).map(|(name, n)| format!("{name} {n}")).collect();
    let _ = writeln!(out, "left to the interpreter, by opcode: {}", by.join(", "));
    for (why, n) in &s.aborts {
        let _ = writeln!(out, "aborted: {} {n}", why.name());
    }
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
        Origin::Exit { executor, exit } => format!("exit {exit} of trace {executor}"),
    };
    let _ = writeln!(
        out,
        "trace {i}: {from}, ends {:?}, {} instructions ({} interpreted), {} micro-ops, {} bytes at {:#x}",
        executor.end,
        executor.instructions,
        executor.interpreted,
        executor.body.len(),
        executor.length,
        executor.entry
    );
    let mut last = u32::MAX;
    for (k, inst) in executor.body.iter().enumerate() {
        if k == executor.top && k > 0 {
            let _ = writeln!(out, "  top:");
        }
        let origin = executor.origins.get(k).copied().unwrap_or(0);
        if origin != last {
            if let Some((_, text)) = executor.listing.get(origin as usize) {
                let _ = writeln!(out, "  {text}");
            }
            last = origin;
        }
        let _ = write!(out, "      {} [{}/{}]", inst.uop.info().name, inst.depth.ints, inst.depth.floats);
        for v in inst.immediates.iter().filter(|v| **v != 0) {
            let _ = write!(out, " {v:#x}");
        }
        for v in inst.displacements.iter().filter(|v| **v != 0) {
            let _ = write!(out, " +{v}");
        }
        if inst.exit != crate::assemble::NO_EXIT {
            let _ = write!(out, " -> exit {}", inst.exit);
        }
        let _ = writeln!(out);
    }
    for exit in executor.exits.iter().filter(|e| e.count > 0 || e.side.is_some()) {
        let side = exit.side.map(|s| format!(", trace {s}")).unwrap_or_default();
        let _ = writeln!(out, "  exit {}: taken {} times{side}", exit.index, exit.count);
    }
}

/// All traces and the summary, as JSON.
pub fn json() -> String {
    // SAFETY: nothing else uses the state: the program has ended.
    let Some(state) = (unsafe { state::peek() }) else { return "{}\n".to_owned() };
    let traces: Vec<String> = state.executors.iter().enumerate().map(|(i, e)| json_trace(i, e)).collect();
    let s = &state.stats;
    let aborts: Vec<String> = s.aborts.iter().map(|(why, n)| format!("{}: {n}", quoted(why.name()))).collect();
    format!(
        "{{\"traces\": [{}], \"side_traces\": {}, \"micro_ops\": {}, \"interpreted\": {}, \"code_bytes\": {}, \
         \"recording_ns\": {}, \"lowering_ns\": {}, \"assembling_ns\": {}, \"aborts\": {{{}}}}}\n",
        traces.join(", "),
        s.side_traces,
        s.micro_ops,
        s.interpreted,
        s.code_bytes,
        s.recording.as_nanos(),
        s.lowering.as_nanos(),
        s.assembling.as_nanos(),
        aborts.join(", ")
    )
}

fn json_trace(i: usize, executor: &Executor) -> String {
    let parent = match executor.origin {
        Origin::Loop { .. } => "null".to_owned(),
        Origin::Exit { executor, exit } => format!("[{executor}, {exit}]"),
    };
    let micro_ops: Vec<String> = executor.body.iter().map(|inst| quoted(inst.uop.info().name)).collect();
    let instructions: Vec<String> = executor.listing.iter().map(|(_, text)| quoted(text)).collect();
    let exits: Vec<String> = executor
        .exits
        .iter()
        .map(|e| {
            let side = e.side.map_or("null".to_owned(), |s| s.to_string());
            format!("{{\"count\": {}, \"trace\": {side}}}", e.count)
        })
        .collect();
    format!(
        "{{\"number\": {i}, \"parent\": {parent}, \"bytes\": {}, \"top\": {}, \"instructions\": [{}], \
         \"micro_ops\": [{}], \"exits\": [{}]}}",
        executor.length,
        executor.top,
        instructions.join(", "),
        micro_ops.join(", "),
        exits.join(", ")
    )
}

/// A JSON string.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if (c as u32) < 32 => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
