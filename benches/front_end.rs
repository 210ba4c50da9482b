//! From source text to code objects, in bytes of source per second.

use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput};
use pyrs_bytecode::{CodeObject, marshal};
use pyrs_compiler::{Mode, compile, compile_ast, parse};
use pyrs_modules::core::import;

use crate::embed;

/// Modules of the library: long functions, many small ones, type expressions, documentation.
const MODULES: [&str; 4] = ["_pydecimal", "argparse", "typing", "dataclasses"];

fn source(module: &str) -> String {
    let bytes = import::embedded_source(module).expect("the library has the module");
    String::from_utf8(bytes).expect("the library is UTF-8")
}

pub fn benches(c: &mut Criterion) {
    embed::start();
    for module in MODULES {
        let text = source(module);
        let mut group = c.benchmark_group("front end");
        group.throughput(Throughput::Bytes(text.len() as u64));
        let parsed = || parse(&text, module, Mode::Exec, 0, &mut |_| {}).expect("the library has no errors");
        group.bench_function(BenchmarkId::new("parse", module), |b| b.iter(parsed));
        let tree = parsed();
        let compiled = || compile_ast(&tree, module, 0, 0, &mut |_| {}).expect("the library has no errors");
        group.bench_function(BenchmarkId::new("compile tree", module), |b| b.iter(compiled));
        let both = || compile(&text, module, Mode::Exec, 0, 0, &mut |_| {}).expect("the library has no errors");
        group.bench_function(BenchmarkId::new("parse and compile", module), |b| b.iter(both));
        group.finish();
        unmarshal(c, module, &both());
    }
}

/// What importing from a `.pyc` file costs before the module runs.
fn unmarshal(c: &mut Criterion, module: &str, code: &Arc<CodeObject>) {
    let data = marshal::dump_code(code);
    let mut group = c.benchmark_group("unmarshal");
    group.throughput(Throughput::Bytes(data.len() as u64));
    group.bench_function(module, |b| b.iter(|| embed::must(import::constant_from_marshal(&data))));
    group.finish();
}
