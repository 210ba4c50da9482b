//! Numbers: conversions, and the operators with CPython's rules of dispatch.
//!
//! Every operator first tries two immediate integers or floats, then the slots of both operands: the
//! left one's first, unless the right operand's class is a subclass of the left's.

use num_traits::{Signed, ToPrimitive};

use crate::errors::{PyResult, Raised};
use crate::object::{Obj, PyClass};
use crate::objects::exceptions::DeprecationWarning;
use crate::objects::int::IntRef;
use crate::objects::singletons::{none, not_implemented, not_implemented_value};
use crate::objects::str::Str;
use crate::objects::{bytes, float, int, int_arithmetic, int_methods};
use crate::raise;
use crate::types::slots::{BinaryFn, IndexFn, Slots, TernaryFn};
use pyrs_bytecode::BinaryOp;

/// The conversion returned an instance of a strict subclass: allowed, but no longer for ever.
pub(crate) fn warn_subclass_result(method: &str, wanted: &str, result: &Obj) -> PyResult<()> {
    let text = format!(
        "{method} returned non-{wanted} (type {}).  The ability to return an instance of a strict subclass of \
         {wanted} is deprecated, and may be removed in a future version of Python.",
        result.class().name()
    );
    (crate::hooks::hooks().warn)(DeprecationWarning::class(), &text, 1)
}

/// The exact int with the value of `obj`, an int or an instance of a subclass.
pub fn exact_int(obj: &Obj) -> Obj {
    if int::is_exact(obj) {
        return obj.clone();
    }
    match int::view(obj) {
        Some(IntRef::Small(n)) => int::new(n),
        Some(IntRef::Big(n)) => int::from_bigint(n.clone()),
        None => obj.clone(),
    }
}

/// `operator.index`, except that instances of subclasses of int come back as they are.
#[inline]
pub fn index(obj: &Obj) -> PyResult<Obj> {
    if int::is_int(obj) { Ok(obj.clone()) } else { index_by_slot(obj) }
}

fn index_by_slot(obj: &Obj) -> PyResult<Obj> {
    let Some(f) = obj.class().slots().nb_index else {
        return Err(raise!(TypeError, "'{}' object cannot be interpreted as an integer", obj.class().name()));
    };
    let result = f(obj)?;
    if int::is_exact(&result) {
        return Ok(result);
    }
    if !int::is_int(&result) {
        return Err(raise!(TypeError, "__index__ returned non-int (type {})", result.class().name()));
    }
    warn_subclass_result("__index__", "int", &result)?;
    Ok(result)
}

/// `operator.index`: always an exact int.
pub fn exact_index(obj: &Obj) -> PyResult<Obj> {
    index(obj).map(|i| exact_int(&i))
}

/// True if the class has `__index__`.
pub fn has_index(obj: &Obj) -> bool {
    obj.value().is_fixnum() || obj.class().slots().nb_index.is_some()
}

/// The value as a sequence index. A value out of range raises OverflowError, or is clipped.
#[inline]
pub fn as_ssize(obj: &Obj, raise_overflow: bool) -> PyResult<isize> {
    let v = obj.value();
    if v.is_fixnum() { Ok(v.as_fixnum() as isize) } else { as_ssize_slow(obj, raise_overflow) }
}

fn as_ssize_slow(obj: &Obj, raise_overflow: bool) -> PyResult<isize> {
    match ssize_or_sign(obj)? {
        Ok(n) => Ok(n),
        Err(negative) if !raise_overflow => Ok(if negative { isize::MIN } else { isize::MAX }),
        Err(_) => Err(raise!(OverflowError, "cannot fit '{}' into an index-sized integer", obj.class().name())),
    }
}

/// As [`as_ssize`], with IndexError for a value out of range: for subscripts.
pub fn as_subscript(obj: &Obj) -> PyResult<isize> {
    let v = obj.value();
    if v.is_fixnum() {
        return Ok(v.as_fixnum() as isize);
    }
    match ssize_or_sign(obj)? {
        Ok(n) => Ok(n),
        Err(_) => Err(raise!(IndexError, "cannot fit '{}' into an index-sized integer", obj.class().name())),
    }
}

/// The value, or whether it is negative if it does not fit.
fn ssize_or_sign(obj: &Obj) -> PyResult<Result<isize, bool>> {
    let index = index(obj)?;
    Ok(match int::view(&index) {
        Some(IntRef::Small(n)) => Ok(n as isize),
        Some(IntRef::Big(n)) => n.to_isize().ok_or(n.is_negative()),
        None => Err(false),
    })
}

/// True for negative ints.
pub fn is_negative(obj: &Obj) -> bool {
    match int::view(obj) {
        Some(IntRef::Small(n)) => n < 0,
        Some(IntRef::Big(n)) => n.is_negative(),
        None => false,
    }
}

/// The value of a real number as a C double.
#[inline]
pub fn as_f64(obj: &Obj) -> PyResult<f64> {
    match float::view(obj) {
        Some(x) => Ok(x),
        None => as_f64_slow(obj),
    }
}

fn as_f64_slow(obj: &Obj) -> PyResult<f64> {
    if let Some(n) = int::view(obj).filter(|_| int::is_exact(obj)) {
        return int_arithmetic::to_f64(n);
    }
    match float_by_slots(obj)? {
        Some(x) => Ok(x),
        None => Err(raise!(TypeError, "must be real number, not {}", obj.class().name())),
    }
}

/// The value by `__float__` or `__index__`.
fn float_by_slots(obj: &Obj) -> PyResult<Option<f64>> {
    if let Some(f) = obj.class().slots().nb_float {
        let result = f(obj)?;
        let Some(x) = float::view(&result) else {
            return Err(raise!(
                TypeError,
                "{}.__float__ returned non-float (type {})",
                obj.class().name(),
                result.class().name()
            ));
        };
        if !float::is_exact(&result) {
            warn_subclass_result(&format!("{}.__float__", obj.class().name()), "float", &result)?;
        }
        return Ok(Some(x));
    }
    if has_index(obj) {
        let index = index(obj)?;
        let n = int::view(&index).unwrap_or(IntRef::Small(0));
        return int_arithmetic::to_f64(n).map(Some);
    }
    Ok(None)
}

/// `int(obj)`.
pub fn to_int(obj: &Obj) -> PyResult<Obj> {
    if int::is_exact(obj) {
        return Ok(obj.clone());
    }
    let slots = obj.class().slots();
    if let Some(f) = slots.nb_int {
        let result = f(obj)?;
        if int::is_exact(&result) {
            return Ok(result);
        }
        if !int::is_int(&result) {
            return Err(raise!(TypeError, "__int__ returned non-int (type {})", result.class().name()));
        }
        warn_subclass_result("__int__", "int", &result)?;
        return Ok(exact_int(&result));
    }
    if slots.nb_index.is_some() {
        return exact_index(obj);
    }
    if let Some(text) = obj.downcast::<Str>() {
        return int_methods::parse_str(text, 10);
    }
    match bytes::contiguous(obj)? {
        Some(text) => int_methods::parse_bytes(obj, &text, 10),
        None => Err(raise!(
            TypeError,
            "int() argument must be a string, a bytes-like object or a real number, not '{}'",
            obj.class().name()
        )),
    }
}

/// `float(obj)`.
pub fn to_float(obj: &Obj) -> PyResult<Obj> {
    to_f64(obj).map(float::new)
}

/// The value of `float(obj)`: numbers, and texts of numbers.
pub fn to_f64(obj: &Obj) -> PyResult<f64> {
    if float::is_exact(obj) {
        return as_f64(obj);
    }
    if obj.value().is_fixnum() {
        return Ok(obj.value().as_fixnum() as f64);
    }
    match float_by_slots(obj)? {
        Some(x) => Ok(x),
        None => crate::objects::float_methods::parse(obj),
    }
}

#[cold]
fn binary_error(a: &Obj, b: &Obj, symbol: &str) -> Raised {
    if symbol == ">>" && is_print_function(a) {
        return raise!(
            TypeError,
            "unsupported operand type(s) for {symbol}: '{}' and '{}'. Did you mean \"print(<message>, \
             file=<output_stream>)\"?",
            a.class().name(),
            b.class().name()
        );
    }
    raise!(TypeError, "unsupported operand type(s) for {symbol}: '{}' and '{}'", a.class().name(), b.class().name())
}

fn is_print_function(obj: &Obj) -> bool {
    let builtins = crate::thread::runtime().builtins.get();
    let dict = builtins.and_then(|b| crate::types::shape::instance_dict(&b).ok().flatten());
    dict.and_then(|d| d.get_text("print")).is_some_and(|print| print.is(obj))
}

/// The slots of both operands in their order; NotImplemented if neither knows.
#[inline]
fn try_slots(a: &Obj, b: &Obj, get: impl Fn(&Slots) -> Option<BinaryFn>) -> PyResult<Obj> {
    let (left, right) = (a.class(), b.class());
    let slot_a = get(left.slots());
    let mut slot_b = None;
    if !std::ptr::eq(left, right) {
        slot_b = get(right.slots());
        if slot_a.map(|f| f as usize) == slot_b.map(|f| f as usize) {
            slot_b = None;
        }
    }
    if let Some(f) = slot_a {
        if let Some(g) = slot_b
            && right.is_subclass(left)
        {
            let result = g(a, b)?;
            if result.value() != not_implemented_value() {
                return Ok(result);
            }
            slot_b = None;
        }
        let result = f(a, b)?;
        if result.value() != not_implemented_value() {
            return Ok(result);
        }
    }
    match slot_b {
        Some(g) => g(a, b),
        None => Ok(not_implemented()),
    }
}

#[inline]
fn try_inplace(a: &Obj, b: &Obj, own: Option<BinaryFn>, get: impl Fn(&Slots) -> Option<BinaryFn>) -> PyResult<Obj> {
    if let Some(f) = own {
        let result = f(a, b)?;
        if result.value() != not_implemented_value() {
            return Ok(result);
        }
    }
    try_slots(a, b, get)
}

#[inline]
fn known(result: PyResult<Obj>, a: &Obj, b: &Obj, symbol: &str) -> PyResult<Obj> {
    match result {
        Ok(x) if x.value() == not_implemented_value() => Err(binary_error(a, b, symbol)),
        other => other,
    }
}

macro_rules! operators {
    ($($(#[$doc:meta])* $f:ident $inplace:ident $slot:ident $inplace_slot:ident $symbol:literal $inplace_symbol:literal;)*) => { $(
        $(#[$doc])*
        pub fn $f(a: &Obj, b: &Obj) -> PyResult<Obj> {
            if a.value().is_fixnum() && b.value().is_fixnum() {
                return known(int_arithmetic::$f(a, b), a, b, $symbol);
            }
            known(try_slots(a, b, |s| s.$slot), a, b, $symbol)
        }

        #[doc = concat!("`a ", $inplace_symbol, " b`, as a value.")]
        pub fn $inplace(a: &Obj, b: &Obj) -> PyResult<Obj> {
            if a.value().is_fixnum() && b.value().is_fixnum() {
                return known(int_arithmetic::$f(a, b), a, b, $inplace_symbol);
            }
            let own = a.class().slots().$inplace_slot;
            known(try_inplace(a, b, own, |s| s.$slot), a, b, $inplace_symbol)
        }
    )* };
}

operators! {
    /// `a % b`
    remainder inplace_remainder nb_remainder nb_inplace_remainder "%" "%=";
    /// `a // b`
    floor_divide inplace_floor_divide nb_floor_divide nb_inplace_floor_divide "//" "//=";
    /// `a << b`
    lshift inplace_lshift nb_lshift nb_inplace_lshift "<<" "<<=";
    /// `a >> b`
    rshift inplace_rshift nb_rshift nb_inplace_rshift ">>" ">>=";
    /// `a & b`
    and inplace_and nb_and nb_inplace_and "&" "&=";
    /// `a ^ b`
    xor inplace_xor nb_xor nb_inplace_xor "^" "^=";
    /// `a | b`
    or inplace_or nb_or nb_inplace_or "|" "|=";
}

macro_rules! float_operators {
    ($($(#[$doc:meta])* $f:ident $inplace:ident $slot:ident $inplace_slot:ident $op:tt $symbol:literal $inplace_symbol:literal;)*) => { $(
        $(#[$doc])*
        #[inline]
        pub fn $f(a: &Obj, b: &Obj) -> PyResult<Obj> {
            let (x, y) = (a.value(), b.value());
            if x.is_fixnum() && y.is_fixnum() {
                return int_arithmetic::$f(a, b);
            }
            if x.is_flonum() && y.is_flonum() {
                return Ok(float::new(x.as_flonum() $op y.as_flonum()));
            }
            finish::$f(try_slots(a, b, |s| s.$slot)?, a, b)
        }

        #[doc = concat!("`a ", $inplace_symbol, " b`, as a value.")]
        #[inline]
        pub fn $inplace(a: &Obj, b: &Obj) -> PyResult<Obj> {
            let (x, y) = (a.value(), b.value());
            if x.is_fixnum() && y.is_fixnum() {
                return int_arithmetic::$f(a, b);
            }
            if x.is_flonum() && y.is_flonum() {
                return Ok(float::new(x.as_flonum() $op y.as_flonum()));
            }
            finish::$inplace(try_inplace(a, b, a.class().slots().$inplace_slot, |s| s.$slot)?, a, b)
        }
    )* };
}

float_operators! {
    /// `a + b`; sequences concatenate.
    add inplace_add nb_add nb_inplace_add + "+" "+=";
    /// `a - b`
    subtract inplace_subtract nb_subtract nb_inplace_subtract - "-" "-=";
    /// `a * b`; sequences repeat.
    multiply inplace_multiply nb_multiply nb_inplace_multiply * "*" "*=";
}

mod finish {
    //! What `+`, `-` and `*` do after the number slots: sequence operations, or the error.
    use super::*;

    fn is_known(result: &Obj) -> bool {
        result.value() != not_implemented_value()
    }

    pub fn add(result: Obj, a: &Obj, b: &Obj) -> PyResult<Obj> {
        if is_known(&result) {
            return Ok(result);
        }
        match a.class().slots().sq_concat {
            Some(f) => f(a, b),
            None => Err(binary_error(a, b, "+")),
        }
    }

    pub fn inplace_add(result: Obj, a: &Obj, b: &Obj) -> PyResult<Obj> {
        if is_known(&result) {
            return Ok(result);
        }
        let slots = a.class().slots();
        match slots.sq_inplace_concat.or(slots.sq_concat) {
            Some(f) => f(a, b),
            None => Err(binary_error(a, b, "+=")),
        }
    }

    pub fn subtract(result: Obj, a: &Obj, b: &Obj) -> PyResult<Obj> {
        known(Ok(result), a, b, "-")
    }

    pub fn inplace_subtract(result: Obj, a: &Obj, b: &Obj) -> PyResult<Obj> {
        known(Ok(result), a, b, "-=")
    }

    pub fn multiply(result: Obj, a: &Obj, b: &Obj) -> PyResult<Obj> {
        if is_known(&result) {
            return Ok(result);
        }
        if let Some(f) = a.class().slots().sq_repeat {
            return repeat(f, a, b);
        }
        match b.class().slots().sq_repeat {
            Some(f) => repeat(f, b, a),
            None => Err(binary_error(a, b, "*")),
        }
    }

    pub fn inplace_multiply(result: Obj, a: &Obj, b: &Obj) -> PyResult<Obj> {
        if is_known(&result) {
            return Ok(result);
        }
        let slots = a.class().slots();
        if let Some(f) = slots.sq_inplace_repeat.or(slots.sq_repeat) {
            return repeat(f, a, b);
        }
        // Instances of Python classes count as sequences of their own here.
        match b.class().slots().sq_repeat {
            Some(f) if !a.class().is_heap_type() => repeat(f, b, a),
            _ => Err(binary_error(a, b, "*=")),
        }
    }

    fn repeat(f: IndexFn, sequence: &Obj, count: &Obj) -> PyResult<Obj> {
        if !has_index(count) {
            return Err(raise!(TypeError, "can't multiply sequence by non-int of type '{}'", count.class().name()));
        }
        f(sequence, as_ssize(count, true)?)
    }
}

/// `a / b`
pub fn true_divide(a: &Obj, b: &Obj) -> PyResult<Obj> {
    if let Some(x) = flonum_quotient(a, b) {
        return Ok(x);
    }
    known(try_slots(a, b, |s| s.nb_true_divide), a, b, "/")
}

/// `a /= b`, as a value.
pub fn inplace_true_divide(a: &Obj, b: &Obj) -> PyResult<Obj> {
    if let Some(x) = flonum_quotient(a, b) {
        return Ok(x);
    }
    let own = a.class().slots().nb_inplace_true_divide;
    known(try_inplace(a, b, own, |s| s.nb_true_divide), a, b, "/=")
}

#[inline]
fn flonum_quotient(a: &Obj, b: &Obj) -> Option<Obj> {
    let (x, y) = (a.value(), b.value());
    if x.is_flonum() && y.is_flonum() && y.as_flonum() != 0.0 {
        return Some(float::new(x.as_flonum() / y.as_flonum()));
    }
    None
}

/// `a @ b`
pub fn matrix_multiply(a: &Obj, b: &Obj) -> PyResult<Obj> {
    known(try_slots(a, b, |s| s.nb_matrix_multiply), a, b, "@")
}

/// `a @= b`, as a value.
pub fn inplace_matrix_multiply(a: &Obj, b: &Obj) -> PyResult<Obj> {
    let own = a.class().slots().nb_inplace_matrix_multiply;
    known(try_inplace(a, b, own, |s| s.nb_matrix_multiply), a, b, "@=")
}

/// `divmod(a, b)`
pub fn divmod(a: &Obj, b: &Obj) -> PyResult<Obj> {
    known(try_slots(a, b, |s| s.nb_divmod), a, b, "divmod()")
}

/// `pow(a, b, modulus)`; the modulus is None for `a ** b`.
pub fn power(a: &Obj, b: &Obj, modulus: &Obj) -> PyResult<Obj> {
    ternary(a, b, modulus, "** or pow()")
}

/// `a **= b`, as a value.
pub fn inplace_power(a: &Obj, b: &Obj) -> PyResult<Obj> {
    let none = none();
    if let Some(f) = a.class().slots().nb_inplace_power {
        let result = f(a, b, &none)?;
        if result.value() != not_implemented_value() {
            return Ok(result);
        }
    }
    ternary(a, b, &none, "**=")
}

fn ternary(a: &Obj, b: &Obj, c: &Obj, symbol: &str) -> PyResult<Obj> {
    let get = |obj: &Obj| obj.class().slots().nb_power;
    let same = |f: Option<TernaryFn>, g: Option<TernaryFn>| f.map(|f| f as usize) == g.map(|g| g as usize);
    let slot_a = get(a);
    let mut slot_b = get(b).filter(|&g| !std::ptr::eq(a.class(), b.class()) && !same(slot_a, Some(g)));
    let slot_c = get(c).filter(|&h| !same(slot_a, Some(h)) && !same(slot_b, Some(h)));
    let mut order: [Option<TernaryFn>; 3] = [None; 3];
    if slot_a.is_some() && slot_b.is_some() && b.class().is_subclass(a.class()) {
        order[0] = slot_b.take();
    }
    let order = [order[0], slot_a, slot_b, slot_c];
    for f in order.into_iter().flatten() {
        let result = f(a, b, c)?;
        if result.value() != not_implemented_value() {
            return Ok(result);
        }
    }
    if c.is_none() {
        return Err(binary_error(a, b, symbol));
    }
    Err(raise!(
        TypeError,
        "unsupported operand type(s) for {symbol}: '{}', '{}', '{}'",
        a.class().name(),
        b.class().name(),
        c.class().name()
    ))
}

macro_rules! unary_operators {
    ($($(#[$doc:meta])* $f:ident $slot:ident $what:literal;)*) => { $(
        $(#[$doc])*
        pub fn $f(a: &Obj) -> PyResult<Obj> {
            match a.class().slots().$slot {
                Some(f) => f(a),
                None => Err(raise!(TypeError, "bad operand type for {}: '{}'", $what, a.class().name())),
            }
        }
    )* };
}

unary_operators! {
    /// `-a`
    negative nb_negative "unary -";
    /// `+a`
    positive nb_positive "unary +";
    /// `~a`
    invert nb_invert "unary ~";
    /// `abs(a)`
    absolute nb_absolute "abs()";
}

/// The operation of a `BINARY_OP` instruction.
pub fn binary_op(op: BinaryOp, a: &Obj, b: &Obj) -> PyResult<Obj> {
    match op {
        BinaryOp::Add => add(a, b),
        BinaryOp::And => and(a, b),
        BinaryOp::FloorDivide => floor_divide(a, b),
        BinaryOp::Lshift => lshift(a, b),
        BinaryOp::MatrixMultiply => matrix_multiply(a, b),
        BinaryOp::Multiply => multiply(a, b),
        BinaryOp::Remainder => remainder(a, b),
        BinaryOp::Or => or(a, b),
        BinaryOp::Power => power(a, b, &none()),
        BinaryOp::Rshift => rshift(a, b),
        BinaryOp::Subtract => subtract(a, b),
        BinaryOp::TrueDivide => true_divide(a, b),
        BinaryOp::Xor => xor(a, b),
        BinaryOp::InplaceAdd => inplace_add(a, b),
        BinaryOp::InplaceAnd => inplace_and(a, b),
        BinaryOp::InplaceFloorDivide => inplace_floor_divide(a, b),
        BinaryOp::InplaceLshift => inplace_lshift(a, b),
        BinaryOp::InplaceMatrixMultiply => inplace_matrix_multiply(a, b),
        BinaryOp::InplaceMultiply => inplace_multiply(a, b),
        BinaryOp::InplaceRemainder => inplace_remainder(a, b),
        BinaryOp::InplaceOr => inplace_or(a, b),
        BinaryOp::InplacePower => inplace_power(a, b),
        BinaryOp::InplaceRshift => inplace_rshift(a, b),
        BinaryOp::InplaceSubtract => inplace_subtract(a, b),
        BinaryOp::InplaceTrueDivide => inplace_true_divide(a, b),
        BinaryOp::InplaceXor => inplace_xor(a, b),
        BinaryOp::Subscript => subscript(a, b),
    }
}

/// The error of an operator that neither operand knows.
pub fn unsupported_operands(op: BinaryOp, a: &Obj, b: &Obj) -> Raised {
    binary_error(a, b, if op == BinaryOp::Power { "** or pow()" } else { op.name() })
}

/// `a[b]` for objects whose class has the slot; classes themselves (`list[int]`) are the caller's.
pub fn subscript(a: &Obj, b: &Obj) -> PyResult<Obj> {
    match a.class().slots().getitem {
        Some(f) => f(a, b),
        None => Err(raise!(TypeError, "'{}' object is not subscriptable", a.class().name())),
    }
}

/// `PyNumber_Check`: the class converts to int, float or complex, or has an index.
pub fn is_number(obj: &Obj) -> bool {
    let slots = obj.class().slots();
    slots.nb_index.is_some()
        || slots.nb_int.is_some()
        || slots.nb_float.is_some()
        || obj.is_instance_of::<crate::objects::complex::Complex>()
}
