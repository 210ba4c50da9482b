//! Methods of `tuple`, and its iterator.

use std::cell::Cell;

use crate::args::Maybe;
use crate::call::Args;
use crate::class::ClassDef;
use crate::errors::PyResult;
use crate::object::{Obj, ObjCell, Object, Ptr, PyClass};
use crate::objects::generic_alias::GenericAlias;
use crate::objects::int;
use crate::objects::iter::{builtin, reduce_empty};
use crate::objects::list::List;
use crate::objects::list_methods::{SliceBound, repeat_items};
use crate::objects::singletons::{bool_obj, not_implemented};
use crate::objects::slice::Slice;
use crate::objects::str::Str;
use crate::objects::text_builder::TextBuilder;
use crate::objects::tuple::{self, Tuple};
use crate::protocols::sequence::{SliceIndices, clip_bound, position};
use crate::protocols::text::ReprGuard;
use crate::protocols::{compare, iter, number};
use crate::raise;
use crate::types::slots::CompareOp;
use crate::types::{Type, flags};
use pyrs_macros::{pyclass, pymethods};

impl Tuple {
    /// The definition that the class object is made from.
    pub fn def() -> &'static ClassDef {
        static DEF: ClassDef = ClassDef {
            name: "tuple",
            module: "builtins",
            doc: "Built-in immutable sequence.\n\nIf no argument is given, the constructor returns an empty tuple.\n\
                  If iterable is specified the tuple is initialized from iterable's items.\n\n\
                  If the argument is a tuple, the return value is the same object.",
            class: tuple::CLASS,
            base: crate::objects::object::object_class,
            flags: flags::HAVE_GC | flags::BASETYPE | flags::TUPLE_SUBCLASS | flags::SEQUENCE | flags::MATCH_SELF,
            basicsize: size_of::<Object<Tuple>>(),
            itemsize: 8,
            has_dict: false,
            has_weaklist: false,
            layout: tuple::LAYOUT,
            parts: &[&Tuple::PART],
            unhashable: false,
        };
        &DEF
    }
}

/// The hash of a sequence of hashes (xxHash's mixing, as CPython's tuples).
pub struct TupleHash {
    state: u64,
    length: u64,
}

const PRIME_1: u64 = 11_400_714_785_074_694_791;
const PRIME_2: u64 = 14_029_467_366_897_019_727;
const PRIME_5: u64 = 2_870_177_450_012_600_261;

impl Default for TupleHash {
    fn default() -> TupleHash {
        TupleHash::new()
    }
}

impl TupleHash {
    pub fn new() -> TupleHash {
        TupleHash { state: PRIME_5, length: 0 }
    }

    #[inline]
    pub fn add(&mut self, hash: i64) {
        self.state = self.state.wrapping_add((hash as u64).wrapping_mul(PRIME_2));
        self.state = self.state.rotate_left(31).wrapping_mul(PRIME_1);
        self.length += 1;
    }

    pub fn finish(self) -> i64 {
        let state = self.state.wrapping_add(self.length ^ (PRIME_5 ^ 3_527_539));
        if state == u64::MAX { 1_546_275_796 } else { state as i64 }
    }

    pub fn finish_without_length(self) -> i64 {
        if self.state == u64::MAX { 1_546_275_796 } else { self.state as i64 }
    }
}

/// The hash of a tuple of these items.
pub fn hash_items(items: &[Obj]) -> PyResult<i64> {
    let mut hash = TupleHash::new();
    for item in items {
        hash.add(crate::thread::with_recursion(" while hashing a tuple", || compare::hash(item))?);
    }
    Ok(hash.finish())
}

/// Compares two sequences of items that do not change.
fn compare_fixed(op: CompareOp, a: &[Obj], b: &[Obj]) -> PyResult<Obj> {
    for (x, y) in a.iter().zip(b) {
        let same = match x.is(y) {
            true => true,
            false => match compare::quick_equal(x, y) {
                Some(same) => same,
                None => compare::equal(x, y)?,
            },
        };
        if !same {
            return match op {
                CompareOp::Eq => Ok(bool_obj(false)),
                CompareOp::Ne => Ok(bool_obj(true)),
                _ => compare::rich_compare(x, y, op),
            };
        }
    }
    Ok(bool_obj(op.matches(a.len().cmp(&b.len()))))
}

#[pymethods]
impl Tuple {
    #[new(text_signature = "(iterable=(), /)")]
    fn construct(cls: &Type, args: Args<'_>) -> PyResult<Obj> {
        let args = crate::class::positional_arguments::<Tuple>(cls, args)?;
        let items = match args.positionals() {
            [] => Vec::new(),
            [only] if std::ptr::eq(cls, Tuple::class()) && only.exact::<Tuple>().is_some() => return Ok(only.clone()),
            [only] => match only.exact::<List>() {
                Some(list) if std::ptr::eq(cls, Tuple::class()) => {
                    return Ok(Tuple::from_slice(list.items()).into_obj());
                }
                _ => iter::collect(only)?,
            },
            more => return Err(raise!(TypeError, "tuple expected at most 1 argument, got {}", more.len())),
        };
        if std::ptr::eq(cls, Tuple::class()) {
            Ok(Tuple::from_vec(items).into_obj())
        } else {
            Ok(Tuple::from_vec_in(cls, items).into_obj())
        }
    }

    #[slot(repr)]
    fn repr(this: &Object<Tuple>) -> PyResult<Obj> {
        if this.is_empty() {
            return Ok(Str::new("()").into_obj());
        }
        let Some(_guard) = ReprGuard::enter(&this.as_obj()) else { return Ok(Str::new("(...)").into_obj()) };
        let mut out = TextBuilder::new();
        out.text("(").reprs(this.items())?;
        Ok(out.text(if this.len() == 1 { ",)" } else { ")" }).finish_obj())
    }

    #[slot(hash)]
    fn hash(this: &Object<Tuple>) -> PyResult<i64> {
        let known = this.hash.get();
        if known != -1 {
            return Ok(known);
        }
        let hash = hash_items(this.items())?;
        this.hash.set(hash);
        Ok(hash)
    }

    #[slot(richcompare)]
    fn compare(this: &Object<Tuple>, other: &Obj, op: CompareOp) -> PyResult<Obj> {
        let Some(other) = other.downcast::<Tuple>() else { return Ok(not_implemented()) };
        let (a, b) = (this.items(), other.items());
        // Unlike lists, tuples of different length may be compared to the first difference: the answer is
        // the same for == and !=.
        compare_fixed(op, a, b)
    }

    #[slot(iter)]
    fn iter(this: &Obj) -> PyResult<Obj> {
        Ok(TupleIterator::new(this.clone()).into_obj())
    }

    #[slot(length)]
    fn length(this: &Object<Tuple>) -> PyResult<usize> {
        Ok(this.len())
    }

    #[slot(getitem)]
    fn getitem(this: &Object<Tuple>, key: &Obj) -> PyResult<Obj> {
        if let Some(slice) = key.exact::<Slice>() {
            let bounds = SliceIndices::new(slice, this.len())?;
            if bounds.step == 1 {
                if bounds.length == this.len() && std::ptr::eq(this.class(), Tuple::class()) {
                    return Ok(this.to_obj());
                }
                let start = bounds.start as usize;
                return Ok(Tuple::from_slice(&this.items()[start..start + bounds.length]).into_obj());
            }
            return Ok(Tuple::from_vec(bounds.positions().map(|i| this.items()[i].clone()).collect()).into_obj());
        }
        if !number::has_index(key) {
            return Err(raise!(TypeError, "tuple indices must be integers or slices, not {}", key.class().name()));
        }
        let i = number::as_subscript(key)?;
        match position(i, this.len()) {
            Some(i) => Ok(this.items()[i].clone()),
            None => Err(raise!(IndexError, "tuple index out of range")),
        }
    }

    #[slot(sq_item)]
    fn item(this: &Object<Tuple>, i: isize) -> PyResult<Obj> {
        let found = usize::try_from(i).ok().and_then(|i| this.items().get(i).cloned());
        found.ok_or_else(|| raise!(IndexError, "tuple index out of range"))
    }

    #[slot(contains)]
    fn contains(this: &Object<Tuple>, item: &Obj) -> PyResult<bool> {
        for own in this.items() {
            if compare::equal(own, item)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    #[slot(sq_concat)]
    fn concat(this: &Object<Tuple>, other: &Obj) -> PyResult<Obj> {
        if this.is_empty() && other.exact::<Tuple>().is_some() {
            return Ok(other.clone());
        }
        let Some(other) = other.downcast::<Tuple>() else {
            let class = other.class().name();
            return Err(raise!(TypeError, "can only concatenate tuple (not \"{class}\") to tuple"));
        };
        if other.is_empty() && std::ptr::eq(this.class(), Tuple::class()) {
            return Ok(this.to_obj());
        }
        Ok(Tuple::from_slices(this.items(), other.items()).into_obj())
    }

    #[slot(sq_repeat)]
    fn repeat(this: &Object<Tuple>, count: isize) -> PyResult<Obj> {
        if (this.is_empty() || count == 1) && std::ptr::eq(this.class(), Tuple::class()) {
            return Ok(this.to_obj());
        }
        Ok(Tuple::from_vec(repeat_items(this.items(), count)?).into_obj())
    }

    #[pymethod(name = "__getnewargs__")]
    fn getnewargs(this: &Object<Tuple>) -> Obj {
        Tuple::from_vec(vec![Tuple::from_slice(this.items()).into_obj()]).into_obj()
    }

    /// Return first index of value.
    ///
    /// Raises ValueError if the value is not present.
    #[pymethod(sig = "(value, start=0, stop=sys.maxsize, /)")]
    fn index(this: &Object<Tuple>, value: &Obj, start: Maybe<SliceBound>, stop: Maybe<SliceBound>) -> PyResult<usize> {
        let (start, stop) = (
            clip_bound(start.0.map_or(0, |b| b.0), this.len()),
            clip_bound(stop.0.map_or(isize::MAX, |b| b.0), this.len()),
        );
        for i in start..stop {
            if compare::equal(&this.items()[i], value)? {
                return Ok(i);
            }
        }
        Err(raise!(ValueError, "tuple.index(x): x not in tuple"))
    }

    /// Return number of occurrences of value.
    #[pymethod]
    fn count(this: &Object<Tuple>, value: &Obj) -> PyResult<usize> {
        let mut n = 0;
        for own in this.items() {
            n += usize::from(compare::equal(own, value)?);
        }
        Ok(n)
    }

    /// Tuples are generic over the types of their contents.
    ///
    /// For example, use ``tuple[int, str]`` for a pair whose first element
    /// is an int and second element is a string.
    ///
    /// Tuples also support the form ``tuple[T, ...]`` to indicate
    /// an arbitrary length tuple of elements of type T.
    #[classmethod(name = "__class_getitem__")]
    fn class_getitem(cls: &Type, object: &Obj) -> Obj {
        GenericAlias::new(cls.to_obj(), object).into_obj()
    }
}

// Walks a tuple; knows the interpreter's fast path.
#[pyclass(name = "tuple_iterator", flags = DISALLOW_INSTANTIATION)]
pub struct TupleIterator {
    pub index: Cell<usize>,
    /// Empty once the end was reached.
    pub tuple: ObjCell,
}

impl TupleIterator {
    pub fn new(tuple: Obj) -> Ptr<TupleIterator> {
        Ptr::new(TupleIterator { index: Cell::new(0), tuple: ObjCell::of(tuple) })
    }

    fn tuple(&self) -> Option<Ptr<Tuple>> {
        self.tuple.get().and_then(|t| t.into_ptr().ok())
    }
}

#[pymethods]
impl TupleIterator {
    #[slot(iter)]
    fn iter(this: &Obj) -> PyResult<Obj> {
        Ok(this.clone())
    }

    #[slot(iternext)]
    fn next(this: &Object<TupleIterator>) -> PyResult<Option<Obj>> {
        let Some(tuple) = this.tuple() else { return Ok(None) };
        match tuple.items().get(this.index.get()) {
            Some(item) => {
                this.index.set(this.index.get() + 1);
                Ok(Some(item.clone()))
            }
            None => {
                this.tuple.set(None);
                Ok(None)
            }
        }
    }

    /// Private method returning an estimate of len(list(it)).
    #[pymethod(name = "__length_hint__")]
    fn length_hint(&self) -> usize {
        self.tuple().map_or(0, |t| t.len().saturating_sub(self.index.get()))
    }

    /// Return state information for pickling.
    #[pymethod(name = "__reduce__")]
    fn reduce(&self) -> PyResult<Obj> {
        let iter = builtin("iter")?;
        match self.tuple.get() {
            Some(tuple) => {
                let args = Tuple::from_vec(vec![tuple]).into_obj();
                Ok(Tuple::from_vec(vec![iter, args, int::new(self.index.get() as i64)]).into_obj())
            }
            None => reduce_empty("iter"),
        }
    }

    /// Set state information for unpickling.
    #[pymethod(name = "__setstate__", sig = "(object, /)")]
    fn setstate(&self, state: isize) {
        if let Some(tuple) = self.tuple() {
            self.index.set((state.max(0) as usize).min(tuple.len()));
        }
    }
}
