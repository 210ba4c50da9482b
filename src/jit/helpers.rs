//! Functions that compiled code calls.

use pyrs_interp::dispatch::{self, Regs, Table};
use pyrs_interp::frame::{self, Frame, HEAD_WORDS};
use pyrs_macros::handler;
use pyrs_runtime::heap;
use pyrs_runtime::object::Header;
use pyrs_runtime::thread::Thread;
use pyrs_runtime::value::Value;

use crate::clock::{self, Tier};
use crate::lower::{Callee, Fix, Home, InterpretPlan, Own, RESERVE_WORDS, Snapshot};
use crate::state;

/// What a handler gives back that was left after one instruction; no object has this word.
const STEPPED: Value = Value(12);

/// Where the interpreter is to go on.
#[derive(Copy, Clone)]
pub enum Resume {
    At {
        frame: *mut Frame,
        ip: *mut u16,
        sp: *mut Value,
    },
    /// The run is over, with this result.
    Left(Value),
}

/// Goes where an instruction of [`interpret`] has led.
static STEPPING: Table = Table([stepped; 256]);

#[handler]
unsafe fn stepped(m: Regs) -> Value {
    state::get().resume = Resume::At { frame: m.frame, ip: m.ip, sp: m.sp };
    STEPPED
}

/// Executes one instruction in the interpreter. The frame that compiled code goes on in, or 0 if control went another
/// way than recorded.
///
/// # Safety
/// Called by compiled code: everything is where the interpreter expects it.
pub unsafe extern "C" fn interpret(
    thread: *const Thread,
    frame: *mut Frame,
    top: *mut Value,
    plan: *const InterpretPlan,
) -> *mut Frame {
    // SAFETY: by contract; plans live as long as their code.
    unsafe {
        (*thread).stack_top.set(top);
        let plan = &*plan;
        debug_assert!(is_in(plan.ip, frame), "{} is not in the code of its frame", plan.opcode.name());
        let sp = Frame::locals(frame).add(plan.words);
        let m = Regs { thread, frame, ip: plan.ip, sp, table: &STEPPING, oparg: 0 };
        loop {
            let outer = pyrs_interp::jit::set_active(frame);
            clock::switch(Tier::Stepped);
            let result = dispatch::step(m);
            clock::switch(Tier::Compiled);
            pyrs_interp::jit::set_active(outer);
            if result != STEPPED {
                state::get().resume = Resume::Left(result);
                return std::ptr::null_mut();
            }
            let Resume::At { frame: now, ip, sp: now_sp } = state::get().resume else { unreachable!() };
            // An instruction that has only rewritten itself begins again.
            if ip == opcode_at(m.ip) && now == frame && now_sp == sp {
                continue;
            }
            let watched = !(*now).frame_object.get().is_null();
            if ip != plan.expected || (*now).globals != plan.globals || watched || !reserve(&*thread) {
                return std::ptr::null_mut();
            }
            return now;
        }
    }
}

/// The instruction belongs to the frame's code.
///
/// # Safety
/// A live frame.
pub(crate) unsafe fn is_in(ip: *mut u16, frame: *mut Frame) -> bool {
    // SAFETY: by contract.
    let code = unsafe { &*(*frame).code };
    code.first_unit() <= ip && ip < code.first_unit().wrapping_add(code.unit_count())
}

/// The place of an instruction's opcode, behind its extended arguments.
unsafe fn opcode_at(mut ip: *mut u16) -> *mut u16 {
    // SAFETY: `ip` is at an instruction.
    unsafe {
        while *ip as u8 == pyrs_bytecode::Opcode::ExtendedArg as u8 {
            ip = ip.add(1);
        }
        ip
    }
}

/// Compiled code may enter that many inlined calls without looking at the depth of the recursion.
pub const RECURSION_MARGIN: i32 = 100;

/// Sets room for inlined frames aside; false if there is none.
///
/// # Safety
/// The thread's data stack is as the interpreter left it.
pub unsafe fn reserve(thread: &Thread) -> bool {
    let top = thread.stack_top.get();
    let end = top.wrapping_add(RESERVE_WORDS);
    if top.is_null() || end > thread.stack_limit.get() {
        return false;
    }
    thread.jit_top.set(top);
    thread.stack_top.set(end);
    true
}

/// Makes inlined frames real; compiled code goes on in the innermost one. 0 if the recursion is too deep, or there is no
/// room for more inlined calls: nothing has been done then.
///
/// # Safety
/// Called by compiled code at the place that the plan describes.
pub unsafe extern "C" fn push_frames(
    thread: *const Thread,
    frame: *mut Frame,
    top: *mut Value,
    plan: *const Snapshot,
) -> *mut Frame {
    // SAFETY: by contract.
    unsafe {
        let (thread, plan) = (&*thread, &*plan);
        let last = plan.frames.last().expect("an inlined frame");
        let end = (top as *mut u8).wrapping_add(last.head as usize) as *mut Value;
        let end = end.wrapping_add(HEAD_WORDS + (&*last.code).frame_size);
        if thread.recursion_remaining.get() < RECURSION_MARGIN
            || end.wrapping_add(RESERVE_WORDS) > thread.stack_limit.get()
        {
            return std::ptr::null_mut();
        }
        let frame = materialize(thread, frame, top, plan);
        thread.jit_top.set(end);
        thread.stack_top.set(end.wrapping_add(RESERVE_WORDS));
        frame
    }
}

unsafe fn address(frame: *mut Frame, top: *mut Value, home: Home) -> *mut Value {
    let base = if home.on_top { top as *mut u8 } else { frame as *mut u8 };
    base.wrapping_add(home.offset as usize) as *mut Value
}

/// Rebuilds the interpreter's frames; the innermost one.
///
/// # Safety
/// The snapshot describes the words at `frame` and `top`.
pub unsafe fn materialize(thread: &Thread, frame: *mut Frame, top: *mut Value, plan: &Snapshot) -> *mut Frame {
    // SAFETY: by contract: the homes are words of these frames.
    unsafe {
        for &(home, fix) in &plan.fixes {
            let at = address(frame, top, home);
            match fix {
                Fix::Own if (*at).is_null() => {}
                Fix::Own => heap::incref(*at),
                Fix::Box => {
                    let x = f64::from_bits((*at).0);
                    *at = pyrs_runtime::objects::float::new(x).into_value();
                }
                Fix::BoxFrom(from) => {
                    let x = f64::from_bits((*address(frame, top, from)).0);
                    *at = pyrs_runtime::objects::float::new(x).into_value();
                }
                Fix::Constant(word) => *at = Value(word),
                Fix::Copy(from) => *at = *address(frame, top, from),
            }
        }
        let mut inner = frame;
        for (i, snapshot) in plan.frames.iter().enumerate() {
            let code = &*snapshot.code;
            if i > 0 {
                let head = (top as *mut u8).wrapping_add(snapshot.head as usize) as *mut Frame;
                let function = match snapshot.callee {
                    Callee::Constant(word) => {
                        heap::incref(Value(word));
                        Value(word)
                    }
                    Callee::Word { home, own } => {
                        let word = *address(frame, top, home);
                        if own != Own::Counted {
                            heap::incref(word);
                        }
                        word
                    }
                    Callee::Held => unreachable!("only the first frame is real"),
                };
                frame::init(head, function, code, Value::NULL, inner);
                (*head).returns = snapshot.returns;
                thread.recursion_remaining.set(thread.recursion_remaining.get() - 1);
                inner = head;
            }
            (*inner).ip = snapshot.ip;
            (*inner).sp = Frame::locals(inner).add(snapshot.words);
            (*inner).return_offset = snapshot.return_offset;
        }
        thread.frame.set(inner as *mut u8);
        let end = match plan.frames.len() {
            0 | 1 => top,
            _ => (inner as *mut Value).add(HEAD_WORDS + (&*(*inner).code).frame_size),
        };
        thread.stack_top.set(end);
        inner
    }
}

/// Destroys an object whose count has reached zero.
///
/// # Safety
/// Called by compiled code, once for the object.
pub unsafe extern "C" fn destroy(object: *mut Header) {
    // SAFETY: by contract.
    unsafe { heap::dealloc(object) }
}
