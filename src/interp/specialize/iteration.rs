//! Forms of FOR_ITER, UNPACK_SEQUENCE and SEND.

use pyrs_bytecode::Opcode;
use pyrs_macros::handler;
use pyrs_runtime::objects::list::List;
use pyrs_runtime::objects::list_methods::ListIterator;
use pyrs_runtime::objects::range::RangeIterator;
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::objects::tuple_methods::TupleIterator;
use pyrs_runtime::value::Value;

use super::{failed, specialized};
use crate::dispatch::Regs;
use crate::generator::{Coroutine, Generator};

#[handler]
pub unsafe fn for_iter(m: Regs) -> Value {
    let it = m.obj(1);
    if it.exact::<RangeIterator>().is_some() {
        return specialized(m, Opcode::ForIterRange);
    }
    if it.exact::<ListIterator>().is_some() {
        return specialized(m, Opcode::ForIterList);
    }
    if it.exact::<TupleIterator>().is_some() {
        return specialized(m, Opcode::ForIterTuple);
    }
    if it.exact::<Generator>().is_some() {
        return specialized(m, Opcode::ForIterGen);
    }
    failed(m)
}

#[handler]
pub unsafe fn unpack_sequence(m: Regs) -> Value {
    if let Some(tuple) = m.obj(1).exact::<Tuple>()
        && tuple.len() == m.oparg
    {
        let two = m.oparg == 2;
        return specialized(m, if two { Opcode::UnpackSequenceTwoTuple } else { Opcode::UnpackSequenceTuple });
    }
    if let Some(list) = m.obj(1).exact::<List>()
        && list.len() == m.oparg
    {
        return specialized(m, Opcode::UnpackSequenceList);
    }
    failed(m)
}

#[handler]
pub unsafe fn send(m: Regs) -> Value {
    if m.obj(2).exact::<Generator>().is_some() || m.obj(2).exact::<Coroutine>().is_some() {
        return specialized(m, Opcode::SendGen);
    }
    failed(m)
}
