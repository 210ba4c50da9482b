//! What code generation produces: a flat sequence of instructions with labels.

use pyrs_bytecode::AnyOpcode;
use pyrs_parser::ast::Location;

/// The source position of an instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Loc {
    pub line: i32,
    pub end_line: i32,
    pub col: i32,
    pub end_col: i32,
}

impl Loc {
    /// An instruction that belongs to no line.
    pub const NONE: Loc = Loc { line: -1, end_line: -1, col: -1, end_col: -1 };
    /// An instruction that takes the position of the one after it.
    pub const NEXT: Loc = Loc { line: -2, end_line: -2, col: -2, end_col: -2 };

    /// A whole line, without columns of its own.
    pub fn line(line: i32) -> Loc {
        Loc { line, end_line: line, col: 0, end_col: 0 }
    }
}

impl From<Location> for Loc {
    fn from(location: Location) -> Loc {
        Loc {
            line: location.lineno,
            end_line: location.end_lineno,
            col: location.col_offset,
            end_col: location.end_col_offset,
        }
    }
}

/// A jump target.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Label(pub usize);

/// An instruction; the argument of one with a target is the number of a label.
#[derive(Clone, Copy, Debug)]
pub struct Instr {
    pub op: AnyOpcode,
    pub arg: i32,
    pub loc: Loc,
}

/// Instructions and where the labels point.
#[derive(Clone, Debug, Default)]
pub struct InstrSequence {
    pub instrs: Vec<Instr>,
    /// The index of the instruction that each label stands before.
    pub labels: Vec<usize>,
    /// What to put in place of `ANNOTATIONS_PLACEHOLDER`.
    pub annotations: Option<Vec<Instr>>,
}

/// The position of a label that was not used yet.
const UNPLACED: usize = usize::MAX;

impl InstrSequence {
    /// A new label, not placed yet.
    pub fn new_label(&mut self) -> Label {
        self.labels.push(UNPLACED);
        Label(self.labels.len() - 1)
    }

    /// Places a label before the next instruction.
    pub fn use_label(&mut self, label: Label) {
        self.labels[label.0] = self.instrs.len();
    }

    /// Appends an instruction.
    pub fn push(&mut self, op: AnyOpcode, arg: i32, loc: Loc) {
        self.instrs.push(Instr { op, arg, loc });
    }

    /// Puts an instruction before all others.
    pub fn insert_first(&mut self, op: AnyOpcode, arg: i32, loc: Loc) {
        self.instrs.insert(0, Instr { op, arg, loc });
        for position in &mut self.labels {
            if *position != UNPLACED {
                *position += 1;
            }
        }
    }
}

/// Whether an opcode's argument is a jump target, exception handlers included.
pub fn has_target(op: AnyOpcode) -> bool {
    op.has_jump() || op.is_exception_setup()
}
