//! Stencils as Rust source.

use std::fmt::Write as _;

use pyrs_uops::{Depth, Patch, Uop};

use crate::Target;
use crate::layout::Layout;

#[derive(Default)]
pub struct Printer {
    rows: String,
    count: usize,
    bytes: usize,
}

impl Printer {
    pub fn add(&mut self, uop: Uop, depth: Depth, stencil: &Layout) {
        self.count += 1;
        self.bytes += stencil.hot.len() + stencil.cold.len();
        let mut patches = String::new();
        for p in &stencil.patches {
            let Patch { cold, offset, encoding, hole, addend } = p;
            write!(patches, "P({}, {offset}, {encoding:?}, {hole:?}, {addend}), ", *cold as u8).expect("a string");
        }
        let name = format!("{uop:?}");
        let Depth { ints, floats } = depth;
        writeln!(
            self.rows,
            "    (Uop::{name}, {ints}, {floats}, b\"{}\", b\"{}\", &[{}]),",
            hex(&stencil.hot),
            hex(&stencil.cold),
            patches.trim_end_matches(", ")
        )
        .expect("a string");
    }

    pub fn finish(self, target: Target) -> String {
        format!(
            "// Made by `cargo run -p pyrs-stencil-generator` from src/semantics for {}; do not edit.\n\
             // {} stencils, {} bytes of machine code.\n\
             // Micro-op, cached words, cached doubles, main path, rest, holes.\n\
             &[\n{}]\n",
            target.triple(),
            self.count,
            self.bytes,
            self.rows.replace("Runtime(", "Hole::Runtime(Runtime::"),
        )
    }
}

/// The bytes as an escaped byte string.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("\\x{b:02x}")).collect()
}
