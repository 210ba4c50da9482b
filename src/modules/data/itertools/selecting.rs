//! Iterators that take from one stream: `accumulate`, `chain`, `compress`, `dropwhile`, `filterfalse`,
//! `islice`, `starmap`, `takewhile`.

use std::cell::Cell;

use super::endless::accepts;
use crate::data::iterates_itself;
use pyrs_macros::{pyclass, pymethods};
use pyrs_runtime::call::{self, Args};
use pyrs_runtime::object::{Obj, ObjCell, Object, Ptr};
use pyrs_runtime::objects::generic_alias::GenericAlias;
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::protocols::{iter, number, truth};
use pyrs_runtime::types::Type;
use pyrs_runtime::{PyResult, raise};

iterates_itself!(Accumulate, Chain, Compress, DropWhile, FilterFalse, Islice, StarMap, TakeWhile);

/// Return series of accumulated sums (or other binary function results).
#[pyclass(name = "accumulate", module = "itertools", flags = BASETYPE, parts(PART, ITER))]
pub struct Accumulate {
    iterator: Obj,
    function: Option<Obj>,
    total: ObjCell,
    initial: ObjCell,
}

#[pymethods]
impl Accumulate {
    #[new(sig = "(iterable, func=None, *, initial=None)")]
    fn construct(cls: &Type, iterable: &Obj, func: Option<Obj>, initial: Option<Obj>) -> PyResult<Obj> {
        let payload = Accumulate {
            iterator: iter::iter(iterable)?,
            function: func,
            total: ObjCell::empty(),
            initial: ObjCell::new(initial),
        };
        Ok(Ptr::new_in(cls, payload).into_obj())
    }

    #[slot(iternext)]
    fn next(this: &Object<Accumulate>) -> PyResult<Option<Obj>> {
        if let Some(initial) = this.initial.take() {
            this.total.put(initial.clone());
            return Ok(Some(initial));
        }
        let Some(item) = iter::next(&this.iterator)? else { return Ok(None) };
        let total = match (this.total.get(), &this.function) {
            (None, _) => item,
            (Some(total), None) => number::add(&total, &item)?,
            (Some(total), Some(function)) => call::call(function, &[total, item])?,
        };
        this.total.put(total.clone());
        Ok(Some(total))
    }
}

/// Return a chain object whose .__next__() method returns elements from the
/// first iterable until it is exhausted, then elements from the next
/// iterable, until all of the iterables are exhausted.
#[pyclass(name = "chain", module = "itertools", flags = BASETYPE, parts(PART, ITER))]
pub struct Chain {
    /// The iterator over the iterables; empty at the end.
    source: ObjCell,
    active: ObjCell,
}

#[pymethods]
impl Chain {
    #[new(text_signature = "(*iterables)")]
    fn construct(cls: &Type, args: Args<'_>) -> PyResult<Obj> {
        let args = pyrs_runtime::class::positional_arguments::<Chain>(cls, args)?;
        let source = iter::iter(&Tuple::from_slice(args.positionals()).into_obj())?;
        Ok(Ptr::new_in(cls, Chain { source: ObjCell::of(source), active: ObjCell::empty() }).into_obj())
    }

    /// Alternative chain() constructor taking a single iterable argument that evaluates lazily.
    #[classmethod]
    fn from_iterable(cls: &Type, iterable: &Obj) -> PyResult<Obj> {
        let source = ObjCell::of(iter::iter(iterable)?);
        Ok(Ptr::new_in(cls, Chain { source, active: ObjCell::empty() }).into_obj())
    }

    #[slot(iternext)]
    fn next(this: &Object<Chain>) -> PyResult<Option<Obj>> {
        while let Some(source) = this.source.get() {
            let active = match this.active.get() {
                Some(active) => active,
                None => {
                    let Some(iterable) = iter::next(&source).inspect_err(|_| this.source.set(None))? else {
                        this.source.set(None);
                        return Ok(None);
                    };
                    let active = iter::iter(&iterable).inspect_err(|_| this.source.set(None))?;
                    this.active.put(active.clone());
                    active
                }
            };
            if let Some(item) = iter::next(&active)? {
                return Ok(Some(item));
            }
            this.active.set(None);
        }
        Ok(None)
    }

    /// chain is generic over the type of its contents.
    /// This is the union of the types of the input iterable contents.
    #[classmethod(name = "__class_getitem__")]
    fn class_getitem(cls: &Type, object: &Obj) -> PyResult<Obj> {
        GenericAlias::class_getitem(cls, object)
    }
}

/// Return data elements corresponding to true selector elements.
///
/// Forms a shorter iterator from selected data elements using the selectors
/// to choose the data elements.
#[pyclass(name = "compress", module = "itertools", flags = BASETYPE, parts(PART, ITER))]
pub struct Compress {
    data: Obj,
    selectors: Obj,
}

#[pymethods]
impl Compress {
    #[new(sig = "(data, selectors)")]
    fn construct(cls: &Type, data: &Obj, selectors: &Obj) -> PyResult<Obj> {
        let payload = Compress { data: iter::iter(data)?, selectors: iter::iter(selectors)? };
        Ok(Ptr::new_in(cls, payload).into_obj())
    }

    #[slot(iternext)]
    fn next(this: &Object<Compress>) -> PyResult<Option<Obj>> {
        loop {
            let Some(item) = iter::next(&this.data)? else { return Ok(None) };
            let Some(selector) = iter::next(&this.selectors)? else { return Ok(None) };
            if truth::is_true(&selector)? {
                return Ok(Some(item));
            }
        }
    }
}

/// Drop items from the iterable while predicate(item) is true.
///
/// Afterwards, return every element until the iterable is exhausted.
#[pyclass(name = "dropwhile", module = "itertools", flags = BASETYPE, parts(PART, ITER))]
pub struct DropWhile {
    predicate: Obj,
    iterator: Obj,
    started: Cell<bool>,
}

#[pymethods]
impl DropWhile {
    #[new(sig = "(predicate, iterable, /)")]
    fn construct(cls: &Type, predicate: Obj, iterable: &Obj) -> PyResult<Obj> {
        let payload = DropWhile { predicate, iterator: iter::iter(iterable)?, started: Cell::new(false) };
        Ok(Ptr::new_in(cls, payload).into_obj())
    }

    #[slot(iternext)]
    fn next(this: &Object<DropWhile>) -> PyResult<Option<Obj>> {
        while let Some(item) = iter::next(&this.iterator)? {
            if this.started.get() {
                return Ok(Some(item));
            }
            let verdict = call::call(&this.predicate, std::slice::from_ref(&item))?;
            if !truth::is_true(&verdict)? {
                this.started.set(true);
                return Ok(Some(item));
            }
        }
        Ok(None)
    }
}

/// Return those items of iterable for which function(item) is false.
///
/// If function is None, return the items that are false.
#[pyclass(name = "filterfalse", module = "itertools", flags = BASETYPE, parts(PART, ITER))]
pub struct FilterFalse {
    function: Obj,
    iterator: Obj,
}

#[pymethods]
impl FilterFalse {
    #[new(sig = "(function, iterable, /)")]
    fn construct(cls: &Type, function: Obj, iterable: &Obj) -> PyResult<Obj> {
        let iterator = iter::iter(iterable)?;
        Ok(Ptr::new_in(cls, FilterFalse { function, iterator }).into_obj())
    }

    #[slot(iternext)]
    fn next(this: &Object<FilterFalse>) -> PyResult<Option<Obj>> {
        while let Some(item) = iter::next(&this.iterator)? {
            if !accepts(&this.function, &item)? {
                return Ok(Some(item));
            }
        }
        Ok(None)
    }
}

/// islice(iterable, stop) --> islice object
/// islice(iterable, start, stop[, step]) --> islice object
///
/// Return an iterator whose next() method returns selected values from an
/// iterable.  If start is specified, will skip all preceding elements;
/// otherwise, start defaults to zero.  Step defaults to one.  If
/// specified as another value, step determines how many values are
/// skipped between successive calls.  Works like a slice() on a list
/// but returns an iterator.
#[pyclass(name = "islice", module = "itertools", flags = BASETYPE, parts(PART, ITER))]
pub struct Islice {
    iterator: ObjCell,
    /// The number of the next item to be returned.
    next: Cell<usize>,
    stop: Option<usize>,
    step: usize,
    /// Items taken so far.
    count: Cell<usize>,
}

/// A bound: None, or an integer from 0 to `sys.maxsize`.
fn bound(arg: Option<&Obj>) -> Result<Option<usize>, ()> {
    match arg {
        Some(arg) if !arg.is_none() => match number::as_ssize(arg, true) {
            Ok(n) => usize::try_from(n).map(Some).map_err(drop),
            Err(raised) => {
                raised.discard();
                Err(())
            }
        },
        _ => Ok(None),
    }
}

#[pymethods]
impl Islice {
    #[new]
    fn construct(cls: &Type, args: Args<'_>) -> PyResult<Obj> {
        let args = pyrs_runtime::class::positional_arguments::<Islice>(cls, args)?;
        let (iterable, start, stop, step) = match args.positionals() {
            [iterable, stop] => (iterable, None, stop, None),
            [iterable, start, stop] => (iterable, Some(start), stop, None),
            [iterable, start, stop, step] => (iterable, Some(start), stop, Some(step)),
            few if few.len() < 2 => {
                return Err(raise!(TypeError, "islice expected at least 2 arguments, got {}", few.len()));
            }
            many => return Err(raise!(TypeError, "islice expected at most 4 arguments, got {}", many.len())),
        };
        let range = "must be None or an integer: 0 <= x <= sys.maxsize.";
        let stop = bound(Some(stop)).map_err(|()| raise!(ValueError, "Stop argument for islice() {range}"))?;
        let start = bound(start).map_err(|()| raise!(ValueError, "Indices for islice() {range}"))?.unwrap_or(0);
        let step = match bound(step) {
            Ok(step) if step != Some(0) => step.unwrap_or(1),
            _ => return Err(raise!(ValueError, "Step for islice() must be a positive integer or None.")),
        };
        let iterator = ObjCell::of(iter::iter(iterable)?);
        let payload = Islice { iterator, next: Cell::new(start), stop, step, count: Cell::new(0) };
        Ok(Ptr::new_in(cls, payload).into_obj())
    }

    #[slot(iternext)]
    fn next(this: &Object<Islice>) -> PyResult<Option<Obj>> {
        let Some(iterator) = this.iterator.get() else { return Ok(None) };
        let wanted = this.next.get();
        let stop = this.stop.unwrap_or(usize::MAX);
        while this.count.get() < wanted.min(stop) {
            if iter::next(&iterator)?.is_none() {
                this.iterator.set(None);
                return Ok(None);
            }
            this.count.set(this.count.get() + 1);
        }
        if this.count.get() >= stop {
            this.iterator.set(None);
            return Ok(None);
        }
        let Some(item) = iter::next(&iterator)? else {
            this.iterator.set(None);
            return Ok(None);
        };
        this.count.set(this.count.get() + 1);
        this.next.set(wanted.saturating_add(this.step).min(stop));
        Ok(Some(item))
    }
}

/// Return an iterator whose values are returned from the function evaluated with an argument tuple taken from the given sequence.
#[pyclass(name = "starmap", module = "itertools", flags = BASETYPE, parts(PART, ITER))]
pub struct StarMap {
    function: Obj,
    iterator: Obj,
}

#[pymethods]
impl StarMap {
    #[new(sig = "(function, iterable, /)")]
    fn construct(cls: &Type, function: Obj, iterable: &Obj) -> PyResult<Obj> {
        let iterator = iter::iter(iterable)?;
        Ok(Ptr::new_in(cls, StarMap { function, iterator }).into_obj())
    }

    #[slot(iternext)]
    fn next(this: &Object<StarMap>) -> PyResult<Option<Obj>> {
        match iter::next(&this.iterator)? {
            Some(args) => call::call(&this.function, &iter::collect(&args)?).map(Some),
            None => Ok(None),
        }
    }
}

/// Return successive entries from an iterable as long as the predicate evaluates to true for each entry.
#[pyclass(name = "takewhile", module = "itertools", flags = BASETYPE, parts(PART, ITER))]
pub struct TakeWhile {
    predicate: Obj,
    iterator: Obj,
    stopped: Cell<bool>,
}

#[pymethods]
impl TakeWhile {
    #[new(sig = "(predicate, iterable, /)")]
    fn construct(cls: &Type, predicate: Obj, iterable: &Obj) -> PyResult<Obj> {
        let payload = TakeWhile { predicate, iterator: iter::iter(iterable)?, stopped: Cell::new(false) };
        Ok(Ptr::new_in(cls, payload).into_obj())
    }

    #[slot(iternext)]
    fn next(this: &Object<TakeWhile>) -> PyResult<Option<Obj>> {
        if this.stopped.get() {
            return Ok(None);
        }
        let Some(item) = iter::next(&this.iterator)? else { return Ok(None) };
        let verdict = call::call(&this.predicate, std::slice::from_ref(&item))?;
        if truth::is_true(&verdict)? {
            return Ok(Some(item));
        }
        this.stopped.set(true);
        Ok(None)
    }
}
