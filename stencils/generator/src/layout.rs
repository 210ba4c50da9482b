//! From an instruction list to a stencil: no frame, one main path, everything else behind it.

use pyrs_uops::{Encoding, Hole, Patch};

use crate::Target;
use crate::decode::{Destination, Flow, Instruction};
use crate::peephole;

/// A finished stencil.
#[derive(Default)]
pub struct Layout {
    pub hot: Vec<u8>,
    pub cold: Vec<u8>,
    pub patches: Vec<Patch>,
    pub listing: String,
}

pub fn layout(target: Target, mut code: Vec<Instruction>) -> Layout {
    strip_frame(target, &mut code);
    if target == Target::X86_64 {
        peephole::improve(&mut code);
    }
    thread_jumps(&mut code);
    let live = reachable(&code);
    let order: Vec<usize> = (0..code.len()).filter(|i| live[*i]).collect();
    // The main path ends where the next micro-op begins, or at the end of a terminal one.
    let split = order.iter().position(|&i| code[i].flow == Flow::Jump(Destination::Outside(Hole::Next)));
    let (hot, cold) = match split {
        Some(at) => (order[..at].to_vec(), order[at + 1..].to_vec()),
        None => (order.clone(), Vec::new()),
    };
    let end_of_hot = split.map(|at| order[at]);
    let sections = [without_falling_jumps(&code, &hot), without_falling_jumps(&code, &cold)];
    emit(target, &code, &order, &sections, end_of_hot)
}

/// Index of the instruction at an original offset, or of the first one behind it.
fn at(code: &[Instruction], offset: usize) -> usize {
    code.iter().position(|i| i.offset >= offset).expect("a label in the code")
}

/// Takes off the instructions that save the frame pointer and get it back before every way out: nothing in a
/// stencil lives in a native frame, unless the compiler made room for spilled registers, which stays.
fn strip_frame(target: Target, code: &mut Vec<Instruction>) {
    let (prologue, epilogue): (&[&[u8]], &[&[u8]]) = match target {
        Target::X86_64 => (&[&[0x55], &[0x48, 0x89, 0xe5]], &[&[0x48, 0x89, 0xec], &[0x5d]]),
        Target::Aarch64 => (&[&[0xfd, 0x7b, 0xbf, 0xa9], &[0xfd, 0x03, 0x00, 0x91]], &[&[0xfd, 0x7b, 0xc1, 0xa8]]),
    };
    for bytes in prologue {
        assert_eq!(code[0].bytes, *bytes, "the prologue is not the expected one: {}", code[0].text);
        code.remove(0);
    }
    let mut i = 0;
    while i < code.len() {
        if matches!(code[i].flow, Flow::Jump(Destination::Outside(_))) {
            let first = i - epilogue.len();
            for (k, bytes) in epilogue.iter().enumerate() {
                assert_eq!(code[first + k].bytes, *bytes, "the epilogue is not the expected one");
            }
            let offset = code[first].offset;
            code.drain(first..i);
            i = first;
            code[i].offset = offset;
        }
        i += 1;
    }
}

/// Branches to a jump go where the jump goes.
fn thread_jumps(code: &mut [Instruction]) {
    loop {
        let mut changed = false;
        for i in 0..code.len() {
            let (Flow::Branch(Destination::Label(offset)) | Flow::Jump(Destination::Label(offset))) = code[i].flow
            else {
                continue;
            };
            let target = at(code, offset);
            // A bit test of AArch64 reaches 32 KB only: it stays inside its stencil.
            let short = code[i].bytes.len() == 4 && code[i].bytes[3] & 0x7e == 0x36;
            // The one jump to the next micro-op stays: the main path ends there.
            if let Flow::Jump(further) = code[target].flow
                && further != Destination::Outside(Hole::Next)
                && target != i
                && !short
            {
                let new = match code[i].flow {
                    Flow::Branch(_) => Flow::Branch(further),
                    _ => Flow::Jump(further),
                };
                changed |= new != code[i].flow;
                code[i].flow = new;
            }
        }
        if !changed {
            return;
        }
    }
}

fn reachable(code: &[Instruction]) -> Vec<bool> {
    let mut live = vec![false; code.len()];
    let mut work = vec![0];
    while let Some(i) = work.pop() {
        if i >= code.len() || live[i] {
            continue;
        }
        live[i] = true;
        match code[i].flow {
            Flow::Branch(Destination::Label(offset)) => work.extend([at(code, offset), i + 1]),
            Flow::Jump(Destination::Label(offset)) => work.push(at(code, offset)),
            Flow::Jump(_) => {}
            _ => work.push(i + 1),
        }
    }
    live
}

/// Leaves out jumps to what follows anyway.
fn without_falling_jumps(code: &[Instruction], section: &[usize]) -> Vec<usize> {
    let falls = |k: usize| match code[section[k]].flow {
        Flow::Jump(Destination::Label(offset)) => section.get(k + 1) == Some(&at(code, offset)),
        _ => false,
    };
    (0..section.len()).filter(|k| !falls(*k)).map(|k| section[k]).collect()
}

/// Bytes that an instruction takes: branches have their long form.
fn size(target: Target, i: &Instruction) -> usize {
    match (target, i.flow) {
        (Target::X86_64, Flow::Branch(_)) => 6,
        (Target::X86_64, Flow::Jump(_)) => 5,
        _ => i.bytes.len(),
    }
}

fn emit(
    target: Target,
    code: &[Instruction],
    order: &[usize],
    sections: &[Vec<usize>; 2],
    end_of_hot: Option<usize>,
) -> Layout {
    let mut place = vec![None; code.len()];
    let mut lengths = [0; 2];
    for (s, section) in sections.iter().enumerate() {
        for &i in section {
            place[i] = Some((s == 1, lengths[s]));
            lengths[s] += size(target, &code[i]);
        }
    }
    if let Some(i) = end_of_hot {
        place[i] = Some((false, lengths[0]));
    }
    // A jump that was left out is where its successor is.
    for k in (0..order.len()).rev() {
        if place[order[k]].is_none() {
            place[order[k]] = order.get(k + 1).and_then(|&next| place[next]);
        }
    }
    let mut out = Layout::default();
    for (s, section) in sections.iter().enumerate() {
        for &i in section {
            let destination = match code[i].flow {
                Flow::Straight => None,
                Flow::Branch(Destination::Outside(hole)) | Flow::Jump(Destination::Outside(hole)) => Some(hole),
                Flow::Branch(Destination::Label(offset)) | Flow::Jump(Destination::Label(offset)) => {
                    let (cold, at) = place[at(code, offset)].expect("a live label");
                    Some(if cold { Hole::Cold(at as u16) } else { Hole::Hot(at as u16) })
                }
            };
            out.instruction(target, s == 1, &code[i], destination);
        }
    }
    out
}

impl Layout {
    fn instruction(&mut self, target: Target, cold: bool, i: &Instruction, destination: Option<Hole>) {
        let bytes = if cold { &mut self.cold } else { &mut self.hot };
        let start = bytes.len();
        let patch = match (destination, target) {
            (None, _) => {
                bytes.extend(&i.bytes);
                i.hole
            }
            (Some(hole), Target::X86_64) => {
                match i.flow {
                    // Short and long forms keep the condition in the low four bits.
                    Flow::Branch(_) => {
                        let condition = if i.bytes[0] == 0x0f { i.bytes[1] } else { i.bytes[0] } & 15;
                        bytes.extend([0x0f, 0x80 | condition]);
                    }
                    _ => bytes.push(0xe9),
                }
                let at = bytes.len() - start;
                bytes.extend([0; 4]);
                Some((at, Encoding::Relative32, hole, -4))
            }
            (Some(hole), Target::Aarch64) => {
                let w = u32::from_le_bytes(i.bytes[..4].try_into().expect("four bytes"));
                let (mask, encoding) = match i.flow {
                    Flow::Jump(_) => (0x3ff_ffff, Encoding::Branch26),
                    _ if w & 0x7e00_0000 == 0x3600_0000 => (0x3fff << 5, Encoding::Branch14),
                    _ => (0x7_ffff << 5, Encoding::Branch19),
                };
                bytes.extend((w & !mask).to_le_bytes());
                Some((0, encoding, hole, 0))
            }
        };
        if let Some((at, encoding, hole, addend)) = patch {
            self.patches.push(Patch { cold, offset: (start + at) as u16, encoding, hole, addend });
        }
        let part = if cold { "cold" } else { "hot" };
        let note = patch.map(|p| format!("  {:?}", p.2)).unwrap_or_default();
        self.listing.push_str(&format!("  {part:4} {start:4}  {}{note}\n", i.text));
    }
}
