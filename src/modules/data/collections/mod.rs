//! `_collections`: `deque`, `defaultdict` and helpers of `collections`.

mod default_dict;
mod deque;
mod tuple_getter;

pub use default_dict::DefaultDict;
pub use deque::{Deque, DequeIterator, DequeReverseIterator};
pub use tuple_getter::TupleGetter;

/// High performance data structures.
/// - deque:        ordered collection accessible from endpoints only
/// - defaultdict:  dict subclass with a default value factory
#[pyrs_macros::pymodule(
    name = "_collections",
    classes(super::Deque, super::DefaultDict, super::DequeIterator, super::DequeReverseIterator, super::TupleGetter)
)]
pub mod module {
    use pyrs_runtime::call;
    use pyrs_runtime::object::{Obj, PyClass};
    use pyrs_runtime::objects::dict::{Dict, hash_key};
    use pyrs_runtime::objects::int;
    use pyrs_runtime::protocols::{attr, iter, number, sequence};
    use pyrs_runtime::types::lookup_raw;
    use pyrs_runtime::{PyResult, name};

    /// Count elements in the iterable, updating the mapping
    #[pyfunction]
    pub fn _count_elements(mapping: &Obj, iterable: &Obj) -> PyResult<()> {
        let same = |method| lookup_raw(mapping.class(), method) == lookup_raw(Dict::class(), method);
        let one = int::new(1);
        if let Some(dict) = mapping.downcast::<Dict>().filter(|_| same(name!("get")) && same(name!("__setitem__"))) {
            return iter::for_each(iterable, |key| {
                let hash = hash_key(&key)?;
                let count = match dict.get_hashed(&key, hash)? {
                    Some(count) => number::add(&count, &one)?,
                    None => one.clone(),
                };
                dict.set_hashed(key, hash, count)
            });
        }
        let get = attr::getattr(mapping, name!("get"))?;
        iter::for_each(iterable, |key| {
            let count = call::call(&get, &[key.clone(), int::new(0)])?;
            sequence::setitem(mapping, &key, &number::add(&count, &one)?)
        })
    }
}
