//! What happens when the eval breaker is set: signals, thread switches, collections.

use std::sync::atomic::Ordering;

use pyrs_runtime::errors::{PyResult, Raised};
use pyrs_runtime::heap::cycles;
use pyrs_runtime::thread::{EVAL_BREAKER, Thread, breaker, runtime, yield_gil};

/// Serves all requests that are pending.
#[cold]
#[inline(never)]
pub fn handle(thread: &Thread) -> PyResult<()> {
    let bits = EVAL_BREAKER.load(Ordering::Relaxed);
    if bits & breaker::SIGNAL != 0 && thread.id == runtime().main_thread.get() {
        EVAL_BREAKER.fetch_and(!breaker::SIGNAL, Ordering::Relaxed);
        (pyrs_runtime::hooks::hooks().check_signals)()?;
    }
    if bits & breaker::GC != 0 {
        EVAL_BREAKER.fetch_and(!breaker::GC, Ordering::Relaxed);
        collect_if_due();
    }
    if bits & breaker::PENDING_CALL != 0 {
        EVAL_BREAKER.fetch_and(!breaker::PENDING_CALL, Ordering::Relaxed);
        crate::jit::pending();
    }
    if bits & breaker::GIL_DROP != 0 {
        yield_gil();
    }
    if bits & breaker::MONITORING != 0 {
        let frame = thread.frame.get() as *mut crate::frame::Frame;
        // SAFETY: the running frame is on top.
        crate::instrument::update(unsafe { (*frame).code() });
    }
    if bits & breaker::ASYNC_EXC != 0
        && let Some(exc) = thread.async_exception.take()
    {
        EVAL_BREAKER.fetch_and(!breaker::ASYNC_EXC, Ordering::Relaxed);
        let exc = pyrs_runtime::objects::exceptions::instantiate(&exc, &[])?;
        return Err(Raised::new(exc));
    }
    Ok(())
}

/// A young collection; every tenth one looks at everything that has survived once.
fn collect_if_due() {
    let rt = runtime();
    if !rt.gc_enabled.get() {
        return;
    }
    let [young, middle, old] = rt.gc_generation_counts.get();
    let generation = if middle >= 10 { 2 } else { 0 };
    rt.gc_generation_counts.set(if generation == 2 { [0, 0, old + 1] } else { [young + 1, middle + 1, old] });
    cycles::collect(generation);
}
