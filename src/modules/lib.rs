//! Native modules of the standard library, one file a module.
//!
//! Each folder lists its modules in its `modules()`; this file is the registry that the import system asks.

pub mod compress;
pub mod core;
pub mod data;
pub mod io;
pub mod lang;
pub mod math;
pub mod net;
pub mod os;
pub mod struct_sequence;
pub mod text;

use std::sync::OnceLock;

use pyrs_runtime::call;
use pyrs_runtime::class::ModuleDef;
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::object::Obj;
use pyrs_runtime::objects::dict::Dict;
use pyrs_runtime::objects::int;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::protocols::number;
use pyrs_runtime::thread::runtime;
use pyrs_runtime::types::{TYPE, Type};

type Maker = fn() -> &'static ModuleDef;

fn registry() -> &'static Vec<&'static ModuleDef> {
    static REGISTRY: OnceLock<Vec<&'static ModuleDef>> = OnceLock::new();
    REGISTRY.get_or_init(|| {
        let mut all: Vec<Maker> = core::modules();
        all.extend(compress::modules());
        all.extend(data::modules());
        all.extend(io::modules());
        all.extend(lang::modules());
        all.extend(math::modules());
        all.extend(net::modules());
        all.extend(os::modules());
        all.extend(text::modules());
        let mut defs: Vec<&'static ModuleDef> = all.into_iter().map(|m| m()).collect();
        defs.sort_by_key(|d| d.name);
        defs
    })
}

/// The definition of a native module.
pub fn find_module(name: &str) -> Option<&'static ModuleDef> {
    let all = registry();
    all.binary_search_by(|d| d.name.cmp(name)).ok().map(|i| all[i])
}

/// `sys.builtin_module_names`.
pub fn builtin_module_names() -> Vec<&'static str> {
    registry().iter().map(|d| d.name).collect()
}

/// A new exception class for a native module.
pub(crate) fn exception_class(module: &str, name: &str, base: &Type) -> PyResult<Obj> {
    // A module that is imported afresh goes on with the class that its native parts raise.
    let key = format!("{module}.{name}");
    if let Some(existing) = runtime().registered(&key) {
        return Ok(existing);
    }
    let namespace = Dict::new();
    namespace.set_text("__module__", Str::intern(module).into_obj());
    let bases = Tuple::from_vec(vec![base.to_obj()]).into_obj();
    let class = call::call(&TYPE.get().as_obj(), &[Str::intern(name).into_obj(), bases, namespace.into_obj()])?;
    runtime().register(key.leak(), class.clone());
    Ok(class)
}

/// The low 32 bits of an int argument.
pub(crate) fn masked_u32_of(arg: &Obj) -> PyResult<u32> {
    masked_u32(Some(arg))
}

/// The low 32 bits of an int argument; 0 if it is left out.
pub(crate) fn masked_u32(arg: Option<&Obj>) -> PyResult<u32> {
    let Some(arg) = arg else { return Ok(0) };
    let index = number::index(arg)?;
    let mask = num_bigint::BigInt::from(u32::MAX);
    let low = int::to_bigint(&index).unwrap_or_default() & mask;
    Ok(u32::try_from(&low).unwrap_or(0))
}
