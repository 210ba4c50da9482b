//! Calls that leave the interpreter loop, and making functions.

use pyrs_runtime::call::{self, Args};
use pyrs_runtime::errors::{PyResult, Raised};
use pyrs_runtime::object::{Obj, Ptr};
use pyrs_runtime::objects::code::Code;
use pyrs_runtime::objects::dict::Dict;
use pyrs_runtime::objects::exceptions::TypeError;
use pyrs_runtime::objects::function::Function;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::protocols::{attr, iter, text};
use pyrs_runtime::thread::Thread;
use pyrs_runtime::value::Value;
use pyrs_runtime::{PyClass, name, raise};

use crate::frame::Frame;

/// Calls any object; `NULL` with an exception pending on error.
///
/// # Safety
/// The words follow the calling convention.
#[inline(always)]
pub unsafe fn vectorcall(thread: &Thread, callable: Value, args: *const Value, argc: usize, kwnames: Value) -> Value {
    // SAFETY: by contract.
    unsafe {
        let callable_obj = callable.as_obj();
        match callable_obj.class().slots().call {
            Some(f) => f(thread as *const Thread as *mut Thread, callable, args, argc, kwnames),
            None => {
                not_callable(callable_obj).leave_pending();
                Value::NULL
            }
        }
    }
}

#[cold]
fn not_callable(callable: &Obj) -> Raised {
    raise!(TypeError, "'{}' object is not callable", callable.class().name())
}

/// `f(a, k=v)`: `total` values at `args`, the last ones named by `kwnames`.
///
/// # Safety
/// Callable and self-or-`NULL` lie below the arguments.
pub unsafe fn call_keywords(thread: &Thread, args: *mut Value, total: usize, kwnames: Value) -> Value {
    // SAFETY: by contract.
    unsafe {
        let mut args = args;
        let named = kwnames.as_obj().downcast_unchecked::<Tuple>().len();
        let mut nargs = total - named;
        let callable = *args.sub(2);
        if !(*args.sub(1)).is_null() {
            args = args.sub(1);
            nargs += 1;
        }
        vectorcall(thread, callable, args, nargs, kwnames)
    }
}

/// How messages name a callable: `module.qualname()`.
pub fn callable_name(callable: &Obj) -> PyResult<String> {
    let Some(qualname) = attr::getattr_optional(callable, name!("__qualname__"))? else {
        return text::str_text(callable);
    };
    let qualname = text::str_text(&qualname)?;
    match attr::getattr_optional(callable, name!("__module__"))? {
        Some(module) if !module.is_none() => {
            let module = text::str_text(&module)?;
            Ok(if module == "builtins" { format!("{qualname}()") } else { format!("{module}.{qualname}()") })
        }
        _ => Ok(format!("{qualname}()")),
    }
}

/// `f(*args, **kwargs)`.
///
/// # Safety
/// Callable, `NULL`, positional arguments and a dict or `NULL` lie below `sp`.
pub unsafe fn call_function_ex(sp: *mut Value) -> PyResult<Obj> {
    // SAFETY: by contract.
    let (callable, args, kwargs) = unsafe { ((*sp.sub(4)).as_obj(), (*sp.sub(2)).as_obj(), *sp.sub(1)) };
    let items: Vec<Obj> = match args.exact::<Tuple>() {
        Some(tuple) => tuple.items().to_vec(),
        None => match iter::collect(args) {
            Ok(items) => items,
            Err(raised) if raised.matches(TypeError::class()) && !iter::is_iterable(args) => {
                raised.discard();
                let function = callable_name(callable)?;
                return Err(raise!(
                    TypeError,
                    "{function} argument after * must be an iterable, not {}",
                    args.class().name()
                ));
            }
            Err(raised) => return Err(raised),
        },
    };
    if kwargs.is_null() {
        return call::call(callable, &items);
    }
    // SAFETY: the compiler put a dict there.
    let kwargs = unsafe { kwargs.as_obj().downcast_unchecked::<Dict>() };
    call::call_dict(callable, &items, Some(kwargs))
}

/// `MAKE_FUNCTION`.
///
/// # Safety
/// `frame` is the caller's running frame.
pub unsafe fn make_function(frame: *mut Frame, code: Obj) -> Obj {
    // SAFETY: the caller's running frame.
    let frame = unsafe { &*frame };
    let code: Ptr<Code> = code.into_ptr().expect("the compiler put code there");
    let function = Function::new(code, frame.globals().to_ptr(), frame.builtins().to_ptr());
    function.into_obj()
}

/// `SET_FUNCTION_ATTRIBUTE` on the function just made.
pub fn set_function_attribute(function: Obj, value: Obj, which: u32) -> Obj {
    let function: Ptr<Function> = function.into_ptr().expect("the compiler put a function there");
    match which {
        0x01 => function.defaults.put(value),
        0x02 => function.kwdefaults.put(value),
        0x04 => function.annotations.put(value),
        0x08 => {
            let cells: Ptr<Tuple> = value.into_ptr().expect("the compiler put a tuple there");
            return Function::with_closure(function, cells).into_obj();
        }
        _ => function.annotate.put(value),
    }
    function.into_obj()
}

#[cold]
pub fn init_returned(v: &Obj) -> Raised {
    raise!(TypeError, "__init__() should return None, not '{}'", v.class().name())
}

/// `__build_class__(function, name, *bases, metaclass=..., **kwargs)`.
pub fn build_class(args: Args<'_>) -> PyResult<Obj> {
    let [function, class_name, bases @ ..] = args.positionals() else {
        return Err(raise!(TypeError, "__build_class__: not enough arguments"));
    };
    let Some(function) = function.exact::<Function>() else {
        return Err(raise!(TypeError, "__build_class__: func must be a function"));
    };
    if class_name.downcast::<Str>().is_none() {
        return Err(raise!(TypeError, "__build_class__: name is not a string"));
    }
    let original_bases = Tuple::from_slice(bases);
    let bases = resolve_bases(&original_bases)?;
    let keywords = Dict::new();
    let mut metaclass = None;
    for (key, value) in args.keywords() {
        if key.eq_str("metaclass") {
            metaclass = Some(value.clone());
        } else {
            keywords.set(key.to_obj(), value.clone())?;
        }
    }
    let metaclass = match metaclass {
        Some(m) if pyrs_runtime::types::as_type(&m).is_none() => m,
        explicit => {
            let first = match &explicit {
                Some(m) => m.clone(),
                None => bases
                    .items()
                    .first()
                    .map_or_else(|| pyrs_runtime::types::TYPE.get().to_obj(), |b| b.class().to_obj()),
            };
            let first = pyrs_runtime::types::as_type(&first).expect("a class of an object").to_ptr();
            pyrs_runtime::types::build::calculate_metaclass(&first, &bases)?.into_obj()
        }
    };
    let namespace = match attr::getattr_optional(&metaclass, name!("__prepare__"))? {
        Some(prepare) => call::call_dict(&prepare, &[class_name.clone(), bases.to_obj()], Some(&keywords))?,
        None => Dict::new().into_obj(),
    };
    if namespace.class().slots().getitem.is_none() {
        let name = match pyrs_runtime::types::as_type(&metaclass) {
            Some(t) => t.name().to_owned(),
            None => "<metaclass>".to_owned(),
        };
        return Err(raise!(TypeError, "{name}.__prepare__() must return a mapping, not {}", namespace.class().name()));
    }
    let cell = crate::eval::run_function_in(function, &namespace)?;
    if bases.value() != original_bases.value() {
        pyrs_runtime::protocols::sequence::setitem(
            &namespace,
            &Str::intern("__orig_bases__").into_obj(),
            &original_bases.to_obj(),
        )?;
    }
    let class = call::call_dict(&metaclass, &[class_name.clone(), bases.to_obj(), namespace], Some(&keywords))?;
    check_class_cell(&cell, &class, class_name)?;
    Ok(class)
}

fn check_class_cell(cell: &Obj, class: &Obj, class_name: &Obj) -> PyResult<()> {
    let Some(cell) = cell.exact::<pyrs_runtime::objects::cell::Cell>() else { return Ok(()) };
    if pyrs_runtime::types::as_type(class).is_none() {
        return Ok(());
    }
    let name = text::repr_text(class_name)?;
    match cell.get() {
        None => Err(raise!(
            RuntimeError,
            "__class__ not set defining {name} as {}. Was __classcell__ propagated to type.__new__?",
            text::repr_text(class)?
        )),
        Some(found) if !found.is(class) => Err(raise!(
            TypeError,
            "__class__ set to {} defining {name} as {}",
            text::repr_text(&found)?,
            text::repr_text(class)?
        )),
        Some(_) => Ok(()),
    }
}

/// Bases that are not classes may name others (`__mro_entries__`).
fn resolve_bases(bases: &Ptr<Tuple>) -> PyResult<Ptr<Tuple>> {
    let mut resolved: Option<Vec<Obj>> = None;
    for (i, base) in bases.items().iter().enumerate() {
        let entries = if pyrs_runtime::types::as_type(base).is_some() {
            None
        } else {
            attr::getattr_optional(base, name!("__mro_entries__"))?
        };
        match entries {
            None => {
                if let Some(list) = &mut resolved {
                    list.push(base.clone());
                }
            }
            Some(entries) => {
                let new = call::call(&entries, &[bases.to_obj()])?;
                let Some(new) = new.downcast::<Tuple>() else {
                    return Err(raise!(TypeError, "__mro_entries__ must return a tuple"));
                };
                resolved.get_or_insert_with(|| bases.items()[..i].to_vec()).extend_from_slice(new.items());
            }
        }
    }
    Ok(resolved.map_or_else(|| bases.clone(), Tuple::from_vec))
}
