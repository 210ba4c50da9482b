//! Calls of native functions that take a generator's values: see [`crate::consumers`].

use std::sync::atomic::Ordering;

use pyrs_macros::handler;
use pyrs_runtime::heap::incref;
use pyrs_runtime::object::Obj;
use pyrs_runtime::thread::{EVAL_BREAKER, breaker};
use pyrs_runtime::value::Value;

use super::calls;
use crate::consumers;
use crate::dispatch::Regs;
use crate::frame::{self, Frame, HEAD_WORDS};
use crate::generator::Generator;

/// Whether the first argument of a CALL is a generator.
#[inline(always)]
pub unsafe fn has_generator(m: &Regs) -> bool {
    // SAFETY: contract of handlers: the arguments are on the stack.
    m.oparg != 0 && unsafe { m.obj(m.oparg) }.exact::<Generator>().is_some()
}

/// A CALL whose first argument is a generator.
#[handler]
pub unsafe fn call(mut m: Regs) -> Value {
    m.save();
    let callee = push(m);
    if callee.is_null() {
        return m.tail(calls::any_call);
    }
    m.sp = m.sp.sub(m.oparg + 2);
    calls::enter(m, callee, calls::UNITS)
}

/// The hidden frame of the call's loop, which takes callable and arguments over; null if the call has to be native.
#[inline(never)]
unsafe fn push(m: Regs) -> *mut Frame {
    // SAFETY: contract of handlers; the new frame has room for its variables, and the function for as long as the
    // generator's code has it.
    unsafe {
        if EVAL_BREAKER.load(Ordering::Relaxed) & breaker::MONITORING != 0 {
            return std::ptr::null_mut();
        }
        let operands = m.sp.sub(m.oparg + 2);
        let (callable, this, generator) = (*operands, *operands.add(1), m.obj(m.oparg));
        let Some(generator) = generator.exact::<Generator>() else { return std::ptr::null_mut() };
        let rest = std::slice::from_raw_parts(m.sp.sub(m.oparg - 1) as *const Obj, m.oparg - 1);
        let Some(function) = consumers::function_for(m.obj(m.oparg + 2), this, generator, rest) else {
            return std::ptr::null_mut();
        };
        let code = calls::function_at(function).code();
        let callee = frame::push(m.thread(), HEAD_WORDS + code.frame_size);
        let variables = Frame::locals(callee);
        *variables = callable;
        // The start of a sum is in the place of an instance.
        *variables.add(1) = if m.oparg == 2 { m.peek(1) } else { this };
        *variables.add(2) = m.peek(m.oparg);
        *variables.add(3) = Value::NULL;
        incref(function);
        frame::init(callee, function, code, Value::NULL, m.frame);
        (*callee).hidden = true;
        m.thread().frame.set(callee as *mut u8);
        callee
    }
}
