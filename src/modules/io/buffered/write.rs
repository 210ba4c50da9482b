//! Writing to a buffered stream.

use pyrs_runtime::call;
use pyrs_runtime::errors::{PyResult, Raised, raise_class};
use pyrs_runtime::name;
use pyrs_runtime::object::{Obj, PyClass};
use pyrs_runtime::objects::bytes::Bytes;
use pyrs_runtime::objects::exceptions::BlockingIOError;
use pyrs_runtime::objects::int;
use pyrs_runtime::objects::memoryview::MemoryView;
use pyrs_runtime::objects::str::Str;

use super::Core;
use super::read::checked_count;
use crate::io::support;

impl Core {
    /// Writes to the raw stream; `None` if it is not ready.
    fn raw_write(&self, raw: &Obj, data: &[u8]) -> PyResult<Option<usize>> {
        let count = match self.plain_file(raw) {
            Some(file) => file.write_some(data)?,
            None => {
                let view = MemoryView::from_object(&Bytes::new(data).into_obj())?;
                let args = [view];
                let result = support::retry_interrupted(|| call::call_method_str(raw, name!("write"), &args))?;
                if result.is_none() { None } else { Some(checked_count(&result, "write", data.len())?) }
            }
        };
        self.moved(count.unwrap_or(0));
        Ok(count)
    }

    /// `BlockingIOError` after `written` bytes of the caller's data.
    #[cold]
    fn blocked(&self, written: usize) -> Raised {
        let errno = if self.plain.get() { libc::EAGAIN } else { 0 };
        let text = Str::new("write could not complete without blocking").into_obj();
        raise_class(BlockingIOError::class(), &[int::new(errno as i64), text, int::new(written as i64)])
    }

    /// Writes out what is buffered.
    pub(super) fn flush_pending(&self, raw: &Obj) -> PyResult<()> {
        let mut data = self.pending.replace(Vec::new());
        let mut done = 0;
        let mut result = Ok(());
        while done < data.len() {
            match self.raw_write(raw, &data[done..]) {
                Ok(Some(count)) => done += count,
                Ok(None) => {
                    result = Err(self.blocked(0));
                    break;
                }
                Err(raised) => {
                    result = Err(raised);
                    break;
                }
            }
            // A partial write may mean that a signal arrived.
            if done < data.len()
                && let Err(raised) = crate::os::check_signals()
            {
                result = Err(raised);
                break;
            }
        }
        data.drain(..done);
        self.pending.replace(data);
        result
    }

    /// Appends to the buffer as much as there is room for.
    fn store(&self, data: &[u8]) -> usize {
        let size = self.size.get();
        self.pending.with(|pending| {
            let count = data.len().min(size.saturating_sub(pending.len()));
            pending.extend_from_slice(&data[..count]);
            count
        })
    }

    /// Takes the data into the buffer or writes them.
    pub fn write(&self, this: &Obj, data: &[u8]) -> PyResult<usize> {
        let raw = self.raw()?;
        let _lock = self.lock(this)?;
        if self.is_closed(&raw)? {
            return Err(pyrs_runtime::raise!(ValueError, "write to closed file"));
        }
        if self.readable {
            self.rewind(&raw)?;
        }
        let size = self.size.get();
        if self.pending_len() + data.len() <= size {
            return Ok(self.store(data));
        }
        if let Err(raised) = self.flush_pending(&raw) {
            if !raised.matches(BlockingIOError::class()) {
                return Err(raised);
            }
            // Take in as much as there is room for.
            let stored = self.store(data);
            if stored == data.len() {
                raised.discard();
                return Ok(stored);
            }
            raised.discard();
            return Err(self.blocked(stored));
        }
        let mut done = 0;
        while data.len() - done > size {
            match self.raw_write(&raw, &data[done..])? {
                Some(count) => done += count,
                None => {
                    done += self.store(&data[done..]);
                    return Err(self.blocked(done));
                }
            }
            crate::os::check_signals()?;
        }
        done += self.store(&data[done..]);
        Ok(done)
    }
}
