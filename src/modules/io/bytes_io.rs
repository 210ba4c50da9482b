//! `BytesIO`: a binary stream in memory. While buffers of it are exported its size is fixed.

use std::cell::Cell;

use pyrs_macros::{pyclass, pymethods};
use pyrs_runtime::args::Maybe;
use pyrs_runtime::call::Args;
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::object::{DataCell, Obj, Object, Ptr};
use pyrs_runtime::objects::bytes::Bytes;
use pyrs_runtime::objects::dict::Dict;
use pyrs_runtime::objects::int;
use pyrs_runtime::objects::list::List;
use pyrs_runtime::objects::memoryview::MemoryView;
use pyrs_runtime::objects::singletons::none;
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::protocols::buffer::{Buffer, BytesLike, WritableBytes};
use pyrs_runtime::protocols::{iter, number};
use pyrs_runtime::raise;
use pyrs_runtime::types::{Type, shape};

use super::base::BufferedIoBase;
use super::support::{Size, closed_error, find_newline, size_or_all};

/// A binary stream whose contents are in memory.
#[pyclass(name = "BytesIO", module = "_io", base = BufferedIoBase, flags = BASETYPE | HEAP_LIKE)]
pub struct BytesIo {
    data: DataCell<Vec<u8>>,
    /// May be behind the end.
    position: Cell<usize>,
    exports: Cell<usize>,
    closed: Cell<bool>,
}

impl BytesIo {
    pub fn is_open(&self) -> bool {
        !self.closed.get()
    }

    fn check_open(&self) -> PyResult<()> {
        if self.closed.get() { Err(closed_error()) } else { Ok(()) }
    }

    fn check_exports(&self) -> PyResult<()> {
        if self.exports.get() > 0 {
            return Err(raise!(BufferError, "Existing exports of data: object cannot be re-sized"));
        }
        Ok(())
    }

    /// Looks at the next bytes, `size` of them at most, and goes on behind them.
    fn take<R>(&self, size: isize, f: impl FnOnce(&[u8]) -> R) -> R {
        self.data.with(|data| {
            let start = self.position.get().min(data.len());
            let left = data.len() - start;
            let count = usize::try_from(size).map_or(left, |n| n.min(left));
            if count > 0 {
                self.position.set(start + count);
            }
            f(&data[start..start + count])
        })
    }

    fn line_length(&self, limit: isize) -> usize {
        self.data.with(|data| {
            let rest = data.get(self.position.get()..).unwrap_or_default();
            let end = find_newline(rest).unwrap_or(rest.len());
            usize::try_from(limit).map_or(end, |limit| end.min(limit))
        })
    }

    fn take_line(&self, limit: isize) -> Ptr<Bytes> {
        self.take(self.line_length(limit) as isize, Bytes::new)
    }

    pub fn write_bytes(&self, bytes: &[u8]) -> PyResult<usize> {
        self.check_open()?;
        self.check_exports()?;
        if bytes.is_empty() {
            return Ok(0);
        }
        let start = self.position.get();
        let Some(end) = start.checked_add(bytes.len()).filter(|n| *n <= isize::MAX as usize) else {
            return Err(raise!(OverflowError, "new buffer size too large"));
        };
        self.data
            .with(|data| {
                if start == data.len() {
                    data.extend_from_slice(bytes);
                    return Ok(());
                }
                if end > data.len() {
                    if data.try_reserve(end - data.len()).is_err() {
                        return Err(());
                    }
                    data.resize(end, 0);
                }
                data[start..end].copy_from_slice(bytes);
                Ok(())
            })
            .map_err(|()| raise!(MemoryError))?;
        self.position.set(end);
        Ok(bytes.len())
    }

    /// A position or size that must not be negative.
    fn non_negative(n: isize, what: &str) -> PyResult<usize> {
        usize::try_from(n).map_err(|_| raise!(ValueError, "negative {what} value {n}"))
    }
}

#[pymethods]
impl BytesIo {
    #[slot(new)]
    fn construct(cls: &Type, _args: Args<'_>) -> PyResult<Obj> {
        let fresh = BytesIo {
            data: DataCell::new(Vec::new()),
            position: Cell::new(0),
            exports: Cell::new(0),
            closed: Cell::new(false),
        };
        Ok(Ptr::new_in(cls, fresh).into())
    }

    #[init(sig = "(initial_bytes=b'')")]
    fn init(&self, initial_bytes: Maybe<&Obj>) -> PyResult<()> {
        // No data at all is as good as empty data.
        self.check_exports()?;
        self.position.set(0);
        self.closed.set(false);
        let fresh = match initial_bytes.0.filter(|b| !b.is_none()) {
            Some(bytes) => BytesLike::new(bytes)?.to_vec(),
            None => Vec::new(),
        };
        self.data.replace(fresh);
        Ok(())
    }

    #[slot(iter)]
    fn iter(this: &Object<BytesIo>) -> PyResult<Obj> {
        this.check_open()?;
        Ok(this.to_obj())
    }

    #[slot(iternext)]
    fn next(&self) -> PyResult<Option<Obj>> {
        self.check_open()?;
        let line = self.take_line(-1);
        Ok((!line.is_empty()).then(|| line.into()))
    }

    /// Read up to size bytes, all that are left by default.
    #[pymethod(sig = "(size=-1, /)")]
    fn read(&self, size: Option<Size>) -> PyResult<Obj> {
        self.check_open()?;
        Ok(self.take(size_or_all(size), Bytes::new).into())
    }

    /// As read().
    #[pymethod(sig = "(size=-1, /)")]
    fn read1(&self, size: Option<Size>) -> PyResult<Obj> {
        self.read(size)
    }

    /// Read one line, of at most size bytes.
    #[pymethod(sig = "(size=-1, /)")]
    fn readline(&self, size: Option<Size>) -> PyResult<Obj> {
        self.check_open()?;
        Ok(self.take_line(size_or_all(size)).into())
    }

    /// Read all lines into a list, or until their total size reaches size.
    #[pymethod(sig = "(size=None, /)")]
    fn readlines(&self, size: Option<Size>) -> PyResult<Obj> {
        self.check_open()?;
        let limit = usize::try_from(size_or_all(size)).ok().filter(|n| *n > 0).unwrap_or(usize::MAX);
        let (mut lines, mut total) = (Vec::new(), 0);
        while total < limit {
            let line = self.take_line(-1);
            if line.is_empty() {
                break;
            }
            total += line.len();
            lines.push(line.into());
        }
        Ok(List::from_vec(lines).into())
    }

    /// Read into the buffer; the number of bytes.
    #[pymethod]
    fn readinto(&self, buffer: WritableBytes) -> PyResult<usize> {
        self.check_open()?;
        let room = buffer.0.len();
        // The buffer may be a view of this very stream: copy by way of a vector then.
        let data = self.take(room as isize, <[u8]>::to_vec);
        buffer.0.with_bytes_mut(|out| out[..data.len()].copy_from_slice(&data));
        Ok(data.len())
    }

    /// Write the bytes at the position; their number.
    #[pymethod]
    fn write(&self, b: &Obj) -> PyResult<usize> {
        self.check_open()?;
        self.check_exports()?;
        let data = BytesLike::new(b)?;
        self.write_bytes(&data)
    }

    /// Write each of the lines; no line ends are added.
    #[pymethod]
    fn writelines(&self, lines: &Obj) -> PyResult<()> {
        self.check_open()?;
        iter::for_each(lines, |line| self.write(&line).map(drop))
    }

    /// Move the position: from the start, the position or the end.
    #[pymethod(sig = "(pos, whence=0, /)")]
    fn seek(&self, pos: isize, whence: i32) -> PyResult<usize> {
        self.check_open()?;
        let origin = match whence {
            0 => {
                self.position.set(BytesIo::non_negative(pos, "seek")?);
                return Ok(self.position.get());
            }
            1 => self.position.get(),
            2 => self.data.with(|d| d.len()),
            _ => return Err(raise!(ValueError, "invalid whence ({whence}, should be 0, 1 or 2)")),
        };
        let Some(target) = (origin as isize).checked_add(pos) else {
            return Err(raise!(OverflowError, "new position too large"));
        };
        self.position.set(target.max(0) as usize);
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
    #[pymethod(sig = "(size=None, /)")]
    fn truncate(&self, size: Option<&Obj>) -> PyResult<usize> {
        self.check_open()?;
        self.check_exports()?;
        let size = match size {
            None => self.position.get(),
            Some(size) => {
                let size = number::as_ssize(size, true)?;
                // The conversion may have closed or exported the stream.
                self.check_open()?;
                self.check_exports()?;
                BytesIo::non_negative(size, "size")?
            }
        };
        self.data.with(|data| data.truncate(size));
        Ok(size)
    }

    /// The contents as bytes.
    #[pymethod]
    fn getvalue(&self) -> PyResult<Obj> {
        self.check_open()?;
        Ok(self.data.with(|data| Bytes::new(data)).into())
    }

    /// A writable view of the contents; it fixes their size while it lives.
    #[pymethod]
    fn getbuffer(this: &Object<BytesIo>) -> PyResult<Obj> {
        this.check_open()?;
        let source = Ptr::new(BytesIoBuffer { source: this.to_ptr() }).into_obj();
        MemoryView::from_object(&source)
    }

    /// Does nothing.
    #[pymethod]
    fn flush(&self) -> PyResult<()> {
        self.check_open()
    }

    /// Free the contents.
    #[pymethod]
    fn close(&self) -> PyResult<()> {
        self.check_exports()?;
        self.closed.set(true);
        drop(self.data.replace(Vec::new()));
        Ok(())
    }

    /// Always False.
    #[pymethod]
    fn isatty(&self) -> PyResult<bool> {
        self.check_open().map(|()| false)
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

    /// True if the stream is closed.
    #[getter]
    fn closed(&self) -> bool {
        self.closed.get()
    }

    #[pymethod(name = "__sizeof__")]
    fn sizeof(this: &Object<BytesIo>) -> usize {
        this.class().basicsize() + this.data.with(|d| d.capacity())
    }

    #[pymethod(name = "__getstate__")]
    fn getstate(this: &Object<BytesIo>) -> PyResult<(Obj, Obj, Obj)> {
        let value = this.getvalue()?;
        Ok((value, int::new(this.position.get() as i64), state_dict(&this.as_obj())?))
    }

    /// Restore the contents, the position and the attributes.
    #[pymethod(name = "__setstate__", sig = "(object, /)", text_signature = "($self, object, /)")]
    fn setstate(this: &Object<BytesIo>, state: &Obj) -> PyResult<()> {
        let items = state.downcast::<Tuple>().map(Object::to_ptr).filter(|t| t.len() >= 3);
        let Some(items) = items else {
            let class = this.class().name();
            return Err(raise!(
                TypeError,
                "{class}.__setstate__ argument should be 3-tuple, got {}",
                state.class().name()
            ));
        };
        this.check_exports()?;
        let [value, position, dict] = &items.items()[..3] else { unreachable!("checked above") };
        this.data.replace(Vec::new());
        this.position.set(0);
        this.write(value)?;
        if !int::is_int(position) {
            let class = position.class().name();
            return Err(raise!(TypeError, "second item of state must be an integer, not {class}"));
        }
        let position = number::as_ssize(position, true)?;
        let position =
            usize::try_from(position).map_err(|_| raise!(ValueError, "position value cannot be negative"))?;
        this.position.set(position);
        restore_dict(&this.as_obj(), dict, "third")
    }
}

/// A copy of the instance's attributes, or None if it has none.
pub fn state_dict(this: &Obj) -> PyResult<Obj> {
    let dict = shape::instance_dict(this)?;
    Ok(dict.filter(|d| !d.is_empty()).map_or_else(none, |d| d.copy().into()))
}

/// Adds the attributes of a pickled state.
pub fn restore_dict(this: &Obj, dict: &Obj, ordinal: &str) -> PyResult<()> {
    if dict.is_none() {
        return Ok(());
    }
    let Some(dict) = dict.downcast::<Dict>() else {
        let class = dict.class().name();
        return Err(raise!(TypeError, "{ordinal} item of state should be a dict, got a {class}"));
    };
    match shape::instance_dict(this)? {
        Some(own) => own.update_from(dict),
        None => Ok(()),
    }
}

/// What `getbuffer()` exports: keeps the size of its stream fixed.
#[pyclass(name = "_BytesIOBuffer", module = "_io", flags = DISALLOW_INSTANTIATION | HEAP_LIKE)]
pub struct BytesIoBuffer {
    source: Ptr<BytesIo>,
}

#[pymethods]
impl BytesIoBuffer {
    #[slot(buffer)]
    fn buffer(this: &Obj, flags: u32) -> PyResult<Buffer> {
        let source = &this.downcast::<BytesIoBuffer>().expect("a slot of this class").source;
        let (ptr, len) = source.data.with(|d| (d.as_mut_ptr(), d.len()));
        let buffer = Buffer::fill(this, ptr, len, false, flags)?;
        source.exports.set(source.exports.get() + 1);
        Ok(buffer)
    }

    #[slot(release_buffer)]
    fn release(this: &Obj, _buffer: &Buffer) {
        let source = &this.downcast::<BytesIoBuffer>().expect("a slot of this class").source;
        source.exports.set(source.exports.get() - 1);
    }
}
