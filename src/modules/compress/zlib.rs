//! `zlib`.

use pyrs_macros::{pyclass, pymethods, pymodule};
use pyrs_runtime::errors::{self, PyResult, Raised};
use pyrs_runtime::object::{DataCell, Obj, Object, Ptr, PyClass};
use pyrs_runtime::objects::bytes::Bytes;
use pyrs_runtime::objects::{exceptions, int};
use pyrs_runtime::protocols::buffer::{BytesLike, has_buffer};
use pyrs_runtime::raise;
use pyrs_runtime::thread::runtime;
use pyrs_runtime::types::Type;

use super::zlib_stream::{self, Stream};
use super::{Pending, Step, next_room};

const DEFLATED: i32 = 8;
const MAX_WBITS: i32 = 15;
const DEF_BUF_SIZE: isize = 16384;
const Z_OK: i32 = 0;
const Z_STREAM_END: i32 = 1;
const Z_NEED_DICT: i32 = 2;
const Z_STREAM_ERROR: i32 = -2;
const Z_DATA_ERROR: i32 = -3;
const Z_MEM_ERROR: i32 = -4;
const Z_BUF_ERROR: i32 = -5;
const Z_NO_FLUSH: i32 = 0;
const Z_SYNC_FLUSH: i32 = 2;
const Z_FINISH: i32 = 4;

fn error_class() -> PyResult<Obj> {
    match runtime().registered("zlib.error") {
        Some(class) => Ok(class),
        None => {
            let class = crate::exception_class("zlib", "error", exceptions::Exception::class())?;
            runtime().register("zlib.error", class.clone());
            Ok(class)
        }
    }
}

fn raise_error(text: &str) -> Raised {
    match error_class() {
        Ok(class) => errors::raise_text(pyrs_runtime::types::as_type(&class).expect("a class"), text),
        Err(raised) => raised,
    }
}

/// `zlib.error` for a code of the library.
fn failed(stream: Option<&Stream>, code: i32, what: &str) -> Raised {
    let message = stream.and_then(Stream::message).or_else(|| {
        Some(match code {
            Z_BUF_ERROR => "incomplete or truncated stream".to_owned(),
            Z_STREAM_ERROR => "inconsistent stream state".to_owned(),
            Z_DATA_ERROR => "invalid input data".to_owned(),
            _ => return None,
        })
    });
    match message {
        Some(message) => raise_error(&format!("Error {code} {what}: {message}")),
        None => raise_error(&format!("Error {code} {what}")),
    }
}

/// Runs a compressing stream until the input is used up and, but for Z_NO_FLUSH, the output is out.
fn deflate_all(stream: &mut Stream, mut input: &[u8], flush: i32, what: &str) -> PyResult<(Vec<u8>, i32)> {
    let mut out = Vec::new();
    loop {
        let last = input.len() <= u32::MAX as usize;
        let room = next_room(out.len(), usize::MAX);
        let before = out.len();
        let step = stream.run(input, &mut out, room, if last { flush } else { Z_NO_FLUSH });
        if step.code == Z_STREAM_ERROR {
            return Err(failed(Some(stream), step.code, what));
        }
        input = &input[step.consumed..];
        // Output that ends before the buffer does is all there is.
        if out.len() - before < room && input.is_empty() {
            return Ok((out, step.code));
        }
    }
}

/// What a decompressing stream gives for a piece of input, up to a limit.
struct Inflated {
    consumed: usize,
    code: i32,
}

fn inflate_some(
    stream: &mut Stream,
    dictionary: Option<&[u8]>,
    input: &[u8],
    out: &mut Vec<u8>,
    limit: usize,
    flush: i32,
    first: usize,
) -> PyResult<Inflated> {
    let mut consumed = 0;
    let mut room = first.min(limit);
    loop {
        let before = out.len();
        let step = stream.run(&input[consumed..], out, room, flush);
        consumed += step.consumed;
        match step.code {
            Z_OK | Z_BUF_ERROR | Z_STREAM_END => {}
            Z_NEED_DICT if dictionary.is_some() => {
                let code = stream.set_dictionary(dictionary.expect("checked"));
                if code != Z_OK {
                    return Err(failed(Some(stream), code, "while setting zdict"));
                }
                continue;
            }
            code => return Err(failed(Some(stream), code, "while decompressing data")),
        }
        let filled = out.len() - before == room;
        if step.code == Z_STREAM_END || !filled || out.len() >= limit {
            // Large input is given in pieces.
            let more = consumed < input.len() && step.code == Z_OK && !filled && step.consumed > 0;
            if !more {
                return Ok(Inflated { consumed, code: step.code });
            }
        }
        room = next_room(out.len(), limit);
    }
}

/// A dictionary argument of the constructors.
fn dictionary(zdict: Option<&Obj>) -> PyResult<Option<Vec<u8>>> {
    match zdict {
        None => Ok(None),
        Some(zdict) if has_buffer(zdict) => Ok(Some(BytesLike::new(zdict)?.to_vec())),
        Some(_) => Err(raise!(TypeError, "zdict argument must support the buffer protocol")),
    }
}

fn new_inflate(wbits: i32, zdict: Option<&[u8]>) -> PyResult<Stream> {
    let mut stream = Stream::inflate(wbits).map_err(|code| match code {
        Z_STREAM_ERROR => raise!(ValueError, "Invalid initialization option"),
        Z_MEM_ERROR => raise!(MemoryError, "Can't allocate memory for decompression object"),
        code => failed(None, code, "while creating decompression object"),
    })?;
    // Raw streams have no header that asks for the dictionary.
    if let Some(zdict) = zdict.filter(|_| wbits < 0) {
        let code = stream.set_dictionary(zdict);
        if code != Z_OK {
            return Err(failed(Some(&stream), code, "while setting zdict"));
        }
    }
    Ok(stream)
}

/// Compresses data in pieces.
#[pyclass(name = "Compress", module = "zlib", nogc, flags = DISALLOW_INSTANTIATION)]
pub struct Compress {
    /// Gone once the stream is finished.
    stream: DataCell<Option<Stream>>,
}

impl Compress {
    fn with<R>(&self, what: &str, f: impl FnOnce(&mut Stream) -> PyResult<R>) -> PyResult<R> {
        self.stream.with(|stream| match stream {
            Some(stream) => f(stream),
            None => Err(failed(None, Z_STREAM_ERROR, what)),
        })
    }

    fn duplicate(&self) -> PyResult<Obj> {
        let copy = self.stream.with(|stream| match stream {
            Some(stream) => stream.copy().map_err(|code| match code {
                Z_STREAM_ERROR => raise!(ValueError, "Inconsistent stream state"),
                Z_MEM_ERROR => raise!(MemoryError, "Can't allocate memory for compression object"),
                code => failed(Some(stream), code, "while copying compression object"),
            }),
            None => Err(raise!(ValueError, "Inconsistent stream state")),
        })?;
        Ok(Ptr::new(Compress { stream: DataCell::new(Some(copy)) }).into())
    }
}

#[pymethods]
impl Compress {
    /// Compress data; what has come out so far.
    #[pymethod]
    fn compress(&self, data: BytesLike<'_>) -> PyResult<Obj> {
        let what = "while compressing data";
        let (out, _) = self.with(what, |stream| deflate_all(stream, &data, Z_NO_FLUSH, what))?;
        Ok(Bytes::from_vec(out).into())
    }

    /// Give what is still inside.  Z_FINISH, the default, ends the stream.
    #[pymethod(sig = "(mode=4, /)", text_signature = "($self, mode=zlib.Z_FINISH, /)")]
    fn flush(&self, mode: i32) -> PyResult<Obj> {
        if mode == Z_NO_FLUSH {
            return Ok(Bytes::new(b"").into());
        }
        let (out, code) = self.with("while flushing", |stream| deflate_all(stream, b"", mode, "while flushing"))?;
        match code {
            Z_STREAM_END if mode == Z_FINISH => drop(self.stream.replace(None)),
            Z_OK | Z_BUF_ERROR | Z_STREAM_END => {}
            code => return Err(failed(None, code, "while flushing")),
        }
        Ok(Bytes::from_vec(out).into())
    }

    /// A compressor in the same state.
    #[pymethod]
    fn copy(&self) -> PyResult<Obj> {
        self.duplicate()
    }

    #[pymethod(name = "__copy__")]
    fn copy_special(&self) -> PyResult<Obj> {
        self.duplicate()
    }

    #[pymethod(name = "__deepcopy__")]
    fn deepcopy(&self, memo: &Obj) -> PyResult<Obj> {
        let _ = memo;
        self.duplicate()
    }
}

struct DecompressState {
    stream: Option<Stream>,
    zdict: Option<Vec<u8>>,
    unused: Vec<u8>,
    unconsumed: Vec<u8>,
    at_end: bool,
    finished: bool,
}

/// Decompresses data in pieces.
#[pyclass(name = "Decompress", module = "zlib", nogc, flags = DISALLOW_INSTANTIATION)]
pub struct Decompress {
    state: DataCell<DecompressState>,
}

impl DecompressState {
    fn inflate(&mut self, input: &[u8], limit: usize, flush: i32, first: usize) -> PyResult<(Vec<u8>, Inflated)> {
        let mut out = Vec::new();
        let Some(stream) = &mut self.stream else {
            return Err(failed(None, Z_STREAM_ERROR, "while decompressing data"));
        };
        let done = inflate_some(stream, self.zdict.as_deref(), input, &mut out, limit, flush, first)?;
        let rest = &input[done.consumed..];
        if done.code == Z_STREAM_END {
            // Later data is all behind the end.
            self.unused.extend_from_slice(rest);
            self.unconsumed.clear();
            self.at_end = true;
        } else if !rest.is_empty() || !self.unconsumed.is_empty() {
            self.unconsumed = rest.to_vec();
        }
        Ok((out, done))
    }
}

impl Decompress {
    fn duplicate(&self) -> PyResult<Obj> {
        let state = self.state.with(|state| {
            let stream = match &state.stream {
                Some(stream) => stream.copy().map_err(|code| match code {
                    Z_STREAM_ERROR => raise!(ValueError, "Inconsistent stream state"),
                    Z_MEM_ERROR => raise!(MemoryError, "Can't allocate memory for decompression object"),
                    code => failed(Some(stream), code, "while copying decompression object"),
                })?,
                None => return Err(raise!(ValueError, "Inconsistent stream state")),
            };
            Ok(DecompressState {
                stream: Some(stream),
                zdict: state.zdict.clone(),
                unused: state.unused.clone(),
                unconsumed: state.unconsumed.clone(),
                at_end: state.at_end,
                finished: state.finished,
            })
        })?;
        Ok(Ptr::new(Decompress { state: DataCell::new(state) }).into())
    }
}

#[pymethods]
impl Decompress {
    /// Decompress data; at most max_length bytes come out, if it is not 0, and the input that is left
    /// is in unconsumed_tail.
    #[pymethod(sig = "(data, /, max_length=0)")]
    fn decompress(&self, data: BytesLike<'_>, max_length: isize) -> PyResult<Obj> {
        let Ok(limit) = usize::try_from(max_length) else {
            return Err(raise!(ValueError, "max_length must be non-negative"));
        };
        let limit = if limit == 0 { usize::MAX } else { limit };
        let (out, _) = self.state.with(|state| state.inflate(&data, limit, Z_SYNC_FLUSH, DEF_BUF_SIZE as usize))?;
        Ok(Bytes::from_vec(out).into())
    }

    /// Decompress what is in unconsumed_tail; length is the first size of the buffer.
    #[pymethod(sig = "(length=16384, /)", text_signature = "($self, length=zlib.DEF_BUF_SIZE, /)")]
    fn flush(&self, length: isize) -> PyResult<Obj> {
        let Some(length) = usize::try_from(length).ok().filter(|n| *n > 0) else {
            return Err(raise!(ValueError, "length must be greater than zero"));
        };
        let out = self.state.with(|state| {
            let input = std::mem::take(&mut state.unconsumed);
            if state.finished {
                return Ok(Vec::new());
            }
            let (out, done) = state.inflate(&input, usize::MAX, Z_FINISH, length)?;
            if done.code == Z_STREAM_END {
                // A finished stream gives nothing more.
                state.finished = true;
            }
            Ok(out)
        })?;
        Ok(Bytes::from_vec(out).into())
    }

    /// A decompressor in the same state.
    #[pymethod]
    fn copy(&self) -> PyResult<Obj> {
        self.duplicate()
    }

    #[pymethod(name = "__copy__")]
    fn copy_special(&self) -> PyResult<Obj> {
        self.duplicate()
    }

    #[pymethod(name = "__deepcopy__")]
    fn deepcopy(&self, memo: &Obj) -> PyResult<Obj> {
        let _ = memo;
        self.duplicate()
    }

    #[getter]
    fn unused_data(&self) -> Obj {
        self.state.with(|state| Bytes::new(&state.unused)).into()
    }

    #[getter]
    fn unconsumed_tail(&self) -> Obj {
        self.state.with(|state| Bytes::new(&state.unconsumed)).into()
    }

    #[getter]
    fn eof(&self) -> bool {
        self.state.with(|state| state.at_end)
    }
}

/// Create a decompressor object for decompressing data incrementally.
#[pyclass(name = "_ZlibDecompressor", module = "zlib", nogc)]
pub struct ZlibDecompressor {
    stream: DataCell<Stream>,
    zdict: Option<Vec<u8>>,
    pending: DataCell<Pending>,
}

#[pymethods]
impl ZlibDecompressor {
    #[new(sig = "(wbits=15, zdict=b'')")]
    fn py_new(cls: &Type, wbits: i32, zdict: Option<&Obj>) -> PyResult<Obj> {
        let zdict = dictionary(zdict)?;
        let stream = DataCell::new(new_inflate(wbits, zdict.as_deref())?);
        Ok(Ptr::new_in(cls, ZlibDecompressor { stream, zdict, pending: DataCell::new(Pending::new()) }).into())
    }

    /// Decompress data; at most max_length bytes come out if it is not negative, and the rest of the
    /// input is kept for the next call.
    #[pymethod(sig = "(data, max_length=-1)")]
    fn decompress(&self, data: BytesLike<'_>, max_length: isize) -> PyResult<Obj> {
        self.pending.with(|pending| {
            pending.decompress(&data, max_length, |input, out, limit| {
                let zdict = self.zdict.as_deref();
                let done = self.stream.with(|stream| {
                    inflate_some(stream, zdict, input, out, limit, Z_SYNC_FLUSH, DEF_BUF_SIZE as usize)
                })?;
                Ok(Step { consumed: done.consumed, at_end: done.code == Z_STREAM_END, has_more: false })
            })
        })
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

    /// True if the end-of-stream marker has been reached.
    #[getter]
    fn eof(&self) -> bool {
        self.pending.with(|pending| pending.at_end)
    }
}

/// Compression as gzip and zip files have it, with the checksums that belong to it.
#[pymodule(name = "zlib", classes(super::ZlibDecompressor))]
pub mod zlib {
    use super::*;
    use pyrs_runtime::objects::module::Module;
    use pyrs_runtime::objects::str::Str;

    /// The Adler-32 checksum of data, going on from value.
    #[pyfunction(sig = "(data, value=1, /)")]
    fn adler32(data: BytesLike<'_>, value: Option<&Obj>) -> PyResult<u32> {
        let start = value.map_or(Ok(1), crate::masked_u32_of)?;
        Ok(zlib_stream::adler32(start, &data))
    }

    /// The CRC-32 checksum of data, going on from value.
    #[pyfunction(sig = "(data, value=0, /)")]
    fn crc32(data: BytesLike<'_>, value: Option<&Obj>) -> PyResult<u32> {
        let start = value.map_or(Ok(0), crate::masked_u32_of)?;
        Ok(zlib_stream::crc32(start, &data))
    }

    /// Compress data at once.
    #[pyfunction(
        sig = "(data, /, level=-1, wbits=15)",
        text_signature = "($module, data, /, level=Z_DEFAULT_COMPRESSION, wbits=MAX_WBITS)"
    )]
    fn compress(data: BytesLike<'_>, level: i32, wbits: i32) -> PyResult<Obj> {
        let mut stream = Stream::deflate(level, DEFLATED, wbits, 8, 0).map_err(|code| match code {
            Z_MEM_ERROR => raise!(MemoryError, "Out of memory while compressing data"),
            Z_STREAM_ERROR => raise_error("Bad compression level"),
            code => failed(None, code, "while compressing data"),
        })?;
        let (out, code) = deflate_all(&mut stream, &data, Z_FINISH, "while compressing data")?;
        if code != Z_STREAM_END {
            return Err(failed(Some(&stream), code, "while finishing compression"));
        }
        Ok(Bytes::from_vec(out).into())
    }

    /// Decompress data at once; bufsize is the first size of the buffer.
    #[pyfunction(
        sig = "(data, /, wbits=15, bufsize=16384)",
        text_signature = "($module, data, /, wbits=MAX_WBITS, bufsize=DEF_BUF_SIZE)"
    )]
    fn decompress(data: BytesLike<'_>, wbits: i32, bufsize: isize) -> PyResult<Obj> {
        let Ok(first) = usize::try_from(bufsize) else {
            return Err(raise!(ValueError, "bufsize must be non-negative"));
        };
        let mut stream = Stream::inflate(wbits).map_err(|code| match code {
            Z_MEM_ERROR => raise!(MemoryError, "Out of memory while decompressing data"),
            code => failed(None, code, "while preparing to decompress data"),
        })?;
        let mut out = Vec::new();
        let done = inflate_some(&mut stream, None, &data, &mut out, usize::MAX, Z_SYNC_FLUSH, first.max(1))?;
        if done.code != Z_STREAM_END {
            return Err(failed(None, Z_BUF_ERROR, "while decompressing data"));
        }
        Ok(Bytes::from_vec(out).into())
    }

    /// An object that compresses data in pieces.
    #[pyfunction(
        sig = "(level=-1, method=8, wbits=15, memLevel=8, strategy=0, zdict=None)",
        text_signature = "($module, /, level=Z_DEFAULT_COMPRESSION, method=DEFLATED,\n            wbits=MAX_WBITS, memLevel=DEF_MEM_LEVEL,\n            strategy=Z_DEFAULT_STRATEGY, zdict=<unrepresentable>)"
    )]
    fn compressobj(
        level: i32,
        method: i32,
        wbits: i32,
        memory: i32,
        strategy: i32,
        zdict: Option<BytesLike<'_>>,
    ) -> PyResult<Obj> {
        let mut stream = Stream::deflate(level, method, wbits, memory, strategy).map_err(|code| match code {
            Z_MEM_ERROR => raise!(MemoryError, "Can't allocate memory for compression object"),
            Z_STREAM_ERROR => raise!(ValueError, "Invalid initialization option"),
            code => failed(None, code, "while creating compression object"),
        })?;
        if let Some(zdict) = zdict {
            match stream.set_dictionary(&zdict) {
                Z_OK => {}
                Z_STREAM_ERROR => return Err(raise!(ValueError, "Invalid dictionary")),
                _ => return Err(raise!(ValueError, "deflateSetDictionary()")),
            }
        }
        Ok(Ptr::new(Compress { stream: DataCell::new(Some(stream)) }).into())
    }

    /// An object that decompresses data in pieces.
    #[pyfunction(sig = "(wbits=15, zdict=b'')", text_signature = "($module, /, wbits=MAX_WBITS, zdict=b'')")]
    fn decompressobj(wbits: i32, zdict: Option<&Obj>) -> PyResult<Obj> {
        let zdict = dictionary(zdict)?;
        let stream = Some(new_inflate(wbits, zdict.as_deref())?);
        let state = DecompressState {
            stream,
            zdict,
            unused: Vec::new(),
            unconsumed: Vec::new(),
            at_end: false,
            finished: false,
        };
        Ok(Ptr::new(Decompress { state: DataCell::new(state) }).into())
    }

    #[module_exec]
    fn exec(module: &Object<Module>) -> PyResult<()> {
        pyrs_runtime::types::ready(Compress::def());
        pyrs_runtime::types::ready(Decompress::def());
        module.add("error", error_class()?);
        for name in ["ZLIB_VERSION", "ZLIB_RUNTIME_VERSION"] {
            module.add(name, Str::new("1.3.1"));
        }
        module.add("__version__", Str::new("1.0"));
        for (name, value) in [
            ("DEFLATED", DEFLATED),
            ("DEF_BUF_SIZE", DEF_BUF_SIZE as i32),
            ("DEF_MEM_LEVEL", 8),
            ("MAX_WBITS", MAX_WBITS),
            ("Z_BEST_COMPRESSION", 9),
            ("Z_BEST_SPEED", 1),
            ("Z_BLOCK", 5),
            ("Z_DEFAULT_COMPRESSION", -1),
            ("Z_DEFAULT_STRATEGY", 0),
            ("Z_FILTERED", 1),
            ("Z_FINISH", Z_FINISH),
            ("Z_FIXED", 4),
            ("Z_FULL_FLUSH", 3),
            ("Z_HUFFMAN_ONLY", 2),
            ("Z_NO_COMPRESSION", 0),
            ("Z_NO_FLUSH", Z_NO_FLUSH),
            ("Z_PARTIAL_FLUSH", 1),
            ("Z_RLE", 3),
            ("Z_SYNC_FLUSH", Z_SYNC_FLUSH),
            ("Z_TREES", 6),
        ] {
            module.add(name, int::new(value as i64));
        }
        Ok(())
    }
}
