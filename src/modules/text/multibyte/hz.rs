//! HZ: ASCII with GB 2312 between `~{` and `~}`.

use pyrs_unicode::text_buffer::TextBuffer;

use super::iso2022::Charset;
use super::table_codec::push_unit;
use super::{Codec, State, Step};

pub struct Hz;

/// The first byte of the state: whether GB 2312 is on.
const GB: u8 = 1;

impl Codec for Hz {
    fn decode(&self, state: &mut State, input: &[u8], out: &mut TextBuffer) -> Step {
        let byte = input[0];
        if byte == b'~' {
            let Some(&second) = input.get(1) else { return Step::Incomplete };
            match (second, state[0]) {
                (b'~', 0) => out.push(u32::from(b'~')),
                (b'{', 0) => state[0] = GB,
                // The line goes on.
                (b'\n', 0) => {}
                (b'}', GB) => state[0] = 0,
                _ => return Step::Illegal(1),
            }
            return Step::Done(2);
        }
        if byte >= 0x80 {
            return Step::Illegal(1);
        }
        if state[0] == 0 {
            out.push(u32::from(byte));
            return Step::Done(1);
        }
        let Some(&second) = input.get(1) else { return Step::Incomplete };
        match Charset::Gb2312.decode(byte, second) {
            Some(unit) => {
                push_unit(out, unit);
                Step::Done(2)
            }
            None => Step::Illegal(1),
        }
    }

    fn encode(&self, state: &mut State, input: &[u32], _flush: bool, out: &mut Vec<u8>) -> Step {
        let char = input[0];
        if char < 0x80 {
            self.encode_reset(state, out);
            out.push(char as u8);
            if char == u32::from(b'~') {
                out.push(b'~');
            }
            return Step::Done(1);
        }
        let Some(code) = Charset::Gb2312.encode(char) else { return Step::Illegal(1) };
        if state[0] == 0 {
            out.extend(b"~{");
            state[0] = GB;
        }
        out.extend(code.to_be_bytes());
        Step::Done(1)
    }

    fn encode_reset(&self, state: &mut State, out: &mut Vec<u8>) {
        if state[0] != 0 {
            out.extend(b"~}");
            state[0] = 0;
        }
    }
}
