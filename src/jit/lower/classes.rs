//! Classes that are constants of the trace: their class methods, what `super()` finds behind them, new instances.

use pyrs_interp::jit::found_by_super;
use pyrs_runtime::object::{Obj, Object, PyClass};
use pyrs_runtime::objects::builtin_function::BuiltinFunction;
use pyrs_runtime::objects::function::{ClassMethod, Function};
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::super_object::Super;
use pyrs_runtime::types::{TYPE, Type, as_type, lookup_raw};
use pyrs_runtime::value::Value;
use pyrs_uops::Uop;

use super::instructions::Done;
use super::{Entry, Known, Lower, Lowering, Own};
use crate::asks;
use crate::layout::layout;
use crate::quiet;
use crate::record::{Record, Seen};

impl Lowering<'_> {
    /// `Class.method` or `instance.method` where that is a `classmethod` of a Python function: the function, and the class
    /// as its argument.
    pub(super) fn load_class_method(&mut self, record: &Record) -> Done {
        if record.oparg & 1 == 0 {
            return Ok(None);
        }
        // SAFETY: the recorded code is alive, and keeps its names.
        let name = unsafe { &(&*record.code).names.items()[record.oparg as usize >> 1] };
        let Some(name) = name.exact::<Str>() else { return Ok(None) };
        let (class, function) = match (self.peek(1)?.known, record.tops[0]) {
            (Known::Word(word), _) => {
                // SAFETY: a constant of the trace is alive.
                let owner = unsafe { Obj::from_borrowed(Value(word)) };
                let Some(class) = as_type(&owner) else { return Ok(None) };
                let Some(function) = class_method(class, name) else { return Ok(None) };
                if !finds_in_itself(class.class(), name) || !self.guard_class_state(class)? {
                    return Ok(None);
                }
                (class.to_obj(), function)
            }
            (_, Seen::Object(class)) => {
                // SAFETY: the class of a recorded operand, which the recording keeps in use.
                let class = unsafe { &*class };
                let Some(function) = class_method(class, name) else { return Ok(None) };
                // Instances without attributes of their own can't hide it.
                let version = class.current_version();
                if !class.is_heap_type() || class.dict_offset() != 0 || !quiet::is_generic(class) || version == 0 {
                    return Ok(None);
                }
                self.guard_version(class, version)?;
                (class.to_obj(), function)
            }
            _ => return Ok(None),
        };
        self.discard()?;
        self.push_constant(function.value().0);
        self.push_constant(class.value().0);
        self.out.objects.extend([class, function]);
        Ok(Some(1))
    }

    /// The class, which is a constant, and its metaclass are in the state that they were recorded in; false if that can't
    /// be told.
    fn guard_class_state(&mut self, class: &Type) -> Lower<bool> {
        let meta = class.class();
        for class in [class, meta] {
            let version = class.current_version();
            if version == 0 && class.is_heap_type() {
                return Ok(false);
            }
            if class.is_heap_type() {
                self.guard_memory((class.value().0 + layout().type_version as u64) as *const u32, version)?;
            }
        }
        Ok(true)
    }

    /// The `n`-th word, one of the top two, is this object.
    fn guard_constant(&mut self, n: usize, object: &Obj) -> Lower<()> {
        if self.guard_word(n, object.value().0)? {
            self.keep(object);
        }
        Ok(())
    }

    /// The `n`-th word, one of the top two, is exactly this one; false if that was known.
    pub(super) fn guard_word(&mut self, n: usize, word: u64) -> Lower<bool> {
        if self.peek(n)?.known == Known::Word(word) {
            return Ok(false);
        }
        self.in_registers(n)?;
        self.room(1)?;
        self.in_registers(n)?;
        self.op([Uop::Copy1, Uop::Copy2][n - 1])?;
        self.op_immediate(Uop::GuardIs, word)?;
        self.learn(n, Known::Word(word))?;
        Ok(true)
    }

    /// `super().name(…)`: what is found is a constant for a class behind which `super` looks and the class of `self`, or the
    /// class that `self` is.
    pub(super) fn load_super_method(&mut self, record: &Record) -> Done {
        let (Some(method), Some([start, this])) = (&record.object, &record.namespaces) else { return Ok(None) };
        // SAFETY: the recorded code is alive, and keeps its names.
        let name = unsafe { &(&*record.code).names.items()[record.oparg as usize >> 2] };
        // A class may have changed since it was recorded; what is compared is its present version.
        let found = name.exact::<Str>().map(|name| found_by_super(start, this, name));
        let is_super = self.peek(3)?.known == Known::Word(<Super as PyClass>::class().value().0);
        if !is_super || found != Some(method.value()) {
            return Ok(None);
        }
        self.guard_constant(2, start)?;
        if let Some(class) = as_type(this) {
            self.guard_constant(1, this)?;
            if !self.guard_class_state(class)? {
                return Ok(None);
            }
            for _ in 0..3 {
                self.discard()?;
            }
            let method = self.keep(method);
            self.push_constant(method.0);
            self.push_constant(0);
            return Ok(Some(1));
        }
        let Seen::Object(class) = record.tops[0] else { return Ok(None) };
        // SAFETY: the class of a recorded operand, whose version is about to be compared.
        let version = unsafe { (*class).current_version() };
        if version == 0 {
            return Ok(None);
        }
        self.guard_version(class, version)?;
        let this = self.pop_second()?;
        self.discard()?;
        self.push_entry(this);
        self.push_method(method)?;
        Ok(Some(1))
    }

    /// Gives the second word up. The top one, which is not on the stack any more, is in its register.
    fn pop_second(&mut self) -> Lower<Entry> {
        if self.peek(2)?.own == Own::Counted {
            self.before_effect()?;
        }
        self.in_registers(2)?;
        let (top, second) = (self.pop()?, self.pop()?);
        self.op(if second.own == Own::Counted { Uop::DecrefSecond } else { Uop::Nip })?;
        Ok(top)
    }

    /// `object.__new__(Class)` of a class that is a constant.
    pub(super) fn new_instance(&mut self, record: &Record, constructor: &Object<BuiltinFunction>) -> Done {
        let Known::Word(word) = self.peek(1)?.known else { return Ok(None) };
        // SAFETY: a constant of the trace is alive.
        let object = unsafe { Obj::from_borrowed(Value(word)) };
        let Some(class) = as_type(&object) else { return Ok(None) };
        let of_object = constructor.this.as_ref().is_some_and(|c| c.value() == quiet::object_class().value());
        let is_constant = |e: &Entry| matches!(e.known, Known::Word(_));
        let callable = (*self.peek(3)?, *self.peek(2)?);
        if !of_object
            || record.oparg != 1
            || !is_constant(&callable.0)
            || callable.1.known != Known::Word(0)
            || !quiet::is_made_plainly(class)
            || !self.guard_class_state(class)?
        {
            return Ok(None);
        }
        self.ask_keeping(0, asks::instance, word)?;
        self.out.objects.push(object.clone());
        self.replace_asked(3, Known::Class { class, version: class.current_version(), shape: std::ptr::null() })?;
        Ok(Some(1))
    }
}

/// The Python function of a `classmethod` that a class has or inherits.
fn class_method(class: &Type, name: &Object<Str>) -> Option<Obj> {
    let found = lookup_raw(class, name);
    if found.is_null() {
        return None;
    }
    // SAFETY: the class holds what it finds.
    let function = unsafe { found.as_obj() }.exact::<ClassMethod>()?.function();
    function.exact::<Function>().is_some().then_some(function)
}

/// Whether a class with this metaclass finds what itself or a base has under the name.
fn finds_in_itself(meta: &Type, name: &Object<Str>) -> bool {
    let lookup = |class: &Type| class.slots().getattro.map(|f| f as usize);
    lookup(meta) == lookup(TYPE.get()) && lookup_raw(meta, name).is_null()
}
