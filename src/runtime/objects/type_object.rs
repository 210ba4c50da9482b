//! `type`: calling classes, their attributes, and the descriptors every class body gets.

use crate::call::{self, Args};
use crate::class::{ClassDef, GetSetDef};
use crate::errors::{PyResult, raise_attribute_error};
use crate::object::{Obj, Object};
use crate::objects::descriptor::GetSetDescriptor;
use crate::objects::dict::Dict;
use crate::objects::list::List;
use crate::objects::object::{has_idle_init, object_class};
use crate::objects::singletons::none;
use crate::objects::str::Str;
use crate::objects::tuple::Tuple;
use crate::protocols::{attr, truth};
use crate::types::{self, TYPE, Type, TypeData, build, flags, lookup_raw, shape};
use crate::{name, raise};
use pyrs_macros::pymethods;

impl TypeData {
    /// The definition that the class object is made from.
    pub fn def() -> &'static ClassDef {
        static DEF: std::sync::OnceLock<ClassDef> = std::sync::OnceLock::new();
        DEF.get_or_init(|| ClassDef {
            name: "type",
            module: "builtins",
            doc: "type(object) -> the object's type\ntype(name, bases, dict, **kwds) -> a new type",
            class: &TYPE,
            base: object_class,
            flags: flags::BASETYPE | flags::HAVE_GC | flags::TYPE_SUBCLASS,
            basicsize: size_of::<Type>(),
            itemsize: 0,
            has_dict: false,
            has_weaklist: true,
            layout: types::ready::type_layout(),
            parts: &[&TypeData::PART],
            unhashable: false,
        })
    }
}

/// Makes an instance: `cls(*args)`.
pub fn call_class(class: &Type, args: Args<'_>) -> PyResult<Obj> {
    let Some(new) = class.slots().new else {
        return Err(raise!(TypeError, "cannot create '{}' instances", class.full_name()));
    };
    let instance = new(class, args)?;
    if !instance.class().is_subclass(class) {
        return Ok(instance);
    }
    if let Some(init) = instance.class().slots().init
        && !has_idle_init(instance.class())
    {
        init(&instance, args)?;
    }
    Ok(instance)
}

#[pymethods]
impl TypeData {
    #[slot(call)]
    fn call(this: &Obj, args: Args<'_>) -> PyResult<Obj> {
        // SAFETY: the slot belongs to `type`.
        let class = unsafe { this.downcast_unchecked::<TypeData>() };
        if std::ptr::eq(class, TYPE.get()) {
            match (args.nargs, args.keyword_count()) {
                (1, 0) => return Ok(args.values[0].class().to_obj()),
                (3, _) => {}
                _ => return Err(raise!(TypeError, "type() takes 1 or 3 arguments")),
            }
        }
        call_class(class, args)
    }

    #[slot(new)]
    fn py_new(metaclass: &Type, args: Args<'_>) -> PyResult<Obj> {
        let [class_name, bases, namespace] = args.positionals() else {
            return Err(raise!(TypeError, "type.__new__() takes exactly 3 arguments ({} given)", args.nargs));
        };
        let wrong = |n: u8, want: &str, got: &Obj| {
            raise!(
                TypeError,
                "type.__new__() argument {n} must be {want}, not {}",
                crate::args::type_name_for_message(got)
            )
        };
        let Some(class_name) = class_name.downcast::<Str>() else { return Err(wrong(1, "str", class_name)) };
        let Some(bases) = bases.downcast::<Tuple>() else { return Err(wrong(2, "tuple", bases)) };
        let Some(namespace) = namespace.downcast::<Dict>() else { return Err(wrong(3, "dict", namespace)) };
        build::new_type(metaclass, class_name, bases, namespace, args)
    }

    #[slot(init)]
    fn init(_this: &Obj, args: Args<'_>) -> PyResult<()> {
        if args.nargs == 1 && args.has_keywords() {
            return Err(raise!(TypeError, "type.__init__() takes no keyword arguments"));
        }
        if args.nargs != 1 && args.nargs != 3 {
            return Err(raise!(TypeError, "type.__init__() takes 1 or 3 arguments"));
        }
        Ok(())
    }

    #[slot(repr)]
    fn repr(this: &Obj) -> PyResult<Obj> {
        // SAFETY: the slot belongs to `type`.
        let class = unsafe { this.downcast_unchecked::<TypeData>() };
        Ok(Str::new(&format!("<class '{}'>", super::object::repr_name(class))).into_obj())
    }

    #[slot(getattro)]
    fn getattro(this: &Obj, attribute: &Object<Str>) -> PyResult<Obj> {
        // SAFETY: the slot belongs to `type`.
        let class = unsafe { this.downcast_unchecked::<TypeData>() };
        if let Some(found) = type_getattr(class, attribute)? {
            return Ok(found);
        }
        let text = format!("type object '{}' has no attribute '{}'", class.name(), attribute.to_string_lossy());
        Err(raise_attribute_error(&text, this, attribute))
    }

    #[slot(setattro)]
    fn setattro(this: &Obj, attribute: &Object<Str>, value: Option<&Obj>) -> PyResult<()> {
        // SAFETY: the slot belongs to `type`.
        let class = unsafe { this.downcast_unchecked::<TypeData>() };
        set_type_attribute(class, attribute, value)
    }

    #[slot(nb_or)]
    fn or(a: &Obj, b: &Obj) -> PyResult<Obj> {
        crate::objects::generic_alias::union_of(a, b)
    }

    /// Return the default mro: the class's bases linearized.
    #[pymethod]
    fn mro(this: &Obj) -> PyResult<Obj> {
        // SAFETY: the method belongs to `type`.
        let class = unsafe { this.downcast_unchecked::<TypeData>() };
        Ok(List::from_vec(build::c3_linearization(class)?).into_obj())
    }

    /// Return a list of immediate subclasses.
    #[pymethod(name = "__subclasses__")]
    fn subclasses(this: &Object<TypeData>) -> PyResult<Obj> {
        let list = this.subclasses.with(|list| list.clone());
        // SAFETY: subclasses sign off before they die.
        let items = list.into_iter().map(|c| unsafe { (*c).to_obj() }).filter(|c| c.refcnt() > 0).collect();
        Ok(List::from_vec(items).into_obj())
    }

    /// Create the namespace for the class statement
    #[classmethod(name = "__prepare__", text_signature = "($cls, name, bases, /, **kwds)")]
    fn prepare(cls: &Type, args: Args<'_>) -> PyResult<Obj> {
        let _ = (cls, args);
        Ok(Dict::new().into_obj())
    }

    /// Check if an object is an instance.
    #[pymethod(name = "__instancecheck__")]
    fn instancecheck(this: &Obj, instance: &Obj) -> PyResult<bool> {
        attr::real_is_instance(instance, this)
    }

    /// Check if a class is a subclass.
    #[pymethod(name = "__subclasscheck__")]
    fn subclasscheck(this: &Obj, subclass: &Obj) -> PyResult<bool> {
        attr::subclass_of(subclass, this)
    }

    /// Specialized __dir__ implementation for types.
    #[pymethod(name = "__dir__")]
    fn dir(this: &Obj) -> PyResult<Obj> {
        let names = Dict::new();
        super::object::merge_class_names(&names, this)?;
        Ok(List::from_vec(names.keys()).into_obj())
    }

    /// Return memory consumption of the type object.
    #[pymethod(name = "__sizeof__")]
    fn sizeof(this: &Object<TypeData>) -> usize {
        let _ = this;
        size_of::<Type>()
    }

    #[getter(name = "__name__")]
    fn get_name(this: &Object<TypeData>) -> String {
        this.short_name().to_owned()
    }

    #[setter(name = "__name__")]
    fn set_dunder_name(this: &Object<TypeData>, value: Option<&Obj>) -> PyResult<()> {
        let value = check_mutable(this, "__name__", value)?;
        let Some(text) = value.downcast::<Str>() else {
            return Err(raise!(
                TypeError,
                "can only assign string to {}.__name__, not '{}'",
                this.name(),
                value.class().name()
            ));
        };
        let text = text.to_string_checked()?;
        if text.contains('\0') {
            return Err(raise!(ValueError, "type name must not contain null characters"));
        }
        this.set_name(text.into());
        Ok(())
    }

    #[getter(name = "__qualname__")]
    fn get_qualname(this: &Object<TypeData>) -> Obj {
        this.qualname.get().unwrap_or_else(|| Str::new(this.short_name()).into_obj())
    }

    #[setter(name = "__qualname__")]
    fn set_qualname(this: &Object<TypeData>, value: Option<&Obj>) -> PyResult<()> {
        let value = check_mutable(this, "__qualname__", value)?;
        if value.downcast::<Str>().is_none() {
            return Err(raise!(
                TypeError,
                "can only assign string to {}.__qualname__, not '{}'",
                this.name(),
                value.class().name()
            ));
        }
        this.qualname.put(value.clone());
        Ok(())
    }

    #[getter(name = "__module__")]
    fn get_module(this: &Object<TypeData>) -> PyResult<Obj> {
        if this.is_heap_type() {
            return this.dict().get_str(name!("__module__"))?.ok_or_else(|| raise!(AttributeError, "__module__"));
        }
        Ok(Str::intern(this.native_module()).into_obj())
    }

    #[setter(name = "__module__")]
    fn set_module(this: &Object<TypeData>, value: Option<&Obj>) -> PyResult<()> {
        let value = check_mutable(this, "__module__", value)?;
        types::modified(this);
        this.dict().set_str(name!("__module__"), value.clone())?;
        // The line belonged to the module that the class was defined in.
        this.dict().remove_str(name!("__firstlineno__")).map(drop)
    }

    #[getter(name = "__base__")]
    fn get_base(this: &Object<TypeData>) -> Option<Obj> {
        this.base().map(|b| b.to_obj())
    }

    #[getter(name = "__bases__")]
    fn get_bases(this: &Object<TypeData>) -> Obj {
        this.bases()
    }

    #[setter(name = "__bases__")]
    fn set_bases(this: &Object<TypeData>, value: Option<&Obj>) -> PyResult<()> {
        let value = check_mutable(this, "__bases__", value)?;
        build::set_bases(this, value)
    }

    #[getter(name = "__mro__")]
    fn get_mro(this: &Object<TypeData>) -> Option<Obj> {
        this.mro.get()
    }

    #[getter(name = "__dict__")]
    fn get_dict(this: &Object<TypeData>) -> PyResult<Obj> {
        Ok(crate::objects::mapping_proxy::MappingProxy::new(this.dict().to_obj()).into_obj())
    }

    #[getter(name = "__doc__")]
    fn get_doc(this: &Object<TypeData>) -> PyResult<Obj> {
        let Some(found) = this.dict().get_str(name!("__doc__"))? else { return Ok(none()) };
        match found.class().slots().descr_get {
            Some(get) => get(&found, None, Some(this)),
            None => Ok(found),
        }
    }

    #[setter(name = "__doc__")]
    fn set_doc(this: &Object<TypeData>, value: Option<&Obj>) -> PyResult<()> {
        let value = check_mutable(this, "__doc__", value)?;
        types::modified(this);
        this.dict().set_str(name!("__doc__"), value.clone())
    }

    #[getter(name = "__text_signature__")]
    fn text_signature(this: &Object<TypeData>) -> Option<&'static str> {
        let def = this.native_def()?;
        def.parts.iter().map(|p| p.text_signature).find(|s| !s.is_empty())
    }

    #[getter(name = "__flags__")]
    fn get_flags(this: &Object<TypeData>) -> u64 {
        let shown = this.flags.get() & flags::VISIBLE;
        if this.has_flag(flags::HEAP_LIKE) { shown | flags::HEAPTYPE } else { shown }
    }

    #[getter(name = "__basicsize__")]
    fn get_basicsize(this: &Object<TypeData>) -> usize {
        this.basicsize()
    }

    #[getter(name = "__itemsize__")]
    fn get_itemsize(this: &Object<TypeData>) -> usize {
        this.itemsize()
    }

    #[getter(name = "__dictoffset__")]
    fn get_dictoffset(this: &Object<TypeData>) -> i64 {
        if this.dict_offset() != 0 { -1 } else { 0 }
    }

    #[getter(name = "__weakrefoffset__")]
    fn get_weakrefoffset(this: &Object<TypeData>) -> usize {
        this.weaklist_offset()
    }

    #[getter(name = "__abstractmethods__")]
    fn get_abstractmethods(this: &Object<TypeData>) -> PyResult<Obj> {
        let found =
            if std::ptr::eq(this, TYPE.get()) { None } else { this.dict().get_str(name!("__abstractmethods__"))? };
        found.ok_or_else(|| raise!(AttributeError, "__abstractmethods__"))
    }

    #[setter(name = "__abstractmethods__")]
    fn set_abstractmethods(this: &Object<TypeData>, value: Option<&Obj>) -> PyResult<()> {
        match value {
            Some(value) => {
                let is_abstract = truth::is_true(value)?;
                this.dict().set_str(name!("__abstractmethods__"), value.clone())?;
                if is_abstract { this.add_flags(flags::IS_ABSTRACT) } else { this.remove_flags(flags::IS_ABSTRACT) }
            }
            None => {
                if this.dict().remove_str(name!("__abstractmethods__"))?.is_none() {
                    return Err(raise!(AttributeError, "__abstractmethods__"));
                }
                this.remove_flags(flags::IS_ABSTRACT);
            }
        }
        types::modified(this);
        Ok(())
    }

    #[getter(name = "__annotations__")]
    fn get_annotations(this: &Object<TypeData>) -> PyResult<Obj> {
        if !this.is_heap_type() {
            return Err(raise!(AttributeError, "type object '{}' has no attribute '__annotations__'", this.name()));
        }
        let dict = this.dict();
        for key in [name!("__annotations__"), name!("__annotations_cache__")] {
            if let Some(found) = dict.get_str(key)? {
                return match found.class().slots().descr_get {
                    Some(get) => get(&found, None, Some(this)),
                    None => Ok(found),
                };
            }
        }
        let annotate = attr::getattr(&this.as_obj(), name!("__annotate__"))?;
        let result = if annotate.is_none() {
            Dict::new().into_obj()
        } else {
            let result = call::call(&annotate, &[crate::objects::int::new(1)])?;
            if result.downcast::<Dict>().is_none() {
                return Err(raise!(TypeError, "__annotate__ returned non-dict of type '{}'", result.class().name()));
            }
            result
        };
        dict.set_str(name!("__annotations_cache__"), result.clone())?;
        types::modified(this);
        Ok(result)
    }

    #[setter(name = "__annotations__")]
    fn set_annotations(this: &Object<TypeData>, value: Option<&Obj>) -> PyResult<()> {
        check_heap(this, "__annotations__")?;
        let dict = this.dict();
        let removed = dict.remove_str(name!("__annotations_cache__"))?.is_some();
        match value {
            Some(value) => {
                let key = if dict.get_str(name!("__annotations__"))?.is_some() {
                    name!("__annotations__")
                } else {
                    name!("__annotations_cache__")
                };
                dict.set_str(key, value.clone())?;
            }
            None => {
                if dict.remove_str(name!("__annotations__"))?.is_none() && !removed {
                    return Err(raise!(AttributeError, "__annotations__"));
                }
            }
        }
        dict.remove_str(name!("__annotate_func__"))?;
        dict.remove_str(name!("__annotate__"))?;
        types::modified(this);
        Ok(())
    }

    #[getter(name = "__annotate__")]
    fn get_annotate(this: &Object<TypeData>) -> PyResult<Obj> {
        if !this.is_heap_type() {
            return Err(raise!(AttributeError, "type object '{}' has no attribute '__annotate__'", this.name()));
        }
        for key in [name!("__annotate_func__"), name!("__annotate__")] {
            if let Some(found) = this.dict().get_str(key)? {
                return match found.class().slots().descr_get {
                    Some(get) => get(&found, None, Some(this)),
                    None => Ok(found),
                };
            }
        }
        this.dict().set_str(name!("__annotate_func__"), none())?;
        Ok(none())
    }

    #[setter(name = "__annotate__")]
    fn set_annotate(this: &Object<TypeData>, value: Option<&Obj>) -> PyResult<()> {
        check_heap(this, "__annotate__")?;
        let Some(value) = value else { return Err(raise!(TypeError, "cannot delete __annotate__ attribute")) };
        if !value.is_none() && value.class().slots().call.is_none() {
            return Err(raise!(TypeError, "__annotate__ must be callable or None"));
        }
        this.dict().set_str(name!("__annotate_func__"), value.clone())?;
        if !value.is_none() {
            this.dict().remove_str(name!("__annotations_cache__"))?;
            this.dict().remove_str(name!("__annotations__"))?;
        }
        types::modified(this);
        Ok(())
    }

    #[getter(name = "__type_params__")]
    fn get_type_params(this: &Object<TypeData>) -> PyResult<Obj> {
        let found = if this.is_heap_type() { this.dict().get_str(name!("__type_params__"))? } else { None };
        Ok(found.unwrap_or_else(|| Tuple::empty().into_obj()))
    }

    #[setter(name = "__type_params__")]
    fn set_type_params(this: &Object<TypeData>, value: Option<&Obj>) -> PyResult<()> {
        let value = check_mutable(this, "__type_params__", value)?;
        this.dict().set_str(name!("__type_params__"), value.clone())?;
        types::modified(this);
        Ok(())
    }
}

fn check_heap(class: &Type, attribute: &str) -> PyResult<()> {
    if class.has_flag(flags::IMMUTABLE) {
        return Err(raise!(TypeError, "cannot set '{attribute}' attribute of immutable type '{}'", class.name()));
    }
    Ok(())
}

fn check_mutable<'a>(class: &Type, attribute: &str, value: Option<&'a Obj>) -> PyResult<&'a Obj> {
    check_heap(class, attribute)?;
    value.ok_or_else(|| raise!(TypeError, "cannot delete '{attribute}' attribute of type '{}'", class.name()))
}

/// `type.__getattribute__` without its error.
pub fn type_getattr(class: &Type, attribute: &Object<Str>) -> PyResult<Option<Obj>> {
    let metaclass = class.class();
    let meta = lookup_raw(metaclass, attribute);
    // SAFETY: the namespace holds the value.
    let meta = (!meta.is_null()).then(|| unsafe { Obj::from_borrowed(meta) });
    if let Some(meta) = &meta {
        let slots = meta.class().slots();
        if let Some(get) = slots.descr_get
            && slots.descr_set.is_some()
        {
            return get(meta, Some(&class.as_obj()), Some(metaclass)).map(Some);
        }
    }
    let own = lookup_raw(class, attribute);
    if !own.is_null() {
        // SAFETY: the namespace holds the value.
        let own = unsafe { Obj::from_borrowed(own) };
        return match own.class().slots().descr_get {
            Some(get) => get(&own, None, Some(class)).map(Some),
            None => Ok(Some(own)),
        };
    }
    match meta {
        Some(meta) => match meta.class().slots().descr_get {
            Some(get) => get(&meta, Some(&class.as_obj()), Some(metaclass)).map(Some),
            None => Ok(Some(meta)),
        },
        None => Ok(None),
    }
}

fn set_type_attribute(class: &Type, attribute: &Object<Str>, value: Option<&Obj>) -> PyResult<()> {
    if class.has_flag(flags::IMMUTABLE) {
        return Err(raise!(
            TypeError,
            "cannot set '{}' attribute of immutable type '{}'",
            attribute.to_string_lossy(),
            super::object::repr_name(class)
        ));
    }
    let meta = lookup_raw(class.class(), attribute);
    if !meta.is_null() {
        // SAFETY: the namespace holds the value.
        let meta = unsafe { Obj::from_borrowed(meta) };
        if let Some(set) = meta.class().slots().descr_set {
            return set(&meta, &class.as_obj(), value);
        }
    }
    let interned = Str::intern_ptr(attribute.to_ptr());
    if build::set_class_attribute(class, &interned, value)? {
        return Ok(());
    }
    let text = format!("type object '{}' has no attribute '{}'", class.name(), attribute.to_string_lossy());
    Err(raise_attribute_error(&text, &class.as_obj(), attribute))
}

static DICT_DEF: GetSetDef = GetSetDef {
    name: "__dict__",
    doc: "dictionary for instance variables",
    get: |this| match shape::instance_dict(this)? {
        Some(dict) => Ok(dict.into_obj()),
        None => Err(raise!(AttributeError, "This object has no __dict__")),
    },
    set: Some(set_dict_attribute),
};

static WEAKREF_DEF: GetSetDef = GetSetDef {
    name: "__weakref__",
    doc: "list of weak references to the object",
    get: |this| Ok(crate::heap::weakref::references_to(this).into_iter().next().unwrap_or_else(none)),
    set: None,
};

/// Assignment to `obj.__dict__`.
pub fn set_dict_attribute(this: &Obj, value: Option<&Obj>) -> PyResult<()> {
    let Some(value) = value else {
        shape::set_instance_dict(this, Some(&Dict::new()))?;
        return Ok(());
    };
    let Some(dict) = value.downcast::<Dict>() else {
        return Err(raise!(TypeError, "__dict__ must be set to a dictionary, not a '{}'", value.class().name()));
    };
    if !shape::set_instance_dict(this, Some(dict))? {
        return Err(raise!(AttributeError, "This object has no __dict__"));
    }
    Ok(())
}

/// The `__dict__` entry of a class body.
pub fn dict_descriptor(class: &Type) -> Obj {
    GetSetDescriptor::new(&DICT_DEF, class).into_obj()
}

/// The `__weakref__` entry of a class body.
pub fn weakref_descriptor(class: &Type) -> Obj {
    GetSetDescriptor::new(&WEAKREF_DEF, class).into_obj()
}

/// True if calling `class` may take the short way: `type.__call__` unchanged.
pub fn has_standard_call(class: &Type) -> bool {
    let own = class.class().slots().call.map(|f| f as usize);
    own == TYPE.get().slots().call.map(|f| f as usize)
}
