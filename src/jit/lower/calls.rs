//! Inlined calls.

use pyrs_bytecode::{Opcode, co_flags};
use pyrs_interp::frame::Returns;
use pyrs_interp::jit::python_call_method;
use pyrs_interp::ops::operators;
use pyrs_runtime::object::{Obj, Object};
use pyrs_runtime::objects::code::Code;
use pyrs_runtime::objects::function::Function;
use pyrs_runtime::objects::method::Method;
use pyrs_runtime::objects::singletons::{false_value, none_value, not_implemented_value, true_value};
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::protocols::compare;
use pyrs_runtime::types::{Type, lookup_raw};
use pyrs_runtime::value::Value;
use pyrs_uops::Uop;

use super::instructions::{Done, decode, units};
use super::shared::Shared;
use super::{Callee, Entry, Known, Local, Lower, Lowering, Own, Place, RESERVE_WORDS, VirtualFrame};
use crate::asks;
use crate::layout::layout;
use crate::record::{Record, Seen};
use crate::stats::Abort;

/// Bit of a COMPARE_OP's operand: the result is wanted as a bool.
const COMPARES_AS_BOOL: u32 = 16;

/// Code units of CALL with its cache.
const CALL_UNITS: u16 = 4;

/// Which parameter each argument of a call becomes.
struct Binding {
    /// By argument.
    slots: Vec<usize>,
    /// Parameters without an argument, and their values.
    defaults: Vec<(usize, Obj)>,
    /// The parameter `*args`, and how many of the last arguments it takes.
    rest: Option<(usize, usize)>,
}

impl Binding {
    /// Binds `argc` arguments, the last of which have names; None where that fails, or needs a dictionary.
    fn of(function: &Object<Function>, code: &Object<Code>, argc: usize, names: Option<&[Obj]>) -> Option<Binding> {
        let names = names.unwrap_or(&[]);
        let total = code.argcount + code.kwonlyargcount;
        let positional = argc.checked_sub(names.len())?;
        let takes_rest = code.flags & co_flags::VARARGS != 0;
        if code.flags & co_flags::VARKEYWORDS != 0 || (positional > code.argcount && !takes_rest) {
            return None;
        }
        if takes_rest && !names.is_empty() {
            return None;
        }
        let taken = positional.min(code.argcount);
        let mut slots: Vec<usize> = (0..taken).collect();
        let parameters = &code.localsplusnames.items()[..total];
        for name in names {
            let found = parameters.iter().position(|p| compare::equal(p, name).unwrap_or(false))?;
            if found < code.source.posonlyargcount as usize || slots.contains(&found) {
                return None;
            }
            slots.push(found);
        }
        let defaults = function.defaults.get();
        let values = defaults.as_ref().and_then(|d| d.exact::<Tuple>()).map_or(&[][..], |t| t.items());
        let first = code.argcount.checked_sub(values.len())?;
        let missing = (0..total).filter(|slot| !slots.contains(slot));
        let defaults = missing
            .map(|slot| (slot >= first && slot < code.argcount).then(|| (slot, values[slot - first].clone())))
            .collect::<Option<Vec<_>>>()?;
        let rest = takes_rest.then_some((total, positional - taken));
        Some(Binding { slots, defaults, rest })
    }
}

impl Lowering<'_> {
    /// A call of a Python function: every argument finds its parameter while the trace is made.
    pub(super) fn call_function(&mut self, record: &Record, next: &Record) -> Done {
        use pyrs_bytecode::Opcode::*;
        if next.frame == record.frame {
            return Ok(None);
        }
        let named = matches!(record.opcode, CallKwPy | CallKwBoundMethod);
        let names = if named { self.constant_tuple(1)? } else { None };
        let n = record.oparg as usize;
        let f = self.state.innermost();
        let Some(callable) = self.state.frames[f].stack.len().checked_sub(n + 2 + named as usize) else {
            return Ok(None);
        };
        let Some(object) = &record.object else { return Ok(None) };
        let method = object.exact::<Method>();
        let call_method = record.opcode == CallNonPyGeneral;
        let function = match method {
            _ if call_method => {
                let found = python_call_method(object);
                // SAFETY: borrowed from the class, or NULL.
                (!found.is_null()).then(|| unsafe { Obj::from_borrowed(found) })
            }
            Some(method) => Some(method.function.clone()),
            None => Some(object.clone()),
        };
        let Some(function) = function.as_ref().and_then(|f| f.exact::<Function>()) else { return Ok(None) };
        let code = function.code();
        if !std::ptr::eq(next.code, code) {
            return Ok(None);
        }
        // Guards first: what is called, and whether it has a first argument of its own.
        let mut has_self = self.has_self(f, callable + 1, record)?;
        if let Some(method) = method {
            // A class method has been taken apart already.
            let stack = &self.state.frames[f].stack;
            let (first, second) = (stack[callable].known, stack[callable + 1].known);
            let is_apart = first == Known::Word(function.value().0) && second == Known::Word(method.this.value().0);
            if has_self && !is_apart {
                return Ok(None);
            }
            if !is_apart {
                self.unpack_method(f, callable, function)?;
            }
            has_self = true;
        }
        if call_method {
            if has_self {
                return Ok(None);
            }
            self.unpack_instance(f, callable, object.class(), function)?;
            has_self = true;
        }
        let argc = n + has_self as usize;
        let Some(binding) = Binding::of(function, code, argc, names.as_deref()) else { return Ok(None) };
        let head = self.new_head(f)?;
        if !self.fits(head, code.frame_size) {
            return Ok(None);
        }
        let constant = self.state.frames[f].stack[callable].known == Known::Word(function.value().0);
        if constant {
            self.guard_code_of(function)?;
        } else if binding.defaults.is_empty() {
            self.guard_code(f, callable, function)?;
        } else {
            return Ok(None);
        }
        if !binding.defaults.is_empty() {
            let at = function.value().0 + layout().function_version as u64;
            self.guard_memory(at as *const u32, function.version())?;
            self.out.objects.push(function.to_obj());
        }
        self.boxed_arguments(f, callable + 1)?;
        let callee = self.place_callee(f, callable, constant, function.value().0)?;
        if named {
            self.discard()?;
        }
        let mut frame = VirtualFrame::inlined(next.frame, code, head, callee);
        let mut slots = binding.slots;
        if let Some((slot, count)) = binding.rest {
            self.collect_rest(count)?;
            slots.truncate(argc - count);
            slots.push(slot);
        }
        self.set_defaults(f, &mut frame, &binding.defaults)?;
        self.move_arguments(f, frame, &slots, callable)?;
        self.state.frames[f].call = (record.ip, CALL_UNITS);
        self.out.objects.push(function.code().to_obj());
        Ok(Some(1))
    }

    /// The items of a tuple that is a constant of the trace.
    fn constant_tuple(&mut self, n: usize) -> Lower<Option<Vec<Obj>>> {
        let Known::Word(word) = self.peek(n)?.known else { return Ok(None) };
        // SAFETY: a constant of the trace is alive.
        let object = unsafe { Obj::from_borrowed(Value(word)) };
        Ok(object.exact::<Tuple>().map(|t| t.items().to_vec()))
    }

    /// Whether the word behind a callable is an argument, or NULL.
    fn has_self(&mut self, f: usize, index: usize, record: &Record) -> Lower<bool> {
        match self.state.frames[f].stack[index].known {
            Known::Word(0) => return Ok(false),
            Known::Nothing => {}
            _ => return Ok(true),
        }
        let from_top = self.state.frames[f].stack.len() - 1 - index;
        let Some(&seen) = record.tops.get(from_top) else { return Err(Abort::Unsupported) };
        self.copy_word(f, index)?;
        let is_null = seen == Seen::Null;
        self.op_immediate(if is_null { Uop::GuardIs } else { Uop::GuardIsNot }, 0)?;
        self.state.frames[f].stack[index].known = if is_null { Known::Word(0) } else { Known::Something };
        Ok(!is_null)
    }

    /// Puts a copy of a word, which leaves its register, into the next register.
    pub(super) fn copy_word(&mut self, f: usize, index: usize) -> Lower<()> {
        self.room(1)?;
        // Deep in the registers: through memory.
        while self.state.frames[f].stack[index].place == Place::Int {
            self.spill_int()?;
        }
        let (entry, home) = (self.state.frames[f].stack[index], self.state.stack_home(f, index));
        self.load(entry, home)
    }

    /// A method object gives way to its function and the object it is bound to.
    fn unpack_method(&mut self, f: usize, callable: usize, function: &Object<Function>) -> Lower<()> {
        let l = layout();
        self.before_effect()?;
        self.copy_word(f, callable)?;
        self.op_immediate(Uop::GuardClass1, <Method as pyrs_runtime::PyClass>::class() as *const _ as u64)?;
        self.op_with(Uop::GuardWord, [function.value().0, 0, 0], [l.method_function, 0, 0, 0])?;
        self.op_with(Uop::LoadField, [0; 3], [l.method_this, 0, 0, 0])?;
        self.op(Uop::Incref1)?;
        let (home, this) = (self.state.stack_home(f, callable), self.state.stack_home(f, callable + 1));
        self.op_home([Uop::StoreFrame, Uop::StoreTop], this)?;
        let entry = self.state.frames[f].stack[callable];
        if entry.own == Own::Counted {
            self.release_home(home, Known::Something)?;
        }
        let word = function.value().0;
        let stack = &mut self.state.frames[f].stack;
        stack[callable] = Entry { place: Place::Constant(word), known: Known::Word(word), own: Own::Constant };
        stack[callable + 1] = Entry { place: Place::Memory, known: Known::Something, own: Own::Counted };
        self.moves += 1;
        self.out.objects.push(function.to_obj());
        Ok(())
    }

    /// An instance that is called gives way to its class's `__call__`, and becomes its argument.
    fn unpack_instance(&mut self, f: usize, callable: usize, class: &Type, function: &Object<Function>) -> Lower<()> {
        let version = class.current_version();
        if version == 0 {
            return Err(Abort::Unsupported);
        }
        self.copy_word(f, callable)?;
        self.op_with(Uop::GuardVersion, [version as u64, 0, 0], [layout().type_version, 0, 0, 0])?;
        let this = self.state.stack_home(f, callable + 1);
        let entry = self.state.frames[f].stack[callable];
        if entry.place == Place::Memory {
            self.op_home([Uop::StoreFrame, Uop::StoreTop], this)?;
        } else {
            self.drop_int();
        }
        let word = function.value().0;
        let stack = &mut self.state.frames[f].stack;
        let known = Known::Class { class, version, shape: std::ptr::null() };
        stack[callable + 1] = Entry { known, ..entry };
        stack[callable] = Entry { place: Place::Constant(word), known: Known::Word(word), own: Own::Constant };
        self.moves += 1;
        self.out.objects.extend([function.to_obj(), class.to_obj()]);
        Ok(())
    }

    /// The top words become the tuple of `*args`.
    fn collect_rest(&mut self, count: usize) -> Lower<()> {
        if count == 0 {
            let empty = Tuple::from_slice(&[]).into_obj();
            self.push_constant(empty.value().0);
            self.out.objects.push(empty);
            return Ok(());
        }
        self.ask(count, asks::tuple, count as u64, Known::Something)
    }

    /// Sets parameters that no argument is given for.
    fn set_defaults(&mut self, f: usize, frame: &mut Shared<VirtualFrame>, defaults: &[(usize, Obj)]) -> Lower<()> {
        // The callee is the innermost frame for a moment: its variables have homes then.
        self.state.frames.push(frame.clone());
        for (slot, value) in defaults {
            let (word, home) = (value.value().0, self.state.home(f + 1, *slot));
            self.room(1)?;
            self.op_immediate(Uop::LoadImmediate, word)?;
            self.op_home([Uop::StoreFrame, Uop::StoreTop], home)?;
            let known = Known::Word(word);
            let own = if known.is_uncounted() { Own::Uncounted } else { Own::Constant };
            frame.locals[*slot] = Local { known, own, unset: false };
            self.out.objects.push(value.clone());
        }
        self.state.frames.pop();
        Ok(())
    }

    /// A property whose getter is a Python function.
    pub(super) fn call_property(&mut self, record: &Record, next: &Record) -> Done {
        let (Some(cache), Seen::Object(class)) = (&record.cache, record.tops[0]) else { return Ok(None) };
        self.guard_version(class, cache.version)?;
        self.call_constant(record, next, 1)
    }

    /// `container[key]` where the container's class defines `__getitem__` in Python.
    pub(super) fn call_getitem(&mut self, record: &Record, next: &Record) -> Done {
        let (Some(cache), Seen::Object(class)) = (&record.cache, record.tops[1]) else { return Ok(None) };
        self.guard_second_version(class, cache.version)?;
        self.call_constant(record, next, 2)
    }

    /// Enters the function that the record's cache has found with the top `argc` words as its arguments.
    fn call_constant(&mut self, record: &Record, next: &Record, argc: usize) -> Done {
        let Some(object) = &record.object else { return Ok(None) };
        let Some(function) = object.exact::<Function>() else { return Ok(None) };
        let code = function.code();
        let f = self.state.innermost();
        let keep = self.state.frames[f].stack.len() - argc;
        let head = self.new_head(f)?;
        let same = std::ptr::eq(next.code, code) && next.frame != record.frame;
        if !same || code.argcount != argc || !code.simple_args || !self.fits(head, code.frame_size) {
            return Ok(None);
        }
        self.guard_code_of(function)?;
        self.boxed_arguments(f, keep)?;
        let frame = VirtualFrame::inlined(next.frame, code, head, Callee::Constant(object.value().0));
        self.move_arguments_from(f, frame, argc, 0, keep)?;
        self.state.frames[f].call = (record.ip, units(record.opcode) as u16);
        self.out.objects.extend([object.clone(), code.to_obj()]);
        Ok(Some(1))
    }

    /// The iterator of an instance whose class has a generator function as `__iter__`.
    pub(super) fn call_iter(&mut self, record: &Record, next: &Record) -> Done {
        self.guard_kind(1, record.tops[0])?;
        self.call_constant(record, next, 1)
    }

    /// Where the next inlined frame's head is.
    pub(super) fn new_head(&mut self, f: usize) -> Lower<i32> {
        if f == 0 {
            return Ok(0);
        }
        let frame = &self.state.frames[f];
        // SAFETY: the code of a frame is alive.
        let size = unsafe { (&*frame.code).frame_size } as i32;
        Ok(frame.head + layout().frame_head + 8 * size)
    }

    /// Whether a frame at `head` is inside what is set aside for inlined calls.
    pub(super) fn fits(&self, head: i32, frame_size: usize) -> bool {
        let words = (head + layout().frame_head) as usize / 8 + frame_size;
        words + 64 <= RESERVE_WORDS && self.state.frames.len() <= 40
    }

    /// The callable, wherever it is, is a function with the recorded one's code.
    fn guard_code(&mut self, f: usize, index: usize, function: &Object<Function>) -> Lower<()> {
        self.copy_word(f, index)?;
        let class = <Function as pyrs_runtime::PyClass>::class() as *const _ as u64;
        let known = self.state.frames[f].stack[index].known;
        if !matches!(known, Known::Class { class: known, .. } if known as u64 == class) {
            self.op_immediate(Uop::GuardClass1, class)?;
        }
        let code = function.code().value().0;
        self.op_with(Uop::GuardWord, [code, 0, 0], [layout().function_code, 0, 0, 0])?;
        let globals = &raw const *function.globals as u64;
        self.op_with(Uop::GuardWord, [globals, 0, 0], [layout().function_globals, 0, 0, 0])?;
        self.drop_int();
        Ok(())
    }

    /// A function that is a constant of the trace still has its code.
    pub(super) fn guard_code_of(&mut self, function: &Object<Function>) -> Lower<()> {
        let at = function.value().0 + layout().function_code as u64;
        let fact = (at, function.code().value().0);
        if !self.state.checked.contains(&fact) {
            self.room(1)?;
            self.op_immediate(Uop::LoadAddress, at)?;
            self.op_immediate(Uop::GuardIs, fact.1)?;
            self.state.checked.push(fact);
            self.out.objects.push(function.to_obj());
        }
        Ok(())
    }

    /// Arguments are words: unboxed doubles among them are boxed, and what only a field keeps alive is owned.
    pub(super) fn boxed_arguments(&mut self, f: usize, first: usize) -> Lower<()> {
        for i in first..self.state.frames[f].stack.len() {
            if self.state.frames[f].stack[i].own == Own::Fragile {
                self.own(f, i)?;
            }
        }
        Ok(())
    }

    /// The function stays where it is until the call returns: as a constant, or in memory.
    fn place_callee(&mut self, f: usize, index: usize, constant: bool, word: u64) -> Lower<Callee> {
        if constant {
            let entry = self.state.frames[f].stack[index];
            if entry.own == Own::Constant {
                return Ok(Callee::Constant(word));
            }
        }
        while self.state.frames[f].stack[index].place == Place::Int {
            self.spill_int()?;
        }
        if self.state.frames[f].stack[index].own == Own::Fragile {
            self.own(f, index)?;
        }
        let (entry, home) = (self.state.frames[f].stack[index], self.state.stack_home(f, index));
        match entry.place {
            Place::Memory => {}
            Place::Constant(_) | Place::Local { .. } => {
                self.load(entry, home)?;
                self.op_home([Uop::StoreFrame, Uop::StoreTop], home)?;
                self.state.frames[f].stack[index].place = Place::Memory;
            }
            _ => return Err(Abort::Unsupported),
        }
        Ok(Callee::Word { home, own: entry.own })
    }

    /// Moves the top `argc` words to the callee's variables from `first` on, and leaves the caller with `keep` words.
    pub(super) fn move_arguments_from(
        &mut self,
        f: usize,
        frame: Shared<VirtualFrame>,
        argc: usize,
        first: usize,
        keep: usize,
    ) -> Lower<()> {
        let slots: Vec<usize> = (first..first + argc).collect();
        self.move_arguments(f, frame, &slots, keep)
    }

    /// Moves the top words to the callee's variables `slots`, and leaves the caller with `keep` words.
    fn move_arguments(&mut self, f: usize, frame: Shared<VirtualFrame>, slots: &[usize], keep: usize) -> Lower<()> {
        self.state.frames.push(frame);
        let inner = self.state.innermost();
        for &slot in slots.iter().rev() {
            let index = self.state.frames[f].stack.len() - 1;
            let entry = self.state.frames[f].stack[index];
            let (from, to) = (self.state.stack_home(f, index), self.state.home(inner, slot));
            if self.move_double(f, index, inner, slot)? {
                self.state.frames[f].stack.pop();
                continue;
            }
            if entry.place != Place::Int {
                self.load(entry, from)?;
            }
            self.op_home([Uop::StoreFrame, Uop::StoreTop], to)?;
            self.state.frames[f].stack.pop();
            let known = if entry.known == Known::Nothing { Known::Something } else { entry.known };
            self.state.frames[inner].locals[slot] = Local { known, own: entry.own, unset: false };
        }
        self.state.frames[f].stack.truncate(keep);
        self.moves += 1;
        Ok(())
    }

    pub(super) fn return_value(&mut self) -> Done {
        let f = self.state.innermost();
        if f == 0 || self.state.frames[f].stack.len() != 1 {
            return Ok(None);
        }
        let returns = self.state.frames[f].returns;
        let known = self.state.frames[f].stack[0].known;
        match returns {
            Returns::Value => {}
            Returns::Init if known == Known::Word(none_value().0) => {}
            Returns::Operator if !self.may_answer(f - 1, known) => return Ok(None),
            Returns::Operator if known != Known::Word(not_implemented_value().0) => self.guard_answer(known)?,
            Returns::Init | Returns::Operator => return Ok(None),
        }
        self.result_survives(f)?;
        self.before_effect()?;
        // What the variables hold is given up.
        for slot in 0..self.state.frames[f].locals.len() {
            let local = self.state.frames[f].locals[slot];
            if local.unset || local.own != Own::Counted || local.known.is_uncounted() {
                continue;
            }
            let home = self.state.home(f, slot);
            self.release_home(home, local.known)?;
        }
        if let Callee::Word { home, own: Own::Counted } = self.state.frames[f].callee {
            self.op_home([Uop::DecrefFrame, Uop::DecrefTop], home)?;
        }
        let result = self.state.frames[f].stack[0];
        self.state.frames.pop();
        match returns {
            Returns::Value => self.push_entry(result),
            // The instance is on the caller's stack.
            Returns::Init if result.place == Place::Int => self.drop_int(),
            Returns::Init => {}
            Returns::Operator => {
                // The operands are in memory.
                for _ in 0..2 {
                    let caller = self.state.innermost();
                    let index = self.state.frames[caller].stack.len() - 1;
                    let (entry, home) = (self.state.frames[caller].stack[index], self.state.stack_home(caller, index));
                    if entry.own == Own::Counted && !entry.known.is_uncounted() {
                        self.release_home(home, entry.known)?;
                    }
                    self.pop()?;
                }
                self.push_entry(result);
            }
        }
        self.frame_mut().call = (std::ptr::null_mut(), 0);
        Ok(Some(1))
    }

    /// Whether the operator that the frame waits for takes what its function returns as it is: many comparisons want a
    /// bool.
    fn may_answer(&self, caller: usize, known: Known) -> bool {
        // SAFETY: the frame waits at an instruction.
        let waiting = unsafe { decode(self.state.frames[caller].call.0) };
        let is_bool =
            known == Known::Bool || known == Known::Word(true_value().0) || known == Known::Word(false_value().0);
        match waiting {
            Some((Opcode::CompareOp, oparg)) => is_bool || oparg & COMPARES_AS_BOOL == 0,
            Some((opcode, _)) => opcode.deopt() == Opcode::BinaryOp,
            None => false,
        }
    }

    /// An operator's result is not NotImplemented.
    fn guard_answer(&mut self, known: Known) -> Lower<()> {
        if matches!(known, Known::Nothing | Known::Something) {
            self.in_registers(1)?;
            self.room(1)?;
            self.in_registers(1)?;
            self.op(Uop::Copy1)?;
            self.op_immediate(Uop::GuardIsNot, not_implemented_value().0)?;
        }
        Ok(())
    }

    /// An operator that is a Python function of an operand's class. The operands stay on the caller's stack.
    pub(super) fn call_operator(&mut self, record: &Record, next: &Record) -> Done {
        let Some(function) = record.object.as_ref().and_then(|f| f.exact::<Function>()) else { return Ok(None) };
        let f = self.state.innermost();
        let Some(first) = self.state.frames[f].stack.len().checked_sub(2) else { return Ok(None) };
        let code = function.code();
        let head = self.new_head(f)?;
        let same = std::ptr::eq(next.code, code) && next.frame != record.frame;
        if !same || !self.fits(head, code.frame_size) {
            return Ok(None);
        }
        let reflected = !matches!(record.tops[1], Seen::Object(class) if Self::is_python_class(class));
        if !still_asks(record, reflected, function) {
            return Ok(None);
        }
        for (n, seen) in [(1, record.tops[0]), (2, record.tops[1])] {
            self.guard_kind(n, seen)?;
        }
        self.guard_code_of(function)?;
        self.floats_to_memory(f, first)?;
        for i in first..first + 2 {
            if self.state.frames[f].stack[i].own == Own::Fragile {
                self.own(f, i)?;
            }
        }
        while self.state.frames[f].stack[first..].iter().any(|e| e.place == Place::Int) {
            self.spill_int()?;
        }
        let mut frame = VirtualFrame::inlined(next.frame, code, head, Callee::Constant(function.value().0));
        frame.returns = Returns::Operator;
        self.state.frames.push(frame);
        for i in 0..2 {
            let slot = if reflected { 1 - i } else { i };
            let (entry, from) = (self.state.frames[f].stack[first + i], self.state.stack_home(f, first + i));
            let to = self.state.home(f + 1, slot);
            self.load(entry, from)?;
            if entry.own == Own::Counted && !entry.known.is_uncounted() {
                self.op(Uop::Incref1)?;
            }
            self.op_home([Uop::StoreFrame, Uop::StoreTop], to)?;
            let known = if entry.known == Known::Nothing { Known::Something } else { entry.known };
            self.state.frames[f + 1].locals[slot] = Local { known, own: entry.own, unset: false };
        }
        self.state.frames[f].call = (record.ip, units(record.opcode) as u16);
        self.out.objects.extend([function.to_obj(), code.to_obj()]);
        self.moves += 1;
        Ok(Some(1))
    }

    fn is_python_class(class: *const Type) -> bool {
        // SAFETY: the class of an operand that was alive while recording, and that a guard keeps.
        unsafe { (*class).is_heap_type() }
    }

    /// The word is of the kind that was seen: of the very class, unchanged, if it is an object.
    fn guard_kind(&mut self, n: usize, seen: Seen) -> Lower<()> {
        match seen {
            Seen::Object(class) if !Self::is_python_class(class) => self.guard_class(n, class),
            Seen::Object(class) => {
                // SAFETY: as above.
                let version = unsafe { (*class).current_version() };
                if version == 0 {
                    return Err(Abort::Unsupported);
                }
                if n == 1 { self.guard_version(class, version) } else { self.guard_second_version(class, version) }
            }
            Seen::Int => self.guard_int(n),
            Seen::Float => {
                if self.peek(n)?.known != Known::Float {
                    self.in_registers(n)?;
                    self.op([Uop::GuardFloat1, Uop::GuardFloat2][n - 1])?;
                    self.learn(n, Known::Float)?;
                }
                Ok(())
            }
            Seen::Singleton(word) => self.guard_word(n, word).map(drop),
            Seen::Null => Err(Abort::Unsupported),
        }
    }

    /// The result must not be in the dying frame's memory, nor live on its variables' references.
    fn result_survives(&mut self, f: usize) -> Lower<()> {
        let entry = self.state.frames[f].stack[0];
        if matches!(entry.place, Place::Memory | Place::Local { .. } | Place::RawFloat) {
            let raw = matches!(entry.place, Place::Local { frame, slot } if self.state.raw_home(frame, slot).is_some());
            if entry.place == Place::RawFloat || raw {
                self.in_doubles(1)?;
            } else {
                self.in_registers(1)?;
            }
        }
        let Own::Local { frame, slot } = entry.own else { return Ok(()) };
        if frame != f {
            return Ok(());
        }
        let local = &mut self.state.frames[f].locals[slot];
        let inherited = local.own;
        if inherited == Own::Counted {
            // The variable's reference becomes the result's.
            local.own = Own::Uncounted;
        }
        self.state.frames[f].stack[0].own = inherited;
        Ok(())
    }
}

/// Whether the operand's class still has the operator's function: what is compared is its present version, and a program
/// may have changed it since.
fn still_asks(record: &Record, reflected: bool, function: &Object<Function>) -> bool {
    let Seen::Object(class) = record.tops[if reflected { 0 } else { 1 }] else { return false };
    let name = operators::method_name(record.opcode, record.oparg, reflected);
    // SAFETY: the class of a recorded operand, which the recording keeps in use.
    name.is_some_and(|name| unsafe { lookup_raw(&*class, name) } == function.value())
}
