//! Taking tuples and lists apart, and storing their items in variables.
//!
//! Few items stay in registers, without references of their own for as long as nobody needs them. Many are copied to
//! the operand stack at once, and from there to variables that lie side by side, as those of one assignment do.

use pyrs_bytecode::Opcode;
use pyrs_runtime::objects::list::List;
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::value::Value;
use pyrs_uops::{INT_REGISTERS, Uop};

use super::instructions::{Done, units};
use super::{Entry, Home, Known, Local, Lower, Lowering, Own, Place};
use crate::layout::{is_class, layout};
use crate::record::{Record, Seen};

/// Items that are worth a loop.
const MANY: usize = 4;

impl Lowering<'_> {
    /// Whether three quarters of the trace are sequences that are taken apart and stored. The interpreter has one loop for
    /// all of them, which the processor knows by heart: measured, such traces are no faster when they are short, and half
    /// as fast when they are so long that they have hundreds of loops.
    pub(super) fn moves_most(&self) -> bool {
        4 * self.moved > 3 * self.records.len()
    }

    /// Takes a tuple or list of the expected length apart; the stores behind it may be dealt with too.
    pub(super) fn unpack_sequence(&mut self, i: usize, record: &Record) -> Done {
        let Seen::Object(class) = record.tops[0] else { return Ok(None) };
        let (n, l) = (record.oparg as usize, layout());
        let list = is_class::<List>(class);
        if !list && !is_class::<Tuple>(class) {
            return Ok(None);
        }
        self.guard_class(1, class)?;
        self.in_registers(1)?;
        let length = if list { l.list_length } else { l.tuple_length };
        self.op_with(Uop::GuardLength, [n as u64, 0, 0], [length, 0, 0, 0])?;
        if n >= MANY {
            self.unpack_many(n, list)?;
            let consumed = 1 + self.store_many(i, n)?;
            self.moved += consumed;
            return Ok(Some(consumed));
        }
        // A list's items are reached by their address. Where the list has to be given up afterwards, its register is
        // kept, and the items are found one by one.
        if list && self.peek(1)?.own == Own::Counted {
            return self.unpack_counted_list(n);
        }
        if list {
            self.op_with(Uop::LoadField, [0; 3], [l.list_items, 0, 0, 0])?;
        }
        self.unpack_items(n, if list { 0 } else { l.tuple_items })
    }

    /// Unpacks the list in the top register, whose length has been compared: its items are there.
    fn unpack_counted_list(&mut self, n: usize) -> Done {
        for i in (0..n).rev() {
            while self.state.depth.ints as usize >= INT_REGISTERS {
                self.spill_int()?;
            }
            self.op_immediate(Uop::LoadImmediate, Value::from_fixnum(i as i64).0)?;
            let displacements = [layout().list_length, layout().list_items, 0, 0];
            self.op_with(Uop::ListItemKeep, [0; 3], displacements)?;
            self.op(Uop::Incref1)?;
            self.op(Uop::Swap2)?;
            let container = self.pop()?;
            self.push(Known::Something, Own::Counted);
            self.push_entry(container);
        }
        self.discard()?;
        Ok(Some(1))
    }

    /// Unpacks `n` items at an offset from the address in the top register, which stands for the top word.
    fn unpack_items(&mut self, n: usize, offset: i32) -> Done {
        let counted = self.peek(1)?.own == Own::Counted;
        // From the last item on: the first comes to lie on top. The address moves up with each.
        for i in (0..n).rev() {
            while self.state.depth.ints as usize >= INT_REGISTERS {
                self.spill_int()?;
            }
            self.op_with(Uop::TupleItemAt, [0; 3], [offset + 8 * i as i32, 0, 0, 0])?;
            if counted {
                self.op(Uop::Incref1)?;
            }
            self.op(Uop::Swap2)?;
            let container = self.pop()?;
            self.push(Known::Something, if counted { Own::Counted } else { Own::Fragile });
            self.push_entry(container);
        }
        self.discard()?;
        Ok(Some(1))
    }

    /// Unpacks the items of the container in the top register to memory, with references of their own.
    fn unpack_many(&mut self, n: usize, list: bool) -> Lower<()> {
        let (mut before, bytes) = (layout().tuple_items - 8, 8 * n as u64);
        if list {
            before = -8;
            self.room(1)?;
            self.op_with(Uop::LoadFieldKeep, [0; 3], [layout().list_items, 0, 0, 0])?;
        }
        // Nothing leaves the trace from here on: the words change places.
        let container = self.pop()?;
        let f = self.state.innermost();
        let home = self.state.stack_home(f, self.frame().stack.len());
        let item = Entry { place: Place::Memory, known: Known::Something, own: Own::Counted };
        self.frame_mut().stack.extend(std::iter::repeat_n(item, n));
        self.push_entry(container);
        let forms = [Uop::UnpackFrame, Uop::UnpackTop];
        self.op_with(forms[home.on_top as usize], [bytes, 0, 0], [before, home.offset, 0, 0])?;
        if list {
            self.drop_int();
        }
        self.discard()
    }

    /// Stores the words on top of the stack, which are in memory, in the variables that the records behind say, if these
    /// lie side by side; the number of records that this does away with.
    fn store_many(&mut self, i: usize, n: usize) -> Lower<usize> {
        let f = self.state.innermost();
        let (slots, records) = self.stores_behind(i, n);
        let holds_reference = |slot: usize| {
            let local = self.frame().locals[slot];
            !local.unset && local.own == Own::Counted
        };
        if slots.len() < MANY || !slots.clone().all(holds_reference) {
            return Ok(0);
        }
        for slot in slots.clone() {
            self.unhook_users(f, slot)?;
        }
        self.before_effect()?;
        let top = self.frame().stack.len() - 1;
        let (from, to) = (self.state.stack_home(f, top), self.state.home(f, slots.start));
        let Home { on_top, offset } = to;
        let uop = [Uop::MoveWordsFrame, Uop::MoveWordsTop][on_top as usize];
        self.op_with(uop, [8 * slots.len() as u64, 0, 0], [from.offset, offset, 0, 0])?;
        for slot in slots {
            let known = self.pop()?.known;
            self.frame_mut().locals[slot] = Local { known, own: Own::Counted, unset: false };
        }
        Ok(records)
    }

    /// The variables, side by side, that the instructions behind a record store at most `n` words in; and the number of
    /// their records.
    fn stores_behind(&self, i: usize, n: usize) -> (std::ops::Range<usize>, usize) {
        let (mut slots, mut records) = (0..0, 0);
        // The last record only says where control arrives.
        while let [before, record, _, ..] = &self.records[i + records..] {
            // SAFETY: recorded code is alive.
            let follows = record.start == unsafe { before.ip.add(units(before.opcode)) };
            let oparg = record.oparg as usize;
            let stored: &[usize] = match record.opcode {
                Opcode::StoreFast => &[oparg],
                Opcode::StoreFastStoreFast => &[oparg >> 4, oparg & 15],
                _ => break,
            };
            if !follows || record.frame != before.frame || slots.len() + stored.len() > n {
                break;
            }
            let begin = if slots.is_empty() { stored[0] } else { slots.start };
            let expected = begin + slots.len()..begin + slots.len() + stored.len();
            if !expected.clone().eq(stored.iter().copied()) {
                break;
            }
            (slots, records) = (begin..expected.end, records + 1);
        }
        (slots, records)
    }
}
