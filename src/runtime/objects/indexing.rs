//! Subscripts and bounds as sequences understand them, and items of any iterable.

use crate::errors::PyResult;
use crate::object::Obj;
use crate::objects::list::List;
use crate::objects::slice::Slice;
use crate::objects::tuple::Tuple;
use crate::protocols::number;
use crate::raise;

/// The items that a slice selects: `count` of them, from `start` on, `step` apart.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Range {
    pub start: isize,
    pub step: isize,
    pub count: usize,
    /// The slice's end after clipping.
    pub stop: isize,
}

impl Range {
    /// Clips a slice to a sequence of `length` items.
    pub fn new(length: usize, start: isize, stop: isize, step: isize) -> Range {
        let length = length as isize;
        let (low, high) = if step < 0 { (-1, length - 1) } else { (0, length) };
        let clip = |i: isize| {
            if i < 0 { i.saturating_add(length).max(low) } else { i.min(high) }
        };
        let (start, stop) = (clip(start), clip(stop));
        let count = if step < 0 {
            if stop < start { (start - stop - 1) / step.unsigned_abs() as isize + 1 } else { 0 }
        } else if start < stop {
            (stop - start - 1) / step + 1
        } else {
            0
        };
        Range { start, step, count: count as usize, stop }
    }

    /// The positions selected.
    pub fn positions(self) -> impl ExactSizeIterator<Item = usize> + Clone {
        (0..self.count).map(move |i| (self.start + i as isize * self.step) as usize)
    }

    /// The positions as a half-open range, if they stand next to each other.
    pub fn contiguous(self) -> Option<std::ops::Range<usize>> {
        (self.step == 1).then(|| self.start as usize..self.start as usize + self.count)
    }
}

/// A subscript of a sequence.
pub enum Subscript {
    /// The index as given, negative perhaps.
    Index(isize),
    /// The bounds of a slice, not clipped yet: start, stop, step.
    Slice(isize, isize, isize),
}

impl Subscript {
    /// Reads a subscript; `None` if it is neither an index nor a slice.
    pub fn new(key: &Obj) -> PyResult<Option<Subscript>> {
        if let Some(slice) = key.exact::<Slice>() {
            return slice_bounds(slice).map(|(start, stop, step)| Some(Subscript::Slice(start, stop, step)));
        }
        if number::has_index(key) {
            return number::as_subscript(key).map(|i| Some(Subscript::Index(i)));
        }
        Ok(None)
    }
}

/// The bounds of a slice before clipping.
pub fn slice_bounds(slice: &Slice) -> PyResult<(isize, isize, isize)> {
    let step = match &slice.step {
        step if step.is_none() => 1,
        step => slice_index(step)?,
    };
    if step == 0 {
        return Err(raise!(ValueError, "slice step cannot be zero"));
    }
    let step = step.max(-isize::MAX);
    let bound = |x: &Obj, default| if x.is_none() { Ok(default) } else { slice_index(x) };
    let start = bound(&slice.start, if step < 0 { isize::MAX } else { 0 })?;
    let stop = bound(&slice.stop, if step < 0 { isize::MIN } else { isize::MAX })?;
    Ok((start, stop, step))
}

/// A bound of a slice, clipped to the machine's range.
pub fn slice_index(obj: &Obj) -> PyResult<isize> {
    if !number::has_index(obj) {
        return Err(raise!(TypeError, "slice indices must be integers or None or have an __index__ method"));
    }
    number::as_ssize(obj, false)
}

/// The optional `start` and `end` of methods like `find`: clipped, but `start` may lie behind the end.
pub fn bounds(length: usize, start: Option<&Obj>, end: Option<&Obj>) -> PyResult<(usize, usize)> {
    let length = length as isize;
    let clip = |i: isize| if i < 0 { (i + length).max(0) } else { i };
    let start = start.map_or(Ok(0), slice_index)?;
    let end = end.map_or(Ok(isize::MAX), slice_index)?;
    Ok((clip(start) as usize, clip(end).min(length) as usize))
}

/// The position that an index names, or `None` if it is out of range.
#[inline]
pub fn position(index: isize, length: usize) -> Option<usize> {
    let index = if index < 0 { index + length as isize } else { index };
    (index >= 0 && (index as usize) < length).then_some(index as usize)
}

/// An iterator over `obj`.
pub fn iterator(obj: &Obj) -> PyResult<Obj> {
    let slots = obj.class().slots();
    if let Some(f) = slots.iter {
        let result = f(obj)?;
        if result.class().slots().iternext.is_none() {
            return Err(raise!(TypeError, "iter() returned non-iterator of type '{}'", result.class().name()));
        }
        return Ok(result);
    }
    if slots.sq_item.is_some() || slots.getitem.is_some() && !obj.is_instance_of::<crate::objects::dict::Dict>() {
        return crate::objects::iter::sequence_iterator(obj);
    }
    Err(raise!(TypeError, "'{}' object is not iterable", obj.class().name()))
}

/// Calls `f` with every item of an iterable until it fails.
pub fn for_each(obj: &Obj, mut f: impl FnMut(Obj) -> PyResult<()>) -> PyResult<()> {
    let iterator = iterator(obj)?;
    let Some(next) = iterator.class().slots().iternext else {
        return Err(raise!(TypeError, "'{}' object is not an iterator", iterator.class().name()));
    };
    while let Some(item) = next(&iterator)? {
        f(item)?;
    }
    Ok(())
}

/// All items of an iterable.
pub fn collect(obj: &Obj) -> PyResult<Vec<Obj>> {
    if let Some(list) = obj.exact::<List>() {
        return Ok(list.to_vec());
    }
    if let Some(tuple) = obj.exact::<Tuple>() {
        return Ok(tuple.items().to_vec());
    }
    let mut items = Vec::new();
    for_each(obj, |item| {
        items.push(item);
        Ok(())
    })?;
    Ok(items)
}
