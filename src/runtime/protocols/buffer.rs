//! The buffer protocol: direct access to the memory of bytes-like objects.
//!
//! A [`Buffer`] keeps its exporter alive and tells it when it is dropped. [`BytesLike`] is what native
//! functions take as an argument when any contiguous bytes will do.

use std::borrow::Cow;
use std::ops::Deref;

use crate::args::FromArg;
use crate::call::call_special;
use crate::errors::PyResult;
use crate::heap::cycles::Visitor;
use crate::object::{Obj, Trace};
use crate::objects::bytes::Bytes;
use crate::objects::memoryview::MemoryView;
use crate::objects::singletons::none;
use crate::protocols::number;
use crate::{name, raise};

/// What a consumer asks for; CPython's numbers (`inspect.BufferFlags`).
pub mod flags {
    pub const SIMPLE: u32 = 0;
    pub const WRITABLE: u32 = 1;
    pub const FORMAT: u32 = 4;
    pub const ND: u32 = 8;
    pub const STRIDES: u32 = 0x10 | ND;
    pub const C_CONTIGUOUS: u32 = 0x20 | STRIDES;
    pub const F_CONTIGUOUS: u32 = 0x40 | STRIDES;
    pub const ANY_CONTIGUOUS: u32 = 0x80 | STRIDES;
    pub const INDIRECT: u32 = 0x100 | STRIDES;
    pub const FULL_RO: u32 = INDIRECT | FORMAT;
    pub const FULL: u32 = INDIRECT | WRITABLE | FORMAT;
    /// Only for `__buffer__`: flags that no consumer may combine.
    pub const READ: u32 = 0x100;
    pub const WRITE: u32 = 0x200;
}

/// How the items of a buffer lie in memory.
#[derive(Clone)]
pub struct Layout {
    pub ptr: *mut u8,
    /// Size of all items in bytes.
    pub len: usize,
    pub readonly: bool,
    pub itemsize: usize,
    /// In the language of the struct module.
    pub format: Cow<'static, str>,
    pub shape: Vec<isize>,
    pub strides: Vec<isize>,
}

impl Layout {
    /// Plain bytes.
    pub fn bytes(ptr: *mut u8, len: usize, readonly: bool) -> Layout {
        Layout {
            ptr,
            len,
            readonly,
            itemsize: 1,
            format: Cow::Borrowed("B"),
            shape: vec![len as isize],
            strides: vec![1],
        }
    }

    pub fn ndim(&self) -> usize {
        self.shape.len()
    }

    /// Strides of a C-contiguous array.
    pub fn c_strides(shape: &[isize], itemsize: usize) -> Vec<isize> {
        let mut strides = vec![0; shape.len()];
        let mut step = itemsize as isize;
        for (stride, extent) in strides.iter_mut().zip(shape).rev() {
            *stride = step;
            step *= extent;
        }
        strides
    }

    pub fn is_c_contiguous(&self) -> bool {
        if self.len == 0 {
            return true;
        }
        let mut step = self.itemsize as isize;
        self.shape.iter().zip(&self.strides).rev().all(|(&extent, &stride)| {
            let fits = extent <= 1 || stride == step;
            step *= extent;
            fits
        })
    }

    pub fn is_f_contiguous(&self) -> bool {
        if self.len == 0 {
            return true;
        }
        let mut step = self.itemsize as isize;
        self.shape.iter().zip(&self.strides).all(|(&extent, &stride)| {
            let fits = extent <= 1 || stride == step;
            step *= extent;
            fits
        })
    }

    /// Calls `f` with the address of every item, the last index running fastest.
    pub fn for_each_item(&self, mut f: impl FnMut(*mut u8)) {
        fn walk(layout: &Layout, dim: usize, ptr: *mut u8, f: &mut dyn FnMut(*mut u8)) {
            if dim == layout.ndim() {
                return f(ptr);
            }
            for i in 0..layout.shape[dim] {
                walk(layout, dim + 1, ptr.wrapping_offset(i * layout.strides[dim]), f);
            }
        }
        walk(self, 0, self.ptr, &mut f);
    }

    /// The items as contiguous bytes in C order.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.len);
        if self.is_c_contiguous() {
            // SAFETY: the exporter keeps `len` bytes there alive.
            out.extend_from_slice(unsafe { slice(self.ptr, self.len) });
        } else {
            // SAFETY: every item lies inside the exporter's memory.
            self.for_each_item(|item| out.extend_from_slice(unsafe { slice(item, self.itemsize) }));
        }
        out
    }

    /// The items in Fortran order.
    pub fn to_vec_fortran(&self) -> Vec<u8> {
        let mut reversed = self.clone();
        reversed.shape.reverse();
        reversed.strides.reverse();
        reversed.to_vec()
    }
}

/// # Safety
/// `len` readable bytes at `ptr` (any pointer if `len` is 0).
unsafe fn slice<'a>(ptr: *const u8, len: usize) -> &'a [u8] {
    // SAFETY: by contract.
    if len == 0 { &[] } else { unsafe { std::slice::from_raw_parts(ptr, len) } }
}

/// An export of an object's memory.
pub struct Buffer {
    /// The exporter; told when the export ends.
    owner: Option<Obj>,
    /// The memoryview that a Python `__buffer__` returned.
    view: Option<Obj>,
    pub layout: Layout,
}

impl Trace for Buffer {
    fn trace(&self, visitor: &mut Visitor<'_>) {
        self.owner.trace(visitor);
        self.view.trace(visitor);
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if let Some(owner) = self.owner.take()
            && let Some(release) = owner.class().slots().release_buffer
        {
            let pending = crate::thread::current().take_exception();
            release(&owner, self);
            crate::thread::current().restore_exception(pending);
        }
    }
}

impl Buffer {
    /// An export of `owner`, whose release slot will be called.
    pub fn new(owner: Obj, layout: Layout) -> Buffer {
        Buffer { owner: Some(owner), view: None, layout }
    }

    /// The exporter.
    pub fn owner(&self) -> Option<&Obj> {
        self.owner.as_ref()
    }

    /// Asks `obj` for its memory.
    pub fn get(obj: &Obj, flags: u32) -> PyResult<Buffer> {
        match obj.class().slots().buffer {
            Some(f) => f(obj, flags),
            None => Err(raise!(TypeError, "a bytes-like object is required, not '{}'", obj.class().name())),
        }
    }

    /// Read access to contiguous bytes.
    pub fn simple(obj: &Obj) -> PyResult<Buffer> {
        Buffer::get(obj, flags::SIMPLE)
    }

    /// Write access to contiguous bytes.
    pub fn writable(obj: &Obj) -> PyResult<Buffer> {
        Buffer::get(obj, flags::WRITABLE)
    }

    pub fn len(&self) -> usize {
        self.layout.len
    }

    pub fn is_empty(&self) -> bool {
        self.layout.len == 0
    }

    /// The bytes of a contiguous buffer. The memory may be written by other holders of the object: do not
    /// run Python code while looking at it.
    pub fn as_slice(&self) -> &[u8] {
        debug_assert!(self.layout.is_c_contiguous());
        // SAFETY: the exporter keeps the memory in place until the buffer is dropped.
        unsafe { slice(self.layout.ptr, self.layout.len) }
    }

    /// Lets `f` look at the bytes, in C order.
    pub fn with_bytes<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        if self.layout.is_c_contiguous() { f(self.as_slice()) } else { f(&self.layout.to_vec()) }
    }

    /// Lets `f` write the bytes of a writable contiguous buffer; `f` runs no Python code.
    pub fn with_bytes_mut<R>(&self, f: impl FnOnce(&mut [u8]) -> R) -> R {
        assert!(!self.layout.readonly && self.layout.is_c_contiguous(), "a writable contiguous buffer");
        if self.layout.len == 0 {
            return f(&mut []);
        }
        // SAFETY: writable memory that the exporter keeps in place; nothing else runs meanwhile.
        f(unsafe { std::slice::from_raw_parts_mut(self.layout.ptr, self.layout.len) })
    }

    /// The items as contiguous bytes in C order.
    pub fn to_vec(&self) -> Vec<u8> {
        self.layout.to_vec()
    }

    /// Checks flags against an exporter of plain bytes, and makes the export.
    pub fn fill(owner: &Obj, ptr: *mut u8, len: usize, readonly: bool, flags: u32) -> PyResult<Buffer> {
        if flags == self::flags::READ || flags == self::flags::WRITE {
            return Err(raise!(SystemError, "bad argument to internal function"));
        }
        if readonly && flags & self::flags::WRITABLE != 0 {
            return Err(raise!(BufferError, "Object is not writable."));
        }
        Ok(Buffer::new(owner.clone(), Layout::bytes(ptr, len, readonly)))
    }

    /// The export that a Python `__buffer__` method made: it returned `view` for `owner`.
    pub fn from_python_view(owner: &Obj, view: &Obj, flags: u32) -> PyResult<Buffer> {
        if view.downcast::<MemoryView>().is_none() {
            return Err(raise!(TypeError, "__buffer__ returned non-memoryview object"));
        }
        let mut inner = Buffer::get(view, flags)?;
        let layout = inner.layout.clone();
        // The view's own export count stays up until our release.
        let kept = inner.owner.take();
        Ok(Buffer { owner: Some(owner.clone()), view: kept, layout })
    }
}

/// The release slot of classes with a Python `__buffer__`: calls `__release_buffer__` if there is one.
pub fn call_release(this: &Obj, buffer: &Buffer) {
    let Some(view) = &buffer.view else { return };
    if let Some(release) = view.class().slots().release_buffer {
        release(view, buffer);
    }
    let result = call_special(this, name!("__release_buffer__"), std::slice::from_ref(view));
    if let Err(raised) = result.map(drop) {
        crate::errors::write_unraisable(raised, Some(this));
    }
}

/// `obj.__buffer__(flags)` of a native class.
pub fn python_buffer(this: &Obj, flags: &Obj) -> PyResult<Obj> {
    let flags = number::as_ssize(flags, true)?;
    let Ok(flags) = u32::try_from(flags) else {
        return Err(raise!(OverflowError, "buffer flags out of range"));
    };
    MemoryView::from_object_with_flags(this, flags)
}

/// `obj.__release_buffer__(view)` of a native class.
pub fn python_release(this: &Obj, view: &Obj) -> PyResult<Obj> {
    let Some(view) = view.downcast::<MemoryView>() else {
        return Err(raise!(TypeError, "expected a memoryview object"));
    };
    match view.object() {
        None => {
            return Err(raise!(ValueError, "memoryview's buffer has already been released"));
        }
        Some(owner) if !owner.is(this) => {
            return Err(raise!(ValueError, "memoryview's buffer is not this object"));
        }
        Some(_) => {}
    }
    MemoryView::release_view(view)?;
    Ok(none())
}

/// True if the class exports buffers.
pub fn has_buffer(obj: &Obj) -> bool {
    obj.class().slots().buffer.is_some()
}

/// A copy of the bytes of a bytes-like object.
pub fn to_bytes(obj: &Obj) -> PyResult<Vec<u8>> {
    match obj.downcast::<Bytes>() {
        Some(bytes) => Ok(bytes.as_slice().to_vec()),
        None => Ok(Buffer::get(obj, flags::FULL_RO)?.to_vec()),
    }
}

/// Contiguous bytes of any object with the buffer protocol, as an argument.
pub enum BytesLike<'a> {
    /// The memory of a bytes object, which never changes.
    Bytes(&'a [u8]),
    Buffer(Buffer),
}

impl Deref for BytesLike<'_> {
    type Target = [u8];
    /// Do not run Python code that could write to the object while looking at its bytes.
    fn deref(&self) -> &[u8] {
        match self {
            BytesLike::Bytes(bytes) => bytes,
            BytesLike::Buffer(buffer) => buffer.as_slice(),
        }
    }
}

impl<'a> BytesLike<'a> {
    pub fn new(obj: &'a Obj) -> PyResult<BytesLike<'a>> {
        if let Some(bytes) = obj.downcast::<Bytes>() {
            return Ok(BytesLike::Bytes(bytes.as_slice()));
        }
        let buffer = Buffer::simple(obj)?;
        if !buffer.layout.is_c_contiguous() {
            return Err(raise!(BufferError, "memoryview: underlying buffer is not C-contiguous"));
        }
        Ok(BytesLike::Buffer(buffer))
    }
}

impl<'a> FromArg<'a> for BytesLike<'a> {
    fn from_arg(arg: &'a Obj) -> PyResult<Self> {
        BytesLike::new(arg)
    }
}

/// Writable contiguous bytes, as an argument.
pub struct WritableBytes(pub Buffer);

impl<'a> FromArg<'a> for WritableBytes {
    fn from_arg(arg: &'a Obj) -> PyResult<Self> {
        WritableBytes::from_named(arg, "function", "")
    }

    fn from_named(arg: &'a Obj, function: &str, label: &str) -> PyResult<Self> {
        let wrong = || crate::args::bad_argument(function, label, "read-write bytes-like object", arg);
        if !has_buffer(arg) {
            return Err(wrong());
        }
        match Buffer::writable(arg) {
            Ok(buffer) => Ok(WritableBytes(buffer)),
            Err(raised) => {
                raised.discard();
                Err(wrong())
            }
        }
    }
}

/// The text of an argument that may be str (ASCII only) or bytes-like, as the functions of `binascii` take it.
pub struct AsciiBuffer<'a>(pub BytesLike<'a>);

impl<'a> FromArg<'a> for AsciiBuffer<'a> {
    fn from_arg(arg: &'a Obj) -> PyResult<Self> {
        if let Some(text) = arg.downcast::<crate::objects::str::Str>() {
            if !text.is_ascii() {
                return Err(raise!(ValueError, "string argument should contain only ASCII characters"));
            }
            return Ok(AsciiBuffer(BytesLike::Bytes(text.raw_bytes())));
        }
        if !has_buffer(arg) {
            return Err(raise!(
                TypeError,
                "argument should be bytes, buffer or ASCII string, not '{}'",
                arg.class().name()
            ));
        }
        BytesLike::new(arg).map(AsciiBuffer)
    }
}
