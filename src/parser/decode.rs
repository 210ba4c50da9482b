//! From the bytes of a source file to text: byte order mark, coding cookie, line ends.

use std::borrow::Cow;

/// Why source bytes are no source text, and where.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DecodeError {
    pub msg: String,
    /// 0: no place is known.
    pub lineno: i32,
    pub offset: i32,
    pub end_offset: i32,
    pub text: Option<String>,
}

impl DecodeError {
    fn without_place(msg: String) -> DecodeError {
        DecodeError { msg, offset: -1, ..DecodeError::default() }
    }
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
    let marked = Marked::new(bytes)?;
    let encoding = marked.cookie.map_or_else(|| "utf-8".to_string(), |cookie| normalize_encoding(&cookie.name));
    let text = match std::str::from_utf8(marked.body) {
        Ok(text) if encoding == "utf-8" => text.to_string(),
        Err(error) if encoding == "utf-8" => return Err(undeclared(marked.body, error.valid_up_to(), "")),
        _ => decode_as(&encoding, marked.body, codec)?,
    };
    Ok(finish(text, encoding))
}

/// Decodes the bytes of a file that is run.  A file is read by lines: errors know theirs, and a codec sees what
/// follows the line of its cookie.
pub fn decode_file(bytes: &[u8], filename: &str, codec: Option<Codec<'_>>) -> Result<DecodedSource, DecodeError> {
    let marked = Marked::new(bytes)?;
    let body = marked.body;
    let nul = body.iter().position(|byte| *byte == 0);
    let plain = marked.cookie.as_ref().is_none_or(|cookie| is_plain_utf8(&cookie.name));
    if !plain && let Some(cookie) = &marked.cookie {
        if let Some(nul) = nul {
            return Err(null_byte(body, nul));
        }
        let encoding = normalize_encoding(&cookie.name);
        let (head, rest) = body.split_at(cookie.line_end);
        let mut text: String = head.iter().map(|byte| *byte as char).collect();
        text.push_str(&decode_as(&encoding, rest, codec)?);
        return Ok(finish(text, encoding));
    }
    let bad = std::str::from_utf8(body).err().map(|error| error.valid_up_to());
    match (nul, bad) {
        (Some(nul), bad) if bad.is_none_or(|bad| nul < bad) => Err(null_byte(body, nul)),
        (_, Some(bad)) if marked.cookie.is_none() && !marked.marked => {
            Err(undeclared(body, bad, &format!(" in file {filename}")))
        }
        (_, Some(bad)) => Err(declared(body, bad)),
        _ => Ok(finish(String::from_utf8_lossy(body).into_owned(), "utf-8".to_string())),
    }
}

/// Source bytes behind their byte order mark, with their coding cookie.
struct Marked<'b> {
    body: &'b [u8],
    marked: bool,
    cookie: Option<Cookie>,
}

/// A coding cookie, and where its line ends (the newline is not part of it).
struct Cookie {
    name: String,
    line_start: usize,
    line_end: usize,
}

impl Marked<'_> {
    fn new(bytes: &[u8]) -> Result<Marked<'_>, DecodeError> {
        let body = bytes.strip_prefix(UTF8_MARK).unwrap_or(bytes);
        let marked = body.len() < bytes.len();
        let cookie = find_cookie(body);
        match &cookie {
            Some(cookie) if marked && !is_plain_utf8(&cookie.name) => Err(contradicts_mark(body, cookie)),
            _ => Ok(Marked { body, marked, cookie }),
        }
    }
}

/// Whether a cookie means UTF-8 without a look at the codecs; `utf8` without its hyphen does not.
fn is_plain_utf8(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('_', "-");
    name == "utf-8" || name.starts_with("utf-8-")
}

fn contradicts_mark(body: &[u8], cookie: &Cookie) -> DecodeError {
    let line = String::from_utf8_lossy(&body[cookie.line_start..cookie.line_end]).into_owned();
    let normal = normalize_encoding(&cookie.name);
    let shown = if normal == "utf-8" { &cookie.name } else { &normal };
    DecodeError {
        msg: format!("encoding problem: {shown} with BOM"),
        lineno: line_number(body, cookie.line_start),
        offset: 0,
        end_offset: line.chars().count() as i32 + 1,
        text: Some(line),
    }
}

/// The number of the line that a byte stands in.
fn line_number(body: &[u8], at: usize) -> i32 {
    body[..at].iter().filter(|byte| **byte == b'\n').count() as i32 + 1
}

/// Start and end of the line that a byte stands in.
fn line_around(body: &[u8], at: usize) -> (usize, usize) {
    let start = body[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |index| index + 1);
    let end = body[at..].iter().position(|byte| matches!(byte, b'\n' | b'\r')).map_or(body.len(), |index| at + index);
    (start, end)
}

fn null_byte(body: &[u8], at: usize) -> DecodeError {
    let (start, _) = line_around(body, at);
    DecodeError {
        msg: "source code cannot contain null bytes".into(),
        lineno: line_number(body, at),
        text: Some(String::from_utf8_lossy(&body[start..at]).into_owned()),
        ..DecodeError::default()
    }
}

/// Bytes that are no UTF-8 where nothing says that they should not be.
fn undeclared(body: &[u8], at: usize, place: &str) -> DecodeError {
    let (start, end) = line_around(body, at);
    let line = &body[start..end];
    let line = line.split(|byte| *byte == 0).next().unwrap_or(line);
    let column = String::from_utf8_lossy(&body[start..at]).chars().count() as i32 + 1;
    let mut lineno = line_number(body, at);
    if lineno == 2 && !place.is_empty() && begins_with_code(body) {
        // The second line of a file is looked at for a cookie before it is counted.
        lineno = 1;
    }
    DecodeError {
        msg: format!(
            "Non-UTF-8 code starting with '\\x{:02x}'{place} on line {lineno}, but no encoding declared; see \
             https://peps.python.org/pep-0263/ for details",
            body[at]
        ),
        lineno,
        offset: column,
        end_offset: column,
        text: Some(String::from_utf8_lossy(line).into_owned()),
    }
}

/// Whether the first line has more than blanks and a comment: then the second has no cookie.
fn begins_with_code(body: &[u8]) -> bool {
    let mut line = body.iter().skip_while(|byte| matches!(byte, b' ' | b'\t' | 0x0c));
    !matches!(line.next(), None | Some(b'#' | b'\n' | b'\r'))
}

/// Bytes that are no UTF-8 although a cookie or a mark says that they are.
fn declared(body: &[u8], at: usize) -> DecodeError {
    let (start, _) = line_around(body, at);
    let end = body[at..].iter().position(|byte| *byte == b'\n').map_or(body.len(), |index| at + index + 1);
    let line = &body[start..end];
    DecodeError {
        msg: format!("(unicode error) {}", utf8_message(line)),
        lineno: line_number(body, at),
        offset: 0,
        end_offset: -1,
        text: Some(String::from_utf8_lossy(line).into_owned()),
    }
}

/// What the UTF-8 codec says about bytes that are not in it.
fn utf8_message(bytes: &[u8]) -> String {
    let Err(error) = std::str::from_utf8(bytes) else { return String::new() };
    let at = error.valid_up_to();
    let length = error.error_len().unwrap_or(bytes.len() - at);
    let reason = match error.error_len() {
        None => "unexpected end of data",
        Some(1) if !(0xc2..=0xf4).contains(&bytes[at]) => "invalid start byte",
        Some(_) => "invalid continuation byte",
    };
    match length {
        1 => format!("'utf-8' codec can't decode byte 0x{:02x} in position {at}: {reason}", bytes[at]),
        _ => format!("'utf-8' codec can't decode bytes in position {at}-{}: {reason}", at + length - 1),
    }
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

/// The coding cookie on one of the first two lines.
fn find_cookie(bytes: &[u8]) -> Option<Cookie> {
    let mut line_start = 0;
    for line in bytes.split(|byte| *byte == b'\n' || *byte == b'\r').take(2) {
        let line_end = line_start + line.len();
        let start = line.iter().position(|byte| !matches!(byte, b' ' | b'\t' | 0x0c));
        match start {
            Some(index) if line[index] == b'#' => {
                if let Some(name) = cookie_in_comment(&line[index..]) {
                    return Some(Cookie { name, line_start, line_end });
                }
            }
            Some(_) => return None,
            None => {}
        }
        line_start = line_end + 1;
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
    let latin = |bytes: &[u8]| bytes.iter().map(|byte| *byte as char).collect();
    match encoding.to_ascii_lowercase().replace('_', "-").as_str() {
        "utf-8" => match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text.to_string()),
            Err(_) => Err(DecodeError::without_place(utf8_message(bytes))),
        },
        "iso-8859-1" | "latin1" | "l1" | "8859" | "cp819" => Ok(latin(bytes)),
        "ascii" | "us-ascii" | "646" => match bytes.iter().position(|byte| *byte >= 128) {
            None => Ok(latin(bytes)),
            Some(index) => Err(DecodeError::without_place(format!(
                "'ascii' codec can't decode byte 0x{:02x} in position {index}: ordinal not in range(128)",
                bytes[index]
            ))),
        },
        _ => match codec.and_then(|codec| codec(encoding, bytes)) {
            Some(Ok(text)) => Ok(text),
            Some(Err(msg)) => Err(DecodeError::without_place(msg)),
            None => Err(DecodeError::without_place(format!("unknown encoding: {encoding}"))),
        },
    }
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
