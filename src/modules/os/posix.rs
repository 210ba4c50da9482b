//! `posix`.

use pyrs_macros::pymodule;

/// This module provides access to operating system functionality that is
/// standardized by the C Standard and the POSIX standard (a thinly
/// disguised Unix interface).  Refer to the library manual and
/// corresponding Unix manual entries for more information on calls.
#[pymodule(name = "posix", classes(crate::os::scandir::DirEntry, crate::os::scandir::ScandirIterator))]
pub mod posix {
    use std::ffi::{CString, OsStr, OsString};
    use std::os::unix::ffi::{OsStrExt, OsStringExt};

    use pyrs_runtime::call;
    use pyrs_runtime::errors::{PyResult, Raised, raise_io};
    use pyrs_runtime::object::{Obj, Object, PyClass};
    use pyrs_runtime::objects::bytes::{self, Bytes};
    use pyrs_runtime::objects::dict::Dict;
    use pyrs_runtime::objects::exceptions;
    use pyrs_runtime::objects::list::List;
    use pyrs_runtime::objects::module::Module;
    use pyrs_runtime::objects::str::Str;
    use pyrs_runtime::objects::tuple::Tuple;
    use pyrs_runtime::objects::{float, int};
    use pyrs_runtime::thread::allow_threads;

    use crate::os::{descriptors, paths, process};
    use pyrs_runtime::{name, raise};

    /// A path argument: its bytes, and whether it was given as bytes.
    pub struct Path {
        pub bytes: Vec<u8>,
        pub is_bytes: bool,
        pub fd: Option<i32>,
        pub object: Obj,
    }

    /// Text of a file name: undecodable bytes become lone surrogates.
    pub fn name_object(bytes: &[u8], as_bytes: bool) -> Obj {
        if as_bytes {
            return Bytes::new(bytes).into();
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => Str::new(text).into(),
            Err(_) => {
                let mut points = Vec::new();
                for chunk in bytes.utf8_chunks() {
                    points.extend(chunk.valid().chars().map(|c| c as u32));
                    points.extend(chunk.invalid().iter().map(|b| 0xdc00 + *b as u32));
                }
                Str::from_code_points(&points).into()
            }
        }
    }

    /// The bytes of a file name.
    pub fn name_bytes(text: &Str) -> PyResult<Vec<u8>> {
        if let Some(s) = text.to_utf8() {
            return Ok(s.into_owned().into_bytes());
        }
        let mut out = Vec::new();
        for c in text.code_points() {
            match char::from_u32(c) {
                Some(ch) => out.extend_from_slice(ch.encode_utf8(&mut [0; 4]).as_bytes()),
                None if (0xdc80..0xdd00).contains(&c) => out.push((c - 0xdc00) as u8),
                None => {
                    // Raises UnicodeEncodeError.
                    let codec: [Obj; 2] = [Str::new("utf-8").into(), Str::new("surrogateescape").into()];
                    let copy: Obj = Str::from_points(text.code_points()).into();
                    call::call_method(&copy, "encode", &codec)?;
                    return Err(raise!(ValueError, "surrogates not allowed in a file name"));
                }
            }
        }
        Ok(out)
    }

    pub fn path_arg(function: &str, argument: &str, path: &Obj, allow_fd: bool) -> PyResult<Path> {
        let mut object = path.clone();
        if allow_fd && int::is_int(path) && pyrs_runtime::objects::singletons::as_bool(path).is_none() {
            let fd = int::to_i64(path).and_then(|n| i32::try_from(n).ok());
            let fd = fd.ok_or_else(|| raise!(OverflowError, "fd is greater than maximum"))?;
            return Ok(Path { bytes: Vec::new(), is_bytes: false, fd: Some(fd), object });
        }
        if path.downcast::<Str>().is_none() && path.downcast::<Bytes>().is_none() {
            match call::call_special(path, name!("__fspath__"), &[])? {
                Some(converted) => object = converted,
                None => {
                    let kinds =
                        if allow_fd { "string, bytes, os.PathLike or integer" } else { "string, bytes or os.PathLike" };
                    return Err(raise!(
                        TypeError,
                        "{function}: {argument} should be {kinds}, not {}",
                        path.class().name()
                    ));
                }
            }
        }
        let (bytes, is_bytes) = if let Some(text) = object.downcast::<Str>() {
            (name_bytes(text)?, false)
        } else if let Some(b) = object.downcast::<Bytes>() {
            (b.as_slice().to_vec(), true)
        } else {
            return Err(raise!(
                TypeError,
                "expected {}.__fspath__() to return str or bytes, not {}",
                path.class().name(),
                object.class().name()
            ));
        };
        if bytes.contains(&0) {
            return Err(raise!(ValueError, "{function}: embedded null character in {argument}"));
        }
        Ok(Path { bytes, is_bytes, fd: None, object })
    }

    impl Path {
        pub fn os(&self) -> &OsStr {
            OsStr::from_bytes(&self.bytes)
        }

        pub fn c(&self) -> CString {
            CString::new(self.bytes.clone()).expect("checked for NULs")
        }

        pub fn error(&self, error: &std::io::Error) -> Raised {
            raise_io(error, Some(&self.object))
        }
    }

    fn last_error() -> std::io::Error {
        std::io::Error::last_os_error()
    }

    /// The result of a system call that reports errors by -1.
    fn check(result: i64) -> PyResult<i64> {
        if result < 0 { Err(raise_io(&last_error(), None)) } else { Ok(result) }
    }

    /// Repeats an interrupted call, with signal handlers run in between.
    pub fn retry(f: impl Fn() -> i64 + Send + Sync) -> PyResult<Result<i64, std::io::Error>> {
        // What has arrived already would not interrupt the call.
        crate::os::check_signals()?;
        loop {
            let (result, error) = allow_threads(|| {
                let r = f();
                (r, last_error())
            });
            if result >= 0 {
                return Ok(Ok(result));
            }
            if error.raw_os_error() != Some(libc::EINTR) {
                return Ok(Err(error));
            }
            crate::os::check_signals()?;
        }
    }

    /// Return an iterator of DirEntry objects for given path.
    #[pyfunction(sig = "(path=None)")]
    fn scandir(path: Option<&Obj>) -> PyResult<Obj> {
        let dot: Obj = Str::new(".").into();
        let p = path_arg("scandir", "path", path.unwrap_or(&dot), true)?;
        crate::os::scandir::scandir(&p)
    }

    /// Return a unicode string representing the current working directory.
    #[pyfunction]
    fn getcwd() -> PyResult<Obj> {
        let dir = std::env::current_dir().map_err(|e| raise_io(&e, None))?;
        Ok(name_object(dir.as_os_str().as_bytes(), false))
    }

    /// Return a bytes string representing the current working directory.
    #[pyfunction]
    fn getcwdb() -> PyResult<Obj> {
        let dir = std::env::current_dir().map_err(|e| raise_io(&e, None))?;
        Ok(name_object(dir.as_os_str().as_bytes(), true))
    }

    /// Close a file descriptor.
    #[pyfunction(sig = "(fd)")]
    fn close(fd: i32) -> PyResult<()> {
        // SAFETY: plain call.
        check(allow_threads(|| unsafe { libc::close(fd) }) as i64).map(drop)
    }

    /// Closes all file descriptors in [fd_low, fd_high), ignoring errors.
    #[pyfunction]
    fn closerange(fd_low: i32, fd_high: i32) {
        for fd in fd_low.max(0)..fd_high {
            // SAFETY: plain call.
            unsafe { libc::close(fd) };
        }
    }

    /// Read from a file descriptor.  Returns a bytes object.
    #[pyfunction]
    fn read(fd: i32, length: i64) -> PyResult<Obj> {
        if length < 0 {
            return Err(pyrs_runtime::errors::raise_errno(libc::EINVAL, None));
        }
        Ok(Bytes::new(&read_fd(fd, length as usize)?.map_err(|e| raise_io(&e, None))?).into())
    }

    /// Read into a buffer object from a file descriptor.
    ///
    /// The buffer should be mutable and bytes-like.  On success, returns the
    /// number of bytes read.  Less bytes may be read than the size of the
    /// buffer.
    #[pyfunction(sig = "(fd, buffer, /)")]
    fn readinto(fd: i32, buffer: pyrs_runtime::protocols::buffer::WritableBytes) -> PyResult<usize> {
        let data = read_fd(fd, buffer.0.len())?.map_err(|e| raise_io(&e, None))?;
        buffer.0.with_bytes_mut(|out| out[..data.len()].copy_from_slice(&data));
        Ok(data.len())
    }

    /// Reads at most `length` bytes.
    pub fn read_fd(fd: i32, length: usize) -> PyResult<Result<Vec<u8>, std::io::Error>> {
        let mut buffer = vec![0u8; length.min(0x7fff_f000)];
        let (start, size) = (buffer.as_mut_ptr() as usize, buffer.len());
        // SAFETY: the buffer has that size and outlives the call.
        let result = retry(|| unsafe { libc::read(fd, start as *mut libc::c_void, size) as i64 })?;
        Ok(result.map(|n| {
            buffer.truncate(n as usize);
            buffer
        }))
    }

    /// Write a bytes object to a file descriptor.
    #[pyfunction]
    fn write(fd: i32, data: &Obj) -> PyResult<i64> {
        let data = bytes::from_object(data)?;
        write_fd(fd, &data)?.map_err(|e| raise_io(&e, None))
    }

    /// Writes some of the bytes.
    pub fn write_fd(fd: i32, data: &[u8]) -> PyResult<Result<i64, std::io::Error>> {
        // SAFETY: the slice outlives the call.
        retry(|| unsafe { libc::write(fd, data.as_ptr().cast(), data.len().min(0x7fff_f000)) as i64 })
    }

    /// Set the position of a file descriptor.  Return the new position.
    #[pyfunction]
    fn lseek(fd: i32, position: i64, whence: i32) -> PyResult<i64> {
        // SAFETY: plain call.
        check(unsafe { libc::lseek(fd, position, whence) })
    }

    /// Return True if the fd is connected to a terminal.
    #[pyfunction]
    fn isatty(fd: i32) -> bool {
        // SAFETY: plain call.
        unsafe { libc::isatty(fd) == 1 }
    }

    /// Return a duplicate of a file descriptor.
    #[pyfunction]
    fn dup(fd: i32) -> PyResult<i64> {
        // SAFETY: plain call.
        check(unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 0) } as i64)
    }

    /// Duplicate file descriptor.
    #[pyfunction(sig = "(fd, fd2, inheritable=True)")]
    fn dup2(fd: i32, fd2: i32, inheritable: bool) -> PyResult<i64> {
        let flags = if inheritable { 0 } else { libc::O_CLOEXEC };
        // SAFETY: plain calls.
        check(unsafe { if fd == fd2 { libc::dup2(fd, fd2) } else { libc::dup3(fd, fd2, flags) } } as i64)
    }

    /// Create a pipe.  Returns a tuple of two file descriptors.
    #[pyfunction]
    fn pipe() -> PyResult<Obj> {
        pipe2(libc::O_CLOEXEC)
    }

    /// Create a pipe with flags set atomically.
    #[pyfunction]
    fn pipe2(flags: i32) -> PyResult<Obj> {
        let mut fds = [0i32; 2];
        // SAFETY: room for two descriptors.
        check(unsafe { libc::pipe2(fds.as_mut_ptr(), flags) } as i64)?;
        Ok(Tuple::from_vec(vec![int::new(fds[0] as i64), int::new(fds[1] as i64)]).into())
    }

    /// Truncate a file, specified by file descriptor, to a specific length.
    #[pyfunction]
    fn ftruncate(fd: i32, length: i64) -> PyResult<()> {
        // SAFETY: plain call.
        check(unsafe { libc::ftruncate(fd, length) } as i64).map(drop)
    }

    /// Force write of fd to disk.
    #[pyfunction(sig = "(fd)")]
    fn fsync(fd: i32) -> PyResult<()> {
        // SAFETY: plain call.
        check(unsafe { libc::fsync(fd) } as i64).map(drop)
    }

    /// Get the close-on-exec flag of the specified file descriptor.
    #[pyfunction]
    fn get_inheritable(fd: i32) -> PyResult<bool> {
        // SAFETY: plain call.
        Ok(check(unsafe { libc::fcntl(fd, libc::F_GETFD) } as i64)? & libc::FD_CLOEXEC as i64 == 0)
    }

    /// Set the inheritable flag of the specified file descriptor.
    #[pyfunction]
    fn set_inheritable(fd: i32, inheritable: i32) -> PyResult<()> {
        let flags = if inheritable != 0 { 0 } else { libc::FD_CLOEXEC };
        // SAFETY: plain call.
        check(unsafe { libc::fcntl(fd, libc::F_SETFD, flags) } as i64).map(drop)
    }

    /// Get the blocking mode of the file descriptor.
    #[pyfunction]
    fn get_blocking(fd: i32) -> PyResult<bool> {
        // SAFETY: plain call.
        Ok(check(unsafe { libc::fcntl(fd, libc::F_GETFL) } as i64)? & libc::O_NONBLOCK as i64 == 0)
    }

    /// Set the blocking mode of the specified file descriptor.
    #[pyfunction]
    fn set_blocking(fd: i32, blocking: bool) -> PyResult<()> {
        // SAFETY: plain calls.
        unsafe {
            let flags = check(libc::fcntl(fd, libc::F_GETFL) as i64)? as i32;
            let flags = if blocking { flags & !libc::O_NONBLOCK } else { flags | libc::O_NONBLOCK };
            check(libc::fcntl(fd, libc::F_SETFL, flags) as i64).map(drop)
        }
    }

    /// Set the current numeric umask and return the previous umask.
    #[pyfunction]
    fn umask(mask: i32) -> u32 {
        // SAFETY: plain call.
        unsafe { libc::umask(mask as libc::mode_t) as u32 }
    }

    /// Return the current process id.
    #[pyfunction]
    fn getpid() -> u32 {
        std::process::id()
    }

    /// Return the parent's process id.
    #[pyfunction]
    fn getppid() -> i32 {
        // SAFETY: plain call.
        unsafe { libc::getppid() }
    }

    /// Return the current process's user id.
    #[pyfunction]
    fn getuid() -> u32 {
        // SAFETY: plain call.
        unsafe { libc::getuid() }
    }

    /// Return the current process's effective user id.
    #[pyfunction]
    fn geteuid() -> u32 {
        // SAFETY: plain call.
        unsafe { libc::geteuid() }
    }

    /// Return the current process's group id.
    #[pyfunction]
    fn getgid() -> u32 {
        // SAFETY: plain call.
        unsafe { libc::getgid() }
    }

    /// Return the current process's effective group id.
    #[pyfunction]
    fn getegid() -> u32 {
        // SAFETY: plain call.
        unsafe { libc::getegid() }
    }

    /// Kill a process with a signal.
    #[pyfunction]
    fn kill(pid: i32, signal: i32) -> PyResult<()> {
        // SAFETY: plain call.
        check(unsafe { libc::kill(pid, signal) } as i64)?;
        crate::os::check_signals()
    }

    /// Exit to the system with specified status, without normal exit processing.
    #[pyfunction(sig = "(status)")]
    fn _exit(status: i32) {
        // SAFETY: plain call.
        unsafe { libc::_exit(status) }
    }

    /// Abort the interpreter immediately.
    #[pyfunction]
    fn abort() {
        std::process::abort()
    }

    /// Fork a child process.
    #[pyfunction]
    fn fork() -> PyResult<i64> {
        run_fork_hooks("fork_before", true);
        // SAFETY: the child goes on with the only thread that it has, which holds the GIL.
        let (pid, error) = pyrs_runtime::thread::fork_with(|| (unsafe { libc::fork() }, last_error()));
        if pid == 0 {
            after_fork_in_child();
        } else {
            run_fork_hooks("fork_parent", false);
        }
        if pid < 0 { Err(raise_io(&error, None)) } else { Ok(pid as i64) }
    }

    /// Makes the state of a child process whole: other threads are gone, their locks are not held.
    pub fn after_fork_in_child() {
        pyrs_runtime::thread::after_fork_in_child();
        crate::os::locks::after_fork_in_child();
        crate::core::import::after_fork_in_child();
        crate::os::signal::after_fork_in_child();
        run_fork_hooks("fork_child", false);
    }

    /// Register callables to be called when forking a new process.
    #[pyfunction(sig = "(*, before=None, after_in_child=None, after_in_parent=None)")]
    fn register_at_fork(
        before: Option<Obj>,
        after_in_child: Option<Obj>,
        after_in_parent: Option<Obj>,
    ) -> PyResult<()> {
        if before.is_none() && after_in_child.is_none() && after_in_parent.is_none() {
            return Err(raise!(TypeError, "At least one argument is required."));
        }
        for (key, hook) in [("fork_before", before), ("fork_child", after_in_child), ("fork_parent", after_in_parent)] {
            let Some(hook) = hook else { continue };
            if hook.class().slots().call.is_none() {
                return Err(raise!(TypeError, "'{}' must be callable, not {}", &key[5..], hook.class().name()));
            }
            match pyrs_runtime::thread::runtime().registered(key) {
                Some(list) => list.downcast::<List>().expect("a list").push(hook),
                None => pyrs_runtime::thread::runtime().register(key, List::from_vec(vec![hook]).into()),
            }
        }
        Ok(())
    }

    /// Calls what `register_at_fork` registered.
    pub fn run_fork_hooks(key: &str, reversed: bool) {
        let Some(list) = pyrs_runtime::thread::runtime().registered(key) else { return };
        let mut hooks = list.downcast::<List>().expect("a list").to_vec();
        if reversed {
            hooks.reverse();
        }
        for hook in hooks {
            if let Err(raised) = call::call(&hook, &[]) {
                pyrs_runtime::errors::write_unraisable(raised, Some(&hook));
            }
        }
    }

    /// Wait for completion of a given child process.
    #[pyfunction]
    fn waitpid(pid: i32, options: i32) -> PyResult<Obj> {
        let status = std::sync::atomic::AtomicI32::new(0);
        // SAFETY: the status outlives the call.
        let result = retry(|| unsafe { libc::waitpid(pid, status.as_ptr(), options) as i64 })?;
        let pid = result.map_err(|e| raise_io(&e, None))?;
        let status = status.load(std::sync::atomic::Ordering::Relaxed);
        Ok(Tuple::from_vec(vec![int::new(pid), int::new(status as i64)]).into())
    }

    /// Convert waitstatus to an exit code.
    #[pyfunction(sig = "(status)")]
    fn waitstatus_to_exitcode(status: i32) -> PyResult<i32> {
        if libc::WIFEXITED(status) {
            Ok(libc::WEXITSTATUS(status))
        } else if libc::WIFSIGNALED(status) {
            Ok(-libc::WTERMSIG(status))
        } else {
            Err(raise!(ValueError, "invalid wait status: {status}"))
        }
    }

    #[pyfunction(sig = "(status)", name = "WIFEXITED")]
    fn wifexited(status: i32) -> bool {
        libc::WIFEXITED(status)
    }

    #[pyfunction(sig = "(status)", name = "WEXITSTATUS")]
    fn wexitstatus(status: i32) -> i32 {
        libc::WEXITSTATUS(status)
    }

    #[pyfunction(sig = "(status)", name = "WIFSIGNALED")]
    fn wifsignaled(status: i32) -> bool {
        libc::WIFSIGNALED(status)
    }

    #[pyfunction(sig = "(status)", name = "WTERMSIG")]
    fn wtermsig(status: i32) -> i32 {
        libc::WTERMSIG(status)
    }

    #[pyfunction(sig = "(status)", name = "WIFSTOPPED")]
    fn wifstopped(status: i32) -> bool {
        libc::WIFSTOPPED(status)
    }

    #[pyfunction(sig = "(status)", name = "WSTOPSIG")]
    fn wstopsig(status: i32) -> i32 {
        libc::WSTOPSIG(status)
    }

    /// Execute the command in a subshell.
    #[pyfunction(sig = "(command)")]
    fn system(command: &Obj) -> PyResult<i32> {
        let c = path_arg("system", "command", command, false)?.c();
        // SAFETY: a NUL-terminated command.
        Ok(allow_threads(move || unsafe { libc::system(c.as_ptr()) }))
    }

    /// Return the file system path representation of the object.
    #[pyfunction(sig = "(path)")]
    fn fspath(path: &Obj) -> PyResult<Obj> {
        if path.downcast::<Str>().is_some() || path.downcast::<Bytes>().is_some() {
            return Ok(path.clone());
        }
        let Some(result) = call::call_special(path, name!("__fspath__"), &[])? else {
            return Err(raise!(TypeError, "expected str, bytes or os.PathLike object, not {}", path.class().name()));
        };
        if result.downcast::<Str>().is_some() || result.downcast::<Bytes>().is_some() {
            return Ok(result);
        }
        Err(raise!(
            TypeError,
            "expected {}.__fspath__() to return str or bytes, not {}",
            path.class().name(),
            result.class().name()
        ))
    }

    /// Change or add an environment variable.
    #[pyfunction]
    fn putenv(name: &Obj, value: &Obj) -> PyResult<()> {
        let (n, v) = (path_arg("putenv", "name", name, false)?, path_arg("putenv", "value", value, false)?);
        if n.bytes.contains(&b'=') || n.bytes.is_empty() {
            return Err(raise!(ValueError, "illegal environment variable name"));
        }
        // SAFETY: other native threads do not read the environment while the GIL is held.
        unsafe { std::env::set_var(n.os(), v.os()) };
        Ok(())
    }

    /// Delete an environment variable.
    #[pyfunction]
    fn unsetenv(name: &Obj) -> PyResult<()> {
        let n = path_arg("unsetenv", "name", name, false)?;
        if n.bytes.contains(&b'=') || n.bytes.is_empty() {
            return Err(pyrs_runtime::errors::raise_errno(libc::EINVAL, None));
        }
        // SAFETY: as in `putenv`.
        unsafe { std::env::remove_var(n.os()) };
        Ok(())
    }

    /// Translate an error code to a message string.
    #[pyfunction]
    fn strerror(code: i32) -> String {
        // SAFETY: NUL-terminated text that is copied at once.
        unsafe { std::ffi::CStr::from_ptr(libc::strerror(code)) }.to_string_lossy().into_owned()
    }

    /// Return a bytes object containing random bytes suitable for cryptographic use.
    #[pyfunction]
    fn urandom(size: i64) -> PyResult<Obj> {
        if size < 0 {
            return Err(raise!(ValueError, "negative argument not allowed"));
        }
        let mut buffer = vec![0u8; size as usize];
        let mut at = 0;
        while at < buffer.len() {
            // SAFETY: the rest of the buffer.
            let n = check(unsafe { libc::getrandom(buffer[at..].as_mut_ptr().cast(), buffer.len() - at, 0) } as i64)?;
            at += n as usize;
        }
        Ok(Bytes::new(&buffer).into())
    }

    /// Whether something wants to run while the prompt waits for input.
    #[pyfunction]
    fn _is_inputhook_installed() -> bool {
        false
    }

    /// Run what wants to run while the prompt waits for input.
    #[pyfunction]
    fn _inputhook() {}

    /// Return the number of logical CPUs in the system.
    #[pyfunction]
    fn cpu_count() -> Option<usize> {
        if let Some(count) = crate::core::flags().cpu_count {
            return Some(count as usize);
        }
        std::thread::available_parallelism().ok().map(usize::from)
    }

    /// Return an object identifying the current operating system.
    #[pyfunction]
    fn uname() -> PyResult<Obj> {
        // SAFETY: a valid structure whose fields are NUL-terminated afterwards.
        unsafe {
            let mut u: libc::utsname = std::mem::zeroed();
            check(libc::uname(&mut u) as i64)?;
            let text = |field: &[libc::c_char]| -> Obj {
                Str::new(&std::ffi::CStr::from_ptr(field.as_ptr()).to_string_lossy()).into()
            };
            let values =
                vec![text(&u.sysname), text(&u.nodename), text(&u.release), text(&u.version), text(&u.machine)];
            crate::struct_sequence::instance(&uname_class()?, values)
        }
    }

    /// Return the size of the terminal window as (columns, lines).
    #[pyfunction(sig = "(fd=1, /)")]
    fn get_terminal_size(fd: i32) -> PyResult<Obj> {
        // SAFETY: a valid structure.
        unsafe {
            let mut size: libc::winsize = std::mem::zeroed();
            check(libc::ioctl(fd, libc::TIOCGWINSZ, &mut size) as i64)?;
            let class = crate::struct_sequence::class("os", "terminal_size", &["columns", "lines"], 2)?;
            crate::struct_sequence::instance(&class, vec![int::new(size.ws_col as i64), int::new(size.ws_row as i64)])
        }
    }

    /// Return a collection containing process timing information.
    #[pyfunction]
    fn times() -> PyResult<Obj> {
        // SAFETY: a valid structure.
        unsafe {
            let mut t: libc::tms = std::mem::zeroed();
            let elapsed = libc::times(&mut t);
            let ticks = libc::sysconf(libc::_SC_CLK_TCK) as f64;
            let s = |n: i64| float::new(n as f64 / ticks);
            let values = vec![s(t.tms_utime), s(t.tms_stime), s(t.tms_cutime), s(t.tms_cstime), s(elapsed)];
            crate::struct_sequence::instance(&times_class()?, values)
        }
    }

    /// What `os` asks for to fill `supports_dir_fd` and the like.
    const HAVE: &[&str] = &[
        "HAVE_FACCESSAT",
        "HAVE_FCHDIR",
        "HAVE_FCHMOD",
        "HAVE_FCHMODAT",
        "HAVE_FCHOWN",
        "HAVE_FCHOWNAT",
        "HAVE_FDOPENDIR",
        "HAVE_FEXECVE",
        "HAVE_FPATHCONF",
        "HAVE_FSTATAT",
        "HAVE_FSTATVFS",
        "HAVE_FTRUNCATE",
        "HAVE_FUTIMENS",
        "HAVE_LINKAT",
        "HAVE_LCHOWN",
        "HAVE_LSTAT",
        "HAVE_LUTIMES",
        "HAVE_MEMFD_CREATE",
        "HAVE_MKDIRAT",
        "HAVE_MKFIFOAT",
        "HAVE_MKNODAT",
        "HAVE_OPENAT",
        "HAVE_READLINKAT",
        "HAVE_RENAMEAT",
        "HAVE_SYMLINKAT",
        "HAVE_UNLINKAT",
        "HAVE_UTIMENSAT",
    ];

    fn uname_class() -> PyResult<Obj> {
        let fields = ["sysname", "nodename", "release", "version", "machine"];
        crate::struct_sequence::class("posix", "uname_result", &fields, 5)
    }

    fn times_class() -> PyResult<Obj> {
        let fields = ["user", "system", "children_user", "children_system", "elapsed"];
        crate::struct_sequence::class("posix", "times_result", &fields, 5)
    }

    /// The environment, as bytes.
    pub fn environment() -> PyResult<Obj> {
        let dict = Dict::new();
        for (key, value) in std::env::vars_os() {
            let (key, value): (Vec<u8>, Vec<u8>) = (OsString::into_vec(key), OsString::into_vec(value));
            dict.set(Bytes::new(&key).into(), Bytes::new(&value).into())?;
        }
        Ok(dict.into())
    }

    #[module_exec]
    fn exec(module: &Object<Module>) -> PyResult<()> {
        module.add("environ", environment()?);
        module.add("error", exceptions::OSError::class().to_obj());
        module.add("stat_result", paths::stat_class()?);
        module.add("statvfs_result", paths::paths::statvfs_class()?);
        module.add("uname_result", uname_class()?);
        module.add("times_result", times_class()?);
        module.add("terminal_size", crate::struct_sequence::class("os", "terminal_size", &["columns", "lines"], 2)?);
        let have = HAVE.iter().map(|name| Str::new(name).into()).collect();
        module.add("_have_functions", List::from_vec(have));
        for (name, entries) in [
            ("sysconf_names", paths::SYSCONF_NAMES),
            ("pathconf_names", paths::PATHCONF_NAMES),
            ("confstr_names", paths::CONFSTR_NAMES),
        ] {
            let names = Dict::new();
            for (key, number) in entries {
                names.set_text(key, int::new(*number));
            }
            module.add(name, names);
        }
        for part in [paths::paths::def(), descriptors::descriptors::def(), process::process::def()] {
            crate::core::import::add_contents(module, part);
            if let Some(exec) = part.exec {
                exec(module)?;
            }
        }
        Ok(())
    }
}
