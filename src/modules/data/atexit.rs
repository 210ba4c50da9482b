//! `atexit`: functions to be called at the end of the program.

use pyrs_runtime::call;
use pyrs_runtime::errors::write_unraisable;
use pyrs_runtime::object::{Obj, PyClass};
use pyrs_runtime::objects::dict::Dict;
use pyrs_runtime::objects::list::List;
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::thread::runtime;

const KEY: &str = "atexit.callbacks";

/// The registered calls, each a tuple of function, arguments and keyword arguments; the last one runs first.
fn callbacks() -> Obj {
    if let Some(known) = runtime().registered(KEY) {
        return known;
    }
    let list = List::new().into_obj();
    runtime().register(KEY, list.clone());
    list
}

/// Runs and forgets all registered functions, last in, first out; errors are reported, not raised.
pub fn run_exit_functions() {
    let callbacks = callbacks();
    let Some(list) = callbacks.exact::<List>() else { return };
    while let Some(entry) = list.pop() {
        let Some([function, args, keywords]) = entry.downcast::<Tuple>().map(|t| t.items()) else { continue };
        let args = args.downcast::<Tuple>().map(|t| t.items().to_vec()).unwrap_or_default();
        let keywords = keywords.downcast::<Dict>();
        if let Err(raised) = call::call_dict(function, &args, keywords) {
            let is_exit = raised.matches(pyrs_runtime::objects::exceptions::SystemExit::class());
            if is_exit { raised.discard() } else { write_unraisable(raised, Some(function)) }
        }
    }
}

/// allow programmer to define multiple exit functions to be executed
/// upon normal program termination.
///
/// Two public functions, register and unregister, are defined.
#[pyrs_macros::pymodule(name = "atexit")]
pub mod module {
    use super::callbacks;
    use pyrs_runtime::call::Args;
    use pyrs_runtime::object::Obj;
    use pyrs_runtime::objects::dict::Dict;
    use pyrs_runtime::objects::list::List;
    use pyrs_runtime::objects::tuple::Tuple;
    use pyrs_runtime::protocols::compare;
    use pyrs_runtime::{PyResult, raise};

    /// Register a function to be executed upon normal program termination
    ///
    ///     func - function to be called at exit
    ///     args - optional arguments to pass to func
    ///     kwargs - optional keyword arguments to pass to func
    ///
    ///     func is returned to facilitate usage as a decorator.
    #[pyfunction(text_signature = "($module, func, /, *args, **kwargs)")]
    pub fn register(args: Args<'_>) -> PyResult<Obj> {
        let Some(function) = args.positionals().first() else {
            return Err(raise!(TypeError, "register() takes at least 1 argument (0 given)"));
        };
        if function.class().slots().call.is_none() {
            return Err(raise!(TypeError, "the first argument must be callable"));
        }
        let keywords = Dict::new();
        for (key, value) in args.keywords() {
            keywords.set_str(key, value.clone())?;
        }
        let bound = Tuple::from_slice(&args.positionals()[1..]).into_obj();
        let entry = Tuple::from_vec(vec![function.clone(), bound, keywords.into_obj()]).into_obj();
        if let Some(list) = callbacks().exact::<List>() {
            list.push(entry);
        }
        Ok(function.clone())
    }

    /// Unregister an exit function which was previously registered using
    /// atexit.register
    ///
    ///     func - function to be unregistered
    #[pyfunction]
    pub fn unregister(func: &Obj) -> PyResult<()> {
        let all = callbacks();
        let Some(list) = all.exact::<List>() else { return Ok(()) };
        for entry in list.to_vec() {
            let Some(function) = entry.downcast::<Tuple>().and_then(|t| t.items().first().cloned()) else { continue };
            if compare::equal(func, &function)? {
                // The comparison may have changed the list: the entry is looked for again.
                let removed = list.with(|items| items.iter().position(|e| e.is(&entry)).map(|i| items.remove(i)));
                drop(removed);
            }
        }
        Ok(())
    }

    /// Clear the list of previously registered exit functions.
    #[pyfunction]
    pub fn _clear() {
        if let Some(list) = callbacks().exact::<List>() {
            drop(list.take());
        }
    }

    /// Run all registered exit functions.
    ///
    /// If a callback raises an exception, it is logged with sys.unraisablehook.
    #[pyfunction]
    pub fn _run_exitfuncs() {
        super::run_exit_functions();
    }

    /// Return the number of registered exit functions.
    #[pyfunction]
    pub fn _ncallbacks() -> usize {
        callbacks().exact::<List>().map_or(0, |list| list.len())
    }
}
