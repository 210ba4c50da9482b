//! Exceptions: `BaseException`, the whole class hierarchy, and what Rust code needs to raise and
//! connect exceptions.
//!
//! Every class is a Rust type of its Python name, so that `raise!(TypeError, …)` finds it. Classes
//! without data of their own wrap the payload of their base; those with data put it behind their
//! base's payload (`os_error`, `syntax_error`, `unicode_error`, `group`, `simple`).

mod base;
mod group;
mod os_error;
mod simple;
mod syntax_error;
mod unicode_error;

use std::cell::Cell;

use crate::class::ClassDef;
use crate::errors::{PyResult, Raised};
use crate::heap::cycles::Visitor;
use crate::object::{Obj, ObjCell, Object, Ptr, PyClass, Trace};
use crate::objects::int;
use crate::objects::singletons::none;
use crate::objects::str::Str;
use crate::objects::tuple::Tuple;
use crate::types::{Type, flags};
use pyrs_macros::pyclass;

pub use group::{BaseExceptionGroup, ExceptionGroup, prepare_reraise_star, ready_exception_group, split};
pub use os_error::OSError;
pub use simple::{AttributeError, ImportError, NameError, StopIteration, SystemExit};
pub use syntax_error::SyntaxError;
pub use unicode_error::{
    UnicodeDecodeError, UnicodeEncodeError, UnicodeTranslateError, raise_decode_error, raise_encode_error,
};

/// Common base class for all exceptions
#[repr(C)]
#[derive(Default)]
#[pyclass(flags = BASETYPE | BASE_EXC_SUBCLASS, dict)]
pub struct BaseException {
    /// The constructor's arguments, a tuple; empty cell = `()`.
    pub args: ObjCell,
    pub traceback: ObjCell,
    pub context: ObjCell,
    pub cause: ObjCell,
    pub suppress_context: Cell<bool>,
}

impl Trace for BaseException {
    fn trace(&self, visitor: &mut Visitor<'_>) {
        for cell in [&self.args, &self.traceback, &self.context, &self.cause] {
            cell.trace(visitor);
        }
    }
    fn clear(&self) {
        for cell in [&self.args, &self.traceback, &self.context, &self.cause] {
            cell.clear();
        }
    }
}

impl BaseException {
    /// `args` as a tuple.
    pub fn args(&self) -> Ptr<Tuple> {
        match self.args.get().map(Obj::into_ptr::<Tuple>) {
            Some(Ok(args)) => args,
            _ => Tuple::empty(),
        }
    }

    /// The only argument, if there is just one.
    pub fn only_argument(&self) -> Option<Obj> {
        match self.args().items() {
            [only] => Some(only.clone()),
            _ => None,
        }
    }
}

/// Declares classes that add no data to the payload of their base.
macro_rules! plain_exceptions {
    ($($name:ident: $base:ident($payload:ident) $doc:tt;)*) => {
        $(
            #[doc = $doc]
            #[repr(transparent)]
            #[pyclass(flags = BASETYPE | BASE_EXC_SUBCLASS, dict, base = $base, parts())]
            pub struct $name($payload);

            impl AsRef<BaseException> for $name {
                fn as_ref(&self) -> &BaseException {
                    self.0.as_ref()
                }
            }
        )*

        /// The classes declared here, bases first.
        const PLAIN: &[fn() -> &'static ClassDef] = &[$($name::def),*];
    };
}

impl AsRef<BaseException> for BaseException {
    fn as_ref(&self) -> &BaseException {
        self
    }
}

plain_exceptions! {
    Exception: BaseException(BaseException) "Common base class for all non-exit exceptions.";
    GeneratorExit: BaseException(BaseException) "Request that a generator exit.";
    KeyboardInterrupt: BaseException(BaseException) "Program interrupted by user.";
    ArithmeticError: Exception(BaseException) "Base class for arithmetic errors.";
    FloatingPointError: ArithmeticError(BaseException) "Floating-point operation failed.";
    OverflowError: ArithmeticError(BaseException) "Result too large to be represented.";
    ZeroDivisionError: ArithmeticError(BaseException) "Second argument to a division or modulo operation was zero.";
    AssertionError: Exception(BaseException) "Assertion failed.";
    BufferError: Exception(BaseException) "Buffer error.";
    EOFError: Exception(BaseException) "Read beyond end of file.";
    LookupError: Exception(BaseException) "Base class for lookup errors.";
    IndexError: LookupError(BaseException) "Sequence index out of range.";
    MemoryError: Exception(BaseException) "Out of memory.";
    ReferenceError: Exception(BaseException) "Weak ref proxy used after referent went away.";
    RuntimeError: Exception(BaseException) "Unspecified run-time error.";
    NotImplementedError: RuntimeError(BaseException) "Method or function hasn't been implemented yet.";
    PythonFinalizationError: RuntimeError(BaseException) "Operation blocked during Python finalization.";
    RecursionError: RuntimeError(BaseException) "Recursion limit exceeded.";
    StopAsyncIteration: Exception(BaseException) "Signal the end from iterator.__anext__().";
    SystemError: Exception(BaseException) "Internal error in the Python interpreter.\n\nPlease report this to the Python maintainer, along with the traceback,\nthe Python version, and the hardware/OS platform and version.";
    TypeError: Exception(BaseException) "Inappropriate argument type.";
    ValueError: Exception(BaseException) "Inappropriate argument value (of correct type).";
    UnicodeError: ValueError(BaseException) "Unicode related error.";
    Warning: Exception(BaseException) "Base class for warning categories.";
    BytesWarning: Warning(BaseException) "Base class for warnings about bytes and buffer related problems, mostly\nrelated to conversion from str or comparing to str.";
    DeprecationWarning: Warning(BaseException) "Base class for warnings about deprecated features.";
    EncodingWarning: Warning(BaseException) "Base class for warnings about encodings.";
    FutureWarning: Warning(BaseException) "Base class for warnings about constructs that will change semantically\nin the future.";
    ImportWarning: Warning(BaseException) "Base class for warnings about probable mistakes in module imports";
    PendingDeprecationWarning: Warning(BaseException) "Base class for warnings about features which will be deprecated\nin the future.";
    ResourceWarning: Warning(BaseException) "Base class for warnings about resource usage.";
    RuntimeWarning: Warning(BaseException) "Base class for warnings about dubious runtime behavior.";
    SyntaxWarning: Warning(BaseException) "Base class for warnings about dubious syntax.";
    UnicodeWarning: Warning(BaseException) "Base class for warnings about Unicode related problems, mostly\nrelated to conversion problems.";
    UserWarning: Warning(BaseException) "Base class for warnings generated by user code.";
    ModuleNotFoundError: ImportError(ImportError) "Module not found.";
    UnboundLocalError: NameError(NameError) "Local name referenced but not bound to a value.";
    IndentationError: SyntaxError(SyntaxError) "Improper indentation.";
    TabError: IndentationError(SyntaxError) "Improper mixture of spaces and tabs.";
    BlockingIOError: OSError(OSError) "I/O operation would block.";
    ChildProcessError: OSError(OSError) "Child process error.";
    ConnectionError: OSError(OSError) "Connection error.";
    BrokenPipeError: ConnectionError(OSError) "Broken pipe.";
    ConnectionAbortedError: ConnectionError(OSError) "Connection aborted.";
    ConnectionRefusedError: ConnectionError(OSError) "Connection refused.";
    ConnectionResetError: ConnectionError(OSError) "Connection reset.";
    FileExistsError: OSError(OSError) "File already exists.";
    FileNotFoundError: OSError(OSError) "File not found.";
    InterruptedError: OSError(OSError) "Interrupted by signal.";
    IsADirectoryError: OSError(OSError) "Operation doesn't work on directories.";
    NotADirectoryError: OSError(OSError) "Operation only works on directories.";
    PermissionError: OSError(OSError) "Not enough permissions.";
    ProcessLookupError: OSError(OSError) "Process not found.";
    TimeoutError: OSError(OSError) "Timeout expired.";
}

/// Mapping key not found.
#[repr(transparent)]
#[pyclass(flags = BASETYPE | BASE_EXC_SUBCLASS, dict, base = LookupError)]
pub struct KeyError(BaseException);

/// incomplete input.
#[repr(transparent)]
#[pyclass(name = "_IncompleteInputError", flags = BASETYPE | BASE_EXC_SUBCLASS, dict, base = SyntaxError, parts())]
pub struct IncompleteInputError(#[allow(dead_code)] SyntaxError);

/// All exception classes; every class comes after its base.
pub fn all_classes() -> Vec<fn() -> &'static ClassDef> {
    let mut classes: Vec<fn() -> &'static ClassDef> = vec![BaseException::def];
    let with_data: [fn() -> &'static ClassDef; 14] = [
        KeyError::def,
        StopIteration::def,
        SystemExit::def,
        ImportError::def,
        NameError::def,
        AttributeError::def,
        OSError::def,
        SyntaxError::def,
        IncompleteInputError::def,
        UnicodeDecodeError::def,
        UnicodeEncodeError::def,
        UnicodeTranslateError::def,
        BaseExceptionGroup::def,
        ExceptionGroup::def,
    ];
    // Everything the classes with data derive from stands before the first plain class that derives
    // from one of them.
    let split = PLAIN.iter().position(|def| std::ptr::eq(def(), ModuleNotFoundError::def())).unwrap_or(PLAIN.len());
    classes.extend_from_slice(&PLAIN[..split]);
    classes.extend_from_slice(&with_data);
    classes.extend_from_slice(&PLAIN[split..]);
    classes
}

/// The common part of an exception.
#[inline]
pub fn base_of(exc: &Obj) -> Option<&Object<BaseException>> {
    // SAFETY: the flag is inherited from `BaseException`, with whose payload those of all its subclasses begin.
    is_exception(exc).then(|| unsafe { exc.downcast_unchecked::<BaseException>() })
}

/// True for instances of `BaseException`.
#[inline]
pub fn is_exception(obj: &Obj) -> bool {
    obj.class().has_flag(flags::BASE_EXC_SUBCLASS)
}

/// The class, if `obj` is a class of exceptions.
#[inline]
pub fn as_exception_class(obj: &Obj) -> Option<&Type> {
    crate::types::as_type(obj).filter(|class| class.has_flag(flags::BASE_EXC_SUBCLASS))
}

/// Makes `handled`, the exception being handled, the context of `exc`, which is about to be raised. If
/// `exc` already is in the context chain of `handled`, the chain is cut there, so that it has an end.
pub fn set_context(exc: &Obj, handled: Obj) {
    if exc.is(&handled) {
        return;
    }
    let Some(base) = base_of(exc) else { return };
    let mut at = handled.clone();
    // A second walker at half speed notices a chain that is a cycle already.
    let (mut slow, mut slow_moves) = (handled.clone(), false);
    while let Some(context) = base_of(&at).and_then(|b| b.context.get()) {
        if context.is(exc) {
            if let Some(b) = base_of(&at) {
                b.context.set(None);
            }
            break;
        }
        at = context;
        if at.is(&slow) {
            break;
        }
        if slow_moves && let Some(next) = base_of(&slow).and_then(|b| b.context.get()) {
            slow = next;
        }
        slow_moves = !slow_moves;
    }
    base.context.put(handled);
}

/// `__context__`
pub fn context(exc: &Obj) -> Option<Obj> {
    base_of(exc)?.context.get()
}

/// `__cause__`
pub fn cause(exc: &Obj) -> Option<Obj> {
    base_of(exc)?.cause.get()
}

/// Sets `__cause__`, which suppresses the display of the context.
pub fn set_cause(exc: &Obj, cause: Option<Obj>) {
    if let Some(base) = base_of(exc) {
        base.suppress_context.set(true);
        base.cause.set(cause);
    }
}

/// `__traceback__`
pub fn traceback(exc: &Obj) -> Option<Obj> {
    base_of(exc)?.traceback.get()
}

pub fn set_traceback(exc: &Obj, traceback: Option<Obj>) {
    if let Some(base) = base_of(exc) {
        base.traceback.set(traceback);
    }
}

/// True if `obj` matches the exception class (or tuple of classes) `wanted`, as `except` decides it;
/// objects that are neither never match.
pub fn matches(obj: &Obj, wanted: &Obj) -> bool {
    if let Some(tuple) = wanted.downcast::<Tuple>() {
        return tuple.items().iter().any(|item| matches(obj, item));
    }
    let class = if is_exception(obj) { Some(obj.class()) } else { crate::types::as_type(obj) };
    match (class, as_exception_class(wanted)) {
        (Some(class), Some(wanted)) => class.is_subclass(wanted),
        _ => obj.is(wanted),
    }
}

/// Makes an exception: `class(*args)`, checked to be one.
pub fn instantiate(class: &Obj, args: &[Obj]) -> PyResult<Obj> {
    let exc = crate::call::call(class, args)?;
    if is_exception(&exc) {
        return Ok(exc);
    }
    Err(crate::raise!(
        TypeError,
        "calling {} should have returned an instance of BaseException, not {}",
        crate::protocols::text::repr_text(class)?,
        crate::protocols::text::repr_text(&exc.class().to_obj())?
    ))
}

/// Makes an instance of `T` with one text argument, without calling into Python code.
fn with_text<T: PyClass>(text: &str, payload: T) -> Ptr<T> {
    let exc = Ptr::new(payload);
    if let Some(base) = base_of(&exc.as_obj()) {
        base.args.put(Tuple::from_vec(vec![Str::new(text).into_obj()]).into_obj());
    }
    exc
}

/// Raises `AttributeError` with `name` and `obj` set.
#[cold]
pub fn raise_attribute_error(text: &str, obj: &Obj, name: &Object<Str>) -> Raised {
    let exc = with_text(text, AttributeError::default());
    exc.name.put(name.to_obj());
    exc.obj.put(obj.clone());
    Raised::new(exc.into_obj())
}

/// Raises `NameError` with `name` set.
#[cold]
pub fn raise_name_error(text: &str, name: &Object<Str>) -> Raised {
    let exc = with_text(text, NameError::default());
    exc.name.put(name.to_obj());
    Raised::new(exc.into_obj())
}

/// Raises `UnboundLocalError`, which CPython leaves without a name.
#[cold]
pub fn raise_unbound_local_error(text: &str) -> Raised {
    Raised::new(with_text(text, UnboundLocalError(NameError::default())).into_obj())
}

/// Raises `ImportError` with its attributes.
#[cold]
pub fn raise_import_error(text: &str, name: Option<Obj>, path: Option<Obj>, name_from: Option<Obj>) -> Raised {
    let exc = with_text(text, ImportError::default());
    fill_import_error(&exc, text, name, path, name_from);
    Raised::new(exc.into_obj())
}

/// Raises `ModuleNotFoundError` for the module `name`.
#[cold]
pub fn raise_module_not_found(text: &str, name: Obj) -> Raised {
    let exc = with_text(text, ModuleNotFoundError(ImportError::default()));
    fill_import_error(&exc.0, text, Some(name), None, None);
    Raised::new(exc.into_obj())
}

fn fill_import_error(exc: &ImportError, text: &str, name: Option<Obj>, path: Option<Obj>, name_from: Option<Obj>) {
    exc.msg.put(Str::new(text).into_obj());
    exc.name.set(name);
    exc.path.set(path);
    exc.name_from.set(name_from);
}

/// Where the compiler found an error, as `SyntaxError` shows it.
pub struct SyntaxLocation {
    pub filename: Obj,
    pub lineno: i64,
    pub offset: i64,
    pub text: Obj,
    pub end_lineno: i64,
    pub end_offset: i64,
}

/// Raises `class` (`SyntaxError` or a subclass) with its location.
#[cold]
pub fn raise_syntax_error(class: &Type, text: &str, location: Option<SyntaxLocation>) -> Raised {
    let mut args = vec![Str::new(text).into_obj()];
    if let Some(l) = location {
        let number = int::new;
        args.push(
            Tuple::from_vec(vec![
                l.filename,
                number(l.lineno),
                number(l.offset),
                l.text,
                number(l.end_lineno),
                number(l.end_offset),
            ])
            .into_obj(),
        );
    }
    crate::errors::raise_class(class, &args)
}

/// The value that a `StopIteration` carries.
pub fn stop_iteration_value(exc: &Obj) -> Obj {
    exc.downcast::<StopIteration>().and_then(|e| e.value.get()).unwrap_or_else(none)
}

/// The state for `__reduce__`: a copy of the instance dictionary, if there is anything in it.
fn instance_state(exc: &Obj) -> PyResult<Option<Ptr<crate::objects::dict::Dict>>> {
    Ok(crate::types::shape::instance_dict(exc)?.filter(|d| !d.is_empty()))
}

/// Adds a note, as `add_note` does.
pub fn add_note(exc: &Obj, note: &Obj) -> PyResult<()> {
    crate::call::call_method_str(exc, crate::name!("add_note"), std::slice::from_ref(note)).map(drop)
}
