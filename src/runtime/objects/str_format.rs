//! `str.format`, `str.format_map`, and `__format__` of str and the numbers.

use std::ops::Range;

use pyrs_unicode::format_spec::{self, FormatError, FormatErrorKind, FormatSpec, FormattedText, NumericLocale};
use pyrs_unicode::str_format::{
    AutoNumber, Field, FieldFirst, FieldStep, MarkupIter, StrFormatError, field_steps, split_field_name,
};
use pyrs_unicode::text_buffer::TextBuffer;

use crate::call::Args;
use crate::errors::{PyResult, Raised};
use crate::object::{Obj, Object};
use crate::objects::complex::Parts;
use crate::objects::str::{Str, StrData};
use crate::objects::str_methods::{exact, push_data};
use crate::objects::{int, int_arithmetic, int_methods};
use crate::protocols::{attr, sequence, text};
use crate::{raise, units};

/// Nested replacement fields: the format itself and one level inside specifications.
const MAX_DEPTH: usize = 2;

#[cold]
fn raise_format_error(error: FormatError) -> Raised {
    match error.kind {
        FormatErrorKind::Value => raise!(ValueError, "{}", error.message),
        FormatErrorKind::Overflow => raise!(OverflowError, "{}", error.message),
        FormatErrorKind::Memory => raise!(MemoryError),
    }
}

#[cold]
fn raise_markup_error(error: StrFormatError) -> Raised {
    raise!(ValueError, "{}", error.0)
}

/// A formatted number as a str.
fn finish(result: Result<FormattedText, FormatError>) -> PyResult<Obj> {
    match result {
        Ok(FormattedText::Ascii(text)) => Ok(Str::from_latin1(text.as_bytes()).into_obj()),
        Ok(FormattedText::Wide(points)) => Ok(Str::from_code_points(&points).into_obj()),
        Err(error) => Err(raise_format_error(error)),
    }
}

fn parse(spec: &Str, obj: &Obj, kind: char, align: char) -> PyResult<FormatSpec> {
    let points: Vec<u32> = spec.code_points().collect();
    format_spec::parse_format_spec(&points, obj.class().name(), kind, align).map_err(raise_format_error)
}

/// What the locale says about numbers, if the presentation type asks for it.
fn locale_of(spec: &FormatSpec) -> PyResult<NumericLocale> {
    if spec.kind != u32::from('n') {
        return Ok(NumericLocale::default());
    }
    // SAFETY: the structure is read before anything else can call localeconv; its texts are terminated.
    unsafe {
        let lconv = &*libc::localeconv();
        let text = |p: *const libc::c_char| std::ffi::CStr::from_ptr(p).to_string_lossy().into_owned();
        Ok(NumericLocale {
            decimal_point: text(lconv.decimal_point),
            thousands_separator: text(lconv.thousands_sep),
            grouping: std::ffi::CStr::from_ptr(lconv.grouping).to_bytes().to_vec(),
        })
    }
}

/// `int.__format__`
pub fn format_int(obj: &Obj, spec: &Object<Str>) -> PyResult<Obj> {
    if spec.is_empty() {
        return Ok(text::str(obj)?.into_obj());
    }
    let parsed = parse(spec, obj, 'd', '>')?;
    let value = int::view(obj).unwrap_or(int::IntRef::Small(0));
    if format_spec::is_float_kind(parsed.kind) {
        let x = int_arithmetic::to_f64(value)?;
        return finish(format_spec::format_float_spec(x, &parsed, obj.class().name(), &locale_of(&parsed)?));
    }
    if matches!(char::from_u32(parsed.kind), Some('d' | 'n')) {
        // Raises beyond the limit on digits.
        int_methods::check_decimal_limit(value)?;
    }
    let value = int_methods::for_format(value);
    finish(format_spec::format_int(value, &parsed, obj.class().name(), &locale_of(&parsed)?))
}

/// `float.__format__`
pub fn format_float(obj: &Obj, x: f64, spec: &Object<Str>) -> PyResult<Obj> {
    if spec.is_empty() {
        return Ok(text::str(obj)?.into_obj());
    }
    let parsed = parse(spec, obj, '\0', '>')?;
    finish(format_spec::format_float_spec(x, &parsed, obj.class().name(), &locale_of(&parsed)?))
}

/// `complex.__format__`
pub fn format_complex(obj: &Obj, (re, im): Parts, spec: &Object<Str>) -> PyResult<Obj> {
    if spec.is_empty() {
        return Ok(text::str(obj)?.into_obj());
    }
    let parsed = parse(spec, obj, '\0', '>')?;
    finish(format_spec::format_complex(re, im, &parsed, obj.class().name(), &locale_of(&parsed)?))
}

/// `str.__format__`
pub fn format_str(this: &Object<Str>, spec: &Object<Str>) -> PyResult<Obj> {
    if spec.is_empty() {
        return Ok(if this.to_obj().exact::<Str>().is_some() {
            exact(this).into_obj()
        } else {
            text::str(&this.as_obj())?.into_obj()
        });
    }
    let parsed = parse(spec, &this.as_obj(), 's', '<')?;
    let layout =
        format_spec::format_str_layout(&parsed, this.len(), this.class().name()).map_err(raise_format_error)?;
    let mut out = TextBuffer::with_capacity(layout.left + layout.take + layout.right);
    out.extend(std::iter::repeat_n(layout.fill, layout.left));
    push_data(&mut out, this.data().slice(0, layout.take));
    out.extend(std::iter::repeat_n(layout.fill, layout.right));
    Ok(Str::from_buffer(&out).into_obj())
}

/// Where the values of fields come from.
enum Source<'a> {
    Arguments(Args<'a>),
    Mapping(&'a Obj),
}

impl Source<'_> {
    fn get(&self, first: FieldFirst, name: StrData<'_>) -> PyResult<Obj> {
        match (self, first) {
            (Source::Arguments(args), FieldFirst::Index(i)) => match args.positionals().get(i) {
                Some(arg) => Ok(arg.clone()),
                None => Err(raise!(IndexError, "Replacement index {i} out of range for positional args tuple")),
            },
            (Source::Arguments(args), FieldFirst::Name(range)) => {
                let key = Str::from_data(name.slice(range.start, range.end));
                match args.keywords().find(|(n, _)| n.equals(&key)) {
                    Some((_, value)) => Ok(value.clone()),
                    None => Err(crate::errors::raise_key_error(&key.as_obj())),
                }
            }
            (Source::Mapping(mapping), FieldFirst::Name(range)) => {
                sequence::getitem(mapping, &Str::from_data(name.slice(range.start, range.end)).into_obj())
            }
            (Source::Mapping(_), _) | (_, FieldFirst::Empty) => {
                Err(raise!(ValueError, "Format string contains positional fields"))
            }
        }
    }
}

/// `text.format(*args, **kwargs)`
pub fn format(this: &Object<Str>, args: Args<'_>) -> PyResult<Obj> {
    run(this.data(), &Source::Arguments(args), MAX_DEPTH, &mut AutoNumber::default())
}

/// `text.format_map(mapping)`
pub fn format_map(this: &Object<Str>, mapping: &Obj) -> PyResult<Obj> {
    run(this.data(), &Source::Mapping(mapping), MAX_DEPTH, &mut AutoNumber::default())
}

fn run(format: StrData<'_>, source: &Source<'_>, depth: usize, numbers: &mut AutoNumber) -> PyResult<Obj> {
    if depth == 0 {
        return Err(raise!(ValueError, "Max string recursion exceeded"));
    }
    let mut out = TextBuffer::with_capacity(format.len());
    let pieces: Vec<_> = units!(format, u => MarkupIter::new(u).collect());
    for piece in pieces {
        let piece = piece.map_err(raise_markup_error)?;
        push_data(&mut out, slice(format, &piece.literal));
        if let Some(field) = piece.field {
            let formatted = format_field(format, &field, source, depth, numbers)?;
            let formatted = text::str(&formatted)?;
            push_data(&mut out, formatted.data());
        }
    }
    Ok(Str::from_buffer(&out).into_obj())
}

fn slice<'a>(data: StrData<'a>, range: &Range<usize>) -> StrData<'a> {
    data.slice(range.start, range.end)
}

fn format_field(
    format: StrData<'_>,
    field: &Field,
    source: &Source<'_>,
    depth: usize,
    numbers: &mut AutoNumber,
) -> PyResult<Obj> {
    let name = slice(format, &field.name);
    let value = field_value(name, source, numbers)?;
    let value = convert(value, field.conversion)?;
    let spec = slice(format, &field.spec);
    let spec =
        if field.spec_has_fields { run(spec, source, depth - 1, numbers)? } else { Str::from_data(spec).into_obj() };
    Ok(text::format(&value, &spec)?.into_obj())
}

fn field_value(name: StrData<'_>, source: &Source<'_>, numbers: &mut AutoNumber) -> PyResult<Obj> {
    let (first, rest) = units!(name, u => split_field_name(u)).map_err(raise_markup_error)?;
    let first = match source {
        Source::Arguments(_) => numbers.resolve(first).map_err(raise_markup_error)?,
        Source::Mapping(_) => first,
    };
    let mut value = source.get(first, name)?;
    let steps: Vec<_> = units!(name, u => field_steps(u, rest).collect());
    for step in steps {
        value = match step.map_err(raise_markup_error)? {
            FieldStep::Attribute(range) => attr::getattr(&value, &Str::from_data(slice(name, &range)).as_name())?,
            FieldStep::Index(i) => sequence::getitem(&value, &int::new(i as i64))?,
            FieldStep::Key(range) => sequence::getitem(&value, &Str::from_data(slice(name, &range)).into_obj())?,
        };
    }
    Ok(value)
}

/// Applies `!r`, `!s` or `!a`.
fn convert(value: Obj, conversion: Option<u32>) -> PyResult<Obj> {
    match conversion.map(char::from_u32) {
        None => Ok(value),
        Some(Some('r')) => Ok(text::repr(&value)?.into_obj()),
        Some(Some('s')) => Ok(text::str(&value)?.into_obj()),
        Some(Some('a')) => Ok(text::ascii(&value)?.into_obj()),
        Some(c) => {
            let code = conversion.unwrap_or(0);
            match c.filter(|_| code > 32 && code < 127) {
                Some(c) => Err(raise!(ValueError, "Unknown conversion specifier {c}")),
                None => Err(raise!(ValueError, "Unknown conversion specifier \\x{code:x}")),
            }
        }
    }
}
