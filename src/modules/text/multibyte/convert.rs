//! Codecs over whole inputs, with error handlers.

use pyrs_runtime::errors::{PyResult, Raised};
use pyrs_runtime::object::{Object, Ptr, PyClass};
use pyrs_runtime::objects::exceptions::OverflowError;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::protocols::codecs::{EncodeFailure, Handler, raise_encode_error};
use pyrs_runtime::raise;
use pyrs_unicode::codecs::{CodecError, Replacement};
use pyrs_unicode::text_buffer::TextBuffer;

use super::{Codec, State, Step};

const ILLEGAL: &str = "illegal multibyte sequence";
const INCOMPLETE: &str = "incomplete multibyte sequence";

/// A codec with its name, which errors show, and the way to handle them.
#[derive(Clone, Copy)]
pub struct Conversion<'a> {
    pub codec: &'static dyn Codec,
    pub name: &'a str,
    pub errors: &'a str,
}

/// A position that is no machine integer is out of bounds as well.
fn out_of_bounds(raised: Raised) -> Raised {
    if !raised.matches(OverflowError::class()) {
        return raised;
    }
    raised.discard();
    raise!(IndexError, "position -1 from error handler out of bounds")
}

impl Conversion<'_> {
    /// Decodes; unless `is_final`, bytes that want more are left over. The text, and how many bytes are done.
    pub fn decode(self, state: &mut State, input: &[u8], is_final: bool) -> PyResult<(Ptr<Str>, usize)> {
        let mut handler = Handler::new(Some(self.errors));
        let mut out = TextBuffer::with_capacity(input.len());
        let mut at = 0;
        while at < input.len() {
            let error = match self.codec.decode(state, &input[at..], &mut out) {
                Step::Done(count) => {
                    at += count;
                    continue;
                }
                Step::Incomplete if !is_final => break,
                Step::Incomplete => CodecError { start: at, end: input.len(), reason: INCOMPLETE },
                Step::Illegal(count) => CodecError { start: at, end: at + count, reason: ILLEGAL },
            };
            at = handler.decode(self.name, input, error, None, &mut out).map_err(out_of_bounds)?;
        }
        Ok((Str::from_buffer(&out), at))
    }

    /// Encodes; unless `is_final`, characters that may belong to what follows are left over. The bytes, and how
    /// many characters are done.
    pub fn encode(self, state: &mut State, text: &Object<Str>, is_final: bool) -> PyResult<(Vec<u8>, usize)> {
        let mut handler = Handler::new(Some(self.errors));
        let input: Vec<u32> = text.code_points().collect();
        let mut out = Vec::with_capacity(input.len() * 2);
        let mut at = 0;
        while at < input.len() {
            let error = match self.codec.encode(state, &input[at..], is_final, &mut out) {
                Step::Done(count) => {
                    at += count;
                    continue;
                }
                Step::Incomplete => break,
                Step::Illegal(count) => CodecError { start: at, end: at + count, reason: ILLEGAL },
            };
            at = self.handle(&mut handler, state, text, error, &mut out)?;
        }
        if is_final {
            self.codec.encode_reset(state, &mut out);
        }
        Ok((out, at))
    }

    /// Handles an encoding error; the position to go on at.
    fn handle(
        self,
        handler: &mut Handler,
        state: &mut State,
        text: &Object<Str>,
        error: CodecError,
        out: &mut Vec<u8>,
    ) -> PyResult<usize> {
        let handled = handler.encode(self.name, text, error, None);
        let raise = |failure: EncodeFailure| out_of_bounds(failure.raise(self.name, text));
        let (replacement, position) = handled.map_err(raise)?;
        match replacement {
            Replacement::Bytes(bytes) => out.extend(bytes),
            Replacement::Text(points) => self.encode_replacement(state, &points, out)?,
        }
        Ok(position)
    }

    /// The replacement has to be in the encoding itself, but for the question mark.
    fn encode_replacement(self, state: &mut State, points: &[u32], out: &mut Vec<u8>) -> PyResult<()> {
        let mut at = 0;
        while at < points.len() {
            match self.codec.encode(state, &points[at..], true, out) {
                Step::Done(count) => at += count,
                Step::Illegal(_) | Step::Incomplete if self.errors == "replace" => {
                    out.push(b'?');
                    at += 1;
                }
                Step::Illegal(_) | Step::Incomplete => {
                    let error = CodecError { start: at, end: at + 1, reason: ILLEGAL };
                    return Err(raise_encode_error(self.name, &Str::from_code_points(points), error));
                }
            }
        }
        Ok(())
    }
}
