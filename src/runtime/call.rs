//! Calling: the one native calling convention, argument views, and helpers to call from Rust.
//!
//! Every callable is entered through [`VectorCall`]: positional arguments, then the values of keyword
//! arguments whose names are in a tuple. The arguments are borrowed from the caller.

use crate::errors::{PyResult, Raised};
use crate::object::{Obj, Object};
use crate::objects::dict::Dict;
use crate::objects::str::Str;
use crate::objects::tuple::Tuple;
use crate::raise;
use crate::thread::{self, Thread};
use crate::value::Value;

/// The native calling convention: `nargs` positional values at `args`, then one value for each name in
/// `kwnames` (a tuple of str, or `NULL`). Returns an owned reference, or `NULL` with an exception
/// pending in the thread.
pub type VectorCall = unsafe extern "C" fn(
    thread: *mut Thread,
    callable: Value,
    args: *const Value,
    nargs: usize,
    kwnames: Value,
) -> Value;

/// A view of the arguments of a call.
#[derive(Copy, Clone)]
pub struct Args<'a> {
    /// Positional values, then keyword values.
    pub values: &'a [Obj],
    /// How many of them are positional.
    pub nargs: usize,
    pub kwnames: Option<&'a Object<Tuple>>,
}

impl<'a> Args<'a> {
    pub const EMPTY: Args<'static> = Args { values: &[], nargs: 0, kwnames: None };

    pub fn positional(values: &'a [Obj]) -> Args<'a> {
        Args { values, nargs: values.len(), kwnames: None }
    }

    /// # Safety
    /// The words follow the calling convention and stay alive for `'a`.
    #[inline(always)]
    pub unsafe fn from_raw(args: *const Value, nargs: usize, kwnames: Value) -> Args<'a> {
        // SAFETY: by contract; Obj and Value are the same word.
        unsafe {
            if kwnames.is_null() {
                return Args { values: slice(args, nargs), nargs, kwnames: None };
            }
            let kwnames = &*(kwnames.as_pointer() as *const Object<Tuple>);
            Args { values: slice(args, nargs + kwnames.len()), nargs, kwnames: Some(kwnames) }
        }
    }

    #[inline(always)]
    pub fn positionals(&self) -> &'a [Obj] {
        &self.values[..self.nargs]
    }

    pub fn keyword_count(&self) -> usize {
        self.kwnames.map_or(0, |k| k.len())
    }

    pub fn has_keywords(&self) -> bool {
        self.keyword_count() != 0
    }

    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The keyword arguments as (name, value).
    pub fn keywords(&self) -> impl Iterator<Item = (&'a Object<Str>, &'a Obj)> + use<'a> {
        let values = &self.values[self.nargs..];
        self.kwnames.map_or(&[][..], |k| k.items()).iter().zip(values).map(|(name, value)| {
            // SAFETY: keyword names are str by the calling convention.
            (unsafe { name.downcast_unchecked::<Str>() }, value)
        })
    }

    /// The value of one keyword argument.
    pub fn keyword(&self, name: &str) -> Option<&'a Obj> {
        self.keywords().find(|(n, _)| n.eq_str(name)).map(|(_, v)| v)
    }

    /// Without the first positional argument (a method's `self`).
    pub fn rest(&self) -> Args<'a> {
        Args { values: &self.values[1..], nargs: self.nargs - 1, kwnames: self.kwnames }
    }

    /// Raises the usual TypeError if keyword arguments were given.
    pub fn no_keywords(&self, function: &str) -> PyResult<()> {
        if self.has_keywords() {
            return Err(raise!(TypeError, "{function}() takes no keyword arguments"));
        }
        Ok(())
    }

    fn raw(&self) -> (*const Value, usize, Value) {
        (self.values.as_ptr() as *const Value, self.nargs, self.kwnames.map_or(Value::NULL, |k| k.value()))
    }
}

/// # Safety
/// `count` live words at `args` (or `count` is 0).
#[inline(always)]
unsafe fn slice<'a>(args: *const Value, count: usize) -> &'a [Obj] {
    if count == 0 {
        &[]
    } else {
        // SAFETY: by contract.
        unsafe { std::slice::from_raw_parts(args as *const Obj, count) }
    }
}

/// Converts the raw result of a vectorcall.
///
/// # Safety
/// `v` is an owned reference, or `NULL` with an exception pending.
#[inline(always)]
pub unsafe fn result(v: Value) -> PyResult<Obj> {
    if v.is_null() {
        Err(Raised::pending())
    } else {
        // SAFETY: by contract.
        Ok(unsafe { Obj::from_owned(v) })
    }
}

/// Converts a Rust result to the raw form.
#[inline(always)]
pub fn raw(result: PyResult<Obj>) -> Value {
    match result {
        Ok(obj) => obj.into_value(),
        Err(raised) => {
            raised.leave_pending();
            Value::NULL
        }
    }
}

/// Calls `callable` with positional arguments.
#[inline]
pub fn call(callable: &Obj, args: &[Obj]) -> PyResult<Obj> {
    call_args(callable, Args::positional(args))
}

/// Calls `callable`.
#[inline]
pub fn call_args(callable: &Obj, args: Args<'_>) -> PyResult<Obj> {
    let Some(f) = callable.class().slots().call else {
        return Err(raise!(TypeError, "'{}' object is not callable", callable.class().name()));
    };
    // Native code that calls native code never passes the interpreter's own check.
    if thread::current().native_stack_is_low() {
        return Err(thread::native_overflow(" while calling a Python object"));
    }
    let (values, nargs, kwnames) = args.raw();
    // SAFETY: the view holds live references that follow the convention.
    unsafe { result(f(thread::current_ptr(), callable.value(), values, nargs, kwnames)) }
}

/// Calls `callable` with positional arguments and keyword arguments from a dictionary.
pub fn call_dict(callable: &Obj, args: &[Obj], kwargs: Option<&Object<Dict>>) -> PyResult<Obj> {
    let Some(kwargs) = kwargs.filter(|k| !k.is_empty()) else { return call(callable, args) };
    let mut values = args.to_vec();
    let mut names = Vec::with_capacity(kwargs.len());
    for (name, value) in kwargs.entries() {
        if name.downcast::<Str>().is_none() {
            return Err(raise!(TypeError, "keywords must be strings"));
        }
        names.push(name);
        values.push(value);
    }
    let names = Tuple::from_vec(names);
    call_args(callable, Args { values: &values, nargs: args.len(), kwnames: Some(&names) })
}

/// Calls `callable` with keyword arguments.
pub fn call_keywords(callable: &Obj, args: &[Obj], keywords: &[(&str, Obj)]) -> PyResult<Obj> {
    let mut values = args.to_vec();
    values.extend(keywords.iter().map(|(_, v)| v.clone()));
    let names = Tuple::from_vec(keywords.iter().map(|(n, _)| Str::intern(n).into_obj()).collect());
    call_args(callable, Args { values: &values, nargs: args.len(), kwnames: Some(&names) })
}

/// Calls a method by name: `obj.name(*args)`.
pub fn call_method(obj: &Obj, name: &str, args: &[Obj]) -> PyResult<Obj> {
    call_method_str(obj, &Str::intern(name), args)
}

/// Calls a method by interned name.
pub fn call_method_str(obj: &Obj, name: &Object<Str>, args: &[Obj]) -> PyResult<Obj> {
    let (method, is_unbound) = crate::protocols::attr::load_method(obj, name)?;
    if is_unbound {
        let mut all = Vec::with_capacity(args.len() + 1);
        all.push(obj.clone());
        all.extend_from_slice(args);
        call(&method, &all)
    } else {
        call(&method, args)
    }
}

/// Calls a special method found on the class; `None` if the class has none.
pub fn call_special(obj: &Obj, name: &Object<Str>, args: &[Obj]) -> PyResult<Option<Obj>> {
    let found = crate::types::lookup_raw(obj.class(), name);
    if found.is_null() {
        return Ok(None);
    }
    // SAFETY: the class namespace holds the value.
    let found = unsafe { Obj::from_borrowed(found) };
    if found.class().has_flag(crate::types::flags::METHOD_DESCRIPTOR) {
        let mut all = Vec::with_capacity(args.len() + 1);
        all.push(obj.clone());
        all.extend_from_slice(args);
        return call(&found, &all).map(Some);
    }
    let bound = match found.class().slots().descr_get {
        Some(get) => get(&found, Some(obj), Some(obj.class()))?,
        None => found,
    };
    call(&bound, args).map(Some)
}

/// Calls a `call` slot taken from a class other than the object's own.
pub(crate) fn call_args_with(f: crate::types::slots::SlotFn, callable: &Obj, args: Args<'_>) -> PyResult<Obj> {
    let crate::types::slots::SlotFn::Call(f) = f else {
        return Err(raise!(SystemError, "not a call slot"));
    };
    let (values, nargs, kwnames) = args.raw();
    // SAFETY: the view holds live references that follow the convention.
    unsafe { result(f(thread::current_ptr(), callable.value(), values, nargs, kwnames)) }
}
