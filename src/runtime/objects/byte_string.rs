//! The algorithms that `bytes` and `bytearray` share, on plain slices, and the macro that gives both
//! classes the methods built on them.

use crate::args::FromArg;
use crate::errors::PyResult;
use crate::object::{Obj, Ptr, PyClass};
use crate::objects::bytes::{self, Bytes};
use crate::objects::exceptions::BytesWarning;
use crate::objects::str::Str;
use crate::objects::tuple::Tuple;
use crate::protocols::buffer::{self, BytesLike};
use crate::protocols::number;
use crate::raise;
use pyrs_unicode::search::{self, Finder};

/// Issues a BytesWarning if `-b` asks for them.
pub(crate) fn warn_about_text(text: &str) -> PyResult<()> {
    if !crate::thread::runtime().bytes_warning.get() {
        return Ok(());
    }
    (crate::hooks::hooks().warn)(BytesWarning::class(), text, 1)
}

/// ASCII white space as `bytes.isspace` sees it.
pub fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | 9..=13)
}

/// What methods like `find` look for: bytes, or one byte given as an int.
pub enum Needle<'a> {
    Byte([u8; 1]),
    Bytes(BytesLike<'a>),
}

impl Needle<'_> {
    pub fn as_slice(&self) -> &[u8] {
        match self {
            Needle::Byte(byte) => byte,
            Needle::Bytes(bytes) => bytes,
        }
    }
}

impl<'a> FromArg<'a> for Needle<'a> {
    fn from_arg(arg: &'a Obj) -> PyResult<Self> {
        if buffer::has_buffer(arg) {
            return BytesLike::new(arg).map(Needle::Bytes);
        }
        if !number::has_index(arg) {
            return Err(raise!(
                TypeError,
                "argument should be integer or bytes-like object, not '{}'",
                arg.class().name()
            ));
        }
        Ok(Needle::Byte([bytes::byte_value(arg, "byte")?]))
    }
}

/// `item in data`
pub fn contains(data: &[u8], item: &Needle<'_>) -> bool {
    search::find(data, item.as_slice()).is_some()
}

/// What `in` looks for: as [`Needle`], with the message for other objects.
pub fn contained(item: &Obj) -> PyResult<Needle<'_>> {
    if number::has_index(item) && !buffer::has_buffer(item) {
        return Ok(Needle::Byte([bytes::byte_value(item, "byte")?]));
    }
    BytesLike::new(item).map(Needle::Bytes)
}

pub fn replace(data: &[u8], old: &[u8], new: &[u8], count: isize) -> Vec<u8> {
    let limit = usize::try_from(count).unwrap_or(usize::MAX);
    let mut out = Vec::with_capacity(data.len());
    if old.is_empty() {
        for (i, &byte) in data.iter().enumerate() {
            if i < limit {
                out.extend_from_slice(new);
            }
            out.push(byte);
        }
        if data.len() < limit {
            out.extend_from_slice(new);
        }
        return out;
    }
    let (mut at, mut done) = (0, 0);
    if let Some(finder) = Finder::new(old) {
        while done < limit
            && let Some(found) = finder.find_from(data, at)
        {
            out.extend_from_slice(&data[at..found]);
            out.extend_from_slice(new);
            at = found + old.len();
            done += 1;
        }
    }
    out.extend_from_slice(&data[at..]);
    out
}

pub fn split<'d>(data: &'d [u8], sep: Option<&[u8]>, maxsplit: isize) -> PyResult<Vec<&'d [u8]>> {
    let limit = usize::try_from(maxsplit).unwrap_or(usize::MAX);
    let mut parts = Vec::new();
    let Some(sep) = sep else {
        let mut rest = data.trim_ascii_start_python();
        while !rest.is_empty() {
            if parts.len() == limit {
                parts.push(rest);
                break;
            }
            let end = rest.iter().position(|&b| is_space(b)).unwrap_or(rest.len());
            parts.push(&rest[..end]);
            rest = rest[end..].trim_ascii_start_python();
        }
        return Ok(parts);
    };
    let Some(finder) = Finder::new(sep).filter(|_| !sep.is_empty()) else {
        return Err(raise!(ValueError, "empty separator"));
    };
    let mut at = 0;
    while parts.len() < limit
        && let Some(found) = finder.find_from(data, at)
    {
        parts.push(&data[at..found]);
        at = found + sep.len();
    }
    parts.push(&data[at..]);
    Ok(parts)
}

pub fn rsplit<'d>(data: &'d [u8], sep: Option<&[u8]>, maxsplit: isize) -> PyResult<Vec<&'d [u8]>> {
    let limit = usize::try_from(maxsplit).unwrap_or(usize::MAX);
    let mut parts = Vec::new();
    match sep {
        None => {
            let mut rest = data.trim_ascii_end_python();
            while !rest.is_empty() {
                if parts.len() == limit {
                    parts.push(rest);
                    break;
                }
                let start = rest.iter().rposition(|&b| is_space(b)).map_or(0, |i| i + 1);
                parts.push(&rest[start..]);
                rest = rest[..start].trim_ascii_end_python();
            }
        }
        Some([]) => return Err(raise!(ValueError, "empty separator")),
        Some(sep) => {
            let mut end = data.len();
            while parts.len() < limit
                && let Some(found) = search::rfind(&data[..end], sep)
            {
                parts.push(&data[found + sep.len()..end]);
                end = found;
            }
            parts.push(&data[..end]);
        }
    }
    parts.reverse();
    Ok(parts)
}

/// Trimming of the white space that `bytes` knows (vertical tab included).
pub trait Trim {
    fn trim_ascii_start_python(&self) -> &[u8];
    fn trim_ascii_end_python(&self) -> &[u8];
}

impl Trim for [u8] {
    fn trim_ascii_start_python(&self) -> &[u8] {
        &self[self.iter().position(|&b| !is_space(b)).unwrap_or(self.len())..]
    }
    fn trim_ascii_end_python(&self) -> &[u8] {
        &self[..self.iter().rposition(|&b| !is_space(b)).map_or(0, |i| i + 1)]
    }
}

pub fn splitlines(data: &[u8], keepends: bool) -> Vec<&[u8]> {
    let (mut lines, mut start) = (Vec::new(), 0);
    while start < data.len() {
        let end = data[start..].iter().position(|&b| b == b'\n' || b == b'\r').map_or(data.len(), |i| start + i);
        let mut next = (end + 1).min(data.len());
        if data.get(end) == Some(&b'\r') && data.get(end + 1) == Some(&b'\n') {
            next += 1;
        }
        lines.push(&data[start..if keepends { next } else { end }]);
        start = next;
    }
    lines
}

#[derive(Copy, Clone, PartialEq)]
pub enum Side {
    Left,
    Right,
    Both,
}

pub fn strip<'d>(data: &'d [u8], set: Option<&[u8]>, side: Side) -> &'d [u8] {
    let drop = |b: &u8| set.map_or(is_space(*b), |set| set.contains(b));
    let (mut start, mut end) = (0, data.len());
    if side != Side::Right {
        start = data.iter().position(|b| !drop(b)).unwrap_or(end);
    }
    if side != Side::Left {
        end = data[start..].iter().rposition(|b| !drop(b)).map_or(start, |i| start + i + 1);
    }
    &data[start..end]
}

/// The three parts around a separator; `None` if it does not occur.
pub fn partition<'d>(data: &'d [u8], sep: &[u8], last: bool) -> PyResult<Option<(&'d [u8], &'d [u8])>> {
    if sep.is_empty() {
        return Err(raise!(ValueError, "empty separator"));
    }
    let found = if last { search::rfind(data, sep) } else { search::find(data, sep) };
    Ok(found.map(|at| (&data[..at], &data[at + sep.len()..])))
}

fn missing(data: &[u8], width: isize) -> PyResult<usize> {
    let missing = usize::try_from(width).unwrap_or(0).saturating_sub(data.len());
    if missing > 1 << 42 { Err(raise!(MemoryError)) } else { Ok(missing) }
}

fn padded(data: &[u8], left: usize, right: usize, fill: u8) -> Vec<u8> {
    let mut out = vec![fill; left];
    out.extend_from_slice(data);
    out.resize(left + data.len() + right, fill);
    out
}

/// `ljust`, `rjust` and `center`: the data stand at the side given.
pub fn justify(data: &[u8], width: isize, fill: u8, side: Side) -> PyResult<Vec<u8>> {
    let missing = missing(data, width)?;
    let left = match side {
        Side::Left => 0,
        Side::Right => missing,
        Side::Both => missing / 2 + (missing & width.unsigned_abs() & 1),
    };
    Ok(padded(data, left, missing - left, fill))
}

/// The fill byte argument of the justifying methods.
pub fn fill_byte(fill: Option<&Obj>, function: &str) -> PyResult<u8> {
    let Some(fill) = fill else { return Ok(b' ') };
    let (class, data) = match (fill.downcast::<Bytes>(), bytes::bytes_or_bytearray(fill)) {
        (Some(_), Some(data)) => ("bytes", data),
        (None, Some(data)) => ("bytearray", data),
        _ => {
            return Err(raise!(
                TypeError,
                "{function}() argument 2 must be a byte string of length 1, not {}",
                crate::args::type_name_for_message(fill)
            ));
        }
    };
    match data.as_slice() {
        [byte] => Ok(*byte),
        more => Err(raise!(
            TypeError,
            "{function}(): argument 2 must be a byte string of length 1, not a {class} object of length {}",
            more.len()
        )),
    }
}

pub fn zfill(data: &[u8], width: isize) -> PyResult<Vec<u8>> {
    let missing = missing(data, width)?;
    let mut out = padded(data, missing, 0, b'0');
    if missing > 0 && matches!(data.first(), Some(b'+' | b'-')) {
        out.swap(0, missing);
    }
    Ok(out)
}

pub fn expandtabs(data: &[u8], tabsize: i32) -> PyResult<Vec<u8>> {
    let tab = usize::try_from(tabsize).unwrap_or(0);
    let (mut out, mut column) = (Vec::with_capacity(data.len()), 0);
    for &byte in data {
        if byte != b'\t' {
            out.push(byte);
            column = if byte == b'\n' || byte == b'\r' { 0 } else { column + 1 };
        } else if tab > 0 {
            let count = tab - column % tab;
            if out.len() + count > 1 << 42 {
                return Err(raise!(OverflowError, "result too long"));
            }
            out.resize(out.len() + count, b' ');
            column += count;
        }
    }
    Ok(out)
}

pub fn capitalize(data: &[u8]) -> Vec<u8> {
    let mut out = data.to_ascii_lowercase();
    out.iter_mut().take(1).for_each(|b| b.make_ascii_uppercase());
    out
}

pub fn swapcase(data: &[u8]) -> Vec<u8> {
    data.iter().map(|b| if b.is_ascii_alphabetic() { b ^ 0x20 } else { *b }).collect()
}

pub fn title(data: &[u8]) -> Vec<u8> {
    let mut previous = false;
    let convert = |b: &u8| {
        let out = if previous { b.to_ascii_lowercase() } else { b.to_ascii_uppercase() };
        previous = b.is_ascii_alphabetic();
        out
    };
    data.iter().map(convert).collect()
}

pub fn all(data: &[u8], test: fn(&u8) -> bool) -> bool {
    !data.is_empty() && data.iter().all(test)
}

pub fn is_lower(data: &[u8]) -> bool {
    data.iter().any(u8::is_ascii_lowercase) && !data.iter().any(u8::is_ascii_uppercase)
}

pub fn is_upper(data: &[u8]) -> bool {
    data.iter().any(u8::is_ascii_uppercase) && !data.iter().any(u8::is_ascii_lowercase)
}

pub fn is_title(data: &[u8]) -> bool {
    let (mut cased, mut previous) = (false, false);
    for b in data {
        if b.is_ascii_uppercase() && previous || b.is_ascii_lowercase() && !previous {
            return false;
        }
        previous = b.is_ascii_alphabetic();
        cased |= previous;
    }
    cased
}

/// `translate`: bytes in `delete` are dropped, the rest mapped.
pub fn translate(data: &[u8], table: Option<&[u8]>, delete: &[u8]) -> PyResult<Vec<u8>> {
    if table.is_some_and(|t| t.len() != 256) {
        return Err(raise!(ValueError, "translation table must be 256 characters long"));
    }
    let mut drop = [false; 256];
    delete.iter().for_each(|&b| drop[b as usize] = true);
    let kept = data.iter().filter(|&&b| !drop[b as usize]);
    Ok(kept.map(|&b| table.map_or(b, |t| t[b as usize])).collect())
}

pub fn maketrans(from: &[u8], to: &[u8]) -> PyResult<Obj> {
    if from.len() != to.len() {
        return Err(raise!(ValueError, "maketrans arguments must have same length"));
    }
    let mut table: Vec<u8> = (0..=255).collect();
    from.iter().zip(to).for_each(|(&a, &b)| table[a as usize] = b);
    Ok(Bytes::from_vec(table).into_obj())
}

/// `startswith` and `endswith`.
pub fn has_affix(
    part: Option<&[u8]>,
    affix: &Obj,
    function: &str,
    matches: fn(&[u8], &[u8]) -> bool,
) -> PyResult<bool> {
    let test = |affix: &Obj| {
        let affix = BytesLike::new(affix)?;
        Ok(part.is_some_and(|part| matches(part, &affix)))
    };
    if let Some(affixes) = affix.downcast::<Tuple>() {
        for affix in affixes.items() {
            if test(affix)? {
                return Ok(true);
            }
        }
        return Ok(false);
    }
    if !buffer::has_buffer(affix) {
        return Err(raise!(
            TypeError,
            "{function} first arg must be bytes or a tuple of bytes, not {}",
            affix.class().name()
        ));
    }
    test(affix)
}

/// `sep.join(items)`
pub fn join(sep: &[u8], items: &[Obj]) -> PyResult<Vec<u8>> {
    let mut out = Vec::new();
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.extend_from_slice(sep);
        }
        if !buffer::has_buffer(item) {
            return Err(raise!(
                TypeError,
                "sequence item {i}: expected a bytes-like object, {} found",
                item.class().name()
            ));
        }
        out.extend_from_slice(&BytesLike::new(item)?);
    }
    Ok(out)
}

/// The text of `hex(sep, bytes_per_sep)`.
pub fn hex(data: &[u8], sep: Option<&Obj>, group: i32) -> PyResult<Ptr<Str>> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let sep = sep.map(separator).transpose()?;
    let size = group.unsigned_abs() as usize;
    let mut out = Vec::with_capacity(data.len() * 2);
    for (i, byte) in data.iter().enumerate() {
        // Groups count from the right if the size is positive.
        let place = if group < 0 { i } else { data.len() - i };
        if let Some(sep) = sep
            && i > 0
            && size > 0
            && place % size == 0
        {
            out.push(sep);
        }
        out.extend([DIGITS[(byte >> 4) as usize], DIGITS[(byte & 15) as usize]]);
    }
    Ok(Str::from_latin1(&out))
}

fn separator(sep: &Obj) -> PyResult<u8> {
    let length = crate::protocols::truth::len(sep)?;
    if length != 1 {
        return Err(raise!(ValueError, "sep must be length 1."));
    }
    let byte = match (sep.downcast::<Str>(), sep.downcast::<Bytes>()) {
        (Some(text), _) => text.get_char(0).unwrap_or(0x80),
        (_, Some(bytes)) => u32::from(bytes.as_slice()[0]),
        _ => return Err(raise!(TypeError, "sep must be str or bytes.")),
    };
    match u8::try_from(byte) {
        Ok(byte) if byte.is_ascii() || sep.downcast::<Bytes>().is_some() => Ok(byte),
        _ => Err(raise!(ValueError, "sep must be ASCII.")),
    }
}

/// `fromhex`
pub fn from_hex(source: &Obj) -> PyResult<Vec<u8>> {
    let bad = |i: usize| raise!(ValueError, "non-hexadecimal number found in fromhex() arg at position {i}");
    let text: Vec<u8> = match source.downcast::<Str>() {
        Some(text) => match text.code_points().position(|c| c >= 0x80) {
            Some(i) => return Err(bad(i)),
            None => text.raw_bytes().to_vec(),
        },
        None if buffer::has_buffer(source) => BytesLike::new(source)?.to_vec(),
        None => {
            return Err(raise!(
                TypeError,
                "fromhex() argument must be str or bytes-like, not {}",
                crate::args::type_name_for_message(source)
            ));
        }
    };
    let (mut out, mut i) = (Vec::with_capacity(text.len() / 2), 0);
    let digit = |i: usize| text.get(i).and_then(|&b| (b as char).to_digit(16));
    while i < text.len() {
        if is_space(text[i]) {
            i += 1;
            continue;
        }
        let Some(high) = digit(i) else {
            return Err(bad(i));
        };
        let Some(low) = digit(i + 1) else {
            if i + 1 == text.len() {
                return Err(raise!(ValueError, "fromhex() arg must contain an even number of hexadecimal digits"));
            }
            return Err(bad(i + 1));
        };
        out.push((high * 16 + low) as u8);
        i += 2;
    }
    Ok(out)
}

/// The arguments of `bytes(…)` and `bytearray(…)` as data, `__bytes__` aside.
pub fn source_bytes(
    source: Option<&Obj>,
    encoding: Option<&str>,
    errors: Option<&str>,
    class: &str,
) -> PyResult<Vec<u8>> {
    let text = source.and_then(|s| s.downcast::<Str>());
    match (text, encoding, errors) {
        (None, Some(_), _) => return Err(raise!(TypeError, "encoding without a string argument")),
        (None, None, Some(_)) => return Err(raise!(TypeError, "errors without a string argument")),
        (Some(_), None, None) => {
            return Err(raise!(TypeError, "string argument without an encoding"));
        }
        (Some(text), _, _) => {
            let encoded = crate::protocols::codecs::encode(text, encoding, errors)?;
            return Ok(bytes::bytes_or_bytearray(&encoded).unwrap_or_default());
        }
        (None, None, None) => {}
    }
    let Some(source) = source else {
        return Ok(Vec::new());
    };
    if number::has_index(source) {
        let count = match number::as_ssize(source, true) {
            Ok(count) => count,
            // Objects that are more than an index are asked otherwise.
            Err(raised)
                if raised.matches(<crate::objects::exceptions::TypeError as crate::object::PyClass>::class()) =>
            {
                raised.discard();
                return bytes::from_buffer_or_iterable(source, class);
            }
            Err(raised) => return Err(raised),
        };
        let Ok(count) = usize::try_from(count) else {
            return Err(raise!(ValueError, "negative count"));
        };
        if count > 1 << 42 {
            return Err(raise!(MemoryError));
        }
        return Ok(vec![0; count]);
    }
    bytes::from_buffer_or_iterable(source, class)
}

/// The bytes that `%b` shows.
pub fn percent_bytes(obj: &Obj) -> PyResult<Vec<u8>> {
    if let Some(data) = bytes::bytes_or_bytearray(obj) {
        return Ok(data);
    }
    if let Some(result) = bytes::by_method(obj)? {
        return Ok(bytes::bytes_or_bytearray(&result).unwrap_or_default());
    }
    match bytes::contiguous(obj)? {
        Some(data) => Ok(data),
        None => Err(raise!(
            TypeError,
            "%b requires a bytes-like object, or an object that implements __bytes__, not '{}'",
            obj.class().name()
        )),
    }
}

/// The methods that `bytes` and `bytearray` have in common. The class gives its data as `view(&self)` and
/// makes new objects with `make(&[u8])`.
#[macro_export]
macro_rules! byte_string_methods {
    ($ty:ident, $part:ident) => {
        #[pymethods(part = $part)]
        impl $ty {
            /// Copy of the object with only its first character capitalized (ASCII)
            /// and the rest lower-cased.
            #[pymethod]
            fn capitalize(&self) -> Obj {
                $ty::make(&byte_string::capitalize(self.view()))
            }

            /// Return a centered string of length width.
            ///
            /// Padding is done using the specified fill character.
            #[pymethod(sig = "(width, fillchar=b' ', /)")]
            fn center(&self, width: isize, fillchar: Maybe<&Obj>) -> PyResult<Obj> {
                let fill = byte_string::fill_byte(fillchar.0, "center")?;
                Ok($ty::make(&byte_string::justify(self.view(), width, fill, Side::Both)?))
            }

            /// Return the number of non-overlapping occurrences of subsection 'sub' in bytes B[start:end].
            ///
            ///   start
            ///     Optional start position. Default: start of the bytes.
            ///   end
            ///     Optional stop position. Default: end of the bytes.
            #[pymethod(text_signature = "($self, sub[, start[, end]], /)")]
            fn count(&self, sub: Needle<'_>, start: Maybe<Option<&Obj>>, end: Maybe<Option<&Obj>>) -> PyResult<usize> {
                let bounds = Bounds::new(start.0.flatten(), end.0.flatten())?;
                let data = self.view();
                Ok(bounds.clip(data.len()).map_or(0, |(start, end)| search::count(&data[start..end], sub.as_slice())))
            }

            /// Decode the bytes using the codec registered for encoding.
            ///
            ///   encoding
            ///     The encoding with which to decode the bytes.
            ///   errors
            ///     What to do about errors: 'strict' (the default) raises a
            ///     UnicodeDecodeError; 'ignore', 'replace' and any name registered
            ///     with codecs.register_error can be given as well.
            #[pymethod(sig = "(encoding='utf-8', errors='strict')")]
            fn decode(this: &Object<$ty>, encoding: Maybe<String>, errors: Maybe<String>) -> PyResult<Obj> {
                let text = codecs::decode(this.view(), &this.as_obj(), encoding.0.as_deref(), errors.0.as_deref())?;
                Ok(text.into_obj())
            }

            /// Return True if the bytes ends with the specified suffix, False otherwise.
            ///
            ///   suffix
            ///     A bytes or a tuple of bytes to try.
            ///   start
            ///     Optional start position. Default: start of the bytes.
            ///   end
            ///     Optional stop position. Default: end of the bytes.
            #[pymethod(text_signature = "($self, suffix[, start[, end]], /)")]
            fn endswith(&self, suffix: &Obj, start: Maybe<Option<&Obj>>, end: Maybe<Option<&Obj>>) -> PyResult<bool> {
                let bounds = Bounds::new(start.0.flatten(), end.0.flatten())?;
                let data = self.view();
                let part = bounds.clip(data.len()).map(|(start, end)| &data[start..end]);
                byte_string::has_affix(part, suffix, "endswith", |part, affix| part.ends_with(affix))
            }

            /// Return a copy where all tab characters are expanded using spaces.
            ///
            /// If tabsize is not given, a tab size of 8 characters is assumed.
            #[pymethod(sig = "(tabsize=8)")]
            fn expandtabs(&self, tabsize: i32) -> PyResult<Obj> {
                Ok($ty::make(&byte_string::expandtabs(self.view(), tabsize)?))
            }

            /// Return the lowest index in B where subsection 'sub' is found, such that 'sub' is contained within B[start,end].
            ///
            ///   start
            ///     Optional start position. Default: start of the bytes.
            ///   end
            ///     Optional stop position. Default: end of the bytes.
            ///
            /// Return -1 on failure.
            #[pymethod(text_signature = "($self, sub[, start[, end]], /)")]
            fn find(&self, sub: Needle<'_>, start: Maybe<Option<&Obj>>, end: Maybe<Option<&Obj>>) -> PyResult<i64> {
                Ok(self.find_between(&sub, start, end, false)?.map_or(-1, |i| i as i64))
            }

            /// Create a string of hexadecimal numbers from the object.
            ///
            ///   sep
            ///     An optional single character or byte to separate hex bytes.
            ///   bytes_per_sep
            ///     How many bytes between separators.  Positive values count from
            ///     the right, negative values count from the left.
            #[pymethod(sig = "(sep=<unrepresentable>, bytes_per_sep=1)")]
            fn hex(&self, sep: Maybe<&Obj>, bytes_per_sep: i32) -> PyResult<Obj> {
                Ok(byte_string::hex(self.view(), sep.0, bytes_per_sep)?.into_obj())
            }

            /// Return the lowest index in B where subsection 'sub' is found, such that 'sub' is contained within B[start,end].
            ///
            ///   start
            ///     Optional start position. Default: start of the bytes.
            ///   end
            ///     Optional stop position. Default: end of the bytes.
            ///
            /// Raise ValueError if the subsection is not found.
            #[pymethod(text_signature = "($self, sub[, start[, end]], /)")]
            fn index(&self, sub: Needle<'_>, start: Maybe<Option<&Obj>>, end: Maybe<Option<&Obj>>) -> PyResult<usize> {
                self.find_between(&sub, start, end, false)?.ok_or_else(|| raise!(ValueError, "subsection not found"))
            }

            /// True if all characters are alphanumeric and there is at least one character.
            #[pymethod]
            fn isalnum(&self) -> bool {
                byte_string::all(self.view(), u8::is_ascii_alphanumeric)
            }

            /// True if all characters are alphabetic and there is at least one character.
            #[pymethod]
            fn isalpha(&self) -> bool {
                byte_string::all(self.view(), u8::is_ascii_alphabetic)
            }

            /// True if the object is empty or all its characters are ASCII.
            #[pymethod]
            fn isascii(&self) -> bool {
                self.view().is_ascii()
            }

            /// True if all characters are digits and there is at least one character.
            #[pymethod]
            fn isdigit(&self) -> bool {
                byte_string::all(self.view(), u8::is_ascii_digit)
            }

            /// True if all cased characters are lowercase and there is at least one.
            #[pymethod]
            fn islower(&self) -> bool {
                byte_string::is_lower(self.view())
            }

            /// True if all characters are whitespace and there is at least one character.
            #[pymethod]
            fn isspace(&self) -> bool {
                byte_string::all(self.view(), |&b| byte_string::is_space(b))
            }

            /// True if the object is titlecased: uppercase characters only follow uncased
            /// characters and lowercase characters only cased ones.
            #[pymethod]
            fn istitle(&self) -> bool {
                byte_string::is_title(self.view())
            }

            /// True if all cased characters are uppercase and there is at least one.
            #[pymethod]
            fn isupper(&self) -> bool {
                byte_string::is_upper(self.view())
            }

            /// Concatenate any number of bytes-like objects.
            ///
            /// The object whose method is called is inserted in between each pair.
            ///
            /// Example: b'.'.join([b'ab', b'pq', b'rs']) -> b'ab.pq.rs'.
            #[pymethod(sig = "(iterable_of_bytes, /)")]
            fn join(&self, iterable: &Obj) -> PyResult<Obj> {
                if !iter::is_iterable(iterable) {
                    return Err(raise!(TypeError, "can only join an iterable"));
                }
                let items = iter::collect(iterable)?;
                Ok($ty::make(&byte_string::join(&self.view().to_vec(), &items)?))
            }

            /// Return a left-justified string of length width.
            ///
            /// Padding is done using the specified fill character.
            #[pymethod(sig = "(width, fillchar=b' ', /)")]
            fn ljust(&self, width: isize, fillchar: Maybe<&Obj>) -> PyResult<Obj> {
                let fill = byte_string::fill_byte(fillchar.0, "ljust")?;
                Ok($ty::make(&byte_string::justify(self.view(), width, fill, Side::Left)?))
            }

            /// Copy of the object with all ASCII characters converted to lowercase.
            #[pymethod]
            fn lower(&self) -> Obj {
                $ty::make(&self.view().to_ascii_lowercase())
            }

            /// Strip leading bytes contained in the argument.
            ///
            /// If the argument is omitted or None, strip leading ASCII whitespace.
            #[pymethod(sig = "(bytes=None, /)")]
            fn lstrip(&self, bytes: Option<BytesLike<'_>>) -> Obj {
                $ty::make(byte_string::strip(self.view(), bytes.as_deref(), Side::Left))
            }

            /// Return a translation table usable for the bytes or bytearray translate method.
            ///
            /// The returned table maps each byte in frm to the byte at the same
            /// position in to; both must have the same length.
            #[staticmethod(sig = "(frm, to, /)")]
            fn maketrans(frm: BytesLike<'_>, to: BytesLike<'_>) -> PyResult<Obj> {
                byte_string::maketrans(&frm, &to)
            }

            /// Partition the bytes into three parts using the given separator.
            ///
            /// Returns the part before the first separator, the separator itself, and
            /// the part after it; or the whole and two empty objects if the separator
            /// is not found.
            #[pymethod]
            fn partition(this: &Object<$ty>, sep: BytesLike<'_>) -> PyResult<Obj> {
                Ok(match byte_string::partition(this.view(), &sep, false)? {
                    Some((before, after)) => $ty::triple($ty::make(before), $ty::make(&sep), $ty::make(after)),
                    None => $ty::triple($ty::same(this), $ty::make(&[]), $ty::make(&[])),
                })
            }

            /// Return a copy with all occurrences of substring old replaced by new.
            ///
            ///   count
            ///     Maximum number of occurrences to replace.
            ///     -1 (the default value) means replace all occurrences.
            #[pymethod(sig = "(old, new, count=-1, /)")]
            fn replace(&self, old: BytesLike<'_>, new: BytesLike<'_>, count: isize) -> Obj {
                $ty::make(&byte_string::replace(self.view(), &old, &new, count))
            }

            /// Return an object with the given prefix string removed if present.
            ///
            /// If the bytes does not start with the prefix, return a copy.
            #[pymethod]
            fn removeprefix(this: &Object<$ty>, prefix: BytesLike<'_>) -> Obj {
                match this.view().strip_prefix(&*prefix) {
                    Some(rest) if !prefix.is_empty() => $ty::make(rest),
                    _ => $ty::same(this),
                }
            }

            /// Return an object with the given suffix string removed if present.
            ///
            /// If the bytes does not end with the suffix, return a copy.
            #[pymethod]
            fn removesuffix(this: &Object<$ty>, suffix: BytesLike<'_>) -> Obj {
                match this.view().strip_suffix(&*suffix) {
                    Some(rest) if !suffix.is_empty() => $ty::make(rest),
                    _ => $ty::same(this),
                }
            }

            /// Return the highest index in B where subsection 'sub' is found, such that 'sub' is contained within B[start,end].
            ///
            ///   start
            ///     Optional start position. Default: start of the bytes.
            ///   end
            ///     Optional stop position. Default: end of the bytes.
            ///
            /// Return -1 on failure.
            #[pymethod(text_signature = "($self, sub[, start[, end]], /)")]
            fn rfind(&self, sub: Needle<'_>, start: Maybe<Option<&Obj>>, end: Maybe<Option<&Obj>>) -> PyResult<i64> {
                Ok(self.find_between(&sub, start, end, true)?.map_or(-1, |i| i as i64))
            }

            /// Return the highest index in B where subsection 'sub' is found, such that 'sub' is contained within B[start,end].
            ///
            ///   start
            ///     Optional start position. Default: start of the bytes.
            ///   end
            ///     Optional stop position. Default: end of the bytes.
            ///
            /// Raise ValueError if the subsection is not found.
            #[pymethod(text_signature = "($self, sub[, start[, end]], /)")]
            fn rindex(&self, sub: Needle<'_>, start: Maybe<Option<&Obj>>, end: Maybe<Option<&Obj>>) -> PyResult<usize> {
                self.find_between(&sub, start, end, true)?.ok_or_else(|| raise!(ValueError, "subsection not found"))
            }

            /// Return a right-justified string of length width.
            ///
            /// Padding is done using the specified fill character.
            #[pymethod(sig = "(width, fillchar=b' ', /)")]
            fn rjust(&self, width: isize, fillchar: Maybe<&Obj>) -> PyResult<Obj> {
                let fill = byte_string::fill_byte(fillchar.0, "rjust")?;
                Ok($ty::make(&byte_string::justify(self.view(), width, fill, Side::Right)?))
            }

            /// Partition the bytes into three parts using the given separator.
            ///
            /// Returns the part before the last separator, the separator itself, and
            /// the part after it; or two empty objects and the whole if the separator
            /// is not found.
            #[pymethod]
            fn rpartition(this: &Object<$ty>, sep: BytesLike<'_>) -> PyResult<Obj> {
                Ok(match byte_string::partition(this.view(), &sep, true)? {
                    Some((before, after)) => $ty::triple($ty::make(before), $ty::make(&sep), $ty::make(after)),
                    None => $ty::triple($ty::make(&[]), $ty::make(&[]), $ty::same(this)),
                })
            }

            /// Return a list of the sections in the bytes, using sep as the delimiter.
            ///
            ///   sep
            ///     The delimiter. None (the default value) means split on ASCII
            ///     whitespace (space, tab, return, newline, formfeed, vertical tab).
            ///   maxsplit
            ///     Maximum number of splits to do.
            ///     -1 (the default value) means no limit.
            ///
            /// Splitting is done starting at the end of the bytes and working to
            /// the front.
            #[pymethod(sig = "(sep=None, maxsplit=-1)")]
            fn rsplit(&self, sep: Option<BytesLike<'_>>, maxsplit: isize) -> PyResult<Obj> {
                let parts = byte_string::rsplit(self.view(), sep.as_deref(), maxsplit)?;
                Ok(List::from_vec(parts.into_iter().map($ty::make).collect()).into_obj())
            }

            /// Strip trailing bytes contained in the argument.
            ///
            /// If the argument is omitted or None, strip trailing ASCII whitespace.
            #[pymethod(sig = "(bytes=None, /)")]
            fn rstrip(&self, bytes: Option<BytesLike<'_>>) -> Obj {
                $ty::make(byte_string::strip(self.view(), bytes.as_deref(), Side::Right))
            }

            /// Return a list of the sections in the bytes, using sep as the delimiter.
            ///
            ///   sep
            ///     The delimiter. None (the default value) means split on ASCII
            ///     whitespace (space, tab, return, newline, formfeed, vertical tab).
            ///   maxsplit
            ///     Maximum number of splits to do.
            ///     -1 (the default value) means no limit.
            #[pymethod(sig = "(sep=None, maxsplit=-1)")]
            fn split(&self, sep: Option<BytesLike<'_>>, maxsplit: isize) -> PyResult<Obj> {
                let parts = byte_string::split(self.view(), sep.as_deref(), maxsplit)?;
                Ok(List::from_vec(parts.into_iter().map($ty::make).collect()).into_obj())
            }

            /// Return a list of the lines in the bytes, breaking at line boundaries.
            ///
            /// Line breaks are not included in the resulting list unless keepends
            /// is given and true.
            #[pymethod(sig = "(keepends=False)")]
            fn splitlines(&self, keepends: bool) -> Obj {
                let lines = byte_string::splitlines(self.view(), keepends);
                List::from_vec(lines.into_iter().map($ty::make).collect()).into_obj()
            }

            /// Return True if the bytes starts with the specified prefix, False otherwise.
            ///
            ///   prefix
            ///     A bytes or a tuple of bytes to try.
            ///   start
            ///     Optional start position. Default: start of the bytes.
            ///   end
            ///     Optional stop position. Default: end of the bytes.
            #[pymethod(text_signature = "($self, prefix[, start[, end]], /)")]
            fn startswith(&self, prefix: &Obj, start: Maybe<Option<&Obj>>, end: Maybe<Option<&Obj>>) -> PyResult<bool> {
                let bounds = Bounds::new(start.0.flatten(), end.0.flatten())?;
                let data = self.view();
                let part = bounds.clip(data.len()).map(|(start, end)| &data[start..end]);
                byte_string::has_affix(part, prefix, "startswith", |part, affix| part.starts_with(affix))
            }

            /// Strip leading and trailing bytes contained in the argument.
            ///
            /// If the argument is omitted or None, strip leading and trailing ASCII
            /// whitespace.
            #[pymethod(sig = "(bytes=None, /)")]
            fn strip(&self, bytes: Option<BytesLike<'_>>) -> Obj {
                $ty::make(byte_string::strip(self.view(), bytes.as_deref(), Side::Both))
            }

            /// Copy of the object with uppercase ASCII characters converted
            /// to lowercase ASCII and vice versa.
            #[pymethod]
            fn swapcase(&self) -> Obj {
                $ty::make(&byte_string::swapcase(self.view()))
            }

            /// Titlecased version of the object: ASCII words start with
            /// uppercase characters, all remaining cased characters have lowercase.
            #[pymethod]
            fn title(&self) -> Obj {
                $ty::make(&byte_string::title(self.view()))
            }

            /// Return a copy with each character mapped by the given translation table.
            ///
            ///   table
            ///     Translation table, which must be a bytes object of length 256.
            ///
            /// All characters occurring in the optional argument delete are
            /// removed.  The remaining characters are mapped through the table.
            #[pymethod(sig = "(table, /, delete=b'')")]
            fn translate(&self, table: Option<BytesLike<'_>>, delete: Maybe<BytesLike<'_>>) -> PyResult<Obj> {
                let delete = delete.0.as_deref().unwrap_or(&[]);
                Ok($ty::make(&byte_string::translate(self.view(), table.as_deref(), delete)?))
            }

            /// Copy of the object with all ASCII characters converted to uppercase.
            #[pymethod]
            fn upper(&self) -> Obj {
                $ty::make(&self.view().to_ascii_uppercase())
            }

            /// Pad a numeric string with zeros on the left, to fill a field of the given width.
            ///
            /// The original string is never truncated.
            #[pymethod]
            fn zfill(&self, width: isize) -> PyResult<Obj> {
                Ok($ty::make(&byte_string::zfill(self.view(), width)?))
            }
        }

        impl $ty {
            fn triple(a: Obj, b: Obj, c: Obj) -> Obj {
                Tuple::from_vec(vec![a, b, c]).into_obj()
            }

            fn find_between(
                &self,
                sub: &Needle<'_>,
                start: Maybe<Option<&Obj>>,
                end: Maybe<Option<&Obj>>,
                last: bool,
            ) -> PyResult<Option<usize>> {
                let bounds = Bounds::new(start.0.flatten(), end.0.flatten())?;
                let data = self.view();
                let Some((start, end)) = bounds.clip(data.len()) else {
                    return Ok(None);
                };
                let (part, sub) = (&data[start..end], sub.as_slice());
                let found = if last { search::rfind(part, sub) } else { search::find(part, sub) };
                Ok(found.map(|i| i + start))
            }
        }
    };
}
