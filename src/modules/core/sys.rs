//! `sys`.

use pyrs_macros::pymodule;

/// This module provides access to some objects used or maintained by the
/// interpreter and to functions that interact strongly with the interpreter.
#[pymodule(name = "sys")]
pub mod sys {
    use pyrs_runtime::args::Maybe;
    use pyrs_runtime::call::{self, Args};
    use pyrs_runtime::errors::{PyResult, Raised, raise_class};
    use pyrs_runtime::heap::alloc;
    use pyrs_runtime::object::{Obj, Object, PyClass};
    use pyrs_runtime::objects::exceptions::{self, SystemExit};
    use pyrs_runtime::objects::module::Module;
    use pyrs_runtime::objects::singletons::none;
    use pyrs_runtime::objects::str::Str;
    use pyrs_runtime::objects::tuple::Tuple;
    use pyrs_runtime::objects::{dict::Dict, int};
    use pyrs_runtime::protocols::{attr, text};
    use pyrs_runtime::thread::{self, runtime};
    use pyrs_runtime::{name, raise};

    use crate::core::sys_objects;
    use pyrs_interp::trace;

    /// Exit the interpreter by raising SystemExit(status).
    ///
    /// If the status is omitted or None, it defaults to zero (i.e., success).
    /// If the status is an integer, it will be used as the system exit status.
    /// If it is another kind of object, it will be printed and the system
    /// exit status will be one (i.e., failure).
    #[pyfunction(sig = "(status=None, /)")]
    fn exit(status: Maybe<Obj>) -> PyResult<()> {
        let args: Vec<Obj> = match status.0 {
            Some(s) if s.exact::<Tuple>().is_some() => s.exact::<Tuple>().expect("checked").items().to_vec(),
            Some(s) => vec![s],
            None => vec![],
        };
        Err(raise_class(SystemExit::class(), &args))
    }

    /// Return the reference count of object.
    ///
    /// The count returned is generally one higher than you might expect,
    /// because it includes the (temporary) reference as an argument to
    /// getrefcount().
    #[pyfunction]
    fn getrefcount(object: &Obj) -> i64 {
        let count = object.refcnt();
        if count >= pyrs_runtime::object::IMMORTAL_LIMIT { u32::MAX as i64 } else { count }
    }

    /// getsizeof(object [, default]) -> int
    ///
    /// Return the size of object in bytes.
    #[pyfunction(sig = "(object, default=<unrepresentable>)", text_signature = "")]
    fn getsizeof(object: &Obj, default: Maybe<Obj>) -> PyResult<Obj> {
        let size = match call::call_special(object, name!("__sizeof__"), &[]) {
            Ok(Some(size)) => size,
            Ok(None) => {
                return match default.0 {
                    Some(d) => Ok(d),
                    None => Err(raise!(TypeError, "Type {} doesn't define __sizeof__", object.class().name())),
                };
            }
            Err(raised) => match default.0 {
                Some(d) if raised.matches(exceptions::TypeError::class()) => {
                    raised.discard();
                    return Ok(d);
                }
                _ => return Err(raised),
            },
        };
        match int::to_i64(&size) {
            Some(n) if n >= 0 => {
                Ok(int::new(n + if object.class().is_gc() && object.value().is_pointer_or_null() { 16 } else { 0 }))
            }
            Some(_) => Err(raise!(ValueError, "__sizeof__() should return >= 0")),
            None => Err(raise!(TypeError, "'{}' object cannot be interpreted as an integer", size.class().name())),
        }
    }

    /// Return the number of memory blocks currently allocated.
    #[pyfunction]
    fn getallocatedblocks() -> usize {
        alloc::heap().allocated_blocks()
    }

    /// Print debug info to stderr about the state of the object allocator.
    #[pyfunction]
    fn _debugmallocstats() {
        sys_objects::print_memory_statistics();
    }

    /// Return the current default encoding used by the Unicode implementation.
    #[pyfunction]
    fn getdefaultencoding() -> &'static str {
        "utf-8"
    }

    /// Return the encoding used to convert Unicode filenames to OS filenames.
    #[pyfunction]
    fn getfilesystemencoding() -> &'static str {
        "utf-8"
    }

    /// Return the error mode used Unicode to OS filename conversion.
    #[pyfunction]
    fn getfilesystemencodeerrors() -> &'static str {
        "surrogateescape"
    }

    /// ``Intern'' the given string.
    ///
    /// This enters the string in the (global) table of interned strings whose
    /// purpose is to speed up dictionary lookups. Return the string itself or
    /// the previously interned string object with the same value.
    #[pyfunction]
    fn intern(string: &Object<Str>) -> PyResult<Obj> {
        if !std::ptr::eq(string.class(), Str::class()) {
            return Err(raise!(TypeError, "can't intern {}", string.class().name()));
        }
        Ok(Str::intern_ptr(string.to_ptr()).into())
    }

    /// Return True if the given string is "interned".
    #[pyfunction]
    fn _is_interned(string: &Object<Str>) -> bool {
        string.is_interned()
    }

    /// Return True if the given object is "immortal" per PEP 683.
    #[pyfunction]
    fn _is_immortal(op: &Obj) -> bool {
        op.refcnt() >= pyrs_runtime::object::IMMORTAL_LIMIT
    }

    /// Return True if the GIL is currently enabled and False otherwise.
    #[pyfunction]
    fn _is_gil_enabled() -> bool {
        true
    }

    /// Return the current value of the recursion limit.
    #[pyfunction]
    fn getrecursionlimit() -> i32 {
        runtime().recursion_limit.get()
    }

    /// Set the maximum depth of the Python interpreter stack to n.
    ///
    /// This limit prevents infinite recursion from causing an overflow of the C
    /// stack and crashing Python.  The highest possible limit is platform-
    /// dependent.
    #[pyfunction]
    fn setrecursionlimit(limit: i32) -> PyResult<()> {
        if limit < 1 {
            return Err(raise!(ValueError, "recursion limit must be greater or equal than 1"));
        }
        let rt = runtime();
        let thread = thread::current();
        let used = rt.recursion_limit.get() - thread.recursion_remaining.get();
        if used >= limit {
            return Err(raise!(
                RecursionError,
                "cannot set the recursion limit to {limit} at the recursion depth {used}: the limit is too low"
            ));
        }
        thread.recursion_remaining.set(limit - used);
        rt.recursion_limit.set(limit);
        Ok(())
    }

    /// Return the maximum string digits limit for non-binary int<->str conversions.
    #[pyfunction]
    fn get_int_max_str_digits() -> usize {
        runtime().int_max_str_digits.get()
    }

    /// Set the maximum string digits limit for non-binary int<->str conversions.
    #[pyfunction(sig = "(maxdigits)")]
    fn set_int_max_str_digits(maxdigits: i64) -> PyResult<()> {
        if maxdigits != 0 && maxdigits < 640 {
            return Err(raise!(ValueError, "maxdigits must be >= 640 or 0 for unlimited"));
        }
        runtime().int_max_str_digits.set(maxdigits as usize);
        Ok(())
    }

    /// Return the current thread switch interval; see sys.setswitchinterval().
    #[pyfunction]
    fn getswitchinterval() -> f64 {
        thread::switch_interval_micros() as f64 / 1e6
    }

    /// Set the ideal thread switching delay inside the Python interpreter.
    #[pyfunction]
    fn setswitchinterval(interval: f64) -> PyResult<()> {
        if interval.is_nan() || interval <= 0.0 {
            return Err(raise!(ValueError, "switch interval must be strictly positive"));
        }
        thread::set_switch_interval_micros((interval * 1e6) as u32);
        Ok(())
    }

    /// Return a frame object from the call stack.
    ///
    /// If optional integer depth is given, return the frame object that many
    /// calls below the top of the stack.
    #[pyfunction(sig = "(depth=0, /)")]
    fn _getframe(depth: i64) -> PyResult<Obj> {
        crate::core::frames::frame_object(depth.max(0) as usize)
    }

    /// Return the name of the module for the calling frame.
    #[pyfunction(sig = "(depth=0)")]
    fn _getframemodulename(depth: i64) -> PyResult<Obj> {
        let Ok(frame) = crate::core::frames::frame_object(depth.max(0) as usize).map_err(Raised::discard) else {
            return Ok(none());
        };
        let globals = attr::getattr(&frame, name!("f_globals"))?;
        Ok(globals.downcast::<Dict>().and_then(|d| d.get_text("__name__")).unwrap_or_else(none))
    }

    /// Return the current exception.
    ///
    /// Return the most recent exception caught by an except clause
    /// in the current stack frame or in an older stack frame, or None
    /// if no such clause exists.
    #[pyfunction]
    fn exception() -> Option<Obj> {
        thread::current().handled_exception()
    }

    /// Return current exception information: (type, value, traceback).
    ///
    /// Return information about the most recent exception caught by an except
    /// clause in the current stack frame or in an older stack frame.
    #[pyfunction]
    fn exc_info() -> Obj {
        match thread::current().handled_exception() {
            Some(exc) => {
                let traceback = exceptions::traceback(&exc).unwrap_or_else(none);
                Tuple::from_vec(vec![exc.class().to_obj(), exc, traceback]).into()
            }
            None => Tuple::from_vec(vec![none(), none(), none()]).into(),
        }
    }

    /// Handle an exception by displaying it with a traceback on sys.stderr.
    #[pyfunction(sig = "(exctype, value, traceback, /)")]
    fn excepthook(exctype: &Obj, value: &Obj, traceback: &Obj) -> PyResult<()> {
        let _ = exctype;
        sys_objects::print_exception(value, traceback)
    }

    /// Handle an unraisable exception.
    #[pyfunction]
    fn unraisablehook(unraisable: &Obj) -> PyResult<()> {
        sys_objects::print_unraisable(unraisable)
    }

    /// Print an object to sys.stdout and also save it in builtins._
    #[pyfunction]
    fn displayhook(object: &Obj) -> PyResult<()> {
        let builtins = runtime().builtins.get().expect("builtins are set up");
        let builtins = builtins.downcast::<Dict>().expect("builtins are a dict");
        if object.is_none() {
            return Ok(());
        }
        builtins.set_text("_", none());
        let Some(stdout) = crate::core::sys_attribute("stdout").filter(|s| !s.is_none()) else {
            return Err(raise!(RuntimeError, "lost sys.stdout"));
        };
        let shown = text::repr(object)?;
        match call::call_method(&stdout, "write", &[shown.to_obj()]) {
            Err(raised) if raised.matches(exceptions::UnicodeEncodeError::class()) => {
                raised.discard();
                sys_objects::write_escaped(&stdout, &shown)?;
            }
            other => other.map(drop)?,
        }
        call::call_method(&stdout, "write", &[Str::new("\n").into()])?;
        builtins.set_text("_", object.clone());
        Ok(())
    }

    /// Run the plain interactive prompt in __main__.
    #[pyfunction]
    fn _baserepl() -> PyResult<()> {
        let repl = (pyrs_runtime::hooks::hooks().import_module)("_pyrs_repl")?;
        call::call_method(&repl, "base_repl", &[]).map(drop)
    }

    /// This hook function is called by built-in breakpoint().
    #[pyfunction(text_signature = "($module, /, *args, **kwargs)")]
    fn breakpointhook(args: Args<'_>) -> PyResult<Obj> {
        let choice = std::env::var("PYTHONBREAKPOINT").unwrap_or_default();
        if choice == "0" {
            return Ok(none());
        }
        let path = if choice.is_empty() { "pdb.set_trace".to_owned() } else { choice };
        let (module, function) = path.rsplit_once('.').unwrap_or(("builtins", &path));
        let found = (pyrs_runtime::hooks::hooks().import_module)(module).and_then(|m| attr::getattr_text(&m, function));
        match found {
            Ok(hook) => call::call_args(&hook, args),
            Err(raised)
                if raised.matches(exceptions::ImportError::class())
                    || raised.matches(exceptions::AttributeError::class())
                    || raised.matches(exceptions::ValueError::class()) =>
            {
                raised.discard();
                let text = format!("Ignoring unimportable $PYTHONBREAKPOINT: \"{path}\"");
                (pyrs_runtime::hooks::hooks().warn)(exceptions::RuntimeWarning::class(), &text, 1)?;
                Ok(none())
            }
            Err(raised) => Err(raised),
        }
    }

    /// Raises an auditing event.
    #[pyfunction(text_signature = "($module, event, /, *args)")]
    fn audit(args: Args<'_>) -> PyResult<()> {
        let Some((event, rest)) = args.positionals().split_first() else {
            return Err(raise!(TypeError, "audit expected at least 1 argument, got 0"));
        };
        if event.downcast::<Str>().is_none() {
            return Err(raise!(TypeError, "expected str for argument 'event', not {}", event.class().name()));
        }
        let event = event.downcast::<Str>().expect("checked").to_string_lossy();
        crate::core::audit(&event, rest)
    }

    /// Adds a new audit hook callback.
    #[pyfunction(sig = "(hook)")]
    fn addaudithook(hook: Obj) {
        match runtime().registered("audit_hooks") {
            Some(hooks) => hooks.downcast::<pyrs_runtime::objects::list::List>().expect("a list").push(hook),
            None => runtime().register("audit_hooks", pyrs_runtime::objects::list::List::from_vec(vec![hook]).into()),
        }
    }

    /// Set the global debug tracing function.
    #[pyfunction]
    fn settrace(function: &Obj) -> PyResult<()> {
        trace::set_trace(thread::current(), Some(function.clone()).filter(|f| !f.is_none()))
    }

    /// Set the global debug tracing function in all running threads belonging to the current interpreter.
    ///
    /// It will be called on each function call. See the debugger chapter
    /// in the library manual.
    #[pyfunction(sig = "(function, /)")]
    fn _settraceallthreads(function: &Obj) -> PyResult<()> {
        settrace(function)
    }

    /// Return the global debug tracing function set with sys.settrace.
    #[pyfunction]
    fn gettrace() -> Option<Obj> {
        thread::current().trace_function.get()
    }

    /// Set the profiling function.
    #[pyfunction]
    fn setprofile(function: &Obj) -> PyResult<()> {
        trace::set_profile(thread::current(), Some(function.clone()).filter(|f| !f.is_none()))
    }

    /// Set the profiling function in all running threads belonging to the current interpreter.
    ///
    /// It will be called on each function call and return.  See the profiler
    /// chapter in the library manual.
    #[pyfunction(sig = "(function, /)")]
    fn _setprofileallthreads(function: &Obj) -> PyResult<()> {
        setprofile(function)
    }

    /// Return the profiling function set with sys.setprofile.
    #[pyfunction]
    fn getprofile() -> Option<Obj> {
        thread::current().profile_function.get()
    }

    /// Enables or disables origin tracking for coroutine objects in this thread.
    #[pyfunction(sig = "(depth)")]
    fn set_coroutine_origin_tracking_depth(depth: i32) -> PyResult<()> {
        if depth < 0 {
            return Err(raise!(ValueError, "depth must be >= 0"));
        }
        thread::current().coroutine_origin_depth.set(depth);
        Ok(())
    }

    /// Check status of origin tracking for coroutine objects in this thread.
    #[pyfunction]
    fn get_coroutine_origin_tracking_depth() -> i32 {
        thread::current().coroutine_origin_depth.get()
    }

    /// set_asyncgen_hooks([firstiter] [, finalizer])
    ///
    /// Set a finalizer for async generators objects.
    #[pyfunction(sig = "(firstiter=<unrepresentable>, finalizer=<unrepresentable>)", text_signature = "")]
    fn set_asyncgen_hooks(firstiter: Maybe<Obj>, finalizer: Maybe<Obj>) -> PyResult<()> {
        let thread = thread::current();
        for (what, value) in [("finalizer", &finalizer), ("firstiter", &firstiter)] {
            if let Some(v) = &value.0
                && !v.is_none()
                && v.class().slots().call.is_none()
            {
                return Err(raise!(TypeError, "callable {what} expected, got {}", v.class().name()));
            }
        }
        if let Some(v) = finalizer.0 {
            thread.async_gen_finalizer.set(Some(v).filter(|v| !v.is_none()));
        }
        if let Some(v) = firstiter.0 {
            thread.async_gen_firstiter.set(Some(v).filter(|v| !v.is_none()));
        }
        Ok(())
    }

    /// Return the installed asynchronous generators hooks.
    #[pyfunction]
    fn get_asyncgen_hooks() -> PyResult<Obj> {
        let thread = thread::current();
        let values = vec![
            thread.async_gen_firstiter.get().unwrap_or_else(none),
            thread.async_gen_finalizer.get().unwrap_or_else(none),
        ];
        sys_objects::struct_sequence("asyncgen_hooks", values)
    }

    /// Return True if Python is exiting.
    #[pyfunction]
    fn is_finalizing() -> bool {
        runtime().finalizing.get()
    }

    /// Return the id of the current frames of all threads.
    #[pyfunction]
    fn _current_frames() -> PyResult<Obj> {
        let dict = Dict::new();
        for (id, frame) in pyrs_interp::frame_object::of_all_threads() {
            dict.set(int::from_u64(id), frame)?;
        }
        Ok(dict.into())
    }

    /// Clear the internal type cache and other specialization caches.
    #[pyfunction]
    fn _clear_internal_caches() {}

    /// Clear the internal type lookup cache.
    #[pyfunction]
    fn _clear_type_cache() {}

    /// Private function for clearing certain descriptors from a type's dictionary.
    ///
    /// See gh-135228 for context.
    #[pyfunction(sig = "(type, /)")]
    fn _clear_type_descriptors(class: &pyrs_runtime::types::Type) -> PyResult<()> {
        if !class.is_heap_type() {
            return Err(raise!(TypeError, "argument is immutable"));
        }
        for attribute in ["__dict__", "__weakref__"] {
            if class.dict().get_text(attribute).is_some() {
                class.dict().remove(&Str::intern(attribute).into())?;
            }
        }
        pyrs_runtime::types::modified(class);
        Ok(())
    }

    /// Return a dict mapping each thread's identifier to its current raised exception.
    ///
    /// This function should be used for specialized purposes only.
    #[pyfunction]
    fn _current_exceptions() -> PyResult<Obj> {
        let dict = Dict::new();
        for (id, exc) in pyrs_interp::frame_object::exceptions_of_all_threads() {
            dict.set(int::from_u64(id), exc)?;
        }
        Ok(dict.into())
    }

    /// Return whether an object keeps its attributes without a dictionary.
    #[pyfunction]
    fn _has_inline_attributes(object: &Obj) -> bool {
        pyrs_runtime::types::shape::has_inline_attributes(object)
    }

    /// Private function for getting PyConfig.cpu_count
    #[pyfunction]
    fn _get_cpu_count_config() -> i32 {
        crate::core::flags().cpu_count.unwrap_or(-1)
    }

    /// Return True if remote debugging is enabled, False otherwise.
    #[pyfunction]
    fn is_remote_debug_enabled() -> bool {
        false
    }

    /// Call a function with the given arguments.
    #[pyfunction]
    fn call_tracing(func: &Obj, args: &Object<Tuple>) -> PyResult<Obj> {
        pyrs_interp::instrument::loudly(|| call::call(func, args.items()))
    }

    /// Return the number of interned strings.
    #[pyfunction(sig = "(*, _only_immortal=False)")]
    fn getunicodeinternedsize(_only_immortal: bool) -> usize {
        // Interned strings live for ever: all are immortal.
        pyrs_runtime::objects::str::interned_count()
    }

    /// Return whether the debug build flag is set.
    #[pyfunction]
    fn activate_stack_trampoline(_backend: &Obj) -> PyResult<()> {
        Err(raise!(ValueError, "perf trampoline not available"))
    }

    #[pyfunction]
    fn deactivate_stack_trampoline() {}

    #[pyfunction]
    fn is_stack_trampoline_active() -> bool {
        false
    }

    /// Return the dlopen flags that are used for importing extension modules.
    #[pyfunction]
    fn getdlopenflags() -> i32 {
        libc::RTLD_NOW
    }

    #[pyfunction]
    fn setdlopenflags(_flags: i32) {}

    #[module_exec]
    fn exec(module: &Object<Module>) -> PyResult<()> {
        runtime().sys_dict.put(module.dict().into());
        sys_objects::fill(module)?;
        let dict = module.dict();
        for hook in ["displayhook", "excepthook", "breakpointhook", "unraisablehook"] {
            if let Some(f) = dict.get_text(hook) {
                dict.set_text(&format!("__{hook}__"), f);
            }
        }
        Ok(())
    }
}

/// Utilities for observing just-in-time compilation.
#[pymodule(name = "sys._jit")]
pub mod jit {
    /// Return True if the current Python executable supports JIT compilation.
    #[pyfunction]
    fn is_available() -> bool {
        true
    }

    /// Return True if JIT compilation is enabled for the current Python process.
    #[pyfunction]
    fn is_enabled() -> bool {
        pyrs_interp::jit::is_installed()
    }

    /// Return True if the topmost Python frame is currently executing JIT code.
    #[pyfunction]
    fn is_active() -> bool {
        pyrs_interp::jit::is_active()
    }
}
