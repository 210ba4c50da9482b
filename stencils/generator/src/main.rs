//! Compiles the micro-ops' semantics to stencils: `cargo run -p pyrs-stencil-generator -- [--check] [-v]` writes
//! `stencils/x86_64.rs` and `stencils/aarch64.rs`, or compares them with what is there.
//!
//! Cranelift compiles each micro-op at each depth of the register cache to a function that tail-calls its
//! continuations ([`compile`]). The machine code is taken apart ([`decode`]), freed of the frame that nothing uses,
//! split into the main path and the rest, and printed with its holes ([`layout`]). Whatever these passes do not
//! know, they refuse.

mod compile;
mod context;
mod decode;
mod layout;
mod peephole;
mod print;

use std::path::PathBuf;
use std::process::ExitCode;

use pyrs_uops::ALL;

/// An instruction set that stencils are made for.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Target {
    X86_64,
    Aarch64,
}

impl Target {
    fn triple(self) -> &'static str {
        match self {
            Target::X86_64 => "x86_64-unknown-linux-gnu",
            Target::Aarch64 => "aarch64-unknown-linux-gnu",
        }
    }

    fn file(self) -> &'static str {
        match self {
            Target::X86_64 => "x86_64.rs",
            Target::Aarch64 => "aarch64.rs",
        }
    }
}

fn main() -> ExitCode {
    let check = std::env::args().any(|a| a == "--check");
    let verbose = std::env::args().any(|a| a == "-v");
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let mut stale = false;
    for target in [Target::X86_64, Target::Aarch64] {
        let text = generate(target, verbose);
        let path = folder.join(target.file());
        if check {
            let same = std::fs::read_to_string(&path).is_ok_and(|old| old == text);
            if !same {
                eprintln!("{} differs from what the semantics compile to", path.display());
            }
            stale |= !same;
        } else {
            std::fs::write(&path, &text).expect("the stencils can be written");
            println!("{}: {} bytes of text", target.file(), text.len());
        }
    }
    if stale { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn generate(target: Target, verbose: bool) -> String {
    let isa = compile::isa(target);
    let mut printer = print::Printer::default();
    for &uop in ALL {
        for depth in uop.variants() {
            let code = compile::stencil(&*isa, uop, depth);
            let instructions = decode::decode(target, &code);
            let stencil = layout::layout(target, instructions);
            if verbose {
                println!("{} {}/{}\n{}", uop.info().name, depth.ints, depth.floats, stencil.listing);
            }
            printer.add(uop, depth, &stencil);
        }
    }
    printer.finish(target)
}
