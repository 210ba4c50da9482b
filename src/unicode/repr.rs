//! `repr` and `ascii` of str, `repr` of bytes.

use crate::properties::is_printable;
use crate::text::{CodeUnit, code_points};
use crate::text_buffer::TextBuffer;

/// `repr(text)`
pub fn str_repr<U: CodeUnit>(text: &[U]) -> TextBuffer {
    quoted(text, is_printable)
}

/// `ascii(text)`; the result is ASCII.
pub fn str_ascii<U: CodeUnit>(text: &[U]) -> TextBuffer {
    quoted(text, |_| false)
}

/// Single quotes, unless the text has some and no double quotes.
fn choose_quote(codes: impl Iterator<Item = u32>) -> u32 {
    let (mut single, mut double) = (false, false);
    for code in codes {
        single |= code == 0x27;
        double |= code == 0x22;
    }
    if single && !double { 0x22 } else { 0x27 }
}

/// `keep` decides about characters beyond ASCII.
fn quoted<U: CodeUnit>(text: &[U], keep: impl Fn(u32) -> bool) -> TextBuffer {
    let quote = choose_quote(code_points(text));
    let mut out = TextBuffer::with_capacity(text.len() + 2);
    out.push(quote);
    for code in code_points(text) {
        match code {
            0x27 | 0x22 if code != quote => out.push(code),
            0x27 | 0x22 | 0x5c => out.extend([0x5c, code]),
            0x20..0x7f => out.push(code),
            _ if code > 0x7f && keep(code) => out.push(code),
            _ => push_escape(&mut out, code),
        }
    }
    out.push(quote);
    out
}

/// Appends `\n`, `\xhh`, `\uhhhh` or `\Uhhhhhhhh`.
pub fn push_escape(out: &mut TextBuffer, code: u32) {
    match code {
        9 => out.push_latin1(b"\\t"),
        10 => out.push_latin1(b"\\n"),
        13 => out.push_latin1(b"\\r"),
        _ => push_hex_escape(out, code),
    }
}

/// Appends `\xhh`, `\uhhhh` or `\Uhhhhhhhh`.
pub fn push_hex_escape(out: &mut TextBuffer, code: u32) {
    match code {
        0..=0xff => out.push_str(&format!("\\x{code:02x}")),
        0x100..=0xffff => out.push_str(&format!("\\u{code:04x}")),
        _ => out.push_str(&format!("\\U{code:08x}")),
    }
}

/// `repr(bytes)` with the `b` prefix.
pub fn bytes_repr(bytes: &[u8]) -> String {
    let quote = choose_quote(bytes.iter().map(|&byte| u32::from(byte)));
    let quote = if quote == 0x22 { '"' } else { '\'' };
    let mut out = String::with_capacity(bytes.len() + 3);
    out.push('b');
    out.push(quote);
    for &byte in bytes {
        match byte {
            b'\t' => out.push_str("\\t"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\\' => out.push_str("\\\\"),
            0x20..0x7f => {
                if char::from(byte) == quote {
                    out.push('\\');
                }
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("\\x{byte:02x}")),
        }
    }
    out.push(quote);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(text: &str) -> Vec<u32> {
        text.chars().map(u32::from).collect()
    }

    #[test]
    fn strings() {
        assert_eq!(str_repr(&points("a'b\n\\\x7f")).to_code_points(), points("\"a'b\\n\\\\\\x7f\""));
        assert_eq!(str_repr(&points("'\"é\u{a0}")).to_code_points(), points("'\\'\"é\\xa0'"));
        assert_eq!(str_repr(&[0xd800u16]).to_code_points(), points("'\\ud800'"));
        assert_eq!(str_ascii(&points("é😀")).to_code_points(), points("'\\xe9\\U0001f600'"));
    }

    #[test]
    fn bytes() {
        assert_eq!(bytes_repr(b"a'\x00\xff\t"), "b\"a'\\x00\\xff\\t\"");
        assert_eq!(bytes_repr(b"'\""), "b'\\'\"'");
    }
}
