//! The command line: arguments, environment, running programs.
//!
//! [`run`] parses the arguments, brings the runtime up ([`start`]) and runs what was asked for; its result is
//! the exit code.

mod args;
mod program;
mod start;

/// Runs `pyrs` with the process's arguments; the result is the exit code.
pub fn run() -> i32 {
    let parsed = match args::parse(std::env::args_os().collect()) {
        Ok(parsed) => parsed,
        Err(code) => return code,
    };
    program::main(parsed)
}
