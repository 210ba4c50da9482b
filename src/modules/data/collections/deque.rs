//! `collections.deque` and its iterators.

use std::cell::Cell;
use std::collections::VecDeque;

use crate::data::tuple;
use pyrs_macros::{pyclass, pymethods};
use pyrs_runtime::args::Maybe;
use pyrs_runtime::call::{self, Args};
use pyrs_runtime::object::{DataCell, Obj, ObjCell, Object, Ptr};
use pyrs_runtime::objects::generic_alias::GenericAlias;
use pyrs_runtime::objects::int;
use pyrs_runtime::objects::list::List;
use pyrs_runtime::objects::list_methods::{SliceBound, compare_items};
use pyrs_runtime::objects::singletons::not_implemented;
use pyrs_runtime::objects::text_builder::TextBuilder;
use pyrs_runtime::protocols::sequence::{clip_bound, position};
use pyrs_runtime::protocols::text::ReprGuard;
use pyrs_runtime::protocols::{compare, iter, number};
use pyrs_runtime::types::Type;
use pyrs_runtime::types::slots::CompareOp;
use pyrs_runtime::{PyResult, raise};

/// A list-like sequence optimized for data accesses near its endpoints.
#[derive(Default)]
#[pyclass(name = "deque", module = "collections", flags = BASETYPE | SEQUENCE, weaklist, unhashable)]
pub struct Deque {
    items: DataCell<VecDeque<Obj>>,
    maxlen: Cell<Option<usize>>,
    /// Changes with every structural change, so that iterators notice.
    state: Cell<u64>,
}

impl Deque {
    fn len(&self) -> usize {
        self.items.with(|items| items.len())
    }

    fn get(&self, i: usize) -> Option<Obj> {
        self.items.with(|items| items.get(i).cloned())
    }

    fn to_vec(&self) -> Vec<Obj> {
        self.items.with(|items| items.iter().cloned().collect())
    }

    fn changed(&self) {
        self.state.set(self.state.get() + 1);
    }

    /// Appends at the right; an item that the length limit pushes out comes back.
    fn push_right(&self, item: Obj) {
        self.changed();
        let limit = self.maxlen.get().unwrap_or(usize::MAX);
        let out = self.items.with(|items| {
            items.push_back(item);
            if items.len() > limit { items.pop_front() } else { None }
        });
        drop(out);
    }

    fn push_left(&self, item: Obj) {
        self.changed();
        let limit = self.maxlen.get().unwrap_or(usize::MAX);
        let out = self.items.with(|items| {
            items.push_front(item);
            if items.len() > limit { items.pop_back() } else { None }
        });
        drop(out);
    }

    fn extend_right(&self, iterable: &Obj) -> PyResult<()> {
        // Extending by itself would never end.
        if let Some(other) = iterable.downcast::<Deque>().filter(|o| std::ptr::eq(&***o, self)) {
            other.to_vec().into_iter().for_each(|item| self.push_right(item));
            return Ok(());
        }
        let iterator = iter::iter(iterable)?;
        while let Some(item) = iter::next(&iterator)? {
            self.push_right(item);
        }
        Ok(())
    }

    fn clear_items(&self) {
        self.changed();
        drop(self.items.replace(VecDeque::new()));
    }

    /// The position of a value, with errors for changes by comparisons.
    fn find(&self, value: &Obj, start: usize, stop: usize) -> PyResult<Option<usize>> {
        let state = self.state.get();
        for i in start..stop {
            let Some(item) = self.get(i) else { break };
            let equal = compare::equal(&item, value)?;
            if self.state.get() != state {
                return Err(raise!(RuntimeError, "deque mutated during iteration"));
            }
            if equal {
                return Ok(Some(i));
            }
        }
        Ok(None)
    }

    fn remove_at(&self, i: usize) -> Option<Obj> {
        self.changed();
        self.items.with(|items| items.remove(i))
    }

    fn rotate_by(&self, n: isize) {
        let length = self.len();
        if length > 1 {
            self.changed();
            let n = n.rem_euclid(length as isize) as usize;
            self.items.with(|items| items.rotate_right(n));
        }
    }

    fn repeat_items(&self, count: isize) -> PyResult<Vec<Obj>> {
        let items = self.to_vec();
        let count = count.max(0) as usize;
        let Some(total) = items.len().checked_mul(count).filter(|n| *n <= isize::MAX as usize / 8) else {
            return Err(raise!(MemoryError));
        };
        // Only the last items stay.
        let kept = self.maxlen.get().map_or(total, |limit| total.min(limit));
        Ok((total - kept..total).map(|i| items[i % items.len()].clone()).collect())
    }

    fn key_position(&self, key: &Obj) -> PyResult<usize> {
        if !number::has_index(key) {
            return Err(raise!(TypeError, "sequence index must be integer, not '{}'", key.class().name()));
        }
        position(number::as_subscript(key)?, self.len()).ok_or_else(|| raise!(IndexError, "deque index out of range"))
    }

    fn new_like(&self, items: Vec<Obj>) -> Deque {
        Deque { items: DataCell::new(items.into()), maxlen: Cell::new(self.maxlen.get()), state: Cell::new(0) }
    }
}

/// The class called with the arguments that make a copy.
fn copy_of(this: &Object<Deque>) -> PyResult<Obj> {
    use pyrs_runtime::object::PyClass;
    if std::ptr::eq(this.class(), Deque::class()) {
        return Ok(Ptr::new(this.new_like(this.to_vec())).into_obj());
    }
    let class = this.class().to_obj();
    match this.maxlen.get() {
        Some(limit) => call::call(&class, &[this.to_obj(), int::new(limit as i64)]),
        None => call::call(&class, &[this.to_obj()]),
    }
}

#[pymethods]
impl Deque {
    #[slot(new)]
    fn construct(cls: &Type, _args: Args<'_>) -> PyResult<Obj> {
        Ok(Ptr::new_in(cls, Deque::default()).into_obj())
    }

    #[init(text_signature = "([iterable[, maxlen]])")]
    fn init(this: &Object<Deque>, args: Args<'_>) -> PyResult<()> {
        let given = args.values.len();
        if given > 2 {
            return Err(raise!(TypeError, "deque() takes at most 2 arguments ({given} given)"));
        }
        if let Some((key, _)) = args.keywords().find(|(key, _)| !key.eq_str("iterable") && !key.eq_str("maxlen")) {
            let key = key.to_string_lossy();
            return Err(raise!(TypeError, "deque() got an unexpected keyword argument '{key}'"));
        }
        let iterable = args.positionals().first().or_else(|| args.keyword("iterable"));
        let maxlen = args.positionals().get(1).or_else(|| args.keyword("maxlen"));
        let limit = match maxlen.filter(|m| !m.is_none()) {
            None => None,
            Some(maxlen) => {
                if !int::is_int(maxlen) {
                    return Err(raise!(TypeError, "an integer is required"));
                }
                let Some(limit) = int::to_i64(maxlen) else {
                    return Err(raise!(OverflowError, "Python int too large to convert to C ssize_t"));
                };
                Some(usize::try_from(limit).map_err(|_| raise!(ValueError, "maxlen must be non-negative"))?)
            }
        };
        this.maxlen.set(limit);
        this.clear_items();
        match iterable {
            Some(iterable) => this.extend_right(iterable),
            None => Ok(()),
        }
    }

    #[slot(repr)]
    fn repr(this: &Object<Deque>) -> PyResult<Obj> {
        let mut out = TextBuilder::new();
        let Some(_guard) = ReprGuard::enter(&this.as_obj()) else { return Ok(out.text("[...]").finish_obj()) };
        out.text(this.class().short_name()).text("(");
        out.repr(&List::from_vec(this.to_vec()).into_obj())?;
        if let Some(limit) = this.maxlen.get() {
            out.text(&format!(", maxlen={limit}"));
        }
        Ok(out.text(")").finish_obj())
    }

    #[slot(richcompare)]
    fn compare(this: &Object<Deque>, other: &Obj, op: CompareOp) -> PyResult<Obj> {
        let Some(other) = other.downcast::<Deque>() else { return Ok(not_implemented()) };
        compare_items(op, || (this.len(), other.len()), |i| Some((this.get(i)?, other.get(i)?)))
    }

    #[slot(iter)]
    fn iter(this: &Object<Deque>) -> PyResult<Obj> {
        Ok(Ptr::new(DequeIterator::over(this)).into_obj())
    }

    #[slot(length)]
    fn length(this: &Object<Deque>) -> PyResult<usize> {
        Ok(this.len())
    }

    #[slot(getitem)]
    fn getitem(this: &Object<Deque>, key: &Obj) -> PyResult<Obj> {
        let i = this.key_position(key)?;
        Ok(this.get(i).expect("checked"))
    }

    #[slot(sq_item)]
    fn item(this: &Object<Deque>, i: isize) -> PyResult<Obj> {
        let item = usize::try_from(i).ok().and_then(|i| this.get(i));
        item.ok_or_else(|| raise!(IndexError, "deque index out of range"))
    }

    #[slot(setitem)]
    fn setitem(this: &Object<Deque>, key: &Obj, value: Option<&Obj>) -> PyResult<()> {
        let i = this.key_position(key)?;
        let old = match value {
            Some(value) => Some(this.items.with(|items| std::mem::replace(&mut items[i], value.clone()))),
            None => this.remove_at(i),
        };
        drop(old);
        Ok(())
    }

    #[slot(contains)]
    fn contains(this: &Object<Deque>, value: &Obj) -> PyResult<bool> {
        Ok(this.find(value, 0, usize::MAX)?.is_some())
    }

    #[slot(sq_concat)]
    fn concat(this: &Object<Deque>, other: &Obj) -> PyResult<Obj> {
        if other.downcast::<Deque>().is_none() {
            let class = other.class().name();
            return Err(raise!(TypeError, "can only concatenate deque (not \"{class}\") to deque"));
        }
        let result = copy_of(this)?;
        result.downcast::<Deque>().expect("a copy").extend_right(other)?;
        Ok(result)
    }

    #[slot(sq_repeat)]
    fn repeat(this: &Object<Deque>, count: isize) -> PyResult<Obj> {
        Ok(Ptr::new(this.new_like(this.repeat_items(count)?)).into_obj())
    }

    #[slot(sq_inplace_concat)]
    fn inplace_concat(this: &Object<Deque>, other: &Obj) -> PyResult<Obj> {
        this.extend_right(other)?;
        Ok(this.to_obj())
    }

    #[slot(sq_inplace_repeat)]
    fn inplace_repeat(this: &Object<Deque>, count: isize) -> PyResult<Obj> {
        let items = this.repeat_items(count)?;
        this.changed();
        drop(this.items.replace(items.into()));
        Ok(this.to_obj())
    }

    /// Add an element to the right side of the deque.
    #[pymethod]
    fn append(&self, item: Obj) {
        self.push_right(item);
    }

    /// Add an element to the left side of the deque.
    #[pymethod]
    fn appendleft(&self, item: Obj) {
        self.push_left(item);
    }

    /// Remove all elements from the deque.
    #[pymethod]
    fn clear(&self) {
        self.clear_items();
    }

    /// Return a shallow copy of a deque.
    #[pymethod(name = "__copy__")]
    fn copy_special(this: &Object<Deque>) -> PyResult<Obj> {
        copy_of(this)
    }

    /// Return a shallow copy of a deque.
    #[pymethod]
    fn copy(this: &Object<Deque>) -> PyResult<Obj> {
        copy_of(this)
    }

    /// Return number of occurrences of value.
    #[pymethod]
    fn count(&self, value: &Obj) -> PyResult<usize> {
        let (state, mut n) = (self.state.get(), 0);
        for i in 0.. {
            let Some(item) = self.get(i) else { break };
            n += usize::from(compare::equal(&item, value)?);
            if self.state.get() != state {
                return Err(raise!(RuntimeError, "deque mutated during iteration"));
            }
        }
        Ok(n)
    }

    /// Extend the right side of the deque with elements from the iterable.
    #[pymethod]
    fn extend(&self, iterable: &Obj) -> PyResult<()> {
        self.extend_right(iterable)
    }

    /// Extend the left side of the deque with elements from the iterable.
    #[pymethod]
    fn extendleft(&self, iterable: &Obj) -> PyResult<()> {
        if let Some(other) = iterable.downcast::<Deque>().filter(|o| std::ptr::eq(&***o, self)) {
            other.to_vec().into_iter().for_each(|item| self.push_left(item));
            return Ok(());
        }
        let iterator = iter::iter(iterable)?;
        while let Some(item) = iter::next(&iterator)? {
            self.push_left(item);
        }
        Ok(())
    }

    /// Return first index of value.
    ///
    /// Raises ValueError if the value is not present.
    #[pymethod(sig = "(value, start=0, stop=sys.maxsize, /)", text_signature = "($self, value, [start, [stop]])")]
    fn index(&self, value: &Obj, start: Maybe<SliceBound>, stop: Maybe<SliceBound>) -> PyResult<usize> {
        let length = self.len();
        let start = clip_bound(start.0.map_or(0, |b| b.0), length);
        let stop = clip_bound(stop.0.map_or(isize::MAX, |b| b.0), length);
        let found = self.find(value, start, stop)?;
        found.ok_or_else(|| raise!(ValueError, "deque.index(x): x not in deque"))
    }

    /// Insert value before index.
    #[pymethod]
    fn insert(&self, index: isize, value: Obj) -> PyResult<()> {
        if self.maxlen.get() == Some(self.len()) {
            return Err(raise!(IndexError, "deque already at its maximum size"));
        }
        let at = clip_bound(index, self.len());
        self.changed();
        self.items.with(|items| items.insert(at, value));
        Ok(())
    }

    /// Remove and return the rightmost element.
    #[pymethod]
    fn pop(&self) -> PyResult<Obj> {
        self.changed();
        self.items.with(|items| items.pop_back()).ok_or_else(|| raise!(IndexError, "pop from an empty deque"))
    }

    /// Remove and return the leftmost element.
    #[pymethod]
    fn popleft(&self) -> PyResult<Obj> {
        self.changed();
        self.items.with(|items| items.pop_front()).ok_or_else(|| raise!(IndexError, "pop from an empty deque"))
    }

    /// Return state information for pickling.
    #[pymethod(name = "__reduce__")]
    fn reduce(this: &Object<Deque>) -> PyResult<Obj> {
        let state = call::call_method(&this.as_obj(), "__getstate__", &[])?;
        let iterator = iter::iter(&this.as_obj())?;
        let args = match this.maxlen.get() {
            None => tuple(vec![]),
            Some(limit) => tuple(vec![tuple(vec![]), int::new(limit as i64)]),
        };
        Ok(tuple(vec![this.class().to_obj(), args, state, iterator]))
    }

    /// Remove first occurrence of value.
    #[pymethod]
    fn remove(&self, value: &Obj) -> PyResult<()> {
        let (state, length) = (self.state.get(), self.len());
        for i in 0..length {
            let Some(item) = self.get(i) else { break };
            let equal = compare::equal(&item, value)?;
            if self.state.get() != state {
                return Err(raise!(IndexError, "deque mutated during remove()."));
            }
            if equal {
                drop(self.remove_at(i));
                return Ok(());
            }
        }
        Err(raise!(ValueError, "deque.remove(x): x not in deque"))
    }

    /// Return a reverse iterator over the deque.
    #[pymethod(name = "__reversed__")]
    fn reversed(this: &Object<Deque>) -> Obj {
        Ptr::new(DequeReverseIterator::over(this)).into_obj()
    }

    /// Reverse *IN PLACE*.
    #[pymethod]
    fn reverse(&self) {
        self.items.with(|items| items.make_contiguous().reverse());
    }

    /// Rotate the deque n steps to the right.  If n is negative, rotates left.
    #[pymethod(sig = "(n=1, /)")]
    fn rotate(&self, n: isize) {
        self.rotate_by(n);
    }

    /// Return the size of the deque in memory, in bytes.
    #[pymethod(name = "__sizeof__")]
    fn sizeof(this: &Object<Deque>) -> usize {
        this.class().basicsize() + this.items.with(|items| items.capacity()) * 8
    }

    /// deques are generic over the type of their contents
    #[classmethod(name = "__class_getitem__")]
    fn class_getitem(cls: &Type, object: &Obj) -> PyResult<Obj> {
        GenericAlias::class_getitem(cls, object)
    }

    /// maximum size of a deque or None if unbounded
    #[getter]
    fn maxlen(&self) -> Option<usize> {
        self.maxlen.get()
    }
}

macro_rules! deque_iterator {
    ($ty:ident, $name:literal, |$deque:ident, $taken:ident| $item:expr) => {
        #[pyclass(name = $name, module = "collections")]
        pub struct $ty {
            deque: ObjCell,
            taken: Cell<usize>,
            remaining: Cell<usize>,
            state: u64,
        }

        impl $ty {
            fn over(deque: &Object<Deque>) -> $ty {
                $ty {
                    deque: ObjCell::of(deque.to_obj()),
                    taken: Cell::new(0),
                    remaining: Cell::new(deque.len()),
                    state: deque.state.get(),
                }
            }
        }

        #[pymethods]
        impl $ty {
            #[new(sig = "(deque, index=0, /)")]
            fn construct(_cls: &Type, deque: &Obj, index: isize) -> PyResult<Obj> {
                let Some(items) = deque.downcast::<Deque>() else {
                    let class = deque.class().name();
                    return Err(raise!(TypeError, "argument 1 must be collections.deque, not {class}"));
                };
                let iterator = $ty::over(items);
                let skip = (index.max(0) as usize).min(items.len());
                iterator.taken.set(skip);
                iterator.remaining.set(items.len() - skip);
                Ok(Ptr::new(iterator).into_obj())
            }

            #[slot(iter)]
            fn iter(this: &Obj) -> PyResult<Obj> {
                Ok(this.clone())
            }

            #[slot(iternext)]
            fn next(this: &Object<$ty>) -> PyResult<Option<Obj>> {
                let Some(deque) = this.deque.get() else { return Ok(None) };
                let Some($deque) = deque.downcast::<Deque>() else { return Ok(None) };
                if $deque.state.get() != this.state {
                    this.remaining.set(0);
                    return Err(raise!(RuntimeError, "deque mutated during iteration"));
                }
                if this.remaining.get() == 0 {
                    return Ok(None);
                }
                let $taken = this.taken.get();
                this.taken.set($taken + 1);
                this.remaining.set(this.remaining.get() - 1);
                Ok($item)
            }

            /// Private method returning an estimate of len(list(it)).
            #[pymethod(name = "__length_hint__")]
            fn length_hint(&self) -> usize {
                self.remaining.get()
            }

            /// Return state information for pickling.
            #[pymethod(name = "__reduce__")]
            fn reduce(this: &Object<$ty>) -> Obj {
                let deque = this.deque.get().unwrap_or_else(|| Ptr::new(Deque::default()).into_obj());
                let length = deque.downcast::<Deque>().map_or(0, |d| d.len());
                let index = length.saturating_sub(this.remaining.get());
                tuple(vec![this.class().to_obj(), tuple(vec![deque, int::new(index as i64)])])
            }
        }
    };
}

deque_iterator!(DequeIterator, "_deque_iterator", |deque, taken| deque.get(taken));
deque_iterator!(DequeReverseIterator, "_deque_reverse_iterator", |deque, taken| deque
    .len()
    .checked_sub(taken + 1)
    .and_then(|i| deque.get(i)));
