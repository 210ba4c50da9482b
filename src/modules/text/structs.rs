//! `_struct`: C structures as bytes.

use std::cell::Cell;

use num_bigint::BigInt;
use pyrs_macros::{pyclass, pymethods, pymodule};

use pyrs_runtime::call::Args;
use pyrs_runtime::errors::{PyResult, Raised, raise_class};
use pyrs_runtime::object::{DataCell, Obj, ObjCell, Object, Ptr, PyClass};
use pyrs_runtime::objects::bytearray::ByteArray;
use pyrs_runtime::objects::bytes::Bytes;
use pyrs_runtime::objects::exceptions::{Exception, OverflowError, TypeError};
use pyrs_runtime::objects::int::{self, IntRef};
use pyrs_runtime::objects::memory_item::{f64_to_half, half_to_f64};
use pyrs_runtime::objects::singletons::bool_obj;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::objects::{complex, float, int_methods};
use pyrs_runtime::protocols::buffer::{Buffer, BytesLike, WritableBytes, has_buffer};
use pyrs_runtime::protocols::{codecs, number, text, truth};
use pyrs_runtime::raise;
use pyrs_runtime::thread::runtime;
use pyrs_runtime::types::{Type, as_type};

const ERROR: &str = "struct.error";

#[cold]
fn error(text: &str) -> Raised {
    let class = runtime().registered(ERROR).expect("registered when the module was made");
    raise_class(as_type(&class).expect("an exception class"), &[Str::new(text).into_obj()])
}

/// One run of items.
#[derive(Copy, Clone, Debug)]
struct Item {
    code: u8,
    offset: usize,
    /// Bytes of one item; the length of a string.
    size: usize,
    count: usize,
}

impl Item {
    /// Values that the run takes from the arguments.
    fn values(&self) -> usize {
        match self.code {
            b'x' => 0,
            _ => self.count,
        }
    }
}

/// A parsed format.
#[derive(Clone, Debug, Default)]
struct Layout {
    items: Vec<Item>,
    size: usize,
    values: usize,
    little: bool,
}

/// Size and alignment of a format character, `None` for unknown ones.
fn size_of_code(code: u8, native: bool) -> Option<(usize, usize)> {
    let size = match code {
        b'x' | b'b' | b'B' | b'c' | b's' | b'p' | b'?' => 1,
        b'h' | b'H' | b'e' => 2,
        b'i' | b'I' | b'f' => 4,
        b'l' | b'L' => {
            if native {
                8
            } else {
                4
            }
        }
        b'q' | b'Q' | b'd' | b'F' => 8,
        b'n' | b'N' | b'P' if native => 8,
        b'D' => 16,
        _ => return None,
    };
    let align = match code {
        b'F' => 4,
        b'D' => 8,
        b's' | b'p' | b'x' => 1,
        _ => size,
    };
    Some((size, align))
}

fn parse(format: &[u8]) -> PyResult<Layout> {
    let too_long = || error("total struct size too long");
    let (native, little, body) = match format {
        [b'@', rest @ ..] => (true, cfg!(target_endian = "little"), rest),
        [b'=', rest @ ..] => (false, cfg!(target_endian = "little"), rest),
        [b'<', rest @ ..] => (false, true, rest),
        [b'>' | b'!', rest @ ..] => (false, false, rest),
        rest => (true, cfg!(target_endian = "little"), rest),
    };
    let mut layout = Layout { little, ..Layout::default() };
    let mut i = 0;
    while let Some(&byte) = body.get(i) {
        i += 1;
        if pyrs_runtime::objects::byte_string::is_space(byte) {
            continue;
        }
        let (mut count, mut code) = (1usize, byte);
        if byte.is_ascii_digit() {
            count = usize::from(byte - b'0');
            loop {
                match body.get(i) {
                    Some(&d) if d.is_ascii_digit() => {
                        count = count
                            .checked_mul(10)
                            .and_then(|n| n.checked_add(usize::from(d - b'0')))
                            .filter(|&n| n <= isize::MAX as usize)
                            .ok_or_else(too_long)?;
                        i += 1;
                    }
                    Some(&c) => {
                        code = c;
                        i += 1;
                        break;
                    }
                    None => return Err(error("repeat count given without format specifier")),
                }
            }
        }
        let Some((size, align)) = size_of_code(code, native) else {
            return Err(error("bad char in struct format"));
        };
        if native {
            layout.size = layout.size.next_multiple_of(align);
        }
        let item = match code {
            b's' | b'p' => Item { code, offset: layout.size, size: count, count: 1 },
            _ => Item { code, offset: layout.size, size, count },
        };
        let bytes = item.size.checked_mul(item.count).ok_or_else(too_long)?;
        layout.size = layout.size.checked_add(bytes).filter(|&n| n <= isize::MAX as usize).ok_or_else(too_long)?;
        layout.values += item.values();
        layout.items.push(item);
    }
    Ok(layout)
}

/// The bounds that messages about integers show.
fn integer_range(size: usize, signed: bool) -> (BigInt, BigInt) {
    let one = BigInt::from(1);
    if signed {
        let half = &one << (size * 8 - 1);
        (-half.clone(), half - 1)
    } else {
        (BigInt::from(0), (&one << (size * 8)) - 1)
    }
}

impl Layout {
    fn store(&self, out: &mut [u8], mut native_le: Vec<u8>) {
        if !self.little {
            native_le.reverse();
        }
        out.copy_from_slice(&native_le);
    }

    fn store_float(&self, out: &mut [u8], code: u8, x: f64) -> PyResult<()> {
        let bytes = match code {
            b'd' | b'D' => x.to_le_bytes().to_vec(),
            b'f' | b'F' => {
                let narrow = x as f32;
                if narrow.is_infinite() && x.is_finite() {
                    return Err(raise!(OverflowError, "float too large to pack with f format"));
                }
                narrow.to_le_bytes().to_vec()
            }
            _ => match f64_to_half(x) {
                Some(bits) => bits.to_le_bytes().to_vec(),
                None => return Err(raise!(OverflowError, "float too large to pack with e format")),
            },
        };
        self.store(out, bytes);
        Ok(())
    }

    fn pack_integer(&self, out: &mut [u8], code: u8, value: &Obj) -> PyResult<()> {
        if !number::has_index(value) {
            return Err(error("required argument is not an integer"));
        }
        let index = number::index(value)?;
        let value = int::view(&index).unwrap_or(IntRef::Small(0));
        let signed = code.is_ascii_lowercase();
        if code == b'P' {
            // Addresses may be given as negative numbers.
            let negative = number::is_negative(&index);
            return match int_methods::to_le_bytes(value, out.len(), negative) {
                Ok(bytes) => {
                    self.store(out, bytes);
                    Ok(())
                }
                Err(raised) => {
                    raised.discard();
                    Err(error("int too large to convert"))
                }
            };
        }
        match int_methods::to_le_bytes(value, out.len(), signed) {
            Ok(bytes) => {
                self.store(out, bytes);
                Ok(())
            }
            Err(raised) => {
                raised.discard();
                let (low, high) = integer_range(out.len(), signed);
                Err(error(&format!("'{}' format requires {low} <= number <= {high}", code as char)))
            }
        }
    }

    fn pack_one(&self, out: &mut [u8], item: &Item, value: &Obj) -> PyResult<()> {
        match item.code {
            b'?' => out[0] = truth::is_true(value)? as u8,
            b'c' => match value.downcast::<Bytes>().map(|b| b.as_slice()) {
                Some([byte]) => out[0] = *byte,
                _ => return Err(error("char format requires a bytes object of length 1")),
            },
            b's' | b'p' => {
                let data = match (value.downcast::<Bytes>(), value.downcast::<ByteArray>()) {
                    (Some(bytes), _) => bytes.as_slice().to_vec(),
                    (_, Some(array)) => array.to_vec(),
                    _ => {
                        return Err(error(&format!("argument for '{}' must be a bytes object", item.code as char)));
                    }
                };
                let prefix = (item.code == b'p') as usize;
                if out.len() >= prefix {
                    let length = data.len().min(out.len() - prefix);
                    out[prefix..prefix + length].copy_from_slice(&data[..length]);
                    if prefix == 1 && !out.is_empty() {
                        out[0] = length.min(255) as u8;
                    }
                }
            }
            b'e' | b'f' | b'd' => {
                let x =
                    number::as_f64(value).map_err(|raised| wrong_type(raised, "required argument is not a float"))?;
                self.store_float(out, item.code, x)?;
            }
            b'F' | b'D' => {
                let (re, im) = complex::from_number(value)
                    .map_err(|raised| wrong_type(raised, "required argument is not a complex"))?;
                let (first, second) = out.split_at_mut(item.size / 2);
                self.store_float(first, item.code, re)?;
                self.store_float(second, item.code, im)?;
            }
            code => self.pack_integer(out, code, value)?,
        }
        Ok(())
    }

    /// Packs as many values as the layout takes into zeroed memory.
    fn pack(&self, out: &mut [u8], values: &[Obj]) -> PyResult<()> {
        let mut values = values.iter();
        for item in self.items.iter().filter(|item| item.code != b'x') {
            for i in 0..item.count {
                let at = item.offset + i * item.size;
                if let Some(value) = values.next() {
                    self.pack_one(&mut out[at..at + item.size], item, value)?;
                }
            }
        }
        Ok(())
    }

    fn load(&self, raw: &[u8]) -> [u8; 8] {
        let mut word = [0; 8];
        word[..raw.len()].copy_from_slice(raw);
        if !self.little {
            word[..raw.len()].reverse();
        }
        word
    }

    fn load_float(&self, raw: &[u8]) -> f64 {
        let word = self.load(raw);
        match raw.len() {
            2 => half_to_f64(u16::from_le_bytes([word[0], word[1]])),
            4 => f64::from(f32::from_le_bytes([word[0], word[1], word[2], word[3]])),
            _ => f64::from_le_bytes(word),
        }
    }

    fn unpack_one(&self, raw: &[u8], item: &Item) -> Obj {
        match item.code {
            b'?' => bool_obj(raw[0] != 0),
            b'c' | b's' => Bytes::new(raw).into_obj(),
            b'p' => match raw.split_first() {
                Some((&length, rest)) => Bytes::new(&rest[..rest.len().min(usize::from(length))]).into_obj(),
                None => Bytes::new(&[]).into_obj(),
            },
            b'e' | b'f' | b'd' => float::new(self.load_float(raw)),
            b'F' | b'D' => {
                let (first, second) = raw.split_at(raw.len() / 2);
                complex::new(self.load_float(first), self.load_float(second))
            }
            code => int_methods::from_byte_order(raw, self.little, code.is_ascii_lowercase()),
        }
    }

    fn unpack(&self, data: &[u8]) -> Obj {
        let mut values = Vec::with_capacity(self.values);
        for item in self.items.iter().filter(|item| item.code != b'x') {
            for i in 0..item.count {
                let at = item.offset + i * item.size;
                values.push(self.unpack_one(&data[at..at + item.size], item));
            }
        }
        Tuple::from_vec(values).into_obj()
    }
}

/// TypeErrors of conversions become struct.error.
fn wrong_type(raised: Raised, text: &str) -> Raised {
    if raised.matches(TypeError::class()) {
        raised.discard();
        return error(text);
    }
    debug_assert!(!raised.matches(OverflowError::class()) || !text.is_empty());
    raised
}

/// Where an offset argument points, for a buffer of `length` bytes.
fn resolve_offset(offset: isize, length: usize, size: usize, what: &str) -> PyResult<usize> {
    let (function, purpose) = if what == "pack" { ("pack_into", "packing") } else { ("unpack_from", "unpacking") };
    let start = if offset < 0 {
        if offset + size as isize > 0 {
            let text = if what == "pack" {
                format!("no space to pack {size} bytes at offset {offset}")
            } else {
                format!("not enough data to unpack {size} bytes at offset {offset}")
            };
            return Err(error(&text));
        }
        if offset + (length as isize) < 0 {
            return Err(error(&format!("offset {offset} out of range for {length}-byte buffer")));
        }
        (offset + length as isize) as usize
    } else {
        offset as usize
    };
    if length < start || length - start < size {
        return Err(error(&format!(
            "{function} requires a buffer of at least {} bytes for {purpose} {size} bytes at offset {start} (actual \
             buffer size is {length})",
            size + start
        )));
    }
    Ok(start)
}

/// Struct(fmt) --> compiled struct object
#[pyclass(name = "Struct", module = "_struct", flags = BASETYPE, weaklist)]
pub struct Struct {
    layout: DataCell<Option<Layout>>,
    format: ObjCell,
}

impl Struct {
    fn layout(&self) -> PyResult<Layout> {
        match self.layout.with(|l| l.clone()) {
            Some(layout) => Ok(layout),
            None => Err(raise!(RuntimeError, "Struct object is not initialized")),
        }
    }
}

/// The ASCII text of a format argument.
fn format_text(format: &Obj) -> PyResult<Vec<u8>> {
    if let Some(text) = format.downcast::<Str>() {
        return codecs::encode_ascii(text, None);
    }
    match format.downcast::<Bytes>() {
        Some(bytes) => Ok(bytes.as_slice().to_vec()),
        None => {
            Err(raise!(TypeError, "Struct() argument 1 must be a str or bytes object, not {}", format.class().name()))
        }
    }
}

fn make(format: &Obj) -> PyResult<Layout> {
    parse(&format_text(format)?)
}

fn pack(layout: &Layout, values: &[Obj], function: &str) -> PyResult<Vec<u8>> {
    if values.len() != layout.values {
        return Err(error(&format!("{function} expected {} items for packing (got {})", layout.values, values.len())));
    }
    if layout.size > 1 << 42 {
        return Err(raise!(MemoryError));
    }
    let mut out = vec![0; layout.size];
    layout.pack(&mut out, values)?;
    Ok(out)
}

fn pack_into(layout: &Layout, args: &[Obj]) -> PyResult<()> {
    let [target, offset, values @ ..] = args else {
        let missing = if args.is_empty() { "buffer" } else { "offset" };
        return Err(error(&format!("pack_into expected {missing} argument")));
    };
    let packed = {
        let count = values.len();
        if count != layout.values {
            return Err(error(&format!("pack_into expected {} items for packing (got {count})", layout.values)));
        }
        let wrong =
            || raise!(TypeError, "argument must be read-write bytes-like object, not {}", target.class().name());
        if !has_buffer(target) {
            return Err(wrong());
        }
        let buffer = match Buffer::writable(target) {
            Ok(buffer) => WritableBytes(buffer),
            Err(raised) => {
                raised.discard();
                return Err(wrong());
            }
        };
        let offset = number::as_ssize(offset, true)?;
        let start = resolve_offset(offset, buffer.0.len(), layout.size, "pack")?;
        (pack(layout, values, "pack_into")?, start, buffer)
    };
    let (bytes, start, buffer) = packed;
    buffer.0.with_bytes_mut(|data| data[start..start + bytes.len()].copy_from_slice(&bytes));
    Ok(())
}

fn unpack(layout: &Layout, data: &[u8]) -> PyResult<Obj> {
    if data.len() != layout.size {
        return Err(error(&format!("unpack requires a buffer of {} bytes", layout.size)));
    }
    Ok(layout.unpack(data))
}

fn unpack_from(layout: &Layout, data: &[u8], offset: isize) -> PyResult<Obj> {
    let start = resolve_offset(offset, data.len(), layout.size, "unpack")?;
    Ok(layout.unpack(&data[start..start + layout.size]))
}

fn iter_unpack(layout: Layout, buffer: &Obj) -> PyResult<Obj> {
    if layout.size == 0 {
        return Err(error("cannot iteratively unpack with a struct of length 0"));
    }
    let buffer = Buffer::simple(buffer)?;
    if buffer.len() % layout.size != 0 {
        return Err(error(&format!("iterative unpacking requires a buffer of a multiple of {} bytes", layout.size)));
    }
    let iterator = UnpackIterator { layout, buffer: DataCell::new(Some(buffer)), index: Cell::new(0) };
    Ok(Ptr::new(iterator).into_obj())
}

#[pymethods]
impl Struct {
    #[slot(new)]
    fn construct(cls: &Type, _args: Args<'_>) -> PyResult<Obj> {
        Ok(Ptr::new_in(cls, Struct { layout: DataCell::new(None), format: ObjCell::empty() }).into_obj())
    }

    #[init(name = "Struct", sig = "(format)", text_signature = "")]
    fn init(&self, format: &Obj) -> PyResult<()> {
        let text = format_text(format)?;
        let layout = parse(&text)?;
        self.layout.replace(Some(layout));
        self.format.put(Str::from_latin1(&text).into_obj());
        Ok(())
    }

    #[slot(repr)]
    fn repr(this: &Object<Struct>) -> PyResult<Obj> {
        this.layout()?;
        let format = this.format.get().map_or_else(|| Ok(String::new()), |f| text::repr_text(&f))?;
        Ok(Str::new(&format!("{}({format})", this.class().short_name())).into_obj())
    }

    /// Return an iterator yielding tuples.
    ///
    /// Tuples are unpacked from the given bytes source, like repeated
    /// invocations of unpack_from().  Requires that the bytes length be a
    /// multiple of the struct size.
    #[pymethod]
    fn iter_unpack(&self, buffer: &Obj) -> PyResult<Obj> {
        iter_unpack(self.layout()?, buffer)
    }

    /// pack(v1, v2, ...) -> bytes
    ///
    /// Return a bytes object containing values v1, v2, ... packed according
    /// to the format string S.format.
    #[pymethod(sig = "(*values)", text_signature = "")]
    fn pack(&self, values: &[Obj]) -> PyResult<Obj> {
        Ok(Bytes::from_vec(pack(&self.layout()?, values, "pack")?).into_obj())
    }

    /// pack_into(buffer, offset, v1, v2, ...)
    ///
    /// Pack the values v1, v2, ... according to the format string S.format
    /// and write the packed bytes into the writable buffer buf starting at
    /// offset.  The offset is a required argument.
    #[pymethod(sig = "(*args)", text_signature = "")]
    fn pack_into(&self, args: &[Obj]) -> PyResult<()> {
        pack_into(&self.layout()?, args)
    }

    /// Return a tuple containing unpacked values.
    ///
    /// Unpack according to the format string Struct.format.  The buffer's size
    /// in bytes must be Struct.size.
    #[pymethod]
    fn unpack(&self, buffer: BytesLike<'_>) -> PyResult<Obj> {
        unpack(&self.layout()?, &buffer)
    }

    /// Return a tuple containing unpacked values.
    ///
    /// Values are unpacked according to the format string Struct.format.  The
    /// buffer's size in bytes, starting at position offset, must be at
    /// least Struct.size.
    #[pymethod(sig = "(buffer, offset=0)")]
    fn unpack_from(&self, buffer: BytesLike<'_>, offset: isize) -> PyResult<Obj> {
        unpack_from(&self.layout()?, &buffer, offset)
    }

    /// S.__sizeof__() -> size of S in memory, in bytes
    #[pymethod(name = "__sizeof__")]
    fn sizeof(this: &Object<Struct>) -> usize {
        this.class().basicsize() + this.layout.with(|l| l.as_ref().map_or(0, |l| (l.items.len() + 1) * 32))
    }

    /// struct format string
    #[getter]
    fn format(&self) -> PyResult<Obj> {
        self.layout()?;
        self.format.get().ok_or_else(|| raise!(RuntimeError, "Struct object is not initialized"))
    }

    /// struct size in bytes
    #[getter]
    fn size(&self) -> PyResult<usize> {
        Ok(self.layout()?.size)
    }
}

/// Unpacks one structure after the other.
#[pyclass(name = "unpack_iterator", module = "_struct", flags = DISALLOW_INSTANTIATION)]
pub struct UnpackIterator {
    layout: Layout,
    buffer: DataCell<Option<Buffer>>,
    index: Cell<usize>,
}

#[pymethods]
impl UnpackIterator {
    #[slot(iter)]
    fn iter(this: &Obj) -> PyResult<Obj> {
        Ok(this.clone())
    }

    #[slot(iternext)]
    fn next(&self) -> PyResult<Option<Obj>> {
        let (start, size) = (self.index.get(), self.layout.size);
        let part =
            self.buffer.with(|b| b.as_ref().and_then(|b| b.as_slice().get(start..start + size).map(<[u8]>::to_vec)));
        match part {
            Some(part) => {
                self.index.set(start + size);
                Ok(Some(self.layout.unpack(&part)))
            }
            None => {
                drop(self.buffer.replace(None));
                Ok(None)
            }
        }
    }

    #[pymethod(name = "__length_hint__")]
    fn length_hint(&self) -> usize {
        let length = self.buffer.with(|b| b.as_ref().map_or(0, Buffer::len));
        length.saturating_sub(self.index.get()) / self.layout.size.max(1)
    }
}

/// Functions to convert between Python values and C structs.
/// Python bytes objects are used to hold the data representing the C struct
/// and also as format strings (explained below) to describe the layout of data
/// in the C struct.
#[pymodule(name = "_struct", classes(super::Struct, super::UnpackIterator))]
pub mod module {
    use super::*;
    use pyrs_runtime::objects::module::Module;

    #[module_exec]
    fn exec(module: &Object<Module>) -> PyResult<()> {
        module.dict().remove_str(&Str::intern("unpack_iterator"))?;
        let class = crate::exception_class("struct", "error", Exception::class())?;
        runtime().register(ERROR, class.clone());
        module.add("error", class);
        Ok(())
    }

    /// Clear the internal cache.
    #[pyfunction(name = "_clearcache")]
    fn clearcache() {}

    /// Return size in bytes of the struct described by the format string.
    #[pyfunction]
    fn calcsize(format: &Obj) -> PyResult<usize> {
        Ok(make(format)?.size)
    }

    /// pack(format, v1, v2, ...) -> bytes
    ///
    /// Return a bytes object containing the values v1, v2, ... packed according
    /// to the format string.
    #[pyfunction(name = "pack", sig = "(*args)", text_signature = "")]
    fn py_pack(args: &[Obj]) -> PyResult<Obj> {
        let Some((format, values)) = args.split_first() else {
            return Err(raise!(TypeError, "missing format argument"));
        };
        Ok(Bytes::from_vec(pack(&make(format)?, values, "pack")?).into_obj())
    }

    /// pack_into(format, buffer, offset, v1, v2, ...)
    ///
    /// Pack the values v1, v2, ... according to the format string and write
    /// the packed bytes into the writable buffer buf starting at offset.  The
    /// offset is a required argument.
    #[pyfunction(name = "pack_into", sig = "(*args)", text_signature = "")]
    fn py_pack_into(args: &[Obj]) -> PyResult<()> {
        let Some((format, rest)) = args.split_first() else {
            return Err(raise!(TypeError, "missing format argument"));
        };
        pack_into(&make(format)?, rest)
    }

    /// Return a tuple containing values unpacked according to the format string.
    ///
    /// The buffer's size in bytes must be calcsize(format).
    #[pyfunction(name = "unpack", sig = "(format, buffer, /)")]
    fn py_unpack(format: &Obj, buffer: &Obj) -> PyResult<Obj> {
        let layout = make(format)?;
        unpack(&layout, &BytesLike::new(buffer)?)
    }

    /// Return a tuple containing values unpacked according to the format string.
    ///
    /// The buffer's size, minus offset, must be at least calcsize(format).
    #[pyfunction(name = "unpack_from", sig = "(format, /, buffer, offset=0)")]
    fn py_unpack_from(format: &Obj, buffer: &Obj, offset: isize) -> PyResult<Obj> {
        let layout = make(format)?;
        unpack_from(&layout, &BytesLike::new(buffer)?, offset)
    }

    /// Return an iterator yielding tuples unpacked from the given bytes.
    ///
    /// The bytes are unpacked according to the format string.
    ///
    /// Requires that the bytes length be a multiple of the format struct size.
    #[pyfunction(name = "iter_unpack", sig = "(format, buffer, /)")]
    fn py_iter_unpack(format: &Obj, buffer: &Obj) -> PyResult<Obj> {
        super::iter_unpack(make(format)?, buffer)
    }
}
