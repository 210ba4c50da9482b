//! Prints the tokens of source files as `tokenize` has them, for `token_compare.py`.

use std::io::Write;

use pyrs_parser::prepare_text;
use pyrs_parser::token::TokenKind;
use pyrs_parser::tokenizer::Tokenizer;

fn main() -> std::io::Result<()> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for path in std::env::args().skip(1) {
        let text = std::fs::read_to_string(&path)?;
        let decoded = prepare_text(text.strip_prefix('\u{feff}').unwrap_or(&text));
        let lines: Vec<&str> = decoded.text.split('\n').collect();
        let column = |lineno: i32, bytes: i32| {
            let line = lines.get(lineno as usize - 1).copied().unwrap_or("");
            let within = (bytes as usize).min(line.len());
            let chars = line.get(..within).map_or(within, |part| part.chars().count());
            chars + bytes as usize - within
        };
        let mut tokenizer = Tokenizer::new(&decoded.text, true);
        tokenizer.set_implicit_newline(decoded.implicit_newline);
        loop {
            match tokenizer.next_token() {
                Ok(token) => {
                    writeln!(
                        out,
                        "{} {} {} {} {}",
                        token.kind.name(),
                        token.lineno,
                        column(token.lineno, token.col_offset),
                        token.end_lineno,
                        column(token.end_lineno, token.end_col_offset)
                    )?;
                    if token.kind == TokenKind::EndMarker {
                        break;
                    }
                }
                Err(error) => {
                    writeln!(out, "error {}", error.msg)?;
                    break;
                }
            }
        }
    }
    Ok(())
}
