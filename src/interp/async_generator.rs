//! Asynchronous generators: `async_generator` and its awaitables.
//!
//! The frame of an asynchronous generator yields two kinds of values: what it awaits (as is) and what it
//! yields to its consumer (wrapped). `asend`, `athrow` and `aclose` give awaitables that drive the frame
//! and turn a wrapped value into StopIteration.

use std::cell::Cell;

use pyrs_macros::{pyclass, pymethods};
use pyrs_runtime::call;
use pyrs_runtime::errors::{PyResult, raise_stop_iteration};
use pyrs_runtime::object::{Obj, ObjCell, Object, Ptr};
use pyrs_runtime::objects::exceptions::{GeneratorExit, StopAsyncIteration};
use pyrs_runtime::objects::singletons::none;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::thread;
use pyrs_runtime::types::slots::SendResult;
use pyrs_runtime::{PyClass, raise};

use crate::generator::{
    Core, Input, State, check_throw_arguments, common_methods, finalize, frame_attribute, resume, throw,
};

#[pyclass(name = "async_generator", flags = DISALLOW_INSTANTIATION, weaklist, parts(COMMON, PART))]
#[repr(C)]
pub struct AsyncGenerator {
    pub core: Core,
    finalizer: ObjCell,
    hooks_called: Cell<bool>,
    closed: Cell<bool>,
    /// An `asend` or `athrow` is under way.
    running: Cell<bool>,
}
common_methods!(
    AsyncGenerator,
    COMMON,
    "async_generator",
    "ag_frame",
    "_ag_core_running",
    "ag_suspended",
    "ag_code",
    "ag_await"
);

/// A value on its way from `yield` to the consumer.
#[pyclass(name = "async_generator_wrapped_value", flags = DISALLOW_INSTANTIATION)]
pub struct WrappedValue {
    value: Obj,
}

#[pymethods]
impl WrappedValue {}

/// Marks a value as yielded (not awaited).
pub fn wrap_value(value: Obj) -> Obj {
    Ptr::new(WrappedValue { value }).into_obj()
}

pub(crate) fn create(core: Core) -> Obj {
    Ptr::new(AsyncGenerator {
        core,
        finalizer: ObjCell::empty(),
        hooks_called: Cell::new(false),
        closed: Cell::new(false),
        running: Cell::new(false),
    })
    .into_obj()
}

impl AsyncGenerator {
    /// Calls the hooks of `sys.set_asyncgen_hooks` on first use.
    fn init_hooks(this: &Object<AsyncGenerator>) -> PyResult<()> {
        if this.hooks_called.replace(true) {
            return Ok(());
        }
        let thread = thread::current();
        this.finalizer.set(thread.async_gen_finalizer.get());
        if let Some(hook) = thread.async_gen_firstiter.get() {
            call::call(&hook, &[this.to_obj()])?;
        }
        Ok(())
    }
}

#[pymethods]
impl AsyncGenerator {
    #[slot(aiter)]
    fn aiter(this: &Obj) -> PyResult<Obj> {
        Ok(this.clone())
    }

    #[slot(anext)]
    fn anext(this: &Object<AsyncGenerator>) -> PyResult<Obj> {
        AsyncGenerator::init_hooks(this)?;
        Ok(ASend::create(this, none()))
    }

    /// asend(v) -> send 'v' in generator.
    #[pymethod]
    fn asend(this: &Object<AsyncGenerator>, value: Obj) -> PyResult<Obj> {
        AsyncGenerator::init_hooks(this)?;
        Ok(ASend::create(this, value))
    }

    /// athrow(value)
    /// athrow(type[,value[,tb]])
    ///
    /// raise exception in generator.
    #[pymethod]
    fn athrow(this: &Object<AsyncGenerator>, args: call::Args<'_>) -> PyResult<Obj> {
        check_throw_arguments(args)?;
        AsyncGenerator::init_hooks(this)?;
        Ok(AThrow::create(this, args.positionals().to_vec()))
    }

    /// aclose() -> raise GeneratorExit inside generator.
    #[pymethod]
    fn aclose(this: &Object<AsyncGenerator>) -> PyResult<Obj> {
        AsyncGenerator::init_hooks(this)?;
        Ok(AThrow::create(this, Vec::new()))
    }

    #[getter]
    fn ag_running(&self) -> bool {
        self.running.get()
    }

    /// See PEP 585
    #[classmethod(name = "__class_getitem__")]
    fn class_getitem(cls: &pyrs_runtime::types::Type, item: &Obj) -> PyResult<Obj> {
        Ok(pyrs_runtime::objects::generic_alias::GenericAlias::new(cls.to_obj(), item).into_obj())
    }
}

/// Turns the outcome of one step into what the awaitable reports: a wrapped value ends it.
fn unwrap_result(generator: &AsyncGenerator, result: PyResult<SendResult>) -> PyResult<SendResult> {
    match result {
        Ok(SendResult::Yield(v)) => match v.exact::<WrappedValue>() {
            Some(wrapped) => {
                generator.running.set(false);
                Ok(SendResult::Return(wrapped.value.clone()))
            }
            None => Ok(SendResult::Yield(v)),
        },
        Ok(SendResult::Return(_)) => {
            generator.closed.set(true);
            generator.running.set(false);
            Err(crate::generator::stop_async_iteration())
        }
        Err(raised) => {
            if raised.matches(StopAsyncIteration::class()) || raised.matches(GeneratorExit::class()) {
                generator.closed.set(true);
            }
            generator.running.set(false);
            Err(raised)
        }
    }
}

/// A step as methods report it: the awaitable's result is the value of StopIteration.
fn as_item(step: PyResult<SendResult>) -> PyResult<Obj> {
    match step? {
        SendResult::Yield(v) => Ok(v),
        SendResult::Return(v) => Err(raise_stop_iteration(&v)),
    }
}

#[derive(Copy, Clone, PartialEq, Eq)]
enum Progress {
    Init,
    Iterating,
    Closed,
}

#[pyclass(name = "async_generator_asend", flags = DISALLOW_INSTANTIATION, parts(COMMON, PART))]
pub struct ASend {
    generator: Ptr<AsyncGenerator>,
    value: ObjCell,
    progress: Cell<Progress>,
}

impl ASend {
    fn create(generator: &Object<AsyncGenerator>, value: Obj) -> Obj {
        let progress = Cell::new(Progress::Init);
        Ptr::new(ASend { generator: generator.to_ptr(), value: ObjCell::of(value), progress }).into_obj()
    }

    fn step(&self, value: Obj) -> PyResult<Obj> {
        as_item(self.advance(value))
    }

    /// Resumes the generator until it awaits something, yields or ends.
    fn advance(&self, mut value: Obj) -> PyResult<SendResult> {
        match self.progress.get() {
            Progress::Closed => {
                return Err(raise!(RuntimeError, "cannot reuse already awaited __anext__()/asend()"));
            }
            Progress::Init => {
                if self.generator.running.get() {
                    self.progress.set(Progress::Closed);
                    return Err(raise!(RuntimeError, "anext(): asynchronous generator is already running"));
                }
                if value.is_none() {
                    value = self.value.get().unwrap_or_else(none);
                }
                self.progress.set(Progress::Iterating);
            }
            Progress::Iterating => {}
        }
        self.generator.running.set(true);
        let result = resume(&self.generator.as_obj(), Input::Value(value));
        let result = unwrap_result(&self.generator, result);
        if !matches!(result, Ok(SendResult::Yield(_))) {
            self.progress.set(Progress::Closed);
        }
        result
    }

    fn throw_step(&self, args: &[Obj]) -> PyResult<Obj> {
        match self.progress.get() {
            Progress::Closed => {
                return Err(raise!(RuntimeError, "cannot reuse already awaited __anext__()/asend()"));
            }
            Progress::Init => {
                if self.generator.running.get() {
                    self.progress.set(Progress::Closed);
                    return Err(raise!(RuntimeError, "anext(): asynchronous generator is already running"));
                }
                self.progress.set(Progress::Iterating);
                self.generator.running.set(true);
            }
            Progress::Iterating => {}
        }
        let result = throw(&self.generator.as_obj(), args);
        let result = as_item(unwrap_result(&self.generator, result));
        if result.is_err() {
            self.progress.set(Progress::Closed);
        }
        result
    }

    fn close_step(&self) -> PyResult<()> {
        if self.progress.get() == Progress::Closed {
            return Ok(());
        }
        let exit = call::call(&GeneratorExit::class().as_obj(), &[])?;
        closed(self.throw_step(&[exit]))
    }
}

/// The result of `close()` on an awaitable: it must not yield.
fn closed(result: PyResult<Obj>) -> PyResult<()> {
    match result {
        Ok(_) => Err(raise!(RuntimeError, "coroutine ignored GeneratorExit")),
        Err(raised)
            if raised.matches(StopAsyncIteration::class())
                || raised.matches(GeneratorExit::class())
                || raised.matches(pyrs_runtime::objects::exceptions::StopIteration::class()) =>
        {
            raised.discard();
            Ok(())
        }
        Err(raised) => Err(raised),
    }
}

macro_rules! awaitable_methods {
    ($ty:ident) => {
        #[pymethods(part = COMMON)]
        impl $ty {
            #[slot(await_)]
            fn await_slot(this: &Obj) -> PyResult<Obj> {
                Ok(this.clone())
            }

            #[slot(iter)]
            fn iter(this: &Obj) -> PyResult<Obj> {
                Ok(this.clone())
            }

            #[slot(iternext)]
            fn next(&self) -> PyResult<Option<Obj>> {
                self.step(none()).map(Some)
            }

            #[pymethod]
            fn send(&self, value: Obj) -> PyResult<Obj> {
                self.step(value)
            }

            #[pymethod]
            fn throw(&self, args: call::Args<'_>) -> PyResult<Obj> {
                check_throw_arguments(args)?;
                self.throw_step(args.positionals())
            }

            #[pymethod]
            fn close(&self) -> PyResult<()> {
                self.close_step()
            }
        }
    };
}
awaitable_methods!(ASend);

#[pymethods]
impl ASend {
    /// `await` takes the result without the exception that would carry it.
    #[slot(send)]
    fn send_slot(this: &Obj, value: &Obj) -> PyResult<SendResult> {
        // SAFETY: the slot belongs to this class.
        unsafe { this.downcast_unchecked::<ASend>() }.advance(value.clone())
    }
}

#[pyclass(name = "async_generator_athrow", flags = DISALLOW_INSTANTIATION, parts(COMMON, PART))]
pub struct AThrow {
    generator: Ptr<AsyncGenerator>,
    /// What to throw; empty for `aclose`.
    args: Vec<Obj>,
    progress: Cell<Progress>,
}
awaitable_methods!(AThrow);

#[pymethods]
impl AThrow {}

impl AThrow {
    fn create(generator: &Object<AsyncGenerator>, args: Vec<Obj>) -> Obj {
        Ptr::new(AThrow { generator: generator.to_ptr(), args, progress: Cell::new(Progress::Init) }).into_obj()
    }

    fn is_close(&self) -> bool {
        self.args.is_empty()
    }

    fn step(&self, value: Obj) -> PyResult<Obj> {
        let generator = &self.generator;
        match self.progress.get() {
            Progress::Closed => Err(raise!(RuntimeError, "cannot reuse already awaited aclose()/athrow()")),
            Progress::Init => {
                if generator.core.state() == State::Finished {
                    self.progress.set(Progress::Closed);
                    return Err(raise_stop_iteration(&none()));
                }
                if generator.running.get() {
                    self.progress.set(Progress::Closed);
                    let what = if self.is_close() { "aclose" } else { "athrow" };
                    return Err(raise!(RuntimeError, "{what}(): asynchronous generator is already running"));
                }
                if generator.closed.get() {
                    self.progress.set(Progress::Closed);
                    return Err(crate::generator::stop_async_iteration());
                }
                if !value.is_none() {
                    return Err(raise!(RuntimeError, "can't send non-None value to a just-started coroutine"));
                }
                self.progress.set(Progress::Iterating);
                generator.running.set(true);
                let result = if self.is_close() {
                    generator.closed.set(true);
                    let exit = call::call(&GeneratorExit::class().as_obj(), &[])?;
                    throw(&generator.as_obj(), &[exit])
                } else {
                    throw(&generator.as_obj(), &self.args)
                };
                self.outcome(result)
            }
            Progress::Iterating => {
                let result = resume(&generator.as_obj(), Input::Value(value));
                self.outcome(result)
            }
        }
    }

    fn outcome(&self, result: PyResult<SendResult>) -> PyResult<Obj> {
        let generator = &self.generator;
        if !self.is_close() {
            let result = as_item(unwrap_result(generator, result));
            if result.is_err() {
                self.progress.set(Progress::Closed);
            }
            return result;
        }
        match result {
            Ok(SendResult::Yield(v)) if v.exact::<WrappedValue>().is_some() => {
                generator.running.set(false);
                self.progress.set(Progress::Closed);
                Err(raise!(RuntimeError, "async generator ignored GeneratorExit"))
            }
            Ok(SendResult::Yield(v)) => Ok(v),
            Ok(SendResult::Return(_)) => {
                generator.running.set(false);
                self.progress.set(Progress::Closed);
                Err(raise_stop_iteration(&none()))
            }
            Err(raised) => {
                generator.running.set(false);
                self.progress.set(Progress::Closed);
                if raised.matches(StopAsyncIteration::class()) || raised.matches(GeneratorExit::class()) {
                    raised.discard();
                    return Err(raise_stop_iteration(&none()));
                }
                Err(raised)
            }
        }
    }

    fn throw_step(&self, args: &[Obj]) -> PyResult<Obj> {
        match self.progress.get() {
            Progress::Closed => return Err(raise!(RuntimeError, "cannot reuse already awaited aclose()/athrow()")),
            Progress::Init => {
                if self.generator.running.get() {
                    self.progress.set(Progress::Closed);
                    let what = if self.is_close() { "aclose" } else { "athrow" };
                    return Err(raise!(RuntimeError, "{what}(): asynchronous generator is already running"));
                }
                self.progress.set(Progress::Iterating);
                self.generator.running.set(true);
            }
            Progress::Iterating => {}
        }
        let result = throw(&self.generator.as_obj(), args);
        self.outcome(result)
    }

    fn close_step(&self) -> PyResult<()> {
        if self.progress.get() == Progress::Closed {
            return Ok(());
        }
        let exit = call::call(&GeneratorExit::class().as_obj(), &[])?;
        closed(self.throw_step(&[exit]))
    }
}

/// The finaliser: hands the generator to the event loop's hook if there is one.
pub(crate) fn finalize_with_hook(obj: &Obj) -> bool {
    let Some(generator) = obj.exact::<AsyncGenerator>() else { return false };
    if generator.closed.get() || generator.core.state() == State::Finished {
        return false;
    }
    let Some(finalizer) = generator.finalizer.get() else { return false };
    if let Err(raised) = call::call(&finalizer, std::slice::from_ref(obj)) {
        pyrs_runtime::errors::write_unraisable(raised, Some(obj));
    }
    true
}

/// `anext(it, default)`: an awaitable that gives the default instead of StopAsyncIteration.
#[pyclass(name = "anext_awaitable", flags = DISALLOW_INSTANTIATION, parts(COMMON, PART))]
pub struct AnextAwaitable {
    wrapped: Obj,
    default: Obj,
}

pub fn anext_with_default(awaitable: Obj, default: Obj) -> Obj {
    Ptr::new(AnextAwaitable { wrapped: awaitable, default }).into_obj()
}
awaitable_methods!(AnextAwaitable);

#[pymethods]
impl AnextAwaitable {}

impl AnextAwaitable {
    fn iterator(&self) -> PyResult<Obj> {
        crate::generator::awaitable_iter(&self.wrapped)
    }

    fn finish(&self, result: PyResult<Obj>) -> PyResult<Obj> {
        match result {
            Err(raised) if raised.matches(StopAsyncIteration::class()) => {
                raised.discard();
                Err(raise_stop_iteration(&self.default))
            }
            other => other,
        }
    }

    fn step(&self, value: Obj) -> PyResult<Obj> {
        let it = self.iterator()?;
        let result = as_item(pyrs_runtime::protocols::iter::send(&it, &value));
        self.finish(result)
    }

    fn throw_step(&self, args: &[Obj]) -> PyResult<Obj> {
        let it = self.iterator()?;
        self.finish(call::call_method(&it, "throw", args))
    }

    fn close_step(&self) -> PyResult<()> {
        call::call_method(&self.iterator()?, "close", &[]).map(drop)
    }
}
