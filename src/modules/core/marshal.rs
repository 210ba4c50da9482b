//! `marshal`: any value of the format, shared and circular ones included.
//!
//! Code objects that are written alone go through the compiler's own writer, whose bytes equal CPython's.

use std::collections::HashMap;
use std::sync::Arc;

use num_bigint::{BigInt, Sign};
use pyrs_bytecode::{CodeObject, Constant, WStr, marshal as format};
use pyrs_macros::pymodule;
use pyrs_runtime::call;
use pyrs_runtime::errors::{PyResult, Raised};
use pyrs_runtime::object::{Obj, PyClass};
use pyrs_runtime::objects::bytearray::ByteArray;
use pyrs_runtime::objects::bytes::{self, Bytes};
use pyrs_runtime::objects::code::{Code, constant_object};
use pyrs_runtime::objects::complex::{self, Complex};
use pyrs_runtime::objects::dict::Dict;
use pyrs_runtime::objects::exceptions::StopIteration;
use pyrs_runtime::objects::int::IntRef;
use pyrs_runtime::objects::list::List;
use pyrs_runtime::objects::set;
use pyrs_runtime::objects::singletons::{as_bool, bool_obj, ellipsis, none};
use pyrs_runtime::objects::slice::Slice;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::objects::{float, int};
use pyrs_runtime::raise;

const VERSION: i64 = 5;
const FLAG_REF: u8 = 0x80;
/// How deep values may be nested.
const MAX_DEPTH: usize = 2000;

/// Writes values.
struct Writer {
    out: Vec<u8>,
    version: i64,
    allow_code: bool,
    /// Objects written before, by identity; held, so that identities stay theirs.
    refs: HashMap<u64, (u32, Obj)>,
}

impl Writer {
    fn new(version: i64, allow_code: bool) -> Writer {
        Writer { out: Vec::new(), version, allow_code, refs: HashMap::new() }
    }

    fn long(&mut self, n: i64) {
        self.out.extend_from_slice(&(n as i32).to_le_bytes());
    }

    fn sized(&mut self, data: &[u8]) {
        self.long(data.len() as i64);
        self.out.extend_from_slice(data);
    }

    /// Writes a back reference, or gives the flag for a first occurrence.
    fn shared(&mut self, value: &Obj) -> Option<u8> {
        if self.version < 3 || value.refcnt() == 1 || !value.value().is_pointer_or_null() {
            return Some(0);
        }
        if let Some((number, _)) = self.refs.get(&value.id()) {
            let number = i64::from(*number);
            self.out.push(b'r');
            self.long(number);
            return None;
        }
        let number = self.refs.len() as u32;
        self.refs.insert(value.id(), (number, value.clone()));
        Some(FLAG_REF)
    }

    fn value(&mut self, value: &Obj, depth: usize) -> PyResult<()> {
        if depth > MAX_DEPTH {
            return Err(raise!(ValueError, "object too deeply nested to marshal"));
        }
        if value.is_none() {
            self.out.push(b'N');
            return Ok(());
        }
        if let Some(b) = as_bool(value) {
            self.out.push(if b { b'T' } else { b'F' });
            return Ok(());
        }
        if value.is(&ellipsis()) {
            self.out.push(b'.');
            return Ok(());
        }
        if value.is(&StopIteration::class().as_obj()) {
            self.out.push(b'S');
            return Ok(());
        }
        match self.shared(value) {
            Some(flag) => self.complex_value(value, flag, depth),
            None => Ok(()),
        }
    }

    fn complex_value(&mut self, value: &Obj, flag: u8, depth: usize) -> PyResult<()> {
        if int::is_exact(value) {
            match int::view(value) {
                Some(IntRef::Small(n)) if i32::try_from(n).is_ok() => {
                    self.out.push(b'i' | flag);
                    self.long(n);
                }
                _ => self.big_int(&int::to_bigint(value).expect("an int"), flag),
            }
        } else if float::is_exact(value) {
            let x = float::view(value).unwrap_or(0.0);
            if self.version > 1 {
                self.out.push(b'g' | flag);
                self.out.extend_from_slice(&x.to_le_bytes());
            } else {
                self.out.push(b'f' | flag);
                self.float_text(x)?;
            }
        } else if let Some(z) = value.exact::<Complex>() {
            if self.version > 1 {
                self.out.push(b'y' | flag);
                self.out.extend_from_slice(&z.re.to_le_bytes());
                self.out.extend_from_slice(&z.im.to_le_bytes());
            } else {
                self.out.push(b'x' | flag);
                self.float_text(z.re)?;
                self.float_text(z.im)?;
            }
        } else if let Some(text) = value.exact::<Str>() {
            self.text(text, flag);
        } else if let Some(tuple) = value.exact::<Tuple>() {
            let n = tuple.len();
            if self.version >= 4 && n < 256 {
                self.out.extend_from_slice(&[b')' | flag, n as u8]);
            } else {
                self.out.push(b'(' | flag);
                self.long(n as i64);
            }
            tuple.items().iter().try_for_each(|i| self.value(i, depth + 1))?;
        } else if let Some(list) = value.exact::<List>() {
            self.out.push(b'[' | flag);
            self.long(list.len() as i64);
            list.to_vec().iter().try_for_each(|i| self.value(i, depth + 1))?;
        } else if let Some(dict) = value.exact::<Dict>() {
            self.out.push(b'{' | flag);
            for (k, v) in dict.entries() {
                self.value(&k, depth + 1)?;
                self.value(&v, depth + 1)?;
            }
            self.out.push(b'0');
        } else if std::ptr::eq(value.class(), set::Set::class()) || std::ptr::eq(value.class(), set::FrozenSet::class())
        {
            let is_set = std::ptr::eq(value.class(), set::Set::class());
            self.out.push(if is_set { b'<' } else { b'>' } | flag);
            self.set(value, depth)?;
        } else if let Some(code) = value.exact::<Code>() {
            if !self.allow_code {
                return Err(raise!(ValueError, "marshalling code objects is disallowed"));
            }
            self.out.push(b'c' | flag);
            self.code(code, depth)?;
        } else if let Some(slice) = value.exact::<Slice>() {
            if self.version < 5 {
                return Err(raise!(ValueError, "unmarshallable object"));
            }
            self.out.push(b':' | flag);
            for part in [&slice.start, &slice.stop, &slice.step] {
                self.value(part, depth + 1)?;
            }
        } else if let Some(data) = bytes::contiguous(value)? {
            self.out.push(b's' | flag);
            self.sized(&data);
        } else {
            return Err(raise!(ValueError, "unmarshallable object"));
        }
        Ok(())
    }

    /// Elements in the order of their bytes: sets have no order of their own.
    fn set(&mut self, value: &Obj, depth: usize) -> PyResult<()> {
        let size = |v: &Obj| set::as_set(v).map_or(0, |s| s.len());
        let keys = set::as_set(value).expect("a set").keys();
        self.long(keys.len() as i64);
        let mut sorted = Vec::with_capacity(keys.len());
        for key in keys {
            let mut alone = Writer::new(self.version, self.allow_code);
            alone.value(&key, depth + 1)?;
            sorted.push((alone.out, key));
        }
        let before = sorted.len();
        sorted.sort_by(|a, b| a.0.cmp(&b.0));
        for (_, key) in &sorted {
            self.value(key, depth + 1)?;
            if size(value) != before {
                return Err(raise!(RuntimeError, "set changed size during iteration"));
            }
        }
        Ok(())
    }

    /// Digits of 15 bits, as CPython counts them.
    fn big_int(&mut self, value: &BigInt, flag: u8) {
        self.out.push(b'l' | flag);
        let bits = value.magnitude();
        let count = bits.bits().div_ceil(15) as i64;
        self.long(if value.sign() == Sign::Minus { -count } else { count });
        let data = bits.to_bytes_le();
        for index in 0..count as usize {
            let bit = index * 15;
            let byte = |at: usize| u32::from(data.get(at).copied().unwrap_or(0));
            let window = byte(bit / 8) | byte(bit / 8 + 1) << 8 | byte(bit / 8 + 2) << 16;
            self.out.extend_from_slice(&((window >> (bit % 8) & 0x7fff) as u16).to_le_bytes());
        }
    }

    fn float_text(&mut self, x: f64) -> PyResult<()> {
        let text = pyrs_runtime::protocols::text::repr_text(&float::new(x))?;
        self.out.push(text.len() as u8);
        self.out.extend_from_slice(text.as_bytes());
        Ok(())
    }

    fn text(&mut self, text: &pyrs_runtime::object::Object<Str>, flag: u8) {
        let interned = self.version >= 1 && text.is_interned();
        if self.version >= 4
            && let Some(ascii) = text.as_ascii()
        {
            let short = ascii.len() < 256;
            let code = match (short, interned) {
                (true, true) => b'Z',
                (true, false) => b'z',
                (false, true) => b'A',
                (false, false) => b'a',
            };
            self.out.push(code | flag);
            if short {
                self.out.push(ascii.len() as u8)
            } else {
                self.long(ascii.len() as i64)
            }
            self.out.extend_from_slice(ascii.as_bytes());
            return;
        }
        self.out.push(if interned { b't' } else { b'u' } | flag);
        let data = text.to_wstr();
        self.sized(data.as_bytes());
    }

    fn code(&mut self, code: &pyrs_runtime::object::Object<Code>, depth: usize) -> PyResult<()> {
        let s = &code.source;
        for n in [s.argcount, s.posonlyargcount, s.kwonlyargcount, s.stacksize, s.flags] {
            self.long(i64::from(n));
        }
        let data = |d: &[u8]| Bytes::new(d).into_obj();
        let filename = code.filename.get().unwrap_or_else(none);
        self.value(&data(&s.code), depth + 1)?;
        for field in [code.consts.to_obj(), code.names.to_obj(), code.localsplusnames.to_obj()] {
            self.value(&field, depth + 1)?;
        }
        self.value(&data(&s.localspluskinds), depth + 1)?;
        for field in [filename, code.name.to_obj(), code.qualname.to_obj()] {
            self.value(&field, depth + 1)?;
        }
        self.long(i64::from(s.firstlineno));
        self.value(&data(&s.linetable), depth + 1)?;
        self.value(&data(&s.exceptiontable), depth + 1)
    }
}

/// Where bytes come from.
enum Source<'a> {
    Bytes(&'a [u8]),
    /// A file, read no further than needed.
    File(&'a Obj),
}

struct Reader<'a> {
    source: Source<'a>,
    allow_code: bool,
    /// Values that may be referred to; `None` while they are being read.
    refs: Vec<Option<Obj>>,
    depth: usize,
}

fn bad(what: &str) -> Raised {
    raise!(ValueError, "bad marshal data ({what})")
}

impl Reader<'_> {
    fn take(&mut self, n: usize) -> PyResult<Vec<u8>> {
        let short = || raise!(EOFError, "marshal data too short");
        match &mut self.source {
            Source::Bytes(rest) => {
                let (data, behind) = rest.split_at_checked(n).ok_or_else(short)?;
                *rest = behind;
                Ok(data.to_vec())
            }
            Source::File(file) => {
                if n > 1 << 30 {
                    return Err(short());
                }
                let buffer = ByteArray::new(vec![0; n]);
                let got = call::call_method(file, "readinto", &[buffer.to_obj()])?;
                let got = int::to_i64(&got).unwrap_or(0);
                if got > n as i64 {
                    return Err(raise!(
                        ValueError,
                        "read() returned too much data: {n} bytes requested, {got} returned"
                    ));
                }
                if got < n as i64 { Err(short()) } else { Ok(buffer.to_vec()) }
            }
        }
    }

    fn byte(&mut self) -> PyResult<u8> {
        Ok(self.take(1)?[0])
    }

    fn long(&mut self) -> PyResult<i32> {
        Ok(i32::from_le_bytes(self.take(4)?.try_into().expect("4 bytes")))
    }

    fn size(&mut self, what: &str) -> PyResult<usize> {
        usize::try_from(self.long()?).map_err(|_| bad(&format!("{what} size out of range")))
    }

    fn double(&mut self) -> PyResult<f64> {
        Ok(f64::from_le_bytes(self.take(8)?.try_into().expect("8 bytes")))
    }

    fn float_text(&mut self) -> PyResult<f64> {
        let n = self.byte()? as usize;
        let text = String::from_utf8_lossy(&self.take(n)?).into_owned();
        let parsed = call::call(&float_class(), &[Str::new(&text).into_obj()])?;
        Ok(float::view(&parsed).unwrap_or(0.0))
    }

    /// A whole value; `None` for the end mark of a dict.
    fn value(&mut self) -> PyResult<Option<Obj>> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(raise!(ValueError, "recursion limit exceeded"));
        }
        let code = self.byte().map_err(|raised| {
            raised.discard();
            raise!(EOFError, "EOF read where object expected")
        })?;
        let result = self.typed(code & !FLAG_REF, code & FLAG_REF != 0);
        self.depth -= 1;
        result
    }

    fn required(&mut self, what: &str) -> PyResult<Obj> {
        self.value()?.ok_or_else(|| raise!(TypeError, "NULL object in marshal data for {what}"))
    }

    /// Makes place for a value that can be referred to while it is read.
    fn reserve(&mut self, flagged: bool) -> Option<usize> {
        flagged.then(|| {
            self.refs.push(None);
            self.refs.len() - 1
        })
    }

    fn fill(&mut self, place: Option<usize>, value: &Obj) {
        if let Some(place) = place {
            self.refs[place] = Some(value.clone());
        }
    }

    fn typed(&mut self, code: u8, flagged: bool) -> PyResult<Option<Obj>> {
        let simple = match code {
            b'0' => return Ok(None),
            b'N' => return Ok(Some(none())),
            b'T' => return Ok(Some(bool_obj(true))),
            b'F' => return Ok(Some(bool_obj(false))),
            b'.' => return Ok(Some(ellipsis())),
            b'S' => return Ok(Some(StopIteration::class().to_obj())),
            b'r' => {
                let number = self.long()?;
                let found = usize::try_from(number).ok().and_then(|n| self.refs.get(n).cloned().flatten());
                return found.map(Some).ok_or_else(|| bad("invalid reference"));
            }
            b'i' => int::new(i64::from(self.long()?)),
            b'I' => int::new(i64::from_le_bytes(self.take(8)?.try_into().expect("8 bytes"))),
            b'l' => self.big_int()?,
            b'f' => float::new(self.float_text()?),
            b'g' => float::new(self.double()?),
            b'x' => {
                let re = self.float_text()?;
                complex::new(re, self.float_text()?)
            }
            b'y' => {
                let re = self.double()?;
                complex::new(re, self.double()?)
            }
            b's' => {
                let n = self.size("bytes object")?;
                Bytes::from_vec(self.take(n)?).into_obj()
            }
            b'a' | b'A' | b'z' | b'Z' => {
                let n = if code == b'z' || code == b'Z' { self.byte()? as usize } else { self.size("string")? };
                let text = Str::from_latin1(&self.take(n)?);
                if code.is_ascii_uppercase() { Str::intern_ptr(text).into_obj() } else { text.into_obj() }
            }
            b'u' | b't' => {
                let n = self.size("string")?;
                let data = self.take(n)?;
                let text = pyrs_runtime::protocols::codecs::decode_utf8(&data, Some("surrogatepass"))?;
                if code == b't' { Str::intern_ptr(text).into_obj() } else { text.into_obj() }
            }
            _ => return self.container(code, flagged).map(Some),
        };
        if flagged {
            self.refs.push(Some(simple.clone()));
        }
        Ok(Some(simple))
    }

    fn container(&mut self, code: u8, flagged: bool) -> PyResult<Obj> {
        Ok(match code {
            b'(' | b')' => {
                let n = if code == b')' { self.byte()? as usize } else { self.size("tuple")? };
                let place = self.reserve(flagged);
                let mut items = Vec::new();
                for _ in 0..n {
                    items.push(self.required("tuple")?);
                }
                let tuple = Tuple::from_vec(items).into_obj();
                self.fill(place, &tuple);
                tuple
            }
            b'[' => {
                let n = self.size("list")?;
                let place = self.reserve(flagged);
                let list = List::new();
                self.fill(place, &list.to_obj());
                for _ in 0..n {
                    list.push(self.required("list")?);
                }
                list.into_obj()
            }
            b'{' => {
                let place = self.reserve(flagged);
                let dict = Dict::new();
                self.fill(place, &dict.to_obj());
                while let Some(key) = self.value()? {
                    let Some(value) = self.value()? else { break };
                    dict.set(key, value)?;
                }
                dict.into_obj()
            }
            b'<' | b'>' => {
                let n = self.size("set")?;
                // Frozen sets cannot hold themselves: they can be referred to once they are whole.
                let place = self.reserve(flagged);
                let mut items = Vec::new();
                if code == b'<' {
                    let set = set::set_from(Vec::new())?;
                    self.fill(place, &set);
                    for _ in 0..n {
                        let item = self.required("set")?;
                        set::as_set(&set).expect("a set").add(item)?;
                    }
                    return Ok(set);
                }
                for _ in 0..n {
                    items.push(self.required("set")?);
                }
                let set = set::frozenset_from(items)?;
                self.fill(place, &set);
                set
            }
            b':' => {
                let place = self.reserve(flagged);
                let (start, stop) = (self.required("slice")?, self.required("slice")?);
                let slice = Slice::new(start, stop, self.required("slice")?).into_obj();
                self.fill(place, &slice);
                slice
            }
            b'c' => {
                if !self.allow_code {
                    return Err(raise!(ValueError, "unmarshalling code objects is disallowed"));
                }
                let place = self.reserve(flagged);
                let code = self.code()?;
                self.fill(place, &code);
                code
            }
            _ => return Err(bad("unknown type code")),
        })
    }

    fn big_int(&mut self) -> PyResult<Obj> {
        let n = self.long()?;
        if n == i32::MIN {
            return Err(bad("long size out of range"));
        }
        let mut value = BigInt::default();
        let count = n.unsigned_abs() as usize;
        let data = self.take(count * 2)?;
        for (i, digit) in data.chunks_exact(2).enumerate().rev() {
            let digit = u16::from_le_bytes([digit[0], digit[1]]);
            if digit > 0x7fff {
                return Err(bad("digit out of range in long"));
            }
            if i == count - 1 && digit == 0 {
                return Err(bad("unnormalized long data"));
            }
            value = (value << 15) + digit;
        }
        Ok(int::from_bigint(if n < 0 { -value } else { value }))
    }

    fn code(&mut self) -> PyResult<Obj> {
        let mut number = || self.long().map(|n| n as u32);
        let (argcount, posonlyargcount, kwonlyargcount) = (number()?, number()?, number()?);
        let (stacksize, flags) = (number()?, number()?);
        let data = |obj: Obj| -> PyResult<Vec<u8>> {
            obj.exact::<Bytes>().map(|b| b.as_slice().to_vec()).ok_or_else(|| bad("code field is no bytes object"))
        };
        let text = |obj: Obj| -> PyResult<WStr> {
            obj.exact::<Str>().map(|s| s.to_wstr()).ok_or_else(|| bad("code field is no string"))
        };
        let names = |obj: Obj| -> PyResult<Vec<WStr>> {
            let Some(tuple) = obj.exact::<Tuple>() else { return Err(bad("code field is no tuple")) };
            tuple.items().iter().map(|i| text(i.clone())).collect()
        };
        let code = data(self.required("code")?)?;
        let consts = self.required("code")?;
        let name_list = names(self.required("code")?)?;
        let localsplusnames = names(self.required("code")?)?;
        let localspluskinds = data(self.required("code")?)?;
        let filename = text(self.required("code")?)?;
        let name = text(self.required("code")?)?;
        let qualname = text(self.required("code")?)?;
        let firstlineno = self.long()?;
        let linetable = data(self.required("code")?)?;
        let exceptiontable = data(self.required("code")?)?;
        let consts = consts.into_ptr::<Tuple>().map_err(|_| bad("code field is no tuple"))?;
        if localsplusnames.len() != localspluskinds.len() || code.len() % 2 != 0 {
            return Err(raise!(ValueError, "code: inconsistent fields"));
        }
        let constants = consts.items().iter().map(constant_of).collect::<PyResult<Vec<_>>>()?;
        let source = CodeObject {
            argcount,
            posonlyargcount,
            kwonlyargcount,
            stacksize,
            flags,
            code,
            consts: constants,
            names: name_list,
            localsplusnames,
            localspluskinds,
            filename,
            name,
            qualname,
            firstlineno,
            linetable,
            exceptiontable,
        };
        Ok(Code::with_consts(Arc::new(source), consts).into_obj())
    }
}

fn float_class() -> Obj {
    <float::Float as PyClass>::class().to_obj()
}

/// The compiler's form of a constant; what it has no form for is left to the object itself.
fn constant_of(value: &Obj) -> PyResult<Constant> {
    if let Some(code) = value.exact::<Code>() {
        return Ok(Constant::Code(code.source.clone()));
    }
    if let Some(slice) = value.exact::<Slice>() {
        let parts = [constant_of(&slice.start)?, constant_of(&slice.stop)?, constant_of(&slice.step)?];
        return Ok(Constant::Slice(Box::new(parts)));
    }
    Ok(crate::core::tree_reader::constant(value).unwrap_or_else(|raised| {
        raised.discard();
        Constant::None
    }))
}

/// The value as bytes.
fn write(value: &Obj, version: i64, allow_code: bool) -> PyResult<Vec<u8>> {
    if version == VERSION
        && allow_code
        && let Some(code) = value.exact::<Code>()
        && plain_constants(&code.consts)
    {
        let mut source = (*code.source).clone();
        source.consts = code.consts.items().iter().map(constant_of).collect::<PyResult<_>>()?;
        if let Some(name) = code.filename.get().and_then(|n| n.exact::<Str>().map(|s| s.to_wstr())) {
            source.filename = name;
        }
        return Ok(format::dump_code(&Arc::new(source)));
    }
    let mut writer = Writer::new(version, allow_code);
    writer.value(value, 0)?;
    Ok(writer.out)
}

/// Constants as the compiler makes them; `code.replace` may bring others.
fn plain_constants(consts: &Tuple) -> bool {
    consts.items().iter().all(|c| match c.exact::<Code>() {
        Some(inner) => plain_constants(&inner.consts),
        None => crate::core::tree_reader::constant(c).map_err(Raised::discard).is_ok() || c.exact::<Slice>().is_some(),
    })
}

fn read(source: Source<'_>, allow_code: bool) -> PyResult<Obj> {
    let mut reader = Reader { source, allow_code, refs: Vec::new(), depth: 0 };
    reader.required("object")
}

/// This module contains functions that can read and write Python values in
/// a binary format. The format is specific to Python, but independent of
/// machine architecture issues.
#[pymodule(name = "marshal")]
pub mod marshal {
    use super::*;
    use pyrs_runtime::object::Object;
    use pyrs_runtime::objects::module::Module;

    /// Return the bytes object that would be written to a file by dump(value, file).
    #[pyfunction(sig = "(value, version=5, /, *, allow_code=True)")]
    fn dumps(value: &Obj, version: i64, allow_code: bool) -> PyResult<Obj> {
        Ok(Bytes::from_vec(write(value, version, allow_code)?).into())
    }

    /// Write the value on the open file.
    #[pyfunction(sig = "(value, file, version=5, /, *, allow_code=True)")]
    fn dump(value: &Obj, file: &Obj, version: i64, allow_code: bool) -> PyResult<Obj> {
        let data = dumps(value, version, allow_code)?;
        call::call_method(file, "write", &[data])
    }

    /// Convert the bytes-like object to a value.
    #[pyfunction(sig = "(bytes, /, *, allow_code=True)")]
    fn loads(bytes: &Obj, allow_code: bool) -> PyResult<Obj> {
        let data = bytes::from_object(bytes)?;
        // A code object alone is most likely a module's: the short way.
        if allow_code
            && data.first().is_some_and(|c| c & 0x7f == b'c')
            && let Ok(constant) = format::loads(&data)
        {
            return Ok(constant_object(&constant));
        }
        read(Source::Bytes(&data), allow_code)
    }

    /// Read one value from the open file and return it.
    #[pyfunction(sig = "(file, /, *, allow_code=True)")]
    fn load(file: &Obj, allow_code: bool) -> PyResult<Obj> {
        let probe = call::call_method(file, "read", &[int::new(0)])?;
        if probe.downcast::<Bytes>().is_none() {
            return Err(raise!(TypeError, "file.read() returned not bytes but {}", probe.class().name()));
        }
        read(Source::File(file), allow_code)
    }

    #[module_exec]
    fn exec(module: &Object<Module>) -> PyResult<()> {
        module.add("version", int::new(VERSION));
        Ok(())
    }
}
