//! System calls on file descriptors: without the GIL, and again after a signal.

use std::io::{Error, Result};

use pyrs_runtime::errors::PyResult;
use pyrs_runtime::thread::allow_threads;

use crate::os::posix::posix::{retry, write_fd};

/// Largest transfer that the kernel makes in one call.
const LIMIT: usize = 0x7fff_f000;

/// Reads into `out`.
pub fn read(fd: i32, out: &mut [u8]) -> PyResult<Result<usize>> {
    let (start, size) = (out.as_mut_ptr() as usize, out.len().min(LIMIT));
    // SAFETY: the slice has that size and outlives the call.
    let result = retry(|| unsafe { libc::read(fd, start as *mut libc::c_void, size) as i64 })?;
    Ok(result.map(|n| n as usize))
}

/// Reads to the end, with `expected` bytes to come, and appends to `out`; `false` if the read would have blocked
/// before any byte came.
pub fn read_to_end(fd: i32, expected: usize, out: &mut Vec<u8>) -> PyResult<Result<bool>> {
    let start = out.len();
    out.reserve(expected + 1);
    loop {
        if out.capacity() - out.len() == 0 {
            out.reserve((out.len() - start).clamp(1 << 13, 1 << 26));
        }
        let (len, room) = (out.len(), out.capacity() - out.len());
        let to = out.as_mut_ptr() as usize + len;
        // SAFETY: spare capacity of the vector; the bytes read are counted in below.
        let result = retry(|| unsafe { libc::read(fd, to as *mut libc::c_void, room.min(LIMIT)) as i64 })?;
        match result {
            Ok(0) => return Ok(Ok(true)),
            // SAFETY: the kernel has written that many bytes behind the old length.
            Ok(n) => unsafe { out.set_len(len + n as usize) },
            Err(e) if e.raw_os_error() == Some(libc::EAGAIN) => return Ok(Ok(out.len() > start)),
            Err(e) => return Ok(Err(e)),
        }
    }
}

/// Writes some of the bytes.
pub fn write(fd: i32, data: &[u8]) -> PyResult<Result<usize>> {
    Ok(write_fd(fd, data)?.map(|n| n as usize))
}

/// Moves the position; the new one.
pub fn seek(fd: i32, offset: i64, whence: i32) -> Result<i64> {
    // SAFETY: plain call.
    check(allow_threads(|| unsafe { libc::lseek(fd, offset, whence) }))
}

/// Opens a file for this process only.
pub fn open(path: &std::ffi::CStr, flags: i32) -> PyResult<Result<i32>> {
    let path = path.as_ptr() as usize;
    // SAFETY: a NUL-terminated path that outlives the call.
    let result = retry(|| unsafe { libc::open(path as *const libc::c_char, flags | libc::O_CLOEXEC, 0o666) as i64 })?;
    Ok(result.map(|fd| fd as i32))
}

/// Keeps a descriptor that somebody else opened from being inherited.
pub fn set_close_on_exec(fd: i32) {
    // SAFETY: plain calls on a number.
    unsafe {
        let flags = libc::fcntl(fd, libc::F_GETFD);
        if flags >= 0 && flags & libc::FD_CLOEXEC == 0 {
            libc::fcntl(fd, libc::F_SETFD, flags | libc::FD_CLOEXEC);
        }
    }
}

pub fn close(fd: i32) -> Result<()> {
    // SAFETY: plain call; an interrupted close has still closed.
    check(allow_threads(|| unsafe { libc::close(fd) }) as i64).map(drop)
}

pub fn truncate(fd: i32, length: i64) -> PyResult<Result<()>> {
    // SAFETY: plain call.
    Ok(retry(|| unsafe { libc::ftruncate(fd, length) as i64 })?.map(drop))
}

pub fn is_terminal(fd: i32) -> bool {
    // SAFETY: plain call.
    unsafe { libc::isatty(fd) == 1 }
}

pub fn status(fd: i32) -> Result<libc::stat> {
    // SAFETY: the structure is plain data that the call fills.
    unsafe {
        let mut stat: libc::stat = std::mem::zeroed();
        check(libc::fstat(fd, &mut stat) as i64).map(|_| stat)
    }
}

/// True if the error says that a non-blocking descriptor is not ready.
pub fn would_block(error: &Error) -> bool {
    error.raw_os_error() == Some(libc::EAGAIN)
}

fn check(result: i64) -> Result<i64> {
    if result < 0 { Err(Error::last_os_error()) } else { Ok(result) }
}
