//! The micro-op table: what compiled traces are made of.
//!
//! Micro-ops work on a *cache* of the operand stack's top in machine registers: up to [`INT_REGISTERS`] value words
//! and up to [`FLOAT_REGISTERS`] unboxed doubles. A micro-op pops and pushes cached entries; where the rest of the
//! operand stack lives is the trace builder's knowledge alone. Three words stay in registers all the time: the
//! frame, the thread, and `top`, the first free word of the data stack, where frames of inlined calls would stand.
//!
//! Everything that must know the set of micro-ops derives from [`for_each_uop!`]: the enum, its metadata, the
//! semantics (`pyrs-semantics`), the stencils (`stencils/`), the trace printer and the tests. A row is
//! `(Variant, "NAME", [ints popped, pushed], [floats popped, pushed], [FLAGS])`.

/// Value words that a trace keeps in registers.
pub const INT_REGISTERS: usize = 4;
/// Unboxed doubles that a trace keeps in registers.
pub const FLOAT_REGISTERS: usize = 4;

/// Properties of a micro-op beside its stack effect.
pub mod flags {
    /// May leave the trace, with everything as it was before the micro-op.
    pub const EXITS: u8 = 1;
    /// Calls native code on its main path: nothing else may be cached meanwhile.
    pub const CALLS: u8 = 2;
    /// Nothing follows it.
    pub const TERMINAL: u8 = 4;
    /// Stores into objects, or destroys them.
    pub const EFFECT: u8 = 8;
    /// Moves the cached entries of its kind by one: every entry is an operand.
    pub const SHIFTS: u8 = 16;
    /// What shifts are doubles. (Follows from the name, as the next one.)
    pub const FLOATS: u8 = 32;
    /// The deepest entry is stored; else one is loaded.
    pub const SPILLS: u8 = 64;
}

/// Calls `$callback!` with the rows of the table.
#[macro_export]
macro_rules! for_each_uop {
    ($callback:ident) => {
        $callback! {
            // Local variables and operand stack words, relative to the frame or to `top` (displacement 0).
            (LoadFrame, "LOAD_FRAME", [0, 1], [0, 0], []);
            (LoadTop, "LOAD_TOP", [0, 1], [0, 0], []);
            (StoreFrame, "STORE_FRAME", [1, 0], [0, 0], []);
            (StoreTop, "STORE_TOP", [1, 0], [0, 0], []);
            (ExchangeFrame, "EXCHANGE_FRAME", [1, 1], [0, 0], []);
            (ExchangeTop, "EXCHANGE_TOP", [1, 1], [0, 0], []);
            (SpillFrame, "SPILL_FRAME", [0, 0], [0, 0], [SHIFTS]);
            (SpillTop, "SPILL_TOP", [0, 0], [0, 0], [SHIFTS]);
            (FillFrame, "FILL_FRAME", [0, 0], [0, 0], [SHIFTS]);
            (FillTop, "FILL_TOP", [0, 0], [0, 0], [SHIFTS]);
            (IncrefFrame, "INCREF_FRAME", [0, 0], [0, 0], []);
            (IncrefTop, "INCREF_TOP", [0, 0], [0, 0], []);
            (DecrefFrame, "DECREF_FRAME", [0, 0], [0, 0], [EFFECT]);
            (DecrefTop, "DECREF_TOP", [0, 0], [0, 0], [EFFECT]);
            // Many words at once: items behind an address come to lie on the operand stack, the first one on top; words
            // from the stack's top down go to neighbouring variables. Immediate 0 is how many, in bytes.
            (UnpackFrame, "UNPACK_FRAME", [1, 1], [0, 0], []);
            (UnpackTop, "UNPACK_TOP", [1, 1], [0, 0], []);
            (MoveWordsFrame, "MOVE_WORDS_FRAME", [0, 0], [0, 0], [EFFECT]);
            (MoveWordsTop, "MOVE_WORDS_TOP", [0, 0], [0, 0], [EFFECT]);
            // Moves inside the cache.
            (LoadImmediate, "LOAD_IMMEDIATE", [0, 1], [0, 0], []);
            (LoadAddress, "LOAD_ADDRESS", [0, 1], [0, 0], [EXITS]);
            (Copy1, "COPY_1", [1, 2], [0, 0], []);
            (Copy2, "COPY_2", [2, 3], [0, 0], []);
            (Copy3, "COPY_3", [3, 4], [0, 0], []);
            (Swap2, "SWAP_2", [2, 2], [0, 0], []);
            (Swap3, "SWAP_3", [3, 3], [0, 0], []);
            (Nip, "NIP", [2, 1], [0, 0], []);
            (Nip2, "NIP_2", [3, 1], [0, 0], []);
            (Incref1, "INCREF_1", [1, 1], [0, 0], []);
            (Incref2, "INCREF_2", [2, 2], [0, 0], []);
            (Decref, "DECREF", [1, 0], [0, 0], [EFFECT]);
            (DecrefOrNull, "DECREF_OR_NULL", [1, 0], [0, 0], [EFFECT]);
            (DecrefSecond, "DECREF_SECOND", [2, 1], [0, 0], [EFFECT]);
            // Guards.
            (GuardInt1, "GUARD_INT_1", [1, 1], [0, 0], [EXITS]);
            (GuardInt2, "GUARD_INT_2", [2, 2], [0, 0], [EXITS]);
            (GuardFloat1, "GUARD_FLOAT_1", [1, 1], [0, 0], [EXITS]);
            (GuardFloat2, "GUARD_FLOAT_2", [2, 2], [0, 0], [EXITS]);
            (GuardInt3, "GUARD_INT_3", [3, 3], [0, 0], [EXITS]);
            (GuardFloat3, "GUARD_FLOAT_3", [3, 3], [0, 0], [EXITS]);
            (GuardClass1, "GUARD_CLASS_1", [1, 1], [0, 0], [EXITS]);
            (GuardClass2, "GUARD_CLASS_2", [2, 2], [0, 0], [EXITS]);
            (GuardVersion, "GUARD_VERSION", [1, 1], [0, 0], [EXITS]);
            (GuardWord, "GUARD_WORD", [1, 1], [0, 0], [EXITS]);
            (GuardWord2, "GUARD_WORD_2", [2, 2], [0, 0], [EXITS]);
            (GuardIs, "GUARD_IS", [1, 0], [0, 0], [EXITS]);
            (GuardIsNot, "GUARD_IS_NOT", [1, 0], [0, 0], [EXITS]);
            (GuardSame, "GUARD_SAME", [2, 2], [0, 0], [EXITS]);
            (GuardNotSame, "GUARD_NOT_SAME", [2, 2], [0, 0], [EXITS]);
            (GuardMemory32, "GUARD_MEMORY_32", [0, 0], [0, 0], [EXITS]);
            (GuardBreaker, "GUARD_BREAKER", [0, 0], [0, 0], [EXITS]);
            // Integers that fit their word.
            (AddInt, "ADD_INT", [2, 1], [0, 0], [EXITS]);
            (SubtractInt, "SUBTRACT_INT", [2, 1], [0, 0], [EXITS]);
            (MultiplyInt, "MULTIPLY_INT", [2, 1], [0, 0], [EXITS]);
            (AddIntImmediate, "ADD_INT_IMMEDIATE", [1, 1], [0, 0], [EXITS]);
            (FloorDivideInt, "FLOOR_DIVIDE_INT", [2, 1], [0, 0], [EXITS]);
            (RemainderInt, "REMAINDER_INT", [2, 1], [0, 0], [EXITS]);
            (AndInt, "AND_INT", [2, 1], [0, 0], []);
            (OrInt, "OR_INT", [2, 1], [0, 0], []);
            (XorInt, "XOR_INT", [2, 1], [0, 0], []);
            (LeftShiftInt, "LEFT_SHIFT_INT", [2, 1], [0, 0], [EXITS]);
            (RightShiftInt, "RIGHT_SHIFT_INT", [2, 1], [0, 0], [EXITS]);
            (NegateInt, "NEGATE_INT", [1, 1], [0, 0], [EXITS]);
            (InvertInt, "INVERT_INT", [1, 1], [0, 0], []);
            (GuardLtInt, "GUARD_LT_INT", [2, 0], [0, 0], [EXITS]);
            (GuardLeInt, "GUARD_LE_INT", [2, 0], [0, 0], [EXITS]);
            (GuardEqInt, "GUARD_EQ_INT", [2, 0], [0, 0], [EXITS]);
            (GuardNeInt, "GUARD_NE_INT", [2, 0], [0, 0], [EXITS]);
            (GuardGtInt, "GUARD_GT_INT", [2, 0], [0, 0], [EXITS]);
            (GuardGeInt, "GUARD_GE_INT", [2, 0], [0, 0], [EXITS]);
            (LtInt, "LT_INT", [2, 1], [0, 0], []);
            (LeInt, "LE_INT", [2, 1], [0, 0], []);
            (EqInt, "EQ_INT", [2, 1], [0, 0], []);
            (NeInt, "NE_INT", [2, 1], [0, 0], []);
            (GtInt, "GT_INT", [2, 1], [0, 0], []);
            (GeInt, "GE_INT", [2, 1], [0, 0], []);
            (Same, "SAME", [2, 1], [0, 0], []);
            (NotSame, "NOT_SAME", [2, 1], [0, 0], []);
            (Not, "NOT", [1, 1], [0, 0], []);
            // Doubles.
            (Unbox, "UNBOX", [1, 0], [0, 1], []);
            (Box, "BOX", [0, 1], [1, 0], [EXITS]);
            (IntToFloat, "INT_TO_FLOAT", [1, 0], [0, 1], []);
            (LoadFloatImmediate, "LOAD_FLOAT_IMMEDIATE", [0, 0], [0, 1], []);
            (LoadFloatFrame, "LOAD_FLOAT_FRAME", [0, 0], [0, 1], []);
            (LoadFloatTop, "LOAD_FLOAT_TOP", [0, 0], [0, 1], []);
            // Doubles in memory as they are.
            (LoadRawFrame, "LOAD_RAW_FLOAT_FRAME", [0, 0], [0, 1], []);
            (LoadRawTop, "LOAD_RAW_FLOAT_TOP", [0, 0], [0, 1], []);
            (StoreFloatFrame, "STORE_FLOAT_FRAME", [0, 0], [1, 0], []);
            (StoreFloatTop, "STORE_FLOAT_TOP", [0, 0], [1, 0], []);
            (SpillFloatFrame, "SPILL_FLOAT_FRAME", [0, 0], [0, 0], [SHIFTS]);
            (SpillFloatTop, "SPILL_FLOAT_TOP", [0, 0], [0, 0], [SHIFTS]);
            (FillFloatFrame, "FILL_FLOAT_FRAME", [0, 0], [0, 0], [SHIFTS]);
            (FillFloatTop, "FILL_FLOAT_TOP", [0, 0], [0, 0], [SHIFTS]);
            (CopyFloat1, "COPY_FLOAT_1", [0, 0], [1, 2], []);
            (SwapFloat, "SWAP_FLOAT", [0, 0], [2, 2], []);
            (AddFloat, "ADD_FLOAT", [0, 0], [2, 1], []);
            (SubtractFloat, "SUBTRACT_FLOAT", [0, 0], [2, 1], []);
            (MultiplyFloat, "MULTIPLY_FLOAT", [0, 0], [2, 1], []);
            (DivideFloat, "DIVIDE_FLOAT", [0, 0], [2, 1], [EXITS]);
            (NegateFloat, "NEGATE_FLOAT", [0, 0], [1, 1], []);
            (GuardLtFloat, "GUARD_LT_FLOAT", [0, 0], [2, 0], [EXITS]);
            (GuardLeFloat, "GUARD_LE_FLOAT", [0, 0], [2, 0], [EXITS]);
            (GuardGtFloat, "GUARD_GT_FLOAT", [0, 0], [2, 0], [EXITS]);
            (GuardGeFloat, "GUARD_GE_FLOAT", [0, 0], [2, 0], [EXITS]);
            (GuardNotGtFloat, "GUARD_NOT_GT_FLOAT", [0, 0], [2, 0], [EXITS]);
            (GuardNotGeFloat, "GUARD_NOT_GE_FLOAT", [0, 0], [2, 0], [EXITS]);
            (GuardEqFloat, "GUARD_EQ_FLOAT", [0, 0], [2, 0], [EXITS]);
            (GuardNeFloat, "GUARD_NE_FLOAT", [0, 0], [2, 0], [EXITS]);
            (GuardNotLtFloat, "GUARD_NOT_LT_FLOAT", [0, 0], [2, 0], [EXITS]);
            (GuardNotLeFloat, "GUARD_NOT_LE_FLOAT", [0, 0], [2, 0], [EXITS]);
            // Objects. Displacements say where the fields are.
            (LoadField, "LOAD_FIELD", [1, 1], [0, 0], [EXITS]);
            (LoadFieldKeep, "LOAD_FIELD_KEEP", [1, 2], [0, 0], [EXITS]);
            (ExchangeField, "EXCHANGE_FIELD", [2, 2], [0, 0], [EFFECT]);
            (SetWord, "SET_WORD", [1, 1], [0, 0], [EFFECT]);
            (ListItem, "LIST_ITEM", [2, 1], [0, 0], [EXITS]);
            (ListItemKeep, "LIST_ITEM_KEEP", [2, 2], [0, 0], [EXITS]);
            (TupleItem, "TUPLE_ITEM", [2, 1], [0, 0], [EXITS]);
            (TupleItemKeep, "TUPLE_ITEM_KEEP", [2, 2], [0, 0], [EXITS]);
            (ExchangeListItem, "EXCHANGE_LIST_ITEM", [3, 2], [0, 0], [EXITS, EFFECT]);
            (GuardLength, "GUARD_LENGTH", [1, 1], [0, 0], [EXITS]);
            (TupleItemAt, "TUPLE_ITEM_AT", [1, 2], [0, 0], []);
            (Truncate, "TRUNCATE_LENGTH", [1, 1], [0, 0], []);
            // Items of blocks of machine values: displacements of the block's length in bytes and of its address.
            (LoadF64, "LOAD_F64_ITEM", [2, 0], [0, 1], [EXITS]);
            (LoadI8, "LOAD_I8_ITEM", [2, 1], [0, 0], [EXITS]);
            (LoadU8, "LOAD_U8_ITEM", [2, 1], [0, 0], [EXITS]);
            (LoadI16, "LOAD_I16_ITEM", [2, 1], [0, 0], [EXITS]);
            (LoadU16, "LOAD_U16_ITEM", [2, 1], [0, 0], [EXITS]);
            (LoadI32, "LOAD_I32_ITEM", [2, 1], [0, 0], [EXITS]);
            (LoadI64, "LOAD_I64_ITEM", [2, 1], [0, 0], [EXITS]);
            (StoreF64, "STORE_F64_ITEM", [2, 0], [1, 0], [EXITS, EFFECT]);
            (StoreI8, "STORE_I8_ITEM", [3, 0], [0, 0], [EXITS, EFFECT]);
            (StoreU8, "STORE_U8_ITEM", [3, 0], [0, 0], [EXITS, EFFECT]);
            (StoreI16, "STORE_I16_ITEM", [3, 0], [0, 0], [EXITS, EFFECT]);
            (StoreU16, "STORE_U16_ITEM", [3, 0], [0, 0], [EXITS, EFFECT]);
            (StoreI32, "STORE_I32_ITEM", [3, 0], [0, 0], [EXITS, EFFECT]);
            (StoreI64, "STORE_I64_ITEM", [3, 0], [0, 0], [EXITS, EFFECT]);
            (NextRange, "NEXT_RANGE", [1, 2], [0, 0], [EXITS, EFFECT]);
            (NextList, "NEXT_LIST", [1, 2], [0, 0], [EXITS, EFFECT]);
            (NextTuple, "NEXT_TUPLE", [1, 2], [0, 0], [EXITS, EFFECT]);
            (GuardListDone, "GUARD_LIST_DONE", [1, 1], [0, 0], [EXITS]);
            (GuardTupleDone, "GUARD_TUPLE_DONE", [1, 1], [0, 0], [EXITS]);
            (GuardRangeDone, "GUARD_RANGE_DONE", [1, 1], [0, 0], [EXITS]);
            // Native functions (immediate 0) that answer 0 where they decline: nothing has happened then.
            (Ask1, "ASK_1", [1, 2], [0, 0], [EXITS, CALLS, EFFECT]);
            (Ask2, "ASK_2", [2, 3], [0, 0], [EXITS, CALLS, EFFECT]);
            (Ask3, "ASK_3", [3, 4], [0, 0], [EXITS, CALLS, EFFECT]);
            (AskStack, "ASK_STACK_FRAME", [0, 1], [0, 0], [EXITS, CALLS, EFFECT]);
            (AskStackTop, "ASK_STACK_TOP", [0, 1], [0, 0], [EXITS, CALLS, EFFECT]);
            // Bytecode instructions executed by the interpreter, and frames.
            (Interpret, "INTERPRET", [0, 0], [0, 0], [EXITS, CALLS, EFFECT]);
            (PushFrames, "PUSH_FRAMES", [0, 0], [0, 0], [EXITS, CALLS, EFFECT]);
            // Adds one to the word at immediate 0: only in traces that are made to be looked at.
            (Count, "COUNT", [0, 0], [0, 0], []);
            // Fails by chance, about once in forty times; the word at immediate 0 says when. Only in tests.
            (GuardChance, "GUARD_CHANCE", [0, 0], [0, 0], [EXITS]);
            // The ends of a trace.
            (JumpTop, "JUMP_TOP", [0, 0], [0, 0], [TERMINAL]);
            (JumpTrace, "JUMP_TRACE", [0, 0], [0, 0], [TERMINAL]);
            (Leave, "LEAVE", [0, 0], [0, 0], [TERMINAL]);
        }
    };
}

macro_rules! define {
    ($(($variant:ident, $name:literal, [$ip:literal, $iq:literal], [$fp:literal, $fq:literal], [$($flag:ident),*]);)*) => {
        /// A micro-op.
        #[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
        #[repr(u8)]
        pub enum Uop { $($variant),* }

        /// Every micro-op, in the order of its number.
        pub const ALL: &[Uop] = &[$(Uop::$variant),*];

        const INFO: &[Info] = &[$(Info {
            name: $name,
            ints: ($ip, $iq),
            floats: ($fp, $fq),
            flags: with_kind_of_shift(0 $(| flags::$flag)*, $name),
        }),*];
    };
}
for_each_uop!(define);

/// Adds the flags that say what a micro-op shifts, and where to: strings are too slow to be asked each time.
const fn with_kind_of_shift(flags: u8, name: &str) -> u8 {
    if flags & flags::SHIFTS == 0 {
        return flags;
    }
    let (name, mut more) = (name.as_bytes(), 0);
    if name[0] == b'S' {
        more |= flags::SPILLS;
    }
    let mut i = 0;
    while i + 5 <= name.len() {
        if let b"FLOAT" = name.split_at(i).1.split_at(5).0 {
            more |= flags::FLOATS;
        }
        i += 1;
    }
    flags | more
}

/// One row of the table.
#[derive(Copy, Clone, Debug)]
pub struct Info {
    pub name: &'static str,
    /// Value words popped and pushed.
    pub ints: (u8, u8),
    /// Doubles popped and pushed.
    pub floats: (u8, u8),
    pub flags: u8,
}

/// How many entries are cached: value words and doubles.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Depth {
    pub ints: u8,
    pub floats: u8,
}

impl Uop {
    pub const fn info(self) -> &'static Info {
        &INFO[self as usize]
    }

    pub const fn has(self, flag: u8) -> bool {
        self.info().flags & flag != 0
    }

    /// The micro-op of that name.
    pub fn from_name(name: &str) -> Option<Uop> {
        ALL.iter().copied().find(|u| u.info().name == name)
    }

    /// Whether the micro-op treats value words, doubles at all: depths of the other kind make no difference to it.
    pub const fn uses(self) -> (bool, bool) {
        let info = self.info();
        let (shifts, shifts_floats) = (self.has(flags::SHIFTS), self.has(flags::FLOATS));
        let (ints, floats) = (info.ints.0 + info.ints.1 > 0, info.floats.0 + info.floats.1 > 0);
        (ints || (shifts && !shifts_floats), floats || (shifts && shifts_floats))
    }

    /// The stencil's index among the micro-op's variants for a cache of this depth; None if the micro-op can't be
    /// executed then.
    pub const fn variant(self, depth: Depth) -> Option<Depth> {
        let info = self.info();
        let (ints, floats) = self.uses();
        if !fits(depth.ints, info.ints, INT_REGISTERS) || !fits(depth.floats, info.floats, FLOAT_REGISTERS) {
            return None;
        }
        if self.has(flags::CALLS) && (depth.ints != info.ints.0 || depth.floats != info.floats.0) {
            return None;
        }
        if self.has(flags::SHIFTS) {
            let spills = self.has(flags::SPILLS);
            let (n, room) = if ints { (depth.ints, INT_REGISTERS) } else { (depth.floats, FLOAT_REGISTERS) };
            if (spills && n == 0) || (!spills && n as usize == room) {
                return None;
            }
        }
        Some(Depth { ints: if ints { depth.ints } else { 0 }, floats: if floats { depth.floats } else { 0 } })
    }

    /// The depth after the micro-op; None if it can't be executed at this one.
    pub fn step(self, depth: Depth) -> Option<Depth> {
        let after = AFTER[self as usize][depth.index()];
        (after.ints != NEVER).then_some(after)
    }

    /// The depth after the micro-op.
    pub const fn after(self, depth: Depth) -> Depth {
        let info = self.info();
        let mut after = Depth {
            ints: depth.ints - info.ints.0 + info.ints.1,
            floats: depth.floats - info.floats.0 + info.floats.1,
        };
        if self.has(flags::SHIFTS) {
            let n = if self.uses().0 { &mut after.ints } else { &mut after.floats };
            *n = if self.has(flags::SPILLS) { *n - 1 } else { *n + 1 };
        }
        after
    }

    /// Every depth that has a stencil of its own.
    pub fn variants(self) -> Vec<Depth> {
        let mut all = Vec::new();
        for ints in 0..=INT_REGISTERS as u8 {
            for floats in 0..=FLOAT_REGISTERS as u8 {
                let depth = Depth { ints, floats };
                if self.variant(depth) == Some(depth) {
                    all.push(depth);
                }
            }
        }
        all
    }
}

impl Depth {
    /// A number below [`VARIANTS`].
    pub const fn index(self) -> usize {
        self.ints as usize * (FLOAT_REGISTERS + 1) + self.floats as usize
    }

    /// The depth of a number.
    pub const fn from_index(n: usize) -> Depth {
        Depth { ints: (n / (FLOAT_REGISTERS + 1)) as u8, floats: (n % (FLOAT_REGISTERS + 1)) as u8 }
    }
}

/// Whether what is popped is there, and what is pushed finds room.
const fn fits(n: u8, (popped, pushed): (u8, u8), room: usize) -> bool {
    n >= popped && (n - popped + pushed) as usize <= room
}

/// In [`AFTER`]: no depth.
const NEVER: u8 = u8::MAX;

/// The depth after each micro-op, by the depth before.
static AFTER: [[Depth; VARIANTS]; ALL.len()] = {
    let mut all = [[Depth { ints: NEVER, floats: NEVER }; VARIANTS]; ALL.len()];
    let mut n = 0;
    while n < VARIANTS * ALL.len() {
        let (uop, depth) = (ALL[n / VARIANTS], Depth::from_index(n % VARIANTS));
        if uop.variant(depth).is_some() {
            all[n / VARIANTS][n % VARIANTS] = uop.after(depth);
        }
        n += 1;
    }
    all
};

/// Number of depths.
pub const VARIANTS: usize = (INT_REGISTERS + 1) * (FLOAT_REGISTERS + 1);

/// What a hole in a stencil is filled with.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Hole {
    /// A 64-bit operand of the micro-op.
    Immediate(u8),
    /// A displacement in a load or store.
    Displacement(u8),
    /// The code of the next micro-op.
    Next,
    /// The code of the micro-op's side exit.
    Exit,
    /// The loop's first micro-op.
    Top,
    /// The trace to go on in.
    Trace,
    /// The thunk that leaves compiled code.
    LeaveThunk,
    /// The thunk that destroys an object.
    Dealloc,
    /// The thunk that runs one instruction in the interpreter.
    Runtime(Runtime),
    /// An offset in the hot part of the same stencil.
    Hot(u16),
    /// An offset in the cold part of the same stencil.
    Cold(u16),
}

/// Functions of the runtime that stencils call, and words that they compare with.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Runtime {
    PushFrames,
    True,
    False,
}

/// How a hole is encoded.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Encoding {
    /// x86-64: eight bytes.
    Absolute64,
    /// x86-64: four bytes relative to their own address (the addend makes up for the rest).
    Relative32,
    /// x86-64: four bytes of displacement.
    Displacement32,
    /// AArch64: `movz` and three `movk`.
    Move64,
    /// AArch64: `b`, `bl`.
    Branch26,
    /// AArch64: `b.cond`, `cbz`.
    Branch19,
    /// AArch64: `tbz`.
    Branch14,
    /// AArch64: the scaled offset of a load or store of 1 << n bytes.
    Offset12(u8),
}

/// A place in a stencil that is filled when the stencil is copied.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Patch {
    /// In the cold part.
    pub cold: bool,
    pub offset: u16,
    pub encoding: Encoding,
    pub hole: Hole,
    pub addend: i32,
}

/// The machine code of a micro-op at one depth, with holes.
#[derive(Copy, Clone, Debug)]
pub struct Stencil {
    /// The main path; control falls out of its end.
    pub hot: &'static [u8],
    /// What is rarely executed; ends in jumps.
    pub cold: &'static [u8],
    pub patches: &'static [Patch],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depths_follow_the_table() {
        let depth = Depth { ints: 2, floats: 0 };
        assert_eq!(Uop::AddInt.variant(depth), Some(depth));
        assert_eq!(Uop::AddInt.variant(Depth { ints: 1, floats: 0 }), None);
        assert_eq!(Uop::AddInt.variant(Depth { ints: 2, floats: 3 }), Some(depth), "doubles pass by");
        assert_eq!(Uop::Ask2.variant(Depth { ints: 3, floats: 0 }), None, "calls leave nothing cached");
        assert_eq!(Uop::SpillFrame.step(depth), Some(Depth { ints: 1, floats: 0 }));
        assert_eq!(Uop::AddInt.step(Depth { ints: 1, floats: 0 }), None);
        assert_eq!(Uop::from_name("MULTIPLY_FLOAT"), Some(Uop::MultiplyFloat));
    }

    #[test]
    fn shifts_are_told_by_their_names() {
        let kind = |u: Uop| (u.has(flags::SHIFTS), u.has(flags::FLOATS), u.has(flags::SPILLS));
        assert_eq!(kind(Uop::SpillTop), (true, false, true));
        assert_eq!(kind(Uop::FillFloatFrame), (true, true, false));
        assert_eq!(kind(Uop::LoadFloatFrame), (false, false, false));
    }

    #[test]
    fn names_are_unique() {
        for (i, u) in ALL.iter().enumerate() {
            assert_eq!(*u as usize, i);
            assert_eq!(Uop::from_name(u.info().name), Some(*u));
        }
    }
}
