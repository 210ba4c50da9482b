//! Operations that compiled code asks the runtime for, without making its inlined frames real.
//!
//! Each function looks at operands that lie in memory, the deepest one first, and answers with a new reference. Where
//! the operands are not of the built-in classes it knows, where Python code would have to run, or where the
//! operation fails, it declines with 0 and has done nothing: compiled code is left, and the interpreter executes the
//! instruction.

use pyrs_bytecode::BinaryOp;
use pyrs_interp::ops;
use pyrs_interp::ops::iteration::Pair;
use pyrs_runtime::class::MethodDef;
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::heap;
use pyrs_runtime::object::{Obj, Object};
use pyrs_runtime::objects::builtin_function::BuiltinFunction;
use pyrs_runtime::objects::cell::Cell;
use pyrs_runtime::objects::dict::Dict;
use pyrs_runtime::objects::inline_cache::InlineCache;
use pyrs_runtime::objects::list::List;
use pyrs_runtime::objects::object::new_plain_instance;
use pyrs_runtime::objects::singletons::{bool_value, none, none_value};
use pyrs_runtime::objects::slice::Slice;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::protocols::{attr, compare, iter, number, sequence, truth};
use pyrs_runtime::thread::Thread;
use pyrs_runtime::types::shape::Managed;
use pyrs_runtime::types::slots::CompareOp;
use pyrs_runtime::types::{Type, as_type};
use pyrs_runtime::value::Value;

use crate::quiet::{self, is_key, is_plain, is_sequence};

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

/// # Safety
/// As [`Ask`] says; so for all functions here.
pub unsafe extern "C" fn binary(thread: *const Thread, at: *mut Value, op: u64) -> Value {
    // SAFETY: by contract; the compiler numbers the operators.
    let (a, b, op) = unsafe { (operand(at, 0), operand(at, 1), std::mem::transmute::<u8, BinaryOp>(op as u8)) };
    let fits = if op == BinaryOp::Subscript { has_quiet_item(a, b) } else { is_quiet_operator(op, a, b) };
    if !fits {
        return Value::NULL;
    }
    answer(thread, if op == BinaryOp::Subscript { sequence::getitem(a, b) } else { number::binary_op(op, a, b) })
}

fn has_quiet_item(container: &Obj, key: &Obj) -> bool {
    match quiet::as_plain_dict(container) {
        // A missing key is for the interpreter, which knows of `__missing__`.
        Some(dict) => is_key(key) && (container.exact::<Dict>().is_some() || dict.get(key).is_ok_and(|v| v.is_some())),
        None => quiet::is_indexed(container) && quiet::is_index(key),
    }
}

/// An operator that fails has changed nothing: it may be tried again.
fn is_quiet_operator(op: BinaryOp, a: &Obj, b: &Obj) -> bool {
    use BinaryOp::*;
    let sequences = |v: &Obj| is_sequence(v) || is_plain(v);
    match op {
        Remainder | InplaceRemainder => is_plain(a) && quiet::is_plain_throughout(b),
        Add | Multiply | InplaceAdd | InplaceMultiply => sequences(a) && sequences(b),
        And | Or | Xor | Subtract => {
            (is_plain(a) && is_plain(b)) || (quiet::is_set_of_keys(a) && quiet::is_set_of_keys(b))
        }
        _ => is_plain(a) && is_plain(b),
    }
}

/// # Safety
/// As [`Ask`] says.
pub unsafe extern "C" fn comparison(thread: *const Thread, at: *mut Value, oparg: u64) -> Value {
    // SAFETY: by contract.
    let (a, b) = unsafe { (operand(at, 0), operand(at, 1)) };
    let fits = match quiet::is_set(a) {
        true => quiet::is_set(b) && quiet::is_set_of_keys(a),
        false => (is_key(a) && is_key(b)) || (quiet::is_plain_throughout(a) && quiet::is_plain_throughout(b)),
    };
    if !fits {
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
    let text = || container.exact::<Str>().is_some() && item.exact::<Str>().is_some();
    let listed = || {
        quiet::items_are(container, is_key)
            || (quiet::is_container(container) && !is_sequence(container))
            || quiet::as_plain_dict(container).is_some()
    };
    if !(is_key(item) && (text() || listed())) {
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
    if let Some(dict) = quiet::as_plain_dict(container) {
        let set = |dict: &Object<Dict>| dict.set(key.clone(), value.clone()).map(|()| none());
        return if is_key(key) { answer(thread, set(dict)) } else { Value::NULL };
    }
    let items = is_plain(value) || is_sequence(value) || key.exact::<Slice>().is_none();
    if !(quiet::is_indexed(container) && quiet::is_index(key) && items) {
        return Value::NULL;
    }
    answer(thread, sequence::setitem(container, key, value).map(|()| none()))
}

/// The value, the container, start, stop.
///
/// # Safety
/// As [`Ask`] says.
pub unsafe extern "C" fn store_slice(thread: *const Thread, at: *mut Value, _: u64) -> Value {
    // SAFETY: by contract.
    let (value, container, start, stop) = unsafe { (operand(at, 0), operand(at, 1), operand(at, 2), operand(at, 3)) };
    let fits = container.exact::<List>().is_some() && is_sequence(value) && is_plain(start) && is_plain(stop);
    if !fits {
        return Value::NULL;
    }
    // SAFETY: the four operands end there.
    answer(thread, unsafe { ops::build::store_slice(at.add(4)) }.map(|()| none()))
}

/// The container, the key.
///
/// # Safety
/// As [`Ask`] says.
pub unsafe extern "C" fn delete_subscript(thread: *const Thread, at: *mut Value, _: u64) -> Value {
    // SAFETY: by contract.
    let (container, key) = unsafe { (operand(at, 0), operand(at, 1)) };
    if !has_quiet_item(container, key) {
        return Value::NULL;
    }
    answer(thread, sequence::delitem(container, key).map(|()| none()))
}

/// The value behind a unary operator; the operand says which.
///
/// # Safety
/// As [`Ask`] says.
pub unsafe extern "C" fn negative(thread: *const Thread, at: *mut Value, inverts: u64) -> Value {
    // SAFETY: by contract.
    let v = unsafe { operand(at, 0) };
    if !is_plain(v) {
        return Value::NULL;
    }
    answer(thread, if inverts != 0 { number::invert(v) } else { number::negative(v) })
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

/// The iterable, and the list `distance` words below it.
///
/// # Safety
/// As [`Ask`] says.
pub unsafe extern "C" fn extend(thread: *const Thread, at: *mut Value, distance: u64) -> Value {
    // SAFETY: by contract; the compiler put a list there.
    unsafe {
        if !quiet::is_container(operand(at, 0)) {
            return Value::NULL;
        }
        let list = at.sub(distance as usize);
        answer(thread, ops::build::list_extend(list, operand(at, 0)).map(|()| none()))
    }
}

/// The element, and the set `distance` words below it.
///
/// # Safety
/// As [`Ask`] says.
pub unsafe extern "C" fn add_element(thread: *const Thread, at: *mut Value, distance: u64) -> Value {
    // SAFETY: by contract.
    let (v, set) = unsafe { (operand(at, 0), operand(at.sub(distance as usize), 0)) };
    if is_key(v) { answer(thread, ops::build::set_add(set, v.clone()).map(|()| none())) } else { Value::NULL }
}

/// Key and value, and the dictionary `distance` words below the key.
///
/// # Safety
/// As [`Ask`] says.
pub unsafe extern "C" fn add_item(thread: *const Thread, at: *mut Value, distance: u64) -> Value {
    // SAFETY: by contract.
    let (key, v, dict) = unsafe { (operand(at, 0), operand(at, 1), operand(at.sub(distance as usize), 0)) };
    match dict.exact::<Dict>() {
        Some(dict) if is_key(key) => answer(thread, dict.set(key.clone(), v.clone()).map(|()| none())),
        _ => Value::NULL,
    }
}

/// Keys and values in turns.
///
/// # Safety
/// As [`Ask`] says.
pub unsafe extern "C" fn map(thread: *const Thread, at: *mut Value, count: u64) -> Value {
    // SAFETY: by contract.
    unsafe {
        let keys = (0..count as usize).all(|i| is_key(operand(at, 2 * i)));
        if !keys {
            return Value::NULL;
        }
        // The dictionary takes references over; the operands keep theirs.
        (0..2 * count as usize).for_each(|i| heap::incref(*at.add(i)));
        answer(thread, ops::build::build_map(at, count as usize))
    }
}

/// # Safety
/// As [`Ask`] says.
pub unsafe extern "C" fn set(thread: *const Thread, at: *mut Value, count: u64) -> Value {
    // SAFETY: by contract.
    unsafe {
        let keys = (0..count as usize).all(|i| is_key(operand(at, i)));
        if keys { answer(thread, ops::build::build_set(at, count as usize)) } else { Value::NULL }
    }
}

/// # Safety
/// As [`Ask`] says; the operands are strings.
pub unsafe extern "C" fn text(_: *const Thread, at: *mut Value, count: u64) -> Value {
    // SAFETY: by contract.
    unsafe { ops::build::build_string(at, count as usize).into_value() }
}

/// # Safety
/// As [`Ask`] says.
pub unsafe extern "C" fn slice_object(_: *const Thread, at: *mut Value, count: u64) -> Value {
    // SAFETY: by contract: the operands end there.
    unsafe { ops::build::build_slice(at.add(count as usize), count as usize).into_value() }
}

/// # Safety
/// As [`Ask`] says.
pub unsafe extern "C" fn convert(thread: *const Thread, at: *mut Value, how: u64) -> Value {
    // SAFETY: by contract.
    let v = unsafe { operand(at, 0) };
    if quiet::is_plain_throughout(v) { answer(thread, ops::build::convert_value(v, how as u32)) } else { Value::NULL }
}

/// # Safety
/// As [`Ask`] says.
pub unsafe extern "C" fn format(thread: *const Thread, at: *mut Value, has_spec: u64) -> Value {
    // SAFETY: by contract.
    let v = unsafe { operand(at, 0) };
    if !is_plain(v) {
        return Value::NULL;
    }
    // SAFETY: by contract.
    let spec = (has_spec != 0).then(|| unsafe { operand(at, 1) });
    answer(thread, ops::build::format(v, spec))
}

/// # Safety
/// As [`Ask`] says.
pub unsafe extern "C" fn iterator(thread: *const Thread, at: *mut Value, _: u64) -> Value {
    // SAFETY: by contract.
    let v = unsafe { operand(at, 0) };
    if quiet::is_walkable(v) { answer(thread, iter::iter(v)) } else { Value::NULL }
}

/// What an iterator at its end answers with; no object has this word.
pub const EXHAUSTED: Value = Value(20);

/// The next item of an iterator whose class the caller knows.
///
/// # Safety
/// As [`Ask`] says.
pub unsafe extern "C" fn next_item(thread: *const Thread, at: *mut Value, _: u64) -> Value {
    // SAFETY: by contract.
    let it = unsafe { operand(at, 0) };
    if !quiet::is_quiet_iterator(it) {
        return Value::NULL;
    }
    match ops::iteration::next(it) {
        Ok(Some(v)) => v.into_value(),
        Ok(None) => EXHAUSTED,
        Err(raised) => answer(thread, Err(raised)),
    }
}

/// As [`next_item`], for iterators over pairs: the first item is the answer, the second one goes behind the iterator.
///
/// # Safety
/// As [`Ask`] says; two words behind the iterator are free.
pub unsafe extern "C" fn next_pair(thread: *const Thread, at: *mut Value, _: u64) -> Value {
    // SAFETY: by contract.
    unsafe {
        let it = operand(at, 0);
        if !quiet::is_quiet_iterator(it) {
            return Value::NULL;
        }
        match ops::iteration::next_pair(it, at.add(1)) {
            Pair::Pushed => *at.add(2),
            Pair::Exhausted => EXHAUSTED,
            Pair::Raised => {
                drop((*thread).take_exception());
                Value::NULL
            }
            Pair::Other => Value::NULL,
        }
    }
}

/// # Safety
/// As [`Ask`] says.
pub unsafe extern "C" fn slice(thread: *const Thread, at: *mut Value, _: u64) -> Value {
    // SAFETY: by contract.
    let (v, start, stop) = unsafe { (operand(at, 0), operand(at, 1), operand(at, 2)) };
    if quiet::is_indexed(v) && is_plain(start) && is_plain(stop) {
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
    if !(is_plain(v) || quiet::is_container(v)) {
        return Value::NULL;
    }
    truth::is_true(v).map_or(Value::NULL, bool_value)
}

/// # Safety
/// As [`Ask`] says.
pub unsafe extern "C" fn length(_: *const Thread, at: *mut Value, _: u64) -> Value {
    // SAFETY: by contract.
    let v = unsafe { operand(at, 0) };
    if !quiet::is_container(v) {
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
        if !quiet::is_harmless(callable, args) {
            return Value::NULL;
        }
        let v = ops::call::vectorcall(&*thread, plan.callable, at, plan.argc, Value::NULL);
        if v.is_null() {
            drop((*thread).take_exception());
        }
        v
    }
}

/// A call of a native function that is bound to an object: `pop = numbers.pop; pop()`.
pub struct BoundCall {
    pub def: *const MethodDef,
    pub argc: usize,
}

/// As [`native`]; the callable and a `NULL` are in front of the arguments.
///
/// # Safety
/// As [`Ask`] says; the operand is a [`BoundCall`].
pub unsafe extern "C" fn bound(thread: *const Thread, at: *mut Value, plan: u64) -> Value {
    // SAFETY: by contract: the words are live, but for the `NULL`.
    unsafe {
        let plan = &*(plan as *const BoundCall);
        let callable = operand(at, 0);
        let fits = callable.exact::<BuiltinFunction>().is_some_and(|f| std::ptr::eq(f.def, plan.def));
        let args: &[Obj] = std::slice::from_raw_parts(at.add(2) as *const Obj, plan.argc);
        if !fits || !quiet::is_harmless(callable, args) {
            return Value::NULL;
        }
        let v = ops::call::vectorcall(&*thread, callable.value(), at.add(2), plan.argc, Value::NULL);
        if v.is_null() {
            drop((*thread).take_exception());
        }
        v
    }
}

/// The operand's class.
///
/// # Safety
/// As [`Ask`] says.
pub unsafe extern "C" fn class_of(_: *const Thread, at: *mut Value, _: u64) -> Value {
    // SAFETY: by contract.
    unsafe { operand(at, 0) }.class().to_obj().into_value()
}

/// `isinstance` of the operand with a class, or a tuple of classes, whose metaclass is `type`.
///
/// # Safety
/// As [`Ask`] says; the second operand is such a class or tuple.
pub unsafe extern "C" fn isinstance(_: *const Thread, at: *mut Value, wanted: u64) -> Value {
    // SAFETY: by contract: a constant of the trace is alive.
    let (v, wanted) = unsafe { (operand(at, 0), Obj::from_borrowed(Value(wanted))) };
    let is = |class: &Obj| as_type(class).is_some_and(|class| v.class().is_subclass(class));
    let holds = wanted.exact::<Tuple>().map_or_else(|| is(&wanted), |classes| classes.items().iter().any(is));
    if holds || quiet::tells_its_class(v.class()) { bool_value(holds) } else { Value::NULL }
}

/// An attribute; the second operand is its name.
///
/// # Safety
/// As [`Ask`] says; the name is a string.
pub unsafe extern "C" fn attribute(thread: *const Thread, at: *mut Value, name: u64) -> Value {
    // SAFETY: by contract: the code keeps its names.
    let (owner, name) = unsafe { (operand(at, 0), &*(Value(name).as_pointer() as *const Object<Str>)) };
    if quiet::has_quiet_attribute(owner, name) { answer(thread, attr::getattr(owner, name)) } else { Value::NULL }
}
