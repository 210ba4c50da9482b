//! Copy and patch: a list of micro-ops becomes machine code.
//!
//! The main paths of all stencils stand one behind the other, so that control falls from one to the next; behind
//! them come the rare parts, then one stub for each side exit, then veneers for targets that are out of reach.

use std::collections::HashMap;

use pyrs_uops::{Depth, Encoding, Hole, Patch, Runtime, Stencil, Uop};

use crate::memory::CodeMemory;
use crate::stencils::stencil;

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
    // What a micro-op and a stub take on the average, with room to spare: the code does not move while it grows.
    let code = Vec::with_capacity(source.body.len() * 24 + source.exits.len() * 48 + 64);
    let mut a = Assembler { addresses, base: memory.next_address(), code, veneers: HashMap::new() };
    let placed = a.run(source)?;
    memory.add(&a.code).ok_or(Failure::NoMemory)?;
    Ok(placed)
}

/// A micro-op's stencil and where its parts stand.
struct Piece {
    stencil: &'static Stencil,
    hot: usize,
    cold: usize,
}

/// Where a micro-op's ways out of the straight line lead.
#[derive(Copy, Clone, Default)]
struct Ways {
    exit: Option<usize>,
    top: Option<usize>,
    trace: Option<usize>,
}

struct Assembler<'a> {
    addresses: &'a Addresses,
    base: usize,
    code: Vec<u8>,
    veneers: HashMap<usize, usize>,
}

impl Assembler<'_> {
    fn run(&mut self, source: &Source<'_>) -> Result<Placed, Failure> {
        let mut pieces = Vec::with_capacity(source.body.len());
        for inst in source.body {
            pieces.push(self.copy(inst)?);
        }
        let hot = self.code.len();
        for piece in &mut pieces {
            piece.cold = self.code.len();
            self.code.extend_from_slice(piece.stencil.cold);
        }
        let (mut stubs, mut leaves) = (Vec::with_capacity(source.exits.len()), Vec::with_capacity(source.exits.len()));
        for stub in source.exits {
            stubs.push(self.base + self.code.len());
            leaves.push(self.stub(stub)?);
        }
        let mut ways = Ways {
            exit: None,
            top: pieces.get(source.top).map(|p| self.base + p.hot),
            trace: match source.link {
                Link::None => None,
                Link::Address(address) => Some(address),
                Link::Exit(exit) => stubs.get(exit).copied(),
            },
        };
        for (piece, inst) in pieces.iter().zip(source.body) {
            ways.exit = stubs.get(inst.exit as usize).copied();
            self.patch(piece, inst, ways)?;
        }
        Ok(Placed { entry: self.base, length: self.code.len(), hot, stubs: leaves })
    }

    /// Appends an exit's stub; the address where it leaves.
    fn stub(&mut self, stub: &Stub) -> Result<usize, Failure> {
        for inst in &stub.body {
            let piece = self.copy(inst)?;
            self.patch(&piece, inst, Ways::default())?;
        }
        let leave = Inst {
            uop: Uop::Leave,
            depth: Depth::default(),
            immediates: [stub.leave, 0, 0],
            displacements: [0; 4],
            exit: NO_EXIT,
        };
        let piece = self.copy(&leave)?;
        self.patch(&piece, &leave, Ways::default())?;
        Ok(self.base + piece.hot)
    }

    /// Appends a micro-op's main path.
    fn copy(&mut self, inst: &Inst) -> Result<Piece, Failure> {
        let stencil = stencil(inst.uop, inst.depth).ok_or(Failure::NoStencil(inst.uop))?;
        let piece = Piece { stencil, hot: self.code.len(), cold: 0 };
        self.code.extend_from_slice(stencil.hot);
        Ok(piece)
    }

    fn patch(&mut self, piece: &Piece, inst: &Inst, ways: Ways) -> Result<(), Failure> {
        for p in piece.stencil.patches {
            let at = if p.cold { piece.cold } else { piece.hot } + p.offset as usize;
            let value = match p.hole {
                Hole::Immediate(n) => inst.immediates[n as usize] as usize,
                Hole::Displacement(n) => inst.displacements[n as usize] as i64 as usize,
                Hole::Next => self.base + piece.hot + piece.stencil.hot.len(),
                Hole::Hot(offset) => self.base + piece.hot + offset as usize,
                Hole::Cold(offset) => self.base + piece.cold + offset as usize,
                Hole::LeaveThunk => self.addresses.leave,
                Hole::Dealloc => self.addresses.dealloc,
                Hole::Runtime(Runtime::PushFrames) => self.addresses.push_frames,
                Hole::Runtime(Runtime::True) => self.addresses.true_word as usize,
                Hole::Runtime(Runtime::False) => self.addresses.false_word as usize,
                Hole::Exit => ways.exit.ok_or(Failure::OutOfReach)?,
                Hole::Top => ways.top.ok_or(Failure::OutOfReach)?,
                Hole::Trace => ways.trace.ok_or(Failure::OutOfReach)?,
            };
            self.fill(at, p, value)?;
        }
        Ok(())
    }

    fn fill(&mut self, at: usize, p: &Patch, value: usize) -> Result<(), Failure> {
        if encode(&mut self.code[at..], self.base + at, p, value) {
            return Ok(());
        }
        // Out of reach: through a veneer, if it is a jump or call that a veneer can stand in for.
        if !matches!(p.encoding, Encoding::Relative32 | Encoding::Branch26) {
            return Err(Failure::OutOfReach);
        }
        let veneer = self.veneer(value);
        let reached = encode(&mut self.code[at..], self.base + at, p, veneer);
        if reached { Ok(()) } else { Err(Failure::OutOfReach) }
    }

    /// The address of a jump to `target` at the end of the code.
    fn veneer(&mut self, target: usize) -> usize {
        if let Some(&known) = self.veneers.get(&target) {
            return known;
        }
        if cfg!(target_arch = "aarch64") {
            self.code.resize(self.code.len().next_multiple_of(8), 0);
        }
        let at = self.base + self.code.len();
        #[cfg(target_arch = "x86_64")]
        self.code.extend([0xff, 0x25, 0, 0, 0, 0]);
        #[cfg(target_arch = "aarch64")]
        {
            // ldr x16, 8; br x16
            self.code.extend(0x5800_0050u32.to_le_bytes());
            self.code.extend(0xd61f_0200u32.to_le_bytes());
        }
        self.code.extend((target as u64).to_le_bytes());
        self.veneers.insert(target, at);
        at
    }
}

/// Writes `value` into the hole at `address`; false if it does not fit.
pub fn encode(code: &mut [u8], address: usize, p: &Patch, value: usize) -> bool {
    let value = (value as i64).wrapping_add(p.addend as i64);
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
    match p.encoding {
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
