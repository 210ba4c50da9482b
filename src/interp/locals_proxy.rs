//! `FrameLocalsProxy`: `frame.f_locals` of functions (PEP 667), a mapping that writes through to the
//! frame's variables.

use pyrs_macros::{pyclass, pymethods};
use pyrs_runtime::call::Args;
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::object::{Obj, Object, Ptr};
use pyrs_runtime::objects::dict::Dict;
use pyrs_runtime::objects::list::List;
use pyrs_runtime::objects::singletons::{bool_obj, none, not_implemented};
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::protocols::{compare, iter, sequence, text};
use pyrs_runtime::types::Type;
use pyrs_runtime::types::slots::CompareOp;
use pyrs_runtime::{call, raise};

use crate::frame_object::FrameObject;

/// Payload of `FrameLocalsProxy`.
#[pyclass(name = "FrameLocalsProxy", flags = MAPPING, unhashable)]
pub struct LocalsProxy {
    frame: Ptr<FrameObject>,
}

impl LocalsProxy {
    pub fn create(frame: &Object<FrameObject>) -> Obj {
        Ptr::new(LocalsProxy { frame: frame.to_ptr() }).into_obj()
    }

    fn snapshot(&self) -> PyResult<Ptr<Dict>> {
        let dict = self.frame.locals_snapshot()?;
        Ok(dict.into_ptr::<Dict>().expect("functions give a dict"))
    }

    fn find(&self, key: &Obj) -> PyResult<Option<Obj>> {
        self.snapshot()?.get(key)
    }

    fn assign(&self, key: &Obj, value: Option<&Obj>) -> PyResult<()> {
        let interned = match key.exact::<Str>() {
            Some(s) => Str::intern_ptr(s.to_ptr()).into_obj(),
            None => key.clone(),
        };
        if self.frame.variables().iter().any(|(n, _)| n.is(&interned)) {
            if value.is_none() {
                return Err(raise!(ValueError, "cannot remove local variables from FrameLocalsProxy"));
            }
            self.frame.set_variable(&interned, value.cloned());
            return Ok(());
        }
        let extra = match self.frame.extra_locals.get() {
            Some(extra) => extra,
            None => {
                let dict = Dict::new().into_obj();
                self.frame.extra_locals.put(dict.clone());
                dict
            }
        };
        let extra = extra.downcast::<Dict>().expect("extra locals are a dict");
        match value {
            Some(value) => extra.set(key.clone(), value.clone()),
            None => match extra.remove(key)? {
                Some(_) => Ok(()),
                None => Err(pyrs_runtime::errors::raise_key_error(key)),
            },
        }
    }
}

#[pymethods]
impl LocalsProxy {
    #[new(sig = "(frame, /)")]
    fn py_new(cls: &Type, frame: &Object<FrameObject>) -> PyResult<Obj> {
        let _ = cls;
        Ok(LocalsProxy::create(frame))
    }

    #[slot(repr)]
    fn repr(this: &Object<LocalsProxy>) -> PyResult<Obj> {
        match text::ReprGuard::enter(&this.as_obj()) {
            Some(_guard) => Ok(text::repr(&this.snapshot()?.as_obj())?.into_obj()),
            None => Ok(Str::new("{...}").into_obj()),
        }
    }

    #[slot(length)]
    fn len(&self) -> PyResult<usize> {
        Ok(self.snapshot()?.len())
    }

    #[slot(getitem)]
    fn getitem(&self, key: &Obj) -> PyResult<Obj> {
        match self.find(key)? {
            Some(v) => Ok(v),
            None => Err(raise!(KeyError, "local variable '{}' is not defined", text::str_text(key)?)),
        }
    }

    #[slot(setitem)]
    fn setitem(&self, key: &Obj, value: Option<&Obj>) -> PyResult<()> {
        self.assign(key, value)
    }

    #[slot(contains)]
    fn contains(&self, key: &Obj) -> PyResult<bool> {
        Ok(self.find(key)?.is_some())
    }

    #[slot(iter)]
    fn iter(&self) -> PyResult<Obj> {
        iter::iter(&List::from_vec(self.snapshot()?.keys()).into_obj())
    }

    #[slot(richcompare)]
    fn compare(&self, other: &Obj, op: CompareOp) -> PyResult<Obj> {
        if !matches!(op, CompareOp::Eq | CompareOp::Ne) {
            return Ok(not_implemented());
        }
        if let Some(other) = other.exact::<LocalsProxy>() {
            let same = self.frame.value() == other.frame.value();
            return Ok(bool_obj(same == (op == CompareOp::Eq)));
        }
        match other.downcast::<Dict>() {
            Some(_) => compare::rich_compare(&self.snapshot()?.as_obj(), other, op),
            None => Ok(not_implemented()),
        }
    }

    #[slot(nb_or)]
    fn or(a: &Obj, b: &Obj) -> PyResult<Obj> {
        let merged = Dict::new();
        for operand in [a, b] {
            if operand.downcast::<Dict>().is_none() && operand.exact::<LocalsProxy>().is_none() {
                return Ok(not_implemented());
            }
            merged.update(operand)?;
        }
        Ok(merged.into_obj())
    }

    /// Return a list of the keys.
    #[pymethod]
    fn keys(&self) -> PyResult<Vec<Obj>> {
        Ok(self.snapshot()?.keys())
    }

    /// Return a list of the values.
    #[pymethod]
    fn values(&self) -> PyResult<Vec<Obj>> {
        Ok(self.snapshot()?.values())
    }

    /// Return a list of (key, value) pairs.
    #[pymethod]
    fn items(&self) -> PyResult<Vec<Obj>> {
        Ok(self.snapshot()?.entries().into_iter().map(|(k, v)| Tuple::from_vec(vec![k, v]).into_obj()).collect())
    }

    /// Return a shallow copy as a dict.
    #[pymethod]
    fn copy(&self) -> PyResult<Obj> {
        Ok(self.snapshot()?.into_obj())
    }

    #[pymethod(name = "__reversed__")]
    fn reversed(&self) -> PyResult<Obj> {
        let mut keys = self.snapshot()?.keys();
        keys.reverse();
        iter::iter(&List::from_vec(keys).into_obj())
    }

    /// Return the value of a variable, or the default.
    #[pymethod]
    fn get(&self, key: &Obj, default: Option<Obj>) -> PyResult<Obj> {
        Ok(self.find(key)?.or(default).unwrap_or_else(none))
    }

    /// Set the variable to the default if it has no value; return its value.
    #[pymethod]
    fn setdefault(&self, key: &Obj, default: Option<Obj>) -> PyResult<Obj> {
        if let Some(v) = self.find(key)? {
            return Ok(v);
        }
        let default = default.unwrap_or_else(none);
        self.assign(key, Some(&default))?;
        Ok(default)
    }

    /// Update variables from a mapping.
    #[pymethod]
    fn update(&self, other: &Obj) -> PyResult<()> {
        let keys = iter::collect(&call::call_method(other, "keys", &[])?)?;
        for key in keys {
            let value = sequence::getitem(other, &key)?;
            self.assign(&key, Some(&value))?;
        }
        Ok(())
    }

    /// Remove an added name and return its value.
    #[pymethod]
    fn pop(&self, args: Args<'_>) -> PyResult<Obj> {
        let key =
            args.positionals().first().ok_or_else(|| raise!(TypeError, "pop expected at least 1 argument, got 0"))?;
        match self.find(key)? {
            Some(v) => {
                self.assign(key, None)?;
                Ok(v)
            }
            None => match args.positionals().get(1) {
                Some(default) => Ok(default.clone()),
                None => Err(pyrs_runtime::errors::raise_key_error(key)),
            },
        }
    }
}
