//! `array`: compact arrays of machine values.

mod items;

use std::cell::Cell;
use std::mem::offset_of;
use std::sync::Once;

use items::Code;
use pyrs_macros::{pyclass, pymethods};
use pyrs_runtime::args::Maybe;
use pyrs_runtime::call::{self, Args};
use pyrs_runtime::object::{DataCell, Obj, ObjCell, Object, Ptr, PyClass};
use pyrs_runtime::objects::bytearray::ByteArray;
use pyrs_runtime::objects::bytes::Bytes;
use pyrs_runtime::objects::generic_alias::GenericAlias;
use pyrs_runtime::objects::int;
use pyrs_runtime::objects::iter::{builtin, reduce_empty};
use pyrs_runtime::objects::list::List;
use pyrs_runtime::objects::list_methods::SliceBound;
use pyrs_runtime::objects::machine_items::{Item, MachineItems};
use pyrs_runtime::objects::singletons::{bool_obj, none, not_implemented};
use pyrs_runtime::objects::slice::Slice;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::text_builder::TextBuilder;
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::protocols::buffer::{Buffer, Layout, flags, to_bytes};
use pyrs_runtime::protocols::sequence::{SliceIndices, clip_bound, position};
use pyrs_runtime::protocols::{compare, iter, number};
use pyrs_runtime::types::Type;
use pyrs_runtime::types::slots::CompareOp;
use pyrs_runtime::{PyResult, Raised, raise};

/// array(typecode [, initializer]) -> array
///
/// Return a new array whose items are restricted by typecode, and
/// initialized from the optional initializer value, which must be a list,
/// string or iterable over elements of the appropriate type.
///
/// The type codes are b, B (signed and unsigned bytes), h, H (short), i, I (int),
/// l, L (long), q, Q (long long), f (float), d (double), and u, w (characters); their
/// sizes are 1, 2, 4, 8, 8, 4, 8 and 4 bytes.
///
/// Arrays behave very much like lists, except that the type of objects stored
/// in them is constrained.
#[pyclass(name = "array", module = "array", flags = BASETYPE | SEQUENCE, nogc, weaklist, unhashable)]
pub struct Array {
    code: Code,
    /// The code once more, as a word: what compiled code compares.
    kind: u64,
    data: DataCell<Vec<u8>>,
    exports: Cell<usize>,
}

fn machine_item(kind: u64) -> Option<Item> {
    u8::try_from(kind).ok().and_then(|code| Code(code).machine_item())
}

const BAD_TYPECODE: &str = "bad typecode (must be b, B, u, w, h, H, i, I, l, L, q, Q, f or d)";

impl Array {
    fn with_data(code: Code, data: Vec<u8>) -> Array {
        static KNOWN: Once = Once::new();
        KNOWN.call_once(|| {
            let data = offset_of!(Array, data) + DataCell::<Vec<u8>>::DATA_OFFSET;
            MachineItems::new(Array::class(), offset_of!(Array, kind), data, machine_item).register();
        });
        Array { code, kind: u64::from(code.0), data: DataCell::new(data), exports: Cell::new(0) }
    }

    fn new_like(&self, data: Vec<u8>) -> Obj {
        Ptr::new(Array::with_data(self.code, data)).into_obj()
    }

    fn len(&self) -> usize {
        self.data.with(|data| data.len()) / self.code.size()
    }

    fn get(&self, i: usize) -> Option<Obj> {
        let size = self.code.size();
        self.data.with(|data| data.get(i * size..(i + 1) * size).map(|bytes| self.code.read(bytes)))
    }

    fn bytes(&self) -> Vec<u8> {
        self.data.with(|data| data.clone())
    }

    fn check_resize(&self) -> PyResult<()> {
        if self.exports.get() > 0 {
            return Err(raise!(BufferError, "cannot resize an array that is exporting buffers"));
        }
        Ok(())
    }

    fn push(&self, value: &Obj) -> PyResult<()> {
        let item = self.code.write(value)?;
        self.check_resize()?;
        self.data.with(|data| data.extend_from_slice(&item[..self.code.size()]));
        Ok(())
    }

    fn insert_at(&self, i: usize, value: &Obj) -> PyResult<()> {
        let item = self.code.write(value)?;
        self.check_resize()?;
        let size = self.code.size();
        self.data.with(|data| {
            let at = i.min(data.len() / size) * size;
            drop(data.splice(at..at, item[..size].iter().copied()));
        });
        Ok(())
    }

    fn remove_range(&self, start: usize, stop: usize) -> PyResult<()> {
        if start < stop {
            self.check_resize()?;
            let size = self.code.size();
            self.data.with(|data| drop(data.drain(start * size..stop * size)));
        }
        Ok(())
    }

    fn extend_bytes(&self, bytes: &[u8]) -> PyResult<()> {
        if !bytes.len().is_multiple_of(self.code.size()) {
            return Err(raise!(ValueError, "bytes length not a multiple of item size"));
        }
        if !bytes.is_empty() {
            self.check_resize()?;
            self.data.with(|data| data.extend_from_slice(bytes));
        }
        Ok(())
    }

    fn extend_text(&self, text: &Str) -> PyResult<()> {
        self.check_resize()?;
        self.data.with(|data| text.code_points().for_each(|c| data.extend_from_slice(&c.to_ne_bytes())));
        Ok(())
    }

    fn extend_with(&self, iterable: &Obj) -> PyResult<()> {
        if let Some(other) = iterable.downcast::<Array>() {
            if other.code != self.code {
                return Err(raise!(TypeError, "can only extend with array of same kind"));
            }
            return self.extend_bytes(&other.bytes());
        }
        iter::for_each(iterable, |item| self.push(&item))
    }

    fn text(&self) -> Ptr<Str> {
        let points: Vec<u32> = self
            .data
            .with(|data| data.chunks_exact(4).map(|c| u32::from_ne_bytes(c.try_into().expect("four bytes"))).collect());
        Str::from_code_points(&points)
    }

    fn to_list(&self) -> Obj {
        List::from_vec((0..).map_while(|i| self.get(i)).collect()).into_obj()
    }

    fn key_position(&self, key: &Obj, text: &str) -> PyResult<usize> {
        position(number::as_subscript(key)?, self.len()).ok_or_else(|| raise!(IndexError, "{text}"))
    }

    fn select(&self, bounds: SliceIndices) -> Vec<u8> {
        let size = self.code.size();
        self.data.with(|data| bounds.positions().flat_map(|i| data[i * size..(i + 1) * size].to_vec()).collect())
    }

    fn assign_slice(&self, slice: &Slice, value: Option<&Obj>) -> PyResult<()> {
        let new = match value {
            None => Vec::new(),
            Some(value) => match value.downcast::<Array>() {
                Some(other) if other.code == self.code => other.bytes(),
                Some(_) => return Err(raise!(TypeError, "bad argument type for built-in operation")),
                None => {
                    let class = value.class().name();
                    return Err(raise!(TypeError, "can only assign array (not \"{class}\") to array slice"));
                }
            },
        };
        let size = self.code.size();
        let bounds = SliceIndices::new(slice, self.len())?;
        let count = new.len() / size;
        if bounds.step == 1 {
            if count != bounds.length {
                self.check_resize()?;
            }
            let start = bounds.start as usize;
            self.data.with(|data| drop(data.splice(start * size..(start + bounds.length) * size, new)));
            return Ok(());
        }
        if value.is_none() {
            self.check_resize()?;
            let doomed = bounds.rising();
            self.data.with(|data| doomed.positions().rev().for_each(|i| drop(data.drain(i * size..(i + 1) * size))));
            return Ok(());
        }
        if count != bounds.length {
            return Err(raise!(
                ValueError,
                "attempt to assign array of size {count} to extended slice of size {}",
                bounds.length
            ));
        }
        self.data.with(|data| {
            for (i, item) in bounds.positions().zip(new.chunks_exact(size)) {
                data[i * size..(i + 1) * size].copy_from_slice(item);
            }
        });
        Ok(())
    }

    fn find(&self, value: &Obj, start: usize, stop: usize) -> PyResult<Option<usize>> {
        let mut i = start;
        while i < stop
            && let Some(item) = self.get(i)
        {
            if compare::equal(&item, value)? {
                return Ok(Some(i));
            }
            i += 1;
        }
        Ok(None)
    }

    fn repeat_bytes(&self, count: isize) -> PyResult<Vec<u8>> {
        let bytes = self.bytes();
        let count = count.max(0) as usize;
        match bytes.len().checked_mul(count) {
            Some(total) if total <= isize::MAX as usize => Ok(bytes.repeat(count)),
            _ => Err(raise!(MemoryError)),
        }
    }
}

fn kind_error(value: &Obj, verb: &str) -> Raised {
    raise!(TypeError, "can only {verb} array (not \"{}\") to array", value.class().name())
}

/// The type code argument of a constructor.
fn code_argument(arg: &Obj) -> PyResult<Code> {
    let Some(text) = arg.downcast::<Str>() else {
        let class = pyrs_runtime::args::type_name_for_message(arg);
        return Err(raise!(TypeError, "array() argument 1 must be a unicode character, not {class}"));
    };
    if text.len() != 1 {
        let n = text.len();
        return Err(raise!(TypeError, "array() argument 1 must be a unicode character, not a string of length {n}"));
    }
    let code = text.get_char(0).and_then(char::from_u32).and_then(Code::new);
    code.ok_or_else(|| raise!(ValueError, "{BAD_TYPECODE}"))
}

fn fill(array: &Array, initial: &Obj) -> PyResult<()> {
    let code = array.code;
    if let Some(text) = initial.downcast::<Str>() {
        if !code.is_text() {
            let c = code.0 as char;
            return Err(raise!(TypeError, "cannot use a str to initialize an array with typecode '{c}'"));
        }
        return array.extend_text(text);
    }
    if let Some(other) = initial.downcast::<Array>() {
        if other.code.is_text() && !code.is_text() {
            let c = code.0 as char;
            return Err(raise!(TypeError, "cannot use a unicode array to initialize an array with typecode '{c}'"));
        }
        if other.code == code {
            return array.extend_bytes(&other.bytes());
        }
        return iter::for_each(&other.to_list(), |item| array.push(&item));
    }
    if initial.downcast::<Bytes>().is_some() || initial.downcast::<ByteArray>().is_some() {
        return array.extend_bytes(&to_bytes(initial)?);
    }
    iter::for_each(initial, |item| array.push(&item))
}

#[pymethods]
impl Array {
    #[new]
    fn construct(cls: &Type, args: Args<'_>) -> PyResult<Obj> {
        if std::ptr::eq(cls, Array::class()) {
            args.no_keywords("array.array")?;
        }
        let (code, initial) = match args.positionals() {
            [code] => (code, None),
            [code, initial] => (code, Some(initial)),
            [] => return Err(raise!(TypeError, "array() takes at least 1 argument (0 given)")),
            more => return Err(raise!(TypeError, "array() takes at most 2 arguments ({} given)", more.len())),
        };
        let code = code_argument(code)?;
        if code.0 == b'u' {
            let category = pyrs_runtime::objects::exceptions::DeprecationWarning::class();
            let text = "The 'u' type code is deprecated and will be removed in Python 3.16";
            (pyrs_runtime::hooks::hooks().warn)(category, text, 1)?;
        }
        let array = Ptr::new_in(cls, Array::with_data(code, Vec::new()));
        if let Some(initial) = initial {
            fill(&array, initial)?;
        }
        Ok(array.into_obj())
    }

    #[slot(repr)]
    fn repr(this: &Object<Array>) -> PyResult<Obj> {
        let mut out = TextBuilder::new();
        out.text(&format!("{}('{}'", this.class().short_name(), this.code.0 as char));
        if this.len() > 0 {
            let shown = if this.code.is_text() { this.text().into_obj() } else { this.to_list() };
            out.text(", ").repr(&shown)?;
        }
        Ok(out.text(")").finish_obj())
    }

    #[slot(richcompare)]
    fn compare(this: &Object<Array>, other: &Obj, op: CompareOp) -> PyResult<Obj> {
        let Some(other) = other.downcast::<Array>() else { return Ok(not_implemented()) };
        if this.len() != other.len() && matches!(op, CompareOp::Eq | CompareOp::Ne) {
            return Ok(bool_obj(op == CompareOp::Ne));
        }
        if this.code == other.code && matches!(op, CompareOp::Eq | CompareOp::Ne) && !matches!(this.code.0, b'f' | b'd')
        {
            return Ok(bool_obj((this.bytes() == other.bytes()) == (op == CompareOp::Eq)));
        }
        compare::rich_compare(&this.to_list(), &other.to_list(), op)
    }

    #[slot(iter)]
    fn iter(this: &Object<Array>) -> PyResult<Obj> {
        Ok(Ptr::new(ArrayIterator { array: ObjCell::of(this.to_obj()), index: Cell::new(0) }).into_obj())
    }

    #[slot(length)]
    fn length(this: &Object<Array>) -> PyResult<usize> {
        Ok(this.len())
    }

    #[slot(getitem)]
    fn getitem(this: &Object<Array>, key: &Obj) -> PyResult<Obj> {
        if let Some(slice) = key.exact::<Slice>() {
            return Ok(this.new_like(this.select(SliceIndices::new(slice, this.len())?)));
        }
        if !number::has_index(key) {
            return Err(raise!(TypeError, "array indices must be integers"));
        }
        let i = this.key_position(key, "array index out of range")?;
        Ok(this.get(i).expect("checked"))
    }

    #[slot(sq_item)]
    fn item(this: &Object<Array>, i: isize) -> PyResult<Obj> {
        let item = usize::try_from(i).ok().and_then(|i| this.get(i));
        item.ok_or_else(|| raise!(IndexError, "array index out of range"))
    }

    #[slot(setitem)]
    fn setitem(this: &Object<Array>, key: &Obj, value: Option<&Obj>) -> PyResult<()> {
        if let Some(slice) = key.exact::<Slice>() {
            return this.assign_slice(slice, value);
        }
        if !number::has_index(key) {
            return Err(raise!(TypeError, "array indices must be integers"));
        }
        let i = this.key_position(key, "array assignment index out of range")?;
        let Some(value) = value else { return this.remove_range(i, i + 1) };
        let item = this.code.write(value)?;
        let size = this.code.size();
        let done = this
            .data
            .with(|data| data.get_mut(i * size..(i + 1) * size).map(|place| place.copy_from_slice(&item[..size])));
        done.ok_or_else(|| raise!(IndexError, "array assignment index out of range"))
    }

    #[slot(contains)]
    fn contains(this: &Object<Array>, value: &Obj) -> PyResult<bool> {
        Ok(this.find(value, 0, usize::MAX)?.is_some())
    }

    #[slot(sq_concat)]
    fn concat(this: &Object<Array>, other: &Obj) -> PyResult<Obj> {
        let Some(other) = other.downcast::<Array>() else { return Err(kind_error(other, "append")) };
        if other.code != this.code {
            return Err(raise!(TypeError, "bad argument type for built-in operation"));
        }
        Ok(this.new_like([this.bytes(), other.bytes()].concat()))
    }

    #[slot(sq_repeat)]
    fn repeat(this: &Object<Array>, count: isize) -> PyResult<Obj> {
        Ok(this.new_like(this.repeat_bytes(count)?))
    }

    #[slot(sq_inplace_concat)]
    fn inplace_concat(this: &Object<Array>, other: &Obj) -> PyResult<Obj> {
        if other.downcast::<Array>().is_none() {
            let class = other.class().name();
            return Err(raise!(TypeError, "can only extend with array (not \"{class}\")"));
        }
        this.extend_with(other)?;
        Ok(this.to_obj())
    }

    #[slot(sq_inplace_repeat)]
    fn inplace_repeat(this: &Object<Array>, count: isize) -> PyResult<Obj> {
        if this.len() > 0 && count != 1 {
            this.check_resize()?;
            drop(this.data.replace(this.repeat_bytes(count)?));
        }
        Ok(this.to_obj())
    }

    #[slot(buffer)]
    fn get_buffer(this: &Obj, flags: u32) -> PyResult<Buffer> {
        let array = this.downcast::<Array>().expect("a slot of this class");
        let (ptr, len) = array.data.with(|data| (data.as_mut_ptr(), data.len()));
        array.exports.set(array.exports.get() + 1);
        let size = array.code.size();
        let format = if flags & flags::FORMAT != 0 { array.code.format() } else { "B" };
        Ok(Buffer::new(
            this.clone(),
            Layout {
                ptr,
                len,
                readonly: false,
                itemsize: size,
                format: format.into(),
                shape: vec![(len / size) as isize],
                strides: vec![size as isize],
            },
        ))
    }

    #[slot(release_buffer)]
    fn release_buffer(this: &Obj, _buffer: &Buffer) {
        if let Some(array) = this.downcast::<Array>() {
            array.exports.set(array.exports.get().saturating_sub(1));
        }
    }

    /// Append new value v to the end of the array.
    #[pymethod]
    fn append(&self, v: &Obj) -> PyResult<()> {
        self.push(v)
    }

    /// Return a tuple (address, length) giving the current memory address and the length in items of the buffer used to hold array's contents.
    ///
    /// The length should be multiplied by the itemsize attribute to
    /// calculate the buffer length in bytes.
    #[pymethod]
    fn buffer_info(&self) -> (u64, usize) {
        (self.data.with(|data| data.as_ptr() as u64), self.len())
    }

    /// Byteswap all items of the array.
    ///
    /// If the items in the array are not 1, 2, 4, or 8 bytes in size,
    /// RuntimeError is raised.
    #[pymethod]
    fn byteswap(&self) {
        let size = self.code.size();
        self.data.with(|data| data.chunks_exact_mut(size).for_each(<[u8]>::reverse));
    }

    /// Remove all items from the array.
    #[pymethod]
    fn clear(&self) -> PyResult<()> {
        self.remove_range(0, self.len())
    }

    /// Return a copy of the array.
    #[pymethod(name = "__copy__")]
    fn copy(&self) -> Obj {
        self.new_like(self.bytes())
    }

    /// Return a copy of the array.
    #[pymethod(name = "__deepcopy__", sig = "(unused, /)")]
    fn deepcopy(&self, _unused: &Obj) -> Obj {
        self.new_like(self.bytes())
    }

    /// Return number of occurrences of v in the array.
    #[pymethod]
    fn count(&self, v: &Obj) -> PyResult<usize> {
        let (mut i, mut n) = (0, 0);
        while let Some(item) = self.get(i) {
            n += usize::from(compare::equal(&item, v)?);
            i += 1;
        }
        Ok(n)
    }

    /// Append items to the end of the array.
    #[pymethod]
    fn extend(&self, bb: &Obj) -> PyResult<()> {
        self.extend_with(bb)
    }

    /// Read n objects from the file object f and append them to the end of the array.
    #[pymethod]
    fn fromfile(&self, f: &Obj, n: isize) -> PyResult<()> {
        if n < 0 {
            return Err(raise!(ValueError, "negative count"));
        }
        let wanted = n as usize * self.code.size();
        let read = call::call_method(f, "read", &[int::new(wanted as i64)])?;
        if read.downcast::<Bytes>().is_none() {
            return Err(raise!(TypeError, "read() didn't return bytes"));
        }
        let bytes = to_bytes(&read)?;
        self.extend_bytes(&bytes)?;
        if bytes.len() != wanted {
            return Err(raise!(EOFError, "read() didn't return enough bytes"));
        }
        Ok(())
    }

    /// Append items to array from list.
    #[pymethod]
    fn fromlist(&self, list: &Obj) -> PyResult<()> {
        let Some(list) = list.downcast::<List>() else { return Err(raise!(TypeError, "arg must be list")) };
        // All or nothing: a bad item leaves the array as it was.
        let mut bytes = Vec::new();
        let size = list.len();
        for item in list.to_vec() {
            bytes.extend_from_slice(&self.code.write(&item)?[..self.code.size()]);
            if list.len() != size {
                return Err(raise!(RuntimeError, "list changed size during iteration"));
            }
        }
        self.extend_bytes(&bytes)
    }

    /// Appends items from the string, interpreting it as an array of machine values, as if it had been read from a file using the fromfile() method.
    #[pymethod]
    fn frombytes(&self, buffer: &Obj) -> PyResult<()> {
        self.extend_bytes(&to_bytes(buffer)?)
    }

    /// Extends this array with data from the unicode string ustr.
    ///
    /// The array must be a unicode type array; otherwise a ValueError is
    /// raised.  Use array.frombytes(ustr.encode(...)) to append Unicode
    /// data to an array of some other type.
    #[pymethod]
    fn fromunicode(&self, ustr: &Object<Str>) -> PyResult<()> {
        if !self.code.is_text() {
            return Err(raise!(ValueError, "fromunicode() may only be called on unicode type arrays ('u' or 'w')"));
        }
        self.extend_text(ustr)
    }

    /// Return index of first occurrence of v in the array.
    ///
    /// Raise ValueError if the value is not present.
    #[pymethod(sig = "(v, start=0, stop=sys.maxsize, /)")]
    fn index(&self, v: &Obj, start: Maybe<SliceBound>, stop: Maybe<SliceBound>) -> PyResult<usize> {
        let start = clip_bound(start.0.map_or(0, |b| b.0), self.len());
        let stop = clip_bound(stop.0.map_or(isize::MAX, |b| b.0), self.len());
        self.find(v, start, stop)?.ok_or_else(|| raise!(ValueError, "array.index(x): x not in array"))
    }

    /// Insert a new item v into the array before position i.
    #[pymethod]
    fn insert(&self, i: isize, v: &Obj) -> PyResult<()> {
        self.insert_at(clip_bound(i, self.len()), v)
    }

    /// Return the i-th element and delete it from the array.
    ///
    /// i defaults to -1.
    #[pymethod(sig = "(i=-1, /)")]
    fn pop(&self, i: isize) -> PyResult<Obj> {
        if self.len() == 0 {
            return Err(raise!(IndexError, "pop from empty array"));
        }
        let Some(i) = position(i, self.len()) else { return Err(raise!(IndexError, "pop index out of range")) };
        let item = self.get(i).expect("checked");
        self.remove_range(i, i + 1)?;
        Ok(item)
    }

    /// Return state information for pickling.
    #[pymethod(name = "__reduce_ex__", sig = "(value, /)")]
    fn reduce_ex(this: &Object<Array>, value: &Obj) -> PyResult<Obj> {
        let protocol = number::as_ssize(value, true)?;
        let state = match pyrs_runtime::types::shape::instance_dict(&this.as_obj())? {
            Some(dict) if !dict.is_empty() => dict.into_obj(),
            _ => none(),
        };
        let class = this.class().to_obj();
        let code = Str::from_char(u32::from(this.code.0)).into_obj();
        let tuple = |items: Vec<Obj>| Tuple::from_vec(items).into_obj();
        if protocol < 3 {
            return Ok(tuple(vec![class, tuple(vec![code, this.to_list()]), state]));
        }
        let module = (pyrs_runtime::hooks::hooks().import_module)("array")?;
        let rebuild = pyrs_runtime::protocols::attr::getattr_text(&module, "_array_reconstructor")?;
        let format = int::new(this.code.machine_format());
        let args = tuple(vec![class, code, format, Bytes::new(&this.bytes()).into_obj()]);
        Ok(tuple(vec![rebuild, args, state]))
    }

    /// Remove the first occurrence of v in the array.
    #[pymethod]
    fn remove(&self, v: &Obj) -> PyResult<()> {
        match self.find(v, 0, usize::MAX)? {
            Some(i) if i < self.len() => self.remove_range(i, i + 1),
            Some(_) => Ok(()),
            None => Err(raise!(ValueError, "array.remove(x): x not in array")),
        }
    }

    /// Reverse the order of the items in the array.
    #[pymethod]
    fn reverse(&self) {
        let size = self.code.size();
        self.data.with(|data| {
            data.reverse();
            data.chunks_exact_mut(size).for_each(<[u8]>::reverse);
        });
    }

    /// Write all items (as machine values) to the file object f.
    #[pymethod]
    fn tofile(&self, f: &Obj) -> PyResult<()> {
        // In blocks, so that a big array is not copied as a whole.
        for block in self.bytes().chunks(64 * 1024) {
            call::call_method(f, "write", &[Bytes::new(block).into_obj()])?;
        }
        Ok(())
    }

    /// Convert array to an ordinary list with the same items.
    #[pymethod]
    fn tolist(&self) -> Obj {
        self.to_list()
    }

    /// Convert the array to an array of machine values and return the bytes representation.
    #[pymethod]
    fn tobytes(&self) -> Obj {
        Bytes::new(&self.bytes()).into_obj()
    }

    /// Extends this array with data from the unicode string ustr.
    ///
    /// Convert the array to a unicode string.  The array must be a unicode
    /// type array; otherwise a ValueError is raised.  Use
    /// array.tobytes().decode() to obtain a unicode string from an array of
    /// some other type.
    #[pymethod]
    fn tounicode(&self) -> PyResult<Obj> {
        if !self.code.is_text() {
            return Err(raise!(ValueError, "tounicode() may only be called on unicode type arrays ('u' or 'w')"));
        }
        Ok(self.text().into_obj())
    }

    /// Size of the array in memory, in bytes.
    #[pymethod(name = "__sizeof__")]
    fn sizeof(this: &Object<Array>) -> usize {
        this.class().basicsize() + this.data.with(|data| data.capacity())
    }

    /// Arrays are generic over the type of their elements
    #[classmethod(name = "__class_getitem__")]
    fn class_getitem(cls: &Type, object: &Obj) -> PyResult<Obj> {
        GenericAlias::class_getitem(cls, object)
    }

    /// the typecode character used to create the array
    #[getter]
    fn typecode(&self) -> Obj {
        Str::from_char(u32::from(self.code.0)).into_obj()
    }

    /// the size, in bytes, of one array item
    #[getter]
    fn itemsize(&self) -> usize {
        self.code.size()
    }
}

// Walks an array.
#[pyclass(name = "arrayiterator", module = "array", flags = DISALLOW_INSTANTIATION)]
pub struct ArrayIterator {
    array: ObjCell,
    index: Cell<usize>,
}

#[pymethods]
impl ArrayIterator {
    #[slot(iter)]
    fn iter(this: &Obj) -> PyResult<Obj> {
        Ok(this.clone())
    }

    #[slot(iternext)]
    fn next(this: &Object<ArrayIterator>) -> PyResult<Option<Obj>> {
        let Some(array) = this.array.get() else { return Ok(None) };
        let item = array.downcast::<Array>().and_then(|a| a.get(this.index.get()));
        match item {
            Some(item) => {
                this.index.set(this.index.get() + 1);
                Ok(Some(item))
            }
            None => {
                this.array.set(None);
                Ok(None)
            }
        }
    }

    /// Return state information for pickling.
    #[pymethod(name = "__reduce__")]
    fn reduce(&self) -> PyResult<Obj> {
        let Some(array) = self.array.get() else { return reduce_empty("iter") };
        let args = Tuple::from_vec(vec![array]).into_obj();
        Ok(Tuple::from_vec(vec![builtin("iter")?, args, int::new(self.index.get() as i64)]).into_obj())
    }

    /// Set state information for unpickling.
    #[pymethod(name = "__setstate__", sig = "(state, /)")]
    fn setstate(&self, state: isize) {
        if let Some(array) = self.array.get() {
            let length = array.downcast::<Array>().map_or(0, |a| a.len());
            self.index.set((state.max(0) as usize).min(length));
        }
    }
}

/// This module defines an object type which can efficiently represent
/// an array of basic values: characters, integers, floating-point
/// numbers.  Arrays are sequence types and behave very much like lists,
/// except that the type of objects stored in them is constrained.
#[pyrs_macros::pymodule(name = "array", classes(super::Array, super::ArrayIterator))]
pub mod module {
    use super::items::TYPECODES;
    use super::{Array, code_argument};
    use pyrs_runtime::object::{Obj, Object, PyClass};
    use pyrs_runtime::objects::bytes::Bytes;
    use pyrs_runtime::objects::int;
    use pyrs_runtime::objects::module::Module;
    use pyrs_runtime::objects::str::Str;
    use pyrs_runtime::protocols::buffer::to_bytes;
    use pyrs_runtime::types::Type;
    use pyrs_runtime::{PyResult, call, raise};

    /// Internal. Used for pickling support.
    #[pyfunction]
    pub fn _array_reconstructor(arraytype: &Type, typecode: &Obj, mformat_code: isize, items: &Obj) -> PyResult<Obj> {
        if !arraytype.is_subclass(Array::class()) {
            return Err(raise!(TypeError, "{} is not a subtype of array.array", arraytype.name()));
        }
        let code = code_argument(typecode)?;
        if !(0..=21).contains(&mformat_code) {
            return Err(raise!(ValueError, "third argument must be a valid machine format code."));
        }
        if items.downcast::<Bytes>().is_none() {
            let class = items.class().name();
            return Err(raise!(TypeError, "fourth argument should be bytes, not {class}"));
        }
        let format = mformat_code as i64;
        if format == code.machine_format() {
            return call::call(&arraytype.as_obj(), &[typecode.clone(), items.clone()]);
        }
        let values = decode(&to_bytes(items)?, format)?;
        call::call(&arraytype.as_obj(), &[typecode.clone(), values])
    }

    /// The values in bytes of a foreign machine format.
    fn decode(bytes: &[u8], format: i64) -> PyResult<Obj> {
        let big = format & 1 == 1 && format > 1;
        let kind = if format < 2 { format } else { format & !1 };
        let (size, text) = match kind {
            0 | 1 => (1, false),
            2 | 4 => (2, false),
            6 | 8 | 14 => (4, false),
            18 => (2, true),
            20 => (4, true),
            _ => (8, false),
        };
        if !bytes.len().is_multiple_of(size) {
            return Err(raise!(ValueError, "bytes length not a multiple of item size"));
        }
        if text {
            let encoding = match (kind, big) {
                (18, false) => "utf-16-le",
                (18, true) => "utf-16-be",
                (_, false) => "utf-32-le",
                (_, true) => "utf-32-be",
            };
            return call::call_method(&Bytes::new(bytes).into_obj(), "decode", &[Str::new(encoding).into_obj()]);
        }
        let signed = matches!(kind, 1 | 4 | 8 | 12);
        let value = |chunk: &[u8]| {
            let mut word = [0u8; 8];
            for (i, byte) in chunk.iter().enumerate() {
                word[if big { size - 1 - i } else { i }] = *byte;
            }
            let word = u64::from_le_bytes(word);
            match kind {
                14 => pyrs_runtime::objects::float::new(f64::from(f32::from_bits(word as u32))),
                16 => pyrs_runtime::objects::float::new(f64::from_bits(word)),
                _ if signed => {
                    let shift = 64 - size as u32 * 8;
                    int::new(((word << shift) as i64) >> shift)
                }
                _ => int::from_u64(word),
            }
        };
        let values = bytes.chunks_exact(size).map(value).collect();
        Ok(pyrs_runtime::objects::list::List::from_vec(values).into_obj())
    }

    #[module_exec]
    fn exec(module: &Object<Module>) -> PyResult<()> {
        module.add("typecodes", Str::new(TYPECODES).into_obj());
        module.add("ArrayType", Array::class().to_obj());
        Ok(())
    }
}
