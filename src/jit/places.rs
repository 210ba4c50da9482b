//! Places where traces begin with everything in memory and nothing known: the beginnings of functions, and where their
//! calls return to.
//!
//! A trace that begins at a function belongs to whoever calls it. So it does not go on into the caller whom the
//! recording has met: it ends where it arrives there, in a trace that all other ways to that place lead to as well.
//! Recursive functions consist of such parts, which jump into each other.

use std::collections::HashMap;

use pyrs_runtime::object::Object;
use pyrs_runtime::objects::dict::Dict;

use crate::executor::Executor;
use crate::lower::State;
use crate::record::Record;

/// By instruction and number of words on the operand stack: the trace that begins there.
#[derive(Default)]
pub struct Places(HashMap<(*mut u16, usize), usize>);

impl Places {
    /// The trace for a place in a frame with these globals.
    pub fn find(
        &self,
        executors: &[Executor],
        ip: *mut u16,
        depth: usize,
        globals: *const Object<Dict>,
    ) -> Option<usize> {
        let number = *self.0.get(&(ip, depth))?;
        (executors[number].globals == globals).then_some(number)
    }

    pub fn find_for(&self, executors: &[Executor], record: &Record) -> Option<usize> {
        self.find(executors, record.start, record.depth, record.globals)
    }

    /// Remembers the first trace of a place.
    pub fn add(&mut self, ip: *mut u16, depth: usize, number: usize) {
        self.0.entry((ip, depth)).or_insert(number);
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }
}

/// The words on the operand stack of a machine of which nothing is known; None for any other.
pub fn depth_of_fresh(state: &State) -> Option<usize> {
    let [frame] = &state.frames[..] else { return None };
    // SAFETY: the code of a frame is alive.
    let fresh = State::fresh(frame.id, unsafe { &*frame.code }, frame.stack.len());
    (*state == fresh).then_some(frame.stack.len())
}
