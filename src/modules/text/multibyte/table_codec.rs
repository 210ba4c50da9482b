//! Encodings that are a table: one, two or three bytes a character, without a state.

use pyrs_unicode::text_buffer::TextBuffer;

use super::tables::{Table, Unit, table};
use super::{Codec, State, Step};

/// An encoding with a table.
pub struct TableCodec {
    name: &'static str,
    extra: Extra,
}

/// What an encoding has beyond its table.
#[derive(PartialEq, Eq)]
enum Extra {
    Nothing,
    /// Every other character in four bytes.
    Gb18030,
    /// Syllables without a code are spelled in eight bytes.
    EucKr,
}

macro_rules! table_codecs {
    ($($name:literal $extra:ident),* $(,)?) => {
        /// The codec of an encoding that has a table.
        pub fn find(name: &str) -> Option<&'static dyn Codec> {
            match name {
                $($name => {
                    static CODEC: TableCodec = TableCodec { name: $name, extra: Extra::$extra };
                    Some(&CODEC)
                })*
                _ => None,
            }
        }
    };
}

table_codecs! {
    "gb2312" Nothing, "gbk" Nothing, "gb18030" Gb18030, "big5" Nothing, "cp950" Nothing, "big5hkscs" Nothing,
    "euc_kr" EucKr, "cp949" Nothing, "johab" Nothing, "shift_jis" Nothing, "cp932" Nothing, "euc_jp" Nothing,
    "shift_jis_2004" Nothing, "euc_jis_2004" Nothing, "euc_jisx0213" Nothing, "shift_jisx0213" Nothing,
}

impl TableCodec {
    fn table(&self) -> &'static Table {
        table(self.name).expect("every codec of this kind has a table")
    }
}

/// Appends what a table gives.
pub fn push_unit(out: &mut TextBuffer, unit: Unit) {
    match unit {
        Unit::One(char) => out.push(char),
        Unit::Two(first, second) => {
            out.push(first);
            out.push(second);
        }
    }
}

/// Appends a code of one to three bytes.
fn push_code(out: &mut Vec<u8>, code: u32) {
    if code > 0xffff {
        out.push((code >> 16) as u8);
    }
    if code > 0xff {
        out.push((code >> 8) as u8);
    }
    out.push(code as u8);
}

impl Codec for TableCodec {
    fn decode(&self, _state: &mut State, input: &[u8], out: &mut TextBuffer) -> Step {
        let table = self.table();
        let lead = input[0];
        if let Some(char) = table.single(lead) {
            out.push(char);
            return Step::Done(1);
        }
        if !table.is_lead(lead) {
            return Step::Illegal(1);
        }
        let Some(&trail) = input.get(1) else { return Step::Incomplete };
        if table.has_three && lead == 0x8f {
            let Some(&last) = input.get(2) else { return Step::Incomplete };
            let Some(unit) = table.double(true, trail, last) else { return Step::Illegal(1) };
            push_unit(out, unit);
            return Step::Done(3);
        }
        match self.extra {
            Extra::Gb18030 if trail.is_ascii_digit() => return decode_four(table, input, out),
            Extra::EucKr if [lead, trail] == hangul::FILLER => return hangul::decode(input, out),
            _ => {}
        }
        match table.double(false, lead, trail) {
            Some(unit) => {
                push_unit(out, unit);
                Step::Done(2)
            }
            None => Step::Illegal(table.error_length(lead, trail)),
        }
    }

    fn encode(&self, _state: &mut State, input: &[u32], flush: bool, out: &mut Vec<u8>) -> Step {
        let table = self.table();
        let char = input[0];
        if char >= 0x80 && table.begins_pair(char) {
            match input.get(1) {
                None if !flush => return Step::Incomplete,
                Some(second) => {
                    if let Some(code) = table.pair_code(char, *second) {
                        push_code(out, code);
                        return Step::Done(2);
                    }
                }
                None => {}
            }
        }
        if let Some(code) = table.code(char) {
            push_code(out, code);
            return Step::Done(1);
        }
        let spelled = match self.extra {
            Extra::Nothing => false,
            Extra::Gb18030 => encode_four(table, char, out),
            Extra::EucKr => hangul::encode(char, out),
        };
        if spelled { Step::Done(1) } else { Step::Illegal(1) }
    }
}

/// The number of the first character beyond the basic plane among the codes of four bytes.
const FIRST_ASTRAL: u32 = 189_000;

/// Four bytes of GB18030, which are digits of a number: 126, 10, 126 and 10 values each.
fn decode_four(table: &Table, input: &[u8], out: &mut TextBuffer) -> Step {
    let [a, b, c, d, ..] = *input else { return Step::Incomplete };
    let fits = |byte: u8, first: u8, last: u8| (first..=last).contains(&byte).then(|| u32::from(byte - first));
    let digits = (|| Some((fits(a, 0x81, 0xfe)?, fits(b, b'0', b'9')?, fits(c, 0x81, 0xfe)?, fits(d, b'0', b'9')?)))();
    let Some((a, b, c, d)) = digits else { return Step::Illegal(1) };
    let number = ((a * 10 + b) * 126 + c) * 10 + d;
    let char = match number.checked_sub(FIRST_ASTRAL) {
        Some(astral) => Some(0x1_0000 + astral).filter(|char| *char < 0x11_0000),
        None => table.rest.get(number as usize).map(|char| u32::from(*char)),
    };
    let Some(char) = char else { return Step::Illegal(1) };
    out.push(char);
    Step::Done(4)
}

fn encode_four(table: &Table, char: u32, out: &mut Vec<u8>) -> bool {
    let number = if char >= 0x1_0000 {
        char - 0x1_0000 + FIRST_ASTRAL
    } else {
        match table.rest.binary_search(&(char as u16)) {
            Ok(index) => index as u32,
            Err(_) => return false,
        }
    };
    let (c, d) = (number / 10 % 126, number % 10);
    let (a, b) = (number / 12_600, number / 1260 % 10);
    out.extend([a as u8 + 0x81, b as u8 + b'0', c as u8 + 0x81, d as u8 + b'0']);
    true
}

/// Syllables of EUC-KR that are spelled: a filler, then first consonant, vowel and last consonant.
mod hangul {
    use pyrs_unicode::text_buffer::TextBuffer;

    use super::Step;

    pub const FILLER: [u8; 2] = [0xa4, 0xd4];
    const ROW: u8 = 0xa4;
    const FIRST_VOWEL: u8 = 0xbf;
    const VOWELS: u32 = 21;
    const SYLLABLES: std::ops::Range<u32> = 0xac00..0xd7a4;
    /// Columns of the consonants that begin a syllable.
    const INITIAL: [u8; 19] = [
        0xa1, 0xa2, 0xa4, 0xa7, 0xa8, 0xa9, 0xb1, 0xb2, 0xb3, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xbb, 0xbc, 0xbd,
        0xbe,
    ];
    /// Columns of what can end one; the filler stands for nothing.
    const FINAL: [u8; 28] = [
        0xd4, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa9, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf, 0xb0, 0xb1, 0xb2,
        0xb4, 0xb5, 0xb6, 0xb7, 0xb8, 0xba, 0xbb, 0xbc, 0xbd, 0xbe,
    ];

    pub fn decode(input: &[u8], out: &mut TextBuffer) -> Step {
        let [_, _, row_1, initial, row_2, vowel, row_3, last, ..] = *input else { return Step::Incomplete };
        let position = |columns: &[u8], column| columns.iter().position(|known| *known == column);
        let syllable = (|| {
            if [row_1, row_2, row_3] != [ROW; 3] {
                return None;
            }
            let vowel = vowel.checked_sub(FIRST_VOWEL).map(u32::from).filter(|vowel| *vowel < VOWELS)?;
            let (initial, last) = (position(&INITIAL, initial)? as u32, position(&FINAL, last)? as u32);
            Some(SYLLABLES.start + (initial * VOWELS + vowel) * FINAL.len() as u32 + last)
        })();
        let Some(syllable) = syllable else { return Step::Illegal(1) };
        out.push(syllable);
        Step::Done(8)
    }

    pub fn encode(char: u32, out: &mut Vec<u8>) -> bool {
        if !SYLLABLES.contains(&char) {
            return false;
        }
        let (letters, last) = ((char - SYLLABLES.start) / FINAL.len() as u32, (char - SYLLABLES.start) % 28);
        let (initial, vowel) = (INITIAL[(letters / VOWELS) as usize], FIRST_VOWEL + (letters % VOWELS) as u8);
        out.extend(FILLER);
        out.extend([ROW, initial, ROW, vowel, ROW, FINAL[last as usize]]);
        true
    }
}
