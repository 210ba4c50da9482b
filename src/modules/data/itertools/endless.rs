//! `count`, `cycle` and `repeat`.

use std::cell::Cell;

use crate::data::iterates_itself;
use pyrs_macros::{pyclass, pymethods};
use pyrs_runtime::call::Args;
use pyrs_runtime::object::{DataCell, Obj, ObjCell, Object, Ptr};
use pyrs_runtime::objects::int;
use pyrs_runtime::objects::text_builder::TextBuilder;
use pyrs_runtime::protocols::{iter, number, truth};
use pyrs_runtime::types::Type;
use pyrs_runtime::{PyResult, raise};

/// Return a count object whose .__next__() method returns consecutive values.
///
/// Equivalent to:
///     def count(firstval=0, step=1):
///         x = firstval
///         while 1:
///             yield x
///             x += step
#[pyclass(name = "count", module = "itertools", flags = BASETYPE, parts(PART, ITER))]
pub struct Count {
    /// The next value.
    next: ObjCell,
    step: Obj,
}

iterates_itself!(Count, Cycle, Repeat);

#[pymethods]
impl Count {
    #[new(sig = "(start=0, step=1)", text_signature = "(start=0, step=1)", name = "count")]
    fn construct(cls: &Type, start: Option<&Obj>, step: Option<&Obj>) -> PyResult<Obj> {
        for given in [start, step].into_iter().flatten() {
            if !number::is_number(given) {
                return Err(raise!(TypeError, "a number is required"));
            }
        }
        // Exact integers count as such: a bool shows as a number.
        let plain = |given: Option<&Obj>, default: i64| match given {
            None => int::new(default),
            Some(n) if int::is_int(n) => number::exact_int(n),
            Some(n) => n.clone(),
        };
        Ok(Ptr::new_in(cls, Count { next: ObjCell::of(plain(start, 0)), step: plain(step, 1) }).into_obj())
    }

    #[slot(iternext)]
    fn next(this: &Object<Count>) -> PyResult<Option<Obj>> {
        let value = this.next.get().expect("always set");
        let following = match (int::to_i64(&value), int::to_i64(&this.step)) {
            (Some(a), Some(b)) => int::from_i128(a as i128 + b as i128),
            _ => number::add(&value, &this.step)?,
        };
        this.next.put(following);
        Ok(Some(value))
    }

    #[slot(repr)]
    fn repr(this: &Object<Count>) -> PyResult<Obj> {
        let mut out = TextBuilder::new();
        out.text(this.class().short_name()).text("(").repr(&this.next.get().expect("always set"))?;
        let one = pyrs_runtime::protocols::compare::equal(&this.step, &int::new(1))?;
        if !one {
            out.text(", ").repr(&this.step)?;
        }
        Ok(out.text(")").finish_obj())
    }
}

/// Return elements from the iterable until it is exhausted. Then repeat the sequence indefinitely.
#[pyclass(name = "cycle", module = "itertools", flags = BASETYPE, parts(PART, ITER))]
pub struct Cycle {
    /// The iterator of the first round.
    first: ObjCell,
    saved: DataCell<Vec<Obj>>,
    index: Cell<usize>,
}

#[pymethods]
impl Cycle {
    #[new(sig = "(iterable, /)")]
    fn construct(cls: &Type, iterable: &Obj) -> PyResult<Obj> {
        let first = ObjCell::of(iter::iter(iterable)?);
        Ok(Ptr::new_in(cls, Cycle { first, saved: DataCell::default(), index: Cell::new(0) }).into_obj())
    }

    #[slot(iternext)]
    fn next(this: &Object<Cycle>) -> PyResult<Option<Obj>> {
        if let Some(first) = this.first.get() {
            if let Some(item) = iter::next(&first)? {
                this.saved.with(|saved| saved.push(item.clone()));
                return Ok(Some(item));
            }
            this.first.set(None);
        }
        let index = this.index.get();
        Ok(this.saved.with(|saved| {
            let item = saved.get(index).cloned();
            this.index.set(if index + 1 >= saved.len() { 0 } else { index + 1 });
            item
        }))
    }
}

/// repeat(object [,times]) -> create an iterator which returns the object
/// for the specified number of times.  If not specified, returns the object
/// endlessly.
#[pyclass(name = "repeat", module = "itertools", flags = BASETYPE, parts(PART, ITER))]
pub struct Repeat {
    object: Obj,
    /// Repetitions left; `None` = without end.
    left: Cell<Option<usize>>,
}

#[pymethods]
impl Repeat {
    #[new]
    fn construct(cls: &Type, args: Args<'_>) -> PyResult<Obj> {
        let given = args.values.len();
        if given > 2 {
            return Err(raise!(TypeError, "repeat() takes at most 2 arguments ({given} given)"));
        }
        let object = args.positionals().first().or_else(|| args.keyword("object"));
        let Some(object) = object else {
            return Err(raise!(TypeError, "repeat() missing required argument 'object' (pos 1)"));
        };
        if let Some((key, _)) = args.keywords().find(|(key, _)| !key.eq_str("object") && !key.eq_str("times")) {
            let key = key.to_string_lossy();
            return Err(raise!(TypeError, "repeat() got an unexpected keyword argument '{key}'"));
        }
        let left = match args.positionals().get(1).or_else(|| args.keyword("times")) {
            Some(times) => Some(number::as_ssize(times, true)?.max(0) as usize),
            None => None,
        };
        Ok(Ptr::new_in(cls, Repeat { object: object.clone(), left: Cell::new(left) }).into_obj())
    }

    #[slot(iternext)]
    fn next(this: &Object<Repeat>) -> PyResult<Option<Obj>> {
        match this.left.get() {
            Some(0) => return Ok(None),
            Some(n) => this.left.set(Some(n - 1)),
            None => {}
        }
        Ok(Some(this.object.clone()))
    }

    #[slot(repr)]
    fn repr(this: &Object<Repeat>) -> PyResult<Obj> {
        let mut out = TextBuilder::new();
        out.text(this.class().short_name()).text("(").repr(&this.object)?;
        if let Some(left) = this.left.get() {
            out.text(&format!(", {left}"));
        }
        Ok(out.text(")").finish_obj())
    }

    /// Private method returning an estimate of len(list(it)).
    #[pymethod(name = "__length_hint__")]
    fn length_hint(&self) -> PyResult<usize> {
        self.left.get().ok_or_else(|| raise!(TypeError, "len() of unsized object"))
    }
}

/// True if `predicate` (None = truth) accepts the item.
pub(super) fn accepts(predicate: &Obj, item: &Obj) -> PyResult<bool> {
    if predicate.is_none() {
        return truth::is_true(item);
    }
    truth::is_true(&pyrs_runtime::call::call(predicate, std::slice::from_ref(item))?)
}
