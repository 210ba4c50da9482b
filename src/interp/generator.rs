//! Generators and coroutines: resuming, throwing into and closing suspended frames.
//!
//! `generator`, `coroutine` and `async_generator` share [`Core`], which owns the suspended frame. A resume
//! links the frame on top of the caller's and runs the interpreter loop on it until it yields, returns or
//! raises. Asynchronous generators add the awaitables in `async_generator`.

use std::cell::Cell;

use pyrs_bytecode::{Opcode, co_flags, resume};
use pyrs_macros::{pyclass, pymethods};
use pyrs_runtime::call;
use pyrs_runtime::errors::{PyResult, Raised, raise_stop_iteration};
use pyrs_runtime::heap::cycles::Visitor;
use pyrs_runtime::heap::{self, alloc};
use pyrs_runtime::object::{Obj, ObjCell, Object, Ptr, PyClass, Trace};
use pyrs_runtime::objects::code::Code;
use pyrs_runtime::objects::exceptions::{self, BaseException, GeneratorExit, StopAsyncIteration, StopIteration};
use pyrs_runtime::objects::singletons::none;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::traceback::Traceback;
use pyrs_runtime::protocols::{attr, iter};
use pyrs_runtime::thread::{self, ExcInfo, Thread};
use pyrs_runtime::types::as_type;
use pyrs_runtime::types::slots::SendResult;
use pyrs_runtime::value::Value;
use pyrs_runtime::{name, raise};

use crate::delegation;
use crate::frame::{self, Frame, HEAD_WORDS, Owner};

pub use crate::async_generator::{AsyncGenerator, wrap_value};

/// Where a generator stands.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum State {
    Created,
    Suspended,
    /// Suspended in `yield from` or `await`: the operand stack ends with the delegate.
    Delegating,
    Running,
    Finished,
}

/// The part that all kinds of generators share; first in their payloads.
#[repr(C)]
pub struct Core {
    pub(crate) frame: Cell<*mut Frame>,
    pub words: usize,
    /// As far as the generator itself knows: see [`Core::state`].
    pub(crate) state: Cell<State>,
    pub(crate) exc_info: ExcInfo,
    /// The root of the chain of delegating generators that it belongs to ([`crate::delegation`]), or null.
    pub(crate) root: Cell<*const Core>,
    /// In the root of a suspended chain: its innermost generator.
    pub(crate) leaf: Cell<*const Core>,
    /// How many generators of the chain are above this one.
    pub(crate) level: Cell<i32>,
    pub name: ObjCell,
    pub qualname: ObjCell,
    pub code: Ptr<Code>,
}

impl Trace for Core {
    fn trace(&self, visitor: &mut Visitor<'_>) {
        visitor.visit(self.exc_info.value.get());
        self.name.trace(visitor);
        self.qualname.trace(visitor);
        self.code.trace(visitor);
        let frame = self.frame.get();
        if frame.is_null() || self.state.get() == State::Running {
            return;
        }
        // SAFETY: a suspended frame's words up to `sp` are owned or NULL.
        unsafe {
            let mut at = Frame::locals(frame);
            while at < (*frame).sp {
                visitor.visit(*at);
                at = at.add(1);
            }
            visitor.visit((*frame).locals);
            visitor.visit((*frame).function);
            visitor.visit((*frame).frame_object.get());
            visitor.visit(Value::from_pointer((*frame).code.cast()));
        }
    }

    fn clear(&self) {
        self.drop_frame();
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        self.drop_frame();
        let exc = self.exc_info.value.replace(Value::NULL);
        // SAFETY: the entry owns its exception.
        unsafe { pyrs_runtime::heap::decref_or_null(exc) };
    }
}

impl Core {
    /// Releases the frame of a generator that will not run again.
    fn drop_frame(&self) {
        if self.state() == State::Running {
            return;
        }
        self.state.set(State::Finished);
        let frame = self.frame.replace(std::ptr::null_mut());
        if !frame.is_null() {
            // SAFETY: the frame is suspended and nobody else refers to its memory.
            unsafe {
                frame::clear(frame);
                alloc::free(frame as *mut u8, false);
            }
        }
    }

    pub fn frame(&self) -> *mut Frame {
        self.frame.get()
    }

    /// Where the generator stands. A suspended chain that it belongs to is dissolved.
    #[inline(always)]
    pub fn state(&self) -> State {
        if self.root.get().is_null() { self.state.get() } else { delegation::state_in_chain(self) }
    }

    /// Stands behind a `yield` that only the handler of the whole generator covers: code of its own has nothing to do
    /// with an exception that is raised there.
    fn waits_outside_of_try(&self) -> bool {
        // SAFETY: the frame of a suspended generator is alive, and stands at an instruction.
        let unit = unsafe { *(*self.frame.get()).ip };
        let is_resume = matches!(Opcode::from_u8(unit as u8), Some(Opcode::Resume | Opcode::ResumeCheck));
        is_resume && (unit >> 8) as u32 & resume::DEPTH1_MASK != 0
    }

    /// Waits to be resumed with any value.
    #[inline(always)]
    pub fn is_suspended(&self) -> bool {
        // The root of a suspended chain stays what it is.
        let state = if self.leaf.get().is_null() { self.state() } else { self.state.get() };
        matches!(state, State::Created | State::Suspended | State::Delegating)
    }

    /// Waits to be resumed, and belongs to no chain.
    #[inline(always)]
    pub fn waits_alone(&self) -> bool {
        self.root.get().is_null() && matches!(self.state.get(), State::Created | State::Suspended | State::Delegating)
    }

    /// Has not begun: only None can be sent.
    #[inline(always)]
    pub fn is_fresh(&self) -> bool {
        self.state.get() == State::Created
    }

    pub fn is_running(&self) -> bool {
        self.state() == State::Running
    }

    /// What the generator delegates to.
    pub fn delegate(&self) -> Option<Obj> {
        if self.state() != State::Delegating {
            return None;
        }
        let frame = self.frame.get();
        // SAFETY: a delegating frame's stack ends with the delegate.
        Some(unsafe { Obj::from_borrowed(*(*frame).sp.sub(1)) })
    }
}

/// Moves a frame that has just executed `RETURN_GENERATOR` to the heap and wraps it.
///
/// # Safety
/// `frame` is the top frame, on the data stack; the caller pops its memory.
pub unsafe fn from_frame(frame: *mut Frame) -> Obj {
    // SAFETY: head, locals and an empty stack are copied; ownership moves with them.
    unsafe {
        let code = (*frame).code().to_ptr();
        let words = HEAD_WORDS + code.frame_size;
        let copy = alloc::allocate(words * 8, false) as *mut Frame;
        let used = (*frame).sp.offset_from(frame as *mut Value) as usize;
        // Word by word: the frame has just been written so, and wider reads would have to wait for that.
        for i in 0..used {
            *(copy as *mut Value).add(i) = *(frame as *const Value).add(i);
            frame::keep_loop();
        }
        (*copy).sp = (copy as *mut Value).add(used);
        (*copy).owner = Owner::Generator;
        (*copy).is_entry = true;
        (*copy).previous = std::ptr::null_mut();
        if !(*copy).frame_object.get().is_null() {
            let object = (*copy).frame_object.get();
            object.as_obj().downcast_unchecked::<crate::frame_object::FrameObject>().frame.set(copy);
        }
        let function = (*copy).function();
        let flags = code.flags;
        let fill = |core: *mut Core| {
            (&raw mut (*core).frame).write(Cell::new(copy));
            (&raw mut (*core).words).write(words);
            (&raw mut (*core).state).write(Cell::new(State::Created));
            (&raw mut (*core).exc_info).write(ExcInfo::new());
            (&raw mut (*core).root).write(Cell::new(std::ptr::null()));
            (&raw mut (*core).leaf).write(Cell::new(std::ptr::null()));
            (&raw mut (*core).level).write(Cell::new(0));
            (&raw mut (*core).name).write(ObjCell::new(function.name.get()));
            (&raw mut (*core).qualname).write(ObjCell::new(function.qualname.get()));
            (&raw mut (*core).code).write(code);
        };
        let object: Obj = if flags & co_flags::COROUTINE != 0 {
            Coroutine::create(fill)
        } else if flags & co_flags::ASYNC_GENERATOR != 0 {
            let mut core = std::mem::MaybeUninit::<Core>::uninit();
            fill(core.as_mut_ptr());
            crate::async_generator::create(core.assume_init())
        } else {
            heap::new_instance_with(|p: *mut Generator| fill(&raw mut (*p).core)).into_obj()
        };
        (*copy).generator = object.value();
        object
    }
}

/// The shared part of a generator of any kind.
pub fn core_of(obj: &Obj) -> Option<&Core> {
    let class = obj.class();
    let is_one = std::ptr::eq(class, Generator::class())
        || std::ptr::eq(class, Coroutine::class())
        || std::ptr::eq(class, AsyncGenerator::class());
    // SAFETY: the payloads of these classes begin with a Core.
    is_one.then(|| unsafe { &**obj.downcast_unchecked::<Core>() })
}

/// The shared part of the generator that a frame belongs to.
///
/// # Safety
/// `frame` is the frame of a generator.
#[inline(always)]
pub(crate) unsafe fn core_of_frame<'a>(frame: *mut Frame) -> &'a Core {
    // SAFETY: such frames know their generator, whose payload begins with a Core and which outlives the frame.
    unsafe { &(*((*frame).generator.as_pointer() as *const Object<Core>)) }
}

/// The frame yielded: it is no longer on top.
///
/// # Safety
/// `frame` is the top frame and belongs to a generator.
pub unsafe fn suspended(thread: &Thread, frame: *mut Frame, oparg: u32) {
    // SAFETY: by contract.
    unsafe {
        let core = core_of_frame(frame);
        if !core.root.get().is_null() {
            delegation::dissolve_running(frame);
        }
        suspended_alone(thread, frame, core, oparg);
    }
}

/// As [`suspended`], for the frame of `core`, which belongs to no chain.
///
/// # Safety
/// As [`suspended`].
#[inline(always)]
pub unsafe fn suspended_alone(thread: &Thread, frame: *mut Frame, core: &Core, oparg: u32) {
    core.state.set(if oparg != 0 { State::Delegating } else { State::Suspended });
    unlink_exc_info(thread, core);
    // SAFETY: by contract.
    unsafe {
        thread.frame.set((*frame).previous as *mut u8);
        (*frame).previous = std::ptr::null_mut();
    }
    crate::eval::leave_recursion(thread);
}

/// The frame returned or raised: its contents go.
///
/// # Safety
/// As [`suspended`].
pub unsafe fn finished(thread: &Thread, frame: *mut Frame) {
    // SAFETY: by contract; the generator is kept alive by whoever resumed it.
    unsafe {
        let core = core_of_frame(frame);
        core.state.set(State::Finished);
        if !core.root.get().is_null() {
            delegation::finished(core, frame);
        }
        unlink_exc_info(thread, core);
        frame::clear(frame);
        core.frame.set(std::ptr::null_mut());
        alloc::free(frame as *mut u8, false);
    }
}

/// Puts a suspended frame on top, with the value that it waits for.
///
/// # Safety
/// `frame` is the suspended frame of `core`; the generator outlives the resumption.
#[inline(always)]
pub unsafe fn link(thread: &Thread, core: &Core, frame: *mut Frame, value: Value) {
    // SAFETY: a suspended frame has room for the value.
    unsafe {
        *(*frame).sp = value;
        (*frame).sp = (*frame).sp.add(1);
        link_without_value(thread, core, frame);
    }
}

/// As [`link`], for a frame that the value is not brought to.
///
/// # Safety
/// As [`link`].
#[inline(always)]
pub unsafe fn link_without_value(thread: &Thread, core: &Core, frame: *mut Frame) {
    core.state.set(State::Running);
    // SAFETY: a suspended frame is live.
    unsafe { (*frame).previous = thread.frame.get() as *mut Frame };
    thread.frame.set(frame as *mut u8);
    core.exc_info.previous.set(thread.exc_info.get());
    thread.exc_info.set((&raw const core.exc_info).cast_mut());
}

/// The generator no longer runs: the exceptions that its resumer handles are innermost again.
#[inline(always)]
fn unlink_exc_info(thread: &Thread, core: &Core) {
    thread.exc_info.set(core.exc_info.previous.replace(std::ptr::null_mut()));
}

/// What a resume brings into the frame.
pub enum Input {
    Value(Obj),
    /// The pending exception is raised at the suspension point.
    Exception,
}

fn kind_name(obj: &Obj) -> &'static str {
    if obj.exact::<Coroutine>().is_some() {
        "coroutine"
    } else if obj.exact::<AsyncGenerator>().is_some() {
        "async generator"
    } else {
        "generator"
    }
}

/// Runs a generator until it yields, returns or raises.
pub fn resume(obj: &Obj, input: Input) -> PyResult<SendResult> {
    let core = core_of(obj).expect("callers pass generators");
    let chained = matches!(input, Input::Value(_)) && core.is_suspended();
    match (if chained { core.state.get() } else { core.state() }, &input) {
        (State::Running, Input::Value(_)) => return Err(raise!(ValueError, "{} already executing", kind_name(obj))),
        (State::Running, Input::Exception) => {
            thread::current().restore_exception(None);
            return Err(raise!(ValueError, "{} already executing", kind_name(obj)));
        }
        (State::Finished, Input::Value(_)) => {
            if obj.exact::<Coroutine>().is_some() {
                return Err(raise!(RuntimeError, "cannot reuse already awaited coroutine"));
            }
            return Ok(SendResult::Return(none()));
        }
        (State::Finished, Input::Exception) => return Err(Raised::pending()),
        (State::Created, Input::Value(v)) if !v.is_none() => {
            return Err(raise!(TypeError, "can't send non-None value to a just-started {}", kind_name(obj)));
        }
        _ => {}
    }
    run(obj, core, input)
}

#[inline]
fn run(obj: &Obj, core: &Core, input: Input) -> PyResult<SendResult> {
    let thread = thread::current();
    if thread.native_stack_is_low() {
        return Err(pyrs_runtime::thread::native_overflow(""));
    }
    crate::eval::enter_recursion(thread)?;
    // The generator must outlive its own frame.
    let keep = obj.clone();
    let frame = core.frame.get();
    let throwing = matches!(input, Input::Exception);
    let leaf = delegation::leaf_to_resume(thread, core);
    // SAFETY: a suspended frame has room for the value that it waits for; it is linked on top while it runs.
    let v = unsafe {
        let value = match input {
            Input::Value(v) => v,
            Input::Exception => none(),
        };
        match leaf {
            Some(leaf) => delegation::link(thread, core, leaf, value.into_value()),
            None => link(thread, core, frame, value.into_value()),
        }
        if throwing && let Some(exc) = thread.take_exception() {
            // What the generator is handling becomes the context of what is thrown.
            thread.raise(exc);
        }
        (*frame).is_entry = true;
        crate::dispatch::run(thread, leaf.map_or(frame, |leaf| leaf.frame.get()), throwing)
    };
    drop(keep);
    if v.is_null() {
        return Err(Raised::pending());
    }
    // SAFETY: an owned reference.
    let v = unsafe { v.into_obj() };
    Ok(if core.state.get() == State::Finished { SendResult::Return(v) } else { SendResult::Yield(v) })
}

/// The body of `SEND`: one step of `yield from` or `await`.
pub fn send_value(receiver: &Obj, value: &Obj) -> PyResult<SendResult> {
    if receiver.exact::<Generator>().is_some() || receiver.exact::<Coroutine>().is_some() {
        return resume(receiver, Input::Value(value.clone()));
    }
    iter::send(receiver, value)
}

/// `generator.throw(...)`: into the delegate first, if there is one.
pub fn throw(obj: &Obj, args: &[Obj]) -> PyResult<SendResult> {
    let core = core_of(obj).expect("callers pass generators");
    if let Some(delegate) = core.delegate() {
        if is_generator_exit(&args[0]) {
            let closed = shown_running(core, || close_iter(&delegate));
            if closed.is_err() {
                return resume(obj, Input::Exception);
            }
        } else if core_of(&delegate).is_some() && delegate.exact::<AsyncGenerator>().is_none() {
            let result = shown_running(core, || throw(&delegate, args));
            return continue_delegation(obj, result);
        } else if let Some(method) = attr::getattr_optional(&delegate, name!("throw"))? {
            let result = shown_running(core, || call::call(&method, args));
            let result = match result {
                Ok(v) => Ok(SendResult::Yield(v)),
                Err(raised) if raised.matches(StopIteration::class()) => {
                    Ok(SendResult::Return(exceptions::stop_iteration_value(&raised.take())))
                }
                Err(raised) => Err(raised),
            };
            return continue_delegation(obj, result);
        }
    }
    raise_thrown(args)?;
    resume(obj, Input::Exception)
}

/// Runs something of the delegate with the generator's frame among its callers, as if it had been resumed.
fn shown_running<R>(core: &Core, f: impl FnOnce() -> R) -> R {
    let (thread, frame) = (thread::current(), core.frame.get());
    core.state.set(State::Running);
    let before = thread.frame.get();
    // SAFETY: a delegating generator has a suspended frame, which nobody resumes while its state is Running.
    unsafe { (*frame).previous = before as *mut Frame };
    thread.frame.set(frame as *mut u8);
    let result = f();
    thread.frame.set(before);
    // SAFETY: as above.
    unsafe { (*frame).previous = std::ptr::null_mut() };
    core.state.set(State::Delegating);
    result
}

/// Goes on behind the `yield from` once its delegate has returned or raised.
fn continue_delegation(obj: &Obj, result: PyResult<SendResult>) -> PyResult<SendResult> {
    match result {
        Ok(SendResult::Yield(v)) => Ok(SendResult::Yield(v)),
        Ok(SendResult::Return(v)) => {
            // The frame goes on behind its SEND loop, as if the delegate had been sent to.
            let stop = raise_stop_iteration(&v).take();
            thread::current().restore_exception(Some(stop));
            resume(obj, Input::Exception)
        }
        Err(raised) => {
            raised.leave_pending();
            resume(obj, Input::Exception)
        }
    }
}

fn is_generator_exit(exc: &Obj) -> bool {
    let class = as_type(exc).unwrap_or_else(|| exc.class());
    class.is_subclass(GeneratorExit::class())
}

/// Makes the exception that `throw(type, value, traceback)` describes pending.
fn raise_thrown(args: &[Obj]) -> PyResult<()> {
    let (exc, value, traceback) = (&args[0], args.get(1), args.get(2).filter(|t| !t.is_none()));
    if let Some(tb) = traceback
        && tb.exact::<Traceback>().is_none()
    {
        return Err(raise!(TypeError, "throw() third argument must be a traceback object"));
    }
    let made = if let Some(class) = as_type(exc)
        && class.is_subclass(BaseException::class())
    {
        let made = match value.filter(|v| !v.is_none()) {
            None => exceptions::instantiate(exc, &[]),
            Some(v) if v.class().is_subclass(class) => Ok(v.clone()),
            Some(v) => match v.exact::<pyrs_runtime::objects::tuple::Tuple>() {
                Some(tuple) => exceptions::instantiate(exc, tuple.items()),
                None => exceptions::instantiate(exc, std::slice::from_ref(v)),
            },
        };
        // What making the exception raises is thrown in its stead.
        made.unwrap_or_else(Raised::take)
    } else if exc.downcast::<BaseException>().is_some() {
        if value.is_some_and(|v| !v.is_none()) {
            return Err(raise!(TypeError, "instance exception may not have a separate value"));
        }
        exc.clone()
    } else {
        return Err(raise!(
            TypeError,
            "exceptions must be classes or instances deriving from BaseException, not {}",
            exc.class().name()
        ));
    };
    if let Some(tb) = traceback {
        exceptions::set_traceback(&made, Some(tb.clone()));
    }
    thread::current().restore_exception(Some(made));
    Ok(())
}

/// Closes whatever a generator delegates to.
fn close_iter(delegate: &Obj) -> PyResult<()> {
    if core_of(delegate).is_some() && delegate.exact::<AsyncGenerator>().is_none() {
        return close(delegate).map(drop);
    }
    match attr::getattr_optional(delegate, name!("close"))? {
        Some(method) => call::call(&method, &[]).map(drop),
        None => Ok(()),
    }
}

/// `generator.close()`: the return value, if the generator returned one.
pub fn close(obj: &Obj) -> PyResult<Obj> {
    let core = core_of(obj).expect("callers pass generators");
    match core.state() {
        State::Created => {
            core.drop_frame();
            return Ok(none());
        }
        State::Finished => return Ok(none()),
        State::Running => return Err(raise!(ValueError, "{} already executing", kind_name(obj))),
        State::Suspended if core.waits_outside_of_try() && !crate::instrument::exceptions_watched() => {
            core.drop_frame();
            return Ok(none());
        }
        State::Suspended | State::Delegating => {}
    }
    let mut closed = Ok(());
    if let Some(delegate) = core.delegate() {
        core.state.set(State::Running);
        closed = close_iter(&delegate);
        core.state.set(State::Delegating);
    }
    if closed.is_ok() {
        let exit = call::call(&GeneratorExit::class().as_obj(), &[])?;
        thread::current().restore_exception(Some(exit));
    }
    match resume(obj, Input::Exception) {
        Ok(SendResult::Yield(_)) => Err(raise!(RuntimeError, "{} ignored GeneratorExit", kind_name(obj))),
        Ok(SendResult::Return(v)) => Ok(v),
        Err(raised) if raised.matches(StopIteration::class()) => Ok(exceptions::stop_iteration_value(&raised.take())),
        Err(raised) if raised.matches(GeneratorExit::class()) => {
            raised.discard();
            Ok(none())
        }
        Err(raised) => Err(raised),
    }
}

/// The finaliser: a suspended generator is closed.
pub fn finalize(obj: &Obj) {
    let core = core_of(obj).expect("the slot belongs to generators");
    if matches!(core.state(), State::Finished | State::Running) {
        return;
    }
    if crate::async_generator::finalize_with_hook(obj) {
        return;
    }
    if core.state.get() == State::Created {
        if obj.exact::<Coroutine>().is_some() {
            warn_never_awaited(core);
        }
        core.drop_frame();
        return;
    }
    if let Err(raised) = close(obj) {
        pyrs_runtime::errors::write_unraisable(raised, Some(obj));
    }
}

fn warn_never_awaited(core: &Core) {
    let name = core.qualname.get().and_then(|q| q.downcast::<Str>().map(|s| s.to_string_lossy())).unwrap_or_default();
    let class = exceptions::RuntimeWarning::class();
    let text = format!("coroutine '{name}' was never awaited");
    if let Err(raised) = (pyrs_runtime::hooks::hooks().warn)(class, &text, 1) {
        pyrs_runtime::errors::write_unraisable(raised, None);
    }
}

/// `StopIteration(value)` for a finished generator, as `send` and `throw` report it.
pub fn to_python(result: SendResult) -> PyResult<Obj> {
    match result {
        SendResult::Yield(v) => Ok(v),
        SendResult::Return(v) => Err(raise_stop_iteration(&v)),
    }
}

fn next(obj: &Obj) -> PyResult<Option<Obj>> {
    let core = core_of(obj).expect("callers pass generators");
    let input = Input::Value(none());
    match if core.waits_alone() { run(obj, core, input) } else { resume(obj, input) }? {
        SendResult::Yield(v) => Ok(Some(v)),
        SendResult::Return(v) if v.is_none() => Ok(None),
        SendResult::Return(v) => Err(raise_stop_iteration(&v)),
    }
}

/// Arguments of `throw`, with the deprecation of its three-argument form.
pub fn check_throw_arguments(args: call::Args<'_>) -> PyResult<()> {
    args.no_keywords("throw")?;
    match args.nargs {
        1 => Ok(()),
        2 | 3 => (pyrs_runtime::hooks::hooks().warn)(
            exceptions::DeprecationWarning::class(),
            "the (type, exc, tb) signature of throw() is deprecated, use the single-arg signature instead.",
            1,
        ),
        0 => Err(raise!(TypeError, "throw expected at least 1 argument, got 0")),
        n => Err(raise!(TypeError, "throw expected at most 3 arguments, got {n}")),
    }
}

/// The frame object of a generator, None once it has finished.
pub fn frame_attribute(core: &Core) -> Option<Obj> {
    core.state();
    let frame = core.frame.get();
    // SAFETY: a generator's frame is live and complete while the pointer is set.
    (!frame.is_null()).then(|| unsafe { frame::object_of(frame).into_obj() })
}

macro_rules! common_methods {
    ($ty:ident, $part:ident, $shown:literal, $frame:literal, $running:literal, $suspended:literal, $code:literal, $delegate:literal) => {
        #[pymethods(part = $part)]
        impl $ty {
            #[slot(repr)]
            fn repr(this: &Object<$ty>) -> PyResult<Obj> {
                let name = this.core.qualname.get();
                let name =
                    name.as_ref().and_then(|q| q.downcast::<Str>().map(|s| s.to_string_lossy())).unwrap_or_default();
                Ok(Str::new(&format!(concat!("<", $shown, " object {} at {:#x}>"), name, this.as_obj().id()))
                    .into_obj())
            }

            #[slot(finalize)]
            fn finalize_slot(this: &Obj) {
                finalize(this);
            }

            /// name of the generator
            #[getter(name = "__name__")]
            fn get_name(&self) -> Option<Obj> {
                self.core.name.get()
            }

            #[setter(name = "__name__")]
            fn set_name(&self, value: Option<&Obj>) -> PyResult<()> {
                match value {
                    Some(v) if v.downcast::<Str>().is_some() => self.core.name.put(v.clone()),
                    _ => return Err(raise!(TypeError, "__name__ must be set to a string object")),
                }
                Ok(())
            }

            /// qualified name of the generator
            #[getter(name = "__qualname__")]
            fn get_qualname(&self) -> Option<Obj> {
                self.core.qualname.get()
            }

            #[setter(name = "__qualname__")]
            fn set_qualname(&self, value: Option<&Obj>) -> PyResult<()> {
                match value {
                    Some(v) if v.downcast::<Str>().is_some() => self.core.qualname.put(v.clone()),
                    _ => return Err(raise!(TypeError, "__qualname__ must be set to a string object")),
                }
                Ok(())
            }

            #[getter(name = $frame)]
            fn get_frame(&self) -> Option<Obj> {
                frame_attribute(&self.core)
            }

            #[getter(name = $running)]
            fn get_running(&self) -> bool {
                self.core.is_running()
            }

            #[getter(name = $suspended)]
            fn get_suspended(&self) -> bool {
                matches!(self.core.state(), State::Suspended | State::Delegating)
            }

            #[getter(name = $code)]
            fn get_code(&self) -> Obj {
                self.core.code.to_obj()
            }

            /// object being iterated by yield from, or None
            #[getter(name = $delegate)]
            fn get_delegate(&self) -> Option<Obj> {
                self.core.delegate()
            }

            #[pymethod(name = "__sizeof__")]
            fn sizeof(&self) -> usize {
                size_of::<Object<$ty>>() + self.core.words * 8
            }
        }
    };
}
pub(crate) use common_methods;

#[pyclass(name = "generator", flags = DISALLOW_INSTANTIATION, weaklist, parts(COMMON, PART))]
#[repr(C)]
pub struct Generator {
    pub core: Core,
}
common_methods!(Generator, COMMON, "generator", "gi_frame", "gi_running", "gi_suspended", "gi_code", "gi_yieldfrom");

#[pymethods]
impl Generator {
    #[slot(iter)]
    fn iter(this: &Obj) -> PyResult<Obj> {
        Ok(this.clone())
    }

    #[slot(iternext)]
    fn next(this: &Obj) -> PyResult<Option<Obj>> {
        next(this)
    }

    #[slot(send)]
    fn send_slot(this: &Obj, value: &Obj) -> PyResult<SendResult> {
        resume(this, Input::Value(value.clone()))
    }

    /// send(value) -> send 'value' into generator,
    /// return next yielded value or raise StopIteration.
    #[pymethod]
    fn send(this: &Obj, value: Obj) -> PyResult<Obj> {
        resume(this, Input::Value(value)).and_then(to_python)
    }

    /// throw(value)
    /// throw(type[,value[,tb]])
    ///
    /// Raise exception in generator, return next yielded value or raise
    /// StopIteration.
    /// the (type, val, tb) signature is deprecated,
    /// and may be removed in a future version of Python.
    #[pymethod]
    fn throw(this: &Obj, args: call::Args<'_>) -> PyResult<Obj> {
        check_throw_arguments(args)?;
        throw(this, args.positionals()).and_then(to_python)
    }

    /// close() -> raise GeneratorExit inside generator.
    #[pymethod]
    fn close(this: &Obj) -> PyResult<Obj> {
        close(this)
    }

    /// See PEP 585
    #[classmethod(name = "__class_getitem__")]
    fn class_getitem(cls: &pyrs_runtime::types::Type, item: &Obj) -> PyResult<Obj> {
        Ok(pyrs_runtime::objects::generic_alias::GenericAlias::new(cls.to_obj(), item).into_obj())
    }
}

#[pyclass(name = "coroutine", flags = DISALLOW_INSTANTIATION, weaklist, parts(COMMON, PART))]
#[repr(C)]
pub struct Coroutine {
    pub core: Core,
    origin: ObjCell,
}
common_methods!(Coroutine, COMMON, "coroutine", "cr_frame", "cr_running", "cr_suspended", "cr_code", "cr_await");

impl Coroutine {
    /// # Safety
    /// `fill` initialises the whole core.
    #[inline(always)]
    unsafe fn create(fill: impl FnOnce(*mut Core)) -> Obj {
        // SAFETY: by contract; the other field is written here.
        let coroutine = unsafe {
            heap::new_instance_with(|p: *mut Coroutine| {
                fill(&raw mut (*p).core);
                (&raw mut (*p).origin).write(ObjCell::empty());
            })
        };
        let depth = thread::current().coroutine_origin_depth.get();
        if depth > 0 {
            coroutine.origin.put(crate::frame_object::origin(depth));
        }
        coroutine.into_obj()
    }
}

#[pymethods]
impl Coroutine {
    #[slot(await_)]
    fn await_slot(this: &Obj) -> PyResult<Obj> {
        Ok(Ptr::new(CoroutineWrapper { coroutine: this.clone() }).into_obj())
    }

    #[slot(send)]
    fn send_slot(this: &Obj, value: &Obj) -> PyResult<SendResult> {
        resume(this, Input::Value(value.clone()))
    }

    /// send(arg) -> send 'arg' into coroutine,
    /// return next iterated value or raise StopIteration.
    #[pymethod]
    fn send(this: &Obj, value: Obj) -> PyResult<Obj> {
        resume(this, Input::Value(value)).and_then(to_python)
    }

    /// throw(value)
    /// throw(type[,value[,traceback]])
    ///
    /// Raise exception in coroutine, return next iterated value or raise
    /// StopIteration.
    /// the (type, val, tb) signature is deprecated,
    /// and may be removed in a future version of Python.
    #[pymethod]
    fn throw(this: &Obj, args: call::Args<'_>) -> PyResult<Obj> {
        check_throw_arguments(args)?;
        throw(this, args.positionals()).and_then(to_python)
    }

    /// close() -> raise GeneratorExit inside coroutine.
    #[pymethod]
    fn close(this: &Obj) -> PyResult<Obj> {
        close(this)
    }

    #[getter]
    fn cr_origin(&self) -> Option<Obj> {
        self.origin.get()
    }

    /// See PEP 585
    #[classmethod(name = "__class_getitem__")]
    fn class_getitem(cls: &pyrs_runtime::types::Type, item: &Obj) -> PyResult<Obj> {
        Ok(pyrs_runtime::objects::generic_alias::GenericAlias::new(cls.to_obj(), item).into_obj())
    }
}

/// A wrapper object implementing __await__ for coroutines.
#[pyclass(name = "coroutine_wrapper", flags = DISALLOW_INSTANTIATION)]
pub struct CoroutineWrapper {
    coroutine: Obj,
}

#[pymethods]
impl CoroutineWrapper {
    #[slot(iter)]
    fn iter(this: &Obj) -> PyResult<Obj> {
        Ok(this.clone())
    }

    #[slot(iternext)]
    fn next(&self) -> PyResult<Option<Obj>> {
        next(&self.coroutine)
    }

    /// send(arg) -> send 'arg' into coroutine,
    /// return next iterated value or raise StopIteration.
    #[pymethod]
    fn send(&self, value: Obj) -> PyResult<Obj> {
        resume(&self.coroutine, Input::Value(value)).and_then(to_python)
    }

    /// throw(value)
    /// throw(type[,value[,traceback]])
    ///
    /// Raise exception in coroutine, return next iterated value or raise
    /// StopIteration.
    #[pymethod]
    fn throw(&self, args: call::Args<'_>) -> PyResult<Obj> {
        check_throw_arguments(args)?;
        throw(&self.coroutine, args.positionals()).and_then(to_python)
    }

    /// close() -> raise GeneratorExit inside coroutine.
    #[pymethod]
    fn close(&self) -> PyResult<Obj> {
        close(&self.coroutine)
    }
}

/// True for generators made by functions that `types.coroutine` marked.
pub fn is_iterable_coroutine(obj: &Obj) -> bool {
    obj.exact::<Generator>().is_some_and(|g| g.core.code.flags & co_flags::ITERABLE_COROUTINE != 0)
}

/// The iterator behind `await obj`.
pub fn awaitable_iter(obj: &Obj) -> PyResult<Obj> {
    if obj.exact::<Coroutine>().is_some() || is_iterable_coroutine(obj) {
        return Ok(obj.clone());
    }
    let Some(f) = obj.class().slots().await_ else {
        return Err(raise!(TypeError, "'{}' object can't be awaited", obj.class().name()));
    };
    let result = f(obj)?;
    if result.exact::<Coroutine>().is_some() || is_iterable_coroutine(&result) {
        return Err(raise!(TypeError, "__await__() returned a coroutine"));
    }
    if !iter::is_iterator(&result) {
        return Err(raise!(TypeError, "__await__() returned non-iterator of type '{}'", result.class().name()));
    }
    Ok(result)
}

/// `GET_AWAITABLE`.
pub fn get_awaitable(obj: &Obj, oparg: u32) -> PyResult<Obj> {
    let result = match awaitable_iter(obj) {
        Ok(result) => result,
        Err(raised) if oparg != 0 && obj.class().slots().await_.is_none() => {
            raised.discard();
            let method = if oparg == 1 { "__aenter__" } else { "__aexit__" };
            return Err(raise!(
                TypeError,
                "'async with' received an object from {method} that does not implement __await__: {}",
                obj.class().name()
            ));
        }
        Err(raised) => return Err(raised),
    };
    if let Some(coroutine) = result.exact::<Coroutine>()
        && coroutine.core.delegate().is_some()
    {
        return Err(raise!(RuntimeError, "coroutine is being awaited already"));
    }
    Ok(result)
}

/// `GET_YIELD_FROM_ITER`.
///
/// # Safety
/// `frame` is the caller's running frame.
pub unsafe fn yield_from_iter(frame: *mut Frame, obj: &Obj) -> PyResult<Obj> {
    if obj.exact::<Coroutine>().is_some() {
        // SAFETY: by contract.
        let flags = unsafe { &*frame }.code().flags;
        if flags & (co_flags::COROUTINE | co_flags::ITERABLE_COROUTINE) == 0 {
            return Err(raise!(TypeError, "cannot 'yield from' a coroutine object in a non-coroutine generator"));
        }
        return Ok(obj.clone());
    }
    if obj.exact::<Generator>().is_some() {
        return Ok(obj.clone());
    }
    iter::iter(obj)
}

/// StopAsyncIteration as asynchronous generators raise it.
pub fn stop_async_iteration() -> Raised {
    pyrs_runtime::errors::raise_without_arguments(StopAsyncIteration::class())
}
