//! Structural pattern matching.

use pyrs_runtime::errors::PyResult;
use pyrs_runtime::object::{Obj, PyClass};
use pyrs_runtime::objects::dict::Dict;
use pyrs_runtime::objects::exceptions::AttributeError;
use pyrs_runtime::objects::object::PlainObject;
use pyrs_runtime::objects::singletons::none;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::protocols::{attr, text};
use pyrs_runtime::types::{as_type, flags};
use pyrs_runtime::value::Value;
use pyrs_runtime::{call, heap, name, raise};

pub fn is_mapping(v: &Obj) -> bool {
    v.class().has_flag(flags::MAPPING)
}

pub fn is_sequence(v: &Obj) -> bool {
    v.class().has_flag(flags::SEQUENCE)
}

/// The values of all keys as a tuple, or None.
pub fn match_keys(subject: &Obj, keys: &Obj) -> PyResult<Obj> {
    // SAFETY: the compiler put a tuple there.
    let keys = unsafe { keys.downcast_unchecked::<Tuple>() };
    let seen = Dict::new();
    let mut values = Vec::with_capacity(keys.len());
    // A default that no mapping holds tells "missing".
    let missing = heap::new_instance(PlainObject::class(), PlainObject).into_obj();
    let (get, unbound) = attr::load_method(subject, name!("get"))?;
    for key in keys.items() {
        if seen.contains(key)? {
            return Err(raise!(ValueError, "mapping pattern checks duplicate key ({})", text::repr_text(key)?));
        }
        seen.set(key.clone(), none())?;
        let value = if unbound {
            call::call(&get, &[subject.clone(), key.clone(), missing.clone()])?
        } else {
            call::call(&get, &[key.clone(), missing.clone()])?
        };
        if value.is(&missing) {
            return Ok(none());
        }
        values.push(value);
    }
    Ok(Tuple::from_vec(values).into_obj())
}

/// `case Class(a, b, x=c)`: the attributes as a tuple, or None.
///
/// # Safety
/// Subject, class and attribute names lie below `sp`.
pub unsafe fn match_class(sp: *mut Value, positional: usize) -> PyResult<Obj> {
    // SAFETY: by contract.
    let (subject, class, names) = unsafe { ((*sp.sub(3)).as_obj(), (*sp.sub(2)).as_obj(), (*sp.sub(1)).as_obj()) };
    let Some(ty) = as_type(class) else {
        return Err(raise!(TypeError, "called match pattern must be a class"));
    };
    if !attr::is_instance(subject, class)? {
        return Ok(none());
    }
    // SAFETY: the compiler put a tuple there.
    let keywords = unsafe { names.downcast_unchecked::<Tuple>() };
    let mut values = Vec::new();
    let mut seen: Vec<Obj> = Vec::new();
    if positional > 0 {
        let match_args = attr::getattr_optional(class, name!("__match_args__"))?;
        let match_self = match_args.is_none() && ty.has_flag(flags::MATCH_SELF);
        let match_args = match match_args {
            Some(args) => match args.exact::<Tuple>() {
                Some(tuple) => tuple.to_ptr(),
                None => {
                    return Err(raise!(
                        TypeError,
                        "{}.__match_args__ must be a tuple (got {})",
                        ty.name(),
                        args.class().name()
                    ));
                }
            },
            None => Tuple::empty(),
        };
        let allowed = if match_self { 1 } else { match_args.len() };
        if allowed < positional {
            let plural = if allowed == 1 { "" } else { "s" };
            return Err(raise!(
                TypeError,
                "{}() accepts {allowed} positional sub-pattern{plural} ({positional} given)",
                ty.name()
            ));
        }
        if match_self {
            values.push(subject.clone());
        } else {
            for attribute in &match_args.items()[..positional] {
                if attribute.downcast::<Str>().is_none() {
                    return Err(raise!(
                        TypeError,
                        "__match_args__ elements must be strings (got {})",
                        attribute.class().name()
                    ));
                }
                match attribute_of(subject, ty.name(), attribute, &mut seen)? {
                    Some(v) => values.push(v),
                    None => return Ok(none()),
                }
            }
        }
    }
    for attribute in keywords.items() {
        match attribute_of(subject, ty.name(), attribute, &mut seen)? {
            Some(v) => values.push(v),
            None => return Ok(none()),
        }
    }
    Ok(Tuple::from_vec(values).into_obj())
}

fn attribute_of(subject: &Obj, class: &str, attribute: &Obj, seen: &mut Vec<Obj>) -> PyResult<Option<Obj>> {
    for s in seen.iter() {
        if pyrs_runtime::protocols::compare::equal(s, attribute)? {
            return Err(raise!(
                TypeError,
                "{class}() got multiple sub-patterns for attribute {}",
                text::repr_text(attribute)?
            ));
        }
    }
    seen.push(attribute.clone());
    let name = attr::name_of(attribute)?;
    pyrs_runtime::errors::unless_raised(attr::getattr(subject, &name), AttributeError::class())
}
