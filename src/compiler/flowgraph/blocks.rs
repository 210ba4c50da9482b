//! Basic blocks and their construction.

use pyrs_bytecode::AnyOpcode as Op;

use crate::instruction::{InstrSequence, Loc, has_target};

/// The index of a block in the graph.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct BlockRef(pub usize);

/// An instruction of a block.
#[derive(Clone, Copy, Debug)]
pub struct CfgInstr {
    pub op: Op,
    pub arg: i32,
    pub loc: Loc,
    pub target: Option<BlockRef>,
    /// The handler of exceptions raised here.
    pub except: Option<BlockRef>,
}

impl CfgInstr {
    /// An instruction without a target.
    pub fn new(op: Op, arg: i32, loc: Loc) -> CfgInstr {
        CfgInstr { op, arg, loc, target: None, except: None }
    }

    /// Changes the operation, keeping place and handler.
    pub fn set(&mut self, op: Op, arg: i32) {
        self.op = op;
        self.arg = arg;
    }

    /// Leaves only the place.
    pub fn make_nop(&mut self) {
        self.set(Op::Nop, 0);
    }
}

/// A basic block.
#[derive(Clone, Debug, Default)]
pub struct BasicBlock {
    pub instrs: Vec<CfgInstr>,
    pub next: Option<BlockRef>,
    /// Whether a label stands before it.
    pub labeled: bool,
    pub visited: bool,
    pub except_handler: bool,
    pub preserve_lasti: bool,
    pub cold: bool,
    pub warm: bool,
    pub predecessors: usize,
    pub start_depth: Option<i32>,
    pub except_stack: Option<Vec<BlockRef>>,
    pub unsafe_locals: u64,
    /// The handlers of instructions that once stood beyond the end.  CPython adds instructions
    /// without setting their handler, so a new one has that of the old one in its place.
    stale_handlers: Vec<Option<BlockRef>>,
}

impl BasicBlock {
    /// Cuts the block off after some instructions.
    pub fn truncate(&mut self, length: usize) {
        let removed = self.instrs.len();
        if self.stale_handlers.len() < removed {
            self.stale_handlers.resize(removed, None);
        }
        for index in length..removed {
            self.stale_handlers[index] = self.instrs[index].except;
        }
        self.instrs.truncate(length);
    }

    /// Appends an instruction; see `stale_handlers`.
    pub fn append(&mut self, instr: CfgInstr) {
        let except = self.stale_handlers.get(self.instrs.len()).copied().flatten();
        self.instrs.push(CfgInstr { except, ..instr });
    }

    /// Whether control can leave the block at its end for the next one.
    pub fn falls_through(&self) -> bool {
        !self.instrs.last().is_some_and(|last| is_scope_exit(last.op) || is_unconditional_jump(last.op))
    }

    /// Whether the block ends the function.
    pub fn exits_scope(&self) -> bool {
        self.instrs.last().is_some_and(|last| is_scope_exit(last.op))
    }

    /// Whether no instruction has a line.
    pub fn has_no_line(&self) -> bool {
        self.instrs.iter().all(|instr| instr.loc.line < 0)
    }
}

/// Opcodes that leave the function.
pub fn is_scope_exit(op: Op) -> bool {
    matches!(op, Op::ReturnValue | Op::RaiseVarargs | Op::Reraise)
}

/// Jumps that are always taken.
pub fn is_unconditional_jump(op: Op) -> bool {
    matches!(op, Op::Jump | Op::JumpNoInterrupt | Op::JumpForward | Op::JumpBackward | Op::JumpBackwardNoInterrupt)
}

/// The conditional jumps of the final code.
pub fn is_conditional_jump(op: Op) -> bool {
    matches!(op, Op::PopJumpIfFalse | Op::PopJumpIfTrue | Op::PopJumpIfNone | Op::PopJumpIfNotNone)
}

fn is_terminator(op: Op) -> bool {
    op.has_jump() || is_scope_exit(op)
}

/// A control-flow graph: blocks, and their order as a chain.
#[derive(Clone, Debug)]
pub struct Graph {
    blocks: Vec<BasicBlock>,
    pub entry: BlockRef,
}

impl Graph {
    /// Cuts a sequence into blocks.
    pub fn from_sequence(sequence: &InstrSequence) -> Graph {
        let mut graph = Graph { blocks: vec![BasicBlock::default()], entry: BlockRef(0) };
        let mut targets = vec![false; sequence.instrs.len() + 1];
        for instr in &sequence.instrs {
            if has_target(instr.op)
                && let Some(position) = sequence.labels.get(instr.arg as usize)
                && let Some(target) = targets.get_mut(*position)
            {
                *target = true;
            }
        }
        let mut block_at = vec![None; sequence.instrs.len() + 1];
        let mut current = graph.entry;
        let mut pending_label = false;
        for (index, instr) in sequence.instrs.iter().enumerate() {
            if targets[index] {
                pending_label = true;
            }
            if instr.op == Op::AnnotationsPlaceholder {
                for annotation in sequence.annotations.iter().flatten() {
                    current = graph.start_block(current, &mut pending_label);
                    let made = CfgInstr::new(annotation.op, annotation.arg, annotation.loc);
                    graph.block_mut(current).instrs.push(made);
                }
                continue;
            }
            current = graph.start_block(current, &mut pending_label);
            if targets[index] {
                block_at[index] = Some(current);
            }
            let made = CfgInstr::new(instr.op, instr.arg, instr.loc);
            graph.block_mut(current).instrs.push(made);
        }
        for block in &mut graph.blocks {
            for instr in &mut block.instrs {
                if has_target(instr.op) {
                    let position = sequence.labels.get(instr.arg as usize).copied();
                    instr.target = position.and_then(|at| block_at.get(at).copied().flatten());
                }
            }
        }
        graph
    }

    /// The block for the next instruction: a new one after a jump or at a label.
    fn start_block(&mut self, current: BlockRef, pending_label: &mut bool) -> BlockRef {
        let block = self.block_mut(current);
        let last = block.instrs.last().map(|instr| instr.op);
        let mut new = last.is_some_and(is_terminator);
        if !new && *pending_label {
            if last.is_some() || block.labeled {
                new = true;
            } else {
                block.labeled = true;
                *pending_label = false;
            }
        }
        if !new {
            return current;
        }
        let made = self.new_block();
        self.block_mut(made).labeled = std::mem::take(pending_label);
        self.block_mut(current).next = Some(made);
        made
    }

    /// A new block, not in the chain yet.
    pub fn new_block(&mut self) -> BlockRef {
        self.blocks.push(BasicBlock::default());
        BlockRef(self.blocks.len() - 1)
    }

    /// A block.
    pub fn block(&self, block: BlockRef) -> &BasicBlock {
        &self.blocks[block.0]
    }

    /// A block, writable.
    pub fn block_mut(&mut self, block: BlockRef) -> &mut BasicBlock {
        &mut self.blocks[block.0]
    }

    /// The blocks in the order of the chain, as it is now.
    pub fn order(&self) -> Vec<BlockRef> {
        let mut order = Vec::with_capacity(self.blocks.len());
        let mut current = Some(self.entry);
        while let Some(block) = current {
            order.push(block);
            current = self.block(block).next;
        }
        order
    }

    /// The first block from here on that has instructions.
    pub fn next_nonempty(&self, block: Option<BlockRef>) -> Option<BlockRef> {
        let mut current = block;
        while let Some(block) = current {
            if !self.block(block).instrs.is_empty() {
                return current;
            }
            current = self.block(block).next;
        }
        None
    }

    /// Clears the marks of a traversal.
    pub fn clear_visited(&mut self) {
        for block in self.order() {
            self.block_mut(block).visited = false;
        }
    }

    /// Marks a block; true if it was not marked before.
    pub fn visit(&mut self, block: BlockRef) -> bool {
        !std::mem::replace(&mut self.block_mut(block).visited, true)
    }
}
