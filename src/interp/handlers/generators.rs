//! Generators and coroutines: resuming them inside the same loop, delegation, asynchronous iteration.

use std::sync::atomic::Ordering;

use pyrs_bytecode::Opcode;
use pyrs_macros::handler;
use pyrs_runtime::object::Obj;
use pyrs_runtime::objects::singletons::none_value;
use pyrs_runtime::thread::{EVAL_BREAKER, Thread};
use pyrs_runtime::types::slots::SendResult;
use pyrs_runtime::value::Value;

use super::arithmetic::may_be_python;
use super::iteration::get_python_iter;
use crate::delegation;
use crate::dispatch::Regs;
use crate::dispatch::tri;
use crate::frame::Frame;
use crate::generator::{self, Core, Coroutine, Generator};
use crate::ops;
use crate::specialize::{self, due};

/// Code units of SEND with its cache.
const UNITS: usize = 2;

/// The frame of a generator that can be entered without a native call.
#[inline(always)]
pub unsafe fn resumable(m: &Regs, core: &Core) -> Option<*mut Frame> {
    resumable_in(m.thread(), core)
}

/// As [`resumable`].
#[inline(always)]
pub fn resumable_in(thread: &Thread, core: &Core) -> Option<*mut Frame> {
    if !core.root.get().is_null() {
        return if thread.recursion_remaining.get() > 0 { delegation::resumable(thread, core) } else { None };
    }
    (core.is_suspended() && thread.recursion_remaining.get() > 0).then(|| core.frame())
}

/// Puts a suspended frame on top of the running one, with the value it waits for.
#[inline(always)]
pub unsafe fn link(m: &Regs, core: &Core, frame: *mut Frame, value: Value) {
    // SAFETY: by contract.
    unsafe { link_in(m.thread(), core, frame, value) }
}

/// As [`link`].
#[inline(always)]
pub unsafe fn link_in(thread: &Thread, core: &Core, frame: *mut Frame, value: Value) {
    thread.recursion_remaining.set(thread.recursion_remaining.get() - 1);
    // SAFETY: a suspended frame has room for the value.
    unsafe {
        (*core.frame()).is_entry = false;
        match core.leaf.get().as_ref() {
            Some(leaf) => delegation::link(thread, core, leaf, value),
            None => generator::link(thread, core, frame, value),
        }
    }
}

/// The generator waits by itself, and there is room for one more frame: nothing has to be called to enter it.
#[inline(always)]
pub unsafe fn waits_alone(m: &Regs, core: &Core) -> bool {
    core.waits_alone() && m.thread().recursion_remaining.get() > 0
}

/// As [`resume_with_none`], for a generator that [`waits_alone`].
#[inline(always)]
pub unsafe fn resume_alone_with_none(m: Regs, core: &Core) -> Value {
    // SAFETY: contract of handlers; the frame stands at an instruction, and has room for the value.
    unsafe {
        let (thread, frame) = (m.thread(), core.frame());
        thread.recursion_remaining.set(thread.recursion_remaining.get() - 1);
        (*frame).is_entry = false;
        generator::link_without_value(thread, core, frame);
        let (ip, sp) = ((*frame).ip, (*frame).sp);
        if is_idle_resume(ip) && *ip.add(1) as u8 == Opcode::PopTop as u8 {
            return Regs { frame, sp, ..m }.goto(ip.add(2));
        }
        *sp = none_value();
        (*frame).sp = sp.add(1);
        Regs { frame, sp: sp.add(1), ..m }.goto(resume_point(frame))
    }
}

/// Goes on in a suspended frame. Behind a `yield` that is a statement, nobody waits for the None: it is not brought.
#[inline(always)]
pub unsafe fn resume_with_none(m: Regs, core: &Core, frame: *mut Frame) -> Value {
    // SAFETY: contract of handlers; the frame stands at an instruction.
    unsafe {
        link(&m, core, frame, none_value());
        let (ip, sp) = resume_point_with_none(frame);
        Regs { frame, sp, ..m }.goto(ip)
    }
}

/// Where a linked frame goes on that None has been brought to, and the top of its stack there.
#[inline(always)]
pub unsafe fn resume_point_with_none(frame: *mut Frame) -> (*mut u16, *mut Value) {
    // SAFETY: contract of handlers; the frame stands at an instruction.
    unsafe {
        let ip = (*frame).ip;
        if is_idle_resume(ip) && *ip.add(1) as u8 == Opcode::PopTop as u8 {
            return (ip.add(2), (*frame).sp.sub(1));
        }
        (resume_point(frame), (*frame).sp)
    }
}

/// The instruction is a RESUME that has run before and has nothing to do.
#[inline(always)]
unsafe fn is_idle_resume(ip: *mut u16) -> bool {
    // SAFETY: the frame stands at an instruction.
    unsafe { *ip as u8 == Opcode::ResumeCheck as u8 && EVAL_BREAKER.load(Ordering::Relaxed) == 0 }
}

/// Where a linked frame goes on; if it delegates, right at its SEND.
#[inline(always)]
pub unsafe fn resume_point(frame: *mut Frame) -> *mut u16 {
    // SAFETY: contract of handlers; behind RESUME, an instruction follows.
    unsafe {
        let mut ip = (*frame).ip;
        if is_idle_resume(ip) {
            ip = ip.add(1);
            let unit = *ip;
            if unit as u8 == Opcode::JumpBackwardNoInterrupt as u8 {
                ip = ip.add(1).sub((unit >> 8) as usize);
            }
        }
        ip
    }
}

#[handler]
pub unsafe fn send(m: Regs) -> Value {
    if due(&m) {
        return m.tail(specialize::iteration::send);
    }
    m.save();
    match tri!(m, generator::send_value(m.obj(2), m.obj(1))) {
        SendResult::Yield(r) => m.replace_next(1, r.into_value(), UNITS),
        SendResult::Return(r) => m.replace_next(1, r.into_value(), UNITS + m.oparg),
    }
}

/// What is entered without a native call.
#[inline(always)]
pub fn receiver(v: &Obj) -> Option<&Core> {
    match v.exact::<Generator>() {
        Some(generator) => Some(&generator.core),
        None => v.exact::<Coroutine>().map(|coroutine| &coroutine.core),
    }
}

#[handler]
pub unsafe fn send_gen(mut m: Regs) -> Value {
    let Some(core) = receiver(m.obj(2)) else { return m.tail(send) };
    if !waits_alone(&m, core) || (core.is_fresh() && m.peek(1) != none_value()) {
        return m.tail(send_chain);
    }
    m.save();
    let v = m.pop();
    (*m.frame).sp = m.sp;
    (*m.frame).return_offset = (UNITS + m.oparg) as u16;
    let (thread, frame) = (m.thread(), core.frame());
    thread.recursion_remaining.set(thread.recursion_remaining.get() - 1);
    (*frame).is_entry = false;
    generator::link(thread, core, frame, v);
    Regs { frame, sp: (*frame).sp, ..m }.goto(resume_point(frame))
}

/// As [`send_gen`], for a generator that may belong to a chain.
#[handler]
unsafe fn send_chain(mut m: Regs) -> Value {
    let Some(core) = receiver(m.obj(2)) else { return m.tail(send) };
    let Some(frame) = resumable(&m, core) else { return m.tail(send) };
    if core.is_fresh() && m.peek(1) != none_value() {
        return m.tail(send);
    }
    m.save();
    let v = m.pop();
    link(&m, core, frame, v);
    (*m.frame).sp = m.sp;
    (*m.frame).return_offset = (UNITS + m.oparg) as u16;
    Regs { frame, sp: (*frame).sp, ..m }.goto(resume_point(frame))
}

#[handler]
pub unsafe fn get_awaitable(m: Regs) -> Value {
    m.save();
    let r = tri!(m, generator::get_awaitable(m.obj(1), m.oparg as u32));
    m.replace_next(1, r.into_value(), 1)
}

#[handler]
pub unsafe fn get_yield_from_iter(m: Regs) -> Value {
    m.save();
    if may_be_python(m.peek(1)) {
        return m.tail(get_python_iter);
    }
    let r = tri!(m, generator::yield_from_iter(m.frame, m.obj(1)));
    m.replace_next(1, r.into_value(), 1)
}

#[handler]
pub unsafe fn cleanup_throw(mut m: Regs) -> Value {
    m.save();
    match ops::exceptions::stop_iteration_value(m.obj(1)) {
        Some(v) => {
            let v = v.into_value();
            m.release(3);
            m.push(none_value());
            m.push(v);
            m.next(1)
        }
        None => {
            m.thread().restore_exception(Some(m.obj(1).clone()));
            m.reraise()
        }
    }
}

#[handler]
pub unsafe fn end_async_for(mut m: Regs) -> Value {
    m.save();
    if ops::exceptions::is_stop_async_iteration(m.obj(1)) {
        m.release(2);
        return m.next(1);
    }
    m.thread().restore_exception(Some(m.obj(1).clone()));
    m.reraise()
}
