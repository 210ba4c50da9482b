//! `types.SimpleNamespace`.

use crate::call::{self, Args};
use crate::errors::PyResult;
use crate::object::{Obj, Object, Ptr, PyClass};
use crate::objects::dict::Dict;
use crate::objects::singletons::not_implemented;
use crate::objects::str::Str;
use crate::objects::text_builder::TextBuilder;
use crate::objects::tuple::Tuple;
use crate::protocols::compare;
use crate::protocols::text::ReprGuard;
use crate::raise;
use crate::types::slots::CompareOp;
use crate::types::{Type, shape};
use pyrs_macros::{pyclass, pymethods};

/// A simple attribute-based namespace.
#[pyclass(name = "SimpleNamespace", module = "types", flags = BASETYPE, dict)]
pub struct SimpleNamespace {}

impl SimpleNamespace {
    /// A namespace with these attributes.
    pub fn new(attributes: Vec<(&str, Obj)>) -> PyResult<Obj> {
        let namespace = Ptr::new(SimpleNamespace {}).into_obj();
        let dict = dict_of(&namespace)?;
        for (name, value) in attributes {
            dict.set_text(name, value);
        }
        Ok(namespace)
    }
}

fn dict_of(this: &Obj) -> PyResult<Ptr<Dict>> {
    Ok(shape::instance_dict(this)?.expect("namespaces have a dictionary"))
}

#[pymethods]
impl SimpleNamespace {
    #[slot(new)]
    fn construct(cls: &Type, _args: Args<'_>) -> PyResult<Obj> {
        Ok(Ptr::new_in(cls, SimpleNamespace {}).into_obj())
    }

    #[init(text_signature = "(mapping_or_iterable=(), /, **kwargs)")]
    fn init(this: &Obj, args: Args<'_>) -> PyResult<()> {
        if args.nargs > 1 {
            return Err(raise!(TypeError, "SimpleNamespace expected at most 1 argument, got {}", args.nargs));
        }
        let dict = dict_of(this)?;
        if let Some(arg) = args.positionals().first() {
            let items = Dict::new();
            items.update(arg)?;
            if items.keys().iter().any(|key| key.downcast::<Str>().is_none()) {
                return Err(raise!(TypeError, "keywords must be strings"));
            }
            dict.update_from(&items)?;
        }
        for (key, value) in args.keywords() {
            dict.set_str(key, value.clone())?;
        }
        Ok(())
    }

    #[slot(repr)]
    fn repr(this: &Obj) -> PyResult<Obj> {
        let plain = std::ptr::eq(this.class(), SimpleNamespace::class());
        let class = if plain { "namespace" } else { this.class().name() };
        let Some(_guard) = ReprGuard::enter(this) else {
            return Ok(Str::new(&format!("{class}(...)")).into_obj());
        };
        let mut out = TextBuilder::new();
        out.text(class).text("(");
        let mut first = true;
        for (key, value) in dict_of(this)?.entries() {
            let Some(key) = key.downcast::<Str>().filter(|k| !k.is_empty()) else { continue };
            if !std::mem::replace(&mut first, false) {
                out.text(", ");
            }
            out.push(key).text("=").repr(&value)?;
        }
        Ok(out.text(")").finish_obj())
    }

    #[slot(richcompare)]
    fn compare(this: &Obj, other: &Obj, op: CompareOp) -> PyResult<Obj> {
        if other.downcast::<SimpleNamespace>().is_none() {
            return Ok(not_implemented());
        }
        compare::rich_compare(&dict_of(this)?.into_obj(), &dict_of(other)?.into_obj(), op)
    }

    /// Return state information for pickling
    #[pymethod(name = "__reduce__")]
    fn reduce(this: &Obj) -> PyResult<Obj> {
        let parts = vec![this.class().to_obj(), Tuple::empty().into_obj(), dict_of(this)?.into_obj()];
        Ok(Tuple::from_vec(parts).into_obj())
    }

    /// Return a copy of the namespace object with new values for the specified attributes.
    #[pymethod(name = "__replace__", text_signature = "($self, /, **changes)")]
    fn replace(this: &Obj, args: Args<'_>) -> PyResult<Obj> {
        if args.nargs != 0 {
            return Err(raise!(TypeError, "__replace__() takes no positional arguments"));
        }
        let result = call::call(&this.class().as_obj(), &[])?;
        if result.downcast::<SimpleNamespace>().is_none() {
            let (expected, got) = (this.class().name(), result.class().name());
            return Err(raise!(TypeError, "expected {expected} object, but {expected}() returned '{got}'"));
        }
        let dict = dict_of(&result)?;
        let own = dict_of(this)?;
        dict.update_from(&own)?;
        for (key, value) in args.keywords() {
            dict.set_str(key, value.clone())?;
        }
        Ok(result)
    }

    #[getter(name = "__dict__")]
    fn dict(this: &Object<SimpleNamespace>) -> PyResult<Ptr<Dict>> {
        dict_of(&this.as_obj())
    }
}
