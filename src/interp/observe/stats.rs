//! `-X opstats`: how often each instruction runs, and how well specialization fits.
//!
//! A specialized instruction that meets something it was not made for goes on in its family's general handler,
//! which touches the counter in the inline cache; whether it did is seen when the next instruction runs.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};

use pyrs_bytecode::Opcode;
use pyrs_macros::handler;
use pyrs_runtime::object::{Obj, Object};
use pyrs_runtime::objects::code::Code;
use pyrs_runtime::value::Value;

use super::{is_adaptive, operands};
use crate::dispatch::{Regs, TABLE};
use crate::frame::Frame;

/// Rows of the tables of pairs and of operands.
const MOST_FREQUENT: usize = 40;

/// A specialized instruction whose outcome is not known yet.
struct Pending {
    /// Keeps the instruction in place.
    _code: Obj,
    counter: *const u16,
    before: u16,
    opcode: u8,
}

struct Stats {
    executions: [u64; 256],
    misses: [u64; 256],
    specializations: [u64; 256],
    failures: [u64; 256],
    pairs: HashMap<(u8, u8), u64>,
    /// Failed attempts and general executions by operands.
    reasons: HashMap<(u8, String), [u64; 2]>,
    pending: Option<Pending>,
    previous: u8,
}

// SAFETY: the counter of a pending instruction is read under the GIL alone, by the thread that interprets.
unsafe impl Send for Stats {}

static ENABLED: AtomicBool = AtomicBool::new(false);
static STATS: Mutex<Option<Box<Stats>>> = Mutex::new(None);

fn stats() -> MutexGuard<'static, Option<Box<Stats>>> {
    STATS.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

pub fn enabled() -> bool {
    ENABLED.load(Ordering::Relaxed)
}

/// Begins to count.
pub(super) fn start() {
    *stats() = Some(Box::new(Stats {
        executions: [0; 256],
        misses: [0; 256],
        specializations: [0; 256],
        failures: [0; 256],
        pairs: HashMap::new(),
        reasons: HashMap::new(),
        pending: None,
        previous: Opcode::Cache as u8,
    }));
    ENABLED.store(true, Ordering::Relaxed);
}

/// Counts an instruction and executes it.
#[handler]
pub unsafe fn counted<const OPCODE: u8>(m: Regs) -> Value {
    note(OPCODE, m.frame, m.ip, m.sp, m.oparg);
    m.tail(TABLE.0[OPCODE as usize])
}

#[inline(never)]
unsafe fn note(number: u8, frame: *mut Frame, ip: *mut u16, sp: *mut Value, oparg: usize) {
    let mut stats = stats();
    let Some(stats) = stats.as_deref_mut() else { return };
    stats.settle();
    stats.executions[number as usize] += 1;
    *stats.pairs.entry((stats.previous, number)).or_default() += 1;
    stats.previous = number;
    let Some(opcode) = Opcode::from_u8(number) else { return };
    let base = opcode.deopt();
    if !is_adaptive(base) || opcode.is_instrumented() {
        return;
    }
    // SAFETY: contract of handlers; the counter follows the instruction.
    unsafe {
        if opcode == base {
            let what = operands::describe(opcode, frame, sp, oparg);
            stats.reasons.entry((number, what)).or_default()[1] += 1;
            return;
        }
        let code: &Object<Code> = (*frame).code();
        let counter = ip.add(1);
        stats.pending = Some(Pending { _code: code.to_obj(), counter, before: *counter, opcode: number });
    }
}

/// Executions by opcode, if they are counted.
pub(super) fn executions() -> Option<[u64; 256]> {
    stats().as_deref().map(|stats| stats.executions)
}

pub(super) fn specialized(opcode: u8) {
    if let Some(stats) = stats().as_deref_mut() {
        stats.specializations[opcode as usize] += 1;
    }
}

pub(super) fn failed(general: Opcode, operands: String) {
    if let Some(stats) = stats().as_deref_mut() {
        stats.failures[general as usize] += 1;
        stats.reasons.entry((general as u8, operands)).or_default()[0] += 1;
    }
}

/// What was counted, as text; nothing if nothing was.
pub fn report() -> Option<String> {
    ENABLED.store(false, Ordering::Relaxed);
    let mut stats = stats().take()?;
    stats.settle();
    let mut out = String::new();
    // Writing to a string can't fail.
    let _ = stats.write(&mut out);
    Some(out)
}

impl Stats {
    /// Finds out whether the last specialized instruction fitted.
    fn settle(&mut self) {
        if let Some(pending) = self.pending.take() {
            // SAFETY: the code is still there.
            let now = unsafe { *pending.counter };
            self.misses[pending.opcode as usize] += (now != pending.before) as u64;
        }
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        self.write_executions(out)?;
        self.write_attempts(out)?;
        self.write_reasons(out)?;
        self.write_pairs(out)
    }

    fn write_executions(&self, out: &mut String) -> std::fmt::Result {
        let total: u64 = self.executions.iter().sum();
        writeln!(out, "\n{:<36}{:>14}{:>8}{:>8}{:>14}{:>8}", "opcode", "executions", "%", "sum %", "misses", "miss %")?;
        let mut sum = 0;
        for number in by_count(&self.executions) {
            let (count, misses) = (self.executions[number as usize], self.misses[number as usize]);
            sum += count;
            write!(out, "{:<36}{count:>14}{:>8.2}{:>8.2}", name(number), percent(count, total), percent(sum, total))?;
            if Opcode::from_u8(number).is_some_and(Opcode::is_specialized) {
                write!(out, "{misses:>14}{:>8.2}", percent(misses, count))?;
            }
            out.push('\n');
        }
        writeln!(out, "{:<36}{total:>14}", "total")
    }

    fn write_attempts(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "\n{:<36}{:>14}{:>14}{:>14}", "family", "specialized", "failed", "general")?;
        for &opcode in Opcode::ALL.iter().filter(|&&opcode| is_adaptive(opcode)) {
            let members = Opcode::ALL.iter().filter(|member| member.deopt() == opcode);
            let specialized: u64 = members.map(|&member| self.specializations[member as usize]).sum();
            let (failed, general) = (self.failures[opcode as usize], self.executions[opcode as usize]);
            writeln!(out, "{:<36}{specialized:>14}{failed:>14}{general:>14}", opcode.name())?;
        }
        Ok(())
    }

    fn write_reasons(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "\n{:<24}{:<52}{:>10}{:>14}", "not specialized", "operands", "failures", "executions")?;
        let mut rows: Vec<_> = self.reasons.iter().collect();
        rows.sort_by_key(|(key, [failures, general])| (std::cmp::Reverse((*general, *failures)), *key));
        for ((number, what), [failures, general]) in rows.into_iter().take(MOST_FREQUENT) {
            writeln!(out, "{:<24}{what:<52}{failures:>10}{general:>14}", name(*number))?;
        }
        Ok(())
    }

    fn write_pairs(&self, out: &mut String) -> std::fmt::Result {
        let total: u64 = self.pairs.values().sum();
        writeln!(out, "\n{:<36}{:<36}{:>14}{:>8}", "opcode", "followed by", "times", "%")?;
        let mut rows: Vec<_> = self.pairs.iter().collect();
        rows.sort_by_key(|&(pair, count)| (std::cmp::Reverse(*count), *pair));
        for ((first, second), &count) in rows.into_iter().take(MOST_FREQUENT) {
            let share = percent(count, total);
            writeln!(out, "{:<36}{:<36}{count:>14}{share:>8.2}", name(*first), name(*second))?;
        }
        Ok(())
    }
}

/// The opcodes that have been counted, the most frequent first.
fn by_count(counts: &[u64; 256]) -> Vec<u8> {
    let mut numbers: Vec<u8> = (0..=255).filter(|&n| counts[n as usize] > 0).collect();
    numbers.sort_by_key(|&n| (std::cmp::Reverse(counts[n as usize]), n));
    numbers
}

fn name(number: u8) -> &'static str {
    Opcode::from_u8(number).map_or("?", Opcode::name)
}

fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 }
}
