//! Single items of memory in the native formats of the struct module, as memoryview and array show them.

use crate::errors::{PyResult, Raised};
use crate::object::Obj;
use crate::objects::bytes::Bytes;
use crate::objects::singletons::bool_obj;
use crate::objects::{complex, float, int};
use crate::protocols::{number, truth};
use crate::raise;

/// A native format of one character, such as `d`.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct NativeFormat(u8);

impl NativeFormat {
    /// Reads a format: one character, perhaps behind `@`.
    pub fn parse(format: &str) -> Option<NativeFormat> {
        match format.strip_prefix('@').unwrap_or(format).as_bytes() {
            [c] if b"cbB?hHiIlLqQnNfdeFDP".contains(c) => Some(NativeFormat(*c)),
            _ => None,
        }
    }

    pub fn size(self) -> usize {
        match self.0 {
            b'h' | b'H' | b'e' => 2,
            b'i' | b'I' | b'f' => 4,
            b'l' | b'L' | b'q' | b'Q' | b'n' | b'N' | b'd' | b'P' | b'F' => 8,
            b'D' => 16,
            _ => 1,
        }
    }

    /// `B`, `b` or `c`.
    pub fn is_byte(self) -> bool {
        matches!(self.0, b'B' | b'b' | b'c')
    }

    pub fn is_integer(self) -> bool {
        !matches!(self.0, b'e' | b'f' | b'd' | b'F' | b'D' | b'?')
    }

    fn is_signed(self) -> bool {
        matches!(self.0, b'b' | b'h' | b'i' | b'l' | b'q' | b'n')
    }

    /// The item in `raw`, which has the right size.
    pub fn unpack(self, raw: &[u8]) -> Obj {
        let f32_at = |i: usize| f64::from(f32::from_ne_bytes(raw[i..i + 4].try_into().unwrap_or_default()));
        let f64_at = |i: usize| f64::from_ne_bytes(raw[i..i + 8].try_into().unwrap_or_default());
        match self.0 {
            b'c' => Bytes::new(raw).into_obj(),
            b'?' => bool_obj(raw[0] != 0),
            b'e' => float::new(half_to_f64(u16::from_ne_bytes([raw[0], raw[1]]))),
            b'f' => float::new(f32_at(0)),
            b'd' => float::new(f64_at(0)),
            b'F' => complex::new(f32_at(0), f32_at(4)),
            b'D' => complex::new(f64_at(0), f64_at(8)),
            _ => crate::objects::int_methods::from_byte_order(raw, cfg!(target_endian = "little"), self.is_signed()),
        }
    }
}

/// A half-precision float as a double.
pub fn half_to_f64(bits: u16) -> f64 {
    let sign = if bits & 0x8000 != 0 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
    sign * match exponent {
        0 => fraction * 2f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => return f64::NAN.copysign(sign),
        _ => (1.0 + fraction / 1024.0) * 2f64.powi(exponent - 15),
    }
}

/// The nearest half-precision float, ties to even; `None` if the value is too large.
pub fn f64_to_half(x: f64) -> Option<u16> {
    let sign = if x.is_sign_negative() { 0x8000 } else { 0 };
    if x.is_nan() {
        return Some(sign | 0x7e00);
    }
    if x.is_infinite() {
        return Some(sign | 0x7c00);
    }
    let magnitude = x.abs();
    // Steps of the target: 2**-24 for subnormals, else 1024 steps an octave.
    let exponent = if magnitude < 2f64.powi(-14) { -24 } else { ((magnitude.to_bits() >> 52) as i32 - 1023) - 10 };
    if exponent > 6 {
        return None;
    }
    let steps = (magnitude * 2f64.powi(-exponent)).round_ties_even() as u32;
    let bits = if exponent == -24 && magnitude < 2f64.powi(-14) {
        steps
    } else {
        (((exponent + 25) as u32) << 10) + (steps - 1024)
    };
    (bits < 0x7c00).then_some(sign | bits as u16)
}

#[cold]
fn invalid_type(format: &str) -> Raised {
    raise!(TypeError, "memoryview: invalid type for format '{format}'")
}

#[cold]
fn invalid_value(format: &str) -> Raised {
    raise!(ValueError, "memoryview: invalid value for format '{format}'")
}

/// The bytes of an item; `text` is the format as messages show it.
pub fn pack(format: NativeFormat, text: &str, value: &Obj) -> PyResult<Vec<u8>> {
    match format.0 {
        b'c' => match value.downcast::<Bytes>() {
            Some(bytes) if bytes.len() == 1 => Ok(bytes.as_slice().to_vec()),
            Some(_) => Err(invalid_value(text)),
            None => Err(invalid_type(text)),
        },
        b'?' => Ok(vec![truth::is_true(value)? as u8]),
        b'e' | b'f' | b'd' => {
            let x = match number::as_f64(value) {
                Ok(x) => x,
                Err(raised) => return Err(translated(raised, text)),
            };
            match format.0 {
                b'd' => Ok(x.to_ne_bytes().to_vec()),
                b'f' => {
                    if x.is_finite() && (x as f32).is_infinite() {
                        return Err(raise!(OverflowError, "float too large to pack with f format"));
                    }
                    Ok((x as f32).to_ne_bytes().to_vec())
                }
                _ => match f64_to_half(x) {
                    Some(bits) => Ok(bits.to_ne_bytes().to_vec()),
                    None => Err(raise!(OverflowError, "float too large to pack with e format")),
                },
            }
        }
        b'F' | b'D' => {
            let (re, im) = match complex::from_number(value) {
                Ok(parts) => parts,
                Err(raised) => return Err(translated(raised, text)),
            };
            Ok(if format.0 == b'D' {
                [re.to_ne_bytes(), im.to_ne_bytes()].concat()
            } else {
                [(re as f32).to_ne_bytes(), (im as f32).to_ne_bytes()].concat()
            })
        }
        _ => {
            if !number::has_index(value) {
                return Err(invalid_type(text));
            }
            let index = number::index(value).map_err(|raised| translated(raised, text))?;
            let value = int::view(&index).unwrap_or(int::IntRef::Small(0));
            match crate::objects::int_methods::to_le_bytes(value, format.size(), format.is_signed()) {
                Ok(mut bytes) => {
                    if cfg!(target_endian = "big") {
                        bytes.reverse();
                    }
                    Ok(bytes)
                }
                Err(raised) => {
                    raised.discard();
                    Err(invalid_value(text))
                }
            }
        }
    }
}

/// TypeErrors of conversions are shown as ours; others go through.
fn translated(raised: Raised, text: &str) -> Raised {
    if raised.matches(<crate::objects::exceptions::TypeError as crate::object::PyClass>::class()) {
        raised.discard();
        return invalid_type(text);
    }
    raised
}
