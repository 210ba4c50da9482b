//! Errors of the compiler proper.

use pyrs_parser::ast::Location;
use pyrs_parser::{ErrorKind, SyntaxErrorInfo};

/// The result of a compilation step.
pub type Compiled<T> = Result<T, Box<SyntaxErrorInfo>>;

/// A syntax error at a place.  Columns count bytes here, as CPython's compiler has it, and there
/// is no text: whoever shows the error looks into the file.
pub fn error_at(location: Location, msg: impl Into<String>) -> Box<SyntaxErrorInfo> {
    Box::new(SyntaxErrorInfo {
        lineno: location.lineno,
        offset: location.col_offset + 1,
        end_lineno: location.end_lineno,
        end_offset: location.end_col_offset + 1,
        ..SyntaxErrorInfo::without_position(ErrorKind::Syntax, msg)
    })
}

/// An error that only an invalid tree can cause.
pub fn system_error(msg: impl Into<String>) -> Box<SyntaxErrorInfo> {
    Box::new(SyntaxErrorInfo::without_position(ErrorKind::System, msg))
}
