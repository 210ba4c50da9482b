//! The command line: arguments, environment, running programs.
pub fn run() -> i32 { 0 }
