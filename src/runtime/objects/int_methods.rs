//! The slots and methods of `int`.

use num_bigint::{BigInt, Sign};
use num_traits::{Signed, ToPrimitive, Zero};

use crate::args::Maybe;
use crate::call::Args;
use crate::class::ClassDef;
use crate::errors::{PyResult, Raised};
use crate::object::{Obj, Object, Ptr, PyClass};
use crate::objects::bytes::{self, Bytes};
use crate::objects::int::{self, CLASS, Int, IntRef};
use crate::objects::int_arithmetic as arithmetic;
use crate::objects::singletons::{bool_obj, not_implemented};
use crate::objects::str::Str;
use crate::objects::tuple::Tuple;
use crate::objects::{float, str_format};
use crate::protocols::number;
use crate::raise;
use crate::thread::runtime;
use crate::types::slots::CompareOp;
use crate::types::{NativeLayout, Type, flags};
use pyrs_macros::pymethods;
use pyrs_unicode::format_spec;
use pyrs_unicode::number_format;
use pyrs_unicode::number_parse::{self, ParseIntError};

/// Words of digits hold 30 bits, as `sys.int_info` says.
const DIGIT_BITS: u64 = 30;

impl Int {
    /// The definition that the class object is made from.
    pub fn def() -> &'static ClassDef {
        static DEF: ClassDef = ClassDef {
            name: "int",
            module: "builtins",
            doc: "int([x]) -> integer\nint(x, base=10) -> integer\n\nConvert a number or string to an integer, or return 0 if no \
                  arguments\nare given.  A number is converted by its __int__() method; floating-point\nnumbers are \
                  truncated towards zero.\n\nWith a base, or if x is not a number, x must be a string, bytes or\nbytearray \
                  that holds an integer literal in that base, perhaps with a\nsign and surrounded by whitespace.  The base \
                  is 10 unless given; 0 and\n2 to 36 are allowed, and 0 means that the literal itself tells its base.\n\
                  >>> int('0b100', base=0)\n4",
            class: CLASS,
            base: crate::objects::object::object_class,
            flags: flags::BASETYPE | flags::LONG_SUBCLASS | flags::MATCH_SELF,
            basicsize: size_of::<Object<Int>>(),
            itemsize: 0,
            has_dict: false,
            has_weaklist: false,
            layout: NativeLayout { drop_payload: crate::class::drop_payload::<Int>, ..NativeLayout::EMPTY },
            parts: &[&Int::PART],
            unhashable: false,
        };
        &DEF
    }

    /// The payload for a value.
    pub fn payload(value: IntRef<'_>) -> Int {
        match value {
            IntRef::Small(n) => Int::Small(n),
            IntRef::Big(n) => n.to_i64().map_or_else(|| Int::Big(n.clone()), Int::Small),
        }
    }
}

/// The value of an operand that is known to be an int.
#[inline]
fn value(this: &Obj) -> IntRef<'_> {
    int::view(this).expect("the slot belongs to int")
}

#[cold]
fn invalid_literal(text: &Obj, base: u32) -> Raised {
    let repr = match crate::protocols::text::repr(text) {
        Ok(repr) => repr
            .data()
            .slice(0, repr.len().min(200))
            .iter()
            .map(|c| char::from_u32(c).unwrap_or('\u{fffd}'))
            .collect::<String>(),
        Err(raised) => return raised,
    };
    raise!(ValueError, "invalid literal for int() with base {base}: {repr}")
}

fn parse(source: &Obj, text: &[u8], base: u32) -> PyResult<Obj> {
    let limit = runtime().int_max_str_digits.get();
    match number_parse::int_from_str(text, base, limit) {
        Ok(number_parse::Int::Small(n)) => Ok(int::new(n)),
        Ok(number_parse::Int::Big(n)) => Ok(int::from_bigint(n)),
        Err(ParseIntError::Invalid) => Err(invalid_literal(source, base)),
        Err(ParseIntError::TooManyDigits(digits)) => Err(raise!(
            ValueError,
            "Exceeds the limit ({limit} digits) for integer string conversion: value has {digits} digits; use \
             sys.set_int_max_str_digits() to increase the limit"
        )),
    }
}

/// `int(text, base)` of a str: any decimal digits and white space of Unicode will do.
pub fn parse_str(text: &Object<Str>, base: u32) -> PyResult<Obj> {
    match text.as_ascii() {
        Some(ascii) => parse(&text.as_obj(), ascii.as_bytes(), base),
        None => parse(&text.as_obj(), &ascii_number(text), base),
    }
}

/// Replaces decimal digits and white space by ASCII ones; what else is not ASCII becomes `?`.
pub(crate) fn ascii_number(text: &Str) -> Vec<u8> {
    use pyrs_unicode::properties;
    let to_ascii = |c: u32| match c {
        0..0x80 => c as u8,
        _ if properties::is_space(c) => b' ',
        _ => properties::decimal_value(c).map_or(b'?', |d| b'0' + d),
    };
    text.data().iter().map(to_ascii).collect()
}

/// `int(text, base)` of bytes; `source` is shown in the message.
pub fn parse_bytes(source: &Obj, text: &[u8], base: u32) -> PyResult<Obj> {
    let shown = if source.is_instance_of::<Bytes>() { source.clone() } else { Bytes::new(text).into_obj() };
    parse(&shown, text, base)
}

/// `int(x, base=…)` for the exact class.
fn convert(x: Option<&Obj>, base: Option<&Obj>) -> PyResult<Obj> {
    let Some(x) = x else {
        return match base {
            None => Ok(int::new(0)),
            Some(_) => Err(raise!(TypeError, "int() missing string argument")),
        };
    };
    let Some(base) = base else {
        return number::to_int(x);
    };
    let base = number::as_ssize(base, false)?;
    if base != 0 && !(2..=36).contains(&base) {
        return Err(raise!(ValueError, "int() base must be >= 2 and <= 36, or 0"));
    }
    let base = base as u32;
    if let Some(text) = x.downcast::<Str>() {
        return parse_str(text, base);
    }
    match bytes::bytes_or_bytearray(x) {
        Some(text) => parse_bytes(x, &text, base),
        None => Err(raise!(TypeError, "int() can't convert non-string with explicit base")),
    }
}

/// Decimal text, or ValueError beyond the digit limit.
/// The decimal text of a machine integer.
pub fn small_decimal(n: i64) -> Ptr<Str> {
    let mut digits = [0u8; 20];
    let (mut at, mut rest) = (digits.len(), n.unsigned_abs());
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if n < 0 {
        at -= 1;
        digits[at] = b'-';
    }
    Str::from_latin1(&digits[at..])
}

pub fn to_decimal(value: IntRef<'_>) -> PyResult<String> {
    check_decimal_limit(value)?;
    Ok(match value {
        IntRef::Small(n) => n.to_string(),
        IntRef::Big(n) => n.to_string(),
    })
}

/// ValueError for ints with more digits than conversion to decimal text allows.
pub fn check_decimal_limit(value: IntRef<'_>) -> PyResult<()> {
    let limit = runtime().int_max_str_digits.get();
    match value {
        IntRef::Big(n) if number_format::exceeds_decimal_limit(n, limit) => Err(raise!(
            ValueError,
            "Exceeds the limit ({limit} digits) for integer string conversion; use sys.set_int_max_str_digits() to \
             increase the limit"
        )),
        _ => Ok(()),
    }
}

/// `bin`, `oct`, `hex`: the digits with their prefix.
pub fn to_radix(obj: &Obj, radix: u32) -> PyResult<Obj> {
    let index = number::index(obj)?;
    let digits = match value(&index) {
        IntRef::Small(n) => number_format::small_int_to_string_radix(n, radix),
        IntRef::Big(n) => number_format::int_to_string_radix(n, radix),
    };
    let prefix = match radix {
        2 => "0b",
        8 => "0o",
        _ => "0x",
    };
    let text = match digits.strip_prefix('-') {
        Some(digits) => format!("-{prefix}{digits}"),
        None => format!("{prefix}{digits}"),
    };
    Ok(Str::new(&text).into_obj())
}

fn is_little(byteorder: Option<&Obj>) -> PyResult<bool> {
    let Some(byteorder) = byteorder else {
        return Ok(false);
    };
    let Some(text) = byteorder.downcast::<Str>() else {
        return Err(raise!(
            TypeError,
            "argument 'byteorder' must be str, not {}",
            crate::args::type_name_for_message(byteorder)
        ));
    };
    match text.as_ascii() {
        Some("little") => Ok(true),
        Some("big") => Ok(false),
        _ => Err(raise!(ValueError, "byteorder must be either 'little' or 'big'")),
    }
}

/// The value as `length` bytes, least significant first.
pub fn to_le_bytes(value: IntRef<'_>, length: usize, signed: bool) -> PyResult<Vec<u8>> {
    let negative = match value {
        IntRef::Small(n) => n < 0,
        IntRef::Big(n) => n.is_negative(),
    };
    if negative && !signed {
        return Err(raise!(OverflowError, "can't convert negative int to unsigned"));
    }
    let mut bytes = match value {
        IntRef::Small(0) => Vec::new(),
        IntRef::Small(n) if signed => BigInt::from(n).to_signed_bytes_le(),
        IntRef::Small(n) => BigInt::from(n).to_bytes_le().1,
        IntRef::Big(n) if signed => n.to_signed_bytes_le(),
        IntRef::Big(n) => n.to_bytes_le().1,
    };
    if bytes.len() > length {
        return Err(raise!(OverflowError, "int too big to convert"));
    }
    bytes.resize(length, if negative { 0xff } else { 0 });
    Ok(bytes)
}

/// The int that bytes represent.
pub fn from_byte_order(bytes: &[u8], little: bool, signed: bool) -> Obj {
    if bytes.len() <= 8 {
        let mut word = [if signed && is_negative(bytes, little) { 0xff } else { 0 }; 16];
        let ordered: &mut dyn Iterator<Item = &u8> = if little { &mut bytes.iter() } else { &mut bytes.iter().rev() };
        word.iter_mut().zip(ordered).for_each(|(to, from)| *to = *from);
        return int::from_i128(i128::from_le_bytes(word));
    }
    int::from_bigint(match (little, signed) {
        (true, true) => BigInt::from_signed_bytes_le(bytes),
        (false, true) => BigInt::from_signed_bytes_be(bytes),
        (true, false) => BigInt::from_bytes_le(Sign::Plus, bytes),
        (false, false) => BigInt::from_bytes_be(Sign::Plus, bytes),
    })
}

fn is_negative(bytes: &[u8], little: bool) -> bool {
    let most = if little { bytes.last() } else { bytes.first() };
    most.is_some_and(|b| b & 0x80 != 0)
}

/// The value as format_spec takes it.
pub(crate) fn for_format(value: IntRef<'_>) -> format_spec::IntRef<'_> {
    match value {
        IntRef::Small(n) => format_spec::IntRef::Small(n),
        IntRef::Big(n) => format_spec::IntRef::Big(n),
    }
}

#[pymethods]
impl Int {
    #[new(text_signature = "")]
    fn new(cls: &Type, args: Args<'_>) -> PyResult<Obj> {
        let mut base = None;
        for (name, value) in args.keywords() {
            if name.eq_str("base") && args.nargs < 2 {
                base = Some(value);
            } else if name.eq_str("base") {
                return Err(raise!(TypeError, "argument for int() given by name ('base') and position (2)"));
            } else {
                return Err(raise!(TypeError, "int() got an unexpected keyword argument '{}'", name.to_string_lossy()));
            }
        }
        if args.nargs > 2 || args.nargs == 2 && args.has_keywords() {
            let given = args.nargs + args.keyword_count();
            return Err(raise!(TypeError, "int() takes at most 2 arguments ({given} given)"));
        }
        let positional = args.positionals();
        let result = convert(positional.first(), positional.get(1).or(base))?;
        if std::ptr::eq(cls, Int::class()) {
            return Ok(result);
        }
        Ok(Ptr::new_in(cls, Int::payload(value(&result))).into_obj())
    }

    #[slot(repr)]
    fn repr(this: &Obj) -> PyResult<Obj> {
        let value = value(this);
        if let IntRef::Small(n) = value {
            return Ok(small_decimal(n).into_obj());
        }
        Ok(Str::from_latin1(to_decimal(value)?.as_bytes()).into_obj())
    }

    #[slot(hash)]
    fn hash(this: &Obj) -> PyResult<i64> {
        Ok(int::hash_of(this))
    }

    #[slot(richcompare)]
    fn compare(a: &Obj, b: &Obj, op: CompareOp) -> PyResult<Obj> {
        match (int::view(a), int::view(b)) {
            (Some(x), Some(y)) => Ok(bool_obj(op.matches(arithmetic::compare(x, y)))),
            _ => Ok(not_implemented()),
        }
    }

    #[slot(nb_add)]
    fn add(a: &Obj, b: &Obj) -> PyResult<Obj> {
        arithmetic::add(a, b)
    }

    #[slot(nb_subtract)]
    fn subtract(a: &Obj, b: &Obj) -> PyResult<Obj> {
        arithmetic::subtract(a, b)
    }

    #[slot(nb_multiply)]
    fn multiply(a: &Obj, b: &Obj) -> PyResult<Obj> {
        arithmetic::multiply(a, b)
    }

    #[slot(nb_remainder)]
    fn remainder(a: &Obj, b: &Obj) -> PyResult<Obj> {
        arithmetic::remainder(a, b)
    }

    #[slot(nb_divmod)]
    fn divmod(a: &Obj, b: &Obj) -> PyResult<Obj> {
        arithmetic::divmod(a, b)
    }

    #[slot(nb_power)]
    fn power(a: &Obj, b: &Obj, modulus: &Obj) -> PyResult<Obj> {
        arithmetic::power(a, b, modulus)
    }

    #[slot(nb_negative)]
    fn negative(this: &Obj) -> PyResult<Obj> {
        Ok(arithmetic::negate(value(this)))
    }

    #[slot(nb_positive)]
    fn positive(this: &Obj) -> PyResult<Obj> {
        Ok(number::exact_int(this))
    }

    #[slot(nb_absolute)]
    fn absolute(this: &Obj) -> PyResult<Obj> {
        Ok(arithmetic::absolute(value(this)))
    }

    #[slot(nb_bool)]
    fn truth(this: &Obj) -> PyResult<bool> {
        Ok(match value(this) {
            IntRef::Small(n) => n != 0,
            IntRef::Big(n) => !n.is_zero(),
        })
    }

    #[slot(nb_invert)]
    fn invert(this: &Obj) -> PyResult<Obj> {
        Ok(arithmetic::invert(value(this)))
    }

    #[slot(nb_lshift)]
    fn lshift(a: &Obj, b: &Obj) -> PyResult<Obj> {
        arithmetic::lshift(a, b)
    }

    #[slot(nb_rshift)]
    fn rshift(a: &Obj, b: &Obj) -> PyResult<Obj> {
        arithmetic::rshift(a, b)
    }

    #[slot(nb_and)]
    fn and(a: &Obj, b: &Obj) -> PyResult<Obj> {
        arithmetic::and(a, b)
    }

    #[slot(nb_xor)]
    fn xor(a: &Obj, b: &Obj) -> PyResult<Obj> {
        arithmetic::xor(a, b)
    }

    #[slot(nb_or)]
    fn or(a: &Obj, b: &Obj) -> PyResult<Obj> {
        arithmetic::or(a, b)
    }

    #[slot(nb_int)]
    fn int(this: &Obj) -> PyResult<Obj> {
        Ok(number::exact_int(this))
    }

    #[slot(nb_float)]
    fn float(this: &Obj) -> PyResult<Obj> {
        arithmetic::to_f64(value(this)).map(float::new)
    }

    #[slot(nb_index)]
    fn index(this: &Obj) -> PyResult<Obj> {
        Ok(number::exact_int(this))
    }

    #[slot(nb_floor_divide)]
    fn floor_divide(a: &Obj, b: &Obj) -> PyResult<Obj> {
        arithmetic::floor_divide(a, b)
    }

    #[slot(nb_true_divide)]
    fn true_divide(a: &Obj, b: &Obj) -> PyResult<Obj> {
        arithmetic::true_divide(a, b)
    }

    /// Returns self, the complex conjugate of any int.
    #[pymethod]
    fn conjugate(this: &Obj) -> Obj {
        number::exact_int(this)
    }

    /// Number of bits necessary to represent self in binary.
    ///
    /// >>> bin(37)
    /// '0b100101'
    /// >>> (37).bit_length()
    /// 6
    #[pymethod]
    fn bit_length(this: &Obj) -> u64 {
        arithmetic::bit_length(value(this))
    }

    /// Number of ones in the binary representation of the absolute value of self.
    ///
    /// Also known as the population count.
    ///
    /// >>> bin(13)
    /// '0b1101'
    /// >>> (13).bit_count()
    /// 3
    #[pymethod]
    fn bit_count(this: &Obj) -> u64 {
        arithmetic::bit_count(value(this))
    }

    /// Return an array of bytes representing an integer.
    ///
    ///   length
    ///     Number of bytes to use.  An OverflowError is raised if the
    ///     integer does not fit them.  Default is length 1.
    ///   byteorder
    ///     'big' (the default) puts the most significant byte first,
    ///     'little' puts it last.  sys.byteorder is the order of the host.
    ///   signed
    ///     Whether two's complement is used.  If it is False and the integer
    ///     is negative, an OverflowError is raised.
    #[pymethod(
        sig = "(length=1, byteorder='big', *, signed=False)",
        text_signature = "($self, /, length=1, byteorder='big', *, signed=False)"
    )]
    fn to_bytes(this: &Obj, length: isize, byteorder: Maybe<&Obj>, signed: bool) -> PyResult<Obj> {
        let little = is_little(byteorder.0)?;
        let Ok(length) = usize::try_from(length) else {
            return Err(raise!(ValueError, "length argument must be non-negative"));
        };
        let mut bytes = to_le_bytes(value(this), length, signed)?;
        if !little {
            bytes.reverse();
        }
        Ok(Bytes::new(&bytes).into_obj())
    }

    /// Return the integer represented by the given array of bytes.
    ///
    ///   bytes
    ///     The bytes to convert: an object that supports the buffer protocol
    ///     or an iterable of integers.
    ///   byteorder
    ///     'big' (the default) means that the most significant byte comes
    ///     first, 'little' that it comes last.
    ///   signed
    ///     Whether two's complement is used to represent the integer.
    #[classmethod(
        sig = "(bytes, byteorder='big', *, signed=False)",
        text_signature = "($type, /, bytes, byteorder='big', *, signed=False)"
    )]
    fn from_bytes(cls: &Type, bytes: &Obj, byteorder: Maybe<&Obj>, signed: bool) -> PyResult<Obj> {
        let little = is_little(byteorder.0)?;
        let bytes = bytes::from_object(bytes)?;
        let result = from_byte_order(&bytes, little, signed);
        if std::ptr::eq(cls, Int::class()) {
            return Ok(result);
        }
        crate::call::call(&cls.as_obj(), &[result])
    }

    /// Return a pair of integers, whose ratio is equal to the original int.
    ///
    /// The ratio is in lowest terms and has a positive denominator.
    ///
    /// >>> (10).as_integer_ratio()
    /// (10, 1)
    /// >>> (-10).as_integer_ratio()
    /// (-10, 1)
    /// >>> (0).as_integer_ratio()
    /// (0, 1)
    #[pymethod]
    fn as_integer_ratio(this: &Obj) -> (Obj, Obj) {
        (number::exact_int(this), int::new(1))
    }

    /// Truncating an Integral returns itself.
    #[pymethod(name = "__trunc__")]
    fn trunc(this: &Obj) -> Obj {
        number::exact_int(this)
    }

    /// Flooring an Integral returns itself.
    #[pymethod(name = "__floor__")]
    fn floor(this: &Obj) -> Obj {
        number::exact_int(this)
    }

    /// Ceiling of an Integral returns itself.
    #[pymethod(name = "__ceil__")]
    fn ceil(this: &Obj) -> Obj {
        number::exact_int(this)
    }

    /// Rounding an Integral returns itself.
    ///
    /// Rounding with an ndigits argument also returns an integer.
    #[pymethod(name = "__round__")]
    fn round(this: &Obj, ndigits: Option<&Obj>) -> PyResult<Obj> {
        let Some(ndigits) = ndigits else {
            return Ok(number::exact_int(this));
        };
        let ndigits = number::index(ndigits)?;
        if !number::is_negative(&ndigits) {
            return Ok(number::exact_int(this));
        }
        let digits = int::to_i64(&ndigits).map_or(u64::MAX, i64::unsigned_abs);
        // A unit of more digits than twice the value swallows it.
        if digits > arithmetic::bit_length(value(this)) / 3 + 2 {
            return Ok(int::new(0));
        }
        Ok(int::from_bigint(arithmetic::round_to_power(&value(this).to_bigint(), digits as u32)))
    }

    #[pymethod(name = "__getnewargs__")]
    fn getnewargs(this: &Obj) -> Obj {
        Tuple::from_vec(vec![number::exact_int(this)]).into_obj()
    }

    /// Convert to a string according to format_spec.
    #[pymethod(name = "__format__")]
    fn format(this: &Obj, format_spec: &Object<Str>) -> PyResult<Obj> {
        str_format::format_int(this, format_spec)
    }

    /// Returns size in memory, in bytes.
    #[pymethod(name = "__sizeof__")]
    fn sizeof(this: &Obj) -> u64 {
        let digits = arithmetic::bit_length(value(this)).div_ceil(DIGIT_BITS);
        this.class().basicsize() as u64 - size_of::<Object<Int>>() as u64 + 24 + 4 * digits.max(1)
    }

    /// Returns True. Exists for duck type compatibility with float.is_integer.
    #[pymethod]
    fn is_integer(_this: &Obj) -> bool {
        true
    }

    /// the real part of a complex number
    #[getter]
    fn real(this: &Obj) -> Obj {
        number::exact_int(this)
    }

    /// the imaginary part of a complex number
    #[getter]
    fn imag(_this: &Obj) -> i64 {
        0
    }

    /// the numerator of a rational number in lowest terms
    #[getter]
    fn numerator(this: &Obj) -> Obj {
        number::exact_int(this)
    }

    /// the denominator of a rational number in lowest terms
    #[getter]
    fn denominator(_this: &Obj) -> i64 {
        1
    }
}
