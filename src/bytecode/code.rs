//! Code objects and their exception tables.

use crate::{Constant, LocationEntry, LocationIter, Opcode, Position, PositionIter, WStr};

/// The bits of `co_flags`.
pub mod co_flags {
    pub const OPTIMIZED: u32 = 0x1;
    pub const NEWLOCALS: u32 = 0x2;
    pub const VARARGS: u32 = 0x4;
    pub const VARKEYWORDS: u32 = 0x8;
    pub const NESTED: u32 = 0x10;
    pub const GENERATOR: u32 = 0x20;
    pub const COROUTINE: u32 = 0x80;
    pub const ITERABLE_COROUTINE: u32 = 0x100;
    pub const ASYNC_GENERATOR: u32 = 0x200;
    pub const FUTURE_DIVISION: u32 = 0x20000;
    pub const FUTURE_ABSOLUTE_IMPORT: u32 = 0x40000;
    pub const FUTURE_WITH_STATEMENT: u32 = 0x80000;
    pub const FUTURE_PRINT_FUNCTION: u32 = 0x100000;
    pub const FUTURE_UNICODE_LITERALS: u32 = 0x200000;
    pub const FUTURE_BARRY_AS_BDFL: u32 = 0x400000;
    pub const FUTURE_GENERATOR_STOP: u32 = 0x800000;
    pub const FUTURE_ANNOTATIONS: u32 = 0x1000000;
    pub const HAS_DOCSTRING: u32 = 0x4000000;
    pub const METHOD: u32 = 0x8000000;
    /// All `__future__` bits.
    pub const FUTURE_MASK: u32 = 0x1fe0000;
}

/// The bits of `co_localspluskinds`.
pub mod local_kind {
    pub const ARG_POS: u8 = 0x02;
    pub const ARG_KW: u8 = 0x04;
    pub const ARG_VAR: u8 = 0x08;
    /// All argument bits.
    pub const ARG: u8 = ARG_POS | ARG_KW | ARG_VAR;
    pub const HIDDEN: u8 = 0x10;
    pub const LOCAL: u8 = 0x20;
    pub const CELL: u8 = 0x40;
    pub const FREE: u8 = 0x80;
}

/// An immutable code object.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CodeObject {
    /// Positional parameters, positional-only ones included.
    pub argcount: u32,
    pub posonlyargcount: u32,
    pub kwonlyargcount: u32,
    pub stacksize: u32,
    pub flags: u32,
    /// Code units, cache words zeroed, unspecialized.
    pub code: Vec<u8>,
    pub consts: Vec<Constant>,
    pub names: Vec<WStr>,
    pub localsplusnames: Vec<WStr>,
    pub localspluskinds: Vec<u8>,
    pub filename: WStr,
    pub name: WStr,
    pub qualname: WStr,
    pub firstlineno: i32,
    pub linetable: Vec<u8>,
    pub exceptiontable: Vec<u8>,
}

impl CodeObject {
    fn names_of_kind(&self, kind: u8) -> Vec<WStr> {
        self.localsplusnames
            .iter()
            .zip(&self.localspluskinds)
            .filter(|(_, bits)| *bits & kind != 0)
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// `co_varnames`: arguments first, then the other locals.
    pub fn varnames(&self) -> Vec<WStr> {
        self.names_of_kind(local_kind::LOCAL)
    }

    /// `co_cellvars`.
    pub fn cellvars(&self) -> Vec<WStr> {
        self.names_of_kind(local_kind::CELL)
    }

    /// `co_freevars`.
    pub fn freevars(&self) -> Vec<WStr> {
        self.names_of_kind(local_kind::FREE)
    }

    /// `co_nlocals`.
    pub fn nlocals(&self) -> usize {
        self.localspluskinds.iter().filter(|kind| **kind & local_kind::LOCAL != 0).count()
    }

    /// The instructions: byte offset, opcode, full argument (`EXTENDED_ARG` folded in).  Cache
    /// words and the prefixes themselves are skipped.
    pub fn instructions(&self) -> Instructions<'_> {
        Instructions { code: &self.code, offset: 0 }
    }

    /// The exception table.
    pub fn exception_entries(&self) -> ExceptionTable<'_> {
        ExceptionTable { rest: &self.exceptiontable }
    }

    /// The handler that covers the instruction at this byte offset.
    pub fn find_handler(&self, offset: u32) -> Option<ExceptionEntry> {
        self.exception_entries().find(|entry| (entry.start..entry.end).contains(&offset))
    }

    /// The runs of code units that share a position, as in `co_linetable`.
    pub fn locations(&self) -> LocationIter<'_> {
        LocationIter::new(&self.linetable, self.firstlineno)
    }

    /// One position per code unit, as in `co_positions()`.
    pub fn positions(&self) -> PositionIter<'_> {
        PositionIter::new(self.locations())
    }

    /// The position of the code unit at this byte offset.
    pub fn position_at(&self, offset: u32) -> Option<Position> {
        self.locations()
            .find(|entry: &LocationEntry| (entry.start..entry.end).contains(&offset))
            .map(|entry| entry.position)
    }

    /// The line of the code unit at this byte offset, if it has one.
    pub fn line_at(&self, offset: u32) -> Option<i32> {
        self.position_at(offset).and_then(|position| position.line)
    }
}

/// Iterator over instructions; see `CodeObject::instructions`.
pub struct Instructions<'a> {
    code: &'a [u8],
    offset: usize,
}

impl Iterator for Instructions<'_> {
    type Item = (u32, Opcode, u32);

    fn next(&mut self) -> Option<Self::Item> {
        let mut oparg = 0u32;
        loop {
            let unit = self.code.get(self.offset..self.offset + 2)?;
            let start = self.offset;
            let opcode = Opcode::from_u8(unit[0]).unwrap_or(Opcode::Nop);
            oparg = oparg << 8 | u32::from(unit[1]);
            self.offset += 2 + 2 * opcode.cache_entries();
            if opcode != Opcode::ExtendedArg {
                return Some((start as u32, opcode, oparg));
            }
        }
    }
}

/// One row of an exception table, offsets in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ExceptionEntry {
    pub start: u32,
    pub end: u32,
    pub target: u32,
    pub depth: u32,
    /// Whether the offset of the raising instruction is pushed before the exception.
    pub lasti: bool,
}

/// Iterator over the rows of an exception table.
#[derive(Clone)]
pub struct ExceptionTable<'a> {
    rest: &'a [u8],
}

impl<'a> ExceptionTable<'a> {
    /// Reads a raw `co_exceptiontable`.
    pub fn new(table: &'a [u8]) -> ExceptionTable<'a> {
        ExceptionTable { rest: table }
    }

    fn varint(&mut self) -> Option<u32> {
        let mut value = 0u32;
        loop {
            let (&byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            value = value << 6 | u32::from(byte & 0x3f);
            if byte & 0x40 == 0 {
                return Some(value);
            }
        }
    }
}

impl Iterator for ExceptionTable<'_> {
    type Item = ExceptionEntry;

    fn next(&mut self) -> Option<ExceptionEntry> {
        let start = self.varint()?.wrapping_mul(2);
        let length = self.varint()?.wrapping_mul(2);
        let target = self.varint()?.wrapping_mul(2);
        let depth_lasti = self.varint()?;
        Some(ExceptionEntry {
            start,
            end: start.wrapping_add(length),
            target,
            depth: depth_lasti >> 1,
            lasti: depth_lasti & 1 != 0,
        })
    }
}

/// Appends a number to an exception table: big-endian groups of six bits; `first` marks the start
/// of a row.
pub fn write_varint(table: &mut Vec<u8>, value: u32, first: bool) {
    let mut mark = if first { 0x80 } else { 0 };
    for shift in [24, 18, 12, 6] {
        if value >> shift != 0 {
            table.push(mark | 0x40 | (value >> shift & 0x3f) as u8);
            mark = 0;
        }
    }
    table.push(mark | (value & 0x3f) as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exception_rows_round_trip() {
        let mut table = Vec::new();
        for (index, value) in [3, 70, 5000, 2 << 1 | 1].into_iter().enumerate() {
            write_varint(&mut table, value, index == 0);
        }
        let code = CodeObject { exceptiontable: table, ..CodeObject::default() };
        let entry = ExceptionEntry { start: 6, end: 146, target: 10000, depth: 2, lasti: true };
        assert_eq!(code.find_handler(144), Some(entry));
        assert_eq!(code.find_handler(146), None);
    }

    #[test]
    fn extended_arguments_are_folded() {
        let code = CodeObject {
            code: vec![Opcode::ExtendedArg as u8, 1, Opcode::LoadConst as u8, 2],
            ..CodeObject::default()
        };
        let all: Vec<_> = code.instructions().collect();
        assert_eq!(all, [(2, Opcode::LoadConst, 0x102)]);
    }
}
