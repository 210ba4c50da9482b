//! What benchmarks measure: the steps from a recording to machine code, again and again for the same recordings.

use std::time::Duration;

use crate::assemble::{self, Failure, Link, Source, Stub};
use crate::lower::Lowered;
use crate::memory::CodeMemory;
use crate::{executor, state};

/// From now on, recordings that become traces are kept.
pub fn keep_recordings() {
    // SAFETY: the caller is the only thread, and no other reference to the state is in use.
    unsafe { state::get().samples = Some(Vec::new()) };
}

/// The numbers of recorded instructions of what has been kept.
pub fn recordings() -> Vec<usize> {
    // SAFETY: as above.
    let samples = unsafe { &state::get().samples };
    samples.iter().flatten().map(|(recording, _)| recording.records.len()).collect()
}

/// Lowers the `n`-th recording.
pub fn lower(n: usize) -> Lowered {
    // SAFETY: as above.
    let state = unsafe { state::get() };
    let (recording, end) = &state.samples.as_ref().expect("recordings are kept")[n];
    executor::lower_recording(state, recording, *end).expect("it has been lowered before")
}

/// What the assembler is given.
pub struct Assembly {
    lowered: Lowered,
    stubs: Vec<Stub>,
}

impl Assembly {
    pub fn new(mut lowered: Lowered) -> Assembly {
        let take = |stub: &mut Vec<_>| Stub { body: std::mem::take(stub), leave: 8 };
        let stubs = lowered.exits.iter_mut().map(|exit| take(&mut exit.stub)).collect();
        Assembly { lowered, stubs }
    }

    /// Micro-ops of the trace and of its stubs.
    pub fn micro_ops(&self) -> usize {
        self.lowered.body.len() + self.stubs.iter().map(|stub| stub.body.len() + 1).sum::<usize>()
    }

    /// Copies and patches; the bytes of the code, which is never run. None if the memory is full.
    pub fn run(&self, memory: &mut CodeMemory) -> Option<usize> {
        // SAFETY: as above.
        let addresses = unsafe { state::get().addresses };
        let link = Link::Exit(self.stubs.len().saturating_sub(1));
        let source = Source { body: &self.lowered.body, top: self.lowered.top, exits: &self.stubs, link };
        match assemble::assemble(&source, &addresses, memory) {
            Ok(placed) => Some(placed.length),
            Err(Failure::NoMemory) => None,
            Err(failure) => panic!("it has been assembled before: {failure:?}"),
        }
    }
}

/// What has been made since the start.
pub struct Made {
    pub traces: usize,
    /// The time that recording took, and the time from the beginnings of recordings until their code could run.
    pub recording: Duration,
    pub latency: Duration,
}

pub fn made() -> Made {
    // SAFETY: as above.
    let stats = unsafe { &state::get().stats };
    Made { traces: stats.traces, recording: stats.recording, latency: stats.latencies.iter().sum() }
}
