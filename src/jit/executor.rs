//! Compiled traces: how they are made, entered, left and linked.

use std::cell::OnceCell;
use std::time::Duration;

use pyrs_bytecode::Opcode;
use pyrs_interp::dispatch::{self, Regs};
use pyrs_interp::frame::{self, Frame};
use pyrs_interp::jit::rewrite_if;
use pyrs_macros::handler;
use pyrs_runtime::object::{Obj, Object};
use pyrs_runtime::objects::code::Code;
use pyrs_runtime::objects::dict::Dict;
use pyrs_runtime::value::Value;

use crate::assemble::{self, Inst, Link, Source, Stub};
use crate::clock::{self, Tier};
use crate::count::{Counters, Instruction, instructions};
use crate::helpers::{self, Resume};
use crate::lower::{self, InterpretPlan, Lowered, Snapshot, State, Way};
use crate::record::{self, End, Origin, Record, Recording};
use crate::state::{self, Jit};
use crate::stats::Abort;
use crate::{stress, thunks};

/// A compiled trace.
pub struct Executor {
    pub origin: Origin,
    pub end: End,
    /// The code object it begins in, where it begins.
    pub code: *const Object<Code>,
    pub start: *mut u16,
    /// The globals of the frame it begins in: the same code may be run with others.
    pub globals: *const Object<Dict>,
    /// The trace of the loop that this one is a side trace of, or a side trace's; itself for a loop.
    pub root: usize,
    /// Micro-ops of all the traces that have this one for their root.
    pub tree_size: usize,
    /// How many traces before this one began at the same place because the one before left at once.
    pub chain: u16,
    pub entry: usize,
    pub length: usize,
    pub hot: usize,
    /// The micro-ops, for dumps and tools.
    pub body: Vec<Inst>,
    pub top: usize,
    /// Instructions recorded, and how many of them are left to the interpreter.
    pub instructions: usize,
    pub interpreted: usize,
    pub exits: Box<[Exit]>,
    /// What the code refers to.
    pub interprets: Vec<Box<InterpretPlan>>,
    pub plans: Vec<Box<dyn std::any::Any>>,
    pub objects: Vec<Obj>,
    /// The recorded instructions, for dumps.
    pub listing: Vec<Instruction>,
    pub origins: Vec<u32>,
    pub counters: Option<Counters>,
    /// From the beginning of the recording until the code could run.
    pub latency: Duration,
}

/// A way out of a trace.
pub struct Exit {
    pub executor: usize,
    pub index: usize,
    /// The abstract machine after the stub has run; none if the interpreter's frames are real already.
    pub state: Option<State>,
    /// How the interpreter's frames are made from it, once somebody has come through here.
    snapshot: OnceCell<Box<Snapshot>>,
    pub ip: *mut u16,
    pub way: Way,
    /// The runtime has been asked, and has declined.
    pub asked: bool,
    pub count: u32,
    /// Recordings that have begun here.
    pub attempts: u16,
    /// Where the stub leaves.
    pub stub: usize,
    /// The trace that goes on here.
    pub side: Option<usize>,
    /// For exits that resume: where control went, and the traces that go on there.
    pub faces: Vec<Face>,
}

impl Exit {
    fn snapshot(&self) -> &Snapshot {
        self.snapshot.get_or_init(|| match &self.state {
            Some(state) => {
                let snapshot = lower::snapshot(state, self.ip);
                Box::new(snapshot.expect("no word is in a register behind an exit's stub"))
            }
            None => Box::default(),
        })
    }
}

impl Executor {
    /// Takes the way into the trace out of the bytecode, for good.
    ///
    /// # Safety
    /// Nothing is compiled any more.
    pub(crate) unsafe fn unlink(&self) {
        // SAFETY: executors keep their code alive.
        unsafe {
            match self.origin {
                Origin::Loop { back_edge } => {
                    rewrite_if(back_edge, Opcode::EnterExecutor, Opcode::JumpBackwardNoJit);
                }
                Origin::Entry { resume, .. } => {
                    rewrite_if(resume, Opcode::EnterFunction, Opcode::ResumeCheck);
                }
                Origin::Exit { .. } => {}
            }
        }
    }
}

/// A place that an interpreted instruction has led to instead of the recorded one.
pub struct Face {
    pub ip: *mut u16,
    /// Words on the operand stack there.
    depth: usize,
    count: u32,
    attempts: u16,
    pub side: Option<usize>,
}

/// Places that are told apart behind one interpreted instruction.
const MAX_FACES: usize = 16;

/// How often a recording may begin at one place before it is left alone.
const MAX_ATTEMPTS: u16 = 4;

/// Back edges have sixteen bits for an executor's number.
pub(crate) const MAX_EXECUTORS: usize = u16::MAX as usize;

/// Micro-ops of a tree of traces with which its exits have to be taken twice as often, then three times, … before one
/// more trace is made: what a trace costs is to be paid by the way it shortens, and in large trees there are many ways.
pub(crate) const PATIENT_SIZE: usize = 4096;

/// Traces that begin at one place, each because the one before did not fit.
const MAX_CHAIN: u16 = 4;

/// A loop's counter has run out.
#[handler]
pub unsafe fn hot(m: Regs) -> Value {
    let target = m.ip.add(2).sub(m.oparg);
    let table = if begin(m.thread, m.frame, m.ip, target) { &raw const record::RECORDING } else { m.table };
    Regs { table, ..m }.goto(target)
}

/// A function's counter has run out.
#[handler]
pub unsafe fn hot_entry(m: Regs) -> Value {
    if begin_function(m.thread, m.frame, m.ip) {
        return Regs { table: &raw const record::RECORDING, ..m }.goto(m.ip);
    }
    m.next(1)
}

/// Starts recording a function, if nothing is recorded yet.
#[inline(never)]
unsafe fn begin_function(thread: *const pyrs_runtime::thread::Thread, frame: *mut Frame, resume: *mut u16) -> bool {
    // SAFETY: the handlers' contract; no other reference to the state is in use.
    unsafe {
        let state = state::get();
        let code = (*frame).code;
        (&*code).entry.set(state.options.entry_threshold.into());
        state.begin(thread, Origin::Entry { code, resume }, frame, resume)
    }
}

/// At an ENTER_FUNCTION: goes on in the compiled function.
#[handler]
pub unsafe fn enter_entry(m: Regs) -> Value {
    let entry = entry_of(m.thread, m.frame, (&*(*m.frame).code).entry.get() as usize);
    if entry == 0 {
        return m.next(1);
    }
    go_into(m, entry)
}

/// Starts recording a loop, if nothing is recorded yet.
unsafe fn begin(
    thread: *const pyrs_runtime::thread::Thread,
    frame: *mut Frame,
    back_edge: *mut u16,
    target: *mut u16,
) -> bool {
    // SAFETY: the handlers' contract; no other reference to the state is in use.
    unsafe {
        let state = state::get();
        *back_edge.add(1) = state.options.threshold;
        state.begin(thread, Origin::Loop { back_edge }, frame, target)
    }
}

/// Goes on in compiled code, for which [`entry_of`] has prepared the data stack.
#[inline(always)]
unsafe fn go_into(m: Regs, entry: usize) -> Value {
    // SAFETY: the handlers' contract; the thunk takes a handler's arguments.
    unsafe {
        let top = (*m.thread).jit_top.get();
        let thunk: dispatch::Handler = std::mem::transmute(thunks::enter as *const ());
        Regs { sp: top, oparg: entry, ..m }.tail(thunk)
    }
}

/// At an ENTER_EXECUTOR: goes on in the compiled loop.
#[handler]
pub unsafe fn enter(m: Regs) -> Value {
    let entry = entry_of(m.thread, m.frame, *m.ip.add(1) as usize);
    if entry == 0 {
        return m.goto(m.ip.add(2).sub(m.oparg));
    }
    go_into(m, entry)
}

/// The code of an executor, with the data stack prepared; 0 if the interpreter has to run the loop.
#[inline(never)]
unsafe fn entry_of(thread: *const pyrs_runtime::thread::Thread, frame: *mut Frame, index: usize) -> usize {
    // SAFETY: the handlers' contract.
    unsafe {
        let thread = &*thread;
        let state = state::get();
        let Some(executor) = state.executors.get(index) else { return 0 };
        debug_assert!(std::ptr::eq((*frame).code, executor.code), "the trace is of other code");
        let crowded = thread.recursion_remaining.get() < helpers::RECURSION_MARGIN;
        let watched = frame::is_watched(frame) || pyrs_interp::jit::is_monitored();
        if crowded || watched || (*frame).globals != executor.globals || !helpers::reserve(thread) {
            return 0;
        }
        let entry = executor.entry;
        if state.flushes.as_mut().is_some_and(|chance| chance.once_in(16)) {
            state.request_flush();
            return 0;
        }
        state.enters();
        clock::switch(Tier::Compiled);
        entry
    }
}

/// A trace has been left: `oparg` is the exit, `sp` the stencils' `top`.
#[handler]
pub unsafe fn left(m: Regs) -> Value {
    let exit = m.oparg as *mut Exit;
    clock::switch(Tier::Interpreter);
    state::get().leaves();
    if (*exit).way == Way::Interpret {
        return match state::get().resume {
            Resume::At { frame, ip, sp } => Regs { frame, ip, sp, oparg: exit as usize, ..m }.tail(faced),
            Resume::Left(v) => v,
        };
    }
    let frame = helpers::materialize(&*m.thread, m.frame, m.sp, (*exit).snapshot());
    debug_assert!(helpers::is_in((*exit).ip, frame), "exit {} of trace {}", (*exit).index, (*exit).executor);
    if (*exit).way == Way::Box {
        return Regs { frame, ip: (*exit).ip, sp: (*frame).sp, oparg: exit as usize, ..m }.tail(faced);
    }
    let recording = count(m.thread, m.frame, m.sp, exit);
    let table = if recording { &raw const record::RECORDING } else { dispatch::entry_table() };
    Regs { frame, sp: (*frame).sp, table, ..m }.goto((*exit).ip)
}

/// Goes on at `ip`, with everything in the interpreter's form; `oparg` is the exit.
#[handler]
unsafe fn faced(m: Regs) -> Value {
    let table = match face(m.thread, m.frame, m.ip, m.sp, m.oparg as *mut Exit) {
        Ahead::Interpret => dispatch::entry_table(),
        Ahead::Record => &raw const record::RECORDING,
        Ahead::Enter(entry) => return go_into(m, entry),
    };
    Regs { table, ..m }.goto(m.ip)
}

/// What to do where an interpreted instruction has led.
enum Ahead {
    Interpret,
    Record,
    /// Compiled code goes on, at this address.
    Enter(usize),
}

/// Finds the trace for the place that an interpreted instruction has led to, or counts the place.
#[inline(never)]
unsafe fn face(
    thread: *const pyrs_runtime::thread::Thread,
    frame: *mut Frame,
    ip: *mut u16,
    sp: *mut Value,
    exit: *mut Exit,
) -> Ahead {
    // SAFETY: exits live as long as their executors; no other reference is in use.
    unsafe {
        let exit = &mut *exit;
        exit.count = exit.count.wrapping_add(1);
        // Compiled loops are entered by their own instruction.
        if *ip as u8 == Opcode::EnterExecutor as u8 {
            return Ahead::Interpret;
        }
        let depth = sp.offset_from(Frame::stack_base(frame)) as usize;
        let Some(face) = exit.faces.iter_mut().find(|f| f.ip == ip && f.depth == depth) else {
            if exit.faces.len() < MAX_FACES {
                let state = state::get();
                let side = state.places.find(&state.executors, ip, depth, (*frame).globals);
                exit.faces.push(Face { ip, depth, count: 1, attempts: 0, side });
            }
            return Ahead::Interpret;
        };
        face.count = face.count.wrapping_add(1);
        if let Some(side) = face.side {
            return match entry_of(thread, frame, side) {
                0 => Ahead::Interpret,
                entry => Ahead::Enter(entry),
            };
        }
        let state = state::get();
        let due = face.count.is_multiple_of(state.patience(exit.executor));
        if due {
            face.side = state.places.find(&state.executors, ip, depth, (*frame).globals);
        }
        let watched = frame::is_watched(frame);
        if face.side.is_some() || face.attempts >= MAX_ATTEMPTS || !due || watched || !state.may_record(thread) {
            return Ahead::Interpret;
        }
        face.attempts += 1;
        let origin = Origin::Exit { executor: exit.executor, exit: exit.index };
        let mut recording = Recording::new(thread, origin, frame, ip);
        recording.of_function = state.is_of_function(exit.executor);
        state.recording = Some(recording);
        Ahead::Record
    }
}

/// Counts an exit; true if a recording has begun there.
#[inline(never)]
unsafe fn count(
    thread: *const pyrs_runtime::thread::Thread,
    frame: *mut Frame,
    top: *mut Value,
    exit: *mut Exit,
) -> bool {
    // SAFETY: exits live as long as their executors; no other reference is in use.
    unsafe {
        let exit = &mut *exit;
        exit.count = exit.count.wrapping_add(1);
        let state = state::get();
        if exit.side.is_some()
            || exit.attempts >= MAX_ATTEMPTS
            || !exit.count.is_multiple_of(state.patience(exit.executor))
            || !state.may_record(thread)
        {
            return false;
        }
        // A place where every trace leaves at once has too many faces to compile them all.
        let parent = &state.executors[exit.executor];
        if exit.ip == parent.start && parent.chain >= MAX_CHAIN {
            exit.attempts = MAX_ATTEMPTS;
            return false;
        }
        if let Some(side) = state.place_of(exit, frame) {
            exit.side = Some(side);
            state.memory.rewrite(exit.stub, &jump_to(exit.stub, state.executors[side].entry));
            return false;
        }
        exit.attempts += 1;
        let Some(mut begin) = exit.state.clone() else { return false };
        // The interpreter's frames are where the abstract machine has its own.
        for (i, f) in begin.frames.iter_mut().enumerate() {
            let head = (top as *mut u8).wrapping_add(f.head as usize) as *mut Frame;
            f.id = if i == 0 { frame } else { head };
        }
        let mut caller = (*frame).previous;
        for f in begin.below.iter_mut().rev() {
            f.id = caller;
            caller = (*caller).previous;
        }
        let root = begin.frames.last().expect("a frame").id;
        let origin = Origin::Exit { executor: exit.executor, exit: exit.index };
        let mut recording = Recording::new(thread, origin, root, exit.ip);
        recording.base = begin.below.first().unwrap_or(&begin.frames[0]).id;
        recording.of_function = state.is_of_function(exit.executor);
        recording.state = Some(begin);
        state.recording = Some(recording);
        true
    }
}

/// A recording has ended well: makes a trace of it.
///
/// # Safety
/// The recorded frames' code is alive.
pub unsafe fn finish(state: &mut Jit, recording: Recording, end: End) {
    // SAFETY: by contract.
    unsafe {
        if let Err(why) = compile(state, &recording, end) {
            if why == Abort::NoMemory && state.is_crowded() {
                *state.stats.aborts.entry(why).or_default() += 1;
                return state.request_flush();
            }
            abort(state, &recording, why);
        } else if let Some(samples) = &mut state.samples {
            samples.push((recording, end));
        }
    }
}

/// Makes a recording's failure known where it began.
///
/// # Safety
/// As [`finish`].
pub unsafe fn abort(state: &mut Jit, recording: &Recording, why: Abort) {
    *state.stats.aborts.entry(why).or_default() += 1;
    // SAFETY: by contract.
    unsafe { postpone(recording) }
}

/// A recording gives way to that of a loop inside. Its exit may try again: the loop will be compiled, or left alone.
///
/// # Safety
/// As [`finish`].
pub unsafe fn give_way(state: &mut Jit, recording: &Recording) {
    match recording.origin {
        // SAFETY: by contract.
        Origin::Loop { .. } | Origin::Entry { .. } => unsafe { postpone(recording) },
        Origin::Exit { executor, exit } => {
            let exit = &mut state.executors[executor].exits[exit];
            exit.attempts = exit.attempts.saturating_sub(1);
            for face in exit.faces.iter_mut().filter(|f| f.ip == recording.start) {
                face.attempts = face.attempts.saturating_sub(1);
            }
        }
    }
}

/// Lets a loop, or a function, wait longer before it is recorded again; for good after a few times.
///
/// # Safety
/// As [`finish`].
pub unsafe fn postpone(recording: &Recording) {
    use Opcode::*;
    let (at, counting, given_up) = match recording.origin {
        Origin::Loop { back_edge } => (back_edge, JumpBackwardJit, JumpBackwardNoJit),
        Origin::Entry { resume, .. } => (resume, ResumeCheckJit, ResumeCheck),
        Origin::Exit { .. } => return,
    };
    // SAFETY: by contract; no other reference to the table of attempts is in use.
    unsafe {
        if *at as u8 != counting as u8 {
            return;
        }
        let attempts = state::attempts().entry(at as usize).or_default();
        *attempts += 1;
        if *attempts >= MAX_ATTEMPTS {
            rewrite_if(at, counting, given_up);
            return;
        }
        match recording.origin {
            Origin::Entry { code, .. } => (&*code).entry.set(state::entry_threshold() as u32 * 4 * *attempts as u32),
            _ => *at.add(1) = state::threshold().saturating_mul(4 * *attempts),
        }
    }
}

unsafe fn compile(state: &mut Jit, recording: &Recording, end: End) -> Result<(), Abort> {
    let is_side = matches!(recording.origin, Origin::Exit { .. });
    if recording.records.len() < 2 && !matches!(end, End::Link(_)) {
        // Nothing would be gained.
        return Err(Abort::LeftFrame);
    }
    if state.executors.len() >= MAX_EXECUTORS {
        return Err(Abort::NoMemory);
    }
    let started = state.now();
    let mut lowered = lower_recording(state, recording, end)?;
    state.stats.lowering += state.now() - started;
    // What is mostly left to the interpreter is better off there: the way back and forth costs more than it gains.
    if lowered.interpreted * 2 > recording.records.len() {
        return Err(Abort::Interpreted);
    }
    if let Some(chance) = &state.failures {
        stress::add_failures(&mut lowered, &recording.records, chance);
    }
    #[cfg(debug_assertions)]
    if let Err(e) = crate::micro_ops::verify(&lowered) {
        panic!("a trace does not fit together: {e}");
    }
    let counters = state.observes.then(|| Counters::attach(&mut lowered, &recording.records));
    let started = state.now();
    let mut executor = place(state, recording, end, lowered)?;
    state.stats.placing += state.now() - started;
    executor.counters = counters;
    executor.latency = recording.began.elapsed();
    state.stats.latencies.push(executor.latency);
    let index = state.executors.len();
    if executor.root != index {
        state.executors[executor.root].tree_size += executor.tree_size;
    }
    // SAFETY: recorded code is alive; the exit belongs to an executor.
    unsafe { link(state, recording, &executor, index) };
    if !matches!(recording.origin, Origin::Loop { .. })
        && let Some(depth) = recording.fresh_depth()
    {
        state.places.add(recording.start, depth, index);
    }
    state.stats.traces += 1;
    state.stats.side_traces += is_side as usize;
    state.stats.micro_ops += executor.tree_size;
    state.stats.code_bytes += executor.length;
    state.stats.interpreted += executor.interpreted;
    for plan in &executor.interprets {
        *state.stats.interpreted_by.entry(plan.opcode.name()).or_default() += 1;
    }
    if state.options.log {
        eprint!("{}", crate::dump::trace_text(index, &executor));
    }
    state.tools.announce(index, &executor, &state.memory);
    state.executors.push(executor);
    Ok(())
}

/// Lowers a recording.
pub(crate) fn lower_recording(state: &Jit, recording: &Recording, end: End) -> Result<Lowered, Abort> {
    let first = recording.records.first().ok_or(Abort::Unsupported)?;
    let begin = match &recording.state {
        Some(begin) => begin.clone(),
        // SAFETY: recorded code is alive.
        None => State::fresh(recording.root, unsafe { &*first.code }, first.depth),
    };
    // Where a side trace begins because the runtime has declined, it is not asked again.
    let begins = match recording.origin {
        Origin::Loop { .. } => lower::Begin::Loop,
        Origin::Exit { executor, exit } if state.executors[executor].exits[exit].asked => lower::Begin::Declined,
        Origin::Exit { .. } | Origin::Entry { .. } => lower::Begin::Fresh,
    };
    lower::lower(&recording.records, end, begin, begins)
}

/// Copies the code to memory and fills its exits in.
fn place(state: &mut Jit, recording: &Recording, end: End, lowered: Lowered) -> Result<Executor, Abort> {
    let number = state.executors.len();
    // Exits stay where they are from now on: code refers to them.
    let mut exits: Vec<Exit> = Vec::with_capacity(lowered.exits.len());
    let mut stubs = Vec::with_capacity(lowered.exits.len());
    for (index, plan) in lowered.exits.into_iter().enumerate() {
        state.stats.stub_micro_ops += plan.stub.len() + 1;
        stubs.push(Stub { body: plan.stub, leave: exits.as_ptr().wrapping_add(index) as u64 });
        exits.push(Exit {
            executor: number,
            index,
            state: plan.state,
            snapshot: OnceCell::new(),
            ip: plan.ip,
            way: plan.way,
            asked: plan.asked,
            count: 0,
            attempts: 0,
            stub: 0,
            side: None,
            faces: Vec::new(),
        });
    }
    let link = match end {
        End::Closed | End::Again => Link::None,
        End::Link(executor) if lowered.links => Link::Address(state.executors[executor].entry),
        End::Link(_) | End::Stop => Link::Exit(exits.len() - 1),
    };
    let source = Source { body: &lowered.body, top: lowered.top, exits: &stubs, link };
    let started = state.now();
    let placed = assemble::assemble(&source, &state.addresses, &mut state.memory).map_err(|e| match e {
        assemble::Failure::NoMemory => Abort::NoMemory,
        assemble::Failure::OutOfReach => Abort::OutOfReach,
        assemble::Failure::NoStencil(_) => Abort::Unsupported,
    })?;
    state.stats.assembling += state.now() - started;
    let mut exits = exits.into_boxed_slice();
    for (exit, stub) in exits.iter_mut().zip(&placed.stubs) {
        exit.stub = *stub;
    }
    let first = &recording.records[0];
    let mut objects = lowered.objects;
    // SAFETY: recorded code is alive.
    objects.extend(codes(&recording.records).map(|code| unsafe { (&*code).to_obj() }));
    objects.sort_by_key(|o| o.value().0);
    objects.dedup_by_key(|o| o.value().0);
    let is_shown = state.observes || state.options.log || state.tools.any();
    Ok(Executor {
        origin: recording.origin,
        end,
        code: first.code,
        start: first.start,
        globals: first.globals,
        root: match recording.origin {
            Origin::Exit { executor, .. } => state.executors[executor].root,
            Origin::Loop { .. } | Origin::Entry { .. } => number,
        },
        tree_size: lowered.body.len(),
        chain: match recording.origin {
            Origin::Exit { executor, exit } => {
                let parent = &state.executors[executor];
                if parent.exits[exit].ip == parent.start { parent.chain + 1 } else { 0 }
            }
            Origin::Loop { .. } | Origin::Entry { .. } => 0,
        },
        entry: placed.entry,
        length: placed.length,
        hot: placed.hot,
        body: if is_shown { lowered.body } else { Vec::new() },
        top: lowered.top,
        instructions: recording.records.len() - 1,
        interpreted: lowered.interpreted,
        exits,
        interprets: lowered.interprets,
        plans: lowered.plans,
        objects,
        listing: if is_shown { instructions(&recording.records) } else { Vec::new() },
        origins: if is_shown { lowered.origins } else { Vec::new() },
        counters: None,
        latency: Duration::ZERO,
    })
}

/// The code objects of a recording, without those that the one before is of too.
fn codes(records: &[Record]) -> impl Iterator<Item = *const Object<Code>> {
    let mut last = std::ptr::null();
    records.iter().map(|r| r.code).filter(move |code| !std::ptr::eq(std::mem::replace(&mut last, *code), *code))
}

/// Makes the way into a new trace.
unsafe fn link(state: &mut Jit, recording: &Recording, executor: &Executor, index: usize) {
    match recording.origin {
        Origin::Loop { back_edge } => {
            // SAFETY: the back edge is in living code.
            unsafe {
                if rewrite_if(back_edge, Opcode::JumpBackwardJit, Opcode::EnterExecutor) {
                    *back_edge.add(1) = index as u16;
                }
            }
        }
        Origin::Entry { code, resume } => {
            // SAFETY: as above.
            unsafe {
                if rewrite_if(resume, Opcode::ResumeCheckJit, Opcode::EnterFunction) {
                    (&*code).entry.set(index as u32);
                }
            }
        }
        Origin::Exit { executor: from, exit } => {
            let exit = &mut state.executors[from].exits[exit];
            if exit.way != Way::Guard {
                if let Some(face) = exit.faces.iter_mut().find(|f| f.ip == recording.start) {
                    face.side = Some(index);
                }
                return;
            }
            exit.side = Some(index);
            let jump = jump_to(exit.stub, executor.entry);
            state.memory.rewrite(exit.stub, &jump);
        }
    }
}

/// The instruction that jumps from one place in code memory to another.
fn jump_to(from: usize, to: usize) -> Vec<u8> {
    #[cfg(target_arch = "x86_64")]
    {
        let delta = (to as i64 - from as i64 - 5) as i32;
        let mut code = vec![0xe9];
        code.extend(delta.to_le_bytes());
        code
    }
    #[cfg(target_arch = "aarch64")]
    {
        let delta = (to as i64 - from as i64) >> 2;
        (0x1400_0000u32 | (delta as u32 & 0x3ff_ffff)).to_le_bytes().to_vec()
    }
}
