//! Machine code in words.

/// An instruction.
pub struct Line {
    /// From the beginning of the code.
    pub offset: usize,
    pub text: String,
    /// Where it jumps or calls to, or the number that it loads, if it has one.
    pub refers_to: Option<u64>,
}

/// The instructions of `code`, which runs at `address`. What is not an instruction is shown as bytes.
#[cfg(target_arch = "x86_64")]
pub fn lines(code: &[u8], address: usize) -> Vec<Line> {
    use iced_x86::{Decoder, DecoderOptions, Formatter, NasmFormatter, OpKind};
    let mut formatter = NasmFormatter::new();
    let options = formatter.options_mut();
    options.set_space_after_operand_separator(true);
    options.set_hex_prefix("0x");
    options.set_hex_suffix("");
    options.set_uppercase_hex(false);
    let mut out = Vec::new();
    for instruction in Decoder::with_ip(64, code, address as u64, DecoderOptions::NONE) {
        let mut text = String::new();
        formatter.format(&instruction, &mut text);
        let refers_to = instruction.op_kinds().find_map(|kind| match kind {
            OpKind::NearBranch64 => Some(instruction.near_branch_target()),
            OpKind::Immediate64 => Some(instruction.immediate64()),
            _ => None,
        });
        out.push(Line { offset: instruction.ip() as usize - address, text, refers_to });
    }
    out
}

/// As above.
#[cfg(target_arch = "aarch64")]
pub fn lines(code: &[u8], address: usize) -> Vec<Line> {
    use yaxpeax_arch::{Arch, Decoder, U8Reader};
    use yaxpeax_arm::armv8::a64::ARMv8;
    let decoder = <ARMv8 as Arch>::Decoder::default();
    let line = |(k, word): (usize, &[u8])| {
        let bytes: [u8; 4] = word.try_into().unwrap_or_default();
        let w = u32::from_le_bytes(bytes);
        let text = match decoder.decode(&mut U8Reader::new(word)) {
            Ok(instruction) => instruction.to_string(),
            Err(_) => format!(".word {w:#010x}"),
        };
        Line { offset: 4 * k, text, refers_to: branch_target(w, (address + 4 * k) as u64) }
    };
    code.chunks(4).enumerate().map(line).collect()
}

/// Where a branch leads: `b`, `bl`, `b.cond`, `cbz`, `tbz`.
#[cfg(target_arch = "aarch64")]
fn branch_target(w: u32, at: u64) -> Option<u64> {
    let field = |low: u32, bits: u32| ((w >> low) << (32 - bits)) as i32 >> (32 - bits);
    let words = if w & 0x7c00_0000 == 0x1400_0000 {
        field(0, 26)
    } else if w & 0xff00_0010 == 0x5400_0000 || w & 0x7e00_0000 == 0x3400_0000 {
        field(5, 19)
    } else if w & 0x7e00_0000 == 0x3600_0000 {
        field(5, 14)
    } else {
        return None;
    };
    Some(at.wrapping_add_signed(4 * words as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn instructions_and_what_they_refer_to() {
        // mov rax, 0x1122334455667788; jmp to the beginning; ret
        let code = [0x48, 0xb8, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 0xe9, 0xf1, 0xff, 0xff, 0xff, 0xc3];
        let lines = lines(&code, 0x1000);
        let found: Vec<_> = lines.iter().map(|l| (l.offset, l.text.as_str(), l.refers_to)).collect();
        assert_eq!(
            found,
            [
                (0, "mov rax, 0x1122334455667788", Some(0x1122_3344_5566_7788)),
                (10, "jmp 0x0000000000001000", Some(0x1000)),
                (15, "ret", None)
            ]
        );
    }
}
