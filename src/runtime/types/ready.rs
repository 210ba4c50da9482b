//! Fills native classes from their definitions.
//!
//! Two passes, because class namespaces are dicts and method names are strings: [`prepare`] sets sizes and
//! flags, so that instances can be made; [`ready`] fills slots, namespace and method resolution order.

use super::slots::{Kind, SLOT_DEFS, SlotId};
use super::{Type, TypeData, flags, lookup};
use crate::class::{Binding, ClassDef};
use crate::object::{Obj, Object, PyClass};
use crate::objects::dict::Dict;
use crate::objects::function::{
    BuiltinFunction, ClassMethodDescriptor, GetSetDescriptor, MethodDescriptor, StaticMethod,
};
use crate::objects::singletons::none;
use crate::objects::str::Str;
use crate::objects::tuple::Tuple;
use crate::raise;
use crate::types::slot_wrapper::SlotWrapper;

/// Sizes and flags. Bases come before subclasses.
pub fn prepare(def: &'static ClassDef) {
    let class = def.class.get();
    if class.def.get().is_some() {
        return;
    }
    class.set_name(match def.module {
        "builtins" => def.name.into(),
        module => format!("{module}.{}", def.name).into(),
    });
    class.set_native_module(def.module);
    class.def.set(Some(def));
    class.layout.set(def.layout);
    class.flags.set(def.flags | flags::IMMUTABLE);
    let is_object = std::ptr::eq(class, crate::objects::object::object_class());
    let base = if is_object { None } else { Some((def.base)()) };
    let (mut has_dict, mut has_weaklist) = (def.has_dict, def.has_weaklist);
    if let Some(base) = base {
        class.base.set(base);
        class.add_flags(base.flags.get() & flags::INHERITED);
        has_dict |= base.dict_offset() != 0;
        has_weaklist |= base.weaklist_offset() != 0;
        if class.itemsize() == 0 {
            class.itemsize.set(base.itemsize.get());
        }
    }
    if def.itemsize != 0 {
        class.itemsize.set(def.itemsize as u32);
    }
    let mut size = (def.basicsize.max(base.map_or(0, Type::payload_end)) + 7) & !7;
    class.payload_size.set(size as u32);
    class.var_base.set(size as u32);
    if has_dict {
        class.dict_offset.set(size as u32);
        size += 16;
    }
    if has_weaklist {
        class.weaklist_offset.set(size as u32);
        size += 8;
    }
    if has_dict || has_weaklist {
        class.add_flags(flags::MANAGED);
    }
    if has_weaklist && !has_dict && class.itemsize() == 0 {
        class.add_flags(flags::WEAK_WORD_ALONE);
    }
    class.basicsize.set(size as u32);
}

/// Slots, namespace, MRO.
pub fn ready(def: &'static ClassDef) {
    prepare(def);
    let class = def.class.get();
    if class.has_flag(flags::READY) {
        return;
    }
    class.update_slots(|slots| {
        for part in def.parts {
            (part.set_slots)(slots);
        }
    });
    let dict = Dict::with_capacity(16);
    class.dict.put(dict.to_obj());
    add_slot_wrappers(class, &dict);
    for part in def.parts {
        add_members(class, &dict, part);
    }
    let own_new = class.slots().new.is_some();
    finish_slots(class, def, &dict);
    set_mro(class);
    if own_new && !class.has_flag(flags::DISALLOW_INSTANTIATION) && !class.has_flag(flags::PLAIN_NEW) {
        let new = BuiltinFunction::native_constructor(class);
        set(&dict, "__new__", new);
    }
    // An inherited constructor makes the payload of the base, no larger one.
    let foreign_payload = !own_new && class.base().is_some_and(|b| b.payload_size.get() != class.payload_size.get());
    if class.has_flag(flags::DISALLOW_INSTANTIATION) || foreign_payload {
        class.update_slots(|slots| slots.new = None);
    }
    let doc = if def.doc.is_empty() { none() } else { Str::new(def.doc).into_obj() };
    if dict.get_text("__doc__").is_none() {
        set(&dict, "__doc__", doc);
    }
    if def.module != "builtins" {
        set(&dict, "__module__", Str::intern(def.module).into_obj());
    }
    class.add_flags(flags::READY);
    if let Some(base) = class.base() {
        base.subclasses.with(|list| list.push(class));
    }
}

fn set(dict: &Object<Dict>, key: &str, value: Obj) {
    if dict.get_text(key).is_none() {
        dict.set_text(key, value);
    }
}

/// Methods such as `__len__` for the slots that the class defines itself.
fn add_slot_wrappers(class: &'static Type, dict: &Object<Dict>) {
    for def in SLOT_DEFS {
        // Constructors are shown as `__new__`; finalisers and `__getattr__` hooks have no wrapper.
        if def.signature.is_empty() || matches!(def.slot, SlotId::New) {
            continue;
        }
        if let Some(f) = class.slots().get(def.slot) {
            if matches!(def.kind, Kind::Hash) && class.native_def().is_some_and(|d| d.unhashable) {
                continue;
            }
            set(dict, def.name, SlotWrapper::new(def, f, class).into_obj());
        }
    }
}

fn add_members(class: &'static Type, dict: &Object<Dict>, part: &'static crate::class::ClassPart) {
    for method in part.methods {
        let value = match method.binding {
            Binding::Method => MethodDescriptor::new(method, class).into_obj(),
            Binding::Class => ClassMethodDescriptor::new(method, class).into_obj(),
            Binding::Static => {
                let function = BuiltinFunction::new(method, Some(class.to_obj()), None);
                StaticMethod::new(function.into_obj()).into_obj()
            }
        };
        dict.set_text(method.name, value);
    }
    for getset in part.getset {
        dict.set_text(getset.name, GetSetDescriptor::new(getset, class).into_obj());
    }
}

fn finish_slots(class: &'static Type, def: &'static ClassDef, dict: &Object<Dict>) {
    if def.unhashable {
        class.update_slots(|slots| slots.hash = Some(crate::protocols::compare::unhashable));
        dict.set_text("__hash__", none());
    } else if class.slots().richcompare.is_some() && class.slots().hash.is_none() {
        class.update_slots(|slots| slots.hash = Some(crate::protocols::compare::unhashable));
        dict.set_text("__hash__", none());
    }
    if let Some(base) = class.base() {
        let base_slots = *base.slots();
        class.update_slots(|slots| slots.inherit(&base_slots));
        class.bases.put(Tuple::from_vec(vec![base.to_obj()]).into_obj());
    } else {
        class.bases.put(Tuple::empty().into_obj());
    }
}

fn set_mro(class: &'static Type) {
    let mut mro = vec![class.to_obj()];
    if let Some(base) = class.base() {
        mro.extend(base.mro().iter().cloned());
    }
    class.mro.put(Tuple::from_vec(mro).into_obj());
    lookup::modified(class);
}

impl Type {
    /// Where the native payload ends, rounded up.
    pub fn payload_end(&self) -> usize {
        self.payload_size.get() as usize
    }

    /// Constructor of the nearest native class, for subclasses that call it.
    pub fn call_native_new(&self, args: crate::call::Args<'_>) -> crate::errors::PyResult<Obj> {
        match self.slots().new {
            Some(new) => new(self, args),
            None => Err(raise!(TypeError, "cannot create '{}' instances", self.name())),
        }
    }
}

/// The definition of `type`.
pub fn type_layout() -> super::NativeLayout {
    super::NativeLayout { drop_payload: super::drop_type, trace: super::trace_type, clear: super::clear_type }
}

/// Everything must be an instance of `type`.
pub fn is_class(obj: &Obj) -> bool {
    obj.class().is_native_subclass(TypeData::class())
}
