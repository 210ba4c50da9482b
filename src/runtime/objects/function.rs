//! `function`, and the decorators `staticmethod` and `classmethod`.

use std::cell::Cell;

use crate::call::{self, Args};
use crate::errors::PyResult;
use crate::object::{Obj, ObjCell, Object, Ptr, PyClass};
use crate::objects::code::Code;
use crate::objects::dict::Dict;
use crate::objects::method::Method;
use crate::objects::singletons::none;
use crate::objects::str::Str;
use crate::objects::tuple::Tuple;
use crate::protocols::attr;
use crate::types::{Type, shape};
use crate::{name, raise};
use pyrs_macros::{pyclass, pymethods};

pub use crate::objects::builtin_function::{BuiltinFunction, ClassMethodDescriptor, MethodDescriptor, reduce_member};
pub use crate::objects::descriptor::{GetSetDescriptor, MemberDescriptor};

/// Create a function object.
///
///   code
///     a code object
///   globals
///     the globals dictionary
///   name
///     a string that overrides the name from the code object
///   argdefs
///     a tuple that specifies the default argument values
///   closure
///     a tuple that supplies the bindings for free variables
///   kwdefaults
///     a dictionary that specifies the default keyword argument values
#[pyclass(name = "function", flags = METHOD_DESCRIPTOR, dict, weaklist)]
pub struct Function {
    pub code: ObjCell,
    pub globals: Ptr<Dict>,
    pub builtins: Ptr<Dict>,
    pub name: ObjCell,
    pub qualname: ObjCell,
    /// A tuple, or nothing.
    pub defaults: ObjCell,
    /// A dict, or nothing.
    pub kwdefaults: ObjCell,
    pub closure: Option<Ptr<Tuple>>,
    pub annotations: ObjCell,
    pub annotate: ObjCell,
    pub type_params: ObjCell,
    pub doc: ObjCell,
    pub module: ObjCell,
    /// Names the present code, defaults and closure for caches; 0 = not named.
    pub version: Cell<u32>,
}

thread_local! {
    static NEXT_VERSION: Cell<u32> = const { Cell::new(1) };
}

impl Function {
    /// What `MAKE_FUNCTION` makes.
    pub fn new(code: Ptr<Code>, globals: Ptr<Dict>, builtins: Ptr<Dict>) -> Ptr<Function> {
        let doc = match code.consts.items().first() {
            Some(first) if code.flags & pyrs_bytecode::co_flags::HAS_DOCSTRING != 0 => first.clone(),
            _ => none(),
        };
        let module = globals.peek_str(name!("__name__"));
        Ptr::new(Function {
            name: ObjCell::of(code.name.to_obj()),
            qualname: ObjCell::of(code.qualname.to_obj()),
            defaults: ObjCell::empty(),
            kwdefaults: ObjCell::empty(),
            closure: None,
            annotations: ObjCell::empty(),
            annotate: ObjCell::empty(),
            type_params: ObjCell::empty(),
            doc: ObjCell::of(doc),
            // SAFETY: the globals hold the value.
            module: ObjCell::of(if module.is_null() { none() } else { unsafe { Obj::from_borrowed(module) } }),
            version: Cell::new(0),
            code: ObjCell::of(code.into_obj()),
            globals,
            builtins,
        })
    }

    #[inline(always)]
    pub fn code(&self) -> &Object<Code> {
        // SAFETY: the cell always holds a Code; callers keep the function alive, and `__code__`
        // assignment happens only between calls that look.
        unsafe { &*(self.code.peek().as_pointer() as *const Object<Code>) }
    }

    /// Names the present state for caches.
    pub fn version(&self) -> u32 {
        if self.version.get() == 0 {
            let next = NEXT_VERSION.get();
            if next == u32::MAX {
                return 0;
            }
            NEXT_VERSION.set(next + 1);
            self.version.set(next);
        }
        self.version.get()
    }

    pub fn changed(&self) {
        self.version.set(0);
    }

    pub fn display_qualname(&self) -> String {
        self.qualname.get().and_then(|q| q.downcast::<Str>().map(|s| s.to_string_lossy())).unwrap_or_default()
    }

    /// A copy with a closure (made before anyone else sees the function).
    pub fn with_closure(this: Ptr<Function>, closure: Ptr<Tuple>) -> Ptr<Function> {
        // SAFETY: the function was just made and is not shared; its closure was `None`.
        unsafe {
            let p = &raw const this.closure as *mut Option<Ptr<Tuple>>;
            p.write(Some(closure));
        }
        this
    }
}

fn check_str(value: Option<&Obj>, attribute: &str) -> PyResult<Obj> {
    match value {
        Some(v) if v.downcast::<Str>().is_some() => Ok(v.clone()),
        _ => Err(raise!(TypeError, "{attribute} must be set to a string object")),
    }
}

#[pymethods]
impl Function {
    #[new(sig = "(code, globals, name=None, argdefs=None, closure=None, kwdefaults=None)")]
    fn py_new(
        cls: &Type,
        code: &Object<Code>,
        globals: &Object<Dict>,
        name: Option<&Obj>,
        argdefs: Option<&Obj>,
        closure: Option<&Obj>,
        kwdefaults: Option<&Obj>,
    ) -> PyResult<Obj> {
        let _ = cls;
        let builtins = builtins_of(globals)?;
        let function = Function::new(code.to_ptr(), globals.to_ptr(), builtins);
        if let Some(name) = name {
            if name.downcast::<Str>().is_none() {
                return Err(raise!(TypeError, "arg 3 (name) must be None or string"));
            }
            function.name.put(name.clone());
        }
        if let Some(defaults) = argdefs {
            if defaults.downcast::<Tuple>().is_none() {
                return Err(raise!(TypeError, "arg 4 (defaults) must be None or tuple"));
            }
            function.defaults.put(defaults.clone());
        }
        function.kwdefaults.set(kwdefaults.cloned());
        let nfree = code.nfrees;
        match closure {
            None if nfree > 0 => Err(raise!(TypeError, "arg 5 (closure) must be tuple")),
            None => Ok(function.into_obj()),
            Some(closure) => {
                let Some(cells) = closure.downcast::<Tuple>() else {
                    return Err(raise!(TypeError, "arg 5 (closure) must be None or tuple"));
                };
                if cells.len() != nfree {
                    return Err(raise!(
                        ValueError,
                        "{} requires closure of length {nfree}, not {}",
                        code.name.to_string_lossy(),
                        cells.len()
                    ));
                }
                for cell in cells.items() {
                    if cell.exact::<crate::objects::cell::Cell>().is_none() {
                        return Err(raise!(TypeError, "arg 5 (closure) expected cell, found {}", cell.class().name()));
                    }
                }
                Ok(Function::with_closure(function, cells.to_ptr()).into_obj())
            }
        }
    }

    #[slot(call)]
    fn call(this: &Obj, args: Args<'_>) -> PyResult<Obj> {
        let f = crate::types::slots::SlotFn::Call(crate::hooks::hooks().function_call);
        call::call_args_with(f, this, args)
    }

    #[slot(descr_get)]
    fn get(this: &Obj, instance: Option<&Obj>, _owner: Option<&Type>) -> PyResult<Obj> {
        Ok(match instance {
            Some(instance) => Method::new(this.clone(), instance.clone()).into_obj(),
            None => this.clone(),
        })
    }

    #[slot(repr)]
    fn repr(this: &Object<Function>) -> PyResult<Obj> {
        Ok(Str::new(&format!("<function {} at {:#x}>", this.display_qualname(), this.as_obj().id())).into_obj())
    }

    #[getter(name = "__code__")]
    fn get_code(&self) -> Obj {
        self.code.get().expect("a function has code")
    }

    #[setter(name = "__code__")]
    fn set_code(&self, value: Option<&Obj>) -> PyResult<()> {
        let Some(code) = value.and_then(|v| v.exact::<Code>()) else {
            return Err(raise!(TypeError, "__code__ must be set to a code object"));
        };
        let closure = self.closure.as_ref().map_or(0, |c| c.len());
        if code.nfrees != closure {
            return Err(raise!(
                ValueError,
                "{}() requires a code object with {closure} free vars, not {}",
                self.name.get().and_then(|n| n.downcast::<Str>().map(|s| s.to_string_lossy())).unwrap_or_default(),
                code.nfrees
            ));
        }
        self.code.put(code.to_obj());
        self.changed();
        Ok(())
    }

    #[getter(name = "__name__")]
    fn get_name(&self) -> Option<Obj> {
        self.name.get()
    }

    #[setter(name = "__name__")]
    fn set_name(&self, value: Option<&Obj>) -> PyResult<()> {
        self.name.put(check_str(value, "__name__")?);
        Ok(())
    }

    #[getter(name = "__qualname__")]
    fn get_qualname(&self) -> Option<Obj> {
        self.qualname.get()
    }

    #[setter(name = "__qualname__")]
    fn set_qualname(&self, value: Option<&Obj>) -> PyResult<()> {
        self.qualname.put(check_str(value, "__qualname__")?);
        Ok(())
    }

    #[getter(name = "__globals__")]
    fn get_globals(&self) -> Obj {
        self.globals.to_obj()
    }

    #[getter(name = "__builtins__")]
    fn get_builtins(&self) -> Obj {
        self.builtins.to_obj()
    }

    #[getter(name = "__closure__")]
    fn get_closure(&self) -> Option<Obj> {
        self.closure.as_ref().map(|c| c.to_obj())
    }

    #[getter(name = "__defaults__")]
    fn get_defaults(&self) -> Option<Obj> {
        self.defaults.get()
    }

    #[setter(name = "__defaults__")]
    fn set_defaults(&self, value: Option<&Obj>) -> PyResult<()> {
        match value.filter(|v| !v.is_none()) {
            None => self.defaults.set(None),
            Some(v) if v.downcast::<Tuple>().is_some() => self.defaults.put(v.clone()),
            Some(_) => return Err(raise!(TypeError, "__defaults__ must be set to a tuple object")),
        }
        self.changed();
        Ok(())
    }

    #[getter(name = "__kwdefaults__")]
    fn get_kwdefaults(&self) -> Option<Obj> {
        self.kwdefaults.get()
    }

    #[setter(name = "__kwdefaults__")]
    fn set_kwdefaults(&self, value: Option<&Obj>) -> PyResult<()> {
        match value.filter(|v| !v.is_none()) {
            None => self.kwdefaults.set(None),
            Some(v) if v.downcast::<Dict>().is_some() => self.kwdefaults.put(v.clone()),
            Some(_) => return Err(raise!(TypeError, "__kwdefaults__ must be set to a dict object")),
        }
        self.changed();
        Ok(())
    }

    #[getter(name = "__annotations__")]
    fn get_annotations(this: &Object<Function>) -> PyResult<Obj> {
        if let Some(found) = this.annotations.get() {
            // Old style: a tuple of names and values.
            if let Some(pairs) = found.exact::<Tuple>() {
                let dict = Dict::new();
                for pair in pairs.items().chunks(2) {
                    dict.set(pair[0].clone(), pair[1].clone())?;
                }
                this.annotations.put(dict.to_obj());
                return Ok(dict.into_obj());
            }
            return Ok(found);
        }
        let result = match this.annotate.get().filter(|a| !a.is_none()) {
            Some(annotate) => {
                let result = call::call(&annotate, &[crate::objects::int::new(1)])?;
                if result.downcast::<Dict>().is_none() {
                    return Err(raise!(TypeError, "__annotate__() must return a dict, not {}", result.class().name()));
                }
                result
            }
            None => Dict::new().into_obj(),
        };
        this.annotations.put(result.clone());
        Ok(result)
    }

    #[setter(name = "__annotations__")]
    fn set_annotations(&self, value: Option<&Obj>) -> PyResult<()> {
        match value.filter(|v| !v.is_none()) {
            None => self.annotations.set(None),
            Some(v) if v.downcast::<Dict>().is_some() => self.annotations.put(v.clone()),
            Some(_) => return Err(raise!(TypeError, "__annotations__ must be set to a dict object")),
        }
        self.annotate.put(none());
        Ok(())
    }

    #[getter(name = "__annotate__")]
    fn get_annotate(&self) -> Option<Obj> {
        self.annotate.get()
    }

    #[setter(name = "__annotate__")]
    fn set_annotate(&self, value: Option<&Obj>) -> PyResult<()> {
        let Some(value) = value else {
            return Err(raise!(TypeError, "__annotate__ cannot be deleted"));
        };
        if !value.is_none() && value.class().slots().call.is_none() {
            return Err(raise!(TypeError, "__annotate__ must be callable or None"));
        }
        self.annotate.put(value.clone());
        if !value.is_none() {
            self.annotations.set(None);
        }
        Ok(())
    }

    #[getter(name = "__type_params__")]
    fn get_type_params(&self) -> Obj {
        self.type_params.get().unwrap_or_else(|| Tuple::empty().into_obj())
    }

    #[setter(name = "__type_params__")]
    fn set_type_params(&self, value: Option<&Obj>) -> PyResult<()> {
        match value {
            Some(v) if v.downcast::<Tuple>().is_some() => self.type_params.put(v.clone()),
            _ => return Err(raise!(TypeError, "__type_params__ must be set to a tuple")),
        }
        Ok(())
    }

    #[getter(name = "__doc__")]
    fn get_doc(&self) -> Option<Obj> {
        self.doc.get()
    }

    #[setter(name = "__doc__")]
    fn set_doc(&self, value: Option<&Obj>) -> PyResult<()> {
        self.doc.set(value.cloned());
        Ok(())
    }

    #[getter(name = "__module__")]
    fn get_module(&self) -> Option<Obj> {
        self.module.get()
    }

    #[setter(name = "__module__")]
    fn set_module(&self, value: Option<&Obj>) -> PyResult<()> {
        self.module.set(value.cloned());
        Ok(())
    }

    #[getter(name = "__dict__")]
    fn get_dict(this: &Obj) -> PyResult<Option<Obj>> {
        Ok(shape::instance_dict(this)?.map(Ptr::into_obj))
    }

    #[setter(name = "__dict__")]
    fn set_dict(this: &Obj, value: Option<&Obj>) -> PyResult<()> {
        super::type_object::set_dict_attribute(this, value)
    }
}

/// The builtins namespace that code with these globals runs with.
pub fn builtins_of(globals: &Object<Dict>) -> PyResult<Ptr<Dict>> {
    if let Some(found) = globals.get_str(name!("__builtins__"))? {
        if let Some(module) = found.downcast::<crate::objects::module::Module>() {
            return Ok(module.dict());
        }
        if let Some(dict) = found.downcast::<Dict>() {
            return Ok(dict.to_ptr());
        }
    }
    let builtins = crate::thread::runtime().builtins.get().expect("builtins are set up at start");
    Ok(builtins.downcast::<Dict>().expect("builtins are a dict").to_ptr())
}

/// What `staticmethod` and `classmethod` take over from the function they wrap.
fn copy_wrapped_attributes(this: &Obj, function: &Obj) -> PyResult<()> {
    for attribute in ["__module__", "__name__", "__qualname__", "__doc__"] {
        let attribute = Str::intern(attribute);
        if let Some(value) = attr::getattr_optional(function, &attribute)? {
            attr::setattr(this, &attribute, Some(&value))?;
        }
    }
    Ok(())
}

macro_rules! function_decorator {
    ($ty:ident, $what:literal) => {
        impl $ty {
            pub fn new(function: Obj) -> Ptr<$ty> {
                Ptr::new($ty { function: ObjCell::of(function) })
            }

            pub fn function(&self) -> Obj {
                self.function.get().unwrap_or_else(none)
            }
        }

        #[pymethods(part = COMMON)]
        impl $ty {
            #[slot(new)]
            fn py_new(cls: &Type, _args: Args<'_>) -> PyResult<Obj> {
                Ok(Ptr::new_in(cls, $ty { function: ObjCell::empty() }).into_obj())
            }

            #[init(sig = "(function, /)")]
            fn init(this: &Object<$ty>, function: Obj) -> PyResult<()> {
                this.function.put(function.clone());
                copy_wrapped_attributes(&this.as_obj(), &function)
            }

            #[slot(repr)]
            fn repr(&self) -> PyResult<Obj> {
                let inner = crate::protocols::text::repr_text(&self.function())?;
                Ok(Str::new(&format!(concat!("<", $what, "({})>"), inner)).into_obj())
            }

            #[getter(name = "__func__")]
            fn func(&self) -> Obj {
                self.function()
            }

            #[getter(name = "__wrapped__")]
            fn wrapped(&self) -> Obj {
                self.function()
            }

            #[getter(name = "__isabstractmethod__")]
            fn is_abstract(&self) -> PyResult<bool> {
                is_abstract(&self.function())
            }

            #[getter(name = "__annotations__")]
            fn annotations(this: &Object<$ty>) -> PyResult<Obj> {
                wrapped_annotation(&this.as_obj(), &this.function(), name!("__annotations__"))
            }

            #[setter(name = "__annotations__")]
            fn set_annotations(this: &Object<$ty>, value: Option<&Obj>) -> PyResult<()> {
                shape::set_attribute(&this.as_obj(), name!("__annotations__"), value).map(drop)
            }

            #[getter(name = "__annotate__")]
            fn annotate(this: &Object<$ty>) -> PyResult<Obj> {
                wrapped_annotation(&this.as_obj(), &this.function(), name!("__annotate__"))
            }

            #[setter(name = "__annotate__")]
            fn set_annotate(this: &Object<$ty>, value: Option<&Obj>) -> PyResult<()> {
                shape::set_attribute(&this.as_obj(), name!("__annotate__"), value).map(drop)
            }

            #[getter(name = "__dict__")]
            fn get_dict(this: &Obj) -> PyResult<Option<Obj>> {
                Ok(shape::instance_dict(this)?.map(Ptr::into_obj))
            }
        }
    };
}

/// Annotations are the wrapped function's unless they were set on the wrapper.
fn wrapped_annotation(this: &Obj, function: &Obj, attribute: &Object<Str>) -> PyResult<Obj> {
    if let Some(own) = shape::get_attribute(this, attribute)? {
        return Ok(own);
    }
    let value = attr::getattr(function, attribute)?;
    shape::set_attribute(this, attribute, Some(&value))?;
    Ok(value)
}

/// `obj.__isabstractmethod__`, False if there is none.
pub fn is_abstract(obj: &Obj) -> PyResult<bool> {
    match attr::getattr_optional(obj, name!("__isabstractmethod__"))? {
        Some(v) => crate::protocols::truth::is_true(&v),
        None => Ok(false),
    }
}

/// Convert a function to be a static method.
///
/// A static method does not receive an implicit first argument.
/// To declare a static method, use this idiom:
///
///      class C:
///          @staticmethod
///          def f(arg1, arg2, argN):
///              ...
///
/// It can be called either on the class (e.g. C.f()) or on an instance
/// (e.g. C().f()). Both the class and the instance are ignored, and
/// neither is passed implicitly as the first argument to the method.
///
/// Static methods in Python are similar to those found in Java or C++.
/// For a more advanced concept, see the classmethod builtin.
#[pyclass(name = "staticmethod", flags = BASETYPE, dict, parts(COMMON, PART))]
pub struct StaticMethod {
    function: ObjCell,
}
function_decorator!(StaticMethod, "staticmethod");

#[pymethods]
impl StaticMethod {
    #[slot(call)]
    fn call(&self, args: Args<'_>) -> PyResult<Obj> {
        call::call_args(&self.function(), args)
    }

    #[slot(descr_get)]
    fn get(this: &Obj, _instance: Option<&Obj>, _owner: Option<&Type>) -> PyResult<Obj> {
        // SAFETY: the slot belongs to this class.
        Ok(unsafe { this.downcast_unchecked::<StaticMethod>() }.function())
    }
}

/// Convert a function to be a class method.
///
/// A class method receives the class as implicit first argument,
/// just like an instance method receives the instance.
/// To declare a class method, use this idiom:
///
///   class C:
///       @classmethod
///       def f(cls, arg1, arg2, argN):
///           ...
///
/// It can be called either on the class (e.g. C.f()) or on an instance
/// (e.g. C().f()).  The instance is ignored except for its class.
/// If a class method is called for a derived class, the derived class
/// object is passed as the implied first argument.
///
/// Class methods are different than C++ or Java static methods.
/// If you want those, see the staticmethod builtin.
#[pyclass(name = "classmethod", flags = BASETYPE, dict, parts(COMMON, PART))]
pub struct ClassMethod {
    function: ObjCell,
}
function_decorator!(ClassMethod, "classmethod");

#[pymethods]
impl ClassMethod {
    #[slot(descr_get)]
    fn get(this: &Obj, instance: Option<&Obj>, owner: Option<&Type>) -> PyResult<Obj> {
        // SAFETY: the slot belongs to this class.
        let function = unsafe { this.downcast_unchecked::<ClassMethod>() }.function();
        let class = match (owner, instance) {
            (Some(class), _) => class.to_obj(),
            (None, Some(instance)) => instance.class().to_obj(),
            (None, None) => return Err(raise!(TypeError, "__get__(None, None) is invalid")),
        };
        Ok(Method::new(function, class).into_obj())
    }
}

/// True for the class of Python functions.
pub fn is_function_class(class: &Type) -> bool {
    std::ptr::eq(class, Function::class())
}
