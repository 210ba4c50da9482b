//! Compiles many mutated sources and deeply nested ones: nothing may panic.
//!
//! Usage: `fuzz COUNT FILE...`; the files are the material to mutate.

use std::panic::{AssertUnwindSafe, catch_unwind};

use pyrs_compiler::{Mode, compile, compile_bytes};

/// A small generator of pseudo-random numbers (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }
}

const PIECES: &[&str] = &[
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ":",
    ",",
    "=",
    ":=",
    "->",
    "*",
    "**",
    ".",
    "...",
    "\\",
    "\n",
    "\t",
    "    ",
    "f'",
    "f\"\"\"",
    "t'{",
    "'",
    "\"\"\"",
    "b'",
    "#",
    "@",
    "\0",
    "\u{feff}",
    "é",
    "\u{1d4d0}",
    "lambda ",
    "yield ",
    "await ",
    "async ",
    "for x in ",
    "if ",
    " else ",
    "def f[T: ",
    "class C[*",
    "match x:\n case ",
    "case {**",
    "try:\n",
    "except* ",
    "with (",
    "global x\n",
    "nonlocal x\n",
    "del ",
    "return ",
    "import ",
    "from . import ",
    "type X = ",
    "not ",
    "0x",
    "1_",
    "1e",
    "0b2",
    "~",
    "!r}",
    "\\N{",
    "\\x",
    "\r",
    "\u{c}",
    "<>",
    "!",
];

fn main() {
    let mut arguments = std::env::args().skip(1);
    let count: usize = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(10_000);
    let files: Vec<Vec<u8>> = arguments.filter_map(|path| std::fs::read(path).ok()).collect();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let (mut compiled, mut panics) = (0, 0);
    for _ in 0..count {
        let source = mutated(&files, &mut random);
        match run(&source) {
            Some(true) => compiled += 1,
            Some(false) => {}
            None => {
                panics += 1;
                println!("PANIC {:?}", String::from_utf8_lossy(&source));
            }
        }
    }
    println!("{count} mutated sources: {compiled} compiled, {panics} panics");
    nested();
}

fn mutated(files: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut source = Vec::new();
    if !files.is_empty() {
        let file = &files[random.below(files.len())];
        let start = random.below(file.len());
        let length = random.below(1500);
        source.extend(file.iter().skip(start).take(length));
    }
    for _ in 0..random.below(6) + 1 {
        let at = random.below(source.len() + 1);
        let dropped = random.below(8).min(source.len() - at);
        let piece = PIECES[random.below(PIECES.len())].bytes();
        source.splice(at..at + dropped, piece);
    }
    source
}

/// Whether the source compiles; nothing if it panics.
fn run(source: &[u8]) -> Option<bool> {
    let attempt = AssertUnwindSafe(|| {
        let mode = Mode::Exec;
        match std::str::from_utf8(source) {
            Ok(text) => compile(text, "<fuzz>", mode, 0, 0, &mut |_| {}).is_ok(),
            Err(_) => compile_bytes(source, "<fuzz>", mode, 0, 0, None, &mut |_| {}).is_ok(),
        }
    });
    catch_unwind(attempt).ok()
}

fn nested() {
    let repeated = |count: usize, open: &str, middle: &str, close: &str| {
        format!("{}{middle}{}\n", open.repeat(count), close.repeat(count))
    };
    for count in [50, 99, 150, 1000, 5000, 100_000] {
        let sources = [
            repeated(count, "(", "x", ")"),
            repeated(count, "[", "", "]"),
            repeated(count, "f(", "x", ")"),
            repeated(count, "{1:", "x", "}"),
            repeated(count, "-", "x", ""),
            repeated(count, "not ", "x", ""),
            repeated(count, "lambda: ", "x", ""),
            repeated(count, "x if y else ", "x", ""),
            repeated(count, "x**", "x", ""),
            repeated(count, "x + ", "x", ""),
            repeated(count, "'a' + ", "x", ""),
            repeated(count, "x < ", "x", ""),
            repeated(count, "x = ", "x", ""),
            repeated(count, "x", "", ".a"),
            repeated(count, "x", "", "()"),
            repeated(count, "await ", "x", ""),
            repeated(count, "f'{", "x", "}'"),
            repeated(count, "", "x", " y"),
            repeated(count, "(x ", "", ""),
            repeated(count, "if x:\n ", "pass", ""),
            repeated(count, "@a\n", "def f(): pass", ""),
            format!("if x: pass\n{}", repeated(count, "elif x: pass\n", "", "")),
            format!("match x:\n case {}: pass\n", repeated(count, "[", "x", "]").trim()),
            format!("match x:\n case {}: pass\n", repeated(count, "C(", "x", ")").trim()),
        ];
        for source in sources {
            let shown: String = source.chars().take(20).collect();
            let text = match compile(&source, "<deep>", Mode::Exec, 0, 0, &mut |_| {}) {
                Ok(_) => "ok".to_string(),
                Err(error) => format!("{}: {}", error.kind.class_name(), error.msg),
            };
            println!("{count:>6} x {shown:?}: {text}");
        }
    }
}
