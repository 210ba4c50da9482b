//! Python exceptions in Rust: a pending exception lives in the thread, [`Raised`] is the proof of it.

use crate::object::{Obj, Object, Ptr};
use crate::objects::exceptions::BaseException;
use crate::objects::str::Str;
use crate::objects::tuple::Tuple;
use crate::thread;
use crate::types::Type;

/// "An exception is pending in the current thread." Zero-sized, so that `PyResult<Obj>` is one word.
#[must_use]
#[derive(Debug)]
pub struct Raised(());

/// The result of anything that can raise.
pub type PyResult<T> = Result<T, Raised>;

const _: () = assert!(size_of::<PyResult<Obj>>() == 8);

impl Raised {
    /// Makes `exc` the pending exception, with the exception being handled as its context.
    pub fn new(exc: Obj) -> Raised {
        thread::current().raise(exc);
        Raised(())
    }

    /// States that an exception is pending already (a native call returned `NULL`).
    #[inline(always)]
    pub fn pending() -> Raised {
        debug_assert!(thread::current().has_exception(), "NULL without an exception");
        Raised(())
    }

    /// Leaves the exception pending for a caller that will see `NULL`.
    #[inline(always)]
    pub fn leave_pending(self) {}

    /// Takes the exception: it is no longer pending.
    pub fn take(self) -> Obj {
        thread::current().take_exception().expect("an exception is pending")
    }

    /// Drops the exception.
    pub fn discard(self) {
        drop(self.take());
    }

    /// True if the pending exception is an instance of `class`.
    pub fn matches(&self, class: &Type) -> bool {
        let pending = thread::current().pending_exception();
        pending.is_some_and(|e| e.class().is_subclass(class))
    }
}

/// Writes a line to the native standard error. If that takes nothing, there is nobody left to tell, and the
/// program goes on.
#[macro_export]
macro_rules! complain {
    ($($text:tt)*) => {{
        use ::std::io::Write as _;
        let _ = ::std::writeln!(::std::io::stderr(), $($text)*);
    }};
}

/// `raise!(TypeError, "text {}", x)`: makes the exception pending and gives a [`Raised`].
#[macro_export]
macro_rules! raise {
    ($class:ident) => {
        $crate::errors::raise_without_arguments(<$crate::objects::exceptions::$class as $crate::object::PyClass>::class())
    };
    ($class:ident, $($text:tt)+) => {
        $crate::errors::raise_text(
            <$crate::objects::exceptions::$class as $crate::object::PyClass>::class(),
            &format!($($text)+),
        )
    };
}

#[cold]
pub fn raise_without_arguments(class: &Type) -> Raised {
    raise_class(class, &[])
}

#[cold]
pub fn raise_text(class: &Type, text: &str) -> Raised {
    raise_class(class, &[Str::new(text).into_obj()])
}

/// Raises `class(*args)`.
#[cold]
pub fn raise_class(class: &Type, args: &[Obj]) -> Raised {
    match crate::call::call(&class.as_obj(), args) {
        Ok(exc) => Raised::new(exc),
        Err(raised) => raised,
    }
}

/// Raises `OSError` for an `errno`, as the subclass that belongs to it, with a file name perhaps.
#[cold]
pub fn raise_errno(errno: i32, filename: Option<&Obj>) -> Raised {
    // SAFETY: strerror gives a NUL-terminated text that is read before another call can change it.
    let text = unsafe { std::ffi::CStr::from_ptr(libc::strerror(errno)) }.to_string_lossy().into_owned();
    let mut args = vec![crate::objects::int::new(errno as i64), Str::new(&text).into_obj()];
    args.extend(filename.cloned());
    raise_class(<crate::objects::exceptions::OSError as crate::object::PyClass>::class(), &args)
}

/// Raises `OSError` for a Rust I/O error.
pub fn raise_io(error: &std::io::Error, filename: Option<&Obj>) -> Raised {
    match error.raw_os_error() {
        Some(errno) => raise_errno(errno, filename),
        None => crate::raise!(OSError, "{error}"),
    }
}

/// Raises `KeyError(key)`.
#[cold]
pub fn raise_key_error(key: &Obj) -> Raised {
    // A tuple key must not be spread over the arguments.
    let class = <crate::objects::exceptions::KeyError as crate::object::PyClass>::class();
    raise_class(class, std::slice::from_ref(key))
}

/// Raises `StopIteration(value)`; without arguments for None.
#[cold]
pub fn raise_stop_iteration(value: &Obj) -> Raised {
    let class = <crate::objects::exceptions::StopIteration as crate::object::PyClass>::class();
    if value.is_none() { raise_class(class, &[]) } else { raise_class(class, std::slice::from_ref(value)) }
}

/// Raises `AttributeError` with `name` and `obj` set, so that tracebacks can suggest names.
#[cold]
pub fn raise_attribute_error(text: &str, obj: &Obj, name: &Object<Str>) -> Raised {
    crate::objects::exceptions::raise_attribute_error(text, obj, name)
}

/// Splits the result of a call that may raise `class`: `Ok(None)` if it did.
pub fn unless_raised<T>(result: PyResult<T>, class: &Type) -> PyResult<Option<T>> {
    match result {
        Ok(x) => Ok(Some(x)),
        Err(raised) if raised.matches(class) => {
            raised.discard();
            Ok(None)
        }
        Err(raised) => Err(raised),
    }
}

/// Reports an exception that nobody can catch, through `sys.unraisablehook`.
pub fn write_unraisable(raised: Raised, source: Option<&Obj>) {
    let exc = raised.take();
    (crate::hooks::hooks().write_unraisable)(&exc, source);
}

/// The traceback, as `__traceback__` holds it.
pub fn exception_payload(exc: &Obj) -> Option<&Object<BaseException>> {
    exc.downcast::<BaseException>()
}

/// A tuple of the arguments, for exceptions made in Rust.
pub fn args_tuple(args: &[Obj]) -> Ptr<Tuple> {
    Tuple::from_slice(args)
}
