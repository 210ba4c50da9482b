//! `co_linetable`: the positions of instructions, in CPython's five compact forms.

/// The column of a position that has a line only.
pub const NO_LOCATION_COLUMN: i32 = -1;

/// A source position; columns are offsets in UTF-8 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Position {
    pub line: Option<i32>,
    pub end_line: Option<i32>,
    pub column: Option<i32>,
    pub end_column: Option<i32>,
}

/// A run of code units with one position, offsets in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LocationEntry {
    pub start: u32,
    pub end: u32,
    pub position: Position,
}

mod form {
    pub const SHORT_LAST: u8 = 9;
    pub const ONE_LINE0: u8 = 10;
    pub const ONE_LINE2: u8 = 12;
    pub const NO_COLUMNS: u8 = 13;
    pub const LONG: u8 = 14;
    pub const NONE: u8 = 15;
}

/// Iterator over the rows of a location table.
#[derive(Clone)]
pub struct LocationIter<'a> {
    rest: &'a [u8],
    line: i32,
    offset: u32,
}

impl<'a> LocationIter<'a> {
    /// Reads a raw `co_linetable`.
    pub fn new(table: &'a [u8], first_line: i32) -> LocationIter<'a> {
        LocationIter { rest: table, line: first_line, offset: 0 }
    }

    fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(byte)
    }

    fn varint(&mut self) -> Option<u32> {
        let mut value = 0u32;
        let mut shift = 0;
        loop {
            let byte = self.byte()?;
            value |= u32::from(byte & 0x3f).checked_shl(shift)?;
            shift += 6;
            if byte & 0x40 == 0 {
                return Some(value);
            }
        }
    }

    fn signed_varint(&mut self) -> Option<i32> {
        let value = self.varint()?;
        let magnitude = (value >> 1) as i32;
        Some(if value & 1 != 0 { -magnitude } else { magnitude })
    }

    fn position(&mut self, code: u8) -> Option<Position> {
        match code {
            0..=form::SHORT_LAST => {
                let second = self.byte()?;
                let column = i32::from(code) << 3 | i32::from(second >> 4);
                Some(self.on_one_line(column, column + i32::from(second & 15)))
            }
            form::ONE_LINE0..=form::ONE_LINE2 => {
                self.line = self.line.wrapping_add(i32::from(code - form::ONE_LINE0));
                let column = i32::from(self.byte()?);
                let end_column = i32::from(self.byte()?);
                Some(self.on_one_line(column, end_column))
            }
            form::NO_COLUMNS => {
                self.line = self.line.wrapping_add(self.signed_varint()?);
                let line = Some(self.line);
                Some(Position { line, end_line: line, ..Position::default() })
            }
            form::LONG => {
                self.line = self.line.wrapping_add(self.signed_varint()?);
                let end_line = self.line.wrapping_add(self.varint()? as i32);
                let column = self.varint()? as i32 - 1;
                let end_column = self.varint()? as i32 - 1;
                Some(Position {
                    line: Some(self.line),
                    end_line: Some(end_line),
                    column: (column >= 0).then_some(column),
                    end_column: (end_column >= 0).then_some(end_column),
                })
            }
            _ => Some(Position::default()),
        }
    }

    fn on_one_line(&self, column: i32, end_column: i32) -> Position {
        Position {
            line: Some(self.line),
            end_line: Some(self.line),
            column: Some(column),
            end_column: Some(end_column),
        }
    }
}

impl Iterator for LocationIter<'_> {
    type Item = LocationEntry;

    fn next(&mut self) -> Option<LocationEntry> {
        let head = self.byte()?;
        let start = self.offset;
        self.offset += 2 * (u32::from(head & 7) + 1);
        let position = self.position(head >> 3 & 15)?;
        Some(LocationEntry { start, end: self.offset, position })
    }
}

/// Iterator that repeats each row once per code unit.
#[derive(Clone)]
pub struct PositionIter<'a> {
    rows: LocationIter<'a>,
    current: Position,
    left: u32,
}

impl<'a> PositionIter<'a> {
    /// Spreads the rows of a location table.
    pub fn new(rows: LocationIter<'a>) -> PositionIter<'a> {
        PositionIter { rows, current: Position::default(), left: 0 }
    }
}

impl Iterator for PositionIter<'_> {
    type Item = Position;

    fn next(&mut self) -> Option<Position> {
        if self.left == 0 {
            let row = self.rows.next()?;
            self.current = row.position;
            self.left = (row.end - row.start) / 2;
        }
        self.left -= 1;
        Some(self.current)
    }
}

/// Set by `-X no_debug_ranges`: tables get lines only.
pub static LINES_ONLY: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);

/// Builds a location table.
pub struct LineTableWriter {
    table: Vec<u8>,
    line: i32,
}

impl LineTableWriter {
    /// A writer for a code object that starts on this line.
    pub fn new(first_line: i32) -> LineTableWriter {
        LineTableWriter { table: Vec::new(), line: first_line }
    }

    /// The finished table.
    pub fn finish(self) -> Vec<u8> {
        self.table
    }

    /// Adds a run of `units` code units.  A line of -1 means no position, a column of -1 a line
    /// only.
    pub fn push(&mut self, units: usize, line: i32, end_line: i32, column: i32, end_column: i32) {
        let mut left = units;
        while left > 8 {
            self.row(8, line, end_line, column, end_column);
            left -= 8;
        }
        if left > 0 {
            self.row(left, line, end_line, column, end_column);
        }
    }

    fn row(&mut self, units: usize, line: i32, end_line: i32, column: i32, end_column: i32) {
        if line == -1 {
            self.head(form::NONE, units);
            return;
        }
        let delta = line - self.line;
        let lines_only = LINES_ONLY.load(std::sync::atomic::Ordering::Relaxed);
        let (end_line, column, end_column) = if lines_only { (line, -1, -1) } else { (end_line, column, end_column) };
        if column < 0 || end_column < 0 {
            if end_line == line || end_line < 0 {
                self.head(form::NO_COLUMNS, units);
                self.signed_varint(delta);
                self.line = line;
                return;
            }
        } else if end_line == line {
            if delta == 0 && column < 80 && end_column - column < 16 && end_column >= column {
                self.head((column >> 3) as u8, units);
                self.table.push(((column & 7) << 4 | (end_column - column)) as u8);
                return;
            }
            if (0..3).contains(&delta) && column < 128 && end_column < 128 {
                self.head(form::ONE_LINE0 + delta as u8, units);
                self.table.push(column as u8);
                self.table.push(end_column as u8);
                self.line = line;
                return;
            }
        }
        self.head(form::LONG, units);
        self.signed_varint(delta);
        self.varint((end_line - line) as u32);
        self.varint((column + 1) as u32);
        self.varint((end_column + 1) as u32);
        self.line = line;
    }

    fn head(&mut self, code: u8, units: usize) {
        self.table.push(0x80 | code << 3 | (units - 1) as u8);
    }

    fn varint(&mut self, mut value: u32) {
        while value >= 64 {
            self.table.push(0x40 | (value & 0x3f) as u8);
            value >>= 6;
        }
        self.table.push(value as u8);
    }

    fn signed_varint(&mut self, value: i32) {
        let magnitude = value.unsigned_abs() << 1;
        self.varint(if value < 0 { magnitude | 1 } else { magnitude });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_round_trip() {
        let rows = [(1, 5, 5, 3, 8), (9, 7, 7, 100, 120), (2, 3, 9, 200, 4), (1, 3, 3, -1, -1)];
        let mut writer = LineTableWriter::new(5);
        for (units, line, end_line, column, end_column) in rows {
            writer.push(units, line, end_line, column, end_column);
        }
        writer.push(1, -1, -1, -1, -1);
        let table = writer.finish();
        let all: Vec<_> = PositionIter::new(LocationIter::new(&table, 5)).collect();
        assert_eq!(all.len(), 14);
        assert_eq!(all[0].end_column, Some(8));
        assert_eq!(all[9].column, Some(100));
        assert_eq!(all[11].end_line, Some(9));
        assert_eq!((all[12].line, all[12].column), (Some(3), None));
        assert_eq!(all[13].line, None);
    }
}
