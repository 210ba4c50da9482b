use crate::object::*;
pub fn frozenset_from(_items: Vec<Obj>) -> crate::PyResult<Obj> { unimplemented!() }
