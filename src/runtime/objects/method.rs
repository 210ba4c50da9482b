//! `method`: a function bound to its first argument.

use crate::call::{self, Args};
use crate::errors::PyResult;
use crate::object::{Obj, Object, Ptr};
use crate::objects::singletons::{bool_obj, not_implemented};
use crate::objects::str::Str;
use crate::protocols::{attr, compare};
use crate::types::Type;
use crate::types::slots::CompareOp;
use crate::{name, raise};
use pyrs_macros::{pyclass, pymethods};

/// Create a bound instance method object.
#[pyclass(name = "method", weaklist)]
pub struct Method {
    pub function: Obj,
    pub this: Obj,
}

impl Method {
    #[inline]
    pub fn new(function: Obj, this: Obj) -> Ptr<Method> {
        Ptr::new(Method { function, this })
    }
}

#[pymethods]
impl Method {
    #[new(sig = "(function, instance, /)")]
    fn py_new(cls: &Type, function: Obj, instance: Obj) -> PyResult<Obj> {
        let _ = cls;
        if function.class().slots().call.is_none() {
            return Err(raise!(TypeError, "first argument must be callable"));
        }
        if instance.is_none() {
            return Err(raise!(TypeError, "instance must not be None"));
        }
        Ok(Method::new(function, instance).into_obj())
    }

    #[slot(call)]
    fn call(&self, args: Args<'_>) -> PyResult<Obj> {
        match self.function.class().slots().call {
            Some(f) => crate::objects::builtin_function::call_with_first(f, &self.function, &self.this, args),
            None => call::call_args(&self.function, args),
        }
    }

    #[slot(descr_get)]
    fn get(this: &Obj, _instance: Option<&Obj>, _owner: Option<&Type>) -> PyResult<Obj> {
        Ok(this.clone())
    }

    #[slot(getattro)]
    fn getattro(this: &Obj, attribute: &Object<Str>) -> PyResult<Obj> {
        let found = crate::types::lookup(this.class(), attribute);
        if let Some(found) = found {
            return match found.class().slots().descr_get {
                Some(get) => get(&found, Some(this), Some(this.class())),
                None => Ok(found),
            };
        }
        // SAFETY: the slot belongs to this class.
        attr::getattr(&unsafe { this.downcast_unchecked::<Method>() }.function, attribute)
    }

    #[slot(repr)]
    fn repr(&self) -> PyResult<Obj> {
        let function_name = match attr::getattr_optional(&self.function, name!("__qualname__"))? {
            Some(n) if n.downcast::<Str>().is_some() => crate::protocols::text::str_text(&n)?,
            _ => match attr::getattr_optional(&self.function, name!("__name__"))? {
                Some(n) if n.downcast::<Str>().is_some() => crate::protocols::text::str_text(&n)?,
                _ => "?".to_owned(),
            },
        };
        let this = crate::protocols::text::repr_text(&self.this)?;
        Ok(Str::new(&format!("<bound method {function_name} of {this}>")).into_obj())
    }

    #[slot(hash)]
    fn hash(&self) -> PyResult<i64> {
        let mixed = compare::identity_hash(&self.this)? ^ compare::hash(&self.function)?;
        Ok(if mixed == -1 { -2 } else { mixed })
    }

    #[slot(richcompare)]
    fn compare(&self, other: &Obj, op: CompareOp) -> PyResult<Obj> {
        let Some(other) = other.exact::<Method>() else { return Ok(not_implemented()) };
        if !matches!(op, CompareOp::Eq | CompareOp::Ne) {
            return Ok(not_implemented());
        }
        let same = compare::equal(&self.function, &other.function)? && self.this.is(&other.this);
        Ok(bool_obj(same == (op == CompareOp::Eq)))
    }

    /// the function (or other callable) implementing a method
    #[getter(name = "__func__")]
    fn func(&self) -> Obj {
        self.function.clone()
    }

    /// the instance to which a method is bound
    #[getter(name = "__self__")]
    fn this(&self) -> Obj {
        self.this.clone()
    }

    #[getter(name = "__doc__")]
    fn doc(&self) -> PyResult<Obj> {
        attr::getattr(&self.function, name!("__doc__"))
    }

    #[pymethod(name = "__reduce__")]
    fn reduce(&self) -> PyResult<Obj> {
        let function_name = attr::getattr(&self.function, name!("__name__"))?;
        super::function::reduce_member(&self.this, &crate::protocols::text::str_text(&function_name)?)
    }
}
