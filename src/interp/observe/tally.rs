//! The cheapest of the counting tables: executions by opcode and nothing else, for the JIT's summary of what was left
//! to the interpreter.

use std::sync::atomic::{AtomicU64, Ordering};

use pyrs_macros::handler;
use pyrs_runtime::value::Value;

use crate::dispatch::{Regs, TABLE};

static EXECUTIONS: [AtomicU64; 256] = [const { AtomicU64::new(0) }; 256];

/// Counts an instruction and executes it.
#[handler]
pub unsafe fn tallied<const OPCODE: u8>(m: Regs) -> Value {
    // Not one exchange: only the GIL's holder comes here.
    let count = EXECUTIONS[OPCODE as usize].load(Ordering::Relaxed);
    EXECUTIONS[OPCODE as usize].store(count + 1, Ordering::Relaxed);
    m.tail(TABLE.0[OPCODE as usize])
}

/// Executions by opcode since the mode was set.
pub fn executions() -> [u64; 256] {
    std::array::from_fn(|n| EXECUTIONS[n].load(Ordering::Relaxed))
}
