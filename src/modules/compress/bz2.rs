//! `_bz2`.

use libbz2_rs_sys as b;
use pyrs_macros::{pyclass, pymethods, pymodule};
use pyrs_runtime::errors::{PyResult, Raised};
use pyrs_runtime::object::{DataCell, Obj, Ptr};
use pyrs_runtime::objects::bytes::Bytes;
use pyrs_runtime::protocols::buffer::BytesLike;
use pyrs_runtime::raise;
use pyrs_runtime::types::Type;

use super::{Pending, Step, next_room};

/// A stream of the library.
struct Stream {
    /// Boxed: the library keeps a pointer to it.
    state: Box<b::bz_stream>,
    compressing: bool,
    /// The library's error; the stream must not be used after it.
    broken: Option<i32>,
}

impl Drop for Stream {
    fn drop(&mut self) {
        // SAFETY: an initialised stream, not used after this.
        unsafe {
            if self.compressing {
                b::BZ2_bzCompressEnd(&mut *self.state);
            } else {
                b::BZ2_bzDecompressEnd(&mut *self.state);
            }
        }
    }
}

fn failed(code: i32) -> Raised {
    match code {
        b::BZ_PARAM_ERROR => raise!(ValueError, "Internal error - invalid parameters passed to libbzip2"),
        b::BZ_MEM_ERROR => raise!(MemoryError),
        b::BZ_DATA_ERROR | b::BZ_DATA_ERROR_MAGIC => raise!(OSError, "Invalid data stream"),
        b::BZ_IO_ERROR => raise!(OSError, "Unknown I/O error"),
        b::BZ_UNEXPECTED_EOF => {
            raise!(EOFError, "Compressed file ended before the logical end-of-stream was detected")
        }
        b::BZ_SEQUENCE_ERROR => {
            raise!(RuntimeError, "Internal error - Invalid sequence of commands sent to libbzip2")
        }
        code => raise!(OSError, "Unrecognized error from libbzip2: {code}"),
    }
}

impl Stream {
    fn new(level: Option<i32>) -> PyResult<Stream> {
        // SAFETY: all-zero is the library's blank stream.
        let mut state: Box<b::bz_stream> = Box::new(unsafe { std::mem::zeroed() });
        // SAFETY: a blank stream.
        let code = unsafe {
            match level {
                Some(level) => b::BZ2_bzCompressInit(&mut *state, level, 0, 0),
                None => b::BZ2_bzDecompressInit(&mut *state, 0, 0),
            }
        };
        if code == b::BZ_OK {
            Ok(Stream { state, compressing: level.is_some(), broken: None })
        } else {
            Err(failed(code))
        }
    }

    /// One call of the library: its code and the input that it took.
    fn run(&mut self, input: &[u8], out: &mut Vec<u8>, room: usize, action: i32) -> (i32, usize) {
        if let Some(code) = self.broken {
            return (code, 0);
        }
        let (given, room) = (input.len().min(u32::MAX as usize), room.min(u32::MAX as usize));
        let used = out.len();
        out.resize(used + room, 0);
        let state = &mut *self.state;
        state.next_in = input.as_ptr().cast();
        state.avail_in = given as u32;
        state.next_out = out[used..].as_mut_ptr().cast();
        state.avail_out = room as u32;
        // SAFETY: input and output have the stated sizes.
        let code =
            unsafe { if self.compressing { b::BZ2_bzCompress(state, action) } else { b::BZ2_bzDecompress(state) } };
        out.truncate(used + room - state.avail_out as usize);
        let consumed = given - state.avail_in as usize;
        state.next_in = std::ptr::null();
        state.next_out = std::ptr::null_mut();
        if code < 0 {
            self.broken = Some(code);
        }
        (code, consumed)
    }
}

/// Create a compressor object for compressing data incrementally.
///
/// compresslevel is a number between 1 and 9.  For compression at once there is bz2.compress().
#[pyclass(name = "BZ2Compressor", module = "_bz2", nogc)]
pub struct Compressor {
    stream: DataCell<Option<Stream>>,
}

impl Compressor {
    fn run(&self, mut input: &[u8], action: i32) -> PyResult<Vec<u8>> {
        self.stream.with(|stream| {
            let stream = stream.as_mut().expect("checked by the caller");
            let mut out = Vec::new();
            loop {
                if action == b::BZ_RUN && input.is_empty() {
                    return Ok(out);
                }
                let room = next_room(out.len(), usize::MAX);
                let (code, consumed) = stream.run(input, &mut out, room, action);
                input = &input[consumed..];
                if code < 0 {
                    return Err(failed(code));
                }
                if action == b::BZ_FINISH && code == b::BZ_STREAM_END {
                    return Ok(out);
                }
            }
        })
    }
}

#[pymethods]
impl Compressor {
    #[new(sig = "(compresslevel=9, /)")]
    fn py_new(cls: &Type, compresslevel: i32) -> PyResult<Obj> {
        if !(1..=9).contains(&compresslevel) {
            return Err(raise!(ValueError, "compresslevel must be between 1 and 9"));
        }
        let stream = DataCell::new(Some(Stream::new(Some(compresslevel))?));
        Ok(Ptr::new_in(cls, Compressor { stream }).into())
    }

    /// Compress data; what has come out so far.  flush() ends the stream.
    #[pymethod]
    fn compress(&self, data: BytesLike<'_>) -> PyResult<Obj> {
        if self.stream.with(|s| s.is_none()) {
            return Err(raise!(ValueError, "Compressor has been flushed"));
        }
        Ok(Bytes::from_vec(self.run(&data, b::BZ_RUN)?).into())
    }

    /// End the stream; what is still inside.  The object cannot be used after this.
    #[pymethod]
    fn flush(&self) -> PyResult<Obj> {
        if self.stream.with(|s| s.is_none()) {
            return Err(raise!(ValueError, "Repeated call to flush()"));
        }
        let out = self.run(b"", b::BZ_FINISH)?;
        drop(self.stream.replace(None));
        Ok(Bytes::from_vec(out).into())
    }

    #[pymethod(name = "__reduce__")]
    fn reduce(&self) -> PyResult<Obj> {
        Err(raise!(TypeError, "cannot pickle '_bz2.BZ2Compressor' object"))
    }
}

/// Create a decompressor object for decompressing data incrementally.
///
/// For decompression at once there is bz2.decompress().
#[pyclass(name = "BZ2Decompressor", module = "_bz2", nogc)]
pub struct Decompressor {
    stream: DataCell<Stream>,
    pending: DataCell<Pending>,
}

#[pymethods]
impl Decompressor {
    #[new(sig = "()")]
    fn py_new(cls: &Type) -> PyResult<Obj> {
        let stream = DataCell::new(Stream::new(None)?);
        Ok(Ptr::new_in(cls, Decompressor { stream, pending: DataCell::new(Pending::new()) }).into())
    }

    /// Decompress data; at most max_length bytes come out if it is not negative, and the rest of the
    /// input is kept for the next call.
    #[pymethod(sig = "(data, max_length=-1)")]
    fn decompress(&self, data: BytesLike<'_>, max_length: isize) -> PyResult<Obj> {
        if self.stream.with(|stream| stream.broken.is_some()) {
            return Err(raise!(ValueError, "Decompressor is unusable after a previous error"));
        }
        self.pending.with(|pending| {
            pending.decompress(&data, max_length, |input, out, limit| {
                self.stream.with(|stream| {
                    let mut consumed = 0;
                    loop {
                        let room = next_room(out.len(), limit);
                        let before = out.len();
                        let (code, used) = stream.run(&input[consumed..], out, room, 0);
                        consumed += used;
                        if code < 0 {
                            return Err(failed(code));
                        }
                        let at_end = code == b::BZ_STREAM_END;
                        let idle = out.len() == before && used == 0;
                        if at_end
                            || out.len() >= limit
                            || idle
                            || (consumed == input.len() && out.len() - before < room)
                        {
                            return Ok(Step { consumed, at_end, has_more: false });
                        }
                    }
                })
            })
        })
    }

    /// True if the end-of-stream marker has been reached.
    #[getter]
    fn eof(&self) -> bool {
        self.pending.with(|pending| pending.at_end)
    }

    /// Data found after the end of the compressed stream.
    #[getter]
    fn unused_data(&self) -> Obj {
        self.pending.with(|pending| Bytes::new(&pending.unused)).into()
    }

    /// True if more input is needed before more decompressed data can be produced.
    #[getter]
    fn needs_input(&self) -> bool {
        self.pending.with(|pending| pending.starved)
    }

    #[pymethod(name = "__reduce__")]
    fn reduce(&self) -> PyResult<Obj> {
        Err(raise!(TypeError, "cannot pickle '_bz2.BZ2Decompressor' object"))
    }
}

/// Compression as .bz2 files have it.
#[pymodule(name = "_bz2", classes(super::Compressor, super::Decompressor))]
pub mod bz2 {}
