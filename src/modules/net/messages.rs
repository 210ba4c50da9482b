//! `sendmsg` and `recvmsg`: data in several buffers, and ancillary data.

use std::io;

use pyrs_runtime::args::FromArg;
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::object::Obj;
use pyrs_runtime::objects::bytes::Bytes;
use pyrs_runtime::objects::int;
use pyrs_runtime::objects::list::List;
use pyrs_runtime::objects::singletons::none;
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::protocols::buffer::{Buffer, BytesLike, has_buffer};
use pyrs_runtime::protocols::sequence;
use pyrs_runtime::raise;

use super::address::Address;
use super::socket::{Socket, sized};

/// One piece of ancillary data.
pub struct Ancillary {
    level: i32,
    kind: i32,
    data: Vec<u8>,
}

/// The longest data whose size still fits the system's types.
const MAX_LENGTH: usize = i32::MAX as usize - 64;

/// `CMSG_LEN`, unless it would be too large.
pub fn cmsg_len(length: usize) -> Option<usize> {
    // SAFETY: arithmetic on a checked length.
    (length <= MAX_LENGTH).then(|| unsafe { libc::CMSG_LEN(length as u32) } as usize)
}

/// `CMSG_SPACE`, unless it would be too large.
pub fn cmsg_space(length: usize) -> Option<usize> {
    // SAFETY: arithmetic on a checked length.
    (length <= MAX_LENGTH).then(|| unsafe { libc::CMSG_SPACE(length as u32) } as usize)
}

/// The items as control messages.
fn encode(items: &[Ancillary]) -> PyResult<Vec<u64>> {
    let mut space = 0usize;
    for item in items {
        let more = cmsg_space(item.data.len()).and_then(|s| space.checked_add(s)).filter(|s| *s <= MAX_LENGTH);
        space = more.ok_or_else(|| raise!(OSError, "too much ancillary data"))?;
    }
    // Words, so that the headers are aligned.
    let mut buffer = vec![0u64; space.div_ceil(8)];
    // SAFETY: the buffer has room for all items, so the macros stay inside it.
    unsafe {
        let mut message: libc::msghdr = std::mem::zeroed();
        message.msg_control = buffer.as_mut_ptr().cast();
        message.msg_controllen = space as _;
        let mut header = libc::CMSG_FIRSTHDR(&message);
        for item in items {
            if header.is_null() {
                return Err(raise!(RuntimeError, "unexpected NULL result from CMSG_NXTHDR"));
            }
            (*header).cmsg_level = item.level;
            (*header).cmsg_type = item.kind;
            (*header).cmsg_len = libc::CMSG_LEN(item.data.len() as u32) as _;
            std::ptr::copy_nonoverlapping(item.data.as_ptr(), libc::CMSG_DATA(header), item.data.len());
            header = libc::CMSG_NXTHDR(&message, header);
        }
    }
    Ok(buffer)
}

/// How many bytes the items take.
fn encoded_length(items: &[Ancillary]) -> usize {
    items.iter().filter_map(|i| cmsg_space(i.data.len())).sum()
}

/// A received message: bytes, control data, flags, sender.
struct Received {
    length: usize,
    control: Vec<u64>,
    control_length: usize,
    flags: i32,
    address: Address,
}

fn receive_message(socket: &Socket, parts: &mut [&mut [u8]], control: usize, flags: i32) -> PyResult<Received> {
    socket.io(false, |fd| {
        let mut buffer = vec![0u64; control.div_ceil(8)];
        let mut address = Address::default();
        let mut vectors: Vec<libc::iovec> =
            parts.iter_mut().map(|p| libc::iovec { iov_base: p.as_mut_ptr().cast(), iov_len: p.len() }).collect();
        // SAFETY: all parts are valid for their lengths.
        unsafe {
            let mut message: libc::msghdr = std::mem::zeroed();
            message.msg_name = address.as_mut_ptr().cast();
            message.msg_namelen = address.length;
            message.msg_iov = vectors.as_mut_ptr();
            message.msg_iovlen = vectors.len() as _;
            message.msg_control = if control == 0 { std::ptr::null_mut() } else { buffer.as_mut_ptr().cast() };
            message.msg_controllen = control as _;
            let length = sized(libc::recvmsg(fd, &mut message, flags))?;
            address.length = message.msg_namelen.min(address.length);
            Ok(Received {
                length,
                control: buffer,
                control_length: message.msg_controllen as usize,
                flags: message.msg_flags,
                address,
            })
        }
    })
}

impl Received {
    /// The control messages as (level, type, data) tuples; data that was cut off is given as far as it goes.
    fn ancillary(&self) -> Obj {
        let mut items = Vec::new();
        // SAFETY: the macros walk over the received part of the buffer; data is clipped to its end.
        unsafe {
            let mut message: libc::msghdr = std::mem::zeroed();
            message.msg_control = self.control.as_ptr().cast_mut().cast();
            message.msg_controllen = self.control_length as _;
            let end = self.control.as_ptr().cast::<u8>().add(self.control_length);
            let mut header = if self.control_length > 0 { libc::CMSG_FIRSTHDR(&message) } else { std::ptr::null_mut() };
            while !header.is_null() {
                let data = libc::CMSG_DATA(header).cast_const();
                let stated = ((*header).cmsg_len as usize).saturating_sub(libc::CMSG_LEN(0) as usize);
                let length = stated.min((end as usize).saturating_sub(data as usize));
                let bytes = std::slice::from_raw_parts(data, length);
                let item = vec![
                    int::new((*header).cmsg_level as i64),
                    int::new((*header).cmsg_type as i64),
                    Bytes::new(bytes).into(),
                ];
                items.push(Tuple::from_vec(item).into());
                header = libc::CMSG_NXTHDR(&message, header);
            }
        }
        List::from_vec(items).into()
    }

    fn result(&self, socket: &Socket, first: Obj) -> PyResult<Obj> {
        let address = if self.address.length == 0 { none() } else { socket.address_object(&self.address)? };
        Ok(Tuple::from_vec(vec![first, self.ancillary(), int::new(self.flags as i64), address]).into())
    }
}

fn control_size(size: isize) -> PyResult<usize> {
    match usize::try_from(size) {
        Ok(size) if size <= i32::MAX as usize => Ok(size),
        _ => Err(raise!(ValueError, "invalid ancillary data buffer length")),
    }
}

/// `recvmsg()`
pub fn receive(socket: &Socket, size: isize, control: isize, flags: i32) -> PyResult<Obj> {
    let Ok(size) = usize::try_from(size) else {
        return Err(raise!(ValueError, "negative buffer size in recvmsg()"));
    };
    let control = control_size(control)?;
    let mut buffer = vec![0; size];
    let received = receive_message(socket, &mut [&mut buffer], control, flags)?;
    buffer.truncate(received.length);
    received.result(socket, Bytes::from_vec(buffer).into())
}

/// Lets `f` see the memory of several buffers at once.
fn with_parts<R>(buffers: &[Buffer], f: impl FnOnce(&mut [&mut [u8]]) -> R) -> R {
    let mut parts = Vec::with_capacity(buffers.len());
    for buffer in buffers {
        parts.push(buffer.with_bytes_mut(|out| {
            // SAFETY: the export keeps the memory in place longer than the slice lives; nothing runs Python
            // code meanwhile.
            unsafe { std::slice::from_raw_parts_mut(out.as_mut_ptr(), out.len()) }
        }));
    }
    f(&mut parts)
}

/// `recvmsg_into()`
pub fn receive_into(socket: &Socket, buffers: &Obj, control: isize, flags: i32) -> PyResult<Obj> {
    let items = sequence::fast_items(buffers, "recvmsg_into() argument 1 must be an iterable")?;
    check_count(items.len(), "recvmsg_into")?;
    let mut exports = Vec::new();
    for item in &items {
        let export = if has_buffer(item) { Some(Buffer::writable(item)) } else { None };
        match export {
            Some(Ok(export)) => exports.push(export),
            other => {
                if let Some(Err(raised)) = other {
                    raised.discard();
                }
                return Err(raise!(
                    TypeError,
                    "recvmsg_into() argument 1 must be an iterable of single-segment read-write buffers"
                ));
            }
        }
    }
    let control = control_size(control)?;
    let received = with_parts(&exports, |parts| receive_message(socket, parts, control, flags))?;
    received.result(socket, int::new(received.length as i64))
}

fn check_count(count: usize, caller: &str) -> PyResult<()> {
    if count > i32::MAX as usize {
        return Err(raise!(OSError, "{caller}() argument 1 is too long"));
    }
    Ok(())
}

/// The data to send, one vector a buffer.
fn data_parts<'a>(items: &'a [Obj], caller: &str) -> PyResult<Vec<BytesLike<'a>>> {
    check_count(items.len(), caller)?;
    items.iter().map(BytesLike::new).collect()
}

fn send_message(
    socket: &Socket,
    parts: &[&[u8]],
    control: &[u64],
    control_length: usize,
    flags: i32,
    address: Option<&Address>,
) -> PyResult<usize> {
    socket.io(true, |fd| -> io::Result<usize> {
        let mut vectors: Vec<libc::iovec> =
            parts.iter().map(|p| libc::iovec { iov_base: p.as_ptr().cast_mut().cast(), iov_len: p.len() }).collect();
        // SAFETY: all parts are valid for their lengths; the call only reads them.
        unsafe {
            let mut message: libc::msghdr = std::mem::zeroed();
            if let Some(address) = address {
                message.msg_name = address.as_ptr().cast_mut().cast();
                message.msg_namelen = address.length;
            }
            message.msg_iov = vectors.as_mut_ptr();
            message.msg_iovlen = vectors.len() as _;
            if control_length > 0 {
                message.msg_control = control.as_ptr().cast_mut().cast();
                message.msg_controllen = control_length as _;
            }
            sized(libc::sendmsg(fd, &message, flags))
        }
    })
}

fn ancillary_item(item: &Obj) -> PyResult<Ancillary> {
    let what = "[sendmsg() ancillary data items]() argument";
    let Some(tuple) = item.downcast::<Tuple>() else {
        return Err(raise!(TypeError, "{what} must be 3-item tuple, not {}", item.class().name()));
    };
    let [level, kind, data] = tuple.items() else {
        return Err(raise!(TypeError, "{what} must be sequence of length 3, not {}", tuple.len()));
    };
    Ok(Ancillary { level: i32::from_arg(level)?, kind: i32::from_arg(kind)?, data: BytesLike::new(data)?.to_vec() })
}

/// `sendmsg()`
pub fn send(
    socket: &Socket,
    buffers: &Obj,
    ancillary: Option<&Obj>,
    flags: i32,
    address: Option<&Obj>,
) -> PyResult<usize> {
    let address = address.map(|a| socket.address(a, "sendmsg")).transpose()?;
    let items = sequence::fast_items(buffers, "sendmsg() argument 1 must be an iterable")?;
    let data = data_parts(&items, "sendmsg")?;
    let control = match ancillary {
        None => Vec::new(),
        Some(list) => sequence::fast_items(list, "sendmsg() argument 2 must be an iterable")?
            .iter()
            .map(ancillary_item)
            .collect::<PyResult<Vec<_>>>()?,
    };
    let encoded = encode(&control)?;
    let parts: Vec<&[u8]> = data.iter().map(|d| &**d).collect();
    send_message(socket, &parts, &encoded, encoded_length(&control), flags, address.as_ref())
}

const SOL_ALG: i32 = 279;
const ALG_SET_IV: i32 = 2;
const ALG_SET_OP: i32 = 3;
const ALG_SET_AEAD_ASSOCLEN: i32 = 4;

/// `sendmsg_afalg()`
pub fn send_algorithm(
    socket: &Socket,
    message: Option<&Obj>,
    op: i32,
    iv: Option<&[u8]>,
    assoclen: i32,
    flags: i32,
) -> PyResult<usize> {
    if socket.family.get() != libc::AF_ALG {
        return Err(raise!(OSError, "algset is only supported for AF_ALG"));
    }
    if op < 0 {
        return Err(raise!(TypeError, "Invalid or missing argument 'op'"));
    }
    if assoclen < -1 {
        return Err(raise!(TypeError, "assoclen must be positive"));
    }
    let control = |kind: i32, data: Vec<u8>| Ancillary { level: SOL_ALG, kind, data };
    let mut items = vec![control(ALG_SET_OP, (op as u32).to_ne_bytes().to_vec())];
    if let Some(iv) = iv {
        let mut data = (iv.len() as u32).to_ne_bytes().to_vec();
        data.extend_from_slice(iv);
        items.push(control(ALG_SET_IV, data));
    }
    if assoclen >= 0 {
        items.push(control(ALG_SET_AEAD_ASSOCLEN, (assoclen as u32).to_ne_bytes().to_vec()));
    }
    let buffers = match message {
        None => Vec::new(),
        Some(list) => sequence::fast_items(list, "sendmsg_afalg() argument 1 must be an iterable")?,
    };
    let data = data_parts(&buffers, "sendmsg_afalg")?;
    let parts: Vec<&[u8]> = data.iter().map(|d| &**d).collect();
    let encoded = encode(&items)?;
    send_message(socket, &parts, &encoded, encoded_length(&items), flags, None)
}
