//! Instructions that change the running frame: the quick ways for the usual cases, for compiled code whose frame is
//! real. Everything unusual is left to the interpreter.

use pyrs_bytecode::Opcode;
use pyrs_interp::delegation;
use pyrs_interp::frame::{Frame, Owner, Returns};
use pyrs_runtime::heap::{decref, decref_or_null};
use pyrs_runtime::objects::singletons::none_value;
use pyrs_runtime::thread::Thread;
use pyrs_runtime::value::Value;

use crate::helpers::{self, Resume};
use crate::lower::InterpretPlan;
use crate::state;

/// Executes one instruction; the frame that compiled code goes on in, or 0 as [`helpers::interpret`] says.
pub type Step = unsafe extern "C" fn(*const Thread, *mut Frame, *mut Value, *const InterpretPlan) -> *mut Frame;

/// Code units of CALL with its cache: where a caller of `__init__` goes on.
const CALL_UNITS: usize = 4;

/// The function that executes an instruction for compiled code.
pub fn function_for(opcode: Opcode) -> Step {
    match opcode {
        Opcode::ReturnValue => leave,
        Opcode::YieldValue => suspend,
        Opcode::ForIterGen => resume,
        Opcode::SendGen => send,
        _ => helpers::interpret,
    }
}

/// Whether the usual case of the instruction takes no interpreter, and leads where it has led before. Chains of delegating
/// generators lead to too many places.
pub fn is_quick(opcode: Opcode) -> bool {
    matches!(opcode, Opcode::ReturnValue | Opcode::YieldValue | Opcode::ForIterGen)
}

/// RETURN_VALUE of a frame that was called inside the same loop, and that nobody has looked at.
unsafe extern "C" fn leave(
    thread_pointer: *const Thread,
    frame: *mut Frame,
    top: *mut Value,
    plan: *const InterpretPlan,
) -> *mut Frame {
    // SAFETY: called by compiled code: everything is where the interpreter expects it, and plans live as long as
    // their code.
    unsafe {
        let (thread, expected) = (&*thread_pointer, (*plan).expected);
        let (head, caller) = (&*frame, (*frame).previous);
        if head.owner == Owner::Generator && !head.is_entry && head.returns == Returns::Value && !is_watched(frame) {
            return finish(thread, frame, top, &*plan);
        }
        let ordinary = head.owner == Owner::Thread && !head.is_entry && !is_watched(frame);
        if !ordinary || frame as *mut Value == thread.stack_base.get() || is_watched(caller) {
            return helpers::interpret(thread_pointer, frame, top, plan);
        }
        let units = match head.returns {
            Returns::Init => CALL_UNITS,
            Returns::Value | Returns::Operator => (*caller).return_offset as usize,
        };
        let ip = (*caller).ip.add(units);
        let end = Frame::locals(frame).add((*plan).words - 1);
        let v = *end;
        let odd = match head.returns {
            Returns::Value => false,
            Returns::Init => v != none_value(),
            Returns::Operator => true,
        };
        if odd {
            return helpers::interpret(thread_pointer, frame, top, plan);
        }
        let mut sp = (*caller).sp;
        if head.returns == Returns::Value {
            *sp = v;
            sp = sp.add(1);
        }
        let (function, code) = (head.function, head.code().value());
        // Destructors see the caller on top.
        thread.frame.set(caller as *mut u8);
        if !head.hidden {
            thread.recursion_remaining.set(thread.recursion_remaining.get() + 1);
        }
        let mut at = Frame::locals(frame);
        while at < end {
            decref_or_null(*at);
            at = at.add(1);
        }
        decref(function);
        decref(code);
        thread.stack_top.set(frame as *mut Value);
        let elsewhere = ip != expected || (*caller).globals != (*plan).globals;
        if elsewhere || is_watched(caller) || !helpers::reserve(thread) {
            state::get().resume = Resume::At { frame: caller, ip, sp };
            return std::ptr::null_mut();
        }
        caller
    }
}

/// RETURN_VALUE of a generator that is not resumed by native code.
unsafe fn finish(thread: &Thread, frame: *mut Frame, top: *mut Value, plan: &InterpretPlan) -> *mut Frame {
    // SAFETY: as in [`leave`].
    unsafe {
        let resumer = (*frame).previous;
        let end = Frame::locals(frame).add(plan.words - 1);
        let v = *end;
        (*frame).sp = end;
        pyrs_interp::eval::leave_frame(thread, frame);
        let ip = (*resumer).ip.add((*resumer).return_offset as usize);
        let sp = (*resumer).sp;
        *sp = v;
        go_on(thread, top, plan, resumer, ip, sp.add(1))
    }
}

/// Code units of FOR_ITER, and of SEND, with their caches.
const FOR_ITER_UNITS: usize = 2;

/// SEND_GEN: goes on in the frame of what is delegated to.
unsafe extern "C" fn send(
    thread_pointer: *const Thread,
    frame: *mut Frame,
    top: *mut Value,
    plan: *const InterpretPlan,
) -> *mut Frame {
    // SAFETY: as in [`leave`].
    unsafe { resume_by(pyrs_interp::jit::resume_for_send, thread_pointer, frame, top, plan) }
}

/// FOR_ITER_GEN: goes on in the generator's frame.
unsafe extern "C" fn resume(
    thread_pointer: *const Thread,
    frame: *mut Frame,
    top: *mut Value,
    plan: *const InterpretPlan,
) -> *mut Frame {
    // SAFETY: as in [`leave`].
    unsafe { resume_by(pyrs_interp::jit::resume_for_iter, thread_pointer, frame, top, plan) }
}

/// Resumes a generator by the runtime's function for that, which is given the units to skip when it is exhausted, and goes
/// on in its frame.
#[inline(always)]
unsafe fn resume_by(
    resume: unsafe fn(&Thread, *mut Frame, *mut u16, *mut Value, u16) -> Option<(*mut Frame, *mut u16, *mut Value)>,
    thread_pointer: *const Thread,
    frame: *mut Frame,
    top: *mut Value,
    plan: *const InterpretPlan,
) -> *mut Frame {
    // SAFETY: as in [`leave`].
    unsafe {
        let (thread, plan_at) = (&*thread_pointer, &*plan);
        let sp = Frame::locals(frame).add(plan_at.words);
        let exhausted = FOR_ITER_UNITS as u16 + plan_at.oparg;
        let Some((generator, ip, sp)) = resume(thread, frame, plan_at.opcode_at, sp, exhausted) else {
            return helpers::interpret(thread_pointer, frame, top, plan);
        };
        go_on(thread, top, plan_at, generator, ip, sp)
    }
}

/// YIELD_VALUE of a generator that a loop runs over, or that others delegate to: then the value goes further up.
unsafe extern "C" fn suspend(
    thread_pointer: *const Thread,
    frame: *mut Frame,
    top: *mut Value,
    plan: *const InterpretPlan,
) -> *mut Frame {
    // SAFETY: as in [`leave`].
    unsafe {
        let (thread, plan_at) = (&*thread_pointer, &*plan);
        if (*frame).is_entry || is_watched(frame) {
            return helpers::interpret(thread_pointer, frame, top, plan);
        }
        let end = Frame::locals(frame).add(plan_at.words - 1);
        let (v, resumer, oparg) = (*end, (*frame).previous, plan_at.oparg as u32);
        (*frame).sp = end;
        (*frame).ip = plan_at.opcode_at.add(1);
        let root = if delegation::delegates(resumer) {
            delegation::pass_up(thread, frame, oparg)
        } else {
            pyrs_interp::generator::suspended(thread, frame, oparg);
            frame
        };
        if (*root).is_entry {
            // Native code goes on with the value.
            thread.stack_top.set(top);
            state::get().resume = Resume::Left(v);
            return std::ptr::null_mut();
        }
        let frame = thread.frame.get() as *mut Frame;
        let (mut ip, mut sp) = ((*frame).ip.add(FOR_ITER_UNITS), (*frame).sp);
        if *ip as u8 == Opcode::StoreFast as u8 {
            let slot = Frame::locals(frame).add((*ip >> 8) as usize);
            ip = ip.add(1);
            decref_or_null(std::mem::replace(&mut *slot, v));
        } else {
            *sp = v;
            sp = sp.add(1);
        }
        go_on(thread, top, plan_at, frame, ip, sp)
    }
}

/// Goes on in compiled code if `frame` is as it was when it was recorded.
unsafe fn go_on(
    thread: &Thread,
    top: *mut Value,
    plan: &InterpretPlan,
    frame: *mut Frame,
    ip: *mut u16,
    sp: *mut Value,
) -> *mut Frame {
    // SAFETY: a live frame.
    unsafe {
        if ip == plan.expected && (*frame).globals == plan.globals && !is_watched(frame) {
            return frame;
        }
    }
    thread.stack_top.set(top);
    // SAFETY: no other reference to the state is in use.
    unsafe { state::get().resume = Resume::At { frame, ip, sp } };
    std::ptr::null_mut()
}

unsafe fn is_watched(frame: *mut Frame) -> bool {
    // SAFETY: a live frame.
    unsafe { !(*frame).frame_object.get().is_null() }
}
