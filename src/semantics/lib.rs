//! What micro-ops do, written once, as builders of Cranelift IR.
//!
//! [`emit`] appends one micro-op to the function that a [`Context`] is building. The stencil generator compiles
//! each micro-op alone, with operands as holes; a compiler of whole traces lowers them one after the other into one
//! function. Neither has a semantics of its own.

mod floats;
mod ints;
mod machine_items;
mod objects;

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I32, I64};
use cranelift_codegen::ir::{BlockArg, InstBuilder, MemFlagsData, Type, Value};
use cranelift_frontend::FunctionBuilder;
use pyrs_uops::{Runtime, Uop};

pub use floats::{decode, encode};

/// The function under construction, as a micro-op sees it.
pub trait Context<'f> {
    fn builder(&mut self) -> &mut FunctionBuilder<'f>;

    /// The running frame.
    fn frame(&mut self) -> Value;
    fn set_frame(&mut self, frame: Value);
    fn thread(&mut self) -> Value;
    /// The first free word of the data stack.
    fn top(&mut self) -> Value;
    fn set_top(&mut self, top: Value);

    fn pop(&mut self) -> Value;
    fn push(&mut self, v: Value);
    fn pop_float(&mut self) -> Value;
    fn push_float(&mut self, v: Value);
    /// All cached words (or doubles), the deepest first.
    fn take_all(&mut self, floats: bool) -> Vec<Value>;

    /// The `n`-th 64-bit operand.
    fn immediate(&mut self, n: u8) -> Value;
    fn runtime(&mut self, what: Runtime) -> Value;
    /// Loads from `base` plus the `n`-th displacement.
    fn load(&mut self, ty: Type, base: Value, n: u8) -> Value;
    fn store(&mut self, v: Value, base: Value, n: u8);

    /// Leaves the trace, as if the micro-op had not begun, unless `condition` holds.
    fn guard(&mut self, condition: Value);
    /// Leaves the trace if `condition` holds.
    fn guard_not(&mut self, condition: Value);
    /// Destroys an object whose count has reached zero.
    fn destroy(&mut self, object: Value);
    /// Calls a native function at an address.
    fn call(&mut self, function: Value, args: &[Value]) -> Value;
    /// Ends the trace.
    fn end(&mut self, end: End);
}

/// Where a trace's end leads.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum End {
    Top,
    Trace,
    /// To the interpreter, with an operand for it.
    Leave(Value),
}

/// A linear congruence with a full period.
const CHANCE_FACTOR: i64 = 0x5851_f42d;
const CHANCE_STEP: i64 = 0x1405_7b7f;

type Cx<'a, 'f> = &'a mut (dyn Context<'f> + 'a);

/// Accesses that can't fault and are aligned.
pub(crate) fn trusted() -> MemFlagsData {
    MemFlagsData::trusted()
}

/// Byte offset of the class in an object.
const CLASS: i32 = 8;
/// Tag bits of a value word that are zero in a pointer.
const POINTER_TAGS: i64 = 7;

/// Appends one micro-op.
pub fn emit<'f>(uop: Uop, c: Cx<'_, 'f>) {
    use Uop::*;
    match uop {
        LoadFrame | LoadTop | StoreFrame | StoreTop | ExchangeFrame | ExchangeTop | SpillFrame | SpillTop
        | FillFrame | FillTop | IncrefFrame | IncrefTop | DecrefFrame | DecrefTop => slots(uop, c),
        UnpackFrame | UnpackTop => unpack(uop, c),
        MoveWordsFrame | MoveWordsTop => move_words(uop, c),
        LoadImmediate | LoadAddress | Copy1 | Copy2 | Copy3 | Swap2 | Swap3 | Nip | Nip2 => moves(uop, c),
        Incref1 | Incref2 | Decref | DecrefOrNull | DecrefSecond => counts(uop, c),
        GuardInt3 | GuardFloat3 | GuardWord2 | GuardInt1 | GuardInt2 | GuardFloat1 | GuardFloat2 | GuardClass1
        | GuardClass2 | GuardVersion | GuardWord | GuardIs | GuardIsNot | GuardSame | GuardNotSame | GuardMemory32
        | GuardBreaker => guards(uop, c),
        AddInt | SubtractInt | MultiplyInt | AddIntImmediate | FloorDivideInt | RemainderInt | AndInt | OrInt
        | XorInt | LeftShiftInt | RightShiftInt | NegateInt | InvertInt => ints::arithmetic(uop, c),
        GuardLtInt | GuardLeInt | GuardEqInt | GuardNeInt | GuardGtInt | GuardGeInt | LtInt | LeInt | EqInt | NeInt
        | GtInt | GeInt | Same | NotSame | Not => ints::comparison(uop, c),
        Unbox | Box | IntToFloat | LoadFloatImmediate | LoadFloatFrame | LoadFloatTop | LoadRawFrame | LoadRawTop
        | StoreFloatFrame | StoreFloatTop | SpillFloatFrame | SpillFloatTop | FillFloatFrame | FillFloatTop
        | CopyFloat1 | SwapFloat | AddFloat | SubtractFloat | MultiplyFloat | DivideFloat | NegateFloat
        | GuardLtFloat | GuardLeFloat | GuardEqFloat | GuardNeFloat | GuardNotLtFloat | GuardNotLeFloat
        | GuardGtFloat | GuardGeFloat | GuardNotGtFloat | GuardNotGeFloat => floats::emit(uop, c),
        LoadField | LoadFieldKeep | ExchangeField | SetWord | ListItem | ListItemKeep | TupleItem | TupleItemKeep
        | ExchangeListItem | GuardLength | TupleItemAt | Truncate | NextRange | NextList | NextTuple
        | GuardListDone | GuardTupleDone | GuardRangeDone => objects::emit(uop, c),
        LoadF64 | LoadI8 | LoadU8 | LoadI16 | LoadU16 | LoadI32 | LoadI64 | StoreF64 | StoreI8 | StoreU8 | StoreI16
        | StoreU16 | StoreI32 | StoreI64 => machine_items::emit(uop, c),
        Ask1 | Ask2 | Ask3 | AskStack | AskStackTop => ask(uop, c),
        Interpret => {
            let (thread, frame, top, operand) = (c.thread(), c.frame(), c.top(), c.immediate(0));
            let function = c.immediate(1);
            let ahead = c.call(function, &[thread, frame, top, operand]);
            // The instruction went the recorded way, in the frame that is returned; otherwise 0.
            c.guard(ahead);
            c.set_frame(ahead);
            let top = c.load(I64, thread, 0);
            c.set_top(top);
        }
        PushFrames => {
            let (thread, frame, top, operand) = (c.thread(), c.frame(), c.top(), c.immediate(0));
            let function = c.runtime(Runtime::PushFrames);
            let frame = c.call(function, &[thread, frame, top, operand]);
            // 0 if they would be too many.
            c.guard(frame);
            c.set_frame(frame);
            let top = c.load(I64, thread, 0);
            c.set_top(top);
        }
        Count => {
            let at = c.immediate(0);
            let b = c.builder();
            let count = b.ins().load(I64, trusted(), at, 0);
            let count = b.ins().iadd_imm_s(count, 1);
            b.ins().store(trusted(), count, at, 0);
        }
        GuardChance => {
            let at = c.immediate(0);
            let b = c.builder();
            let word = b.ins().load(I64, trusted(), at, 0);
            let word = b.ins().imul_imm_s(word, CHANCE_FACTOR);
            let word = b.ins().iadd_imm_s(word, CHANCE_STEP);
            b.ins().store(trusted(), word, at, 0);
            let high = b.ins().ushr_imm_u(word, 54);
            let holds = b.ins().icmp_imm_u(IntCC::UnsignedGreaterThanOrEqual, high, 25);
            c.guard(holds);
        }
        JumpTop => c.end(End::Top),
        JumpTrace => c.end(End::Trace),
        Leave => {
            let operand = c.immediate(0);
            c.end(End::Leave(operand));
        }
    }
}

/// Words of frames.
fn slots<'f>(uop: Uop, c: Cx<'_, 'f>) {
    use Uop::*;
    let base = match uop {
        LoadFrame | StoreFrame | ExchangeFrame | SpillFrame | FillFrame | IncrefFrame | DecrefFrame => c.frame(),
        _ => c.top(),
    };
    match uop {
        LoadFrame | LoadTop => {
            let v = c.load(I64, base, 0);
            c.push(v);
        }
        StoreFrame | StoreTop => {
            let v = c.pop();
            c.store(v, base, 0);
        }
        ExchangeFrame | ExchangeTop => {
            let v = c.pop();
            let old = c.load(I64, base, 0);
            c.store(v, base, 0);
            c.push(old);
        }
        SpillFrame | SpillTop => {
            let all = c.take_all(false);
            c.store(all[0], base, 0);
            all[1..].iter().for_each(|v| c.push(*v));
        }
        FillFrame | FillTop => {
            let all = c.take_all(false);
            let v = c.load(I64, base, 0);
            c.push(v);
            all.iter().for_each(|v| c.push(*v));
        }
        IncrefFrame | IncrefTop => {
            let v = c.load(I64, base, 0);
            incref(c, v);
        }
        _ => {
            let v = c.load(I64, base, 0);
            decref(c, v);
        }
    }
}

/// Items, from the last one on, become words of the operand stack; each gets a reference. Displacement 0 is that of the
/// word before the first item.
fn unpack<'f>(uop: Uop, c: Cx<'_, 'f>) {
    let base = if uop == Uop::UnpackFrame { c.frame() } else { c.top() };
    let (first, length) = (c.pop(), c.immediate(0));
    let behind = c.builder().ins().iadd(first, length);
    down_to(c, [behind, base], first, &mut |c, [from, to]| {
        let v = c.load(I64, from, 0);
        incref(c, v);
        c.store(v, to, 1);
        c.builder().ins().iadd_imm_s(to, 8)
    });
    c.push(first);
}

/// Words of the operand stack, from the top down, become variables; what these held is given up.
fn move_words<'f>(uop: Uop, c: Cx<'_, 'f>) {
    let base = if uop == Uop::MoveWordsFrame { c.frame() } else { c.top() };
    let length = c.immediate(0);
    let last = c.builder().ins().isub(base, length);
    down_to(c, [base, base], last, &mut |c, [from, to]| {
        let v = c.load(I64, from, 0);
        let old = c.load(I64, to, 1);
        c.store(v, to, 1);
        decref_or_null(c, old);
        c.builder().ins().iadd_imm_s(to, 8)
    });
}

/// A loop over two cursors: the first moves down by a word after each turn, up to `last`; `turn` moves the second.
fn down_to<'f>(c: Cx<'_, 'f>, cursors: [Value; 2], last: Value, turn: &mut dyn FnMut(Cx<'_, 'f>, [Value; 2]) -> Value) {
    let b = c.builder();
    let (head, done) = (b.create_block(), b.create_block());
    b.append_block_param(head, I64);
    b.append_block_param(head, I64);
    b.ins().jump(head, &cursors.map(BlockArg::Value));
    b.switch_to_block(head);
    let (from, to) = (b.block_params(head)[0], b.block_params(head)[1]);
    let to = turn(c, [from, to]);
    let b = c.builder();
    let from = b.ins().iadd_imm_s(from, -8);
    let more = b.ins().icmp(IntCC::NotEqual, from, last);
    b.ins().brif(more, head, &[BlockArg::Value(from), BlockArg::Value(to)], done, &[]);
    b.switch_to_block(done);
}

/// Moves between registers.
fn moves<'f>(uop: Uop, c: Cx<'_, 'f>) {
    match uop {
        Uop::LoadImmediate => {
            let v = c.immediate(0);
            c.push(v);
        }
        Uop::LoadAddress => {
            let at = c.immediate(0);
            let v = c.builder().ins().load(I64, trusted(), at, 0);
            c.guard(v);
            c.push(v);
        }
        Uop::Copy1 => {
            let v = c.pop();
            push_all(c, &[v, v]);
        }
        Uop::Copy2 => {
            let (y, x) = (c.pop(), c.pop());
            push_all(c, &[x, y, x]);
        }
        Uop::Copy3 => {
            let (z, y, x) = (c.pop(), c.pop(), c.pop());
            push_all(c, &[x, y, z, x]);
        }
        Uop::Swap2 => {
            let (y, x) = (c.pop(), c.pop());
            push_all(c, &[y, x]);
        }
        Uop::Swap3 => {
            let (z, y, x) = (c.pop(), c.pop(), c.pop());
            push_all(c, &[z, y, x]);
        }
        Uop::Nip => {
            let y = c.pop();
            c.pop();
            c.push(y);
        }
        _ => {
            let z = c.pop();
            c.pop();
            c.pop();
            c.push(z);
        }
    }
}

fn push_all<'f>(c: Cx<'_, 'f>, values: &[Value]) {
    values.iter().for_each(|v| c.push(*v));
}

/// Reference counts.
fn counts<'f>(uop: Uop, c: Cx<'_, 'f>) {
    match uop {
        Uop::Incref1 => {
            let v = c.pop();
            incref(c, v);
            c.push(v);
        }
        Uop::Incref2 => {
            let (y, x) = (c.pop(), c.pop());
            incref(c, x);
            c.push(x);
            c.push(y);
        }
        Uop::Decref => {
            let v = c.pop();
            decref(c, v);
        }
        Uop::DecrefOrNull => {
            let v = c.pop();
            decref_or_null(c, v);
        }
        _ => {
            let (y, x) = (c.pop(), c.pop());
            c.push(y);
            decref(c, x);
        }
    }
}

fn guards<'f>(uop: Uop, c: Cx<'_, 'f>) {
    use Uop::*;
    match uop {
        GuardInt1 | GuardFloat1 | GuardClass1 => {
            let v = c.pop();
            guard_kind(uop, c, v);
            c.push(v);
        }
        GuardInt2 | GuardFloat2 | GuardClass2 => {
            let (y, x) = (c.pop(), c.pop());
            guard_kind(uop, c, x);
            c.push(x);
            c.push(y);
        }
        GuardInt3 | GuardFloat3 => {
            let (z, y, x) = (c.pop(), c.pop(), c.pop());
            guard_kind(uop, c, x);
            push_all(c, &[x, y, z]);
        }
        GuardWord2 => {
            let (y, x) = (c.pop(), c.pop());
            let word = c.load(I64, x, 0);
            let wanted = c.immediate(0);
            guard_equal(c, word, wanted);
            push_all(c, &[x, y]);
        }
        GuardVersion => {
            let v = c.pop();
            guard_pointer(c, v);
            let class = c.builder().ins().load(I64, trusted(), v, CLASS);
            let version = c.load(I32, class, 0);
            let version = c.builder().ins().uextend(I64, version);
            let wanted = c.immediate(0);
            guard_equal(c, version, wanted);
            c.push(v);
        }
        GuardWord => {
            let v = c.pop();
            let word = c.load(I64, v, 0);
            let wanted = c.immediate(0);
            guard_equal(c, word, wanted);
            c.push(v);
        }
        GuardIs => {
            let (v, wanted) = (c.pop(), c.immediate(0));
            guard_equal(c, v, wanted);
        }
        GuardIsNot => {
            let (v, unwanted) = (c.pop(), c.immediate(0));
            let equal = c.builder().ins().icmp(IntCC::Equal, v, unwanted);
            c.guard_not(equal);
        }
        GuardSame | GuardNotSame => {
            let (y, x) = (c.pop(), c.pop());
            let equal = c.builder().ins().icmp(IntCC::Equal, x, y);
            if uop == GuardSame {
                c.guard(equal)
            } else {
                c.guard_not(equal)
            }
            c.push(x);
            c.push(y);
        }
        GuardMemory32 => {
            let (at, wanted) = (c.immediate(0), c.immediate(1));
            let word = c.builder().ins().load(I32, trusted(), at, 0);
            let word = c.builder().ins().uextend(I64, word);
            guard_equal(c, word, wanted);
        }
        _ => {
            let (at, mask) = (c.immediate(0), c.immediate(1));
            let bits = c.builder().ins().load(I32, trusted(), at, 0);
            let bits = c.builder().ins().uextend(I64, bits);
            let set = c.builder().ins().band(bits, mask);
            c.guard_not(set);
        }
    }
}

fn guard_kind<'f>(uop: Uop, c: Cx<'_, 'f>, v: Value) {
    match uop {
        Uop::GuardInt1 | Uop::GuardInt2 | Uop::GuardInt3 => {
            let is_fixnum = c.builder().ins().band_imm_u(v, 1);
            c.guard(is_fixnum);
        }
        Uop::GuardFloat1 | Uop::GuardFloat2 | Uop::GuardFloat3 => {
            let tags = c.builder().ins().band_imm_u(v, 3);
            let is_flonum = c.builder().ins().icmp_imm_s(IntCC::Equal, tags, 2);
            c.guard(is_flonum);
        }
        _ => {
            guard_pointer(c, v);
            let class = c.builder().ins().load(I64, trusted(), v, CLASS);
            let wanted = c.immediate(0);
            guard_equal(c, class, wanted);
        }
    }
}

fn guard_pointer<'f>(c: Cx<'_, 'f>, v: Value) {
    let tags = c.builder().ins().band_imm_u(v, POINTER_TAGS);
    c.guard_not(tags);
}

pub(crate) fn guard_equal<'f>(c: Cx<'_, 'f>, a: Value, b: Value) {
    let equal = c.builder().ins().icmp(IntCC::Equal, a, b);
    c.guard(equal);
}

/// Native functions that see operands and answer with a new reference, or decline with 0.
fn ask<'f>(uop: Uop, c: Cx<'_, 'f>) {
    let function = c.immediate(0);
    let thread = c.thread();
    match uop {
        Uop::AskStack | Uop::AskStackTop => {
            // Operands that lie in memory, from a displacement on, and a second operand for the function.
            let base = if uop == Uop::AskStack { c.frame() } else { c.top() };
            let (offset, operand) = (c.immediate(1), c.immediate(2));
            let at = c.builder().ins().iadd(base, offset);
            let v = c.call(function, &[thread, at, operand]);
            c.guard(v);
            c.push(v);
        }
        _ => {
            let n = uop.info().ints.0;
            let mut operands: Vec<Value> = (0..n).map(|_| c.pop()).collect();
            operands.reverse();
            let mut args = vec![thread];
            args.extend(&operands);
            let v = c.call(function, &args);
            c.guard(v);
            operands.iter().for_each(|v| c.push(*v));
            c.push(v);
        }
    }
}

/// Runs `then` if `v` points to an object.
fn if_object<'f>(c: Cx<'_, 'f>, v: Value, then: &mut dyn FnMut(Cx<'_, 'f>)) {
    let b = c.builder();
    let tags = b.ins().band_imm_u(v, POINTER_TAGS);
    let (object, done) = (b.create_block(), b.create_block());
    b.ins().brif(tags, done, &[], object, &[]);
    b.switch_to_block(object);
    then(c);
    c.builder().ins().jump(done, &[]);
    c.builder().switch_to_block(done);
}

pub(crate) fn incref<'f>(c: Cx<'_, 'f>, v: Value) {
    if_object(c, v, &mut |c| {
        let b = c.builder();
        let count = b.ins().load(I64, trusted(), v, 0);
        let count = b.ins().iadd_imm_s(count, 1);
        b.ins().store(trusted(), count, v, 0);
    });
}

pub(crate) fn decref<'f>(c: Cx<'_, 'f>, v: Value) {
    if_object(c, v, &mut |c| {
        let b = c.builder();
        let count = b.ins().load(I64, trusted(), v, 0);
        let count = b.ins().iadd_imm_s(count, -1);
        b.ins().store(trusted(), count, v, 0);
        let (dead, alive) = (b.create_block(), b.create_block());
        b.set_cold_block(dead);
        b.ins().brif(count, alive, &[], dead, &[]);
        b.switch_to_block(dead);
        c.destroy(v);
        c.builder().ins().jump(alive, &[]);
        c.builder().switch_to_block(alive);
    });
}

fn decref_or_null<'f>(c: Cx<'_, 'f>, v: Value) {
    let (some, done) = (c.builder().create_block(), c.builder().create_block());
    c.builder().ins().brif(v, some, &[], done, &[]);
    c.builder().switch_to_block(some);
    decref(c, v);
    c.builder().ins().jump(done, &[]);
    c.builder().switch_to_block(done);
}

/// The word of a truth value.
pub(crate) fn bool_word<'f>(c: Cx<'_, 'f>, condition: Value) -> Value {
    let (yes, no) = (c.runtime(Runtime::True), c.runtime(Runtime::False));
    c.builder().ins().select(condition, yes, no)
}
