//! Operations that the runtime is asked for: see [`crate::asks`].

use pyrs_bytecode::Opcode;
use pyrs_interp::frame::Returns;
use pyrs_runtime::object::{Obj, Object};
use pyrs_runtime::objects::function::Function;
use pyrs_runtime::objects::list::List;
use pyrs_runtime::objects::range::Range;
use pyrs_runtime::objects::singletons::{bool_value, none_value};
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::types::as_type;
use pyrs_runtime::value::Value;
use pyrs_uops::Uop;

use super::instructions::Done;
use super::{Callee, Entry, Home, Known, Local, Lower, Lowering, Own, Place, VirtualFrame};
use crate::asks::{self, Ask, NamedEntry, NativeCall};
use crate::layout::{is_class, layout};
use crate::record::{Record, Seen};
use crate::stats::Abort;

impl Lowering<'_> {
    /// Replaces the top `n` words by the answer of `ask`.
    pub(super) fn ask(&mut self, n: usize, ask: Ask, operand: u64, known: Known) -> Lower<()> {
        self.ask_keeping(n, ask, operand)?;
        self.replace_asked(n, known)
    }

    /// Asks about the top `n` words, which stay; the answer is in the next register.
    fn ask_keeping(&mut self, n: usize, ask: Ask, operand: u64) -> Lower<()> {
        let f = self.state.innermost();
        let length = self.state.frames[f].stack.len();
        let first = length.checked_sub(n).ok_or(Abort::Unsupported)?;
        self.before_effect()?;
        self.floats_to_memory(f, first)?;
        while self.state.depth.floats > 0 {
            self.spill_float()?;
        }
        while self.state.depth.ints > 0 {
            self.spill_int()?;
        }
        self.rest_to_memory(f, first)?;
        self.ask_at(self.state.stack_home(f, first), ask, operand)
    }

    fn ask_at(&mut self, home: Home, ask: Ask, operand: u64) -> Lower<()> {
        let uop = if home.on_top { Uop::AskStackTop } else { Uop::AskStack };
        self.op_with(uop, [ask as *const () as u64, home.offset as u64, operand], [0; 4])
    }

    /// Asks about a variable; the answer is in the next register.
    pub(super) fn ask_about(&mut self, home: Home, ask: Ask) -> Lower<()> {
        self.before_effect()?;
        while self.state.depth.floats > 0 {
            self.spill_float()?;
        }
        while self.state.depth.ints > 0 {
            self.spill_int()?;
        }
        self.ask_at(home, ask, 0)
    }

    /// Gives up the top `n` words, which are in memory, for the answer in the register.
    fn replace_asked(&mut self, n: usize, known: Known) -> Lower<()> {
        let f = self.state.innermost();
        for _ in 0..n {
            let index = self.state.frames[f].stack.len() - 1;
            let (entry, home) = (self.state.frames[f].stack[index], self.state.stack_home(f, index));
            if entry.own == Own::Counted && !entry.known.is_uncounted() {
                self.release_home(home, entry.known)?;
            }
            self.state.frames[f].stack.pop();
        }
        self.push(known, Own::Counted);
        Ok(())
    }

    /// As [`Self::ask`], for operations without a result.
    fn ask_for_effect(&mut self, n: usize, ask: Ask, operand: u64) -> Lower<()> {
        self.ask(n, ask, operand, Known::Word(none_value().0))?;
        // The answer None needs no counting.
        self.pop()?;
        self.drop_int();
        Ok(())
    }

    /// Instructions that become a question to the runtime.
    pub(super) fn native(&mut self, i: usize, record: &Record) -> Done {
        use Opcode::*;
        let oparg = record.oparg as u64;
        if !would_answer(record) {
            return Ok(None);
        }
        match record.opcode {
            BinaryOp
            | BinaryOpExtend
            | BinaryOpAddUnicode
            | BinaryOpSubscrDict
            | BinaryOpSubscrStrInt
            | BinaryOpSubscrListSlice => {
                self.ask(2, asks::binary, oparg, Known::Something)?;
            }
            CompareOp | CompareOpStr => {
                self.ask(2, asks::comparison, oparg, Known::Bool)?;
            }
            ContainsOp | ContainsOpDict | ContainsOpSet => self.ask(2, asks::contains, oparg, Known::Bool)?,
            StoreSubscr | StoreSubscrDict => self.ask_for_effect(3, asks::store_subscript, 0)?,
            BuildTuple => self.ask(oparg as usize, asks::tuple, oparg, Known::Something)?,
            BuildList => self.ask(oparg as usize, asks::list, oparg, Known::Something)?,
            ListAppend => {
                self.ask_for_effect(1, asks::append, oparg)?;
            }
            GetIter => self.ask(1, asks::iterator, 0, Known::Something)?,
            BinarySlice => self.ask(3, asks::slice, 0, Known::Something)?,
            ToBool | ToBoolStr | ToBoolInt => self.ask(1, asks::truth, 0, Known::Bool)?,
            LoadAttrWithHint => {
                let plan = self.named_entry(record, record.oparg >> 1)?;
                self.ask(1, asks::load_entry, plan, Known::Something)?;
                self.push_null_for_call(record.oparg);
            }
            StoreAttrWithHint => {
                let plan = self.named_entry(record, record.oparg)?;
                self.ask_for_effect(2, asks::store_entry, plan)?;
            }
            CallLen => {
                self.ask(1, asks::length, 0, Known::Int)?;
                self.drop_callable()?;
            }
            CallListAppend
            | CallBuiltinO
            | CallBuiltinFast
            | CallMethodDescriptorO
            | CallMethodDescriptorNoargs
            | CallMethodDescriptorFast
            | CallMethodDescriptorFastWithKeywords
            | CallBuiltinFastWithKeywords => {
                return self.call_native(record);
            }
            CallIsinstance => return self.isinstance(record),
            LoadAttrClass => return self.load_class_attribute(record),
            LoadAttrModule => return self.load_module_attribute(record),
            CallAllocAndEnterInit => return self.construct(record, &self.records[i + 1]),
            UnpackSequenceList => return self.unpack_list(record),
            _ => return Ok(None),
        }
        Ok(Some(1))
    }

    /// The callable and the `NULL` (or None) behind it, under the result.
    fn drop_callable(&mut self) -> Lower<()> {
        let result = self.pop()?;
        let (below, callable) = (*self.peek(1)?, *self.peek(2)?);
        let free = |e: Entry| matches!(e.place, Place::Constant(_)) || (e.own != Own::Counted && e.place != Place::Int);
        if !free(below) || !free(callable) {
            return Err(Abort::Unsupported);
        }
        self.pop()?;
        self.pop()?;
        self.push_entry(result);
        Ok(())
    }

    fn named_entry(&mut self, record: &Record, name: u32) -> Lower<u64> {
        let cache = record.cache.clone().ok_or(Abort::Unsupported)?;
        // SAFETY: the recorded code is alive, and keeps its names.
        let name = unsafe { (&*record.code).names.items()[name as usize].value() };
        let plan = Box::new(NamedEntry { cache, name: name.as_pointer() as *const Object<Str> });
        let address = &raw const *plan as u64;
        self.out.entries.push(plan);
        Ok(address)
    }

    fn call_native(&mut self, record: &Record) -> Done {
        let n = record.oparg as usize;
        let Some(callable) = record.object.clone() else { return Ok(None) };
        let word = callable.value();
        if self.peek(n + 2)?.known != Known::Word(word.0) {
            return Ok(None);
        }
        let has_self = self.peek(n + 1)?.known != Known::Word(0);
        if !asks::may_be_harmless(&callable) {
            return Ok(None);
        }
        let argc = n + has_self as usize;
        let plan = Box::new(NativeCall { callable: word, argc });
        let operand = &raw const *plan as u64;
        self.out.calls.push(plan);
        self.out.objects.push(callable);
        let appends = record.opcode == Opcode::CallListAppend;
        let known = if appends { Known::Word(none_value().0) } else { Known::Something };
        self.ask(argc, asks::native, operand, known)?;
        let result = self.pop()?;
        if !has_self {
            self.discard()?;
        }
        self.discard()?;
        self.push_entry(result);
        Ok(Some(1))
    }

    /// `isinstance` of an object whose class is known, with a class that is a constant.
    fn isinstance(&mut self, record: &Record) -> Done {
        let Seen::Object(class) = record.tops[1] else { return Ok(None) };
        let Known::Word(wanted) = self.peek(1)?.known else { return Ok(None) };
        if self.peek(3)?.known != Known::Word(0) || record.oparg != 2 {
            return Ok(None);
        }
        // SAFETY: a constant of the trace is alive.
        let wanted = unsafe { Obj::from_borrowed(Value(wanted)) };
        // SAFETY: the class of a recorded operand, whose version is about to be guarded.
        let (Some(wanted), class_ref) = (as_type(&wanted), unsafe { &*class }) else { return Ok(None) };
        let version = class_ref.current_version();
        if !std::ptr::eq(wanted.as_obj().class(), pyrs_runtime::types::TYPE.get()) || version == 0 {
            return Ok(None);
        }
        let holds = class_ref.is_subclass(wanted);
        // The wanted class is a constant: the object is brought into a register below it.
        self.guard_version_under_constant(class, version)?;
        for _ in 0..4 {
            self.discard()?;
        }
        self.push_constant(bool_value(holds).0);
        Ok(Some(1))
    }

    /// An attribute of a class that is a constant of the trace.
    fn load_class_attribute(&mut self, record: &Record) -> Done {
        let (Some(cache), Known::Word(class)) = (&record.cache, self.peek(1)?.known) else { return Ok(None) };
        let at = class + layout().type_version as u64;
        self.guard_memory(at as *const u32, cache.version)?;
        let v = cache.target_value();
        self.keep(v);
        self.discard()?;
        self.push_constant(v.0);
        self.push_null_for_call(record.oparg);
        Ok(Some(1))
    }

    /// An attribute of a module that is in the trace's hands as a global.
    fn load_module_attribute(&mut self, record: &Record) -> Done {
        let (Some(cache), Some(object)) = (&record.cache, &record.object) else { return Ok(None) };
        let Some([dict, module]) = &record.namespaces else { return Ok(None) };
        let Some(dict) = dict.downcast::<pyrs_runtime::objects::dict::Dict>() else { return Ok(None) };
        if dict.current_keys_version() != cache.version {
            return Ok(None);
        }
        self.out.objects.extend([dict.to_obj(), module.clone(), object.clone()]);
        if self.peek(1)?.known != Known::Word(module.value().0) {
            self.in_registers(1)?;
            self.room(1)?;
            self.op(Uop::Copy1)?;
            self.op_immediate(Uop::GuardIs, module.value().0)?;
        }
        self.guard_memory(dict.keys_version_address(), cache.version)?;
        self.global_value(cache.target, object)?;
        // The module is below its attribute.
        let value = self.pop()?;
        if value.place == Place::Int {
            let owner = self.pop()?;
            match owner.place {
                Place::Int if owner.own == Own::Counted => self.op(Uop::DecrefSecond)?,
                Place::Int => self.op(Uop::Nip)?,
                _ if owner.own == Own::Counted => return Ok(None),
                _ => {}
            }
        } else {
            self.discard()?;
        }
        self.push_entry(value);
        self.push_null_for_call(record.oparg);
        Ok(Some(1))
    }

    /// A class with the standard `__new__` and a Python `__init__`: the instance waits on the caller's stack.
    fn construct(&mut self, record: &Record, next: &Record) -> Done {
        let n = record.oparg as usize;
        let Some(class) = record.object.as_ref().and_then(|c| as_type(c)) else { return Ok(None) };
        let f = self.state.innermost();
        let length = self.state.frames[f].stack.len();
        if length < n + 2 || next.frame == record.frame {
            return Ok(None);
        }
        let callable = length - n - 2;
        let word = class.value().0;
        if self.state.frames[f].stack[callable].known != Known::Word(word)
            || self.state.frames[f].stack[callable + 1].known != Known::Word(0)
        {
            return Ok(None);
        }
        let [init, _] = class.spec_cache.get();
        // SAFETY: the class's cache holds a function as long as its version stands.
        let init = unsafe { Obj::from_borrowed(Value(init)) };
        let Some(function) = init.exact::<Function>() else { return Ok(None) };
        let code = function.code();
        if !std::ptr::eq(code, next.code) || code.argcount != n + 1 || !code.simple_args {
            return Ok(None);
        }
        let head = self.new_head(f)?;
        if !self.fits(head, code.frame_size) {
            return Ok(None);
        }
        let version = class.current_version();
        self.guard_memory((word + layout().type_version as u64) as *const u32, version)?;
        self.guard_code_of(function)?;
        self.boxed_arguments(f, callable + 2)?;
        // The instance takes the place of the class, where it stays, and of `self`.
        self.ask_keeping(0, asks::instance, word)?;
        let home = self.state.stack_home(f, callable);
        self.op(Uop::Incref1)?;
        self.op(Uop::Copy1)?;
        self.op_home([Uop::StoreFrame, Uop::StoreTop], home)?;
        let known = Known::Class { class, version, shape: std::ptr::null() };
        let mut frame = VirtualFrame::inlined(next.frame, code, head, Callee::Constant(function.value().0));
        frame.locals[0] = Local { known, own: Own::Counted, unset: false };
        frame.returns = Returns::Init;
        self.state.frames.push(frame);
        let inner = self.state.innermost();
        let this = self.state.home(inner, 0);
        self.op_home([Uop::StoreFrame, Uop::StoreTop], this)?;
        let frame = self.state.frames.pop().expect("the callee");
        self.move_arguments_from(f, frame, n, 1, callable)?;
        let instance = Entry { place: Place::Memory, known, own: Own::Counted };
        self.state.frames[f].stack.push(instance);
        self.state.frames[f].call = (record.ip, 4);
        self.out.objects.extend([init.clone(), code.to_obj(), class.to_obj()]);
        Ok(Some(1))
    }

    fn unpack_list(&mut self, record: &Record) -> Done {
        let Seen::Object(class) = record.tops[0] else { return Ok(None) };
        let n = record.oparg as usize;
        if !is_class::<List>(class) || n > 3 || self.peek(1)?.own == Own::Counted {
            return Ok(None);
        }
        let l = layout();
        self.guard_class(1, class)?;
        self.in_registers(1)?;
        self.op_with(Uop::GuardLength, [n as u64, 0, 0], [l.list_length, 0, 0, 0])?;
        self.op_with(Uop::LoadField, [0; 3], [l.list_items, 0, 0, 0])?;
        self.unpack_items(n, 0)
    }

    /// An object that the trace refers to.
    pub(super) fn keep(&mut self, v: Value) {
        // SAFETY: a live object, borrowed from its class.
        self.out.objects.push(unsafe { Obj::from_borrowed(v) });
    }
}

/// Whether the runtime would have answered for the operands that were recorded.
fn would_answer(record: &Record) -> bool {
    use Opcode::*;
    let [top, second, ..] = record.tops;
    match record.opcode {
        BinaryOpSubscrDict | BinaryOpSubscrListSlice | BinaryOpSubscrStrInt => true,
        BinaryOp | BinaryOpExtend | BinaryOpAddUnicode => {
            asks::seen_plain(top, true) && (asks::seen_plain(second, true) || asks::seen_hashed(second))
        }
        CompareOp | CompareOpStr => asks::seen_plain(top, true) && asks::seen_plain(second, true),
        ContainsOp => asks::seen_hashed(top) || asks::seen_plain(top, true),
        StoreSubscr => asks::seen_hashed(second),
        GetIter => {
            let range = matches!(top, Seen::Object(class) if is_class::<Range>(class));
            range || asks::seen_plain(top, true) || asks::seen_hashed(top)
        }
        ToBool => asks::seen_plain(top, true) || asks::seen_hashed(top),
        _ => true,
    }
}
