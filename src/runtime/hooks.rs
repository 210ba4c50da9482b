//! The only upward path: what objects need from the interpreter, set once at start.

use std::sync::OnceLock;

use crate::errors::PyResult;
use crate::object::Obj;
use crate::types::Type;

/// Functions that the interpreter and the import system provide to the object model.
pub struct Hooks {
    /// Imports an absolute module name and returns the module itself (not the top package).
    pub import_module: fn(&str) -> PyResult<Obj>,
    /// Reports an exception through `sys.unraisablehook`; the second argument is its source.
    pub write_unraisable: fn(&Obj, Option<&Obj>),
    /// The globals of the calling Python frame, if there is one.
    pub current_globals: fn() -> Option<Obj>,
    /// Runs pending signal handlers (main thread only).
    pub check_signals: fn() -> PyResult<()>,
    /// `super()` without arguments: the class cell and first argument of the calling frame.
    pub super_arguments: fn() -> PyResult<(Obj, Obj)>,
    /// A class changed: caches and compiled code that rely on it are void.
    pub class_modified: fn(&Type),
    /// Issues a warning: category, text, stack level.
    pub warn: fn(&Type, &str, usize) -> PyResult<()>,
    /// Calls a Python function.
    pub function_call: crate::call::VectorCall,
}

static HOOKS: OnceLock<Hooks> = OnceLock::new();

/// Installs the hooks; the first call wins.
pub fn install(hooks: Hooks) {
    let _ = HOOKS.set(hooks);
}

#[inline]
pub fn hooks() -> &'static Hooks {
    HOOKS.get().expect("hooks are installed before Python code runs")
}
