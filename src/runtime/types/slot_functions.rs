//! What fills the slots of classes that define special methods in Python: each function looks its
//! method up on the class and calls it. [`update`] decides for every slot of a class between such a
//! function, a native one behind an inherited wrapper descriptor, and nothing.

use std::sync::OnceLock;

use super::slots::{CompareOp, Kind, SLOT_DEFS, SendResult, SlotDef, SlotFn, SlotId, SlotSignature};
use super::{Type, flags, lookup, lookup_raw, slot_wrapper};
use crate::call::{self, Args, VectorCall, call_special};
use crate::errors::PyResult;
use crate::object::{Obj, Object};
use crate::objects::function::MethodDescriptor;
use crate::objects::singletons::{none, not_implemented};
use crate::objects::str::{StaticName, Str};
use crate::objects::{int, singletons};
use crate::protocols::buffer::Buffer;
use crate::protocols::{number, truth};
use crate::thread::Thread;
use crate::value::Value;
use crate::{name, raise};

/// A method that a slot function knows to exist, called.
fn required(obj: &Obj, name: &'static Object<Str>, args: &[Obj]) -> PyResult<Obj> {
    match call_special(obj, name, args)? {
        Some(result) => Ok(result),
        None => Err(raise!(AttributeError, "{}", name.to_string_lossy())),
    }
}

macro_rules! unary_slots {
    ($($f:ident $name:literal;)*) => { $(
        fn $f(this: &Obj) -> PyResult<Obj> {
            required(this, name!($name), &[])
        }
    )* };
}

unary_slots! {
    slot_neg "__neg__"; slot_pos "__pos__"; slot_abs "__abs__"; slot_invert "__invert__"; slot_int "__int__";
    slot_float "__float__"; slot_index "__index__"; slot_await "__await__"; slot_aiter "__aiter__"; slot_anext "__anext__";
    slot_repr "__repr__"; slot_str "__str__";
}

/// `a OP b` where one operand's class defines the operator in Python.
fn binary(
    a: &Obj,
    b: &Obj,
    id: SlotId,
    own: SlotFn,
    name: &'static Object<Str>,
    reflected: &'static Object<Str>,
) -> PyResult<Obj> {
    let same = std::ptr::eq(a.class(), b.class());
    let mine = |class: &Type| class.slots().get(id).is_some_and(|f| f.address() == own.address());
    let mut try_other = !same && mine(b.class());
    if mine(a.class()) {
        if try_other && b.class().is_subclass(a.class()) && overrides(a, b, reflected) {
            let result = call_special(b, reflected, std::slice::from_ref(a))?;
            if let Some(result) = result
                && !result.is(&not_implemented())
            {
                return Ok(result);
            }
            try_other = false;
        }
        if let Some(result) = call_special(a, name, std::slice::from_ref(b))?
            && (!result.is(&not_implemented()) || same)
        {
            return Ok(result);
        }
    }
    if try_other && let Some(result) = call_special(b, reflected, std::slice::from_ref(a))? {
        return Ok(result);
    }
    Ok(not_implemented())
}

/// The class of `b` defines `name` otherwise than the class of `a`.
fn overrides(a: &Obj, b: &Obj, name: &'static Object<Str>) -> bool {
    let theirs = lookup_raw(b.class(), name);
    !theirs.is_null() && theirs != lookup_raw(a.class(), name)
}

macro_rules! binary_slots {
    ($($f:ident $id:ident $name:literal $reflected:literal;)*) => { $(
        fn $f(a: &Obj, b: &Obj) -> PyResult<Obj> {
            binary(a, b, SlotId::$id, SlotFn::Binary($f), name!($name), name!($reflected))
        }
    )* };
}

binary_slots! {
    slot_add Add "__add__" "__radd__";
    slot_sub Subtract "__sub__" "__rsub__";
    slot_mul Multiply "__mul__" "__rmul__";
    slot_mod Remainder "__mod__" "__rmod__";
    slot_divmod Divmod "__divmod__" "__rdivmod__";
    slot_lshift Lshift "__lshift__" "__rlshift__";
    slot_rshift Rshift "__rshift__" "__rrshift__";
    slot_and And "__and__" "__rand__";
    slot_xor Xor "__xor__" "__rxor__";
    slot_or Or "__or__" "__ror__";
    slot_floordiv FloorDivide "__floordiv__" "__rfloordiv__";
    slot_truediv TrueDivide "__truediv__" "__rtruediv__";
    slot_matmul MatrixMultiply "__matmul__" "__rmatmul__";
}

fn slot_pow(a: &Obj, b: &Obj, modulus: &Obj) -> PyResult<Obj> {
    if modulus.is_none() {
        return binary(a, b, SlotId::Power, SlotFn::Ternary(slot_pow), name!("__pow__"), name!("__rpow__"));
    }
    let mine = |class: &Type| class.slots().power_address() == Some(slot_pow as *const () as usize);
    if mine(a.class())
        && let Some(result) = call_special(a, name!("__pow__"), &[b.clone(), modulus.clone()])?
        && !result.is(&not_implemented())
    {
        return Ok(result);
    }
    if mine(b.class())
        && let Some(result) = call_special(b, name!("__rpow__"), &[a.clone(), modulus.clone()])?
    {
        return Ok(result);
    }
    Ok(not_implemented())
}

impl super::slots::Slots {
    fn power_address(&self) -> Option<usize> {
        self.nb_power.map(|f| f as usize)
    }
}

macro_rules! inplace_slots {
    ($($f:ident $name:literal;)*) => { $(
        fn $f(a: &Obj, b: &Obj) -> PyResult<Obj> {
            Ok(call_special(a, name!($name), std::slice::from_ref(b))?.unwrap_or_else(not_implemented))
        }
    )* };
}

inplace_slots! {
    slot_iadd "__iadd__"; slot_isub "__isub__"; slot_imul "__imul__"; slot_imod "__imod__"; slot_ilshift "__ilshift__";
    slot_irshift "__irshift__"; slot_iand "__iand__"; slot_ixor "__ixor__"; slot_ior "__ior__";
    slot_ifloordiv "__ifloordiv__"; slot_itruediv "__itruediv__"; slot_imatmul "__imatmul__";
}

fn slot_ipow(a: &Obj, b: &Obj, _modulus: &Obj) -> PyResult<Obj> {
    Ok(call_special(a, name!("__ipow__"), std::slice::from_ref(b))?.unwrap_or_else(not_implemented))
}

fn slot_bool(this: &Obj) -> PyResult<bool> {
    if let Some(result) = call_special(this, name!("__bool__"), &[])? {
        return singletons::as_bool(&result)
            .ok_or_else(|| raise!(TypeError, "__bool__ should return bool, returned {}", result.class().name()));
    }
    match call_special(this, name!("__len__"), &[])? {
        Some(_) => Ok(slot_len(this)? != 0),
        None => Ok(true),
    }
}

fn slot_len(this: &Obj) -> PyResult<usize> {
    let result = required(this, name!("__len__"), &[])?;
    let index = number::index(&result)?;
    if number::is_negative(&index) {
        return Err(raise!(ValueError, "__len__() should return >= 0"));
    }
    number::as_ssize(&index, true).map(|n| n as usize)
}

fn slot_hash(this: &Obj) -> PyResult<i64> {
    let found = lookup(this.class(), name!("__hash__"));
    if found.is_none_or(|f| f.is_none()) {
        return crate::protocols::compare::unhashable(this);
    }
    let result = required(this, name!("__hash__"), &[])?;
    match int::to_bigint(&result) {
        Some(n) => {
            let hash = i64::try_from(&n).unwrap_or_else(|_| int::hash_of(&result));
            Ok(if hash == -1 { -2 } else { hash })
        }
        None => Err(raise!(TypeError, "__hash__ method should return an integer")),
    }
}

fn slot_compare(a: &Obj, b: &Obj, op: CompareOp) -> PyResult<Obj> {
    let name = compare_name(op);
    Ok(call_special(a, name, std::slice::from_ref(b))?.unwrap_or_else(not_implemented))
}

fn compare_name(op: CompareOp) -> &'static Object<Str> {
    match op {
        CompareOp::Lt => name!("__lt__"),
        CompareOp::Le => name!("__le__"),
        CompareOp::Eq => name!("__eq__"),
        CompareOp::Ne => name!("__ne__"),
        CompareOp::Gt => name!("__gt__"),
        CompareOp::Ge => name!("__ge__"),
    }
}

fn slot_getattribute(this: &Obj, attr: &Object<Str>) -> PyResult<Obj> {
    required(this, name!("__getattribute__"), &[attr.to_obj()])
}

/// Classes with `__getattr__`: it is asked when the ordinary lookup raised AttributeError.
fn slot_getattr(this: &Obj, attr: &Object<Str>) -> PyResult<Obj> {
    let own = lookup_raw(this.class(), name!("__getattribute__"));
    // SAFETY: the class namespace holds the value.
    let generic = own.is_null() || unsafe { slot_wrapper::wraps_generic_getattr(own.as_obj()) };
    let result =
        if generic { crate::protocols::attr::generic_getattr(this, attr) } else { slot_getattribute(this, attr) };
    match result {
        Err(raised)
            if raised.matches(<crate::objects::exceptions::AttributeError as crate::object::PyClass>::class()) =>
        {
            let exc = raised.take();
            match call_special(this, name!("__getattr__"), &[attr.to_obj()])? {
                Some(result) => Ok(result),
                None => Err(crate::errors::Raised::new(exc)),
            }
        }
        other => other,
    }
}

fn slot_setattr(this: &Obj, attr: &Object<Str>, value: Option<&Obj>) -> PyResult<()> {
    match value {
        Some(value) => required(this, name!("__setattr__"), &[attr.to_obj(), value.clone()]),
        None => required(this, name!("__delattr__"), &[attr.to_obj()]),
    }
    .map(drop)
}

fn slot_iter(this: &Obj) -> PyResult<Obj> {
    let found = lookup_raw(this.class(), name!("__iter__"));
    if !found.is_null() {
        if found == none().value() {
            return Err(raise!(TypeError, "'{}' object is not iterable", this.class().name()));
        }
        return required(this, name!("__iter__"), &[]);
    }
    crate::objects::iter::sequence_iterator(this)
}

fn slot_next(this: &Obj) -> PyResult<Option<Obj>> {
    let result = required(this, name!("__next__"), &[]);
    let stop = <crate::objects::exceptions::StopIteration as crate::object::PyClass>::class();
    crate::errors::unless_raised(result, stop)
}

fn slot_getitem(this: &Obj, key: &Obj) -> PyResult<Obj> {
    required(this, name!("__getitem__"), std::slice::from_ref(key))
}

fn slot_sq_item(this: &Obj, index: isize) -> PyResult<Obj> {
    required(this, name!("__getitem__"), &[int::new(index as i64)])
}

fn slot_setitem(this: &Obj, key: &Obj, value: Option<&Obj>) -> PyResult<()> {
    match value {
        Some(value) => required(this, name!("__setitem__"), &[key.clone(), value.clone()]),
        None => required(this, name!("__delitem__"), std::slice::from_ref(key)),
    }
    .map(drop)
}

fn slot_contains(this: &Obj, item: &Obj) -> PyResult<bool> {
    let found = lookup_raw(this.class(), name!("__contains__"));
    if found == none().value() {
        return Err(raise!(TypeError, "'{}' object is not a container", this.class().name()));
    }
    match call_special(this, name!("__contains__"), std::slice::from_ref(item))? {
        Some(result) => truth::is_true(&result),
        None => crate::protocols::iter::contains_by_iteration(this, item),
    }
}

fn slot_descr_get(this: &Obj, instance: Option<&Obj>, owner: Option<&Type>) -> PyResult<Obj> {
    let args = [instance.cloned().unwrap_or_else(none), owner.map_or_else(none, |t| t.to_obj())];
    match call_special(this, name!("__get__"), &args)? {
        Some(result) => Ok(result),
        None => Ok(this.clone()),
    }
}

fn slot_descr_set(this: &Obj, instance: &Obj, value: Option<&Obj>) -> PyResult<()> {
    match value {
        Some(value) => required(this, name!("__set__"), &[instance.clone(), value.clone()]),
        None => required(this, name!("__delete__"), std::slice::from_ref(instance)),
    }
    .map(drop)
}

/// `__init__` with the instance in front of the arguments.
fn with_self<R>(this: &Obj, args: Args<'_>, f: impl FnOnce(Args<'_>) -> R) -> R {
    let mut values = Vec::with_capacity(args.values.len() + 1);
    values.push(this.clone());
    values.extend_from_slice(args.values);
    f(Args { values: &values, nargs: args.nargs + 1, kwnames: args.kwnames })
}

/// Calls a method found on the class of `this`, unbound if it is a method descriptor.
fn call_found(found: &Obj, this: &Obj, args: Args<'_>) -> PyResult<Obj> {
    if found.class().has_flag(flags::METHOD_DESCRIPTOR) {
        return with_self(this, args, |args| call::call_args(found, args));
    }
    let bound = match found.class().slots().descr_get {
        Some(get) => get(found, Some(this), Some(this.class()))?,
        None => found.clone(),
    };
    call::call_args(&bound, args)
}

fn slot_init(this: &Obj, args: Args<'_>) -> PyResult<()> {
    let Some(init) = lookup(this.class(), name!("__init__")) else {
        return Err(raise!(AttributeError, "__init__"));
    };
    let result = call_found(&init, this, args)?;
    if !result.is_none() {
        return Err(raise!(TypeError, "__init__() should return None, not '{}'", result.class().name()));
    }
    Ok(())
}

fn slot_new(class: &Type, args: Args<'_>) -> PyResult<Obj> {
    let new = crate::protocols::attr::getattr(&class.as_obj(), name!("__new__"))?;
    with_self(&class.as_obj(), args, |args| call::call_args(&new, args))
}

unsafe extern "C" fn slot_call(
    _thread: *mut Thread,
    callable: Value,
    args: *const Value,
    nargs: usize,
    kwnames: Value,
) -> Value {
    // SAFETY: the words follow the calling convention.
    let (this, args) = unsafe { (callable.as_obj(), Args::from_raw(args, nargs, kwnames)) };
    call::raw(match lookup(this.class(), name!("__call__")) {
        Some(found) => call_found(&found, this, args),
        None => Err(raise!(TypeError, "'{}' object is not callable", this.class().name())),
    })
}

fn slot_del(this: &Obj) {
    if let Err(raised) = call_special(this, name!("__del__"), &[]) {
        let method = lookup(this.class(), name!("__del__"));
        crate::errors::write_unraisable(raised, method.as_ref());
    }
}

fn slot_buffer(this: &Obj, flags: u32) -> PyResult<Buffer> {
    let view = required(this, name!("__buffer__"), &[int::new(flags as i64)])?;
    Buffer::from_python_view(this, &view, flags)
}

fn slot_release_buffer(this: &Obj, buffer: &Buffer) {
    crate::protocols::buffer::call_release(this, buffer);
}

fn slot_send(this: &Obj, value: &Obj) -> PyResult<SendResult> {
    crate::protocols::iter::send_by_method(this, value)
}

/// The function for a slot whose special method is defined in Python.
fn generic(id: SlotId) -> Option<SlotFn> {
    use SlotId as S;
    Some(match id {
        S::Repr => SlotFn::Unary(slot_repr),
        S::Str => SlotFn::Unary(slot_str),
        S::Hash => SlotFn::Hash(slot_hash),
        S::Call => SlotFn::Call(slot_call as VectorCall),
        S::RichCompare => SlotFn::Compare(slot_compare),
        S::GetAttr => SlotFn::GetAttr(slot_getattr),
        S::SetAttr => SlotFn::SetAttr(slot_setattr),
        S::Iter => SlotFn::Unary(slot_iter),
        S::IterNext => SlotFn::Next(slot_next),
        S::DescrGet => SlotFn::DescrGet(slot_descr_get),
        S::DescrSet => SlotFn::SetItem(slot_descr_set),
        S::Init => SlotFn::Init(slot_init),
        S::New => SlotFn::New(slot_new),
        S::Finalize => SlotFn::Finalize(slot_del),
        S::Await => SlotFn::Unary(slot_await),
        S::AIter => SlotFn::Unary(slot_aiter),
        S::ANext => SlotFn::Unary(slot_anext),
        S::Send => SlotFn::Send(slot_send),
        S::Length => SlotFn::Len(slot_len),
        S::GetItem => SlotFn::Binary(slot_getitem),
        S::SetItem => SlotFn::SetItem(slot_setitem),
        S::Contains => SlotFn::Contains(slot_contains),
        S::SqItem => SlotFn::Index(slot_sq_item),
        S::Add => SlotFn::Binary(slot_add),
        S::Subtract => SlotFn::Binary(slot_sub),
        S::Multiply => SlotFn::Binary(slot_mul),
        S::Remainder => SlotFn::Binary(slot_mod),
        S::Divmod => SlotFn::Binary(slot_divmod),
        S::Power => SlotFn::Ternary(slot_pow),
        S::Negative => SlotFn::Unary(slot_neg),
        S::Positive => SlotFn::Unary(slot_pos),
        S::Absolute => SlotFn::Unary(slot_abs),
        S::Bool => SlotFn::Bool(slot_bool),
        S::Invert => SlotFn::Unary(slot_invert),
        S::Lshift => SlotFn::Binary(slot_lshift),
        S::Rshift => SlotFn::Binary(slot_rshift),
        S::And => SlotFn::Binary(slot_and),
        S::Xor => SlotFn::Binary(slot_xor),
        S::Or => SlotFn::Binary(slot_or),
        S::Int => SlotFn::Unary(slot_int),
        S::Float => SlotFn::Unary(slot_float),
        S::Index => SlotFn::Unary(slot_index),
        S::FloorDivide => SlotFn::Binary(slot_floordiv),
        S::TrueDivide => SlotFn::Binary(slot_truediv),
        S::MatrixMultiply => SlotFn::Binary(slot_matmul),
        S::InplaceAdd => SlotFn::Binary(slot_iadd),
        S::InplaceSubtract => SlotFn::Binary(slot_isub),
        S::InplaceMultiply => SlotFn::Binary(slot_imul),
        S::InplaceRemainder => SlotFn::Binary(slot_imod),
        S::InplacePower => SlotFn::Ternary(slot_ipow),
        S::InplaceLshift => SlotFn::Binary(slot_ilshift),
        S::InplaceRshift => SlotFn::Binary(slot_irshift),
        S::InplaceAnd => SlotFn::Binary(slot_iand),
        S::InplaceXor => SlotFn::Binary(slot_ixor),
        S::InplaceOr => SlotFn::Binary(slot_ior),
        S::InplaceFloorDivide => SlotFn::Binary(slot_ifloordiv),
        S::InplaceTrueDivide => SlotFn::Binary(slot_itruediv),
        S::InplaceMatrixMultiply => SlotFn::Binary(slot_imatmul),
        S::Buffer => SlotFn::Buffer(slot_buffer),
        S::ReleaseBuffer => SlotFn::Release(slot_release_buffer),
        // Sequence arithmetic has no special methods of its own.
        S::SqConcat | S::SqRepeat | S::SqInplaceConcat | S::SqInplaceRepeat => return None,
    })
}

/// `__new__` found in a namespace: the native constructor behind it, if it is one.
fn native_new(class: &Type, found: &Obj) -> Option<SlotFn> {
    let function = found.exact::<crate::objects::function::BuiltinFunction>()?;
    // Only for its own kind: `__new__ = list.__new__` in another class must be refused when it is called.
    let owner = function.this.as_ref().and_then(crate::types::as_type)?;
    if !class.is_native_subclass(owner) {
        return None;
    }
    // Where a native class has no `__new__` to show, what is found is a base's.
    let mut native = class;
    while native.is_heap_type() {
        native = native.base()?;
    }
    if native.has_flag(flags::PLAIN_NEW) && !std::ptr::eq(owner, native) {
        return native.slots().new.map(SlotSignature::wrap);
    }
    function.native_new().map(SlotSignature::wrap)
}

/// What slot `id` of `class` should hold, judging by its namespace and its bases'.
fn resolve(class: &Type, id: SlotId) -> Option<SlotFn> {
    if id == SlotId::New {
        let found = lookup(class, name!("__new__"))?;
        return native_new(class, &found).or_else(|| generic(SlotId::New));
    }
    let (mut native, mut python, mut nothing) = (None, false, true);
    for (def, name) in methods_of(id) {
        let Some(found) = lookup(class, name.get()) else { continue };
        nothing = false;
        if let Some(wrapper) = found.exact::<slot_wrapper::SlotWrapper>()
            && wrapper.def.slot == id
            && class.is_subclass(wrapper.owner())
        {
            if id == SlotId::GetAttr && def.name == "__getattr__" {
                python = true;
            } else {
                match native {
                    None => native = Some(wrapper.function),
                    Some(f) if f.address() != wrapper.function.address() => python = true,
                    Some(_) => {}
                }
            }
        } else if let Some(wrapper) = found.exact::<slot_wrapper::SlotWrapper>()
            && wrapper.def.name == def.name
        {
            // The method belongs to another slot (`list.__add__` is concatenation).
            if wrapper.def.slot == id || class.slots().get(wrapper.def.slot).is_none() {
                python = true;
            }
        } else if found.exact::<MethodDescriptor>().is_some() && def.name == "__getattr__" {
            python = true;
        } else if def.kind == Kind::Hash && found.is_none() {
            return Some(SlotFn::Hash(crate::protocols::compare::unhashable));
        } else if def.kind == Kind::Next && found.is_none() {
            return None;
        } else {
            python = true;
        }
    }
    if id == SlotId::GetAttr {
        return resolve_getattr(class, native);
    }
    if nothing {
        None
    } else if python {
        generic(id)
    } else {
        native
    }
}

fn resolve_getattr(class: &Type, native: Option<SlotFn>) -> Option<SlotFn> {
    if lookup(class, name!("__getattr__")).is_some() {
        // A native class that implements `__getattr__` in its slot keeps it.
        return Some(SlotFn::GetAttr(slot_getattr));
    }
    native.or(Some(SlotFn::GetAttr(slot_getattribute)))
}

/// The special methods that serve a slot, with their interned names.
fn methods_of(id: SlotId) -> &'static [(&'static SlotDef, StaticName)] {
    static TABLE: OnceLock<Vec<Vec<(&'static SlotDef, StaticName)>>> = OnceLock::new();
    let table = TABLE.get_or_init(|| {
        let of =
            |id: &SlotId| SLOT_DEFS.iter().filter(|d| d.slot == *id).map(|d| (d, StaticName::new(d.name))).collect();
        ALL_IDS.iter().map(of).collect()
    });
    &table[id as usize]
}

macro_rules! all_ids {
    ($($field:ident: $ty:ident, $variant:ident;)*) => {
        const ALL_IDS: &[SlotId] = &[$(SlotId::$variant,)*];
    };
}
crate::for_each_slot!(all_ids);

/// Sets all slots of a Python class from its namespace and bases.
pub fn fill(class: &Type) {
    let base_slots = class.base().map(|b| *b.slots()).unwrap_or_default();
    class.update_slots(|slots| {
        *slots = base_slots;
    });
    for &id in ALL_IDS {
        if defined_below_native(class, id) {
            let f = resolve(class, id);
            class.update_slots(|slots| slots.set(id, f));
        }
    }
}

/// Whether a slot must be looked at: some class in the MRO other than the layout base's own chain
/// defines one of its methods, or the class itself is not purely native.
fn defined_below_native(class: &Type, id: SlotId) -> bool {
    let defines =
        |name: &Object<Str>| class.mro().iter().filter_map(super::as_type).any(|c| !c.dict().peek_str(name).is_null());
    if id == SlotId::New {
        return defines(name!("__new__"));
    }
    methods_of(id).iter().any(|(_, name)| defines(name.get()))
}

/// An attribute of a class was set or deleted: the slots that it serves follow, in subclasses too.
pub fn update(class: &Type, attr: &Object<Str>) {
    let relevant = SLOT_DEFS.iter().any(|d| attr.eq_str(d.name)) || attr.eq_str("__new__");
    if relevant {
        update_recursively(class, attr);
    }
}

fn update_recursively(class: &Type, attr: &Object<Str>) {
    if class.is_heap_type() {
        let ids: Vec<SlotId> = if attr.eq_str("__new__") {
            vec![SlotId::New]
        } else {
            SLOT_DEFS.iter().filter(|d| attr.eq_str(d.name)).map(|d| d.slot).collect()
        };
        for id in ids {
            let f = if defined_below_native(class, id) {
                resolve(class, id)
            } else {
                class.base().and_then(|b| b.slots().get(id))
            };
            class.update_slots(|slots| slots.set(id, f));
        }
    }
    for subclass in class.subclasses.with(|list| list.clone()) {
        // SAFETY: subclasses sign off before they die.
        update_recursively(unsafe { &*subclass }, attr);
    }
}

/// Iterators whose `__next__` is Python code need `send` for `yield from`; classes with `__next__` only.
pub fn is_python_next(class: &Type) -> bool {
    class.slots().iternext.is_some_and(|f| f as usize == slot_next as *const () as usize)
}

/// True if attribute reads on instances of `class` follow the standard algorithm.
pub fn uses_generic_getattr(class: &Type) -> bool {
    let standard = crate::objects::object::object_class().slots().getattro.map(|f| f as usize);
    class.slots().getattro.map(|f| f as usize) == standard
}

/// True if attribute writes on instances of `class` follow the standard algorithm.
pub fn uses_generic_setattr(class: &Type) -> bool {
    let standard = crate::objects::object::object_class().slots().setattro.map(|f| f as usize);
    class.slots().setattro.map(|f| f as usize) == standard
}

/// True if attributes of classes whose class is `metaclass` are found by the standard algorithm.
pub fn uses_type_getattr(metaclass: &Type) -> bool {
    let standard = super::TYPE.get().slots().getattro.map(|f| f as usize);
    metaclass.slots().getattro.map(|f| f as usize) == standard
}

/// True if instances of `class` have `__getattr__` and otherwise the standard algorithm.
pub fn uses_getattr_hook(class: &Type) -> bool {
    class.slots().getattro.is_some_and(|f| f as usize == slot_getattr as *const () as usize)
}

/// True if calling the class runs a Python `__init__`.
pub fn has_python_init(class: &Type) -> bool {
    class.slots().init.is_some_and(|f| f as usize == slot_init as *const () as usize)
}

/// True if subscripting instances runs a Python `__getitem__`.
pub fn has_python_getitem(class: &Type) -> bool {
    class.slots().getitem.is_some_and(|f| f as usize == slot_getitem as *const () as usize)
}
