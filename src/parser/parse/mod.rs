//! The parser: recursive descent over the whole token list.
//!
//! A rule that does not match fails with `Fail::NoMatch`; the token looked at furthest is then
//! where CPython says "invalid syntax".  In the second pass (`error_pass`) rules also try the
//! common mistakes of `invalid.rs`, which fail with `Fail::Raise`.

mod arguments;
mod atoms;
mod expressions;
mod fstrings;
mod invalid;
mod invalid_calls;
mod patterns;
mod simple;
mod statements;
mod strings;
mod targets;

use std::collections::HashMap;

use pyrs_bytecode::WStr;

use crate::ast::{Expr, Location, Mod};
use crate::error::{ErrorKind, WarningKind};
use crate::token::{Keyword, Token, TokenKind};
use crate::tokenizer::{OpenBracket, TokenizeError, TokenizeErrorKind, TokenizeWarning, Tokenizer};

/// An error whose columns are still byte offsets.
#[derive(Clone, Debug)]
pub struct PendingError {
    pub kind: ErrorKind,
    pub msg: String,
    pub location: Location,
    /// Whether the end is unknown.
    pub open_ended: bool,
}

/// A warning whose columns are still byte offsets.
#[derive(Clone, Debug)]
pub struct PendingWarning {
    pub kind: WarningKind,
    pub msg: String,
    pub location: Location,
}

/// Why a rule gave no tree.
#[derive(Debug)]
pub enum Fail {
    NoMatch,
    Raise(Box<PendingError>),
}

/// The result of a rule.
pub type Parsed<T> = Result<T, Fail>;

/// What went wrong with the whole source.
#[derive(Debug)]
pub enum ParseFailure {
    Tokenizer(TokenizeError),
    Parser(Box<PendingError>),
}

/// How many rules may be inside each other.
const MAX_DEPTH: u32 = 3000;
/// How long a chain of left-associative operators may be.
const MAX_CHAIN: usize = 40_000;
/// How many steps the search for a better error message may take.
const ERROR_PASS_BUDGET: u64 = 5_000_000;

/// The state of one parse.
pub struct Parser<'a> {
    source: &'a str,
    tokens: Vec<Token>,
    pos: usize,
    furthest: usize,
    depth: u32,
    error_pass: bool,
    /// Set when the error pass came upon the place where the tokenizer failed.
    hit_error_token: bool,
    steps: u64,
    tokenize_error: Option<TokenizeError>,
    /// Whether the tokenizer failed inside an f-string or t-string.
    ended_in_fstring: bool,
    open_brackets: Vec<OpenBracket>,
    pub warnings: Vec<PendingWarning>,
    barry_as_bdfl: bool,
    interactive: bool,
    /// In the second pass: the results of some rules.  As in CPython, what was once parsed with
    /// the checks for mistakes switched off is not parsed again with them on.
    memo: HashMap<(MemoRule, usize), (Option<Expr>, usize)>,
    second_pass: bool,
}

/// The rules whose results the second pass keeps.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum MemoRule {
    Expression,
    Disjunction,
    Factor,
}

impl<'a> Parser<'a> {
    /// Tokenizes the source, which ends in a newline.
    pub fn new(source: &'a str, implicit_newline: bool) -> Parser<'a> {
        let mut tokenizer = Tokenizer::new(source, false);
        tokenizer.set_implicit_newline(implicit_newline);
        let mut tokens = Vec::with_capacity(source.len() / 4 + 8);
        let mut tokenize_error = None;
        loop {
            match tokenizer.next_token() {
                Ok(token) => {
                    tokens.push(token);
                    if token.kind == TokenKind::EndMarker {
                        break;
                    }
                }
                Err(error) => {
                    tokens.push(error_token(&error, &tokenizer));
                    tokenize_error = Some(error);
                    break;
                }
            }
        }
        let warnings = tokenizer.warnings.iter().map(|warning| number_warning(source, warning));
        Parser {
            source,
            warnings: warnings.collect(),
            tokens,
            pos: 0,
            furthest: 0,
            depth: 0,
            error_pass: false,
            hit_error_token: false,
            steps: 0,
            tokenize_error,
            ended_in_fstring: tokenizer.in_fstring(),
            open_brackets: tokenizer.open_brackets().to_vec(),
            barry_as_bdfl: false,
            interactive: false,
            memo: HashMap::new(),
            second_pass: false,
        }
    }

    /// Takes `<>` for `!=`, as PEP 401 has it.
    pub fn set_barry_as_bdfl(&mut self) {
        self.barry_as_bdfl = true;
    }

    /// Parses with one rule; on failure a second time, for a better message.
    pub fn run(&mut self, rule: fn(&mut Self) -> Parsed<Mod>) -> Result<Mod, ParseFailure> {
        let first = match rule(self) {
            Ok(tree) => return Ok(tree),
            Err(Fail::Raise(_)) if self.hit_error_token => {
                return Err(self.error_at_tokenizer_failure());
            }
            Err(Fail::Raise(error)) if is_fatal(&error) => {
                return Err(ParseFailure::Parser(error));
            }
            Err(Fail::Raise(error)) => Some(error),
            Err(Fail::NoMatch) => None,
        };
        if self.token_at(self.furthest).kind == TokenKind::ErrorToken {
            return Err(self.error_at_tokenizer_failure());
        }
        let last = self.token_at(self.furthest);
        self.pos = 0;
        self.depth = 0;
        self.error_pass = true;
        self.second_pass = true;
        let second = rule(self);
        if self.hit_error_token {
            return Err(self.error_at_tokenizer_failure());
        }
        match second {
            Ok(tree) => Ok(tree),
            Err(Fail::Raise(error)) => Err(self.prefer_tokenizer_error(*error)),
            Err(Fail::NoMatch) => match first {
                Some(error) => Err(self.prefer_tokenizer_error(*error)),
                None => Err(self.generic_error(last)),
            },
        }
    }

    fn generic_error(&mut self, last: Token) -> ParseFailure {
        match last.kind {
            TokenKind::Indent => self.last_token_error(last, "unexpected indent"),
            TokenKind::Dedent => self.last_token_error(last, "unexpected unindent"),
            _ => {
                let error = PendingError {
                    kind: ErrorKind::Syntax,
                    msg: "invalid syntax".into(),
                    location: token_location(last),
                    open_ended: false,
                };
                self.prefer_tokenizer_error(error)
            }
        }
    }

    fn last_token_error(&self, last: Token, msg: &str) -> ParseFailure {
        let shown = self.token_at(self.furthest.max(self.index_of(last)));
        ParseFailure::Parser(Box::new(PendingError {
            kind: ErrorKind::Indentation,
            msg: msg.into(),
            location: error_location(shown),
            open_ended: false,
        }))
    }

    fn index_of(&self, token: Token) -> usize {
        self.tokens.iter().position(|other| *other == token).unwrap_or(0)
    }

    /// A failure of the tokenizer after the error of the parser is shown in its place.
    fn prefer_tokenizer_error(&self, error: PendingError) -> ParseFailure {
        if is_fatal(&error) || self.ended_in_fstring {
            return ParseFailure::Parser(Box::new(error));
        }
        let Some(tokenize_error) = &self.tokenize_error else {
            return ParseFailure::Parser(Box::new(error));
        };
        if tokenize_error.kind == TokenizeErrorKind::Syntax {
            return self.error_at_tokenizer_failure();
        }
        let line = self.token_at(self.furthest).lineno;
        match self.open_brackets.last() {
            Some(open) if line > open.lineno => self.never_closed(*open),
            _ => ParseFailure::Parser(Box::new(error)),
        }
    }

    fn error_at_tokenizer_failure(&self) -> ParseFailure {
        match &self.tokenize_error {
            Some(error) if error.kind == TokenizeErrorKind::Eof => match self.open_brackets.last() {
                Some(open) => self.never_closed(*open),
                None => ParseFailure::Tokenizer(error.clone()),
            },
            Some(error) => ParseFailure::Tokenizer(error.clone()),
            None => ParseFailure::Parser(Box::new(PendingError {
                kind: ErrorKind::Syntax,
                msg: "invalid syntax".into(),
                location: token_location(self.token_at(self.furthest)),
                open_ended: false,
            })),
        }
    }

    fn never_closed(&self, open: OpenBracket) -> ParseFailure {
        ParseFailure::Parser(Box::new(PendingError {
            kind: ErrorKind::Syntax,
            msg: format!("'{}' was never closed", open.character as char),
            location: Location {
                lineno: open.lineno,
                col_offset: open.col_offset,
                end_lineno: open.lineno,
                end_col_offset: -1,
            },
            open_ended: false,
        }))
    }

    /// The last line that was read for the parser.
    pub fn last_lineno(&self) -> i32 {
        self.token_at(self.furthest).end_lineno
    }

    /// Whether the parse failed because the source ends too early.
    pub fn failed_at_end(&self) -> bool {
        let token = self.token_at(self.furthest);
        token.kind == TokenKind::EndMarker || token.kind == TokenKind::ErrorToken
    }

    fn token_at(&self, index: usize) -> Token {
        self.tokens[index.min(self.tokens.len() - 1)]
    }

    /// The current token.
    fn peek(&mut self) -> Token {
        if self.pos > self.furthest {
            self.furthest = self.pos.min(self.tokens.len() - 1);
        }
        let token = self.token_at(self.pos);
        if token.kind == TokenKind::ErrorToken {
            self.hit_error_token = true;
        }
        if self.error_pass {
            self.steps += 1;
        }
        token
    }

    fn kind(&mut self) -> TokenKind {
        self.peek().kind
    }

    fn keyword(&mut self) -> Option<Keyword> {
        self.peek().keyword
    }

    /// The kind of the token after the current one.
    fn next_kind(&mut self) -> TokenKind {
        self.pos += 1;
        let kind = self.kind();
        self.pos -= 1;
        kind
    }

    fn at(&mut self, kind: TokenKind) -> bool {
        self.kind() == kind
    }

    fn at_keyword(&mut self, keyword: Keyword) -> bool {
        self.keyword() == Some(keyword)
    }

    /// Whether the current token is a name that is no hard keyword.
    fn at_name(&mut self) -> bool {
        let token = self.peek();
        token.kind == TokenKind::Name && token.keyword.is_none()
    }

    fn eat(&mut self, kind: TokenKind) -> bool {
        let found = self.at(kind);
        self.pos += usize::from(found);
        found
    }

    fn eat_keyword(&mut self, keyword: Keyword) -> bool {
        let found = self.at_keyword(keyword);
        self.pos += usize::from(found);
        found
    }

    fn expect(&mut self, kind: TokenKind) -> Parsed<Token> {
        let token = self.peek();
        if token.kind == kind {
            self.pos += 1;
            return Ok(token);
        }
        Err(Fail::NoMatch)
    }

    fn expect_keyword(&mut self, keyword: Keyword) -> Parsed<Token> {
        let token = self.peek();
        if token.keyword == Some(keyword) {
            self.pos += 1;
            return Ok(token);
        }
        Err(Fail::NoMatch)
    }

    fn expect_name(&mut self) -> Parsed<Token> {
        if !self.at_name() {
            return Err(Fail::NoMatch);
        }
        let token = self.peek();
        self.pos += 1;
        Ok(token)
    }

    fn text(&self, token: Token) -> &'a str {
        &self.source[token.start as usize..token.end as usize]
    }

    /// The name of a token, normalised as identifiers are.
    fn identifier(&self, token: Token) -> WStr {
        let text = self.text(token);
        if text.is_ascii() {
            return WStr::from(text);
        }
        use unicode_normalization::UnicodeNormalization;
        WStr::from(text.nfkc().collect::<String>())
    }

    fn at_soft(&mut self, text: &str) -> bool {
        let token = self.peek();
        token.kind == TokenKind::Name && self.text(token) == text
    }

    /// The last token consumed that is not about lines and blocks.
    fn last_token(&self) -> Token {
        let consumed = &self.tokens[..self.pos.min(self.tokens.len())];
        let solid = consumed.iter().rev().find(|token| {
            !matches!(token.kind, TokenKind::EndMarker | TokenKind::Newline | TokenKind::Indent | TokenKind::Dedent)
        });
        solid.copied().unwrap_or(self.tokens[0])
    }

    /// From the start of a token to the end of the last one consumed.
    fn span(&self, start: Token) -> Location {
        self.span_from(token_location(start))
    }

    fn span_from(&self, start: Location) -> Location {
        start.to(token_location(self.last_token()))
    }

    /// Tries a rule; where it does not match, nothing is consumed.
    fn attempt<T>(&mut self, rule: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<Option<T>> {
        let start = self.pos;
        match rule(self) {
            Ok(value) => Ok(Some(value)),
            Err(Fail::NoMatch) => {
                self.pos = start;
                Ok(None)
            }
            Err(raise) => Err(raise),
        }
    }

    /// Runs a rule, or takes its result at this place from before.
    fn memoized(&mut self, rule: MemoRule, parse: impl FnOnce(&mut Self) -> Parsed<Expr>) -> Parsed<Expr> {
        if !self.second_pass {
            return parse(self);
        }
        let start = self.pos;
        if let Some((result, end)) = self.memo.get(&(rule, start)) {
            let result = result.clone();
            self.pos = *end;
            return result.ok_or(Fail::NoMatch);
        }
        let result = parse(self);
        let known = match &result {
            Ok(expr) => Some(expr.clone()),
            Err(Fail::NoMatch) => None,
            Err(Fail::Raise(_)) => return result,
        };
        self.memo.insert((rule, start), (known, self.pos));
        result
    }

    /// Runs a recursive rule, guarding against nesting beyond all measure.
    fn nested<T>(&mut self, rule: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.error_pass && self.steps > ERROR_PASS_BUDGET {
            return Err(Fail::NoMatch);
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            self.depth -= 1;
            return Err(self.fatal(ErrorKind::Memory, "Parser stack overflowed - Python source too complex to compile"));
        }
        let result = stacker::maybe_grow(128 * 1024, 2 * 1024 * 1024, || rule(self));
        self.depth -= 1;
        result
    }

    fn check_chain(&self, length: usize) -> Parsed<()> {
        if length > MAX_CHAIN {
            return Err(self.fatal(ErrorKind::Recursion, "maximum recursion depth exceeded during compilation"));
        }
        Ok(())
    }

    fn fatal(&self, kind: ErrorKind, msg: &str) -> Fail {
        Fail::Raise(Box::new(PendingError { kind, msg: msg.into(), location: Location::default(), open_ended: false }))
    }

    fn raise_at(&self, kind: ErrorKind, location: Location, msg: impl Into<String>) -> Fail {
        Fail::Raise(Box::new(PendingError { kind, msg: msg.into(), location, open_ended: false }))
    }

    /// A syntax error at a place.
    fn raise<T>(&self, location: Location, msg: impl Into<String>) -> Parsed<T> {
        Err(self.raise_at(ErrorKind::Syntax, location, msg))
    }

    /// A syntax error from a place to the end of what was read so far.
    fn raise_from<T>(&self, start: Location, msg: impl Into<String>) -> Parsed<T> {
        let last = self.token_at(self.furthest);
        let location = Location { end_lineno: last.end_lineno, end_col_offset: last.end_col_offset, ..start };
        Err(Fail::Raise(Box::new(PendingError {
            kind: ErrorKind::Syntax,
            msg: msg.into(),
            location,
            open_ended: true,
        })))
    }

    /// A syntax error at the token looked at furthest.
    fn raise_last<T>(&self, msg: impl Into<String>) -> Parsed<T> {
        self.raise(error_location(self.token_at(self.furthest)), msg)
    }

    fn warn(&mut self, kind: WarningKind, location: Location, msg: String) {
        let warning = PendingWarning { kind, msg, location };
        let known = self.warnings.iter().any(|other| other.msg == warning.msg && other.location == warning.location);
        if !known {
            self.warnings.push(warning);
        }
    }
}

/// Whether an error is not about syntax, but ends the parse.
fn is_fatal(error: &PendingError) -> bool {
    !matches!(error.kind, ErrorKind::Syntax | ErrorKind::Indentation | ErrorKind::Tab)
}

fn error_token(error: &TokenizeError, tokenizer: &Tokenizer<'_>) -> Token {
    Token {
        kind: TokenKind::ErrorToken,
        keyword: None,
        start: 0,
        end: 0,
        lineno: if error.kind == TokenizeErrorKind::Eof { tokenizer.lineno() } else { error.lineno },
        col_offset: 0,
        end_lineno: error.lineno,
        end_col_offset: 0,
        level: tokenizer.open_brackets().len() as u16,
    }
}

fn number_warning(source: &str, warning: &TokenizeWarning) -> PendingWarning {
    let line_start = source[..warning.start].rfind('\n').map_or(0, |index| index + 1);
    PendingWarning {
        kind: WarningKind::Syntax,
        msg: warning.msg.clone(),
        location: Location {
            lineno: warning.lineno,
            col_offset: (warning.start - line_start) as i32,
            end_lineno: warning.lineno,
            end_col_offset: (warning.end - line_start) as i32,
        },
    }
}

/// Where a token stands.
pub fn token_location(token: Token) -> Location {
    let end_col_offset = if token.col_offset < 0 { -1 } else { token.end_col_offset };
    Location { lineno: token.lineno, col_offset: token.col_offset, end_lineno: token.end_lineno, end_col_offset }
}

/// Where an error at a token is shown: one at a token without text has no end.
fn error_location(token: Token) -> Location {
    if token.col_offset >= 0 {
        return token_location(token);
    }
    Location {
        lineno: token.lineno,
        col_offset: token.end_col_offset - 1,
        end_lineno: token.lineno,
        end_col_offset: -2,
    }
}

fn boxed(expr: Expr) -> Box<Expr> {
    Box::new(expr)
}
