//! The lock of a buffered stream: one thread at a time works on the raw stream.

use std::sync::{Condvar, Mutex};
use std::time::Duration;

use pyrs_runtime::errors::PyResult;
use pyrs_runtime::object::Obj;
use pyrs_runtime::protocols::text;
use pyrs_runtime::raise;
use pyrs_runtime::thread::{self, allow_threads};

use super::Core;

/// Where threads wait for any stream; the owner itself is a field that the GIL protects.
static WAITING: (Mutex<usize>, Condvar) = (Mutex::new(0), Condvar::new());

/// How long to wait before looking again, should a wake-up be missed.
const SLICE: Duration = Duration::from_millis(10);

/// Holds a stream's lock.
pub struct Lock<'a>(&'a Core);

impl Drop for Lock<'_> {
    fn drop(&mut self) {
        self.0.owner.set(0);
        if *WAITING.0.lock().expect("never poisoned") > 0 {
            WAITING.1.notify_all();
        }
    }
}

impl Core {
    /// Waits for the stream; RuntimeError if this very thread is at work on it already.
    pub(super) fn lock(&self, this: &Obj) -> PyResult<Lock<'_>> {
        let me = thread::current().id;
        let mut waited = 0;
        loop {
            match self.owner.get() {
                0 => {
                    self.owner.set(me);
                    return Ok(Lock(self));
                }
                owner if owner == me => {
                    return Err(raise!(RuntimeError, "reentrant call inside {}", text::repr_text(this)?));
                }
                _ => {
                    // A thread that sleeps for good at the end of the process may hold the lock.
                    if thread::runtime().finalizing.get() {
                        waited += 1;
                        if waited > PATIENCE {
                            fatal_at_shutdown(this);
                        }
                    }
                    allow_threads(wait);
                }
            }
        }
    }
}

/// How many slices to wait at the end of the process.
const PATIENCE: u32 = 100;

/// Ends the process: what the stream holds cannot be written.
#[cold]
fn fatal_at_shutdown(this: &Obj) -> ! {
    let shown = text::repr_text(this).unwrap_or_else(|raised| {
        raised.discard();
        this.class().name().to_owned()
    });
    pyrs_runtime::complain!(
        "Fatal Python error: _enter_buffered_busy: could not acquire lock for {shown} at interpreter shutdown, \
         possibly due to daemon threads"
    );
    std::process::abort()
}

fn wait() {
    let mut count = WAITING.0.lock().expect("never poisoned");
    *count += 1;
    let (mut count, _) = WAITING.1.wait_timeout(count, SLICE).expect("never poisoned");
    *count -= 1;
}
