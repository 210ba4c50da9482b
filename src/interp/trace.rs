//! `sys.settrace` and `sys.setprofile`: two tools of `sys.monitoring` whose callbacks are functions of a thread.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use pyrs_runtime::call;
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::object::{Obj, Object};
use pyrs_runtime::objects::builtin_function::BuiltinFunction;
use pyrs_runtime::objects::builtin_function::MethodDescriptor;
use pyrs_runtime::objects::exceptions;
use pyrs_runtime::objects::singletons::none;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::thread::Thread;

use crate::frame::{self, Frame};
use crate::frame_object::FrameObject;
use crate::instrument;
use crate::monitoring::{event, tools};

pub const PROFILE_TOOL: usize = 6;
pub const TRACE_TOOL: usize = 7;

const TRACE_EVENTS: u32 = 1 << event::PY_START
    | 1 << event::PY_RESUME
    | 1 << event::PY_RETURN
    | 1 << event::PY_YIELD
    | 1 << event::RAISE
    | 1 << event::LINE
    | 1 << event::JUMP
    | 1 << event::PY_UNWIND
    | 1 << event::PY_THROW
    | 1 << event::STOP_ITERATION;

const PROFILE_EVENTS: u32 = 1 << event::PY_START
    | 1 << event::PY_RESUME
    | 1 << event::PY_RETURN
    | 1 << event::PY_YIELD
    | 1 << event::CALL
    | 1 << event::PY_UNWIND
    | 1 << event::PY_THROW;

/// How many threads have a trace function, and a profile function.
static TRACED: AtomicU32 = AtomicU32::new(0);
static PROFILED: AtomicU32 = AtomicU32::new(0);
/// Some frame has asked for `opcode` events.
static OPCODES: AtomicBool = AtomicBool::new(false);

/// `sys.settrace` for one thread.
pub fn set_trace(thread: &Thread, function: Option<Obj>) -> PyResult<()> {
    count(&TRACED, thread.trace_function.is_set(), function.is_some());
    let old = thread.trace_function.replace(function);
    drop(old);
    trace_events()
}

/// `sys.setprofile` for one thread.
pub fn set_profile(thread: &Thread, function: Option<Obj>) -> PyResult<()> {
    count(&PROFILED, thread.profile_function.is_set(), function.is_some());
    let old = thread.profile_function.replace(function);
    drop(old);
    let wanted = if PROFILED.load(Ordering::Relaxed) > 0 { PROFILE_EVENTS } else { 0 };
    tools().set_events(PROFILE_TOOL, wanted)
}

fn trace_events() -> PyResult<()> {
    let mut wanted = if TRACED.load(Ordering::Relaxed) > 0 { TRACE_EVENTS } else { 0 };
    if wanted != 0 && OPCODES.load(Ordering::Relaxed) {
        wanted |= 1 << event::INSTRUCTION;
    }
    tools().set_events(TRACE_TOOL, wanted)
}

fn count(counter: &AtomicU32, before: bool, after: bool) {
    match (before, after) {
        (false, true) => drop(counter.fetch_add(1, Ordering::Relaxed)),
        (true, false) => drop(counter.fetch_sub(1, Ordering::Relaxed)),
        _ => {}
    }
}

/// `frame.f_trace_opcodes = True`.
pub fn want_opcodes() -> PyResult<()> {
    OPCODES.store(true, Ordering::Relaxed);
    trace_events()
}

/// An event for one of the two tools.
pub fn fire(thread: &Thread, frame: *mut Frame, tool: usize, event: usize, rest: &[Obj]) -> PyResult<()> {
    // SAFETY: callers pass a live, complete frame.
    let object = unsafe { frame::object_of(frame) };
    if tool == PROFILE_TOOL { profile(thread, &object, event, rest) } else { trace(thread, &object, event, rest) }
}

fn trace(thread: &Thread, frame: &Object<FrameObject>, event: usize, rest: &[Obj]) -> PyResult<()> {
    let Some(function) = thread.trace_function.get() else { return Ok(()) };
    let local = frame.trace.get();
    let (what, arg) = match event {
        event::PY_START | event::PY_RESUME | event::PY_THROW => {
            return tell(thread, frame, function, event, "call", none());
        }
        event::PY_RETURN | event::PY_YIELD => ("return", rest[0].clone()),
        event::PY_UNWIND => ("return", none()),
        event::LINE if frame.trace_lines.get() => ("line", none()),
        event::INSTRUCTION if frame.trace_opcodes.get() => ("opcode", none()),
        event::JUMP if frame.trace_lines.get() && jumps_within_line(frame, &rest[0]) => ("line", none()),
        event::RAISE | event::STOP_ITERATION => {
            let exc = &rest[0];
            let traceback = exceptions::traceback(exc).unwrap_or_else(none);
            ("exception", Tuple::from_vec(vec![exc.class().to_obj(), exc.clone(), traceback]).into())
        }
        _ => return Ok(()),
    };
    match local {
        Some(local) => tell(thread, frame, local, event, what, arg),
        None => Ok(()),
    }
}

/// A backward jump to the line that it stands on: the line is run once more.
fn jumps_within_line(frame: &Object<FrameObject>, target: &Obj) -> bool {
    let frame = frame.body.frame.get();
    // SAFETY: events come from live frames.
    let frame = unsafe { &*frame };
    let Some(target) = pyrs_runtime::objects::int::to_i64(target) else { return false };
    let line = frame.line();
    target <= i64::from(frame.lasti()) && line.is_some() && frame.code().source.line_at(target as u32) == line
}

fn tell(
    thread: &Thread,
    frame: &Object<FrameObject>,
    function: Obj,
    event: usize,
    what: &str,
    arg: Obj,
) -> PyResult<()> {
    let args = [frame.to_obj(), Str::intern(what).into_obj(), arg];
    match instrument::quietly(event, || call::call(&function, &args)) {
        Ok(result) => {
            if !result.is_none() {
                frame.trace.put(result);
            }
            Ok(())
        }
        Err(raised) => {
            // A trace function that fails is not asked again.
            let exc = raised.take();
            let removed = set_trace(thread, None);
            frame.trace.set(None);
            removed?;
            thread.restore_exception(Some(exc));
            Err(pyrs_runtime::errors::Raised::pending())
        }
    }
}

fn profile(thread: &Thread, frame: &Object<FrameObject>, event: usize, rest: &[Obj]) -> PyResult<()> {
    let Some(function) = thread.profile_function.get() else { return Ok(()) };
    let (what, arg) = match event {
        event::PY_START | event::PY_RESUME | event::PY_THROW => ("call", none()),
        event::PY_RETURN | event::PY_YIELD => ("return", rest[0].clone()),
        event::PY_UNWIND => ("return", none()),
        event::CALL | event::C_RETURN | event::C_RAISE => {
            let Some(callable) = native_callable(&rest[0], &rest[1])? else { return Ok(()) };
            let what = match event {
                event::CALL => "c_call",
                event::C_RETURN => "c_return",
                _ => "c_exception",
            };
            (what, callable)
        }
        _ => return Ok(()),
    };
    let args = [frame.to_obj(), Str::intern(what).into_obj(), arg];
    match instrument::quietly(event, || call::call(&function, &args)) {
        Ok(_) => Ok(()),
        Err(raised) => {
            let exc = raised.take();
            set_profile(thread, None)?;
            thread.restore_exception(Some(exc));
            Err(pyrs_runtime::errors::Raised::pending())
        }
    }
}

/// What profilers see of a called object: native functions, and methods of native classes bound to their object.
fn native_callable(callable: &Obj, first: &Obj) -> PyResult<Option<Obj>> {
    if callable.exact::<BuiltinFunction>().is_some() {
        return Ok(Some(callable.clone()));
    }
    if callable.exact::<MethodDescriptor>().is_some() {
        let Some(get) = callable.class().slots().descr_get else { return Ok(None) };
        let bound = get(callable, Some(first), Some(first.class()));
        return Ok(bound.map_err(pyrs_runtime::errors::Raised::discard).ok());
    }
    Ok(None)
}
