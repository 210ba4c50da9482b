//! Native functions that take the values of a generator, as loops of the interpreter.
//!
//! `sum(generator)` in native code would enter the interpreter for each value. For the functions in [`Consumer`] the call
//! pushes a *hidden* frame instead, which runs a few instructions of its own: a `for` loop over the generator, and what the
//! function does with a value. So the generator's steps stay in one run, and the JIT sees one loop.
//!
//! Programs must not notice: hidden frames are in no traceback, nobody gets a frame object of them, they count for no
//! recursion, and events know nothing of them. Each generator's code has loops of its own, so that their inline caches and
//! compiled forms know one generator.

use std::sync::{Arc, OnceLock};

use pyrs_bytecode::{CodeObject, Constant, Intrinsic1, Opcode, WStr, co_flags, local_kind};
use pyrs_runtime::name;
use pyrs_runtime::object::{Obj, Object, Ptr, PyClass};
use pyrs_runtime::objects::builtin_function::BuiltinFunction;
use pyrs_runtime::objects::code::Code;
use pyrs_runtime::objects::dict::Dict;
use pyrs_runtime::objects::function::Function;
use pyrs_runtime::objects::iter::builtin;
use pyrs_runtime::objects::list::List;
use pyrs_runtime::objects::set::{FrozenSet, Set};
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::types::lookup_raw;
use pyrs_runtime::value::Value;

use crate::generator::Generator;

/// Arguments of the intrinsic instructions that belong to this module; no program's code has them.
pub const SUM_STEP: u32 = 0xf0;
pub const SUM_FINISH: u32 = 0xf1;

/// What becomes of the values.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
enum Consumer {
    List,
    Tuple,
    Set,
    /// The function is called with the list.
    ByList,
    /// The function is called with the set.
    BySet,
    Any,
    All,
    Sum,
    /// `sum` with a start value.
    SumFrom,
    Min,
    Max,
}

/// The hidden frame's variables: the first three are arguments of the call.
const CALLABLE: u8 = 0;
const THIS: u8 = 1;
const GENERATOR: u8 = 2;
const TOTAL: u8 = 3;
const VARIABLES: [&str; 4] = ["callable", "this", "generator", "total"];

/// Words of the operand stack that any of the loops needs.
const STACK: u32 = 6;

/// The loop's function for a call with a generator and `rest` as its arguments; None if the call has to be made natively.
pub fn function_for(callable: &Obj, this: Value, generator: &Object<Generator>, rest: &[Obj]) -> Option<Value> {
    if !generator.core.is_suspended() {
        return None;
    }
    let consumer = consumer_of(callable, !this.is_null(), rest)?;
    let number = consumer as usize;
    generator.core.code.consumers.with(|known| {
        if known.len() <= number {
            known.resize(number + 1, None);
        }
        Some(known[number].get_or_insert_with(|| make(consumer)).value())
    })
}

fn consumer_of(callable: &Obj, has_self: bool, rest: &[Obj]) -> Option<Consumer> {
    let word = callable.value();
    if has_self {
        return (rest.is_empty() && word == lookup_raw(Str::class(), name!("join"))).then_some(Consumer::ByList);
    }
    let class = |class: &pyrs_runtime::types::Type| class.value() == word;
    match rest {
        [] if class(List::class()) => Some(Consumer::List),
        [] if class(Tuple::class()) => Some(Consumer::Tuple),
        [] if class(Set::class()) => Some(Consumer::Set),
        [] if class(FrozenSet::class()) => Some(Consumer::BySet),
        [] => builtin_consumer(callable),
        // Texts and bytes are refused.
        [start] if start.value().is_fixnum() || start.value().is_flonum() => {
            (builtin_consumer(callable)? == Consumer::Sum).then_some(Consumer::SumFrom)
        }
        _ => None,
    }
}

/// In [`BuiltinFunction::consumer`]: the function does something else with generators. Higher numbers are places in
/// [`builtins`].
const NO_CONSUMER: u8 = 1;
const FIRST_CONSUMER: u8 = 2;

/// False if a call of the function with a generator is known to be an ordinary one.
#[inline(always)]
pub fn may_consume(function: &BuiltinFunction) -> bool {
    function.consumer.get() != NO_CONSUMER
}

fn builtin_consumer(callable: &Obj) -> Option<Consumer> {
    let function = callable.exact::<BuiltinFunction>()?;
    if function.consumer.get() == 0 {
        let place = builtins().iter().position(|known| std::ptr::eq(known.def, function.def));
        function.consumer.set(place.map_or(NO_CONSUMER, |place| FIRST_CONSUMER + place as u8));
    }
    let place = function.consumer.get().checked_sub(FIRST_CONSUMER)?;
    builtins().get(place as usize).map(|known| known.consumer)
}

/// A function of the module `builtins`.
struct Builtin {
    def: &'static pyrs_runtime::class::MethodDef,
    consumer: Consumer,
}

fn builtins() -> &'static [Builtin] {
    static BUILTINS: OnceLock<Vec<Builtin>> = OnceLock::new();
    BUILTINS.get_or_init(|| {
        let functions = [
            ("any", Consumer::Any),
            ("all", Consumer::All),
            ("sum", Consumer::Sum),
            ("min", Consumer::Min),
            ("max", Consumer::Max),
            ("sorted", Consumer::ByList),
        ];
        let known = |(name, consumer): (&str, Consumer)| {
            let function = builtin(name).ok()?;
            // A program may have put something else there.
            let def = function.exact::<BuiltinFunction>().map(|f| f.def).filter(|def| def.name == name)?;
            Some(Builtin { def, consumer })
        };
        functions.into_iter().filter_map(known).collect()
    })
}

fn make(consumer: Consumer) -> Ptr<Function> {
    let code = CodeObject {
        argcount: 3,
        posonlyargcount: 3,
        kwonlyargcount: 0,
        stacksize: STACK,
        flags: co_flags::OPTIMIZED | co_flags::NEWLOCALS,
        code: assemble(&steps(consumer)),
        consts: vec![Constant::True, Constant::False, Constant::Tuple(Vec::new())],
        names: Vec::new(),
        localsplusnames: VARIABLES.iter().map(|name| WStr::from(*name)).collect(),
        localspluskinds: vec![local_kind::LOCAL; VARIABLES.len()],
        filename: WStr::from(""),
        name: WStr::from("consume"),
        qualname: WStr::from("consume"),
        firstlineno: 0,
        linetable: Vec::new(),
        exceptiontable: Vec::new(),
    };
    let (globals, builtins) = (Dict::new(), Dict::new());
    Function::new(Code::new(Arc::new(code)), globals, builtins)
}

/// Indices of constants.
const TRUE: u8 = 0;
const FALSE: u8 = 1;
const NOTHING: u8 = 2;

/// Arguments of COMPARE_OP: the operator, and that a truth value is wanted.
const LESS: u8 = 18;
const GREATER: u8 = 148;

/// A line of a loop's program.
#[derive(Copy, Clone)]
enum Step {
    Op(Opcode, u8),
    Jump(Opcode, Label),
    At(Label),
}

#[derive(Copy, Clone, PartialEq, Eq)]
enum Label {
    Loop,
    Found,
    End,
    Empty,
}

use Step::{At, Jump, Op};

fn steps(consumer: Consumer) -> Vec<Step> {
    use Consumer::*;
    match consumer {
        List => collecting(Opcode::BuildList, Opcode::ListAppend, &[], &[]),
        Tuple => {
            let convert = [Op(Opcode::CallIntrinsic1, Intrinsic1::ListToTuple as u8)];
            collecting(Opcode::BuildList, Opcode::ListAppend, &[], &convert)
        }
        Set => collecting(Opcode::BuildSet, Opcode::SetAdd, &[], &[]),
        ByList => collecting(Opcode::BuildList, Opcode::ListAppend, &CALLED, &[Op(Opcode::Call, 1)]),
        BySet => collecting(Opcode::BuildSet, Opcode::SetAdd, &CALLED, &[Op(Opcode::Call, 1)]),
        Any => finding(Opcode::PopJumpIfTrue, TRUE, FALSE),
        All => finding(Opcode::PopJumpIfFalse, FALSE, TRUE),
        Sum => summing(Op(Opcode::LoadSmallInt, 0)),
        SumFrom => summing(Op(Opcode::LoadFastAndClear, THIS)),
        Min => comparing(LESS),
        Max => comparing(GREATER),
    }
}

/// Callable and self on the operand stack, for a call with one argument.
const CALLED: [Step; 2] = [Op(Opcode::LoadFastAndClear, CALLABLE), Op(Opcode::LoadFastAndClear, THIS)];

/// `add`s each value to what `build` has made.
fn collecting(build: Opcode, add: Opcode, before: &[Step], after: &[Step]) -> Vec<Step> {
    let mut steps = before.to_vec();
    steps.extend([
        Op(build, 0),
        Op(Opcode::LoadFastAndClear, GENERATOR),
        At(Label::Loop),
        Jump(Opcode::ForIter, Label::End),
        Op(add, 2),
        Jump(Opcode::JumpBackward, Label::Loop),
        At(Label::End),
        Op(Opcode::EndFor, 0),
        Op(Opcode::PopIter, 0),
    ]);
    steps.extend(after);
    steps.push(Op(Opcode::ReturnValue, 0));
    steps
}

/// Looks for the first value with which `branch` is taken.
fn finding(branch: Opcode, found: u8, otherwise: u8) -> Vec<Step> {
    vec![
        Op(Opcode::LoadFastAndClear, GENERATOR),
        At(Label::Loop),
        Jump(Opcode::ForIter, Label::End),
        Op(Opcode::ToBool, 0),
        Jump(branch, Label::Found),
        Op(Opcode::NotTaken, 0),
        Jump(Opcode::JumpBackward, Label::Loop),
        At(Label::Found),
        Op(Opcode::PopIter, 0),
        Op(Opcode::LoadConst, found),
        Op(Opcode::ReturnValue, 0),
        At(Label::End),
        Op(Opcode::EndFor, 0),
        Op(Opcode::PopIter, 0),
        Op(Opcode::LoadConst, otherwise),
        Op(Opcode::ReturnValue, 0),
    ]
}

fn summing(start: Step) -> Vec<Step> {
    vec![
        start,
        Op(Opcode::StoreFast, TOTAL),
        Op(Opcode::LoadFastAndClear, GENERATOR),
        At(Label::Loop),
        Jump(Opcode::ForIter, Label::End),
        Op(Opcode::LoadFast, TOTAL),
        Op(Opcode::Swap, 2),
        Op(Opcode::CallIntrinsic2, SUM_STEP as u8),
        Op(Opcode::StoreFast, TOTAL),
        Jump(Opcode::JumpBackward, Label::Loop),
        At(Label::End),
        Op(Opcode::EndFor, 0),
        Op(Opcode::PopIter, 0),
        Op(Opcode::LoadFast, TOTAL),
        Op(Opcode::CallIntrinsic1, SUM_FINISH as u8),
        Op(Opcode::ReturnValue, 0),
    ]
}

/// Keeps the first of the values before which no other comes, by `comparison`. Without any, the function itself says so.
fn comparing(comparison: u8) -> Vec<Step> {
    vec![
        Op(Opcode::LoadFastAndClear, GENERATOR),
        Jump(Opcode::ForIter, Label::Empty),
        Op(Opcode::StoreFast, TOTAL),
        At(Label::Loop),
        Jump(Opcode::ForIter, Label::End),
        Op(Opcode::Copy, 1),
        Op(Opcode::LoadFast, TOTAL),
        Op(Opcode::CompareOp, comparison),
        Jump(Opcode::PopJumpIfTrue, Label::Found),
        Op(Opcode::NotTaken, 0),
        Op(Opcode::PopTop, 0),
        Jump(Opcode::JumpBackward, Label::Loop),
        At(Label::Found),
        Op(Opcode::StoreFast, TOTAL),
        Jump(Opcode::JumpBackward, Label::Loop),
        At(Label::End),
        Op(Opcode::EndFor, 0),
        Op(Opcode::PopIter, 0),
        Op(Opcode::LoadFast, TOTAL),
        Op(Opcode::ReturnValue, 0),
        At(Label::Empty),
        Op(Opcode::EndFor, 0),
        Op(Opcode::PopIter, 0),
        Op(Opcode::LoadFast, CALLABLE),
        Op(Opcode::PushNull, 0),
        Op(Opcode::LoadConst, NOTHING),
        Op(Opcode::Call, 1),
        Op(Opcode::ReturnValue, 0),
    ]
}

/// The bytes of a loop's program; it is short enough for arguments of one byte.
fn assemble(steps: &[Step]) -> Vec<u8> {
    let units = |opcode: Opcode| 1 + opcode.cache_entries();
    let mut places = [0; 4];
    let mut at = 0;
    for step in steps {
        match *step {
            Op(opcode, _) | Jump(opcode, _) => at += units(opcode),
            At(label) => places[label as usize] = at,
        }
    }
    let mut bytes = Vec::with_capacity(2 * at);
    for step in steps {
        let (opcode, argument) = match *step {
            Op(opcode, argument) => (opcode, argument),
            Jump(opcode, label) => {
                let behind = bytes.len() / 2 + units(opcode);
                (opcode, places[label as usize].abs_diff(behind) as u8)
            }
            At(_) => continue,
        };
        bytes.extend([opcode as u8, argument]);
        bytes.resize(bytes.len() + 2 * opcode.cache_entries(), 0);
    }
    bytes
}
