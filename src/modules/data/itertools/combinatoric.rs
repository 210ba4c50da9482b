//! `product`, `permutations`, `combinations` and `combinations_with_replacement`.
//!
//! Each keeps positions into a pool of items; the positions of the next result follow from the last.

use std::cell::Cell;

use crate::data::{iterates_itself, tuple};
use pyrs_macros::{pyclass, pymethods};
use pyrs_runtime::call::Args;
use pyrs_runtime::object::{DataCell, Obj, Object, Ptr};
use pyrs_runtime::objects::int;
use pyrs_runtime::protocols::{iter, number};
use pyrs_runtime::types::Type;
use pyrs_runtime::{PyResult, raise};

iterates_itself!(Combinations, CombinationsWithReplacement, Permutations, Product);

/// Where an iteration over results stands.
#[derive(Copy, Clone, PartialEq)]
enum State {
    Start,
    Running,
    End,
}

/// The number of items in a result; not negative.
fn result_length(r: isize) -> PyResult<usize> {
    usize::try_from(r).map_err(|_| raise!(ValueError, "r must be non-negative"))
}

/// The items of a pool at these positions.
fn pick(pool: &[Obj], positions: &[usize]) -> Obj {
    tuple(positions.iter().map(|&i| pool[i].clone()).collect())
}

/// Moves to the next result with `step`, which says whether there is one.
fn advance(state: &Cell<State>, step: impl FnOnce() -> bool) -> bool {
    let more = match state.get() {
        State::Start => true,
        State::Running => step(),
        State::End => false,
    };
    state.set(if more { State::Running } else { State::End });
    more
}

/// Cartesian product of input iterables.  Equivalent to nested for-loops.
///
/// For example, product(A, B) returns the same as:  ((x,y) for x in A for y in B).
/// The leftmost iterators are in the outermost for-loop, so the output tuples
/// cycle in a manner similar to an odometer (with the rightmost element changing
/// on every iteration).
///
/// To compute the product of an iterable with itself, specify the number
/// of repetitions with the optional repeat keyword argument. For example,
/// product(A, repeat=4) means the same as product(A, A, A, A).
///
/// product('ab', range(3)) --> ('a',0) ('a',1) ('a',2) ('b',0) ('b',1) ('b',2)
/// product((0,1), (0,1), (0,1)) --> (0,0,0) (0,0,1) (0,1,0) (0,1,1) (1,0,0) ...
#[pyclass(name = "product", module = "itertools", flags = BASETYPE, parts(PART, ITER))]
pub struct Product {
    pools: Vec<Vec<Obj>>,
    positions: DataCell<Vec<usize>>,
    state: Cell<State>,
}

#[pymethods]
impl Product {
    #[new]
    fn construct(cls: &Type, args: Args<'_>) -> PyResult<Obj> {
        let mut repeat = 1;
        for (key, value) in args.keywords() {
            if !key.eq_str("repeat") {
                let key = key.to_string_lossy();
                return Err(raise!(TypeError, "product() got an unexpected keyword argument '{key}'"));
            }
            repeat = number::as_ssize(value, true)?;
            if repeat < 0 {
                return Err(raise!(ValueError, "repeat argument cannot be negative"));
            }
        }
        let count = if repeat == 0 { 0 } else { args.nargs };
        if count.checked_mul(repeat as usize).is_none_or(|n| n > isize::MAX as usize / 8) {
            return Err(raise!(OverflowError, "repeat argument too large"));
        }
        let mut once = Vec::with_capacity(count);
        for iterable in &args.positionals()[..count] {
            once.push(iter::collect(iterable)?);
        }
        let mut pools = Vec::new();
        for _ in 0..repeat {
            pools.extend_from_slice(&once);
        }
        let state = if pools.iter().any(|pool| pool.is_empty()) { State::End } else { State::Start };
        let positions = DataCell::new(vec![0; pools.len()]);
        Ok(Ptr::new_in(cls, Product { pools, positions, state: Cell::new(state) }).into_obj())
    }

    #[slot(iternext)]
    fn next(this: &Object<Product>) -> PyResult<Option<Obj>> {
        let pools = &this.pools;
        let more = advance(&this.state, || {
            this.positions.with(|positions| {
                for i in (0..pools.len()).rev() {
                    positions[i] += 1;
                    if positions[i] < pools[i].len() {
                        return true;
                    }
                    positions[i] = 0;
                }
                false
            })
        });
        if !more {
            return Ok(None);
        }
        let row = this.positions.with(|p| p.iter().zip(pools).map(|(&i, pool)| pool[i].clone()).collect());
        Ok(Some(tuple(row)))
    }

    /// Returns size in memory, in bytes.
    #[pymethod(name = "__sizeof__")]
    fn sizeof(this: &Object<Product>) -> usize {
        this.class().basicsize() + this.pools.len() * 8
    }
}

/// Return successive r-length combinations of elements in the iterable.
///
/// combinations(range(4), 3) --> (0,1,2), (0,1,3), (0,2,3), (1,2,3)
#[pyclass(name = "combinations", module = "itertools", flags = BASETYPE, parts(PART, ITER))]
pub struct Combinations {
    pool: Vec<Obj>,
    positions: DataCell<Vec<usize>>,
    state: Cell<State>,
}

#[pymethods]
impl Combinations {
    #[new(sig = "(iterable, r)")]
    fn construct(cls: &Type, iterable: &Obj, r: isize) -> PyResult<Obj> {
        let pool = iter::collect(iterable)?;
        let r = result_length(r)?;
        let state = Cell::new(if r > pool.len() { State::End } else { State::Start });
        let positions = DataCell::new(if r > pool.len() { Vec::new() } else { (0..r).collect() });
        Ok(Ptr::new_in(cls, Combinations { pool, positions, state }).into_obj())
    }

    #[slot(iternext)]
    fn next(this: &Object<Combinations>) -> PyResult<Option<Obj>> {
        let n = this.pool.len();
        let more = advance(&this.state, || {
            this.positions.with(|p| {
                let r = p.len();
                let Some(i) = (0..r).rev().find(|&i| p[i] != i + n - r) else { return false };
                let first = p[i] + 1;
                (i..r).for_each(|j| p[j] = first + j - i);
                true
            })
        });
        Ok(more.then(|| this.positions.with(|p| pick(&this.pool, p))))
    }

    /// Returns size in memory, in bytes.
    #[pymethod(name = "__sizeof__")]
    fn sizeof(this: &Object<Combinations>) -> usize {
        this.class().basicsize() + this.positions.with(|p| p.len()) * 8
    }
}

/// Return successive r-length combinations of elements in the iterable allowing individual elements to have successive repeats.
///
/// combinations_with_replacement('ABC', 2) --> ('A','A'), ('A','B'), ('A','C'), ('B','B'), ('B','C'), ('C','C')
#[pyclass(name = "combinations_with_replacement", module = "itertools", flags = BASETYPE, parts(PART, ITER))]
pub struct CombinationsWithReplacement {
    pool: Vec<Obj>,
    positions: DataCell<Vec<usize>>,
    state: Cell<State>,
}

#[pymethods]
impl CombinationsWithReplacement {
    #[new(sig = "(iterable, r)")]
    fn construct(cls: &Type, iterable: &Obj, r: isize) -> PyResult<Obj> {
        let pool = iter::collect(iterable)?;
        let r = result_length(r)?;
        let state = Cell::new(if pool.is_empty() && r > 0 { State::End } else { State::Start });
        let positions = DataCell::new(vec![0; r]);
        Ok(Ptr::new_in(cls, CombinationsWithReplacement { pool, positions, state }).into_obj())
    }

    #[slot(iternext)]
    fn next(this: &Object<CombinationsWithReplacement>) -> PyResult<Option<Obj>> {
        let n = this.pool.len();
        let more = advance(&this.state, || {
            this.positions.with(|p| {
                let Some(i) = (0..p.len()).rev().find(|&i| p[i] != n - 1) else { return false };
                let value = p[i] + 1;
                p[i..].fill(value);
                true
            })
        });
        Ok(more.then(|| this.positions.with(|p| pick(&this.pool, p))))
    }

    /// Returns size in memory, in bytes.
    #[pymethod(name = "__sizeof__")]
    fn sizeof(this: &Object<CombinationsWithReplacement>) -> usize {
        this.class().basicsize() + this.positions.with(|p| p.len()) * 8
    }
}

/// Return successive r-length permutations of elements in the iterable.
///
/// permutations(range(3), 2) --> (0,1), (0,2), (1,0), (1,2), (2,0), (2,1)
#[pyclass(name = "permutations", module = "itertools", flags = BASETYPE, parts(PART, ITER))]
pub struct Permutations {
    pool: Vec<Obj>,
    /// A permutation of all positions; the first `length` make the result.
    positions: DataCell<Vec<usize>>,
    /// How many exchanges each place of the result still has before it.
    cycles: DataCell<Vec<usize>>,
    length: usize,
    state: Cell<State>,
}

#[pymethods]
impl Permutations {
    #[new(sig = "(iterable, r=None)")]
    fn construct(cls: &Type, iterable: &Obj, r: Option<&Obj>) -> PyResult<Obj> {
        let pool = iter::collect(iterable)?;
        let n = pool.len();
        let length = match r {
            None => n,
            Some(r) if int::is_int(r) => result_length(number::as_ssize(r, true)?)?,
            Some(_) => return Err(raise!(TypeError, "Expected int as r")),
        };
        let state = Cell::new(if length > n { State::End } else { State::Start });
        let cycles = DataCell::new(if length > n { Vec::new() } else { (0..length).map(|i| n - i).collect() });
        let payload = Permutations { pool, positions: DataCell::new((0..n).collect()), cycles, length, state };
        Ok(Ptr::new_in(cls, payload).into_obj())
    }

    #[slot(iternext)]
    fn next(this: &Object<Permutations>) -> PyResult<Option<Obj>> {
        let (n, r) = (this.pool.len(), this.length);
        let more = advance(&this.state, || {
            this.positions.with(|positions| {
                this.cycles.with(|cycles| {
                    for i in (0..r).rev() {
                        cycles[i] -= 1;
                        if cycles[i] == 0 {
                            positions[i..].rotate_left(1);
                            cycles[i] = n - i;
                        } else {
                            positions.swap(i, n - cycles[i]);
                            return true;
                        }
                    }
                    false
                })
            })
        });
        Ok(more.then(|| this.positions.with(|p| pick(&this.pool, &p[..r]))))
    }

    /// Returns size in memory, in bytes.
    #[pymethod(name = "__sizeof__")]
    fn sizeof(this: &Object<Permutations>) -> usize {
        this.class().basicsize() + (this.pool.len() + this.length) * 8
    }
}
