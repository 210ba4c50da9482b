//! Frames on the data stack.
//!
//! Each Python call owns one [`Frame`]: a fixed head followed by its local variables, cells and operand
//! stack. Frames of ordinary calls stand one behind the other on the thread's data stack; a generator owns
//! its frame. A *frame object* (what Python code sees) is made only when somebody looks, and takes the
//! frame over when the call ends first.

use std::cell::Cell;

use pyrs_runtime::heap::{decref, decref_or_null};
use pyrs_runtime::object::{Obj, Object, Ptr};
use pyrs_runtime::objects::code::Code;
use pyrs_runtime::objects::dict::Dict;
use pyrs_runtime::objects::function::Function;
use pyrs_runtime::thread::Thread;
use pyrs_runtime::value::Value;

use crate::frame_object::FrameObject;

/// Who frees the memory of a frame.
#[repr(u8)]
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Owner {
    /// The data stack.
    Thread,
    /// A generator or coroutine.
    Generator,
    /// A frame object that outlived the call.
    FrameObject,
}

/// The head of a frame; `localsplus` follows it.
#[repr(C)]
pub struct Frame {
    /// Owned.
    pub code: *const Object<Code>,
    /// Owned; a function object.
    pub function: Value,
    pub globals: *const Object<Dict>,
    pub builtins: *const Object<Dict>,
    /// Owned; the namespace of module and class code, `NULL` for functions.
    pub locals: Value,
    pub previous: *mut Frame,
    /// The instruction being executed while the frame is not on top, or raising.
    pub ip: *mut u16,
    /// Saved operand stack pointer of a frame that is not running.
    pub sp: *mut Value,
    /// Owned frame object, or `NULL`.
    pub frame_object: Cell<Value>,
    /// The generator this frame belongs to (borrowed), or `NULL`.
    pub generator: Value,
    pub owner: Owner,
    /// Returning from this frame leaves the native `run`.
    pub is_entry: bool,
    /// What becomes of the result.
    pub returns: Returns,
    /// It stands for a native function ([`crate::consumers`]), and programs don't see it.
    pub hidden: bool,
    /// Instructions to skip in the caller after a return (units).
    pub return_offset: u16,
    /// Whether `f_trace_lines` etc. events were asked for.
    pub instrumented: u16,
}

/// What a caller does with a result.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Returns {
    /// It is pushed.
    Value,
    /// `__init__`'s None is dropped: the new instance waits on the caller's operand stack.
    Init,
    /// An operator's takes the place of the operands, which are on the caller's operand stack.
    Operator,
}

/// Words that the head of a frame takes.
pub const HEAD_WORDS: usize = size_of::<Frame>() / 8;

const _: () = assert!(size_of::<Frame>().is_multiple_of(8));

/// Words of a chunk of the data stack.
const CHUNK_WORDS: usize = 1 << 15;

impl Frame {
    /// First local variable.
    ///
    /// # Safety
    /// `frame` is a live frame.
    #[inline(always)]
    pub unsafe fn locals(frame: *mut Frame) -> *mut Value {
        // SAFETY: localsplus follows the head.
        unsafe { frame.add(1) as *mut Value }
    }

    /// Returning from the frame needs nothing special: it is an ordinary call inside the loop, and nobody has
    /// looked at it.
    ///
    /// # Safety
    /// `frame` is a live frame.
    #[inline(always)]
    pub unsafe fn is_plain(frame: *mut Frame) -> bool {
        // SAFETY: by contract.
        unsafe {
            let f = &*frame;
            let special = f.owner as u8 | f.is_entry as u8 | f.returns as u8 | f.hidden as u8;
            special == 0 && f.frame_object.get().is_null()
        }
    }

    /// First word of the operand stack.
    ///
    /// # Safety
    /// `frame` is a live frame.
    #[inline(always)]
    pub unsafe fn stack_base(frame: *mut Frame) -> *mut Value {
        // SAFETY: the stack follows localsplus.
        unsafe { Frame::locals(frame).add((*frame).code().nlocalsplus) }
    }

    #[inline(always)]
    pub fn code(&self) -> &Object<Code> {
        // SAFETY: the frame owns its code.
        unsafe { &*self.code }
    }

    pub fn globals(&self) -> &Object<Dict> {
        // SAFETY: the function keeps its globals alive.
        unsafe { &*self.globals }
    }

    pub fn builtins(&self) -> &Object<Dict> {
        // SAFETY: as for the globals.
        unsafe { &*self.builtins }
    }

    pub fn function(&self) -> &Object<Function> {
        // SAFETY: the frame owns its function.
        unsafe { self.function.as_obj().downcast_unchecked::<Function>() }
    }

    /// Byte offset of the current instruction.
    pub fn lasti(&self) -> i32 {
        let first = self.code().first_unit();
        // SAFETY: `ip` points into the code's units.
        let units = unsafe { self.ip.offset_from(first) };
        (units as i32) * 2
    }

    pub fn line(&self) -> Option<i32> {
        self.code().source.line_at(self.lasti().max(0) as u32)
    }
}

/// Reserves room for a frame on the data stack.
#[inline(always)]
pub fn push(thread: &Thread, words: usize) -> *mut Frame {
    let top = thread.stack_top.get();
    let next = top.wrapping_add(words);
    // Without a chunk, both are null.
    if next <= thread.stack_limit.get() {
        thread.stack_top.set(next);
        return top as *mut Frame;
    }
    push_chunk(thread, words)
}

#[cold]
#[inline(never)]
fn push_chunk(thread: &Thread, words: usize) -> *mut Frame {
    // The first two words of a chunk remember where the previous one stood.
    let size = (words + 2).max(CHUNK_WORDS);
    let mut chunk: Vec<Value> = Vec::with_capacity(size);
    let first = chunk.as_mut_ptr();
    // SAFETY: the chunk has room for the words written here and the frame.
    unsafe {
        *first = Value(thread.stack_top.get() as u64);
        *first.add(1) = Value(thread.stack_limit.get() as u64);
        thread.chunks.borrow_mut().push(chunk);
        thread.stack_top.set(first.add(2 + words));
        thread.stack_limit.set(first.add(size));
        thread.stack_base.set(first.add(2));
        first.add(2) as *mut Frame
    }
}

pub use pyrs_runtime::heap::keep_loop;

/// Gives the room of the top frame back.
#[inline(always)]
pub fn pop(thread: &Thread, frame: *mut Frame) {
    thread.stack_top.set(frame as *mut Value);
    if frame as *mut Value == thread.stack_base.get() {
        pop_chunk(thread);
    }
}

/// The chunk's first frame is gone: back to the chunk before, if there is one.
#[cold]
#[inline(never)]
fn pop_chunk(thread: &Thread) {
    if thread.chunks.borrow().len() == 1 {
        return;
    }
    let chunk = thread.chunks.borrow_mut().pop().expect("there is a chunk");
    // SAFETY: the chunk begins with the two words that `push_chunk` wrote.
    unsafe {
        thread.stack_top.set((*chunk.as_ptr()).0 as *mut Value);
        thread.stack_limit.set((*chunk.as_ptr().add(1)).0 as *mut Value);
    }
    let chunks = thread.chunks.borrow();
    thread.stack_base.set(chunks.last().map_or(std::ptr::null_mut(), |c| c.as_ptr().cast_mut().wrapping_add(2)));
}

/// Fills the head of a new frame for a call of `function` (whose reference is taken over). Locals are not
/// written.
///
/// # Safety
/// `frame` has room for the code's frame; `function` is an owned reference to a Function.
#[inline(always)]
pub unsafe fn init(frame: *mut Frame, function: Value, code: &Object<Code>, locals: Value, previous: *mut Frame) {
    // SAFETY: by contract.
    unsafe {
        let f = function.as_obj().downcast_unchecked::<Function>();
        code.header().refcnt.set(code.header().refcnt.get() + 1);
        frame.write(Frame {
            code,
            function,
            globals: &raw const *f.globals,
            builtins: &raw const *f.builtins,
            locals,
            previous,
            ip: code.first_unit(),
            sp: Frame::locals(frame).add(code.nlocalsplus),
            frame_object: Cell::new(Value::NULL),
            generator: Value::NULL,
            owner: Owner::Thread,
            is_entry: false,
            returns: Returns::Value,
            hidden: false,
            return_offset: 0,
            instrumented: 0,
        });
    }
}

/// Releases everything a finished frame holds. A frame object that somebody else still holds takes the
/// variables over first.
///
/// # Safety
/// The frame is not running; `sp` is up to date.
#[inline(always)]
pub unsafe fn clear(frame: *mut Frame) {
    // SAFETY: by contract; every word is released once.
    unsafe {
        if !(*frame).frame_object.get().is_null() {
            release_frame_object(frame);
            if (*frame).code.is_null() {
                return;
            }
        }
        let mut at = Frame::locals(frame);
        let end = (*frame).sp;
        while at < end {
            let v = *at;
            *at = Value::NULL;
            decref_or_null(v);
            at = at.add(1);
        }
        decref_or_null((*frame).locals);
        decref((*frame).function);
        decref((*frame).code().value());
    }
}

/// # Safety
/// As [`clear`].
#[cold]
#[inline(never)]
unsafe fn release_frame_object(frame: *mut Frame) {
    // SAFETY: the frame owns the reference to its object.
    unsafe {
        let object = (*frame).frame_object.replace(Value::NULL);
        let frame_object = object.as_obj().downcast_unchecked::<FrameObject>();
        if object.as_obj().refcnt() > 1 {
            frame_object.take_over(frame);
            (*frame).code = std::ptr::null();
        } else {
            frame_object.frame.set(std::ptr::null_mut());
        }
        decref(object);
    }
}

/// The frame object of a frame, made on the first call.
///
/// # Safety
/// `frame` is a live, complete frame.
pub unsafe fn object_of(frame: *mut Frame) -> Ptr<FrameObject> {
    // SAFETY: by contract; the frame keeps one reference to its object.
    unsafe {
        let existing = (*frame).frame_object.get();
        if !existing.is_null() {
            return existing.as_obj().downcast_unchecked::<FrameObject>().to_ptr();
        }
        let object = FrameObject::for_frame(frame);
        (*frame).frame_object.set(object.to_obj().into_value());
        object
    }
}

/// Whether somebody may look at the frame's variables while it runs, or wants to be told of what it does. A frame object
/// that nobody else holds any more is given up: tracebacks leave one in each frame that an exception has passed.
///
/// # Safety
/// `frame` is a live, complete frame.
#[inline(always)]
pub unsafe fn is_watched(frame: *mut Frame) -> bool {
    // SAFETY: by contract.
    unsafe { !(*frame).frame_object.get().is_null() && !gave_up_object(frame) }
}

#[cold]
#[inline(never)]
unsafe fn gave_up_object(frame: *mut Frame) -> bool {
    // SAFETY: the frame owns the reference to its object.
    unsafe {
        let object = (*frame).frame_object.get();
        let forgotten =
            object.as_obj().refcnt() == 1 && object.as_obj().downcast_unchecked::<FrameObject>().says_nothing();
        if forgotten {
            release_frame_object(frame);
        }
        forgotten
    }
}

/// The innermost complete frame of a thread.
pub fn current(thread: &Thread) -> *mut Frame {
    visible(thread.frame.get() as *mut Frame)
}

/// `frame`, or the nearest caller that Python code may see.
pub fn visible(mut frame: *mut Frame) -> *mut Frame {
    // SAFETY: the chain holds live frames.
    unsafe {
        while !frame.is_null() && (*frame).hidden {
            frame = (*frame).previous;
        }
    }
    frame
}

/// The globals of the running Python code.
pub fn current_globals(thread: &Thread) -> Option<Obj> {
    let frame = current(thread);
    // SAFETY: a live frame.
    (!frame.is_null()).then(|| unsafe { (*frame).globals().to_obj() })
}
