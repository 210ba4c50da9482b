//! `dict`: the compact, ordered hash table and the operations that other native code needs. Its
//! methods and views are in `dict_methods`.
//!
//! Entries stand in insertion order in one array; a table of 32-bit indices, probed as CPython does,
//! finds them by hash. Deleted entries leave a hole until the next growth. A *keys version* names one
//! state of the key set, so that caches can go straight to an entry.

use std::cell::{Cell, UnsafeCell};

use crate::errors::{PyResult, raise_key_error};
use crate::heap::cycles::Visitor;
use crate::object::{Obj, Object, Ptr, PyClass, Trace};
use crate::objects::str::Str;
use crate::protocols::compare;
use crate::types::{StaticType, Type};
use crate::value::Value;

const EMPTY: u32 = u32::MAX;
const DELETED: u32 = u32::MAX - 1;
const MIN_SIZE: usize = 8;

/// One entry; a hole has no key.
#[derive(Clone)]
#[repr(C)]
pub struct Entry {
    hash: i64,
    key: Option<Obj>,
    value: Option<Obj>,
}

#[repr(C)]
struct Table {
    entries: Vec<Entry>,
    /// The index table of a small dict.
    few: [u32; MIN_SIZE],
    /// That of a larger one: empty as long as `few` serves.
    many: Box<[u32]>,
    used: usize,
    /// Everything in front of this entry is a hole, so that taking items from the front stays cheap.
    first: usize,
}

impl Default for Table {
    #[inline]
    fn default() -> Table {
        Table { entries: Vec::new(), few: [EMPTY; MIN_SIZE], many: Box::default(), used: 0, first: 0 }
    }
}

/// Payload of `dict`.
#[repr(C)]
pub struct Dict {
    table: UnsafeCell<Table>,
    /// Names the present key set and entry positions; 0 = not named.
    keys_version: Cell<u32>,
    /// Counts structural changes, so that lookups and iterators notice them.
    changes: Cell<u32>,
    /// Somebody wants to hear of changes (see `watch`).
    watched: Cell<u8>,
}

static DICT: StaticType = StaticType::new();

// SAFETY: DICT is readied with the layout of this payload.
unsafe impl PyClass for Dict {
    #[inline(always)]
    fn class() -> &'static Type {
        DICT.get()
    }
}

/// The class object, for its definition.
pub const CLASS: &StaticType = &DICT;

impl Trace for Dict {
    fn trace(&self, visitor: &mut Visitor<'_>) {
        for e in &self.table().entries {
            e.key.trace(visitor);
            e.value.trace(visitor);
        }
    }
    fn clear(&self) {
        Dict::clear(self);
    }
}

impl Default for Dict {
    #[inline]
    fn default() -> Dict {
        Dict { table: UnsafeCell::default(), keys_version: Cell::new(0), changes: Cell::new(0), watched: Cell::new(0) }
    }
}

/// Where a key is, or would go.
enum Found {
    /// Index-table slot and entry number.
    At(usize, usize),
    Missing,
}

static NEXT_KEYS_VERSION: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(1);

impl Dict {
    pub fn new() -> Ptr<Dict> {
        Ptr::new(Dict::default())
    }

    pub fn with_capacity(n: usize) -> Ptr<Dict> {
        let dict = Dict::new();
        if n > 0 {
            dict.table_mut().reserve(n);
        }
        dict
    }

    #[inline(always)]
    fn table(&self) -> &Table {
        // SAFETY: users drop the reference before anything can change the table.
        unsafe { &*self.table.get() }
    }

    #[allow(clippy::mut_from_ref)]
    #[inline(always)]
    fn table_mut(&self) -> &mut Table {
        // SAFETY: as in `table`; no Python code runs while the reference lives.
        unsafe { &mut *self.table.get() }
    }

    #[inline(always)]
    pub fn len(&self) -> usize {
        self.table().used
    }

    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Changes whenever keys are added or removed.
    #[inline(always)]
    pub fn changes(&self) -> u32 {
        self.changes.get()
    }

    /// Names the present key set; 0 if names have run out.
    pub fn keys_version(&self) -> u32 {
        if self.keys_version.get() == 0 {
            let next = NEXT_KEYS_VERSION.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            if next == 0 || next > u32::MAX - 2 {
                NEXT_KEYS_VERSION.store(u32::MAX - 1, std::sync::atomic::Ordering::Relaxed);
                return 0;
            }
            self.keys_version.set(next);
        }
        self.keys_version.get()
    }

    /// The keys version without assigning one.
    #[inline(always)]
    pub fn current_keys_version(&self) -> u32 {
        self.keys_version.get()
    }

    /// Where compiled code finds the keys version.
    pub fn keys_version_address(&self) -> *const u32 {
        self.keys_version.as_ptr()
    }

    fn structure_changed(&self) {
        self.keys_version.set(0);
        self.changes.set(self.changes.get().wrapping_add(1));
    }

    /// The entry number of a string key, for caches keyed by the keys version.
    pub fn entry_of(&self, key: &Object<Str>) -> Option<usize> {
        match self.find_str(key) {
            Found::At(_, entry) => Some(entry),
            Found::Missing => None,
        }
    }

    /// The value of entry `i`, borrowed, `NULL` for a hole.
    #[inline(always)]
    pub fn peek_entry(&self, i: usize) -> Value {
        self.table().entries.get(i).and_then(|e| e.value.as_ref()).map_or(Value::NULL, Obj::value)
    }

    /// Where the value word of entry `i` is: valid as long as the keys version is.
    pub fn entry_address(&self, i: usize) -> *const Value {
        &raw const self.table().entries[i].value as *const Value
    }

    /// The value of entry `i`, borrowed, if its key is this very string; else `NULL`.
    #[inline(always)]
    pub fn peek_entry_named(&self, i: usize, key: &Object<Str>) -> Value {
        match self.table().entries.get(i) {
            Some(Entry { key: Some(k), value: Some(v), .. }) if k.value() == key.value() => v.value(),
            _ => Value::NULL,
        }
    }

    /// Puts an owned word in place of the value of entry `i` if its key is this very string: the old value, given
    /// away, or `NULL` with nothing changed.
    #[inline(always)]
    pub fn replace_entry_named(&self, i: usize, key: &Object<Str>, value: Value) -> Value {
        match self.table_mut().entries.get_mut(i) {
            Some(Entry { key: Some(k), value: slot @ Some(_), .. }) if k.value() == key.value() => {
                // SAFETY: `Option<Obj>` is one word, 0 for `None`; ownership of both words moves.
                unsafe { std::mem::replace(&mut *(slot as *mut Option<Obj> as *mut Value), value) }
            }
            _ => Value::NULL,
        }
    }

    /// Replaces the value of an existing entry that a cache found.
    #[inline(always)]
    pub fn set_entry(&self, i: usize, value: Obj) {
        let old = self.table_mut().entries[i].value.replace(value);
        drop(old);
    }

    /// The entry of a key that is itself, the very word, where its hash points: how ints and interned strings are
    /// nearly always found. Calls nothing.
    #[inline(always)]
    fn quick_entry(&self, key: Value) -> Option<&Entry> {
        let table = self.table();
        // A wrong guess of the hash finds another key, or none.
        let hash = if key.is_fixnum() {
            key.as_fixnum()
        } else {
            // SAFETY: the class says what the word points to.
            unsafe { key.as_obj() }.exact::<Str>()?.known_hash()
        };
        let indices = table.indices();
        let at = *indices.get(hash as usize & indices.len().wrapping_sub(1))?;
        table.entries.get(at as usize).filter(|e| e.key.as_ref().is_some_and(|k| k.value() == key))
    }

    /// The value of a key, borrowed, if it can be found without calling anything; else `NULL`.
    #[inline(always)]
    pub fn peek_quick(&self, key: Value) -> Value {
        self.quick_entry(key).and_then(|e| e.value.as_ref()).map_or(Value::NULL, Obj::value)
    }

    /// Puts an owned word in place of the value of a key that can be found without calling anything: the old value,
    /// given away, or `NULL` with nothing changed.
    #[inline(always)]
    pub fn replace_quick(&self, key: Value, value: Value) -> Value {
        match self.quick_entry(key).map(|e| &raw const e.value) {
            // SAFETY: `Option<Obj>` is one word, and that of a live entry is a value; ownership of both words moves.
            Some(slot) => unsafe { std::mem::replace(&mut *(slot.cast_mut() as *mut Value), value) },
            None => Value::NULL,
        }
    }

    #[inline]
    fn find_str(&self, key: &Object<Str>) -> Found {
        let table = self.table();
        if table.used == 0 {
            return Found::Missing;
        }
        let hash = key.hash();
        let indices = table.indices();
        let mask = indices.len() - 1;
        let mut perturb = hash as u64;
        let mut i = hash as usize & mask;
        loop {
            match indices[i] {
                EMPTY => return Found::Missing,
                DELETED => {}
                at => {
                    let e = &table.entries[at as usize];
                    if let Some(k) = &e.key {
                        if k.value() == key.value() {
                            return Found::At(i, at as usize);
                        }
                        if e.hash == hash
                            && let Some(k) = k.downcast::<Str>()
                            && std::ptr::eq(k.class(), Str::class())
                            && k.equals(key)
                        {
                            return Found::At(i, at as usize);
                        }
                    }
                }
            }
            perturb >>= 5;
            i = i.wrapping_mul(5).wrapping_add(perturb as usize).wrapping_add(1) & mask;
        }
    }

    /// True if no key's `__eq__` can run Python code when compared with an exact str.
    #[inline]
    fn find(&self, key: &Obj, hash: i64) -> PyResult<Found> {
        // The very object where its hash points, or nothing there: nearly always.
        let table = self.table();
        let indices = table.indices();
        let first = hash as usize & indices.len().wrapping_sub(1);
        match indices.get(first) {
            None | Some(&EMPTY) => Ok(Found::Missing),
            Some(&at) => match table.entries.get(at as usize) {
                Some(Entry { key: Some(k), .. }) if k.is(key) => Ok(Found::At(first, at as usize)),
                _ => self.search(key, hash),
            },
        }
    }

    fn search(&self, key: &Obj, hash: i64) -> PyResult<Found> {
        'restart: loop {
            let table = self.table();
            if table.used == 0 {
                return Ok(Found::Missing);
            }
            let indices = table.indices();
            let mask = indices.len() - 1;
            let mut perturb = hash as u64;
            let mut i = hash as usize & mask;
            loop {
                match indices[i] {
                    EMPTY => return Ok(Found::Missing),
                    DELETED => {}
                    at => {
                        let e = &table.entries[at as usize];
                        if let Some(k) = &e.key {
                            if k.is(key) {
                                return Ok(Found::At(i, at as usize));
                            }
                            if e.hash == hash {
                                match compare::quick_equal(k, key) {
                                    Some(true) => return Ok(Found::At(i, at as usize)),
                                    Some(false) => {}
                                    None => {
                                        let (k, before) = (k.clone(), self.changes.get());
                                        let equal = compare::equal(&k, key)?;
                                        if self.changes.get() != before {
                                            continue 'restart;
                                        }
                                        if equal {
                                            return Ok(Found::At(i, at as usize));
                                        }
                                        continue_probe(&mut i, &mut perturb, mask);
                                        continue;
                                    }
                                }
                            }
                        }
                    }
                }
                continue_probe(&mut i, &mut perturb, mask);
            }
        }
    }

    /// The value of an interned or exact string key, borrowed; `NULL` if missing. Keys that are
    /// not exact strings are never equal here.
    #[inline]
    pub fn peek_str(&self, key: &Object<Str>) -> Value {
        match self.find_str(key) {
            Found::At(_, at) => self.peek_entry(at),
            Found::Missing => Value::NULL,
        }
    }

    #[inline]
    pub fn get_str(&self, key: &Object<Str>) -> PyResult<Option<Obj>> {
        let v = self.peek_str(key);
        // SAFETY: the dict owns the value.
        Ok((!v.is_null()).then(|| unsafe { Obj::from_borrowed(v) }))
    }

    /// By Rust text.
    pub fn get_text(&self, key: &str) -> Option<Obj> {
        let v = self.peek_str(&Str::intern(key));
        // SAFETY: the dict owns the value.
        (!v.is_null()).then(|| unsafe { Obj::from_borrowed(v) })
    }

    pub fn set_text(&self, key: &str, value: Obj) {
        let key = Str::intern(key);
        self.set_str(&key, value).expect("string keys compare without Python code");
    }

    pub fn get(&self, key: &Obj) -> PyResult<Option<Obj>> {
        if let Some(entry) = self.quick_entry(key.value()) {
            return Ok(entry.value.clone());
        }
        if let Some(s) = key.exact::<Str>() {
            // Keys that are instances of str subclasses may compare in Python: the general search sees them.
            if let Found::At(_, at) = self.find_str(s) {
                return Ok(self.table().entries[at].value.clone());
            }
        }
        let hash = hash_key(key)?;
        self.get_hashed(key, hash)
    }

    pub fn get_hashed(&self, key: &Obj, hash: i64) -> PyResult<Option<Obj>> {
        Ok(match self.find(key, hash)? {
            Found::At(_, at) => self.table().entries[at].value.clone(),
            Found::Missing => None,
        })
    }

    /// The value, or KeyError.
    pub fn get_item(&self, key: &Obj) -> PyResult<Obj> {
        self.get(key)?.ok_or_else(|| raise_key_error(key))
    }

    pub fn contains(&self, key: &Obj) -> PyResult<bool> {
        if self.quick_entry(key.value()).is_some() {
            return Ok(true);
        }
        let hash = hash_key(key)?;
        Ok(matches!(self.find(key, hash)?, Found::At(..)))
    }

    pub fn set_str(&self, key: &Object<Str>, value: Obj) -> PyResult<()> {
        match self.find_str(key) {
            Found::At(_, at) => self.set_entry(at, value),
            Found::Missing => self.insert_new(key.to_obj(), key.hash(), value),
        }
        Ok(())
    }

    pub fn set(&self, key: Obj, value: Obj) -> PyResult<()> {
        let hash = hash_key(&key)?;
        self.set_hashed(key, hash, value)
    }

    /// Adds an item of owned words if it shows at once that the key is missing, and there is room: true if so. Calls
    /// nothing.
    ///
    /// # Safety
    /// The words are alive; the caller gives them up if the result is true.
    #[inline(always)]
    pub unsafe fn append_in_place(&self, key: Value, value: Value) -> bool {
        let Some(hash) = compare::quick_hash(key) else { return false };
        let table = self.table_mut();
        let at = table.entries.len();
        if at == table.entries.capacity() {
            return false;
        }
        let indices = table.indices_mut();
        let (capacity, mask) = (indices.len() * 2 / 3, indices.len() - 1);
        // SAFETY: the table's size is a power of two; the references of the words move.
        unsafe {
            let index = indices.get_unchecked_mut(hash as usize & mask);
            if *index != EMPTY || at >= capacity {
                return false;
            }
            *index = at as u32;
            let entry = Entry { hash, key: Some(Obj::from_owned(key)), value: Some(Obj::from_owned(value)) };
            table.entries.as_mut_ptr().add(at).write(entry);
            table.entries.set_len(at + 1);
        }
        table.used += 1;
        self.structure_changed();
        true
    }

    pub fn set_hashed(&self, key: Obj, hash: i64, value: Obj) -> PyResult<()> {
        // Nothing where the hash points, and room: nearly always, for a new key.
        let table = self.table();
        let indices = table.indices();
        let first = hash as usize & indices.len().wrapping_sub(1);
        if indices.get(first) == Some(&EMPTY) && table.entries.len() < table.capacity() {
            self.append(first, key, hash, value);
            return Ok(());
        }
        match self.find(&key, hash)? {
            Found::At(_, at) => self.set_entry(at, value),
            Found::Missing => self.insert_new(key, hash, value),
        }
        Ok(())
    }

    /// The value of `key`, set to `default` first if missing.
    pub fn set_default(&self, key: Obj, default: Obj) -> PyResult<Obj> {
        let hash = hash_key(&key)?;
        match self.find(&key, hash)? {
            Found::At(_, at) => Ok(self.table().entries[at].value.clone().expect("a live entry has a value")),
            Found::Missing => {
                self.insert_new(key, hash, default.clone());
                Ok(default)
            }
        }
    }

    /// The items, borrowed: for loops that run no other code.
    #[inline]
    pub fn pairs(&self) -> impl Iterator<Item = (&Obj, &Obj)> {
        self.table().entries.iter().filter_map(|e| Some((e.key.as_ref()?, e.value.as_ref()?)))
    }

    /// Adds a key that is known to be missing.
    #[inline]
    fn insert_new(&self, key: Obj, hash: i64, value: Obj) {
        let table = self.table_mut();
        if table.entries.len() >= table.capacity() {
            table.grow();
        }
        self.append(table.free_slot(hash), key, hash, value);
    }

    /// Adds an entry and its index at `slot`, which is free; there is room for both.
    #[inline(always)]
    fn append(&self, slot: usize, key: Obj, hash: i64, value: Obj) {
        let table = self.table_mut();
        let at = table.entries.len();
        if at == table.entries.capacity() {
            table.reserve_entries();
        }
        table.indices_mut()[slot] = at as u32;
        table.entries.push(Entry { hash, key: Some(key), value: Some(value) });
        table.used += 1;
        self.structure_changed();
    }

    pub fn remove_str(&self, key: &Object<Str>) -> PyResult<Option<Obj>> {
        match self.find_str(key) {
            Found::At(i, at) => Ok(Some(self.remove_at(i, at).1)),
            Found::Missing => Ok(None),
        }
    }

    /// Removes a key; its value, if it was there.
    pub fn remove(&self, key: &Obj) -> PyResult<Option<Obj>> {
        let hash = hash_key(key)?;
        self.remove_hashed(key, hash)
    }

    pub fn remove_hashed(&self, key: &Obj, hash: i64) -> PyResult<Option<Obj>> {
        Ok(match self.find(key, hash)? {
            Found::At(i, at) => Some(self.remove_at(i, at).1),
            Found::Missing => None,
        })
    }

    fn remove_at(&self, i: usize, at: usize) -> (Obj, Obj) {
        let table = self.table_mut();
        table.indices_mut()[i] = DELETED;
        let e = &mut table.entries[at];
        let (key, value) = (e.key.take(), e.value.take());
        table.used -= 1;
        if table.used == 0 {
            table.entries.clear();
            table.indices_mut().fill(EMPTY);
            table.first = 0;
        }
        while table.entries.get(table.first).is_some_and(|e| e.key.is_none()) {
            table.first += 1;
        }
        self.structure_changed();
        (key.expect("a live entry has a key"), value.expect("a live entry has a value"))
    }

    /// Removes and returns the last item.
    pub fn pop_last(&self) -> Option<(Obj, Obj)> {
        let table = self.table_mut();
        while table.entries.last().is_some_and(|e| e.key.is_none()) {
            table.entries.pop();
        }
        let at = table.entries.len().checked_sub(1)?;
        let hash = table.entries[at].hash;
        let indices = table.indices();
        let mask = indices.len() - 1;
        let mut perturb = hash as u64;
        let mut i = hash as usize & mask;
        while indices[i] != at as u32 {
            continue_probe(&mut i, &mut perturb, mask);
        }
        let item = self.remove_at(i, at);
        let table = self.table_mut();
        if table.entries.len() > at {
            table.entries.truncate(at);
            table.first = table.first.min(at);
        }
        Some(item)
    }

    pub fn clear(&self) {
        let old = std::mem::take(self.table_mut());
        self.structure_changed();
        drop(old);
    }

    /// The first item at or behind position `at`, and the position behind it: iteration that
    /// tolerates changes of values.
    #[inline]
    pub fn next_item(&self, mut at: usize) -> Option<(usize, Obj, Obj)> {
        let entries = &self.table().entries;
        at = at.max(self.table().first);
        while let Some(e) = entries.get(at) {
            at += 1;
            if let (Some(key), Some(value)) = (&e.key, &e.value) {
                return Some((at, key.clone(), value.clone()));
            }
        }
        None
    }

    /// The last item before position `at` (`usize::MAX` to begin), and its position.
    pub fn previous_item(&self, at: usize) -> Option<(usize, Obj, Obj)> {
        let entries = &self.table().entries;
        let mut at = at.min(entries.len());
        while at > 0 {
            at -= 1;
            if let (Some(key), Some(value)) = (&entries[at].key, &entries[at].value) {
                return Some((at, key.clone(), value.clone()));
            }
        }
        None
    }

    /// All items, copied.
    pub fn entries(&self) -> Vec<(Obj, Obj)> {
        let entries = &self.table().entries;
        entries.iter().filter_map(|e| Some((e.key.clone()?, e.value.clone()?))).collect()
    }

    pub fn keys(&self) -> Vec<Obj> {
        self.table().entries.iter().filter_map(|e| e.key.clone()).collect()
    }

    pub fn values(&self) -> Vec<Obj> {
        self.table().entries.iter().filter_map(|e| e.value.clone()).collect()
    }

    /// A shallow copy as an exact dict.
    pub fn copy(&self) -> Ptr<Dict> {
        let copy = Dict::new();
        copy.table_mut().copy_from(self.table());
        copy
    }

    fn table_replace(&self, table: Table) -> Table {
        self.structure_changed();
        std::mem::replace(self.table_mut(), table)
    }

    /// Exchanges the contents (used by `dict.__init__` fast paths and `|=`).
    pub fn update_from(&self, other: &Object<Dict>) -> PyResult<()> {
        if self.is_empty() && other.table().entries.len() == other.len() {
            drop(self.table_replace(Table::default()));
            self.table_mut().copy_from(other.table());
            return Ok(());
        }
        let mut at = 0;
        while let Some((next, key, value)) = other.next_item(at) {
            let hash = other.table().entries[next - 1].hash;
            at = next;
            self.set_hashed(key, hash, value)?;
        }
        Ok(())
    }

    /// The stored hash of the entry before position `at` (as `next_item` counts).
    pub fn hash_before(&self, at: usize) -> i64 {
        self.table().entries[at - 1].hash
    }

    /// Bytes of the table, for `sys.getsizeof`.
    pub fn table_size(&self) -> usize {
        let table = self.table();
        table.entries.capacity() * size_of::<Entry>() + table.many.len() * 4
    }

    /// Marks the dictionary so that `crate::watch` hears of changes.
    pub fn watch_bits(&self) -> u8 {
        self.watched.get()
    }

    pub fn set_watch_bits(&self, bits: u8) {
        self.watched.set(bits);
    }
}

/// The hash of an object that is to be a key: the error for unhashable objects says so.
#[inline]
pub fn hash_key(key: &Obj) -> PyResult<i64> {
    compare::hash(key).map_err(|raised| explain_unhashable(raised, key, "a dict key"))
}

/// Makes the TypeError of an unhashable object say what the object was to be used as.
#[cold]
pub fn explain_unhashable(raised: crate::errors::Raised, key: &Obj, role: &str) -> crate::errors::Raised {
    let exc = raised.take();
    if !std::ptr::eq(exc.class(), crate::objects::exceptions::TypeError::class()) {
        return crate::errors::Raised::new(exc);
    }
    match crate::protocols::text::str_text(&exc) {
        Ok(text) => crate::raise!(TypeError, "cannot use '{}' as {role} ({text})", key.class().full_name()),
        Err(raised) => raised,
    }
}

#[inline(always)]
fn continue_probe(i: &mut usize, perturb: &mut u64, mask: usize) {
    *perturb >>= 5;
    *i = i.wrapping_mul(5).wrapping_add(*perturb as usize).wrapping_add(1) & mask;
}

impl Table {
    #[inline(always)]
    fn indices(&self) -> &[u32] {
        if self.many.is_empty() { &self.few } else { &self.many }
    }

    #[inline(always)]
    fn indices_mut(&mut self) -> &mut [u32] {
        if self.many.is_empty() { &mut self.few } else { &mut self.many }
    }

    /// Entries that fit before the index table has to grow: two thirds of its size.
    #[inline(always)]
    fn capacity(&self) -> usize {
        self.indices().len() * 2 / 3
    }

    #[inline]
    fn free_slot(&self, hash: i64) -> usize {
        let indices = self.indices();
        let mask = indices.len() - 1;
        let mut perturb = hash as u64;
        let mut i = hash as usize & mask;
        while indices[i] < DELETED {
            continue_probe(&mut i, &mut perturb, mask);
        }
        i
    }

    /// Takes over copies of all items, for an empty table.
    fn copy_from(&mut self, other: &Table) {
        if other.used == 0 {
            return;
        }
        if other.entries.len() != other.used {
            self.entries = other.entries.iter().filter(|e| e.key.is_some()).cloned().collect();
            self.used = other.used;
            return self.grow();
        }
        self.entries.reserve_exact(other.capacity());
        // SAFETY: without holes every entry has key and value; there is room for all.
        unsafe {
            let first = self.entries.as_mut_ptr();
            for (i, Entry { hash, key, value }) in other.entries.iter().enumerate() {
                let (key, value) = (key.as_ref().unwrap_unchecked(), value.as_ref().unwrap_unchecked());
                first.add(i).write(Entry { hash: *hash, key: Some(key.clone()), value: Some(value.clone()) });
            }
            self.entries.set_len(other.used);
        }
        self.few = other.few;
        self.many = other.many.clone();
        self.used = other.used;
    }

    /// Makes room for the entries that the index table is large enough for.
    #[cold]
    #[inline(never)]
    fn reserve_entries(&mut self) {
        self.entries.reserve_exact(self.capacity() - self.entries.len());
    }

    #[cold]
    fn grow(&mut self) {
        let want = (self.used * 3).max(MIN_SIZE).next_power_of_two();
        self.rebuild(want);
    }

    fn reserve(&mut self, n: usize) {
        let size = (n * 3 / 2 + 1).max(MIN_SIZE).next_power_of_two();
        if size == MIN_SIZE && self.entries.is_empty() && self.many.is_empty() {
            self.entries.reserve_exact(self.capacity());
        } else {
            self.rebuild(size);
        }
    }

    /// Makes an index table of that size for the entries, which lose their holes.
    fn rebuild(&mut self, size: usize) {
        if self.entries.len() != self.used {
            self.entries.retain(|e| e.key.is_some());
        }
        self.first = 0;
        let capacity = size * 2 / 3;
        if self.entries.capacity() < capacity {
            self.entries.reserve_exact(capacity - self.entries.len());
        }
        self.few = [EMPTY; MIN_SIZE];
        self.many = if size == MIN_SIZE { Box::default() } else { vec![EMPTY; size].into_boxed_slice() };
        for at in 0..self.entries.len() {
            let i = self.free_slot(self.entries[at].hash);
            self.indices_mut()[i] = at as u32;
        }
    }
}
