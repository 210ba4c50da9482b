//! Forms of LOAD_ATTR and STORE_ATTR.

use pyrs_bytecode::Opcode;
use pyrs_macros::handler;
use pyrs_runtime::name;
use pyrs_runtime::object::{Obj, Object, PyClass};
use pyrs_runtime::objects::dict::Dict;
use pyrs_runtime::objects::function::{Function, MemberDescriptor};
use pyrs_runtime::objects::inline_cache::InlineCache;
use pyrs_runtime::objects::module::Module;
use pyrs_runtime::objects::property::Property;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::super_object::Super;
use pyrs_runtime::types::shape::{self, Managed, Shape};
use pyrs_runtime::types::{TYPE, Type, as_type, flags, lookup_raw, slot_functions, version_tag};
use pyrs_runtime::value::Value;

use super::{failed, specialized, specialized_with};
use crate::dispatch::Regs;

type Form = Option<(Opcode, InlineCache)>;

#[handler]
pub unsafe fn load_attr(m: Regs) -> Value {
    match load_form(m.obj(1), m.name(m.oparg >> 1), m.oparg & 1 != 0) {
        Some((opcode, cache)) => specialized_with(m, opcode, cache),
        None => failed(m),
    }
}

#[inline(never)]
fn load_form(owner: &Obj, name: &Object<Str>, for_call: bool) -> Form {
    if let Some(module) = owner.exact::<Module>() {
        return module_form(owner, module, name);
    }
    if let Some(class) = as_type(owner) {
        return class_form(class, name);
    }
    let class = owner.class();
    if !slot_functions::uses_generic_getattr(class) {
        return if for_call { None } else { getattribute_form(class) };
    }
    let version = version_tag(class);
    if version == 0 {
        return None;
    }
    let found = lookup_raw(class, name);
    let cache = InlineCache { version, target: found.0, ..Default::default() };
    if found.is_null() {
        return own_form(owner, class, name, cache);
    }
    // SAFETY: the class holds the value.
    let found = unsafe { found.as_obj() };
    let slots = found.class().slots();
    if slots.descr_get.is_some() && slots.descr_set.is_some() {
        return data_descriptor_form(found, class, cache, for_call);
    }
    if class.dict_offset() != 0 && instance_has(owner, class, name)? {
        return own_form(owner, class, name, cache);
    }
    if found.class().has_flag(flags::METHOD_DESCRIPTOR) {
        if !for_call {
            return None;
        }
        return on_class(owner, class, cache, Opcode::LoadAttrMethodNoDict, Opcode::LoadAttrMethodWithValues);
    }
    if slots.descr_get.is_some() {
        return None;
    }
    on_class(owner, class, cache, Opcode::LoadAttrNondescriptorNoDict, Opcode::LoadAttrNondescriptorWithValues)
}

/// A class whose attributes are all computed by a Python `__getattribute__`.
fn getattribute_form(class: &Type) -> Form {
    let version = version_tag(class);
    if version == 0 || !lookup_raw(class, name!("__getattr__")).is_null() {
        return None;
    }
    let found = lookup_raw(class, name!("__getattribute__"));
    if found.is_null() {
        return None;
    }
    // SAFETY: the class holds the value.
    let function = unsafe { found.as_obj() }.exact::<Function>()?;
    let code = function.code();
    if !code.simple_args || code.argcount != 2 || function.version() == 0 {
        return None;
    }
    let cache = InlineCache { version, version2: function.version(), target: found.0, ..Default::default() };
    Some((Opcode::LoadAttrGetattributeOverridden, cache))
}

/// The managed words of an instance of a class whose instances keep attributes in slots: where they are, and what
/// they hold.
fn managed<'a>(owner: &'a Obj, class: &Type) -> Option<(u32, &'a Managed)> {
    if !class.has_inline_slots() || class.itemsize() != 0 || !owner.value().is_pointer_or_null() {
        return None;
    }
    // SAFETY: such classes have these words at that offset.
    Some((class.dict_offset() as u32, unsafe { shape::managed(owner.value().as_pointer(), class) }))
}

/// Whether the instance itself has the attribute; `None` if that can't be told by its shape.
fn instance_has(owner: &Obj, class: &Type, name: &Object<Str>) -> Option<bool> {
    let (_, managed) = managed(owner, class)?;
    // SAFETY: an instance's shape lives as long as its class.
    let shape = unsafe { &*managed.shape.get() };
    if !shape.in_dict {
        return Some(shape.slot(name).is_some());
    }
    let dict = managed.dict.get();
    if dict.is_null() {
        return Some(false);
    }
    // SAFETY: the word holds a dict.
    Some(!unsafe { dict.as_obj().downcast_unchecked::<Dict>() }.peek_str(name).is_null())
}

/// An attribute of the instance itself.
fn own_form(owner: &Obj, class: &Type, name: &Object<Str>, mut cache: InlineCache) -> Form {
    let (offset, managed) = managed(owner, class)?;
    let shape: *const Shape = managed.shape.get();
    (cache.shape_offset, cache.shape) = (offset, shape);
    // SAFETY: as above.
    unsafe {
        if (*shape).in_dict {
            let dict = managed.dict.get();
            if dict.is_null() {
                return None;
            }
            cache.offset = dict.as_obj().downcast_unchecked::<Dict>().entry_of(name)? as u32;
            return Some((Opcode::LoadAttrWithHint, cache));
        }
        cache.offset = (class.basicsize() + (*shape).slot(name)? * 8) as u32;
    }
    Some((Opcode::LoadAttrInstanceValue, cache))
}

/// An attribute of the class that the instance does not hide.
fn on_class(owner: &Obj, class: &Type, mut cache: InlineCache, no_dict: Opcode, with_values: Opcode) -> Form {
    if class.dict_offset() == 0 {
        return Some((no_dict, cache));
    }
    let (offset, managed) = managed(owner, class)?;
    (cache.shape_offset, cache.shape) = (offset, managed.shape.get());
    // SAFETY: as above. A dictionary may get the name without a change of shape: the handler looks for it.
    if unsafe { (*managed.shape.get()).in_dict } {
        return (with_values == Opcode::LoadAttrMethodWithValues).then_some((Opcode::LoadAttrMethodLazyDict, cache));
    }
    Some((with_values, cache))
}

fn data_descriptor_form(found: &Obj, class: &Type, mut cache: InlineCache, for_call: bool) -> Form {
    if let Some(member) = found.exact::<MemberDescriptor>() {
        if class.itemsize() != 0 || !class.is_subclass(member.owner()) {
            return None;
        }
        cache.offset = member.offset as u32;
        return Some((Opcode::LoadAttrSlot, cache));
    }
    let getter = found.exact::<Property>()?.getter.peek();
    // What is called has a `NULL` behind it, which a getter's return does not leave.
    if getter.is_null() || for_call {
        return None;
    }
    // SAFETY: the property holds its getter.
    let function = unsafe { getter.as_obj() }.exact::<Function>()?;
    let code = function.code();
    if !code.simple_args || code.argcount != 1 || function.version() == 0 {
        return None;
    }
    (cache.target, cache.version2) = (getter.0, function.version());
    Some((Opcode::LoadAttrProperty, cache))
}

fn module_form(owner: &Obj, module: &Object<Module>, name: &Object<Str>) -> Form {
    let class = module.class();
    let found = lookup_raw(class, name);
    // SAFETY: the class holds the value.
    if !found.is_null() && unsafe { found.as_obj() }.class().slots().descr_set.is_some() {
        return None;
    }
    // SAFETY: modules have a dictionary word.
    let managed = unsafe { shape::managed(owner.value().as_pointer(), class) };
    let dict = managed.dict.get();
    if dict.is_null() {
        return None;
    }
    // SAFETY: the word holds a dict.
    let dict = unsafe { dict.as_obj().downcast_unchecked::<Dict>() };
    let version = dict.keys_version();
    let entry = dict.entry_of(name)?;
    if version == 0 || !std::ptr::eq(dict.class(), Dict::class()) {
        return None;
    }
    let offset = (class.dict_offset() + std::mem::offset_of!(Managed, dict)) as u32;
    let target = dict.entry_address(entry) as u64;
    Some((Opcode::LoadAttrModule, InlineCache { version, offset, target, ..Default::default() }))
}

/// An attribute of a class.
fn class_form(class: &Type, name: &Object<Str>) -> Form {
    let metaclass = class.class();
    if !slot_functions::uses_type_getattr(metaclass) {
        return None;
    }
    let (version, version2) = (version_tag(class), version_tag(metaclass));
    if version == 0 || version2 == 0 {
        return None;
    }
    let meta = lookup_raw(metaclass, name);
    // SAFETY: the metaclass holds the value.
    if !meta.is_null() && unsafe { meta.as_obj() }.class().slots().descr_set.is_some() {
        return None;
    }
    let found = lookup_raw(class, name);
    if found.is_null() {
        return None;
    }
    // SAFETY: the class holds the value.
    let descriptor = unsafe { found.as_obj() };
    // A function found on a class is itself; other descriptors compute something.
    if descriptor.class().slots().descr_get.is_some() && descriptor.exact::<Function>().is_none() {
        return None;
    }
    let plain = std::ptr::eq(metaclass, TYPE.get());
    let opcode = if plain { Opcode::LoadAttrClass } else { Opcode::LoadAttrClassWithMetaclassCheck };
    Some((opcode, InlineCache { version, version2, target: found.0, ..Default::default() }))
}

#[handler]
pub unsafe fn store_attr(m: Regs) -> Value {
    match store_form(m.obj(1), m.name(m.oparg)) {
        Some((opcode, cache)) => specialized_with(m, opcode, cache),
        None => failed(m),
    }
}

#[inline(never)]
fn store_form(owner: &Obj, name: &Object<Str>) -> Form {
    let class = owner.class();
    if !slot_functions::uses_generic_setattr(class) {
        return None;
    }
    let version = version_tag(class);
    if version == 0 {
        return None;
    }
    let mut cache = InlineCache { version, ..Default::default() };
    let found = lookup_raw(class, name);
    if !found.is_null() {
        // SAFETY: the class holds the value.
        let found = unsafe { found.as_obj() };
        if found.class().slots().descr_set.is_some() {
            let member = found.exact::<MemberDescriptor>()?;
            if class.itemsize() != 0 || !class.is_subclass(member.owner()) {
                return None;
            }
            cache.offset = member.offset as u32;
            return Some((Opcode::StoreAttrSlot, cache));
        }
    }
    let (offset, managed) = managed(owner, class)?;
    let shape = managed.shape.get();
    (cache.shape_offset, cache.shape) = (offset, shape);
    // SAFETY: shapes live as long as their class.
    unsafe {
        if (*shape).in_dict {
            let dict = managed.dict.get();
            if dict.is_null() {
                return None;
            }
            cache.offset = dict.as_obj().downcast_unchecked::<Dict>().entry_of(name)? as u32;
            return Some((Opcode::StoreAttrWithHint, cache));
        }
        let slot = match (*shape).slot(name) {
            Some(slot) => slot,
            None => {
                let next = shape::transition(class, shape, name)?;
                cache.target = next as u64;
                (*next).names.len() - 1
            }
        };
        cache.offset = (class.basicsize() + slot * 8) as u32;
    }
    Some((Opcode::StoreAttrInstanceValue, cache))
}

#[handler]
pub unsafe fn load_super_attr(m: Regs) -> Value {
    let standard = std::ptr::eq(m.peek(3).as_pointer(), Super::class().header());
    if !standard || as_type(m.obj(2)).is_none() || m.name(m.oparg >> 2).eq_str("__class__") {
        return failed(m);
    }
    specialized(m, if m.oparg & 1 != 0 { Opcode::LoadSuperAttrMethod } else { Opcode::LoadSuperAttrAttr })
}
