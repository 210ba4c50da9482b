//! `_bisect`: binary search in sorted sequences.

/// Bisection algorithms.
///
/// This module provides support for maintaining a list in sorted order without
/// having to sort the list after each insertion. For long lists of items with
/// expensive comparison operations, this can be an improvement over the more
/// common approach.
#[pyrs_macros::pymodule(name = "_bisect")]
pub mod module {
    use pyrs_runtime::object::Obj;
    use pyrs_runtime::objects::int;
    use pyrs_runtime::objects::list::List;
    use pyrs_runtime::protocols::{compare, sequence, truth};
    use pyrs_runtime::types::slots::CompareOp;
    use pyrs_runtime::{PyResult, call, raise};

    /// Where `x` belongs among the items from `lo` to `hi`: behind its equals if `right`.
    fn search(a: &Obj, x: &Obj, lo: isize, hi: Option<isize>, key: Option<&Obj>, right: bool) -> PyResult<usize> {
        if lo < 0 {
            return Err(raise!(ValueError, "lo must be non-negative"));
        }
        let (mut lo, mut hi) = (
            lo as usize,
            match hi {
                Some(hi) if hi >= 0 => hi as usize,
                Some(_) => return Ok(lo as usize),
                None => sequence::len(a)?,
            },
        );
        while lo < hi {
            let middle = lo + (hi - lo) / 2;
            let mut item = sequence::get(a, middle as isize)?;
            if let Some(key) = key {
                item = call::call(key, &[item])?;
            }
            let (left, than) = if right { (x, &item) } else { (&item, x) };
            let less = truth::is_true(&compare::rich_compare(left, than, CompareOp::Lt)?)?;
            if less == right {
                hi = middle;
            } else {
                lo = middle + 1;
            }
        }
        Ok(lo)
    }

    fn insert(a: &Obj, x: &Obj, at: usize) -> PyResult<()> {
        if let Some(list) = a.exact::<List>() {
            list.with(|items| items.insert(at.min(items.len()), x.clone()));
            return Ok(());
        }
        call::call_method(a, "insert", &[int::new(at as i64), x.clone()]).map(drop)
    }

    fn key_of(x: &Obj, key: Option<&Obj>) -> PyResult<Obj> {
        key.map_or_else(|| Ok(x.clone()), |key| call::call(key, std::slice::from_ref(x)))
    }

    /// Return the index where to insert item x in list a, assuming a is sorted.
    ///
    /// The return value i is such that all e in a[:i] have e <= x, and all e in
    /// a[i:] have e > x.  So if x already appears in the list, a.insert(i, x) will
    /// insert just after the rightmost x already there.
    ///
    /// Optional args lo (default 0) and hi (default len(a)) bound the
    /// slice of a to be searched.
    ///
    /// A custom key function can be supplied to customize the sort order.
    #[pyfunction(sig = "(a, x, lo=0, hi=None, *, key=None)")]
    pub fn bisect_right(a: &Obj, x: &Obj, lo: isize, hi: Option<isize>, key: Option<&Obj>) -> PyResult<usize> {
        search(a, x, lo, hi, key, true)
    }

    /// Return the index where to insert item x in list a, assuming a is sorted.
    ///
    /// The return value i is such that all e in a[:i] have e < x, and all e in
    /// a[i:] have e >= x.  So if x already appears in the list, a.insert(i, x) will
    /// insert just before the leftmost x already there.
    ///
    /// Optional args lo (default 0) and hi (default len(a)) bound the
    /// slice of a to be searched.
    ///
    /// A custom key function can be supplied to customize the sort order.
    #[pyfunction(sig = "(a, x, lo=0, hi=None, *, key=None)")]
    pub fn bisect_left(a: &Obj, x: &Obj, lo: isize, hi: Option<isize>, key: Option<&Obj>) -> PyResult<usize> {
        search(a, x, lo, hi, key, false)
    }

    /// Insert item x in list a, and keep it sorted assuming a is sorted.
    ///
    /// If x is already in a, insert it to the right of the rightmost x.
    ///
    /// Optional args lo (default 0) and hi (default len(a)) bound the
    /// slice of a to be searched.
    ///
    /// A custom key function can be supplied to customize the sort order.
    #[pyfunction(sig = "(a, x, lo=0, hi=None, *, key=None)")]
    pub fn insort_right(a: &Obj, x: &Obj, lo: isize, hi: Option<isize>, key: Option<&Obj>) -> PyResult<()> {
        let at = search(a, &key_of(x, key)?, lo, hi, key, true)?;
        insert(a, x, at)
    }

    /// Insert item x in list a, and keep it sorted assuming a is sorted.
    ///
    /// If x is already in a, insert it to the left of the leftmost x.
    ///
    /// Optional args lo (default 0) and hi (default len(a)) bound the
    /// slice of a to be searched.
    ///
    /// A custom key function can be supplied to customize the sort order.
    #[pyfunction(sig = "(a, x, lo=0, hi=None, *, key=None)")]
    pub fn insort_left(a: &Obj, x: &Obj, lo: isize, hi: Option<isize>, key: Option<&Obj>) -> PyResult<()> {
        let at = search(a, &key_of(x, key)?, lo, hi, key, false)?;
        insert(a, x, at)
    }
}
