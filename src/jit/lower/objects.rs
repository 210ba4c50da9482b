//! Attributes, items, globals, iterators.

use pyrs_bytecode::Opcode;
use pyrs_runtime::object::Obj;
use pyrs_runtime::objects::dict::Dict;
use pyrs_runtime::objects::function::{BuiltinFunction, Function};
use pyrs_runtime::objects::inline_cache::InlineCache;
use pyrs_runtime::objects::list::List;
use pyrs_runtime::objects::module::Module;
use pyrs_runtime::objects::singletons::none_value;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::types::Type;
use pyrs_runtime::types::shape::Shape;
use pyrs_uops::Uop;

use super::instructions::{Done, FUSED, decode, units};
use super::{Entry, Known, Lower, Lowering, Own, Place};
use crate::asks;
use crate::layout::{is_class, layout};
use crate::record::{Record, Seen};

impl Lowering<'_> {
    /// The class in whose present state the `n`-th word's class is known to be.
    fn has_version(&mut self, n: usize, version: u32) -> Lower<bool> {
        Ok(matches!(self.peek(n)?.known, Known::Class { version: known, .. } if known == version))
    }

    /// The word in the top register, the `n`-th of the stack, is an instance of a class in this state.
    fn guard_register_version(&mut self, n: usize, class: *const Type, version: u32) -> Lower<()> {
        self.op_with(Uop::GuardVersion, [version as u64, 0, 0], [layout().type_version, 0, 0, 0])?;
        self.learn(n, Known::Class { class, version, shape: std::ptr::null() })
    }

    /// The top word is an instance of a class in this state.
    pub(super) fn guard_version(&mut self, class: *const Type, version: u32) -> Lower<()> {
        if self.has_version(1, version)? {
            return Ok(());
        }
        self.in_registers(1)?;
        self.guard_register_version(1, class, version)
    }

    /// As [`Self::guard_version`], for the word under a constant.
    pub(super) fn guard_version_under_constant(&mut self, class: *const Type, version: u32) -> Lower<()> {
        if self.has_version(2, version)? {
            return Ok(());
        }
        self.in_registers_under(1, 1)?;
        self.guard_register_version(2, class, version)
    }

    /// As [`Self::guard_version`], for the second word, by a copy of it.
    pub(super) fn guard_second_version(&mut self, class: *const Type, version: u32) -> Lower<()> {
        if self.has_version(2, version)? {
            return Ok(());
        }
        self.in_registers(2)?;
        self.room(1)?;
        self.in_registers(2)?;
        self.op(Uop::Copy2)?;
        self.guard_register_version(2, class, version)?;
        self.drop_int();
        Ok(())
    }

    /// The top word is an instance of a class in the cache's state and, with `shape`, of the cache's shape.
    fn guard_owner(&mut self, cache: &InlineCache, class: *const Type, with_shape: bool) -> Lower<()> {
        self.guard_version(class, cache.version)?;
        let known = self.peek(1)?.known;
        if with_shape && !matches!(known, Known::Class { shape, .. } if shape == cache.shape) {
            self.in_registers(1)?;
            let displacements = [cache.shape_offset as i32, 0, 0, 0];
            self.op_with(Uop::GuardWord, [cache.shape as u64, 0, 0], displacements)?;
            self.learn(1, Known::Class { class, version: cache.version, shape: cache.shape })?;
        }
        Ok(())
    }

    /// Replaces the owner by the word in a field of it.
    fn replace_by_field(&mut self, offset: i32) -> Lower<()> {
        let owner = *self.peek(1)?;
        if owner.own == Own::Counted {
            self.before_effect()?;
            self.in_registers(1)?;
            self.room(1)?;
            self.in_registers(1)?;
            self.op_with(Uop::LoadFieldKeep, [0; 3], [offset, 0, 0, 0])?;
            self.op(Uop::Incref1)?;
            self.pop()?;
            self.push(Known::Something, Own::Counted);
            // The owner is in the register below.
            return self.op(Uop::DecrefSecond);
        }
        self.in_registers(1)?;
        self.op_with(Uop::LoadField, [0; 3], [offset, 0, 0, 0])?;
        self.pop()?;
        self.push(Known::Something, Own::Fragile);
        Ok(())
    }

    /// The class whose instances have the cache's shape.
    fn class_of(cache: &InlineCache) -> *const Type {
        // SAFETY: shapes live as long as their classes, whose version the cache has.
        if cache.shape.is_null() { std::ptr::null() } else { unsafe { (*cache.shape).class } }
    }

    pub(super) fn load_instance_value(&mut self, cache: &InlineCache, oparg: u32) -> Lower<()> {
        self.guard_owner(cache, Self::class_of(cache), true)?;
        self.replace_by_field(cache.offset as i32)?;
        self.push_null_for_call(oparg);
        Ok(())
    }

    pub(super) fn load_slot(&mut self, record: &Record) -> Done {
        self.load_slot_of(record, record.tops[0], record.oparg)
    }

    /// As [`Self::load_slot`], of an owner of this kind.
    pub(super) fn load_slot_of(&mut self, record: &Record, owner: Seen, oparg: u32) -> Done {
        let (Some(cache), Seen::Object(class)) = (&record.cache, owner) else { return Ok(None) };
        self.guard_owner(cache, class, false)?;
        self.replace_by_field(cache.offset as i32)?;
        self.push_null_for_call(oparg);
        Ok(Some(1))
    }

    /// A method found on the class: it goes below the instance, as a constant.
    pub(super) fn load_method(&mut self, record: &Record) -> Done {
        let (Some(cache), Some(method)) = (&record.cache, &record.object) else { return Ok(None) };
        match self.kind(1, record.tops[0])? {
            Seen::Object(class) => {
                self.guard_owner(cache, class, record.opcode == Opcode::LoadAttrMethodWithValues)?;
            }
            seen if record.opcode == Opcode::LoadAttrMethodNoDict => {
                let Some(class) = self.class_by_guard(1, seen)? else { return Ok(None) };
                self.guard_memory((class as u64 + layout().type_version as u64) as *const u32, cache.version)?;
            }
            _ => return Ok(None),
        }
        self.push_method(method)?;
        Ok(Some(1))
    }

    /// As [`Self::load_method`], where attributes are in a dictionary, which may hide the method.
    pub(super) fn load_method_of_dict(&mut self, record: &Record) -> Done {
        let Some(method) = &record.object else { return Ok(None) };
        let plan = self.named_entry(record, record.oparg >> 1)?;
        self.ask_keeping(1, asks::method, plan)?;
        // The answer says no more than that there is one.
        self.drop_int();
        self.push_method(method)?;
        Ok(Some(1))
    }

    /// A method found on the class goes below the instance, as a constant.
    pub(super) fn push_method(&mut self, method: &Obj) -> Lower<()> {
        let method = self.keep(method);
        // The instance's place in memory is about to move by one word.
        if self.peek(1)?.place == Place::Memory {
            self.in_registers(1)?;
        }
        let entry = Entry { place: Place::Constant(method.0), known: Known::Word(method.0), own: Own::Constant };
        let at = self.frame().stack.len() - 1;
        self.frame_mut().stack.insert(at, entry);
        self.moves += 1;
        Ok(())
    }

    /// `text += other` of a variable, which is stored back along with it: nobody else holds the text, and it grows where
    /// it is.
    pub(super) fn append_text(&mut self, record: &Record, next: &Record) -> Done {
        let f = self.state.innermost();
        let Some(left) = self.state.frames[f].stack.len().checked_sub(2) else { return Ok(None) };
        let Place::Local { frame, slot } = self.state.frames[f].stack[left].place else { return Ok(None) };
        // SAFETY: recorded code is alive.
        let behind = unsafe { record.ip.add(units(record.opcode)) };
        // SAFETY: as above.
        let stores = unsafe { decode(behind) } == Some((Opcode::StoreFast, slot as u32));
        let is_own = frame == f && self.state.frames[f].locals[slot].own == Own::Counted;
        if !stores || !is_own || next.start != behind.wrapping_add(1) {
            return Ok(None);
        }
        let uses = |e: &Entry| e.place == Place::Local { frame, slot } || e.own == Own::Local { frame, slot };
        let others = self.state.frames.iter().flat_map(|f| &f.stack).filter(|e| uses(e)).count();
        if others > 1 {
            return Ok(None);
        }
        // SAFETY: the code of a frame is alive.
        let variables = unsafe { (&*self.state.frames[f].code).nlocalsplus };
        let distance = (variables + left + 1 - slot) as u64;
        self.ask_keeping(1, asks::append_text, distance)?;
        self.replace_asked(1, Known::Word(none_value().0))?;
        self.pop()?;
        self.drop_int();
        self.pop()?;
        let known =
            Known::Class { class: <Str as pyrs_runtime::PyClass>::class(), version: 0, shape: std::ptr::null() };
        self.state.frames[f].locals[slot].known = known;
        Ok(Some(FUSED))
    }

    pub(super) fn load_class_value(&mut self, record: &Record) -> Done {
        let (Some(cache), Some(found)) = (&record.cache, &record.object) else { return Ok(None) };
        let Seen::Object(class) = record.tops[0] else { return Ok(None) };
        self.guard_owner(cache, class, record.opcode == Opcode::LoadAttrNondescriptorWithValues)?;
        let found = self.keep(found);
        self.discard()?;
        self.push_constant(found.0);
        self.push_null_for_call(record.oparg);
        Ok(Some(1))
    }

    pub(super) fn store_instance_value(&mut self, cache: &InlineCache) -> Lower<()> {
        self.guard_owner(cache, Self::class_of(cache), true)?;
        self.own_top(2)?;
        self.before_effect()?;
        self.in_registers(2)?;
        self.op_with(Uop::ExchangeField, [0; 3], [cache.offset as i32, 0, 0, 0])?;
        let owner = self.pop()?;
        self.pop()?;
        // Now the registers hold the owner and the old value.
        if cache.target != 0 {
            self.drop_int();
            self.op_with(Uop::SetWord, [cache.target, 0, 0], [cache.shape_offset as i32, 0, 0, 0])?;
            self.reshaped(cache.shape, cache.target as *const Shape, owner);
        } else {
            self.op(Uop::DecrefOrNull)?;
        }
        if owner.own == Own::Counted {
            return self.op(Uop::Decref);
        }
        self.drop_int();
        Ok(())
    }

    /// An attribute kept in a slot: nothing but its class is known of the owner.
    pub(super) fn store_slot(&mut self, record: &Record) -> Done {
        let (Some(cache), Seen::Object(class)) = (&record.cache, record.tops[0]) else { return Ok(None) };
        self.guard_owner(cache, class, false)?;
        self.own_top(2)?;
        self.before_effect()?;
        self.in_registers(2)?;
        self.op_with(Uop::ExchangeField, [0; 3], [cache.offset as i32, 0, 0, 0])?;
        let owner = self.pop()?;
        self.pop()?;
        self.op(Uop::DecrefOrNull)?;
        if owner.own == Own::Counted {
            self.op(Uop::Decref)?;
        } else {
            self.drop_int();
        }
        Ok(Some(1))
    }

    /// An object has moved to another shape: what was known of its old one may be about this object.
    fn reshaped(&mut self, from: *const Shape, to: *const Shape, owner: Entry) {
        let forget = |known: &mut Known| {
            if let Known::Class { shape, .. } = known
                && *shape == from
            {
                *shape = std::ptr::null();
            }
        };
        for frame in &mut self.state.frames {
            frame.locals.iter_mut().for_each(|l| forget(&mut l.known));
            frame.stack.iter_mut().for_each(|e| forget(&mut e.known));
        }
        if let (Own::Local { frame, slot }, Known::Class { class, version, .. }) = (owner.own, owner.known) {
            self.state.frames[frame].locals[slot].known = Known::Class { class, version, shape: to };
        }
    }

    pub(super) fn load_global(&mut self, record: &Record) -> Done {
        let (Some(cache), Some(object)) = (&record.cache, &record.object) else { return Ok(None) };
        let Some([globals, builtins]) = &record.namespaces else { return Ok(None) };
        self.out.objects.extend([globals.clone(), builtins.clone()]);
        let (Some(globals), Some(builtins)) = (globals.downcast::<Dict>(), builtins.downcast::<Dict>()) else {
            return Ok(None);
        };
        self.guard_memory(globals.keys_version_address(), cache.version)?;
        if record.opcode == Opcode::LoadGlobalBuiltin {
            self.guard_memory(builtins.keys_version_address(), cache.version2)?;
        }
        self.global_value(cache.target, object)?;
        self.push_null_for_call(record.oparg);
        Ok(Some(1))
    }

    /// Pushes the value at an address in a namespace whose keys are as they were: functions, classes and modules as
    /// constants.
    pub(super) fn global_value(&mut self, address: u64, object: &Obj) -> Lower<()> {
        let stable = object.exact::<Function>().is_some()
            || object.exact::<BuiltinFunction>().is_some()
            || object.exact::<Module>().is_some()
            || pyrs_runtime::types::as_type(object).is_some();
        let word = object.value().0;
        self.room(1)?;
        if !stable {
            self.op_immediate(Uop::LoadAddress, address)?;
            self.push(Known::Something, Own::Fragile);
            return Ok(());
        }
        if !self.state.checked.contains(&(address, word)) {
            self.op_immediate(Uop::LoadAddress, address)?;
            self.op_immediate(Uop::GuardIs, word)?;
            self.state.checked.push((address, word));
            self.out.objects.push(object.clone());
        }
        self.push_constant(word);
        Ok(())
    }

    /// A 32-bit word in memory has this value.
    pub(super) fn guard_memory(&mut self, at: *const u32, value: u32) -> Lower<()> {
        let fact = (at as u64, value as u64);
        if !self.state.checked.contains(&fact) {
            self.op_with(Uop::GuardMemory32, [fact.0, fact.1, 0], [0; 4])?;
            self.state.checked.push(fact);
        }
        Ok(())
    }

    pub(super) fn subscript(&mut self, record: &Record) -> Done {
        let Seen::Object(class) = record.tops[1] else { return Ok(None) };
        let list = is_class::<List>(class);
        if (!list && !is_class::<Tuple>(class)) || record.tops[0] != Seen::Int {
            return Ok(None);
        }
        self.guard_class(2, class)?;
        self.guard_int(1)?;
        let container = *self.peek(2)?;
        if container.own == Own::Counted {
            self.before_effect()?;
        }
        self.in_registers(2)?;
        let displacements = if list {
            [layout().list_length, layout().list_items, 0, 0]
        } else {
            [layout().tuple_length, layout().tuple_items, 0, 0]
        };
        if container.own == Own::Counted {
            let uop = if list { Uop::ListItemKeep } else { Uop::TupleItemKeep };
            self.op_with(uop, [0; 3], displacements)?;
            self.op(Uop::Incref1)?;
            self.pop()?;
            self.pop()?;
            self.push(Known::Something, Own::Counted);
            self.op(Uop::DecrefSecond)?;
        } else {
            self.op_with(if list { Uop::ListItem } else { Uop::TupleItem }, [0; 3], displacements)?;
            self.pop()?;
            self.pop()?;
            self.push(Known::Something, Own::Fragile);
        }
        Ok(Some(1))
    }

    pub(super) fn store_subscript(&mut self, record: &Record) -> Done {
        let Seen::Object(class) = record.tops[1] else { return Ok(None) };
        if !is_class::<List>(class) || record.tops[0] != Seen::Int {
            return Ok(None);
        }
        self.guard_class(2, class)?;
        self.guard_int(1)?;
        self.own_top(3)?;
        self.before_effect()?;
        self.in_registers(3)?;
        let displacements = [layout().list_length, layout().list_items, 0, 0];
        self.op_with(Uop::ExchangeListItem, [0; 3], displacements)?;
        self.pop()?;
        let container = self.pop()?;
        self.pop()?;
        // Now the registers hold the list and the old item.
        self.op(Uop::Decref)?;
        if container.own == Own::Counted {
            self.op(Uop::Decref)?;
        } else {
            self.drop_int();
        }
        Ok(Some(1))
    }
}
