//! Leaving a frame.

use pyrs_macros::handler;
use pyrs_runtime::heap::decref_or_null;
use pyrs_runtime::objects::singletons::none_value;
use pyrs_runtime::value::Value;

use super::calls;
use crate::dispatch::Regs;
use crate::dispatch::tri;
use crate::eval::leave_frame;
use crate::frame::{self, Frame};
use crate::generator;
use pyrs_runtime::heap::decref;

/// Goes on in the caller with `v`.
#[inline(always)]
unsafe fn resume_caller(m: Regs, caller: *mut Frame, v: Value) -> Value {
    // SAFETY: the caller was left at its call, with `sp` and `return_offset` up to date.
    unsafe {
        let mut m = Regs { frame: caller, sp: (*caller).sp, ..m };
        m.push(v);
        m.goto((*caller).ip.add((*caller).return_offset as usize))
    }
}

#[handler]
pub unsafe fn return_value(mut m: Regs) -> Value {
    let frame = m.frame;
    if !Frame::is_plain(frame) {
        return m.tail(return_special);
    }
    let v = m.pop();
    let thread = m.thread();
    let caller = (*frame).previous;
    // Destructors see the caller on top.
    thread.frame.set(caller as *mut u8);
    thread.recursion_remaining.set(thread.recursion_remaining.get() + 1);
    let mut at = Frame::locals(frame);
    while at < m.sp {
        decref_or_null(*at);
        at = at.add(1);
    }
    let (function, code) = ((*frame).function, (*frame).code().value());
    frame::pop(thread, frame);
    decref(function);
    decref(code);
    resume_caller(m, caller, v)
}

/// A frame that was entered from native code, belongs to a generator or an `__init__` call, or that somebody
/// has looked at.
#[cold]
#[handler]
unsafe fn return_special(mut m: Regs) -> Value {
    let v = m.pop();
    let frame = m.frame;
    (*frame).sp = m.sp;
    let (is_entry, is_init, caller) = ((*frame).is_entry, (*frame).is_init, (*frame).previous);
    leave_frame(m.thread(), frame);
    if is_entry {
        return v;
    }
    if is_init {
        return Regs { frame: caller, sp: (*caller).sp, ip: (*caller).ip, oparg: v.0 as usize, ..m }
            .tail(init_returned);
    }
    resume_caller(m, caller, v)
}

/// `__init__` has returned the word in `oparg`: the instance is on the caller's stack.
#[handler]
unsafe fn init_returned(mut m: Regs) -> Value {
    let v = Value(m.oparg as u64);
    if v == none_value() {
        return m.next(calls::UNITS);
    }
    m.push(v);
    tri!(m, calls::check_init_result(m.obj(1)));
    m.next(calls::UNITS)
}

#[handler]
pub unsafe fn return_generator(m: Regs) -> Value {
    let frame = m.frame;
    (*frame).sp = m.sp;
    (*frame).ip = m.ip.add(1);
    let (is_entry, caller) = ((*frame).is_entry, (*frame).previous);
    let v = generator::from_frame(frame).into_value();
    let thread = m.thread();
    thread.frame.set(caller as *mut u8);
    frame::pop(thread, frame);
    thread.recursion_remaining.set(thread.recursion_remaining.get() + 1);
    if is_entry { v } else { resume_caller(m, caller, v) }
}

/// Code units of FOR_ITER and SEND with their caches: where the resumer goes on.
const RESUMER_UNITS: usize = 2;

#[handler]
pub unsafe fn yield_value(mut m: Regs) -> Value {
    let v = m.pop();
    let frame = m.frame;
    (*frame).sp = m.sp;
    (*frame).ip = m.ip.add(1);
    let (is_entry, resumer) = ((*frame).is_entry, (*frame).previous);
    generator::suspended(m.thread(), frame, m.oparg as u32);
    if is_entry {
        return v;
    }
    Regs { frame: resumer, ip: (*resumer).ip, sp: (*resumer).sp, ..m }.push_next(v, RESUMER_UNITS)
}
