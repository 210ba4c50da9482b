//! Loops over iterators, and unpacking.
//!
//! An iterator's step has two ways on: into the loop's body with an item, or behind the loop. A trace has met one of
//! them; what is met instead at run time is known after the step, so the exit of a step that the runtime has made leads
//! to where the other way begins, and the step is not repeated.

use pyrs_bytecode::Opcode;
use pyrs_runtime::objects::list_methods::ListIterator;
use pyrs_runtime::objects::range::RangeIterator;
use pyrs_runtime::objects::tuple_methods::TupleIterator;
use pyrs_runtime::types::Type;
use pyrs_uops::Uop;

use super::instructions::{Done, FUSED, units};
use super::{Entry, Known, Lower, Lowering, Own, Place};
use crate::asks;
use crate::layout::{is_class, layout};
use crate::quiet;
use crate::record::{Record, Seen};

/// An iterator whose step needs no call: micro-ops for a step and for the end, and where the fields are.
struct Steps {
    next: Uop,
    done: Uop,
    displacements: [i32; 4],
    /// The field that keeps the container until the end is reached.
    container: Option<i32>,
}

impl Steps {
    fn of(class: *const Type) -> Option<Steps> {
        let l = layout();
        if is_class::<RangeIterator>(class) {
            let displacements = [l.range_remaining, l.range_next, l.range_step, 0];
            Some(Steps { next: Uop::NextRange, done: Uop::GuardRangeDone, displacements, container: None })
        } else if is_class::<ListIterator>(class) {
            let displacements = [l.list_iterator_list, l.list_iterator_index, l.list_length, l.list_items];
            let container = Some(l.list_iterator_list);
            Some(Steps { next: Uop::NextList, done: Uop::GuardListDone, displacements, container })
        } else if is_class::<TupleIterator>(class) {
            let displacements = [l.tuple_iterator_tuple, l.tuple_iterator_index, l.tuple_length, l.tuple_items];
            let container = Some(l.tuple_iterator_tuple);
            Some(Steps { next: Uop::NextTuple, done: Uop::GuardTupleDone, displacements, container })
        } else {
            None
        }
    }
}

/// What a FOR_ITER was seen to do.
enum Step {
    Item,
    /// The pair that the next instruction would have unpacked.
    Pair,
    End,
}

/// Where the loop of a FOR_ITER ends: at the instruction that drops the iterator.
fn behind(record: &Record) -> *mut u16 {
    // SAFETY: the loop's end is in the code.
    unsafe { record.ip.add(units(record.opcode) + record.oparg as usize + 1) }
}

fn body(record: &Record) -> *mut u16 {
    // SAFETY: the loop's body follows.
    unsafe { record.ip.add(units(record.opcode)) }
}

impl Step {
    fn seen(record: &Record, next: &Record) -> Option<Step> {
        if next.frame != record.frame {
            return None;
        }
        if next.start == behind(record) {
            return (next.depth == record.depth).then_some(Step::End);
        }
        if next.start > behind(record) || next.start < body(record) {
            return None;
        }
        let pair = next.start != body(record) && unpacks_pair(body(record));
        Some(if pair { Step::Pair } else { Step::Item })
    }
}

/// Whether the instruction takes a pair apart.
pub(super) fn unpacks_pair(at: *mut u16) -> bool {
    // SAFETY: an instruction of recorded code.
    let unit = unsafe { *at };
    let opcode = Opcode::from_u8(unit as u8).map(Opcode::deopt);
    unit >> 8 == 2 && opcode == Some(Opcode::UnpackSequence)
}

impl Lowering<'_> {
    /// A step of an iterator whose fields are known.
    pub(super) fn for_iter(&mut self, record: &Record, next: &Record) -> Done {
        let Seen::Object(class) = record.tops[0] else { return Ok(None) };
        let (Some(steps), Some(step)) = (Steps::of(class), Step::seen(record, next)) else { return Ok(None) };
        self.guard_class(1, class)?;
        self.before_effect()?;
        self.in_registers(1)?;
        self.room(1)?;
        self.in_registers(1)?;
        match step {
            Step::Item => {
                self.op_with(steps.next, [0; 3], steps.displacements)?;
                if steps.next == Uop::NextRange {
                    self.push(Known::Int, Own::Uncounted);
                } else {
                    self.push(Known::Something, Own::Fragile);
                }
                Ok(Some(1))
            }
            Step::Pair => Ok(None),
            Step::End => {
                self.op_with(steps.done, [0; 3], steps.displacements)?;
                if let Some(container) = steps.container {
                    self.give_up_field(container)?;
                }
                Ok(Some(FUSED))
            }
        }
    }

    /// Empties a field of the top word, which is in a register.
    fn give_up_field(&mut self, offset: i32) -> Lower<()> {
        self.room(1)?;
        self.in_registers(1)?;
        self.op_immediate(Uop::LoadImmediate, 0)?;
        self.op(Uop::Swap2)?;
        self.op_with(Uop::ExchangeField, [0; 3], [offset, 0, 0, 0])?;
        self.op(Uop::DecrefOrNull)
    }

    /// A step that the runtime makes.
    pub(super) fn for_iter_asked(&mut self, record: &Record, next: &Record) -> Done {
        let Seen::Object(class) = record.tops[0] else { return Ok(None) };
        let Some(step) = Step::seen(record, next) else { return Ok(None) };
        // SAFETY: the class of a recorded operand, which the recording keeps.
        let class = unsafe { &*class };
        if !quiet::may_step(class) {
            return Ok(None);
        }
        let pair = matches!(step, Step::Pair) || (matches!(step, Step::End) && unpacks_pair(body(record)));
        let pair = pair && quiet::gives_pairs(class);
        if matches!(step, Step::Pair) && !pair {
            return Ok(None);
        }
        self.ask_keeping(1, if pair { asks::next_pair } else { asks::next_item }, 0)?;
        if pair {
            self.push_entry(Entry { place: Place::Memory, known: Known::Something, own: Own::Counted });
        }
        self.push(Known::Something, Own::Counted);
        if matches!(step, Step::End) {
            // An item instead: it is on the stack, and the body begins.
            // SAFETY: the instruction that would unpack a pair is in the code.
            let at = unsafe { body(record).add(if pair { units(Opcode::UnpackSequence) } else { 0 }) };
            (self.at, self.before) = (at, self.frame().stack.len());
            self.op_immediate(Uop::GuardIs, asks::EXHAUSTED.0)?;
            self.frame_mut().stack.truncate(record.depth);
            self.moves += 1;
            return Ok(Some(FUSED));
        }
        self.op(Uop::Copy1)?;
        (self.at, self.before) = (behind(record), record.depth);
        self.op_immediate(Uop::GuardIsNot, asks::EXHAUSTED.0)?;
        Ok(Some(1))
    }
}
