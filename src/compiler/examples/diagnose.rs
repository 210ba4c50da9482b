//! Compiles programs and prints what is wrong with them, one line each.
//!
//! Usage: `diagnose FILE`.  The file holds programs separated by lines of `%%%`; each line of
//! output is kind, message, line, offset, end line, end offset and text, separated by U+001F, or `ok`, then the warnings.

use pyrs_compiler::{Mode, compile};

fn main() {
    let path = std::env::args().nth(1).unwrap_or_default();
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("cannot read {path}");
        std::process::exit(2);
    };
    for program in text.split("%%%\n") {
        let mut warnings = Vec::new();
        let result = compile(program, "<test>", Mode::Exec, 0, 0, &mut |warning| warnings.push(warning));
        match result {
            Ok(_) => println!("ok"),
            Err(error) => println!(
                "{}\x1f{}\x1f{}\x1f{}\x1f{}\x1f{}\x1f{:?}",
                error.kind.class_name(),
                error.msg,
                error.lineno,
                error.offset,
                error.end_lineno,
                error.end_offset,
                error.text.unwrap_or_default()
            ),
        }
        for warning in warnings {
            println!("  warning {}|{}", warning.lineno, warning.msg);
        }
    }
}
