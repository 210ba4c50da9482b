//! Reading from a buffered stream.

use pyrs_runtime::call;
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::object::{Obj, Ptr};
use pyrs_runtime::objects::bytearray::ByteArray;
use pyrs_runtime::objects::bytes::Bytes;
use pyrs_runtime::objects::int;
use pyrs_runtime::objects::memoryview::MemoryView;
use pyrs_runtime::objects::singletons::none;
use pyrs_runtime::protocols::buffer::Buffer;
use pyrs_runtime::protocols::{attr, number};
use pyrs_runtime::{name, raise};

use super::{Core, ReadBuffer};
use crate::io::support::{self, failed_from, find_newline, method};

/// The count that a raw stream's method returned, as far as it makes sense.
pub(super) fn checked_count(result: &Obj, method: &str, most: usize) -> PyResult<usize> {
    let count = number::index(result).and_then(|index| {
        int::to_i64(&index).ok_or_else(|| raise!(ValueError, "cannot fit 'int' into an index-sized integer"))
    });
    match count {
        Err(raised) => Err(failed_from(raised, &format!("raw {method}() failed"))),
        Ok(n) if n < 0 || n as u64 > most as u64 => {
            Err(raise!(OSError, "raw {method}() returned invalid length {n} (should have been between 0 and {most})"))
        }
        Ok(n) => Ok(n as usize),
    }
}

impl Core {
    /// Reads from the raw stream into memory; `None` if nothing is ready.
    fn raw_read(&self, raw: &Obj, out: &mut [u8]) -> PyResult<Option<usize>> {
        let count = match self.plain_file(raw) {
            Some(file) => file.read_into(out)?,
            None => {
                // A Python stream gets memory that stays valid should it keep it.
                let array = ByteArray::new(vec![0; out.len()]);
                let view = MemoryView::from_object(&array.as_obj())?;
                let args = [view];
                let result = support::retry_interrupted(|| call::call_method_str(raw, name!("readinto"), &args))?;
                if result.is_none() {
                    None
                } else {
                    let count = checked_count(&result, "readinto", out.len())?;
                    array.with(|data| out[..count].copy_from_slice(&data[..count]));
                    Some(count)
                }
            }
        };
        self.moved(count.unwrap_or(0));
        Ok(count)
    }

    /// Fills the buffer, which has been used up.
    fn fill(&self, raw: &Obj) -> PyResult<Option<usize>> {
        let mut buffer = self.ahead.replace(ReadBuffer::default());
        buffer.clear();
        if buffer.data.len() != self.size.get() {
            buffer.data = vec![0; self.size.get()];
        }
        let result = self.raw_read(raw, &mut buffer.data);
        if let Ok(Some(count)) = result {
            buffer.end = count;
        }
        self.ahead.replace(buffer);
        result
    }

    /// Takes up to `most` bytes from the buffer.
    fn take_ahead(&self, most: usize, out: &mut Vec<u8>) {
        self.ahead.with(|b| {
            let count = most.min(b.end - b.pos);
            out.extend_from_slice(&b.ahead()[..count]);
            b.pos += count;
        });
    }

    /// Bytes straight from the buffer, if it holds enough.
    #[inline]
    fn take_whole(&self, count: usize) -> Option<Ptr<Bytes>> {
        self.ahead.with(|b| {
            if b.end - b.pos < count {
                return None;
            }
            let bytes = Bytes::new(&b.ahead()[..count]);
            b.pos += count;
            Some(bytes)
        })
    }

    pub fn read(&self, this: &Obj, size: isize) -> PyResult<Obj> {
        let raw = self.raw()?;
        if size < -1 {
            return Err(raise!(ValueError, "read length must be non-negative or -1"));
        }
        self.check_open(&raw, "read of closed file")?;
        if size == -1 {
            let _lock = self.lock(this)?;
            let mut out = Vec::new();
            return Ok(if self.read_all(&raw, &mut out)? { Bytes::from_vec(out).into() } else { none() });
        }
        if let Some(bytes) = self.take_whole(size as usize) {
            return Ok(bytes.into());
        }
        let _lock = self.lock(this)?;
        self.read_many(&raw, size as usize)
    }

    /// Appends everything up to the end; false if nothing is ready.
    fn read_all(&self, raw: &Obj, out: &mut Vec<u8>) -> PyResult<bool> {
        if self.writable {
            self.flush_pending(raw)?;
        }
        let start = out.len();
        self.take_ahead(usize::MAX, out);
        self.ahead.with(ReadBuffer::clear);
        if let Some(file) = self.plain_file(raw) {
            let before = out.len();
            let any = file.read_to_end(out)?;
            self.moved(out.len() - before);
            return Ok(any || out.len() > start);
        }
        if let Some(readall) = attr::getattr_optional(raw, name!("readall"))? {
            let rest = call::call(&readall, &[])?;
            if rest.is_none() {
                return Ok(out.len() > start);
            }
            let Some(rest) = rest.downcast::<Bytes>() else {
                return Err(raise!(TypeError, "readall() should return bytes"));
            };
            self.moved(rest.len());
            out.extend_from_slice(rest.as_slice());
            return Ok(true);
        }
        loop {
            let chunk = method(raw, name!("read"))?;
            if chunk.is_none() {
                return Ok(out.len() > start);
            }
            let Some(chunk) = chunk.downcast::<Bytes>() else {
                return Err(raise!(TypeError, "read() should return bytes"));
            };
            if chunk.is_empty() {
                return Ok(true);
            }
            self.moved(chunk.len());
            out.extend_from_slice(chunk.as_slice());
        }
    }

    /// Reads everything for a text stream that decodes it at once; `None` if nothing is ready.
    pub fn read_all_into(&self, this: &Obj) -> PyResult<Option<Vec<u8>>> {
        let raw = self.raw()?;
        self.check_open(&raw, "read of closed file")?;
        let _lock = self.lock(this)?;
        let mut out = Vec::new();
        Ok(self.read_all(&raw, &mut out)?.then_some(out))
    }

    /// Reads more bytes than the buffer holds: whole multiples of its size directly.
    fn read_many(&self, raw: &Obj, size: usize) -> PyResult<Obj> {
        if self.writable {
            self.flush_pending(raw)?;
        }
        let mut out = Vec::new();
        if out.try_reserve_exact(size).is_err() {
            return Err(raise!(MemoryError));
        }
        // Another thread may have filled the buffer while this one waited for the lock.
        self.take_ahead(size, &mut out);
        if out.len() == size {
            return Ok(Bytes::from_vec(out).into());
        }
        self.ahead.with(ReadBuffer::clear);
        let finish = |out: Vec<u8>, count: Option<usize>| -> Obj {
            if out.is_empty() && count.is_none() { none() } else { Bytes::from_vec(out).into() }
        };
        loop {
            let left = size - out.len();
            let whole = left - left % self.size.get();
            if whole == 0 {
                break;
            }
            let start = out.len();
            out.resize(start + whole, 0);
            let count = self.raw_read(raw, &mut out[start..])?;
            out.truncate(start + count.unwrap_or(0));
            if count.unwrap_or(0) == 0 {
                return Ok(finish(out, count));
            }
        }
        while out.len() < size {
            let count = self.fill(raw)?;
            if count.unwrap_or(0) == 0 {
                return Ok(finish(out, count));
            }
            self.take_ahead(size - out.len(), &mut out);
        }
        Ok(Bytes::from_vec(out).into())
    }

    pub fn read1(&self, this: &Obj, size: isize) -> PyResult<Obj> {
        let raw = self.raw()?;
        let size = usize::try_from(size).unwrap_or(self.size.get());
        self.check_open(&raw, "read of closed file")?;
        if size == 0 {
            return Ok(Bytes::new(b"").into());
        }
        let buffered = || {
            let ahead = self.ahead_len();
            if ahead > 0 { self.take_whole(ahead.min(size)) } else { None }
        };
        if let Some(bytes) = buffered() {
            return Ok(bytes.into());
        }
        let _lock = self.lock(this)?;
        // Another thread may have filled the buffer meanwhile.
        if let Some(bytes) = buffered() {
            return Ok(bytes.into());
        }
        if self.writable {
            self.flush_pending(&raw)?;
        }
        self.ahead.with(ReadBuffer::clear);
        let mut out = Vec::new();
        if out.try_reserve_exact(size).is_err() {
            return Err(raise!(MemoryError));
        }
        out.resize(size, 0);
        let count = self.raw_read(&raw, &mut out)?.unwrap_or(0);
        Ok(Bytes::new(&out[..count]).into())
    }

    pub fn read_into(&self, this: &Obj, buffer: &Buffer, only_once: bool) -> PyResult<Option<usize>> {
        let raw = self.raw()?;
        self.check_open(&raw, "readinto of closed file")?;
        let room = buffer.len();
        let mut done = 0;
        let copy_ahead = |done: usize| {
            let mut part = Vec::new();
            self.take_ahead(room - done, &mut part);
            buffer.with_bytes_mut(|out| out[done..done + part.len()].copy_from_slice(&part));
            part.len()
        };
        done += copy_ahead(done);
        if done == room {
            return Ok(Some(done));
        }
        let _lock = self.lock(this)?;
        done += copy_ahead(done);
        if self.writable {
            self.flush_pending(&raw)?;
        }
        while done < room {
            let count = if room - done > self.size.get() {
                self.ahead.with(ReadBuffer::clear);
                buffer.with_bytes_mut(|out| self.raw_read(&raw, &mut out[done..]))?
            } else if only_once && done > 0 {
                Some(0)
            } else {
                match self.fill(&raw)? {
                    Some(n) if n > 0 => Some(copy_ahead(done)),
                    other => other,
                }
            };
            match count {
                None if done == 0 => return Ok(None),
                None | Some(0) => break,
                Some(n) => done += n,
            }
            if only_once {
                break;
            }
        }
        Ok(Some(done))
    }

    pub fn peek(&self, this: &Obj) -> PyResult<Obj> {
        let raw = self.raw()?;
        self.check_open(&raw, "peek of closed file")?;
        let _lock = self.lock(this)?;
        if self.writable {
            self.flush_pending(&raw)?;
        }
        if self.ahead_len() == 0 {
            self.fill(&raw)?;
        }
        Ok(self.ahead.with(|b| Bytes::new(b.ahead())).into())
    }

    pub fn readline(&self, this: &Obj, limit: isize) -> PyResult<Ptr<Bytes>> {
        let raw = self.raw()?;
        self.check_open(&raw, "readline of closed file")?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        if let Some(line) = self.line_ahead(limit) {
            return Ok(line);
        }
        let _lock = self.lock(this)?;
        if self.writable {
            self.flush_pending(&raw)?;
        }
        let mut line = Vec::new();
        loop {
            let complete = self.ahead.with(|b| {
                let ahead = b.ahead();
                let end = find_newline(ahead);
                let count = end.unwrap_or(ahead.len()).min(limit - line.len());
                line.extend_from_slice(&ahead[..count]);
                b.pos += count;
                end.is_some() || line.len() >= limit
            });
            if complete || self.fill(&raw)?.unwrap_or(0) == 0 {
                return Ok(Bytes::from_vec(line));
            }
        }
    }

    /// A line that is in the buffer as a whole.
    #[inline]
    fn line_ahead(&self, limit: usize) -> Option<Ptr<Bytes>> {
        self.ahead.with(|b| {
            let ahead = b.ahead();
            let count = match find_newline(ahead) {
                Some(end) => end.min(limit),
                None if ahead.len() >= limit => limit,
                None => return None,
            };
            let line = Bytes::new(&ahead[..count]);
            b.pos += count;
            Some(line)
        })
    }

    /// The next line for iteration; a subclass may have its own `readline`.
    pub(super) fn next_line(&self, this: &Obj, exact: bool) -> PyResult<Option<Obj>> {
        if exact {
            let line = self.readline(this, -1)?;
            return Ok((!line.is_empty()).then(|| line.into()));
        }
        let line = method(this, name!("readline"))?;
        match line.downcast::<Bytes>().map(|b| b.len()) {
            Some(0) => Ok(None),
            Some(_) => Ok(Some(line)),
            None => {
                Err(raise!(OSError, "readline() should have returned a bytes object, not '{}'", line.class().name()))
            }
        }
    }
}
