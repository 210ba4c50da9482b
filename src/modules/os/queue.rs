//! `_queue`: a queue for many threads.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use pyrs_macros::{pyclass, pymethods, pymodule};
use pyrs_runtime::errors::{self, PyResult, Raised};
use pyrs_runtime::object::{DataCell, Obj, Object, Ptr, PyClass};
use pyrs_runtime::objects::exceptions;
use pyrs_runtime::objects::generic_alias::GenericAlias;
use pyrs_runtime::raise;
use pyrs_runtime::thread::{self, allow_threads, runtime};
use pyrs_runtime::types::Type;

use crate::os::support::{Deadline, Rounding, nanoseconds};

/// How many items there are, for threads that wait without the GIL.
#[derive(Default)]
struct Available {
    count: Mutex<usize>,
    changed: Condvar,
}

/// Simple, unbounded, reentrant FIFO queue.
#[pyclass(name = "SimpleQueue", module = "_queue", weaklist, flags = BASETYPE)]
pub struct SimpleQueue {
    items: DataCell<VecDeque<Obj>>,
    available: Arc<Available>,
}

/// The main thread looks for signals that often.
const SLICE: Duration = Duration::from_millis(50);

fn empty_class() -> PyResult<Obj> {
    match runtime().registered("_queue.Empty") {
        Some(class) => Ok(class),
        None => {
            let class = crate::exception_class("_queue", "Empty", exceptions::Exception::class())?;
            runtime().register("_queue.Empty", class.clone());
            Ok(class)
        }
    }
}

fn raise_empty() -> Raised {
    match empty_class() {
        Ok(class) => errors::raise_class(pyrs_runtime::types::as_type(&class).expect("a class"), &[]),
        Err(raised) => raised,
    }
}

impl SimpleQueue {
    fn push(&self, item: Obj) {
        self.items.with(|items| items.push_back(item));
        *self.available.count.lock().expect("never poisoned") += 1;
        self.available.changed.notify_one();
    }

    fn pop(&self) -> Option<Obj> {
        let item = self.items.with(VecDeque::pop_front)?;
        *self.available.count.lock().expect("never poisoned") -= 1;
        Some(item)
    }
}

#[pymethods]
impl SimpleQueue {
    #[new(sig = "()")]
    fn py_new(cls: &Type) -> PyResult<Obj> {
        let queue = SimpleQueue { items: DataCell::new(VecDeque::new()), available: Arc::default() };
        Ok(Ptr::new_in(cls, queue).into())
    }

    /// Put an item on the queue.  This never blocks; block and timeout are there for compatibility
    /// with Queue.put().
    #[pymethod(sig = "(item, block=True, timeout=None)")]
    fn put(&self, item: Obj, block: bool, timeout: Option<&Obj>) {
        let _ = (block, timeout);
        self.push(item);
    }

    /// Put an item on the queue; the same as put(item).
    #[pymethod(sig = "(item)")]
    fn put_nowait(&self, item: Obj) {
        self.push(item);
    }

    /// Remove the first item, waiting for one if block is true, timeout seconds at most.
    /// Raise Empty if there is none.
    #[pymethod(sig = "(block=True, timeout=None)")]
    fn get(&self, block: bool, timeout: Option<&Obj>) -> PyResult<Obj> {
        let deadline = match timeout {
            Some(timeout) if block => {
                let ns = nanoseconds(timeout, Rounding::Ceiling)?;
                if ns < 0 {
                    return Err(raise!(ValueError, "'timeout' must be a non-negative number"));
                }
                Deadline::after(ns)
            }
            _ => Deadline::NEVER,
        };
        loop {
            if let Some(item) = self.pop() {
                return Ok(item);
            }
            if !block || deadline.left().is_some_and(|left| left.is_zero()) {
                return Err(raise_empty());
            }
            let is_main = thread::current().id == runtime().main_thread.get();
            let limit = match deadline.left() {
                Some(left) if is_main => left.min(SLICE),
                Some(left) => left,
                None if is_main => SLICE,
                None => Duration::from_secs(3600),
            };
            let available = self.available.clone();
            allow_threads(move || {
                let count = available.count.lock().expect("never poisoned");
                drop(available.changed.wait_timeout_while(count, limit, |n| *n == 0));
            });
            crate::os::check_signals()?;
        }
    }

    /// Remove the first item without waiting; the same as get(False).
    #[pymethod(sig = "()")]
    fn get_nowait(&self) -> PyResult<Obj> {
        self.pop().ok_or_else(raise_empty)
    }

    /// True if the queue is empty (now).
    #[pymethod]
    fn empty(&self) -> bool {
        self.items.with(|items| items.is_empty())
    }

    /// How many items there are (now).
    #[pymethod]
    fn qsize(&self) -> usize {
        self.items.with(|items| items.len())
    }

    /// Queues are generic over the class of their items.
    #[classmethod(name = "__class_getitem__")]
    fn class_getitem(cls: &Type, object: &Obj) -> PyResult<Obj> {
        GenericAlias::class_getitem(cls, object)
    }
}

/// The queue module's fast part.
#[pymodule(name = "_queue", classes(super::SimpleQueue))]
pub mod queue {
    use super::*;
    use pyrs_runtime::objects::module::Module;

    #[module_exec]
    fn exec(module: &Object<Module>) -> PyResult<()> {
        module.add("Empty", empty_class()?);
        Ok(())
    }
}
