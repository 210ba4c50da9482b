//! AArch64 stencils, run by a small program under qemu. Skipped where compiler or emulator are not installed.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::machine::{MEMORY_SIZE, Machine};
use crate::{AARCH64, cases, compare, link};

/// The program, if it can be built here.
fn driver() -> Option<PathBuf> {
    let sources = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/stencils/aarch64.c"));
    let program = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("stencils-aarch64");
    let mut command = Command::new("aarch64-linux-gnu-gcc");
    command.args(["-static", "-O1", "-Wall", "-Werror", "-o"]).arg(&program).arg(sources);
    let status = command.status().ok()?;
    assert!(status.success(), "the driver can be compiled");
    Command::new("qemu-aarch64").arg("--version").stdout(Stdio::null()).status().ok()?;
    Some(program)
}

#[test]
fn aarch64_stencils_do_what_the_model_says() {
    let Some(program) = driver() else {
        eprintln!("aarch64-linux-gnu-gcc or qemu-aarch64 is not installed: not tested");
        return;
    };
    // Every fourth state: the emulator takes its time.
    let all: Vec<_> = cases().into_iter().step_by(4).collect();
    let mut child = Command::new("qemu-aarch64")
        .arg(program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("qemu starts");
    let mut input = Vec::new();
    for (case, _) in &all {
        let code = link(AARCH64, case);
        input.extend((code.len() as u64).to_le_bytes());
        input.extend(&case.machine.0);
        input.extend(code);
    }
    let mut pipe = child.stdin.take().expect("a pipe");
    let writer = std::thread::spawn(move || pipe.write_all(&input));
    let output = child.wait_with_output().expect("qemu ends");
    let written = writer.join().expect("the writer ends");
    let count = output.stdout.len() / MEMORY_SIZE;
    for ((case, expected), found) in all.iter().zip(output.stdout.chunks(MEMORY_SIZE)) {
        if found.len() == MEMORY_SIZE {
            compare(case, expected, &Machine(found.to_vec()));
        }
    }
    assert!(output.status.success(), "{}: ended in {:#x?}", output.status, all.get(count).map(|(case, _)| case));
    written.expect("all cases were read");
    assert_eq!(count, all.len());
}
