//! The JIT: what a recorded instruction, a lowered one and a copied micro-op cost, and an exit that is taken.
//!
//! The JIT is turned on for these measurements, which therefore come last.

use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput};
use pyrs_jit::memory::CodeMemory;
use pyrs_jit::options::Options;
use pyrs_jit::probe::{self, Assembly};
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
    let names = ["ints", "floats", "objects", "calls"];
    for name in names {
        must(call::call(&function(name), &[int::new(2000)]));
    }
    let recordings = probe::recordings();
    assert_eq!(recordings.len(), names.len(), "one trace for each program");
    for (n, name) in names.into_iter().enumerate() {
        compiling(c, n, name, recordings[n]);
    }
    recording(c, &function("fresh_loop"));
    exits(c, &function("without_exits"), &function("with_exits"));
    pyrs_jit::shutdown();
}

fn compiling(c: &mut Criterion, n: usize, name: &str, instructions: usize) {
    let mut group = c.benchmark_group("jit: lowering, per recorded instruction");
    group.throughput(Throughput::Elements(instructions as u64));
    group.bench_function(name, |b| b.iter(|| probe::lower(n)));
    group.finish();
    let mut memory = CodeMemory::new(1 << 20).expect("memory for code");
    let assembly = Assembly::new(probe::lower(n));
    let mut group = c.benchmark_group("jit: copy and patch, per micro-op");
    group.throughput(Throughput::Elements(assembly.micro_ops() as u64));
    group.bench_function(name, |b| b.iter(|| assembly.run(&mut memory)));
    group.finish();
}

/// A loop that is new each time, from the first recorded instruction to the last one.
fn recording(c: &mut Criterion, fresh_loop: &Obj) {
    c.bench_function("jit: recording of a loop of 50 instructions", |b| {
        b.iter_custom(|times| {
            let (traces, before) = probe::recorded();
            for _ in 0..times {
                must(call::call(fresh_loop, &[]));
            }
            let (made, after) = probe::recorded();
            assert_eq!((made - traces) as u64, times, "one trace each time");
            after - before
        });
    });
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
