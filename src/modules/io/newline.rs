//! Universal newlines: the translation itself, and `IncrementalNewlineDecoder`.

use std::cell::Cell;

use pyrs_macros::{pyclass, pymethods};
use pyrs_runtime::args::Maybe;
use pyrs_runtime::call::{self, Args};
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::object::{Obj, ObjCell, Ptr};
use pyrs_runtime::objects::bytes::Bytes;
use pyrs_runtime::objects::int;
use pyrs_runtime::objects::singletons::{bool_obj, none};
use pyrs_runtime::objects::str::{Str, StrData};
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::protocols::number;
use pyrs_runtime::types::Type;
use pyrs_runtime::{name, raise, units};

use super::line::code;
use super::support::{memchr, method};

const CR: u8 = 1;
const LF: u8 = 2;
const CRLF: u8 = 4;

/// What a translation remembers between two pieces of text.
#[derive(Default)]
pub struct Newlines {
    pub translate: Cell<bool>,
    /// The last piece ended with `\r`, which is held back: `\n` may follow.
    pub pending_cr: Cell<bool>,
    /// Kinds of line ends seen.
    seen: Cell<u8>,
}

impl Newlines {
    /// Translates a piece of text, or only takes note of its line ends.
    pub fn process(&self, text: Ptr<Str>, is_final: bool) -> Ptr<Str> {
        let mut text = text;
        if self.pending_cr.get() && (!text.is_empty() || is_final) {
            text = Str::concat(&[name!("\r"), &text]);
            self.pending_cr.set(false);
        }
        if text.is_empty() {
            return text;
        }
        // A `\r` at the end may be the first half of `\r\n`.
        if !is_final && text.get_char(text.len() - 1) == Some(u32::from(b'\r')) {
            text = Str::from_data(text.data().slice(0, text.len() - 1));
            self.pending_cr.set(true);
        }
        let has_cr = match text.data() {
            StrData::One(data) => memchr(b'\r', data).is_some(),
            StrData::Two(data) => data.contains(&13),
            StrData::Four(data) => data.contains(&13),
        };
        if !has_cr {
            if self.seen.get() & LF == 0 && text.code_points().any(|c| c == 10) {
                self.seen.set(self.seen.get() | LF);
            }
            return text;
        }
        self.note_line_ends(&text);
        if !self.translate.get() {
            return text;
        }
        units!(text.data(), u => {
            let mut out = Vec::with_capacity(u.len());
            let mut i = 0;
            while i < u.len() {
                if code(u[i]) == 13 {
                    out.push(10);
                    i += if u.get(i + 1).is_some_and(|&c| code(c) == 10) { 2 } else { 1 };
                } else {
                    out.push(u[i]);
                    i += 1;
                }
            }
            Str::from_data(data_of(&out))
        })
    }

    fn note_line_ends(&self, text: &Str) {
        let mut seen = self.seen.get();
        let mut after_cr = false;
        for c in text.code_points() {
            match (c, after_cr) {
                (10, true) => seen |= CRLF,
                (10, false) => seen |= LF,
                (_, true) => seen |= CR,
                _ => {}
            }
            after_cr = c == 13;
            if seen == CR | LF | CRLF {
                break;
            }
        }
        if after_cr {
            seen |= CR;
        }
        self.seen.set(seen);
    }

    pub fn reset(&self) {
        self.seen.set(0);
        self.pending_cr.set(false);
    }

    /// The attribute `newlines`.
    pub fn seen(&self) -> Obj {
        let kinds: Vec<Obj> = [(CR, "\r"), (LF, "\n"), (CRLF, "\r\n")]
            .iter()
            .filter(|(bit, _)| self.seen.get() & bit != 0)
            .map(|(_, text)| Str::intern(text).into_obj())
            .collect();
        match kinds.as_slice() {
            [] => none(),
            [only] => only.clone(),
            _ => Tuple::from_vec(kinds).into(),
        }
    }
}

/// Units of any width as data of a text.
trait Unit: Copy + Into<u32> + From<u8> {
    fn data(units: &[Self]) -> StrData<'_>;
}

impl Unit for u8 {
    fn data(units: &[u8]) -> StrData<'_> {
        StrData::One(units)
    }
}

impl Unit for u16 {
    fn data(units: &[u16]) -> StrData<'_> {
        StrData::Two(units)
    }
}

impl Unit for u32 {
    fn data(units: &[u32]) -> StrData<'_> {
        StrData::Four(units)
    }
}

fn data_of<U: Unit>(units: &[U]) -> StrData<'_> {
    U::data(units)
}

/// Replaces every `\n` by another line end.
pub fn replace_newlines(text: &Str, with: &str) -> Ptr<Str> {
    units!(text.data(), u => {
        let mut out = Vec::with_capacity(u.len() + u.len() / 16);
        for &c in u {
            if code(c) == 10 {
                out.extend(with.bytes().map(|b| unit_from(b, c)));
            } else {
                out.push(c);
            }
        }
        Str::from_data(data_of(&out))
    })
}

/// A byte as a unit as wide as `_like`.
fn unit_from<U: Unit>(byte: u8, _like: U) -> U {
    U::from(byte)
}

/// Translates \r\n and \r to \n, on top of another incremental decoder or of
/// text that is decoded already (decoder None), and records the line ends seen.
#[pyclass(name = "IncrementalNewlineDecoder", module = "_io", flags = BASETYPE | HEAP_LIKE | PLAIN_NEW)]
pub struct IncrementalNewlineDecoder {
    decoder: ObjCell,
    newlines: Newlines,
}

impl IncrementalNewlineDecoder {
    fn decoder(&self) -> PyResult<Obj> {
        self.decoder.get().ok_or_else(|| raise!(ValueError, "IncrementalNewlineDecoder.__init__() not called"))
    }
}

/// The two parts of a decoder's state.
pub fn decoder_state(state: &Obj) -> PyResult<(Obj, Obj)> {
    let Some(items) = state.downcast::<Tuple>() else {
        return Err(raise!(TypeError, "illegal decoder state"));
    };
    match items.items() {
        [buffered, flag] if int::is_int(flag) => Ok((buffered.clone(), flag.clone())),
        _ => Err(raise!(TypeError, "illegal decoder state")),
    }
}

#[pymethods]
impl IncrementalNewlineDecoder {
    #[slot(new)]
    fn construct(cls: &Type, _args: Args<'_>) -> PyResult<Obj> {
        let fresh = IncrementalNewlineDecoder { decoder: ObjCell::empty(), newlines: Newlines::default() };
        Ok(Ptr::new_in(cls, fresh).into())
    }

    #[init(sig = "(decoder, translate, errors='strict')")]
    fn init(&self, decoder: &Obj, translate: bool, errors: Maybe<&Obj>) -> PyResult<()> {
        let _ = errors;
        self.decoder.put(decoder.clone());
        self.newlines.translate.set(translate);
        self.newlines.reset();
        Ok(())
    }

    /// Decode a piece; with final, nothing is held back.
    #[pymethod(sig = "(input, final=False)")]
    fn decode(&self, input: &Obj, r#final: bool) -> PyResult<Obj> {
        let decoder = self.decoder()?;
        let text = if decoder.is_none() {
            input.clone()
        } else {
            call::call_method_str(&decoder, name!("decode"), &[input.clone(), bool_obj(r#final)])?
        };
        match text.into_ptr::<Str>() {
            Ok(text) => Ok(self.newlines.process(text, r#final).into()),
            Err(other) => {
                Err(raise!(TypeError, "decoder should return a string result, not '{}'", other.class().name()))
            }
        }
    }

    /// The decoder's state: what it holds back, and a number.
    #[pymethod]
    fn getstate(&self) -> PyResult<(Obj, Obj)> {
        let decoder = self.decoder()?;
        let pending = self.newlines.pending_cr.get() as i64;
        if decoder.is_none() {
            return Ok((Bytes::new(b"").into(), int::new(pending)));
        }
        let (buffered, flag) = decoder_state(&method(&decoder, name!("getstate"))?)?;
        Ok((buffered, with_pending(&flag, pending == 1)))
    }

    /// Restore a state that getstate() gave.
    #[pymethod]
    fn setstate(&self, state: &Obj) -> PyResult<()> {
        let decoder = self.decoder()?;
        let Some(items) = state.downcast::<Tuple>() else {
            return Err(raise!(TypeError, "state argument must be a tuple"));
        };
        let [buffered, flag] = items.items() else {
            return Err(raise!(TypeError, "setstate(): illegal state argument"));
        };
        if !int::is_int(flag) {
            return Err(raise!(TypeError, "setstate(): illegal state argument"));
        }
        let (flag, pending) = without_pending(flag)?;
        self.newlines.pending_cr.set(pending);
        if decoder.is_none() {
            return Ok(());
        }
        let state = Tuple::from_vec(vec![buffered.clone(), flag]).into_obj();
        call::call_method_str(&decoder, name!("setstate"), &[state]).map(drop)
    }

    /// Forget everything.
    #[pymethod]
    fn reset(&self) -> PyResult<()> {
        let decoder = self.decoder()?;
        self.newlines.reset();
        if decoder.is_none() { Ok(()) } else { method(&decoder, name!("reset")).map(drop) }
    }

    /// Line ends seen so far: None, a text or a tuple of texts.
    #[getter]
    fn newlines(&self) -> PyResult<Obj> {
        self.decoder()?;
        Ok(self.newlines.seen())
    }
}

/// A decoder's flag with the held back `\r` as its lowest bit.
pub fn with_pending(flag: &Obj, pending: bool) -> Obj {
    let flag = int::to_bigint(flag).unwrap_or_default();
    int::from_bigint((flag << 1) | num_bigint::BigInt::from(pending as u8))
}

/// Takes the two apart again.
pub fn without_pending(flag: &Obj) -> PyResult<(Obj, bool)> {
    let flag = int::to_bigint(&number::index(flag)?).unwrap_or_default();
    let pending = flag.bit(0);
    Ok((int::from_bigint(flag >> 1), pending))
}
