//! Traces with their machine code.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::text;
use crate::assemble::Addresses;
use crate::disassemble::{self, Line};
use crate::executor::Executor;
use crate::map::{self, Part};
use crate::state::Jit;

/// What addresses in a trace's code stand for.
struct Names(HashMap<u64, String>);

impl Names {
    fn of(state: &Jit, executor: &Executor) -> Names {
        let Addresses { leave, dealloc, push_frames, true_word, false_word } = state.addresses;
        let fixed = [(leave, "leave"), (dealloc, "dealloc"), (push_frames, "push frames")];
        let mut names: HashMap<u64, String> = fixed.map(|(at, name)| (at as u64, name.to_owned())).into();
        names.extend([(true_word, "True".to_owned()), (false_word, "False".to_owned())]);
        for (number, other) in state.executors.iter().enumerate() {
            names.insert(other.entry as u64, format!("trace {number}"));
        }
        for (at, part) in map::parts(executor) {
            let name = match part {
                Part::Main(k) if k == executor.top && k > 0 => "top".to_owned(),
                Part::Exit(n) => format!("exit {n}"),
                _ => continue,
            };
            names.insert((executor.entry + at) as u64, name);
        }
        Names(names)
    }
}

/// The machine code of a trace, part by part.
pub fn code(out: &mut String, state: &Jit, executor: &Executor) {
    let names = Names::of(state, executor);
    let bytes = state.memory.bytes(executor.entry, executor.length);
    let parts = map::parts(executor);
    for (n, &(begin, part)) in parts.iter().enumerate() {
        let end = parts.get(n + 1).map_or(executor.length, |next| next.0);
        heading(out, executor, part);
        for line in disassemble::lines(&bytes[begin..end], executor.entry + begin) {
            instruction(out, executor.entry + begin, &line, &names);
            // What follows a jump to the side trace, which was written over the stub, is never reached.
            if is_link(executor, part, executor.entry + begin + line.offset) {
                break;
            }
        }
    }
}

/// Whether the instruction at an address is the jump to a side trace.
fn is_link(executor: &Executor, part: Part, address: usize) -> bool {
    let Part::Exit(n) = part else { return false };
    let exit = &executor.exits[n];
    exit.side.is_some() && exit.stub == address
}

fn heading(out: &mut String, executor: &Executor, part: Part) {
    let _ = match part {
        Part::Main(k) | Part::Rest(k) => {
            if k == executor.top && k > 0 && matches!(part, Part::Main(_)) {
                out.push_str("    top:\n");
            }
            out.push_str("    ");
            text::micro_op(out, &executor.body[k]);
            matches!(part, Part::Rest(_)).then(|| out.push_str("      (rest)\n"));
            Ok(())
        }
        Part::Exit(n) => writeln!(out, "    exit {n}:"),
        Part::Veneers => writeln!(out, "    veneers:"),
    };
}

fn instruction(out: &mut String, at: usize, line: &Line, names: &Names) {
    let _ = write!(out, "          {:x}  {}", at + line.offset, line.text);
    if let Some(name) = line.refers_to.and_then(|v| names.0.get(&v)) {
        let _ = write!(out, "  ; {name}");
    }
    out.push('\n');
}
