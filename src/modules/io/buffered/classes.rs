//! The three classes over [`Core`].

use pyrs_macros::{pyclass, pymethods};
use pyrs_runtime::call::Args;
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::name;
use pyrs_runtime::object::{Obj, Object, Ptr};
use pyrs_runtime::protocols::buffer::{BytesLike, WritableBytes};
use pyrs_runtime::types::Type;

use super::Core;
use crate::io::base::BufferedIoBase;
use crate::io::support::{self, DEFAULT_BUFFER_SIZE, Size, cannot_pickle, size_or_all};

/// A readable stream with a buffer over a raw stream.
#[pyclass(
    name = "BufferedReader",
    module = "_io",
    base = BufferedIoBase,
    flags = BASETYPE | HEAP_LIKE | PLAIN_NEW,
    parts(PART, COMMON, READING)
)]
pub struct BufferedReader {
    pub core: Core,
}

/// A writable stream with a buffer over a raw stream.
///
/// What is written goes to the raw stream when the buffer is full, by flush()
/// and when the stream is closed.
#[pyclass(
    name = "BufferedWriter",
    module = "_io",
    base = BufferedIoBase,
    flags = BASETYPE | HEAP_LIKE | PLAIN_NEW,
    parts(COMMON, WRITING)
)]
pub struct BufferedWriter {
    pub core: Core,
}

/// A readable and writable stream with a buffer over a raw stream that can seek.
#[pyclass(
    name = "BufferedRandom",
    module = "_io",
    base = BufferedIoBase,
    flags = BASETYPE | HEAP_LIKE | PLAIN_NEW,
    parts(COMMON, READING, WRITING)
)]
pub struct BufferedRandom {
    pub core: Core,
}

/// What all three have.
macro_rules! common_methods {
    ($class:ident, $readable:literal, $writable:literal) => {
        #[pymethods(part = COMMON)]
        impl $class {
            #[slot(new)]
            fn construct(cls: &Type, _args: Args<'_>) -> PyResult<Obj> {
                Ok(Ptr::new_in(cls, $class { core: Core::new($readable, $writable) }).into())
            }

            #[init(sig = "(raw, buffer_size=DEFAULT_BUFFER_SIZE)")]
            fn init(&self, raw: &Obj, buffer_size: isize) -> PyResult<()> {
                self.core.attach(raw, buffer_size)
            }

            #[slot(repr)]
            fn repr(this: &Object<$class>) -> PyResult<Obj> {
                this.core.repr(&this.as_obj())
            }

            /// Flush and close the stream and its raw stream.
            #[pymethod]
            fn close(this: &Object<$class>) -> PyResult<()> {
                this.core.close(&this.as_obj())
            }

            /// Take the raw stream away; the buffered stream is of no use afterwards.
            #[pymethod]
            fn detach(this: &Object<$class>) -> PyResult<Obj> {
                this.core.detach(&this.as_obj())
            }

            /// Whether the raw stream can seek.
            #[pymethod]
            fn seekable(&self) -> PyResult<Obj> {
                self.core.raw_method(name!("seekable"))
            }

            /// The raw stream's file descriptor.
            #[pymethod]
            fn fileno(&self) -> PyResult<Obj> {
                self.core.raw_method(name!("fileno"))
            }

            /// Whether the raw stream is a terminal.
            #[pymethod]
            fn isatty(&self) -> PyResult<Obj> {
                self.core.raw_method(name!("isatty"))
            }

            /// The current position.
            #[pymethod]
            fn tell(&self) -> PyResult<i64> {
                self.core.tell()
            }

            /// Move the position: from the start, the position or the end.
            #[pymethod(sig = "(target, whence=0, /)")]
            fn seek(this: &Object<$class>, target: &Obj, whence: i32) -> PyResult<i64> {
                this.core.seek(&this.as_obj(), target, whence)
            }

            /// Change the size of the file, to the current position by default.
            #[pymethod(sig = "(pos=None, /)")]
            fn truncate(this: &Object<$class>, pos: Option<Obj>) -> PyResult<Obj> {
                this.core.truncate(&this.as_obj(), pos)
            }

            #[pymethod(name = "_dealloc_warn")]
            fn dealloc_warn(&self, source: &Obj) {
                self.core.dealloc_warn(source);
            }

            #[pymethod(name = "__getstate__")]
            fn getstate(this: &Obj) -> PyResult<Obj> {
                Err(cannot_pickle(this))
            }

            #[pymethod(name = "__sizeof__")]
            fn sizeof(this: &Object<$class>) -> usize {
                this.class().basicsize() + this.core.sizeof()
            }

            #[getter]
            fn closed(&self) -> PyResult<Obj> {
                self.core.closed()
            }

            #[getter]
            fn name(&self) -> PyResult<Obj> {
                self.core.raw_attribute(name!("name"))
            }

            #[getter]
            fn mode(&self) -> PyResult<Obj> {
                self.core.raw_attribute(name!("mode"))
            }

            #[getter]
            fn raw(&self) -> Obj {
                self.core.raw_or_none()
            }

            #[getter(name = "_finalizing")]
            fn finalizing(&self) -> bool {
                self.core.finalizing.get()
            }

            #[setter(name = "_finalizing")]
            fn set_finalizing(&self, value: Option<&Obj>) -> PyResult<()> {
                self.core.finalizing.set(support::bool_value(value)?);
                Ok(())
            }
        }
    };
}

common_methods!(BufferedReader, true, false);
common_methods!(BufferedWriter, false, true);
common_methods!(BufferedRandom, true, true);

/// What the two have that can be read.
macro_rules! reading_methods {
    ($class:ident) => {
        #[pymethods(part = READING)]
        impl $class {
            #[slot(iternext)]
            fn next(this: &Obj) -> PyResult<Option<Obj>> {
                let exact = this.exact::<$class>().is_some();
                let stream = this.downcast::<$class>().expect("a slot of this class");
                stream.core.next_line(this, exact)
            }

            /// Whether the raw stream can be read.
            #[pymethod]
            fn readable(&self) -> PyResult<Obj> {
                self.core.raw_method(name!("readable"))
            }

            /// Read size bytes, or all that are left. Fewer come only at the end, or if a
            /// non-blocking stream has no more; None if it has none at all.
            #[pymethod(sig = "(size=-1, /)")]
            fn read(this: &Object<$class>, size: Option<Size>) -> PyResult<Obj> {
                this.core.read(&this.as_obj(), size_or_all(size))
            }

            /// Read up to size bytes with at most one read of the raw stream.
            #[pymethod(sig = "(size=-1, /)")]
            fn read1(this: &Object<$class>, size: isize) -> PyResult<Obj> {
                this.core.read1(&this.as_obj(), size)
            }

            /// Read into the buffer until it is full or the stream ends.
            #[pymethod]
            fn readinto(this: &Object<$class>, buffer: WritableBytes) -> PyResult<Option<usize>> {
                this.core.read_into(&this.as_obj(), &buffer.0, false)
            }

            /// Read into the buffer with at most one read of the raw stream.
            #[pymethod]
            fn readinto1(this: &Object<$class>, buffer: WritableBytes) -> PyResult<Option<usize>> {
                this.core.read_into(&this.as_obj(), &buffer.0, true)
            }

            /// Read one line, of at most size bytes.
            #[pymethod(sig = "(size=-1, /)")]
            fn readline(this: &Object<$class>, size: Option<Size>) -> PyResult<Obj> {
                this.core.readline(&this.as_obj(), size_or_all(size)).map(Into::into)
            }

            /// What is buffered, without moving the position; some bytes unless the stream
            /// is at its end.
            #[pymethod(sig = "(size=0, /)")]
            fn peek(this: &Object<$class>, size: isize) -> PyResult<Obj> {
                let _ = size;
                this.core.peek(&this.as_obj())
            }
        }
    };
}

reading_methods!(BufferedReader);
reading_methods!(BufferedRandom);

/// What the two have that can be written.
macro_rules! writing_methods {
    ($class:ident) => {
        #[pymethods(part = WRITING)]
        impl $class {
            /// Whether the raw stream can be written.
            #[pymethod]
            fn writable(&self) -> PyResult<Obj> {
                self.core.raw_method(name!("writable"))
            }

            /// Write the bytes; their number. They may stay in the buffer.
            #[pymethod]
            fn write(this: &Object<$class>, buffer: BytesLike<'_>) -> PyResult<usize> {
                this.core.write(&this.as_obj(), &buffer)
            }

            /// Write out what is buffered.
            #[pymethod]
            fn flush(this: &Object<$class>) -> PyResult<()> {
                this.core.flush(&this.as_obj())
            }
        }
    };
}

writing_methods!(BufferedWriter);
writing_methods!(BufferedRandom);

#[pymethods]
impl BufferedReader {
    /// Flush the raw stream.
    #[pymethod]
    fn flush(&self) -> PyResult<Obj> {
        self.core.raw_method(name!("flush"))
    }
}
