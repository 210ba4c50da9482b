//! What the interpreter knows of the JIT: handlers, called when a loop or a function is hot and when a compiled one
//! begins.
//!
//! The compiler of traces is a layer above this crate; it registers itself with [`install`]. Without it, back edges and
//! the beginnings of functions take the form that counts nothing.

use std::sync::atomic::{AtomicPtr, AtomicU16, Ordering};

use pyrs_bytecode::{Opcode, co_flags, resume};
use pyrs_macros::handler;
use pyrs_runtime::object::Obj;
use pyrs_runtime::objects::singletons::none_value;
use pyrs_runtime::thread::{EVAL_BREAKER, Thread, breaker};
use pyrs_runtime::value::Value;

pub use crate::handlers::attributes::found_by_super;
pub use crate::handlers::calls::python_call_method;
pub use crate::specialize::{cache_at, read_u32, rewrite_if};

use crate::dispatch::{Handler, Regs};
use crate::frame::Frame;
use crate::generator::Generator;
use crate::handlers::{generators, jumps, misc};

/// The handlers that the JIT gives.
pub struct Hooks {
    /// At a JUMP_BACKWARD_JIT whose counter has run out.
    pub hot: Handler,
    /// At an ENTER_EXECUTOR.
    pub enter: Handler,
    /// At a RESUME_CHECK_JIT whose counter has run out.
    pub hot_entry: Handler,
    /// At an ENTER_FUNCTION.
    pub enter_entry: Handler,
    /// At a check of the eval breaker that the JIT has asked for.
    pub pending: fn(),
}

static HOOKS: AtomicPtr<Hooks> = AtomicPtr::new(std::ptr::null_mut());
static THRESHOLD: AtomicU16 = AtomicU16::new(0);
static ENTRY_THRESHOLD: AtomicU16 = AtomicU16::new(0);

/// Turns the JIT on, or off with None, for back edges and functions that are specialized from now on. A loop is hot
/// after `threshold` iterations, a function after `entry_threshold` calls.
pub fn install(hooks: Option<&'static Hooks>, threshold: u16, entry_threshold: u16) {
    HOOKS.store(hooks.map_or(std::ptr::null_mut(), |h| (&raw const *h).cast_mut()), Ordering::Relaxed);
    THRESHOLD.store(threshold.saturating_sub(1), Ordering::Relaxed);
    ENTRY_THRESHOLD.store(entry_threshold.saturating_sub(1), Ordering::Relaxed);
}

pub fn is_installed() -> bool {
    !HOOKS.load(Ordering::Relaxed).is_null()
}

/// The count that a back edge begins with.
pub fn threshold() -> u16 {
    THRESHOLD.load(Ordering::Relaxed)
}

/// The count that a function begins with.
pub fn entry_threshold() -> u16 {
    ENTRY_THRESHOLD.load(Ordering::Relaxed)
}

/// The frame whose instruction compiled code has left to the interpreter.
static ACTIVE: AtomicPtr<Frame> = AtomicPtr::new(std::ptr::null_mut());

/// Remembers the frame that compiled code is running, and gives back the one before.
pub fn set_active(frame: *mut Frame) -> *mut Frame {
    // Not one exchange: that would lock the bus, and only the GIL's holder comes here.
    let outer = ACTIVE.load(Ordering::Relaxed);
    ACTIVE.store(frame, Ordering::Relaxed);
    outer
}

/// Whether the innermost Python frame of the calling thread is executing compiled code.
pub fn is_active() -> bool {
    let frame = ACTIVE.load(Ordering::Relaxed);
    !frame.is_null() && std::ptr::eq(pyrs_runtime::thread::current().frame.get(), frame as *const u8)
}

/// What goes on at a JUMP_BACKWARD_JIT whose counter has run out. Some are left when the JIT has been turned off.
#[inline(always)]
pub(crate) fn hot() -> Handler {
    hooks().map_or(jumps::jump_backward_no_jit, |h| h.hot)
}

/// As [`hot`], at a RESUME_CHECK_JIT.
#[inline(always)]
pub(crate) fn hot_entry() -> Handler {
    hooks().map_or(misc::resume_check, |h| h.hot_entry)
}

/// # Safety
/// The hooks are installed: only then is there an opcode that asks for them.
#[inline(always)]
pub(crate) unsafe fn enter() -> Handler {
    // SAFETY: by contract.
    unsafe { hooks().unwrap_unchecked().enter }
}

/// # Safety
/// As [`enter`].
#[inline(always)]
pub(crate) unsafe fn enter_entry() -> Handler {
    // SAFETY: by contract.
    unsafe { hooks().unwrap_unchecked().enter_entry }
}

#[inline(always)]
fn hooks() -> Option<&'static Hooks> {
    // SAFETY: hooks are never freed.
    unsafe { HOOKS.load(Ordering::Relaxed).as_ref() }
}

/// Does what the JIT has put off until Python code may run.
pub(crate) fn pending() {
    if let Some(hooks) = hooks() {
        (hooks.pending)();
    }
}

/// Some tool of `sys.monitoring` wants to hear of events: compiled code does not tell of them.
pub fn is_monitored() -> bool {
    EVAL_BREAKER.load(Ordering::Relaxed) & breaker::MONITORING != 0
}

/// FOR_ITER_GEN: puts the generator on top of the operand stack above the running frame, with None brought to it. Its
/// frame, where it goes on, and the top of its operand stack; None if that takes the interpreter.
///
/// # Safety
/// `frame` is running, `ip` is at its FOR_ITER and `sp` is the top of its operand stack.
pub unsafe fn resume_for_iter(
    thread: &Thread,
    frame: *mut Frame,
    ip: *mut u16,
    sp: *mut Value,
    exhausted: u16,
) -> Option<(*mut Frame, *mut u16, *mut Value)> {
    // SAFETY: by contract: a live word; handlers do the same.
    unsafe {
        let generator = (*(sp.sub(1) as *const Obj)).exact::<Generator>()?;
        let resumed = generators::resumable_in(thread, &generator.core)?;
        (*frame).ip = ip;
        (*frame).sp = sp;
        (*frame).return_offset = exhausted;
        generators::link_in(thread, &generator.core, resumed, none_value());
        let (ip, sp) = generators::resume_point_with_none(resumed);
        Some((resumed, ip, sp))
    }
}

/// SEND_GEN: as [`resume_for_iter`], with the value on top of the operand stack, which moves up to the receiver's.
///
/// # Safety
/// As [`resume_for_iter`], at a SEND.
pub unsafe fn resume_for_send(
    thread: &Thread,
    frame: *mut Frame,
    ip: *mut u16,
    sp: *mut Value,
    behind: u16,
) -> Option<(*mut Frame, *mut u16, *mut Value)> {
    // SAFETY: by contract: live words; the handler does the same.
    unsafe {
        let core = generators::receiver(&*(sp.sub(2) as *const Obj))?;
        let resumed = generators::resumable_in(thread, core)?;
        let v = *sp.sub(1);
        if core.is_fresh() && v != none_value() {
            return None;
        }
        (*frame).ip = ip;
        (*frame).sp = sp.sub(1);
        (*frame).return_offset = behind;
        generators::link_in(thread, core, resumed, v);
        Some((resumed, generators::resume_point(resumed), (*resumed).sp))
    }
}

/// Code units of a loop for which the threshold stands as it is. What is shorter goes round faster, and a trace of it costs
/// nearly as much: it has to run for as long, not as often, before it is worth compiling.
const USUAL_LOOP: usize = 100;

/// How often the shortest loops go round for one time of a usual one.
const MOST_ROUNDS: usize = 6;

/// Gives a back edge its form.
#[cold]
#[handler]
pub(crate) unsafe fn specialize_back_edge(m: Regs) -> Value {
    let (opcode, count) =
        if is_installed() { (Opcode::JumpBackwardJit, rounds(m.oparg)) } else { (Opcode::JumpBackwardNoJit, 0) };
    *m.ip = (*m.ip & 0xff00) | opcode as u16;
    *m.ip.add(1) = count;
    m.dispatch(opcode as u8)
}

/// The count that the back edge of a loop of so many code units begins with.
fn rounds(units: usize) -> u16 {
    threshold().saturating_mul((USUAL_LOOP / units.max(1)).clamp(1, MOST_ROUNDS) as u16)
}

/// Gives the beginning of a function, or a place where a generator goes on, its form.
#[cold]
#[handler]
pub(crate) unsafe fn specialize_entry(m: Regs) -> Value {
    let code = &*(*m.frame).code;
    let is_beginning = m.oparg as u32 & resume::LOCATION_MASK == resume::AT_FUNC_START;
    let is_generator = code.flags & (co_flags::GENERATOR | co_flags::COROUTINE | co_flags::ASYNC_GENERATOR) != 0;
    if is_installed() && is_beginning && !is_generator {
        code.entry.set(entry_threshold().into());
        rewrite_if(m.ip, Opcode::Resume, Opcode::ResumeCheckJit);
    } else {
        rewrite_if(m.ip, Opcode::Resume, Opcode::ResumeCheck);
    }
    m.tail(misc::resume_check)
}
