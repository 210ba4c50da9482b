//! The stencils of this machine's instruction set, by micro-op and depth.

use pyrs_uops::{ALL, Depth, Encoding, Hole, Patch, Runtime, Stencil, Uop, VARIANTS};

type Row = (Uop, u8, u8, &'static [u8], &'static [u8], &'static [Patch]);

use Encoding::*;
use Hole::*;

#[allow(non_snake_case)]
const fn P(cold: u8, offset: u16, encoding: Encoding, hole: Hole, addend: i32) -> Patch {
    Patch { cold: cold != 0, offset, encoding, hole, addend }
}

#[cfg(target_arch = "x86_64")]
const ROWS: &[Row] = include!("../../stencils/x86_64.rs");
#[cfg(target_arch = "aarch64")]
const ROWS: &[Row] = include!("../../stencils/aarch64.rs");

/// The stencils alone, in the order of the rows.
static STENCILS: [Stencil; ROWS.len()] = {
    let mut all = [Stencil { hot: &[], cold: &[], patches: &[] }; ROWS.len()];
    let mut n = 0;
    while n < ROWS.len() {
        let (_, _, _, hot, cold, patches) = ROWS[n];
        all[n] = Stencil { hot, cold, patches };
        n += 1;
    }
    all
};

/// No stencil.
const NONE: u16 = u16::MAX;

/// Indices in [`STENCILS`], by micro-op and depth. Made by the compiler: the first trace of a program must not wait.
static INDEX: [[u16; VARIANTS]; ALL.len()] = {
    let mut index = [[NONE; VARIANTS]; ALL.len()];
    let mut n = 0;
    while n < ROWS.len() {
        let (uop, ints, floats, ..) = ROWS[n];
        index[uop as usize][Depth { ints, floats }.index()] = n as u16;
        n += 1;
    }
    index
};

/// The stencil of a micro-op for a cache of this depth.
pub fn stencil(uop: Uop, depth: Depth) -> Option<&'static Stencil> {
    let variant = uop.variant(depth)?;
    STENCILS.get(INDEX[uop as usize][variant.index()] as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variant_has_a_stencil() {
        for &uop in ALL {
            for depth in uop.variants() {
                assert!(stencil(uop, depth).is_some(), "{} at {depth:?}", uop.info().name);
            }
        }
    }
}
