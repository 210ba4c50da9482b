//! `posix`: processes: ids, priorities, scheduling, waiting, starting programs.

use pyrs_macros::{pyclass, pymethods, pymodule};
use pyrs_runtime::args::FromArg;
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::object::{Obj, ObjCell, Object, Ptr};
use pyrs_runtime::objects::singletons::none;
use pyrs_runtime::types::Type;

/// Scheduling parameters: a priority.
#[pyclass(name = "sched_param", module = "posix", flags = BASETYPE)]
pub struct SchedParam {
    priority: ObjCell,
}

#[pymethods]
impl SchedParam {
    #[new(sig = "(sched_priority)")]
    fn py_new(cls: &Type, sched_priority: Obj) -> PyResult<Obj> {
        Ok(Ptr::new_in(cls, SchedParam { priority: ObjCell::of(sched_priority) }).into())
    }

    /// the scheduling priority
    #[getter]
    fn sched_priority(&self) -> Obj {
        self.priority.get().unwrap_or_else(none)
    }

    #[slot(repr)]
    fn repr(this: &Object<SchedParam>) -> PyResult<Obj> {
        let shown = pyrs_runtime::protocols::text::repr_text(&this.sched_priority())?;
        let text = format!("{}(sched_priority={shown})", this.class().full_name());
        Ok(pyrs_runtime::objects::str::Str::new(&text).into())
    }

    #[pymethod(name = "__reduce__")]
    fn reduce(this: &Object<SchedParam>) -> Obj {
        let args = pyrs_runtime::objects::tuple::Tuple::from_vec(vec![this.sched_priority()]);
        pyrs_runtime::objects::tuple::Tuple::from_vec(vec![this.class().to_obj(), args.into()]).into()
    }
}

impl SchedParam {
    fn parameters(&self) -> PyResult<libc::sched_param> {
        let priority = i32::from_arg(&self.sched_priority())?;
        // SAFETY: all-zero is a valid structure.
        let mut p: libc::sched_param = unsafe { std::mem::zeroed() };
        p.sched_priority = priority;
        Ok(p)
    }
}

/// A part of the module posix.
#[pymodule(name = "posix", classes(super::SchedParam))]
pub mod process {
    use super::*;
    use std::ffi::{CStr, CString};

    use pyrs_runtime::errors::{self, raise_io};
    use pyrs_runtime::objects::dict::Dict;
    use pyrs_runtime::objects::list::List;
    use pyrs_runtime::objects::module::Module;
    use pyrs_runtime::objects::str::Str;
    use pyrs_runtime::objects::tuple::Tuple;
    use pyrs_runtime::objects::{float, int, set};
    use pyrs_runtime::protocols::{iter, sequence};
    use pyrs_runtime::raise;
    use pyrs_runtime::thread::allow_threads;

    use crate::os::paths::id_argument;
    use crate::os::posix::posix::{name_bytes, path_arg};
    use crate::os::support::{Fd, add_constants, check, outcome, text_of};

    fn tuple(items: Vec<Obj>) -> Obj {
        Tuple::from_vec(items).into()
    }

    fn done(result: i32) -> PyResult<()> {
        check(result as i64).map(drop)
    }

    /// The process group of a process.
    #[pyfunction(sig = "(pid)")]
    fn getpgid(pid: i32) -> PyResult<i64> {
        // SAFETY: plain call.
        check(unsafe { libc::getpgid(pid) } as i64)
    }

    /// The process group of this process.
    #[pyfunction]
    fn getpgrp() -> i32 {
        // SAFETY: plain call.
        unsafe { libc::getpgrp() }
    }

    /// Make this process the leader of its process group.
    #[pyfunction]
    fn setpgrp() -> PyResult<()> {
        // SAFETY: plain call.
        done(unsafe { libc::setpgid(0, 0) })
    }

    /// Put a process into a process group.
    #[pyfunction]
    fn setpgid(pid: i32, pgrp: i32) -> PyResult<()> {
        // SAFETY: plain call.
        done(unsafe { libc::setpgid(pid, pgrp) })
    }

    /// The session of a process.
    #[pyfunction]
    fn getsid(pid: i32) -> PyResult<i64> {
        // SAFETY: plain call.
        check(unsafe { libc::getsid(pid) } as i64)
    }

    /// Make this process the leader of a new session.
    #[pyfunction]
    fn setsid() -> PyResult<()> {
        // SAFETY: plain call.
        done(unsafe { libc::setsid() })
    }

    /// Send a signal to a process group.
    #[pyfunction]
    fn killpg(pgid: i32, signal: i32) -> PyResult<()> {
        // SAFETY: plain call.
        done(unsafe { libc::killpg(pgid, signal) })?;
        crate::os::check_signals()
    }

    /// Set the user id.
    #[pyfunction]
    fn setuid(uid: &Obj) -> PyResult<()> {
        let uid = id_argument(uid, "uid")?;
        // SAFETY: plain call.
        done(unsafe { libc::setuid(uid) })
    }

    /// Set the effective user id.
    #[pyfunction]
    fn seteuid(euid: &Obj) -> PyResult<()> {
        let uid = id_argument(euid, "uid")?;
        // SAFETY: plain call.
        done(unsafe { libc::seteuid(uid) })
    }

    /// Set the group id.
    #[pyfunction]
    fn setgid(gid: &Obj) -> PyResult<()> {
        let gid = id_argument(gid, "gid")?;
        // SAFETY: plain call.
        done(unsafe { libc::setgid(gid) })
    }

    /// Set the effective group id.
    #[pyfunction]
    fn setegid(egid: &Obj) -> PyResult<()> {
        let gid = id_argument(egid, "gid")?;
        // SAFETY: plain call.
        done(unsafe { libc::setegid(gid) })
    }

    /// Set the real and the effective user id.
    #[pyfunction]
    fn setreuid(ruid: &Obj, euid: &Obj) -> PyResult<()> {
        let (r, e) = (id_argument(ruid, "uid")?, id_argument(euid, "uid")?);
        // SAFETY: plain call.
        done(unsafe { libc::setreuid(r, e) })
    }

    /// Set the real and the effective group id.
    #[pyfunction]
    fn setregid(rgid: &Obj, egid: &Obj) -> PyResult<()> {
        let (r, e) = (id_argument(rgid, "gid")?, id_argument(egid, "gid")?);
        // SAFETY: plain call.
        done(unsafe { libc::setregid(r, e) })
    }

    /// Set the real, the effective and the saved user id.
    #[pyfunction]
    fn setresuid(ruid: &Obj, euid: &Obj, suid: &Obj) -> PyResult<()> {
        let (r, e, s) = (id_argument(ruid, "uid")?, id_argument(euid, "uid")?, id_argument(suid, "uid")?);
        // SAFETY: plain call.
        done(unsafe { libc::setresuid(r, e, s) })
    }

    /// Set the real, the effective and the saved group id.
    #[pyfunction]
    fn setresgid(rgid: &Obj, egid: &Obj, sgid: &Obj) -> PyResult<()> {
        let (r, e, s) = (id_argument(rgid, "gid")?, id_argument(egid, "gid")?, id_argument(sgid, "gid")?);
        // SAFETY: plain call.
        done(unsafe { libc::setresgid(r, e, s) })
    }

    fn ids(all: [u32; 3]) -> Obj {
        tuple(all.map(|n| int::new(n as i64)).to_vec())
    }

    /// The real, the effective and the saved user id.
    #[pyfunction]
    fn getresuid() -> PyResult<Obj> {
        let [mut r, mut e, mut s] = [0; 3];
        // SAFETY: room for three ids.
        done(unsafe { libc::getresuid(&mut r, &mut e, &mut s) })?;
        Ok(ids([r, e, s]))
    }

    /// The real, the effective and the saved group id.
    #[pyfunction]
    fn getresgid() -> PyResult<Obj> {
        let [mut r, mut e, mut s] = [0; 3];
        // SAFETY: room for three ids.
        done(unsafe { libc::getresgid(&mut r, &mut e, &mut s) })?;
        Ok(ids([r, e, s]))
    }

    fn id_list(groups: &[libc::gid_t]) -> Obj {
        List::from_vec(groups.iter().map(|g| int::new(*g as i64)).collect()).into()
    }

    /// The supplementary groups of this process.
    #[pyfunction]
    fn getgroups() -> PyResult<Obj> {
        // SAFETY: asks for the number only.
        let count = check(unsafe { libc::getgroups(0, std::ptr::null_mut()) } as i64)?;
        let mut groups = vec![0; count as usize];
        // SAFETY: room for that many groups.
        let count = check(unsafe { libc::getgroups(count as i32, groups.as_mut_ptr()) } as i64)?;
        groups.truncate(count as usize);
        Ok(id_list(&groups))
    }

    /// Set the supplementary groups of this process.
    #[pyfunction]
    fn setgroups(groups: &Obj) -> PyResult<()> {
        if !sequence::is_sequence(groups) {
            return Err(raise!(TypeError, "setgroups argument must be a sequence"));
        }
        let items = iter::collect(groups)?;
        if items.len() > 65536 {
            return Err(raise!(ValueError, "too many groups"));
        }
        let mut all = Vec::new();
        for item in &items {
            if !int::is_int(item) {
                return Err(raise!(TypeError, "groups must be integers"));
            }
            all.push(id_argument(item, "gid")?);
        }
        // SAFETY: an array of the stated length.
        done(unsafe { libc::setgroups(all.len(), all.as_ptr()) })
    }

    fn text_argument(text: &Object<Str>) -> PyResult<CString> {
        CString::new(name_bytes(text)?).map_err(|_| raise!(ValueError, "embedded null byte"))
    }

    /// Set the supplementary groups to those of a user, and one more.
    #[pyfunction]
    fn initgroups(username: &Obj, gid: &Obj) -> PyResult<()> {
        let name = path_arg("initgroups", "username", username, false)?.c();
        let gid = id_argument(gid, "gid")?;
        // SAFETY: a NUL-terminated name.
        done(unsafe { libc::initgroups(name.as_ptr(), gid) })
    }

    /// The groups of a user, and one more.
    #[pyfunction]
    fn getgrouplist(user: &Object<Str>, group: &Obj) -> PyResult<Obj> {
        let (name, group) = (text_argument(user)?, id_argument(group, "gid")?);
        let mut count = 64;
        loop {
            let mut groups = vec![0; count as usize];
            let mut found = count;
            // SAFETY: a NUL-terminated name and room for that many groups.
            let result = unsafe { libc::getgrouplist(name.as_ptr(), group, groups.as_mut_ptr(), &mut found) };
            if result >= 0 {
                groups.truncate(found as usize);
                return Ok(id_list(&groups));
            }
            count = found.max(count * 2);
        }
    }

    unsafe extern "C" {
        fn getlogin_r(name: *mut libc::c_char, size: usize) -> libc::c_int;
    }

    /// The name of the user who logged in.
    #[pyfunction]
    fn getlogin() -> PyResult<Obj> {
        let mut name = [0 as libc::c_char; 256];
        // SAFETY: a buffer of the stated size.
        match unsafe { getlogin_r(name.as_mut_ptr(), name.len()) } {
            // SAFETY: NUL-terminated by the call.
            0 => Ok(text_of(unsafe { CStr::from_ptr(name.as_ptr()) })),
            error => Err(errors::raise_errno(error, None)),
        }
    }

    /// The averages of the load over 1, 5 and 15 minutes.
    #[pyfunction]
    fn getloadavg() -> PyResult<Obj> {
        let mut load = [0f64; 3];
        // SAFETY: room for three numbers.
        if unsafe { libc::getloadavg(load.as_mut_ptr(), 3) } != 3 {
            return Err(raise!(OSError, "Load averages are unobtainable"));
        }
        Ok(tuple(load.map(float::new).to_vec()))
    }

    /// Add to the niceness of this process; the new one.
    #[pyfunction]
    fn nice(increment: i32) -> PyResult<i32> {
        // SAFETY: the calling thread's errno, and a plain call.
        let value = unsafe {
            *libc::__errno_location() = 0;
            libc::nice(increment)
        };
        let error = std::io::Error::last_os_error();
        if value == -1 && error.raw_os_error() != Some(0) { Err(raise_io(&error, None)) } else { Ok(value) }
    }

    /// The priority of a process, a process group or a user.
    #[pyfunction(sig = "(which, who)")]
    fn getpriority(which: i32, who: i32) -> PyResult<i32> {
        // SAFETY: the calling thread's errno, and a plain call.
        let value = unsafe {
            *libc::__errno_location() = 0;
            libc::getpriority(which as _, who as libc::id_t)
        };
        let error = std::io::Error::last_os_error();
        if value == -1 && error.raw_os_error() != Some(0) { Err(raise_io(&error, None)) } else { Ok(value) }
    }

    /// Set the priority of a process, a process group or a user.
    #[pyfunction(sig = "(which, who, priority)")]
    fn setpriority(which: i32, who: i32, priority: i32) -> PyResult<()> {
        // SAFETY: plain call.
        done(unsafe { libc::setpriority(which as _, who as libc::id_t, priority) })
    }

    /// Leave parts of what this process shares with others.
    #[pyfunction(sig = "(flags)")]
    fn unshare(flags: i32) -> PyResult<()> {
        // SAFETY: plain call.
        allow_threads(|| outcome(unsafe { libc::unshare(flags) } as i64)).map(drop).map_err(|e| raise_io(&e, None))
    }

    /// Enter a namespace.
    #[pyfunction(sig = "(fd, nstype=0)")]
    fn setns(fd: Fd, nstype: i32) -> PyResult<()> {
        // SAFETY: plain call.
        allow_threads(|| outcome(unsafe { libc::setns(fd.0, nstype) } as i64)).map(drop).map_err(|e| raise_io(&e, None))
    }

    /// A descriptor for a process.
    #[pyfunction(sig = "(pid, flags=0)")]
    fn pidfd_open(pid: i32, flags: u32) -> PyResult<i64> {
        // SAFETY: plain call.
        check(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, flags) })
    }

    /// Wait for any child: (pid, status).
    #[pyfunction]
    fn wait() -> PyResult<Obj> {
        let (pid, status, _) = wait_for(-1, 0)?;
        Ok(tuple(vec![int::new(pid), int::new(status as i64)]))
    }

    fn wait_for(pid: i32, options: i32) -> PyResult<(i64, i32, libc::rusage)> {
        // SAFETY: all-zero is a valid structure.
        let (mut status, mut usage) = (0, unsafe { std::mem::zeroed::<libc::rusage>() });
        let found = crate::os::support::retry(|| {
            // SAFETY: room for the status and the usage.
            outcome(unsafe { libc::wait4(pid, &mut status, options, &mut usage) } as i64)
        })?;
        Ok((found, status, usage))
    }

    fn with_usage(found: (i64, i32, libc::rusage)) -> PyResult<Obj> {
        let (pid, status, usage) = found;
        // The class belongs to the module resource.
        crate::core::import::import_module("resource")?;
        let usage = crate::os::resource::resource::usage_object(&usage)?;
        Ok(tuple(vec![int::new(pid), int::new(status as i64), usage]))
    }

    /// Wait for any child: (pid, status, resource usage).
    #[pyfunction(sig = "(options)")]
    fn wait3(options: i32) -> PyResult<Obj> {
        with_usage(wait_for(-1, options)?)
    }

    /// Wait for a child: (pid, status, resource usage).
    #[pyfunction(sig = "(pid, options)")]
    fn wait4(pid: i32, options: i32) -> PyResult<Obj> {
        with_usage(wait_for(pid, options)?)
    }

    fn waitid_class() -> PyResult<Obj> {
        let fields = ["si_pid", "si_uid", "si_signo", "si_status", "si_code"];
        crate::struct_sequence::class("posix", "waitid_result", &fields, 5)
    }

    /// Wait for one of several children.
    #[pyfunction]
    fn waitid(idtype: i32, id: i32, options: i32) -> PyResult<Obj> {
        let mut found = [0i64; 5];
        crate::os::support::retry(|| {
            // SAFETY: room for the information; its fields are those of a child's signal.
            unsafe {
                let mut info: libc::siginfo_t = std::mem::zeroed();
                let result = outcome(libc::waitid(idtype as _, id as libc::id_t, &mut info, options) as i64)?;
                found = [
                    info.si_pid() as i64,
                    info.si_uid() as i64,
                    info.si_signo as i64,
                    info.si_status() as i64,
                    info.si_code as i64,
                ];
                Ok(result)
            }
        })?;
        if found[0] == 0 {
            return Ok(none());
        }
        crate::struct_sequence::instance(&waitid_class()?, found.map(int::new).to_vec())
    }

    /// True if the process left a core file.
    #[pyfunction(name = "WCOREDUMP")]
    fn core_dumped(status: i32) -> bool {
        libc::WCOREDUMP(status)
    }

    /// True if the process went on after a stop.
    #[pyfunction(sig = "(status)", name = "WIFCONTINUED")]
    fn continued(status: i32) -> bool {
        libc::WIFCONTINUED(status)
    }

    /// The highest priority of a scheduling policy.
    #[pyfunction(sig = "(policy)")]
    fn sched_get_priority_max(policy: i32) -> PyResult<i64> {
        // SAFETY: plain call.
        check(unsafe { libc::sched_get_priority_max(policy) } as i64)
    }

    /// The lowest priority of a scheduling policy.
    #[pyfunction(sig = "(policy)")]
    fn sched_get_priority_min(policy: i32) -> PyResult<i64> {
        // SAFETY: plain call.
        check(unsafe { libc::sched_get_priority_min(policy) } as i64)
    }

    /// The scheduling policy of a process.
    #[pyfunction]
    fn sched_getscheduler(pid: i32) -> PyResult<i64> {
        // SAFETY: plain call.
        check(unsafe { libc::sched_getscheduler(pid) } as i64)
    }

    fn parameters(param: &Obj) -> PyResult<libc::sched_param> {
        match param.downcast::<SchedParam>() {
            Some(param) => param.parameters(),
            None => Err(raise!(TypeError, "must have a sched_param object")),
        }
    }

    /// Set the scheduling policy and parameters of a process.
    #[pyfunction]
    fn sched_setscheduler(pid: i32, policy: i32, param: &Obj) -> PyResult<()> {
        let p = parameters(param)?;
        // SAFETY: a valid structure.
        done(unsafe { libc::sched_setscheduler(pid, policy, &p) })
    }

    /// The scheduling parameters of a process.
    #[pyfunction]
    fn sched_getparam(pid: i32) -> PyResult<Obj> {
        // SAFETY: all-zero is a valid structure, which the call fills.
        let p = unsafe {
            let mut p: libc::sched_param = std::mem::zeroed();
            done(libc::sched_getparam(pid, &mut p))?;
            p
        };
        Ok(Ptr::new(SchedParam { priority: ObjCell::of(int::new(p.sched_priority as i64)) }).into())
    }

    /// Set the scheduling parameters of a process.
    #[pyfunction]
    fn sched_setparam(pid: i32, param: &Obj) -> PyResult<()> {
        let p = parameters(param)?;
        // SAFETY: a valid structure.
        done(unsafe { libc::sched_setparam(pid, &p) })
    }

    /// The time slice of a process in seconds, for the policy SCHED_RR.
    #[pyfunction]
    fn sched_rr_get_interval(pid: i32) -> PyResult<f64> {
        let mut t = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: a valid structure.
        done(unsafe { libc::sched_rr_get_interval(pid, &mut t) })?;
        Ok(t.tv_sec as f64 + t.tv_nsec as f64 * 1e-9)
    }

    /// Let other processes run.
    #[pyfunction]
    fn sched_yield() -> PyResult<()> {
        // SAFETY: plain call.
        done(allow_threads(|| unsafe { libc::sched_yield() }))
    }

    /// Words of a set of processors.
    const CPU_WORDS: usize = 128;

    /// The processors that a process may run on.
    #[pyfunction]
    fn sched_getaffinity(pid: i32) -> PyResult<Obj> {
        let mut words = [0u64; CPU_WORDS];
        // SAFETY: a set of the stated size.
        done(unsafe { libc::sched_getaffinity(pid, size_of_val(&words), words.as_mut_ptr().cast()) })?;
        let mut found = Vec::new();
        for (i, word) in words.iter().enumerate() {
            for bit in (0..64).filter(|b| word >> b & 1 != 0) {
                found.push(int::new((i * 64 + bit) as i64));
            }
        }
        set::set_from(found)
    }

    /// Set the processors that a process may run on.
    #[pyfunction]
    fn sched_setaffinity(pid: i32, mask: &Obj) -> PyResult<()> {
        let mut words = [0u64; CPU_WORDS];
        iter::for_each(mask, |cpu| {
            if !int::is_int(&cpu) {
                return Err(raise!(
                    TypeError,
                    "expected an iterator of ints, but iterator yielded {}",
                    cpu.class().full_repr_name()
                ));
            }
            let n = i64::from_arg(&cpu)?;
            if n < 0 {
                return Err(raise!(ValueError, "negative CPU number"));
            }
            match words.get_mut(n as usize / 64) {
                Some(word) => *word |= 1 << (n % 64),
                None => return Err(raise!(OverflowError, "CPU number too large")),
            }
            Ok(())
        })?;
        // SAFETY: a set of the stated size.
        done(unsafe { libc::sched_setaffinity(pid, size_of_val(&words), words.as_ptr().cast()) })
    }

    /// The arguments of a program: a tuple or list whose first item is not empty.
    fn program_arguments(what: &str, argv: &Obj) -> PyResult<Vec<CString>> {
        if argv.downcast::<List>().is_none() && argv.downcast::<Tuple>().is_none() {
            return Err(raise!(TypeError, "{what} must be a tuple or list"));
        }
        let items = sequence::fast_items(argv, "argv must be a tuple or list")?;
        if items.is_empty() {
            return Err(raise!(ValueError, "{what} must not be empty"));
        }
        let arguments = c_strings("exec", "argv", &items)?;
        if arguments[0].is_empty() {
            return Err(raise!(ValueError, "{what} first element cannot be empty"));
        }
        Ok(arguments)
    }

    /// Run a program in place of this one, with these arguments.
    #[pyfunction]
    fn execv(path: &Obj, argv: &Obj) -> PyResult<()> {
        let p = path_arg("execv", "path", path, false)?;
        let arguments = program_arguments("execv() arg 2", argv)?;
        let (c, pointers) = (p.c(), pointers(&arguments));
        // SAFETY: NUL-terminated strings in a NULL-terminated array.
        unsafe { libc::execv(c.as_ptr(), pointers.as_ptr().cast()) };
        Err(p.error(&std::io::Error::last_os_error()))
    }

    /// Run a program in place of this one, with these arguments and this environment.
    #[pyfunction(sig = "(path, argv, env)")]
    fn execve(path: &Obj, argv: &Obj, env: &Obj) -> PyResult<()> {
        let p = path_arg("execve", "path", path, true)?;
        let arguments = program_arguments("execve: argv", argv)?;
        if !sequence::is_mapping(env) {
            return Err(raise!(TypeError, "execve: environment must be a mapping object"));
        }
        let variables = environment("execve", env)?;
        let (c, argv, envp) = (p.c(), pointers(&arguments), pointers(&variables));
        // SAFETY: NUL-terminated strings in NULL-terminated arrays.
        unsafe {
            match p.fd {
                Some(fd) => libc::fexecve(fd, argv.as_ptr().cast(), envp.as_ptr().cast()),
                None => libc::execve(c.as_ptr(), argv.as_ptr().cast(), envp.as_ptr().cast()),
            };
        }
        Err(p.error(&std::io::Error::last_os_error()))
    }

    /// What `posix_spawn` is told about the child; the system's objects are freed with it.
    struct Spawn {
        actions: libc::posix_spawn_file_actions_t,
        attributes: libc::posix_spawnattr_t,
        /// Paths that the actions point to.
        paths: Vec<CString>,
    }

    impl Drop for Spawn {
        fn drop(&mut self) {
            // SAFETY: both have been initialised.
            unsafe {
                libc::posix_spawn_file_actions_destroy(&mut self.actions);
                libc::posix_spawnattr_destroy(&mut self.attributes);
            }
        }
    }

    fn done_errno(error: i32) -> PyResult<()> {
        if error == 0 { Ok(()) } else { Err(errors::raise_errno(error, None)) }
    }

    fn signal_mask(signals: &Obj) -> PyResult<libc::sigset_t> {
        // SAFETY: a valid set.
        let mut mask = unsafe {
            let mut mask = std::mem::zeroed();
            libc::sigemptyset(&mut mask);
            mask
        };
        iter::for_each(signals, |signal| {
            let n = i64::from_arg(&signal)?;
            if !(1..65).contains(&n) {
                return Err(raise!(ValueError, "signal number {n} out of range [1; 64]"));
            }
            // SAFETY: a valid set and signal; those that the C library keeps for itself are refused and ignored.
            unsafe { libc::sigaddset(&mut mask, n as i32) };
            Ok(())
        })?;
        Ok(mask)
    }

    impl Spawn {
        fn new() -> Spawn {
            // SAFETY: both are initialised before use.
            unsafe {
                let mut spawn =
                    Spawn { actions: std::mem::zeroed(), attributes: std::mem::zeroed(), paths: Vec::new() };
                libc::posix_spawn_file_actions_init(&mut spawn.actions);
                libc::posix_spawnattr_init(&mut spawn.attributes);
                spawn
            }
        }

        fn add_actions(&mut self, function: &str, actions: &Obj) -> PyResult<()> {
            let items = sequence::fast_items(actions, "file_actions must be a sequence or None")?;
            for item in items {
                let wrong = || raise!(TypeError, "Each file_actions element must be a non-empty tuple");
                let Some(action) = item.downcast::<Tuple>().map(|t| t.items()).filter(|t| !t.is_empty()) else {
                    return Err(wrong());
                };
                let tag = i64::from_arg(&action[0])?;
                let arity = |n: usize, what: &str| {
                    if action.len() == n + 1 {
                        Ok(())
                    } else {
                        Err(raise!(TypeError, "A {what} file_action tuple must have {} elements", n + 1))
                    }
                };
                let fd = |i: usize| i32::from_arg(&action[i]);
                match tag {
                    0 => {
                        arity(4, "open")?;
                        let path = path_arg(function, "path", &action[2], false)?.c();
                        let (target, flags, mode) = (fd(1)?, fd(3)?, u32::from_arg(&action[4])?);
                        // SAFETY: a NUL-terminated path that is kept.
                        done_errno(unsafe {
                            libc::posix_spawn_file_actions_addopen(
                                &mut self.actions,
                                target,
                                path.as_ptr(),
                                flags,
                                mode,
                            )
                        })?;
                        self.paths.push(path);
                    }
                    1 => {
                        arity(1, "close")?;
                        let target = fd(1)?;
                        // SAFETY: initialised actions.
                        done_errno(unsafe { libc::posix_spawn_file_actions_addclose(&mut self.actions, target) })?;
                    }
                    2 => {
                        arity(2, "dup2")?;
                        let (from, to) = (fd(1)?, fd(2)?);
                        // SAFETY: initialised actions.
                        done_errno(unsafe { libc::posix_spawn_file_actions_adddup2(&mut self.actions, from, to) })?;
                    }
                    3 => {
                        arity(1, "closefrom")?;
                        let from = fd(1)?;
                        // SAFETY: initialised actions.
                        done_errno(unsafe { posix_spawn_file_actions_addclosefrom_np(&mut self.actions, from) })?;
                    }
                    _ => return Err(raise!(TypeError, "Unknown file_actions identifier")),
                }
            }
            Ok(())
        }
    }

    unsafe extern "C" {
        fn posix_spawn_file_actions_addclosefrom_np(
            actions: *mut libc::posix_spawn_file_actions_t,
            from: libc::c_int,
        ) -> libc::c_int;
    }

    fn c_strings(function: &str, what: &str, items: &[Obj]) -> PyResult<Vec<CString>> {
        items.iter().map(|i| Ok(path_arg(function, what, i, false)?.c())).collect()
    }

    fn pointers(strings: &[CString]) -> Vec<*mut libc::c_char> {
        strings.iter().map(|s| s.as_ptr().cast_mut()).chain([std::ptr::null_mut()]).collect()
    }

    /// An environment as "name=value" strings.
    fn environment(function: &str, env: &Obj) -> PyResult<Vec<CString>> {
        let (keys, values) = match env.exact::<Dict>() {
            Some(dict) => (dict.keys(), dict.values()),
            None => {
                let part = |name: &str| iter::collect(&pyrs_runtime::call::call_method(env, name, &[])?);
                (part("keys")?, part("values")?)
            }
        };
        let mut all = Vec::new();
        for (key, value) in keys.iter().zip(&values) {
            let mut entry = path_arg(function, "env", key, false)?.bytes;
            if entry.is_empty() || entry[1..].contains(&b'=') {
                return Err(raise!(ValueError, "illegal environment variable name"));
            }
            entry.push(b'=');
            entry.extend(path_arg(function, "env", value, false)?.bytes);
            all.push(CString::new(entry).expect("checked for NULs"));
        }
        Ok(all)
    }

    fn spawn(
        function: &str,
        search: bool,
        path: &Obj,
        argv: &Obj,
        env: &Obj,
        file_actions: Option<&Obj>,
        setpgroup: Option<&Obj>,
        resetids: bool,
        setsid: bool,
        setsigmask: Option<&Obj>,
        setsigdef: Option<&Obj>,
        scheduler: Option<&Obj>,
    ) -> PyResult<i32> {
        let p = path_arg(function, "path", path, false)?;
        let arguments = program_arguments(&format!("{function}: argv"), argv)?;
        if !env.is_none() && !sequence::is_mapping(env) {
            return Err(raise!(TypeError, "{function}: environment must be a mapping object or None"));
        }
        let variables = if env.is_none() { None } else { Some(environment(function, env)?) };
        let mut plan = Spawn::new();
        if let Some(actions) = file_actions {
            plan.add_actions(function, actions)?;
        }
        let mut flags = 0;
        let attributes = &mut plan.attributes;
        // SAFETY: initialised attributes and valid sets.
        unsafe {
            if let Some(group) = setpgroup {
                done_errno(libc::posix_spawnattr_setpgroup(attributes, i32::from_arg(group)?))?;
                flags |= libc::POSIX_SPAWN_SETPGROUP;
            }
            if resetids {
                flags |= libc::POSIX_SPAWN_RESETIDS;
            }
            if setsid {
                flags |= 0x80;
            }
            if let Some(mask) = setsigmask {
                done_errno(libc::posix_spawnattr_setsigmask(attributes, &signal_mask(mask)?))?;
                flags |= libc::POSIX_SPAWN_SETSIGMASK;
            }
            if let Some(mask) = setsigdef {
                done_errno(libc::posix_spawnattr_setsigdefault(attributes, &signal_mask(mask)?))?;
                flags |= libc::POSIX_SPAWN_SETSIGDEF;
            }
            if let Some(scheduler) = scheduler {
                let Some(pair) = scheduler.downcast::<Tuple>() else {
                    return Err(raise!(TypeError, "scheduler must be a tuple or None"));
                };
                let [policy, param] = pair.items() else {
                    return Err(raise!(TypeError, "A scheduler tuple must have two elements"));
                };
                if !policy.is_none() {
                    done_errno(libc::posix_spawnattr_setschedpolicy(attributes, i32::from_arg(policy)?))?;
                    flags |= libc::POSIX_SPAWN_SETSCHEDULER;
                }
                done_errno(libc::posix_spawnattr_setschedparam(attributes, &parameters(param)?))?;
                flags |= libc::POSIX_SPAWN_SETSCHEDPARAM;
            }
            done_errno(libc::posix_spawnattr_setflags(attributes, flags as libc::c_short))?;
            let (c, argv, mut pid) = (p.c(), pointers(&arguments), 0);
            let envp = variables.as_deref().map(pointers);
            let envp = envp.as_ref().map_or(environ.cast_const(), |e| e.as_ptr());
            let start = if search { libc::posix_spawnp } else { libc::posix_spawn };
            let error = start(&mut pid, c.as_ptr(), &plan.actions, &plan.attributes, argv.as_ptr(), envp);
            if error != 0 {
                return Err(p.error(&std::io::Error::from_raw_os_error(error)));
            }
            Ok(pid)
        }
    }

    unsafe extern "C" {
        static mut environ: *mut *mut libc::c_char;
    }

    /// Start a program; the new process's id.
    #[pyfunction(
        sig = "(path, argv, env, /, *, file_actions=(), setpgroup=None, resetids=False, setsid=False, setsigmask=(), setsigdef=(), scheduler=None)"
    )]
    fn posix_spawn(
        path: &Obj,
        argv: &Obj,
        env: &Obj,
        file_actions: Option<&Obj>,
        setpgroup: Option<&Obj>,
        resetids: bool,
        setsid: bool,
        setsigmask: Option<&Obj>,
        setsigdef: Option<&Obj>,
        scheduler: Option<&Obj>,
    ) -> PyResult<i32> {
        let name = "posix_spawn";
        spawn(name, false, path, argv, env, file_actions, setpgroup, resetids, setsid, setsigmask, setsigdef, scheduler)
    }

    /// Start a program that is looked for in PATH; the new process's id.
    #[pyfunction(
        sig = "(path, argv, env, /, *, file_actions=(), setpgroup=None, resetids=False, setsid=False, setsigmask=(), setsigdef=(), scheduler=None)"
    )]
    fn posix_spawnp(
        path: &Obj,
        argv: &Obj,
        env: &Obj,
        file_actions: Option<&Obj>,
        setpgroup: Option<&Obj>,
        resetids: bool,
        setsid: bool,
        setsigmask: Option<&Obj>,
        setsigdef: Option<&Obj>,
        scheduler: Option<&Obj>,
    ) -> PyResult<i32> {
        let name = "posix_spawnp";
        spawn(name, true, path, argv, env, file_actions, setpgroup, resetids, setsid, setsigmask, setsigdef, scheduler)
    }

    /// Copies the variables of this process: bytes to bytes.
    #[pyfunction]
    fn _create_environ() -> PyResult<Obj> {
        crate::os::posix::posix::environment()
    }

    #[module_exec]
    fn exec(module: &Object<Module>) -> PyResult<()> {
        module.add("waitid_result", waitid_class()?);
        add_constants(module, CONSTANTS);
        Ok(())
    }

    /// Linux's numbers.
    const CONSTANTS: &[(&str, i64)] = &[
        ("CLD_CONTINUED", 6),
        ("CLD_DUMPED", 3),
        ("CLD_EXITED", 1),
        ("CLD_KILLED", 2),
        ("CLD_STOPPED", 5),
        ("CLD_TRAPPED", 4),
        ("CLONE_FILES", 1024),
        ("CLONE_FS", 512),
        ("CLONE_NEWCGROUP", 33554432),
        ("CLONE_NEWIPC", 134217728),
        ("CLONE_NEWNET", 1073741824),
        ("CLONE_NEWNS", 131072),
        ("CLONE_NEWPID", 536870912),
        ("CLONE_NEWTIME", 128),
        ("CLONE_NEWUSER", 268435456),
        ("CLONE_NEWUTS", 67108864),
        ("CLONE_SIGHAND", 2048),
        ("CLONE_SYSVSEM", 262144),
        ("CLONE_THREAD", 65536),
        ("CLONE_VM", 256),
        ("EFD_CLOEXEC", 524288),
        ("EFD_NONBLOCK", 2048),
        ("EFD_SEMAPHORE", 1),
        ("EX_CANTCREAT", 73),
        ("EX_CONFIG", 78),
        ("EX_DATAERR", 65),
        ("EX_IOERR", 74),
        ("EX_NOHOST", 68),
        ("EX_NOINPUT", 66),
        ("EX_NOPERM", 77),
        ("EX_NOUSER", 67),
        ("EX_OK", 0),
        ("EX_OSERR", 71),
        ("EX_OSFILE", 72),
        ("EX_PROTOCOL", 76),
        ("EX_SOFTWARE", 70),
        ("EX_TEMPFAIL", 75),
        ("EX_UNAVAILABLE", 69),
        ("EX_USAGE", 64),
        ("F_LOCK", 1),
        ("F_OK", 0),
        ("F_TEST", 3),
        ("F_TLOCK", 2),
        ("F_ULOCK", 0),
        ("GRND_NONBLOCK", 1),
        ("GRND_RANDOM", 2),
        ("MFD_ALLOW_SEALING", 2),
        ("MFD_CLOEXEC", 1),
        ("MFD_HUGETLB", 4),
        ("MFD_HUGE_16GB", 2281701376),
        ("MFD_HUGE_16MB", 1610612736),
        ("MFD_HUGE_1GB", 2013265920),
        ("MFD_HUGE_1MB", 1342177280),
        ("MFD_HUGE_256MB", 1879048192),
        ("MFD_HUGE_2GB", 2080374784),
        ("MFD_HUGE_2MB", 1409286144),
        ("MFD_HUGE_32MB", 1677721600),
        ("MFD_HUGE_512KB", 1275068416),
        ("MFD_HUGE_512MB", 1946157056),
        ("MFD_HUGE_64KB", 1073741824),
        ("MFD_HUGE_8MB", 1543503872),
        ("MFD_HUGE_MASK", 63),
        ("MFD_HUGE_SHIFT", 26),
        ("NGROUPS_MAX", 65536),
        ("O_ACCMODE", 3),
        ("O_APPEND", 1024),
        ("O_ASYNC", 8192),
        ("O_CLOEXEC", 524288),
        ("O_CREAT", 64),
        ("O_DIRECT", libc::O_DIRECT as i64),
        ("O_DIRECTORY", libc::O_DIRECTORY as i64),
        ("O_DSYNC", 4096),
        ("O_EXCL", 128),
        ("O_FSYNC", 1052672),
        ("O_LARGEFILE", libc::O_LARGEFILE as i64),
        ("O_NDELAY", 2048),
        ("O_NOATIME", 262144),
        ("O_NOCTTY", 256),
        ("O_NOFOLLOW", libc::O_NOFOLLOW as i64),
        ("O_NONBLOCK", 2048),
        ("O_PATH", 2097152),
        ("O_RDONLY", 0),
        ("O_RDWR", 2),
        ("O_RSYNC", 1052672),
        ("O_SYNC", 1052672),
        ("O_TMPFILE", libc::O_TMPFILE as i64),
        ("O_TRUNC", 512),
        ("O_WRONLY", 1),
        ("PIDFD_NONBLOCK", 2048),
        ("POSIX_FADV_DONTNEED", 4),
        ("POSIX_FADV_NOREUSE", 5),
        ("POSIX_FADV_NORMAL", 0),
        ("POSIX_FADV_RANDOM", 1),
        ("POSIX_FADV_SEQUENTIAL", 2),
        ("POSIX_FADV_WILLNEED", 3),
        ("POSIX_SPAWN_CLOSE", 1),
        ("POSIX_SPAWN_CLOSEFROM", 3),
        ("POSIX_SPAWN_DUP2", 2),
        ("POSIX_SPAWN_OPEN", 0),
        ("PRIO_PGRP", 1),
        ("PRIO_PROCESS", 0),
        ("PRIO_USER", 2),
        ("P_ALL", 0),
        ("P_PGID", 2),
        ("P_PID", 1),
        ("P_PIDFD", 3),
        ("RTLD_DEEPBIND", 8),
        ("RTLD_GLOBAL", 256),
        ("RTLD_LAZY", 1),
        ("RTLD_LOCAL", 0),
        ("RTLD_NODELETE", 4096),
        ("RTLD_NOLOAD", 4),
        ("RTLD_NOW", 2),
        ("RWF_APPEND", 16),
        ("RWF_DSYNC", 2),
        ("RWF_HIPRI", 1),
        ("RWF_NOWAIT", 8),
        ("RWF_SYNC", 4),
        ("R_OK", 4),
        ("SCHED_BATCH", 3),
        ("SCHED_DEADLINE", 6),
        ("SCHED_FIFO", 1),
        ("SCHED_IDLE", 5),
        ("SCHED_NORMAL", 0),
        ("SCHED_OTHER", 0),
        ("SCHED_RESET_ON_FORK", 1073741824),
        ("SCHED_RR", 2),
        ("SEEK_DATA", 3),
        ("SEEK_HOLE", 4),
        ("SPLICE_F_MORE", 4),
        ("SPLICE_F_MOVE", 1),
        ("SPLICE_F_NONBLOCK", 2),
        ("ST_APPEND", 256),
        ("ST_MANDLOCK", 64),
        ("ST_NOATIME", 1024),
        ("ST_NODEV", 4),
        ("ST_NODIRATIME", 2048),
        ("ST_NOEXEC", 8),
        ("ST_NOSUID", 2),
        ("ST_RDONLY", 1),
        ("ST_RELATIME", 4096),
        ("ST_SYNCHRONOUS", 16),
        ("ST_WRITE", 128),
        ("TFD_CLOEXEC", 524288),
        ("TFD_NONBLOCK", 2048),
        ("TFD_TIMER_ABSTIME", 1),
        ("TFD_TIMER_CANCEL_ON_SET", 2),
        ("TMP_MAX", 238328),
        ("WCONTINUED", 8),
        ("WEXITED", 4),
        ("WNOHANG", 1),
        ("WNOWAIT", 16777216),
        ("WSTOPPED", 2),
        ("WUNTRACED", 2),
        ("W_OK", 2),
        ("XATTR_CREATE", 1),
        ("XATTR_REPLACE", 2),
        ("XATTR_SIZE_MAX", 65536),
        ("X_OK", 1),
    ];
}
