//! Tier 1: instructions that rewrite themselves for what they see (PEP 659).
//!
//! An adaptive instruction counts its executions down in the first word of its inline cache ([`due`]). When the
//! counter runs out, the family's function here looks at the operands, writes the opcode of a specialized form
//! over the instruction and what that form has to compare into the cache words, or backs off for twice as long.
//! A specialized handler that meets something else goes on in the general handler, whose counter then runs
//! towards the next attempt; attribute sites remember several classes ([`InlineCache`] chains) before they
//! forget the first.

pub mod attributes;
pub mod calls;
pub mod iteration;
pub mod names;
pub mod operators;

use pyrs_bytecode::Opcode;
use pyrs_macros::handler;
use pyrs_runtime::objects::inline_cache::{InlineCache, MAX_CHAIN, counter};
use pyrs_runtime::value::Value;

use crate::dispatch::Regs;
use crate::frame::Frame;
use crate::observe;

/// Counts an execution of an adaptive instruction; true if it is to be specialized now.
///
/// # Safety
/// Contract of handlers, of an adaptive instruction's.
#[inline(always)]
pub unsafe fn due(m: &Regs) -> bool {
    // SAFETY: contract of handlers; the counter follows the instruction.
    unsafe {
        let at = m.ip.add(1);
        let left = *at;
        if left < counter::ONE {
            return true;
        }
        *at = left - counter::ONE;
        false
    }
}

/// Reads a 32-bit inline cache entry.
///
/// # Safety
/// The entry lies in the code's units.
#[inline(always)]
pub unsafe fn read_u32(at: *const u16) -> u32 {
    // SAFETY: the entry lies in the code's units.
    unsafe { (at as *const u32).read_unaligned() }
}

/// Writes a 32-bit inline cache entry.
unsafe fn write_u32(at: *mut u16, v: u32) {
    // SAFETY: as above.
    unsafe { (at as *mut u32).write_unaligned(v) }
}

/// The first of a site's caches: an address of 48 bits in three units.
///
/// # Safety
/// The address lies in the code's units, of a family that has caches.
#[inline(always)]
pub unsafe fn cache_at(at: *const u16) -> *mut InlineCache {
    // SAFETY: every family that uses it has three units or more, and at least one instruction follows.
    unsafe { ((at as *const u64).read_unaligned() << 16 >> 16) as *mut InlineCache }
}

unsafe fn set_cache(at: *mut u16, cache: *mut InlineCache) {
    let address = cache as u64;
    // SAFETY: as above.
    unsafe {
        for i in 0..3 {
            *at.add(i) = (address >> (16 * i)) as u16;
        }
    }
}

/// Gives an instruction that has the general form another one; false if it has a third, as where a tool watches it.
///
/// # Safety
/// `ip` is at an instruction of living code.
#[inline(always)]
pub unsafe fn rewrite_if(ip: *mut u16, general: Opcode, form: Opcode) -> bool {
    // SAFETY: by contract.
    unsafe {
        let found = *ip as u8 == general as u8;
        if found {
            *ip = (*ip & 0xff00) | form as u16;
        }
        found
    }
}

/// Rewrites the instruction and executes it in its new form.
#[inline(always)]
unsafe fn specialized(m: Regs, opcode: Opcode) -> Value {
    // SAFETY: contract of handlers.
    unsafe {
        *m.ip = (*m.ip & 0xff00) | opcode as u16;
        *m.ip.add(1) = counter::COOLDOWN;
        m.tail(rewritten)
    }
}

/// Executes an instruction that has just got its form.
#[cold]
#[handler]
unsafe fn rewritten(m: Regs) -> Value {
    observe::specialized(*m.ip as u8);
    m.tail(observe::handler(m.table, *m.ip as u8))
}

/// No form fits: the general handler goes on for longer than the last time.
#[inline(always)]
unsafe fn failed(m: Regs) -> Value {
    // SAFETY: contract of handlers.
    unsafe { m.tail(not_specialized) }
}

#[cold]
#[handler]
unsafe fn not_specialized(m: Regs) -> Value {
    let general = Opcode::from_u8(*m.ip as u8).expect("an adaptive instruction").deopt();
    *m.ip = (*m.ip & 0xff00) | general as u16;
    let at = m.ip.add(1);
    *at = counter::backed_off(*at);
    observe::failed(m.frame, m.sp, m.oparg, general);
    m.tail(observe::handler(m.table, general as u8))
}

/// As [`specialized`], with a cache: added to the site's chain if the site had this form before, else in place of
/// what it had.
#[inline(always)]
unsafe fn specialized_with(m: Regs, opcode: Opcode, cache: InlineCache) -> Value {
    // SAFETY: contract of handlers.
    unsafe {
        install(m.frame, m.ip, opcode, cache);
        specialized(m, opcode)
    }
}

#[inline(never)]
unsafe fn install(frame: *mut Frame, ip: *mut u16, opcode: Opcode, mut cache: InlineCache) {
    // SAFETY: contract of handlers; the code owns the caches.
    unsafe {
        let at = ip.add(2);
        let arena = &(*frame).code().caches;
        let first = cache_at(at);
        if first.is_null() {
            set_cache(at, arena.add(cache));
        } else if *ip as u8 == opcode as u8 && chain_length(first) < MAX_CHAIN {
            // The newest comes first: it is what was just seen.
            cache.next = first;
            set_cache(at, arena.add(cache));
        } else {
            // Start anew; the rest of an old chain stays with the code, unused.
            cache.next = std::ptr::null_mut();
            *first = cache;
        }
    }
}

unsafe fn chain_length(mut cache: *mut InlineCache) -> usize {
    let mut n = 0;
    while !cache.is_null() {
        n += 1;
        // SAFETY: caches live as long as their code.
        cache = unsafe { (*cache).next };
    }
    n
}
