//! The stencils of this machine's instruction set, by micro-op and depth.
//!
//! Copying has to be cheap when nothing of it is in the processor's caches, as for the first trace of a program. So the
//! compiler packs the rows: all code in one block, all holes in another, and one small [`Piece`] for each stencil.

use pyrs_uops::{ALL, Depth, Encoding, Hole, Patch, Runtime, Uop, VARIANTS};

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

/// A stencil as the assembler copies it.
#[derive(Copy, Clone, Debug)]
pub struct Piece {
    /// Where the main path begins in [`CODE`]; the rest follows it.
    pub code: u16,
    pub hot: u8,
    pub cold: u8,
    /// Where the holes of the main path begin in [`HOLES`]; those of the rest follow them.
    holes: u16,
    hot_holes: u8,
    cold_holes: u8,
}

/// A hole: `value` of the operand and the addend go to the offset.
#[derive(Copy, Clone, Debug)]
pub struct Fill {
    pub addend: i32,
    /// In its part.
    pub offset: u8,
    pub operand: Operand,
    pub encoding: Encoding,
}

/// What a hole is filled with; its number is its place in the assembler's table of values.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Operand {
    Immediate0,
    Immediate1,
    Immediate2,
    Displacement0,
    Displacement1,
    Displacement2,
    Displacement3,
    /// Where the micro-op's main path and its rest begin.
    Hot,
    Cold,
    Exit,
    Top,
    Trace,
    LeaveThunk,
    Dealloc,
    PushFrames,
    True,
    False,
}

/// Number of operands.
pub const OPERANDS: usize = Operand::False as usize + 1;

/// Bytes that may be read behind a stencil's code.
pub const PADDING: usize = 16;

const CODE_LENGTH: usize = {
    let (mut n, mut length) = (0, PADDING);
    while n < ROWS.len() {
        length += ROWS[n].3.len() + ROWS[n].4.len();
        n += 1;
    }
    assert!(length < u16::MAX as usize);
    length
};

/// The code of all stencils.
pub static CODE: [u8; CODE_LENGTH] = {
    let mut all = [0; CODE_LENGTH];
    let (mut n, mut at) = (0, 0);
    while n < ROWS.len() {
        at = copy(&mut all, at, ROWS[n].3);
        at = copy(&mut all, at, ROWS[n].4);
        n += 1;
    }
    all
};

const fn copy(all: &mut [u8], at: usize, code: &[u8]) -> usize {
    let mut k = 0;
    while k < code.len() {
        all[at + k] = code[k];
        k += 1;
    }
    at + code.len()
}

const HOLES_LENGTH: usize = {
    let (mut n, mut length) = (0, 0);
    while n < ROWS.len() {
        length += ROWS[n].5.len();
        n += 1;
    }
    assert!(length < u16::MAX as usize);
    length
};

/// The holes of all stencils.
static HOLES: [Fill; HOLES_LENGTH] = {
    let mut all = [Fill { addend: 0, offset: 0, operand: Operand::Hot, encoding: Absolute64 }; HOLES_LENGTH];
    let (mut n, mut at) = (0, 0);
    while n < ROWS.len() {
        at = holes_of(&mut all, at, &ROWS[n], false);
        at = holes_of(&mut all, at, &ROWS[n], true);
        n += 1;
    }
    all
};

/// Packs the holes of one part of a row.
const fn holes_of(all: &mut [Fill], mut at: usize, row: &Row, cold: bool) -> usize {
    let mut k = 0;
    while k < row.5.len() {
        let p = row.5[k];
        if p.cold == cold {
            let (operand, more) = operand(p.hole, row.3.len());
            all[at] = Fill { addend: p.addend + more, offset: p.offset as u8, operand, encoding: p.encoding };
            at += 1;
        }
        k += 1;
    }
    at
}

/// A hole's operand, and what is added to it.
const fn operand(hole: Hole, hot: usize) -> (Operand, i32) {
    use Operand::{Displacement0, Displacement1, Displacement2, Displacement3, Immediate0, Immediate1, Immediate2};
    let operand = match hole {
        Immediate(n) => [Immediate0, Immediate1, Immediate2][n as usize],
        Displacement(n) => [Displacement0, Displacement1, Displacement2, Displacement3][n as usize],
        Next => return (Operand::Hot, hot as i32),
        Hole::Hot(offset) => return (Operand::Hot, offset as i32),
        Hole::Cold(offset) => return (Operand::Cold, offset as i32),
        Hole::Exit => Operand::Exit,
        Hole::Top => Operand::Top,
        Hole::Trace => Operand::Trace,
        Hole::LeaveThunk => Operand::LeaveThunk,
        Hole::Dealloc => Operand::Dealloc,
        Hole::Runtime(Runtime::PushFrames) => Operand::PushFrames,
        Hole::Runtime(Runtime::True) => Operand::True,
        Hole::Runtime(Runtime::False) => Operand::False,
    };
    (operand, 0)
}

/// The stencils, in the order of the rows.
static PIECES: [Piece; ROWS.len()] = {
    let mut all = [Piece { code: 0, hot: 0, cold: 0, holes: 0, hot_holes: 0, cold_holes: 0 }; ROWS.len()];
    let (mut n, mut code, mut holes) = (0, 0, 0);
    while n < ROWS.len() {
        let (_, _, _, hot, cold, patches) = ROWS[n];
        assert!(hot.len() <= u8::MAX as usize && cold.len() <= u8::MAX as usize);
        let cold_holes = count_cold(patches);
        let hot_holes = (patches.len() - cold_holes) as u8;
        let (hot, cold, cold_holes) = (hot.len() as u8, cold.len() as u8, cold_holes as u8);
        all[n] = Piece { code, hot, cold, holes, hot_holes, cold_holes };
        code += hot as u16 + cold as u16;
        holes += patches.len() as u16;
        n += 1;
    }
    all
};

const fn count_cold(patches: &[Patch]) -> usize {
    let (mut k, mut count) = (0, 0);
    while k < patches.len() {
        count += patches[k].cold as usize;
        k += 1;
    }
    count
}

/// No stencil.
const NONE: u16 = u16::MAX;

/// Indices in [`PIECES`], by micro-op and depth.
static INDEX: [[u16; VARIANTS]; ALL.len()] = {
    let mut index = [[NONE; VARIANTS]; ALL.len()];
    let mut n = 0;
    while n < ROWS.len() {
        let (uop, ints, floats, ..) = ROWS[n];
        index[uop as usize][Depth { ints, floats }.index()] = n as u16;
        n += 1;
    }
    // What is cached but not used makes no difference.
    let mut n = 0;
    while n < VARIANTS * ALL.len() {
        let (uop, depth) = (n / VARIANTS, n % VARIANTS);
        if let Some(variant) = ALL[uop].variant(Depth::from_index(depth)) {
            index[uop][depth] = index[uop][variant.index()];
        }
        n += 1;
    }
    index
};

/// The stencil of a micro-op for a cache of this depth.
#[inline]
pub fn piece(uop: Uop, depth: Depth) -> Option<Piece> {
    PIECES.get(INDEX[uop as usize][depth.index()] as usize).copied()
}

impl Piece {
    /// The holes of the main path.
    #[inline]
    pub fn hot_holes(self) -> &'static [Fill] {
        &HOLES[self.holes as usize..][..self.hot_holes as usize]
    }

    /// The holes of the rest.
    #[inline]
    pub fn cold_holes(self) -> &'static [Fill] {
        &HOLES[self.holes as usize + self.hot_holes as usize..][..self.cold_holes as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variant_has_a_stencil() {
        for &uop in ALL {
            for depth in uop.variants() {
                assert!(piece(uop, depth).is_some(), "{} at {depth:?}", uop.info().name);
            }
        }
    }

    #[test]
    fn packed_stencils_are_the_rows() {
        for ((_, _, _, hot, cold, patches), piece) in ROWS.iter().zip(&PIECES) {
            let (found, rest) = CODE[piece.code as usize..].split_at(piece.hot as usize);
            assert_eq!((found, &rest[..piece.cold as usize]), (*hot, *cold));
            let offsets = |cold| patches.iter().filter(move |p| p.cold == cold).map(|p| p.offset as u8);
            assert!(piece.hot_holes().iter().map(|fill| fill.offset).eq(offsets(false)));
            assert!(piece.cold_holes().iter().map(|fill| fill.offset).eq(offsets(true)));
        }
    }
}
