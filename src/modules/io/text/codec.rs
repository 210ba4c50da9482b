//! Decoders and encoders of text streams.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use pyrs_runtime::call;
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::heap::cycles::Visitor;
use pyrs_runtime::object::{Obj, Object, Ptr, Trace};
use pyrs_runtime::objects::bytes::Bytes;
use pyrs_runtime::objects::exceptions::AttributeError;
use pyrs_runtime::objects::int;
use pyrs_runtime::objects::singletons::bool_obj;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::protocols::codecs::{self, Native};
use pyrs_runtime::protocols::{attr, truth};
use pyrs_runtime::{PyClass, name, raise};

use crate::io::newline::{Newlines, decoder_state, with_pending, without_pending};
use crate::io::support::method;

/// The codec of a stream.
pub enum Codec {
    Native(Native, Rc<str>),
    Python { info: Obj, errors: Obj },
}

/// Decodes bytes piece by piece.
#[derive(Clone)]
pub enum Decoder {
    Native(Rc<NativeDecoder>),
    Python(Obj),
}

pub struct NativeDecoder {
    native: Native,
    errors: Rc<str>,
    /// The first bytes of a UTF-8 sequence.
    held: RefCell<Vec<u8>>,
    /// True if `held` is not empty.
    holds: Cell<bool>,
}

/// Encodes text piece by piece.
#[derive(Clone)]
pub enum Encoder {
    Native(Native, Rc<str>),
    Python(Obj),
}

impl Trace for Decoder {
    fn trace(&self, visitor: &mut Visitor<'_>) {
        if let Decoder::Python(decoder) = self {
            decoder.trace(visitor);
        }
    }
}

impl Trace for Encoder {
    fn trace(&self, visitor: &mut Visitor<'_>) {
        if let Encoder::Python(encoder) = self {
            encoder.trace(visitor);
        }
    }
}

/// Finds the codec for an encoding.
pub fn find(encoding: &str, errors: &str) -> PyResult<Codec> {
    if let Some(native @ (Native::Utf8 | Native::Ascii | Native::Latin1)) = Native::from_name(encoding) {
        return Ok(Codec::Native(native, errors.into()));
    }
    let info = codecs::lookup(encoding)?;
    if let Some(is_text) = attr::getattr_optional(&info, name!("_is_text_encoding"))?
        && !truth::is_true(&is_text)?
    {
        return Err(raise!(LookupError, "'{encoding}' is not a text encoding"));
    }
    Ok(Codec::Python { info, errors: Str::new(errors).into() })
}

impl Codec {
    pub fn decoder(&self) -> PyResult<Decoder> {
        match self {
            Codec::Native(native, errors) => Ok(Decoder::Native(Rc::new(NativeDecoder {
                native: *native,
                errors: errors.clone(),
                held: RefCell::default(),
                holds: Cell::new(false),
            }))),
            Codec::Python { info, errors } => {
                let class = attr::getattr(info, name!("incrementaldecoder"))?;
                call::call(&class, std::slice::from_ref(errors)).map(Decoder::Python)
            }
        }
    }

    pub fn encoder(&self) -> PyResult<Encoder> {
        match self {
            Codec::Native(native, errors) => Ok(Encoder::Native(*native, errors.clone())),
            Codec::Python { info, errors } => {
                let class = attr::getattr(info, name!("incrementalencoder"))?;
                call::call(&class, std::slice::from_ref(errors)).map(Encoder::Python)
            }
        }
    }
}

/// The handler's name as the codecs take it: None is strict.
fn handler(errors: &str) -> Option<&str> {
    (errors != "strict").then_some(errors)
}

impl NativeDecoder {
    fn decode(&self, input: &[u8], is_final: bool) -> PyResult<Ptr<Str>> {
        let errors = handler(&self.errors);
        match self.native {
            Native::Latin1 => Ok(Str::from_latin1(input)),
            Native::Ascii if input.is_ascii() => Ok(Str::from_latin1(input)),
            Native::Ascii => codecs::decode_ascii(input, errors),
            _ if !self.holds.get() => self.decode_utf8(input, errors, is_final),
            _ => {
                let mut joined = self.held.borrow().clone();
                joined.extend_from_slice(input);
                self.decode_utf8(&joined, errors, is_final)
            }
        }
    }

    fn decode_utf8(&self, input: &[u8], errors: Option<&str>, is_final: bool) -> PyResult<Ptr<Str>> {
        if input.is_ascii() {
            self.hold(&[]);
            return Ok(Str::from_latin1(input));
        }
        let (text, used) = codecs::decode_utf8_partially(input, errors, is_final)?;
        self.hold(&input[used..]);
        Ok(text)
    }

    fn hold(&self, bytes: &[u8]) {
        if bytes.is_empty() && !self.holds.get() {
            return;
        }
        let mut held = self.held.borrow_mut();
        held.clear();
        held.extend_from_slice(bytes);
        self.holds.set(!bytes.is_empty());
    }
}

/// A decoder together with the translation of line ends on top of it.
pub struct TextDecoder<'a> {
    pub decoder: Decoder,
    pub newlines: Option<&'a Newlines>,
}

impl TextDecoder<'_> {
    /// Decodes the bytes of a Python object.
    pub fn decode(&self, input: &Obj, is_final: bool) -> PyResult<Ptr<Str>> {
        let text = match &self.decoder {
            Decoder::Native(native) => {
                let data = pyrs_runtime::protocols::buffer::BytesLike::new(input)?;
                native.decode(&data, is_final)?
            }
            Decoder::Python(decoder) => {
                let args = [input.clone(), bool_obj(is_final)];
                let text = call::call_method_str(decoder, name!("decode"), &args)?;
                text.into_ptr::<Str>().map_err(|other| {
                    raise!(TypeError, "decoder should return a string result, not '{}'", other.class().name())
                })?
            }
        };
        Ok(self.translate(text, is_final))
    }

    /// Decodes bytes that no Python object holds.
    pub fn decode_slice(&self, input: &[u8], is_final: bool) -> PyResult<Ptr<Str>> {
        match &self.decoder {
            Decoder::Native(native) => Ok(self.translate(native.decode(input, is_final)?, is_final)),
            Decoder::Python(_) => self.decode(&Bytes::new(input).into_obj(), is_final),
        }
    }

    fn translate(&self, text: Ptr<Str>, is_final: bool) -> Ptr<Str> {
        match self.newlines {
            Some(newlines) => newlines.process(text, is_final),
            None => text,
        }
    }

    /// What the decoder holds back, and its flags.
    pub fn state(&self) -> PyResult<(Obj, Obj)> {
        let (held, flags) = match &self.decoder {
            Decoder::Native(native) => (Bytes::new(&native.held.borrow()).into_obj(), int::new(0)),
            Decoder::Python(decoder) => {
                let (held, flags) = decoder_state(&method(decoder, name!("getstate"))?)?;
                if !held.is_instance_of::<Bytes>() {
                    let class = held.class().name();
                    return Err(raise!(
                        TypeError,
                        "illegal decoder state: the first item should be a bytes object, not '{class}'"
                    ));
                }
                (held, flags)
            }
        };
        Ok(match self.newlines {
            Some(newlines) => (held, with_pending(&flags, newlines.pending_cr.get())),
            None => (held, flags),
        })
    }

    pub fn set_state(&self, held: &Obj, flags: &Obj) -> PyResult<()> {
        let mut flags = flags.clone();
        if let Some(newlines) = self.newlines {
            let (rest, pending) = without_pending(&flags)?;
            newlines.pending_cr.set(pending);
            flags = rest;
        }
        match &self.decoder {
            Decoder::Native(native) => {
                native.hold(held.downcast::<Bytes>().map_or(&[][..], |b| b.as_slice()));
                Ok(())
            }
            Decoder::Python(decoder) => {
                let state = Tuple::from_vec(vec![held.clone(), flags]).into_obj();
                call::call_method_str(decoder, name!("setstate"), &[state]).map(drop)
            }
        }
    }

    pub fn reset(&self) -> PyResult<()> {
        if let Some(newlines) = self.newlines {
            newlines.reset();
        }
        match &self.decoder {
            Decoder::Native(native) => {
                native.hold(&[]);
                Ok(())
            }
            Decoder::Python(decoder) => method(decoder, name!("reset")).map(drop),
        }
    }
}

impl Encoder {
    pub fn is_stateless(&self) -> bool {
        matches!(self, Encoder::Native(..))
    }

    /// Appends the encoded text.
    pub fn encode(&self, text: &Object<Str>, out: &mut Vec<u8>) -> PyResult<()> {
        match self {
            Encoder::Native(_, _) if text.is_ascii() => out.extend_from_slice(text.raw_bytes()),
            Encoder::Native(Native::Latin1, _) if text.kind() == 1 => out.extend_from_slice(text.raw_bytes()),
            Encoder::Native(native, errors) => {
                let errors = handler(errors);
                out.extend(match native {
                    Native::Ascii => codecs::encode_ascii(text, errors)?,
                    Native::Latin1 => codecs::encode_latin1(text, errors)?,
                    _ => codecs::encode_utf8(text, errors)?,
                });
            }
            Encoder::Python(encoder) => {
                let bytes = call::call_method_str(encoder, name!("encode"), &[text.to_obj()])?;
                let Some(bytes) = bytes.downcast::<Bytes>() else {
                    let class = bytes.class().name();
                    return Err(raise!(TypeError, "encoder should return a bytes object, not '{class}'"));
                };
                out.extend_from_slice(bytes.as_slice());
            }
        }
        Ok(())
    }

    /// States that what comes does not stand at the start of the stream.
    pub fn continue_stream(&self) -> PyResult<()> {
        self.set_state(0)
    }

    /// For a position at the start of the stream.
    pub fn restart(&self) -> PyResult<()> {
        match self {
            Encoder::Native(..) => Ok(()),
            Encoder::Python(encoder) => method(encoder, name!("reset")).map(drop),
        }
    }

    fn set_state(&self, state: i64) -> PyResult<()> {
        let Encoder::Python(encoder) = self else { return Ok(()) };
        match call::call_method_str(encoder, name!("setstate"), &[int::new(state)]) {
            // Encoders without state need not have the method.
            Err(raised) if raised.matches(AttributeError::class()) => {
                raised.discard();
                Ok(())
            }
            other => other.map(drop),
        }
    }
}
