//! Machine code as a list of instructions, with its holes found.

use cranelift_codegen::binemit::Reloc;
use iced_x86::{Decoder, DecoderOptions, FlowControl, Formatter, NasmFormatter};
use pyrs_uops::{Encoding, Hole, Runtime};

use crate::Target;
use crate::compile::{Code, Relocation};
use crate::context::{MARKERS, continuation, space};

/// Where a branch goes.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Destination {
    /// Offset of an instruction in the original code.
    Label(usize),
    Outside(Hole),
}

#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Flow {
    Straight,
    Branch(Destination),
    Jump(Destination),
}

/// An instruction that can be moved.
#[derive(Clone, Debug)]
pub struct Instruction {
    /// Where it was.
    pub offset: usize,
    pub bytes: Vec<u8>,
    pub flow: Flow,
    /// Offset in the instruction, encoding, content, addend.
    pub hole: Option<(usize, Encoding, Hole, i32)>,
    pub text: String,
}

pub fn decode(target: Target, code: &Code) -> Vec<Instruction> {
    match target {
        Target::X86_64 => x86_64(code),
        Target::Aarch64 => aarch64(code),
    }
}

fn hole_of(code: &Code, r: &Relocation) -> Hole {
    let runtime = [Runtime::PushFrames, Runtime::True, Runtime::False];
    match r.symbol {
        (space::IMMEDIATE, n) => Hole::Immediate(n as u8),
        (space::CONTINUATION, continuation::NEXT) => Hole::Next,
        (space::CONTINUATION, continuation::EXIT) => Hole::Exit,
        (space::CONTINUATION, continuation::TOP) => Hole::Top,
        (space::CONTINUATION, continuation::TRACE) => Hole::Trace,
        (space::CONTINUATION, continuation::LEAVE) => Hole::LeaveThunk,
        (space::DEALLOC, 0) => Hole::Dealloc,
        (space::RUNTIME, n) => Hole::Runtime(runtime[n as usize]),
        symbol => panic!("{}: a relocation against {symbol:?}", code.name),
    }
}

fn x86_64(code: &Code) -> Vec<Instruction> {
    let mut decoder = Decoder::with_ip(64, &code.bytes, 0, DecoderOptions::NONE);
    let mut formatter = NasmFormatter::new();
    let mut out = Vec::new();
    while decoder.can_decode() {
        let x = decoder.decode();
        assert!(!x.is_invalid(), "{}: what is this instruction?", code.name);
        let (offset, length) = (x.ip() as usize, x.len());
        let mut text = String::new();
        formatter.format(&x, &mut text);
        assert!(!x.is_ip_rel_memory_operand(), "{}: a constant pool: {text}", code.name);
        let mut bytes = code.bytes[offset..offset + length].to_vec();
        let relocation = code.relocations.iter().find(|r| (offset..offset + length).contains(&r.offset));
        let mut hole = None;
        let places = decoder.get_constant_offsets(&x);
        if let Some(n) =
            MARKERS.iter().position(|m| places.has_displacement() && x.memory_displacement64() == *m as u64)
        {
            assert_eq!(places.displacement_size(), 4, "{}: {text}", code.name);
            let at = places.displacement_offset();
            bytes[at..at + 4].fill(0);
            hole = Some((at, Encoding::Displacement32, Hole::Displacement(n as u8), 0));
        }
        let mut flow = Flow::Straight;
        match (x.flow_control(), relocation) {
            (FlowControl::ConditionalBranch, None) => {
                flow = Flow::Branch(Destination::Label(x.near_branch_target() as usize));
            }
            (FlowControl::UnconditionalBranch, None) => {
                flow = Flow::Jump(Destination::Label(x.near_branch_target() as usize));
            }
            (FlowControl::UnconditionalBranch, Some(r)) => {
                assert_eq!((r.kind, r.addend), (Reloc::X86CallPCRel4, -4), "{}: {text}", code.name);
                flow = Flow::Jump(Destination::Outside(hole_of(code, r)));
            }
            (FlowControl::Call, Some(r)) => {
                assert_eq!(r.kind, Reloc::X86CallPCRel4, "{}: {text}", code.name);
                hole = Some((r.offset - offset, Encoding::Relative32, hole_of(code, r), r.addend as i32));
            }
            (FlowControl::Next, Some(r)) => {
                assert_eq!(r.kind, Reloc::Abs8, "{}: {text}", code.name);
                hole = Some((r.offset - offset, Encoding::Absolute64, hole_of(code, r), r.addend as i32));
            }
            (FlowControl::Next | FlowControl::IndirectCall, None) => {}
            // Division by zero has been excluded; what the compiler adds as a check stays as a trap.
            (FlowControl::Exception | FlowControl::Interrupt, None) => {}
            other => panic!("{}: {other:?}: {text}", code.name, other = other.0),
        }
        out.push(Instruction { offset, bytes, flow, hole, text });
    }
    out
}

fn sign_extend(v: u32, bits: u32) -> i64 {
    ((v << (32 - bits)) as i32 >> (32 - bits)) as i64
}

fn aarch64(code: &Code) -> Vec<Instruction> {
    let word = |offset: usize| u32::from_le_bytes(code.bytes[offset..offset + 4].try_into().expect("four bytes"));
    let label = |offset: usize, delta: i64| Destination::Label((offset as i64 + delta * 4) as usize);
    let mut out = Vec::new();
    let mut offset = 0;
    while offset < code.bytes.len() {
        let w = word(offset);
        // A literal load of a symbol, which jumps over its literal: `movz` and three `movk` in its place.
        if let Some(r) = code.relocations.iter().find(|r| r.offset == offset + 8 && r.kind == Reloc::Abs8) {
            assert_eq!(w & 0xffff_ffe0, 0x5800_0040, "{}: {w:08x}", code.name);
            assert_eq!(word(offset + 4), 0x1400_0003, "{}", code.name);
            let register = w & 31;
            let moves = [0xd280_0000u32, 0xf2a0_0000, 0xf2c0_0000, 0xf2e0_0000];
            out.push(Instruction {
                offset,
                bytes: moves.iter().flat_map(|m| (m | register).to_le_bytes()).collect(),
                flow: Flow::Straight,
                hole: Some((0, Encoding::Move64, hole_of(code, r), r.addend as i32)),
                text: format!("mov x{register}, {:?}", hole_of(code, r)),
            });
            offset += 16;
            continue;
        }
        let relocation = code.relocations.iter().find(|r| r.offset == offset);
        let mut i = Instruction {
            offset,
            bytes: w.to_le_bytes().to_vec(),
            flow: Flow::Straight,
            hole: None,
            text: format!("{w:08x}"),
        };
        if w & 0xff00_0010 == 0x5400_0000 || w & 0x7e00_0000 == 0x3400_0000 {
            i.flow = Flow::Branch(label(offset, sign_extend(w >> 5 & 0x7_ffff, 19)));
        } else if w & 0x7e00_0000 == 0x3600_0000 {
            i.flow = Flow::Branch(label(offset, sign_extend(w >> 5 & 0x3fff, 14)));
        } else if w & 0xfc00_0000 == 0x1400_0000 {
            i.flow = Flow::Jump(match relocation {
                Some(r) => {
                    assert_eq!(r.kind, Reloc::Arm64Call, "{}", code.name);
                    Destination::Outside(hole_of(code, r))
                }
                None => label(offset, sign_extend(w & 0x3ff_ffff, 26)),
            });
        } else if w & 0xfc00_0000 == 0x9400_0000 {
            let r = relocation.expect("a call goes outside");
            i.hole = Some((0, Encoding::Branch26, hole_of(code, r), 0));
            i.bytes = 0x9400_0000u32.to_le_bytes().to_vec();
        } else {
            assert!(w & 0xbf00_0000 != 0x1800_0000, "{}: a literal load {w:08x}", code.name);
            assert!(w & 0x1f00_0000 != 0x1000_0000, "{}: a relative address {w:08x}", code.name);
            assert!(relocation.is_none(), "{}: a relocation at {w:08x}", code.name);
            let constant = (w >> 5 & 0xffff) as i32;
            let moves_marker = w & 0x7f80_0000 == 0x5280_0000 && MARKERS.contains(&constant);
            assert!(!moves_marker, "{}: a displacement outside of its load {w:08x}", code.name);
            find_marker(w, &mut i);
        }
        out.push(i);
        offset += 4;
    }
    out
}

/// Loads and stores with a scaled 12-bit offset.
fn find_marker(w: u32, i: &mut Instruction) {
    if w & 0x3b00_0000 != 0x3900_0000 {
        return;
    }
    let scale = (w >> 30) as u8;
    let offset = ((w >> 10 & 0xfff) << scale) as i32;
    if let Some(n) = MARKERS.iter().position(|m| *m == offset) {
        i.bytes = (w & !(0xfff << 10)).to_le_bytes().to_vec();
        i.hole = Some((0, Encoding::Offset12(scale), Hole::Displacement(n as u8), 0));
    }
}
