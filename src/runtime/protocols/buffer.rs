use crate::object::*;
use crate::PyResult;
pub struct Buffer;
impl Buffer { pub fn from_python_view(_a: &Obj, _b: &Obj, _f: u32) -> PyResult<Buffer> { unimplemented!() } }
pub fn call_release(_o: &Obj, _b: &Buffer) {}
pub fn python_buffer(_o: &Obj, _b: &Obj) -> PyResult<Obj> { unimplemented!() }
pub fn python_release(_o: &Obj, _b: &Obj) -> PyResult<Obj> { unimplemented!() }
pub fn to_bytes(_o: &Obj) -> PyResult<Vec<u8>> { unimplemented!() }
