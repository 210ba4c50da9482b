//! `os.scandir`: directory entries.

use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use pyrs_macros::{pyclass, pymethods};
use pyrs_runtime::call::Args;
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::object::{DataCell, Obj, Object, Ptr};
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::protocols::text;

use super::posix::posix::{Path, name_object};

/// One entry of a directory.
#[pyclass(name = "DirEntry", module = "posix", flags = DISALLOW_INSTANTIATION)]
pub struct DirEntry {
    name: Obj,
    path: Obj,
    native: PathBuf,
    kind: Option<std::fs::FileType>,
    inode: u64,
}

impl DirEntry {
    fn error(this: &DirEntry, error: &std::io::Error) -> pyrs_runtime::Raised {
        pyrs_runtime::errors::raise_io(error, Some(&this.path))
    }

    /// Asks for the kind of file; a missing file has none.
    fn is(&self, follow: bool, f: fn(&std::fs::FileType) -> bool) -> PyResult<bool> {
        if let Some(kind) = &self.kind
            && !(follow && kind.is_symlink())
        {
            return Ok(f(kind));
        }
        let result = if follow { std::fs::metadata(&self.native) } else { std::fs::symlink_metadata(&self.native) };
        match result {
            Ok(m) => Ok(f(&m.file_type())),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(DirEntry::error(self, &e)),
        }
    }
}

#[pymethods]
impl DirEntry {
    /// the entry's base filename, relative to scandir() "path" argument
    #[getter]
    fn name(&self) -> Obj {
        self.name.clone()
    }

    /// the entry's full path name; equivalent to os.path.join(scandir_path, entry.name)
    #[getter]
    fn path(&self) -> Obj {
        self.path.clone()
    }

    /// Return True if the entry is a directory; cached per entry.
    #[pymethod(sig = "(*, follow_symlinks=True)")]
    fn is_dir(&self, follow_symlinks: bool) -> PyResult<bool> {
        self.is(follow_symlinks, std::fs::FileType::is_dir)
    }

    /// Return True if the entry is a file; cached per entry.
    #[pymethod(sig = "(*, follow_symlinks=True)")]
    fn is_file(&self, follow_symlinks: bool) -> PyResult<bool> {
        self.is(follow_symlinks, std::fs::FileType::is_file)
    }

    /// Return True if the entry is a symbolic link; cached per entry.
    #[pymethod]
    fn is_symlink(&self) -> PyResult<bool> {
        self.is(false, std::fs::FileType::is_symlink)
    }

    /// Return True if the entry is a junction; always False here.
    #[pymethod]
    fn is_junction(&self) -> bool {
        false
    }

    /// Return stat_result object for the entry; cached per entry.
    #[pymethod(sig = "(*, follow_symlinks=True)")]
    fn stat(&self, follow_symlinks: bool) -> PyResult<Obj> {
        let flags = if follow_symlinks { 0 } else { libc::AT_SYMLINK_NOFOLLOW };
        let path = std::ffi::CString::new(self.native.as_os_str().as_bytes()).expect("names have no NUL");
        // SAFETY: a NUL-terminated path and a valid structure.
        unsafe {
            let mut status: libc::stat = std::mem::zeroed();
            if libc::fstatat(libc::AT_FDCWD, path.as_ptr(), &mut status, flags) < 0 {
                return Err(DirEntry::error(self, &std::io::Error::last_os_error()));
            }
            crate::os::paths::stat_result(&status)
        }
    }

    /// Return inode of the entry; cached per entry.
    #[pymethod]
    fn inode(&self) -> u64 {
        self.inode
    }

    /// Returns the path for the entry.
    #[pymethod(name = "__fspath__")]
    fn fspath(&self) -> Obj {
        self.path.clone()
    }

    #[slot(repr)]
    fn repr(&self) -> PyResult<Obj> {
        Ok(Str::new(&format!("<DirEntry {}>", text::repr_text(&self.name)?)).into())
    }
}

/// The iterator that `os.scandir` gives; also a context manager.
#[pyclass(name = "ScandirIterator", module = "posix", flags = DISALLOW_INSTANTIATION)]
pub struct ScandirIterator {
    entries: DataCell<Option<std::fs::ReadDir>>,
    folder: Vec<u8>,
    is_bytes: bool,
}

pub fn scandir(path: &Path) -> PyResult<Obj> {
    // The entries of an open folder are found through its descriptor for as long as that is open.
    let opened = match path.fd {
        Some(fd) => std::fs::read_dir(format!("/proc/self/fd/{fd}")),
        None => std::fs::read_dir(path.os()),
    };
    let entries = opened.map_err(|e| path.error(&e))?;
    let (folder, is_bytes) = (path.bytes.clone(), path.is_bytes);
    Ok(Ptr::new(ScandirIterator { entries: DataCell::new(Some(entries)), folder, is_bytes }).into())
}

#[pymethods]
impl ScandirIterator {
    #[slot(iter)]
    fn iter(this: &Obj) -> PyResult<Obj> {
        Ok(this.clone())
    }

    #[slot(iternext)]
    fn next(this: &Object<ScandirIterator>) -> PyResult<Option<Obj>> {
        use std::os::unix::fs::DirEntryExt;
        let entry = match this.entries.with(|e| e.as_mut().and_then(Iterator::next)) {
            None => return Ok(None),
            Some(Err(error)) => return Err(pyrs_runtime::errors::raise_io(&error, None)),
            Some(Ok(entry)) => entry,
        };
        let file = entry.file_name();
        let mut full = this.folder.clone();
        if !full.is_empty() && !full.ends_with(b"/") {
            full.push(b'/');
        }
        full.extend_from_slice(file.as_bytes());
        Ok(Some(
            Ptr::new(DirEntry {
                name: name_object(file.as_bytes(), this.is_bytes),
                path: name_object(&full, this.is_bytes),
                native: entry.path(),
                kind: entry.file_type().ok(),
                inode: entry.ino(),
            })
            .into(),
        ))
    }

    #[pymethod]
    fn close(&self) {
        drop(self.entries.replace(None));
    }

    #[pymethod(name = "__enter__")]
    fn enter(this: &Obj) -> Obj {
        this.clone()
    }

    #[pymethod(name = "__exit__")]
    fn exit(&self, args: Args<'_>) {
        let _ = args;
        drop(self.entries.replace(None));
    }
}
