//! Items of blocks of machine values.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{F64, I8, I16, I32, I64};
use cranelift_codegen::ir::{InstBuilder, Type, Value};
use pyrs_uops::Uop;

use crate::{Cx, trusted};

pub(crate) fn emit<'f>(uop: Uop, c: Cx<'_, 'f>) {
    use Uop::*;
    match uop {
        LoadF64 => {
            let at = item_address(c, 3);
            let v = c.builder().ins().load(F64, trusted(), at, 0);
            c.push_float(v);
        }
        StoreF64 => {
            let at = item_address(c, 3);
            let v = c.pop_float();
            c.builder().ins().store(trusted(), v, at, 0);
        }
        LoadI8 => load(c, I8, true),
        LoadU8 => load(c, I8, false),
        LoadI16 => load(c, I16, true),
        LoadU16 => load(c, I16, false),
        LoadI32 => load(c, I32, true),
        LoadI64 => load(c, I64, true),
        StoreI8 => store(c, I8, true),
        StoreU8 => store(c, I8, false),
        StoreI16 => store(c, I16, true),
        StoreU16 => store(c, I16, false),
        StoreI32 => store(c, I32, true),
        _ => store(c, I64, true),
    }
}

/// Pops index and container. Leaves the trace for an index outside of the block, and for one that counts from the end.
fn item_address<'f>(c: Cx<'_, 'f>, shift: i64) -> Value {
    let (index, container) = (c.pop(), c.pop());
    let bytes = c.load(I64, container, 0);
    let b = c.builder();
    let i = b.ins().sshr_imm_u(index, 1);
    let count = b.ins().ushr_imm_u(bytes, shift);
    let inside = b.ins().icmp(IntCC::UnsignedLessThan, i, count);
    c.guard(inside);
    let address = c.load(I64, container, 1);
    let offset = c.builder().ins().ishl_imm_u(i, shift);
    c.builder().ins().iadd(address, offset)
}

fn shift_of(ty: Type) -> i64 {
    i64::from(ty.bytes().trailing_zeros())
}

fn extend<'f>(c: Cx<'_, 'f>, v: Value, ty: Type, signed: bool) -> Value {
    let b = c.builder();
    match (ty, signed) {
        (I64, _) => v,
        (_, true) => b.ins().sextend(I64, v),
        (_, false) => b.ins().uextend(I64, v),
    }
}

fn load<'f>(c: Cx<'_, 'f>, ty: Type, signed: bool) {
    let at = item_address(c, shift_of(ty));
    let v = c.builder().ins().load(ty, trusted(), at, 0);
    let n = extend(c, v, ty, signed);
    let doubled = if ty == I64 {
        let (doubled, overflow) = c.builder().ins().sadd_overflow(n, n);
        c.guard_not(overflow);
        doubled
    } else {
        c.builder().ins().iadd(n, n)
    };
    let word = c.builder().ins().bor_imm_u(doubled, 1);
    c.push(word);
}

/// The value, below container and index, is an int that fits the item.
fn store<'f>(c: Cx<'_, 'f>, ty: Type, signed: bool) {
    let at = item_address(c, shift_of(ty));
    let word = c.pop();
    let is_fixnum = c.builder().ins().band_imm_u(word, 1);
    c.guard(is_fixnum);
    let n = c.builder().ins().sshr_imm_u(word, 1);
    if ty == I64 {
        c.builder().ins().store(trusted(), n, at, 0);
        return;
    }
    let item = c.builder().ins().ireduce(ty, n);
    let back = extend(c, item, ty, signed);
    let fits = c.builder().ins().icmp(IntCC::Equal, back, n);
    c.guard(fits);
    c.builder().ins().store(trusted(), item, at, 0);
}
