//! `super`.

use crate::call::Args;
use crate::errors::PyResult;
use crate::object::{Obj, ObjCell, Object, Ptr};
use crate::objects::singletons::none;
use crate::objects::str::Str;
use crate::protocols::attr;
use crate::types::flags::METHOD_DESCRIPTOR;
use crate::types::{Type, as_type, lookup_super_raw};
use crate::{name, raise};
use pyrs_macros::{pyclass, pymethods};

/// super() -> same as super(__class__, <first argument>)
/// super(type) -> unbound super object
/// super(type, obj) -> bound super object; requires isinstance(obj, type)
/// super(type, type2) -> bound super object; requires issubclass(type2, type)
/// Typical use to call a cooperative superclass method:
/// class C(B):
///     def meth(self, arg):
///         super().meth(arg)
/// This works for class methods too:
/// class C(B):
///     @classmethod
///     def cmeth(cls, arg):
///         super().cmeth(arg)
#[pyclass(name = "super", flags = BASETYPE)]
#[derive(Default)]
pub struct Super {
    /// The class whose place in the MRO is skipped.
    this_class: ObjCell,
    this: ObjCell,
    /// Where the MRO is taken from.
    start: ObjCell,
}

/// The class whose MRO `super(class, obj)` walks.
fn check(class: &Type, obj: &Obj) -> PyResult<Obj> {
    if let Some(other) = as_type(obj)
        && other.is_subclass(class)
    {
        return Ok(obj.clone());
    }
    if obj.class().is_subclass(class) {
        return Ok(obj.class().to_obj());
    }
    if let Some(claimed) = attr::getattr_optional(obj, name!("__class__"))?
        && let Some(other) = as_type(&claimed)
        && other.is_subclass(class)
    {
        return Ok(claimed);
    }
    let (what, text) = match as_type(obj) {
        Some(t) => ("type", t.name().to_owned()),
        None => ("instance of", obj.class().name().to_owned()),
    };
    Err(raise!(
        TypeError,
        "super(type, obj): obj ({what} {text}) is not an instance or subtype of type ({}).",
        class.name()
    ))
}

/// The attribute behind `class` in the MRO of `start`, bound to `obj`.
fn lookup_behind(class: &Type, start: &Type, obj: &Obj, attribute: &Object<Str>) -> PyResult<Option<Obj>> {
    let found = lookup_super_raw(start, class, attribute);
    if found.is_null() {
        return Ok(None);
    }
    // SAFETY: the namespace holds the value.
    let found = unsafe { Obj::from_borrowed(found) };
    match found.class().slots().descr_get {
        Some(get) => {
            let instance = (obj.value() != start.value()).then_some(obj);
            get(&found, instance, Some(start)).map(Some)
        }
        None => Ok(Some(found)),
    }
}

/// `super(class, obj).attribute`, `None` if missing.
pub fn lookup_super(class: &Type, obj: &Obj, attribute: &Object<Str>) -> PyResult<Option<Obj>> {
    let start = check(class, obj)?;
    lookup_behind(class, as_type(&start).expect("check gives a class"), obj, attribute)
}

/// For method calls: the function behind `class`, not bound, if it is a plain one; `true` = call it
/// with `obj` in front.
pub fn load_super_method(class: &Type, obj: &Obj, attribute: &Object<Str>) -> PyResult<Option<(Obj, bool)>> {
    let start = check(class, obj)?;
    let start = as_type(&start).expect("check gives a class");
    let found = lookup_super_raw(start, class, attribute);
    // SAFETY: the namespace holds the value.
    if !found.is_null() && obj.value() != start.value() && unsafe { found.as_obj() }.class().has_flag(METHOD_DESCRIPTOR)
    {
        // SAFETY: as above.
        return Ok(Some((unsafe { Obj::from_borrowed(found) }, true)));
    }
    Ok(lookup_behind(class, start, obj, attribute)?.map(|f| (f, false)))
}

#[pymethods]
impl Super {
    #[slot(new)]
    fn py_new(cls: &Type, _args: Args<'_>) -> PyResult<Obj> {
        Ok(Ptr::new_in(cls, Super::default()).into_obj())
    }

    #[slot(init)]
    fn init(this: &Object<Super>, args: Args<'_>) -> PyResult<()> {
        args.no_keywords("super")?;
        let (class, obj) = match args.positionals() {
            [] => {
                let (class, obj) = (crate::hooks::hooks().super_arguments)()?;
                (class, Some(obj))
            }
            [class] => (class.clone(), None),
            [class, obj] => (class.clone(), (!obj.is_none()).then(|| obj.clone())),
            _ => return Err(raise!(TypeError, "super expected at most 2 arguments, got {}", args.nargs)),
        };
        let Some(class) = as_type(&class) else {
            return Err(raise!(TypeError, "super() argument 1 must be a type, not {}", class.class().name()));
        };
        let start = match &obj {
            Some(obj) => Some(check(class, obj)?),
            None => None,
        };
        this.this_class.put(class.to_obj());
        this.this.set(obj);
        this.start.set(start);
        Ok(())
    }

    #[slot(getattro)]
    fn getattro(this: &Obj, attribute: &Object<Str>) -> PyResult<Obj> {
        // SAFETY: the slot belongs to this class.
        let bound = unsafe { this.downcast_unchecked::<Super>() };
        if let (Some(class), Some(obj), Some(start)) = (bound.this_class.get(), bound.this.get(), bound.start.get())
            && !attribute.eq_str("__class__")
            && let (Some(class), Some(start)) = (as_type(&class), as_type(&start))
            && let Some(found) = lookup_behind(class, start, &obj, attribute)?
        {
            return Ok(found);
        }
        attr::generic_getattr(this, attribute)
    }

    #[slot(descr_get)]
    fn get(this: &Obj, instance: Option<&Obj>, _owner: Option<&Type>) -> PyResult<Obj> {
        // SAFETY: the slot belongs to this class.
        let unbound = unsafe { this.downcast_unchecked::<Super>() };
        let (Some(instance), None) = (instance.filter(|i| !i.is_none()), unbound.this.get()) else {
            return Ok(this.clone());
        };
        let class = unbound.this_class.get().unwrap_or_else(none);
        crate::call::call(&this.class().as_obj(), &[class, instance.clone()])
    }

    #[slot(repr)]
    fn repr(&self) -> PyResult<Obj> {
        let class = self.this_class.get();
        let class = class.as_ref().and_then(as_type).map_or("NULL", Type::name);
        Ok(Str::new(&match self.start.get().as_ref().and_then(as_type) {
            Some(start) => format!("<super: <class '{class}'>, <{} object>>", start.name()),
            None => format!("<super: <class '{class}'>, NULL>"),
        })
        .into_obj())
    }

    /// the class invoking super()
    #[getter(name = "__thisclass__")]
    fn thisclass(&self) -> Option<Obj> {
        self.this_class.get()
    }

    /// the instance invoking super(); may be None
    #[getter(name = "__self__")]
    fn get_self(&self) -> Option<Obj> {
        self.this.get()
    }

    /// the type of the instance invoking super(); may be None
    #[getter(name = "__self_class__")]
    fn self_class(&self) -> Option<Obj> {
        self.start.get()
    }
}
