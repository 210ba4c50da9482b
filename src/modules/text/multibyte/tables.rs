//! The tables of encodings: which bytes stand for which characters.
//!
//! `tables.zlib` is written by `src/modules/tools/cjk_tables.py` from the behaviour of CPython's codecs. After
//! decompression it is a sequence of tables: length of the name, name, length of the body in four bytes, body. A body
//! consists of variable-length numbers (seven bits a byte, the low ones first):
//! - cells for 256 single bytes, and for 256 bytes whether they begin a longer sequence;
//! - whether there are sequences of three bytes, which then begin with 0x8f;
//! - cells for two bytes (rows 0x81 to 0xfe, columns 0x31 to 0xfe), and for the last two of three;
//! - pairs of characters with one code: a count, then both characters and the code;
//! - characters that are not encoded as the first code that decodes to them: a count, then the distance from
//!   the one before and the code, or 0 for characters that cannot be encoded;
//! - codes whose error covers all their bytes: a count, then the codes.
//!
//! Cells are differences from the last cell, folded to positive numbers from 1; 0 and a length stand for a gap.

use std::sync::OnceLock;

use crate::compress::zlib_stream::Stream;

const LEAD: usize = 0x81;
const TRAIL: usize = 0x31;
const COLUMNS: usize = 0xff - TRAIL;
const ROWS: usize = 0xff - LEAD;
const NONE: u32 = u32::MAX;
/// Cells from here on are pairs.
const PAIR: u32 = 0x11_0000;

/// Tables by name; the order is that of `TABLES`.
const NAMES: [&str; 16] = [
    "gb18030",
    "gbk",
    "gb2312",
    "big5",
    "cp950",
    "big5hkscs",
    "cp949",
    "euc_kr",
    "johab",
    "euc_jis_2004",
    "euc_jisx0213",
    "euc_jp",
    "shift_jis_2004",
    "shift_jisx0213",
    "shift_jis",
    "cp932",
];
static TABLES: [OnceLock<Table>; NAMES.len()] = [const { OnceLock::new() }; NAMES.len()];

/// One or two characters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    One(u32),
    Two(u32, u32),
}

/// Both directions of an encoding's table.
pub struct Table {
    single: Vec<u32>,
    leads: Vec<bool>,
    pub has_three: bool,
    planes: [Vec<u32>; 2],
    /// Both characters and their code.
    pairs: Vec<(u32, u32, u32)>,
    long_errors: Vec<u32>,
    /// Codes by character, in pages of 256.
    codes: Vec<Option<Box<[u32; 256]>>>,
    /// Characters of the basic plane that have no code, in order: GB18030 numbers them.
    pub rest: Vec<u16>,
}

/// The table of an encoding; loaded when it is needed for the first time.
pub fn table(name: &str) -> Option<&'static Table> {
    let index = NAMES.iter().position(|known| *known == name)?;
    Some(TABLES[index].get_or_init(|| load(name)))
}

/// All tables, decompressed.
fn inflated() -> Vec<u8> {
    const FINISH: i32 = 4;
    let packed = include_bytes!("tables.zlib");
    let mut out = Vec::new();
    let mut stream = Stream::inflate(15).expect("the library accepts the window size");
    let end = stream.run(packed, &mut out, 1 << 20, FINISH);
    debug_assert_eq!(end.code, 1, "the whole stream fits the room");
    out
}

fn load(name: &str) -> Table {
    let all = inflated();
    let mut at = 0;
    loop {
        let length = all[at] as usize;
        let found = &all[at + 1..at + 1 + length];
        at += 1 + length;
        let size = u32::from_le_bytes(all[at..at + 4].try_into().expect("four bytes")) as usize;
        at += 4;
        if found == name.as_bytes() {
            return Table::read(&mut Reader { data: &all[at..at + size] }, name == "gb18030");
        }
        at += size;
    }
}

/// Reads the numbers of a body.
struct Reader<'d> {
    data: &'d [u8],
}

impl Reader<'_> {
    fn number(&mut self) -> u32 {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = self.data[0];
            self.data = &self.data[1..];
            value |= u32::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                return value;
            }
        }
    }

    fn cells(&mut self, count: usize) -> Vec<u32> {
        let mut out = Vec::with_capacity(count);
        let mut previous = 0i64;
        while out.len() < count {
            match self.number() {
                0 => {
                    let gap = self.number() as usize;
                    out.resize(out.len() + gap, NONE);
                }
                folded => {
                    let folded = i64::from(folded) - 1;
                    previous += if folded & 1 == 0 { folded / 2 } else { -(folded + 1) / 2 };
                    out.push(previous as u32);
                }
            }
        }
        out
    }
}

impl Table {
    fn read(input: &mut Reader<'_>, wants_rest: bool) -> Table {
        let single = input.cells(256);
        let leads = input.cells(256).into_iter().map(|cell| cell != NONE).collect();
        let has_three = input.number() != 0;
        let two = input.cells(ROWS * COLUMNS);
        let three = if has_three { input.cells(ROWS * COLUMNS) } else { Vec::new() };
        let pairs = (0..input.number()).map(|_| (input.number(), input.number(), input.number())).collect();
        let mut table = Table {
            single,
            leads,
            has_three,
            planes: [two, three],
            pairs,
            long_errors: Vec::new(),
            codes: Vec::new(),
            rest: Vec::new(),
        };
        table.invert();
        let mut char = 0;
        for _ in 0..input.number() {
            char += input.number();
            let code = input.number();
            table.set_code(char, if code == 0 { NONE } else { code });
        }
        table.long_errors = (0..input.number()).map(|_| input.number()).collect();
        if wants_rest {
            let surrogates = 0xd800..0xe000;
            let is_rest = |char: &u32| !surrogates.contains(char) && table.code(*char).is_none();
            table.rest = (0x80..0x1_0000).filter(is_rest).map(|char| char as u16).collect();
        }
        table
    }

    /// Fills the codes from the cells; the first code of a character counts.
    fn invert(&mut self) {
        let mut found: Vec<(u32, u32)> =
            self.single.iter().enumerate().map(|(byte, char)| (*char, byte as u32)).collect();
        for (plane, prefix) in self.planes.iter().zip([0, 0x8f_0000]) {
            found.extend(plane.iter().enumerate().map(|(index, char)| {
                let (row, column) = (index / COLUMNS + LEAD, index % COLUMNS + TRAIL);
                (*char, prefix | (row as u32) << 8 | column as u32)
            }));
        }
        for (char, code) in found {
            if char < PAIR && self.code(char).is_none() {
                self.set_code(char, code);
            }
        }
    }

    fn set_code(&mut self, char: u32, code: u32) {
        let page = (char >> 8) as usize;
        if self.codes.len() <= page {
            self.codes.resize_with(page + 1, || None);
        }
        self.codes[page].get_or_insert_with(|| Box::new([NONE; 256]))[char as usize & 0xff] = code;
    }

    /// The code of a character: its bytes as one number.
    pub fn code(&self, char: u32) -> Option<u32> {
        let page = self.codes.get((char >> 8) as usize)?.as_ref()?;
        Some(page[char as usize & 0xff]).filter(|code| *code != NONE)
    }

    /// What a byte stands for alone.
    pub fn single(&self, byte: u8) -> Option<u32> {
        Some(self.single[byte as usize]).filter(|char| *char != NONE)
    }

    /// Whether a byte begins a longer sequence.
    pub fn is_lead(&self, byte: u8) -> bool {
        self.leads[byte as usize]
    }

    /// What two bytes stand for, behind 0x8f if `three`.
    pub fn double(&self, three: bool, lead: u8, trail: u8) -> Option<Unit> {
        let (row, column) = ((lead as usize).checked_sub(LEAD)?, (trail as usize).checked_sub(TRAIL)?);
        if row >= ROWS || column >= COLUMNS {
            return None;
        }
        match *self.planes[usize::from(three)].get(row * COLUMNS + column)? {
            NONE => None,
            cell if cell >= PAIR => {
                let (first, second, _) = self.pairs[(cell - PAIR) as usize];
                Some(Unit::Two(first, second))
            }
            char => Some(Unit::One(char)),
        }
    }

    /// How many bytes the error of a two-byte code covers.
    pub fn error_length(&self, lead: u8, trail: u8) -> usize {
        let code = u32::from(lead) << 8 | u32::from(trail);
        if self.long_errors.contains(&code) { 2 } else { 1 }
    }

    /// Whether a character with another one behind it can have one code.
    pub fn begins_pair(&self, char: u32) -> bool {
        self.pairs.iter().any(|(first, _, _)| *first == char)
    }

    /// The code of two characters together.
    pub fn pair_code(&self, first: u32, second: u32) -> Option<u32> {
        self.pairs.iter().find(|pair| (pair.0, pair.1) == (first, second)).map(|pair| pair.2)
    }
}
