//! The three widths of text behind one small trait, and whole-string case mapping.

use crate::properties as props;

/// A code unit of text: `u8` (ASCII or Latin-1), `u16` (UCS-2) or `u32` (UCS-4).  Each unit is one
/// code point; lone surrogates are allowed.
pub trait CodeUnit: Copy + Eq + Into<u32> {
    /// The unit with this value, if it fits.
    fn from_code(code: u32) -> Option<Self>;
}

impl CodeUnit for u8 {
    fn from_code(code: u32) -> Option<Self> {
        Self::try_from(code).ok()
    }
}

impl CodeUnit for u16 {
    fn from_code(code: u32) -> Option<Self> {
        Self::try_from(code).ok()
    }
}

impl CodeUnit for u32 {
    fn from_code(code: u32) -> Option<Self> {
        Some(code)
    }
}

/// The code points of text.
pub fn code_points<U: CodeUnit>(text: &[U]) -> impl DoubleEndedIterator<Item = u32> + Clone {
    text.iter().map(|&unit| unit.into())
}

const CAPITAL_SIGMA: u32 = 0x3a3;
const SMALL_SIGMA: u32 = 0x3c3;
const FINAL_SIGMA: u32 = 0x3c2;

/// The lower-case form of the capital sigma at `index`: final if a cased character precedes it and
/// none follows, case-ignorable ones not counted.
fn lower_sigma<U: CodeUnit>(text: &[U], index: usize) -> u32 {
    let relevant = |code: &u32| !props::is_case_ignorable(*code);
    let before = code_points(&text[..index]).rfind(relevant).is_some_and(props::is_cased);
    let after = code_points(&text[index + 1..]).find(relevant).is_some_and(props::is_cased);
    if before && !after { FINAL_SIGMA } else { SMALL_SIGMA }
}

fn push_lower<U: CodeUnit>(text: &[U], index: usize, out: &mut Vec<u32>) {
    let code = text[index].into();
    if code == CAPITAL_SIGMA {
        out.push(lower_sigma(text, index));
    } else {
        out.extend_from_slice(props::to_lower_full(code).as_slice());
    }
}

/// `str.lower`
pub fn lower<U: CodeUnit>(text: &[U]) -> Vec<u32> {
    let mut out = Vec::with_capacity(text.len());
    for index in 0..text.len() {
        push_lower(text, index, &mut out);
    }
    out
}

/// `str.upper`
pub fn upper<U: CodeUnit>(text: &[U]) -> Vec<u32> {
    let mut out = Vec::with_capacity(text.len());
    for code in code_points(text) {
        out.extend_from_slice(props::to_upper_full(code).as_slice());
    }
    out
}

/// `str.casefold`
pub fn casefold<U: CodeUnit>(text: &[U]) -> Vec<u32> {
    let mut out = Vec::with_capacity(text.len());
    for code in code_points(text) {
        out.extend_from_slice(props::to_folded_full(code).as_slice());
    }
    out
}

/// `str.capitalize`
pub fn capitalize<U: CodeUnit>(text: &[U]) -> Vec<u32> {
    let mut out = Vec::with_capacity(text.len());
    for index in 0..text.len() {
        if index == 0 {
            out.extend_from_slice(props::to_title_full(text[0].into()).as_slice());
        } else {
            push_lower(text, index, &mut out);
        }
    }
    out
}

/// `str.title`
pub fn title<U: CodeUnit>(text: &[U]) -> Vec<u32> {
    let mut out = Vec::with_capacity(text.len());
    let mut previous_is_cased = false;
    for (index, code) in code_points(text).enumerate() {
        if previous_is_cased {
            push_lower(text, index, &mut out);
        } else {
            out.extend_from_slice(props::to_title_full(code).as_slice());
        }
        previous_is_cased = props::is_cased(code);
    }
    out
}

/// `str.swapcase`
pub fn swapcase<U: CodeUnit>(text: &[U]) -> Vec<u32> {
    let mut out = Vec::with_capacity(text.len());
    for (index, code) in code_points(text).enumerate() {
        if props::is_upper(code) {
            push_lower(text, index, &mut out);
        } else if props::is_lower(code) {
            out.extend_from_slice(props::to_upper_full(code).as_slice());
        } else {
            out.push(code);
        }
    }
    out
}

/// `str.isupper`
pub fn is_upper_text<U: CodeUnit>(text: &[U]) -> bool {
    let mut cased = false;
    for code in code_points(text) {
        if props::is_lower(code) || props::is_title(code) {
            return false;
        }
        cased |= props::is_upper(code);
    }
    cased
}

/// `str.islower`
pub fn is_lower_text<U: CodeUnit>(text: &[U]) -> bool {
    let mut cased = false;
    for code in code_points(text) {
        if props::is_upper(code) || props::is_title(code) {
            return false;
        }
        cased |= props::is_lower(code);
    }
    cased
}

/// `str.istitle`
pub fn is_title_text<U: CodeUnit>(text: &[U]) -> bool {
    let (mut cased, mut previous_is_cased) = (false, false);
    for code in code_points(text) {
        if props::is_upper(code) || props::is_title(code) {
            if previous_is_cased {
                return false;
            }
            (previous_is_cased, cased) = (true, true);
        } else if props::is_lower(code) {
            if !previous_is_cased {
                return false;
            }
            (previous_is_cased, cased) = (true, true);
        } else {
            previous_is_cased = false;
        }
    }
    cased
}

/// `str.isidentifier`
pub fn is_identifier<U: CodeUnit>(text: &[U]) -> bool {
    let mut codes = code_points(text);
    codes.next().is_some_and(props::is_identifier_start) && codes.all(props::is_identifier_continue)
}

/// The lines of `str.splitlines`: start, end without and end with the line break.
pub fn split_lines<U: CodeUnit>(text: &[U]) -> impl Iterator<Item = (usize, usize, usize)> {
    let mut start = 0;
    std::iter::from_fn(move || {
        if start >= text.len() {
            return None;
        }
        let end = text[start..]
            .iter()
            .position(|&unit| props::is_line_break(unit.into()))
            .map_or(text.len(), |offset| start + offset);
        let mut next = (end + 1).min(text.len());
        let crlf = text.get(end).is_some_and(|&u| u.into() == 13) && text.get(end + 1).is_some_and(|&u| u.into() == 10);
        if crlf {
            next += 1;
        }
        let line = (start, end, next);
        start = next;
        Some(line)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(text: &str) -> Vec<u32> {
        text.chars().map(u32::from).collect()
    }

    #[test]
    fn whole_strings() {
        assert_eq!(lower(&points("ΑΣ ΣΑΣ. Σ")), points("ας σας. σ"));
        assert_eq!(title(&points("ǆ'they're ßx")), points("ǅ'They'Re Ssx"));
        assert_eq!(capitalize(&points("ÉTÉ ΟΣ")), points("Été ος"));
        assert_eq!(swapcase(&points("aBß")), points("AbSS"));
        assert!(is_title_text(&points("Ab Cd 1")) && !is_title_text(&points("AB")));
        assert!(is_upper_text(&points("AB1")) && !is_upper_text(&points("1")));
        assert!(is_identifier(&points("_é1")) && !is_identifier(&points("1a")));
    }

    #[test]
    fn lines() {
        let lines: Vec<_> = split_lines(b"a\r\nb\n\nc").collect();
        assert_eq!(lines, [(0, 1, 3), (3, 4, 5), (5, 5, 6), (6, 7, 7)]);
        assert_eq!(split_lines(b"").count(), 0);
    }
}
