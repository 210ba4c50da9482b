//! The class `_socket.socket`.
//!
//! A socket with a time-out is non-blocking for the system; its methods wait for it with `poll`. A time-out
//! of 0 never waits, -1 blocks.

use std::cell::Cell;
use std::io;
use std::sync::atomic::{AtomicI64, Ordering};

use pyrs_macros::{pyclass, pymethods};
use pyrs_runtime::args::{FromArg, Maybe};
use pyrs_runtime::call::Args;
use pyrs_runtime::errors::{self, PyResult, raise_io};
use pyrs_runtime::object::{Obj, Object, Ptr, PyClass};
use pyrs_runtime::objects::bytes::Bytes;
use pyrs_runtime::objects::exceptions;
use pyrs_runtime::objects::int;
use pyrs_runtime::objects::singletons::none;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::protocols::buffer::{BytesLike, WritableBytes};
use pyrs_runtime::thread::allow_threads;
use pyrs_runtime::types::Type;
use pyrs_runtime::{hooks, raise};

use super::address::Address;
use super::messages;
use crate::os::support::{Deadline, Rounding, nanoseconds, os_error};

/// Time-out of new sockets in nanoseconds; -1 = none.
static DEFAULT_TIMEOUT: AtomicI64 = AtomicI64::new(-1);

/// socket(family=AF_INET, type=SOCK_STREAM, proto=0) -> socket object
/// socket(family=-1, type=-1, proto=-1, fileno=None) -> socket object
///
/// Open a socket of the given kind, or make an object for a descriptor that is open already, whose
/// family, type and protocol are found out unless they are given.
#[pyclass(name = "socket", module = "_socket", nogc, flags = BASETYPE)]
pub struct Socket {
    pub fd: Cell<i32>,
    pub family: Cell<i32>,
    kind: Cell<i32>,
    protocol: Cell<i32>,
    /// In nanoseconds; -1 = none.
    timeout: Cell<i64>,
}

impl Drop for Socket {
    fn drop(&mut self) {
        let fd = self.fd.replace(-1);
        if fd >= 0 {
            // SAFETY: the object owns its descriptor.
            unsafe { libc::close(fd) };
        }
    }
}

/// A time-out argument in nanoseconds.
fn timeout_argument(timeout: &Obj) -> PyResult<i64> {
    if timeout.is_none() {
        return Ok(-1);
    }
    let ns = nanoseconds(timeout, Rounding::AwayFromZero)?;
    if ns < 0 {
        return Err(raise!(ValueError, "Timeout value out of range"));
    }
    if ns / 1_000_000 > i32::MAX as i64 {
        return Err(raise!(OverflowError, "timeout doesn't fit into C timeval"));
    }
    Ok(ns)
}

fn timeout_object(ns: i64) -> Obj {
    if ns < 0 { none() } else { pyrs_runtime::objects::float::new(ns as f64 / 1e9) }
}

/// `socket.getdefaulttimeout()`
pub fn default_timeout() -> Obj {
    timeout_object(DEFAULT_TIMEOUT.load(Ordering::Relaxed))
}

/// `socket.setdefaulttimeout()`
pub fn set_default_timeout(timeout: &Obj) -> PyResult<()> {
    DEFAULT_TIMEOUT.store(timeout_argument(timeout)?, Ordering::Relaxed);
    Ok(())
}

fn set_nonblocking(fd: i32, nonblocking: bool) -> PyResult<()> {
    let mut flag = nonblocking as libc::c_int;
    // SAFETY: the request takes an int.
    if unsafe { libc::ioctl(fd, libc::FIONBIO, &mut flag) } < 0 {
        return Err(os_error());
    }
    Ok(())
}

/// The outcome of a system call that reports errors by -1.
pub fn sized(result: isize) -> io::Result<usize> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result as usize) }
}

/// Waits for a descriptor; `false` = the time is over.
fn wait_ready(fd: i32, writing: bool, deadline: Deadline) -> io::Result<bool> {
    let events = if writing { libc::POLLOUT } else { libc::POLLIN };
    let mut entry = libc::pollfd { fd, events, revents: 0 };
    // SAFETY: one valid entry.
    match unsafe { libc::poll(&mut entry, 1, deadline.left_ms()) } {
        n if n < 0 => Err(io::Error::last_os_error()),
        n => Ok(n > 0),
    }
}

fn timed_out() -> errors::Raised {
    raise!(TimeoutError, "timed out")
}

impl Socket {
    fn deadline(&self) -> Deadline {
        Deadline::after(self.timeout.get())
    }

    /// Makes a system call as the time-out asks for: waits, repeats it when interrupted.
    pub fn io<T: Send>(&self, writing: bool, f: impl FnMut(i32) -> io::Result<T> + Send) -> PyResult<T> {
        self.io_until(writing, self.deadline(), f)
    }

    fn io_until<T: Send>(
        &self,
        writing: bool,
        deadline: Deadline,
        mut f: impl FnMut(i32) -> io::Result<T> + Send,
    ) -> PyResult<T> {
        // What has arrived already would not interrupt the call.
        crate::os::check_signals()?;
        loop {
            let (fd, timeout) = (self.fd.get(), self.timeout.get());
            let result = allow_threads(|| {
                if timeout > 0 && !wait_ready(fd, writing, deadline)? {
                    return Ok(None);
                }
                f(fd).map(Some)
            });
            match result {
                Ok(Some(value)) => return Ok(value),
                Ok(None) => return Err(timed_out()),
                Err(e) if e.raw_os_error() == Some(libc::EINTR) => crate::os::check_signals()?,
                // Somebody else was faster, or the wait was wrong.
                Err(e) if timeout > 0 && e.kind() == io::ErrorKind::WouldBlock => {}
                Err(e) => return Err(raise_io(&e, None)),
            }
        }
    }

    pub fn address(&self, object: &Obj, caller: &str) -> PyResult<Address> {
        Address::from_object(self.family.get(), object, caller)
    }

    pub fn address_object(&self, address: &Address) -> PyResult<Obj> {
        address.to_object(self.protocol.get())
    }

    /// `connect()`; the inner result is the system's answer.
    fn connect_to(&self, address: &Address) -> PyResult<Result<(), i32>> {
        let fd = self.fd.get();
        let first = allow_threads(|| {
            // SAFETY: a valid address.
            sized(unsafe { libc::connect(fd, address.as_ptr(), address.length) } as isize)
        });
        let error = match first {
            Ok(_) => return Ok(Ok(())),
            Err(e) => e.raw_os_error().unwrap_or(0),
        };
        let wait = match error {
            libc::EINTR => {
                crate::os::check_signals()?;
                self.timeout.get() != 0
            }
            libc::EINPROGRESS => self.timeout.get() > 0,
            _ => false,
        };
        if !wait {
            return Ok(Err(error));
        }
        let deadline = self.deadline();
        loop {
            match allow_threads(|| wait_ready(fd, true, deadline)) {
                Ok(true) => break,
                Ok(false) => return Ok(Err(libc::EWOULDBLOCK)),
                Err(e) if e.raw_os_error() == Some(libc::EINTR) => crate::os::check_signals()?,
                Err(e) => return Err(raise_io(&e, None)),
            }
        }
        let (mut code, mut length) = (0 as libc::c_int, size_of::<libc::c_int>() as libc::socklen_t);
        // SAFETY: the option is an int.
        let result =
            unsafe { libc::getsockopt(fd, libc::SOL_SOCKET, libc::SO_ERROR, (&raw mut code).cast(), &mut length) };
        if result < 0 {
            return Err(os_error());
        }
        Ok(if code == 0 || code == libc::EISCONN { Ok(()) } else { Err(code) })
    }

    fn option(fd: i32, option: i32) -> PyResult<i32> {
        let (mut value, mut length) = (0 as libc::c_int, size_of::<libc::c_int>() as libc::socklen_t);
        // SAFETY: the option is an int.
        if unsafe { libc::getsockopt(fd, libc::SOL_SOCKET, option, (&raw mut value).cast(), &mut length) } < 0 {
            return Err(os_error());
        }
        Ok(value)
    }

    /// The descriptor argument of the constructor.
    fn adopt(&self, fileno: &Obj, given: [i32; 3]) -> PyResult<[i32; 3]> {
        let fd = i32::from_arg(fileno)?;
        if fd < 0 {
            return Err(raise!(ValueError, "negative file descriptor"));
        }
        let [mut family, mut kind, mut protocol] = given;
        // SAFETY: the callee gets room for an address.
        let found = Address::fill(|address, length| unsafe { libc::getsockname(fd, address, length) });
        match found {
            Ok(address) if family == -1 => family = address.family(),
            Ok(_) => {}
            Err(e) if family == -1 || matches!(e.raw_os_error(), Some(libc::EBADF | libc::ENOTSOCK)) => {
                return Err(raise_io(&e, None));
            }
            Err(_) => {}
        }
        if kind == -1 {
            kind = Socket::option(fd, libc::SO_TYPE)?;
        }
        if protocol == -1 {
            protocol = Socket::option(fd, libc::SO_PROTOCOL)?;
        }
        self.fd.set(fd);
        Ok([family, kind, protocol])
    }
}

/// Room for `size` bytes to receive.
fn receive_buffer(size: isize, caller: &str) -> PyResult<Vec<u8>> {
    match usize::try_from(size) {
        Ok(size) if size < isize::MAX as usize / 2 => Ok(vec![0; size]),
        Ok(_) => Err(raise!(MemoryError)),
        Err(_) => Err(raise!(ValueError, "negative buffersize in {caller}")),
    }
}

fn pair(a: impl Into<Obj>, b: Obj) -> Obj {
    Tuple::from_vec(vec![a.into(), b]).into()
}

#[pymethods]
impl Socket {
    #[slot(new)]
    fn py_new(cls: &Type, _args: Args<'_>) -> PyResult<Obj> {
        let socket = Socket {
            fd: Cell::new(-1),
            family: Cell::new(0),
            kind: Cell::new(0),
            protocol: Cell::new(0),
            timeout: Cell::new(-1),
        };
        Ok(Ptr::new_in(cls, socket).into())
    }

    #[init(name = "socket", sig = "(family=-1, type=-1, proto=-1, fileno=None)", text_signature = "")]
    fn init(&self, family: i32, kind: i32, proto: i32, fileno: Option<&Obj>) -> PyResult<()> {
        let [family, kind, protocol] = match fileno {
            Some(fileno) => self.adopt(fileno, [family, kind, proto])?,
            None => {
                let or = |n: i32, default: i32| if n == -1 { default } else { n };
                let all = [or(family, libc::AF_INET), or(kind, libc::SOCK_STREAM), or(proto, 0)];
                // SAFETY: plain call.
                let fd = allow_threads(|| {
                    // SAFETY: plain call.
                    sized(unsafe { libc::socket(all[0], all[1] | libc::SOCK_CLOEXEC, all[2]) } as isize)
                });
                self.fd.set(fd.map_err(|e| raise_io(&e, None))? as i32);
                all
            }
        };
        self.family.set(family);
        self.kind.set(kind & !(libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC));
        self.protocol.set(protocol);
        if kind & libc::SOCK_NONBLOCK != 0 {
            self.timeout.set(0);
        } else {
            let timeout = DEFAULT_TIMEOUT.load(Ordering::Relaxed);
            self.timeout.set(timeout);
            if timeout >= 0 {
                set_nonblocking(self.fd.get(), true)?;
            }
        }
        Ok(())
    }

    #[slot(repr)]
    fn repr(this: &Object<Socket>) -> PyResult<Obj> {
        let (fd, family, kind, proto) = (this.fd.get(), this.family.get(), this.kind.get(), this.protocol.get());
        Ok(Str::new(&format!("<socket object, fd={fd}, family={family}, type={kind}, proto={proto}>")).into())
    }

    #[slot(finalize)]
    fn finalize(this: &Obj) {
        let Some(socket) = this.downcast::<Socket>() else { return };
        if socket.fd.get() < 0 {
            return;
        }
        let pending = pyrs_runtime::thread::current().take_exception();
        let warned = pyrs_runtime::protocols::text::repr_text(this).and_then(|shown| {
            (hooks::hooks().warn)(exceptions::ResourceWarning::class(), &format!("unclosed {shown}"), 1)
        });
        if let Err(raised) = warned {
            if raised.matches(exceptions::Warning::class()) {
                errors::write_unraisable(raised, Some(this));
            } else {
                raised.discard();
            }
        }
        let fd = socket.fd.replace(-1);
        if fd >= 0 {
            // SAFETY: the object owns its descriptor.
            unsafe { libc::close(fd) };
        }
        pyrs_runtime::thread::current().restore_exception(pending);
    }

    /// Wait for a connection: the descriptor of its socket, and the address of the other side.
    #[pymethod(name = "_accept")]
    fn accept(&self) -> PyResult<Obj> {
        let (fd, address) = self.io(false, |fd| {
            let mut accepted = -1;
            let address = Address::fill(|address, length| {
                // SAFETY: the callee gets room for an address.
                accepted = unsafe { libc::accept4(fd, address, length, libc::SOCK_CLOEXEC) };
                accepted
            })?;
            Ok((accepted, address))
        })?;
        match self.address_object(&address) {
            Ok(shown) => Ok(pair(int::new(fd as i64), shown)),
            Err(raised) => {
                // SAFETY: the descriptor has no owner yet.
                unsafe { libc::close(fd) };
                Err(raised)
            }
        }
    }

    /// Bind the socket to a local address: a pair (host, port) for IP, a path for Unix sockets, and so on.
    #[pymethod]
    fn bind(&self, object: &Obj) -> PyResult<()> {
        let address = self.address(object, "bind")?;
        let fd = self.fd.get();
        // SAFETY: a valid address.
        let result = allow_threads(|| sized(unsafe { libc::bind(fd, address.as_ptr(), address.length) } as isize));
        result.map(drop).map_err(|e| raise_io(&e, None))
    }

    /// Close the socket.  It cannot be used after this call.
    #[pymethod]
    fn close(&self) -> PyResult<()> {
        let fd = self.fd.replace(-1);
        if fd < 0 {
            return Ok(());
        }
        // SAFETY: the object owned its descriptor.
        let result = allow_threads(|| sized(unsafe { libc::close(fd) } as isize));
        match result {
            // The other side being gone is no error here.
            Err(e) if e.raw_os_error() != Some(libc::ECONNRESET) => Err(raise_io(&e, None)),
            _ => Ok(()),
        }
    }

    /// Connect the socket to an address.
    #[pymethod]
    fn connect(&self, object: &Obj) -> PyResult<()> {
        let address = self.address(object, "connect")?;
        match self.connect_to(&address)? {
            Ok(()) => Ok(()),
            Err(libc::EWOULDBLOCK) if self.timeout.get() > 0 => Err(timed_out()),
            Err(code) => Err(errors::raise_errno(code, None)),
        }
    }

    /// As connect(), but return the error number instead of raising an exception.
    #[pymethod]
    fn connect_ex(&self, object: &Obj) -> PyResult<i32> {
        let address = self.address(object, "connect_ex")?;
        Ok(self.connect_to(&address)?.err().unwrap_or(0))
    }

    /// Give the descriptor away and close the object.
    #[pymethod]
    fn detach(&self) -> i32 {
        self.fd.replace(-1)
    }

    /// The descriptor, -1 if the socket is closed.
    #[pymethod]
    fn fileno(&self) -> i32 {
        self.fd.get()
    }

    /// The address of the other side.
    #[pymethod]
    fn getpeername(&self) -> PyResult<Obj> {
        let fd = self.fd.get();
        // SAFETY: the callee gets room for an address.
        let found =
            allow_threads(|| Address::fill(|address, length| unsafe { libc::getpeername(fd, address, length) }));
        self.address_object(&found.map_err(|e| raise_io(&e, None))?)
    }

    /// The address of this side.
    #[pymethod]
    fn getsockname(&self) -> PyResult<Obj> {
        let fd = self.fd.get();
        // SAFETY: the callee gets room for an address.
        let found =
            allow_threads(|| Address::fill(|address, length| unsafe { libc::getsockname(fd, address, length) }));
        self.address_object(&found.map_err(|e| raise_io(&e, None))?)
    }

    /// getsockopt(level, option[, buffersize]) -> value
    ///
    /// Read an option: an int, or bytes of at most buffersize if that is given.
    #[pymethod(sig = "(level, option, buffersize=0, /)", text_signature = "", name = "getsockopt")]
    fn getsockopt(&self, level: i32, option: i32, buffersize: i32) -> PyResult<Obj> {
        let fd = self.fd.get();
        if buffersize == 0 {
            let (mut value, mut length) = (0 as libc::c_int, size_of::<libc::c_int>() as libc::socklen_t);
            // SAFETY: room for an int.
            if unsafe { libc::getsockopt(fd, level, option, (&raw mut value).cast(), &mut length) } < 0 {
                return Err(os_error());
            }
            return Ok(int::new(value as i64));
        }
        if !(1..=1024).contains(&buffersize) {
            return Err(raise!(OSError, "getsockopt buflen out of range"));
        }
        let (mut buffer, mut length) = (vec![0u8; buffersize as usize], buffersize as libc::socklen_t);
        // SAFETY: a buffer of the stated size.
        if unsafe { libc::getsockopt(fd, level, option, buffer.as_mut_ptr().cast(), &mut length) } < 0 {
            return Err(os_error());
        }
        buffer.truncate(length as usize);
        Ok(Bytes::new(&buffer).into())
    }

    /// setsockopt(level, option, value: int)
    /// setsockopt(level, option, value: buffer)
    /// setsockopt(level, option, None, optlen: int)
    ///
    /// Set an option to an int, to bytes, or to a null pointer with a length.
    #[pymethod]
    fn setsockopt(&self, args: Args<'_>) -> PyResult<()> {
        args.no_keywords("socket.setsockopt")?;
        let fd = self.fd.get();
        let (level, option, value, length) = match args.positionals() {
            [level, option, value] => (level, option, value, None),
            [level, option, value, length] => (level, option, value, Some(length)),
            other => {
                return Err(raise!(TypeError, "setsockopt() takes exactly 3 arguments ({} given)", other.len()));
            }
        };
        let (level, option) = (i32::from_arg(level)?, i32::from_arg(option)?);
        let set = |pointer: *const libc::c_void, length: usize| {
            // SAFETY: bytes of the stated length, or null where the option allows it.
            if unsafe { libc::setsockopt(fd, level, option, pointer, length as libc::socklen_t) } < 0 {
                return Err(os_error());
            }
            Ok(())
        };
        if let Some(length) = length {
            if !value.is_none() {
                return Err(raise!(TypeError, "socket option should be None, not {}", value.class().name()));
            }
            return set(std::ptr::null(), crate::masked_u32(Some(length))? as usize);
        }
        if int::is_int(value) && level != libc::AF_VSOCK {
            match errors::unless_raised(i32::from_arg(value), exceptions::OverflowError::class())? {
                Some(flag) => return set((&raw const flag).cast(), size_of::<i32>()),
                None => return Err(raise!(TypeError, "a bytes-like object is required, not 'int'")),
            }
        }
        if let Some(n) = int::to_i64(value) {
            let n = n as u64;
            return set((&raw const n).cast(), size_of::<u64>());
        }
        let data = BytesLike::new(value)?;
        set(data.as_ptr().cast(), data.len())
    }

    /// Allow connections to be accepted; at most backlog of them wait.
    #[pymethod(sig = "(backlog=128, /)", text_signature = "")]
    fn listen(&self, backlog: i32) -> PyResult<()> {
        let fd = self.fd.get();
        // SAFETY: plain call.
        let result = allow_threads(|| sized(unsafe { libc::listen(fd, backlog.max(0)) } as isize));
        result.map(drop).map_err(|e| raise_io(&e, None))
    }

    /// recv(buffersize[, flags]) -> data
    ///
    /// Receive up to buffersize bytes; b'' means that the other side has ended.
    #[pymethod(sig = "(buffersize, flags=0, /)", text_signature = "")]
    fn recv(&self, buffersize: isize, flags: i32) -> PyResult<Obj> {
        let mut buffer = receive_buffer(buffersize, "recv")?;
        // SAFETY: a buffer of the stated size.
        let n =
            self.io(false, |fd| sized(unsafe { libc::recv(fd, buffer.as_mut_ptr().cast(), buffer.len(), flags) }))?;
        buffer.truncate(n);
        Ok(Bytes::from_vec(buffer).into())
    }

    /// recv_into(buffer[, nbytes[, flags]]) -> nbytes_read
    ///
    /// As recv(), but put the data into a buffer; nbytes 0 means all of it.
    #[pymethod(sig = "(buffer, nbytes=0, flags=0)", text_signature = "")]
    fn recv_into(&self, buffer: &Obj, nbytes: isize, flags: i32) -> PyResult<usize> {
        let buffer = WritableBytes::from_named(buffer, "recv_into", " 1")?;
        let size = usize::try_from(nbytes).map_err(|_| raise!(ValueError, "negative buffersize in recv_into"))?;
        let size = if size == 0 { buffer.0.len() } else { size };
        if buffer.0.len() < size {
            return Err(raise!(ValueError, "buffer too small for requested bytes"));
        }
        buffer.0.with_bytes_mut(|out| {
            let out = &mut out[..size];
            // SAFETY: a buffer of the stated size.
            self.io(false, |fd| sized(unsafe { libc::recv(fd, out.as_mut_ptr().cast(), out.len(), flags) }))
        })
    }

    /// recvfrom(buffersize[, flags]) -> (data, address)
    ///
    /// As recv(), with the address of the sender.
    #[pymethod(sig = "(buffersize, flags=0, /)", text_signature = "")]
    fn recvfrom(&self, buffersize: isize, flags: i32) -> PyResult<Obj> {
        let mut buffer = receive_buffer(buffersize, "recvfrom")?;
        let (n, address) = self.io(false, |fd| receive_from(fd, &mut buffer, flags))?;
        buffer.truncate(n);
        Ok(pair(Bytes::from_vec(buffer), self.address_object(&address)?))
    }

    /// recvfrom_into(buffer[, nbytes[, flags]]) -> (nbytes, address)
    ///
    /// As recv_into(), with the address of the sender.
    #[pymethod(sig = "(buffer, nbytes=0, flags=0)", text_signature = "")]
    fn recvfrom_into(&self, buffer: &Obj, nbytes: isize, flags: i32) -> PyResult<Obj> {
        let buffer = WritableBytes::from_named(buffer, "recvfrom_into", " 1")?;
        let size = usize::try_from(nbytes).map_err(|_| raise!(ValueError, "negative buffersize in recvfrom_into"))?;
        let size = if size == 0 { buffer.0.len() } else { size };
        if buffer.0.len() < size {
            return Err(raise!(ValueError, "nbytes is greater than the length of the buffer"));
        }
        let (n, address) =
            buffer.0.with_bytes_mut(|out| self.io(false, |fd| receive_from(fd, &mut out[..size], flags)))?;
        Ok(pair(int::new(n as i64), self.address_object(&address)?))
    }

    /// recvmsg(bufsize[, ancbufsize[, flags]]) -> (data, ancdata, msg_flags, address)
    ///
    /// Receive data and ancillary data: a list of (level, type, data) tuples.
    #[pymethod(sig = "(bufsize, ancbufsize=0, flags=0, /)", text_signature = "")]
    fn recvmsg(&self, bufsize: isize, ancbufsize: isize, flags: i32) -> PyResult<Obj> {
        messages::receive(self, bufsize, ancbufsize, flags)
    }

    /// recvmsg_into(buffers[, ancbufsize[, flags]]) -> (nbytes, ancdata, msg_flags, address)
    ///
    /// As recvmsg(), but put the data into several buffers, one after the other.
    #[pymethod(sig = "(buffers, ancbufsize=0, flags=0, /)", text_signature = "")]
    fn recvmsg_into(&self, buffers: &Obj, ancbufsize: isize, flags: i32) -> PyResult<Obj> {
        messages::receive_into(self, buffers, ancbufsize, flags)
    }

    /// send(data[, flags]) -> count
    ///
    /// Send data; the number of bytes sent may be less than all.
    #[pymethod(sig = "(data, flags=0, /)", text_signature = "")]
    fn send(&self, data: BytesLike<'_>, flags: i32) -> PyResult<usize> {
        let data: &[u8] = &data;
        // SAFETY: bytes of the stated length.
        self.io(true, |fd| sized(unsafe { libc::send(fd, data.as_ptr().cast(), data.len(), flags) }))
    }

    /// sendall(data[, flags])
    ///
    /// Send all data.  After an error there is no way to know how much has been sent.
    #[pymethod(sig = "(data, flags=0, /)", text_signature = "")]
    fn sendall(&self, data: BytesLike<'_>, flags: i32) -> PyResult<()> {
        let mut rest: &[u8] = &data;
        let deadline = self.deadline();
        loop {
            if self.timeout.get() > 0 && deadline.left().is_some_and(|left| left.is_zero()) {
                return Err(timed_out());
            }
            // SAFETY: bytes of the stated length.
            let n = self.io_until(true, deadline, |fd| {
                // SAFETY: bytes of the stated length.
                sized(unsafe { libc::send(fd, rest.as_ptr().cast(), rest.len(), flags) })
            })?;
            rest = &rest[n..];
            crate::os::check_signals()?;
            if rest.is_empty() {
                return Ok(());
            }
        }
    }

    /// sendto(data[, flags], address) -> count
    ///
    /// As send(), to an address.
    #[pymethod]
    fn sendto(&self, args: Args<'_>) -> PyResult<usize> {
        args.no_keywords("socket.sendto")?;
        let (data, flags, address) = match args.positionals() {
            [data, address] => (data, 0, address),
            [data, flags, address] => (data, i32::from_arg(flags)?, address),
            other => return Err(raise!(TypeError, "sendto() takes 2 or 3 arguments ({} given)", other.len())),
        };
        let data = BytesLike::new(data)?;
        let address = self.address(address, "sendto")?;
        let data: &[u8] = &data;
        self.io(true, |fd| {
            // SAFETY: bytes of the stated length, and a valid address.
            sized(unsafe {
                libc::sendto(fd, data.as_ptr().cast(), data.len(), flags, address.as_ptr(), address.length)
            })
        })
    }

    /// sendmsg(buffers[, ancdata[, flags[, address]]]) -> count
    ///
    /// Send the data of several buffers, with ancillary data: (level, type, data) tuples.
    #[pymethod(sig = "(buffers, ancdata=<unrepresentable>, flags=0, address=None, /)", text_signature = "")]
    fn sendmsg(&self, buffers: &Obj, ancdata: Maybe<&Obj>, flags: i32, address: Option<&Obj>) -> PyResult<usize> {
        messages::send(self, buffers, ancdata.0, flags, address)
    }

    /// sendmsg_afalg([msg], *, op[, iv[, assoclen[, flags=MSG_MORE]]])
    ///
    /// Set operation, IV and length of associated data of an AF_ALG socket, and send data to it.
    #[pymethod(sig = "(msg=None, *, op=-1, iv=None, assoclen=-1, flags=0)", text_signature = "")]
    fn sendmsg_afalg(
        &self,
        msg: Option<&Obj>,
        op: i32,
        iv: Option<BytesLike<'_>>,
        assoclen: i32,
        flags: i32,
    ) -> PyResult<usize> {
        messages::send_algorithm(self, msg, op, iv.as_deref(), assoclen, flags)
    }

    /// Choose between blocking (True) and non-blocking (False).
    #[pymethod]
    fn setblocking(&self, object: bool) -> PyResult<()> {
        self.timeout.set(if object { -1 } else { 0 });
        set_nonblocking(self.fd.get(), !object)
    }

    /// True if the socket blocks, with a time-out perhaps.
    #[pymethod]
    fn getblocking(&self) -> bool {
        self.timeout.get() != 0
    }

    /// Set the time-out in seconds; None for no time-out, 0 for no waiting.
    #[pymethod]
    fn settimeout(&self, object: &Obj) -> PyResult<()> {
        let timeout = timeout_argument(object)?;
        self.timeout.set(timeout);
        set_nonblocking(self.fd.get(), timeout >= 0)
    }

    /// The time-out in seconds, None for no time-out.
    #[pymethod]
    fn gettimeout(&self) -> Obj {
        timeout_object(self.timeout.get())
    }

    /// Shut down the reading side (SHUT_RD), the writing side (SHUT_WR) or both (SHUT_RDWR).
    #[pymethod]
    fn shutdown(&self, object: &Obj) -> PyResult<()> {
        let (fd, how) = (self.fd.get(), i32::from_arg(object)?);
        // SAFETY: plain call.
        let result = allow_threads(|| sized(unsafe { libc::shutdown(fd, how) } as isize));
        result.map(drop).map_err(|e| raise_io(&e, None))
    }

    /// the socket family
    #[getter]
    fn family(&self) -> i32 {
        self.family.get()
    }

    /// the socket type
    #[getter(name = "type")]
    fn kind(&self) -> i32 {
        self.kind.get()
    }

    /// the socket protocol
    #[getter]
    fn proto(&self) -> i32 {
        self.protocol.get()
    }

    /// the socket timeout
    #[getter]
    fn timeout(&self) -> Obj {
        timeout_object(self.timeout.get())
    }
}

/// `recvfrom()`
fn receive_from(fd: i32, buffer: &mut [u8], flags: i32) -> io::Result<(usize, Address)> {
    let mut received = 0;
    let mut address = Address::fill(|address, length| {
        // SAFETY: a buffer of the stated size, and room for an address.
        received = unsafe { libc::recvfrom(fd, buffer.as_mut_ptr().cast(), buffer.len(), flags, address, length) };
        if received < 0 { -1 } else { 0 }
    })?;
    if address.family() == libc::AF_UNSPEC {
        // Connected sockets do not tell.
        address.length = 0;
    }
    Ok((received as usize, address))
}
