//! Socket addresses: between Python's tuples and the system's structures.

use std::ffi::CString;
use std::io;

use pyrs_runtime::args::FromArg;
use pyrs_runtime::call;
use pyrs_runtime::errors::{self, PyResult, Raised};
use pyrs_runtime::object::{Obj, Object, PyClass};
use pyrs_runtime::objects::bytearray::ByteArray;
use pyrs_runtime::objects::bytes::Bytes;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::objects::{exceptions, int};
use pyrs_runtime::protocols::buffer::BytesLike;
use pyrs_runtime::raise;
use pyrs_runtime::thread::{allow_threads, runtime};

use crate::os::posix::posix::{name_bytes, name_object};
use crate::os::support::{os_error, text_of};

/// A system address and its length.
#[derive(Copy, Clone)]
pub struct Address {
    storage: libc::sockaddr_storage,
    pub length: libc::socklen_t,
}

impl Default for Address {
    /// Room for an address of any family.
    fn default() -> Address {
        // SAFETY: all-zero is a valid structure.
        let storage = unsafe { std::mem::zeroed() };
        Address { storage, length: size_of::<libc::sockaddr_storage>() as libc::socklen_t }
    }
}

/// The structures that stand behind the general one; all of them are plain data.
///
/// # Safety
/// Any bytes are a valid value, and it is no larger than `sockaddr_storage`.
unsafe trait Plain: Copy {}
// SAFETY: as the trait asks.
unsafe impl Plain for libc::sockaddr_in {}
// SAFETY: as the trait asks.
unsafe impl Plain for libc::sockaddr_in6 {}
// SAFETY: as the trait asks.
unsafe impl Plain for libc::sockaddr_un {}
// SAFETY: as the trait asks.
unsafe impl Plain for libc::sockaddr_nl {}
// SAFETY: as the trait asks.
unsafe impl Plain for libc::sockaddr_ll {}
// SAFETY: as the trait asks.
unsafe impl Plain for libc::sockaddr_vm {}
// SAFETY: as the trait asks.
unsafe impl Plain for libc::sockaddr_alg {}
// SAFETY: as the trait asks.
unsafe impl Plain for libc::sockaddr_can {}

impl Address {
    fn of<T: Plain>(structure: T) -> Address {
        let mut address = Address::default();
        // SAFETY: the storage is large and aligned enough for every family's structure.
        unsafe { (&raw mut address.storage).cast::<T>().write(structure) };
        address.length = size_of::<T>() as libc::socklen_t;
        address
    }

    fn view<T: Plain>(&self) -> T {
        // SAFETY: as in `of`.
        unsafe { (&raw const self.storage).cast::<T>().read() }
    }

    pub fn as_ptr(&self) -> *const libc::sockaddr {
        (&raw const self.storage).cast()
    }

    pub fn as_mut_ptr(&mut self) -> *mut libc::sockaddr {
        (&raw mut self.storage).cast()
    }

    pub fn family(&self) -> i32 {
        if self.length == 0 { libc::AF_UNSPEC } else { self.storage.ss_family as i32 }
    }

    /// The result of `getsockname` and the like.
    pub fn fill(f: impl FnOnce(*mut libc::sockaddr, *mut libc::socklen_t) -> i32) -> io::Result<Address> {
        let mut address = Address::default();
        let mut length = address.length;
        if f(address.as_mut_ptr(), &mut length) < 0 {
            return Err(io::Error::last_os_error());
        }
        address.length = length.min(address.length);
        Ok(address)
    }
}

/// The exceptions of name resolution, made once.
pub fn resolver_error(name: &'static str) -> PyResult<Obj> {
    match runtime().registered(name) {
        Some(class) => Ok(class),
        None => {
            let class =
                crate::exception_class("socket", name.trim_start_matches("socket."), exceptions::OSError::class())?;
            runtime().register(name, class.clone());
            Ok(class)
        }
    }
}

/// Raises `gaierror`, or `OSError` if the code says so.
pub fn raise_gai(code: i32) -> Raised {
    if code == libc::EAI_SYSTEM {
        return os_error();
    }
    // SAFETY: the message is a constant text.
    let text = text_of(unsafe { std::ffi::CStr::from_ptr(libc::gai_strerror(code)) });
    match resolver_error("socket.gaierror") {
        Ok(class) => {
            let class = pyrs_runtime::types::as_type(&class).expect("a class");
            errors::raise_class(class, &[int::new(code as i64), text])
        }
        Err(raised) => raised,
    }
}

/// The addresses of a host and a service.
pub struct Info {
    pub family: i32,
    pub kind: i32,
    pub protocol: i32,
    pub canonical: Option<Vec<u8>>,
    pub address: Address,
}

/// `getaddrinfo()` without the GIL.
pub fn resolve(host: Option<&CString>, service: Option<&CString>, hints: [i32; 4]) -> PyResult<Vec<Info>> {
    let [family, kind, protocol, flags] = hints;
    let result = allow_threads(|| {
        // SAFETY: NUL-terminated texts or null; the list is read and freed here.
        unsafe {
            let mut wanted: libc::addrinfo = std::mem::zeroed();
            (wanted.ai_family, wanted.ai_socktype) = (family, kind);
            (wanted.ai_protocol, wanted.ai_flags) = (protocol, flags);
            let pointer = |text: Option<&CString>| text.map_or(std::ptr::null(), |t| t.as_ptr());
            let mut list = std::ptr::null_mut();
            let code = libc::getaddrinfo(pointer(host), pointer(service), &wanted, &mut list);
            if code != 0 {
                return Err(code);
            }
            let (mut found, mut at) = (Vec::new(), list);
            while !at.is_null() {
                let entry = &*at;
                let mut address = Address::default();
                let length = entry.ai_addrlen.min(address.length);
                std::ptr::copy_nonoverlapping(
                    entry.ai_addr.cast::<u8>(),
                    address.as_mut_ptr().cast::<u8>(),
                    length as usize,
                );
                address.length = length;
                let canonical = (!entry.ai_canonname.is_null())
                    .then(|| std::ffi::CStr::from_ptr(entry.ai_canonname).to_bytes().to_vec());
                found.push(Info {
                    family: entry.ai_family,
                    kind: entry.ai_socktype,
                    protocol: entry.ai_protocol,
                    canonical,
                    address,
                });
                at = entry.ai_next;
            }
            libc::freeaddrinfo(list);
            Ok(found)
        }
    });
    result.map_err(raise_gai)
}

/// A host name argument: text is encoded by IDNA unless it is ASCII.
pub fn host_name(host: &Obj) -> PyResult<CString> {
    let bytes = if let Some(text) = host.downcast::<Str>() {
        encode_host(text)?
    } else if let Some(bytes) = host.downcast::<Bytes>() {
        bytes.as_slice().to_vec()
    } else if let Some(bytes) = host.downcast::<ByteArray>() {
        bytes.to_vec()
    } else {
        return Err(raise!(TypeError, "str, bytes or bytearray expected, not {}", host.class().name()));
    };
    CString::new(bytes).map_err(|_| raise!(TypeError, "host name must not contain null character"))
}

/// Text of a host name as bytes.
pub fn encode_host(text: &Object<Str>) -> PyResult<Vec<u8>> {
    if let Some(ascii) = text.as_ascii() {
        return Ok(ascii.as_bytes().to_vec());
    }
    let encoded = call::call_method(&text.as_obj(), "encode", &[Str::new("idna").into()])?;
    encoded
        .downcast::<Bytes>()
        .map(|b| b.as_slice().to_vec())
        .ok_or_else(|| raise!(TypeError, "encoding gave no bytes"))
}

/// The address of a host, without a port.
pub fn host_address(name: &CString, family: i32) -> PyResult<Address> {
    let bytes = name.as_bytes();
    if bytes.is_empty() {
        let any = CString::new("0").expect("no NUL");
        let found = resolve(None, Some(&any), [family, libc::SOCK_DGRAM, 0, libc::AI_PASSIVE])?;
        return match found.as_slice() {
            [one] => Ok(one.address),
            _ => Err(raise!(OSError, "wildcard resolved to multiple address")),
        };
    }
    if bytes == b"<broadcast>" || bytes == b"255.255.255.255" {
        if family != libc::AF_INET && family != libc::AF_UNSPEC {
            return Err(raise!(OSError, "address family mismatched"));
        }
        return Ok(inet(u32::MAX, 0));
    }
    if let Ok(text) = name.to_str() {
        if family != libc::AF_INET6
            && let Ok(ip) = text.parse::<std::net::Ipv4Addr>()
        {
            return Ok(inet(u32::from_ne_bytes(ip.octets()), 0));
        }
        if family != libc::AF_INET
            && let Ok(ip) = text.parse::<std::net::Ipv6Addr>()
        {
            return Ok(inet6(ip.octets(), 0, 0, 0));
        }
    }
    let found = resolve(Some(name), None, [family, 0, 0, 0])?;
    found.first().map(|i| i.address).ok_or_else(|| raise!(OSError, "no address found"))
}

fn inet(ip: u32, port: u16) -> Address {
    // SAFETY: all-zero is a valid structure.
    let mut a: libc::sockaddr_in = unsafe { std::mem::zeroed() };
    (a.sin_family, a.sin_port, a.sin_addr.s_addr) = (libc::AF_INET as u16, port.to_be(), ip);
    Address::of(a)
}

fn inet6(ip: [u8; 16], port: u16, flowinfo: u32, scope: u32) -> Address {
    // SAFETY: all-zero is a valid structure.
    let mut a: libc::sockaddr_in6 = unsafe { std::mem::zeroed() };
    (a.sin6_family, a.sin6_port, a.sin6_addr.s6_addr) = (libc::AF_INET6 as u16, port.to_be(), ip);
    (a.sin6_flowinfo, a.sin6_scope_id) = (flowinfo.to_be(), scope);
    Address::of(a)
}

/// The numeric text of an IP address.
pub fn ip_text(address: &Address) -> PyResult<String> {
    Ok(match address.family() {
        libc::AF_INET => {
            let a: libc::sockaddr_in = address.view();
            std::net::Ipv4Addr::from(a.sin_addr.s_addr.to_ne_bytes()).to_string()
        }
        _ => {
            let (mut host, length) = ([0 as libc::c_char; 1025], address.length);
            // SAFETY: buffers of the stated sizes.
            let code = unsafe {
                libc::getnameinfo(
                    address.as_ptr(),
                    length,
                    host.as_mut_ptr(),
                    host.len() as libc::socklen_t,
                    std::ptr::null_mut(),
                    0,
                    libc::NI_NUMERICHOST,
                )
            };
            if code != 0 {
                return Err(raise_gai(code));
            }
            // SAFETY: NUL-terminated by the call.
            unsafe { std::ffi::CStr::from_ptr(host.as_ptr()) }.to_string_lossy().into_owned()
        }
    })
}

fn tuple(items: Vec<Obj>) -> Obj {
    Tuple::from_vec(items).into()
}

fn number(n: impl Into<i64>) -> Obj {
    int::new(n.into())
}

/// The name of a network interface, empty for none.
fn interface_name(index: u32) -> Vec<u8> {
    let mut name = [0 as libc::c_char; libc::IF_NAMESIZE + 1];
    // SAFETY: the buffer is large enough for any name.
    if index == 0 || unsafe { libc::if_indextoname(index, name.as_mut_ptr()) }.is_null() {
        return Vec::new();
    }
    // SAFETY: NUL-terminated by the call.
    unsafe { std::ffi::CStr::from_ptr(name.as_ptr()) }.to_bytes().to_vec()
}

fn interface_index(name: &[u8]) -> PyResult<u32> {
    if name.is_empty() {
        return Ok(0);
    }
    let c = CString::new(name).map_err(|_| raise!(ValueError, "embedded null character"))?;
    // SAFETY: a NUL-terminated name.
    match unsafe { libc::if_nametoindex(c.as_ptr()) } {
        0 => Err(os_error()),
        index => Ok(index),
    }
}

impl Address {
    /// As Python shows it; `protocol` tells raw CAN sockets from others.
    pub fn to_object(&self, protocol: i32) -> PyResult<Obj> {
        if self.length == 0 {
            return Ok(pyrs_runtime::objects::singletons::none());
        }
        Ok(match self.family() {
            libc::AF_INET => {
                let a: libc::sockaddr_in = self.view();
                tuple(vec![Str::new(&ip_text(self)?).into(), number(u16::from_be(a.sin_port))])
            }
            libc::AF_INET6 => {
                let a: libc::sockaddr_in6 = self.view();
                tuple(vec![
                    Str::new(&ip_text(self)?).into(),
                    number(u16::from_be(a.sin6_port)),
                    number(u32::from_be(a.sin6_flowinfo)),
                    number(a.sin6_scope_id),
                ])
            }
            libc::AF_UNIX => {
                let a: libc::sockaddr_un = self.view();
                let start = std::mem::offset_of!(libc::sockaddr_un, sun_path);
                let used = (self.length as usize).saturating_sub(start).min(a.sun_path.len());
                let path: Vec<u8> = a.sun_path[..used].iter().map(|c| *c as u8).collect();
                match path.first() {
                    // Names in the abstract namespace may contain anything.
                    Some(0) => Bytes::new(&path).into(),
                    _ => {
                        let end = path.iter().position(|b| *b == 0).unwrap_or(path.len());
                        name_object(&path[..end], false)
                    }
                }
            }
            libc::AF_NETLINK => {
                let a: libc::sockaddr_nl = self.view();
                tuple(vec![number(a.nl_pid), number(a.nl_groups)])
            }
            libc::AF_PACKET => {
                let a: libc::sockaddr_ll = self.view();
                let name = name_object(&interface_name(a.sll_ifindex as u32), false);
                let hardware = Bytes::new(&a.sll_addr[..(a.sll_halen as usize).min(a.sll_addr.len())]);
                tuple(vec![
                    name,
                    number(u16::from_be(a.sll_protocol)),
                    number(a.sll_pkttype),
                    number(a.sll_hatype),
                    hardware.into(),
                ])
            }
            libc::AF_VSOCK => {
                let a: libc::sockaddr_vm = self.view();
                tuple(vec![number(a.svm_cid), number(a.svm_port)])
            }
            libc::AF_CAN => {
                let a: libc::sockaddr_can = self.view();
                let name = name_object(&interface_name(a.can_ifindex as u32), false);
                let _ = protocol;
                tuple(vec![name])
            }
            family => {
                let length = self.length as usize - size_of::<libc::sa_family_t>();
                // SAFETY: the bytes of the storage behind the family.
                let data = unsafe {
                    std::slice::from_raw_parts(self.as_ptr().cast::<u8>().add(size_of::<libc::sa_family_t>()), length)
                };
                tuple(vec![number(family), Bytes::new(data).into()])
            }
        })
    }

    /// The address that a Python object means for a socket of `family`; `caller` shows in messages.
    pub fn from_object(family: i32, object: &Obj, caller: &str) -> PyResult<Address> {
        match family {
            libc::AF_INET => {
                let items = tuple_items(object, caller, "AF_INET")?;
                let [host, port] = items else {
                    return Err(raise!(TypeError, "AF_INET address must be a pair (host, port)"));
                };
                let (host, port) = (host_name(host)?, port_argument(port)?);
                let found = host_address(&host, libc::AF_INET)?;
                let found: libc::sockaddr_in = found.view();
                Ok(inet(found.sin_addr.s_addr, port_number(port, caller)?))
            }
            libc::AF_INET6 => {
                let items = tuple_items(object, caller, "AF_INET6")?;
                if !(2..=4).contains(&items.len()) {
                    return Err(raise!(
                        TypeError,
                        "AF_INET6 address must be a tuple (host, port[, flowinfo[, scopeid]])"
                    ));
                }
                let (host, port) = (host_name(&items[0])?, port_argument(&items[1])?);
                let flowinfo = items.get(2).map_or(Ok(0), crate::masked_u32_of)?;
                let scope = items.get(3).map_or(Ok(0), crate::masked_u32_of)?;
                let found = host_address(&host, libc::AF_INET6)?;
                let port = port_number(port, caller)?;
                if flowinfo > 0xfffff {
                    return Err(raise!(OverflowError, "{caller}(): flowinfo must be 0-1048575."));
                }
                let found: libc::sockaddr_in6 = found.view();
                let scope = if scope == 0 { found.sin6_scope_id } else { scope };
                Ok(inet6(found.sin6_addr.s6_addr, port, flowinfo, scope))
            }
            libc::AF_UNIX => unix(object),
            libc::AF_NETLINK => {
                let items = tuple_items(object, caller, "AF_NETLINK")?;
                let [pid, groups] = items else {
                    return Err(raise!(TypeError, "AF_NETLINK address must be a pair (pid, groups)"));
                };
                // SAFETY: all-zero is a valid structure.
                let mut a: libc::sockaddr_nl = unsafe { std::mem::zeroed() };
                a.nl_family = libc::AF_NETLINK as u16;
                a.nl_pid = crate::masked_u32(Some(pid))?;
                a.nl_groups = crate::masked_u32(Some(groups))?;
                Ok(Address::of(a))
            }
            libc::AF_PACKET => packet(object, caller),
            libc::AF_VSOCK => {
                let items = tuple_items(object, caller, "AF_VSOCK")?;
                let [cid, port] = items else {
                    return Err(raise!(
                        TypeError,
                        "getsockaddrarg() takes exactly 2 arguments ({} given)",
                        items.len()
                    ));
                };
                // SAFETY: all-zero is a valid structure.
                let mut a: libc::sockaddr_vm = unsafe { std::mem::zeroed() };
                a.svm_family = libc::AF_VSOCK as u16;
                a.svm_cid = crate::masked_u32(Some(cid))?;
                a.svm_port = crate::masked_u32(Some(port))?;
                Ok(Address::of(a))
            }
            libc::AF_CAN => {
                let items = tuple_items(object, caller, "AF_CAN")?;
                let Some(name) = items.first().and_then(|n| n.downcast::<Str>()) else {
                    return Err(raise!(TypeError, "AF_CAN address must be a tuple (interface, )"));
                };
                // SAFETY: all-zero is a valid structure.
                let mut a: libc::sockaddr_can = unsafe { std::mem::zeroed() };
                a.can_family = libc::AF_CAN as u16;
                a.can_ifindex = interface_index(&name_bytes(name)?)? as i32;
                Ok(Address::of(a))
            }
            libc::AF_ALG => algorithm(object, caller),
            _ => Err(raise!(OSError, "{caller}(): bad family")),
        }
    }
}

fn tuple_items<'a>(object: &'a Obj, caller: &str, family: &str) -> PyResult<&'a [Obj]> {
    match object.downcast::<Tuple>() {
        Some(tuple) => Ok(tuple.items()),
        None => Err(raise!(TypeError, "{caller}(): {family} address must be tuple, not {}", object.class().name())),
    }
}

/// A port as it was given; its range is checked once the host is known.
fn port_argument(port: &Obj) -> PyResult<Option<i32>> {
    errors::unless_raised(i32::from_arg(port), exceptions::OverflowError::class())
}

fn port_number(port: Option<i32>, caller: &str) -> PyResult<u16> {
    match port.and_then(|n| u16::try_from(n).ok()) {
        Some(port) => Ok(port),
        None => Err(raise!(OverflowError, "{caller}(): port must be 0-65535.")),
    }
}

fn unix(object: &Obj) -> PyResult<Address> {
    let path = match object.downcast::<Str>() {
        Some(text) => name_bytes(text)?,
        None => BytesLike::new(object)?.to_vec(),
    };
    // SAFETY: all-zero is a valid structure.
    let mut a: libc::sockaddr_un = unsafe { std::mem::zeroed() };
    a.sun_family = libc::AF_UNIX as u16;
    // Names in the abstract namespace begin with NUL and have no NUL at the end.
    let is_abstract = path.first() == Some(&0);
    let room = if is_abstract { a.sun_path.len() } else { a.sun_path.len() - 1 };
    if path.len() > room {
        return Err(raise!(OSError, "AF_UNIX path too long"));
    }
    for (to, from) in a.sun_path.iter_mut().zip(&path) {
        *to = *from as libc::c_char;
    }
    let mut address = Address::of(a);
    let end = if is_abstract || path.is_empty() { path.len() } else { path.len() + 1 };
    address.length = (std::mem::offset_of!(libc::sockaddr_un, sun_path) + end) as libc::socklen_t;
    Ok(address)
}

fn packet(object: &Obj, caller: &str) -> PyResult<Address> {
    let items = tuple_items(object, caller, "AF_PACKET")?;
    let wrong = || {
        raise!(
            TypeError,
            "AF_PACKET address must be a tuple of two to five elements (ifname, proto[, pkttype[, hatype[, addr]]])"
        )
    };
    if !(2..=5).contains(&items.len()) {
        return Err(wrong());
    }
    let name = items[0].downcast::<Str>().ok_or_else(wrong)?;
    let protocol = i32::from_arg(&items[1])?;
    let kind = items.get(2).map_or(Ok(0), i32::from_arg)?;
    let hardware_type = items.get(3).map_or(Ok(0), i32::from_arg)?;
    let hardware = items.get(4).map(|h| BytesLike::new(h).map(|b| b.to_vec())).transpose()?.unwrap_or_default();
    // SAFETY: all-zero is a valid structure.
    let mut a: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    if hardware.len() > a.sll_addr.len() {
        return Err(raise!(ValueError, "Hardware address must be 8 bytes or less"));
    }
    let Ok(protocol) = u16::try_from(protocol) else {
        return Err(raise!(OverflowError, "{caller}(): proto must be 0-65535."));
    };
    a.sll_family = libc::AF_PACKET as u16;
    a.sll_protocol = protocol.to_be();
    a.sll_ifindex = interface_index(&name_bytes(name)?)? as i32;
    (a.sll_pkttype, a.sll_hatype, a.sll_halen) = (kind as u8, hardware_type as u16, hardware.len() as u8);
    a.sll_addr[..hardware.len()].copy_from_slice(&hardware);
    Ok(Address::of(a))
}

fn algorithm(object: &Obj, caller: &str) -> PyResult<Address> {
    let items = tuple_items(object, caller, "AF_ALG")?;
    let text = |i: usize| items.get(i).and_then(|t| t.downcast::<Str>());
    let (Some(kind), Some(name)) = (text(0), text(1)) else {
        return Err(raise!(TypeError, "AF_ALG address must be a tuple (type, name[, feat[, mask]])"));
    };
    // SAFETY: all-zero is a valid structure.
    let mut a: libc::sockaddr_alg = unsafe { std::mem::zeroed() };
    a.salg_family = libc::AF_ALG as u16;
    let (kind, name) = (kind.to_string_checked()?, name.to_string_checked()?);
    if kind.len() >= a.salg_type.len() {
        return Err(raise!(ValueError, "AF_ALG type too long."));
    }
    if name.len() >= a.salg_name.len() {
        return Err(raise!(ValueError, "AF_ALG name too long."));
    }
    a.salg_type[..kind.len()].copy_from_slice(kind.as_bytes());
    a.salg_name[..name.len()].copy_from_slice(name.as_bytes());
    a.salg_feat = items.get(2).map_or(Ok(0), crate::masked_u32_of)?;
    a.salg_mask = items.get(3).map_or(Ok(0), crate::masked_u32_of)?;
    Ok(Address::of(a))
}
