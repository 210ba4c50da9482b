//! `functools.partial` and its placeholder.

use crate::data::tuple;
use pyrs_macros::{pyclass, pymethods};
use pyrs_runtime::call::{self, Args};
use pyrs_runtime::object::{Obj, ObjCell, Object, Ptr, PyClass};
use pyrs_runtime::objects::dict::Dict;
use pyrs_runtime::objects::generic_alias::GenericAlias;
use pyrs_runtime::objects::method::Method;
use pyrs_runtime::objects::singletons::none;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::text_builder::TextBuilder;
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::protocols::iter;
use pyrs_runtime::protocols::text::ReprGuard;
use pyrs_runtime::thread::runtime;
use pyrs_runtime::types::{Type, shape};
use pyrs_runtime::{PyResult, raise};

/// The type of the Placeholder singleton.
///
/// Used as a placeholder for partial arguments.
#[pyclass(name = "_PlaceholderType", module = "functools")]
pub struct PlaceholderType {}

/// The singleton.
pub fn placeholder() -> Obj {
    const KEY: &str = "functools.Placeholder";
    if let Some(known) = runtime().registered(KEY) {
        return known;
    }
    let object = Ptr::new(PlaceholderType {}).into_obj();
    runtime().register(KEY, object.clone());
    object
}

#[pymethods]
impl PlaceholderType {
    #[slot(new)]
    fn construct(_cls: &Type, args: Args<'_>) -> PyResult<Obj> {
        if !args.is_empty() {
            return Err(raise!(TypeError, "PlaceholderType takes no arguments"));
        }
        Ok(placeholder())
    }

    #[slot(repr)]
    fn repr(_this: &Obj) -> PyResult<Obj> {
        Ok(Str::new("Placeholder").into_obj())
    }

    #[pymethod(name = "__reduce__")]
    fn reduce(_this: &Obj) -> &'static str {
        "Placeholder"
    }
}

/// Create a new function with partial application of the given arguments
/// and keywords.
#[pyclass(name = "partial", module = "functools", flags = BASETYPE, dict, weaklist)]
pub struct Partial {
    function: ObjCell,
    /// A tuple; placeholders stand for arguments of the call.
    args: ObjCell,
    /// A dict.
    keywords: ObjCell,
}

impl Partial {
    fn parts(&self) -> (Obj, Vec<Obj>, Ptr<Dict>) {
        let function = self.function.get().unwrap_or_else(none);
        let args = self.args.get().and_then(|a| a.downcast::<Tuple>().map(|t| t.items().to_vec())).unwrap_or_default();
        let keywords = match self.keywords.get().map(Obj::into_ptr::<Dict>) {
            Some(Ok(keywords)) => keywords,
            _ => Dict::new(),
        };
        (function, args, keywords)
    }
}

/// Puts the arguments of a call where the placeholders are; the rest goes to the end.
fn fill_placeholders(bound: &[Obj], given: &[Obj], required: bool) -> PyResult<Vec<Obj>> {
    let hole = placeholder();
    let holes = bound.iter().filter(|a| a.is(&hole)).count();
    if required && given.len() < holes {
        return Err(raise!(
            TypeError,
            "missing positional arguments in 'partial' call; expected at least {holes}, got {}",
            given.len()
        ));
    }
    let mut rest = given.iter();
    let mut all: Vec<Obj> =
        bound.iter().map(|a| if a.is(&hole) { rest.next().unwrap_or(a).clone() } else { a.clone() }).collect();
    all.extend(rest.cloned());
    Ok(all)
}

#[pymethods]
impl Partial {
    #[new(text_signature = "(func, /, *args, **keywords)")]
    fn construct(cls: &Type, args: Args<'_>) -> PyResult<Obj> {
        let [function, rest @ ..] = args.positionals() else {
            return Err(raise!(TypeError, "type 'partial' takes at least one argument"));
        };
        if function.class().slots().call.is_none() {
            return Err(raise!(TypeError, "the first argument must be callable"));
        }
        let hole = placeholder();
        if rest.last().is_some_and(|last| last.is(&hole)) {
            return Err(raise!(TypeError, "trailing Placeholders are not allowed"));
        }
        let keywords = Dict::new();
        let (mut function, mut bound) = (function.clone(), rest.to_vec());
        // A partial of a partial is one partial, unless the inner one has attributes.
        if let Some(inner) = function.clone().downcast::<Partial>()
            && std::ptr::eq(inner.class(), cls)
            && shape::instance_dict(&function)?.is_none_or(|d| d.is_empty())
        {
            let (inner_function, inner_args, inner_keywords) = inner.parts();
            bound = fill_placeholders(&inner_args, rest, false)?;
            keywords.update_from(&inner_keywords)?;
            function = inner_function;
        }
        for (key, value) in args.keywords() {
            if value.is(&hole) {
                return Err(raise!(TypeError, "Placeholder cannot be passed as a keyword argument"));
            }
            keywords.set_str(key, value.clone())?;
        }
        let payload = Partial {
            function: ObjCell::of(function),
            args: ObjCell::of(tuple(bound)),
            keywords: ObjCell::of(keywords.into_obj()),
        };
        Ok(Ptr::new_in(cls, payload).into_obj())
    }

    #[slot(call)]
    fn call(&self, args: Args<'_>) -> PyResult<Obj> {
        let (function, bound, keywords) = self.parts();
        let positional = fill_placeholders(&bound, args.positionals(), true)?;
        if keywords.is_empty() {
            let mut values = positional;
            let nargs = values.len();
            values.extend_from_slice(&args.values[args.nargs..]);
            return call::call_args(&function, Args { values: &values, nargs, kwnames: args.kwnames });
        }
        let merged = keywords.copy();
        for (key, value) in args.keywords() {
            merged.set_str(key, value.clone())?;
        }
        call::call_dict(&function, &positional, Some(&merged))
    }

    #[slot(descr_get)]
    fn get(this: &Obj, instance: Option<&Obj>, _owner: Option<&Type>) -> PyResult<Obj> {
        match instance {
            Some(instance) if !instance.is_none() => Ok(Method::new(this.clone(), instance.clone()).into_obj()),
            _ => Ok(this.clone()),
        }
    }

    #[slot(repr)]
    fn repr(this: &Object<Partial>) -> PyResult<Obj> {
        let mut out = TextBuilder::new();
        let Some(_guard) = ReprGuard::enter(&this.as_obj()) else { return Ok(out.text("...").finish_obj()) };
        let (function, args, keywords) = this.parts();
        let class = this.class();
        out.text(&format!("{}.{}(", class_module(class)?, class.qualname_text()));
        out.repr(&function)?;
        for arg in &args {
            out.text(", ").repr(arg)?;
        }
        for (key, value) in keywords.entries() {
            out.text(", ").str(&key)?.text("=").repr(&value)?;
        }
        Ok(out.text(")").finish_obj())
    }

    #[pymethod(name = "__reduce__")]
    fn reduce(this: &Object<Partial>) -> PyResult<Obj> {
        let (function, args, keywords) = this.parts();
        let attributes = shape::instance_dict(&this.as_obj())?.filter(|d| !d.is_empty());
        let state =
            vec![function.clone(), tuple(args), keywords.into_obj(), attributes.map_or_else(none, Ptr::into_obj)];
        Ok(tuple(vec![this.class().to_obj(), tuple(vec![function]), tuple(state)]))
    }

    #[pymethod(name = "__setstate__", sig = "(object, /)")]
    fn setstate(this: &Object<Partial>, state: &Obj) -> PyResult<()> {
        let invalid = || raise!(TypeError, "invalid partial state");
        let Some([function, args, keywords, attributes]) = state.downcast::<Tuple>().map(|t| t.items()) else {
            return Err(invalid());
        };
        let is_dict = |o: &Obj| o.is_none() || o.downcast::<Dict>().is_some();
        let callable = function.class().slots().call.is_some();
        if !callable || args.downcast::<Tuple>().is_none() || !is_dict(keywords) {
            return Err(invalid());
        }
        if !is_dict(attributes) {
            return Err(invalid());
        }
        let items = iter::collect(args)?;
        if items.last().is_some_and(|last| last.is(&placeholder())) {
            return Err(raise!(TypeError, "trailing Placeholders are not allowed"));
        }
        let copy = match keywords.exact::<Dict>() {
            Some(dict) => dict.to_obj(),
            None => keywords.downcast::<Dict>().map_or_else(Dict::new, |d| d.copy()).into_obj(),
        };
        this.function.put(function.clone());
        this.args.put(if args.exact::<Tuple>().is_some() { args.clone() } else { tuple(items) });
        this.keywords.put(copy);
        let attributes = attributes.downcast::<Dict>().map_or_else(Dict::new, Object::to_ptr);
        shape::set_instance_dict(&this.as_obj(), Some(&attributes))?;
        Ok(())
    }

    /// partial is generic over the wrapped function's return type
    #[classmethod(name = "__class_getitem__")]
    fn class_getitem(cls: &Type, object: &Obj) -> PyResult<Obj> {
        GenericAlias::class_getitem(cls, object)
    }

    /// function object to use in future partial calls
    #[getter]
    fn func(&self) -> Option<Obj> {
        self.function.get()
    }

    /// tuple of arguments to future partial calls
    #[getter]
    fn args(&self) -> Option<Obj> {
        self.args.get()
    }

    /// dictionary of keyword arguments to future partial calls
    #[getter]
    fn keywords(&self) -> Option<Obj> {
        self.keywords.get()
    }

    #[getter(name = "__dict__")]
    fn dict(this: &Obj) -> PyResult<Option<Ptr<Dict>>> {
        shape::instance_dict(this)
    }

    #[setter(name = "__dict__")]
    fn set_dict(this: &Obj, value: Option<&Obj>) -> PyResult<()> {
        super::lru_cache::set_dict(this, value)
    }
}

fn class_module(class: &Type) -> PyResult<String> {
    if std::ptr::eq(class, Partial::class()) {
        return Ok("functools".to_owned());
    }
    let module = pyrs_runtime::protocols::attr::getattr_text(&class.as_obj(), "__module__")?;
    pyrs_runtime::protocols::text::str_text(&module)
}
