//! What becomes of a loop: the programs in `traces/` say which micro-ops their loops consist of.
//!
//! `# check: TEXT` must be found in the loop proper (behind `top:`) of the trace that is made there, in this order;
//! `# never: TEXT` must not be found there. The printed text is that of `micro_ops.rs`, addresses included.

use crate::{folder, pyrs, text};

fn check(name: &str) {
    let path = folder().join(format!("../traces/{name}.py"));
    let program = std::fs::read_to_string(&path).expect("a program");
    let output = pyrs(&["--dump-traces", path.to_str().expect("a path")]);
    let dump = text(&output.stderr);
    assert!(output.status.success(), "{dump}");
    let body = dump.split("  top:\n").nth(1).expect("a loop");
    let body: String = body
        .lines()
        .take_while(|l| !l.starts_with("  exit") && !l.starts_with("trace"))
        .fold(String::new(), |all, line| all + line.trim_start() + "\n");
    let (mut rest, mut checks) = (body.as_str(), 0);
    for line in program.lines() {
        if let Some(wanted) = line.trim().strip_prefix("# check: ") {
            let at = rest.find(wanted).unwrap_or_else(|| panic!("{name}: no {wanted} in the rest of\n{body}"));
            rest = &rest[at + wanted.len()..];
            checks += 1;
        } else if let Some(unwanted) = line.trim().strip_prefix("# never: ") {
            assert!(!body.contains(unwanted), "{name}: {unwanted} in\n{body}");
            checks += 1;
        }
    }
    assert!(checks > 0, "{name} checks nothing");
}

#[test]
fn guards() {
    check("guards");
}

#[test]
fn unboxed() {
    check("unboxed");
}

#[test]
fn constants() {
    check("constants");
}

#[test]
fn calls() {
    check("calls");
}

#[test]
fn references() {
    check("references");
}

#[test]
fn unpacking() {
    check("unpacking");
}

#[test]
fn special() {
    check("special");
}

#[test]
fn keys() {
    check("keys");
}
