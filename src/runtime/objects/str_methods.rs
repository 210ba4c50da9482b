//! The slots of `str`, its constructor and iterator, and the methods that search, split and join.
//! Methods that look at characters are in `str_case`.

use std::cell::Cell;

use crate::args::Maybe;
use crate::call::Args;
use crate::class::ClassDef;
use crate::errors::PyResult;
use crate::object::{Obj, ObjCell, Object, Ptr, PyClass};
use crate::objects::bytes::Bytes;
use crate::objects::dict::Dict;
use crate::objects::indexing::{self, Bounds, Subscript};
use crate::objects::iter::reduce_iter;
use crate::objects::list::List;
use crate::objects::singletons::{bool_obj, none, not_implemented};
use crate::objects::str::{CLASS, Str, StrData};
use crate::objects::tuple::Tuple;
use crate::objects::{bytes, int, str_percent};
use crate::protocols::{codecs, iter, sequence, text};
use crate::types::slots::CompareOp;
use crate::types::{NativeLayout, Type, flags};
use crate::{raise, units};
use pyrs_macros::{pyclass, pymethods};
use pyrs_unicode::text_buffer::TextBuffer;
use pyrs_unicode::{properties, repr, search, text as algorithms};

impl Str {
    /// The definition that the class object is made from.
    pub fn def() -> &'static ClassDef {
        static DEF: ClassDef = ClassDef {
            name: "str",
            module: "builtins",
            doc: "str(object='') -> str\nstr(bytes_or_buffer[, encoding[, errors]]) -> str\n\nCreate a new string object from the \
                  given object. With an encoding or\nerrors, the object must expose a data buffer, which is decoded with\nthat \
                  encoding and error handler. Otherwise the result is that of\nobject.__str__() (if defined) or \
                  repr(object).\nencoding defaults to 'utf-8'.\nerrors defaults to 'strict'.",
            class: CLASS,
            base: crate::objects::object::object_class,
            flags: flags::BASETYPE | flags::UNICODE_SUBCLASS | flags::MATCH_SELF,
            basicsize: size_of::<Object<Str>>(),
            itemsize: 4,
            has_dict: false,
            has_weaklist: false,
            layout: NativeLayout::EMPTY,
            parts: &[&Str::PART, &Str::CHARACTERS],
            unhashable: false,
        };
        &DEF
    }
}

/// `a + b`
pub fn concat(a: &Object<Str>, b: &Object<Str>) -> Obj {
    if b.is_empty() && std::ptr::eq(a.class(), Str::class()) {
        return a.to_obj();
    }
    if a.is_empty() && std::ptr::eq(b.class(), Str::class()) {
        return b.to_obj();
    }
    Str::concat(&[a, b]).into_obj()
}

/// The string itself if it is an exact str, else a copy that is.
pub fn exact(text: &Object<Str>) -> Ptr<Str> {
    if std::ptr::eq(text.class(), Str::class()) { text.to_ptr() } else { Str::from_data(text.data()) }
}

/// The part between two positions.
pub fn substring(text: &Object<Str>, start: usize, end: usize) -> Ptr<Str> {
    if start == 0 && end == text.len() {
        return exact(text);
    }
    match text.data().slice(start, end) {
        StrData::One(bytes) if text.is_ascii() => Str::from_ascii(bytes),
        part => Str::from_data(part),
    }
}

/// Position of the first (or last) occurrence.
pub fn find(haystack: StrData<'_>, needle: StrData<'_>, last: bool) -> Option<usize> {
    units!(haystack, h => units!(needle, n => if last { search::rfind(h, n) } else { search::find(h, n) }))
}

/// As `find`, between `start` and `end` as given by the caller.
fn find_between(
    this: &Str,
    sub: &Str,
    start: Maybe<Option<&Obj>>,
    end: Maybe<Option<&Obj>>,
    last: bool,
) -> PyResult<Option<usize>> {
    if let (None, None) = (start.0, end.0) {
        return Ok(find(this.data(), sub.data(), last));
    }
    let Some((start, end)) = Bounds::new(start.0.flatten(), end.0.flatten())?.clip(this.len()) else {
        return Ok(None);
    };
    Ok(find(this.data().slice(start, end), sub.data(), last).map(|i| i + start))
}

/// Orders two texts by code points.
pub fn compare(a: &Str, b: &Str) -> std::cmp::Ordering {
    match (a.data(), b.data()) {
        (StrData::One(x), StrData::One(y)) => x.cmp(y),
        (x, y) => x.iter().cmp(y.iter()),
    }
}

/// All positions of `needle` that do not overlap, up to `limit`.
fn occurrences(haystack: StrData<'_>, needle: StrData<'_>, limit: usize) -> Vec<usize> {
    fn all<H: search::SearchUnit, N: algorithms::CodeUnit>(h: &[H], n: &[N], limit: usize) -> Vec<usize> {
        let (mut found, mut start) = (Vec::new(), 0);
        if let Some(finder) = search::Finder::new(n) {
            while found.len() < limit
                && let Some(at) = finder.find_from(h, start)
            {
                found.push(at);
                start = at + n.len();
            }
        }
        found
    }
    units!(haystack, h => units!(needle, n => all(h, n, limit)))
}

/// A text under construction that keeps bytes together while everything is Latin-1.
pub(crate) fn push_data(out: &mut TextBuffer, data: StrData<'_>) {
    match data {
        StrData::One(d) => out.push_latin1(d),
        StrData::Two(d) => out.push_units(d),
        StrData::Four(d) => out.push_units(d),
    }
}

/// `text.replace(old, new, count)`; a negative count means all.
pub fn replace(this: &Object<Str>, old: &Str, new: &Str, count: isize) -> Ptr<Str> {
    let limit = usize::try_from(count).unwrap_or(usize::MAX);
    let data = this.data();
    if old.is_empty() {
        if limit == 0 {
            return exact(this);
        }
        let mut out = TextBuffer::with_capacity(data.len() + new.len() * (data.len() + 1).min(limit));
        for (i, c) in data.iter().enumerate() {
            if i < limit {
                push_data(&mut out, new.data());
            }
            out.push(c);
        }
        if data.len() < limit {
            push_data(&mut out, new.data());
        }
        return Str::from_buffer(&out);
    }
    if let (StrData::One(text), StrData::One(&[from]), StrData::One(&[to])) = (data, old.data(), new.data())
        && limit >= text.len()
    {
        if !text.contains(&from) {
            return exact(this);
        }
        return Str::from_latin1(&text.iter().map(|&c| if c == from { to } else { c }).collect::<Vec<u8>>());
    }
    let found = occurrences(data, old.data(), limit);
    if found.is_empty() {
        return exact(this);
    }
    if let (StrData::One(text), StrData::One(new)) = (data, new.data()) {
        let mut out = Vec::with_capacity(text.len() - found.len() * old.len() + found.len() * new.len());
        let mut at = 0;
        for position in found {
            out.extend_from_slice(&text[at..position]);
            out.extend_from_slice(new);
            at = position + old.len();
        }
        out.extend_from_slice(&text[at..]);
        return Str::from_latin1(&out);
    }
    let mut out = TextBuffer::with_capacity(data.len());
    let mut at = 0;
    for position in found {
        push_data(&mut out, data.slice(at, position));
        push_data(&mut out, new.data());
        at = position + old.len();
    }
    push_data(&mut out, data.slice(at, data.len()));
    Str::from_buffer(&out)
}

/// `sep.join(items)`
pub fn join(separator: &Object<Str>, items: &[Obj]) -> PyResult<Ptr<Str>> {
    if let [only] = items
        && let Some(text) = only.exact::<Str>()
    {
        return Ok(text.to_ptr());
    }
    let mut parts: Vec<&Str> = Vec::with_capacity(items.len() * 2);
    for (i, item) in items.iter().enumerate() {
        let Some(text) = item.downcast::<Str>() else {
            return Err(raise!(TypeError, "sequence item {i}: expected str instance, {} found", item.class().name()));
        };
        if i > 0 && !separator.is_empty() {
            parts.push(separator);
        }
        parts.push(text);
    }
    Ok(Str::concat(&parts))
}

fn list_of_parts(this: &Object<Str>, parts: Vec<(usize, usize)>) -> Obj {
    List::from_vec(parts.into_iter().map(|(start, end)| substring(this, start, end).into_obj()).collect()).into_obj()
}

/// Gives the ranges of the words between white space to `part`, from the left.
fn split_space(data: StrData<'_>, limit: usize, part: &mut impl FnMut(usize, usize)) {
    units!(data, units => split_units(units, limit, part))
}

fn split_units<T: Copy + Into<u32>>(units: &[T], limit: usize, part: &mut impl FnMut(usize, usize)) {
    let is_space = |unit: T| match unit.into() {
        c @ 0..0x80 => matches!(c, 9..=13 | 28..=32),
        c => properties::is_space(c),
    };
    let mut at = 0;
    for count in 0.. {
        let Some(skipped) = units[at..].iter().position(|unit| !is_space(*unit)) else { return };
        let start = at + skipped;
        if count == limit {
            // The rest stays as it is, white space at its end included.
            return part(start, units.len());
        }
        at = units[start..].iter().position(|unit| is_space(*unit)).map_or(units.len(), |length| start + length);
        part(start, at);
    }
}

/// Ranges of the words between white space, from the right; in text order.
fn rsplit_space(data: StrData<'_>, limit: usize) -> Vec<(usize, usize)> {
    let (mut parts, mut at) = (Vec::new(), data.len());
    let is_space = |i: usize| properties::is_space(data.get(i));
    loop {
        while at > 0 && is_space(at - 1) {
            at -= 1;
        }
        if at == 0 {
            break;
        }
        let end = at;
        if parts.len() == limit {
            parts.push((0, end));
            break;
        }
        while at > 0 && !is_space(at - 1) {
            at -= 1;
        }
        parts.push((at, end));
    }
    parts.reverse();
    parts
}

/// Ranges of the parts between occurrences of a separator.
fn split_at(data: StrData<'_>, separator: &Str, limit: usize, part: &mut impl FnMut(usize, usize)) {
    let mut start = 0;
    for at in occurrences(data, separator.data(), limit) {
        part(start, at);
        start = at + separator.len();
    }
    part(start, data.len());
}

fn rsplit_at(data: StrData<'_>, separator: &Str, limit: usize) -> Vec<(usize, usize)> {
    let (mut end, mut parts) = (data.len(), Vec::new());
    while parts.len() < limit
        && let Some(at) = find(data.slice(0, end), separator.data(), true)
    {
        parts.push((at + separator.len(), end));
        end = at;
    }
    parts.push((0, end));
    parts.reverse();
    parts
}

fn separator(sep: Option<&Obj>) -> PyResult<Option<&Object<Str>>> {
    let Some(sep) = sep else { return Ok(None) };
    match sep.downcast::<Str>() {
        Some(text) if text.is_empty() => Err(raise!(ValueError, "empty separator")),
        Some(text) => Ok(Some(text)),
        None => Err(raise!(TypeError, "must be str or None, not {}", sep.class().name())),
    }
}

fn partition(this: &Object<Str>, sep: &Obj, last: bool) -> PyResult<Obj> {
    let Some(sep) = sep.downcast::<Str>() else {
        return Err(raise!(TypeError, "must be str, not {}", sep.class().name()));
    };
    if sep.is_empty() {
        return Err(raise!(ValueError, "empty separator"));
    }
    let parts = match find(this.data(), sep.data(), last) {
        Some(at) => {
            vec![substring(this, 0, at), sep.to_ptr(), substring(this, at + sep.len(), this.len())]
        }
        None if last => vec![Str::empty(), Str::empty(), exact(this)],
        None => vec![exact(this), Str::empty(), Str::empty()],
    };
    Ok(Tuple::from_vec(parts.into_iter().map(Ptr::into_obj).collect()).into_obj())
}

/// `startswith` and `endswith`.
fn has_affix(
    this: &Str,
    affix: &Obj,
    start: Maybe<Option<&Obj>>,
    end: Maybe<Option<&Obj>>,
    function: &str,
    matches: fn(StrData<'_>, StrData<'_>) -> bool,
) -> PyResult<bool> {
    if let (None, None, Some(affix)) = (start.0, end.0, affix.exact::<Str>()) {
        return Ok(matches(this.data(), affix.data()));
    }
    let bounds = Bounds::new(start.0.flatten(), end.0.flatten())?;
    let part = bounds.clip(this.len()).map(|(start, end)| this.data().slice(start, end));
    let test = |affix: &Str| part.is_some_and(|part| matches(part, affix.data()));
    if let Some(affixes) = affix.downcast::<Tuple>() {
        for affix in affixes.items() {
            let Some(affix) = affix.downcast::<Str>() else {
                return Err(raise!(
                    TypeError,
                    "tuple for {function} must only contain str, not {}",
                    affix.class().name()
                ));
            };
            if test(affix) {
                return Ok(true);
            }
        }
        return Ok(false);
    }
    match affix.downcast::<Str>() {
        Some(affix) => Ok(test(affix)),
        None => {
            Err(raise!(TypeError, "{function} first arg must be str or a tuple of str, not {}", affix.class().name()))
        }
    }
}

fn starts_with(text: StrData<'_>, prefix: StrData<'_>) -> bool {
    if let (StrData::One(text), StrData::One(prefix)) = (text, prefix) {
        return text.starts_with(prefix);
    }
    units!(text, t => units!(prefix, p => search::starts_with(t, p)))
}

fn ends_with(text: StrData<'_>, suffix: StrData<'_>) -> bool {
    if let (StrData::One(text), StrData::One(suffix)) = (text, suffix) {
        return text.ends_with(suffix);
    }
    units!(text, t => units!(suffix, s => search::ends_with(t, s)))
}

/// `str(object)`, `str(bytes, encoding, errors)`.
fn construct(object: Option<&Obj>, encoding: Option<&str>, errors: Option<&str>) -> PyResult<Ptr<Str>> {
    let Some(object) = object else {
        return Ok(Str::empty());
    };
    if encoding.is_none() && errors.is_none() {
        return text::str(object);
    }
    if object.is_instance_of::<Str>() {
        return Err(raise!(TypeError, "decoding str is not supported"));
    }
    match bytes::contiguous(object)? {
        Some(data) => codecs::decode(&data, object, encoding, errors),
        None => Err(raise!(TypeError, "decoding to str: need a bytes-like object, {} found", object.class().name())),
    }
}

#[pymethods]
impl Str {
    #[new(name = "str", sig = "(object='', encoding='utf-8', errors='strict')", text_signature = "")]
    fn new_object(cls: &Type, object: Maybe<&Obj>, encoding: Maybe<String>, errors: Maybe<String>) -> PyResult<Obj> {
        let result = construct(object.0, encoding.0.as_deref(), errors.0.as_deref())?;
        if std::ptr::eq(cls, Str::class()) {
            return Ok(result.into_obj());
        }
        Ok(Str::new_in(cls, result.data()).into_obj())
    }

    #[slot(repr)]
    fn repr(&self) -> PyResult<Obj> {
        Ok(Str::from_buffer(&units!(self.data(), u => repr::str_repr(u))).into_obj())
    }

    #[slot(str)]
    fn str(this: &Object<Str>) -> PyResult<Obj> {
        Ok(exact(this).into_obj())
    }

    #[slot(hash)]
    fn hash_slot(&self) -> PyResult<i64> {
        Ok(self.hash())
    }

    #[slot(richcompare)]
    fn compare(a: &Obj, b: &Obj, op: CompareOp) -> PyResult<Obj> {
        let (Some(a), Some(b)) = (a.downcast::<Str>(), b.downcast::<Str>()) else {
            return Ok(not_implemented());
        };
        Ok(bool_obj(match op {
            CompareOp::Eq => a.equals(b),
            CompareOp::Ne => !a.equals(b),
            _ => op.matches(compare(a, b)),
        }))
    }

    #[slot(iter)]
    fn iter(this: &Object<Str>) -> PyResult<Obj> {
        let (text, index) = (ObjCell::of(this.to_obj()), Cell::new(0));
        Ok(if this.is_ascii() {
            Ptr::new(AsciiIterator { text, index }).into_obj()
        } else {
            Ptr::new(StrIterator { text, index }).into_obj()
        })
    }

    #[slot(nb_remainder)]
    fn remainder(a: &Obj, b: &Obj) -> PyResult<Obj> {
        match a.downcast::<Str>() {
            Some(format) => str_percent::format(format, b),
            None => Ok(not_implemented()),
        }
    }

    #[slot(length)]
    fn length(&self) -> PyResult<usize> {
        Ok(self.len())
    }

    #[slot(getitem)]
    fn getitem(this: &Object<Str>, key: &Obj) -> PyResult<Obj> {
        match Subscript::new(key)? {
            Some(Subscript::Index(index)) => Str::item(this, index),
            Some(Subscript::Slice(slice)) => {
                let slice = slice.adjust(this.len());
                if let Some(part) = indexing::contiguous(slice) {
                    return Ok(substring(this, part.start, part.end).into_obj());
                }
                let data = this.data();
                Ok(Str::from_points(slice.positions().map(|i| data.get(i))).into_obj())
            }
            None => Err(raise!(TypeError, "string indices must be integers, not '{}'", key.class().name())),
        }
    }

    #[slot(sq_item)]
    fn item(this: &Object<Str>, index: isize) -> PyResult<Obj> {
        match indexing::position(index, this.len()) {
            Some(i) => Ok(Str::from_char(this.data().get(i)).into_obj()),
            None => Err(raise!(IndexError, "string index out of range")),
        }
    }

    #[slot(sq_concat)]
    fn concat_slot(this: &Object<Str>, other: &Obj) -> PyResult<Obj> {
        match other.downcast::<Str>() {
            Some(other) => Ok(concat(this, other)),
            None => Err(raise!(TypeError, "can only concatenate str (not \"{}\") to str", other.class().name())),
        }
    }

    #[slot(sq_repeat)]
    fn repeat(this: &Object<Str>, count: isize) -> PyResult<Obj> {
        let count = usize::try_from(count).unwrap_or(0);
        if count == 0 || this.is_empty() {
            return Ok(Str::empty().into_obj());
        }
        if count == 1 {
            return Ok(exact(this).into_obj());
        }
        if this.len().checked_mul(count).is_none_or(|n| n > isize::MAX as usize / 4) {
            return Err(raise!(OverflowError, "repeated string is too long"));
        }
        if this.len() * count > 1 << 42 {
            return Err(raise!(MemoryError));
        }
        Ok(match this.data() {
            StrData::One(d) => Str::from_latin1(&d.repeat(count)),
            StrData::Two(d) => Str::from_data(StrData::Two(&d.repeat(count))),
            StrData::Four(d) => Str::from_data(StrData::Four(&d.repeat(count))),
        }
        .into_obj())
    }

    #[slot(contains)]
    fn contains(&self, item: &Obj) -> PyResult<bool> {
        match item.downcast::<Str>() {
            Some(sub) => Ok(find(self.data(), sub.data(), false).is_some()),
            None => {
                Err(raise!(TypeError, "'in <string>' requires string as left operand, not {}", item.class().name()))
            }
        }
    }

    /// Encode the string using the codec registered for encoding.
    ///
    ///   encoding
    ///     The encoding in which to encode the string.
    ///   errors
    ///     What to do about characters that cannot be encoded: 'strict' (the
    ///     default) raises a UnicodeEncodeError; 'ignore', 'replace',
    ///     'xmlcharrefreplace' and any name registered with
    ///     codecs.register_error can be given as well.
    #[pymethod(sig = "(encoding='utf-8', errors='strict')")]
    fn encode(this: &Object<Str>, encoding: Maybe<String>, errors: Maybe<String>) -> PyResult<Obj> {
        match this.data() {
            StrData::One(bytes) if this.is_ascii() && encoding.0.is_none() && errors.0.is_none() => {
                Ok(Bytes::new(bytes).into_obj())
            }
            _ => codecs::encode(this, encoding.0.as_deref(), errors.0.as_deref()),
        }
    }

    /// Return a copy with all occurrences of substring old replaced by new.
    ///
    ///   count
    ///     Maximum number of occurrences to replace, counted from the start.
    ///     -1 (the default value) means replace all occurrences.
    #[pymethod(sig = "(old, new, /, count=-1)")]
    fn replace(this: &Object<Str>, old: &Object<Str>, new: &Object<Str>, count: isize) -> Ptr<Str> {
        replace(this, old, new, count)
    }

    /// Return a list of the substrings in the string, using sep as the separator string.
    ///
    ///   sep
    ///     The separator. None (the default value) splits at runs of whitespace
    ///     and drops empty strings from the result.
    ///   maxsplit
    ///     Maximum number of splits, counted from the left.
    ///     -1 (the default value) means no limit.
    ///
    /// str.split() is meant for data with intentional delimiters; for
    /// natural text with punctuation the regular expression module is better.
    #[pymethod(sig = "(sep=None, maxsplit=-1)")]
    fn split(this: &Object<Str>, sep: Option<&Obj>, maxsplit: isize) -> PyResult<Obj> {
        let limit = usize::try_from(maxsplit).unwrap_or(usize::MAX);
        // Room for a dozen at first, as in CPython.
        let mut parts = Vec::with_capacity(limit.min(11) + 1);
        let mut part = |start, end| parts.push(substring(this, start, end).into_obj());
        match separator(sep)? {
            Some(sep) => split_at(this.data(), sep, limit, &mut part),
            None => split_space(this.data(), limit, &mut part),
        }
        Ok(List::from_vec(parts).into_obj())
    }

    /// Return a list of the substrings in the string, using sep as the separator string.
    ///
    ///   sep
    ///     The separator. None (the default value) splits at runs of whitespace
    ///     and drops empty strings from the result.
    ///   maxsplit
    ///     Maximum number of splits, counted from the right.
    ///     -1 (the default value) means no limit.
    ///
    /// Splitting starts at the end of the string and works to the front.
    #[pymethod(sig = "(sep=None, maxsplit=-1)")]
    fn rsplit(this: &Object<Str>, sep: Option<&Obj>, maxsplit: isize) -> PyResult<Obj> {
        let limit = usize::try_from(maxsplit).unwrap_or(usize::MAX);
        Ok(list_of_parts(
            this,
            match separator(sep)? {
                Some(sep) => rsplit_at(this.data(), sep, limit),
                None => rsplit_space(this.data(), limit),
            },
        ))
    }

    /// Concatenate any number of strings.
    ///
    /// The string whose method is called stands between the given strings.
    /// The result is returned as a new string.
    ///
    /// Example: '.'.join(['ab', 'pq', 'rs']) -> 'ab.pq.rs'
    #[pymethod]
    fn join(this: &Object<Str>, iterable: &Obj) -> PyResult<Ptr<Str>> {
        // Joining runs no Python code, so that the items can be looked at where they are.
        if let Some(list) = iterable.exact::<List>() {
            return join(this, list.items());
        }
        if let Some(tuple) = iterable.exact::<Tuple>() {
            return join(this, tuple.items());
        }
        let slots = iterable.class().slots();
        if slots.iter.is_none() && slots.sq_item.is_none() && slots.getitem.is_none() {
            return Err(raise!(TypeError, "can only join an iterable"));
        }
        join(this, &iter::collect(iterable)?)
    }

    /// Return the number of non-overlapping occurrences of substring sub in string S[start:end].
    ///
    /// Optional arguments start and end are interpreted as in slice
    /// notation.
    #[pymethod(text_signature = "($self, sub[, start[, end]], /)")]
    fn count(&self, sub: &Object<Str>, start: Maybe<Option<&Obj>>, end: Maybe<Option<&Obj>>) -> PyResult<usize> {
        let bounds = Bounds::new(start.0.flatten(), end.0.flatten())?;
        let Some((start, end)) = bounds.clip(self.len()) else {
            return Ok(0);
        };
        Ok(units!(self.data().slice(start, end), h => units!(sub.data(), n => search::count(h, n))))
    }

    /// Return the lowest index in S where substring sub is found, such that sub is contained within S[start:end].
    ///
    /// Optional arguments start and end are interpreted as in slice
    /// notation.  Return -1 on failure.
    #[pymethod(text_signature = "($self, sub[, start[, end]], /)")]
    fn find(&self, sub: &Object<Str>, start: Maybe<Option<&Obj>>, end: Maybe<Option<&Obj>>) -> PyResult<i64> {
        Ok(find_between(self, sub, start, end, false)?.map_or(-1, |i| i as i64))
    }

    /// Return the highest index in S where substring sub is found, such that sub is contained within S[start:end].
    ///
    /// Optional arguments start and end are interpreted as in slice
    /// notation.  Return -1 on failure.
    #[pymethod(text_signature = "($self, sub[, start[, end]], /)")]
    fn rfind(&self, sub: &Object<Str>, start: Maybe<Option<&Obj>>, end: Maybe<Option<&Obj>>) -> PyResult<i64> {
        Ok(find_between(self, sub, start, end, true)?.map_or(-1, |i| i as i64))
    }

    /// Return the lowest index in S where substring sub is found, such that sub is contained within S[start:end].
    ///
    /// Optional arguments start and end are interpreted as in slice
    /// notation.  Raises ValueError when the substring is not found.
    #[pymethod(text_signature = "($self, sub[, start[, end]], /)")]
    fn index(&self, sub: &Object<Str>, start: Maybe<Option<&Obj>>, end: Maybe<Option<&Obj>>) -> PyResult<usize> {
        find_between(self, sub, start, end, false)?.ok_or_else(|| raise!(ValueError, "substring not found"))
    }

    /// Return the highest index in S where substring sub is found, such that sub is contained within S[start:end].
    ///
    /// Optional arguments start and end are interpreted as in slice
    /// notation.  Raises ValueError when the substring is not found.
    #[pymethod(text_signature = "($self, sub[, start[, end]], /)")]
    fn rindex(&self, sub: &Object<Str>, start: Maybe<Option<&Obj>>, end: Maybe<Option<&Obj>>) -> PyResult<usize> {
        find_between(self, sub, start, end, true)?.ok_or_else(|| raise!(ValueError, "substring not found"))
    }

    /// Partition the string into three parts using the given separator.
    ///
    /// Returns the part before the first separator, the separator itself, and
    /// the part after it.
    ///
    /// If the separator is not found, returns a 3-tuple containing the
    /// original string and two empty strings.
    #[pymethod]
    fn partition(this: &Object<Str>, sep: &Obj) -> PyResult<Obj> {
        partition(this, sep, false)
    }

    /// Partition the string into three parts using the given separator.
    ///
    /// Returns the part before the last separator, the separator itself, and
    /// the part after it.
    ///
    /// If the separator is not found, returns a 3-tuple containing two
    /// empty strings and the original string.
    #[pymethod]
    fn rpartition(this: &Object<Str>, sep: &Obj) -> PyResult<Obj> {
        partition(this, sep, true)
    }

    /// Return a list of the lines in the string, breaking at line boundaries.
    ///
    /// Line breaks are not included in the resulting list unless keepends
    /// is given and true.
    #[pymethod(sig = "(keepends=False)")]
    fn splitlines(this: &Object<Str>, keepends: bool) -> Obj {
        let lines: Vec<_> = units!(this.data(), u => algorithms::split_lines(u).collect());
        list_of_parts(
            this,
            lines.into_iter().map(|(start, end, next)| (start, if keepends { next } else { end })).collect(),
        )
    }

    /// Return True if the string starts with the specified prefix, False otherwise.
    ///
    ///   prefix
    ///     A string or a tuple of strings to try.
    ///   start
    ///     Optional start position. Default: start of the string.
    ///   end
    ///     Optional stop position. Default: end of the string.
    #[pymethod(text_signature = "($self, prefix[, start[, end]], /)")]
    fn startswith(&self, prefix: &Obj, start: Maybe<Option<&Obj>>, end: Maybe<Option<&Obj>>) -> PyResult<bool> {
        has_affix(self, prefix, start, end, "startswith", starts_with)
    }

    /// Return True if the string ends with the specified suffix, False otherwise.
    ///
    ///   suffix
    ///     A string or a tuple of strings to try.
    ///   start
    ///     Optional start position. Default: start of the string.
    ///   end
    ///     Optional stop position. Default: end of the string.
    #[pymethod(text_signature = "($self, suffix[, start[, end]], /)")]
    fn endswith(&self, suffix: &Obj, start: Maybe<Option<&Obj>>, end: Maybe<Option<&Obj>>) -> PyResult<bool> {
        has_affix(self, suffix, start, end, "endswith", ends_with)
    }

    /// Return a str with the given prefix string removed if present.
    ///
    /// If the string starts with the prefix string, return
    /// string[len(prefix):].  Otherwise, return a copy of the original
    /// string.
    #[pymethod]
    fn removeprefix(this: &Object<Str>, prefix: &Object<Str>) -> Ptr<Str> {
        let start = if starts_with(this.data(), prefix.data()) { prefix.len() } else { 0 };
        substring(this, start, this.len())
    }

    /// Return a str with the given suffix string removed if present.
    ///
    /// If the string ends with the suffix string and that suffix is not
    /// empty, return string[:-len(suffix)].  Otherwise, return a copy of
    /// the original string.
    #[pymethod]
    fn removesuffix(this: &Object<Str>, suffix: &Object<Str>) -> Ptr<Str> {
        let cut = if ends_with(this.data(), suffix.data()) { suffix.len() } else { 0 };
        substring(this, 0, this.len() - cut)
    }

    /// Return a formatted version of the string, using substitutions from args and kwargs.
    ///
    /// The substitutions are identified by braces ('{' and '}').
    #[pymethod(text_signature = "($self, /, *args, **kwargs)")]
    fn format(this: &Object<Str>, args: Args<'_>) -> PyResult<Obj> {
        crate::objects::str_format::format(this, args)
    }

    /// Return a formatted version of the string, using substitutions from mapping.
    ///
    /// The substitutions are identified by braces ('{' and '}').
    #[pymethod]
    fn format_map(this: &Object<Str>, mapping: &Obj) -> PyResult<Obj> {
        crate::objects::str_format::format_map(this, mapping)
    }

    /// Return a formatted version of the string as described by format_spec.
    #[pymethod(name = "__format__")]
    fn format_spec(this: &Object<Str>, format_spec: &Object<Str>) -> PyResult<Obj> {
        crate::objects::str_format::format_str(this, format_spec)
    }

    /// Return the size of the string in memory, in bytes.
    #[pymethod(name = "__sizeof__")]
    fn sizeof(this: &Object<Str>) -> usize {
        let fixed = if this.is_ascii() { 40 } else { 56 };
        let managed = if this.class().has_managed_slots() { this.class().managed_size() } else { 0 };
        fixed + (this.len() + 1) * this.kind() + managed
    }

    #[pymethod(name = "__getnewargs__")]
    fn getnewargs(&self) -> Obj {
        Tuple::from_vec(vec![Str::from_data(self.data()).into_obj()]).into_obj()
    }

    /// Return a translation table usable for str.translate().
    ///
    /// A single argument must be a dictionary that maps ordinals or single
    /// characters to ordinals, strings or None.  With two arguments, strings of
    /// equal length, each character of the first is mapped to the one at the same
    /// place in the second.  The characters of a third string are mapped to None.
    #[staticmethod(sig = "(x, y=<unrepresentable>, z=<unrepresentable>, /)")]
    fn maketrans(x: &Obj, y: Maybe<&Object<Str>>, z: Maybe<&Object<Str>>) -> PyResult<Obj> {
        let table = Dict::new();
        let Some(to) = y.0 else {
            let Some(source) = x.exact::<Dict>().or_else(|| x.downcast::<Dict>()) else {
                return Err(raise!(TypeError, "if you give only one argument to maketrans it must be a dict"));
            };
            for (key, value) in source.entries() {
                table.set(translation_key(&key)?, value)?;
            }
            return Ok(table.into_obj());
        };
        let Some(from) = x.downcast::<Str>() else {
            return Err(raise!(TypeError, "first maketrans argument must be a string if there is a second argument"));
        };
        if from.len() != to.len() {
            return Err(raise!(ValueError, "the first two maketrans arguments must have equal length"));
        }
        for (a, b) in from.code_points().zip(to.code_points()) {
            table.set(int::new(a as i64), int::new(b as i64))?;
        }
        for c in z.0.into_iter().flat_map(|z| z.code_points()) {
            table.set(int::new(c as i64), none())?;
        }
        Ok(table.into_obj())
    }

    /// Replace each character in the string using the given translation table.
    ///
    ///   table
    ///     A mapping of Unicode ordinals to Unicode ordinals, strings, or None,
    ///     such as str.maketrans() makes.
    ///
    /// Characters that the table raises LookupError for stay as they are;
    /// characters mapped to None are deleted.
    #[pymethod]
    fn translate(this: &Object<Str>, table: &Obj) -> PyResult<Ptr<Str>> {
        let mut out = TextBuffer::with_capacity(this.len());
        let mut seen: Vec<Option<Option<Obj>>> = vec![None; 128];
        for c in this.code_points() {
            let known = seen.get(c as usize).cloned().flatten();
            let mapped = match known {
                Some(mapped) => mapped,
                None => translate_one(table, c)?,
            };
            push_mapped(&mut out, c, mapped.as_ref())?;
            if let Some(slot) = seen.get_mut(c as usize) {
                *slot = Some(mapped);
            }
        }
        Ok(Str::from_buffer(&out))
    }
}

fn translation_key(key: &Obj) -> PyResult<Obj> {
    if let Some(text) = key.downcast::<Str>() {
        return match text.get_char(0) {
            Some(c) if text.len() == 1 => Ok(int::new(c as i64)),
            _ => Err(raise!(ValueError, "string keys in translatetable must be of length 1")),
        };
    }
    if int::is_int(key) {
        return Ok(key.clone());
    }
    Err(raise!(TypeError, "keys in translate table mustbe strings or integers"))
}

/// What the table says about a character; `None` if it does not know it.
fn translate_one(table: &Obj, c: u32) -> PyResult<Option<Obj>> {
    let key = int::new(c as i64);
    if let Some(dict) = table.exact::<Dict>() {
        return dict.get(&key);
    }
    let found = sequence::getitem(table, &key);
    crate::errors::unless_raised(found, crate::objects::exceptions::LookupError::class())
}

fn push_mapped(out: &mut TextBuffer, c: u32, mapped: Option<&Obj>) -> PyResult<()> {
    let Some(mapped) = mapped else {
        out.push(c);
        return Ok(());
    };
    if let Some(text) = mapped.downcast::<Str>() {
        push_data(out, text.data());
    } else if int::is_int(mapped) {
        match int::to_i64(mapped).and_then(|n| u32::try_from(n).ok()).filter(|&n| n < 0x110000) {
            Some(c) => out.push(c),
            None => {
                return Err(raise!(ValueError, "character mapping must be in range(0x110000)"));
            }
        }
    } else if !mapped.is_none() {
        return Err(raise!(TypeError, "character mapping must return integer, None or str"));
    }
    Ok(())
}

macro_rules! iterators {
    ($($(#[$doc:meta])* $ty:ident $class:literal;)*) => { $(
        $(#[$doc])*
        #[pyclass(name = $class, flags = DISALLOW_INSTANTIATION)]
        pub struct $ty {
            /// The string; empty once the iterator is exhausted.
            text: ObjCell,
            index: Cell<usize>,
        }

        #[pymethods]
        impl $ty {
            #[slot(iter)]
            fn iter(this: &Obj) -> PyResult<Obj> {
                Ok(this.clone())
            }

            #[slot(iternext)]
            fn next(&self) -> PyResult<Option<Obj>> {
                let text = self.text.peek();
                if text.is_null() {
                    return Ok(None);
                }
                let i = self.index.get();
                // SAFETY: the cell holds a string, which stays alive while it is looked at: nothing else runs.
                match unsafe { text.as_obj().downcast_unchecked::<Str>() }.get_char(i) {
                    Some(c) => {
                        self.index.set(i + 1);
                        Ok(Some(Str::from_char(c).into_obj()))
                    }
                    None => {
                        self.text.set(None);
                        Ok(None)
                    }
                }
            }

            /// Private method returning an estimate of len(list(it)).
            #[pymethod(name = "__length_hint__")]
            fn length_hint(&self) -> usize {
                let text = self.text.get();
                let length = text.and_then(|t| t.downcast::<Str>().map(|t| t.len())).unwrap_or(0);
                length.saturating_sub(self.index.get())
            }

            /// Return state information for pickling.
            #[pymethod(name = "__reduce__")]
            fn reduce(&self) -> PyResult<Obj> {
                match self.text.get() {
                    Some(text) => reduce_iter("iter", text, Some(int::new(self.index.get() as i64))),
                    None => reduce_iter("iter", Str::empty().into_obj(), None),
                }
            }

            /// Set state information for unpickling.
            #[pymethod(name = "__setstate__")]
            fn setstate(&self, state: isize) -> PyResult<()> {
                if let Some(text) = self.text.get() {
                    let length = text.downcast::<Str>().map_or(0, |t| t.len());
                    self.index.set(usize::try_from(state).unwrap_or(0).min(length));
                }
                Ok(())
            }
        }
    )* };
}

iterators! {
    #[doc = ""]
    StrIterator "str_iterator";
    #[doc = ""]
    AsciiIterator "str_ascii_iterator";
}
