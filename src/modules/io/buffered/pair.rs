//! `BufferedRWPair`: a reader and a writer as one stream, for pipes and sockets.

use pyrs_macros::{pyclass, pymethods};
use pyrs_runtime::call::{self, Args};
use pyrs_runtime::errors::{PyResult, Raised};
use pyrs_runtime::object::{Obj, ObjCell, Object, Ptr};
use pyrs_runtime::objects::singletons::bool_obj;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::protocols::attr;
use pyrs_runtime::types::Type;
use pyrs_runtime::{name, raise};

use super::{BufferedReader, BufferedWriter};
use crate::io::base::BufferedIoBase;
use crate::io::support::{self, DEFAULT_BUFFER_SIZE, ask, method, uninitialized};

/// A readable and a writable raw stream, each with its buffer, as one stream.
#[pyclass(name = "BufferedRWPair", module = "_io", base = BufferedIoBase, flags = BASETYPE | HEAP_LIKE | PLAIN_NEW)]
pub struct BufferedRwPair {
    reader: ObjCell,
    writer: ObjCell,
}

fn forward(stream: &ObjCell, name: &Object<Str>, args: Args<'_>) -> PyResult<Obj> {
    let stream = stream.get().ok_or_else(uninitialized)?;
    call::call_args(&attr::getattr(&stream, name)?, args)
}

fn buffered<T: pyrs_runtime::PyClass>(raw: &Obj, size: isize) -> PyResult<Obj> {
    call::call(&T::class().as_obj(), &[raw.clone(), pyrs_runtime::objects::int::new(size as i64)])
}

#[pymethods]
impl BufferedRwPair {
    #[slot(new)]
    fn construct(cls: &Type, _args: Args<'_>) -> PyResult<Obj> {
        Ok(Ptr::new_in(cls, BufferedRwPair { reader: ObjCell::empty(), writer: ObjCell::empty() }).into())
    }

    #[init(sig = "(reader, writer, buffer_size=DEFAULT_BUFFER_SIZE, /)")]
    fn init(&self, reader: &Obj, writer: &Obj, buffer_size: isize) -> PyResult<()> {
        support::check_readable(reader)?;
        support::check_writable(writer)?;
        self.reader.put(buffered::<BufferedReader>(reader, buffer_size)?);
        match buffered::<BufferedWriter>(writer, buffer_size) {
            Ok(writer) => {
                self.writer.put(writer);
                Ok(())
            }
            Err(raised) => {
                drop(self.reader.take());
                Err(raised)
            }
        }
    }

    #[pymethod]
    fn read(&self, args: Args<'_>) -> PyResult<Obj> {
        forward(&self.reader, name!("read"), args)
    }

    #[pymethod]
    fn peek(&self, args: Args<'_>) -> PyResult<Obj> {
        forward(&self.reader, name!("peek"), args)
    }

    #[pymethod]
    fn read1(&self, args: Args<'_>) -> PyResult<Obj> {
        forward(&self.reader, name!("read1"), args)
    }

    #[pymethod]
    fn readinto(&self, args: Args<'_>) -> PyResult<Obj> {
        forward(&self.reader, name!("readinto"), args)
    }

    #[pymethod]
    fn readinto1(&self, args: Args<'_>) -> PyResult<Obj> {
        forward(&self.reader, name!("readinto1"), args)
    }

    #[pymethod]
    fn write(&self, args: Args<'_>) -> PyResult<Obj> {
        forward(&self.writer, name!("write"), args)
    }

    #[pymethod(text_signature = "($self, /)")]
    fn flush(&self) -> PyResult<Obj> {
        forward(&self.writer, name!("flush"), Args::EMPTY)
    }

    /// Whether the reader can be read.
    #[pymethod]
    fn readable(&self) -> PyResult<Obj> {
        forward(&self.reader, name!("readable"), Args::EMPTY)
    }

    /// Whether the writer can be written.
    #[pymethod]
    fn writable(&self) -> PyResult<Obj> {
        forward(&self.writer, name!("writable"), Args::EMPTY)
    }

    /// Close both, the writer first.
    #[pymethod]
    fn close(&self) -> PyResult<()> {
        let first = forward(&self.writer, name!("close"), Args::EMPTY).map_err(Raised::take);
        let second = forward(&self.reader, name!("close"), Args::EMPTY);
        support::chain(first, second.map(drop))
    }

    /// Whether one of the two is a terminal.
    #[pymethod]
    fn isatty(&self) -> PyResult<Obj> {
        let writer = self.writer.get().ok_or_else(uninitialized)?;
        if ask(&writer, name!("isatty"))? {
            return Ok(bool_obj(true));
        }
        method(&self.reader.get().ok_or_else(uninitialized)?, name!("isatty"))
    }

    #[getter]
    fn closed(&self) -> PyResult<Obj> {
        match self.writer.get() {
            Some(writer) => attr::getattr(&writer, name!("closed")),
            None => Err(raise!(RuntimeError, "the BufferedRWPair object is being garbage-collected")),
        }
    }
}
