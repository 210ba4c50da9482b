use crate::object::*;
pub fn union_of(_a: &Obj, _b: &Obj) -> crate::PyResult<Obj> { unimplemented!() }
pub struct GenericAlias; impl GenericAlias { pub fn new(_a: Obj, _b: &Obj) -> Ptr<GenericAlias> { unimplemented!() } pub fn class_getitem(_c: &crate::types::Type, _i: &Obj) -> crate::PyResult<Obj> { unimplemented!() } }
