//! `TextIOWrapper`: text over a buffered binary stream.
//!
//! Reading goes piece by piece: bytes from the buffer, decoded text from which characters and lines are taken.
//! For `tell()` the wrapper keeps a snapshot, the decoder's state before the piece and its bytes. Writing
//! collects encoded bytes, and hands them on when there are enough of them. UTF-8, ASCII and Latin-1 are coded here,
//! everything else by the codec's incremental classes; streams of our own classes are called without method look-ups.

mod codec;
mod position;
mod read;
mod write;

use std::cell::Cell;

use pyrs_macros::{pyclass, pymethods};
use pyrs_runtime::args::KwArgs;
use pyrs_runtime::call::{self, Args};
use pyrs_runtime::errors::{PyResult, Raised};
use pyrs_runtime::object::{DataCell, Obj, ObjCell, Object, Ptr, PyClass};
use pyrs_runtime::objects::exceptions::EncodingWarning;
use pyrs_runtime::objects::int;
use pyrs_runtime::objects::singletons::none;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::text_builder::TextBuilder;
use pyrs_runtime::protocols::text::ReprGuard;
use pyrs_runtime::protocols::{attr, number, truth};
use pyrs_runtime::types::Type;
use pyrs_runtime::{name, raise};

use super::base::TextIoBase;
use super::buffered;
use super::bytes_io::BytesIo;
use super::line::LineEnd;
use super::newline::Newlines;
use super::support::{
    self, Size, ask, cannot_pickle, closed_error, method, size_or_all, text_argument, text_or_none, uninitialized,
    unsupported,
};
use codec::{Decoder, Encoder};
pub use write::{write_pieces, writes_directly};

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    Ready,
    Detached,
}

/// A text stream over a buffered binary stream.
///
/// The encoding is the locale's unless it is given; errors names the handler of
/// coding errors. With newline None, line ends are translated to '\n' when reading
/// and from it when writing; with '' they are recognised but left alone; any of
/// '\n', '\r' and '\r\n' is the only line end, and is written for '\n'.
/// line_buffering flushes after every line, write_through keeps nothing back.
#[pyclass(name = "TextIOWrapper", module = "_io", base = TextIoBase, flags = BASETYPE | HEAP_LIKE | PLAIN_NEW)]
pub struct TextIoWrapper {
    state: Cell<State>,
    buffer: ObjCell,
    encoding: ObjCell,
    errors: ObjCell,
    decoder: DataCell<Option<Decoder>>,
    encoder: DataCell<Option<Encoder>>,
    newlines: Newlines,
    /// Whether line ends pass through `newlines` when reading.
    universal: Cell<bool>,
    line_end: Cell<LineEnd>,
    write_newline: Cell<Option<&'static str>>,
    /// Decoded text, and how many of its characters have been handed out.
    decoded: ObjCell,
    used: Cell<usize>,
    /// The decoder's flags and the bytes that `decoded` came from, for `tell()`.
    snapshot: DataCell<Option<(Obj, Obj)>>,
    /// Encoded bytes on their way to the buffer.
    pending: DataCell<Vec<u8>>,
    chunk_size: Cell<usize>,
    bytes_per_char: Cell<f64>,
    line_buffering: Cell<bool>,
    write_through: Cell<bool>,
    seekable: Cell<bool>,
    telling: Cell<bool>,
    has_read1: Cell<bool>,
    finalizing: Cell<bool>,
}

/// The `newline` argument, checked.
fn newline_argument(newline: Option<&Object<Str>>) -> PyResult<Option<&'static str>> {
    let Some(text) = newline else { return Ok(None) };
    match ["", "\n", "\r", "\r\n"].into_iter().find(|known| text.eq_str(known)) {
        None => Err(raise!(ValueError, "illegal newline value: {}", text.to_string_lossy())),
        known => Ok(known),
    }
}

/// The encoding of the locale, or UTF-8 in UTF-8 mode.
pub fn locale_encoding() -> String {
    if crate::core::flags().utf8_mode {
        return "utf-8".to_owned();
    }
    // SAFETY: the locale is only set at start; the text is copied at once.
    let name = unsafe { std::ffi::CStr::from_ptr(libc::nl_langinfo(libc::CODESET)) };
    match name.to_str() {
        Ok("") | Err(_) => "utf-8".to_owned(),
        Ok(name) => name.to_owned(),
    }
}

impl TextIoWrapper {
    fn blank() -> TextIoWrapper {
        TextIoWrapper {
            state: Cell::new(State::New),
            buffer: ObjCell::empty(),
            encoding: ObjCell::empty(),
            errors: ObjCell::empty(),
            decoder: DataCell::new(None),
            encoder: DataCell::new(None),
            newlines: Newlines::default(),
            universal: Cell::new(false),
            line_end: Cell::new(LineEnd::Lf),
            write_newline: Cell::new(None),
            decoded: ObjCell::empty(),
            used: Cell::new(0),
            snapshot: DataCell::new(None),
            pending: DataCell::new(Vec::new()),
            chunk_size: Cell::new(8192),
            bytes_per_char: Cell::new(0.0),
            line_buffering: Cell::new(false),
            write_through: Cell::new(false),
            seekable: Cell::new(false),
            telling: Cell::new(false),
            has_read1: Cell::new(false),
            finalizing: Cell::new(false),
        }
    }

    /// The buffer, or ValueError if there is none.
    fn attached(&self) -> PyResult<Obj> {
        match (self.state.get(), self.buffer.get()) {
            (State::Ready, Some(buffer)) => Ok(buffer),
            (State::Detached, _) => Err(raise!(ValueError, "underlying buffer has been detached")),
            _ => Err(uninitialized()),
        }
    }

    /// The buffer of a stream that is open.
    fn open_buffer(this: &Object<TextIoWrapper>) -> PyResult<Obj> {
        let buffer = this.attached()?;
        if std::ptr::eq(this.class(), TextIoWrapper::class()) {
            match quick_closed(&buffer) {
                Some(false) => return Ok(buffer),
                Some(true) => return Err(closed_error()),
                None => {}
            }
        }
        support::check_open(&this.as_obj())?;
        Ok(buffer)
    }

    fn set_newline(&self, newline: Option<&'static str>) {
        self.universal.set(newline.is_none_or(str::is_empty));
        self.newlines.translate.set(newline.is_none());
        self.line_end.set(LineEnd::for_newline(newline));
        self.write_newline.set(newline.filter(|n| n.starts_with('\r')));
    }

    /// Makes decoder and encoder for what the buffer can do.
    fn set_codec(&self, buffer: &Obj, encoding: &str, errors: &str) -> PyResult<()> {
        let coders = codec::find(encoding, errors)?;
        let decoder = if ask(buffer, name!("readable"))? { Some(coders.decoder()?) } else { None };
        let encoder = if ask(buffer, name!("writable"))? { Some(coders.encoder()?) } else { None };
        drop(self.decoder.replace(decoder));
        drop(self.encoder.replace(encoder));
        self.newlines.reset();
        Ok(())
    }

    /// An encoder that writes a mark at the start must not write it in the middle of a file.
    fn fix_encoder(&self, buffer: &Obj) -> PyResult<()> {
        let Some(encoder) = self.encoder() else { return Ok(()) };
        if !self.seekable.get() || encoder.is_stateless() {
            return Ok(());
        }
        let position = method(buffer, name!("tell"))?;
        if truth::is_true(&position)? { encoder.continue_stream() } else { Ok(()) }
    }

    fn decoder(&self) -> Option<Decoder> {
        self.decoder.with(|d| d.clone())
    }

    fn encoder(&self) -> Option<Encoder> {
        self.encoder.with(|e| e.clone())
    }

    fn clear_snapshot(&self) {
        drop(self.snapshot.with(Option::take));
    }

    fn set_decoded(&self, text: Option<Obj>) {
        self.decoded.set(text);
        self.used.set(0);
    }

    fn encoding_text(&self) -> String {
        self.encoding.get().and_then(|e| e.downcast::<Str>().map(|s| s.to_string_lossy())).unwrap_or_default()
    }

    fn errors_text(&self) -> String {
        self.errors.get().and_then(|e| e.downcast::<Str>().map(|s| s.to_string_lossy())).unwrap_or_default()
    }

    /// Whether the wrapper has handed out text, so that its encoding is settled.
    fn has_read(&self) -> bool {
        self.decoded.is_set() || self.snapshot.with(|s| s.is_some())
    }

    fn setup(
        &self,
        buffer: &Obj,
        encoding: Option<&Object<Str>>,
        errors: Option<&Object<Str>>,
        newline: Option<&'static str>,
    ) -> PyResult<()> {
        let encoding = match encoding {
            None if crate::core::flags().warn_default_encoding => {
                let text = "'encoding' argument not specified";
                (pyrs_runtime::hooks::hooks().warn)(EncodingWarning::class(), text, 1)?;
                locale_encoding()
            }
            None => locale_encoding(),
            Some(text) if text.eq_str("locale") => locale_encoding(),
            Some(text) => text.to_string_checked()?,
        };
        let errors = errors.map_or_else(|| Ok("strict".to_owned()), Object::to_string_checked)?;
        check_names(&encoding, &errors)?;
        self.set_newline(newline);
        self.set_codec(buffer, &encoding, &errors)?;
        self.encoding.put(Str::new(&encoding).into());
        self.errors.put(Str::new(&errors).into());
        self.buffer.put(buffer.clone());
        self.set_decoded(None);
        self.clear_snapshot();
        self.pending.replace(Vec::new());
        self.bytes_per_char.set(0.0);
        let seekable = ask(buffer, name!("seekable"))?;
        self.seekable.set(seekable);
        self.telling.set(seekable);
        let direct = buffered::core_of(buffer).is_some() || buffer.exact::<BytesIo>().is_some();
        self.has_read1.set(direct || attr::getattr_optional(buffer, name!("read1"))?.is_some());
        self.fix_encoder(buffer)?;
        self.state.set(State::Ready);
        Ok(())
    }
}

/// In development mode the names of codec and handler are looked up at once.
fn check_names(encoding: &str, errors: &str) -> PyResult<()> {
    if crate::core::flags().dev_mode {
        pyrs_runtime::protocols::codecs::lookup(encoding)?;
        pyrs_runtime::protocols::codecs::lookup_error(errors)?;
    }
    Ok(())
}

/// Whether a stream of one of our classes is closed, without a method call.
fn quick_closed(buffer: &Obj) -> Option<bool> {
    if let Some(core) = buffered::core_of(buffer) {
        return core.quick_closed();
    }
    buffer.exact::<BytesIo>().map(|b| !b.is_open())
}

/// True if a stream holds something that has not been written.
pub fn has_pending(stream: &Obj) -> bool {
    match stream.downcast::<TextIoWrapper>() {
        Some(wrapper) => wrapper.state.get() == State::Ready && wrapper.pending.with(|p| !p.is_empty()),
        None => buffered::has_pending(stream),
    }
}

/// The next line of a subclass with its own `readline`.
pub fn line_of_subclass(this: &Obj) -> PyResult<Ptr<Str>> {
    let line = method(this, name!("readline"))?;
    line.into_ptr::<Str>().map_err(|other| {
        raise!(OSError, "readline() should have returned a str object, not '{}'", other.class().name())
    })
}

/// A flag of `reconfigure()`: None keeps what is set.
fn flag_argument(value: Option<&Obj>, current: &Cell<bool>) -> PyResult<bool> {
    match value.filter(|v| !v.is_none()) {
        None => Ok(current.get()),
        Some(value) => Ok(number::as_ssize(value, true)? != 0),
    }
}

#[pymethods]
impl TextIoWrapper {
    #[slot(new)]
    fn construct(cls: &Type, _args: Args<'_>) -> PyResult<Obj> {
        Ok(Ptr::new_in(cls, TextIoWrapper::blank()).into())
    }

    #[init(sig = "(buffer, encoding=None, errors=None, newline=None, line_buffering=False, write_through=False)")]
    fn init(
        &self,
        buffer: &Obj,
        encoding: Option<&Obj>,
        errors: Option<&Obj>,
        newline: Option<&Obj>,
        line_buffering: bool,
        write_through: bool,
    ) -> PyResult<()> {
        const NAME: &str = "TextIOWrapper";
        let encoding = text_argument(encoding, NAME, "encoding")?;
        let errors = text_argument(errors, NAME, "errors")?;
        let newline = text_argument(newline, NAME, "newline")?;
        self.state.set(State::New);
        let newline = newline_argument(newline)?;
        self.line_buffering.set(line_buffering);
        self.write_through.set(write_through);
        self.setup(buffer, encoding, errors, newline)
    }

    #[slot(repr)]
    fn repr(this: &Object<TextIoWrapper>) -> PyResult<Obj> {
        if this.state.get() == State::New {
            return Err(uninitialized());
        }
        let obj = this.as_obj();
        let class = this.class().name();
        let Some(_guard) = ReprGuard::enter(&obj) else {
            return Err(raise!(RuntimeError, "reentrant call inside {class}.__repr__"));
        };
        let mut out = TextBuilder::new();
        out.text(&format!("<{class}"));
        if let Some(name) = support::shown_name(&obj)? {
            out.text(" name=").repr(&name)?;
        }
        if let Some(mode) = attr::getattr_optional(&obj, name!("mode"))? {
            out.text(" mode=").repr(&mode)?;
        }
        out.text(" encoding=").repr(&this.encoding.get().unwrap_or_else(none))?;
        Ok(out.text(">").finish_obj())
    }

    /// Change settings; what is not given stays. The encoding, the error handler
    /// and the line ends cannot be changed once text has been read.
    #[pymethod(
        sig = "(**kwargs)",
        text_signature = "($self, /, *, encoding=None, errors=None, newline=None,\n            line_buffering=None, write_through=None)"
    )]
    fn reconfigure(this: &Object<TextIoWrapper>, kwargs: KwArgs<'_>) -> PyResult<()> {
        const NAMES: [&str; 5] = ["encoding", "errors", "newline", "line_buffering", "write_through"];
        if let Some((name, _)) = kwargs.items.iter().find(|(n, _)| !NAMES.iter().any(|known| n.eq_str(known))) {
            let name = name.to_string_lossy();
            return Err(raise!(TypeError, "reconfigure() got an unexpected keyword argument '{name}'"));
        }
        let given = |wanted: &str| kwargs.items.iter().find(|(n, _)| n.eq_str(wanted)).map(|(_, v)| *v);
        let text = |wanted: &str| given(wanted).map_or(Ok(None), |v| text_or_none(v, "reconfigure", wanted));
        let (encoding, errors, newline_text) = (text("encoding")?, text("errors")?, text("newline")?);
        let newline = given("newline");
        let buffer = this.attached()?;
        let settles = encoding.is_some() || errors.is_some() || newline.is_some();
        if settles && this.has_read() {
            return Err(unsupported(
                "It is not possible to set the encoding or newline of stream after the first read",
            ));
        }
        let new_newline = newline_argument(newline_text)?;
        let line_buffering = flag_argument(given("line_buffering"), &this.line_buffering)?;
        let write_through = flag_argument(given("write_through"), &this.write_through)?;
        method(&this.as_obj(), name!("flush"))?;
        this.clear_snapshot();
        if newline.is_some() {
            this.set_newline(new_newline);
        }
        if settles {
            this.change_codec(&buffer, encoding, errors)?;
        }
        this.line_buffering.set(line_buffering);
        this.write_through.set(write_through);
        Ok(())
    }

    /// Flush, and take the buffer away; the wrapper is of no use afterwards.
    #[pymethod]
    fn detach(this: &Object<TextIoWrapper>) -> PyResult<Obj> {
        this.attached()?;
        method(&this.as_obj(), name!("flush"))?;
        let buffer = this.attached()?;
        drop(this.buffer.take());
        this.state.set(State::Detached);
        Ok(buffer)
    }

    /// Write the text; its length. It may stay in the buffers.
    #[pymethod]
    fn write(this: &Object<TextIoWrapper>, text: &Obj) -> PyResult<usize> {
        let Some(text) = text.downcast::<Str>() else {
            return Err(raise!(TypeError, "write() argument must be str, not {}", text.class().name()));
        };
        TextIoWrapper::write_text(this, text)
    }

    /// Read up to size characters, all that are left by default.
    #[pymethod(sig = "(size=-1, /)")]
    fn read(this: &Object<TextIoWrapper>, size: Option<Size>) -> PyResult<Obj> {
        TextIoWrapper::read_text(this, size_or_all(size)).map(Into::into)
    }

    /// Read one line, of at most size characters.
    #[pymethod(sig = "(size=-1, /)")]
    fn readline(this: &Object<TextIoWrapper>, size: isize) -> PyResult<Obj> {
        TextIoWrapper::read_line(this, size).map(Into::into)
    }

    #[slot(iternext)]
    fn next(this: &Object<TextIoWrapper>) -> PyResult<Option<Obj>> {
        this.attached()?;
        this.telling.set(false);
        let line = if std::ptr::eq(this.class(), TextIoWrapper::class()) {
            TextIoWrapper::read_line(this, -1)?
        } else {
            line_of_subclass(&this.as_obj())?
        };
        if line.is_empty() {
            this.clear_snapshot();
            this.telling.set(this.seekable.get());
            return Ok(None);
        }
        Ok(Some(line.into()))
    }

    /// Write out what is pending, and flush the buffer.
    #[pymethod]
    fn flush(this: &Object<TextIoWrapper>) -> PyResult<Obj> {
        let buffer = TextIoWrapper::open_buffer(this)?;
        this.telling.set(this.seekable.get());
        this.write_pending(&buffer)?;
        method(&buffer, name!("flush"))
    }

    /// Flush and close the stream and its buffer.
    #[pymethod]
    fn close(this: &Object<TextIoWrapper>) -> PyResult<()> {
        let obj = this.as_obj();
        let buffer = this.attached()?;
        // Asking may have taken the buffer away.
        if support::is_closed(&obj)? || this.state.get() != State::Ready {
            return Ok(());
        }
        if this.finalizing.get()
            && let Err(raised) = call::call_method_str(&buffer, name!("_dealloc_warn"), &[this.to_obj()])
        {
            raised.discard();
        }
        let flushed = method(&obj, name!("flush")).map_err(Raised::take);
        let closed = method(&buffer, name!("close"));
        support::chain(flushed, closed.map(drop))
    }

    /// Move to a position that tell() gave, to the start or to the end.
    #[pymethod(sig = "(cookie, whence=0, /)", text_signature = "($self, cookie, whence=os.SEEK_SET, /)")]
    fn seek(this: &Object<TextIoWrapper>, cookie: &Obj, whence: i32) -> PyResult<Obj> {
        TextIoWrapper::seek_to(this, cookie, whence)
    }

    /// The current position, as a number that only seek() understands.
    #[pymethod]
    fn tell(this: &Object<TextIoWrapper>) -> PyResult<Obj> {
        TextIoWrapper::position(this)
    }

    /// Flush, and change the size of the file.
    #[pymethod(sig = "(pos=None, /)")]
    fn truncate(this: &Object<TextIoWrapper>, pos: Option<Obj>) -> PyResult<Obj> {
        let buffer = this.attached()?;
        method(&this.as_obj(), name!("flush"))?;
        call::call_method_str(&buffer, name!("truncate"), &[pos.unwrap_or_else(none)])
    }

    /// The buffer's file descriptor.
    #[pymethod]
    fn fileno(&self) -> PyResult<Obj> {
        method(&self.attached()?, name!("fileno"))
    }

    /// Whether the buffer can seek.
    #[pymethod]
    fn seekable(&self) -> PyResult<Obj> {
        method(&self.attached()?, name!("seekable"))
    }

    /// Whether the buffer can be read.
    #[pymethod]
    fn readable(&self) -> PyResult<Obj> {
        method(&self.attached()?, name!("readable"))
    }

    /// Whether the buffer can be written.
    #[pymethod]
    fn writable(&self) -> PyResult<Obj> {
        method(&self.attached()?, name!("writable"))
    }

    /// Whether the buffer is a terminal.
    #[pymethod]
    fn isatty(&self) -> PyResult<Obj> {
        method(&self.attached()?, name!("isatty"))
    }

    #[pymethod(name = "__getstate__")]
    fn getstate(this: &Obj) -> PyResult<Obj> {
        Err(cannot_pickle(this))
    }

    #[getter]
    fn buffer(&self) -> PyResult<Obj> {
        self.attached()
    }

    #[getter]
    fn name(&self) -> PyResult<Obj> {
        attr::getattr(&self.attached()?, name!("name"))
    }

    #[getter]
    fn closed(this: &Object<TextIoWrapper>) -> PyResult<Obj> {
        // A stream without a buffer has nothing to lose: its finaliser leaves it alone.
        if this.state.get() == State::New {
            return Ok(pyrs_runtime::objects::singletons::bool_obj(true));
        }
        attr::getattr(&this.attached()?, name!("closed"))
    }

    #[getter]
    fn encoding(&self) -> Option<Obj> {
        self.encoding.get()
    }

    #[getter]
    fn errors(&self) -> PyResult<Option<Obj>> {
        if self.state.get() == State::New { Err(uninitialized()) } else { Ok(self.errors.get()) }
    }

    #[getter]
    fn newlines(&self) -> PyResult<Obj> {
        self.attached()?;
        Ok(if self.universal.get() { self.newlines.seen() } else { none() })
    }

    #[getter]
    fn line_buffering(&self) -> bool {
        self.line_buffering.get()
    }

    #[getter]
    fn write_through(&self) -> bool {
        self.write_through.get()
    }

    #[getter(name = "_CHUNK_SIZE")]
    fn chunk_size(&self) -> PyResult<usize> {
        self.attached()?;
        Ok(self.chunk_size.get())
    }

    #[setter(name = "_CHUNK_SIZE")]
    fn set_chunk_size(&self, value: Option<&Obj>) -> PyResult<()> {
        self.attached()?;
        let Some(value) = value else {
            let text = "attribute '_CHUNK_SIZE' of '_io.TextIOWrapper' objects cannot be deleted";
            return Err(raise!(AttributeError, "{text}"));
        };
        let index = number::index(value)?;
        let Some(size) = int::to_i64(&index) else {
            return Err(raise!(ValueError, "cannot fit '{}' into an index-sized integer", value.class().name()));
        };
        if size <= 0 {
            return Err(raise!(ValueError, "a strictly positive integer is required"));
        }
        self.chunk_size.set(size as usize);
        Ok(())
    }

    #[getter(name = "_finalizing")]
    fn finalizing(&self) -> bool {
        self.finalizing.get()
    }

    #[setter(name = "_finalizing")]
    fn set_finalizing(&self, value: Option<&Obj>) -> PyResult<()> {
        self.finalizing.set(support::bool_value(value)?);
        Ok(())
    }
}

impl TextIoWrapper {
    /// `reconfigure()` of encoding or error handler.
    fn change_codec(&self, buffer: &Obj, encoding: Option<&Object<Str>>, errors: Option<&Object<Str>>) -> PyResult<()> {
        let new_errors = match errors {
            Some(errors) => errors.to_string_checked()?,
            // Another encoding starts with the strict handler.
            None if encoding.is_some() => "strict".to_owned(),
            None => self.errors_text(),
        };
        let new_encoding = match encoding {
            Some(text) if text.eq_str("locale") => locale_encoding(),
            Some(text) => text.to_string_checked()?,
            None => self.encoding_text(),
        };
        self.set_codec(buffer, &new_encoding, &new_errors)?;
        self.encoding.put(Str::new(&new_encoding).into());
        self.errors.put(Str::new(&new_errors).into());
        self.fix_encoder(buffer)
    }
}
