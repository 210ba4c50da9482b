//! Attribute access: the standard algorithm and its entry points.

use crate::errors::{PyResult, raise_attribute_error, unless_raised};
use crate::object::{Obj, Object, Ptr, PyClass};
use crate::objects::exceptions::AttributeError;
use crate::objects::str::Str;
use crate::raise;
use crate::types::{Type, flags, lookup_raw, shape, slot_functions};

/// Python's `obj.name`.
#[inline]
pub fn getattr(obj: &Obj, name: &Object<Str>) -> PyResult<Obj> {
    match obj.class().slots().getattro {
        Some(f) => f(obj, name),
        None => Err(no_attribute(obj, name)),
    }
}

/// By Rust text.
pub fn getattr_text(obj: &Obj, name: &str) -> PyResult<Obj> {
    getattr(obj, &Str::intern(name))
}

/// `None` instead of AttributeError.
pub fn getattr_optional(obj: &Obj, name: &Object<Str>) -> PyResult<Option<Obj>> {
    if slot_functions::uses_generic_getattr(obj.class()) {
        // A descriptor may be there and still have nothing to give.
        return match generic_getattr_optional(obj, name) {
            Err(raised) if raised.matches(AttributeError::class()) => {
                raised.discard();
                Ok(None)
            }
            found => found,
        };
    }
    unless_raised(getattr(obj, name), AttributeError::class())
}

/// Python's `obj.name = value`, or `del obj.name`.
#[inline]
pub fn setattr(obj: &Obj, name: &Object<Str>, value: Option<&Obj>) -> PyResult<()> {
    match obj.class().slots().setattro {
        Some(f) => f(obj, name, value),
        None => Err(raise!(TypeError, "'{}' object has no attributes", obj.class().name())),
    }
}

pub fn setattr_text(obj: &Obj, name: &str, value: &Obj) -> PyResult<()> {
    setattr(obj, &Str::intern(name), Some(value))
}

/// `object.__getattribute__`: data descriptor, instance attribute, other class attribute.
pub fn generic_getattr(obj: &Obj, name: &Object<Str>) -> PyResult<Obj> {
    match generic_getattr_optional(obj, name)? {
        Some(found) => Ok(found),
        None => Err(no_attribute(obj, name)),
    }
}

#[cold]
fn no_attribute(obj: &Obj, name: &Object<Str>) -> crate::errors::Raised {
    let text = format!("'{}' object has no attribute '{}'", obj.class().name(), name.to_string_lossy());
    raise_attribute_error(&text, obj, name)
}

pub fn generic_getattr_optional(obj: &Obj, name: &Object<Str>) -> PyResult<Option<Obj>> {
    let class = obj.class();
    let found = lookup_raw(class, name);
    if found.is_null() {
        return shape::get_attribute(obj, name);
    }
    // SAFETY: the class namespace holds the value; the new reference keeps it through the calls below.
    let found = unsafe { Obj::from_borrowed(found) };
    let slots = found.class().slots();
    if let Some(get) = slots.descr_get
        && slots.descr_set.is_some()
    {
        return get(&found, Some(obj), Some(class)).map(Some);
    }
    if let Some(own) = shape::get_attribute(obj, name)? {
        return Ok(Some(own));
    }
    match slots.descr_get {
        Some(get) => get(&found, Some(obj), Some(class)).map(Some),
        None => Ok(Some(found)),
    }
}

/// `object.__setattr__` and `__delattr__`.
pub fn generic_setattr(obj: &Obj, name: &Object<Str>, value: Option<&Obj>) -> PyResult<()> {
    let class = obj.class();
    let found = lookup_raw(class, name);
    if !found.is_null() {
        // SAFETY: the class namespace holds the value.
        let found = unsafe { Obj::from_borrowed(found) };
        if let Some(set) = found.class().slots().descr_set {
            return set(&found, obj, value);
        }
        if class.dict_offset() == 0 {
            return Err(raise_attribute_error(
                &format!("'{}' object attribute '{}' is read-only", class.name(), name.to_string_lossy()),
                obj,
                name,
            ));
        }
    }
    if class.dict_offset() == 0 {
        let hint = if class.has_flag(flags::HEAPTYPE) || value.is_some() {
            format!(
                "'{}' object has no attribute '{}' and no __dict__ for setting new attributes",
                class.name(),
                name.to_string_lossy()
            )
        } else {
            format!("'{}' object has no attribute '{}'", class.name(), name.to_string_lossy())
        };
        return Err(raise_attribute_error(&hint, obj, name));
    }
    let interned = Str::intern_ptr(name.to_ptr());
    if shape::set_attribute(obj, &interned, value)? { Ok(()) } else { Err(no_attribute(obj, name)) }
}

/// Finds `obj.name` for a call: `(function, true)` if it is a plain function or method descriptor found on
/// the class, to be called with `obj` in front.
#[inline]
pub fn load_method(obj: &Obj, name: &Object<Str>) -> PyResult<(Obj, bool)> {
    let class = obj.class();
    if !slot_functions::uses_generic_getattr(class) {
        return Ok((getattr(obj, name)?, false));
    }
    let found = lookup_raw(class, name);
    if found.is_null() {
        return match shape::get_attribute(obj, name)? {
            Some(own) => Ok((own, false)),
            None => Err(no_attribute(obj, name)),
        };
    }
    // SAFETY: the class namespace holds the value.
    let found = unsafe { Obj::from_borrowed(found) };
    let slots = found.class().slots();
    let is_method = found.class().has_flag(flags::METHOD_DESCRIPTOR);
    if !is_method
        && let Some(get) = slots.descr_get
        && slots.descr_set.is_some()
    {
        return Ok((get(&found, Some(obj), Some(class))?, false));
    }
    if let Some(own) = shape::get_attribute(obj, name)? {
        return Ok((own, false));
    }
    if is_method {
        return Ok((found, true));
    }
    match slots.descr_get {
        Some(get) => Ok((get(&found, Some(obj), Some(class))?, false)),
        None => Ok((found, false)),
    }
}

/// The attribute named by any object, interned as lookups want it: TypeError unless it is a str.
#[inline]
pub fn name_of(obj: &Obj) -> PyResult<Ptr<Str>> {
    match obj.exact::<Str>() {
        Some(text) if text.is_interned() => Ok(text.to_ptr()),
        _ => any_name_of(obj),
    }
}

#[inline(never)]
fn any_name_of(obj: &Obj) -> PyResult<Ptr<Str>> {
    match obj.downcast::<Str>() {
        Some(text) => Ok(text.as_name()),
        None => Err(raise!(TypeError, "attribute name must be string, not '{}'", obj.class().name())),
    }
}

/// `isinstance(obj, cls)` with `__instancecheck__`, tuples and unions.
pub fn is_instance(obj: &Obj, cls: &Obj) -> PyResult<bool> {
    if std::ptr::eq(obj.class().header(), cls.value().as_pointer()) {
        return Ok(true);
    }
    check_class(obj, cls, true)
}

/// `issubclass(derived, cls)` with `__subclasscheck__`, tuples and unions.
pub fn is_subclass(derived: &Obj, cls: &Obj) -> PyResult<bool> {
    check_class(derived, cls, false)
}

fn check_class(obj: &Obj, cls: &Obj, instance: bool) -> PyResult<bool> {
    // `type` itself has the standard check: no need to ask.
    if std::ptr::eq(cls.class(), crate::types::TYPE.get())
        && let Some(class) = crate::types::as_type(cls)
    {
        return if instance { instance_of_class(obj, class) } else { subclass_of(obj, cls) };
    }
    if let Some(tuple) = cls.downcast::<crate::objects::tuple::Tuple>() {
        for item in tuple.items() {
            if crate::thread::with_recursion(" in __instancecheck__", || check_class(obj, item, instance))? {
                return Ok(true);
            }
        }
        return Ok(false);
    }
    let hook = if instance { crate::name!("__instancecheck__") } else { crate::name!("__subclasscheck__") };
    if let Some(result) = crate::call::call_special(cls, hook, std::slice::from_ref(obj))? {
        return crate::protocols::truth::is_true(&result);
    }
    if instance { real_is_instance(obj, cls) } else { subclass_of(obj, cls) }
}

fn instance_of_class(obj: &Obj, class: &Type) -> PyResult<bool> {
    if obj.class().is_subclass(class) {
        return Ok(true);
    }
    // A proxy may claim another class.
    if slot_functions::uses_generic_getattr(obj.class()) {
        let own = lookup_raw(obj.class(), crate::name!("__class__"));
        let standard = lookup_raw(crate::objects::object::object_class(), crate::name!("__class__"));
        if own == standard {
            return Ok(false);
        }
    }
    match getattr_optional(obj, crate::name!("__class__"))? {
        Some(claimed) if !std::ptr::eq(claimed.value().as_pointer(), obj.class().header()) => {
            Ok(crate::types::as_type(&claimed).is_some_and(|c| c.is_subclass(class)))
        }
        _ => Ok(false),
    }
}

/// `type.__instancecheck__`, and the fallback for objects that only look like classes.
pub fn real_is_instance(obj: &Obj, cls: &Obj) -> PyResult<bool> {
    if let Some(class) = crate::types::as_type(cls) {
        return instance_of_class(obj, class);
    }
    if abstract_bases(cls)?.is_none() {
        return Err(raise!(TypeError, "isinstance() arg 2 must be a type, a tuple of types, or a union"));
    }
    match getattr_optional(obj, crate::name!("__class__"))? {
        Some(class) => abstract_subclass(&class, cls),
        None => Ok(false),
    }
}

/// `type.__subclasscheck__`, and the fallback for objects that only look like classes.
pub fn subclass_of(derived: &Obj, cls: &Obj) -> PyResult<bool> {
    if let (Some(a), Some(b)) = (crate::types::as_type(derived), crate::types::as_type(cls)) {
        return Ok(a.is_subclass(b));
    }
    if abstract_bases(derived)?.is_none() {
        return Err(raise!(TypeError, "issubclass() arg 1 must be a class"));
    }
    if abstract_bases(cls)?.is_none() {
        return Err(raise!(TypeError, "issubclass() arg 2 must be a class, a tuple of classes, or a union"));
    }
    abstract_subclass(derived, cls)
}

fn abstract_bases(cls: &Obj) -> PyResult<Option<Obj>> {
    let bases = getattr_optional(cls, crate::name!("__bases__"))?;
    Ok(bases.filter(|b| b.downcast::<crate::objects::tuple::Tuple>().is_some()))
}

fn abstract_subclass(derived: &Obj, cls: &Obj) -> PyResult<bool> {
    if derived.is(cls) {
        return Ok(true);
    }
    let Some(bases) = abstract_bases(derived)? else { return Ok(false) };
    let bases = bases.downcast::<crate::objects::tuple::Tuple>().expect("checked").to_ptr();
    for base in bases.items() {
        if crate::thread::with_recursion(" in __issubclass__", || abstract_subclass(base, cls))? {
            return Ok(true);
        }
    }
    Ok(false)
}
