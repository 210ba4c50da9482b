//! ISO-2022: escape sequences choose among character sets of seven bits.
//!
//! A designation puts a set into one of the slots G0 to G2. G0 is what bytes mean; G1 between `SO` and `SI`; G2 for
//! the one character behind `ESC N`. The state has a byte for each slot, the final byte of the set's
//! escape sequence with the high bit for sets of two bytes, and flags.

use pyrs_unicode::text_buffer::TextBuffer;

use super::table_codec::push_unit;
use super::tables::{Table, Unit, table};
use super::{Codec, State, Step};

const ESC: u8 = 0x1b;
const SO: u8 = 0x0e;
const SI: u8 = 0x0f;
const LF: u8 = b'\n';
/// The set that everything begins with.
const ASCII: u8 = b'B';
/// Marks of sets of two bytes have this bit.
const DOUBLE: u8 = 0x80;
const LATIN1: u8 = b'A';
const GREEK: u8 = b'F';

/// The byte of the state that holds flags.
const FLAGS: usize = 4;
const SHIFTED: u8 = 1;
/// The rest of an unknown escape sequence is passed on as it is.
const PASSING: u8 = 2;

/// Longer escape sequences are none.
const LONGEST_ESCAPE: usize = 16;

/// A set of characters; codes have seven bits a byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Charset {
    Jisx0201Roman,
    Jisx0201Katakana,
    Jisx0208,
    Jisx0212,
    /// JIS X 0213 of an encoding's table.
    Jisx0213Plane1(&'static str),
    Jisx0213Plane2(&'static str),
    Ksx1001,
    Gb2312,
    /// Sets for G2 alone, which are only decoded.
    Latin1,
    Greek,
}

impl Charset {
    /// The table, whether three-byte codes are meant.
    fn table(self) -> (&'static Table, bool) {
        let (name, three) = match self {
            Charset::Jisx0208 => ("euc_jp", false),
            Charset::Jisx0212 => ("euc_jp", true),
            Charset::Jisx0213Plane1(name) => (name, false),
            Charset::Jisx0213Plane2(name) => (name, true),
            Charset::Ksx1001 => ("euc_kr", false),
            _ => ("gb2312", false),
        };
        (table(name).expect("the tables of ISO-2022 exist"), three)
    }

    /// What two bytes stand for.
    pub fn decode(self, first: u8, second: u8) -> Option<Unit> {
        let (table, three) = self.table();
        if !three && first < 0x21 || (first | second) >= 0x80 || !self.has_row(first) {
            return None;
        }
        table.double(three, first | 0x80, second | 0x80)
    }

    /// The three-byte codes of JIS X 0213's encodings have the rows of JIS X 0212 as well.
    fn has_row(self, row: u8) -> bool {
        let second_plane = matches!(row, 0x21 | 0x23..=0x25 | 0x28 | 0x2c..=0x2f | 0x6e..=0x7e);
        second_plane || !matches!(self, Charset::Jisx0213Plane2(_))
    }

    fn decode_single(self, byte: u8) -> Option<u32> {
        match (self, byte) {
            (Charset::Jisx0201Roman, 0x5c) => Some(0xa5),
            (Charset::Jisx0201Roman, 0x7e) => Some(0x203e),
            (Charset::Jisx0201Roman, _) => Some(u32::from(byte)),
            (Charset::Jisx0201Katakana, 0x21..=0x5f) => Some(u32::from(byte) + 0xff40),
            _ => None,
        }
    }

    /// The code of a character in a set of two bytes.
    pub fn encode(self, char: u32) -> Option<u16> {
        // JIS X 0213 has this character elsewhere.
        const FULLWIDTH_TILDE: u32 = 0xff5e;
        if char == FULLWIDTH_TILDE && matches!(self, Charset::Jisx0213Plane1(_)) {
            return None;
        }
        let (table, three) = self.table();
        self.seven_bits(table.code(char)?, three)
    }

    fn seven_bits(self, code: u32, three: bool) -> Option<u16> {
        let wanted = if three { 0x8f_0000 } else { 0 };
        let fits = code & 0xff_0000 == wanted && code & 0x8080 == 0x8080 && code as u16 >= 0xa1a1;
        Some(code as u16 & 0x7f7f).filter(|code| fits && self.has_row((code >> 8) as u8))
    }

    fn encode_single(self, char: u32) -> Option<u8> {
        match (self, char) {
            (Charset::Jisx0201Roman, 0xa5) => Some(0x5c),
            (Charset::Jisx0201Roman, 0x203e) => Some(0x7e),
            (Charset::Jisx0201Katakana, 0xff61..=0xff9f) => Some((char - 0xff40) as u8),
            _ => None,
        }
    }
}

/// A set that an encoding knows.
struct Designation {
    charset: Charset,
    /// As in the state.
    mark: u8,
    /// The slot where the encoder puts it.
    slot: usize,
}

const fn set(charset: Charset, mark: u8) -> Designation {
    Designation { charset, mark, slot: 0 }
}

const KSX1001_MARK: u8 = b'C' | DOUBLE;
const JISX0208: Designation = set(Charset::Jisx0208, b'B' | DOUBLE);
const OLD_JISX0208: Designation = set(Charset::Jisx0208, b'@' | DOUBLE);
const JISX0212: Designation = set(Charset::Jisx0212, b'D' | DOUBLE);
const ROMAN: Designation = set(Charset::Jisx0201Roman, b'J');
const KATAKANA: Designation = set(Charset::Jisx0201Katakana, b'I');
const NEW_TABLE: &str = "euc_jis_2004";
const OLD_TABLE: &str = "euc_jisx0213";

/// An encoding of the family.
pub struct Iso2022 {
    /// The encoder takes the first set that has a character.
    sets: &'static [Designation],
    /// `SO` and `SI` mean something.
    shifts: bool,
    /// G2 is there.
    has_g2: bool,
    /// `ESC & @` may announce a revision of JIS X 0208.
    revisions: bool,
    /// The set with codes for two characters together.
    pairs: Option<&'static Designation>,
}

const JP: Iso2022 = Iso2022 { sets: &[], shifts: false, has_g2: false, revisions: true, pairs: None };

static ISO2022_KR: Iso2022 = Iso2022 {
    sets: &[Designation { charset: Charset::Ksx1001, mark: KSX1001_MARK, slot: 1 }],
    shifts: true,
    revisions: false,
    ..JP
};
static ISO2022_JP: Iso2022 = Iso2022 { sets: &[JISX0208, ROMAN, OLD_JISX0208], ..JP };
static ISO2022_JP_1: Iso2022 = Iso2022 { sets: &[JISX0208, JISX0212, ROMAN, OLD_JISX0208], ..JP };
static ISO2022_JP_2: Iso2022 = Iso2022 {
    sets: &[
        JISX0208,
        JISX0212,
        set(Charset::Ksx1001, KSX1001_MARK),
        set(Charset::Gb2312, b'A' | DOUBLE),
        ROMAN,
        OLD_JISX0208,
        Designation { charset: Charset::Latin1, mark: LATIN1, slot: 2 },
        Designation { charset: Charset::Greek, mark: GREEK, slot: 2 },
    ],
    has_g2: true,
    ..JP
};
const NEW_PLANE_1: Designation = set(Charset::Jisx0213Plane1(NEW_TABLE), b'Q' | DOUBLE);
const OLD_PLANE_1: Designation = set(Charset::Jisx0213Plane1(OLD_TABLE), b'O' | DOUBLE);
static ISO2022_JP_2004: Iso2022 = Iso2022 {
    sets: &[JISX0208, NEW_PLANE_1, set(Charset::Jisx0213Plane2(NEW_TABLE), b'P' | DOUBLE)],
    pairs: Some(&NEW_PLANE_1),
    ..JP
};
static ISO2022_JP_3: Iso2022 = Iso2022 {
    sets: &[JISX0208, OLD_PLANE_1, set(Charset::Jisx0213Plane2(OLD_TABLE), b'P' | DOUBLE)],
    pairs: Some(&OLD_PLANE_1),
    ..JP
};
static ISO2022_JP_EXT: Iso2022 = Iso2022 { sets: &[JISX0208, JISX0212, ROMAN, KATAKANA, OLD_JISX0208], ..JP };

/// The codec of an encoding of the family.
pub fn find(name: &str) -> Option<&'static dyn Codec> {
    Some(match name {
        "iso2022_kr" => &ISO2022_KR,
        "iso2022_jp" => &ISO2022_JP,
        "iso2022_jp_1" => &ISO2022_JP_1,
        "iso2022_jp_2" => &ISO2022_JP_2,
        "iso2022_jp_2004" => &ISO2022_JP_2004,
        "iso2022_jp_3" => &ISO2022_JP_3,
        "iso2022_jp_ext" => &ISO2022_JP_EXT,
        _ => return None,
    })
}

fn ends_escape(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte == b'@'
}

impl Iso2022 {
    /// An escape sequence that designates a set.
    fn decode_escape(&self, state: &mut State, input: &[u8]) -> Step {
        let mut at = 1;
        let length = loop {
            if at >= LONGEST_ESCAPE {
                return Step::Illegal(1);
            }
            match input.get(at) {
                None => return Step::Incomplete,
                Some(b'@') if self.revisions && input[1] == b'&' && at == 2 => match input.get(3) {
                    None => return Step::Incomplete,
                    Some(&ESC) => at = 4,
                    Some(_) => break 3,
                },
                Some(byte) if ends_escape(*byte) => break at + 1,
                Some(_) => at += 1,
            }
        };
        let wanted = match input[1..length] {
            [b'$', last] => Some((0, last | DOUBLE)),
            [b'(', last] => Some((0, last)),
            [b')', last] => Some((1, last)),
            [b'.', last] if self.has_g2 => Some((2, last)),
            [b'$', b'(', last] => Some((0, last | DOUBLE)),
            [b'$', b')', last] => Some((1, last | DOUBLE)),
            [b'&', b'@', ESC, b'$', b'B'] if self.revisions => Some((0, b'B' | DOUBLE)),
            _ => None,
        };
        match wanted {
            Some((slot, mark)) if mark == ASCII || self.set_of(mark).is_some() => {
                state[slot] = mark;
                Step::Done(length)
            }
            _ => Step::Illegal(length),
        }
    }

    fn set_of(&self, mark: u8) -> Option<Charset> {
        self.sets.iter().find(|set| set.mark == mark).map(|set| set.charset)
    }

    /// A character of G2 behind `ESC N`.
    fn decode_g2(state: &State, input: &[u8], out: &mut TextBuffer) -> Step {
        let Some(&byte) = input.get(2) else { return Step::Incomplete };
        let char = match state[2] {
            _ if byte >= 0x80 => None,
            LATIN1 => Some(u32::from(byte) + 0x80),
            GREEK => greek(byte + 0x80),
            _ => Some(u32::from(byte)),
        };
        let Some(char) = char else { return Step::Illegal(3) };
        out.push(char);
        Step::Done(3)
    }

    /// A character of the set that is on.
    fn decode_character(&self, mark: u8, input: &[u8], out: &mut TextBuffer) -> Step {
        let Some(charset) = self.set_of(mark) else { return Step::Illegal(1) };
        let width = if mark & DOUBLE == 0 { 1 } else { 2 };
        if input.len() < width {
            return Step::Incomplete;
        }
        let unit = match width {
            1 => charset.decode_single(input[0]).map(Unit::One),
            _ => charset.decode(input[0], input[1]),
        };
        let Some(unit) = unit else { return Step::Illegal(width) };
        push_unit(out, unit);
        Step::Done(width)
    }

    /// Encodes a character with its successor, where the two have one code.
    fn encode_pair(&self, state: &mut State, input: &[u32], flush: bool, out: &mut Vec<u8>) -> Option<Step> {
        let set = self.pairs?;
        let (table, _) = set.charset.table();
        if !table.begins_pair(input[0]) {
            return None;
        }
        match input.get(1) {
            None if !flush => Some(Step::Incomplete),
            None => None,
            Some(second) => {
                let code = set.charset.seven_bits(table.pair_code(input[0], *second)?, false)?;
                self.select(state, set, out);
                out.extend(code.to_be_bytes());
                Some(Step::Done(2))
            }
        }
    }

    /// Writes what turns a set on.
    fn select(&self, state: &mut State, set: &Designation, out: &mut Vec<u8>) {
        if set.slot == 0 && state[FLAGS] & SHIFTED != 0 {
            out.push(SI);
            state[FLAGS] &= !SHIFTED;
        }
        if state[set.slot] != set.mark {
            let last = set.mark & !DOUBLE;
            match (set.slot, set.mark & DOUBLE != 0) {
                (0, false) => out.extend([ESC, b'(', last]),
                (0, true) if matches!(set.mark, m if m == JISX0208.mark || m == OLD_JISX0208.mark) => {
                    out.extend([ESC, b'$', last]);
                }
                (0, true) => out.extend([ESC, b'$', b'(', last]),
                (_, false) => out.extend([ESC, b')', last]),
                (_, true) => out.extend([ESC, b'$', b')', last]),
            }
            state[set.slot] = set.mark;
        }
        if set.slot == 1 && state[FLAGS] & SHIFTED == 0 {
            out.push(SO);
            state[FLAGS] |= SHIFTED;
        }
    }
}

/// ISO 8859-7 as ISO-2022-JP-2 has it.
fn greek(byte: u8) -> Option<u32> {
    let byte = u32::from(byte);
    match byte {
        0xa1 => Some(0x2018),
        0xa2 => Some(0x2019),
        0xaf => Some(0x2015),
        0xa0 | 0xa3 | 0xa6..=0xa9 | 0xab..=0xad | 0xb0..=0xb3 | 0xb7 | 0xbb | 0xbd => Some(byte),
        0xb4..=0xb6 | 0xb8..=0xba | 0xbc | 0xbe..=0xd1 | 0xd3..=0xfe => Some(byte + 0x2d0),
        _ => None,
    }
}

impl Codec for Iso2022 {
    fn decode_start(&self) -> State {
        [ASCII, ASCII, ASCII, 0, 0, 0, 0, 0]
    }

    fn encode_start(&self) -> State {
        [ASCII, ASCII, 0, 0, 0, 0, 0, 0]
    }

    fn decode_reset(&self, state: &mut State) {
        state[0] = ASCII;
        state[FLAGS] &= !SHIFTED;
    }

    fn decode(&self, state: &mut State, input: &[u8], out: &mut TextBuffer) -> Step {
        let byte = input[0];
        if state[FLAGS] & PASSING != 0 {
            out.push(u32::from(byte));
            if ends_escape(byte) {
                state[FLAGS] &= !PASSING;
            }
            return Step::Done(1);
        }
        match byte {
            ESC => match input.get(1) {
                None => Step::Incomplete,
                Some(b'(' | b')' | b'$' | b'.' | b'&') => self.decode_escape(state, input),
                Some(b'N') if self.has_g2 => Iso2022::decode_g2(state, input, out),
                Some(_) => {
                    out.push(u32::from(ESC));
                    state[FLAGS] |= PASSING;
                    Step::Done(1)
                }
            },
            SI | SO if self.shifts => {
                state[FLAGS] = if byte == SO { state[FLAGS] | SHIFTED } else { state[FLAGS] & !SHIFTED };
                Step::Done(1)
            }
            LF => {
                state[FLAGS] &= !SHIFTED;
                out.push(u32::from(LF));
                Step::Done(1)
            }
            0..0x20 => {
                out.push(u32::from(byte));
                Step::Done(1)
            }
            0x80.. => Step::Illegal(1),
            _ => match state[usize::from(state[FLAGS] & SHIFTED != 0)] {
                ASCII => {
                    out.push(u32::from(byte));
                    Step::Done(1)
                }
                mark => self.decode_character(mark, input, out),
            },
        }
    }

    fn encode(&self, state: &mut State, input: &[u32], flush: bool, out: &mut Vec<u8>) -> Step {
        let char = input[0];
        if char < 0x80 {
            self.encode_reset(state, out);
            out.push(char as u8);
            return Step::Done(1);
        }
        if let Some(step) = self.encode_pair(state, input, flush, out) {
            return step;
        }
        for set in self.sets.iter().filter(|set| set.slot < 2) {
            if set.mark & DOUBLE != 0 {
                if let Some(code) = set.charset.encode(char) {
                    self.select(state, set, out);
                    out.extend(code.to_be_bytes());
                    return Step::Done(1);
                }
            } else if let Some(code) = set.charset.encode_single(char) {
                self.select(state, set, out);
                out.push(code);
                return Step::Done(1);
            }
        }
        Step::Illegal(1)
    }

    fn encode_reset(&self, state: &mut State, out: &mut Vec<u8>) {
        if state[FLAGS] & SHIFTED != 0 {
            out.push(SI);
            state[FLAGS] &= !SHIFTED;
        }
        if state[0] != ASCII {
            out.extend([ESC, b'(', ASCII]);
            state[0] = ASCII;
        }
    }
}
