//! Reading text.

use pyrs_runtime::call;
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::object::{Obj, Object, Ptr};
use pyrs_runtime::objects::bytes::Bytes;
use pyrs_runtime::objects::int;
use pyrs_runtime::objects::str::{Str, StrData};
use pyrs_runtime::protocols::buffer::BytesLike;
use pyrs_runtime::{name, raise};

use super::codec::TextDecoder;
use super::{TextIoWrapper, buffered};
use crate::io::line::{LineEnd, find_line_end};
use crate::io::support::{method, unsupported};

impl TextIoWrapper {
    /// The decoder with the translation of line ends.
    pub(super) fn text_decoder(&self) -> Option<TextDecoder<'_>> {
        let newlines = self.universal.get().then_some(&self.newlines);
        Some(TextDecoder { decoder: self.decoder()?, newlines })
    }

    fn reading_decoder(&self) -> PyResult<TextDecoder<'_>> {
        self.text_decoder().ok_or_else(|| unsupported("not readable"))
    }

    fn decoded_text(&self) -> Option<Ptr<Str>> {
        self.decoded.get().and_then(|d| d.into_ptr::<Str>().ok())
    }

    /// Takes up to `most` of the decoded characters.
    fn take_decoded(&self, most: usize) -> Ptr<Str> {
        let Some(text) = self.decoded_text() else { return Str::empty() };
        let start = self.used.get();
        let count = most.min(text.len() - start);
        self.used.set(start + count);
        if start == 0 && count == text.len() {
            return text;
        }
        Str::from_data(text.data().slice(start, start + count))
    }

    /// Reads and decodes a piece; false at the end of the stream.
    fn read_chunk(&self, buffer: &Obj, hint: usize) -> PyResult<bool> {
        let decoder = self.reading_decoder()?;
        let state = if self.telling.get() { Some(decoder.state()?) } else { None };
        let mut size = self.chunk_size.get();
        if hint > 0 {
            size = size.max((self.bytes_per_char.get().max(1.0) * hint as f64) as usize);
        }
        let name = if self.has_read1.get() { name!("read1") } else { name!("read") };
        let input = match buffered::core_of(buffer) {
            Some(core) if self.has_read1.get() => core.read1(buffer, size as isize)?,
            _ => call::call_method_str(buffer, name, &[int::new(size as i64)])?,
        };
        let count = match BytesLike::new(&input) {
            Ok(bytes) => bytes.len(),
            Err(raised) => {
                raised.discard();
                return Err(raise!(
                    TypeError,
                    "underlying {}() should have returned a bytes-like object, not '{}'",
                    name.to_string_lossy(),
                    input.class().name()
                ));
            }
        };
        let text = decoder.decode(&input, count == 0)?;
        self.bytes_per_char.set(if text.is_empty() { 0.0 } else { count as f64 / text.len() as f64 });
        let at_end = count == 0 && text.is_empty();
        self.set_decoded(Some(text.into()));
        if let Some((held, flags)) = state {
            let input = match held.downcast::<Bytes>() {
                Some(held) if !held.is_empty() => {
                    let mut joined = held.as_slice().to_vec();
                    joined.extend_from_slice(&BytesLike::new(&input)?);
                    Bytes::from_vec(joined).into()
                }
                _ if input.is_instance_of::<Bytes>() => input,
                _ => Bytes::new(&BytesLike::new(&input)?).into(),
            };
            drop(self.snapshot.replace(Some((flags, input))));
        }
        Ok(!at_end)
    }

    pub(super) fn read_text(this: &Object<TextIoWrapper>, size: isize) -> PyResult<Ptr<Str>> {
        let buffer = TextIoWrapper::open_buffer(this)?;
        let decoder = this.reading_decoder()?;
        this.write_pending(&buffer)?;
        if size < 0 {
            return this.read_rest(&buffer, &decoder);
        }
        let size = size as usize;
        let mut text = this.take_decoded(size);
        if text.len() == size {
            return Ok(text);
        }
        let mut parts = Vec::new();
        let mut left = size - text.len();
        while left > 0 {
            if !text.is_empty() {
                parts.push(text);
            }
            if !this.read_chunk(&buffer, left)? {
                text = Str::empty();
                break;
            }
            text = this.take_decoded(left);
            left -= text.len();
        }
        if !text.is_empty() {
            parts.push(text);
        }
        Ok(join(parts))
    }

    /// Everything that is left.
    fn read_rest(&self, buffer: &Obj, decoder: &TextDecoder<'_>) -> PyResult<Ptr<Str>> {
        let blocked = || {
            let class = <pyrs_runtime::objects::exceptions::BlockingIOError as pyrs_runtime::PyClass>::class();
            pyrs_runtime::errors::raise_text(class, "Read returned None.")
        };
        let core = buffered::core_of(buffer).filter(|c| c.is_reader());
        let rest = match core {
            // Bytes that nobody else sees need no object.
            Some(core) => decoder.decode_slice(&core.read_all_into(buffer)?.ok_or_else(blocked)?, true)?,
            None => {
                let bytes = method(buffer, name!("read"))?;
                if bytes.is_none() {
                    return Err(blocked());
                }
                decoder.decode(&bytes, true)?
            }
        };
        let before = self.take_decoded(usize::MAX);
        self.set_decoded(None);
        self.clear_snapshot();
        Ok(if before.is_empty() { rest } else { Str::concat(&[&before, &rest]) })
    }

    /// A line that the decoded text holds as a whole.
    #[inline]
    fn line_in_decoded(&self) -> Option<Ptr<Str>> {
        let decoded = self.decoded.peek();
        if decoded.is_null() {
            return None;
        }
        // SAFETY: the cell holds a str, and nothing runs that could empty it while we look.
        let text = unsafe { decoded.as_obj().downcast_unchecked::<Str>() };
        let start = self.used.get();
        let rest = text.data().slice(start, text.len());
        let count = find_line_end(rest, self.line_end.get())?;
        self.used.set(start + count);
        Some(match rest {
            StrData::One(d) => Str::from_latin1(&d[..count]),
            other => Str::from_data(other.slice(0, count)),
        })
    }

    pub(super) fn read_line(this: &Object<TextIoWrapper>, limit: isize) -> PyResult<Ptr<Str>> {
        let buffer = TextIoWrapper::open_buffer(this)?;
        this.write_pending(&buffer)?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        if limit == usize::MAX
            && let Some(line) = this.line_in_decoded()
        {
            return Ok(line);
        }
        let mut parts: Vec<Ptr<Str>> = Vec::new();
        let mut length = 0;
        loop {
            let available = this.decoded_text().map_or(0, |t| t.len() - this.used.get());
            if available == 0 && !this.read_chunk(&buffer, 0)? {
                // End of the stream: what there is is the last line.
                this.set_decoded(None);
                this.clear_snapshot();
                break;
            }
            let Some(text) = this.decoded_text() else { break };
            let start = this.used.get();
            if start == text.len() {
                continue;
            }
            let room = (limit - length).min(text.len() - start);
            let rest = text.data().slice(start, start + room);
            // A `\r\n` may be cut in two by the end of the piece.
            let joined = this.line_end.get() == LineEnd::CrLf
                && rest.get_first() == Some(10)
                && parts.last().is_some_and(|p| p.get_char(p.len() - 1) == Some(13));
            let end = if joined { Some(1) } else { find_line_end(rest, this.line_end.get()) };
            let count = end.unwrap_or(room);
            let part = this.take_decoded(count);
            length += part.len();
            parts.push(part);
            if end.is_some() || length >= limit {
                break;
            }
        }
        Ok(join(parts))
    }
}

/// The first unit of a text.
trait First {
    fn get_first(self) -> Option<u32>;
}

impl First for StrData<'_> {
    fn get_first(self) -> Option<u32> {
        (!self.is_empty()).then(|| self.get(0))
    }
}

fn join(mut parts: Vec<Ptr<Str>>) -> Ptr<Str> {
    match parts.len() {
        0 => Str::empty(),
        1 => parts.remove(0),
        _ => {
            let parts: Vec<&Str> = parts.iter().map(|p| &***p).collect();
            Str::concat(&parts)
        }
    }
}
