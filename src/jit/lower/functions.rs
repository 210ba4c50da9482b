//! Functions and generators that a trace makes.

use pyrs_bytecode::Opcode;
use pyrs_interp::generator::{Coroutine, Generator};
use pyrs_runtime::PyClass;
use pyrs_runtime::object::Object;
use pyrs_runtime::objects::function::Function;
use pyrs_runtime::objects::str::Str;
use pyrs_uops::Uop;

use super::instructions::Done;
use super::{Callee, Known, Lower, Lowering, Own};
use crate::makers::{self, FunctionPlan, GeneratorPlan, GlobalPlan, Holder};
use crate::record::{Record, Seen};

pub(super) fn known<T: PyClass>() -> Known {
    Known::Class { class: T::class(), version: 0, shape: std::ptr::null() }
}

impl Lowering<'_> {
    /// MAKE_FUNCTION.
    pub(super) fn make_function(&mut self, record: &Record) -> Done {
        let plan = Box::new(FunctionPlan { globals: record.globals, builtins: record.builtins });
        let operand = self.keep_plan(plan);
        self.ask(1, makers::function, operand, known::<Function>())?;
        Ok(Some(1))
    }

    /// SET_FUNCTION_ATTRIBUTE: the function, which nobody else has, is on top of the value.
    pub(super) fn set_function_attribute(&mut self, record: &Record) -> Done {
        self.ask(2, makers::function_with, record.oparg as u64, known::<Function>())?;
        Ok(Some(1))
    }

    /// RETURN_GENERATOR in an inlined call: the frame that would be becomes the generator's.
    pub(super) fn return_generator(&mut self, record: &Record) -> Done {
        use pyrs_bytecode::co_flags::{ASYNC_GENERATOR, COROUTINE};
        let f = self.state.innermost();
        // SAFETY: the recorded code is alive.
        let code = unsafe { &*record.code };
        if f == 0 || code.flags & ASYNC_GENERATOR != 0 || !self.state.frames[f].stack.is_empty() {
            return Ok(None);
        }
        self.variables_to_memory(f)?;
        // SAFETY: the instruction is in the code.
        let resume = unsafe { record.ip.add(1) };
        let function = match self.state.frames[f].callee {
            Callee::Constant(word) => Holder::Constant(word),
            Callee::Word { home, .. } if home.on_top => Holder::Top(home.offset),
            Callee::Word { home, .. } => Holder::Frame(home.offset),
            Callee::Held => return Ok(None),
        };
        let home = self.state.home(f, 0);
        let operand = self.keep_plan(Box::new(GeneratorPlan { code, resume, function, variables: home.offset }));
        self.ask_about(home, makers::generator, operand)?;
        // The variables have moved into the generator.
        for local in self.state.frames[f].locals.iter_mut() {
            local.own = Own::Uncounted;
            local.known = Known::Word(0);
        }
        let is_coroutine = code.flags & COROUTINE != 0;
        self.push(if is_coroutine { known::<Coroutine>() } else { known::<Generator>() }, Own::Counted);
        self.return_value()
    }

    /// An operand that lives as long as the trace.
    fn keep_plan<T: 'static>(&mut self, plan: Box<T>) -> u64 {
        let operand = &raw const *plan as u64;
        self.out.plans.push(plan);
        operand
    }

    /// Every variable of a frame is in memory, with a reference of its own.
    fn variables_to_memory(&mut self, f: usize) -> Lower<()> {
        for slot in 0..self.state.frames[f].locals.len() {
            self.box_local(f, slot)?;
        }
        for slot in 0..self.state.frames[f].locals.len() {
            let (local, home) = (self.state.frames[f].locals[slot], self.state.home(f, slot));
            if local.unset {
                self.room(1)?;
                self.op_immediate(Uop::LoadImmediate, 0)?;
                self.op_home([Uop::StoreFrame, Uop::StoreTop], home)?;
            } else if local.own != Own::Counted && !local.known.is_uncounted() {
                self.op_home([Uop::IncrefFrame, Uop::IncrefTop], home)?;
            }
            let local = &mut self.state.frames[f].locals[slot];
            (local.own, local.unset) = (Own::Counted, false);
        }
        self.moves += 1;
        Ok(())
    }

    /// STORE_GLOBAL of a name that is there.
    pub(super) fn store_global(&mut self, record: &Record) -> Done {
        debug_assert_eq!(record.opcode, Opcode::StoreGlobal);
        if matches!(record.tops[0], Seen::Null) {
            return Ok(None);
        }
        // SAFETY: the recorded code is alive, and keeps its names.
        let name = unsafe { (&*record.code).names.items()[record.oparg as usize].value() };
        let name = name.as_pointer() as *const Object<Str>;
        let plan = Box::new(GlobalPlan { globals: record.globals, name });
        let operand = self.keep_plan(plan);
        self.ask_for_effect(1, makers::store_global, operand)?;
        Ok(Some(1))
    }
}
