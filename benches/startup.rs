//! A whole process, from `exec` to its end.

use std::process::{Command, Stdio};

use criterion::Criterion;

const COMMANDS: [(&str, &[&str]); 5] = [
    ("version", &["-V"]),
    ("pass, without site", &["-I", "-S", "-c", "pass"]),
    ("pass", &["-c", "pass"]),
    ("import json, re, pathlib", &["-c", "import json, re, pathlib"]),
    ("import asyncio", &["-c", "import asyncio"]),
];

pub fn benches(c: &mut Criterion) {
    let mut group = c.benchmark_group("startup");
    for (name, arguments) in COMMANDS {
        group.bench_function(name, |b| b.iter(|| run(arguments)));
    }
    group.finish();
}

fn run(arguments: &[&str]) {
    let status = Command::new(env!("CARGO_BIN_EXE_pyrs")).args(arguments).stdout(Stdio::null()).status();
    assert!(status.expect("pyrs starts").success());
}
