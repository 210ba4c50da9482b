//! `CALL_INTRINSIC_1` and `CALL_INTRINSIC_2`.

use pyrs_bytecode::{Intrinsic1, Intrinsic2, co_flags};
use pyrs_runtime::call::{self};
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::object::{Obj, PyClass};
use pyrs_runtime::objects::dict::Dict;
use pyrs_runtime::objects::exceptions::{self, StopAsyncIteration, StopIteration};
use pyrs_runtime::objects::function::Function;
use pyrs_runtime::objects::list::List;
use pyrs_runtime::objects::singletons::none;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::protocols::{attr, iter, number, sequence, sum};
use pyrs_runtime::{name, raise};

use crate::consumers;
use crate::frame::Frame;
use crate::generator;

/// # Safety
/// `frame` is the caller's running frame.
pub unsafe fn call_1(frame: *mut Frame, which: u32, v: &Obj) -> PyResult<Obj> {
    if which == consumers::SUM_FINISH {
        return Ok(sum::finish(v));
    }
    let which = Intrinsic1::from_u32(which).ok_or_else(|| raise!(SystemError, "bad intrinsic {which}"))?;
    match which {
        Intrinsic1::Print => print_expression(v),
        // SAFETY: by contract.
        Intrinsic1::ImportStar => unsafe { import_star(&*frame, v) },
        // SAFETY: by contract.
        Intrinsic1::StopIterationError => stop_iteration_error(unsafe { &*frame }, v),
        Intrinsic1::AsyncGenWrap => Ok(generator::wrap_value(v.clone())),
        Intrinsic1::UnaryPositive => number::positive(v),
        Intrinsic1::ListToTuple => Ok(list_to_tuple(v)),
        Intrinsic1::TypeVar => typing_helper("_make_typevar", &[v.clone(), none(), none()]),
        Intrinsic1::ParamSpec => typing_helper("_make_paramspec", std::slice::from_ref(v)),
        Intrinsic1::TypeVarTuple => typing_helper("_make_typevartuple", std::slice::from_ref(v)),
        Intrinsic1::SubscriptGeneric => typing_helper("_subscript_generic", std::slice::from_ref(v)),
        Intrinsic1::TypeAlias => typing_helper("_make_typealias", std::slice::from_ref(v)),
        Intrinsic1::Invalid => Err(raise!(SystemError, "bad intrinsic 0")),
    }
}

/// The items of a list that nobody else has, as a tuple.
pub fn list_to_tuple(v: &Obj) -> Obj {
    let list = v.exact::<List>().expect("the compiler put a list there");
    Tuple::from_vec(list.take()).into_obj()
}

pub fn call_2(which: u32, a: &Obj, b: &Obj) -> PyResult<Obj> {
    if which == consumers::SUM_STEP {
        return sum::step(a, b);
    }
    let which = Intrinsic2::from_u32(which).ok_or_else(|| raise!(SystemError, "bad intrinsic {which}"))?;
    match which {
        Intrinsic2::PrepReraiseStar => {
            let raised = iter::collect(b)?;
            exceptions::prepare_reraise_star(a, &raised)
        }
        Intrinsic2::TypeVarWithBound => typing_helper("_make_typevar", &[a.clone(), b.clone(), none()]),
        Intrinsic2::TypeVarWithConstraints => typing_helper("_make_typevar", &[a.clone(), none(), b.clone()]),
        Intrinsic2::SetFunctionTypeParams => {
            a.exact::<Function>().expect("the compiler put a function there").type_params.put(b.clone());
            Ok(a.clone())
        }
        Intrinsic2::SetTypeParamDefault => typing_helper("_set_typeparam_default", &[a.clone(), b.clone()]),
        Intrinsic2::Invalid => Err(raise!(SystemError, "bad intrinsic 0")),
    }
}

/// Type parameters are made by the native `_typing` module.
fn typing_helper(function: &str, args: &[Obj]) -> PyResult<Obj> {
    let module = (pyrs_runtime::hooks::hooks().import_module)("_typing")?;
    call::call(&attr::getattr_text(&module, function)?, args)
}

/// The value of an expression statement at the prompt.
fn print_expression(v: &Obj) -> PyResult<Obj> {
    let sys = pyrs_runtime::thread::runtime().sys_dict.get();
    let hook = match sys.as_ref().and_then(|s| s.downcast::<Dict>()) {
        Some(dict) => dict.get_str(name!("displayhook"))?,
        None => None,
    };
    match hook {
        Some(hook) => call::call(&hook, std::slice::from_ref(v)),
        None => Err(raise!(RuntimeError, "lost sys.displayhook")),
    }
}

/// `from module import *`.
///
/// # Safety
/// The operands lie where the interpreter loop has them.
unsafe fn import_star(frame: &Frame, module: &Obj) -> PyResult<Obj> {
    if frame.locals.is_null() {
        return Err(raise!(SystemError, "no locals found during 'import *'"));
    }
    // SAFETY: the frame owns its namespace.
    let namespace = unsafe { frame.locals.as_obj() }.clone();
    let (names, skip_private) = match attr::getattr_optional(module, name!("__all__"))? {
        Some(all) => (iter::collect(&all)?, false),
        None => match attr::getattr_optional(module, name!("__dict__"))? {
            Some(dict) => (iter::collect(&call::call_method(&dict, "keys", &[])?)?, true),
            None => return Err(raise!(ImportError, "from-import-* object has no __dict__ and no __all__")),
        },
    };
    for key in names {
        let Some(text) = key.downcast::<Str>() else {
            let what = if skip_private { "Key" } else { "Item" };
            let place = if skip_private { "__dict__" } else { "__all__" };
            let module_name = attr::getattr(module, name!("__name__"))?;
            return Err(raise!(
                TypeError,
                "{what} in {}.{place} must be str, not {}",
                pyrs_runtime::protocols::text::str_text(&module_name)?,
                key.class().name()
            ));
        };
        if skip_private && text.get_char(0) == Some('_' as u32) {
            continue;
        }
        let value = attr::getattr(module, text)?;
        match namespace.exact::<Dict>() {
            Some(dict) => dict.set(key.clone(), value)?,
            None => sequence::setitem(&namespace, &key, &value)?,
        }
    }
    Ok(none())
}

/// StopIteration must not leave a generator: it becomes RuntimeError (PEP 479).
fn stop_iteration_error(frame: &Frame, exc: &Obj) -> PyResult<Obj> {
    let flags = frame.code().flags;
    let class = exc.class();
    let text = if class.is_subclass(StopIteration::class()) {
        if flags & co_flags::ASYNC_GENERATOR != 0 {
            "async generator raised StopIteration"
        } else if flags & co_flags::COROUTINE != 0 {
            "coroutine raised StopIteration"
        } else {
            "generator raised StopIteration"
        }
    } else if flags & co_flags::ASYNC_GENERATOR != 0 && class.is_subclass(StopAsyncIteration::class()) {
        "async generator raised StopAsyncIteration"
    } else {
        return Ok(exc.clone());
    };
    let replacement = raise!(RuntimeError, "{text}").take();
    exceptions::set_cause(&replacement, Some(exc.clone()));
    exceptions::set_context(&replacement, exc.clone());
    Ok(replacement)
}
