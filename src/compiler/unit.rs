//! The compilation state of one code object to be.

use pyrs_bytecode::{ConstKey, Constant, WStr};
use pyrs_parser::ast::Stmt;

use crate::instruction::{InstrSequence, Label, Loc};
use crate::ordered::{Numbered, OrderedMap};
use crate::symtable::BlockId;

/// What kind of code a unit is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UnitKind {
    Module,
    Class,
    Function,
    AsyncFunction,
    Lambda,
    Comprehension,
    /// Annotations, type parameters and the like.
    Annotations,
}

/// The kind of a frame block: what must be undone on the way out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FrameBlockKind {
    WhileLoop,
    ForLoop,
    TryExcept,
    FinallyTry,
    FinallyEnd,
    With,
    AsyncWith,
    HandlerCleanup,
    PopValue,
    ExceptionHandler,
    ExceptionGroupHandler,
    AsyncComprehension,
    StopIteration,
}

/// What a frame block needs for being undone.
#[derive(Clone, Debug)]
pub enum FrameBlockData<'a> {
    Nothing,
    Finally(&'a [Stmt]),
    Name(WStr),
}

/// A frame block.
#[derive(Clone, Debug)]
pub struct FrameBlock<'a> {
    pub kind: FrameBlockKind,
    pub start: Option<Label>,
    pub exit: Option<Label>,
    pub loc: Loc,
    pub data: FrameBlockData<'a>,
}

/// Parameter counts.
#[derive(Clone, Copy, Debug, Default)]
pub struct ArgCounts {
    pub args: usize,
    pub posonly: usize,
    pub kwonly: usize,
}

/// A deferred annotation: its statement, and its index if it may not be run.
#[derive(Clone, Copy, Debug)]
pub struct DeferredAnnotation<'a> {
    pub stmt: &'a Stmt,
    pub index: Option<usize>,
}

/// The state of one code object to be.
pub struct Unit<'a> {
    pub kind: UnitKind,
    pub block: BlockId,
    pub name: WStr,
    pub qualname: WStr,
    pub private: Option<WStr>,
    pub args: ArgCounts,
    pub firstlineno: i32,
    pub code: InstrSequence,
    pub stashed: Option<InstrSequence>,
    pub consts: Numbered<ConstKey>,
    pub const_values: Vec<Constant>,
    pub names: Numbered<WStr>,
    pub varnames: Numbered<WStr>,
    pub cellvars: Numbered<WStr>,
    pub freevars: Numbered<WStr>,
    /// Names that an inlined comprehension keeps in fast locals of a class or module; true while
    /// it does.
    pub fast_hidden: OrderedMap<WStr, bool>,
    pub frame_blocks: Vec<FrameBlock<'a>>,
    pub in_inlined_comp: u32,
    pub in_conditional_block: u32,
    pub deferred: Vec<DeferredAnnotation<'a>>,
    pub next_conditional_index: usize,
    pub static_attributes: Vec<WStr>,
}

impl Unit<'_> {
    /// The index of a constant.
    pub fn add_const(&mut self, value: Constant) -> usize {
        let index = self.consts.number(value.key());
        if index == self.const_values.len() {
            self.const_values.push(value);
        }
        index
    }
}
