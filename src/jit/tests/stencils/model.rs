//! What each micro-op does, said a second time and as plainly as possible.

use pyrs_uops::Uop;

use crate::machine::{ANSWER, Case, FALSE, Machine, Slot, TRUE};

/// The micro-op leaves the trace; nothing has happened.
struct Exit;

type Done = Result<(), Exit>;

/// A micro-op's view of the machine.
struct View<'a> {
    case: &'a Case,
    m: &'a mut Machine,
    ints: Vec<u64>,
    floats: Vec<u64>,
}

/// Executes the case's micro-op.
pub fn execute(case: &Case, m: &mut Machine) {
    let before = m.clone();
    let (ints, floats) = (case.depth.ints as usize, case.depth.floats as usize);
    let mut view = View {
        case,
        ints: (0..ints).map(|n| m.int(n)).collect(),
        floats: (0..floats).map(|n| m.float(n)).collect(),
        m,
    };
    view.m.set_way(Slot::Next);
    let done = view.execute(case.uop);
    let (ints, floats) = (view.ints, view.floats);
    if done.is_err() {
        // Registers are as they came. (Native functions that decline have been called.)
        for n in 0..8 {
            m.set_register(n, before.register(n));
        }
        m.set_way(Slot::Exit);
        return;
    }
    ints.iter().enumerate().for_each(|(n, v)| m.set_int(n, *v));
    floats.iter().enumerate().for_each(|(n, v)| m.set_float(n, *v));
}

fn guard(condition: bool) -> Done {
    if condition { Ok(()) } else { Err(Exit) }
}

fn number(word: u64) -> i64 {
    word as i64 >> 1
}

fn word(n: i64) -> u64 {
    (n << 1 | 1) as u64
}

/// The word of an int that must fit 63 bits.
fn fitting(n: i128) -> Result<u64, Exit> {
    guard((-(1i128 << 62)..1i128 << 62).contains(&n))?;
    Ok(word(n as i64))
}

fn truth(condition: bool) -> u64 {
    if condition { TRUE } else { FALSE }
}

fn is_object(v: u64) -> bool {
    v & 7 == 0
}

/// The double in a flonum.
fn unboxed(v: u64) -> u64 {
    if v == 0x8000_0000_0000_0002 {
        return 0;
    }
    // The sign tells which of the two middle exponent patterns was there.
    let low = if v >> 63 == 1 { 1 } else { 2 };
    (v & !3 | low).rotate_right(3)
}

/// The flonum of a double, if it has one: exponents near zero, and 0.0.
fn boxed(bits: u64) -> Result<u64, Exit> {
    if bits == 0 {
        return Ok(0x8000_0000_0000_0002);
    }
    let middle = bits >> 60 & 7;
    guard(matches!(middle, 3 | 4))?;
    // 2**-255, whose word is that of 0.0.
    guard(bits != 0x3000_0000_0000_0000)?;
    Ok(bits.rotate_left(3) & !3 | 2)
}

impl View<'_> {
    fn pop(&mut self) -> u64 {
        self.ints.pop().expect("a word")
    }

    fn push(&mut self, v: u64) {
        self.ints.push(v);
    }

    fn pop_float(&mut self) -> u64 {
        self.floats.pop().expect("a double")
    }

    /// The last word but `n`.
    fn peek(&self, n: usize) -> u64 {
        self.ints[self.ints.len() - 1 - n]
    }

    fn immediate(&self, n: usize) -> u64 {
        self.case.immediates[n]
    }

    /// The address at a base's `n`-th displacement.
    fn field(&self, base: u64, n: usize) -> u64 {
        base.wrapping_add_signed(self.case.displacements[n].into())
    }

    fn load(&self, base: u64, n: usize) -> u64 {
        self.m.load(self.field(base, n))
    }

    fn store(&mut self, base: u64, n: usize, v: u64) {
        let at = self.field(base, n);
        self.m.store(at, v);
    }

    fn incref(&mut self, v: u64) {
        if is_object(v) {
            self.m.store(v, self.m.load(v) + 1);
        }
    }

    fn decref(&mut self, v: u64) {
        if is_object(v) {
            let count = self.m.load(v) - 1;
            self.m.store(v, count);
            if count == 0 {
                self.m.call(Slot::Dealloc, &[v]);
            }
        }
    }

    fn base(&self) -> u64 {
        use Uop::*;
        match self.case.uop {
            LoadFrame | StoreFrame | ExchangeFrame | SpillFrame | FillFrame | IncrefFrame | DecrefFrame
            | UnpackFrame | MoveWordsFrame | LoadFloatFrame | StoreFloatFrame | SpillFloatFrame | FillFloatFrame
            | LoadRawFrame => self.m.frame(),
            _ => self.m.top(),
        }
    }

    fn execute(&mut self, uop: Uop) -> Done {
        use Uop::*;
        let base = self.base();
        match uop {
            LoadFrame | LoadTop => self.push(self.load(base, 0)),
            StoreFrame | StoreTop => {
                let v = self.pop();
                self.store(base, 0, v);
            }
            ExchangeFrame | ExchangeTop => {
                let (v, old) = (self.pop(), self.load(base, 0));
                self.store(base, 0, v);
                self.push(old);
            }
            SpillFrame | SpillTop => {
                let v = self.ints.remove(0);
                self.store(base, 0, v);
            }
            FillFrame | FillTop => self.ints.insert(0, self.load(base, 0)),
            IncrefFrame | IncrefTop => self.incref(self.load(base, 0)),
            DecrefFrame | DecrefTop => self.decref(self.load(base, 0)),
            UnpackFrame | UnpackTop => {
                let (items, n) = (self.field(self.peek(0), 0), self.immediate(0) / 8);
                for k in 0..n {
                    let v = self.m.load(items + 8 * (n - k));
                    self.incref(v);
                    self.m.store(self.field(base, 1) + 8 * k, v);
                }
            }
            MoveWordsFrame | MoveWordsTop => {
                for k in 0..self.immediate(0) / 8 {
                    let v = self.m.load(self.field(base, 0) - 8 * k);
                    let at = self.field(base, 1) + 8 * k;
                    let old = self.m.load(at);
                    self.m.store(at, v);
                    if old != 0 {
                        self.decref(old);
                    }
                }
            }
            LoadImmediate => self.push(self.immediate(0)),
            LoadAddress => {
                let v = self.m.load(self.immediate(0));
                guard(v != 0)?;
                self.push(v);
            }
            Copy1 => self.push(self.peek(0)),
            Copy2 => self.push(self.peek(1)),
            Copy3 => self.push(self.peek(2)),
            Swap2 => self.swap(1),
            Swap3 => self.swap(2),
            Nip => self.nip(1),
            Nip2 => self.nip(2),
            Incref1 => self.incref(self.peek(0)),
            Incref2 => self.incref(self.peek(1)),
            Decref => {
                let v = self.pop();
                self.decref(v);
            }
            DecrefOrNull => {
                let v = self.pop();
                if v != 0 {
                    self.decref(v);
                }
            }
            DecrefSecond => {
                let at = self.ints.len() - 2;
                let v = self.ints.remove(at);
                self.decref(v);
            }
            _ => return self.guards(uop),
        }
        Ok(())
    }

    fn swap(&mut self, below: usize) {
        let n = self.ints.len() - 1;
        self.ints.swap(n, n - below);
    }

    fn nip(&mut self, n: usize) {
        let v = self.pop();
        self.ints.truncate(self.ints.len() - n);
        self.push(v);
    }

    fn guards(&mut self, uop: Uop) -> Done {
        use Uop::*;
        match uop {
            GuardInt1 => guard(self.peek(0) & 1 == 1),
            GuardInt2 => guard(self.peek(1) & 1 == 1),
            GuardInt3 => guard(self.peek(2) & 1 == 1),
            GuardFloat1 => guard(self.peek(0) & 3 == 2),
            GuardFloat2 => guard(self.peek(1) & 3 == 2),
            GuardFloat3 => guard(self.peek(2) & 3 == 2),
            GuardClass1 => self.guard_class(self.peek(0)),
            GuardClass2 => self.guard_class(self.peek(1)),
            GuardVersion => {
                let v = self.peek(0);
                guard(is_object(v))?;
                let version = self.load(self.m.load(v + 8), 0) as u32;
                guard(u64::from(version) == self.immediate(0))
            }
            GuardWord => guard(self.load(self.peek(0), 0) == self.immediate(0)),
            GuardWord2 => guard(self.load(self.peek(1), 0) == self.immediate(0)),
            GuardIs => {
                let v = self.pop();
                guard(v == self.immediate(0))
            }
            GuardIsNot => {
                let v = self.pop();
                guard(v != self.immediate(0))
            }
            GuardSame => guard(self.peek(0) == self.peek(1)),
            GuardNotSame => guard(self.peek(0) != self.peek(1)),
            GuardMemory32 => guard(u64::from(self.m.load(self.immediate(0)) as u32) == self.immediate(1)),
            GuardBreaker => guard(self.m.load(self.immediate(0)) as u32 & self.immediate(1) as u32 == 0),
            _ => self.ints(uop),
        }
    }

    fn guard_class(&self, v: u64) -> Done {
        guard(is_object(v))?;
        guard(self.m.load(v + 8) == self.immediate(0))
    }

    fn ints(&mut self, uop: Uop) -> Done {
        use Uop::*;
        let compares = matches!(
            uop,
            GuardLtInt
                | GuardLeInt
                | GuardEqInt
                | GuardNeInt
                | GuardGtInt
                | GuardGeInt
                | LtInt
                | LeInt
                | EqInt
                | NeInt
                | GtInt
                | GeInt
        );
        match uop {
            NegateInt => {
                let x = self.pop();
                self.push(fitting(-i128::from(number(x)))?);
            }
            InvertInt => {
                let x = self.pop();
                self.push(word(!number(x)));
            }
            Not => {
                let v = self.pop();
                self.push(truth(v == FALSE));
            }
            AddIntImmediate => {
                let (x, y) = (self.pop(), self.immediate(0) as i64 >> 1);
                self.push(fitting(i128::from(number(x)) + i128::from(y))?);
            }
            Same | NotSame => {
                let (y, x) = (self.pop(), self.pop());
                self.push(truth((x == y) == (uop == Same)));
            }
            AddInt | SubtractInt | MultiplyInt | FloorDivideInt | RemainderInt | AndInt | OrInt | XorInt
            | LeftShiftInt | RightShiftInt => {
                let (y, x) = (number(self.pop()), number(self.pop()));
                self.push(arithmetic(uop, x.into(), y.into())?);
            }
            _ if compares => {
                let (y, x) = (number(self.pop()), number(self.pop()));
                let holds = match uop {
                    GuardLtInt | LtInt => x < y,
                    GuardLeInt | LeInt => x <= y,
                    GuardEqInt | EqInt => x == y,
                    GuardNeInt | NeInt => x != y,
                    GuardGtInt | GtInt => x > y,
                    _ => x >= y,
                };
                match uop {
                    LtInt | LeInt | EqInt | NeInt | GtInt | GeInt => self.push(truth(holds)),
                    _ => return guard(holds),
                }
            }
            _ => return self.doubles(uop),
        }
        Ok(())
    }

    fn doubles(&mut self, uop: Uop) -> Done {
        use Uop::*;
        let base = self.base();
        match uop {
            Unbox => {
                let v = self.pop();
                self.floats.push(unboxed(v));
            }
            Box => {
                let v = self.pop_float();
                self.push(boxed(v)?);
            }
            IntToFloat => {
                let x = self.pop();
                self.floats.push((number(x) as f64).to_bits());
            }
            LoadFloatImmediate => self.floats.push(self.immediate(0)),
            LoadFloatFrame | LoadFloatTop => self.floats.push(unboxed(self.load(base, 0))),
            LoadRawFrame | LoadRawTop => self.floats.push(self.load(base, 0)),
            StoreFloatFrame | StoreFloatTop => {
                let v = self.pop_float();
                self.store(base, 0, v);
            }
            SpillFloatFrame | SpillFloatTop => {
                let v = self.floats.remove(0);
                self.store(base, 0, v);
            }
            FillFloatFrame | FillFloatTop => self.floats.insert(0, self.load(base, 0)),
            CopyFloat1 => self.floats.push(self.floats[self.floats.len() - 1]),
            SwapFloat => {
                let n = self.floats.len() - 1;
                self.floats.swap(n, n - 1);
            }
            NegateFloat => {
                let v = self.pop_float();
                self.floats.push((-f64::from_bits(v)).to_bits());
            }
            AddFloat | SubtractFloat | MultiplyFloat | DivideFloat => {
                let (y, x) = (f64::from_bits(self.pop_float()), f64::from_bits(self.pop_float()));
                guard(uop != DivideFloat || y != 0.0)?;
                let r = match uop {
                    AddFloat => x + y,
                    SubtractFloat => x - y,
                    MultiplyFloat => x * y,
                    _ => x / y,
                };
                self.floats.push(r.to_bits());
            }
            _ => return self.double_guards(uop),
        }
        Ok(())
    }

    #[allow(clippy::neg_cmp_op_on_partial_ord)]
    fn double_guards(&mut self, uop: Uop) -> Done {
        use Uop::*;
        let compares = matches!(
            uop,
            GuardLtFloat
                | GuardLeFloat
                | GuardGtFloat
                | GuardGeFloat
                | GuardEqFloat
                | GuardNeFloat
                | GuardNotLtFloat
                | GuardNotLeFloat
                | GuardNotGtFloat
                | GuardNotGeFloat
        );
        if !compares {
            return self.objects(uop);
        }
        let (y, x) = (f64::from_bits(self.pop_float()), f64::from_bits(self.pop_float()));
        guard(match uop {
            GuardLtFloat => x < y,
            GuardLeFloat => x <= y,
            GuardGtFloat => x > y,
            GuardGeFloat => x >= y,
            GuardEqFloat => x == y,
            GuardNeFloat => x != y,
            // With a NaN none of the comparisons holds.
            GuardNotLtFloat => !(x < y),
            GuardNotLeFloat => !(x <= y),
            GuardNotGtFloat => !(x > y),
            _ => !(x >= y),
        })
    }

    fn objects(&mut self, uop: Uop) -> Done {
        use Uop::*;
        match uop {
            LoadField | LoadFieldKeep => {
                let owner = self.pop();
                let v = self.load(owner, 0);
                guard(v != 0)?;
                if uop == LoadFieldKeep {
                    self.push(owner);
                }
                self.push(v);
            }
            ExchangeField => {
                let (owner, v) = (self.pop(), self.pop());
                let old = self.load(owner, 0);
                self.store(owner, 0, v);
                self.ints.extend([owner, old]);
            }
            SetWord => self.store(self.peek(0), 0, self.immediate(0)),
            ListItem | ListItemKeep | TupleItem | TupleItemKeep => {
                let (index, container) = (self.pop(), self.pop());
                let at = self.item(index, container, matches!(uop, ListItem | ListItemKeep))?;
                if matches!(uop, ListItemKeep | TupleItemKeep) {
                    self.push(container);
                }
                self.push(self.m.load(at));
            }
            ExchangeListItem => {
                let (index, list, v) = (self.pop(), self.pop(), self.pop());
                let at = self.item(index, list, true)?;
                let old = self.m.load(at);
                self.m.store(at, v);
                self.ints.extend([list, old]);
            }
            GuardLength => return guard(self.load(self.peek(0), 0) == self.immediate(0)),
            TupleItemAt => self.push(self.load(self.peek(0), 0)),
            Truncate => {
                let v = self.pop();
                self.push(word(self.load(v, 0) as i64));
            }
            NextRange | NextList | NextTuple | GuardListDone | GuardTupleDone | GuardRangeDone => {
                return self.iteration(uop);
            }
            _ => return self.machine_items(uop),
        }
        Ok(())
    }

    /// The address of a list's or tuple's item.
    fn item(&self, index: u64, container: u64, list: bool) -> Result<u64, Exit> {
        let length = self.load(container, 0) as i64;
        let mut i = number(index);
        if i < 0 {
            i += length;
        }
        guard(0 <= i && i < length)?;
        let items = if list { self.load(container, 1) } else { self.field(container, 1) };
        Ok(items + 8 * i as u64)
    }

    fn iteration(&mut self, uop: Uop) -> Done {
        use Uop::*;
        let it = self.peek(0);
        if matches!(uop, NextRange | GuardRangeDone) {
            let remaining = self.load(it, 0) as i64;
            if uop == GuardRangeDone {
                return guard(remaining == 0);
            }
            guard(remaining != 0)?;
            let (next, step) = (self.load(it, 1) as i64, self.load(it, 2) as i64);
            let v = fitting(next.into())?;
            self.store(it, 0, (remaining - 1) as u64);
            self.store(it, 1, next.wrapping_add(step) as u64);
            self.push(v);
            return Ok(());
        }
        let container = self.load(it, 0);
        guard(container != 0)?;
        let (index, length) = (self.load(it, 1), self.load(container, 2));
        if matches!(uop, GuardListDone | GuardTupleDone) {
            return guard(index >= length);
        }
        guard(index < length)?;
        let items = if uop == NextList { self.load(container, 3) } else { self.field(container, 3) };
        self.store(it, 1, index + 1);
        self.push(self.m.load(items + 8 * index));
        Ok(())
    }

    fn machine_items(&mut self, uop: Uop) -> Done {
        use Uop::*;
        let (size, low, high, load) = match uop {
            LoadF64 | StoreF64 => (8, 0, 0, uop == LoadF64),
            LoadI8 | StoreI8 => (1, i8::MIN.into(), i8::MAX.into(), uop == LoadI8),
            LoadU8 | StoreU8 => (1, 0, u8::MAX.into(), uop == LoadU8),
            LoadI16 | StoreI16 => (2, i16::MIN.into(), i16::MAX.into(), uop == LoadI16),
            LoadU16 | StoreU16 => (2, 0, u16::MAX.into(), uop == LoadU16),
            LoadI32 | StoreI32 => (4, i32::MIN.into(), i32::MAX.into(), uop == LoadI32),
            LoadI64 | StoreI64 => (8, i64::MIN, i64::MAX, uop == LoadI64),
            _ => return self.calls(uop),
        };
        let (index, container) = (number(self.pop()), self.pop());
        let count = (self.load(container, 0) / size) as i64;
        guard(0 <= index && index < count)?;
        let at = self.load(container, 1) + size * index as u64 - crate::machine::MEMORY as u64;
        let bytes = at as usize..(at + size) as usize;
        match (uop, load) {
            (LoadF64, _) => self.floats.push(self.m.at(bytes.start)),
            (StoreF64, _) => {
                let v = self.pop_float();
                self.m.set(bytes.start, v);
            }
            (_, true) => {
                let mut raw = [0; 8];
                raw[..size as usize].copy_from_slice(&self.m.0[bytes]);
                let unsigned = i64::from_le_bytes(raw);
                let n = if size < 8 && unsigned > high { unsigned - (1 << (8 * size)) } else { unsigned };
                self.push(fitting(n.into())?);
            }
            (_, false) => {
                let v = self.pop();
                guard(v & 1 == 1 && (low..=high).contains(&number(v)))?;
                self.m.0[bytes].copy_from_slice(&number(v).to_le_bytes()[..size as usize]);
            }
        }
        Ok(())
    }

    fn calls(&mut self, uop: Uop) -> Done {
        use Uop::*;
        let answer = self.m.at(ANSWER);
        match uop {
            Ask1 | Ask2 | Ask3 => {
                let n = self.ints.len() - uop.info().ints.0 as usize;
                self.m.call(Slot::Function, &self.ints[n..]);
                guard(answer != 0)?;
                self.push(answer);
            }
            AskStack | AskStackTop => {
                let base = if uop == AskStack { self.m.frame() } else { self.m.top() };
                self.m.call(Slot::Function, &[base.wrapping_add(self.immediate(1)), self.immediate(2)]);
                guard(answer != 0)?;
                self.push(answer);
            }
            Interpret | PushFrames => {
                let (frame, top) = (self.m.frame(), self.m.top());
                self.m.call(Slot::Function, &[frame, top, self.immediate(0)]);
                guard(answer != 0)?;
                self.m.set_frame(answer);
                self.m.set_top(self.load(self.m.thread(), 0));
            }
            Count => {
                let at = self.immediate(0);
                self.m.store(at, self.m.load(at).wrapping_add(1));
            }
            GuardChance => {
                let at = self.immediate(0);
                let next = self.m.load(at).wrapping_mul(0x5851_f42d).wrapping_add(0x1405_7b7f);
                self.m.store(at, next);
                // 25 of 1,024 fail.
                return guard(next >> 54 >= 25);
            }
            JumpTop => self.m.set_way(Slot::Top),
            JumpTrace => self.m.set_way(Slot::Trace),
            Leave => {
                self.m.set_way(Slot::Leave);
                self.ints = vec![self.immediate(0)];
            }
            _ => panic!("{uop:?} has no second meaning yet: say here what it does"),
        }
        Ok(())
    }
}

fn arithmetic(uop: Uop, x: i128, y: i128) -> Result<u64, Exit> {
    use Uop::*;
    match uop {
        AddInt => fitting(x + y),
        SubtractInt => fitting(x - y),
        MultiplyInt => fitting(x * y),
        // Only positive divisors are dealt with.
        FloorDivideInt => {
            guard(y > 0)?;
            fitting(x.div_euclid(y))
        }
        RemainderInt => {
            guard(y > 0)?;
            fitting(x.rem_euclid(y))
        }
        AndInt => fitting(x & y),
        OrInt => fitting(x | y),
        XorInt => fitting(x ^ y),
        LeftShiftInt => {
            guard((0..=62).contains(&y))?;
            fitting(x << y)
        }
        _ => {
            guard((0..=63).contains(&y))?;
            fitting(x >> y)
        }
    }
}
