//! Leaving a frame.

use pyrs_bytecode::BinaryOp;
use pyrs_macros::handler;
use pyrs_runtime::heap::decref_or_null;
use pyrs_runtime::objects::singletons::{none_value, not_implemented_value};
use pyrs_runtime::value::Value;

use super::{calls, comparison};
use crate::delegation;
use crate::dispatch::Regs;
use crate::dispatch::tri;
use crate::eval::leave_frame;
use crate::frame::{self, Frame, Returns};
use crate::generator;
use crate::handlers::arithmetic::BINARY_UNITS;
use crate::ops::operators;
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

/// Releases the frame's variables and goes on in the caller. What needs a call is left to [`return_rest`].
#[handler]
pub unsafe fn return_value(m: Regs) -> Value {
    let frame = m.frame;
    if !Frame::is_plain(frame) {
        return m.tail(return_special);
    }
    let thread = m.thread();
    // Destructors see the caller on top.
    thread.frame.set((*frame).previous as *mut u8);
    thread.recursion_remaining.set(thread.recursion_remaining.get() + 1);
    let mut at = Frame::locals(frame);
    while at < m.sp.sub(1) {
        let v = *at;
        if v.is_pointer() {
            let count = &(*v.as_pointer()).refcnt;
            let left = count.get() - 1;
            debug_assert!(left >= 0, "released too often");
            if left == 0 {
                return Regs { oparg: at as usize, ..m }.tail(return_rest);
            }
            count.set(left);
        }
        at = at.add(1);
        frame::keep_loop();
    }
    let function = &(*(*frame).function.as_pointer()).refcnt;
    let code = &(*frame).code().header().refcnt;
    if function.get() == 1 || code.get() == 1 || frame as *mut Value == thread.stack_base.get() {
        return Regs { oparg: at as usize, ..m }.tail(return_rest);
    }
    function.set(function.get() - 1);
    code.set(code.get() - 1);
    thread.stack_top.set(frame as *mut Value);
    resume_caller(m, (*frame).previous, m.peek(1))
}

/// As [`return_value`], from the word at `oparg` on.
#[handler]
unsafe fn return_rest(mut m: Regs) -> Value {
    let (frame, v) = (m.frame, m.pop());
    let caller = (*frame).previous;
    let mut at = m.oparg as *mut Value;
    while at < m.sp {
        decref_or_null(*at);
        at = at.add(1);
    }
    let (function, code) = ((*frame).function, (*frame).code().value());
    frame::pop(m.thread(), frame);
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
    let (is_entry, returns, caller) = ((*frame).is_entry, (*frame).returns, (*frame).previous);
    leave_frame(m.thread(), frame);
    if is_entry {
        return v;
    }
    let at_call = Regs { frame: caller, sp: (*caller).sp, ip: (*caller).ip, oparg: v.0 as usize, ..m };
    match returns {
        Returns::Value => resume_caller(m, caller, v),
        Returns::Init => at_call.tail(init_returned),
        Returns::Operator => at_call.tail(operator_returned),
    }
}

/// The function of an operator has returned the word in `oparg`: the operands are on the caller's stack.
#[handler]
unsafe fn operator_returned(m: Regs) -> Value {
    // The instruction may have been replaced by an instrumented one meanwhile; what it is has not changed.
    if (*m.frame).return_offset as usize == comparison::UNITS {
        return m.tail(comparison::returned);
    }
    let mut v = Value(m.oparg as u64);
    if v == not_implemented_value() {
        let op = std::mem::transmute::<u8, BinaryOp>((*m.ip >> 8) as u8);
        v = tri!(m, operators::not_implemented(op, m.obj(2), m.obj(1))).into_value();
    }
    m.replace_next(2, v, BINARY_UNITS)
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
    let resumer = (*frame).previous;
    let core = generator::core_of_frame(frame);
    if (*frame).is_entry || !core.root.get().is_null() || delegation::delegates(resumer) {
        return m.tail(yield_special);
    }
    generator::suspended_alone(m.thread(), frame, core, m.oparg as u32);
    Regs { frame: resumer, ip: (*resumer).ip, sp: (*resumer).sp, ..m }.push_next(v, RESUMER_UNITS)
}

/// The value above the stack goes to native code, or up through frames that delegate, or it leaves a chain.
#[handler]
unsafe fn yield_special(m: Regs) -> Value {
    let (v, frame) = (*m.sp, m.frame);
    let (is_entry, resumer) = ((*frame).is_entry, (*frame).previous);
    if is_entry || !delegation::delegates(resumer) {
        generator::suspended(m.thread(), frame, m.oparg as u32);
        if is_entry {
            return v;
        }
        return Regs { frame: resumer, ip: (*resumer).ip, sp: (*resumer).sp, ..m }.push_next(v, RESUMER_UNITS);
    }
    let root = delegation::pass_up(m.thread(), m.frame, m.oparg as u32);
    if (*root).is_entry {
        return v;
    }
    let resumer = m.thread().frame.get() as *mut Frame;
    Regs { frame: resumer, ip: (*resumer).ip, sp: (*resumer).sp, ..m }.push_next(v, RESUMER_UNITS)
}
