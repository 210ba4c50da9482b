//! Jumps.

use std::sync::atomic::Ordering;

use pyrs_macros::handler;
use pyrs_runtime::objects::singletons::{false_value, none_value, true_value};
use pyrs_runtime::thread::{EVAL_BREAKER, breaker};
use pyrs_runtime::value::Value;

use crate::dispatch::Regs;
use crate::dispatch::tri;
use crate::jit;
use crate::ops;
use crate::specialize;

#[handler]
pub unsafe fn jump_forward(m: Regs) -> Value {
    m.next(1 + m.oparg)
}

/// A back edge that has not been specialized.
#[handler]
pub unsafe fn jump_backward(m: Regs) -> Value {
    if specialize::due(&m) {
        return m.tail(jit::specialize_back_edge);
    }
    m.tail(jump_backward_no_jit)
}

#[handler]
pub unsafe fn jump_backward_no_jit(m: Regs) -> Value {
    if EVAL_BREAKER.load(Ordering::Relaxed) & !breaker::MONITORING != 0 {
        return m.tail(serve_breaker);
    }
    m.goto(m.ip.add(2).sub(m.oparg))
}

/// A back edge that counts towards its loop's compilation.
#[handler]
pub unsafe fn jump_backward_jit(m: Regs) -> Value {
    if EVAL_BREAKER.load(Ordering::Relaxed) & !breaker::MONITORING != 0 {
        return m.tail(serve_breaker);
    }
    let counter = m.ip.add(1);
    let left = *counter;
    *counter = left.wrapping_sub(1);
    if left == 0 {
        return m.tail(jit::hot());
    }
    m.goto(m.ip.add(2).sub(m.oparg))
}

/// A back edge whose loop has been compiled: the inline cache holds the number of its executor.
#[handler]
pub unsafe fn enter_executor(m: Regs) -> Value {
    if EVAL_BREAKER.load(Ordering::Relaxed) & !breaker::MONITORING != 0 {
        return m.tail(serve_breaker);
    }
    m.tail(jit::enter())
}

/// Serves what the eval breaker was set for, at the target of a back edge.
#[cold]
#[handler]
unsafe fn serve_breaker(m: Regs) -> Value {
    (*m.frame).sp = m.sp;
    let m = Regs { ip: m.ip.add(2).sub(m.oparg), ..m };
    m.save();
    tri!(m, ops::breaker::handle(m.thread()));
    m.goto(m.ip)
}

#[handler]
pub unsafe fn jump_backward_no_interrupt(m: Regs) -> Value {
    m.goto(m.ip.add(1).sub(m.oparg))
}

#[handler]
pub unsafe fn pop_jump_if_false(mut m: Regs) -> Value {
    let v = m.pop();
    if v == false_value() { m.next(2 + m.oparg) } else { m.not_taken(m.ip) }
}

#[handler]
pub unsafe fn pop_jump_if_true(mut m: Regs) -> Value {
    let v = m.pop();
    if v == true_value() { m.next(2 + m.oparg) } else { m.not_taken(m.ip) }
}

#[handler]
pub unsafe fn pop_jump_if_none(mut m: Regs) -> Value {
    let v = m.pop();
    if v == none_value() { m.next(2 + m.oparg) } else { m.drop_next(v, 2) }
}

#[handler]
pub unsafe fn pop_jump_if_not_none(mut m: Regs) -> Value {
    let v = m.pop();
    if v == none_value() { m.next(2) } else { m.drop_next(v, 2 + m.oparg) }
}
