//! Callables that fetch items, attributes or call a method.

use crate::data::tuple;
use pyrs_macros::{pyclass, pymethods};
use pyrs_runtime::call::{self, Args};
use pyrs_runtime::object::{Obj, Object, Ptr};
use pyrs_runtime::objects::dict::Dict;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::text_builder::TextBuilder;
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::protocols::text::ReprGuard;
use pyrs_runtime::protocols::{attr, sequence};
use pyrs_runtime::types::Type;
use pyrs_runtime::{PyResult, raise};

/// The one argument of a call.
fn operand<'a>(args: Args<'a>, function: &str) -> PyResult<&'a Obj> {
    args.no_keywords(function)?;
    match args.positionals() {
        [only] => Ok(only),
        more => Err(raise!(TypeError, "{function} expected 1 argument, got {}", more.len())),
    }
}

/// `operator.name(arg, arg)`.
fn show(this: &Obj, args: &[Obj], keywords: &[(Obj, Obj)]) -> PyResult<Obj> {
    let mut out = TextBuilder::new();
    let class = this.class();
    out.text(&class.full_name());
    let Some(_guard) = ReprGuard::enter(this) else { return Ok(out.text("(...)").finish_obj()) };
    out.text("(").reprs(args)?;
    for (key, value) in keywords {
        out.text(", ").str(key)?.text("=").repr(value)?;
    }
    Ok(out.text(")").finish_obj())
}

/// Return a callable object that fetches the given item(s) from its operand.
/// After f = itemgetter(2), the call f(r) returns r[2].
/// After g = itemgetter(2, 5, 3), the call g(r) returns (r[2], r[5], r[3])
#[pyclass(name = "itemgetter", module = "operator", flags = BASETYPE)]
pub struct ItemGetter {
    items: Vec<Obj>,
}

#[pymethods]
impl ItemGetter {
    #[new(text_signature = "(item, /, *items)")]
    fn construct(cls: &Type, args: Args<'_>) -> PyResult<Obj> {
        args.no_keywords("itemgetter")?;
        if args.nargs == 0 {
            return Err(raise!(TypeError, "itemgetter expected 1 argument, got 0"));
        }
        Ok(Ptr::new_in(cls, ItemGetter { items: args.positionals().to_vec() }).into_obj())
    }

    #[slot(call)]
    fn call(&self, args: Args<'_>) -> PyResult<Obj> {
        let obj = operand(args, "itemgetter")?;
        match &self.items[..] {
            [only] => sequence::getitem(obj, only),
            several => {
                Ok(tuple(several.iter().map(|item| sequence::getitem(obj, item)).collect::<PyResult<Vec<Obj>>>()?))
            }
        }
    }

    #[slot(repr)]
    fn repr(this: &Object<ItemGetter>) -> PyResult<Obj> {
        show(&this.as_obj(), &this.items, &[])
    }

    /// Return state information for pickling
    #[pymethod(name = "__reduce__")]
    fn reduce(this: &Object<ItemGetter>) -> Obj {
        tuple(vec![this.class().to_obj(), tuple(this.items.clone())])
    }
}

/// Return a callable object that fetches the given attribute(s) from its operand.
/// After f = attrgetter('name'), the call f(r) returns r.name.
/// After g = attrgetter('name', 'date'), the call g(r) returns (r.name, r.date).
/// After h = attrgetter('name.first', 'name.last'), the call h(r) returns
/// (r.name.first, r.name.last).
#[pyclass(name = "attrgetter", module = "operator", flags = BASETYPE)]
pub struct AttrGetter {
    /// Each as the names between its dots.
    paths: Vec<Vec<Ptr<Str>>>,
    shown: Vec<Obj>,
}

fn follow(obj: &Obj, path: &[Ptr<Str>]) -> PyResult<Obj> {
    path.iter().try_fold(obj.clone(), |at, name| attr::getattr(&at, name))
}

#[pymethods]
impl AttrGetter {
    #[new(text_signature = "(attr, /, *attrs)")]
    fn construct(cls: &Type, args: Args<'_>) -> PyResult<Obj> {
        args.no_keywords("attrgetter")?;
        if args.nargs == 0 {
            return Err(raise!(TypeError, "attrgetter expected 1 argument, got 0"));
        }
        let mut paths = Vec::with_capacity(args.nargs);
        for arg in args.positionals() {
            let Some(dotted) = arg.downcast::<Str>() else {
                return Err(raise!(TypeError, "attribute name must be a string"));
            };
            let points: Vec<u32> = dotted.code_points().collect();
            let names = points.split(|c| *c == '.' as u32).map(|part| Str::intern_ptr(Str::from_code_points(part)));
            paths.push(names.collect());
        }
        Ok(Ptr::new_in(cls, AttrGetter { paths, shown: args.positionals().to_vec() }).into_obj())
    }

    #[slot(call)]
    fn call(&self, args: Args<'_>) -> PyResult<Obj> {
        let obj = operand(args, "attrgetter")?;
        match &self.paths[..] {
            [only] => follow(obj, only),
            several => Ok(tuple(several.iter().map(|path| follow(obj, path)).collect::<PyResult<Vec<Obj>>>()?)),
        }
    }

    #[slot(repr)]
    fn repr(this: &Object<AttrGetter>) -> PyResult<Obj> {
        show(&this.as_obj(), &this.shown, &[])
    }

    /// Return state information for pickling
    #[pymethod(name = "__reduce__")]
    fn reduce(this: &Object<AttrGetter>) -> Obj {
        tuple(vec![this.class().to_obj(), tuple(this.shown.clone())])
    }
}

/// Return a callable object that calls the given method on its operand.
/// After f = methodcaller('name'), the call f(r) returns r.name().
/// After g = methodcaller('name', 'date', foo=1), the call g(r) returns
/// r.name('date', foo=1).
#[pyclass(name = "methodcaller", module = "operator", flags = BASETYPE)]
pub struct MethodCaller {
    name: Ptr<Str>,
    args: Vec<Obj>,
    keywords: Vec<(Obj, Obj)>,
}

#[pymethods]
impl MethodCaller {
    #[new(text_signature = "(name, /, *args, **kwargs)")]
    fn construct(cls: &Type, args: Args<'_>) -> PyResult<Obj> {
        let [name, rest @ ..] = args.positionals() else {
            return Err(raise!(TypeError, "methodcaller needs at least one argument, the method name"));
        };
        let Some(name) = name.downcast::<Str>() else {
            return Err(raise!(TypeError, "method name must be a string"));
        };
        let keywords = args.keywords().map(|(key, value)| (key.to_obj(), value.clone())).collect();
        let payload = MethodCaller { name: Str::intern_ptr(name.to_ptr()), args: rest.to_vec(), keywords };
        Ok(Ptr::new_in(cls, payload).into_obj())
    }

    #[slot(call)]
    fn call(&self, args: Args<'_>) -> PyResult<Obj> {
        let obj = operand(args, "methodcaller")?;
        if self.keywords.is_empty() {
            return call::call_method_str(obj, &self.name, &self.args);
        }
        let method = attr::getattr(obj, &self.name)?;
        let kwnames = Tuple::from_vec(self.keywords.iter().map(|(key, _)| key.clone()).collect());
        let mut values = self.args.clone();
        values.extend(self.keywords.iter().map(|(_, value)| value.clone()));
        call::call_args(&method, Args { values: &values, nargs: self.args.len(), kwnames: Some(&kwnames) })
    }

    #[slot(repr)]
    fn repr(this: &Object<MethodCaller>) -> PyResult<Obj> {
        let mut args = vec![this.name.to_obj()];
        args.extend_from_slice(&this.args);
        show(&this.as_obj(), &args, &this.keywords)
    }

    /// Return state information for pickling
    #[pymethod(name = "__reduce__")]
    fn reduce(this: &Object<MethodCaller>) -> PyResult<Obj> {
        let class = this.class().to_obj();
        if this.keywords.is_empty() {
            let mut args = vec![this.name.to_obj()];
            args.extend_from_slice(&this.args);
            return Ok(tuple(vec![class, tuple(args)]));
        }
        let functools = (pyrs_runtime::hooks::hooks().import_module)("functools")?;
        let partial = attr::getattr_text(&functools, "partial")?;
        let keywords = Dict::new();
        for (key, value) in &this.keywords {
            keywords.set(key.clone(), value.clone())?;
        }
        let constructor = call::call_dict(&partial, &[class, this.name.to_obj()], Some(&keywords))?;
        Ok(tuple(vec![constructor, tuple(this.args.clone())]))
    }
}
