//! `fcntl`.

use pyrs_macros::pymodule;

/// File and descriptor control: the calls fcntl() and ioctl(), and file locks.
///
/// The fd argument of the functions is a file descriptor, or an object with a fileno() method.
#[pymodule(name = "fcntl")]
pub mod fcntl {
    use pyrs_runtime::args::FromArg;
    use pyrs_runtime::errors::PyResult;
    use pyrs_runtime::object::{Obj, Object};
    use pyrs_runtime::objects::bytes::Bytes;
    use pyrs_runtime::objects::int;
    use pyrs_runtime::objects::module::Module;
    use pyrs_runtime::objects::str::Str;
    use pyrs_runtime::protocols::buffer::{Buffer, BytesLike};
    use pyrs_runtime::protocols::number;
    use pyrs_runtime::raise;

    use crate::os::support::{Fd, add_constants, outcome, retry};

    /// Longest structure that is passed through a copy, and what guards it against calls that write more.
    const BUFFER: usize = 1024;
    const GUARD: [u8; 8] = [0x5a, 0xc3, 0x17, 0xe8, 0x21, 0x9b, 0x74, 0x0d];

    /// A copy of `data` with room for the call to write to, and the guard behind it.
    fn guarded(data: &[u8]) -> Vec<u8> {
        let mut copy = data.to_vec();
        copy.resize(BUFFER, 0);
        copy.extend(GUARD);
        copy
    }

    fn finish(copy: Vec<u8>, length: usize) -> PyResult<Obj> {
        if !copy.ends_with(&GUARD) {
            return Err(raise!(SystemError, "buffer overflow"));
        }
        Ok(Bytes::new(&copy[..length]).into())
    }

    /// The bytes of an argument that is no int: str as UTF-8, or a buffer.
    fn structure(arg: &Obj) -> PyResult<Option<Vec<u8>>> {
        if let Some(text) = arg.downcast::<Str>() {
            return text.to_string_checked().map(|t| Some(t.into_bytes()));
        }
        if pyrs_runtime::protocols::buffer::has_buffer(arg) {
            return BytesLike::new(arg).map(|b| Some(b.to_vec()));
        }
        Ok(None)
    }

    /// The integer argument: any int that fits an unsigned or signed C int, wrapped.
    fn integer(arg: &Obj) -> PyResult<i32> {
        let index = number::index(arg)?;
        match int::to_i64(&index) {
            Some(n) if (i32::MIN as i64..=u32::MAX as i64).contains(&n) => Ok(n as i32),
            Some(n) if n < 0 => Err(raise!(OverflowError, "signed integer is less than minimum")),
            _ => Err(raise!(OverflowError, "unsigned int is greater than maximum")),
        }
    }

    fn not_an_argument(function: &str, arg: &Obj) -> pyrs_runtime::Raised {
        let class = pyrs_runtime::args::type_name_for_message(arg);
        raise!(TypeError, "{function}() argument 3 must be an integer, a bytes-like object, or a string, not {class}")
    }

    /// Do the operation cmd on a file descriptor.
    ///
    /// An integer arg is handed over as it is, and the result is the integer that the call gives.
    /// A string or bytes-like arg is handed over as a structure of at most 1024 bytes, and the result
    /// is its content after the call.
    #[pyfunction(sig = "(fd, cmd, arg=0, /)")]
    fn fcntl(fd: Fd, cmd: i32, arg: Option<&Obj>) -> PyResult<Obj> {
        let fd = fd.0;
        let n = match arg {
            None => 0,
            Some(arg) if number::has_index(arg) => integer(arg)?,
            Some(arg) => {
                let Some(data) = structure(arg)? else { return Err(not_an_argument("fcntl", arg)) };
                if data.len() > BUFFER {
                    return Err(raise!(ValueError, "fcntl argument 3 is too long"));
                }
                let mut copy = guarded(&data);
                // SAFETY: the copy is larger than any structure that the call writes, and guarded.
                retry(|| outcome(unsafe { libc::fcntl(fd, cmd, copy.as_mut_ptr()) } as i64))?;
                return finish(copy, data.len());
            }
        };
        // SAFETY: commands with an integer argument.
        retry(|| outcome(unsafe { libc::fcntl(fd, cmd, n) } as i64)).map(int::new)
    }

    /// Do the device operation request on a file descriptor.
    ///
    /// As fcntl(), but a writable buffer is changed in place while mutate_flag is true; then the
    /// result is the integer that the call gives.
    #[pyfunction(sig = "(fd, request, arg=0, mutate_flag=True, /)")]
    fn ioctl(fd: Fd, request: &Obj, arg: Option<&Obj>, mutate_flag: bool) -> PyResult<Obj> {
        let fd = fd.0;
        let request = number::index(request)?;
        let Some(request) = int::to_i64(&request) else {
            return Err(raise!(OverflowError, "Python int too large to convert to C unsigned long"));
        };
        let request = request as libc::c_ulong;
        let n = match arg {
            None => 0,
            Some(arg) if number::has_index(arg) => integer(arg)?,
            Some(arg) => {
                if mutate_flag && arg.downcast::<Str>().is_none() && pyrs_runtime::protocols::buffer::has_buffer(arg) {
                    match Buffer::writable(arg) {
                        Ok(buffer) => return ioctl_in_place(fd, request, &buffer),
                        Err(raised) => raised.discard(),
                    }
                }
                let Some(data) = structure(arg)? else { return Err(not_an_argument("ioctl", arg)) };
                if data.len() > BUFFER {
                    return Err(raise!(ValueError, "ioctl argument 3 is too long"));
                }
                let mut copy = guarded(&data);
                // SAFETY: the copy is larger than any structure that the call writes, and guarded.
                retry(|| outcome(unsafe { libc::ioctl(fd, request, copy.as_mut_ptr()) } as i64))?;
                return finish(copy, data.len());
            }
        };
        // SAFETY: requests with an integer argument.
        retry(|| outcome(unsafe { libc::ioctl(fd, request, n) } as i64)).map(int::new)
    }

    fn ioctl_in_place(fd: i32, request: libc::c_ulong, buffer: &Buffer) -> PyResult<Obj> {
        let length = buffer.len();
        let mut copy = buffer.to_vec();
        copy.resize(length.max(BUFFER), 0);
        copy.extend(GUARD);
        // SAFETY: the copy is larger than any structure that the call writes, and guarded.
        let result = retry(|| outcome(unsafe { libc::ioctl(fd, request, copy.as_mut_ptr()) } as i64))?;
        if !copy.ends_with(&GUARD) {
            return Err(raise!(SystemError, "buffer overflow"));
        }
        buffer.with_bytes_mut(|out| out.copy_from_slice(&copy[..length]));
        Ok(int::new(result))
    }

    /// Lock or unlock a file as a whole: operation is LOCK_SH, LOCK_EX or LOCK_UN, with LOCK_NB perhaps.
    #[pyfunction]
    fn flock(fd: Fd, operation: i32) -> PyResult<()> {
        // SAFETY: plain call.
        retry(|| outcome(unsafe { libc::flock(fd.0, operation) } as i64)).map(drop)
    }

    /// Lock or unlock a part of a file by fcntl(): cmd as in flock(), len bytes from start, counted
    /// from whence as in seek().
    #[pyfunction(sig = "(fd, cmd, len=0, start=0, whence=0, /)")]
    fn lockf(fd: Fd, cmd: i32, len: Option<&Obj>, start: Option<&Obj>, whence: i32) -> PyResult<()> {
        // SAFETY: all-zero is a valid structure.
        let mut lock: libc::flock = unsafe { std::mem::zeroed() };
        lock.l_type = match cmd {
            libc::LOCK_UN => libc::F_UNLCK,
            c if c & libc::LOCK_SH != 0 => libc::F_RDLCK,
            c if c & libc::LOCK_EX != 0 => libc::F_WRLCK,
            _ => return Err(raise!(ValueError, "unrecognized lockf argument")),
        } as i16;
        lock.l_start = start.map_or(Ok(0), i64::from_arg)?;
        lock.l_len = len.map_or(Ok(0), i64::from_arg)?;
        lock.l_whence = whence as i16;
        let command = if cmd & libc::LOCK_NB != 0 { libc::F_SETLK } else { libc::F_SETLKW };
        // SAFETY: a valid structure.
        retry(|| outcome(unsafe { libc::fcntl(fd.0, command, &lock) } as i64)).map(drop)
    }

    /// Linux's numbers.
    const CONSTANTS: &[(&str, i64)] = &[
        ("DN_ACCESS", 1),
        ("DN_ATTRIB", 32),
        ("DN_CREATE", 4),
        ("DN_DELETE", 8),
        ("DN_MODIFY", 2),
        ("DN_MULTISHOT", 2147483648),
        ("DN_RENAME", 16),
        ("FASYNC", 8192),
        ("FD_CLOEXEC", 1),
        ("FICLONE", 1074041865),
        ("FICLONERANGE", 1075876877),
        ("F_ADD_SEALS", 1033),
        ("F_DUPFD", 0),
        ("F_DUPFD_CLOEXEC", 1030),
        ("F_DUPFD_QUERY", 1027),
        ("F_EXLCK", 4),
        ("F_GETFD", 1),
        ("F_GETFL", 3),
        ("F_GETLEASE", 1025),
        ("F_GETLK", 5),
        ("F_GETLK64", 5),
        ("F_GETOWN", 9),
        ("F_GETOWN_EX", 16),
        ("F_GETPIPE_SZ", 1032),
        ("F_GETSIG", 11),
        ("F_GET_FILE_RW_HINT", 1037),
        ("F_GET_RW_HINT", 1035),
        ("F_GET_SEALS", 1034),
        ("F_NOTIFY", 1026),
        ("F_OFD_GETLK", 36),
        ("F_OFD_SETLK", 37),
        ("F_OFD_SETLKW", 38),
        ("F_OWNER_PGRP", 2),
        ("F_OWNER_PID", 1),
        ("F_OWNER_TID", 0),
        ("F_RDLCK", 0),
        ("F_SEAL_FUTURE_WRITE", 16),
        ("F_SEAL_GROW", 4),
        ("F_SEAL_SEAL", 1),
        ("F_SEAL_SHRINK", 2),
        ("F_SEAL_WRITE", 8),
        ("F_SETFD", 2),
        ("F_SETFL", 4),
        ("F_SETLEASE", 1024),
        ("F_SETLK", 6),
        ("F_SETLK64", 6),
        ("F_SETLKW", 7),
        ("F_SETLKW64", 7),
        ("F_SETOWN", 8),
        ("F_SETOWN_EX", 15),
        ("F_SETPIPE_SZ", 1031),
        ("F_SETSIG", 10),
        ("F_SET_FILE_RW_HINT", 1038),
        ("F_SET_RW_HINT", 1036),
        ("F_SHLCK", 8),
        ("F_UNLCK", 2),
        ("F_WRLCK", 1),
        ("LOCK_EX", 2),
        ("LOCK_MAND", 32),
        ("LOCK_NB", 4),
        ("LOCK_READ", 64),
        ("LOCK_RW", 192),
        ("LOCK_SH", 1),
        ("LOCK_UN", 8),
        ("LOCK_WRITE", 128),
        ("RWH_WRITE_LIFE_EXTREME", 5),
        ("RWH_WRITE_LIFE_LONG", 4),
        ("RWH_WRITE_LIFE_MEDIUM", 3),
        ("RWH_WRITE_LIFE_NONE", 1),
        ("RWH_WRITE_LIFE_NOT_SET", 0),
        ("RWH_WRITE_LIFE_SHORT", 2),
    ];

    #[module_exec]
    fn exec(module: &Object<Module>) -> PyResult<()> {
        add_constants(module, CONSTANTS);
        Ok(())
    }
}
