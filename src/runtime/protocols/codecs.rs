//! Encodings: the registry of codecs and error handlers, and the built-in encodings done natively.
//!
//! `str.encode` and `bytes.decode` look at the name first: UTF-8, UTF-16, UTF-32, ASCII and Latin-1 need
//! no registry. Everything else is looked up as `codecs.lookup` does.

use std::sync::atomic::{AtomicBool, Ordering};

use pyrs_unicode::codecs::narrow;
use pyrs_unicode::codecs::utf;
use pyrs_unicode::codecs::{ByteOrder, CodecError, ErrorHandler, Replacement, Utf};
use pyrs_unicode::text_buffer::TextBuffer;

use crate::errors::{PyResult, Raised, raise_class};
use crate::object::{Obj, Object, Ptr, PyClass};
use crate::objects::bytes::Bytes;
use crate::objects::dict::Dict;
use crate::objects::exceptions::{UnicodeDecodeError, UnicodeEncodeError};
use crate::objects::int;
use crate::objects::list::List;
use crate::objects::str::{Str, StrData};
use crate::objects::tuple::Tuple;
use crate::protocols::{attr, compare, number, truth};
use crate::thread::runtime;
use crate::{call, name, raise, units};

const SEARCH_PATH: &str = "codecs: search path";
const CACHE: &str = "codecs: cache";
const HANDLERS: &str = "codecs: error handlers";

fn registered_dict(key: &'static str) -> Ptr<Dict> {
    let found = runtime().registered(key).unwrap_or_else(|| {
        runtime().register(key, Dict::new().into_obj());
        runtime().registered(key).expect("registered just now")
    });
    found.into_ptr::<Dict>().unwrap_or_else(|_| Dict::new())
}

fn search_path() -> Ptr<List> {
    let found = runtime().registered(SEARCH_PATH).unwrap_or_else(|| {
        runtime().register(SEARCH_PATH, List::new().into_obj());
        runtime().registered(SEARCH_PATH).expect("registered just now")
    });
    found.into_ptr::<List>().unwrap_or_else(|_| List::new())
}

/// Imports the standard codecs, whose search function comes first, when they are needed for the first time.
fn load_encodings() -> PyResult<()> {
    static LOADED: AtomicBool = AtomicBool::new(false);
    if LOADED.swap(true, Ordering::Relaxed) {
        return Ok(());
    }
    (crate::hooks::hooks().import_module)("encodings").map(drop).inspect_err(|_| LOADED.store(false, Ordering::Relaxed))
}

/// `codecs.register`
pub fn register(search: &Obj) -> PyResult<()> {
    if search.class().slots().call.is_none() {
        return Err(raise!(TypeError, "argument must be callable"));
    }
    load_encodings()?;
    search_path().push(search.clone());
    Ok(())
}

/// `codecs.unregister`
pub fn unregister(search: &Obj) -> PyResult<()> {
    let path = search_path();
    for (i, item) in path.to_vec().iter().enumerate() {
        if compare::equal(item, search)? {
            drop(path.with(|items| (i < items.len()).then(|| items.remove(i))));
            registered_dict(CACHE).clear();
            break;
        }
    }
    Ok(())
}

/// Lower case, every run of other characters than letters, digits and dots an underscore.
pub fn normalize_encoding(encoding: &str) -> String {
    let mut out = String::with_capacity(encoding.len());
    let mut gap = false;
    for c in encoding.chars() {
        if c.is_ascii_alphanumeric() || c == '.' {
            if gap && !out.is_empty() {
                out.push('_');
            }
            gap = false;
            out.push(c.to_ascii_lowercase());
        } else {
            gap = true;
        }
    }
    out
}

/// `codecs.lookup`
pub fn lookup(encoding: &str) -> PyResult<Obj> {
    let key = Str::new(&normalize_encoding(encoding)).into_obj();
    let cache = registered_dict(CACHE);
    if let Some(found) = cache.get(&key)? {
        return Ok(found);
    }
    load_encodings()?;
    let path = search_path();
    let mut i = 0;
    while let Some(search) = path.get(i) {
        i += 1;
        let found = call::call(&search, std::slice::from_ref(&key))?;
        if found.is_none() {
            continue;
        }
        if found.downcast::<Tuple>().is_none_or(|t| t.len() != 4) {
            return Err(raise!(TypeError, "codec search functions must return 4-tuples"));
        }
        cache.set(key, found.clone())?;
        return Ok(found);
    }
    Err(raise!(LookupError, "unknown encoding: {encoding}"))
}

/// `codecs.register_error`
pub fn register_error(handler_name: &str, handler: &Obj) -> PyResult<()> {
    if handler.class().slots().call.is_none() {
        return Err(raise!(TypeError, "handler must be callable"));
    }
    registered_dict(HANDLERS).set_text(handler_name, handler.clone());
    Ok(())
}

/// `_codecs._unregister_error`
pub fn unregister_error(handler_name: &str) -> PyResult<bool> {
    if ErrorHandler::from_name(handler_name).is_some() {
        return Err(raise!(ValueError, "cannot un-register built-in error handler '{handler_name}'"));
    }
    registered_dict(HANDLERS).remove_str(&Str::intern(handler_name)).map(|old| old.is_some())
}

/// `codecs.lookup_error`
pub fn lookup_error(handler_name: &str) -> PyResult<Obj> {
    let handlers = registered_dict(HANDLERS);
    if let Some(found) = handlers.get_text(handler_name) {
        return Ok(found);
    }
    if ErrorHandler::from_name(handler_name).is_some() {
        // The standard handlers as functions come with the module.
        (crate::hooks::hooks().import_module)("_codecs")?;
        if let Some(found) = handlers.get_text(handler_name) {
            return Ok(found);
        }
    }
    Err(raise!(LookupError, "unknown error handler name '{handler_name}'"))
}

/// The name of a character, by `unicodedata`.
pub fn character_name(code: u32) -> Option<String> {
    let module = (crate::hooks::hooks().import_module)("unicodedata").and_then(|module| {
        call::call_method(&module, "name", &[Str::from_char(code).into_obj(), crate::objects::singletons::none()])
    });
    match module {
        Ok(name) => name.downcast::<Str>().map(|s| s.to_string_lossy()),
        Err(raised) => {
            raised.discard();
            None
        }
    }
}

/// Appends the character (or sequence) that a name stands for, by `unicodedata`.
pub fn character_by_name(name: &[u8], out: &mut TextBuffer) -> bool {
    let found = (crate::hooks::hooks().import_module)("unicodedata")
        .and_then(|module| call::call_method(&module, "lookup", &[Str::from_latin1(name).into_obj()]));
    match found {
        Ok(text) => match text.downcast::<Str>() {
            // Sequences have names, but no escape.
            Some(text) if text.len() == 1 => {
                out.extend(text.code_points());
                true
            }
            _ => false,
        },
        Err(raised) => {
            raised.discard();
            false
        }
    }
}

/// What to do about an error: a standard handler natively, or a Python function.
pub enum Handler {
    Standard(ErrorHandler),
    Function(Obj),
    /// A name that has not been looked up yet; unknown names are no error until they are needed.
    Named(String),
}

impl Handler {
    /// By name; `None` is strict.
    pub fn new(errors: Option<&str>) -> Handler {
        match errors {
            None => Handler::Standard(ErrorHandler::Strict),
            Some(name) => match ErrorHandler::from_name(name) {
                Some(standard) => Handler::Standard(standard),
                None => Handler::Named(name.to_owned()),
            },
        }
    }

    fn resolve(&mut self) -> PyResult<()> {
        if let Handler::Named(name) = self {
            *self = Handler::Function(lookup_error(name)?);
        }
        Ok(())
    }

    /// Handles a decoding error of the codec `encoding`.
    pub fn decode(
        &mut self,
        encoding: &str,
        input: &[u8],
        error: CodecError,
        utf: Option<Utf>,
        out: &mut TextBuffer,
    ) -> PyResult<usize> {
        self.resolve()?;
        match self {
            Handler::Standard(ErrorHandler::Namereplace | ErrorHandler::Xmlcharrefreplace) => {
                Err(raise!(TypeError, "don't know how to handle UnicodeDecodeError in error callback"))
            }
            Handler::Standard(standard) => {
                standard.decode(input, error, utf, out).map_err(|e| raise_decode_error(encoding, input, e))
            }
            Handler::Function(function) => {
                let exc = decode_error(encoding, input, error)?;
                let (text, position) =
                    call_handler(function, &exc, input.len(), "decoding error handler must return (str, int) tuple")?;
                let Some(text) = text.downcast::<Str>() else {
                    return Err(raise!(TypeError, "decoding error handler must return (str, int) tuple"));
                };
                out.extend(text.code_points());
                Ok(position)
            }
            Handler::Named(_) => Err(raise!(SystemError, "unresolved error handler")),
        }
    }

    /// Handles an encoding error of the codec `encoding`.
    pub fn encode(
        &mut self,
        encoding: &str,
        text: &Object<Str>,
        error: CodecError,
        utf: Option<Utf>,
    ) -> Result<(Replacement, usize), EncodeFailure> {
        self.resolve()?;
        match self {
            Handler::Standard(standard) => units!(text.data(), u => {
                standard.encode(u, error, utf, &character_name).map_err(EncodeFailure::Codec)
            }),
            Handler::Function(function) => {
                const WANTED: &str = "encoding error handler must return (str/bytes, int) tuple";
                let exc = encode_error(encoding, text, error)?;
                let (replacement, position) = call_handler(function, &exc, text.len(), WANTED)?;
                if let Some(text) = replacement.downcast::<Str>() {
                    return Ok((Replacement::Text(text.code_points().collect()), position));
                }
                match replacement.downcast::<Bytes>() {
                    Some(bytes) => Ok((Replacement::Bytes(bytes.as_slice().to_vec()), position)),
                    None => Err(raise!(TypeError, "{WANTED}").into()),
                }
            }
            Handler::Named(_) => Err(raise!(SystemError, "unresolved error handler").into()),
        }
    }
}

/// Calls a handler function; returns its replacement and the position to go on at.
fn call_handler(function: &Obj, exc: &Obj, length: usize, wanted: &str) -> PyResult<(Obj, usize)> {
    let result = call::call(function, std::slice::from_ref(exc))?;
    let items = result.downcast::<Tuple>().map(|t| t.items().to_vec()).unwrap_or_default();
    let [replacement, position] = items.as_slice() else {
        return Err(raise!(TypeError, "{wanted}"));
    };
    if !number::has_index(position) {
        return Err(raise!(TypeError, "{wanted}"));
    }
    let given = number::as_ssize(position, true)?;
    let position = if given < 0 { given + length as isize } else { given };
    if position < 0 || position as usize > length {
        return Err(raise!(IndexError, "position {given} from error handler out of bounds"));
    }
    Ok((replacement.clone(), position as usize))
}

/// Why an encoder stopped.
pub enum EncodeFailure {
    Raised(Raised),
    /// To be raised as UnicodeEncodeError.
    Codec(CodecError),
}

impl From<CodecError> for EncodeFailure {
    fn from(error: CodecError) -> EncodeFailure {
        EncodeFailure::Codec(error)
    }
}

impl From<Raised> for EncodeFailure {
    fn from(raised: Raised) -> EncodeFailure {
        EncodeFailure::Raised(raised)
    }
}

impl EncodeFailure {
    /// Makes the failure the pending exception.
    pub fn raise(self, encoding: &str, text: &Object<Str>) -> Raised {
        match self {
            EncodeFailure::Raised(raised) => raised,
            EncodeFailure::Codec(error) => raise_encode_error(encoding, text, error),
        }
    }
}

fn decode_error_args(encoding: &str, input: &[u8], error: CodecError) -> [Obj; 5] {
    [
        Str::new(encoding).into_obj(),
        Bytes::new(input).into_obj(),
        int::new(error.start as i64),
        int::new(error.end as i64),
        Str::new(error.reason).into_obj(),
    ]
}

fn encode_error_args(encoding: &str, text: &Object<Str>, error: CodecError) -> [Obj; 5] {
    [
        Str::new(encoding).into_obj(),
        text.to_obj(),
        int::new(error.start as i64),
        int::new(error.end as i64),
        Str::new(error.reason).into_obj(),
    ]
}

/// A UnicodeDecodeError, not raised yet.
pub fn decode_error(encoding: &str, input: &[u8], error: CodecError) -> PyResult<Obj> {
    call::call(&UnicodeDecodeError::class().as_obj(), &decode_error_args(encoding, input, error))
}

/// A UnicodeEncodeError, not raised yet.
pub fn encode_error(encoding: &str, text: &Object<Str>, error: CodecError) -> PyResult<Obj> {
    call::call(&UnicodeEncodeError::class().as_obj(), &encode_error_args(encoding, text, error))
}

#[cold]
pub fn raise_decode_error(encoding: &str, input: &[u8], error: CodecError) -> Raised {
    raise_class(UnicodeDecodeError::class(), &decode_error_args(encoding, input, error))
}

#[cold]
pub fn raise_encode_error(encoding: &str, text: &Object<Str>, error: CodecError) -> Raised {
    raise_class(UnicodeEncodeError::class(), &encode_error_args(encoding, text, error))
}

/// The encodings that need no registry.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Native {
    Utf8,
    Utf16,
    Utf32,
    Ascii,
    Latin1,
}

impl Native {
    /// By the names that CPython short-cuts.
    pub fn from_name(encoding: &str) -> Option<Native> {
        Some(match normalize_encoding(encoding).as_str() {
            "utf8" | "utf_8" => Native::Utf8,
            "utf16" | "utf_16" => Native::Utf16,
            "utf32" | "utf_32" => Native::Utf32,
            "ascii" | "us_ascii" => Native::Ascii,
            "latin1" | "latin_1" | "iso_8859_1" | "iso8859_1" => Native::Latin1,
            _ => return None,
        })
    }
}

/// Decodes UTF-8.
pub fn decode_utf8(input: &[u8], errors: Option<&str>) -> PyResult<Ptr<Str>> {
    if input.is_ascii() {
        return Ok(Str::from_latin1(input));
    }
    decode_utf8_partially(input, errors, true).map(|(text, _)| text)
}

/// Decodes UTF-8; unless `is_final`, an incomplete sequence at the end is left over. Returns the number
/// of bytes consumed as well.
pub fn decode_utf8_partially(input: &[u8], errors: Option<&str>, is_final: bool) -> PyResult<(Ptr<Str>, usize)> {
    let mut handler = Handler::new(errors);
    let mut out = TextBuffer::with_capacity(input.len());
    let used = utf::decode_utf8(input, is_final, &mut out, &mut |error, out| {
        handler.decode("utf-8", input, error, Some(Utf::Utf8), out)
    })?;
    Ok((Str::from_buffer(&out), used))
}

/// Decodes UTF-16; without an order the byte order mark tells it. The order found is returned.
pub fn decode_utf16(
    input: &[u8],
    errors: Option<&str>,
    order: Option<ByteOrder>,
    is_final: bool,
) -> PyResult<(Ptr<Str>, usize, Option<ByteOrder>)> {
    let mark = if order.is_none() { utf::utf16_mark(input) } else { None };
    let used_order = order.or(mark.map(|m| m.0));
    let native = used_order.unwrap_or(ByteOrder::Little);
    let encoding = utf_name("utf-16", Some(native));
    let mut handler = Handler::new(errors);
    let mut out = TextBuffer::with_capacity(input.len() / 2);
    let start = mark.map_or(0, |m| m.1);
    let used = utf::decode_utf16(input, start, native, is_final, &mut out, &mut |error, out| {
        handler.decode(encoding, input, error, Some(Utf::Utf16(native)), out)
    })?;
    Ok((Str::from_buffer(&out), used, used_order))
}

/// Decodes UTF-32, as [`decode_utf16`].
pub fn decode_utf32(
    input: &[u8],
    errors: Option<&str>,
    order: Option<ByteOrder>,
    is_final: bool,
) -> PyResult<(Ptr<Str>, usize, Option<ByteOrder>)> {
    let mark = if order.is_none() { utf::utf32_mark(input) } else { None };
    let used_order = order.or(mark.map(|m| m.0));
    let native = used_order.unwrap_or(ByteOrder::Little);
    let encoding = utf_name("utf-32", Some(native));
    let mut handler = Handler::new(errors);
    let mut out = TextBuffer::with_capacity(input.len() / 4);
    let start = mark.map_or(0, |m| m.1);
    let used = utf::decode_utf32(input, start, native, is_final, &mut out, &mut |error, out| {
        handler.decode(encoding, input, error, Some(Utf::Utf32(native)), out)
    })?;
    Ok((Str::from_buffer(&out), used, used_order))
}

fn utf_name(base: &'static str, order: Option<ByteOrder>) -> &'static str {
    match (base, order) {
        ("utf-16", Some(ByteOrder::Little)) => "utf-16-le",
        ("utf-16", Some(ByteOrder::Big)) => "utf-16-be",
        ("utf-32", Some(ByteOrder::Little)) => "utf-32-le",
        ("utf-32", Some(ByteOrder::Big)) => "utf-32-be",
        (base, _) => base,
    }
}

/// Decodes ASCII.
pub fn decode_ascii(input: &[u8], errors: Option<&str>) -> PyResult<Ptr<Str>> {
    let mut handler = Handler::new(errors);
    let mut out = TextBuffer::with_capacity(input.len());
    narrow::decode_ascii(input, &mut out, &mut |error, out| handler.decode("ascii", input, error, None, out))?;
    Ok(Str::from_buffer(&out))
}

/// Runs an encoder over the text with the handler named.
fn encode_with(
    text: &Object<Str>,
    encoding: &str,
    errors: Option<&str>,
    utf: Option<Utf>,
    encoder: impl FnOnce(
        StrData<'_>,
        &mut dyn FnMut(CodecError) -> Result<(Replacement, usize), EncodeFailure>,
    ) -> Result<Vec<u8>, EncodeFailure>,
) -> PyResult<Vec<u8>> {
    let mut handler = Handler::new(errors);
    encoder(text.data(), &mut |error| handler.encode(encoding, text, error, utf))
        .map_err(|failure| failure.raise(encoding, text))
}

/// Encodes UTF-8.
pub fn encode_utf8(text: &Object<Str>, errors: Option<&str>) -> PyResult<Vec<u8>> {
    if text.is_ascii() {
        return Ok(text.raw_bytes().to_vec());
    }
    encode_with(
        text,
        "utf-8",
        errors,
        Some(Utf::Utf8),
        |data, on_error| units!(data, u => utf::encode_utf8(u, on_error)),
    )
}

/// Encodes UTF-16; without an order in little-endian with a mark.
pub fn encode_utf16(text: &Object<Str>, errors: Option<&str>, order: Option<ByteOrder>) -> PyResult<Vec<u8>> {
    let used = order.unwrap_or(ByteOrder::Little);
    let encoding = utf_name("utf-16", order);
    let body = encode_with(
        text,
        encoding,
        errors,
        Some(Utf::Utf16(used)),
        |data, on_error| units!(data, u => utf::encode_utf16(u, used, on_error)),
    )?;
    if order.is_some() {
        return Ok(body);
    }
    let mut out = Vec::with_capacity(body.len() + 2);
    utf::push_utf16(&mut out, 0xfeff, used);
    out.extend_from_slice(&body);
    Ok(out)
}

/// Encodes UTF-32; without an order in little-endian with a mark.
pub fn encode_utf32(text: &Object<Str>, errors: Option<&str>, order: Option<ByteOrder>) -> PyResult<Vec<u8>> {
    let used = order.unwrap_or(ByteOrder::Little);
    let encoding = utf_name("utf-32", order);
    let body = encode_with(
        text,
        encoding,
        errors,
        Some(Utf::Utf32(used)),
        |data, on_error| units!(data, u => utf::encode_utf32(u, used, on_error)),
    )?;
    if order.is_some() {
        return Ok(body);
    }
    let mut out = Vec::with_capacity(body.len() + 4);
    utf::push_utf32(&mut out, 0xfeff, used);
    out.extend_from_slice(&body);
    Ok(out)
}

/// Encodes ASCII.
pub fn encode_ascii(text: &Object<Str>, errors: Option<&str>) -> PyResult<Vec<u8>> {
    if text.is_ascii() {
        return Ok(text.raw_bytes().to_vec());
    }
    encode_with(text, "ascii", errors, None, |data, on_error| units!(data, u => narrow::encode_ascii(u, on_error)))
}

/// Encodes Latin-1.
pub fn encode_latin1(text: &Object<Str>, errors: Option<&str>) -> PyResult<Vec<u8>> {
    if let StrData::One(bytes) = text.data() {
        return Ok(bytes.to_vec());
    }
    encode_with(text, "latin-1", errors, None, |data, on_error| units!(data, u => narrow::encode_latin1(u, on_error)))
}

/// `str.encode`
pub fn encode(text: &Object<Str>, encoding: Option<&str>, errors: Option<&str>) -> PyResult<Obj> {
    let native = encoding.map_or(Some(Native::Utf8), Native::from_name);
    let bytes = match native {
        Some(Native::Utf8) => encode_utf8(text, errors)?,
        Some(Native::Utf16) => encode_utf16(text, errors, None)?,
        Some(Native::Utf32) => encode_utf32(text, errors, None)?,
        Some(Native::Ascii) => encode_ascii(text, errors)?,
        Some(Native::Latin1) => encode_latin1(text, errors)?,
        None => return encode_by_registry(text, encoding.unwrap_or("utf-8"), errors),
    };
    Ok(Bytes::from_vec(bytes).into_obj())
}

fn encode_by_registry(text: &Object<Str>, encoding: &str, errors: Option<&str>) -> PyResult<Obj> {
    let codec = text_codec(encoding, "codecs.encode()")?;
    let result = run_codec(&codec, 0, &text.as_obj(), encoding, errors, "encoder")?;
    if result.is_instance_of::<Bytes>() {
        return Ok(result);
    }
    if let Some(array) = crate::objects::bytes::bytes_or_bytearray(&result) {
        let warning = format!(
            "encoder {encoding} returned bytearray instead of bytes; use codecs.encode() to encode to arbitrary types"
        );
        (crate::hooks::hooks().warn)(crate::objects::exceptions::RuntimeWarning::class(), &warning, 1)?;
        return Ok(Bytes::from_vec(array).into_obj());
    }
    Err(raise!(
        TypeError,
        "'{encoding}' encoder returned '{}' instead of 'bytes'; use codecs.encode() to encode to arbitrary types",
        result.class().name()
    ))
}

/// `bytes.decode`; `source` is what a registered codec gets to see.
pub fn decode(input: &[u8], source: &Obj, encoding: Option<&str>, errors: Option<&str>) -> PyResult<Ptr<Str>> {
    match encoding.map_or(Some(Native::Utf8), Native::from_name) {
        Some(Native::Utf8) => decode_utf8(input, errors),
        Some(Native::Utf16) => decode_utf16(input, errors, None, true).map(|r| r.0),
        Some(Native::Utf32) => decode_utf32(input, errors, None, true).map(|r| r.0),
        Some(Native::Ascii) => decode_ascii(input, errors),
        Some(Native::Latin1) => Ok(Str::from_latin1(input)),
        None => {
            let encoding = encoding.unwrap_or("utf-8");
            let codec = text_codec(encoding, "codecs.decode()")?;
            let result = run_codec(&codec, 1, source, encoding, errors, "decoder")?;
            result.into_ptr::<Str>().map_err(|other| {
                raise!(
                    TypeError,
                    "'{encoding}' decoder returned '{}' instead of 'str'; use codecs.decode() to decode to arbitrary types",
                    other.class().name()
                )
            })
        }
    }
}

/// A codec whose one side is text, or LookupError.
fn text_codec(encoding: &str, alternative: &str) -> PyResult<Obj> {
    let codec = lookup(encoding)?;
    if codec.exact::<Tuple>().is_none()
        && let Some(is_text) = attr::getattr_optional(&codec, name!("_is_text_encoding"))?
        && !truth::is_true(&is_text)?
    {
        return Err(raise!(
            LookupError,
            "'{encoding}' is not a text encoding; use {alternative} to handle arbitrary codecs"
        ));
    }
    Ok(codec)
}

/// Calls the encoder (0) or decoder (1) of a codec and returns the object it made.
fn run_codec(
    codec: &Obj,
    which: usize,
    source: &Obj,
    encoding: &str,
    errors: Option<&str>,
    what: &str,
) -> PyResult<Obj> {
    let function = codec.downcast::<Tuple>().and_then(|t| t.items().get(which).cloned());
    let Some(function) = function else {
        return Err(raise!(LookupError, "unknown encoding: {encoding}"));
    };
    let mut args = vec![source.clone()];
    args.extend(errors.map(|e| Str::new(e).into_obj()));
    let result = match call::call(&function, &args) {
        Ok(result) => result,
        Err(raised) => {
            return Err(add_codec_note(raised, encoding, if which == 0 { "encoding" } else { "decoding" }));
        }
    };
    match result.downcast::<Tuple>().map(|t| t.items()) {
        Some([object, _]) => Ok(object.clone()),
        _ => Err(raise!(TypeError, "{what} must return a tuple (object, integer)")),
    }
}

/// Tells with which codec an unexpected exception came up.
fn add_codec_note(raised: Raised, encoding: &str, operation: &str) -> Raised {
    let exc = raised.take();
    let note = Str::new(&format!("{operation} with '{encoding}' codec failed")).into_obj();
    if let Err(second) = call::call_method(&exc, "add_note", &[note]) {
        second.discard();
    }
    crate::thread::current().restore_exception(Some(exc));
    Raised::pending()
}

/// `codecs.encode`
pub fn encode_object(obj: &Obj, encoding: &str, errors: Option<&str>) -> PyResult<Obj> {
    run_codec(&lookup(encoding)?, 0, obj, encoding, errors, "encoder")
}

/// `codecs.decode`
pub fn decode_object(obj: &Obj, encoding: &str, errors: Option<&str>) -> PyResult<Obj> {
    run_codec(&lookup(encoding)?, 1, obj, encoding, errors, "decoder")
}
