//! Subscripts of containers that keep machine values, `array.array` for one: doubles go from and to registers without
//! having been words.

use pyrs_runtime::object::Header;
use pyrs_runtime::objects::machine_items::{Item, MachineItems};
use pyrs_uops::Uop;

use super::instructions::Done;
use super::{Entry, Known, Lower, Lowering, Own, Place};
use crate::record::{Record, Seen};

impl Lowering<'_> {
    /// The item type of the container below the key, and where its parts are: both are guarded.
    fn machine_items(&mut self, record: &Record) -> Lower<Option<(Item, [i32; 4])>> {
        let Seen::Object(class) = record.tops[1] else { return Ok(None) };
        let Some(items) = MachineItems::of(class) else { return Ok(None) };
        let Some(item) = (items.item_of)(record.item_kind) else { return Ok(None) };
        if self.kind(1, record.tops[0])? != Seen::Int || self.peek(2)?.own == Own::Counted {
            return Ok(None);
        }
        self.guard_class(2, class)?;
        self.guard_int(1)?;
        self.in_registers(2)?;
        let at = |offset: usize| (size_of::<Header>() + offset) as i32;
        self.op_with(Uop::GuardWord2, [record.item_kind, 0, 0], [at(items.kind), 0, 0, 0])?;
        Ok(Some((item, [at(items.bytes), at(items.address), 0, 0])))
    }

    /// Takes the key and the container, whose registers have been used, off the stack.
    fn pop_subscript(&mut self) -> Lower<()> {
        self.pop()?;
        self.pop()?;
        Ok(())
    }

    pub(super) fn load_machine_item(&mut self, record: &Record) -> Done {
        let Some((item, displacements)) = self.machine_items(record)? else { return Ok(None) };
        let uop = match item {
            Item::I8 => Uop::LoadI8,
            Item::U8 => Uop::LoadU8,
            Item::I16 => Uop::LoadI16,
            Item::U16 => Uop::LoadU16,
            Item::I32 => Uop::LoadI32,
            Item::I64 => Uop::LoadI64,
            Item::F64 => {
                self.float_room(1)?;
                self.op_with(Uop::LoadF64, [0; 3], displacements)?;
                self.pop_subscript()?;
                self.push_entry(Entry { place: Place::Float, known: Known::Float, own: Own::Uncounted });
                return Ok(Some(1));
            }
        };
        self.op_with(uop, [0; 3], displacements)?;
        self.pop_subscript()?;
        self.push(Known::Int, Own::Uncounted);
        Ok(Some(1))
    }

    /// The value lies below container and key.
    pub(super) fn store_machine_item(&mut self, record: &Record) -> Done {
        let value = *self.peek(3)?;
        let counted = value.own == Own::Counted && !value.known.is_uncounted();
        if counted && !matches!(record.tops[2], Seen::Int | Seen::Float) {
            return Ok(None);
        }
        let Some((item, displacements)) = self.machine_items(record)? else { return Ok(None) };
        let uop = match item {
            Item::I8 => Uop::StoreI8,
            Item::U8 => Uop::StoreU8,
            Item::I16 => Uop::StoreI16,
            Item::U16 => Uop::StoreU16,
            Item::I32 => Uop::StoreI32,
            Item::I64 => Uop::StoreI64,
            Item::F64 => return self.store_double(record, displacements),
        };
        if self.kind(3, record.tops[2])? != Seen::Int {
            return Ok(None);
        }
        self.in_registers(3)?;
        self.op_with(uop, [0; 3], displacements)?;
        self.pop_subscript()?;
        self.pop()?;
        Ok(Some(1))
    }

    fn store_double(&mut self, record: &Record, displacements: [i32; 4]) -> Done {
        if !matches!(self.kind(3, record.tops[2])?, Seen::Int | Seen::Float) {
            return Ok(None);
        }
        self.third_in_double(record.tops[2])?;
        self.in_registers(2)?;
        self.op_with(Uop::StoreF64, [0; 3], displacements)?;
        self.pop_subscript()?;
        self.pop()?;
        Ok(Some(1))
    }
}
