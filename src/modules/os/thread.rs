//! `_thread`: native threads and locks.

use pyrs_macros::pymodule;

/// This module provides primitive operations to write multi-threaded programs.
/// The 'threading' module provides a more convenient interface.
#[pymodule(
    name = "_thread",
    classes(
        crate::os::locks::Lock,
        crate::os::locks::RLock,
        crate::os::locks::ThreadHandle,
        crate::os::locks::Local,
        crate::os::locks::ExceptHookArgs
    )
)]
pub mod thread {
    use pyrs_runtime::args::Maybe;
    use pyrs_runtime::call;
    use pyrs_runtime::errors::PyResult;
    use pyrs_runtime::object::{Obj, Object, PyClass};
    use pyrs_runtime::objects::dict::Dict;
    use pyrs_runtime::objects::module::Module;
    use pyrs_runtime::objects::str::Str;
    use pyrs_runtime::objects::tuple::Tuple;
    use pyrs_runtime::objects::{exceptions, float};
    use pyrs_runtime::protocols::attr;
    use pyrs_runtime::{raise, thread};

    use crate::os::locks::{self, ThreadHandle};

    /// Start a new thread and return its identifier.
    ///
    /// The thread will call the function with positional arguments from the
    /// tuple args and keyword arguments taken from the optional dictionary
    /// kwargs.  The thread exits when the function returns; the return value
    /// is ignored.  The thread will also exit when the function raises an
    /// unhandled exception; a stack trace will be printed unless the exception
    /// is SystemExit.
    #[pyfunction(sig = "(function, args, kwargs=<unrepresentable>, /)", text_signature = "")]
    fn start_new_thread(function: Obj, args: &Object<Tuple>, kwargs: Maybe<&Object<Dict>>) -> PyResult<u64> {
        if function.class().slots().call.is_none() {
            return Err(raise!(TypeError, "first arg must be callable"));
        }
        let handle = ThreadHandle::create();
        locks::start(function, args.to_ptr(), kwargs.0.map(Object::to_ptr), &handle, true)
    }

    /// Deprecated alias of start_new_thread().
    #[pyfunction(sig = "(function, args, kwargs=<unrepresentable>, /)", text_signature = "")]
    fn start_new(function: Obj, args: &Object<Tuple>, kwargs: Maybe<&Object<Dict>>) -> PyResult<u64> {
        start_new_thread(function, args, kwargs)
    }

    /// For internal use only: start a new thread.
    #[pyfunction(sig = "(function, handle=None, daemon=True)")]
    fn start_joinable_thread(function: Obj, handle: Option<&Object<ThreadHandle>>, daemon: bool) -> PyResult<Obj> {
        if function.class().slots().call.is_none() {
            return Err(raise!(TypeError, "thread function must be callable"));
        }
        let handle = handle.map_or_else(ThreadHandle::create, Object::to_ptr);
        locks::start(function, Tuple::empty(), None, &handle, daemon)?;
        Ok(handle.into())
    }

    /// Return True if daemon threads are allowed in the current interpreter.
    #[pyfunction]
    fn daemon_threads_allowed() -> bool {
        true
    }

    /// Create a new lock object.
    #[pyfunction]
    fn allocate_lock() -> Obj {
        locks::Lock::create()
    }

    /// Deprecated alias of allocate_lock().
    #[pyfunction]
    fn allocate() -> Obj {
        locks::Lock::create()
    }

    /// Exit the current thread by raising SystemExit.
    #[pyfunction]
    fn exit() -> PyResult<()> {
        Err(pyrs_runtime::errors::raise_without_arguments(exceptions::SystemExit::class()))
    }

    /// Return a non-zero integer that uniquely identifies the current thread.
    #[pyfunction]
    fn get_ident() -> u64 {
        thread::current().id
    }

    /// Return a non-negative integer identifying the thread as reported by the OS.
    #[pyfunction]
    fn get_native_id() -> i64 {
        // SAFETY: no arguments, cannot fail.
        unsafe { libc::syscall(libc::SYS_gettid) }
    }

    /// Simulate the effect of a signal arriving, by default SIGINT, in the main thread.
    #[pyfunction(sig = "(signum=2, /)")]
    fn interrupt_main(signum: i32) -> PyResult<()> {
        crate::os::trip_signal(signum)?;
        // In the main thread the handler runs at once.
        crate::os::check_signals()
    }

    /// Return the number of threads currently running.
    #[pyfunction]
    fn _count() -> usize {
        locks::running()
    }

    /// Return the thread stack size used when creating new threads.
    #[pyfunction(sig = "(size=0, /)")]
    fn stack_size(size: i64) -> PyResult<usize> {
        if size < 0 {
            return Err(raise!(ValueError, "size must be 0 or a positive value"));
        }
        if size != 0 && size < 32768 {
            return Err(raise!(ValueError, "size not valid: {size} bytes"));
        }
        Ok(locks::set_stack_size(size as usize))
    }

    /// Handle uncaught Thread.run() exception.
    #[pyfunction]
    fn _excepthook(args: &Obj) -> PyResult<()> {
        let exc_type = attr::getattr_text(args, "exc_type")?;
        if pyrs_runtime::types::as_type(&exc_type).is_some_and(|t| t.is_subclass(exceptions::SystemExit::class())) {
            return Ok(());
        }
        let thread = attr::getattr_text(args, "thread")?;
        let name = if thread.is_none() {
            Str::new(&thread::current().id.to_string()).into()
        } else {
            attr::getattr_text(&thread, "name")?
        };
        let Some(stderr) = crate::core::sys_attribute("stderr").filter(|s| !s.is_none()) else { return Ok(()) };
        let text = format!("Exception in thread {}:\n", pyrs_runtime::protocols::text::str_text(&name)?);
        call::call_method(&stderr, "write", &[Str::new(&text).into()])?;
        let (value, traceback) = (attr::getattr_text(args, "exc_value")?, attr::getattr_text(args, "exc_traceback")?);
        crate::core::sys_objects::print_exception(&value, &traceback)
    }

    /// Internal only. Return True if the calling thread is the main thread.
    #[pyfunction]
    fn _is_main_interpreter() -> bool {
        true
    }

    /// Internal only. Return the ident of the main thread.
    #[pyfunction]
    fn _get_main_thread_ident() -> u64 {
        thread::runtime().main_thread.get()
    }

    /// Internal only. Make a thread handle for an ident.
    #[pyfunction]
    fn _make_thread_handle(ident: u64) -> Obj {
        ThreadHandle::for_ident(ident).into()
    }

    /// Join all non-daemon threads.
    #[pyfunction]
    fn _shutdown() -> PyResult<()> {
        locks::join_all()
    }

    /// Set the name of the current thread.
    #[pyfunction]
    fn set_name(name: &Object<Str>) -> PyResult<()> {
        let mut text: Vec<u8> = name.to_string_lossy().into_bytes();
        text.truncate(15);
        text.retain(|b| *b != 0);
        text.push(0);
        // SAFETY: a NUL-terminated name for the calling thread.
        unsafe { libc::pthread_setname_np(libc::pthread_self(), text.as_ptr().cast()) };
        Ok(())
    }

    #[module_exec]
    fn exec_module(module: &Object<Module>) -> PyResult<()> {
        module.add("TIMEOUT_MAX", float::new(9223372036.0));
        module.add("error", exceptions::RuntimeError::class().to_obj());
        module.add("LockType", locks::Lock::class().to_obj());
        Ok(())
    }
}
