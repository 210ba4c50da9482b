//! `wrapper_descriptor` and `method-wrapper`: the Python face of native slots (`int.__add__`).

use super::slots::{CompareOp, Kind, SlotDef, SlotFn};
use super::{Type, flags};
use crate::call::Args;
use crate::errors::PyResult;
use crate::object::{Obj, Ptr};
use crate::objects::singletons::{bool_obj, none, not_implemented};
use crate::objects::str::Str;
use crate::objects::{int, singletons};
use crate::protocols::number;
use crate::raise;
use pyrs_macros::{pyclass, pymethods};

/// A special method of a native class.
#[pyclass(name = "wrapper_descriptor", nogc, flags = METHOD_DESCRIPTOR | DISALLOW_INSTANTIATION)]
pub struct SlotWrapper {
    pub def: &'static SlotDef,
    pub function: SlotFn,
    /// The class that defines it; native classes live as long as the process.
    owner: *const Type,
}

impl SlotWrapper {
    pub fn new(def: &'static SlotDef, function: SlotFn, owner: &Type) -> Ptr<SlotWrapper> {
        Ptr::new(SlotWrapper { def, function, owner })
    }

    /// The class that the method belongs to.
    pub fn owner(&self) -> &Type {
        // SAFETY: wrappers are only made for native classes, which are static.
        unsafe { &*self.owner }
    }
}

/// True for `object.__getattribute__`.
pub fn wraps_generic_getattr(found: &Obj) -> bool {
    found
        .exact::<SlotWrapper>()
        .is_some_and(|w| w.function.address() == crate::protocols::attr::generic_getattr as *const () as usize)
}

#[pymethods]
impl SlotWrapper {
    #[slot(repr)]
    fn repr(&self) -> PyResult<Obj> {
        Ok(Str::new(&format!("<slot wrapper '{}' of '{}' objects>", self.def.name, self.owner().name())).into_obj())
    }

    #[slot(call)]
    fn call(&self, args: Args<'_>) -> PyResult<Obj> {
        let Some(this) = args.positionals().first() else {
            return Err(raise!(
                TypeError,
                "descriptor '{}' of '{}' object needs an argument",
                self.def.name,
                self.owner().name()
            ));
        };
        if !this.class().is_subclass(self.owner()) {
            return Err(raise!(
                TypeError,
                "descriptor '{}' requires a '{}' object but received a '{}'",
                self.def.name,
                self.owner().name(),
                this.class().name()
            ));
        }
        call_slot(self, this, args.rest())
    }

    #[slot(descr_get)]
    fn get(this: &Obj, instance: Option<&Obj>, _owner: Option<&Type>) -> PyResult<Obj> {
        let wrapper = this.downcast::<SlotWrapper>().expect("checked by the class");
        match instance {
            None => Ok(this.clone()),
            Some(instance) if instance.class().is_subclass(wrapper.owner()) => {
                Ok(Ptr::new(MethodWrapper { wrapper: wrapper.to_ptr(), this: instance.clone() }).into_obj())
            }
            Some(instance) => Err(raise!(
                TypeError,
                "descriptor '{}' for '{}' objects doesn't apply to a '{}' object",
                wrapper.def.name,
                wrapper.owner().name(),
                instance.class().name()
            )),
        }
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
    fn doc(&self) -> &'static str {
        self.def.doc
    }

    #[getter(name = "__text_signature__")]
    fn text_signature(&self) -> &'static str {
        self.def.signature
    }

    #[getter(name = "__objclass__")]
    fn objclass(&self) -> Obj {
        self.owner().to_obj()
    }

    #[pymethod(name = "__reduce__")]
    fn reduce(&self) -> PyResult<Obj> {
        crate::objects::function::reduce_member(&self.owner().as_obj(), self.def.name)
    }
}

/// A special method of a native class bound to an instance.
#[pyclass(name = "method-wrapper", flags = DISALLOW_INSTANTIATION)]
pub struct MethodWrapper {
    wrapper: Ptr<SlotWrapper>,
    this: Obj,
}

#[pymethods]
impl MethodWrapper {
    #[slot(repr)]
    fn repr(&self) -> PyResult<Obj> {
        let (name, class) = (self.wrapper.def.name, self.this.class().name());
        Ok(Str::new(&format!("<method-wrapper '{name}' of {class} object at {:#x}>", self.this.id())).into_obj())
    }

    #[slot(call)]
    fn call(&self, args: Args<'_>) -> PyResult<Obj> {
        call_slot(&self.wrapper, &self.this, args)
    }

    #[slot(richcompare)]
    fn compare(&self, other: &Obj, op: CompareOp) -> PyResult<Obj> {
        let Some(other) = other.exact::<MethodWrapper>() else { return Ok(not_implemented()) };
        let same = std::ptr::eq(&**self.wrapper, &**other.wrapper) && self.this.is(&other.this);
        match op {
            CompareOp::Eq => Ok(bool_obj(same)),
            CompareOp::Ne => Ok(bool_obj(!same)),
            _ => Ok(not_implemented()),
        }
    }

    #[slot(hash)]
    fn hash(&self) -> PyResult<i64> {
        Ok((self.this.id() >> 4) as i64 ^ (self.wrapper.value().0 >> 3) as i64)
    }

    #[getter(name = "__name__")]
    fn name(&self) -> &'static str {
        self.wrapper.def.name
    }

    #[getter(name = "__qualname__")]
    fn qualname(&self) -> String {
        format!("{}.{}", self.wrapper.owner().qualname_text(), self.wrapper.def.name)
    }

    #[getter(name = "__doc__")]
    fn doc(&self) -> &'static str {
        self.wrapper.def.doc
    }

    #[getter(name = "__text_signature__")]
    fn text_signature(&self) -> &'static str {
        self.wrapper.def.signature
    }

    #[getter(name = "__objclass__")]
    fn objclass(&self) -> Obj {
        self.wrapper.owner().to_obj()
    }

    #[getter(name = "__self__")]
    fn this(&self) -> Obj {
        self.this.clone()
    }

    #[pymethod(name = "__reduce__")]
    fn reduce(&self) -> PyResult<Obj> {
        crate::objects::function::reduce_member(&self.this, self.wrapper.def.name)
    }
}

fn arity(def: &SlotDef, args: Args<'_>, least: usize, most: usize) -> PyResult<()> {
    if args.has_keywords() {
        return Err(raise!(TypeError, "wrapper {}() takes no keyword arguments", def.name));
    }
    let n = args.nargs;
    if n < least || n > most {
        let s = |n: usize| if n == 1 { "" } else { "s" };
        return Err(if least == most {
            raise!(TypeError, "expected {least} argument{}, got {n}", s(least))
        } else if n < least {
            raise!(TypeError, "{} expected at least {least} argument{}, got {n}", def.name, s(least))
        } else {
            raise!(TypeError, "{} expected at most {most} argument{}, got {n}", def.name, s(most))
        });
    }
    Ok(())
}

/// Calls the slot behind `wrapper` as its special method.
fn call_slot(wrapper: &SlotWrapper, this: &Obj, args: Args<'_>) -> PyResult<Obj> {
    let def = wrapper.def;
    let (least, most) = match def.kind {
        Kind::Unary | Kind::Bool | Kind::Len | Kind::Hash | Kind::Next | Kind::Finalize => (0, 0),
        Kind::Ternary | Kind::TernaryReflected | Kind::DescrGet => (1, 2),
        Kind::SetAttr | Kind::SetItem | Kind::DescrSet => (2, 2),
        Kind::Init | Kind::Call => (0, usize::MAX),
        _ => (1, 1),
    };
    if most != usize::MAX {
        arity(def, args, least, most)?;
    }
    let a = args.values;
    match (def.kind, wrapper.function) {
        (Kind::Unary, SlotFn::Unary(f)) => f(this),
        (Kind::Binary, SlotFn::Binary(f)) => f(this, &a[0]),
        (Kind::Reflected, SlotFn::Binary(f)) => f(&a[0], this),
        (Kind::Ternary, SlotFn::Ternary(f)) => f(this, &a[0], a.get(1).unwrap_or(&none())),
        (Kind::TernaryReflected, SlotFn::Ternary(f)) => f(&a[0], this, a.get(1).unwrap_or(&none())),
        (Kind::Bool, SlotFn::Bool(f)) => f(this).map(bool_obj),
        (Kind::Len, SlotFn::Len(f)) => f(this).map(|n| int::new(n as i64)),
        (Kind::Hash, SlotFn::Hash(f)) => f(this).map(int::new),
        (Kind::Compare(op), SlotFn::Compare(f)) => f(this, &a[0], op),
        (Kind::GetAttr, SlotFn::GetAttr(f)) => f(this, &*attribute_name(&a[0])?),
        (Kind::SetAttr, SlotFn::SetAttr(f)) => {
            check_setattr(this, wrapper)?;
            f(this, &*attribute_name(&a[0])?, Some(&a[1])).map(|()| none())
        }
        (Kind::DelAttr, SlotFn::SetAttr(f)) => {
            check_setattr(this, wrapper)?;
            f(this, &*attribute_name(&a[0])?, None).map(|()| none())
        }
        (Kind::Index, SlotFn::Index(f)) => f(this, number::as_ssize(&a[0], true)?),
        (Kind::SetItem, SlotFn::SetItem(f)) => f(this, &a[0], Some(&a[1])).map(|()| none()),
        (Kind::DelItem, SlotFn::SetItem(f)) => f(this, &a[0], None).map(|()| none()),
        (Kind::Contains, SlotFn::Contains(f)) => f(this, &a[0]).map(bool_obj),
        (Kind::DescrGet, SlotFn::DescrGet(f)) => {
            let instance = (!a[0].is_none()).then_some(&a[0]);
            let owner = a.get(1).and_then(super::as_type);
            if instance.is_none() && owner.is_none() {
                return Err(raise!(TypeError, "__get__(None, None) is invalid"));
            }
            f(this, instance, owner)
        }
        (Kind::DescrSet, SlotFn::SetItem(f)) => f(this, &a[0], Some(&a[1])).map(|()| none()),
        (Kind::DescrDelete, SlotFn::SetItem(f)) => f(this, &a[0], None).map(|()| none()),
        (Kind::Init, SlotFn::Init(f)) => f(this, args).map(|()| none()),
        (Kind::Call, SlotFn::Call(_)) => crate::call::call_args_with(wrapper.function, this, args),
        (Kind::Next, SlotFn::Next(f)) => match f(this)? {
            Some(item) => Ok(item),
            None => Err(raise!(StopIteration)),
        },
        (Kind::Finalize, SlotFn::Finalize(f)) => {
            f(this);
            Ok(none())
        }
        (Kind::GetBuffer, SlotFn::Buffer(_)) => crate::protocols::buffer::python_buffer(this, &a[0]),
        (Kind::ReleaseBuffer, SlotFn::Release(_)) => crate::protocols::buffer::python_release(this, &a[0]),
        _ => Err(raise!(SystemError, "slot {} has the wrong kind of function", def.name)),
    }
}

fn attribute_name(obj: &Obj) -> PyResult<Ptr<Str>> {
    crate::protocols::attr::name_of(obj)
}

/// `object.__setattr__(cls, …)` must not reach around a metaclass's own method.
fn check_setattr(this: &Obj, wrapper: &SlotWrapper) -> PyResult<()> {
    let mut class = Some(this.class());
    while let Some(c) = class {
        if !c.is_heap_type() {
            let own = c.slots().setattro.map(|f| f as usize);
            if own.is_some() && own != Some(wrapper.function.address()) && c.has_flag(flags::TYPE_SUBCLASS) {
                return Err(raise!(
                    TypeError,
                    "can't apply this {} to {} object",
                    wrapper.def.name,
                    this.class().name()
                ));
            }
            break;
        }
        class = c.base();
    }
    let _ = singletons::none;
    Ok(())
}
