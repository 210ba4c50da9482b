use crate::object::*;
pub struct MappingProxy;
impl MappingProxy { pub fn new(_o: Obj) -> Ptr<MappingProxy> { unimplemented!() } }
