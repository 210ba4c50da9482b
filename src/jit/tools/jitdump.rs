//! `/tmp/jit-PID.dump`: names, lines and bytes of traces, in perf's format for code that is made at run time.
//!
//! `perf record -k 1 pyrs --jit -X perf_jit …`, then `perf inject --jit`, then `perf report` or `perf annotate`.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsRawFd;

use super::Piece;

const MAGIC: u32 = 0x4a69_5444;
const VERSION: u32 = 1;
/// The kinds of records.
const CODE_LOAD: u32 = 0;
const DEBUG_INFO: u32 = 2;
/// Bytes of the file's header and of a record's.
const FILE_HEADER: u32 = 40;
const RECORD_HEADER: u32 = 16;
/// The ELF number of the machine.
const MACHINE: u32 = if cfg!(target_arch = "x86_64") { 62 } else { 183 };

pub struct JitDump {
    file: File,
    process: u32,
    next: u64,
}

impl JitDump {
    pub fn create(process: u32) -> io::Result<JitDump> {
        let file = super::create(&format!("/tmp/jit-{process}.dump"))?;
        let mut header = Vec::new();
        for word in [MAGIC, VERSION, FILE_HEADER, MACHINE, 0, process] {
            header.extend(word.to_ne_bytes());
        }
        for word in [now(), 0] {
            header.extend(word.to_ne_bytes());
        }
        (&file).write_all(&header)?;
        // perf notices the file by this mapping, which nobody uses.
        // SAFETY: a new mapping of a page of the file; it stays as long as the process.
        let mapped = unsafe {
            let protection = libc::PROT_READ | libc::PROT_EXEC;
            libc::mmap(std::ptr::null_mut(), 4096, protection, libc::MAP_PRIVATE, file.as_raw_fd(), 0)
        };
        if mapped == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(JitDump { file, process, next: 0 })
    }

    pub fn add(&mut self, piece: &Piece<'_>) -> io::Result<()> {
        let mut lines = Vec::new();
        for (address, file, line) in &piece.lines {
            lines.extend((*address as u64).to_ne_bytes());
            lines.extend(line.to_ne_bytes());
            lines.extend(0u32.to_ne_bytes());
            lines.extend(terminated(file));
        }
        let address = (piece.address as u64).to_ne_bytes();
        // Lines come in front of the code that they belong to.
        self.record(DEBUG_INFO, &[&address, &(piece.lines.len() as u64).to_ne_bytes(), &lines])?;
        // SAFETY: a plain system call.
        let thread = unsafe { libc::gettid() } as u32;
        let size = (piece.code.len() as u64).to_ne_bytes();
        let number = self.next.to_ne_bytes();
        self.next += 1;
        let (process, thread) = (self.process.to_ne_bytes(), thread.to_ne_bytes());
        let name = terminated(&piece.name);
        self.record(CODE_LOAD, &[&process, &thread, &address, &address, &size, &number, &name, piece.code])
    }

    fn record(&mut self, kind: u32, parts: &[&[u8]]) -> io::Result<()> {
        let size: usize = parts.iter().map(|p| p.len()).sum();
        let mut record = Vec::with_capacity(size + RECORD_HEADER as usize);
        record.extend(kind.to_ne_bytes());
        record.extend((size as u32 + RECORD_HEADER).to_ne_bytes());
        record.extend(now().to_ne_bytes());
        parts.iter().for_each(|p| record.extend(*p));
        self.file.write_all(&record)
    }
}

fn terminated(text: &str) -> Vec<u8> {
    let mut bytes: Vec<u8> = text.bytes().filter(|b| *b != 0).collect();
    bytes.push(0);
    bytes
}

/// perf's clock, in nanoseconds.
fn now() -> u64 {
    let mut t = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the structure is the caller's.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut t) };
    t.tv_sec as u64 * 1_000_000_000 + t.tv_nsec as u64
}
