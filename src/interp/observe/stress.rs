//! Modes that shake the specializer: they rewrite instructions just before these run.

use std::sync::atomic::{AtomicU64, Ordering};

use pyrs_bytecode::Opcode;
use pyrs_macros::handler;
use pyrs_runtime::objects::inline_cache::counter;
use pyrs_runtime::value::Value;

use super::is_adaptive;
use crate::dispatch::{Regs, TABLE};

/// Specializes an adaptive instruction at once, most of the time, and takes back its form now and then.
#[handler]
pub unsafe fn stressed<const OPCODE: u8>(m: Regs) -> Value {
    let opcode = shake(m.ip, OPCODE);
    m.tail(TABLE.0[opcode as usize])
}

/// Runs the general form of every instruction.
#[handler]
pub unsafe fn general<const OPCODE: u8>(m: Regs) -> Value {
    let opcode = generalize(m.ip, OPCODE);
    m.tail(TABLE.0[opcode as usize])
}

/// Chooses the form in which the instruction at `ip` runs this time.
unsafe fn shake(ip: *mut u16, number: u8) -> u8 {
    let Some(opcode) = Opcode::from_u8(number) else { return number };
    let base = opcode.deopt();
    if !is_adaptive(base) || opcode.is_instrumented() {
        return number;
    }
    let dice = random();
    // SAFETY: the counter follows the instruction.
    unsafe {
        if opcode != base && dice.is_multiple_of(8) {
            rewrite(ip, number, base);
            *ip.add(1) = 0;
            return base as u8;
        }
        // A form that misses is replaced at once; a general one may first run as such.
        *ip.add(1) = if opcode == base && dice.is_multiple_of(4) { counter::ONE } else { 0 };
    }
    number
}

unsafe fn generalize(ip: *mut u16, number: u8) -> u8 {
    let Some(opcode) = Opcode::from_u8(number) else { return number };
    let base = opcode.deopt();
    if !is_adaptive(base) || opcode.is_instrumented() {
        return number;
    }
    // SAFETY: as above.
    unsafe {
        rewrite(ip, number, base);
        *ip.add(1) = counter::COOLDOWN;
    }
    base as u8
}

/// Writes `base` over `number`, unless a tool watches the instruction.
unsafe fn rewrite(ip: *mut u16, number: u8, base: Opcode) {
    // SAFETY: `ip` is at an instruction of running code.
    unsafe {
        if *ip as u8 == number {
            *ip = (*ip & 0xff00) | base as u16;
        }
    }
}

/// A step of xorshift: the same program is shaken in the same way each time.
fn random() -> u64 {
    static STATE: AtomicU64 = AtomicU64::new(0x9e37_79b9_7f4a_7c15);
    let mut x = STATE.load(Ordering::Relaxed);
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    STATE.store(x, Ordering::Relaxed);
    x >> 11
}
