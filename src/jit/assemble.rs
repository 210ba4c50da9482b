//! Copy and patch: a list of micro-ops becomes machine code.
//!
//! The main paths of all stencils stand one behind the other, so that control falls from one to the next; behind
//! them come the rare parts, then one stub for each side exit, then veneers for targets that are out of reach.

use pyrs_uops::{Depth, Encoding, Uop};

use crate::memory::CodeMemory;
use crate::stencils::{CODE, Fill, OPERANDS, Operand, PADDING, Piece, piece};

/// A micro-op with its operands.
#[derive(Copy, Clone, PartialEq, Debug)]
pub struct Inst {
    pub uop: Uop,
    /// What is cached before it.
    pub depth: Depth,
    pub immediates: [u64; 3],
    pub displacements: [i32; 4],
    /// The side exit, if it has one; an index into the trace's exits.
    pub exit: u32,
}

/// No side exit.
pub const NO_EXIT: u32 = u32::MAX;

/// Where the parts of the runtime are that stencils refer to.
#[derive(Copy, Clone, Debug, Default)]
pub struct Addresses {
    pub leave: usize,
    pub dealloc: usize,
    pub push_frames: usize,
    pub true_word: u64,
    pub false_word: u64,
}

/// What a trace looks like to the assembler.
pub struct Source<'a> {
    pub body: &'a [Inst],
    /// Index in `body` that `JUMP_TOP` goes to.
    pub top: usize,
    pub exits: &'a [Stub],
    /// Where `JUMP_TRACE` goes to.
    pub link: Link,
}

/// What happens on the way out through an exit.
pub struct Stub {
    /// Micro-ops without rare parts and exits of their own, that put the registers away.
    pub body: Vec<Inst>,
    /// The operand of the `LEAVE` at its end.
    pub leave: u64,
}

/// The destination of a trace's end.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Link {
    None,
    /// The code of another trace.
    Address(usize),
    /// The stub of one of the trace's own exits.
    Exit(usize),
}

/// Machine code that has been placed.
pub struct Placed {
    pub entry: usize,
    pub length: usize,
    /// Bytes of the main path.
    pub hot: usize,
    /// Where each exit's stub leaves: what a side trace replaces by a jump.
    pub stubs: Vec<usize>,
}

/// Why code could not be placed.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Failure {
    /// The code memory is full.
    NoMemory,
    /// A micro-op has no stencil for its depth: a mistake of the trace builder.
    NoStencil(Uop),
    /// A branch does not reach its destination.
    OutOfReach,
}

/// Copies the code to memory.
pub fn assemble(source: &Source<'_>, addresses: &Addresses, memory: &mut CodeMemory) -> Result<Placed, Failure> {
    let layout = Layout::new(source, memory.next_address())?;
    let base = memory.next_address();
    let room = memory.room(layout.length + PADDING).ok_or(Failure::NoMemory)?;
    let mut a = Assembler { base, code: room, end: layout.length, veneers: Vec::new(), values: values(addresses) };
    a.run(source, &layout)?;
    let length = a.end;
    memory.keep(length);
    Ok(Placed { entry: base, length, hot: layout.hot, stubs: layout.leaves })
}

/// Where everything comes to stand.
struct Layout {
    /// The stencils of the body.
    pieces: Vec<Piece>,
    /// Bytes of the main path, and of everything.
    hot: usize,
    length: usize,
    /// The address of the loop's beginning.
    top: usize,
    /// The address of each exit's stub, and where it leaves.
    stubs: Vec<usize>,
    leaves: Vec<usize>,
}

impl Layout {
    fn new(source: &Source<'_>, base: usize) -> Result<Layout, Failure> {
        let mut pieces = Vec::with_capacity(source.body.len());
        let (mut hot, mut cold, mut top) = (0, 0, base);
        for (k, inst) in source.body.iter().enumerate() {
            if k == source.top {
                top = base + hot;
            }
            let piece = piece_of(inst)?;
            hot += piece.hot as usize;
            cold += piece.cold as usize;
            pieces.push(piece);
        }
        let (mut stubs, mut leaves) = (Vec::with_capacity(source.exits.len()), Vec::with_capacity(source.exits.len()));
        let leave = piece_of(&leave(0))?.hot as usize;
        let mut length = hot + cold;
        for stub in source.exits {
            stubs.push(base + length);
            for inst in &stub.body {
                length += piece_of(inst)?.hot as usize;
            }
            leaves.push(base + length);
            length += leave;
        }
        Ok(Layout { pieces, hot, length, top, stubs, leaves })
    }
}

#[inline]
fn piece_of(inst: &Inst) -> Result<Piece, Failure> {
    piece(inst.uop, inst.depth).ok_or(Failure::NoStencil(inst.uop))
}

/// The end of a stub.
fn leave(operand: u64) -> Inst {
    let immediates = [operand, 0, 0];
    Inst { uop: Uop::Leave, depth: Depth::default(), immediates, displacements: [0; 4], exit: NO_EXIT }
}

/// What holes are filled with, by [`Operand`]; [`NOWHERE`] for what does not exist.
type Values = [usize; OPERANDS];

/// No address: out of every branch's reach.
const NOWHERE: usize = 1 << 62;

/// The values that are the same for all micro-ops.
fn values(addresses: &Addresses) -> Values {
    let mut values = [NOWHERE; OPERANDS];
    values[Operand::LeaveThunk as usize] = addresses.leave;
    values[Operand::Dealloc as usize] = addresses.dealloc;
    values[Operand::PushFrames as usize] = addresses.push_frames;
    values[Operand::True as usize] = addresses.true_word as usize;
    values[Operand::False as usize] = addresses.false_word as usize;
    values
}

struct Assembler<'a> {
    base: usize,
    /// All that is left of the code memory.
    code: &'a mut [u8],
    /// Where veneers are added.
    end: usize,
    /// Targets that are out of reach, and the jumps to them.
    veneers: Vec<(usize, usize)>,
    values: Values,
}

impl Assembler<'_> {
    fn run(&mut self, source: &Source<'_>, layout: &Layout) -> Result<(), Failure> {
        self.values[Operand::Top as usize] = layout.top;
        self.values[Operand::Trace as usize] = match source.link {
            Link::None => NOWHERE,
            Link::Address(address) => address,
            Link::Exit(exit) => layout.stubs.get(exit).copied().unwrap_or(NOWHERE),
        };
        let (mut hot, mut cold) = (0, layout.hot);
        for (piece, inst) in layout.pieces.iter().zip(source.body) {
            self.set_exit(inst, layout);
            self.set(Operand::Cold, cold);
            self.hot(*piece, inst, hot)?;
            hot += piece.hot as usize;
            cold += piece.cold as usize;
        }
        (hot, cold) = (0, layout.hot);
        for (piece, inst) in layout.pieces.iter().zip(source.body) {
            if piece.cold > 0 {
                self.set_exit(inst, layout);
                self.set(Operand::Hot, hot);
                self.cold(*piece, inst, cold)?;
            }
            hot += piece.hot as usize;
            cold += piece.cold as usize;
        }
        let mut at = cold;
        for stub in source.exits {
            for inst in stub.body.iter().chain([&leave(stub.leave)]) {
                let piece = piece_of(inst)?;
                self.hot(piece, inst, at)?;
                at += piece.hot as usize;
            }
        }
        Ok(())
    }

    fn set(&mut self, operand: Operand, offset: usize) {
        self.values[operand as usize] = self.base + offset;
    }

    #[inline]
    fn set_exit(&mut self, inst: &Inst, layout: &Layout) {
        self.values[Operand::Exit as usize] = layout.stubs.get(inst.exit as usize).copied().unwrap_or(NOWHERE);
    }

    /// Copies and fills a main path.
    #[inline]
    fn hot(&mut self, piece: Piece, inst: &Inst, at: usize) -> Result<(), Failure> {
        self.copy(piece.code as usize, piece.hot as usize, at);
        self.set(Operand::Hot, at);
        self.fill_all(piece.hot_holes(), inst, at)
    }

    /// Copies and fills a rest.
    fn cold(&mut self, piece: Piece, inst: &Inst, at: usize) -> Result<(), Failure> {
        self.copy(piece.code as usize + piece.hot as usize, piece.cold as usize, at);
        self.set(Operand::Cold, at);
        self.fill_all(piece.cold_holes(), inst, at)
    }

    /// Copies a stretch of code, with some bytes more: what comes behind it is written later.
    #[inline(always)]
    fn copy(&mut self, from: usize, length: usize, to: usize) {
        assert!(from + length + PADDING <= CODE.len() && to + length + PADDING <= self.code.len());
        let mut k = 0;
        while k < length {
            // SAFETY: `k` is less than `length`, and `PADDING` bytes more are inside both, as was just compared.
            unsafe {
                let (from, to) = (CODE.as_ptr().add(from + k), self.code.as_mut_ptr().add(to + k));
                std::ptr::copy_nonoverlapping(from, to, PADDING);
            }
            k += PADDING;
        }
    }

    #[inline(always)]
    fn fill_all(&mut self, holes: &[Fill], inst: &Inst, at: usize) -> Result<(), Failure> {
        for hole in holes {
            let value = match hole.operand as usize {
                n if n < Operand::Displacement0 as usize => inst.immediates[n] as usize,
                n if n < Operand::Hot as usize => inst.displacements[n - Operand::Displacement0 as usize] as usize,
                n => self.values[n],
            };
            let (at, filled) = (at + hole.offset as usize, value.wrapping_add(hole.addend as isize as usize));
            if !encode(&mut self.code[at..], self.base + at, hole.encoding, filled) {
                self.fill_through_veneer(hole, value, at)?;
            }
        }
        Ok(())
    }

    /// What is out of reach is reached by a jump or call that a veneer can stand in for.
    #[cold]
    fn fill_through_veneer(&mut self, hole: &Fill, value: usize, at: usize) -> Result<(), Failure> {
        if value == NOWHERE || !matches!(hole.encoding, Encoding::Relative32 | Encoding::Branch26) {
            return Err(Failure::OutOfReach);
        }
        let veneer = self.veneer(value)?.wrapping_add(hole.addend as isize as usize);
        let reached = encode(&mut self.code[at..], self.base + at, hole.encoding, veneer);
        if reached { Ok(()) } else { Err(Failure::OutOfReach) }
    }

    /// The address of a jump to `target` at the end of the code.
    fn veneer(&mut self, target: usize) -> Result<usize, Failure> {
        if let Some((_, veneer)) = self.veneers.iter().find(|(to, _)| *to == target) {
            return Ok(*veneer);
        }
        // The bytes behind the code may have been copied over.
        let at = (self.end + PADDING).next_multiple_of(8);
        #[cfg(target_arch = "x86_64")]
        const JUMP: [u8; 6] = [0xff, 0x25, 0, 0, 0, 0];
        // ldr x16, 8; br x16
        #[cfg(target_arch = "aarch64")]
        const JUMP: [u8; 8] = [0x50, 0, 0, 0x58, 0, 0x02, 0x1f, 0xd6];
        let end = at + JUMP.len() + 8;
        let bytes = self.code.get_mut(at..end).ok_or(Failure::NoMemory)?;
        let (jump, word) = bytes.split_at_mut(JUMP.len());
        jump.copy_from_slice(&JUMP);
        word.copy_from_slice(&target.to_le_bytes());
        (self.end, _) = (end, self.veneers.push((target, self.base + at)));
        Ok(self.base + at)
    }
}

/// Writes `value`, the addend included, into the hole at `address`; false if it does not fit.
#[inline]
pub fn encode(code: &mut [u8], address: usize, encoding: Encoding, value: usize) -> bool {
    let value = value as i64;
    let word = |code: &[u8], k: usize| u32::from_le_bytes(code[4 * k..4 * k + 4].try_into().expect("four bytes"));
    let mut set = |k: usize, keep: u32, bits: u32| {
        let w = word(code, k) & keep | bits;
        code[4 * k..4 * k + 4].copy_from_slice(&w.to_le_bytes());
    };
    let branch = |bits: u32| {
        let delta = value.wrapping_sub(address as i64) >> 2;
        let limit = 1i64 << (bits - 1);
        (-limit..limit).contains(&delta).then_some(delta as u32 & ((1 << bits) - 1))
    };
    match encoding {
        Encoding::Absolute64 => {
            code[..8].copy_from_slice(&value.to_le_bytes());
            true
        }
        Encoding::Relative32 => {
            let delta = value.wrapping_sub(address as i64);
            code[..4].copy_from_slice(&(delta as i32).to_le_bytes());
            delta == delta as i32 as i64
        }
        Encoding::Displacement32 => {
            code[..4].copy_from_slice(&(value as i32).to_le_bytes());
            value == value as i32 as i64
        }
        Encoding::Move64 => {
            for k in 0..4 {
                set(k, !(0xffff << 5), ((value as u64 >> (16 * k)) as u32 & 0xffff) << 5);
            }
            true
        }
        Encoding::Branch26 => match branch(26) {
            Some(bits) => {
                set(0, !0x3ff_ffff, bits);
                true
            }
            None => false,
        },
        Encoding::Branch19 => match branch(19) {
            Some(bits) => {
                set(0, !(0x7_ffff << 5), bits << 5);
                true
            }
            None => false,
        },
        Encoding::Branch14 => match branch(14) {
            Some(bits) => {
                set(0, !(0x3fff << 5), bits << 5);
                true
            }
            None => false,
        },
        Encoding::Offset12(scale) => {
            let scaled = value >> scale;
            set(0, !(0xfff << 10), (scaled as u32 & 0xfff) << 10);
            value >= 0 && scaled < 4096 && scaled << scale == value
        }
    }
}
