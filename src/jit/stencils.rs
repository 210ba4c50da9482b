//! The stencils of this machine's instruction set, by micro-op and depth.

use std::sync::OnceLock;

use pyrs_uops::{ALL, Depth, Encoding, Hole, Patch, Runtime, Stencil, Uop, VARIANTS};

type Row = (Uop, u8, u8, &'static [u8], &'static [u8], &'static [Patch]);

use Encoding::*;
use Hole::*;

#[allow(non_snake_case)]
const fn P(cold: u8, offset: u16, encoding: Encoding, hole: Hole, addend: i32) -> Patch {
    Patch { cold: cold != 0, offset, encoding, hole, addend }
}

#[cfg(target_arch = "x86_64")]
static ROWS: &[Row] = include!("../../stencils/x86_64.rs");
#[cfg(target_arch = "aarch64")]
static ROWS: &[Row] = include!("../../stencils/aarch64.rs");

type Index = Vec<[Option<Stencil>; VARIANTS]>;

fn index() -> &'static Index {
    static INDEX: OnceLock<Index> = OnceLock::new();
    INDEX.get_or_init(|| {
        let mut index = vec![[None; VARIANTS]; ALL.len()];
        for &(uop, ints, floats, hot, cold, patches) in ROWS {
            index[uop as usize][Depth { ints, floats }.index()] = Some(Stencil { hot, cold, patches });
        }
        index
    })
}

/// The stencil of a micro-op for a cache of this depth.
pub fn stencil(uop: Uop, depth: Depth) -> Option<&'static Stencil> {
    let variant = uop.variant(depth)?;
    index()[uop as usize][variant.index()].as_ref()
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
