//! Forms of CALL.

use std::sync::atomic::{AtomicU64, Ordering};

use pyrs_bytecode::Opcode;
use pyrs_macros::handler;
use pyrs_runtime::name;
use pyrs_runtime::object::{Obj, Object, PyClass};
use pyrs_runtime::objects::function::{BuiltinFunction, Function, MethodDescriptor};
use pyrs_runtime::objects::iter::builtin;
use pyrs_runtime::objects::list::List;
use pyrs_runtime::objects::method::Method;
use pyrs_runtime::objects::object::is_plain_constructor;
use pyrs_runtime::types::{TYPE, Type, as_type, lookup_raw, slot_functions, version_tag};
use pyrs_runtime::value::Value;

use super::{failed, specialized, write_u32};
use crate::dispatch::Regs;
use crate::handlers::calls::{ISINSTANCE, LEN, LIST_APPEND};

#[handler]
pub unsafe fn call(m: Regs) -> Value {
    let callable = m.obj(m.oparg + 2);
    let has_self = !m.peek(m.oparg + 1).is_null();
    if let Some(function) = callable.exact::<Function>() {
        return python_function(m, function, m.oparg + has_self as usize, false);
    }
    if let Some(method) = callable.exact::<Method>() {
        return match method.function.exact::<Function>() {
            Some(function) if !has_self => python_function(m, function, m.oparg + 1, true),
            _ => failed(m),
        };
    }
    if let Some(class) = as_type(callable) {
        return class_call(m, class, has_self);
    }
    if callable.exact::<BuiltinFunction>().is_some() && !has_self {
        let opcode = match m.oparg {
            1 if is_builtin(&LEN, callable, "len") => Opcode::CallLen,
            2 if is_builtin(&ISINSTANCE, callable, "isinstance") => Opcode::CallIsinstance,
            1 => Opcode::CallBuiltinO,
            _ => Opcode::CallBuiltinFast,
        };
        return specialized(m, opcode);
    }
    if callable.exact::<MethodDescriptor>().is_some() && m.oparg + has_self as usize > 0 {
        let opcode = match m.oparg {
            1 if has_self && is_list_append(callable) && m.obj(2).exact::<List>().is_some() => Opcode::CallListAppend,
            0 => Opcode::CallMethodDescriptorNoargs,
            1 => Opcode::CallMethodDescriptorO,
            _ => Opcode::CallMethodDescriptorFast,
        };
        return specialized(m, opcode);
    }
    specialized(m, Opcode::CallNonPyGeneral)
}

#[inline(always)]
unsafe fn python_function(m: Regs, function: &Object<Function>, argc: usize, bound: bool) -> Value {
    // SAFETY: contract of handlers.
    unsafe {
        let code = function.code();
        if code.version == 0 {
            return failed(m);
        }
        write_u32(m.ip.add(2), code.version);
        let exact = code.simple_args && code.argcount == argc;
        specialized(
            m,
            match (exact, bound) {
                (true, false) => Opcode::CallPyExactArgs,
                (false, false) => Opcode::CallPyGeneral,
                (true, true) => Opcode::CallBoundMethodExactArgs,
                (false, true) => Opcode::CallBoundMethodGeneral,
            },
        )
    }
}

#[handler]
pub unsafe fn call_kw(m: Regs) -> Value {
    let callable = m.obj(m.oparg + 3);
    let method = callable.exact::<Method>().and_then(|method| method.function.exact::<Function>());
    let (function, opcode) = match (callable.exact::<Function>(), method) {
        (Some(function), _) => (function, Opcode::CallKwPy),
        (None, Some(function)) if m.peek(m.oparg + 2).is_null() => (function, Opcode::CallKwBoundMethod),
        _ if callable.exact::<Method>().is_some() => return failed(m),
        _ => return specialized(m, Opcode::CallKwNonPy),
    };
    let version = function.code().version;
    if version == 0 {
        return failed(m);
    }
    write_u32(m.ip.add(2), version);
    specialized(m, opcode)
}

#[inline(always)]
unsafe fn class_call(m: Regs, class: &Type, has_self: bool) -> Value {
    // SAFETY: contract of handlers.
    unsafe {
        if has_self {
            return failed(m);
        }
        if std::ptr::eq(class, TYPE.get()) && m.oparg == 1 {
            return specialized(m, Opcode::CallType1);
        }
        if std::ptr::eq(class.class(), TYPE.get())
            && is_plain_constructor(class)
            && slot_functions::has_python_init(class)
        {
            let init = lookup_raw(class, name!("__init__"));
            let version = version_tag(class);
            if !init.is_null()
                && version != 0
                && let Some(function) = init.as_obj().exact::<Function>()
                && function.version() != 0
            {
                class.spec_cache.set([init.0, function.version() as u64]);
                write_u32(m.ip.add(2), version);
                return specialized(m, Opcode::CallAllocAndEnterInit);
            }
        }
        specialized(m, Opcode::CallBuiltinClass)
    }
}

/// True for the built-in function of that name; remembers it for the handler.
fn is_builtin(known: &AtomicU64, callable: &Obj, which: &str) -> bool {
    if known.load(Ordering::Relaxed) == 0
        && let Ok(function) = builtin(which)
        && function.exact::<BuiltinFunction>().is_some_and(|f| f.def.name == which)
    {
        pyrs_runtime::heap::make_immortal(&function);
        known.store(function.value().0, Ordering::Relaxed);
    }
    known.load(Ordering::Relaxed) == callable.value().0
}

fn is_list_append(callable: &Obj) -> bool {
    let append = lookup_raw(List::class(), name!("append"));
    LIST_APPEND.store(append.0, Ordering::Relaxed);
    append == callable.value()
}
