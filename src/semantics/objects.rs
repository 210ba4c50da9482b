//! Fields of objects, items, iterators.
//!
//! Where the fields are is no business of the stencils: displacements are operands.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::I64;
use cranelift_codegen::ir::{BlockArg, InstBuilder, Value};
use pyrs_uops::Uop;

use crate::{Cx, guard_equal, trusted};

pub(crate) fn emit<'f>(uop: Uop, c: Cx<'_, 'f>) {
    use Uop::*;
    match uop {
        LoadField | LoadFieldKeep => {
            let owner = c.pop();
            let v = c.load(I64, owner, 0);
            c.guard(v);
            if uop == LoadFieldKeep {
                c.push(owner);
            }
            c.push(v);
        }
        ExchangeField => {
            // The new value, below the owner, gives way to the old one.
            let (owner, v) = (c.pop(), c.pop());
            let old = c.load(I64, owner, 0);
            c.store(v, owner, 0);
            c.push(owner);
            c.push(old);
        }
        SetWord => {
            let (owner, word) = (c.pop(), c.immediate(0));
            c.store(word, owner, 0);
            c.push(owner);
        }
        ListItem | ListItemKeep | TupleItem | TupleItemKeep => item(uop, c),
        ExchangeListItem => {
            let (index, list, v) = (c.pop(), c.pop(), c.pop());
            let at = list_item_address(c, list, index);
            let old = c.builder().ins().load(I64, trusted(), at, 0);
            c.builder().ins().store(trusted(), v, at, 0);
            c.push(list);
            c.push(old);
        }
        GuardLength => {
            let v = c.pop();
            let length = c.load(I64, v, 0);
            let wanted = c.immediate(0);
            guard_equal(c, length, wanted);
            c.push(v);
        }
        TupleItemAt => {
            let tuple = c.pop();
            let v = c.load(I64, tuple, 0);
            c.push(tuple);
            c.push(v);
        }
        Truncate => {
            let v = c.pop();
            let length = c.load(I64, v, 0);
            let doubled = c.builder().ins().iadd(length, length);
            let word = c.builder().ins().bor_imm_u(doubled, 1);
            c.push(word);
        }
        NextRange => next_range(c),
        NextList | NextTuple => next_item(uop == NextList, c),
        _ => done(uop, c),
    }
}

/// The item's place: displacements 0 and 1 are those of the length and of the items' address in a list.
fn list_item_address<'f>(c: Cx<'_, 'f>, list: Value, index: Value) -> Value {
    let length = c.load(I64, list, 0);
    let offset = item_offset(c, index, length);
    let items = c.load(I64, list, 1);
    c.builder().ins().iadd(items, offset)
}

/// Byte offset of the item that a fixnum means; negative indices count from the end.
fn item_offset<'f>(c: Cx<'_, 'f>, index: Value, length: Value) -> Value {
    let b = c.builder();
    let i = b.ins().sshr_imm_u(index, 1);
    let (negative, checked) = (b.create_block(), b.create_block());
    b.set_cold_block(negative);
    b.append_block_param(checked, I64);
    let is_negative = b.ins().icmp_imm_s(IntCC::SignedLessThan, i, 0);
    b.ins().brif(is_negative, negative, &[], checked, &[BlockArg::Value(i)]);
    b.switch_to_block(negative);
    let from_end = b.ins().iadd(i, length);
    b.ins().jump(checked, &[BlockArg::Value(from_end)]);
    b.switch_to_block(checked);
    let i = b.block_params(checked)[0];
    let inside = b.ins().icmp(IntCC::UnsignedLessThan, i, length);
    c.guard(inside);
    c.builder().ins().ishl_imm_u(i, 3)
}

fn item<'f>(uop: Uop, c: Cx<'_, 'f>) {
    let (index, container) = (c.pop(), c.pop());
    let v = if matches!(uop, Uop::ListItem | Uop::ListItemKeep) {
        let at = list_item_address(c, container, index);
        c.builder().ins().load(I64, trusted(), at, 0)
    } else {
        // A tuple's items lie behind its head: displacement 1 is where.
        let length = c.load(I64, container, 0);
        let offset = item_offset(c, index, length);
        let at = c.builder().ins().iadd(container, offset);
        c.load(I64, at, 1)
    };
    if matches!(uop, Uop::ListItemKeep | Uop::TupleItemKeep) {
        c.push(container);
    }
    c.push(v);
}

/// Displacements: remaining, next, step.
fn next_range<'f>(c: Cx<'_, 'f>) {
    let it = c.pop();
    let remaining = c.load(I64, it, 0);
    c.guard(remaining);
    let n = c.load(I64, it, 1);
    let (doubled, overflow) = c.builder().ins().sadd_overflow(n, n);
    c.guard_not(overflow);
    let left = c.builder().ins().iadd_imm_s(remaining, -1);
    c.store(left, it, 0);
    let step = c.load(I64, it, 2);
    let next = c.builder().ins().iadd(n, step);
    c.store(next, it, 1);
    let word = c.builder().ins().bor_imm_u(doubled, 1);
    c.push(it);
    c.push(word);
}

/// Displacements: the list (or tuple) and the index in the iterator, then those of [`item`].
fn next_item<'f>(list: bool, c: Cx<'_, 'f>) {
    let it = c.pop();
    let container = c.load(I64, it, 0);
    c.guard(container);
    let index = c.load(I64, it, 1);
    let length = c.load(I64, container, 2);
    let inside = c.builder().ins().icmp(IntCC::UnsignedLessThan, index, length);
    c.guard(inside);
    let offset = c.builder().ins().ishl_imm_u(index, 3);
    let v = if list {
        let items = c.load(I64, container, 3);
        let at = c.builder().ins().iadd(items, offset);
        c.builder().ins().load(I64, trusted(), at, 0)
    } else {
        let at = c.builder().ins().iadd(container, offset);
        c.load(I64, at, 3)
    };
    let next = c.builder().ins().iadd_imm_s(index, 1);
    c.store(next, it, 1);
    c.push(it);
    c.push(v);
}

/// The iterator is at its end: displacements as in [`next_range`] and [`next_item`].
fn done<'f>(uop: Uop, c: Cx<'_, 'f>) {
    let it = c.pop();
    if uop == Uop::GuardRangeDone {
        let remaining = c.load(I64, it, 0);
        c.guard_not(remaining);
    } else {
        let container = c.load(I64, it, 0);
        c.guard(container);
        let index = c.load(I64, it, 1);
        let length = c.load(I64, container, 2);
        let outside = c.builder().ins().icmp(IntCC::UnsignedGreaterThanOrEqual, index, length);
        c.guard(outside);
    }
    c.push(it);
}
