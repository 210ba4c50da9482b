//! The methods of `str` that look at single characters: case, classes, stripping and padding.

use crate::errors::PyResult;
use crate::object::{Obj, Object, Ptr};
use crate::objects::str::{Str, StrData};
use crate::objects::str_methods::{exact, push_data, substring};
use crate::{raise, units};
use pyrs_macros::pymethods;
use pyrs_unicode::text_buffer::TextBuffer;
use pyrs_unicode::{properties, text as algorithms};

/// True if there are characters and all of them pass.
fn all(data: StrData<'_>, test: fn(u32) -> bool) -> bool {
    !data.is_empty() && data.iter().all(test)
}

/// Converts ASCII byte by byte, anything else by the Unicode rules.
fn convert(this: &Str, ascii: impl Fn(&u8) -> u8, other: impl Fn(StrData<'_>) -> Vec<u32>) -> Ptr<Str> {
    match (this.is_ascii(), this.data()) {
        (true, StrData::One([])) => Str::empty(),
        (true, StrData::One([byte])) => Str::from_char(u32::from(ascii(byte))),
        (true, StrData::One(bytes)) => Str::ascii_of(bytes.iter().map(ascii)),
        (_, data) => Str::from_code_points(&other(data)),
    }
}

#[derive(Copy, Clone, PartialEq)]
enum Side {
    Left,
    Right,
    Both,
}

fn strip(this: &Object<Str>, chars: Option<&Obj>, side: Side, function: &str) -> PyResult<Ptr<Str>> {
    let data = this.data();
    let set: Option<StrData<'_>> = match chars {
        None => None,
        Some(chars) => match chars.downcast::<Str>() {
            Some(text) => Some(text.data()),
            None => return Err(raise!(TypeError, "{function} arg must be None or str")),
        },
    };
    let drop = |c: u32| match set {
        None => properties::is_space(c),
        Some(set) => set.iter().any(|x| x == c),
    };
    let (mut start, mut end) = (0, data.len());
    if side != Side::Right {
        while start < end && drop(data.get(start)) {
            start += 1;
        }
    }
    if side != Side::Left {
        while start < end && drop(data.get(end - 1)) {
            end -= 1;
        }
    }
    Ok(substring(this, start, end))
}

/// The text between fill characters.
pub fn pad(this: &Object<Str>, left: usize, right: usize, fill: u32) -> Ptr<Str> {
    if left + right == 0 {
        return exact(this);
    }
    let mut out = TextBuffer::with_capacity(this.len() + left + right);
    push_fill(&mut out, fill, left);
    push_data(&mut out, this.data());
    push_fill(&mut out, fill, right);
    Str::from_buffer(&out)
}

fn push_fill(out: &mut TextBuffer, fill: u32, count: usize) {
    match u8::try_from(fill) {
        Ok(byte) => out.push_latin1(&vec![byte; count]),
        Err(_) => out.extend(std::iter::repeat_n(fill, count)),
    }
}

fn fill_char(fillchar: Option<&Obj>) -> PyResult<u32> {
    let Some(fillchar) = fillchar else {
        return Ok(u32::from(' '));
    };
    let Some(text) = fillchar.downcast::<Str>() else {
        return Err(raise!(
            TypeError,
            "The fill character must be a unicode character, not {}",
            fillchar.class().name()
        ));
    };
    match text.get_char(0) {
        Some(c) if text.len() == 1 => Ok(c),
        _ => Err(raise!(TypeError, "The fill character must be exactly one character long")),
    }
}

/// Fill characters needed to reach a width.
fn missing(this: &Str, width: isize) -> PyResult<usize> {
    let missing = usize::try_from(width).unwrap_or(0).saturating_sub(this.len());
    if missing > 1 << 42 {
        return Err(raise!(MemoryError));
    }
    Ok(missing)
}

#[pymethods(part = CHARACTERS)]
impl Str {
    /// Return a capitalized version of the string.
    ///
    /// More specifically, make the first character have upper case and the
    /// rest lower case.
    #[pymethod]
    fn capitalize(&self) -> Ptr<Str> {
        Str::from_code_points(&units!(self.data(), u => algorithms::capitalize(u)))
    }

    /// Return a version of the string suitable for caseless comparisons.
    #[pymethod]
    fn casefold(&self) -> Ptr<Str> {
        convert(self, u8::to_ascii_lowercase, |data| units!(data, u => algorithms::casefold(u)))
    }

    /// Return a version of the string where each word is titlecased.
    ///
    /// More specifically, words start with uppercased characters and all
    /// remaining cased characters have lower case.
    #[pymethod]
    fn title(&self) -> Ptr<Str> {
        Str::from_code_points(&units!(self.data(), u => algorithms::title(u)))
    }

    /// Return a copy of the string converted to lowercase.
    #[pymethod]
    fn lower(&self) -> Ptr<Str> {
        convert(self, u8::to_ascii_lowercase, |data| units!(data, u => algorithms::lower(u)))
    }

    /// Return a copy of the string converted to uppercase.
    #[pymethod]
    fn upper(&self) -> Ptr<Str> {
        convert(self, u8::to_ascii_uppercase, |data| units!(data, u => algorithms::upper(u)))
    }

    /// Convert uppercase characters to lowercase and lowercase characters to uppercase.
    #[pymethod]
    fn swapcase(&self) -> Ptr<Str> {
        Str::from_code_points(&units!(self.data(), u => algorithms::swapcase(u)))
    }

    /// Return a centered string of length width.
    ///
    /// Padding is done using the specified fill character (default is
    /// a space).
    #[pymethod(sig = "(width, fillchar=' ', /)")]
    fn center(this: &Object<Str>, width: isize, fillchar: crate::args::Maybe<&Obj>) -> PyResult<Ptr<Str>> {
        let fill = fill_char(fillchar.0)?;
        let missing = missing(this, width)?;
        // An odd rest goes to the left if the width is odd.
        let left = missing / 2 + (missing & width.unsigned_abs() & 1);
        Ok(pad(this, left, missing - left, fill))
    }

    /// Return a left-justified string of length width.
    ///
    /// Padding is done using the specified fill character (default is
    /// a space).
    #[pymethod(sig = "(width, fillchar=' ', /)")]
    fn ljust(this: &Object<Str>, width: isize, fillchar: crate::args::Maybe<&Obj>) -> PyResult<Ptr<Str>> {
        Ok(pad(this, 0, missing(this, width)?, fill_char(fillchar.0)?))
    }

    /// Return a right-justified string of length width.
    ///
    /// Padding is done using the specified fill character (default is
    /// a space).
    #[pymethod(sig = "(width, fillchar=' ', /)")]
    fn rjust(this: &Object<Str>, width: isize, fillchar: crate::args::Maybe<&Obj>) -> PyResult<Ptr<Str>> {
        Ok(pad(this, missing(this, width)?, 0, fill_char(fillchar.0)?))
    }

    /// Pad a numeric string with zeros on the left, to fill a field of the given width.
    ///
    /// The string is never truncated.
    #[pymethod]
    fn zfill(this: &Object<Str>, width: isize) -> PyResult<Ptr<Str>> {
        let missing = missing(this, width)?;
        match this.get_char(0) {
            Some(sign @ (0x2b | 0x2d)) if missing > 0 => {
                let mut out = TextBuffer::with_capacity(this.len() + missing);
                out.push(sign);
                push_fill(&mut out, u32::from('0'), missing);
                push_data(&mut out, this.data().slice(1, this.len()));
                Ok(Str::from_buffer(&out))
            }
            _ => Ok(pad(this, missing, 0, u32::from('0'))),
        }
    }

    /// Return a copy where all tab characters are expanded using spaces.
    ///
    /// If tabsize is not given, a tab size of 8 characters is assumed.
    #[pymethod(sig = "(tabsize=8)")]
    fn expandtabs(this: &Object<Str>, tabsize: i32) -> PyResult<Ptr<Str>> {
        let (mut out, mut column) = (TextBuffer::with_capacity(this.len()), 0usize);
        let tab = usize::try_from(tabsize).unwrap_or(0);
        for c in this.code_points() {
            match c {
                9 if tab > 0 => {
                    let count = tab - column % tab;
                    if out.len().checked_add(count).is_none_or(|n| n > 1 << 42) {
                        return Err(raise!(OverflowError, "new string is too long"));
                    }
                    push_fill(&mut out, 32, count);
                    column += count;
                }
                9 => {}
                _ => {
                    out.push(c);
                    column = if c == 10 || c == 13 { 0 } else { column + 1 };
                }
            }
        }
        Ok(Str::from_buffer(&out))
    }

    /// Return a copy of the string with leading and trailing whitespace removed.
    ///
    /// If chars is given and not None, remove characters in chars instead.
    #[pymethod]
    fn strip(this: &Object<Str>, chars: Option<&Obj>) -> PyResult<Ptr<Str>> {
        strip(this, chars, Side::Both, "strip")
    }

    /// Return a copy of the string with leading whitespace removed.
    ///
    /// If chars is given and not None, remove characters in chars instead.
    #[pymethod]
    fn lstrip(this: &Object<Str>, chars: Option<&Obj>) -> PyResult<Ptr<Str>> {
        strip(this, chars, Side::Left, "lstrip")
    }

    /// Return a copy of the string with trailing whitespace removed.
    ///
    /// If chars is given and not None, remove characters in chars instead.
    #[pymethod]
    fn rstrip(this: &Object<Str>, chars: Option<&Obj>) -> PyResult<Ptr<Str>> {
        strip(this, chars, Side::Right, "rstrip")
    }

    /// Return True if all characters in the string are ASCII, False otherwise.
    ///
    /// ASCII characters have code points in the range U+0000-U+007F.
    /// Empty string is ASCII too.
    #[pymethod]
    fn isascii(&self) -> bool {
        self.is_ascii()
    }

    /// Return True if the string is a lowercase string, False otherwise.
    ///
    /// There must be at least one cased character, and all of them lowercase.
    #[pymethod]
    fn islower(&self) -> bool {
        units!(self.data(), u => algorithms::is_lower_text(u))
    }

    /// Return True if the string is an uppercase string, False otherwise.
    ///
    /// There must be at least one cased character, and all of them uppercase.
    #[pymethod]
    fn isupper(&self) -> bool {
        units!(self.data(), u => algorithms::is_upper_text(u))
    }

    /// Return True if the string is a title-cased string, False otherwise.
    ///
    /// In a title-cased string, upper- and title-case characters may only
    /// follow uncased characters and lowercase characters only cased ones.
    #[pymethod]
    fn istitle(&self) -> bool {
        units!(self.data(), u => algorithms::is_title_text(u))
    }

    /// Return True if the string is a whitespace string, False otherwise.
    ///
    /// There must be at least one character, and all of them whitespace.
    #[pymethod]
    fn isspace(&self) -> bool {
        all(self.data(), properties::is_space)
    }

    /// Return True if the string is a decimal string, False otherwise.
    ///
    /// There must be at least one character, and all of them decimal.
    #[pymethod]
    fn isdecimal(&self) -> bool {
        all(self.data(), properties::is_decimal)
    }

    /// Return True if the string is a digit string, False otherwise.
    ///
    /// There must be at least one character, and all of them digits.
    #[pymethod]
    fn isdigit(&self) -> bool {
        all(self.data(), properties::is_digit)
    }

    /// Return True if the string is a numeric string, False otherwise.
    ///
    /// There must be at least one character, and all of them numeric.
    #[pymethod]
    fn isnumeric(&self) -> bool {
        all(self.data(), properties::is_numeric)
    }

    /// Return True if the string is an alphabetic string, False otherwise.
    ///
    /// There must be at least one character, and all of them alphabetic.
    #[pymethod]
    fn isalpha(&self) -> bool {
        all(self.data(), properties::is_alpha)
    }

    /// Return True if the string is an alpha-numeric string, False otherwise.
    ///
    /// There must be at least one character, and all of them alpha-numeric.
    #[pymethod]
    fn isalnum(&self) -> bool {
        all(self.data(), properties::is_alnum)
    }

    /// Return True if the string is a valid Python identifier, False otherwise.
    ///
    /// Call keyword.iskeyword(s) to test whether string s is a reserved
    /// identifier, such as "def" or "class".
    #[pymethod]
    fn isidentifier(&self) -> bool {
        units!(self.data(), u => algorithms::is_identifier(u))
    }

    /// Return True if all characters in the string are printable, False otherwise.
    ///
    /// A character is printable if repr() may use it in its output.
    #[pymethod]
    fn isprintable(&self) -> bool {
        self.is_empty() || all(self.data(), properties::is_printable)
    }
}
