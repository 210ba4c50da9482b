//! `_abc`: what `abc.ABCMeta` is made of.
//!
//! Each abstract class has a registry of virtual subclasses and two caches of answers, all weak. A global
//! counter, raised by every registration, says which negative answers are outdated.

/// Module contains faster C implementation of abc.ABCMeta
#[pyrs_macros::pymodule(name = "_abc")]
pub mod module {
    use std::cell::Cell;
    use std::collections::HashMap;

    use pyrs_macros::pyclass;
    use pyrs_runtime::heap::weakref::WeakRef;
    use pyrs_runtime::object::{DataCell, Obj, Ptr, PyClass};
    use pyrs_runtime::objects::singletons::not_implemented_value;
    use pyrs_runtime::objects::str::Str;
    use pyrs_runtime::objects::tuple::Tuple;
    use pyrs_runtime::objects::{int, set, weakref};
    use pyrs_runtime::protocols::{attr, iter, truth};
    use pyrs_runtime::types::{TYPE, Type, as_type, flags};
    use pyrs_runtime::{PyResult, call, name, raise};

    thread_local! {
        static COUNTER: Cell<u64> = const { Cell::new(0) };
    }

    /// Classes by identity, held weakly: an entry whose reference is dead does not count.
    type Classes = DataCell<HashMap<u64, Obj>>;

    /// Internal state held by ABC machinery.
    #[derive(Default)]
    #[pyclass(name = "_abc_data", module = "_abc", flags = DISALLOW_INSTANTIATION, parts())]
    pub struct AbcData {
        registry: Classes,
        cache: Classes,
        negative_cache: Classes,
        negative_version: Cell<u64>,
    }

    /// The class behind an entry, if it is alive.
    fn class_of(reference: &Obj) -> Option<Obj> {
        reference.downcast::<WeakRef>()?.get()
    }

    /// The live classes of a table; dead references are thrown out.
    fn live(classes: &Classes) -> Vec<Obj> {
        let references: Vec<(u64, Obj)> = classes.with(|map| map.iter().map(|(id, r)| (*id, r.clone())).collect());
        let (mut found, mut dead) = (Vec::new(), Vec::new());
        for (id, reference) in references {
            match class_of(&reference) {
                Some(class) => found.push(class),
                None => dead.extend(classes.with(|map| map.remove(&id))),
            }
        }
        drop(dead);
        found
    }

    fn contains(classes: &Classes, class: &Obj) -> bool {
        let reference = classes.with(|map| map.get(&class.id()).cloned());
        reference.is_some_and(|r| class_of(&r).is_some_and(|c| c.is(class)))
    }

    fn add(classes: &Classes, class: &Obj) -> PyResult<()> {
        if !contains(classes, class) {
            let reference = weakref::new_reference(WeakRef::class(), class, None)?;
            drop(classes.with(|map| map.insert(class.id(), reference)));
        }
        Ok(())
    }

    fn forget(classes: &Classes) {
        drop(classes.replace(HashMap::new()));
    }

    fn data_of(class: &Obj) -> PyResult<Ptr<AbcData>> {
        let data = attr::getattr(class, name!("_abc_impl"))?;
        data.into_ptr::<AbcData>().map_err(|_| raise!(TypeError, "_abc_impl is set to a wrong type"))
    }

    fn is_abstract(value: &Obj) -> PyResult<bool> {
        match attr::getattr_optional(value, name!("__isabstractmethod__"))? {
            Some(flag) => truth::is_true(&flag),
            None => Ok(false),
        }
    }

    /// Sets `__abstractmethods__` from the namespace and the bases.
    fn compute_abstract_methods(class: &Obj) -> PyResult<()> {
        let mut abstracts = Vec::new();
        let namespace = attr::getattr(class, name!("__dict__"))?;
        for pair in iter::collect(&call::call_method(&namespace, "items", &[])?)? {
            if let Some([key, value]) = pair.downcast::<Tuple>().map(|t| t.items())
                && is_abstract(value)?
            {
                abstracts.push(key.clone());
            }
        }
        let bases = attr::getattr(class, name!("__bases__"))?;
        for base in iter::collect(&bases)? {
            let Some(inherited) = attr::getattr_optional(&base, name!("__abstractmethods__"))? else { continue };
            for key in iter::collect(&inherited)? {
                let Some(key_name) = key.downcast::<Str>() else { continue };
                if let Some(value) = attr::getattr_optional(class, key_name)?
                    && is_abstract(&value)?
                {
                    abstracts.push(key);
                }
            }
        }
        attr::setattr(class, name!("__abstractmethods__"), Some(&set::frozenset_from(abstracts)?))
    }

    /// Internal ABC helper for class set-up. Should be never used outside abc module.
    #[pyfunction(sig = "(self, /)")]
    pub fn _abc_init(class: &Obj) -> PyResult<()> {
        compute_abstract_methods(class)?;
        let data = Ptr::new(AbcData::default()).into_obj();
        attr::setattr(class, name!("_abc_impl"), Some(&data))?;
        // Classes in `collections.abc` say how patterns match their instances.
        let Some(ty) = as_type(class) else { return Ok(()) };
        if let Some(collection) = ty.dict().get_text("__abc_tpflags__") {
            if let Some(bits) = int::to_i64(&collection) {
                let both = (flags::SEQUENCE | flags::MAPPING) as i64;
                if bits & both == both {
                    return Err(raise!(
                        TypeError,
                        "__abc_tpflags__ cannot be both Py_TPFLAGS_SEQUENCE and Py_TPFLAGS_MAPPING"
                    ));
                }
                ty.add_flags((bits & both) as u64);
            }
            attr::setattr(class, name!("__abc_tpflags__"), None)?;
        }
        Ok(())
    }

    /// Marks a class and its subclasses as what patterns take for a sequence or mapping.
    fn set_collection_flags(class: &Type, bits: u64) -> PyResult<()> {
        class.remove_flags(flags::SEQUENCE | flags::MAPPING);
        class.add_flags(bits);
        let subclasses = call::call_method(&class.as_obj(), "__subclasses__", &[])?;
        for subclass in iter::collect(&subclasses)? {
            if let Some(subclass) = as_type(&subclass).filter(|c| c.is_heap_type()) {
                set_collection_flags(subclass, bits)?;
            }
        }
        Ok(())
    }

    /// Internal ABC helper for subclasss registration. Should be never used outside abc module.
    #[pyfunction(sig = "(self, subclass, /)")]
    pub fn _abc_register(class: &Obj, subclass: &Obj) -> PyResult<Obj> {
        let Some(ty) = as_type(subclass) else {
            return Err(raise!(TypeError, "Can only register classes"));
        };
        if attr::is_subclass(subclass, class)? {
            return Ok(subclass.clone());
        }
        if attr::is_subclass(class, subclass)? {
            return Err(raise!(RuntimeError, "Refusing to create an inheritance cycle"));
        }
        add(&data_of(class)?.registry, subclass)?;
        COUNTER.set(COUNTER.get() + 1);
        if let Some(own) = as_type(class) {
            for bit in [flags::SEQUENCE, flags::MAPPING] {
                if own.has_flag(bit) && ty.is_heap_type() {
                    set_collection_flags(ty, bit)?;
                }
            }
        }
        Ok(subclass.clone())
    }

    /// Internal ABC helper for instance checks. Should be never used outside abc module.
    #[pyfunction(sig = "(self, instance, /)")]
    pub fn _abc_instancecheck(class: &Obj, instance: &Obj) -> PyResult<Obj> {
        let data = data_of(class)?;
        let subclass = attr::getattr(instance, name!("__class__"))?;
        let yes = pyrs_runtime::objects::singletons::bool_obj;
        if contains(&data.cache, &subclass) {
            return Ok(yes(true));
        }
        let subtype = instance.class().to_obj();
        if subtype.is(&subclass) {
            if data.negative_version.get() == COUNTER.get() && contains(&data.negative_cache, &subclass) {
                return Ok(yes(false));
            }
            return call::call_method(class, "__subclasscheck__", &[subclass]);
        }
        let result = call::call_method(class, "__subclasscheck__", &[subclass])?;
        if truth::is_true(&result)? {
            return Ok(result);
        }
        call::call_method(class, "__subclasscheck__", &[subtype])
    }

    /// Internal ABC helper for subclasss checks. Should be never used outside abc module.
    #[pyfunction(sig = "(self, subclass, /)")]
    pub fn _abc_subclasscheck(class: &Obj, subclass: &Obj) -> PyResult<bool> {
        if as_type(subclass).is_none() {
            return Err(raise!(TypeError, "issubclass() arg 1 must be a class"));
        }
        let data = data_of(class)?;
        if contains(&data.cache, subclass) {
            return Ok(true);
        }
        if data.negative_version.get() < COUNTER.get() {
            forget(&data.negative_cache);
            data.negative_version.set(COUNTER.get());
        } else if contains(&data.negative_cache, subclass) {
            return Ok(false);
        }
        let verdict = decide(class, subclass, &data)?;
        add(if verdict { &data.cache } else { &data.negative_cache }, subclass)?;
        Ok(verdict)
    }

    fn decide(class: &Obj, subclass: &Obj, data: &AbcData) -> PyResult<bool> {
        let hook = call::call_method(class, "__subclasshook__", std::slice::from_ref(subclass))?;
        if hook.value() != not_implemented_value() {
            return match pyrs_runtime::objects::singletons::as_bool(&hook) {
                Some(answer) => Ok(answer),
                None => {
                    Err(raise!(AssertionError, "__subclasshook__ must return either False, True, or NotImplemented"))
                }
            };
        }
        if as_type(subclass).is_some_and(|c| c.mro().iter().any(|base| base.is(class))) {
            return Ok(true);
        }
        for registered in live(&data.registry) {
            if attr::is_subclass(subclass, &registered)? {
                return Ok(true);
            }
        }
        let subclasses = match as_type(class).filter(|c| std::ptr::eq(*c, TYPE.get())) {
            Some(_) => Vec::new(),
            None => iter::collect(&call::call_method(class, "__subclasses__", &[])?)?,
        };
        for candidate in subclasses {
            if attr::is_subclass(subclass, &candidate)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns the current ABC cache token.
    ///
    /// The token is an opaque object (supporting equality testing) identifying
    /// the current version of the ABC cache for virtual subclasses.  The token
    /// changes with every call to register() on any ABC.
    #[pyfunction]
    pub fn get_cache_token() -> u64 {
        COUNTER.get()
    }

    /// Internal ABC helper to reset registry of a given class.
    ///
    /// Should be only used by refleak.py
    #[pyfunction(sig = "(self, /)")]
    pub fn _reset_registry(class: &Obj) -> PyResult<()> {
        forget(&data_of(class)?.registry);
        Ok(())
    }

    /// Internal ABC helper to reset both caches of a given class.
    ///
    /// Should be only used by refleak.py
    #[pyfunction(sig = "(self, /)")]
    pub fn _reset_caches(class: &Obj) -> PyResult<()> {
        let data = data_of(class)?;
        forget(&data.cache);
        forget(&data.negative_cache);
        Ok(())
    }

    /// Internal ABC helper for cache and registry debugging.
    ///
    /// Return shallow copies of registry, of both caches, and
    /// negative cache version. Don't call this function directly,
    /// instead use ABC._dump_registry() for a nice repr.
    #[pyfunction(sig = "(self, /)")]
    pub fn _get_dump(class: &Obj) -> PyResult<Obj> {
        let data = data_of(class)?;
        let references =
            |classes: &Classes| set::set_from(classes.with(|map| map.values().cloned().collect::<Vec<_>>()));
        Ok(Tuple::from_vec(vec![
            references(&data.registry)?,
            references(&data.cache)?,
            references(&data.negative_cache)?,
            int::from_u64(data.negative_version.get()),
        ])
        .into_obj())
    }
}
