//! The slots of `bytes`, its constructor and iterator.

use std::cell::Cell;

use crate::args::Maybe;
use crate::byte_string_methods;
use crate::class::ClassDef;
use crate::errors::PyResult;
use crate::object::{Obj, ObjCell, Object, Ptr, PyClass};
use crate::objects::byte_string::{self, Needle, Side};
use crate::objects::bytes::{self, Bytes, CLASS};
use crate::objects::indexing::{self, Bounds, Subscript};
use crate::objects::iter::reduce_iter;
use crate::objects::list::List;
use crate::objects::singletons::{bool_obj, not_implemented};
use crate::objects::str::Str;
use crate::objects::tuple::Tuple;
use crate::objects::{int, str_percent};
use crate::protocols::buffer::{self, Buffer, BytesLike};
use crate::protocols::{codecs, iter};
use crate::raise;
use crate::types::slots::CompareOp;
use crate::types::{NativeLayout, Type, flags};
use pyrs_macros::{pyclass, pymethods};
use pyrs_unicode::{repr, search};

impl Bytes {
    /// Bytes never equal text or numbers: `-b` finds programs that compare them.
    fn warn_about_comparison(a: &Obj, b: &Obj) -> PyResult<()> {
        if a.downcast::<Str>().is_some() || b.downcast::<Str>().is_some() {
            byte_string::warn_about_text("Comparison between bytes and string")
        } else if int::is_int(a) || int::is_int(b) {
            byte_string::warn_about_text("Comparison between bytes and int")
        } else {
            Ok(())
        }
    }

    /// The definition that the class object is made from.
    pub fn def() -> &'static ClassDef {
        static DEF: ClassDef = ClassDef {
            name: "bytes",
            module: "builtins",
            doc: "bytes(iterable_of_ints) -> bytes\nbytes(string, encoding[, errors]) -> bytes\nbytes(bytes_or_buffer) -> \
                  immutable copy of bytes_or_buffer\nbytes(int) -> bytes object of size given by the parameter initialized with \
                  null bytes\nbytes() -> empty bytes object\n\nConstruct an immutable array of bytes from:\n  - an iterable \
                  yielding integers in range(256)\n  - a text string encoded using the specified encoding\n  - any object \
                  implementing the buffer API.\n  - an integer",
            class: CLASS,
            base: crate::objects::object::object_class,
            flags: flags::BASETYPE | flags::BYTES_SUBCLASS | flags::MATCH_SELF,
            basicsize: size_of::<Object<Bytes>>(),
            itemsize: 1,
            has_dict: false,
            has_weaklist: false,
            layout: NativeLayout::EMPTY,
            parts: &[&Bytes::PART, &Bytes::COMMON],
            unhashable: false,
        };
        &DEF
    }

    fn view(&self) -> &[u8] {
        self.as_slice()
    }

    fn make(data: &[u8]) -> Obj {
        Bytes::new(data).into_obj()
    }

    /// The object itself if it is an exact bytes.
    fn same(this: &Object<Bytes>) -> Obj {
        if std::ptr::eq(this.class(), Bytes::class()) { this.to_obj() } else { Bytes::make(this.as_slice()) }
    }
}

/// `a + b` of two bytes-like objects.
pub fn concat(a: &Object<Bytes>, b: &Obj) -> PyResult<Obj> {
    if !buffer::has_buffer(b) {
        return Err(raise!(TypeError, "can't concat {} to {}", b.class().name(), a.class().name()));
    }
    let other = BytesLike::new(b)?;
    if other.is_empty() && std::ptr::eq(a.class(), Bytes::class()) {
        return Ok(a.to_obj());
    }
    if a.is_empty() && b.exact::<Bytes>().is_some() {
        return Ok(b.clone());
    }
    Ok(Bytes::make(&[a.as_slice(), &other].concat()))
}

byte_string_methods!(Bytes, COMMON);

#[pymethods]
impl Bytes {
    #[new(name = "bytes", sig = "(source=b'', encoding='utf-8', errors='strict')", text_signature = "")]
    fn construct(cls: &Type, source: Maybe<&Obj>, encoding: Maybe<String>, errors: Maybe<String>) -> PyResult<Obj> {
        if encoding.0.is_none()
            && errors.0.is_none()
            && let Some(source) = source.0
        {
            if std::ptr::eq(cls, Bytes::class()) && source.exact::<Bytes>().is_some() {
                return Ok(source.clone());
            }
            if let Some(result) = bytes::by_method(source)? {
                if std::ptr::eq(cls, Bytes::class()) {
                    return Ok(result);
                }
                let data = result.downcast::<Bytes>().map(|b| b.as_slice()).unwrap_or(&[]);
                return Ok(Bytes::new_in(cls, data).into_obj());
            }
        }
        let data = byte_string::source_bytes(source.0, encoding.0.as_deref(), errors.0.as_deref(), "bytes")?;
        Ok(if std::ptr::eq(cls, Bytes::class()) { Bytes::make(&data) } else { Bytes::new_in(cls, &data).into_obj() })
    }

    #[slot(repr)]
    fn repr(&self) -> PyResult<Obj> {
        Ok(Str::from_latin1(repr::bytes_repr(self.as_slice()).as_bytes()).into_obj())
    }

    #[slot(str)]
    fn str(&self) -> PyResult<Obj> {
        byte_string::warn_about_text("str() on a bytes instance")?;
        self.repr()
    }

    #[slot(hash)]
    fn hash_slot(&self) -> PyResult<i64> {
        Ok(self.hash())
    }

    #[slot(richcompare)]
    fn compare(a: &Obj, b: &Obj, op: CompareOp) -> PyResult<Obj> {
        match (a.downcast::<Bytes>(), b.downcast::<Bytes>()) {
            (Some(a), Some(b)) => Ok(bool_obj(op.matches(a.as_slice().cmp(b.as_slice())))),
            _ => {
                if matches!(op, CompareOp::Eq | CompareOp::Ne) {
                    Bytes::warn_about_comparison(a, b)?;
                }
                Ok(not_implemented())
            }
        }
    }

    #[slot(iter)]
    fn iter(this: &Object<Bytes>) -> PyResult<Obj> {
        Ok(Ptr::new(BytesIterator { bytes: ObjCell::of(this.to_obj()), index: Cell::new(0) }).into_obj())
    }

    #[slot(buffer)]
    fn buffer(this: &Object<Bytes>, flags: u32) -> PyResult<Buffer> {
        Buffer::fill(&this.as_obj(), this.as_slice().as_ptr() as *mut u8, this.len(), true, flags)
    }

    #[slot(nb_remainder)]
    fn remainder(a: &Obj, b: &Obj) -> PyResult<Obj> {
        match a.downcast::<Bytes>() {
            Some(format) => Ok(Bytes::make(&str_percent::format_bytes(format.as_slice(), b)?)),
            None => Ok(not_implemented()),
        }
    }

    #[slot(length)]
    fn length(&self) -> PyResult<usize> {
        Ok(self.len())
    }

    #[slot(getitem)]
    fn getitem(this: &Object<Bytes>, key: &Obj) -> PyResult<Obj> {
        match Subscript::new(key)? {
            Some(Subscript::Index(index)) => this.item(index),
            Some(Subscript::Slice(slice)) => {
                let slice = slice.adjust(this.len());
                let data = this.as_slice();
                Ok(match indexing::contiguous(slice) {
                    Some(part) if part.len() == data.len() => Bytes::same(this),
                    Some(part) => Bytes::make(&data[part]),
                    None => Bytes::make(&slice.positions().map(|i| data[i]).collect::<Vec<u8>>()),
                })
            }
            None => Err(raise!(TypeError, "byte indices must be integers or slices, not {}", key.class().name())),
        }
    }

    #[slot(sq_item)]
    fn item(&self, index: isize) -> PyResult<Obj> {
        match indexing::position(index, self.len()) {
            Some(i) => Ok(int::new(i64::from(self.as_slice()[i]))),
            None => Err(raise!(IndexError, "index out of range")),
        }
    }

    #[slot(sq_concat)]
    fn concat(a: &Obj, b: &Obj) -> PyResult<Obj> {
        match a.downcast::<Bytes>() {
            Some(a) => concat(a, b),
            None => Ok(not_implemented()),
        }
    }

    #[slot(sq_repeat)]
    fn repeat(this: &Object<Bytes>, count: isize) -> PyResult<Obj> {
        let count = usize::try_from(count).unwrap_or(0);
        if count == 1 {
            return Ok(Bytes::same(this));
        }
        match this.len().checked_mul(count) {
            Some(n) if n < 1 << 42 => Ok(Bytes::make(&this.as_slice().repeat(count))),
            Some(n) if n < isize::MAX as usize => Err(raise!(MemoryError)),
            _ => Err(raise!(OverflowError, "repeated bytes are too long")),
        }
    }

    #[slot(contains)]
    fn contains(&self, item: &Obj) -> PyResult<bool> {
        Ok(byte_string::contains(self.as_slice(), &byte_string::contained(item)?))
    }

    #[pymethod(name = "__getnewargs__")]
    fn getnewargs(&self) -> Obj {
        Tuple::from_vec(vec![Bytes::make(self.as_slice())]).into_obj()
    }

    /// Convert this value to exact type bytes.
    #[pymethod(name = "__bytes__")]
    fn to_exact(this: &Object<Bytes>) -> Obj {
        Bytes::same(this)
    }

    /// Size of object in memory, in bytes.
    #[pymethod(name = "__sizeof__")]
    fn sizeof(this: &Object<Bytes>) -> usize {
        let managed = if this.class().has_managed_slots() { this.class().managed_size() } else { 0 };
        33 + this.len() + managed
    }

    /// Create a bytes object from a string of hexadecimal numbers.
    ///
    /// Spaces between two numbers are accepted.
    /// Example: bytes.fromhex('B9 01EF') -> b'\\xb9\\x01\\xef'.
    #[classmethod(sig = "(string, /)")]
    fn fromhex(cls: &Type, string: &Obj) -> PyResult<Obj> {
        let result = Bytes::make(&byte_string::from_hex(string)?);
        if std::ptr::eq(cls, Bytes::class()) {
            return Ok(result);
        }
        crate::call::call(&cls.as_obj(), &[result])
    }
}

#[pyclass(name = "bytes_iterator", flags = DISALLOW_INSTANTIATION)]
pub struct BytesIterator {
    /// The object; empty once the iterator is exhausted.
    bytes: ObjCell,
    index: Cell<usize>,
}

#[pymethods]
impl BytesIterator {
    #[slot(iter)]
    fn iter(this: &Obj) -> PyResult<Obj> {
        Ok(this.clone())
    }

    #[slot(iternext)]
    fn next(&self) -> PyResult<Option<Obj>> {
        let Some(bytes) = self.bytes.get() else {
            return Ok(None);
        };
        let i = self.index.get();
        match bytes.downcast::<Bytes>().and_then(|b| b.as_slice().get(i)) {
            Some(&byte) => {
                self.index.set(i + 1);
                Ok(Some(int::new(i64::from(byte))))
            }
            None => {
                self.bytes.set(None);
                Ok(None)
            }
        }
    }

    /// Private method returning an estimate of len(list(it)).
    #[pymethod(name = "__length_hint__")]
    fn length_hint(&self) -> usize {
        let bytes = self.bytes.get();
        bytes.and_then(|b| b.downcast::<Bytes>().map(|b| b.len())).unwrap_or(0).saturating_sub(self.index.get())
    }

    /// Return state information for pickling.
    #[pymethod(name = "__reduce__")]
    fn reduce(&self) -> PyResult<Obj> {
        match self.bytes.get() {
            Some(bytes) => reduce_iter("iter", bytes, Some(int::new(self.index.get() as i64))),
            None => reduce_iter("iter", Bytes::make(&[]), None),
        }
    }

    /// Set state information for unpickling.
    #[pymethod(name = "__setstate__")]
    fn setstate(&self, state: isize) {
        if let Some(bytes) = self.bytes.get() {
            let length = bytes.downcast::<Bytes>().map_or(0, |b| b.len());
            self.index.set(usize::try_from(state).unwrap_or(0).min(length));
        }
    }
}
