//! The entry points of the parser.

use crate::ast::{Location, Mod, StmtKind};
use crate::decode::{Codec, DecodeError, DecodedSource, decode_file, decode_source, prepare_text};
use crate::error::{ErrorKind, SyntaxErrorInfo, SyntaxWarningInfo};
use crate::parse::{ParseFailure, Parser, PendingError};
use crate::tokenizer::{TokenizeError, TokenizeErrorKind};

/// What kind of program the source is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// A module: `exec`.
    Exec,
    /// One expression: `eval`.
    Eval,
    /// One interactive statement: `single`.
    Single,
    /// The content of a function type comment: `func_type`.
    FuncType,
}

/// Bits of `compile`'s flags that concern the parser.
pub mod parser_flags {
    pub const ALLOW_INCOMPLETE_INPUT: u32 = 0x4000;
    pub const DONT_IMPLY_DEDENT: u32 = 0x200;
    pub const FUTURE_BARRY_AS_BDFL: u32 = 0x400000;
}

/// How to parse.
#[derive(Clone, Copy, Debug)]
pub struct ParseOptions<'a> {
    pub filename: &'a str,
    pub mode: Mode,
    pub flags: u32,
}

/// Runs a step with a native stack that suits a source of this length.
pub fn with_big_stack<T>(source_length: usize, step: impl FnOnce() -> T) -> T {
    let size = (source_length * 512).clamp(16 << 20, 256 << 20);
    stacker::grow(size, step)
}

/// Parses source bytes.
pub fn parse_bytes(
    source: &[u8],
    options: ParseOptions<'_>,
    codec: Option<Codec<'_>>,
    warnings: &mut dyn FnMut(SyntaxWarningInfo),
) -> Result<(Mod, String), SyntaxErrorInfo> {
    check_nul(source, options.filename)?;
    let decoded = decode_source(source, codec).map_err(|error| undecodable(error, options.filename))?;
    parse_decoded(&decoded, options, warnings).map(|tree| (tree, decoded.text))
}

/// The text of a file that is run.
pub fn decode_program(source: &[u8], filename: &str, codec: Option<Codec<'_>>) -> Result<String, SyntaxErrorInfo> {
    match decode_file(source, filename, codec) {
        Ok(decoded) => Ok(decoded.text),
        Err(error) => Err(undecodable(error, filename)),
    }
}

fn undecodable(error: DecodeError, filename: &str) -> SyntaxErrorInfo {
    SyntaxErrorInfo {
        kind: ErrorKind::Syntax,
        msg: error.msg,
        lineno: error.lineno,
        offset: error.offset,
        end_lineno: error.lineno,
        end_offset: error.end_offset,
        text: error.text,
        filename: filename.to_string(),
    }
}

/// Parses source text.
pub fn parse(
    source: &str,
    options: ParseOptions<'_>,
    warnings: &mut dyn FnMut(SyntaxWarningInfo),
) -> Result<(Mod, String), SyntaxErrorInfo> {
    check_nul(source.as_bytes(), options.filename)?;
    let decoded = prepare_text(source);
    parse_decoded(&decoded, options, warnings).map(|tree| (tree, decoded.text))
}

fn check_nul(source: &[u8], filename: &str) -> Result<(), SyntaxErrorInfo> {
    if !source.contains(&0) {
        return Ok(());
    }
    Err(SyntaxErrorInfo {
        filename: filename.to_string(),
        ..SyntaxErrorInfo::without_position(ErrorKind::Syntax, "source code string cannot contain null bytes")
    })
}

/// Whether interactive input is a compound statement.
fn ends_with_block(tree: &Mod) -> bool {
    let Mod::Interactive { body } = tree else { return false };
    body.last().is_some_and(|statement| {
        matches!(
            statement.kind,
            StmtKind::FunctionDef { .. }
                | StmtKind::AsyncFunctionDef { .. }
                | StmtKind::ClassDef { .. }
                | StmtKind::For { .. }
                | StmtKind::AsyncFor { .. }
                | StmtKind::While { .. }
                | StmtKind::If { .. }
                | StmtKind::With { .. }
                | StmtKind::AsyncWith { .. }
                | StmtKind::Match { .. }
                | StmtKind::Try { .. }
                | StmtKind::TryStar { .. }
        )
    })
}

fn parse_decoded(
    decoded: &DecodedSource,
    options: ParseOptions<'_>,
    warnings: &mut dyn FnMut(SyntaxWarningInfo),
) -> Result<Mod, SyntaxErrorInfo> {
    let source = decoded.text.as_str();
    let mut parser = Parser::new(source, decoded.implicit_newline);
    if options.flags & parser_flags::FUTURE_BARRY_AS_BDFL != 0 {
        parser.set_barry_as_bdfl();
    }
    let rule = match options.mode {
        Mode::Exec => Parser::file,
        Mode::Eval => Parser::eval,
        Mode::Single => Parser::interactive,
        Mode::FuncType => Parser::func_type,
    };
    let tree = with_big_stack(source.len(), || parser.run(rule));
    let context = Context { source, options, last_lineno: parser.last_lineno() };
    let tree = match tree {
        Ok(tree) => tree,
        Err(failure) => {
            let incomplete = options.flags & parser_flags::ALLOW_INCOMPLETE_INPUT != 0;
            if incomplete && parser.failed_at_end() {
                return Err(context.incomplete());
            }
            return Err(context.failure(failure));
        }
    };
    if options.mode == Mode::Single && !parser.rest_is_blank() {
        return Err(SyntaxErrorInfo {
            filename: options.filename.to_string(),
            lineno: 1,
            offset: 1,
            text: source_line(source, 1).map(str::to_string),
            end_lineno: 1,
            ..SyntaxErrorInfo::without_position(
                ErrorKind::Syntax,
                "multiple statements found while compiling a single statement",
            )
        });
    }
    const OPEN: u32 = parser_flags::DONT_IMPLY_DEDENT | parser_flags::ALLOW_INCOMPLETE_INPUT;
    if options.mode == Mode::Single
        && options.flags & OPEN == OPEN
        && decoded.implicit_newline
        && ends_with_block(&tree)
    {
        // A line without an end may belong to the block, or come before its next line.
        return Err(context.incomplete());
    }
    for warning in parser.warnings {
        let info = context.place(warning.location, false);
        warnings(SyntaxWarningInfo {
            kind: warning.kind,
            msg: warning.msg,
            lineno: info.lineno,
            offset: info.offset,
            end_lineno: info.end_lineno,
            end_offset: info.end_offset,
        });
    }
    Ok(tree)
}

/// The text of a line, without its newline.
pub fn source_line(source: &str, lineno: i32) -> Option<&str> {
    let index = usize::try_from(lineno - 1).ok()?;
    source.split('\n').nth(index)
}

struct Context<'a> {
    source: &'a str,
    options: ParseOptions<'a>,
    last_lineno: i32,
}

impl Context<'_> {
    fn failure(&self, failure: ParseFailure) -> SyntaxErrorInfo {
        match failure {
            ParseFailure::Parser(error) => self.parser_error(&error),
            ParseFailure::Tokenizer(error) => self.tokenizer_error(&error),
        }
    }

    fn incomplete(&self) -> SyntaxErrorInfo {
        SyntaxErrorInfo {
            filename: self.options.filename.to_string(),
            lineno: 1,
            ..SyntaxErrorInfo::without_position(ErrorKind::Incomplete, "incomplete input")
        }
    }

    fn parser_error(&self, error: &PendingError) -> SyntaxErrorInfo {
        if matches!(error.kind, ErrorKind::Memory | ErrorKind::Recursion) {
            return SyntaxErrorInfo {
                filename: self.options.filename.to_string(),
                ..SyntaxErrorInfo::without_position(error.kind, error.msg.clone())
            };
        }
        let mut info = self.place(error.location, error.open_ended);
        info.kind = error.kind;
        info.msg = error.msg.clone();
        info
    }

    /// An error without a message at a place given in bytes.
    fn place(&self, location: Location, open_ended: bool) -> SyntaxErrorInfo {
        let text = source_line(self.source, location.lineno);
        // Both columns are cut to the first line; the line being read includes its newline.
        let line = text.unwrap_or("");
        let limit = line.len() + usize::from(self.last_lineno <= location.lineno);
        let offset = char_offset(line, location.col_offset, limit);
        // The end of what was read so far counts from 0, as CPython has it.
        let end_offset = char_offset(line, location.end_col_offset, limit) - i32::from(open_ended);
        let end_lineno = location.end_lineno;
        SyntaxErrorInfo {
            lineno: location.lineno,
            offset,
            end_lineno,
            end_offset,
            text: text.map(str::to_string),
            filename: self.options.filename.to_string(),
            ..SyntaxErrorInfo::without_position(ErrorKind::Syntax, "")
        }
    }

    fn tokenizer_error(&self, error: &TokenizeError) -> SyntaxErrorInfo {
        let (kind, msg) = match error.kind {
            TokenizeErrorKind::Syntax => (ErrorKind::Syntax, error.msg.as_str()),
            TokenizeErrorKind::Eof => (ErrorKind::Syntax, "unexpected EOF while parsing"),
            TokenizeErrorKind::Dedent => {
                (ErrorKind::Indentation, "unindent does not match any outer indentation level")
            }
            TokenizeErrorKind::TabSpace => (ErrorKind::Tab, "inconsistent use of tabs and spaces in indentation"),
            TokenizeErrorKind::TooDeep => (ErrorKind::Indentation, "too many levels of indentation"),
            TokenizeErrorKind::LineContinuation => {
                (ErrorKind::Syntax, "unexpected character after line continuation character")
            }
        };
        let at_end = error.kind == TokenizeErrorKind::Eof && error.line_start == self.source.len() && error.lineno > 1;
        let (lineno, line_start) = if at_end {
            let before = self.source.strip_suffix('\n').unwrap_or(self.source);
            let start = before.rfind('\n').map_or(0, |index| index + 1);
            (error.lineno - 1, start)
        } else {
            (error.lineno, error.line_start)
        };
        let text = self.source[line_start..].split('\n').next().unwrap_or("");
        let (offset, end_offset) = match error.kind {
            TokenizeErrorKind::Dedent => (text.chars().count() as i32 + 1, -1),
            TokenizeErrorKind::TabSpace | TokenizeErrorKind::TooDeep => (1, 0),
            TokenizeErrorKind::Eof => (text.chars().count() as i32 + 1, -1),
            TokenizeErrorKind::LineContinuation => (error.offset, 0),
            _ if error.end_offset < 0 => (error.offset, error.offset),
            _ => (error.offset, error.end_offset),
        };
        SyntaxErrorInfo {
            kind,
            msg: msg.to_string(),
            lineno,
            offset,
            end_lineno: lineno,
            end_offset,
            text: Some(text.to_string()),
            filename: self.options.filename.to_string(),
        }
    }
}

/// The code point column, from 1, of a byte column, from 0; it is at most the limit.
fn char_offset(line: &str, column: i32, limit: usize) -> i32 {
    if column < 0 {
        return column + 1;
    }
    let column = (column as usize).min(limit);
    let within = column.min(line.len());
    let before = line.as_bytes()[..within].iter().filter(|byte| **byte & 0xc0 != 0x80).count();
    (before + column - within) as i32 + 1
}
