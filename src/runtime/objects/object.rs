//! `object`, the root of all classes.

use crate::call::{self, Args};
use crate::class::ClassDef;
use crate::errors::PyResult;
use crate::heap;
use crate::object::{Obj, Object, Ptr, PyClass};
use crate::objects::dict::Dict;
use crate::objects::list::List;
use crate::objects::singletons::{bool_obj, none, not_implemented};
use crate::objects::str::Str;
use crate::objects::tuple::Tuple;
use crate::objects::{builtin_function::BuiltinFunction, int};
use crate::protocols::{attr, compare, text, truth};
use crate::types::slots::CompareOp;
use crate::types::{NativeLayout, StaticType, Type, as_type, flags, lookup, shape};
use crate::{name, raise};
use pyrs_macros::pymethods;

/// Payload of instances that have no native part.
pub struct PlainObject;

static OBJECT: StaticType = StaticType::new();

/// The class `object`.
#[inline(always)]
pub fn object_class() -> &'static Type {
    OBJECT.get()
}

// SAFETY: OBJECT is readied with this payload's layout.
unsafe impl PyClass for PlainObject {
    #[inline(always)]
    fn class() -> &'static Type {
        OBJECT.get()
    }
}

impl PlainObject {
    /// The definition that the class object is made from.
    pub fn def() -> &'static ClassDef {
        static DEF: ClassDef = ClassDef {
            name: "object",
            module: "builtins",
            doc: "The base class of the class hierarchy.\n\nWhen called, it accepts no arguments and returns a new featureless\ninstance that has no instance attributes and cannot be given any.\n",
            class: &OBJECT,
            base: object_class,
            flags: flags::BASETYPE,
            basicsize: 16,
            itemsize: 0,
            has_dict: false,
            has_weaklist: false,
            layout: NativeLayout::EMPTY,
            parts: &[&PlainObject::PART],
            unhashable: false,
        };
        &DEF
    }
}

fn function_address<T>(f: Option<T>) -> usize
where
    T: crate::types::slots::SlotSignature,
{
    f.map_or(0, |f| f.wrap().address())
}

/// True if `__init__` is `object`'s and accepts everything, because `__new__` is another class's.
#[inline]
pub fn has_idle_init(class: &Type) -> bool {
    let (own, object) = (class.slots(), object_class().slots());
    own.init.map(|f| f as usize) == object.init.map(|f| f as usize)
        && own.new.map(|f| f as usize) != object.new.map(|f| f as usize)
}

/// True if calling the class only makes a plain instance and runs `__init__`: `__new__` is `object`'s, and nothing
/// abstract is in the way.
pub fn is_plain_constructor(class: &Type) -> bool {
    class.is_heap_type() && !overrides(class).0 && !class.has_flag(flags::IS_ABSTRACT)
}

/// A new instance of a class for which [`is_plain_constructor`] holds, as an owned word.
#[inline]
pub fn new_plain_instance(class: &Type) -> crate::value::Value {
    heap::new_instance(class, PlainObject).into_obj().into_value()
}

/// True if a class takes `__new__` (or `__init__`) from `object`.
fn overrides(class: &Type) -> (bool, bool) {
    let object = object_class().slots();
    let new = function_address(class.slots().new) != function_address(object.new);
    let init = function_address(class.slots().init) != function_address(object.init);
    (new, init)
}

#[pymethods]
impl PlainObject {
    #[new(text_signature = "()")]
    fn new(class: &Type, args: Args<'_>) -> PyResult<Obj> {
        if !args.is_empty() {
            let (new, init) = overrides(class);
            if new {
                return Err(raise!(TypeError, "object.__new__() takes exactly one argument (the type to instantiate)"));
            }
            if !init {
                return Err(raise!(TypeError, "{}() takes no arguments", class.name()));
            }
        }
        if class.has_flag(flags::IS_ABSTRACT) {
            return Err(abstract_error(class));
        }
        Ok(heap::new_instance(class, PlainObject).into_obj())
    }

    #[slot(init)]
    fn init(this: &Obj, args: Args<'_>) -> PyResult<()> {
        if !args.is_empty() {
            let (new, init) = overrides(this.class());
            if init {
                return Err(raise!(
                    TypeError,
                    "object.__init__() takes exactly one argument (the instance to initialize)"
                ));
            }
            if !new {
                return Err(raise!(
                    TypeError,
                    "{}.__init__() takes exactly one argument (the instance to initialize)",
                    this.class().name()
                ));
            }
        }
        Ok(())
    }

    #[slot(repr)]
    fn repr(this: &Obj) -> PyResult<Obj> {
        Ok(Str::new(&format!("<{} object at {:#x}>", repr_name(this.class()), this.id())).into_obj())
    }

    #[slot(str)]
    fn str(this: &Obj) -> PyResult<Obj> {
        text::repr(this).map(Ptr::into_obj)
    }

    #[slot(hash)]
    fn hash(this: &Obj) -> PyResult<i64> {
        compare::identity_hash(this)
    }

    #[slot(richcompare)]
    fn compare(a: &Obj, b: &Obj, op: CompareOp) -> PyResult<Obj> {
        match op {
            CompareOp::Eq if a.is(b) => Ok(bool_obj(true)),
            CompareOp::Ne => {
                let f = a.class().slots().richcompare.unwrap_or(PlainObject::compare);
                let result = f(a, b, CompareOp::Eq)?;
                if result.is(&not_implemented()) { Ok(result) } else { Ok(bool_obj(!truth::is_true(&result)?)) }
            }
            _ => Ok(not_implemented()),
        }
    }

    #[slot(getattro)]
    fn getattro(this: &Obj, attribute: &Object<Str>) -> PyResult<Obj> {
        attr::generic_getattr(this, attribute)
    }

    #[slot(setattro)]
    fn setattro(this: &Obj, attribute: &Object<Str>, value: Option<&Obj>) -> PyResult<()> {
        attr::generic_setattr(this, attribute, value)
    }

    /// the object's class
    #[getter(name = "__class__")]
    fn class(this: &Obj) -> Obj {
        this.class().to_obj()
    }

    #[setter(name = "__class__")]
    fn set_class(this: &Obj, value: Option<&Obj>) -> PyResult<()> {
        set_class(this, value)
    }

    /// Helper for pickle.
    #[pymethod(name = "__reduce__")]
    fn reduce(this: &Obj) -> PyResult<Obj> {
        common_reduce(this, 0)
    }

    /// Helper for pickle.
    #[pymethod(name = "__reduce_ex__")]
    fn reduce_ex(this: &Obj, protocol: i32) -> PyResult<Obj> {
        let own = attr::getattr(&this.class().as_obj(), name!("__reduce__"))?;
        let standard = object_class().dict().get_str(name!("__reduce__"))?;
        if standard.is_some_and(|s| !s.is(&own)) {
            return call::call_method(this, "__reduce__", &[]);
        }
        common_reduce(this, protocol)
    }

    /// Helper for pickle.
    #[pymethod(name = "__getstate__")]
    fn getstate(this: &Obj) -> PyResult<Obj> {
        object_state(this, false)
    }

    /// Default object formatter.
    ///
    /// Return str(self) if format_spec is empty. Raise TypeError otherwise.
    #[pymethod(name = "__format__")]
    fn format(this: &Obj, format_spec: &Object<Str>) -> PyResult<Obj> {
        if !format_spec.is_empty() {
            return Err(raise!(TypeError, "unsupported format string passed to {}.__format__", this.class().name()));
        }
        text::str(this).map(Ptr::into_obj)
    }

    /// Size of object in memory, in bytes.
    #[pymethod(name = "__sizeof__")]
    fn sizeof(this: &Obj) -> usize {
        if !this.value().is_pointer_or_null() {
            return 24;
        }
        // SAFETY: a live heap object.
        unsafe { heap::object_size(this.value().as_pointer(), this.class()) }
    }

    /// Default dir() implementation.
    #[pymethod(name = "__dir__")]
    fn dir(this: &Obj) -> PyResult<Obj> {
        let names = Dict::new();
        if let Some(dict) = attr::getattr_optional(this, name!("__dict__"))?
            && let Some(dict) = dict.downcast::<Dict>()
        {
            names.update_from(dict)?;
        }
        if let Some(class) = attr::getattr_optional(this, name!("__class__"))? {
            merge_class_names(&names, &class)?;
        }
        Ok(List::from_vec(names.keys()).into_obj())
    }

    /// This method is called when a class is subclassed.
    ///
    /// The default implementation does nothing. It may be
    /// overridden to extend subclasses.
    #[classmethod(name = "__init_subclass__", sig = "()")]
    fn init_subclass(cls: &Type) -> PyResult<()> {
        let _ = cls;
        Ok(())
    }

    /// Abstract classes can override this to customize issubclass().
    ///
    /// This is invoked early on by abc.ABCMeta.__subclasscheck__().
    /// It should return True, False or NotImplemented.  If it returns
    /// NotImplemented, the normal algorithm is used.  Otherwise, it
    /// overrides the normal algorithm (and the outcome is cached).
    #[classmethod(name = "__subclasshook__", sig = "(object, /)")]
    fn subclasshook(cls: &Type, _subclass: &Obj) -> Obj {
        let _ = cls;
        not_implemented()
    }
}

/// Names of a class and its bases, for `dir()`.
pub fn merge_class_names(names: &Object<Dict>, class: &Obj) -> PyResult<()> {
    if let Some(dict) = attr::getattr_optional(class, name!("__dict__"))? {
        let keys = crate::protocols::iter::collect(&dict)?;
        for key in keys {
            names.set(key, none())?;
        }
    }
    if let Some(bases) = attr::getattr_optional(class, name!("__bases__"))?
        && let Some(bases) = bases.downcast::<Tuple>()
    {
        for base in bases.to_ptr().items() {
            merge_class_names(names, base)?;
        }
    }
    Ok(())
}

/// `module.qualname`, as reprs of instances show it.
pub fn repr_name(class: &Type) -> String {
    match crate::types::build::module_name(class) {
        Some(m) if m != "builtins" => format!("{m}.{}", class.qualname_text()),
        _ => class.qualname_text(),
    }
}

fn abstract_error(class: &Type) -> crate::errors::Raised {
    let names = class.dict().get_text("__abstractmethods__").and_then(|m| crate::protocols::iter::collect(&m).ok());
    let mut names: Vec<String> =
        names.unwrap_or_default().iter().filter_map(|n| n.downcast::<Str>().map(|s| s.to_string_lossy())).collect();
    names.sort();
    let plural = if names.len() == 1 { "" } else { "s" };
    let list = names.iter().map(|n| format!("'{n}'")).collect::<Vec<_>>().join(", ");
    raise!(
        TypeError,
        "Can't instantiate abstract class {} without an implementation for abstract method{plural} {list}",
        class.name()
    )
}

fn set_class(this: &Obj, value: Option<&Obj>) -> PyResult<()> {
    let Some(value) = value else { return Err(raise!(TypeError, "can't delete __class__ attribute")) };
    let Some(class) = as_type(value) else {
        return Err(raise!(TypeError, "__class__ must be set to a class, not '{}' object", value.class().name()));
    };
    let old = this.class();
    let module_like = crate::objects::module::Module::class();
    let both_modules = old.is_subclass(module_like) && class.is_subclass(module_like);
    if !both_modules && (!class.is_heap_type() || !old.is_heap_type()) {
        return Err(raise!(
            TypeError,
            "__class__ assignment only supported for mutable types or ModuleType subclasses"
        ));
    }
    if !same_layout(old, class) {
        return Err(raise!(
            TypeError,
            "__class__ assignment: '{}' object layout differs from '{}'",
            class.name(),
            old.name()
        ));
    }
    shape::change_class(this, class)
}

fn same_layout(a: &Type, b: &Type) -> bool {
    let slot_offsets = |class: &Type| {
        let mut offsets = Vec::new();
        class.for_each_slot_offset(&mut |o| offsets.push(o));
        offsets.sort_unstable();
        offsets
    };
    let native = |class: &Type| {
        let mut c = class;
        while c.is_heap_type() {
            c = c.base().expect("heap classes have a base");
        }
        c.value()
    };
    a.basicsize() == b.basicsize()
        && a.itemsize() == b.itemsize()
        && a.dict_offset() == b.dict_offset()
        && a.weaklist_offset() == b.weaklist_offset()
        && native(a) == native(b)
        && slot_offsets(a) == slot_offsets(b)
}

/// The state that `__getstate__` gives: the attributes, with `__slots__` apart.
pub fn object_state(this: &Obj, required: bool) -> PyResult<Obj> {
    let class = this.class();
    if required && class.itemsize() != 0 {
        return Err(raise!(TypeError, "cannot pickle '{}' object", class.name()));
    }
    let state = match attr::getattr_optional(this, name!("__dict__"))? {
        Some(dict) => match dict.downcast::<Dict>() {
            Some(d) if d.is_empty() => none(),
            _ => dict,
        },
        None => none(),
    };
    let copyreg = (crate::hooks::hooks().import_module)("copyreg")?;
    let slot_names = call::call_method(&copyreg, "_slotnames", &[class.to_obj()])?;
    if slot_names.is_none() {
        return Ok(state);
    }
    let slots = Dict::new();
    for slot in crate::protocols::iter::collect(&slot_names)? {
        if let Some(slot_name) = slot.downcast::<Str>()
            && let Some(value) = attr::getattr_optional(this, slot_name)?
        {
            slots.set(slot.clone(), value)?;
        }
    }
    if slots.is_empty() {
        return Ok(state);
    }
    Ok(Tuple::from_vec(vec![state, slots.into_obj()]).into_obj())
}

fn common_reduce(this: &Obj, protocol: i32) -> PyResult<Obj> {
    let copyreg = (crate::hooks::hooks().import_module)("copyreg")?;
    if protocol < 2 {
        return call::call_method(&copyreg, "_reduce_ex", &[this.clone(), int::new(protocol as i64)]);
    }
    reduce_newobj(this, &copyreg)
}

/// The arguments that `__getnewargs_ex__` or `__getnewargs__` give.
fn new_arguments(this: &Obj) -> PyResult<(Option<Obj>, Option<Obj>)> {
    if let Some(getter) = crate::types::lookup_special(this, name!("__getnewargs_ex__"))? {
        let pair = call::call(&getter, &[])?;
        let Some(pair) = pair.downcast::<Tuple>() else {
            return Err(raise!(TypeError, "__getnewargs_ex__ should return a tuple, not '{}'", pair.class().name()));
        };
        if pair.len() != 2 {
            return Err(raise!(ValueError, "__getnewargs_ex__ should return a tuple of length 2, not {}", pair.len()));
        }
        if pair.items()[0].downcast::<Tuple>().is_none() {
            return Err(raise!(
                TypeError,
                "first item of the tuple returned by __getnewargs_ex__ must be a tuple, not '{}'",
                pair.items()[0].class().name()
            ));
        }
        if pair.items()[1].downcast::<Dict>().is_none() {
            return Err(raise!(
                TypeError,
                "second item of the tuple returned by __getnewargs_ex__ must be a dict, not '{}'",
                pair.items()[1].class().name()
            ));
        }
        return Ok((Some(pair.items()[0].clone()), Some(pair.items()[1].clone())));
    }
    if let Some(getter) = crate::types::lookup_special(this, name!("__getnewargs__"))? {
        let args = call::call(&getter, &[])?;
        if args.downcast::<Tuple>().is_none() {
            return Err(raise!(TypeError, "__getnewargs__ should return a tuple, not '{}'", args.class().name()));
        }
        return Ok((Some(args), None));
    }
    Ok((None, None))
}

fn reduce_newobj(this: &Obj, copyreg: &Obj) -> PyResult<Obj> {
    let class = this.class();
    if class.slots().new.is_none() {
        return Err(raise!(TypeError, "cannot pickle '{}' object", repr_name(class)));
    }
    let (args, kwargs) = new_arguments(this)?;
    let has_args = args.is_some();
    let has_kwargs = kwargs.as_ref().is_some_and(|k| k.downcast::<Dict>().is_some_and(|d| !d.is_empty()));
    let (constructor, constructor_args) = if has_kwargs {
        let f = attr::getattr(copyreg, name!("__newobj_ex__"))?;
        let args = vec![class.to_obj(), args.expect("with kwargs"), kwargs.expect("checked")];
        (f, Tuple::from_vec(args))
    } else {
        let f = attr::getattr(copyreg, name!("__newobj__"))?;
        let mut all = vec![class.to_obj()];
        if let Some(args) = &args {
            all.extend_from_slice(args.downcast::<Tuple>().expect("checked").items());
        }
        (f, Tuple::from_vec(all))
    };
    let is_list = this.downcast::<List>().is_some();
    let is_dict = this.downcast::<Dict>().is_some();
    let required = !has_args && !is_list && !is_dict;
    let state = object_state_for_pickle(this, required)?;
    let list_items = if is_list { crate::protocols::iter::iter(this)? } else { none() };
    let dict_items =
        if is_dict { crate::protocols::iter::iter(&call::call_method(this, "items", &[])?)? } else { none() };
    Ok(Tuple::from_vec(vec![constructor, constructor_args.into_obj(), state, list_items, dict_items]).into_obj())
}

fn object_state_for_pickle(this: &Obj, required: bool) -> PyResult<Obj> {
    let getter = attr::getattr(this, name!("__getstate__"))?;
    let standard = getter
        .exact::<BuiltinFunction>()
        .is_some_and(|f| f.this.as_ref().is_some_and(|t| t.is(this)) && std::ptr::eq(f.def, standard_getstate()));
    if standard {
        check_picklable(this, required)?;
        return object_state(this, false);
    }
    call::call(&getter, &[])
}

fn standard_getstate() -> *const crate::class::MethodDef {
    let found = lookup(object_class(), name!("__getstate__"));
    found
        .and_then(|f| f.exact::<crate::objects::builtin_function::MethodDescriptor>().map(|d| d.def as *const _))
        .unwrap_or(std::ptr::null())
}

/// Native state that nobody saves makes an object unpicklable.
fn check_picklable(this: &Obj, required: bool) -> PyResult<()> {
    if !required {
        return Ok(());
    }
    let class = this.class();
    let mut native = class;
    while native.is_heap_type() {
        native = native.base().expect("heap classes have a base");
    }
    let plain = native.payload_end() == object_class().payload_end() && native.itemsize() == 0;
    if plain { Ok(()) } else { Err(raise!(TypeError, "cannot pickle '{}' object", repr_name(class))) }
}
