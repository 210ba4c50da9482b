//! Instructions around generators and coroutines, and of the loops that take their values.

use pyrs_bytecode::{Intrinsic1, Opcode};
use pyrs_interp::consumers::{SUM_FINISH, SUM_STEP};
use pyrs_interp::generator::{Coroutine, Generator};
use pyrs_interp::ops::names::common_constant;
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_uops::Uop;

use super::functions::known;
use super::instructions::Done;
use super::{Known, Lowering, Own};
use crate::generators;
use crate::layout::is_class;
use crate::record::{Record, Seen};

impl Lowering<'_> {
    /// CALL_INTRINSIC_2 that adds an item to a sum of ints.
    pub(super) fn sum_step(&mut self, record: &Record) -> Done {
        let ints = self.kind(2, record.tops[1])? == Seen::Int && self.kind(1, record.tops[0])? == Seen::Int;
        if record.oparg != SUM_STEP || !ints {
            return Ok(None);
        }
        self.guard_int(2)?;
        self.guard_int(1)?;
        self.in_registers(2)?;
        self.op(Uop::AddInt)?;
        self.pop()?;
        self.pop()?;
        self.push(Known::Int, Own::Uncounted);
        Ok(Some(1))
    }

    /// The end of a sum of ints.
    pub(super) fn sum_finish(&mut self, record: &Record) -> Done {
        if record.oparg != SUM_FINISH || self.kind(1, record.tops[0])? != Seen::Int {
            return Ok(None);
        }
        self.guard_int(1)?;
        Ok(Some(1))
    }

    /// LOAD_COMMON_CONSTANT.
    pub(super) fn load_common_constant(&mut self, record: &Record) -> Done {
        let Ok(constant) = common_constant(record.oparg) else { return Ok(None) };
        self.push_constant(constant.value().0);
        self.out.objects.push(constant);
        Ok(Some(1))
    }

    /// What the runtime is asked for around generators.
    pub(super) fn ask_for_generator(&mut self, record: &Record) -> Done {
        let oparg = record.oparg;
        match (record.opcode, record.tops[0]) {
            (Opcode::CallIntrinsic2, _) if oparg == SUM_STEP => {
                self.ask(2, generators::sum_step, 0, Known::Something)?;
            }
            (Opcode::CallIntrinsic1, _) if oparg == SUM_FINISH => {
                self.ask(1, generators::finish, oparg as u64, Known::Something)?;
            }
            (Opcode::CallIntrinsic1, _) if oparg == Intrinsic1::ListToTuple as u32 => {
                self.ask(1, generators::finish, oparg as u64, known::<Tuple>())?;
            }
            (Opcode::GetAwaitable, Seen::Object(class)) if is_class::<Coroutine>(class) => {
                self.ask(1, generators::awaitable, 0, Known::Something)?;
            }
            (Opcode::GetYieldFromIter, Seen::Object(class)) if is_class::<Generator>(class) => {
                self.ask(1, generators::delegate, 0, known::<Generator>())?;
            }
            _ => return Ok(None),
        }
        Ok(Some(1))
    }

    /// END_SEND: the result stays, what was delegated to goes.
    pub(super) fn end_send(&mut self) -> Done {
        self.in_registers(2)?;
        self.op(Uop::Swap2)?;
        let (result, delegate) = (self.pop()?, self.pop()?);
        self.push_entry(result);
        self.push_entry(delegate);
        self.discard()?;
        Ok(Some(1))
    }
}
