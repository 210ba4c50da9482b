//! `memoryview`: a window into the memory of another object.
//!
//! Views made from views share one export of the underlying object, which ends when the last of them is
//! released.

use std::borrow::Cow;
use std::cell::Cell;

use crate::args::Maybe;
use crate::errors::{PyResult, Raised};
use crate::object::{Obj, ObjCell, Object, Ptr};
use crate::objects::byte_string;
use crate::objects::bytes::Bytes;
use crate::objects::indexing;
use crate::objects::list::List;
use crate::objects::memory_item::{self, NativeFormat};
use crate::objects::singletons::{bool_obj, none, not_implemented};
use crate::objects::slice::Slice;
use crate::objects::str::{Str, hash_bytes};
use crate::objects::tuple::Tuple;
use crate::objects::{generic_alias, int};
use crate::protocols::buffer::{Buffer, Layout, flags, has_buffer};
use crate::protocols::sequence::SliceIndices;
use crate::protocols::{compare, number};
use crate::raise;
use crate::types::Type;
use crate::types::slots::CompareOp;
use pyrs_macros::{pyclass, pymethods};

const MAX_DIMENSIONS: usize = 64;

/// One export, shared by the views on it.
#[pyclass(name = "managedbuffer", flags = DISALLOW_INSTANTIATION, parts())]
pub struct ManagedBuffer {
    buffer: Buffer,
}

/// Create a new memoryview object which references the given object.
#[pyclass(name = "memoryview", weaklist, flags = SEQUENCE)]
pub struct MemoryView {
    /// The export; empty once the view is released.
    base: ObjCell,
    layout: Layout,
    /// Buffers exported from this view.
    exports: Cell<usize>,
    /// -1 = not computed yet.
    hash: Cell<i64>,
}

impl MemoryView {
    fn make(base: Obj, layout: Layout) -> Obj {
        Ptr::new(MemoryView { base: ObjCell::of(base), layout, exports: Cell::new(0), hash: Cell::new(-1) }).into_obj()
    }

    /// A view of a buffer.
    pub fn from_buffer(buffer: Buffer) -> Obj {
        let layout = buffer.layout.clone();
        MemoryView::make(Ptr::new(ManagedBuffer { buffer }).into_obj(), layout)
    }

    /// `memoryview(obj)`
    pub fn from_object(obj: &Obj) -> PyResult<Obj> {
        MemoryView::from_object_with_flags(obj, flags::FULL_RO)
    }

    pub fn from_object_with_flags(obj: &Obj, flags: u32) -> PyResult<Obj> {
        if let Some(view) = obj.downcast::<MemoryView>() {
            return Ok(MemoryView::make(view.base()?, view.layout.clone()));
        }
        if !has_buffer(obj) {
            return Err(raise!(TypeError, "memoryview: a bytes-like object is required, not '{}'", obj.class().name()));
        }
        Ok(MemoryView::from_buffer(Buffer::get(obj, flags)?))
    }

    /// The export, or ValueError if the view has been released.
    fn base(&self) -> PyResult<Obj> {
        self.base.get().ok_or_else(|| raise!(ValueError, "operation forbidden on released memoryview object"))
    }

    /// The memory, of a view that has not been released.
    fn memory(&self) -> PyResult<&Layout> {
        self.base().map(|_| &self.layout)
    }

    /// The underlying object; `None` once released.
    pub fn object(&self) -> Option<Obj> {
        let base = self.base.get()?;
        base.downcast::<ManagedBuffer>().and_then(|b| b.buffer.owner().cloned())
    }

    /// `view.release()`
    pub fn release_view(&self) -> PyResult<()> {
        match self.exports.get() {
            0 => {
                drop(self.base.take());
                Ok(())
            }
            n => Err(raise!(BufferError, "memoryview has {n} exported buffer{}", if n == 1 { "" } else { "s" })),
        }
    }

    /// A view on another part of the same export.
    fn derived(&self, layout: Layout) -> PyResult<Obj> {
        Ok(MemoryView::make(self.base()?, layout))
    }

    fn format(&self) -> PyResult<NativeFormat> {
        NativeFormat::parse(&self.layout.format).ok_or_else(|| self.unsupported())
    }

    fn unsupported(&self) -> Raised {
        raise!(NotImplementedError, "memoryview: format {} not supported", self.layout.format)
    }

    /// Address of the item in dimension `dim` of `ptr`.
    fn step(&self, ptr: *mut u8, dim: usize, index: isize) -> PyResult<*mut u8> {
        let Some(i) = indexing::position(index, self.layout.shape[dim] as usize) else {
            return Err(raise!(IndexError, "index out of bounds on dimension {}", dim + 1));
        };
        Ok(ptr.wrapping_offset(i as isize * self.layout.strides[dim]))
    }

    /// Address of the item that a key of integers names.
    fn address(&self, key: &Obj) -> PyResult<Option<*mut u8>> {
        let ndim = self.layout.ndim();
        let tuple = key.downcast::<Tuple>();
        if ndim == 0 {
            return match tuple {
                Some(t) if t.is_empty() => Ok(Some(self.layout.ptr)),
                _ => Err(raise!(TypeError, "invalid indexing of 0-dim memory")),
            };
        }
        if number::has_index(key) {
            let index = number::as_subscript(key)?;
            if ndim > 1 {
                return Err(raise!(NotImplementedError, "multi-dimensional sub-views are not implemented"));
            }
            self.memory()?;
            return self.step(self.layout.ptr, 0, index).map(Some);
        }
        let Some(tuple) = tuple.filter(|t| t.items().iter().all(number::has_index)) else {
            return Ok(None);
        };
        if tuple.len() < ndim {
            return Err(raise!(NotImplementedError, "sub-views are not implemented"));
        }
        if tuple.len() > ndim {
            return Err(raise!(TypeError, "cannot index {ndim}-dimension view with {}-element tuple", tuple.len()));
        }
        let mut ptr = self.layout.ptr;
        for (dim, item) in tuple.items().iter().enumerate() {
            ptr = self.step(ptr, dim, number::as_subscript(item)?)?;
        }
        self.memory()?;
        Ok(Some(ptr))
    }

    /// The layout of a slice along the first dimension.
    fn sliced(&self, slice: &Slice) -> PyResult<Layout> {
        let mut layout = self.layout.clone();
        let slice = SliceIndices::new(slice, layout.shape[0] as usize)?;
        layout.ptr = layout.ptr.wrapping_offset(layout.strides[0] * slice.start);
        layout.shape[0] = slice.length as isize;
        layout.strides[0] *= slice.step;
        layout.len = layout.shape.iter().product::<isize>() as usize * layout.itemsize;
        Ok(layout)
    }

    /// The item at an address inside the memory.
    fn unpack(&self, ptr: *mut u8) -> PyResult<Obj> {
        let format = self.format()?;
        // SAFETY: the address was computed from the layout, inside the exported memory.
        let raw = unsafe { std::slice::from_raw_parts(ptr, format.size()) };
        Ok(format.unpack(raw))
    }

    /// Nested lists of the items from dimension `dim` on.
    fn lists(&self, ptr: *mut u8, dim: usize, format: NativeFormat) -> Obj {
        if dim == self.layout.ndim() {
            // SAFETY: as in `unpack`.
            return format.unpack(unsafe { std::slice::from_raw_parts(ptr, format.size()) });
        }
        let item = |i: isize| self.lists(ptr.wrapping_offset(i * self.layout.strides[dim]), dim + 1, format);
        List::from_vec((0..self.layout.shape[dim]).map(item).collect()).into_obj()
    }

    /// All items in C order.
    fn items(&self) -> PyResult<Vec<Obj>> {
        self.memory()?;
        let format = self.format()?;
        let mut items = Vec::new();
        // SAFETY: as in `unpack`.
        self.layout
            .for_each_item(|ptr| items.push(format.unpack(unsafe { std::slice::from_raw_parts(ptr, format.size()) })));
        Ok(items)
    }

    fn shape_tuple(values: &[isize]) -> Obj {
        Tuple::from_vec(values.iter().map(|&n| int::new(n as i64)).collect()).into_obj()
    }
}

/// Reads the shape argument of `cast`.
fn read_shape(shape: &Obj) -> PyResult<Vec<isize>> {
    let items = if let Some(list) = shape.downcast::<List>() {
        list.to_vec()
    } else if let Some(tuple) = shape.downcast::<Tuple>() {
        tuple.items().to_vec()
    } else {
        return Err(raise!(TypeError, "shape must be a list or a tuple"));
    };
    if items.len() > MAX_DIMENSIONS {
        return Err(raise!(ValueError, "memoryview: number of dimensions must not exceed {MAX_DIMENSIONS}"));
    }
    let read = |item: &Obj| {
        if !int::is_int(item) {
            return Err(raise!(TypeError, "memoryview.cast(): elements of shape must be integers"));
        }
        match number::as_ssize(item, true)? {
            n if n > 0 => Ok(n),
            _ => Err(raise!(ValueError, "memoryview.cast(): elements of shape must be integers > 0")),
        }
    };
    items.iter().map(read).collect()
}

/// True if two layouts have the same format and shape.
fn same_structure(a: &Layout, b: &Layout) -> bool {
    let plain = |f: &str| f.strip_prefix('@').unwrap_or(f).to_owned();
    plain(&a.format) == plain(&b.format) && a.itemsize == b.itemsize && a.shape == b.shape
}

/// Keeps a view from being released while an operation runs code that could do so.
struct Held<'a>(&'a MemoryView);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.exports.set(self.0.exports.get().saturating_sub(1));
    }
}

impl MemoryView {
    fn hold(&self) -> Held<'_> {
        self.exports.set(self.exports.get() + 1);
        Held(self)
    }
}

#[pymethods]
impl MemoryView {
    #[new(name = "memoryview", sig = "(object)")]
    fn construct(_cls: &Type, object: &Obj) -> PyResult<Obj> {
        MemoryView::from_object(object)
    }

    #[slot(repr)]
    fn repr(this: &Object<MemoryView>) -> PyResult<Obj> {
        let released = if this.base.is_set() { "" } else { "released " };
        Ok(Str::new(&format!("<{released}memory at {:#x}>", this.to_obj().id())).into_obj())
    }

    #[slot(hash)]
    fn hash(&self) -> PyResult<i64> {
        if self.hash.get() == -1 {
            let layout = self.memory()?;
            if !layout.readonly {
                return Err(raise!(ValueError, "cannot hash writable memoryview object"));
            }
            if !matches!(layout.format.strip_prefix('@').unwrap_or(&layout.format), "B" | "b" | "c") {
                return Err(raise!(ValueError, "memoryview: hashing is restricted to formats 'B', 'b' or 'c'"));
            }
            if let Some(owner) = self.object() {
                let _held = self.hold();
                compare::hash(&owner)?;
            }
            self.hash.set(hash_bytes(&self.memory()?.to_vec()));
        }
        Ok(self.hash.get())
    }

    #[slot(richcompare)]
    fn compare(a: &Obj, b: &Obj, op: CompareOp) -> PyResult<Obj> {
        let (CompareOp::Eq | CompareOp::Ne, Some(view)) = (op, a.downcast::<MemoryView>()) else {
            return Ok(not_implemented());
        };
        let answer = |equal: bool| Ok(bool_obj(equal == (op == CompareOp::Eq)));
        let released = |x: &Obj| x.downcast::<MemoryView>().is_some_and(|v| !v.base.is_set());
        if released(a) || released(b) {
            return answer(a.is(b));
        }
        if !has_buffer(b) {
            return Ok(not_implemented());
        }
        let other = match Buffer::get(b, flags::FULL_RO) {
            Ok(other) => other,
            Err(raised) => {
                raised.discard();
                return Ok(not_implemented());
            }
        };
        let (x, y) = (&view.layout, &other.layout);
        if x.shape != y.shape {
            return answer(false);
        }
        let (Some(f), Some(g)) = (NativeFormat::parse(&x.format), NativeFormat::parse(&y.format)) else {
            // Formats of several items: equal if they are written alike and hold the same bytes.
            return answer(x.format == y.format && x.to_vec() == y.to_vec());
        };
        if f.is_integer() && f == g {
            return answer(x.to_vec() == y.to_vec());
        }
        let (x, y) = (x.to_vec(), y.to_vec());
        for (p, q) in x.chunks_exact(f.size()).zip(y.chunks_exact(g.size())) {
            if !compare::equal(&f.unpack(p), &g.unpack(q))? {
                return answer(false);
            }
        }
        answer(true)
    }

    #[slot(iter)]
    fn iter(this: &Object<MemoryView>) -> PyResult<Obj> {
        let layout = this.memory()?;
        match layout.ndim() {
            0 => return Err(raise!(TypeError, "invalid indexing of 0-dim memory")),
            1 => {}
            _ => {
                return Err(raise!(NotImplementedError, "multi-dimensional sub-views are not implemented"));
            }
        }
        this.format()?;
        Ok(Ptr::new(MemoryIterator { view: ObjCell::of(this.to_obj()), index: Cell::new(0) }).into_obj())
    }

    #[slot(buffer)]
    fn buffer(this: &Object<MemoryView>, wanted: u32) -> PyResult<Buffer> {
        let layout = this.memory()?;
        let asks = |flag: u32| wanted & flag == flag;
        let mut out = layout.clone();
        if asks(flags::WRITABLE) && layout.readonly {
            return Err(raise!(BufferError, "memoryview: underlying buffer is not writable"));
        }
        if !asks(flags::FORMAT) {
            out.format = Cow::Borrowed("B");
        }
        if asks(flags::C_CONTIGUOUS) && !layout.is_c_contiguous() {
            return Err(raise!(BufferError, "memoryview: underlying buffer is not C-contiguous"));
        }
        if asks(flags::F_CONTIGUOUS) && !layout.is_f_contiguous() {
            return Err(raise!(BufferError, "memoryview: underlying buffer is not Fortran contiguous"));
        }
        if asks(flags::ANY_CONTIGUOUS) && !layout.is_c_contiguous() && !layout.is_f_contiguous() {
            return Err(raise!(BufferError, "memoryview: underlying buffer is not contiguous"));
        }
        if !asks(flags::STRIDES) && !layout.is_c_contiguous() {
            return Err(raise!(BufferError, "memoryview: underlying buffer is not C-contiguous"));
        }
        if !asks(flags::ND) {
            if asks(flags::FORMAT) {
                return Err(raise!(
                    BufferError,
                    "memoryview: cannot cast to unsigned bytes if the format flag is present"
                ));
            }
            out = Layout::bytes(layout.ptr, layout.len, layout.readonly);
        }
        this.exports.set(this.exports.get() + 1);
        Ok(Buffer::new(this.to_obj(), out))
    }

    #[slot(release_buffer)]
    fn release_buffer(&self, _buffer: &Buffer) {
        self.exports.set(self.exports.get().saturating_sub(1));
    }

    #[slot(length)]
    fn len(&self) -> PyResult<usize> {
        match self.memory()?.shape.first() {
            Some(&n) => Ok(n as usize),
            None => Err(raise!(TypeError, "0-dim memory has no length")),
        }
    }

    #[slot(getitem)]
    fn getitem(&self, key: &Obj) -> PyResult<Obj> {
        self.memory()?;
        if self.layout.ndim() > 0 {
            if let Some(slice) = key.exact::<Slice>() {
                return self.derived(self.sliced(slice)?);
            }
            if is_slice_tuple(key) {
                return Err(raise!(NotImplementedError, "multi-dimensional slicing is not implemented"));
            }
        } else if key.is(&crate::objects::singletons::ellipsis()) {
            return self.derived(self.layout.clone());
        }
        match self.address(key)? {
            Some(ptr) => self.unpack(ptr),
            None => Err(raise!(TypeError, "memoryview: invalid slice key")),
        }
    }

    #[slot(sq_item)]
    fn item(&self, index: isize) -> PyResult<Obj> {
        self.getitem(&int::new(index as i64))
    }

    #[slot(setitem)]
    fn setitem(&self, key: &Obj, value: Option<&Obj>) -> PyResult<()> {
        let layout = self.memory()?;
        if layout.readonly {
            return Err(raise!(TypeError, "cannot modify read-only memory"));
        }
        let Some(value) = value else {
            return Err(raise!(TypeError, "cannot delete memory"));
        };
        if layout.ndim() > 0 {
            if let Some(slice) = key.exact::<Slice>() {
                return self.assign_slice(slice, value);
            }
            if is_slice_tuple(key) {
                return Err(raise!(
                    NotImplementedError,
                    "memoryview slice assignments are currently restricted to ndim = 1"
                ));
            }
        } else if key.is(&crate::objects::singletons::ellipsis()) {
            return self.store(self.layout.ptr, value);
        }
        match self.address(key)? {
            Some(ptr) => self.store(ptr, value),
            None => Err(raise!(TypeError, "memoryview: invalid slice key")),
        }
    }

    /// Release the underlying buffer exposed by the memoryview object.
    #[pymethod]
    fn release(&self) -> PyResult<()> {
        self.release_view()
    }

    /// Return the data in the buffer as a byte string.
    ///
    /// Order can be {'C', 'F', 'A'}.  'C' and 'F' convert the data to C or
    /// Fortran order; 'A' copies a contiguous view as it lies in memory and
    /// is 'C' for others.  None is the same as 'C'.
    #[pymethod(sig = "(order='C')")]
    fn tobytes(&self, order: Maybe<Option<&Object<Str>>>) -> PyResult<Obj> {
        let layout = self.memory()?;
        let data = match order.0.flatten().map(|o| o.to_string_lossy()).as_deref() {
            None | Some("C") => layout.to_vec(),
            Some("F") => layout.to_vec_fortran(),
            Some("A") if layout.is_f_contiguous() && !layout.is_c_contiguous() => layout.to_vec_fortran(),
            Some("A") => layout.to_vec(),
            _ => return Err(raise!(ValueError, "order must be 'C', 'F' or 'A'")),
        };
        Ok(Bytes::from_vec(data).into_obj())
    }

    /// Return the data in the buffer as a str of hexadecimal numbers.
    ///
    ///   sep
    ///     An optional single character or byte to separate hex bytes.
    ///   bytes_per_sep
    ///     How many bytes between separators.  Positive values count from
    ///     the right, negative values count from the left.
    #[pymethod(sig = "(sep=<unrepresentable>, bytes_per_sep=1)")]
    fn hex(&self, sep: Maybe<&Obj>, bytes_per_sep: i32) -> PyResult<Ptr<Str>> {
        let data = self.memory()?.to_vec();
        let _held = self.hold();
        byte_string::hex(&data, sep.0, bytes_per_sep)
    }

    /// Return the data in the buffer as a list of elements.
    #[pymethod]
    fn tolist(&self) -> PyResult<Obj> {
        self.memory()?;
        Ok(self.lists(self.layout.ptr, 0, self.format()?))
    }

    /// Cast a memoryview to a new format or shape.
    #[pymethod(sig = "(format, shape=<unrepresentable>)")]
    fn cast(&self, format: &Object<Str>, shape: Maybe<&Obj>) -> PyResult<Obj> {
        let layout = self.memory()?;
        if !layout.is_c_contiguous() {
            return Err(raise!(TypeError, "memoryview: casts are restricted to C-contiguous views"));
        }
        let shape = shape.0.map(read_shape).transpose()?;
        if (shape.is_some() || layout.ndim() != 1) && layout.shape.contains(&0) {
            return Err(raise!(TypeError, "memoryview: cannot cast view with zeros in shape or strides"));
        }
        if let Some(shape) = &shape
            && shape.len() != 1
            && layout.ndim() != 1
        {
            return Err(raise!(TypeError, "memoryview: cast must be 1D -> ND or ND -> 1D"));
        }
        let text = format.to_string_lossy();
        let Some(source) = NativeFormat::parse(&layout.format) else {
            return Err(raise!(
                ValueError,
                "memoryview: source format must be a native single character format prefixed with an optional '@'"
            ));
        };
        let Some(target) = NativeFormat::parse(&text) else {
            return Err(raise!(
                ValueError,
                "memoryview: destination format must be a native single character format prefixed with an optional '@'"
            ));
        };
        if !source.is_byte() && !target.is_byte() {
            return Err(raise!(TypeError, "memoryview: cannot cast between two non-byte formats"));
        }
        if layout.len % target.size() != 0 {
            return Err(raise!(TypeError, "memoryview: length is not a multiple of itemsize"));
        }
        let shape = shape.unwrap_or_else(|| vec![(layout.len / target.size()) as isize]);
        let count = shape.iter().try_fold(1isize, |product, &n| product.checked_mul(n));
        if count.and_then(|n| n.checked_mul(target.size() as isize)) != Some(layout.len as isize) {
            return Err(raise!(TypeError, "memoryview: product(shape) * itemsize != buffer size"));
        }
        self.derived(Layout {
            itemsize: target.size(),
            format: Cow::Owned(text),
            strides: Layout::c_strides(&shape, target.size()),
            shape,
            ..layout.clone()
        })
    }

    /// Return a readonly version of the memoryview.
    #[pymethod]
    fn toreadonly(&self) -> PyResult<Obj> {
        self.derived(Layout { readonly: true, ..self.memory()?.clone() })
    }

    /// Create a new memoryview object which references the given object.
    #[classmethod(name = "_from_flags", sig = "(object, flags)")]
    fn from_flags(_cls: &Type, object: &Obj, flags: i32) -> PyResult<Obj> {
        MemoryView::from_object_with_flags(object, flags as u32)
    }

    /// Count the number of occurrences of a value.
    #[pymethod]
    fn count(&self, value: &Obj) -> PyResult<usize> {
        let mut count = 0;
        for item in self.flat_items()? {
            count += (item.is(value) || compare::equal(&item, value)?) as usize;
        }
        Ok(count)
    }

    /// Return the index of the first occurrence of a value.
    ///
    /// Raises ValueError if the value is not present.
    #[pymethod(sig = "(value, start=0, stop=sys.maxsize, /)")]
    fn index(&self, value: &Obj, start: isize, stop: isize) -> PyResult<usize> {
        let items = self.flat_items()?;
        let clip =
            |i: isize| if i < 0 { (i + items.len() as isize).max(0) } else { i.min(items.len() as isize) } as usize;
        let (start, stop) = (clip(start), clip(stop));
        for i in start..stop {
            if items[i].is(value) || compare::equal(&items[i], value)? {
                return Ok(i);
            }
        }
        Err(raise!(ValueError, "memoryview.index(x): x not found"))
    }

    #[pymethod(name = "__enter__")]
    fn enter(this: &Object<MemoryView>) -> PyResult<Obj> {
        this.base()?;
        Ok(this.to_obj())
    }

    /// Release the underlying buffer exposed by the memoryview object.
    #[pymethod(name = "__exit__", sig = "(*exc_info)", text_signature = "($self, /, *exc_info)")]
    fn exit(&self, _exc_info: &[Obj]) -> PyResult<()> {
        self.release_view()
    }

    /// memoryviews are generic over the type of their underlying data
    #[classmethod(name = "__class_getitem__", sig = "(object, /)")]
    fn class_getitem(cls: &Type, object: &Obj) -> PyResult<Obj> {
        generic_alias::GenericAlias::class_getitem(cls, object)
    }

    /// The underlying object of the memoryview.
    #[getter]
    fn obj(&self) -> PyResult<Obj> {
        self.base()?;
        Ok(self.object().unwrap_or_else(none))
    }

    /// The amount of space in bytes that the array would use in
    ///  a contiguous representation.
    #[getter]
    fn nbytes(&self) -> PyResult<usize> {
        Ok(self.memory()?.len)
    }

    /// A bool indicating whether the memory is read only.
    #[getter]
    fn readonly(&self) -> PyResult<bool> {
        Ok(self.memory()?.readonly)
    }

    /// The size in bytes of each element of the memoryview.
    #[getter]
    fn itemsize(&self) -> PyResult<usize> {
        Ok(self.memory()?.itemsize)
    }

    /// A string containing the format (in struct module style)
    ///  for each element in the view.
    #[getter(name = "format")]
    fn format_text(&self) -> PyResult<String> {
        Ok(self.memory()?.format.to_string())
    }

    /// An integer indicating how many dimensions of a multi-dimensional
    ///  array the memory represents.
    #[getter]
    fn ndim(&self) -> PyResult<usize> {
        Ok(self.memory()?.ndim())
    }

    /// A tuple of ndim integers giving the shape of the memory
    ///  as an N-dimensional array.
    #[getter]
    fn shape(&self) -> PyResult<Obj> {
        Ok(MemoryView::shape_tuple(&self.memory()?.shape))
    }

    /// A tuple of ndim integers giving the size in bytes to access
    ///  each element for each dimension of the array.
    #[getter]
    fn strides(&self) -> PyResult<Obj> {
        Ok(MemoryView::shape_tuple(&self.memory()?.strides))
    }

    /// A tuple of integers used internally for PIL-style arrays.
    #[getter]
    fn suboffsets(&self) -> PyResult<Obj> {
        self.memory()?;
        Ok(Tuple::empty().into_obj())
    }

    /// A bool indicating whether the memory is C contiguous.
    #[getter]
    fn c_contiguous(&self) -> PyResult<bool> {
        Ok(self.memory()?.is_c_contiguous())
    }

    /// A bool indicating whether the memory is Fortran contiguous.
    #[getter]
    fn f_contiguous(&self) -> PyResult<bool> {
        Ok(self.memory()?.is_f_contiguous())
    }

    /// A bool indicating whether the memory is contiguous.
    #[getter]
    fn contiguous(&self) -> PyResult<bool> {
        let layout = self.memory()?;
        Ok(layout.is_c_contiguous() || layout.is_f_contiguous())
    }
}

impl MemoryView {
    /// The items of a view of one dimension.
    fn flat_items(&self) -> PyResult<Vec<Obj>> {
        match self.memory()?.ndim() {
            0 => Err(raise!(TypeError, "invalid indexing of 0-dim memory")),
            1 => self.items(),
            _ => Err(raise!(NotImplementedError, "multi-dimensional sub-views are not implemented")),
        }
    }

    /// Stores an item at an address inside the memory.
    fn store(&self, ptr: *mut u8, value: &Obj) -> PyResult<()> {
        let Some(format) = NativeFormat::parse(&self.layout.format) else {
            return Err(self.unsupported());
        };
        let packed = memory_item::pack(format, &self.layout.format, value)?;
        // Converting the value may have run code that released the view.
        self.memory()?;
        // SAFETY: the address was computed from the layout, inside writable exported memory.
        unsafe { std::ptr::copy_nonoverlapping(packed.as_ptr(), ptr, format.size()) };
        Ok(())
    }

    fn assign_slice(&self, slice: &Slice, value: &Obj) -> PyResult<()> {
        if self.layout.ndim() != 1 {
            return Err(raise!(
                NotImplementedError,
                "memoryview slice assignments are currently restricted to ndim = 1"
            ));
        }
        let source = Buffer::get(value, flags::FULL_RO)?;
        let target = self.sliced(slice)?;
        self.memory()?;
        if !same_structure(&target, &source.layout) {
            return Err(raise!(ValueError, "memoryview assignment: lvalue and rvalue have different structures"));
        }
        // A copy first: source and target may overlap.
        let data = source.to_vec();
        let mut chunks = data.chunks_exact(target.itemsize.max(1));
        target.for_each_item(|ptr| {
            if let Some(chunk) = chunks.next() {
                // SAFETY: every item lies inside writable exported memory.
                unsafe { std::ptr::copy_nonoverlapping(chunk.as_ptr(), ptr, chunk.len()) };
            }
        });
        Ok(())
    }
}

fn is_slice_tuple(key: &Obj) -> bool {
    key.downcast::<Tuple>().is_some_and(|t| !t.is_empty() && t.items().iter().all(|i| i.exact::<Slice>().is_some()))
}

#[pyclass(name = "memory_iterator", flags = DISALLOW_INSTANTIATION)]
pub struct MemoryIterator {
    /// The view; empty once the iterator is exhausted.
    view: ObjCell,
    index: Cell<usize>,
}

#[pymethods]
impl MemoryIterator {
    #[slot(iter)]
    fn iter(this: &Obj) -> PyResult<Obj> {
        Ok(this.clone())
    }

    #[slot(iternext)]
    fn next(&self) -> PyResult<Option<Obj>> {
        let Some(obj) = self.view.get() else {
            return Ok(None);
        };
        let Some(view) = obj.downcast::<MemoryView>() else {
            return Ok(None);
        };
        let i = self.index.get();
        if i >= view.memory()?.shape[0] as usize {
            self.view.set(None);
            return Ok(None);
        }
        self.index.set(i + 1);
        view.item(i as isize).map(Some)
    }
}
