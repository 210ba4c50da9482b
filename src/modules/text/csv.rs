//! `_csv`: reading and writing of comma-separated values.

use std::cell::Cell;

use pyrs_macros::{pyclass, pymethods, pymodule};
use pyrs_runtime::args::type_name_for_message;
use pyrs_runtime::call::{self, Args};
use pyrs_runtime::errors::{self, PyResult, Raised};
use pyrs_runtime::object::{Obj, Object, Ptr, PyClass};
use pyrs_runtime::objects::dict::Dict;
use pyrs_runtime::objects::list::List;
use pyrs_runtime::objects::singletons::none;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::{exceptions, int};
use pyrs_runtime::protocols::{attr, iter, number, text, truth};
use pyrs_runtime::raise;
use pyrs_runtime::thread::runtime;
use pyrs_runtime::types::Type;

const QUOTE_MINIMAL: i64 = 0;
const QUOTE_ALL: i64 = 1;
const QUOTE_NONNUMERIC: i64 = 2;
const QUOTE_NONE: i64 = 3;
const QUOTE_STRINGS: i64 = 4;
const QUOTE_NOTNULL: i64 = 5;

/// The longest field that is read.
static FIELD_LIMIT: std::sync::atomic::AtomicI64 = std::sync::atomic::AtomicI64::new(128 << 10);

fn field_limit() -> i64 {
    FIELD_LIMIT.load(std::sync::atomic::Ordering::Relaxed)
}

fn error_class() -> PyResult<Obj> {
    match runtime().registered("_csv.Error") {
        Some(class) => Ok(class),
        None => {
            let class = crate::exception_class("_csv", "Error", exceptions::Exception::class())?;
            runtime().register("_csv.Error", class.clone());
            Ok(class)
        }
    }
}

fn csv_error(text: &str) -> Raised {
    match error_class() {
        Ok(class) => errors::raise_text(pyrs_runtime::types::as_type(&class).expect("a class"), text),
        Err(raised) => raised,
    }
}

/// The registered dialects, by name.
fn dialects() -> Ptr<Dict> {
    let found = runtime().registered("_csv.dialects").unwrap_or_else(|| {
        let dict: Obj = Dict::new().into();
        runtime().register("_csv.dialects", dict.clone());
        dict
    });
    found.into_ptr::<Dict>().unwrap_or_else(|_| Dict::new())
}

fn registered_dialect(name: &Obj) -> PyResult<Obj> {
    dialects().get(name)?.ok_or_else(|| csv_error("unknown dialect"))
}

/// CSV dialect
///
/// The Dialect type records CSV dialect options.
#[pyclass(name = "Dialect", module = "_csv", nogc, flags = BASETYPE)]
pub struct Dialect {
    delimiter: u32,
    doublequote: bool,
    escapechar: Option<u32>,
    lineterminator: Ptr<Str>,
    quotechar: Option<u32>,
    quoting: i64,
    skipinitialspace: bool,
    strict: bool,
}

const OPTIONS: [&str; 8] =
    ["delimiter", "doublequote", "escapechar", "lineterminator", "quotechar", "quoting", "skipinitialspace", "strict"];

/// A character option; `None` stands for None where that is allowed.
fn character(name: &str, value: &Obj, optional: bool) -> PyResult<Option<u32>> {
    let what = if optional { "a unicode character or None" } else { "a unicode character" };
    if optional && value.is_none() {
        return Ok(None);
    }
    let Some(text) = value.downcast::<Str>() else {
        return Err(raise!(TypeError, "\"{name}\" must be {what}, not {}", value.class().name()));
    };
    match text.len() {
        1 => Ok(text.get_char(0)),
        n => Err(raise!(TypeError, "\"{name}\" must be {what}, not a string of length {n}")),
    }
}

fn check_character(name: &str, c: Option<u32>, terminator: &Str, space_allowed: bool) -> PyResult<()> {
    let Some(c) = c else { return Ok(()) };
    if c == '\r' as u32 || c == '\n' as u32 || (c == ' ' as u32 && !space_allowed) {
        return Err(raise!(ValueError, "bad {name} value"));
    }
    if terminator.code_points().any(|t| t == c) {
        return Err(raise!(ValueError, "bad {name} or lineterminator value"));
    }
    Ok(())
}

fn check_different(a: (&str, Option<u32>), b: (&str, Option<u32>)) -> PyResult<()> {
    if a.1.is_some() && a.1 == b.1 {
        return Err(raise!(ValueError, "bad {} or {} value", a.0, b.0));
    }
    Ok(())
}

impl Dialect {
    /// A dialect from a base (a name, a dialect, an object with attributes) and options.
    fn build(cls: &Type, base: Option<&Obj>, options: &[Option<Obj>; 8]) -> PyResult<Obj> {
        let mut base = base.filter(|b| !b.is_none()).cloned();
        if let Some(name) = base.as_ref().filter(|b| b.downcast::<Str>().is_some()) {
            base = Some(registered_dialect(name)?);
        }
        if let Some(found) = &base
            && std::ptr::eq(cls, Dialect::class())
            && found.class().is_native_subclass(Dialect::class())
            && options.iter().all(Option::is_none)
        {
            return Ok(found.clone());
        }
        let mut values = options.clone();
        if let Some(base) = &base {
            for (value, name) in values.iter_mut().zip(OPTIONS) {
                if value.is_none() {
                    *value = attr::getattr_optional(base, &Str::intern(name))?;
                }
            }
        }
        let [delimiter, doublequote, escapechar, lineterminator, quotechar, quoting, skip, strict] = &values;
        let flag = |value: &Option<Obj>, default| value.as_ref().map_or(Ok(default), truth::is_true);
        let delimiter_char = match delimiter {
            None => Some(',' as u32),
            Some(value) => character("delimiter", value, false)?,
        };
        let doublequote = flag(doublequote, true)?;
        let escapechar = escapechar.as_ref().map_or(Ok(None), |v| character("escapechar", v, true))?;
        let lineterminator = match lineterminator {
            None => Str::new("\r\n"),
            Some(value) => match value.downcast::<Str>() {
                Some(text) => text.to_ptr(),
                None => {
                    let class = value.class().name();
                    return Err(raise!(TypeError, "\"lineterminator\" must be a string, not {class}"));
                }
            },
        };
        let quote = match quotechar {
            None => Some('"' as u32),
            Some(value) => character("quotechar", value, true)?,
        };
        let mut mode = QUOTE_MINIMAL;
        if let Some(value) = quoting {
            if !int::is_exact(value) {
                return Err(raise!(TypeError, "\"quoting\" must be an integer, not {}", value.class().name()));
            }
            mode = int::to_i64(value).unwrap_or(-1);
        }
        let (skipinitialspace, strict) = (flag(skip, false)?, flag(strict, false)?);
        if !(QUOTE_MINIMAL..=QUOTE_NOTNULL).contains(&mode) {
            return Err(raise!(TypeError, "bad \"quoting\" value"));
        }
        if quote.is_none() && quoting.is_none() {
            mode = QUOTE_NONE;
        }
        if mode != QUOTE_NONE && quote.is_none() {
            return Err(raise!(TypeError, "quotechar must be set if quoting enabled"));
        }
        check_character("delimiter", delimiter_char, &lineterminator, true)?;
        check_character("escapechar", escapechar, &lineterminator, !skipinitialspace)?;
        check_character("quotechar", quote, &lineterminator, !skipinitialspace)?;
        check_different(("delimiter", delimiter_char), ("escapechar", escapechar))?;
        check_different(("delimiter", delimiter_char), ("quotechar", quote))?;
        check_different(("escapechar", escapechar), ("quotechar", quote))?;
        let dialect = Dialect {
            delimiter: delimiter_char.unwrap_or(',' as u32),
            doublequote,
            escapechar,
            lineterminator,
            quotechar: quote,
            quoting: mode,
            skipinitialspace,
            strict,
        };
        Ok(Ptr::new_in(cls, dialect).into())
    }

    /// A dialect from the arguments of `reader` and `writer`.
    fn from_call(base: Option<&Obj>, keywords: &[(&Object<Str>, &Obj)]) -> PyResult<Ptr<Dialect>> {
        let mut options: [Option<Obj>; 8] = Default::default();
        for (name, value) in keywords {
            match OPTIONS.iter().position(|o| name.eq_str(o)) {
                Some(at) => options[at] = Some((*value).clone()),
                None => {
                    let name = name.to_string_lossy();
                    return Err(raise!(TypeError, "this function got an unexpected keyword argument '{name}'"));
                }
            }
        }
        let made = Dialect::build(Dialect::class(), base, &options)?;
        made.into_ptr::<Dialect>().map_err(|_| raise!(TypeError, "not a dialect"))
    }
}

fn character_object(c: Option<u32>) -> Obj {
    c.map_or_else(none, |c| Str::from_char(c).into())
}

#[pymethods]
impl Dialect {
    #[new(
        sig = "(dialect=None, delimiter=<unrepresentable>, doublequote=<unrepresentable>, escapechar=<unrepresentable>, lineterminator=<unrepresentable>, quotechar=<unrepresentable>, quoting=<unrepresentable>, skipinitialspace=<unrepresentable>, strict=<unrepresentable>)",
        text_signature = ""
    )]
    fn py_new(
        cls: &Type,
        dialect: Option<&Obj>,
        delimiter: pyrs_runtime::args::Maybe<Obj>,
        doublequote: pyrs_runtime::args::Maybe<Obj>,
        escapechar: pyrs_runtime::args::Maybe<Obj>,
        lineterminator: pyrs_runtime::args::Maybe<Obj>,
        quotechar: pyrs_runtime::args::Maybe<Obj>,
        quoting: pyrs_runtime::args::Maybe<Obj>,
        skipinitialspace: pyrs_runtime::args::Maybe<Obj>,
        strict: pyrs_runtime::args::Maybe<Obj>,
    ) -> PyResult<Obj> {
        let options = [
            delimiter.0,
            doublequote.0,
            escapechar.0,
            lineterminator.0,
            quotechar.0,
            quoting.0,
            skipinitialspace.0,
            strict.0,
        ];
        Dialect::build(cls, dialect, &options)
    }

    #[getter]
    fn delimiter(&self) -> Obj {
        Str::from_char(self.delimiter).into()
    }

    #[getter]
    fn doublequote(&self) -> bool {
        self.doublequote
    }

    #[getter]
    fn escapechar(&self) -> Obj {
        character_object(self.escapechar)
    }

    #[getter]
    fn lineterminator(&self) -> Obj {
        self.lineterminator.to_obj()
    }

    #[getter]
    fn quotechar(&self) -> Obj {
        character_object(self.quotechar)
    }

    #[getter]
    fn quoting(&self) -> i64 {
        self.quoting
    }

    #[getter]
    fn skipinitialspace(&self) -> bool {
        self.skipinitialspace
    }

    #[getter]
    fn strict(&self) -> bool {
        self.strict
    }

    #[pymethod(name = "__reduce__")]
    fn reduce(this: &Object<Dialect>, args: Args<'_>) -> PyResult<Obj> {
        let _ = args;
        Err(raise!(TypeError, "cannot pickle '{}' instances", this.class().name()))
    }

    #[pymethod(name = "__reduce_ex__")]
    fn reduce_ex(this: &Object<Dialect>, args: Args<'_>) -> PyResult<Obj> {
        let _ = args;
        Err(raise!(TypeError, "cannot pickle '{}' instances", this.class().name()))
    }
}

/// What the reader has seen so far.
#[derive(Copy, Clone, PartialEq)]
enum State {
    StartRecord,
    StartField,
    Escaped,
    InField,
    InQuoted,
    EscapeInQuoted,
    QuoteInQuoted,
    AfterRecord,
    AfterEscapedLineEnd,
}

struct Parse {
    fields: Vec<Obj>,
    field: Vec<u32>,
    state: State,
    unquoted: bool,
}

/// CSV reader
///
/// Reader objects are responsible for reading and parsing tabular data
/// in CSV format.
#[pyclass(name = "reader", module = "_csv", flags = DISALLOW_INSTANTIATION)]
pub struct Reader {
    lines: Obj,
    dialect: Ptr<Dialect>,
    line_num: Cell<u64>,
    /// Counts the records begun: the iterable must not ask this reader for another.
    records: Cell<u64>,
}

impl Parse {
    fn new() -> Parse {
        Parse { fields: Vec::new(), field: Vec::new(), state: State::StartRecord, unquoted: true }
    }

    fn save(&mut self, dialect: &Dialect) -> PyResult<()> {
        let quoting = dialect.quoting;
        let field: Obj = if self.unquoted && self.field.is_empty() && matches!(quoting, QUOTE_NOTNULL | QUOTE_STRINGS) {
            none()
        } else {
            let text = Str::from_code_points(&self.field);
            if self.unquoted && !self.field.is_empty() && matches!(quoting, QUOTE_NONNUMERIC | QUOTE_STRINGS) {
                number::to_float(&text.into_obj())?
            } else {
                text.into()
            }
        };
        self.field.clear();
        self.unquoted = true;
        self.fields.push(field);
        Ok(())
    }

    fn push(&mut self, c: u32) -> PyResult<()> {
        if self.field.len() as i64 >= field_limit() {
            return Err(csv_error(&format!("field larger than field limit ({})", field_limit())));
        }
        self.field.push(c);
        Ok(())
    }

    /// Ends a field at the end of a line; `c` is the line's last character, `None` behind it.
    fn end_line(&mut self, dialect: &Dialect, c: Option<u32>) -> PyResult<()> {
        self.save(dialect)?;
        self.state = if c.is_none() { State::StartRecord } else { State::AfterRecord };
        Ok(())
    }

    /// One character; `None` is the end of the line.
    fn step(&mut self, d: &Dialect, c: Option<u32>) -> PyResult<()> {
        const LF: u32 = '\n' as u32;
        let is_end = matches!(c, None | Some(LF | 0xd));
        let is = |wanted: Option<u32>| c.is_some() && c == wanted;
        let is_quote = is(d.quotechar) && d.quoting != QUOTE_NONE;
        match self.state {
            State::StartRecord => match c {
                // An empty line gives an empty record.
                None => {}
                Some(_) if is_end => self.state = State::AfterRecord,
                Some(_) => {
                    self.state = State::StartField;
                    return self.step(d, c);
                }
            },
            State::StartField => {
                if is_end {
                    self.end_line(d, c)?;
                } else if is_quote {
                    self.unquoted = false;
                    self.state = State::InQuoted;
                } else if is(d.escapechar) {
                    self.state = State::Escaped;
                } else if c == Some(' ' as u32) && d.skipinitialspace {
                } else if c == Some(d.delimiter) {
                    self.save(d)?;
                } else {
                    self.push(c.expect("not the end"))?;
                    self.state = State::InField;
                }
            }
            State::Escaped => {
                self.push(c.unwrap_or(LF))?;
                self.state = if is_end && c.is_some() { State::AfterEscapedLineEnd } else { State::InField };
            }
            State::AfterEscapedLineEnd if c.is_none() => {}
            State::InField | State::AfterEscapedLineEnd => {
                if is_end {
                    self.end_line(d, c)?;
                } else if is(d.escapechar) {
                    self.state = State::Escaped;
                } else if c == Some(d.delimiter) {
                    self.save(d)?;
                    self.state = State::StartField;
                } else {
                    self.push(c.expect("not the end"))?;
                    self.state = State::InField;
                }
            }
            State::InQuoted => {
                let Some(c) = c else { return Ok(()) };
                if is(d.escapechar) {
                    self.state = State::EscapeInQuoted;
                } else if is_quote {
                    self.state = if d.doublequote { State::QuoteInQuoted } else { State::InField };
                } else {
                    self.push(c)?;
                }
            }
            State::EscapeInQuoted => {
                self.push(c.unwrap_or(LF))?;
                self.state = State::InQuoted;
            }
            State::QuoteInQuoted => {
                if is_quote {
                    self.push(c.expect("a quote"))?;
                    self.state = State::InQuoted;
                } else if c == Some(d.delimiter) {
                    self.save(d)?;
                    self.state = State::StartField;
                } else if is_end {
                    self.end_line(d, c)?;
                } else if !d.strict {
                    self.push(c.expect("not the end"))?;
                    self.state = State::InField;
                } else {
                    let shown = |c: Option<u32>| c.and_then(char::from_u32).unwrap_or('?');
                    return Err(csv_error(&format!(
                        "'{}' expected after '{}'",
                        shown(Some(d.delimiter)),
                        shown(d.quotechar)
                    )));
                }
            }
            State::AfterRecord => match c {
                None => self.state = State::StartRecord,
                Some(_) if is_end => {}
                Some(_) => {
                    return Err(csv_error(
                        "new-line character seen in unquoted field - do you need to open the file with newline=''?",
                    ));
                }
            },
        }
        Ok(())
    }
}

#[pymethods]
impl Reader {
    #[slot(iter)]
    fn iter(this: &Obj) -> PyResult<Obj> {
        Ok(this.clone())
    }

    #[slot(iternext)]
    fn next(this: &Object<Reader>) -> PyResult<Option<Obj>> {
        let (mut parse, dialect) = (Parse::new(), &this.dialect);
        let record = this.records.get() + 1;
        this.records.set(record);
        loop {
            let line = iter::next(&this.lines)?;
            if this.records.get() != record {
                return Err(csv_error("iterator has already advanced the reader"));
            }
            let Some(line) = line else {
                if parse.field.is_empty() && parse.state != State::InQuoted {
                    return Ok(None);
                }
                if dialect.strict {
                    return Err(csv_error("unexpected end of data"));
                }
                parse.save(dialect)?;
                break;
            };
            let Some(text) = line.downcast::<Str>() else {
                return Err(csv_error(&format!(
                    "iterator should return strings, not {} (the file should be opened in text mode)",
                    line.class().name()
                )));
            };
            this.line_num.set(this.line_num.get() + 1);
            for c in text.code_points() {
                parse.step(dialect, Some(c))?;
            }
            parse.step(dialect, None)?;
            if parse.state == State::StartRecord {
                break;
            }
        }
        Ok(Some(List::from_vec(parse.fields).into()))
    }

    #[getter]
    fn dialect(&self) -> Obj {
        self.dialect.to_obj()
    }

    #[getter]
    fn line_num(&self) -> u64 {
        self.line_num.get()
    }
}

/// CSV writer
///
/// Writer objects are responsible for generating tabular data
/// in CSV format from sequence input.
#[pyclass(name = "writer", module = "_csv", flags = DISALLOW_INSTANTIATION)]
pub struct Writer {
    write: Obj,
    dialect: Ptr<Dialect>,
}

/// A record being written.
struct Record {
    text: Vec<u32>,
    fields: usize,
}

impl Record {
    /// Adds a field; `None` stands for the object None.
    fn append(&mut self, d: &Dialect, field: Option<&Str>, mut quoted: bool) -> PyResult<()> {
        let empty = field.is_none_or(Str::is_empty);
        if empty && d.delimiter == ' ' as u32 && d.skipinitialspace {
            let null = field.is_none() && matches!(d.quoting, QUOTE_STRINGS | QUOTE_NOTNULL);
            if d.quoting == QUOTE_NONE || null {
                return Err(csv_error(
                    "empty field must be quoted if delimiter is a space and skipinitialspace is true",
                ));
            }
            quoted = true;
        }
        let mut body = Vec::new();
        for c in field.iter().flat_map(|f| f.code_points()) {
            let special = c == d.delimiter
                || Some(c) == d.escapechar
                || Some(c) == d.quotechar
                || c == '\n' as u32
                || c == '\r' as u32
                || d.lineterminator.code_points().any(|t| t == c);
            if special {
                let mut escape = d.quoting == QUOTE_NONE;
                if !escape {
                    if Some(c) == d.quotechar {
                        if d.doublequote {
                            body.push(c);
                        } else {
                            escape = true;
                        }
                    } else if Some(c) == d.escapechar {
                        escape = true;
                    }
                    quoted |= !escape;
                }
                if escape {
                    match d.escapechar {
                        Some(escape) => body.push(escape),
                        None => return Err(csv_error("need to escape, but no escapechar set")),
                    }
                }
            }
            body.push(c);
        }
        if self.fields > 0 {
            self.text.push(d.delimiter);
        }
        let quote = d.quotechar.filter(|_| quoted);
        self.text.extend(quote);
        self.text.extend(body);
        self.text.extend(quote);
        self.fields += 1;
        Ok(())
    }
}

impl Writer {
    fn write_row(&self, row: &Obj) -> PyResult<Obj> {
        let d = &self.dialect;
        let fields = match iter::iter(row) {
            Ok(fields) => fields,
            Err(raised) if raised.matches(exceptions::TypeError::class()) => {
                raised.discard();
                return Err(csv_error(&format!("iterable expected, not {}", type_name_for_message(row))));
            }
            Err(raised) => return Err(raised),
        };
        let mut record = Record { text: Vec::new(), fields: 0 };
        let mut null = false;
        while let Some(field) = iter::next(&fields)? {
            let is_text = field.downcast::<Str>().is_some();
            let quoted = match d.quoting {
                QUOTE_NONNUMERIC => !number::is_number(&field),
                QUOTE_ALL => true,
                QUOTE_STRINGS => is_text,
                QUOTE_NOTNULL => !field.is_none(),
                _ => false,
            };
            null = field.is_none();
            if let Some(text) = field.downcast::<Str>() {
                record.append(d, Some(text), quoted)?;
            } else if null {
                record.append(d, None, quoted)?;
            } else {
                let shown = text::str(&field)?;
                record.append(d, Some(&shown), quoted)?;
            }
        }
        if record.fields > 0 && record.text.is_empty() {
            if d.quoting == QUOTE_NONE || (null && matches!(d.quoting, QUOTE_STRINGS | QUOTE_NOTNULL)) {
                return Err(csv_error("single empty field record must be quoted"));
            }
            record.fields -= 1;
            record.append(d, None, true)?;
        }
        record.text.extend(d.lineterminator.code_points());
        call::call(&self.write, &[Str::from_code_points(&record.text).into()])
    }
}

#[pymethods]
impl Writer {
    /// Write a row: any iterable; None is written as the empty string.
    #[pymethod]
    fn writerow(&self, row: &Obj) -> PyResult<Obj> {
        self.write_row(row)
    }

    /// Write several rows.
    #[pymethod]
    fn writerows(&self, rows: &Obj) -> PyResult<()> {
        let rows = iter::iter(rows)?;
        while let Some(row) = iter::next(&rows)? {
            self.write_row(&row)?;
        }
        Ok(())
    }

    #[getter]
    fn dialect(&self) -> Obj {
        self.dialect.to_obj()
    }
}

/// Reading and writing of comma-separated values; see the csv module.
#[pymodule(name = "_csv", classes(super::Dialect))]
pub mod csv {
    use super::*;
    use pyrs_runtime::args::{KwArgs, Maybe};
    use pyrs_runtime::objects::module::Module;

    /// An iterator over the rows in an iterable of lines.
    ///
    /// dialect is a name, a dialect or an object with its attributes; fmtparams overrule it.
    #[pyfunction(sig = "(iterable, /, dialect='excel', **fmtparams)")]
    fn reader(iterable: &Obj, dialect: Option<&Obj>, fmtparams: KwArgs<'_>) -> PyResult<Obj> {
        let lines = iter::iter(iterable)?;
        let dialect = Dialect::from_call(dialect, &fmtparams.items)?;
        Ok(Ptr::new(Reader { lines, dialect, line_num: Cell::new(0), records: Cell::new(0) }).into())
    }

    /// An object that writes rows to anything with a write() method.
    ///
    /// dialect is a name, a dialect or an object with its attributes; fmtparams overrule it.
    #[pyfunction(sig = "(fileobj, /, dialect='excel', **fmtparams)")]
    fn writer(fileobj: &Obj, dialect: Option<&Obj>, fmtparams: KwArgs<'_>) -> PyResult<Obj> {
        let dialect = Dialect::from_call(dialect, &fmtparams.items)?;
        let write = attr::getattr_optional(fileobj, &Str::intern("write"))?;
        match write.filter(|w| w.class().slots().call.is_some()) {
            Some(write) => Ok(Ptr::new(Writer { write, dialect }).into()),
            None => Err(raise!(TypeError, "argument 1 must have a \"write\" method")),
        }
    }

    /// The names of all registered dialects.
    #[pyfunction]
    fn list_dialects() -> Obj {
        List::from_vec(dialects().keys()).into()
    }

    /// Give a dialect a name.
    #[pyfunction(sig = "(name, /, dialect='excel', **fmtparams)")]
    fn register_dialect(name: &Obj, dialect: Option<&Obj>, fmtparams: KwArgs<'_>) -> PyResult<()> {
        if name.downcast::<Str>().is_none() {
            return Err(raise!(TypeError, "dialect name must be a string"));
        }
        let dialect = Dialect::from_call(dialect, &fmtparams.items)?;
        dialects().set(name.clone(), dialect.into())
    }

    /// Forget the dialect of a name.
    #[pyfunction(sig = "(name)")]
    fn unregister_dialect(name: &Obj) -> PyResult<()> {
        match dialects().remove(name)? {
            Some(_) => Ok(()),
            None => Err(csv_error("unknown dialect")),
        }
    }

    /// The dialect of a name.
    #[pyfunction(sig = "(name)")]
    fn get_dialect(name: &Obj) -> PyResult<Obj> {
        registered_dialect(name)
    }

    /// The longest field that is read; with new_limit, set it.
    #[pyfunction(sig = "(new_limit=<unrepresentable>)")]
    fn field_size_limit(new_limit: Maybe<&Obj>) -> PyResult<i64> {
        let old = field_limit();
        if let Some(new) = new_limit.0 {
            if !int::is_exact(new) {
                return Err(raise!(TypeError, "limit must be an integer"));
            }
            let Some(n) = int::to_i64(new) else {
                return Err(raise!(OverflowError, "Python int too large to convert to C long"));
            };
            FIELD_LIMIT.store(n, std::sync::atomic::Ordering::Relaxed);
        }
        Ok(old)
    }

    #[module_exec]
    fn exec(module: &Object<Module>) -> PyResult<()> {
        pyrs_runtime::types::ready(Reader::def());
        pyrs_runtime::types::ready(Writer::def());
        module.add("Reader", Reader::class().to_obj());
        module.add("Writer", Writer::class().to_obj());
        module.add("Error", error_class()?);
        module.add("_dialects", dialects());
        crate::os::support::add_constants(
            module,
            &[
                ("QUOTE_MINIMAL", QUOTE_MINIMAL),
                ("QUOTE_ALL", QUOTE_ALL),
                ("QUOTE_NONNUMERIC", QUOTE_NONNUMERIC),
                ("QUOTE_NONE", QUOTE_NONE),
                ("QUOTE_STRINGS", QUOTE_STRINGS),
                ("QUOTE_NOTNULL", QUOTE_NOTNULL),
            ],
        );
        Ok(())
    }
}
