//! Chance, for tests: guards that fail although they hold, compiled code that is given up at any time.
//!
//! `-X jit=fail=SEED` puts a micro-op in front of each one that can leave the trace; it leaves about once in forty
//! times, the same times in each run. `-X jit=flush=SEED` gives all code up about once in sixteen entries.

use pyrs_uops::{Depth, Uop};

use crate::assemble::{Inst, NO_EXIT};
use crate::lower::{ExitPlan, Lowered, Way};
use crate::record::Record;

/// A source of chance with a state of its own.
#[derive(Debug)]
pub struct Chance(Box<u64>);

impl Chance {
    pub fn new(seed: u64) -> Chance {
        Chance(Box::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1))
    }

    /// The word that `GUARD_CHANCE` steps on.
    fn address(&self) -> u64 {
        &raw const *self.0 as u64
    }

    /// True once in `n` times.
    pub fn once_in(&mut self, n: u64) -> bool {
        *self.0 = self.0.wrapping_mul(0x5851_f42d).wrapping_add(0x1405_7b7f);
        (*self.0 >> 33).is_multiple_of(n)
    }
}

/// Puts a guard that fails by chance in front of each micro-op that can leave to the beginning of its instruction. (Exits to
/// other places are branches: that they are taken means something.)
pub fn add_failures(lowered: &mut Lowered, records: &[Record], chance: &Chance) {
    let old = std::mem::take(&mut lowered.body);
    let origins = std::mem::take(&mut lowered.origins);
    let top = lowered.top;
    for (k, (inst, origin)) in old.into_iter().zip(origins).enumerate() {
        if k == top {
            lowered.top = lowered.body.len();
        }
        let begins_again = |exit: &ExitPlan| exit.way != Way::Interpret && exit.ip == records[origin as usize].start;
        if inst.exit != NO_EXIT && begins_again(&lowered.exits[inst.exit as usize]) {
            lowered.body.push(guard(inst.depth, inst.exit, chance));
            lowered.origins.push(origin);
        }
        lowered.body.push(inst);
        lowered.origins.push(origin);
    }
}

fn guard(depth: Depth, exit: u32, chance: &Chance) -> Inst {
    Inst { uop: Uop::GuardChance, depth, immediates: [chance.address(), 0, 0], displacements: [0; 4], exit }
}
