//! The operating system: files, processes, threads, time, streams.

use pyrs_runtime::class::ModuleDef;
use pyrs_runtime::errors::PyResult;

/// The definitions of the modules in this folder.
pub fn modules() -> Vec<fn() -> &'static ModuleDef> {
    vec![]
}

/// Runs pending signal handlers.
pub fn check_signals() -> PyResult<()> {
    Ok(())
}

/// Runs the functions registered with `atexit`.
pub fn run_exit_functions() {}

/// Makes `sys.stdin`, `sys.stdout` and `sys.stderr`.
pub fn open_standard_streams() -> PyResult<()> {
    Ok(())
}
