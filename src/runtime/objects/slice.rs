//! `slice`.

use num_bigint::BigInt;
use num_traits::{One, Signed, Zero};

use crate::call::Args;
use crate::errors::PyResult;
use crate::object::{Obj, Object, Ptr};
use crate::objects::singletons::{bool_obj, none, not_implemented};
use crate::objects::text_builder::TextBuilder;
use crate::objects::tuple::Tuple;
use crate::objects::{int, tuple_methods};
use crate::protocols::{compare, number};
use crate::raise;
use crate::types::Type;
use crate::types::slots::CompareOp;
use pyrs_macros::{pyclass, pymethods};

/// slice(stop)
/// slice(start, stop[, step])
///
/// Create a slice object.  This is used for extended slicing (e.g. a[0:10:2]).
#[repr(C)]
#[pyclass(name = "slice")]
pub struct Slice {
    pub start: Obj,
    pub stop: Obj,
    pub step: Obj,
}

impl Slice {
    pub fn new(start: Obj, stop: Obj, step: Obj) -> Ptr<Slice> {
        Ptr::new(Slice { start, stop, step })
    }

    fn parts(&self) -> [Obj; 3] {
        [self.start.clone(), self.stop.clone(), self.step.clone()]
    }

    /// Start, stop and step for a sequence of any length.
    pub fn big_indices(&self, length: &BigInt) -> PyResult<[BigInt; 3]> {
        let step = if self.step.is_none() { BigInt::one() } else { big_bound(&self.step)? };
        if step.is_zero() {
            return Err(raise!(ValueError, "slice step cannot be zero"));
        }
        let backwards = step.is_negative();
        let (lower, upper) = if backwards { (BigInt::from(-1), length - 1) } else { (BigInt::zero(), length.clone()) };
        let clip = |part: &Obj, default: &BigInt| -> PyResult<BigInt> {
            if part.is_none() {
                return Ok(default.clone());
            }
            let bound = big_bound(part)?;
            Ok(if bound.is_negative() { (bound + length).max(lower.clone()) } else { bound.min(upper.clone()) })
        };
        let start = clip(&self.start, if backwards { &upper } else { &lower })?;
        let stop = clip(&self.stop, if backwards { &lower } else { &upper })?;
        Ok([start, stop, step])
    }

    fn as_tuple(&self) -> Obj {
        Tuple::from_vec(self.parts().to_vec()).into_obj()
    }
}

/// A part of a slice as an integer of any size.
fn big_bound(part: &Obj) -> PyResult<BigInt> {
    if !number::has_index(part) {
        return Err(raise!(TypeError, "slice indices must be integers or None or have an __index__ method"));
    }
    let index = number::index(part)?;
    Ok(int::to_bigint(&index).unwrap_or_default())
}

#[pymethods]
impl Slice {
    #[slot(new)]
    fn construct(_cls: &Type, args: Args<'_>) -> PyResult<Obj> {
        args.no_keywords("slice")?;
        let slice = match args.positionals() {
            [] => return Err(raise!(TypeError, "slice expected at least 1 argument, got 0")),
            [stop] => Slice::new(none(), stop.clone(), none()),
            [start, stop] => Slice::new(start.clone(), stop.clone(), none()),
            [start, stop, step] => Slice::new(start.clone(), stop.clone(), step.clone()),
            more => return Err(raise!(TypeError, "slice expected at most 3 arguments, got {}", more.len())),
        };
        Ok(slice.into_obj())
    }

    #[slot(repr)]
    fn repr(this: &Object<Slice>) -> PyResult<Obj> {
        let mut out = TextBuilder::new();
        out.text("slice(").reprs(&this.parts())?.text(")");
        Ok(out.finish_obj())
    }

    #[slot(hash)]
    fn hash(this: &Object<Slice>) -> PyResult<i64> {
        let mut hash = tuple_methods::TupleHash::new();
        for part in this.parts() {
            hash.add(compare::hash(&part)?);
        }
        // A slice hashes as a tuple without the length.
        Ok(hash.finish_without_length())
    }

    #[slot(richcompare)]
    fn compare(this: &Object<Slice>, other: &Obj, op: CompareOp) -> PyResult<Obj> {
        let Some(other) = other.exact::<Slice>() else { return Ok(not_implemented()) };
        if std::ptr::eq(this, other) {
            return Ok(bool_obj(matches!(op, CompareOp::Eq | CompareOp::Le | CompareOp::Ge)));
        }
        compare::rich_compare(&this.as_tuple(), &other.as_tuple(), op)
    }

    #[getter]
    fn start(&self) -> Obj {
        self.start.clone()
    }

    #[getter]
    fn stop(&self) -> Obj {
        self.stop.clone()
    }

    #[getter]
    fn step(&self) -> Obj {
        self.step.clone()
    }

    /// S.indices(len) -> (start, stop, stride)
    ///
    /// Assuming a sequence of length len, calculate the start and stop
    /// indices, and the stride length of the extended slice described by
    /// S. Out of bounds indices are clipped in a manner consistent with the
    /// handling of normal slices.
    #[pymethod(sig = "(object, /)", text_signature = "")]
    fn indices(this: &Object<Slice>, length: &Obj) -> PyResult<Obj> {
        let length = int::to_bigint(&number::index(length)?).unwrap_or_default();
        if length.is_negative() {
            return Err(raise!(ValueError, "length should not be negative"));
        }
        let parts = this.big_indices(&length)?;
        Ok(Tuple::from_vec(parts.map(int::from_bigint).to_vec()).into_obj())
    }

    /// Return state information for pickling.
    #[pymethod(name = "__reduce__", text_signature = "")]
    fn reduce(this: &Object<Slice>) -> Obj {
        Tuple::from_vec(vec![this.class().to_obj(), this.as_tuple()]).into_obj()
    }
}
