//! `_socket`: the module's functions.

use pyrs_macros::pymodule;

/// Sockets as the system has them; see the socket module.
#[pymodule(name = "_socket", classes(crate::net::socket::Socket))]
pub mod resolve {
    use std::ffi::{CStr, CString};

    use pyrs_runtime::PyClass;
    use pyrs_runtime::args::{FromArg, bad_argument};
    use pyrs_runtime::call::Args;
    use pyrs_runtime::errors::{self, PyResult, Raised, raise_io};
    use pyrs_runtime::object::{Obj, Object};
    use pyrs_runtime::objects::bytearray::ByteArray;
    use pyrs_runtime::objects::bytes::Bytes;
    use pyrs_runtime::objects::list::List;
    use pyrs_runtime::objects::module::Module;
    use pyrs_runtime::objects::str::Str;
    use pyrs_runtime::objects::tuple::Tuple;
    use pyrs_runtime::objects::{exceptions, int};
    use pyrs_runtime::protocols::buffer::BytesLike;
    use pyrs_runtime::protocols::number;
    use pyrs_runtime::raise;
    use pyrs_runtime::thread::allow_threads;

    use crate::net::address::{self, Address, Info};
    use crate::net::messages::{cmsg_len, cmsg_space};
    use crate::net::socket::{Socket, sized};
    use crate::os::posix::posix::name_object;
    use crate::os::support::{add_constants, os_error, text_of};

    unsafe extern "C" {
        fn gethostbyname_r(
            name: *const libc::c_char,
            entry: *mut libc::hostent,
            buffer: *mut libc::c_char,
            size: usize,
            result: *mut *mut libc::hostent,
            error: *mut libc::c_int,
        ) -> libc::c_int;
        fn gethostbyaddr_r(
            address: *const libc::c_void,
            length: libc::socklen_t,
            family: libc::c_int,
            entry: *mut libc::hostent,
            buffer: *mut libc::c_char,
            size: usize,
            result: *mut *mut libc::hostent,
            error: *mut libc::c_int,
        ) -> libc::c_int;
        fn hstrerror(code: libc::c_int) -> *const libc::c_char;
        fn getservbyport(port: libc::c_int, protocol: *const libc::c_char) -> *mut libc::servent;
        fn inet_aton(text: *const libc::c_char, address: *mut libc::in_addr) -> libc::c_int;
    }

    mod c {
        unsafe extern "C" {
            pub fn inet_ntop(
                family: libc::c_int,
                packed: *const libc::c_void,
                text: *mut libc::c_char,
                size: libc::socklen_t,
            ) -> *const libc::c_char;
            pub fn inet_pton(family: libc::c_int, text: *const libc::c_char, packed: *mut libc::c_void) -> libc::c_int;
        }
    }

    /// Runs a call without the GIL.
    fn run(f: impl FnOnce() -> isize + Send) -> PyResult<usize> {
        allow_threads(|| sized(f())).map_err(|e| raise_io(&e, None))
    }

    fn tuple(items: Vec<Obj>) -> Obj {
        Tuple::from_vec(items).into()
    }

    /// A name as the look-up functions take it.
    fn name_argument(function: &str, arg: &Obj) -> PyResult<CString> {
        let known = arg.downcast::<Str>().is_some()
            || arg.downcast::<Bytes>().is_some()
            || arg.downcast::<ByteArray>().is_some();
        if !known {
            let class = pyrs_runtime::args::type_name_for_message(arg);
            return Err(raise!(TypeError, "{function}() argument 1 must be str, bytes or bytearray, not {class}"));
        }
        address::host_name(arg)
    }

    fn text_argument(function: &str, label: &str, arg: &Obj) -> PyResult<CString> {
        let Some(text) = arg.downcast::<Str>() else { return Err(bad_argument(function, label, "str", arg)) };
        CString::new(text.to_string_checked()?).map_err(|_| raise!(ValueError, "embedded null character"))
    }

    /// Map a host name to its IPv4 address.
    #[pyfunction(text_signature = "")]
    fn gethostbyname(host: &Obj) -> PyResult<String> {
        let name = name_argument("gethostbyname", host)?;
        address::ip_text(&address::host_address(&name, libc::AF_INET)?)
    }

    /// A host of the old interface.
    struct Host {
        name: Vec<u8>,
        aliases: Vec<Vec<u8>>,
        addresses: Vec<Vec<u8>>,
        family: i32,
    }

    /// Calls an old look-up with a buffer that grows until the answer fits.
    fn look_up(
        f: impl Fn(*mut libc::hostent, &mut [libc::c_char], *mut *mut libc::hostent, *mut i32) -> i32 + Send + Sync,
    ) -> PyResult<Host> {
        let result = allow_threads(|| {
            let mut size = 16384;
            loop {
                let mut buffer = vec![0; size];
                // SAFETY: the entry and its texts stand in the buffer and are copied before it goes.
                unsafe {
                    let mut entry: libc::hostent = std::mem::zeroed();
                    let (mut found, mut error) = (std::ptr::null_mut(), 0);
                    let code = f(&mut entry, &mut buffer, &mut found, &mut error);
                    if code == libc::ERANGE && size < 1 << 24 {
                        size *= 2;
                        continue;
                    }
                    if found.is_null() {
                        return Err(error);
                    }
                    let list = |mut at: *mut *mut libc::c_char, length: Option<usize>| {
                        let mut items = Vec::new();
                        while !at.is_null() && !(*at).is_null() {
                            items.push(match length {
                                Some(n) => std::slice::from_raw_parts((*at).cast::<u8>(), n).to_vec(),
                                None => CStr::from_ptr(*at).to_bytes().to_vec(),
                            });
                            at = at.add(1);
                        }
                        items
                    };
                    return Ok(Host {
                        name: CStr::from_ptr(entry.h_name).to_bytes().to_vec(),
                        aliases: list(entry.h_aliases, None),
                        addresses: list(entry.h_addr_list, Some(entry.h_length as usize)),
                        family: entry.h_addrtype,
                    });
                }
            }
        });
        result.map_err(raise_host_error)
    }

    fn raise_host_error(code: i32) -> Raised {
        // SAFETY: the message is a constant text.
        let text = text_of(unsafe { CStr::from_ptr(hstrerror(code)) });
        match address::resolver_error("socket.herror") {
            Ok(class) => {
                let class = pyrs_runtime::types::as_type(&class).expect("a class");
                errors::raise_class(class, &[int::new(code as i64), text])
            }
            Err(raised) => raised,
        }
    }

    fn host_object(host: Host, wanted: i32) -> PyResult<Obj> {
        if host.family != wanted {
            return Err(errors::raise_errno(libc::EAFNOSUPPORT, None));
        }
        let aliases = host.aliases.iter().map(|a| name_object(a, false)).collect();
        let shown = |a: &Vec<u8>| -> PyResult<Obj> { Ok(Str::new(&ip_of(wanted, a)?).into()) };
        let addresses = host.addresses.iter().map(shown).collect::<PyResult<Vec<Obj>>>()?;
        let name = name_object(&host.name, false);
        Ok(tuple(vec![name, List::from_vec(aliases).into(), List::from_vec(addresses).into()]))
    }

    /// The names and addresses of a host: (name, aliases, addresses).
    #[pyfunction(text_signature = "")]
    fn gethostbyname_ex(host: &Obj) -> PyResult<Obj> {
        let name = name_argument("gethostbyname_ex", host)?;
        let found = address::host_address(&name, libc::AF_INET)?;
        let host = look_up(|entry, buffer, result, error| {
            // SAFETY: a NUL-terminated name and a buffer of the stated size.
            unsafe { gethostbyname_r(name.as_ptr(), entry, buffer.as_mut_ptr(), buffer.len(), result, error) }
        })?;
        host_object(host, found.family())
    }

    /// The names and addresses of the host at an address: (name, aliases, addresses).
    #[pyfunction(text_signature = "")]
    fn gethostbyaddr(host: &Obj) -> PyResult<Obj> {
        let name = name_argument("gethostbyaddr", host)?;
        let found = address::host_address(&name, libc::AF_UNSPEC)?;
        let family = found.family();
        let bytes = address_bytes(&found)?;
        let host = look_up(|entry, buffer, result, error| {
            let (start, size) = (buffer.as_mut_ptr(), buffer.len());
            // SAFETY: an address of the stated length and a buffer of the stated size.
            unsafe {
                let length = bytes.len() as libc::socklen_t;
                gethostbyaddr_r(bytes.as_ptr().cast(), length, family, entry, start, size, result, error)
            }
        })?;
        host_object(host, family)
    }

    fn address_bytes(found: &Address) -> PyResult<Vec<u8>> {
        let text = address::ip_text(found)?;
        match text.split('%').next().and_then(|t| t.parse::<std::net::IpAddr>().ok()) {
            Some(std::net::IpAddr::V4(ip)) => Ok(ip.octets().to_vec()),
            Some(std::net::IpAddr::V6(ip)) => Ok(ip.octets().to_vec()),
            None => Err(raise!(OSError, "unsupported address family")),
        }
    }

    /// The numeric text of packed address bytes.
    fn ip_of(family: i32, packed: &[u8]) -> PyResult<String> {
        let mut text = [0 as libc::c_char; 64];
        // SAFETY: the caller passes as many bytes as the family needs; the buffer fits any address.
        let p =
            unsafe { c::inet_ntop(family, packed.as_ptr().cast(), text.as_mut_ptr(), text.len() as libc::socklen_t) };
        if p.is_null() {
            return Err(os_error());
        }
        // SAFETY: NUL-terminated by the call.
        Ok(unsafe { CStr::from_ptr(p) }.to_string_lossy().into_owned())
    }

    /// The port of a service, for a protocol ("tcp" or "udp") perhaps.
    #[pyfunction(sig = "(servicename, protocolname=None, /)", text_signature = "", name = "getservbyname")]
    fn service_by_name(servicename: &Obj, protocolname: Option<&Obj>) -> PyResult<u16> {
        let name = text_argument("getservbyname", " 1", servicename)?;
        let protocol = protocolname.map(|p| text_argument("getservbyname", " 2", p)).transpose()?;
        let pointer = protocol.as_ref().map_or(std::ptr::null(), |p| p.as_ptr());
        // SAFETY: NUL-terminated texts; the GIL keeps other callers away from the static answer.
        unsafe {
            let found = libc::getservbyname(name.as_ptr(), pointer);
            if found.is_null() {
                return Err(raise!(OSError, "service/proto not found"));
            }
            Ok(u16::from_be((*found).s_port as u16))
        }
    }

    /// The name of the service at a port, for a protocol ("tcp" or "udp") perhaps.
    #[pyfunction(sig = "(port, protocolname=None, /)", text_signature = "", name = "getservbyport")]
    fn service_by_port(port: i32, protocolname: Option<&Obj>) -> PyResult<Obj> {
        let protocol = protocolname.map(|p| text_argument("getservbyport", " 2", p)).transpose()?;
        let Ok(port) = u16::try_from(port) else {
            return Err(raise!(OverflowError, "getservbyport: port must be 0-65535."));
        };
        let pointer = protocol.as_ref().map_or(std::ptr::null(), |p| p.as_ptr());
        // SAFETY: as in `getservbyname`.
        unsafe {
            let found = getservbyport(port.to_be() as i32, pointer);
            if found.is_null() {
                return Err(raise!(OSError, "port/proto not found"));
            }
            Ok(text_of(CStr::from_ptr((*found).s_name)))
        }
    }

    /// The number of a protocol.
    #[pyfunction(text_signature = "")]
    fn getprotobyname(name: &Obj) -> PyResult<i32> {
        let name = text_argument("getprotobyname", "", name)?;
        // SAFETY: as in `getservbyname`.
        unsafe {
            let found = libc::getprotobyname(name.as_ptr());
            if found.is_null() {
                return Err(raise!(OSError, "protocol not found"));
            }
            Ok((*found).p_proto)
        }
    }

    /// getaddrinfo(host, port [, family, type, proto, flags])
    ///     -> list of (family, type, proto, canonname, sockaddr)
    ///
    /// The addresses of a host and a service.
    #[pyfunction(sig = "(host, port, family=0, type=0, proto=0, flags=0)", text_signature = "")]
    fn getaddrinfo(host: &Obj, port: &Obj, family: i32, kind: i32, proto: i32, flags: i32) -> PyResult<Obj> {
        // A NUL inside a name ends it.
        let cut = |bytes: Vec<u8>| {
            let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
            CString::new(&bytes[..end]).expect("cut at the first NUL")
        };
        let name = if host.is_none() {
            None
        } else if let Some(text) = host.downcast::<Str>() {
            Some(cut(address::encode_host(text)?))
        } else if let Some(bytes) = host.downcast::<Bytes>() {
            Some(cut(bytes.as_slice().to_vec()))
        } else {
            return Err(raise!(TypeError, "getaddrinfo() argument 1 must be string or None"));
        };
        let service = if port.is_none() {
            None
        } else if int::is_int(port) {
            let n = i64::from_arg(port)?;
            Some(CString::new(n.to_string()).expect("no NUL"))
        } else if let Some(text) = port.downcast::<Str>() {
            Some(cut(text.to_string_checked()?.into_bytes()))
        } else if let Some(bytes) = port.downcast::<Bytes>() {
            Some(cut(bytes.as_slice().to_vec()))
        } else {
            return Err(raise!(OSError, "Int or String expected"));
        };
        let found = address::resolve(name.as_ref(), service.as_ref(), [family, kind, proto, flags])?;
        let shown = |i: &Info| -> PyResult<Obj> {
            Ok(tuple(vec![
                int::new(i.family as i64),
                int::new(i.kind as i64),
                int::new(i.protocol as i64),
                name_object(i.canonical.as_deref().unwrap_or_default(), false),
                i.address.to_object(-1)?,
            ]))
        };
        Ok(List::from_vec(found.iter().map(shown).collect::<PyResult<Vec<Obj>>>()?).into())
    }

    /// getnameinfo(sockaddr, flags) --> (host, port)
    ///
    /// The names of an address.
    #[pyfunction(text_signature = "")]
    fn getnameinfo(sockaddr: &Obj, flags: i32) -> PyResult<Obj> {
        let Some(parts) = sockaddr.downcast::<Tuple>() else {
            return Err(raise!(TypeError, "getnameinfo() argument 1 must be a tuple"));
        };
        let parts = parts.items();
        let (Some(host), true) = (parts.first().and_then(|h| h.downcast::<Str>()), (2..=4).contains(&parts.len()))
        else {
            return Err(raise!(TypeError, "getnameinfo(): illegal sockaddr argument"));
        };
        let port = i32::from_arg(&parts[1])?;
        let flowinfo = parts.get(2).map_or(Ok(0), crate::masked_u32_of)?;
        let scope = parts.get(3).map_or(Ok(0), crate::masked_u32_of)?;
        if flowinfo > 0xfffff {
            return Err(raise!(OverflowError, "getnameinfo(): flowinfo must be 0-1048575."));
        }
        let name = CString::new(address::encode_host(host)?)
            .map_err(|_| raise!(TypeError, "host name must not contain null character"))?;
        let service = CString::new(port.to_string()).expect("no NUL");
        // Numeric only: names are not looked up twice.
        let hints = [libc::AF_UNSPEC, libc::SOCK_DGRAM, 0, libc::AI_NUMERICHOST];
        let found = address::resolve(Some(&name), Some(&service), hints)?;
        let [one] = found.as_slice() else {
            return Err(raise!(OSError, "sockaddr resolved to multiple addresses"));
        };
        let mut found = one.address;
        match found.family() {
            libc::AF_INET if parts.len() != 2 => return Err(raise!(OSError, "IPv4 sockaddr must be 2 tuple")),
            libc::AF_INET6 => {
                let (flow, scope) = (int::new(flowinfo as i64), int::new(scope as i64));
                let full = tuple(vec![parts[0].clone(), parts[1].clone(), flow, scope]);
                found = Address::from_object(libc::AF_INET6, &full, "getnameinfo")?;
            }
            _ => {}
        }
        let result = allow_threads(|| {
            let (mut host, mut service) = ([0 as libc::c_char; 1025], [0 as libc::c_char; 32]);
            // SAFETY: a valid address and buffers of the stated sizes.
            unsafe {
                let code = libc::getnameinfo(
                    found.as_ptr(),
                    found.length,
                    host.as_mut_ptr(),
                    host.len() as libc::socklen_t,
                    service.as_mut_ptr(),
                    service.len() as libc::socklen_t,
                    flags,
                );
                if code != 0 {
                    return Err(code);
                }
                let bytes = |text: &[libc::c_char]| CStr::from_ptr(text.as_ptr()).to_bytes().to_vec();
                Ok((bytes(&host), bytes(&service)))
            }
        });
        let (host, service) = result.map_err(address::raise_gai)?;
        Ok(tuple(vec![name_object(&host, false), name_object(&service, false)]))
    }

    /// The name of this host.
    #[pyfunction(text_signature = "($self, /)")]
    fn gethostname() -> PyResult<Obj> {
        let mut name = [0u8; 1025];
        run(|| {
            // SAFETY: one byte less than the buffer has, so a NUL ends it.
            unsafe { libc::gethostname(name.as_mut_ptr().cast(), name.len() - 1) as isize }
        })?;
        let end = name.iter().position(|b| *b == 0).unwrap_or(name.len());
        Ok(name_object(&name[..end], false))
    }

    /// sethostname(name)
    /// Set the name of this host.
    #[pyfunction(text_signature = "")]
    fn sethostname(name: &Obj) -> PyResult<()> {
        let bytes = match name.downcast::<Bytes>() {
            Some(bytes) => bytes.as_slice().to_vec(),
            None => {
                let path = crate::os::posix::posix::path_arg("sethostname", "name", name, false);
                path.map_err(|raised| {
                    if !raised.matches(exceptions::TypeError::class()) {
                        return raised;
                    }
                    raised.discard();
                    let class = name.class().name();
                    raise!(TypeError, "expected str, bytes or os.PathLike object, not {class}")
                })?
                .bytes
            }
        };
        // SAFETY: bytes of the stated length.
        run(|| unsafe { libc::sethostname(bytes.as_ptr().cast(), bytes.len()) } as isize).map(drop)
    }

    /// Close a socket by its descriptor.
    #[pyfunction(text_signature = "($self, object, /)")]
    fn close(object: i32) -> PyResult<()> {
        // SAFETY: what the caller asked for.
        match allow_threads(|| sized(unsafe { libc::close(object) } as isize)) {
            Err(e) if e.raw_os_error() != Some(libc::ECONNRESET) => Err(raise_io(&e, None)),
            _ => Ok(()),
        }
    }

    /// Duplicate a socket by its descriptor.
    #[pyfunction(text_signature = "($self, object, /)")]
    fn dup(object: i32) -> PyResult<usize> {
        // SAFETY: plain call.
        run(|| unsafe { libc::fcntl(object, libc::F_DUPFD_CLOEXEC, 0) } as isize)
    }

    /// socketpair([family[, type [, proto]]]) -> (socket object, socket object)
    ///
    /// A pair of connected sockets.
    #[pyfunction(sig = "(family=1, type=1, proto=0, /)", text_signature = "")]
    fn socketpair(family: i32, kind: i32, proto: i32) -> PyResult<Obj> {
        let mut fds = [0i32; 2];
        // SAFETY: room for two descriptors.
        run(|| unsafe { libc::socketpair(family, kind | libc::SOCK_CLOEXEC, proto, fds.as_mut_ptr()) } as isize)?;
        let mut made = Vec::new();
        for fd in fds {
            let args = [family, kind, proto, fd].map(|n| int::new(n as i64));
            made.push(pyrs_runtime::call::call(&Socket::class().as_obj(), &args)?);
        }
        Ok(tuple(made))
    }

    /// The time-out of new sockets in seconds, None for none.
    #[pyfunction(text_signature = "($self, /)")]
    fn getdefaulttimeout() -> Obj {
        crate::net::socket::default_timeout()
    }

    /// Set the time-out of new sockets in seconds, None for none.
    #[pyfunction(text_signature = "($self, object, /)")]
    fn setdefaulttimeout(object: &Obj) -> PyResult<()> {
        crate::net::socket::set_default_timeout(object)
    }

    /// An int that must fit a type of C without a sign.
    fn unsigned(arg: &Obj, max: u64, what: &str) -> PyResult<u64> {
        let index = number::index(arg)?;
        if number::is_negative(&index) {
            return Err(raise!(ValueError, "Cannot convert negative int"));
        }
        match int::to_bigint(&index).and_then(|n| u64::try_from(&n).ok()).filter(|n| *n <= max) {
            Some(n) => Ok(n),
            None => Err(raise!(OverflowError, "Python int too large for C {what}")),
        }
    }

    /// 16 bits from the network's byte order.
    #[pyfunction]
    fn ntohs(integer: &Obj) -> PyResult<u16> {
        Ok(u16::from_be(unsigned(integer, u16::MAX as u64, "uint16_t")? as u16))
    }

    /// 32 bits from the network's byte order.
    #[pyfunction]
    fn ntohl(integer: &Obj) -> PyResult<u32> {
        Ok(u32::from_be(unsigned(integer, u32::MAX as u64, "uint32_t")? as u32))
    }

    /// 16 bits to the network's byte order.
    #[pyfunction]
    fn htons(integer: &Obj) -> PyResult<u16> {
        Ok((unsigned(integer, u16::MAX as u64, "uint16_t")? as u16).to_be())
    }

    /// 32 bits to the network's byte order.
    #[pyfunction]
    fn htonl(integer: &Obj) -> PyResult<u32> {
        Ok((unsigned(integer, u32::MAX as u64, "uint32_t")? as u32).to_be())
    }

    /// The packed form of an IPv4 address, in any of the forms that C knows.
    #[pyfunction(name = "inet_aton")]
    fn py_inet_aton(ip_addr: &Obj) -> PyResult<Obj> {
        let text = text_argument("inet_aton", "", ip_addr)?;
        let mut packed = libc::in_addr { s_addr: 0 };
        // SAFETY: a NUL-terminated text and a valid structure.
        if unsafe { inet_aton(text.as_ptr(), &mut packed) } == 0 {
            return Err(raise!(OSError, "illegal IP address string passed to inet_aton"));
        }
        Ok(Bytes::new(&packed.s_addr.to_ne_bytes()).into())
    }

    /// The text of a packed IPv4 address.
    #[pyfunction]
    fn inet_ntoa(packed_ip: BytesLike<'_>) -> PyResult<String> {
        match <[u8; 4]>::try_from(&*packed_ip) {
            Ok(packed) => Ok(std::net::Ipv4Addr::from(packed).to_string()),
            Err(_) => Err(raise!(OSError, "packed IP wrong length for inet_ntoa")),
        }
    }

    /// inet_pton(af, ip) -> packed IP address string
    ///
    /// The packed form of an IP address.
    #[pyfunction(text_signature = "")]
    fn inet_pton(af: i32, ip: &Obj) -> PyResult<Obj> {
        let text = text_argument("inet_pton", " 2", ip)?;
        let mut packed = [0u8; 16];
        // SAFETY: a NUL-terminated text and room for any address.
        match unsafe { c::inet_pton(af, text.as_ptr(), packed.as_mut_ptr().cast()) } {
            -1 => Err(os_error()),
            0 => Err(raise!(OSError, "illegal IP address string passed to inet_pton")),
            _ => Ok(Bytes::new(&packed[..if af == libc::AF_INET { 4 } else { 16 }]).into()),
        }
    }

    /// inet_ntop(af, packed_ip) -> string formatted IP address
    ///
    /// The text of a packed IP address.
    #[pyfunction(text_signature = "")]
    fn inet_ntop(af: i32, packed_ip: BytesLike<'_>) -> PyResult<String> {
        let size = match af {
            libc::AF_INET => 4,
            libc::AF_INET6 => 16,
            _ => return Err(raise!(ValueError, "unknown address family {af}")),
        };
        if packed_ip.len() != size {
            return Err(raise!(ValueError, "invalid length of packed IP address string"));
        }
        ip_of(af, &packed_ip)
    }

    /// The network interfaces: (index, name) pairs.
    #[pyfunction(text_signature = "($self, /)")]
    fn if_nameindex() -> PyResult<Vec<Obj>> {
        let mut all = Vec::new();
        // SAFETY: the list is ended by an index of 0, and freed here.
        unsafe {
            let list = libc::if_nameindex();
            if list.is_null() {
                return Err(os_error());
            }
            let mut at = list;
            while (*at).if_index != 0 {
                all.push(tuple(vec![int::new((*at).if_index as i64), text_of(CStr::from_ptr((*at).if_name))]));
                at = at.add(1);
            }
            libc::if_freenameindex(list);
        }
        Ok(all)
    }

    /// The index of a network interface.
    #[pyfunction]
    fn if_nametoindex(oname: &Obj) -> PyResult<u32> {
        let name = crate::os::posix::posix::path_arg("if_nametoindex", "oname", oname, false)?.c();
        // SAFETY: a NUL-terminated name.
        match unsafe { libc::if_nametoindex(name.as_ptr()) } {
            0 => Err(os_error()),
            index => Ok(index),
        }
    }

    /// The name of a network interface.
    #[pyfunction]
    fn if_indextoname(if_index: &Obj) -> PyResult<Obj> {
        let index = unsigned(if_index, u32::MAX as u64, "unsigned int")?;
        let mut name = [0 as libc::c_char; libc::IF_NAMESIZE + 1];
        // SAFETY: room for any name.
        if unsafe { libc::if_indextoname(index as u32, name.as_mut_ptr()) }.is_null() {
            return Err(os_error());
        }
        // SAFETY: NUL-terminated by the call.
        Ok(text_of(unsafe { CStr::from_ptr(name.as_ptr()) }))
    }

    fn control_length(function: &str, args: Args<'_>, f: fn(usize) -> Option<usize>) -> PyResult<usize> {
        args.no_keywords(&format!("_socket.{function}"))?;
        let [length] = args.positionals() else {
            return Err(raise!(TypeError, "{function}() takes exactly 1 argument ({} given)", args.nargs));
        };
        let length = isize::from_arg(length)?;
        let found = usize::try_from(length).ok().and_then(f);
        found.ok_or_else(|| raise!(OverflowError, "{function}() argument out of range"))
    }

    /// CMSG_LEN(length) -> control message length
    ///
    /// The length of a piece of ancillary data with its header, without padding.
    #[pyfunction(name = "CMSG_LEN")]
    fn control_message_length(args: Args<'_>) -> PyResult<usize> {
        control_length("CMSG_LEN", args, cmsg_len)
    }

    /// CMSG_SPACE(length) -> buffer size
    ///
    /// The room that a piece of ancillary data takes, with header and padding.
    #[pyfunction(name = "CMSG_SPACE")]
    fn control_message_space(args: Args<'_>) -> PyResult<usize> {
        control_length("CMSG_SPACE", args, cmsg_space)
    }

    #[module_exec]
    fn exec(module: &Object<Module>) -> PyResult<()> {
        module.add("error", exceptions::OSError::class().to_obj());
        module.add("timeout", exceptions::TimeoutError::class().to_obj());
        module.add("gaierror", address::resolver_error("socket.gaierror")?);
        module.add("herror", address::resolver_error("socket.herror")?);
        module.add("SocketType", Socket::class().to_obj());
        module.add("has_ipv6", pyrs_runtime::objects::singletons::bool_obj(true));
        module.add("CAPI", crate::lang::types::Capsule::new("_socket.CAPI"));
        add_constants(module, crate::net::constants::CONSTANTS);
        Ok(())
    }
}
