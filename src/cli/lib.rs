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
    match args::parse(std::env::args_os().collect()) {
        Ok(parsed) => program::main(parsed),
        Err(args::Stop::Exit(code)) => code,
        Err(args::Stop::Fatal(message)) => fatal(&message),
    }
}

/// Reports an error that keeps the runtime from starting.
fn fatal(message: &str) -> i32 {
    let state = if message.starts_with("preconfig_") { "preinitializing" } else { "preinitialized" };
    eprintln!("Fatal Python error: {message}\nPython runtime state: {state}\n");
    1
}
