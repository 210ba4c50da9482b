//! `FileIO`: a file descriptor as a raw stream.

use std::cell::Cell;
use std::ffi::CString;

use pyrs_macros::{pyclass, pymethods};
use pyrs_runtime::call::{self, Args};
use pyrs_runtime::errors::{PyResult, raise_errno, raise_io};
use pyrs_runtime::object::{Obj, Object, Ptr, PyClass};
use pyrs_runtime::objects::bytes::Bytes;
use pyrs_runtime::objects::exceptions::RuntimeWarning;
use pyrs_runtime::objects::int;
use pyrs_runtime::objects::singletons::{as_bool, none};
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::text_builder::TextBuilder;
use pyrs_runtime::protocols::buffer::{BytesLike, WritableBytes};
use pyrs_runtime::protocols::text::ReprGuard;
use pyrs_runtime::protocols::{attr, number};
use pyrs_runtime::thread::runtime;
use pyrs_runtime::types::Type;
use pyrs_runtime::{name, raise};

use super::base::{RawIoBase, base_close};
use super::fd;
use super::support::{self, Size, cannot_pickle, method, size_or_all, unsupported, warn_unclosed};
use crate::os::posix::posix::name_bytes;

/// A raw stream over a file descriptor.
///
/// The mode is one of 'r', 'w', 'x' and 'a', with '+' for reading and writing.
/// The file is a path, or the number of an open descriptor, which is closed with
/// the stream unless closefd is false. An opener is called with the path and
/// the flags for open(2), and returns a descriptor.
#[pyclass(name = "FileIO", module = "_io", base = RawIoBase, flags = BASETYPE | HEAP_LIKE)]
pub struct FileIo {
    /// -1 = closed.
    fd: Cell<i32>,
    created: Cell<bool>,
    readable: Cell<bool>,
    writable: Cell<bool>,
    appending: Cell<bool>,
    seekable: Cell<Option<bool>>,
    closefd: Cell<bool>,
    finalizing: Cell<bool>,
    block_size: Cell<i64>,
    /// Whether the file was a regular one when it was opened.
    regular: Cell<bool>,
    /// Its size then; how much memory to take for reading all of it.
    size_at_open: Cell<i64>,
}

/// What a mode such as `rb+` asks for.
#[derive(Default)]
struct Mode {
    created: bool,
    readable: bool,
    writable: bool,
    appending: bool,
    truncate: bool,
}

impl Mode {
    fn parse(text: &str) -> PyResult<Mode> {
        let mut mode = Mode::default();
        let (mut main, mut plus) = (None, false);
        let wrong =
            || raise!(ValueError, "Must have exactly one of create/read/write/append mode and at most one plus");
        for c in text.chars() {
            match c {
                'x' | 'r' | 'w' | 'a' => {
                    if main.replace(c).is_some() {
                        return Err(wrong());
                    }
                }
                '+' => {
                    if std::mem::replace(&mut plus, true) {
                        return Err(wrong());
                    }
                }
                'b' => {}
                _ => return Err(raise!(ValueError, "invalid mode: {text}")),
            }
        }
        match main {
            Some('r') => mode.readable = true,
            Some('w') => (mode.writable, mode.truncate) = (true, true),
            Some('x') => (mode.writable, mode.created) = (true, true),
            Some(_) => (mode.writable, mode.appending) = (true, true),
            None => return Err(wrong()),
        }
        if plus {
            (mode.readable, mode.writable) = (true, true);
        }
        Ok(mode)
    }

    fn open_flags(&self) -> i32 {
        let mut flags = match (self.readable, self.writable) {
            (true, true) => libc::O_RDWR,
            (true, false) => libc::O_RDONLY,
            _ => libc::O_WRONLY,
        };
        if self.created {
            flags |= libc::O_EXCL | libc::O_CREAT;
        }
        if self.truncate {
            flags |= libc::O_CREAT | libc::O_TRUNC;
        }
        if self.appending {
            flags |= libc::O_APPEND | libc::O_CREAT;
        }
        flags | libc::O_CLOEXEC
    }
}

/// The bytes of a path-like object for the operating system.
fn path_bytes(path: &Obj) -> PyResult<CString> {
    let mut object = path.clone();
    if path.downcast::<Str>().is_none() && path.downcast::<Bytes>().is_none() {
        object = call::call_special(path, name!("__fspath__"), &[])?.ok_or_else(|| {
            raise!(TypeError, "expected str, bytes or os.PathLike object, not {}", path.class().name())
        })?;
    }
    let bytes = if let Some(text) = object.downcast::<Str>() {
        name_bytes(text)?
    } else if let Some(bytes) = object.downcast::<Bytes>() {
        bytes.as_slice().to_vec()
    } else {
        return Err(raise!(
            TypeError,
            "expected {}.__fspath__() to return str or bytes, not {}",
            path.class().name(),
            object.class().name()
        ));
    };
    CString::new(bytes).map_err(|_| raise!(ValueError, "embedded null byte"))
}

/// The descriptor if the argument is a number.
fn descriptor(file: &Obj) -> PyResult<Option<i32>> {
    if as_bool(file).is_some() {
        let text = "bool is used as a file descriptor";
        (pyrs_runtime::hooks::hooks().warn)(RuntimeWarning::class(), text, 1)?;
    }
    if !number::has_index(file) {
        return Ok(None);
    }
    let index = number::index(file)?;
    match int::to_i64(&index).and_then(|n| i32::try_from(n).ok()) {
        Some(fd) if fd < 0 => Err(raise!(ValueError, "negative file descriptor")),
        fd => Ok(fd),
    }
}

/// Tells audit hooks, if there are any, that a file is about to be opened.
pub fn audit_open(path: &Obj, mode: &str, flags: i32) -> PyResult<()> {
    if runtime().registered("audit_hooks").is_none() {
        return Ok(());
    }
    match crate::core::sys_attribute("audit") {
        Some(audit) => {
            let event = Str::new("open").into_obj();
            call::call(&audit, &[event, path.clone(), Str::new(mode).into(), int::new(flags as i64)]).map(drop)
        }
        None => Ok(()),
    }
}

impl FileIo {
    fn closed_state() -> FileIo {
        FileIo {
            fd: Cell::new(-1),
            created: Cell::new(false),
            readable: Cell::new(false),
            writable: Cell::new(false),
            appending: Cell::new(false),
            seekable: Cell::new(None),
            closefd: Cell::new(true),
            finalizing: Cell::new(false),
            block_size: Cell::new(support::DEFAULT_BUFFER_SIZE as i64),
            regular: Cell::new(false),
            size_at_open: Cell::new(0),
        }
    }

    /// The descriptor, or ValueError if the file is closed.
    #[inline]
    pub fn open_fd(&self) -> PyResult<i32> {
        let fd = self.fd.get();
        if fd < 0 { Err(raise!(ValueError, "I/O operation on closed file")) } else { Ok(fd) }
    }

    #[inline]
    pub fn is_open(&self) -> bool {
        self.fd.get() >= 0
    }

    pub fn block_size(&self) -> i64 {
        self.block_size.get()
    }

    fn reading_fd(&self) -> PyResult<i32> {
        let fd = self.open_fd()?;
        if self.readable.get() { Ok(fd) } else { Err(unsupported("File not open for reading")) }
    }

    fn writing_fd(&self) -> PyResult<i32> {
        let fd = self.open_fd()?;
        if self.writable.get() { Ok(fd) } else { Err(unsupported("File not open for writing")) }
    }

    /// Reads into memory; `None` if it would block.
    pub fn read_into(&self, out: &mut [u8]) -> PyResult<Option<usize>> {
        match fd::read(self.reading_fd()?, out)? {
            Ok(n) => Ok(Some(n)),
            Err(e) if fd::would_block(&e) => Ok(None),
            Err(e) => Err(raise_io(&e, None)),
        }
    }

    /// Appends all that is left to `out`; false if it would block and nothing has come.
    pub fn read_to_end(&self, out: &mut Vec<u8>) -> PyResult<bool> {
        let fd = self.open_fd()?;
        let mut expected = self.size_at_open.get();
        // Big files are worth asking how much of them is left.
        if expected > 1 << 16
            && let Ok(position) = fd::seek(fd, 0, libc::SEEK_CUR)
        {
            expected -= position;
        }
        fd::read_to_end(fd, expected.clamp(0, 1 << 34) as usize, out)?.map_err(|e| raise_io(&e, None))
    }

    /// Writes some of the bytes; `None` if it would block.
    pub fn write_some(&self, data: &[u8]) -> PyResult<Option<usize>> {
        match fd::write(self.writing_fd()?, data)? {
            Ok(n) => {
                // Fewer bytes than wanted may mean that a signal arrived.
                if n < data.len() {
                    crate::os::check_signals()?;
                }
                Ok(Some(n))
            }
            Err(e) if fd::would_block(&e) => Ok(None),
            Err(e) => Err(raise_io(&e, None)),
        }
    }

    pub fn seek_to(&self, offset: i64, whence: i32) -> PyResult<i64> {
        let result = fd::seek(self.open_fd()?, offset, whence);
        if self.seekable.get().is_none() {
            self.seekable.set(Some(result.is_ok()));
        }
        result.map_err(|e| raise_io(&e, None))
    }

    pub fn can_seek(&self) -> PyResult<bool> {
        let fd = self.open_fd()?;
        if self.seekable.get().is_none() {
            self.seekable.set(Some(self.regular.get() || fd::seek(fd, 0, libc::SEEK_CUR).is_ok()));
        }
        Ok(self.seekable.get() == Some(true))
    }

    fn close_fd(&self) -> PyResult<()> {
        let fd = self.fd.replace(-1);
        if fd < 0 {
            return Ok(());
        }
        fd::close(fd).map_err(|e| raise_io(&e, None))
    }

    fn mode_text(&self) -> &'static str {
        match (self.created.get(), self.appending.get(), self.readable.get(), self.writable.get()) {
            (true, _, true, _) => "xb+",
            (true, ..) => "xb",
            (_, true, true, _) => "ab+",
            (_, true, ..) => "ab",
            (_, _, true, true) => "rb+",
            (_, _, true, _) => "rb",
            _ => "wb",
        }
    }

    /// Takes a descriptor from an opener, or opens the path.
    fn open_path(&self, file: &Obj, mode: &str, flags: i32, opener: Option<&Obj>) -> PyResult<()> {
        audit_open(file, mode, flags)?;
        let Some(opener) = opener else {
            let path = path_bytes(file)?;
            self.fd.set(fd::open(&path, flags)?.map_err(|e| raise_io(&e, Some(file)))?);
            return Ok(());
        };
        let given = call::call(opener, &[file.clone(), int::new(flags as i64)])?;
        if !int::is_int(&given) {
            return Err(raise!(TypeError, "expected integer from opener"));
        }
        let Some(fd) = int::to_i64(&given).and_then(|n| i32::try_from(n).ok()) else {
            return Err(raise!(OverflowError, "Python int too large to convert to C int"));
        };
        if fd < 0 {
            return Err(raise!(ValueError, "opener returned {fd}"));
        }
        fd::set_close_on_exec(fd);
        self.fd.set(fd);
        Ok(())
    }

    /// Looks at what has been opened: directories are refused.
    fn inspect(this: &Object<FileIo>, file: &Obj) -> PyResult<()> {
        match fd::status(this.fd.get()) {
            Ok(stat) => {
                let kind = stat.st_mode & libc::S_IFMT;
                if kind == libc::S_IFDIR {
                    return Err(raise_errno(libc::EISDIR, Some(file)));
                }
                this.regular.set(kind == libc::S_IFREG);
                this.size_at_open.set(if kind == libc::S_IFREG { stat.st_size } else { 0 });
                if stat.st_blksize > 1 {
                    this.block_size.set(stat.st_blksize);
                }
            }
            Err(e) if e.raw_os_error() == Some(libc::EBADF) => return Err(raise_io(&e, None)),
            Err(_) => {}
        }
        attr::setattr(&this.as_obj(), name!("name"), Some(file))?;
        if this.appending.get() {
            // Devices that cannot seek may be appended to.
            if let Err(raised) = this.seek_to(0, libc::SEEK_END) {
                raised.discard();
            }
        }
        Ok(())
    }
}

#[pymethods]
impl FileIo {
    #[slot(new)]
    fn construct(cls: &Type, _args: Args<'_>) -> PyResult<Obj> {
        Ok(Ptr::new_in(cls, FileIo::closed_state()).into())
    }

    #[init(sig = "(file, mode='r', closefd=True, opener=None)")]
    fn init(this: &Object<FileIo>, file: &Obj, mode: String, closefd: bool, opener: Option<&Obj>) -> PyResult<()> {
        if this.is_open() {
            if this.closefd.get() {
                this.close_fd()?;
            } else {
                this.fd.set(-1);
            }
        }
        let fd = descriptor(file)?;
        let wanted = Mode::parse(&mode)?;
        this.created.set(wanted.created);
        this.readable.set(wanted.readable);
        this.writable.set(wanted.writable);
        this.appending.set(wanted.appending);
        this.seekable.set(None);
        this.closefd.set(closefd);
        match fd {
            Some(fd) => {
                // A descriptor that turns out to be bad is not ours to close.
                fd::status(fd).map_err(|e| {
                    this.fd.set(-1);
                    raise_io(&e, None)
                })?;
                this.fd.set(fd);
            }
            None if !closefd => return Err(raise!(ValueError, "Cannot use closefd=False with file name")),
            None => this.open_path(file, &mode, wanted.open_flags(), opener)?,
        }
        if let Err(raised) = FileIo::inspect(this, file) {
            let exc = raised.take();
            if fd.is_some() {
                this.fd.set(-1);
            } else if let Err(second) = this.close_fd() {
                second.discard();
            }
            return support::chain::<(), ()>(Err(exc), Ok(()));
        }
        Ok(())
    }

    #[slot(repr)]
    fn repr(this: &Object<FileIo>) -> PyResult<Obj> {
        let obj = this.as_obj();
        let class = this.class().name();
        let mut out = TextBuilder::new();
        if !this.is_open() {
            return Ok(out.text(&format!("<{class} [closed]>")).finish_obj());
        }
        match attr::getattr_optional(&obj, name!("name"))? {
            None => {
                out.text(&format!("<{class} fd={}", this.fd.get()));
            }
            Some(name) => {
                let Some(_guard) = ReprGuard::enter(&obj) else {
                    return Err(raise!(RuntimeError, "reentrant call inside {class}.__repr__"));
                };
                out.text(&format!("<{class} name=")).repr(&name)?;
            }
        }
        let closefd = if this.closefd.get() { "True" } else { "False" };
        Ok(out.text(&format!(" mode='{}' closefd={closefd}>", this.mode_text())).finish_obj())
    }

    /// Read up to size bytes with one system call; all that is left if size is
    /// negative. None if nothing is ready.
    #[pymethod(sig = "(size=-1, /)")]
    fn read(this: &Object<FileIo>, size: Option<Size>) -> PyResult<Obj> {
        let size = size_or_all(size);
        this.reading_fd()?;
        if size < 0 {
            return method(&this.as_obj(), name!("readall"));
        }
        let mut buffer = vec![0; (size as usize).min(0x7fff_f000)];
        Ok(match this.read_into(&mut buffer)? {
            Some(n) => Bytes::new(&buffer[..n]).into(),
            None => none(),
        })
    }

    /// Read all that is left. None if nothing is ready.
    #[pymethod]
    fn readall(&self) -> PyResult<Obj> {
        let mut all = Vec::new();
        Ok(if self.read_to_end(&mut all)? { Bytes::from_vec(all).into() } else { none() })
    }

    /// Read into the buffer; the number of bytes, or None if nothing is ready.
    #[pymethod]
    fn readinto(&self, buffer: WritableBytes) -> PyResult<Option<usize>> {
        self.reading_fd()?;
        buffer.0.with_bytes_mut(|out| self.read_into(out))
    }

    /// Write some of the bytes with one system call; their number, or None if
    /// the file is not ready.
    #[pymethod]
    fn write(&self, b: BytesLike<'_>) -> PyResult<Option<usize>> {
        self.write_some(&b)
    }

    /// Move the position: from the start, the position or the end.
    #[pymethod(sig = "(pos, whence=0, /)")]
    fn seek(&self, pos: &Obj, whence: i32) -> PyResult<i64> {
        self.open_fd()?;
        let index = number::index(pos)?;
        let Some(pos) = int::to_i64(&index) else {
            return Err(raise!(OverflowError, "Python int too large to convert to C long"));
        };
        self.seek_to(pos, whence)
    }

    /// The current position.
    #[pymethod]
    fn tell(&self) -> PyResult<i64> {
        self.seek_to(0, libc::SEEK_CUR)
    }

    /// Change the size of the file, to the current position by default. The
    /// position stays.
    #[pymethod(sig = "(size=None, /)")]
    fn truncate(&self, size: Option<Obj>) -> PyResult<Obj> {
        let fd = self.writing_fd()?;
        let size = match size {
            Some(size) => size,
            None => int::new(self.seek_to(0, libc::SEEK_CUR)?),
        };
        let length = match int::to_i64(&number::index(&size)?) {
            Some(length) => length,
            None => return Err(raise!(OverflowError, "Python int too large to convert to C long")),
        };
        fd::truncate(fd, length)?.map_err(|e| raise_io(&e, None))?;
        Ok(size)
    }

    /// Close the file; the descriptor stays open if closefd was false.
    #[pymethod]
    fn close(this: &Object<FileIo>) -> PyResult<()> {
        let obj = this.as_obj();
        let flushed = base_close(&obj).map_err(pyrs_runtime::Raised::take);
        if !this.closefd.get() {
            this.fd.set(-1);
            return support::chain(flushed, Ok(()));
        }
        if this.finalizing.get() && this.is_open() {
            // The warning must not keep the file open.
            if let Err(raised) = warn_unclosed(&obj) {
                raised.discard();
            }
        }
        support::chain(flushed, this.close_fd())
    }

    /// Whether the position can be moved.
    #[pymethod]
    fn seekable(&self) -> PyResult<bool> {
        self.can_seek()
    }

    /// Whether the file was opened for reading.
    #[pymethod]
    fn readable(&self) -> PyResult<bool> {
        self.open_fd().map(|_| self.readable.get())
    }

    /// Whether the file was opened for writing.
    #[pymethod]
    fn writable(&self) -> PyResult<bool> {
        self.open_fd().map(|_| self.writable.get())
    }

    /// The file descriptor.
    #[pymethod]
    fn fileno(&self) -> PyResult<i32> {
        self.open_fd()
    }

    /// Whether the file is a terminal.
    #[pymethod]
    fn isatty(&self) -> PyResult<bool> {
        self.open_fd().map(fd::is_terminal)
    }

    /// As isatty(), but sure of regular files without asking.
    #[pymethod(name = "_isatty_open_only")]
    pub fn isatty_open_only(&self) -> PyResult<bool> {
        if self.regular.get() {
            return Ok(false);
        }
        self.isatty()
    }

    #[pymethod(name = "_dealloc_warn")]
    fn dealloc_warn(&self, object: &Obj) -> PyResult<()> {
        if self.is_open() && self.closefd.get() { warn_unclosed(object) } else { Ok(()) }
    }

    #[pymethod(name = "__getstate__")]
    fn getstate(this: &Obj) -> PyResult<Obj> {
        Err(cannot_pickle(this))
    }

    /// True if the file is closed.
    #[getter]
    fn closed(&self) -> bool {
        !self.is_open()
    }

    /// True if the descriptor is closed with the stream.
    #[getter]
    fn closefd(&self) -> bool {
        self.closefd.get()
    }

    /// The mode as text.
    #[getter]
    fn mode(&self) -> &'static str {
        self.mode_text()
    }

    /// Preferred size of transfers.
    #[getter(name = "_blksize")]
    fn blksize(&self) -> i64 {
        self.block_size.get()
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
