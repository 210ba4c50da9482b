//! From source text to the abstract syntax tree.
//!
//! The tokenizer and the parser are our own, because CPython's positions and error messages come
//! out of them.  The parser runs twice, as CPython's does: first plainly, and only when that fails
//! with the checks for common mistakes switched on.

mod api;
pub mod ast;
mod decode;
mod dynamic;
mod error;
mod parse;
pub mod token;
pub mod tokenizer;

pub use api::{Mode, ParseOptions, decode_program, parse, parse_bytes, parser_flags, source_line, with_big_stack};
pub use decode::{Codec, DecodeError, DecodedSource, decode_source, prepare_text};
pub use dynamic::{AstField, ConversionError, DynNode, DynValue, Multiplicity, with_stack};
pub use error::{ErrorKind, SyntaxErrorInfo, SyntaxWarningInfo, WarningKind};
