use crate::object::Obj; use crate::PyResult;
pub fn power_values(_a: f64, _b: f64) -> PyResult<Obj> { unimplemented!() }
pub fn parse(_o: &Obj) -> PyResult<f64> { unimplemented!() }
