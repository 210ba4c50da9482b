//! `TypeVar`, `TypeVarTuple`, `ParamSpec` and its `args` and `kwargs`.

use super::support::{call_typing, const_evaluator, evaluate, no_default, set_caller_module, type_check, unpack};
use crate::data::tuple;
use pyrs_macros::{pyclass, pymethods};
use pyrs_runtime::args::Maybe;
use pyrs_runtime::object::{Obj, ObjCell, Object, Ptr};
use pyrs_runtime::objects::singletons::{bool_obj, not_implemented};
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::text_builder::TextBuilder;
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::objects::union_type::typing_union;
use pyrs_runtime::protocols::{attr, compare, iter, sequence, text, truth};
use pyrs_runtime::types::Type;
use pyrs_runtime::types::slots::CompareOp;
use pyrs_runtime::{PyResult, name, raise};

/// A value that is computed when somebody asks for it.
#[derive(Default)]
pub struct Lazy {
    value: ObjCell,
    evaluator: ObjCell,
}

impl pyrs_runtime::object::Trace for Lazy {
    fn trace(&self, visitor: &mut pyrs_runtime::heap::cycles::Visitor<'_>) {
        self.value.trace(visitor);
        self.evaluator.trace(visitor);
    }
    fn clear(&self) {
        self.value.clear();
        self.evaluator.clear();
    }
}

impl Lazy {
    pub fn known(value: Option<Obj>) -> Lazy {
        Lazy { value: ObjCell::new(value), evaluator: ObjCell::empty() }
    }

    pub fn later(evaluator: Option<Obj>) -> Lazy {
        Lazy { value: ObjCell::empty(), evaluator: ObjCell::new(evaluator) }
    }

    pub fn set_evaluator(&self, evaluator: Obj) {
        self.evaluator.put(evaluator);
    }

    /// The value, computed once; `None` if there is nothing to compute.
    pub fn get(&self) -> PyResult<Option<Obj>> {
        if !self.value.is_set()
            && let Some(evaluator) = self.evaluator.get()
        {
            self.value.put(evaluate(&evaluator)?);
        }
        Ok(self.value.get())
    }

    /// The function that computes it, or one that gives the known value.
    pub fn evaluator(&self) -> Option<Obj> {
        self.evaluator.get().or_else(|| self.value.get().map(const_evaluator))
    }

    /// True if there is a default.
    fn is_default(&self) -> bool {
        self.evaluator.is_set() || self.value.get().is_some_and(|v| !v.is(&no_default()))
    }
}

/// How subtypes of a parametrized class relate.
#[derive(Copy, Clone, Default)]
struct Variance {
    covariant: bool,
    contravariant: bool,
    infer: bool,
}

impl Variance {
    fn check(self) -> PyResult<Variance> {
        if self.covariant && self.contravariant {
            return Err(raise!(ValueError, "Bivariant types are not supported."));
        }
        if self.infer && (self.covariant || self.contravariant) {
            return Err(raise!(ValueError, "Variance cannot be specified with infer_variance."));
        }
        Ok(self)
    }

    fn sign(self) -> &'static str {
        match self {
            Variance { infer: true, .. } => "",
            Variance { covariant: true, .. } => "+",
            Variance { contravariant: true, .. } => "-",
            _ => "~",
        }
    }
}

fn check_name(function: &str, arg: &Obj) -> PyResult<Obj> {
    if arg.downcast::<Str>().is_some() {
        return Ok(arg.clone());
    }
    let class = pyrs_runtime::args::type_name_for_message(arg);
    Err(raise!(TypeError, "{function}() argument 'name' must be str, not {class}"))
}

fn no_subclass(class: &str) -> PyResult<Obj> {
    Err(raise!(TypeError, "Cannot subclass an instance of {class}"))
}

/// Gives a type parameter the evaluator of its default.
pub fn set_default_evaluator(param: &Obj, evaluator: Obj) {
    if let Some(p) = param.downcast::<TypeVar>() {
        p.default.set_evaluator(evaluator);
    } else if let Some(p) = param.downcast::<ParamSpec>() {
        p.default.set_evaluator(evaluator);
    } else if let Some(p) = param.downcast::<TypeVarTuple>() {
        p.default.set_evaluator(evaluator);
    }
}

/// True for the three kinds of type parameters.
pub fn is_type_param(obj: &Obj) -> bool {
    obj.downcast::<TypeVar>().is_some()
        || obj.downcast::<ParamSpec>().is_some()
        || obj.downcast::<TypeVarTuple>().is_some()
}

/// Whether a type parameter has a default.
pub fn has_default(param: &Obj) -> bool {
    param.downcast::<TypeVar>().is_some_and(|p| p.default.is_default())
        || param.downcast::<ParamSpec>().is_some_and(|p| p.default.is_default())
        || param.downcast::<TypeVarTuple>().is_some_and(|p| p.default.is_default())
}

/// Type variable.
///
/// The syntax for generic functions, classes and aliases makes type variables:
///
///     class Sequence[T]:  # T is a TypeVar
///         ...
///
/// They can be bound to a type, constrained to some types, or have a default:
///
///     class StrSequence[S: str]: ...
///     class StrOrBytesSequence[A: (str, bytes)]: ...
///     class IntDefault[T = int]: ...
///
/// They can also be made by a call:
///
///     T = TypeVar('T')  # Can be anything
///     S = TypeVar('S', bound=str)  # Can be any subtype of str
///     A = TypeVar('A', str, bytes)  # Must be exactly str or bytes
///     D = TypeVar('D', default=int)  # Defaults to int
///
/// The variance of variables made by the syntax is inferred by type checkers; for
/// others it is given by covariant=True, contravariant=True or infer_variance=True.
#[pyclass(name = "TypeVar", module = "typing", dict, weaklist)]
pub struct TypeVar {
    name: Obj,
    bound: Lazy,
    constraints: Lazy,
    default: Lazy,
    variance: Variance,
}

impl TypeVar {
    /// From the compiler: bound and constraints by their evaluators.
    pub fn from_compiler(name: Obj, bound: Option<Obj>, constraints: Option<Obj>) -> Obj {
        Ptr::new(TypeVar {
            name,
            bound: Lazy::later(bound),
            constraints: Lazy::later(constraints),
            default: Lazy::default(),
            variance: Variance { infer: true, ..Variance::default() },
        })
        .into_obj()
    }
}

#[pymethods]
impl TypeVar {
    #[new(
        sig = "(name, *constraints, bound=None, default=typing.NoDefault, covariant=False, contravariant=False, infer_variance=False)",
        name = "typevar"
    )]
    fn construct(
        _cls: &Type,
        name: &Obj,
        constraints: &[Obj],
        bound: Option<&Obj>,
        default: Maybe<Obj>,
        covariant: bool,
        contravariant: bool,
        infer_variance: bool,
    ) -> PyResult<Obj> {
        let name = check_name("typevar", name)?;
        let variance = Variance { covariant, contravariant, infer: infer_variance }.check()?;
        let bound = bound.map(|b| type_check(b, "Bound must be a type.")).transpose()?;
        let constraints = match constraints {
            [] => None,
            [_] => return Err(raise!(TypeError, "A single constraint is not allowed")),
            _ if bound.is_some() => {
                return Err(raise!(TypeError, "Constraints cannot be combined with bound=..."));
            }
            several => Some(tuple(several.to_vec())),
        };
        let typevar = Ptr::new(TypeVar {
            name,
            bound: Lazy::known(bound),
            constraints: Lazy::known(constraints),
            default: Lazy::known(Some(default.0.unwrap_or_else(no_default))),
            variance,
        })
        .into_obj();
        set_caller_module(&typevar)?;
        Ok(typevar)
    }

    #[slot(repr)]
    fn repr(&self) -> PyResult<Obj> {
        let mut out = TextBuilder::new();
        Ok(out.text(self.variance.sign()).str(&self.name)?.finish_obj())
    }

    #[slot(nb_or)]
    fn or(a: &Obj, b: &Obj) -> PyResult<Obj> {
        typing_union(&[a.clone(), b.clone()])
    }

    #[pymethod(name = "__typing_subst__")]
    fn typing_subst(this: &Obj, arg: Obj) -> PyResult<Obj> {
        call_typing("_typevar_subst", &[this.clone(), arg])
    }

    #[pymethod(name = "__typing_prepare_subst__")]
    fn typing_prepare_subst(this: &Obj, alias: &Obj, args: &Obj) -> PyResult<Obj> {
        let parameters = iter::collect(&attr::getattr(alias, name!("__parameters__"))?)?;
        let given = sequence::len(args)?;
        let index = parameters.iter().position(|p| p.is(this)).unwrap_or(0);
        if index < given {
            return Ok(args.clone());
        }
        let default = TypeVar::get_default(this.downcast::<TypeVar>().expect("a method of this class"))?;
        if index == given && !default.is(&no_default()) {
            let mut all = iter::collect(args)?;
            all.push(default);
            return Ok(tuple(all));
        }
        let shown = text::str_text(alias)?;
        Err(raise!(TypeError, "Too few arguments for {shown}"))
    }

    #[pymethod(name = "__reduce__")]
    fn reduce(&self) -> Obj {
        self.name.clone()
    }

    #[pymethod]
    fn has_default(&self) -> bool {
        self.default.is_default()
    }

    #[pymethod(name = "__mro_entries__", sig = "(object, /)")]
    fn mro_entries(&self, _bases: &Obj) -> PyResult<Obj> {
        no_subclass("TypeVar")
    }

    #[getter(name = "__name__")]
    fn name(&self) -> Obj {
        self.name.clone()
    }

    #[getter(name = "__covariant__")]
    fn covariant(&self) -> bool {
        self.variance.covariant
    }

    #[getter(name = "__contravariant__")]
    fn contravariant(&self) -> bool {
        self.variance.contravariant
    }

    #[getter(name = "__infer_variance__")]
    fn infer_variance(&self) -> bool {
        self.variance.infer
    }

    #[getter(name = "__bound__")]
    fn bound(&self) -> PyResult<Option<Obj>> {
        self.bound.get()
    }

    #[getter(name = "__constraints__")]
    fn constraints(&self) -> PyResult<Obj> {
        Ok(self.constraints.get()?.unwrap_or_else(|| tuple(vec![])))
    }

    #[getter(name = "__default__")]
    fn get_default(&self) -> PyResult<Obj> {
        Ok(self.default.get()?.unwrap_or_else(no_default))
    }

    #[getter]
    fn evaluate_bound(&self) -> Option<Obj> {
        self.bound.evaluator()
    }

    #[getter]
    fn evaluate_constraints(&self) -> Option<Obj> {
        self.constraints.evaluator()
    }

    #[getter]
    fn evaluate_default(&self) -> Option<Obj> {
        self.default.evaluator()
    }
}

/// Type variable tuple. A specialized form of type variable that enables
/// variadic generics.
///
/// The syntax for generic functions, classes and aliases makes them of a name with a star:
///
///     def move_first_element_to_last[T, *Ts](tup: tuple[T, *Ts]) -> tuple[*Ts, T]:
///         return (*tup[1:], tup[0])
///
/// They can have defaults, and can also be made by a call:
///
///     type AliasWithDefault[*Ts = (str, int)] = tuple[*Ts]
///     Ts = TypeVarTuple('Ts')
#[pyclass(name = "TypeVarTuple", module = "typing", dict, weaklist)]
pub struct TypeVarTuple {
    name: Obj,
    default: Lazy,
}

impl TypeVarTuple {
    pub fn from_compiler(name: Obj) -> Obj {
        Ptr::new(TypeVarTuple { name, default: Lazy::default() }).into_obj()
    }
}

#[pymethods]
impl TypeVarTuple {
    #[new(sig = "(name, *, default=typing.NoDefault)", name = "typevartuple")]
    fn construct(_cls: &Type, name: &Obj, default: Maybe<Obj>) -> PyResult<Obj> {
        let name = check_name("typevartuple", name)?;
        let default = Lazy::known(Some(default.0.unwrap_or_else(no_default)));
        let typevar = Ptr::new(TypeVarTuple { name, default }).into_obj();
        set_caller_module(&typevar)?;
        Ok(typevar)
    }

    #[slot(repr)]
    fn repr(&self) -> PyResult<Obj> {
        Ok(text::str(&self.name)?.into_obj())
    }

    #[slot(iter)]
    fn iter(this: &Obj) -> PyResult<Obj> {
        iter::iter(&tuple(vec![unpack(this)?]))
    }

    #[pymethod(name = "__typing_subst__")]
    fn typing_subst(&self, _arg: &Obj) -> PyResult<Obj> {
        Err(raise!(TypeError, "Substitution of bare TypeVarTuple is not supported"))
    }

    #[pymethod(name = "__typing_prepare_subst__")]
    fn typing_prepare_subst(this: &Obj, alias: Obj, args: Obj) -> PyResult<Obj> {
        call_typing("_typevartuple_prepare_subst", &[this.clone(), alias, args])
    }

    #[pymethod(name = "__reduce__")]
    fn reduce(&self) -> Obj {
        self.name.clone()
    }

    #[pymethod]
    fn has_default(&self) -> bool {
        self.default.is_default()
    }

    #[pymethod(name = "__mro_entries__", sig = "(object, /)")]
    fn mro_entries(&self, _bases: &Obj) -> PyResult<Obj> {
        no_subclass("TypeVarTuple")
    }

    #[getter(name = "__name__")]
    fn name(&self) -> Obj {
        self.name.clone()
    }

    /// The default value for this TypeVarTuple.
    #[getter(name = "__default__")]
    fn get_default(&self) -> PyResult<Obj> {
        Ok(self.default.get()?.unwrap_or_else(no_default))
    }

    #[getter]
    fn evaluate_default(&self) -> Option<Obj> {
        self.default.evaluator()
    }
}

/// Parameter specification variable.
///
/// The syntax for generic functions, classes and aliases makes them of a name with two stars:
///
///     type IntFunc[**P] = Callable[P, int]
///
/// They can have a list of types as default, and can also be made by a call:
///
///     type IntFuncDefault[**P = [int, str]] = Callable[P, int]
///     P = ParamSpec('P')
///
/// They forward the parameter types of one callable to another one, and are only valid as the
/// first argument of Callable or Concatenate, or as parameters of user-defined generics.
#[pyclass(name = "ParamSpec", module = "typing", dict, weaklist)]
pub struct ParamSpec {
    name: Obj,
    bound: Option<Obj>,
    default: Lazy,
    variance: Variance,
}

impl ParamSpec {
    pub fn from_compiler(name: Obj) -> Obj {
        let variance = Variance { infer: true, ..Variance::default() };
        Ptr::new(ParamSpec { name, bound: None, default: Lazy::default(), variance }).into_obj()
    }
}

#[pymethods]
impl ParamSpec {
    #[new(
        sig = "(name, *, bound=None, default=typing.NoDefault, covariant=False, contravariant=False, infer_variance=False)",
        name = "paramspec"
    )]
    fn construct(
        _cls: &Type,
        name: &Obj,
        bound: Option<&Obj>,
        default: Maybe<Obj>,
        covariant: bool,
        contravariant: bool,
        infer_variance: bool,
    ) -> PyResult<Obj> {
        let name = check_name("paramspec", name)?;
        let variance = Variance { covariant, contravariant, infer: infer_variance }.check()?;
        let bound = bound.map(|b| type_check(b, "Bound must be a type.")).transpose()?;
        let default = Lazy::known(Some(default.0.unwrap_or_else(no_default)));
        let spec = Ptr::new(ParamSpec { name, bound, default, variance }).into_obj();
        set_caller_module(&spec)?;
        Ok(spec)
    }

    #[slot(repr)]
    fn repr(&self) -> PyResult<Obj> {
        let mut out = TextBuilder::new();
        Ok(out.text(self.variance.sign()).str(&self.name)?.finish_obj())
    }

    #[slot(nb_or)]
    fn or(a: &Obj, b: &Obj) -> PyResult<Obj> {
        typing_union(&[a.clone(), b.clone()])
    }

    #[pymethod(name = "__typing_subst__")]
    fn typing_subst(this: &Obj, arg: Obj) -> PyResult<Obj> {
        call_typing("_paramspec_subst", &[this.clone(), arg])
    }

    #[pymethod(name = "__typing_prepare_subst__")]
    fn typing_prepare_subst(this: &Obj, alias: Obj, args: Obj) -> PyResult<Obj> {
        call_typing("_paramspec_prepare_subst", &[this.clone(), alias, args])
    }

    #[pymethod]
    fn has_default(&self) -> bool {
        self.default.is_default()
    }

    #[pymethod(name = "__reduce__")]
    fn reduce(&self) -> Obj {
        self.name.clone()
    }

    #[pymethod(name = "__mro_entries__", sig = "(object, /)")]
    fn mro_entries(&self, _bases: &Obj) -> PyResult<Obj> {
        no_subclass("ParamSpec")
    }

    #[getter(name = "__name__")]
    fn name(&self) -> Obj {
        self.name.clone()
    }

    #[getter(name = "__bound__")]
    fn bound(&self) -> Option<Obj> {
        self.bound.clone()
    }

    #[getter(name = "__covariant__")]
    fn covariant(&self) -> bool {
        self.variance.covariant
    }

    #[getter(name = "__contravariant__")]
    fn contravariant(&self) -> bool {
        self.variance.contravariant
    }

    #[getter(name = "__infer_variance__")]
    fn infer_variance(&self) -> bool {
        self.variance.infer
    }

    /// Represents positional arguments.
    #[getter]
    fn args(this: &Obj) -> Obj {
        Ptr::new(ParamSpecArgs { origin: this.clone() }).into_obj()
    }

    /// Represents keyword arguments.
    #[getter]
    fn kwargs(this: &Obj) -> Obj {
        Ptr::new(ParamSpecKwargs { origin: this.clone() }).into_obj()
    }

    /// The default value for this ParamSpec.
    #[getter(name = "__default__")]
    fn get_default(&self) -> PyResult<Obj> {
        Ok(self.default.get()?.unwrap_or_else(no_default))
    }

    #[getter]
    fn evaluate_default(&self) -> Option<Obj> {
        self.default.evaluator()
    }
}

macro_rules! spec_part {
    ($ty:ident, $name:literal, $suffix:literal, $function:literal, $doc:tt) => {
        #[doc = $doc]
        #[pyclass(name = $name, module = "typing", weaklist, unhashable)]
        pub struct $ty {
            origin: Obj,
        }

        #[pymethods]
        impl $ty {
            #[new(sig = "(origin)", name = $function)]
            fn construct(_cls: &Type, origin: Obj) -> PyResult<Obj> {
                Ok(Ptr::new($ty { origin }).into_obj())
            }

            #[slot(repr)]
            fn repr(&self) -> PyResult<Obj> {
                let mut out = TextBuilder::new();
                match self.origin.downcast::<ParamSpec>() {
                    Some(spec) => out.str(&spec.name)?,
                    None => out.repr(&self.origin)?,
                };
                Ok(out.text($suffix).finish_obj())
            }

            #[slot(richcompare)]
            fn compare(&self, other: &Obj, op: CompareOp) -> PyResult<Obj> {
                let Some(other) = other.downcast::<$ty>() else { return Ok(not_implemented()) };
                if !matches!(op, CompareOp::Eq | CompareOp::Ne) {
                    return Ok(not_implemented());
                }
                let equal = truth::is_true(&compare::rich_compare(&self.origin, &other.origin, CompareOp::Eq)?)?;
                Ok(bool_obj(equal == (op == CompareOp::Eq)))
            }

            #[pymethod(name = "__mro_entries__", sig = "(object, /)")]
            fn mro_entries(&self, _bases: &Obj) -> PyResult<Obj> {
                no_subclass($name)
            }

            #[getter(name = "__origin__")]
            fn origin(&self) -> Obj {
                self.origin.clone()
            }
        }
    };
}

spec_part!(
    ParamSpecArgs,
    "ParamSpecArgs",
    ".args",
    "paramspecargs",
    "The args for a ParamSpec object.\n\nGiven a ParamSpec object P, P.args is an instance of ParamSpecArgs.\n\nParamSpecArgs objects have a reference back to their ParamSpec::\n\n    >>> P = ParamSpec(\"P\")\n    >>> P.args.__origin__ is P\n    True\n\nThis type is meant for runtime introspection and has no special meaning\nto static type checkers."
);
spec_part!(
    ParamSpecKwargs,
    "ParamSpecKwargs",
    ".kwargs",
    "paramspeckwargs",
    "The kwargs for a ParamSpec object.\n\nGiven a ParamSpec object P, P.kwargs is an instance of ParamSpecKwargs.\n\nParamSpecKwargs objects have a reference back to their ParamSpec::\n\n    >>> P = ParamSpec(\"P\")\n    >>> P.kwargs.__origin__ is P\n    True\n\nThis type is meant for runtime introspection and has no special meaning\nto static type checkers."
);

/// The parameters with type variable tuples unpacked, as `Generic[…]` takes them.
pub fn unpack_type_var_tuples(params: &Object<Tuple>) -> PyResult<Obj> {
    let mut result = Vec::with_capacity(params.len());
    for param in params.items() {
        result.push(if param.downcast::<TypeVarTuple>().is_some() { unpack(param)? } else { param.clone() });
    }
    Ok(tuple(result))
}
