//! `--dump-traces`: what has been compiled, and what share of the program ran in it.

mod json;
mod summary;
mod text;

pub use json::json;
pub use text::{text, trace_text};

use crate::record::Record;

/// The recorded instructions with their lines.
pub fn listing(records: &[Record]) -> Vec<(u32, String)> {
    records
        .iter()
        .map(|r| {
            // SAFETY: recorded code is alive.
            let code = unsafe { &*r.code };
            // SAFETY: `ip` is in the code.
            let offset = unsafe { r.ip.offset_from(code.first_unit()) } as u32 * 2;
            let line = code.source.line_at(offset).unwrap_or(0);
            let name = code.qualname.to_string_lossy();
            (line as u32, format!("{name}:{line} {offset:4} {} {}", r.opcode.name(), r.oparg))
        })
        .collect()
}
