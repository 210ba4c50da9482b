//! The regular-expression matching engine behind the `_sre` module.
//!
//! It executes the opcode lists that `re._compiler` makes, over subjects of one, two or four bytes per
//! code point, and knows nothing of Python objects.  `Pattern::new` validates a list and translates it
//! once; a `Matcher` runs the pattern over one subject and holds the group marks of the last match.
//!
//! ```text
//! opcode list → translate (validate, resolve, fuse) → Program → execute (explicit backtrack stack)
//!                                                       ↑ search (prefix, start table)
//! ```
//!
//! Deliberately absent: native recursion (a subject of any length needs heap only), allocation per
//! character, and trust in the opcode list.

mod chars;
mod execute;
mod matcher;
pub mod opcodes;
mod program;
mod search;
mod set;
mod single;
mod translate;

pub use chars::{CharTables, CodeUnit, STD_TABLES};
pub use matcher::{MatchError, Matcher, Pattern};
pub use translate::CodeError;
