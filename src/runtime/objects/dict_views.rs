//! Views of a dict (`keys()`, `values()`, `items()`) and the iterators behind them.

use std::cell::Cell;

use crate::errors::PyResult;
use crate::object::{Obj, ObjCell, Object, Ptr};
use crate::objects::dict::Dict;
use crate::objects::dict_methods::pair;
use crate::objects::iter::builtin;
use crate::objects::list::List;
use crate::objects::mapping_proxy::MappingProxy;
use crate::objects::set::{Set, SetData, as_set};
use crate::objects::set_methods;
use crate::objects::singletons::{bool_obj, not_implemented};
use crate::objects::str::Str;
use crate::objects::text_builder::TextBuilder;
use crate::objects::tuple::Tuple;
use crate::protocols::text::ReprGuard;
use crate::protocols::{compare, iter, sequence};
use crate::raise;
use crate::types::slots::CompareOp;
use pyrs_macros::{pyclass, pymethods};

/// Declares an iterator over a dict: what it makes of an entry, and its direction.
macro_rules! dict_iterator {
    ($ty:ident, $name:literal, $reverse:literal, |$key:ident, $value:ident| $item:expr) => {
        #[pyclass(name = $name, flags = DISALLOW_INSTANTIATION)]
        pub struct $ty {
            pub dict: ObjCell,
            /// The next position in the dict's entries.
            pub at: Cell<usize>,
            /// The dict's size at the beginning; `None` after it has changed.
            used: Cell<Option<usize>>,
            remaining: Cell<usize>,
        }

        impl $ty {
            pub fn new(dict: &Object<Dict>) -> Ptr<$ty> {
                Ptr::new($ty {
                    dict: ObjCell::of(dict.to_obj()),
                    at: Cell::new(if $reverse { usize::MAX } else { 0 }),
                    used: Cell::new(Some(dict.len())),
                    remaining: Cell::new(dict.len()),
                })
            }
        }

        impl $ty {
            /// The next key and value.
            #[inline]
            pub fn next_pair(&self) -> PyResult<Option<(Obj, Obj)>> {
                let dict = self.dict.peek();
                if dict.is_null() {
                    return Ok(None);
                }
                // SAFETY: the cell holds a dict.
                let table = unsafe { dict.as_obj().downcast_unchecked::<Dict>() };
                if self.used.get() != Some(table.len()) {
                    self.used.set(None);
                    return Err(raise!(RuntimeError, "dictionary changed size during iteration"));
                }
                let found = if $reverse { table.previous_item(self.at.get()) } else { table.next_item(self.at.get()) };
                let Some((next, key, value)) = found else {
                    self.dict.set(None);
                    return Ok(None);
                };
                if self.remaining.get() == 0 {
                    self.dict.set(None);
                    return Err(raise!(RuntimeError, "dictionary keys changed during iteration"));
                }
                self.at.set(next);
                self.remaining.set(self.remaining.get() - 1);
                Ok(Some((key, value)))
            }
        }

        #[pymethods]
        impl $ty {
            #[slot(iter)]
            fn iter(this: &Obj) -> PyResult<Obj> {
                Ok(this.clone())
            }

            #[slot(iternext)]
            fn next(this: &Object<$ty>) -> PyResult<Option<Obj>> {
                Ok(this.next_pair()?.map(|($key, $value)| $item))
            }

            /// Private method returning an estimate of len(list(it)).
            #[pymethod(name = "__length_hint__")]
            fn length_hint(&self) -> usize {
                match self.dict.get() {
                    Some(dict) if dict.downcast::<Dict>().map(|d| d.len()) == self.used.get() => self.remaining.get(),
                    _ => 0,
                }
            }

            /// Return state information for pickling.
            #[pymethod(name = "__reduce__")]
            fn reduce(&self) -> PyResult<Obj> {
                let copy = $ty {
                    dict: ObjCell::new(self.dict.get()),
                    at: self.at.clone(),
                    used: self.used.clone(),
                    remaining: self.remaining.clone(),
                };
                let rest = List::from_vec(iter::collect(&Ptr::new(copy).into_obj())?).into_obj();
                let args = Tuple::from_vec(vec![rest]).into_obj();
                Ok(Tuple::from_vec(vec![builtin("iter")?, args]).into_obj())
            }
        }
    };
}

dict_iterator!(DictKeyIterator, "dict_keyiterator", false, |key, _value| key);
dict_iterator!(DictValueIterator, "dict_valueiterator", false, |_key, value| value);
dict_iterator!(DictItemIterator, "dict_itemiterator", false, |key, value| pair(key, value));
dict_iterator!(DictReverseKeyIterator, "dict_reversekeyiterator", true, |key, _value| key);
dict_iterator!(DictReverseValueIterator, "dict_reversevalueiterator", true, |_key, value| value);
dict_iterator!(DictReverseItemIterator, "dict_reverseitemiterator", true, |key, value| pair(key, value));

/// What the three views share.
macro_rules! dict_view {
    ($ty:ident, $name:literal, $iterator:ident, $reverse:ident, parts($($part:ident),*), $reversed_doc:tt) => {
        #[pyclass(name = $name, flags = DISALLOW_INSTANTIATION, parts($($part),*))]
        pub struct $ty {
            pub dict: Ptr<Dict>,
        }

        impl $ty {
            pub fn new(dict: &Object<Dict>) -> Ptr<$ty> {
                Ptr::new($ty { dict: dict.to_ptr() })
            }
        }

        #[pymethods]
        impl $ty {
            #[slot(repr)]
            fn repr(this: &Object<$ty>) -> PyResult<Obj> {
                let Some(_guard) = ReprGuard::enter(&this.as_obj()) else { return Ok(Str::new("...").into_obj()) };
                let items = List::from_vec(iter::collect(&this.as_obj())?).into_obj();
                let mut out = TextBuilder::new();
                Ok(out.text(this.class().name()).text("(").repr(&items)?.text(")").finish_obj())
            }

            #[slot(iter)]
            fn iter(&self) -> PyResult<Obj> {
                Ok($iterator::new(&self.dict).into_obj())
            }

            #[slot(length)]
            fn length(&self) -> PyResult<usize> {
                Ok(self.dict.len())
            }

            #[doc = $reversed_doc]
            #[pymethod(name = "__reversed__")]
            fn reversed(&self) -> Obj {
                $reverse::new(&self.dict).into_obj()
            }

            /// dictionary that this view refers to
            #[getter]
            fn mapping(&self) -> Obj {
                MappingProxy::new(self.dict.to_obj()).into_obj()
            }
        }
    };
}

dict_view!(
    DictKeys,
    "dict_keys",
    DictKeyIterator,
    DictReverseKeyIterator,
    parts(PART, SET, FIND),
    "Return a reverse iterator over the dict keys."
);
dict_view!(
    DictItems,
    "dict_items",
    DictItemIterator,
    DictReverseItemIterator,
    parts(PART, SET, FIND),
    "Return a reverse iterator over the dict items."
);
dict_view!(
    DictValues,
    "dict_values",
    DictValueIterator,
    DictReverseValueIterator,
    parts(PART),
    "Return a reverse iterator over the dict values."
);

fn is_set_view(obj: &Obj) -> bool {
    obj.downcast::<DictKeys>().is_some() || obj.downcast::<DictItems>().is_some()
}

/// The elements of a view or any other iterable.
fn elements(obj: &Obj) -> PyResult<SetData> {
    let set = SetData::default();
    match obj.downcast::<DictKeys>() {
        Some(keys) => set.update(&keys.dict.as_obj())?,
        None => set.update(obj)?,
    }
    Ok(set)
}

fn new_set(elements: SetData) -> PyResult<Obj> {
    Ok(Ptr::new(Set(elements)).into_obj())
}

/// True if everything in `a` is in `b`.
fn all_contained(a: &Obj, b: &Obj) -> PyResult<bool> {
    let iterator = iter::iter(a)?;
    while let Some(item) = iter::next(&iterator)? {
        if !iter::contains(b, &item)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn compare_views(this: &Obj, other: &Obj, op: CompareOp) -> PyResult<Obj> {
    if as_set(other).is_none() && !is_set_view(other) {
        return Ok(not_implemented());
    }
    let (own, theirs) = (sequence::len(this)?, sequence::len(other)?);
    Ok(bool_obj(match op {
        CompareOp::Eq => own == theirs && all_contained(this, other)?,
        CompareOp::Ne => !(own == theirs && all_contained(this, other)?),
        CompareOp::Lt => own < theirs && all_contained(this, other)?,
        CompareOp::Le => own <= theirs && all_contained(this, other)?,
        CompareOp::Gt => own > theirs && all_contained(other, this)?,
        CompareOp::Ge => own >= theirs && all_contained(other, this)?,
    }))
}

fn intersect(a: &Obj, b: &Obj) -> PyResult<Obj> {
    let (mut view, mut other) = if is_set_view(a) { (a, b) } else { (b, a) };
    if other.exact::<Set>().is_some() && sequence::len(view)? <= sequence::len(other)? {
        let theirs = as_set(other).expect("a set");
        return new_set(set_methods::intersection(theirs, view)?);
    }
    if is_set_view(other) && sequence::len(other)? > sequence::len(view)? {
        std::mem::swap(&mut view, &mut other);
    }
    let result = SetData::default();
    iter::for_each(other, |key| {
        if iter::contains(view, &key)? {
            result.add(key)?;
        }
        Ok(())
    })?;
    new_set(result)
}

macro_rules! set_operations {
    ($ty:ident) => {
        #[pymethods(part = SET)]
        impl $ty {
            #[slot(richcompare)]
            fn compare(this: &Obj, other: &Obj, op: CompareOp) -> PyResult<Obj> {
                compare_views(this, other, op)
            }

            #[slot(nb_subtract)]
            fn subtract(a: &Obj, b: &Obj) -> PyResult<Obj> {
                let result = elements(a)?;
                set_methods::difference_update(&result, b)?;
                new_set(result)
            }

            #[slot(nb_and)]
            fn and(a: &Obj, b: &Obj) -> PyResult<Obj> {
                intersect(a, b)
            }

            #[slot(nb_xor)]
            fn xor(a: &Obj, b: &Obj) -> PyResult<Obj> {
                let result = elements(a)?;
                set_methods::symmetric_difference_update(&result, b)?;
                new_set(result)
            }

            #[slot(nb_or)]
            fn or(a: &Obj, b: &Obj) -> PyResult<Obj> {
                let result = elements(a)?;
                result.update(b)?;
                new_set(result)
            }

            /// Return True if the view and the given iterable have a null intersection.
            #[pymethod(sig = "(object, /)")]
            fn isdisjoint(this: &Obj, other: &Obj) -> PyResult<bool> {
                if this.is(other) {
                    return Ok(sequence::len(this)? == 0);
                }
                let (mut own, mut theirs) = (this, other);
                if (as_set(other).is_some() || is_set_view(other)) && sequence::len(other)? > sequence::len(this)? {
                    std::mem::swap(&mut own, &mut theirs);
                }
                let iterator = iter::iter(theirs)?;
                while let Some(item) = iter::next(&iterator)? {
                    if iter::contains(own, &item)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
        }
    };
}

set_operations!(DictKeys);
set_operations!(DictItems);

#[pymethods(part = FIND)]
impl DictKeys {
    #[slot(contains)]
    fn contains(&self, key: &Obj) -> PyResult<bool> {
        self.dict.contains(key)
    }
}

#[pymethods(part = FIND)]
impl DictItems {
    #[slot(contains)]
    fn contains(&self, item: &Obj) -> PyResult<bool> {
        let Some([key, value]) = item.downcast::<Tuple>().map(|t| t.items()) else { return Ok(false) };
        match self.dict.get(key)? {
            Some(found) => compare::equal(&found, value),
            None => Ok(false),
        }
    }
}
