//! What the stream classes share: their error class, argument types, and calls of stream methods by name.
//!
//! Streams may be of any class, so they talk to each other by method calls; the helpers here check the results as
//! the protocol demands.

use pyrs_runtime::args::FromArg;
use pyrs_runtime::call;
use pyrs_runtime::errors::{PyResult, Raised, raise_text};
use pyrs_runtime::object::{Obj, Object, PyClass};
use pyrs_runtime::objects::exceptions::{self, InterruptedError, ResourceWarning};
use pyrs_runtime::objects::int;
use pyrs_runtime::objects::singletons::as_bool;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::protocols::{attr, number, text, truth};
use pyrs_runtime::thread::{self, runtime};
use pyrs_runtime::types::as_type;
use pyrs_runtime::{name, raise};

pub const UNSUPPORTED: &str = "io.UnsupportedOperation";

/// Buffer size of streams that are not told another.
pub const DEFAULT_BUFFER_SIZE: isize = 131072;

/// Raises `io.UnsupportedOperation`.
#[cold]
pub fn unsupported(message: &str) -> Raised {
    let class = runtime().registered(UNSUPPORTED);
    match class.as_ref().and_then(as_type) {
        Some(class) => raise_text(class, message),
        None => raise!(OSError, "{message}"),
    }
}

/// "I/O operation on closed file."
#[cold]
pub fn closed_error() -> Raised {
    raise!(ValueError, "I/O operation on closed file.")
}

#[cold]
pub fn uninitialized() -> Raised {
    raise!(ValueError, "I/O operation on uninitialized object")
}

/// "cannot pickle 'FileIO' instances"
#[cold]
pub fn cannot_pickle(this: &Obj) -> Raised {
    raise!(TypeError, "cannot pickle '{}' instances", this.class().short_name())
}

/// Calls a method without arguments.
#[inline]
pub fn method(obj: &Obj, name: &Object<Str>) -> PyResult<Obj> {
    call::call_method_str(obj, name, &[])
}

/// Calls a method whose answer is yes or no.
pub fn ask(obj: &Obj, name: &Object<Str>) -> PyResult<bool> {
    truth::is_true(&method(obj, name)?)
}

/// The truth of `stream.closed`.
pub fn is_closed(stream: &Obj) -> PyResult<bool> {
    truth::is_true(&attr::getattr(stream, name!("closed"))?)
}

/// ValueError if the stream says that it is closed.
pub fn check_open(stream: &Obj) -> PyResult<()> {
    if is_closed(stream)? { Err(closed_error()) } else { Ok(()) }
}

/// Raises UnsupportedOperation unless the stream's method `name` answers True.
fn check_ability(stream: &Obj, name: &Object<Str>, ability: &str) -> PyResult<()> {
    if ask(stream, name)? { Ok(()) } else { Err(unsupported(&format!("File or stream is not {ability}."))) }
}

pub fn check_readable(stream: &Obj) -> PyResult<()> {
    check_ability(stream, name!("readable"), "readable")
}

pub fn check_writable(stream: &Obj) -> PyResult<()> {
    check_ability(stream, name!("writable"), "writable")
}

pub fn check_seekable(stream: &Obj) -> PyResult<()> {
    check_ability(stream, name!("seekable"), "seekable")
}

/// Repeats a call that a signal interrupted.
pub fn retry_interrupted(mut f: impl FnMut() -> PyResult<Obj>) -> PyResult<Obj> {
    loop {
        match f() {
            Err(raised) if raised.matches(InterruptedError::class()) => {
                raised.discard();
                crate::os::check_signals()?;
            }
            other => return other,
        }
    }
}

/// A count of bytes or characters; anything without `__index__` is refused as the stream methods do.
pub struct Size(pub isize);

impl<'a> FromArg<'a> for Size {
    fn from_arg(arg: &'a Obj) -> PyResult<Self> {
        let value = arg.value();
        if value.is_fixnum() {
            return Ok(Size(value.as_fixnum() as isize));
        }
        if !number::has_index(arg) {
            return Err(raise!(TypeError, "argument should be integer or None, not '{}'", arg.class().name()));
        }
        number::as_ssize(arg, true).map(Size)
    }
}

/// The size that was asked for; None means all.
pub fn size_or_all(size: Option<Size>) -> isize {
    size.map_or(-1, |s| s.0)
}

/// The value for the flag `_finalizing`.
pub fn bool_value(value: Option<&Obj>) -> PyResult<bool> {
    match value.map(as_bool) {
        Some(Some(flag)) => Ok(flag),
        Some(None) => Err(raise!(TypeError, "attribute value type must be bool")),
        None => Err(raise!(TypeError, "can't delete numeric/char attribute")),
    }
}

/// A position in a stream.
pub fn offset(obj: &Obj) -> PyResult<i64> {
    let index = number::index(obj)?;
    int::to_i64(&index)
        .ok_or_else(|| raise!(ValueError, "cannot fit '{}' into an offset-sized integer", obj.class().name()))
}

/// A text argument; the message names the function.
pub fn text_or_none<'a>(arg: &'a Obj, function: &str, name: &str) -> PyResult<Option<&'a Object<Str>>> {
    if arg.is_none() {
        return Ok(None);
    }
    match arg.downcast::<Str>() {
        Some(text) => Ok(Some(text)),
        None => Err(raise!(
            TypeError,
            "{function}() argument '{name}' must be str or None, not {}",
            pyrs_runtime::args::type_name_for_message(arg)
        )),
    }
}

/// A text argument that may be left out, without NUL characters.
pub fn text_argument<'a>(arg: Option<&'a Obj>, function: &str, name: &str) -> PyResult<Option<&'a Object<Str>>> {
    let Some(arg) = arg.filter(|a| !a.is_none()) else { return Ok(None) };
    let Some(text) = text_or_none(arg, function, name)? else { return Ok(None) };
    if text.code_points().any(|c| c == 0) {
        return Err(raise!(ValueError, "embedded null character"));
    }
    Ok(Some(text))
}

/// Warns that a file was left open; `source` is the object that the user knows.
pub fn warn_unclosed(source: &Obj) -> PyResult<()> {
    let message = format!("unclosed file {}", text::repr_text(source)?);
    let warnings = crate::core::import::import_module("_warnings")?;
    let args = [Str::new(&message).into_obj(), ResourceWarning::class().to_obj(), int::new(1), source.clone()];
    match call::call_method_str(&warnings, name!("warn"), &args) {
        // An error here would hide the one that the user should see.
        Err(raised) if raised.matches(exceptions::Warning::class()) => {
            pyrs_runtime::errors::write_unraisable(raised, Some(source));
            Ok(())
        }
        other => other.map(drop),
    }
}

/// Joins the results of two steps of which both had to run: a second error has the first as its context.
pub fn chain<T, U>(first: Result<T, Obj>, second: PyResult<U>) -> PyResult<U> {
    let Err(earlier) = first else { return second };
    match second {
        Ok(_) => {
            thread::current().restore_exception(Some(earlier));
            Err(Raised::pending())
        }
        Err(raised) => {
            let later = raised.take();
            exceptions::set_context(&later, earlier);
            thread::current().restore_exception(Some(later));
            Err(Raised::pending())
        }
    }
}

/// `OSError(text)` with the pending exception as its cause.
#[cold]
pub fn failed_from(raised: Raised, message: &str) -> Raised {
    let cause = raised.take();
    let second = raise!(OSError, "{message}").take();
    exceptions::set_cause(&second, Some(cause.clone()));
    exceptions::set_context(&second, cause);
    thread::current().restore_exception(Some(second));
    Raised::pending()
}

/// The name of a stream for its repr: None if it has none that can be shown.
pub fn shown_name(this: &Obj) -> PyResult<Option<Obj>> {
    match attr::getattr_optional(this, name!("name")) {
        Err(raised) if raised.matches(exceptions::ValueError::class()) => {
            raised.discard();
            Ok(None)
        }
        other => other,
    }
}

/// Where the next line ends: behind the newline, if there is one.
pub fn find_newline(data: &[u8]) -> Option<usize> {
    memchr(b'\n', data).map(|i| i + 1)
}

/// The position of a byte.
pub fn memchr(byte: u8, data: &[u8]) -> Option<usize> {
    // SAFETY: the search stays inside the slice.
    let found = unsafe { libc::memchr(data.as_ptr().cast(), byte as i32, data.len()) };
    (!found.is_null()).then(|| found as usize - data.as_ptr() as usize)
}
