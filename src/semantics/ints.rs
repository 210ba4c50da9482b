//! Integers that fit their word: 63 bits over a tag bit that is set.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstBuilder, Value};
use pyrs_uops::{Runtime, Uop};

use crate::{Cx, bool_word};

pub(crate) fn arithmetic<'f>(uop: Uop, c: Cx<'_, 'f>) {
    use Uop::*;
    match uop {
        NegateInt => {
            let v = c.pop();
            // 2 - (2n + 1) = 2(-n) + 1
            let two = c.builder().ins().iconst(cranelift_codegen::ir::types::I64, 2);
            let (r, overflow) = c.builder().ins().ssub_overflow(two, v);
            c.guard_not(overflow);
            c.push(r);
        }
        InvertInt => {
            let v = c.pop();
            let r = c.builder().ins().bxor_imm_s(v, !1);
            c.push(r);
        }
        AddIntImmediate => {
            // The operand is twice the number.
            let (x, y) = (c.pop(), c.immediate(0));
            let (r, overflow) = c.builder().ins().sadd_overflow(x, y);
            c.guard_not(overflow);
            c.push(r);
        }
        _ => {
            let (y, x) = (c.pop(), c.pop());
            let r = binary(uop, c, x, y);
            c.push(r);
        }
    }
}

fn binary<'f>(uop: Uop, c: Cx<'_, 'f>, x: Value, y: Value) -> Value {
    use Uop::*;
    match uop {
        AddInt => {
            let untagged = c.builder().ins().iadd_imm_s(x, -1);
            let (r, overflow) = c.builder().ins().sadd_overflow(untagged, y);
            c.guard_not(overflow);
            r
        }
        SubtractInt => {
            let untagged = c.builder().ins().iadd_imm_s(y, -1);
            let (r, overflow) = c.builder().ins().ssub_overflow(x, untagged);
            c.guard_not(overflow);
            r
        }
        MultiplyInt => {
            let untagged = c.builder().ins().iadd_imm_s(x, -1);
            let number = c.builder().ins().sshr_imm_u(y, 1);
            let (r, overflow) = c.builder().ins().smul_overflow(untagged, number);
            c.guard_not(overflow);
            c.builder().ins().bor_imm_u(r, 1)
        }
        FloorDivideInt | RemainderInt => divide(uop == RemainderInt, c, x, y),
        AndInt => c.builder().ins().band(x, y),
        OrInt => c.builder().ins().bor(x, y),
        XorInt => {
            let r = c.builder().ins().bxor(x, y);
            c.builder().ins().bor_imm_u(r, 1)
        }
        LeftShiftInt => {
            let count = shift_count(c, y, 62);
            let untagged = c.builder().ins().iadd_imm_s(x, -1);
            let r = c.builder().ins().ishl(untagged, count);
            let back = c.builder().ins().sshr(r, count);
            let same = c.builder().ins().icmp(IntCC::Equal, back, untagged);
            c.guard(same);
            c.builder().ins().bor_imm_u(r, 1)
        }
        _ => {
            let count = shift_count(c, y, 63);
            let r = c.builder().ins().sshr(x, count);
            c.builder().ins().bor_imm_u(r, 1)
        }
    }
}

/// The number in `y`, which must be at most `limit` and not negative.
fn shift_count<'f>(c: Cx<'_, 'f>, y: Value, limit: i64) -> Value {
    let count = c.builder().ins().sshr_imm_u(y, 1);
    let fits = c.builder().ins().icmp_imm_u(IntCC::UnsignedLessThanOrEqual, count, limit);
    c.guard(fits);
    count
}

/// Quotient and remainder round towards negative infinity; only positive divisors are dealt with here.
fn divide<'f>(remainder: bool, c: Cx<'_, 'f>, x: Value, y: Value) -> Value {
    let divisor = c.builder().ins().sshr_imm_u(y, 1);
    let positive = c.builder().ins().icmp_imm_s(IntCC::SignedGreaterThan, divisor, 0);
    c.guard(positive);
    let b = c.builder();
    let number = b.ins().sshr_imm_u(x, 1);
    let rest = b.ins().srem(number, divisor);
    let sign = b.ins().sshr_imm_u(rest, 63);
    let r = if remainder {
        let correction = b.ins().band(sign, divisor);
        b.ins().iadd(rest, correction)
    } else {
        let quotient = b.ins().sdiv(number, divisor);
        b.ins().iadd(quotient, sign)
    };
    let r = b.ins().iadd(r, r);
    b.ins().bor_imm_u(r, 1)
}

pub(crate) fn comparison<'f>(uop: Uop, c: Cx<'_, 'f>) {
    use Uop::*;
    if uop == Not {
        let v = c.pop();
        let no = c.runtime(Runtime::False);
        let is_false = c.builder().ins().icmp(IntCC::Equal, v, no);
        let r = bool_word(c, is_false);
        return c.push(r);
    }
    let (y, x) = (c.pop(), c.pop());
    let condition = match uop {
        GuardLtInt | LtInt => IntCC::SignedLessThan,
        GuardLeInt | LeInt => IntCC::SignedLessThanOrEqual,
        GuardGtInt | GtInt => IntCC::SignedGreaterThan,
        GuardGeInt | GeInt => IntCC::SignedGreaterThanOrEqual,
        GuardEqInt | EqInt | Same => IntCC::Equal,
        _ => IntCC::NotEqual,
    };
    let holds = c.builder().ins().icmp(condition, x, y);
    match uop {
        GuardLtInt | GuardLeInt | GuardGtInt | GuardGeInt | GuardEqInt | GuardNeInt => c.guard(holds),
        _ => {
            let r = bool_word(c, holds);
            c.push(r);
        }
    }
}
