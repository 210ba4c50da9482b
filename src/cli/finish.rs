//! Bringing the runtime down: threads, `atexit`, streams, and then the modules, so that finalisers run.

use std::cell::Cell;

use pyrs_modules::core;
use pyrs_runtime::heap::cycles;
use pyrs_runtime::heap::weakref::WeakRef;
use pyrs_runtime::object::{Obj, Object, PyClass};
use pyrs_runtime::objects::dict::Dict;
use pyrs_runtime::objects::module::Module;
use pyrs_runtime::objects::singletons::none;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::weakref;
use pyrs_runtime::protocols::attr;
use pyrs_runtime::{call, name, thread};

thread_local! {
    /// How many modules and how many names in `__main__` there were when the program started.
    static STARTED: Cell<Option<(usize, usize)>> = const { Cell::new(None) };
}

/// Notes what there is before the program runs: if it leaves nothing behind, the end is quicker.
pub fn remember_start() {
    let modules = thread::runtime().modules.get();
    if let Some(modules) = modules.as_ref().and_then(|m| m.downcast::<Dict>()) {
        STARTED.set(Some((modules.len(), program_names(modules))));
    }
}

fn program_names(modules: &Object<Dict>) -> usize {
    let main = modules.get_text("__main__");
    main.as_ref().and_then(|m| m.downcast::<Module>()).map_or(0, |m| m.dict().len())
}

/// Runs what is due at the end. False if flushing a standard stream failed.
pub fn finish() -> bool {
    let rt = thread::runtime();
    let modules = rt.modules.get();
    let modules = modules.as_ref().and_then(|m| m.downcast::<Dict>());
    if let Some(threading) = modules.and_then(|m| m.get_text("threading"))
        && let Err(raised) = call::call_method(&threading, "_shutdown", &[])
    {
        pyrs_runtime::errors::write_unraisable(raised, Some(&threading));
    }
    if modules.is_some_and(|m| m.get_text("atexit").is_some()) {
        pyrs_modules::os::run_exit_functions();
    }
    let fine = flush_streams();
    rt.finalizing.set(true);
    thread::set_finalizing();
    if let Some(modules) = modules {
        clear_modules(modules);
    }
    if core::flags().malloc_stats {
        core::sys_objects::print_memory_statistics();
    }
    // Finalisers may have written something.
    fine && flush_streams()
}

/// Flushes stdout and stderr; false if one of them could not be.
fn flush_streams() -> bool {
    let mut fine = true;
    for name in ["stdout", "stderr"] {
        let Some(stream) = core::sys_attribute(name).filter(|s| !s.is_none()) else { continue };
        let closed = attr::getattr_optional(&stream, name!("closed"))
            .and_then(|c| c.map_or(Ok(false), |c| pyrs_runtime::protocols::truth::is_true(&c)));
        match closed {
            Ok(true) => continue,
            Ok(false) => {}
            Err(raised) => raised.discard(),
        }
        match call::call_method(&stream, "flush", &[]) {
            Ok(_) => {}
            Err(raised) if name == "stdout" => {
                fine = false;
                let exc = raised.take();
                let text = "Exception ignored while flushing sys.stdout";
                core::sys_objects::write_unraisable_message(&exc, Some(text), None);
            }
            Err(raised) => {
                fine = false;
                raised.discard();
            }
        }
    }
    fine
}

/// Lets go of all modules, the program's own first, so that what they hold is finalised while the rest still works.
fn clear_modules(modules: &Object<Dict>) {
    let sys = core::sys_attribute("modules").and(thread::runtime().sys_dict.get());
    let sys = sys.as_ref().and_then(|s| s.downcast::<Dict>());
    if let Some(sys) = sys {
        for name in ["last_exc", "last_type", "last_value", "last_traceback", "ps1", "ps2", "path_importer_cache"] {
            if sys.get_text(name).is_some() {
                sys.set_text(name, none());
            }
        }
        for (name, original) in [("stdin", "__stdin__"), ("stdout", "__stdout__"), ("stderr", "__stderr__")] {
            if let Some(stream) = sys.get_text(original) {
                sys.set_text(name, stream);
            }
        }
    }
    let entries = modules.entries();
    let is_core = |name: &Obj| {
        name.downcast::<Str>().is_some_and(|n| {
            ["sys", "builtins", "_io", "io", "_frozen_importlib", "_frozen_importlib_external", "_pyrs_importer"]
                .iter()
                .any(|k| n.eq_str(k))
        })
    };
    // What the library holds of the program goes with the program's namespace; its own finalisers have no effect
    // that would be missed, with the exception of open files, which the collector finds.
    let own = |module: &Obj| {
        let Some(module) = module.downcast::<Module>() else { return false };
        match module.get("__file__").filter(|f| !f.is_none()) {
            Some(file) => !is_library_file(&file),
            None => module.get("__spec__").is_none_or(|s| s.is_none()),
        }
    };
    let program: Vec<(Obj, Obj)> = entries.into_iter().filter(|(name, module)| !is_core(name) && own(module)).collect();
    let untouched = STARTED.get() == Some((modules.len(), program_names(modules)));
    // A module that nothing else refers to dies as a whole, with all its names still there for its finalisers.
    let mut watched = Vec::new();
    for (name, module) in &program {
        if let Err(raised) = modules.set(name.clone(), none()) {
            raised.discard();
        }
        match weakref::new_reference(WeakRef::class(), module, None) {
            Ok(reference) => watched.push(reference),
            Err(raised) => raised.discard(),
        }
    }
    drop(program);
    if !untouched {
        cycles::collect(2);
    }
    // Those that are left lose their names, the last first.
    let mut cleared = false;
    for reference in watched.iter().rev() {
        let module = reference.downcast::<WeakRef>().and_then(|r| r.get());
        cleared |= module.is_some();
        if let Some(module) = module.as_ref().and_then(|m| m.downcast::<Module>())
            && module.def.is_none()
        {
            clear_namespace(&module.dict());
        }
    }
    if cleared {
        cycles::collect(2);
    }
    if !untouched {
        close_files();
    }
}

/// Part of the library that is embedded in the executable.
fn is_library_file(file: &Obj) -> bool {
    let Some(file) = file.downcast::<Str>() else { return false };
    let root = pyrs_modules::core::import::library_root();
    file.to_string_lossy().starts_with(&root)
}

/// Empties a module's namespace: names with one underscore first, `__builtins__` last.
fn clear_namespace(dict: &Object<Dict>) {
    let names: Vec<Obj> = dict.keys();
    let text = |name: &Obj| name.downcast::<Str>().map(|n| n.to_string_lossy()).unwrap_or_default();
    let is_private = |n: &str| n.starts_with('_') && !n.starts_with("__");
    for private in [true, false] {
        for name in &names {
            let shown = text(name);
            if is_private(&shown) == private
                && shown != "__builtins__"
                && let Err(raised) = dict.set(name.clone(), none())
            {
                raised.discard();
            }
        }
    }
}

/// Finalises streams that something still refers to, so that nothing that was written is lost.
fn close_files() {
    let standard: Vec<Obj> =
        ["__stdin__", "__stdout__", "__stderr__"].iter().filter_map(|name| core::sys_attribute(name)).collect();
    pyrs_modules::io::flush_open_streams(&cycles::all_objects(None), &standard);
}
