//! Threads and the runtime they share.
//!
//! One thread at a time holds the GIL and is "current"; its state is found through a global pointer
//! that changes hands with the GIL. [`allow_threads`] releases the GIL around a blocking call.

use std::cell::{Cell, RefCell, UnsafeCell};
use std::collections::{HashMap, HashSet};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering};

use crate::object::{DataCell, Header, Obj, ObjCell};
use crate::value::Value;

/// State of one Python thread.
#[repr(C)]
pub struct Thread {
    /// The innermost frame (a type of the interpreter).
    pub frame: Cell<*mut u8>,
    /// First free word of the data stack, and its end.
    pub stack_top: Cell<*mut Value>,
    pub stack_limit: Cell<*mut Value>,
    /// Where the first frame of the present chunk of the data stack is.
    pub stack_base: Cell<*mut Value>,
    /// The pending exception, owned; `NULL` = none.
    exception: Cell<Value>,
    /// The exceptions being handled, innermost first.
    pub exc_info: Cell<*mut ExcInfo>,
    base_exc_info: ExcInfo,
    /// Python-to-Python call depth left before RecursionError.
    pub recursion_remaining: Cell<i32>,
    /// The same while the interpreter is closed (see [`crate::native_only`]).
    pub calls_while_closed: Cell<i32>,
    /// Address below which native recursion must stop.
    pub native_stack_limit: Cell<usize>,
    pub id: u64,
    pub context: ObjCell,
    pub async_gen_firstiter: ObjCell,
    pub async_gen_finalizer: ObjCell,
    pub coroutine_origin_depth: Cell<i32>,
    /// Objects whose repr is being computed.
    pub repr_active: RefCell<Vec<u64>>,
    pub trace_function: ObjCell,
    pub profile_function: ObjCell,
    /// An exception that another thread wants raised here.
    pub async_exception: ObjCell,
    /// Per-thread dictionary of `_thread._local` and the like.
    pub locals: ObjCell,
    /// Threads of C stack chunks owned by the interpreter.
    pub chunks: RefCell<Vec<Vec<Value>>>,
    /// Compiled code's first free word of the data stack, after the runtime has changed it.
    pub jit_top: Cell<*mut Value>,
}

/// One entry of the stack of handled exceptions; generators have their own.
pub struct ExcInfo {
    /// Owned exception, None or `NULL`.
    pub value: Cell<Value>,
    pub previous: Cell<*mut ExcInfo>,
}

impl ExcInfo {
    pub const fn new() -> ExcInfo {
        ExcInfo { value: Cell::new(Value::NULL), previous: Cell::new(ptr::null_mut()) }
    }
}

impl Default for ExcInfo {
    fn default() -> Self {
        Self::new()
    }
}

/// Reasons for compiled and interpreted code to leave the fast path.
pub mod breaker {
    pub const SIGNAL: u32 = 1;
    pub const GIL_DROP: u32 = 2;
    pub const GC: u32 = 4;
    pub const PENDING_CALL: u32 = 8;
    pub const ASYNC_EXC: u32 = 16;
    pub const EXIT: u32 = 32;
    /// Some tool of `sys.monitoring` wants events: code is rewritten where it is entered. Stays set.
    pub const MONITORING: u32 = 64;
}

/// Checked on every back edge and function entry.
pub static EVAL_BREAKER: AtomicU32 = AtomicU32::new(0);

static CURRENT: AtomicPtr<Thread> = AtomicPtr::new(ptr::null_mut());

/// What all threads share.
pub struct Runtime {
    finalized: RefCell<HashSet<usize, foldhash::fast::FixedState>>,
    /// When instances with a `__del__` were born: finalisers of one cycle run in this order.
    births: RefCell<HashMap<usize, u64, foldhash::fast::FixedState>>,
    next_birth: Cell<u64>,
    /// By generation: collections, objects collected, objects that could not be.
    pub gc_stats: Cell<[[u64; 3]; 3]>,
    pub collecting: Cell<bool>,
    pub gc_enabled: Cell<bool>,
    pub gc_save_all: Cell<bool>,
    /// The flags of `gc.set_debug`.
    pub gc_debug: Cell<i64>,
    pub gc_garbage: DataCell<Vec<Obj>>,
    pub gc_generation_counts: Cell<[u32; 3]>,
    pub recursion_limit: Cell<i32>,
    pub int_max_str_digits: Cell<usize>,
    /// `-b`: bytes that are compared with text, or shown as text, are worth a warning.
    pub bytes_warning: Cell<bool>,
    pub hash_key: Cell<(u64, u64)>,
    pub modules: ObjCell,
    pub builtins: ObjCell,
    pub sys_dict: ObjCell,
    /// The built-in `all` and `any`: calls of them with a generator are compiled as loops, whatever becomes of the names.
    pub all: ObjCell,
    pub any: ObjCell,
    pub main_thread: Cell<u64>,
    /// Named objects that native parts keep for the life of the process.
    pub registry: RefCell<HashMap<&'static str, Obj>>,
    pub finalizing: Cell<bool>,
}

struct RuntimeCell(UnsafeCell<Option<Runtime>>);
// SAFETY: only touched under the GIL.
unsafe impl Sync for RuntimeCell {}
static RUNTIME: RuntimeCell = RuntimeCell(UnsafeCell::new(None));

/// The runtime; the caller holds the GIL.
#[inline]
pub fn runtime() -> &'static Runtime {
    // SAFETY: set once at start, before any object exists.
    unsafe { (*RUNTIME.0.get()).as_ref().expect("the runtime is initialised") }
}

impl Runtime {
    fn new(hash_key: (u64, u64)) -> Runtime {
        Runtime {
            finalized: RefCell::default(),
            births: RefCell::default(),
            next_birth: Cell::new(1),
            gc_stats: Cell::new([[0; 3]; 3]),
            collecting: Cell::new(false),
            gc_enabled: Cell::new(true),
            gc_save_all: Cell::new(false),
            gc_debug: Cell::new(0),
            gc_garbage: DataCell::new(Vec::new()),
            gc_generation_counts: Cell::new([0; 3]),
            recursion_limit: Cell::new(1000),
            int_max_str_digits: Cell::new(4300),
            bytes_warning: Cell::new(false),
            hash_key: Cell::new(hash_key),
            modules: ObjCell::empty(),
            builtins: ObjCell::empty(),
            sys_dict: ObjCell::empty(),
            all: ObjCell::empty(),
            any: ObjCell::empty(),
            main_thread: Cell::new(0),
            registry: RefCell::default(),
            finalizing: Cell::new(false),
        }
    }

    #[inline]
    pub fn was_finalized(&self, header: *const Header) -> bool {
        let finalized = self.finalized.borrow();
        !finalized.is_empty() && finalized.contains(&(header as usize))
    }

    pub fn mark_finalized(&self, header: *const Header) {
        self.finalized.borrow_mut().insert(header as usize);
    }

    pub fn forget_finalized(&self, header: *const Header) {
        self.finalized.borrow_mut().remove(&(header as usize));
    }

    #[cold]
    pub fn note_birth(&self, header: *const Header) {
        let n = self.next_birth.get();
        self.next_birth.set(n + 1);
        self.births.borrow_mut().insert(header as usize, n);
    }

    #[cold]
    pub fn forget_birth(&self, header: *const Header) {
        self.births.borrow_mut().remove(&(header as usize));
    }

    pub fn birth_of(&self, header: *const Header) -> u64 {
        self.births.borrow().get(&(header as usize)).copied().unwrap_or(0)
    }

    /// A named object kept for the life of the process.
    pub fn registered(&self, name: &str) -> Option<Obj> {
        self.registry.borrow().get(name).cloned()
    }

    pub fn register(&self, name: &'static str, obj: Obj) {
        let old = self.registry.borrow_mut().insert(name, obj);
        drop(old);
    }
}

/// Creates the runtime and the main thread's state. Called once, first of all.
pub fn init(hash_key: (u64, u64)) {
    // SAFETY: no other thread exists yet.
    unsafe { *RUNTIME.0.get() = Some(Runtime::new(hash_key)) };
    attach_new_thread();
    runtime().main_thread.set(current().id);
}

/// Makes a state for the calling native thread, which holds the GIL, and makes it current.
pub fn attach_new_thread() -> *mut Thread {
    let here = 0u8;
    let stack = native_stack_size();
    let thread = Box::into_raw(Box::new(Thread {
        frame: Cell::new(ptr::null_mut()),
        stack_top: Cell::new(ptr::null_mut()),
        stack_limit: Cell::new(ptr::null_mut()),
        stack_base: Cell::new(ptr::null_mut()),
        exception: Cell::new(Value::NULL),
        exc_info: Cell::new(ptr::null_mut()),
        base_exc_info: ExcInfo::new(),
        recursion_remaining: Cell::new(runtime().recursion_limit.get()),
        calls_while_closed: Cell::new(0),
        native_stack_limit: Cell::new((&raw const here as usize).saturating_sub(stack - stack / 8)),
        id: thread_ident(),
        context: ObjCell::empty(),
        async_gen_firstiter: ObjCell::empty(),
        async_gen_finalizer: ObjCell::empty(),
        coroutine_origin_depth: Cell::new(0),
        repr_active: RefCell::default(),
        trace_function: ObjCell::empty(),
        profile_function: ObjCell::empty(),
        async_exception: ObjCell::empty(),
        locals: ObjCell::empty(),
        chunks: RefCell::default(),
        jit_top: Cell::new(ptr::null_mut()),
    }));
    // SAFETY: freshly boxed; the base entry lives as long as the state.
    unsafe {
        (*thread).exc_info.set(&raw mut (*thread).base_exc_info);
    }
    CURRENT.store(thread, Ordering::Relaxed);
    all::add(thread);
    thread
}

/// The states of all threads, newest first, or nothing while another thread is changing the list (this is
/// called from signal handlers and must not wait).
pub fn all_threads() -> Vec<*mut Thread> {
    all::get()
}

/// Calls `f` with the states of all threads, newest first, without allocating.
pub fn for_each_thread(f: impl FnMut(*mut Thread)) {
    all::for_each(f);
}

mod all {
    //! The list of thread states.
    use super::Thread;
    use std::sync::Mutex;

    struct State(*mut Thread);
    // SAFETY: the list only hands pointers out; who follows one answers for it.
    unsafe impl Send for State {}

    static ALL: Mutex<Vec<State>> = Mutex::new(Vec::new());

    pub fn add(thread: *mut Thread) {
        ALL.lock().expect("never poisoned").push(State(thread));
    }

    pub fn remove(thread: *mut Thread) {
        ALL.lock().expect("never poisoned").retain(|t| t.0 != thread);
    }

    pub fn keep_only(thread: *mut Thread) {
        // Another thread may have been changing the list when it was forked away: leave it then.
        if let Ok(mut all) = ALL.try_lock() {
            all.retain(|t| t.0 == thread);
        }
    }

    pub fn get() -> Vec<*mut Thread> {
        ALL.try_lock().map(|all| all.iter().rev().map(|t| t.0).collect()).unwrap_or_default()
    }

    pub fn for_each(f: impl FnMut(*mut Thread)) {
        if let Ok(all) = ALL.try_lock() {
            all.iter().rev().map(|t| t.0).for_each(f);
        }
    }
}

/// Frees the state of a thread that has ended; its stack holds no frames.
///
/// # Safety
/// `thread` came from [`attach_new_thread`] and is not used again.
pub unsafe fn free_thread(thread: *mut Thread) {
    all::remove(thread);
    // SAFETY: by contract.
    drop(unsafe { Box::from_raw(thread) });
}

/// `threading.get_ident()` of the calling native thread.
pub fn thread_ident() -> u64 {
    // SAFETY: no arguments, cannot fail.
    unsafe { libc::pthread_self() as u64 }
}

fn native_stack_size() -> usize {
    // SAFETY: plain queries of the calling thread's attributes.
    unsafe {
        let mut attr: libc::pthread_attr_t = std::mem::zeroed();
        if libc::pthread_getattr_np(libc::pthread_self(), &mut attr) != 0 {
            return 1 << 20;
        }
        let (mut address, mut size) = (ptr::null_mut(), 0);
        libc::pthread_attr_getstack(&attr, &mut address, &mut size);
        libc::pthread_attr_destroy(&mut attr);
        let here = 0u8;
        let used = (address as usize + size).saturating_sub(&raw const here as usize);
        size.saturating_sub(used).clamp(1 << 17, 1 << 30)
    }
}

#[inline(always)]
pub fn current_ptr() -> *mut Thread {
    CURRENT.load(Ordering::Relaxed)
}

/// The thread that holds the GIL, which is the caller.
#[inline(always)]
pub fn current() -> &'static Thread {
    // SAFETY: the caller holds the GIL, so the pointer is its own live state.
    unsafe { &*current_ptr() }
}

impl Thread {
    #[inline(always)]
    pub fn has_exception(&self) -> bool {
        !self.exception.get().is_null()
    }

    /// The pending exception, still pending.
    pub fn pending_exception(&self) -> Option<Obj> {
        let v = self.exception.get();
        // SAFETY: the cell owns the exception.
        (!v.is_null()).then(|| unsafe { Obj::from_borrowed(v) })
    }

    pub fn take_exception(&self) -> Option<Obj> {
        let v = self.exception.replace(Value::NULL);
        // SAFETY: the reference moves out of the cell.
        (!v.is_null()).then(|| unsafe { Obj::from_owned(v) })
    }

    /// Puts back what [`Self::take_exception`] gave.
    pub fn restore_exception(&self, exc: Option<Obj>) {
        let old = self.exception.replace(exc.map_or(Value::NULL, Obj::into_value));
        if !old.is_null() {
            // SAFETY: the reference moves out of the cell.
            drop(unsafe { Obj::from_owned(old) });
        }
    }

    /// Makes `exc` pending; the exception being handled becomes its context.
    pub fn raise(&self, exc: Obj) {
        if let Some(handled) = self.handled_exception() {
            crate::objects::exceptions::set_context(&exc, handled);
        }
        self.restore_exception(Some(exc));
    }

    /// The exception that is being handled (`sys.exception()`).
    pub fn handled_exception(&self) -> Option<Obj> {
        let mut info = self.exc_info.get();
        // SAFETY: the chain holds live entries; values are owned by them.
        unsafe {
            while !info.is_null() {
                let v = (*info).value.get();
                if !v.is_null() && v != crate::objects::singletons::none_value() {
                    return Some(Obj::from_borrowed(v));
                }
                info = (*info).previous.get();
            }
        }
        None
    }

    /// True if native recursion has come close to the end of the stack.
    #[inline]
    pub fn native_stack_is_low(&self) -> bool {
        let here = 0u8;
        (&raw const here as usize) < self.native_stack_limit.get()
    }
}

/// Runs `f` one native recursion level deeper, or raises RecursionError if the stack is used up.
pub fn with_recursion<R>(what: &str, f: impl FnOnce() -> crate::errors::PyResult<R>) -> crate::errors::PyResult<R> {
    if current().native_stack_is_low() {
        return Err(native_overflow(what));
    }
    f()
}

/// RecursionError for a native stack that is used up. Making the exception needs a part of the reserve.
#[cold]
#[inline(never)]
pub fn native_overflow(what: &str) -> crate::errors::Raised {
    const FOR_THE_ERROR: usize = 1 << 18;
    let limit = &current().native_stack_limit;
    let usual = limit.get();
    limit.set(usual.saturating_sub(FOR_THE_ERROR));
    let raised = crate::raise!(RecursionError, "maximum recursion depth exceeded{what}");
    limit.set(usual);
    raised
}

/// Asks for a collection at the next check of the eval breaker.
pub fn request_gc() {
    EVAL_BREAKER.fetch_or(breaker::GC, Ordering::Relaxed);
}

static GIL_HELD: parking::Gil = parking::Gil::new();
/// Set once a second thread has been started: before that nobody competes for the GIL.
static THREADED: AtomicBool = AtomicBool::new(false);

mod parking {
    //! The GIL: a mutex with a condition variable, handed over on request.
    use std::sync::{Condvar, Mutex};
    use std::time::Duration;

    pub struct Gil {
        held: Mutex<bool>,
        freed: Condvar,
    }

    impl Gil {
        pub const fn new() -> Gil {
            Gil { held: Mutex::new(true), freed: Condvar::new() }
        }

        pub fn release(&self) {
            *self.held.lock().expect("the GIL mutex is never poisoned") = false;
            self.freed.notify_one();
        }

        /// Waits for the GIL; calls `request` each time the switch interval has passed.
        pub fn acquire(&self, interval: Duration, request: impl Fn()) {
            let mut held = self.held.lock().expect("the GIL mutex is never poisoned");
            while *held {
                let (guard, timeout) =
                    self.freed.wait_timeout(held, interval).expect("the GIL mutex is never poisoned");
                held = guard;
                if *held && timeout.timed_out() {
                    request();
                }
            }
            *held = true;
        }

        /// Runs `f` while no other thread is inside the functions above.
        pub fn quiet<R>(&self, f: impl FnOnce() -> R) -> R {
            let _held = self.held.lock().expect("the GIL mutex is never poisoned");
            f()
        }
    }
}

/// Runs `fork()` while no other thread is changing the state of the GIL, which the child inherits.
pub fn fork_with<R>(fork: impl FnOnce() -> R) -> R {
    GIL_HELD.quiet(fork)
}

/// In the child of a fork: the calling thread is the only one.
pub fn after_fork_in_child() {
    THREADED.store(false, Ordering::Relaxed);
    all::keep_only(current_ptr());
    EVAL_BREAKER.fetch_and(!breaker::GIL_DROP, Ordering::Relaxed);
    runtime().main_thread.set(current().id);
}

static SWITCH_INTERVAL_MICROS: AtomicU32 = AtomicU32::new(5000);

/// `sys.getswitchinterval`, in microseconds.
pub fn switch_interval_micros() -> u32 {
    SWITCH_INTERVAL_MICROS.load(Ordering::Relaxed)
}

pub fn set_switch_interval_micros(micros: u32) {
    SWITCH_INTERVAL_MICROS.store(micros.max(1), Ordering::Relaxed);
}

/// Gives up the GIL; returns the state to hand to [`acquire_gil`].
pub fn release_gil() -> *mut Thread {
    let thread = CURRENT.swap(ptr::null_mut(), Ordering::Relaxed);
    GIL_HELD.release();
    thread
}

/// Set when the main thread has begun to take the runtime down.
static FINALIZING: AtomicBool = AtomicBool::new(false);

/// States that only the calling thread may run Python code from now on.
pub fn set_finalizing() {
    FINALIZING.store(true, Ordering::Release);
}

/// Whether the main thread has begun to take the runtime down.
pub fn is_finalizing() -> bool {
    FINALIZING.load(Ordering::Acquire)
}

/// Waits for the GIL and makes `thread` current.
pub fn acquire_gil(thread: *mut Thread) {
    if must_sleep() {
        sleep_until_exit();
    }
    let interval = std::time::Duration::from_micros(switch_interval_micros() as u64);
    GIL_HELD.acquire(interval, || {
        EVAL_BREAKER.fetch_or(breaker::GIL_DROP, Ordering::Relaxed);
    });
    // The end may have begun while this thread was waiting.
    if must_sleep() {
        GIL_HELD.release();
        sleep_until_exit();
    }
    CURRENT.store(thread, Ordering::Relaxed);
}

/// Whether the process is about to end without the calling thread.
fn must_sleep() -> bool {
    FINALIZING.load(Ordering::Acquire) && thread_ident() != runtime().main_thread.get()
}

/// Where threads stay that still want to run Python code when the runtime is taken down.
#[cold]
fn sleep_until_exit() -> ! {
    loop {
        std::thread::park();
    }
}

/// Called when the eval breaker asks to let another thread run.
pub fn yield_gil() {
    EVAL_BREAKER.fetch_and(!breaker::GIL_DROP, Ordering::Relaxed);
    if THREADED.load(Ordering::Relaxed) {
        let thread = release_gil();
        std::thread::yield_now();
        acquire_gil(thread);
    }
}

/// States that a second thread is about to start.
pub fn set_threaded() {
    THREADED.store(true, Ordering::Relaxed);
}

/// Runs a blocking operation without the GIL. `f` cannot touch objects: they are not `Send`.
pub fn allow_threads<R: Send>(f: impl FnOnce() -> R + Send) -> R {
    if !THREADED.load(Ordering::Relaxed) {
        return f();
    }
    let thread = release_gil();
    let result = f();
    acquire_gil(thread);
    result
}
