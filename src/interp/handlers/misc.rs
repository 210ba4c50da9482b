//! Entry, imports, intrinsics, pattern matching.

use std::sync::atomic::Ordering;

use pyrs_macros::handler;
use pyrs_runtime::objects::singletons::bool_value;
use pyrs_runtime::thread::EVAL_BREAKER;
use pyrs_runtime::value::Value;

use crate::dispatch::Regs;
use crate::dispatch::tri;
use crate::instrument;
use crate::jit;
use crate::ops;

#[cold]
#[handler]
pub unsafe fn unknown(m: Regs) -> Value {
    ops::names::unknown_opcode(*m.ip as u8).leave_pending();
    m.raise()
}

#[handler]
pub unsafe fn nop(m: Regs) -> Value {
    m.next(1)
}

/// The first execution leaves a form behind.
#[handler]
pub unsafe fn resume(m: Regs) -> Value {
    m.tail(jit::specialize_entry)
}

#[handler]
pub unsafe fn resume_check(m: Regs) -> Value {
    if EVAL_BREAKER.load(Ordering::Relaxed) != 0 {
        return m.tail(serve_breaker);
    }
    m.next(1)
}

/// The beginning of a function that counts towards its compilation.
#[handler]
pub unsafe fn resume_check_jit(m: Regs) -> Value {
    if EVAL_BREAKER.load(Ordering::Relaxed) != 0 {
        return m.tail(serve_breaker);
    }
    let code = &*(*m.frame).code;
    let left = code.entry.get();
    code.entry.set(left.wrapping_sub(1));
    if left == 0 {
        return m.tail(jit::hot_entry());
    }
    m.next(1)
}

/// The beginning of a function that has been compiled: its code holds the number of the executor.
#[handler]
pub unsafe fn enter_function(m: Regs) -> Value {
    if EVAL_BREAKER.load(Ordering::Relaxed) != 0 {
        return m.tail(serve_breaker);
    }
    m.tail(jit::enter_entry())
}

/// Serves what the eval breaker was set for, in front of the instruction behind this one.
#[cold]
#[handler]
unsafe fn serve_breaker(m: Regs) -> Value {
    m.save();
    (*m.frame).sp = m.sp;
    let opcode = *m.ip as u8;
    tri!(m, ops::breaker::handle(m.thread()));
    if *m.ip as u8 != opcode {
        // Somebody watches since just now: it begins with this instruction.
        return m.goto(m.ip);
    }
    m.next(1)
}

/// An instruction that somebody watches.
#[cold]
#[handler]
pub unsafe fn instrumented(m: Regs) -> Value {
    m.save();
    (*m.frame).sp = m.sp;
    let step = instrument::step(m.thread(), m.frame, m.oparg as u32);
    if step <= instrument::LAST_OPCODE {
        return m.dispatch(step as u8);
    }
    let m = Regs { sp: (*m.frame).sp, ..m };
    if step == instrument::CONTINUE { m.goto((*m.frame).ip) } else { m.raise() }
}

#[handler]
pub unsafe fn extended_arg(m: Regs) -> Value {
    let ip = m.ip.add(1);
    let unit = *ip;
    Regs { ip, oparg: (m.oparg << 8) | (unit >> 8) as usize, ..m }.dispatch(unit as u8)
}

#[handler]
pub unsafe fn import_name(m: Regs) -> Value {
    m.save();
    let r = tri!(m, ops::imports::import_name(m.frame, m.name(m.oparg), m.obj(1), m.obj(2)));
    m.replace_next(2, r.into_value(), 1)
}

#[handler]
pub unsafe fn import_from(mut m: Regs) -> Value {
    m.save();
    let r = tri!(m, ops::imports::import_from(m.obj(1), m.name(m.oparg)));
    m.push(r.into_value());
    m.next(1)
}

#[handler]
pub unsafe fn match_class(m: Regs) -> Value {
    m.save();
    let r = tri!(m, ops::patterns::match_class(m.sp, m.oparg));
    m.replace_next(3, r.into_value(), 1)
}

#[handler]
pub unsafe fn match_mapping(mut m: Regs) -> Value {
    m.push(bool_value(ops::patterns::is_mapping(m.obj(1))));
    m.next(1)
}

#[handler]
pub unsafe fn match_sequence(mut m: Regs) -> Value {
    m.push(bool_value(ops::patterns::is_sequence(m.obj(1))));
    m.next(1)
}

#[handler]
pub unsafe fn match_keys(mut m: Regs) -> Value {
    m.save();
    let r = tri!(m, ops::patterns::match_keys(m.obj(2), m.obj(1)));
    m.push(r.into_value());
    m.next(1)
}

#[handler]
pub unsafe fn call_intrinsic_1(m: Regs) -> Value {
    m.save();
    let r = tri!(m, ops::intrinsics::call_1(m.frame, m.oparg as u32, m.obj(1)));
    m.replace_next(1, r.into_value(), 1)
}

#[handler]
pub unsafe fn call_intrinsic_2(m: Regs) -> Value {
    m.save();
    let r = tri!(m, ops::intrinsics::call_2(m.oparg as u32, m.obj(2), m.obj(1)));
    m.replace_next(2, r.into_value(), 1)
}

#[handler]
pub unsafe fn interpreter_exit(mut m: Regs) -> Value {
    m.pop()
}
