//! What `#[pyclass]`, `#[pymethods]`, `#[pyfunction]` and `#[pymodule]` expand to: static definitions
//! from which classes and modules are filled at start.

use crate::args::ParamSpec;
use crate::call::VectorCall;
use crate::errors::PyResult;
use crate::object::Obj;
use crate::types::slots::Slots;
use crate::types::{NativeLayout, StaticType, Type};

/// How a native function is bound.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Binding {
    /// `self` comes first; becomes a method descriptor.
    Method,
    /// The class comes first.
    Class,
    /// No implicit first argument (also `__new__`-like and module functions).
    Static,
}

/// A native function or method.
pub struct MethodDef {
    pub name: &'static str,
    pub doc: &'static str,
    /// As `__text_signature__` shows it, `($self, …)`; empty if there is none.
    pub text_signature: &'static str,
    pub binding: Binding,
    pub call: VectorCall,
    pub params: &'static ParamSpec,
}

pub type GetterFn = fn(&Obj) -> PyResult<Obj>;
pub type SetterFn = fn(&Obj, Option<&Obj>) -> PyResult<()>;

/// A computed attribute of a native class.
pub struct GetSetDef {
    pub name: &'static str,
    pub doc: &'static str,
    pub get: GetterFn,
    pub set: Option<SetterFn>,
}

/// One `#[pymethods]` block.
pub struct ClassPart {
    pub methods: &'static [MethodDef],
    pub getset: &'static [GetSetDef],
    pub set_slots: fn(&mut Slots),
    /// Text signature of the constructor, shown in the class's doc.
    pub text_signature: &'static str,
}

/// A native class.
pub struct ClassDef {
    pub name: &'static str,
    pub module: &'static str,
    pub doc: &'static str,
    pub class: &'static StaticType,
    pub base: fn() -> &'static Type,
    pub flags: u64,
    pub basicsize: usize,
    /// Size of one item of a variable-size class, else 0.
    pub itemsize: usize,
    /// Instances get an attribute dictionary, a weak-reference word.
    pub has_dict: bool,
    pub has_weaklist: bool,
    pub layout: NativeLayout,
    pub parts: &'static [&'static ClassPart],
    /// `None` = inherit, `Some(false)` = `__hash__` is None.
    pub unhashable: bool,
}

/// A native module.
pub struct ModuleDef {
    pub name: &'static str,
    pub doc: &'static str,
    pub functions: &'static [MethodDef],
    /// Each class by the function that gives its definition.
    pub classes: &'static [fn() -> &'static ClassDef],
    /// Adds constants and whatever else needs code; runs once, when the module is imported.
    pub exec: Option<fn(&crate::object::Object<crate::objects::module::Module>) -> PyResult<()>>,
}

/// Drops the payload of an instance whose payload type is `T`.
///
/// # Safety
/// `header` is an instance with a `T` behind its header; the payload is not used again.
pub unsafe fn drop_payload<T>(header: *mut crate::object::Header) {
    // SAFETY: by contract.
    unsafe { std::ptr::drop_in_place(&raw mut (*(header as *mut crate::object::Object<T>)).payload) }
}

/// The arguments of a constructor without parameters that have names. Keywords are refused, unless a subclass
/// has an `__init__` of its own that takes them.
pub fn positional_arguments<'a, T: crate::object::PyClass>(
    cls: &Type,
    args: crate::call::Args<'a>,
) -> PyResult<crate::call::Args<'a>> {
    if args.kwnames.is_none() {
        return Ok(args);
    }
    let init = |class: &Type| class.slots().init.map(|f| f as usize);
    if std::ptr::eq(cls, T::class()) || init(cls) == init(T::class()) {
        args.no_keywords(T::class().short_name())?;
    }
    Ok(crate::call::Args { values: args.positionals(), nargs: args.nargs, kwnames: None })
}

/// Binds the arguments of `__new__`: see [`positional_arguments`] and [`bind_constructor`].
pub fn bind_new<'a, const N: usize, T: crate::object::PyClass>(
    spec: &ParamSpec,
    cls: &Type,
    args: crate::call::Args<'a>,
) -> PyResult<crate::args::Bound<'a, N>> {
    let positional = spec.posonly == spec.names.len() && !spec.varkw;
    let args = if positional { positional_arguments::<T>(cls, args)? } else { args };
    bind_constructor::<N, T>(spec, args)
}

/// Binds the arguments of a constructor; messages show the name of the class.
pub fn bind_constructor<'a, const N: usize, T: crate::object::PyClass>(
    spec: &ParamSpec,
    args: crate::call::Args<'a>,
) -> PyResult<crate::args::Bound<'a, N>> {
    if spec.function.is_empty() {
        let name = T::class().short_name();
        // SAFETY: names of native classes are static.
        let name: &'static str = unsafe { std::mem::transmute::<&str, &'static str>(name) };
        let spec = ParamSpec {
            owner: crate::args::Owner::None,
            function: name,
            names: spec.names,
            posonly: spec.posonly,
            positional: spec.positional,
            required: spec.required,
            varargs: spec.varargs,
            varkw: spec.varkw,
        };
        return crate::args::bind(&spec, args);
    }
    crate::args::bind(spec, args)
}
