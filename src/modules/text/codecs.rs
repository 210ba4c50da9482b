//! `_codecs`: the codec registry and the native encoders and decoders.

use std::borrow::Cow;

use pyrs_macros::{pyclass, pymethods, pymodule};
use pyrs_runtime::args::{FromArg, Maybe};
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::object::{Obj, Object, Ptr, PyClass};
use pyrs_runtime::objects::bytes::Bytes;
use pyrs_runtime::objects::dict::Dict;
use pyrs_runtime::objects::exceptions::{DeprecationWarning, LookupError};
use pyrs_runtime::objects::int;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::protocols::buffer::BytesLike;
use pyrs_runtime::protocols::codecs::{self, EncodeFailure, Handler};
use pyrs_runtime::protocols::{attr, number, sequence};
use pyrs_runtime::{name, raise, units};
use pyrs_unicode::codecs::escape::{self, InvalidEscape};
use pyrs_unicode::codecs::narrow;
use pyrs_unicode::codecs::utf7;
use pyrs_unicode::codecs::{CodecError, ErrorHandler, Replacement, Utf};
use pyrs_unicode::text_buffer::TextBuffer;

/// Bytes, or the UTF-8 of a str.
pub struct TextOrBytes<'a>(Cow<'a, [u8]>);

impl<'a> FromArg<'a> for TextOrBytes<'a> {
    fn from_arg(arg: &'a Obj) -> PyResult<Self> {
        if let Some(text) = arg.downcast::<Str>() {
            return codecs::encode_utf8(text, None).map(|b| TextOrBytes(Cow::Owned(b)));
        }
        Ok(TextOrBytes(Cow::Owned(BytesLike::new(arg)?.to_vec())))
    }
}

/// `(result, consumed)`
fn pair(result: impl Into<Obj>, consumed: usize) -> Obj {
    Tuple::from_vec(vec![result.into(), int::new(consumed as i64)]).into_obj()
}

fn encoded(bytes: Vec<u8>, text: &Str) -> Obj {
    pair(Bytes::from_vec(bytes), text.len())
}

/// The table that `charmap_build` makes for `charmap_encode`.
#[pyclass(name = "EncodingMap", nogc, flags = DISALLOW_INSTANTIATION)]
pub struct EncodingMap {
    map: narrow::EncodingMap,
}

#[pymethods]
impl EncodingMap {
    /// Return the size (in bytes) of this object.
    #[pymethod]
    fn size(&self) -> usize {
        std::mem::size_of::<Object<EncodingMap>>() + 256 * 8
    }
}

/// What a mapping says about one unit; `None` if it does not know it or maps it to None.
fn mapped(mapping: &Obj, unit: u32) -> PyResult<Option<Obj>> {
    let found = sequence::getitem(mapping, &int::new(i64::from(unit)));
    let found = pyrs_runtime::errors::unless_raised(found, LookupError::class())?;
    Ok(found.filter(|x| !x.is_none()))
}

fn charmap_decode_with(data: &[u8], errors: Option<&str>, mapping: &Obj) -> PyResult<Obj> {
    let mut handler = Handler::new(errors);
    let mut out = TextBuffer::with_capacity(data.len());
    let mut on_error = |error, out: &mut TextBuffer| handler.decode("charmap", data, error, None, out);
    if let Some(table) = mapping.downcast::<Str>() {
        units!(table.data(), u => narrow::decode_charmap_table(data, u, &mut out, &mut on_error))?;
    } else {
        narrow::decode_charmap(data, &mut out, &mut on_error, &mut |byte, out| {
            let Some(found) = mapped(mapping, u32::from(byte))? else { return Ok(false) };
            if let Some(text) = found.downcast::<Str>() {
                if text.len() == 1 && text.get_char(0) == Some(0xfffe) {
                    return Ok(false);
                }
                out.extend(text.code_points());
                return Ok(true);
            }
            if !int::is_int(&found) {
                return Err(raise!(TypeError, "character mapping must return integer, None or str"));
            }
            match int::to_i64(&found).and_then(|n| u32::try_from(n).ok()).filter(|&n| n < 0x110000) {
                Some(0xfffe) => Ok(false),
                Some(code) => {
                    out.push(code);
                    Ok(true)
                }
                None => Err(raise!(TypeError, "character mapping must be in range(0x110000)")),
            }
        })?;
    }
    Ok(pair(Str::from_buffer(&out), data.len()))
}

fn charmap_encode_with(text: &Object<Str>, errors: Option<&str>, mapping: &Obj) -> PyResult<Obj> {
    let mut handler = Handler::new(errors);
    let table = mapping.exact::<EncodingMap>();
    let mut encode_one = |code: u32, out: &mut Vec<u8>| -> Result<bool, EncodeFailure> {
        if let Some(table) = table {
            return Ok(table.map.byte(code).inspect(|&byte| out.push(byte)).is_some());
        }
        let Some(found) = mapped(mapping, code)? else { return Ok(false) };
        if let Some(bytes) = found.downcast::<Bytes>() {
            out.extend_from_slice(bytes.as_slice());
            return Ok(true);
        }
        if !int::is_int(&found) {
            let class = found.class().name();
            return Err(raise!(TypeError, "character mapping must return integer, bytes or None, not {class}").into());
        }
        match int::to_i64(&found).and_then(|n| u8::try_from(n).ok()) {
            Some(byte) => {
                out.push(byte);
                Ok(true)
            }
            None => Err(raise!(TypeError, "character mapping must be in range(256)").into()),
        }
    };
    let mut on_error = |error| handler.encode("charmap", text, error, None);
    let result = units!(text.data(), u => narrow::encode_charmap(u, &mut on_error, &mut encode_one));
    Ok(encoded(result.map_err(|failure| failure.raise("charmap", text))?, text))
}

fn warn_invalid_escape(invalid: Option<InvalidEscape>, quote: &str) -> PyResult<()> {
    let text = match invalid {
        None => return Ok(()),
        Some(InvalidEscape::Character(_, c)) => format!(
            "{quote}\"\\{}\" is an invalid escape sequence. Such sequences will not work in the future. ",
            c as char
        ),
        Some(InvalidEscape::Octal(_, value)) => format!(
            "{quote}\"\\{value:o}\" is an invalid octal escape sequence. Such sequences will not work in the future. "
        ),
    };
    (pyrs_runtime::hooks::hooks().warn)(DeprecationWarning::class(), &text, 1)
}

/// The escapes of bytes literals.
fn unescape(data: &[u8], errors: Option<&str>) -> PyResult<Vec<u8>> {
    let mut out = Vec::with_capacity(data.len());
    let (mut i, mut invalid) = (0, None);
    while i < data.len() {
        let byte = data[i];
        i += 1;
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let Some(&c) = data.get(i) else { return Err(raise!(ValueError, "Trailing \\ in string")) };
        i += 1;
        match c {
            b'\n' => {}
            b'\\' | b'\'' | b'"' => out.push(c),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b't' => out.push(9),
            b'n' => out.push(10),
            b'r' => out.push(13),
            b'v' => out.push(11),
            b'a' => out.push(7),
            b'0'..=b'7' => {
                let mut value = u32::from(c - b'0');
                for _ in 0..2 {
                    if let Some(d @ b'0'..=b'7') = data.get(i) {
                        value = value * 8 + u32::from(d - b'0');
                        i += 1;
                    }
                }
                if value > 0xff {
                    invalid = invalid.or(Some(InvalidEscape::Octal(i, value)));
                }
                out.push(value as u8);
            }
            b'x' => {
                let digit = |i: usize| data.get(i).and_then(|&b| (b as char).to_digit(16));
                if let (Some(high), Some(low)) = (digit(i), digit(i + 1)) {
                    out.push((high * 16 + low) as u8);
                    i += 2;
                    continue;
                }
                match errors {
                    None | Some("strict") => {
                        return Err(raise!(ValueError, "invalid \\x escape at position {}", i - 2));
                    }
                    Some("replace") => out.push(b'?'),
                    Some("ignore") => {}
                    Some(other) => {
                        return Err(raise!(ValueError, "decoding error; unknown error handling code: {other}"));
                    }
                }
                // A lone digit belongs to the broken escape.
                i += digit(i).is_some() as usize;
            }
            _ => {
                invalid = invalid.or(Some(InvalidEscape::Character(i - 2, c)));
                out.extend([b'\\', c]);
            }
        }
    }
    warn_invalid_escape(invalid, "b")?;
    Ok(out)
}

/// The three kinds of Unicode errors as the standard handlers see them.
enum Problem {
    Encode(Ptr<Str>, String),
    Decode(Vec<u8>, String),
    Translate(Ptr<Str>),
}

fn standard(handler: ErrorHandler, exc: &Obj) -> PyResult<Obj> {
    use pyrs_runtime::objects::exceptions::{
        BaseException, UnicodeDecodeError, UnicodeEncodeError, UnicodeTranslateError,
    };
    if handler == ErrorHandler::Strict {
        if exc.class().is_subclass(BaseException::class()) {
            return Err(pyrs_runtime::Raised::new(exc.clone()));
        }
        return Err(raise!(TypeError, "codec must pass exception instance"));
    }
    let unknown = || raise!(TypeError, "don't know how to handle {} in error callback", exc.class().name());
    let is = |class| exc.class().is_subclass(class);
    if !is(UnicodeEncodeError::class()) && !is(UnicodeDecodeError::class()) && !is(UnicodeTranslateError::class()) {
        return Err(unknown());
    }
    let object = attr::getattr(exc, name!("object"))?;
    let text_of = |attribute| -> PyResult<String> {
        let value = attr::getattr(exc, attribute)?;
        Ok(value.downcast::<Str>().map(|s| s.to_string_lossy()).unwrap_or_default())
    };
    let problem = if is(UnicodeDecodeError::class()) {
        Problem::Decode(pyrs_runtime::protocols::buffer::to_bytes(&object)?, text_of(name!("encoding"))?)
    } else {
        let Some(text) = object.downcast::<Str>() else {
            return Err(raise!(TypeError, "object attribute must be str"));
        };
        if is(UnicodeEncodeError::class()) {
            Problem::Encode(text.to_ptr(), text_of(name!("encoding"))?)
        } else {
            Problem::Translate(text.to_ptr())
        }
    };
    let length = match &problem {
        Problem::Encode(text, _) | Problem::Translate(text) => text.len(),
        Problem::Decode(bytes, _) => bytes.len(),
    };
    let start = number::as_ssize(&attr::getattr(exc, name!("start"))?, true)?;
    let end = number::as_ssize(&attr::getattr(exc, name!("end"))?, true)?;
    let start = start.clamp(0, length.saturating_sub(1) as isize) as usize;
    let end = end.clamp(length.min(1) as isize, length as isize).max(start as isize) as usize;
    let error = CodecError { start, end, reason: "" };
    let again = |_| pyrs_runtime::Raised::new(exc.clone());
    match problem {
        Problem::Decode(..) if matches!(handler, ErrorHandler::Namereplace | ErrorHandler::Xmlcharrefreplace) => {
            Err(unknown())
        }
        Problem::Decode(bytes, encoding) => {
            let mut out = TextBuffer::default();
            let next = handler.decode(&bytes, error, Utf::from_name(&encoding), &mut out).map_err(again)?;
            Ok(pair(Str::from_buffer(&out), next))
        }
        Problem::Encode(text, encoding) => {
            let utf = Utf::from_name(&encoding);
            let result = units!(text.data(), u => handler.encode(u, error, utf, &codecs::character_name));
            let (replacement, next) = result.map_err(again)?;
            Ok(match replacement {
                Replacement::Text(points) => pair(Str::from_code_points(&points), next),
                Replacement::Bytes(bytes) => pair(Bytes::from_vec(bytes), next),
            })
        }
        Problem::Translate(text) => match handler {
            ErrorHandler::Ignore => Ok(pair(Str::empty(), end)),
            ErrorHandler::Replace => Ok(pair(Str::from_code_points(&vec![0xfffd; end - start]), end)),
            ErrorHandler::Backslashreplace => {
                let (replacement, next) =
                    units!(text.data(), u => handler.encode(u, error, None, &|_| None)).map_err(again)?;
                match replacement {
                    Replacement::Text(points) => Ok(pair(Str::from_code_points(&points), next)),
                    Replacement::Bytes(bytes) => Ok(pair(Bytes::from_vec(bytes), next)),
                }
            }
            _ => Err(unknown()),
        },
    }
}

/// The standard error handlers as functions.
#[pymodule(name = "_codecs")]
mod handlers {
    use super::*;

    /// Implements the 'strict' error handling, which raises a UnicodeError on coding errors.
    #[pyfunction]
    fn strict_errors(exc: &Obj) -> PyResult<Obj> {
        standard(ErrorHandler::Strict, exc)
    }

    /// Implements the 'ignore' error handling, which ignores malformed data and continues.
    #[pyfunction]
    fn ignore_errors(exc: &Obj) -> PyResult<Obj> {
        standard(ErrorHandler::Ignore, exc)
    }

    /// Implements the 'replace' error handling, which replaces malformed data with a replacement marker.
    #[pyfunction]
    fn replace_errors(exc: &Obj) -> PyResult<Obj> {
        standard(ErrorHandler::Replace, exc)
    }

    /// Implements the 'xmlcharrefreplace' error handling, which replaces an unencodable character with the appropriate XML character reference.
    #[pyfunction]
    fn xmlcharrefreplace_errors(exc: &Obj) -> PyResult<Obj> {
        standard(ErrorHandler::Xmlcharrefreplace, exc)
    }

    /// Implements the 'backslashreplace' error handling, which replaces malformed data with a backslashed escape sequence.
    #[pyfunction]
    fn backslashreplace_errors(exc: &Obj) -> PyResult<Obj> {
        standard(ErrorHandler::Backslashreplace, exc)
    }

    /// Implements the 'namereplace' error handling, which replaces an unencodable character with a \N{...} escape sequence.
    #[pyfunction]
    fn namereplace_errors(exc: &Obj) -> PyResult<Obj> {
        standard(ErrorHandler::Namereplace, exc)
    }

    #[pyfunction]
    fn surrogatepass(exc: &Obj) -> PyResult<Obj> {
        standard(ErrorHandler::Surrogatepass, exc)
    }

    #[pyfunction]
    fn surrogateescape(exc: &Obj) -> PyResult<Obj> {
        standard(ErrorHandler::Surrogateescape, exc)
    }
}

/// The codec registry, and encoders and decoders that need no registry.
#[pymodule(name = "_codecs", classes(super::EncodingMap))]
pub mod module {
    use super::*;
    use pyrs_runtime::objects::function::BuiltinFunction;
    use pyrs_runtime::objects::module::Module;
    use pyrs_unicode::codecs::ByteOrder;

    #[module_exec]
    fn exec(module: &Object<Module>) -> PyResult<()> {
        module.dict().remove_str(name!("EncodingMap"))?;
        for def in handlers::def().functions {
            let name = def.name.strip_suffix("_errors").unwrap_or(def.name);
            codecs::register_error(name, &BuiltinFunction::new(def, None, None).into_obj())?;
        }
        Ok(())
    }

    /// Register a codec search function.
    ///
    /// It is called with the name of an encoding in lower case and returns a
    /// CodecInfo object (a tuple of four functions), or None if it knows none.
    #[pyfunction(sig = "(search_function, /)")]
    fn register(search_function: &Obj) -> PyResult<()> {
        codecs::register(search_function)
    }

    /// Unregister a codec search function and clear the registry's cache.
    ///
    /// If the search function is not registered, do nothing.
    #[pyfunction(sig = "(search_function, /)")]
    fn unregister(search_function: &Obj) -> PyResult<()> {
        codecs::unregister(search_function)
    }

    /// Looks up a codec tuple in the Python codec registry and returns a CodecInfo object.
    #[pyfunction]
    fn lookup(encoding: String) -> PyResult<Obj> {
        if encoding.contains('\0') {
            return Err(raise!(ValueError, "embedded null character"));
        }
        codecs::lookup(&encoding)
    }

    /// Encodes obj using the codec registered for encoding.
    ///
    /// The default encoding is 'utf-8'.  errors names the error handler, 'strict'
    /// by default, or any other that codecs.register_error knows.
    #[pyfunction(sig = "(obj, encoding='utf-8', errors='strict')")]
    fn encode(obj: &Obj, encoding: String, errors: Maybe<String>) -> PyResult<Obj> {
        codecs::encode_object(obj, &encoding, errors.0.as_deref())
    }

    /// Decodes obj using the codec registered for encoding.
    ///
    /// The default encoding is 'utf-8'.  errors names the error handler, 'strict'
    /// by default, or any other that codecs.register_error knows.
    #[pyfunction(sig = "(obj, encoding='utf-8', errors='strict')")]
    fn decode(obj: &Obj, encoding: String, errors: Maybe<String>) -> PyResult<Obj> {
        codecs::decode_object(obj, &encoding, errors.0.as_deref())
    }

    /// Register the specified error handler under the name errors.
    ///
    /// handler is called with an exception that tells about the place of the
    /// error, and returns a replacement and the position to go on at.
    #[pyfunction(sig = "(errors, handler, /)")]
    fn register_error(errors: String, handler: &Obj) -> PyResult<()> {
        codecs::register_error(&errors, handler)
    }

    /// Un-register the specified error handler for the error handling `errors'.
    ///
    /// Only custom error handlers can be un-registered.
    #[pyfunction(name = "_unregister_error", sig = "(errors, /)")]
    fn unregister_error(errors: String) -> PyResult<bool> {
        codecs::unregister_error(&errors)
    }

    /// lookup_error(errors) -> handler
    ///
    /// Return the error handler for the specified error handling name or raise a
    /// LookupError, if no handler exists under this name.
    #[pyfunction(sig = "(name, /)")]
    fn lookup_error(name: String) -> PyResult<Obj> {
        codecs::lookup_error(&name)
    }

    #[pyfunction(sig = "(data, errors=None, /)")]
    fn escape_decode(data: TextOrBytes<'_>, errors: Option<String>) -> PyResult<Obj> {
        Ok(pair(Bytes::from_vec(unescape(&data.0, errors.as_deref())?), data.0.len()))
    }

    #[pyfunction(sig = "(data, errors=None, /)")]
    fn escape_encode(data: &Object<Bytes>, errors: Option<String>) -> PyResult<Obj> {
        let _ = errors;
        let mut out = Vec::with_capacity(data.len());
        for &byte in data.as_slice() {
            match byte {
                b'\'' | b'\\' => out.extend([b'\\', byte]),
                b'\t' => out.extend(b"\\t"),
                b'\n' => out.extend(b"\\n"),
                b'\r' => out.extend(b"\\r"),
                b' '..=b'~' => out.push(byte),
                _ => out.extend(format!("\\x{byte:02x}").into_bytes()),
            }
        }
        Ok(pair(Bytes::from_vec(out), data.len()))
    }

    #[pyfunction(sig = "(data, errors=None, /)")]
    fn readbuffer_encode(data: TextOrBytes<'_>, errors: Option<String>) -> PyResult<Obj> {
        let _ = errors;
        Ok(pair(Bytes::new(&data.0), data.0.len()))
    }

    #[pyfunction(sig = "(data, errors=None, final=True, /)")]
    fn unicode_escape_decode(data: TextOrBytes<'_>, errors: Option<String>, is_final: bool) -> PyResult<Obj> {
        let mut handler = Handler::new(errors.as_deref());
        let (mut out, mut invalid) = (TextBuffer::with_capacity(data.0.len()), None);
        let used = escape::decode_unicode_escape(
            &data.0,
            is_final,
            &mut out,
            &codecs::character_by_name,
            &mut invalid,
            &mut |error, out| handler.decode("unicodeescape", &data.0, error, None, out),
        )?;
        warn_invalid_escape(invalid, "")?;
        Ok(pair(Str::from_buffer(&out), used))
    }

    #[pyfunction(sig = "(data, errors=None, final=True, /)")]
    fn raw_unicode_escape_decode(data: TextOrBytes<'_>, errors: Option<String>, is_final: bool) -> PyResult<Obj> {
        let mut handler = Handler::new(errors.as_deref());
        let mut out = TextBuffer::with_capacity(data.0.len());
        let used = escape::decode_raw_unicode_escape(&data.0, is_final, &mut out, &mut |error, out| {
            handler.decode("rawunicodeescape", &data.0, error, None, out)
        })?;
        Ok(pair(Str::from_buffer(&out), used))
    }

    #[pyfunction(sig = "(str, errors=None, /)")]
    fn unicode_escape_encode(str: &Object<Str>, errors: Option<String>) -> PyResult<Obj> {
        let _ = errors;
        Ok(encoded(units!(str.data(), u => escape::encode_unicode_escape(u)), str))
    }

    #[pyfunction(sig = "(str, errors=None, /)")]
    fn raw_unicode_escape_encode(str: &Object<Str>, errors: Option<String>) -> PyResult<Obj> {
        let _ = errors;
        Ok(encoded(units!(str.data(), u => escape::encode_raw_unicode_escape(u)), str))
    }

    #[pyfunction(sig = "(data, errors=None, final=False, /)")]
    fn utf_7_decode(data: BytesLike<'_>, errors: Option<String>, is_final: bool) -> PyResult<Obj> {
        let mut handler = Handler::new(errors.as_deref());
        let mut out = TextBuffer::with_capacity(data.len());
        let used = utf7::decode_utf7(&data, is_final, &mut out, &mut |error, out| {
            handler.decode("utf7", &data, error, None, out)
        })?;
        Ok(pair(Str::from_buffer(&out), used))
    }

    #[pyfunction(sig = "(str, errors=None, /)")]
    fn utf_7_encode(str: &Object<Str>, errors: Option<String>) -> PyResult<Obj> {
        let _ = errors;
        Ok(encoded(units!(str.data(), u => utf7::encode_utf7(u)), str))
    }

    #[pyfunction(sig = "(data, errors=None, final=False, /)")]
    fn utf_8_decode(data: BytesLike<'_>, errors: Option<String>, is_final: bool) -> PyResult<Obj> {
        let (text, used) = codecs::decode_utf8_partially(&data, errors.as_deref(), is_final)?;
        Ok(pair(text, used))
    }

    #[pyfunction(sig = "(str, errors=None, /)")]
    fn utf_8_encode(str: &Object<Str>, errors: Option<String>) -> PyResult<Obj> {
        Ok(encoded(codecs::encode_utf8(str, errors.as_deref())?, str))
    }

    #[pyfunction(sig = "(data, errors=None, final=False, /)")]
    fn utf_16_decode(data: BytesLike<'_>, errors: Option<String>, is_final: bool) -> PyResult<Obj> {
        let (text, used, _) = codecs::decode_utf16(&data, errors.as_deref(), None, is_final)?;
        Ok(pair(text, used))
    }

    #[pyfunction(sig = "(str, errors=None, byteorder=0, /)")]
    fn utf_16_encode(str: &Object<Str>, errors: Option<String>, byteorder: i32) -> PyResult<Obj> {
        Ok(encoded(codecs::encode_utf16(str, errors.as_deref(), order(byteorder))?, str))
    }

    #[pyfunction(sig = "(data, errors=None, byteorder=0, final=False, /)")]
    fn utf_16_ex_decode(data: BytesLike<'_>, errors: Option<String>, byteorder: i32, is_final: bool) -> PyResult<Obj> {
        let (text, used, found) = codecs::decode_utf16(&data, errors.as_deref(), order(byteorder), is_final)?;
        Ok(Tuple::from_vec(vec![text.into_obj(), int::new(used as i64), int::new(order_number(found))]).into_obj())
    }

    #[pyfunction(sig = "(data, errors=None, final=False, /)")]
    fn utf_16_le_decode(data: BytesLike<'_>, errors: Option<String>, is_final: bool) -> PyResult<Obj> {
        let (text, used, _) = codecs::decode_utf16(&data, errors.as_deref(), Some(ByteOrder::Little), is_final)?;
        Ok(pair(text, used))
    }

    #[pyfunction(sig = "(str, errors=None, /)")]
    fn utf_16_le_encode(str: &Object<Str>, errors: Option<String>) -> PyResult<Obj> {
        Ok(encoded(codecs::encode_utf16(str, errors.as_deref(), Some(ByteOrder::Little))?, str))
    }

    #[pyfunction(sig = "(data, errors=None, final=False, /)")]
    fn utf_16_be_decode(data: BytesLike<'_>, errors: Option<String>, is_final: bool) -> PyResult<Obj> {
        let (text, used, _) = codecs::decode_utf16(&data, errors.as_deref(), Some(ByteOrder::Big), is_final)?;
        Ok(pair(text, used))
    }

    #[pyfunction(sig = "(str, errors=None, /)")]
    fn utf_16_be_encode(str: &Object<Str>, errors: Option<String>) -> PyResult<Obj> {
        Ok(encoded(codecs::encode_utf16(str, errors.as_deref(), Some(ByteOrder::Big))?, str))
    }

    #[pyfunction(sig = "(data, errors=None, final=False, /)")]
    fn utf_32_decode(data: BytesLike<'_>, errors: Option<String>, is_final: bool) -> PyResult<Obj> {
        let (text, used, _) = codecs::decode_utf32(&data, errors.as_deref(), None, is_final)?;
        Ok(pair(text, used))
    }

    #[pyfunction(sig = "(str, errors=None, byteorder=0, /)")]
    fn utf_32_encode(str: &Object<Str>, errors: Option<String>, byteorder: i32) -> PyResult<Obj> {
        Ok(encoded(codecs::encode_utf32(str, errors.as_deref(), order(byteorder))?, str))
    }

    #[pyfunction(sig = "(data, errors=None, byteorder=0, final=False, /)")]
    fn utf_32_ex_decode(data: BytesLike<'_>, errors: Option<String>, byteorder: i32, is_final: bool) -> PyResult<Obj> {
        let (text, used, found) = codecs::decode_utf32(&data, errors.as_deref(), order(byteorder), is_final)?;
        Ok(Tuple::from_vec(vec![text.into_obj(), int::new(used as i64), int::new(order_number(found))]).into_obj())
    }

    #[pyfunction(sig = "(data, errors=None, final=False, /)")]
    fn utf_32_le_decode(data: BytesLike<'_>, errors: Option<String>, is_final: bool) -> PyResult<Obj> {
        let (text, used, _) = codecs::decode_utf32(&data, errors.as_deref(), Some(ByteOrder::Little), is_final)?;
        Ok(pair(text, used))
    }

    #[pyfunction(sig = "(str, errors=None, /)")]
    fn utf_32_le_encode(str: &Object<Str>, errors: Option<String>) -> PyResult<Obj> {
        Ok(encoded(codecs::encode_utf32(str, errors.as_deref(), Some(ByteOrder::Little))?, str))
    }

    #[pyfunction(sig = "(data, errors=None, final=False, /)")]
    fn utf_32_be_decode(data: BytesLike<'_>, errors: Option<String>, is_final: bool) -> PyResult<Obj> {
        let (text, used, _) = codecs::decode_utf32(&data, errors.as_deref(), Some(ByteOrder::Big), is_final)?;
        Ok(pair(text, used))
    }

    #[pyfunction(sig = "(str, errors=None, /)")]
    fn utf_32_be_encode(str: &Object<Str>, errors: Option<String>) -> PyResult<Obj> {
        Ok(encoded(codecs::encode_utf32(str, errors.as_deref(), Some(ByteOrder::Big))?, str))
    }

    /// -1 is little-endian, 1 big-endian, 0 as the byte order mark says.
    fn order(number: i32) -> Option<ByteOrder> {
        match number {
            0 => None,
            n if n < 0 => Some(ByteOrder::Little),
            _ => Some(ByteOrder::Big),
        }
    }

    fn order_number(order: Option<ByteOrder>) -> i64 {
        match order {
            None => 0,
            Some(ByteOrder::Little) => -1,
            Some(ByteOrder::Big) => 1,
        }
    }

    #[pyfunction(sig = "(data, errors=None, /)")]
    fn latin_1_decode(data: BytesLike<'_>, errors: Option<String>) -> PyResult<Obj> {
        let _ = errors;
        Ok(pair(Str::from_latin1(&data), data.len()))
    }

    #[pyfunction(sig = "(str, errors=None, /)")]
    fn latin_1_encode(str: &Object<Str>, errors: Option<String>) -> PyResult<Obj> {
        Ok(encoded(codecs::encode_latin1(str, errors.as_deref())?, str))
    }

    #[pyfunction(sig = "(data, errors=None, /)")]
    fn ascii_decode(data: BytesLike<'_>, errors: Option<String>) -> PyResult<Obj> {
        Ok(pair(codecs::decode_ascii(&data, errors.as_deref())?, data.len()))
    }

    #[pyfunction(sig = "(str, errors=None, /)")]
    fn ascii_encode(str: &Object<Str>, errors: Option<String>) -> PyResult<Obj> {
        Ok(encoded(codecs::encode_ascii(str, errors.as_deref())?, str))
    }

    #[pyfunction(sig = "(data, errors=None, mapping=None, /)")]
    fn charmap_decode(data: BytesLike<'_>, errors: Option<String>, mapping: Option<&Obj>) -> PyResult<Obj> {
        match mapping {
            Some(mapping) => charmap_decode_with(&data, errors.as_deref(), mapping),
            None => Ok(pair(Str::from_latin1(&data), data.len())),
        }
    }

    #[pyfunction(sig = "(str, errors=None, mapping=None, /)")]
    fn charmap_encode(str: &Object<Str>, errors: Option<String>, mapping: Option<&Obj>) -> PyResult<Obj> {
        match mapping {
            Some(mapping) => charmap_encode_with(str, errors.as_deref(), mapping),
            None => Ok(encoded(codecs::encode_latin1(str, errors.as_deref())?, str)),
        }
    }

    #[pyfunction(sig = "(map, /)")]
    fn charmap_build(map: &Object<Str>) -> PyResult<Obj> {
        if map.len() == 256 && map.get_char(0) == Some(0) {
            let map = units!(map.data(), u => narrow::EncodingMap::from_table(u));
            return Ok(Ptr::new(EncodingMap { map }).into_obj());
        }
        let dict = Dict::new();
        for (i, c) in map.code_points().take(256).enumerate() {
            dict.set(int::new(i64::from(c)), int::new(i as i64))?;
        }
        Ok(dict.into_obj())
    }
}
