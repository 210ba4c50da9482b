//! Chains of generators, each of which delegates to the next one.
//!
//! A value that the innermost generator yields goes up through all of them, and the next resumption goes all the way down
//! again. With recursive generators that would be the depth of the recursion for each value. So a chain stays linked while it
//! is suspended: the outermost generator, its *root*, knows the innermost one, its *leaf*, and is resumed there at once.
//!
//! In a suspended chain all frames but the root's keep their `previous`, all entries for handled exceptions but the root's
//! theirs, and frames that delegate stand at their SEND, as they do while the chain runs. Their generators' own state is
//! "delegating" then too; [`Core::state`] says what it amounts to. Whoever looks at a suspended generator of a chain from
//! outside *dissolves* the chain: then each generator is by itself, as if the value had passed through it.

use std::sync::atomic::Ordering;

use pyrs_bytecode::Opcode;
use pyrs_runtime::thread::{EVAL_BREAKER, Thread, breaker};
use pyrs_runtime::value::Value;

use crate::frame::Frame;
use crate::generator::{Core, State, core_of_frame};

/// Code units of SEND with its cache: where a frame that delegates goes on with a value.
const SEND_UNITS: usize = 2;

/// Code units from a SEND to where a frame is suspended: behind the YIELD_VALUE.
const SUSPENDED_UNITS: usize = SEND_UNITS + 1;

/// Whether a value that comes to the frame goes further up at once.
///
/// # Safety
/// `frame` is live and stands at the instruction that has resumed another frame.
#[inline(always)]
pub unsafe fn delegates(frame: *mut Frame) -> bool {
    // SAFETY: by contract; an instruction follows.
    unsafe {
        let ip = (*frame).ip;
        *ip as u8 == Opcode::SendGen as u8 && *ip.add(SEND_UNITS) as u8 == Opcode::YieldValue as u8
    }
}

/// The frame of the generator that `core` belongs to, or of the leaf of its chain, if it can be entered without a native call.
#[cold]
#[inline(never)]
pub fn resumable(thread: &Thread, core: &Core) -> Option<*mut Frame> {
    if let Some(leaf) = leaf_to_resume(thread, core) {
        return Some(leaf.frame.get());
    }
    matches!(core.state(), State::Suspended | State::Delegating).then(|| core.frame.get())
}

/// The leaf of the suspended chain whose root is `core`. Where each generator has to be resumed by itself, for tools that
/// watch or because the recursion comes near its limit, the chain is dissolved.
pub fn leaf_to_resume<'a>(thread: &Thread, core: &'a Core) -> Option<&'a Core> {
    // SAFETY: the generators of a suspended chain keep each other alive.
    let leaf = unsafe { core.leaf.get().as_ref() }?;
    let watched = EVAL_BREAKER.load(Ordering::Relaxed) & breaker::MONITORING != 0;
    if watched || thread.recursion_remaining.get() <= leaf.level.get() {
        dissolve(core);
        return None;
    }
    Some(leaf)
}

/// Puts a suspended chain on top of the running frame, with the value that its leaf waits for. One level of the recursion has
/// been counted.
///
/// # Safety
/// `leaf` comes from [`leaf_to_resume`] of `root`, which outlives the resumption; the value's reference moves.
pub unsafe fn link(thread: &Thread, root: &Core, leaf: &Core, value: Value) {
    let (root_frame, leaf_frame) = (root.frame.get(), leaf.frame.get());
    // SAFETY: suspended frames are live, and the leaf's has room for the value.
    unsafe {
        (*root_frame).previous = thread.frame.get() as *mut Frame;
        *(*leaf_frame).sp = value;
        (*leaf_frame).sp = (*leaf_frame).sp.add(1);
    }
    root.leaf.set(std::ptr::null());
    root.state.set(State::Running);
    leaf.state.set(State::Running);
    thread.frame.set(leaf_frame as *mut u8);
    root.exc_info.previous.set(thread.exc_info.get());
    thread.exc_info.set((&raw const leaf.exc_info).cast_mut());
    thread.recursion_remaining.set(thread.recursion_remaining.get() - leaf.level.get());
}

/// The frame has yielded to one that delegates to it: suspends the chain that they belong to. The root's frame; what has
/// resumed it is on top now.
///
/// # Safety
/// `frame` is the top frame, belongs to a generator, and was not entered from native code; its `ip` and `sp` are those of a
/// suspended frame. [`delegates`] is true of the frame that resumed it.
#[inline(never)]
pub unsafe fn pass_up(thread: &Thread, frame: *mut Frame, oparg: u32) -> *mut Frame {
    // SAFETY: by contract: frames on the way up belong to running generators.
    unsafe {
        let mut top = frame;
        let mut levels = 0;
        let mut joined: Option<&Core> = None;
        while !(*top).is_entry && delegates((*top).previous) {
            top = (*top).previous;
            levels += 1;
            let core = core_of_frame(top);
            if let Some(root) = core.root.get().as_ref()
                && !passes_on(root.frame.get())
            {
                joined = Some(core);
                levels += core.level.get();
                break;
            }
        }
        let root = joined.map_or_else(|| core_of_frame(top), |core| &*core.root.get());
        let mut at = frame;
        for level in (0..=levels).rev() {
            let core = core_of_frame(at);
            core.state.set(State::Delegating);
            if joined.is_some_and(|joined| std::ptr::eq(joined, core)) {
                break;
            }
            core.root.set(root);
            core.level.set(level);
            at = (*at).previous;
        }
        let leaf = core_of_frame(frame);
        leaf.state.set(if oparg != 0 { State::Delegating } else { State::Suspended });
        suspend(thread, root, leaf);
        root.frame.get()
    }
}

/// A value that comes to the running frame of a chain's root goes further up.
unsafe fn passes_on(frame: *mut Frame) -> bool {
    // SAFETY: a running frame that was not entered from native code stands on the one that has resumed it.
    unsafe { !(*frame).is_entry && delegates((*frame).previous) }
}

/// The whole chain is no longer on top.
unsafe fn suspend(thread: &Thread, root: &Core, leaf: &Core) {
    let frame = root.frame.get();
    root.state.set(State::Delegating);
    root.leaf.set(leaf);
    // SAFETY: a running generator's frame is live.
    unsafe { thread.frame.set(std::mem::replace(&mut (*frame).previous, std::ptr::null_mut()) as *mut u8) };
    thread.exc_info.set(root.exc_info.previous.replace(std::ptr::null_mut()));
    thread.recursion_remaining.set(thread.recursion_remaining.get() + leaf.level.get() + 1);
}

/// The state of a generator that belongs to a chain.
#[cold]
#[inline(never)]
pub fn state_in_chain(core: &Core) -> State {
    // SAFETY: a chain's root outlives it: it runs, or the generators keep each other alive.
    let root = unsafe { &*core.root.get() };
    if root.state.get() == State::Running {
        return State::Running;
    }
    dissolve(root);
    core.state.get()
}

/// Makes the generators of a suspended chain independent of each other.
#[cold]
#[inline(never)]
pub fn dissolve(root: &Core) {
    let mut core: *const Core = root.leaf.replace(std::ptr::null());
    // SAFETY: from the leaf up to the root, suspended frames are linked, and those that delegate stand at their SEND.
    unsafe {
        while !std::ptr::eq(core, root) {
            let frame = (*core).frame.get();
            let delegator = std::mem::replace(&mut (*frame).previous, std::ptr::null_mut());
            (*delegator).ip = (*delegator).ip.add(SUSPENDED_UNITS);
            (*core).exc_info.previous.set(std::ptr::null_mut());
            (*core).root.set(std::ptr::null());
            core = core_of_frame(delegator);
        }
    }
    root.root.set(std::ptr::null());
}

/// The generator whose frame runs leaves its chain by a plain suspension: those above it wait each by itself.
///
/// # Safety
/// `frame` is the top frame, and its generator belongs to a chain.
#[cold]
#[inline(never)]
pub unsafe fn dissolve_running(frame: *mut Frame) {
    // SAFETY: the frames of a running chain are linked.
    unsafe {
        let mut at = frame;
        let root = core_of_frame(frame).root.get();
        loop {
            let core = core_of_frame(at);
            core.root.set(std::ptr::null());
            core.state.set(State::Running);
            if std::ptr::eq(core, root) {
                break;
            }
            at = (*at).previous;
        }
    }
}

/// A generator of a running chain has finished: the one that delegated to it goes on.
///
/// # Safety
/// `frame` is its frame, which is still linked.
#[inline(never)]
pub unsafe fn finished(core: &Core, frame: *mut Frame) {
    let root = core.root.replace(std::ptr::null());
    if !std::ptr::eq(core, root) {
        // SAFETY: all but the root stand on a generator's frame.
        unsafe { core_of_frame((*frame).previous).state.set(State::Running) };
    }
}
