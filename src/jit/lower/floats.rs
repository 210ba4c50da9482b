//! Doubles: unboxed in registers of their own, from the first operation on.

use pyrs_bytecode::BinaryOp;
use pyrs_uops::Uop;

use super::instructions::{Done, units};
use super::{Entry, Known, Lower, Lowering, Own, Place};
use crate::record::{Record, Seen};
use crate::stats::Abort;

impl Lowering<'_> {
    /// The word is a double that fits its word, or an int to be converted.
    fn guard_number(&mut self, n: usize, kind: Seen) -> Lower<()> {
        if kind == Seen::Int { self.guard_int(n) } else { self.guard_float(n) }
    }

    /// The word is a double that fits its word.
    pub(super) fn guard_float(&mut self, n: usize) -> Lower<()> {
        let known = self.peek(n)?.known;
        let constant = matches!(self.peek(n)?.place, Place::Constant(_));
        if known == Known::Float || constant {
            return Ok(());
        }
        self.in_registers(n)?;
        self.op([Uop::GuardFloat1, Uop::GuardFloat2][n - 1])?;
        self.learn(n, Known::Float)
    }

    /// Brings the top `n` (1 or 2) words, numbers by now, into registers for doubles.
    pub(super) fn in_doubles(&mut self, n: usize) -> Lower<()> {
        let is_double = |e: &Entry| e.place == Place::Float;
        let f = self.state.innermost();
        let length = self.state.frames[f].stack.len();
        for i in (length - n)..length {
            if self.state.frames[f].stack[i].place == Place::RawFloat {
                self.refill(f, i)?;
            }
        }
        self.float_room(n)?;
        if n == 1 {
            return self.convert(1);
        }
        let (below, top) = (*self.peek(2)?, *self.peek(1)?);
        match (is_double(&below), is_double(&top)) {
            (true, _) => self.convert(1),
            (false, true) => {
                self.convert(2)?;
                self.op(Uop::SwapFloat)
            }
            (false, false) if top.place == Place::Int => {
                self.convert(1)?;
                self.convert(2)?;
                self.op(Uop::SwapFloat)
            }
            (false, false) => {
                self.convert(2)?;
                self.convert(1)
            }
        }
    }

    /// Brings the third word from the top, a number, into a register for doubles.
    pub(super) fn third_in_double(&mut self, seen: Seen) -> Lower<()> {
        let entry = *self.peek(3)?;
        let f = self.state.innermost();
        let index = self.state.frames[f].stack.len() - 3;
        self.float_room(1)?;
        if entry.place == Place::RawFloat {
            return self.refill(f, index);
        }
        let number = entry.known == Known::Float || self.is_int(3)?;
        if entry.place != Place::Int && number {
            return self.convert(3);
        }
        self.in_registers(3)?;
        if !number {
            self.op(if seen == Seen::Int { Uop::GuardInt3 } else { Uop::GuardFloat3 })?;
            self.learn(3, if seen == Seen::Int { Known::Int } else { Known::Float })?;
        }
        // Upside down, the number is on top.
        self.op(Uop::Swap3)?;
        let known = self.peek(3)?.known;
        self.unbox(known)?;
        self.op(Uop::Swap2)?;
        let entry = self.peek_mut(3)?;
        (entry.place, entry.known, entry.own) = (Place::Float, Known::Float, Own::Uncounted);
        self.moves += 1;
        Ok(())
    }

    /// A double that had been stored comes back; those above it step aside.
    fn refill(&mut self, f: usize, i: usize) -> Lower<()> {
        while self.state.depth.floats > 0 {
            self.spill_float()?;
        }
        let raw: Vec<usize> = (i..self.state.frames[f].stack.len())
            .rev()
            .filter(|&k| self.state.frames[f].stack[k].place == Place::RawFloat)
            .collect();
        for k in raw {
            let home = self.state.stack_home(f, k);
            self.op_home([Uop::FillFloatFrame, Uop::FillFloatTop], home)?;
            self.state.frames[f].stack[k].place = Place::Float;
        }
        Ok(())
    }

    /// The `n`-th word from the top becomes a double in the next register for doubles.
    fn convert(&mut self, n: usize) -> Lower<()> {
        let entry = *self.peek(n)?;
        let f = self.state.innermost();
        let index = self.state.frames[f].stack.len() - n;
        match entry.place {
            Place::Float => return Ok(()),
            Place::RawFloat => return Err(Abort::Unsupported),
            Place::Constant(word) => {
                let v = pyrs_runtime::value::Value(word);
                let x = if v.is_fixnum() { v.as_fixnum() as f64 } else { v.as_flonum() };
                self.op_immediate(Uop::LoadFloatImmediate, x.to_bits())?;
            }
            Place::Int => self.unbox(entry.known)?,
            Place::Local { frame, slot } if self.state.raw_home(frame, slot).is_some() => {
                let home = self.state.raw_home(frame, slot).expect("just seen");
                self.op_home([Uop::LoadRawFrame, Uop::LoadRawTop], home)?;
            }
            Place::Memory | Place::Local { .. } if entry.known == Known::Float => {
                self.note_double(entry);
                let home = match entry.place {
                    Place::Local { frame, slot } => self.state.home(frame, slot),
                    _ => self.state.stack_home(f, index),
                };
                self.op_home([Uop::LoadFloatFrame, Uop::LoadFloatTop], home)?;
            }
            Place::Memory | Place::Local { .. } => {
                let home = self.state.stack_home(f, index);
                self.load(entry, home)?;
                self.unbox(entry.known)?;
            }
        }
        let entry = self.peek_mut(n)?;
        (entry.place, entry.known, entry.own) = (Place::Float, Known::Float, Own::Uncounted);
        self.moves += 1;
        Ok(())
    }

    /// The word in the top register.
    fn unbox(&mut self, known: Known) -> Lower<()> {
        match known {
            Known::Int => self.op(Uop::IntToFloat),
            Known::Word(word) if word & 1 != 0 => self.op(Uop::IntToFloat),
            Known::Float => self.op(Uop::Unbox),
            Known::Word(word) if word & 3 == 2 => self.op(Uop::Unbox),
            _ => Err(Abort::Unsupported),
        }
    }

    fn doubles(&mut self, kinds: (Seen, Seen)) -> Lower<()> {
        self.guard_number(2, kinds.0)?;
        self.guard_number(1, kinds.1)?;
        self.in_doubles(2)
    }

    pub(super) fn binary_float(&mut self, op: BinaryOp, kinds: (Seen, Seen)) -> Done {
        use BinaryOp::*;
        let uop = match op {
            Add | InplaceAdd => Uop::AddFloat,
            Subtract | InplaceSubtract => Uop::SubtractFloat,
            Multiply | InplaceMultiply => Uop::MultiplyFloat,
            TrueDivide | InplaceTrueDivide => Uop::DivideFloat,
            _ => return Ok(None),
        };
        // The quotient of large ints is rounded once; through doubles it would be rounded twice.
        if kinds == (Seen::Int, Seen::Int) && !self.small_operands()? {
            return Ok(None);
        }
        self.doubles(kinds)?;
        self.op(uop)?;
        self.pop()?;
        self.pop()?;
        self.push_entry(Entry { place: Place::Float, known: Known::Float, own: Own::Uncounted });
        Ok(Some(1))
    }

    /// Both operands are constants that a double holds exactly.
    fn small_operands(&mut self) -> Lower<bool> {
        let small = |e: Entry| match e.known {
            Known::Word(word) if word & 1 != 0 => pyrs_runtime::value::Value(word).as_fixnum().unsigned_abs() < 1 << 53,
            _ => false,
        };
        Ok(small(*self.peek(1)?) && small(*self.peek(2)?))
    }

    pub(super) fn compare_float(&mut self, i: usize, record: &Record, kinds: (Seen, Seen)) -> Done {
        // SAFETY: instructions follow.
        let at = unsafe { record.ip.add(units(record.opcode)) };
        let Some(branch) = self.branch(i, at) else { return Ok(None) };
        // Ints compare with doubles exactly, not by conversion.
        if kinds != (Seen::Float, Seen::Float) {
            let exact =
                |e: Entry| matches!(e.known, Known::Word(w) if w & 1 != 0 && (w as i64 >> 1).unsigned_abs() < 1 << 53);
            let (a, b) = (*self.peek(2)?, *self.peek(1)?);
            if (kinds.0 == Seen::Int && !exact(a)) || (kinds.1 == Seen::Int && !exact(b)) {
                return Ok(None);
            }
        }
        self.doubles(kinds)?;
        // By CPython's numbers of comparisons: <, <=, ==, !=, >, >=.
        let uop = match (record.oparg >> 5, branch.truth) {
            (0, true) => Uop::GuardLtFloat,
            (0, false) => Uop::GuardNotLtFloat,
            (1, true) => Uop::GuardLeFloat,
            (1, false) => Uop::GuardNotLeFloat,
            (2, true) | (3, false) => Uop::GuardEqFloat,
            (2, false) | (3, true) => Uop::GuardNeFloat,
            (4, true) => Uop::GuardGtFloat,
            (4, false) => Uop::GuardNotGtFloat,
            (_, true) => Uop::GuardGeFloat,
            (_, false) => Uop::GuardNotGeFloat,
        };
        self.op(uop)?;
        self.pop()?;
        self.pop()?;
        Ok(Some(self.branched(branch)))
    }
}
