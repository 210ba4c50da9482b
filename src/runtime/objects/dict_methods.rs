//! Methods of `dict`. Its views and iterators are in `dict_views`.

use crate::args::Maybe;
use crate::call::{self, Args};
use crate::class::ClassDef;
use crate::errors::{PyResult, raise_key_error, unless_raised};
use crate::object::{Obj, Object, Ptr, PyClass};
use crate::objects::container_classes::traced_layout;
use crate::objects::dict::{self, Dict, hash_key};
use crate::objects::dict_views::{DictItems, DictKeyIterator, DictKeys, DictReverseKeyIterator, DictValues};
use crate::objects::exceptions::TypeError;
use crate::objects::generic_alias::GenericAlias;
use crate::objects::set::as_set;
use crate::objects::singletons::{bool_obj, none, not_implemented};
use crate::objects::str::Str;
use crate::objects::text_builder::TextBuilder;
use crate::objects::tuple::Tuple;
use crate::protocols::text::ReprGuard;
use crate::protocols::{attr, compare, iter, sequence};
use crate::types::slots::CompareOp;
use crate::types::{Type, flags};
use crate::{name, raise};
use pyrs_macros::pymethods;

impl Dict {
    /// The definition that the class object is made from.
    pub fn def() -> &'static ClassDef {
        static DEF: ClassDef = ClassDef {
            name: "dict",
            module: "builtins",
            doc: "dict() -> new empty dictionary\ndict(mapping) -> new dictionary initialized from a mapping object's\n    \
                  (key, value) pairs\ndict(iterable) -> new dictionary initialized as if via:\n    d = {}\n    \
                  for k, v in iterable:\n        d[k] = v\n\
                  dict(**kwargs) -> new dictionary initialized with the name=value pairs\n    \
                  in the keyword argument list.  For example:  dict(one=1, two=2)",
            class: dict::CLASS,
            base: crate::objects::object::object_class,
            flags: flags::HAVE_GC | flags::BASETYPE | flags::DICT_SUBCLASS | flags::MAPPING | flags::MATCH_SELF,
            basicsize: size_of::<Object<Dict>>(),
            itemsize: 0,
            has_dict: false,
            has_weaklist: false,
            layout: traced_layout::<Dict>(),
            parts: &[&Dict::PART],
            unhashable: true,
        };
        &DEF
    }

    /// `update(mapping_or_pairs)`.
    pub fn update(&self, other: &Obj) -> PyResult<()> {
        if let Some(dict) = plain_dict(other) {
            if std::ptr::eq(&**dict, self) {
                return Ok(());
            }
            return self.merge_dict(dict);
        }
        match attr::getattr_optional(other, name!("keys"))? {
            Some(_) => self.merge_mapping(other),
            None => self.merge_pairs(other),
        }
    }

    /// Adds the items of a dict; its size must not change meanwhile.
    fn merge_dict(&self, other: &Object<Dict>) -> PyResult<()> {
        if self.is_empty() {
            return self.update_from(other);
        }
        let (mut at, size) = (0, other.len());
        while let Some((next, key, value)) = other.next_item(at) {
            self.set_hashed(key, other.hash_before(next), value)?;
            at = next;
            if other.len() != size {
                return Err(raise!(RuntimeError, "dict mutated during update"));
            }
        }
        Ok(())
    }

    /// Adds the items of an object with `keys()`.
    pub fn merge_mapping(&self, other: &Obj) -> PyResult<()> {
        let keys = call::call_method_str(other, name!("keys"), &[])?;
        let iterator = iter::iter(&keys)?;
        while let Some(key) = iter::next(&iterator)? {
            let value = sequence::getitem(other, &key)?;
            self.set(key, value)?;
        }
        Ok(())
    }

    /// Adds pairs.
    pub fn merge_pairs(&self, pairs: &Obj) -> PyResult<()> {
        let iterator = iter::iter(pairs)?;
        let mut i = 0;
        while let Some(pair) = iter::next(&iterator)? {
            let parts = match unless_raised(iter::collect_or(&pair, "object is not iterable"), TypeError::class()) {
                Ok(Some(parts)) => parts,
                Ok(None) => {
                    let raised = raise!(TypeError, "object is not iterable");
                    let exc = raised.take();
                    let note = format!("Cannot convert dictionary update sequence element #{i} to a sequence");
                    crate::objects::exceptions::add_note(&exc, &Str::new(&note).into_obj())?;
                    return Err(crate::errors::Raised::new(exc));
                }
                Err(raised) => return Err(raised),
            };
            let [key, value] = &parts[..] else {
                let n = parts.len();
                return Err(raise!(
                    ValueError,
                    "dictionary update sequence element #{i} has length {n}; 2 is required"
                ));
            };
            self.set(key.clone(), value.clone())?;
            i += 1;
        }
        Ok(())
    }

    /// Pops a key: its value, the default, or KeyError.
    pub fn pop_key(&self, key: &Obj, default: Option<Obj>) -> PyResult<Obj> {
        if self.is_empty() {
            return default.ok_or_else(|| raise_key_error(key));
        }
        match (self.remove(key)?, default) {
            (Some(value), _) => Ok(value),
            (None, Some(default)) => Ok(default),
            (None, None) => Err(raise_key_error(key)),
        }
    }
}

/// A dict, or an instance of a subclass that iterates as dicts do: its table may be read directly.
fn plain_dict(obj: &Obj) -> Option<&Object<Dict>> {
    let dict = obj.downcast::<Dict>()?;
    let ours = Dict::class().slots().iter.map(|f| f as usize);
    (obj.class().slots().iter.map(|f| f as usize) == ours).then_some(dict)
}

/// Arguments of `dict(…)` and `update(…)`.
fn update_with(this: &Obj, args: Args<'_>, function: &str) -> PyResult<()> {
    let dict = this.downcast::<Dict>().expect("a method of this class");
    if args.nargs > 1 {
        return Err(raise!(TypeError, "{function} expected at most 1 argument, got {}", args.nargs));
    }
    if let Some(other) = args.positionals().first() {
        dict.update(other)?;
    }
    for (key, value) in args.keywords() {
        dict.set_str(key, value.clone())?;
    }
    Ok(())
}

/// The value of a key in another dict, for comparisons.
fn equal_dicts(a: &Object<Dict>, b: &Object<Dict>) -> PyResult<bool> {
    if a.len() != b.len() {
        return Ok(false);
    }
    let mut at = 0;
    while let Some((next, key, value)) = a.next_item(at) {
        match b.get_hashed(&key, a.hash_before(next))? {
            Some(other) if compare::equal(&value, &other)? => {}
            _ => return Ok(false),
        }
        at = next;
    }
    Ok(true)
}

#[pymethods]
impl Dict {
    #[slot(new)]
    fn construct(cls: &Type, _args: Args<'_>) -> PyResult<Obj> {
        Ok(Ptr::new_in(cls, Dict::default()).into_obj())
    }

    #[slot(init)]
    fn init(this: &Obj, args: Args<'_>) -> PyResult<()> {
        update_with(this, args, "dict")
    }

    #[slot(repr)]
    fn repr(this: &Object<Dict>) -> PyResult<Obj> {
        if this.is_empty() {
            return Ok(Str::new("{}").into_obj());
        }
        let Some(_guard) = ReprGuard::enter(&this.as_obj()) else { return Ok(Str::new("{...}").into_obj()) };
        let mut out = TextBuilder::new();
        let mut at = 0;
        while let Some((next, key, value)) = this.next_item(at) {
            out.text(if out.is_empty() { "{" } else { ", " });
            out.repr(&key)?.text(": ").repr(&value)?;
            at = next;
        }
        Ok(out.text("}").finish_obj())
    }

    #[slot(richcompare)]
    fn compare(this: &Object<Dict>, other: &Obj, op: CompareOp) -> PyResult<Obj> {
        let Some(other) = other.downcast::<Dict>() else { return Ok(not_implemented()) };
        match op {
            CompareOp::Eq => equal_dicts(this, other).map(bool_obj),
            CompareOp::Ne => equal_dicts(this, other).map(|equal| bool_obj(!equal)),
            _ => Ok(not_implemented()),
        }
    }

    #[slot(iter)]
    fn iter(this: &Object<Dict>) -> PyResult<Obj> {
        Ok(DictKeyIterator::new(this).into_obj())
    }

    #[slot(length)]
    fn length(this: &Object<Dict>) -> PyResult<usize> {
        Ok(this.len())
    }

    #[slot(getitem)]
    fn getitem(this: &Obj, key: &Obj) -> PyResult<Obj> {
        let dict = this.downcast::<Dict>().expect("a slot of this class");
        if let Some(value) = dict.get(key)? {
            return Ok(value);
        }
        if !std::ptr::eq(this.class(), Dict::class())
            && let Some(value) = call::call_special(this, name!("__missing__"), std::slice::from_ref(key))?
        {
            return Ok(value);
        }
        Err(raise_key_error(key))
    }

    #[slot(setitem)]
    fn setitem(this: &Object<Dict>, key: &Obj, value: Option<&Obj>) -> PyResult<()> {
        match value {
            Some(value) => this.set(key.clone(), value.clone()),
            None => match this.remove(key)? {
                Some(_) => Ok(()),
                None => Err(raise_key_error(key)),
            },
        }
    }

    #[slot(contains)]
    fn has(this: &Object<Dict>, key: &Obj) -> PyResult<bool> {
        this.contains(key)
    }

    #[slot(nb_or)]
    fn or(a: &Obj, b: &Obj) -> PyResult<Obj> {
        let (Some(own), Some(_)) = (a.downcast::<Dict>(), b.downcast::<Dict>()) else { return Ok(not_implemented()) };
        let result = own.copy();
        result.update(b)?;
        Ok(result.into_obj())
    }

    #[slot(nb_inplace_or)]
    fn inplace_or(this: &Obj, other: &Obj) -> PyResult<Obj> {
        this.downcast::<Dict>().expect("a slot of this class").update(other)?;
        Ok(this.clone())
    }

    /// Return the size of the dict in memory, in bytes.
    #[pymethod(name = "__sizeof__")]
    fn sizeof(this: &Object<Dict>) -> usize {
        48 + this.table_size()
    }

    /// Return the value for key if key is in the dictionary, else default.
    #[pymethod(name = "get", sig = "(key, default=None, /)")]
    fn get_or(&self, key: &Obj, default: Option<&Obj>) -> PyResult<Obj> {
        Ok(self.get(key)?.unwrap_or_else(|| default.cloned().unwrap_or_else(none)))
    }

    /// Insert key with a value of default if key is not in the dictionary.
    ///
    /// Return the value for key if key is in the dictionary, else default.
    #[pymethod(sig = "(key, default=None, /)")]
    fn setdefault(&self, key: &Obj, default: Option<&Obj>) -> PyResult<Obj> {
        self.set_default(key.clone(), default.cloned().unwrap_or_else(none))
    }

    /// D.pop(k[,d]) -> v, remove specified key and return the corresponding value.
    ///
    /// If the key is not found, return the default if given; otherwise,
    /// raise a KeyError.
    #[pymethod(sig = "(key, default=<unrepresentable>, /)")]
    fn pop(&self, key: &Obj, default: Maybe<Obj>) -> PyResult<Obj> {
        self.pop_key(key, default.0)
    }

    /// Remove and return a (key, value) pair as a 2-tuple.
    ///
    /// Pairs are returned in LIFO (last-in, first-out) order.
    /// Raises KeyError if the dict is empty.
    #[pymethod]
    fn popitem(&self) -> PyResult<(Obj, Obj)> {
        self.pop_last().ok_or_else(|| raise!(KeyError, "popitem(): dictionary is empty"))
    }

    /// Return a set-like object providing a view on the dict's keys.
    #[pymethod(name = "keys")]
    fn keys_view(this: &Object<Dict>) -> Obj {
        DictKeys::new(this).into_obj()
    }

    /// Return a set-like object providing a view on the dict's items.
    #[pymethod(name = "items")]
    fn items_view(this: &Object<Dict>) -> Obj {
        DictItems::new(this).into_obj()
    }

    /// Return an object providing a view on the dict's values.
    #[pymethod(name = "values")]
    fn values_view(this: &Object<Dict>) -> Obj {
        DictValues::new(this).into_obj()
    }

    /// D.update([E, ]**F) -> None.  Update D from mapping/iterable E and F.
    /// If E is present and has a .keys() method, then does:  for k in E.keys(): D[k] = E[k]
    /// If E is present and lacks a .keys() method, then does:  for k, v in E: D[k] = v
    /// In either case, this is followed by: for k in F:  D[k] = F[k]
    #[pymethod(name = "update")]
    fn update_method(this: &Obj, args: Args<'_>) -> PyResult<()> {
        update_with(this, args, "update")
    }

    /// Create a new dictionary with keys from iterable and values set to value.
    #[classmethod(sig = "(iterable, value=None, /)")]
    fn fromkeys(cls: &Type, iterable: &Obj, value: Option<&Obj>) -> PyResult<Obj> {
        let value = value.cloned().unwrap_or_else(none);
        let result = call::call(&cls.as_obj(), &[])?;
        let Some(dict) = result.exact::<Dict>() else {
            iter::for_each(iterable, |key| sequence::setitem(&result, &key, &value))?;
            return Ok(result);
        };
        if let Some(source) = iterable.exact::<Dict>() {
            let mut at = 0;
            while let Some((next, key, _)) = source.next_item(at) {
                dict.set_hashed(key, source.hash_before(next), value.clone())?;
                at = next;
            }
        } else if let Some(elements) = as_set(iterable) {
            for (hash, key) in elements.elements() {
                dict.set_hashed(key, hash, value.clone())?;
            }
        } else {
            iter::for_each(iterable, |key| {
                let hash = hash_key(&key)?;
                dict.set_hashed(key, hash, value.clone())
            })?;
        }
        Ok(result)
    }

    /// Remove all items from the dict.
    #[pymethod(name = "clear")]
    fn clear_method(&self) {
        self.clear();
    }

    /// Return a shallow copy of the dict.
    #[pymethod(name = "copy")]
    fn copy_method(&self) -> Ptr<Dict> {
        self.copy()
    }

    /// Return a reverse iterator over the dict keys.
    #[pymethod(name = "__reversed__")]
    fn reversed(this: &Object<Dict>) -> Obj {
        DictReverseKeyIterator::new(this).into_obj()
    }

    /// dicts are generic over two types, signifying (respectively) the types of their keys and values
    #[classmethod(name = "__class_getitem__")]
    fn class_getitem(cls: &Type, object: &Obj) -> Obj {
        GenericAlias::new(cls.to_obj(), object).into_obj()
    }
}

/// A pair as a tuple.
pub(crate) fn pair(key: Obj, value: Obj) -> Obj {
    Tuple::from_vec(vec![key, value]).into_obj()
}
