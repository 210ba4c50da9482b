//! `posix`: functions on descriptors: positioned and vectored I/O, terminals, timers, event counters.

use pyrs_macros::pymodule;

/// A part of the module posix.
#[pymodule(name = "posix")]
pub mod descriptors {
    use std::ffi::CStr;

    use pyrs_runtime::args::FromArg;
    use pyrs_runtime::errors::{self, PyResult};
    use pyrs_runtime::object::Obj;
    use pyrs_runtime::objects::bytes::Bytes;
    use pyrs_runtime::objects::singletons::none;
    use pyrs_runtime::objects::str::Str;
    use pyrs_runtime::objects::tuple::Tuple;
    use pyrs_runtime::objects::{float, int};
    use pyrs_runtime::protocols::buffer::{Buffer, BytesLike};
    use pyrs_runtime::protocols::{number, sequence};
    use pyrs_runtime::raise;
    use pyrs_runtime::thread::allow_threads;

    use crate::os::posix::posix::path_arg;
    use crate::os::support::{Fd, Rounding, check, nanoseconds, outcome, retry};

    fn pair(a: i64, b: i64) -> Obj {
        Tuple::from_vec(vec![int::new(a), int::new(b)]).into()
    }

    /// Read from a place in a file; the file's own position stays.
    #[pyfunction]
    fn pread(fd: i32, length: isize, offset: i64) -> PyResult<Obj> {
        let Ok(length) = usize::try_from(length) else { return Err(errors::raise_errno(libc::EINVAL, None)) };
        let mut buffer = vec![0u8; length];
        // SAFETY: a buffer of the stated size.
        let n = retry(|| outcome(unsafe { libc::pread(fd, buffer.as_mut_ptr().cast(), buffer.len(), offset) } as i64))?;
        buffer.truncate(n as usize);
        Ok(Bytes::from_vec(buffer).into())
    }

    /// Write to a place in a file; the file's own position stays.
    #[pyfunction]
    fn pwrite(fd: i32, buffer: BytesLike<'_>, offset: i64) -> PyResult<i64> {
        let data: &[u8] = &buffer;
        // SAFETY: bytes of the stated length.
        retry(|| outcome(unsafe { libc::pwrite(fd, data.as_ptr().cast(), data.len(), offset) } as i64))
    }

    /// Exports of a sequence of writable buffers.
    fn writable_buffers(function: &str, buffers: &Obj) -> PyResult<Vec<Buffer>> {
        if !sequence::is_sequence(buffers) {
            return Err(raise!(TypeError, "{function}() arg 2 must be a sequence"));
        }
        let items = sequence::fast_items(buffers, "not a sequence")?;
        items.iter().map(Buffer::writable).collect()
    }

    fn vectors(buffers: &[Buffer]) -> Vec<libc::iovec> {
        buffers.iter().map(|b| libc::iovec { iov_base: b.layout.ptr.cast(), iov_len: b.len() }).collect()
    }

    /// The vectors travel to code without the GIL; the exports keep the memory in place.
    struct Vectors(Vec<libc::iovec>);
    // SAFETY: exports stay alive during the call, and buffers do not move while they are exported.
    unsafe impl Send for Vectors {}
    // SAFETY: as above.
    unsafe impl Sync for Vectors {}

    impl Vectors {
        fn get(&self) -> (*const libc::iovec, libc::c_int) {
            (self.0.as_ptr(), self.0.len() as libc::c_int)
        }
    }

    /// Read into several buffers, one after the other.
    #[pyfunction]
    fn readv(fd: i32, buffers: &Obj) -> PyResult<i64> {
        let exports = writable_buffers("readv", buffers)?;
        let all = Vectors(vectors(&exports));
        retry(|| {
            let (start, count) = all.get();
            // SAFETY: writable memory of the stated sizes.
            outcome(unsafe { libc::readv(fd, start, count) } as i64)
        })
    }

    /// As readv(), from a place in a file and with flags.
    #[pyfunction(sig = "(fd, buffers, offset, flags=0, /)")]
    fn preadv(fd: i32, buffers: &Obj, offset: i64, flags: i32) -> PyResult<i64> {
        let exports = writable_buffers("preadv2", buffers)?;
        let all = Vectors(vectors(&exports));
        retry(|| {
            let (start, count) = all.get();
            // SAFETY: writable memory of the stated sizes.
            outcome(unsafe { libc::preadv2(fd, start, count, offset, flags) } as i64)
        })
    }

    fn readable_buffers(function: &str, buffers: &Obj) -> PyResult<Vec<Buffer>> {
        if !sequence::is_sequence(buffers) {
            return Err(raise!(TypeError, "{function}() arg 2 must be a sequence"));
        }
        let items = sequence::fast_items(buffers, "not a sequence")?;
        items.iter().map(Buffer::simple).collect()
    }

    /// Write several buffers, one after the other.
    #[pyfunction]
    fn writev(fd: i32, buffers: &Obj) -> PyResult<i64> {
        let exports = readable_buffers("writev", buffers)?;
        let all = Vectors(vectors(&exports));
        retry(|| {
            let (start, count) = all.get();
            // SAFETY: memory of the stated sizes, which is only read.
            outcome(unsafe { libc::writev(fd, start, count) } as i64)
        })
    }

    /// As writev(), to a place in a file and with flags.
    #[pyfunction(sig = "(fd, buffers, offset, flags=0, /)")]
    fn pwritev(fd: i32, buffers: &Obj, offset: i64, flags: i32) -> PyResult<i64> {
        let exports = readable_buffers("pwritev2", buffers)?;
        let all = Vectors(vectors(&exports));
        retry(|| {
            let (start, count) = all.get();
            // SAFETY: memory of the stated sizes, which is only read.
            outcome(unsafe { libc::pwritev2(fd, start, count, offset, flags) } as i64)
        })
    }

    /// Copy count bytes from one descriptor to another; from the file's own position if offset is None.
    #[pyfunction(sig = "(out_fd, in_fd, offset, count)")]
    fn sendfile(out_fd: i32, in_fd: i32, offset: &Obj, count: isize) -> PyResult<i64> {
        let mut start = if offset.is_none() { None } else { Some(i64::from_arg(offset)?) };
        retry(|| {
            let pointer = start.as_mut().map_or(std::ptr::null_mut(), std::ptr::from_mut);
            // SAFETY: a valid offset or null.
            outcome(unsafe { libc::sendfile(out_fd, in_fd, pointer, count as usize) } as i64)
        })
    }

    fn offset_argument(offset: Option<&Obj>) -> PyResult<Option<i64>> {
        offset.map(i64::from_arg).transpose()
    }

    /// Copy count bytes between two files inside the system.
    #[pyfunction(
        sig = "(src, dst, count, offset_src=None, offset_dst=None)",
        text_signature = "($module, /, src, dst, count, offset_src=None,\n                offset_dst=None)"
    )]
    fn copy_file_range(
        src: i32,
        dst: i32,
        count: isize,
        offset_src: Option<&Obj>,
        offset_dst: Option<&Obj>,
    ) -> PyResult<i64> {
        if count < 0 {
            return Err(raise!(ValueError, "negative value for 'count' not allowed"));
        }
        let (mut from, mut to) = (offset_argument(offset_src)?, offset_argument(offset_dst)?);
        retry(|| {
            let from = from.as_mut().map_or(std::ptr::null_mut(), std::ptr::from_mut);
            let to = to.as_mut().map_or(std::ptr::null_mut(), std::ptr::from_mut);
            // SAFETY: valid offsets or null.
            outcome(unsafe { libc::copy_file_range(src, from, dst, to, count as usize, 0) } as i64)
        })
    }

    /// Move count bytes between two descriptors, one of which is a pipe.
    #[pyfunction(
        sig = "(src, dst, count, offset_src=None, offset_dst=None, flags=0)",
        text_signature = "($module, /, src, dst, count, offset_src=None, offset_dst=None,\n       flags=0)"
    )]
    fn splice(
        src: i32,
        dst: i32,
        count: isize,
        offset_src: Option<&Obj>,
        offset_dst: Option<&Obj>,
        flags: u32,
    ) -> PyResult<i64> {
        if count < 0 {
            return Err(raise!(ValueError, "negative value for 'count' not allowed"));
        }
        let (mut from, mut to) = (offset_argument(offset_src)?, offset_argument(offset_dst)?);
        retry(|| {
            let from = from.as_mut().map_or(std::ptr::null_mut(), std::ptr::from_mut);
            let to = to.as_mut().map_or(std::ptr::null_mut(), std::ptr::from_mut);
            // SAFETY: valid offsets or null.
            outcome(unsafe { libc::splice(src, from, dst, to, count as usize, flags) } as i64)
        })
    }

    /// Write a file's data to the disk.
    #[pyfunction(sig = "(fd)")]
    fn fdatasync(fd: Fd) -> PyResult<()> {
        // SAFETY: plain call.
        retry(|| outcome(unsafe { libc::fdatasync(fd.0) } as i64)).map(drop)
    }

    /// Write everything to the disk.
    #[pyfunction]
    fn sync() {
        // SAFETY: plain call.
        allow_threads(|| unsafe { libc::sync() });
    }

    /// Lock, test or unlock a part of a file from the current position on.
    #[pyfunction]
    fn lockf(fd: i32, command: i32, length: i64) -> PyResult<()> {
        // SAFETY: plain call.
        retry(|| outcome(unsafe { libc::lockf(fd, command, length) } as i64)).map(drop)
    }

    /// Make room for a part of a file.
    #[pyfunction]
    fn posix_fallocate(fd: i32, offset: i64, length: i64) -> PyResult<()> {
        loop {
            // SAFETY: plain call.
            match allow_threads(|| unsafe { libc::posix_fallocate(fd, offset, length) }) {
                0 => return Ok(()),
                libc::EINTR => crate::os::check_signals()?,
                error => return Err(errors::raise_errno(error, None)),
            }
        }
    }

    /// Say how a part of a file will be used.
    #[pyfunction]
    fn posix_fadvise(fd: i32, offset: i64, length: i64, advice: i32) -> PyResult<()> {
        loop {
            // SAFETY: plain call.
            match allow_threads(|| unsafe { libc::posix_fadvise(fd, offset, length, advice) }) {
                0 => return Ok(()),
                libc::EINTR => crate::os::check_signals()?,
                error => return Err(errors::raise_errno(error, None)),
            }
        }
    }

    /// A file in memory.
    #[pyfunction(sig = "(name, flags=1)", text_signature = "($module, /, name, flags=MFD_CLOEXEC)")]
    fn memfd_create(name: &Obj, flags: u32) -> PyResult<i64> {
        let name = path_arg("memfd_create", "name", name, false)?.c();
        // SAFETY: a NUL-terminated name.
        check(unsafe { libc::memfd_create(name.as_ptr(), flags) } as i64)
    }

    /// A descriptor that counts events.
    #[pyfunction(sig = "(initval, flags=524288)", text_signature = "($module, /, initval, flags=EFD_CLOEXEC)")]
    fn eventfd(initval: u32, flags: i32) -> PyResult<i64> {
        // SAFETY: plain call.
        check(unsafe { libc::eventfd(initval, flags) } as i64)
    }

    /// Read the counter of an eventfd.
    #[pyfunction(sig = "(fd)")]
    fn eventfd_read(fd: Fd) -> PyResult<u64> {
        let mut value = 0u64;
        // SAFETY: eight bytes of room.
        let read = || outcome(unsafe { libc::read(fd.0, (&raw mut value).cast(), 8) } as i64);
        allow_threads(read).map_err(|e| errors::raise_io(&e, None))?;
        Ok(value)
    }

    /// Add to the counter of an eventfd.
    #[pyfunction(sig = "(fd, value)")]
    fn eventfd_write(fd: Fd, value: u64) -> PyResult<()> {
        // SAFETY: eight bytes.
        let write = || outcome(unsafe { libc::write(fd.0, (&raw const value).cast(), 8) } as i64);
        allow_threads(write).map(drop).map_err(|e| errors::raise_io(&e, None))
    }

    /// A descriptor that tells when a time has come.
    #[pyfunction(sig = "(clockid, /, *, flags=524288)", text_signature = "($module, clockid, /, *, flags=0)")]
    fn timerfd_create(clockid: i32, flags: i32) -> PyResult<i64> {
        // SAFETY: plain call.
        check(unsafe { libc::timerfd_create(clockid, flags | libc::TFD_CLOEXEC) } as i64)
    }

    fn spec(ns: i64) -> libc::timespec {
        libc::timespec { tv_sec: ns.div_euclid(1_000_000_000), tv_nsec: ns.rem_euclid(1_000_000_000) }
    }

    fn total(t: libc::timespec) -> i64 {
        t.tv_sec * 1_000_000_000 + t.tv_nsec
    }

    fn timer_object(value: &libc::itimerspec, in_ns: bool) -> Obj {
        let shown = |t| if in_ns { int::new(total(t)) } else { float::new(total(t) as f64 / 1e9) };
        Tuple::from_vec(vec![shown(value.it_value), shown(value.it_interval)]).into()
    }

    fn set_timer(fd: i32, flags: i32, initial: i64, interval: i64, in_ns: bool) -> PyResult<Obj> {
        let new = libc::itimerspec { it_value: spec(initial), it_interval: spec(interval) };
        let mut old = libc::itimerspec { it_value: spec(0), it_interval: spec(0) };
        // SAFETY: valid structures.
        check(unsafe { libc::timerfd_settime(fd, flags, &new, &mut old) } as i64)?;
        Ok(timer_object(&old, in_ns))
    }

    fn get_timer(fd: i32, in_ns: bool) -> PyResult<Obj> {
        let mut value = libc::itimerspec { it_value: spec(0), it_interval: spec(0) };
        // SAFETY: a valid structure.
        check(unsafe { libc::timerfd_gettime(fd, &mut value) } as i64)?;
        Ok(timer_object(&value, in_ns))
    }

    /// Set a timer: seconds until the first time, and between later ones.  The old setting.
    #[pyfunction(sig = "(fd, /, *, flags=0, initial=0.0, interval=0.0)")]
    fn timerfd_settime(fd: Fd, flags: i32, initial: Option<&Obj>, interval: Option<&Obj>) -> PyResult<Obj> {
        let ns = |t: Option<&Obj>| t.map_or(Ok(0), |t| nanoseconds(t, Rounding::Floor));
        set_timer(fd.0, flags, ns(initial)?, ns(interval)?, false)
    }

    /// As timerfd_settime(), in nanoseconds.
    #[pyfunction(sig = "(fd, /, *, flags=0, initial=0, interval=0)")]
    fn timerfd_settime_ns(fd: Fd, flags: i32, initial: i64, interval: i64) -> PyResult<Obj> {
        set_timer(fd.0, flags, initial, interval, true)
    }

    /// The setting of a timer in seconds: (until the next time, between later ones).
    #[pyfunction]
    fn timerfd_gettime(fd: Fd) -> PyResult<Obj> {
        get_timer(fd.0, false)
    }

    /// As timerfd_gettime(), in nanoseconds.
    #[pyfunction]
    fn timerfd_gettime_ns(fd: Fd) -> PyResult<Obj> {
        get_timer(fd.0, true)
    }

    /// A pair of descriptors: both sides of a new pseudo-terminal.
    #[pyfunction]
    fn openpty() -> PyResult<Obj> {
        let (mut master, mut slave) = (-1, -1);
        let null = std::ptr::null_mut();
        // SAFETY: room for two descriptors.
        check(
            // SAFETY: room for two descriptors.
            unsafe { libc::openpty(&mut master, &mut slave, null, std::ptr::null_mut(), std::ptr::null_mut()) } as i64,
        )?;
        for fd in [master, slave] {
            // SAFETY: new descriptors.
            check(unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) } as i64)?;
        }
        Ok(pair(master as i64, slave as i64))
    }

    /// Fork with a new pseudo-terminal as the child's terminal: (pid, descriptor).
    #[pyfunction]
    fn forkpty() -> PyResult<Obj> {
        crate::os::posix::posix::run_fork_hooks("fork_before", true);
        let mut master = -1;
        let (pid, error) = pyrs_runtime::thread::fork_with(|| {
            let null = std::ptr::null_mut();
            // SAFETY: the child goes on with the only thread that it has, which holds the GIL.
            let pid = unsafe { libc::forkpty(&mut master, null, std::ptr::null_mut(), std::ptr::null_mut()) };
            (pid, std::io::Error::last_os_error())
        });
        match pid {
            0 => crate::os::posix::posix::after_fork_in_child(),
            _ => crate::os::posix::posix::run_fork_hooks("fork_parent", false),
        }
        if pid < 0 {
            return Err(errors::raise_io(&error, None));
        }
        Ok(pair(pid as i64, master as i64))
    }

    /// Make a terminal the controlling one, and standard input, output and error.
    #[pyfunction]
    fn login_tty(fd: Fd) -> PyResult<()> {
        // SAFETY: plain call.
        check(unsafe { libc::login_tty(fd.0) } as i64).map(drop)
    }

    /// Open the master side of a new pseudo-terminal.
    #[pyfunction]
    fn posix_openpt(oflag: i32) -> PyResult<i64> {
        // SAFETY: plain call.
        check(unsafe { libc::posix_openpt(oflag | libc::O_CLOEXEC) } as i64)
    }

    /// Give the other side of a pseudo-terminal to the user.
    #[pyfunction]
    fn grantpt(fd: Fd) -> PyResult<()> {
        // SAFETY: plain call.
        check(unsafe { libc::grantpt(fd.0) } as i64).map(drop)
    }

    /// Unlock the other side of a pseudo-terminal.
    #[pyfunction]
    fn unlockpt(fd: Fd) -> PyResult<()> {
        // SAFETY: plain call.
        check(unsafe { libc::unlockpt(fd.0) } as i64).map(drop)
    }

    fn terminal_name(f: impl FnOnce(*mut libc::c_char, usize) -> i32) -> PyResult<Obj> {
        let mut name = [0 as libc::c_char; 4096];
        match f(name.as_mut_ptr(), name.len()) {
            // SAFETY: NUL-terminated by the call.
            0 => Ok(crate::os::support::text_of(unsafe { CStr::from_ptr(name.as_ptr()) })),
            error => Err(errors::raise_errno(if error > 0 { error } else { libc::EINVAL }, None)),
        }
    }

    /// The name of the other side of a pseudo-terminal.
    #[pyfunction]
    fn ptsname(fd: Fd) -> PyResult<Obj> {
        // SAFETY: a buffer of the stated size.
        terminal_name(|name, size| unsafe { libc::ptsname_r(fd.0, name, size) })
    }

    /// The name of the terminal that a descriptor belongs to.
    #[pyfunction]
    fn ttyname(fd: i32) -> PyResult<Obj> {
        // SAFETY: a buffer of the stated size.
        terminal_name(|name, size| unsafe { libc::ttyname_r(fd, name, size) })
    }

    /// The name of the controlling terminal.
    #[pyfunction]
    fn ctermid() -> &'static str {
        "/dev/tty"
    }

    /// The process group in the foreground of a terminal.
    #[pyfunction]
    fn tcgetpgrp(fd: i32) -> PyResult<i64> {
        // SAFETY: plain call.
        check(unsafe { libc::tcgetpgrp(fd) } as i64)
    }

    /// Put a process group into the foreground of a terminal.
    #[pyfunction]
    fn tcsetpgrp(fd: i32, pgid: i32) -> PyResult<()> {
        // SAFETY: plain call.
        check(unsafe { libc::tcsetpgrp(fd, pgid) } as i64).map(drop)
    }

    /// The encoding of a terminal, None if the descriptor is none.
    #[pyfunction(sig = "(fd)")]
    fn device_encoding(fd: i32) -> PyResult<Obj> {
        // SAFETY: plain call.
        if unsafe { libc::isatty(fd) } == 0 {
            return Ok(none());
        }
        Ok(Str::new("utf-8").into())
    }

    /// The major number of a device.
    #[pyfunction]
    fn major(device: &Obj) -> PyResult<u32> {
        Ok(libc::major(device_number(device)?))
    }

    /// The minor number of a device.
    #[pyfunction]
    fn minor(device: &Obj) -> PyResult<u32> {
        Ok(libc::minor(device_number(device)?))
    }

    fn device_number(device: &Obj) -> PyResult<u64> {
        let index = number::index(device)?;
        match int::to_bigint(&index).map(|n| (i64::try_from(&n), u64::try_from(&n))) {
            Some((_, Ok(n))) => Ok(n),
            Some((Ok(-1), _)) => Ok(u64::MAX),
            Some((Ok(_), _)) => Err(raise!(ValueError, "Cannot convert negative int")),
            _ => Err(raise!(OverflowError, "int too big to convert")),
        }
    }

    /// The number of a device from its major and minor number.
    #[pyfunction]
    fn makedev(major: &Obj, minor: &Obj) -> PyResult<Obj> {
        let part = |n: &Obj| -> PyResult<u32> {
            let wide = device_number(n)?;
            match u32::try_from(wide) {
                Ok(n) => Ok(n),
                Err(_) if wide == u64::MAX => Ok(u32::MAX),
                Err(_) => Err(raise!(OverflowError, "Python int too large to convert to C unsigned int")),
            }
        };
        Ok(int::from_u64(libc::makedev(part(major)?, part(minor)?)))
    }

    /// Bytes that nobody can guess.
    #[pyfunction(sig = "(size, flags=0)")]
    fn getrandom(size: isize, flags: u32) -> PyResult<Obj> {
        let Ok(size) = usize::try_from(size) else { return Err(errors::raise_errno(libc::EINVAL, None)) };
        let mut buffer = vec![0u8; size];
        // SAFETY: a buffer of the stated size.
        let n = retry(|| outcome(unsafe { libc::getrandom(buffer.as_mut_ptr().cast(), buffer.len(), flags) } as i64))?;
        buffer.truncate(n as usize);
        Ok(Bytes::from_vec(buffer).into())
    }

    /// The path with its separators made simple, and without '.' and '..'.
    #[pyfunction(name = "_path_normpath", sig = "(path)")]
    fn normal_path(path: &Obj) -> PyResult<Obj> {
        let (bytes, is_bytes) = if let Some(text) = path.downcast::<Str>() {
            (crate::os::posix::posix::name_bytes(text)?, false)
        } else if let Some(bytes) = path.downcast::<Bytes>() {
            (bytes.as_slice().to_vec(), true)
        } else {
            let p = path_arg("normpath", "path", path, false)?;
            (p.bytes, p.is_bytes)
        };
        // Two slashes at the start mean something of their own, one or three and more do not.
        let slashes = bytes.iter().take_while(|b| **b == b'/').count();
        let root: &[u8] = match slashes {
            0 => b"",
            2 => b"//",
            _ => b"/",
        };
        let mut parts: Vec<&[u8]> = Vec::new();
        for part in bytes.split(|b| *b == b'/').filter(|p| !p.is_empty() && *p != b".") {
            let is_up = part == b"..";
            if !is_up || (root.is_empty() && parts.last().is_none_or(|p| *p == b"..")) {
                parts.push(part);
            } else {
                parts.pop();
            }
        }
        let mut out = root.to_vec();
        out.extend(parts.join(&b'/'));
        if out.is_empty() {
            out.push(b'.');
        }
        Ok(crate::os::posix::posix::name_object(&out, is_bytes))
    }
}
