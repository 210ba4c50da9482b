//! Iterators that put items together: `batched`, `groupby`, `pairwise`, `zip_longest`.

use std::cell::Cell;

use crate::data::{iterates_itself, tuple};
use pyrs_macros::{pyclass, pymethods};
use pyrs_runtime::call::{self, Args};
use pyrs_runtime::object::{Obj, ObjCell, Object, Ptr};
use pyrs_runtime::objects::singletons::none;
use pyrs_runtime::protocols::{compare, iter};
use pyrs_runtime::types::Type;
use pyrs_runtime::{PyResult, raise};

iterates_itself!(Batched, GroupBy, Grouper, Pairwise, ZipLongest);

/// Batch data into tuples of length n. The last batch may be shorter than n.
///
/// Loops over the input iterable and accumulates data into tuples
/// up to size n.  The input is consumed lazily, just enough to
/// fill a batch.  The result is yielded as soon as a batch is full
/// or when the input iterable is exhausted.
///
///     >>> for batch in batched('ABCDEFG', 3):
///     ...     print(batch)
///     ...
///     ('A', 'B', 'C')
///     ('D', 'E', 'F')
///     ('G',)
///
/// If "strict" is True, raises a ValueError if the final batch is shorter
/// than n.
#[pyclass(name = "batched", module = "itertools", flags = BASETYPE, parts(PART, ITER))]
pub struct Batched {
    iterator: ObjCell,
    size: usize,
    strict: bool,
}

#[pymethods]
impl Batched {
    #[new(sig = "(iterable, n, *, strict=False)")]
    fn construct(cls: &Type, iterable: &Obj, n: isize, strict: bool) -> PyResult<Obj> {
        if n < 1 {
            return Err(raise!(ValueError, "n must be at least one"));
        }
        let iterator = ObjCell::of(iter::iter(iterable)?);
        Ok(Ptr::new_in(cls, Batched { iterator, size: n as usize, strict }).into_obj())
    }

    #[slot(iternext)]
    fn next(this: &Object<Batched>) -> PyResult<Option<Obj>> {
        let Some(iterator) = this.iterator.get() else { return Ok(None) };
        let mut batch = Vec::new();
        while batch.len() < this.size {
            let Some(item) = iter::next(&iterator)? else { break };
            batch.push(item);
        }
        if batch.len() == this.size {
            return Ok(Some(tuple(batch)));
        }
        this.iterator.set(None);
        if batch.is_empty() {
            return Ok(None);
        }
        if this.strict {
            return Err(raise!(ValueError, "batched(): incomplete batch"));
        }
        Ok(Some(tuple(batch)))
    }
}

/// make an iterator that returns consecutive keys and groups from the iterable
///
///   iterable
///     Elements to divide into groups according to the key function.
///   key
///     A function for computing the group category for each element.
///     If the key function is not specified or is None, the element itself
///     is used for grouping.
#[pyclass(name = "groupby", module = "itertools", flags = BASETYPE, parts(PART, ITER))]
pub struct GroupBy {
    iterator: Obj,
    key: Option<Obj>,
    /// The key of the group that was handed out last.
    target_key: ObjCell,
    current_key: ObjCell,
    current_value: ObjCell,
    /// The number of the group that is live; older ones have ended.
    live_group: Cell<u64>,
}

impl GroupBy {
    /// Takes the next item; false at the end.
    fn step(&self) -> PyResult<bool> {
        let Some(value) = iter::next(&self.iterator)? else { return Ok(false) };
        let key = match &self.key {
            Some(function) => call::call(function, std::slice::from_ref(&value))?,
            None => value.clone(),
        };
        self.current_value.put(value);
        self.current_key.put(key);
        Ok(true)
    }
}

#[pymethods]
impl GroupBy {
    #[new(sig = "(iterable, key=None)")]
    fn construct(cls: &Type, iterable: &Obj, key: Option<Obj>) -> PyResult<Obj> {
        let payload = GroupBy {
            iterator: iter::iter(iterable)?,
            key,
            target_key: ObjCell::empty(),
            current_key: ObjCell::empty(),
            current_value: ObjCell::empty(),
            live_group: Cell::new(0),
        };
        Ok(Ptr::new_in(cls, payload).into_obj())
    }

    #[slot(iternext)]
    fn next(this: &Object<GroupBy>) -> PyResult<Option<Obj>> {
        this.live_group.set(this.live_group.get() + 1);
        // Skips what is left of the last group.
        loop {
            match (this.current_key.get(), this.target_key.get()) {
                (None, _) => {}
                (Some(_), None) => break,
                (Some(current), Some(target)) => {
                    if !compare::equal(&target, &current)? {
                        break;
                    }
                }
            }
            if !this.step()? {
                return Ok(None);
            }
        }
        let key = this.current_key.get().expect("a step sets it");
        this.target_key.put(key.clone());
        let group = Grouper { parent: this.to_ptr(), key: key.clone(), number: this.live_group.get() };
        Ok(Some(tuple(vec![key, Ptr::new(group).into_obj()])))
    }
}

// One group of `groupby`.
#[pyclass(name = "_grouper", module = "itertools", parts(PART, ITER))]
pub struct Grouper {
    parent: Ptr<GroupBy>,
    key: Obj,
    number: u64,
}

#[pymethods]
impl Grouper {
    #[new(sig = "(parent, tgtkey, /)")]
    fn construct(_cls: &Type, parent: &Object<GroupBy>, key: Obj) -> PyResult<Obj> {
        parent.live_group.set(parent.live_group.get() + 1);
        Ok(Ptr::new(Grouper { parent: parent.to_ptr(), key, number: parent.live_group.get() }).into_obj())
    }

    #[slot(iternext)]
    fn next(this: &Object<Grouper>) -> PyResult<Option<Obj>> {
        let parent = &this.parent;
        if parent.live_group.get() != this.number {
            return Ok(None);
        }
        if !parent.current_value.is_set() && !parent.step()? {
            return Ok(None);
        }
        let Some(current) = parent.current_key.get() else { return Ok(None) };
        if !compare::equal(&this.key, &current)? {
            return Ok(None);
        }
        parent.current_key.set(None);
        Ok(parent.current_value.take())
    }
}

/// Return an iterator of overlapping pairs taken from the input iterator.
///
///     s -> (s0,s1), (s1,s2), (s2, s3), ...
#[pyclass(name = "pairwise", module = "itertools", flags = BASETYPE, parts(PART, ITER))]
pub struct Pairwise {
    iterator: ObjCell,
    old: ObjCell,
}

#[pymethods]
impl Pairwise {
    #[new(sig = "(iterable, /)")]
    fn construct(cls: &Type, iterable: &Obj) -> PyResult<Obj> {
        let payload = Pairwise { iterator: ObjCell::of(iter::iter(iterable)?), old: ObjCell::empty() };
        Ok(Ptr::new_in(cls, payload).into_obj())
    }

    #[slot(iternext)]
    fn next(this: &Object<Pairwise>) -> PyResult<Option<Obj>> {
        let Some(iterator) = this.iterator.get() else { return Ok(None) };
        let mut old = this.old.get();
        if old.is_none() {
            old = iter::next(&iterator)?;
            this.old.set(old.clone());
            // The iterator may have come back here and finished this one.
            if !this.iterator.is_set() {
                this.old.set(None);
                return Ok(None);
            }
        }
        let new = match old {
            Some(_) => iter::next(&iterator)?,
            None => None,
        };
        let (Some(old), Some(new)) = (old, new) else {
            this.iterator.set(None);
            this.old.set(None);
            return Ok(None);
        };
        this.old.put(new.clone());
        Ok(Some(tuple(vec![old, new])))
    }
}

/// Return a zip_longest object whose .__next__() method returns a tuple where
/// the i-th element comes from the i-th iterable argument.  The .__next__()
/// method continues until the longest iterable in the argument sequence
/// is exhausted and then it raises StopIteration.  When the shorter iterables
/// are exhausted, the fillvalue is substituted in their place.  The fillvalue
/// defaults to None or can be specified by a keyword argument.
#[pyclass(name = "zip_longest", module = "itertools", flags = BASETYPE, parts(PART, ITER))]
pub struct ZipLongest {
    /// Each empty once it has ended.
    iterators: Vec<ObjCell>,
    fill: Obj,
    active: Cell<usize>,
}

#[pymethods]
impl ZipLongest {
    #[new]
    fn construct(cls: &Type, args: Args<'_>) -> PyResult<Obj> {
        let mut fill = none();
        for (key, value) in args.keywords() {
            if !key.eq_str("fillvalue") {
                return Err(raise!(TypeError, "zip_longest() got an unexpected keyword argument"));
            }
            fill = value.clone();
        }
        let mut iterators = Vec::with_capacity(args.nargs);
        for iterable in args.positionals() {
            iterators.push(ObjCell::of(iter::iter(iterable)?));
        }
        let active = Cell::new(iterators.len());
        Ok(Ptr::new_in(cls, ZipLongest { iterators, fill, active }).into_obj())
    }

    #[slot(iternext)]
    fn next(this: &Object<ZipLongest>) -> PyResult<Option<Obj>> {
        if this.active.get() == 0 {
            return Ok(None);
        }
        let mut row = Vec::with_capacity(this.iterators.len());
        for cell in &this.iterators {
            let item = match cell.get() {
                Some(iterator) => iter::next(&iterator).inspect_err(|_| this.active.set(0))?,
                None => {
                    row.push(this.fill.clone());
                    continue;
                }
            };
            if let Some(item) = item {
                row.push(item);
                continue;
            }
            this.active.set(this.active.get().saturating_sub(1));
            if this.active.get() == 0 {
                return Ok(None);
            }
            cell.set(None);
            row.push(this.fill.clone());
        }
        Ok(Some(tuple(row)))
    }
}
