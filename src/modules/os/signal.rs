//! `_signal`.

use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use pyrs_macros::pymodule;
use pyrs_runtime::call;
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::object::{DataCell, Obj};
use pyrs_runtime::objects::int;
use pyrs_runtime::objects::singletons::none;
use pyrs_runtime::raise;
use pyrs_runtime::thread::{self, EVAL_BREAKER, breaker, runtime};

const COUNT: usize = 65;

static TRIPPED: [AtomicBool; COUNT] = [const { AtomicBool::new(false) }; COUNT];
static ANY: AtomicBool = AtomicBool::new(false);
static WAKEUP: AtomicI32 = AtomicI32::new(-1);

static WARN_ON_FULL: AtomicBool = AtomicBool::new(true);
/// The error of the last write to the wake-up descriptor, 0 = none.
static WAKEUP_ERROR: AtomicI32 = AtomicI32::new(0);

/// Reports an error of the wake-up descriptor, as nobody can catch it.
fn report_wakeup_error() {
    let error = WAKEUP_ERROR.swap(0, Ordering::Relaxed);
    if error != 0 {
        let raised = pyrs_runtime::errors::raise_errno(error, None);
        if let Some(stderr) = crate::core::sys_attribute("stderr").filter(|s| !s.is_none()) {
            let text = "Exception ignored when trying to write to the signal wakeup fd:\n";
            let exc = raised.take();
            let text = pyrs_runtime::objects::str::Str::new(text).into();
            let written = call::call_method(&stderr, "write", &[text])
                .and_then(|_| crate::core::sys_objects::print_exception(&exc, &none()));
            if let Err(raised) = written {
                raised.discard();
            }
        } else {
            raised.discard();
        }
    }
}

struct Handlers(DataCell<Vec<Option<Obj>>>);
// SAFETY: only touched under the GIL.
unsafe impl Sync for Handlers {}
static HANDLERS: Handlers = Handlers(DataCell::new(Vec::new()));

/// The native handler: notes the signal for the eval breaker. Async-signal-safe.
extern "C" fn on_signal(signum: libc::c_int) {
    note(signum);
    let fd = WAKEUP.load(Ordering::Relaxed);
    if fd >= 0 {
        let byte = signum as u8;
        // SAFETY: one byte from a local; what goes wrong is noted for the main thread.
        unsafe {
            let errno = *libc::__errno_location();
            if libc::write(fd, (&raw const byte).cast(), 1) < 0 {
                let error = *libc::__errno_location();
                let full = error == libc::EAGAIN || error == libc::EWOULDBLOCK;
                if !full || WARN_ON_FULL.load(Ordering::Relaxed) {
                    WAKEUP_ERROR.store(error, Ordering::Relaxed);
                }
            }
            *libc::__errno_location() = errno;
        }
    }
}

fn note(signum: i32) {
    TRIPPED[signum as usize].store(true, Ordering::Relaxed);
    ANY.store(true, Ordering::Release);
    EVAL_BREAKER.fetch_or(breaker::SIGNAL, Ordering::Release);
}

/// Simulates a signal.
pub fn trip_signal(signum: i32) -> PyResult<()> {
    if !(1..COUNT as i32).contains(&signum) {
        return Err(raise!(ValueError, "signal number out of range"));
    }
    let handler = handler(signum);
    if !handler.is_none() && handler.class().slots().call.is_some() {
        note(signum);
    }
    Ok(())
}

fn handler(signum: i32) -> Obj {
    HANDLERS.0.with(|h| h.get(signum as usize).cloned().flatten()).unwrap_or_else(none)
}

fn set_handler(signum: i32, new: Obj) -> Obj {
    let old = HANDLERS.0.with(|h| {
        if h.is_empty() {
            h.resize_with(COUNT, || None);
        }
        h[signum as usize].replace(new)
    });
    old.unwrap_or_else(none)
}

/// Calls the Python handlers of signals that have arrived (main thread only).
pub fn check_signals() -> PyResult<()> {
    if !ANY.load(Ordering::Acquire) || thread::current().id != runtime().main_thread.get() {
        return Ok(());
    }
    ANY.store(false, Ordering::Release);
    report_wakeup_error();
    for signum in 1..COUNT as i32 {
        if !TRIPPED[signum as usize].swap(false, Ordering::Relaxed) {
            continue;
        }
        let f = handler(signum);
        if f.class().slots().call.is_none() {
            continue;
        }
        let frame = if crate::core::frames::has_frame() { crate::core::frames::frame_object(0)? } else { none() };
        if let Err(raised) = call::call(&f, &[int::new(signum as i64), frame]) {
            // Other signals wait for the next check.
            ANY.store(true, Ordering::Release);
            EVAL_BREAKER.fetch_or(breaker::SIGNAL, Ordering::Release);
            return Err(raised);
        }
    }
    Ok(())
}

/// In the child of a fork: signals that the parent has got are the parent's.
pub fn after_fork_in_child() {
    ANY.store(false, Ordering::Relaxed);
    TRIPPED.iter().for_each(|t| t.store(false, Ordering::Relaxed));
}

fn install(signum: i32, action: usize) -> bool {
    // SAFETY: a zeroed sigaction with a valid handler.
    unsafe {
        let mut new: libc::sigaction = std::mem::zeroed();
        new.sa_sigaction = action;
        libc::sigemptyset(&mut new.sa_mask);
        libc::sigaction(signum, &new, std::ptr::null_mut()) == 0
    }
}

/// This module provides mechanisms to use signal handlers in Python.
#[pymodule(name = "_signal")]
pub mod signal {
    use super::*;
    use pyrs_runtime::object::{Object, PyClass};
    use pyrs_runtime::objects::exceptions;
    use pyrs_runtime::objects::module::Module;
    use pyrs_runtime::objects::tuple::Tuple;
    use pyrs_runtime::objects::{float, set};
    use pyrs_runtime::protocols::{iter, number};

    use crate::os::support::{Deadline, Rounding, check, nanoseconds, outcome, retry};

    fn check_number(signum: i32) -> PyResult<()> {
        if (1..COUNT as i32).contains(&signum) { Ok(()) } else { Err(raise!(ValueError, "signal number out of range")) }
    }

    /// Set the action for the given signal.
    ///
    /// The action can be SIG_DFL, SIG_IGN, or a callable Python object.
    /// The previous action is returned.  See getsignal() for possible return values.
    #[pyfunction]
    fn signal(signalnum: i32, handler: Obj) -> PyResult<Obj> {
        if thread::current().id != runtime().main_thread.get() {
            return Err(raise!(ValueError, "signal only works in main thread of the main interpreter"));
        }
        check_number(signalnum)?;
        let action = match int::to_i64(&handler) {
            Some(0) => libc::SIG_DFL,
            Some(1) => libc::SIG_IGN,
            _ if handler.class().slots().call.is_some() => on_signal as extern "C" fn(libc::c_int) as usize,
            _ => {
                return Err(raise!(
                    TypeError,
                    "signal handler must be signal.SIG_IGN, signal.SIG_DFL, or a callable object"
                ));
            }
        };
        check_signals()?;
        if !install(signalnum, action) {
            return Err(pyrs_runtime::errors::raise_io(&std::io::Error::last_os_error(), None));
        }
        Ok(set_handler(signalnum, handler))
    }

    /// Return the current action for the given signal.
    #[pyfunction]
    fn getsignal(signalnum: i32) -> PyResult<Obj> {
        check_number(signalnum)?;
        Ok(handler(signalnum))
    }

    /// Send a signal to the executing process.
    #[pyfunction]
    fn raise_signal(signalnum: i32) -> PyResult<()> {
        // SAFETY: plain call.
        if unsafe { libc::raise(signalnum) } != 0 {
            return Err(pyrs_runtime::errors::raise_io(&std::io::Error::last_os_error(), None));
        }
        check_signals()
    }

    /// The default handler for SIGINT installed by Python.
    ///
    /// It raises KeyboardInterrupt.
    #[pyfunction]
    fn default_int_handler(_signalnum: &Obj, _frame: &Obj) -> PyResult<()> {
        Err(pyrs_runtime::errors::raise_without_arguments(exceptions::KeyboardInterrupt::class()))
    }

    /// Arrange for SIGALRM to arrive after the given number of seconds.
    #[pyfunction]
    fn alarm(seconds: u32) -> u32 {
        // SAFETY: plain call.
        unsafe { libc::alarm(seconds) }
    }

    /// Wait until a signal arrives.
    #[pyfunction]
    fn pause() -> PyResult<()> {
        check_signals()?;
        thread::allow_threads(|| {
            // SAFETY: plain call.
            unsafe { libc::pause() }
        });
        check_signals()
    }

    /// Return the system description of the given signal.
    #[pyfunction]
    fn strsignal(signalnum: i32) -> PyResult<Option<String>> {
        check_number(signalnum)?;
        // SAFETY: the text is copied before the next call.
        let text = unsafe { libc::strsignal(signalnum) };
        if text.is_null() {
            return Ok(None);
        }
        // SAFETY: NUL-terminated.
        let text = unsafe { std::ffi::CStr::from_ptr(text) }.to_string_lossy().into_owned();
        Ok(Some(text).filter(|t| !t.starts_with("Unknown signal")))
    }

    /// Sets the fd to be written to (with the signal number) when a signal comes in.
    #[pyfunction(sig = "(fd, /, *, warn_on_full_buffer=True)")]
    fn set_wakeup_fd(fd: i32, warn_on_full_buffer: bool) -> PyResult<i32> {
        if thread::current().id != runtime().main_thread.get() {
            return Err(raise!(ValueError, "set_wakeup_fd only works in main thread of the main interpreter"));
        }
        if fd != -1 {
            // SAFETY: plain queries.
            let (exists, flags) = unsafe { (libc::fcntl(fd, libc::F_GETFD), libc::fcntl(fd, libc::F_GETFL)) };
            if exists < 0 {
                return Err(crate::os::support::os_error());
            }
            if flags & libc::O_NONBLOCK == 0 {
                return Err(raise!(ValueError, "the fd {fd} must be in non-blocking mode"));
            }
        }
        WARN_ON_FULL.store(warn_on_full_buffer, Ordering::Relaxed);
        Ok(WAKEUP.swap(fd, Ordering::Relaxed))
    }

    /// Whether a signal interrupts system calls (the default), or they are started again.
    #[pyfunction]
    fn siginterrupt(signalnum: i32, flag: bool) -> PyResult<()> {
        check_number(signalnum)?;
        // SAFETY: the present action, with one flag changed.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            check(libc::sigaction(signalnum, std::ptr::null(), &mut action) as i64)?;
            if flag {
                action.sa_flags &= !libc::SA_RESTART;
            } else {
                action.sa_flags |= libc::SA_RESTART;
            }
            check(libc::sigaction(signalnum, &action, std::ptr::null_mut()) as i64).map(drop)
        }
    }

    fn timer_error_class() -> PyResult<Obj> {
        match runtime().registered("signal.ItimerError") {
            Some(class) => Ok(class),
            None => {
                let class = crate::exception_class("signal", "ItimerError", exceptions::OSError::class())?;
                runtime().register("signal.ItimerError", class.clone());
                Ok(class)
            }
        }
    }

    fn timer_error() -> pyrs_runtime::Raised {
        let errno = std::io::Error::last_os_error().raw_os_error().unwrap_or(0);
        // SAFETY: strerror gives a NUL-terminated text that is read at once.
        let text = crate::os::support::text_of(unsafe { std::ffi::CStr::from_ptr(libc::strerror(errno)) });
        match timer_error_class() {
            Ok(class) => {
                let class = pyrs_runtime::types::as_type(&class).expect("a class");
                pyrs_runtime::errors::raise_class(class, &[int::new(errno as i64), text])
            }
            Err(raised) => raised,
        }
    }

    fn timer_pair(value: &libc::itimerval) -> Obj {
        let seconds = |t: &libc::timeval| float::new(t.tv_sec as f64 + t.tv_usec as f64 / 1e6);
        Tuple::from_vec(vec![seconds(&value.it_value), seconds(&value.it_interval)]).into()
    }

    /// Sets given itimer (one of ITIMER_REAL, ITIMER_VIRTUAL or ITIMER_PROF).
    #[pyfunction(sig = "(which, seconds, interval=0.0, /)")]
    fn setitimer(which: i32, seconds: &Obj, interval: Option<&Obj>) -> PyResult<Obj> {
        let time = |t: Option<&Obj>| -> PyResult<libc::timeval> {
            let ns = t.map_or(Ok(0), |t| nanoseconds(t, Rounding::Ceiling))?;
            let micros = ns.div_euclid(1000) + i64::from(ns.rem_euclid(1000) != 0);
            Ok(libc::timeval { tv_sec: micros.div_euclid(1_000_000), tv_usec: micros.rem_euclid(1_000_000) })
        };
        let new = libc::itimerval { it_value: time(Some(seconds))?, it_interval: time(interval)? };
        // SAFETY: two valid structures.
        unsafe {
            let mut old: libc::itimerval = std::mem::zeroed();
            if libc::setitimer(which as _, &new, &mut old) != 0 {
                return Err(timer_error());
            }
            Ok(timer_pair(&old))
        }
    }

    /// Returns current value of given itimer.
    #[pyfunction]
    fn getitimer(which: i32) -> PyResult<Obj> {
        // SAFETY: a valid structure.
        unsafe {
            let mut value: libc::itimerval = std::mem::zeroed();
            if libc::getitimer(which as _, &mut value) != 0 {
                return Err(timer_error());
            }
            Ok(timer_pair(&value))
        }
    }

    fn signal_set(mask: &libc::sigset_t) -> PyResult<Obj> {
        // SAFETY: the mask is initialised.
        let members = (1..COUNT as i32).filter(|&n| unsafe { libc::sigismember(mask, n) } == 1);
        set::set_from(members.map(|n| int::new(n as i64)))
    }

    /// A set of signals from an iterable of their numbers.
    fn mask_argument(mask: &Obj) -> PyResult<libc::sigset_t> {
        // SAFETY: a valid set.
        let mut set = unsafe {
            let mut set: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&mut set);
            set
        };
        iter::for_each(mask, |item| {
            let index = number::index(&item)?;
            let known = int::to_i64(&index).filter(|n| (1..COUNT as i64).contains(n));
            let Some(n) = known else {
                let shown = pyrs_runtime::protocols::text::repr_text(&index)?;
                return Err(raise!(ValueError, "signal number {shown} out of range [1; 64]"));
            };
            // SAFETY: a valid set and signal. The C library refuses those that it keeps for itself.
            if unsafe { libc::sigaddset(&mut set, n as i32) } != 0 && set_is_reserved(n) {
                let warning = exceptions::RuntimeWarning::class();
                let text = format!("invalid signal number {n}, please use valid_signals()");
                (pyrs_runtime::hooks::hooks().warn)(warning, &text, 1)?;
            }
            Ok(())
        })?;
        Ok(set)
    }

    /// Signals of the C library itself.
    fn set_is_reserved(n: i64) -> bool {
        (32..34).contains(&n)
    }

    /// Fetch and/or change the signal mask of the calling thread.
    #[pyfunction]
    fn pthread_sigmask(how: i32, mask: &Obj) -> PyResult<Obj> {
        let new = mask_argument(mask)?;
        // SAFETY: all-zero is a valid set.
        let mut old: libc::sigset_t = unsafe { std::mem::zeroed() };
        // SAFETY: both sets are valid.
        let errno = unsafe { libc::pthread_sigmask(how, &new, &mut old) };
        if errno != 0 {
            return Err(pyrs_runtime::errors::raise_errno(errno, None));
        }
        check_signals()?;
        signal_set(&old)
    }

    /// The signals that have arrived and are blocked.
    #[pyfunction]
    fn sigpending() -> PyResult<Obj> {
        // SAFETY: all-zero is a valid set, which the call fills.
        let set = unsafe {
            let mut set: libc::sigset_t = std::mem::zeroed();
            check(libc::sigpending(&mut set) as i64)?;
            set
        };
        signal_set(&set)
    }

    /// Wait for one of several signals; its number.
    #[pyfunction]
    fn sigwait(sigset: &Obj) -> PyResult<i32> {
        let set = mask_argument(sigset)?;
        let mut signum = 0;
        // SAFETY: a valid set and room for the number.
        let errno = thread::allow_threads(|| unsafe { libc::sigwait(&set, &mut signum) });
        if errno != 0 {
            return Err(pyrs_runtime::errors::raise_errno(errno, None));
        }
        Ok(signum)
    }

    fn siginfo_class() -> PyResult<Obj> {
        let fields = ["si_signo", "si_code", "si_errno", "si_pid", "si_uid", "si_status", "si_band"];
        crate::struct_sequence::class("signal", "struct_siginfo", &fields, 7)
    }

    /// What came with a signal, by number so that it can leave the code without the GIL.
    fn siginfo(info: &libc::siginfo_t) -> [i64; 7] {
        // SAFETY: the fields of a kind that the signal may not have are read as plain numbers.
        unsafe {
            let band = std::ptr::from_ref(info).cast::<u8>().add(16).cast::<i64>().read_unaligned();
            [
                info.si_signo as i64,
                info.si_code as i64,
                info.si_errno as i64,
                info.si_pid() as i64,
                info.si_uid() as i64,
                info.si_status() as i64,
                band,
            ]
        }
    }

    /// Wait for one of several signals; what came with it.
    #[pyfunction]
    fn sigwaitinfo(sigset: &Obj) -> PyResult<Obj> {
        let set = mask_argument(sigset)?;
        let mut found = [0; 7];
        retry(|| {
            // SAFETY: a valid set and structure.
            unsafe {
                let mut info: libc::siginfo_t = std::mem::zeroed();
                let result = outcome(libc::sigwaitinfo(&set, &mut info) as i64)?;
                found = siginfo(&info);
                Ok(result)
            }
        })?;
        crate::struct_sequence::instance(&siginfo_class()?, found.map(int::new).to_vec())
    }

    /// Wait for one of several signals, a time in seconds at most; None if none came.
    #[pyfunction]
    fn sigtimedwait(sigset: &Obj, timeout: &Obj) -> PyResult<Obj> {
        let ns = nanoseconds(timeout, Rounding::Ceiling)?;
        if ns < 0 {
            return Err(raise!(ValueError, "timeout must be non-negative"));
        }
        let (set, deadline) = (mask_argument(sigset)?, Deadline::after(ns));
        loop {
            let left = deadline.left().unwrap_or_default();
            let time = libc::timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos() as i64 };
            let result = thread::allow_threads(|| {
                // SAFETY: a valid set, structure and time.
                unsafe {
                    let mut info: libc::siginfo_t = std::mem::zeroed();
                    outcome(libc::sigtimedwait(&set, &mut info, &time) as i64).map(|_| siginfo(&info))
                }
            });
            match result {
                Ok(found) => {
                    return crate::struct_sequence::instance(&siginfo_class()?, found.map(int::new).to_vec());
                }
                Err(e) if e.raw_os_error() == Some(libc::EAGAIN) => return Ok(none()),
                Err(e) if e.raw_os_error() == Some(libc::EINTR) => check_signals()?,
                Err(e) => return Err(pyrs_runtime::errors::raise_io(&e, None)),
            }
        }
    }

    /// Send a signal to a thread of this process.
    #[pyfunction]
    fn pthread_kill(thread_id: u64, signalnum: i32) -> PyResult<()> {
        // SAFETY: the caller names a thread that lives.
        let errno = unsafe { libc::pthread_kill(thread_id as libc::pthread_t, signalnum) };
        if errno != 0 {
            return Err(pyrs_runtime::errors::raise_errno(errno, None));
        }
        check_signals()
    }

    /// Send a signal to the process of a descriptor.
    #[pyfunction(sig = "(pidfd, signalnum, siginfo=None, flags=0, /)")]
    fn pidfd_send_signal(pidfd: i32, signalnum: i32, siginfo: Option<&Obj>, flags: i32) -> PyResult<()> {
        if siginfo.is_some() {
            return Err(raise!(TypeError, "siginfo must be None"));
        }
        let null = std::ptr::null_mut::<libc::siginfo_t>();
        // SAFETY: plain call.
        check(unsafe { libc::syscall(libc::SYS_pidfd_send_signal, pidfd, signalnum, null, flags) })?;
        check_signals()
    }

    /// Return a set with all valid signal numbers on this platform.
    #[pyfunction]
    fn valid_signals() -> PyResult<Obj> {
        set::set_from((1..COUNT as i64).filter(|n| !(32..34).contains(n)).map(int::new))
    }

    #[module_exec]
    fn exec(module: &Object<Module>) -> PyResult<()> {
        for (name, value) in [
            ("SIGHUP", libc::SIGHUP),
            ("SIGINT", libc::SIGINT),
            ("SIGQUIT", libc::SIGQUIT),
            ("SIGILL", libc::SIGILL),
            ("SIGTRAP", libc::SIGTRAP),
            ("SIGABRT", libc::SIGABRT),
            ("SIGIOT", libc::SIGABRT),
            ("SIGBUS", libc::SIGBUS),
            ("SIGFPE", libc::SIGFPE),
            ("SIGKILL", libc::SIGKILL),
            ("SIGUSR1", libc::SIGUSR1),
            ("SIGSEGV", libc::SIGSEGV),
            ("SIGUSR2", libc::SIGUSR2),
            ("SIGPIPE", libc::SIGPIPE),
            ("SIGALRM", libc::SIGALRM),
            ("SIGTERM", libc::SIGTERM),
            ("SIGSTKFLT", libc::SIGSTKFLT),
            ("SIGCHLD", libc::SIGCHLD),
            ("SIGCLD", libc::SIGCHLD),
            ("SIGCONT", libc::SIGCONT),
            ("SIGSTOP", libc::SIGSTOP),
            ("SIGTSTP", libc::SIGTSTP),
            ("SIGTTIN", libc::SIGTTIN),
            ("SIGTTOU", libc::SIGTTOU),
            ("SIGURG", libc::SIGURG),
            ("SIGXCPU", libc::SIGXCPU),
            ("SIGXFSZ", libc::SIGXFSZ),
            ("SIGVTALRM", libc::SIGVTALRM),
            ("SIGPROF", libc::SIGPROF),
            ("SIGWINCH", libc::SIGWINCH),
            ("SIGIO", libc::SIGIO),
            ("SIGPOLL", libc::SIGIO),
            ("SIGPWR", libc::SIGPWR),
            ("SIGSYS", libc::SIGSYS),
            ("SIG_DFL", 0),
            ("SIG_IGN", 1),
            ("SIG_BLOCK", libc::SIG_BLOCK),
            ("SIG_UNBLOCK", libc::SIG_UNBLOCK),
            ("SIG_SETMASK", libc::SIG_SETMASK),
            ("ITIMER_REAL", 0),
            ("ITIMER_VIRTUAL", 1),
            ("ITIMER_PROF", 2),
            ("NSIG", COUNT as i32),
            ("SIGRTMIN", 34),
            ("SIGRTMAX", 64),
        ] {
            module.add(name, int::new(value as i64));
        }
        module.add("ItimerError", timer_error_class()?);
        module.add("struct_siginfo", siginfo_class()?);
        for signum in 1..COUNT as i32 {
            // SAFETY: only reads the present action.
            let action = unsafe {
                let mut now: libc::sigaction = std::mem::zeroed();
                libc::sigaction(signum, std::ptr::null(), &mut now);
                now.sa_sigaction
            };
            match action {
                libc::SIG_DFL => drop(set_handler(signum, int::new(0))),
                libc::SIG_IGN => drop(set_handler(signum, int::new(1))),
                _ => {}
            }
        }
        if handler(libc::SIGINT).value() == int::new(0).value() {
            let default = module.get("default_int_handler").expect("defined above");
            if install(libc::SIGINT, on_signal as extern "C" fn(libc::c_int) as usize) {
                set_handler(libc::SIGINT, default);
            }
        }
        for ignored in [libc::SIGPIPE, libc::SIGXFSZ] {
            install(ignored, libc::SIG_IGN);
            set_handler(ignored, int::new(1));
        }
        Ok(())
    }
}
