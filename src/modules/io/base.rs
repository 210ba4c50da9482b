//! The abstract classes `_IOBase`, `_RawIOBase`, `_BufferedIOBase` and `_TextIOBase`.
//!
//! They hold no data of their own: an instance's closed state is the attribute `__IOBase_closed`.

use pyrs_macros::{pyclass, pymethods};
use pyrs_runtime::args::Maybe;
use pyrs_runtime::call::{self, Args};
use pyrs_runtime::errors::{PyResult, unless_raised};
use pyrs_runtime::object::{Obj, Ptr, PyClass};
use pyrs_runtime::objects::bytearray::ByteArray;
use pyrs_runtime::objects::bytes::Bytes;
use pyrs_runtime::objects::dict::Dict;
use pyrs_runtime::objects::exceptions::AttributeError;
use pyrs_runtime::objects::int;
use pyrs_runtime::objects::list::List;
use pyrs_runtime::objects::singletons::{bool_obj, none};
use pyrs_runtime::protocols::buffer::WritableBytes;
use pyrs_runtime::protocols::{attr, iter, number, text, truth};
use pyrs_runtime::types::shape;
use pyrs_runtime::{name, raise};

use super::support::{self, DEFAULT_BUFFER_SIZE, Size, check_open, method, size_or_all, unsupported};

/// The base of all streams: positions, lines, closing and the context manager.
///
/// Streams are iterable line by line. Methods that a stream cannot support
/// raise UnsupportedOperation.
#[pyclass(name = "_IOBase", module = "_io", flags = BASETYPE | HEAP_LIKE, dict, weaklist)]
pub struct IoBase;

/// The closed state that `close()` of the base class leaves.
fn base_is_closed(this: &Obj) -> PyResult<bool> {
    Ok(attr::getattr_optional(this, name!("__IOBase_closed"))?.is_some())
}

/// `close()` of the base class: flushes once.
pub fn base_close(this: &Obj) -> PyResult<()> {
    if base_is_closed(this)? {
        return Ok(());
    }
    let flushed = method(this, name!("flush")).map_err(pyrs_runtime::Raised::take);
    let marked = attr::setattr(this, name!("__IOBase_closed"), Some(&bool_obj(true)));
    support::chain(flushed, marked)
}

/// Closes a stream that nobody refers to any more.
pub fn finalize(this: &Obj) {
    // A stream that cannot even tell whether it is open is left alone.
    let closed = match attr::getattr(this, name!("closed")).and_then(|c| truth::is_true(&c)) {
        Ok(closed) => closed,
        Err(raised) => return raised.discard(),
    };
    if closed {
        return;
    }
    if let Err(raised) = attr::setattr(this, name!("_finalizing"), Some(&bool_obj(true))) {
        raised.discard();
    }
    if let Err(raised) = method(this, name!("close")) {
        let exc = raised.take();
        let shown = text::repr_text(this).unwrap_or_else(|raised| {
            raised.discard();
            format!("<{}>", this.class().name())
        });
        let message = format!("Exception ignored while finalizing file {shown}");
        crate::core::sys_objects::write_unraisable_message(&exc, Some(&message), None);
    }
}

#[pymethods]
impl IoBase {
    #[slot(finalize)]
    fn finalize(this: &Obj) {
        finalize(this);
    }

    #[getter(name = "__dict__")]
    fn dict(this: &Obj) -> PyResult<Option<Ptr<Dict>>> {
        shape::instance_dict(this)
    }

    #[setter(name = "__dict__")]
    fn set_dict(this: &Obj, value: Option<&Obj>) -> PyResult<()> {
        let Some(value) = value else {
            return Err(raise!(TypeError, "cannot delete __dict__"));
        };
        let Some(dict) = value.downcast::<Dict>() else {
            let class = value.class().name();
            return Err(raise!(TypeError, "__dict__ must be set to a dictionary, not a '{class}'"));
        };
        shape::set_instance_dict(this, Some(dict)).map(drop)
    }

    /// Move the position; not supported here.
    #[pymethod(sig = "(offset, whence=0, /)", text_signature = "($self, offset, whence=os.SEEK_SET, /)")]
    fn seek(&self, offset: &Obj, whence: i32) -> PyResult<Obj> {
        let _ = (offset, whence);
        Err(unsupported("seek"))
    }

    /// The current position.
    #[pymethod]
    fn tell(this: &Obj) -> PyResult<Obj> {
        call::call_method_str(this, name!("seek"), &[int::new(0), int::new(1)])
    }

    /// Change the size; not supported here.
    #[pymethod(sig = "(size=None, /)")]
    fn truncate(&self, size: Option<&Obj>) -> PyResult<Obj> {
        let _ = size;
        Err(unsupported("truncate"))
    }

    /// The underlying file descriptor; not supported here.
    #[pymethod]
    fn fileno(&self) -> PyResult<Obj> {
        Err(unsupported("fileno"))
    }

    /// Write out what is buffered; does nothing but check that the stream is open.
    #[pymethod]
    fn flush(this: &Obj) -> PyResult<()> {
        if base_is_closed(this)? { Err(support::closed_error()) } else { Ok(()) }
    }

    /// Flush and close the stream; closing twice is allowed.
    #[pymethod]
    fn close(this: &Obj) -> PyResult<()> {
        base_close(this)
    }

    #[getter]
    fn closed(this: &Obj) -> PyResult<bool> {
        base_is_closed(this)
    }

    /// Whether seek() and tell() work.
    #[pymethod]
    fn seekable(&self) -> bool {
        false
    }

    /// Whether the stream can be read.
    #[pymethod]
    fn readable(&self) -> bool {
        false
    }

    /// Whether the stream can be written.
    #[pymethod]
    fn writable(&self) -> bool {
        false
    }

    /// Whether the stream is a terminal.
    #[pymethod]
    fn isatty(this: &Obj) -> PyResult<bool> {
        check_open(this).map(|()| false)
    }

    #[pymethod(name = "_checkClosed")]
    fn check_closed(this: &Obj) -> PyResult<()> {
        check_open(this)
    }

    #[pymethod(name = "_checkSeekable")]
    fn check_seekable(this: &Obj) -> PyResult<bool> {
        support::check_seekable(this).map(|()| true)
    }

    #[pymethod(name = "_checkReadable")]
    fn check_readable(this: &Obj) -> PyResult<bool> {
        support::check_readable(this).map(|()| true)
    }

    #[pymethod(name = "_checkWritable")]
    fn check_writable(this: &Obj) -> PyResult<bool> {
        support::check_writable(this).map(|()| true)
    }

    #[pymethod(name = "__enter__")]
    fn enter(this: &Obj) -> PyResult<Obj> {
        check_open(this)?;
        Ok(this.clone())
    }

    #[pymethod(name = "__exit__")]
    fn exit(this: &Obj, args: Args<'_>) -> PyResult<Obj> {
        let _ = args;
        method(this, name!("close"))
    }

    #[slot(iter)]
    fn iter(this: &Obj) -> PyResult<Obj> {
        check_open(this)?;
        Ok(this.clone())
    }

    #[slot(iternext)]
    fn next(this: &Obj) -> PyResult<Option<Obj>> {
        let line = method(this, name!("readline"))?;
        Ok((pyrs_runtime::protocols::sequence::len(&line)? > 0).then_some(line))
    }

    /// Read one line, of at most size bytes.
    #[pymethod(sig = "(size=-1, /)")]
    fn readline(this: &Obj, size: Option<Size>) -> PyResult<Obj> {
        let limit = usize::try_from(size_or_all(size)).unwrap_or(usize::MAX);
        let has_peek = attr::getattr_optional(this, name!("peek"))?.is_some();
        let mut line = Vec::new();
        while line.len() < limit {
            let wanted = if has_peek { readahead(this)?.min(limit - line.len()) } else { 1 };
            let args = [int::new(wanted as i64)];
            let chunk = support::retry_interrupted(|| call::call_method_str(this, name!("read"), &args))?;
            let Some(chunk) = chunk.downcast::<Bytes>() else {
                return Err(raise!(
                    OSError,
                    "read() should have returned a bytes object, not '{}'",
                    chunk.class().name()
                ));
            };
            line.extend_from_slice(chunk.as_slice());
            if chunk.is_empty() || line.ends_with(b"\n") {
                break;
            }
        }
        Ok(Bytes::from_vec(line).into())
    }

    /// Read all lines into a list, or until their total size exceeds hint.
    #[pymethod(sig = "(hint=-1, /)")]
    fn readlines(this: &Obj, hint: Option<Size>) -> PyResult<Obj> {
        let hint = size_or_all(hint);
        if hint <= 0 {
            return Ok(List::from_vec(iter::collect(this)?).into());
        }
        let (mut lines, mut total) = (Vec::new(), 0);
        let iterator = iter::iter(this)?;
        while let Some(line) = iter::next(&iterator)? {
            let length = pyrs_runtime::protocols::sequence::len(&line)?;
            lines.push(line);
            if length > hint as usize - total {
                break;
            }
            total += length;
        }
        Ok(List::from_vec(lines).into())
    }

    /// Write each of the lines; no line ends are added.
    #[pymethod]
    fn writelines(this: &Obj, lines: &Obj) -> PyResult<()> {
        check_open(this)?;
        iter::for_each(lines, |line| {
            support::retry_interrupted(|| call::call_method_str(this, name!("write"), std::slice::from_ref(&line)))
                .map(drop)
        })
    }
}

/// How many bytes a stream with `peek()` can give up to the end of the line.
fn readahead(this: &Obj) -> PyResult<usize> {
    let args = [int::new(1)];
    let ahead = support::retry_interrupted(|| call::call_method_str(this, name!("peek"), &args))?;
    let Some(ahead) = ahead.downcast::<Bytes>() else {
        return Err(raise!(OSError, "peek() should have returned a bytes object, not '{}'", ahead.class().name()));
    };
    Ok(match support::find_newline(ahead.as_slice()) {
        Some(end) => end,
        None => ahead.len().max(1),
    })
}

/// The base of unbuffered binary streams.
#[pyclass(name = "_RawIOBase", module = "_io", base = IoBase, flags = BASETYPE | HEAP_LIKE)]
pub struct RawIoBase;

#[pymethods]
impl RawIoBase {
    /// Read up to size bytes by one readinto(); None if nothing is ready.
    #[pymethod(sig = "(size=-1, /)")]
    fn read(this: &Obj, size: Maybe<isize>) -> PyResult<Obj> {
        let size = size.0.unwrap_or(-1);
        if size < 0 {
            return method(this, name!("readall"));
        }
        let size = size as usize;
        let array = ByteArray::new(vec![0; size]);
        let result = call::call_method_str(this, name!("readinto"), &[array.to_obj()])?;
        if result.is_none() {
            return Ok(result);
        }
        let count = number::as_ssize(&result, true)?;
        if count < 0 || count as usize > size {
            return Err(raise!(ValueError, "readinto returned {count} outside buffer size {size}"));
        }
        Ok(array.with(|data| Bytes::new(&data[..(count as usize).min(data.len())])).into())
    }

    /// Read until the end, by repeated read().
    #[pymethod]
    fn readall(this: &Obj) -> PyResult<Obj> {
        let mut all = Vec::new();
        let args = [int::new(DEFAULT_BUFFER_SIZE as i64)];
        loop {
            let chunk = support::retry_interrupted(|| call::call_method_str(this, name!("read"), &args))?;
            if chunk.is_none() {
                if all.is_empty() {
                    return Ok(chunk);
                }
                break;
            }
            let Some(chunk) = chunk.downcast::<Bytes>() else {
                return Err(raise!(TypeError, "read() should return bytes"));
            };
            if chunk.is_empty() {
                break;
            }
            all.extend_from_slice(chunk.as_slice());
        }
        Ok(Bytes::from_vec(all).into())
    }

    #[pymethod]
    fn readinto(&self, args: Args<'_>) -> PyResult<Obj> {
        let _ = args;
        Err(raise!(NotImplementedError))
    }

    #[pymethod]
    fn write(&self, args: Args<'_>) -> PyResult<Obj> {
        let _ = args;
        Err(raise!(NotImplementedError))
    }
}

/// The base of buffered binary streams: reads and writes are complete unless
/// the stream is non-blocking.
#[pyclass(name = "_BufferedIOBase", module = "_io", base = IoBase, flags = BASETYPE | HEAP_LIKE)]
pub struct BufferedIoBase;

/// `readinto()` by way of a method that gives bytes.
pub fn read_into_by(
    this: &Obj,
    buffer: &WritableBytes,
    name: &pyrs_runtime::object::Object<pyrs_runtime::objects::str::Str>,
) -> PyResult<usize> {
    let room = buffer.0.len();
    let data = call::call_method_str(this, name, &[int::new(room as i64)])?;
    let Some(data) = data.downcast::<Bytes>() else {
        return Err(raise!(TypeError, "read() should return bytes"));
    };
    if data.len() > room {
        let given = data.len();
        return Err(raise!(ValueError, "read() returned too much data: {room} bytes requested, {given} returned"));
    }
    buffer.0.with_bytes_mut(|out| out[..data.len()].copy_from_slice(data.as_slice()));
    Ok(data.len())
}

#[pymethods]
impl BufferedIoBase {
    /// Take the raw stream away; not supported here.
    #[pymethod]
    fn detach(&self) -> PyResult<Obj> {
        Err(unsupported("detach"))
    }

    /// Read up to size bytes, all if it is negative; not supported here.
    #[pymethod(sig = "(size=-1, /)")]
    fn read(&self, size: Maybe<&Obj>) -> PyResult<Obj> {
        check_integer(size.0)?;
        Err(unsupported("read"))
    }

    /// Read up to size bytes with at most one system call; not supported here.
    #[pymethod(sig = "(size=-1, /)")]
    fn read1(&self, size: Maybe<&Obj>) -> PyResult<Obj> {
        check_integer(size.0)?;
        Err(unsupported("read1"))
    }

    /// Read into the buffer, by read().
    #[pymethod]
    fn readinto(this: &Obj, buffer: WritableBytes) -> PyResult<usize> {
        read_into_by(this, &buffer, name!("read"))
    }

    /// Read into the buffer, by read1().
    #[pymethod]
    fn readinto1(this: &Obj, buffer: WritableBytes) -> PyResult<usize> {
        read_into_by(this, &buffer, name!("read1"))
    }

    /// Write the bytes; not supported here.
    #[pymethod]
    fn write(&self, b: &Obj) -> PyResult<Obj> {
        let _ = b;
        Err(unsupported("write"))
    }
}

fn check_integer(size: Option<&Obj>) -> PyResult<()> {
    size.filter(|s| !s.is_none()).map_or(Ok(()), |s| number::as_ssize(s, true).map(drop))
}

/// The base of text streams.
#[pyclass(name = "_TextIOBase", module = "_io", base = IoBase, flags = BASETYPE | HEAP_LIKE)]
pub struct TextIoBase;

#[pymethods]
impl TextIoBase {
    /// Take the underlying buffer away; not supported here.
    #[pymethod]
    fn detach(&self) -> PyResult<Obj> {
        Err(unsupported("detach"))
    }

    /// Read up to size characters, all if it is negative; not supported here.
    #[pymethod(sig = "(size=-1, /)")]
    fn read(&self, size: Maybe<&Obj>) -> PyResult<Obj> {
        check_integer(size.0)?;
        Err(unsupported("read"))
    }

    /// Read one line; not supported here.
    #[pymethod(sig = "(size=-1, /)")]
    fn readline(&self, size: Maybe<&Obj>) -> PyResult<Obj> {
        check_integer(size.0)?;
        Err(unsupported("readline"))
    }

    /// Write the text; not supported here.
    #[pymethod]
    fn write(&self, s: &Obj) -> PyResult<Obj> {
        let _ = s;
        Err(unsupported("write"))
    }

    /// Encoding of the text stream, None if it has none.
    #[getter]
    fn encoding(&self) -> Obj {
        none()
    }

    /// Line ends that have been read so far: None, a text or a tuple of texts.
    #[getter]
    fn newlines(&self) -> Obj {
        none()
    }

    /// Name of the error handler, None if there is none.
    #[getter]
    fn errors(&self) -> Obj {
        none()
    }
}

/// An attribute of another object, or None where it has none.
pub fn attribute_or_none(
    obj: &Obj,
    name: &pyrs_runtime::object::Object<pyrs_runtime::objects::str::Str>,
) -> PyResult<Obj> {
    Ok(unless_raised(attr::getattr(obj, name), AttributeError::class())?.unwrap_or_else(none))
}
