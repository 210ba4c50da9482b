//! The command line: arguments, environment, running programs.
//!
//! [`run`] parses the arguments, brings the runtime up ([`start`]) and runs what was asked for; its result is
//! the exit code.

mod args;
pub mod early;
mod finish;
mod help;
mod jit;
mod locale;
mod paths;
mod program;
pub mod start;

/// Runs `pyrs` with the process's arguments; the result is the exit code.
pub fn run() -> i32 {
    early::prefer_small_pages();
    std::panic::set_hook(Box::new(report_panic));
    match args::parse(std::env::args_os().collect()) {
        Ok(parsed) => program::main(parsed),
        Err(args::Stop::Exit(code)) => code,
        Err(args::Stop::Fatal(message)) => fatal(&message),
    }
}

/// A panic is a fault of the runtime: it ends the process, as nothing can be relied upon afterwards.
fn report_panic(panic: &std::panic::PanicHookInfo<'_>) {
    let text = panic.payload_as_str().unwrap_or("unknown reason");
    let place = panic.location().map(|at| format!(" ({}:{})", at.file(), at.line())).unwrap_or_default();
    pyrs_modules::lang::faulthandler::fatal_error(&format!("{text}{place}"))
}

/// Reports an error that keeps the runtime from starting.
fn fatal(message: &str) -> i32 {
    let state = if message.starts_with("preconfig_") { "preinitializing" } else { "preinitialized" };
    pyrs_runtime::complain!("Fatal Python error: {message}\nPython runtime state: {state}\n");
    1
}
