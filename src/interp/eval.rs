//! The interpreter loop (tier 0).
//!
//! One `match` on the opcode; the instruction pointer, the stack pointer and the locals pointer live in
//! Rust locals. Operands stay on the stack while an operation runs, so that an error finds them there, and
//! are released after its result is in place. A Python-to-Python call pushes a frame and goes on in the
//! same loop; only calls through native code nest it.
//!
//! Errors leave the inner loop; [`unwind`] looks for a handler in the exception table, frame by frame, until
//! it finds one or reaches the frame that this invocation began with.

use std::sync::atomic::Ordering;

use pyrs_bytecode::{BinaryOp, Opcode};
use pyrs_runtime::call::Args;
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::heap::{decref, decref_or_null, incref};
use pyrs_runtime::object::{Obj, Object};
use pyrs_runtime::objects::cell::Cell;
use pyrs_runtime::objects::code::Code;
use pyrs_runtime::objects::dict::Dict;
use pyrs_runtime::objects::function::Function;
use pyrs_runtime::objects::list::List;
use pyrs_runtime::objects::method::Method;
use pyrs_runtime::objects::singletons::{bool_value, false_value, none_value, true_value};
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::protocols::{attr, compare, iter, number, sequence, truth};
use pyrs_runtime::thread::{EVAL_BREAKER, Thread, breaker};
use pyrs_runtime::types::slots::{CompareOp, SendResult};
use pyrs_runtime::value::Value;

use crate::frame::{self, Frame, HEAD_WORDS};
use crate::generator;
use crate::instrument::{self, Step};
use crate::monitoring::event;
use crate::ops;
use crate::unwind::{self, Unwound};

/// Why the inner loop was left.
enum Exit {
    /// An exception is pending; this frame joins its traceback.
    Raise,
    /// An exception is pending that passed this instruction before.
    Reraise,
}

/// Runs `entry` until it returns, yields or raises: the value, or `NULL` with an exception pending. With
/// `throwing`, the pending exception is raised at the frame's current instruction first.
///
/// # Safety
/// `entry` is a complete frame, linked as the top of the thread's frames, with `is_entry` set.
pub unsafe fn eval(thread: &Thread, entry: *mut Frame, mut throwing: bool) -> Value {
    // SAFETY: (whole body) frames are live while they are linked; `sp` stays between the frame's stack
    // base and its end, as the compiler computed `co_stacksize`; every word on the stack owns one reference
    // (or is NULL where the instruction set says so); oparg indices are in range for code that the
    // compiler (or a validated .pyc) made.
    unsafe {
        let mut frame = entry;
        let mut ip = (*frame).ip;
        let mut sp = (*frame).sp;
        let mut locals = Frame::locals(frame);

        macro_rules! push {
            ($v:expr) => {{
                let v = $v;
                *sp = v;
                sp = sp.add(1);
            }};
        }
        macro_rules! pop {
            () => {{
                sp = sp.sub(1);
                *sp
            }};
        }
        macro_rules! peek {
            ($n:expr) => {
                *sp.sub($n)
            };
        }
        macro_rules! name {
            ($i:expr) => {
                (*frame).code().names.items().get_unchecked($i as usize).downcast_unchecked::<Str>()
            };
        }

        'frames: loop {
            let exit = 'run: {
                macro_rules! raise {
                    () => {
                        break 'run Exit::Raise
                    };
                }
                // The value of a result, or out of the loop with the exception pending.
                macro_rules! tri {
                    ($e:expr) => {
                        match $e {
                            Ok(v) => v,
                            Err(raised) => {
                                pyrs_runtime::errors::Raised::leave_pending(raised);
                                raise!()
                            }
                        }
                    };
                }
                macro_rules! check_breaker {
                    () => {
                        if EVAL_BREAKER.load(Ordering::Relaxed) & !breaker::MONITORING != 0 {
                            (*frame).sp = sp;
                            tri!(ops::breaker::handle(thread));
                        }
                    };
                }
                // Goes on in `$callee`, which is complete and linked.
                macro_rules! enter {
                    ($callee:expr) => {{
                        frame = $callee;
                        ip = (*frame).ip;
                        sp = (*frame).sp;
                        locals = Frame::locals(frame);
                    }};
                }
                if throwing {
                    throwing = false;
                    // A suspended frame stands behind the instruction that suspended it.
                    (*frame).ip = ip.sub(1);
                    if instrument::exceptions_watched() {
                        instrument::update((*frame).code());
                        (*frame).sp = sp;
                        instrument::exception_event(thread, frame, event::PY_THROW, None);
                    }
                    break 'run Exit::Raise;
                }
                let mut extended = 0u32;
                loop {
                    let unit = *ip;
                    (*frame).ip = ip;
                    ip = ip.add(1);
                    // The low byte of `extended` turns an instrumented opcode into the one that it hides.
                    let opcode: Opcode = std::mem::transmute::<u8, Opcode>(unit as u8 ^ extended as u8);
                    let oparg = (unit >> 8) as u32 | (extended & !0xff);
                    extended = 0;
                    match opcode {
                        Opcode::Nop | Opcode::NotTaken | Opcode::Cache => {}
                        Opcode::Resume | Opcode::ResumeCheck => {
                            if EVAL_BREAKER.load(Ordering::Relaxed) != 0 {
                                (*frame).sp = sp;
                                tri!(ops::breaker::handle(thread));
                                if *ip.sub(1) as u8 != unit as u8 {
                                    // Somebody watches since just now: it begins with this instruction.
                                    ip = ip.sub(1);
                                }
                            }
                        }
                        Opcode::ExtendedArg => extended = oparg << 8,

                        // Locals and constants.
                        Opcode::LoadFast | Opcode::LoadFastBorrow => {
                            let v = *locals.add(oparg as usize);
                            incref(v);
                            push!(v);
                        }
                        Opcode::LoadFastLoadFast | Opcode::LoadFastBorrowLoadFastBorrow => {
                            let a = *locals.add(oparg as usize >> 4);
                            let b = *locals.add(oparg as usize & 15);
                            incref(a);
                            incref(b);
                            push!(a);
                            push!(b);
                        }
                        Opcode::LoadFastCheck => {
                            let v = *locals.add(oparg as usize);
                            if v.is_null() {
                                ops::names::unbound_local(frame, oparg).leave_pending();
                                raise!();
                            }
                            incref(v);
                            push!(v);
                        }
                        Opcode::LoadFastAndClear => {
                            let v = *locals.add(oparg as usize);
                            *locals.add(oparg as usize) = Value::NULL;
                            push!(v);
                        }
                        Opcode::StoreFast => {
                            let v = pop!();
                            let slot = locals.add(oparg as usize);
                            let old = *slot;
                            *slot = v;
                            decref_or_null(old);
                        }
                        Opcode::StoreFastLoadFast => {
                            let v = pop!();
                            let slot = locals.add(oparg as usize >> 4);
                            let old = *slot;
                            *slot = v;
                            let next = *locals.add(oparg as usize & 15);
                            incref(next);
                            push!(next);
                            decref_or_null(old);
                        }
                        Opcode::StoreFastStoreFast => {
                            let (first, second) = (peek!(1), peek!(2));
                            sp = sp.sub(2);
                            let slot = locals.add(oparg as usize >> 4);
                            let old = *slot;
                            *slot = first;
                            decref_or_null(old);
                            let slot = locals.add(oparg as usize & 15);
                            let old = *slot;
                            *slot = second;
                            decref_or_null(old);
                        }
                        Opcode::DeleteFast => {
                            let slot = locals.add(oparg as usize);
                            let old = *slot;
                            if old.is_null() {
                                ops::names::unbound_local(frame, oparg).leave_pending();
                                raise!();
                            }
                            *slot = Value::NULL;
                            decref(old);
                        }
                        Opcode::LoadConst | Opcode::LoadConstMortal | Opcode::LoadConstImmortal => {
                            let v = (*frame).code().consts.items().get_unchecked(oparg as usize).value();
                            incref(v);
                            push!(v);
                        }
                        Opcode::LoadSmallInt => push!(Value::from_fixnum(oparg as i64)),
                        Opcode::LoadCommonConstant => push!(tri!(ops::names::common_constant(oparg)).into_value()),

                        // Stack.
                        Opcode::PopTop | Opcode::EndFor | Opcode::PopIter => {
                            let v = pop!();
                            decref_or_null(v);
                        }
                        Opcode::PushNull => push!(Value::NULL),
                        Opcode::Copy => {
                            let v = peek!(oparg as usize);
                            if !v.is_null() {
                                incref(v);
                            }
                            push!(v);
                        }
                        Opcode::Swap => {
                            let top = peek!(1);
                            *sp.sub(1) = peek!(oparg as usize);
                            *sp.sub(oparg as usize) = top;
                        }
                        Opcode::EndSend => {
                            let (receiver, value) = (peek!(2), peek!(1));
                            sp = sp.sub(1);
                            *sp.sub(1) = value;
                            decref(receiver);
                        }

                        // Operators.
                        Opcode::BinaryOp => {
                            let (a, b) = (peek!(2), peek!(1));
                            let r = match ops::arith::binary_fast(oparg, a, b) {
                                Some(r) => r,
                                None => {
                                    let op = std::mem::transmute::<u8, BinaryOp>(oparg as u8);
                                    let r = if op == BinaryOp::Subscript {
                                        sequence::getitem(a.as_obj(), b.as_obj())
                                    } else {
                                        number::binary_op(op, a.as_obj(), b.as_obj())
                                    };
                                    tri!(r).into_value()
                                }
                            };
                            sp = sp.sub(1);
                            *sp.sub(1) = r;
                            ip = ip.add(5);
                            decref(a);
                            decref(b);
                        }
                        Opcode::CompareOp => {
                            let (a, b) = (peek!(2), peek!(1));
                            let op = CompareOp::from_index(oparg as usize >> 5);
                            let r = match ops::arith::compare_fast(op, a, b) {
                                Some(r) => bool_value(r),
                                None => {
                                    let r = tri!(compare::rich_compare(a.as_obj(), b.as_obj(), op));
                                    if oparg & 16 != 0 { bool_value(tri!(truth::is_true(&r))) } else { r.into_value() }
                                }
                            };
                            sp = sp.sub(1);
                            *sp.sub(1) = r;
                            ip = ip.add(1);
                            decref(a);
                            decref(b);
                        }
                        Opcode::ToBool => {
                            let v = peek!(1);
                            if v != true_value() && v != false_value() {
                                let r = tri!(truth::is_true(v.as_obj()));
                                *sp.sub(1) = bool_value(r);
                                decref(v);
                            }
                            ip = ip.add(3);
                        }
                        Opcode::UnaryNot => {
                            let v = peek!(1);
                            *sp.sub(1) = bool_value(v == false_value());
                        }
                        Opcode::UnaryNegative => {
                            let v = peek!(1);
                            let r = tri!(number::negative(v.as_obj()));
                            *sp.sub(1) = r.into_value();
                            decref(v);
                        }
                        Opcode::UnaryInvert => {
                            let v = peek!(1);
                            let r = tri!(number::invert(v.as_obj()));
                            *sp.sub(1) = r.into_value();
                            decref(v);
                        }
                        Opcode::IsOp => {
                            let (a, b) = (peek!(2), peek!(1));
                            sp = sp.sub(1);
                            *sp.sub(1) = bool_value((a == b) != (oparg != 0));
                            decref(a);
                            decref(b);
                        }
                        Opcode::ContainsOp => {
                            let (item, container) = (peek!(2), peek!(1));
                            let r = tri!(iter::contains(container.as_obj(), item.as_obj()));
                            sp = sp.sub(1);
                            *sp.sub(1) = bool_value(r != (oparg != 0));
                            ip = ip.add(1);
                            decref(item);
                            decref(container);
                        }

                        // Subscripts.
                        Opcode::BinarySlice => {
                            let r =
                                tri!(ops::build::binary_slice(peek!(3).as_obj(), peek!(2).as_obj(), peek!(1).as_obj()));
                            sp = release(sp, 3);
                            push!(r.into_value());
                        }
                        Opcode::StoreSlice => {
                            tri!(ops::build::store_slice(sp));
                            sp = release(sp, 4);
                        }
                        Opcode::StoreSubscr => {
                            let (value, container, key) = (peek!(3), peek!(2), peek!(1));
                            tri!(sequence::setitem(container.as_obj(), key.as_obj(), value.as_obj()));
                            ip = ip.add(1);
                            sp = release(sp, 3);
                        }
                        Opcode::DeleteSubscr => {
                            tri!(sequence::delitem(peek!(2).as_obj(), peek!(1).as_obj()));
                            sp = release(sp, 2);
                        }

                        // Jumps.
                        Opcode::JumpForward => ip = ip.add(oparg as usize),
                        Opcode::JumpBackward | Opcode::JumpBackwardJit | Opcode::JumpBackwardNoJit => {
                            ip = ip.add(1).sub(oparg as usize);
                            check_breaker!();
                        }
                        Opcode::JumpBackwardNoInterrupt => ip = ip.sub(oparg as usize),
                        Opcode::PopJumpIfFalse => {
                            let v = pop!();
                            ip = ip.add(1);
                            if v == false_value() {
                                ip = ip.add(oparg as usize);
                            }
                        }
                        Opcode::PopJumpIfTrue => {
                            let v = pop!();
                            ip = ip.add(1);
                            if v == true_value() {
                                ip = ip.add(oparg as usize);
                            }
                        }
                        Opcode::PopJumpIfNone => {
                            let v = pop!();
                            ip = ip.add(1);
                            if v == none_value() {
                                ip = ip.add(oparg as usize);
                            } else {
                                decref(v);
                            }
                        }
                        Opcode::PopJumpIfNotNone => {
                            let v = pop!();
                            ip = ip.add(1);
                            if v != none_value() {
                                ip = ip.add(oparg as usize);
                                decref(v);
                            }
                        }

                        // Iteration.
                        Opcode::GetIter => {
                            let v = peek!(1);
                            let r = tri!(iter::iter(v.as_obj()));
                            *sp.sub(1) = r.into_value();
                            decref(v);
                        }
                        Opcode::ForIter => {
                            let it = peek!(1);
                            ip = ip.add(1);
                            match tri!(ops::iteration::next(it)) {
                                Some(v) => push!(v.into_value()),
                                None => ip = ip.add(oparg as usize + 1),
                            }
                        }
                        Opcode::UnpackSequence => {
                            let v = pop!();
                            ip = ip.add(1);
                            let r = ops::iteration::unpack(v.as_obj(), oparg as usize, sp);
                            decref(v);
                            tri!(r);
                            sp = sp.add(oparg as usize);
                        }
                        Opcode::UnpackEx => {
                            let v = pop!();
                            let (before, after) = (oparg as usize & 0xff, oparg as usize >> 8);
                            let r = ops::iteration::unpack_ex(v.as_obj(), before, after, sp);
                            decref(v);
                            tri!(r);
                            sp = sp.add(before + after + 1);
                        }
                        Opcode::GetLen => {
                            let n = tri!(truth::len(peek!(1).as_obj()));
                            push!(Value::from_fixnum(n as i64));
                        }

                        // Names.
                        Opcode::LoadGlobal => {
                            let name = name!(oparg >> 1);
                            let v = tri!(ops::names::load_global(frame, name));
                            push!(v.into_value());
                            if oparg & 1 != 0 {
                                push!(Value::NULL);
                            }
                            ip = ip.add(4);
                        }
                        Opcode::LoadName => {
                            let v = tri!(ops::names::load_name(frame, name!(oparg)));
                            push!(v.into_value());
                        }
                        Opcode::StoreName => {
                            let v = peek!(1);
                            tri!(ops::names::store_name(frame, name!(oparg), v.as_obj()));
                            sp = sp.sub(1);
                            decref(v);
                        }
                        Opcode::DeleteName => tri!(ops::names::delete_name(frame, name!(oparg))),
                        Opcode::StoreGlobal => {
                            let v = pop!();
                            tri!((*frame).globals().set_str(name!(oparg), v.into_obj()));
                        }
                        Opcode::DeleteGlobal => tri!(ops::names::delete_global(frame, name!(oparg))),
                        Opcode::LoadLocals => push!(tri!(ops::names::load_locals(frame)).into_value()),
                        Opcode::LoadFromDictOrGlobals => {
                            let namespace = peek!(1);
                            let v =
                                tri!(ops::names::load_from_dict_or_globals(frame, namespace.as_obj(), name!(oparg)));
                            *sp.sub(1) = v.into_value();
                            decref(namespace);
                        }
                        Opcode::LoadBuildClass => push!(tri!(ops::names::load_build_class(frame)).into_value()),
                        Opcode::SetupAnnotations => tri!(ops::names::setup_annotations(frame)),

                        // Cells.
                        Opcode::MakeCell => {
                            let slot = locals.add(oparg as usize);
                            let initial = *slot;
                            let initial = (!initial.is_null()).then(|| Obj::from_owned(initial));
                            *slot = Cell::new(initial).into_obj().into_value();
                        }
                        Opcode::CopyFreeVars => {
                            let function = (*frame).function();
                            let closure =
                                function.closure.as_ref().expect("code with free variables has a closure").items();
                            let first = (*frame).code().nlocalsplus - oparg as usize;
                            for (i, cell) in closure.iter().enumerate() {
                                *locals.add(first + i) = cell.clone().into_value();
                            }
                        }
                        Opcode::LoadDeref => {
                            let v = cell(*locals.add(oparg as usize)).peek();
                            if v.is_null() {
                                ops::names::unbound_deref(frame, oparg).leave_pending();
                                raise!();
                            }
                            incref(v);
                            push!(v);
                        }
                        Opcode::StoreDeref => {
                            let v = pop!();
                            cell(*locals.add(oparg as usize)).set(Some(v.into_obj()));
                        }
                        Opcode::DeleteDeref => {
                            let cell = cell(*locals.add(oparg as usize));
                            if cell.peek().is_null() {
                                ops::names::unbound_deref(frame, oparg).leave_pending();
                                raise!();
                            }
                            cell.set(None);
                        }
                        Opcode::LoadFromDictOrDeref => {
                            let namespace = peek!(1);
                            let v = tri!(ops::names::load_from_dict_or_deref(frame, namespace.as_obj(), oparg));
                            *sp.sub(1) = v.into_value();
                            decref(namespace);
                        }

                        // Attributes.
                        Opcode::LoadAttr => {
                            let owner = peek!(1);
                            let name = name!(oparg >> 1);
                            if oparg & 1 != 0 {
                                let (method, unbound) = tri!(attr::load_method(owner.as_obj(), name));
                                *sp.sub(1) = method.into_value();
                                if unbound {
                                    push!(owner);
                                } else {
                                    push!(Value::NULL);
                                    decref(owner);
                                }
                            } else {
                                let v = tri!(attr::getattr(owner.as_obj(), name));
                                *sp.sub(1) = v.into_value();
                                decref(owner);
                            }
                            ip = ip.add(9);
                        }
                        Opcode::StoreAttr => {
                            let (value, owner) = (peek!(2), peek!(1));
                            tri!(attr::setattr(owner.as_obj(), name!(oparg), Some(value.as_obj())));
                            ip = ip.add(4);
                            sp = release(sp, 2);
                        }
                        Opcode::DeleteAttr => {
                            tri!(attr::setattr(peek!(1).as_obj(), name!(oparg), None));
                            sp = release(sp, 1);
                        }
                        Opcode::LoadSuperAttr => {
                            let name = name!(oparg >> 2);
                            let (v, this) = tri!(ops::names::load_super_attr(sp, name, oparg));
                            ip = ip.add(1);
                            sp = release(sp, 3);
                            push!(v.into_value());
                            if oparg & 1 != 0 {
                                push!(this.map_or(Value::NULL, Obj::into_value));
                            }
                        }
                        Opcode::LoadSpecial => {
                            let owner = peek!(1);
                            let (method, unbound) = tri!(ops::names::load_special(owner.as_obj(), oparg));
                            *sp.sub(1) = method.into_value();
                            if unbound {
                                push!(owner);
                            } else {
                                push!(Value::NULL);
                                decref(owner);
                            }
                        }

                        // Building.
                        Opcode::BuildTuple => {
                            sp = sp.sub(oparg as usize);
                            let tuple = Tuple::from_words(sp, oparg as usize);
                            push!(tuple.into_obj().into_value());
                        }
                        Opcode::BuildList => {
                            sp = sp.sub(oparg as usize);
                            let list = List::from_vec(ops::build::take_words(sp, oparg as usize));
                            push!(list.into_obj().into_value());
                        }
                        Opcode::BuildSet => {
                            let set = tri!(ops::build::build_set(sp.sub(oparg as usize), oparg as usize));
                            sp = release(sp, oparg as usize);
                            push!(set.into_value());
                        }
                        Opcode::BuildMap => {
                            let count = oparg as usize;
                            let dict = tri!(ops::build::build_map(sp.sub(count * 2), count));
                            sp = release(sp, count * 2);
                            push!(dict.into_value());
                        }
                        Opcode::BuildString => {
                            let text = ops::build::build_string(sp.sub(oparg as usize), oparg as usize);
                            sp = release(sp, oparg as usize);
                            push!(text.into_value());
                        }
                        Opcode::BuildSlice => {
                            let slice = ops::build::build_slice(sp, oparg as usize);
                            sp = release(sp, oparg as usize);
                            push!(slice.into_value());
                        }
                        Opcode::BuildInterpolation => {
                            let count = 2 + (oparg as usize & 1);
                            let r = tri!(ops::build::build_interpolation(sp, oparg));
                            sp = release(sp, count);
                            push!(r.into_value());
                        }
                        Opcode::BuildTemplate => {
                            let r = tri!(ops::build::build_template(peek!(2).as_obj(), peek!(1).as_obj()));
                            sp = release(sp, 2);
                            push!(r.into_value());
                        }
                        Opcode::ListAppend => {
                            let v = pop!();
                            peek!(oparg as usize).as_obj().downcast_unchecked::<List>().push(v.into_obj());
                        }
                        Opcode::ListExtend => {
                            tri!(ops::build::list_extend(sp.sub(1 + oparg as usize), peek!(1).as_obj()));
                            sp = release(sp, 1);
                        }
                        Opcode::SetAdd => {
                            tri!(ops::build::set_add(peek!(1 + oparg as usize).as_obj(), peek!(1).as_obj()));
                            sp = release(sp, 1);
                        }
                        Opcode::SetUpdate => {
                            tri!(ops::build::set_update(peek!(1 + oparg as usize).as_obj(), peek!(1).as_obj()));
                            sp = release(sp, 1);
                        }
                        Opcode::MapAdd => {
                            let dict = peek!(2 + oparg as usize);
                            let dict = dict.as_obj().downcast_unchecked::<Dict>();
                            tri!(dict.set(peek!(2).as_obj().clone(), peek!(1).as_obj().clone()));
                            sp = release(sp, 2);
                        }
                        Opcode::DictUpdate => {
                            tri!(ops::build::dict_update(peek!(1 + oparg as usize).as_obj(), peek!(1).as_obj()));
                            sp = release(sp, 1);
                        }
                        Opcode::DictMerge => {
                            let (dict, callable) = (peek!(1 + oparg as usize), peek!(4 + oparg as usize));
                            tri!(ops::build::dict_merge(callable.as_obj(), dict.as_obj(), peek!(1).as_obj()));
                            sp = release(sp, 1);
                        }
                        Opcode::ConvertValue => {
                            let v = peek!(1);
                            let r = tri!(ops::build::convert_value(v.as_obj(), oparg));
                            *sp.sub(1) = r.into_value();
                            decref(v);
                        }
                        Opcode::FormatSimple => {
                            let v = peek!(1);
                            if v.as_obj().exact::<Str>().is_none() {
                                let r = tri!(ops::build::format(v.as_obj(), None));
                                *sp.sub(1) = r.into_value();
                                decref(v);
                            }
                        }
                        Opcode::FormatWithSpec => {
                            let r = tri!(ops::build::format(peek!(2).as_obj(), Some(peek!(1).as_obj())));
                            sp = release(sp, 2);
                            push!(r.into_value());
                        }

                        // Calls.
                        Opcode::Call => {
                            let mut argc = oparg as usize;
                            let mut args = sp.sub(argc);
                            let mut callable = *args.sub(2);
                            if !(*args.sub(1)).is_null() {
                                args = args.sub(1);
                                argc += 1;
                            } else if let Some(method) = callable.as_obj().exact::<Method>() {
                                args = args.sub(1);
                                argc += 1;
                                let function = method.function.clone().into_value();
                                *args = method.this.clone().into_value();
                                *args.sub(1) = function;
                                decref(callable);
                                callable = function;
                            }
                            if let Some(function) = callable.as_obj().exact::<Function>() {
                                let callee = tri!(push_call(thread, frame, function, callable, args, argc));
                                // The callable's reference moved into the frame, the arguments' into its locals.
                                (*frame).sp = sp.sub(oparg as usize + 2);
                                (*frame).return_offset = 4;
                                enter!(callee);
                                continue;
                            }
                            let v = ops::call::vectorcall(thread, callable, args, argc, Value::NULL);
                            if v.is_null() {
                                raise!();
                            }
                            ip = ip.add(3);
                            sp = release_call(sp, oparg as usize + 2);
                            push!(v);
                        }
                        Opcode::CallKw => {
                            let kwnames = peek!(1);
                            let total = oparg as usize;
                            let args = sp.sub(1 + total);
                            let v = ops::call::call_keywords(thread, args, total, kwnames);
                            if v.is_null() {
                                raise!();
                            }
                            ip = ip.add(3);
                            sp = release_call(sp, total + 3);
                            push!(v);
                        }
                        Opcode::CallFunctionEx => {
                            let r = tri!(ops::call::call_function_ex(sp));
                            sp = release_call(sp, 4);
                            push!(r.into_value());
                        }
                        Opcode::MakeFunction => {
                            let code = pop!();
                            push!(ops::call::make_function(frame, code.into_obj()).into_value());
                        }
                        Opcode::SetFunctionAttribute => {
                            let function = pop!();
                            let v = pop!();
                            push!(
                                ops::call::set_function_attribute(function.into_obj(), v.into_obj(), oparg)
                                    .into_value()
                            );
                        }
                        Opcode::CallIntrinsic1 => {
                            let v = peek!(1);
                            let r = tri!(ops::intrinsics::call_1(frame, oparg, v.as_obj()));
                            *sp.sub(1) = r.into_value();
                            decref(v);
                        }
                        Opcode::CallIntrinsic2 => {
                            let r = tri!(ops::intrinsics::call_2(oparg, peek!(2).as_obj(), peek!(1).as_obj()));
                            sp = release(sp, 2);
                            push!(r.into_value());
                        }
                        Opcode::ExitInitCheck => {
                            let v = pop!();
                            if v != none_value() {
                                let v = v.into_obj();
                                ops::call::init_returned(&v).leave_pending();
                                raise!();
                            }
                        }

                        // Leaving the frame.
                        Opcode::ReturnValue => {
                            let v = pop!();
                            (*frame).sp = sp;
                            let (is_entry, previous) = ((*frame).is_entry, (*frame).previous);
                            leave_frame(thread, frame);
                            if is_entry {
                                return v;
                            }
                            frame = previous;
                            sp = (*frame).sp;
                            ip = (*frame).ip.add((*frame).return_offset as usize);
                            locals = Frame::locals(frame);
                            push!(v);
                        }
                        Opcode::ReturnGenerator => {
                            (*frame).sp = sp;
                            (*frame).ip = ip;
                            let (is_entry, previous) = ((*frame).is_entry, (*frame).previous);
                            let generator = generator::from_frame(frame);
                            thread.frame.set(previous as *mut u8);
                            frame::pop(thread, frame);
                            thread.recursion_remaining.set(thread.recursion_remaining.get() + 1);
                            let v = generator.into_value();
                            if is_entry {
                                return v;
                            }
                            frame = previous;
                            sp = (*frame).sp;
                            ip = (*frame).ip.add((*frame).return_offset as usize);
                            locals = Frame::locals(frame);
                            push!(v);
                        }
                        Opcode::YieldValue => {
                            let v = pop!();
                            (*frame).sp = sp;
                            (*frame).ip = ip;
                            generator::suspended(thread, frame, oparg);
                            return v;
                        }
                        Opcode::InterpreterExit => {
                            let v = pop!();
                            return v;
                        }

                        // Generators and coroutines.
                        Opcode::Send => {
                            let (receiver, v) = (peek!(2), peek!(1));
                            ip = ip.add(1);
                            let r = tri!(generator::send_value(receiver.as_obj(), v.as_obj()));
                            let r = match r {
                                SendResult::Yield(r) => r,
                                SendResult::Return(r) => {
                                    ip = ip.add(oparg as usize);
                                    r
                                }
                            };
                            *sp.sub(1) = r.into_value();
                            decref(v);
                        }
                        Opcode::GetAwaitable => {
                            let v = peek!(1);
                            let r = tri!(generator::get_awaitable(v.as_obj(), oparg));
                            *sp.sub(1) = r.into_value();
                            decref(v);
                        }
                        Opcode::GetAiter => {
                            let v = peek!(1);
                            let r = tri!(ops::iteration::get_aiter(v.as_obj()));
                            *sp.sub(1) = r.into_value();
                            decref(v);
                        }
                        Opcode::GetAnext => {
                            let r = tri!(ops::iteration::get_anext(peek!(1).as_obj()));
                            push!(r.into_value());
                        }
                        Opcode::GetYieldFromIter => {
                            let v = peek!(1);
                            let r = tri!(generator::yield_from_iter(frame, v.as_obj()));
                            *sp.sub(1) = r.into_value();
                            decref(v);
                        }
                        Opcode::CleanupThrow => {
                            let exc = peek!(1);
                            match ops::exceptions::stop_iteration_value(exc.as_obj()) {
                                Some(v) => {
                                    sp = release(sp, 3);
                                    push!(none_value());
                                    push!(v.into_value());
                                }
                                None => {
                                    thread.restore_exception(Some(exc.as_obj().clone()));
                                    break 'run Exit::Reraise;
                                }
                            }
                        }
                        Opcode::EndAsyncFor => {
                            let exc = peek!(1);
                            if ops::exceptions::is_stop_async_iteration(exc.as_obj()) {
                                sp = release(sp, 2);
                            } else {
                                thread.restore_exception(Some(exc.as_obj().clone()));
                                break 'run Exit::Reraise;
                            }
                        }

                        // Exceptions.
                        Opcode::PushExcInfo => {
                            let exc = peek!(1);
                            let info = &*thread.exc_info.get();
                            let old = info.value.replace(exc);
                            incref(exc);
                            *sp.sub(1) = if old.is_null() { none_value() } else { old };
                            push!(exc);
                        }
                        Opcode::PopExcept => {
                            let v = pop!();
                            let info = &*thread.exc_info.get();
                            decref_or_null(info.value.replace(v));
                        }
                        Opcode::CheckExcMatch => {
                            let (exc, wanted) = (peek!(2), peek!(1));
                            let r = tri!(ops::exceptions::check_match(exc.as_obj(), wanted.as_obj()));
                            *sp.sub(1) = bool_value(r);
                            decref(wanted);
                        }
                        Opcode::CheckEgMatch => {
                            let (exc, wanted) = (peek!(2), peek!(1));
                            let (rest, matched) =
                                tri!(ops::exceptions::check_group_match(exc.as_obj(), wanted.as_obj()));
                            if !matched.is_none() {
                                let info = &*thread.exc_info.get();
                                decref_or_null(info.value.replace(matched.clone().into_value()));
                            }
                            *sp.sub(2) = rest.into_value();
                            *sp.sub(1) = matched.into_value();
                            decref(exc);
                            decref(wanted);
                        }
                        Opcode::RaiseVarargs => {
                            let reraise = ops::exceptions::raise(thread, sp, oparg);
                            sp = release(sp, oparg as usize);
                            break 'run if reraise { Exit::Reraise } else { Exit::Raise };
                        }
                        Opcode::Reraise => {
                            let exc = pop!();
                            if oparg != 0 {
                                let lasti = peek!(oparg as usize);
                                (*frame).ip = (*frame).code().first_unit().add(lasti.as_fixnum() as usize);
                            }
                            thread.restore_exception(Some(exc.into_obj()));
                            break 'run Exit::Reraise;
                        }
                        Opcode::WithExceptStart => {
                            let r = tri!(ops::exceptions::with_except_start(sp));
                            push!(r.into_value());
                        }

                        // Imports.
                        Opcode::ImportName => {
                            let r = tri!(ops::imports::import_name(
                                frame,
                                name!(oparg),
                                peek!(1).as_obj(),
                                peek!(2).as_obj()
                            ));
                            sp = release(sp, 2);
                            push!(r.into_value());
                        }
                        Opcode::ImportFrom => {
                            let r = tri!(ops::imports::import_from(peek!(1).as_obj(), name!(oparg)));
                            push!(r.into_value());
                        }

                        // Pattern matching.
                        Opcode::MatchClass => {
                            let r = tri!(ops::patterns::match_class(sp, oparg as usize));
                            sp = release(sp, 3);
                            push!(r.into_value());
                        }
                        Opcode::MatchMapping => push!(bool_value(ops::patterns::is_mapping(peek!(1).as_obj()))),
                        Opcode::MatchSequence => push!(bool_value(ops::patterns::is_sequence(peek!(1).as_obj()))),
                        Opcode::MatchKeys => {
                            let r = tri!(ops::patterns::match_keys(peek!(2).as_obj(), peek!(1).as_obj()));
                            push!(r.into_value());
                        }

                        _ if opcode.is_instrumented() => {
                            (*frame).sp = sp;
                            match tri!(instrument::instrumented(thread, frame, oparg)) {
                                Step::Run(base) => {
                                    ip = (*frame).ip;
                                    extended = (oparg & !0xff) | u32::from(*ip as u8 ^ base as u8);
                                }
                                Step::Continue => {
                                    ip = (*frame).ip;
                                    sp = (*frame).sp;
                                }
                            }
                        }
                        _ => {
                            ops::names::unknown_opcode(unit as u8).leave_pending();
                            raise!();
                        }
                    }
                }
            };
            (*frame).sp = sp;
            let add_entry = matches!(exit, Exit::Raise);
            // RERAISE shows another place than its own, where handlers are looked up.
            let offset = (ip.offset_from((*frame).code().first_unit()) as i32 - 1) * 2;
            match unwind::unwind(thread, frame, entry, add_entry, offset) {
                Unwound::Handler(handler) => {
                    frame = handler;
                    ip = (*frame).ip;
                    sp = (*frame).sp;
                    locals = Frame::locals(frame);
                    continue 'frames;
                }
                Unwound::Left => return Value::NULL,
            }
        }
    }
}

/// # Safety
/// `v` is a cell.
#[inline(always)]
unsafe fn cell<'a>(v: Value) -> &'a Object<Cell> {
    debug_assert!(!v.is_null());
    // SAFETY: by contract; the frame keeps the cell alive.
    unsafe { &*(v.as_pointer() as *const Object<Cell>) }
}

/// Pops and releases `count` words.
///
/// # Safety
/// `count` owned words lie below `sp`.
#[inline(always)]
unsafe fn release(sp: *mut Value, count: usize) -> *mut Value {
    // SAFETY: by contract.
    unsafe {
        let base = sp.sub(count);
        for i in (0..count).rev() {
            decref_or_null(*base.add(i));
        }
        base
    }
}

/// Pops and releases callable and arguments of a call, `NULL`s among them.
///
/// # Safety
/// As [`release`].
#[inline(always)]
unsafe fn release_call(sp: *mut Value, count: usize) -> *mut Value {
    // SAFETY: by contract.
    unsafe { release(sp, count) }
}

/// Makes the frame for a call of a Python function from the loop. On success the references of
/// `callable` and the arguments have moved into it.
///
/// # Safety
/// `argc` owned words at `args`; `callable` is the word of `function`.
#[inline(always)]
unsafe fn push_call(
    thread: &Thread,
    caller: *mut Frame,
    function: &Object<Function>,
    callable: Value,
    args: *mut Value,
    argc: usize,
) -> PyResult<*mut Frame> {
    // SAFETY: by contract; the new frame has room for its localsplus.
    unsafe {
        let code: &Object<Code> = function.code();
        enter_recursion(thread)?;
        let callee = frame::push(thread, HEAD_WORDS + code.frame_size);
        let slots = Frame::locals(callee);
        let mut namespace = Value::NULL;
        if code.simple_args && argc == code.argcount {
            for i in 0..argc {
                *slots.add(i) = *args.add(i);
            }
            for i in argc..code.nlocalsplus {
                *slots.add(i) = Value::NULL;
            }
        } else {
            let view = Args::from_raw(args, argc, Value::NULL);
            if let Err(raised) = crate::bind::bind(function, code, view, slots) {
                frame::pop(thread, callee);
                leave_recursion(thread);
                return Err(raised);
            }
            for i in 0..argc {
                decref(*args.add(i));
            }
            namespace = default_namespace(function, code);
        }
        frame::init(callee, callable, code, namespace, caller);
        thread.frame.set(callee as *mut u8);
        Ok(callee)
    }
}

/// The namespace of a call that brings none: code of modules takes the globals. Owned, or `NULL`.
fn default_namespace(function: &Object<Function>, code: &Object<Code>) -> Value {
    if code.flags & pyrs_bytecode::co_flags::OPTIMIZED != 0 {
        return Value::NULL;
    }
    function.globals.to_obj().into_value()
}

/// Counts one more Python call, or raises RecursionError.
#[inline(always)]
pub fn enter_recursion(thread: &Thread) -> PyResult<()> {
    let left = thread.recursion_remaining.get() - 1;
    thread.recursion_remaining.set(left);
    if left < 0 { too_deep(thread) } else { Ok(()) }
}

#[inline(always)]
pub fn leave_recursion(thread: &Thread) {
    thread.recursion_remaining.set(thread.recursion_remaining.get() + 1);
}

#[cold]
fn too_deep(thread: &Thread) -> PyResult<()> {
    // Room for handlers and tracebacks while the error is on its way.
    if thread.recursion_remaining.get() < -50 {
        thread.recursion_remaining.set(thread.recursion_remaining.get() + 1);
        return Err(pyrs_runtime::raise!(RecursionError, "maximum recursion depth exceeded"));
    }
    let result = pyrs_runtime::raise!(RecursionError, "maximum recursion depth exceeded");
    leave_recursion(thread);
    Err(result)
}

/// Takes the finished top frame down.
///
/// # Safety
/// `frame` is the top frame and `sp` is up to date.
#[inline(always)]
pub unsafe fn leave_frame(thread: &Thread, frame: *mut Frame) {
    // SAFETY: by contract.
    unsafe {
        thread.frame.set((*frame).previous as *mut u8);
        leave_recursion(thread);
        if (*frame).owner == crate::frame::Owner::Thread {
            frame::clear(frame);
            frame::pop(thread, frame);
        } else {
            generator::finished(thread, frame);
        }
    }
}

/// Calls a Python function from native code.
///
/// # Safety
/// The words follow the calling convention; `callable` is a Function.
pub unsafe extern "C" fn function_vectorcall(
    thread: *mut Thread,
    callable: Value,
    args: *const Value,
    nargs: usize,
    kwnames: Value,
) -> Value {
    // SAFETY: by contract.
    unsafe {
        let thread = &*thread;
        let function = callable.as_obj().downcast_unchecked::<Function>();
        let view = Args::from_raw(args, nargs, kwnames);
        match start_call(thread, function, view, Value::NULL) {
            Ok(frame) => eval(thread, frame, false),
            Err(raised) => {
                raised.leave_pending();
                Value::NULL
            }
        }
    }
}

/// Makes and links the entry frame for a call from native code.
///
/// # Safety
/// `locals` is an owned namespace or `NULL`.
pub unsafe fn start_call(
    thread: &Thread,
    function: &Object<Function>,
    args: Args<'_>,
    namespace: Value,
) -> PyResult<*mut Frame> {
    // SAFETY: the new frame has room for its localsplus.
    unsafe {
        if thread.native_stack_is_low() {
            decref_or_null(namespace);
            return Err(pyrs_runtime::thread::native_overflow(""));
        }
        let code = function.code();
        if let Err(raised) = enter_recursion(thread) {
            decref_or_null(namespace);
            return Err(raised);
        }
        let frame = frame::push(thread, HEAD_WORDS + code.frame_size);
        if let Err(raised) = crate::bind::bind(function, code, args, Frame::locals(frame)) {
            frame::pop(thread, frame);
            leave_recursion(thread);
            decref_or_null(namespace);
            return Err(raised);
        }
        let namespace = if namespace.is_null() { default_namespace(function, code) } else { namespace };
        let function = function.to_obj().into_value();
        let previous = thread.frame.get() as *mut Frame;
        frame::init(frame, function, function.as_obj().downcast_unchecked::<Function>().code(), namespace, previous);
        (*frame).is_entry = true;
        thread.frame.set(frame as *mut u8);
        Ok(frame)
    }
}

/// Runs module or class code with its namespace: what `exec` and `__build_class__` do.
pub fn run_code(
    code: &Object<Code>,
    globals: &Object<Dict>,
    namespace: &Obj,
    closure: Option<&Object<Tuple>>,
) -> PyResult<Obj> {
    let builtins = pyrs_runtime::objects::function::builtins_of(globals)?;
    let mut function = Function::new(code.to_ptr(), globals.to_ptr(), builtins);
    if let Some(closure) = closure {
        function = Function::with_closure(function, closure.to_ptr());
    }
    run_function_in(&function, namespace)
}

/// Calls a function without arguments, with a namespace.
pub fn run_function_in(function: &Object<Function>, namespace: &Obj) -> PyResult<Obj> {
    let thread = pyrs_runtime::thread::current();
    // SAFETY: the frame is made for this call; the result follows the convention.
    unsafe {
        let frame = start_call(thread, function, Args::EMPTY, namespace.clone().into_value())?;
        pyrs_runtime::call::result(eval(thread, frame, false))
    }
}
