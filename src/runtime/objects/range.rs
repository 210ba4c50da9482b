//! `range` and its iterators.

use std::cell::Cell;

use num_bigint::BigInt;
use num_integer::Integer;
use num_traits::{Signed, Zero};

use crate::call::Args;
use crate::errors::PyResult;
use crate::object::{Obj, Object, Ptr};
use crate::objects::int;
use crate::objects::iter::builtin;
use crate::objects::singletons::{as_bool, bool_obj, none, not_implemented};
use crate::objects::slice::Slice;
use crate::objects::text_builder::TextBuilder;
use crate::objects::tuple::Tuple;
use crate::objects::tuple_methods::hash_items;
use crate::protocols::sequence::SliceIndices;
use crate::protocols::{compare, iter, number};
use crate::raise;
use crate::types::Type;
use crate::types::slots::CompareOp;
use pyrs_macros::{pyclass, pymethods};

/// range(stop) -> range object
/// range(start, stop[, step]) -> range object
///
/// Return an object that produces a sequence of integers from start (inclusive)
/// to stop (exclusive) by step.  range(i, j) produces i, i+1, i+2, ..., j-1.
/// start defaults to 0, and stop is omitted!  range(4) produces 0, 1, 2, 3.
/// These are exactly the valid indices for a list of 4 elements.
/// When step is given, it specifies the increment (or decrement).
#[pyclass(name = "range", nogc, flags = SEQUENCE)]
pub struct Range {
    pub start: Obj,
    pub stop: Obj,
    pub step: Obj,
    length: Obj,
}

fn big(obj: &Obj) -> BigInt {
    int::to_bigint(obj).unwrap_or_default()
}

/// The number of items of a range.
fn length_of(start: &BigInt, stop: &BigInt, step: &BigInt) -> BigInt {
    let (low, high, step) = if step.is_negative() { (stop, start, -step) } else { (start, stop, step.clone()) };
    if low >= high { BigInt::zero() } else { (high - low - 1u8) / step + 1u8 }
}

impl Range {
    /// A range with exact int parts; the step is not zero.
    pub fn new(start: Obj, stop: Obj, step: Obj) -> Ptr<Range> {
        let length = match (int::to_i64(&start), int::to_i64(&stop), int::to_i64(&step)) {
            (Some(a), Some(b), Some(s)) => {
                let (low, high) = if s < 0 { (b, a) } else { (a, b) };
                int::from_u64(match high.abs_diff(low) {
                    _ if low >= high => 0,
                    // Without a division, which costs as much as all the rest.
                    distance if s == 1 => distance,
                    distance => (distance - 1) / s.unsigned_abs() + 1,
                })
            }
            _ => int::from_bigint(length_of(&big(&start), &big(&stop), &big(&step))),
        };
        Ptr::new(Range { start, stop, step, length })
    }

    /// Start, stop and step if all are machine integers, which is nearly always.
    pub fn small(&self) -> Option<(i64, i64, i64)> {
        Some((int::to_i64(&self.start)?, int::to_i64(&self.stop)?, int::to_i64(&self.step)?))
    }

    /// Item `i` without a check.
    fn item(&self, i: &BigInt) -> Obj {
        int::from_bigint(big(&self.start) + i * big(&self.step))
    }

    /// The part that a slice with machine integers (or nothing) as bounds selects; `None` for other slices.
    fn small_part(&self, slice: &Slice) -> PyResult<Option<Obj>> {
        let (Some((start, _, step)), Some(length)) = (self.small(), int::to_i64(&self.length)) else { return Ok(None) };
        let plain = |bound: &Obj| bound.is_none() || int::to_i64(bound).is_some();
        if ![&slice.start, &slice.stop, &slice.step].into_iter().all(plain) {
            return Ok(None);
        }
        let bounds = SliceIndices::unpack(slice)?.adjust(length as usize);
        let item = |i: i128| int::from_i128(start as i128 + i * step as i128);
        let stop = bounds.stop as i128;
        let step = int::from_i128(bounds.step as i128 * step as i128);
        Ok(Some(Range::new(item(bounds.start as i128), item(stop), step).into_obj()))
    }

    fn iterator(&self) -> Obj {
        if let (Some((start, _, step)), Some(length)) = (self.small(), int::to_i64(&self.length)) {
            // The value behind the last item must be representable, too.
            if length.checked_mul(step).and_then(|distance| start.checked_add(distance)).is_some() {
                return RangeIterator::new(start, step, length as u64).into_obj();
            }
        }
        LongRangeIterator::new(self.start.clone(), self.step.clone(), self.length.clone()).into_obj()
    }

    /// The position of an exact int (or bool) among the items.
    fn find_int(&self, value: &Obj) -> Option<BigInt> {
        if let (Some((start, stop, step)), Some(v)) = (self.small(), int::to_i64(value)) {
            let inside = if step > 0 { start <= v && v < stop } else { stop < v && v <= start };
            let distance = v as i128 - start as i128;
            return (inside && distance % step as i128 == 0).then(|| BigInt::from(distance / step as i128));
        }
        let (start, stop, step, v) = (big(&self.start), big(&self.stop), big(&self.step), big(value));
        let inside = if step.is_positive() { start <= v && v < stop } else { stop < v && v <= start };
        let (quotient, rest) = (v - start).div_rem(&step);
        (inside && rest.is_zero()).then_some(quotient)
    }
}

fn is_plain_int(obj: &Obj) -> bool {
    int::is_exact(obj) || as_bool(obj).is_some()
}

#[pymethods]
impl Range {
    #[slot(new)]
    fn construct(_cls: &Type, args: Args<'_>) -> PyResult<Obj> {
        args.no_keywords("range")?;
        let index = number::exact_index;
        let range = match args.positionals() {
            [] => return Err(raise!(TypeError, "range expected at least 1 argument, got 0")),
            [stop] => Range::new(int::new(0), index(stop)?, int::new(1)),
            [start, stop] => Range::new(index(start)?, index(stop)?, int::new(1)),
            [start, stop, step] => {
                let (start, stop, step) = (index(start)?, index(stop)?, index(step)?);
                if int::to_i64(&step) == Some(0) {
                    return Err(raise!(ValueError, "range() arg 3 must not be zero"));
                }
                Range::new(start, stop, step)
            }
            more => return Err(raise!(TypeError, "range expected at most 3 arguments, got {}", more.len())),
        };
        Ok(range.into_obj())
    }

    #[slot(repr)]
    fn repr(&self) -> PyResult<Obj> {
        let mut out = TextBuilder::new();
        out.text("range(").reprs(&[self.start.clone(), self.stop.clone()])?;
        if int::to_i64(&self.step) != Some(1) {
            out.text(", ").repr(&self.step)?;
        }
        Ok(out.text(")").finish_obj())
    }

    #[slot(hash)]
    fn hash(&self) -> PyResult<i64> {
        let (start, step) = match int::to_i64(&self.length) {
            Some(0) => (none(), none()),
            Some(1) => (self.start.clone(), none()),
            _ => (self.start.clone(), self.step.clone()),
        };
        hash_items(&[self.length.clone(), start, step])
    }

    #[slot(richcompare)]
    fn compare(this: &Object<Range>, other: &Obj, op: CompareOp) -> PyResult<Obj> {
        let Some(other) = other.exact::<Range>() else { return Ok(not_implemented()) };
        if !matches!(op, CompareOp::Eq | CompareOp::Ne) {
            return Ok(not_implemented());
        }
        let length = int::to_i64(&this.length);
        let equal = compare::equal(&this.length, &other.length)?
            && (length == Some(0)
                || compare::equal(&this.start, &other.start)?
                    && (length == Some(1) || compare::equal(&this.step, &other.step)?));
        Ok(bool_obj(equal == (op == CompareOp::Eq)))
    }

    #[slot(iter)]
    fn iter(&self) -> PyResult<Obj> {
        Ok(self.iterator())
    }

    #[slot(nb_bool)]
    fn bool(&self) -> PyResult<bool> {
        Ok(int::to_i64(&self.length) != Some(0))
    }

    #[slot(length)]
    fn len(&self) -> PyResult<usize> {
        match int::to_i64(&self.length) {
            Some(n) => Ok(n as usize),
            None => Err(raise!(OverflowError, "Python int too large to convert to C ssize_t")),
        }
    }

    #[slot(getitem)]
    fn getitem(this: &Object<Range>, key: &Obj) -> PyResult<Obj> {
        if let Some(slice) = key.exact::<Slice>() {
            if let Some(part) = this.small_part(slice)? {
                return Ok(part);
            }
            let [start, stop, step] = slice.big_indices(&big(&this.length))?;
            let step = int::from_bigint(step * big(&this.step));
            return Ok(Range::new(this.item(&start), this.item(&stop), step).into_obj());
        }
        if !number::has_index(key) {
            return Err(raise!(TypeError, "range indices must be integers or slices, not {}", key.class().name()));
        }
        let key = number::index(key)?;
        if let (Some((start, _, step)), Some(length), Some(i)) =
            (this.small(), int::to_i64(&this.length), int::to_i64(&key))
        {
            let i = if i < 0 { i.saturating_add(length) } else { i };
            if i < 0 || i >= length {
                return Err(raise!(IndexError, "range object index out of range"));
            }
            return Ok(int::from_i128(start as i128 + i as i128 * step as i128));
        }
        let (mut i, length) = (big(&key), big(&this.length));
        if i.is_negative() {
            i += &length;
        }
        if i.is_negative() || i >= length {
            return Err(raise!(IndexError, "range object index out of range"));
        }
        Ok(this.item(&i))
    }

    #[slot(sq_item)]
    fn sq_item(this: &Object<Range>, i: isize) -> PyResult<Obj> {
        Range::getitem(this, &int::new(i as i64))
    }

    #[slot(contains)]
    fn contains(this: &Object<Range>, item: &Obj) -> PyResult<bool> {
        if is_plain_int(item) {
            return Ok(this.find_int(item).is_some());
        }
        iter::contains_by_iteration(&this.as_obj(), item)
    }

    /// Return a reverse iterator.
    #[pymethod(name = "__reversed__")]
    fn reversed(&self) -> Obj {
        let (start, step, length) = (big(&self.start), big(&self.step), big(&self.length));
        let last = &start + (&length - 1u8) * &step;
        Range::new(int::from_bigint(last), int::from_bigint(start - &step), int::from_bigint(-step)).iterator()
    }

    #[pymethod(name = "__reduce__")]
    fn reduce(this: &Object<Range>) -> Obj {
        let parts = vec![this.start.clone(), this.stop.clone(), this.step.clone()];
        Tuple::from_vec(vec![this.class().to_obj(), Tuple::from_vec(parts).into_obj()]).into_obj()
    }

    /// rangeobject.count(value) -> integer -- return number of occurrences of value
    #[pymethod(sig = "(object, /)")]
    fn count(this: &Object<Range>, value: &Obj) -> PyResult<usize> {
        if is_plain_int(value) {
            return Ok(usize::from(this.find_int(value).is_some()));
        }
        iter::count(&this.as_obj(), value)
    }

    /// rangeobject.index(value) -> integer -- return index of value.
    /// Raise ValueError if the value is not present.
    #[pymethod(sig = "(object, /)")]
    fn index(this: &Object<Range>, value: &Obj) -> PyResult<Obj> {
        if is_plain_int(value) {
            return match this.find_int(value) {
                Some(i) => Ok(int::from_bigint(i)),
                None => Err(raise!(ValueError, "range.index(x): x not in range")),
            };
        }
        iter::index_of(&this.as_obj(), value).map(|i| int::new(i as i64))
    }

    #[getter]
    fn start(&self) -> Obj {
        self.start.clone()
    }

    #[setter]
    fn set_start(&self, _value: Option<&Obj>) -> PyResult<()> {
        Err(raise!(AttributeError, "readonly attribute"))
    }

    #[getter]
    fn stop(&self) -> Obj {
        self.stop.clone()
    }

    #[setter]
    fn set_stop(&self, _value: Option<&Obj>) -> PyResult<()> {
        Err(raise!(AttributeError, "readonly attribute"))
    }

    #[getter]
    fn step(&self) -> Obj {
        self.step.clone()
    }

    #[setter]
    fn set_step(&self, _value: Option<&Obj>) -> PyResult<()> {
        Err(raise!(AttributeError, "readonly attribute"))
    }
}

// Iterates over a range of machine integers; knows the interpreter's and the JIT's fast paths.
#[repr(C)]
#[pyclass(name = "range_iterator", nogc, flags = DISALLOW_INSTANTIATION)]
pub struct RangeIterator {
    pub next: Cell<i64>,
    pub remaining: Cell<u64>,
    pub step: i64,
}

impl RangeIterator {
    /// The value behind the last item fits, too.
    pub fn new(start: i64, step: i64, length: u64) -> Ptr<RangeIterator> {
        Ptr::new(RangeIterator { next: Cell::new(start), remaining: Cell::new(length), step })
    }

    /// The next value.
    #[inline(always)]
    pub fn advance(&self) -> Option<i64> {
        let remaining = self.remaining.get();
        if remaining == 0 {
            return None;
        }
        self.remaining.set(remaining - 1);
        let value = self.next.get();
        self.next.set(value + self.step);
        Some(value)
    }
}

#[pymethods]
impl RangeIterator {
    #[slot(iter)]
    fn iter(this: &Obj) -> PyResult<Obj> {
        Ok(this.clone())
    }

    #[slot(iternext)]
    fn next_item(this: &Object<RangeIterator>) -> PyResult<Option<Obj>> {
        Ok(this.advance().map(int::new))
    }

    /// Private method returning an estimate of len(list(it)).
    #[pymethod(name = "__length_hint__")]
    fn length_hint(&self) -> u64 {
        self.remaining.get()
    }

    /// Return state information for pickling.
    #[pymethod(name = "__reduce__")]
    fn reduce(&self) -> PyResult<Obj> {
        let (start, step) = (self.next.get(), self.step);
        let stop = int::from_i128(start as i128 + self.remaining.get() as i128 * step as i128);
        let range = Range::new(int::new(start), stop, int::new(step)).into_obj();
        let args = Tuple::from_vec(vec![range]).into_obj();
        Ok(Tuple::from_vec(vec![builtin("iter")?, args, none()]).into_obj())
    }

    /// Set state information for unpickling.
    #[pymethod(name = "__setstate__", sig = "(object, /)")]
    fn setstate(&self, state: isize) {
        let skip = (state.max(0) as u64).min(self.remaining.get());
        self.next.set(self.next.get() + skip as i64 * self.step);
        self.remaining.set(self.remaining.get() - skip);
    }
}

// Iterates over a range of integers of any size.
#[pyclass(name = "longrange_iterator", nogc, flags = DISALLOW_INSTANTIATION)]
pub struct LongRangeIterator {
    start: Cell<BigInt>,
    step: BigInt,
    remaining: Cell<BigInt>,
}

impl LongRangeIterator {
    fn new(start: Obj, step: Obj, length: Obj) -> Ptr<LongRangeIterator> {
        Ptr::new(LongRangeIterator {
            start: Cell::new(big(&start)),
            step: big(&step),
            remaining: Cell::new(big(&length)),
        })
    }

    fn read(cell: &Cell<BigInt>) -> BigInt {
        let value = cell.take();
        cell.set(value.clone());
        value
    }
}

#[pymethods]
impl LongRangeIterator {
    #[slot(iter)]
    fn iter(this: &Obj) -> PyResult<Obj> {
        Ok(this.clone())
    }

    #[slot(iternext)]
    fn next_item(this: &Object<LongRangeIterator>) -> PyResult<Option<Obj>> {
        let remaining = LongRangeIterator::read(&this.remaining);
        if remaining.is_zero() {
            return Ok(None);
        }
        let value = LongRangeIterator::read(&this.start);
        this.start.set(&value + &this.step);
        this.remaining.set(remaining - 1u8);
        Ok(Some(int::from_bigint(value)))
    }

    /// Private method returning an estimate of len(list(it)).
    #[pymethod(name = "__length_hint__")]
    fn length_hint(&self) -> Obj {
        int::from_bigint(LongRangeIterator::read(&self.remaining))
    }

    /// Return state information for pickling.
    #[pymethod(name = "__reduce__")]
    fn reduce(&self) -> PyResult<Obj> {
        let (start, remaining) = (LongRangeIterator::read(&self.start), LongRangeIterator::read(&self.remaining));
        let stop = int::from_bigint(&start + remaining * &self.step);
        let range = Range::new(int::from_bigint(start), stop, int::from_bigint(self.step.clone())).into_obj();
        let args = Tuple::from_vec(vec![range]).into_obj();
        Ok(Tuple::from_vec(vec![builtin("iter")?, args, none()]).into_obj())
    }

    /// Set state information for unpickling.
    #[pymethod(name = "__setstate__", sig = "(object, /)")]
    fn setstate(&self, state: &Obj) -> PyResult<()> {
        if !int::is_int(state) {
            return Err(raise!(TypeError, "state must be an int, not {}", state.class().name()));
        }
        let remaining = LongRangeIterator::read(&self.remaining);
        let skip = big(state).max(BigInt::zero()).min(remaining.clone());
        self.start.set(LongRangeIterator::read(&self.start) + &skip * &self.step);
        self.remaining.set(remaining - skip);
        Ok(())
    }
}
