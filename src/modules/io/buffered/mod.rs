//! `BufferedReader`, `BufferedWriter`, `BufferedRandom`: byte streams with a buffer over a raw stream.
//!
//! The classes share [`Core`]. It holds bytes read ahead, or bytes not yet written, never both: reading first writes
//! out, writing first gives up what was read ahead. Whoever touches the raw stream holds the stream's lock, and takes
//! the buffer out of its cell meanwhile, because other threads may look at it when the GIL is released. A raw stream
//! that is exactly a `FileIO` is driven without method calls.

mod classes;
mod lock;
mod pair;
mod read;
mod write;

use std::cell::Cell;

use pyrs_runtime::call;
use pyrs_runtime::errors::{PyResult, Raised};
use pyrs_runtime::heap::cycles::Visitor;
use pyrs_runtime::object::{DataCell, Obj, ObjCell, Object, PyClass, Trace};
use pyrs_runtime::objects::int;
use pyrs_runtime::objects::singletons::{bool_obj, none};
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::text_builder::TextBuilder;
use pyrs_runtime::protocols::attr;
use pyrs_runtime::protocols::text::ReprGuard;
use pyrs_runtime::{name, raise};

use super::file_io::FileIo;
use super::support::{self, method, offset, uninitialized, unsupported};

pub use classes::{BufferedRandom, BufferedReader, BufferedWriter};
pub use pair::BufferedRwPair;

/// Where a stream is in its life.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    Ready,
    Detached,
}

/// Bytes that were read ahead: `data[pos..end]`.
#[derive(Default)]
struct ReadBuffer {
    data: Vec<u8>,
    pos: usize,
    end: usize,
}

impl ReadBuffer {
    fn ahead(&self) -> &[u8] {
        &self.data[self.pos..self.end]
    }

    fn clear(&mut self) {
        self.pos = 0;
        self.end = 0;
    }
}

/// The parts that all buffered streams have.
pub struct Core {
    raw: ObjCell,
    state: Cell<State>,
    readable: bool,
    writable: bool,
    finalizing: Cell<bool>,
    /// The raw stream is exactly a `FileIO`.
    plain: Cell<bool>,
    size: Cell<usize>,
    ahead: DataCell<ReadBuffer>,
    pending: DataCell<Vec<u8>>,
    /// Position of the raw stream, -1 = unknown.
    raw_position: Cell<i64>,
    /// The thread that is at work, 0 = none.
    owner: Cell<u64>,
}

impl Trace for Core {
    fn trace(&self, visitor: &mut Visitor<'_>) {
        self.raw.trace(visitor);
    }
    fn clear(&self) {
        self.raw.clear();
    }
}

impl Core {
    fn new(readable: bool, writable: bool) -> Core {
        Core {
            raw: ObjCell::empty(),
            state: Cell::new(State::New),
            readable,
            writable,
            finalizing: Cell::new(false),
            plain: Cell::new(false),
            size: Cell::new(0),
            ahead: DataCell::new(ReadBuffer::default()),
            pending: DataCell::new(Vec::new()),
            raw_position: Cell::new(-1),
            owner: Cell::new(0),
        }
    }

    /// Takes a raw stream.
    fn attach(&self, raw: &Obj, size: isize) -> PyResult<()> {
        self.state.set(State::New);
        if self.readable && self.writable {
            support::check_seekable(raw)?;
        }
        if self.readable {
            support::check_readable(raw)?;
        }
        if self.writable {
            support::check_writable(raw)?;
        }
        let Some(size) = usize::try_from(size).ok().filter(|n| *n > 0) else {
            return Err(raise!(ValueError, "buffer size must be strictly positive"));
        };
        // Streams of absurd sizes are refused at once, as they are when memory is taken at the start.
        if size > isize::MAX as usize / 2 {
            return Err(raise!(MemoryError));
        }
        self.raw.put(raw.clone());
        self.plain.set(raw.exact::<FileIo>().is_some());
        self.size.set(size);
        self.ahead.replace(ReadBuffer::default());
        self.pending.replace(Vec::new());
        self.raw_position.set(-1);
        self.state.set(State::Ready);
        // Where the raw stream is; some cannot tell.
        if let Err(raised) = self.raw_tell(raw) {
            raised.discard();
        }
        Ok(())
    }

    /// The raw stream, or ValueError if there is none.
    pub fn raw(&self) -> PyResult<Obj> {
        match (self.state.get(), self.raw.get()) {
            (State::Ready, Some(raw)) => Ok(raw),
            (State::Detached, _) => Err(raise!(ValueError, "raw stream has been detached")),
            _ => Err(uninitialized()),
        }
    }

    /// True, false, or unknown without a method call.
    pub fn quick_closed(&self) -> Option<bool> {
        if !self.plain.get() || self.state.get() != State::Ready {
            return None;
        }
        let raw = self.raw.peek();
        // SAFETY: `plain` was set for this very object, and the cell keeps it alive.
        (!raw.is_null()).then(|| unsafe { !raw.as_obj().downcast_unchecked::<FileIo>().is_open() })
    }

    fn is_closed(&self, raw: &Obj) -> PyResult<bool> {
        match self.quick_closed() {
            Some(closed) => Ok(closed),
            None => support::is_closed(raw),
        }
    }

    /// ValueError with this text if the stream is closed; bytes read ahead can still be had.
    fn check_open(&self, raw: &Obj, message: &str) -> PyResult<()> {
        if self.is_closed(raw)? && self.ahead_len() == 0 {
            return Err(raise!(ValueError, "{message}"));
        }
        Ok(())
    }

    fn ahead_len(&self) -> usize {
        self.ahead.with(|b| b.end - b.pos)
    }

    fn pending_len(&self) -> usize {
        self.pending.with(|p| p.len())
    }

    fn moved(&self, count: usize) {
        if self.raw_position.get() >= 0 {
            self.raw_position.set(self.raw_position.get() + count as i64);
        }
    }

    fn plain_file<'a>(&self, raw: &'a Obj) -> Option<&'a Object<FileIo>> {
        if self.plain.get() { raw.exact::<FileIo>() } else { None }
    }

    fn checked_position(&self, result: i64) -> PyResult<i64> {
        if result < 0 {
            return Err(raise!(OSError, "Raw stream returned invalid position {result}"));
        }
        self.raw_position.set(result);
        Ok(result)
    }

    /// Asks the raw stream where it is.
    fn raw_tell(&self, raw: &Obj) -> PyResult<i64> {
        let position = match self.plain_file(raw) {
            Some(file) => file.seek_to(0, libc::SEEK_CUR)?,
            None => offset(&method(raw, name!("tell"))?)?,
        };
        self.checked_position(position)
    }

    fn raw_seek(&self, raw: &Obj, target: i64, whence: i32) -> PyResult<i64> {
        let position = match self.plain_file(raw) {
            Some(file) => file.seek_to(target, whence)?,
            None => {
                let args = [int::new(target), int::new(whence as i64)];
                offset(&call::call_method_str(raw, name!("seek"), &args)?)?
            }
        };
        self.checked_position(position)
    }

    /// Gives up what was read ahead: the raw stream goes back to the logical position.
    fn rewind(&self, raw: &Obj) -> PyResult<()> {
        let ahead = self.ahead_len();
        if ahead > 0 {
            self.raw_seek(raw, -(ahead as i64), libc::SEEK_CUR)?;
        }
        self.ahead.with(ReadBuffer::clear);
        Ok(())
    }

    fn flush_and_rewind(&self, raw: &Obj) -> PyResult<()> {
        self.flush_pending(raw)?;
        if self.readable { self.rewind(raw) } else { Ok(()) }
    }

    /// `flush()` of the streams that write.
    pub fn flush(&self, this: &Obj) -> PyResult<()> {
        let raw = self.raw()?;
        self.check_open(&raw, "flush of closed file")?;
        let _lock = self.lock(this)?;
        self.flush_and_rewind(&raw)
    }

    pub fn tell(&self) -> PyResult<i64> {
        let raw = self.raw()?;
        let position = self.raw_tell(&raw)?;
        // The raw stream may have been moved behind our back.
        Ok((position - self.ahead_len() as i64 + self.pending_len() as i64).max(0))
    }

    pub fn seek(&self, this: &Obj, target: &Obj, whence: i32) -> PyResult<i64> {
        let raw = self.raw()?;
        if !(0..=2).contains(&whence) {
            return Err(raise!(ValueError, "whence value {whence} unsupported"));
        }
        self.check_open(&raw, "seek of closed file")?;
        match self.plain_file(&raw) {
            Some(file) => {
                if !file.can_seek()? {
                    return Err(unsupported("File or stream is not seekable."));
                }
            }
            None => support::check_seekable(&raw)?,
        }
        let mut target = offset(target)?;
        if whence != libc::SEEK_END
            && self.readable
            && self.pending_len() == 0
            && let Some(position) = self.seek_in_buffer(&raw, target, whence)?
        {
            return Ok(position);
        }
        let _lock = self.lock(this)?;
        self.flush_pending(&raw)?;
        if whence == libc::SEEK_CUR {
            target -= self.ahead_len() as i64;
        }
        let position = self.raw_seek(&raw, target, whence)?;
        self.ahead.with(ReadBuffer::clear);
        Ok(position)
    }

    /// Moves within the buffer if the target lies there.
    fn seek_in_buffer(&self, raw: &Obj, target: i64, whence: i32) -> PyResult<Option<i64>> {
        let current = match self.raw_position.get() {
            -1 => self.raw_tell(raw)?,
            known => known,
        };
        Ok(self.ahead.with(|b| {
            let ahead = (b.end - b.pos) as i64;
            let logical = current - ahead;
            let step = if whence == libc::SEEK_SET { target - logical } else { target };
            if step < -(b.pos as i64) || step > ahead || b.end == 0 {
                return None;
            }
            b.pos = (b.pos as i64 + step) as usize;
            // Devices may be at position 0 whatever has been read.
            Some((logical + step).max(0))
        }))
    }

    pub fn truncate(&self, this: &Obj, size: Option<Obj>) -> PyResult<Obj> {
        let raw = self.raw()?;
        self.check_open(&raw, "truncate of closed file")?;
        if !self.writable {
            return Err(unsupported("truncate"));
        }
        let _lock = self.lock(this)?;
        self.flush_and_rewind(&raw)?;
        let size = match size {
            Some(size) => size,
            None => int::new(self.raw_tell(&raw)?),
        };
        let result = call::call_method_str(&raw, name!("truncate"), &[size])?;
        // The position may have been reset.
        self.raw_position.set(-1);
        Ok(result)
    }

    pub fn close(&self, this: &Obj) -> PyResult<()> {
        let raw = self.raw()?;
        let lock = self.lock(this)?;
        if self.is_closed(&raw)? {
            return Ok(());
        }
        drop(lock);
        if self.finalizing.get() {
            self.dealloc_warn(this);
        }
        let flushed = method(this, name!("flush")).map_err(Raised::take);
        // Others that come now find the stream closed when they get the lock.
        let _lock = self.lock(this)?;
        let closed = method(&raw, name!("close"));
        self.ahead.replace(ReadBuffer::default());
        self.pending.replace(Vec::new());
        support::chain(flushed, closed.map(drop))
    }

    pub fn detach(&self, this: &Obj) -> PyResult<Obj> {
        self.raw()?;
        method(this, name!("flush"))?;
        let raw = self.raw()?;
        drop(self.raw.take());
        self.state.set(State::Detached);
        Ok(raw)
    }

    /// Tells the raw stream that `source` was never closed.
    fn dealloc_warn(&self, source: &Obj) {
        let Ok(raw) = self.raw() else { return drop(pyrs_runtime::thread::current().take_exception()) };
        if let Err(raised) = call::call_method_str(&raw, name!("_dealloc_warn"), std::slice::from_ref(source)) {
            raised.discard();
        }
    }

    fn repr(&self, this: &Obj) -> PyResult<Obj> {
        let class = this.class().name();
        let mut out = TextBuilder::new();
        match support::shown_name(this)? {
            None => {
                out.text(&format!("<{class}>"));
            }
            Some(name) => {
                let Some(_guard) = ReprGuard::enter(this) else {
                    return Err(raise!(RuntimeError, "reentrant call inside {class}.__repr__"));
                };
                out.text(&format!("<{class} name=")).repr(&name)?;
                out.text(">");
            }
        }
        Ok(out.finish_obj())
    }

    /// An attribute of the raw stream.
    fn raw_attribute(&self, name: &Object<Str>) -> PyResult<Obj> {
        attr::getattr(&self.raw()?, name)
    }

    /// A method of the raw stream, called.
    fn raw_method(&self, name: &Object<Str>) -> PyResult<Obj> {
        method(&self.raw()?, name)
    }

    fn closed(&self) -> PyResult<Obj> {
        let raw = self.raw()?;
        match self.quick_closed() {
            Some(closed) => Ok(bool_obj(closed)),
            None => attr::getattr(&raw, name!("closed")),
        }
    }

    fn raw_or_none(&self) -> Obj {
        self.raw.get().unwrap_or_else(none)
    }

    pub fn is_reader(&self) -> bool {
        self.readable
    }

    pub fn is_writer(&self) -> bool {
        self.writable
    }

    fn sizeof(&self) -> usize {
        self.size.get()
    }
}

/// True if a stream that writes holds something that has not been written.
pub fn has_pending(stream: &Obj) -> bool {
    let core = match (stream.downcast::<BufferedWriter>(), stream.downcast::<BufferedRandom>()) {
        (Some(writer), _) => &writer.core,
        (_, Some(random)) => &random.core,
        _ => return false,
    };
    core.state.get() == State::Ready && core.pending_len() > 0
}

/// The core of an object that is exactly one of our classes.
pub fn core_of(obj: &Obj) -> Option<&Core> {
    let class = obj.class();
    if std::ptr::eq(class, BufferedWriter::class()) {
        return obj.exact::<BufferedWriter>().map(|o| &o.core);
    }
    if std::ptr::eq(class, BufferedReader::class()) {
        return obj.exact::<BufferedReader>().map(|o| &o.core);
    }
    obj.exact::<BufferedRandom>().map(|o| &o.core)
}
