//! What several native modules need.

use pyrs_runtime::call;
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::object::Obj;
use pyrs_runtime::objects::dict::Dict;
use pyrs_runtime::objects::int;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::protocols::number;
use pyrs_runtime::types::{TYPE, Type};

/// A new exception class for a native module.
pub(crate) fn exception_class(module: &str, name: &str, base: &Type) -> PyResult<Obj> {
    let namespace = Dict::new();
    namespace.set_text("__module__", Str::intern(module).into_obj());
    let bases = Tuple::from_vec(vec![base.to_obj()]).into_obj();
    call::call(&TYPE.get().as_obj(), &[Str::intern(name).into_obj(), bases, namespace.into_obj()])
}

/// The low 32 bits of an int argument; 0 if it is left out.
pub(crate) fn masked_u32(arg: Option<&Obj>) -> PyResult<u32> {
    let Some(arg) = arg else { return Ok(0) };
    let index = number::index(arg)?;
    let mask = num_bigint::BigInt::from(u32::MAX);
    let low = int::to_bigint(&index).unwrap_or_default() & mask;
    Ok(u32::try_from(&low).unwrap_or(0))
}
