use crate::object::*;
pub struct Bytes;
impl Bytes { pub fn new(_b: &[u8]) -> Ptr<Bytes> { unimplemented!() } }
impl Bytes { pub fn as_bytes(&self)->&[u8]{&[]} pub fn as_slice(&self) -> &[u8] { unimplemented!() } }
pub fn bytes_or_bytearray(_o:&Obj)->Option<Vec<u8>>{None}
pub fn from_object(_o:&Obj)->crate::PyResult<Vec<u8>>{unimplemented!()}
pub fn contiguous(_o:&Obj)->crate::PyResult<Option<Vec<u8>>>{unimplemented!()}
unsafe impl PyClass for Bytes { fn class() -> &'static crate::types::Type { unimplemented!() } }
