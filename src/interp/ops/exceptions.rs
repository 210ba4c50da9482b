//! Raising, matching and handling exceptions.

use pyrs_runtime::call::{self, Args};
use pyrs_runtime::errors::{PyResult, Raised};
use pyrs_runtime::object::{Obj, PyClass};
use pyrs_runtime::objects::exceptions::{self, StopAsyncIteration, StopIteration};
use pyrs_runtime::objects::singletons::none;
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::objects::type_object::call_class;
use pyrs_runtime::raise;
use pyrs_runtime::thread::Thread;
use pyrs_runtime::types::{TYPE, as_type};
use pyrs_runtime::value::Value;

/// The value of a StopIteration.
pub fn stop_iteration_value(exc: &Obj) -> Option<Obj> {
    exc.class().is_subclass(StopIteration::class()).then(|| exceptions::stop_iteration_value(exc))
}

pub fn is_stop_async_iteration(exc: &Obj) -> bool {
    exc.class().is_subclass(StopAsyncIteration::class())
}

/// `raise`, `raise exc`, `raise exc from cause`; true if the exception only goes on.
///
/// # Safety
/// `oparg` words lie below `sp`.
pub unsafe fn raise(thread: &Thread, sp: *mut Value, oparg: u32) -> bool {
    // SAFETY: by contract.
    let (exc, cause) = unsafe {
        match oparg {
            0 => {
                return match thread.handled_exception() {
                    Some(exc) => {
                        thread.restore_exception(Some(exc));
                        true
                    }
                    None => {
                        raise!(RuntimeError, "No active exception to reraise").leave_pending();
                        false
                    }
                };
            }
            1 => ((*sp.sub(1)).as_obj(), None),
            _ => ((*sp.sub(2)).as_obj(), Some((*sp.sub(1)).as_obj())),
        }
    };
    if let Err(raised) = raise_from(exc, cause) {
        raised.leave_pending();
    }
    false
}

fn raise_from(exc: &Obj, cause: Option<&Obj>) -> PyResult<()> {
    let exc = if let Some(class) = exceptions::as_exception_class(exc) {
        // Unless a metaclass has its own idea of calls, the way through the calling convention is saved.
        let plain = std::ptr::eq(class.class(), TYPE.get());
        let made = if plain { call_class(class, Args::EMPTY)? } else { call::call(exc, &[])? };
        if !exceptions::is_exception(&made) {
            return Err(raise!(
                TypeError,
                "calling {} should have returned an instance of BaseException, not {}",
                pyrs_runtime::protocols::text::repr_text(exc)?,
                made.class().full_repr_name()
            ));
        }
        made
    } else if exceptions::is_exception(exc) {
        exc.clone()
    } else {
        return Err(raise!(TypeError, "exceptions must derive from BaseException"));
    };
    if let Some(cause) = cause {
        let cause = if cause.is_none() {
            None
        } else if exceptions::as_exception_class(cause).is_some() {
            let made = call::call(cause, &[])?;
            if !exceptions::is_exception(&made) {
                return Err(raise!(
                    TypeError,
                    "calling {} should have returned an instance of BaseException, not {}",
                    pyrs_runtime::protocols::text::repr_text(cause)?,
                    made.class().full_repr_name()
                ));
            }
            Some(made)
        } else if exceptions::is_exception(cause) {
            Some(cause.clone())
        } else {
            return Err(raise!(TypeError, "exception causes must derive from BaseException"));
        };
        exceptions::set_cause(&exc, cause);
    }
    Err(Raised::new(exc))
}

/// `except wanted:`.
pub fn check_match(exc: &Obj, wanted: &Obj) -> PyResult<bool> {
    check_classes(wanted, "catching classes that do not inherit from BaseException is not allowed")?;
    Ok(exceptions::matches(exc, wanted))
}

fn check_classes(wanted: &Obj, text: &str) -> PyResult<()> {
    let ok = |c: &Obj| exceptions::as_exception_class(c).is_some();
    let fine = match wanted.downcast::<Tuple>() {
        Some(tuple) => tuple.items().iter().all(ok),
        None => ok(wanted),
    };
    if fine { Ok(()) } else { Err(raise!(TypeError, "{text}")) }
}

/// `except* wanted:`: what is left, and what matched (None if nothing did).
pub fn check_group_match(exc: &Obj, wanted: &Obj) -> PyResult<(Obj, Obj)> {
    check_classes(wanted, "catching classes that do not inherit from BaseException is not allowed")?;
    let is_group = |c: &Obj| as_type(c).is_some_and(|t| t.is_subclass(exceptions::BaseExceptionGroup::class()));
    let groups = match wanted.downcast::<Tuple>() {
        Some(tuple) => tuple.items().iter().any(is_group),
        None => is_group(wanted),
    };
    if groups {
        return Err(raise!(TypeError, "catching ExceptionGroup with except* is not allowed. Use except instead."));
    }
    if exc.is_none() {
        return Ok((none(), none()));
    }
    if exceptions::matches(exc, wanted) {
        if exc.downcast::<exceptions::BaseExceptionGroup>().is_some() {
            return Ok((none(), exc.clone()));
        }
        // A plain exception is handled as a group of one, with the traceback of its raising.
        let args = [
            pyrs_runtime::objects::str::Str::empty().into_obj(),
            Tuple::from_slice(std::slice::from_ref(exc)).into_obj(),
        ];
        let group = call::call(&exceptions::BaseExceptionGroup::class().as_obj(), &args)?;
        exceptions::set_traceback(&group, exceptions::traceback(exc));
        return Ok((none(), group));
    }
    if exc.downcast::<exceptions::BaseExceptionGroup>().is_some() {
        let split = call::call_method(exc, "split", std::slice::from_ref(wanted))?;
        let pair = split.downcast::<Tuple>();
        let Some(pair) = pair else {
            return Err(raise!(
                TypeError,
                "{}.split must return a tuple, not {}",
                exc.class().name(),
                split.class().name()
            ));
        };
        if pair.len() < 2 {
            return Err(raise!(
                TypeError,
                "{}.split must return a 2-tuple, got tuple of size {}",
                exc.class().name(),
                pair.len()
            ));
        }
        return Ok((pair.items()[1].clone(), pair.items()[0].clone()));
    }
    Ok((exc.clone(), none()))
}

/// Calls `__exit__` with the exception that left the block.
///
/// # Safety
/// The five words of a `with` block's handler lie below `sp`.
pub unsafe fn with_except_start(sp: *mut Value) -> PyResult<Obj> {
    // SAFETY: exit function, self or NULL, lasti, previous exception, exception.
    unsafe {
        let exc = (*sp.sub(1)).as_obj();
        let (exit, this) = (*sp.sub(5), *sp.sub(4));
        let traceback = exceptions::traceback(exc).unwrap_or_else(none);
        let mut args = Vec::with_capacity(4);
        if !this.is_null() {
            args.push(this.as_obj().clone());
        }
        args.extend([exc.class().to_obj(), exc.clone(), traceback]);
        call::call(exit.as_obj(), &args)
    }
}
