//! `collections.defaultdict`.

use crate::data::tuple;
use pyrs_macros::{pyclass, pymethods};
use pyrs_runtime::call::{self, Args};
use pyrs_runtime::errors::raise_key_error;
use pyrs_runtime::object::{Obj, ObjCell, Object, Ptr, PyClass};
use pyrs_runtime::objects::dict::Dict;
use pyrs_runtime::objects::generic_alias::GenericAlias;
use pyrs_runtime::objects::singletons::{none, not_implemented};
use pyrs_runtime::objects::text_builder::TextBuilder;
use pyrs_runtime::protocols::text::ReprGuard;
use pyrs_runtime::protocols::{iter, sequence};
use pyrs_runtime::types::Type;
use pyrs_runtime::{PyResult, name, raise};

/// defaultdict(default_factory=None, /, [...]) --> dict with default factory
///
/// The default factory is called without arguments to produce
/// a new value when a key is not present, in __getitem__ only.
/// A defaultdict compares equal to a dict with the same items.
/// All remaining arguments are treated the same as if they were
/// passed to the dict constructor, including keyword arguments.
#[repr(C)]
#[derive(Default)]
#[pyclass(name = "defaultdict", module = "collections", base = Dict, flags = BASETYPE)]
pub struct DefaultDict {
    base: Dict,
    default_factory: ObjCell,
}

impl DefaultDict {
    fn factory(&self) -> Option<Obj> {
        self.default_factory.get().filter(|f| !f.is_none())
    }
}

fn this_of(obj: &Obj) -> &Object<DefaultDict> {
    obj.downcast::<DefaultDict>().expect("a slot of this class")
}

/// A copy as the class of `like`, with its factory and the items of `items`.
fn copy_with(like: &Obj, items: &Obj) -> PyResult<Obj> {
    let factory = this_of(like).default_factory.get().unwrap_or_else(none);
    call::call(&like.class().as_obj(), &[factory, items.clone()])
}

#[pymethods]
impl DefaultDict {
    #[slot(new)]
    fn construct(cls: &Type, _args: Args<'_>) -> PyResult<Obj> {
        Ok(Ptr::new_in(cls, DefaultDict::default()).into_obj())
    }

    #[slot(init)]
    fn init(this: &Obj, args: Args<'_>) -> PyResult<()> {
        let (factory, rest) = match args.positionals().first() {
            Some(factory) if !factory.is_none() && factory.class().slots().call.is_none() => {
                return Err(raise!(TypeError, "first argument must be callable or None"));
            }
            Some(factory) => (factory.clone(), args.rest()),
            None => (none(), args),
        };
        this_of(this).default_factory.put(factory);
        let init = Dict::class().slots().init.expect("dict has a constructor");
        init(this, rest)
    }

    #[slot(repr)]
    fn repr(this: &Obj) -> PyResult<Obj> {
        let show = Dict::class().slots().repr.expect("dict has a repr");
        let items = show(this)?;
        let mut out = TextBuilder::new();
        out.text(this.class().short_name()).text("(");
        match this_of(this).factory() {
            None => out.text("None"),
            Some(factory) => match ReprGuard::enter(this) {
                Some(_guard) => out.repr(&factory)?,
                None => out.text("..."),
            },
        };
        Ok(out.text(", ").str(&items)?.text(")").finish_obj())
    }

    #[slot(nb_or)]
    fn or(a: &Obj, b: &Obj) -> PyResult<Obj> {
        let (own, other) = if a.downcast::<DefaultDict>().is_some() { (a, b) } else { (b, a) };
        if other.downcast::<Dict>().is_none() {
            return Ok(not_implemented());
        }
        let result = copy_with(own, a)?;
        match result.downcast::<Dict>() {
            Some(dict) => dict.update(b)?,
            None => drop(call::call_method(&result, "update", std::slice::from_ref(b))?),
        }
        Ok(result)
    }

    /// __missing__(key) # Called by __getitem__ for missing key; pseudo-code:
    ///   if self.default_factory is None: raise KeyError((key,))
    ///   self[key] = value = self.default_factory()
    ///   return value
    #[pymethod(name = "__missing__", sig = "(object, /)")]
    fn missing(this: &Obj, key: &Obj) -> PyResult<Obj> {
        let Some(factory) = this_of(this).factory() else { return Err(raise_key_error(key)) };
        let value = call::call(&factory, &[])?;
        sequence::setitem(this, key, &value)?;
        Ok(value)
    }

    /// D.copy() -> a shallow copy of D.
    #[pymethod]
    fn copy(this: &Obj) -> PyResult<Obj> {
        copy_with(this, this)
    }

    /// D.copy() -> a shallow copy of D.
    #[pymethod(name = "__copy__")]
    fn copy_special(this: &Obj) -> PyResult<Obj> {
        copy_with(this, this)
    }

    /// Return state information for pickling.
    #[pymethod(name = "__reduce__")]
    fn reduce(this: &Obj) -> PyResult<Obj> {
        let args = tuple(this_of(this).factory().into_iter().collect());
        let items = iter::iter(&call::call_method_str(this, name!("items"), &[])?)?;
        Ok(tuple(vec![this.class().to_obj(), args, none(), none(), items]))
    }

    /// defaultdicts are generic over two types, signifying (respectively) the types of the dictionary's keys and values
    #[classmethod(name = "__class_getitem__")]
    fn class_getitem(cls: &Type, object: &Obj) -> PyResult<Obj> {
        GenericAlias::class_getitem(cls, object)
    }

    /// Factory for default value called by __missing__().
    #[getter]
    fn default_factory(&self) -> Option<Obj> {
        self.default_factory.get()
    }

    #[setter]
    fn set_default_factory(&self, value: Option<&Obj>) -> PyResult<()> {
        self.default_factory.set(value.cloned());
        Ok(())
    }
}
