//! Doubles, unboxed in registers, and their boxed form in a value word.

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::types::{F64, I64};
use cranelift_codegen::ir::{BlockArg, InstBuilder, MemFlagsData, Value};
use pyrs_uops::Uop;

use crate::Cx;

/// The word for `0.0`, whose bits do not fit the rotation.
const FLONUM_ZERO: u64 = 0x8000_0000_0000_0002;
/// The one bit pattern with a suitable exponent that would collide with it.
const FLONUM_HOLE: u64 = 0x3000_0000_0000_0000;

pub(crate) fn emit<'f>(uop: Uop, c: Cx<'_, 'f>) {
    use Uop::*;
    match uop {
        Unbox => {
            let v = c.pop();
            let r = decode(c, v);
            c.push_float(r);
        }
        Box => {
            let v = c.pop_float();
            let r = encode(c, v);
            c.push(r);
        }
        IntToFloat => {
            let v = c.pop();
            let number = c.builder().ins().sshr_imm_u(v, 1);
            let r = c.builder().ins().fcvt_from_sint(F64, number);
            c.push_float(r);
        }
        LoadFloatImmediate => {
            let bits = c.immediate(0);
            let r = c.builder().ins().bitcast(F64, MemFlagsData::new(), bits);
            c.push_float(r);
        }
        LoadFloatFrame | LoadFloatTop => {
            let base = if uop == LoadFloatFrame { c.frame() } else { c.top() };
            let v = c.load(I64, base, 0);
            let r = decode(c, v);
            c.push_float(r);
        }
        LoadRawFrame | LoadRawTop => {
            let base = if uop == LoadRawFrame { c.frame() } else { c.top() };
            let v = c.load(F64, base, 0);
            c.push_float(v);
        }
        StoreFloatFrame | StoreFloatTop => {
            let base = if uop == StoreFloatFrame { c.frame() } else { c.top() };
            let v = c.pop_float();
            c.store(v, base, 0);
        }
        SpillFloatFrame | SpillFloatTop => {
            let base = if uop == SpillFloatFrame { c.frame() } else { c.top() };
            let all = c.take_all(true);
            c.store(all[0], base, 0);
            all[1..].iter().for_each(|v| c.push_float(*v));
        }
        FillFloatFrame | FillFloatTop => {
            let base = if uop == FillFloatFrame { c.frame() } else { c.top() };
            let all = c.take_all(true);
            let v = c.load(F64, base, 0);
            c.push_float(v);
            all.iter().for_each(|v| c.push_float(*v));
        }
        CopyFloat1 => {
            let v = c.pop_float();
            for v in [v, v] {
                c.push_float(v);
            }
        }
        SwapFloat => {
            let (y, x) = (c.pop_float(), c.pop_float());
            for v in [y, x] {
                c.push_float(v);
            }
        }
        NegateFloat => {
            let v = c.pop_float();
            let bits = c.builder().ins().bitcast(I64, MemFlagsData::new(), v);
            // The sign is turned to the lowest bit and back: a large constant would come from a constant pool.
            let turned = c.builder().ins().rotl_imm_u(bits, 1);
            let turned = c.builder().ins().bxor_imm_s(turned, 1);
            let bits = c.builder().ins().rotr_imm_u(turned, 1);
            let r = c.builder().ins().bitcast(F64, MemFlagsData::new(), bits);
            c.push_float(r);
        }
        AddFloat | SubtractFloat | MultiplyFloat | DivideFloat => arithmetic(uop, c),
        _ => comparison(uop, c),
    }
}

fn arithmetic<'f>(uop: Uop, c: Cx<'_, 'f>) {
    let (y, x) = (c.pop_float(), c.pop_float());
    let r = match uop {
        Uop::AddFloat => c.builder().ins().fadd(x, y),
        Uop::SubtractFloat => c.builder().ins().fsub(x, y),
        Uop::MultiplyFloat => c.builder().ins().fmul(x, y),
        _ => {
            let bits = c.builder().ins().bitcast(I64, MemFlagsData::new(), y);
            let magnitude = c.builder().ins().iadd(bits, bits);
            c.guard(magnitude);
            c.builder().ins().fdiv(x, y)
        }
    };
    c.push_float(r);
}

fn comparison<'f>(uop: Uop, c: Cx<'_, 'f>) {
    use Uop::*;
    let (y, x) = (c.pop_float(), c.pop_float());
    // Guards on "not less" hold for NaN too: they are the other way of the same branch.
    let condition = match uop {
        GuardLtFloat | GuardNotLtFloat => FloatCC::LessThan,
        GuardLeFloat | GuardNotLeFloat => FloatCC::LessThanOrEqual,
        GuardGtFloat | GuardNotGtFloat => FloatCC::GreaterThan,
        GuardGeFloat | GuardNotGeFloat => FloatCC::GreaterThanOrEqual,
        GuardEqFloat => FloatCC::Equal,
        _ => FloatCC::NotEqual,
    };
    let holds = c.builder().ins().fcmp(condition, x, y);
    match uop {
        GuardNotLtFloat | GuardNotLeFloat | GuardNotGtFloat | GuardNotGeFloat => c.guard_not(holds),
        _ => c.guard(holds),
    }
}

/// The double in a word that is known to be a flonum.
pub fn decode<'f>(c: Cx<'_, 'f>, v: Value) -> Value {
    let b = c.builder();
    let negative = b.ins().ushr_imm_u(v, 63);
    let two = b.ins().iconst(I64, 2);
    let low = b.ins().isub(two, negative);
    let high = b.ins().band_imm_s(v, !3);
    let bits = b.ins().bor(high, low);
    let bits = b.ins().rotr_imm_u(bits, 3);
    // 0.0 is one word of its own; its rotation by one is 5.
    let rotated = b.ins().rotl_imm_u(v, 1);
    let is_zero = b.ins().icmp_imm_s(IntCC::Equal, rotated, 5);
    let (zero, done) = (b.create_block(), b.create_block());
    b.set_cold_block(zero);
    b.append_block_param(done, I64);
    b.ins().brif(is_zero, zero, &[], done, &[BlockArg::Value(bits)]);
    b.switch_to_block(zero);
    let nothing = b.ins().iconst(I64, 0);
    b.ins().jump(done, &[BlockArg::Value(nothing)]);
    b.switch_to_block(done);
    let bits = b.block_params(done)[0];
    b.ins().bitcast(F64, MemFlagsData::new(), bits)
}

/// The word of a double; leaves the trace if it needs a box on the heap.
pub fn encode<'f>(c: Cx<'_, 'f>, v: Value) -> Value {
    let b = c.builder();
    let bits = b.ins().bitcast(I64, MemFlagsData::new(), v);
    let rotated = b.ins().rotl_imm_u(bits, 3);
    let cleared = b.ins().band_imm_s(rotated, !3);
    let word = b.ins().bor_imm_u(cleared, 2);
    // The three bits below the sign must be 011 or 100: with 1 added, 10x.
    let exponent = b.ins().rotl_imm_u(bits, 4);
    let exponent = b.ins().iadd_imm_s(exponent, 1);
    let exponent = b.ins().band_imm_u(exponent, 6);
    let in_range = b.ins().icmp_imm_s(IntCC::Equal, exponent, 4);
    let (regular, other, done) = (b.create_block(), b.create_block(), b.create_block());
    b.set_cold_block(other);
    b.append_block_param(done, I64);
    b.ins().brif(in_range, regular, &[], other, &[]);
    b.switch_to_block(other);
    let is_zero = b.ins().icmp_imm_s(IntCC::Equal, bits, 0);
    c.guard(is_zero);
    let zero = c.builder().ins().iconst(I64, FLONUM_ZERO as i64);
    c.builder().ins().jump(done, &[BlockArg::Value(zero)]);
    c.builder().switch_to_block(regular);
    // The bit pattern that would be taken for 0.0, rotated: a large constant would come from a constant pool.
    let turned = c.builder().ins().rotl_imm_u(bits, 4);
    let is_hole = c.builder().ins().icmp_imm_s(IntCC::Equal, turned, FLONUM_HOLE.rotate_left(4) as i64);
    c.guard_not(is_hole);
    c.builder().ins().jump(done, &[BlockArg::Value(word)]);
    c.builder().switch_to_block(done);
    c.builder().block_params(done)[0]
}
