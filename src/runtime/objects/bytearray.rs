//! `bytearray`: a mutable array of bytes. While buffers are exported its size cannot change.

use std::cell::Cell;

use crate::args::Maybe;
use crate::byte_string_methods;
use crate::errors::PyResult;
use crate::object::{DataCell, Obj, ObjCell, Object, Ptr, PyClass};
use crate::objects::byte_string::{self, Needle, Side};
use crate::objects::bytes::{self, Bytes, byte_value};
use crate::objects::indexing::{self, Bounds, Subscript};
use crate::objects::iter::reduce_iter;
use crate::objects::list::List;
use crate::objects::singletons::{bool_obj, not_implemented};
use crate::objects::str::Str;
use crate::objects::tuple::Tuple;
use crate::objects::{int, str_percent};
use crate::protocols::buffer::{self, Buffer, BytesLike};
use crate::protocols::sequence::SliceIndices;
use crate::protocols::{codecs, iter};
use crate::types::Type;
use crate::types::slots::CompareOp;
use crate::{call, name, raise};
use pyrs_macros::{pyclass, pymethods};
use pyrs_unicode::{repr, search};

/// bytearray(iterable_of_ints) -> bytearray
/// bytearray(string, encoding[, errors]) -> bytearray
/// bytearray(bytes_or_buffer) -> mutable copy of bytes_or_buffer
/// bytearray(int) -> bytes array of size given by the parameter initialized with null bytes
/// bytearray() -> empty bytes array
///
/// Construct a mutable bytearray object from:
///   - an iterable yielding integers in range(256)
///   - a text string encoded using the specified encoding
///   - a bytes or a buffer object
///   - any object implementing the buffer API.
///   - an integer
#[pyclass(name = "bytearray", flags = BASETYPE | MATCH_SELF, nogc, unhashable, parts(PART, COMMON))]
pub struct ByteArray {
    data: DataCell<Vec<u8>>,
    /// Buffers that point into the data.
    exports: Cell<usize>,
}

impl ByteArray {
    pub fn new(data: Vec<u8>) -> Ptr<ByteArray> {
        Ptr::new(ByteArray { data: DataCell::new(data), exports: Cell::new(0) })
    }

    pub fn len(&self) -> usize {
        self.data.with(|d| d.len())
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A copy of the data.
    pub fn to_vec(&self) -> Vec<u8> {
        self.data.with(|d| d.clone())
    }

    /// Lets `f` look at the data; it runs no Python code.
    pub fn with<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        self.data.with(|d| f(d))
    }

    /// The data, for methods that have converted their arguments and run no Python code any more.
    fn view(&self) -> &[u8] {
        // SAFETY: callers run no code that changes the array while they look at the slice, but for
        // `startswith` and `decode`, whose Python calls can only see, not resize, what is exported.
        unsafe { self.data.get_ref() }
    }

    fn make(data: &[u8]) -> Obj {
        ByteArray::new(data.to_vec()).into_obj()
    }

    /// A copy: methods of a mutable object never return the object itself.
    fn same(this: &Object<ByteArray>) -> Obj {
        ByteArray::make(this.view())
    }

    /// Raises BufferError if a buffer is exported.
    fn check_resizable(&self) -> PyResult<()> {
        if self.exports.get() > 0 {
            return Err(raise!(BufferError, "Existing exports of data: object cannot be re-sized"));
        }
        Ok(())
    }

    /// Appends data.
    pub fn extend_from_slice(&self, data: &[u8]) -> PyResult<()> {
        if !data.is_empty() {
            self.check_resizable()?;
            self.data.with(|d| d.extend_from_slice(data));
        }
        Ok(())
    }

    /// Replaces the items between two positions.
    fn splice(&self, start: usize, end: usize, with: &[u8]) -> PyResult<()> {
        if end - start == with.len() {
            self.data.with(|d| d[start..end].copy_from_slice(with));
            return Ok(());
        }
        self.check_resizable()?;
        self.data.with(|d| drop(d.splice(start..end, with.iter().copied())));
        Ok(())
    }

    fn position(&self, index: isize) -> PyResult<usize> {
        indexing::position(index, self.len()).ok_or_else(|| raise!(IndexError, "bytearray index out of range"))
    }

    fn assign_slice(&self, slice: SliceIndices, with: &[u8]) -> PyResult<()> {
        let slice = slice.adjust(self.len());
        if slice.step == 1 {
            let start = slice.start as usize;
            return self.splice(start, (start + slice.length).max(start), with);
        }
        if with.is_empty() {
            return self.delete_slice(slice);
        }
        if with.len() != slice.length {
            return Err(raise!(
                ValueError,
                "attempt to assign bytes of size {} to extended slice of size {}",
                with.len(),
                slice.length
            ));
        }
        self.data.with(|d| slice.positions().zip(with).for_each(|(i, &b)| d[i] = b));
        Ok(())
    }

    /// Deletes the items of a clipped slice.
    fn delete_slice(&self, slice: SliceIndices) -> PyResult<()> {
        if slice.length == 0 {
            return Ok(());
        }
        self.check_resizable()?;
        let mut doomed = slice.rising().positions().peekable();
        let mut i = 0;
        self.data.with(|d| {
            d.retain(|_| {
                let keep = doomed.next_if_eq(&i).is_none();
                i += 1;
                keep
            });
        });
        Ok(())
    }

    /// `state[2]` of a pickled instance: its attributes, or None.
    fn state(this: &Object<ByteArray>, protocol: i32) -> PyResult<Obj> {
        let data = if protocol < 3 {
            vec![Str::from_latin1(this.view()).into_obj(), Str::intern("latin-1").into_obj()]
        } else if this.is_empty() {
            vec![]
        } else {
            vec![Bytes::new(this.view()).into_obj()]
        };
        let state = call::call_method_str(&this.as_obj(), name!("__getstate__"), &[])?;
        Ok(Tuple::from_vec(vec![this.class().to_obj(), Tuple::from_vec(data).into_obj(), state]).into_obj())
    }
}

/// What a slice can be assigned from.
fn assigned(value: &Obj) -> PyResult<Vec<u8>> {
    if let Some(data) = bytes::contiguous(value)? {
        return Ok(data);
    }
    if !iter::is_iterable(value) || value.is_instance_of::<Str>() {
        return Err(raise!(TypeError, "can assign only bytes, buffers, or iterables of ints in range(0, 256)"));
    }
    bytes::from_iterable(value, "byte")
}

byte_string_methods!(ByteArray, COMMON);

#[pymethods]
impl ByteArray {
    #[slot(new)]
    fn construct(cls: &Type, _args: crate::call::Args<'_>) -> PyResult<Obj> {
        Ok(Ptr::new_in(cls, ByteArray { data: DataCell::new(Vec::new()), exports: Cell::new(0) }).into_obj())
    }

    #[init(name = "bytearray", sig = "(source=b'', encoding='utf-8', errors='strict')", text_signature = "")]
    fn init(&self, source: Maybe<&Obj>, encoding: Maybe<String>, errors: Maybe<String>) -> PyResult<()> {
        if !self.is_empty() {
            self.check_resizable()?;
        }
        let data = byte_string::source_bytes(source.0, encoding.0.as_deref(), errors.0.as_deref(), "bytearray")?;
        self.check_resizable()?;
        self.data.replace(data);
        Ok(())
    }

    #[slot(repr)]
    fn repr(this: &Object<ByteArray>) -> PyResult<Obj> {
        let inner = repr::bytes_repr(this.view());
        // Unlike bytes, the array escapes every single quote when it uses double ones.
        let inner = if inner.starts_with("b\"") { inner.replace('\'', "\\'") } else { inner };
        Ok(Str::new(&format!("{}({inner})", this.class().name())).into_obj())
    }

    #[slot(str)]
    fn str(this: &Object<ByteArray>) -> PyResult<Obj> {
        byte_string::warn_about_text("str() on a bytearray instance")?;
        ByteArray::repr(this)
    }

    #[slot(richcompare)]
    fn compare(a: &Obj, b: &Obj, op: CompareOp) -> PyResult<Obj> {
        if !buffer::has_buffer(a) || !buffer::has_buffer(b) {
            if matches!(op, CompareOp::Eq | CompareOp::Ne)
                && (a.downcast::<Str>().is_some() || b.downcast::<Str>().is_some())
            {
                byte_string::warn_about_text("Comparison between bytearray and string")?;
            }
            return Ok(not_implemented());
        }
        let (Ok(a), Ok(b)) = (BytesLike::new(a), BytesLike::new(b)) else {
            drop(crate::thread::current().take_exception());
            return Ok(not_implemented());
        };
        Ok(bool_obj(op.matches((*a).cmp(&*b))))
    }

    #[slot(iter)]
    fn iter(this: &Object<ByteArray>) -> PyResult<Obj> {
        Ok(Ptr::new(ByteArrayIterator { array: ObjCell::of(this.to_obj()), index: Cell::new(0) }).into_obj())
    }

    #[slot(buffer)]
    fn buffer(this: &Object<ByteArray>, flags: u32) -> PyResult<Buffer> {
        let (ptr, len) = this.data.with(|d| (d.as_mut_ptr(), d.len()));
        let buffer = Buffer::fill(&this.as_obj(), ptr, len, false, flags)?;
        this.exports.set(this.exports.get() + 1);
        Ok(buffer)
    }

    #[slot(release_buffer)]
    fn release_buffer(&self, _buffer: &Buffer) {
        self.exports.set(self.exports.get().saturating_sub(1));
    }

    #[slot(nb_remainder)]
    fn remainder(a: &Obj, b: &Obj) -> PyResult<Obj> {
        match a.downcast::<ByteArray>() {
            Some(format) => Ok(ByteArray::new(str_percent::format_bytes(&format.to_vec(), b)?).into_obj()),
            None => Ok(not_implemented()),
        }
    }

    #[slot(length)]
    fn length(&self) -> PyResult<usize> {
        Ok(self.len())
    }

    #[slot(getitem)]
    fn getitem(&self, key: &Obj) -> PyResult<Obj> {
        match Subscript::new(key)? {
            Some(Subscript::Index(index)) => self.item(index),
            Some(Subscript::Slice(slice)) => {
                let slice = slice.adjust(self.len());
                let data = self.view();
                Ok(match indexing::contiguous(slice) {
                    Some(part) => ByteArray::make(&data[part]),
                    None => ByteArray::new(slice.positions().map(|i| data[i]).collect()).into_obj(),
                })
            }
            None => Err(raise!(TypeError, "bytearray indices must be integers or slices, not {}", key.class().name())),
        }
    }

    #[slot(sq_item)]
    fn item(&self, index: isize) -> PyResult<Obj> {
        let i = self.position(index)?;
        Ok(int::new(i64::from(self.view()[i])))
    }

    #[slot(setitem)]
    fn setitem(this: &Object<ByteArray>, key: &Obj, value: Option<&Obj>) -> PyResult<()> {
        match (Subscript::new(key)?, value) {
            (Some(Subscript::Index(index)), Some(value)) => {
                this.position(index)?;
                let byte = byte_value(value, "byte")?;
                let i = this.position(index)?;
                this.data.with(|d| d[i] = byte);
                Ok(())
            }
            (Some(Subscript::Index(index)), None) => {
                let i = this.position(index)?;
                this.splice(i, i + 1, &[])
            }
            (Some(Subscript::Slice(slice)), Some(value)) => this.assign_slice(slice, &assigned(value)?),
            (Some(Subscript::Slice(slice)), None) => this.delete_slice(slice.adjust(this.len())),
            (None, _) => {
                Err(raise!(TypeError, "bytearray indices must be integers or slices, not {}", key.class().name()))
            }
        }
    }

    #[slot(sq_concat)]
    fn concat(&self, other: &Obj) -> PyResult<Obj> {
        if !buffer::has_buffer(other) {
            return Err(raise!(TypeError, "can't concat {} to bytearray", other.class().name()));
        }
        let other = BytesLike::new(other)?;
        Ok(ByteArray::new([self.view(), &other].concat()).into_obj())
    }

    #[slot(sq_inplace_concat)]
    fn inplace_concat(this: &Obj, other: &Obj) -> PyResult<Obj> {
        if !buffer::has_buffer(other) {
            return Err(raise!(TypeError, "can't concat {} to bytearray", other.class().name()));
        }
        let data = buffer::to_bytes(other)?;
        // SAFETY: the slot belongs to bytearray.
        unsafe { this.downcast_unchecked::<ByteArray>() }.extend_from_slice(&data)?;
        Ok(this.clone())
    }

    #[slot(sq_repeat)]
    fn repeat(&self, count: isize) -> PyResult<Obj> {
        let count = usize::try_from(count).unwrap_or(0);
        match self.len().checked_mul(count) {
            Some(n) if n < 1 << 42 => Ok(ByteArray::new(self.view().repeat(count)).into_obj()),
            _ => Err(raise!(MemoryError)),
        }
    }

    #[slot(sq_inplace_repeat)]
    fn inplace_repeat(this: &Obj, count: isize) -> PyResult<Obj> {
        // SAFETY: the slot belongs to bytearray.
        let array = unsafe { this.downcast_unchecked::<ByteArray>() };
        let count = usize::try_from(count).unwrap_or(0);
        if array.len().checked_mul(count).is_none_or(|n| n >= 1 << 42) {
            return Err(raise!(MemoryError));
        }
        if array.len() * count != array.len() {
            array.check_resizable()?;
        }
        array.data.with(|d| *d = d.repeat(count));
        Ok(this.clone())
    }

    #[slot(contains)]
    fn contains(&self, item: &Obj) -> PyResult<bool> {
        let needle = byte_string::contained(item)?;
        Ok(byte_string::contains(self.view(), &needle))
    }

    /// B.__alloc__() -> int
    ///
    /// Return the number of bytes actually allocated.
    #[pymethod(name = "__alloc__")]
    fn alloc(&self) -> usize {
        self.data.with(|d| if d.capacity() == 0 { 0 } else { d.capacity() + 1 })
    }

    /// Return state information for pickling.
    #[pymethod(name = "__reduce__")]
    fn reduce(this: &Object<ByteArray>) -> PyResult<Obj> {
        ByteArray::state(this, 2)
    }

    /// Return state information for pickling.
    #[pymethod(name = "__reduce_ex__", sig = "(proto=0, /)")]
    fn reduce_ex(this: &Object<ByteArray>, proto: i32) -> PyResult<Obj> {
        ByteArray::state(this, proto)
    }

    /// Returns the size of the bytearray object in memory, in bytes.
    #[pymethod(name = "__sizeof__")]
    fn sizeof(this: &Object<ByteArray>) -> usize {
        this.class().basicsize() + this.alloc()
    }

    /// Append a single item to the end of the bytearray.
    ///
    ///   item
    ///     The item to be appended.
    #[pymethod]
    fn append(&self, item: &Obj) -> PyResult<()> {
        let byte = byte_value(item, "byte")?;
        self.check_resizable()?;
        self.data.with(|d| d.push(byte));
        Ok(())
    }

    /// Remove all items from the bytearray.
    #[pymethod]
    fn clear(&self) -> PyResult<()> {
        self.check_resizable()?;
        self.data.replace(Vec::new());
        Ok(())
    }

    /// Return a copy of B.
    #[pymethod]
    fn copy(&self) -> Obj {
        ByteArray::make(self.view())
    }

    /// Append all the items from the iterator or sequence to the end of the bytearray.
    ///
    ///   iterable_of_ints
    ///     The iterable of items to append.
    #[pymethod(sig = "(iterable_of_ints, /)")]
    fn extend(&self, iterable: &Obj) -> PyResult<()> {
        let data = match bytes::contiguous(iterable)? {
            Some(data) => data,
            None if iterable.is_instance_of::<Str>() => {
                return Err(raise!(TypeError, "expected iterable of integers; got: 'str'"));
            }
            None if !iter::is_iterable(iterable) => {
                return Err(raise!(TypeError, "can't extend bytearray with {}", iterable.class().name()));
            }
            None => bytes::from_iterable(iterable, "byte")?,
        };
        self.extend_from_slice(&data)
    }

    /// Insert a single item into the bytearray before the given index.
    ///
    ///   index
    ///     The index where the value is to be inserted.
    ///   item
    ///     The item to be inserted.
    #[pymethod]
    fn insert(&self, index: isize, item: &Obj) -> PyResult<()> {
        let byte = byte_value(item, "byte")?;
        self.check_resizable()?;
        let length = self.len() as isize;
        let at = if index < 0 { (index + length).max(0) } else { index.min(length) };
        self.data.with(|d| d.insert(at as usize, byte));
        Ok(())
    }

    /// Remove and return a single item from B.
    ///
    ///   index
    ///     The index from where to remove the item.
    ///     -1 (the default value) means remove the last item.
    #[pymethod(sig = "(index=-1, /)")]
    fn pop(&self, index: isize) -> PyResult<i64> {
        if self.is_empty() {
            return Err(raise!(IndexError, "pop from empty bytearray"));
        }
        let Some(i) = indexing::position(index, self.len()) else {
            return Err(raise!(IndexError, "pop index out of range"));
        };
        self.check_resizable()?;
        Ok(i64::from(self.data.with(|d| d.remove(i))))
    }

    /// Remove the first occurrence of a value in the bytearray.
    ///
    ///   value
    ///     The value to remove.
    #[pymethod]
    fn remove(&self, value: &Obj) -> PyResult<()> {
        let byte = byte_value(value, "byte")?;
        let Some(i) = self.with(|d| d.iter().position(|&b| b == byte)) else {
            return Err(raise!(ValueError, "value not found in bytearray"));
        };
        self.splice(i, i + 1, &[])
    }

    /// Resize the internal buffer of bytearray to len.
    ///
    ///   size
    ///     New size to resize to.
    #[pymethod]
    fn resize(&self, size: isize) -> PyResult<()> {
        let Ok(size) = usize::try_from(size) else {
            return Err(raise!(ValueError, "Can only resize to positive sizes, got {size}"));
        };
        if size > 1 << 42 {
            return Err(raise!(MemoryError));
        }
        if size != self.len() {
            self.check_resizable()?;
        }
        self.data.with(|d| d.resize(size, 0));
        Ok(())
    }

    /// Reverse the order of the values in B in place.
    #[pymethod]
    fn reverse(&self) {
        self.data.with(|d| d.reverse());
    }

    /// Create a bytearray object from a string of hexadecimal numbers.
    ///
    /// Spaces between two numbers are accepted.
    /// Example:
    ///     bytearray.fromhex('B9 01EF') -> bytearray(b'\\xb9\\x01\\xef')
    #[classmethod(sig = "(string, /)")]
    fn fromhex(cls: &Type, string: &Obj) -> PyResult<Obj> {
        let data = byte_string::from_hex(string)?;
        if std::ptr::eq(cls, ByteArray::class()) {
            return Ok(ByteArray::new(data).into_obj());
        }
        crate::call::call(&cls.as_obj(), &[Bytes::from_vec(data).into_obj()])
    }
}

#[pyclass(name = "bytearray_iterator", flags = DISALLOW_INSTANTIATION)]
pub struct ByteArrayIterator {
    /// The array; empty once the iterator is exhausted.
    array: ObjCell,
    index: Cell<usize>,
}

#[pymethods]
impl ByteArrayIterator {
    #[slot(iter)]
    fn iter(this: &Obj) -> PyResult<Obj> {
        Ok(this.clone())
    }

    #[slot(iternext)]
    fn next(&self) -> PyResult<Option<Obj>> {
        let Some(array) = self.array.get() else {
            return Ok(None);
        };
        let i = self.index.get();
        match array.downcast::<ByteArray>().and_then(|a| a.with(|d| d.get(i).copied())) {
            Some(byte) => {
                self.index.set(i + 1);
                Ok(Some(int::new(i64::from(byte))))
            }
            None => {
                self.array.set(None);
                Ok(None)
            }
        }
    }

    /// Private method returning an estimate of len(list(it)).
    #[pymethod(name = "__length_hint__")]
    fn length_hint(&self) -> usize {
        let array = self.array.get();
        array.and_then(|a| a.downcast::<ByteArray>().map(|a| a.len())).unwrap_or(0).saturating_sub(self.index.get())
    }

    /// Return state information for pickling.
    #[pymethod(name = "__reduce__")]
    fn reduce(&self) -> PyResult<Obj> {
        match self.array.get() {
            Some(array) => reduce_iter("iter", array, Some(int::new(self.index.get() as i64))),
            None => crate::objects::iter::reduce_empty("iter"),
        }
    }

    /// Set state information for unpickling.
    #[pymethod(name = "__setstate__")]
    fn setstate(&self, state: isize) {
        if let Some(array) = self.array.get() {
            let length = array.downcast::<ByteArray>().map_or(0, |a| a.len());
            self.index.set(usize::try_from(state).unwrap_or(0).min(length));
        }
    }
}
