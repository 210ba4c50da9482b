//! The JIT of the process.

use std::collections::HashMap;
use std::time::Duration;

use pyrs_interp::frame::{self, Frame};
use pyrs_interp::jit::{self, Hooks};
use pyrs_interp::observe;
use pyrs_runtime::objects::singletons::{false_value, true_value};
use pyrs_runtime::thread::Thread;

use crate::assemble::Addresses;
use crate::executor::{self, Executor, Exit, PATIENT_SIZE};
use crate::helpers::{self, Resume};
use crate::memory::{self, CodeMemory};
use crate::options::Options;
use crate::places::Places;
use crate::record::{End, Origin, Recording};
use crate::stats::Stats;
use crate::stress::Chance;
use crate::tools::Tools;
use crate::{Global, clock, flush, places, thunks};

/// Everything the JIT keeps.
pub struct Jit {
    pub options: Options,
    pub memory: CodeMemory,
    pub addresses: Addresses,
    pub executors: Vec<Executor>,
    pub places: Places,
    pub recording: Option<Recording>,
    /// Requests to record that met another recording.
    refused: u32,
    pub resume: Resume,
    /// Entries of compiled code that have not been left yet, on all threads.
    pub(crate) active: usize,
    pub(crate) wants_flush: bool,
    /// Chance that lets guards fail, and chance that gives code up.
    pub(crate) failures: Option<Chance>,
    pub(crate) flushes: Option<Chance>,
    pub stats: Stats,
    /// Recordings are kept, for benchmarks.
    pub(crate) samples: Option<Vec<(Recording, End)>>,
    pub(crate) tools: Tools,
    /// Traces count what they do and keep their instructions in words, for `--dump-traces`.
    pub observes: bool,
}

static JIT: Global<Option<Jit>> = Global::new(None);
static ATTEMPTS: Global<Option<HashMap<usize, u16>>> = Global::new(None);

static HOOKS: Hooks = Hooks {
    hot: executor::hot,
    enter: executor::enter,
    hot_entry: executor::hot_entry,
    enter_entry: executor::enter_entry,
    pending: flush::pending,
};

/// # Safety
/// The JIT has been started, and no other reference to it is in use.
pub unsafe fn get() -> &'static mut Jit {
    // SAFETY: by contract.
    unsafe { JIT.get().as_mut().expect("the JIT is on") }
}

/// The JIT, if it has been started.
///
/// # Safety
/// No other reference to it is in use.
pub unsafe fn peek() -> Option<&'static mut Jit> {
    // SAFETY: by contract.
    unsafe { JIT.get().as_mut() }
}

/// How often recordings that began at a back edge, or at a function, have failed.
///
/// # Safety
/// No other reference to the table is in use.
pub(crate) unsafe fn attempts() -> &'static mut HashMap<usize, u16> {
    // SAFETY: by contract.
    unsafe { ATTEMPTS.get().get_or_insert_default() }
}

pub(crate) fn threshold() -> u16 {
    jit::threshold()
}

pub(crate) fn entry_threshold() -> u16 {
    jit::entry_threshold()
}

impl Jit {
    /// How often an exit of the executor has to be taken before a trace is made for it.
    pub(crate) fn patience(&self, executor: usize) -> u32 {
        let size = self.executors[self.executors[executor].root].tree_size;
        self.options.exit_threshold as u32 * (1 + size / PATIENT_SIZE) as u32
    }

    /// Whether the first of the traces that the executor belongs to begins at a function.
    pub(crate) fn is_of_function(&self, executor: usize) -> bool {
        matches!(self.executors[self.executors[executor].root].origin, Origin::Entry { .. })
    }

    /// The trace that begins where the exit leads, if nothing is known there that it could not use. A trace that was left at
    /// its beginning has made no way.
    pub(crate) fn place_of(&self, exit: &Exit, frame: *const Frame) -> Option<usize> {
        if self.executors[exit.executor].start == exit.ip {
            return None;
        }
        let depth = places::depth_of_fresh(exit.state.as_ref()?)?;
        // SAFETY: the exit's only frame, which is running.
        let globals = unsafe { (*frame).globals };
        self.places.find(&self.executors, exit.ip, depth, globals)
    }

    /// The time, where it is asked for: when somebody is going to look at the counters.
    pub(crate) fn now(&self) -> Duration {
        if self.observes { clock::thread_time() } else { Duration::ZERO }
    }

    /// Whether a recording may begin; one that nobody goes on with is dropped after a while.
    pub(crate) fn may_record(&mut self, _thread: *const Thread) -> bool {
        if self.stats.traces >= self.options.traces {
            return false;
        }
        if self.recording.is_none() {
            return true;
        }
        self.refused += 1;
        if self.refused > 20 {
            self.refused = 0;
            self.recording = None;
            return true;
        }
        false
    }
}

impl Jit {
    /// Starts recording at `start` in `frame`; false if something is recorded already, or somebody watches the frame.
    ///
    /// # Safety
    /// `frame` is running.
    pub(crate) unsafe fn begin(
        &mut self,
        thread: *const Thread,
        origin: Origin,
        frame: *mut Frame,
        start: *mut u16,
    ) -> bool {
        // SAFETY: by contract.
        if !self.may_record(thread) || unsafe { frame::is_watched(frame) } {
            return false;
        }
        self.recording = Some(Recording::new(thread, origin, frame, start));
        true
    }
}

/// Turns the JIT on; the message says why it can't be. What it does is counted and timed if it `observes`.
pub fn start(options: Options, observes: bool) -> Result<(), String> {
    let memory = CodeMemory::new(options.memory).map_err(|e| format!("no memory for machine code: {e}"))?;
    let addresses = Addresses {
        leave: thunks::leave as *const () as usize,
        dealloc: thunks::dealloc as *const () as usize,
        push_frames: helpers::push_frames as *const () as usize,
        true_word: true_value().0,
        false_word: false_value().0,
    };
    let (threshold, entry_threshold) = (options.threshold, options.entry_threshold);
    let state = Jit {
        tools: Tools::new(options.tools),
        samples: None,
        active: 0,
        wants_flush: false,
        failures: options.fail.map(Chance::new),
        flushes: options.flush.map(Chance::new),
        options,
        memory,
        addresses,
        executors: Vec::new(),
        places: Places::default(),
        recording: None,
        refused: 0,
        resume: Resume::Left(pyrs_runtime::value::Value::NULL),
        stats: Stats::default(),
        observes,
    };
    if observes {
        clock::start();
        if observe::is_off() {
            observe::set_mode(observe::Mode::Tally);
        }
    }
    // SAFETY: called at the start, by the only thread.
    unsafe { *JIT.get() = Some(state) };
    memory::prepare_for_forks();
    jit::install(Some(&HOOKS), threshold, entry_threshold);
    Ok(())
}

/// Whether new code is compiled.
pub fn is_enabled() -> bool {
    jit::is_installed()
}

/// Whether the caller runs in compiled code.
pub fn is_active() -> bool {
    jit::is_active()
}

/// Ends compiling, takes compiled loops out of the bytecode and gives up what they hold.
pub fn shutdown() {
    jit::install(None, 0, 0);
    // SAFETY: nothing is compiled any more, and compiled code is not running: the program has ended.
    unsafe {
        let Some(state) = peek() else { return };
        state.recording = None;
        let mut objects = Vec::new();
        for executor in &mut state.executors {
            executor.unlink();
            objects.append(&mut executor.objects);
        }
        drop(objects);
    }
}
