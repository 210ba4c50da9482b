//! `TypeAliasType` and `Generic`.

use super::params::{Lazy, has_default, is_type_param, unpack_type_var_tuples};
use super::support::{call_typing, caller_module, from_typing, unpack};
use crate::data::tuple;
use pyrs_macros::{pyclass, pymethods};
use pyrs_runtime::args::Maybe;
use pyrs_runtime::call::{self, Args};
use pyrs_runtime::object::{Obj, Object, Ptr, PyClass};
use pyrs_runtime::objects::generic_alias::GenericAlias;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::objects::union_type::typing_union;
use pyrs_runtime::protocols::{attr, iter, text};
use pyrs_runtime::types::Type;
use pyrs_runtime::{PyResult, name, raise};

/// Type alias.
///
/// Type aliases are created through the type statement:
///
///     type Alias = int
///
/// In this example, Alias and int will be treated equivalently by static
/// type checkers.
///
/// At runtime, Alias is an instance of TypeAliasType. The __name__
/// attribute holds the name of the type alias. The value of the type alias
/// is stored in the __value__ attribute. It is evaluated lazily, so the
/// value is computed only if the attribute is accessed.
///
/// Type aliases can also be generic; their parameters are in the
/// __type_params__ attribute:
///
///     type ListOrSet[T] = list[T] | set[T]
#[pyclass(name = "TypeAliasType", module = "typing")]
pub struct TypeAliasType {
    name: Obj,
    /// `None` without parameters.
    type_params: Option<Ptr<Tuple>>,
    value: Lazy,
    module: Option<Obj>,
}

impl TypeAliasType {
    /// From the compiler's tuple of name, parameters (or None) and evaluator.
    pub fn from_compiler(parts: &Obj) -> PyResult<Obj> {
        let Some([name, params, evaluator]) = parts.downcast::<Tuple>().map(|t| t.items()) else {
            return Err(raise!(SystemError, "a type alias is made of three parts"));
        };
        let module = attr::getattr_optional(evaluator, name!("__module__"))?;
        Ok(Ptr::new(TypeAliasType {
            name: name.clone(),
            type_params: params.downcast::<Tuple>().map(|p| p.to_ptr()).filter(|p| !p.is_empty()),
            value: Lazy::later(Some(evaluator.clone())),
            module,
        })
        .into_obj())
    }
}

/// Checks what a caller gave as type parameters.
fn check_type_params(params: &Obj) -> PyResult<Option<Ptr<Tuple>>> {
    let Some(params) = params.downcast::<Tuple>() else {
        return Err(raise!(TypeError, "type_params must be a tuple"));
    };
    let mut seen_default = false;
    for param in params.items() {
        let shown = || text::repr_text(param);
        if !is_type_param(param) {
            return Err(raise!(TypeError, "Expected a type param, got {}", shown()?));
        }
        if has_default(param) {
            seen_default = true;
        } else if seen_default {
            return Err(raise!(TypeError, "non-default type parameter '{}' follows default type parameter", shown()?));
        }
    }
    Ok(Some(params.to_ptr()).filter(|p| !p.is_empty()))
}

#[pymethods]
impl TypeAliasType {
    #[new(sig = "(name, value, *, type_params=<unrepresentable>)", name = "typealias")]
    fn construct(_cls: &Type, name: &Obj, value: Obj, type_params: Maybe<&Obj>) -> PyResult<Obj> {
        if name.downcast::<Str>().is_none() {
            let class = pyrs_runtime::args::type_name_for_message(name);
            return Err(raise!(TypeError, "typealias() argument 'name' must be str, not {class}"));
        }
        let type_params = match type_params.0 {
            Some(params) => check_type_params(params)?,
            None => None,
        };
        let alias =
            TypeAliasType { name: name.clone(), type_params, value: Lazy::known(Some(value)), module: caller_module() };
        Ok(Ptr::new(alias).into_obj())
    }

    #[slot(repr)]
    fn repr(&self) -> PyResult<Obj> {
        Ok(text::str(&self.name)?.into_obj())
    }

    #[slot(iter)]
    fn iter(this: &Obj) -> PyResult<Obj> {
        iter::iter(&tuple(vec![unpack(this)?]))
    }

    #[slot(nb_or)]
    fn or(a: &Obj, b: &Obj) -> PyResult<Obj> {
        typing_union(&[a.clone(), b.clone()])
    }

    #[slot(getitem)]
    fn getitem(this: &Object<TypeAliasType>, key: &Obj) -> PyResult<Obj> {
        if this.type_params.is_none() {
            return Err(raise!(TypeError, "Only generic type aliases are subscriptable"));
        }
        Ok(GenericAlias::new(this.to_obj(), key).into_obj())
    }

    #[pymethod(name = "__reduce__")]
    fn reduce(&self) -> Obj {
        self.name.clone()
    }

    #[getter(name = "__name__")]
    fn name(&self) -> Obj {
        self.name.clone()
    }

    #[getter(name = "__parameters__")]
    fn parameters(&self) -> PyResult<Obj> {
        match &self.type_params {
            Some(params) => unpack_type_var_tuples(params),
            None => Ok(tuple(vec![])),
        }
    }

    #[getter(name = "__type_params__")]
    fn type_params(&self) -> Obj {
        self.type_params.as_ref().map_or_else(|| tuple(vec![]), |params| params.to_obj())
    }

    #[getter(name = "__value__")]
    fn value(&self) -> PyResult<Option<Obj>> {
        self.value.get()
    }

    #[getter]
    fn evaluate_value(&self) -> Option<Obj> {
        self.value.evaluator()
    }

    #[getter(name = "__module__")]
    fn module(&self) -> Option<Obj> {
        self.module.clone()
    }
}

/// Abstract base class for generic types.
///
/// On Python 3.12 and newer, generic classes implicitly inherit from
/// Generic when they declare a parameter list after the class's name:
///
///     class Mapping[KT, VT]:
///         def __getitem__(self, key: KT) -> VT:
///             ...
///         # Etc.
///
/// On older versions of Python, however, generic classes have to
/// explicitly inherit from Generic.
///
/// After a class has been declared to be generic, it can then be used as
/// follows:
///
///     def lookup_name[KT, VT](mapping: Mapping[KT, VT], key: KT, default: VT) -> VT:
///         try:
///             return mapping[key]
///         except KeyError:
///             return default
#[pyclass(name = "Generic", module = "typing", flags = BASETYPE | HEAP_LIKE)]
pub struct Generic {}

/// Calls a function of `typing` with the class in front of the arguments.
fn forward(function: &str, cls: &Type, args: Args<'_>) -> PyResult<Obj> {
    let mut values = vec![cls.to_obj()];
    values.extend_from_slice(args.values);
    let args = Args { values: &values, nargs: args.nargs + 1, kwnames: args.kwnames };
    call::call_args(&from_typing(function)?, args)
}

#[pymethods]
impl Generic {
    /// Parameterizes a generic class.
    ///
    /// At least, parameterizing a generic class is the *main* thing this
    /// method does.  For example, for some generic class `Foo`, this is
    /// called when we do `Foo[int]` - there, with `cls=Foo` and
    /// `params=int`.
    ///
    /// However, note that this method is also called when defining generic
    /// classes in the first place with `class Foo[T]: ...`.
    #[classmethod(name = "__class_getitem__")]
    fn class_getitem(cls: &Type, args: Args<'_>) -> PyResult<Obj> {
        forward("_generic_class_getitem", cls, args)
    }

    /// Function to initialize subclasses.
    #[classmethod(name = "__init_subclass__")]
    fn init_subclass(cls: &Type, args: Args<'_>) -> PyResult<Obj> {
        forward("_generic_init_subclass", cls, args)
    }
}

/// `Generic[params]`, the base of a class with type parameters.
pub fn subscript_generic(params: &Obj) -> PyResult<Obj> {
    let Some(params) = params.downcast::<Tuple>() else {
        return Err(raise!(SystemError, "type parameters are a tuple"));
    };
    call_typing("_GenericAlias", &[Generic::class().to_obj(), unpack_type_var_tuples(params)?])
}
