//! `bytes`: representation, construction and conversion. Its methods are in `bytes_methods`.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::call::call_special;
use crate::errors::{PyResult, unless_raised};
use crate::heap;
use crate::object::{Obj, Object, Ptr, PyClass};
use crate::objects::bytearray::ByteArray;
use crate::objects::exceptions::TypeError;
use crate::objects::str::{Str, hash_bytes};
use crate::protocols::buffer::{self, Buffer};
use crate::protocols::{iter, number};
use crate::types::{StaticType, Type, shape};
use crate::value::Value;
use crate::{name, raise};

/// Payload of `bytes`; the data follow it.
#[repr(C)]
pub struct Bytes {
    /// First, as in every variable-size payload.
    length: usize,
    /// -1 = not computed yet.
    hash: Cell<i64>,
}

static BYTES: StaticType = StaticType::new();

// SAFETY: BYTES is readied with the layout of this payload.
unsafe impl PyClass for Bytes {
    #[inline(always)]
    fn class() -> &'static Type {
        BYTES.get()
    }
}

/// The class object, for its definition.
pub const CLASS: &StaticType = &BYTES;

const PAYLOAD: usize = size_of::<Object<Bytes>>();

impl Bytes {
    /// A copy of the data; the empty object and those of one byte are shared.
    pub fn new(data: &[u8]) -> Ptr<Bytes> {
        match data {
            [] => Bytes::shared(256, data),
            [b] => Bytes::shared(*b as usize, data),
            _ => Bytes::new_in(BYTES.get(), data),
        }
    }

    pub fn from_vec(data: Vec<u8>) -> Ptr<Bytes> {
        Bytes::new(&data)
    }

    fn shared(index: usize, data: &[u8]) -> Ptr<Bytes> {
        static SHARED: [AtomicU64; 257] = [const { AtomicU64::new(0) }; 257];
        let word = SHARED[index].load(Ordering::Relaxed);
        if word != 0 {
            // SAFETY: the table's objects are immortal.
            return unsafe { Value(word).as_obj().downcast_unchecked::<Bytes>().to_ptr() };
        }
        let fresh = Bytes::new_in(BYTES.get(), data);
        heap::make_immortal(&fresh.as_obj());
        SHARED[index].store(fresh.value().0, Ordering::Relaxed);
        fresh
    }

    /// A copy as an instance of `class`, `bytes` or a subclass.
    pub fn new_in(class: &Type, data: &[u8]) -> Ptr<Bytes> {
        let size = if class.has_managed_slots() {
            shape::var_managed_offset(class, data.len()) + class.managed_size()
        } else {
            PAYLOAD + data.len()
        };
        // SAFETY: fresh memory of that size; every part is written before anyone can look.
        unsafe {
            let header = if std::ptr::eq(class, Bytes::class()) {
                heap::alloc_static(class, size, false)
            } else {
                heap::alloc_object(class, size)
            };
            let object = header as *mut Object<Bytes>;
            (&raw mut (*object).payload).write(Bytes { length: data.len(), hash: Cell::new(-1) });
            std::ptr::copy_nonoverlapping(data.as_ptr(), (object as *mut u8).add(PAYLOAD), data.len());
            if class.has_managed_slots() {
                shape::init_instance(header, class, PAYLOAD);
            }
            Ptr::from_owned(object)
        }
    }

    #[inline(always)]
    pub fn len(&self) -> usize {
        self.length
    }

    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    #[inline(always)]
    pub fn as_slice(&self) -> &[u8] {
        // SAFETY: a Bytes only lives inside its object, and its data follow it.
        unsafe { std::slice::from_raw_parts((self as *const Bytes).add(1) as *const u8, self.length) }
    }

    #[inline(always)]
    pub fn as_bytes(&self) -> &[u8] {
        self.as_slice()
    }

    /// The hash, equal to that of a str with the same bytes.
    pub fn hash(&self) -> i64 {
        if self.hash.get() == -1 {
            self.hash.set(hash_bytes(self.as_slice()));
        }
        self.hash.get()
    }
}

/// The value of an item: 0 to 255.
pub fn byte_value(item: &Obj, what: &str) -> PyResult<u8> {
    let v = item.value();
    if v.is_fixnum()
        && let Ok(byte) = u8::try_from(v.as_fixnum())
    {
        return Ok(byte);
    }
    let n = number::as_ssize(item, false)?;
    u8::try_from(n).map_err(|_| raise!(ValueError, "{what} must be in range(0, 256)"))
}

/// The data of a bytes or bytearray object.
pub fn bytes_or_bytearray(obj: &Obj) -> Option<Vec<u8>> {
    if let Some(bytes) = obj.downcast::<Bytes>() {
        return Some(bytes.as_slice().to_vec());
    }
    obj.downcast::<ByteArray>().map(|array| array.to_vec())
}

/// The data of an object with the buffer protocol; `None` for others.
pub fn contiguous(obj: &Obj) -> PyResult<Option<Vec<u8>>> {
    if let Some(data) = bytes_or_bytearray(obj) {
        return Ok(Some(data));
    }
    if !buffer::has_buffer(obj) {
        return Ok(None);
    }
    Buffer::get(obj, buffer::flags::FULL_RO).map(|b| Some(b.to_vec()))
}

/// The items of an iterable of small integers.
pub fn from_iterable(obj: &Obj, what: &str) -> PyResult<Vec<u8>> {
    let mut out = Vec::new();
    iter::for_each(obj, |item| {
        out.push(byte_value(&item, what)?);
        Ok(())
    })?;
    Ok(out)
}

/// What `bytes(obj)` makes of anything but a str, an int or an object with `__bytes__`: a buffer's data or
/// the items of an iterable.
pub fn from_buffer_or_iterable(obj: &Obj, class: &str) -> PyResult<Vec<u8>> {
    if let Some(data) = contiguous(obj)? {
        return Ok(data);
    }
    let cannot = || raise!(TypeError, "cannot convert '{}' object to {class}", obj.class().name());
    if obj.is_instance_of::<Str>() {
        return Err(cannot());
    }
    match unless_raised(iter::iter(obj), TypeError::class())? {
        Some(iterator) => from_iterable(&iterator, "bytes"),
        None => Err(cannot()),
    }
}

/// The result of `obj.__bytes__()`, if the class has the method.
pub fn by_method(obj: &Obj) -> PyResult<Option<Obj>> {
    match call_special(obj, name!("__bytes__"), &[])? {
        Some(result) if !result.is_instance_of::<Bytes>() => {
            Err(raise!(TypeError, "__bytes__ returned non-bytes (type {})", result.class().name()))
        }
        other => Ok(other),
    }
}

/// The data of `bytes(obj)` for anything but str and int.
pub fn from_object(obj: &Obj) -> PyResult<Vec<u8>> {
    if let Some(bytes) = obj.exact::<Bytes>() {
        return Ok(bytes.as_slice().to_vec());
    }
    if let Some(result) = by_method(obj)? {
        return Ok(result.downcast::<Bytes>().map(|b| b.as_slice().to_vec()).unwrap_or_default());
    }
    from_buffer_or_iterable(obj, "bytes")
}
