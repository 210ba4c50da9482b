//! `_multibytecodec`, its codec and incremental classes, and the modules `_codecs_*`.

use std::cell::Cell;

use num_bigint::{BigUint, Sign};
use pyrs_macros::{pyclass, pymethods, pymodule};
use pyrs_runtime::args::FromArg;
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::object::{DataCell, Obj, Object, Ptr};
use pyrs_runtime::objects::bytes::Bytes;
use pyrs_runtime::objects::int;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::protocols::buffer::BytesLike;
use pyrs_runtime::protocols::codecs::{decode_utf8, raise_decode_error};
use pyrs_runtime::protocols::{attr, text};
use pyrs_runtime::raise;
use pyrs_runtime::types::Type;
use pyrs_unicode::codecs::CodecError;

use super::convert::Conversion;
use super::{Codec, State, find};

/// More bytes than this are never held back.
const MAX_PENDING: usize = 8;
/// More characters than this are never held back.
const MAX_PENDING_CHARS: usize = 2;

/// The codec of one encoding.
#[pyclass(name = "MultibyteCodec", module = "_multibytecodec", nogc, flags = DISALLOW_INSTANTIATION)]
pub struct MultibyteCodec {
    codec: &'static dyn Codec,
    name: &'static str,
}

impl MultibyteCodec {
    fn with<'a>(&self, errors: Option<&'a str>) -> Conversion<'a> {
        Conversion { codec: self.codec, name: self.name, errors: errors.unwrap_or("strict") }
    }
}

/// Whatever is to be encoded, as text.
fn as_text(input: &Obj) -> PyResult<Ptr<Str>> {
    match input.downcast::<Str>() {
        Some(text) => Ok(text.to_ptr()),
        None => text::str(input),
    }
}

#[pymethods]
impl MultibyteCodec {
    /// Return an encoded version of 'input' and how much of it was consumed.
    ///
    /// 'errors' names the way to handle errors: 'strict', which raises a
    /// UnicodeEncodeError, 'ignore', 'replace', 'xmlcharrefreplace' or any
    /// other name that codecs.register_error knows.
    #[pymethod(sig = "(input, errors=None)")]
    fn encode(&self, input: &Obj, errors: Option<String>) -> PyResult<(Obj, usize)> {
        let text = as_text(input)?;
        let mut state = self.codec.encode_start();
        let (bytes, _) = self.with(errors.as_deref()).encode(&mut state, &text, true)?;
        Ok((Bytes::from_vec(bytes).into(), text.len()))
    }

    /// Decode 'input'; return the text and how much of the input was consumed.
    ///
    /// 'errors' names the way to handle errors: 'strict', which raises a
    /// UnicodeDecodeError, 'ignore', 'replace' or any other name that
    /// codecs.register_error knows.
    #[pymethod(sig = "(input, errors=None)")]
    fn decode(&self, input: &Obj, errors: Option<String>) -> PyResult<(Obj, usize)> {
        let input = BytesLike::from_arg(input)?;
        let mut state = self.codec.decode_start();
        let (text, _) = self.with(errors.as_deref()).decode(&mut state, &input, true)?;
        Ok((text.into(), input.len()))
    }
}

/// The codec that a class names in its attribute `codec`.
pub fn codec_of(class: &Type) -> PyResult<Ptr<MultibyteCodec>> {
    let codec = attr::getattr_text(&class.as_obj(), "codec")?;
    codec.into_ptr::<MultibyteCodec>().map_err(|_| raise!(TypeError, "codec is unexpected type"))
}

/// A codec, the name of its error handler, and what it remembers: what incremental classes and streams share.
pub struct Converter {
    codec: Ptr<MultibyteCodec>,
    errors: DataCell<String>,
    state: Cell<State>,
}

impl Converter {
    pub fn new(codec: Ptr<MultibyteCodec>, errors: Option<String>, state: State) -> Converter {
        let errors = errors.unwrap_or_else(|| "strict".to_owned());
        Converter { codec, errors: DataCell::new(errors), state: Cell::new(state) }
    }

    pub fn encoder(codec: Ptr<MultibyteCodec>, errors: Option<String>) -> Converter {
        let state = codec.codec.encode_start();
        Converter::new(codec, errors, state)
    }

    pub fn decoder(codec: Ptr<MultibyteCodec>, errors: Option<String>) -> Converter {
        let state = codec.codec.decode_start();
        Converter::new(codec, errors, state)
    }

    pub fn errors(&self) -> String {
        self.errors.with(|errors| errors.clone())
    }

    pub fn set_errors(&self, value: Option<&Obj>) -> PyResult<()> {
        let Some(value) = value else { return Err(raise!(AttributeError, "cannot delete attribute")) };
        let Some(text) = value.downcast::<Str>() else { return Err(raise!(TypeError, "errors must be a string")) };
        self.errors.replace(text.to_string_checked()?);
        Ok(())
    }

    /// Runs a step with the state, which counts even if the step fails.
    fn with_state<R>(&self, step: impl FnOnce(Conversion<'_>, &mut State) -> R) -> R {
        let errors = self.errors();
        let mut state = self.state.get();
        let result = step(self.codec.with(Some(&errors)), &mut state);
        self.state.set(state);
        result
    }

    /// Encodes what was held back and then the input; the bytes, and the characters to hold back.
    pub fn encode(&self, pending: &str, input: &Obj, is_final: bool) -> PyResult<(Vec<u8>, String)> {
        let mut text = as_text(input)?;
        if !pending.is_empty() {
            let points: Vec<u32> = pending.chars().map(u32::from).chain(text.code_points()).collect();
            text = Str::from_code_points(&points);
        }
        let (bytes, done) = self.with_state(|conversion, state| conversion.encode(state, &text, is_final))?;
        let rest: String = text.code_points().skip(done).filter_map(char::from_u32).collect();
        if rest.chars().count() > MAX_PENDING_CHARS {
            let reason = "pending buffer overflow";
            let error = CodecError { start: 0, end: rest.len(), reason };
            return Err(pyrs_runtime::protocols::codecs::raise_encode_error(self.codec.name, &text, error));
        }
        Ok((bytes, rest))
    }

    /// Decodes what was held back and then the input; the text, and the bytes to hold back.
    pub fn decode(&self, pending: &[u8], input: &[u8], is_final: bool) -> PyResult<(Ptr<Str>, Vec<u8>)> {
        let input = [pending, input].concat();
        let (text, done) = self.with_state(|conversion, state| conversion.decode(state, &input, is_final))?;
        let rest = input[done..].to_vec();
        if rest.len() > MAX_PENDING {
            let error = CodecError { start: 0, end: rest.len(), reason: "pending buffer overflow" };
            return Err(raise_decode_error(self.codec.name, &rest, error));
        }
        Ok((text, rest))
    }

    /// Forgets what was decoded.
    pub fn reset_decoder(&self) {
        self.with_state(|conversion, state| conversion.codec.decode_reset(state));
    }
}

/// Encodes piece by piece.
#[pyclass(name = "MultibyteIncrementalEncoder", module = "_multibytecodec", flags = BASETYPE)]
pub struct MultibyteIncrementalEncoder {
    converter: Converter,
    pending: DataCell<String>,
}

#[pymethods]
impl MultibyteIncrementalEncoder {
    #[new(sig = "(errors='strict')", name = "IncrementalEncoder")]
    fn py_new(cls: &Type, errors: Option<String>) -> PyResult<Obj> {
        let converter = Converter::encoder(codec_of(cls)?, errors);
        Ok(Ptr::new_in(cls, MultibyteIncrementalEncoder { converter, pending: DataCell::default() }).into())
    }

    #[pymethod(sig = "(input, final=False)")]
    fn encode(&self, input: &Obj, is_final: bool) -> PyResult<Obj> {
        let pending = self.pending.with(|pending| pending.clone());
        let (bytes, rest) = self.converter.encode(&pending, input, is_final)?;
        self.pending.replace(rest);
        Ok(Bytes::from_vec(bytes).into())
    }

    /// One number: the length of the pending text in UTF-8, the text, and the codec's state.
    #[pymethod]
    fn getstate(&self) -> Obj {
        let pending = self.pending.with(|pending| pending.clone());
        let mut bytes = vec![pending.len() as u8];
        bytes.extend(pending.as_bytes());
        bytes.extend(self.converter.state.get());
        int::from_bigint(BigUint::from_bytes_le(&bytes).into())
    }

    #[pymethod]
    fn setstate(&self, state: &Obj) -> PyResult<()> {
        const LARGEST: usize = 1 + MAX_PENDING + size_of::<State>();
        if !int::is_int(state) {
            return Err(raise!(TypeError, "setstate() argument must be int, not {}", state.class().name()));
        }
        let mut bytes = unsigned_bytes(state, LARGEST)?;
        bytes.resize(LARGEST, 0);
        let length = bytes[0] as usize;
        if length > MAX_PENDING {
            return Err(raise!(UnicodeError, "pending buffer too large"));
        }
        let pending = decode_utf8(&bytes[1..=length], None)?.to_string_checked()?;
        let state: State = bytes[1 + length..1 + length + size_of::<State>()].try_into().expect("eight bytes");
        self.pending.replace(pending);
        self.converter.state.set(state);
        Ok(())
    }

    #[pymethod]
    fn reset(&self) {
        self.converter.with_state(|conversion, state| conversion.codec.encode_reset(state, &mut Vec::new()));
        self.pending.replace(String::new());
    }

    /// how to treat errors
    #[getter]
    fn errors(&self) -> String {
        self.converter.errors()
    }

    #[setter(name = "errors")]
    fn set_errors(&self, value: Option<&Obj>) -> PyResult<()> {
        self.converter.set_errors(value)
    }
}

/// The little-endian bytes of an int that is not negative and not too large.
fn unsigned_bytes(number: &Obj, largest: usize) -> PyResult<Vec<u8>> {
    let number = int::to_bigint(number).unwrap_or_default();
    if number.sign() == Sign::Minus {
        return Err(raise!(OverflowError, "can't convert negative int to unsigned"));
    }
    let (_, bytes) = number.to_bytes_le();
    if bytes.len() > largest {
        return Err(raise!(OverflowError, "int too big to convert"));
    }
    Ok(bytes)
}

/// Decodes piece by piece.
#[pyclass(name = "MultibyteIncrementalDecoder", module = "_multibytecodec", flags = BASETYPE)]
pub struct MultibyteIncrementalDecoder {
    converter: Converter,
    pending: DataCell<Vec<u8>>,
}

#[pymethods]
impl MultibyteIncrementalDecoder {
    #[new(sig = "(errors='strict')", name = "IncrementalDecoder")]
    fn py_new(cls: &Type, errors: Option<String>) -> PyResult<Obj> {
        let converter = Converter::decoder(codec_of(cls)?, errors);
        Ok(Ptr::new_in(cls, MultibyteIncrementalDecoder { converter, pending: DataCell::default() }).into())
    }

    #[pymethod(sig = "(input, final=False)")]
    fn decode(&self, input: &Obj, is_final: bool) -> PyResult<Obj> {
        let input = BytesLike::from_arg(input)?;
        let pending = self.pending.with(|pending| pending.clone());
        let (text, rest) = self.converter.decode(&pending, &input, is_final)?;
        self.pending.replace(rest);
        Ok(text.into())
    }

    /// The pending bytes, and the codec's state as a number.
    #[pymethod]
    fn getstate(&self) -> (Obj, Obj) {
        let pending = self.pending.with(|pending| Bytes::new(pending));
        (pending.into(), int::from_u64(u64::from_le_bytes(self.converter.state.get())))
    }

    #[pymethod]
    fn setstate(&self, state: &Obj) -> PyResult<()> {
        let Some(items) = state.downcast::<Tuple>() else {
            return Err(raise!(TypeError, "setstate() argument must be tuple, not {}", state.class().name()));
        };
        let illegal = || raise!(TypeError, "setstate(): illegal state argument");
        let [pending, number] = items.items() else { return Err(illegal()) };
        let Some(pending) = pending.downcast::<Bytes>().filter(|_| int::is_int(number)) else { return Err(illegal()) };
        let mut bytes = unsigned_bytes(number, size_of::<State>())?;
        bytes.resize(size_of::<State>(), 0);
        if pending.len() > MAX_PENDING {
            let error = CodecError { start: 0, end: pending.len(), reason: "pending buffer too large" };
            return Err(raise_decode_error(self.converter.codec.name, pending.as_slice(), error));
        }
        self.pending.replace(pending.as_slice().to_vec());
        self.converter.state.set(bytes.try_into().expect("eight bytes"));
        Ok(())
    }

    #[pymethod]
    fn reset(&self) {
        self.converter.reset_decoder();
        self.pending.replace(Vec::new());
    }

    /// how to treat errors
    #[getter]
    fn errors(&self) -> String {
        self.converter.errors()
    }

    #[setter(name = "errors")]
    fn set_errors(&self, value: Option<&Obj>) -> PyResult<()> {
        self.converter.set_errors(value)
    }
}

#[pymodule(
    name = "_multibytecodec",
    classes(
        MultibyteIncrementalEncoder,
        MultibyteIncrementalDecoder,
        crate::text::multibyte::streams::MultibyteStreamReader,
        crate::text::multibyte::streams::MultibyteStreamWriter
    )
)]
pub mod multibytecodec {
    use super::*;
    use pyrs_runtime::objects::module::Module;

    #[module_exec]
    fn exec(_module: &Object<Module>) -> PyResult<()> {
        // The class of codecs has no name in the module, but it has to be ready.
        pyrs_runtime::types::ready(MultibyteCodec::def());
        Ok(())
    }
}

/// The codec of an encoding, if it is one of the module's.
fn get_codec(names: &[&'static str], encoding: &Obj) -> PyResult<Obj> {
    let Some(encoding) = encoding.downcast::<Str>() else {
        return Err(raise!(TypeError, "encoding name must be a string."));
    };
    let name = names.iter().find(|name| encoding.eq_str(name)).copied();
    match name.and_then(|name| Some((name, find(name)?))) {
        Some((name, codec)) => {
            pyrs_runtime::types::ready(MultibyteCodec::def());
            Ok(Ptr::new(MultibyteCodec { codec, name }).into())
        }
        None => Err(raise!(LookupError, "no such codec is supported.")),
    }
}

macro_rules! codec_modules {
    ($($module:ident $name:literal [$($encoding:literal),*];)*) => { $(
        #[pymodule(name = $name)]
        pub mod $module {
            use super::*;

            #[pyfunction]
            fn getcodec(encoding: &Obj) -> PyResult<Obj> {
                get_codec(&[$($encoding),*], encoding)
            }
        }
    )* };
}

codec_modules! {
    cn "_codecs_cn" ["gb2312", "gbk", "gb18030", "hz"];
    hk "_codecs_hk" ["big5hkscs"];
    iso2022 "_codecs_iso2022" [
        "iso2022_kr", "iso2022_jp", "iso2022_jp_1", "iso2022_jp_2", "iso2022_jp_2004", "iso2022_jp_3",
        "iso2022_jp_ext"
    ];
    jp "_codecs_jp" [
        "shift_jis", "cp932", "euc_jp", "shift_jis_2004", "euc_jis_2004", "euc_jisx0213", "shift_jisx0213"
    ];
    kr "_codecs_kr" ["euc_kr", "cp949", "johab"];
    tw "_codecs_tw" ["big5", "cp950"];
}
