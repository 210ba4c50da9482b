//! `--dump-traces`: what has been compiled, and what share of the program ran in it.

mod code;
mod json;
mod summary;
mod text;

pub use json::json;
pub use text::{text, text_with_code, trace_text};
