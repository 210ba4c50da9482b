//! `_contextvars`: context variables.
//!
//! A context holds its variables in a dict that copies share until one of them changes it.

use std::cell::Cell;

use pyrs_macros::{pyclass, pymethods};
use pyrs_runtime::args::Maybe;
use pyrs_runtime::call::{self, Args};
use pyrs_runtime::errors::raise_key_error;
use pyrs_runtime::object::{Obj, ObjCell, Object, Ptr, PyClass};
use pyrs_runtime::objects::dict::Dict;
use pyrs_runtime::objects::exceptions::LookupError;
use pyrs_runtime::objects::generic_alias::GenericAlias;
use pyrs_runtime::objects::singletons::{none, not_implemented};
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::text_builder::TextBuilder;
use pyrs_runtime::protocols::text::ReprGuard;
use pyrs_runtime::protocols::{compare, iter};
use pyrs_runtime::thread::{current, runtime};
use pyrs_runtime::types::Type;
use pyrs_runtime::types::slots::CompareOp;
use pyrs_runtime::{PyResult, raise};

#[doc = ""]
#[pyclass(name = "Context", module = "_contextvars", flags = MAPPING, weaklist, unhashable)]
pub struct Context {
    /// A dict from variables to values, never changed while another context has it, too.
    vars: ObjCell,
    /// The context that was current when this one was entered.
    previous: ObjCell,
    entered: Cell<bool>,
}

impl Context {
    fn new(vars: Ptr<Dict>) -> Ptr<Context> {
        Ptr::new(Context { vars: ObjCell::of(vars.into_obj()), previous: ObjCell::empty(), entered: Cell::new(false) })
    }

    fn vars(&self) -> Ptr<Dict> {
        match self.vars.get().map(Obj::into_ptr::<Dict>) {
            Some(Ok(vars)) => vars,
            _ => Dict::new(),
        }
    }

    /// The variables, to be changed: a copy if somebody else has them, too.
    fn own_vars(&self) -> Ptr<Dict> {
        let vars = self.vars();
        // One reference is the cell's, one is ours.
        if vars.as_obj().refcnt() > 2 {
            let copy = vars.copy();
            self.vars.put(copy.to_obj());
            return copy;
        }
        vars
    }
}

/// The thread's current context, made on the first use.
pub fn current_context() -> Ptr<Context> {
    if let Some(Ok(context)) = current().context.get().map(Obj::into_ptr::<Context>) {
        return context;
    }
    let context = Context::new(Dict::new());
    context.entered.set(true);
    current().context.put(context.to_obj());
    context
}

fn variable(key: &Obj) -> PyResult<&Object<ContextVar>> {
    key.downcast::<ContextVar>().ok_or_else(|| {
        let class = key.class().name();
        raise!(TypeError, "a ContextVar key was expected, got {class}")
    })
}

/// Makes a context current.
pub fn enter(context: &Object<Context>) -> PyResult<()> {
    if context.entered.get() {
        let shown = pyrs_runtime::protocols::text::repr_text(&context.as_obj())?;
        return Err(raise!(RuntimeError, "cannot enter context: {shown} is already entered"));
    }
    context.previous.put(current_context().into_obj());
    context.entered.set(true);
    current().context.put(context.to_obj());
    Ok(())
}

/// Makes the context that was current before current again.
pub fn exit(context: &Object<Context>) -> PyResult<()> {
    if !context.entered.get() {
        return Err(raise!(RuntimeError, "cannot exit context: not entered"));
    }
    if !current_context().as_obj().is(&context.as_obj()) {
        return Err(raise!(RuntimeError, "cannot exit context: thread state references a different context object"));
    }
    current().context.set(context.previous.take());
    context.entered.set(false);
    Ok(())
}

#[pymethods]
impl Context {
    #[slot(new)]
    fn construct(_cls: &Type, args: Args<'_>) -> PyResult<Obj> {
        if !args.is_empty() {
            return Err(raise!(TypeError, "Context() does not accept any arguments"));
        }
        Ok(Context::new(Dict::new()).into_obj())
    }

    #[slot(richcompare)]
    fn compare(&self, other: &Obj, op: CompareOp) -> PyResult<Obj> {
        let Some(other) = other.downcast::<Context>() else { return Ok(not_implemented()) };
        if !matches!(op, CompareOp::Eq | CompareOp::Ne) {
            return Ok(not_implemented());
        }
        compare::rich_compare(&self.vars().into_obj(), &other.vars().into_obj(), op)
    }

    #[slot(length)]
    fn length(&self) -> PyResult<usize> {
        Ok(self.vars().len())
    }

    #[slot(iter)]
    fn iter(&self) -> PyResult<Obj> {
        iter::iter(&self.vars().into_obj())
    }

    #[slot(getitem)]
    fn getitem(&self, key: &Obj) -> PyResult<Obj> {
        variable(key)?;
        self.vars().get(key)?.ok_or_else(|| raise_key_error(key))
    }

    #[slot(contains)]
    fn contains(&self, key: &Obj) -> PyResult<bool> {
        variable(key)?;
        self.vars().contains(key)
    }

    /// Return the value for `key` if `key` has the value in the context object.
    ///
    /// If `key` does not exist, return `default`. If `default` is not given,
    /// return None.
    #[pymethod(sig = "(key, default=None, /)")]
    fn get(&self, key: &Obj, default: Option<Obj>) -> PyResult<Obj> {
        variable(key)?;
        Ok(self.vars().get(key)?.unwrap_or_else(|| default.unwrap_or_else(none)))
    }

    /// Return all variables and their values in the context object.
    ///
    /// The result is returned as a list of 2-tuples (variable, value).
    #[pymethod]
    fn items(&self) -> PyResult<Obj> {
        call::call_method(&self.vars().into_obj(), "items", &[])
    }

    /// Return a list of all variables in the context object.
    #[pymethod]
    fn keys(&self) -> PyResult<Obj> {
        call::call_method(&self.vars().into_obj(), "keys", &[])
    }

    /// Return a list of all variables' values in the context object.
    #[pymethod]
    fn values(&self) -> PyResult<Obj> {
        call::call_method(&self.vars().into_obj(), "values", &[])
    }

    /// Return a shallow copy of the context object.
    #[pymethod]
    fn copy(&self) -> Obj {
        Context::new(self.vars()).into_obj()
    }

    /// Run a callable in this context: it sees and changes this context's variables.
    #[pymethod(text_signature = "")]
    fn run(this: &Object<Context>, args: Args<'_>) -> PyResult<Obj> {
        let Some(function) = args.positionals().first() else {
            return Err(raise!(TypeError, "run() missing 1 required positional argument"));
        };
        enter(this)?;
        let result = call::call_args(function, args.rest());
        match result {
            Ok(value) => exit(this).map(|()| value),
            Err(raised) => {
                // The pending exception outlives the way out.
                let exc = raised.take();
                exit(this)?;
                let thread = current();
                thread.restore_exception(Some(exc));
                Err(pyrs_runtime::Raised::pending())
            }
        }
    }
}

#[doc = ""]
#[pyclass(name = "ContextVar", module = "_contextvars")]
pub struct ContextVar {
    name: Ptr<Str>,
    default: Option<Obj>,
}

#[pymethods]
impl ContextVar {
    #[new(sig = "(name, /, *, default=<unrepresentable>)", text_signature = "", name = "ContextVar")]
    fn construct(_cls: &Type, name: &Obj, default: Maybe<Obj>) -> PyResult<Obj> {
        let Some(name) = name.downcast::<Str>() else {
            return Err(raise!(TypeError, "context variable name must be a str"));
        };
        Ok(Ptr::new(ContextVar { name: name.to_ptr(), default: default.0 }).into_obj())
    }

    #[slot(repr)]
    fn repr(this: &Object<ContextVar>) -> PyResult<Obj> {
        let mut out = TextBuilder::new();
        out.text("<ContextVar name=").repr(&this.name.as_obj())?;
        if let Some(default) = &this.default {
            out.text(" default=");
            match ReprGuard::enter(&this.as_obj()) {
                Some(_guard) => out.repr(default)?,
                None => out.text("..."),
            };
        }
        Ok(out.text(&format!(" at {:#x}>", this.as_obj().id())).finish_obj())
    }

    /// Return a value for the context variable for the current context.
    ///
    /// If there is no value for the variable in the current context, the method will:
    ///  * return the value of the default argument of the method, if provided; or
    ///  * return the default value for the context variable, if it was created
    ///    with one; or
    ///  * raise a LookupError.
    #[pymethod(sig = "(default=<unrepresentable>, /)")]
    fn get(this: &Object<ContextVar>, default: Maybe<Obj>) -> PyResult<Obj> {
        if let Some(value) = current_context().vars().get(&this.as_obj())? {
            return Ok(value);
        }
        match default.0.or_else(|| this.default.clone()) {
            Some(default) => Ok(default),
            None => Err(pyrs_runtime::errors::raise_class(LookupError::class(), &[this.to_obj()])),
        }
    }

    /// Call to set a new value for the context variable in the current context.
    ///
    /// The required *value* argument is the new value for the context variable.
    ///
    /// Returns a Token object that can be used to restore the variable to its previous
    /// value via the `ContextVar.reset()` method.
    #[pymethod]
    fn set(this: &Object<ContextVar>, value: Obj) -> PyResult<Obj> {
        let context = current_context();
        let vars = context.own_vars();
        let old = vars.get(&this.as_obj())?;
        vars.set(this.to_obj(), value)?;
        Ok(Ptr::new(Token { context, variable: this.to_ptr(), old, used: Cell::new(false) }).into_obj())
    }

    /// Reset the context variable.
    ///
    /// The variable is reset to the value it had before the `ContextVar.set()` that
    /// created the token was used.
    #[pymethod]
    fn reset(this: &Object<ContextVar>, token: &Obj) -> PyResult<()> {
        let Some(token_data) = token.downcast::<Token>() else {
            let class = token.class().name();
            return Err(raise!(TypeError, "expected an instance of Token, got {class}"));
        };
        reset(this, token_data)
    }

    #[getter(name = "name")]
    fn get_name(&self) -> Obj {
        self.name.to_obj()
    }

    #[classmethod(name = "__class_getitem__")]
    fn class_getitem(cls: &Type, object: &Obj) -> PyResult<Obj> {
        GenericAlias::class_getitem(cls, object)
    }
}

/// Gives a variable the value back that it had before a `set`.
fn reset(var: &Object<ContextVar>, token: &Object<Token>) -> PyResult<()> {
    let shown = || pyrs_runtime::protocols::text::repr_text(&token.as_obj());
    if token.used.get() {
        return Err(raise!(RuntimeError, "{} has already been used once", shown()?));
    }
    if !var.as_obj().is(&token.variable.as_obj()) {
        return Err(raise!(ValueError, "{} was created by a different ContextVar", shown()?));
    }
    let context = current_context();
    if !context.as_obj().is(&token.context.as_obj()) {
        return Err(raise!(ValueError, "{} was created in a different Context", shown()?));
    }
    token.used.set(true);
    let vars = context.own_vars();
    match &token.old {
        Some(old) => vars.set(var.to_obj(), old.clone()),
        None => vars.remove(&var.as_obj()).map(drop),
    }
}

#[doc = ""]
#[pyclass(name = "Token", module = "_contextvars", unhashable)]
pub struct Token {
    context: Ptr<Context>,
    variable: Ptr<ContextVar>,
    old: Option<Obj>,
    used: Cell<bool>,
}

/// The object that stands for "no value".
#[pyclass(name = "Token.MISSING", module = "_contextvars", nogc, flags = DISALLOW_INSTANTIATION)]
pub struct Missing {}

#[pymethods]
impl Missing {
    #[slot(repr)]
    fn repr(_this: &Obj) -> PyResult<Obj> {
        Ok(Str::new("<Token.MISSING>").into_obj())
    }
}

/// `Token.MISSING`
pub fn missing() -> Obj {
    const KEY: &str = "contextvars.Token.MISSING";
    if let Some(known) = runtime().registered(KEY) {
        return known;
    }
    let object = Ptr::new(Missing {}).into_obj();
    runtime().register(KEY, object.clone());
    object
}

#[pymethods]
impl Token {
    #[slot(new)]
    fn construct(_cls: &Type, _args: Args<'_>) -> PyResult<Obj> {
        Err(raise!(RuntimeError, "Tokens can only be created by ContextVars"))
    }

    #[slot(repr)]
    fn repr(this: &Object<Token>) -> PyResult<Obj> {
        let mut out = TextBuilder::new();
        out.text("<Token").text(if this.used.get() { " used" } else { "" }).text(" var=");
        out.repr(&this.variable.as_obj())?.text(&format!(" at {:#x}>", this.as_obj().id()));
        Ok(out.finish_obj())
    }

    #[getter]
    fn var(&self) -> Obj {
        self.variable.to_obj()
    }

    #[getter]
    fn old_value(&self) -> Obj {
        self.old.clone().unwrap_or_else(missing)
    }

    /// Enter into Token context manager.
    #[pymethod(name = "__enter__")]
    fn enter(this: &Obj) -> Obj {
        this.clone()
    }

    /// Exit from Token context manager, restore the linked ContextVar.
    #[pymethod(name = "__exit__", sig = "(type, val, tb, /)")]
    fn exit(this: &Object<Token>, _type: &Obj, _val: &Obj, _tb: &Obj) -> PyResult<()> {
        reset(&this.variable, this)
    }

    #[classmethod(name = "__class_getitem__")]
    fn class_getitem(cls: &Type, object: &Obj) -> PyResult<Obj> {
        GenericAlias::class_getitem(cls, object)
    }
}

/// Context Variables
#[pyrs_macros::pymodule(name = "_contextvars", classes(super::Context, super::ContextVar, super::Token))]
pub mod module {
    use pyrs_runtime::PyResult;
    use pyrs_runtime::object::{Obj, Object, PyClass};
    use pyrs_runtime::objects::module::Module;

    #[pyfunction]
    pub fn copy_context() -> Obj {
        super::current_context().copy()
    }

    #[module_exec]
    fn exec(_module: &Object<Module>) -> PyResult<()> {
        pyrs_runtime::types::ready(super::Missing::def());
        super::Token::class().dict().set_text("MISSING", super::missing());
        Ok(())
    }
}
