//! What profilers and debuggers are told of compiled code.

use std::process::Command;

use crate::{pyrs, text};

const PROGRAM: &str = "import os\ndef looped(n):\n  t = 0\n  for i in range(n):\n    t ^= i\n  return t\nlooped(20000)\nprint(os.getpid())";

/// Runs the program; the process's number.
fn run(args: &[&str]) -> String {
    let output = pyrs(&[args, &["-c", PROGRAM]].concat());
    assert_eq!(text(&output.stderr), "");
    text(&output.stdout).trim().to_owned()
}

#[test]
fn perf_map() {
    let process = run(&["--jit", "-X", "perf"]);
    let path = format!("/tmp/perf-{process}.map");
    let map = std::fs::read_to_string(&path).expect("a map");
    std::fs::remove_file(&path).expect("the map is ours");
    let words: Vec<&str> = map.lines().next().expect("a line").splitn(3, ' ').collect();
    let [address, size, name] = words[..] else { panic!("{map}") };
    assert!(u64::from_str_radix(address, 16).is_ok() && u64::from_str_radix(size, 16).is_ok_and(|n| n > 100), "{map}");
    assert_eq!(name, "py::looped:<string> trace 0 line 4");
}

#[test]
fn jitdump() {
    let process = run(&["--jit", "-X", "perf_jit"]);
    let path = format!("/tmp/jit-{process}.dump");
    let dump = std::fs::read(&path).expect("a dump");
    std::fs::remove_file(&path).expect("the dump is ours");
    let word = |at: usize| u32::from_ne_bytes(dump[at..at + 4].try_into().expect("four bytes"));
    assert_eq!((word(0), word(4), word(8), word(20).to_string()), (0x4a69_5444, 1, 40, process));
    // Lines, then the code that they belong to.
    let lines = 40;
    let load = lines + word(lines + 4) as usize;
    assert_eq!((word(lines), word(load)), (2, 0));
    assert_eq!(load + word(load + 4) as usize, dump.len());
    let name = b"py::looped:<string> trace 0 line 4\0";
    assert_eq!(&dump[load + 56..load + 56 + name.len()], name);
    assert_eq!(word(load + 40) as usize, dump.len() - load - 56 - name.len(), "the size of the code");
}

#[test]
fn gdb() {
    let program =
        "import os\ndef looped(n):\n  t = 0\n  for i in range(n):\n    t ^= i\n    os.getppid()\nlooped(20000)";
    let script = ["set breakpoint pending on", "break getppid", "ignore 1 15000", "run", "backtrace 30", "kill"];
    let mut command = Command::new("gdb");
    command.args(["-q", "-nx", "-batch", "-ex", "set pagination off"]);
    command.args(script.iter().flat_map(|line| ["-ex", line]));
    command.args(["--args", env!("CARGO_BIN_EXE_pyrs"), "--jit", "-X", "jit=gdb=1", "-c", program]);
    let Ok(output) = command.output() else {
        eprintln!("gdb is not installed: not tested");
        return;
    };
    if text(&output.stderr).contains("ptrace") {
        eprintln!("processes can't be traced here: not tested");
        return;
    }
    let out = text(&output.stdout);
    let mut frames = out.lines().filter(|l| l.starts_with('#'));
    let trace = frames.find(|l| l.contains("py::looped:<string> trace 0 line 4"));
    assert!(trace.is_some_and(|l| l.contains("<string>:6")), "{out}{}", text(&output.stderr));
    let mut outer = frames.map(|l| l.contains("main"));
    assert!(outer.any(|is_main| is_main), "the callers of a trace: {out}");
}
