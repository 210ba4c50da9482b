//! Giving compiled code up, all of it at once.
//!
//! Traces jump into each other, and what is hot is compiled again within a millisecond; so there is no book-keeping of
//! what is cold. When the code memory is full, everything goes, and only what is still in use comes back.
//!
//! Code that is running somewhere below on a native stack must stay. So a flush is requested, and done at a check of
//! the eval breaker at which no compiled code is active: there, Python code may run, as destructors do.

use std::sync::atomic::Ordering;

use pyrs_bytecode::Opcode;
use pyrs_interp::jit::rewrite_if;
use pyrs_runtime::thread::{EVAL_BREAKER, breaker};

use crate::executor::{Executor, MAX_EXECUTORS};
use crate::options::Options;
use crate::record::{Origin, Recording};
use crate::state::{self, Jit};

/// A loop that was compiled before a flush is hot after this part of the usual iterations.
const SOONER: u16 = 8;

impl Jit {
    /// Compiled code is given up soon.
    pub(crate) fn request_flush(&mut self) {
        self.wants_flush = true;
        EVAL_BREAKER.fetch_or(breaker::PENDING_CALL, Ordering::Relaxed);
    }

    /// Whether giving all up would make room for a trace that does not fit.
    pub(crate) fn is_crowded(&self) -> bool {
        self.memory.used() > self.memory.left() || self.executors.len() >= MAX_EXECUTORS
    }

    /// Compiled code has been entered.
    pub(crate) fn enters(&mut self) {
        self.active += 1;
    }

    /// Compiled code has been left.
    pub(crate) fn leaves(&mut self) {
        self.active -= 1;
        if self.wants_flush && self.active == 0 {
            self.request_flush();
        }
    }
}

/// At a check of the eval breaker: does what was requested, if it can be done now.
pub(crate) fn pending() {
    // SAFETY: the caller is the interpreter and holds the GIL; no other reference to the state is in use.
    let Some(state) = (unsafe { state::peek() }) else { return };
    if state.wants_flush && state.active == 0 {
        let remains = take(state);
        // Destructors may run, and find a JIT without traces.
        drop(remains);
    }
}

/// What held references for compiled code.
struct Remains {
    _executors: Vec<Executor>,
    _recording: Option<Recording>,
}

fn take(state: &mut Jit) -> Remains {
    state.wants_flush = false;
    state.stats.flushes += 1;
    let executors = std::mem::take(&mut state.executors);
    for (number, executor) in executors.iter().enumerate() {
        // SAFETY: executors keep their code alive.
        unsafe { recount(executor, number, &state.options) };
        if let Some(counters) = &executor.counters {
            state.stats.before_flushes.add(counters);
        }
    }
    state.tools.forget();
    state.memory.clear();
    state.places.clear();
    // They refer to the executors that go.
    if let Some(samples) = &mut state.samples {
        samples.clear();
    }
    Remains { _executors: executors, _recording: state.recording.take() }
}

/// Makes a back edge, or a function, count again.
unsafe fn recount(executor: &Executor, number: usize, options: &Options) {
    // SAFETY: by contract, the instruction is in living code.
    unsafe {
        match executor.origin {
            Origin::Loop { back_edge }
                if *back_edge.add(1) as usize == number
                    && rewrite_if(back_edge, Opcode::EnterExecutor, Opcode::JumpBackwardJit) =>
            {
                *back_edge.add(1) = options.threshold.div_ceil(SOONER);
            }
            Origin::Entry { code, resume }
                if (&*code).entry.get() as usize == number
                    && rewrite_if(resume, Opcode::EnterFunction, Opcode::ResumeCheckJit) =>
            {
                (&*code).entry.set(options.entry_threshold.div_ceil(SOONER).into());
            }
            _ => {}
        }
    }
}
