//! What a syntax error or a syntax warning says.

use std::fmt;

/// The exception class of an error of the front end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErrorKind {
    Syntax,
    Indentation,
    Tab,
    /// The source ended inside a statement; only where incomplete input was allowed for.
    Incomplete,
    /// Nesting beyond what CPython's parser takes.
    Memory,
    Recursion,
    Overflow,
    Value,
    /// `SystemError`: the tree is no valid tree.
    System,
}

impl ErrorKind {
    /// The name of the Python exception.
    pub const fn class_name(self) -> &'static str {
        match self {
            ErrorKind::Syntax => "SyntaxError",
            ErrorKind::Indentation => "IndentationError",
            ErrorKind::Tab => "TabError",
            ErrorKind::Incomplete => "_IncompleteInputError",
            ErrorKind::Memory => "MemoryError",
            ErrorKind::Recursion => "RecursionError",
            ErrorKind::Overflow => "OverflowError",
            ErrorKind::Value => "ValueError",
            ErrorKind::System => "SystemError",
        }
    }
}

/// The arguments of a `SyntaxError`.  Lines and offsets count from 1; offsets are in code points.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SyntaxErrorInfo {
    pub kind: ErrorKind,
    pub msg: String,
    pub lineno: i32,
    pub offset: i32,
    pub end_lineno: i32,
    pub end_offset: i32,
    pub text: Option<String>,
    pub filename: String,
}

impl SyntaxErrorInfo {
    /// An error that is no syntax error and has no place.
    pub fn without_position(kind: ErrorKind, msg: impl Into<String>) -> SyntaxErrorInfo {
        SyntaxErrorInfo {
            kind,
            msg: msg.into(),
            lineno: 0,
            offset: 0,
            end_lineno: 0,
            end_offset: 0,
            text: None,
            filename: String::new(),
        }
    }
}

impl fmt::Display for SyntaxErrorInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({}, line {})", self.kind.class_name(), self.msg, self.filename, self.lineno)
    }
}

impl std::error::Error for SyntaxErrorInfo {}

/// The category of a warning.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WarningKind {
    Syntax,
    Deprecation,
}

/// A warning that the caller may show, drop or turn into an error.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SyntaxWarningInfo {
    pub kind: WarningKind,
    pub msg: String,
    pub lineno: i32,
    /// The column from 1 (0 if unknown) and the end, for when the warning becomes an error.
    pub offset: i32,
    pub end_lineno: i32,
    pub end_offset: i32,
}
