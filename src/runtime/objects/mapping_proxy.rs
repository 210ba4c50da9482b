//! `types.MappingProxyType`: a read-only view of any mapping.

use crate::call;
use crate::errors::PyResult;
use crate::object::{Obj, Object, Ptr};
use crate::objects::dict::Dict;
use crate::objects::generic_alias::GenericAlias;
use crate::objects::list::List;
use crate::objects::singletons::none;
use crate::objects::text_builder::TextBuilder;
use crate::objects::tuple::Tuple;
use crate::protocols::{compare, iter, number, sequence, text};
use crate::types::Type;
use crate::types::slots::CompareOp;
use crate::{name, raise};
use pyrs_macros::{pyclass, pymethods};

/// Read-only proxy of a mapping.
#[repr(C)]
#[pyclass(name = "mappingproxy", flags = MAPPING)]
pub struct MappingProxy {
    pub mapping: Obj,
}

impl MappingProxy {
    pub fn new(mapping: Obj) -> Ptr<MappingProxy> {
        Ptr::new(MappingProxy { mapping })
    }
}

/// The mapping behind a proxy; other objects as they are.
fn behind(obj: &Obj) -> &Obj {
    obj.exact::<MappingProxy>().map_or(obj, |proxy| &proxy.mapping)
}

#[pymethods]
impl MappingProxy {
    #[new(sig = "(mapping)", name = "mappingproxy")]
    fn construct(_cls: &Type, mapping: &Obj) -> PyResult<Obj> {
        let is_list = mapping.downcast::<List>().is_some() || mapping.downcast::<Tuple>().is_some();
        if !sequence::is_mapping(mapping) || is_list {
            let class = mapping.class().name();
            return Err(raise!(TypeError, "mappingproxy() argument must be a mapping, not {class}"));
        }
        Ok(MappingProxy::new(mapping.clone()).into_obj())
    }

    #[slot(repr)]
    fn repr(&self) -> PyResult<Obj> {
        let mut out = TextBuilder::new();
        Ok(out.text("mappingproxy(").repr(&self.mapping)?.text(")").finish_obj())
    }

    #[slot(str)]
    fn str(&self) -> PyResult<Obj> {
        Ok(text::str(&self.mapping)?.into_obj())
    }

    #[slot(hash)]
    fn hash(&self) -> PyResult<i64> {
        compare::hash(&self.mapping)
    }

    #[slot(richcompare)]
    fn compare(&self, other: &Obj, op: CompareOp) -> PyResult<Obj> {
        compare::rich_compare(&self.mapping, other, op)
    }

    #[slot(iter)]
    fn iter(&self) -> PyResult<Obj> {
        iter::iter(&self.mapping)
    }

    #[slot(length)]
    fn length(&self) -> PyResult<usize> {
        sequence::len(&self.mapping)
    }

    #[slot(getitem)]
    fn getitem(&self, key: &Obj) -> PyResult<Obj> {
        sequence::getitem(&self.mapping, key)
    }

    #[slot(contains)]
    fn contains(&self, key: &Obj) -> PyResult<bool> {
        iter::contains(&self.mapping, key)
    }

    #[slot(nb_or)]
    fn or(a: &Obj, b: &Obj) -> PyResult<Obj> {
        number::or(behind(a), behind(b))
    }

    #[slot(nb_inplace_or)]
    fn inplace_or(this: &Obj, _other: &Obj) -> PyResult<Obj> {
        let class = this.class().name();
        Err(raise!(TypeError, "'|=' is not supported by {class}; use '|' instead"))
    }

    /// Return the value for key if key is in the mapping, else default.
    #[pymethod(sig = "(key, default=None, /)")]
    fn get(&self, key: &Obj, default: Option<&Obj>) -> PyResult<Obj> {
        let default = default.cloned().unwrap_or_else(none);
        if let Some(dict) = self.mapping.exact::<Dict>() {
            return Ok(dict.get(key)?.unwrap_or(default));
        }
        call::call_method_str(&self.mapping, name!("get"), &[key.clone(), default])
    }

    /// D.keys() -> a set-like object providing a view on D's keys
    #[pymethod(text_signature = "($self, /)")]
    fn keys(&self) -> PyResult<Obj> {
        call::call_method_str(&self.mapping, name!("keys"), &[])
    }

    /// D.values() -> an object providing a view on D's values
    #[pymethod]
    fn values(&self) -> PyResult<Obj> {
        call::call_method_str(&self.mapping, name!("values"), &[])
    }

    /// D.items() -> a set-like object providing a view on D's items
    #[pymethod]
    fn items(&self) -> PyResult<Obj> {
        call::call_method_str(&self.mapping, name!("items"), &[])
    }

    /// D.copy() -> a shallow copy of D
    #[pymethod]
    fn copy(&self) -> PyResult<Obj> {
        call::call_method_str(&self.mapping, name!("copy"), &[])
    }

    /// mappingproxy objects are generic over two types, signifying (respectively) the types of their keys and values
    #[classmethod(name = "__class_getitem__")]
    fn class_getitem(cls: &Type, object: &Obj) -> Obj {
        GenericAlias::new(cls.to_obj(), object).into_obj()
    }

    /// D.__reversed__() -> reverse iterator
    #[pymethod(name = "__reversed__")]
    fn reversed(this: &Object<MappingProxy>) -> PyResult<Obj> {
        call::call_method_str(&this.mapping, name!("__reversed__"), &[])
    }
}
