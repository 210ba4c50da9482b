//! Recording: what the interpreter executes, instruction by instruction, with the operands it meets.
//!
//! While a recording runs, every instruction of its thread's run passes through [`step`], which looks at the
//! operands and goes on in the ordinary handler. An instruction that does the following one's work too is not seen
//! apart from it; the next record's place tells.

use pyrs_bytecode::Opcode;
use pyrs_interp::dispatch::{self, Regs, TABLE, Table};
use pyrs_interp::frame::Frame;
use pyrs_interp::jit::{cache_at, found_by_super};
use pyrs_interp::ops::iteration::generator_iter;
use pyrs_interp::ops::operators::{python_comparison, python_operator};
use pyrs_macros::handler;
use pyrs_runtime::object::{Header, Obj, Object};
use pyrs_runtime::objects::code::Code;
use pyrs_runtime::objects::dict::Dict;
use pyrs_runtime::objects::inline_cache::InlineCache;
use pyrs_runtime::objects::machine_items::MachineItems;
use pyrs_runtime::objects::module::Module;
use pyrs_runtime::objects::singletons::{false_value, none_value, true_value};
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::thread::Thread;
use pyrs_runtime::types::{Type, as_type};
use pyrs_runtime::value::Value;

use crate::executor::Executor;
use crate::places::Places;
use crate::stats::Abort;
use crate::{executor, places, state};

/// What was in a word.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Seen {
    Null,
    Int,
    /// A double in the word itself.
    Float,
    /// None, True or False.
    Singleton(u64),
    Object(*const Type),
}

impl Seen {
    pub fn of(v: Value) -> Seen {
        if v.is_null() {
            Seen::Null
        } else if v.is_fixnum() {
            Seen::Int
        } else if v.is_flonum() {
            Seen::Float
        } else if v == none_value() || v == true_value() || v == false_value() {
            Seen::Singleton(v.0)
        } else {
            // SAFETY: a live object.
            Seen::Object(unsafe { (*v.as_pointer()).class.get() })
        }
    }
}

/// Instructions between two values of a generator that are worth entering compiled code for.
const MIN_STEP: usize = 16;

/// As [`MIN_STEP`], for functions without calls of others that are compiled.
const MIN_ENTRY: usize = 32;

/// Calls of a function by itself that a trace inlines; the next one is a frame and a jump to where the function begins.
const UNROLLED: usize = 1;

/// Words of the operand stack that a record remembers.
pub const TOPS: usize = 8;

/// One instruction that was executed.
pub struct Record {
    /// Where the instruction begins, extended arguments included.
    pub start: *mut u16,
    /// Where its opcode is.
    pub ip: *mut u16,
    pub opcode: Opcode,
    pub oparg: u32,
    pub frame: *mut Frame,
    pub code: *const Object<Code>,
    /// Words on the operand stack before it.
    pub depth: usize,
    /// The top of the operand stack, the first word on top.
    pub tops: [Seen; TOPS],
    /// The local variables that the instruction reads.
    pub locals: [Seen; 2],
    /// The alternative of the inline cache that fits the operands.
    pub cache: Option<InlineCache>,
    /// The callable of a call, the value of a global name, what `super()` or the cache has found on a class: alive,
    /// whatever the program does to the class before the trace is made.
    pub object: Option<Obj>,
    /// What tells the item type of a container of machine values.
    pub item_kind: u64,
    /// The dictionaries of a global name, or a module and its own; the class behind which `super` looks, and what for.
    pub namespaces: Option<[Obj; 2]>,
    /// The frame's.
    pub globals: *const Object<Dict>,
    pub builtins: *const Object<Dict>,
    /// The frame's caller.
    pub previous: *mut Frame,
    /// Keeps the code alive.
    pub code_object: Obj,
}

/// Where a recording began.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Origin {
    /// A back edge.
    Loop { back_edge: *mut u16 },
    /// The beginning of a function.
    Entry { code: *const Object<Code>, resume: *mut u16 },
    /// The exit of an executor.
    Exit { executor: usize, exit: usize },
}

/// How a recording ended.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum End {
    /// At its beginning again.
    Closed,
    /// At its beginning again, in another frame.
    Again,
    /// At a loop that has been compiled.
    Link(usize),
    /// In front of something that is left to the interpreter.
    Stop,
}

/// A recording that is running.
pub struct Recording {
    pub thread: *const Thread,
    pub origin: Origin,
    pub root: *mut Frame,
    /// The outermost frame that something is known of.
    pub base: *mut Frame,
    pub start: *mut u16,
    /// The first of the traces it belongs to begins at a function.
    pub of_function: bool,
    pub records: Vec<Record>,
    /// The abstract machine at the beginning, for traces that begin at an exit.
    pub state: Option<crate::lower::State>,
    /// Classes of operands that a program has made, and may drop: they live as long as the recording.
    classes: Vec<Obj>,
    /// Extended arguments were just seen; the instruction begins here.
    extended: *mut u16,
    pub began: std::time::Instant,
}

impl Recording {
    pub fn new(thread: *const Thread, origin: Origin, root: *mut Frame, start: *mut u16) -> Recording {
        Recording {
            thread,
            origin,
            root,
            base: root,
            start,
            of_function: matches!(origin, Origin::Entry { .. }),
            records: Vec::new(),
            state: None,
            classes: Vec::new(),
            extended: std::ptr::null_mut(),
            began: std::time::Instant::now(),
        }
    }
}

impl Recording {
    /// Words on the operand stack where it begins with everything in memory.
    pub fn fresh_depth(&self) -> Option<usize> {
        match &self.state {
            Some(state) => places::depth_of_fresh(state),
            None => Some(self.records.first()?.depth),
        }
    }

    /// A function of which too little is executed to be worth entering compiled code for.
    fn is_too_short(&self) -> bool {
        matches!(self.origin, Origin::Entry { .. }) && self.records.len() < MIN_ENTRY
    }

    /// Keeps the classes of a record's operands, which are in use.
    fn keep_classes(&mut self, record: &Record) {
        for &seen in record.tops.iter().chain(&record.locals) {
            let Seen::Object(class) = seen else { continue };
            // SAFETY: the class of a live operand.
            let class = unsafe { &*class };
            if class.is_heap_type() && !self.classes.iter().rev().take(8).any(|c| c.value() == class.value()) {
                self.classes.push(class.to_obj());
            }
        }
    }
}

/// The table that recorded runs go through.
pub static RECORDING: Table = Table([step; 256]);

/// Sees one instruction and executes it.
#[handler]
unsafe fn step(m: Regs) -> Value {
    let go_on = observe(m.thread, m.frame, m.ip, m.sp, m.oparg);
    let opcode = *m.ip as u8;
    let table = if go_on { &raw const RECORDING } else { dispatch::entry_table() };
    let m = Regs { table, ..m };
    if !go_on {
        return m.dispatch(opcode);
    }
    // What a function has been compiled to is not entered.
    let is_entry = opcode == Opcode::EnterFunction as u8;
    m.tail(TABLE.0[if is_entry { Opcode::ResumeCheck as usize } else { opcode as usize }])
}

/// Records the instruction; false if the recording is over.
#[inline(never)]
unsafe fn observe(thread: *const Thread, frame: *mut Frame, ip: *mut u16, sp: *mut Value, oparg: usize) -> bool {
    // SAFETY: the handlers' contract; no other reference to the state is in use.
    let state = unsafe { state::get() };
    let Some(recording) = &mut state.recording else { return false };
    if !std::ptr::eq(recording.thread, thread) {
        return false;
    }
    // SAFETY: `ip` is at an instruction.
    let Some(opcode) = Opcode::from_u8(unsafe { *ip } as u8) else { return false };
    if opcode == Opcode::ExtendedArg {
        if recording.extended.is_null() {
            recording.extended = ip;
        }
        return true;
    }
    let start = if recording.extended.is_null() { ip } else { recording.extended };
    // SAFETY: as above.
    let mut record = unsafe { look(frame, start, ip, sp, opcode, oparg as u32) };
    recording.extended = std::ptr::null_mut();
    recording.keep_classes(&record);
    if let Some(last) = recording.records.last()
        && last.ip == ip
        && last.frame == frame
        && last.opcode != opcode
    {
        // It has only rewritten itself, and goes on without its extended arguments.
        record.start = last.start;
        recording.records.pop();
    }
    match decide(recording, &record, state.options.trace_length, &state.executors, &state.places) {
        Decision::GoOn => {
            recording.records.push(record);
            true
        }
        Decision::End(end) => {
            recording.records.push(record);
            let recording = state.recording.take().expect("it was running");
            state.stats.recorded += 1;
            state.stats.recording += recording.began.elapsed();
            // SAFETY: the recorded code is alive: its frames are.
            unsafe { executor::finish(state, recording, end) };
            false
        }
        Decision::Abort(why) => {
            let recording = state.recording.take().expect("it was running");
            // SAFETY: as above.
            unsafe { executor::abort(state, &recording, why) };
            false
        }
        Decision::Inner => {
            // The loop inside is the one to begin with.
            let recording = state.recording.take().expect("it was running");
            // SAFETY: as above.
            unsafe {
                executor::give_way(state, &recording);
                let target = ip.add(2).sub(oparg);
                let origin = Origin::Loop { back_edge: ip };
                state.recording = Some(Recording::new(thread, origin, frame, target));
            }
            true
        }
    }
}

enum Decision {
    GoOn,
    End(End),
    Abort(Abort),
    Inner,
}

fn decide(recording: &Recording, record: &Record, limit: usize, executors: &[Executor], places: &Places) -> Decision {
    let is_loop = matches!(recording.origin, Origin::Loop { .. });
    if let Some(decision) = decide_between_functions(recording, record, executors, places) {
        return decision;
    }
    let at_root = record.frame == recording.root;
    if at_root && record.start == recording.start && !recording.records.is_empty() && is_loop {
        return Decision::End(End::Closed);
    }
    if record.opcode.is_instrumented() {
        return Decision::Abort(Abort::Watched);
    }
    // SAFETY: the instruction has an inline cache.
    let index = unsafe { *record.ip.add(1) } as usize;
    match record.opcode {
        Opcode::EnterExecutor => return Decision::End(End::Link(index)),
        Opcode::JumpBackwardJit => {
            // SAFETY: the target is in the code.
            let target = unsafe { record.ip.add(2).sub(record.oparg as usize) };
            if !(at_root && is_loop && target == recording.start) {
                return Decision::Inner;
            }
        }
        Opcode::ReturnValue if at_root && is_loop => return Decision::Abort(Abort::LeftFrame),
        // A generator's loop whose values go to native code: what is between two of them is compiled.
        // SAFETY: the frame is running.
        Opcode::YieldValue if at_root && is_loop && unsafe { (*record.frame).is_entry } => {
            let is_worth_it = recording.records.len() >= MIN_STEP;
            return if is_worth_it { Decision::End(End::Stop) } else { Decision::Abort(Abort::LeftFrame) };
        }
        Opcode::ReturnValue if at_root && recording.is_too_short() => return Decision::Abort(Abort::TooShort),
        // SAFETY: the frame is running. Behind it, native code goes on.
        Opcode::ReturnValue | Opcode::YieldValue | Opcode::ReturnGenerator if unsafe { (*record.frame).is_entry } => {
            return if is_loop { Decision::Abort(Abort::LeftFrame) } else { Decision::End(End::Stop) };
        }
        Opcode::InterpreterExit => return Decision::End(End::Stop),
        _ => {}
    }
    if recording.records.len() >= limit { Decision::End(End::Stop) } else { Decision::GoOn }
}

/// Where a function is called that has a trace of its own, or one returns to a caller that nothing is known of.
fn decide_between_functions(
    recording: &Recording,
    record: &Record,
    executors: &[Executor],
    places: &Places,
) -> Option<Decision> {
    let last = recording.records.last()?;
    let begins_again = record.start == recording.start
        && recording.records[0].globals == record.globals
        && recording.fresh_depth() == Some(record.depth);
    let returned = last.opcode == Opcode::ReturnValue && last.frame == recording.base;
    if recording.of_function && returned {
        return Some(match places.find_for(executors, record) {
            _ if recording.is_too_short() => Decision::Abort(Abort::TooShort),
            _ if begins_again => Decision::End(End::Again),
            Some(number) => Decision::End(End::Link(number)),
            None => Decision::End(End::Stop),
        });
    }
    match record.opcode {
        Opcode::ResumeCheckJit if recording.of_function && begins_again && recursions(recording, record) > UNROLLED => {
            Some(Decision::End(End::Again))
        }
        Opcode::EnterFunction => {
            let recursions = recursions(recording, record);
            if recursions > UNROLLED || (recursions == 0 && recording.of_function) {
                let number = places.find_for(executors, record)?;
                return Some(Decision::End(End::Link(number)));
            }
            None
        }
        _ => None,
    }
}

/// How often the code of the frame is running further out too, as far as the recording knows.
fn recursions(recording: &Recording, record: &Record) -> usize {
    let (mut frame, mut count) = (record.previous, 0);
    while !frame.is_null() && count <= UNROLLED {
        // SAFETY: the frames below a running one are alive.
        unsafe {
            count += std::ptr::eq((*frame).code, record.code) as usize;
            if frame == recording.base {
                break;
            }
            frame = (*frame).previous;
        }
    }
    count
}

/// Describes the instruction and its operands.
unsafe fn look(frame: *mut Frame, start: *mut u16, ip: *mut u16, sp: *mut Value, opcode: Opcode, oparg: u32) -> Record {
    // SAFETY: the handlers' contract.
    unsafe {
        let base = Frame::stack_base(frame);
        let depth = sp.offset_from(base) as usize;
        let mut tops = [Seen::Null; TOPS];
        for (i, top) in tops.iter_mut().enumerate().take(depth) {
            *top = Seen::of(*sp.sub(i + 1));
        }
        let local = |i: u32| Seen::of(*Frame::locals(frame).add(i as usize));
        let locals = match opcode {
            Opcode::LoadFast | Opcode::LoadFastBorrow | Opcode::LoadFastCheck => [local(oparg), Seen::Null],
            Opcode::LoadFastLoadFast | Opcode::LoadFastBorrowLoadFastBorrow => [local(oparg >> 4), local(oparg & 15)],
            Opcode::StoreFastLoadFast => [Seen::Null, local(oparg & 15)],
            _ => [Seen::Null; 2],
        };
        let cache = cache_of(frame, ip, sp, opcode, oparg);
        let object = object_of(frame, ip, sp, opcode, oparg, cache.as_ref());
        Record {
            start,
            ip,
            opcode,
            oparg,
            frame,
            code: (*frame).code,
            depth,
            tops,
            locals,
            cache,
            object,
            item_kind: item_kind_of(sp, depth, opcode, oparg),
            namespaces: namespaces_of(frame, sp, opcode),
            globals: (*frame).globals,
            builtins: (*frame).builtins,
            previous: (*frame).previous,
            code_object: (&*(*frame).code).to_obj(),
        }
    }
}

/// The inline cache of the instruction, or of the attribute instruction behind it that is done along with it.
unsafe fn cache_of(frame: *mut Frame, ip: *mut u16, sp: *mut Value, opcode: Opcode, oparg: u32) -> Option<InlineCache> {
    // SAFETY: the handlers' contract; an instruction follows.
    unsafe {
        let local = |i: u32| *Frame::locals(frame).add(i as usize);
        let next = Opcode::from_u8(*ip.add(1) as u8);
        match (opcode, next) {
            (Opcode::LoadFastBorrow, Some(next @ (Opcode::LoadAttrInstanceValue | Opcode::LoadAttrSlot))) => {
                chosen_cache(ip.add(1), local(oparg), next)
            }
            (Opcode::LoadFastBorrowLoadFastBorrow, Some(next @ Opcode::StoreAttrInstanceValue)) => {
                chosen_cache(ip.add(1), local(oparg & 15), next)
            }
            (Opcode::BinaryOpSubscrGetitem, _) => chosen_cache(ip, *sp.sub(2), opcode),
            _ if sp == Frame::stack_base(frame) => chosen_cache(ip, Value::NULL, opcode),
            _ => chosen_cache(ip, *sp.sub(1), opcode),
        }
    }
}

/// The alternative of the instruction's inline cache that fits the owner.
unsafe fn chosen_cache(ip: *mut u16, owner: Value, opcode: Opcode) -> Option<InlineCache> {
    use Opcode::*;
    let by_shape = matches!(
        opcode,
        LoadAttrInstanceValue
            | LoadAttrMethodWithValues
            | LoadAttrMethodLazyDict
            | LoadAttrNondescriptorWithValues
            | StoreAttrInstanceValue
            | LoadAttrWithHint
            | StoreAttrWithHint
    );
    let by_version = matches!(
        opcode,
        LoadAttrMethodNoDict
            | LoadAttrNondescriptorNoDict
            | LoadAttrSlot
            | StoreAttrSlot
            | LoadAttrProperty
            | BinaryOpSubscrGetitem
    );
    let of_class = matches!(opcode, LoadAttrClass | LoadAttrClassWithMetaclassCheck);
    let single = matches!(opcode, LoadGlobalModule | LoadGlobalBuiltin | LoadAttrModule);
    // SAFETY: these forms keep the address of their caches; the owner is on top of the stack.
    unsafe {
        if !(by_shape || by_version || of_class || single) {
            return None;
        }
        let mut cache = cache_at(ip.add(2));
        if single {
            return Some((*cache).clone());
        }
        if of_class {
            let stands = as_type(owner.as_obj()).is_some_and(|class| class.current_version() == (*cache).version);
            return stands.then(|| (*cache).clone());
        }
        if owner.is_null() || (by_shape && !owner.is_pointer_or_null()) {
            return None;
        }
        let version = owner.as_obj().class().current_version();
        while !cache.is_null() {
            let shape_fits = || {
                let at = (owner.as_pointer() as *const u8).add((*cache).shape_offset as usize);
                *(at as *const u64) == (*cache).shape as u64
            };
            if (*cache).version == version && (by_version || shape_fits()) {
                return Some((*cache).clone());
            }
            cache = (*cache).next;
        }
        None
    }
}

/// The dictionaries of a global name; the dictionary of a module, and the module; the class behind which `super`
/// looks, and what for.
unsafe fn namespaces_of(frame: *mut Frame, sp: *mut Value, opcode: Opcode) -> Option<[Obj; 2]> {
    // SAFETY: the handlers' contract.
    unsafe {
        match opcode {
            Opcode::LoadGlobalModule | Opcode::LoadGlobalBuiltin => {
                Some([(&*(*frame).globals).to_obj(), (&*(*frame).builtins).to_obj()])
            }
            Opcode::LoadAttrModule => {
                let module = Obj::from_borrowed(*sp.sub(1));
                let dict = module.exact::<Module>()?.dict().to_obj();
                Some([dict, module])
            }
            Opcode::LoadSuperAttrMethod => Some([Obj::from_borrowed(*sp.sub(2)), Obj::from_borrowed(*sp.sub(1))]),
            _ => None,
        }
    }
}

/// The word that tells the item type of the container in a subscript.
unsafe fn item_kind_of(sp: *mut Value, depth: usize, opcode: Opcode, oparg: u32) -> u64 {
    let subscript = match opcode.deopt() {
        Opcode::BinaryOp => oparg == pyrs_bytecode::BinaryOp::Subscript as u32,
        Opcode::StoreSubscr => true,
        _ => false,
    };
    if !subscript || depth < 2 {
        return 0;
    }
    // SAFETY: the handlers' contract: the container is below the key.
    let container = unsafe { *sp.sub(2) };
    let Seen::Object(class) = Seen::of(container) else { return 0 };
    let Some(items) = MachineItems::of(class) else { return 0 };
    let offset = size_of::<Header>() + items.kind;
    // SAFETY: instances of the class have the word there.
    unsafe { *((container.as_pointer() as *const u8).add(offset) as *const u64) }
}

/// The callable of a call, the value of a global name, what `super()` finds on a class, or the cache has found on one that
/// has not changed since.
unsafe fn object_of(
    frame: *mut Frame,
    ip: *mut u16,
    sp: *mut Value,
    opcode: Opcode,
    oparg: u32,
    cache: Option<&InlineCache>,
) -> Option<Obj> {
    use Opcode::*;
    // SAFETY: the handlers' contract: the words are live references.
    unsafe {
        let word = match opcode {
            BinaryOp => {
                let op = pyrs_bytecode::BinaryOp::from_u32(oparg)?;
                let (a, b) = (Obj::from_borrowed(*sp.sub(2)), Obj::from_borrowed(*sp.sub(1)));
                python_operator(op, &a, &b)?.function
            }
            GetIter | GetYieldFromIter => generator_iter(&Obj::from_borrowed(*sp.sub(1)))?,
            CompareOp => {
                let op = pyrs_runtime::types::slots::CompareOp::from_index(oparg as usize >> 5);
                let (a, b) = (Obj::from_borrowed(*sp.sub(2)), Obj::from_borrowed(*sp.sub(1)));
                python_comparison(op, &a, &b)?.function
            }
            LoadSuperAttrMethod => {
                let name = &(&*(*frame).code).names.items()[oparg as usize >> 2];
                let (class, this) = (Obj::from_borrowed(*sp.sub(2)), Obj::from_borrowed(*sp.sub(1)));
                found_by_super(&class, &this, name.exact::<Str>()?)
            }
            CallKwPy | CallKwBoundMethod => *sp.sub(oparg as usize + 3),
            LoadAttrMethodNoDict
            | LoadAttrMethodWithValues
            | LoadAttrMethodLazyDict
            | LoadAttrNondescriptorNoDict
            | LoadAttrNondescriptorWithValues
            | LoadAttrProperty
            | LoadAttrClass
            | LoadAttrClassWithMetaclassCheck
            | BinaryOpSubscrGetitem => cache?.target_value(),
            CallPyExactArgs
            | CallPyGeneral
            | CallBoundMethodExactArgs
            | CallBoundMethodGeneral
            | CallAllocAndEnterInit
            | CallNonPyGeneral
            | CallLen
            | CallIsinstance
            | CallListAppend
            | CallType1
            | CallStr1
            | CallTuple1
            | CallBuiltinO
            | CallBuiltinFast
            | CallBuiltinClass
            | CallMethodDescriptorO
            | CallMethodDescriptorNoargs
            | CallMethodDescriptorFast
            | CallMethodDescriptorFastWithKeywords
            | CallBuiltinFastWithKeywords => *sp.sub(oparg as usize + 2),
            LoadAttrModule => {
                let (owner, cache) = (*sp.sub(1), cache_at(ip.add(2)));
                let owner = owner.is_pointer_or_null().then(|| Obj::from_borrowed(owner))?;
                // The place is that of the dictionary the cache was made for.
                if owner.exact::<Module>()?.dict().current_keys_version() != (*cache).version {
                    return None;
                }
                *((*cache).target as *const Value)
            }
            LoadGlobalModule | LoadGlobalBuiltin => {
                let cache = cache_at(ip.add(2));
                let globals = (*(*frame).globals).current_keys_version();
                if globals != (*cache).version {
                    return None;
                }
                *((*cache).target as *const Value)
            }
            _ => return None,
        };
        (!word.is_null()).then(|| Obj::from_borrowed(word))
    }
}
