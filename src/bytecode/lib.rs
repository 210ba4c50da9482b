//! The bytecode: opcodes, code objects, constants, marshal.
//!
//! Everything here is a fact of CPython 3.14's format.  The crate depends on no other part of the
//! project, so that compiler, interpreter and tools derive from the same tables.

mod code;
mod constant;
mod linetable;
pub mod marshal;
mod opcodes;
mod operands;
mod wstr;

pub use code::{CodeObject, ExceptionEntry, ExceptionTable, co_flags, local_kind, write_varint};
pub use constant::{ConstKey, Constant};
pub use linetable::{
    LINES_ONLY, LineTableWriter, LocationEntry, LocationIter, NO_LOCATION_COLUMN, Position, PositionIter,
};
pub use opcodes::{AnyOpcode, HAVE_ARGUMENT, MIN_INSTRUMENTED_OPCODE, Opcode};
pub use operands::*;
pub use wstr::WStr;
