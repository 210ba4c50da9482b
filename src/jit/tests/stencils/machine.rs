//! The state that micro-ops work on: registers, and memory at fixed addresses, the same in every process.

use pyrs_uops::{Depth, Uop};

/// Where memory and code are.
pub const MEMORY: usize = 0x7_0000_0000;
pub const CODE: usize = 0x7_1000_0000;
pub const MEMORY_SIZE: usize = 0x1000;

/// Parts of the memory, as offsets.
pub const FRAME: usize = 0;
pub const TOP: usize = 0x100;
pub const THREAD: usize = 0x200;
pub const OBJECTS: usize = 0x300;
pub const OBJECT: usize = 0x60;
pub const ITEMS: usize = 0x700;
pub const WORDS: usize = 0x800;
pub const REGISTERS: usize = 0xa00;
/// What native functions answer.
pub const ANSWER: usize = REGISTERS + 0x70;
/// Number of calls, then four words for each: kind and arguments.
pub const CALLS: usize = REGISTERS + 0x78;
const CALL: usize = REGISTERS + 0x80;

pub const TRUE: u64 = (MEMORY + OBJECTS) as u64;
pub const FALSE: u64 = (MEMORY + OBJECTS + OBJECT) as u64;

/// Bytes of a slot in the code memory: a jump to something in the process.
pub const SLOT: usize = 16;

/// Ways out, and what is called.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
#[repr(u64)]
pub enum Slot {
    Next,
    Exit,
    Top,
    Trace,
    Leave,
    Dealloc,
    Function,
}

impl Slot {
    pub const COUNT: usize = 7;

    pub fn address(self) -> usize {
        CODE + SLOT * self as usize
    }
}

/// A micro-op with operands, and the state it is executed in.
#[derive(Clone, Debug)]
pub struct Case {
    pub uop: Uop,
    pub depth: Depth,
    pub immediates: [u64; 3],
    pub displacements: [i32; 4],
    pub machine: Machine,
}

/// Registers are memory too: from [`REGISTERS`] on, words, doubles, thread, `top`, frame, the way out.
#[derive(Clone, PartialEq)]
pub struct Machine(pub Vec<u8>);

impl std::fmt::Debug for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let word = |at: usize| self.at(at);
        let registers: Vec<u64> = (0..12).map(|n| word(REGISTERS + 8 * n)).collect();
        write!(f, "registers {registers:#x?}")
    }
}

const FLOATS: usize = 4;
const FIXED: usize = 8;

impl Machine {
    pub fn new() -> Machine {
        Machine(vec![0; MEMORY_SIZE])
    }

    /// The word at an offset.
    pub fn at(&self, offset: usize) -> u64 {
        u64::from_le_bytes(self.0[offset..offset + 8].try_into().expect("eight bytes"))
    }

    pub fn set(&mut self, offset: usize, v: u64) {
        self.0[offset..offset + 8].copy_from_slice(&v.to_le_bytes());
    }

    /// The word at an address.
    pub fn load(&self, address: u64) -> u64 {
        self.at(address as usize - MEMORY)
    }

    pub fn store(&mut self, address: u64, v: u64) {
        self.set(address as usize - MEMORY, v);
    }

    pub fn register(&self, n: usize) -> u64 {
        self.at(REGISTERS + 8 * n)
    }

    pub fn set_register(&mut self, n: usize, v: u64) {
        self.set(REGISTERS + 8 * n, v);
    }

    pub fn int(&self, n: usize) -> u64 {
        self.register(n)
    }

    pub fn set_int(&mut self, n: usize, v: u64) {
        self.set_register(n, v);
    }

    pub fn float(&self, n: usize) -> u64 {
        self.register(FLOATS + n)
    }

    pub fn set_float(&mut self, n: usize, v: u64) {
        self.set_register(FLOATS + n, v);
    }

    pub fn thread(&self) -> u64 {
        self.register(FIXED)
    }

    pub fn top(&self) -> u64 {
        self.register(FIXED + 1)
    }

    pub fn set_top(&mut self, v: u64) {
        self.set_register(FIXED + 1, v);
    }

    pub fn frame(&self) -> u64 {
        self.register(FIXED + 2)
    }

    pub fn set_frame(&mut self, v: u64) {
        self.set_register(FIXED + 2, v);
    }

    pub fn way(&self) -> u64 {
        self.register(FIXED + 3)
    }

    pub fn set_way(&mut self, way: Slot) {
        self.set_register(FIXED + 3, way as u64);
    }

    /// Sets thread, `top` and frame.
    pub fn set_fixed(&mut self) {
        for (n, part) in [THREAD, TOP, FRAME].into_iter().enumerate() {
            self.set_register(FIXED + n, (MEMORY + part) as u64);
        }
    }

    /// Writes a call down; arguments that the function has not got stay 0.
    pub fn call(&mut self, kind: Slot, arguments: &[u64]) {
        let n = self.at(CALLS) as usize;
        self.set(CALLS, n as u64 + 1);
        self.set(CALL + 32 * n, kind as u64);
        for (k, v) in arguments.iter().enumerate() {
            self.set(CALL + 32 * n + 8 + 8 * k, *v);
        }
    }

    /// What differs in a state that machine code has left behind: registers that hold nothing don't matter.
    pub fn differences(&self, found: &Machine, case: &Case) -> Vec<String> {
        let mut out = Vec::new();
        let mut check = |what: String, expected: u64, found: u64| {
            if expected != found {
                out.push(format!("{what}: expected {expected:#x}, found {found:#x}"));
            }
        };
        check("way".into(), self.way(), found.way());
        let (ints, floats) = self.live(case);
        for n in 0..ints {
            check(format!("word {n}"), self.int(n), found.int(n));
        }
        for n in 0..floats {
            check(format!("double {n}"), without_nan_sign(self.float(n)), without_nan_sign(found.float(n)));
        }
        for n in FIXED..FIXED + 3 {
            check(format!("register {n}"), self.register(n), found.register(n));
        }
        for at in (0..REGISTERS).step_by(8) {
            check(format!("memory at {at:#x}"), self.at(at), found.at(at));
        }
        check("calls".into(), self.at(CALLS), found.at(CALLS));
        for n in 0..self.at(CALLS) as usize {
            let at = CALL + 32 * n;
            for k in 0..1 + arguments(self.at(at), case.uop) {
                check(format!("call {n}, word {k}"), self.at(at + 8 * k), found.at(at + 8 * k));
            }
        }
        out
    }

    /// Registers that hold something after the micro-op.
    fn live(&self, case: &Case) -> (usize, usize) {
        let after = if self.way() == Slot::Exit as u64 { case.depth } else { case.uop.after(case.depth) };
        match case.uop {
            // The operand is handed over in the first register.
            Uop::Leave => (1, 0),
            uop => {
                let (ints, floats) = uop.uses();
                // What a micro-op does not look at passes by, whatever the depth; calls preserve nothing.
                let passes = !uop.has(pyrs_uops::flags::CALLS);
                let n = |uses: bool, depth: u8| if uses || !passes { depth as usize } else { 4 };
                (n(ints, after.ints), n(floats, after.floats))
            }
        }
    }
}

/// Arguments behind the first one of a call.
fn arguments(kind: u64, uop: Uop) -> usize {
    match (kind == Slot::Dealloc as u64, uop) {
        (true, _) => 1,
        (_, Uop::Ask1) => 1,
        (_, Uop::Ask2 | Uop::AskStack | Uop::AskStackTop) => 2,
        _ => 3,
    }
}

/// The sign of a NaN that an operation makes is each machine's own affair.
fn without_nan_sign(bits: u64) -> u64 {
    if f64::from_bits(bits).is_nan() { bits & !(1 << 63) } else { bits }
}
