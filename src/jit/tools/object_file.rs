//! A trace as an ELF file in memory, with what a debugger asks for: a symbol, the lines, and how to find the caller.
//!
//! All traces have the same native frame, which `thunks::enter` has made: the caller's registers lie below the frame
//! pointer. So one rule says how to unwind, wherever a trace is.

use super::Piece;

/// Bytes in the making.
#[derive(Default)]
struct Bytes(Vec<u8>);

impl Bytes {
    fn u8(&mut self, v: u8) -> &mut Bytes {
        self.0.push(v);
        self
    }

    fn u16(&mut self, v: u16) -> &mut Bytes {
        self.0.extend(v.to_le_bytes());
        self
    }

    fn u32(&mut self, v: u32) -> &mut Bytes {
        self.0.extend(v.to_le_bytes());
        self
    }

    fn u64(&mut self, v: u64) -> &mut Bytes {
        self.0.extend(v.to_le_bytes());
        self
    }

    fn text(&mut self, text: &str) -> &mut Bytes {
        self.0.extend(text.bytes().filter(|b| *b != 0));
        self.u8(0)
    }

    fn unsigned(&mut self, mut v: u64) -> &mut Bytes {
        while v >= 0x80 {
            self.u8(v as u8 | 0x80);
            v >>= 7;
        }
        self.u8(v as u8)
    }

    fn signed(&mut self, mut v: i64) -> &mut Bytes {
        loop {
            let byte = v as u8 & 0x7f;
            v >>= 7;
            let done = (v == 0 && byte & 0x40 == 0) || (v == -1 && byte & 0x40 != 0);
            self.u8(if done { byte } else { byte | 0x80 });
            if done {
                return self;
            }
        }
    }

    /// Appends a part behind its length.
    fn with_length(&mut self, part: &Bytes) -> &mut Bytes {
        self.u32(part.0.len() as u32);
        self.0.extend(&part.0);
        self
    }
}

/// A section: name, type, flags, address, contents, link, info, size of an entry.
struct Section {
    name: &'static str,
    kind: u32,
    flags: u64,
    address: u64,
    size: u64,
    contents: Vec<u8>,
    link: u32,
    info: u32,
    entry_size: u64,
}

impl Section {
    fn data(name: &'static str, contents: Bytes) -> Section {
        let size = contents.0.len() as u64;
        let contents = contents.0;
        Section { name, kind: PROGBITS, flags: 0, address: 0, size, contents, link: 0, info: 0, entry_size: 0 }
    }
}

// Types and flags of sections.
const PROGBITS: u32 = 1;
const SYMTAB: u32 = 2;
const STRTAB: u32 = 3;
const NOBITS: u32 = 8;
const ALLOC_EXECUTE: u64 = 6;

const FILE_HEADER: u64 = 64;
const SECTION_HEADER: u16 = 64;
const SYMBOL: u64 = 24;
const MACHINE: u16 = if cfg!(target_arch = "x86_64") { 62 } else { 183 };
/// Index of the code among the sections.
const TEXT: u16 = 1;
const STRINGS: u32 = 3;

/// The file that describes a trace.
pub fn of(piece: &Piece<'_>) -> Vec<u8> {
    let mut strings = Bytes::default();
    strings.u8(0).text(&piece.name);
    let mut symbols = Bytes(vec![0; SYMBOL as usize]);
    // A global function.
    symbols.u32(1).u8(0x12).u8(0).u16(TEXT).u64(piece.address as u64).u64(piece.code.len() as u64);
    let text = Section {
        kind: NOBITS,
        flags: ALLOC_EXECUTE,
        address: piece.address as u64,
        size: piece.code.len() as u64,
        ..Section::data(".text", Bytes::default())
    };
    let symbols =
        Section { kind: SYMTAB, link: STRINGS, info: 1, entry_size: SYMBOL, ..Section::data(".symtab", symbols) };
    let strings = Section { kind: STRTAB, ..Section::data(".strtab", strings) };
    file(vec![
        text,
        symbols,
        strings,
        Section::data(".debug_frame", frames(piece)),
        Section::data(".debug_abbrev", abbreviations()),
        Section::data(".debug_info", unit(piece)),
        Section::data(".debug_line", lines(piece)),
    ])
}

/// Header, contents, names, table of sections.
fn file(mut sections: Vec<Section>) -> Vec<u8> {
    let (mut names, mut offsets) = (Bytes(vec![0]), Vec::new());
    for section in &sections {
        offsets.push(names.0.len() as u32);
        names.text(section.name);
    }
    offsets.push(names.0.len() as u32);
    names.text(".shstrtab");
    sections.push(Section { kind: STRTAB, ..Section::data(".shstrtab", names) });
    let (mut contents, mut table) = (Bytes::default(), Bytes(vec![0; SECTION_HEADER as usize]));
    for (section, name) in sections.iter().zip(offsets) {
        let at = FILE_HEADER + contents.0.len() as u64;
        table.u32(name).u32(section.kind).u64(section.flags).u64(section.address).u64(at).u64(section.size);
        table.u32(section.link).u32(section.info).u64(1).u64(section.entry_size);
        contents.0.extend(&section.contents);
        contents.0.resize(contents.0.len().next_multiple_of(8), 0);
    }
    let mut out = Bytes(vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    // An executable, so that addresses are final.
    out.u16(2).u16(MACHINE).u32(1).u64(0).u64(0).u64(FILE_HEADER + contents.0.len() as u64);
    out.u32(0).u16(FILE_HEADER as u16).u16(0).u16(0).u16(SECTION_HEADER);
    let count = sections.len() as u16;
    out.u16(count + 1).u16(count);
    out.0.extend(contents.0);
    out.0.extend(table.0);
    out.0
}

/// The rule for finding the caller.
fn frames(piece: &Piece<'_>) -> Bytes {
    let mut common = Bytes::default();
    common.u32(u32::MAX).u8(4).text("").u8(8).u8(0).unsigned(1).signed(-8);
    let rules = if cfg!(target_arch = "x86_64") { X86_64 } else { AARCH64 };
    common.unsigned(rules.return_address);
    common.u8(DEFINE_FRAME).unsigned(rules.frame_pointer).unsigned(rules.size);
    for (register, words) in rules.saved {
        common.u8(OFFSET | register).unsigned(*words);
    }
    pad(&mut common);
    let mut function = Bytes::default();
    function.u32(0).u64(piece.address as u64).u64(piece.code.len() as u64);
    pad(&mut function);
    let mut out = Bytes::default();
    out.with_length(&common).with_length(&function);
    out
}

/// Fills up with instructions that do nothing, behind the four bytes of the length.
fn pad(bytes: &mut Bytes) {
    bytes.0.resize((bytes.0.len() + 4).next_multiple_of(8) - 4, 0);
}

const DEFINE_FRAME: u8 = 0x0c;
const OFFSET: u8 = 0x80;

/// Where the caller's registers are: words below the end of the frame, by DWARF's numbers.
struct Rules {
    return_address: u64,
    frame_pointer: u64,
    /// From the frame pointer to the end of the frame.
    size: u64,
    saved: &'static [(u8, u64)],
}

const X86_64: Rules = Rules {
    return_address: 16,
    frame_pointer: 6,
    size: 16,
    // Return address, rbp, rbx, r12 to r15.
    saved: &[(16, 1), (6, 2), (3, 3), (12, 4), (13, 5), (14, 6), (15, 7)],
};

const AARCH64: Rules = Rules {
    return_address: 30,
    frame_pointer: 29,
    size: 160,
    // x29, x30, x19 to x28.
    saved: &[
        (29, 20),
        (30, 19),
        (19, 18),
        (20, 17),
        (21, 16),
        (22, 15),
        (23, 14),
        (24, 13),
        (25, 12),
        (26, 11),
        (27, 10),
        (28, 9),
    ],
};

// Tags, attributes and forms of DWARF.
const COMPILE_UNIT: u64 = 0x11;
const NAME: u64 = 0x03;
const LINES: u64 = 0x10;
const LOW: u64 = 0x11;
const HIGH: u64 = 0x12;
const STRING: u64 = 0x08;
const SECTION_OFFSET: u64 = 0x17;
const ADDRESS: u64 = 0x01;
const DATA8: u64 = 0x07;

fn abbreviations() -> Bytes {
    let mut out = Bytes::default();
    out.unsigned(1).unsigned(COMPILE_UNIT).u8(0);
    for (attribute, form) in [(NAME, STRING), (LINES, SECTION_OFFSET), (LOW, ADDRESS), (HIGH, DATA8), (0, 0)] {
        out.unsigned(attribute).unsigned(form);
    }
    out.u8(0);
    out
}

fn unit(piece: &Piece<'_>) -> Bytes {
    let name = piece.lines.first().map_or("?", |(_, file, _)| file);
    let mut unit = Bytes::default();
    unit.u16(4).u32(0).u8(8).unsigned(1);
    unit.text(name).u32(0).u64(piece.address as u64).u64(piece.code.len() as u64);
    let mut out = Bytes::default();
    out.with_length(&unit);
    out
}

/// The program that makes the table of lines.
fn lines(piece: &Piece<'_>) -> Bytes {
    let mut files: Vec<&str> = Vec::new();
    for (_, file, _) in &piece.lines {
        if !files.contains(&file.as_str()) {
            files.push(file);
        }
    }
    let mut header = Bytes::default();
    // Shortest instruction, operations in one, statements, base and range of lines, first special opcode.
    header.u8(1).u8(1).u8(1).u8(-5i8 as u8).u8(14).u8(13);
    // Operands of the standard opcodes.
    header.0.extend([0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1]);
    // No folders; the files.
    header.u8(0);
    for file in &files {
        header.text(file).unsigned(0).unsigned(0).unsigned(0);
    }
    header.u8(0);
    let mut table = Bytes::default();
    table.u16(4).with_length(&header);
    let mut last = 1;
    for (address, file, line) in &piece.lines {
        let number = files.iter().position(|f| f == file).unwrap_or(0) as u64 + 1;
        set_address(&mut table, *address);
        // Set the file, advance the line, add a row.
        table.u8(4).unsigned(number).u8(3).signed(*line as i64 - last).u8(1);
        last = *line as i64;
    }
    set_address(&mut table, piece.address + piece.code.len());
    // The end of the sequence.
    table.u8(0).unsigned(1).u8(1);
    let mut out = Bytes::default();
    out.with_length(&table);
    out
}

fn set_address(table: &mut Bytes, address: usize) {
    table.u8(0).unsigned(9).u8(2).u64(address as u64);
}
