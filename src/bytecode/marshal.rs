//! Marshal, version 5: constants and code objects as bytes.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use num_bigint::{BigInt, Sign};

use crate::{CodeObject, Constant, WStr};

/// The version that is written.
pub const VERSION: u8 = 5;
/// The magic number at the start of a `.pyc` file.
pub const PYC_MAGIC: [u8; 4] = [0x2b, 0x0e, 0x0d, 0x0a];

const FLAG_REF: u8 = 0x80;
/// How deep values may be nested.
const MAX_DEPTH: usize = 2000;

/// Why bytes are no marshalled value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MarshalError {
    /// The data end too early.
    Eof,
    /// Unknown type, invalid reference, or a value that a code object cannot hold.
    BadData(&'static str),
    TooDeep,
}

impl fmt::Display for MarshalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MarshalError::Eof => f.write_str("marshal data too short"),
            MarshalError::BadData(what) => write!(f, "bad marshal data ({what})"),
            MarshalError::TooDeep => f.write_str("object too deeply nested to unmarshal"),
        }
    }
}

impl std::error::Error for MarshalError {}

/// The value as bytes.
pub fn dumps(value: &Constant) -> Vec<u8> {
    let mut writer = Writer { out: Vec::new(), strings: HashMap::new(), refs: 0 };
    writer.value(value);
    writer.out
}

/// A code object as bytes.
pub fn dump_code(code: &Arc<CodeObject>) -> Vec<u8> {
    dumps(&Constant::Code(code.clone()))
}

/// Reads a value from the start of the bytes.
pub fn loads(bytes: &[u8]) -> Result<Constant, MarshalError> {
    let mut reader = Reader { rest: bytes, refs: Vec::new(), depth: 0 };
    reader.value()
}

struct Writer {
    out: Vec<u8>,
    /// Strings written before, by their reference number.
    strings: HashMap<WStr, u32>,
    refs: u32,
}

impl Writer {
    fn long(&mut self, value: i64) {
        self.out.extend_from_slice(&(value as i32).to_le_bytes());
    }

    fn sized(&mut self, bytes: &[u8]) {
        self.long(bytes.len() as i64);
        self.out.extend_from_slice(bytes);
    }

    fn value(&mut self, value: &Constant) {
        match value {
            Constant::None => self.out.push(b'N'),
            Constant::True => self.out.push(b'T'),
            Constant::False => self.out.push(b'F'),
            Constant::Ellipsis => self.out.push(b'.'),
            Constant::Int(int) => match i32::try_from(*int) {
                Ok(small) => {
                    self.out.push(b'i');
                    self.long(i64::from(small));
                }
                Err(_) => self.big_int(&BigInt::from(*int)),
            },
            Constant::BigInt(int) => self.big_int(int),
            Constant::Float(float) => {
                self.out.push(b'g');
                self.out.extend_from_slice(&float.to_le_bytes());
            }
            Constant::Complex { real, imag } => {
                self.out.push(b'y');
                self.out.extend_from_slice(&real.to_le_bytes());
                self.out.extend_from_slice(&imag.to_le_bytes());
            }
            Constant::Str(text) => self.string(text),
            Constant::Bytes(bytes) => {
                self.out.push(b's');
                self.sized(bytes);
            }
            Constant::Tuple(items) => {
                match u8::try_from(items.len()) {
                    Ok(count) => self.out.extend([b')', count]),
                    Err(_) => {
                        self.out.push(b'(');
                        self.long(items.len() as i64);
                    }
                }
                items.iter().for_each(|item| self.value(item));
            }
            Constant::FrozenSet(items) => {
                self.out.push(b'>');
                self.long(items.len() as i64);
                items.iter().for_each(|item| self.value(item));
            }
            Constant::Slice(parts) => {
                self.out.push(b':');
                parts.iter().for_each(|part| self.value(part));
            }
            Constant::Code(code) => self.code(code),
        }
    }

    /// Digits of 15 bits, as CPython counts them.
    fn big_int(&mut self, value: &BigInt) {
        self.out.push(b'l');
        let bits = value.magnitude();
        let count = bits.bits().div_ceil(15) as i64;
        self.long(if value.sign() == Sign::Minus { -count } else { count });
        let bytes = bits.to_bytes_le();
        for index in 0..count as usize {
            let bit = index * 15;
            let byte = |at: usize| u32::from(bytes.get(at).copied().unwrap_or(0));
            let window = byte(bit / 8) | byte(bit / 8 + 1) << 8 | byte(bit / 8 + 2) << 16;
            let digit = (window >> (bit % 8) & 0x7fff) as u16;
            self.out.extend_from_slice(&digit.to_le_bytes());
        }
    }

    fn string(&mut self, text: &WStr) {
        if let Some(number) = self.strings.get(text) {
            let number = i64::from(*number);
            self.out.push(b'r');
            return self.long(number);
        }
        self.strings.insert(text.clone(), self.refs);
        self.refs += 1;
        let bytes = text.as_bytes();
        let identifier = bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
        match (text.is_ascii(), u8::try_from(bytes.len())) {
            (true, Ok(length)) => {
                let kind = if identifier { b'Z' } else { b'z' };
                self.out.extend([kind | FLAG_REF, length]);
                self.out.extend_from_slice(bytes);
            }
            (true, Err(_)) => {
                self.out.push(b'a' | FLAG_REF);
                self.sized(bytes);
            }
            _ => {
                self.out.push(b'u' | FLAG_REF);
                self.sized(bytes);
            }
        }
    }

    fn names(&mut self, names: &[WStr]) {
        self.value(&Constant::Tuple(names.iter().cloned().map(Constant::Str).collect()));
    }

    fn byte_string(&mut self, bytes: &[u8]) {
        self.out.push(b's');
        self.sized(bytes);
    }

    fn code(&mut self, code: &CodeObject) {
        self.out.push(b'c');
        for number in [code.argcount, code.posonlyargcount, code.kwonlyargcount, code.stacksize, code.flags] {
            self.long(i64::from(number));
        }
        self.byte_string(&code.code);
        self.value(&Constant::Tuple(code.consts.clone()));
        self.names(&code.names);
        self.names(&code.localsplusnames);
        self.byte_string(&code.localspluskinds);
        self.string(&code.filename);
        self.string(&code.name);
        self.string(&code.qualname);
        self.long(i64::from(code.firstlineno));
        self.byte_string(&code.linetable);
        self.byte_string(&code.exceptiontable);
    }
}

struct Reader<'a> {
    rest: &'a [u8],
    refs: Vec<Option<Constant>>,
    depth: usize,
}

type Read<T> = Result<T, MarshalError>;

impl Reader<'_> {
    fn take(&mut self, count: usize) -> Read<&[u8]> {
        if count > self.rest.len() {
            return Err(MarshalError::Eof);
        }
        let (taken, rest) = self.rest.split_at(count);
        self.rest = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Read<u8> {
        Ok(self.take(1)?[0])
    }

    fn long(&mut self) -> Read<i32> {
        let bytes = self.take(4)?;
        Ok(i32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    fn float(&mut self) -> Read<f64> {
        let bytes: [u8; 8] = self.take(8)?.try_into().map_err(|_| MarshalError::Eof)?;
        Ok(f64::from_le_bytes(bytes))
    }

    fn size(&mut self) -> Read<usize> {
        usize::try_from(self.long()?).map_err(|_| MarshalError::BadData("size out of range"))
    }

    fn value(&mut self) -> Read<Constant> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(MarshalError::TooDeep);
        }
        // Looking at the stack now and then is enough.
        let value = if self.depth.is_multiple_of(16) {
            stacker::maybe_grow(64 * 1024, 2 << 20, || self.typed_value())
        } else {
            self.typed_value()
        };
        self.depth -= 1;
        value
    }

    fn typed_value(&mut self) -> Read<Constant> {
        let head = self.byte()?;
        let slot = (head & FLAG_REF != 0).then(|| {
            self.refs.push(None);
            self.refs.len() - 1
        });
        let value = match head & !FLAG_REF {
            b'N' => Constant::None,
            b'T' => Constant::True,
            b'F' => Constant::False,
            b'.' => Constant::Ellipsis,
            b'i' => Constant::Int(i64::from(self.long()?)),
            b'l' => self.big_int()?,
            b'g' => Constant::Float(self.float()?),
            b'y' => Constant::Complex { real: self.float()?, imag: self.float()? },
            b's' => {
                let size = self.size()?;
                Constant::Bytes(self.take(size)?.to_vec())
            }
            b't' | b'u' | b'a' | b'A' => {
                let size = self.size()?;
                self.text(size)?
            }
            b'z' | b'Z' => {
                let size = usize::from(self.byte()?);
                self.text(size)?
            }
            b')' => {
                let count = usize::from(self.byte()?);
                Constant::Tuple(self.items(count)?)
            }
            b'(' | b'[' => {
                let count = self.size()?;
                Constant::Tuple(self.items(count)?)
            }
            b'>' | b'<' => {
                let count = self.size()?;
                Constant::FrozenSet(self.items(count)?)
            }
            b':' => Constant::Slice(Box::new([self.value()?, self.value()?, self.value()?])),
            b'c' => Constant::Code(Arc::new(self.code()?)),
            b'r' => {
                let number = self.size()?;
                let found = self.refs.get(number).cloned().flatten();
                return found.ok_or(MarshalError::BadData("invalid reference"));
            }
            _ => return Err(MarshalError::BadData("unknown type code")),
        };
        if let Some(slot) = slot {
            self.refs[slot] = Some(value.clone());
        }
        Ok(value)
    }

    fn text(&mut self, size: usize) -> Read<Constant> {
        let text = WStr::from_wtf8(self.take(size)?);
        text.map(Constant::Str).ok_or(MarshalError::BadData("invalid text"))
    }

    fn items(&mut self, count: usize) -> Read<Vec<Constant>> {
        (0..count).map(|_| self.value()).collect()
    }

    fn big_int(&mut self) -> Read<Constant> {
        let count = self.long()?;
        let mut value = BigInt::from(0);
        let digits = self.take(count.unsigned_abs() as usize * 2)?;
        for digit in digits.chunks(2).rev() {
            let digit = u16::from_le_bytes([digit[0], digit[1]]);
            if digit > 0x7fff {
                return Err(MarshalError::BadData("digit out of range in long"));
            }
            value = value << 15 | BigInt::from(digit);
        }
        Ok(Constant::from_bigint(if count < 0 { -value } else { value }))
    }

    fn bytes(&mut self) -> Read<Vec<u8>> {
        match self.value()? {
            Constant::Bytes(bytes) => Ok(bytes),
            _ => Err(MarshalError::BadData("bytes expected")),
        }
    }

    fn string(&mut self) -> Read<WStr> {
        match self.value()? {
            Constant::Str(text) => Ok(text),
            _ => Err(MarshalError::BadData("string expected")),
        }
    }

    fn tuple(&mut self) -> Read<Vec<Constant>> {
        match self.value()? {
            Constant::Tuple(items) => Ok(items),
            _ => Err(MarshalError::BadData("tuple expected")),
        }
    }

    fn names(&mut self) -> Read<Vec<WStr>> {
        let as_name = |item| match item {
            Constant::Str(text) => Ok(text),
            _ => Err(MarshalError::BadData("string expected")),
        };
        self.tuple()?.into_iter().map(as_name).collect()
    }

    fn count(&mut self) -> Read<u32> {
        u32::try_from(self.long()?).map_err(|_| MarshalError::BadData("negative count"))
    }

    fn code(&mut self) -> Read<CodeObject> {
        Ok(CodeObject {
            argcount: self.count()?,
            posonlyargcount: self.count()?,
            kwonlyargcount: self.count()?,
            stacksize: self.count()?,
            flags: self.count()?,
            code: self.bytes()?,
            consts: self.tuple()?,
            names: self.names()?,
            localsplusnames: self.names()?,
            localspluskinds: self.bytes()?,
            filename: self.string()?,
            name: self.string()?,
            qualname: self.string()?,
            firstlineno: self.long()?,
            linetable: self.bytes()?,
            exceptiontable: self.bytes()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_round_trip() {
        let big: BigInt = BigInt::from(-1) << 100usize;
        let text = || Constant::Str(WStr::from("name"));
        let value = Constant::Tuple(vec![
            Constant::None,
            Constant::Int(-5),
            Constant::Int(1 << 40),
            Constant::BigInt(big),
            Constant::Float(-0.0),
            text(),
            text(),
            Constant::Str(WStr::from_code_points([0xd800, 0x1f600])),
            Constant::Bytes(vec![0, 255]),
            Constant::Slice(Box::new([Constant::None, Constant::Int(1), Constant::None])),
            Constant::Code(Arc::new(CodeObject::default())),
        ]);
        assert_eq!(loads(&dumps(&value)), Ok(value));
    }

    #[test]
    fn bad_data_is_refused() {
        assert_eq!(loads(b""), Err(MarshalError::Eof));
        assert!(loads(b"r\0\0\0\0").is_err());
        assert!(loads(&b")\x01".repeat(5000)).is_err());
    }
}
