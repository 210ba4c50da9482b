//! Locks, thread handles and thread-local data.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, Weak};
use std::time::{Duration, Instant};

use pyrs_macros::{pyclass, pymethods};
use pyrs_runtime::args::Maybe;
use pyrs_runtime::call::{self, Args};
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::object::{DataCell, Obj, Object, Ptr, PyClass};
use pyrs_runtime::objects::dict::Dict;
use pyrs_runtime::objects::exceptions::{self, SystemExit};
use pyrs_runtime::objects::singletons::none;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::protocols::attr;
use pyrs_runtime::raise;
use pyrs_runtime::thread::{self, allow_threads};
use pyrs_runtime::types::Type;
use pyrs_runtime::value::Value;

use crate::os::support::{Rounding, nanoseconds};

/// A binary semaphore that threads wait for without the GIL.
#[derive(Default)]
struct Semaphore {
    taken: Mutex<bool>,
    freed: Condvar,
}

impl Semaphore {
    fn try_acquire(&self) -> bool {
        let mut taken = self.taken.lock().expect("never poisoned");
        !std::mem::replace(&mut *taken, true)
    }

    /// Waits until the deadline at most, or one slice of time; true if acquired.
    fn wait(&self, limit: Duration) -> bool {
        let taken = self.taken.lock().expect("never poisoned");
        let (mut taken, _) = self.freed.wait_timeout_while(taken, limit, |t| *t).expect("never poisoned");
        !std::mem::replace(&mut *taken, true)
    }

    fn release(&self) -> bool {
        let was = std::mem::replace(&mut *self.taken.lock().expect("never poisoned"), false);
        self.freed.notify_one();
        was
    }

    fn is_taken(&self) -> bool {
        *self.taken.lock().expect("never poisoned")
    }
}

/// The semaphore of a lock: a fork may leave one behind in the middle of an operation, so it can be replaced.
#[derive(Default)]
struct Held(DataCell<Arc<Semaphore>>);

impl Held {
    fn get(&self) -> Arc<Semaphore> {
        self.0.with(|s| s.clone())
    }

    fn renew(&self) {
        // The old one stays: it may be locked, and nobody is left to unlock it.
        std::mem::forget(self.0.replace(Arc::default()));
    }
}

/// Signals interrupt a wait of the main thread, so waits are cut into slices.
const SLICE: Duration = Duration::from_millis(50);

/// Acquires with Python's arguments: `timeout` < 0 = for ever.
fn acquire(semaphore: &Arc<Semaphore>, blocking: bool, timeout: Option<Duration>) -> PyResult<bool> {
    if semaphore.try_acquire() {
        return Ok(true);
    }
    if !blocking {
        return Ok(false);
    }
    let deadline = timeout.and_then(|t| Instant::now().checked_add(t));
    loop {
        let slice = match deadline {
            Some(deadline) => {
                let now = Instant::now();
                if now >= deadline {
                    return Ok(false);
                }
                SLICE.min(deadline - now)
            }
            None => SLICE,
        };
        let waited = semaphore.clone();
        if allow_threads(move || waited.wait(slice)) {
            return Ok(true);
        }
        (pyrs_runtime::hooks::hooks().check_signals)()?;
    }
}

/// `blocking` and `timeout` as `Lock.acquire` checks them.
fn check_timeout(blocking: bool, timeout: Option<&Obj>) -> PyResult<Option<Duration>> {
    let Some(timeout) = timeout else { return Ok(None) };
    let ns = nanoseconds(timeout, Rounding::Ceiling)?;
    match ns {
        -1_000_000_000 => Ok(None),
        _ if !blocking => Err(raise!(ValueError, "can't specify a timeout for a non-blocking call")),
        _ if ns < 0 => Err(raise!(ValueError, "timeout value must be a non-negative number")),
        _ if ns > TIMEOUT_MAX * 1_000_000_000 => Err(raise!(OverflowError, "timeout value is too large")),
        _ => Ok(Some(Duration::from_nanos(ns as u64))),
    }
}

/// The longest time-out in seconds.
const TIMEOUT_MAX: i64 = 9_223_372_036;

/// A lock object is a synchronization primitive.  To create a lock,
/// call threading.Lock().
#[pyclass(name = "lock", module = "_thread", nogc, weaklist)]
pub struct Lock {
    semaphore: Held,
}

impl Lock {
    pub fn create() -> Obj {
        Ptr::new(Lock { semaphore: Held::default() }).into()
    }
}

#[pymethods]
impl Lock {
    #[new(sig = "()")]
    fn py_new(cls: &Type) -> PyResult<Obj> {
        let _ = cls;
        Ok(Lock::create())
    }

    /// Lock the lock.
    ///
    /// Without argument, this blocks if the lock is already locked (even by
    /// the same thread), waiting for another thread to release the lock, and
    /// return True once the lock is acquired.
    /// With an argument, this will only block if the argument is true, and the
    /// return value reflects whether the lock is acquired.
    /// The blocking operation is interruptible.
    #[pymethod(sig = "(blocking=True, timeout=-1)")]
    fn acquire(&self, blocking: bool, timeout: Maybe<&Obj>) -> PyResult<bool> {
        let timeout = check_timeout(blocking, timeout.0)?;
        acquire(&self.semaphore.get(), blocking, timeout)
    }

    /// An obsolete synonym of acquire().
    #[pymethod(sig = "(blocking=True, timeout=-1)")]
    fn acquire_lock(&self, blocking: bool, timeout: Maybe<&Obj>) -> PyResult<bool> {
        self.acquire(blocking, timeout)
    }

    /// Release the lock.
    ///
    /// Allows another thread that is blocked waiting for
    /// the lock to acquire the lock.  The lock must be in the locked state,
    /// but it needn't be locked by the same thread that unlocks it.
    #[pymethod]
    fn release(&self) -> PyResult<()> {
        if self.semaphore.get().release() { Ok(()) } else { Err(raise!(RuntimeError, "release unlocked lock")) }
    }

    /// An obsolete synonym of release().
    #[pymethod]
    fn release_lock(&self) -> PyResult<()> {
        self.release()
    }

    /// Return whether the lock is in the locked state.
    #[pymethod]
    fn locked(&self) -> bool {
        self.semaphore.get().is_taken()
    }

    /// An obsolete synonym of locked().
    #[pymethod]
    fn locked_lock(&self) -> bool {
        self.semaphore.get().is_taken()
    }

    /// Lock the lock.
    #[pymethod(name = "__enter__")]
    fn enter(&self) -> PyResult<bool> {
        acquire(&self.semaphore.get(), true, None)
    }

    /// Release the lock.
    #[pymethod(name = "__exit__", text_signature = "($self, /, *exc_info)")]
    fn exit(&self, args: Args<'_>) -> PyResult<()> {
        let _ = args;
        self.release()
    }

    #[pymethod(name = "_at_fork_reinit")]
    fn at_fork_reinit(&self) {
        self.semaphore.renew();
    }

    #[slot(repr)]
    fn repr(this: &Object<Lock>) -> PyResult<Obj> {
        let state = if this.locked() { "locked" } else { "unlocked" };
        Ok(Str::new(&format!("<{state} _thread.lock object at {:#x}>", this.as_obj().id())).into())
    }
}

/// A reentrant lock: its owner may acquire it again.
#[pyclass(name = "RLock", module = "_thread", nogc, weaklist, flags = BASETYPE)]
pub struct RLock {
    semaphore: Held,
    owner: Cell<u64>,
    count: Cell<usize>,
}

impl RLock {
    pub fn create() -> Ptr<RLock> {
        Ptr::new(RLock { semaphore: Held::default(), owner: Cell::new(0), count: Cell::new(0) })
    }
}

#[pymethods]
impl RLock {
    #[slot(new)]
    fn py_new(cls: &Type, _args: Args<'_>) -> PyResult<Obj> {
        Ok(Ptr::new_in(cls, RLock { semaphore: Held::default(), owner: Cell::new(0), count: Cell::new(0) }).into())
    }

    /// Lock the lock.  `blocking` indicates whether we should wait
    /// for the lock to be available or not.
    #[pymethod(sig = "(blocking=True, timeout=-1)")]
    fn acquire(&self, blocking: bool, timeout: Maybe<&Obj>) -> PyResult<bool> {
        let timeout = check_timeout(blocking, timeout.0)?;
        let me = thread::current().id;
        if self.owner.get() == me {
            self.count.set(self.count.get() + 1);
            return Ok(true);
        }
        let acquired = acquire(&self.semaphore.get(), blocking, timeout)?;
        if acquired {
            self.owner.set(me);
            self.count.set(1);
        }
        Ok(acquired)
    }

    /// Release the lock, allowing another thread that is blocked waiting for
    /// the lock to acquire the lock.
    #[pymethod]
    pub fn release(&self) -> PyResult<()> {
        if self.count.get() == 0 || self.owner.get() != thread::current().id {
            return Err(raise!(RuntimeError, "cannot release un-acquired lock"));
        }
        self.count.set(self.count.get() - 1);
        if self.count.get() == 0 {
            self.owner.set(0);
            self.semaphore.get().release();
        }
        Ok(())
    }

    /// Return whether this object is locked.
    #[pymethod]
    pub fn locked(&self) -> bool {
        self.count.get() > 0
    }

    #[pymethod(name = "__enter__")]
    pub fn enter(&self) -> PyResult<bool> {
        self.acquire(true, Maybe(None))
    }

    #[pymethod(name = "__exit__", text_signature = "($self, /, *exc_info)")]
    fn exit(&self, args: Args<'_>) -> PyResult<()> {
        let _ = args;
        self.release()
    }

    /// For internal use by `threading.Condition`.
    #[pymethod(name = "_is_owned")]
    pub fn is_owned(&self) -> bool {
        self.count.get() > 0 && self.owner.get() == thread::current().id
    }

    /// For internal use by `threading.Condition`.
    #[pymethod(name = "_release_save")]
    fn release_save(&self) -> PyResult<Obj> {
        if self.count.get() == 0 {
            return Err(raise!(RuntimeError, "cannot release un-acquired lock"));
        }
        let state = Tuple::from_vec(vec![
            pyrs_runtime::objects::int::new(self.count.get() as i64),
            pyrs_runtime::objects::int::from_u64(self.owner.get()),
        ]);
        self.count.set(0);
        self.owner.set(0);
        self.semaphore.get().release();
        Ok(state.into())
    }

    /// For internal use by `threading.Condition`.
    #[pymethod(name = "_acquire_restore")]
    fn acquire_restore(&self, state: &Object<Tuple>) -> PyResult<()> {
        acquire(&self.semaphore.get(), true, None)?;
        let count = state.items().first().and_then(pyrs_runtime::objects::int::to_i64).unwrap_or(1);
        self.count.set(count as usize);
        self.owner.set(thread::current().id);
        Ok(())
    }

    /// For internal use by reentrant code.
    #[pymethod(name = "_recursion_count")]
    fn recursion_count(&self) -> usize {
        if self.owner.get() == thread::current().id { self.count.get() } else { 0 }
    }

    #[pymethod(name = "_at_fork_reinit")]
    pub fn at_fork_reinit(&self) {
        self.semaphore.renew();
        self.count.set(0);
        self.owner.set(0);
    }

    #[slot(repr)]
    fn repr(this: &Object<RLock>) -> PyResult<Obj> {
        let state = if this.locked() { "locked" } else { "unlocked" };
        let name = pyrs_runtime::objects::object::repr_name(this.class());
        let (owner, count) = (this.owner.get(), this.count.get());
        Ok(Str::new(&format!("<{state} {name} object owner={owner} count={count} at {:#x}>", this.as_obj().id()))
            .into())
    }
}

#[derive(Default)]
struct Completion {
    done: Mutex<bool>,
    changed: Condvar,
}

/// A running or finished thread.
#[pyclass(name = "_ThreadHandle", module = "_thread", nogc)]
pub struct ThreadHandle {
    ident: Cell<u64>,
    started: Cell<bool>,
    completion: Arc<Completion>,
}

static RUNNING: AtomicUsize = AtomicUsize::new(0);
static STACK_SIZE: AtomicUsize = AtomicUsize::new(0);
static JOINABLE: Mutex<Vec<Arc<Completion>>> = Mutex::new(Vec::new());
/// Threads that have been started and may be running.
static STARTED: Mutex<Vec<(u64, Weak<Completion>)>> = Mutex::new(Vec::new());

/// Threads started here that have not ended.
pub fn running() -> usize {
    RUNNING.load(Ordering::Relaxed)
}

/// Stack size of later threads (0 = the default); the old value.
pub fn set_stack_size(size: usize) -> usize {
    STACK_SIZE.swap(size, Ordering::Relaxed)
}

impl ThreadHandle {
    pub fn create() -> Ptr<ThreadHandle> {
        Ptr::new(ThreadHandle { ident: Cell::new(0), started: Cell::new(false), completion: Arc::default() })
    }

    pub fn for_ident(ident: u64) -> Ptr<ThreadHandle> {
        Ptr::new(ThreadHandle { ident: Cell::new(ident), started: Cell::new(true), completion: Arc::default() })
    }
}

#[pymethods]
impl ThreadHandle {
    #[new(sig = "()")]
    fn py_new(cls: &Type) -> PyResult<Obj> {
        let _ = cls;
        Ok(ThreadHandle::create().into())
    }

    #[getter]
    fn ident(&self) -> u64 {
        self.ident.get()
    }

    #[pymethod]
    fn is_done(&self) -> bool {
        *self.completion.done.lock().expect("never poisoned")
    }

    #[pymethod(name = "_set_done")]
    fn set_done(&self) {
        complete(&self.completion);
    }

    #[pymethod]
    fn join(&self, timeout: Option<&Obj>) -> PyResult<()> {
        let timeout = timeout.map(|t| nanoseconds(t, Rounding::AwayFromZero)).transpose()?;
        if !self.started.get() {
            return Err(raise!(RuntimeError, "thread not started"));
        }
        if self.ident.get() == thread::current().id && !self.is_done() {
            return Err(raise!(RuntimeError, "Cannot join current thread"));
        }
        if !self.is_done() && thread::runtime().finalizing.get() {
            return Err(raise!(PythonFinalizationError, "cannot join thread at interpreter shutdown"));
        }
        wait_for(&self.completion, timeout.and_then(|t| u64::try_from(t).ok()).map(Duration::from_nanos)).map(drop)
    }

    #[slot(repr)]
    fn repr(&self) -> PyResult<Obj> {
        Ok(Str::new(&format!("<_ThreadHandle object: ident={}>", self.ident.get())).into())
    }
}

fn complete(completion: &Completion) {
    *completion.done.lock().expect("never poisoned") = true;
    completion.changed.notify_all();
}

fn wait_for(completion: &Arc<Completion>, timeout: Option<Duration>) -> PyResult<bool> {
    let deadline = timeout.and_then(|t| Instant::now().checked_add(t));
    loop {
        let slice = deadline.map_or(SLICE, |d| SLICE.min(d.saturating_duration_since(Instant::now())));
        let waited = completion.clone();
        let done = allow_threads(move || {
            let done = waited.done.lock().expect("never poisoned");
            let (done, _) = waited.changed.wait_timeout_while(done, slice, |d| !*d).expect("never poisoned");
            *done
        });
        if done {
            return Ok(true);
        }
        (pyrs_runtime::hooks::hooks().check_signals)()?;
        if deadline.is_some_and(|d| Instant::now() >= d) {
            return Ok(false);
        }
    }
}

/// In the child of a fork: the other threads are gone.
pub fn after_fork_in_child() {
    RUNNING.store(0, Ordering::Relaxed);
    let me = thread::current().id;
    let all = std::mem::take(&mut *STARTED.lock().expect("never poisoned"));
    for (ident, completion) in all {
        match completion.upgrade() {
            Some(completion) if ident == me => {
                RUNNING.store(1, Ordering::Relaxed);
                STARTED.lock().expect("never poisoned").push((ident, Arc::downgrade(&completion)));
            }
            Some(completion) => complete(&completion),
            None => {}
        }
    }
    JOINABLE.lock().expect("never poisoned").clear();
}

/// Waits for all threads that are not daemons.
pub fn join_all() -> PyResult<()> {
    loop {
        let next = JOINABLE.lock().expect("never poisoned").pop();
        match next {
            Some(completion) => drop(wait_for(&completion, None)?),
            None => return Ok(()),
        }
    }
}

/// Raw words of the objects that a new thread takes over.
struct Work {
    function: Value,
    args: Value,
    kwargs: Value,
    handle: Value,
}
// SAFETY: the words carry references whose ownership moves to the new thread, which uses them only while
// it holds the GIL.
unsafe impl Send for Work {}

/// Starts a native thread that calls `function`.
pub fn start(
    function: Obj,
    args: Ptr<Tuple>,
    kwargs: Option<Ptr<Dict>>,
    handle: &Ptr<ThreadHandle>,
    daemon: bool,
) -> PyResult<u64> {
    if thread::runtime().finalizing.get() {
        return Err(raise!(PythonFinalizationError, "can't create new thread at interpreter shutdown"));
    }
    if handle.started.replace(true) {
        return Err(raise!(RuntimeError, "thread already started"));
    }
    thread::set_threaded();
    let work = Work {
        function: function.into_value(),
        args: args.into_obj().into_value(),
        kwargs: kwargs.map_or(Value::NULL, |k| k.into_obj().into_value()),
        handle: handle.to_obj().into_value(),
    };
    let completion = handle.completion.clone();
    if !daemon {
        JOINABLE.lock().expect("never poisoned").push(completion.clone());
    }
    let ready = Arc::new(Completion::default());
    let (started, ident) = (ready.clone(), Arc::new(std::sync::atomic::AtomicU64::new(0)));
    let ident_in_thread = ident.clone();
    let mut builder = std::thread::Builder::new();
    let size = STACK_SIZE.load(Ordering::Relaxed);
    builder = builder.stack_size(if size == 0 { 8 << 20 } else { size.max(1 << 17) });
    RUNNING.fetch_add(1, Ordering::Relaxed);
    let spawned = builder.spawn(move || {
        let work = work;
        ident_in_thread.store(thread::thread_ident(), Ordering::Relaxed);
        complete(&started);
        run(work);
        RUNNING.fetch_sub(1, Ordering::Relaxed);
        complete(&completion);
    });
    match spawned {
        Ok(_) => {
            let waited = ready.clone();
            allow_threads(move || {
                let done = waited.done.lock().expect("never poisoned");
                drop(waited.changed.wait_while(done, |d| !*d));
            });
            handle.ident.set(ident.load(Ordering::Relaxed));
            let mut started = STARTED.lock().expect("never poisoned");
            started.retain(|(_, c)| c.upgrade().is_some_and(|c| !*c.done.lock().expect("never poisoned")));
            started.push((handle.ident.get(), Arc::downgrade(&handle.completion)));
            Ok(handle.ident.get())
        }
        Err(_) => {
            RUNNING.fetch_sub(1, Ordering::Relaxed);
            handle.started.set(false);
            Err(raise!(RuntimeError, "can't start new thread"))
        }
    }
}

/// The life of a thread: its state is made, the function called, everything released.
fn run(work: Work) {
    thread::acquire_gil(std::ptr::null_mut());
    let state = thread::attach_new_thread();
    {
        // SAFETY: the references were handed over in `start`.
        let (function, args, handle) =
            unsafe { (work.function.into_obj(), work.args.into_obj(), work.handle.into_obj()) };
        // SAFETY: as above.
        let kwargs = (!work.kwargs.is_null()).then(|| unsafe { work.kwargs.into_obj() });
        if let Some(handle) = handle.exact::<ThreadHandle>() {
            handle.ident.set(thread::current().id);
        }
        let items = args.downcast::<Tuple>().expect("start passes a tuple").to_ptr();
        let result = call::call_dict(&function, items.items(), kwargs.as_ref().and_then(|k| k.downcast::<Dict>()));
        match result {
            Err(raised) if raised.matches(SystemExit::class()) => raised.discard(),
            Err(raised) => pyrs_runtime::errors::write_unraisable(raised, Some(&function)),
            Ok(_) => {}
        }
    }
    thread::current().locals.set(None);
    thread::current().context.set(None);
    thread::release_gil();
    // SAFETY: the thread's state is no longer current anywhere.
    unsafe { thread::free_thread(state) };
}

/// Thread-local data
#[pyclass(name = "_local", module = "_thread", weaklist, flags = BASETYPE)]
pub struct Local {
    args: Vec<Obj>,
    kwargs: Option<Ptr<Dict>>,
    key: Obj,
    /// One dictionary a thread, by thread id.
    dicts: DataCell<Vec<(u64, Obj)>>,
}

impl Local {
    /// The calling thread's dictionary; made (and `__init__` called) on first use.
    fn dict(this: &Object<Local>) -> PyResult<Ptr<Dict>> {
        let me = thread::current().id;
        let found = this.dicts.with(|d| d.iter().find(|(id, _)| *id == me).map(|(_, dict)| dict.clone()));
        if let Some(found) = found {
            return Ok(found.into_ptr::<Dict>().expect("a dict"));
        }
        let dict = Dict::new();
        this.dicts.with(|d| d.push((me, dict.to_obj())));
        if this.class().slots().init.map(|f| f as usize)
            != pyrs_runtime::objects::object::object_class().slots().init.map(|f| f as usize)
        {
            let init = attr::getattr_text(&this.class().as_obj(), "__init__")?;
            let mut args = vec![this.to_obj()];
            args.extend_from_slice(&this.args);
            call::call_dict(&init, &args, this.kwargs.as_deref())?;
        }
        Ok(dict)
    }
}

#[pymethods]
impl Local {
    #[slot(new)]
    fn py_new(cls: &Type, args: Args<'_>) -> PyResult<Obj> {
        let plain_init = cls.slots().init.map(|f| f as usize)
            == pyrs_runtime::objects::object::object_class().slots().init.map(|f| f as usize);
        if plain_init && !args.is_empty() {
            return Err(raise!(TypeError, "Initialization arguments are not supported"));
        }
        let kwargs = Dict::new();
        for (name, value) in args.keywords() {
            kwargs.set(name.to_obj(), value.clone())?;
        }
        let dict = Dict::new().to_obj();
        let dicts = DataCell::new(vec![(thread::current().id, dict)]);
        let local = Local { args: args.positionals().to_vec(), kwargs: Some(kwargs), key: none(), dicts };
        Ok(Ptr::new_in(cls, local).into())
    }

    #[slot(getattro)]
    fn getattro(this: &Obj, name: &Object<Str>) -> PyResult<Obj> {
        let local = this.downcast::<Local>().expect("the slot belongs to this class");
        let _ = &local.key;
        let dict = Local::dict(local)?;
        if name.eq_str("__dict__") {
            return Ok(dict.into());
        }
        if let Some(found) = pyrs_runtime::types::lookup(this.class(), name) {
            let slots = found.class().slots();
            if let (Some(get), true) = (slots.descr_get, slots.descr_set.is_some()) {
                return get(&found, Some(this), Some(this.class()));
            }
            if let Some(own) = dict.get_str(name)? {
                return Ok(own);
            }
            return match slots.descr_get {
                Some(get) => get(&found, Some(this), Some(this.class())),
                None => Ok(found),
            };
        }
        match dict.get_str(name)? {
            Some(own) => Ok(own),
            None => attr::generic_getattr(this, name),
        }
    }

    #[slot(setattro)]
    fn setattro(this: &Obj, name: &Object<Str>, value: Option<&Obj>) -> PyResult<()> {
        let local = this.downcast::<Local>().expect("the slot belongs to this class");
        if name.eq_str("__dict__") {
            return Err(raise!(AttributeError, "'{}' object attribute '__dict__' is read-only", this.class().name()));
        }
        if let Some(found) = pyrs_runtime::types::lookup(this.class(), name)
            && let Some(set) = found.class().slots().descr_set
        {
            return set(&found, this, value);
        }
        let dict = Local::dict(local)?;
        match value {
            Some(value) => dict.set_str(&Str::intern_ptr(name.to_ptr()), value.clone()),
            None => match dict.remove_str(name)? {
                Some(_) => Ok(()),
                None => attr::generic_setattr(this, name, None),
            },
        }
    }
}

/// Arguments of `threading.excepthook`.
#[pyclass(name = "_ExceptHookArgs", module = "_thread")]
pub struct ExceptHookArgs {
    values: Vec<Obj>,
}

#[pymethods]
impl ExceptHookArgs {
    #[new(sig = "(iterable)")]
    fn py_new(cls: &Type, iterable: &Obj) -> PyResult<Obj> {
        let _ = cls;
        let mut values = pyrs_runtime::protocols::iter::collect(iterable)?;
        if values.len() != 4 {
            return Err(raise!(TypeError, "_ExceptHookArgs() takes a 4-sequence ({}-sequence given)", values.len()));
        }
        if values[2].is_none() && exceptions::is_exception(&values[1]) {
            values[2] = exceptions::traceback(&values[1]).unwrap_or_else(none);
        }
        Ok(Ptr::new(ExceptHookArgs { values }).into())
    }

    #[getter]
    fn exc_type(&self) -> Obj {
        self.values[0].clone()
    }

    #[getter]
    fn exc_value(&self) -> Obj {
        self.values[1].clone()
    }

    #[getter]
    fn exc_traceback(&self) -> Obj {
        self.values[2].clone()
    }

    #[getter]
    fn thread(&self) -> Obj {
        self.values[3].clone()
    }
}
