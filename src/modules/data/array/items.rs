//! The item types of `array.array`: sizes, and conversion between Python values and machine values.

use num_bigint::BigInt;
use num_traits::{Signed, ToPrimitive};

use pyrs_runtime::object::Obj;
use pyrs_runtime::objects::machine_items::Item;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::{float, int};
use pyrs_runtime::protocols::number;
use pyrs_runtime::{PyResult, raise};

/// All type codes, in the order of `array.typecodes`.
pub const TYPECODES: &str = "bBuwhHiIlLqQfd";

/// An item type by its code.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Code(pub u8);

impl Code {
    pub fn new(code: char) -> Option<Code> {
        TYPECODES.contains(code).then_some(Code(code as u8))
    }

    pub fn size(self) -> usize {
        match self.0 {
            b'b' | b'B' => 1,
            b'h' | b'H' => 2,
            b'u' | b'w' | b'i' | b'I' | b'f' => 4,
            _ => 8,
        }
    }

    pub fn is_text(self) -> bool {
        matches!(self.0, b'u' | b'w')
    }

    /// What compiled code reads and writes itself.
    pub fn machine_item(self) -> Option<Item> {
        match self.0 {
            b'b' => Some(Item::I8),
            b'B' => Some(Item::U8),
            b'h' => Some(Item::I16),
            b'H' => Some(Item::U16),
            b'i' => Some(Item::I32),
            b'l' | b'q' => Some(Item::I64),
            b'd' => Some(Item::F64),
            _ => None,
        }
    }

    /// As the struct module writes it.
    pub fn format(self) -> &'static str {
        match self.0 {
            b'b' => "b",
            b'B' => "B",
            b'u' => "w",
            b'w' => "w",
            b'h' => "h",
            b'H' => "H",
            b'i' => "i",
            b'I' => "I",
            b'l' => "l",
            b'L' => "L",
            b'q' => "q",
            b'Q' => "Q",
            b'f' => "f",
            _ => "d",
        }
    }

    /// The number by which pickles name the machine format.
    pub fn machine_format(self) -> i64 {
        let big = cfg!(target_endian = "big") as i64;
        match self.0 {
            b'B' => 0,
            b'b' => 1,
            b'H' => 2 + big,
            b'h' => 4 + big,
            b'I' => 6 + big,
            b'i' => 8 + big,
            b'L' | b'Q' => 10 + big,
            b'l' | b'q' => 12 + big,
            b'f' => 14 + big,
            b'd' => 16 + big,
            _ => 20 + big,
        }
    }

    /// The Python value of a machine value.
    pub fn read(self, bytes: &[u8]) -> Obj {
        macro_rules! number {
            ($ty:ty) => {
                <$ty>::from_ne_bytes(bytes.try_into().expect("an item's size"))
            };
        }
        match self.0 {
            b'b' => int::new(i64::from(number!(i8))),
            b'B' => int::new(i64::from(number!(u8))),
            b'h' => int::new(i64::from(number!(i16))),
            b'H' => int::new(i64::from(number!(u16))),
            b'i' => int::new(i64::from(number!(i32))),
            b'I' => int::new(i64::from(number!(u32))),
            b'l' | b'q' => int::new(number!(i64)),
            b'L' | b'Q' => int::from_u64(number!(u64)),
            b'f' => float::new(f64::from(number!(f32))),
            b'd' => float::new(number!(f64)),
            _ => Str::from_char(number!(u32)).into_obj(),
        }
    }

    /// The machine value of a Python value, in the first bytes of the result.
    pub fn write(self, value: &Obj) -> PyResult<[u8; 8]> {
        let mut out = [0; 8];
        let mut put = |bytes: &[u8]| out[..bytes.len()].copy_from_slice(bytes);
        match self.0 {
            b'f' => put(&(real(value)? as f32).to_ne_bytes()),
            b'd' => put(&real(value)?.to_ne_bytes()),
            b'u' | b'w' => put(&character(value)?.to_ne_bytes()),
            _ => put(&self.integer(value)?.to_le_bytes()[..self.size()]),
        }
        if cfg!(target_endian = "big") && !self.is_text() && !matches!(self.0, b'f' | b'd') {
            out[..self.size()].reverse();
        }
        Ok(out)
    }

    /// The low 64 bits of an integer that fits.
    fn integer(self, value: &Obj) -> PyResult<u64> {
        let bits = self.size() as u32 * 8;
        if value.value().is_fixnum() && bits < 64 {
            let (n, signed) = (value.value().as_fixnum(), self.0.is_ascii_lowercase());
            let least = if signed { -(1 << (bits - 1)) } else { 0 };
            if (least..least + (1 << bits)).contains(&n) {
                return Ok(n as u64);
            }
        }
        let index = number::index(value)?;
        let big = int::to_bigint(&index).unwrap_or_default();
        let signed = self.0.is_ascii_lowercase();
        let (low, high) = if signed {
            (-(BigInt::from(1) << (bits - 1)), (BigInt::from(1) << (bits - 1)) - 1)
        } else {
            (BigInt::from(0), (BigInt::from(1) << bits) - 1)
        };
        if big < low || big > high {
            return Err(self.out_of_range(&big));
        }
        Ok(if big.is_negative() { big.to_i64().unwrap_or(0) as u64 } else { big.to_u64().unwrap_or(0) })
    }

    fn out_of_range(self, value: &BigInt) -> pyrs_runtime::Raised {
        let below = value.is_negative();
        let side = if below { "less than minimum" } else { "greater than maximum" };
        let fits_long = value.to_i64().is_some();
        match self.0 {
            b'b' | b'h' | b'i' | b'B' | b'H' if !fits_long => {
                raise!(OverflowError, "Python int too large to convert to C long")
            }
            b'b' if value.to_i16().is_none() => raise!(OverflowError, "signed short integer is {side}"),
            b'b' => raise!(OverflowError, "signed char is {side}"),
            b'H' if value.to_i32().is_none() => raise!(OverflowError, "signed integer is {side}"),
            b'h' => raise!(OverflowError, "signed short integer is {side}"),
            b'i' => raise!(OverflowError, "signed integer is {side}"),
            b'B' => raise!(OverflowError, "unsigned byte integer is {side}"),
            b'H' => raise!(OverflowError, "unsigned short is {side}"),
            b'I' | b'L' if below => raise!(OverflowError, "can't convert negative value to unsigned int"),
            b'I' if value.to_u64().is_some() => raise!(OverflowError, "unsigned int is greater than maximum"),
            b'I' | b'L' => raise!(OverflowError, "Python int too large to convert to C unsigned long"),
            b'l' => raise!(OverflowError, "Python int too large to convert to C long"),
            b'Q' if below => raise!(OverflowError, "can't convert negative int to unsigned"),
            _ => raise!(OverflowError, "int too big to convert"),
        }
    }
}

fn real(value: &Obj) -> PyResult<f64> {
    number::as_f64(value)
}

fn character(value: &Obj) -> PyResult<u32> {
    let Some(text) = value.downcast::<Str>() else {
        let class = pyrs_runtime::args::type_name_for_message(value);
        return Err(raise!(TypeError, "array item must be a unicode character, not {class}"));
    };
    match (text.len(), text.get_char(0)) {
        (1, Some(c)) => Ok(c),
        (n, _) => Err(raise!(TypeError, "array item must be a unicode character, not a string of length {n}")),
    }
}
