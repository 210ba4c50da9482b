//! The unpickling machine: one method a group of opcodes.

use num_bigint::BigInt;
use pyrs_runtime::call;
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::object::{Obj, Object, PyClass};
use pyrs_runtime::objects::bytearray::ByteArray;
use pyrs_runtime::objects::bytes::Bytes;
use pyrs_runtime::objects::dict::Dict;
use pyrs_runtime::objects::list::List;
use pyrs_runtime::objects::set::{self, Set};
use pyrs_runtime::objects::singletons::{bool_obj, none};
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::objects::{float, int};
use pyrs_runtime::protocols::{attr, buffer, codecs, iter, sequence, truth};
use pyrs_runtime::raise;
use pyrs_runtime::types::as_type;

use super::unpickler::Unpickler;
use super::{imported, imported_dict, is_native_method, unpickling_error};

struct Machine<'a> {
    u: &'a Object<Unpickler>,
    stack: Vec<Obj>,
    marks: Vec<usize>,
    persistent_load: Option<Obj>,
    find_class: Option<Obj>,
}

/// Reads one object.
pub fn load(this: &Object<Unpickler>) -> PyResult<Obj> {
    this.start()?;
    let result = run(this);
    this.stop();
    result
}

fn run(this: &Object<Unpickler>) -> PyResult<Obj> {
    let own = std::ptr::eq(this.class(), Unpickler::class());
    let lookup = |name: &str| -> PyResult<Option<Obj>> {
        if own {
            return Ok(None);
        }
        Ok(attr::getattr_optional(&this.as_obj(), &Str::intern(name))?.filter(|m| !is_native_method(m, name)))
    };
    let persistent_load = match this.persistent_load.get() {
        Some(assigned) => Some(assigned),
        None => lookup("persistent_load")?,
    };
    let find_class = lookup("find_class")?;
    this.protocol.set(0);
    Machine { u: this, stack: Vec::new(), marks: Vec::new(), persistent_load, find_class }.run()
}

impl Machine<'_> {
    fn fence(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn underflow(&self) -> pyrs_runtime::Raised {
        unpickling_error(if self.marks.is_empty() { "unpickling stack underflow" } else { "unexpected MARK found" })
    }

    fn pop(&mut self) -> PyResult<Obj> {
        if self.stack.len() > self.fence()
            && let Some(top) = self.stack.pop()
        {
            return Ok(top);
        }
        Err(self.underflow())
    }

    fn top(&self) -> PyResult<&Obj> {
        self.stack.last().filter(|_| self.stack.len() > self.fence()).ok_or_else(|| self.underflow())
    }

    fn pop_mark(&mut self) -> PyResult<Vec<Obj>> {
        match self.marks.pop() {
            Some(at) => Ok(self.stack.split_off(at)),
            None => Err(unpickling_error("could not find MARK")),
        }
    }

    fn pop_many(&mut self, n: usize) -> PyResult<Vec<Obj>> {
        if self.stack.len() < self.fence() + n {
            return Err(self.underflow());
        }
        Ok(self.stack.split_off(self.stack.len() - n))
    }

    fn number<const N: usize>(&self) -> PyResult<u64> {
        self.u.take(N, |b| {
            let mut wide = [0; 8];
            wide[..N].copy_from_slice(b);
            u64::from_le_bytes(wide)
        })
    }

    fn size<const N: usize>(&self, what: &str) -> PyResult<usize> {
        let n = self.number::<N>()?;
        if n > isize::MAX as u64 {
            return Err(raise!(OverflowError, "{what} exceeds system's maximum size of {} bytes", isize::MAX));
        }
        Ok(n as usize)
    }

    fn signed_size(&self, what: &str) -> PyResult<usize> {
        let n = self.number::<4>()? as u32 as i32;
        usize::try_from(n).map_err(|_| unpickling_error(&format!("{what} pickle has negative byte count")))
    }

    fn run(mut self) -> PyResult<Obj> {
        loop {
            let op = match self.u.take(1, |b| b[0]) {
                Ok(op) => op,
                Err(raised) => {
                    let class = super::error_class("UnpicklingError")?;
                    if as_type(&class).is_some_and(|c| raised.matches(c)) {
                        raised.discard();
                        return Err(raise!(EOFError, "Ran out of input"));
                    }
                    return Err(raised);
                }
            };
            if op == b'.' {
                return self.pop();
            }
            let made = match op {
                b'N' => Some(none()),
                0x88 => Some(bool_obj(true)),
                0x89 => Some(bool_obj(false)),
                b'K' => Some(int::new(self.number::<1>()? as i64)),
                b'M' => Some(int::new(self.number::<2>()? as i64)),
                b'J' => Some(int::new(i64::from(self.number::<4>()? as u32 as i32))),
                b'G' => Some(float::new(f64::from_bits(self.number::<8>()?.swap_bytes()))),
                b']' => Some(List::new().into_obj()),
                b'}' => Some(Dict::new().into_obj()),
                b')' => Some(Tuple::empty().into_obj()),
                0x8f => Some(set::set_from(Vec::new())?),
                b'h' => Some(self.memo_get(self.number::<1>()? as usize)?),
                b'j' => Some(self.memo_get(self.number::<4>()? as usize)?),
                b'(' => {
                    self.marks.push(self.stack.len());
                    None
                }
                0x94 => {
                    let n = self.u.memo.with(|m| m.len());
                    self.memo_put(n)?;
                    None
                }
                b'q' => {
                    let n = self.number::<1>()? as usize;
                    self.memo_put(n)?;
                    None
                }
                b'r' => {
                    let n = self.number::<4>()? as usize;
                    self.memo_put(n)?;
                    None
                }
                b'X' | 0x8c | 0x8d | b'U' | b'T' | b'B' | b'C' | 0x8e | 0x96 | 0x8a | 0x8b => Some(self.sized(op)?),
                b'I' | b'L' | b'F' | b'S' | b'V' | b'g' => Some(self.line_value(op)?),
                b't' | b'l' | b'd' | 0x85..=0x87 | 0x91 => Some(self.container(op)?),
                b'a' | b'e' | b's' | b'u' | 0x90 => {
                    self.fill(op)?;
                    None
                }
                b'c' | 0x93 | 0x82..=0x84 => Some(self.global(op)?),
                b'R' | 0x81 | 0x92 | b'i' | b'o' => Some(self.construct(op)?),
                b'b' => {
                    self.build()?;
                    None
                }
                _ => self.other(op)?,
            };
            self.stack.extend(made);
        }
    }

    fn memo_get(&self, i: usize) -> PyResult<Obj> {
        let found = self.u.memo.with(|m| m.get(i));
        found.ok_or_else(|| unpickling_error(&format!("Memo value not found at index {i}")))
    }

    fn memo_put(&self, i: usize) -> PyResult<()> {
        let top = self.top()?.clone();
        let old = self.u.memo.with(|m| m.set(i, top));
        drop(old);
        Ok(())
    }

    /// Values with a length in front.
    fn sized(&mut self, op: u8) -> PyResult<Obj> {
        let n = match op {
            0x8c | b'U' | b'C' | 0x8a => self.number::<1>()? as usize,
            b'X' => self.size::<4>("BINUNICODE")?,
            b'B' => self.size::<4>("BINBYTES")?,
            b'T' => self.signed_size("BINSTRING")?,
            0x8b => self.signed_size("LONG")?,
            0x8d => self.size::<8>("BINUNICODE8")?,
            0x8e => self.size::<8>("BINBYTES8")?,
            _ => self.size::<8>("BYTEARRAY8")?,
        };
        match op {
            b'X' | 0x8c | 0x8d => {
                let text = self.u.take(n, |b| codecs::decode_utf8(b, Some("surrogatepass")))??;
                Ok(text.into_obj())
            }
            b'B' | b'C' | 0x8e => Ok(self.u.take(n, Bytes::new)?.into_obj()),
            0x96 => Ok(self.u.take(n, |b| ByteArray::new(b.to_vec()))?.into_obj()),
            0x8a | 0x8b => Ok(self.u.take(n, |b| int::from_bigint(BigInt::from_signed_bytes_le(b)))?),
            _ => {
                let data = self.u.take(n, <[u8]>::to_vec)?;
                self.old_string(data)
            }
        }
    }

    /// An 8-bit string of Python 2.
    fn old_string(&self, data: Vec<u8>) -> PyResult<Obj> {
        let (encoding, errors) = (self.u.encoding.with(|e| e.clone()), self.u.errors.with(|e| e.clone()));
        let bytes = Bytes::from_vec(data).into_obj();
        if encoding == "bytes" {
            return Ok(bytes);
        }
        let input = buffer::to_bytes(&bytes)?;
        Ok(codecs::decode(&input, &bytes, Some(&encoding), Some(&errors))?.into_obj())
    }

    fn parsed_index(&self) -> PyResult<Obj> {
        let line = self.u.line()?;
        let text = Str::from_latin1(&line).into_obj();
        call::call(&imported("builtins", "int")?, &[text])
    }

    /// Values that are written as a line of text.
    fn line_value(&mut self, op: u8) -> PyResult<Obj> {
        if op == b'g' {
            let i = self.parsed_index()?;
            let i = int::to_i64(&i).and_then(|i| usize::try_from(i).ok()).unwrap_or(usize::MAX);
            return self.memo_get(i);
        }
        let mut line = self.u.line()?;
        match op {
            b'I' | b'L' => {
                if op == b'I' && matches!(&line[..], b"00" | b"01") {
                    return Ok(bool_obj(line == b"01"));
                }
                if op == b'L' && line.last() == Some(&b'L') {
                    line.pop();
                }
                if let Some(n) = std::str::from_utf8(&line).ok().and_then(|t| t.parse::<i64>().ok()) {
                    return Ok(int::new(n));
                }
                call::call(&imported("builtins", "int")?, &[Str::from_latin1(&line).into_obj(), int::new(0)])
            }
            b'F' => call::call(&imported("builtins", "float")?, &[Bytes::from_vec(line).into_obj()]),
            b'V' => {
                let bytes = Bytes::from_vec(line).into_obj();
                codecs::decode_object(&bytes, "raw-unicode-escape", None)
            }
            _ => {
                let quoted = match &line[..] {
                    [open @ (b'"' | b'\''), inside @ .., close] if open == close => inside,
                    _ => return Err(unpickling_error("the STRING opcode argument must be quoted")),
                };
                let decode = imported("_codecs", "escape_decode")?;
                let decoded = super::call_one(&decode, &Bytes::new(quoted).into_obj())?;
                let data = sequence::get(&decoded, 0)?;
                self.old_string(buffer::to_bytes(&data)?)
            }
        }
    }

    fn container(&mut self, op: u8) -> PyResult<Obj> {
        let items = match op {
            0x85..=0x87 => self.pop_many(usize::from(op - 0x84))?,
            _ => self.pop_mark()?,
        };
        match op {
            b'l' => Ok(List::from_vec(items).into_obj()),
            0x91 => set::frozenset_from(items),
            b'd' => {
                if items.len() % 2 != 0 {
                    return Err(unpickling_error("odd number of items for DICT"));
                }
                let dict = Dict::new();
                for pair in items.chunks_exact(2) {
                    dict.set(pair[0].clone(), pair[1].clone())?;
                }
                Ok(dict.into_obj())
            }
            _ => Ok(Tuple::from_vec(items).into_obj()),
        }
    }

    /// Adds to the list, dict or set on the stack.
    fn fill(&mut self, op: u8) -> PyResult<()> {
        let items = match op {
            b'a' => self.pop_many(1)?,
            b's' => self.pop_many(2)?,
            _ => self.pop_mark()?,
        };
        let target = self.top()?.clone();
        match op {
            b'a' | b'e' => append_all(&target, items),
            b's' | b'u' => {
                if items.len() % 2 != 0 {
                    return Err(unpickling_error("odd number of items for SETITEMS"));
                }
                for pair in items.chunks_exact(2) {
                    match target.exact::<Dict>() {
                        Some(dict) => dict.set(pair[0].clone(), pair[1].clone())?,
                        None => sequence::setitem(&target, &pair[0], &pair[1])?,
                    }
                }
                Ok(())
            }
            _ => {
                if target.is_instance_of::<Set>()
                    && let Some(set) = set::as_set(&target)
                {
                    return items.into_iter().try_for_each(|item| set.add(item).map(drop));
                }
                let add = attr::getattr_text(&target, "add")?;
                items.iter().try_for_each(|item| super::call_one(&add, item).map(drop))
            }
        }
    }

    fn find_class(&self, module: &Obj, name: &Obj) -> PyResult<Obj> {
        match &self.find_class {
            Some(method) => call::call(method, &[module.clone(), name.clone()]),
            None => self.u.find(module, name),
        }
    }

    fn named_class(&self) -> PyResult<Obj> {
        let (module, name) = (self.u.line()?, self.u.line()?);
        let module = codecs::decode_utf8(&module, None)?.into_obj();
        self.find_class(&module, &codecs::decode_utf8(&name, None)?.into_obj())
    }

    fn global(&mut self, op: u8) -> PyResult<Obj> {
        match op {
            b'c' => self.named_class(),
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                if name.exact::<Str>().is_none() || module.exact::<Str>().is_none() {
                    return Err(unpickling_error("STACK_GLOBAL requires str"));
                }
                self.find_class(&module, &name)
            }
            _ => {
                let code = match op {
                    0x82 => self.number::<1>()? as i64,
                    0x83 => self.number::<2>()? as i64,
                    _ => i64::from(self.number::<4>()? as u32 as i32),
                };
                if code <= 0 {
                    return Err(unpickling_error("EXT specifies code <= 0"));
                }
                let key = int::new(code);
                let cache = imported_dict("copyreg", "_extension_cache")?;
                if let Some(found) = cache.get(&key)? {
                    return Ok(found);
                }
                let Some(pair) = imported_dict("copyreg", "_inverted_registry")?.get(&key)? else {
                    return Err(raise!(ValueError, "unregistered extension code {code}"));
                };
                let Some([module, name]) = pair.downcast::<Tuple>().map(|t| t.items()) else {
                    return Err(raise!(ValueError, "_inverted_registry[{code}] isn't a 2-tuple of strings"));
                };
                let found = self.find_class(module, name)?;
                cache.set(key, found.clone())?;
                Ok(found)
            }
        }
    }

    fn construct(&mut self, op: u8) -> PyResult<Obj> {
        match op {
            b'R' => {
                let (args, function) = (self.pop()?, self.pop()?);
                match args.downcast::<Tuple>() {
                    Some(args) => call::call(&function, args.items()),
                    None => Err(raise!(TypeError, "argument list must be a tuple")),
                }
            }
            b'i' => {
                let args = self.pop_mark()?;
                instantiate(&self.named_class()?, &args)
            }
            b'o' => {
                let items = self.pop_mark()?;
                match items.split_first() {
                    Some((class, args)) => instantiate(class, args),
                    None => Err(self.underflow()),
                }
            }
            _ => {
                let kwargs = if op == 0x92 { Some(self.pop()?) } else { None };
                let (args, class) = (self.pop()?, self.pop()?);
                new_object(&class, &args, kwargs.as_ref())
            }
        }
    }

    fn build(&mut self) -> PyResult<()> {
        let mut state = self.pop()?;
        let target = self.top()?.clone();
        if let Some(setstate) = attr::getattr_optional(&target, &Str::intern("__setstate__"))? {
            return super::call_one(&setstate, &state).map(drop);
        }
        let mut slots = none();
        if let Some([first, second]) = state.exact::<Tuple>().map(|t| t.items()) {
            (slots, state) = (second.clone(), first.clone());
        }
        if !state.is_none() {
            let Some(entries) = state.exact::<Dict>().map(|d| d.entries()) else {
                return Err(unpickling_error("state is not a dictionary"));
            };
            let own = attr::getattr_text(&target, "__dict__")?;
            for (key, value) in entries {
                let key = match key.exact::<Str>() {
                    Some(text) => Str::intern_ptr(text.to_ptr()).into_obj(),
                    None => key,
                };
                match own.exact::<Dict>() {
                    Some(dict) => dict.set(key, value)?,
                    None => sequence::setitem(&own, &key, &value)?,
                }
            }
        }
        if !slots.is_none() {
            let Some(entries) = slots.exact::<Dict>().map(|d| d.entries()) else {
                return Err(unpickling_error("slot state is not a dictionary"));
            };
            for (key, value) in entries {
                let name = attr::name_of(&key)?;
                attr::setattr(&target, &name, Some(&value))?;
            }
        }
        Ok(())
    }

    fn persistent(&self, id: &Obj) -> PyResult<Obj> {
        match &self.persistent_load {
            Some(method) => super::call_one(method, id),
            None => call::call_method(&self.u.as_obj(), "persistent_load", std::slice::from_ref(id)),
        }
    }

    fn other(&mut self, op: u8) -> PyResult<Option<Obj>> {
        match op {
            0x80 => {
                let version = self.number::<1>()?;
                if version > super::HIGHEST_PROTOCOL as u64 {
                    return Err(raise!(ValueError, "unsupported pickle protocol: {version}"));
                }
                self.u.protocol.set(version as i64);
            }
            0x95 => {
                let n = self.size::<8>("FRAME length")?;
                self.u.load_frame(n)?;
            }
            b'0' => {
                if self.marks.last() == Some(&self.stack.len()) {
                    self.marks.pop();
                } else {
                    self.pop()?;
                }
            }
            b'1' => drop(self.pop_mark()?),
            b'2' => return Ok(Some(self.top()?.clone())),
            b'p' => {
                let i = self.parsed_index()?;
                let Some(i) = int::to_i64(&i).and_then(|i| usize::try_from(i).ok()) else {
                    return Err(raise!(ValueError, "negative PUT argument"));
                };
                self.memo_put(i)?;
            }
            b'P' => {
                let line = self.u.line()?;
                if !line.is_ascii() {
                    return Err(unpickling_error("persistent IDs in protocol 0 must be ASCII strings"));
                }
                return self.persistent(&Str::from_latin1(&line).into_obj()).map(Some);
            }
            b'Q' => {
                let id = self.pop()?;
                return self.persistent(&id).map(Some);
            }
            0x97 => {
                let Some(buffers) = self.u.buffers.get() else {
                    return Err(unpickling_error(
                        "pickle stream refers to out-of-band data but no *buffers* argument was given",
                    ));
                };
                let next = iter::next(&buffers)?;
                return next.map(Some).ok_or_else(|| unpickling_error("not enough out-of-band buffers"));
            }
            0x98 => {
                let object = self.pop()?;
                let view = pyrs_runtime::objects::memoryview::MemoryView::from_object(&object)?;
                if truth::is_true(&attr::getattr_text(&view, "readonly")?)? {
                    return Ok(Some(object));
                }
                return call::call_method(&view, "toreadonly", &[]).map(Some);
            }
            0x20..=0x7e if !matches!(op, b'\'' | b'\\') => {
                return Err(unpickling_error(&format!("invalid load key, '{}'.", op as char)));
            }
            _ => return Err(unpickling_error(&format!("invalid load key, '\\x{op:02x}'."))),
        }
        Ok(None)
    }
}

fn append_all(target: &Obj, items: Vec<Obj>) -> PyResult<()> {
    if let Some(list) = target.exact::<List>() {
        items.into_iter().for_each(|item| list.push(item));
        return Ok(());
    }
    if items.len() != 1
        && let Some(extend) = attr::getattr_optional(target, &Str::intern("extend"))?
    {
        return super::call_one(&extend, &List::from_vec(items).into_obj()).map(drop);
    }
    let append = attr::getattr_text(target, "append")?;
    items.iter().try_for_each(|item| super::call_one(&append, item).map(drop))
}

fn instantiate(class: &Obj, args: &[Obj]) -> PyResult<Obj> {
    if args.is_empty()
        && as_type(class).is_some()
        && attr::getattr_optional(class, &Str::intern("__getinitargs__"))?.is_none()
    {
        return call::call_method(class, "__new__", std::slice::from_ref(class));
    }
    call::call(class, args)
}

fn new_object(class: &Obj, args: &Obj, kwargs: Option<&Obj>) -> PyResult<Obj> {
    let op = if kwargs.is_some() { "NEWOBJ_EX" } else { "NEWOBJ" };
    let name = |obj: &Obj| obj.class().name().to_owned();
    if as_type(class).is_none() {
        return Err(unpickling_error(&format!("{op} class argument must be a type, not {}", name(class))));
    }
    let Some(positional) = args.downcast::<Tuple>() else {
        return Err(unpickling_error(&format!("{op} args argument must be a tuple, not {}", name(args))));
    };
    let keywords = match kwargs {
        None => None,
        Some(kwargs) => match kwargs.downcast::<Dict>() {
            Some(dict) => Some(dict),
            None => {
                return Err(unpickling_error(&format!("{op} kwargs argument must be a dict, not {}", name(kwargs))));
            }
        },
    };
    let mut all = vec![class.clone()];
    all.extend_from_slice(positional.items());
    call::call_dict(&attr::getattr_text(class, "__new__")?, &all, keywords)
}
