//! Profilers and debuggers that want to know of compiled code.
//!
//! `-X perf` writes `/tmp/perf-PID.map` and `-X perf_jit` `/tmp/jit-PID.dump`, as in CPython, where they tell of functions;
//! here they tell of traces. `-X jit=gdb=1` shows traces to GDB as they are made.

mod gdb;
mod jitdump;
mod object_file;
mod perf_map;

use std::io;

use crate::executor::Executor;
use crate::map;
use crate::memory::CodeMemory;

/// What is wanted.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub struct Wanted {
    pub perf_map: bool,
    pub jitdump: bool,
    pub gdb: bool,
}

impl Wanted {
    pub fn any(self) -> bool {
        self.perf_map || self.jitdump || self.gdb
    }
}

/// A trace, as tools know it.
struct Piece<'a> {
    name: String,
    address: usize,
    code: &'a [u8],
    /// Where lines begin: address, file, line.
    lines: Vec<(usize, String, u32)>,
}

/// Those that are told.
#[derive(Default)]
pub struct Tools {
    wanted: Wanted,
    /// The files are this process's own: a forked child begins new ones.
    process: u32,
    perf_map: Option<perf_map::PerfMap>,
    jitdump: Option<jitdump::JitDump>,
    gdb: gdb::Registered,
}

impl Tools {
    pub fn new(wanted: Wanted) -> Tools {
        Tools { wanted, ..Tools::default() }
    }

    /// Whether traces have to keep what is told of them.
    pub fn any(&self) -> bool {
        self.wanted.any()
    }

    /// Tells of a new trace. A tool that can't be told is not told again.
    pub fn announce(&mut self, number: usize, executor: &Executor, memory: &CodeMemory) {
        if !self.any() {
            return;
        }
        let piece = describe(number, executor, memory);
        if let Err(e) = self.tell(&piece) {
            eprintln!("pyrs: profilers can't be told of compiled code: {e}");
            (self.wanted.perf_map, self.wanted.jitdump) = (false, false);
        }
        if self.wanted.gdb {
            self.gdb.add(&piece);
        }
    }

    fn tell(&mut self, piece: &Piece<'_>) -> io::Result<()> {
        let process = std::process::id();
        if std::mem::replace(&mut self.process, process) != process {
            self.perf_map = self.wanted.perf_map.then(|| perf_map::PerfMap::create(process)).transpose()?;
            self.jitdump = self.wanted.jitdump.then(|| jitdump::JitDump::create(process)).transpose()?;
        }
        if let Some(perf_map) = &mut self.perf_map {
            perf_map.add(piece)?;
        }
        match &mut self.jitdump {
            Some(jitdump) => jitdump.add(piece),
            None => Ok(()),
        }
    }

    /// All code has been given up. (Profiles stay readable: what has been written is about the past.)
    pub fn forget(&mut self) {
        self.gdb.clear();
    }
}

fn describe<'a>(number: usize, executor: &Executor, memory: &'a CodeMemory) -> Piece<'a> {
    let first = executor.listing.first();
    let name = first.map_or("?".to_owned(), |first| {
        let code = first.code();
        let (function, file) = (code.qualname.to_string_lossy(), code.source.filename.to_string_lossy());
        format!("py::{function}:{file} trace {number} line {}", first.line())
    });
    let mut lines: Vec<(usize, String, u32)> = Vec::new();
    for (at, part) in map::parts(executor) {
        let Some(origin) = map::instruction(executor, part).and_then(|n| executor.listing.get(n)) else { continue };
        let (file, line) = (origin.code().source.filename.to_string_lossy(), origin.line());
        if lines.last().is_none_or(|(_, f, l)| *l != line || *f != file) {
            lines.push((executor.entry + at, file.to_string(), line));
        }
    }
    Piece { name, address: executor.entry, code: memory.bytes(executor.entry, executor.length), lines }
}

/// Opens a file for a tool, which other users must not have put there.
fn create(path: &str) -> io::Result<std::fs::File> {
    use std::os::unix::fs::OpenOptionsExt;
    std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC)
        .open(path)
}
