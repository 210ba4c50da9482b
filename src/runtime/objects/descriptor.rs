//! Data descriptors of classes: computed attributes of native classes (`getset_descriptor`) and
//! `__slots__` members (`member_descriptor`).

use std::cell::Cell;

use crate::class::GetSetDef;
use crate::errors::{PyResult, raise_attribute_error};
use crate::heap::decref_or_null;
use crate::object::{Obj, Object, Ptr};
use crate::objects::object::object_class;
use crate::objects::str::Str;
use crate::raise;
use crate::types::{Type, shape};
use crate::value::Value;
use pyrs_macros::{pyclass, pymethods};

/// Whose attribute a descriptor is.
fn check_instance(owner: &Type, attribute: &str, instance: &Obj) -> PyResult<()> {
    if instance.class().is_subclass(owner) {
        return Ok(());
    }
    Err(raise!(
        TypeError,
        "descriptor '{attribute}' for '{}' objects doesn't apply to a '{}' object",
        owner.name(),
        instance.class().name()
    ))
}

/// A computed attribute of a native class.
#[pyclass(name = "getset_descriptor", flags = DISALLOW_INSTANTIATION)]
pub struct GetSetDescriptor {
    pub def: &'static GetSetDef,
    owner: Obj,
}

impl GetSetDescriptor {
    pub fn new(def: &'static GetSetDef, owner: &Type) -> Ptr<GetSetDescriptor> {
        Ptr::new(GetSetDescriptor { def, owner: owner.to_obj() })
    }

    pub fn owner(&self) -> &Type {
        crate::types::as_type(&self.owner).expect("descriptors belong to classes")
    }
}

#[pymethods]
impl GetSetDescriptor {
    #[slot(descr_get)]
    fn get(this: &Obj, instance: Option<&Obj>, _owner: Option<&Type>) -> PyResult<Obj> {
        // SAFETY: the slot belongs to this class.
        let descriptor = unsafe { this.downcast_unchecked::<GetSetDescriptor>() };
        let Some(instance) = instance else { return Ok(this.clone()) };
        // What `object` has, everything has.
        if !std::ptr::eq(descriptor.owner(), object_class()) {
            check_instance(descriptor.owner(), descriptor.def.name, instance)?;
        }
        (descriptor.def.get)(instance)
    }

    #[slot(descr_set)]
    fn set(&self, instance: &Obj, value: Option<&Obj>) -> PyResult<()> {
        check_instance(self.owner(), self.def.name, instance)?;
        match self.def.set {
            Some(set) => set(instance, value),
            None => Err(raise!(
                AttributeError,
                "attribute '{}' of '{}' objects is not writable",
                self.def.name,
                self.owner().name()
            )),
        }
    }

    #[slot(repr)]
    fn repr(&self) -> PyResult<Obj> {
        Ok(Str::new(&format!("<attribute '{}' of '{}' objects>", self.def.name, self.owner().name())).into_obj())
    }

    #[getter(name = "__name__")]
    fn name(&self) -> &'static str {
        self.def.name
    }

    #[getter(name = "__qualname__")]
    fn qualname(&self) -> String {
        format!("{}.{}", self.owner().qualname_text(), self.def.name)
    }

    #[getter(name = "__doc__")]
    fn doc(&self) -> Option<&'static str> {
        (!self.def.doc.is_empty()).then_some(self.def.doc)
    }

    #[getter(name = "__objclass__")]
    fn objclass(&self) -> Obj {
        self.owner.clone()
    }
}

/// One `__slots__` entry of a Python class.
#[pyclass(name = "member_descriptor", flags = DISALLOW_INSTANTIATION)]
pub struct MemberDescriptor {
    pub attribute: Ptr<Str>,
    pub offset: usize,
    owner: Obj,
}

impl MemberDescriptor {
    pub fn slot(owner: &Type, attribute: &Object<Str>, offset: usize) -> Ptr<MemberDescriptor> {
        Ptr::new(MemberDescriptor { attribute: attribute.to_ptr(), offset, owner: owner.to_obj() })
    }

    pub fn owner(&self) -> &Type {
        crate::types::as_type(&self.owner).expect("descriptors belong to classes")
    }

    /// Raises TypeError for an object that is not an instance of the owner.
    #[inline]
    fn check(&self, instance: &Obj) -> PyResult<()> {
        if instance.class().is_subclass(self.owner()) {
            return Ok(());
        }
        check_instance(self.owner(), &self.attribute.to_string_lossy(), instance)
    }

    /// The word of an instance that holds the attribute.
    ///
    /// # Safety
    /// `instance` is an instance of the owner.
    unsafe fn word<'a>(&self, instance: &'a Obj) -> &'a Cell<Value> {
        // SAFETY: instances of the owner and its subclasses have the word at this offset.
        unsafe {
            let words = shape::slot_words(instance.value().as_pointer(), instance.class());
            &*(words.add(self.offset) as *const Cell<Value>)
        }
    }
}

#[pymethods]
impl MemberDescriptor {
    #[slot(descr_get)]
    fn get(this: &Obj, instance: Option<&Obj>, _owner: Option<&Type>) -> PyResult<Obj> {
        // SAFETY: the slot belongs to this class.
        let member = unsafe { this.downcast_unchecked::<MemberDescriptor>() };
        let Some(instance) = instance else { return Ok(this.clone()) };
        member.check(instance)?;
        // SAFETY: checked just above; the word owns what it holds.
        unsafe {
            let v = member.word(instance).get();
            if v.is_null() {
                let text = member.attribute.to_string_lossy();
                let text = format!("'{}' object has no attribute '{text}'", instance.class().name());
                return Err(raise_attribute_error(&text, instance, &member.attribute));
            }
            Ok(Obj::from_borrowed(v))
        }
    }

    #[slot(descr_set)]
    fn set(&self, instance: &Obj, value: Option<&Obj>) -> PyResult<()> {
        self.check(instance)?;
        // SAFETY: as in `get`; the old value is released after the new one is in place.
        unsafe {
            let new = value.map_or(Value::NULL, |v| v.clone().into_value());
            let old = self.word(instance).replace(new);
            if value.is_none() && old.is_null() {
                let text = self.attribute.to_string_lossy();
                return Err(raise_attribute_error(&text, instance, &self.attribute));
            }
            decref_or_null(old);
        }
        Ok(())
    }

    #[slot(repr)]
    fn repr(&self) -> PyResult<Obj> {
        let (attribute, class) = (self.attribute.to_string_lossy(), self.owner().name().to_owned());
        Ok(Str::new(&format!("<member '{attribute}' of '{class}' objects>")).into_obj())
    }

    #[getter(name = "__name__")]
    fn name(&self) -> Obj {
        self.attribute.to_obj()
    }

    #[getter(name = "__qualname__")]
    fn qualname(&self) -> String {
        format!("{}.{}", self.owner().qualname_text(), self.attribute.to_string_lossy())
    }

    #[getter(name = "__doc__")]
    fn doc(&self) -> Option<&'static str> {
        None
    }

    #[getter(name = "__objclass__")]
    fn objclass(&self) -> Obj {
        self.owner.clone()
    }

    #[pymethod(name = "__reduce__")]
    fn reduce(&self) -> PyResult<Obj> {
        super::function::reduce_member(&self.owner, &self.attribute.to_string_lossy())
    }
}
