//! Finding the handler of a pending exception.

use pyrs_runtime::heap::decref_or_null;
use pyrs_runtime::object::Obj;
use pyrs_runtime::objects::exceptions;
use pyrs_runtime::objects::traceback::Traceback;
use pyrs_runtime::thread::Thread;
use pyrs_runtime::value::Value;

use crate::frame::{self, Frame};
use crate::instrument;
use crate::monitoring::event;

/// Where an exception went.
pub enum Unwound {
    /// A handler in this frame; its `ip` and `sp` are set.
    Handler(*mut Frame),
    /// Out of the entry frame.
    Left,
}

/// Unwinds frames, from `frame` up to and including the one that native code entered, until one handles the pending
/// exception.
///
/// # Safety
/// An exception is pending; `frame` is the top frame with `ip` at the raising instruction and `sp` up to
/// date, `offset` the place where handlers are looked up.
#[cold]
#[inline(never)]
pub unsafe fn unwind(thread: &Thread, mut frame: *mut Frame, mut add_entry: bool, mut offset: i32) -> Unwound {
    // SAFETY: by contract.
    unsafe {
        loop {
            if add_entry && !(*frame).hidden {
                add_traceback(thread, frame);
            }
            let watched = instrument::exceptions_watched() && !(*frame).hidden;
            if watched {
                let event = if add_entry { event::RAISE } else { event::RERAISE };
                instrument::exception_event(thread, frame, event, None);
            }
            add_entry = true;
            if let Some(handler) = (*frame).code().find_handler(offset as u32) {
                let lasti = (*frame).lasti() / 2;
                if watched {
                    instrument::handler_entered(frame, lasti as usize, handler.target as usize / 2);
                    let target = Some(handler.target as usize / 2);
                    instrument::exception_event(thread, frame, event::EXCEPTION_HANDLED, target);
                    instrument::handler_entered(frame, lasti as usize, handler.target as usize / 2);
                }
                enter_handler(thread, frame, handler.target, handler.depth, handler.lasti.then_some(lasti));
                return Unwound::Handler(frame);
            }
            if watched {
                instrument::exception_event(thread, frame, event::PY_UNWIND, None);
            }
            let previous = (*frame).previous;
            let is_entry = (*frame).is_entry;
            crate::eval::leave_frame(thread, frame);
            if is_entry {
                return Unwound::Left;
            }
            frame = previous;
            offset = (*frame).lasti();
        }
    }
}

/// # Safety
/// As [`unwind`].
unsafe fn enter_handler(thread: &Thread, frame: *mut Frame, target: u32, depth: u32, lasti: Option<i32>) {
    // SAFETY: the table's depth is within the stack; words above it are owned.
    unsafe {
        let base = Frame::stack_base(frame).add(depth as usize);
        let mut sp = (*frame).sp;
        while sp > base {
            sp = sp.sub(1);
            let v = *sp;
            (*frame).sp = sp;
            decref_or_null(v);
        }
        if let Some(lasti) = lasti {
            *sp = Value::from_fixnum(lasti as i64);
            sp = sp.add(1);
        }
        let exc = thread.take_exception().expect("an exception is pending");
        *sp = exc.into_value();
        (*frame).sp = sp.add(1);
        (*frame).ip = (*frame).code().first_unit().add(target as usize / 2);
    }
}

/// Adds the frame to the pending exception's traceback.
///
/// # Safety
/// `frame` is a live, complete frame.
pub unsafe fn add_traceback(thread: &Thread, frame: *mut Frame) {
    let Some(exc) = thread.take_exception() else { return };
    // SAFETY: by contract.
    let (object, lasti) = unsafe { (frame::object_of(frame).into_obj(), (*frame).lasti()) };
    let next = exceptions::traceback(&exc);
    // The line is found when somebody asks.
    let traceback: Obj = Traceback::new(next, object, lasti, -1).into_obj();
    exceptions::set_traceback(&exc, Some(traceback));
    thread.restore_exception(Some(exc));
}
