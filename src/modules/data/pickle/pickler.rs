//! `Pickler`: settings, memo, and how the built-in types are written.

use std::cell::Cell;

use pyrs_macros::{pyclass, pymethods};
use pyrs_runtime::args::Maybe;
use pyrs_runtime::call::{self, Args};
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::object::{DataCell, Obj, ObjCell, Object, Ptr, PyClass};
use pyrs_runtime::objects::bytearray::ByteArray;
use pyrs_runtime::objects::bytes::Bytes;
use pyrs_runtime::objects::dict::Dict;
use pyrs_runtime::objects::int::IntRef;
use pyrs_runtime::objects::list::List;
use pyrs_runtime::objects::set::{FrozenSet, Set};
use pyrs_runtime::objects::singletons::{as_bool, none};
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::objects::{float, int};
use pyrs_runtime::protocols::{attr, codecs, iter, number, text, truth};
use pyrs_runtime::raise;
use pyrs_runtime::thread::with_recursion;
use pyrs_runtime::types::Type;

use super::buffer::{PickleBuffer, contiguous_bytes};
use super::memo::{self, Memo, PicklerMemoProxy};
use super::output::Output;
use super::{DEFAULT_PROTOCOL, HIGHEST_PROTOCOL, full_name, is_native_method, pickling_error, with_note};

/// How many items one APPENDS, SETITEMS or ADDITEMS takes.
pub const BATCH_SIZE: usize = 1000;
/// How deep `fast` mode goes before it looks for circles.
const FAST_NESTING_LIMIT: usize = 50;

/// This takes a binary file for writing a pickle data stream.
///
/// The optional *protocol* argument tells the pickler to use the given
/// protocol; supported protocols are 0, 1, 2, 3, 4 and 5.  The default
/// protocol is 5. It was introduced in Python 3.8, and is incompatible
/// with previous versions.
///
/// Specifying a negative protocol version selects the highest protocol
/// version supported.  The higher the protocol used, the more recent the
/// version of Python needed to read the pickle produced.
///
/// The *file* argument must have a write() method that accepts a single
/// bytes argument. It can thus be a file object opened for binary
/// writing, an io.BytesIO instance, or any other custom object that meets
/// this interface.
///
/// If *fix_imports* is True and protocol is less than 3, pickle will try
/// to map the new Python 3 names to the old module names used in Python
/// 2, so that the pickle data stream is readable with Python 2.
///
/// If *buffer_callback* is None (the default), buffer views are
/// serialized into *file* as part of the pickle stream.
///
/// If *buffer_callback* is not None, then it can be called any number
/// of times with a buffer view.  If the callback returns a false value
/// (such as None), the given buffer is out-of-band; otherwise the
/// buffer is serialized in-band, i.e. inside the pickle stream.
///
/// It is an error if *buffer_callback* is not None and *protocol*
/// is None or smaller than 5.
#[pyclass(name = "Pickler", module = "_pickle", weaklist, flags = BASETYPE)]
pub struct Pickler {
    /// `file.write`; empty for `dumps`, and before `__init__`.
    pub write_method: ObjCell,
    dispatch_table: ObjCell,
    buffer_callback: ObjCell,
    /// An override of `persistent_id` that was assigned to the instance.
    persistent_id: ObjCell,
    pub protocol: Cell<i64>,
    pub bin: Cell<i64>,
    pub fast: Cell<i64>,
    pub fix_imports: Cell<bool>,
    running: Cell<bool>,
    pub memo: DataCell<Memo>,
    pub output: DataCell<Output>,
    nesting: Cell<usize>,
    nested: DataCell<Vec<u64>>,
}

/// What is looked up once for each `dump`.
pub struct Hooks {
    persistent_id: Option<Obj>,
    reducer_override: Option<Obj>,
    pub dispatch_table: Option<Obj>,
}

impl Pickler {
    fn fresh() -> Pickler {
        Pickler {
            write_method: ObjCell::empty(),
            dispatch_table: ObjCell::empty(),
            buffer_callback: ObjCell::empty(),
            persistent_id: ObjCell::empty(),
            protocol: Cell::new(DEFAULT_PROTOCOL),
            bin: Cell::new(1),
            fast: Cell::new(0),
            fix_imports: Cell::new(false),
            running: Cell::new(false),
            memo: DataCell::new(Memo::default()),
            output: DataCell::new(Output::default()),
            nesting: Cell::new(0),
            nested: DataCell::new(Vec::new()),
        }
    }

    /// A pickler without a file.
    pub fn make(protocol: Option<&Obj>, fix_imports: bool, callback: Option<&Obj>) -> PyResult<Ptr<Pickler>> {
        let pickler = Ptr::new(Pickler::fresh());
        pickler.configure(protocol, fix_imports, callback)?;
        Ok(pickler)
    }

    fn configure(&self, protocol: Option<&Obj>, fix_imports: bool, callback: Option<&Obj>) -> PyResult<()> {
        let wanted = match protocol.filter(|p| !p.is_none()) {
            None => DEFAULT_PROTOCOL,
            Some(p) => number::as_ssize(p, true)? as i64,
        };
        let protocol = if wanted < 0 { HIGHEST_PROTOCOL } else { wanted };
        if protocol > HIGHEST_PROTOCOL {
            return Err(raise!(ValueError, "pickle protocol must be <= {HIGHEST_PROTOCOL}"));
        }
        let callback = callback.filter(|c| !c.is_none());
        if callback.is_some() && protocol < 5 {
            return Err(raise!(ValueError, "buffer_callback needs protocol >= 5"));
        }
        self.protocol.set(protocol);
        self.bin.set(i64::from(protocol > 0));
        self.fix_imports.set(fix_imports && protocol < 3);
        self.buffer_callback.set(callback.cloned());
        Ok(())
    }

    pub fn set_file(&self, file: &Obj) -> PyResult<()> {
        match attr::getattr_optional(file, &Str::intern("write"))? {
            Some(write) => {
                self.write_method.put(write);
                Ok(())
            }
            None => Err(raise!(TypeError, "file must have a 'write' attribute")),
        }
    }

    /// What `dumps` returns.
    pub fn take_output(&self) -> Obj {
        Bytes::from_vec(self.output.with(|o| std::mem::take(&mut o.data))).into_obj()
    }

    pub fn clear_memo_now(&self) {
        drop(self.memo.replace(Memo::default()));
    }

    /// Writes a reference to an object that has been written before.
    pub fn write_memo_get(&self, n: usize) {
        if self.bin.get() == 0 {
            self.write(format!("g{n}\n").as_bytes());
        } else if let Ok(n) = u8::try_from(n) {
            self.write(&[b'h', n]);
        } else {
            let mut op = vec![b'j'];
            op.extend_from_slice(&(n as u32).to_le_bytes());
            self.write(&op);
        }
    }

    pub fn memo_number(&self, obj: &Obj) -> Option<usize> {
        self.memo.with(|m| m.entries.get(&obj.id()).map(|(n, _)| *n))
    }

    /// Gives the object the next number.
    pub fn memoize(&self, obj: &Obj) {
        if self.fast.get() != 0 {
            return;
        }
        let (n, old) = self.memo.with(|m| {
            let n = m.entries.len();
            (n, m.entries.insert(obj.id(), (n, obj.clone())))
        });
        drop(old);
        if self.protocol.get() >= 4 {
            self.write(b"\x94");
        } else if self.bin.get() == 0 {
            self.write(format!("p{n}\n").as_bytes());
        } else if let Ok(n) = u8::try_from(n) {
            self.write(&[b'q', n]);
        } else {
            let mut op = vec![b'r'];
            op.extend_from_slice(&(n as u32).to_le_bytes());
            self.write(&op);
        }
    }

    fn hooks(this: &Object<Pickler>) -> PyResult<Hooks> {
        let dispatch = || -> PyResult<Option<Obj>> {
            match this.dispatch_table.get() {
                Some(table) => Ok(Some(table)),
                None if std::ptr::eq(this.class(), Pickler::class()) => Ok(None),
                None => attr::getattr_optional(&this.as_obj(), &Str::intern("dispatch_table")),
            }
        };
        let lookup = |name: &str| -> PyResult<Option<Obj>> {
            if std::ptr::eq(this.class(), Pickler::class()) {
                return Ok(None);
            }
            attr::getattr_optional(&this.as_obj(), &Str::intern(name))
        };
        let persistent_id = match this.persistent_id.get() {
            Some(own) => Some(own),
            None => lookup("persistent_id")?.filter(|m| !is_native_method(m, "persistent_id")),
        };
        Ok(Hooks { persistent_id, reducer_override: lookup("reducer_override")?, dispatch_table: dispatch()? })
    }

    fn start(&self) -> PyResult<()> {
        if self.running.replace(true) {
            return Err(raise!(RuntimeError, "Pickler object is already being used"));
        }
        Ok(())
    }
}

/// `pickler.dump(obj)`
pub fn dump(this: &Object<Pickler>, obj: &Obj) -> PyResult<()> {
    this.start()?;
    let result = dump_locked(this, obj);
    this.output.with(|o| o.framing = false);
    this.running.set(false);
    result
}

fn dump_locked(this: &Object<Pickler>, obj: &Obj) -> PyResult<()> {
    this.output.replace(Output::default());
    this.nesting.set(0);
    let hooks = Pickler::hooks(this)?;
    let protocol = this.protocol.get();
    if protocol >= 2 {
        this.write(&[0x80, protocol as u8]);
        this.output.with(|o| o.framing = protocol >= 4);
    }
    Saver { p: this, hooks: &hooks }.save(obj, false)?;
    this.output.with(|o| {
        o.write(b".");
        o.commit_frame();
    });
    this.flush_to_file()
}

/// One `dump` under way.
#[derive(Copy, Clone)]
pub struct Saver<'a> {
    pub p: &'a Object<Pickler>,
    pub hooks: &'a Hooks,
}

fn is_exact<T: PyClass>(obj: &Obj) -> bool {
    std::ptr::eq(obj.class(), T::class())
}

impl Saver<'_> {
    /// Writes an object; `as_id` for a persistent id, which has no persistent id of its own.
    pub fn save(&self, obj: &Obj, as_id: bool) -> PyResult<()> {
        self.p.opcode_boundary()?;
        if !as_id
            && let Some(persistent_id) = &self.hooks.persistent_id
            && self.save_persistent(persistent_id, obj)?
        {
            return Ok(());
        }
        if self.save_atom(obj)? {
            return Ok(());
        }
        if let Some(n) = self.p.memo_number(obj) {
            self.p.write_memo_get(n);
            return Ok(());
        }
        if let Some(text) = obj.exact::<Str>() {
            return self.save_str(text);
        }
        if let Some(bytes) = obj.exact::<Bytes>() {
            return self.save_bytes(obj, bytes.as_slice());
        }
        with_recursion(" while pickling an object", || self.save_compound(obj))
    }

    fn save_atom(&self, obj: &Obj) -> PyResult<bool> {
        let new_style = self.p.protocol.get() >= 2;
        if obj.is_none() {
            self.p.write(b"N");
        } else if let Some(b) = as_bool(obj) {
            self.p.write(match (new_style, b) {
                (true, true) => b"\x88",
                (true, false) => b"\x89",
                (false, true) => b"I01\n",
                (false, false) => b"I00\n",
            });
        } else if int::is_exact(obj) {
            self.save_int(obj)?;
        } else if float::is_exact(obj) {
            let x = float::view(obj).unwrap_or(0.0);
            if self.p.bin.get() != 0 {
                let mut op = [b'G'; 9];
                op[1..].copy_from_slice(&x.to_be_bytes());
                self.p.write(&op);
            } else {
                self.p.write(format!("F{}\n", pyrs_unicode::number_format::float_repr(x)).as_bytes());
            }
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn save_int(&self, obj: &Obj) -> PyResult<()> {
        let small = match int::view(obj) {
            Some(IntRef::Small(n)) => i32::try_from(n).ok(),
            _ => None,
        };
        let binary = self.p.bin.get() != 0;
        if let Some(n) = small {
            if !binary {
                self.p.write(format!("I{n}\n").as_bytes());
            } else if let Ok(n) = u8::try_from(n) {
                self.p.write(&[b'K', n]);
            } else if let Ok(n) = u16::try_from(n) {
                let [a, b] = n.to_le_bytes();
                self.p.write(&[b'M', a, b]);
            } else {
                let [a, b, c, d] = n.to_le_bytes();
                self.p.write(&[b'J', a, b, c, d]);
            }
            return Ok(());
        }
        if self.p.protocol.get() < 2 {
            self.p.write(format!("L{}L\n", text::repr_text(obj)?).as_bytes());
            return Ok(());
        }
        let data = int::to_bigint(obj).unwrap_or_default().to_signed_bytes_le();
        let mut header = Vec::with_capacity(5);
        if let Ok(n) = u8::try_from(data.len()) {
            header.extend_from_slice(&[0x8a, n]);
        } else if let Ok(n) = i32::try_from(data.len()) {
            header.push(0x8b);
            header.extend_from_slice(&n.to_le_bytes());
        } else {
            return Err(raise!(OverflowError, "int too large to pickle"));
        }
        self.p.write(&header);
        self.p.write(&data);
        Ok(())
    }

    fn save_persistent(&self, persistent_id: &Obj, obj: &Obj) -> PyResult<bool> {
        let id = super::call_one(persistent_id, obj)?;
        if id.is_none() {
            return Ok(false);
        }
        if self.p.bin.get() != 0 {
            self.save(&id, true)?;
            self.p.write(b"Q");
            return Ok(true);
        }
        let text = text::str(&id)?;
        let Some(ascii) = text.as_ascii() else {
            return Err(pickling_error("persistent IDs in protocol 0 must be ASCII strings"));
        };
        self.p.write(format!("P{ascii}\n").as_bytes());
        Ok(true)
    }

    /// Writes a length in the smallest of three forms; 0 for an opcode stands for a missing form.
    fn sized(&self, ops: [u8; 3], data: &[u8], object: Option<&Obj>) -> PyResult<()> {
        let mut header = Vec::with_capacity(9);
        if let (true, Ok(n)) = (ops[0] != 0, u8::try_from(data.len())) {
            header.extend_from_slice(&[ops[0], n]);
        } else if let Ok(n) = u32::try_from(data.len()) {
            header.push(ops[1]);
            header.extend_from_slice(&n.to_le_bytes());
        } else if ops[2] != 0 {
            header.push(ops[2]);
            header.extend_from_slice(&(data.len() as u64).to_le_bytes());
        } else {
            return Err(raise!(
                OverflowError,
                "serializing an object larger than 4 GiB requires pickle protocol 4 or higher"
            ));
        }
        self.p.write_payload(&header, data, object)
    }

    fn save_str(&self, text: &Object<Str>) -> PyResult<()> {
        if self.p.bin.get() != 0 {
            let new = self.p.protocol.get() >= 4;
            let ops = if new { [0x8c, b'X', 0x8d] } else { [0, b'X', 0] };
            match text.as_ascii() {
                Some(ascii) => self.sized(ops, ascii.as_bytes(), None)?,
                None => self.sized(ops, &codecs::encode_utf8(text, Some("surrogatepass"))?, None)?,
            }
        } else {
            let mut line = vec![b'V'];
            for c in text.code_points() {
                match c {
                    0x10000.. => line.extend_from_slice(format!("\\U{c:08x}").as_bytes()),
                    0x100.. | 0x5c | 0 | 0xa | 0xd | 0x1a => line.extend_from_slice(format!("\\u{c:04x}").as_bytes()),
                    _ => line.push(c as u8),
                }
            }
            line.push(b'\n');
            self.p.write(&line);
        }
        self.p.memoize(&text.as_obj());
        Ok(())
    }

    fn save_bytes(&self, obj: &Obj, data: &[u8]) -> PyResult<()> {
        if self.p.protocol.get() < 3 {
            // Protocols before 3 have no bytes: a call makes them, from nothing or from Latin-1 text.
            let (function, args) = if data.is_empty() {
                (Bytes::class().to_obj(), Tuple::empty().into_obj())
            } else {
                let text = Str::from_latin1(data).into_obj();
                let args = Tuple::pair(text, Str::intern("latin1").into_obj());
                (super::imported("_codecs", "encode")?, args.into_obj())
            };
            return self.save_reduction(&[function, args], obj);
        }
        let new = self.p.protocol.get() >= 4;
        let whole = obj.exact::<Bytes>().map(|_| obj);
        self.sized([b'C', b'B', if new { 0x8e } else { 0 }], data, whole)?;
        self.p.memoize(obj);
        Ok(())
    }

    fn save_bytearray(&self, obj: &Obj, data: &[u8]) -> PyResult<()> {
        if self.p.protocol.get() < 5 {
            let class = <ByteArray as PyClass>::class().to_obj();
            let args = if data.is_empty() { vec![] } else { vec![Bytes::new(data).into_obj()] };
            return self.save_reduction(&[class, Tuple::from_vec(args).into_obj()], obj);
        }
        let mut header = vec![0x96];
        header.extend_from_slice(&(data.len() as u64).to_le_bytes());
        self.p.write_payload(&header, data, obj.exact::<ByteArray>().map(|_| obj))?;
        self.p.memoize(obj);
        Ok(())
    }

    fn save_buffer(&self, obj: &Obj, buffer: &PickleBuffer) -> PyResult<()> {
        if self.p.protocol.get() < 5 {
            return Err(pickling_error("PickleBuffer can only be pickled with protocol >= 5"));
        }
        let export = buffer.export()?;
        let Some(data) = contiguous_bytes(&export) else {
            return Err(pickling_error("PickleBuffer can not be pickled when pointing to a non-contiguous buffer"));
        };
        let readonly = export.layout.readonly;
        let in_band = match self.p.buffer_callback.get() {
            Some(callback) => truth::is_true(&super::call_one(&callback, obj)?)?,
            None => true,
        };
        if !in_band {
            self.p.write(if readonly { b"\x97\x98" } else { b"\x97" });
            return Ok(());
        }
        if readonly { self.save_bytes(obj, &data) } else { self.save_bytearray(obj, &data) }
    }

    fn save_compound(&self, obj: &Obj) -> PyResult<()> {
        if is_exact::<Dict>(obj) {
            return self.guarded(obj, || self.save_dict(obj));
        }
        if is_exact::<Set>(obj) {
            return self.save_set(obj);
        }
        if is_exact::<FrozenSet>(obj) {
            return self.guarded(obj, || self.save_frozenset(obj));
        }
        if let Some(list) = obj.exact::<List>() {
            return self.guarded(obj, || self.save_list(obj, list));
        }
        if let Some(tuple) = obj.exact::<Tuple>() {
            return self.save_tuple(obj, tuple.items());
        }
        if let Some(array) = obj.exact::<ByteArray>() {
            return self.save_bytearray(obj, &array.to_vec());
        }
        if let Some(buffer) = obj.exact::<PickleBuffer>() {
            return self.save_buffer(obj, buffer);
        }
        if let Some(reducer) = &self.hooks.reducer_override {
            let reduced = super::call_one(reducer, obj)?;
            if !reduced.is(&pyrs_runtime::objects::singletons::not_implemented()) {
                return self.save_reduced(&reduced, obj);
            }
        }
        self.save_other(obj)
    }

    /// In `fast` mode nothing is memoized, so circles must be found otherwise.
    pub fn guarded(&self, obj: &Obj, f: impl FnOnce() -> PyResult<()>) -> PyResult<()> {
        if self.p.fast.get() == 0 {
            return f();
        }
        let depth = self.p.nesting.get() + 1;
        self.p.nesting.set(depth);
        let id = obj.id();
        let watched = depth >= FAST_NESTING_LIMIT;
        let mut result = Ok(());
        if watched && self.p.nested.with(|n| n.contains(&id)) {
            let class = full_name(obj);
            let error =
                raise!(ValueError, "fast mode: can't pickle cyclic objects including object type {class} at {id:#x}");
            self.p.nesting.set(depth - 1);
            return Err(error);
        }
        if watched {
            self.p.nested.with(|n| n.push(id));
        }
        if result.is_ok() {
            result = f();
        }
        if watched {
            self.p.nested.with(|n| n.pop());
        }
        self.p.nesting.set(depth - 1);
        result
    }

    fn item(&self, owner: &Obj, i: usize, item: &Obj) -> PyResult<()> {
        self.save(item, false)
            .map_err(|raised| with_note(raised, || Ok(format!("when serializing {} item {i}", full_name(owner)))))
    }

    fn value(&self, owner: &Obj, key: &Obj, value: &Obj) -> PyResult<()> {
        self.save(value, false).map_err(|raised| {
            with_note(raised, || Ok(format!("when serializing {} item {}", full_name(owner), text::repr_text(key)?)))
        })
    }

    fn element(&self, owner: &Obj, element: &Obj) -> PyResult<()> {
        self.save(element, false)
            .map_err(|raised| with_note(raised, || Ok(format!("when serializing {} element", full_name(owner)))))
    }

    fn save_tuple(&self, obj: &Obj, items: &[Obj]) -> PyResult<()> {
        let binary = self.p.bin.get() != 0;
        let n = items.len();
        if n == 0 {
            self.p.write(if binary { b")" } else { b"(t" });
            return Ok(());
        }
        let short = n <= 3 && self.p.protocol.get() >= 2;
        if !short {
            self.p.write(b"(");
        }
        for (i, item) in items.iter().enumerate() {
            self.item(obj, i, item)?;
        }
        // A tuple that holds itself has been written by now: take that one.
        if let Some(number) = self.p.memo_number(obj) {
            if short {
                self.p.write(&b"000"[..n]);
            } else if binary {
                self.p.write(b"1");
            } else {
                self.p.write(&vec![b'0'; n + 1]);
            }
            self.p.write_memo_get(number);
            return Ok(());
        }
        self.p.write(&[if short { 0x84 + n as u8 } else { b't' }]);
        self.p.memoize(obj);
        Ok(())
    }

    fn save_list(&self, obj: &Obj, list: &List) -> PyResult<()> {
        let binary = self.p.bin.get() != 0;
        self.p.write(if binary { b"]" } else { b"(l" });
        self.p.memoize(obj);
        if list.is_empty() {
            return Ok(());
        }
        if !binary {
            return self.batch_items(&iter::iter(obj)?, obj);
        }
        if list.len() == 1 {
            if let Some(only) = list.get(0) {
                self.item(obj, 0, &only)?;
                self.p.write(b"a");
            }
            return Ok(());
        }
        let mut at = 0;
        while at < list.len() {
            self.p.write(b"(");
            let end = at + BATCH_SIZE;
            while let Some(item) = list.get(at).filter(|_| at < end) {
                self.item(obj, at, &item)?;
                at += 1;
            }
            self.p.write(b"e");
        }
        Ok(())
    }

    /// The items of an iterator, appended to the list-like object under construction.
    pub fn batch_items(&self, iterator: &Obj, owner: &Obj) -> PyResult<()> {
        let mut total = 0;
        if self.p.protocol.get() == 0 {
            while let Some(item) = iter::next(iterator)? {
                self.item(owner, total, &item)?;
                total += 1;
                self.p.write(b"a");
            }
            return Ok(());
        }
        loop {
            let Some(first) = iter::next(iterator)? else { return Ok(()) };
            let Some(second) = iter::next(iterator)? else {
                self.item(owner, total, &first)?;
                self.p.write(b"a");
                return Ok(());
            };
            self.p.write(b"(");
            self.item(owner, total, &first)?;
            let (mut n, mut next) = (1, Some(second));
            while let Some(item) = next {
                self.item(owner, total + n, &item)?;
                n += 1;
                if n == BATCH_SIZE {
                    break;
                }
                next = iter::next(iterator)?;
            }
            total += n;
            self.p.write(b"e");
            if n != BATCH_SIZE {
                return Ok(());
            }
        }
    }

    fn save_dict(&self, obj: &Obj) -> PyResult<()> {
        let Some(dict) = obj.exact::<Dict>() else { return Ok(()) };
        let binary = self.p.bin.get() != 0;
        self.p.write(if binary { b"}" } else { b"(d" });
        self.p.memoize(obj);
        let size = dict.len();
        if size == 0 {
            return Ok(());
        }
        if !binary {
            let items = call::call_method(obj, "items", &[])?;
            return self.batch_pairs(&iter::iter(&items)?, obj);
        }
        let mut at = 0;
        if size == 1 {
            if let Some((_, key, value)) = dict.next_item(0) {
                self.save(&key, false)?;
                self.value(obj, &key, &value)?;
                self.p.write(b"s");
            }
            return Ok(());
        }
        loop {
            let mut n = 0;
            self.p.write(b"(");
            while n < BATCH_SIZE
                && let Some((next, key, value)) = dict.next_item(at)
            {
                at = next;
                self.save(&key, false)?;
                self.value(obj, &key, &value)?;
                n += 1;
                if dict.len() != size {
                    break;
                }
            }
            self.p.write(b"u");
            if dict.len() != size {
                return Err(raise!(RuntimeError, "dictionary changed size during iteration"));
            }
            if n != BATCH_SIZE {
                return Ok(());
            }
        }
    }

    fn pair(&self, owner: &Obj, item: &Obj) -> PyResult<()> {
        match item.downcast::<Tuple>().map(|t| t.items()) {
            Some([key, value]) => {
                self.save(key, false)?;
                self.value(owner, key, value)
            }
            _ => Err(raise!(TypeError, "dict items iterator must return 2-tuples")),
        }
    }

    /// The (key, value) tuples of an iterator, stored in the dict-like object under construction.
    pub fn batch_pairs(&self, iterator: &Obj, owner: &Obj) -> PyResult<()> {
        if self.p.protocol.get() == 0 {
            while let Some(item) = iter::next(iterator)? {
                self.pair(owner, &item)?;
                self.p.write(b"s");
            }
            return Ok(());
        }
        loop {
            let Some(first) = iter::next(iterator)? else { return Ok(()) };
            let Some(second) = iter::next(iterator)? else {
                self.pair(owner, &first)?;
                self.p.write(b"s");
                return Ok(());
            };
            self.p.write(b"(");
            self.pair(owner, &first)?;
            let (mut n, mut next) = (1, Some(second));
            while let Some(item) = next {
                self.pair(owner, &item)?;
                n += 1;
                if n == BATCH_SIZE {
                    break;
                }
                next = iter::next(iterator)?;
            }
            self.p.write(b"u");
            if n != BATCH_SIZE {
                return Ok(());
            }
        }
    }

    fn save_set(&self, obj: &Obj) -> PyResult<()> {
        let Some(set) = pyrs_runtime::objects::set::as_set(obj) else { return Ok(()) };
        if self.p.protocol.get() < 4 {
            return self.reduce_set(Set::class().to_obj(), obj);
        }
        self.p.write(b"\x8f");
        self.p.memoize(obj);
        let size = set.len();
        if size == 0 {
            return Ok(());
        }
        let mut at = 0;
        loop {
            let mut n = 0;
            self.p.write(b"(");
            while n < BATCH_SIZE
                && let Some((next, _, element)) = set.next_element(at)
            {
                at = next;
                self.element(obj, &element)?;
                n += 1;
                if set.len() != size {
                    break;
                }
            }
            self.p.write(b"\x90");
            if set.len() != size {
                return Err(raise!(RuntimeError, "set changed size during iteration"));
            }
            if n != BATCH_SIZE {
                return Ok(());
            }
        }
    }

    fn reduce_set(&self, class: Obj, obj: &Obj) -> PyResult<()> {
        let items = List::from_vec(iter::collect(obj)?).into_obj();
        self.save_reduction(&[class, Tuple::from_vec(vec![items]).into_obj()], obj)
    }

    fn save_frozenset(&self, obj: &Obj) -> PyResult<()> {
        if self.p.protocol.get() < 4 {
            return self.reduce_set(FrozenSet::class().to_obj(), obj);
        }
        self.p.write(b"(");
        for element in iter::collect(obj)? {
            self.element(obj, &element)?;
        }
        if let Some(number) = self.p.memo_number(obj) {
            self.p.write(b"1");
            self.p.write_memo_get(number);
            return Ok(());
        }
        self.p.write(b"\x91");
        self.p.memoize(obj);
        Ok(())
    }
}

#[pymethods]
impl Pickler {
    #[slot(new)]
    fn construct(cls: &Type, _args: Args<'_>) -> PyResult<Obj> {
        Ok(Ptr::new_in(cls, Pickler::fresh()).into())
    }

    #[init(name = "Pickler", sig = "(file, protocol=None, fix_imports=True, buffer_callback=None)")]
    fn init(
        &self,
        file: &Obj,
        protocol: Option<&Obj>,
        fix_imports: Maybe<bool>,
        buffer_callback: Option<&Obj>,
    ) -> PyResult<()> {
        self.start()?;
        let result =
            self.configure(protocol, fix_imports.0.unwrap_or(true), buffer_callback).and_then(|()| self.set_file(file));
        self.fast.set(0);
        self.clear_memo_now();
        self.running.set(false);
        result
    }

    #[slot(getattro)]
    fn getattro(this: &Obj, name: &Object<Str>) -> PyResult<Obj> {
        if name.eq_str("persistent_id")
            && let Some(own) = this.downcast::<Pickler>().and_then(|p| p.persistent_id.get())
        {
            return Ok(own);
        }
        attr::generic_getattr(this, name)
    }

    #[slot(setattro)]
    fn setattro(this: &Obj, name: &Object<Str>, value: Option<&Obj>) -> PyResult<()> {
        if name.eq_str("persistent_id")
            && let Some(pickler) = this.downcast::<Pickler>()
            && (value.is_some() || pickler.persistent_id.is_set())
        {
            pickler.persistent_id.set(value.cloned());
            return Ok(());
        }
        attr::generic_setattr(this, name, value)
    }

    #[pymethod]
    fn persistent_id(&self, obj: &Obj) -> Obj {
        let _ = obj;
        none()
    }

    /// Write a pickled representation of the given object to the open file.
    #[pymethod(name = "dump")]
    fn dump_method(this: &Object<Pickler>, obj: &Obj) -> PyResult<()> {
        if !this.write_method.is_set() {
            let class = this.class().name();
            return Err(pickling_error(&format!("Pickler.__init__() was not called by {class}.__init__()")));
        }
        dump(this, obj)
    }

    /// Clears the pickler's "memo".
    ///
    /// The memo is the data structure that remembers which objects the
    /// pickler has already seen, so that shared or recursive objects are
    /// pickled by reference and not by value.  This method is useful when
    /// re-using picklers.
    #[pymethod]
    fn clear_memo(&self) {
        self.clear_memo_now();
    }

    /// Returns size in memory, in bytes.
    #[pymethod(name = "__sizeof__")]
    fn sizeof(this: &Object<Pickler>) -> usize {
        let (entries, output) = (this.memo.with(|m| m.entries.capacity()), this.output.with(|o| o.data.capacity()));
        this.class().basicsize() + entries * size_of::<(u64, usize, Obj)>() + output
    }

    #[getter]
    fn bin(&self) -> i64 {
        self.bin.get()
    }

    #[setter]
    fn set_bin(&self, value: Option<&Obj>) -> PyResult<()> {
        self.bin.set(flag(value)?);
        Ok(())
    }

    #[getter]
    fn fast(&self) -> i64 {
        self.fast.get()
    }

    #[setter]
    fn set_fast(&self, value: Option<&Obj>) -> PyResult<()> {
        self.fast.set(flag(value)?);
        Ok(())
    }

    #[getter]
    fn dispatch_table(this: &Object<Pickler>) -> PyResult<Obj> {
        this.dispatch_table.get().ok_or_else(|| {
            let text = format!("'{}' object has no attribute 'dispatch_table'", this.class().name());
            pyrs_runtime::errors::raise_attribute_error(&text, &this.as_obj(), &Str::intern("dispatch_table"))
        })
    }

    #[setter]
    fn set_dispatch_table(&self, value: Option<&Obj>) -> PyResult<()> {
        self.dispatch_table.set(value.cloned());
        Ok(())
    }

    #[getter]
    fn memo(this: &Object<Pickler>) -> Obj {
        memo::pickler_proxy(this)
    }

    #[setter]
    fn set_memo(&self, value: Option<&Obj>) -> PyResult<()> {
        let Some(value) = value else { return Err(raise!(TypeError, "attribute deletion is not supported")) };
        let mut fresh = Memo::default();
        if let Some(proxy) = value.exact::<PicklerMemoProxy>() {
            fresh.entries = proxy.pickler.memo.with(|m| m.entries.clone());
        } else if let Some(dict) = value.downcast::<Dict>() {
            for (_, entry) in dict.entries() {
                let Some([n, obj]) = entry.downcast::<Tuple>().map(|t| t.items()) else {
                    return Err(raise!(TypeError, "'memo' values must be 2-item tuples"));
                };
                let n = usize::try_from(number::as_ssize(n, true)?).unwrap_or(0);
                fresh.entries.insert(obj.id(), (n, obj.clone()));
            }
        } else {
            let class = value.class().name();
            return Err(raise!(TypeError, "'memo' attribute must be a PicklerMemoProxy object or dict, not {class}"));
        }
        drop(self.memo.replace(fresh));
        Ok(())
    }
}

/// The value of an int member.
fn flag(value: Option<&Obj>) -> PyResult<i64> {
    match value {
        Some(value) => Ok(number::as_ssize(value, true)? as i64),
        None => Err(raise!(TypeError, "can't delete numeric/char attribute")),
    }
}
