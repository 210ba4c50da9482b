//! `enumerate`, `reversed`, `zip`, `map` and `filter`.

use std::cell::Cell;

use num_bigint::BigInt;

use crate::call::{self, Args};
use crate::errors::{PyResult, Raised};
use crate::object::PyClass;
use crate::object::{DataCell, Obj, ObjCell, Object, Ptr};
use crate::objects::exceptions::{IndexError, StopIteration};
use crate::objects::generic_alias::GenericAlias;
use crate::objects::int;
use crate::objects::iter::passes;
use crate::objects::list_methods::ListIterator;
use crate::objects::singletons::bool_obj;
use crate::objects::tuple::Tuple;
use crate::protocols::{iter, number, sequence, truth};
use crate::types::{Type, lookup};
use crate::{name, raise};
use pyrs_macros::{pyclass, pymethods};

fn tuple(items: Vec<Obj>) -> Obj {
    Tuple::from_vec(items).into_obj()
}

/// Return an enumerate object.
///
///   iterable
///     an object supporting iteration
///
/// The enumerate object yields pairs containing a count (from start, which
/// defaults to zero) and a value yielded by the iterable argument.
///
/// enumerate is useful for obtaining an indexed list:
///     (0, seq[0]), (1, seq[1]), (2, seq[2]), ...
#[pyclass(name = "enumerate", flags = BASETYPE)]
pub struct Enumerate {
    /// The next number; beyond machine integers it is in `big`.
    pub count: Cell<i64>,
    big: DataCell<Option<BigInt>>,
    pub iterator: Obj,
}

#[pymethods]
impl Enumerate {
    #[new(text_signature = "(iterable, start=0)")]
    fn construct(cls: &Type, args: Args<'_>) -> PyResult<Obj> {
        let given = args.values.len();
        if given > 2 {
            return Err(raise!(TypeError, "enumerate() takes at most 2 arguments ({given} given)"));
        }
        let mut iterable = args.positionals().first();
        let mut start = args.positionals().get(1);
        for (key, value) in args.keywords() {
            if key.eq_str("iterable") && iterable.is_none() {
                iterable = Some(value);
            } else if key.eq_str("start") && start.is_none() {
                start = Some(value);
            } else {
                let key = key.to_string_lossy();
                return Err(raise!(TypeError, "'{key}' is an invalid keyword argument for enumerate()"));
            }
        }
        let Some(iterable) = iterable else {
            return Err(raise!(TypeError, "enumerate() missing required argument 'iterable'"));
        };
        let start = match start {
            Some(start) => number::exact_index(start)?,
            None => int::new(0),
        };
        let iterator = iter::iter(iterable)?;
        let (count, big) = match int::to_i64(&start) {
            Some(n) => (n, None),
            None => (0, int::to_bigint(&start)),
        };
        let payload = Enumerate { count: Cell::new(count), big: DataCell::new(big), iterator };
        Ok(Ptr::new_in(cls, payload).into_obj())
    }

    #[slot(iter)]
    fn iter(this: &Obj) -> PyResult<Obj> {
        Ok(this.clone())
    }

    #[slot(iternext)]
    fn next(this: &Object<Enumerate>) -> PyResult<Option<Obj>> {
        Ok(this.next_pair()?.map(|(number, item)| Tuple::pair(number, item).into_obj()))
    }

    /// Return state information for pickling.
    #[pymethod(name = "__reduce__")]
    fn reduce(this: &Object<Enumerate>) -> Obj {
        tuple(vec![this.class().to_obj(), tuple(vec![this.iterator.clone(), this.current()])])
    }

    /// 'enumerate' objects are generic over the type of their values
    #[classmethod(name = "__class_getitem__")]
    fn class_getitem(cls: &Type, object: &Obj) -> Obj {
        GenericAlias::new(cls.to_obj(), object).into_obj()
    }
}

impl Enumerate {
    /// The next number and item.
    #[inline]
    pub fn next_pair(&self) -> PyResult<Option<(Obj, Obj)>> {
        let item = match self.iterator.exact::<ListIterator>() {
            Some(list) => list.step(),
            None => iter::next(&self.iterator)?,
        };
        let Some(item) = item else { return Ok(None) };
        let number = self.current();
        self.advance();
        Ok(Some((number, item)))
    }

    #[inline]
    fn current(&self) -> Obj {
        match self.big.with(|big| big.clone()) {
            Some(n) => int::from_bigint(n),
            None => int::new(self.count.get()),
        }
    }

    fn advance(&self) {
        let small = self.big.with(|big| match big {
            Some(n) => {
                *n += 1;
                false
            }
            None => true,
        });
        if small {
            match self.count.get().checked_add(1) {
                Some(n) => self.count.set(n),
                None => drop(self.big.replace(Some(BigInt::from(i64::MAX) + 1))),
            }
        }
    }
}

/// Return a reverse iterator over the values of the given sequence.
#[pyclass(name = "reversed", flags = BASETYPE)]
pub struct Reversed {
    index: Cell<isize>,
    sequence: ObjCell,
}

#[pymethods]
impl Reversed {
    #[new(text_signature = "(sequence, /)")]
    fn construct(cls: &Type, args: Args<'_>) -> PyResult<Obj> {
        let args = crate::class::positional_arguments::<Reversed>(cls, args)?;
        let [sequence] = args.positionals() else {
            return Err(raise!(TypeError, "reversed expected 1 argument, got {}", args.nargs));
        };
        let not_reversible = || raise!(TypeError, "'{}' object is not reversible", sequence.class().name());
        if let Some(found) = lookup(sequence.class(), name!("__reversed__")) {
            if found.is_none() {
                return Err(not_reversible());
            }
            return match call::call_special(sequence, name!("__reversed__"), &[])? {
                Some(result) => Ok(result),
                None => Err(not_reversible()),
            };
        }
        if !sequence::is_sequence(sequence) {
            return Err(not_reversible());
        }
        let length = sequence::len(sequence)?;
        let payload = Reversed { index: Cell::new(length as isize - 1), sequence: ObjCell::of(sequence.clone()) };
        Ok(Ptr::new_in(cls, payload).into_obj())
    }

    #[slot(iter)]
    fn iter(this: &Obj) -> PyResult<Obj> {
        Ok(this.clone())
    }

    #[slot(iternext)]
    fn next(this: &Object<Reversed>) -> PyResult<Option<Obj>> {
        let index = this.index.get();
        if index >= 0
            && let Some(sequence) = this.sequence.get()
        {
            match sequence::get(&sequence, index) {
                Ok(item) => {
                    this.index.set(index - 1);
                    return Ok(Some(item));
                }
                Err(raised) if raised.matches(IndexError::class()) || raised.matches(StopIteration::class()) => {
                    raised.discard();
                }
                Err(raised) => return Err(raised),
            }
        }
        this.index.set(-1);
        this.sequence.set(None);
        Ok(None)
    }

    /// Private method returning an estimate of len(list(it)).
    #[pymethod(name = "__length_hint__")]
    fn length_hint(&self) -> PyResult<usize> {
        let Some(sequence) = self.sequence.get() else { return Ok(0) };
        let rest = (self.index.get() + 1) as usize;
        Ok(if sequence::len(&sequence)? < rest { 0 } else { rest })
    }

    /// Return state information for pickling.
    #[pymethod(name = "__reduce__")]
    fn reduce(this: &Object<Reversed>) -> Obj {
        let class = this.class().to_obj();
        match this.sequence.get() {
            Some(sequence) => tuple(vec![class, tuple(vec![sequence]), int::new(this.index.get() as i64)]),
            None => tuple(vec![class, tuple(vec![tuple(vec![])])]),
        }
    }

    /// Set state information for unpickling.
    #[pymethod(name = "__setstate__", sig = "(object, /)")]
    fn setstate(&self, state: isize) -> PyResult<()> {
        if let Some(sequence) = self.sequence.get() {
            let length = sequence::len(&sequence)? as isize;
            self.index.set(state.clamp(-1, length - 1));
        }
        Ok(())
    }
}

/// The `strict` keyword of `zip` and `map`.
fn strict_argument(args: Args<'_>, function: &str) -> PyResult<bool> {
    let mut strict = false;
    for (key, value) in args.keywords() {
        if !key.eq_str("strict") {
            let key = key.to_string_lossy();
            return Err(raise!(TypeError, "{function}() got an unexpected keyword argument '{key}'"));
        }
        strict = truth::is_true(value)?;
    }
    Ok(strict)
}

/// Iterator `i` ended first (or went on when those before it had ended).
fn uneven(function: &str, i: usize, relation: &str) -> Raised {
    let others = if i == 1 { " ".to_owned() } else { "s 1-".to_owned() };
    raise!(ValueError, "{function}() argument {} is {relation} than argument{others}{i}", i + 1)
}

/// The next item of each iterator; `None` when the first of them ends.
impl Zip {
    /// The next items of two iterators, where this is the plain zip of two.
    #[inline]
    pub fn next_pair(&self) -> Option<PyResult<Option<(Obj, Obj)>>> {
        let [first, second] = &*self.iterators else { return None };
        if self.strict.get() {
            return None;
        }
        let step = || {
            let Some(a) = iter::next(first)? else { return Ok(None) };
            Ok(iter::next(second)?.map(|b| (a, b)))
        };
        Some(step())
    }
}

fn next_row(iterators: &[Obj], strict: bool, function: &str) -> PyResult<Option<Vec<Obj>>> {
    let mut row = Vec::with_capacity(iterators.len());
    for (i, iterator) in iterators.iter().enumerate() {
        if let Some(item) = iter::next(iterator)? {
            row.push(item);
            continue;
        }
        if strict {
            if i > 0 {
                return Err(uneven(function, i, "shorter"));
            }
            for (i, iterator) in iterators.iter().enumerate().skip(1) {
                if iter::next(iterator)?.is_some() {
                    return Err(uneven(function, i, "longer"));
                }
            }
        }
        return Ok(None);
    }
    Ok(Some(row))
}

/// The zip object yields n-length tuples, where n is the number of
/// iterables passed as positional arguments to zip().  The i-th element
/// in every tuple comes from the i-th iterable argument to zip().  This
/// continues until the shortest argument is exhausted.
///
/// If strict is true and one of the arguments is exhausted before the
/// others, raise a ValueError.
///
///    >>> list(zip('abcdefg', range(3), range(4)))
///    [('a', 0, 0), ('b', 1, 1), ('c', 2, 2)]
#[pyclass(name = "zip", flags = BASETYPE)]
pub struct Zip {
    pub iterators: Vec<Obj>,
    strict: Cell<bool>,
}

#[pymethods]
impl Zip {
    #[new(text_signature = "(*iterables, strict=False)")]
    fn construct(cls: &Type, args: Args<'_>) -> PyResult<Obj> {
        let strict = strict_argument(args, "zip")?;
        let iterators = args.positionals().iter().map(iter::iter).collect::<PyResult<Vec<Obj>>>()?;
        Ok(Ptr::new_in(cls, Zip { iterators, strict: Cell::new(strict) }).into_obj())
    }

    #[slot(iter)]
    fn iter(this: &Obj) -> PyResult<Obj> {
        Ok(this.clone())
    }

    #[slot(iternext)]
    fn next(this: &Object<Zip>) -> PyResult<Option<Obj>> {
        if this.iterators.is_empty() {
            return Ok(None);
        }
        if let Some(pair) = this.next_pair() {
            return Ok(pair?.map(|(a, b)| Tuple::pair(a, b).into_obj()));
        }
        Ok(next_row(&this.iterators, this.strict.get(), "zip")?.map(tuple))
    }

    /// Return state information for pickling.
    #[pymethod(name = "__reduce__")]
    fn reduce(this: &Object<Zip>) -> Obj {
        let mut parts = vec![this.class().to_obj(), tuple(this.iterators.clone())];
        if this.strict.get() {
            parts.push(bool_obj(true));
        }
        tuple(parts)
    }

    /// Set state information for unpickling.
    #[pymethod(name = "__setstate__", sig = "(object, /)")]
    fn setstate(&self, state: bool) {
        self.strict.set(state);
    }
}

/// Make an iterator that computes the function using arguments from
/// each of the iterables.  Stops when the shortest iterable is exhausted.
///
/// If strict is true and one of the arguments is exhausted before the
/// others, raise a ValueError.
#[pyclass(name = "map", flags = BASETYPE)]
pub struct Map {
    function: Obj,
    iterators: Vec<Obj>,
    strict: Cell<bool>,
}

#[pymethods]
impl Map {
    #[new(text_signature = "(function, iterable, /, *iterables, strict=False)")]
    fn construct(cls: &Type, args: Args<'_>) -> PyResult<Obj> {
        let strict = strict_argument(args, "map")?;
        let [function, iterables @ ..] = args.positionals() else {
            return Err(raise!(TypeError, "map() must have at least two arguments."));
        };
        if iterables.is_empty() {
            return Err(raise!(TypeError, "map() must have at least two arguments."));
        }
        let iterators = iterables.iter().map(iter::iter).collect::<PyResult<Vec<Obj>>>()?;
        let payload = Map { function: function.clone(), iterators, strict: Cell::new(strict) };
        Ok(Ptr::new_in(cls, payload).into_obj())
    }

    #[slot(iter)]
    fn iter(this: &Obj) -> PyResult<Obj> {
        Ok(this.clone())
    }

    #[slot(iternext)]
    fn next(this: &Object<Map>) -> PyResult<Option<Obj>> {
        if let [only] = &this.iterators[..] {
            return match iter::next(only)? {
                Some(item) => call::call(&this.function, &[item]).map(Some),
                None => Ok(None),
            };
        }
        match next_row(&this.iterators, this.strict.get(), "map")? {
            Some(row) => call::call(&this.function, &row).map(Some),
            None => Ok(None),
        }
    }

    /// Return state information for pickling.
    #[pymethod(name = "__reduce__")]
    fn reduce(this: &Object<Map>) -> Obj {
        let mut args = vec![this.function.clone()];
        args.extend_from_slice(&this.iterators);
        let mut parts = vec![this.class().to_obj(), tuple(args)];
        if this.strict.get() {
            parts.push(bool_obj(true));
        }
        tuple(parts)
    }

    /// Set state information for unpickling.
    #[pymethod(name = "__setstate__", sig = "(object, /)")]
    fn setstate(&self, state: bool) {
        self.strict.set(state);
    }
}

/// Return an iterator yielding those items of iterable for which
/// function(item) is true.  If function is None, return the items that
/// are true.
#[pyclass(name = "filter", flags = BASETYPE)]
pub struct Filter {
    function: Obj,
    iterator: Obj,
}

#[pymethods]
impl Filter {
    #[new(text_signature = "(function, iterable, /)")]
    fn construct(cls: &Type, args: Args<'_>) -> PyResult<Obj> {
        let args = crate::class::positional_arguments::<Filter>(cls, args)?;
        let [function, iterable] = args.positionals() else {
            return Err(raise!(TypeError, "filter expected 2 arguments, got {}", args.nargs));
        };
        let payload = Filter { function: function.clone(), iterator: iter::iter(iterable)? };
        Ok(Ptr::new_in(cls, payload).into_obj())
    }

    #[slot(iter)]
    fn iter(this: &Obj) -> PyResult<Obj> {
        Ok(this.clone())
    }

    #[slot(iternext)]
    fn next(this: &Object<Filter>) -> PyResult<Option<Obj>> {
        while let Some(item) = iter::next(&this.iterator)? {
            if passes(&this.function, &item)? {
                return Ok(Some(item));
            }
        }
        Ok(None)
    }

    /// Return state information for pickling.
    #[pymethod(name = "__reduce__")]
    fn reduce(this: &Object<Filter>) -> Obj {
        let args = tuple(vec![this.function.clone(), this.iterator.clone()]);
        tuple(vec![this.class().to_obj(), args])
    }
}
