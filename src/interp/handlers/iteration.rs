//! `for` loops and unpacking.

use pyrs_bytecode::Opcode;
use pyrs_macros::handler;
use pyrs_runtime::heap::{decref, incref};
use pyrs_runtime::object::{Obj, Object};
use pyrs_runtime::objects::list::List;
use pyrs_runtime::objects::list_methods::ListIterator;
use pyrs_runtime::objects::range::RangeIterator;
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::objects::tuple_methods::TupleIterator;
use pyrs_runtime::protocols::{iter, truth};
use pyrs_runtime::value::Value;

use super::arithmetic::may_be_python;
use super::{calls, generators};
use crate::dispatch::Regs;
use crate::dispatch::tri;
use crate::generator::Generator;
use crate::ops;
use crate::ops::iteration::Pair;
use crate::specialize::{self, due};

/// Code units of FOR_ITER and UNPACK_SEQUENCE with their caches.
const UNITS: usize = 2;

#[handler]
pub unsafe fn get_iter(m: Regs) -> Value {
    m.save();
    if may_be_python(m.peek(1)) {
        return m.tail(get_python_iter);
    }
    m.tail(get_native_iter)
}

/// An iterator that no frame makes.
#[handler]
unsafe fn get_native_iter(m: Regs) -> Value {
    let r = tri!(m, iter::iter(m.obj(1)));
    m.replace_next(1, r.into_value(), 1)
}

/// GET_ITER, or GET_YIELD_FROM_ITER, of an instance of a Python class. A generator function makes the iterator in a frame of
/// this loop.
#[handler]
pub unsafe fn get_python_iter(mut m: Regs) -> Value {
    let Some(function) = ops::iteration::generator_iter(m.obj(1)) else { return m.tail(get_native_iter) };
    incref(function);
    let callee = calls::push_exact(&m, function, m.sp.sub(1), 1);
    if callee.is_null() {
        decref(function);
        return m.raise();
    }
    m.sp = m.sp.sub(1);
    calls::enter(m, callee, 1)
}

#[handler]
pub unsafe fn for_iter(mut m: Regs) -> Value {
    if due(&m) {
        return m.tail(specialize::iteration::for_iter);
    }
    m.save();
    if unpacks_pair(*m.ip.add(UNITS)) {
        match ops::iteration::next_pair(m.obj(1), m.sp) {
            Pair::Pushed => {
                m.sp = m.sp.add(2);
                return m.next(UNITS + UNITS);
            }
            Pair::Exhausted => return m.next(exhausted(&m)),
            Pair::Raised => return m.raise(),
            Pair::Other => {}
        }
    }
    match tri!(m, ops::iteration::next(m.obj(1))) {
        Some(v) => {
            m.push(v.into_value());
            m.next(UNITS)
        }
        None => m.next(exhausted(&m)),
    }
}

/// The instruction unpacks two items, as in `for key, value in …`.
#[inline(always)]
fn unpacks_pair(unit: u16) -> bool {
    let opcode = unit as u8;
    unit >> 8 == 2
        && (opcode == Opcode::UnpackSequence as u8
            || opcode == Opcode::UnpackSequenceTwoTuple as u8
            || opcode == Opcode::UnpackSequenceTuple as u8)
}

/// Units from a FOR_ITER to what follows the loop's END_FOR.
#[inline(always)]
fn exhausted(m: &Regs) -> usize {
    UNITS + m.oparg + 1
}

#[handler]
pub unsafe fn for_iter_list(m: Regs) -> Value {
    let Some(it) = m.obj(1).exact::<ListIterator>() else { return m.tail(for_iter) };
    let list = it.list.peek();
    if !list.is_null() {
        let items = (*(list.as_pointer() as *const Object<List>)).items_unchecked();
        let i = it.index.get();
        if i < items.len() {
            it.index.set(i + 1);
            let v = items.get_unchecked(i).value();
            incref(v);
            return m.push_next(v, UNITS);
        }
        let list = it.list.replace_word(Value::NULL);
        return m.drop_next(list, exhausted(&m));
    }
    m.next(exhausted(&m))
}

#[handler]
pub unsafe fn for_iter_tuple(m: Regs) -> Value {
    let Some(it) = m.obj(1).exact::<TupleIterator>() else { return m.tail(for_iter) };
    let tuple = it.tuple.peek();
    if !tuple.is_null() {
        let items = (*(tuple.as_pointer() as *const Object<Tuple>)).items();
        let i = it.index.get();
        if i < items.len() {
            it.index.set(i + 1);
            let v = items.get_unchecked(i).value();
            incref(v);
            return m.push_next(v, UNITS);
        }
        let tuple = it.tuple.replace_word(Value::NULL);
        return m.drop_next(tuple, exhausted(&m));
    }
    m.next(exhausted(&m))
}

#[handler]
pub unsafe fn for_iter_range(m: Regs) -> Value {
    let Some(it) = m.obj(1).exact::<RangeIterator>() else { return m.tail(for_iter) };
    if it.remaining.get() == 0 {
        return m.next(exhausted(&m));
    }
    let n = it.next.get();
    let Some(v) = Value::try_from_i64(n) else { return m.tail(for_iter) };
    it.remaining.set(it.remaining.get() - 1);
    it.next.set(n.wrapping_add(it.step));
    m.push_next(v, UNITS)
}

/// Goes on in the generator's frame; `YIELD_VALUE` and `RETURN_VALUE` come back.
#[handler]
pub unsafe fn for_iter_gen(m: Regs) -> Value {
    let Some(generator) = m.obj(1).exact::<Generator>() else { return m.tail(for_iter) };
    if !generators::waits_alone(&m, &generator.core) {
        return m.tail(for_iter_chain);
    }
    m.save();
    // A generator that returns is at the loop's END_FOR, which drops the value.
    (*m.frame).sp = m.sp;
    (*m.frame).return_offset = (UNITS + m.oparg) as u16;
    generators::resume_alone_with_none(m, &generator.core)
}

/// As [`for_iter_gen`], for a generator that may belong to a chain.
#[handler]
unsafe fn for_iter_chain(m: Regs) -> Value {
    let Some(generator) = m.obj(1).exact::<Generator>() else { return m.tail(for_iter) };
    let Some(frame) = generators::resumable(&m, &generator.core) else { return m.tail(for_iter) };
    m.save();
    // A generator that returns is at the loop's END_FOR, which drops the value.
    (*m.frame).sp = m.sp;
    (*m.frame).return_offset = (UNITS + m.oparg) as u16;
    generators::resume_with_none(m, &generator.core, frame)
}

#[handler]
pub unsafe fn unpack_sequence(mut m: Regs) -> Value {
    if due(&m) {
        return m.tail(specialize::iteration::unpack_sequence);
    }
    m.save();
    let v = m.pop();
    let n = m.oparg;
    tri!(m, unpack_word(v, n, m.sp));
    m.sp = m.sp.add(n);
    m.next(UNITS)
}

/// Unpacks and releases `v`.
#[inline(never)]
unsafe fn unpack_word(v: Value, count: usize, sp: *mut Value) -> pyrs_runtime::errors::PyResult<()> {
    // SAFETY: an owned word and free room for the items.
    unsafe {
        let v = v.into_obj();
        ops::iteration::unpack(&v, count, sp)
    }
}

/// Pushes `items`, the first one on top, in place of the sequence they belong to.
#[inline(always)]
unsafe fn push_items(mut m: Regs, items: &[Obj]) -> Value {
    // SAFETY: contract of handlers.
    unsafe {
        let sequence = m.pop();
        for item in items.iter().rev() {
            incref(item.value());
            m.push(item.value());
        }
        m.drop_next(sequence, UNITS)
    }
}

#[handler]
pub unsafe fn unpack_sequence_two_tuple(mut m: Regs) -> Value {
    if let Some(tuple) = m.obj(1).exact::<Tuple>()
        && let [a, b] = tuple.items()
    {
        let (a, b, tuple) = (a.value(), b.value(), m.peek(1));
        incref(a);
        incref(b);
        m.put(1, b);
        m.push(a);
        return m.drop_next(tuple, UNITS);
    }
    m.tail(unpack_sequence)
}

#[handler]
pub unsafe fn unpack_sequence_tuple(m: Regs) -> Value {
    match m.obj(1).exact::<Tuple>() {
        Some(tuple) if tuple.len() == m.oparg => push_items(m, tuple.items()),
        None if m.obj(1).exact::<List>().is_some_and(|list| list.len() == m.oparg) => m.tail(unpack_sequence_list),
        _ => m.tail(unpack_sequence),
    }
}

#[handler]
pub unsafe fn unpack_sequence_list(m: Regs) -> Value {
    match m.obj(1).exact::<List>() {
        Some(list) if list.len() == m.oparg => push_items(m, list.items_unchecked()),
        None if m.obj(1).exact::<Tuple>().is_some_and(|tuple| tuple.len() == m.oparg) => m.tail(unpack_sequence_tuple),
        _ => m.tail(unpack_sequence),
    }
}

#[handler]
pub unsafe fn unpack_ex(mut m: Regs) -> Value {
    m.save();
    let v = m.pop();
    let (before, after) = (m.oparg & 0xff, m.oparg >> 8);
    tri!(m, unpack_ex_word(v, before, after, m.sp));
    m.sp = m.sp.add(before + after + 1);
    m.next(1)
}

/// Unpacks and releases `v`.
#[inline(never)]
unsafe fn unpack_ex_word(v: Value, before: usize, after: usize, sp: *mut Value) -> pyrs_runtime::errors::PyResult<()> {
    // SAFETY: an owned word and free room for the items.
    unsafe {
        let v = v.into_obj();
        ops::iteration::unpack_ex(&v, before, after, sp)
    }
}

#[handler]
pub unsafe fn get_len(mut m: Regs) -> Value {
    m.save();
    let n = tri!(m, truth::len(m.obj(1)));
    m.push(pyrs_runtime::objects::int::from_u64(n as u64).into_value());
    m.next(1)
}

#[handler]
pub unsafe fn get_aiter(m: Regs) -> Value {
    m.save();
    let r = tri!(m, ops::iteration::get_aiter(m.obj(1)));
    m.replace_next(1, r.into_value(), 1)
}

#[handler]
pub unsafe fn get_anext(mut m: Regs) -> Value {
    m.save();
    let r = tri!(m, ops::iteration::get_anext(m.obj(1)));
    m.push(r.into_value());
    m.next(1)
}
