//! The numbers of the compiled pattern format (`re._constants`, magic 20230612).
//!
//! These are facts of the file format: opcodes, positions (`AT`), categories and `INFO` flags.

/// The format's magic number, `_sre.MAGIC`.
pub const MAGIC: u32 = 20_230_612;
/// The repeat count that means "without bound", `_sre.MAXREPEAT`.
pub const MAXREPEAT: u32 = u32::MAX;

macro_rules! numbers {
    ($($name:ident = $value:expr;)*) => { $(#[allow(missing_docs)] pub const $name: u32 = $value;)* };
}

/// Operators.
#[rustfmt::skip]
pub mod op {
    numbers! {
        FAILURE = 0; SUCCESS = 1; ANY = 2; ANY_ALL = 3; ASSERT = 4; ASSERT_NOT = 5; AT = 6; BRANCH = 7;
        CATEGORY = 8; CHARSET = 9; BIGCHARSET = 10; GROUPREF = 11; GROUPREF_EXISTS = 12; IN = 13;
        INFO = 14; JUMP = 15; LITERAL = 16; MARK = 17; MAX_UNTIL = 18; MIN_UNTIL = 19; NOT_LITERAL = 20;
        NEGATE = 21; RANGE = 22; REPEAT = 23; REPEAT_ONE = 24; SUBPATTERN = 25; MIN_REPEAT_ONE = 26;
        ATOMIC_GROUP = 27; POSSESSIVE_REPEAT = 28; POSSESSIVE_REPEAT_ONE = 29;
        GROUPREF_IGNORE = 30; IN_IGNORE = 31; LITERAL_IGNORE = 32; NOT_LITERAL_IGNORE = 33;
        GROUPREF_LOC_IGNORE = 34; IN_LOC_IGNORE = 35; LITERAL_LOC_IGNORE = 36; NOT_LITERAL_LOC_IGNORE = 37;
        GROUPREF_UNI_IGNORE = 38; IN_UNI_IGNORE = 39; LITERAL_UNI_IGNORE = 40; NOT_LITERAL_UNI_IGNORE = 41;
        RANGE_UNI_IGNORE = 42;
    }
}

/// Positions, the argument of `AT`.
pub mod at {
    numbers! {
        BEGINNING = 0; BEGINNING_LINE = 1; BEGINNING_STRING = 2; BOUNDARY = 3; NON_BOUNDARY = 4;
        END = 5; END_LINE = 6; END_STRING = 7; LOC_BOUNDARY = 8; LOC_NON_BOUNDARY = 9;
        UNI_BOUNDARY = 10; UNI_NON_BOUNDARY = 11;
    }
}

/// Character categories; each odd number is the negation of the even one before it.
pub mod category {
    numbers! {
        DIGIT = 0; SPACE = 2; WORD = 4; LINEBREAK = 6; LOC_WORD = 8;
        UNI_DIGIT = 10; UNI_SPACE = 12; UNI_WORD = 14; UNI_LINEBREAK = 16; LAST = 17;
    }
}

/// Flags of the `INFO` block.
pub mod info {
    numbers! { PREFIX = 1; LITERAL = 2; CHARSET = 4; }
}
