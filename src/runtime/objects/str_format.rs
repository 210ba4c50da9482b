use crate::object::*;
pub fn format_int(_o:&Obj,_s:&Object<crate::objects::str::Str>)->crate::PyResult<Obj>{unimplemented!()}
