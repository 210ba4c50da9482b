//! `frame.f_lineno = n`: a debugger goes on at another line.
//!
//! A jump is sound if the operand stack at its target holds the same kinds of things as here, or fewer. The
//! kinds are found by following the code from its start; a stack is a number with three bits per entry.

use pyrs_bytecode::Opcode;
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::heap::decref_or_null;
use pyrs_runtime::object::{Obj, Object};
use pyrs_runtime::objects::code::Code;
use pyrs_runtime::objects::int;
use pyrs_runtime::objects::singletons::none_value;
use pyrs_runtime::thread;
use pyrs_runtime::value::Value;
use pyrs_runtime::{PyClass, raise};

use crate::frame::{Frame, Owner};
use crate::frame_object::FrameObject;
use crate::instrument;
use crate::monitoring::event;

const ITERATOR: i64 = 1;
const EXCEPT: i64 = 2;
const OBJECT: i64 = 3;
const NULL: i64 = 4;
const LASTI: i64 = 5;

const BITS: u32 = 3;
const ENTRIES: u32 = 63 / BITS;
const WILL_OVERFLOW: u64 = 1 << ((ENTRIES - 1) * BITS);
const EMPTY: i64 = 0;
const UNREACHED: i64 = -2;
const OVERFLOWED: i64 = -1;

fn push(stack: i64, kind: i64) -> i64 {
    if stack as u64 >= WILL_OVERFLOW { OVERFLOWED } else { (stack << BITS) | kind }
}

fn pop(stack: i64) -> i64 {
    stack >> BITS
}

fn top(stack: i64) -> i64 {
    stack & ((1 << BITS) - 1)
}

fn peek(stack: i64, n: u32) -> i64 {
    (stack >> (BITS * (n - 1))) & ((1 << BITS) - 1)
}

fn depth(mut stack: i64) -> u32 {
    let mut n = 0;
    while stack != EMPTY {
        n += 1;
        stack = pop(stack);
    }
    n
}

fn swap(stack: i64, n: u32) -> i64 {
    let other = peek(stack, n);
    let top_kind = top(stack);
    let shift = BITS * (n - 1);
    let mask = (1i64 << BITS) - 1;
    (stack & !(mask << shift) & !mask) | (top_kind << shift) | other
}

fn compatible_kind(from: i64, to: i64) -> bool {
    match to {
        0 => false,
        OBJECT => from != NULL,
        NULL => true,
        _ => from == to,
    }
}

fn compatible(mut from: i64, mut to: i64) -> bool {
    if from < 0 || to < 0 {
        return false;
    }
    while from > to {
        from = pop(from);
    }
    while from != EMPTY {
        if !compatible_kind(top(from), top(to)) {
            return false;
        }
        from = pop(from);
        to = pop(to);
    }
    to == EMPTY
}

fn explain(to: i64) -> &'static str {
    match to {
        OVERFLOWED => "stack is too deep to analyze",
        UNREACHED => "can't jump into an unreachable code",
        _ => match top(to) {
            EXCEPT => "can't jump into an 'except' block as there's no exception",
            LASTI => "can't jump into a re-raising block as there's no location",
            ITERATOR => "can't jump into the body of a for loop",
            _ => "incompatible stacks",
        },
    }
}

/// The stack in front of each unit that begins an instruction.
fn mark_stacks(code: &Object<Code>) -> Vec<i64> {
    let units = code.unit_count();
    let mut stacks = vec![UNREACHED; units + 1];
    stacks[0] = EMPTY;
    let mut again = true;
    while again {
        again = false;
        let mut i = 0;
        while i < units {
            let mut next_stack = stacks[i];
            let mut oparg = 0u32;
            let mut opcode = base(code, i);
            oparg |= u32::from(code.source.code[i * 2 + 1]);
            while opcode == Opcode::ExtendedArg && i + 1 < units {
                i += 1;
                opcode = base(code, i);
                oparg = (oparg << 8) | u32::from(code.source.code[i * 2 + 1]);
                stacks[i] = next_stack;
            }
            let next = i + 1 + opcode.cache_entries();
            if next_stack == UNREACHED {
                i = next;
                continue;
            }
            let mut falls_through = true;
            let forward = next + oparg as usize;
            match opcode {
                Opcode::PopJumpIfFalse | Opcode::PopJumpIfTrue | Opcode::PopJumpIfNone | Opcode::PopJumpIfNotNone => {
                    next_stack = pop(next_stack);
                    set(&mut stacks, forward, next_stack);
                }
                Opcode::Send => set(&mut stacks, forward, next_stack),
                Opcode::JumpBackward | Opcode::JumpBackwardNoInterrupt => {
                    let target = next.saturating_sub(oparg as usize);
                    if stacks[target] == UNREACHED && target < i {
                        again = true;
                    }
                    stacks[target] = next_stack;
                    falls_through = false;
                }
                Opcode::JumpForward => {
                    set(&mut stacks, forward, next_stack);
                    falls_through = false;
                }
                Opcode::GetIter | Opcode::GetAiter => next_stack = push(pop(next_stack), ITERATOR),
                Opcode::ForIter => {
                    next_stack = push(next_stack, OBJECT);
                    set(&mut stacks, forward, next_stack);
                }
                Opcode::EndAsyncFor => next_stack = pop(pop(next_stack)),
                Opcode::PushExcInfo => next_stack = push(next_stack, EXCEPT),
                Opcode::PopExcept => next_stack = pop(next_stack),
                Opcode::ReturnValue | Opcode::InterpreterExit | Opcode::RaiseVarargs | Opcode::Reraise => {
                    falls_through = false;
                }
                Opcode::PushNull => next_stack = push(next_stack, NULL),
                Opcode::LoadGlobal => {
                    next_stack = push(next_stack, OBJECT);
                    if oparg & 1 != 0 {
                        next_stack = push(next_stack, NULL);
                    }
                }
                Opcode::LoadAttr => {
                    if oparg & 1 != 0 {
                        next_stack = push(push(pop(next_stack), OBJECT), NULL);
                    }
                }
                Opcode::Swap => next_stack = swap(next_stack, oparg),
                Opcode::Copy => next_stack = push(next_stack, peek(next_stack, oparg)),
                _ => {
                    let effect = opcode.stack_effect(oparg as i32, None);
                    for _ in effect..0 {
                        next_stack = pop(next_stack);
                    }
                    for _ in 0..effect {
                        next_stack = push(next_stack, OBJECT);
                    }
                }
            }
            if falls_through {
                set(&mut stacks, next, next_stack);
            }
            i = next;
        }
        for entry in code.source.exception_entries() {
            let (start, handler) = (entry.start as usize / 2, entry.target as usize / 2);
            if stacks[start] == UNREACHED {
                continue;
            }
            if stacks[handler] == UNREACHED {
                again = true;
            }
            let mut target = stacks[start];
            while target > EMPTY && depth(target) > entry.depth {
                target = pop(target);
            }
            if entry.lasti {
                target = push(target, LASTI);
            }
            stacks[handler] = push(target, EXCEPT);
        }
    }
    stacks
}

fn set(stacks: &mut [i64], at: usize, stack: i64) {
    if let Some(slot) = stacks.get_mut(at) {
        *slot = stack;
    }
}

fn base(code: &Object<Code>, unit: usize) -> Opcode {
    Opcode::from_u8(code.source.code[unit * 2]).map_or(Opcode::Reserved, Opcode::deopt)
}

/// By unit: the line that begins there, or -1.
fn line_starts(code: &Object<Code>) -> Vec<i32> {
    let mut lines = vec![-1; code.unit_count()];
    let mut last = -1;
    for row in code.source.locations() {
        let line = row.position.line.unwrap_or(-1);
        if line != last && line >= 0 {
            set_line(&mut lines, row.start as usize / 2, line);
        }
        last = line;
    }
    lines
}

fn set_line(lines: &mut [i32], at: usize, line: i32) {
    if let Some(slot) = lines.get_mut(at) {
        *slot = line;
    }
}

/// The setter of `f_lineno`.
pub fn set_line_number(this: &Object<FrameObject>, value: Option<&Obj>) -> PyResult<()> {
    let Some(value) = value else { return Err(raise!(AttributeError, "cannot delete attribute")) };
    if !int::is_exact(value) {
        return Err(raise!(ValueError, "lineno must be an integer"));
    }
    match instrument::current_event() {
        Some(event::LINE | event::PY_YIELD) => {}
        Some(event::PY_START | event::PY_RESUME | event::PY_THROW) => {
            return Err(raise!(ValueError, "can't jump from the 'call' trace event of a new frame"));
        }
        None => return Err(raise!(ValueError, "f_lineno can only be set in a trace function")),
        Some(_) => return Err(raise!(ValueError, "can only jump from a 'line' trace event")),
    }
    let frame = this.body.frame.get();
    let wanted = int::to_i64(value).and_then(|n| i32::try_from(n).ok());
    let Some(wanted) = wanted.filter(|_| !frame.is_null()) else {
        return Err(raise!(ValueError, "lineno out of range"));
    };
    // SAFETY: events come from live frames; the frame keeps its code.
    unsafe { jump_to(frame, wanted) }
}

/// # Safety
/// `frame` is live, and a callback of an event in it is running.
unsafe fn jump_to(frame: *mut Frame, wanted: i32) -> PyResult<()> {
    // SAFETY: by contract.
    let (code, here) = unsafe { ((*frame).code().to_ptr(), (*frame).lasti().max(0) as usize / 2) };
    if wanted < code.source.firstlineno {
        return Err(raise!(ValueError, "line {wanted} comes before the current code block"));
    }
    let lines = line_starts(&code);
    let Some(line) = lines.iter().copied().filter(|l| *l >= wanted).min() else {
        return Err(raise!(ValueError, "line {wanted} comes after the current code block"));
    };
    let stacks = mark_stacks(&code);
    let start = stacks[here];
    let (mut best, mut best_at) = (OVERFLOWED, None);
    let mut problem = Some("cannot find bytecode for specified line");
    for (at, _) in lines.iter().enumerate().filter(|(_, l)| **l == line) {
        let target = stacks[at];
        if compatible(start, target) {
            problem = None;
            if target > best {
                (best, best_at) = (target, Some(at));
            }
        } else if problem.is_some() {
            problem = Some(match start {
                OVERFLOWED => "stack to deep to analyze",
                UNREACHED => "can't jump from unreachable code",
                _ => explain(target),
            });
        }
    }
    if let Some(problem) = problem {
        return Err(raise!(ValueError, "{problem}"));
    }
    let best_at = best_at.expect("no problem means a place");
    // SAFETY: by contract; the words popped are owned by the frame, as the analysis of its code says.
    unsafe {
        bind_unbound(frame, &code)?;
        let mut stack = start;
        if (*frame).owner == Owner::Generator && instrument::current_event() == Some(event::PY_YIELD) {
            // The value that is being yielded is gone.
            stack = pop(stack);
            drop_top(frame);
        }
        while stack > best {
            if top(stack) == EXCEPT {
                // What was being handled before is handled again.
                (*frame).sp = (*frame).sp.sub(1);
                let before = *(*frame).sp;
                let info = &*thread::current().exc_info.get();
                let before = if before == none_value() { Value::NULL } else { before };
                decref_or_null(info.value.replace(before));
            } else {
                drop_top(frame);
            }
            stack = pop(stack);
        }
        (*frame).ip = code.first_unit().add(best_at);
    }
    Ok(())
}

/// # Safety
/// The frame's stack is not empty.
unsafe fn drop_top(frame: *mut Frame) {
    // SAFETY: by contract; the word is owned.
    unsafe {
        (*frame).sp = (*frame).sp.sub(1);
        let v = std::mem::replace(&mut *(*frame).sp, Value::NULL);
        decref_or_null(v);
    }
}

/// Code that is jumped to may read local variables that were never set: they become None.
///
/// # Safety
/// `frame` is live.
unsafe fn bind_unbound(frame: *mut Frame, code: &Object<Code>) -> PyResult<()> {
    // SAFETY: the frame has a word for each local variable.
    let locals = unsafe { Frame::locals(frame) };
    let unbound: Vec<usize> = (0..code.nlocalsplus)
        .filter(|&i| {
            let kind = code.source.localspluskinds[i];
            // SAFETY: as above.
            let empty = unsafe { (*locals.add(i)).is_null() };
            empty && kind & pyrs_bytecode::local_kind::LOCAL != 0
        })
        .collect();
    if unbound.is_empty() {
        return Ok(());
    }
    let plural = if unbound.len() == 1 { "" } else { "s" };
    let text = format!("assigning None to {} unbound local{plural}", unbound.len());
    (pyrs_runtime::hooks::hooks().warn)(pyrs_runtime::objects::exceptions::RuntimeWarning::class(), &text, 0)?;
    for i in unbound {
        // SAFETY: as above; the word was empty.
        unsafe { *locals.add(i) = none_value() };
    }
    Ok(())
}
