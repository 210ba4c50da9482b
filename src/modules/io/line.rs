//! Where lines end in decoded text.

use pyrs_runtime::objects::str::StrData;
use pyrs_runtime::units;

use super::support::memchr;

/// What ends a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LineEnd {
    /// `\n`, also because everything else has been translated to it.
    Lf,
    Cr,
    CrLf,
    /// Any of the three.
    Universal,
}

impl LineEnd {
    /// By the `newline` argument of a stream.
    pub fn for_newline(newline: Option<&str>) -> LineEnd {
        match newline {
            Some("") => LineEnd::Universal,
            Some("\r") => LineEnd::Cr,
            Some("\r\n") => LineEnd::CrLf,
            _ => LineEnd::Lf,
        }
    }
}

/// A unit of any width as a code point.
pub fn code(unit: impl Into<u32>) -> u32 {
    unit.into()
}

/// The length of the first line with its end, if the text holds the whole of it.
pub fn find_line_end(text: StrData<'_>, end: LineEnd) -> Option<usize> {
    let find = |byte: u8| match text {
        StrData::One(d) => memchr(byte, d),
        StrData::Two(d) => d.iter().position(|&c| c == u16::from(byte)),
        StrData::Four(d) => d.iter().position(|&c| c == u32::from(byte)),
    };
    match end {
        LineEnd::Lf => find(b'\n').map(|i| i + 1),
        LineEnd::Cr => find(b'\r').map(|i| i + 1),
        LineEnd::CrLf => units!(text, u => {
            u.windows(2).position(|w| code(w[0]) == 13 && code(w[1]) == 10).map(|i| i + 2)
        }),
        LineEnd::Universal => units!(text, u => {
            let i = u.iter().position(|&c| matches!(code(c), 10 | 13))?;
            let is_pair = code(u[i]) == 13 && u.get(i + 1).is_some_and(|&c| code(c) == 10);
            Some(if is_pair { i + 2 } else { i + 1 })
        }),
    }
}
