//! `/tmp/perf-PID.map`: a line for each trace, with address, size and name.

use std::fs::File;
use std::io::{self, Write};

use super::Piece;

pub struct PerfMap(File);

impl PerfMap {
    pub fn create(process: u32) -> io::Result<PerfMap> {
        super::create(&format!("/tmp/perf-{process}.map")).map(PerfMap)
    }

    pub fn add(&mut self, piece: &Piece<'_>) -> io::Result<()> {
        // One write for each line: the process may end at any time.
        let line = format!("{:x} {:x} {}\n", piece.address, piece.code.len(), piece.name.replace('\n', " "));
        self.0.write_all(line.as_bytes())
    }
}
