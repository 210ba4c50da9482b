//! Operations that compiled code asks the runtime for, without making its inlined frames real.
//!
//! Each function looks at operands that lie in memory, the deepest one first, and answers with a new reference. Where
//! Python code would have to run, or where the operation fails, it declines with 0 and has done nothing: compiled code
//! is left, and the interpreter executes the instruction.
//!
//! That Python code would have to run shows while the operation is tried: the interpreter is closed meanwhile
//! ([`native_only`]). So only operations are tried that change nothing before they have done all their comparisons,
//! and whose attempt does not use an iterator up.

use pyrs_bytecode::BinaryOp;
use pyrs_interp::ops;
use pyrs_interp::ops::iteration::Pair;
use pyrs_runtime::class::MethodDef;
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::heap;
use pyrs_runtime::native_only::native_only;
use pyrs_runtime::object::{Obj, Object};
use pyrs_runtime::objects::builtin_function::BuiltinFunction;
use pyrs_runtime::objects::cell::Cell;
use pyrs_runtime::objects::dict::Dict;
use pyrs_runtime::objects::inline_cache::InlineCache;
use pyrs_runtime::objects::int;
use pyrs_runtime::objects::list::List;
use pyrs_runtime::objects::object::new_plain_instance;
use pyrs_runtime::objects::singletons::{bool_obj, bool_value, none, none_value};
use pyrs_runtime::objects::slice::Slice;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::protocols::{attr, compare, iter, number, sequence, truth};
use pyrs_runtime::thread::Thread;
use pyrs_runtime::types::shape::Managed;
use pyrs_runtime::types::slots::CompareOp;
use pyrs_runtime::types::{Type, as_type};
use pyrs_runtime::value::Value;

use crate::quiet::{self, is_plain, is_sequence};

/// The form of all functions here: thread, operands, something of the instruction.
pub type Ask = unsafe extern "C" fn(*const Thread, *mut Value, u64) -> Value;

/// The `i`-th operand, counted from the deepest.
unsafe fn operand<'a>(at: *mut Value, i: usize) -> &'a Obj {
    // SAFETY: the caller's operands are live words.
    unsafe { &*(at.add(i) as *const Obj) }
}

/// An answer, or "no": the exception of a failed attempt is dropped, the interpreter will raise its own.
#[inline]
fn answer(thread: *const Thread, attempt: impl FnOnce() -> PyResult<Obj>) -> Value {
    // SAFETY: the running thread.
    native_only(unsafe { &*thread }, attempt).map_or(Value::NULL, Obj::into_value)
}

/// # Safety
/// As [`Ask`] says; so for all functions here.
pub unsafe extern "C" fn binary(thread: *const Thread, at: *mut Value, op: u64) -> Value {
    // SAFETY: by contract; the compiler numbers the operators.
    let (a, b, op) = unsafe { (operand(at, 0), operand(at, 1), std::mem::transmute::<u8, BinaryOp>(op as u8)) };
    if op == BinaryOp::Subscript {
        return answer(thread, || sequence::getitem(a, b));
    }
    // Views of dictionaries take any iterable as the other operand.
    let takes_back = !quiet::is_iterator(b) && (!op.is_inplace() || quiet::changes_at_once(a, b));
    if !takes_back {
        return Value::NULL;
    }
    answer(thread, || number::binary_op(op, a, b))
}

/// # Safety
/// As [`Ask`] says.
pub unsafe extern "C" fn comparison(thread: *const Thread, at: *mut Value, oparg: u64) -> Value {
    // SAFETY: by contract.
    let (a, b) = unsafe { (operand(at, 0), operand(at, 1)) };
    let op = CompareOp::from_index(oparg as usize >> 5);
    if matches!(op, CompareOp::Eq | CompareOp::Ne)
        && let Some(equal) = compare::quick_equal(a, b)
    {
        return bool_value(equal == (op == CompareOp::Eq));
    }
    // The same object need not be equal to itself; what is not a bool is for the interpreter.
    // SAFETY: the running thread.
    let v = native_only(unsafe { &*thread }, || compare::rich_compare(a, b, op));
    v.filter(|v| v.value() == bool_value(true) || v.value() == bool_value(false)).map_or(Value::NULL, Obj::into_value)
}

/// # Safety
/// As [`Ask`] says.
pub unsafe extern "C" fn contains(thread: *const Thread, at: *mut Value, inverted: u64) -> Value {
    // SAFETY: by contract.
    let (item, container) = unsafe { (operand(at, 0), operand(at, 1)) };
    if !quiet::knows_its_items(container.class()) {
        return Value::NULL;
    }
    answer(thread, || iter::contains(container, item).map(|found| bool_obj(found != (inverted != 0))))
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
        return answer(thread, || dict.set(key.clone(), value.clone()).map(|()| none()));
    }
    let items = is_plain(value) || is_sequence(value) || key.exact::<Slice>().is_none();
    if !(quiet::is_indexed(container) && quiet::is_index(key) && items) {
        return Value::NULL;
    }
    answer(thread, || sequence::setitem(container, key, value).map(|()| none()))
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
    answer(thread, || unsafe { ops::build::store_slice(at.add(4)) }.map(|()| none()))
}

/// The container, the key.
///
/// # Safety
/// As [`Ask`] says.
pub unsafe extern "C" fn delete_subscript(thread: *const Thread, at: *mut Value, _: u64) -> Value {
    // SAFETY: by contract.
    let (container, key) = unsafe { (operand(at, 0), operand(at, 1)) };
    let fits = quiet::as_plain_dict(container).is_some() || (quiet::is_indexed(container) && quiet::is_index(key));
    if !fits {
        return Value::NULL;
    }
    answer(thread, || sequence::delitem(container, key).map(|()| none()))
}

/// The value behind a unary operator; the operand says which.
///
/// # Safety
/// As [`Ask`] says.
pub unsafe extern "C" fn negative(thread: *const Thread, at: *mut Value, inverts: u64) -> Value {
    // SAFETY: by contract.
    let v = unsafe { operand(at, 0) };
    answer(thread, || if inverts != 0 { number::invert(v) } else { number::negative(v) })
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
        answer(thread, || ops::build::list_extend(list, operand(at, 0)).map(|()| none()))
    }
}

/// The element, and the set `distance` words below it.
///
/// # Safety
/// As [`Ask`] says.
pub unsafe extern "C" fn add_element(thread: *const Thread, at: *mut Value, distance: u64) -> Value {
    // SAFETY: by contract.
    let (v, set) = unsafe { (operand(at, 0), operand(at.sub(distance as usize), 0)) };
    answer(thread, || ops::build::set_add(set, v.clone()).map(|()| none()))
}

/// Key and value, and the dictionary `distance` words below the key.
///
/// # Safety
/// As [`Ask`] says.
pub unsafe extern "C" fn add_item(thread: *const Thread, at: *mut Value, distance: u64) -> Value {
    // SAFETY: by contract.
    let (key, v, dict) = unsafe { (operand(at, 0), operand(at, 1), operand(at.sub(distance as usize), 0)) };
    match dict.exact::<Dict>() {
        Some(dict) => answer(thread, || dict.set(key.clone(), v.clone()).map(|()| none())),
        None => Value::NULL,
    }
}

/// Keys and values in turns.
///
/// # Safety
/// As [`Ask`] says.
pub unsafe extern "C" fn map(thread: *const Thread, at: *mut Value, count: u64) -> Value {
    // SAFETY: by contract.
    unsafe {
        answer(thread, || {
            // The dictionary takes references over; the operands keep theirs.
            (0..2 * count as usize).for_each(|i| heap::incref(*at.add(i)));
            ops::build::build_map(at, count as usize)
        })
    }
}

/// # Safety
/// As [`Ask`] says.
pub unsafe extern "C" fn set(thread: *const Thread, at: *mut Value, count: u64) -> Value {
    // SAFETY: by contract.
    unsafe { answer(thread, || ops::build::build_set(at, count as usize)) }
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
    answer(thread, || ops::build::convert_value(v, how as u32))
}

/// # Safety
/// As [`Ask`] says.
pub unsafe extern "C" fn format(thread: *const Thread, at: *mut Value, has_spec: u64) -> Value {
    // SAFETY: by contract.
    let v = unsafe { operand(at, 0) };
    // SAFETY: by contract.
    let spec = (has_spec != 0).then(|| unsafe { operand(at, 1) });
    answer(thread, || ops::build::format(v, spec))
}

/// # Safety
/// As [`Ask`] says.
pub unsafe extern "C" fn iterator(thread: *const Thread, at: *mut Value, _: u64) -> Value {
    // SAFETY: by contract.
    let v = unsafe { operand(at, 0) };
    answer(thread, || iter::iter(v))
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
    // SAFETY: the running thread.
    match native_only(unsafe { &*thread }, || ops::iteration::next(it)) {
        Some(Some(v)) => v.into_value(),
        Some(None) => EXHAUSTED,
        None => Value::NULL,
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
    answer(thread, || ops::build::binary_slice(v, start, stop))
}

/// # Safety
/// As [`Ask`] says.
pub unsafe extern "C" fn truth(thread: *const Thread, at: *mut Value, _: u64) -> Value {
    // SAFETY: by contract.
    let v = unsafe { operand(at, 0) };
    answer(thread, || truth::is_true(v).map(bool_obj))
}

/// # Safety
/// As [`Ask`] says.
pub unsafe extern "C" fn length(thread: *const Thread, at: *mut Value, _: u64) -> Value {
    // SAFETY: by contract.
    let v = unsafe { operand(at, 0) };
    answer(thread, || truth::len(v).map(|n| int::new(n as i64)))
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

/// The managed words of an instance that the entry's cache fits.
unsafe fn managed_of<'a>(owner: &Obj, entry: &NamedEntry) -> Option<&'a Managed> {
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
        std::ptr::eq(managed.shape.get(), entry.cache.shape).then_some(managed)
    }
}

unsafe fn dict_of<'a>(owner: &Obj, entry: &NamedEntry) -> Option<&'a Object<Dict>> {
    // SAFETY: a dictionary word holds a dict, or NULL.
    unsafe {
        let dict = managed_of(owner, entry)?.dict.get();
        (!dict.is_null()).then(|| &*(dict.as_pointer() as *const Object<Dict>))
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
        match managed_of(operand(at, 0), entry) {
            Some(managed) if managed.dict.get().is_null() => none_value(),
            Some(_) => match dict_of(operand(at, 0), entry) {
                Some(dict) if dict.peek_str(&*entry.name).is_null() => none_value(),
                _ => Value::NULL,
            },
            None => Value::NULL,
        }
    }
}

/// Appends to the text of a variable, which lies `distance` words below the operand.
///
/// # Safety
/// As [`Ask`] says; the variable owns its word.
pub unsafe extern "C" fn append_text(_: *const Thread, at: *mut Value, distance: u64) -> Value {
    // SAFETY: by contract; the text takes its own reference over, so that it can grow where it is.
    unsafe {
        let (slot, right) = (at.sub(distance as usize), operand(at, 0));
        if operand(slot, 0).exact::<Str>().is_none() || right.exact::<Str>().is_none() {
            return Value::NULL;
        }
        *slot = Str::append(*slot, right);
        none_value()
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
        call(thread, plan.callable, at, plan.argc)
    }
}

unsafe fn call(thread: *const Thread, callable: Value, args: *mut Value, argc: usize) -> Value {
    // SAFETY: by the caller's contract.
    answer(thread, || unsafe {
        pyrs_runtime::call::result(ops::call::vectorcall(&*thread, callable, args, argc, Value::NULL))
    })
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
        call(thread, callable.value(), at.add(2), plan.argc)
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
    if !quiet::looks_up_plainly(owner.class()) {
        return Value::NULL;
    }
    answer(thread, || attr::getattr(owner, name))
}

/// An attribute that is about to be called, without making a method of it; the second operand is its name. The word behind
/// the owner becomes the first argument, or `NULL`.
///
/// # Safety
/// As [`attribute`]; the place behind the owner is free.
pub unsafe extern "C" fn unbound_method(thread: *const Thread, at: *mut Value, name: u64) -> Value {
    // SAFETY: by contract: the code keeps its names.
    let (owner, name) = unsafe { (operand(at, 0), &*(Value(name).as_pointer() as *const Object<Str>)) };
    if !quiet::looks_up_plainly(owner.class()) {
        return Value::NULL;
    }
    answer(thread, || {
        let (found, wants_owner) = attr::load_method(owner, name)?;
        let first = if wants_owner { owner.clone().into_value() } else { Value::NULL };
        // SAFETY: by contract: nothing is there.
        unsafe { *at.add(1) = first };
        Ok(found)
    })
}
