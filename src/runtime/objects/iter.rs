//! Iterators over sequences (`iter(obj)` by `__getitem__`) and over calls (`iter(f, sentinel)`).

use std::cell::Cell;

use crate::call;
use crate::errors::{PyResult, unless_raised};
use crate::object::{Obj, ObjCell, Object, Ptr, PyClass};
use crate::objects::exceptions::{IndexError, StopIteration};
use crate::objects::int;
use crate::objects::singletons::none;
use crate::objects::str::Str;
use crate::objects::tuple::Tuple;
use crate::protocols::{attr, compare, number, sequence, truth};
use crate::raise;
use pyrs_macros::{pyclass, pymethods};

/// `builtins.<name>`, for `__reduce__` of iterators.
pub fn builtin(name: &str) -> PyResult<Obj> {
    let builtins = (crate::hooks::hooks().import_module)("builtins")?;
    attr::getattr(&builtins, &Str::intern(name))
}

/// `(iter, (subject,))` or `(iter, (subject,), state)`.
pub fn reduce_iter(function: &str, subject: Obj, state: Option<Obj>) -> PyResult<Obj> {
    let mut parts = vec![builtin(function)?, Tuple::from_vec(vec![subject]).into_obj()];
    parts.extend(state);
    Ok(Tuple::from_vec(parts).into_obj())
}

/// `(iter, ((),))`: how a finished iterator is pickled.
pub fn reduce_empty(function: &str) -> PyResult<Obj> {
    reduce_iter(function, Tuple::empty().into_obj(), None)
}

/// Iterates by `__getitem__` with 0, 1, 2, … until IndexError.
#[pyclass(name = "iterator", flags = DISALLOW_INSTANTIATION)]
pub struct SequenceIterator {
    index: Cell<isize>,
    sequence: ObjCell,
}

/// `iter(obj)` for an object that has only `__getitem__`.
pub fn sequence_iterator(obj: &Obj) -> PyResult<Obj> {
    if !sequence::is_sequence(obj) {
        return Err(raise!(TypeError, "'{}' object is not iterable", obj.class().name()));
    }
    Ok(Ptr::new(SequenceIterator { index: Cell::new(0), sequence: ObjCell::of(obj.clone()) }).into_obj())
}

#[pymethods]
impl SequenceIterator {
    #[slot(iter)]
    fn iter(this: &Obj) -> PyResult<Obj> {
        Ok(this.clone())
    }

    #[slot(iternext)]
    fn next(this: &Object<SequenceIterator>) -> PyResult<Option<Obj>> {
        let Some(sequence) = this.sequence.get() else { return Ok(None) };
        let index = this.index.get();
        if index == isize::MAX {
            return Err(raise!(OverflowError, "iter index too large"));
        }
        match sequence::get(&sequence, index) {
            Ok(item) => {
                this.index.set(index + 1);
                Ok(Some(item))
            }
            Err(raised) if raised.matches(IndexError::class()) || raised.matches(StopIteration::class()) => {
                raised.discard();
                this.sequence.set(None);
                Ok(None)
            }
            Err(raised) => Err(raised),
        }
    }

    /// Private method returning an estimate of len(list(it)).
    #[pymethod(name = "__length_hint__", text_signature = "")]
    fn length_hint(&self) -> PyResult<Obj> {
        let Some(sequence) = self.sequence.get() else { return Ok(int::new(0)) };
        if sequence.class().slots().length.is_none() {
            return Ok(crate::objects::singletons::not_implemented());
        }
        let rest = sequence::len(&sequence)? as isize - self.index.get();
        Ok(int::new(rest.max(0) as i64))
    }

    /// Return state information for pickling.
    #[pymethod(name = "__reduce__", text_signature = "")]
    fn reduce(&self) -> PyResult<Obj> {
        let iter = builtin("iter")?;
        match self.sequence.get() {
            Some(sequence) => {
                let args = Tuple::from_vec(vec![sequence]).into_obj();
                Ok(Tuple::from_vec(vec![iter, args, int::new(self.index.get() as i64)]).into_obj())
            }
            None => reduce_empty("iter"),
        }
    }

    /// Set state information for unpickling.
    #[pymethod(name = "__setstate__", sig = "(object, /)", text_signature = "")]
    fn setstate(&self, state: &Obj) -> PyResult<()> {
        let index = number::as_ssize(state, true)?;
        if self.sequence.is_set() {
            self.index.set(index.max(0));
        }
        Ok(())
    }
}

/// Iterates over the results of calls until one equals the sentinel.
#[pyclass(name = "callable_iterator", flags = DISALLOW_INSTANTIATION)]
pub struct CallableIterator {
    callable: ObjCell,
    sentinel: ObjCell,
}

/// `iter(callable, sentinel)`.
pub fn callable_iterator(callable: &Obj, sentinel: &Obj) -> PyResult<Obj> {
    if callable.class().slots().call.is_none() {
        return Err(raise!(TypeError, "iter(v, w): v must be callable"));
    }
    let (callable, sentinel) = (ObjCell::of(callable.clone()), ObjCell::of(sentinel.clone()));
    Ok(Ptr::new(CallableIterator { callable, sentinel }).into_obj())
}

#[pymethods]
impl CallableIterator {
    #[slot(iter)]
    fn iter(this: &Obj) -> PyResult<Obj> {
        Ok(this.clone())
    }

    #[slot(iternext)]
    fn next(this: &Object<CallableIterator>) -> PyResult<Option<Obj>> {
        let Some(callable) = this.callable.get() else { return Ok(None) };
        let Some(result) = unless_raised(call::call(&callable, &[]), StopIteration::class())? else {
            this.callable.set(None);
            this.sentinel.set(None);
            return Ok(None);
        };
        // The call may have come back here and finished the iterator.
        let Some(sentinel) = this.sentinel.get() else { return Ok(None) };
        if compare::equal(&sentinel, &result)? {
            this.callable.set(None);
            this.sentinel.set(None);
            return Ok(None);
        }
        Ok(Some(result))
    }

    /// Return state information for pickling.
    #[pymethod(name = "__reduce__", text_signature = "")]
    fn reduce(&self) -> PyResult<Obj> {
        match (self.callable.get(), self.sentinel.get()) {
            (Some(callable), Some(sentinel)) => {
                let args = Tuple::from_vec(vec![callable, sentinel]).into_obj();
                Ok(Tuple::from_vec(vec![builtin("iter")?, args]).into_obj())
            }
            _ => reduce_empty("iter"),
        }
    }
}

/// Python's `iter(obj, sentinel)` and `next(it, default)`, for the built-in functions.
pub fn next_or_raise(iterator: &Obj, default: Option<&Obj>) -> PyResult<Obj> {
    let Some(f) = iterator.class().slots().iternext else {
        return Err(raise!(TypeError, "'{}' object is not an iterator", iterator.class().name()));
    };
    match (f(iterator), default) {
        (Ok(Some(item)), _) => Ok(item),
        (Ok(None), Some(default)) => Ok(default.clone()),
        (Ok(None), None) => Err(raise!(StopIteration)),
        (Err(raised), Some(default)) if raised.matches(StopIteration::class()) => {
            raised.discard();
            Ok(default.clone())
        }
        (Err(raised), _) => Err(raised),
    }
}

/// True if `obj` is true, for filters: `None` as predicate means the object itself.
pub fn passes(predicate: &Obj, item: &Obj) -> PyResult<bool> {
    if predicate.is(&none()) || std::ptr::eq(predicate.value().as_pointer(), bool_class()) {
        return truth::is_true(item);
    }
    truth::is_true(&call::call(predicate, std::slice::from_ref(item))?)
}

fn bool_class() -> *mut crate::object::Header {
    crate::objects::singletons::Bool::class().value().as_pointer()
}
