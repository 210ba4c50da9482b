//! Operations that the runtime is asked for: see [`crate::asks`].

use pyrs_bytecode::Opcode;
use pyrs_interp::frame::Returns;
use pyrs_interp::jit::read_u32;
use pyrs_runtime::class::MethodDef;
use pyrs_runtime::object::{Obj, Object};
use pyrs_runtime::objects::builtin_function::{BuiltinFunction, MethodDescriptor};
use pyrs_runtime::objects::function::Function;
use pyrs_runtime::objects::singletons::{bool_value, none_value};
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::types::{Type, as_type};
use pyrs_runtime::value::Value;
use pyrs_uops::Uop;

use super::instructions::Done;
use super::{Begin, Callee, Entry, Home, Known, Local, Lower, Lowering, Own, Place, VirtualFrame};
use crate::asks::{self, Ask, BoundCall, NamedEntry, NativeCall};
use crate::layout::layout;
use crate::quiet;
use crate::record::{Record, Seen};
use crate::stats::Abort;

impl Lowering<'_> {
    /// Replaces the top `n` words by the answer of `ask`.
    pub(super) fn ask(&mut self, n: usize, ask: Ask, operand: u64, known: Known) -> Lower<()> {
        self.ask_keeping(n, ask, operand)?;
        self.replace_asked(n, known)
    }

    /// Asks about the top `n` words, which stay; the answer is in the next register.
    pub(super) fn ask_keeping(&mut self, n: usize, ask: Ask, operand: u64) -> Lower<()> {
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
    pub(super) fn ask_about(&mut self, home: Home, ask: Ask, operand: u64) -> Lower<()> {
        self.before_effect()?;
        while self.state.depth.floats > 0 {
            self.spill_float()?;
        }
        while self.state.depth.ints > 0 {
            self.spill_int()?;
        }
        self.ask_at(home, ask, operand)
    }

    /// Gives up the top `n` words, which are in memory, for the answer in the register.
    pub(super) fn replace_asked(&mut self, n: usize, known: Known) -> Lower<()> {
        self.release_asked(n)?;
        self.push(known, Own::Counted);
        Ok(())
    }

    /// Gives up the top `n` words, none of which is in a register.
    fn release_asked(&mut self, n: usize) -> Lower<()> {
        let f = self.state.innermost();
        for _ in 0..n {
            let index = self.state.frames[f].stack.len() - 1;
            let (entry, home) = (self.state.frames[f].stack[index], self.state.stack_home(f, index));
            if entry.own == Own::Counted && !entry.known.is_uncounted() {
                self.release_home(home, entry.known)?;
            }
            self.state.frames[f].stack.pop();
        }
        self.moves += 1;
        Ok(())
    }

    /// As [`Self::ask`], for operations without a result.
    pub(super) fn ask_for_effect(&mut self, n: usize, ask: Ask, operand: u64) -> Lower<()> {
        self.ask(n, ask, operand, Known::Word(none_value().0))?;
        // The answer None needs no counting.
        self.pop()?;
        self.drop_int();
        Ok(())
    }

    /// Instructions that become a question to the runtime.
    pub(super) fn native(&mut self, i: usize, record: &Record) -> Done {
        use Opcode::*;
        if !would_answer(record) {
            return Ok(None);
        }
        // It has gone on in another frame: nothing native answers.
        if record.opcode != CallAllocAndEnterInit && self.records[i + 1].frame != record.frame {
            return Ok(None);
        }
        match record.opcode {
            CallIntrinsic1 | CallIntrinsic2 | GetAwaitable | GetYieldFromIter => return self.ask_for_generator(record),
            LoadAttrWithHint => {
                let plan = self.named_entry(record, record.oparg >> 1)?;
                self.ask(1, asks::load_entry, plan, Known::Something)?;
                self.push_null_for_call(record.oparg);
            }
            StoreAttrWithHint => {
                let plan = self.named_entry(record, record.oparg)?;
                self.ask_for_effect(2, asks::store_entry, plan)?;
            }
            LoadAttrMethodLazyDict => return self.load_method_of_dict(record),
            BinaryOpInplaceAddUnicode => return self.append_text(record, &self.records[i + 1]),
            MakeFunction => return self.make_function(record),
            SetFunctionAttribute => return self.set_function_attribute(record),
            StoreGlobal => return self.store_global(record),
            // The form of the instruction says what was called when it was specialized.
            CallLen if record.object.as_ref().is_some_and(|f| quiet::is_builtin(f, "len")) => {
                self.guard_callable(3, record)?;
                self.ask(1, asks::length, 0, Known::Int)?;
                self.drop_callable()?;
            }
            CallListAppend
            | CallLen
            | CallBuiltinO
            | CallBuiltinFast
            | CallBuiltinClass
            | CallType1
            | CallStr1
            | CallTuple1
            | CallMethodDescriptorO
            | CallMethodDescriptorNoargs
            | CallMethodDescriptorFast
            | CallMethodDescriptorFastWithKeywords
            | CallBuiltinFastWithKeywords => {
                return self.call_native(record);
            }
            LoadAttr | LoadAttrMethodWithValues | LoadAttrMethodNoDict | LoadAttrInstanceValue => {
                if record.oparg & 1 != 0 {
                    return self.ask_for_method(record);
                }
                self.ask_for_attribute(record, record.oparg)?;
            }
            LoadAttrClass | LoadAttrClassWithMetaclassCheck => return self.load_class_attribute(record),
            LoadAttrModule => return self.load_module_attribute(record),
            CallAllocAndEnterInit => return self.construct(record, &self.records[i + 1]),
            ForIter | ForIterList | ForIterTuple | ForIterRange => {
                return self.for_iter_asked(record, &self.records[i + 1]);
            }
            opcode if let Some(question) = question(opcode, record.oparg) => {
                let Question { operands, ask, operand, answer } = question;
                match answer {
                    Some(known) => self.ask(operands, ask, operand, known)?,
                    None => self.ask_for_effect(operands, ask, operand)?,
                }
            }
            _ => return Ok(None),
        }
        Ok(Some(1))
    }

    /// Replaces the owner on top by its attribute.
    pub(super) fn ask_for_attribute(&mut self, record: &Record, oparg: u32) -> Lower<()> {
        self.ask(1, asks::attribute, attribute_name(record, oparg), Known::Something)
    }

    /// Replaces the owner on top by its method and what the method is to be called with.
    fn ask_for_method(&mut self, record: &Record) -> Done {
        let name = attribute_name(record, record.oparg);
        self.ask(1, asks::unbound_method, name, Known::Something)?;
        let f = self.state.innermost();
        let index = self.state.frames[f].stack.len() - 1;
        let home = self.state.stack_home(f, index);
        self.op_home([Uop::StoreFrame, Uop::StoreTop], home)?;
        self.frame_mut().stack[index].place = Place::Memory;
        self.push_entry(Entry { place: Place::Memory, known: Known::Nothing, own: Own::Counted });
        Ok(Some(1))
    }

    /// Gives the callable and the `NULL` behind it up, under the answer of a question.
    fn drop_callable(&mut self) -> Lower<()> {
        let result = self.pop()?;
        self.release_asked(2)?;
        self.push_entry(result);
        Ok(())
    }

    /// The callable, the `n`-th word, is the recorded one.
    fn guard_callable(&mut self, n: usize, record: &Record) -> Lower<()> {
        let Some(object) = &record.object else { return Err(Abort::Unsupported) };
        let (f, word) = (self.state.innermost(), object.value().0);
        let index = self.state.frames[f].stack.len().checked_sub(n).ok_or(Abort::Unsupported)?;
        if self.state.frames[f].stack[index].known != Known::Word(word) {
            self.copy_word(f, index)?;
            self.op_immediate(Uop::GuardIs, word)?;
            self.state.frames[f].stack[index].known = Known::Word(word);
            self.keep(object);
        }
        Ok(())
    }

    pub(super) fn named_entry(&mut self, record: &Record, name: u32) -> Lower<u64> {
        let cache = record.cache.clone().ok_or(Abort::Unsupported)?;
        // SAFETY: the recorded code is alive, and keeps its names.
        let name = unsafe { (&*record.code).names.items()[name as usize].value() };
        let plan = Box::new(NamedEntry { cache, name: name.as_pointer() as *const Object<Str> });
        let address = &raw const *plan as u64;
        self.out.plans.push(plan);
        Ok(address)
    }

    fn call_native(&mut self, record: &Record) -> Done {
        let n = record.oparg as usize;
        let Some(callable) = record.object.clone() else { return Ok(None) };
        if let Some(function) = callable.exact::<BuiltinFunction>()
            && function.def.name == "__new__"
        {
            return self.new_instance(record, function);
        }
        if !quiet::may_be_harmless(&callable) {
            return Ok(None);
        }
        let word = callable.value();
        let is_constant = self.peek(n + 2)?.known == Known::Word(word.0);
        let has_self = self.peek(n + 1)?.known != Known::Word(0);
        if let Some(function) = callable.exact::<BuiltinFunction>()
            && (function.passes_self() || !is_constant)
        {
            return self.call_bound(record, function.def);
        }
        if !is_constant {
            return Ok(None);
        }
        if n == 1 && !has_self && word == pyrs_runtime::types::TYPE.get().value() {
            return self.type_of(record);
        }
        let argc = n + has_self as usize;
        let plan = Box::new(NativeCall { callable: word, argc });
        let operand = &raw const *plan as u64;
        self.out.plans.push(plan);
        let appends = callable.exact::<MethodDescriptor>().is_some_and(|m| m.def.name == "append");
        self.out.objects.push(callable);
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

    /// A native function that is found in the callable only when it is called: what it is bound to may differ.
    fn call_bound(&mut self, record: &Record, def: *const MethodDef) -> Done {
        let n = record.oparg as usize;
        if self.peek(n + 1)?.known != Known::Word(0) {
            return Ok(None);
        }
        let plan = Box::new(BoundCall { def, argc: n });
        let operand = &raw const *plan as u64;
        self.out.plans.push(plan);
        self.ask(n + 2, asks::bound, operand, Known::Something)?;
        Ok(Some(1))
    }

    /// `type(v)`.
    fn type_of(&mut self, record: &Record) -> Done {
        let again = self.is_begun_again();
        let class = if again { None } else { self.class_by_guard(1, record.tops[0])? };
        let Some(class) = class else {
            self.ask(1, asks::class_of, 0, Known::Something)?;
            self.drop_callable()?;
            return Ok(Some(1));
        };
        for _ in 0..3 {
            self.discard()?;
        }
        // SAFETY: a live object has this class, or did while recording, which keeps the class.
        let class = unsafe { (*class).to_obj() };
        let class = self.keep(&class);
        self.push_constant(class.0);
        Ok(Some(1))
    }

    /// The class of the `n`-th word, which is compared with the one that was recorded.
    pub(super) fn class_by_guard(&mut self, n: usize, seen: Seen) -> Lower<Option<*const Type>> {
        Ok(match self.kind(n, seen)? {
            Seen::Object(class) => {
                self.guard_class(n, class)?;
                Some(class)
            }
            Seen::Int => {
                self.guard_int(n)?;
                Some(pyrs_runtime::objects::int::CLASS.get())
            }
            Seen::Float => {
                self.guard_float(n)?;
                Some(pyrs_runtime::objects::float::CLASS.get())
            }
            Seen::Singleton(_) | Seen::Null => None,
        })
    }

    /// `isinstance` of an object whose class is known, with classes that are constants.
    pub(super) fn isinstance(&mut self, record: &Record) -> Done {
        let Known::Word(wanted) = self.peek(1)?.known else { return Ok(None) };
        if self.peek(3)?.known != Known::Word(0) || record.oparg != 2 {
            return Ok(None);
        }
        if !record.object.as_ref().is_some_and(|f| quiet::is_builtin(f, "isinstance")) {
            return Ok(None);
        }
        self.guard_callable(4, record)?;
        // SAFETY: a constant of the trace is alive.
        let wanted = unsafe { Obj::from_borrowed(Value(wanted)) };
        let classes: Vec<Obj> = match wanted.exact::<Tuple>() {
            Some(tuple) => tuple.items().to_vec(),
            None => vec![wanted],
        };
        let Some(all) = classes.iter().map(as_type).collect::<Option<Vec<&Type>>>() else { return Ok(None) };
        // Of other metaclasses, only an instance of the very class is known to be one.
        let plain = |class: &Type| std::ptr::eq(class.class(), pyrs_runtime::types::TYPE.get());
        let all_plain = all.iter().all(|class| plain(class));
        if !all_plain && !is_surely(record.tops[1], &all, plain) {
            return Ok(None);
        }
        if self.is_begun_again() {
            return if all_plain { self.isinstance_asked() } else { Ok(None) };
        }
        let class = match self.kind(2, record.tops[1])? {
            Seen::Object(class) => {
                // SAFETY: the class of a recorded operand, whose version is about to be compared.
                let version = unsafe { (*class).current_version() };
                if version == 0 {
                    return Ok(None);
                }
                // The wanted class is a constant: the object is brought into a register below it.
                self.guard_version_under_constant(class, version)?;
                class
            }
            seen => match self.class_by_guard(2, seen)? {
                Some(class) => class,
                None => return self.isinstance_asked(),
            },
        };
        // SAFETY: as above.
        let (holds, honest) =
            unsafe { (all.iter().any(|wanted| (*class).is_subclass(wanted)), quiet::tells_its_class(&*class)) };
        let is_certain = holds || (honest && all_plain);
        if !is_certain {
            return Ok(None);
        }
        for _ in 0..4 {
            self.discard()?;
        }
        self.push_constant(bool_value(holds).0);
        Ok(Some(1))
    }

    /// `isinstance` of objects of many classes with constant ones.
    fn isinstance_asked(&mut self) -> Done {
        let Known::Word(wanted) = self.peek(1)?.known else { return Ok(None) };
        // SAFETY: a constant of the trace is alive.
        let classes = unsafe { Obj::from_borrowed(Value(wanted)) };
        self.keep(&classes);
        self.ask(2, asks::isinstance, wanted, Known::Bool)?;
        self.drop_callable()?;
        Ok(Some(1))
    }

    /// The trace begins here because a guard of the same instruction has failed: one more would not be the last.
    fn is_begun_again(&self) -> bool {
        self.record == 0 && self.begins == Begin::Fresh
    }

    /// An attribute of a class that is a constant of the trace.
    fn load_class_attribute(&mut self, record: &Record) -> Done {
        let (Some(cache), Some(found)) = (&record.cache, &record.object) else { return Ok(None) };
        let Known::Word(class) = self.peek(1)?.known else { return Ok(None) };
        let at = class + layout().type_version as u64;
        self.guard_memory(at as *const u32, cache.version)?;
        if record.opcode == Opcode::LoadAttrClassWithMetaclassCheck {
            // SAFETY: a constant of the trace is alive, and so is its class.
            let metaclass = unsafe { (*Value(class).as_pointer()).class.get() } as u64;
            self.guard_memory((metaclass + layout().type_version as u64) as *const u32, cache.version2)?;
        }
        let found = self.keep(found);
        self.discard()?;
        self.push_constant(found.0);
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
        // SAFETY: the code is alive, the version behind the instruction's counter.
        if unsafe { read_u32(record.ip.add(2)) } != class.current_version() {
            return Ok(None);
        }
        let [init, _] = class.spec_cache.get();
        // SAFETY: the class holds the function as long as its version stands.
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

    /// An object that the trace refers to, as long as it lives.
    pub(super) fn keep(&mut self, object: &Obj) -> Value {
        self.out.objects.push(object.clone());
        object.value()
    }
}

/// Whether an instance of the class that was seen is one of the first of `classes` whose `isinstance` is the ordinary one, or
/// of the very class behind these.
fn is_surely(seen: Seen, classes: &[&Type], plain: impl Fn(&Type) -> bool) -> bool {
    let Seen::Object(class) = seen else { return false };
    for wanted in classes {
        if std::ptr::eq(*wanted, class) {
            return true;
        }
        if !plain(wanted) {
            return false;
        }
        // SAFETY: the class of a recorded operand, which the recording keeps in use.
        if unsafe { (*class).is_subclass(wanted) } {
            return true;
        }
    }
    false
}

/// What the runtime is asked for an instruction that does nothing else.
struct Question {
    /// Words from the top of the operand stack that the answer replaces.
    operands: usize,
    ask: Ask,
    /// What the function is told beside the operands.
    operand: u64,
    /// What is known of the answer; None if there is none.
    answer: Option<Known>,
}

fn question(opcode: Opcode, oparg: u32) -> Option<Question> {
    use Opcode::*;
    let (n, oparg) = (oparg as usize, oparg as u64);
    let some = Some(Known::Something);
    let (operands, ask, operand, answer): (usize, Ask, u64, Option<Known>) = match opcode.deopt() {
        BinaryOp if opcode != BinaryOpInplaceAddUnicode && opcode != BinaryOpSubscrGetitem => {
            (2, asks::binary, oparg, some)
        }
        CompareOp => (2, asks::comparison, oparg, Some(Known::Bool)),
        ContainsOp => (2, asks::contains, oparg, Some(Known::Bool)),
        ToBool => (1, asks::truth, 0, Some(Known::Bool)),
        UnaryNegative => (1, asks::negative, 0, some),
        UnaryInvert => (1, asks::negative, 1, some),
        StoreSubscr => (3, asks::store_subscript, 0, None),
        DeleteSubscr => (2, asks::delete_subscript, 0, None),
        StoreSlice => (4, asks::store_slice, 0, None),
        BinarySlice => (3, asks::slice, 0, some),
        GetIter => (1, asks::iterator, 0, some),
        BuildTuple => (n, asks::tuple, oparg, some),
        BuildList => (n, asks::list, oparg, some),
        BuildMap => (2 * n, asks::map, oparg, some),
        BuildSet => (n, asks::set, oparg, some),
        BuildSlice => (n, asks::slice_object, oparg, some),
        BuildString => (n, asks::text, oparg, some),
        ListAppend => (1, asks::append, oparg, None),
        ListExtend => (1, asks::extend, oparg, None),
        SetAdd => (1, asks::add_element, oparg, None),
        MapAdd => (2, asks::add_item, oparg, None),
        ConvertValue => (1, asks::convert, oparg, some),
        FormatSimple => (1, asks::format, 0, some),
        FormatWithSpec => (2, asks::format, 1, some),
        _ => return None,
    };
    Some(Question { operands, ask, operand, answer })
}

/// The name in the operand of a LOAD_ATTR, as the runtime is asked for it.
fn attribute_name(record: &Record, oparg: u32) -> u64 {
    // SAFETY: the recorded code is alive, and keeps its names.
    unsafe { (&*record.code).names.items()[oparg as usize >> 1].value().0 }
}

/// Whether it is worth asking the runtime about operands like those that were recorded: no class defines the operation
/// in Python.
fn would_answer(record: &Record) -> bool {
    use Opcode::*;
    let [top, second, third, ..] = record.tops;
    let is_subscript = record.oparg == pyrs_bytecode::BinaryOp::Subscript as u32;
    match record.opcode {
        BinaryOp if is_subscript => quiet::seen_native(second, quiet::subscripts),
        BinaryOp | BinaryOpExtend | BinaryOpAddUnicode => quiet::seen_builtin(second) && quiet::seen_builtin(top),
        CompareOp | CompareOpStr => {
            quiet::seen_native(second, quiet::comparison) && quiet::seen_native(top, quiet::comparison)
        }
        ContainsOp => quiet::seen_container(top),
        StoreSubscr | DeleteSubscr => quiet::seen_native(second, quiet::stores),
        BinarySlice => quiet::seen_native(third, quiet::subscripts),
        ToBool => quiet::seen_native(top, quiet::truth),
        CallLen => quiet::seen_native(top, quiet::length),
        UnaryNegative | UnaryInvert => quiet::seen_builtin(top),
        GetIter => quiet::seen_native(top, quiet::iteration),
        _ => true,
    }
}
