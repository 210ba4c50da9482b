//! Native code that must not enter the interpreter.
//!
//! Compiled code asks the runtime for operations at places where the interpreter's frames are not as they should be.
//! Most operations of most objects are native all the way down, but that shows only when they run: a key may collide
//! with one whose `__eq__` is written in Python. So such an operation is tried with the interpreter *closed*: whatever
//! would enter it fails, before it has done anything, and the one who asked learns that.
//!
//! It costs nothing where nobody asks: while the interpreter is closed, the count of calls that are left
//! ([`Thread::recursion_remaining`]) is far below zero, and the depth is looked at anyway. What dies during a closed
//! operation may have a finaliser, which is none of the operation's business: [`opened`] lets it run.

use crate::errors::{PyResult, Raised};
use crate::thread::{Thread, current};

/// The count of calls left while the interpreter is closed. Each attempt to enter it takes one away.
const CLOSED: i32 = i32::MIN / 2;

/// No recursion limit makes the count of an open interpreter as low as this.
const HIGHEST_CLOSED: i32 = CLOSED / 2;

/// The result of `f`, if it succeeds without entering the interpreter. The exception of a failure is dropped.
#[inline]
pub fn native_only<T>(thread: &Thread, f: impl FnOnce() -> PyResult<T>) -> Option<T> {
    let calls = &thread.recursion_remaining;
    let (left, around) = (calls.replace(CLOSED), thread.calls_while_closed.get());
    thread.calls_while_closed.set(left);
    let result = f();
    let refused = calls.get() != CLOSED;
    calls.set(thread.calls_while_closed.replace(around));
    match result {
        // Somebody may have caught the exception of the refusal.
        Ok(v) => (!refused).then_some(v),
        Err(raised) => {
            raised.discard();
            None
        }
    }
}

/// Whether the interpreter is closed.
#[inline]
pub fn is_closed(thread: &Thread) -> bool {
    thread.recursion_remaining.get() <= HIGHEST_CLOSED
}

/// The error for what would enter a closed interpreter. It is remembered: catching the exception does not help.
#[cold]
pub fn refuse(thread: &Thread) -> Raised {
    let calls = &thread.recursion_remaining;
    let noted = calls.get() - 1;
    // Making the exception enters nothing.
    let raised = crate::raise!(SystemError, "the interpreter is closed");
    calls.set(noted.min(CLOSED - 1));
    raised
}

/// Runs `f`, a finaliser or a callback, with the interpreter open.
pub fn opened<R>(f: impl FnOnce() -> R) -> R {
    let thread = current();
    if !is_closed(thread) {
        return f();
    }
    let calls = &thread.recursion_remaining;
    let noted = calls.replace(thread.calls_while_closed.get());
    let result = f();
    thread.calls_while_closed.set(calls.replace(noted));
    result
}
