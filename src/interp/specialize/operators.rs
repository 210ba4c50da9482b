//! Forms of BINARY_OP, COMPARE_OP, CONTAINS_OP, TO_BOOL and STORE_SUBSCR.

use pyrs_bytecode::{BinaryOp, Opcode};
use pyrs_macros::handler;
use pyrs_runtime::name;
use pyrs_runtime::object::Obj;
use pyrs_runtime::objects::dict::Dict;
use pyrs_runtime::objects::function::Function;
use pyrs_runtime::objects::inline_cache::InlineCache;
use pyrs_runtime::objects::list::List;
use pyrs_runtime::objects::set::{FrozenSet, Set};
use pyrs_runtime::objects::singletons::as_bool;
use pyrs_runtime::objects::slice::Slice;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::types::{lookup_raw, version_tag};
use pyrs_runtime::value::Value;

use super::{failed, specialized, specialized_with, write_u32};
use crate::dispatch::Regs;
use crate::handlers::arithmetic::BINARY_UNITS;
use crate::handlers::subscripts;
use crate::ops::arith;

fn both(a: &Obj, b: &Obj, test: impl Fn(Value) -> bool) -> bool {
    test(a.value()) && test(b.value())
}

#[handler]
pub unsafe fn binary_op(m: Regs) -> Value {
    let (a, b) = (m.obj(2), m.obj(1));
    let op = std::mem::transmute::<u8, BinaryOp>(m.oparg as u8);
    if op == BinaryOp::Subscript {
        return subscript(m);
    }
    match arithmetic_form(&m, op, a, b) {
        Some(opcode) => specialized(m, opcode),
        None => failed(m),
    }
}

unsafe fn arithmetic_form(m: &Regs, op: BinaryOp, a: &Obj, b: &Obj) -> Option<Opcode> {
    use BinaryOp::*;
    // Where ints and floats take turns, one form does for both.
    // SAFETY: contract of handlers.
    let form = Opcode::from_u8(unsafe { *m.ip } as u8);
    let (was_int, was_float) = (form.is_some_and(is_int_form), form.is_some_and(is_float_form));
    if both(a, b, Value::is_fixnum) && !was_float {
        match op {
            Add | InplaceAdd => return Some(Opcode::BinaryOpAddInt),
            Subtract | InplaceSubtract => return Some(Opcode::BinaryOpSubtractInt),
            Multiply | InplaceMultiply => return Some(Opcode::BinaryOpMultiplyInt),
            _ => {}
        }
    }
    if both(a, b, Value::is_flonum) && !was_int {
        match op {
            Add | InplaceAdd => return Some(Opcode::BinaryOpAddFloat),
            Subtract | InplaceSubtract => return Some(Opcode::BinaryOpSubtractFloat),
            Multiply | InplaceMultiply => return Some(Opcode::BinaryOpMultiplyFloat),
            _ => {}
        }
    }
    if arith::binary_fast(m.oparg as u32, a.value(), b.value()).is_some() {
        return Some(Opcode::BinaryOpExtend);
    }
    if matches!(op, Add | InplaceAdd) && a.exact::<Str>().is_some() && b.exact::<Str>().is_some() {
        // SAFETY: an instruction follows; its local variable exists.
        let to_itself = unsafe {
            let store = *m.ip.add(BINARY_UNITS);
            store as u8 == Opcode::StoreFast as u8 && *m.local((store >> 8) as usize) == a.value()
        };
        return Some(if to_itself { Opcode::BinaryOpInplaceAddUnicode } else { Opcode::BinaryOpAddUnicode });
    }
    None
}

fn is_int_form(opcode: Opcode) -> bool {
    matches!(opcode, Opcode::BinaryOpAddInt | Opcode::BinaryOpSubtractInt | Opcode::BinaryOpMultiplyInt)
}

fn is_float_form(opcode: Opcode) -> bool {
    matches!(opcode, Opcode::BinaryOpAddFloat | Opcode::BinaryOpSubtractFloat | Opcode::BinaryOpMultiplyFloat)
}

#[inline(always)]
unsafe fn subscript(m: Regs) -> Value {
    // SAFETY: contract of handlers.
    unsafe {
        let (container, key) = (m.obj(2), m.obj(1));
        if key.value().is_fixnum() {
            if container.exact::<List>().is_some() {
                return specialized(m, Opcode::BinaryOpSubscrListInt);
            }
            if container.exact::<Tuple>().is_some() {
                return specialized(m, Opcode::BinaryOpSubscrTupleInt);
            }
            if container.exact::<Str>().is_some() {
                return specialized(m, Opcode::BinaryOpSubscrStrInt);
            }
        }
        if subscripts::plain_dict(container).is_some() {
            return specialized(m, Opcode::BinaryOpSubscrDict);
        }
        if container.exact::<List>().is_some() && key.exact::<Slice>().is_some() {
            return specialized(m, Opcode::BinaryOpSubscrListSlice);
        }
        match python_getitem(container) {
            Some(cache) => specialized_with(m, Opcode::BinaryOpSubscrGetitem, cache),
            None => failed(m),
        }
    }
}

fn python_getitem(container: &Obj) -> Option<InlineCache> {
    let class = container.class();
    if !class.is_heap_type() {
        return None;
    }
    let found = lookup_raw(class, name!("__getitem__"));
    if found.is_null() {
        return None;
    }
    // SAFETY: the class holds the value.
    let function = unsafe { found.as_obj() }.exact::<Function>()?;
    let (version, code) = (version_tag(class), function.code());
    if version == 0 || function.version() == 0 || !code.simple_args || code.argcount != 2 {
        return None;
    }
    Some(InlineCache { version, version2: function.version(), target: found.0, ..Default::default() })
}

#[handler]
pub unsafe fn compare_op(m: Regs) -> Value {
    let (a, b) = (m.obj(2), m.obj(1));
    if both(a, b, Value::is_fixnum) {
        return specialized(m, Opcode::CompareOpInt);
    }
    // One of them may be an int.
    if both(a, b, |v| v.is_flonum() || v.is_fixnum()) {
        return specialized(m, Opcode::CompareOpFloat);
    }
    let equality = matches!(m.oparg >> 5, 2 | 3);
    if equality && a.exact::<Str>().is_some() && b.exact::<Str>().is_some() {
        return specialized(m, Opcode::CompareOpStr);
    }
    failed(m)
}

#[handler]
pub unsafe fn contains_op(m: Regs) -> Value {
    let container = m.obj(1);
    if container.exact::<Dict>().is_some() {
        return specialized(m, Opcode::ContainsOpDict);
    }
    if container.exact::<Set>().is_some() || container.exact::<FrozenSet>().is_some() {
        return specialized(m, Opcode::ContainsOpSet);
    }
    failed(m)
}

#[handler]
pub unsafe fn to_bool(m: Regs) -> Value {
    let v = m.obj(1);
    if as_bool(v).is_some() {
        return specialized(m, Opcode::ToBoolBool);
    }
    if v.value().is_fixnum() {
        return specialized(m, Opcode::ToBoolInt);
    }
    if v.is_none() {
        return specialized(m, Opcode::ToBoolNone);
    }
    if v.exact::<List>().is_some() {
        return specialized(m, Opcode::ToBoolList);
    }
    if v.exact::<Str>().is_some() {
        return specialized(m, Opcode::ToBoolStr);
    }
    let (class, slots) = (v.class(), v.class().slots());
    let version = version_tag(class);
    if v.value().is_pointer_or_null() && slots.nb_bool.is_none() && slots.length.is_none() && version != 0 {
        write_u32(m.ip.add(2), version);
        return specialized(m, Opcode::ToBoolAlwaysTrue);
    }
    failed(m)
}

#[handler]
pub unsafe fn store_subscr(m: Regs) -> Value {
    let (container, key) = (m.obj(2), m.obj(1));
    if container.exact::<List>().is_some() && key.value().is_fixnum() {
        return specialized(m, Opcode::StoreSubscrListInt);
    }
    if container.exact::<Dict>().is_some() {
        return specialized(m, Opcode::StoreSubscrDict);
    }
    failed(m)
}
