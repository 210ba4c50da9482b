//! Calls.

use std::sync::atomic::{AtomicU64, Ordering};

use pyrs_bytecode::{Opcode, co_flags};
use pyrs_macros::handler;
use pyrs_runtime::call::Args;
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::heap::{decref_or_null, incref};
use pyrs_runtime::name;
use pyrs_runtime::object::{Obj, Object};
use pyrs_runtime::objects::code::Code;
use pyrs_runtime::objects::dict::Dict;
use pyrs_runtime::objects::function::{BuiltinFunction, Function, MethodDescriptor};
use pyrs_runtime::objects::list::List;
use pyrs_runtime::objects::method::Method;
use pyrs_runtime::objects::object::new_plain_instance;
use pyrs_runtime::objects::singletons::{bool_value, none_value};
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::protocols::{attr, truth};
use pyrs_runtime::thread::Thread;
use pyrs_runtime::types::{TYPE, Type, lookup_raw};
use pyrs_runtime::value::Value;

use super::consumers;
use crate::consumers::may_consume;
use crate::dispatch::Regs;
use crate::dispatch::tri;
use crate::eval::{enter_recursion, leave_recursion};
use crate::frame::{self, Frame, HEAD_WORDS, Returns};
use crate::ops;
use crate::specialize::{self, due, read_u32};
use pyrs_runtime::heap::decref;

/// Code units of CALL and CALL_KW with their caches.
pub const UNITS: usize = 4;

/// The built-in functions that have opcodes of their own, once one of these has been specialized.
pub static LEN: AtomicU64 = AtomicU64::new(0);
pub static ISINSTANCE: AtomicU64 = AtomicU64::new(0);
pub static LIST_APPEND: AtomicU64 = AtomicU64::new(0);

/// The function that a word points to.
///
/// # Safety
/// The word is a live function, for as long as the borrow.
#[inline(always)]
pub unsafe fn function_at<'a>(word: Value) -> &'a Object<Function> {
    // SAFETY: by contract.
    unsafe { &*(word.as_pointer() as *const Object<Function>) }
}

/// Reserves a frame for a call of `code`; null with RecursionError pending.
#[inline(always)]
unsafe fn reserve(thread: &Thread, code: &Object<Code>) -> *mut Frame {
    let left = thread.recursion_remaining.get() - 1;
    thread.recursion_remaining.set(left);
    if left < 0 {
        return too_deep(thread);
    }
    frame::push(thread, HEAD_WORDS + code.frame_size)
}

#[cold]
#[inline(never)]
fn too_deep(thread: &Thread) -> *mut Frame {
    leave_recursion(thread);
    if let Err(raised) = enter_recursion(thread) {
        raised.leave_pending();
    }
    std::ptr::null_mut()
}

/// Makes the frame of a call whose positional arguments are exactly the parameters. The references of `function`
/// and the arguments move into it; null with an exception pending, and nothing moved.
///
/// # Safety
/// Contract of handlers; `argc` owned words at `args`; the function's code takes exactly these.
#[inline(always)]
pub unsafe fn push_exact(m: &Regs, function: Value, args: *const Value, argc: usize) -> *mut Frame {
    // SAFETY: by contract; the new frame has room for its localsplus.
    unsafe {
        let thread = m.thread();
        let code = function_at(function).code();
        let callee = reserve(thread, code);
        if !callee.is_null() {
            fill_exact(m, callee, function, args, argc);
        }
        callee
    }
}

/// Makes the frame of an operator's function, which borrows the operands.
///
/// # Safety
/// As [`push_exact`], but for the references: new ones are taken.
#[inline(never)]
pub unsafe fn push_operator(m: Regs, function: Value, first: Value, second: Value) -> *mut Frame {
    // SAFETY: by contract.
    unsafe {
        let callee = push_exact(&m, function, [first, second].as_ptr(), 2);
        if !callee.is_null() {
            incref(function);
            incref(first);
            incref(second);
            (*callee).returns = Returns::Operator;
        }
        callee
    }
}

/// Fills and links a frame that has been reserved for a call as in [`push_exact`].
#[inline(always)]
unsafe fn fill_exact(m: &Regs, callee: *mut Frame, function: Value, args: *const Value, argc: usize) {
    // SAFETY: by contract; the new frame has room for its localsplus.
    unsafe {
        let code = function_at(function).code();
        let slots = Frame::locals(callee);
        for i in 0..argc {
            *slots.add(i) = *args.add(i);
            frame::keep_loop();
        }
        for i in argc..code.nlocalsplus {
            *slots.add(i) = Value::NULL;
            frame::keep_loop();
        }
        frame::init(callee, function, code, Value::NULL, m.frame);
        m.thread().frame.set(callee as *mut u8);
    }
}

/// As [`push_exact`], for any arguments: `argc` positional ones, then those named by `kwnames`.
///
/// # Safety
/// Contract of handlers; the words at `args` are owned.
#[inline(never)]
pub unsafe fn push_bound(m: Regs, function: Value, args: *mut Value, argc: usize, kwnames: Value) -> *mut Frame {
    // SAFETY: by contract.
    unsafe {
        let total = argc + if kwnames.is_null() { 0 } else { kwnames.as_obj().downcast_unchecked::<Tuple>().len() };
        let callee = push_borrowed(m, function, Args::from_raw(args, argc, kwnames));
        if !callee.is_null() {
            for i in 0..total {
                decref(*args.add(i));
            }
        }
        callee
    }
}

/// As [`push_bound`], for keywords: in a function without varargs each argument moves to its parameter.
///
/// # Safety
/// Contract of handlers; the words at `args` are owned, `kwnames` is a tuple or `NULL`.
#[inline(never)]
unsafe fn push_named(m: Regs, function: Value, args: *mut Value, argc: usize, kwnames: Value) -> *mut Frame {
    // SAFETY: by contract; the new frame has room for its localsplus.
    unsafe {
        let thread = m.thread();
        let f = function_at(function);
        let code = f.code();
        if !code.fixed_args && kwnames.is_null() && takes_varargs_alone(code, argc) {
            return push_varargs(m, function, args, argc);
        }
        if !code.fixed_args || argc > code.argcount || code.argcount + code.kwonlyargcount > 64 {
            return push_bound(m, function, args, argc, kwnames);
        }
        let callee = reserve(thread, code);
        if callee.is_null() {
            return callee;
        }
        let slots = Frame::locals(callee);
        for i in 0..code.nlocalsplus {
            *slots.add(i) = if i < argc { *args.add(i) } else { Value::NULL };
        }
        let keywords = if kwnames.is_null() { &[] } else { kwnames.as_obj().downcast_unchecked::<Tuple>().items() };
        if !place_keywords(f, code, slots, args.add(argc), keywords) {
            // Nothing has been moved for good: the general way knows what to do, or what is wrong.
            frame::pop(thread, callee);
            leave_recursion(thread);
            return push_bound(m, function, args, argc, kwnames);
        }
        frame::init(callee, function, code, Value::NULL, m.frame);
        thread.frame.set(callee as *mut u8);
        callee
    }
}

/// Beyond its positional parameters, all of which `argc` arguments fill, the function has only varargs.
#[inline(always)]
fn takes_varargs_alone(code: &Code, argc: usize) -> bool {
    code.flags & co_flags::OPTIMIZED != 0
        && code.kwonlyargcount == 0
        && (argc == code.argcount || (argc > code.argcount && code.flags & co_flags::VARARGS != 0))
}

/// As [`push_bound`], where [`takes_varargs_alone`] holds: arguments move to their parameters, and into the tuple.
#[inline(never)]
unsafe fn push_varargs(m: Regs, function: Value, args: *mut Value, argc: usize) -> *mut Frame {
    // SAFETY: by contract; the new frame has room for its localsplus.
    unsafe {
        let thread = m.thread();
        let code = function_at(function).code();
        let callee = reserve(thread, code);
        if callee.is_null() {
            return callee;
        }
        let slots = Frame::locals(callee);
        for i in 0..code.nlocalsplus {
            *slots.add(i) = if i < code.argcount { *args.add(i) } else { Value::NULL };
        }
        let mut next = code.argcount;
        if code.flags & co_flags::VARARGS != 0 {
            *slots.add(next) = Tuple::from_words(args.add(next), argc - next).into_obj().into_value();
            next += 1;
        }
        if code.flags & co_flags::VARKEYWORDS != 0 {
            *slots.add(next) = Dict::new().into_obj().into_value();
        }
        frame::init(callee, function, code, Value::NULL, m.frame);
        thread.frame.set(callee as *mut u8);
        callee
    }
}

/// Copies the words at `values` to the parameters that `keywords` name, and defaults to those that are left; false
/// if that is not all there is to bind.
unsafe fn place_keywords(
    function: &Object<Function>,
    code: &Object<Code>,
    slots: *mut Value,
    values: *const Value,
    keywords: &[Obj],
) -> bool {
    let parameters = code.argcount + code.kwonlyargcount;
    let names = &code.localsplusnames.items()[..parameters];
    // Most calls name parameters in their order.
    let mut next = code.source.posonlyargcount as usize;
    let first = next;
    // SAFETY: a word for each keyword and each parameter.
    unsafe {
        for (i, keyword) in keywords.iter().enumerate() {
            let same = |name: &Obj| name.value() == keyword.value();
            let place = names[next..].iter().position(same).map(|at| at + next);
            let Some(place) = place.or_else(|| names[first..next].iter().position(same).map(|at| at + first)) else {
                return false;
            };
            if !(*slots.add(place)).is_null() {
                return false;
            }
            *slots.add(place) = *values.add(i);
            next = place + 1;
        }
        place_defaults(function, code, slots)
    }
}

/// Gives parameters that have no argument their defaults; false, and nothing done, if one has neither.
unsafe fn place_defaults(function: &Object<Function>, code: &Object<Code>, slots: *mut Value) -> bool {
    let parameters = code.argcount + code.kwonlyargcount;
    let (defaults, kwdefaults) = (function.defaults.peek(), function.kwdefaults.peek());
    // SAFETY: the function holds its defaults, a tuple and a dict.
    unsafe {
        let defaults = if defaults.is_null() { &[] } else { defaults.as_obj().downcast_unchecked::<Tuple>().items() };
        let mut placed = 0u64;
        for i in 0..parameters {
            if !(*slots.add(i)).is_null() {
                continue;
            }
            let default = if i < code.argcount {
                let missing = code.argcount - i;
                if missing > defaults.len() { Value::NULL } else { defaults[defaults.len() - missing].value() }
            } else if kwdefaults.is_null() {
                Value::NULL
            } else {
                let name = code.localsplusnames.items()[i].downcast_unchecked::<Str>();
                kwdefaults.as_obj().downcast_unchecked::<Dict>().peek_str(name)
            };
            if default.is_null() {
                (0..i).filter(|at| placed & (1 << at) != 0).for_each(|at| decref(*slots.add(at)));
                return false;
            }
            incref(default);
            *slots.add(i) = default;
            placed |= 1 << i;
        }
    }
    true
}

/// As [`push_bound`], with arguments that stay the caller's.
///
/// # Safety
/// Contract of handlers.
pub unsafe fn push_borrowed(m: Regs, function: Value, args: Args<'_>) -> *mut Frame {
    // SAFETY: by contract; the new frame has room for its localsplus.
    unsafe {
        let thread = m.thread();
        let f = function_at(function);
        let code: &Object<Code> = f.code();
        let callee = reserve(thread, code);
        if callee.is_null() {
            return callee;
        }
        if let Err(raised) = crate::bind::bind(f, code, args, Frame::locals(callee)) {
            raised.leave_pending();
            frame::pop(thread, callee);
            leave_recursion(thread);
            return std::ptr::null_mut();
        }
        frame::init(callee, function, code, crate::eval::default_namespace(f, code), m.frame);
        thread.frame.set(callee as *mut u8);
        callee
    }
}

/// Leaves the caller, whose `sp` is behind what it keeps, to go on `units` further on when `callee` returns.
///
/// # Safety
/// Contract of handlers; `callee` is complete and linked.
#[inline(always)]
pub unsafe fn enter(m: Regs, callee: *mut Frame, units: usize) -> Value {
    // SAFETY: by contract.
    unsafe {
        (*m.frame).sp = m.sp;
        (*m.frame).return_offset = units as u16;
        m.enter(callee)
    }
}

/// Callable, first argument (self, if there is one) and number of arguments of a CALL.
#[inline(always)]
unsafe fn operands(m: &Regs) -> (Value, *mut Value, usize) {
    // SAFETY: contract of handlers.
    unsafe {
        let args = m.sp.sub(m.oparg);
        let has_self = !(*args.sub(1)).is_null() as usize;
        (*args.sub(2), args.sub(has_self), m.oparg + has_self)
    }
}

/// Puts function and instance in place of a bound method.
#[inline(always)]
unsafe fn unpack_method(m: &Regs, method: Value) {
    // SAFETY: the callable is a Method without self; its parts get references of their own.
    unsafe {
        let args = m.sp.sub(m.oparg);
        let parts = &*(method.as_pointer() as *const Object<Method>);
        incref(parts.function.value());
        incref(parts.this.value());
        *args.sub(2) = parts.function.value();
        *args.sub(1) = parts.this.value();
        decref(method);
    }
}

#[handler]
pub unsafe fn call(m: Regs) -> Value {
    if due(&m) {
        return m.tail(specialize::calls::call);
    }
    m.save();
    m.tail(any_call)
}

/// Any callable.
#[handler]
pub unsafe fn any_call(mut m: Regs) -> Value {
    let args = m.sp.sub(m.oparg);
    if (*args.sub(1)).is_null() && m.obj(m.oparg + 2).exact::<Method>().is_some() {
        unpack_method(&m, *args.sub(2));
    }
    let (callable, args, argc) = operands(&m);
    if m.obj(m.oparg + 2).exact::<Function>().is_some() {
        let callee = push_named(m, callable, args, argc, Value::NULL);
        if callee.is_null() {
            return m.raise();
        }
        m.sp = m.sp.sub(m.oparg + 2);
        return enter(m, callee, UNITS);
    }
    let v = ops::call::vectorcall(m.thread(), callable, args, argc, Value::NULL);
    finish(m, v)
}

/// Puts the result of a native call in place of callable and arguments.
#[inline(always)]
unsafe fn finish(mut m: Regs, v: Value) -> Value {
    // SAFETY: contract of handlers: all words are owned, but for the one behind the callable if there is no instance.
    unsafe {
        if v.is_null() {
            return m.raise();
        }
        let base = m.sp.sub(m.oparg + 2);
        let mut at = m.sp.sub(1);
        for _ in 0..m.oparg {
            decref(*at);
            at = at.sub(1);
        }
        decref_or_null(*at);
        let callable = *base;
        *base = v;
        m.sp = base.add(1);
        m.drop_next(callable, UNITS)
    }
}

/// The word is a function with the code that the inline cache names.
#[inline(always)]
unsafe fn is_cached_function(m: &Regs, callable: Value) -> bool {
    // SAFETY: the class is checked before the payload is read.
    unsafe {
        callable.is_pointer_or_null()
            && std::ptr::eq((*callable.as_pointer()).class.get(), <Function as pyrs_runtime::PyClass>::class())
            && function_at(callable).code().version == read_u32(m.ip.add(2))
    }
}

#[handler]
pub unsafe fn py_exact_args(mut m: Regs) -> Value {
    let (callable, args, argc) = operands(&m);
    if !is_cached_function(&m, callable) || function_at(callable).code().argcount != argc {
        return m.tail(call);
    }
    m.save();
    let thread = m.thread();
    let code = function_at(callable).code();
    let (callee, remaining) = (thread.stack_top.get(), thread.recursion_remaining.get() - 1);
    let end = callee.wrapping_add(HEAD_WORDS + code.frame_size);
    if remaining < 0 || end > thread.stack_limit.get() {
        return m.tail(exact_args_in_new_chunk);
    }
    thread.recursion_remaining.set(remaining);
    thread.stack_top.set(end);
    let callee = callee as *mut Frame;
    fill_exact(&m, callee, callable, args, argc);
    m.sp = m.sp.sub(m.oparg + 2);
    enter(m, callee, UNITS)
}

/// As [`py_exact_args`] where the data stack has to grow, or is too deep.
#[cold]
#[handler]
unsafe fn exact_args_in_new_chunk(mut m: Regs) -> Value {
    let (callable, args, argc) = operands(&m);
    let callee = push_exact(&m, callable, args, argc);
    if callee.is_null() {
        return m.raise();
    }
    m.sp = m.sp.sub(m.oparg + 2);
    enter(m, callee, UNITS)
}

#[handler]
pub unsafe fn py_general(mut m: Regs) -> Value {
    let (callable, args, argc) = operands(&m);
    if !is_cached_function(&m, callable) {
        return m.tail(call);
    }
    m.save();
    let callee = match missing_defaults(function_at(callable), argc) {
        Some(defaults) => push_with_defaults(m, callable, args, argc, defaults),
        None => push_named(m, callable, args, argc, Value::NULL),
    };
    if callee.is_null() {
        return m.raise();
    }
    m.sp = m.sp.sub(m.oparg + 2);
    enter(m, callee, UNITS)
}

/// The defaults that make up for missing positional arguments, where that is all there is to bind.
#[inline(always)]
fn missing_defaults(function: &Object<Function>, argc: usize) -> Option<&[Obj]> {
    let code = function.code();
    if !code.simple_args || argc > code.argcount {
        return None;
    }
    let defaults = function.defaults.peek();
    if defaults.is_null() {
        return None;
    }
    // SAFETY: the function holds its defaults, a tuple, and nothing replaces them while they are copied.
    let defaults = unsafe { (*(defaults.as_pointer() as *const Object<Tuple>)).items() };
    let missing = code.argcount - argc;
    (missing <= defaults.len()).then(|| &defaults[defaults.len() - missing..])
}

/// As [`push_exact`], with `defaults` behind the arguments.
#[inline(never)]
unsafe fn push_with_defaults(
    m: Regs,
    function: Value,
    args: *const Value,
    argc: usize,
    defaults: &[Obj],
) -> *mut Frame {
    // SAFETY: as in `push_exact`.
    unsafe {
        let thread = m.thread();
        let code = function_at(function).code();
        let callee = reserve(thread, code);
        if callee.is_null() {
            return callee;
        }
        let slots = Frame::locals(callee);
        for i in 0..argc {
            *slots.add(i) = *args.add(i);
            frame::keep_loop();
        }
        for (i, default) in defaults.iter().enumerate() {
            incref(default.value());
            *slots.add(argc + i) = default.value();
        }
        for i in code.argcount..code.nlocalsplus {
            *slots.add(i) = Value::NULL;
            frame::keep_loop();
        }
        frame::init(callee, function, code, Value::NULL, m.frame);
        thread.frame.set(callee as *mut u8);
        callee
    }
}

/// The callable is a method object whose function the inline cache names.
#[inline(always)]
unsafe fn is_cached_method(m: &Regs) -> bool {
    // SAFETY: contract of handlers.
    unsafe {
        (*m.sp.sub(m.oparg + 1)).is_null()
            && m.obj(m.oparg + 2).exact::<Method>().is_some_and(|method| is_cached_function(m, method.function.value()))
    }
}

#[handler]
pub unsafe fn bound_method_exact_args(m: Regs) -> Value {
    if !is_cached_method(&m) {
        return m.tail(call);
    }
    m.save();
    unpack_method(&m, m.peek(m.oparg + 2));
    m.tail(py_exact_args)
}

#[handler]
pub unsafe fn bound_method_general(m: Regs) -> Value {
    if !is_cached_method(&m) {
        return m.tail(call);
    }
    m.save();
    unpack_method(&m, m.peek(m.oparg + 2));
    m.tail(py_general)
}

/// A class with the standard `__new__` and a Python `__init__`: the instance waits on the caller's stack while
/// the frame of `__init__` runs.
#[handler]
pub unsafe fn alloc_and_enter_init(mut m: Regs) -> Value {
    let callable = m.peek(m.oparg + 2);
    if !m.peek(m.oparg + 1).is_null()
        || !callable.is_pointer_or_null()
        || !std::ptr::eq((*callable.as_pointer()).class.get(), TYPE.get())
    {
        return m.tail(call);
    }
    let class = &*(callable.as_pointer() as *const Type);
    if class.current_version() != read_u32(m.ip.add(2)) {
        return m.tail(call);
    }
    let [init, version] = class.spec_cache.get();
    let init = Value(init);
    if function_at(init).version.get() as u64 != version {
        return m.tail(call);
    }
    m.save();
    let this = new_plain_instance(class);
    incref(this);
    incref(init);
    let args = m.sp.sub(m.oparg + 1);
    *args = this;
    let code = function_at(init).code();
    let callee = if code.simple_args && code.argcount == m.oparg + 1 {
        push_exact(&m, init, args, m.oparg + 1)
    } else {
        push_bound(m, init, args, m.oparg + 1, Value::NULL)
    };
    if callee.is_null() {
        decref(init);
        decref(this);
        return m.raise();
    }
    (*callee).returns = Returns::Init;
    *args.sub(1) = this;
    m.sp = args;
    decref(callable);
    enter(m, callee, UNITS)
}

/// A class whose call stays native.
#[handler]
pub unsafe fn builtin_class(m: Regs) -> Value {
    if consumers::has_generator(&m) {
        return m.tail(consumers::call);
    }
    let callable = m.peek(m.oparg + 2);
    if !callable.is_pointer_or_null() || !std::ptr::eq((*callable.as_pointer()).class.get(), TYPE.get()) {
        return m.tail(non_py_general);
    }
    m.save();
    let (callable, args, argc) = operands(&m);
    let v = ops::call::vectorcall(m.thread(), callable, args, argc, Value::NULL);
    finish(m, v)
}

/// A built-in function or bound built-in method.
#[handler]
pub unsafe fn builtin(m: Regs) -> Value {
    let Some(function) = m.obj(m.oparg + 2).exact::<BuiltinFunction>() else { return m.tail(call) };
    let args = m.sp.sub(m.oparg);
    if !(*args.sub(1)).is_null() {
        return m.tail(call);
    }
    if consumers::has_generator(&m) && may_consume(function) {
        return m.tail(consumers::call);
    }
    m.save();
    let thread = m.thread as *mut Thread;
    let v = match &function.this {
        Some(this) if function.passes_self() => {
            // The free word in front of the arguments lends its place.
            *args.sub(1) = this.value();
            let v = (function.def.call)(thread, function.value(), args.sub(1), m.oparg + 1, Value::NULL);
            *args.sub(1) = Value::NULL;
            v
        }
        _ => (function.def.call)(thread, function.value(), args, m.oparg, Value::NULL),
    };
    finish(m, v)
}

/// A method of a native class, with its instance.
#[handler]
pub unsafe fn method_descriptor(m: Regs) -> Value {
    let Some(method) = m.obj(m.oparg + 2).exact::<MethodDescriptor>() else { return m.tail(call) };
    let (callable, args, argc) = operands(&m);
    if argc == 0 {
        return m.tail(call);
    }
    let class = (*(args as *const Obj)).class();
    if !std::ptr::eq(class, method.owner()) && !class.is_subclass(method.owner()) {
        return m.tail(call);
    }
    if consumers::has_generator(&m) {
        return m.tail(consumers::call);
    }
    m.save();
    let v = (method.def.call)(m.thread as *mut Thread, callable, args, argc, Value::NULL);
    finish(m, v)
}

#[handler]
pub unsafe fn len(mut m: Regs) -> Value {
    if m.peek(3).0 != LEN.load(Ordering::Relaxed) || m.oparg != 1 || !m.peek(2).is_null() {
        return m.tail(call);
    }
    let v = m.peek(1);
    let Some(n) = quick_len(m.obj(1)) else { return m.tail(any_len) };
    let function = m.peek(3);
    m.sp = m.sp.sub(2);
    m.put(1, Value::from_fixnum(n as i64));
    m.drop_both_next(v, function, UNITS)
}

/// The length of what is asked for it most often.
#[inline(always)]
fn quick_len(v: &Obj) -> Option<usize> {
    if let Some(list) = v.exact::<List>() {
        return Some(list.len());
    }
    if let Some(text) = v.exact::<Str>() {
        return Some(text.len());
    }
    if let Some(tuple) = v.exact::<Tuple>() {
        return Some(tuple.len());
    }
    v.exact::<Dict>().map(|dict| dict.len())
}

/// As [`len`], for any object.
#[handler]
unsafe fn any_len(m: Regs) -> Value {
    m.save();
    let n = tri!(m, truth::len(m.obj(1)));
    m.replace_next(3, pyrs_runtime::objects::int::from_u64(n as u64).into_value(), UNITS)
}

#[handler]
pub unsafe fn isinstance(mut m: Regs) -> Value {
    if m.oparg != 2 || m.peek(4).0 != ISINSTANCE.load(Ordering::Relaxed) || !m.peek(3).is_null() {
        return m.tail(call);
    }
    let (v, class) = (m.obj(2), m.peek(1));
    if class.0 == std::ptr::from_ref(v.class()) as u64 {
        // An instance of this very class, whatever its metaclass says; it keeps the class alive.
        (*class.as_pointer()).refcnt.set((*class.as_pointer()).refcnt.get() - 1);
        let (v, function) = (m.peek(2), m.peek(4));
        m.sp = m.sp.sub(3);
        m.put(1, bool_value(true));
        return m.drop_both_next(v, function, UNITS);
    }
    m.tail(any_isinstance)
}

/// As [`isinstance`], for any object and class.
#[handler]
unsafe fn any_isinstance(m: Regs) -> Value {
    m.save();
    let r = tri!(m, attr::is_instance(m.obj(2), m.obj(1)));
    m.replace_next(4, bool_value(r), UNITS)
}

#[handler]
pub unsafe fn list_append(mut m: Regs) -> Value {
    if m.oparg != 1 || m.peek(3).0 != LIST_APPEND.load(Ordering::Relaxed) {
        return m.tail(call);
    }
    let this = m.peek(2);
    if this.is_null() || m.obj(2).exact::<List>().is_none() {
        return m.tail(call);
    }
    let list = &*(this.as_pointer() as *const Object<List>);
    if !list.push_in_place(m.peek(1)) {
        return m.tail(grow_and_append);
    }
    m.sp = m.sp.sub(2);
    appended(m, this)
}

/// The end of [`list_append`], for the descriptor on the stack and the list. The result is nearly always dropped: then
/// it is not pushed at all.
#[inline(always)]
unsafe fn appended(mut m: Regs, list: Value) -> Value {
    // SAFETY: contract of handlers; the class keeps the descriptor alive.
    unsafe {
        let count = &(*m.peek(1).as_pointer()).refcnt;
        count.set(count.get() - 1);
        if *m.ip.add(UNITS) as u8 == Opcode::PopTop as u8 {
            m.sp = m.sp.sub(1);
            return m.drop_next(list, UNITS + 1);
        }
        m.put(1, none_value());
        m.drop_next(list, UNITS)
    }
}

/// As [`list_append`], for a list without room.
#[handler]
unsafe fn grow_and_append(mut m: Regs) -> Value {
    let (v, this) = (m.pop(), m.pop());
    (*(this.as_pointer() as *const Object<List>)).push(v.into_obj());
    appended(m, this)
}

#[handler]
pub unsafe fn type_1(mut m: Regs) -> Value {
    if m.oparg != 1 || !m.peek(2).is_null() || !std::ptr::eq(m.peek(3).as_pointer() as *const Type, TYPE.get()) {
        return m.tail(call);
    }
    let class = m.obj(1).class().value();
    incref(class);
    let (object, callable) = (m.peek(1), m.peek(3));
    m.sp = m.sp.sub(2);
    m.put(1, class);
    m.drop_both_next(object, callable, UNITS)
}

/// A callable that is neither a function nor a method: its class's call slot.
#[handler]
pub unsafe fn non_py_general(m: Regs) -> Value {
    let callable = m.obj(m.oparg + 2);
    if callable.exact::<Function>().is_some() || callable.exact::<Method>().is_some() {
        return m.tail(call);
    }
    m.save();
    if unpack_instance(&m) {
        return m.tail(any_call);
    }
    let (callable, args, argc) = operands(&m);
    let v = ops::call::vectorcall(m.thread(), callable, args, argc, Value::NULL);
    finish(m, v)
}

/// The `__call__` of an instance's class, borrowed from it, if that is a Python function; else `NULL`.
#[inline]
pub fn python_call_method(instance: &Obj) -> Value {
    let v = instance.value();
    if !v.is_pointer_or_null() || !instance.class().is_heap_type() {
        return Value::NULL;
    }
    let found = lookup_raw(instance.class(), name!("__call__"));
    // SAFETY: the class holds what it finds.
    let fits = !found.is_null() && unsafe { found.as_obj() }.exact::<Function>().is_some();
    if fits { found } else { Value::NULL }
}

/// Puts the class's `__call__`, and the instance, in place of an instance that is called; false if that is not all.
#[inline(never)]
unsafe fn unpack_instance(m: &Regs) -> bool {
    // SAFETY: contract of handlers; the instance moves, the function gets a reference.
    unsafe {
        let args = m.sp.sub(m.oparg);
        let instance = *args.sub(2);
        let function = python_call_method(instance.as_obj());
        if function.is_null() || !(*args.sub(1)).is_null() {
            return false;
        }
        incref(function);
        *args.sub(2) = function;
        *args.sub(1) = instance;
        true
    }
}

/// Callable, first argument, number of positional arguments of a CALL_KW.
#[inline(always)]
unsafe fn keyword_operands(m: &Regs) -> (Value, *mut Value, usize) {
    // SAFETY: contract of handlers.
    unsafe {
        let named = (*(m.peek(1).as_pointer() as *const Object<Tuple>)).len();
        let args = m.sp.sub(1 + m.oparg);
        let has_self = !(*args.sub(1)).is_null() as usize;
        (*args.sub(2), args.sub(has_self), m.oparg - named + has_self)
    }
}

#[handler]
pub unsafe fn call_kw(m: Regs) -> Value {
    if due(&m) {
        return m.tail(specialize::calls::call_kw);
    }
    m.save();
    if (*m.sp.sub(m.oparg + 2)).is_null() && m.obj(m.oparg + 3).exact::<Method>().is_some() {
        unpack_method(&Regs { sp: m.sp.sub(1), ..m }, m.peek(m.oparg + 3));
    }
    if m.obj(m.oparg + 3).exact::<Function>().is_some() {
        return m.tail(kw_function);
    }
    m.tail(kw_native)
}

/// CALL_KW of a Python function.
#[handler]
unsafe fn kw_function(mut m: Regs) -> Value {
    let (callable, args, argc) = keyword_operands(&m);
    let kwnames = m.peek(1);
    let callee = push_named(m, callable, args, argc, kwnames);
    if callee.is_null() {
        return m.raise();
    }
    m.sp = m.sp.sub(m.oparg + 3);
    decref(kwnames);
    enter(m, callee, UNITS)
}

/// CALL_KW of anything else but a bound method.
#[handler]
unsafe fn kw_native(m: Regs) -> Value {
    let (callable, args, argc) = keyword_operands(&m);
    let v = ops::call::vectorcall(m.thread(), callable, args, argc, m.peek(1));
    if v.is_null() {
        return m.raise();
    }
    m.replace_next(m.oparg + 3, v, UNITS)
}

#[handler]
pub unsafe fn kw_py(m: Regs) -> Value {
    if !is_cached_function(&m, m.peek(m.oparg + 3)) {
        return m.tail(call_kw);
    }
    m.save();
    m.tail(kw_function)
}

#[handler]
pub unsafe fn kw_bound_method(m: Regs) -> Value {
    let under = Regs { sp: m.sp.sub(1), ..m };
    if !is_cached_method(&under) {
        return m.tail(call_kw);
    }
    m.save();
    unpack_method(&under, under.peek(m.oparg + 2));
    m.tail(kw_function)
}

#[handler]
pub unsafe fn kw_non_py(m: Regs) -> Value {
    let callable = m.obj(m.oparg + 3);
    if callable.exact::<Function>().is_some() || callable.exact::<Method>().is_some() {
        return m.tail(call_kw);
    }
    m.save();
    m.tail(kw_native)
}

#[handler]
pub unsafe fn call_function_ex(mut m: Regs) -> Value {
    m.save();
    // A Python function runs in this loop, if it takes fixed arguments or positional ones alone.
    if m.obj(4).exact::<Function>().is_some() && m.obj(2).exact::<Tuple>().is_some() {
        let mut callee = push_unpacked(m, m.peek(4), m.obj(2), m.peek(1));
        if callee.is_null() && m.peek(1).is_null() {
            callee = push_items(m, m.peek(4), m.obj(2));
            if callee.is_null() {
                return m.raise();
            }
        }
        if !callee.is_null() {
            let (tuple, keywords) = (m.peek(2), m.peek(1));
            m.sp = m.sp.sub(4);
            decref(tuple);
            decref_or_null(keywords);
            return enter(m, callee, 1);
        }
    }
    let r = tri!(m, ops::call::call_function_ex(m.sp));
    m.replace_next(4, r.into_value(), 1)
}

/// Makes the frame of `function(*items, **keywords)`, where `keywords` is a dict or `NULL`, and takes the function's
/// reference over; null, and nothing done, if the function has varargs or the arguments do not fit.
#[inline(never)]
unsafe fn push_unpacked(m: Regs, function: Value, items: &Obj, keywords: Value) -> *mut Frame {
    // SAFETY: contract of handlers; tuple and dict hold the arguments until the frame has its own references.
    unsafe {
        let f = function_at(function);
        let (thread, code) = (m.thread(), f.code());
        let items = items.downcast_unchecked::<Tuple>().items();
        if !code.fixed_args || items.len() > code.argcount || code.argcount + code.kwonlyargcount > 64 {
            return std::ptr::null_mut();
        }
        if thread.recursion_remaining.get() <= 0 {
            return std::ptr::null_mut();
        }
        let callee = reserve(thread, code);
        let slots = Frame::locals(callee);
        for i in 0..code.nlocalsplus {
            *slots.add(i) = items.get(i).map_or(Value::NULL, |item| item.clone().into_value());
        }
        let keywords = (!keywords.is_null()).then(|| keywords.as_obj().downcast_unchecked::<Dict>());
        if !place_unpacked(f, code, slots, keywords) {
            for i in 0..code.argcount + code.kwonlyargcount {
                decref_or_null(*slots.add(i));
            }
            frame::pop(thread, callee);
            leave_recursion(thread);
            return std::ptr::null_mut();
        }
        frame::init(callee, function, code, Value::NULL, m.frame);
        thread.frame.set(callee as *mut u8);
        callee
    }
}

/// Copies the values of `keywords` to the parameters that its keys, interned, name, and defaults to those that are
/// left; false if that is not all there is to bind.
unsafe fn place_unpacked(
    function: &Object<Function>,
    code: &Object<Code>,
    slots: *mut Value,
    keywords: Option<&Object<Dict>>,
) -> bool {
    let first = code.source.posonlyargcount as usize;
    let names = &code.localsplusnames.items()[first..code.argcount + code.kwonlyargcount];
    // SAFETY: a word for each parameter.
    unsafe {
        for (key, value) in keywords.iter().flat_map(|dict| dict.pairs()) {
            let Some(place) = names.iter().position(|name| name.value() == key.value()) else { return false };
            let slot = slots.add(first + place);
            if !(*slot).is_null() {
                return false;
            }
            *slot = value.clone().into_value();
        }
        place_defaults(function, code, slots)
    }
}

#[inline(never)]
unsafe fn push_items(m: Regs, function: Value, items: &Obj) -> *mut Frame {
    // SAFETY: contract of handlers; the tuple holds the arguments until the frame has its own references.
    unsafe { push_borrowed(m, function, Args::positional(items.downcast_unchecked::<Tuple>().items())) }
}

#[handler]
pub unsafe fn exit_init_check(mut m: Regs) -> Value {
    m.save();
    tri!(m, check_init_result(m.obj(1)));
    m.pop();
    m.next(1)
}

/// `__init__` must return None.
pub fn check_init_result(v: &Obj) -> PyResult<()> {
    if v.is_none() { Ok(()) } else { Err(ops::call::init_returned(v)) }
}
