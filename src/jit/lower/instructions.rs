//! Instructions: what each of them does to the abstract machine, and the micro-ops that it takes.

use pyrs_bytecode::{BinaryOp, Opcode};
use pyrs_runtime::PyClass;
use pyrs_runtime::objects::dict::Dict;
use pyrs_runtime::objects::list::List;
use pyrs_runtime::objects::singletons::{bool_value, false_value, none_value};
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::thread::EVAL_BREAKER;
use pyrs_runtime::value::Value;
use pyrs_uops::Uop;

use super::emit::snapshot;
use super::iteration::unpacks_pair;
use super::{Begin, Callee, Entry, ExitPlan, InterpretPlan, Known, Local, Lower, Lowering, Own, Place, State, Way};
use crate::layout::{is_class, layout};
use crate::record::{End, Record, Seen, TOPS};
use crate::stats::Abort;

/// Records that an instruction's lowering has dealt with; None if there is no lowering.
pub(super) type Done = Lower<Option<usize>>;

/// A conditional branch behind an instruction.
pub(super) struct Branch {
    /// The truth value that was met.
    pub truth: bool,
    /// Where control went.
    pub after: *mut u16,
    /// Records up to there.
    pub consumed: usize,
}

/// Length of an instruction in units.
pub(super) fn units(opcode: Opcode) -> usize {
    1 + opcode.deopt().cache_entries()
}

/// The instruction at `ip` (extended arguments are not looked through).
pub(super) unsafe fn decode(ip: *mut u16) -> Option<(Opcode, u32)> {
    // SAFETY: the caller's `ip` is at an instruction.
    let unit = unsafe { *ip };
    Opcode::from_u8(unit as u8).map(|opcode| (opcode, (unit >> 8) as u32))
}

impl Lowering<'_> {
    /// Lowers all records but the last, which says where control arrives.
    pub(super) fn pass(&mut self) -> Lower<()> {
        let mut i = 0;
        while i + 1 < self.records.len() {
            self.record = i;
            i += self.group(i)?;
        }
        self.record = i;
        Ok(())
    }

    fn group(&mut self, i: usize) -> Lower<usize> {
        let records = self.records;
        let (record, next) = (&records[i], &records[i + 1]);
        let frame = self.frame();
        if frame.id != record.frame || frame.stack.len() != record.depth {
            return Err(Abort::Unsupported);
        }
        (self.at, self.before) = (record.start, record.depth);
        if self.moves_words(record, next)? {
            return Ok(1);
        }
        self.saved.become_like(&self.state);
        let mark = (self.out.body.len(), self.out.exits.len(), self.out.interprets.len(), self.out.plans.len());
        for native in [false, true] {
            if native && i == 0 && self.begins == Begin::Declined {
                continue;
            }
            match self.instruction(i, record, next, native) {
                Ok(Some(consumed)) => return Ok(consumed),
                Ok(None) | Err(Abort::Unsupported) => {}
                Err(other) => return Err(other),
            }
            self.truncate(mark);
            self.state = self.saved.clone();
            self.moves += 1;
            self.last_exit = None;
            (self.at, self.before) = (record.start, record.depth);
        }
        self.interpret(record, next)?;
        Ok(1)
    }

    /// Instructions that only push known words on the abstract machine's stack. They can't fail halfway, so the state
    /// before them need not be kept. False if it is none of these, or others were done along with it.
    fn moves_words(&mut self, record: &Record, next: &Record) -> Lower<bool> {
        use Opcode::*;
        // SAFETY: recorded code is alive.
        let behind = unsafe { record.ip.add(units(record.opcode)) };
        if next.start != behind || next.frame != record.frame {
            return Ok(false);
        }
        let oparg = record.oparg as usize;
        let is_set = |slot: usize, seen: Seen| !self.frame().locals[slot].unset && seen != Seen::Null;
        match record.opcode {
            LoadFast | LoadFastBorrow if is_set(oparg, record.locals[0]) => self.load_local(oparg, record.locals[0])?,
            LoadFastLoadFast | LoadFastBorrowLoadFastBorrow
                if is_set(oparg >> 4, record.locals[0]) && is_set(oparg & 15, record.locals[1]) =>
            {
                self.load_local(oparg >> 4, record.locals[0])?;
                self.load_local(oparg & 15, record.locals[1])?;
            }
            LoadSmallInt | LoadConst | LoadConstMortal | LoadConstImmortal | PushNull => self.load_constant(record),
            Nop | Resume | ResumeCheck | NotTaken => {}
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Lowers an instruction, by itself or with the runtime's help, and those that were done along with it.
    fn instruction(&mut self, i: usize, record: &Record, next: &Record, native: bool) -> Done {
        let done = if native { self.native(i, record)? } else { self.one(i, record, next)? };
        if native && may_change_dict(record) {
            self.state.checked.clear();
        }
        let Some(consumed) = done else { return Ok(None) };
        if consumed == FUSED {
            return Ok(Some(1));
        }
        if consumed != 1 {
            return Ok(Some(consumed));
        }
        // SAFETY: recorded code is alive.
        let mut at = unsafe { record.ip.add(units(record.opcode)) };
        if next.frame != record.frame || self.frame().id != next.frame || jumps(record.opcode) {
            return Ok(Some(1));
        }
        let mut left = 4;
        while at != next.start {
            left -= 1;
            // SAFETY: instructions follow each other up to where control was seen again.
            let Some((opcode, oparg)) = (unsafe { decode(at) }) else { return Ok(None) };
            if left == 0 {
                return Ok(None);
            }
            (self.at, self.before) = (at, self.frame().stack.len());
            match opcode {
                Opcode::StoreFast => self.store_local(oparg as usize)?,
                Opcode::NotTaken | Opcode::Nop => {}
                // The iterator has given a pair.
                _ if unpacks_pair(at) && self.frame().stack.len() == record.depth + 2 => {}
                Opcode::PopJumpIfFalse | Opcode::PopJumpIfTrue => {
                    // SAFETY: as above.
                    let target = unsafe { at.add(2 + oparg as usize) };
                    let taken = next.start == target;
                    self.guard_truth((opcode == Opcode::PopJumpIfTrue) == taken)?;
                    if taken {
                        return Ok(Some(1));
                    }
                }
                Opcode::LoadAttrInstanceValue => match &record.cache {
                    Some(cache) => self.load_instance_value(cache, oparg)?,
                    // One of more classes than the cache remembers.
                    None if oparg & 1 == 0 => self.ask_for_attribute(record, oparg)?,
                    None => return Ok(None),
                },
                Opcode::LoadAttrSlot => {
                    if self.load_slot_of(record, record.locals[0], oparg)?.is_none() {
                        return Ok(None);
                    }
                }
                Opcode::StoreAttrInstanceValue => {
                    let Some(cache) = &record.cache else { return Ok(None) };
                    self.store_instance_value(cache)?;
                }
                _ => return Ok(None),
            }
            // SAFETY: as above.
            at = unsafe { at.add(units(opcode)) };
        }
        Ok(Some(1))
    }

    /// Lowers one instruction.
    fn one(&mut self, i: usize, record: &Record, next: &Record) -> Done {
        use Opcode::*;
        let oparg = record.oparg as usize;
        match record.opcode {
            Nop
            | Resume
            | ResumeCheck
            | ResumeCheckJit
            | EnterFunction
            | NotTaken
            | JumpForward
            | JumpBackwardNoInterrupt => {}
            JumpBackward | JumpBackwardJit | JumpBackwardNoJit => {
                self.guard_breaker()?;
            }
            LoadFastCheck if !self.frame().locals[oparg].known.is_null_free() => return Ok(None),
            LoadFast | LoadFastBorrow | LoadFastCheck => self.load_local(oparg, record.locals[0])?,
            LoadFastLoadFast | LoadFastBorrowLoadFastBorrow => {
                self.load_local(oparg >> 4, record.locals[0])?;
                self.load_local(oparg & 15, record.locals[1])?;
            }
            StoreFast => self.store_local(oparg)?,
            StoreFastLoadFast => {
                self.store_local(oparg >> 4)?;
                let same = oparg >> 4 == oparg & 15;
                self.load_local(oparg & 15, if same { record.tops[0] } else { record.locals[1] })?;
            }
            StoreFastStoreFast => {
                self.store_local(oparg >> 4)?;
                self.store_local(oparg & 15)?;
            }
            LoadSmallInt | LoadConst | LoadConstMortal | LoadConstImmortal | PushNull => self.load_constant(record),
            PopTop | EndFor | PopIter => self.discard()?,
            Copy => {
                if matches!(self.peek(oparg)?.place, Place::Memory) && oparg <= 3 {
                    self.in_registers(oparg)?;
                }
                let entry = *self.peek(oparg)?;
                match entry.place {
                    Place::Int if oparg <= 3 => {
                        self.in_registers(oparg)?;
                        self.room(1)?;
                        self.op([Uop::Copy1, Uop::Copy2, Uop::Copy3][oparg - 1])?;
                        let own = if entry.own == Own::Counted { Own::Fragile } else { entry.own };
                        self.push(entry.known, own);
                        self.own_top(1)?;
                    }
                    Place::Constant(_) | Place::Local { .. } => self.push_entry(entry),
                    _ => return Ok(None),
                }
            }
            Swap => {
                let (a, b) = (*self.peek(oparg)?, *self.peek(1)?);
                if oparg == 2 {
                    self.in_registers(2)?;
                    self.op(Uop::Swap2)?;
                } else if oparg == 3 {
                    self.in_registers(3)?;
                    self.op(Uop::Swap3)?;
                } else {
                    return Ok(None);
                }
                let (a, b) = (Entry { place: Place::Int, ..a }, Entry { place: Place::Int, ..b });
                *self.peek_mut(oparg)? = b;
                *self.peek_mut(1)? = a;
            }
            BinaryOp
            | BinaryOpAddInt
            | BinaryOpSubtractInt
            | BinaryOpMultiplyInt
            | BinaryOpAddFloat
            | BinaryOpSubtractFloat
            | BinaryOpMultiplyFloat
            | BinaryOpExtend => {
                if oparg == pyrs_bytecode::BinaryOp::Subscript as usize {
                    return self.load_machine_item(record);
                }
                if next.frame != record.frame {
                    return self.call_operator(record, next);
                }
                // SAFETY: the compiler numbers the operators.
                let op = unsafe { std::mem::transmute::<u8, pyrs_bytecode::BinaryOp>(oparg as u8) };
                return self.binary(op, record);
            }
            BinaryOpSubscrListInt | BinaryOpSubscrTupleInt => return self.subscript(record),
            StoreSubscrListInt => return self.store_subscript(record),
            StoreSubscr => return self.store_machine_item(record),
            GetIter | GetYieldFromIter if next.frame != record.frame => return self.call_iter(record, next),
            CompareOp if next.frame != record.frame => return self.call_operator(record, next),
            CompareOp | CompareOpInt | CompareOpFloat => return self.compare(i, record),
            IsOp => return self.is_op(i, record),
            ToBool | ToBoolBool | ToBoolInt | ToBoolNone | ToBoolList | ToBoolAlwaysTrue => {
                return self.truth_of(i, record);
            }
            UnaryNot => {
                if let Known::Word(word) = self.peek(1)?.known {
                    self.discard()?;
                    self.push_constant(bool_value(word == false_value().0).0);
                    return Ok(Some(1));
                }
                if self.peek(1)?.known != Known::Bool {
                    return Ok(None);
                }
                self.in_registers(1)?;
                self.op(Uop::Not)?;
            }
            UnaryNegative => return self.negate(record),
            UnaryInvert => {
                if self.kind(1, record.tops[0])? != Seen::Int {
                    return Ok(None);
                }
                self.guard_int(1)?;
                self.in_registers(1)?;
                self.op(Uop::InvertInt)?;
                self.pop()?;
                self.push(Known::Int, Own::Uncounted);
            }
            PopJumpIfFalse | PopJumpIfTrue => {
                // SAFETY: the target is in the code.
                let taken = next.start == unsafe { record.ip.add(2 + oparg) };
                self.guard_truth((record.opcode == PopJumpIfTrue) == taken)?;
            }
            PopJumpIfNone | PopJumpIfNotNone => {
                // SAFETY: as above.
                let taken = next.start == unsafe { record.ip.add(2 + oparg) };
                self.guard_none((record.opcode == PopJumpIfNone) == taken)?;
            }
            LoadGlobalModule | LoadGlobalBuiltin => return self.load_global(record),
            LoadAttrInstanceValue => {
                let Some(cache) = &record.cache else { return Ok(None) };
                self.load_instance_value(cache, record.oparg)?;
            }
            LoadAttrMethodWithValues | LoadAttrMethodNoDict => return self.load_method(record),
            LoadAttrNondescriptorWithValues | LoadAttrNondescriptorNoDict => return self.load_class_value(record),
            LoadSuperAttrMethod => return self.load_super_method(record),
            LoadAttr => return self.load_class_method(record),
            LoadAttrSlot => return self.load_slot(record),
            CallIsinstance => return self.isinstance(record),
            StoreAttrSlot => return self.store_slot(record),
            StoreAttrInstanceValue => {
                let Some(cache) = &record.cache else { return Ok(None) };
                self.store_instance_value(cache)?;
            }
            ForIter | ForIterRange | ForIterList | ForIterTuple => return self.for_iter(record, next),
            UnpackSequence | UnpackSequenceTwoTuple | UnpackSequenceTuple | UnpackSequenceList => {
                return self.unpack_sequence(i, record);
            }
            CallPyExactArgs
            | CallPyGeneral
            | CallBoundMethodExactArgs
            | CallBoundMethodGeneral
            | CallKwPy
            | CallKwBoundMethod
            | CallNonPyGeneral => return self.call_function(record, next),
            LoadAttrProperty => return self.call_property(record, next),
            BinaryOpSubscrGetitem => return self.call_getitem(record, next),
            ReturnValue => return self.return_value(),
            CopyFreeVars => return self.copy_free_variables(record),
            MakeCell => return self.make_cell(record),
            LoadDeref => return self.load_deref(record),
            StoreDeref => return self.store_deref(record),
            LoadFastAndClear => return self.load_and_clear(record),
            ReturnGenerator => return self.return_generator(record),
            CallIntrinsic1 => return self.sum_finish(record),
            CallIntrinsic2 => return self.sum_step(record),
            LoadCommonConstant => return self.load_common_constant(record),
            EndSend => return self.end_send(),
            _ => return Ok(None),
        }
        Ok(Some(1))
    }

    // ---- the interpreter's part

    /// Puts everything where the interpreter expects it, and leaves the instruction to it.
    fn interpret(&mut self, record: &Record, next: &Record) -> Lower<()> {
        self.settle()?;
        self.box_locals()?;
        self.push_frames(record.start)?;
        let f = &self.state.frames[0];
        // SAFETY: the code of a frame is alive.
        let words = unsafe { (&*f.code).nlocalsplus } + f.stack.len();
        let plan = Box::new(InterpretPlan {
            opcode: record.opcode,
            ip: record.start,
            opcode_at: record.ip,
            oparg: record.oparg as u16,
            expected: next.start,
            globals: next.globals,
            words,
        });
        let operand = &raw const *plan as u64;
        self.out.interprets.push(plan);
        self.out.interpreted += !crate::frames::is_quick(record.opcode) as usize;
        let exit = self.out.exits.len() as u32;
        self.out.exits.push(ExitPlan {
            state: None,
            stub: Vec::new(),
            ip: record.start,
            way: Way::Interpret,
            asked: false,
        });
        self.moves += 1;
        self.last_exit = Some((self.moves, self.at, exit));
        let function = crate::frames::function_for(record.opcode) as *const () as u64;
        self.op_with(Uop::Interpret, [operand, function, 0], [layout().thread_jit_top, 0, 0, 0])?;
        self.last_exit = None;
        self.forget();
        if next.frame != record.frame {
            self.switch_frame(record, next);
            return Ok(());
        }
        if stores_locals(record, next) {
            self.frame_mut().locals.iter_mut().for_each(|l| l.known = Known::Nothing);
        }
        // SAFETY: recorded code is alive.
        let straight = next.start == unsafe { record.ip.add(units(record.opcode)) };
        let popped = if straight { record.opcode.popped(record.oparg as i32) as usize } else { record.depth };
        let kept = record.depth.saturating_sub(popped);
        let frame = self.frame_mut();
        frame.stack.truncate(kept);
        frame.stack.resize(next.depth, Entry { place: Place::Memory, known: Known::Nothing, own: Own::Counted });
        Ok(())
    }

    /// The interpreter has gone on in another frame. What is known of a caller's variables stays true until it goes on:
    /// who else changes them needs a frame object, and such frames leave compiled code.
    fn switch_frame(&mut self, record: &Record, next: &Record) {
        // SAFETY: recorded code is alive.
        let fresh = State::fresh(next.frame, unsafe { &*next.code }, next.depth);
        let leaves = matches!(record.opcode, Opcode::ReturnValue | Opcode::YieldValue | Opcode::ReturnGenerator);
        let state = &mut self.state;
        if !leaves && next.previous == record.frame {
            let mut caller = state.frames.pop().expect("the real frame");
            let popped = record.opcode.popped(record.oparg as i32) as usize;
            caller.stack.truncate(record.depth.saturating_sub(popped));
            caller.call = (record.ip, units(record.opcode) as u16);
            state.below.push(caller);
            state.frames = fresh.frames;
            return;
        }
        let returns = leaves && record.previous == next.frame;
        match state.below.pop() {
            Some(mut caller) if returns && caller.id == next.frame && caller.code == next.code => {
                let (ip, units) = std::mem::replace(&mut caller.call, (std::ptr::null_mut(), 0));
                // SAFETY: behind the call.
                let behind = unsafe { ip.add(units as usize) };
                // SAFETY: an instruction is there.
                match unsafe { decode(behind) } {
                    _ if next.start == behind => {}
                    // Behind a loop, or a delegation, that has ended.
                    _ if matches!(next.opcode, Opcode::EndFor | Opcode::EndSend) => {}
                    // A value may be stored along with the return.
                    Some((Opcode::StoreFast, slot)) if next.start == behind.wrapping_add(1) => {
                        caller.locals[slot as usize].known = Known::Nothing;
                    }
                    _ => caller.locals.iter_mut().for_each(|l| l.known = Known::Nothing),
                }
                caller.stack.truncate(next.depth);
                let word = Entry { place: Place::Memory, known: Known::Nothing, own: Own::Counted };
                caller.stack.resize(next.depth, word);
                state.frames = vec![caller];
            }
            _ => {
                state.below.clear();
                state.frames = fresh.frames;
            }
        }
    }

    /// Makes the frames of inlined calls real.
    fn push_frames(&mut self, ip: *mut u16) -> Lower<()> {
        if self.state.frames.len() == 1 {
            return Ok(());
        }
        let plan = Box::new(snapshot(&self.state, ip)?);
        let operand = &raw const *plan as u64;
        self.out.plans.push(plan);
        self.op_with(Uop::PushFrames, [operand, 0, 0], [layout().thread_jit_top, 0, 0, 0])?;
        let mut frame = self.state.frames.pop().expect("an inlined frame");
        (frame.head, frame.callee) = (0, Callee::Held);
        for local in frame.locals.iter_mut() {
            (local.own, local.unset) = (Own::Counted, false);
        }
        self.state.frames = vec![frame];
        self.moves += 1;
        Ok(())
    }

    /// Nobody wants anything done, or watches.
    fn guard_breaker(&mut self) -> Lower<()> {
        self.op_with(Uop::GuardBreaker, [EVAL_BREAKER.as_ptr() as u64, u32::MAX as u64, 0], [0; 4])
    }

    /// Ends the trace.
    pub(super) fn finish(&mut self, end: End) -> Lower<()> {
        let last = self.records.last().expect("a recording has records");
        (self.at, self.before) = (last.start, self.frame().stack.len());
        if self.frame().id != last.frame || self.before != last.depth {
            return Err(Abort::Unsupported);
        }
        match end {
            End::Closed => {
                if self.state.frames.len() != 1 {
                    return Err(Abort::Unsupported);
                }
                self.settle()?;
                self.op(Uop::JumpTop)
            }
            End::Link(_) | End::Again => {
                self.settle()?;
                self.box_locals()?;
                self.push_frames(last.start)?;
                self.out.links = end != End::Again;
                // Two traces that lead into each other must not lock out signals.
                self.guard_breaker()?;
                self.op(if self.out.links { Uop::JumpTrace } else { Uop::JumpTop })
            }
            End::Stop => {
                let plan = self.plan_exit(last.start, self.before)?;
                self.out.exits.push(plan);
                self.state.depth = Default::default();
                self.op(Uop::JumpTrace)
            }
        }
    }

    fn load_constant(&mut self, record: &Record) {
        let word = match record.opcode {
            Opcode::PushNull => Value::NULL,
            Opcode::LoadSmallInt => Value::from_fixnum(record.oparg as i64),
            // SAFETY: the recorded code is alive, and keeps its constants.
            _ => unsafe { (&*record.code).consts.items()[record.oparg as usize].value() },
        };
        self.push_constant(word.0);
    }

    // ---- local variables

    fn load_local(&mut self, slot: usize, seen: Seen) -> Lower<()> {
        let frame = self.state.innermost();
        let local = self.state.frames[frame].locals[slot];
        if local.unset || seen == Seen::Null {
            return Err(Abort::Unsupported);
        }
        if local.known == Known::Nothing {
            self.state.frames[frame].locals[slot].known = Known::Something;
        }
        let known = self.state.frames[frame].locals[slot].known;
        let entry = Entry { place: Place::Local { frame, slot }, known, own: Own::Local { frame, slot } };
        self.push_entry(entry);
        Ok(())
    }

    pub(super) fn store_local(&mut self, slot: usize) -> Lower<()> {
        let frame = self.state.innermost();
        if matches!(self.peek(1)?.place, Place::Float | Place::RawFloat) && self.store_double_local(slot)? {
            return Ok(());
        }
        if self.peek(1)?.place == Place::Float {
            self.box_top()?;
        }
        self.in_registers(1)?;
        self.own_top(1)?;
        self.unhook_users(frame, slot)?;
        self.in_registers(1)?;
        let local = self.state.frames[frame].locals[slot];
        let home = self.state.home(frame, slot);
        let entry = *self.peek(1)?;
        let held = !local.unset && local.own == Own::Counted && !local.known.is_uncounted();
        if held {
            self.before_effect()?;
            self.in_registers(1)?;
            self.op_home([Uop::ExchangeFrame, Uop::ExchangeTop], home)?;
            self.pop()?;
            self.op(if local.known.is_null_free() { Uop::Decref } else { Uop::DecrefOrNull })?;
        } else {
            self.op_home([Uop::StoreFrame, Uop::StoreTop], home)?;
            self.pop()?;
        }
        // The word may be NULL: comprehensions put the variables back that they have hidden.
        self.state.frames[frame].locals[slot] = Local { known: entry.known, own: Own::Counted, unset: false };
        Ok(())
    }

    /// Words that lie in the variable, or live on its reference, get their own.
    pub(super) fn unhook_users(&mut self, frame: usize, slot: usize) -> Lower<()> {
        let uses = |e: &Entry| e.place == Place::Local { frame, slot } || e.own == Own::Local { frame, slot };
        for f in 0..self.state.frames.len() {
            for i in 0..self.state.frames[f].stack.len() {
                if uses(&self.state.frames[f].stack[i]) {
                    self.unhook(f, i)?;
                }
            }
        }
        Ok(())
    }

    /// A word that depends on a local variable gets a reference and a place of its own.
    fn unhook(&mut self, f: usize, i: usize) -> Lower<()> {
        self.own(f, i)?;
        let entry = self.state.frames[f].stack[i];
        if let Place::Local { frame, slot } = entry.place {
            if let Some(from) = self.state.raw_home(frame, slot) {
                let home = self.state.stack_home(f, i);
                self.load_raw(from)?;
                self.op_home([Uop::StoreFloatFrame, Uop::StoreFloatTop], home)?;
                self.state.frames[f].stack[i].place = Place::RawFloat;
                self.moves += 1;
                return Ok(());
            }
            let (from, home) = (self.state.home(frame, slot), self.state.stack_home(f, i));
            self.room(1)?;
            self.op_home([Uop::LoadFrame, Uop::LoadTop], from)?;
            self.op_home([Uop::StoreFrame, Uop::StoreTop], home)?;
            self.state.frames[f].stack[i].place = Place::Memory;
        }
        Ok(())
    }

    // ---- guards

    /// Records something that has been found out about the `n`-th word from the top.
    pub(super) fn learn(&mut self, n: usize, known: Known) -> Lower<()> {
        let entry = self.peek_mut(n)?;
        entry.known = known;
        let own = entry.own;
        if known.is_uncounted() {
            entry.own = Own::Uncounted;
        }
        if let Own::Local { frame, slot } = own
            && self.state.frames[frame].locals[slot].known != known
        {
            self.state.frames[frame].locals[slot].known = known;
        }
        Ok(())
    }

    /// The word is an int that fits its word.
    pub(super) fn guard_int(&mut self, n: usize) -> Lower<()> {
        if self.is_int(n)? {
            return Ok(());
        }
        self.in_registers(n)?;
        self.op([Uop::GuardInt1, Uop::GuardInt2][n - 1])?;
        self.learn(n, Known::Int)
    }

    pub(super) fn is_int(&mut self, n: usize) -> Lower<bool> {
        Ok(match self.peek(n)?.known {
            Known::Int => true,
            Known::Word(word) => word & 1 != 0,
            _ => false,
        })
    }

    /// The word is an instance of exactly this class.
    pub(super) fn guard_class(&mut self, n: usize, class: *const pyrs_runtime::types::Type) -> Lower<()> {
        if let Known::Class { class: known, .. } = self.peek(n)?.known
            && known == class
        {
            return Ok(());
        }
        self.in_registers(n)?;
        self.op_immediate([Uop::GuardClass1, Uop::GuardClass2][n - 1], class as u64)?;
        self.learn(n, Known::Class { class, version: 0, shape: std::ptr::null() })
    }

    fn guard_truth(&mut self, truth: bool) -> Lower<()> {
        let word = bool_value(truth).0;
        if self.peek(1)?.known == Known::Word(word) {
            return self.discard();
        }
        // Where it is known to be something else, it is no truth value.
        if !matches!(self.peek(1)?.known, Known::Bool | Known::Something | Known::Nothing) {
            return Err(Abort::Unsupported);
        }
        self.in_registers(1)?;
        self.op_immediate(Uop::GuardIs, word)?;
        self.pop()?;
        Ok(())
    }

    fn guard_none(&mut self, none: bool) -> Lower<()> {
        let entry = *self.peek(1)?;
        match entry.known {
            Known::Word(word) if (word == none_value().0) == none => return self.discard(),
            Known::Int | Known::Float | Known::Class { .. } | Known::Bool if !none => return self.discard(),
            _ => {}
        }
        self.in_registers(1)?;
        if none {
            self.op_immediate(Uop::GuardIs, none_value().0)?;
            self.pop()?;
            return Ok(());
        }
        // What is not None may be counted: the copy is compared.
        self.room(1)?;
        self.op(Uop::Copy1)?;
        self.op_immediate(Uop::GuardIsNot, none_value().0)?;
        if entry.known == Known::Nothing {
            self.learn(1, Known::Something)?;
        }
        self.discard()
    }

    /// The conditional branch at `at`, if there is one, and what it did.
    pub(super) fn branch(&self, i: usize, at: *mut u16) -> Option<Branch> {
        // SAFETY: an instruction follows in recorded code.
        let (opcode, oparg) = unsafe { decode(at) }?;
        if !matches!(opcode, Opcode::PopJumpIfFalse | Opcode::PopJumpIfTrue) {
            return None;
        }
        let next = &self.records[i + 1];
        let (after, consumed) = if next.start == at { (self.records.get(i + 2)?.start, 2) } else { (next.start, 1) };
        // SAFETY: as above.
        let (target, behind) = unsafe { (at.add(2 + oparg as usize), at.add(2)) };
        // SAFETY: as above.
        let skipped = unsafe { *behind as u8 == Opcode::NotTaken as u8 && after == behind.add(1) };
        let taken = after == target;
        if !taken && after != behind && !skipped {
            return None;
        }
        Some(Branch { truth: (opcode == Opcode::PopJumpIfTrue) == taken, after, consumed })
    }

    // ---- ints

    fn binary(&mut self, op: BinaryOp, record: &Record) -> Done {
        let kinds = (self.kind(2, record.tops[1])?, self.kind(1, record.tops[0])?);
        match kinds {
            (Seen::Int, Seen::Int) => self.binary_int(op),
            (Seen::Float | Seen::Int, Seen::Float | Seen::Int) => self.binary_float(op, kinds),
            _ => Ok(None),
        }
    }

    /// What a word is, or was when it was recorded.
    pub(super) fn kind(&mut self, n: usize, seen: Seen) -> Lower<Seen> {
        Ok(match self.peek(n)?.known {
            Known::Int => Seen::Int,
            Known::Float => Seen::Float,
            Known::Word(word) => Seen::of(Value(word)),
            _ => seen,
        })
    }

    fn binary_int(&mut self, op: BinaryOp) -> Done {
        use BinaryOp::*;
        let uop = match op {
            Add | InplaceAdd => Uop::AddInt,
            Subtract | InplaceSubtract => Uop::SubtractInt,
            Multiply | InplaceMultiply => Uop::MultiplyInt,
            FloorDivide | InplaceFloorDivide => Uop::FloorDivideInt,
            Remainder | InplaceRemainder => Uop::RemainderInt,
            And | InplaceAnd => Uop::AndInt,
            Or | InplaceOr => Uop::OrInt,
            Xor | InplaceXor => Uop::XorInt,
            Lshift | InplaceLshift => Uop::LeftShiftInt,
            Rshift | InplaceRshift => Uop::RightShiftInt,
            TrueDivide | InplaceTrueDivide => return self.binary_float(op, (Seen::Int, Seen::Int)),
            _ => return Ok(None),
        };
        if let Place::Constant(word) = self.peek(1)?.place
            && matches!(uop, Uop::AddInt | Uop::SubtractInt)
        {
            // The constant goes into the instruction.
            self.in_registers_under(1, 1)?;
            if !self.is_int(2)? {
                self.op(Uop::GuardInt1)?;
                self.learn(2, Known::Int)?;
            }
            let n = Value(word).as_fixnum().wrapping_mul(if uop == Uop::AddInt { 2 } else { -2 });
            self.op_immediate(Uop::AddIntImmediate, n as u64)?;
            self.pop()?;
            self.pop()?;
            self.push(Known::Int, Own::Uncounted);
            return Ok(Some(1));
        }
        self.guard_int(2)?;
        self.guard_int(1)?;
        self.in_registers(2)?;
        self.op(uop)?;
        self.pop()?;
        self.pop()?;
        self.push(Known::Int, Own::Uncounted);
        Ok(Some(1))
    }

    fn negate(&mut self, record: &Record) -> Done {
        match self.kind(1, record.tops[0])? {
            Seen::Int => {
                self.guard_int(1)?;
                self.in_registers(1)?;
                self.op(Uop::NegateInt)?;
                self.pop()?;
                self.push(Known::Int, Own::Uncounted);
            }
            Seen::Float => {
                self.in_doubles(1)?;
                self.op(Uop::NegateFloat)?;
            }
            _ => return Ok(None),
        }
        Ok(Some(1))
    }

    fn compare(&mut self, i: usize, record: &Record) -> Done {
        let kinds = (self.kind(2, record.tops[1])?, self.kind(1, record.tops[0])?);
        let op = (record.oparg >> 5) as usize;
        match kinds {
            (Seen::Int, Seen::Int) => {}
            (Seen::Float | Seen::Int, Seen::Float | Seen::Int) => return self.compare_float(i, record, kinds),
            _ => return Ok(None),
        }
        self.guard_int(2)?;
        self.guard_int(1)?;
        self.in_registers(2)?;
        // SAFETY: instructions follow.
        let at = unsafe { record.ip.add(units(record.opcode)) };
        // By CPython's numbers of comparisons: <, <=, ==, !=, >, >=.
        const GUARDS: [Uop; 6] =
            [Uop::GuardLtInt, Uop::GuardLeInt, Uop::GuardEqInt, Uop::GuardNeInt, Uop::GuardGtInt, Uop::GuardGeInt];
        const NEGATED: [usize; 6] = [5, 4, 3, 2, 1, 0];
        const VALUES: [Uop; 6] = [Uop::LtInt, Uop::LeInt, Uop::EqInt, Uop::NeInt, Uop::GtInt, Uop::GeInt];
        if let Some(branch) = self.branch(i, at) {
            self.op(GUARDS[if branch.truth { op } else { NEGATED[op] }])?;
            self.pop()?;
            self.pop()?;
            return Ok(Some(self.branched(branch)));
        }
        self.op(VALUES[op])?;
        self.pop()?;
        self.pop()?;
        self.push(Known::Bool, Own::Uncounted);
        Ok(Some(1))
    }

    /// The records that an instruction and the branch behind it make up; the exit of what follows is there.
    pub(super) fn branched(&mut self, branch: Branch) -> usize {
        (self.at, self.before) = (branch.after, self.frame().stack.len());
        // One record, the fused branch included, is told apart from "look at what follows".
        if branch.consumed == 1 { FUSED } else { branch.consumed }
    }

    fn is_op(&mut self, i: usize, record: &Record) -> Done {
        // SAFETY: instructions follow.
        let at = unsafe { record.ip.add(units(record.opcode)) };
        let (a, b) = (*self.peek(2)?, *self.peek(1)?);
        let inverted = record.oparg != 0;
        self.in_registers(2)?;
        if let Some(branch) = self.branch(i, at) {
            self.op(if branch.truth != inverted { Uop::GuardSame } else { Uop::GuardNotSame })?;
            self.discard()?;
            self.discard()?;
            return Ok(Some(self.branched(branch)));
        }
        let counted = |e: Entry| e.own == Own::Counted && !e.known.is_uncounted();
        if counted(a) || counted(b) {
            return Ok(None);
        }
        self.op(if inverted { Uop::NotSame } else { Uop::Same })?;
        self.pop()?;
        self.pop()?;
        self.push(Known::Bool, Own::Uncounted);
        Ok(Some(1))
    }

    fn truth_of(&mut self, i: usize, record: &Record) -> Done {
        // SAFETY: instructions follow.
        let at = unsafe { record.ip.add(units(record.opcode)) };
        match self.kind(1, record.tops[0])? {
            _ if self.peek(1)?.known == Known::Bool => Ok(Some(1)),
            Seen::Singleton(word) => {
                if !matches!(self.peek(1)?.known, Known::Word(_)) {
                    self.in_registers(1)?;
                    self.room(1)?;
                    self.in_registers(1)?;
                    self.op(Uop::Copy1)?;
                    self.op_immediate(Uop::GuardIs, word)?;
                }
                // It is immortal: what it holds is not counted.
                self.peek_mut(1)?.own = Own::Uncounted;
                self.discard()?;
                self.push_constant(if word == none_value().0 { false_value().0 } else { word });
                Ok(Some(1))
            }
            Seen::Int => {
                let Some(branch) = self.branch(i, at) else { return Ok(None) };
                self.guard_int(1)?;
                self.in_registers(1)?;
                let zero = Value::from_fixnum(0).0;
                self.op_immediate(if branch.truth { Uop::GuardIsNot } else { Uop::GuardIs }, zero)?;
                self.pop()?;
                Ok(Some(self.branched(branch)))
            }
            Seen::Object(class) if is_class::<List>(class) || is_class::<Tuple>(class) => {
                let Some(branch) = self.branch(i, at) else { return Ok(None) };
                let length = if is_class::<List>(class) { layout().list_length } else { layout().tuple_length };
                self.guard_class(1, class)?;
                self.in_registers(1)?;
                if branch.truth {
                    self.room(1)?;
                    self.op_with(Uop::LoadFieldKeep, [0; 3], [length, 0, 0, 0])?;
                    self.drop_int();
                } else {
                    self.op_with(Uop::GuardWord, [0; 3], [length, 0, 0, 0])?;
                }
                self.discard()?;
                Ok(Some(self.branched(branch)))
            }
            Seen::Object(class) if record.opcode == Opcode::ToBoolAlwaysTrue => {
                // SAFETY: the class of an operand that was alive while recording; only its word is compared.
                let version = unsafe { pyrs_interp::jit::read_u32(record.ip.add(2)) };
                self.guard_version(class, version)?;
                self.discard()?;
                self.push_constant(bool_value(true).0);
                Ok(Some(1))
            }
            _ => Ok(None),
        }
    }
}

/// A record count that stands for one record whose branch has been dealt with.
pub(super) const FUSED: usize = usize::MAX;

/// Control does not simply go on behind the instruction.
fn jumps(opcode: Opcode) -> bool {
    use Opcode::*;
    matches!(
        opcode,
        JumpForward
            | JumpBackward
            | JumpBackwardJit
            | JumpBackwardNoJit
            | JumpBackwardNoInterrupt
            | PopJumpIfFalse
            | PopJumpIfTrue
            | PopJumpIfNone
            | PopJumpIfNotNone
            | ReturnValue
            | CallPyExactArgs
            | CallPyGeneral
            | CallBoundMethodExactArgs
            | CallBoundMethodGeneral
            | CallKwPy
            | CallKwBoundMethod
            | CallAllocAndEnterInit
            | LoadAttrProperty
            | BinaryOpSubscrGetitem
    )
}

/// A dictionary is among the operands: it may be one that global names are looked up in.
fn may_change_dict(record: &Record) -> bool {
    let calls_with_many = record.opcode.deopt() == Opcode::Call && record.oparg as usize + 2 > TOPS;
    let is_dict = |seen: &Seen| {
        // SAFETY: the class of a recorded operand; the recording keeps it alive.
        matches!(seen, Seen::Object(class) if unsafe { (**class).is_subclass(<Dict as PyClass>::class()) })
    };
    record.opcode == Opcode::StoreGlobal || calls_with_many || record.tops.iter().any(is_dict)
}

/// The instruction, or one that may have been done along with it, changes local variables.
fn stores_locals(record: &Record, next: &Record) -> bool {
    use Opcode::*;
    let mut at = record.ip;
    for _ in 0..4 {
        // SAFETY: instructions of recorded code.
        let Some((opcode, _)) = (unsafe { decode(at) }) else { return true };
        if matches!(
            opcode,
            StoreFast
                | StoreFastLoadFast
                | StoreFastStoreFast
                | DeleteFast
                | LoadFastAndClear
                | MakeCell
                | CopyFreeVars
                | BinaryOpInplaceAddUnicode
        ) {
            return true;
        }
        // SAFETY: as above.
        at = unsafe { at.add(units(opcode)) };
        if at == next.start {
            return false;
        }
    }
    true
}
