//! From one bytecode instruction to the next.
//!
//! Every opcode has a handler: a function that receives the interpreter's registers ([`Regs`]) as arguments,
//! does its work and *tail-calls* the handler of the next instruction through a [`Table`]. So the registers
//! stay in machine registers, each handler is compiled by itself (a rare path in one cannot make another
//! slower), and the processor predicts each handler's jump apart from all others. A table can be exchanged
//! while code runs, which is how instrumentation and recording see every instruction at no cost when they
//! are off.
//!
//! Optimised builds rely on the compiler turning a call in tail position with the same signature into a
//! jump; it does so if nothing on the native stack is referred to any longer. Therefore handlers hold no
//! address of a local variable: operands are passed on as references into the operand stack, and whatever
//! needs room of its own is a separate function. `.ci/check-dispatch` proves it on the machine code. Builds
//! with debug assertions return to a loop instead ([`run`]).
//!
//! # Contract of handlers
//! The frame is live, on top of the thread's frames, and `ip` is at the handler's own opcode in its code;
//! `oparg` includes extended arguments. `sp` lies between the frame's stack base and its end, as the compiler
//! computed `co_stacksize`; every word below it owns one reference, or is `NULL` where the instruction set
//! says so. Operands are in range for code that the compiler, or a validated .pyc, made. The result is that
//! of the frame the surrounding [`run`] was entered with.

use std::sync::atomic::{AtomicPtr, Ordering};

use pyrs_bytecode::Opcode;
use pyrs_runtime::heap::{dealloc, decref, decref_or_null, incref};
use pyrs_runtime::object::Obj;
use pyrs_runtime::object::Object;
use pyrs_runtime::objects::singletons::bool_value;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::thread::Thread;
use pyrs_runtime::value::Value;

use crate::frame::Frame;
use crate::handlers;
use crate::unwind::{self, Unwound};

/// A handler's calling convention: the fields of [`Regs`].
pub type Handler = unsafe extern "C" fn(*const Thread, *mut Frame, *mut u16, *mut Value, *const Table, usize) -> Value;

/// One handler for each opcode.
pub struct Table(pub [Handler; 256]);

/// What an interpreting loop would keep in local variables.
#[derive(Copy, Clone)]
pub struct Regs {
    pub thread: *const Thread,
    pub frame: *mut Frame,
    /// The instruction being executed.
    pub ip: *mut u16,
    /// First free word of the operand stack.
    pub sp: *mut Value,
    pub table: *const Table,
    /// The operand of the instruction.
    pub oparg: usize,
}

/// The ordinary table.
pub static TABLE: Table = {
    let mut table = [handlers::misc::unknown as Handler; 256];
    let mut i = 0;
    while i < 256 {
        if let Some(opcode) = Opcode::from_u8(i as u8) {
            table[i] = handlers::of(opcode);
        }
        i += 1;
    }
    Table(table)
};

/// The table that frames are entered with.
static ENTRY_TABLE: AtomicPtr<Table> = AtomicPtr::new((&raw const TABLE).cast_mut());

/// Lets code that is entered from now on run over another table.
pub fn enter_with(table: &'static Table) {
    ENTRY_TABLE.store((&raw const *table).cast_mut(), Ordering::Relaxed);
}

/// The table that code is entered with.
pub fn entry_table() -> *const Table {
    ENTRY_TABLE.load(Ordering::Relaxed)
}

/// Executes the instruction at `m.ip` and hands the next one to `m.table`; the result is that of the handler there, or
/// of the surrounding [`run`] if the instruction leaves it.
///
/// # Safety
/// The contract of handlers.
pub unsafe fn step(mut m: Regs) -> Value {
    // SAFETY: by contract.
    unsafe {
        let mut unit = *m.ip;
        m.oparg = (unit >> 8) as usize;
        while unit as u8 == Opcode::ExtendedArg as u8 {
            m.ip = m.ip.add(1);
            unit = *m.ip;
            m.oparg = m.oparg << 8 | (unit >> 8) as usize;
        }
        let result = m.tail(TABLE.0[(unit & 0xff) as usize]);
        #[cfg(debug_assertions)]
        let result = debug_loop::drive(result);
        result
    }
}

/// Runs `frame` and the frames it enters until it returns, yields or raises: the value, or `NULL` with an
/// exception pending. With `throwing`, the pending exception is raised at the frame's current instruction first.
///
/// # Safety
/// `frame` is a complete frame, linked as the top of the thread's frames, with `is_entry` set.
pub unsafe fn run(thread: &Thread, frame: *mut Frame, throwing: bool) -> Value {
    // SAFETY: the frame is complete: its `ip` and `sp` are where it was left.
    unsafe {
        let m = Regs { thread, frame, ip: (*frame).ip, sp: (*frame).sp, table: entry_table(), oparg: 0 };
        // A suspended frame stands behind the instruction that suspended it.
        let first = if throwing {
            crate::instrument::thrown(thread, frame);
            Regs { ip: m.ip.sub(1), ..m }.raise()
        } else {
            m.goto(m.ip)
        };
        #[cfg(debug_assertions)]
        let first = debug_loop::drive(first);
        first
    }
}

/// Dispatch without tail calls: a handler leaves the next one's registers behind and returns.
#[cfg(debug_assertions)]
mod debug_loop {
    use super::*;
    use std::cell::UnsafeCell;

    /// Returned in place of a value; no object has this word.
    const CONTINUE: Value = Value(4);

    struct Next(UnsafeCell<Option<(Handler, Regs)>>);
    // SAFETY: only touched under the GIL, between two handlers of one thread.
    unsafe impl Sync for Next {}
    static NEXT: Next = Next(UnsafeCell::new(None));

    pub(super) fn leave(handler: Handler, m: Regs) -> Value {
        // SAFETY: see `Next`.
        unsafe { *NEXT.0.get() = Some((handler, m)) };
        CONTINUE
    }

    pub(super) unsafe fn drive(mut result: Value) -> Value {
        while result == CONTINUE {
            // SAFETY: a handler that returns `CONTINUE` has just left its successor there.
            unsafe {
                let (handler, m) = (*NEXT.0.get()).take().expect("a handler continues");
                result = handler(m.thread, m.frame, m.ip, m.sp, m.table, m.oparg);
            }
        }
        result
    }
}

/// The value of a result; on error the handler ends with the exception pending.
macro_rules! tri {
    ($m:ident, $e:expr) => {
        match $e {
            Ok(v) => v,
            Err(raised) => {
                pyrs_runtime::errors::Raised::leave_pending(raised);
                return $m.raise();
            }
        }
    };
}
pub(crate) use tri;

/// What handlers are written in. The contract of all unsafe methods is that of handlers, above.
#[allow(clippy::missing_safety_doc)]
impl Regs {
    #[inline(always)]
    pub fn thread(&self) -> &'static Thread {
        // SAFETY: a thread's state outlives the code it runs.
        unsafe { &*self.thread }
    }

    #[inline(always)]
    pub unsafe fn push(&mut self, v: Value) {
        // SAFETY: contract.
        unsafe {
            *self.sp = v;
            self.sp = self.sp.add(1);
        }
    }

    #[inline(always)]
    pub unsafe fn pop(&mut self) -> Value {
        // SAFETY: contract.
        unsafe {
            self.sp = self.sp.sub(1);
            *self.sp
        }
    }

    /// The `n`-th word from the top, counted from 1.
    #[inline(always)]
    pub unsafe fn peek(&self, n: usize) -> Value {
        // SAFETY: contract.
        unsafe { *self.sp.sub(n) }
    }

    /// The `n`-th object from the top, where it lies.
    #[inline(always)]
    pub unsafe fn obj(&self, n: usize) -> &'static Obj {
        // SAFETY: contract; the borrow ends with the instruction.
        unsafe { &*(self.sp.sub(n) as *const Obj) }
    }

    /// Overwrites the `n`-th word from the top without releasing it.
    #[inline(always)]
    pub unsafe fn put(&self, n: usize, v: Value) {
        // SAFETY: contract.
        unsafe { *self.sp.sub(n) = v }
    }

    /// A word of `localsplus`.
    #[inline(always)]
    pub unsafe fn local(&self, i: usize) -> *mut Value {
        // SAFETY: contract.
        unsafe { Frame::locals(self.frame).add(i) }
    }

    #[inline(always)]
    pub unsafe fn name(&self, i: usize) -> &'static Object<Str> {
        // SAFETY: contract; the code keeps its names alive.
        unsafe { &*((*self.frame).code().names.items().get_unchecked(i).value().as_pointer() as *const Object<Str>) }
    }

    /// To be called before anything that may look at the frame: Python code, destructors, tracebacks.
    #[inline(always)]
    pub unsafe fn save(&self) {
        // SAFETY: contract.
        unsafe { (*self.frame).ip = self.ip }
    }

    /// Goes on `units` further on: 1 plus the opcode's inline cache entries.
    #[inline(always)]
    pub unsafe fn next(self, units: usize) -> Value {
        // SAFETY: contract.
        unsafe { self.goto(self.ip.add(units)) }
    }

    /// Goes on with a truth value as the top word's successor: at a branch on it that follows, right behind the
    /// branch; else by pushing it.
    #[inline(always)]
    pub unsafe fn branch_next(self, truth: bool, units: usize) -> Value {
        // SAFETY: contract.
        unsafe {
            let ip = self.ip.add(units);
            let unit = *ip;
            if unit as u8 != Opcode::PopJumpIfFalse as u8 {
                return Regs { ip, oparg: truth as usize, ..self }.tail(truth_at);
            }
            if truth { self.not_taken(ip) } else { self.goto(ip.add(2 + (unit >> 8) as usize)) }
        }
    }

    /// As [`Self::branch_next`], after releasing the two words above the stack.
    #[inline(always)]
    pub unsafe fn put_truth(self, truth: bool, units: usize) -> Value {
        // SAFETY: contract; the words are owned.
        unsafe {
            let (a, b) = (*self.sp, *self.sp.add(1));
            if release_shared(a) {
                if release_shared(b) {
                    return self.branch_next(truth, units);
                }
                incref(a);
            }
            self.save();
            Regs { ip: self.ip.add(units), oparg: truth as usize, ..self }.tail(dealloc_both)
        }
    }

    /// Goes on behind the conditional jump at `ip`, which does not jump.
    #[inline(always)]
    pub unsafe fn not_taken(self, ip: *mut u16) -> Value {
        // SAFETY: contract; the jump has one cache entry, and the marker behind it may be watched.
        unsafe {
            let next = ip.add(2);
            self.goto(next.add((*next as u8 == Opcode::NotTaken as u8) as usize))
        }
    }

    /// Goes on with `v` pushed; stores it right away if a plain STORE_FAST follows.
    #[inline(always)]
    pub unsafe fn push_next(mut self, v: Value, units: usize) -> Value {
        // SAFETY: contract.
        unsafe {
            let ip = self.ip.add(units);
            let unit = *ip;
            if unit as u8 == Opcode::StoreFast as u8 {
                let slot = self.local((unit >> 8) as usize);
                let old = *slot;
                *slot = v;
                return self.drop_goto(old, ip.add(1));
            }
            self.push(v);
            self.goto(ip)
        }
    }

    /// Goes on at `ip`.
    #[inline(always)]
    pub unsafe fn goto(self, ip: *mut u16) -> Value {
        // SAFETY: `ip` is at an instruction of the frame's code.
        unsafe {
            let unit = *ip;
            Regs { ip, oparg: (unit >> 8) as usize, ..self }.dispatch(unit as u8)
        }
    }

    /// As [`Self::goto`], where the instruction at `ip` has been read already.
    #[inline(always)]
    pub unsafe fn goto_unit(self, ip: *mut u16, unit: u16) -> Value {
        // SAFETY: contract.
        unsafe { Regs { ip, oparg: (unit >> 8) as usize, ..self }.dispatch(unit as u8) }
    }

    /// Executes `opcode` with the registers as they are.
    #[inline(always)]
    pub unsafe fn dispatch(self, opcode: u8) -> Value {
        // SAFETY: contract.
        unsafe {
            let handler = (*self.table).0[opcode as usize];
            self.tail(handler)
        }
    }

    /// Goes on in another handler.
    #[inline(always)]
    pub unsafe fn tail(self, handler: Handler) -> Value {
        #[cfg(debug_assertions)]
        return debug_loop::leave(handler, self);
        #[cfg(not(debug_assertions))]
        // SAFETY: contract.
        unsafe {
            handler(self.thread, self.frame, self.ip, self.sp, self.table, self.oparg)
        }
    }

    /// Goes on with the first instruction of `callee`, which is complete and linked.
    #[inline(always)]
    pub unsafe fn enter(self, callee: *mut Frame) -> Value {
        // SAFETY: contract.
        unsafe { Regs { frame: callee, sp: (*callee).sp, ..self }.goto((*callee).ip) }
    }

    /// An exception is pending: this frame joins its traceback, and a handler is looked for.
    #[inline(always)]
    pub unsafe fn raise(self) -> Value {
        // SAFETY: contract.
        unsafe {
            self.save();
            Regs { oparg: 1, ..self }.tail(unwind_from)
        }
    }

    /// As [`Self::raise`], for an exception that passed this instruction before.
    #[inline(always)]
    pub unsafe fn reraise(self) -> Value {
        // SAFETY: contract.
        unsafe { Regs { oparg: 0, ..self }.tail(unwind_from) }
    }

    /// Goes on `units` further on, after releasing `v` (which may be `NULL`).
    #[inline(always)]
    pub unsafe fn drop_next(self, v: Value, units: usize) -> Value {
        // SAFETY: contract.
        unsafe { self.drop_goto(v, self.ip.add(units)) }
    }

    /// Goes on at `ip`, after releasing `v` (which may be `NULL`).
    #[inline(always)]
    pub unsafe fn drop_goto(self, v: Value, ip: *mut u16) -> Value {
        // SAFETY: contract; `v` is an owned word.
        unsafe {
            if v.is_pointer() {
                let count = &(*v.as_pointer()).refcnt;
                let left = count.get() - 1;
                debug_assert!(left >= 0, "released too often");
                count.set(left);
                if left == 0 {
                    self.save();
                    return Regs { ip, oparg: v.0 as usize, ..self }.tail(dealloc_then);
                }
            }
            self.goto(ip)
        }
    }

    /// Goes on `units` further on, after releasing `first` and `second` (which may be `NULL`). At least one word above
    /// the stack belongs to the frame.
    #[inline(always)]
    pub unsafe fn drop_both_next(self, first: Value, second: Value, units: usize) -> Value {
        // SAFETY: contract; both are owned words.
        unsafe {
            if first.is_pointer() {
                let count = &(*first.as_pointer()).refcnt;
                let left = count.get() - 1;
                debug_assert!(left >= 0, "released too often");
                count.set(left);
                if left == 0 {
                    self.save();
                    *self.sp = second;
                    return Regs { ip: self.ip.add(units), oparg: first.0 as usize, ..self }.tail(dealloc_then_drop);
                }
            }
            self.drop_next(second, units)
        }
    }

    /// Pops and releases `n` words, `NULL`s among them.
    #[inline(always)]
    pub unsafe fn release(&mut self, n: usize) {
        // SAFETY: contract.
        unsafe {
            let base = self.sp.sub(n);
            for i in (0..n).rev() {
                decref_or_null(*base.add(i));
            }
            self.sp = base;
        }
    }

    /// Replaces the top `n` words by `v` and goes on.
    #[inline(always)]
    pub unsafe fn replace_next(mut self, n: usize, v: Value, units: usize) -> Value {
        // SAFETY: contract.
        unsafe {
            let base = self.sp.sub(n);
            for i in (1..n).rev() {
                decref_or_null(*base.add(i));
            }
            let last = *base;
            *base = v;
            self.sp = base.add(1);
            self.drop_next(last, units)
        }
    }
}

/// Releases a word unless it is the last reference to an object: true if so.
///
/// # Safety
/// The word is owned, and not used again if the result is true.
#[inline(always)]
unsafe fn release_shared(v: Value) -> bool {
    // SAFETY: by contract.
    unsafe {
        if v.is_pointer_or_null() {
            let count = &(*v.as_pointer()).refcnt;
            if count.get() == 1 {
                return false;
            }
            count.set(count.get() - 1);
        }
        true
    }
}

/// Destroys the object in `oparg`, whose count has reached zero, and goes on at `ip`.
#[cold]
#[pyrs_macros::handler]
unsafe fn dealloc_then(m: Regs) -> Value {
    dealloc(m.oparg as *mut pyrs_runtime::object::Header);
    m.goto(m.ip)
}

/// As [`dealloc_then`], and releases the word above the stack.
#[cold]
#[pyrs_macros::handler]
unsafe fn dealloc_then_drop(m: Regs) -> Value {
    let second = *m.sp;
    dealloc(m.oparg as *mut pyrs_runtime::object::Header);
    m.drop_goto(second, m.ip)
}

/// Releases the two words above the stack and goes on at `ip` with the truth value in `oparg`.
#[pyrs_macros::handler]
unsafe fn dealloc_both(m: Regs) -> Value {
    let (a, b) = (*m.sp, *m.sp.add(1));
    decref(b);
    decref(a);
    m.branch_next(m.oparg != 0, 0)
}

/// Goes on at `ip` with the truth value in `oparg`, in front of anything but a POP_JUMP_IF_FALSE.
#[pyrs_macros::handler]
unsafe fn truth_at(mut m: Regs) -> Value {
    let (truth, unit) = (m.oparg != 0, *m.ip);
    if unit as u8 == Opcode::PopJumpIfTrue as u8 {
        return if truth { m.goto(m.ip.add(2 + (unit >> 8) as usize)) } else { m.not_taken(m.ip) };
    }
    m.push(bool_value(truth));
    m.goto(m.ip)
}

/// Looks for the handler of the pending exception; with `oparg`, frames join the traceback from the first on.
#[cold]
#[pyrs_macros::handler]
unsafe fn unwind_from(m: Regs) -> Value {
    let frame = m.frame;
    (*frame).sp = m.sp;
    // RERAISE shows another place than its own, where handlers are looked up.
    let offset = m.ip.offset_from((*frame).code().first_unit()) as i32 * 2;
    match unwind::unwind(m.thread(), frame, m.oparg != 0, offset) {
        Unwound::Handler(handler) => Regs { frame: handler, sp: (*handler).sp, ..m }.goto((*handler).ip),
        Unwound::Left => Value::NULL,
    }
}
