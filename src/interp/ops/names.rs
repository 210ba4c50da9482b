//! Names: globals, namespaces, free variables, special attributes.

use pyrs_bytecode::{CommonConstant, SpecialMethod};
use pyrs_runtime::errors::{PyResult, Raised};
use pyrs_runtime::object::{Obj, Object, PyClass};
use pyrs_runtime::objects::dict::Dict;
use pyrs_runtime::objects::exceptions;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::super_object;
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::protocols::{attr, sequence};
use pyrs_runtime::thread;
use pyrs_runtime::types::{as_type, flags, lookup, lookup_raw};
use pyrs_runtime::value::Value;
use pyrs_runtime::{call, name, raise};

use crate::frame::Frame;

#[cold]
fn name_error(name: &Object<Str>) -> Raised {
    let text = format!("name '{}' is not defined", name.to_string_lossy());
    exceptions::raise_name_error(&text, name)
}

fn localsplus_name(frame: &Frame, index: u32) -> String {
    let names = frame.code().localsplusnames.items();
    names.get(index as usize).and_then(|n| n.downcast::<Str>()).map_or_else(String::new, |s| s.to_string_lossy())
}

/// UnboundLocalError for a local variable.
///
/// # Safety
/// `frame` is the caller's running frame.
#[cold]
pub unsafe fn unbound_local(frame: *mut Frame, index: u32) -> Raised {
    // SAFETY: the caller's running frame.
    let text = localsplus_name(unsafe { &*frame }, index);
    exceptions::raise_unbound_local_error(&format!(
        "cannot access local variable '{text}' where it is not associated with a value"
    ))
}

/// UnboundLocalError or NameError for a cell.
///
/// # Safety
/// `frame` is the caller's running frame.
#[cold]
pub unsafe fn unbound_deref(frame: *mut Frame, index: u32) -> Raised {
    // SAFETY: the caller's running frame.
    let frame = unsafe { &*frame };
    let code = frame.code();
    let text = localsplus_name(frame, index);
    if (index as usize) < code.nlocalsplus - code.nfrees {
        return exceptions::raise_unbound_local_error(&format!(
            "cannot access local variable '{text}' where it is not associated with a value"
        ));
    }
    let name = Str::intern(&text);
    exceptions::raise_name_error(
        &format!("cannot access free variable '{text}' where it is not associated with a value in enclosing scope"),
        &name,
    )
}

#[cold]
pub fn unknown_opcode(opcode: u8) -> Raised {
    raise!(SystemError, "unknown opcode {opcode}")
}

#[inline(never)]
pub fn common_constant(index: u32) -> PyResult<Obj> {
    let constant = CommonConstant::from_u32(index).ok_or_else(|| raise!(SystemError, "bad common constant {index}"))?;
    Ok(match constant {
        CommonConstant::AssertionError => exceptions::AssertionError::class().to_obj(),
        CommonConstant::NotImplementedError => exceptions::NotImplementedError::class().to_obj(),
        CommonConstant::Tuple => Tuple::class().to_obj(),
        CommonConstant::All => thread::runtime().all.get().expect("set with the built-in functions"),
        CommonConstant::Any => thread::runtime().any.get().expect("set with the built-in functions"),
    })
}

/// Looks in globals, then builtins.
///
/// # Safety
/// `frame` is the caller's running frame.
#[inline]
pub unsafe fn load_global(frame: *mut Frame, name: &Object<Str>) -> PyResult<Obj> {
    // SAFETY: the caller's running frame.
    let frame = unsafe { &*frame };
    let globals = frame.globals();
    if !std::ptr::eq(globals.class(), Dict::class()) {
        return slow_global(frame, name);
    }
    let found = globals.peek_str(name);
    let found = if found.is_null() { frame.builtins().peek_str(name) } else { found };
    if found.is_null() {
        return slow_global(frame, name);
    }
    // SAFETY: the namespace holds the value.
    Ok(unsafe { Obj::from_borrowed(found) })
}

/// Subclasses of dict may answer for missing names.
#[cold]
fn slow_global(frame: &Frame, name: &Object<Str>) -> PyResult<Obj> {
    for namespace in [frame.globals(), frame.builtins()] {
        if let Some(found) = get_or_none(&namespace.as_obj(), name)? {
            return Ok(found);
        }
    }
    Err(name_error(name))
}

/// `namespace[name]`, `None` for KeyError.
fn get_or_none(namespace: &Obj, name: &Object<Str>) -> PyResult<Option<Obj>> {
    if let Some(dict) = namespace.exact::<Dict>() {
        return dict.get_str(name);
    }
    pyrs_runtime::errors::unless_raised(sequence::getitem(namespace, &name.as_obj()), exceptions::KeyError::class())
}

fn namespace(frame: &Frame) -> PyResult<&Obj> {
    if frame.locals.is_null() {
        return Err(raise!(SystemError, "no locals"));
    }
    // SAFETY: the frame owns its namespace.
    Ok(unsafe { frame.locals.as_obj() })
}

/// # Safety
/// `frame` is the caller's running frame.
pub unsafe fn load_name(frame: *mut Frame, name: &Object<Str>) -> PyResult<Obj> {
    // SAFETY: the caller's running frame.
    let this = unsafe { &*frame };
    if let Some(found) = get_or_none(&namespace(this)?.clone(), name)? {
        return Ok(found);
    }
    // SAFETY: as above.
    unsafe { load_global(frame, name) }
}

/// # Safety
/// `frame` is the caller's running frame.
pub unsafe fn store_name(frame: *mut Frame, name: &Object<Str>, value: &Obj) -> PyResult<()> {
    // SAFETY: the caller's running frame.
    let namespace = namespace(unsafe { &*frame })?;
    match namespace.exact::<Dict>() {
        Some(dict) => dict.set_str(name, value.clone()),
        None => sequence::setitem(&namespace.clone(), &name.as_obj(), value),
    }
}

/// # Safety
/// `frame` is the caller's running frame.
pub unsafe fn delete_name(frame: *mut Frame, name: &Object<Str>) -> PyResult<()> {
    // SAFETY: the caller's running frame.
    let namespace = namespace(unsafe { &*frame })?.clone();
    let removed = match namespace.exact::<Dict>() {
        Some(dict) => dict.remove_str(name)?.is_some(),
        None => {
            let result = sequence::delitem(&namespace, &name.as_obj());
            pyrs_runtime::errors::unless_raised(result, exceptions::KeyError::class())?.is_some()
        }
    };
    if removed { Ok(()) } else { Err(name_error(name)) }
}

/// # Safety
/// `frame` is the caller's running frame.
pub unsafe fn delete_global(frame: *mut Frame, name: &Object<Str>) -> PyResult<()> {
    // SAFETY: the caller's running frame.
    match unsafe { &*frame }.globals().remove_str(name)? {
        Some(_) => Ok(()),
        None => Err(name_error(name)),
    }
}

/// # Safety
/// `frame` is the caller's running frame.
pub unsafe fn load_locals(frame: *mut Frame) -> PyResult<Obj> {
    // SAFETY: the caller's running frame.
    namespace(unsafe { &*frame }).cloned()
}

/// # Safety
/// `frame` is the caller's running frame.
pub unsafe fn load_from_dict_or_globals(frame: *mut Frame, namespace: &Obj, name: &Object<Str>) -> PyResult<Obj> {
    match get_or_none(namespace, name)? {
        Some(found) => Ok(found),
        // SAFETY: the caller's running frame.
        None => unsafe { load_global(frame, name) },
    }
}

/// # Safety
/// `frame` is the caller's running frame.
pub unsafe fn load_from_dict_or_deref(frame: *mut Frame, namespace: &Obj, index: u32) -> PyResult<Obj> {
    // SAFETY: the caller's running frame; the index names a cell.
    unsafe {
        let name = (*frame).code().localsplusnames.items()[index as usize].clone();
        let name = name.downcast_unchecked::<Str>();
        if let Some(found) = get_or_none(namespace, name)? {
            return Ok(found);
        }
        let cell = *Frame::locals(frame).add(index as usize);
        match cell.as_obj().downcast_unchecked::<pyrs_runtime::objects::cell::Cell>().get() {
            Some(v) => Ok(v),
            None => Err(unbound_deref(frame, index)),
        }
    }
}

/// # Safety
/// `frame` is the caller's running frame.
pub unsafe fn load_build_class(frame: *mut Frame) -> PyResult<Obj> {
    // SAFETY: the caller's running frame.
    let builtins = unsafe { &*frame }.builtins();
    match get_or_none(&builtins.as_obj(), name!("__build_class__"))? {
        Some(found) => Ok(found),
        None => Err(raise!(NameError, "__build_class__ not found")),
    }
}

/// # Safety
/// `frame` is the caller's running frame.
pub unsafe fn setup_annotations(frame: *mut Frame) -> PyResult<()> {
    // SAFETY: the caller's running frame.
    let namespace = namespace(unsafe { &*frame })?.clone();
    let key = name!("__annotations__");
    if get_or_none(&namespace, key)?.is_none() {
        sequence::setitem(&namespace, &key.as_obj(), &Dict::new().into_obj())?;
    }
    Ok(())
}

/// `super().name` without making the super object where `super` is the built-in one. The second value
/// is `self` if the first is a function to be called with it.
///
/// # Safety
/// `super`, class and self lie below `sp`.
pub unsafe fn load_super_attr(sp: *mut Value, name: &Object<Str>, oparg: u32) -> PyResult<(Obj, Option<Obj>)> {
    // SAFETY: by contract.
    let (global_super, class, this) = unsafe { ((*sp.sub(3)).as_obj(), (*sp.sub(2)).as_obj(), (*sp.sub(1)).as_obj()) };
    let standard = std::ptr::eq(global_super.value().as_pointer(), super_object::Super::class().header());
    if standard
        && !name.eq_str("__class__")
        && let Some(class) = as_type(class)
    {
        if oparg & 1 != 0 {
            if let Some((found, unbound)) = super_object::load_super_method(class, this, name)? {
                return Ok((found, unbound.then(|| this.clone())));
            }
        } else if let Some(found) = super_object::lookup_super(class, this, name)? {
            return Ok((found, None));
        }
    }
    let bound = if oparg & 2 != 0 {
        call::call(global_super, &[class.clone(), this.clone()])?
    } else {
        // The zero-argument form finds class and self by itself.
        call::call(global_super, &[])?
    };
    Ok((attr::getattr(&bound, name)?, None))
}

fn special_name(method: SpecialMethod) -> &'static Object<Str> {
    match method {
        SpecialMethod::Enter => name!("__enter__"),
        SpecialMethod::Exit => name!("__exit__"),
        SpecialMethod::AsyncEnter => name!("__aenter__"),
        SpecialMethod::AsyncExit => name!("__aexit__"),
    }
}

/// The method behind `with` and `async with` if it is to be called with the object in front, borrowed from the class;
/// else `NULL`.
#[inline(never)]
pub fn plain_special(owner: &Obj, index: u32) -> Value {
    let Some(method) = SpecialMethod::from_u32(index) else { return Value::NULL };
    let found = lookup_raw(owner.class(), special_name(method));
    // SAFETY: the class holds the value.
    let fits = !found.is_null() && unsafe { found.as_obj() }.class().has_flag(flags::METHOD_DESCRIPTOR);
    if fits { found } else { Value::NULL }
}

/// The method behind `with` and `async with` that [`plain_special`] leaves; true = to be called with the object in
/// front.
pub fn load_special(owner: &Obj, index: u32) -> PyResult<(Obj, bool)> {
    let method = SpecialMethod::from_u32(index).ok_or_else(|| raise!(SystemError, "bad special method {index}"))?;
    let Some(found) = lookup(owner.class(), special_name(method)) else { return Err(special_missing(owner, method)) };
    if found.class().has_flag(flags::METHOD_DESCRIPTOR) {
        return Ok((found, true));
    }
    match found.class().slots().descr_get {
        Some(get) => Ok((get(&found, Some(owner), Some(owner.class()))?, false)),
        None => Ok((found, false)),
    }
}

#[cold]
fn special_missing(owner: &Obj, method: SpecialMethod) -> Raised {
    let class = owner.class();
    let has = |name: &str| lookup(class, &Str::intern(name)).is_some();
    let this = match method {
        SpecialMethod::Enter | SpecialMethod::Exit => "context manager",
        SpecialMethod::AsyncEnter | SpecialMethod::AsyncExit => "asynchronous context manager",
    };
    let (missing, hint) = match method {
        SpecialMethod::Enter => ("__enter__", has("__aenter__") && has("__aexit__")),
        SpecialMethod::Exit => ("__exit__", has("__aenter__") && has("__aexit__")),
        SpecialMethod::AsyncEnter => ("__aenter__", has("__enter__") && has("__exit__")),
        SpecialMethod::AsyncExit => ("__aexit__", has("__enter__") && has("__exit__")),
    };
    let hint = if !hint {
        String::new()
    } else if this.starts_with("async") {
        " but it supports the context manager protocol. Did you mean to use 'with'?".to_owned()
    } else {
        " but it supports the asynchronous context manager protocol. Did you mean to use 'async with'?".to_owned()
    };
    raise!(
        TypeError,
        "'{}' object does not support the {this} protocol (missed {missing} method){hint}",
        pyrs_runtime::objects::object::repr_name(class)
    )
}
