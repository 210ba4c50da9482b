//! `_tokenize`: the tokenizer as an iterator.

use pyrs_macros::{pyclass, pymethods, pymodule};
use pyrs_parser::prepare_text;
use pyrs_parser::token::TokenKind;
use pyrs_parser::tokenizer::{TokenizeErrorKind, Tokenizer};

use pyrs_runtime::call;
use pyrs_runtime::errors::{PyResult, unless_raised};
use pyrs_runtime::object::{DataCell, Obj, Object, Ptr, PyClass};
use pyrs_runtime::objects::exceptions::{IndentationError, StopIteration, SyntaxError, TabError};
use pyrs_runtime::objects::int;

use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::raise;
use pyrs_runtime::types::Type;

/// Payload of `TokenizerIter`: all tokens, in reverse.
#[pyclass(name = "TokenizerIter", module = "_tokenize")]
pub struct TokenizerIter {
    rest: DataCell<Vec<Obj>>,
    /// What is raised behind the last token.
    error: DataCell<Option<Obj>>,
}

/// The text that `readline` gives, line by line.
fn read_all(readline: &Obj, encoding: Option<&str>) -> PyResult<String> {
    let mut text = String::new();
    loop {
        let Some(line) = unless_raised(call::call(readline, &[]), StopIteration::class())? else { return Ok(text) };
        if let Some(s) = line.downcast::<Str>() {
            if s.is_empty() {
                return Ok(text);
            }
            text.push_str(&s.to_string_lossy());
            continue;
        }
        let Some(bytes) = pyrs_runtime::objects::bytes::contiguous(&line)? else {
            return Err(raise!(TypeError, "readline() returned a non-string object"));
        };
        if bytes.is_empty() {
            return Ok(text);
        }
        let decoded = call::call_method(&line, "decode", &[Str::new(encoding.unwrap_or("utf-8")).into()])?;
        text.push_str(&pyrs_runtime::protocols::text::str_text(&decoded)?);
    }
}

fn pair(a: i32, b: usize) -> Obj {
    Tuple::from_vec(vec![int::new(a as i64), int::new(b as i64)]).into()
}

/// The place of a token that stands at none.
fn no_column(line: i32) -> Obj {
    Tuple::from_vec(vec![int::new(line as i64), int::new(-1)]).into()
}

/// All tokens of a text, and the error that ends them.
fn tokens(text: &str, extra_tokens: bool) -> PyResult<(Vec<Obj>, Option<Obj>)> {
    let decoded = prepare_text(text.strip_prefix('\u{feff}').unwrap_or(text));
    let lines: Vec<&str> = decoded.text.split_inclusive('\n').collect();
    let line_of = |lineno: i32| lines.get(lineno as usize - 1).copied().unwrap_or("");
    let column = |lineno: i32, bytes: i32| {
        let line = line_of(lineno);
        let within = (bytes.max(0) as usize).min(line.len());
        line.get(..within).map_or(within, |part| part.chars().count()) + bytes.max(0) as usize - within
    };
    let mut tokenizer = Tokenizer::new(&decoded.text, extra_tokens);
    tokenizer.set_implicit_newline(decoded.implicit_newline);
    let mut found = Vec::new();
    loop {
        let token = match tokenizer.next_token() {
            Ok(token) => token,
            Err(error) => {
                let class = match error.kind {
                    TokenizeErrorKind::Dedent | TokenizeErrorKind::TooDeep => IndentationError::class(),
                    TokenizeErrorKind::TabSpace => TabError::class(),
                    _ => SyntaxError::class(),
                };
                let line =
                    decoded.text.get(error.line_start..).and_then(|t| t.split_inclusive('\n').next()).unwrap_or("");
                let details = Tuple::from_vec(vec![
                    Str::new("<string>").into(),
                    int::new(error.lineno as i64),
                    int::new(error.offset.max(0) as i64),
                    Str::new(line).into(),
                    int::new(error.lineno as i64),
                    int::new(error.end_offset.max(0) as i64),
                ]);
                let message = match error.kind {
                    TokenizeErrorKind::TabSpace => "inconsistent use of tabs and spaces in indentation",
                    TokenizeErrorKind::TooDeep => "too many levels of indentation",
                    _ => error.msg.as_str(),
                };
                let exc = call::call(&class.as_obj(), &[Str::new(message).into(), details.into()])?;
                return Ok((found, Some(exc)));
            }
        };
        let mut kind = token.kind as i64;
        // Operators are told apart by their text only.
        if extra_tokens && !token.kind.text().is_empty() {
            kind = TokenKind::Op as i64;
        }
        let shown = match token.kind {
            TokenKind::Indent => line_of(token.lineno).get(..token.end_col_offset.max(0) as usize).unwrap_or(""),
            _ => decoded.text.get(token.start as usize..token.end as usize).unwrap_or(""),
        };
        let is_end = token.kind == TokenKind::EndMarker;
        let ends_line = matches!(token.kind, TokenKind::Newline | TokenKind::Nl);
        let implicit = decoded.implicit_newline && ends_line && token.end as usize >= decoded.text.len();
        let line: String = if is_end || matches!(token.kind, TokenKind::Dedent) && line_of(token.lineno).is_empty() {
            String::new()
        } else {
            let last = token.end_lineno.max(token.lineno);
            let mut text: String = (token.lineno..=last).map(line_of).collect();
            if decoded.implicit_newline && last as usize >= lines.len() {
                text.pop();
            }
            text
        };
        let mut start = pair(token.lineno, column(token.lineno, token.col_offset));
        let mut end = pair(token.end_lineno, column(token.end_lineno, token.end_col_offset));
        let mut shown = if implicit { "" } else { shown };
        let mut line = line;
        // The parser's own tokens: those that it makes up have no text, and no column if they have no place either.
        if !extra_tokens && token.kind == TokenKind::Newline {
            (shown, end) = ("", start.clone());
        } else if !extra_tokens && matches!(token.kind, TokenKind::Indent | TokenKind::Dedent | TokenKind::EndMarker) {
            (shown, start) = ("", no_column(token.lineno));
            end = start.clone();
            line = line_of(token.lineno).to_owned();
            if decoded.implicit_newline && token.lineno as usize >= lines.len() {
                line.pop();
            }
        }
        let item = vec![int::new(kind), Str::new(shown).into(), start, end, Str::new(&line).into()];
        found.push(Tuple::from_vec(item).into());
        if is_end {
            return Ok((found, None));
        }
    }
}

#[pymethods]
impl TokenizerIter {
    #[new(sig = "(readline, /, *, encoding=None, extra_tokens=False)")]
    fn py_new(cls: &Type, readline: &Obj, encoding: Option<String>, extra_tokens: bool) -> PyResult<Obj> {
        let _ = cls;
        let text = read_all(readline, encoding.as_deref())?;
        let (mut rest, error) = tokens(&text, extra_tokens)?;
        rest.reverse();
        Ok(Ptr::new(TokenizerIter { rest: DataCell::new(rest), error: DataCell::new(error) }).into())
    }

    #[slot(iter)]
    fn iter(this: &Obj) -> PyResult<Obj> {
        Ok(this.clone())
    }

    #[slot(iternext)]
    fn next(this: &Object<TokenizerIter>) -> PyResult<Option<Obj>> {
        if let Some(token) = this.rest.with(Vec::pop) {
            return Ok(Some(token));
        }
        match this.error.replace(None) {
            Some(exc) => Err(pyrs_runtime::Raised::new(exc)),
            None => Ok(None),
        }
    }
}

/// The tokenizer behind the `tokenize` module.
#[pymodule(name = "_tokenize", classes(crate::text::tokenize::TokenizerIter))]
pub mod module {}
