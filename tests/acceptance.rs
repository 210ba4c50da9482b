//! Runs the acceptance programs and compares their output with CPython 3.14's.

use std::path::Path;
use std::process::Command;

/// With specialization as it is, without, and with instructions specialized at once and generalized at random.
const MODES: [&str; 3] = ["on", "off", "stress"];

/// Interpreted, compiled as usual, and compiled at the first iteration.
const TIERS: [&[&str]; 3] = [&[], &["--jit"], &["--jit", "-X", "jit=threshold=1"]];

fn check(program: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/acceptance");
    let expected =
        std::fs::read_to_string(folder.join(format!("{program}.out"))).expect("the expected output is there");
    let modes = MODES.iter().map(|mode| (*mode, TIERS[0])).chain(TIERS[1..].iter().map(|tier| ("on", *tier)));
    for (mode, tier) in modes {
        let output = Command::new(env!("CARGO_BIN_EXE_pyrs"))
            .args(tier)
            .arg(format!("{program}.py"))
            .env("PYTHONSPECIALIZE", mode)
            .current_dir(&folder)
            .output()
            .expect("pyrs starts");
        let mut shown = String::from_utf8_lossy(&output.stdout).into_owned();
        shown.push_str(&String::from_utf8_lossy(&output.stderr));
        let shown = shown.replace(&format!("{}/", folder.display()), "");
        assert_eq!(shown, expected, "specialize={mode} {tier:?}");
    }
}

#[test]
fn object_model() {
    check("object_model");
}

#[test]
fn errors() {
    check("errors");
}

#[test]
fn front_end() {
    check("front_end");
}

#[test]
fn watching() {
    check("watching");
}

#[test]
fn regressions() {
    check("regressions");
}

#[test]
fn specialization() {
    check("specialization");
}
