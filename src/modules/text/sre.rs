//! `_sre`: compiled regular expressions, matches and scanners, on the engine of the `sre` crate.

use std::cell::{Cell, RefCell};

use pyrs_macros::{pyclass, pymethods, pymodule};
use pyrs_runtime::args::Maybe;
use pyrs_runtime::call;
use pyrs_runtime::errors::{PyResult, Raised};
use pyrs_runtime::hooks::hooks;
use pyrs_runtime::object::{Obj, Object, Ptr};
use pyrs_runtime::objects::bytes::Bytes;
use pyrs_runtime::objects::dict::Dict;
use pyrs_runtime::objects::generic_alias::GenericAlias;
use pyrs_runtime::objects::iter::callable_iterator;
use pyrs_runtime::objects::list::List;
use pyrs_runtime::objects::mapping_proxy::MappingProxy;
use pyrs_runtime::objects::singletons::{bool_obj, none, not_implemented};
use pyrs_runtime::objects::str::{Str, StrData};
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::objects::{byte_string, int, str_methods};
use pyrs_runtime::protocols::buffer::{BytesLike, has_buffer};
use pyrs_runtime::protocols::{attr, compare, number, text};
use pyrs_runtime::types::Type;
use pyrs_runtime::types::slots::CompareOp;
use pyrs_runtime::{name, raise};
use pyrs_sre::{CharTables, CodeUnit, MatchError, Matcher};
use pyrs_unicode::properties;

/// The character tables of the whole runtime.
static TABLES: CharTables = CharTables {
    is_decimal: properties::is_decimal,
    is_space: properties::is_space,
    is_alnum: properties::is_alnum,
    is_linebreak: properties::is_line_break,
    to_lower: properties::to_lower,
    to_upper: properties::to_upper,
    // SAFETY: the functions of the C library take any unsigned char.
    locale_is_alnum: |c| unsafe { libc::isalnum(i32::from(c)) != 0 },
    // SAFETY: as above.
    locale_to_lower: |c| unsafe { libc::tolower(i32::from(c)) as u8 },
    // SAFETY: as above.
    locale_to_upper: |c| unsafe { libc::toupper(i32::from(c)) as u8 },
};

/// Spans of the whole match and of the groups.
#[derive(Clone, Debug)]
struct Spans {
    groups: Vec<Option<(usize, usize)>>,
    lastindex: Option<usize>,
}

impl Spans {
    fn start(&self) -> usize {
        self.groups[0].map_or(0, |s| s.0)
    }

    fn end(&self) -> usize {
        self.groups[0].map_or(0, |s| s.1)
    }
}

/// What a pattern is applied to.
enum Subject<'a> {
    Text(&'a Object<Str>),
    Bytes { object: &'a Obj, data: BytesLike<'a> },
}

impl<'a> Subject<'a> {
    fn new(string: &'a Obj) -> PyResult<Subject<'a>> {
        if let Some(text) = string.downcast::<Str>() {
            return Ok(Subject::Text(text));
        }
        if !has_buffer(string) {
            return Err(raise!(TypeError, "expected string or bytes-like object, got '{}'", string.class().name()));
        }
        Ok(Subject::Bytes { object: string, data: BytesLike::new(string)? })
    }

    fn is_bytes(&self) -> bool {
        matches!(self, Subject::Bytes { .. })
    }

    fn len(&self) -> usize {
        match self {
            Subject::Text(text) => text.len(),
            Subject::Bytes { data, .. } => data.len(),
        }
    }

    /// A part of the subject as str or bytes.
    fn slice(&self, start: usize, end: usize) -> Obj {
        match self {
            Subject::Text(text) => str_methods::substring(text, start.min(text.len()), end.min(text.len())).into_obj(),
            Subject::Bytes { object, data } => {
                let part = &data[start.min(data.len())..end.min(data.len())];
                if part.len() == data.len() && object.exact::<Bytes>().is_some() {
                    return (*object).clone();
                }
                Bytes::new(part).into_obj()
            }
        }
    }

    /// The part that a group matched, or `default`.
    fn group(&self, span: Option<(usize, usize)>, default: &Obj) -> Obj {
        span.map_or_else(|| default.clone(), |(start, end)| self.slice(start, end))
    }

    /// The parts joined to one str or bytes.
    fn join(&self, parts: Vec<Obj>) -> PyResult<Obj> {
        match self {
            Subject::Text(_) => str_methods::join(name!(""), &parts).map(Ptr::into_obj),
            Subject::Bytes { .. } => Ok(Bytes::from_vec(byte_string::join(&[], &parts)?).into_obj()),
        }
    }
}

/// How a pattern is to be applied.
#[derive(Copy, Clone, PartialEq)]
enum Mode {
    Match,
    Full,
    Search,
}

/// The part of a subject in use.
#[derive(Copy, Clone)]
struct Window {
    start: usize,
    end: usize,
    must_advance: bool,
}

impl Window {
    fn new(length: usize, pos: isize, endpos: isize) -> Window {
        let clip = |i: isize| i.clamp(0, length as isize) as usize;
        Window { start: clip(pos), end: clip(endpos), must_advance: false }
    }
}

fn failed(error: MatchError) -> Raised {
    match error {
        MatchError::Interrupted => Raised::pending(),
        MatchError::OutOfMemory => raise!(MemoryError),
    }
}

/// Applies a pattern once.
fn run_once<T: CodeUnit>(
    pattern: &pyrs_sre::Pattern,
    data: &[T],
    mode: Mode,
    window: Window,
) -> PyResult<Option<Spans>> {
    let mut interrupted = || (hooks().check_signals)().map_err(Raised::leave_pending).is_err();
    let mut matcher = Matcher::new(pattern, data);
    matcher.set_interrupt_hook(&mut interrupted);
    matcher.set_must_advance(window.must_advance);
    let found = match mode {
        Mode::Match => matcher.match_at(window.start, window.end),
        Mode::Full => matcher.fullmatch(window.start, window.end),
        Mode::Search => matcher.search(window.start, window.end),
    };
    Ok(found.map_err(failed)?.then(|| spans(&matcher, pattern)))
}

fn spans<T: CodeUnit>(matcher: &Matcher<'_, '_, T>, pattern: &pyrs_sre::Pattern) -> Spans {
    Spans {
        groups: (0..=pattern.groups() as usize).map(|g| matcher.span(g)).collect(),
        lastindex: matcher.lastindex().map(|i| i as usize),
    }
}

/// Calls `f` with every match that does not overlap; `f` returns false to stop.
fn run_all<T: CodeUnit>(
    pattern: &pyrs_sre::Pattern,
    data: &[T],
    mut window: Window,
    f: &mut dyn FnMut(Spans) -> PyResult<bool>,
) -> PyResult<()> {
    let mut interrupted = || (hooks().check_signals)().map_err(Raised::leave_pending).is_err();
    let mut matcher = Matcher::new(pattern, data);
    matcher.set_interrupt_hook(&mut interrupted);
    while window.start <= window.end {
        matcher.set_must_advance(window.must_advance);
        if !matcher.search(window.start, window.end).map_err(failed)? {
            break;
        }
        let found = spans(&matcher, pattern);
        window.must_advance = found.start() == found.end();
        window.start = found.end();
        if !f(found)? {
            break;
        }
    }
    Ok(())
}

/// Compiled regular expression object.
#[pyclass(name = "Pattern", module = "re", weaklist, flags = DISALLOW_INSTANTIATION)]
pub struct Pattern {
    pattern: Obj,
    flags: i32,
    groupindex: Ptr<Dict>,
    indexgroup: Ptr<Tuple>,
    /// Whether it applies to bytes; `None` for a pattern that was compiled from None.
    is_bytes: Option<bool>,
    /// Boxed: its search tables are aligned more strictly than objects are.
    engine: Box<pyrs_sre::Pattern>,
}

impl Pattern {
    fn groups(&self) -> usize {
        self.engine.groups() as usize
    }

    fn subject<'a>(&self, string: &'a Obj) -> PyResult<Subject<'a>> {
        let subject = Subject::new(string)?;
        match (self.is_bytes, subject.is_bytes()) {
            (Some(false), true) => Err(raise!(TypeError, "cannot use a string pattern on a bytes-like object")),
            (Some(true), false) => Err(raise!(TypeError, "cannot use a bytes pattern on a string-like object")),
            _ => Ok(subject),
        }
    }

    fn once(&self, subject: &Subject<'_>, mode: Mode, window: Window) -> PyResult<Option<Spans>> {
        match subject {
            Subject::Bytes { data, .. } => run_once(&self.engine, data, mode, window),
            Subject::Text(text) => match text.data() {
                StrData::One(d) => run_once(&self.engine, d, mode, window),
                StrData::Two(d) => run_once(&self.engine, d, mode, window),
                StrData::Four(d) => run_once(&self.engine, d, mode, window),
            },
        }
    }

    fn all(&self, subject: &Subject<'_>, window: Window, f: &mut dyn FnMut(Spans) -> PyResult<bool>) -> PyResult<()> {
        match subject {
            Subject::Bytes { data, .. } => run_all(&self.engine, data, window, f),
            Subject::Text(text) => match text.data() {
                StrData::One(d) => run_all(&self.engine, d, window, f),
                StrData::Two(d) => run_all(&self.engine, d, window, f),
                StrData::Four(d) => run_all(&self.engine, d, window, f),
            },
        }
    }

    fn apply(this: &Object<Pattern>, string: &Obj, pos: isize, endpos: isize, mode: Mode) -> PyResult<Obj> {
        let subject = this.subject(string)?;
        let window = Window::new(subject.len(), pos, endpos);
        Ok(match this.once(&subject, mode, window)? {
            Some(spans) => Match::make(this, string, window, spans),
            None => none(),
        })
    }

    fn make_scanner(this: &Object<Pattern>, string: &Obj, pos: isize, endpos: isize) -> PyResult<Obj> {
        let subject = this.subject(string)?;
        let window = Window::new(subject.len(), pos, endpos);
        let scanner =
            Scanner { pattern: this.to_ptr(), string: string.clone(), window: Cell::new(Some(window)), whole: window };
        Ok(Ptr::new(scanner).into_obj())
    }

    /// `sub` and `subn`: the new string and the number of replacements.
    fn substitute(this: &Object<Pattern>, repl: &Obj, string: &Obj, count: isize) -> PyResult<(Obj, usize)> {
        let replacement = Replacement::new(this, repl)?;
        let subject = this.subject(string)?;
        let window = Window::new(subject.len(), 0, isize::MAX);
        let limit = if count == 0 { usize::MAX } else { usize::try_from(count).unwrap_or(0) };
        let (mut parts, mut done, mut at) = (Vec::new(), 0, 0);
        if limit > 0 {
            this.all(&subject, window, &mut |spans| {
                if at < spans.start() {
                    parts.push(subject.slice(at, spans.start()));
                }
                at = spans.end();
                done += 1;
                replacement.push(this, string, &subject, window, spans, &mut parts)?;
                Ok(done < limit)
            })?;
        }
        if done == 0 {
            return Ok((subject.slice(0, subject.len()), 0));
        }
        if at < subject.len() {
            parts.push(subject.slice(at, subject.len()));
        }
        Ok((subject.join(parts)?, done))
    }
}

/// What `sub` puts in place of a match.
enum Replacement {
    Literal(Obj),
    Template(Ptr<Template>),
    Function(Obj),
}

impl Replacement {
    fn new(pattern: &Object<Pattern>, repl: &Obj) -> PyResult<Replacement> {
        if repl.class().slots().call.is_some() {
            return Ok(Replacement::Function(repl.clone()));
        }
        let literal = match (repl.downcast::<Str>(), repl.downcast::<Bytes>()) {
            (Some(text), _) => text.code_points().all(|c| c != 0x5c),
            (_, Some(bytes)) => !bytes.as_slice().contains(&b'\\'),
            _ => false,
        };
        if literal {
            return Ok(Replacement::Literal(repl.clone()));
        }
        let compiled = compile_template(pattern, repl)?;
        Ok(match compiled.into_ptr::<Template>() {
            Ok(template) if template.chunks.is_empty() => Replacement::Literal(template.literal.clone()),
            Ok(template) => Replacement::Template(template),
            Err(other) => Replacement::Literal(other),
        })
    }

    fn push(
        &self,
        pattern: &Object<Pattern>,
        string: &Obj,
        subject: &Subject<'_>,
        window: Window,
        spans: Spans,
        parts: &mut Vec<Obj>,
    ) -> PyResult<()> {
        match self {
            Replacement::Literal(text) => parts.push(text.clone()),
            Replacement::Template(template) => template.push(subject, &spans, parts)?,
            Replacement::Function(function) => {
                let result = call::call(function, &[Match::make(pattern, string, window, spans)])?;
                if !result.is_none() {
                    parts.push(result);
                }
            }
        }
        Ok(())
    }
}

fn compile_template(pattern: &Object<Pattern>, template: &Obj) -> PyResult<Obj> {
    let module = (hooks().import_module)("re")?;
    let function = attr::getattr_text(&module, "_compile_template")?;
    call::call(&function, &[pattern.to_obj(), template.clone()])
}

/// Names of the flags that `repr` shows, in its order.
const FLAGS: [(i32, &str); 7] = [
    (2, "re.IGNORECASE"),
    (8, "re.MULTILINE"),
    (16, "re.DOTALL"),
    (64, "re.VERBOSE"),
    (128, "re.DEBUG"),
    (256, "re.ASCII"),
    (4, "re.LOCALE"),
];

#[pymethods]
impl Pattern {
    #[slot(repr)]
    fn repr(&self) -> PyResult<Obj> {
        let pattern: String = text::repr_text(&self.pattern)?.chars().take(200).collect();
        let mut flags = self.flags;
        // Unicode is the default of str patterns.
        if self.is_bytes != Some(true) && flags & (4 | 32 | 256) == 32 {
            flags &= !32;
        }
        let mut names = Vec::new();
        for (bit, flag) in FLAGS {
            if flags & bit != 0 {
                flags &= !bit;
                names.push(flag.to_owned());
            }
        }
        if flags != 0 {
            names.push(format!("{flags:#x}"));
        }
        let separator = if names.is_empty() { "" } else { ", " };
        Ok(Str::new(&format!("re.compile({pattern}{separator}{})", names.join("|"))).into_obj())
    }

    #[slot(hash)]
    fn hash(&self) -> PyResult<i64> {
        let mut hash = compare::hash(&self.pattern)?;
        for &word in self.engine.code() {
            hash = hash.wrapping_mul(1_000_003) ^ i64::from(word);
        }
        hash ^= i64::from(self.flags) ^ self.is_bytes.map_or(2, i64::from) ^ self.groups() as i64;
        Ok(if hash == -1 { -2 } else { hash })
    }

    #[slot(richcompare)]
    fn compare(a: &Obj, b: &Obj, op: CompareOp) -> PyResult<Obj> {
        let (CompareOp::Eq | CompareOp::Ne, Some(a), Some(b)) = (op, a.exact::<Pattern>(), b.exact::<Pattern>()) else {
            return Ok(not_implemented());
        };
        let equal = std::ptr::eq(a, b)
            || a.flags == b.flags
                && a.is_bytes == b.is_bytes
                && a.engine.code() == b.engine.code()
                && compare::equal(&a.pattern, &b.pattern)?;
        Ok(bool_obj(equal == (op == CompareOp::Eq)))
    }

    /// Matches zero or more characters at the beginning of the string.
    #[pymethod(name = "match", sig = "(string, pos=0, endpos=sys.maxsize)")]
    fn match_start(this: &Object<Pattern>, string: &Obj, pos: isize, endpos: isize) -> PyResult<Obj> {
        Pattern::apply(this, string, pos, endpos, Mode::Match)
    }

    /// Matches against all of the string.
    #[pymethod(sig = "(string, pos=0, endpos=sys.maxsize)")]
    fn fullmatch(this: &Object<Pattern>, string: &Obj, pos: isize, endpos: isize) -> PyResult<Obj> {
        Pattern::apply(this, string, pos, endpos, Mode::Full)
    }

    /// Scan through string looking for a match, and return a corresponding match object instance.
    ///
    /// Return None if no position in the string matches.
    #[pymethod(sig = "(string, pos=0, endpos=sys.maxsize)")]
    fn search(this: &Object<Pattern>, string: &Obj, pos: isize, endpos: isize) -> PyResult<Obj> {
        Pattern::apply(this, string, pos, endpos, Mode::Search)
    }

    /// Return the string obtained by replacing the leftmost non-overlapping occurrences of pattern in string by the replacement repl.
    #[pymethod(sig = "(repl, string, count=0)")]
    fn sub(this: &Object<Pattern>, repl: &Obj, string: &Obj, count: isize) -> PyResult<Obj> {
        Pattern::substitute(this, repl, string, count).map(|r| r.0)
    }

    /// Return the tuple (new_string, number_of_subs_made) found by replacing the leftmost non-overlapping occurrences of pattern with the replacement repl.
    #[pymethod(sig = "(repl, string, count=0)")]
    fn subn(this: &Object<Pattern>, repl: &Obj, string: &Obj, count: isize) -> PyResult<(Obj, usize)> {
        Pattern::substitute(this, repl, string, count)
    }

    /// Return a list of all non-overlapping matches of pattern in string.
    #[pymethod(sig = "(string, pos=0, endpos=sys.maxsize)")]
    fn findall(&self, string: &Obj, pos: isize, endpos: isize) -> PyResult<Obj> {
        let subject = self.subject(string)?;
        let empty = subject.slice(0, 0);
        let mut found = Vec::new();
        self.all(&subject, Window::new(subject.len(), pos, endpos), &mut |spans| {
            found.push(match spans.groups.as_slice() {
                [whole] => subject.group(*whole, &empty),
                [_, only] => subject.group(*only, &empty),
                [_, groups @ ..] => {
                    Tuple::from_vec(groups.iter().map(|g| subject.group(*g, &empty)).collect()).into_obj()
                }
                [] => none(),
            });
            Ok(true)
        })?;
        Ok(List::from_vec(found).into_obj())
    }

    /// Split string by the occurrences of pattern.
    #[pymethod(sig = "(string, maxsplit=0)")]
    fn split(&self, string: &Obj, maxsplit: isize) -> PyResult<Obj> {
        let subject = self.subject(string)?;
        let limit = if maxsplit == 0 { usize::MAX } else { usize::try_from(maxsplit).unwrap_or(0) };
        let (mut parts, mut at, mut done) = (Vec::new(), 0, 0);
        if limit > 0 {
            self.all(&subject, Window::new(subject.len(), 0, isize::MAX), &mut |spans| {
                parts.push(subject.slice(at, spans.start()));
                parts.extend(spans.groups[1..].iter().map(|g| subject.group(*g, &none())));
                at = spans.end();
                done += 1;
                Ok(done < limit)
            })?;
        }
        parts.push(subject.slice(at, subject.len()));
        Ok(List::from_vec(parts).into_obj())
    }

    /// Return an iterator over all non-overlapping matches for the RE pattern in string.
    ///
    /// For each match, the iterator returns a match object.
    #[pymethod(sig = "(string, pos=0, endpos=sys.maxsize)")]
    fn finditer(this: &Object<Pattern>, string: &Obj, pos: isize, endpos: isize) -> PyResult<Obj> {
        let scanner = Pattern::make_scanner(this, string, pos, endpos)?;
        callable_iterator(&attr::getattr(&scanner, name!("search"))?, &none())
    }

    #[pymethod(sig = "(string, pos=0, endpos=sys.maxsize)")]
    fn scanner(this: &Object<Pattern>, string: &Obj, pos: isize, endpos: isize) -> PyResult<Obj> {
        Pattern::make_scanner(this, string, pos, endpos)
    }

    #[pymethod(name = "__copy__")]
    fn copy(this: &Object<Pattern>) -> Obj {
        this.to_obj()
    }

    #[pymethod(name = "__deepcopy__", sig = "(memo, /)")]
    fn deepcopy(this: &Object<Pattern>, _memo: &Obj) -> Obj {
        this.to_obj()
    }

    /// Patterns are generic over the type of string they handle (str or bytes)
    #[classmethod(name = "__class_getitem__", sig = "(object, /)")]
    fn class_getitem(cls: &Type, object: &Obj) -> PyResult<Obj> {
        GenericAlias::class_getitem(cls, object)
    }

    /// The pattern string from which the RE object was compiled.
    #[getter]
    fn pattern(&self) -> Obj {
        self.pattern.clone()
    }

    /// The regex matching flags.
    #[getter]
    fn flags(&self) -> i32 {
        self.flags
    }

    /// The number of capturing groups in the pattern.
    #[getter(name = "groups")]
    fn group_count(&self) -> usize {
        self.groups()
    }

    /// A dictionary mapping group names to group numbers.
    #[getter]
    fn groupindex(&self) -> Obj {
        MappingProxy::new(self.groupindex.to_obj()).into_obj()
    }
}

/// The result of re.match() and re.search().
/// Match objects always have a boolean value of True.
#[pyclass(name = "Match", module = "re", flags = DISALLOW_INSTANTIATION)]
pub struct Match {
    string: Obj,
    pattern: Ptr<Pattern>,
    pos: usize,
    endpos: usize,
    spans: Spans,
    /// The tuple that `regs` shows.
    regs: RefCell<Option<Obj>>,
}

impl Match {
    fn make(pattern: &Object<Pattern>, string: &Obj, window: Window, spans: Spans) -> Obj {
        Ptr::new(Match {
            string: string.clone(),
            pattern: pattern.to_ptr(),
            pos: window.start,
            endpos: window.end,
            spans,
            regs: RefCell::new(None),
        })
        .into_obj()
    }

    /// The number of the group that a number or name means.
    fn group_number(&self, key: &Obj) -> PyResult<usize> {
        let no_such_group = || raise!(IndexError, "no such group");
        let number = if number::has_index(key) {
            number::as_ssize(key, false)?
        } else {
            let known = match self.pattern.groupindex.get(key) {
                Ok(found) => found,
                Err(raised) => {
                    raised.discard();
                    None
                }
            };
            known.as_ref().and_then(int::to_i64).map_or(-1, |n| n as isize)
        };
        match usize::try_from(number) {
            Ok(n) if n < self.spans.groups.len() => Ok(n),
            _ => Err(no_such_group()),
        }
    }

    fn span_of(&self, group: Option<&Obj>) -> PyResult<(i64, i64)> {
        let number = group.map_or(Ok(0), |g| self.group_number(g))?;
        Ok(self.spans.groups[number].map_or((-1, -1), |(start, end)| (start as i64, end as i64)))
    }

    fn group_text(&self, number: usize, default: &Obj) -> PyResult<Obj> {
        match self.spans.groups[number] {
            None => Ok(default.clone()),
            span => Ok(Subject::new(&self.string)?.group(span, default)),
        }
    }
}

#[pymethods]
impl Match {
    #[slot(repr)]
    fn repr(&self) -> PyResult<Obj> {
        let (start, end) = (self.spans.start(), self.spans.end());
        let matched: String = text::repr_text(&self.group_text(0, &none())?)?.chars().take(50).collect();
        Ok(Str::new(&format!("<re.Match object; span=({start}, {end}), match={matched}>")).into_obj())
    }

    #[slot(getitem)]
    fn getitem(&self, key: &Obj) -> PyResult<Obj> {
        self.group_text(self.group_number(key)?, &none())
    }

    /// group([group1, ...]) -> str or tuple.
    ///     Return subgroup(s) of the match by indices or names.
    ///     For 0 returns the entire match.
    #[pymethod(sig = "(*args)", text_signature = "")]
    fn group(&self, args: &[Obj]) -> PyResult<Obj> {
        match args {
            [] => self.group_text(0, &none()),
            [only] => self.getitem(only),
            many => Ok(Tuple::from_vec(many.iter().map(|g| self.getitem(g)).collect::<PyResult<_>>()?).into_obj()),
        }
    }

    /// Return index of the start of the substring matched by group.
    #[pymethod(sig = "(group=0, /)")]
    fn start(&self, group: Maybe<&Obj>) -> PyResult<i64> {
        self.span_of(group.0).map(|s| s.0)
    }

    /// Return index of the end of the substring matched by group.
    #[pymethod(sig = "(group=0, /)")]
    fn end(&self, group: Maybe<&Obj>) -> PyResult<i64> {
        self.span_of(group.0).map(|s| s.1)
    }

    /// For match object m, return the 2-tuple (m.start(group), m.end(group)).
    #[pymethod(sig = "(group=0, /)")]
    fn span(&self, group: Maybe<&Obj>) -> PyResult<(i64, i64)> {
        self.span_of(group.0)
    }

    /// Return a tuple containing all the subgroups of the match, from 1.
    ///
    ///   default
    ///     Is used for groups that did not participate in the match.
    #[pymethod(sig = "(default=None)")]
    fn groups(&self, default: Maybe<&Obj>) -> PyResult<Obj> {
        let default = default.0.cloned().unwrap_or_else(none);
        let groups = (1..self.spans.groups.len()).map(|g| self.group_text(g, &default));
        Ok(Tuple::from_vec(groups.collect::<PyResult<_>>()?).into_obj())
    }

    /// Return a dictionary containing all the named subgroups of the match, keyed by the subgroup name.
    ///
    ///   default
    ///     Is used for groups that did not participate in the match.
    #[pymethod(sig = "(default=None)")]
    fn groupdict(&self, default: Maybe<&Obj>) -> PyResult<Obj> {
        let default = default.0.cloned().unwrap_or_else(none);
        let dict = Dict::new();
        for (name, number) in self.pattern.groupindex.entries() {
            dict.set(name, self.group_text(self.group_number(&number)?, &default)?)?;
        }
        Ok(dict.into_obj())
    }

    /// Return the string obtained by doing backslash substitution on the string template, as done by the sub() method.
    #[pymethod(sig = "(template)")]
    fn expand(&self, template: &Obj) -> PyResult<Obj> {
        let compiled = compile_template(&self.pattern, template)?;
        match compiled.into_ptr::<Template>() {
            Ok(template) => {
                let subject = Subject::new(&self.string)?;
                let mut parts = Vec::new();
                template.push(&subject, &self.spans, &mut parts)?;
                subject.join(parts)
            }
            Err(literal) => Ok(literal),
        }
    }

    #[pymethod(name = "__copy__")]
    fn copy(this: &Object<Match>) -> Obj {
        this.to_obj()
    }

    #[pymethod(name = "__deepcopy__", sig = "(memo, /)")]
    fn deepcopy(this: &Object<Match>, _memo: &Obj) -> Obj {
        this.to_obj()
    }

    /// Matches are generic over the type of string which was matched (str or bytes)
    #[classmethod(name = "__class_getitem__", sig = "(object, /)")]
    fn class_getitem(cls: &Type, object: &Obj) -> PyResult<Obj> {
        GenericAlias::class_getitem(cls, object)
    }

    /// The string passed to match() or search().
    #[getter]
    fn string(&self) -> Obj {
        self.string.clone()
    }

    /// The regular expression object.
    #[getter]
    fn re(&self) -> Obj {
        self.pattern.to_obj()
    }

    /// The index into the string at which the RE engine started looking for a match.
    #[getter]
    fn pos(&self) -> usize {
        self.pos
    }

    /// The index into the string beyond which the RE engine will not go.
    #[getter]
    fn endpos(&self) -> usize {
        self.endpos
    }

    /// The integer index of the last matched capturing group.
    #[getter]
    fn lastindex(&self) -> Option<usize> {
        self.spans.lastindex
    }

    /// The name of the last matched capturing group.
    #[getter]
    fn lastgroup(&self) -> Obj {
        let index = self.spans.lastindex;
        index.and_then(|i| self.pattern.indexgroup.items().get(i).cloned()).unwrap_or_else(none)
    }

    #[getter]
    fn regs(&self) -> Obj {
        let mut regs = self.regs.borrow_mut();
        let make = || {
            let bound = |span: Option<(usize, usize)>| span.map_or((-1, -1), |(a, b)| (a as i64, b as i64));
            let pair = |(a, b)| Tuple::from_vec(vec![int::new(a), int::new(b)]).into_obj();
            Tuple::from_vec(self.spans.groups.iter().map(|s| pair(bound(*s))).collect()).into_obj()
        };
        regs.get_or_insert_with(make).clone()
    }
}

/// Matches one after the other.
#[pyclass(name = "SRE_Scanner", module = "_sre", flags = DISALLOW_INSTANTIATION)]
pub struct Scanner {
    pattern: Ptr<Pattern>,
    string: Obj,
    /// What is left to look at; `None` once nothing matches any more.
    window: Cell<Option<Window>>,
    whole: Window,
}

impl Scanner {
    fn step(&self, mode: Mode) -> PyResult<Obj> {
        let Some(window) = self.window.get() else { return Ok(none()) };
        let subject = self.pattern.subject(&self.string)?;
        let found = self.pattern.once(&subject, mode, window)?;
        self.window.set(found.as_ref().map(|spans| Window {
            start: spans.end(),
            end: window.end,
            must_advance: spans.start() == spans.end(),
        }));
        Ok(found.map_or_else(none, |spans| Match::make(&self.pattern, &self.string, self.whole, spans)))
    }
}

#[pymethods]
impl Scanner {
    #[pymethod(name = "match")]
    fn match_next(&self) -> PyResult<Obj> {
        self.step(Mode::Match)
    }

    #[pymethod]
    fn search(&self) -> PyResult<Obj> {
        self.step(Mode::Search)
    }

    #[getter]
    fn pattern(&self) -> Obj {
        self.pattern.to_obj()
    }
}

/// A replacement template: literals and group numbers.
#[pyclass(name = "SRE_Template", module = "_sre", flags = DISALLOW_INSTANTIATION, parts())]
pub struct Template {
    literal: Obj,
    /// Group numbers, each with the literal behind it.
    chunks: Vec<(usize, Obj)>,
}

impl Template {
    /// Appends the template's parts for a match.
    fn push(&self, subject: &Subject<'_>, spans: &Spans, parts: &mut Vec<Obj>) -> PyResult<()> {
        let is_empty = |obj: &Obj| match (obj.downcast::<Str>(), obj.downcast::<Bytes>()) {
            (Some(text), _) => text.is_empty(),
            (_, Some(bytes)) => bytes.is_empty(),
            _ => false,
        };
        if !is_empty(&self.literal) {
            parts.push(self.literal.clone());
        }
        for (group, literal) in &self.chunks {
            match spans.groups.get(*group) {
                Some(Some((start, end))) => parts.push(subject.slice(*start, *end)),
                Some(None) => {}
                None => return Err(raise!(IndexError, "no such group")),
            }
            if !is_empty(literal) {
                parts.push(literal.clone());
            }
        }
        Ok(())
    }
}

/// The engine of regular expressions.
#[pymodule(name = "_sre", classes(super::Pattern, super::Match, super::Scanner, super::Template))]
pub mod module {
    use super::*;
    use pyrs_runtime::objects::module::Module;

    #[module_exec]
    fn exec(module: &Object<Module>) -> PyResult<()> {
        // The classes are reached through their instances.
        for class in ["Pattern", "Match", "SRE_Scanner", "SRE_Template"] {
            module.dict().remove_str(&Str::intern(class))?;
        }
        module.add("MAGIC", int::new(20230612));
        module.add("CODESIZE", int::new(4));
        module.add("MAXREPEAT", int::new(i64::from(u32::MAX)));
        module.add("MAXGROUPS", int::new(i64::from(i32::MAX / 2)));
        Ok(())
    }

    #[pyfunction]
    fn getcodesize() -> i32 {
        4
    }

    #[pyfunction]
    fn ascii_iscased(character: i32) -> bool {
        u8::try_from(character).is_ok_and(|c| c.is_ascii_alphabetic())
    }

    #[pyfunction]
    fn unicode_iscased(character: i32) -> bool {
        let c = character as u32;
        properties::to_lower(c) != c || properties::to_upper(c) != c
    }

    #[pyfunction]
    fn ascii_tolower(character: i32) -> i32 {
        u8::try_from(character).map_or(character, |c| i32::from(c.to_ascii_lowercase()))
    }

    #[pyfunction]
    fn unicode_tolower(character: i32) -> i32 {
        properties::to_lower(character as u32) as i32
    }

    #[pyfunction(sig = "(pattern, flags, code, groups, groupindex, indexgroup)")]
    fn compile(
        pattern: &Obj,
        flags: i32,
        code: &Object<List>,
        groups: isize,
        groupindex: &Object<Dict>,
        indexgroup: &Object<Tuple>,
    ) -> PyResult<Obj> {
        let word = |item: &Obj| -> PyResult<u32> {
            let index = number::index(item)?;
            match int::to_i64(&index).and_then(|n| u32::try_from(n).ok()) {
                Some(word) => Ok(word),
                None => Err(raise!(OverflowError, "regular expression code size limit exceeded")),
            }
        };
        let words: Vec<u32> = code.to_vec().iter().map(word).collect::<PyResult<_>>()?;
        let is_bytes = if pattern.is_none() { None } else { Some(Subject::new(pattern)?.is_bytes()) };
        let groups = u32::try_from(groups).map_err(|_| raise!(RuntimeError, "invalid SRE code"))?;
        let Ok(engine) = pyrs_sre::Pattern::new(words, groups, flags as u32, &TABLES) else {
            return Err(raise!(RuntimeError, "invalid SRE code"));
        };
        let pattern = Pattern {
            pattern: pattern.clone(),
            flags,
            groupindex: groupindex.to_ptr(),
            indexgroup: indexgroup.to_ptr(),
            is_bytes,
            engine: Box::new(engine),
        };
        Ok(Ptr::new(pattern).into_obj())
    }

    ///   template
    ///     A list containing interleaved literal strings (str or bytes) and group
    ///     indices (int), as returned by re._parser.parse_template():
    ///         literal1, group1, ..., literalN, groupN
    #[pyfunction(sig = "(pattern, template, /)")]
    fn template(pattern: &Obj, template: &Object<List>) -> PyResult<Obj> {
        let _ = pattern;
        let items = template.to_vec();
        let invalid = || raise!(TypeError, "invalid template");
        let Some((literal, rest)) = items.split_first().filter(|(_, rest)| rest.len() % 2 == 0) else {
            return Err(invalid());
        };
        let mut chunks = Vec::with_capacity(rest.len() / 2);
        for pair in rest.chunks_exact(2) {
            let group = number::as_ssize(&pair[0], true)?;
            chunks.push((usize::try_from(group).map_err(|_| invalid())?, pair[1].clone()));
        }
        Ok(Ptr::new(Template { literal: literal.clone(), chunks }).into_obj())
    }
}
