//! `sum()`: ints exactly, floats and complex numbers with compensation, everything else by `+`.
//!
//! A sum begins in the way of its start value and goes on to a more general one at the first item that does not fit;
//! it never comes back.

use pyrs_macros::pyclass;

use crate::errors::PyResult;
use crate::heap::cycles::Visitor;
use crate::object::{DataCell, Obj, Object, Ptr, Trace};
use crate::objects::complex::{self, Complex};
use crate::objects::list::List;
use crate::objects::singletons::Bool;
use crate::objects::tuple::Tuple;
use crate::objects::{float, int};
use crate::protocols::{iter, number};

/// Neumaier's variant of Kahan summation.
#[derive(Clone, Copy)]
struct Compensated {
    high: f64,
    low: f64,
}

impl Compensated {
    fn from(x: f64) -> Compensated {
        Compensated { high: x, low: 0.0 }
    }

    fn add(&mut self, x: f64) {
        let t = self.high + x;
        self.low += if self.high.abs() >= x.abs() { (self.high - t) + x } else { (x - t) + self.high };
        self.high = t;
    }

    fn value(&self) -> f64 {
        if self.low != 0.0 && self.low.is_finite() { self.high + self.low } else { self.high }
    }
}

/// What has been added up so far, and how.
#[derive(Clone)]
enum Total {
    Int(i64),
    Float(Compensated),
    Complex(Compensated, Compensated),
    Other(Obj),
}

impl Total {
    fn start(start: Obj) -> Total {
        match int::to_i64(&start) {
            Some(n) if int::is_exact(&start) => Total::Int(n),
            _ => Total::fractional(start),
        }
    }

    /// The way of going on behind the one for ints.
    fn fractional(total: Obj) -> Total {
        match float::view(&total) {
            Some(x) if float::is_exact(&total) => Total::Float(Compensated::from(x)),
            _ => Total::complex(total),
        }
    }

    /// The way of going on behind the one for floats.
    fn complex(total: Obj) -> Total {
        match total.exact::<Complex>() {
            Some(z) => Total::Complex(Compensated::from(z.re), Compensated::from(z.im)),
            None => Total::Other(total),
        }
    }

    fn value(&self) -> Obj {
        match self {
            Total::Int(n) => int::new(*n),
            Total::Float(x) => float::new(x.value()),
            Total::Complex(re, im) => complex::new(re.value(), im.value()),
            Total::Other(v) => v.clone(),
        }
    }

    /// Adds the first of `items`, as long as it takes no more than arithmetic of the processor: how many.
    fn add_run(&mut self, items: &[Obj]) -> usize {
        match self {
            Total::Int(n) => add_ints(n, items),
            Total::Float(sum) => add_floats(sum, items),
            _ => 0,
        }
    }

    /// Adds an item. On errors the total stays as it is.
    fn add(&mut self, item: &Obj) -> PyResult<()> {
        match self {
            Total::Int(n) => *self = Total::add_to_int(*n, item)?,
            Total::Float(sum) => {
                if float::is_exact(item) {
                    sum.add(float::view(item).unwrap_or(0.0));
                } else if int::is_int(item) {
                    sum.add(number::as_f64(item)?);
                } else {
                    *self = Total::complex(number::add(&float::new(sum.value()), item)?);
                }
            }
            Total::Complex(re, im) => {
                if let Some(z) = item.exact::<Complex>() {
                    re.add(z.re);
                    im.add(z.im);
                } else if let Some(x) = float::view(item) {
                    re.add(x);
                    im.high += 0.0;
                } else if int::is_int(item) {
                    re.add(number::as_f64(item)?);
                    im.high += 0.0;
                } else {
                    *self = Total::Other(number::add(&complex::new(re.value(), im.value()), item)?);
                }
            }
            Total::Other(total) => *total = number::add(total, item)?,
        }
        Ok(())
    }

    fn add_to_int(n: i64, item: &Obj) -> PyResult<Total> {
        let fits = int::is_exact(item) || item.exact::<Bool>().is_some();
        match int::to_i64(item).filter(|_| fits).and_then(|x| n.checked_add(x)) {
            Some(next) => Ok(Total::Int(next)),
            None => Ok(Total::fractional(number::add(&int::new(n), item)?)),
        }
    }
}

/// The part of [`Total::add_run`] for ints: up to the first item that is none, or is a large one, or does not fit.
fn add_ints(total: &mut i64, items: &[Obj]) -> usize {
    for (i, item) in items.iter().enumerate() {
        let word = item.value();
        match total.checked_add(word.as_fixnum()) {
            Some(sum) if word.is_fixnum() => *total = sum,
            _ => return i,
        }
    }
    items.len()
}

/// The part of [`Total::add_run`] for floats, and ints among them.
fn add_floats(total: &mut Compensated, items: &[Obj]) -> usize {
    for (i, item) in items.iter().enumerate() {
        let word = item.value();
        if word.is_flonum() {
            total.add(word.as_flonum());
        } else if word.is_fixnum() {
            total.add(word.as_fixnum() as f64);
        } else {
            return i;
        }
    }
    items.len()
}

/// `sum(iterable, start)`. Lists and tuples are walked without an iterator object.
pub fn sum(iterable: &Obj, start: Obj) -> PyResult<Obj> {
    let mut total = Total::start(start);
    if let Some(list) = iterable.exact::<List>() {
        // An addition may change the list.
        let mut at = 0;
        while let Some(rest) = list.items().get(at..) {
            at += total.add_run(rest);
            let Some(item) = list.get(at) else { break };
            total.add(&item)?;
            at += 1;
        }
    } else if let Some(tuple) = iterable.exact::<Tuple>() {
        let mut rest = tuple.items();
        loop {
            rest = &rest[total.add_run(rest)..];
            let Some((item, others)) = rest.split_first() else { break };
            total.add(item)?;
            rest = others;
        }
    } else {
        let it = iter::iter(iterable)?;
        while let Some(item) = iter::next(&it)? {
            total.add(&item)?;
        }
    }
    Ok(total.value())
}

/// A sum in the making that is no int any more: what a loop keeps in a variable. Programs don't see it.
#[pyclass(name = "sum", flags = DISALLOW_INSTANTIATION, parts())]
pub struct PartialSum {
    total: DataCell<Total>,
}

impl Default for Total {
    fn default() -> Total {
        Total::Int(0)
    }
}

impl Trace for Total {
    fn trace(&self, visitor: &mut Visitor<'_>) {
        if let Total::Other(v) = self {
            v.trace(visitor);
        }
    }
}

/// A sum that began with an int, and one more item: an int as long as all items are, else a [`PartialSum`], which
/// changes in place.
pub fn step(total: &Obj, item: &Obj) -> PyResult<Obj> {
    if total.value().is_fixnum()
        && let Some(next) = int::to_i64(item).filter(|_| item.value().is_fixnum() || item.exact::<Bool>().is_some())
        && let Some(sum) = total.value().as_fixnum().checked_add(next)
    {
        return Ok(int::new(sum));
    }
    let partial = match total.exact::<PartialSum>() {
        Some(partial) => partial.to_ptr(),
        None => Ptr::new(PartialSum { total: DataCell::new(Total::start(total.clone())) }),
    };
    partial.add(item)?;
    Ok(partial.into_obj())
}

/// Whether [`step`] runs no Python code.
pub fn is_native(total: &Obj, item: &Obj) -> bool {
    let is_number = |v: &Obj| {
        int::is_exact(v) || float::is_exact(v) || v.exact::<Bool>().is_some() || v.exact::<Complex>().is_some()
    };
    let total_is_number = match total.exact::<PartialSum>() {
        Some(partial) => partial.total.with(|total| !matches!(total, Total::Other(v) if !is_number(v))),
        None => is_number(total),
    };
    total_is_number && is_number(item)
}

/// What [`step`] has added up.
pub fn finish(total: &Obj) -> Obj {
    match total.exact::<PartialSum>() {
        Some(partial) => partial.total.with(|total| total.value()),
        None => total.clone(),
    }
}

impl Object<PartialSum> {
    fn add(&self, item: &Obj) -> PyResult<()> {
        // With a copy: adding may run Python code, and fail.
        let mut total = self.total.with(|total| total.clone());
        total.add(item)?;
        self.total.replace(total);
        Ok(())
    }
}
