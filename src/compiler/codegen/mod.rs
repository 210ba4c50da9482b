//! From the tree to instructions.

mod annotations;
mod calls;
mod comprehensions;
mod definitions;
mod expressions;
mod flow;
mod literals;
mod matching;
mod names;
mod statements;
mod warnings;

use std::sync::Arc;

use pyrs_bytecode::{AnyOpcode as Op, CodeObject, Constant, WStr, co_flags, resume};
use pyrs_parser::SyntaxWarningInfo;
use pyrs_parser::ast::{Expr, Location, Mod, Stmt};

use crate::assemble::{self, UnitShape};
use crate::errors::{Compiled, error_at, system_error};
use crate::future::FutureFeatures;
use crate::instruction::{InstrSequence, Label, Loc};
use crate::ordered::{Numbered, OrderedMap};
use crate::preprocess::body_docstring;
use crate::symtable::{Block, BlockKey, Scope, SymbolTable, mangle, maybe_mangle, symbol};
use crate::unit::{ArgCounts, FrameBlock, FrameBlockData, FrameBlockKind, Unit, UnitKind};

/// More stack items than this are avoided where possible.
pub const STACK_USE_GUIDELINE: usize = 30;
/// How many blocks may be inside each other statically.
const MAX_FRAME_BLOCKS: usize = 20;

/// The compiler's state.
pub struct Compiler<'a, 'w> {
    pub table: SymbolTable,
    units: Vec<Unit<'a>>,
    filename: WStr,
    future: u32,
    inherited_flags: u32,
    optimize: u8,
    interactive: bool,
    disable_warnings: u32,
    warn: &'w mut dyn FnMut(SyntaxWarningInfo),
}

/// What to do with a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum NameOp {
    Fast,
    Global,
    Deref,
    Name,
}

impl<'a, 'w> Compiler<'a, 'w> {
    /// A compiler for a program whose symbol table is made.
    pub fn new(
        table: SymbolTable,
        filename: &str,
        future: FutureFeatures,
        flags: u32,
        optimize: u8,
        warn: &'w mut dyn FnMut(SyntaxWarningInfo),
    ) -> Compiler<'a, 'w> {
        Compiler {
            table,
            units: Vec::new(),
            filename: WStr::from(filename),
            future: future.flags | (flags & co_flags::FUTURE_MASK),
            inherited_flags: (flags | future.flags) & co_flags::FUTURE_MASK,
            optimize,
            interactive: false,
            disable_warnings: 0,
            warn,
        }
    }

    /// Compiles the program.
    pub fn module(&mut self, tree: &'a Mod) -> Compiled<Arc<CodeObject>> {
        let key = BlockKey::new(tree, crate::symtable::BlockRole::Body);
        let name = WStr::from("<module>");
        self.enter_scope(name, UnitKind::Module, key, 1, None, ArgCounts::default())?;
        match tree {
            Mod::Module { body, .. } => self.module_body(body, false)?,
            Mod::Interactive { body } => {
                self.interactive = true;
                self.module_body(body, true)?;
            }
            Mod::Expression { body } => self.expr(body)?,
            Mod::FunctionType { .. } => return Err(system_error("module kind not possible")),
        }
        let add_none = !matches!(tree, Mod::Expression { .. });
        let code = self.assemble(add_none)?;
        self.exit_scope();
        Ok(code)
    }

    fn module_body(&mut self, body: &'a [Stmt], interactive: bool) -> Compiled<()> {
        let loc = body.first().map_or(Loc::line(1), |stmt| stmt.location.into());
        if self.block().has_conditional_annotations {
            self.op_arg(Op::BuildSet, 0, loc);
            self.name_arg(Op::StoreName, &WStr::from("__conditional_annotations__"), loc);
        }
        self.body(body, loc, interactive)
    }

    /// The statements of a module or class, with docstring and annotations.
    fn body(&mut self, body: &'a [Stmt], loc: Loc, interactive: bool) -> Compiled<()> {
        if self.future_annotations() && self.block().annotations_used {
            self.op(Op::SetupAnnotations, loc);
        }
        if body.is_empty() {
            return Ok(());
        }
        let mut rest = body;
        if !interactive && self.block().has_docstring {
            if let Some(text) = body_docstring(body) {
                let place = match &body[0].kind {
                    pyrs_parser::ast::StmtKind::Expr { value } => value.location.into(),
                    _ => loc,
                };
                self.load_const(Constant::Str(clean_doc(text)), place);
                self.store_name(&WStr::from("__doc__"), Loc::NONE)?;
            }
            rest = &body[1..];
        }
        self.stmts(rest)?;
        if !self.future_annotations() {
            self.deferred_annotations(loc)?;
        }
        Ok(())
    }

    fn future_annotations(&self) -> bool {
        self.future & co_flags::FUTURE_ANNOTATIONS != 0
    }

    fn unit(&self) -> &Unit<'a> {
        &self.units[self.units.len() - 1]
    }

    fn unit_mut(&mut self) -> &mut Unit<'a> {
        let last = self.units.len() - 1;
        &mut self.units[last]
    }

    fn block(&self) -> &Block {
        self.table.block(self.unit().block)
    }

    fn code(&mut self) -> &mut InstrSequence {
        &mut self.unit_mut().code
    }

    fn op(&mut self, op: Op, loc: Loc) {
        self.code().push(op, 0, loc);
    }

    fn op_arg(&mut self, op: Op, arg: usize, loc: Loc) {
        self.code().push(op, arg as i32, loc);
    }

    fn jump(&mut self, op: Op, target: Label, loc: Loc) {
        self.code().push(op, target.0 as i32, loc);
    }

    fn new_label(&mut self) -> Label {
        self.code().new_label()
    }

    fn use_label(&mut self, label: Label) {
        self.code().use_label(label);
    }

    fn load_const(&mut self, value: Constant, loc: Loc) {
        let index = self.unit_mut().add_const(value);
        self.op_arg(Op::LoadConst, index, loc);
    }

    fn load_none(&mut self, loc: Loc) {
        self.load_const(Constant::None, loc);
    }

    /// An instruction whose argument numbers an unmangled name in `co_names`.
    fn name_arg(&mut self, op: Op, name: &WStr, loc: Loc) {
        let index = self.unit_mut().names.number(name.clone());
        self.op_arg(op, index, loc);
    }

    fn maybe_mangle(&self, name: &WStr) -> WStr {
        maybe_mangle(self.unit().private.as_ref(), self.block(), name)
    }

    fn error<T>(&self, loc: Loc, msg: impl Into<String>) -> Compiled<T> {
        let location =
            Location { lineno: loc.line, col_offset: loc.col, end_lineno: loc.end_line, end_col_offset: loc.end_col };
        Err(error_at(location, msg))
    }

    fn enter_scope(
        &mut self,
        name: WStr,
        kind: UnitKind,
        key: BlockKey,
        line: i32,
        private: Option<WStr>,
        args: ArgCounts,
    ) -> Compiled<()> {
        let Some(id) = self.table.lookup(key) else {
            return Err(system_error("unknown symbol table entry"));
        };
        let block = self.table.block(id);
        let mut varnames = Numbered::default();
        for name in &block.varnames {
            varnames.number(name.clone());
        }
        let mut cellvars = names_in_scope(block, Scope::Cell, symbol::DEF_COMP_CELL);
        let extra = [
            (block.needs_class_closure, "__class__"),
            (block.needs_classdict, "__classdict__"),
            (block.has_conditional_annotations, "__conditional_annotations__"),
        ];
        for (needed, name) in extra {
            if needed {
                cellvars.number(WStr::from(name));
            }
        }
        let freevars = names_in_scope(block, Scope::Free, symbol::DEF_FREE_CLASS);
        let private = private.or_else(|| self.units.last().and_then(|unit| unit.private.clone()));
        let qualname = if kind == UnitKind::Module { name.clone() } else { self.qualname(&name, kind) };
        self.units.push(Unit {
            kind,
            block: id,
            name,
            qualname,
            private,
            args,
            firstlineno: line,
            code: InstrSequence::default(),
            stashed: None,
            consts: Numbered::default(),
            const_values: Vec::new(),
            names: Numbered::default(),
            varnames,
            cellvars,
            freevars,
            fast_hidden: OrderedMap::default(),
            frame_blocks: Vec::new(),
            in_inlined_comp: 0,
            in_conditional_block: 0,
            deferred: Vec::new(),
            next_conditional_index: 0,
            static_attributes: Vec::new(),
        });
        let mut loc = Loc::line(line);
        if kind == UnitKind::Module {
            loc.line = 0;
        }
        self.op_arg(Op::Resume, resume::AT_FUNC_START as usize, loc);
        if kind == UnitKind::Module {
            self.op(Op::AnnotationsPlaceholder, loc);
        }
        Ok(())
    }

    fn exit_scope(&mut self) {
        self.units.pop();
    }

    /// The qualified name of a unit about to be entered.
    fn qualname(&self, name: &WStr, kind: UnitKind) -> WStr {
        let depth = self.units.len();
        let Some(mut parent) = self.units.last() else {
            return name.clone();
        };
        if parent.kind == UnitKind::Annotations {
            if depth == 2 {
                return name.clone();
            }
            match depth.checked_sub(2).and_then(|index| self.units.get(index)) {
                Some(grandparent) => parent = grandparent,
                None => return name.clone(),
            }
        }
        if matches!(kind, UnitKind::Function | UnitKind::AsyncFunction | UnitKind::Class) {
            let mangled = mangle(parent.private.as_ref(), name);
            if self.table.block(parent.block).scope(&mangled) == Scope::GlobalExplicit {
                return name.clone();
            }
        }
        if parent.kind == UnitKind::Module {
            return name.clone();
        }
        let base = match parent.kind {
            UnitKind::Function | UnitKind::AsyncFunction | UnitKind::Lambda => {
                parent.qualname.concat(&WStr::from(".<locals>"))
            }
            _ => parent.qualname.clone(),
        };
        base.concat(&WStr::from(".")).concat(name)
    }

    /// Ends the current unit's code and makes a code object of it.
    fn assemble(&mut self, add_none: bool) -> Compiled<Arc<CodeObject>> {
        if add_none {
            self.load_none(Loc::NONE);
        }
        self.op(Op::ReturnValue, Loc::NONE);
        let flags = self.code_flags();
        let parameters = self.block().varnames.len();
        let filename = self.filename.clone();
        let unit = self.unit_mut();
        let shape = UnitShape {
            args: unit.args,
            parameters,
            flags,
            filename,
            name: unit.name.clone(),
            qualname: unit.qualname.clone(),
            firstlineno: unit.firstlineno,
            fast_hidden: unit.fast_hidden.keys().cloned().collect(),
            varnames: unit.varnames.keys().cloned().collect(),
            cellvars: unit.cellvars.keys().cloned().collect(),
            freevars: unit.freevars.keys().cloned().collect(),
            names: unit.names.keys().cloned().collect(),
            consts: std::mem::take(&mut unit.const_values),
            code: std::mem::take(&mut unit.code),
        };
        assemble::make_code(shape).map(Arc::new)
    }

    fn code_flags(&self) -> u32 {
        let block = self.block();
        let mut flags = 0;
        if block.is_function_like() {
            flags |= co_flags::NEWLOCALS | co_flags::OPTIMIZED;
            let bits = [
                (block.nested, co_flags::NESTED),
                (block.generator && !block.coroutine, co_flags::GENERATOR),
                (block.generator && block.coroutine, co_flags::ASYNC_GENERATOR),
                (block.varargs, co_flags::VARARGS),
                (block.varkeywords, co_flags::VARKEYWORDS),
                (block.has_docstring, co_flags::HAS_DOCSTRING),
                (block.method, co_flags::METHOD),
            ];
            flags |= bits.iter().filter(|(set, _)| *set).map(|(_, bit)| bit).sum::<u32>();
        }
        if block.coroutine && !block.generator {
            flags |= co_flags::COROUTINE;
        }
        flags | self.inherited_flags
    }

    fn push_frame_block(
        &mut self,
        kind: FrameBlockKind,
        start: Option<Label>,
        exit: Option<Label>,
        loc: Loc,
        data: FrameBlockData<'a>,
    ) -> Compiled<()> {
        if self.unit().frame_blocks.len() >= MAX_FRAME_BLOCKS {
            return self.error(loc, "too many statically nested blocks");
        }
        if kind == FrameBlockKind::FinallyEnd {
            self.disable_warnings += 1;
        }
        self.unit_mut().frame_blocks.push(FrameBlock { kind, start, exit, loc, data });
        Ok(())
    }

    fn pop_frame_block(&mut self) -> Option<FrameBlock<'a>> {
        let popped = self.unit_mut().frame_blocks.pop();
        if popped.as_ref().is_some_and(|block| block.kind == FrameBlockKind::FinallyEnd) {
            self.disable_warnings -= 1;
        }
        popped
    }

    fn exprs(&mut self, exprs: &'a [Expr]) -> Compiled<()> {
        exprs.iter().try_for_each(|expr| self.expr(expr))
    }
}

/// The names with a scope or flag, sorted, numbered from 0.
fn names_in_scope(block: &Block, scope: Scope, flag: u32) -> Numbered<WStr> {
    let mut names: Vec<WStr> = block
        .symbols
        .iter()
        .filter(|(_, bits)| Scope::of(*bits) == scope || bits & flag != 0)
        .map(|(name, _)| name.clone())
        .collect();
    names.sort();
    let mut numbered = Numbered::default();
    for name in names {
        numbered.number(name);
    }
    numbered
}

/// A docstring without its common indentation; blank lines stay.
fn clean_doc(text: &WStr) -> WStr {
    let expanded = expand_tabs(text);
    let bytes = expanded.as_bytes();
    let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    let blanks = |line: &[u8]| line.iter().take_while(|byte| **byte == b' ').count();
    let margin = lines
        .iter()
        .skip(1)
        .filter(|line| !matches!(line.get(blanks(line)), None | Some(b'\n')))
        .map(|line| blanks(line))
        .min()
        .unwrap_or(0);
    let mut result = Vec::with_capacity(bytes.len());
    for (index, line) in lines.iter().enumerate() {
        let skip = if index == 0 { blanks(line) } else { blanks(line).min(margin) };
        result.extend_from_slice(&line[skip..]);
    }
    WStr::from_wtf8(&result).unwrap_or_else(|| text.clone())
}

fn expand_tabs(text: &WStr) -> WStr {
    if !text.as_bytes().contains(&b'\t') {
        return text.clone();
    }
    let mut column = 0;
    let mut points = Vec::new();
    for point in text.code_points() {
        match char::from_u32(point) {
            Some('\t') => {
                let width = 8 - column % 8;
                points.extend(std::iter::repeat_n(u32::from(' '), width));
                column += width;
            }
            Some('\n' | '\r') => {
                points.push(point);
                column = 0;
            }
            _ => {
                points.push(point);
                column += 1;
            }
        }
    }
    WStr::from_code_points(points)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docstrings_are_dedented() {
        let text = WStr::from("  Head.\n\n    body\n      more\n    ");
        assert_eq!(clean_doc(&text).to_string(), "Head.\n\nbody\n  more\n");
    }
}
