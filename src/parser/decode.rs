//! From the bytes of a source file to text: byte order mark, coding cookie, line ends.

use std::borrow::Cow;

/// Why source bytes are no source text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DecodeError {
    pub msg: String,
    pub lineno: i32,
}

/// Decodes bytes in an encoding that this crate does not know; `None` if it is unknown.
pub type Codec<'a> = &'a dyn Fn(&str, &[u8]) -> Option<Result<String, String>>;

/// Source text with `\n` line ends, ending in a newline.
#[derive(Clone, Debug)]
pub struct DecodedSource {
    pub text: String,
    pub encoding: String,
    /// Whether the final newline was added.
    pub implicit_newline: bool,
}

const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";

/// Decodes source bytes as PEP 263 has it.
pub fn decode_source(bytes: &[u8], codec: Option<Codec<'_>>) -> Result<DecodedSource, DecodeError> {
    let (body, marked) = match bytes.strip_prefix(UTF8_MARK) {
        Some(rest) => (rest, true),
        None => (bytes, false),
    };
    let cookie = find_cookie(body);
    let encoding = match cookie {
        None => "utf-8".to_string(),
        Some(name) => {
            let normal = normalize_encoding(&name);
            // `utf8` without its hyphen does not go with a mark.
            let plain = name.to_ascii_lowercase().replace('_', "-");
            if marked && plain != "utf-8" && !plain.starts_with("utf-8-") {
                let msg = format!("encoding problem: {name} with BOM");
                return Err(DecodeError { msg, lineno: 0 });
            }
            normal
        }
    };
    let text = decode_as(&encoding, body, codec)?;
    Ok(finish(text, encoding))
}

/// Prepares text that needs no decoding.
pub fn prepare_text(text: &str) -> DecodedSource {
    finish(text.to_string(), "utf-8".to_string())
}

fn finish(text: String, encoding: String) -> DecodedSource {
    let mut text = match translate_newlines(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(translated) => translated,
    };
    let implicit_newline = !text.is_empty() && !text.ends_with('\n');
    if implicit_newline {
        text.push('\n');
    }
    DecodedSource { text, encoding, implicit_newline }
}

fn translate_newlines(text: &str) -> Cow<'_, str> {
    if !text.contains('\r') {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n"))
}

/// The name in a coding cookie on the first two lines.
fn find_cookie(bytes: &[u8]) -> Option<String> {
    for line in bytes.split(|byte| *byte == b'\n' || *byte == b'\r').take(2) {
        let start = line.iter().position(|byte| !matches!(byte, b' ' | b'\t' | 0x0c));
        match start {
            Some(index) if line[index] == b'#' => {
                if let Some(name) = cookie_in_comment(&line[index..]) {
                    return Some(name);
                }
            }
            Some(_) => return None,
            None => {}
        }
    }
    None
}

fn cookie_in_comment(comment: &[u8]) -> Option<String> {
    let mut at = 0;
    while let Some(found) = find(&comment[at..], b"coding") {
        let after = at + found + b"coding".len();
        at = after;
        if !matches!(comment.get(after), Some(b':' | b'=')) {
            continue;
        }
        let rest = &comment[after + 1..];
        let blanks = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let name: Vec<u8> = rest[blanks..]
            .iter()
            .copied()
            .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
            .collect();
        if !name.is_empty() {
            return String::from_utf8(name).ok();
        }
    }
    None
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// CPython's normal names of the encodings that it treats specially.
fn normalize_encoding(name: &str) -> String {
    let lower: String = name
        .chars()
        .take(12)
        .map(|ch| match ch {
            '_' => '-',
            other => other.to_ascii_lowercase(),
        })
        .collect();
    if lower == "utf-8" || lower.starts_with("utf-8-") || lower == "utf8" || lower == "u8" {
        return "utf-8".into();
    }
    let latin = ["latin-1", "iso-8859-1", "iso-latin-1"];
    if latin.iter().any(|known| lower == *known || lower.starts_with(&format!("{known}-"))) {
        return "iso-8859-1".into();
    }
    name.to_string()
}

fn decode_as(encoding: &str, bytes: &[u8], codec: Option<Codec<'_>>) -> Result<String, DecodeError> {
    match encoding.to_ascii_lowercase().replace('_', "-").as_str() {
        "utf-8" => decode_utf8(bytes),
        "iso-8859-1" | "latin1" | "l1" | "8859" | "cp819" => Ok(bytes.iter().map(|byte| *byte as char).collect()),
        "ascii" | "us-ascii" | "646" => match bytes.iter().position(|byte| *byte >= 128) {
            None => Ok(bytes.iter().map(|byte| *byte as char).collect()),
            Some(index) => Err(DecodeError {
                msg: format!(
                    "(unicode error) 'ascii' codec can't decode byte 0x{:02x} in position {index}: \
                     ordinal not in range(128)",
                    bytes[index]
                ),
                lineno: 0,
            }),
        },
        _ => match codec.and_then(|codec| codec(encoding, bytes)) {
            Some(Ok(text)) => Ok(text),
            Some(Err(msg)) => Err(DecodeError { msg, lineno: 0 }),
            None => Err(DecodeError { msg: format!("unknown encoding: {encoding}"), lineno: 0 }),
        },
    }
}

fn decode_utf8(bytes: &[u8]) -> Result<String, DecodeError> {
    let error = match std::str::from_utf8(bytes) {
        Ok(text) => return Ok(text.to_string()),
        Err(error) => error,
    };
    let at = error.valid_up_to();
    let before = &bytes[..at];
    let lineno = before.iter().filter(|byte| **byte == b'\n').count() as i32 + 1;
    let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |index| index + 1);
    let _ = line_start;
    let byte = bytes[at];
    let reason = match error.error_len() {
        None => "unexpected end of data",
        Some(1) if !(0xc2..=0xf4).contains(&byte) => "invalid start byte",
        Some(_) => "invalid continuation byte",
    };
    Err(DecodeError {
        msg: format!(
            "(unicode error) 'utf-8' codec can't decode byte 0x{byte:02x} in position {}: {reason}",
            at - line_start
        ),
        lineno,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies() {
        let text = decode_source(b"# -*- coding: latin-1 -*-\nx = '\xe9'\n", None);
        assert!(text.is_ok_and(|source| source.text.contains('\u{e9}')));
        assert!(decode_source(b"x = '\xe9'\n", None).is_err());
        let text = decode_source(b"\xef\xbb\xbfx\r\ny", None).map(|source| source.text);
        assert_eq!(text.as_deref(), Ok("x\ny\n"));
    }
}
