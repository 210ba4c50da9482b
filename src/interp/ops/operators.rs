//! Binary operators and comparisons that are functions of Python classes: they run as frames of the same loop.
//!
//! The operands stay on the caller's operand stack while the function runs (`Returns::Operator`), because its answer may be
//! NotImplemented, and then the other operand is asked.

use pyrs_bytecode::{BinaryOp, Opcode, co_flags};
use pyrs_runtime::call;
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::name;
use pyrs_runtime::object::{Obj, Object};
use pyrs_runtime::objects::function::Function;
use pyrs_runtime::objects::singletons::not_implemented_value;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::{float, int};
use pyrs_runtime::protocols::{compare, number};
use pyrs_runtime::types::slots::CompareOp;
use pyrs_runtime::types::{Type, lookup_raw};
use pyrs_runtime::value::Value;

/// The special methods of an operator: the left operand's, the right one's, the one that changes its object.
struct Names {
    forward: &'static Object<Str>,
    reflected: &'static Object<Str>,
    inplace: Option<&'static Object<Str>>,
}

fn names(op: BinaryOp) -> Option<Names> {
    use BinaryOp::*;
    macro_rules! table {
        ($($plain:ident $inplace:ident $base:literal $reflected:literal $changing:literal;)*) => {
            match op {
                $($plain => Names { forward: name!($base), reflected: name!($reflected), inplace: None },
                  $inplace => {
                      Names { forward: name!($base), reflected: name!($reflected), inplace: Some(name!($changing)) }
                  })*
                Subscript => return None,
            }
        };
    }
    Some(table! {
        Add InplaceAdd "__add__" "__radd__" "__iadd__";
        And InplaceAnd "__and__" "__rand__" "__iand__";
        FloorDivide InplaceFloorDivide "__floordiv__" "__rfloordiv__" "__ifloordiv__";
        Lshift InplaceLshift "__lshift__" "__rlshift__" "__ilshift__";
        MatrixMultiply InplaceMatrixMultiply "__matmul__" "__rmatmul__" "__imatmul__";
        Multiply InplaceMultiply "__mul__" "__rmul__" "__imul__";
        Or InplaceOr "__or__" "__ror__" "__ior__";
        Power InplacePower "__pow__" "__rpow__" "__ipow__";
        Remainder InplaceRemainder "__mod__" "__rmod__" "__imod__";
        Rshift InplaceRshift "__rshift__" "__rrshift__" "__irshift__";
        Subtract InplaceSubtract "__sub__" "__rsub__" "__isub__";
        TrueDivide InplaceTrueDivide "__truediv__" "__rtruediv__" "__itruediv__";
        Xor InplaceXor "__xor__" "__rxor__" "__ixor__";
    })
}

/// A function that an operator calls first.
pub struct Operator {
    /// Borrowed from the class that defines it.
    pub function: Value,
    /// It is the right operand's.
    pub reflected: bool,
}

/// An instance of a class written in Python, with no built-in sequence among its bases.
fn is_python_instance(v: &Obj) -> bool {
    let slots = v.class().slots();
    v.value().is_pointer_or_null() && v.class().is_heap_type() && slots.sq_concat.is_none() && slots.sq_repeat.is_none()
}

/// A function with two parameters and nothing special about it.
fn plain_function(class: &Type, name: &Object<Str>) -> Option<Value> {
    const SPECIAL: u32 = co_flags::GENERATOR | co_flags::COROUTINE | co_flags::ASYNC_GENERATOR;
    let found = lookup_raw(class, name);
    if found.is_null() {
        return None;
    }
    // SAFETY: the class holds the value.
    let function = unsafe { found.as_obj() }.exact::<Function>()?;
    let code = function.code();
    (code.simple_args && code.argcount == 2 && code.flags & SPECIAL == 0).then_some(found)
}

/// The Python function that `a OP b` calls first, if that is so.
pub fn python_operator(op: BinaryOp, a: &Obj, b: &Obj) -> Option<Operator> {
    let names = names(op)?;
    if is_python_instance(a) {
        // The right operand goes first if its class is derived; one that is changed in place is asked for that.
        let same = std::ptr::eq(a.class(), b.class());
        let derived = !same && b.class().is_subclass(a.class());
        let changes = names.inplace.is_some_and(|name| !lookup_raw(a.class(), name).is_null());
        if derived || changes {
            return None;
        }
        let function = plain_function(a.class(), names.forward)?;
        return Some(Operator { function, reflected: false });
    }
    if !is_exact_number(a) || !is_python_instance(b) || b.class().is_subclass(a.class()) {
        return None;
    }
    let function = plain_function(b.class(), names.reflected)?;
    Some(Operator { function, reflected: true })
}

/// `a OP b` after the function that [`python_operator`] has found has answered NotImplemented.
pub fn not_implemented(op: BinaryOp, a: &Obj, b: &Obj) -> PyResult<Obj> {
    let forward = is_python_instance(a) && !std::ptr::eq(a.class(), b.class());
    if forward
        && let Some(names) = names(op)
        && let Some(v) = call::call_special(b, names.reflected, std::slice::from_ref(a))?
        && v.value() != not_implemented_value()
    {
        return Ok(v);
    }
    Err(number::unsupported_operands(op, a, b))
}

/// The special method of a comparison.
fn comparison_name(op: CompareOp) -> &'static Object<Str> {
    match op {
        CompareOp::Lt => name!("__lt__"),
        CompareOp::Le => name!("__le__"),
        CompareOp::Eq => name!("__eq__"),
        CompareOp::Ne => name!("__ne__"),
        CompareOp::Gt => name!("__gt__"),
        CompareOp::Ge => name!("__ge__"),
    }
}

/// Exact numbers don't know classes written in Python.
fn is_exact_number(v: &Obj) -> bool {
    int::is_exact(v) || float::is_exact(v)
}

/// The Python function that the comparison `a OP b` calls first, if that is so.
pub fn python_comparison(op: CompareOp, a: &Obj, b: &Obj) -> Option<Operator> {
    let is_heap_type = |v: &Obj| v.value().is_pointer_or_null() && v.class().is_heap_type();
    if is_heap_type(a) {
        // The right operand goes first if its class is derived.
        let derived = !std::ptr::eq(a.class(), b.class()) && b.class().is_subclass(a.class());
        let function = plain_function(a.class(), comparison_name(op)).filter(|_| !derived)?;
        return Some(Operator { function, reflected: false });
    }
    if !is_exact_number(a) || !is_heap_type(b) || b.class().is_subclass(a.class()) {
        return None;
    }
    let function = plain_function(b.class(), comparison_name(op.swapped()))?;
    Some(Operator { function, reflected: true })
}

/// `a OP b` after the function that [`python_comparison`] has found has answered NotImplemented.
pub fn comparison_not_implemented(op: CompareOp, a: &Obj, b: &Obj) -> PyResult<Obj> {
    if !is_exact_number(a)
        && let Some(compare) = b.class().slots().richcompare
    {
        let v = compare(b, a, op.swapped())?;
        if v.value() != not_implemented_value() {
            return Ok(v);
        }
    }
    compare::without_answer(a, b, op)
}

/// The special method that the instruction, a BINARY_OP or a COMPARE_OP, asks the left or (`reflected`) the right operand for.
pub fn method_name(opcode: Opcode, oparg: u32, reflected: bool) -> Option<&'static Object<Str>> {
    if opcode.deopt() == Opcode::CompareOp {
        let op = CompareOp::from_index(oparg as usize >> 5);
        return Some(comparison_name(if reflected { op.swapped() } else { op }));
    }
    let names = names(BinaryOp::from_u32(oparg)?)?;
    Some(if reflected { names.reflected } else { names.forward })
}
