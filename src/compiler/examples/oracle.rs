//! The bytecode oracle: compares our code objects with CPython's, attribute by attribute.
//!
//! Usage: `oracle DUMP_DIRECTORY [--root PREFIX] [--show N] [--only TEXT] [--attribute NAME]`.
//! The directory comes from `oracle_dump.py`; `--root` is put before the modules' paths.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use pyrs_bytecode::{CodeObject, Constant, marshal};
use pyrs_compiler::{Mode, compile_bytes};

struct Options {
    directory: String,
    root: String,
    show: usize,
    only: String,
    attribute: String,
}

#[derive(Default)]
struct Tally {
    modules: usize,
    failed_modules: usize,
    codes: usize,
    equal: usize,
    missing: usize,
    attributes: BTreeMap<&'static str, usize>,
    shown: usize,
}

fn options() -> Options {
    let mut options = Options {
        directory: String::new(),
        root: String::new(),
        show: 0,
        only: String::new(),
        attribute: String::new(),
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut next = || arguments.next().unwrap_or_default();
        match argument.as_str() {
            "--root" => options.root = next(),
            "--show" => options.show = next().parse().unwrap_or(0),
            "--only" => options.only = next(),
            "--attribute" => options.attribute = next(),
            _ => options.directory = argument,
        }
    }
    options
}

fn main() {
    let options = options();
    let index = std::fs::read_to_string(Path::new(&options.directory).join("index.txt"));
    let Ok(index) = index else {
        eprintln!("no index in {}", options.directory);
        std::process::exit(2);
    };
    let mut tally = Tally::default();
    for line in index.lines() {
        if let Some((number, path)) = line.split_once('\t')
            && path.contains(&options.only)
        {
            module(&options, &mut tally, number, path);
        }
    }
    report(&tally);
}

fn module(options: &Options, tally: &mut Tally, number: &str, path: &str) {
    let dump = Path::new(&options.directory).join(format!("{number}.bin"));
    let (Ok(bytes), Ok(source)) = (std::fs::read(dump), std::fs::read(format!("{}{path}", options.root))) else {
        return;
    };
    let theirs = match marshal::loads(&bytes) {
        Ok(Constant::Code(code)) => code,
        other => return println!("{path}: unreadable dump {:?}", other.err()),
    };
    tally.modules += 1;
    match compile_bytes(&source, path, Mode::Exec, 0, 0, None, &mut |_| {}) {
        Ok(ours) => compare(options, tally, path, &ours, &theirs),
        Err(error) => {
            tally.failed_modules += 1;
            tally.codes += count(&theirs);
            println!("FAIL {path}: {error}");
        }
    }
}

fn count(code: &CodeObject) -> usize {
    1 + nested(code).iter().map(|inner| count(inner)).sum::<usize>()
}

fn nested(code: &CodeObject) -> Vec<Arc<CodeObject>> {
    let mut found = Vec::new();
    for constant in &code.consts {
        if let Constant::Code(inner) = constant {
            found.push(inner.clone());
        }
    }
    found
}

/// The constants, with code objects reduced to their names.
fn shallow(consts: &[Constant]) -> Vec<String> {
    consts.iter().map(shallow_one).collect()
}

fn shallow_one(constant: &Constant) -> String {
    match constant {
        Constant::Code(code) => format!("code {}", code.qualname),
        Constant::FrozenSet(items) => {
            let mut texts = shallow(items);
            texts.sort();
            format!("frozenset {texts:?}")
        }
        Constant::Tuple(items) => format!("tuple {:?}", shallow(items)),
        other => format!("{:?}", other.key()),
    }
}

fn compare(options: &Options, tally: &mut Tally, path: &str, ours: &CodeObject, theirs: &CodeObject) {
    tally.codes += 1;
    let differences = differences(ours, theirs);
    if differences.is_empty() {
        tally.equal += 1;
    }
    for name in &differences {
        *tally.attributes.entry(name).or_default() += 1;
    }
    let wanted = options.attribute.is_empty() || differences.first().is_some_and(|name| *name == options.attribute);
    if !differences.is_empty() && wanted && tally.shown < options.show {
        tally.shown += 1;
        show(path, ours, theirs, &differences);
    }
    let (our_inner, their_inner) = (nested(ours), nested(theirs));
    if our_inner.len() != their_inner.len() {
        tally.missing += 1;
    }
    for (index, inner) in their_inner.iter().enumerate() {
        match our_inner.get(index) {
            Some(own) => compare(options, tally, path, own, inner),
            None => tally.codes += count(inner),
        }
    }
}

fn differences(ours: &CodeObject, theirs: &CodeObject) -> Vec<&'static str> {
    let checks = [
        ("name", ours.name == theirs.name),
        ("qualname", ours.qualname == theirs.qualname),
        ("names", ours.names == theirs.names),
        ("consts", shallow(&ours.consts) == shallow(&theirs.consts)),
        ("localsplusnames", ours.localsplusnames == theirs.localsplusnames),
        ("code", ours.code == theirs.code),
        ("localspluskinds", ours.localspluskinds == theirs.localspluskinds),
        (
            "argcounts",
            (ours.argcount, ours.posonlyargcount, ours.kwonlyargcount)
                == (theirs.argcount, theirs.posonlyargcount, theirs.kwonlyargcount),
        ),
        ("stacksize", ours.stacksize == theirs.stacksize),
        ("flags", ours.flags == theirs.flags),
        ("firstlineno", ours.firstlineno == theirs.firstlineno),
        ("linetable", ours.linetable == theirs.linetable),
        ("exceptiontable", ours.exceptiontable == theirs.exceptiontable),
    ];
    checks.iter().filter(|(_, same)| !same).map(|(name, _)| *name).collect()
}

fn show(path: &str, ours: &CodeObject, theirs: &CodeObject, differences: &[&str]) {
    println!("--- {path}:{} {} {differences:?}", theirs.firstlineno, theirs.qualname);
    for name in differences {
        match *name {
            "names" => println!("  names {:?}\n     vs {:?}", ours.names, theirs.names),
            "consts" => {
                let (a, b) = (shallow(&ours.consts), shallow(&theirs.consts));
                let at = a.iter().zip(&b).position(|(x, y)| x != y).unwrap_or(a.len().min(b.len()));
                println!("  consts {}/{} at {at}: {:?} vs {:?}", a.len(), b.len(), a.get(at), b.get(at));
            }
            "localsplusnames" => {
                println!("  locals {:?}\n      vs {:?}", ours.localsplusnames, theirs.localsplusnames);
            }
            "code" => show_code(ours, theirs),
            "stacksize" => println!("  stacksize {} vs {}", ours.stacksize, theirs.stacksize),
            "flags" => println!("  flags {:x} vs {:x}", ours.flags, theirs.flags),
            "linetable" => {
                let (mut a, mut b) = (ours.positions(), theirs.positions());
                let mut unit = 0;
                loop {
                    match (a.next(), b.next()) {
                        (None, None) => break,
                        (x, y) if x != y => {
                            println!("  line of unit {unit}: {x:?}\n    vs {y:?}");
                            break;
                        }
                        _ => unit += 1,
                    }
                }
            }
            "exceptiontable" => {
                let a: Vec<_> = ours.exception_entries().collect();
                let b: Vec<_> = theirs.exception_entries().collect();
                println!("  exceptions {a:?}\n          vs {b:?}");
            }
            _ => {}
        }
    }
}

fn show_code(ours: &CodeObject, theirs: &CodeObject) {
    let list = |code: &CodeObject| -> Vec<String> {
        code.instructions()
            .map(|(offset, op, arg)| {
                let line = code.line_at(offset).unwrap_or(-1);
                format!("{line:5} {offset:5} {} {arg}", op.name())
            })
            .collect()
    };
    let (a, b) = (list(ours), list(theirs));
    let at = a.iter().zip(&b).position(|(x, y)| x != y).unwrap_or(a.len().min(b.len()));
    for index in at.saturating_sub(3)..at + 6 {
        let missing = String::new();
        println!("  {:45} | {}", a.get(index).unwrap_or(&missing), b.get(index).unwrap_or(&missing));
    }
}

fn report(tally: &Tally) {
    let share = 100.0 * tally.equal as f64 / tally.codes.max(1) as f64;
    println!(
        "{} modules ({} failed), {} code objects, {} equal ({share:.2} %), {} with other nesting",
        tally.modules, tally.failed_modules, tally.codes, tally.equal, tally.missing
    );
    for (name, number) in &tally.attributes {
        println!("  {name}: {number}");
    }
}
