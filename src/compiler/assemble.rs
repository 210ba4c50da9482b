//! From the optimised graph to a code object: variables, jump offsets, tables, bytes.

use std::collections::HashMap;

use pyrs_bytecode::{AnyOpcode as Op, CodeObject, Constant, LineTableWriter, WStr, co_flags, local_kind, write_varint};

use crate::errors::{Compiled, system_error};
use crate::flowgraph::{BlockRef, CfgInstr, Graph};
use crate::instruction::{InstrSequence, Loc};
use crate::unit::ArgCounts;

/// How far the END_SEND is from the SEND of an `async for`.
const END_SEND_OFFSET: usize = 5;

/// What a code object is made of.
pub struct UnitShape {
    pub args: ArgCounts,
    /// How many locals are parameters.
    pub parameters: usize,
    pub flags: u32,
    pub filename: WStr,
    pub name: WStr,
    pub qualname: WStr,
    pub firstlineno: i32,
    pub fast_hidden: Vec<WStr>,
    pub varnames: Vec<WStr>,
    pub cellvars: Vec<WStr>,
    pub freevars: Vec<WStr>,
    pub names: Vec<WStr>,
    pub consts: Vec<Constant>,
    pub code: InstrSequence,
}

/// Optimises and assembles a unit.
pub fn make_code(mut shape: UnitShape) -> Compiled<CodeObject> {
    let mut graph = Graph::from_sequence(&shape.code);
    graph.optimize(&mut shape.consts, shape.varnames.len(), shape.parameters)?;
    graph.convert_pseudo_conditional_jumps();
    let stacksize = graph.stack_depth()?;
    fix_variables(&mut graph, &shape);
    graph.convert_pseudo_ops();
    graph.normalize_jumps();
    graph.borrow_locals();
    let mut lines = flatten(&graph)?;
    lines.resolve_jumps();
    let (localsplusnames, localspluskinds) = localsplus(&shape);
    let positional = shape.args.args + shape.args.posonly;
    Ok(CodeObject {
        argcount: positional as u32,
        posonlyargcount: shape.args.posonly as u32,
        kwonlyargcount: shape.args.kwonly as u32,
        stacksize: stacksize.max(1) as u32,
        flags: shape.flags,
        linetable: lines.line_table(shape.firstlineno),
        exceptiontable: lines.exception_table(),
        code: lines.bytes(),
        consts: shape.consts,
        names: shape.names,
        localsplusnames,
        localspluskinds,
        filename: shape.filename,
        name: shape.name,
        qualname: shape.qualname,
        firstlineno: shape.firstlineno,
    })
}

/// Names and kinds of locals, cells and free variables in their final order.
fn localsplus(shape: &UnitShape) -> (Vec<WStr>, Vec<u8>) {
    let mut names = Vec::new();
    let mut kinds = Vec::new();
    let positional = shape.args.args + shape.args.posonly;
    let keyword_end = positional + shape.args.kwonly;
    let has_varargs = shape.flags & co_flags::VARARGS != 0;
    let varargs_end = keyword_end + usize::from(has_varargs);
    let has_varkeywords = shape.flags & co_flags::VARKEYWORDS != 0;
    for (index, name) in shape.varnames.iter().enumerate() {
        let mut kind = local_kind::LOCAL;
        if shape.fast_hidden.contains(name) {
            kind |= local_kind::HIDDEN;
        }
        if shape.cellvars.contains(name) {
            kind |= local_kind::CELL;
        }
        if index < shape.args.posonly {
            kind |= local_kind::ARG_POS;
        } else if index < positional {
            kind |= local_kind::ARG_POS | local_kind::ARG_KW;
        } else if index < keyword_end {
            kind |= local_kind::ARG_KW;
        } else if has_varargs && index == keyword_end {
            kind |= local_kind::ARG_VAR | local_kind::ARG_POS;
        } else if has_varkeywords && index == varargs_end {
            kind |= local_kind::ARG_VAR | local_kind::ARG_KW;
        }
        names.push(name.clone());
        kinds.push(kind);
    }
    for name in shape.cellvars.iter().filter(|name| !shape.varnames.contains(name)) {
        names.push(name.clone());
        kinds.push(local_kind::CELL);
    }
    for name in &shape.freevars {
        names.push(name.clone());
        kinds.push(local_kind::FREE);
    }
    (names, kinds)
}

/// Numbers cells and free variables after the locals (a cell that is a local keeps that place),
/// and adds the instructions that make them.
fn fix_variables(graph: &mut Graph, shape: &UnitShape) {
    let locals = shape.varnames.len();
    let cells = shape.cellvars.len();
    let count = cells + shape.freevars.len();
    let mut fixed: Vec<usize> = (0..count).map(|index| locals + index).collect();
    for (index, cell) in shape.cellvars.iter().enumerate() {
        if let Some(local) = shape.varnames.iter().position(|name| name == cell) {
            fixed[index] = local;
        }
    }
    add_prefix(graph, shape, &fixed);
    let mut dropped = 0;
    for (index, place) in fixed.iter_mut().enumerate() {
        if *place == index + locals {
            *place -= dropped;
        } else {
            dropped += 1;
        }
    }
    for block in graph.order() {
        for instr in &mut graph.block_mut(block).instrs {
            let uses_cell = matches!(
                instr.op,
                Op::MakeCell
                    | Op::LoadClosure
                    | Op::LoadDeref
                    | Op::StoreDeref
                    | Op::DeleteDeref
                    | Op::LoadFromDictOrDeref
            );
            if uses_cell && let Some(place) = fixed.get(instr.arg as usize) {
                instr.arg = *place as i32;
            }
        }
    }
}

fn add_prefix(graph: &mut Graph, shape: &UnitShape, fixed: &[usize]) {
    let generator = co_flags::GENERATOR | co_flags::COROUTINE | co_flags::ASYNC_GENERATOR;
    let mut prefix = Vec::new();
    if !shape.freevars.is_empty() {
        prefix.push(CfgInstr::new(Op::CopyFreeVars, shape.freevars.len() as i32, Loc::NONE));
    }
    let mut cells: Vec<usize> = (0..shape.cellvars.len()).collect();
    cells.sort_by_key(|cell| fixed[*cell]);
    prefix.extend(cells.iter().map(|cell| CfgInstr::new(Op::MakeCell, *cell as i32, Loc::NONE)));
    if shape.flags & generator != 0 {
        let line = shape.firstlineno;
        let loc = Loc { line, end_line: line, col: -1, end_col: -1 };
        prefix.push(CfgInstr::new(Op::ReturnGenerator, 0, loc));
        prefix.push(CfgInstr::new(Op::PopTop, 0, loc));
    }
    let entry = graph.entry;
    graph.block_mut(entry).instrs.splice(0..0, prefix);
}

/// The handler of an instruction, by the index where it starts.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Handler {
    target: usize,
    depth: i32,
    lasti: bool,
}

struct FlatInstr {
    op: Op,
    arg: i32,
    loc: Loc,
    /// The index of the instruction that a jump goes to.
    target: Option<usize>,
    handler: Option<Handler>,
}

/// The instructions in their final order.
struct FlatCode {
    instrs: Vec<FlatInstr>,
}

fn flatten(graph: &Graph) -> Compiled<FlatCode> {
    let order = graph.order();
    let mut starts: HashMap<BlockRef, usize> = HashMap::new();
    let mut count = 0;
    for block in &order {
        starts.insert(*block, count);
        count += graph.block(*block).instrs.len();
    }
    let place = |block: BlockRef| starts.get(&block).copied().ok_or_else(|| system_error("jump to a removed block"));
    let mut instrs = Vec::with_capacity(count);
    for block in &order {
        for instr in &graph.block(*block).instrs {
            let target = match instr.target {
                Some(target) if instr.op.has_jump() => Some(place(target)?),
                _ => None,
            };
            let handler = match instr.except {
                Some(handler) => Some(Handler {
                    target: place(handler)?,
                    depth: graph.block(handler).start_depth.unwrap_or(0),
                    lasti: graph.block(handler).preserve_lasti,
                }),
                None => None,
            };
            instrs.push(FlatInstr { op: instr.op, arg: instr.arg, loc: instr.loc, target, handler });
        }
    }
    Ok(FlatCode { instrs })
}

impl FlatInstr {
    /// The number of code units, prefixes and caches included.
    fn size(&self) -> usize {
        let arg = self.arg as u32;
        let prefixes = usize::from(arg > 0xff) + usize::from(arg > 0xffff) + usize::from(arg > 0xff_ffff);
        prefixes + 1 + self.op.cache_entries()
    }
}

impl FlatCode {
    /// Chooses the direction of jumps and computes their distances.
    fn resolve_jumps(&mut self) {
        for (index, instr) in self.instrs.iter_mut().enumerate() {
            let Some(target) = instr.target else {
                continue;
            };
            let forward = target > index;
            match instr.op {
                Op::Jump => {
                    instr.op = if forward { Op::JumpForward } else { Op::JumpBackward };
                }
                Op::JumpNoInterrupt => {
                    instr.op = if forward { Op::JumpForward } else { Op::JumpBackwardNoInterrupt };
                }
                _ => {}
            }
            instr.arg = target as i32;
        }
        // Distances may need prefixes, which lengthen distances: repeat until nothing changes.
        // The first guess is the target's number, as CPython has it; the outcome can depend on it.
        loop {
            let offsets = self.offsets();
            let mut changed = false;
            for (index, instr) in self.instrs.iter_mut().enumerate() {
                let Some(target) = instr.target else {
                    continue;
                };
                let size = instr.size();
                let end = offsets[index] + size;
                let mut distance = offsets[target].abs_diff(end);
                if instr.op == Op::EndAsyncFor {
                    // Monitoring looks for the END_SEND that follows the target.
                    distance = distance.saturating_sub(END_SEND_OFFSET);
                }
                instr.arg = distance as i32;
                changed |= instr.size() != size;
            }
            if !changed {
                return;
            }
        }
    }

    fn offsets(&self) -> Vec<usize> {
        let mut offset = 0;
        let mut offsets: Vec<usize> = self
            .instrs
            .iter()
            .map(|instr| {
                let start = offset;
                offset += instr.size();
                start
            })
            .collect();
        offsets.push(offset);
        offsets
    }

    fn bytes(&self) -> Vec<u8> {
        let mut code = Vec::new();
        for instr in &self.instrs {
            let arg = instr.arg as u32;
            for shift in [24, 16, 8] {
                if arg >> shift != 0 {
                    code.extend([Op::ExtendedArg as u16 as u8, (arg >> shift) as u8]);
                }
            }
            code.extend([instr.op as u16 as u8, arg as u8]);
            code.extend(std::iter::repeat_n(0, 2 * instr.op.cache_entries()));
        }
        code
    }

    fn line_table(&self, first_line: i32) -> Vec<u8> {
        let mut writer = LineTableWriter::new(first_line);
        let mut current: Option<(Loc, usize)> = None;
        let mut locs: Vec<Loc> = self.instrs.iter().map(|instr| instr.loc).collect();
        // An instruction may take the position of its successor.
        for index in (0..locs.len()).rev() {
            if locs[index] == Loc::NEXT {
                let op = self.instrs[index].op;
                let leaves = matches!(
                    op,
                    Op::ReturnValue
                        | Op::RaiseVarargs
                        | Op::Reraise
                        | Op::JumpForward
                        | Op::JumpBackward
                        | Op::JumpBackwardNoInterrupt
                );
                locs[index] = if leaves { Loc::NONE } else { locs.get(index + 1).copied().unwrap_or(Loc::NONE) };
            }
        }
        let mut emit = |run: Option<(Loc, usize)>| {
            if let Some((loc, units)) = run {
                writer.push(units, loc.line, loc.end_line, loc.col, loc.end_col);
            }
        };
        for (instr, loc) in self.instrs.iter().zip(locs) {
            match &mut current {
                Some((known, units)) if *known == loc => *units += instr.size(),
                _ => {
                    emit(current.take());
                    current = Some((loc, instr.size()));
                }
            }
        }
        emit(current);
        writer.finish()
    }

    fn exception_table(&self) -> Vec<u8> {
        let offsets = self.offsets();
        let mut table = Vec::new();
        let mut current: Option<(Handler, usize)> = None;
        let mut emit = |run: Option<(Handler, usize)>, end: usize| {
            let Some((handler, start)) = run else {
                return;
            };
            if end <= start {
                return;
            }
            let depth = (handler.depth - 1).max(0) - i32::from(handler.lasti);
            let depth_lasti = (depth.max(0) as u32) << 1 | u32::from(handler.lasti);
            let target = offsets[handler.target] as u32;
            write_varint(&mut table, start as u32, true);
            write_varint(&mut table, (end - start) as u32, false);
            write_varint(&mut table, target, false);
            write_varint(&mut table, depth_lasti, false);
        };
        for (index, instr) in self.instrs.iter().enumerate() {
            if current.map(|(handler, _)| handler) == instr.handler {
                continue;
            }
            emit(current.take(), offsets[index]);
            current = instr.handler.map(|handler| (handler, offsets[index]));
        }
        emit(current, offsets[self.instrs.len()]);
        table
    }
}
