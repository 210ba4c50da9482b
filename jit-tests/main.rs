//! Programs run in every tier with one expected output, CPython 3.14's; and what the command line says about the JIT.

mod tools;
mod traces;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("jit-tests/programs")
}

fn pyrs(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pyrs"))
        .args(args)
        .env_remove("PYTHON_JIT")
        .current_dir(folder())
        .output()
        .expect("pyrs starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Interpreted; compiled as usual; compiled at the first iteration, with exits compiled at once; with guards that fail by
/// chance, and with code that is given up at any time.
const TIERS: [&[&str]; 8] = [
    &["--no-jit"],
    &["--jit"],
    &["--jit", "-X", "jit=threshold=1"],
    &["--jit", "-X", "jit=threshold=20"],
    &["--jit", "-X", "jit=threshold=20,fail=1"],
    &["--jit", "-X", "jit=threshold=1,traces=3000,fail=2"],
    &["--jit", "-X", "jit=threshold=5,flush=3"],
    &["--jit", "-X", "jit=threshold=3,flush=4,fail=5"],
];

fn check(program: &str) {
    let expected = std::fs::read_to_string(folder().join(format!("{program}.out"))).expect("an expected output");
    for tier in TIERS {
        let file = format!("{program}.py");
        let output = pyrs(&[tier, &[file.as_str()]].concat());
        assert_eq!(text(&output.stdout) + &text(&output.stderr), expected, "{tier:?}");
    }
}

#[test]
fn deopt() {
    check("deopt");
}

#[test]
fn keys() {
    check("keys");
}

#[test]
fn megamorphic() {
    check("megamorphic");
}

#[test]
fn monitoring() {
    check("monitoring");
}

#[test]
fn functions() {
    check("functions");
}

#[test]
fn special() {
    check("special");
}

#[test]
fn classes() {
    check("classes");
}

#[test]
fn shapes() {
    check("shapes");
}

#[test]
fn calls() {
    check("calls");
}

#[test]
fn fork() {
    check("fork");
}

#[test]
fn threads() {
    check("threads");
}

#[test]
fn operators() {
    check("operators");
}

#[test]
fn consumers() {
    check("consumers");
}

#[test]
fn coroutines() {
    check("coroutines");
}

#[test]
fn delegation() {
    check("delegation");
}

#[test]
fn generators() {
    check("generators");
}

#[test]
fn unpacking() {
    check("unpacking");
}

#[test]
fn recursion() {
    check("recursion");
}

const LOOP: &str = "t = 0\ndef f():\n  t = 0\n  for i in range(50000):\n    t += i * i\n  return t\nprint(f())";

#[test]
fn traces_are_dumped() {
    let output = pyrs(&["--dump-traces", "-c", LOOP]);
    assert_eq!(text(&output.stdout), "41665416675000\n");
    let dump = text(&output.stderr);
    for part in ["trace 0: loop, ends Closed", "NEXT_RANGE", "MULTIPLY_INT", "JUMP_TOP", "traces 1 "] {
        assert!(dump.contains(part), "{part} in\n{dump}");
    }
    // The rest is interpreted: until the loop is specialized, until it is hot, and while it is recorded.
    for part in ["BINARY_OP_MULTIPLY_INT 5  ; 45001\n", "executed instructions: compiled ", "by the interpreter:\n"] {
        assert!(dump.contains(part), "{part} in\n{dump}");
    }
    let output = pyrs(&["--dump-traces=json", "-c", LOOP]);
    let json = text(&output.stderr);
    assert!(json.starts_with("{\"traces\": [{\"number\": 0, \"parent\": null"), "{json}");
    assert!(json.contains("\"entries\": 1, \"iterations\": 45001, "), "{json}");
}

#[test]
fn bad_settings_run_interpreted() {
    let output = Command::new(env!("CARGO_BIN_EXE_pyrs"))
        .args(["-c", "import sys; print(sys._jit.is_enabled())"])
        .env("PYTHON_JIT", "banana")
        .output()
        .expect("pyrs starts");
    assert_eq!(text(&output.stdout), "False\n");
    assert!(text(&output.stderr).contains("PYTHON_JIT=banana: expected 0 or 1"));
    let output = pyrs(&["--jit", "-X", "jit=threshold=0", "-c", "print(1)"]);
    assert_eq!(text(&output.stdout), "1\n");
    assert!(text(&output.stderr).contains("expected a number from 1"));
    let output = pyrs(&["--dump-traces", "--dump-traces-to", "/no/such/file", "-c", "print(1)"]);
    assert_eq!(text(&output.stdout), "1\n");
    assert!(text(&output.stderr).contains("/no/such/file"));
}

#[test]
fn a_full_code_memory_stops_compiling_only() {
    let program = "def f(n):\n  t = 0\n  for i in range(n):\n    t += i\n  return t\n\
                   src = 'def g(n):\\n  t = 0\\n  for i in range(n):\\n    t += i\\n  return t\\nr = g(60)'\n\
                   for k in range(300):\n  d = {}\n  exec(src, d)\n  assert d['r'] == 1770\nprint(f(5000))";
    let output = pyrs(&["--jit", "-X", "jit=threshold=5,memory=65536", "-c", program]);
    assert_eq!(text(&output.stdout) + &text(&output.stderr), "12497500\n");
}

/// Fifty functions, thirty times, in memory for a few of them: what is cold goes, and the rest comes back.
#[test]
fn a_full_code_memory_is_emptied() {
    let program = "src = 'def g(n):\\n  t = 0\\n  for i in range(n):\\n    t += i * i & 7\\n  return t'\nfs = []\n\
                   for k in range(200):\n  d = {}\n  exec(src, d)\n  fs.append(d['g'])\n\
                   for k in range(5):\n  for f in fs:\n    assert f(300) == sum(i * i & 7 for i in range(300))\n\
                   print(fs[0](5000))";
    let output = pyrs(&["--dump-traces", "-X", "jit=threshold=20,memory=65536", "-c", program]);
    assert_eq!(text(&output.stdout), "7500\n");
    let dump = text(&output.stderr);
    assert!(dump.contains("all code was given up"), "{dump}");
}

#[test]
fn a_trace_that_is_too_large_for_the_memory_is_not_tried_for_ever() {
    let body = "    t += i * i & 7\n".repeat(2000);
    let program = format!("def g(n):\n  t = 0\n  for i in range(n):\n{body}  return t\nprint(g(3000))");
    let output = pyrs(&["--dump-traces", "-X", "jit=threshold=20,length=100000,memory=65536", "-c", &program]);
    assert_eq!(text(&output.stdout), "9000000\n");
    assert!(!text(&output.stderr).contains("all code was given up"));
}

#[test]
fn the_program_can_ask() {
    let program = "import sys; print(sys._jit.is_available(), sys._jit.is_enabled())";
    assert_eq!(text(&pyrs(&["--jit", "-c", program]).stdout), "True True\n");
    assert_eq!(text(&pyrs(&["--no-jit", "-c", program]).stdout), "True False\n");
}
