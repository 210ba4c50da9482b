//! `select`: waiting until descriptors are ready.

use std::cell::Cell;
use std::io;

use pyrs_macros::{pyclass, pymethods, pymodule};
use pyrs_runtime::errors::{PyResult, raise_errno, raise_io};
use pyrs_runtime::object::{DataCell, Obj, Object, Ptr};
use pyrs_runtime::objects::int;
use pyrs_runtime::objects::list::List;
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::protocols::{number, sequence};
use pyrs_runtime::raise;
use pyrs_runtime::thread::allow_threads;
use pyrs_runtime::types::Type;

use crate::os::support::{Deadline, Fd, Rounding, descriptor, nanoseconds, os_error};

const EPOLL_DEFAULT: u32 = (libc::EPOLLIN | libc::EPOLLPRI | libc::EPOLLOUT) as u32;

/// A time-out in seconds, which may be None; `kinds` is what the TypeError asks for.
fn seconds(timeout: &Obj, kinds: &str) -> PyResult<i64> {
    if !number::is_number(timeout) || pyrs_runtime::objects::complex::view(timeout).is_some() {
        return Err(raise!(TypeError, "{kinds}"));
    }
    nanoseconds(timeout, Rounding::AwayFromZero)
}

/// Repeats an interrupted wait with what is left of the time.
fn wait(deadline: Deadline, mut f: impl FnMut(Deadline) -> io::Result<usize> + Send) -> PyResult<usize> {
    // What has arrived already would not interrupt the wait.
    crate::os::check_signals()?;
    loop {
        match allow_threads(|| f(deadline)) {
            Err(e) if e.raw_os_error() == Some(libc::EINTR) => crate::os::check_signals()?,
            Err(e) => return Err(raise_io(&e, None)),
            Ok(n) => return Ok(n),
        }
    }
}

fn counted(result: i32) -> io::Result<usize> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result as usize) }
}

/// The events argument of `poll` objects.
fn event_mask(obj: &Obj) -> PyResult<i16> {
    let index = number::index(obj)?;
    let n = int::to_bigint(&index).unwrap_or_default();
    match u16::try_from(&n) {
        Ok(mask) => Ok(mask as i16),
        Err(_) if number::is_negative(&index) => Err(raise!(ValueError, "Cannot convert negative int")),
        Err(_) if u64::try_from(&n).is_err() => Err(raise!(OverflowError, "int too big to convert")),
        Err(_) => Err(raise!(OverflowError, "Python int too large to convert to C unsigned short")),
    }
}

/// The object that `poll()` gives: a set of descriptors to wait for.
#[pyclass(name = "poll", module = "select", nogc, flags = DISALLOW_INSTANTIATION)]
pub struct Poll {
    entries: DataCell<Vec<(i32, i16)>>,
    polling: Cell<bool>,
}

#[pymethods]
impl Poll {
    /// Add a descriptor, or change what to wait for.
    #[pymethod(sig = "(fd, eventmask=select.POLLIN | select.POLLPRI | select.POLLOUT, /)")]
    fn register(&self, fd: Fd, eventmask: Option<&Obj>) -> PyResult<()> {
        let mask = match eventmask {
            Some(mask) => event_mask(mask)?,
            None => libc::POLLIN | libc::POLLPRI | libc::POLLOUT,
        };
        self.entries.with(|entries| match entries.iter_mut().find(|e| e.0 == fd.0) {
            Some(entry) => entry.1 = mask,
            None => entries.push((fd.0, mask)),
        });
        Ok(())
    }

    /// Change what to wait for.
    #[pymethod]
    fn modify(&self, fd: Fd, eventmask: &Obj) -> PyResult<()> {
        let mask = event_mask(eventmask)?;
        let found = self.entries.with(|entries| match entries.iter_mut().find(|e| e.0 == fd.0) {
            Some(entry) => {
                entry.1 = mask;
                true
            }
            None => false,
        });
        if found { Ok(()) } else { Err(raise_errno(libc::ENOENT, None)) }
    }

    /// Remove a descriptor.
    #[pymethod]
    fn unregister(&self, fd: Fd) -> PyResult<()> {
        let found = self.entries.with(|entries| {
            let at = entries.iter().position(|e| e.0 == fd.0);
            at.map(|at| entries.remove(at))
        });
        match found {
            Some(_) => Ok(()),
            None => Err(pyrs_runtime::errors::raise_key_error(&int::new(fd.0 as i64))),
        }
    }

    /// Wait, timeout milliseconds at most: a list of (descriptor, events) pairs.
    #[pymethod(sig = "(timeout=None, /)")]
    fn poll(&self, timeout: Option<&Obj>) -> PyResult<Obj> {
        let deadline = match timeout {
            None => Deadline::NEVER,
            Some(timeout) => {
                if !number::is_number(timeout) {
                    return Err(raise!(TypeError, "timeout must be an integer or None"));
                }
                let ms = match pyrs_runtime::objects::float::view(timeout) {
                    Some(x) if x.is_nan() => return Err(raise!(ValueError, "Invalid value NaN (not a number)")),
                    Some(x) => {
                        let ns = if x >= 0.0 { (x * 1e6).ceil() } else { (x * 1e6).floor() };
                        if ns.abs() >= 9.2e18 {
                            return Err(raise!(OverflowError, "timestamp out of range for C PyTime_t"));
                        }
                        ns as i64
                    }
                    None => {
                        let index = number::index(timeout)?;
                        let too_large = || raise!(OverflowError, "timestamp out of range for C PyTime_t");
                        int::to_i64(&index).and_then(|n| n.checked_mul(1_000_000)).ok_or_else(too_large)?
                    }
                };
                if ms / 1_000_000 > i32::MAX as i64 || ms / 1_000_000 < i32::MIN as i64 {
                    return Err(raise!(OverflowError, "timeout is too large"));
                }
                Deadline::after(ms)
            }
        };
        if self.polling.get() {
            return Err(raise!(RuntimeError, "concurrent poll() invocation"));
        }
        let mut fds: Vec<libc::pollfd> = self
            .entries
            .with(|entries| entries.iter().map(|&(fd, events)| libc::pollfd { fd, events, revents: 0 }).collect());
        self.polling.set(true);
        let result = wait(deadline, |deadline| {
            // SAFETY: the array has the stated length.
            counted(unsafe { libc::poll(fds.as_mut_ptr(), fds.len() as libc::nfds_t, deadline.left_ms()) })
        });
        self.polling.set(false);
        result?;
        let ready = fds.iter().filter(|f| f.revents != 0);
        Ok(List::from_vec(ready.map(|f| pair(f.fd, f.revents as u16 as i64)).collect()).into())
    }
}

fn pair(fd: i32, events: i64) -> Obj {
    Tuple::from_vec(vec![int::new(fd as i64), int::new(events)]).into()
}

/// select.epoll(sizehint=-1, flags=0)
///
/// An edge or level triggered set of descriptors to wait for.  sizehint must be positive or -1 and has
/// no effect; flags may be 0 or EPOLL_CLOEXEC, which is what every set has anyway.
#[pyclass(name = "epoll", module = "select", nogc)]
pub struct Epoll {
    fd: Cell<i32>,
}

impl Drop for Epoll {
    fn drop(&mut self) {
        self.close_descriptor();
    }
}

impl Epoll {
    fn close_descriptor(&self) -> i32 {
        let fd = self.fd.replace(-1);
        // SAFETY: the set owns its descriptor.
        if fd >= 0 { unsafe { libc::close(fd) } } else { 0 }
    }

    fn open(&self) -> PyResult<i32> {
        match self.fd.get() {
            -1 => Err(raise!(ValueError, "I/O operation on closed epoll object")),
            fd => Ok(fd),
        }
    }

    fn control(&self, operation: i32, fd: i32, events: u32) -> PyResult<()> {
        let set = self.open()?;
        let mut event = libc::epoll_event { events, u64: fd as u64 };
        // SAFETY: a valid structure.
        if unsafe { libc::epoll_ctl(set, operation, fd, &mut event) } < 0 {
            return Err(os_error());
        }
        Ok(())
    }
}

#[pymethods]
impl Epoll {
    #[new(sig = "(sizehint=-1, flags=0)", text_signature = "")]
    fn py_new(cls: &Type, sizehint: i32, flags: i32) -> PyResult<Obj> {
        if sizehint == -1 || sizehint > 0 {
            if flags != 0 && flags != libc::EPOLL_CLOEXEC {
                return Err(raise!(OSError, "invalid flags"));
            }
        } else {
            return Err(raise!(ValueError, "negative sizehint"));
        }
        // SAFETY: plain call.
        let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if fd < 0 {
            return Err(os_error());
        }
        Ok(Ptr::new_in(cls, Epoll { fd: Cell::new(fd) }).into())
    }

    /// A set over a descriptor that exists already.
    #[classmethod]
    fn fromfd(cls: &Type, fd: i32) -> PyResult<Obj> {
        Ok(Ptr::new_in(cls, Epoll { fd: Cell::new(fd) }).into())
    }

    /// Close the set; operations raise ValueError from now on.
    #[pymethod]
    fn close(&self) -> PyResult<()> {
        if self.close_descriptor() < 0 { Err(os_error()) } else { Ok(()) }
    }

    /// True if the set is closed.
    #[getter]
    fn closed(&self) -> bool {
        self.fd.get() < 0
    }

    /// The descriptor of the set itself.
    #[pymethod]
    fn fileno(&self) -> PyResult<i32> {
        self.open()
    }

    /// Add a descriptor; it must not be in the set.
    #[pymethod(sig = "(fd, eventmask=select.EPOLLIN | select.EPOLLPRI | select.EPOLLOUT)")]
    fn register(&self, fd: Fd, eventmask: Option<u32>) -> PyResult<()> {
        self.control(libc::EPOLL_CTL_ADD, fd.0, eventmask.unwrap_or(EPOLL_DEFAULT))
    }

    /// Change what to wait for.
    #[pymethod(sig = "(fd, eventmask)")]
    fn modify(&self, fd: Fd, eventmask: u32) -> PyResult<()> {
        self.control(libc::EPOLL_CTL_MOD, fd.0, eventmask)
    }

    /// Remove a descriptor.
    #[pymethod(sig = "(fd)")]
    fn unregister(&self, fd: Fd) -> PyResult<()> {
        self.control(libc::EPOLL_CTL_DEL, fd.0, 0)
    }

    /// Wait, timeout seconds at most: a list of at most maxevents (descriptor, events) pairs.
    #[pymethod(sig = "(timeout=None, maxevents=-1)")]
    fn poll(&self, timeout: Option<&Obj>, maxevents: i32) -> PyResult<Obj> {
        let set = self.open()?;
        let deadline = match timeout {
            None => Deadline::NEVER,
            Some(timeout) => {
                let ns = seconds(timeout, "timeout must be an integer or None")?;
                if ns / 1_000_000 > i32::MAX as i64 {
                    return Err(raise!(OverflowError, "timeout is too large"));
                }
                Deadline::after(ns)
            }
        };
        let maxevents = match maxevents {
            -1 => libc::FD_SETSIZE as i32 - 1,
            n if n < 1 => return Err(raise!(ValueError, "maxevents must be greater than 0, got {n}")),
            n => n,
        };
        let mut events = vec![libc::epoll_event { events: 0, u64: 0 }; maxevents as usize];
        let count = wait(deadline, |deadline| {
            // SAFETY: the array has the stated length.
            counted(unsafe { libc::epoll_wait(set, events.as_mut_ptr(), maxevents, deadline.left_ms()) })
        })?;
        let ready = events[..count].iter().map(|e| pair(e.u64 as i32, e.events as i64));
        Ok(List::from_vec(ready.collect()).into())
    }

    /// The set itself, unless it is closed.
    #[pymethod(name = "__enter__")]
    fn enter(this: &Object<Epoll>) -> PyResult<Obj> {
        this.open()?;
        Ok(this.to_obj())
    }

    /// Close the set.
    #[pymethod(name = "__exit__", sig = "(exc_type=None, exc_value=None, exc_tb=None, /)")]
    fn exit(&self, exc_type: Option<&Obj>, exc_value: Option<&Obj>, exc_tb: Option<&Obj>) -> PyResult<()> {
        let _ = (exc_type, exc_value, exc_tb);
        self.close()
    }
}

/// Waiting until descriptors are ready to be read or written.
#[pymodule(name = "select", classes(super::Epoll))]
pub mod select {
    use super::*;
    use pyrs_runtime::PyClass;
    use pyrs_runtime::objects::exceptions;
    use pyrs_runtime::objects::module::Module;

    use crate::os::support::add_constants;

    /// The descriptors of one of the three sequences, with the objects they came from.
    fn collect(sequence: &Obj) -> PyResult<Vec<(i32, Obj)>> {
        let items = match sequence.downcast::<List>() {
            Some(_) => None,
            None => Some(sequence::fast_items(sequence, "arguments 1-3 must be sequences")?),
        };
        let mut found = Vec::new();
        // A `fileno` method may change the list that is being walked.
        for i in 0.. {
            let item = match (&items, sequence.downcast::<List>()) {
                (Some(items), _) => items.get(i).cloned(),
                (None, list) => list.and_then(|l| l.get(i)),
            };
            let Some(item) = item else { break };
            let fd = descriptor(&item)?;
            if fd as usize >= libc::FD_SETSIZE {
                return Err(raise!(ValueError, "filedescriptor out of range in select()"));
            }
            found.push((fd, item));
        }
        if found.len() > libc::FD_SETSIZE {
            return Err(raise!(ValueError, "too many file descriptors in select()"));
        }
        Ok(found)
    }

    fn set_of(fds: &[(i32, Obj)]) -> libc::fd_set {
        // SAFETY: all-zero is an empty set; every descriptor is below FD_SETSIZE.
        unsafe {
            let mut set = std::mem::zeroed();
            libc::FD_ZERO(&mut set);
            fds.iter().for_each(|(fd, _)| libc::FD_SET(*fd, &mut set));
            set
        }
    }

    fn ready(fds: Vec<(i32, Obj)>, set: &libc::fd_set) -> Obj {
        // SAFETY: every descriptor is below FD_SETSIZE.
        let ready = fds.into_iter().filter(|(fd, _)| unsafe { libc::FD_ISSET(*fd, set) });
        List::from_vec(ready.map(|(_, obj)| obj).collect()).into()
    }

    /// Wait until one of several descriptors is ready.
    ///
    /// The sequences name those to wait for until they can be read, written, or have an exceptional
    /// condition: ints, or objects with fileno().  timeout is in seconds; None waits for ever.
    /// The result is three lists, the parts of the arguments that are ready.
    #[pyfunction(sig = "(rlist, wlist, xlist, timeout=None, /)")]
    fn select(rlist: &Obj, wlist: &Obj, xlist: &Obj, timeout: Option<&Obj>) -> PyResult<Obj> {
        let deadline = match timeout {
            None => Deadline::NEVER,
            Some(timeout) => {
                let ns = seconds(timeout, "timeout must be a float or None")?;
                if ns < 0 {
                    return Err(raise!(ValueError, "timeout must be non-negative"));
                }
                Deadline::after(ns)
            }
        };
        let (readers, writers, others) = (collect(rlist)?, collect(wlist)?, collect(xlist)?);
        let empty = (set_of(&readers), set_of(&writers), set_of(&others));
        let mut sets = empty;
        let highest =
            [&readers, &writers, &others].iter().flat_map(|l| l.iter().map(|(fd, _)| *fd)).max().unwrap_or(-1);
        wait(deadline, |deadline| {
            sets = empty;
            let mut left = deadline.left().map(|d| libc::timeval {
                tv_sec: d.as_secs() as libc::time_t,
                tv_usec: d.subsec_nanos().div_ceil(1000) as libc::suseconds_t,
            });
            if let Some(left) = &mut left
                && left.tv_usec == 1_000_000
            {
                (left.tv_sec, left.tv_usec) = (left.tv_sec + 1, 0);
            }
            let left = left.as_mut().map_or(std::ptr::null_mut(), std::ptr::from_mut);
            // SAFETY: valid sets, and a valid time or null.
            counted(unsafe { libc::select(highest + 1, &mut sets.0, &mut sets.1, &mut sets.2, left) })
        })?;
        let result = vec![ready(readers, &sets.0), ready(writers, &sets.1), ready(others, &sets.2)];
        Ok(Tuple::from_vec(result).into())
    }

    /// A new object for waiting by poll().
    #[pyfunction]
    fn poll() -> Obj {
        Ptr::new(Poll { entries: DataCell::new(Vec::new()), polling: Cell::new(false) }).into()
    }

    #[module_exec]
    fn exec(module: &Object<Module>) -> PyResult<()> {
        pyrs_runtime::types::ready(Poll::def());
        module.add("error", exceptions::OSError::class().to_obj());
        add_constants(module, CONSTANTS);
        Ok(())
    }

    /// Linux's numbers.
    const CONSTANTS: &[(&str, i64)] = &[
        ("EPOLLERR", 8),
        ("EPOLLET", 2147483648),
        ("EPOLLEXCLUSIVE", 268435456),
        ("EPOLLHUP", 16),
        ("EPOLLIN", 1),
        ("EPOLLMSG", 1024),
        ("EPOLLONESHOT", 1073741824),
        ("EPOLLOUT", 4),
        ("EPOLLPRI", 2),
        ("EPOLLRDBAND", 128),
        ("EPOLLRDHUP", 8192),
        ("EPOLLRDNORM", 64),
        ("EPOLLWAKEUP", 536870912),
        ("EPOLLWRBAND", 512),
        ("EPOLLWRNORM", 256),
        ("EPOLL_CLOEXEC", 524288),
        ("PIPE_BUF", 4096),
        ("POLLERR", 8),
        ("POLLHUP", 16),
        ("POLLIN", 1),
        ("POLLMSG", 1024),
        ("POLLNVAL", 32),
        ("POLLOUT", 4),
        ("POLLPRI", 2),
        ("POLLRDBAND", 128),
        ("POLLRDHUP", 8192),
        ("POLLRDNORM", 64),
        ("POLLWRBAND", 512),
        ("POLLWRNORM", 256),
    ];
}
