//! Traces and their summary for programs.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::summary::{Summary, Times};
use super::text::reason;
use crate::executor::Executor;
use crate::record::Origin;
use crate::state::{self, Jit};

/// All traces and the summary.
pub fn json() -> String {
    // SAFETY: nothing else uses the state: the program has ended.
    let Some(state) = (unsafe { state::peek() }) else { return "{}\n".to_owned() };
    let traces: Vec<String> = state.executors.iter().enumerate().map(|(i, e)| trace(i, e)).collect();
    let mut members = vec![("traces".to_owned(), format!("[{}]", traces.join(", ")))];
    members.extend(summary(state));
    object(members) + "\n"
}

fn summary(state: &Jit) -> Vec<(String, String)> {
    let (s, summary) = (&state.stats, Summary::of(state));
    let i = &summary.instructions;
    let named = |name: &str, value: String| (name.to_owned(), value);
    let aborts = s.aborts.iter().map(|(why, n)| (why.name().to_owned(), n.to_string()));
    let mut out = vec![
        named("side_traces", s.side_traces.to_string()),
        named("micro_ops", s.micro_ops.to_string()),
        named("stub_micro_ops", s.stub_micro_ops.to_string()),
        named("interpreted", s.interpreted.to_string()),
        named("code_bytes", s.code_bytes.to_string()),
        named("flushes", s.flushes.to_string()),
        named("recording_ns", s.recording.as_nanos().to_string()),
        named("lowering_ns", s.lowering.as_nanos().to_string()),
        named("assembling_ns", s.assembling.as_nanos().to_string()),
        named("placing_ns", s.placing.as_nanos().to_string()),
        named("lowering_ns_per_micro_op", format!("{:.1}", summary.lowering_each)),
        named("assembling_ns_per_micro_op", format!("{:.1}", summary.assembling_each)),
        named("latency_median_ns", summary.latency[0].as_nanos().to_string()),
        named("latency_longest_ns", summary.latency[1].as_nanos().to_string()),
        named("executed_compiled", i.by_traces.compiled.to_string()),
        named("executed_stepped", counts(&i.by_traces.stepped_by)),
        named("executed_interpreted", i.interpreted_by.as_ref().map_or("null".to_owned(), counts)),
        named("executed_compiled_percent", format!("{:.3}", i.share())),
        named("entries", i.entries.to_string()),
        named("aborts", object(aborts)),
    ];
    out.extend(summary.times.as_ref().map(times));
    out
}

fn times(t: &Times) -> (String, String) {
    let parts = [("total", t.total), ("compiled", t.compiled), ("stepped", t.stepped), ("interpreter", t.interpreter)];
    ("time_ns".to_owned(), object(parts.map(|(name, d)| (name.to_owned(), d.as_nanos().to_string()))))
}

fn counts(counts: &BTreeMap<&'static str, u64>) -> String {
    object(counts.iter().map(|(name, n)| ((*name).to_owned(), n.to_string())))
}

fn trace(i: usize, executor: &Executor) -> String {
    let parent = match executor.origin {
        Origin::Loop { .. } | Origin::Entry { .. } => "null".to_owned(),
        Origin::Exit { executor, exit } => format!("[{executor}, {exit}]"),
    };
    let counters = executor.counters.as_ref();
    let micro_ops = executor.body.iter().map(|inst| quoted(inst.uop.info().name));
    let instructions = executor.listing.iter().map(|i| quoted(&i.to_string()));
    let executed = counters.map(|c| c.executed()).unwrap_or_default();
    let executed = executed.iter().map(|e| format!("[{}, {}]", e.compiled, e.stepped));
    let exits = executor.exits.iter().map(|e| {
        let side = e.side.map_or("null".to_owned(), |s| s.to_string());
        let taken = counters.map_or(e.count as u64, |c| c.exit(e.index));
        let reason = quoted(reason(executor, e.index).trim_start());
        format!("{{\"count\": {taken}, \"trace\": {side}, \"reason\": {reason}}}")
    });
    let members = [
        ("number", i.to_string()),
        ("parent", parent),
        ("bytes", executor.length.to_string()),
        ("top", executor.top.to_string()),
        ("latency_ns", executor.latency.as_nanos().to_string()),
        ("entries", counters.map_or(0, |c| c.entries()).to_string()),
        ("iterations", counters.map_or(0, |c| c.iterations()).to_string()),
        ("instructions", array(instructions)),
        ("executed", array(executed)),
        ("micro_ops", array(micro_ops)),
        ("exits", array(exits)),
    ];
    object(members.map(|(name, value)| (name.to_owned(), value)))
}

fn array(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(", "))
}

fn object(members: impl IntoIterator<Item = (String, String)>) -> String {
    let members = members.into_iter().map(|(name, value)| format!("{}: {value}", quoted(&name)));
    format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
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
