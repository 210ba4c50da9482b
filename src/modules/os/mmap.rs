//! `mmap`: files in memory.

use std::cell::Cell;

use pyrs_macros::{pyclass, pymethods, pymodule};
use pyrs_runtime::args::FromArg;
use pyrs_runtime::errors::{PyResult, raise_io};
use pyrs_runtime::object::{Obj, Object, Ptr, PyClass};
use pyrs_runtime::objects::bytes::Bytes;
use pyrs_runtime::objects::slice::Slice;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::{exceptions, int};
use pyrs_runtime::protocols::buffer::{Buffer, BytesLike};
use pyrs_runtime::protocols::number;
use pyrs_runtime::protocols::sequence::SliceIndices;
use pyrs_runtime::raise;
use pyrs_runtime::thread::allow_threads;
use pyrs_runtime::types::Type;

use crate::os::support::{add_constants, os_error, outcome};

const ACCESS_DEFAULT: i32 = 0;
const ACCESS_READ: i32 = 1;
const ACCESS_WRITE: i32 = 2;
const ACCESS_COPY: i32 = 3;

/// A piece of memory from `mmap`, unmapped when it goes. All reading and writing goes through `with` and
/// `with_mut`, which check nothing but give exactly the mapped bytes.
struct Mapping {
    start: *mut u8,
    length: usize,
}

impl Mapping {
    fn new(length: usize, prot: i32, flags: i32, fd: i32, offset: i64) -> std::io::Result<Mapping> {
        // SAFETY: a new mapping at a place that the system chooses.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), length, prot, flags, fd, offset) };
        if start == libc::MAP_FAILED {
            return Err(std::io::Error::last_os_error());
        }
        Ok(Mapping { start: start.cast(), length })
    }

    /// # Safety
    /// Nothing holds an address inside the mapping.
    unsafe fn resize(&mut self, length: usize) -> std::io::Result<()> {
        // SAFETY: a mapping of the stated size; it may move, by contract.
        let start = unsafe { libc::mremap(self.start.cast(), self.length, length, libc::MREMAP_MAYMOVE) };
        if start == libc::MAP_FAILED {
            return Err(std::io::Error::last_os_error());
        }
        (self.start, self.length) = (start.cast(), length);
        Ok(())
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: the mapping is readable and lives as long as the borrow; other processes may write to it,
        // which single loads tolerate.
        unsafe { std::slice::from_raw_parts(self.start, self.length) }
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above; the caller has checked that it is writable.
        unsafe { std::slice::from_raw_parts_mut(self.start, self.length) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: a mapping of the stated size, not used after this.
        unsafe { libc::munmap(self.start.cast(), self.length) };
    }
}

/// mmap(fileno, length[, flags[, prot[, access[, offset[, trackfd]]]]])
///
/// Map length bytes of a file into memory; 0 maps the whole file, and fileno -1 memory of no file.
/// flags is MAP_SHARED (the default) for a mapping that others see, or MAP_PRIVATE; prot says what may
/// be done with the memory; access is a simpler way to say both.
#[pyclass(name = "mmap", module = "mmap", weaklist, nogc, flags = BASETYPE)]
pub struct Mmap {
    mapping: pyrs_runtime::object::DataCell<Option<Mapping>>,
    fd: Cell<i32>,
    flags: i32,
    offset: i64,
    position: Cell<usize>,
    access: i32,
    exports: Cell<usize>,
    trackfd: bool,
}

impl Drop for Mmap {
    fn drop(&mut self) {
        self.close_descriptor();
    }
}

impl Mmap {
    fn close_descriptor(&self) {
        let fd = self.fd.replace(-1);
        if fd >= 0 {
            // SAFETY: the object owns its copy of the descriptor.
            unsafe { libc::close(fd) };
        }
    }

    fn with<R>(&self, f: impl FnOnce(&mut Mapping) -> R) -> PyResult<R> {
        self.mapping.with(|mapping| mapping.as_mut().map(f)).ok_or_else(|| raise!(ValueError, "mmap closed or invalid"))
    }

    fn length(&self) -> PyResult<usize> {
        self.with(|m| m.length)
    }

    fn check_writable(&self) -> PyResult<()> {
        if self.access == ACCESS_READ {
            return Err(raise!(TypeError, "mmap can't modify a readonly memory map."));
        }
        Ok(())
    }

    fn bytes(&self, start: usize, end: usize) -> PyResult<Obj> {
        self.with(|m| Bytes::new(m.bytes().get(start..end).unwrap_or_default())).map(Into::into)
    }

    fn check_resizable(&self) -> PyResult<()> {
        if self.exports.get() > 0 {
            return Err(raise!(BufferError, "mmap can't resize with extant pointers exported."));
        }
        if self.access != ACCESS_WRITE && self.access != ACCESS_DEFAULT {
            return Err(raise!(TypeError, "mmap can't resize a readonly or copy-on-write memory map."));
        }
        if !self.trackfd {
            return Err(raise!(ValueError, "can't resize with trackfd=False"));
        }
        Ok(())
    }

    /// `find` and `rfind`.
    fn search(&self, view: &Obj, start: Option<&Obj>, end: Option<&Obj>, backwards: bool) -> PyResult<isize> {
        self.length()?;
        let wanted = BytesLike::new(view)?.to_vec();
        let default_start = self.position.get();
        let start = start.map(|s| number::as_ssize(s, false)).transpose()?;
        let end = end.map(|e| number::as_ssize(e, false)).transpose()?;
        self.with(|m| {
            let length = m.length as isize;
            let clip = |n: isize| if n < 0 { (n + length).max(0) } else { n.min(length) } as usize;
            let (start, end) = (start.map_or(default_start, clip), end.map_or(length as usize, clip));
            if start > end || wanted.len() > end - start || end > m.length {
                return -1;
            }
            let part = &m.bytes()[start..end];
            let found = if wanted.is_empty() {
                Some(if backwards { part.len() } else { 0 })
            } else {
                let mut windows = part.windows(wanted.len());
                if backwards { windows.rposition(|w| w == wanted) } else { windows.position(|w| w == wanted) }
            };
            found.map_or(-1, |at| (at + start) as isize)
        })
    }
}

fn out_of_range() -> pyrs_runtime::Raised {
    raise!(IndexError, "mmap index out of range")
}

fn byte_value(value: &Obj) -> PyResult<u8> {
    if !number::has_index(value) {
        return Err(raise!(TypeError, "mmap item value must be an int"));
    }
    let n = number::as_ssize(value, false)?;
    u8::try_from(n).map_err(|_| raise!(ValueError, "mmap item value must be in range(0, 256)"))
}

#[pymethods]
impl Mmap {
    #[new(
        sig = "(fileno, length, flags=1, prot=3, access=0, offset=0, *, trackfd=True)",
        name = "mmap",
        text_signature = ""
    )]
    fn py_new(
        cls: &Type,
        fileno: i32,
        length: isize,
        flags: i32,
        prot: i32,
        access: i32,
        offset: i64,
        trackfd: bool,
    ) -> PyResult<Obj> {
        let Ok(mut size) = usize::try_from(length) else {
            return Err(raise!(OverflowError, "memory mapped length must be positive"));
        };
        if offset < 0 {
            return Err(raise!(OverflowError, "memory mapped offset must be positive"));
        }
        let (mut flags, mut prot, mut access) = (flags, prot, access);
        if access != ACCESS_DEFAULT && (flags != libc::MAP_SHARED || prot != libc::PROT_READ | libc::PROT_WRITE) {
            return Err(raise!(ValueError, "mmap can't specify both access and flags, prot."));
        }
        match access {
            ACCESS_READ => (flags, prot) = (libc::MAP_SHARED, libc::PROT_READ),
            ACCESS_WRITE => (flags, prot) = (libc::MAP_SHARED, libc::PROT_READ | libc::PROT_WRITE),
            ACCESS_COPY => (flags, prot) = (libc::MAP_PRIVATE, libc::PROT_READ | libc::PROT_WRITE),
            ACCESS_DEFAULT => {
                let both = libc::PROT_READ | libc::PROT_WRITE;
                if prot & both != both {
                    access = if prot & libc::PROT_WRITE != 0 { ACCESS_WRITE } else { ACCESS_READ };
                }
            }
            _ => return Err(raise!(ValueError, "mmap invalid access parameter.")),
        }
        let mut fd = -1;
        if fileno == -1 {
            flags |= libc::MAP_ANONYMOUS;
        } else {
            // SAFETY: a valid structure, which is only read if the call filled it.
            let status = unsafe {
                let mut status: libc::stat = std::mem::zeroed();
                outcome(libc::fstat(fileno, &mut status) as i64).map(|_| status)
            };
            match status {
                Ok(status) if status.st_mode & libc::S_IFMT == libc::S_IFREG => {
                    if size == 0 {
                        if status.st_size == 0 {
                            return Err(raise!(ValueError, "cannot mmap an empty file"));
                        }
                        if offset >= status.st_size {
                            return Err(raise!(ValueError, "mmap offset is greater than file size"));
                        }
                        size = (status.st_size - offset) as usize;
                    } else if offset > status.st_size || (status.st_size - offset) < size as i64 {
                        return Err(raise!(ValueError, "mmap length is greater than file size"));
                    }
                }
                Ok(_) => {}
                Err(e) if trackfd => return Err(raise_io(&e, None)),
                Err(_) => {}
            }
            if trackfd {
                // SAFETY: plain call.
                fd = unsafe { libc::fcntl(fileno, libc::F_DUPFD_CLOEXEC, 0) };
                if fd < 0 {
                    return Err(os_error());
                }
            }
        }
        let made = Mmap {
            mapping: pyrs_runtime::object::DataCell::new(None),
            fd: Cell::new(fd),
            flags,
            offset,
            position: Cell::new(0),
            access,
            exports: Cell::new(0),
            trackfd,
        };
        let mapping = Mapping::new(size, prot, flags, fileno, offset).map_err(|e| raise_io(&e, None))?;
        drop(made.mapping.replace(Some(mapping)));
        Ok(Ptr::new_in(cls, made).into())
    }

    #[slot(repr)]
    fn repr(this: &Object<Mmap>) -> PyResult<Obj> {
        let name = pyrs_runtime::objects::object::repr_name(this.class());
        let length = this.mapping.with(|m| m.as_ref().map(|m| m.length));
        let text = match length {
            None => format!("<{name} closed=True>"),
            Some(length) => {
                let access = ["ACCESS_DEFAULT", "ACCESS_READ", "ACCESS_WRITE", "ACCESS_COPY"][this.access as usize];
                let (position, offset) = (this.position.get(), this.offset);
                format!("<{name} closed=False, access={access}, length={length}, pos={position}, offset={offset}>")
            }
        };
        Ok(Str::new(&text).into())
    }

    #[slot(length)]
    fn len(&self) -> PyResult<usize> {
        self.length()
    }

    #[slot(sq_item)]
    fn item(this: &Obj, i: isize) -> PyResult<Obj> {
        let this = this.downcast::<Mmap>().expect("the slot belongs to this class");
        let found = this.with(|m| usize::try_from(i).ok().and_then(|i| m.bytes().get(i).copied()))?;
        found.map(|b| int::new(b as i64)).ok_or_else(out_of_range)
    }

    #[slot(getitem)]
    fn getitem(this: &Obj, key: &Obj) -> PyResult<Obj> {
        let this = this.downcast::<Mmap>().expect("the slot belongs to this class");
        let length = this.length()?;
        if number::has_index(key) {
            let i = number::as_subscript(key)?;
            let i = if i < 0 { i + length as isize } else { i };
            return Mmap::item(&this.as_obj(), i);
        }
        let Some(slice) = key.downcast::<Slice>() else {
            return Err(raise!(TypeError, "mmap indices must be integers"));
        };
        let unpacked = SliceIndices::unpack(slice)?;
        // The parts of the slice may have closed or resized it.
        this.with(|m| {
            let indices = unpacked.adjust(m.length);
            let bytes = m.bytes();
            Bytes::from_vec(indices.positions().map(|i| bytes[i]).collect())
        })
        .map(Into::into)
    }

    #[slot(setitem)]
    fn setitem(this: &Obj, key: &Obj, value: Option<&Obj>) -> PyResult<()> {
        let this = this.downcast::<Mmap>().expect("the slot belongs to this class");
        let length = this.length()?;
        this.check_writable()?;
        if number::has_index(key) {
            let i = number::as_subscript(key)?;
            let i = if i < 0 { i + length as isize } else { i };
            if i < 0 || i as usize >= length {
                return Err(out_of_range());
            }
            let Some(value) = value else {
                return Err(raise!(TypeError, "mmap doesn't support item deletion"));
            };
            let byte = byte_value(value)?;
            return this.with(|m| m.bytes_mut().get_mut(i as usize).map(|b| *b = byte))?.ok_or_else(out_of_range);
        }
        let Some(slice) = key.downcast::<Slice>() else {
            return Err(raise!(TypeError, "mmap indices must be integer"));
        };
        let unpacked = SliceIndices::unpack(slice)?;
        let Some(value) = value else {
            return Err(raise!(TypeError, "mmap object doesn't support slice deletion"));
        };
        let data = BytesLike::new(value)?.to_vec();
        let done = this.with(|m| {
            let positions = unpacked.adjust(m.length).positions();
            if positions.len() != data.len() {
                return false;
            }
            let bytes = m.bytes_mut();
            positions.zip(&data).for_each(|(i, b)| bytes[i] = *b);
            true
        })?;
        if done { Ok(()) } else { Err(raise!(IndexError, "mmap slice assignment is wrong size")) }
    }

    #[slot(buffer)]
    fn buffer(this: &Obj, flags: u32) -> PyResult<Buffer> {
        let object = this.downcast::<Mmap>().expect("the slot belongs to this class");
        let (start, length) = object.with(|m| (m.start, m.length))?;
        let buffer = Buffer::fill(this, start, length, object.access == ACCESS_READ, flags)?;
        object.exports.set(object.exports.get() + 1);
        Ok(buffer)
    }

    #[slot(release_buffer)]
    fn release_buffer(this: &Obj, _buffer: &Buffer) {
        if let Some(object) = this.downcast::<Mmap>() {
            object.exports.set(object.exports.get() - 1);
        }
    }

    /// Unmap the memory; operations raise ValueError from now on.
    #[pymethod]
    fn close(&self) -> PyResult<()> {
        if self.exports.get() > 0 {
            return Err(raise!(BufferError, "cannot close exported pointers exist"));
        }
        self.close_descriptor();
        drop(self.mapping.replace(None));
        Ok(())
    }

    #[getter]
    fn closed(&self) -> bool {
        self.mapping.with(|m| m.is_none())
    }

    /// The lowest place of a sequence of bytes, -1 if there is none.
    #[pymethod(sig = "(view, start=None, end=None, /)")]
    fn find(&self, view: &Obj, start: Option<&Obj>, end: Option<&Obj>) -> PyResult<isize> {
        self.search(view, start, end, false)
    }

    /// The highest place of a sequence of bytes, -1 if there is none.
    #[pymethod(sig = "(view, start=None, end=None, /)")]
    fn rfind(&self, view: &Obj, start: Option<&Obj>, end: Option<&Obj>) -> PyResult<isize> {
        self.search(view, start, end, true)
    }

    /// Write changes to the file: size bytes from offset on, or all.
    #[pymethod(sig = "(offset=0, size=None, /)")]
    fn flush(&self, offset: isize, size: Option<&Obj>) -> PyResult<()> {
        let length = self.length()?;
        let size = match size {
            None => length as isize - offset,
            Some(size) => isize::from_arg(size)?,
        };
        if size < 0 || offset < 0 || length as isize - offset < size {
            return Err(raise!(ValueError, "flush values out of range"));
        }
        if self.access == ACCESS_READ || self.access == ACCESS_COPY {
            return Ok(());
        }
        // SAFETY: a part of the mapping.
        let result = self.with(|m| unsafe {
            outcome(libc::msync(m.start.add(offset as usize).cast(), size as usize, libc::MS_SYNC) as i64)
        })?;
        result.map(drop).map_err(|e| raise_io(&e, None))
    }

    /// Tell the system how a part of the memory will be used.
    #[pymethod(sig = "(option, start=0, length=None, /)")]
    fn madvise(&self, option: i32, start: isize, length: Option<&Obj>) -> PyResult<()> {
        let size = self.length()?;
        let length = length.map_or(Ok(size as isize), isize::from_arg)?;
        if start < 0 || start as usize >= size {
            return Err(raise!(ValueError, "madvise start out of bounds"));
        }
        if length < 0 {
            return Err(raise!(ValueError, "madvise length invalid"));
        }
        if isize::MAX - start < length {
            return Err(raise!(OverflowError, "madvise length too large"));
        }
        let length = (length as usize).min(size - start as usize);
        // SAFETY: a part of the mapping.
        let result = self
            .with(|m| unsafe { outcome(libc::madvise(m.start.add(start as usize).cast(), length, option) as i64) })?;
        result.map(drop).map_err(|e| raise_io(&e, None))
    }

    /// Copy count bytes from src to dest; they may overlap.
    #[pymethod(name = "move")]
    fn move_bytes(&self, dest: isize, src: isize, count: isize) -> PyResult<()> {
        let length = self.length()? as isize;
        self.check_writable()?;
        if dest < 0 || src < 0 || count < 0 || length - dest < count || length - src < count {
            return Err(raise!(ValueError, "source, destination, or count out of range"));
        }
        self.with(|m| m.bytes_mut().copy_within(src as usize..(src + count) as usize, dest as usize))
    }

    /// Up to n bytes from the current position, all if n is None or negative.
    #[pymethod(sig = "(n=None, /)")]
    fn read(&self, n: Option<&Obj>) -> PyResult<Obj> {
        self.length()?;
        let wanted = match n {
            None => -1,
            Some(n) if number::has_index(n) => number::as_ssize(n, true)?,
            Some(n) => {
                return Err(raise!(TypeError, "argument should be integer or None, not '{}'", n.class().name()));
            }
        };
        let start = self.position.get();
        let left = self.length()?.saturating_sub(start);
        let size = usize::try_from(wanted).map_or(left, |n| n.min(left));
        let data = self.bytes(start, start + size)?;
        self.position.set(start + size);
        Ok(data)
    }

    /// The byte at the current position as an int.
    #[pymethod]
    fn read_byte(&self) -> PyResult<i64> {
        let at = self.position.get();
        match self.with(|m| m.bytes().get(at).copied())? {
            Some(byte) => {
                self.position.set(at + 1);
                Ok(byte as i64)
            }
            None => Err(raise!(ValueError, "read byte out of range")),
        }
    }

    /// The bytes up to and with the next newline.
    #[pymethod]
    fn readline(&self) -> PyResult<Obj> {
        let start = self.position.get();
        let end = self.with(|m| {
            let rest = m.bytes().get(start..).unwrap_or_default();
            start + rest.iter().position(|b| *b == b'\n').map_or(rest.len(), |i| i + 1)
        })?;
        let line = self.bytes(start, end)?;
        self.position.set(end);
        Ok(line)
    }

    /// Change the size of the memory and of the file.
    #[pymethod]
    fn resize(&self, newsize: isize) -> PyResult<()> {
        self.length()?;
        self.check_resizable()?;
        if newsize < 0 || i64::MAX - newsize as i64 <= self.offset {
            return Err(raise!(ValueError, "new size out of range"));
        }
        let size = newsize as usize;
        let fd = self.fd.get();
        // SAFETY: plain call.
        if fd != -1 && unsafe { libc::ftruncate(fd, self.offset + newsize as i64) } < 0 {
            return Err(os_error());
        }
        let result = self.with(|m| {
            if fd == -1 && self.flags & libc::MAP_PRIVATE == 0 && size > m.length {
                return Err(None);
            }
            // SAFETY: nothing is exported, as checked above.
            unsafe { m.resize(size) }.map_err(Some)
        })?;
        result.map_err(|e| match e {
            Some(e) => raise_io(&e, None),
            None => raise!(ValueError, "mmap: can't expand a shared anonymous mapping on Linux"),
        })
    }

    /// Set the current position, counted from the start (0), the current position (1) or the end (2).
    #[pymethod(sig = "(pos, whence=0, /)")]
    fn seek(&self, pos: isize, whence: i32) -> PyResult<usize> {
        let length = self.length()?;
        let base = match whence {
            0 => 0,
            1 => self.position.get() as isize,
            2 => length as isize,
            _ => return Err(raise!(ValueError, "unknown seek type")),
        };
        match base.checked_add(pos) {
            Some(at) if at >= 0 && at as usize <= length => {
                self.position.set(at as usize);
                Ok(at as usize)
            }
            _ => Err(raise!(ValueError, "seek out of range")),
        }
    }

    /// True: the position can be set.
    #[pymethod]
    fn seekable(&self) -> bool {
        true
    }

    /// The size of the file, which may be more than is mapped.
    #[pymethod]
    fn size(&self) -> PyResult<i64> {
        self.length()?;
        let fd = self.fd.get();
        // SAFETY: a valid structure.
        unsafe {
            let mut status: libc::stat = std::mem::zeroed();
            let found = allow_threads(|| outcome(libc::fstat(fd, &mut status) as i64).map(|_| status.st_size));
            found.map_err(|e| raise_io(&e, None))
        }
    }

    /// The current position.
    #[pymethod]
    fn tell(&self) -> PyResult<usize> {
        self.length()?;
        Ok(self.position.get())
    }

    /// Write bytes at the current position.
    #[pymethod]
    fn write(&self, bytes: BytesLike<'_>) -> PyResult<usize> {
        let length = self.length()?;
        self.check_writable()?;
        let data = bytes.to_vec();
        let start = self.position.get();
        if start > length || length - start < data.len() {
            return Err(raise!(ValueError, "data out of range"));
        }
        self.with(|m| m.bytes_mut()[start..start + data.len()].copy_from_slice(&data))?;
        self.position.set(start + data.len());
        Ok(data.len())
    }

    /// Write one byte, an int, at the current position.
    #[pymethod]
    fn write_byte(&self, byte: u8) -> PyResult<()> {
        self.length()?;
        self.check_writable()?;
        let at = self.position.get();
        match self.with(|m| m.bytes_mut().get_mut(at).map(|b| *b = byte))? {
            Some(()) => {
                self.position.set(at + 1);
                Ok(())
            }
            None => Err(raise!(ValueError, "write byte out of range")),
        }
    }

    /// The object itself, unless it is closed.
    #[pymethod(name = "__enter__")]
    fn enter(this: &Object<Mmap>) -> PyResult<Obj> {
        this.length()?;
        Ok(this.to_obj())
    }

    /// Close it.
    #[pymethod(name = "__exit__")]
    fn exit(&self, exc_type: &Obj, exc_value: &Obj, traceback: &Obj) -> PyResult<()> {
        let _ = (exc_type, exc_value, traceback);
        self.close()
    }
}

/// Files in memory.
#[pymodule(name = "mmap", classes(super::Mmap))]
pub mod mmap {
    use super::*;
    use pyrs_runtime::objects::module::Module;

    #[module_exec]
    fn exec(module: &Object<Module>) -> PyResult<()> {
        module.add("error", exceptions::OSError::class().to_obj());
        // SAFETY: plain call.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        add_constants(module, &[("PAGESIZE", page), ("ALLOCATIONGRANULARITY", page)]);
        add_constants(module, CONSTANTS);
        #[cfg(target_arch = "x86_64")]
        add_constants(module, &[("MAP_32BIT", 64)]);
        Ok(())
    }

    /// Linux's numbers.
    const CONSTANTS: &[(&str, i64)] = &[
        ("ACCESS_COPY", 3),
        ("ACCESS_DEFAULT", 0),
        ("ACCESS_READ", 1),
        ("ACCESS_WRITE", 2),
        ("MADV_DODUMP", 17),
        ("MADV_DOFORK", 11),
        ("MADV_DONTDUMP", 16),
        ("MADV_DONTFORK", 10),
        ("MADV_DONTNEED", 4),
        ("MADV_FREE", 8),
        ("MADV_HUGEPAGE", 14),
        ("MADV_HWPOISON", 100),
        ("MADV_MERGEABLE", 12),
        ("MADV_NOHUGEPAGE", 15),
        ("MADV_NORMAL", 0),
        ("MADV_RANDOM", 1),
        ("MADV_REMOVE", 9),
        ("MADV_SEQUENTIAL", 2),
        ("MADV_UNMERGEABLE", 13),
        ("MADV_WILLNEED", 3),
        ("MAP_ANON", 32),
        ("MAP_ANONYMOUS", 32),
        ("MAP_DENYWRITE", 2048),
        ("MAP_EXECUTABLE", 4096),
        ("MAP_NORESERVE", 16384),
        ("MAP_POPULATE", 32768),
        ("MAP_PRIVATE", 2),
        ("MAP_SHARED", 1),
        ("MAP_STACK", 131072),
        ("PROT_EXEC", 4),
        ("PROT_READ", 1),
        ("PROT_WRITE", 2),
    ];
}
