//! `typing.Union` (`int | str`), also known as `types.UnionType`.

use crate::call;
use crate::errors::PyResult;
use crate::object::{Obj, ObjCell, Object, Ptr, PyClass};
use crate::objects::generic_alias::{GenericAlias, make_parameters, substitute, type_repr};
use crate::objects::set::frozenset_from;
use crate::objects::singletons::{NoneType, bool_obj, not_implemented};
use crate::objects::str::Str;
use crate::objects::text_builder::TextBuilder;
use crate::objects::tuple::Tuple;
use crate::protocols::{attr, compare};
use crate::raise;
use crate::types::slots::CompareOp;
use crate::types::{Type, as_type};
use pyrs_macros::{pyclass, pymethods};

/// Represent a union type
///
/// E.g. for int | str
#[pyclass(name = "Union", module = "typing", weaklist)]
pub struct Union {
    /// A tuple of at least two different members.
    pub args: Ptr<Tuple>,
    parameters: ObjCell,
}

/// The members of a union while it is put together: each once, unions spread out.
#[derive(Default)]
struct Members {
    all: Vec<Obj>,
    /// Hashes of the hashable ones; `None` for the others.
    hashes: Vec<Option<i64>>,
}

impl Members {
    fn add(&mut self, member: &Obj) -> PyResult<()> {
        if let Some(union) = member.downcast::<Union>() {
            return union.args.items().iter().try_for_each(|arg| self.add(arg));
        }
        let member = if member.is_none() { NoneType::class().to_obj() } else { member.clone() };
        let hash = match compare::hash(&member) {
            Ok(hash) => Some(hash),
            Err(raised) if raised.matches(crate::objects::exceptions::TypeError::class()) => {
                raised.discard();
                None
            }
            Err(raised) => return Err(raised),
        };
        for (known, known_hash) in self.all.iter().zip(&self.hashes) {
            if *known_hash == hash && compare::equal(known, &member)? {
                return Ok(());
            }
        }
        self.all.push(member);
        self.hashes.push(hash);
        Ok(())
    }

    fn finish(mut self) -> PyResult<Obj> {
        match self.all.len() {
            0 => Err(raise!(TypeError, "Cannot take a Union of no types.")),
            1 => Ok(self.all.remove(0)),
            _ => {
                let payload = Union { args: Tuple::from_vec(self.all), parameters: ObjCell::empty() };
                Ok(Ptr::new(payload).into_obj())
            }
        }
    }
}

/// What `|` between types accepts.
fn is_unionable(obj: &Obj) -> bool {
    obj.is_none()
        || as_type(obj).is_some()
        || obj.downcast::<GenericAlias>().is_some()
        || obj.downcast::<Union>().is_some()
        || obj.class().short_name() == "TypeAliasType" && !obj.class().is_heap_type()
}

/// `a | b` for types; NotImplemented if one of them is none.
pub fn union_of(a: &Obj, b: &Obj) -> PyResult<Obj> {
    if !is_unionable(a) || !is_unionable(b) {
        return Ok(not_implemented());
    }
    make_union(&[a.clone(), b.clone()])
}

/// The union of these members, which have been checked.
pub fn make_union(members: &[Obj]) -> PyResult<Obj> {
    let mut all = Members::default();
    for member in members {
        all.add(member)?;
    }
    all.finish()
}

/// `Union[a, b]` as `typing` understands it: strings become forward references.
pub fn typing_union(members: &[Obj]) -> PyResult<Obj> {
    let mut checked = Vec::with_capacity(members.len());
    for member in members {
        checked.push(check_member(member)?);
    }
    make_union(&checked)
}

fn check_member(member: &Obj) -> PyResult<Obj> {
    if member.is_none() {
        return Ok(NoneType::class().to_obj());
    }
    if is_unionable(member) {
        return Ok(member.clone());
    }
    let typing = (crate::hooks::hooks().import_module)("typing")?;
    let message = Str::new("Union[arg, ...]: each arg must be a type.").into_obj();
    call::call_method(&typing, "_type_check", &[member.clone(), message])
}

impl Union {
    fn parameters(&self) -> PyResult<Obj> {
        if !self.parameters.is_set() {
            self.parameters.put(make_parameters(self.args.items())?.into_obj());
        }
        Ok(self.parameters.get().unwrap_or_else(|| Tuple::empty().into_obj()))
    }

    fn contains_member(&self, member: &Obj) -> PyResult<bool> {
        for own in self.args.items() {
            if compare::equal(own, member)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Generic aliases cannot be checked against.
    fn check_no_alias(&self, function: &str) -> PyResult<()> {
        if self.args.items().iter().any(|arg| arg.downcast::<GenericAlias>().is_some()) {
            return Err(raise!(TypeError, "{function}() argument 2 cannot be a parameterized generic"));
        }
        Ok(())
    }
}

#[pymethods]
impl Union {
    #[slot(repr)]
    fn repr(&self) -> PyResult<Obj> {
        let mut out = TextBuilder::new();
        for (i, arg) in self.args.items().iter().enumerate() {
            if i != 0 {
                out.text(" | ");
            }
            type_repr(&mut out, arg)?;
        }
        Ok(out.finish_obj())
    }

    #[slot(hash)]
    fn hash(&self) -> PyResult<i64> {
        for arg in self.args.items() {
            compare::hash(arg)?;
        }
        compare::hash(&frozenset_from(self.args.items().to_vec())?)
    }

    #[slot(richcompare)]
    fn compare(this: &Object<Union>, other: &Obj, op: CompareOp) -> PyResult<Obj> {
        let Some(other) = other.downcast::<Union>() else { return Ok(not_implemented()) };
        if !matches!(op, CompareOp::Eq | CompareOp::Ne) {
            return Ok(not_implemented());
        }
        let mut equal = this.args.len() == other.args.len();
        for arg in this.args.items() {
            equal = equal && other.contains_member(arg)?;
        }
        Ok(bool_obj(equal == (op == CompareOp::Eq)))
    }

    #[slot(nb_or)]
    fn or(a: &Obj, b: &Obj) -> PyResult<Obj> {
        let union = if a.downcast::<Union>().is_some() { b } else { a };
        if is_unionable(union) {
            return union_of(a, b);
        }
        // Everything that `typing` takes for a type may join a union.
        typing_union(&[a.clone(), b.clone()])
    }

    #[slot(getattro)]
    fn getattro(this: &Obj, attribute: &Object<Str>) -> PyResult<Obj> {
        if attribute.eq_str("__module__") {
            return Ok(Str::intern("typing").into_obj());
        }
        attr::generic_getattr(this, attribute)
    }

    #[slot(getitem)]
    fn getitem(this: &Obj, item: &Obj) -> PyResult<Obj> {
        let union = this.downcast::<Union>().expect("a slot of this class");
        let parameters = union.parameters()?.into_ptr::<Tuple>().unwrap_or_else(|_| Tuple::empty());
        let args = substitute(this, union.args.items(), parameters.items(), item)?;
        typing_union(&args)
    }

    #[pymethod(name = "__mro_entries__", sig = "(object, /)")]
    fn mro_entries(this: &Object<Union>, _bases: &Obj) -> PyResult<Obj> {
        let shown = crate::protocols::text::repr_text(&this.as_obj())?;
        Err(raise!(TypeError, "Cannot subclass {shown}"))
    }

    #[pymethod(name = "__instancecheck__", sig = "(object, /)")]
    fn instancecheck(&self, object: &Obj) -> PyResult<bool> {
        self.check_no_alias("isinstance")?;
        for arg in self.args.items() {
            if attr::is_instance(object, arg)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    #[pymethod(name = "__subclasscheck__", sig = "(object, /)")]
    fn subclasscheck(&self, object: &Obj) -> PyResult<bool> {
        if as_type(object).is_none() {
            return Err(raise!(TypeError, "issubclass() arg 1 must be a class"));
        }
        self.check_no_alias("issubclass")?;
        for arg in self.args.items() {
            if attr::is_subclass(object, arg)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Create a union containing the given types
    #[classmethod(name = "__class_getitem__", sig = "(object, /)")]
    fn class_getitem(cls: &Type, item: &Obj) -> PyResult<Obj> {
        let _ = cls;
        match item.downcast::<Tuple>() {
            Some(tuple) => typing_union(tuple.items()),
            None => typing_union(std::slice::from_ref(item)),
        }
    }

    #[getter(name = "__args__")]
    fn args(&self) -> Ptr<Tuple> {
        self.args.clone()
    }

    /// Name of the type
    #[getter(name = "__name__")]
    fn name(&self) -> &'static str {
        "Union"
    }

    /// Qualified name of the type
    #[getter(name = "__qualname__")]
    fn qualname(&self) -> &'static str {
        "Union"
    }

    /// Always returns the type
    #[getter(name = "__origin__")]
    fn origin(&self) -> Obj {
        Union::class().to_obj()
    }

    /// Type variables in the types.UnionType.
    #[getter(name = "__parameters__")]
    fn get_parameters(&self) -> PyResult<Obj> {
        self.parameters()
    }
}
