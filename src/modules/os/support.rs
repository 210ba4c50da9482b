//! What the system modules share: descriptor arguments, time-outs, tables of constants, checked results.

use std::io;
use std::time::{Duration, Instant};

use pyrs_runtime::args::FromArg;
use pyrs_runtime::call;
use pyrs_runtime::errors::{PyResult, Raised, raise_io};
use pyrs_runtime::object::{Obj, Object, PyClass};
use pyrs_runtime::objects::exceptions::RuntimeWarning;
use pyrs_runtime::objects::module::Module;
use pyrs_runtime::objects::{float, int, singletons};
use pyrs_runtime::protocols::{attr, number};
use pyrs_runtime::thread::allow_threads;
use pyrs_runtime::{hooks, raise};

/// A file descriptor as an argument: an int, or an object with `fileno()`.
#[derive(Copy, Clone)]
pub struct Fd(pub i32);

impl<'a> FromArg<'a> for Fd {
    fn from_arg(arg: &'a Obj) -> PyResult<Self> {
        descriptor(arg).map(Fd)
    }
}

/// The descriptor that an int or an object with `fileno()` stands for.
pub fn descriptor(obj: &Obj) -> PyResult<i32> {
    let fd = if int::is_int(obj) {
        if singletons::as_bool(obj).is_some() {
            (hooks::hooks().warn)(RuntimeWarning::class(), "bool is used as a file descriptor", 1)?;
        }
        i32::from_arg(obj)?
    } else {
        match attr::getattr_optional(obj, pyrs_runtime::name!("fileno"))? {
            Some(fileno) => {
                let number = call::call(&fileno, &[])?;
                if !int::is_int(&number) {
                    return Err(raise!(TypeError, "fileno() returned a non-integer"));
                }
                i32::from_arg(&number)?
            }
            None => return Err(raise!(TypeError, "argument must be an int, or have a fileno() method.")),
        }
    };
    if fd < 0 {
        return Err(raise!(ValueError, "file descriptor cannot be a negative integer ({fd})"));
    }
    Ok(fd)
}

/// Adds integer constants to a module.
pub fn add_constants(module: &Object<Module>, constants: &[(&str, i64)]) {
    for (name, value) in constants {
        module.add(name, int::new(*value));
    }
}

/// `OSError` for the calling thread's `errno`.
pub fn os_error() -> Raised {
    raise_io(&io::Error::last_os_error(), None)
}

/// The result of a system call that reports errors by a negative number.
pub fn check(result: i64) -> PyResult<i64> {
    if result < 0 { Err(os_error()) } else { Ok(result) }
}

/// The outcome of a system call, in a form that leaves the code without the GIL.
pub fn outcome(result: i64) -> io::Result<i64> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Repeats an interrupted call without the GIL, with signal handlers run in between.
pub fn retry(mut f: impl FnMut() -> io::Result<i64> + Send) -> PyResult<i64> {
    // What has arrived already would not interrupt the call.
    crate::os::check_signals()?;
    loop {
        match allow_threads(&mut f) {
            Err(e) if e.raw_os_error() == Some(libc::EINTR) => crate::os::check_signals()?,
            Err(e) => return Err(raise_io(&e, None)),
            Ok(n) => return Ok(n),
        }
    }
}

/// How a number of seconds becomes nanoseconds.
#[derive(Copy, Clone, PartialEq)]
pub enum Rounding {
    /// Away from zero: waits are never shorter than asked for.
    AwayFromZero,
    Ceiling,
    Floor,
    HalfEven,
}

/// Seconds, an int or a float, as nanoseconds; `what` names it in the TypeError for anything else.
pub fn nanoseconds(obj: &Obj, rounding: Rounding) -> PyResult<i64> {
    let too_large = || raise!(OverflowError, "timestamp out of range for C PyTime_t");
    if let Some(x) = float::view(obj) {
        if x.is_nan() {
            return Err(raise!(ValueError, "Invalid value NaN (not a number)"));
        }
        let ns = x * 1e9;
        let ns = match rounding {
            Rounding::AwayFromZero => {
                if ns >= 0.0 {
                    ns.ceil()
                } else {
                    ns.floor()
                }
            }
            Rounding::Ceiling => ns.ceil(),
            Rounding::Floor => ns.floor(),
            Rounding::HalfEven => ns.round_ties_even(),
        };
        if !(-9.223372036854776e18..9.223372036854776e18).contains(&ns) {
            return Err(too_large());
        }
        return Ok(ns as i64);
    }
    if !number::has_index(obj) {
        return Err(raise!(TypeError, "'{}' object cannot be interpreted as an integer or float", obj.class().name()));
    }
    let index = number::index(obj)?;
    int::to_i64(&index).and_then(|s| s.checked_mul(1_000_000_000)).ok_or_else(too_large)
}

/// The time until which something may block.
#[derive(Copy, Clone)]
pub struct Deadline(Option<Instant>);

impl Deadline {
    pub const NEVER: Deadline = Deadline(None);

    /// `ns` from now; negative = never.
    pub fn after(ns: i64) -> Deadline {
        match u64::try_from(ns) {
            Ok(ns) => Deadline(Instant::now().checked_add(Duration::from_nanos(ns))),
            Err(_) => Deadline::NEVER,
        }
    }

    /// What is left, `None` if it never comes.
    pub fn left(self) -> Option<Duration> {
        self.0.map(|at| at.saturating_duration_since(Instant::now()))
    }

    /// What is left in milliseconds, rounded up, as `poll` takes it.
    pub fn left_ms(self) -> i32 {
        match self.left() {
            None => -1,
            Some(left) => left.as_nanos().div_ceil(1_000_000).min(i32::MAX as u128) as i32,
        }
    }
}

/// Text of C strings: bytes that are not UTF-8 become lone surrogates.
pub fn text_of(c: &std::ffi::CStr) -> Obj {
    crate::os::posix::posix::name_object(c.to_bytes(), false)
}
