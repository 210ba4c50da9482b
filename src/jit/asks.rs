//! Operations that compiled code asks the runtime for, without making its inlined frames real.
//!
//! Each function looks at operands that lie in memory, the deepest one first, and answers with a new reference. Where
//! the operands are not of the built-in classes it knows, where Python code would have to run, or where the
//! operation fails, it declines with 0 and has done nothing: compiled code is left, and the interpreter executes the
//! instruction.

use pyrs_bytecode::BinaryOp;
use pyrs_interp::ops;
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::heap;
use pyrs_runtime::object::{Obj, Object, PyClass};
use pyrs_runtime::objects::builtin_function::{BuiltinFunction, MethodDescriptor};
use pyrs_runtime::objects::cell::Cell;
use pyrs_runtime::objects::dict::Dict;
use pyrs_runtime::objects::inline_cache::InlineCache;
use pyrs_runtime::objects::list::List;
use pyrs_runtime::objects::object::new_plain_instance;
use pyrs_runtime::objects::range::Range;
use pyrs_runtime::objects::set::{FrozenSet, Set};
use pyrs_runtime::objects::singletons::{bool_value, false_value, none_value, true_value};
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::protocols::{compare, iter, number, sequence, truth};
use pyrs_runtime::thread::Thread;
use pyrs_runtime::types::Type;
use pyrs_runtime::types::shape::Managed;
use pyrs_runtime::types::slots::CompareOp;
use pyrs_runtime::value::Value;

use crate::record::Seen;

/// The form of all functions here: thread, operands, something of the instruction.
pub type Ask = unsafe extern "C" fn(*const Thread, *mut Value, u64) -> Value;

/// The `i`-th operand, counted from the deepest.
unsafe fn operand<'a>(at: *mut Value, i: usize) -> &'a Obj {
    // SAFETY: the caller's operands are live words.
    unsafe { &*(at.add(i) as *const Obj) }
}

/// An answer, or "no": the exception of a failed attempt is dropped, the interpreter will raise its own.
fn answer(thread: *const Thread, result: PyResult<Obj>) -> Value {
    match result {
        Ok(v) => v.into_value(),
        Err(_) => {
            // SAFETY: the running thread.
            drop(unsafe { (*thread).take_exception() });
            Value::NULL
        }
    }
}

/// Numbers, texts and None: nothing that Python code could take part in.
fn is_plain(v: &Obj) -> bool {
    let word = v.value();
    !word.is_pointer_or_null()
        || word == none_value()
        || word == true_value()
        || word == false_value()
        || v.exact::<Str>().is_some()
        || pyrs_runtime::objects::int::is_exact(v)
        || pyrs_runtime::objects::float::is_exact(v)
}

/// A key whose hash and comparison run no Python code.
fn is_key(v: &Obj) -> bool {
    is_plain(v) || v.exact::<Tuple>().is_some_and(|t| t.items().iter().all(is_key))
}

fn is_sequence(v: &Obj) -> bool {
    v.exact::<List>().is_some() || v.exact::<Tuple>().is_some() || v.exact::<Str>().is_some()
}

/// # Safety
/// As [`Ask`] says; so for all functions here.
pub unsafe extern "C" fn binary(thread: *const Thread, at: *mut Value, op: u64) -> Value {
    // SAFETY: by contract; the compiler numbers the operators.
    let (a, b, op) = unsafe { (operand(at, 0), operand(at, 1), std::mem::transmute::<u8, BinaryOp>(op as u8)) };
    if op == BinaryOp::Subscript {
        let fits = if a.exact::<Dict>().is_some() { is_key(b) } else { is_sequence(a) && !b.is_none() };
        return if fits { answer(thread, sequence::getitem(a, b)) } else { Value::NULL };
    }
    // An operator that changes its operand must not be tried twice.
    let fits =
        (is_plain(a) || (is_sequence(a) && (op as u8) < BinaryOp::InplaceAdd as u8)) && (is_plain(b) || is_sequence(b));
    if fits { answer(thread, number::binary_op(op, a, b)) } else { Value::NULL }
}

/// # Safety
/// As [`Ask`] says.
pub unsafe extern "C" fn comparison(thread: *const Thread, at: *mut Value, oparg: u64) -> Value {
    // SAFETY: by contract.
    let (a, b) = unsafe { (operand(at, 0), operand(at, 1)) };
    if !(is_key(a) && is_key(b)) {
        return Value::NULL;
    }
    let result = compare::compare_bool(a, b, CompareOp::from_index(oparg as usize >> 5));
    answer(thread, result.map(pyrs_runtime::objects::singletons::bool_obj))
}

/// # Safety
/// As [`Ask`] says.
pub unsafe extern "C" fn contains(thread: *const Thread, at: *mut Value, inverted: u64) -> Value {
    // SAFETY: by contract.
    let (item, container) = unsafe { (operand(at, 0), operand(at, 1)) };
    let hashed = container.exact::<Dict>().is_some()
        || container.exact::<Set>().is_some()
        || container.exact::<FrozenSet>().is_some();
    let listed = || container.exact::<Tuple>().is_some_and(|t| t.items().iter().all(is_key));
    let text = || container.exact::<Str>().is_some() && item.exact::<Str>().is_some();
    if !(is_key(item) && (hashed || text() || listed())) {
        return Value::NULL;
    }
    let result = iter::contains(container, item).map(|r| r != (inverted != 0));
    answer(thread, result.map(pyrs_runtime::objects::singletons::bool_obj))
}

/// A new cell with the contents of a variable, which may be NULL.
///
/// # Safety
/// As [`Ask`] says; the variable is at `at`.
pub unsafe extern "C" fn cell(_: *const Thread, at: *mut Value, _: u64) -> Value {
    // SAFETY: by contract: a live word, or NULL.
    let contents = unsafe { (!(*at).is_null()).then(|| Obj::from_borrowed(*at)) };
    Cell::new(contents).into_obj().into_value()
}

/// The value, the container, the key.
///
/// # Safety
/// As [`Ask`] says.
pub unsafe extern "C" fn store_subscript(thread: *const Thread, at: *mut Value, _: u64) -> Value {
    // SAFETY: by contract.
    let (value, container, key) = unsafe { (operand(at, 0), operand(at, 1), operand(at, 2)) };
    match container.exact::<Dict>() {
        Some(dict) if is_key(key) => {
            answer(thread, dict.set(key.clone(), value.clone()).map(|()| pyrs_runtime::objects::singletons::none()))
        }
        _ => Value::NULL,
    }
}

unsafe fn copied(at: *mut Value, count: usize) -> Vec<Obj> {
    // SAFETY: by the caller's contract.
    (0..count).map(|i| unsafe { operand(at, i).clone() }).collect()
}

/// # Safety
/// As [`Ask`] says.
pub unsafe extern "C" fn tuple(_: *const Thread, at: *mut Value, count: u64) -> Value {
    // SAFETY: by contract: the words get a reference each, which the tuple takes over.
    unsafe {
        (0..count as usize).for_each(|i| heap::incref(*at.add(i)));
        Tuple::from_words(at, count as usize).into_obj().into_value()
    }
}

/// # Safety
/// As [`Ask`] says.
pub unsafe extern "C" fn list(_: *const Thread, at: *mut Value, count: u64) -> Value {
    // SAFETY: by contract.
    List::from_vec(unsafe { copied(at, count as usize) }).into_obj().into_value()
}

/// The word, and the list `distance` words below it.
///
/// # Safety
/// As [`Ask`] says.
pub unsafe extern "C" fn append(_: *const Thread, at: *mut Value, distance: u64) -> Value {
    // SAFETY: by contract.
    let (v, list) = unsafe { (operand(at, 0), operand(at.sub(distance as usize), 0)) };
    match list.exact::<List>() {
        Some(list) => {
            list.push(v.clone());
            none_value()
        }
        None => Value::NULL,
    }
}

/// # Safety
/// As [`Ask`] says.
pub unsafe extern "C" fn iterator(thread: *const Thread, at: *mut Value, _: u64) -> Value {
    // SAFETY: by contract.
    let v = unsafe { operand(at, 0) };
    let known =
        is_sequence(v) || v.exact::<Range>().is_some() || v.exact::<Dict>().is_some() || v.exact::<Set>().is_some();
    if known { answer(thread, iter::iter(v)) } else { Value::NULL }
}

/// # Safety
/// As [`Ask`] says.
pub unsafe extern "C" fn slice(thread: *const Thread, at: *mut Value, _: u64) -> Value {
    // SAFETY: by contract.
    let (v, start, stop) = unsafe { (operand(at, 0), operand(at, 1), operand(at, 2)) };
    if is_sequence(v) && is_plain(start) && is_plain(stop) {
        answer(thread, ops::build::binary_slice(v, start, stop))
    } else {
        Value::NULL
    }
}

/// # Safety
/// As [`Ask`] says.
pub unsafe extern "C" fn truth(_: *const Thread, at: *mut Value, _: u64) -> Value {
    // SAFETY: by contract.
    let v = unsafe { operand(at, 0) };
    let known = is_plain(v) || is_sequence(v) || v.exact::<Dict>().is_some() || v.exact::<Set>().is_some();
    match truth::is_true(v) {
        Ok(r) if known => bool_value(r),
        _ => Value::NULL,
    }
}

/// # Safety
/// As [`Ask`] says.
pub unsafe extern "C" fn length(_: *const Thread, at: *mut Value, _: u64) -> Value {
    // SAFETY: by contract.
    let v = unsafe { operand(at, 0) };
    let known =
        is_sequence(v) || v.exact::<Dict>().is_some() || v.exact::<Set>().is_some() || v.exact::<Range>().is_some();
    if !known {
        return Value::NULL;
    }
    truth::len(v).map_or(Value::NULL, |n| Value::from_fixnum(n as i64))
}

/// A new instance of the class that the operand is.
///
/// # Safety
/// As [`Ask`] says; the operand is a class.
pub unsafe extern "C" fn instance(_: *const Thread, _: *mut Value, class: u64) -> Value {
    // SAFETY: by contract.
    new_plain_instance(unsafe { &*(class as *const Type) })
}

/// An attribute that is kept in the instance's dictionary.
pub struct NamedEntry {
    pub cache: InlineCache,
    pub name: *const Object<Str>,
}

unsafe fn dict_of<'a>(owner: &Obj, entry: &NamedEntry) -> Option<&'a Object<Dict>> {
    let v = owner.value();
    if !v.is_pointer_or_null() {
        return None;
    }
    // SAFETY: the class's version proves that the owner has the managed words.
    unsafe {
        if (*(*v.as_pointer()).class.get()).current_version() != entry.cache.version {
            return None;
        }
        let managed = &*((v.as_pointer() as *const u8).add(entry.cache.shape_offset as usize) as *const Managed);
        let dict = managed.dict.get();
        let fits = std::ptr::eq(managed.shape.get(), entry.cache.shape) && !dict.is_null();
        fits.then(|| &*(dict.as_pointer() as *const Object<Dict>))
    }
}

/// # Safety
/// As [`Ask`] says; the operand is a [`NamedEntry`].
pub unsafe extern "C" fn load_entry(_: *const Thread, at: *mut Value, plan: u64) -> Value {
    // SAFETY: by contract.
    unsafe {
        let entry = &*(plan as *const NamedEntry);
        let Some(dict) = dict_of(operand(at, 0), entry) else { return Value::NULL };
        let v = dict.peek_entry_named(entry.cache.offset as usize, &*entry.name);
        if !v.is_null() {
            heap::incref(v);
        }
        v
    }
}

/// The value, the owner.
///
/// # Safety
/// As [`Ask`] says; the operand is a [`NamedEntry`].
pub unsafe extern "C" fn store_entry(_: *const Thread, at: *mut Value, plan: u64) -> Value {
    // SAFETY: by contract; the replaced value's reference is given back here.
    unsafe {
        let entry = &*(plan as *const NamedEntry);
        let Some(dict) = dict_of(operand(at, 1), entry) else { return Value::NULL };
        let old = dict.replace_entry_named(entry.cache.offset as usize, &*entry.name, *at);
        if old.is_null() {
            return Value::NULL;
        }
        heap::incref(*at);
        heap::decref(old);
        none_value()
    }
}

/// A method of the class, for an instance whose dictionary does not hide it; the operand is a [`NamedEntry`].
///
/// # Safety
/// As [`Ask`] says.
pub unsafe extern "C" fn method(_: *const Thread, at: *mut Value, plan: u64) -> Value {
    // SAFETY: by contract.
    unsafe {
        let entry = &*(plan as *const NamedEntry);
        match dict_of(operand(at, 0), entry) {
            Some(dict) if dict.peek_str(&*entry.name).is_null() => none_value(),
            _ => Value::NULL,
        }
    }
}

/// A call of a native function or method.
pub struct NativeCall {
    pub callable: Value,
    pub argc: usize,
}

/// Calls a native function that is known to run no Python code with such arguments.
///
/// # Safety
/// As [`Ask`] says; the operand is a [`NativeCall`].
pub unsafe extern "C" fn native(thread: *const Thread, at: *mut Value, plan: u64) -> Value {
    // SAFETY: by contract: the words are live, the callable is kept by the trace.
    unsafe {
        let plan = &*(plan as *const NativeCall);
        let args: &[Obj] = std::slice::from_raw_parts(at as *const Obj, plan.argc);
        let callable = plan.callable.as_obj();
        if !is_harmless(callable, args) {
            return Value::NULL;
        }
        let v = ops::call::vectorcall(&*thread, plan.callable, at, plan.argc, Value::NULL);
        if v.is_null() {
            drop((*thread).take_exception());
        }
        v
    }
}

/// Whether words of these kinds are what [`is_plain`] (and, with `sequences`, [`is_sequence`]) looks for.
pub fn seen_plain(seen: Seen, sequences: bool) -> bool {
    match seen {
        Seen::Object(class) => {
            let is = |c: &Type| std::ptr::eq(class, c);
            is(Str::class())
                || is(pyrs_runtime::objects::int::CLASS.get())
                || is(pyrs_runtime::objects::float::CLASS.get())
                || (sequences && (is(List::class()) || is(Tuple::class())))
        }
        Seen::Null => false,
        _ => true,
    }
}

/// Whether the class is one of the hashed containers.
pub fn seen_hashed(seen: Seen) -> bool {
    let Seen::Object(class) = seen else { return false };
    [Dict::class(), Set::class(), FrozenSet::class()].iter().any(|c| std::ptr::eq(class, *c))
}

/// Whether [`is_harmless`] can hold for the callable at all.
pub fn may_be_harmless(callable: &Obj) -> bool {
    if let Some(function) = callable.exact::<BuiltinFunction>() {
        let module = function.module.as_ref().and_then(|m| m.exact::<Str>()).map(|m| m.to_string_lossy());
        return !function.passes_self() && matches!(module.as_deref(), Some("builtins" | "math"));
    }
    callable.exact::<MethodDescriptor>().is_some_and(|method| {
        [List::class(), Dict::class(), Set::class(), Str::class()].iter().any(|c| std::ptr::eq(*c, method.owner()))
    })
}

/// Functions of `builtins` and methods of built-in classes that only look at their arguments, or change nothing but
/// their own container, and that fail before they have changed anything.
pub fn is_harmless(callable: &Obj, args: &[Obj]) -> bool {
    if let Some(function) = callable.exact::<BuiltinFunction>() {
        let module = function.module.as_ref().and_then(|m| m.exact::<Str>()).map(|m| m.to_string_lossy());
        return match module.as_deref() {
            Some("builtins") => {
                matches!(
                    function.def.name,
                    "abs" | "chr" | "ord" | "min" | "max" | "divmod" | "pow" | "id" | "hex" | "bin"
                ) && args.iter().all(is_plain)
            }
            Some("math") => args.iter().all(is_plain),
            _ => false,
        };
    }
    let Some(method) = callable.exact::<MethodDescriptor>() else { return false };
    let [this, rest @ ..] = args else { return false };
    let owner = method.owner();
    let name = method.def.name;
    let of = |class: &Type| std::ptr::eq(owner, class) && std::ptr::eq(this.class(), class);
    if of(List::class()) {
        return match name {
            "append" | "insert" => true,
            "pop" | "reverse" | "copy" => rest.iter().all(is_plain),
            "extend" => rest.iter().all(is_sequence),
            _ => false,
        };
    }
    if of(Dict::class()) {
        return match name {
            "get" | "setdefault" | "pop" => rest.first().is_some_and(is_key),
            "keys" | "values" | "items" | "copy" => true,
            _ => false,
        };
    }
    if of(Set::class()) {
        return matches!(name, "add" | "discard" | "remove") && rest.iter().all(is_key);
    }
    if of(Str::class()) {
        return !matches!(name, "format" | "format_map" | "translate" | "maketrans" | "join" | "encode")
            && rest.iter().all(is_key);
    }
    false
}
