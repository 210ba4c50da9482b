//! `--dump-traces`: what has been compiled, and what share of the program ran in it.

mod json;
mod summary;
mod text;

pub use json::json;
pub use text::{text, trace_text};
