//! Native functions and the descriptors of native classes' methods: `builtin_function_or_method`,
//! `method_descriptor`, `classmethod_descriptor`.

use std::cell::Cell;

use crate::call::{self, Args, VectorCall};
use crate::class::{Binding, MethodDef};
use crate::errors::PyResult;
use crate::object::{Obj, Object, Ptr};
use crate::objects::singletons::{bool_obj, not_implemented};
use crate::objects::str::Str;
use crate::objects::tuple::Tuple;
use crate::protocols::attr;
use crate::thread::Thread;
use crate::types::slots::{CompareOp, NewFn};
use crate::types::{Type, as_type};
use crate::value::Value;
use crate::{name, raise};
use pyrs_macros::{pyclass, pymethods};

/// A native function, bound to a module, an instance, a class, or nothing.
#[pyclass(name = "builtin_function_or_method", flags = DISALLOW_INSTANTIATION, weaklist)]
pub struct BuiltinFunction {
    pub def: &'static MethodDef,
    /// What it is bound to (`__self__`).
    pub this: Option<Obj>,
    /// `__module__`.
    pub module: Option<Obj>,
    /// What the interpreter has found out about the function as one that takes the values of a generator; 0 = nothing yet.
    pub consumer: Cell<u8>,
}

static NEW_PARAMS: crate::args::ParamSpec = crate::args::ParamSpec {
    owner: crate::args::Owner::None,
    function: "__new__",
    names: &[],
    posonly: 0,
    positional: 0,
    required: 0,
    varargs: true,
    varkw: true,
};

/// `cls.__new__` of native classes: `self` is the class whose constructor it is.
static NEW_DEF: MethodDef = MethodDef {
    name: "__new__",
    doc: "Create and return a new object.  See help(type) for accurate signature.",
    text_signature: "($type, *args, **kwargs)",
    binding: Binding::Static,
    call: call_native_new,
    params: &NEW_PARAMS,
};

unsafe extern "C" fn call_native_new(
    _t: *mut Thread,
    callable: Value,
    args: *const Value,
    nargs: usize,
    kwnames: Value,
) -> Value {
    // SAFETY: the words follow the calling convention.
    let (callable, args) = unsafe { (callable.as_obj(), Args::from_raw(args, nargs, kwnames)) };
    call::raw(native_new(callable, args))
}

fn native_new(callable: &Obj, args: Args<'_>) -> PyResult<Obj> {
    let function = callable.exact::<BuiltinFunction>().expect("called through its own function");
    let class = function.this.as_ref().and_then(as_type).expect("a constructor is bound to its class");
    let Some(first) = args.positionals().first() else {
        return Err(raise!(TypeError, "{}.__new__(): not enough arguments", class.name()));
    };
    let Some(wanted) = as_type(first) else {
        return Err(raise!(
            TypeError,
            "{}.__new__(X): X is not a type object ({})",
            class.name(),
            first.class().name()
        ));
    };
    if !wanted.is_subclass(class) {
        return Err(raise!(
            TypeError,
            "{}.__new__({}): {} is not a subtype of {}",
            class.name(),
            wanted.name(),
            wanted.name(),
            class.name()
        ));
    }
    // The nearest native class decides which constructor is safe.
    let mut native = wanted;
    while native.is_heap_type() {
        native = native.base().expect("heap classes have a base");
    }
    if native.has_flag(crate::types::flags::PLAIN_NEW)
        && let Some(new) = native.slots().new
    {
        return new(wanted, args.rest());
    }
    if native.slots().new.map(|f| f as usize) != class.slots().new.map(|f| f as usize) {
        return Err(raise!(
            TypeError,
            "{}.__new__({}) is not safe, use {}.__new__()",
            class.name(),
            wanted.name(),
            native.name()
        ));
    }
    let new = class.slots().new.expect("a constructor's class has one");
    new(wanted, args.rest())
}

impl BuiltinFunction {
    pub fn new(def: &'static MethodDef, this: Option<Obj>, module: Option<Obj>) -> Ptr<BuiltinFunction> {
        Ptr::new(BuiltinFunction { def, this, module, consumer: Cell::new(0) })
    }

    /// The `__new__` of a native class.
    pub fn native_constructor(class: &Type) -> Obj {
        BuiltinFunction::new(&NEW_DEF, Some(class.to_obj()), None).into_obj()
    }

    /// The constructor slot behind a native `__new__`.
    pub fn native_new(&self) -> Option<NewFn> {
        if !std::ptr::eq(self.def, &NEW_DEF) {
            return None;
        }
        self.this.as_ref().and_then(as_type).and_then(|class| class.slots().new)
    }

    /// True if `this` comes first in the arguments of the native function.
    #[inline]
    pub fn passes_self(&self) -> bool {
        self.def.binding != Binding::Static
    }
}

/// Calls a native function with `first` in front of the arguments.
pub(crate) fn call_with_first(f: VectorCall, callable: &Obj, first: &Obj, args: Args<'_>) -> PyResult<Obj> {
    let kwnames = args.kwnames.map_or(Value::NULL, |k| k.value());
    let thread = crate::thread::current_ptr();
    // SAFETY: the words follow the calling convention; the arguments outlive the call.
    unsafe {
        if args.values.len() < 8 {
            let mut words = [Value::NULL; 8];
            words[0] = first.value();
            for (to, from) in words[1..].iter_mut().zip(args.values) {
                *to = from.value();
            }
            return call::result(f(thread, callable.value(), words.as_ptr(), args.nargs + 1, kwnames));
        }
        let mut words = Vec::with_capacity(args.values.len() + 1);
        words.push(first.value());
        words.extend(args.values.iter().map(Obj::value));
        call::result(f(thread, callable.value(), words.as_ptr(), args.nargs + 1, kwnames))
    }
}

#[pymethods]
impl BuiltinFunction {
    #[slot(call)]
    fn call(this: &Obj, args: Args<'_>) -> PyResult<Obj> {
        // SAFETY: the slot belongs to this class.
        let function = unsafe { this.downcast_unchecked::<BuiltinFunction>() };
        match &function.this {
            Some(bound) if function.passes_self() => call_with_first(function.def.call, this, bound, args),
            _ => call::call_args_with(crate::types::slots::SlotFn::Call(function.def.call), this, args),
        }
    }

    #[slot(repr)]
    fn repr(&self) -> PyResult<Obj> {
        let text = match &self.this {
            Some(bound) if bound.downcast::<crate::objects::module::Module>().is_none() => {
                format!("<built-in method {} of {} object at {:#x}>", self.def.name, bound.class().name(), bound.id())
            }
            _ => format!("<built-in function {}>", self.def.name),
        };
        Ok(Str::new(&text).into_obj())
    }

    #[slot(richcompare)]
    fn compare(&self, other: &Obj, op: CompareOp) -> PyResult<Obj> {
        let Some(other) = other.exact::<BuiltinFunction>() else { return Ok(not_implemented()) };
        let same_self = match (&self.this, &other.this) {
            (Some(a), Some(b)) => a.is(b),
            (None, None) => true,
            _ => false,
        };
        let same = same_self && std::ptr::eq(self.def, other.def);
        match op {
            CompareOp::Eq => Ok(bool_obj(same)),
            CompareOp::Ne => Ok(bool_obj(!same)),
            _ => Ok(not_implemented()),
        }
    }

    #[slot(hash)]
    fn hash(&self) -> PyResult<i64> {
        let this = self.this.as_ref().map_or(0, |o| o.id() >> 4);
        Ok(this as i64 ^ (self.def as *const MethodDef as i64 >> 3))
    }

    #[getter(name = "__name__")]
    fn name(&self) -> &'static str {
        self.def.name
    }

    #[getter(name = "__qualname__")]
    fn qualname(&self) -> PyResult<String> {
        Ok(match &self.this {
            Some(bound) if bound.downcast::<crate::objects::module::Module>().is_none() => {
                let class = as_type(bound).unwrap_or_else(|| bound.class());
                format!("{}.{}", class.qualname_text(), self.def.name)
            }
            _ => self.def.name.to_owned(),
        })
    }

    #[getter(name = "__doc__")]
    fn doc(&self) -> Option<&'static str> {
        (!self.def.doc.is_empty()).then_some(self.def.doc)
    }

    #[getter(name = "__text_signature__")]
    fn text_signature(&self) -> Option<&'static str> {
        (!self.def.text_signature.is_empty()).then_some(self.def.text_signature)
    }

    #[getter(name = "__self__")]
    fn this(&self) -> Option<Obj> {
        // A static method knows its class, but is not bound to it.
        let is_static = self.def.binding == Binding::Static && !std::ptr::eq(self.def, &NEW_DEF);
        self.this.clone().filter(|this| !is_static || this.downcast::<crate::objects::module::Module>().is_some())
    }

    #[getter(name = "__module__")]
    fn module(&self) -> Option<Obj> {
        self.module.clone()
    }

    #[pymethod(name = "__reduce__")]
    fn reduce(&self) -> PyResult<Obj> {
        match &self.this {
            Some(bound) if bound.downcast::<crate::objects::module::Module>().is_none() => {
                super::function::reduce_member(bound, self.def.name)
            }
            _ => Ok(Str::new(self.def.name).into_obj()),
        }
    }
}

/// A method of a native class, unbound.
#[pyclass(name = "method_descriptor", nogc, flags = METHOD_DESCRIPTOR | DISALLOW_INSTANTIATION)]
pub struct MethodDescriptor {
    pub def: &'static MethodDef,
    pub owner: *const Type,
}

impl MethodDescriptor {
    pub fn new(def: &'static MethodDef, owner: &'static Type) -> Ptr<MethodDescriptor> {
        Ptr::new(MethodDescriptor { def, owner })
    }

    #[inline]
    pub fn owner(&self) -> &'static Type {
        // SAFETY: native classes live for ever.
        unsafe { &*self.owner }
    }

    /// Checks the first argument of an unbound call.
    #[inline]
    pub fn check_self(&self, args: Args<'_>) -> PyResult<()> {
        match args.positionals().first() {
            Some(this) if std::ptr::eq(this.class(), self.owner()) || this.class().is_subclass(self.owner()) => Ok(()),
            Some(this) => Err(raise!(
                TypeError,
                "descriptor '{}' for '{}' objects doesn't apply to a '{}' object",
                self.def.name,
                self.owner().name(),
                this.class().name()
            )),
            None => Err(raise!(
                TypeError,
                "unbound method {}.{}() needs an argument",
                self.owner().short_name(),
                self.def.name
            )),
        }
    }
}

#[pymethods]
impl MethodDescriptor {
    #[slot(call)]
    fn call(this: &Obj, args: Args<'_>) -> PyResult<Obj> {
        // SAFETY: the slot belongs to this class.
        let descriptor = unsafe { this.downcast_unchecked::<MethodDescriptor>() };
        descriptor.check_self(args)?;
        call::call_args_with(crate::types::slots::SlotFn::Call(descriptor.def.call), this, args)
    }

    #[slot(descr_get)]
    fn get(this: &Obj, instance: Option<&Obj>, _owner: Option<&Type>) -> PyResult<Obj> {
        // SAFETY: the slot belongs to this class.
        let descriptor = unsafe { this.downcast_unchecked::<MethodDescriptor>() };
        let Some(instance) = instance else { return Ok(this.clone()) };
        descriptor.check_self(Args::positional(std::slice::from_ref(instance)))?;
        Ok(BuiltinFunction::new(descriptor.def, Some(instance.clone()), None).into_obj())
    }

    #[slot(repr)]
    fn repr(&self) -> PyResult<Obj> {
        Ok(Str::new(&format!("<method '{}' of '{}' objects>", self.def.name, self.owner().name())).into_obj())
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

    #[getter(name = "__text_signature__")]
    fn text_signature(&self) -> Option<&'static str> {
        (!self.def.text_signature.is_empty()).then_some(self.def.text_signature)
    }

    #[getter(name = "__objclass__")]
    fn objclass(&self) -> Obj {
        self.owner().to_obj()
    }

    #[pymethod(name = "__reduce__")]
    fn reduce(&self) -> PyResult<Obj> {
        super::function::reduce_member(&self.owner().as_obj(), self.def.name)
    }
}

/// A class method of a native class.
#[pyclass(name = "classmethod_descriptor", nogc, flags = DISALLOW_INSTANTIATION)]
pub struct ClassMethodDescriptor {
    pub def: &'static MethodDef,
    owner: *const Type,
}

impl ClassMethodDescriptor {
    pub fn new(def: &'static MethodDef, owner: &'static Type) -> Ptr<ClassMethodDescriptor> {
        Ptr::new(ClassMethodDescriptor { def, owner })
    }

    fn owner(&self) -> &'static Type {
        // SAFETY: native classes live for ever.
        unsafe { &*self.owner }
    }

    fn bind(this: &Object<Self>, class: &Type) -> PyResult<Obj> {
        if !class.is_subclass(this.owner()) {
            return Err(raise!(
                TypeError,
                "descriptor '{}' requires a subtype of '{}' but received '{}'",
                this.def.name,
                this.owner().name(),
                class.name()
            ));
        }
        Ok(BuiltinFunction::new(this.def, Some(class.to_obj()), None).into_obj())
    }
}

#[pymethods]
impl ClassMethodDescriptor {
    #[slot(call)]
    fn call(this: &Object<Self>, args: Args<'_>) -> PyResult<Obj> {
        let Some(first) = args.positionals().first() else {
            return Err(raise!(
                TypeError,
                "descriptor '{}' of '{}' object needs an argument",
                this.def.name,
                this.owner().name()
            ));
        };
        let Some(class) = as_type(first) else {
            return Err(raise!(
                TypeError,
                "descriptor '{}' for type '{}' needs a type, not a '{}' as arg 2",
                this.def.name,
                this.owner().name(),
                first.class().name()
            ));
        };
        let bound = ClassMethodDescriptor::bind(this, class)?;
        call::call_args(&bound, args.rest())
    }

    #[slot(descr_get)]
    fn get(this: &Obj, instance: Option<&Obj>, owner: Option<&Type>) -> PyResult<Obj> {
        // SAFETY: the slot belongs to this class.
        let descriptor = unsafe { this.downcast_unchecked::<ClassMethodDescriptor>() };
        match (owner, instance) {
            (Some(class), _) => ClassMethodDescriptor::bind(descriptor, class),
            (None, Some(instance)) => ClassMethodDescriptor::bind(descriptor, instance.class()),
            (None, None) => Err(raise!(TypeError, "__get__(None, None) is invalid")),
        }
    }

    #[slot(repr)]
    fn repr(&self) -> PyResult<Obj> {
        Ok(Str::new(&format!("<method '{}' of '{}' objects>", self.def.name, self.owner().name())).into_obj())
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

    #[getter(name = "__text_signature__")]
    fn text_signature(&self) -> Option<&'static str> {
        (!self.def.text_signature.is_empty()).then_some(self.def.text_signature)
    }

    #[getter(name = "__objclass__")]
    fn objclass(&self) -> Obj {
        self.owner().to_obj()
    }
}

/// `(getattr, (object, name))`, as pickle stores members.
pub fn reduce_member(owner: &Obj, member: &str) -> PyResult<Obj> {
    let builtins = (crate::hooks::hooks().import_module)("builtins")?;
    let getattr = attr::getattr(&builtins, name!("getattr"))?;
    let args = Tuple::from_vec(vec![owner.clone(), Str::new(member).into_obj()]);
    Ok(Tuple::from_vec(vec![getattr, args.into_obj()]).into_obj())
}
