//! `_posixsubprocess`: starting a program in a child process.

use pyrs_macros::pymodule;

/// A POSIX helper for the subprocess module.
#[pymodule(name = "_posixsubprocess")]
pub mod subprocess {
    use std::ffi::CString;

    use pyrs_runtime::args::FromArg;
    use pyrs_runtime::call::{self, Args};
    use pyrs_runtime::errors::{PyResult, raise_io};
    use pyrs_runtime::object::Obj;
    use pyrs_runtime::objects::int;
    use pyrs_runtime::objects::list::List;
    use pyrs_runtime::objects::tuple::Tuple;
    use pyrs_runtime::protocols::{iter, number, sequence, truth};
    use pyrs_runtime::raise;

    use crate::os::posix::posix::{path_arg, run_fork_hooks};

    /// What the child needs, made before the fork: after it, nothing may allocate.
    struct Plan {
        argv: Option<Vec<*const libc::c_char>>,
        executables: Vec<CString>,
        envp: Option<Vec<*const libc::c_char>>,
        cwd: Option<CString>,
        close_fds: bool,
        keep: Vec<i32>,
        p2cread: i32,
        p2cwrite: i32,
        c2pread: i32,
        c2pwrite: i32,
        errread: i32,
        errwrite: i32,
        errpipe_read: i32,
        errpipe_write: i32,
        restore_signals: bool,
        call_setsid: bool,
        pgid_to_set: i32,
        gid: Option<u32>,
        groups: Option<Vec<u32>>,
        uid: Option<u32>,
        umask: i32,
    }

    fn c_string(obj: &Obj) -> PyResult<CString> {
        let path = path_arg("fork_exec", "args", obj, false).map_err(|raised| {
            if raised.matches(<pyrs_runtime::objects::exceptions::ValueError as pyrs_runtime::PyClass>::class()) {
                raised.discard();
                return raise!(ValueError, "embedded null byte");
            }
            if raised.matches(<pyrs_runtime::objects::exceptions::TypeError as pyrs_runtime::PyClass>::class()) {
                raised.discard();
                let class = obj.class().name();
                return raise!(TypeError, "expected str, bytes or os.PathLike object, not {class}");
            }
            raised
        })?;
        Ok(path.c())
    }

    fn c_strings(items: &[Obj]) -> PyResult<Vec<CString>> {
        items.iter().map(c_string).collect()
    }

    fn pointers(strings: &[CString]) -> Vec<*const libc::c_char> {
        strings.iter().map(|s| s.as_ptr()).chain([std::ptr::null()]).collect()
    }

    /// The descriptors to keep: a sorted tuple of ints.
    fn kept_descriptors(obj: &Obj) -> PyResult<Vec<i32>> {
        let Some(tuple) = obj.downcast::<Tuple>() else {
            return Err(pyrs_runtime::args::bad_argument("fork_exec", " 4", "tuple", obj));
        };
        let fds: Option<Vec<i32>> =
            tuple.items().iter().map(|i| int::to_i64(i).and_then(|n| i32::try_from(n).ok())).collect();
        match fds {
            Some(fds) if fds.first().is_none_or(|f| *f >= 0) && fds.windows(2).all(|w| w[0] < w[1]) => Ok(fds),
            _ => Err(raise!(ValueError, "bad value(s) in fds_to_keep")),
        }
    }

    /// A user or group id; -1 stands for none where it is allowed.
    fn id(obj: &Obj, what: &str) -> PyResult<u32> {
        if !number::has_index(obj) {
            return Err(raise!(TypeError, "{what} should be integer, not {}", obj.class().name()));
        }
        let index = number::index(obj)?;
        match int::to_i64(&index) {
            Some(-1) => Ok(u32::MAX),
            Some(n) if n < 0 => Err(raise!(OverflowError, "{what} is less than minimum")),
            Some(n) => u32::try_from(n).map_err(|_| raise!(OverflowError, "{what} is greater than maximum")),
            None if number::is_negative(&index) => Err(raise!(OverflowError, "{what} is less than minimum")),
            None => Err(raise!(OverflowError, "{what} is greater than maximum")),
        }
    }

    /// Start a program in a new process.
    ///
    /// The work of subprocess.Popen between fork() and exec(): the arguments say how the child's
    /// descriptors, signals, session, groups and ids are set up.  What goes wrong there is written to
    /// errpipe_write.  The result is the child's process id.
    #[pyfunction(
        text_signature = "($module, args, executable_list, close_fds, pass_fds, cwd,\n          env, p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite,\n          errpipe_read, errpipe_write, restore_signals, call_setsid,\n          pgid_to_set, gid, extra_groups, uid, child_umask, preexec_fn,\n          /)"
    )]
    fn fork_exec(args: Args<'_>) -> PyResult<i64> {
        args.no_keywords("_posixsubprocess.fork_exec")?;
        let a = args.positionals();
        if a.len() != 22 {
            return Err(raise!(TypeError, "fork_exec expected 22 arguments, got {}", a.len()));
        }
        let preexec = (!a[21].is_none()).then(|| a[21].clone());
        if preexec.is_some() && pyrs_runtime::thread::runtime().finalizing.get() {
            return Err(raise!(PythonFinalizationError, "preexec_fn not supported at interpreter shutdown"));
        }
        let close_fds = truth::is_true(&a[2])?;
        let keep = kept_descriptors(&a[3])?;
        let number = |i: usize| i32::from_arg(&a[i]);
        if close_fds && number(13)? < 3 {
            return Err(raise!(ValueError, "errpipe_write must be >= 3"));
        }
        let executables = c_strings(&iter::collect(&a[1])?)?;
        let arguments = if a[0].is_none() {
            None
        } else {
            let items = sequence::fast_items(&a[0], "argv must be a tuple")?;
            if items.is_empty() {
                return Err(raise!(ValueError, "args must not be empty"));
            }
            Some(c_strings(&items)?)
        };
        let environment = if a[5].is_none() { None } else { Some(c_strings(&iter::collect(&a[5])?)?) };
        let cwd = if a[4].is_none() { None } else { Some(c_string(&a[4])?) };
        let groups = if a[18].is_none() {
            None
        } else {
            let Some(list) = a[18].downcast::<List>() else {
                return Err(raise!(TypeError, "setgroups argument must be a sequence"));
            };
            if list.len() > 65536 {
                return Err(raise!(ValueError, "too many extra_groups"));
            }
            let invalid = |raised: pyrs_runtime::Raised| {
                raised.discard();
                raise!(ValueError, "invalid group id")
            };
            Some(list.to_vec().iter().map(|g| id(g, "gid").map_err(invalid)).collect::<PyResult<Vec<u32>>>()?)
        };
        let gid = if a[17].is_none() { None } else { Some(id(&a[17], "gid")?) };
        let uid = if a[19].is_none() { None } else { Some(id(&a[19], "uid")?) };
        let plan = Plan {
            argv: arguments.as_deref().map(pointers),
            executables,
            envp: environment.as_deref().map(pointers),
            cwd,
            close_fds,
            keep,
            p2cread: number(6)?,
            p2cwrite: number(7)?,
            c2pread: number(8)?,
            c2pwrite: number(9)?,
            errread: number(10)?,
            errwrite: number(11)?,
            errpipe_read: number(12)?,
            errpipe_write: number(13)?,
            restore_signals: truth::is_true(&a[14])?,
            call_setsid: truth::is_true(&a[15])?,
            pgid_to_set: number(16)?,
            gid,
            groups,
            uid,
            umask: number(20)?,
        };
        if preexec.is_some() {
            run_fork_hooks("fork_before", true);
        }
        let (pid, error) = pyrs_runtime::thread::fork_with(|| {
            // SAFETY: the child calls only functions that are safe after a fork, or (for preexec_fn)
            // goes on with the GIL as its only thread.
            let pid = unsafe { libc::fork() };
            (pid, std::io::Error::last_os_error())
        });
        if pid == 0 {
            child(&plan, preexec.as_ref());
        }
        if preexec.is_some() {
            run_fork_hooks("fork_parent", false);
        }
        if pid < 0 {
            return Err(raise_io(&error, None));
        }
        Ok(pid as i64)
    }

    /// The child's part; does not return.
    fn child(plan: &Plan, preexec: Option<&Obj>) -> ! {
        let mut stage = Stage { preexec_failed: false, before_exec: true, in_chdir: false };
        let error = prepare_and_exec(plan, preexec, &mut stage);
        report(plan.errpipe_write, error, &stage);
        // SAFETY: leaves without running anything of the parent's.
        unsafe { libc::_exit(255) }
    }

    struct Stage {
        preexec_failed: bool,
        before_exec: bool,
        in_chdir: bool,
    }

    fn errno() -> i32 {
        // SAFETY: the calling thread's errno.
        unsafe { *libc::__errno_location() }
    }

    /// Writes "OSError:HEX:STAGE" for the parent, without allocating.
    fn report(pipe: i32, error: i32, stage: &Stage) {
        let mut text = [0u8; 64];
        let mut length = 0;
        let mut put = |bytes: &[u8]| {
            text[length..length + bytes.len()].copy_from_slice(bytes);
            length += bytes.len();
        };
        if stage.preexec_failed {
            put(b"SubprocessError:0:Exception occurred in preexec_fn.");
        } else {
            put(b"OSError:");
            let mut started = false;
            for shift in (0..8).rev() {
                let digit = (error as u32 >> (shift * 4) & 15) as usize;
                started |= digit != 0 || shift == 0;
                if started {
                    put(&b"0123456789ABCDEF"[digit..digit + 1]);
                }
            }
            put(b":");
            if stage.in_chdir {
                put(b"noexec:chdir");
            } else if stage.before_exec {
                put(b"noexec");
            }
        }
        // SAFETY: the part of the buffer that is filled.
        unsafe { libc::write(pipe, text.as_ptr().cast(), length) };
    }

    /// Sets up the child and runs the program; the `errno` of what failed.
    fn prepare_and_exec(plan: &Plan, preexec: Option<&Obj>, stage: &mut Stage) -> i32 {
        // SAFETY: system calls on descriptors and on data made before the fork.
        unsafe {
            for fd in &plan.keep {
                if *fd != plan.errpipe_write {
                    let flags = libc::fcntl(*fd, libc::F_GETFD);
                    if flags >= 0 && flags & libc::FD_CLOEXEC != 0 {
                        libc::fcntl(*fd, libc::F_SETFD, flags & !libc::FD_CLOEXEC);
                    }
                }
            }
            for fd in [plan.p2cwrite, plan.c2pread, plan.errread, plan.errpipe_read] {
                if fd >= 0 {
                    libc::close(fd);
                }
            }
            // The child's ends must not be in the way of 0, 1 and 2.
            let mut c2pwrite = plan.c2pwrite;
            if c2pwrite == 0 {
                c2pwrite = libc::dup(c2pwrite);
                if c2pwrite < 0 || libc::fcntl(c2pwrite, libc::F_SETFD, libc::FD_CLOEXEC) < 0 {
                    return errno();
                }
            }
            let mut errwrite = plan.errwrite;
            while errwrite == 0 || errwrite == 1 {
                errwrite = libc::dup(errwrite);
                if errwrite < 0 || libc::fcntl(errwrite, libc::F_SETFD, libc::FD_CLOEXEC) < 0 {
                    return errno();
                }
            }
            for (fd, target) in [(plan.p2cread, 0), (c2pwrite, 1), (errwrite, 2)] {
                if fd == target {
                    let flags = libc::fcntl(fd, libc::F_GETFD);
                    if flags < 0 || libc::fcntl(fd, libc::F_SETFD, flags & !libc::FD_CLOEXEC) < 0 {
                        return errno();
                    }
                } else if fd >= 0 && libc::dup2(fd, target) < 0 {
                    return errno();
                }
            }
            if let Some(cwd) = &plan.cwd
                && libc::chdir(cwd.as_ptr()) < 0
            {
                stage.in_chdir = true;
                return errno();
            }
            if plan.umask >= 0 {
                libc::umask(plan.umask as libc::mode_t);
            }
            if plan.restore_signals {
                for signal in [libc::SIGPIPE, libc::SIGXFSZ] {
                    libc::signal(signal, libc::SIG_DFL);
                }
            }
            if plan.call_setsid && libc::setsid() < 0 {
                return errno();
            }
            if plan.pgid_to_set >= 0 && libc::setpgid(0, plan.pgid_to_set) < 0 {
                return errno();
            }
            if let Some(groups) = &plan.groups
                && libc::setgroups(groups.len(), groups.as_ptr()) < 0
            {
                return errno();
            }
            if let Some(gid) = plan.gid
                && libc::setregid(gid, gid) < 0
            {
                return errno();
            }
            if let Some(uid) = plan.uid
                && libc::setreuid(uid, uid) < 0
            {
                return errno();
            }
        }
        stage.before_exec = false;
        if let Some(preexec) = preexec {
            crate::os::posix::posix::after_fork_in_child();
            if let Err(raised) = call::call(preexec, &[]) {
                raised.discard();
                stage.preexec_failed = true;
                return 0;
            }
        }
        if plan.close_fds {
            close_others(&plan.keep);
        }
        let mut saved = 0;
        for executable in &plan.executables {
            // SAFETY: NUL-terminated strings in NULL-terminated arrays.
            unsafe {
                let argv = plan.argv.as_ref().map_or(std::ptr::null(), |a| a.as_ptr());
                match &plan.envp {
                    Some(envp) => libc::execve(executable.as_ptr(), argv, envp.as_ptr()),
                    None => libc::execv(executable.as_ptr(), argv),
                };
            }
            let error = errno();
            if error != libc::ENOENT && error != libc::ENOTDIR && saved == 0 {
                saved = error;
            }
        }
        if saved != 0 { saved } else { errno() }
    }

    /// Closes all descriptors from 3 on but the sorted ones in `keep`.
    fn close_others(keep: &[i32]) {
        let mut start = 3;
        let close = |from: i32, to: i32| {
            if from > to {
                return;
            }
            // SAFETY: closes descriptors that the program must not inherit.
            unsafe {
                if libc::syscall(libc::SYS_close_range, from as libc::c_uint, to as libc::c_uint, 0) == 0 {
                    return;
                }
                let limit = libc::sysconf(libc::_SC_OPEN_MAX).clamp(256, 1 << 20) as i32;
                for fd in from..=to.min(limit) {
                    libc::close(fd);
                }
            }
        };
        for fd in keep.iter().filter(|fd| **fd >= 3) {
            close(start, fd - 1);
            start = fd + 1;
        }
        close(start, i32::MAX);
    }
}
