//! Text to numbers: what `float()`, `float.fromhex()` and `int()` accept.
//!
//! The input is ASCII: the caller has replaced Unicode digits and white space before.

use num_bigint::BigInt;
use num_traits::Num;

/// The value of integer text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Int {
    /// It fits a machine word.
    Small(i64),
    /// It does not.
    Big(BigInt),
}

/// Why integer text was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParseIntError {
    /// "invalid literal for int() with base …"
    Invalid,
    /// More digits than the limit allows (this many); "Exceeds the limit (… digits) for integer
    /// string conversion: value has … digits; …"
    TooManyDigits(usize),
}

/// Why hexadecimal float text was refused; the text of the error is [`HexFloatError::message`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HexFloatError {
    /// A `ValueError`.
    Invalid,
    /// An `OverflowError`.
    TooLarge,
    /// A `ValueError`.
    TooLong,
}

impl HexFloatError {
    /// CPython's words.
    pub fn message(self) -> &'static str {
        match self {
            Self::Invalid => "invalid hexadecimal floating-point string",
            Self::TooLarge => "hexadecimal value too large to represent as a float",
            Self::TooLong => "hexadecimal string too long to convert",
        }
    }
}

/// ASCII white space as `str.isspace` sees it in number text.
pub fn is_ascii_space(byte: u8) -> bool {
    matches!(byte, b' ' | 9..=13)
}

/// Removes ASCII white space at both ends.
pub fn trim_ascii_space(mut text: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = text
        && is_ascii_space(*first)
    {
        text = rest;
    }
    while let [rest @ .., last] = text
        && is_ascii_space(*last)
    {
        text = rest;
    }
    text
}

/// `float(text)`; `None` is "could not convert string to float: …".
pub fn float_from_str(text: &[u8]) -> Option<f64> {
    let text = trim_ascii_space(text);
    if text.contains(&b'_') {
        let plain = remove_underscores(text)?;
        return parse_float(&plain);
    }
    parse_float(text)
}

/// Underscores are allowed between two digits only.
fn remove_underscores(text: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::with_capacity(text.len());
    let mut previous = 0u8;
    for &byte in text {
        if byte == b'_' {
            if !previous.is_ascii_digit() {
                return None;
            }
        } else {
            if previous == b'_' && !byte.is_ascii_digit() {
                return None;
            }
            plain.push(byte);
        }
        previous = byte;
    }
    (previous != b'_').then_some(plain)
}

fn parse_float(text: &[u8]) -> Option<f64> {
    let (negative, magnitude) = split_sign(text);
    let value = if let Some(value) = parse_special(magnitude) {
        value
    } else {
        if !magnitude.first().is_some_and(|&byte| byte.is_ascii_digit() || byte == b'.') {
            return None;
        }
        // The standard parser takes the same grammar; it would also take names, excluded above.
        std::str::from_utf8(magnitude).ok()?.parse::<f64>().ok()?
    };
    Some(if negative { -value } else { value })
}

fn split_sign(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    }
}

fn parse_special(text: &[u8]) -> Option<f64> {
    if text.eq_ignore_ascii_case(b"inf") || text.eq_ignore_ascii_case(b"infinity") {
        Some(f64::INFINITY)
    } else if text.eq_ignore_ascii_case(b"nan") {
        Some(f64::NAN)
    } else {
        None
    }
}

/// `float.fromhex(text)`.
pub fn float_from_hex(text: &[u8]) -> Result<f64, HexFloatError> {
    let text = trim_ascii_space(text);
    let (negative, magnitude) = split_sign(text);
    let value = match parse_special(magnitude) {
        Some(value) => value,
        None => parse_hex_magnitude(magnitude)?,
    };
    Ok(if negative { -value } else { value })
}

fn parse_hex_magnitude(text: &[u8]) -> Result<f64, HexFloatError> {
    let body = match text {
        [b'0', b'x' | b'X', rest @ ..] => rest,
        _ => text,
    };
    let mantissa_end = body.iter().position(|&b| b == b'p' || b == b'P').unwrap_or(body.len());
    let (mantissa, exponent_part) = body.split_at(mantissa_end);
    let exponent = match exponent_part {
        [] => 0,
        [_, rest @ ..] => parse_exponent(rest)?,
    };
    let mut digits = Vec::with_capacity(mantissa.len());
    let mut fraction_digits: Option<i64> = None;
    for &byte in mantissa {
        if byte == b'.' && fraction_digits.is_none() {
            fraction_digits = Some(0);
            continue;
        }
        let digit = char::from(byte).to_digit(16).ok_or(HexFloatError::Invalid)?;
        digits.push(digit);
        if let Some(count) = &mut fraction_digits {
            *count += 1;
        }
    }
    if digits.is_empty() {
        return Err(HexFloatError::Invalid);
    }
    assemble_hex(&digits, fraction_digits.unwrap_or(0), exponent)
}

fn parse_exponent(text: &[u8]) -> Result<i64, HexFloatError> {
    let (negative, digits) = split_sign(text);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(HexFloatError::Invalid);
    }
    let magnitude = digits
        .iter()
        .fold(0i64, |sum, &digit| sum.saturating_mul(10).saturating_add(i64::from(digit - b'0')).min(i64::MAX / 8));
    Ok(if negative { -magnitude } else { magnitude })
}

/// Rounds `0xDIGITS * 2**(exponent - 4 * fraction_digits)` to the nearest double, ties to even.
fn assemble_hex(digits: &[u32], fraction_digits: i64, exponent: i64) -> Result<f64, HexFloatError> {
    let Some(first) = digits.iter().position(|&digit| digit != 0) else {
        return Ok(0.0);
    };
    // Sixteen digits fill a word; of the others it only matters whether one is not zero.
    let mut mantissa: u128 = 0;
    let mut taken = 0usize;
    for &digit in digits[first..].iter().take(20) {
        mantissa = mantissa << 4 | u128::from(digit);
        taken += 1;
    }
    let rest = &digits[first + taken..];
    let sticky = rest.iter().any(|&digit| digit != 0);
    let dropped = i64::try_from(rest.len()).map_err(|_| HexFloatError::TooLong)?;
    mantissa = mantissa << 1 | u128::from(sticky);
    let scale =
        exponent.saturating_sub(fraction_digits.saturating_mul(4)).saturating_add(dropped.saturating_mul(4)) - 1;
    let length = i64::from(128 - mantissa.leading_zeros());
    // The exponent of the leading bit decides how many bits can be kept.
    let top = scale.saturating_add(length - 1);
    if top > 1023 {
        return Err(HexFloatError::TooLarge);
    }
    if top < -1075 {
        return Ok(0.0);
    }
    let lowest = (top - 52).max(-1074);
    let shift = lowest - scale;
    let kept = if shift <= 0 {
        mantissa << (-shift).min(64)
    } else if shift >= 128 {
        0
    } else {
        let kept = mantissa >> shift;
        let remainder = mantissa & ((1u128 << shift) - 1);
        let half = 1u128 << (shift - 1);
        let up = remainder > half || (remainder == half && kept & 1 == 1);
        kept + u128::from(up)
    };
    let kept = u64::try_from(kept).unwrap_or(u64::MAX);
    let value = scale_by_power(kept, lowest);
    if value.is_finite() { Ok(value) } else { Err(HexFloatError::TooLarge) }
}

/// `kept * 2**power`, exact because `kept` has at most 53 bits (or is 2**53).
fn scale_by_power(kept: u64, power: i64) -> f64 {
    let value = kept as f64;
    if power < -1000 {
        // Two exact steps through the normal range; the second is exact as `kept` fits the subnormals.
        value * 2f64.powi(-500) * 2f64.powi(i32::try_from(power + 500).unwrap_or(-1100).max(-574))
    } else {
        value * 2f64.powi(i32::try_from(power).unwrap_or(2000))
    }
}

/// `int(text, base)`: white space around, a sign, prefixes, single underscores between digits.
/// `base` is 0 or 2 to 36.  `digit_limit` (0: none) applies to bases that are no power of two.
pub fn int_from_str(text: &[u8], base: u32, digit_limit: usize) -> Result<Int, ParseIntError> {
    let text = trim_ascii_space(text);
    let (negative, mut body) = split_sign(text);
    let mut base = base;
    let prefix_base = match body {
        [b'0', b'x' | b'X', ..] => 16,
        [b'0', b'o' | b'O', ..] => 8,
        [b'0', b'b' | b'B', ..] => 2,
        _ => 0,
    };
    let mut only_zero = false;
    if base == 0 {
        base = if prefix_base != 0 { prefix_base } else { 10 };
        // "010" is refused, "00" is not.
        only_zero = prefix_base == 0 && body.first() == Some(&b'0');
    }
    if prefix_base != 0 && prefix_base == base {
        body = &body[2..];
        if let [b'_', rest @ ..] = body {
            body = rest;
        }
    }
    let value = parse_digits(body, base, digit_limit)?;
    if only_zero && value != Int::Small(0) {
        return Err(ParseIntError::Invalid);
    }
    Ok(if negative { negate(value) } else { value })
}

fn negate(value: Int) -> Int {
    match value {
        Int::Small(value) => Int::Small(-value),
        Int::Big(value) => {
            let value = -value;
            match i64::try_from(&value) {
                Ok(small) => Int::Small(small),
                Err(_) => Int::Big(value),
            }
        }
    }
}

fn parse_digits(body: &[u8], base: u32, digit_limit: usize) -> Result<Int, ParseIntError> {
    let mut small: Option<i64> = Some(0);
    let mut count = 0usize;
    let mut previous = b'_';
    for &byte in body {
        if byte == b'_' {
            if previous == b'_' {
                return Err(ParseIntError::Invalid);
            }
        } else {
            let digit = char::from(byte).to_digit(base.clamp(2, 36)).ok_or(ParseIntError::Invalid)?;
            small = small
                .and_then(|value| value.checked_mul(i64::from(base)))
                .and_then(|value| value.checked_add(i64::from(digit)));
            count += 1;
        }
        previous = byte;
    }
    if previous == b'_' {
        return Err(ParseIntError::Invalid);
    }
    if digit_limit != 0 && count > digit_limit && !base.is_power_of_two() {
        return Err(ParseIntError::TooManyDigits(count));
    }
    if let Some(value) = small {
        return Ok(Int::Small(value));
    }
    let digits: String = body.iter().filter(|&&b| b != b'_').map(|&b| char::from(b)).collect();
    BigInt::from_str_radix(&digits, base).map(Int::Big).map_err(|_| ParseIntError::Invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats() {
        assert_eq!(float_from_str(b" 1_000.5e-1_0\n"), Some(1000.5e-10));
        assert_eq!(float_from_str(b"-Infinity"), Some(f64::NEG_INFINITY));
        assert!(float_from_str(b"-nan").is_some_and(|v| v.is_nan() && v.is_sign_negative()));
        assert_eq!(float_from_str(b"1."), Some(1.0));
        assert_eq!(float_from_str(b".5"), Some(0.5));
        for bad in
            [&b""[..], b".", b"1__0", b"_1", b"1_", b"1_.5", b"e5", b"1e", b"+-1", b"0x10", b"1 2", b"infin", b"--1"]
        {
            assert_eq!(float_from_str(bad), None);
        }
    }

    #[test]
    fn hex_floats() {
        assert_eq!(float_from_hex(b"0x1.8p1"), Ok(3.0));
        assert_eq!(float_from_hex(b" -0x.1p4 "), Ok(-1.0));
        assert_eq!(float_from_hex(b"1.921fb54442d18p1"), Ok(std::f64::consts::PI));
        assert_eq!(float_from_hex(b"0x0.0000000000001p-1022"), Ok(5e-324));
        assert_eq!(float_from_hex(b"0x0.00000000000008p-1022"), Ok(0.0));
        assert_eq!(float_from_hex(b"0x0.000000000000080001p-1022"), Ok(5e-324));
        assert_eq!(float_from_hex(b"0x1.fffffffffffffp1023"), Ok(f64::MAX));
        assert_eq!(float_from_hex(b"0x1.fffffffffffff8p1023"), Err(HexFloatError::TooLarge));
        assert_eq!(float_from_hex(b"0x1p1024"), Err(HexFloatError::TooLarge));
        assert_eq!(float_from_hex(b"0x1.00000000000008p0"), Ok(1.0));
        assert_eq!(float_from_hex(b"0x1.000000000000080000000000000000000000000000000001p0"), Ok(1.0000000000000002));
        assert_eq!(float_from_hex(b"0x"), Err(HexFloatError::Invalid));
        assert_eq!(float_from_hex(b"1p"), Err(HexFloatError::Invalid));
        assert_eq!(float_from_hex(b"0x1p-1074"), Ok(5e-324));
        assert_eq!(float_from_hex(b"0x1p-9999999999999999999999"), Ok(0.0));
    }

    #[test]
    fn ints() {
        let small = |text: &[u8], base| int_from_str(text, base, 4300);
        assert_eq!(small(b" -12 ", 10), Ok(Int::Small(-12)));
        assert_eq!(small(b"0x_ff", 0), Ok(Int::Small(255)));
        assert_eq!(small(b"0xff", 16), Ok(Int::Small(255)));
        assert_eq!(small(b"0b1", 16), Ok(Int::Small(0xb1)));
        assert_eq!(small(b"00", 0), Ok(Int::Small(0)));
        assert_eq!(small(b"0_0", 0), Ok(Int::Small(0)));
        assert_eq!(small(b"-9223372036854775808", 10), Ok(Int::Small(i64::MIN)));
        assert!(matches!(small(b"9223372036854775808", 10), Ok(Int::Big(_))));
        for (bad, base) in [
            (&b""[..], 10),
            (b"010", 0),
            (b"1__0", 10),
            (b"_1", 10),
            (b"1_", 10),
            (b"0x", 16),
            (b"0x__1", 16),
            (b"9", 8),
            (b"- 1", 10),
            (b"0o8", 0),
        ] {
            assert_eq!(small(bad, base), Err(ParseIntError::Invalid));
        }
        let long = vec![b'1'; 4301];
        assert_eq!(small(&long, 10), Err(ParseIntError::TooManyDigits(4301)));
        assert!(small(&long, 16).is_ok());
    }
}
