//! `_tuplegetter`: the attributes of named tuples.

use crate::data::tuple;
use pyrs_macros::{pyclass, pymethods};
use pyrs_runtime::object::{Obj, ObjCell, Object, Ptr};
use pyrs_runtime::objects::int;
use pyrs_runtime::objects::singletons::none;
use pyrs_runtime::objects::text_builder::TextBuilder;
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::types::Type;
use pyrs_runtime::{PyResult, raise};

// Reads item `index` of a tuple.
#[pyclass(name = "_tuplegetter", module = "collections")]
pub struct TupleGetter {
    index: isize,
    doc: ObjCell,
}

#[pymethods]
impl TupleGetter {
    #[new(sig = "(index, doc, /)")]
    fn construct(cls: &Type, index: isize, doc: Obj) -> PyResult<Obj> {
        Ok(Ptr::new_in(cls, TupleGetter { index, doc: ObjCell::of(doc) }).into_obj())
    }

    #[slot(descr_get)]
    fn get(this: &Obj, instance: Option<&Obj>, _owner: Option<&Type>) -> PyResult<Obj> {
        let Some(instance) = instance.filter(|i| !i.is_none()) else { return Ok(this.clone()) };
        let index = this.downcast::<TupleGetter>().expect("a slot of this class").index;
        let Some(tuple) = instance.downcast::<Tuple>() else {
            let class = instance.class().name();
            return Err(raise!(
                TypeError,
                "descriptor for index '{index}' for tuple subclasses doesn't apply to '{class}' object"
            ));
        };
        match usize::try_from(index).ok().and_then(|i| tuple.items().get(i)) {
            Some(item) => Ok(item.clone()),
            None => Err(raise!(IndexError, "tuple index out of range")),
        }
    }

    #[slot(descr_set)]
    fn set(_this: &Obj, _instance: &Obj, value: Option<&Obj>) -> PyResult<()> {
        let what = if value.is_some() { "set" } else { "delete" };
        Err(raise!(AttributeError, "can't {what} attribute"))
    }

    #[slot(repr)]
    fn repr(this: &Object<TupleGetter>) -> PyResult<Obj> {
        let mut out = TextBuilder::new();
        out.text(&format!("{}({}, ", this.class().short_name(), this.index));
        Ok(out.repr(&this.doc.get().unwrap_or_else(none))?.text(")").finish_obj())
    }

    #[pymethod(name = "__reduce__")]
    fn reduce(this: &Object<TupleGetter>) -> Obj {
        let args = tuple(vec![int::new(this.index as i64), this.doc.get().unwrap_or_else(none)]);
        tuple(vec![this.class().to_obj(), args])
    }

    #[getter(name = "__doc__")]
    fn doc(&self) -> Option<Obj> {
        self.doc.get()
    }

    #[setter(name = "__doc__")]
    fn set_doc(&self, value: Option<&Obj>) -> PyResult<()> {
        self.doc.set(value.cloned());
        Ok(())
    }
}
