//! Subscripts, and the bounds of methods like `find`.

use crate::errors::PyResult;
use crate::object::Obj;
use crate::objects::slice::Slice;
use crate::protocols::number;
use crate::protocols::sequence::SliceIndices;
use crate::raise;

pub use crate::protocols::sequence::position;

/// A subscript of a sequence.
pub enum Subscript {
    /// The index as given, negative perhaps.
    Index(isize),
    /// A slice, not yet clipped to the sequence.
    Slice(SliceIndices),
}

impl Subscript {
    /// Reads a subscript; `None` if it is neither an index nor a slice.
    pub fn new(key: &Obj) -> PyResult<Option<Subscript>> {
        if let Some(slice) = key.exact::<Slice>() {
            return SliceIndices::unpack(slice).map(|s| Some(Subscript::Slice(s)));
        }
        if number::has_index(key) {
            return number::as_subscript(key).map(|i| Some(Subscript::Index(i)));
        }
        Ok(None)
    }
}

/// The positions of a slice as a half-open range, if they stand next to each other.
pub fn contiguous(slice: SliceIndices) -> Option<std::ops::Range<usize>> {
    (slice.step == 1).then(|| slice.start as usize..slice.start as usize + slice.length)
}

/// A bound of a slice, clipped to the machine's range.
pub fn slice_index(obj: &Obj) -> PyResult<isize> {
    if !number::has_index(obj) {
        return Err(raise!(TypeError, "slice indices must be integers or None or have an __index__ method"));
    }
    number::as_ssize(obj, false)
}

/// The optional `start` and `end` of methods like `find`.
#[derive(Copy, Clone)]
pub struct Bounds {
    start: isize,
    end: isize,
}

impl Bounds {
    /// Converts the arguments, which may run Python code.
    pub fn new(start: Option<&Obj>, end: Option<&Obj>) -> PyResult<Bounds> {
        Ok(Bounds { start: start.map_or(Ok(0), slice_index)?, end: end.map_or(Ok(isize::MAX), slice_index)? })
    }

    /// The part of a sequence that they mean; `None` if the start lies behind the end.
    pub fn clip(self, length: usize) -> Option<(usize, usize)> {
        let length = length as isize;
        let clip = |i: isize| {
            if i < 0 { i.saturating_add(length).max(0) } else { i }
        };
        let (start, end) = (clip(self.start), clip(self.end).min(length));
        (start <= end).then_some((start as usize, end as usize))
    }
}
