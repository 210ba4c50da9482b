//! Numbers to text: `repr(float)`, the `e f g r` conversions at any precision, `float.hex`,
//! `float.__round__`, and integers in any radix.
//!
//! Every conversion starts from correctly rounded decimal digits.  The standard library's exact
//! formatting supplies them (ties to even on the exact binary value); this file only lays them out
//! as Python does.

use num_bigint::BigInt;

/// Force a sign in front of non-negative values (`Py_DTSF_SIGN`).
pub const FLAG_SIGN: u8 = 1;
/// Add `.0` to a result that looks like an integer (`Py_DTSF_ADD_DOT_0`).
pub const FLAG_ADD_DOT_0: u8 = 2;
/// The alternate form, `#` (`Py_DTSF_ALT`).
pub const FLAG_ALT: u8 = 4;
/// A negative zero after rounding loses its sign, `z` (`Py_DTSF_NO_NEG_0`).
pub const FLAG_NO_NEG_0: u8 = 8;

/// A double has at most this many significant decimal digits.
const MAX_SIGNIFICANT: usize = 767;
/// ... and at most this many digits after the decimal point.
const MAX_FRACTION: usize = 1074;

/// Decimal digits without trailing zeros; the value is `0.DIGITS * 10**point`.
struct Decimal {
    digits: Vec<u8>,
    point: i32,
}

/// `repr(value)`.
pub fn float_repr(value: f64) -> String {
    format_float(value, 'r', 0, FLAG_ADD_DOT_0)
}

/// What `PyOS_double_to_string` does: `kind` is one of `e E f F g G r`; `r` takes the shortest
/// digits that round-trip and ignores `precision`.
pub fn format_float(value: f64, kind: char, precision: usize, flags: u8) -> String {
    let upper = kind.is_ascii_uppercase();
    let mut text = if value.is_finite() {
        layout(value, kind.to_ascii_lowercase(), precision, flags)
    } else {
        let name = if value.is_nan() { "nan" } else { "inf" };
        let sign = match (value < 0.0, flags & FLAG_SIGN != 0) {
            (true, _) => "-",
            (false, true) => "+",
            (false, false) => "",
        };
        format!("{sign}{name}")
    };
    if upper {
        text.make_ascii_uppercase();
    }
    text
}

/// Lays the digits of a finite value out.  The names follow the picture
/// `sign digits[..point] . digits[point..] e exponent`, where positions outside the digits are zeros.
fn layout(value: f64, kind: char, precision: usize, flags: u8) -> String {
    let magnitude = value.abs();
    let precision_or_one = precision.max(1);
    let Decimal { digits, point } = match kind {
        'e' => significant_digits(magnitude, precision.saturating_add(1)),
        'f' => fraction_digits(magnitude, precision),
        'g' => significant_digits(magnitude, precision_or_one),
        _ => shortest_digits(magnitude),
    };
    let is_zero = digits.is_empty() || digits == b"0";
    let negative = value.is_sign_negative() && !(is_zero && flags & FLAG_NO_NEG_0 != 0);
    let add_dot_0 = flags & FLAG_ADD_DOT_0 != 0;
    let alternate = flags & FLAG_ALT != 0;

    let wide = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    let count = wide(digits.len());
    let mut point = i64::from(point);
    let (use_exponent, mut end) = match kind {
        'e' => (true, wide(precision).saturating_add(1)),
        'f' => (false, point.saturating_add(wide(precision))),
        'g' => {
            let limit = wide(precision_or_one) - i64::from(add_dot_0);
            let end = if alternate { wide(precision_or_one) } else { count };
            (point <= -4 || point > limit, end)
        }
        _ => (point <= -4 || point > 16, count),
    };
    let exponent = point - 1;
    if use_exponent {
        point = 1;
    }
    end = end.max(if !use_exponent && add_dot_0 { point + 1 } else { point });

    let mut out = String::with_capacity(24);
    if negative {
        out.push('-');
    } else if flags & FLAG_SIGN != 0 {
        out.push('+');
    }
    let push_range = |out: &mut String, from: i64, to: i64| {
        for position in from..to {
            let digit = usize::try_from(position).ok().and_then(|i| digits.get(i));
            out.push(char::from(digit.copied().unwrap_or(b'0')));
        }
    };
    if point <= 0 {
        out.push('0');
    } else {
        push_range(&mut out, 0, point);
    }
    if end > point || alternate {
        out.push('.');
    }
    push_range(&mut out, point, end);
    if use_exponent {
        let sign = if exponent < 0 { '-' } else { '+' };
        out.push_str(&format!("e{sign}{:02}", exponent.unsigned_abs()));
    }
    out
}

/// The shortest digits that read back as `value` (finite, not negative).
fn shortest_digits(value: f64) -> Decimal {
    if value == 0.0 {
        return Decimal { digits: vec![b'0'], point: 1 };
    }
    let mut buffer = zmij::Buffer::new();
    split_scientific(buffer.format_finite(value))
}

/// `value` rounded to `count` significant digits.
fn significant_digits(value: f64, count: usize) -> Decimal {
    if value == 0.0 {
        return Decimal { digits: vec![b'0'], point: 1 };
    }
    let count = count.clamp(1, MAX_SIGNIFICANT);
    split_scientific(&format!("{value:.*e}", count - 1))
}

/// `value` rounded to `count` digits after the decimal point.
fn fraction_digits(value: f64, count: usize) -> Decimal {
    if value == 0.0 {
        return Decimal { digits: vec![b'0'], point: 1 };
    }
    split_scientific(&format!("{value:.*}", count.min(MAX_FRACTION)))
}

/// Reads `123.45e-6` into digits and the place of the decimal point.
fn split_scientific(text: &str) -> Decimal {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let all = whole.bytes().chain(fraction.bytes());
    let leading = all.clone().take_while(|&digit| digit == b'0').count();
    let mut digits: Vec<u8> = all.skip(leading).collect();
    while digits.last() == Some(&b'0') {
        digits.pop();
    }
    let place = i32::try_from(whole.len()).unwrap_or(i32::MAX);
    let leading = i32::try_from(leading).unwrap_or(i32::MAX);
    Decimal { digits, point: place + exponent - leading }
}

/// `float.__round__(ndigits)`: half to even on the exact decimal value.  `None` means that the
/// result overflows ("rounded value too large to represent").
pub fn round_half_even_decimal(value: f64, ndigits: i64) -> Option<f64> {
    if !value.is_finite() || value == 0.0 || ndigits > 323 {
        return Some(value);
    }
    if ndigits < -308 {
        return Some(0.0f64.copysign(value));
    }
    let rounded: f64 = match usize::try_from(ndigits) {
        Ok(places) => format!("{value:.places$}").parse().ok()?,
        Err(_) => round_above_point(value, ndigits)?,
    };
    rounded.is_finite().then(|| rounded.copysign(value))
}

/// Rounds at a digit left of the decimal point (`ndigits` is negative).
fn round_above_point(value: f64, ndigits: i64) -> Option<f64> {
    let exact = split_scientific(&format!("{:.*e}", MAX_SIGNIFICANT - 1, value.abs()));
    let kept = i64::from(exact.point) + ndigits;
    if kept < 0 {
        return Some(0.0);
    }
    let kept = usize::try_from(kept).ok()?;
    let Some(&next) = exact.digits.get(kept) else {
        return Some(value.abs());
    };
    let odd = kept > 0 && exact.digits[kept - 1] % 2 == 1;
    let tie = exact.digits.len() == kept + 1 && next == b'5';
    let up = if tie { odd } else { next >= b'5' };
    let mut head = std::str::from_utf8(&exact.digits[..kept]).ok()?.parse::<BigInt>().unwrap_or_default();
    if up {
        head += 1;
    }
    format!("{head}e{}", -ndigits).parse().ok()
}

/// `float.hex(value)`.
pub fn float_hex(value: f64) -> String {
    if !value.is_finite() {
        return float_repr(value);
    }
    let bits = value.to_bits();
    let sign = if value.is_sign_negative() { "-" } else { "" };
    let mantissa = bits & ((1 << 52) - 1);
    let biased = i64::try_from((bits >> 52) & 0x7ff).unwrap_or(0);
    if value == 0.0 {
        return format!("{sign}0x0.0p+0");
    }
    let (lead, exponent) = if biased == 0 { (0, -1022) } else { (1, biased - 1023) };
    format!("{sign}0x{lead}.{mantissa:013x}p{exponent:+}")
}

/// Lower-case digits of `value` in `radix` (2 to 36), with a minus sign and no prefix.
pub fn int_to_string_radix(value: &BigInt, radix: u32) -> String {
    value.to_str_radix(radix.clamp(2, 36))
}

/// As [`int_to_string_radix`], for a machine integer.
pub fn small_int_to_string_radix(value: i64, radix: u32) -> String {
    let magnitude = value.unsigned_abs();
    let sign = if value < 0 { "-" } else { "" };
    match radix {
        2 => format!("{sign}{magnitude:b}"),
        8 => format!("{sign}{magnitude:o}"),
        10 => format!("{value}"),
        16 => format!("{sign}{magnitude:x}"),
        _ => int_to_string_radix(&BigInt::from(value), radix),
    }
}

/// Whether turning `value` into decimal text would exceed `limit` digits (0: no limit), as CPython
/// decides it: exactly, but without doing the whole conversion for values far above the limit.
pub fn exceeds_decimal_limit(value: &BigInt, limit: usize) -> bool {
    if limit == 0 {
        return false;
    }
    let bits = value.bits();
    // log10(2) lies between 0.30102 and 0.30103.
    let at_least = bits.saturating_sub(1).saturating_mul(30102) / 100_000 + 1;
    let at_most = bits.saturating_mul(30103) / 100_000 + 1;
    let limit_wide = u64::try_from(limit).unwrap_or(u64::MAX);
    if at_most <= limit_wide {
        return false;
    }
    if at_least > limit_wide {
        return true;
    }
    value.magnitude().to_string().len() > limit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repr_is_shortest() {
        for (value, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (0.1, "0.1"),
            (1e16, "1e+16"),
            (1e15, "1000000000000000.0"),
            (9999999999999998.0, "9999999999999998.0"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1.5e300, "1.5e+300"),
            (5e-324, "5e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (5.684341886080802e-14, "5.684341886080802e-14"),
            (9.5367431640625e-07, "9.5367431640625e-07"),
        ] {
            assert_eq!(float_repr(value), text);
        }
        assert_eq!(float_repr(-f64::NAN), "nan");
    }

    #[test]
    fn conversions_round_half_even() {
        let check = |value, kind, precision, flags, text: &str| {
            assert_eq!(format_float(value, kind, precision, flags), text);
        };
        check(2.5, 'f', 0, 0, "2");
        check(3.5, 'f', 0, 0, "4");
        check(0.5, 'f', 0, 0, "0");
        check(0.125, 'f', 2, 0, "0.12");
        check(0.375, 'f', 2, 0, "0.38");
        check(1.125, 'e', 2, 0, "1.12e+00");
        check(2.5, 'e', 0, 0, "2e+00");
        check(2.5, 'e', 0, FLAG_ALT, "2.e+00");
        check(
            1e100,
            'f',
            1,
            0,
            "10000000000000000159028911097599180468360808563945281389781327557747838772170381060813469985856815104.0",
        );
        check(100000.0, 'g', 6, 0, "100000");
        check(1000000.0, 'g', 6, 0, "1e+06");
        check(1234567.0, 'G', 3, 0, "1.23E+06");
        check(1.0, 'g', 6, FLAG_ALT, "1.00000");
        check(0.0, 'g', 0, FLAG_ALT, "0.");
        check(0.001, 'f', 1, 0, "0.0");
        check(-0.001, 'f', 1, FLAG_NO_NEG_0, "0.0");
        check(1.0, 'f', 3, FLAG_SIGN, "+1.000");
        check(f64::NAN, 'F', 3, FLAG_SIGN, "+NAN");
        check(0.1, 'e', 60, 0, "1.000000000000000055511151231257827021181583404541015625000000e-01");
        check(123456.0, 'g', 3, FLAG_ADD_DOT_0, "1.23e+05");
        check(12.0, 'g', 3, FLAG_ADD_DOT_0, "12.0");
        check(120.0, 'g', 3, FLAG_ADD_DOT_0, "1.2e+02");
    }

    #[test]
    fn rounding() {
        let round = |value, digits| round_half_even_decimal(value, digits);
        assert_eq!(round(2.675, 2), Some(2.67));
        assert_eq!(round(25.0, -1), Some(20.0));
        assert_eq!(round(35.0, -1), Some(40.0));
        assert_eq!(round(25.1, -1), Some(30.0));
        assert_eq!(round(5.0, -1), Some(0.0));
        assert_eq!(round(6.0, -1), Some(10.0));
        assert_eq!(round(-0.4, 0), Some(-0.0));
        assert_eq!(round(1.7e308, -308), None);
        assert_eq!(round(1.2e308, -308), Some(1e308));
    }

    #[test]
    fn hexadecimal() {
        assert_eq!(float_hex(0.1), "0x1.999999999999ap-4");
        assert_eq!(float_hex(-0.0), "-0x0.0p+0");
        assert_eq!(float_hex(5e-324), "0x0.0000000000001p-1022");
    }

    #[test]
    fn radix_and_limit() {
        assert_eq!(small_int_to_string_radix(i64::MIN, 16), "-8000000000000000");
        assert_eq!(small_int_to_string_radix(35, 36), "z");
        let big = BigInt::from(10).pow(4300);
        assert!(exceeds_decimal_limit(&big, 4300));
        assert!(!exceeds_decimal_limit(&(big - 1), 4300));
    }
}
