//! Containers, iterators and the other data-structure modules.

pub mod abc;
pub mod array;
pub mod atexit;
pub mod bisect;
pub mod collections;
pub mod contextvars;
pub mod datetime;
pub mod errno;
pub mod functools;
pub mod heapq;
pub mod itertools;
pub mod opcode;
pub mod operator;
pub mod pickle;
pub mod typing;
pub mod weakref;

use pyrs_runtime::class::ModuleDef;

/// The definitions of the modules in this folder.
pub fn modules() -> Vec<fn() -> &'static ModuleDef> {
    vec![
        abc::module::def,
        array::module::def,
        atexit::module::def,
        bisect::module::def,
        collections::module::def,
        contextvars::module::def,
        datetime::datetime::def,
        errno::module::def,
        functools::module::def,
        heapq::module::def,
        itertools::module::def,
        opcode::module::def,
        operator::module::def,
        pickle::module::def,
        typing::module::def,
        weakref::module::def,
    ]
}

/// Gives an iterator class the `__iter__` that returns the iterator itself, as part `ITER`.
macro_rules! iterates_itself {
    ($($class:ident),*) => { $(
        #[pyrs_macros::pymethods(part = ITER)]
        impl $class {
            #[slot(iter)]
            fn iter(this: &pyrs_runtime::Obj) -> pyrs_runtime::PyResult<pyrs_runtime::Obj> {
                Ok(this.clone())
            }
        }
    )* };
}
pub(crate) use iterates_itself;

/// A tuple object.
pub(crate) fn tuple(items: Vec<pyrs_runtime::Obj>) -> pyrs_runtime::Obj {
    pyrs_runtime::objects::tuple::Tuple::from_vec(items).into_obj()
}
