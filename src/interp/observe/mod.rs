//! Other dispatch tables: what is off by default and costs nothing then.
//!
//! The handlers of a table made here see every instruction before its ordinary handler runs: [`stats`] counts them
//! (`-X opstats`), [`tally`] does so for the JIT, [`stress`] and [`general`] change how they are specialized
//! (`-X specialize=stress`, `=off`). An instruction that the one before it did along with its own work (see
//! [`crate::dispatch`]) is not seen.

mod operands;
pub mod stats;
mod stress;
mod tally;

use pyrs_bytecode::{Opcode, for_each_opcode};
use pyrs_runtime::value::Value;

use crate::dispatch::{self, Handler, TABLE, Table};
use crate::frame::Frame;
use crate::handlers::misc::unknown;

/// What is to be done to all code that is entered from now on.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Mode {
    /// Count instructions, hits and misses.
    Count,
    /// Count instructions.
    Tally,
    /// Specialize at the first execution, and take it back at random.
    Stress,
    /// Never specialize.
    General,
}

macro_rules! make_tables {
    ($(($variant:ident, $($row:tt)*);)* pseudo: $($pseudo:tt)*) => {
        static COUNTING: Table = {
            let mut handlers = [unknown as Handler; 256];
            $(handlers[Opcode::$variant as usize] = stats::counted::<{ Opcode::$variant as u8 }>;)*
            Table(handlers)
        };
        static TALLYING: Table = {
            let mut handlers = [unknown as Handler; 256];
            $(handlers[Opcode::$variant as usize] = tally::tallied::<{ Opcode::$variant as u8 }>;)*
            Table(handlers)
        };
        static STRESSING: Table = {
            let mut handlers = [unknown as Handler; 256];
            $(handlers[Opcode::$variant as usize] = stress::stressed::<{ Opcode::$variant as u8 }>;)*
            Table(handlers)
        };
        static GENERAL: Table = {
            let mut handlers = [unknown as Handler; 256];
            $(handlers[Opcode::$variant as usize] = stress::general::<{ Opcode::$variant as u8 }>;)*
            Table(handlers)
        };
    };
}
for_each_opcode!(make_tables);

/// Changes the mode for all code that is entered from now on.
pub fn set_mode(mode: Mode) {
    dispatch::enter_with(match mode {
        Mode::Count => {
            stats::start();
            &COUNTING
        }
        Mode::Tally => &TALLYING,
        Mode::Stress => &STRESSING,
        Mode::General => &GENERAL,
    });
}

/// Whether instructions go straight to their ordinary handlers.
pub fn is_off() -> bool {
    std::ptr::eq(dispatch::entry_table(), &TABLE)
}

/// How often each opcode was executed, if the mode is one that counts.
pub fn executions() -> Option<[u64; 256]> {
    let table = dispatch::entry_table();
    if std::ptr::eq(table, &TALLYING) { Some(tally::executions()) } else { stats::executions() }
}

/// The handler that goes on with an instruction which `table` has already shown to its observer.
#[inline(never)]
pub fn handler(table: *const Table, opcode: u8) -> Handler {
    let observing = [&COUNTING, &TALLYING, &STRESSING, &GENERAL].into_iter().any(|t| std::ptr::eq(t, table));
    // SAFETY: the interpreter's tables are static.
    let table = if observing { &TABLE } else { unsafe { &*table } };
    table.0[opcode as usize]
}

/// Takes note that an instruction has got a specialized form.
#[inline(never)]
pub fn specialized(opcode: u8) {
    if stats::enabled() {
        stats::specialized(opcode);
    }
}

/// Takes note that an instruction could not be specialized for its operands.
///
/// # Safety
/// The registers are those of a handler.
#[inline(never)]
pub unsafe fn failed(frame: *mut Frame, sp: *mut Value, oparg: usize, general: Opcode) {
    if stats::enabled() {
        // SAFETY: by contract.
        stats::failed(general, unsafe { operands::describe(general, frame, sp, oparg) });
    }
}

/// Whether the first word behind the opcode counts towards specialization.
const fn is_adaptive(opcode: Opcode) -> bool {
    use Opcode::*;
    matches!(
        opcode,
        BinaryOp
            | Call
            | CallKw
            | CompareOp
            | ContainsOp
            | ForIter
            | LoadAttr
            | LoadGlobal
            | LoadSuperAttr
            | Send
            | StoreAttr
            | StoreSubscr
            | ToBool
            | UnpackSequence
    )
}
