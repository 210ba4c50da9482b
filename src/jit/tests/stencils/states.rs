//! Machine states by chance: such that a micro-op may be executed in them, with guards that hold and guards that fail.

use pyrs_uops::{Depth, Uop};

use crate::machine::{ANSWER, Case, ITEMS, MEMORY, Machine, OBJECT, OBJECTS, Slot, THREAD, WORDS};

/// Objects that words may point to. (The first two are True and False, the last two classes.)
const COUNT: usize = 8;

/// A generator of numbers.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let x = self.0 ^ (self.0 >> 29);
        x.wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 11
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    fn often(&mut self) -> bool {
        self.below(4) != 0
    }

    fn number(&mut self) -> i64 {
        let extremes = [0, 1, -1, 2, -2, 3, 7, 62, 63, 64, (1 << 62) - 1, -(1 << 62), 1 << 40, -(1 << 31), 255, 256];
        match self.below(3) {
            0 => self.one_of(&extremes),
            1 => self.below(20) as i64 - 10,
            _ => (self.next() as i64) << 11 >> (2 + self.below(60)),
        }
    }

    fn fixnum(&mut self) -> u64 {
        (self.number() << 1 | 1) as u64
    }

    fn double(&mut self) -> f64 {
        let some = [0.0, -0.0, 1.0, -1.5, 2.5, 1e300, -1e-300, f64::INFINITY, f64::NAN, 0.1, f64::from_bits(3 << 60)];
        if self.below(2) == 0 { self.one_of(&some) } else { self.number() as f64 / 8.0 }
    }

    /// The word of a double that has one.
    fn flonum(&mut self) -> u64 {
        match self.below(5) {
            0 => 0x8000_0000_0000_0002,
            _ => {
                let exponent = 0x300 + 1 + self.next() % 0x1fe;
                let bits = exponent << 52 | self.next() & ((1 << 52) - 1) | self.next() << 63;
                bits.rotate_left(3) & !3 | 2
            }
        }
    }

    fn object(&mut self) -> u64 {
        object(self.below(COUNT))
    }

    fn value(&mut self) -> u64 {
        match self.below(3) {
            0 => self.fixnum(),
            1 => self.flonum(),
            _ => self.object(),
        }
    }
}

fn object(n: usize) -> u64 {
    (MEMORY + OBJECTS + OBJECT * n) as u64
}

/// What a micro-op expects of a word in a register.
#[derive(Copy, Clone)]
enum Kind {
    Value,
    ValueOrNull,
    Int,
    Flonum,
    Bool,
    Object,
    Index,
    Distance,
}

/// The words that a micro-op pops, the last ones on top.
fn kinds(uop: Uop) -> &'static [Kind] {
    use Kind::*;
    use Uop::*;
    match uop {
        AddInt | SubtractInt | MultiplyInt | FloorDivideInt | RemainderInt | AndInt | OrInt | XorInt | GuardLtInt
        | GuardLeInt | GuardEqInt | GuardNeInt | GuardGtInt | GuardGeInt | LtInt | LeInt | EqInt | NeInt | GtInt
        | GeInt => &[Int, Int],
        LeftShiftInt | RightShiftInt => &[Int, Distance],
        AddIntImmediate | NegateInt | InvertInt | IntToFloat => &[Int],
        Not => &[Bool],
        Unbox => &[Flonum],
        DecrefOrNull => &[ValueOrNull],
        UnpackFrame | UnpackTop | GuardWord | LoadField | LoadFieldKeep | SetWord | GuardLength | TupleItemAt
        | Truncate | NextRange | NextList | NextTuple | GuardListDone | GuardTupleDone | GuardRangeDone => &[Object],
        GuardWord2 => &[Object, Value],
        ExchangeField => &[Value, Object],
        ListItem | ListItemKeep | TupleItem | TupleItemKeep | LoadF64 | LoadI8 | LoadU8 | LoadI16 | LoadU16
        | LoadI32 | LoadI64 | StoreF64 => &[Object, Index],
        ExchangeListItem | StoreI8 | StoreU8 | StoreI16 | StoreU16 | StoreI32 | StoreI64 => &[Value, Object, Index],
        _ => &[],
    }
}

/// A state for the micro-op.
pub fn make(uop: Uop, depth: Depth, seed: u64) -> Case {
    let mut chance = Chance(seed << 32 | (uop as u64) << 16 | (depth.index() as u64) << 4 | 5);
    for _ in 0..4 {
        chance.next();
    }
    let mut case = Case { uop, depth, immediates: [0; 3], displacements: [0; 4], machine: Machine::new() };
    memory(&mut case.machine, &mut chance);
    registers(&mut case, &mut chance);
    operands(&mut case, &mut chance);
    case
}

fn memory(m: &mut Machine, chance: &mut Chance) {
    m.set_fixed();
    for at in (0..OBJECTS).chain(ITEMS..WORDS + 0x200).filter(|at| at % 8 == 0) {
        m.set(at, chance.value());
    }
    for n in 0..COUNT {
        let at = OBJECTS + OBJECT * n;
        // Reference count, class, fields.
        m.set(at, chance.one_of(&[1, 2, 5, 1 << 40]));
        m.set(at + 8, object(COUNT - 1 - chance.below(2)));
        for k in 2..OBJECT / 8 {
            let v = if chance.often() { chance.value() } else { 0 };
            m.set(at + 8 * k, v);
        }
    }
    m.set(THREAD, (MEMORY + crate::machine::TOP + 0x40) as u64);
    let answer = if chance.often() { object(chance.below(COUNT)) } else { 0 };
    m.set(ANSWER, answer);
}

fn registers(case: &mut Case, chance: &mut Chance) {
    let kinds = kinds(case.uop);
    for n in 0..4 {
        let v = chance.value();
        case.machine.set_int(n, v);
        case.machine.set_float(n, chance.double().to_bits());
    }
    if case.depth.floats >= 2 && chance.below(3) == 0 {
        let n = case.depth.floats as usize;
        let v = case.machine.float(n - 1);
        case.machine.set_float(n - 2, v);
    }
    let first = (case.depth.ints as usize).saturating_sub(kinds.len());
    for (k, kind) in kinds.iter().enumerate() {
        let v = match kind {
            Kind::Value => chance.value(),
            Kind::ValueOrNull => {
                if chance.often() {
                    chance.value()
                } else {
                    0
                }
            }
            Kind::Int => chance.fixnum(),
            Kind::Flonum => chance.flonum(),
            Kind::Bool => object(chance.below(2)),
            Kind::Object => object(2 + chance.below(COUNT - 2)),
            Kind::Index => ((chance.below(14) as i64 - 5) << 1 | 1) as u64,
            Kind::Distance => ((chance.below(70) as i64 - 2) << 1 | 1) as u64,
        };
        case.machine.set_int(first + k, v);
    }
    // Equal operands are rare by chance.
    if case.depth.ints >= 2
        && case.uop.info().ints.0 == 2
        && !kinds.iter().any(|k| matches!(k, Kind::Object))
        && chance.below(3) == 0
    {
        let n = case.depth.ints as usize;
        if !matches!(case.uop, Uop::LeftShiftInt | Uop::RightShiftInt) {
            let v = case.machine.int(n - 1);
            case.machine.set_int(n - 2, v);
        }
    }
}

fn operands(case: &mut Case, chance: &mut Chance) {
    use Uop::*;
    let n = case.depth.ints as usize;
    let on_top = |case: &Case, k: usize| case.machine.int(n - 1 - k);
    let word_address = (MEMORY + WORDS + 8 * chance.below(16)) as u64;
    case.displacements = [16 + 8 * chance.below(8) as i32, 0, 0, 0];
    case.immediates[0] = chance.value();
    match case.uop {
        LoadAddress => {
            case.immediates[0] = word_address;
            if !chance.often() {
                case.machine.store(word_address, 0);
            }
        }
        GuardClass1 | GuardClass2 => case.immediates[0] = object(COUNT - 1 - chance.below(2)),
        GuardVersion => {
            let class = object(COUNT - 1);
            case.immediates[0] = u64::from(case.machine.load(class + case.displacements[0] as u64) as u32);
        }
        GuardWord | GuardLength if chance.often() => {
            case.immediates[0] = case.machine.load(on_top(case, 0) + case.displacements[0] as u64);
        }
        GuardWord2 if chance.often() => {
            case.immediates[0] = case.machine.load(on_top(case, 1) + case.displacements[0] as u64);
        }
        GuardIs | GuardIsNot if chance.below(2) == 0 => case.immediates[0] = on_top(case, 0),
        GuardMemory32 | GuardBreaker => {
            let v = case.machine.load(word_address);
            case.immediates[0] = word_address;
            case.immediates[1] = match (case.uop, chance.often()) {
                (GuardMemory32, true) => u64::from(v as u32),
                (GuardBreaker, true) => u64::from(!v as u32),
                _ => chance.next() & 0xffff_ffff,
            };
        }
        // As many words as an object has, and calls that the machine can note.
        UnpackFrame | UnpackTop => {
            case.immediates[0] = 8 * (1 + chance.below(7) as u64);
            case.displacements = [8, 16 + 8 * chance.below(4) as i32, 0, 0];
            for k in 0..case.immediates[0] / 8 {
                let at = on_top(case, 0) + 16 + 8 * k;
                let v = chance.value();
                case.machine.store(at, v);
            }
        }
        MoveWordsFrame | MoveWordsTop => {
            case.immediates[0] = 8 * (1 + chance.below(3) as u64);
            case.displacements = [80 + 8 * chance.below(4) as i32, 16 + 8 * chance.below(4) as i32, 0, 0];
            // No object is given up twice.
            let base = if case.uop == MoveWordsFrame { case.machine.frame() } else { case.machine.top() };
            for k in 0..case.immediates[0] / 8 {
                let v = [object(2 + k as usize), chance.fixnum(), 0][chance.below(3)];
                case.machine.store(base + case.displacements[1] as u64 + 8 * k, v);
            }
        }
        AddIntImmediate => case.immediates[0] = (chance.number() << 1) as u64,
        LoadFloatImmediate => case.immediates[0] = chance.double().to_bits(),
        LoadFloatFrame | LoadFloatTop => {
            let base = if case.uop == LoadFloatFrame { case.machine.frame() } else { case.machine.top() };
            let v = chance.flonum();
            case.machine.store(base + case.displacements[0] as u64, v);
        }
        Count | GuardChance => case.immediates[0] = word_address,
        Ask1 | Ask2 | Ask3 | AskStack | AskStackTop => {
            case.immediates = [Slot::Function.address() as u64, 8 * chance.below(8) as u64, chance.value()];
        }
        Interpret => case.immediates[1] = Slot::Function.address() as u64,
        _ => {}
    }
    if matches!(case.uop, Interpret | PushFrames) {
        // Where the thread says how far the stack goes.
        case.displacements[0] = 0;
    }
    containers(case, chance);
}

/// Gives containers and iterators sensible fields.
fn containers(case: &mut Case, chance: &mut Chance) {
    use Uop::*;
    let n = case.depth.ints as usize;
    let items = (MEMORY + ITEMS) as u64;
    let container = |case: &Case| if n >= 2 { case.machine.int(n - 2) } else { 0 };
    match case.uop {
        ListItem | ListItemKeep | ExchangeListItem | TupleItem | TupleItemKeep => {
            let list = container(case);
            let is_list = !matches!(case.uop, TupleItem | TupleItemKeep);
            case.displacements = [16, if is_list { 24 } else { 32 }, 0, 0];
            case.machine.store(list + 16, chance.below(7) as u64);
            if is_list {
                case.machine.store(list + 24, items);
            }
        }
        LoadF64 | LoadI8 | LoadU8 | LoadI16 | LoadU16 | LoadI32 | LoadI64 | StoreF64 | StoreI8 | StoreU8 | StoreI16
        | StoreU16 | StoreI32 | StoreI64 => {
            let block = container(case);
            case.displacements = [16, 24, 0, 0];
            case.machine.store(block + 16, chance.below(72) as u64);
            case.machine.store(block + 24, items);
            if case.uop != StoreF64 && case.uop.info().ints.0 == 3 && chance.often() {
                let small = (chance.number() % 300) << 1 | 1;
                case.machine.set_int(n - 3, small as u64);
            }
        }
        NextRange | GuardRangeDone => {
            let it = case.machine.int(n - 1);
            case.displacements = [16, 24, 32, 0];
            let (remaining, next, step) =
                (chance.one_of(&[0, 1, 5]), chance.number() << chance.below(3), chance.number());
            case.machine.store(it + 16, remaining);
            case.machine.store(it + 24, next as u64);
            case.machine.store(it + 32, step as u64);
        }
        NextList | NextTuple | GuardListDone | GuardTupleDone => {
            let it = case.machine.int(n - 1);
            let container = if it == object(2) { object(3) } else { object(2) };
            case.displacements = [16, 24, 16, if matches!(case.uop, NextTuple | GuardTupleDone) { 32 } else { 24 }];
            let shown = if chance.often() { container } else { 0 };
            case.machine.store(it + 16, shown);
            case.machine.store(it + 24, chance.below(6) as u64);
            case.machine.store(container + 16, chance.below(7) as u64);
            if matches!(case.uop, NextList | GuardListDone) {
                case.machine.store(container + 24, items);
            }
        }
        _ => {}
    }
}
