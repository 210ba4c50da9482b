//! `_io`.
//!
//! The stream classes are those of the library's pure `_pyio`, loaded when the first of them is asked for. What
//! the import system itself needs before that, reading and writing whole files, is native.

use std::cell::Cell;

use pyrs_macros::{pyclass, pymethods, pymodule};
use pyrs_runtime::call::{self, Args};
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::object::{Obj, Object, Ptr};
use pyrs_runtime::objects::bytes::{self, Bytes};
use pyrs_runtime::objects::dict::Dict;
use pyrs_runtime::objects::int;
use pyrs_runtime::objects::module::Module;
use pyrs_runtime::objects::singletons::{bool_obj, none};
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::protocols::attr;
use pyrs_runtime::thread::runtime;
use pyrs_runtime::types::Type;

use super::posix::posix::{path_arg, read_fd, write_fd};

/// An open file of the import system.
#[pyclass(name = "FileIO", module = "_io", nogc)]
pub struct PlainFile {
    fd: Cell<i32>,
    closefd: bool,
}

impl Drop for PlainFile {
    fn drop(&mut self) {
        self.close_fd();
    }
}

impl PlainFile {
    fn close_fd(&self) {
        let fd = self.fd.replace(-1);
        if fd >= 0 && self.closefd {
            // SAFETY: the descriptor is owned.
            unsafe { libc::close(fd) };
        }
    }

    fn open(file: &Obj, mode: &str) -> PyResult<Obj> {
        if let Some(fd) = int::to_i64(file) {
            return Ok(Ptr::new(PlainFile { fd: Cell::new(fd as i32), closefd: true }).into());
        }
        let path = path_arg("open", "file", file, false)?;
        let flags = if mode.contains('w') { libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC } else { libc::O_RDONLY };
        let name = path.c();
        // SAFETY: a NUL-terminated path.
        let fd = unsafe { libc::open(name.as_ptr(), flags | libc::O_CLOEXEC, 0o666) };
        if fd < 0 {
            return Err(path.error(&std::io::Error::last_os_error()));
        }
        Ok(Ptr::new(PlainFile { fd: Cell::new(fd), closefd: true }).into())
    }
}

#[pymethods]
impl PlainFile {
    #[new(sig = "(file, mode='r')")]
    fn py_new(cls: &Type, file: &Obj, mode: String) -> PyResult<Obj> {
        let _ = cls;
        PlainFile::open(file, &mode)
    }

    /// Read the whole file.
    #[pymethod]
    fn read(&self) -> PyResult<Obj> {
        let mut all = Vec::new();
        loop {
            let chunk = read_fd(self.fd.get(), 1 << 18)?.map_err(|e| pyrs_runtime::errors::raise_io(&e, None))?;
            if chunk.is_empty() {
                return Ok(Bytes::new(&all).into());
            }
            all.extend(chunk);
        }
    }

    /// Write bytes; the number written.
    #[pymethod]
    fn write(&self, data: &Obj) -> PyResult<i64> {
        let data = bytes::from_object(data)?;
        write_fd(self.fd.get(), &data)?.map_err(|e| pyrs_runtime::errors::raise_io(&e, None))
    }

    #[pymethod]
    fn close(&self) {
        self.close_fd();
    }

    #[pymethod(name = "__enter__")]
    fn enter(this: &Obj) -> Obj {
        this.clone()
    }

    #[pymethod(name = "__exit__")]
    fn exit(&self, args: Args<'_>) {
        let _ = args;
        self.close_fd();
    }
}

/// Names of `_io` and where `_pyio` has them.
const STREAMS: [(&str, &str); 20] = [
    ("FileIO", "FileIO"),
    ("BytesIO", "BytesIO"),
    ("StringIO", "StringIO"),
    ("BufferedReader", "BufferedReader"),
    ("BufferedWriter", "BufferedWriter"),
    ("BufferedRWPair", "BufferedRWPair"),
    ("BufferedRandom", "BufferedRandom"),
    ("TextIOWrapper", "TextIOWrapper"),
    ("IncrementalNewlineDecoder", "IncrementalNewlineDecoder"),
    ("UnsupportedOperation", "UnsupportedOperation"),
    ("BlockingIOError", "BlockingIOError"),
    ("_IOBase", "IOBase"),
    ("_RawIOBase", "RawIOBase"),
    ("_BufferedIOBase", "BufferedIOBase"),
    ("_TextIOBase", "TextIOBase"),
    ("DEFAULT_BUFFER_SIZE", "DEFAULT_BUFFER_SIZE"),
    ("open", "open"),
    ("open_code", "open_code"),
    ("text_encoding", "text_encoding"),
    ("_BytesIOBuffer", "BytesIO"),
];

/// Loads the stream classes and takes them over.
fn load_streams(module: &Object<Module>) -> PyResult<()> {
    let loader = crate::core::import::import_module("_pyrs_io")?;
    let streams = attr::getattr_text(&loader, "streams")?;
    for (name, source) in STREAMS {
        if let Some(value) = attr::getattr_optional(&streams, &Str::intern(source))? {
            module.add(name, value);
        }
    }
    Ok(())
}

/// The io module provides the Python interfaces to stream handling. The
/// builtin open function is defined in this module.
#[pymodule(name = "_io")]
pub mod module {
    use super::*;

    /// Gives a stream class, loading them all first.
    #[pyfunction]
    fn __getattr__(name: &Object<Str>) -> PyResult<Obj> {
        let text = name.to_string_lossy();
        let module = crate::core::import::load_builtin("_io")?;
        if STREAMS.iter().any(|(n, _)| *n == text) {
            let io = module.downcast::<Module>().expect("a module");
            load_streams(io)?;
            if let Some(found) = io.get(&text) {
                return Ok(found);
            }
        }
        Err(pyrs_runtime::errors::raise_attribute_error(
            &format!("module '_io' has no attribute '{text}'"),
            &module,
            name,
        ))
    }

    #[module_exec]
    fn exec(module: &Object<Module>) -> PyResult<()> {
        pyrs_runtime::types::ready(PlainFile::def());
        // Replaced by the full class once the streams are loaded.
        module.add("FileIO", <PlainFile as pyrs_runtime::PyClass>::class().to_obj());
        module.add("open_code", <PlainFile as pyrs_runtime::PyClass>::class().to_obj());
        Ok(())
    }
}

/// Makes `sys.stdin`, `sys.stdout`, `sys.stderr` and the built-in `open`.
pub fn open_standard_streams() -> PyResult<()> {
    let io = crate::core::import::import_module("io")?;
    let native = crate::core::import::import_module("_io")?;
    load_streams(native.downcast::<Module>().expect("a module"))?;
    let builtins = runtime().builtins.get().expect("builtins are set up");
    let open = attr::getattr_text(&io, "open")?;
    builtins.downcast::<Dict>().expect("a dict").set_text("open", open.clone());
    let sys = runtime().sys_dict.get().expect("sys is set up");
    let sys = sys.downcast::<Dict>().expect("a dict");
    let encoding =
        std::env::var("PYTHONIOENCODING").ok().filter(|v| !v.is_empty() && !crate::core::flags().ignore_environment);
    let (encoding, errors) = match encoding.as_deref().map(|e| e.split_once(':').unwrap_or((e, ""))) {
        Some((e, errors)) => (if e.is_empty() { "utf-8" } else { e }.to_owned(), errors.to_owned()),
        None => ("utf-8".to_owned(), String::new()),
    };
    for (name, fd, mode) in [("stdin", 0, "r"), ("stdout", 1, "w"), ("stderr", 2, "w")] {
        // SAFETY: plain query.
        let is_open = unsafe { libc::fcntl(fd, libc::F_GETFD) } >= 0;
        let stream = if is_open { open_stream(&io, fd, name, mode, &encoding, &errors)? } else { none() };
        sys.set_text(name, stream.clone());
        sys.set_text(&format!("__{name}__"), stream);
    }
    Ok(())
}

fn open_stream(io: &Obj, fd: i32, name: &str, mode: &str, encoding: &str, errors: &str) -> PyResult<Obj> {
    let unbuffered = crate::core::flags().unbuffered && mode == "w";
    let raw_mode = format!("{mode}b");
    let buffering = if unbuffered { 0 } else { -1 };
    let open = attr::getattr_text(io, "open")?;
    let buffer = call::call_keywords(
        &open,
        &[int::new(fd as i64), Str::new(&raw_mode).into()],
        &[("buffering", int::new(buffering)), ("closefd", bool_obj(false))],
    )?;
    let raw = if unbuffered { buffer.clone() } else { attr::getattr_text(&buffer, "raw")? };
    attr::setattr_text(&raw, "name", &Str::new(&format!("<{name}>")).into())?;
    let wrapper = attr::getattr_text(io, "TextIOWrapper")?;
    let errors = match (name, errors) {
        ("stderr", _) => "backslashreplace",
        (_, "") => "strict",
        (_, e) => e,
    };
    // SAFETY: plain query.
    let terminal = unsafe { libc::isatty(fd) } == 1;
    let line_buffering = name == "stderr" || (terminal && mode == "w");
    let stream = call::call_keywords(
        &wrapper,
        &[buffer],
        &[
            ("encoding", Str::new(encoding).into()),
            ("errors", Str::new(errors).into()),
            ("newline", if mode == "r" { none() } else { Str::new("\n").into() }),
            ("line_buffering", bool_obj(line_buffering)),
            ("write_through", bool_obj(unbuffered)),
        ],
    )?;
    attr::setattr_text(&stream, "mode", &Str::new(mode).into())?;
    Ok(stream)
}
