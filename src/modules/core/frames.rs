//! Frames as `locals()`, `sys._getframe` and friends need them.

use pyrs_interp::frame::{self, Frame};
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::object::Obj;
use pyrs_runtime::{raise, thread};

/// `locals()` in a frame.
pub fn locals_of(frame: *mut Frame) -> PyResult<Obj> {
    pyrs_interp::frame_object::locals_of_frame(frame)
}

/// The frame object `depth` calls up.
pub fn frame_object(depth: usize) -> PyResult<Obj> {
    pyrs_interp::frame_object::nth(thread::current(), depth)
        .ok_or_else(|| raise!(ValueError, "call stack is not deep enough"))
}

/// The innermost frame, if Python code is running.
pub fn has_frame() -> bool {
    !frame::current(thread::current()).is_null()
}
