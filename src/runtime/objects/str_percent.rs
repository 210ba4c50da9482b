//! `str % args` and `bytes % args`.

use pyrs_unicode::number_format::{self, FLAG_ALT};
use pyrs_unicode::percent_format::{Amount, Directive, PercentError, PercentTokens, Token, unsupported_message};
use pyrs_unicode::text_buffer::TextBuffer;

use crate::errors::{PyResult, Raised};
use crate::object::{Obj, Object, PyClass};
use crate::objects::byte_string;
use crate::objects::bytes::{self, Bytes};
use crate::objects::int::{self, IntRef};
use crate::objects::int_methods;
use crate::objects::str::{Str, StrData};
use crate::objects::str_methods::push_data;
use crate::objects::tuple::Tuple;
use crate::protocols::{number, sequence, text};
use crate::{raise, units};

/// The values to be formatted, in the order they are asked for.
struct Values<'a> {
    /// Items of a tuple, or the one value.
    items: &'a [Obj],
    next: usize,
    /// The operand, if values can be looked up in it by key.
    mapping: Option<&'a Obj>,
    /// Value of the last key: it is the only value left.
    keyed: Option<Obj>,
}

impl<'a> Values<'a> {
    fn new(args: &'a Obj, is_text: fn(&Obj) -> bool) -> Values<'a> {
        let items = match args.downcast::<Tuple>() {
            Some(tuple) => tuple.items(),
            None => std::slice::from_ref(args),
        };
        let is_mapping = sequence::is_mapping(args) && !args.is_instance_of::<Tuple>() && !is_text(args);
        Values { items, next: 0, mapping: is_mapping.then_some(args), keyed: None }
    }

    fn next(&mut self) -> PyResult<Obj> {
        if let Some(value) = self.keyed.take() {
            self.next = self.items.len();
            return Ok(value);
        }
        match self.items.get(self.next) {
            Some(item) => {
                self.next += 1;
                Ok(item.clone())
            }
            None => Err(raise!(TypeError, "not enough arguments for format string")),
        }
    }

    fn look_up(&mut self, key: Obj) -> PyResult<()> {
        let Some(mapping) = self.mapping else {
            return Err(raise!(TypeError, "format requires a mapping"));
        };
        self.keyed = Some(sequence::getitem(mapping, &key)?);
        Ok(())
    }

    /// Raises TypeError if values are left over.
    fn finish(&self, what: &str) -> PyResult<()> {
        if self.mapping.is_none() && self.next < self.items.len() {
            return Err(raise!(TypeError, "not all arguments converted during {what} formatting"));
        }
        Ok(())
    }
}

/// A directive whose `*` have been replaced.
struct Field {
    directive: Directive,
    left: bool,
    width: usize,
    precision: Option<usize>,
}

impl Field {
    fn new(directive: Directive, values: &mut Values<'_>) -> PyResult<Field> {
        let mut left = directive.left;
        let width = match directive.width {
            Amount::None => 0,
            Amount::Fixed(n) => n,
            Amount::Star => {
                let n = star(values, "ssize_t")?;
                left |= n < 0;
                n.unsigned_abs()
            }
        };
        let precision = match directive.precision {
            Amount::None => None,
            Amount::Fixed(n) => Some(n),
            Amount::Star => {
                let n = star(values, "int")?;
                if i32::try_from(n).is_err() {
                    return Err(raise!(OverflowError, "Python int too large to convert to C int"));
                }
                Some(usize::try_from(n).unwrap_or(0))
            }
        };
        if width > 1 << 42 {
            return Err(raise!(MemoryError));
        }
        Ok(Field { directive, left, width, precision })
    }

    fn kind(&self) -> char {
        char::from_u32(self.directive.kind).unwrap_or('\u{fffd}')
    }

    /// Lays out a number: sign, prefix, padding.
    fn lay_out(&self, number: &str) -> String {
        let d = &self.directive;
        let (sign, mut digits) = match number.strip_prefix('-') {
            Some(rest) => ("-", rest),
            None if d.plus => ("+", number),
            None if d.blank => (" ", number),
            None => ("", number),
        };
        let mut prefix = "";
        if d.alternate && matches!(self.kind(), 'x' | 'X' | 'o') {
            (prefix, digits) = digits.split_at(2);
        }
        let used = sign.len() + prefix.len() + digits.len();
        let missing = self.width.saturating_sub(used);
        let mut out = String::with_capacity(used + missing);
        let pad = if self.left { 0 } else { missing };
        if !d.zero {
            out.extend(std::iter::repeat_n(' ', pad));
        }
        out.push_str(sign);
        out.push_str(prefix);
        if d.zero {
            out.extend(std::iter::repeat_n('0', pad));
        }
        out.push_str(digits);
        out.extend(std::iter::repeat_n(' ', missing - pad));
        out
    }

    /// Fill characters left and right of a text of `length`.
    fn padding(&self, length: usize) -> (usize, usize) {
        let missing = self.width.saturating_sub(length);
        if self.left { (0, missing) } else { (missing, 0) }
    }
}

fn star(values: &mut Values<'_>, c_type: &str) -> PyResult<isize> {
    let value = values.next()?;
    match int::view(&value) {
        None => Err(raise!(TypeError, "* wants int")),
        Some(IntRef::Small(n)) => Ok(n as isize),
        Some(IntRef::Big(_)) => Err(raise!(OverflowError, "Python int too large to convert to C {c_type}")),
    }
}

/// The digits of an integer conversion: sign, prefix with `#`, zeros up to the precision.
fn integer_text(field: &Field, value: &Obj) -> PyResult<String> {
    let kind = field.kind();
    let whole = matches!(kind, 'd' | 'i' | 'u');
    let wrong = |value: &Obj| -> Raised {
        let wanted = if whole { "a real number" } else { "an integer" };
        raise!(TypeError, "%{kind} format: {wanted} is required, not {}", value.class().name())
    };
    if !number::is_number(value) {
        return Err(wrong(value));
    }
    let converted = if int::is_int(value) {
        value.clone()
    } else {
        let result = if whole { number::to_int(value) } else { number::index(value) };
        match result {
            Ok(n) => n,
            Err(raised) if raised.matches(crate::objects::exceptions::TypeError::class()) => {
                raised.discard();
                return Err(wrong(value));
            }
            Err(raised) => return Err(raised),
        }
    };
    let value = int::view(&converted).unwrap_or(IntRef::Small(0));
    let radix = match kind {
        'o' => 8,
        'x' | 'X' => 16,
        _ => 10,
    };
    let text = match value {
        _ if radix == 10 => int_methods::to_decimal(value)?,
        IntRef::Small(n) => number_format::small_int_to_string_radix(n, radix),
        IntRef::Big(n) => number_format::int_to_string_radix(n, radix),
    };
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.as_str()),
    };
    let prefix = match (field.directive.alternate, radix) {
        (true, 8) => "0o",
        (true, 16) => "0x",
        _ => "",
    };
    let zeros = "0".repeat(field.precision.unwrap_or(0).saturating_sub(digits.len()));
    let text = format!("{sign}{prefix}{zeros}{digits}");
    Ok(if kind == 'X' { text.to_ascii_uppercase() } else { text })
}

fn float_text(field: &Field, x: f64) -> String {
    let flags = if field.directive.alternate { FLAG_ALT } else { 0 };
    number_format::format_float(x, field.kind(), field.precision.unwrap_or(6), flags)
}

/// A conversion type alone, without key, flags, width or precision.
fn is_bare(directive: &Directive) -> bool {
    *directive == Directive { kind: directive.kind, kind_index: directive.kind_index, ..Directive::default() }
}

fn is_plain_percent(directive: &Directive) -> bool {
    directive.kind == u32::from('%') && is_bare(directive)
}

/// Appends the value of a bare directive if that takes no call: strings and small ints; false if nothing was done.
fn push_at_once(out: &mut TextBuffer, kind: u32, value: &Obj) -> bool {
    let number = value.value().is_fixnum() && (kind == u32::from('d') || kind == u32::from('s'));
    if number {
        push_decimal(out, value.value().as_fixnum());
        return true;
    }
    match value.exact::<Str>() {
        Some(text) if kind == u32::from('s') => {
            push_data(out, text.data());
            true
        }
        _ => false,
    }
}

fn push_decimal(out: &mut TextBuffer, n: i64) {
    let (mut digits, mut at, mut left) = ([0u8; 20], 20, n.unsigned_abs());
    loop {
        at -= 1;
        digits[at] = b'0' + (left % 10) as u8;
        left /= 10;
        if left == 0 {
            break;
        }
    }
    if n < 0 {
        at -= 1;
        digits[at] = b'-';
    }
    out.push_latin1(&digits[at..]);
}

/// `format % args`
pub fn format(format: &Object<Str>, args: &Obj) -> PyResult<Obj> {
    let data = format.data();
    let mut values = Values::new(args, |obj| obj.is_instance_of::<Str>());
    let mut out = TextBuffer::with_capacity(data.len() + 16);
    units!(data, u => PercentTokens::new(u).try_for_each(|token| push_token(&mut out, data, &mut values, token)))?;
    values.finish("string")?;
    Ok(Str::from_buffer(&out).into_obj())
}

/// Appends literal text or a formatted value.
fn push_token(
    out: &mut TextBuffer,
    format: StrData<'_>,
    values: &mut Values<'_>,
    token: Result<Token, PercentError>,
) -> PyResult<()> {
    let directive = match token {
        Ok(Token::Literal(start, end)) => {
            push_data(out, format.slice(start, end));
            return Ok(());
        }
        Ok(Token::Directive(directive)) => directive,
        Err(PercentError::IncompleteKey) if values.mapping.is_none() => {
            return Err(raise!(TypeError, "format requires a mapping"));
        }
        Err(error) => return Err(raise!(ValueError, "{}", error.message())),
    };
    if is_bare(&directive) {
        if directive.kind == u32::from('%') {
            out.push(directive.kind);
            return Ok(());
        }
        let value = values.next()?;
        if push_at_once(out, directive.kind, &value) {
            return Ok(());
        }
        return push_field(out, &Field { directive, left: false, width: 0, precision: None }, &value);
    }
    if let Some((start, end)) = directive.key {
        values.look_up(Str::from_data(format.slice(start, end)).into_obj())?;
    }
    let field = Field::new(directive, values)?;
    let value = values.next()?;
    push_field(out, &field, &value)
}

fn push_padded(out: &mut TextBuffer, field: &Field, data: StrData<'_>) {
    let (left, right) = field.padding(data.len());
    out.extend(std::iter::repeat_n(32, left));
    push_data(out, data);
    out.extend(std::iter::repeat_n(32, right));
}

fn push_field(out: &mut TextBuffer, field: &Field, value: &Obj) -> PyResult<()> {
    match field.kind() {
        's' | 'r' | 'a' => {
            let shown = match field.kind() {
                's' => text::str(value)?,
                'r' => text::repr(value)?,
                _ => text::ascii(value)?,
            };
            let length = shown.len().min(field.precision.unwrap_or(usize::MAX));
            push_padded(out, field, shown.data().slice(0, length));
        }
        'c' => push_padded(out, field, StrData::Four(&[character(value)?])),
        'd' | 'i' | 'u' | 'o' | 'x' | 'X' => out.push_str(&field.lay_out(&integer_text(field, value)?)),
        'e' | 'E' | 'f' | 'F' | 'g' | 'G' => out.push_str(&field.lay_out(&float_text(field, number::as_f64(value)?))),
        _ => {
            return Err(raise!(ValueError, "{}", unsupported_message(&field.directive)));
        }
    }
    Ok(())
}

fn character(value: &Obj) -> PyResult<u32> {
    if let Some(text) = value.downcast::<Str>() {
        return match text.get_char(0) {
            Some(c) if text.len() == 1 => Ok(c),
            _ => Err(raise!(
                TypeError,
                "%c requires an int or a unicode character, not a string of length {}",
                text.len()
            )),
        };
    }
    if !number::has_index(value) {
        return Err(raise!(TypeError, "%c requires an int or a unicode character, not {}", value.class().full_name()));
    }
    let index = number::index(value)?;
    match int::to_i64(&index).and_then(|n| u32::try_from(n).ok()).filter(|&n| n < 0x110000) {
        Some(c) => Ok(c),
        None => Err(raise!(OverflowError, "%c arg not in range(0x110000)")),
    }
}

/// `format % args` of bytes and bytearray.
pub fn format_bytes(format: &[u8], args: &Obj) -> PyResult<Vec<u8>> {
    let mut values = Values::new(args, |obj| obj.is_instance_of::<Str>() || bytes::bytes_or_bytearray(obj).is_some());
    let mut out = Vec::with_capacity(format.len() + 16);
    for token in PercentTokens::new(format) {
        match token {
            Ok(Token::Literal(start, end)) => out.extend_from_slice(&format[start..end]),
            Ok(Token::Directive(directive)) if is_plain_percent(&directive) => out.push(b'%'),
            Ok(Token::Directive(directive)) => {
                if let Some((start, end)) = directive.key {
                    values.look_up(Bytes::new(&format[start..end]).into_obj())?;
                }
                let field = Field::new(directive, &mut values)?;
                let value = values.next()?;
                push_bytes_field(&mut out, &field, &value)?;
            }
            Err(error) => return Err(raise!(ValueError, "{}", error.message())),
        }
    }
    values.finish("bytes")?;
    Ok(out)
}

fn push_padded_bytes(out: &mut Vec<u8>, field: &Field, data: &[u8]) {
    let (left, right) = field.padding(data.len());
    out.extend(std::iter::repeat_n(b' ', left));
    out.extend_from_slice(data);
    out.extend(std::iter::repeat_n(b' ', right));
}

fn push_bytes_field(out: &mut Vec<u8>, field: &Field, value: &Obj) -> PyResult<()> {
    let limit = field.precision.unwrap_or(usize::MAX);
    match field.kind() {
        's' | 'b' => {
            let data = byte_string::percent_bytes(value)?;
            push_padded_bytes(out, field, &data[..data.len().min(limit)]);
        }
        'r' | 'a' => {
            let shown = text::ascii(value)?;
            let data = shown.raw_bytes();
            push_padded_bytes(out, field, &data[..data.len().min(limit)]);
        }
        'c' => push_padded_bytes(out, field, &[byte(value)?]),
        'd' | 'i' | 'u' | 'o' | 'x' | 'X' => out.extend(field.lay_out(&integer_text(field, value)?).into_bytes()),
        'e' | 'E' | 'f' | 'F' | 'g' | 'G' => {
            let x = match number::as_f64(value) {
                Ok(x) => x,
                Err(raised) if raised.matches(crate::objects::exceptions::TypeError::class()) => {
                    raised.discard();
                    return Err(raise!(TypeError, "float argument required, not {}", value.class().name()));
                }
                Err(raised) => return Err(raised),
            };
            out.extend(field.lay_out(&float_text(field, x)).into_bytes());
        }
        _ => {
            return Err(raise!(ValueError, "{}", unsupported_message(&field.directive)));
        }
    }
    Ok(())
}

fn byte(value: &Obj) -> PyResult<u8> {
    if let Some(data) = bytes::bytes_or_bytearray(value) {
        return match data.as_slice() {
            [byte] => Ok(*byte),
            _ => Err(raise!(
                TypeError,
                "%c requires an integer in range(256) or a single byte, not a {} object of length {}",
                value.class().name(),
                data.len()
            )),
        };
    }
    if !number::has_index(value) {
        return Err(raise!(
            TypeError,
            "%c requires an integer in range(256) or a single byte, not {}",
            value.class().full_name()
        ));
    }
    let index = number::index(value)?;
    match int::to_i64(&index).and_then(|n| u8::try_from(n).ok()) {
        Some(byte) => Ok(byte),
        None => Err(raise!(OverflowError, "%c arg not in range(256)")),
    }
}
