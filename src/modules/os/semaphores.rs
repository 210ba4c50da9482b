//! `_multiprocessing`: locks between processes.

use std::cell::Cell;
use std::ffi::CString;
use std::io;

use pyrs_macros::{pyclass, pymethods, pymodule};
use pyrs_runtime::args::FromArg;
use pyrs_runtime::errors::{PyResult, raise_io};
use pyrs_runtime::object::{Obj, Ptr};
use pyrs_runtime::objects::int;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::protocols::number;
use pyrs_runtime::thread::{self, allow_threads};
use pyrs_runtime::types::Type;
use pyrs_runtime::{PyClass, raise};

use crate::os::posix::posix::name_bytes;
use crate::os::support::os_error;

const RECURSIVE_MUTEX: i32 = 0;

/// Semaphore/Mutex type
#[pyclass(name = "SemLock", module = "_multiprocessing", nogc, flags = BASETYPE)]
pub struct SemLock {
    /// The semaphore, closed when the object goes.
    semaphore: Cell<*mut libc::sem_t>,
    kind: i32,
    maxvalue: i32,
    name: Option<String>,
    /// How often its owner holds it, and who that is.
    count: Cell<i32>,
    owner: Cell<u64>,
}

/// The address travels to code without the GIL; the semaphore is made for use by many threads.
#[derive(Copy, Clone)]
struct Address(*mut libc::sem_t);
// SAFETY: semaphores are shared between threads and processes.
unsafe impl Send for Address {}
// SAFETY: as above.
unsafe impl Sync for Address {}

impl Address {
    fn get(self) -> *mut libc::sem_t {
        self.0
    }
}

impl Drop for SemLock {
    fn drop(&mut self) {
        if !self.semaphore.get().is_null() {
            // SAFETY: opened by this object and not used after this.
            unsafe { libc::sem_close(self.semaphore.get()) };
        }
    }
}

fn c_name(name: &Str) -> PyResult<CString> {
    CString::new(name_bytes(name)?).map_err(|_| raise!(ValueError, "embedded null character"))
}

impl SemLock {
    fn is_owned(&self) -> bool {
        self.count.get() > 0 && self.owner.get() == thread::current().id
    }

    fn value(&self) -> PyResult<i32> {
        let mut value = 0;
        // SAFETY: an open semaphore.
        if unsafe { libc::sem_getvalue(self.semaphore.get(), &mut value) } < 0 {
            return Err(os_error());
        }
        // Some systems count waiting threads as negative values.
        Ok(value.max(0))
    }

    fn acquire_until(&self, block: bool, timeout: Option<&Obj>) -> PyResult<bool> {
        if self.kind == RECURSIVE_MUTEX && self.is_owned() {
            self.count.set(self.count.get() + 1);
            return Ok(true);
        }
        let deadline = match timeout {
            None => None,
            Some(timeout) => {
                let seconds = number::as_f64(timeout)?.max(0.0);
                let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
                // SAFETY: a valid structure.
                unsafe { libc::clock_gettime(libc::CLOCK_REALTIME, &mut now) };
                let ns = now.tv_nsec + ((seconds - seconds.floor()) * 1e9 + 0.5) as i64;
                let whole = seconds.floor().min(1e15) as i64;
                Some(libc::timespec { tv_sec: now.tv_sec + whole + ns / 1_000_000_000, tv_nsec: ns % 1_000_000_000 })
            }
        };
        let address = Address(self.semaphore.get());
        let outcome = |result: i32| if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) };
        // SAFETY: an open semaphore.
        let mut result = outcome(unsafe { libc::sem_trywait(address.get()) });
        while block && result.is_err() {
            let error = result.as_ref().err().and_then(io::Error::raw_os_error);
            match error {
                Some(libc::EAGAIN) => {}
                Some(libc::EINTR) => crate::os::check_signals()?,
                _ => break,
            }
            result = allow_threads(move || match deadline {
                // SAFETY: an open semaphore; the object stays alive during the call.
                None => outcome(unsafe { libc::sem_wait(address.get()) }),
                // SAFETY: as above.
                Some(at) => outcome(unsafe { libc::sem_timedwait(address.get(), &at) }),
            });
        }
        match result {
            Ok(()) => {
                self.count.set(self.count.get() + 1);
                self.owner.set(thread::current().id);
                Ok(true)
            }
            Err(e) if matches!(e.raw_os_error(), Some(libc::EAGAIN | libc::ETIMEDOUT)) => Ok(false),
            Err(e) if e.raw_os_error() == Some(libc::EINTR) => {
                crate::os::check_signals()?;
                Ok(false)
            }
            Err(e) => Err(raise_io(&e, None)),
        }
    }
}

#[pymethods]
impl SemLock {
    #[new(sig = "(kind, value, maxvalue, name, unlink)")]
    fn py_new(
        cls: &Type,
        kind: i32,
        value: i32,
        maxvalue: i32,
        name: &pyrs_runtime::Object<Str>,
        unlink: bool,
    ) -> PyResult<Obj> {
        if kind != RECURSIVE_MUTEX && kind != 1 {
            return Err(raise!(ValueError, "unrecognized kind"));
        }
        let c = c_name(name)?;
        // SAFETY: a NUL-terminated name; mode and value as the flags ask for.
        let semaphore = unsafe {
            libc::sem_open(c.as_ptr(), libc::O_CREAT | libc::O_EXCL, 0o600 as libc::c_uint, value as libc::c_uint)
        };
        if semaphore.is_null() {
            return Err(os_error());
        }
        // SAFETY: as above.
        if unlink && unsafe { libc::sem_unlink(c.as_ptr()) } < 0 {
            let raised = os_error();
            // SAFETY: just opened.
            unsafe { libc::sem_close(semaphore) };
            return Err(raised);
        }
        let kept = if unlink { None } else { Some(name.to_string_checked()?) };
        Ok(Ptr::new_in(cls, SemLock::over(semaphore, kind, maxvalue, kept)).into())
    }

    /// A semaphore that exists already, found by its name.
    #[classmethod(name = "_rebuild")]
    fn rebuild(
        cls: &Type,
        handle: &Obj,
        kind: i32,
        maxvalue: i32,
        name: Option<&pyrs_runtime::Object<Str>>,
    ) -> PyResult<Obj> {
        let semaphore = match name {
            Some(name) => {
                let c = c_name(name)?;
                // SAFETY: a NUL-terminated name.
                let semaphore = unsafe { libc::sem_open(c.as_ptr(), 0) };
                if semaphore.is_null() {
                    return Err(os_error());
                }
                semaphore
            }
            None => usize::from_arg(handle)? as *mut libc::sem_t,
        };
        let name = name.map(|n| n.to_string_checked()).transpose()?;
        Ok(Ptr::new_in(cls, SemLock::over(semaphore, kind, maxvalue, name)).into())
    }

    /// Acquire the semaphore, with a time-out in seconds perhaps.
    #[pymethod(sig = "(block=True, timeout=None)")]
    fn acquire(&self, block: bool, timeout: Option<&Obj>) -> PyResult<bool> {
        self.acquire_until(block, timeout)
    }

    /// Release the semaphore.
    #[pymethod]
    fn release(&self) -> PyResult<()> {
        if self.kind == RECURSIVE_MUTEX {
            if !self.is_owned() {
                return Err(raise!(AssertionError, "attempt to release recursive lock not owned by thread"));
            }
            if self.count.get() > 1 {
                self.count.set(self.count.get() - 1);
                return Ok(());
            }
        } else if self.value()? >= self.maxvalue {
            return Err(raise!(ValueError, "semaphore or lock released too many times"));
        }
        // SAFETY: an open semaphore.
        if unsafe { libc::sem_post(self.semaphore.get()) } < 0 {
            return Err(os_error());
        }
        self.count.set(self.count.get() - 1);
        Ok(())
    }

    /// Enter the semaphore.
    #[pymethod(name = "__enter__")]
    fn enter(&self) -> PyResult<bool> {
        self.acquire_until(true, None)
    }

    /// Exit the semaphore.
    #[pymethod(name = "__exit__", sig = "(exc_type=None, exc_value=None, exc_tb=None, /)")]
    fn exit(&self, exc_type: Option<&Obj>, exc_value: Option<&Obj>, exc_tb: Option<&Obj>) -> PyResult<()> {
        let _ = (exc_type, exc_value, exc_tb);
        self.release()
    }

    /// How often this process holds it.
    #[pymethod(name = "_count")]
    fn acquisitions(&self) -> i32 {
        self.count.get()
    }

    /// Whether the calling thread holds it.
    #[pymethod(name = "_is_mine")]
    fn is_mine(&self) -> bool {
        self.is_owned()
    }

    /// The semaphore's value.
    #[pymethod(name = "_get_value")]
    fn get_value(&self) -> PyResult<i32> {
        self.value()
    }

    /// Whether the semaphore's value is zero.
    #[pymethod(name = "_is_zero")]
    fn is_zero(&self) -> PyResult<bool> {
        Ok(self.value()? == 0)
    }

    /// The child of a fork holds nothing.
    #[pymethod(name = "_after_fork")]
    fn after_fork(&self) {
        self.count.set(0);
    }

    #[getter]
    fn handle(&self) -> u64 {
        self.semaphore.get() as u64
    }

    #[getter]
    fn kind(&self) -> i32 {
        self.kind
    }

    #[getter]
    fn maxvalue(&self) -> i32 {
        self.maxvalue
    }

    #[getter]
    fn name(&self) -> Option<String> {
        self.name.clone()
    }
}

impl SemLock {
    fn over(semaphore: *mut libc::sem_t, kind: i32, maxvalue: i32, name: Option<String>) -> SemLock {
        SemLock { semaphore: Cell::new(semaphore), kind, maxvalue, name, count: Cell::new(0), owner: Cell::new(0) }
    }
}

/// Locks between processes, for multiprocessing.synchronize.
#[pymodule(name = "_multiprocessing", classes(super::SemLock))]
pub mod multiprocessing {
    use super::*;
    use pyrs_runtime::Object;
    use pyrs_runtime::objects::dict::Dict;
    use pyrs_runtime::objects::module::Module;

    /// Remove the name of a semaphore.
    #[pyfunction]
    fn sem_unlink(name: &Object<Str>) -> PyResult<()> {
        let c = c_name(name)?;
        // SAFETY: a NUL-terminated name.
        if unsafe { libc::sem_unlink(c.as_ptr()) } < 0 {
            return Err(os_error());
        }
        Ok(())
    }

    #[module_exec]
    fn exec(module: &Object<Module>) -> PyResult<()> {
        let flags = Dict::new();
        for name in ["HAVE_SEM_OPEN", "HAVE_SEM_TIMEDWAIT"] {
            flags.set_text(name, int::new(1));
        }
        module.add("flags", flags);
        let value = int::new(i32::MAX as i64);
        pyrs_runtime::types::build::set_class_attribute(SemLock::class(), &Str::intern("SEM_VALUE_MAX"), Some(&value))?;
        Ok(())
    }
}

/// `_posixshmem`: named shared memory.
#[pymodule(name = "_posixshmem")]
pub mod posixshmem {
    use super::*;
    use crate::os::posix::posix::Path;
    use crate::os::support::{outcome, retry};

    fn path(function: &str, path: &Obj) -> PyResult<Path> {
        let Some(text) = path.downcast::<Str>() else {
            return Err(pyrs_runtime::args::bad_argument(
                function,
                if function == "shm_open" { " 'path'" } else { "" },
                "str",
                path,
            ));
        };
        let bytes = name_bytes(text)?;
        if bytes.contains(&0) {
            return Err(raise!(ValueError, "embedded null character"));
        }
        Ok(Path { bytes, is_bytes: false, fd: None, object: path.clone() })
    }

    /// Open a shared memory object; a file descriptor.
    #[pyfunction(sig = "(path, flags, mode=511)")]
    fn shm_open(path: &Obj, flags: i32, mode: i32) -> PyResult<i64> {
        let path = self::path("shm_open", path)?;
        let c = path.c();
        // SAFETY: a NUL-terminated name.
        let result = retry(|| outcome(unsafe { libc::shm_open(c.as_ptr(), flags, mode as libc::mode_t) } as i64));
        result.map_err(|raised| with_name(raised, &path))
    }

    /// Remove the name of a shared memory object.
    #[pyfunction(sig = "(path, /)")]
    fn shm_unlink(path: &Obj) -> PyResult<()> {
        let path = self::path("shm_unlink", path)?;
        let c = path.c();
        // SAFETY: a NUL-terminated name.
        let result = retry(|| outcome(unsafe { libc::shm_unlink(c.as_ptr()) } as i64));
        result.map(drop).map_err(|raised| with_name(raised, &path))
    }

    /// The same error with the name added, unless a signal handler raised it.
    fn with_name(raised: pyrs_runtime::Raised, path: &Path) -> pyrs_runtime::Raised {
        if !raised.matches(pyrs_runtime::objects::exceptions::OSError::class()) {
            return raised;
        }
        let exc = raised.take();
        let errno = pyrs_runtime::protocols::attr::getattr_text(&exc, "errno").ok().and_then(|n| int::to_i64(&n));
        pyrs_runtime::errors::raise_errno(errno.unwrap_or(0) as i32, Some(&path.object))
    }
}
