//! The operating system: files, processes, threads, time.

pub mod accounts;
pub mod descriptors;
pub mod fcntl;
pub mod locale;
pub mod locks;
pub mod mmap;
pub mod paths;
pub mod posix;
pub mod process;
pub mod queue;
pub mod resource;
pub mod scandir;
pub mod semaphores;
pub mod signal;
pub mod stat;
pub mod subprocess;
pub mod support;
pub mod syslog;
pub mod termios;
pub mod thread;
pub mod time;

use pyrs_runtime::class::ModuleDef;

pub use signal::{check_signals, trip_signal};

/// The definitions of the modules in this folder.
pub fn modules() -> Vec<fn() -> &'static ModuleDef> {
    vec![
        accounts::grp::def,
        accounts::pwd::def,
        fcntl::fcntl::def,
        locale::locale::def,
        mmap::mmap::def,
        posix::posix::def,
        queue::queue::def,
        resource::resource::def,
        semaphores::multiprocessing::def,
        semaphores::posixshmem::def,
        stat::stat::def,
        subprocess::subprocess::def,
        syslog::syslog::def,
        termios::termios::def,
        signal::signal::def,
        thread::thread::def,
        time::time::def,
    ]
}

/// Runs the functions registered with `atexit`.
pub fn run_exit_functions() {
    if let Ok(module) = crate::core::import::import_module("atexit").map_err(pyrs_runtime::Raised::discard)
        && let Err(raised) = pyrs_runtime::call::call_method(&module, "_run_exitfuncs", &[])
    {
        pyrs_runtime::errors::write_unraisable(raised, None);
    }
}
