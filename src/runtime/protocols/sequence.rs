//! Subscripts and slices: `obj[key]` and its relatives, for any object.

use crate::call;
use crate::errors::PyResult;
use crate::object::Obj;
use crate::objects::generic_alias::GenericAlias;
use crate::objects::int;
use crate::objects::list::List;
use crate::objects::slice::Slice;
use crate::objects::tuple::Tuple;
use crate::protocols::{attr, iter, number, truth};
use crate::types::{TYPE, as_type, flags, slot_functions};
use crate::{name, raise};

/// Python's `obj[key]`.
#[inline]
pub fn getitem(obj: &Obj, key: &Obj) -> PyResult<Obj> {
    match obj.class().slots().getitem {
        Some(f) => f(obj, key),
        None => getitem_of_class(obj, key),
    }
}

/// Subscripts of a class go to its `__class_getitem__`.
#[cold]
fn getitem_of_class(obj: &Obj, key: &Obj) -> PyResult<Obj> {
    let Some(class) = as_type(obj) else {
        return Err(raise!(TypeError, "'{}' object is not subscriptable", obj.class().name()));
    };
    if std::ptr::eq(class, TYPE.get()) {
        return Ok(GenericAlias::new(obj.clone(), key).into_obj());
    }
    match attr::getattr_optional(obj, name!("__class_getitem__"))? {
        Some(method) if !method.is_none() => call::call(&method, std::slice::from_ref(key)),
        _ => Err(raise!(TypeError, "type '{}' is not subscriptable", class.name())),
    }
}

/// Python's `obj[key] = value`.
#[inline]
pub fn setitem(obj: &Obj, key: &Obj, value: &Obj) -> PyResult<()> {
    match obj.class().slots().setitem {
        Some(f) => f(obj, key, Some(value)),
        None => Err(raise!(TypeError, "'{}' object does not support item assignment", obj.class().name())),
    }
}

/// Python's `del obj[key]`.
#[inline]
pub fn delitem(obj: &Obj, key: &Obj) -> PyResult<()> {
    match obj.class().slots().setitem {
        Some(f) => f(obj, key, None),
        None => {
            // Sequences word it otherwise when the key is a number.
            let class = obj.class();
            let is_sequence = class.slots().sq_item.is_some() || class.is_heap_type();
            let verb = if is_sequence && number::has_index(key) { "doesn't" } else { "does not" };
            Err(raise!(TypeError, "'{}' object {verb} support item deletion", class.name()))
        }
    }
}

/// Python's `len(obj)`.
#[inline]
pub fn len(obj: &Obj) -> PyResult<usize> {
    truth::len(obj)
}

/// Item `i` of a sequence.
pub fn get(obj: &Obj, i: isize) -> PyResult<Obj> {
    if i >= 0 {
        if let Some(list) = obj.exact::<List>()
            && let Some(item) = list.get(i as usize)
        {
            return Ok(item);
        }
        if let Some(tuple) = obj.exact::<Tuple>()
            && let Some(item) = tuple.items().get(i as usize)
        {
            return Ok(item.clone());
        }
    }
    if obj.class().slots().getitem.is_none() {
        return Err(raise!(TypeError, "'{}' object does not support indexing", obj.class().name()));
    }
    getitem(obj, &int::new(i as i64))
}

/// True for objects whose items are found by number: they have `__getitem__` and are not mappings.
pub fn is_sequence(obj: &Obj) -> bool {
    let class = obj.class();
    !class.has_flag(flags::DICT_SUBCLASS)
        && (class.slots().sq_item.is_some() || slot_functions::has_python_getitem(class))
}

/// True for objects with `__getitem__` of any kind.
pub fn is_mapping(obj: &Obj) -> bool {
    obj.class().slots().getitem.is_some()
}

/// `PySequence_Fast`: the items of a list or tuple as they are now, or of any iterable; `text` is the
/// TypeError's if it is not iterable.
pub fn fast_items(obj: &Obj, text: &str) -> PyResult<Vec<Obj>> {
    iter::collect_or(obj, text)
}

/// A position in a sequence of `length` items, negative ones counted from the end; `None` = out of range.
#[inline]
pub fn position(i: isize, length: usize) -> Option<usize> {
    let i = if i < 0 { i + length as isize } else { i };
    (i >= 0 && (i as usize) < length).then_some(i as usize)
}

/// The position that an index object means, or `None` out of range.
#[inline]
pub fn resolve_index(key: &Obj, length: usize) -> PyResult<Option<usize>> {
    Ok(position(number::as_subscript(key)?, length))
}

/// Bounds as in `list.index(x, start, stop)`: negative ones count from the end, then they are clipped.
pub fn clip_bound(bound: isize, length: usize) -> usize {
    if bound < 0 { bound.saturating_add(length as isize).max(0) as usize } else { (bound as usize).min(length) }
}

/// A bound argument: any object with `__index__`, clipped to the machine word.
pub fn bound_argument(arg: &Obj) -> PyResult<isize> {
    if !number::has_index(arg) {
        return Err(raise!(TypeError, "slice indices must be integers or have an __index__ method"));
    }
    number::as_ssize(arg, false)
}

/// A slice applied to a sequence of known length.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct SliceIndices {
    pub start: isize,
    pub stop: isize,
    pub step: isize,
    /// How many items it selects.
    pub length: usize,
}

impl SliceIndices {
    /// The bounds of `slice`; runs the `__index__` of its parts.
    pub fn unpack(slice: &Slice) -> PyResult<SliceIndices> {
        let (mut step, mut start, mut stop) = (1, None, None);
        if !slice.step.is_none() {
            step = slice_bound(&slice.step)?;
            if step == 0 {
                return Err(raise!(ValueError, "slice step cannot be zero"));
            }
            step = step.max(-isize::MAX);
        }
        if !slice.start.is_none() {
            start = Some(slice_bound(&slice.start)?);
        }
        if !slice.stop.is_none() {
            stop = Some(slice_bound(&slice.stop)?);
        }
        let start = start.unwrap_or(if step < 0 { isize::MAX } else { 0 });
        let stop = stop.unwrap_or(if step < 0 { isize::MIN } else { isize::MAX });
        Ok(SliceIndices { start, stop, step, length: 0 })
    }

    /// Clips the bounds to a sequence of `length` items.
    pub fn adjust(self, length: usize) -> SliceIndices {
        let SliceIndices { mut start, mut stop, step, .. } = self;
        let length = length as isize;
        let clip = |bound: isize| {
            let bound = if bound < 0 { bound.saturating_add(length) } else { bound };
            if bound < 0 {
                if step < 0 { -1 } else { 0 }
            } else if bound >= length {
                if step < 0 { length - 1 } else { length }
            } else {
                bound
            }
        };
        start = clip(start);
        stop = clip(stop);
        let count = if step < 0 {
            if stop < start { (start - stop - 1) / -step + 1 } else { 0 }
        } else if start < stop {
            (stop - start - 1) / step + 1
        } else {
            0
        };
        SliceIndices { start, stop, step, length: count as usize }
    }

    /// The bounds of `slice` for a sequence of `length` items.
    pub fn new(slice: &Slice, length: usize) -> PyResult<SliceIndices> {
        Ok(SliceIndices::unpack(slice)?.adjust(length))
    }

    /// The selected positions.
    pub fn positions(self) -> impl DoubleEndedIterator<Item = usize> + ExactSizeIterator + Clone {
        (0..self.length).map(move |i| (self.start + i as isize * self.step) as usize)
    }

    /// The selected positions in rising order.
    pub fn rising(self) -> SliceIndices {
        if self.step > 0 || self.length == 0 {
            return self;
        }
        let start = self.start + (self.length as isize - 1) * self.step;
        SliceIndices { start, stop: self.start + 1, step: -self.step, length: self.length }
    }
}

/// A part of a slice as a machine word, clipped.
fn slice_bound(part: &Obj) -> PyResult<isize> {
    if !number::has_index(part) {
        return Err(raise!(TypeError, "slice indices must be integers or None or have an __index__ method"));
    }
    number::as_ssize(part, false)
}
