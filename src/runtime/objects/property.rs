//! `property`.

use crate::call::{self, Args};
use crate::errors::PyResult;
use crate::object::{Obj, ObjCell, Object, Ptr, PyClass};
use crate::objects::singletons::none;
use crate::protocols::{attr, text};
use crate::types::Type;
use crate::{name, raise};
use pyrs_macros::{pyclass, pymethods};

/// Property attribute.
///
///   fget
///     function to be used for getting an attribute value
///   fset
///     function to be used for setting an attribute value
///   fdel
///     function to be used for del'ing an attribute
///   doc
///     docstring
///
/// Typical use is to define a managed attribute x:
///
/// class C(object):
///     def getx(self): return self._x
///     def setx(self, value): self._x = value
///     def delx(self): del self._x
///     x = property(getx, setx, delx, "I'm the 'x' property.")
///
/// Decorators make defining new properties or modifying existing ones easy:
///
/// class C(object):
///     @property
///     def x(self):
///         "I am the 'x' property."
///         return self._x
///     @x.setter
///     def x(self, value):
///         self._x = value
///     @x.deleter
///     def x(self):
///         del self._x
#[pyclass(name = "property", flags = BASETYPE)]
#[derive(Default)]
pub struct Property {
    pub getter: ObjCell,
    pub setter: ObjCell,
    pub deleter: ObjCell,
    doc: ObjCell,
    name: ObjCell,
    getter_doc: std::cell::Cell<bool>,
}

impl Property {
    fn display_name(&self) -> PyResult<Option<String>> {
        if let Some(own) = self.name.get() {
            return text::repr_text(&own).map(Some);
        }
        let Some(getter) = self.getter.get() else { return Ok(None) };
        match attr::getattr_optional(&getter, name!("__name__"))? {
            Some(n) => text::repr_text(&n).map(Some),
            None => Ok(None),
        }
    }

    fn missing(&self, instance: &Obj, what: &str) -> PyResult<crate::errors::Raised> {
        let class = instance.class().qualname_text();
        Ok(match self.display_name()? {
            Some(n) => raise!(AttributeError, "property {n} of '{class}' object has no {what}"),
            None => raise!(AttributeError, "property of '{class}' object has no {what}"),
        })
    }

    fn copy_with(
        this: &Object<Property>,
        getter: Option<&Obj>,
        setter: Option<&Obj>,
        deleter: Option<&Obj>,
    ) -> PyResult<Obj> {
        let pick = |new: Option<&Obj>, old: &ObjCell| {
            new.filter(|v| !v.is_none()).cloned().or_else(|| old.get()).unwrap_or_else(none)
        };
        let doc = if this.getter_doc.get() { none() } else { this.doc.get().unwrap_or_else(none) };
        let args = [pick(getter, &this.getter), pick(setter, &this.setter), pick(deleter, &this.deleter), doc];
        let copy = call::call(&this.class().as_obj(), &args)?;
        if let Some(copied) = copy.downcast::<Property>() {
            copied.name.set(this.name.get());
        }
        Ok(copy)
    }
}

#[pymethods]
impl Property {
    #[slot(new)]
    fn py_new(cls: &Type, _args: Args<'_>) -> PyResult<Obj> {
        Ok(Ptr::new_in(cls, Property::default()).into_obj())
    }

    #[init(sig = "(fget=None, fset=None, fdel=None, doc=None)")]
    fn init(
        this: &Object<Property>,
        fget: Option<Obj>,
        fset: Option<Obj>,
        fdel: Option<Obj>,
        doc: Option<Obj>,
    ) -> PyResult<()> {
        let mut doc = doc;
        this.getter_doc.set(false);
        if doc.is_none()
            && let Some(getter) = &fget
        {
            doc = attr::getattr_optional(getter, name!("__doc__"))?.filter(|d| !d.is_none());
            this.getter_doc.set(doc.is_some());
        }
        this.getter.set(fget);
        this.setter.set(fset);
        this.deleter.set(fdel);
        this.name.set(None);
        if std::ptr::eq(this.class(), Property::class()) {
            this.doc.set(doc);
        } else if let Some(doc) = doc {
            // Subclasses keep the text as an attribute of their own, if they can.
            let result = attr::setattr(&this.as_obj(), name!("__doc__"), Some(&doc));
            if this.getter_doc.get() {
                crate::errors::unless_raised(result, crate::objects::exceptions::AttributeError::class())?;
            } else {
                result?;
            }
        }
        Ok(())
    }

    #[slot(descr_get)]
    fn get(this: &Obj, instance: Option<&Obj>, _owner: Option<&Type>) -> PyResult<Obj> {
        // SAFETY: the slot belongs to this class.
        let property = unsafe { this.downcast_unchecked::<Property>() };
        let Some(instance) = instance.filter(|i| !i.is_none()) else { return Ok(this.clone()) };
        match property.getter.get() {
            Some(getter) => call::call(&getter, std::slice::from_ref(instance)),
            None => Err(property.missing(instance, "getter")?),
        }
    }

    #[slot(descr_set)]
    fn set(&self, instance: &Obj, value: Option<&Obj>) -> PyResult<()> {
        match value {
            Some(value) => match self.setter.get() {
                Some(setter) => call::call(&setter, &[instance.clone(), value.clone()]).map(drop),
                None => Err(self.missing(instance, "setter")?),
            },
            None => match self.deleter.get() {
                Some(deleter) => call::call(&deleter, std::slice::from_ref(instance)).map(drop),
                None => Err(self.missing(instance, "deleter")?),
            },
        }
    }

    /// Descriptor to obtain a copy of the property with a different getter.
    #[pymethod]
    fn getter(this: &Object<Property>, fget: &Obj) -> PyResult<Obj> {
        Property::copy_with(this, Some(fget), None, None)
    }

    /// Descriptor to obtain a copy of the property with a different setter.
    #[pymethod]
    fn setter(this: &Object<Property>, fset: &Obj) -> PyResult<Obj> {
        Property::copy_with(this, None, Some(fset), None)
    }

    /// Descriptor to obtain a copy of the property with a different deleter.
    #[pymethod]
    fn deleter(this: &Object<Property>, fdel: &Obj) -> PyResult<Obj> {
        Property::copy_with(this, None, None, Some(fdel))
    }

    /// Method to set name of a property.
    #[pymethod(name = "__set_name__")]
    fn set_name(&self, _owner: &Obj, name: Obj) -> PyResult<()> {
        self.name.put(name);
        Ok(())
    }

    #[getter]
    fn fget(&self) -> Option<Obj> {
        self.getter.get()
    }

    #[getter]
    fn fset(&self) -> Option<Obj> {
        self.setter.get()
    }

    #[getter]
    fn fdel(&self) -> Option<Obj> {
        self.deleter.get()
    }

    #[getter(name = "__doc__")]
    fn get_doc(&self) -> Option<Obj> {
        self.doc.get()
    }

    #[setter(name = "__doc__")]
    fn set_doc(&self, value: Option<&Obj>) -> PyResult<()> {
        self.doc.set(value.cloned());
        self.getter_doc.set(false);
        Ok(())
    }

    #[getter(name = "__name__")]
    fn get_name(this: &Object<Property>) -> PyResult<Obj> {
        if let Some(own) = this.name.get() {
            return Ok(own);
        }
        if let Some(getter) = this.getter.get()
            && let Some(found) = attr::getattr_optional(&getter, name!("__name__"))?
        {
            return Ok(found);
        }
        Err(raise!(AttributeError, "'property' object has no attribute '__name__'"))
    }

    #[setter(name = "__name__")]
    fn set_dunder_name(&self, value: Option<&Obj>) -> PyResult<()> {
        self.name.set(value.cloned());
        Ok(())
    }

    #[getter(name = "__isabstractmethod__")]
    fn is_abstract(&self) -> PyResult<bool> {
        for f in [&self.getter, &self.setter, &self.deleter] {
            if let Some(f) = f.get()
                && super::function::is_abstract(&f)?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
