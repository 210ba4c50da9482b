//! What the compiler leaves clumsy on x86-64, because it does not know that the frame's register can be a base and
//! has no branch on overflow.

use iced_x86::{Decoder, DecoderOptions, Encoder, InstructionInfoFactory, Mnemonic, OpAccess, OpKind, Register};

use crate::context::MARKERS;
use crate::decode::{Flow, Instruction};

pub fn improve(code: &mut Vec<Instruction>) {
    while use_frame_register(code) || branch_on_overflow(code) {}
}

fn decoded(i: &Instruction) -> iced_x86::Instruction {
    Decoder::with_ip(64, &i.bytes, 0, DecoderOptions::NONE).decode()
}

/// Whether the instruction reads and writes the register.
fn accesses(x: &iced_x86::Instruction, register: Register) -> (bool, bool) {
    let (mut reads, mut writes) = (false, false);
    for used in InstructionInfoFactory::new().info(x).used_registers() {
        if used.register().full_register() != register {
            continue;
        }
        match used.access() {
            OpAccess::Read | OpAccess::CondRead => reads = true,
            OpAccess::Write => writes = true,
            OpAccess::CondWrite | OpAccess::ReadWrite | OpAccess::ReadCondWrite => (reads, writes) = (true, true),
            OpAccess::None | OpAccess::NoMemAccess => {}
        }
    }
    (reads, writes)
}

/// `mov rax, r15` whose only other uses are `[rax + …]`: the frame's register is the base.
fn use_frame_register(code: &mut Vec<Instruction>) -> bool {
    for k in 0..code.len() {
        let x = decoded(&code[k]);
        if x.mnemonic() != Mnemonic::Mov || x.op_count() != 2 || x.op1_kind() != OpKind::Register {
            continue;
        }
        let copy = x.op0_register();
        // Registers that no continuation is given.
        if x.op1_register() != Register::R15 || !matches!(copy, Register::RAX | Register::R10 | Register::R11) {
            continue;
        }
        let users: Vec<usize> =
            (0..code.len()).filter(|&i| i != k && accesses(&decoded(&code[i]), copy) != (false, false)).collect();
        let replaceable = |i: usize| {
            let x = decoded(&code[i]);
            let explicit =
                (0..x.op_count()).any(|n| x.op_kind(n) == OpKind::Register && x.op_register(n).full_register() == copy);
            i > k && x.memory_base() == copy && x.memory_index() != copy && !explicit
        };
        if users.iter().all(|&i| replaceable(i)) {
            users.iter().for_each(|&i| rebase(&mut code[i]));
            let offset = code[k].offset;
            code.remove(k);
            code[k].offset = offset;
            return true;
        }
    }
    false
}

/// Encodes the instruction again with the frame's register as its base.
fn rebase(i: &mut Instruction) {
    let mut x = decoded(i);
    x.set_memory_base(Register::R15);
    if i.hole.is_some() {
        // Large enough for the long form; the hole is cleared again below.
        x.set_memory_displacement64(MARKERS[0] as u64);
        x.set_memory_displ_size(8);
    }
    let mut encoder = Encoder::new(64);
    encoder.encode(&x, 0).expect("an instruction that was decoded can be encoded");
    i.bytes = encoder.take_buffer();
    if let Some((at, ..)) = &mut i.hole {
        let mut decoder = Decoder::with_ip(64, &i.bytes, 0, DecoderOptions::NONE);
        let x = decoder.decode();
        let places = decoder.get_constant_offsets(&x);
        assert_eq!(places.displacement_size(), 4);
        *at = places.displacement_offset();
        i.bytes[*at..*at + 4].fill(0);
    }
    i.text.push_str("  ; base r15");
}

/// `seto r; test r, r; jne` becomes `jo`.
fn branch_on_overflow(code: &mut Vec<Instruction>) -> bool {
    for k in 0..code.len().saturating_sub(2) {
        let [set, test, jump] = [0, 1, 2].map(|n| decoded(&code[k + n]));
        let register = set.op0_register();
        if set.mnemonic() != Mnemonic::Seto
            || test.mnemonic() != Mnemonic::Test
            || test.op0_register() != register
            || test.op1_register() != register
            || jump.mnemonic() != Mnemonic::Jne
            || !matches!(code[k + 2].flow, Flow::Branch(_))
        {
            continue;
        }
        let full = register.full_register();
        let first = code[k + 2..].iter().map(|i| accesses(&decoded(i), full)).find(|a| *a != (false, false));
        if first.is_some_and(|(reads, _)| reads) {
            continue;
        }
        let offset = code[k].offset;
        code.drain(k..k + 2);
        code[k].offset = offset;
        code[k].bytes = vec![0x0f, 0x80, 0, 0, 0, 0];
        code[k].text = code[k].text.replacen("jne", "jo", 1);
        return true;
    }
    false
}
