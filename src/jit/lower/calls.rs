//! Inlined calls.

use pyrs_runtime::object::Obj;
use pyrs_runtime::objects::function::Function;
use pyrs_runtime::objects::singletons::none_value;
use pyrs_uops::Uop;

use super::instructions::{Done, units};
use super::{Callee, Known, Local, Lower, Lowering, Own, Place, RESERVE_WORDS, VirtualFrame};
use crate::layout::layout;
use crate::record::{Record, Seen};
use crate::stats::Abort;

/// Code units of CALL with its cache.
const CALL_UNITS: u16 = 4;

impl Lowering<'_> {
    /// A call of a Python function whose parameters are exactly the arguments.
    pub(super) fn call_function(&mut self, record: &Record, next: &Record) -> Done {
        let Some(function) = record.object.as_ref().and_then(|f| f.exact::<Function>()) else { return Ok(None) };
        let n = record.oparg as usize;
        let code = function.code();
        let f = self.state.innermost();
        let length = self.state.frames[f].stack.len();
        if length < n + 2 || next.frame == record.frame || !std::ptr::eq(next.code, code) {
            return Ok(None);
        }
        let callable = length - n - 2;
        let has_self = self.state.frames[f].stack[callable + 1].known != Known::Word(0);
        let argc = n + has_self as usize;
        if argc != code.argcount || !code.simple_args {
            return Ok(None);
        }
        let head = self.new_head(f)?;
        if !self.fits(head, code.frame_size) {
            return Ok(None);
        }
        // Guards first: the callable is this function, or has this code.
        let known = self.state.frames[f].stack[callable].known;
        let constant = known == Known::Word(function.value().0);
        if !constant {
            self.guard_code(f, callable, record)?;
        } else {
            self.guard_code_of(function)?;
        }
        self.boxed_arguments(f, callable + 1)?;
        let callee = self.place_callee(f, callable, constant, function.value().0)?;
        // Arguments move to the callee's variables, the last one first.
        let frame = VirtualFrame::inlined(next.frame, code, head, callee);
        self.move_arguments_from(f, frame, argc, 0, callable)?;
        self.state.frames[f].call = (record.ip, CALL_UNITS);
        self.out.objects.push(function.code().to_obj());
        Ok(Some(1))
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

    /// Enters the function in the record's cache with the top `argc` words as its arguments.
    fn call_constant(&mut self, record: &Record, next: &Record, argc: usize) -> Done {
        let Some(cache) = &record.cache else { return Ok(None) };
        // SAFETY: the class's version, just compared, keeps the function alive.
        let object = unsafe { Obj::from_borrowed(cache.target_value()) };
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
    fn guard_code(&mut self, f: usize, index: usize, record: &Record) -> Lower<()> {
        let function = record.object.as_ref().and_then(|f| f.exact::<Function>()).ok_or(Abort::Unsupported)?;
        let home = self.state.stack_home(f, index);
        self.room(1)?;
        // Deep in the registers: through memory.
        while self.state.frames[f].stack[index].place == Place::Int {
            self.spill_int()?;
        }
        let entry = self.state.frames[f].stack[index];
        self.load(entry, home)?;
        let class = <Function as pyrs_runtime::PyClass>::class() as *const _ as u64;
        if !matches!(entry.known, Known::Class { class: known, .. } if known as u64 == class) {
            self.op_immediate(Uop::GuardClass1, class)?;
        }
        let code = function.code().value().0;
        self.op_with(Uop::GuardWord, [code, 0, 0], [layout().function_code, 0, 0, 0])?;
        self.drop_int();
        Ok(())
    }

    /// A function that is a constant of the trace still has its code.
    pub(super) fn guard_code_of(&mut self, function: &pyrs_runtime::object::Object<Function>) -> Lower<()> {
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
        self.floats_to_memory(f, first)?;
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
        frame: VirtualFrame,
        argc: usize,
        first: usize,
        keep: usize,
    ) -> Lower<()> {
        self.state.frames.push(frame);
        let inner = self.state.innermost();
        for slot in (first..first + argc).rev() {
            let index = self.state.frames[f].stack.len() - 1;
            let entry = self.state.frames[f].stack[index];
            let (from, to) = (self.state.stack_home(f, index), self.state.home(inner, slot));
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
        let is_init = self.state.frames[f].is_init;
        if is_init && self.state.frames[f].stack[0].known != Known::Word(none_value().0) {
            return Ok(None);
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
        if is_init {
            // The instance is on the caller's stack.
            if result.place == Place::Int {
                self.drop_int();
            }
        } else {
            self.push_entry(result);
        }
        self.frame().call = (std::ptr::null_mut(), 0);
        Ok(Some(1))
    }

    /// The result must not be in the dying frame's memory, nor live on its variables' references.
    fn result_survives(&mut self, f: usize) -> Lower<()> {
        let entry = self.state.frames[f].stack[0];
        if matches!(entry.place, Place::Memory | Place::Local { .. } | Place::RawFloat) {
            if entry.place == Place::RawFloat {
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
