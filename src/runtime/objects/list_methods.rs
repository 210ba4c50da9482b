//! Methods of `list`, and its iterators.

use std::cell::Cell;

use crate::args::Maybe;
use crate::call::Args;
use crate::class::ClassDef;
use crate::errors::PyResult;
use crate::object::{Obj, ObjCell, Object, Ptr, PyClass};
use crate::objects::container_classes::traced_layout;
use crate::objects::generic_alias::GenericAlias;
use crate::objects::int;
use crate::objects::iter::builtin;
use crate::objects::list::{self, List, drop_backwards};
use crate::objects::list_sort;
use crate::objects::singletons::{bool_obj, not_implemented};
use crate::objects::slice::Slice;
use crate::objects::str::Str;
use crate::objects::text_builder::TextBuilder;
use crate::objects::tuple::Tuple;
use crate::protocols::sequence::{SliceIndices, bound_argument, clip_bound, position};
use crate::protocols::text::ReprGuard;
use crate::protocols::{compare, iter, number};
use crate::raise;
use crate::types::slots::CompareOp;
use crate::types::{Type, flags};
use pyrs_macros::{pyclass, pymethods};

impl List {
    /// The definition that the class object is made from.
    pub fn def() -> &'static ClassDef {
        static DEF: ClassDef = ClassDef {
            name: "list",
            module: "builtins",
            doc: "Built-in mutable sequence.\n\nIf no argument is given, the constructor creates a new empty list.\n\
                  The argument must be an iterable if specified.",
            class: list::CLASS,
            base: crate::objects::object::object_class,
            flags: flags::HAVE_GC | flags::BASETYPE | flags::LIST_SUBCLASS | flags::SEQUENCE | flags::MATCH_SELF,
            basicsize: size_of::<Object<List>>(),
            itemsize: 0,
            has_dict: false,
            has_weaklist: false,
            layout: traced_layout::<List>(),
            parts: &[&List::PART],
            unhashable: true,
        };
        &DEF
    }

    /// Appends items of any iterable; the list grows while the iterable is consumed.
    pub fn extend_from(&self, iterable: &Obj) -> PyResult<()> {
        if self.extend_plainly(iterable) {
            return Ok(());
        }
        let iterator = iter::iter(iterable)?;
        let hint = iter::length_hint(iterable, 8)?;
        if self.is_empty() {
            // A hint is no promise: huge ones are not believed.
            self.with(|own| own.try_reserve(hint.min(1 << 20))).ok();
        }
        while let Some(item) = iter::next(&iterator)? {
            self.push(item);
        }
        self.with(|own| {
            if own.capacity() > own.len() + own.len() / 2 + 8 {
                own.shrink_to_fit();
            }
        });
        Ok(())
    }

    /// Appends the items of a list or tuple, whose iteration runs no code; true if it is one.
    #[inline]
    pub fn extend_plainly(&self, iterable: &Obj) -> bool {
        if let Some(tuple) = iterable.exact::<Tuple>() {
            self.extend_with(tuple.items());
        } else if let Some(list) = iterable.exact::<List>() {
            if std::ptr::eq(&**list, self) {
                self.extend_with(&self.to_vec());
            } else {
                self.extend_with(list.items());
            }
        } else {
            return false;
        }
        true
    }

    /// Removes item `i`.
    fn remove_at(&self, i: usize) -> Obj {
        self.with(|items| {
            let item = items.remove(i);
            if items.capacity() > 16 && items.len() < items.capacity() / 2 {
                items.shrink_to(items.len() + (items.len() >> 3) + 6);
            }
            item
        })
    }

    /// `self[bounds] = values`, or deletion with `None`.
    fn assign_slice(&self, slice: &Slice, value: Option<&Obj>) -> PyResult<()> {
        let bounds = SliceIndices::unpack(slice)?;
        let Some(value) = value else {
            self.delete_slice(bounds.adjust(self.len()));
            return Ok(());
        };
        let values = iter::collect_or(value, "must assign iterable to extended slice")?;
        let bounds = bounds.adjust(self.len());
        if bounds.step == 1 {
            self.replace_range(bounds.start as usize, bounds.stop.max(bounds.start) as usize, &values);
            return Ok(());
        }
        if values.len() != bounds.length {
            return Err(raise!(
                ValueError,
                "attempt to assign sequence of size {} to extended slice of size {}",
                values.len(),
                bounds.length
            ));
        }
        let old: Vec<Obj> = self
            .with(|items| bounds.positions().zip(values).map(|(i, v)| std::mem::replace(&mut items[i], v)).collect());
        drop(old);
        Ok(())
    }

    /// Replaces the items from `start` to `stop`.
    pub fn replace_range(&self, start: usize, stop: usize, values: &[Obj]) {
        if values.len() != stop - start {
            return drop_backwards(self.with(|items| items.splice(start..stop, values.iter().cloned()).collect()));
        }
        // What may run code when it dies has to wait until the list is whole again.
        let mut old = Vec::new();
        self.with(|items| {
            for (item, v) in items[start..stop].iter_mut().zip(values) {
                let before = std::mem::replace(item, v.clone());
                if before.value().is_pointer_or_null() {
                    old.push(before);
                }
            }
        });
        drop_backwards(old);
    }

    fn delete_slice(&self, bounds: SliceIndices) {
        if bounds.length == 0 {
            return;
        }
        let contiguous = bounds.step == 1;
        let bounds = bounds.rising();
        if contiguous {
            return self.replace_range(bounds.start as usize, bounds.start as usize + bounds.length, &[]);
        }
        let old: Vec<Obj> = self.with(|items| {
            let mut doomed = bounds.positions().peekable();
            let mut i = 0;
            items
                .extract_if(.., |_| {
                    let hit = doomed.next_if_eq(&i).is_some();
                    i += 1;
                    hit
                })
                .collect()
        });
        drop(old);
    }

    /// The items of a slice.
    fn slice_items(&self, bounds: SliceIndices) -> Vec<Obj> {
        let items = self.items();
        if bounds.step == 1 {
            return items[bounds.start as usize..bounds.start as usize + bounds.length].to_vec();
        }
        bounds.positions().map(|i| items[i].clone()).collect()
    }
}

/// `items * count`, or MemoryError.
pub(crate) fn repeat_items(items: &[Obj], count: isize) -> PyResult<Vec<Obj>> {
    let count = count.max(0) as usize;
    let total = items.len().checked_mul(count).filter(|n| *n <= isize::MAX as usize / 8);
    let mut repeated = Vec::new();
    if total.is_none_or(|n| repeated.try_reserve_exact(n).is_err()) {
        return Err(raise!(MemoryError));
    }
    for _ in 0..count {
        repeated.extend_from_slice(items);
    }
    Ok(repeated)
}

/// Compares two sequences whose items may change while they are compared.
pub fn compare_items(
    op: CompareOp,
    lengths: impl Fn() -> (usize, usize),
    item: impl Fn(usize) -> Option<(Obj, Obj)>,
) -> PyResult<Obj> {
    let (a, b) = lengths();
    if a != b && matches!(op, CompareOp::Eq | CompareOp::Ne) {
        return Ok(bool_obj(op == CompareOp::Ne));
    }
    let mut i = 0;
    while let Some((x, y)) = item(i) {
        if !x.is(&y) && !compare::equal(&x, &y)? {
            return match op {
                CompareOp::Eq => Ok(bool_obj(false)),
                CompareOp::Ne => Ok(bool_obj(true)),
                _ => compare::rich_compare(&x, &y, op),
            };
        }
        i += 1;
    }
    let (a, b) = lengths();
    Ok(bool_obj(op.matches(a.cmp(&b))))
}

#[pymethods]
impl List {
    #[slot(new)]
    fn construct(cls: &Type, _args: Args<'_>) -> PyResult<Obj> {
        Ok(Ptr::new_in(cls, List::default()).into_obj())
    }

    #[init(text_signature = "(iterable=(), /)")]
    fn init(this: &Object<List>, args: Args<'_>) -> PyResult<()> {
        let plain_new = this.class().slots().new.map(|f| f as usize) == List::class().slots().new.map(|f| f as usize);
        if plain_new {
            args.no_keywords("list")?;
        }
        if args.nargs > 1 {
            return Err(raise!(TypeError, "list expected at most 1 argument, got {}", args.nargs));
        }
        drop(this.take());
        match args.positionals().first() {
            Some(iterable) => this.extend_from(iterable),
            None => Ok(()),
        }
    }

    #[slot(repr)]
    fn repr(this: &Object<List>) -> PyResult<Obj> {
        if this.is_empty() {
            return Ok(Str::new("[]").into_obj());
        }
        let Some(_guard) = ReprGuard::enter(&this.as_obj()) else { return Ok(Str::new("[...]").into_obj()) };
        let mut out = TextBuilder::new();
        out.text("[");
        let mut i = 0;
        while let Some(item) = this.get(i) {
            if i != 0 {
                out.text(", ");
            }
            out.repr(&item)?;
            i += 1;
        }
        Ok(out.text("]").finish_obj())
    }

    #[slot(richcompare)]
    fn compare(this: &Object<List>, other: &Obj, op: CompareOp) -> PyResult<Obj> {
        let Some(other) = other.downcast::<List>() else { return Ok(not_implemented()) };
        compare_items(op, || (this.len(), other.len()), |i| Some((this.get(i)?, other.get(i)?)))
    }

    #[slot(iter)]
    fn iter(this: &Obj) -> PyResult<Obj> {
        Ok(ListIterator::new(this.clone()).into_obj())
    }

    #[slot(length)]
    fn length(this: &Object<List>) -> PyResult<usize> {
        Ok(this.len())
    }

    #[slot(getitem)]
    fn getitem(this: &Object<List>, key: &Obj) -> PyResult<Obj> {
        if let Some(slice) = key.exact::<Slice>() {
            let bounds = SliceIndices::unpack(slice)?.adjust(this.len());
            return Ok(List::from_vec(this.slice_items(bounds)).into_obj());
        }
        if !number::has_index(key) {
            return Err(wrong_key(key));
        }
        let i = number::as_subscript(key)?;
        position(i, this.len()).and_then(|i| this.get(i)).ok_or_else(|| raise!(IndexError, "list index out of range"))
    }

    #[slot(sq_item)]
    fn item(this: &Object<List>, i: isize) -> PyResult<Obj> {
        usize::try_from(i).ok().and_then(|i| this.get(i)).ok_or_else(|| raise!(IndexError, "list index out of range"))
    }

    #[slot(setitem)]
    fn setitem(this: &Object<List>, key: &Obj, value: Option<&Obj>) -> PyResult<()> {
        if let Some(slice) = key.exact::<Slice>() {
            return this.assign_slice(slice, value);
        }
        if !number::has_index(key) {
            return Err(wrong_key(key));
        }
        let i = number::as_subscript(key)?;
        let Some(i) = position(i, this.len()) else {
            return Err(raise!(IndexError, "list assignment index out of range"));
        };
        match value {
            Some(value) => drop(this.set(i, value.clone())),
            None => drop(this.remove_at(i)),
        }
        Ok(())
    }

    #[slot(contains)]
    fn contains(this: &Object<List>, item: &Obj) -> PyResult<bool> {
        let mut i = 0;
        while let Some(own) = this.get(i) {
            if compare::equal(&own, item)? {
                return Ok(true);
            }
            i += 1;
        }
        Ok(false)
    }

    #[slot(sq_concat)]
    fn concat(this: &Object<List>, other: &Obj) -> PyResult<Obj> {
        let Some(other) = other.downcast::<List>() else {
            let class = other.class().name();
            return Err(raise!(TypeError, "can only concatenate list (not \"{class}\") to list"));
        };
        let mut items = Vec::with_capacity(this.len() + other.len());
        items.extend_from_slice(this.items());
        items.extend_from_slice(other.items());
        Ok(List::from_vec(items).into_obj())
    }

    #[slot(sq_repeat)]
    fn repeat(this: &Object<List>, count: isize) -> PyResult<Obj> {
        Ok(List::from_vec(repeat_items(this.items(), count)?).into_obj())
    }

    #[slot(sq_inplace_concat)]
    fn inplace_concat(this: &Object<List>, other: &Obj) -> PyResult<Obj> {
        this.extend_from(other)?;
        Ok(this.to_obj())
    }

    #[slot(sq_inplace_repeat)]
    fn inplace_repeat(this: &Object<List>, count: isize) -> PyResult<Obj> {
        if count != 1 {
            let items = repeat_items(this.items(), count)?;
            let old = this.with(|own| std::mem::replace(own, items));
            drop(old);
        }
        Ok(this.to_obj())
    }

    /// Return a reverse iterator over the list.
    #[pymethod(name = "__reversed__")]
    fn reversed(this: &Object<List>) -> Obj {
        let index = Cell::new(this.len() as isize - 1);
        Ptr::new(ListReverseIterator { index, list: ObjCell::of(this.to_obj()) }).into_obj()
    }

    /// Return the size of the list in memory, in bytes.
    #[pymethod(name = "__sizeof__")]
    fn sizeof(this: &Object<List>) -> usize {
        this.class().basicsize() + this.with(|items| items.capacity()) * 8
    }

    /// Remove all items from list.
    #[pymethod]
    fn clear(&self) {
        drop_backwards(self.take());
    }

    /// Return a shallow copy of the list.
    #[pymethod]
    fn copy(&self) -> Obj {
        List::from_vec(self.to_vec()).into_obj()
    }

    /// Append object to the end of the list.
    #[pymethod]
    fn append(&self, object: Obj) {
        self.push(object);
    }

    /// Insert object before index.
    #[pymethod]
    fn insert(&self, index: isize, object: Obj) {
        let at = clip_bound(index, self.len());
        self.with(|items| items.insert(at, object));
    }

    /// Extend list by appending elements from the iterable.
    #[pymethod]
    fn extend(&self, iterable: &Obj) -> PyResult<()> {
        self.extend_from(iterable)
    }

    /// Remove and return item at index (default last).
    ///
    /// Raises IndexError if list is empty or index is out of range.
    #[pymethod(name = "pop", sig = "(index=-1, /)")]
    fn pop_item(&self, index: isize) -> PyResult<Obj> {
        if self.is_empty() {
            return Err(raise!(IndexError, "pop from empty list"));
        }
        match position(index, self.len()) {
            Some(i) => Ok(self.remove_at(i)),
            None => Err(raise!(IndexError, "pop index out of range")),
        }
    }

    /// Remove first occurrence of value.
    ///
    /// Raises ValueError if the value is not present.
    #[pymethod]
    fn remove(&self, value: &Obj) -> PyResult<()> {
        let mut i = 0;
        while let Some(own) = self.get(i) {
            if compare::equal(&own, value)? {
                if i < self.len() {
                    drop(self.remove_at(i));
                }
                return Ok(());
            }
            i += 1;
        }
        Err(raise!(ValueError, "list.remove(x): x not in list"))
    }

    /// Return first index of value.
    ///
    /// Raises ValueError if the value is not present.
    #[pymethod(sig = "(value, start=0, stop=sys.maxsize, /)")]
    fn index(&self, value: &Obj, start: Maybe<SliceBound>, stop: Maybe<SliceBound>) -> PyResult<usize> {
        let start = clip_bound(start.0.map_or(0, |b| b.0), self.len());
        let stop = clip_bound(stop.0.map_or(isize::MAX, |b| b.0), self.len());
        let mut i = start;
        while i < stop
            && let Some(own) = self.get(i)
        {
            if compare::equal(&own, value)? {
                return Ok(i);
            }
            i += 1;
        }
        Err(raise!(ValueError, "list.index(x): x not in list"))
    }

    /// Return number of occurrences of value.
    #[pymethod]
    fn count(&self, value: &Obj) -> PyResult<usize> {
        let (mut i, mut n) = (0, 0);
        while let Some(own) = self.get(i) {
            n += usize::from(compare::equal(&own, value)?);
            i += 1;
        }
        Ok(n)
    }

    /// Reverse *IN PLACE*.
    #[pymethod]
    fn reverse(&self) {
        self.with(|items| items.reverse());
    }

    /// Sort the list in ascending order and return None.
    ///
    /// The sort is in-place (i.e. the list itself is modified) and stable
    /// (i.e. the order of two equal elements is maintained).
    ///
    /// If a key function is given, apply it once to each list item and sort
    /// them, ascending or descending, according to their function values.
    ///
    /// The reverse flag can be set to sort in descending order.
    #[pymethod(sig = "(*, key=None, reverse=False)")]
    fn sort(&self, key: Option<&Obj>, reverse: bool) -> PyResult<()> {
        list_sort::sort(self, key, reverse)
    }

    /// lists are generic over the type of their contents
    #[classmethod(name = "__class_getitem__")]
    fn class_getitem(cls: &Type, object: &Obj) -> Obj {
        GenericAlias::new(cls.to_obj(), object).into_obj()
    }
}

fn wrong_key(key: &Obj) -> crate::errors::Raised {
    raise!(TypeError, "list indices must be integers or slices, not {}", key.class().name())
}

/// A `start` or `stop` argument: anything with `__index__`, clipped to the machine word.
#[derive(Copy, Clone)]
pub struct SliceBound(pub isize);

impl<'a> crate::args::FromArg<'a> for SliceBound {
    fn from_arg(arg: &'a Obj) -> PyResult<Self> {
        bound_argument(arg).map(SliceBound)
    }
}

// Walks a list forwards; knows the interpreter's fast path.
#[pyclass(name = "list_iterator", flags = DISALLOW_INSTANTIATION)]
pub struct ListIterator {
    pub index: Cell<usize>,
    /// Empty once the end was reached.
    pub list: ObjCell,
}

impl ListIterator {
    pub fn new(list: Obj) -> Ptr<ListIterator> {
        Ptr::new(ListIterator { index: Cell::new(0), list: ObjCell::of(list) })
    }

    fn list(&self) -> Option<Ptr<List>> {
        self.list.get().and_then(|l| l.into_ptr().ok())
    }

    /// The next item.
    #[inline]
    pub fn step(&self) -> Option<Obj> {
        let list = self.list.peek();
        if list.is_null() {
            return None;
        }
        // SAFETY: the cell holds a list, which stays alive while it is looked at: nothing else runs.
        let item = unsafe { list.as_obj().downcast_unchecked::<List>().get(self.index.get()) };
        match item {
            Some(_) => self.index.set(self.index.get() + 1),
            None => self.list.set(None),
        }
        item
    }
}

#[pymethods]
impl ListIterator {
    #[slot(iter)]
    fn iter(this: &Obj) -> PyResult<Obj> {
        Ok(this.clone())
    }

    #[slot(iternext)]
    fn next(&self) -> PyResult<Option<Obj>> {
        Ok(self.step())
    }

    /// Private method returning an estimate of len(list(it)).
    #[pymethod(name = "__length_hint__")]
    fn length_hint(&self) -> usize {
        self.list().map_or(0, |list| list.len().saturating_sub(self.index.get()))
    }

    /// Return state information for pickling.
    #[pymethod(name = "__reduce__")]
    fn reduce(&self) -> PyResult<Obj> {
        // The look-up may run code that finishes this iterator.
        let iter = builtin("iter")?;
        match self.list.get() {
            Some(list) => {
                let args = Tuple::from_vec(vec![list]).into_obj();
                Ok(Tuple::from_vec(vec![iter, args, int::new(self.index.get() as i64)]).into_obj())
            }
            None => {
                let args = Tuple::from_vec(vec![List::new().into_obj()]).into_obj();
                Ok(Tuple::from_vec(vec![iter, args]).into_obj())
            }
        }
    }

    /// Set state information for unpickling.
    #[pymethod(name = "__setstate__", sig = "(object, /)")]
    fn setstate(&self, state: isize) {
        if let Some(list) = self.list() {
            self.index.set((state.max(0) as usize).min(list.len()));
        }
    }
}

// Walks a list backwards.
#[pyclass(name = "list_reverseiterator", flags = DISALLOW_INSTANTIATION)]
pub struct ListReverseIterator {
    index: Cell<isize>,
    list: ObjCell,
}

impl ListReverseIterator {
    fn list(&self) -> Option<Ptr<List>> {
        self.list.get().and_then(|l| l.into_ptr().ok())
    }
}

#[pymethods]
impl ListReverseIterator {
    #[slot(iter)]
    fn iter(this: &Obj) -> PyResult<Obj> {
        Ok(this.clone())
    }

    #[slot(iternext)]
    fn next(this: &Object<ListReverseIterator>) -> PyResult<Option<Obj>> {
        let Some(list) = this.list() else { return Ok(None) };
        let index = this.index.get();
        match usize::try_from(index).ok().and_then(|i| list.get(i)) {
            Some(item) => {
                this.index.set(index - 1);
                Ok(Some(item))
            }
            None => {
                this.index.set(-1);
                this.list.set(None);
                Ok(None)
            }
        }
    }

    /// Private method returning an estimate of len(list(it)).
    #[pymethod(name = "__length_hint__")]
    fn length_hint(&self) -> usize {
        let rest = (self.index.get() + 1) as usize;
        self.list().map_or(0, |list| if list.len() < rest { 0 } else { rest })
    }

    /// Return state information for pickling.
    #[pymethod(name = "__reduce__")]
    fn reduce(&self) -> PyResult<Obj> {
        match self.list.get() {
            Some(list) => {
                let args = Tuple::from_vec(vec![list]).into_obj();
                let index = int::new(self.index.get() as i64);
                Ok(Tuple::from_vec(vec![builtin("reversed")?, args, index]).into_obj())
            }
            None => {
                let args = Tuple::from_vec(vec![List::new().into_obj()]).into_obj();
                Ok(Tuple::from_vec(vec![builtin("reversed")?, args]).into_obj())
            }
        }
    }

    /// Set state information for unpickling.
    #[pymethod(name = "__setstate__", sig = "(object, /)")]
    fn setstate(&self, state: isize) {
        if let Some(list) = self.list() {
            self.index.set(state.clamp(-1, list.len() as isize - 1));
        }
    }
}
