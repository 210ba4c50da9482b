//! CPython's tokenizer: the same tokens at the same places, and the same complaints.
//!
//! The source is UTF-8 with `\n` line ends and ends in a newline.  With `extra_tokens` the
//! stream also has comments and blank lines, as the `tokenize` module wants them.

use crate::token::{Keyword, Token, TokenKind};

/// How many brackets may be open.
const MAX_LEVEL: usize = 200;
/// How many indentation levels there may be.
const MAX_INDENT: usize = 100;
/// How many f-strings may be open inside each other.
const MAX_FSTRING_LEVEL: usize = 150;
/// How deep replacement fields may be nested inside one f-string.
const MAX_EXPR_NESTING: i32 = 3;
const TAB_SIZE: i32 = 8;
const ALT_TAB_SIZE: i32 = 1;

/// What the tokenizer found wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TokenizeError {
    pub kind: TokenizeErrorKind,
    pub msg: String,
    pub lineno: i32,
    /// The code point column from 1; -1 if the end of the line's text is meant.
    pub offset: i32,
    pub end_offset: i32,
    /// Where the line that is shown starts in the source.
    pub line_start: usize,
}

/// The class of a tokenizer error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TokenizeErrorKind {
    Syntax,
    /// The source ends inside brackets; the parser says which one was never closed.
    Eof,
    Dedent,
    TabSpace,
    TooDeep,
    LineContinuation,
}

/// A warning that tokenizing gives.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TokenizeWarning {
    pub msg: String,
    pub lineno: i32,
    pub start: usize,
    pub end: usize,
}

/// An open bracket.
#[derive(Clone, Copy, Debug)]
pub struct OpenBracket {
    pub character: u8,
    pub lineno: i32,
    pub col_offset: i32,
}

/// Inside which kind of interpolated string the tokenizer is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum StringKind {
    F,
    T,
}

impl StringKind {
    fn letter(self) -> char {
        match self {
            StringKind::F => 'f',
            StringKind::T => 't',
        }
    }
}

#[derive(Clone, Debug)]
struct FstringMode {
    kind: StringKind,
    /// Whether the text of the string is being read, not an expression in it.
    in_text: bool,
    quote: u8,
    quote_size: usize,
    raw: bool,
    start: usize,
    first_line: i32,
    line_start: usize,
    bracket_depth: i32,
    expr_start_depth: i32,
    in_format_spec: bool,
}

/// The state of the tokenizer.
pub struct Tokenizer<'a> {
    source: &'a [u8],
    pos: usize,
    lineno: i32,
    line_start: usize,
    first_lineno: i32,
    token_line_start: usize,
    at_line_start: bool,
    indents: Vec<(i32, i32)>,
    pending: i32,
    brackets: Vec<OpenBracket>,
    modes: Vec<FstringMode>,
    continued: bool,
    extra_tokens: bool,
    comment_newline: bool,
    implicit_newline: bool,
    pub warnings: Vec<TokenizeWarning>,
}

type Lexed = Result<Token, TokenizeError>;

fn is_identifier_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 128
}

fn is_identifier_char(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 128
}

/// The prefix letters of a string literal.
#[derive(Default, Clone, Copy)]
struct Prefix {
    b: bool,
    u: bool,
    r: bool,
    f: bool,
    t: bool,
}

impl Prefix {
    /// Takes one more letter; false if it is none.
    fn push(&mut self, byte: u8) -> bool {
        let flag = match byte.to_ascii_lowercase() {
            b'b' => &mut self.b,
            b'u' => &mut self.u,
            b'r' => &mut self.r,
            b'f' => &mut self.f,
            b't' => &mut self.t,
            _ => return false,
        };
        !std::mem::replace(flag, true)
    }

    fn incompatible(self) -> Option<(char, char)> {
        let pairs = [
            (self.u && self.b, 'u', 'b'),
            (self.u && self.r, 'u', 'r'),
            (self.u && self.f, 'u', 'f'),
            (self.u && self.t, 'u', 't'),
            (self.b && self.f, 'b', 'f'),
            (self.b && self.t, 'b', 't'),
            (self.f && self.t, 'f', 't'),
        ];
        pairs.into_iter().find(|pair| pair.0).map(|pair| (pair.1, pair.2))
    }
}

impl<'a> Tokenizer<'a> {
    /// A tokenizer at the start of the source.
    pub fn new(source: &'a str, extra_tokens: bool) -> Tokenizer<'a> {
        Tokenizer {
            source: source.as_bytes(),
            pos: 0,
            lineno: 1,
            line_start: 0,
            first_lineno: 1,
            token_line_start: 0,
            at_line_start: true,
            indents: vec![(0, 0)],
            pending: 0,
            brackets: Vec::new(),
            modes: Vec::new(),
            continued: false,
            extra_tokens,
            comment_newline: false,
            implicit_newline: false,
            warnings: Vec::new(),
        }
    }

    /// Tells that the final newline was added by the caller.
    pub fn set_implicit_newline(&mut self, implicit: bool) {
        self.implicit_newline = implicit;
    }

    /// The brackets that are open now.
    pub fn open_brackets(&self) -> &[OpenBracket] {
        &self.brackets
    }

    /// Whether an f-string or t-string is open.
    pub fn in_fstring(&self) -> bool {
        !self.modes.is_empty()
    }

    /// The line being read.
    pub fn lineno(&self) -> i32 {
        self.lineno
    }

    /// The next token.  After `EndMarker` it comes again and again.
    pub fn next_token(&mut self) -> Lexed {
        match self.modes.last() {
            Some(mode) if mode.in_text => self.fstring_text(),
            _ => self.normal(),
        }
    }

    fn peek(&self) -> Option<u8> {
        self.source.get(self.pos).copied()
    }

    fn peek_at(&self, distance: usize) -> Option<u8> {
        self.source.get(self.pos + distance).copied()
    }

    /// Steps over one byte, counting lines.
    fn bump(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.pos += 1;
        if byte == b'\n' {
            self.lineno += 1;
            self.line_start = self.pos;
        }
        Some(byte)
    }

    fn token(&self, kind: TokenKind, start: usize) -> Token {
        let multi_line = self.first_lineno != self.lineno;
        let (end_lineno, end_line_start) = if multi_line && self.line_start > self.pos {
            (self.lineno - 1, self.token_line_start)
        } else {
            (self.lineno, self.line_start)
        };
        Token {
            kind,
            keyword: None,
            start: start as u32,
            end: self.pos as u32,
            lineno: self.first_lineno,
            col_offset: (start - self.token_line_start) as i32,
            end_lineno,
            end_col_offset: (self.pos - end_line_start) as i32,
            level: self.brackets.len() as u16,
        }
    }

    fn begin(&mut self) -> usize {
        self.first_lineno = self.lineno;
        self.token_line_start = self.line_start;
        self.pos
    }

    fn chars_between(&self, start: usize, end: usize) -> i32 {
        self.source[start..end].iter().filter(|byte| **byte & 0xc0 != 0x80).count() as i32
    }

    /// An error that points at the last character read.
    fn error(&self, msg: impl Into<String>) -> TokenizeError {
        self.error_at(msg, self.chars_between(self.line_start, self.pos), -1)
    }

    fn error_at(&self, msg: impl Into<String>, offset: i32, end_offset: i32) -> TokenizeError {
        TokenizeError {
            kind: TokenizeErrorKind::Syntax,
            msg: msg.into(),
            lineno: self.lineno,
            offset,
            end_offset,
            line_start: self.line_start,
        }
    }

    fn special_error(&self, kind: TokenizeErrorKind) -> TokenizeError {
        TokenizeError { kind, ..self.error("") }
    }

    /// An error at the first quote of a literal that does not end.
    fn unterminated(&self, msg: String, start: usize, line: i32, line_start: usize) -> TokenizeError {
        TokenizeError {
            kind: TokenizeErrorKind::Syntax,
            msg,
            lineno: line,
            offset: self.chars_between(line_start, start) + 1,
            end_offset: -1,
            line_start,
        }
    }

    fn normal(&mut self) -> Lexed {
        let mut blank = false;
        loop {
            if self.at_line_start {
                self.at_line_start = false;
                blank = self.indentation()?;
            }
            if self.pending != 0 {
                return Ok(self.pending_indent());
            }
            while matches!(self.peek(), Some(b' ' | b'\t' | 0x0c)) {
                self.pos += 1;
            }
            let mut start = self.begin();
            if self.peek() == Some(b'#') {
                while !matches!(self.peek(), None | Some(b'\n')) {
                    self.pos += 1;
                }
                if self.extra_tokens {
                    self.comment_newline = blank;
                    return Ok(self.token(TokenKind::Comment, start));
                }
                // The newline token after a comment starts with the comment.
                if self.peek().is_none() {
                    start = self.pos;
                }
            }
            let Some(byte) = self.peek() else {
                return self.end_of_source(start);
            };
            if is_identifier_start(byte) {
                return self.identifier_or_string(start);
            }
            if byte == b'\n' {
                self.bump();
                self.at_line_start = true;
                if blank || !self.brackets.is_empty() {
                    self.comment_newline = false;
                    if self.extra_tokens {
                        return Ok(self.newline_token(TokenKind::Nl, start));
                    }
                    continue;
                }
                if self.comment_newline && self.extra_tokens {
                    self.comment_newline = false;
                    return Ok(self.newline_token(TokenKind::Nl, start));
                }
                self.continued = false;
                return Ok(self.newline_token(TokenKind::Newline, start));
            }
            if byte == b'\\' {
                self.continuation()?;
                continue;
            }
            return self.number_string_or_operator(start, byte);
        }
    }

    fn newline_token(&self, kind: TokenKind, start: usize) -> Token {
        Token {
            end_lineno: self.first_lineno,
            end_col_offset: (self.pos - self.token_line_start) as i32,
            ..self.token(kind, start)
        }
    }

    /// Reads the blanks at the start of a line; true if nothing but a comment follows.
    fn indentation(&mut self) -> Result<bool, TokenizeError> {
        let (mut col, mut alt_col) = (0, 0);
        let mut continued_col = None;
        loop {
            match self.peek() {
                Some(b' ') => {
                    col += 1;
                    alt_col += 1;
                }
                Some(b'\t') => {
                    col = (col / TAB_SIZE + 1) * TAB_SIZE;
                    alt_col = (alt_col / ALT_TAB_SIZE + 1) * ALT_TAB_SIZE;
                }
                Some(0x0c) => (col, alt_col) = (0, 0),
                Some(b'\\') => {
                    continued_col.get_or_insert(col);
                    self.continuation()?;
                    continue;
                }
                _ => break,
            }
            self.pos += 1;
        }
        if matches!(self.peek(), Some(b'#' | b'\n')) {
            return Ok(true);
        }
        if !self.brackets.is_empty() {
            return Ok(false);
        }
        if let Some(start) = continued_col {
            (col, alt_col) = (start, start);
        }
        if self.peek().is_none() {
            (col, alt_col) = (0, 0);
        }
        self.compare_indentation(col, alt_col)?;
        Ok(false)
    }

    fn compare_indentation(&mut self, col: i32, alt_col: i32) -> Result<(), TokenizeError> {
        let (top, alt_top) = self.indents.last().copied().unwrap_or_default();
        if col == top {
            if alt_col != alt_top {
                return Err(self.special_error(TokenizeErrorKind::TabSpace));
            }
        } else if col > top {
            if self.indents.len() >= MAX_INDENT {
                return Err(self.special_error(TokenizeErrorKind::TooDeep));
            }
            if alt_col <= alt_top {
                return Err(self.special_error(TokenizeErrorKind::TabSpace));
            }
            self.pending += 1;
            self.indents.push((col, alt_col));
        } else {
            while self.indents.len() > 1 && self.indents.last().is_some_and(|level| col < level.0) {
                self.pending -= 1;
                self.indents.pop();
            }
            let (top, alt_top) = self.indents.last().copied().unwrap_or_default();
            if col != top {
                return Err(self.special_error(TokenizeErrorKind::Dedent));
            }
            if alt_col != alt_top {
                return Err(self.special_error(TokenizeErrorKind::TabSpace));
            }
        }
        Ok(())
    }

    fn pending_indent(&mut self) -> Token {
        let start = self.begin();
        if self.pending < 0 {
            self.pending += 1;
            self.textless(TokenKind::Dedent, start)
        } else {
            self.pending -= 1;
            self.textless(TokenKind::Indent, start)
        }
    }

    /// A token that stands for no text.  For the parser it has no column, and ends where the line
    /// read so far does; the end of the source belongs to the last line.
    fn textless(&self, kind: TokenKind, start: usize) -> Token {
        let token = self.token(kind, start);
        if self.extra_tokens {
            // The `tokenize` module has an indent begin with its line.
            let col_offset = match kind {
                TokenKind::Indent => 0,
                _ => token.col_offset,
            };
            return Token { col_offset, ..token };
        }
        let at_end = self.peek().is_none() && self.pos == self.line_start && self.lineno > 1;
        let (lineno, line_start) = if at_end {
            let text = &self.source[..self.pos - 1];
            let newline = text.iter().rposition(|byte| *byte == b'\n');
            (self.lineno - 1, newline.map_or(0, |index| index + 1))
        } else {
            (self.lineno, self.line_start)
        };
        Token { lineno, col_offset: -1, end_lineno: lineno, end_col_offset: (self.pos - line_start) as i32, ..token }
    }

    fn end_of_source(&mut self, start: usize) -> Lexed {
        if !self.brackets.is_empty() {
            return Err(self.special_error(TokenizeErrorKind::Eof));
        }
        if self.indents.len() > 1 {
            self.pending -= self.indents.len() as i32 - 1;
            self.indents.truncate(1);
            return Ok(self.pending_indent());
        }
        Ok(self.textless(TokenKind::EndMarker, start))
    }

    fn continuation(&mut self) -> Result<(), TokenizeError> {
        self.bump();
        if self.peek() != Some(b'\n') {
            self.bump();
            return Err(self.special_error(TokenizeErrorKind::LineContinuation));
        }
        self.bump();
        if self.peek().is_none() {
            return Err(self.special_error(TokenizeErrorKind::Eof));
        }
        self.continued = true;
        Ok(())
    }

    fn identifier_or_string(&mut self, start: usize) -> Lexed {
        let mut prefix = Prefix::default();
        while let Some(byte) = self.peek() {
            if !prefix.push(byte) {
                break;
            }
            self.pos += 1;
            if let Some(quote @ (b'"' | b'\'')) = self.peek() {
                if let Some((first, second)) = prefix.incompatible() {
                    self.pos += 1;
                    let from = self.chars_between(self.line_start, start) + 1;
                    let to = self.chars_between(self.line_start, self.pos);
                    return Err(self.error_at(format!("'{first}' and '{second}' prefixes are incompatible"), from, to));
                }
                return if prefix.f || prefix.t {
                    self.fstring_start(start, quote, prefix)
                } else {
                    self.string(start, quote)
                };
            }
        }
        while self.peek().is_some_and(is_identifier_char) {
            self.pos += 1;
        }
        self.check_identifier(start)?;
        let keyword = Keyword::from_text(&self.source[start..self.pos]);
        Ok(Token { keyword, ..self.token(TokenKind::Name, start) })
    }

    fn check_identifier(&mut self, start: usize) -> Result<(), TokenizeError> {
        let bytes = &self.source[start..self.pos];
        if bytes.is_ascii() {
            return Ok(());
        }
        let text = std::str::from_utf8(bytes).unwrap_or("");
        let bad = text.char_indices().find(|(index, ch)| {
            let fits = if *index == 0 { is_xid_start(*ch) } else { is_xid_continue(*ch) };
            !fits
        });
        let Some((index, ch)) = bad else {
            return Ok(());
        };
        self.pos = start + index + ch.len_utf8();
        Err(self.error(invalid_character(ch)))
    }

    fn string(&mut self, start: usize, quote: u8) -> Lexed {
        let quote_size = self.quote_size(quote);
        let mut escaped_quote = false;
        if quote_size == 0 {
            self.pos += 2;
            return Ok(self.token(TokenKind::String, start));
        }
        self.pos += quote_size;
        let mut seen = 0;
        while seen < quote_size {
            let byte = self.peek();
            if byte.is_none() || (quote_size == 1 && byte == Some(b'\n')) {
                return Err(self.unterminated_string(start, quote, quote_size, escaped_quote));
            }
            self.bump();
            if byte == Some(quote) {
                seen += 1;
                continue;
            }
            seen = 0;
            if byte == Some(b'\\') {
                escaped_quote |= self.bump() == Some(quote);
            }
        }
        Ok(self.token(TokenKind::String, start))
    }

    fn unterminated_string(&self, start: usize, quote: u8, size: usize, escaped: bool) -> TokenizeError {
        let detected = self.detected_line(size);
        let mode = self.modes.last();
        let mismatch = mode.filter(|mode| mode.quote == quote && mode.quote_size == size);
        let msg = if let Some(mode) = mismatch {
            format!("{}-string: expecting '}}'", mode.kind.letter())
        } else if size == 3 {
            format!("unterminated triple-quoted string literal (detected at line {detected})")
        } else if escaped {
            format!(
                "unterminated string literal (detected at line {detected}); \
                 perhaps you escaped the end quote?"
            )
        } else {
            format!("unterminated string literal (detected at line {detected})")
        };
        self.unterminated(msg, start, self.first_lineno, self.token_line_start)
    }

    /// The line on which the end of a literal was found missing.
    fn detected_line(&self, quote_size: usize) -> i32 {
        let at_end = self.pos >= self.source.len();
        if quote_size == 3 && at_end && self.lineno > 1 { self.lineno - 1 } else { self.lineno }
    }

    /// 1 or 3; 0 for an empty string in single quotes.
    fn quote_size(&self, quote: u8) -> usize {
        match (self.peek_at(1), self.peek_at(2)) {
            (Some(second), Some(third)) if second == quote && third == quote => 3,
            (Some(second), _) if second == quote => 0,
            _ => 1,
        }
    }

    fn fstring_start(&mut self, start: usize, quote: u8, prefix: Prefix) -> Lexed {
        let quote_size = match self.quote_size(quote) {
            3 => 3,
            _ => 1,
        };
        self.pos += quote_size;
        if self.modes.len() + 1 >= MAX_FSTRING_LEVEL {
            return Err(self.error("too many nested f-strings or t-strings"));
        }
        let kind = if prefix.f { StringKind::F } else { StringKind::T };
        self.modes.push(FstringMode {
            kind,
            in_text: true,
            quote,
            quote_size,
            raw: prefix.r,
            start,
            first_line: self.lineno,
            line_start: self.line_start,
            bracket_depth: 0,
            expr_start_depth: -1,
            in_format_spec: false,
        });
        let token = match kind {
            StringKind::F => TokenKind::FstringStart,
            StringKind::T => TokenKind::TstringStart,
        };
        Ok(self.token(token, start))
    }

    fn mode_kinds(&self) -> (TokenKind, TokenKind, char) {
        match self.modes.last().map(|mode| mode.kind) {
            Some(StringKind::T) => (TokenKind::TstringMiddle, TokenKind::TstringEnd, 't'),
            _ => (TokenKind::FstringMiddle, TokenKind::FstringEnd, 'f'),
        }
    }

    /// Enters the expression that the `{` ahead opens.
    fn enter_expression(&mut self, letter: char) -> Result<(), TokenizeError> {
        let mut nested_too_deeply = false;
        if let Some(mode) = self.modes.last_mut() {
            mode.expr_start_depth += 1;
            mode.in_text = false;
            nested_too_deeply = mode.expr_start_depth >= MAX_EXPR_NESTING;
        }
        if nested_too_deeply {
            return Err(self.error(format!("{letter}-string: expressions nested too deeply")));
        }
        Ok(())
    }

    fn fstring_text(&mut self) -> Lexed {
        let start = self.begin();
        let (middle, end, letter) = self.mode_kinds();
        let Some(mode) = self.modes.last().cloned() else {
            return self.normal();
        };
        if self.peek() == Some(b'{') && self.peek_at(1) != Some(b'{') {
            self.enter_expression(letter)?;
            return self.normal();
        }
        if (0..mode.quote_size).all(|index| self.peek_at(index) == Some(mode.quote)) {
            self.pos += mode.quote_size;
            self.modes.pop();
            return Ok(self.token(end, start));
        }
        let in_spec = mode.in_format_spec && mode.expr_start_depth >= 0;
        let mut named_escape = false;
        let mut seen = 0;
        while seen < mode.quote_size {
            let byte = self.peek();
            if byte.is_none() || (mode.quote_size == 1 && byte == Some(b'\n')) {
                return Err(self.unterminated_fstring(&mode, in_spec && byte.is_some(), letter));
            }
            let Some(byte) = self.bump() else { break };
            if byte == mode.quote {
                seen += 1;
                continue;
            }
            seen = 0;
            match byte {
                b'{' => {
                    if self.peek() != Some(b'{') || in_spec {
                        self.pos -= 1;
                        let token = self.token(middle, start);
                        self.enter_expression(letter)?;
                        return Ok(token);
                    }
                    return Ok(self.doubled_brace(middle, start));
                }
                b'}' => {
                    if named_escape {
                        return Ok(self.token(middle, start));
                    }
                    if self.peek() == Some(b'}') && !in_spec && mode.bracket_depth == 0 {
                        return Ok(self.doubled_brace(middle, start));
                    }
                    self.pos -= 1;
                    if let Some(mode) = self.modes.last_mut() {
                        mode.in_text = false;
                    }
                    return Ok(self.token(middle, start));
                }
                b'\\' => match self.peek() {
                    Some(brace @ (b'{' | b'}')) => {
                        if !mode.raw {
                            self.warn_escape(brace);
                        }
                    }
                    Some(b'N') if !mode.raw => {
                        self.pos += 1;
                        if self.peek() == Some(b'{') {
                            self.pos += 1;
                            named_escape = true;
                        }
                    }
                    _ => {
                        self.bump();
                    }
                },
                _ => {}
            }
        }
        self.pos -= mode.quote_size;
        Ok(self.token(middle, start))
    }

    /// Text that ends in a doubled brace: one of them belongs to the text, both to its place.
    fn doubled_brace(&mut self, middle: TokenKind, start: usize) -> Token {
        let end = self.pos;
        self.pos += 1;
        Token { end: end as u32, ..self.token(middle, start) }
    }

    fn unterminated_fstring(&self, mode: &FstringMode, in_spec: bool, letter: char) -> TokenizeError {
        if in_spec && mode.quote_size == 1 {
            return TokenizeError {
                offset: self.chars_between(self.line_start, self.pos) + 1,
                ..self.error(format!(
                    "{letter}-string: newlines are not allowed in format specifiers for single \
                     quoted {letter}-strings"
                ))
            };
        }
        let detected = self.detected_line(mode.quote_size);
        let triple = if mode.quote_size == 3 { "triple-quoted " } else { "" };
        self.unterminated(
            format!("unterminated {triple}{letter}-string literal (detected at line {detected})"),
            mode.start,
            mode.first_line,
            mode.line_start,
        )
    }

    fn warn_escape(&mut self, byte: u8) {
        let msg = format!(
            "\"\\{0}\" is an invalid escape sequence. Such sequences will not work in the future. \
             Did you mean \"\\\\{0}\"? A raw string is also an option.",
            byte as char
        );
        self.warnings.push(TokenizeWarning { msg, lineno: self.lineno, start: self.pos - 1, end: self.pos + 1 });
    }

    fn number_string_or_operator(&mut self, start: usize, byte: u8) -> Lexed {
        if byte.is_ascii_digit() || (byte == b'.' && self.peek_at(1).is_some_and(|b| b.is_ascii_digit())) {
            return self.number(start);
        }
        if byte == b'\'' || byte == b'"' {
            return self.string(start, byte);
        }
        self.operator(start, byte)
    }

    fn operator(&mut self, start: usize, byte: u8) -> Lexed {
        if let Some(mode) = self.modes.last()
            && mode.expr_start_depth >= 0
            && byte == b':'
            && mode.bracket_depth - 1 == mode.expr_start_depth
        {
            self.pos += 1;
            if let Some(mode) = self.modes.last_mut() {
                mode.in_text = true;
                mode.in_format_spec = true;
            }
            return Ok(self.token(TokenKind::Colon, start));
        }
        for length in [3, 2] {
            let text = self.source.get(start..start + length).unwrap_or(b"");
            if let Some(kind) = operator_kind(text) {
                self.pos += length;
                return Ok(self.token(kind, start));
            }
        }
        self.pos += 1;
        match byte {
            b'(' | b'[' | b'{' => self.open_bracket(start, byte)?,
            b')' | b']' | b'}' => self.close_bracket(byte)?,
            _ => {}
        }
        match operator_kind(&[byte]) {
            Some(kind) => Ok(self.token(kind, start)),
            None if (b' '..0x7f).contains(&byte) => {
                if self.extra_tokens && byte != b'!' {
                    return Ok(self.token(TokenKind::Op, start));
                }
                Ok(self.token(TokenKind::Op, start))
            }
            None => Err(self.error(invalid_character(byte as char))),
        }
    }

    fn open_bracket(&mut self, start: usize, byte: u8) -> Result<(), TokenizeError> {
        if self.brackets.len() >= MAX_LEVEL {
            return Err(self.error("too many nested parentheses"));
        }
        self.brackets.push(OpenBracket {
            character: byte,
            lineno: self.lineno,
            col_offset: (start - self.line_start) as i32,
        });
        if let Some(mode) = self.modes.last_mut() {
            mode.bracket_depth += 1;
        }
        Ok(())
    }

    fn close_bracket(&mut self, byte: u8) -> Result<(), TokenizeError> {
        let closing = byte as char;
        let letter = self.modes.last().map(|mode| mode.kind.letter()).unwrap_or('f');
        if byte == b'}' && self.modes.last().is_some_and(|mode| mode.bracket_depth == 0) {
            return Err(self.error(format!("{letter}-string: single '}}' is not allowed")));
        }
        if let Some(open) = self.brackets.pop() {
            if !self.extra_tokens && !brackets_match(open.character, byte) {
                let in_expression = open.character == b'{'
                    && self.modes.last().is_some_and(|mode| mode.bracket_depth - 1 == mode.expr_start_depth);
                if in_expression {
                    return Err(self.error(format!("{letter}-string: unmatched '{closing}'")));
                }
                return Err(self.mismatch(open, closing));
            }
        } else if !self.extra_tokens {
            return Err(self.error(format!("unmatched '{closing}'")));
        }
        let mut unmatched = false;
        if let Some(mode) = self.modes.last_mut() {
            mode.bracket_depth -= 1;
            unmatched = mode.bracket_depth < 0;
            if byte == b'}' && mode.bracket_depth == mode.expr_start_depth {
                mode.expr_start_depth -= 1;
                mode.in_text = true;
                mode.in_format_spec = false;
            }
        }
        if unmatched {
            return Err(self.error(format!("{letter}-string: unmatched '{closing}'")));
        }
        Ok(())
    }

    fn mismatch(&self, open: OpenBracket, closing: char) -> TokenizeError {
        let opening = open.character as char;
        let place = if open.lineno == self.lineno { String::new() } else { format!(" on line {}", open.lineno) };
        self.error(format!("closing parenthesis '{closing}' does not match opening parenthesis '{opening}'{place}"))
    }

    fn number(&mut self, start: usize) -> Lexed {
        if self.peek() == Some(b'0') {
            self.pos += 1;
            let radix = match self.peek() {
                Some(b'x' | b'X') => Some(("hexadecimal", 16)),
                Some(b'o' | b'O') => Some(("octal", 8)),
                Some(b'b' | b'B') => Some(("binary", 2)),
                _ => None,
            };
            if let Some((name, radix)) = radix {
                self.pos += 1;
                self.radix_digits(name, radix)?;
                return Ok(self.token(TokenKind::Number, start));
            }
            return self.zero_led_number(start);
        }
        if self.peek() != Some(b'.') {
            self.decimal_tail()?;
        }
        self.number_tail(start)
    }

    fn radix_digits(&mut self, name: &str, radix: u32) -> Result<(), TokenizeError> {
        loop {
            if self.peek() == Some(b'_') {
                self.pos += 1;
            }
            let digits = self.pos;
            while self.peek().is_some_and(|byte| (byte as char).is_digit(radix)) {
                self.pos += 1;
            }
            let next = self.peek();
            if self.pos == digits {
                if radix != 16 && next.is_some_and(|byte| byte.is_ascii_digit()) {
                    self.pos += 1;
                    let digit = next.map_or(' ', |byte| byte as char);
                    return Err(self.error(format!("invalid digit '{digit}' in {name} literal")));
                }
                return Err(self.error(format!("invalid {name} literal")));
            }
            if next == Some(b'_') {
                continue;
            }
            if radix != 16 && next.is_some_and(|byte| byte.is_ascii_digit()) {
                self.pos += 1;
                let digit = next.map_or(' ', |byte| byte as char);
                return Err(self.error(format!("invalid digit '{digit}' in {name} literal")));
            }
            return self.end_of_number(name);
        }
    }

    /// A number that starts with `0`: zeros only, or a float, or an error.
    fn zero_led_number(&mut self, start: usize) -> Lexed {
        let mut nonzero = false;
        loop {
            match self.peek() {
                Some(b'_') => {
                    self.pos += 1;
                    if !self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
                        return Err(self.error("invalid decimal literal"));
                    }
                }
                Some(b'0') => self.pos += 1,
                _ => break,
            }
        }
        let zeros_end = self.pos;
        if self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            nonzero = true;
            self.decimal_tail()?;
        }
        if nonzero && !matches!(self.peek(), Some(b'.' | b'e' | b'E' | b'j' | b'J')) {
            return Err(self.error_at(
                "leading zeros in decimal integer literals are not permitted; \
                 use an 0o prefix for octal integers",
                self.chars_between(self.line_start, start) + 1,
                self.chars_between(self.line_start, zeros_end) + 1,
            ));
        }
        self.number_tail(start)
    }

    fn decimal_tail(&mut self) -> Result<(), TokenizeError> {
        loop {
            while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
                self.pos += 1;
            }
            if self.peek() != Some(b'_') {
                return Ok(());
            }
            self.pos += 1;
            if !self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
                return Err(self.error("invalid decimal literal"));
            }
        }
    }

    fn number_tail(&mut self, start: usize) -> Lexed {
        let mut name = "decimal";
        if self.peek() == Some(b'.') {
            self.pos += 1;
            if self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
                self.decimal_tail()?;
            }
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(self.peek_at(1), Some(b'+' | b'-')));
            if self.peek_at(1 + sign).is_some_and(|byte| byte.is_ascii_digit()) {
                self.pos += 1 + sign;
                self.decimal_tail()?;
            } else if sign == 1 {
                self.pos += 2;
                return Err(self.error("invalid decimal literal"));
            } else {
                self.end_of_number(name)?;
                return Ok(self.token(TokenKind::Number, start));
            }
        }
        if matches!(self.peek(), Some(b'j' | b'J')) {
            self.pos += 1;
            name = "imaginary";
        }
        self.end_of_number(name)?;
        Ok(self.token(TokenKind::Number, start))
    }

    /// What follows a number must not look like a part of it.
    fn end_of_number(&mut self, name: &str) -> Result<(), TokenizeError> {
        let rest = &self.source[self.pos..];
        let keywords: [&[u8]; 8] = [b"and", b"else", b"for", b"if", b"in", b"is", b"or", b"not"];
        if keywords.iter().any(|keyword| rest.starts_with(keyword)) {
            self.warnings.push(TokenizeWarning {
                msg: format!("invalid {name} literal"),
                lineno: self.lineno,
                start: self.pos,
                end: self.pos,
            });
            return Ok(());
        }
        match self.peek() {
            Some(byte) if byte < 128 && is_identifier_char(byte) => Err(self.error(format!("invalid {name} literal"))),
            _ => Ok(()),
        }
    }
}

fn brackets_match(open: u8, close: u8) -> bool {
    matches!((open, close), (b'(', b')') | (b'[', b']') | (b'{', b'}'))
}

fn operator_kind(text: &[u8]) -> Option<TokenKind> {
    if text.is_empty() {
        return None;
    }
    if text == b"<>" {
        return Some(TokenKind::NotEqual);
    }
    TokenKind::ALL.iter().copied().find(|kind| kind.text().as_bytes() == text)
}

fn is_xid_start(ch: char) -> bool {
    ch == '_' || unicode_ident::is_xid_start(ch)
}

fn is_xid_continue(ch: char) -> bool {
    unicode_ident::is_xid_continue(ch)
}

fn invalid_character(ch: char) -> String {
    let code = ch as u32;
    let printable = !(ch.is_control()
        || (ch.is_whitespace() && ch != ' ')
        || matches!(code, 0xad | 0x600..=0x605 | 0x200b..=0x200f | 0x202a..=0x202e
            | 0x2060..=0x2064 | 0x2066..=0x206f | 0xe000..=0xf8ff | 0xfeff | 0xfff9..=0xfffb));
    if printable {
        format!("invalid character '{ch}' (U+{code:04X})")
    } else {
        format!("invalid non-printable character U+{code:04X}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(source: &str) -> Vec<TokenKind> {
        let mut tokenizer = Tokenizer::new(source, false);
        let mut all = Vec::new();
        while let Ok(token) = tokenizer.next_token() {
            all.push(token.kind);
            if token.kind == TokenKind::EndMarker {
                break;
            }
        }
        all
    }

    #[test]
    fn blocks_have_indents() {
        use TokenKind::*;
        assert_eq!(
            kinds("if x:\n  y\n\nz\n"),
            [Name, Name, Colon, Newline, Indent, Name, Newline, Dedent, Name, Newline, EndMarker]
        );
    }

    #[test]
    fn fstrings_nest() {
        use TokenKind::*;
        assert_eq!(
            kinds("f'a{b!r:>{w}}c'\n"),
            [
                FstringStart,
                FstringMiddle,
                Lbrace,
                Name,
                Exclamation,
                Name,
                Colon,
                FstringMiddle,
                Lbrace,
                Name,
                Rbrace,
                FstringMiddle,
                Rbrace,
                FstringMiddle,
                FstringEnd,
                Newline,
                EndMarker
            ]
        );
    }

    #[test]
    fn errors_point_at_the_character() {
        let mut tokenizer = Tokenizer::new("x = 0777\n", false);
        let error = std::iter::from_fn(|| Some(tokenizer.next_token())).find_map(Result::err);
        let error = error.expect("an error");
        assert!(error.msg.starts_with("leading zeros"));
        assert_eq!((error.offset, error.end_offset), (5, 6));
    }
}
