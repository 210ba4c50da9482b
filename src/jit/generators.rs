//! What compiled code asks for around generators and coroutines: as [`crate::asks`], which see.

use pyrs_interp::consumers::SUM_FINISH;
use pyrs_interp::generator::{Coroutine, Generator, is_iterable_coroutine};
use pyrs_interp::ops::intrinsics;
use pyrs_runtime::object::Obj;
use pyrs_runtime::protocols::sum;
use pyrs_runtime::thread::Thread;
use pyrs_runtime::value::Value;

/// CALL_INTRINSIC_2 of a sum's loop: the total and the next item. Only where adding is native.
///
/// # Safety
/// As [`crate::asks::Ask`] says; so for all functions here.
pub unsafe extern "C" fn sum_step(thread: *const Thread, at: *mut Value, _: u64) -> Value {
    // SAFETY: by contract.
    let (total, item) = unsafe { (Obj::from_borrowed(*at), Obj::from_borrowed(*at.add(1))) };
    if !sum::is_native(&total, &item) {
        return Value::NULL;
    }
    match sum::step(&total, &item) {
        Ok(v) => v.into_value(),
        Err(_) => {
            // SAFETY: the running thread. The total is as it was: the interpreter will raise its own.
            drop(unsafe { (*thread).take_exception() });
            Value::NULL
        }
    }
}

/// CALL_INTRINSIC_1 that runs no Python code: the end of a sum, or of a tuple's items.
///
/// # Safety
/// As [`sum_step`].
pub unsafe extern "C" fn finish(_: *const Thread, at: *mut Value, which: u64) -> Value {
    // SAFETY: by contract.
    let v = unsafe { Obj::from_borrowed(*at) };
    if which == SUM_FINISH as u64 { sum::finish(&v).into_value() } else { intrinsics::list_to_tuple(&v).into_value() }
}

/// GET_AWAITABLE of what is its own iterator.
///
/// # Safety
/// As [`sum_step`].
pub unsafe extern "C" fn awaitable(_: *const Thread, at: *mut Value, _: u64) -> Value {
    // SAFETY: by contract.
    let v = unsafe { Obj::from_borrowed(*at) };
    let ready = match v.exact::<Coroutine>() {
        Some(coroutine) => coroutine.core.delegate().is_none(),
        None => is_iterable_coroutine(&v),
    };
    if ready { v.into_value() } else { Value::NULL }
}

/// GET_YIELD_FROM_ITER of a generator.
///
/// # Safety
/// As [`sum_step`].
pub unsafe extern "C" fn delegate(_: *const Thread, at: *mut Value, _: u64) -> Value {
    // SAFETY: by contract.
    let v = unsafe { Obj::from_borrowed(*at) };
    if v.exact::<Generator>().is_some() { v.into_value() } else { Value::NULL }
}

/// RETURN_GENERATOR for a coroutine is left to the interpreter while the places where coroutines are made are kept.
pub fn may_make_coroutine(thread: &Thread) -> bool {
    thread.coroutine_origin_depth.get() == 0
}
