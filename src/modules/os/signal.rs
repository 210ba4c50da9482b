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
        // SAFETY: one byte from a local; errors cannot be reported from here.
        unsafe {
            let errno = *libc::__errno_location();
            libc::write(fd, (&raw const byte).cast(), 1);
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
    use pyrs_runtime::protocols::iter;

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
        let _ = warn_on_full_buffer;
        if thread::current().id != runtime().main_thread.get() {
            return Err(raise!(ValueError, "set_wakeup_fd only works in main thread of the main interpreter"));
        }
        Ok(WAKEUP.swap(fd, Ordering::Relaxed))
    }

    /// Change system call restart behaviour.
    #[pyfunction]
    fn siginterrupt(signalnum: i32, _flag: bool) -> PyResult<()> {
        check_number(signalnum)
    }

    fn timer_pair(value: &libc::itimerval) -> Obj {
        let seconds = |t: &libc::timeval| float::new(t.tv_sec as f64 + t.tv_usec as f64 / 1e6);
        Tuple::from_vec(vec![seconds(&value.it_value), seconds(&value.it_interval)]).into()
    }

    /// Sets given itimer (one of ITIMER_REAL, ITIMER_VIRTUAL or ITIMER_PROF).
    #[pyfunction(sig = "(which, seconds, interval=0.0, /)")]
    fn setitimer(which: i32, seconds: f64, interval: f64) -> PyResult<Obj> {
        let time = |t: f64| libc::timeval { tv_sec: t as i64, tv_usec: ((t - t.trunc()) * 1e6) as i64 };
        let new = libc::itimerval { it_interval: time(interval), it_value: time(seconds) };
        // SAFETY: two valid structures.
        unsafe {
            let mut old: libc::itimerval = std::mem::zeroed();
            if libc::setitimer(which as _, &new, &mut old) != 0 {
                return Err(pyrs_runtime::errors::raise_io(&std::io::Error::last_os_error(), None));
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
                return Err(pyrs_runtime::errors::raise_io(&std::io::Error::last_os_error(), None));
            }
            Ok(timer_pair(&value))
        }
    }

    fn signal_set(mask: &libc::sigset_t) -> PyResult<Obj> {
        // SAFETY: the mask is initialised.
        let members = (1..COUNT as i32).filter(|&n| unsafe { libc::sigismember(mask, n) } == 1);
        set::set_from(members.map(|n| int::new(n as i64)).collect())
    }

    /// Fetch and/or change the signal mask of the calling thread.
    #[pyfunction]
    fn pthread_sigmask(how: i32, mask: &Obj) -> PyResult<Obj> {
        // SAFETY: both masks are initialised before use.
        unsafe {
            let mut new: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&mut new);
            for item in iter::collect(mask)? {
                libc::sigaddset(&mut new, int::to_i64(&item).unwrap_or(0) as i32);
            }
            let mut old: libc::sigset_t = std::mem::zeroed();
            let errno = libc::pthread_sigmask(how, &new, &mut old);
            if errno != 0 {
                return Err(pyrs_runtime::errors::raise_errno(errno, None));
            }
            check_signals()?;
            signal_set(&old)
        }
    }

    /// Return a set with all valid signal numbers on this platform.
    #[pyfunction]
    fn valid_signals() -> PyResult<Obj> {
        set::set_from((1..COUNT as i64).filter(|n| !(32..34).contains(n)).map(int::new).collect())
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
        module.add("ItimerError", exceptions::OSError::class().to_obj());
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
        install(libc::SIGPIPE, libc::SIG_IGN);
        set_handler(libc::SIGPIPE, int::new(1));
        Ok(())
    }
}
