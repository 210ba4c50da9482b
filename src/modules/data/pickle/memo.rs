//! The pickler's memo: which objects have been written, and under which number.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use pyrs_macros::{pyclass, pymethods};
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::heap::cycles::Visitor;
use pyrs_runtime::object::{Obj, Object, Ptr, PyClass, Trace};
use pyrs_runtime::objects::dict::Dict;
use pyrs_runtime::objects::int;
use pyrs_runtime::objects::tuple::Tuple;

use super::pickler::Pickler;
use super::unpickler::Unpickler;

/// Identities are addresses: one multiplication spreads them well enough.
#[derive(Default)]
pub struct IdentityHasher(u64);

impl Hasher for IdentityHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for b in bytes {
            self.write_u64(u64::from(*b));
        }
    }

    fn write_u64(&mut self, n: u64) {
        self.0 = (self.0 ^ n).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(26);
    }
}

/// Numbers by identity; the objects are held, so that identities stay theirs.
#[derive(Default)]
pub struct Memo {
    pub entries: HashMap<u64, (usize, Obj), BuildHasherDefault<IdentityHasher>>,
}

impl Trace for Memo {
    fn trace(&self, visitor: &mut Visitor<'_>) {
        for (_, obj) in self.entries.values() {
            obj.trace(visitor);
        }
    }
}

/// The unpickler's memo: objects by number. Numbers that leave large gaps go to a table of their own, so that
/// data cannot ask for more memory than it has bytes.
#[derive(Default)]
pub struct Numbered {
    dense: Vec<Option<Obj>>,
    sparse: HashMap<usize, Obj>,
    count: usize,
}

impl Trace for Numbered {
    fn trace(&self, visitor: &mut Visitor<'_>) {
        for obj in self.dense.iter().flatten().chain(self.sparse.values()) {
            obj.trace(visitor);
        }
    }
}

impl Numbered {
    pub fn get(&self, i: usize) -> Option<Obj> {
        match self.dense.get(i) {
            Some(found) => found.clone().or_else(|| self.sparse.get(&i).cloned()),
            None => self.sparse.get(&i).cloned(),
        }
    }

    /// The number of entries, which is the next number for MEMOIZE.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Stores an object; the one that was there before is for the caller to drop.
    pub fn set(&mut self, i: usize, obj: Obj) -> Option<Obj> {
        let old = if i > 2 * self.dense.len() + 1024 {
            self.sparse.insert(i, obj)
        } else {
            if i >= self.dense.len() {
                self.dense.resize(i + 1, None);
            }
            let moved = if self.sparse.is_empty() { None } else { self.sparse.remove(&i) };
            self.dense[i].replace(obj).or(moved)
        };
        self.count += usize::from(old.is_none());
        old
    }

    pub fn entries(&self) -> Vec<(usize, Obj)> {
        let dense = self.dense.iter().enumerate().filter_map(|(i, obj)| Some((i, obj.clone()?)));
        let mut all: Vec<(usize, Obj)> = dense.collect();
        all.extend(self.sparse.iter().map(|(i, obj)| (*i, obj.clone())));
        all
    }
}

#[pyclass(name = "PicklerMemoProxy", module = "_pickle", flags = DISALLOW_INSTANTIATION, unhashable)]
pub struct PicklerMemoProxy {
    pub pickler: Ptr<Pickler>,
}

#[pymethods]
impl PicklerMemoProxy {
    /// Remove all items from memo.
    #[pymethod]
    fn clear(&self) {
        self.pickler.clear_memo_now();
    }

    /// Copy the memo to a new object.
    #[pymethod]
    fn copy(&self) -> PyResult<Ptr<Dict>> {
        let entries: Vec<(u64, usize, Obj)> =
            self.pickler.memo.with(|m| m.entries.iter().map(|(id, (n, obj))| (*id, *n, obj.clone())).collect());
        let dict = Dict::new();
        for (id, n, obj) in entries {
            let entry = Tuple::pair(int::from_u64(n as u64), obj);
            dict.set(int::from_u64(id), entry.into_obj())?;
        }
        Ok(dict)
    }

    /// Implement pickle support.
    #[pymethod(name = "__reduce__")]
    fn reduce(&self) -> PyResult<Obj> {
        reduced(self.copy()?)
    }
}

#[pyclass(name = "UnpicklerMemoProxy", module = "_pickle", flags = DISALLOW_INSTANTIATION, unhashable)]
pub struct UnpicklerMemoProxy {
    pub unpickler: Ptr<Unpickler>,
}

#[pymethods]
impl UnpicklerMemoProxy {
    /// Remove all items from memo.
    #[pymethod]
    fn clear(&self) {
        drop(self.unpickler.memo.replace(Numbered::default()));
    }

    /// Copy the memo to a new object.
    #[pymethod]
    fn copy(&self) -> PyResult<Ptr<Dict>> {
        let dict = Dict::new();
        for (n, obj) in self.unpickler.memo.with(|m| m.entries()) {
            dict.set(int::from_u64(n as u64), obj)?;
        }
        Ok(dict)
    }

    /// Implement pickle support.
    #[pymethod(name = "__reduce__")]
    fn reduce(&self) -> PyResult<Obj> {
        reduced(self.copy()?)
    }
}

fn reduced(contents: Ptr<Dict>) -> PyResult<Obj> {
    let args = Tuple::from_vec(vec![contents.into_obj()]).into_obj();
    Ok(Tuple::pair(<Dict as PyClass>::class().to_obj(), args).into_obj())
}

/// The memo of a pickler as Python code sees it.
pub fn pickler_proxy(this: &Object<Pickler>) -> Obj {
    Ptr::new(PicklerMemoProxy { pickler: this.to_ptr() }).into_obj()
}

/// The memo of an unpickler as Python code sees it.
pub fn unpickler_proxy(this: &Object<Unpickler>) -> Obj {
    Ptr::new(UnpicklerMemoProxy { unpickler: this.to_ptr() }).into_obj()
}
