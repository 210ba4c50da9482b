//! Each stencil, at each depth of the register cache, against a second meaning of its micro-op.
//!
//! [`states`] makes machine states by chance, [`model`] says in plain Rust what the micro-op does to one, and the machine
//! code is run on the same state: in this process on x86-64 ([`native`]), and, as AArch64 code, by a small program under
//! qemu ([`qemu`]). Registers, memory, the way out and the calls of the runtime must be the same.

mod machine;
mod model;
mod native;
mod qemu;
mod states;

use machine::{CODE, Case, Machine, SLOT, Slot};
use pyrs_jit::assemble::encode;
use pyrs_uops::{ALL, Depth, Encoding, Hole, Patch, Runtime, Stencil, Uop};

type Row = (Uop, u8, u8, &'static [u8], &'static [u8], &'static [Patch]);

use Encoding::*;
use Hole::*;

#[allow(non_snake_case)]
const fn P(cold: u8, offset: u16, encoding: Encoding, hole: Hole, addend: i32) -> Patch {
    Patch { cold: cold != 0, offset, encoding, hole, addend }
}

pub static X86_64: &[Row] = include!("../../../../stencils/x86_64.rs");
pub static AARCH64: &[Row] = include!("../../../../stencils/aarch64.rs");

/// States that each stencil is run in.
pub const STATES: u64 = 40;

fn stencil(rows: &[Row], uop: Uop, depth: Depth) -> Stencil {
    let row = rows.iter().find(|r| (r.0, r.1, r.2) == (uop, depth.ints, depth.floats));
    let (_, _, _, hot, cold, patches) = *row.unwrap_or_else(|| panic!("no stencil of {uop:?} at {depth:?}"));
    Stencil { hot, cold, patches }
}

/// The code of one stencil, with its holes filled: it stands at the beginning of the code memory, behind the slots.
pub fn link(rows: &[Row], case: &Case) -> Vec<u8> {
    let stencil = stencil(rows, case.uop, case.depth);
    let aarch64 = std::ptr::eq(rows, AARCH64);
    let hot = CODE + SLOT * Slot::COUNT;
    let mut code = stencil.hot.to_vec();
    // The next micro-op.
    let jump = if aarch64 { Branch26 } else { Relative32 };
    let next = code.len() + !aarch64 as usize;
    code.extend(if aarch64 { vec![0, 0, 0, 0x14] } else { vec![0xe9, 0, 0, 0, 0] });
    let to = Slot::Next.address().wrapping_add_signed(if aarch64 { 0 } else { -4 });
    assert!(encode(&mut code[next..], hot + next, jump, to));
    let cold = code.len();
    code.extend(stencil.cold);
    for p in stencil.patches {
        let at = if p.cold { cold } else { 0 } + p.offset as usize;
        let value = match p.hole {
            Immediate(n) => case.immediates[n as usize] as usize,
            Displacement(n) => case.displacements[n as usize] as i64 as usize,
            Next => hot + stencil.hot.len(),
            Hot(offset) => hot + offset as usize,
            Cold(offset) => hot + cold + offset as usize,
            Exit => Slot::Exit.address(),
            Top => Slot::Top.address(),
            Trace => Slot::Trace.address(),
            LeaveThunk => Slot::Leave.address(),
            Dealloc => Slot::Dealloc.address(),
            Hole::Runtime(Runtime::PushFrames) => Slot::Function.address(),
            Hole::Runtime(Runtime::True) => machine::TRUE as usize,
            Hole::Runtime(Runtime::False) => machine::FALSE as usize,
        };
        let value = value.wrapping_add_signed(p.addend as isize);
        assert!(encode(&mut code[at..], hot + at, p.encoding, value), "{case:?}: {p:?} does not hold {value:#x}");
    }
    code
}

/// The states for all stencils, and what the model makes of them.
pub fn cases() -> Vec<(Case, Machine)> {
    let mut all = Vec::new();
    for &uop in ALL {
        for depth in uop.variants() {
            for seed in 0..STATES {
                let case = states::make(uop, depth, seed);
                let mut expected = case.machine.clone();
                model::execute(&case, &mut expected);
                all.push((case, expected));
            }
        }
    }
    all
}

/// Fails with what differs.
pub fn compare(case: &Case, expected: &Machine, found: &Machine) {
    let differences = expected.differences(found, case);
    assert!(differences.is_empty(), "{case:#x?}\n{}", differences.join("\n"));
}

#[test]
fn models_leave_and_go_on() {
    // The states are of use only if guards hold in some of them and fail in others.
    for &uop in ALL.iter().filter(|u| u.has(pyrs_uops::flags::EXITS)) {
        let mut ways: Vec<u64> = Vec::new();
        for depth in uop.variants() {
            for seed in 0..STATES {
                let case = states::make(uop, depth, seed);
                let mut m = case.machine.clone();
                model::execute(&case, &mut m);
                ways.push(m.way());
            }
        }
        assert!(ways.contains(&(Slot::Exit as u64)) && ways.contains(&(Slot::Next as u64)), "{uop:?}: one way only");
    }
}
