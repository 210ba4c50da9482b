//! Unary and binary operators, truth.

use pyrs_bytecode::{BinaryOp, Opcode};
use pyrs_macros::handler;
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::object::Obj;
use pyrs_runtime::objects::list::List;
use pyrs_runtime::objects::singletons::{bool_value, false_value, none_value, true_value};
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::protocols::{number, sequence, truth};
use pyrs_runtime::value::Value;

use crate::dispatch::Regs;
use crate::dispatch::tri;
use crate::handlers::calls;
use crate::ops::{arith, operators};
use crate::specialize::{self, due};

/// Code units of a BINARY_OP with its cache.
pub const BINARY_UNITS: usize = 6;
/// Code units of a TO_BOOL with its cache.
const TO_BOOL_UNITS: usize = 4;

#[handler]
pub unsafe fn binary_op(m: Regs) -> Value {
    if due(&m) {
        return m.tail(specialize::operators::binary_op);
    }
    m.save();
    if may_be_python(m.peek(1)) || may_be_python(m.peek(2)) {
        return m.tail(python_operator);
    }
    m.tail(native_operator)
}

/// The object's class is written in Python.
#[inline(always)]
pub fn may_be_python(v: Value) -> bool {
    // SAFETY: operands are live words.
    v.is_pointer_or_null() && unsafe { (*(*v.as_pointer()).class.get()).is_heap_type() }
}

/// `a OP b` that no handler knows.
#[handler]
unsafe fn native_operator(m: Regs) -> Value {
    let r = tri!(m, generic(m.oparg, m.obj(2), m.obj(1)));
    m.replace_next(2, r.into_value(), BINARY_UNITS)
}

/// Enters the function that a Python class has for the operator. The operands stay until it returns.
#[handler]
unsafe fn python_operator(m: Regs) -> Value {
    let op = std::mem::transmute::<u8, BinaryOp>(m.oparg as u8);
    let Some(operator) = operators::python_operator(op, m.obj(2), m.obj(1)) else { return m.tail(native_operator) };
    let (a, b, function) = (m.peek(2), m.peek(1), operator.function);
    let (first, second) = if operator.reflected { (b, a) } else { (a, b) };
    let callee = calls::push_operator(m, function, first, second);
    if callee.is_null() {
        return m.raise();
    }
    calls::enter(m, callee, BINARY_UNITS)
}

/// `a OP b` for any objects.
#[inline(never)]
fn generic(oparg: usize, a: &Obj, b: &Obj) -> PyResult<Obj> {
    if let Some(v) = arith::binary_fast(oparg as u32, a.value(), b.value()) {
        // SAFETY: an immediate.
        return Ok(unsafe { v.into_obj() });
    }
    // SAFETY: the compiler numbers the operators.
    let op = unsafe { std::mem::transmute::<u8, BinaryOp>(oparg as u8) };
    if op == BinaryOp::Subscript { sequence::getitem(a, b) } else { number::binary_op(op, a, b) }
}

/// An operation on two fixnums that overflows into the generic one.
macro_rules! fixnum_handler {
    ($name:ident, $a:ident, $b:ident, $result:expr) => {
        #[handler]
        pub unsafe fn $name(mut m: Regs) -> Value {
            let ($a, $b) = (m.peek(2), m.peek(1));
            if $a.0 & $b.0 & 1 != 0
                && let Some(r) = $result
            {
                m.sp = m.sp.sub(1);
                m.put(1, r);
                return m.next(BINARY_UNITS);
            }
            m.tail(binary_op)
        }
    };
}

// The tag bit of one operand is taken off first: overflow of the tagged sum is overflow of the fixnum.
fixnum_handler!(add_int, a, b, (a.0 as i64 - 1).checked_add(b.0 as i64).map(|r| Value(r as u64)));
fixnum_handler!(subtract_int, a, b, (a.0 as i64).checked_sub(b.0 as i64 - 1).map(|r| Value(r as u64)));
fixnum_handler!(
    multiply_int,
    a,
    b,
    (a.0 as i64 - 1).checked_mul(b.as_fixnum()).and_then(|r| r.checked_add(1)).map(|r| Value(r as u64))
);

macro_rules! flonum_handler {
    ($name:ident, $op:tt) => {
        #[handler]
        pub unsafe fn $name(mut m: Regs) -> Value {
            let (a, b) = (m.peek(2), m.peek(1));
            if a.is_flonum()
                && b.is_flonum()
                && let Some(r) = Value::try_from_f64(a.as_flonum() $op b.as_flonum())
            {
                m.sp = m.sp.sub(1);
                m.put(1, r);
                return m.next(BINARY_UNITS);
            }
            m.tail(binary_op)
        }
    };
}

flonum_handler!(add_float, +);
flonum_handler!(subtract_float, -);
flonum_handler!(multiply_float, *);

/// The other operators on immediates, and operators on an int and a float.
#[handler]
pub unsafe fn extend(mut m: Regs) -> Value {
    let (a, b) = (m.peek(2), m.peek(1));
    if let Some(r) = arith::binary_fast(m.oparg as u32, a, b) {
        m.sp = m.sp.sub(1);
        m.put(1, r);
        return m.next(BINARY_UNITS);
    }
    m.tail(binary_op)
}

#[handler]
pub unsafe fn add_unicode(m: Regs) -> Value {
    match (m.obj(2).exact::<Str>(), m.obj(1).exact::<Str>()) {
        (Some(a), Some(b)) => {
            m.save();
            let r = concat(a, b);
            m.replace_next(2, r, BINARY_UNITS)
        }
        _ => m.tail(binary_op),
    }
}

#[inline(never)]
fn concat(a: &Str, b: &Str) -> Value {
    Str::concat(&[a, b]).into_obj().into_value()
}

/// `a += b` whose result goes back to the local variable that `a` came from.
#[handler]
pub unsafe fn inplace_add_unicode(mut m: Regs) -> Value {
    let store = *m.ip.add(BINARY_UNITS);
    let slot = m.local((store >> 8) as usize);
    let left = m.peek(2);
    if store as u8 != Opcode::StoreFast as u8
        || *slot != left
        || m.obj(2).exact::<Str>().is_none()
        || m.obj(1).exact::<Str>().is_none()
    {
        return m.tail(binary_op);
    }
    // The variable's own reference goes, so that the text can grow where it is.
    *slot = Value::NULL;
    pyrs_runtime::heap::decref(left);
    let r = Str::append(left, m.obj(1));
    *slot = r;
    m.sp = m.sp.sub(2);
    let b = *m.sp.add(1);
    m.drop_next(b, BINARY_UNITS + 1)
}

#[handler]
pub unsafe fn unary_negative(m: Regs) -> Value {
    let v = m.peek(1);
    if v.is_fixnum()
        && let Some(r) = Value::try_from_i64(-v.as_fixnum())
    {
        m.put(1, r);
        return m.next(1);
    }
    m.save();
    let r = tri!(m, number::negative(m.obj(1)));
    m.replace_next(1, r.into_value(), 1)
}

#[handler]
pub unsafe fn unary_invert(m: Regs) -> Value {
    m.save();
    let r = tri!(m, number::invert(m.obj(1)));
    m.replace_next(1, r.into_value(), 1)
}

#[handler]
pub unsafe fn unary_not(m: Regs) -> Value {
    m.put(1, bool_value(m.peek(1) == false_value()));
    m.next(1)
}

#[handler]
pub unsafe fn to_bool(m: Regs) -> Value {
    if due(&m) {
        return m.tail(specialize::operators::to_bool);
    }
    m.save();
    let r = tri!(m, truth::is_true(m.obj(1)));
    m.replace_next(1, bool_value(r), TO_BOOL_UNITS)
}

#[handler]
pub unsafe fn to_bool_bool(mut m: Regs) -> Value {
    let v = m.peek(1);
    if v != true_value() && v != false_value() {
        return m.tail(to_bool);
    }
    m.sp = m.sp.sub(1);
    m.branch_next(v == true_value(), TO_BOOL_UNITS)
}

#[handler]
pub unsafe fn to_bool_int(mut m: Regs) -> Value {
    let v = m.peek(1);
    if !v.is_fixnum() {
        return m.tail(to_bool);
    }
    m.sp = m.sp.sub(1);
    m.branch_next(v != Value::from_fixnum(0), TO_BOOL_UNITS)
}

#[handler]
pub unsafe fn to_bool_list(m: Regs) -> Value {
    match m.obj(1).exact::<List>() {
        Some(list) => m.replace_next(1, bool_value(!list.is_empty()), TO_BOOL_UNITS),
        None => m.tail(to_bool),
    }
}

#[handler]
pub unsafe fn to_bool_none(mut m: Regs) -> Value {
    if m.peek(1) != none_value() {
        return m.tail(to_bool);
    }
    m.sp = m.sp.sub(1);
    m.branch_next(false, TO_BOOL_UNITS)
}

#[handler]
pub unsafe fn to_bool_str(m: Regs) -> Value {
    match m.obj(1).exact::<Str>() {
        Some(text) => m.replace_next(1, bool_value(!text.is_empty()), TO_BOOL_UNITS),
        None => m.tail(to_bool),
    }
}

/// Instances of a class without `__bool__` and `__len__`, or None where they are optional.
#[handler]
pub unsafe fn to_bool_always_true(mut m: Regs) -> Value {
    let v = m.peek(1);
    if v == none_value() {
        m.sp = m.sp.sub(1);
        return m.branch_next(false, TO_BOOL_UNITS);
    }
    if v.is_pointer_or_null() && (*(*v.as_pointer()).class.get()).current_version() == specialize::read_u32(m.ip.add(2))
    {
        return m.replace_next(1, true_value(), TO_BOOL_UNITS);
    }
    m.tail(to_bool)
}
