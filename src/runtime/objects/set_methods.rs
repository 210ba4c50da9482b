//! Methods of `set` and `frozenset`, and their iterator.

use std::cell::Cell;

use crate::call::Args;
use crate::class::ClassDef;
use crate::errors::{PyResult, raise_key_error};
use crate::heap;
use crate::object::{Obj, ObjCell, Object, Ptr, PyClass};
use crate::objects::container_classes::traced_layout;
use crate::objects::dict::Dict;
use crate::objects::generic_alias::GenericAlias;
use crate::objects::iter::builtin;
use crate::objects::list::List;
use crate::objects::set::{self, FrozenSet, Set, SetData, as_set, hash_element};
use crate::objects::singletons::{bool_obj, not_implemented};
use crate::objects::str::Str;
use crate::objects::text_builder::TextBuilder;
use crate::objects::tuple::Tuple;
use crate::protocols::iter;
use crate::protocols::text::ReprGuard;
use crate::raise;
use crate::types::slots::CompareOp;
use crate::types::{Type, flags};
use pyrs_macros::{pyclass, pymethods};

macro_rules! definition {
    ($class:ident, $storage:ident, $name:literal, $doc:literal, $unhashable:literal) => {
        impl $class {
            /// The definition that the class object is made from.
            pub fn def() -> &'static ClassDef {
                static DEF: ClassDef = ClassDef {
                    name: $name,
                    module: "builtins",
                    doc: $doc,
                    class: set::$storage,
                    base: crate::objects::object::object_class,
                    flags: flags::HAVE_GC | flags::BASETYPE | flags::MATCH_SELF,
                    basicsize: size_of::<Object<$class>>(),
                    itemsize: 0,
                    has_dict: false,
                    has_weaklist: true,
                    layout: traced_layout::<$class>(),
                    parts: &[&$class::COMMON, &$class::PART],
                    unhashable: $unhashable,
                };
                &DEF
            }
        }
    };
}

definition!(Set, SET_CLASS, "set", "Build an unordered collection of unique elements.", true);
definition!(
    FrozenSet,
    FROZEN_SET_CLASS,
    "frozenset",
    "Build an immutable unordered collection of unique elements.",
    false
);

/// The elements of an object that a slot or method of these classes got.
fn data(this: &Obj) -> &SetData {
    as_set(this).expect("a method of this class")
}

/// A new set of the same kind (set or frozenset) as `this`, with what `fill` puts into it.
#[inline]
fn new_like(this: &Obj, fill: impl FnOnce(&SetData) -> PyResult<()>) -> PyResult<Obj> {
    let mutable = this.exact::<FrozenSet>().is_none() && this.downcast::<Set>().is_some();
    let result = if mutable { Set::empty().into_obj() } else { FrozenSet::empty().into_obj() };
    fill(data(&result))?;
    Ok(result)
}

/// Any iterable as the elements of a set.
fn elements_of(iterable: &Obj) -> PyResult<SetData> {
    let elements = SetData::default();
    elements.update(iterable)?;
    Ok(elements)
}

/// Runs `f` with the elements of a set, or of a set made from any iterable.
fn with_elements<R>(iterable: &Obj, f: impl FnOnce(&SetData) -> PyResult<R>) -> PyResult<R> {
    match as_set(iterable) {
        Some(elements) => f(elements),
        None => f(&elements_of(iterable)?),
    }
}

/// The elements that are in both.
pub(crate) fn intersection(own: &SetData, other: &Obj) -> PyResult<SetData> {
    let result = SetData::default();
    add_common(&result, own, other)?;
    Ok(result)
}

/// Adds the elements that are in both to `result`, which is empty.
fn add_common(result: &SetData, own: &SetData, other: &Obj) -> PyResult<()> {
    if let Some(other) = as_set(other) {
        let (small, large) = if other.len() > own.len() { (own, other) } else { (other, own) };
        for (hash, key) in small.elements() {
            if large.contains_hashed(&key, hash)? {
                result.add_hashed(key, hash)?;
            }
        }
        return Ok(());
    }
    iter::for_each(other, |key| {
        let hash = hash_element(&key)?;
        if own.contains_hashed(&key, hash)? {
            result.add_hashed(key, hash)?;
        }
        Ok(())
    })
}

/// Removes the elements of any iterable.
pub(crate) fn difference_update(own: &SetData, other: &Obj) -> PyResult<()> {
    if let Some(elements) = as_set(other) {
        if std::ptr::eq(own, elements) {
            own.clear();
            return Ok(());
        }
        for (hash, key) in elements.elements() {
            own.discard_hashed(&key, hash)?;
        }
        return Ok(());
    }
    iter::for_each(other, |key| own.discard(&key).map(drop))
}

/// Adds the elements of `own` that are not in `other` to `result`, which is empty.
fn add_difference(result: &SetData, own: &SetData, other: &Obj) -> PyResult<()> {
    let dict = other.exact::<Dict>();
    let Some(other_len) = as_set(other).map(SetData::len).or_else(|| dict.map(|d| d.len())) else {
        result.merge(own)?;
        return difference_update(result, other);
    };
    if own.len() >> 2 > other_len {
        result.merge(own)?;
        return difference_update(result, other);
    }
    for (hash, key) in own.elements() {
        let hit = match (as_set(other), dict) {
            (Some(set), _) => set.contains_hashed(&key, hash)?,
            (None, Some(dict)) => dict.get_hashed(&key, hash)?.is_some(),
            _ => false,
        };
        if !hit {
            result.add_hashed(key, hash)?;
        }
    }
    Ok(())
}

/// Keeps what is in one of the two only.
pub(crate) fn symmetric_difference_update(own: &SetData, other: &Obj) -> PyResult<()> {
    if as_set(other).is_some_and(|o| std::ptr::eq(o, own)) {
        own.clear();
        return Ok(());
    }
    with_elements(other, |elements| {
        for (hash, key) in elements.elements() {
            if !own.discard_hashed(&key, hash)? {
                own.add_hashed(key, hash)?;
            }
        }
        Ok(())
    })
}

/// True if all elements of `a` are in `b`.
pub(crate) fn is_subset(a: &SetData, b: &SetData) -> PyResult<bool> {
    if a.len() > b.len() {
        return Ok(false);
    }
    for (hash, key) in a.elements() {
        if !b.contains_hashed(&key, hash)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn is_disjoint(own: &SetData, other: &Obj) -> PyResult<bool> {
    if let Some(other) = as_set(other) {
        let (small, large) = if other.len() > own.len() { (own, other) } else { (other, own) };
        for (hash, key) in small.elements() {
            if large.contains_hashed(&key, hash)? {
                return Ok(false);
            }
        }
        return Ok(true);
    }
    let iterator = iter::iter(other)?;
    while let Some(key) = iter::next(&iterator)? {
        if own.contains(&key)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// `key in set`, `set.remove(key)`: a set as key stands for the frozenset with its elements.
fn with_set_as_key<R>(key: &Obj, f: impl Fn(&Obj) -> PyResult<R>) -> PyResult<R> {
    match f(key) {
        Err(raised)
            if key.downcast::<Set>().is_some() && raised.matches(crate::objects::exceptions::TypeError::class()) =>
        {
            raised.discard();
            let frozen = FrozenSet::empty();
            frozen.0.merge(data(key))?;
            f(&frozen.into_obj())
        }
        result => result,
    }
}

fn repr_of(this: &Obj) -> PyResult<Obj> {
    let class = this.class().name();
    if data(this).is_empty() {
        return Ok(Str::new(&format!("{class}()")).into_obj());
    }
    let Some(_guard) = ReprGuard::enter(this) else { return Ok(Str::new(&format!("{class}(...)")).into_obj()) };
    let plain = std::ptr::eq(this.class(), Set::class());
    let mut out = TextBuilder::new();
    if !plain {
        out.text(class).text("(");
    }
    out.text("{").reprs(&data(this).keys())?.text("}");
    if !plain {
        out.text(")");
    }
    Ok(out.finish_obj())
}

fn compare_sets(this: &Obj, other: &Obj, op: CompareOp) -> PyResult<Obj> {
    let own = data(this);
    let Some(theirs) = as_set(other) else { return Ok(not_implemented()) };
    let (a, b) = (own.len(), theirs.len());
    Ok(bool_obj(match op {
        CompareOp::Eq | CompareOp::Ne => {
            let (x, y) = (own.hash.get(), theirs.hash.get());
            let differ = a != b || (x != -1 && y != -1 && x != y);
            (!differ && is_subset(own, theirs)?) == (op == CompareOp::Eq)
        }
        CompareOp::Le => is_subset(own, theirs)?,
        CompareOp::Ge => is_subset(theirs, own)?,
        CompareOp::Lt => a < b && is_subset(own, theirs)?,
        CompareOp::Gt => a > b && is_subset(theirs, own)?,
    }))
}

macro_rules! common {
    ($class:ident) => {
        #[pymethods(part = COMMON)]
        impl $class {
            #[slot(repr)]
            fn repr(this: &Obj) -> PyResult<Obj> {
                repr_of(this)
            }

            #[slot(richcompare)]
            fn compare(this: &Obj, other: &Obj, op: CompareOp) -> PyResult<Obj> {
                compare_sets(this, other, op)
            }

            #[slot(iter)]
            fn iter(this: &Obj) -> PyResult<Obj> {
                let used = Cell::new(Some(data(this).len()));
                let remaining = Cell::new(data(this).len());
                let iterator = SetIterator { set: ObjCell::of(this.clone()), at: Cell::new(0), used, remaining };
                Ok(Ptr::new(iterator).into_obj())
            }

            #[slot(length)]
            fn length(this: &Obj) -> PyResult<usize> {
                Ok(data(this).len())
            }

            #[slot(contains)]
            fn contains(this: &Obj, key: &Obj) -> PyResult<bool> {
                with_set_as_key(key, |key| data(this).contains(key))
            }

            #[slot(nb_and)]
            fn and(a: &Obj, b: &Obj) -> PyResult<Obj> {
                match (as_set(a), as_set(b)) {
                    (Some(own), Some(_)) => new_like(a, |result| add_common(result, own, b)),
                    _ => Ok(not_implemented()),
                }
            }

            #[slot(nb_or)]
            fn or(a: &Obj, b: &Obj) -> PyResult<Obj> {
                let (Some(own), Some(theirs)) = (as_set(a), as_set(b)) else { return Ok(not_implemented()) };
                new_like(a, |result| result.merge_both(own, theirs))
            }

            #[slot(nb_xor)]
            fn xor(a: &Obj, b: &Obj) -> PyResult<Obj> {
                let (Some(own), Some(_)) = (as_set(a), as_set(b)) else { return Ok(not_implemented()) };
                new_like(a, |result| {
                    result.merge(own)?;
                    symmetric_difference_update(result, b)
                })
            }

            #[slot(nb_subtract)]
            fn subtract(a: &Obj, b: &Obj) -> PyResult<Obj> {
                match (as_set(a), as_set(b)) {
                    (Some(own), Some(_)) => new_like(a, |result| add_difference(result, own, b)),
                    _ => Ok(not_implemented()),
                }
            }

            /// Return a shallow copy of a set.
            #[pymethod]
            fn copy(this: &Obj) -> PyResult<Obj> {
                if std::ptr::eq(this.class(), FrozenSet::class()) {
                    return Ok(this.clone());
                }
                new_like(this, |result| result.merge(data(this)))
            }

            /// Return a new set with elements in the set that are not in the others.
            #[pymethod(sig = "(*others)")]
            fn difference(this: &Obj, others: &[Obj]) -> PyResult<Obj> {
                new_like(this, |result| match others.split_first() {
                    Some((first, rest)) => {
                        add_difference(result, data(this), first)?;
                        rest.iter().try_for_each(|other| difference_update(result, other))
                    }
                    None => result.merge(data(this)),
                })
            }

            /// Return a new set with elements common to the set and all others.
            #[pymethod(sig = "(*others)")]
            fn intersection(this: &Obj, others: &[Obj]) -> PyResult<Obj> {
                let Some((first, rest)) = others.split_first() else {
                    return new_like(this, |result| result.merge(data(this)));
                };
                new_like(this, |result| {
                    add_common(result, data(this), first)?;
                    rest.iter().try_for_each(|other| intersection(result, other).map(|common| result.swap(&common)))
                })
            }

            /// Return True if two sets have a null intersection.
            #[pymethod]
            fn isdisjoint(this: &Obj, other: &Obj) -> PyResult<bool> {
                is_disjoint(data(this), other)
            }

            /// Report whether another set contains this set.
            #[pymethod]
            fn issubset(this: &Obj, other: &Obj) -> PyResult<bool> {
                if as_set(other).is_some() {
                    return with_elements(other, |other| is_subset(data(this), other));
                }
                let common = intersection(data(this), other)?;
                Ok(common.len() == data(this).len())
            }

            /// Report whether this set contains another set.
            #[pymethod]
            fn issuperset(this: &Obj, other: &Obj) -> PyResult<bool> {
                if let Some(other) = as_set(other) {
                    return is_subset(other, data(this));
                }
                let iterator = iter::iter(other)?;
                while let Some(key) = iter::next(&iterator)? {
                    if !data(this).contains(&key)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }

            /// Return state information for pickling.
            #[pymethod(name = "__reduce__")]
            fn reduce(this: &Obj) -> PyResult<Obj> {
                let elements = List::from_vec(data(this).keys()).into_obj();
                let state = crate::call::call_method_str(this, crate::name!("__getstate__"), &[])?;
                let args = Tuple::from_vec(vec![elements]).into_obj();
                Ok(Tuple::from_vec(vec![this.class().to_obj(), args, state]).into_obj())
            }

            /// S.__sizeof__() -> size of S in memory, in bytes.
            #[pymethod(name = "__sizeof__")]
            fn sizeof(this: &Obj) -> usize {
                200 + data(this).table_size()
            }

            /// Return a new set with elements in either the set or other but not both.
            #[pymethod]
            fn symmetric_difference(this: &Obj, other: &Obj) -> PyResult<Obj> {
                new_like(this, |result| {
                    result.update(other)?;
                    symmetric_difference_update(result, this)
                })
            }

            /// Return a new set with elements from the set and all others.
            #[pymethod(sig = "(*others)")]
            fn union(this: &Obj, others: &[Obj]) -> PyResult<Obj> {
                new_like(this, |result| {
                    result.merge(data(this))?;
                    others.iter().try_for_each(|other| result.update(other))
                })
            }

            /// sets are generic over the type of their elements
            #[classmethod(name = "__class_getitem__")]
            fn class_getitem(cls: &Type, object: &Obj) -> Obj {
                GenericAlias::new(cls.to_obj(), object).into_obj()
            }
        }
    };
}

common!(Set);
common!(FrozenSet);

#[pymethods]
impl Set {
    #[slot(new)]
    fn construct(cls: &Type, _args: Args<'_>) -> PyResult<Obj> {
        Ok(heap::new_instance(cls, Set::default()).into_obj())
    }

    #[init(text_signature = "(iterable=(), /)")]
    fn init(this: &Object<Set>, args: Args<'_>) -> PyResult<()> {
        let plain_new = this.class().slots().new.map(|f| f as usize) == Set::class().slots().new.map(|f| f as usize);
        if plain_new {
            args.no_keywords("set")?;
        }
        if args.nargs > 1 {
            return Err(raise!(TypeError, "set expected at most 1 argument, got {}", args.nargs));
        }
        this.0.clear();
        match args.positionals().first() {
            Some(iterable) => this.0.update(iterable),
            None => Ok(()),
        }
    }

    #[slot(nb_inplace_and)]
    fn inplace_and(this: &Obj, other: &Obj) -> PyResult<Obj> {
        if as_set(other).is_none() {
            return Ok(not_implemented());
        }
        let result = intersection(data(this), other)?;
        data(this).swap(&result);
        Ok(this.clone())
    }

    #[slot(nb_inplace_or)]
    fn inplace_or(this: &Obj, other: &Obj) -> PyResult<Obj> {
        let Some(theirs) = as_set(other) else { return Ok(not_implemented()) };
        data(this).merge(theirs)?;
        Ok(this.clone())
    }

    #[slot(nb_inplace_xor)]
    fn inplace_xor(this: &Obj, other: &Obj) -> PyResult<Obj> {
        if as_set(other).is_none() {
            return Ok(not_implemented());
        }
        symmetric_difference_update(data(this), other)?;
        Ok(this.clone())
    }

    #[slot(nb_inplace_subtract)]
    fn inplace_subtract(this: &Obj, other: &Obj) -> PyResult<Obj> {
        if as_set(other).is_none() {
            return Ok(not_implemented());
        }
        difference_update(data(this), other)?;
        Ok(this.clone())
    }

    /// Add an element to a set.
    ///
    /// This has no effect if the element is already present.
    #[pymethod]
    fn add(&self, object: Obj) -> PyResult<()> {
        self.0.add(object).map(drop)
    }

    /// Remove all elements from this set.
    #[pymethod]
    fn clear(&self) {
        self.0.clear();
    }

    /// Remove an element from a set if it is a member.
    ///
    /// Unlike set.remove(), the discard() method does not raise
    /// an exception when an element is missing from the set.
    #[pymethod]
    fn discard(&self, object: &Obj) -> PyResult<()> {
        with_set_as_key(object, |key| self.0.discard(key)).map(drop)
    }

    /// Update the set, removing elements found in others.
    #[pymethod(sig = "(*others)")]
    fn difference_update(&self, others: &[Obj]) -> PyResult<()> {
        others.iter().try_for_each(|other| difference_update(&self.0, other))
    }

    /// Update the set, keeping only elements found in it and all others.
    #[pymethod(sig = "(*others)")]
    fn intersection_update(&self, others: &[Obj]) -> PyResult<()> {
        let mut result = self.0.copy();
        for other in others {
            result = intersection(&result, other)?;
        }
        self.0.swap(&result);
        Ok(())
    }

    /// Remove and return an arbitrary set element.
    ///
    /// Raises KeyError if the set is empty.
    #[pymethod]
    fn pop(&self) -> PyResult<Obj> {
        self.0.pop().ok_or_else(|| raise!(KeyError, "pop from an empty set"))
    }

    /// Remove an element from a set; it must be a member.
    ///
    /// If the element is not a member, raise a KeyError.
    #[pymethod]
    fn remove(&self, object: &Obj) -> PyResult<()> {
        if with_set_as_key(object, |key| self.0.discard(key))? { Ok(()) } else { Err(raise_key_error(object)) }
    }

    /// Update the set, keeping only elements found in either set, but not in both.
    #[pymethod]
    fn symmetric_difference_update(&self, other: &Obj) -> PyResult<()> {
        symmetric_difference_update(&self.0, other)
    }

    /// Update the set, adding elements from all others.
    #[pymethod(sig = "(*others)")]
    fn update(&self, others: &[Obj]) -> PyResult<()> {
        others.iter().try_for_each(|other| self.0.update(other))
    }
}

#[pymethods]
impl FrozenSet {
    #[new(text_signature = "(iterable=(), /)")]
    fn construct(cls: &Type, args: Args<'_>) -> PyResult<Obj> {
        let exact = std::ptr::eq(cls, FrozenSet::class());
        let plain_init = cls.slots().init.map(|f| f as usize) == FrozenSet::class().slots().init.map(|f| f as usize);
        if exact || plain_init {
            args.no_keywords("frozenset")?;
        }
        let elements = SetData::default();
        match args.positionals() {
            [] => {}
            [only] if exact && only.exact::<FrozenSet>().is_some() => return Ok(only.clone()),
            [only] => elements.update(only)?,
            more => return Err(raise!(TypeError, "frozenset expected at most 1 argument, got {}", more.len())),
        }
        Ok(heap::new_instance(cls, FrozenSet(elements)).into_obj())
    }

    #[slot(hash)]
    fn hash(this: &Object<FrozenSet>) -> PyResult<i64> {
        let known = this.0.hash.get();
        if known != -1 {
            return Ok(known);
        }
        let hash = this.0.hash();
        this.0.hash.set(hash);
        Ok(hash)
    }
}

// Walks the elements of a set.
#[pyclass(name = "set_iterator", flags = DISALLOW_INSTANTIATION)]
pub struct SetIterator {
    set: ObjCell,
    at: Cell<usize>,
    /// How many elements there were at the beginning; `None` after the size has changed.
    used: Cell<Option<usize>>,
    remaining: Cell<usize>,
}

#[pymethods]
impl SetIterator {
    #[slot(iter)]
    fn iter(this: &Obj) -> PyResult<Obj> {
        Ok(this.clone())
    }

    #[slot(iternext)]
    fn next(this: &Object<SetIterator>) -> PyResult<Option<Obj>> {
        let set = this.set.peek();
        if set.is_null() {
            return Ok(None);
        }
        // SAFETY: the iterator holds the set, until the end of the elements is reached.
        let elements = data(unsafe { set.as_obj() });
        if this.used.get() != Some(elements.len()) {
            this.used.set(None);
            return Err(raise!(RuntimeError, "Set changed size during iteration"));
        }
        match elements.next_element(this.at.get()) {
            Some((next, _, key)) => {
                this.at.set(next);
                this.remaining.set(this.remaining.get().saturating_sub(1));
                Ok(Some(key))
            }
            None => {
                this.set.set(None);
                Ok(None)
            }
        }
    }

    /// Private method returning an estimate of len(list(it)).
    #[pymethod(name = "__length_hint__")]
    fn length_hint(&self) -> usize {
        match self.set.get() {
            Some(set) if self.used.get() == Some(data(&set).len()) => self.remaining.get(),
            _ => 0,
        }
    }

    /// Return state information for pickling.
    #[pymethod(name = "__reduce__")]
    fn reduce(&self) -> PyResult<Obj> {
        let copy = SetIterator {
            set: ObjCell::new(self.set.get()),
            at: self.at.clone(),
            used: self.used.clone(),
            remaining: self.remaining.clone(),
        };
        let rest = List::from_vec(iter::collect(&Ptr::new(copy).into_obj())?).into_obj();
        Ok(Tuple::from_vec(vec![builtin("iter")?, Tuple::from_vec(vec![rest]).into_obj()]).into_obj())
    }
}
