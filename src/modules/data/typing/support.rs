//! What type parameters share: `NoDefault`, evaluators, calls into `typing`.

use pyrs_macros::{pyclass, pymethods};
use pyrs_runtime::call::{self, Args};
use pyrs_runtime::object::{Obj, Ptr};
use pyrs_runtime::objects::generic_alias::type_repr;
use pyrs_runtime::objects::int;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::text_builder::TextBuilder;
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::protocols::{attr, number, sequence};
use pyrs_runtime::thread::runtime;
use pyrs_runtime::types::Type;
use pyrs_runtime::{PyResult, raise};

/// The type of the NoDefault singleton.
#[pyclass(name = "NoDefaultType")]
pub struct NoDefaultType {}

/// `typing.NoDefault`
pub fn no_default() -> Obj {
    const KEY: &str = "typing.NoDefault";
    if let Some(known) = runtime().registered(KEY) {
        return known;
    }
    let object = Ptr::new(NoDefaultType {}).into_obj();
    runtime().register(KEY, object.clone());
    object
}

#[pymethods]
impl NoDefaultType {
    #[slot(new)]
    fn construct(_cls: &Type, args: Args<'_>) -> PyResult<Obj> {
        if !args.is_empty() {
            return Err(raise!(TypeError, "NoDefaultType takes no arguments"));
        }
        Ok(no_default())
    }

    #[slot(repr)]
    fn repr(_this: &Obj) -> PyResult<Obj> {
        Ok(Str::new("typing.NoDefault").into_obj())
    }

    #[pymethod(name = "__reduce__")]
    fn reduce(_this: &Obj) -> &'static str {
        "NoDefault"
    }
}

// An evaluator whose value is known.
#[pyclass(name = "_ConstEvaluator", module = "_typing", flags = DISALLOW_INSTANTIATION)]
pub struct ConstEvaluator {
    value: Obj,
}

/// `annotationlib.Format.STRING`
const FORMAT_STRING: isize = 4;

#[pymethods]
impl ConstEvaluator {
    #[slot(call)]
    fn call(&self, args: Args<'_>) -> PyResult<Obj> {
        args.no_keywords("constevaluator.__call__")?;
        let [format] = args.positionals() else {
            let given = args.nargs;
            return Err(raise!(TypeError, "constevaluator.__call__() takes exactly 1 argument ({given} given)"));
        };
        if number::as_ssize(format, true)? != FORMAT_STRING {
            return Ok(self.value.clone());
        }
        let mut out = TextBuilder::new();
        let Some(tuple) = self.value.downcast::<Tuple>() else {
            type_repr(&mut out, &self.value)?;
            return Ok(out.finish_obj());
        };
        out.text("(");
        for (i, item) in tuple.items().iter().enumerate() {
            if i != 0 {
                out.text(", ");
            }
            type_repr(&mut out, item)?;
        }
        Ok(out.text(")").finish_obj())
    }

    #[slot(repr)]
    fn repr(&self) -> PyResult<Obj> {
        let mut out = TextBuilder::new();
        Ok(out.text("<constevaluator ").repr(&self.value)?.text(">").finish_obj())
    }
}

/// An evaluator that always gives `value`.
pub fn const_evaluator(value: Obj) -> Obj {
    Ptr::new(ConstEvaluator { value }).into_obj()
}

/// The value of an evaluator (format VALUE).
pub fn evaluate(evaluator: &Obj) -> PyResult<Obj> {
    call::call(evaluator, &[int::new(1)])
}

/// A function or class of `typing`.
pub fn from_typing(name: &str) -> PyResult<Obj> {
    let typing = (pyrs_runtime::hooks::hooks().import_module)("typing")?;
    attr::getattr_text(&typing, name)
}

/// Calls a function of `typing`.
pub fn call_typing(name: &str, args: &[Obj]) -> PyResult<Obj> {
    call::call(&from_typing(name)?, args)
}

/// An argument that must be a type, as `typing` decides it.
pub fn type_check(arg: &Obj, message: &str) -> PyResult<Obj> {
    if arg.is_none() {
        return Ok(arg.class().to_obj());
    }
    call_typing("_type_check", &[arg.clone(), Str::new(message).into_obj()])
}

/// `typing.Unpack[obj]`
pub fn unpack(obj: &Obj) -> PyResult<Obj> {
    sequence::getitem(&from_typing("Unpack")?, obj)
}

/// The name of the module that the calling Python code belongs to.
pub fn caller_module() -> Option<Obj> {
    let globals = (pyrs_runtime::hooks::hooks().current_globals)()?;
    globals.downcast::<pyrs_runtime::objects::dict::Dict>()?.get_text("__name__")
}

/// Sets `__module__` to the caller's, where it is known.
pub fn set_caller_module(obj: &Obj) -> PyResult<()> {
    match caller_module() {
        Some(module) => attr::setattr_text(obj, "__module__", &module),
        None => Ok(()),
    }
}
