//! `binascii`: binary data as text.

use pyrs_macros::pymodule;
use pyrs_runtime::args::Maybe;
use pyrs_runtime::errors::{PyResult, Raised, raise_class};
use pyrs_runtime::object::{Obj, Object, PyClass};
use pyrs_runtime::objects::byte_string;
use pyrs_runtime::objects::bytes::Bytes;
use pyrs_runtime::objects::exceptions::{Exception, ValueError};
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::protocols::buffer::{AsciiBuffer, BytesLike};
use pyrs_runtime::thread::runtime;
use pyrs_runtime::types::as_type;

const ERROR: &str = "binascii.Error";
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

#[cold]
fn error(text: &str) -> Raised {
    let class = runtime().registered(ERROR).expect("registered when the module was made");
    raise_class(as_type(&class).expect("an exception class"), &[Str::new(text).into_obj()])
}

fn bytes(data: Vec<u8>) -> Obj {
    Bytes::from_vec(data).into_obj()
}

fn unhex(data: &[u8]) -> PyResult<Obj> {
    if !data.len().is_multiple_of(2) {
        return Err(error("Odd-length string"));
    }
    let digit = |b: u8| (b as char).to_digit(16);
    let byte = |pair: &[u8]| Some((digit(pair[0])? * 16 + digit(pair[1])?) as u8);
    match data.chunks_exact(2).map(byte).collect::<Option<Vec<u8>>>() {
        Some(out) => Ok(bytes(out)),
        None => Err(error("Non-hexadecimal digit found")),
    }
}

fn hex(data: &[u8], sep: Option<&Obj>, group: i32) -> PyResult<Obj> {
    let text = byte_string::hex(data, sep, group)?;
    Ok(Bytes::new(text.raw_bytes()).into_obj())
}

fn base64_value(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}

fn decode_base64(data: &[u8], strict: bool) -> PyResult<Vec<u8>> {
    let mut out = Vec::with_capacity(data.len() / 4 * 3 + 3);
    let (mut quad, mut pads, mut left, mut padding_started) = (0usize, 0usize, 0u8, false);
    if strict && data.first() == Some(&b'=') {
        return Err(error("Leading padding not allowed"));
    }
    for (i, &byte) in data.iter().enumerate() {
        if byte == b'=' {
            padding_started = true;
            if strict && quad == 0 {
                return Err(error("Excess padding not allowed"));
            }
            pads += 1;
            if quad >= 2 && quad + pads >= 4 {
                if strict && i + 1 < data.len() {
                    return Err(error("Excess data after padding"));
                }
                return Ok(out);
            }
            continue;
        }
        let Some(value) = base64_value(byte) else {
            if strict {
                return Err(error("Only base64 data is allowed"));
            }
            continue;
        };
        if strict && padding_started {
            return Err(error("Discontinuous padding not allowed"));
        }
        pads = 0;
        match quad {
            0 => {
                quad = 1;
                left = value;
            }
            1 => {
                quad = 2;
                out.push(left << 2 | value >> 4);
                left = value & 0x0f;
            }
            2 => {
                quad = 3;
                out.push(left << 4 | value >> 2);
                left = value & 0x03;
            }
            _ => {
                quad = 0;
                out.push(left << 6 | value);
                left = 0;
            }
        }
    }
    match quad {
        0 => Ok(out),
        1 => {
            let count = out.len() / 3 * 4 + 1;
            Err(error(&format!(
                "Invalid base64-encoded string: number of data characters ({count}) cannot be 1 more than a multiple of 4"
            )))
        }
        _ => Err(error("Incorrect padding")),
    }
}

fn encode_base64(data: &[u8], newline: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len().div_ceil(3) * 4 + 1);
    for chunk in data.chunks(3) {
        let word = chunk.iter().enumerate().fold(0u32, |w, (i, &b)| w | u32::from(b) << (16 - 8 * i));
        for i in 0..4 {
            let digit = BASE64[(word >> (18 - 6 * i) & 63) as usize];
            out.push(if i <= chunk.len() { digit } else { b'=' });
        }
    }
    if newline {
        out.push(b'\n');
    }
    out
}

fn decode_uu(data: &[u8]) -> PyResult<Vec<u8>> {
    let length = usize::from(data.first().map_or(0, |b| b.wrapping_sub(b' ') & 0x3f));
    let mut out = Vec::with_capacity(length);
    let mut rest = data.iter().skip(1);
    let (mut bits, mut word) = (0, 0u32);
    while out.len() < length {
        let value = match rest.next() {
            // Missing trailing characters stand for blanks.
            None | Some(b'\n' | b'\r') => 0,
            Some(&c) if (b' '..=b' ' + 64).contains(&c) => u32::from((c - b' ') & 0x3f),
            Some(_) => return Err(error("Illegal char")),
        };
        word = word << 6 | value;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push((word >> bits) as u8);
            word &= (1 << bits) - 1;
        }
    }
    if rest.any(|&c| !matches!(c, b' ' | b'`' | b'\n' | b'\r')) {
        return Err(error("Trailing garbage"));
    }
    Ok(out)
}

fn encode_uu(data: &[u8], backtick: bool) -> PyResult<Vec<u8>> {
    if data.len() > 45 {
        return Err(error("At most 45 bytes at once"));
    }
    let character = |value: u8| if value == 0 && backtick { b'`' } else { value + b' ' };
    let mut out = vec![character(data.len() as u8)];
    for chunk in data.chunks(3) {
        let word = chunk.iter().enumerate().fold(0u32, |w, (i, &b)| w | u32::from(b) << (16 - 8 * i));
        out.extend((0..4).map(|i| character((word >> (18 - 6 * i) & 63) as u8)));
    }
    out.push(b'\n');
    Ok(out)
}

fn decode_qp(data: &[u8], header: bool) -> Vec<u8> {
    let (mut out, mut i) = (Vec::with_capacity(data.len()), 0);
    let digit = |i: usize| data.get(i).and_then(|&b| (b as char).to_digit(16));
    while i < data.len() {
        match data[i] {
            b'=' => {
                i += 1;
                match data.get(i) {
                    None => break,
                    Some(b'\n' | b'\r') => {
                        // A soft line break.
                        while i < data.len() && data[i] != b'\n' {
                            i += 1;
                        }
                        i += (i < data.len()) as usize;
                    }
                    Some(b'=') => {
                        out.push(b'=');
                        i += 1;
                    }
                    Some(_) => match (digit(i), digit(i + 1)) {
                        (Some(high), Some(low)) => {
                            out.push((high * 16 + low) as u8);
                            i += 2;
                        }
                        _ => out.push(b'='),
                    },
                }
            }
            b'_' if header => {
                out.push(b' ');
                i += 1;
            }
            byte => {
                out.push(byte);
                i += 1;
            }
        }
    }
    out
}

/// Lines are cut at this many characters.
const QP_LINE: usize = 76;

fn encode_qp(data: &[u8], quotetabs: bool, istext: bool, header: bool) -> Vec<u8> {
    let crlf = data.iter().position(|&b| b == b'\n').is_some_and(|i| i > 0 && data[i - 1] == b'\r');
    let line_end: &[u8] = if crlf { b"\r\n" } else { b"\n" };
    let mut out = Vec::with_capacity(data.len() * 2);
    let (mut column, mut i) = (0, 0);
    let hex = |byte: u8, out: &mut Vec<u8>| out.extend(format!("={byte:02X}").into_bytes());
    while i < data.len() {
        let byte = data[i];
        let next = data.get(i + 1);
        let quoted = byte > 126
            || byte == b'='
            || header && byte == b'_'
            || byte == b'.' && column == 0 && (next.is_none() || matches!(next, Some(b'\n' | b'\r' | 0)))
            || !istext && matches!(byte, b'\r' | b'\n')
            || matches!(byte, b'\t' | b' ') && next.is_none()
            || byte < 33 && !matches!(byte, b'\r' | b'\n' | b'\t' | b' ')
            || byte < 33 && !matches!(byte, b'\r' | b'\n') && (quotetabs || !matches!(byte, b'\t' | b' '));
        if quoted {
            if column + 3 >= QP_LINE {
                out.extend(b"=");
                out.extend(line_end);
                column = 0;
            }
            hex(byte, &mut out);
            column += 3;
            i += 1;
            continue;
        }
        let is_break = byte == b'\n' || byte == b'\r' && next == Some(&b'\n');
        if istext && is_break {
            column = 0;
            // White space in front of a line break is protected.
            if let Some(&last @ (b' ' | b'\t')) = out.last() {
                out.pop();
                hex(last, &mut out);
            }
            out.extend(line_end);
            i += if byte == b'\r' { 2 } else { 1 };
            continue;
        }
        if next.is_some() && next != Some(&b'\n') && column + 1 >= QP_LINE {
            out.extend(b"=");
            out.extend(line_end);
            column = 0;
        }
        column += 1;
        out.push(if header && byte == b' ' { b'_' } else { byte });
        i += 1;
    }
    out
}

/// The table of CRC-32 with the polynomial of zip.
static CRC_TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        let (mut value, mut bit) = (i as u32, 0);
        while bit < 8 {
            value = if value & 1 != 0 { value >> 1 ^ 0xedb8_8320 } else { value >> 1 };
            bit += 1;
        }
        table[i] = value;
        i += 1;
    }
    table
};

/// CRC-32, continued from `crc`.
pub fn crc32(data: &[u8], crc: u32) -> u32 {
    !data.iter().fold(!crc, |crc, &b| CRC_TABLE[((crc ^ u32::from(b)) & 0xff) as usize] ^ crc >> 8)
}

/// Conversion between binary data and ASCII
#[pymodule(name = "binascii")]
pub mod module {
    use super::*;
    use pyrs_runtime::objects::module::Module;

    #[module_exec]
    fn exec(module: &Object<Module>) -> PyResult<()> {
        let class = crate::exception_class("binascii", "Error", ValueError::class())?;
        runtime().register(ERROR, class.clone());
        module.add("Error", class);
        module.add("Incomplete", crate::exception_class("binascii", "Incomplete", Exception::class())?);
        Ok(())
    }

    /// Decode a line of base64 data.
    ///
    ///   strict_mode
    ///     When set to True, bytes that are not part of the base64 standard are
    ///     not allowed, nor is padding in the wrong place.
    #[pyfunction(sig = "(data, /, *, strict_mode=False)")]
    fn a2b_base64(data: AsciiBuffer<'_>, strict_mode: bool) -> PyResult<Obj> {
        decode_base64(&data.0, strict_mode).map(bytes)
    }

    /// Base64-code line of data.
    #[pyfunction(sig = "(data, /, *, newline=True)")]
    fn b2a_base64(data: BytesLike<'_>, newline: bool) -> Obj {
        bytes(encode_base64(&data, newline))
    }

    /// Decode a line of uuencoded data.
    #[pyfunction]
    fn a2b_uu(data: AsciiBuffer<'_>) -> PyResult<Obj> {
        decode_uu(&data.0).map(bytes)
    }

    /// Uuencode line of data.
    #[pyfunction(sig = "(data, /, *, backtick=False)")]
    fn b2a_uu(data: BytesLike<'_>, backtick: bool) -> PyResult<Obj> {
        encode_uu(&data, backtick).map(bytes)
    }

    /// Decode a string of qp-encoded data.
    #[pyfunction(sig = "(data, header=False)")]
    fn a2b_qp(data: AsciiBuffer<'_>, header: bool) -> Obj {
        bytes(decode_qp(&data.0, header))
    }

    /// Encode a string using quoted-printable encoding.
    ///
    /// On encoding, when istext is set, newlines are not encoded, and white
    /// space at end of lines is.  When istext is not set, \\r and \\n (CR/LF)
    /// are both encoded.  When quotetabs is set, space and tabs are encoded.
    #[pyfunction(sig = "(data, quotetabs=False, istext=True, header=False)")]
    fn b2a_qp(data: BytesLike<'_>, quotetabs: bool, istext: bool, header: bool) -> Obj {
        bytes(encode_qp(&data, quotetabs, istext, header))
    }

    /// Binary data of hexadecimal representation.
    ///
    /// hexstr must contain an even number of hex digits (upper or lower case).
    #[pyfunction]
    fn a2b_hex(hexstr: AsciiBuffer<'_>) -> PyResult<Obj> {
        unhex(&hexstr.0)
    }

    /// Binary data of hexadecimal representation.
    ///
    /// hexstr must contain an even number of hex digits (upper or lower case).
    #[pyfunction]
    fn unhexlify(hexstr: AsciiBuffer<'_>) -> PyResult<Obj> {
        unhex(&hexstr.0)
    }

    /// Hexadecimal representation of binary data.
    ///
    ///   sep
    ///     An optional single character or byte to separate hex bytes.
    ///   bytes_per_sep
    ///     How many bytes between separators.  Positive values count from
    ///     the right, negative values count from the left.
    ///
    /// The return value is a bytes object.
    #[pyfunction(sig = "(data, sep=<unrepresentable>, bytes_per_sep=1)")]
    fn b2a_hex(data: BytesLike<'_>, sep: Maybe<&Obj>, bytes_per_sep: i32) -> PyResult<Obj> {
        hex(&data, sep.0, bytes_per_sep)
    }

    /// Hexadecimal representation of binary data.
    ///
    ///   sep
    ///     An optional single character or byte to separate hex bytes.
    ///   bytes_per_sep
    ///     How many bytes between separators.  Positive values count from
    ///     the right, negative values count from the left.
    ///
    /// The return value is a bytes object.
    #[pyfunction(sig = "(data, sep=<unrepresentable>, bytes_per_sep=1)")]
    fn hexlify(data: BytesLike<'_>, sep: Maybe<&Obj>, bytes_per_sep: i32) -> PyResult<Obj> {
        hex(&data, sep.0, bytes_per_sep)
    }

    /// Compute CRC-32 incrementally.
    #[pyfunction(name = "crc32", sig = "(data, crc=0, /)")]
    fn py_crc32(data: BytesLike<'_>, crc: Maybe<&Obj>) -> PyResult<u32> {
        Ok(crc32(&data, crate::masked_u32(crc.0)?))
    }

    /// Compute CRC-CCITT incrementally.
    #[pyfunction]
    fn crc_hqx(data: BytesLike<'_>, crc: &Obj) -> PyResult<u16> {
        let start = crate::masked_u32(Some(crc))? as u16;
        Ok(data.iter().fold(start, |crc, &byte| {
            (0..8).fold(crc ^ u16::from(byte) << 8, |c, _| if c & 0x8000 != 0 { c << 1 ^ 0x1021 } else { c << 1 })
        }))
    }
}
