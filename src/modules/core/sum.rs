//! `sum()`: ints exactly, floats with compensation, everything else by `+`.

use pyrs_runtime::errors::PyResult;
use pyrs_runtime::object::Obj;
use pyrs_runtime::objects::{float, int};
use pyrs_runtime::protocols::{iter, number};

/// Neumaier's variant of Kahan summation.
#[derive(Default)]
struct Compensated {
    high: f64,
    low: f64,
}

impl Compensated {
    fn add(&mut self, x: f64) {
        let t = self.high + x;
        self.low += if self.high.abs() >= x.abs() { (self.high - t) + x } else { (x - t) + self.high };
        self.high = t;
    }

    fn value(&self) -> f64 {
        if self.low != 0.0 && self.low.is_finite() { self.high + self.low } else { self.high }
    }
}

pub fn sum(iterable: &Obj, start: Obj) -> PyResult<Obj> {
    let it = iter::iter(iterable)?;
    let mut total = start;
    if int::is_exact(&total)
        && let Some(mut n) = int::to_i64(&total)
    {
        loop {
            let Some(item) = iter::next(&it)? else { return Ok(int::new(n)) };
            let small = if item.value().is_fixnum() { int::to_i64(&item) } else { None };
            match small.and_then(|x| n.checked_add(x)) {
                Some(next) => n = next,
                None => {
                    total = number::add(&int::new(n), &item)?;
                    break;
                }
            }
        }
    }
    if float::is_exact(&total) {
        let mut sum = Compensated { high: float::view(&total).unwrap_or(0.0), low: 0.0 };
        loop {
            let Some(item) = iter::next(&it)? else { return Ok(float::new(sum.value())) };
            if float::is_exact(&item) {
                sum.add(float::view(&item).unwrap_or(0.0));
            } else if let (true, Some(n)) = (int::is_exact(&item), int::to_i64(&item)) {
                sum.add(n as f64);
            } else {
                total = number::add(&float::new(sum.value()), &item)?;
                break;
            }
        }
    }
    while let Some(item) = iter::next(&it)? {
        total = number::add(&total, &item)?;
    }
    Ok(total)
}
