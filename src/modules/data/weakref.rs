//! `_weakref`: weak references.

/// Weak-reference support module.
#[pyrs_macros::pymodule(name = "_weakref")]
pub mod module {
    use pyrs_runtime::PyResult;
    use pyrs_runtime::heap::weakref::{WeakRef, references_to};
    use pyrs_runtime::object::{Obj, Object, PyClass};
    use pyrs_runtime::objects::dict::Dict;
    use pyrs_runtime::objects::list::List;
    use pyrs_runtime::objects::module::Module;
    use pyrs_runtime::objects::weakref::{CallableProxy, Proxy, new_proxy};

    /// Return the number of weak references to 'object'.
    #[pyfunction]
    pub fn getweakrefcount(object: &Obj) -> usize {
        references_to(object).len()
    }

    /// Return a list of all weak reference objects pointing to 'object'.
    #[pyfunction]
    pub fn getweakrefs(object: &Obj) -> Obj {
        List::from_vec(references_to(object)).into_obj()
    }

    /// Create a proxy object that weakly references 'object'.
    ///
    /// 'callback', if given, is called with a reference to the
    /// proxy when 'object' is about to be finalized.
    #[pyfunction(sig = "(object, callback=None, /)")]
    pub fn proxy(object: &Obj, callback: Option<Obj>) -> PyResult<Obj> {
        new_proxy(object, callback)
    }

    /// Atomically remove key from dict if it points to a dead weakref.
    #[pyfunction]
    pub fn _remove_dead_weakref(dct: &Object<Dict>, key: &Obj) -> PyResult<()> {
        if let Some(found) = dct.get(key)?
            && let Some(reference) = found.downcast::<WeakRef>()
            && reference.get().is_none()
        {
            dct.remove(key)?;
        }
        Ok(())
    }

    #[module_exec]
    fn exec(module: &Object<Module>) -> PyResult<()> {
        module.add("ref", WeakRef::class().to_obj());
        module.add("ReferenceType", WeakRef::class().to_obj());
        module.add("ProxyType", Proxy::class().to_obj());
        module.add("CallableProxyType", CallableProxy::class().to_obj());
        Ok(())
    }
}
