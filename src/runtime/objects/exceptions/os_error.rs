//! `OSError`, whose constructor chooses the subclass by `errno`.

use std::cell::Cell;

use super::base::{attributes, store_args, trace_cells};
use super::{BaseException, Exception, instance_state};
use crate::call::Args;
use crate::errors::PyResult;
use crate::object::{Obj, ObjCell, Object, Ptr, PyClass};
use crate::objects::int;
use crate::objects::singletons::none;
use crate::objects::text_builder::TextBuilder;
use crate::objects::tuple::Tuple;
use crate::protocols::number;
use crate::raise;
use crate::types::Type;
use pyrs_macros::{pyclass, pymethods};

/// Base class for I/O related errors.
#[repr(C)]
#[derive(Default)]
#[pyclass(flags = BASETYPE | BASE_EXC_SUBCLASS, dict, base = Exception, parts(PART, MEMBERS))]
pub struct OSError {
    pub base: BaseException,
    pub errno: ObjCell,
    pub strerror: ObjCell,
    pub filename: ObjCell,
    pub filename2: ObjCell,
    /// `characters_written` of `BlockingIOError`.
    written: Cell<Option<isize>>,
}

trace_cells!(OSError { errno, strerror, filename, filename2 });
attributes!(OSError, MEMBERS {
    errno set_errno "POSIX exception code";
    strerror set_strerror "exception strerror";
    filename set_filename "exception filename";
    filename2 set_filename2 "second exception filename";
});

/// The subclass for an error number.
fn class_for_errno(errno: i32) -> Option<&'static Type> {
    Some(match errno {
        libc::EAGAIN | libc::EALREADY | libc::EINPROGRESS => super::BlockingIOError::class(),
        libc::EPIPE | libc::ESHUTDOWN => super::BrokenPipeError::class(),
        libc::ECHILD => super::ChildProcessError::class(),
        libc::ECONNABORTED => super::ConnectionAbortedError::class(),
        libc::ECONNREFUSED => super::ConnectionRefusedError::class(),
        libc::ECONNRESET => super::ConnectionResetError::class(),
        libc::EEXIST => super::FileExistsError::class(),
        libc::ENOENT => super::FileNotFoundError::class(),
        libc::EISDIR => super::IsADirectoryError::class(),
        libc::ENOTDIR => super::NotADirectoryError::class(),
        libc::EINTR => super::InterruptedError::class(),
        libc::EACCES | libc::EPERM => super::PermissionError::class(),
        libc::ESRCH => super::ProcessLookupError::class(),
        libc::ETIMEDOUT => super::TimeoutError::class(),
        _ => return None,
    })
}

/// A Python subclass with its own `__init__` but our `__new__` leaves its arguments to `__init__`, which
/// may well call ours.
fn init_does_the_work(class: &Type) -> bool {
    let (own, ours) = (class.slots(), OSError::class().slots());
    own.init.map(|f| f as usize) != ours.init.map(|f| f as usize)
        && own.new.map(|f| f as usize) == ours.new.map(|f| f as usize)
}

/// Fills the attributes from the arguments `(errno, strerror, filename, winerror, filename2)`; other
/// numbers of arguments mean nothing in particular.
fn fill(exc: &Object<OSError>, args: &[Obj]) -> PyResult<()> {
    let mut kept = args;
    if (2..=5).contains(&args.len()) {
        exc.errno.put(args[0].clone());
        exc.strerror.put(args[1].clone());
        if let Some(filename) = args.get(2).filter(|f| !f.is_none()) {
            let blocking = std::ptr::eq(exc.class(), super::BlockingIOError::class());
            if blocking && number::is_number(filename) {
                exc.written.set(Some(number::as_ssize(filename, false)?));
            } else {
                exc.filename.put(filename.clone());
                exc.filename2.set(args.get(4).filter(|f| !f.is_none()).cloned());
                kept = &args[..2];
            }
        }
    }
    exc.base.args.put(Tuple::from_slice(kept).into_obj());
    Ok(())
}

fn no_written_count() -> crate::errors::Raised {
    raise!(AttributeError, "characters_written")
}

#[pymethods]
impl OSError {
    #[slot(new)]
    fn new(cls: &Type, args: Args<'_>) -> PyResult<Obj> {
        if init_does_the_work(cls) {
            let exc = Ptr::new_in(cls, OSError::default());
            store_args(&exc.base, Args::EMPTY);
            return Ok(exc.into_obj());
        }
        args.no_keywords(cls.name())?;
        let values = args.positionals();
        let mut class = cls;
        if std::ptr::eq(cls, OSError::class())
            && (2..=5).contains(&values.len())
            && let Some(errno) = int::to_i64(&values[0]).and_then(|n| i32::try_from(n).ok())
        {
            class = class_for_errno(errno).unwrap_or(cls);
        }
        let exc = Ptr::new_in(class, OSError::default());
        fill(&exc, values)?;
        Ok(exc.into_obj())
    }

    #[slot(init)]
    fn init(this: &Obj, args: Args<'_>) -> PyResult<()> {
        if !init_does_the_work(this.class()) {
            return Ok(());
        }
        args.no_keywords(this.class().name())?;
        fill(this.downcast::<OSError>().expect("a slot of this class"), args.positionals())
    }

    #[slot(str)]
    fn str(this: &Obj) -> PyResult<Obj> {
        let exc = this.downcast::<OSError>().expect("a slot of this class");
        let (errno, strerror) = (exc.errno.get(), exc.strerror.get());
        let mut out = TextBuilder::new();
        let filename = exc.filename.get();
        if filename.is_none() && (errno.is_none() || strerror.is_none()) {
            return BaseException::str(this);
        }
        out.text("[Errno ").str(&errno.unwrap_or_else(none))?;
        out.text("] ").str(&strerror.unwrap_or_else(none))?;
        if let Some(filename) = filename {
            out.text(": ").repr(&filename)?;
            if let Some(second) = exc.filename2.get() {
                out.text(" -> ").repr(&second)?;
            }
        }
        Ok(out.finish_obj())
    }

    #[pymethod(name = "__reduce__")]
    fn reduce(this: &Obj) -> PyResult<Obj> {
        let exc = this.downcast::<OSError>().expect("a method of this class");
        let mut args = exc.base.args().items().to_vec();
        if args.len() == 2
            && let Some(filename) = exc.filename.get()
        {
            args.push(filename);
            if let Some(second) = exc.filename2.get() {
                args.push(none());
                args.push(second);
            }
        }
        let mut parts = vec![this.class().to_obj(), Tuple::from_vec(args).into_obj()];
        parts.extend(instance_state(this)?.map(Ptr::into_obj));
        Ok(Tuple::from_vec(parts).into_obj())
    }

    #[getter]
    fn characters_written(&self) -> PyResult<isize> {
        self.written.get().ok_or_else(no_written_count)
    }

    #[setter]
    fn set_characters_written(&self, value: Option<&Obj>) -> PyResult<()> {
        match value {
            Some(value) => self.written.set(Some(number::as_ssize(value, false)?)),
            None => {
                self.written.take().ok_or_else(no_written_count)?;
            }
        }
        Ok(())
    }
}
