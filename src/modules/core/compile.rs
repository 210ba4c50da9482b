//! `compile()`, and what `exec` and `eval` do with source text.

use std::sync::Arc;

use pyrs_bytecode::{CodeObject, co_flags};
use pyrs_compiler::{Mode, SyntaxErrorInfo, SyntaxWarningInfo, WarningKind, compile_flags};
use pyrs_runtime::errors::{PyResult, Raised};
use pyrs_runtime::object::{Obj, PyClass};
use pyrs_runtime::objects::code::Code;
use pyrs_runtime::objects::exceptions;
use pyrs_runtime::objects::int;
use pyrs_runtime::objects::singletons::none;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::{call, raise, thread};

use crate::core::tree_reader;

/// Source text as bytes; the second part says that it is text already (a cookie does not count).
fn source_bytes(source: &Obj, function: &str, what: &str) -> PyResult<(Vec<u8>, bool)> {
    let (bytes, is_text) = if let Some(text) = source.downcast::<Str>() {
        (text.to_string_checked()?.into_bytes(), true)
    } else {
        match pyrs_runtime::objects::bytes::contiguous(source)? {
            Some(bytes) => (bytes.to_vec(), false),
            None => return Err(raise!(TypeError, "{function}() arg 1 must be a {what}")),
        }
    };
    if bytes.contains(&0) {
        return Err(raise!(SyntaxError, "source code string cannot contain null bytes"));
    }
    Ok((bytes, is_text))
}

fn mode_of(mode: &str) -> PyResult<Mode> {
    Ok(match mode {
        "exec" => Mode::Exec,
        "eval" => Mode::Eval,
        "single" => Mode::Single,
        "func_type" => Mode::FuncType,
        _ => return Err(raise!(ValueError, "compile() mode must be 'exec', 'eval' or 'single'")),
    })
}

/// `__future__` flags of the calling code.
fn inherited_flags() -> u32 {
    let frame = pyrs_interp::frame::current(thread::current());
    if frame.is_null() {
        return 0;
    }
    pyrs_interp::frame_object::flags_of(frame) & co_flags::FUTURE_MASK
}

const KNOWN_FLAGS: i64 = co_flags::FUTURE_MASK as i64 | 0xfe00 | 0x10;

/// The built-in function.
pub fn compile(
    source: &Obj,
    filename: &Obj,
    mode: &str,
    flags: i64,
    dont_inherit: bool,
    optimize: i64,
) -> PyResult<Obj> {
    let filename = path_text(filename)?;
    if flags & !KNOWN_FLAGS != 0 {
        return Err(raise!(ValueError, "compile(): unrecognised flags"));
    }
    if !(-1..=2).contains(&optimize) {
        return Err(raise!(ValueError, "compile(): invalid optimize value"));
    }
    let mut flags = flags as u32;
    if !dont_inherit {
        flags |= inherited_flags();
    }
    if mode == "func_type" && flags & compile_flags::ONLY_AST == 0 {
        return Err(raise!(ValueError, "compile() mode 'func_type' requires flag PyCF_ONLY_AST"));
    }
    let mode = mode_of(mode)?;
    let optimize = effective_optimize(optimize);
    if tree_reader::is_tree(source)? {
        return compile_tree(source, &filename, mode, flags, optimize);
    }
    let (bytes, is_text) = source_bytes(source, "compile", "string, bytes or AST object")?;
    if is_text {
        flags |= compile_flags::IGNORE_COOKIE;
    }
    if flags & compile_flags::ONLY_AST != 0 {
        return parse_source(&bytes, &filename, mode, flags, optimize);
    }
    compile_source(&bytes, &filename, mode, flags, optimize)
}

/// Parses source to a tree of `ast` nodes.
fn parse_source(source: &[u8], filename: &str, mode: Mode, flags: u32, optimize: i8) -> PyResult<Obj> {
    let mut warnings = Vec::new();
    let mut collect = |w: SyntaxWarningInfo| warnings.push(w);
    let result = match std::str::from_utf8(source) {
        Ok(text) if flags & compile_flags::IGNORE_COOKIE != 0 => {
            pyrs_compiler::parse(text, filename, mode, flags, &mut collect)
        }
        _ => pyrs_compiler::parse_bytes(source, filename, mode, flags, Some(&decode), &mut collect),
    };
    for warning in warnings {
        issue_warning(&warning, filename)?;
    }
    match result {
        Ok(mut tree) => {
            if flags & compile_flags::OPTIMIZED_AST == compile_flags::OPTIMIZED_AST {
                pyrs_compiler::optimize_tree(&mut tree, flags, optimize);
            }
            crate::core::tree::to_objects(&tree)
        }
        Err(error) => Err(raise_syntax_error(&error)),
    }
}

/// Compiles a tree of `ast` nodes, or gives it back checked and optimised.
fn compile_tree(source: &Obj, filename: &str, mode: Mode, flags: u32, optimize: i8) -> PyResult<Obj> {
    let optimized = flags & compile_flags::OPTIMIZED_AST == compile_flags::OPTIMIZED_AST;
    if flags & compile_flags::ONLY_AST != 0 && !optimized {
        return Ok(source.clone());
    }
    let wanted = match mode {
        Mode::Exec => "Module",
        Mode::Eval => "Expression",
        Mode::Single => "Interactive",
        Mode::FuncType => "FunctionType",
    };
    let mut tree = tree_reader::module_of(source, wanted)?;
    let checked = pyrs_compiler::validate(&tree);
    checked
        .map_err(|e| if e.is_type_error { raise!(TypeError, "{}", e.msg) } else { raise!(ValueError, "{}", e.msg) })?;
    if optimized {
        pyrs_compiler::optimize_tree(&mut tree, flags, optimize);
        return crate::core::tree::to_objects(&tree);
    }
    let mut warnings = Vec::new();
    let result = pyrs_compiler::compile_ast(&tree, filename, flags, optimize, &mut |w| warnings.push(w));
    for warning in warnings {
        issue_warning(&warning, filename)?;
    }
    match result {
        Ok(code) => Ok(code_object(code)),
        Err(error) => Err(raise_syntax_error(&error)),
    }
}

/// Optimisation level of `-O` unless one is given.
fn effective_optimize(optimize: i64) -> i8 {
    if optimize < 0 { super::flags().optimize as i8 } else { optimize as i8 }
}

/// The text of a path-like argument.
pub fn path_text(path: &Obj) -> PyResult<String> {
    if let Some(text) = path.downcast::<Str>() {
        return Ok(text.to_string_lossy());
    }
    if let Some(bytes) = pyrs_runtime::objects::bytes::bytes_or_bytearray(path) {
        return Ok(String::from_utf8_lossy(&bytes).into_owned());
    }
    match call::call_special(path, pyrs_runtime::name!("__fspath__"), &[])? {
        Some(text) => path_text(&text),
        None => Err(raise!(TypeError, "expected str, bytes or os.PathLike object, not {}", path.class().name())),
    }
}

/// Source text of `exec` and `eval`.
pub fn compile_for(function: &str, source: &Obj, mode: &str) -> PyResult<Obj> {
    let (mut bytes, is_text) = source_bytes(source, function, "string, bytes or code object")?;
    let mut flags = inherited_flags();
    if is_text {
        flags |= compile_flags::IGNORE_COOKIE;
    }
    if mode == "eval" {
        let start = bytes.iter().position(|b| *b != b' ' && *b != b'\t').unwrap_or(bytes.len());
        bytes.drain(..start);
    }
    compile_source(&bytes, "<string>", mode_of(mode)?, flags, effective_optimize(-1))
}

/// Compiles bytes of source to a code object.
pub fn compile_source(source: &[u8], filename: &str, mode: Mode, flags: u32, optimize: i8) -> PyResult<Obj> {
    let mut warnings = Vec::new();
    let mut collect = |w: SyntaxWarningInfo| warnings.push(w);
    let result = match std::str::from_utf8(source) {
        Ok(text) if flags & compile_flags::IGNORE_COOKIE != 0 => {
            pyrs_compiler::compile(text, filename, mode, flags, optimize, &mut collect)
        }
        _ => pyrs_compiler::compile_bytes(source, filename, mode, flags, optimize, Some(&decode), &mut collect),
    };
    for warning in warnings {
        issue_warning(&warning, filename)?;
    }
    match result {
        Ok(code) => Ok(code_object(code)),
        Err(error) => Err(raise_syntax_error(&error)),
    }
}

/// Compiles the bytes of a file that is run.
pub fn compile_program(source: &[u8], filename: &str, optimize: i8) -> PyResult<Obj> {
    match pyrs_compiler::decode_program(source, filename, Some(&decode)) {
        Ok(text) => compile_source(text.as_bytes(), filename, Mode::Exec, compile_flags::IGNORE_COOKIE, optimize),
        Err(error) => Err(raise_syntax_error(&error)),
    }
}

/// Decodes source in an encoding that only Python code knows.
fn decode(encoding: &str, bytes: &[u8]) -> Option<Result<String, String>> {
    let result = (|| -> PyResult<String> {
        let bytes = pyrs_runtime::objects::bytes::Bytes::new(bytes).into_obj();
        let text = call::call_method(&bytes, "decode", &[Str::new(encoding).into_obj()])?;
        pyrs_runtime::protocols::text::str_text(&text)
    })();
    Some(result.map_err(|raised| {
        let exc = raised.take();
        pyrs_runtime::protocols::text::str_text(&exc).unwrap_or_else(|r| {
            r.discard();
            format!("encoding problem: {encoding}")
        })
    }))
}

/// A compiled code object as a Python object.
pub fn code_object(code: Arc<CodeObject>) -> Obj {
    Code::new(code).into_obj()
}

fn issue_warning(warning: &SyntaxWarningInfo, filename: &str) -> PyResult<()> {
    let class = match warning.kind {
        WarningKind::Deprecation => exceptions::DeprecationWarning::class(),
        WarningKind::Syntax => exceptions::SyntaxWarning::class(),
    };
    match crate::lang::warnings::warn_about_line(class, &warning.msg, filename, warning.lineno as i64) {
        Ok(_) => Ok(()),
        // "error" filters turn the warning into a SyntaxError at its place.
        Err(raised) if raised.matches(class) => {
            raised.discard();
            let location = exceptions::SyntaxLocation {
                filename: Str::new(filename).into_obj(),
                lineno: warning.lineno as i64,
                offset: warning.offset as i64,
                text: none(),
                end_lineno: warning.lineno as i64,
                end_offset: warning.offset as i64,
            };
            Err(exceptions::raise_syntax_error(exceptions::SyntaxError::class(), &warning.msg, Some(location)))
        }
        Err(raised) => Err(raised),
    }
}

/// Raises the exception that a failed compilation describes.
pub fn raise_syntax_error(error: &SyntaxErrorInfo) -> Raised {
    use pyrs_compiler::ErrorKind;
    let class = match error.kind {
        ErrorKind::Indentation => exceptions::IndentationError::class(),
        ErrorKind::Tab => exceptions::TabError::class(),
        ErrorKind::Incomplete => exceptions::IncompleteInputError::class(),
        ErrorKind::Memory => return raise!(MemoryError, "{}", error.msg),
        ErrorKind::Recursion => return raise!(RecursionError, "{}", error.msg),
        ErrorKind::Overflow => return raise!(OverflowError, "{}", error.msg),
        ErrorKind::Value => return raise!(ValueError, "{}", error.msg),
        ErrorKind::System => return raise!(SystemError, "{}", error.msg),
        _ => exceptions::SyntaxError::class(),
    };
    let number = |n: Option<i32>| n.map_or_else(none, |n| int::new(n as i64));
    let details = Tuple::from_vec(vec![
        Str::new(&error.filename).into_obj(),
        int::new(error.lineno as i64),
        int::new(error.offset as i64),
        error.text.as_ref().map_or_else(none, |t| Str::new(t).into_obj()),
        number(Some(error.end_lineno)),
        number(Some(error.end_offset)),
    ]);
    pyrs_runtime::errors::raise_class(class, &[Str::new(&error.msg).into_obj(), details.into_obj()])
}
