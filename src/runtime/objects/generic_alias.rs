//! `types.GenericAlias` (`list[int]`), and the substitution of type parameters.

use crate::call::{self, Args};
use crate::errors::PyResult;
use crate::object::{Obj, ObjCell, Object, Ptr, PyClass};
use crate::objects::exceptions::{AttributeError, TypeError};
use crate::objects::list::List;
use crate::objects::singletons::{bool_obj, ellipsis, none, not_implemented};
use crate::objects::str::Str;
use crate::objects::text_builder::TextBuilder;
use crate::objects::tuple::Tuple;
use crate::objects::union_type;
use crate::protocols::{attr, compare, iter, sequence, text, truth};
use crate::types::slots::CompareOp;
use crate::types::{Type, as_type};
use crate::{name, raise};
use pyrs_macros::{pyclass, pymethods};

pub use union_type::union_of;

/// Represent a PEP 585 generic type
///
/// For example, for t = list[int], t.__origin__ is list and t.__args__
/// is (int,).
#[pyclass(name = "GenericAlias", module = "types", flags = BASETYPE, weaklist)]
pub struct GenericAlias {
    pub origin: Obj,
    /// A tuple.
    pub args: Ptr<Tuple>,
    /// Computed on the first use.
    parameters: ObjCell,
    /// `*tuple[int]`
    pub starred: bool,
}

impl GenericAlias {
    /// `origin[item]`; a tuple as item means several arguments.
    pub fn new(origin: Obj, item: &Obj) -> Ptr<GenericAlias> {
        Ptr::new(GenericAlias::payload(origin, item, false))
    }

    /// `__class_getitem__` of native classes.
    pub fn class_getitem(class: &Type, item: &Obj) -> PyResult<Obj> {
        Ok(GenericAlias::new(class.to_obj(), item).into_obj())
    }

    fn payload(origin: Obj, item: &Obj, starred: bool) -> GenericAlias {
        let args = match item.downcast::<Tuple>() {
            Some(tuple) => tuple.to_ptr(),
            None => Tuple::from_vec(vec![item.clone()]),
        };
        GenericAlias { origin, args, parameters: ObjCell::empty(), starred }
    }

    fn parameters(&self) -> PyResult<Ptr<Tuple>> {
        if !self.parameters.is_set() {
            self.parameters.put(make_parameters(self.args.items())?.into_obj());
        }
        Ok(match self.parameters.get().map(Obj::into_ptr::<Tuple>) {
            Some(Ok(parameters)) => parameters,
            _ => Tuple::empty(),
        })
    }
}

fn as_list_or_tuple(obj: &Obj) -> Option<Vec<Obj>> {
    if let Some(tuple) = obj.exact::<Tuple>() {
        return Some(tuple.items().to_vec());
    }
    obj.exact::<List>().map(|list| list.to_vec())
}

fn add_unique(found: &mut Vec<Obj>, item: Obj) {
    if !found.iter().any(|known| known.is(&item)) {
        found.push(item);
    }
}

/// The type parameters in the arguments, in order of appearance.
pub fn make_parameters(args: &[Obj]) -> PyResult<Ptr<Tuple>> {
    let mut found = Vec::new();
    for arg in args {
        // A class's own `__parameters__` is a descriptor, perhaps.
        if as_type(arg).is_some() {
            continue;
        }
        if let Some(items) = as_list_or_tuple(arg) {
            make_parameters(&items)?.items().iter().for_each(|p| add_unique(&mut found, p.clone()));
        } else if attr::getattr_optional(arg, name!("__typing_subst__"))?.is_some() {
            add_unique(&mut found, arg.clone());
        } else if let Some(inner) = attr::getattr_optional(arg, name!("__parameters__"))?
            && let Some(inner) = inner.downcast::<Tuple>()
        {
            inner.items().iter().for_each(|p| add_unique(&mut found, p.clone()));
        }
    }
    Ok(Tuple::from_vec(found))
}

/// The arguments of a subscript, with unpacked tuples spread out.
fn unpack_arguments(item: &Obj) -> PyResult<Vec<Obj>> {
    let items = item.downcast::<Tuple>().map_or_else(|| vec![item.clone()], |t| t.items().to_vec());
    let mut unpacked = Vec::with_capacity(items.len());
    for item in items {
        if as_type(&item).is_none()
            && let Some(inner) = attr::getattr_optional(&item, name!("__typing_unpacked_tuple_args__"))?
            && let Some(inner) = inner.downcast::<Tuple>()
            && !inner.items().last().is_some_and(|last| last.is(&ellipsis()))
        {
            unpacked.extend_from_slice(inner.items());
        } else {
            unpacked.push(item);
        }
    }
    Ok(unpacked)
}

/// Substitutes the parameters inside an argument that has some of its own.
fn substitute_inside(obj: &Obj, parameters: &[Obj], values: &[Obj]) -> PyResult<Obj> {
    let inner = attr::getattr_optional(obj, name!("__parameters__"))?;
    let Some(inner) = inner.and_then(|i| i.into_ptr::<Tuple>().ok()).filter(|t| !t.is_empty()) else {
        return Ok(obj.clone());
    };
    let mut args = Vec::with_capacity(inner.len());
    for parameter in inner.items() {
        let Some(at) = parameters.iter().position(|p| p.is(parameter)) else {
            args.push(parameter.clone());
            continue;
        };
        match values[at].downcast::<Tuple>() {
            // A TypeVarTuple stands for several values.
            Some(several) if parameter.class().slots().iter.is_some() => args.extend_from_slice(several.items()),
            _ => args.push(values[at].clone()),
        }
    }
    sequence::getitem(obj, &Tuple::from_vec(args).into_obj())
}

/// The arguments of `this` after `item` has been substituted for its parameters.
pub fn substitute(this: &Obj, args: &[Obj], parameters: &[Obj], item: &Obj) -> PyResult<Vec<Obj>> {
    if parameters.is_empty() {
        let mut shown = TextBuilder::new();
        shown.repr(this)?;
        return Err(raise!(TypeError, "{} is not a generic class", shown.finish().to_string_lossy()));
    }
    let mut item = Tuple::from_vec(unpack_arguments(item)?).into_obj();
    for parameter in parameters {
        if let Some(prepare) = attr::getattr_optional(parameter, name!("__typing_prepare_subst__"))?
            && !prepare.is_none()
        {
            let given = if item.downcast::<Tuple>().is_some() { item } else { Tuple::from_vec(vec![item]).into_obj() };
            item = call::call(&prepare, &[this.clone(), given])?;
        }
    }
    let values = item.downcast::<Tuple>().map_or_else(|| vec![item.clone()], |t| t.items().to_vec());
    if values.len() != parameters.len() {
        let how = if values.len() > parameters.len() { "many" } else { "few" };
        let shown = text::repr_text(this)?;
        return Err(raise!(
            TypeError,
            "Too {how} arguments for {shown}; actual {}, expected {}",
            values.len(),
            parameters.len()
        ));
    }
    replace_parameters(this, args, parameters, &values)
}

fn replace_parameters(this: &Obj, args: &[Obj], parameters: &[Obj], values: &[Obj]) -> PyResult<Vec<Obj>> {
    let mut result = Vec::with_capacity(args.len());
    for arg in args {
        if as_type(arg).is_some() {
            result.push(arg.clone());
            continue;
        }
        if let Some(items) = as_list_or_tuple(arg) {
            let items = replace_parameters(this, &items, parameters, values)?;
            let is_list = arg.exact::<List>().is_some();
            result.push(if is_list { List::from_vec(items).into_obj() } else { Tuple::from_vec(items).into_obj() });
            continue;
        }
        let unpack = match attr::getattr_optional(arg, name!("__typing_is_unpacked_typevartuple__"))? {
            Some(flag) => truth::is_true(&flag)?,
            None => false,
        };
        let replaced = match attr::getattr_optional(arg, name!("__typing_subst__"))? {
            Some(subst) => {
                let at = parameters.iter().position(|p| p.is(arg)).unwrap_or(0);
                call::call(&subst, std::slice::from_ref(&values[at]))?
            }
            None => substitute_inside(arg, parameters, values)?,
        };
        if !unpack {
            result.push(replaced);
            continue;
        }
        let Some(several) = replaced.downcast::<Tuple>() else {
            return Err(raise!(
                TypeError,
                "expected __typing_subst__ of {} objects to return a tuple, not {}",
                arg.class().full_name(),
                replaced.class().full_name()
            ));
        };
        result.extend_from_slice(several.items());
    }
    Ok(result)
}

/// How a type is shown as part of another: by name, without `builtins`.
pub fn type_repr(out: &mut TextBuilder, obj: &Obj) -> PyResult<()> {
    if obj.is(&ellipsis()) {
        out.text("...");
        return Ok(());
    }
    if std::ptr::eq(obj.value().as_pointer(), none().class().value().as_pointer()) {
        out.text("None");
        return Ok(());
    }
    let is_alias = attr::getattr_optional(obj, name!("__origin__"))?.is_some()
        && attr::getattr_optional(obj, name!("__args__"))?.is_some();
    if !is_alias
        && let Some(qualname) = attr::getattr_optional(obj, name!("__qualname__"))?
        && let Some(module) = attr::getattr_optional(obj, name!("__module__"))?
        && !module.is_none()
    {
        if !module.downcast::<Str>().is_some_and(|m| m.eq_str("builtins")) {
            out.str(&module)?.text(".");
        }
        out.str(&qualname)?;
        return Ok(());
    }
    out.repr(obj)?;
    Ok(())
}

fn argument_repr(out: &mut TextBuilder, arg: &Obj) -> PyResult<()> {
    let Some(list) = arg.exact::<List>() else { return type_repr(out, arg) };
    out.text("[");
    let mut i = 0;
    while let Some(item) = list.get(i) {
        if i != 0 {
            out.text(", ");
        }
        type_repr(out, &item)?;
        i += 1;
    }
    out.text("]");
    Ok(())
}

/// Attributes that the alias answers itself; all others are the origin's.
const OWN: [&str; 9] = [
    "__class__",
    "__origin__",
    "__args__",
    "__unpacked__",
    "__parameters__",
    "__typing_unpacked_tuple_args__",
    "__mro_entries__",
    "__reduce_ex__",
    "__reduce__",
];
/// Attributes that the origin is not asked for.
const BLOCKED: [&str; 3] = ["__bases__", "__copy__", "__deepcopy__"];

#[pymethods]
impl GenericAlias {
    #[new(text_signature = "(origin, args, /)")]
    fn construct(cls: &Type, args: Args<'_>) -> PyResult<Obj> {
        args.no_keywords("GenericAlias")?;
        let [origin, item] = args.positionals() else {
            return Err(raise!(TypeError, "GenericAlias expected 2 arguments, got {}", args.nargs));
        };
        Ok(Ptr::new_in(cls, GenericAlias::payload(origin.clone(), item, false)).into_obj())
    }

    #[slot(repr)]
    fn repr(this: &Object<GenericAlias>) -> PyResult<Obj> {
        let mut out = TextBuilder::new();
        if this.starred {
            out.text("*");
        }
        type_repr(&mut out, &this.origin)?;
        out.text("[");
        for (i, arg) in this.args.items().iter().enumerate() {
            if i != 0 {
                out.text(", ");
            }
            argument_repr(&mut out, arg)?;
        }
        Ok(out.text(if this.args.is_empty() { "()]" } else { "]" }).finish_obj())
    }

    #[slot(hash)]
    fn hash(&self) -> PyResult<i64> {
        Ok(compare::hash(&self.origin)? ^ compare::hash(&self.args.as_obj())?)
    }

    #[slot(call)]
    fn call(this: &Obj, args: Args<'_>) -> PyResult<Obj> {
        let alias = this.downcast::<GenericAlias>().expect("a slot of this class");
        let result = call::call_args(&alias.origin, args)?;
        // Not all objects take attributes: then nobody learns how they were made.
        match attr::setattr(&result, name!("__orig_class__"), Some(this)) {
            Err(raised) if raised.matches(AttributeError::class()) || raised.matches(TypeError::class()) => {
                raised.discard();
            }
            other => other?,
        }
        Ok(result)
    }

    #[slot(getattro)]
    fn getattro(this: &Obj, attribute: &Object<Str>) -> PyResult<Obj> {
        let is_own = OWN.iter().chain(&BLOCKED).any(|own| attribute.eq_str(own));
        if is_own {
            return attr::generic_getattr(this, attribute);
        }
        attr::getattr(&this.downcast::<GenericAlias>().expect("a slot of this class").origin, attribute)
    }

    #[slot(richcompare)]
    fn compare(this: &Object<GenericAlias>, other: &Obj, op: CompareOp) -> PyResult<Obj> {
        let Some(other) = other.downcast::<GenericAlias>() else { return Ok(not_implemented()) };
        if !matches!(op, CompareOp::Eq | CompareOp::Ne) {
            return Ok(not_implemented());
        }
        let equal = this.starred == other.starred
            && compare::equal(&this.origin, &other.origin)?
            && compare::equal(&this.args.as_obj(), &other.args.as_obj())?;
        Ok(bool_obj(equal == (op == CompareOp::Eq)))
    }

    #[slot(iter)]
    fn iter(this: &Object<GenericAlias>) -> PyResult<Obj> {
        Ok(Ptr::new(GenericAliasIterator { alias: ObjCell::of(this.to_obj()) }).into_obj())
    }

    #[slot(nb_or)]
    fn or(a: &Obj, b: &Obj) -> PyResult<Obj> {
        union_of(a, b)
    }

    #[slot(getitem)]
    fn getitem(this: &Obj, item: &Obj) -> PyResult<Obj> {
        let alias = this.downcast::<GenericAlias>().expect("a slot of this class");
        let parameters = alias.parameters()?;
        let args = substitute(this, alias.args.items(), parameters.items(), item)?;
        let args = Tuple::from_vec(args).into_obj();
        Ok(Ptr::new(GenericAlias::payload(alias.origin.clone(), &args, alias.starred)).into_obj())
    }

    #[pymethod(name = "__mro_entries__", sig = "(object, /)")]
    fn mro_entries(&self, _bases: &Obj) -> Obj {
        Tuple::from_vec(vec![self.origin.clone()]).into_obj()
    }

    #[pymethod(name = "__instancecheck__", sig = "(object, /)")]
    fn instancecheck(&self, _object: &Obj) -> PyResult<Obj> {
        Err(raise!(TypeError, "isinstance() argument 2 cannot be a parameterized generic"))
    }

    #[pymethod(name = "__subclasscheck__", sig = "(object, /)")]
    fn subclasscheck(&self, _object: &Obj) -> PyResult<Obj> {
        Err(raise!(TypeError, "issubclass() argument 2 cannot be a parameterized generic"))
    }

    #[pymethod(name = "__reduce__")]
    fn reduce(this: &Object<GenericAlias>) -> PyResult<Obj> {
        let args = vec![this.origin.clone(), this.args.to_obj()];
        if !this.starred {
            let args = Tuple::from_vec(args).into_obj();
            return Ok(Tuple::from_vec(vec![this.class().to_obj(), args]).into_obj());
        }
        let plain = Ptr::new(GenericAlias::payload(this.origin.clone(), &this.args.as_obj(), false)).into_obj();
        let iterator = iter::iter(&plain)?;
        let next = crate::objects::iter::builtin("next")?;
        Ok(Tuple::from_vec(vec![next, Tuple::from_vec(vec![iterator]).into_obj()]).into_obj())
    }

    #[pymethod(name = "__dir__")]
    fn dir(&self) -> PyResult<Obj> {
        let dir = call::call(&crate::objects::iter::builtin("dir")?, std::slice::from_ref(&self.origin))?;
        let mut names = iter::collect(&dir)?;
        for own in OWN {
            let known = names.iter().any(|n| n.downcast::<Str>().is_some_and(|n| n.eq_str(own)));
            if !known {
                names.push(Str::intern(own).into_obj());
            }
        }
        Ok(List::from_vec(names).into_obj())
    }

    #[getter(name = "__origin__")]
    fn origin(&self) -> Obj {
        self.origin.clone()
    }

    #[getter(name = "__args__")]
    fn args(&self) -> Ptr<Tuple> {
        self.args.clone()
    }

    #[getter(name = "__unpacked__")]
    fn unpacked(&self) -> bool {
        self.starred
    }

    /// Type variables in the GenericAlias.
    #[getter(name = "__parameters__")]
    fn get_parameters(&self) -> PyResult<Ptr<Tuple>> {
        self.parameters()
    }

    #[getter(name = "__typing_unpacked_tuple_args__")]
    fn typing_unpacked_tuple_args(&self) -> Option<Obj> {
        let is_tuple = std::ptr::eq(self.origin.value().as_pointer(), Tuple::class().value().as_pointer());
        (self.starred && is_tuple).then(|| self.args.to_obj())
    }
}

// `*tuple[int, str]`: yields the starred alias once.
#[pyclass(name = "generic_alias_iterator", flags = DISALLOW_INSTANTIATION)]
pub struct GenericAliasIterator {
    alias: ObjCell,
}

#[pymethods]
impl GenericAliasIterator {
    #[slot(iter)]
    fn iter(this: &Obj) -> PyResult<Obj> {
        Ok(this.clone())
    }

    #[slot(iternext)]
    fn next(this: &Object<GenericAliasIterator>) -> PyResult<Option<Obj>> {
        let Some(alias) = this.alias.take() else { return Ok(None) };
        let alias = alias.downcast::<GenericAlias>().expect("made from an alias");
        let starred = GenericAlias::payload(alias.origin.clone(), &alias.args.as_obj(), true);
        Ok(Some(Ptr::new(starred).into_obj()))
    }

    #[pymethod(name = "__reduce__")]
    fn reduce(&self) -> PyResult<Obj> {
        let iter = crate::objects::iter::builtin("iter")?;
        let subject = self.alias.get().unwrap_or_else(|| Tuple::empty().into_obj());
        Ok(Tuple::from_vec(vec![iter, Tuple::from_vec(vec![subject]).into_obj()]).into_obj())
    }
}
