//! From a recording to micro-ops.
//!
//! One pass over the recorded instructions executes them on an *abstract* machine ([`State`]): of every word on the
//! operand stacks and of every local variable it knows where it is (in a register, at its place in memory, in a
//! variable, a constant), what it is ([`Known`]), and whether a reference is held for it ([`Own`]). Micro-ops come out
//! only where the real machine has something to do: guards for what is not known yet, counts for references that
//! outlive their source, moves for operands that are not in their registers.
//!
//! Frames of inlined calls exist in the abstract machine alone. Their variables are in memory, at the places where
//! they would be if the frame were real, so that an exit has only heads to write.
//!
//! An instruction without a lowering is executed by the interpreter (`INTERPRET`), after everything has been put
//! where the interpreter expects it.

mod calls;
mod classes;
mod closures;
mod doubles;
mod emit;
mod floats;
mod functions;
mod generators;
mod instructions;
mod iteration;
mod machine_items;
mod native;
mod objects;
mod shared;
mod unpacking;

pub use emit::snapshot;
use pyrs_interp::frame::{Frame, Returns};
use pyrs_runtime::object::{Obj, Object};
use pyrs_runtime::objects::code::Code;
use pyrs_runtime::objects::dict::Dict;
use pyrs_runtime::types::Type;
use pyrs_runtime::types::shape::Shape;
use pyrs_uops::Depth;

use self::shared::Shared;
use crate::assemble::Inst;
use crate::record::{End, Record};
use crate::stats::Abort;

/// What is known about a word.
#[derive(Copy, Clone, PartialEq, Debug)]
pub enum Known {
    /// Nothing; it may be `NULL`.
    Nothing,
    /// It is an object or an immediate.
    Something,
    Int,
    /// A double in the word itself (or unboxed).
    Float,
    /// Exactly this word.
    Word(u64),
    Bool,
    /// An object of a class, perhaps with the class's version and the object's shape checked.
    Class {
        class: *const Type,
        version: u32,
        shape: *const Shape,
    },
}

impl Known {
    /// No reference count is kept for it.
    fn is_uncounted(self) -> bool {
        match self {
            Known::Int | Known::Float | Known::Bool => true,
            Known::Word(word) => word & 7 != 0 || word == 0,
            _ => false,
        }
    }

    fn is_null_free(self) -> bool {
        !matches!(self, Known::Nothing | Known::Word(0))
    }

    /// What both are.
    fn meet(self, other: Known) -> Known {
        use Known::*;
        if self == other {
            return self;
        }
        match (self, other) {
            (Class { class: a, version: v, .. }, Class { class: b, version: w, .. }) if a == b => {
                Class { class: a, version: if v == w { v } else { 0 }, shape: std::ptr::null() }
            }
            (Nothing | Word(0), _) | (_, Nothing | Word(0)) => Nothing,
            _ => Something,
        }
    }

    /// What stays true while Python code may run.
    fn after_python(self) -> Known {
        match self {
            Known::Class { class, .. } => Known::Class { class, version: 0, shape: std::ptr::null() },
            other => other,
        }
    }
}

/// Who holds the reference that keeps a word alive.
#[derive(Copy, Clone, PartialEq, Debug)]
pub enum Own {
    /// None is needed.
    Uncounted,
    /// The word itself.
    Counted,
    /// A constant of the trace.
    Constant,
    /// A local variable.
    Local { frame: usize, slot: usize },
    /// An object's field, until something is stored or destroyed.
    Fragile,
    /// A local variable whose double lies unboxed in this shadow place; the variable's own word is out of date.
    Raw(u16),
}

/// Where a word is.
#[derive(Copy, Clone, PartialEq, Debug)]
pub enum Place {
    /// In the next register for words.
    Int,
    /// Unboxed, in the next register for doubles.
    Float,
    /// At its place in the frame.
    Memory,
    /// Unboxed, at its place in the frame.
    RawFloat,
    /// Nowhere: a constant of the trace.
    Constant(u64),
    /// In a local variable.
    Local { frame: usize, slot: usize },
}

/// A word on the operand stack.
#[derive(Copy, Clone, PartialEq, Debug)]
pub struct Entry {
    pub place: Place,
    pub known: Known,
    pub own: Own,
}

/// A local variable; it is at its place in memory unless it has never been set.
#[derive(Copy, Clone, PartialEq, Debug)]
pub struct Local {
    pub known: Known,
    pub own: Own,
    /// The memory does not hold it yet: it is `NULL`.
    pub unset: bool,
}

/// Where the function of an inlined call is.
#[derive(Copy, Clone, PartialEq, Debug)]
pub enum Callee {
    /// The frame is real and holds it.
    Held,
    Constant(u64),
    /// On the caller's operand stack.
    Word {
        home: Home,
        own: Own,
    },
}

/// An address: relative to the frame, or to `top`.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Home {
    pub on_top: bool,
    pub offset: i32,
}

/// A frame of the abstract machine.
#[derive(Clone, PartialEq, Debug)]
pub struct VirtualFrame {
    /// Where the interpreter had it while recording.
    pub id: *mut Frame,
    pub code: *const Object<Code>,
    /// Offset of its head from `top`; unused for the real frame.
    pub head: i32,
    pub callee: Callee,
    pub locals: Shared<Vec<Local>>,
    pub stack: Vec<Entry>,
    /// The call that it waits for: place and units to skip when it returns.
    pub call: (*mut u16, u16),
    pub returns: Returns,
}

/// The abstract machine: frame 0 is real, the others are inlined calls.
#[derive(Clone, PartialEq, Debug)]
pub struct State {
    pub frames: Vec<Shared<VirtualFrame>>,
    /// Callers of the real frame that the trace has come from, the outermost one first; real too, with everything in
    /// memory.
    pub below: Vec<Shared<VirtualFrame>>,
    pub depth: Depth,
    /// Words in memory that were compared and can't have changed since.
    pub checked: Shared<Vec<(u64, u64)>>,
}

/// A frame to be rebuilt, or the real one.
#[derive(Clone, Debug)]
pub struct FrameSnapshot {
    pub head: i32,
    pub code: *const Object<Code>,
    pub callee: Callee,
    /// Where it goes on, or the call it waits for.
    pub ip: *mut u16,
    /// Words of variables and stack.
    pub words: usize,
    pub return_offset: u16,
    pub returns: Returns,
}

/// What has to be done to a word in memory.
#[derive(Copy, Clone, PartialEq, Debug)]
pub enum Fix {
    /// A reference is taken.
    Own,
    /// It is an unboxed double.
    Box,
    /// It is the unboxed double in this place.
    BoxFrom(Home),
    /// It is this constant.
    Constant(u64),
    /// It is what a variable holds.
    Copy(Home),
}

/// How the interpreter's frames are made from compiled code's registers and memory.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    pub frames: Vec<FrameSnapshot>,
    pub fixes: Vec<(Home, Fix)>,
}

/// What leads to an exit.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Way {
    /// A guard. A side trace takes the words over as they are, in registers' order and unboxed.
    Guard,
    /// A double that does not fit its word. What goes on begins in front of the instruction again, with all doubles boxed.
    Box,
    /// The interpreter has executed the last instruction; the runtime knows where it has led.
    Interpret,
}

/// A side exit in the making.
pub struct ExitPlan {
    /// The abstract machine after the exit's stub has run; none if the interpreter's frames are real already.
    pub state: Option<State>,
    pub stub: Vec<Inst>,
    /// The instruction to go on at.
    pub ip: *mut u16,
    pub way: Way,
    /// The runtime has been asked, and has declined.
    pub asked: bool,
}

/// An instruction for the interpreter.
pub struct InterpretPlan {
    pub opcode: pyrs_bytecode::Opcode,
    pub ip: *mut u16,
    /// Behind extended arguments, and the whole argument.
    pub opcode_at: *mut u16,
    pub oparg: u16,
    /// Where control went when it was recorded.
    pub expected: *mut u16,
    /// The globals of the frame there.
    pub globals: *const Object<Dict>,
    /// Words of variables and stack.
    pub words: usize,
}

/// A lowered trace.
#[derive(Default)]
pub struct Lowered {
    pub body: Vec<Inst>,
    pub top: usize,
    /// It ends in a jump to another trace's code; else a trace that is not closed ends in its last exit.
    pub links: bool,
    pub exits: Vec<ExitPlan>,
    pub interprets: Vec<Box<InterpretPlan>>,
    /// What other operands of micro-ops point to.
    pub plans: Vec<Box<dyn std::any::Any>>,
    /// Objects that the code refers to.
    pub objects: Vec<Obj>,
    /// For dumps: the instruction that each micro-op belongs to.
    pub origins: Vec<u32>,
    /// Instructions that are left to the interpreter.
    pub interpreted: usize,
}

/// Words that inlined frames may take in all.
pub const RESERVE_WORDS: usize = 4096;

/// Micro-ops of an iteration up to which it is made twice, the second time with what the first one has found out. In a
/// longer loop that is little beside the rest, and twice the code costs more.
const PEELED: usize = 2048;

pub type Lower<T> = Result<T, Abort>;

/// The pass: what has been made so far, and the machine's state.
pub struct Lowering<'a> {
    pub records: &'a [Record],
    pub out: Lowered,
    pub state: State,
    /// The state before the instruction.
    saved: State,
    /// The instruction being lowered, and what was on its frame's stack before.
    at: *mut u16,
    before: usize,
    record: usize,
    begins: Begin,
    /// Changes with every micro-op that moves words: exits in between share a snapshot.
    moves: usize,
    last_exit: Option<(usize, *mut u16, u32)>,
    doubles: doubles::Doubles,
    /// Records that [`unpacking`] has made loops of.
    moved: usize,
}

/// Where a trace begins.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Begin {
    Loop,
    /// In front of an instruction that a trace could not do with these operands.
    Declined,
    /// Behind an instruction that the interpreter has done.
    Fresh,
}

/// Lowers a recording that begins in `state`.
pub fn lower(records: &[Record], end: End, state: State, begins: Begin) -> Lower<Lowered> {
    let begin = state.clone();
    let mut l = Lowering::new(records, state, begins);
    l.pass()?;
    if l.moves_most() {
        return Err(Abort::Moves);
    }
    if end != End::Closed || begins != Begin::Loop {
        l.finish(end)?;
        return Ok(l.out);
    }
    l.settle()?;
    if l.out.body.len() > PEELED {
        l.conform(&begin)?;
        l.finish(end)?;
        return Ok(l.out);
    }
    // The loop proper begins with what the first iteration has found out.
    let entered = l.state.clone();
    let mut assumed = entered.clone();
    let prefix = (l.out.body.len(), l.out.exits.len(), l.out.interprets.len(), l.out.plans.len());
    for _ in 0..8 {
        l.truncate(prefix);
        l.state = entered.clone();
        l.last_exit = None;
        l.conform(&assumed)?;
        l.state = assumed.clone();
        l.out.top = l.out.body.len();
        l.last_exit = None;
        l.doubles.begin();
        l.pass()?;
        l.settle()?;
        if !l.state.implies(&assumed) {
            assumed = assumed.meet(&l.state);
        } else if l.out.interprets.len() > prefix.2 || !l.unbox_variables(&mut assumed) {
            l.conform(&assumed)?;
            l.finish(end)?;
            return Ok(l.out);
        }
    }
    Err(Abort::Unsupported)
}

impl<'a> Lowering<'a> {
    fn new(records: &'a [Record], state: State, begins: Begin) -> Lowering<'a> {
        Lowering {
            records,
            out: Lowered {
                body: Vec::with_capacity(4 * records.len()),
                origins: Vec::with_capacity(4 * records.len()),
                ..Lowered::default()
            },
            saved: state.clone(),
            state,
            at: std::ptr::null_mut(),
            before: 0,
            record: 0,
            begins,
            moves: 0,
            last_exit: None,
            doubles: doubles::Doubles::default(),
            moved: 0,
        }
    }

    fn truncate(&mut self, (body, exits, interprets, plans): (usize, usize, usize, usize)) {
        self.out.body.truncate(body);
        self.out.origins.truncate(body);
        self.out.exits.truncate(exits);
        self.out.interprets.truncate(interprets);
        self.out.plans.truncate(plans);
    }
}

impl VirtualFrame {
    /// An inlined call whose variables have not been set.
    fn inlined(id: *mut Frame, code: &Object<Code>, head: i32, callee: Callee) -> Shared<VirtualFrame> {
        let unset = Local { known: Known::Word(0), own: Own::Uncounted, unset: true };
        VirtualFrame {
            id,
            code,
            head,
            callee,
            locals: vec![unset; code.nlocalsplus].into(),
            stack: Vec::new(),
            call: (std::ptr::null_mut(), 0),
            returns: Returns::Value,
        }
        .into()
    }
}

impl State {
    /// The machine at a place where everything is in memory.
    pub fn fresh(id: *mut Frame, code: &Object<Code>, depth: usize) -> State {
        let local = Local { known: Known::Nothing, own: Own::Counted, unset: false };
        let entry = Entry { place: Place::Memory, known: Known::Nothing, own: Own::Counted };
        let frame = VirtualFrame {
            id,
            code,
            head: 0,
            callee: Callee::Held,
            locals: vec![local; code.nlocalsplus].into(),
            stack: vec![entry; depth],
            call: (std::ptr::null_mut(), 0),
            returns: Returns::Value,
        };
        State { frames: vec![frame.into()], below: Vec::new(), depth: Depth::default(), checked: Shared::default() }
    }

    /// Copies another state, into the memory of this one.
    fn become_like(&mut self, other: &State) {
        self.frames.clone_from(&other.frames);
        self.below.clone_from(&other.below);
        self.checked.clone_from(&other.checked);
        self.depth = other.depth;
    }

    /// Everything that `other` says is true of this state.
    fn implies(&self, other: &State) -> bool {
        self.meet(other) == *other
    }

    /// What both states say; they belong to the same place in the program.
    fn meet(&self, other: &State) -> State {
        let mut out = other.clone();
        if out.below.len() != self.below.len() {
            out.below.clear();
        }
        let frames = out.frames.iter_mut().zip(&self.frames);
        for (frame, with) in frames.chain(out.below.iter_mut().zip(&self.below)) {
            for (a, b) in frame.locals.iter_mut().zip(with.locals.iter()) {
                a.known = a.known.meet(b.known);
                if matches!(a.own, Own::Raw(_)) && a.known != Known::Float {
                    a.own = Own::Counted;
                }
            }
            for (a, b) in frame.stack.iter_mut().zip(&with.stack) {
                a.known = a.known.meet(b.known);
            }
        }
        out.checked.retain(|c| self.checked.contains(c));
        out
    }
}
