//! `faulthandler`: tracebacks when the process crashes or hangs.
//!
//! The writers below run in signal handlers and in a watchdog thread: they allocate nothing, take no
//! lock for which they would have to wait, and read frames that may be changing under them.

use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use pyrs_interp::frame::{self, Frame};
use pyrs_macros::pymodule;
use pyrs_runtime::object::Obj;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::thread::{self, Thread};

/// Deeper stacks are cut.
const MAX_FRAMES: usize = 100;
const MAX_THREADS: usize = 100;
const MAX_TEXT: usize = 500;

/// A small buffer in front of a descriptor.
struct Writer {
    fd: i32,
    buffer: [u8; 256],
    length: usize,
}

impl Writer {
    fn new(fd: i32) -> Writer {
        Writer { fd, buffer: [0; 256], length: 0 }
    }

    fn flush(&mut self) {
        let mut at = 0;
        while at < self.length {
            // SAFETY: the filled part of the buffer.
            let n = unsafe { libc::write(self.fd, self.buffer[at..].as_ptr().cast(), self.length - at) };
            if n <= 0 {
                break;
            }
            at += n as usize;
        }
        self.length = 0;
    }

    fn put(&mut self, bytes: &[u8]) -> &mut Writer {
        for b in bytes {
            if self.length == self.buffer.len() {
                self.flush();
            }
            self.buffer[self.length] = *b;
            self.length += 1;
        }
        self
    }

    fn decimal(&mut self, mut n: u64) -> &mut Writer {
        let (mut digits, mut at) = ([0u8; 20], 20);
        loop {
            at -= 1;
            digits[at] = b'0' + (n % 10) as u8;
            n /= 10;
            if n == 0 {
                return self.put(&digits[at..]);
            }
        }
    }

    fn hex(&mut self, n: u64, width: u32) -> &mut Writer {
        for shift in (0..width).rev() {
            self.put(&[b"0123456789abcdef"[(n >> (shift * 4) & 15) as usize]]);
        }
        self
    }

    /// A text with what is not printable ASCII escaped.
    fn text(&mut self, text: &Str) -> &mut Writer {
        for c in text.code_points().take(MAX_TEXT) {
            match c {
                0x20..0x7f => self.put(&[c as u8]),
                0..0x100 => self.put(b"\\x").hex(c as u64, 2),
                0x100..0x10000 => self.put(b"\\u").hex(c as u64, 4),
                _ => self.put(b"\\U").hex(c as u64, 8),
            };
        }
        if text.len() > MAX_TEXT { self.put(b"...") } else { self }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.flush();
    }
}

/// The frames of a thread, innermost first.
fn write_frames(out: &mut Writer, state: *mut Thread) {
    // SAFETY: the state is alive; its frames may be changing, which is the risk of a crash report.
    unsafe {
        let mut at: *mut Frame = frame::current(&*state);
        if at.is_null() {
            out.put(b"  <no Python frame>\n");
            return;
        }
        let mut count = 0;
        while !at.is_null() {
            if count == MAX_FRAMES {
                out.put(b"  ...\n");
                return;
            }
            let code = (*at).code();
            out.put(b"  File ");
            let filename = code.filename.peek();
            match (!filename.is_null()).then(|| filename.as_obj().downcast::<Str>()).flatten() {
                Some(name) => out.put(b"\"").text(name).put(b"\""),
                None => out.put(b"???"),
            };
            out.put(b", line ");
            match (*at).line() {
                Some(line) => out.decimal(line.max(0) as u64),
                None => out.put(b"???"),
            };
            out.put(b" in ").text(&code.name).put(b"\n");
            count += 1;
            at = frame::visible((*at).previous);
        }
    }
}

/// "Thread 0x… [name] (most recent call first):" and the frames.
fn write_thread(out: &mut Writer, state: *mut Thread, current: bool) {
    out.put(if current { b"Current thread 0x" } else { b"Thread 0x" });
    // SAFETY: the state is alive.
    let id = unsafe { (*state).id };
    out.hex(id, 16);
    let mut name = [0u8; 64];
    // SAFETY: the thread is alive as long as its state is; the buffer has the stated size.
    unsafe {
        if libc::pthread_getname_np(id as libc::pthread_t, name.as_mut_ptr().cast(), name.len()) == 0 && name[0] != 0 {
            let length = name.iter().position(|b| *b == 0).unwrap_or(name.len());
            out.put(b" [").put(&name[..length]).put(b"]");
        }
    }
    out.put(b" (most recent call first):\n");
    write_frames(out, state);
}

/// All threads, the current one marked.
fn write_all_threads(out: &mut Writer, current: *mut Thread) {
    let mut count = 0;
    thread::for_each_thread(|state| {
        if count > MAX_THREADS {
            return;
        }
        if count == MAX_THREADS {
            out.put(b"...\n");
        } else {
            if count > 0 {
                out.put(b"\n");
            }
            write_thread(out, state, state == current);
        }
        count += 1;
    });
}

/// The state of the calling native thread, holding the GIL or not.
fn own_state() -> *mut Thread {
    let current = thread::current_ptr();
    let me = thread::thread_ident();
    // SAFETY: the state of the thread that holds the GIL is alive.
    if !current.is_null() && unsafe { (*current).id } == me {
        return current;
    }
    let mut found = std::ptr::null_mut();
    thread::for_each_thread(|state| {
        // SAFETY: states in the list are alive.
        if unsafe { (*state).id } == me {
            found = state;
        }
    });
    found
}

fn write_report(out: &mut Writer, all_threads: bool) {
    let own = own_state();
    if all_threads {
        write_all_threads(out, own);
    } else if !own.is_null() {
        out.put(b"Stack (most recent call first):\n");
        write_frames(out, own);
    }
}

/// Ends the process for a fault of the runtime itself: what happened, and where the program was.
pub fn fatal_error(message: &str) -> ! {
    let mut out = Writer::new(2);
    out.put(b"Fatal Python error: ").put(message.as_bytes()).put(b"\nPython runtime state: ");
    let state: &[u8] = if thread::is_finalizing() { b"finalizing" } else { b"initialized" };
    out.put(state).put(b"\n\n");
    write_all_threads(&mut out, own_state());
    out.flush();
    // The report is there already: no handler has to write it again.
    restore_fatal();
    std::process::abort()
}

/// The fatal signals and what they are called.
const FATAL: [(i32, &str); 5] = [
    (libc::SIGBUS, "Bus error"),
    (libc::SIGILL, "Illegal instruction"),
    (libc::SIGFPE, "Floating-point exception"),
    (libc::SIGABRT, "Aborted"),
    (libc::SIGSEGV, "Segmentation fault"),
];

static FATAL_ENABLED: AtomicBool = AtomicBool::new(false);
static FATAL_FD: AtomicI32 = AtomicI32::new(2);
static FATAL_ALL: AtomicBool = AtomicBool::new(true);
/// The actions before `enable()`.
static PREVIOUS: Mutex<Vec<(i32, Action)>> = Mutex::new(Vec::new());

struct Action(libc::sigaction);
// SAFETY: plain data.
unsafe impl Send for Action {}

fn restore_fatal() {
    if let Ok(mut previous) = PREVIOUS.try_lock() {
        for (signum, action) in previous.drain(..) {
            // SAFETY: an action that was in force before.
            unsafe { libc::sigaction(signum, &action.0, std::ptr::null_mut()) };
        }
    }
    FATAL_ENABLED.store(false, Ordering::Relaxed);
}

extern "C" fn on_fatal(signum: libc::c_int) {
    if FATAL_ENABLED.load(Ordering::Relaxed) {
        restore_fatal();
        let mut out = Writer::new(FATAL_FD.load(Ordering::Relaxed));
        out.put(b"Fatal Python error: ");
        match FATAL.iter().find(|(n, _)| *n == signum) {
            Some((_, name)) => out.put(name.as_bytes()),
            None => out.put(b"signal ").decimal(signum as u64),
        };
        out.put(b"\n\n");
        let own = own_state();
        if FATAL_ALL.load(Ordering::Relaxed) {
            write_all_threads(&mut out, own);
        } else if !own.is_null() {
            out.put(b"Current thread 0x").hex(thread::thread_ident(), 16);
            out.put(b" (most recent call first):\n");
            write_frames(&mut out, own);
        }
    }
    raise_again(signum);
}

/// Lets a fatal signal do what it did before `enable()`; in the end it ends the process, even if a handler
/// only looks at the faulting address and leaves the rest to the next fault.
fn raise_again(signum: i32) {
    // SAFETY: the action in force is the previous one; then the default one, which ends the process.
    unsafe {
        libc::raise(signum);
        libc::signal(signum, libc::SIG_DFL);
        libc::raise(signum);
    }
}

/// Signals with a handler of `register()`.
struct User {
    enabled: AtomicBool,
    fd: AtomicI32,
    all: AtomicBool,
    chain: AtomicBool,
}

const SIGNALS: usize = 65;
static USERS: [User; SIGNALS] = [const {
    User {
        enabled: AtomicBool::new(false),
        fd: AtomicI32::new(2),
        all: AtomicBool::new(true),
        chain: AtomicBool::new(false),
    }
}; SIGNALS];
static USER_PREVIOUS: Mutex<Vec<(i32, Action)>> = Mutex::new(Vec::new());

extern "C" fn on_user(signum: libc::c_int) {
    let user = &USERS[signum as usize];
    if !user.enabled.load(Ordering::Relaxed) {
        return;
    }
    // SAFETY: the calling thread's errno, put back at the end.
    let errno = unsafe { *libc::__errno_location() };
    write_report(&mut Writer::new(user.fd.load(Ordering::Relaxed)), user.all.load(Ordering::Relaxed));
    if user.chain.load(Ordering::Relaxed) {
        chain(signum);
    }
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = errno };
}

/// Lets the previous handler have the signal too.
fn chain(signum: i32) {
    let Ok(previous) = USER_PREVIOUS.try_lock() else { return };
    let Some((_, action)) = previous.iter().find(|(n, _)| *n == signum) else { return };
    // SAFETY: an action that was in force before; ours comes back after it has run.
    unsafe {
        let mut ours: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signum, &action.0, &mut ours);
        libc::raise(signum);
        libc::sigaction(signum, &ours, std::ptr::null_mut());
    }
}

/// Puts a handler in place; the action that was in force.
fn install(signum: i32, handler: extern "C" fn(libc::c_int), flags: i32) -> Option<Action> {
    // SAFETY: a zeroed action with a valid handler.
    unsafe {
        let mut new: libc::sigaction = std::mem::zeroed();
        let mut old: libc::sigaction = std::mem::zeroed();
        new.sa_sigaction = handler as usize;
        new.sa_flags = flags;
        libc::sigemptyset(&mut new.sa_mask);
        (libc::sigaction(signum, &new, &mut old) == 0).then_some(Action(old))
    }
}

/// A stack of its own for the handlers of the calling thread, so that they can report an overflow.
fn use_signal_stack() {
    const SIZE: usize = 64 << 10;
    // SAFETY: the stack is never freed.
    unsafe {
        let mut old: libc::stack_t = std::mem::zeroed();
        if libc::sigaltstack(std::ptr::null(), &mut old) == 0
            && old.ss_flags & libc::SS_DISABLE == 0
            && old.ss_size >= SIZE
        {
            return;
        }
        let memory: &'static mut [u8] = Box::leak(vec![0u8; SIZE].into_boxed_slice());
        let stack = libc::stack_t { ss_sp: memory.as_mut_ptr().cast(), ss_flags: 0, ss_size: SIZE };
        libc::sigaltstack(&stack, std::ptr::null_mut());
    }
}

/// The watchdog of `dump_traceback_later`: a number that changes stops the thread that waits for it.
static WATCHDOG: Mutex<u64> = Mutex::new(0);
static CANCELLED: Condvar = Condvar::new();

fn cancel_watchdog() {
    *WATCHDOG.lock().expect("never poisoned") += 1;
    CANCELLED.notify_all();
}

fn watch(generation: u64, wait: Duration, repeat: bool, fd: i32, exit: bool, header: String) {
    loop {
        {
            let current = WATCHDOG.lock().expect("never poisoned");
            let (current, _) =
                CANCELLED.wait_timeout_while(current, wait, |g| *g == generation).expect("never poisoned");
            if *current != generation {
                return;
            }
        }
        {
            let mut out = Writer::new(fd);
            out.put(header.as_bytes());
            write_all_threads(&mut out, std::ptr::null_mut());
        }
        if exit {
            // SAFETY: what the caller asked for.
            unsafe { libc::_exit(1) };
        }
        if !repeat {
            return;
        }
    }
}

/// Dump the Python traceback when the process crashes, after a time, or on a signal.
#[pymodule(name = "faulthandler")]
pub mod faulthandler {
    use super::*;
    use pyrs_runtime::args::{FromArg, Maybe};
    use pyrs_runtime::call;
    use pyrs_runtime::errors::PyResult;
    use pyrs_runtime::objects::int;
    use pyrs_runtime::protocols::attr;
    use pyrs_runtime::raise;
    use pyrs_runtime::thread::runtime;

    use crate::os::support::{Rounding, nanoseconds, os_error};

    /// The descriptor of a file argument, and the object that keeps it open.
    fn file_descriptor(file: Option<&Obj>) -> PyResult<(i32, Option<Obj>)> {
        let file = match file {
            Some(file) if !file.is_none() => file.clone(),
            _ => match crate::core::sys_attribute("stderr") {
                None => return Err(raise!(RuntimeError, "unable to get sys.stderr")),
                Some(stderr) if stderr.is_none() => return Err(raise!(RuntimeError, "sys.stderr is None")),
                Some(stderr) => stderr,
            },
        };
        if int::is_int(&file) {
            if pyrs_runtime::objects::singletons::as_bool(&file).is_some() {
                let warning = <pyrs_runtime::objects::exceptions::RuntimeWarning as pyrs_runtime::PyClass>::class();
                (pyrs_runtime::hooks::hooks().warn)(warning, "bool is used as a file descriptor", 1)?;
            }
            let fd = i32::from_arg(&file)?;
            if fd < 0 {
                return Err(raise!(ValueError, "file is not a valid file descripter"));
            }
            return Ok((fd, None));
        }
        let number = call::call_method(&file, "fileno", &[])?;
        let fd = match int::to_i64(&number) {
            Some(fd) if (0..=i32::MAX as i64).contains(&fd) => fd as i32,
            _ => return Err(raise!(RuntimeError, "file.fileno() is not a valid file descriptor")),
        };
        if let Some(flush) = attr::getattr_optional(&file, pyrs_runtime::name!("flush"))?
            && let Err(raised) = call::call(&flush, &[])
        {
            raised.discard();
        }
        Ok((fd, Some(file)))
    }

    /// Keeps the file of a feature open.
    fn keep(key: &'static str, file: Option<Obj>) {
        runtime().register(key, file.unwrap_or_else(pyrs_runtime::objects::singletons::none));
    }

    /// Write the traceback of the calling thread, or of all threads, to a file.
    #[pyfunction(sig = "(file=sys.stderr, all_threads=True)")]
    fn dump_traceback(file: Maybe<&Obj>, all_threads: bool) -> PyResult<()> {
        let (fd, _file) = file_descriptor(file.0)?;
        write_report(&mut Writer::new(fd), all_threads);
        Ok(())
    }

    /// Write the native stack of the calling thread to a file.
    #[pyfunction(sig = "(file=sys.stderr)")]
    fn dump_c_stack(file: Maybe<&Obj>) -> PyResult<()> {
        let (fd, _file) = file_descriptor(file.0)?;
        Writer::new(fd)
            .put(b"Current thread's C stack trace (most recent call first):\n")
            .put(b"  <cannot get C stack on this system>\n");
        Ok(())
    }

    /// Write a traceback when the process crashes.
    #[pyfunction(sig = "(file=sys.stderr, all_threads=True)")]
    fn enable(file: Maybe<&Obj>, all_threads: bool) -> PyResult<()> {
        let (fd, file) = file_descriptor(file.0)?;
        keep("faulthandler.fatal", file);
        FATAL_FD.store(fd, Ordering::Relaxed);
        FATAL_ALL.store(all_threads, Ordering::Relaxed);
        if FATAL_ENABLED.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        use_signal_stack();
        let mut previous = PREVIOUS.lock().expect("never poisoned");
        for (signum, _) in FATAL {
            match install(signum, on_fatal, libc::SA_NODEFER | libc::SA_ONSTACK) {
                Some(old) => previous.push((signum, old)),
                None => return Err(os_error()),
            }
        }
        Ok(())
    }

    /// Undo enable(); whether it was in force.
    #[pyfunction]
    fn disable() -> bool {
        let was = FATAL_ENABLED.load(Ordering::Relaxed);
        if was {
            restore_fatal();
            keep("faulthandler.fatal", None);
        }
        was
    }

    /// Whether enable() is in force.
    #[pyfunction]
    fn is_enabled() -> bool {
        FATAL_ENABLED.load(Ordering::Relaxed)
    }

    /// Write the tracebacks of all threads after a time in seconds, and again and again if asked for.
    #[pyfunction(sig = "(timeout, repeat=False, file=sys.stderr, exit=False)")]
    fn dump_traceback_later(timeout: &Obj, repeat: bool, file: Maybe<&Obj>, exit: bool) -> PyResult<()> {
        let ns = nanoseconds(timeout, Rounding::AwayFromZero)?;
        let micros = (ns + if ns > 0 { 999 } else { 0 }) / 1000;
        if micros <= 0 {
            return Err(raise!(ValueError, "timeout must be greater than 0"));
        }
        let (fd, file) = file_descriptor(file.0)?;
        let (seconds, rest) = (micros / 1_000_000, micros % 1_000_000);
        let mut header = format!("Timeout ({}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
        if rest != 0 {
            header.push_str(&format!(".{rest:06}"));
        }
        header.push_str(")!\n");
        keep("faulthandler.later", file);
        cancel_watchdog();
        let generation = *WATCHDOG.lock().expect("never poisoned");
        let wait = Duration::from_micros(micros as u64);
        let spawned = std::thread::Builder::new().spawn(move || {
            // Signals are for the threads that run Python code.
            // SAFETY: valid sets.
            unsafe {
                let mut all: libc::sigset_t = std::mem::zeroed();
                libc::sigfillset(&mut all);
                libc::pthread_sigmask(libc::SIG_SETMASK, &all, std::ptr::null_mut());
            }
            watch(generation, wait, repeat, fd, exit, header);
        });
        match spawned {
            Ok(_) => Ok(()),
            Err(_) => Err(raise!(RuntimeError, "unable to start watchdog thread")),
        }
    }

    /// Undo dump_traceback_later().
    #[pyfunction]
    fn cancel_dump_traceback_later() {
        cancel_watchdog();
        keep("faulthandler.later", None);
    }

    fn check_signal(signum: i32) -> PyResult<()> {
        if FATAL.iter().any(|(n, _)| *n == signum) {
            return Err(raise!(RuntimeError, "signal {signum} cannot be registered, use enable() instead"));
        }
        if !(1..SIGNALS as i32).contains(&signum) {
            return Err(raise!(ValueError, "signal number out of range"));
        }
        Ok(())
    }

    /// Write the tracebacks of all threads, or of the running one, when a signal arrives; with chain,
    /// the previous handler gets it too.
    #[pyfunction(sig = "(signum, file=sys.stderr, all_threads=True, chain=False)")]
    fn register(signum: i32, file: Maybe<&Obj>, all_threads: bool, chain: bool) -> PyResult<()> {
        check_signal(signum)?;
        let (fd, file) = file_descriptor(file.0)?;
        let user = &USERS[signum as usize];
        user.fd.store(fd, Ordering::Relaxed);
        user.all.store(all_threads, Ordering::Relaxed);
        user.chain.store(chain, Ordering::Relaxed);
        if let Some(file) = file {
            let files = runtime().registered("faulthandler.users").filter(|f| !f.is_none());
            let files = files.unwrap_or_else(|| pyrs_runtime::objects::dict::Dict::new().into());
            pyrs_runtime::protocols::sequence::setitem(&files, &int::new(signum as i64), &file)?;
            runtime().register("faulthandler.users", files);
        }
        if user.enabled.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        use_signal_stack();
        let flags = if chain { libc::SA_NODEFER } else { libc::SA_RESTART } | libc::SA_ONSTACK;
        match install(signum, on_user, flags) {
            Some(old) => {
                USER_PREVIOUS.lock().expect("never poisoned").push((signum, old));
                Ok(())
            }
            None => {
                user.enabled.store(false, Ordering::Relaxed);
                Err(os_error())
            }
        }
    }

    /// Undo register(); whether the signal was registered.
    #[pyfunction]
    fn unregister(signum: i32) -> PyResult<bool> {
        check_signal(signum)?;
        if !USERS[signum as usize].enabled.swap(false, Ordering::Relaxed) {
            return Ok(false);
        }
        let mut previous = USER_PREVIOUS.lock().expect("never poisoned");
        if let Some(at) = previous.iter().position(|(n, _)| *n == signum) {
            let (_, action) = previous.remove(at);
            // SAFETY: an action that was in force before.
            unsafe { libc::sigaction(signum, &action.0, std::ptr::null_mut()) };
        }
        Ok(true)
    }

    /// Leaves no core file behind.
    fn no_core_dump() {
        let limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: a valid structure.
        unsafe { libc::setrlimit(libc::RLIMIT_CORE, &limit) };
    }

    fn crash(signum: i32) {
        no_core_dump();
        raise_again(signum);
    }

    /// Crash, for tests: as reading from the null pointer does.
    #[pyfunction]
    fn _read_null() {
        crash(libc::SIGSEGV);
    }

    /// Crash, for tests: a segmentation fault.
    #[pyfunction(sig = "(release_gil=False, /)")]
    fn _sigsegv(release_gil: bool) {
        if release_gil {
            thread::set_threaded();
            thread::allow_threads(|| crash(libc::SIGSEGV));
        } else {
            crash(libc::SIGSEGV);
        }
    }

    /// Crash, for tests: a floating-point exception.
    #[pyfunction]
    fn _sigfpe() {
        crash(libc::SIGFPE);
    }

    /// Crash, for tests: abort().
    #[pyfunction]
    fn _sigabrt() {
        no_core_dump();
        // SAFETY: what the caller asked for.
        unsafe { libc::abort() };
    }

    /// Crash, for tests: use up the native stack.
    #[pyfunction]
    fn _stack_overflow() -> usize {
        no_core_dump();
        fn deeper(n: usize) -> usize {
            let block = std::hint::black_box([n as u8; 4096]);
            if n == usize::MAX { 0 } else { deeper(n + 1) + block[n % 4096] as usize }
        }
        deeper(0)
    }
}
