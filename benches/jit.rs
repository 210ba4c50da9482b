//! The JIT: what a recorded instruction, a lowered one and a copied micro-op cost, and an exit that is taken.
//!
//! The JIT is turned on for these measurements, which therefore come last.

use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion};
use pyrs_jit::memory::CodeMemory;
use pyrs_jit::options::Options;
use pyrs_jit::probe::{self, Assembly, Made};
use pyrs_runtime::call;
use pyrs_runtime::object::Obj;
use pyrs_runtime::objects::int;
use pyrs_runtime::protocols::attr;

use crate::embed::{self, must};

pub fn benches(c: &mut Criterion) {
    let programs = embed::module("traces");
    // Exits are not compiled, so that they can be measured.
    let options = Options { threshold: 100, exit_threshold: u16::MAX, ..Options::default() };
    pyrs_jit::start(options, false).expect("the JIT starts");
    probe::keep_recordings();
    let function = |name| must(attr::getattr_text(&programs, name));
    for name in ["ints", "floats", "objects", "calls"] {
        let n = probe::recordings().len();
        must(call::call(&function(name), &[int::new(2000)]));
        // The first new trace is that of the loop.
        let recordings = probe::recordings();
        let instructions = recordings.get(n).unwrap_or_else(|| panic!("the loop of {name} is compiled"));
        compiling(c, n, name, *instructions);
    }
    recording(c, &function("fresh_loop"));
    exits(c, &function("without_exits"), &function("with_exits"));
    pyrs_jit::shutdown();
}

/// The times are those of one recorded instruction, or of one micro-op, those of exits' stubs included.
fn compiling(c: &mut Criterion, n: usize, name: &str, instructions: usize) {
    let assembly = Assembly::new(probe::lower(n));
    let micro_ops = assembly.micro_ops();
    for (what, parts) in [("recorded instruction", instructions), ("micro-op", micro_ops)] {
        let mut group = c.benchmark_group(format!("jit: lowering, per {what}"));
        group.bench_function(name, |b| b.iter_custom(|times| each(times, parts, || probe::lower(n))));
        group.finish();
    }
    let mut memory = CodeMemory::new(1 << 20).expect("memory for code");
    let mut group = c.benchmark_group("jit: copy and patch, per micro-op");
    group.bench_function(name, |b| {
        b.iter_custom(|times| {
            each(times, micro_ops, || {
                memory.clear();
                assembly.run(&mut memory)
            })
        });
    });
    group.bench_function(BenchmarkId::new(name, "in memory that was never used"), |b| {
        b.iter_custom(|times| into_fresh_memory(times, &assembly) / micro_ops as u32);
    });
    group.finish();
}

/// The time that `step` takes, again and again, divided by its parts.
fn each<T>(times: u64, parts: usize, mut step: impl FnMut() -> T) -> Duration {
    let start = Instant::now();
    for _ in 0..times {
        std::hint::black_box(step());
    }
    start.elapsed() / parts as u32
}

/// The time of copying where no page of the code memory has been used before.
fn into_fresh_memory(times: u64, assembly: &Assembly) -> Duration {
    let (mut total, mut left) = (Duration::ZERO, times);
    while left > 0 {
        let mut memory = CodeMemory::new(1 << 22).expect("memory for code");
        let start = Instant::now();
        while left > 0 && assembly.run(&mut memory).is_some() {
            left -= 1;
        }
        total += start.elapsed();
    }
    total
}

/// A loop that is new each time, from the first recorded instruction to the last one, and to code that can run.
fn recording(c: &mut Criterion, fresh_loop: &Obj) {
    let mut measure = |name: &str, part: fn(&Made) -> Duration| {
        c.bench_function(name, |b| {
            b.iter_custom(|times| {
                let before = probe::made();
                for _ in 0..times {
                    must(call::call(fresh_loop, &[]));
                }
                let after = probe::made();
                assert!((after.traces - before.traces) as u64 >= times, "a trace each time");
                part(&after) - part(&before)
            });
        });
    };
    measure("jit: recording of a loop of 50 instructions", |made| made.recording);
    measure("jit: a loop of 50 instructions, from its counter to its code", |made| made.latency);
}

/// An iteration of a loop that stays in its trace, and of one that leaves it each time and comes back.
fn exits(c: &mut Criterion, without: &Obj, with: &Obj) {
    let mut group = c.benchmark_group("jit: an iteration");
    for (name, run) in [("in the trace", without), ("with an exit that is taken", with)] {
        must(call::call(run, &[int::new(2000)]));
        group.bench_function(BenchmarkId::from_parameter(name), |b| {
            b.iter_custom(|iterations| time(run, iterations));
        });
    }
    group.finish();
}

fn time(run: &Obj, iterations: u64) -> Duration {
    let start = Instant::now();
    must(call::call(run, &[int::new(iterations as i64)]));
    start.elapsed()
}
