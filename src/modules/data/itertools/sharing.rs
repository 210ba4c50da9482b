//! `tee`: independent iterators over one stream.
//!
//! The items stand in a chain of cells that grows at its end; each iterator holds the cell that it will
//! read next, so that cells behind the slowest iterator go away by themselves.

use std::cell::Cell;

use crate::data::{iterates_itself, tuple};
use pyrs_macros::{pyclass, pymethods};
use pyrs_runtime::object::{Obj, ObjCell, Object, Ptr};
use pyrs_runtime::protocols::{attr, iter};
use pyrs_runtime::types::Type;
use pyrs_runtime::{PyResult, call, name, raise};

/// Data container common to multiple tee objects.
#[pyclass(name = "_tee_dataobject", module = "itertools", flags = DISALLOW_INSTANTIATION, parts())]
pub struct TeeData {
    source: Obj,
    item: ObjCell,
    next: ObjCell,
    running: Cell<bool>,
}

impl TeeData {
    fn new(source: Obj) -> Ptr<TeeData> {
        Ptr::new(TeeData { source, item: ObjCell::empty(), next: ObjCell::empty(), running: Cell::new(false) })
    }

    /// The item and the cell behind it; takes from the source if nobody has yet.
    fn read(&self) -> PyResult<Option<(Obj, Obj)>> {
        if !self.item.is_set() {
            if self.running.replace(true) {
                return Err(raise!(RuntimeError, "cannot re-enter the tee iterator"));
            }
            let item = iter::next(&self.source);
            self.running.set(false);
            let Some(item) = item? else { return Ok(None) };
            self.item.put(item);
            self.next.put(TeeData::new(self.source.clone()).into_obj());
        }
        Ok(self.item.get().zip(self.next.get()))
    }
}

impl Drop for TeeData {
    /// Takes the chain apart link by link: a long one must not be dropped recursively.
    fn drop(&mut self) {
        let mut next = self.next.take();
        while let Some(link) = next {
            next = match link.downcast::<TeeData>() {
                Some(data) if link.refcnt() == 1 => data.next.take(),
                _ => None,
            };
        }
    }
}

/// Iterator wrapped to make it copyable.
#[pyclass(name = "_tee", module = "itertools", weaklist, parts(PART, ITER))]
pub struct Tee {
    data: ObjCell,
}

iterates_itself!(Tee);

#[pymethods]
impl Tee {
    #[new(sig = "(iterable, /)")]
    fn construct(_cls: &Type, iterable: &Obj) -> PyResult<Obj> {
        from_iterable(iterable)
    }

    #[slot(iternext)]
    fn next(this: &Object<Tee>) -> PyResult<Option<Obj>> {
        let Some(data) = this.data.get() else { return Ok(None) };
        let Some(data) = data.downcast::<TeeData>() else { return Ok(None) };
        Ok(data.read()?.map(|(item, next)| {
            this.data.put(next);
            item
        }))
    }

    /// Returns an independent iterator.
    #[pymethod(name = "__copy__")]
    fn copy(&self) -> Obj {
        Ptr::new(Tee { data: ObjCell::new(self.data.get()) }).into_obj()
    }
}

/// A tee over any iterable; a copy of one that is a tee already.
fn from_iterable(iterable: &Obj) -> PyResult<Obj> {
    let source = iter::iter(iterable)?;
    if let Some(tee) = source.downcast::<Tee>() {
        return Ok(tee.copy());
    }
    Ok(Ptr::new(Tee { data: ObjCell::of(TeeData::new(source).into_obj()) }).into_obj())
}

/// `tee(iterable, n)`.
pub(super) fn tee(iterable: &Obj, n: usize) -> PyResult<Obj> {
    if n == 0 {
        return Ok(tuple(Vec::new()));
    }
    let source = iter::iter(iterable)?;
    let first = match attr::getattr_optional(&source, name!("__copy__"))? {
        Some(_) => source.clone(),
        None => from_iterable(&source)?,
    };
    // An iterator that can be copied is not used itself: the caller still has it.
    let first = if first.is(&source) { call::call_method_str(&source, name!("__copy__"), &[])? } else { first };
    let mut all = vec![first];
    for _ in 1..n {
        let copy = call::call_method_str(&all[0], name!("__copy__"), &[])?;
        all.push(copy);
    }
    Ok(tuple(all))
}
