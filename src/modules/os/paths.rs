//! `posix`: functions on names in folders, which may be given relative to an open folder.

use pyrs_macros::pymodule;
use pyrs_runtime::args::FromArg;
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::object::Obj;
use pyrs_runtime::objects::{float, int};
use pyrs_runtime::protocols::number;
use pyrs_runtime::raise;

/// A `dir_fd` argument: an open folder, or the current one.
#[derive(Copy, Clone)]
pub struct DirFd(pub i32);

impl DirFd {
    pub const CURRENT: DirFd = DirFd(libc::AT_FDCWD);

    pub fn is_given(self) -> bool {
        self.0 != libc::AT_FDCWD
    }
}

impl<'a> FromArg<'a> for DirFd {
    fn from_arg(arg: &'a Obj) -> PyResult<Self> {
        if !number::has_index(arg) {
            let class = arg.class().name();
            return Err(raise!(TypeError, "argument should be integer or None, not {class}"));
        }
        let index = number::index(arg)?;
        match int::to_i64(&index) {
            Some(n) if n > i32::MAX as i64 => Err(raise!(OverflowError, "fd is greater than maximum")),
            Some(n) if n < i32::MIN as i64 => Err(raise!(OverflowError, "fd is less than minimum")),
            Some(n) => Ok(DirFd(n as i32)),
            None if number::is_negative(&index) => Err(raise!(OverflowError, "fd is less than minimum")),
            None => Err(raise!(OverflowError, "fd is greater than maximum")),
        }
    }
}

/// A user or group id argument; -1 leaves the id as it is.
pub fn id_argument(arg: &Obj, what: &str) -> PyResult<u32> {
    if !number::has_index(arg) {
        return Err(raise!(TypeError, "{what} should be integer, not {}", arg.class().name()));
    }
    let index = number::index(arg)?;
    match int::to_i64(&index) {
        Some(-1) => Ok(u32::MAX),
        Some(n) if n < 0 => Err(raise!(OverflowError, "{what} is less than minimum")),
        Some(n) => u32::try_from(n).map_err(|_| raise!(OverflowError, "{what} is greater than maximum")),
        None if number::is_negative(&index) => Err(raise!(OverflowError, "{what} is less than minimum")),
        None => Err(raise!(OverflowError, "{what} is greater than maximum")),
    }
}

pub const STAT_FIELDS: [&str; 19] = [
    "st_mode",
    "st_ino",
    "st_dev",
    "st_nlink",
    "st_uid",
    "st_gid",
    "st_size",
    "_st_atime",
    "_st_mtime",
    "_st_ctime",
    "st_atime",
    "st_mtime",
    "st_ctime",
    "st_atime_ns",
    "st_mtime_ns",
    "st_ctime_ns",
    "st_blksize",
    "st_blocks",
    "st_rdev",
];

/// `os.stat_result`
pub fn stat_class() -> PyResult<Obj> {
    crate::struct_sequence::class("os", "stat_result", &STAT_FIELDS, 10)
}

/// An instance of `os.stat_result`.
pub fn stat_result(s: &libc::stat) -> PyResult<Obj> {
    let time = |s: i64, ns: i64| float::new(s as f64 + ns as f64 / 1e9);
    let total = |s: i64, ns: i64| int::from_i128(s as i128 * 1_000_000_000 + ns as i128);
    let values = vec![
        int::new(s.st_mode as i64),
        int::from_u64(s.st_ino),
        int::from_u64(s.st_dev),
        int::new(s.st_nlink as i64),
        int::new(s.st_uid as i64),
        int::new(s.st_gid as i64),
        int::new(s.st_size),
        int::new(s.st_atime),
        int::new(s.st_mtime),
        int::new(s.st_ctime),
        time(s.st_atime, s.st_atime_nsec),
        time(s.st_mtime, s.st_mtime_nsec),
        time(s.st_ctime, s.st_ctime_nsec),
        total(s.st_atime, s.st_atime_nsec),
        total(s.st_mtime, s.st_mtime_nsec),
        total(s.st_ctime, s.st_ctime_nsec),
        int::new(s.st_blksize as _),
        int::new(s.st_blocks),
        int::from_u64(s.st_rdev),
    ];
    crate::struct_sequence::instance(&stat_class()?, values)
}

/// A part of the module posix.
#[pymodule(name = "posix")]
pub mod paths {
    use super::*;
    use std::io;

    use pyrs_runtime::PyClass;
    use pyrs_runtime::args::Maybe;
    use pyrs_runtime::errors::{self, Raised, raise_io};
    use pyrs_runtime::objects::exceptions;
    use pyrs_runtime::objects::list::List;
    use pyrs_runtime::objects::singletons::none;
    use pyrs_runtime::objects::str::Str;
    use pyrs_runtime::objects::tuple::Tuple;
    use pyrs_runtime::thread::allow_threads;

    use crate::os::posix::posix::{Path, name_object, path_arg};
    use crate::os::support::outcome;

    /// Runs a system call on a path without the GIL.
    fn on_path(path: &Path, f: impl FnOnce() -> i64 + Send) -> PyResult<i64> {
        allow_threads(|| outcome(f())).map_err(|e| path.error(&e))
    }

    fn on_path_errno(path: &Path, f: impl FnOnce() -> i32 + Send) -> PyResult<()> {
        on_path(path, || f() as i64).map(drop)
    }

    fn fill_stat(f: impl FnOnce(*mut libc::stat) -> i32 + Send) -> io::Result<libc::stat> {
        allow_threads(|| {
            // SAFETY: all-zero is a valid structure.
            let mut s: libc::stat = unsafe { std::mem::zeroed() };
            outcome(f(&mut s) as i64).map(|_| s)
        })
    }

    fn both_given(function: &str, one: &str, other: &str) -> Raised {
        raise!(ValueError, "{function}: {one} and {other} combination unsupported on this platform")
    }

    /// Rejects `dir_fd` and `follow_symlinks=False` for a path that is a descriptor.
    fn check_fd(function: &str, path: &Path, dir: DirFd, follow: bool) -> PyResult<()> {
        if path.fd.is_some() && dir.is_given() {
            return Err(raise!(ValueError, "{function}: can't specify dir_fd without matching path"));
        }
        if path.fd.is_some() && !follow {
            return Err(raise!(ValueError, "{function}: cannot use fd and follow_symlinks together"));
        }
        Ok(())
    }

    fn nofollow(follow: bool) -> i32 {
        if follow { 0 } else { libc::AT_SYMLINK_NOFOLLOW }
    }

    /// Status of a file, by a path or a descriptor.
    #[pyfunction(sig = "(path, *, dir_fd=None, follow_symlinks=True)")]
    fn stat(path: &Obj, dir_fd: Option<DirFd>, follow_symlinks: bool) -> PyResult<Obj> {
        let dir = dir_fd.unwrap_or(DirFd::CURRENT);
        let p = path_arg("stat", "path", path, true)?;
        check_fd("stat", &p, dir, follow_symlinks)?;
        let c = p.c();
        let found = fill_stat(|s| {
            // SAFETY: a NUL-terminated path or a descriptor, and a valid structure.
            unsafe {
                match p.fd {
                    Some(fd) => libc::fstat(fd, s),
                    None => libc::fstatat(dir.0, c.as_ptr(), s, nofollow(follow_symlinks)),
                }
            }
        });
        stat_result(&found.map_err(|e| p.error(&e))?)
    }

    /// Status of a file; of a symbolic link itself.
    #[pyfunction(sig = "(path, *, dir_fd=None)")]
    fn lstat(path: &Obj, dir_fd: Option<DirFd>) -> PyResult<Obj> {
        let p = path_arg("lstat", "path", path, false)?;
        let (c, dir) = (p.c(), dir_fd.unwrap_or(DirFd::CURRENT));
        // SAFETY: a NUL-terminated path and a valid structure.
        let found = fill_stat(|s| unsafe { libc::fstatat(dir.0, c.as_ptr(), s, libc::AT_SYMLINK_NOFOLLOW) });
        stat_result(&found.map_err(|e| p.error(&e))?)
    }

    /// Status of an open file.
    #[pyfunction(sig = "(fd)")]
    fn fstat(fd: i32) -> PyResult<Obj> {
        // SAFETY: a valid structure.
        let found = fill_stat(|s| unsafe { libc::fstat(fd, s) });
        stat_result(&found.map_err(|e| raise_io(&e, None))?)
    }

    /// Open a file; a descriptor that child processes do not inherit.
    #[pyfunction(sig = "(path, flags, mode=511, *, dir_fd=None)")]
    fn open(path: &Obj, flags: i32, mode: i32, dir_fd: Option<DirFd>) -> PyResult<i64> {
        let p = path_arg("open", "path", path, false)?;
        let (c, dir) = (p.c(), dir_fd.unwrap_or(DirFd::CURRENT));
        loop {
            // SAFETY: a NUL-terminated path.
            let result = allow_threads(|| {
                // SAFETY: a NUL-terminated path.
                outcome(unsafe { libc::openat(dir.0, c.as_ptr(), flags | libc::O_CLOEXEC, mode as libc::c_uint) } as i64)
            });
            match result {
                Err(e) if e.raw_os_error() == Some(libc::EINTR) => crate::os::check_signals()?,
                other => return other.map_err(|e| p.error(&e)),
            }
        }
    }

    /// Make a folder.
    #[pyfunction(sig = "(path, mode=511, *, dir_fd=None)")]
    fn mkdir(path: &Obj, mode: i32, dir_fd: Option<DirFd>) -> PyResult<()> {
        let p = path_arg("mkdir", "path", path, false)?;
        let (c, dir) = (p.c(), dir_fd.unwrap_or(DirFd::CURRENT));
        // SAFETY: a NUL-terminated path.
        on_path_errno(&p, || unsafe { libc::mkdirat(dir.0, c.as_ptr(), mode as libc::mode_t) })
    }

    fn unlink_at(function: &str, path: &Obj, dir_fd: Option<DirFd>, flags: i32) -> PyResult<()> {
        let p = path_arg(function, "path", path, false)?;
        let (c, dir) = (p.c(), dir_fd.unwrap_or(DirFd::CURRENT));
        // SAFETY: a NUL-terminated path.
        on_path_errno(&p, || unsafe { libc::unlinkat(dir.0, c.as_ptr(), flags) })
    }

    /// Remove an empty folder.
    #[pyfunction(sig = "(path, *, dir_fd=None)")]
    fn rmdir(path: &Obj, dir_fd: Option<DirFd>) -> PyResult<()> {
        unlink_at("rmdir", path, dir_fd, libc::AT_REMOVEDIR)
    }

    /// Remove a file; the same as remove().
    #[pyfunction(sig = "(path, *, dir_fd=None)")]
    fn unlink(path: &Obj, dir_fd: Option<DirFd>) -> PyResult<()> {
        unlink_at("unlink", path, dir_fd, 0)
    }

    /// Remove a file; the same as unlink().
    #[pyfunction(sig = "(path, *, dir_fd=None)")]
    fn remove(path: &Obj, dir_fd: Option<DirFd>) -> PyResult<()> {
        unlink_at("remove", path, dir_fd, 0)
    }

    /// `OSError` that names both paths.
    fn error_on_both(error: &io::Error, a: &Path, b: &Path) -> Raised {
        let Some(errno) = error.raw_os_error() else { return raise_io(error, None) };
        // SAFETY: strerror gives a NUL-terminated text that is read at once.
        let text = crate::os::support::text_of(unsafe { std::ffi::CStr::from_ptr(libc::strerror(errno)) });
        let args = [int::new(errno as i64), text, a.object.clone(), none(), b.object.clone()];
        errors::raise_class(exceptions::OSError::class(), &args)
    }

    fn same_kind(function: &str, a: &Path, b: &Path) -> PyResult<()> {
        if a.is_bytes != b.is_bytes {
            return Err(raise!(TypeError, "{function}: src and dst must be the same type"));
        }
        Ok(())
    }

    fn rename_at(function: &str, src: &Obj, dst: &Obj, from: Option<DirFd>, to: Option<DirFd>) -> PyResult<()> {
        let (a, b) = (path_arg(function, "src", src, false)?, path_arg(function, "dst", dst, false)?);
        let (ca, cb) = (a.c(), b.c());
        let (from, to) = (from.unwrap_or(DirFd::CURRENT), to.unwrap_or(DirFd::CURRENT));
        // SAFETY: NUL-terminated paths.
        let result =
            allow_threads(|| outcome(unsafe { libc::renameat(from.0, ca.as_ptr(), to.0, cb.as_ptr()) } as i64));
        result.map(drop).map_err(|e| error_on_both(&e, &a, &b))
    }

    /// Rename a file or folder.
    #[pyfunction(sig = "(src, dst, *, src_dir_fd=None, dst_dir_fd=None)")]
    fn rename(src: &Obj, dst: &Obj, src_dir_fd: Option<DirFd>, dst_dir_fd: Option<DirFd>) -> PyResult<()> {
        rename_at("rename", src, dst, src_dir_fd, dst_dir_fd)
    }

    /// Rename a file or folder; what has the new name already is overwritten.
    #[pyfunction(sig = "(src, dst, *, src_dir_fd=None, dst_dir_fd=None)")]
    fn replace(src: &Obj, dst: &Obj, src_dir_fd: Option<DirFd>, dst_dir_fd: Option<DirFd>) -> PyResult<()> {
        rename_at("replace", src, dst, src_dir_fd, dst_dir_fd)
    }

    /// Make another name for a file.
    #[pyfunction(
        sig = "(src, dst, *, src_dir_fd=None, dst_dir_fd=None, follow_symlinks=True)",
        text_signature = "($module, /, src, dst, *, src_dir_fd=None, dst_dir_fd=None,\n     follow_symlinks=(os.name != 'nt'))"
    )]
    fn link(
        src: &Obj,
        dst: &Obj,
        src_dir_fd: Option<DirFd>,
        dst_dir_fd: Option<DirFd>,
        follow_symlinks: bool,
    ) -> PyResult<()> {
        let (a, b) = (path_arg("link", "src", src, false)?, path_arg("link", "dst", dst, false)?);
        same_kind("link", &a, &b)?;
        let (ca, cb) = (a.c(), b.c());
        let (from, to) = (src_dir_fd.unwrap_or(DirFd::CURRENT), dst_dir_fd.unwrap_or(DirFd::CURRENT));
        let flags = if follow_symlinks { libc::AT_SYMLINK_FOLLOW } else { 0 };
        // SAFETY: NUL-terminated paths.
        let result =
            allow_threads(|| outcome(unsafe { libc::linkat(from.0, ca.as_ptr(), to.0, cb.as_ptr(), flags) } as i64));
        result.map(drop).map_err(|e| error_on_both(&e, &a, &b))
    }

    /// Make a symbolic link dst that points to src.
    #[pyfunction(sig = "(src, dst, target_is_directory=False, *, dir_fd=None)")]
    fn symlink(src: &Obj, dst: &Obj, target_is_directory: bool, dir_fd: Option<DirFd>) -> PyResult<()> {
        let _ = target_is_directory;
        let (a, b) = (path_arg("symlink", "src", src, false)?, path_arg("symlink", "dst", dst, false)?);
        same_kind("symlink", &a, &b)?;
        let (ca, cb, dir) = (a.c(), b.c(), dir_fd.unwrap_or(DirFd::CURRENT));
        // SAFETY: NUL-terminated paths.
        let result = allow_threads(|| outcome(unsafe { libc::symlinkat(ca.as_ptr(), dir.0, cb.as_ptr()) } as i64));
        result.map(drop).map_err(|e| error_on_both(&e, &a, &b))
    }

    /// Where a symbolic link points.
    #[pyfunction(sig = "(path, *, dir_fd=None)")]
    fn readlink(path: &Obj, dir_fd: Option<DirFd>) -> PyResult<Obj> {
        let p = path_arg("readlink", "path", path, false)?;
        let (c, dir) = (p.c(), dir_fd.unwrap_or(DirFd::CURRENT));
        let mut target = vec![0u8; libc::PATH_MAX as usize + 1];
        let n = on_path(&p, || {
            // SAFETY: a NUL-terminated path and a buffer of the stated size.
            unsafe { libc::readlinkat(dir.0, c.as_ptr(), target.as_mut_ptr().cast(), target.len()) as i64 }
        })?;
        Ok(name_object(&target[..n as usize], p.is_bytes))
    }

    /// Set the permissions of a file.
    #[pyfunction(
        sig = "(path, mode, *, dir_fd=None, follow_symlinks=True)",
        text_signature = "($module, /, path, mode, *, dir_fd=None,\n      follow_symlinks=(os.name != 'nt'))"
    )]
    fn chmod(path: &Obj, mode: i32, dir_fd: Option<DirFd>, follow_symlinks: bool) -> PyResult<()> {
        let dir = dir_fd.unwrap_or(DirFd::CURRENT);
        let p = path_arg("chmod", "path", path, true)?;
        check_fd("chmod", &p, dir, follow_symlinks)?;
        let (c, mode) = (p.c(), mode as libc::mode_t);
        // SAFETY: a NUL-terminated path or a descriptor.
        let result = allow_threads(|| unsafe {
            outcome(match p.fd {
                Some(fd) => libc::fchmod(fd, mode),
                None => libc::fchmodat(dir.0, c.as_ptr(), mode, nofollow(follow_symlinks)),
            } as i64)
        });
        match result {
            Err(e) if !follow_symlinks && e.raw_os_error() == Some(libc::EOPNOTSUPP) => {
                if dir.is_given() {
                    return Err(both_given("chmod", "dir_fd", "follow_symlinks"));
                }
                Err(raise!(NotImplementedError, "chmod: follow_symlinks unavailable on this platform"))
            }
            other => other.map(drop).map_err(|e| p.error(&e)),
        }
    }

    /// Set the permissions of an open file.
    #[pyfunction(sig = "(fd, mode)")]
    fn fchmod(fd: i32, mode: i32) -> PyResult<()> {
        // SAFETY: plain call.
        crate::os::support::retry(|| outcome(unsafe { libc::fchmod(fd, mode as libc::mode_t) } as i64)).map(drop)
    }

    /// Set owner and group of a file; -1 leaves one as it is.
    #[pyfunction(sig = "(path, uid, gid, *, dir_fd=None, follow_symlinks=True)")]
    fn chown(path: &Obj, uid: &Obj, gid: &Obj, dir_fd: Option<DirFd>, follow_symlinks: bool) -> PyResult<()> {
        let p = path_arg("chown", "path", path, true)?;
        let (uid, gid) = (id_argument(uid, "uid")?, id_argument(gid, "gid")?);
        let dir = dir_fd.unwrap_or(DirFd::CURRENT);
        check_fd("chown", &p, dir, follow_symlinks)?;
        let c = p.c();
        // SAFETY: a NUL-terminated path or a descriptor.
        on_path_errno(&p, || unsafe {
            match p.fd {
                Some(fd) => libc::fchown(fd, uid, gid),
                None => libc::fchownat(dir.0, c.as_ptr(), uid, gid, nofollow(follow_symlinks)),
            }
        })
    }

    /// Set owner and group of an open file; -1 leaves one as it is.
    #[pyfunction(sig = "(fd, uid, gid)")]
    fn fchown(fd: i32, uid: &Obj, gid: &Obj) -> PyResult<()> {
        let (uid, gid) = (id_argument(uid, "uid")?, id_argument(gid, "gid")?);
        // SAFETY: plain call.
        crate::os::support::retry(|| outcome(unsafe { libc::fchown(fd, uid, gid) } as i64)).map(drop)
    }

    /// Set owner and group of a file; of a symbolic link itself.
    #[pyfunction(sig = "(path, uid, gid)")]
    fn lchown(path: &Obj, uid: &Obj, gid: &Obj) -> PyResult<()> {
        let p = path_arg("lchown", "path", path, false)?;
        let (uid, gid, c) = (id_argument(uid, "uid")?, id_argument(gid, "gid")?, p.c());
        // SAFETY: a NUL-terminated path.
        on_path_errno(&p, || unsafe { libc::lchown(c.as_ptr(), uid, gid) })
    }

    /// Whether the real user may access a file in the way that mode says.
    #[pyfunction(
        sig = "(path, mode, *, dir_fd=None, effective_ids=False, follow_symlinks=True)",
        text_signature = "($module, /, path, mode, *, dir_fd=None, effective_ids=False,\n       follow_symlinks=True)"
    )]
    fn access(
        path: &Obj,
        mode: i32,
        dir_fd: Option<DirFd>,
        effective_ids: bool,
        follow_symlinks: bool,
    ) -> PyResult<bool> {
        let p = path_arg("access", "path", path, false)?;
        let (c, dir) = (p.c(), dir_fd.unwrap_or(DirFd::CURRENT));
        let flags = nofollow(follow_symlinks) | if effective_ids { libc::AT_EACCESS } else { 0 };
        // SAFETY: a NUL-terminated path.
        Ok(allow_threads(|| unsafe { libc::faccessat(dir.0, c.as_ptr(), mode, flags) }) == 0)
    }

    /// One time of `utime`, in seconds.
    fn time_of_seconds(time: &Obj) -> PyResult<libc::timespec> {
        if let Some(x) = float::view(time) {
            if x.is_nan() {
                return Err(raise!(ValueError, "Invalid value NaN (not a number)"));
            }
            let whole = x.floor();
            if !(-9.2e18..9.2e18).contains(&whole) {
                return Err(raise!(OverflowError, "timestamp out of range for platform time_t"));
            }
            let ns = ((x - whole) * 1e9).floor() as i64;
            return Ok(libc::timespec { tv_sec: whole as i64, tv_nsec: ns.min(999_999_999) });
        }
        let index = number::index(time)?;
        match int::to_i64(&index) {
            Some(n) => Ok(libc::timespec { tv_sec: n, tv_nsec: 0 }),
            None => Err(raise!(OverflowError, "timestamp out of range for platform time_t")),
        }
    }

    /// One time of `utime`, in nanoseconds.
    fn time_of_ns(time: &Obj) -> PyResult<libc::timespec> {
        let pair = number::divmod(time, &int::new(1_000_000_000))?;
        let Some([seconds, ns]) = pair.downcast::<Tuple>().map(|t| t.items()) else {
            let (class, given) = (time.class().name(), pair.class().name());
            return Err(raise!(TypeError, "{class}.__divmod__() must return a 2-tuple, not {given}"));
        };
        Ok(libc::timespec { tv_sec: i64::from_arg(seconds)?, tv_nsec: i64::from_arg(ns)? })
    }

    /// Set the times of last access and modification of a file: in seconds by times, in nanoseconds
    /// by ns, or both to now.
    #[pyfunction(
        sig = "(path, times=None, *, ns=<unrepresentable>, dir_fd=None, follow_symlinks=True)",
        text_signature = "($module, /, path, times=None, *, ns=<unrepresentable>,\n      dir_fd=None, follow_symlinks=True)"
    )]
    fn utime(
        path: &Obj,
        times: Option<&Obj>,
        ns: Maybe<&Obj>,
        dir_fd: Option<DirFd>,
        follow_symlinks: bool,
    ) -> PyResult<()> {
        let p = path_arg("utime", "path", path, true)?;
        let dir = dir_fd.unwrap_or(DirFd::CURRENT);
        if times.is_some() && ns.0.is_some() {
            return Err(raise!(ValueError, "utime: you may specify either 'times' or 'ns' but not both"));
        }
        let items = |o: &Obj| o.downcast::<Tuple>().map(|t| t.items().to_vec());
        let mut spec = [libc::timespec { tv_sec: 0, tv_nsec: libc::UTIME_NOW }; 2];
        if let Some(times) = times {
            match items(times).as_deref() {
                Some([a, b]) => spec = [time_of_seconds(a)?, time_of_seconds(b)?],
                _ => return Err(raise!(TypeError, "utime: 'times' must be either a tuple of two ints or None")),
            }
        } else if let Some(ns) = ns.0 {
            match items(ns).as_deref() {
                Some([a, b]) => spec = [time_of_ns(a)?, time_of_ns(b)?],
                _ => return Err(raise!(TypeError, "utime: 'ns' must be a tuple of two ints")),
            }
        }
        check_fd("utime", &p, dir, follow_symlinks)?;
        let c = p.c();
        // SAFETY: a NUL-terminated path or a descriptor, and two times.
        on_path_errno(&p, || unsafe {
            match p.fd {
                Some(fd) => libc::futimens(fd, spec.as_ptr()),
                None => libc::utimensat(dir.0, c.as_ptr(), spec.as_ptr(), nofollow(follow_symlinks)),
            }
        })
    }

    /// Make a named pipe.
    #[pyfunction(sig = "(path, mode=438, *, dir_fd=None)")]
    fn mkfifo(path: &Obj, mode: i32, dir_fd: Option<DirFd>) -> PyResult<()> {
        let p = path_arg("mkfifo", "path", path, false)?;
        let (c, dir) = (p.c(), dir_fd.unwrap_or(DirFd::CURRENT));
        // SAFETY: a NUL-terminated path.
        on_path_errno(&p, || unsafe { libc::mkfifoat(dir.0, c.as_ptr(), mode as libc::mode_t) })
    }

    /// Make a file of any kind: a regular or special file, or a named pipe.
    #[pyfunction(sig = "(path, mode=384, device=0, *, dir_fd=None)")]
    fn mknod(path: &Obj, mode: i32, device: u64, dir_fd: Option<DirFd>) -> PyResult<()> {
        let p = path_arg("mknod", "path", path, false)?;
        let (c, dir) = (p.c(), dir_fd.unwrap_or(DirFd::CURRENT));
        // SAFETY: a NUL-terminated path.
        on_path_errno(&p, || unsafe { libc::mknodat(dir.0, c.as_ptr(), mode as libc::mode_t, device) })
    }

    /// The names in a folder, in no order, without '.' and '..'.
    #[pyfunction(sig = "(path=None)")]
    fn listdir(path: Option<&Obj>) -> PyResult<Obj> {
        let dot: Obj = Str::new(".").into();
        let p = path_arg("listdir", "path", path.unwrap_or(&dot), true)?;
        let names = match p.fd {
            None => {
                let folder = p.os().to_owned();
                allow_threads(|| names_in(std::fs::read_dir(&folder)?))
            }
            Some(fd) => {
                // A descriptor that is no folder gives its own error.
                // SAFETY: all-zero is a valid structure.
                let kind = fill_stat(|s| unsafe { libc::fstat(fd, s) }).map_err(|e| p.error(&e))?.st_mode;
                if kind & libc::S_IFMT != libc::S_IFDIR {
                    return Err(errors::raise_errno(libc::ENOTDIR, Some(&p.object)));
                }
                allow_threads(|| names_in(std::fs::read_dir(format!("/proc/self/fd/{fd}"))?))
            }
        };
        let names = names.map_err(|e| p.error(&e))?;
        Ok(List::from_vec(names.iter().map(|n| name_object(n, p.is_bytes)).collect()).into())
    }

    fn names_in(folder: std::fs::ReadDir) -> io::Result<Vec<Vec<u8>>> {
        use std::os::unix::ffi::OsStringExt;
        folder.map(|entry| entry.map(|e| e.file_name().into_vec())).collect()
    }

    /// Make a folder the current one.
    #[pyfunction(sig = "(path)")]
    fn chdir(path: &Obj) -> PyResult<()> {
        let p = path_arg("chdir", "path", path, true)?;
        let c = p.c();
        // SAFETY: a NUL-terminated path or a descriptor.
        on_path_errno(&p, || unsafe {
            match p.fd {
                Some(fd) => libc::fchdir(fd),
                None => libc::chdir(c.as_ptr()),
            }
        })
    }

    /// Make an open folder the current one.
    #[pyfunction(sig = "(fd)")]
    fn fchdir(fd: crate::os::support::Fd) -> PyResult<()> {
        // SAFETY: plain call.
        crate::os::support::retry(|| outcome(unsafe { libc::fchdir(fd.0) } as i64)).map(drop)
    }

    /// Make a folder the root.
    #[pyfunction(sig = "(path)")]
    fn chroot(path: &Obj) -> PyResult<()> {
        let p = path_arg("chroot", "path", path, false)?;
        let c = p.c();
        // SAFETY: a NUL-terminated path.
        on_path_errno(&p, || unsafe { libc::chroot(c.as_ptr()) })
    }

    /// Cut a file, or extend it with zeros, to a length.
    #[pyfunction(sig = "(path, length)")]
    fn truncate(path: &Obj, length: i64) -> PyResult<()> {
        let p = path_arg("truncate", "path", path, true)?;
        let c = p.c();
        // SAFETY: a NUL-terminated path or a descriptor.
        on_path_errno(&p, || unsafe {
            match p.fd {
                Some(fd) => libc::ftruncate(fd, length),
                None => libc::truncate(c.as_ptr(), length),
            }
        })
    }

    const STATVFS_FIELDS: [&str; 11] = [
        "f_bsize",
        "f_frsize",
        "f_blocks",
        "f_bfree",
        "f_bavail",
        "f_files",
        "f_ffree",
        "f_favail",
        "f_flag",
        "f_namemax",
        "f_fsid",
    ];

    /// `os.statvfs_result`
    pub fn statvfs_class() -> PyResult<Obj> {
        crate::struct_sequence::class("os", "statvfs_result", &STATVFS_FIELDS, 10)
    }

    fn statvfs_result(f: impl FnOnce(*mut libc::statvfs) -> i32 + Send) -> PyResult<Result<Obj, io::Error>> {
        let found = allow_threads(|| {
            // SAFETY: all-zero is a valid structure.
            let mut s: libc::statvfs = unsafe { std::mem::zeroed() };
            outcome(f(&mut s) as i64).map(|_| s)
        });
        let s = match found {
            Ok(s) => s,
            Err(e) => return Ok(Err(e)),
        };
        let values = [
            s.f_bsize,
            s.f_frsize,
            s.f_blocks,
            s.f_bfree,
            s.f_bavail,
            s.f_files,
            s.f_ffree,
            s.f_favail,
            s.f_flag,
            s.f_namemax,
            s.f_fsid,
        ];
        let values = values.map(int::from_u64).to_vec();
        crate::struct_sequence::instance(&statvfs_class()?, values).map(Ok)
    }

    /// Status of the file system that holds a file.
    #[pyfunction(sig = "(path)")]
    fn statvfs(path: &Obj) -> PyResult<Obj> {
        let p = path_arg("statvfs", "path", path, true)?;
        let c = p.c();
        // SAFETY: a NUL-terminated path or a descriptor, and a valid structure.
        let found = statvfs_result(|s| unsafe {
            match p.fd {
                Some(fd) => libc::fstatvfs(fd, s),
                None => libc::statvfs(c.as_ptr(), s),
            }
        })?;
        found.map_err(|e| p.error(&e))
    }

    /// Status of the file system that holds an open file.
    #[pyfunction]
    fn fstatvfs(fd: i32) -> PyResult<Obj> {
        // SAFETY: a valid structure.
        statvfs_result(|s| unsafe { libc::fstatvfs(fd, s) })?.map_err(|e| raise_io(&e, None))
    }

    fn attribute_path(function: &str, path: &Obj, follow: bool) -> PyResult<Path> {
        let p = path_arg(function, "path", path, true)?;
        if p.fd.is_some() && !follow {
            return Err(raise!(ValueError, "{function}: cannot use fd and follow_symlinks together"));
        }
        Ok(p)
    }

    /// Calls with a buffer that grows until the answer fits.
    fn grown(p: &Path, f: impl Fn(&mut [u8]) -> isize + Send + Sync) -> PyResult<Vec<u8>> {
        for size in [128, 65536, 1 << 20] {
            let mut buffer = vec![0; size];
            match allow_threads(|| outcome(f(&mut buffer) as i64)) {
                Ok(n) => {
                    buffer.truncate(n as usize);
                    return Ok(buffer);
                }
                Err(e) if e.raw_os_error() == Some(libc::ERANGE) => {}
                Err(e) => return Err(p.error(&e)),
            }
        }
        Err(errors::raise_errno(libc::ERANGE, Some(&p.object)))
    }

    /// The value of an extended attribute.
    #[pyfunction(sig = "(path, attribute, *, follow_symlinks=True)")]
    fn getxattr(path: &Obj, attribute: &Obj, follow_symlinks: bool) -> PyResult<Obj> {
        let p = attribute_path("getxattr", path, follow_symlinks)?;
        let (c, name) = (p.c(), path_arg("getxattr", "attribute", attribute, false)?.c());
        let value = grown(&p, |buffer| {
            let (start, size) = (buffer.as_mut_ptr().cast(), buffer.len());
            // SAFETY: NUL-terminated names and a buffer of the stated size.
            unsafe {
                match p.fd {
                    Some(fd) => libc::fgetxattr(fd, name.as_ptr(), start, size),
                    None if follow_symlinks => libc::getxattr(c.as_ptr(), name.as_ptr(), start, size),
                    None => libc::lgetxattr(c.as_ptr(), name.as_ptr(), start, size),
                }
            }
        })?;
        Ok(pyrs_runtime::objects::bytes::Bytes::from_vec(value).into())
    }

    /// Set an extended attribute.
    #[pyfunction(
        sig = "(path, attribute, value, flags=0, *, follow_symlinks=True)",
        text_signature = "($module, /, path, attribute, value, flags=0, *,\n         follow_symlinks=True)"
    )]
    fn setxattr(
        path: &Obj,
        attribute: &Obj,
        value: pyrs_runtime::protocols::buffer::BytesLike<'_>,
        flags: i32,
        follow_symlinks: bool,
    ) -> PyResult<()> {
        let p = attribute_path("setxattr", path, follow_symlinks)?;
        let (c, name) = (p.c(), path_arg("setxattr", "attribute", attribute, false)?.c());
        let data: &[u8] = &value;
        // SAFETY: NUL-terminated names and bytes of the stated length.
        on_path_errno(&p, || unsafe {
            let (start, size) = (data.as_ptr().cast(), data.len());
            match p.fd {
                Some(fd) => libc::fsetxattr(fd, name.as_ptr(), start, size, flags),
                None if follow_symlinks => libc::setxattr(c.as_ptr(), name.as_ptr(), start, size, flags),
                None => libc::lsetxattr(c.as_ptr(), name.as_ptr(), start, size, flags),
            }
        })
    }

    /// Remove an extended attribute.
    #[pyfunction(sig = "(path, attribute, *, follow_symlinks=True)")]
    fn removexattr(path: &Obj, attribute: &Obj, follow_symlinks: bool) -> PyResult<()> {
        let p = attribute_path("removexattr", path, follow_symlinks)?;
        let (c, name) = (p.c(), path_arg("removexattr", "attribute", attribute, false)?.c());
        // SAFETY: NUL-terminated names.
        on_path_errno(&p, || unsafe {
            match p.fd {
                Some(fd) => libc::fremovexattr(fd, name.as_ptr()),
                None if follow_symlinks => libc::removexattr(c.as_ptr(), name.as_ptr()),
                None => libc::lremovexattr(c.as_ptr(), name.as_ptr()),
            }
        })
    }

    /// The names of the extended attributes.
    #[pyfunction(sig = "(path=None, *, follow_symlinks=True)")]
    fn listxattr(path: Option<&Obj>, follow_symlinks: bool) -> PyResult<Obj> {
        let dot: Obj = Str::new(".").into();
        let p = attribute_path("listxattr", path.unwrap_or(&dot), follow_symlinks)?;
        let c = p.c();
        let names = grown(&p, |buffer| {
            let (start, size) = (buffer.as_mut_ptr().cast(), buffer.len());
            // SAFETY: a NUL-terminated path and a buffer of the stated size.
            unsafe {
                match p.fd {
                    Some(fd) => libc::flistxattr(fd, start, size),
                    None if follow_symlinks => libc::listxattr(c.as_ptr(), start, size),
                    None => libc::llistxattr(c.as_ptr(), start, size),
                }
            }
        })?;
        let names = names.split(|b| *b == 0).filter(|n| !n.is_empty());
        Ok(List::from_vec(names.map(|n| name_object(n, false)).collect()).into())
    }

    fn configuration(name: &Obj, names: &[(&str, i64)]) -> PyResult<i32> {
        match name.downcast::<Str>() {
            Some(text) => match names.iter().find(|(n, _)| text.eq_str(n)) {
                Some((_, number)) => Ok(*number as i32),
                None => Err(raise!(ValueError, "unrecognized configuration name")),
            },
            None if number::has_index(name) => i32::from_arg(name),
            None => Err(raise!(TypeError, "configuration names must be strings or integers")),
        }
    }

    /// The result of a query for which -1 is an answer too.
    fn queried(f: impl FnOnce() -> i64) -> Result<i64, io::Error> {
        // SAFETY: the calling thread's errno.
        unsafe { *libc::__errno_location() = 0 };
        let value = f();
        let error = io::Error::last_os_error();
        if value == -1 && error.raw_os_error() != Some(0) { Err(error) } else { Ok(value) }
    }

    /// A limit of a file or of the file system it is in.
    #[pyfunction(sig = "(path, name)")]
    fn pathconf(path: &Obj, name: &Obj) -> PyResult<i64> {
        let p = path_arg("pathconf", "path", path, true)?;
        let (c, number) = (p.c(), configuration(name, super::PATHCONF_NAMES)?);
        // SAFETY: a NUL-terminated path or a descriptor.
        let value = queried(|| unsafe {
            match p.fd {
                Some(fd) => libc::fpathconf(fd, number),
                None => libc::pathconf(c.as_ptr(), number),
            }
        });
        value.map_err(|e| p.error(&e))
    }

    /// A limit of an open file.
    #[pyfunction]
    fn fpathconf(fd: crate::os::support::Fd, name: &Obj) -> PyResult<i64> {
        let number = configuration(name, super::PATHCONF_NAMES)?;
        // SAFETY: plain call.
        queried(|| unsafe { libc::fpathconf(fd.0, number) }).map_err(|e| raise_io(&e, None))
    }

    /// A number that describes the system.
    #[pyfunction]
    fn sysconf(name: &Obj) -> PyResult<i64> {
        let number = configuration(name, super::SYSCONF_NAMES)?;
        // SAFETY: plain call.
        queried(|| unsafe { libc::sysconf(number) }).map_err(|e| raise_io(&e, None))
    }

    /// A text that describes the system.
    #[pyfunction]
    fn confstr(name: &Obj) -> PyResult<Option<Obj>> {
        let number = configuration(name, super::CONFSTR_NAMES)?;
        let mut buffer = vec![0u8; 256];
        loop {
            // SAFETY: a buffer of the stated size.
            let length = queried(|| unsafe {
                let n = libc::confstr(number, buffer.as_mut_ptr().cast(), buffer.len());
                if n == 0 { -1 } else { n as i64 }
            });
            match length.map_err(|e| raise_io(&e, None))? {
                n if n <= 0 => return Ok(None),
                n if n as usize <= buffer.len() => {
                    return Ok(Some(name_object(&buffer[..n as usize - 1], false)));
                }
                n => buffer.resize(n as usize, 0),
            }
        }
    }
}

/// Names for `pathconf`, with glibc's numbers.
pub const PATHCONF_NAMES: &[(&str, i64)] = &[
    ("PC_ALLOC_SIZE_MIN", 18),
    ("PC_ASYNC_IO", 10),
    ("PC_CHOWN_RESTRICTED", 6),
    ("PC_FILESIZEBITS", 13),
    ("PC_LINK_MAX", 0),
    ("PC_MAX_CANON", 1),
    ("PC_MAX_INPUT", 2),
    ("PC_NAME_MAX", 3),
    ("PC_NO_TRUNC", 7),
    ("PC_PATH_MAX", 4),
    ("PC_PIPE_BUF", 5),
    ("PC_PRIO_IO", 11),
    ("PC_REC_INCR_XFER_SIZE", 14),
    ("PC_REC_MAX_XFER_SIZE", 15),
    ("PC_REC_MIN_XFER_SIZE", 16),
    ("PC_REC_XFER_ALIGN", 17),
    ("PC_SOCK_MAXBUF", 12),
    ("PC_SYMLINK_MAX", 19),
    ("PC_SYNC_IO", 9),
    ("PC_VDISABLE", 8),
];

/// Names for `confstr`, with glibc's numbers.
pub const CONFSTR_NAMES: &[(&str, i64)] = &[
    ("CS_GNU_LIBC_VERSION", 2),
    ("CS_GNU_LIBPTHREAD_VERSION", 3),
    ("CS_LFS64_CFLAGS", 1004),
    ("CS_LFS64_LDFLAGS", 1005),
    ("CS_LFS64_LIBS", 1006),
    ("CS_LFS64_LINTFLAGS", 1007),
    ("CS_LFS_CFLAGS", 1000),
    ("CS_LFS_LDFLAGS", 1001),
    ("CS_LFS_LIBS", 1002),
    ("CS_LFS_LINTFLAGS", 1003),
    ("CS_PATH", 0),
    ("CS_XBS5_ILP32_OFF32_CFLAGS", 1100),
    ("CS_XBS5_ILP32_OFF32_LDFLAGS", 1101),
    ("CS_XBS5_ILP32_OFF32_LIBS", 1102),
    ("CS_XBS5_ILP32_OFF32_LINTFLAGS", 1103),
    ("CS_XBS5_ILP32_OFFBIG_CFLAGS", 1104),
    ("CS_XBS5_ILP32_OFFBIG_LDFLAGS", 1105),
    ("CS_XBS5_ILP32_OFFBIG_LIBS", 1106),
    ("CS_XBS5_ILP32_OFFBIG_LINTFLAGS", 1107),
    ("CS_XBS5_LP64_OFF64_CFLAGS", 1108),
    ("CS_XBS5_LP64_OFF64_LDFLAGS", 1109),
    ("CS_XBS5_LP64_OFF64_LIBS", 1110),
    ("CS_XBS5_LP64_OFF64_LINTFLAGS", 1111),
    ("CS_XBS5_LPBIG_OFFBIG_CFLAGS", 1112),
    ("CS_XBS5_LPBIG_OFFBIG_LDFLAGS", 1113),
    ("CS_XBS5_LPBIG_OFFBIG_LIBS", 1114),
    ("CS_XBS5_LPBIG_OFFBIG_LINTFLAGS", 1115),
];

/// Names for `sysconf`, with glibc's numbers.
pub const SYSCONF_NAMES: &[(&str, i64)] = &[
    ("SC_2_CHAR_TERM", 95),
    ("SC_2_C_BIND", 47),
    ("SC_2_C_DEV", 48),
    ("SC_2_C_VERSION", 96),
    ("SC_2_FORT_DEV", 49),
    ("SC_2_FORT_RUN", 50),
    ("SC_2_LOCALEDEF", 52),
    ("SC_2_SW_DEV", 51),
    ("SC_2_UPE", 97),
    ("SC_2_VERSION", 46),
    ("SC_AIO_LISTIO_MAX", 23),
    ("SC_AIO_MAX", 24),
    ("SC_AIO_PRIO_DELTA_MAX", 25),
    ("SC_ARG_MAX", 0),
    ("SC_ASYNCHRONOUS_IO", 12),
    ("SC_ATEXIT_MAX", 87),
    ("SC_AVPHYS_PAGES", 86),
    ("SC_BC_BASE_MAX", 36),
    ("SC_BC_DIM_MAX", 37),
    ("SC_BC_SCALE_MAX", 38),
    ("SC_BC_STRING_MAX", 39),
    ("SC_CHARCLASS_NAME_MAX", 45),
    ("SC_CHAR_BIT", 101),
    ("SC_CHAR_MAX", 102),
    ("SC_CHAR_MIN", 103),
    ("SC_CHILD_MAX", 1),
    ("SC_CLK_TCK", 2),
    ("SC_COLL_WEIGHTS_MAX", 40),
    ("SC_DELAYTIMER_MAX", 26),
    ("SC_EQUIV_CLASS_MAX", 41),
    ("SC_EXPR_NEST_MAX", 42),
    ("SC_FSYNC", 15),
    ("SC_GETGR_R_SIZE_MAX", 69),
    ("SC_GETPW_R_SIZE_MAX", 70),
    ("SC_INT_MAX", 104),
    ("SC_INT_MIN", 105),
    ("SC_IOV_MAX", 60),
    ("SC_JOB_CONTROL", 7),
    ("SC_LINE_MAX", 43),
    ("SC_LOGIN_NAME_MAX", 71),
    ("SC_LONG_BIT", 106),
    ("SC_MAPPED_FILES", 16),
    ("SC_MB_LEN_MAX", 108),
    ("SC_MEMLOCK", 17),
    ("SC_MEMLOCK_RANGE", 18),
    ("SC_MEMORY_PROTECTION", 19),
    ("SC_MESSAGE_PASSING", 20),
    ("SC_MINSIGSTKSZ", 249),
    ("SC_MQ_OPEN_MAX", 27),
    ("SC_MQ_PRIO_MAX", 28),
    ("SC_NGROUPS_MAX", 3),
    ("SC_NL_ARGMAX", 119),
    ("SC_NL_LANGMAX", 120),
    ("SC_NL_MSGMAX", 121),
    ("SC_NL_NMAX", 122),
    ("SC_NL_SETMAX", 123),
    ("SC_NL_TEXTMAX", 124),
    ("SC_NPROCESSORS_CONF", 83),
    ("SC_NPROCESSORS_ONLN", 84),
    ("SC_NZERO", 109),
    ("SC_OPEN_MAX", 4),
    ("SC_PAGESIZE", 30),
    ("SC_PAGE_SIZE", 30),
    ("SC_PASS_MAX", 88),
    ("SC_PHYS_PAGES", 85),
    ("SC_PII", 53),
    ("SC_PII_INTERNET", 56),
    ("SC_PII_INTERNET_DGRAM", 62),
    ("SC_PII_INTERNET_STREAM", 61),
    ("SC_PII_OSI", 57),
    ("SC_PII_OSI_CLTS", 64),
    ("SC_PII_OSI_COTS", 63),
    ("SC_PII_OSI_M", 65),
    ("SC_PII_SOCKET", 55),
    ("SC_PII_XTI", 54),
    ("SC_POLL", 58),
    ("SC_PRIORITIZED_IO", 13),
    ("SC_PRIORITY_SCHEDULING", 10),
    ("SC_REALTIME_SIGNALS", 9),
    ("SC_RE_DUP_MAX", 44),
    ("SC_RTSIG_MAX", 31),
    ("SC_SAVED_IDS", 8),
    ("SC_SCHAR_MAX", 111),
    ("SC_SCHAR_MIN", 112),
    ("SC_SELECT", 59),
    ("SC_SEMAPHORES", 21),
    ("SC_SEM_NSEMS_MAX", 32),
    ("SC_SEM_VALUE_MAX", 33),
    ("SC_SHARED_MEMORY_OBJECTS", 22),
    ("SC_SHRT_MAX", 113),
    ("SC_SHRT_MIN", 114),
    ("SC_SIGQUEUE_MAX", 34),
    ("SC_SSIZE_MAX", 110),
    ("SC_STREAM_MAX", 5),
    ("SC_SYNCHRONIZED_IO", 14),
    ("SC_THREADS", 67),
    ("SC_THREAD_ATTR_STACKADDR", 77),
    ("SC_THREAD_ATTR_STACKSIZE", 78),
    ("SC_THREAD_DESTRUCTOR_ITERATIONS", 73),
    ("SC_THREAD_KEYS_MAX", 74),
    ("SC_THREAD_PRIORITY_SCHEDULING", 79),
    ("SC_THREAD_PRIO_INHERIT", 80),
    ("SC_THREAD_PRIO_PROTECT", 81),
    ("SC_THREAD_PROCESS_SHARED", 82),
    ("SC_THREAD_SAFE_FUNCTIONS", 68),
    ("SC_THREAD_STACK_MIN", 75),
    ("SC_THREAD_THREADS_MAX", 76),
    ("SC_TIMERS", 11),
    ("SC_TIMER_MAX", 35),
    ("SC_TTY_NAME_MAX", 72),
    ("SC_TZNAME_MAX", 6),
    ("SC_T_IOV_MAX", 66),
    ("SC_UCHAR_MAX", 115),
    ("SC_UINT_MAX", 116),
    ("SC_UIO_MAXIOV", 60),
    ("SC_ULONG_MAX", 117),
    ("SC_USHRT_MAX", 118),
    ("SC_VERSION", 29),
    ("SC_WORD_BIT", 107),
    ("SC_XBS5_ILP32_OFF32", 125),
    ("SC_XBS5_ILP32_OFFBIG", 126),
    ("SC_XBS5_LP64_OFF64", 127),
    ("SC_XBS5_LPBIG_OFFBIG", 128),
    ("SC_XOPEN_CRYPT", 92),
    ("SC_XOPEN_ENH_I18N", 93),
    ("SC_XOPEN_LEGACY", 129),
    ("SC_XOPEN_REALTIME", 130),
    ("SC_XOPEN_REALTIME_THREADS", 131),
    ("SC_XOPEN_SHM", 94),
    ("SC_XOPEN_UNIX", 91),
    ("SC_XOPEN_VERSION", 89),
    ("SC_XOPEN_XCU_VERSION", 90),
    ("SC_XOPEN_XPG2", 98),
    ("SC_XOPEN_XPG3", 99),
    ("SC_XOPEN_XPG4", 100),
];
