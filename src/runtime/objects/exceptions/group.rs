//! `BaseExceptionGroup` and `ExceptionGroup`, and the operations behind `except*`.

use std::collections::HashSet;

use super::base::{init_base, short_name, store_args, trace_cells};
use super::{BaseException, Exception, as_exception_class, base_of, is_exception, matches};
use crate::call::{self, Args};
use crate::errors::PyResult;
use crate::object::{Obj, ObjCell, Object, Ptr, PyClass};
use crate::objects::generic_alias::GenericAlias;
use crate::objects::list::List;
use crate::objects::singletons::none;
use crate::objects::str::Str;
use crate::objects::text_builder::TextBuilder;
use crate::objects::tuple::Tuple;
use crate::protocols::{attr, iter, sequence, text, truth};
use crate::types::{Type, as_type};
use crate::{name, raise};
use pyrs_macros::{pyclass, pymethods};

/// A combination of multiple unrelated exceptions.
#[repr(C)]
#[derive(Default)]
#[pyclass(flags = BASETYPE | BASE_EXC_SUBCLASS, dict, base = BaseException)]
pub struct BaseExceptionGroup {
    pub base: BaseException,
    pub message: ObjCell,
    /// A tuple of exceptions.
    pub exceptions: ObjCell,
    /// The repr of the constructor's second argument, if it was neither list nor tuple.
    shown: ObjCell,
}

trace_cells!(BaseExceptionGroup { message, exceptions, shown });

#[doc = ""]
#[repr(transparent)]
#[pyclass(flags = BASETYPE | BASE_EXC_SUBCLASS, dict, weaklist, base = BaseExceptionGroup, parts())]
pub struct ExceptionGroup(#[allow(dead_code)] BaseExceptionGroup);

/// Gives `ExceptionGroup` its second base, `Exception`; called once, after both classes are ready.
pub fn ready_exception_group() {
    let (group, base, exception) = (ExceptionGroup::class(), BaseExceptionGroup::class(), Exception::class());
    let bases = vec![base.to_obj(), exception.to_obj()];
    group.bases.put(Tuple::from_vec(bases).into_obj());
    let object = crate::objects::object::object_class();
    let mro = [group, base, exception, BaseException::class(), object].map(|class| class.to_obj());
    group.mro.put(Tuple::from_vec(mro.to_vec()).into_obj());
    exception.subclasses.with(|list| list.push(group));
}

impl BaseExceptionGroup {
    /// The exceptions in the group.
    pub fn members(&self) -> Vec<Obj> {
        let members = self.exceptions.get();
        members.and_then(|m| m.downcast::<Tuple>().map(|t| t.items().to_vec())).unwrap_or_default()
    }
}

/// Checks the items of a group; true if one of them is not an `Exception`.
fn check_members(members: &[Obj]) -> PyResult<bool> {
    if members.is_empty() {
        return Err(raise!(ValueError, "second argument (exceptions) must be a non-empty sequence"));
    }
    let mut has_base_exception = false;
    for (i, member) in members.iter().enumerate() {
        if !is_exception(member) {
            return Err(raise!(ValueError, "Item {i} of second argument (exceptions) is not an exception"));
        }
        has_base_exception |= !member.class().is_subclass(Exception::class());
    }
    Ok(has_base_exception)
}

#[pymethods]
impl BaseExceptionGroup {
    #[slot(new)]
    fn new(cls: &Type, args: Args<'_>) -> PyResult<Obj> {
        let [message, exceptions] = args.positionals() else {
            let given = args.nargs;
            return Err(raise!(TypeError, "BaseExceptionGroup.__new__() takes exactly 2 arguments ({given} given)"));
        };
        if message.downcast::<Str>().is_none() {
            let class = crate::args::type_name_for_message(message);
            return Err(raise!(TypeError, "BaseExceptionGroup.__new__() argument 1 must be str, not {class}"));
        }
        if !sequence::is_sequence(exceptions) {
            return Err(raise!(TypeError, "second argument (exceptions) must be a sequence"));
        }
        let is_plain = exceptions.downcast::<List>().is_some() || exceptions.downcast::<Tuple>().is_some();
        let shown = if is_plain { None } else { Some(text::repr(exceptions)?.into_obj()) };
        let members = iter::collect(exceptions)?;
        let has_base_exception = check_members(&members)?;
        let mut class = cls;
        if std::ptr::eq(cls, ExceptionGroup::class()) {
            if has_base_exception {
                return Err(raise!(TypeError, "Cannot nest BaseExceptions in an ExceptionGroup"));
            }
        } else if std::ptr::eq(cls, BaseExceptionGroup::class()) {
            if !has_base_exception {
                class = ExceptionGroup::class();
            }
        } else if has_base_exception && cls.is_subclass(Exception::class()) {
            return Err(raise!(TypeError, "Cannot nest BaseExceptions in '{}'", cls.name()));
        }
        let group = Ptr::new_in(class, BaseExceptionGroup::default());
        store_args(&group.base, args);
        group.message.put(message.clone());
        group.exceptions.put(Tuple::from_vec(members).into_obj());
        group.shown.set(shown);
        Ok(group.into_obj())
    }

    #[slot(init)]
    fn init(this: &Obj, args: Args<'_>) -> PyResult<()> {
        init_base(this, args)
    }

    #[slot(str)]
    fn str(this: &Object<BaseExceptionGroup>) -> PyResult<Obj> {
        let count = this.members().len();
        let mut out = TextBuilder::new();
        out.str(&this.message.get().unwrap_or_else(none))?;
        out.text(&format!(" ({count} sub-exception{})", if count == 1 { "" } else { "s" }));
        Ok(out.finish_obj())
    }

    /// Shows the exceptions as they are now, in the form in which they were given.
    #[slot(repr)]
    fn repr(this: &Object<BaseExceptionGroup>) -> PyResult<Obj> {
        let shown = match this.shown.get() {
            Some(shown) => shown,
            None => {
                let args = this.base.args();
                let as_list = args.items().get(1).is_some_and(|a| a.downcast::<List>().is_some());
                let members = this.members();
                let members =
                    if as_list { List::from_vec(members).into_obj() } else { Tuple::from_vec(members).into_obj() };
                text::repr(&members)?.into_obj()
            }
        };
        let mut out = TextBuilder::new();
        out.text(&short_name(&this.as_obj())).text("(");
        out.repr(&this.message.get().unwrap_or_else(none))?.text(", ").str(&shown)?.text(")");
        Ok(out.finish_obj())
    }

    /// Exception groups are generic over the type of their contained exceptions
    #[classmethod(name = "__class_getitem__")]
    fn class_getitem(cls: &Type, object: &Obj) -> PyResult<Obj> {
        Ok(GenericAlias::new(cls.to_obj(), object).into_obj())
    }

    #[pymethod]
    fn derive(this: &Object<BaseExceptionGroup>, excs: &Obj) -> PyResult<Obj> {
        let message = this.message.get().unwrap_or_else(none);
        call::call(&BaseExceptionGroup::class().as_obj(), &[message, excs.clone()])
    }

    #[pymethod]
    fn split(this: &Obj, matcher_value: &Obj) -> PyResult<(Obj, Obj)> {
        let matcher = Matcher::new(matcher_value)?;
        let parts = split_recursively(this, &matcher, true)?;
        Ok((parts.matched.unwrap_or_else(none), parts.rest.unwrap_or_else(none)))
    }

    #[pymethod]
    fn subgroup(this: &Obj, matcher_value: &Obj) -> PyResult<Obj> {
        let matcher = Matcher::new(matcher_value)?;
        Ok(split_recursively(this, &matcher, false)?.matched.unwrap_or_else(none))
    }

    /// exception message
    #[getter]
    fn message(&self) -> Option<Obj> {
        self.message.get()
    }

    #[setter]
    fn set_message(&self, _value: Option<&Obj>) -> PyResult<()> {
        Err(raise!(AttributeError, "readonly attribute"))
    }

    /// nested exceptions
    #[getter]
    fn exceptions(&self) -> Option<Obj> {
        self.exceptions.get()
    }

    #[setter]
    fn set_exceptions(&self, _value: Option<&Obj>) -> PyResult<()> {
        Err(raise!(AttributeError, "readonly attribute"))
    }
}

/// What decides whether an exception belongs to the matching part.
enum Matcher {
    /// A class or a tuple of classes.
    Class(Obj),
    Predicate(Obj),
    /// Leaves with these identities.
    Leaves(HashSet<u64>),
}

impl Matcher {
    fn new(value: &Obj) -> PyResult<Matcher> {
        if value.class().slots().call.is_some() && as_type(value).is_none() {
            return Ok(Matcher::Predicate(value.clone()));
        }
        let all_classes = |t: &Object<Tuple>| t.items().iter().all(|c| as_exception_class(c).is_some());
        if as_exception_class(value).is_some() || value.downcast::<Tuple>().is_some_and(all_classes) {
            return Ok(Matcher::Class(value.clone()));
        }
        Err(raise!(
            TypeError,
            "expected an exception type, a tuple of exception types, or a callable (other than a class)"
        ))
    }

    fn accepts(&self, exc: &Obj) -> PyResult<bool> {
        match self {
            Matcher::Class(wanted) => Ok(matches(exc, wanted)),
            Matcher::Predicate(f) => truth::is_true(&call::call(f, std::slice::from_ref(exc))?),
            Matcher::Leaves(ids) => Ok(exc.downcast::<BaseExceptionGroup>().is_none() && ids.contains(&exc.id())),
        }
    }
}

/// The two parts of a split; `None` = nothing there.
#[derive(Default)]
pub struct Split {
    pub matched: Option<Obj>,
    pub rest: Option<Obj>,
}

/// Splits an exception or group by a class or tuple of classes, as `except*` does.
pub fn split(exc: &Obj, classes: &Obj) -> PyResult<Split> {
    split_recursively(exc, &Matcher::Class(classes.clone()), true)
}

fn split_recursively(exc: &Obj, matcher: &Matcher, want_rest: bool) -> PyResult<Split> {
    if matcher.accepts(exc)? {
        return Ok(Split { matched: Some(exc.clone()), rest: None });
    }
    let Some(group) = exc.downcast::<BaseExceptionGroup>() else {
        return Ok(Split { matched: None, rest: want_rest.then(|| exc.clone()) });
    };
    let (mut matched, mut rest) = (Vec::new(), Vec::new());
    for member in group.members() {
        let parts = crate::thread::with_recursion(" in exceptiongroup_split_recursive", || {
            split_recursively(&member, matcher, want_rest)
        })?;
        matched.extend(parts.matched);
        rest.extend(parts.rest);
    }
    Ok(Split { matched: subset(exc, matched)?, rest: subset(exc, rest)? })
}

/// A group like `original` with some of its exceptions, and with its traceback, cause, context, notes.
fn subset(original: &Obj, members: Vec<Obj>) -> PyResult<Option<Obj>> {
    if members.is_empty() {
        return Ok(None);
    }
    let members = List::from_vec(members).into_obj();
    let derived = call::call_method_str(original, name!("derive"), &[members])?;
    if derived.downcast::<BaseExceptionGroup>().is_none() {
        return Err(raise!(TypeError, "derive must return an instance of BaseExceptionGroup"));
    }
    let (from, to) = (base_of(original).expect("a group"), base_of(&derived).expect("a group"));
    to.traceback.set(from.traceback.get());
    to.context.set(from.context.get());
    super::set_cause(&derived, from.cause.get());
    // Notes of another kind than a sequence are somebody's error, but this is not the place to report it.
    if let Some(notes) = attr::getattr_optional(original, name!("__notes__"))?
        && sequence::is_sequence(&notes)
    {
        let copy = List::from_vec(iter::collect(&notes)?).into_obj();
        attr::setattr(&derived, name!("__notes__"), Some(&copy))?;
    }
    Ok(Some(derived))
}

fn collect_leaves(exc: &Obj, leaves: &mut HashSet<u64>) {
    match exc.downcast::<BaseExceptionGroup>() {
        Some(group) => group.members().iter().for_each(|member| collect_leaves(member, leaves)),
        None => {
            leaves.insert(exc.id());
        }
    }
}

/// Raised again as it was: notes, traceback, cause and context are the original's.
fn same_metadata(a: &Obj, b: &Obj) -> PyResult<bool> {
    let (Some(x), Some(y)) = (base_of(a), base_of(b)) else { return Ok(false) };
    let notes = |exc: &Obj| Ok(attr::getattr_optional(exc, name!("__notes__"))?.map(|n| n.id()));
    Ok(notes(a)? == notes(b)?
        && x.traceback.peek() == y.traceback.peek()
        && x.cause.peek() == y.cause.peek()
        && x.context.peek() == y.context.peek())
}

/// What remains to be raised at the end of `try`/`except*`: `raised` holds what the handlers raised and
/// the part that no handler took. None (the object) if nothing remains.
pub fn prepare_reraise_star(original: &Obj, raised: &[Obj]) -> PyResult<Obj> {
    if original.downcast::<BaseExceptionGroup>().is_none() {
        // A plain exception was caught: at most one handler ran.
        return Ok(raised.first().cloned().unwrap_or_else(none));
    }
    let (mut fresh, mut leaves, mut any_again) = (Vec::new(), HashSet::new(), false);
    for exc in raised.iter().filter(|e| !e.is_none()) {
        if same_metadata(exc, original)? {
            any_again = true;
            collect_leaves(exc, &mut leaves);
        } else {
            fresh.push(exc.clone());
        }
    }
    let again = if any_again { split_recursively(original, &Matcher::Leaves(leaves), false)?.matched } else { None };
    if fresh.is_empty() {
        return Ok(again.unwrap_or_else(none));
    }
    fresh.extend(again);
    if fresh.len() == 1 {
        return Ok(fresh.remove(0));
    }
    let class = BaseExceptionGroup::class().as_obj();
    call::call(&class, &[Str::empty().into_obj(), List::from_vec(fresh).into_obj()])
}
