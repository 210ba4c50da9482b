//! `StringIO`: a text stream in memory.

use std::cell::Cell;

use pyrs_macros::{pyclass, pymethods};
use pyrs_runtime::args::Maybe;
use pyrs_runtime::call::Args;
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::object::{DataCell, Obj, Object, Ptr};
use pyrs_runtime::objects::int;
use pyrs_runtime::objects::singletons::none;
use pyrs_runtime::objects::str::{Str, StrData};
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::protocols::number;
use pyrs_runtime::types::Type;
use pyrs_runtime::{raise, units};
use pyrs_unicode::text_buffer::TextBuffer;

use super::base::TextIoBase;
use super::bytes_io::{restore_dict, state_dict};
use super::line::{LineEnd, find_line_end};
use super::newline::{Newlines, replace_newlines};
use super::support::{Size, size_or_all, uninitialized};

/// A text stream whose contents are in memory.
///
/// The newline argument works as that of TextIOWrapper, but without translation
/// of line ends by default.
#[pyclass(name = "StringIO", module = "_io", base = TextIoBase, flags = BASETYPE | HEAP_LIKE)]
pub struct StringIo {
    text: DataCell<TextBuffer>,
    /// May be behind the end.
    position: Cell<usize>,
    ready: Cell<bool>,
    closed: Cell<bool>,
    /// What is written for `\n`, if it is something else.
    write_newline: Cell<Option<&'static str>>,
    line_end: Cell<LineEnd>,
    /// The `newline` argument, `None` = universal with translation.
    newline: Cell<Option<&'static str>>,
    newlines: Newlines,
}

/// The data of a text builder.
fn data(text: &TextBuffer) -> StrData<'_> {
    match text {
        TextBuffer::Latin1(d) => StrData::One(d),
        TextBuffer::Ucs2(d) => StrData::Two(d),
        TextBuffer::Ucs4(d) => StrData::Four(d),
    }
}

fn push(out: &mut TextBuffer, text: StrData<'_>) {
    match text {
        StrData::One(d) => out.push_latin1(d),
        _ => units!(text, u => out.push_units(u)),
    }
}

impl StringIo {
    pub fn is_open(&self) -> bool {
        !self.closed.get()
    }

    fn check_open(&self) -> PyResult<()> {
        if !self.ready.get() {
            return Err(uninitialized());
        }
        if self.closed.get() { Err(raise!(ValueError, "I/O operation on closed file")) } else { Ok(()) }
    }

    fn universal(&self) -> bool {
        self.newline.get().is_none_or(str::is_empty)
    }

    /// The text between two positions.
    fn text_between(&self, start: usize, end: usize) -> Ptr<Str> {
        self.text.with(|t| Str::from_data(data(t).slice(start, end)))
    }

    fn length(&self) -> usize {
        self.text.with(|t| t.len())
    }

    fn take_line(&self, limit: isize) -> Ptr<Str> {
        let length = self.length();
        let start = self.position.get().min(length);
        let end = usize::try_from(limit).map_or(length, |limit| length.min(start.saturating_add(limit)));
        let line = self.text.with(|t| find_line_end(data(t).slice(start, end), self.line_end.get()));
        let end = line.map_or(end, |n| start + n);
        if end > start {
            self.position.set(end);
        }
        self.text_between(start, end)
    }

    /// Writes text at the position.
    pub fn write_text(&self, text: &Object<Str>) {
        let mut text = text.to_ptr();
        if self.universal() {
            text = self.newlines.process(text, true);
        }
        if let Some(with) = self.write_newline.get() {
            text = replace_newlines(&text, with);
        }
        if text.is_empty() {
            return;
        }
        let start = self.position.get();
        let end = start + text.len();
        self.text.with(|t| {
            let length = t.len();
            if start == length {
                return push(t, text.data());
            }
            // In the middle or behind the end: put together anew.
            let mut fresh = TextBuffer::with_capacity(length.max(end));
            push(&mut fresh, data(t).slice(0, start.min(length)));
            (length..start).for_each(|_| fresh.push(0));
            push(&mut fresh, text.data());
            if end < length {
                push(&mut fresh, data(t).slice(end, length));
            }
            *t = fresh;
        });
        self.position.set(end);
    }

    fn set_newline(&self, newline: Option<&Obj>) -> PyResult<()> {
        let newline = match newline.filter(|n| !n.is_none()) {
            None => None,
            Some(given) => {
                let Some(text) = given.downcast::<Str>() else {
                    let class = given.class().name();
                    return Err(raise!(TypeError, "newline must be str or None, not {class}"));
                };
                let known = ["", "\n", "\r", "\r\n"].into_iter().find(|k| text.eq_str(k));
                if known.is_none() {
                    let shown = pyrs_runtime::protocols::text::repr_text(given)?;
                    return Err(raise!(ValueError, "illegal newline value: {shown}"));
                }
                known
            }
        };
        self.newline.set(newline);
        self.line_end.set(LineEnd::for_newline(newline));
        self.write_newline.set(newline.filter(|n| n.starts_with('\r')));
        self.newlines.translate.set(newline.is_none());
        self.newlines.reset();
        Ok(())
    }
}

#[pymethods]
impl StringIo {
    #[slot(new)]
    fn construct(cls: &Type, _args: Args<'_>) -> PyResult<Obj> {
        let fresh = StringIo {
            text: DataCell::new(TextBuffer::default()),
            position: Cell::new(0),
            ready: Cell::new(false),
            closed: Cell::new(false),
            write_newline: Cell::new(None),
            line_end: Cell::new(LineEnd::Lf),
            newline: Cell::new(Some("\n")),
            newlines: Newlines::default(),
        };
        Ok(Ptr::new_in(cls, fresh).into())
    }

    #[init(sig = "(initial_value='', newline='\\n')")]
    fn init(&self, initial_value: Maybe<&Obj>, newline: Maybe<&Obj>) -> PyResult<()> {
        let line_feed = Str::intern("\n").into_obj();
        self.set_newline(Some(newline.0.unwrap_or(&line_feed)))?;
        let value = initial_value.0.filter(|v| !v.is_none());
        if let Some(value) = value
            && value.downcast::<Str>().is_none()
        {
            let class = value.class().name();
            return Err(raise!(TypeError, "initial_value must be str or None, not {class}"));
        }
        self.text.replace(TextBuffer::default());
        self.position.set(0);
        self.ready.set(true);
        self.closed.set(false);
        if let Some(value) = value.and_then(Obj::downcast::<Str>) {
            self.write_text(value);
            self.position.set(0);
        }
        Ok(())
    }

    #[slot(iternext)]
    fn next(this: &Object<StringIo>) -> PyResult<Option<Obj>> {
        this.check_open()?;
        let line = if std::ptr::eq(this.class(), <StringIo as pyrs_runtime::PyClass>::class()) {
            this.take_line(-1)
        } else {
            super::text::line_of_subclass(&this.as_obj())?
        };
        Ok((!line.is_empty()).then(|| line.into()))
    }

    /// Read up to size characters, all that are left by default.
    #[pymethod(sig = "(size=-1, /)")]
    fn read(&self, size: Option<Size>) -> PyResult<Obj> {
        self.check_open()?;
        let length = self.length();
        let start = self.position.get().min(length);
        let end = usize::try_from(size_or_all(size)).map_or(length, |n| length.min(start.saturating_add(n)));
        if end > start {
            self.position.set(end);
        }
        Ok(self.text_between(start, end).into())
    }

    /// Read one line, of at most size characters.
    #[pymethod(sig = "(size=-1, /)")]
    fn readline(&self, size: Option<Size>) -> PyResult<Obj> {
        self.check_open()?;
        Ok(self.take_line(size_or_all(size)).into())
    }

    /// Write the text at the position; its length.
    #[pymethod]
    fn write(&self, s: &Obj) -> PyResult<usize> {
        let Some(text) = s.downcast::<Str>() else {
            return Err(raise!(TypeError, "string argument expected, got '{}'", s.class().name()));
        };
        self.check_open()?;
        self.write_text(text);
        Ok(text.len())
    }

    /// Move the position; from the current position or the end only by 0.
    #[pymethod(sig = "(pos, whence=0, /)")]
    fn seek(&self, pos: isize, whence: i32) -> PyResult<usize> {
        self.check_open()?;
        if !(0..=2).contains(&whence) {
            return Err(raise!(ValueError, "Invalid whence ({whence}, should be 0, 1 or 2)"));
        }
        if whence == 0 && pos < 0 {
            return Err(raise!(ValueError, "Negative seek position {pos}"));
        }
        if whence != 0 && pos != 0 {
            return Err(raise!(OSError, "Can't do nonzero cur-relative seeks"));
        }
        match whence {
            0 => self.position.set(pos as usize),
            1 => {}
            _ => self.position.set(self.length()),
        }
        Ok(self.position.get())
    }

    /// The current position.
    #[pymethod]
    fn tell(&self) -> PyResult<usize> {
        self.check_open()?;
        Ok(self.position.get())
    }

    /// Cut the contents, to the position by default; the new size. The position
    /// stays.
    #[pymethod(sig = "(pos=None, /)")]
    fn truncate(&self, pos: Option<&Obj>) -> PyResult<usize> {
        self.check_open()?;
        let size = match pos {
            None => self.position.get() as isize,
            Some(pos) => number::as_ssize(pos, true)?,
        };
        let size = usize::try_from(size).map_err(|_| raise!(ValueError, "Negative size value {size}"))?;
        if size < self.length() {
            self.text.with(|t| {
                let mut fresh = TextBuffer::with_capacity(size);
                push(&mut fresh, data(t).slice(0, size));
                *t = fresh;
            });
        }
        Ok(size)
    }

    /// The contents as text.
    #[pymethod]
    fn getvalue(&self) -> PyResult<Obj> {
        self.check_open()?;
        Ok(self.text_between(0, self.length()).into())
    }

    /// Free the contents.
    #[pymethod]
    fn close(&self) {
        self.closed.set(true);
        drop(self.text.replace(TextBuffer::default()));
    }

    /// Always True.
    #[pymethod]
    fn readable(&self) -> PyResult<bool> {
        self.check_open().map(|()| true)
    }

    /// Always True.
    #[pymethod]
    fn writable(&self) -> PyResult<bool> {
        self.check_open().map(|()| true)
    }

    /// Always True.
    #[pymethod]
    fn seekable(&self) -> PyResult<bool> {
        self.check_open().map(|()| true)
    }

    #[getter]
    fn closed(&self) -> PyResult<bool> {
        if self.ready.get() { Ok(self.closed.get()) } else { Err(uninitialized()) }
    }

    #[getter]
    fn line_buffering(&self) -> PyResult<bool> {
        self.check_open().map(|()| false)
    }

    #[getter]
    fn newlines(&self) -> PyResult<Obj> {
        self.check_open()?;
        Ok(if self.universal() { self.newlines.seen() } else { none() })
    }

    #[pymethod(name = "__getstate__")]
    fn getstate(this: &Object<StringIo>) -> PyResult<Obj> {
        let value = this.getvalue()?;
        let newline = this.newline.get().map_or_else(none, |n| Str::intern(n).into());
        let position = int::new(this.position.get() as i64);
        Ok(Tuple::from_vec(vec![value, newline, position, state_dict(&this.as_obj())?]).into())
    }

    /// Restore the contents, the newline, the position and the attributes.
    #[pymethod(name = "__setstate__")]
    fn setstate(this: &Object<StringIo>, state: &Obj) -> PyResult<()> {
        if this.closed.get() {
            return Err(super::support::closed_error());
        }
        let items = state.downcast::<Tuple>().map(Object::to_ptr).filter(|t| t.len() >= 4);
        let Some(items) = items else {
            let (class, given) = (this.class().name(), state.class().name());
            return Err(raise!(TypeError, "{class}.__setstate__ argument should be 4-tuple, got {given}"));
        };
        let [value, newline, position, dict] = &items.items()[..4] else { unreachable!("checked above") };
        this.init(Maybe(None), Maybe(Some(newline)))?;
        // The value is as it was stored: no translation.
        let Some(value) = value.downcast::<Str>() else {
            let class = value.class().name();
            return Err(raise!(TypeError, "initial_value must be str or None, not {class}"));
        };
        this.text.with(|t| push(t, value.data()));
        if !int::is_int(position) {
            let class = position.class().name();
            return Err(raise!(TypeError, "third item of state must be an integer, got {class}"));
        }
        let position = number::as_ssize(position, true)?;
        let position =
            usize::try_from(position).map_err(|_| raise!(ValueError, "position value cannot be negative"))?;
        this.position.set(position);
        restore_dict(&this.as_obj(), dict, "fourth")
    }
}
