//! Making classes at run time: what `class` statements and three-argument `type()` do.

use std::borrow::Cow;

use super::{Type, TypeData, as_type, flags, lookup, slot_functions};
use crate::call::{self, Args};
use crate::errors::PyResult;
use crate::object::{Obj, Object, Ptr};
use crate::objects::dict::Dict;
use crate::objects::function::{BuiltinFunction, ClassMethod, Function, MemberDescriptor, StaticMethod};
use crate::objects::str::Str;
use crate::objects::tuple::Tuple;
use crate::protocols::attr;
use crate::{name, raise};

/// `type.__new__(metaclass, name, bases, namespace, **kwargs)`.
pub fn new_type(
    metaclass: &Type,
    class_name: &Object<Str>,
    bases: &Object<Tuple>,
    namespace: &Object<Dict>,
    args: Args<'_>,
) -> PyResult<Obj> {
    let winner = calculate_metaclass(metaclass, bases)?;
    if !std::ptr::eq(&*winner, metaclass) {
        let other = winner.slots().new.map(|f| f as usize);
        if other != super::TYPE.get().slots().new.map(|f| f as usize) {
            return winner.call_native_new(args);
        }
    }
    let bases = if bases.is_empty() {
        Tuple::from_vec(vec![crate::objects::object::object_class().to_obj()])
    } else {
        bases.to_ptr()
    };
    let base = best_base(&bases)?;
    let dict = copy_in_order(namespace)?;
    let class = allocate(&winner, class_name, &base, &bases)?;
    set_names(&class, class_name, &dict)?;
    let slots = take_slots(&class, &base, &bases, &dict)?;
    add_layout(&class, &base, slots.as_deref(), &bases, &dict)?;
    // After the slots: one of them may be `__doc__`.
    if dict.get_str(name!("__doc__"))?.is_none() {
        dict.set_str(name!("__doc__"), crate::objects::singletons::none())?;
    }
    wrap_special_functions(&dict)?;
    let class_cell = dict.remove_str(name!("__classcell__"))?;
    let class_dict_cell = dict.remove_str(name!("__classdictcell__"))?;
    class.dict.put(dict.to_obj());
    set_hash_of_eq(&dict)?;
    compute_mro(&class)?;
    inherit_flags(&class);
    slot_functions::fill(&class);
    class.add_flags(flags::READY);
    for base in bases.items() {
        if let Some(base) = as_type(base) {
            base.subclasses.with(|list| list.push(&raw const *class));
        }
    }
    if let Some(cell) = class_cell {
        let Some(cell) = cell.exact::<crate::objects::cell::Cell>() else {
            return Err(raise!(
                TypeError,
                "__classcell__ must be a nonlocal cell, not {}",
                cell.class().full_repr_name()
            ));
        };
        cell.set(Some(class.to_obj()));
    }
    if let Some(cell) = class_dict_cell.as_ref().and_then(|c| c.exact::<crate::objects::cell::Cell>()) {
        cell.set(Some(dict.to_obj()));
    }
    call_set_names(&class)?;
    call_init_subclass(&class, args)?;
    Ok(class.into_obj())
}

/// The most derived metaclass of the bases.
pub fn calculate_metaclass(metaclass: &Type, bases: &Object<Tuple>) -> PyResult<Ptr<TypeData>> {
    let mut winner = metaclass;
    for base in bases.items() {
        let candidate = base.class();
        if winner.is_subclass(candidate) {
            continue;
        }
        if candidate.is_subclass(winner) {
            winner = candidate;
            continue;
        }
        return Err(raise!(
            TypeError,
            "metaclass conflict: the metaclass of a derived class must be a (non-strict) subclass of the metaclasses of all its bases"
        ));
    }
    Ok(winner.to_ptr())
}

/// The class whose layout the others' can share: the one that adds most to the instance.
fn best_base(bases: &Object<Tuple>) -> PyResult<Ptr<TypeData>> {
    let mut winner: Option<(&Type, &Type)> = None;
    for base in bases.items() {
        let Some(base) = as_type(base) else {
            return Err(raise!(TypeError, "bases must be types"));
        };
        if !base.has_flag(flags::BASETYPE) {
            return Err(raise!(TypeError, "type '{}' is not an acceptable base type", base.full_name()));
        }
        let solid = solid_base(base);
        match winner {
            None => winner = Some((base, solid)),
            Some((_, current)) if current.is_native_or_layout_subclass(solid) => {}
            Some((_, current)) if solid.is_native_or_layout_subclass(current) => winner = Some((base, solid)),
            Some(_) => return Err(raise!(TypeError, "multiple bases have instance lay-out conflict")),
        }
    }
    Ok(winner.expect("there is at least one base").0.to_ptr())
}

/// The nearest class in the base chain that adds something to the layout of instances.
fn solid_base(class: &Type) -> &Type {
    let mut at = class;
    loop {
        let Some(base) = at.base() else { return at };
        let adds_slots = at.is_heap_type() && at.has_own_slot_words();
        let adds_payload =
            !at.is_heap_type() && at.payload_end() != base.payload_end() || at.itemsize() != base.itemsize();
        if adds_slots || adds_payload {
            return at;
        }
        at = base;
    }
}

impl Type {
    fn is_native_or_layout_subclass(&self, other: &Type) -> bool {
        self.is_native_subclass(other)
    }

    pub(crate) fn has_own_slot_words(&self) -> bool {
        // SAFETY: filled once when the class is made.
        !unsafe { &*self.slot_offsets.get() }.is_empty()
    }

    /// `<class 'x'>`-less full name for messages.
    pub fn full_repr_name(&self) -> String {
        format!("<class '{}'>", self.full_name())
    }
}

fn allocate(metaclass: &Type, class_name: &Object<Str>, base: &Type, bases: &Object<Tuple>) -> PyResult<Ptr<TypeData>> {
    let text = class_name.to_string_checked()?;
    if text.contains('\0') {
        return Err(raise!(ValueError, "type name must not contain null characters"));
    }
    let class: Ptr<TypeData> = Ptr::new_in(metaclass, TypeData::empty());
    class.set_name(Cow::Owned(text));
    class.flags.set(flags::HEAPTYPE | flags::BASETYPE | flags::HAVE_GC);
    class.base.set(base);
    // The pointer owns a reference, released when the class dies.
    std::mem::forget(base.to_ptr());
    class.bases.put(bases.to_obj());
    class.layout.set(base.layout.get());
    class.payload_size.set(base.payload_size.get());
    class.itemsize.set(base.itemsize.get());
    class.var_base.set(base.var_base.get());
    Ok(class)
}

fn set_names(class: &Type, class_name: &Object<Str>, dict: &Object<Dict>) -> PyResult<()> {
    let qualname = match dict.remove_str(name!("__qualname__"))? {
        Some(q) if q.downcast::<Str>().is_some() => q,
        Some(q) => {
            return Err(raise!(TypeError, "type __qualname__ must be a str, not {}", q.class().name()));
        }
        None => class_name.to_obj(),
    };
    class.qualname.put(qualname);
    if dict.get_str(name!("__module__"))?.is_none()
        && let Some(globals) = (crate::hooks::hooks().current_globals)()
        && let Some(globals) = globals.downcast::<Dict>()
        && let Some(module) = globals.get_str(name!("__name__"))?
    {
        dict.set_str(name!("__module__"), module)?;
    }
    Ok(())
}

/// A plain dict of a namespace, in the order that iterating over it gives (OrderedDict has one of its own).
fn copy_in_order(namespace: &Object<Dict>) -> PyResult<Ptr<Dict>> {
    let own_order = |class: &Type| class.slots().iter.map(|f| f as usize);
    if own_order(namespace.class()) == own_order(<Dict as crate::object::PyClass>::class()) {
        return Ok(namespace.copy());
    }
    let dict = Dict::new();
    for key in crate::protocols::iter::collect(&namespace.as_obj())? {
        let value = namespace.get_item(&key)?;
        dict.set(key, value)?;
    }
    Ok(dict)
}

/// The names in `__slots__`; `None` if the class does not define it.
fn take_slots(
    class: &Type,
    base: &Type,
    bases: &Object<Tuple>,
    dict: &Object<Dict>,
) -> PyResult<Option<Vec<Ptr<Str>>>> {
    let Some(slots) = dict.get_str(name!("__slots__"))? else { return Ok(None) };
    let listed =
        if slots.downcast::<Str>().is_some() { vec![slots.clone()] } else { crate::protocols::iter::collect(&slots)? };
    let mut names: Vec<Ptr<Str>> = Vec::new();
    let _ = (class, bases);
    for slot in listed {
        let Some(text) = slot.downcast::<Str>() else {
            return Err(raise!(TypeError, "__slots__ items must be strings, not '{}'", slot.class().name()));
        };
        let plain = text.to_string_lossy();
        if !pyrs_unicode::text::is_identifier(&text.code_points().collect::<Vec<u32>>()) {
            return Err(raise!(TypeError, "__slots__ must be identifiers"));
        }
        if plain == "__dict__" || plain == "__weakref__" {
            let (taken, what) = if plain == "__dict__" {
                (base.dict_offset() != 0, "__dict__ slot disallowed: we already got one")
            } else {
                (base.weaklist_offset() != 0, "__weakref__ slot disallowed: we already got one")
            };
            if taken || names.iter().any(|n| n.eq_str(&plain)) {
                return Err(raise!(TypeError, "{what}"));
            }
            names.push(Str::intern(&plain));
            continue;
        }
        let mangled = Str::intern(&mangle(class.name(), &plain));
        if dict.get_str(&mangled)?.is_some()
            && !matches!(plain.as_str(), "__qualname__" | "__classcell__" | "__classdictcell__")
        {
            return Err(raise!(ValueError, "'{plain}' in __slots__ conflicts with class variable"));
        }
        names.push(mangled);
    }
    // In CPython ints have items, as tuples and bytes do; texts have none.
    let has_items = base.itemsize() != 0 && !base.has_flag(flags::UNICODE_SUBCLASS);
    let has_items = has_items || base.has_flag(flags::LONG_SUBCLASS);
    if has_items && names.iter().any(|n| !n.eq_str("__dict__") && !n.eq_str("__weakref__")) {
        return Err(raise!(TypeError, "nonempty __slots__ not supported for subtype of '{}'", base.name()));
    }
    Ok(Some(names))
}

/// Private names as the compiler mangles them.
pub fn mangle(class_name: &str, attr: &str) -> String {
    let stripped = class_name.trim_start_matches('_');
    if !attr.starts_with("__") || attr.ends_with("__") || attr.contains('.') || stripped.is_empty() {
        return attr.to_owned();
    }
    format!("_{stripped}{attr}")
}

/// Places `__slots__` words and the managed words behind the base's.
fn add_layout(
    class: &Type,
    base: &Type,
    slots: Option<&[Ptr<Str>]>,
    bases: &Object<Tuple>,
    dict: &Object<Dict>,
) -> PyResult<()> {
    let var_sized = base.itemsize() != 0;
    let mut dict_offset = base.dict_offset();
    let mut weaklist_offset = base.weaklist_offset();
    let mut size = base.basicsize();
    let wants = |what: &str| slots.is_none_or(|names| names.iter().any(|n| n.eq_str(what)));
    let other_base_has = |f: fn(&Type) -> usize| bases.items().iter().filter_map(as_type).any(|b| f(b) != 0);
    // Classes have a namespace of their own: their `__dict__` is `type`'s.
    let is_metaclass = base.has_flag(flags::TYPE_SUBCLASS);
    let add_dict = dict_offset == 0 && !is_metaclass && (wants("__dict__") || other_base_has(Type::dict_offset));
    let add_weaklist = weaklist_offset == 0 && (wants("__weakref__") || other_base_has(Type::weaklist_offset));
    let mut names: Vec<&Ptr<Str>> = slots.unwrap_or(&[]).iter().collect();
    names.retain(|n| !n.eq_str("__dict__") && !n.eq_str("__weakref__"));
    names.sort_by_key(|n| n.to_string_lossy());
    let mut offsets = Vec::new();
    // Behind items there is no fixed place: slots are counted there.
    let first = if var_sized { base.slot_word_count() * 8 } else { size };
    for (index, name) in names.into_iter().enumerate() {
        let offset = first + index * 8;
        dict.set_str(name, MemberDescriptor::slot(class, name, offset).into_obj())?;
        offsets.push(offset as u32);
        size += 8;
    }
    if add_dict {
        dict_offset = size;
        size += 16;
    }
    if add_weaklist {
        weaklist_offset = size;
        size += 8;
    }
    if !offsets.is_empty() || base.has_flag(flags::SLOT_WORDS) {
        class.add_flags(flags::SLOT_WORDS);
    }
    // SAFETY: the class is not in use yet.
    unsafe { *class.slot_offsets.get() = offsets };
    class.dict_offset.set(dict_offset as u32);
    class.weaklist_offset.set(weaklist_offset as u32);
    class.basicsize.set(if var_sized { base.basicsize() as u32 } else { size as u32 });
    let inherited_managed = base.flags.get() & (flags::MANAGED | flags::INLINE_SLOTS);
    class.add_flags(inherited_managed);
    if size != base.basicsize() || dict_offset != 0 || weaklist_offset != 0 {
        class.add_flags(flags::MANAGED);
    }
    // Plain instances keep attributes inline; variable-size ones, classes and instances of native classes
    // with a dictionary of their own in it.
    if dict_offset != 0 && !var_sized && base.dict_offset() == 0 && !is_metaclass {
        class.add_flags(flags::INLINE_SLOTS);
    }
    if add_dict && dict.get_str(name!("__dict__"))?.is_none() {
        dict.set_str(name!("__dict__"), crate::objects::type_object::dict_descriptor(class))?;
    }
    if add_weaklist && dict.get_str(name!("__weakref__"))?.is_none() {
        dict.set_str(name!("__weakref__"), crate::objects::type_object::weakref_descriptor(class))?;
    }
    Ok(())
}

/// `__new__` becomes a static method, `__init_subclass__` and `__class_getitem__` class methods.
fn wrap_special_functions(dict: &Object<Dict>) -> PyResult<()> {
    if let Some(new) = dict.get_str(name!("__new__"))?
        && new.exact::<Function>().is_some()
    {
        dict.set_str(name!("__new__"), StaticMethod::new(new).into_obj())?;
    }
    for attr in [name!("__init_subclass__"), name!("__class_getitem__")] {
        if let Some(f) = dict.get_str(attr)?
            && f.exact::<Function>().is_some()
        {
            dict.set_str(attr, ClassMethod::new(f).into_obj())?;
        }
    }
    Ok(())
}

/// A class that defines `__eq__` but not `__hash__` is unhashable.
fn set_hash_of_eq(dict: &Object<Dict>) -> PyResult<()> {
    if dict.get_str(name!("__eq__"))?.is_some() && dict.get_str(name!("__hash__"))?.is_none() {
        dict.set_str(name!("__hash__"), crate::objects::singletons::none())?;
    }
    Ok(())
}

/// Sets `__mro__`, through a metaclass's own `mro` method if it has one.
pub fn compute_mro(class: &Type) -> PyResult<()> {
    let metaclass = class.class();
    let custom = !std::ptr::eq(metaclass, super::TYPE.get()) && {
        let found = lookup(metaclass, name!("mro"));
        found.is_some_and(|f| f.exact::<crate::objects::function::MethodDescriptor>().is_none())
    };
    let mro = if custom {
        let result = call::call_method(&class.as_obj(), "mro", &[])?;
        let items = crate::protocols::iter::collect(&result)?;
        for item in &items {
            let Some(c) = as_type(item) else {
                return Err(raise!(TypeError, "mro() returned a non-class ('{}')", item.class().name()));
            };
            if !class.is_native_subclass(solid_base(c)) {
                return Err(raise!(TypeError, "mro() returned base with unsuitable layout ('{}')", c.name()));
            }
        }
        items
    } else {
        c3_linearization(class)?
    };
    class.mro.put(Tuple::from_vec(mro).into_obj());
    lookup::modified(class);
    Ok(())
}

/// The C3 linearization of the bases, with the class itself in front.
pub fn c3_linearization(class: &Type) -> PyResult<Vec<Obj>> {
    let bases = class.bases();
    let bases = bases.downcast::<Tuple>().expect("__bases__ is a tuple").items();
    for (i, base) in bases.iter().enumerate() {
        if bases[..i].iter().any(|b| b.is(base)) {
            let name = as_type(base).map_or("?", Type::name);
            return Err(raise!(TypeError, "duplicate base class {name}"));
        }
    }
    let mut sequences: Vec<&[Obj]> = bases.iter().filter_map(as_type).map(Type::mro).collect();
    sequences.push(bases);
    let mut result = vec![class.to_obj()];
    loop {
        sequences.retain(|s| !s.is_empty());
        if sequences.is_empty() {
            return Ok(result);
        }
        let next = sequences
            .iter()
            .map(|s| &s[0])
            .find(|c| !sequences.iter().any(|s| s[1..].iter().any(|x| x.is(c))))
            .cloned();
        let Some(next) = next else { return Err(inconsistent(&sequences)) };
        for s in &mut sequences {
            if s[0].is(&next) {
                *s = &s[1..];
            }
        }
        result.push(next);
    }
}

fn inconsistent(sequences: &[&[Obj]]) -> crate::errors::Raised {
    let mut names: Vec<String> = Vec::new();
    for s in sequences {
        let text = as_type(&s[0]).map_or_else(String::new, |t| t.name().to_owned());
        if !names.contains(&text) {
            names.push(text);
        }
    }
    raise!(TypeError, "Cannot create a consistent method resolution order (MRO) for bases {}", names.join(", "))
}

fn inherit_flags(class: &Type) {
    for base in class.mro().iter().skip(1).filter_map(as_type) {
        class.add_flags(base.flags.get() & (flags::INHERITED & !(flags::SEQUENCE | flags::MAPPING)));
    }
    // Pattern matching: the first base that says sequence or mapping decides.
    for base in class.mro().iter().skip(1).filter_map(as_type) {
        let collection = base.flags.get() & (flags::SEQUENCE | flags::MAPPING);
        if collection != 0 {
            class.add_flags(collection);
            break;
        }
    }
}

/// Calls `__set_name__` of the namespace's values.
fn call_set_names(class: &Type) -> PyResult<()> {
    for (key, value) in class.dict().entries() {
        let Some(hook) = crate::types::lookup_special(&value, name!("__set_name__"))? else { continue };
        if let Err(raised) = call::call(&hook, &[class.to_obj(), key.clone()]) {
            let exc = raised.take();
            let note = format!(
                "Error calling __set_name__ on '{}' instance {} in '{}'",
                value.class().name(),
                crate::protocols::text::repr_text(&key).unwrap_or_default(),
                class.name()
            );
            call::call_method(&exc, "add_note", &[Str::new(&note).into_obj()])?;
            return Err(crate::errors::Raised::new(exc));
        }
    }
    Ok(())
}

/// `super(cls, cls).__init_subclass__(**kwargs)`.
fn call_init_subclass(class: &Type, args: Args<'_>) -> PyResult<()> {
    let parent = crate::objects::super_object::lookup_super(class, &class.as_obj(), name!("__init_subclass__"))?;
    if let Some(hook) = parent {
        let names: Vec<Obj> = args.keywords().map(|(n, _)| n.to_obj()).collect();
        let values: Vec<Obj> = args.keywords().map(|(_, v)| v.clone()).collect();
        let names = Tuple::from_vec(names);
        call::call_args(&hook, Args { values: &values, nargs: 0, kwnames: Some(&names) })?;
    }
    Ok(())
}

/// A class that dies leaves the lists of its bases.
pub(crate) fn unlink_from_bases(class: &Type) {
    let Some(bases) = class.bases.get() else { return };
    if let Some(bases) = bases.downcast::<Tuple>() {
        for base in bases.items().iter().filter_map(as_type) {
            base.subclasses.with(|list| list.retain(|c| !std::ptr::eq(*c, class)));
        }
    }
}

/// `__module__` of a class.
pub fn module_name(class: &Type) -> Option<String> {
    if !class.is_heap_type() {
        return Some(class.native_module().to_owned());
    }
    let module = class.dict.get()?;
    let module = module.downcast::<Dict>()?.get_text("__module__")?;
    module.downcast::<Str>().map(|s| s.to_string_lossy())
}

/// Sets an attribute of a class: its namespace, its caches, its slots.
pub fn set_class_attribute(class: &Type, attribute: &Object<Str>, value: Option<&Obj>) -> PyResult<bool> {
    // The version goes first: what the change runs must not see a stale cache.
    lookup::modified(class);
    let done = match value {
        Some(value) => {
            class.dict().set_str(attribute, value.clone())?;
            true
        }
        None => class.dict().remove_str(attribute)?.is_some(),
    };
    lookup::modified(class);
    if done {
        slot_functions::update(class, attribute);
        (crate::hooks::hooks().class_modified)(class);
    }
    Ok(done)
}

/// Finds the attribute on a class as instances would, bound to nothing: for `type.__getattribute__`.
pub fn own_attribute(class: &Type, attribute: &Object<Str>) -> Option<Obj> {
    let v = class.dict().peek_str(attribute);
    // SAFETY: the namespace holds the value.
    (!v.is_null()).then(|| unsafe { Obj::from_borrowed(v) })
}

/// The function behind a native `__new__`, if `obj` is one.
pub fn is_native_constructor(obj: &Obj) -> bool {
    obj.exact::<BuiltinFunction>().is_some_and(|f| f.native_new().is_some())
}

/// A shortcut for `getattr(cls, name)`.
pub fn class_attribute(class: &Type, attribute: &Object<Str>) -> PyResult<Obj> {
    attr::getattr(&class.as_obj(), attribute)
}

/// Assignment to `cls.__bases__`.
pub fn set_bases(class: &Type, value: &Obj) -> PyResult<()> {
    let Some(bases) = value.downcast::<Tuple>() else {
        return Err(raise!(
            TypeError,
            "can only assign tuple to {}.__bases__, not {}",
            class.name(),
            value.class().name()
        ));
    };
    if bases.is_empty() {
        return Err(raise!(TypeError, "can only assign non-empty tuple to {}.__bases__, not ()", class.name()));
    }
    for base in bases.items() {
        let Some(base) = as_type(base) else {
            return Err(raise!(
                TypeError,
                "{}.__bases__ must be tuple of classes, not '{}'",
                class.name(),
                base.class().name()
            ));
        };
        // The order of a base may not be up to date while `mro()` methods run; its layout chain is.
        if base.is_subclass(class) || base.is_native_subclass(class) {
            return Err(raise!(TypeError, "a __bases__ item causes an inheritance cycle"));
        }
    }
    let new_base = best_base(bases)?;
    let same = class.base().is_some_and(|old| {
        old.basicsize() == new_base.basicsize()
            && old.dict_offset() == new_base.dict_offset()
            && old.weaklist_offset() == new_base.weaklist_offset()
            && std::ptr::eq(solid_base(old), solid_base(&new_base))
    });
    if !same {
        return Err(raise!(
            TypeError,
            "__bases__ assignment: '{}' object layout differs from '{}'",
            new_base.name(),
            class.base().map_or("object", Type::name)
        ));
    }
    // References travel with the pointers: what the class has, it owns; what it had is released here. An `mro()`
    // method may assign to `__bases__` in between.
    let old_bases = class.bases.get();
    // SAFETY: the class gives up the reference to its base.
    let old_base = unsafe { Ptr::from_owned(class.base.get().cast_mut()) };
    unlink_from_bases(class);
    class.bases.put(value.clone());
    class.base.set(&raw const **std::mem::ManuallyDrop::new(new_base.clone()));
    let result = recompute_mro(class);
    let still_ours = class.bases.peek() == value.value();
    if result.is_err() && still_ours {
        class.bases.set(old_bases);
        // SAFETY: the class owns the reference that was put there above.
        drop(unsafe { Ptr::from_owned(class.base.get().cast_mut()) });
        class.base.set(&raw const **std::mem::ManuallyDrop::new(old_base));
    }
    if still_ours {
        link_to_bases(class);
    }
    result
}

fn link_to_bases(class: &Type) {
    let bases = class.bases();
    for base in bases.downcast::<Tuple>().map_or(&[][..], |b| b.items()).iter().filter_map(as_type) {
        base.subclasses.with(|list| {
            if !list.iter().any(|c| std::ptr::eq(*c, class)) {
                list.push(class);
            }
        });
    }
}

fn recompute_mro(class: &Type) -> PyResult<()> {
    lookup::modified(class);
    compute_mro(class)?;
    slot_functions::fill(class);
    for subclass in class.subclasses.with(|list| list.clone()) {
        // SAFETY: subclasses sign off before they die.
        recompute_mro(unsafe { &*subclass })?;
    }
    Ok(())
}
