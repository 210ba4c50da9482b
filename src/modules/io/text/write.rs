//! Writing text.

use pyrs_runtime::call;
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::object::{Obj, Object, Ptr, PyClass};
use pyrs_runtime::objects::bytes::Bytes;
use pyrs_runtime::objects::str::{Str, StrData};
use pyrs_runtime::types::shape;
use pyrs_runtime::{name, raise};

use super::{TextIoWrapper, buffered};
use crate::io::newline::replace_newlines;
use crate::io::support::{self, memchr, method, unsupported};

fn contains(text: &Str, byte: u8) -> bool {
    match text.data() {
        StrData::One(d) => memchr(byte, d).is_some(),
        StrData::Two(d) => d.contains(&u16::from(byte)),
        StrData::Four(d) => d.contains(&u32::from(byte)),
    }
}

impl TextIoWrapper {
    /// Writes a text and returns its length.
    pub(super) fn write_text(this: &Object<TextIoWrapper>, text: &Object<Str>) -> PyResult<usize> {
        let mut buffer = TextIoWrapper::open_buffer(this)?;
        let Some(mut encoder) = this.encoder() else { return Err(unsupported("not writable")) };
        let line_ends = this.line_buffering.get() && (contains(text, b'\n') || contains(text, b'\r'));
        let translated = match this.write_newline.get() {
            Some(with) if contains(text, b'\n') => {
                let translated = translate(text, with)?;
                // A method of a subclass of str may have changed the stream.
                buffer = TextIoWrapper::open_buffer(this)?;
                encoder = this.encoder().ok_or_else(|| unsupported("not writable"))?;
                Some(translated)
            }
            _ => None,
        };
        let shown = translated.as_deref().unwrap_or(text);
        // The encoder may run Python code that writes to this very stream: collect apart from what is pending.
        if encoder.is_stateless() && shown.is_ascii() {
            this.collect(&buffer, shown.raw_bytes())?;
        } else {
            let mut bytes = Vec::new();
            encoder.encode(shown, &mut bytes)?;
            this.collect(&buffer, &bytes)?;
        }
        if line_ends || this.write_through.get() {
            this.write_pending(&buffer)?;
        }
        if line_ends {
            flush_buffer(&buffer)?;
        }
        if this.snapshot.with(|s| s.is_some()) {
            this.set_decoded(None);
            this.clear_snapshot();
        }
        if let Some(decoder) = this.text_decoder() {
            decoder.reset()?;
        }
        Ok(text.len())
    }

    /// Adds bytes to those that wait, and writes them when there are enough.
    fn collect(&self, buffer: &Obj, bytes: &[u8]) -> PyResult<()> {
        let limit = self.chunk_size.get();
        // Writing may itself add to what is pending.
        loop {
            let waiting = self.pending.with(|p| p.len());
            if waiting == 0 || waiting + bytes.len() <= limit {
                break;
            }
            self.write_pending(buffer)?;
        }
        let total = self.pending.with(|p| {
            p.extend_from_slice(bytes);
            p.len()
        });
        if total >= limit { self.write_pending(buffer) } else { Ok(()) }
    }

    /// Hands the waiting bytes to the buffer.
    pub(super) fn write_pending(&self, buffer: &Obj) -> PyResult<()> {
        if self.pending.with(|p| p.is_empty()) {
            return Ok(());
        }
        let mut data = self.pending.replace(Vec::new());
        match buffered::core_of(buffer) {
            Some(core) => {
                core.write(buffer, &data)?;
                // The memory serves again.
                data.clear();
                self.pending.with(|p| {
                    if p.capacity() == 0 {
                        *p = data;
                    }
                });
                Ok(())
            }
            None => {
                let args = [Bytes::from_vec(data).into_obj()];
                support::retry_interrupted(|| call::call_method_str(buffer, name!("write"), &args)).map(drop)
            }
        }
    }
}

/// The text with another line end for `\n`.
fn translate(text: &Object<Str>, with: &'static str) -> PyResult<Ptr<Str>> {
    if text.as_obj().exact::<Str>().is_some() {
        return Ok(replace_newlines(text, with));
    }
    let args = [Str::intern("\n").into(), Str::intern(with).into()];
    let replaced = call::call_method_str(&text.as_obj(), name!("replace"), &args)?;
    replaced
        .into_ptr::<Str>()
        .map_err(|other| raise!(TypeError, "replace() should return a str object, not '{}'", other.class().name()))
}

fn flush_buffer(buffer: &Obj) -> PyResult<()> {
    match buffered::core_of(buffer) {
        Some(core) if core.is_writer() => core.flush(buffer),
        _ => method(buffer, name!("flush")).map(drop),
    }
}

/// True if `stream.write` can only be the method of `TextIOWrapper`: `print()` needs no look-up then.
pub fn writes_directly(stream: &Obj) -> PyResult<bool> {
    Ok(std::ptr::eq(stream.class(), TextIoWrapper::class()) && shape::get_attribute(stream, name!("write"))?.is_none())
}

/// Writes texts to a stream of which [`writes_directly`] is true.
pub fn write_pieces(stream: &Obj, pieces: &[Obj]) -> PyResult<()> {
    let Some(wrapper) = stream.exact::<TextIoWrapper>() else { return Ok(()) };
    for text in pieces.iter().filter_map(Obj::downcast::<Str>) {
        TextIoWrapper::write_text(wrapper, text)?;
    }
    Ok(())
}
