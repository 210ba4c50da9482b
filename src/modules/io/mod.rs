//! `_io`: files and streams.
//!
//! `base` has the abstract classes, `file_io` the raw stream over a descriptor, `buffered` and `text` the layers on
//! top of it, `bytes_io` and `string_io` the streams in memory. Data pass between layers as bytes objects through
//! Python methods, and as slices where both layers are exactly of our own classes.

pub mod base;
pub mod buffered;
pub mod bytes_io;
mod fd;
pub mod file_io;
mod line;
pub mod newline;
mod open;
mod standard;
pub mod string_io;
mod support;
pub mod text;

use pyrs_macros::pymodule;
use pyrs_runtime::class::ModuleDef;
use pyrs_runtime::object::Obj;

pub use standard::open_standard_streams;

/// Flushes the streams among `objects` that are still open for writing, text first; `except` are left alone.
pub fn flush_open_streams(objects: &[Obj], except: &[Obj]) {
    let texts = objects.iter().filter(|o| o.downcast::<text::TextIoWrapper>().is_some());
    let binary = objects.iter().filter(|o| {
        o.downcast::<buffered::BufferedWriter>().is_some() || o.downcast::<buffered::BufferedRandom>().is_some()
    });
    for stream in texts.chain(binary) {
        if except.iter().any(|e| e.is(stream)) || !text::has_pending(stream) {
            continue;
        }
        if let Err(raised) = support::method(stream, pyrs_runtime::name!("flush")) {
            raised.discard();
        }
    }
}

/// The definitions of the modules in this folder.
pub fn modules() -> Vec<fn() -> &'static ModuleDef> {
    vec![module::def]
}

/// Streams: raw access to files, buffering, text.
///
/// A file is a FileIO, which moves bytes by system calls. BufferedReader,
/// BufferedWriter and BufferedRandom add a buffer, TextIOWrapper decodes and encodes text.
/// BytesIO and StringIO are streams in memory. open() puts the layers together.
#[pymodule(
    name = "_io",
    classes(
        base::IoBase,
        base::RawIoBase,
        base::BufferedIoBase,
        base::TextIoBase,
        file_io::FileIo,
        bytes_io::BytesIo,
        bytes_io::BytesIoBuffer,
        string_io::StringIo,
        buffered::BufferedReader,
        buffered::BufferedWriter,
        buffered::BufferedRwPair,
        buffered::BufferedRandom,
        newline::IncrementalNewlineDecoder,
        text::TextIoWrapper
    )
)]
pub mod module {
    use super::*;

    use pyrs_runtime::PyClass;
    use pyrs_runtime::args::Maybe;
    use pyrs_runtime::errors::PyResult;
    use pyrs_runtime::object::{Obj, Object};
    use pyrs_runtime::objects::exceptions::{BlockingIOError, OSError, ValueError};
    use pyrs_runtime::objects::int;
    use pyrs_runtime::objects::module::Module;
    use pyrs_runtime::objects::str::Str;
    use pyrs_runtime::objects::tuple::Tuple;
    use pyrs_runtime::thread::runtime;

    /// Open a file and return a stream over it.
    ///
    /// The file is a path or the number of an open file descriptor. The mode
    /// consists of one of
    ///
    ///   r  read (the default)
    ///   w  write, after emptying the file
    ///   x  create the file, which must not exist, and write
    ///   a  write at the end
    ///
    /// and of
    ///
    ///   b  bytes
    ///   t  text (the default)
    ///   +  read and write
    ///
    /// Buffering is 0 for none (bytes only), 1 for lines (text only), or the size
    /// of the buffer. By default lines are buffered for terminals, and blocks for
    /// all else.
    ///
    /// Text is decoded and encoded with the encoding, by default that of the
    /// locale; errors names what to do about coding errors. With newline None,
    /// every kind of line end is read as '\n', which is written as the system's
    /// line end; other values are '', '\n', '\r' and '\r\n'.
    ///
    /// A descriptor stays open after the stream if closefd is False. The opener is
    /// called with the path and the flags, and returns a descriptor.
    #[pyfunction(
        sig = "(file, mode='r', buffering=-1, encoding=None, errors=None, newline=None, closefd=True, opener=None)",
        text_signature = "($module, /, file, mode='r', buffering=-1, encoding=None,\n     errors=None, newline=None, closefd=True, opener=None)"
    )]
    fn open(
        file: &Obj,
        mode: String,
        buffering: i32,
        encoding: Option<&Obj>,
        errors: Option<&Obj>,
        newline: Option<&Obj>,
        closefd: bool,
        opener: Option<&Obj>,
    ) -> PyResult<Obj> {
        open::open(&open::Request { file, mode: &mode, buffering, encoding, errors, newline, closefd, opener })
    }

    /// Open a file whose contents are code, for reading bytes.
    #[pyfunction(sig = "(path)", text_signature = "($module, /, path)")]
    fn open_code(path: &Object<Str>) -> PyResult<Obj> {
        open::open_code(path)
    }

    /// The encoding to hand to open(): the given one, or the default's name.
    #[pyfunction(sig = "(encoding, stacklevel=2, /)", text_signature = "($module, encoding, stacklevel=2, /)")]
    fn text_encoding(encoding: &Obj, stacklevel: Maybe<i64>) -> PyResult<Obj> {
        open::text_encoding(encoding, stacklevel.0.unwrap_or(2))
    }

    #[module_exec]
    fn exec(module: &Object<Module>) -> PyResult<()> {
        module.add("DEFAULT_BUFFER_SIZE", int::new(support::DEFAULT_BUFFER_SIZE as i64));
        module.add("BlockingIOError", BlockingIOError::class().to_obj());
        let namespace = pyrs_runtime::objects::dict::Dict::new();
        namespace.set_text("__module__", Str::intern("io").into_obj());
        let bases = Tuple::from_vec(vec![OSError::class().to_obj(), ValueError::class().to_obj()]).into_obj();
        let args = [Str::intern("UnsupportedOperation").into_obj(), bases, namespace.into_obj()];
        let class = pyrs_runtime::call::call(&pyrs_runtime::types::TYPE.get().as_obj(), &args)?;
        runtime().register(support::UNSUPPORTED, class.clone());
        module.add("UnsupportedOperation", class);
        Ok(())
    }
}
