//! `_typing`: type variables, type aliases, `Generic` and what the compiler needs for `def f[T]`.

mod alias;
mod params;
mod support;

pub use alias::{Generic, TypeAliasType};
pub use params::{ParamSpec, ParamSpecArgs, ParamSpecKwargs, TypeVar, TypeVarTuple};
pub use support::{ConstEvaluator, NoDefaultType};

/// Primitives and accelerators for the typing module.
#[pyrs_macros::pymodule(
    name = "_typing",
    classes(
        super::TypeVar,
        super::TypeVarTuple,
        super::ParamSpec,
        super::ParamSpecArgs,
        super::ParamSpecKwargs,
        super::Generic,
        super::TypeAliasType
    )
)]
pub mod module {
    use super::{alias, params, support};
    use pyrs_runtime::PyResult;
    use pyrs_runtime::object::{Obj, Object, PyClass};
    use pyrs_runtime::objects::module::Module;
    use pyrs_runtime::objects::union_type::Union;

    #[pyfunction]
    pub fn _idfunc(x: Obj) -> Obj {
        x
    }

    /// The compiler's `T` in `def f[T: bound]`; the evaluators are functions or None.
    #[pyfunction]
    pub fn _make_typevar(name: Obj, bound: Option<Obj>, constraints: Option<Obj>) -> Obj {
        params::TypeVar::from_compiler(name, bound, constraints)
    }

    /// The compiler's `P` in `def f[**P]`.
    #[pyfunction]
    pub fn _make_paramspec(name: Obj) -> Obj {
        params::ParamSpec::from_compiler(name)
    }

    /// The compiler's `Ts` in `def f[*Ts]`.
    #[pyfunction]
    pub fn _make_typevartuple(name: Obj) -> Obj {
        params::TypeVarTuple::from_compiler(name)
    }

    /// The compiler's default of a type parameter.
    #[pyfunction]
    pub fn _set_typeparam_default(param: &Obj, evaluate: Obj) -> Obj {
        params::set_default_evaluator(param, evaluate);
        param.clone()
    }

    /// The base class `Generic[T, …]` of a class with type parameters.
    #[pyfunction]
    pub fn _subscript_generic(params: &Obj) -> PyResult<Obj> {
        alias::subscript_generic(params)
    }

    /// The compiler's `type X[T] = value`, from a tuple of name, parameters and evaluator.
    #[pyfunction]
    pub fn _make_typealias(parts: &Obj) -> PyResult<Obj> {
        alias::TypeAliasType::from_compiler(parts)
    }

    #[module_exec]
    fn exec(module: &Object<Module>) -> PyResult<()> {
        pyrs_runtime::types::ready(support::ConstEvaluator::def());
        pyrs_runtime::types::ready(support::NoDefaultType::def());
        module.add("NoDefault", support::no_default());
        module.add("Union", Union::class().to_obj());
        Ok(())
    }
}
