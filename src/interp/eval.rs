//! Entering the interpreter: from native code, and for modules and classes.
//!
//! A call from native code makes an entry frame and runs the [dispatch loop](crate::dispatch) on it. A
//! Python-to-Python call inside pushes a frame and goes on in the same loop; only calls through native code nest
//! it.

use pyrs_runtime::call::Args;
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::heap::decref_or_null;
use pyrs_runtime::native_only;
use pyrs_runtime::object::{Obj, Object};
use pyrs_runtime::objects::code::Code;
use pyrs_runtime::objects::dict::Dict;
use pyrs_runtime::objects::function::Function;
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::thread::Thread;
use pyrs_runtime::value::Value;

use crate::dispatch::run;
use crate::frame::{self, Frame, HEAD_WORDS};
use crate::generator;

/// The namespace of a call that brings none: code of modules takes the globals. Owned, or `NULL`.
pub fn default_namespace(function: &Object<Function>, code: &Object<Code>) -> Value {
    if code.flags & pyrs_bytecode::co_flags::OPTIMIZED != 0 {
        return Value::NULL;
    }
    function.globals.to_obj().into_value()
}

/// Counts one more Python call, or raises RecursionError.
#[inline(always)]
pub fn enter_recursion(thread: &Thread) -> PyResult<()> {
    let left = thread.recursion_remaining.get() - 1;
    thread.recursion_remaining.set(left);
    if left < 0 { too_deep(thread) } else { Ok(()) }
}

#[inline(always)]
pub fn leave_recursion(thread: &Thread) {
    thread.recursion_remaining.set(thread.recursion_remaining.get() + 1);
}

#[cold]
fn too_deep(thread: &Thread) -> PyResult<()> {
    if native_only::is_closed(thread) {
        return Err(native_only::refuse(thread));
    }
    // Room for handlers and tracebacks while the error is on its way.
    if thread.recursion_remaining.get() < -50 {
        thread.recursion_remaining.set(thread.recursion_remaining.get() + 1);
        return Err(pyrs_runtime::raise!(RecursionError, "maximum recursion depth exceeded"));
    }
    let result = pyrs_runtime::raise!(RecursionError, "maximum recursion depth exceeded");
    leave_recursion(thread);
    Err(result)
}

/// Takes the finished top frame down.
///
/// # Safety
/// `frame` is the top frame and `sp` is up to date.
#[inline(always)]
pub unsafe fn leave_frame(thread: &Thread, frame: *mut Frame) {
    // SAFETY: by contract.
    unsafe {
        thread.frame.set((*frame).previous as *mut u8);
        if !(*frame).hidden {
            leave_recursion(thread);
        }
        if (*frame).owner == crate::frame::Owner::Thread {
            frame::clear(frame);
            frame::pop(thread, frame);
        } else {
            generator::finished(thread, frame);
        }
    }
}

/// Calls a Python function from native code.
///
/// # Safety
/// The words follow the calling convention; `callable` is a Function.
pub unsafe extern "C" fn function_vectorcall(
    thread: *mut Thread,
    callable: Value,
    args: *const Value,
    nargs: usize,
    kwnames: Value,
) -> Value {
    // SAFETY: by contract.
    unsafe {
        let thread = &*thread;
        let function = callable.as_obj().downcast_unchecked::<Function>();
        let view = Args::from_raw(args, nargs, kwnames);
        match start_call(thread, function, view, Value::NULL) {
            Ok(frame) => run(thread, frame, false),
            Err(raised) => {
                raised.leave_pending();
                Value::NULL
            }
        }
    }
}

/// Makes and links the entry frame for a call from native code.
///
/// # Safety
/// `locals` is an owned namespace or `NULL`.
pub unsafe fn start_call(
    thread: &Thread,
    function: &Object<Function>,
    args: Args<'_>,
    namespace: Value,
) -> PyResult<*mut Frame> {
    // SAFETY: the new frame has room for its localsplus.
    unsafe {
        if thread.native_stack_is_low() {
            decref_or_null(namespace);
            return Err(pyrs_runtime::thread::native_overflow(""));
        }
        let code = function.code();
        if let Err(raised) = enter_recursion(thread) {
            decref_or_null(namespace);
            return Err(raised);
        }
        let frame = frame::push(thread, HEAD_WORDS + code.frame_size);
        if let Err(raised) = crate::bind::bind(function, code, args, Frame::locals(frame)) {
            frame::pop(thread, frame);
            leave_recursion(thread);
            decref_or_null(namespace);
            return Err(raised);
        }
        let namespace = if namespace.is_null() { default_namespace(function, code) } else { namespace };
        let function = function.to_obj().into_value();
        let previous = thread.frame.get() as *mut Frame;
        frame::init(frame, function, function.as_obj().downcast_unchecked::<Function>().code(), namespace, previous);
        (*frame).is_entry = true;
        thread.frame.set(frame as *mut u8);
        Ok(frame)
    }
}

/// Runs module or class code with its namespace: what `exec` and `__build_class__` do.
pub fn run_code(
    code: &Object<Code>,
    globals: &Object<Dict>,
    namespace: &Obj,
    closure: Option<&Object<Tuple>>,
) -> PyResult<Obj> {
    let builtins = pyrs_runtime::objects::function::builtins_of(globals)?;
    let mut function = Function::new(code.to_ptr(), globals.to_ptr(), builtins);
    if let Some(closure) = closure {
        function = Function::with_closure(function, closure.to_ptr());
    }
    run_function_in(&function, namespace)
}

/// Calls a function without arguments, with a namespace.
pub fn run_function_in(function: &Object<Function>, namespace: &Obj) -> PyResult<Obj> {
    let thread = pyrs_runtime::thread::current();
    // SAFETY: the frame is made for this call; the result follows the convention.
    unsafe {
        let frame = start_call(thread, function, Args::EMPTY, namespace.clone().into_value())?;
        pyrs_runtime::call::result(run(thread, frame, false))
    }
}
