//! `set` and `frozenset`: the hash table and the operations that other native code needs. Their methods
//! are in `set_methods`.
//!
//! The table is one array with open addressing: a short linear probe, then a jump, as in CPython, so
//! that small integers come out in the same order.

use std::cell::{Cell, UnsafeCell};

use crate::errors::PyResult;
use crate::heap::cycles::Visitor;
use crate::heap::{decref, incref};
use crate::object::{Obj, Ptr, PyClass, Trace};
use crate::objects::dict::{Dict, explain_unhashable};
use crate::protocols::{compare, iter};
use crate::types::{StaticType, Type};
use crate::value::Value;

const MIN_SIZE: usize = 8;
/// Neighbours looked at before the next jump.
const LINEAR_PROBES: usize = 9;

/// One place of the table.
#[derive(Clone, Copy)]
struct Place {
    /// Of a place without key: 0 if it is free, [`REMOVED`] if an element was removed from it.
    hash: i64,
    /// A reference that the table owns, or `NULL`.
    key: Value,
}

/// No key has this hash.
const REMOVED: i64 = -1;

impl Place {
    const FREE: Place = Place { hash: 0, key: Value::NULL };

    #[inline(always)]
    fn new(hash: i64, key: Obj) -> Place {
        Place { hash, key: key.into_value() }
    }

    #[inline(always)]
    fn is_free(&self) -> bool {
        self.key.is_null() && self.hash != REMOVED
    }

    #[inline(always)]
    fn key(&self) -> Option<&Obj> {
        // SAFETY: a key is alive as long as it is in its place.
        (!self.key.is_null()).then(|| unsafe { self.key.as_obj() })
    }
}

struct Table {
    /// The places of a small set.
    few: [Place; MIN_SIZE],
    /// Those of a larger one, a power of two: empty as long as `few` serves.
    many: Box<[Place]>,
    /// Places that are not free.
    fill: usize,
    used: usize,
}

impl Default for Table {
    #[inline]
    fn default() -> Table {
        Table { few: [Place::FREE; MIN_SIZE], many: Box::default(), fill: 0, used: 0 }
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        let mut left = self.used;
        for place in self.places() {
            if left == 0 {
                break;
            }
            if !place.key.is_null() {
                left -= 1;
                // SAFETY: the table owns its keys, and nobody else sees it any more.
                unsafe { decref(place.key) };
            }
        }
    }
}

/// The elements of a set; both classes have it as their payload.
pub struct SetData {
    table: UnsafeCell<Table>,
    /// Changes with every insertion and removal.
    changes: Cell<u64>,
    /// Where `pop` looks next.
    finger: Cell<usize>,
    /// The hash of a frozenset; -1 = not computed yet.
    pub(crate) hash: Cell<i64>,
}

/// Payload of `set`.
#[repr(transparent)]
#[derive(Default)]
pub struct Set(pub SetData);

/// Payload of `frozenset`.
#[repr(transparent)]
#[derive(Default)]
pub struct FrozenSet(pub SetData);

static SET: StaticType = StaticType::new();
static FROZEN_SET: StaticType = StaticType::new();

// SAFETY: SET is readied with the layout of this payload.
unsafe impl PyClass for Set {
    #[inline(always)]
    fn class() -> &'static Type {
        SET.get()
    }
}

// SAFETY: FROZEN_SET is readied with the layout of this payload.
unsafe impl PyClass for FrozenSet {
    #[inline(always)]
    fn class() -> &'static Type {
        FROZEN_SET.get()
    }
}

/// The class objects, for their definitions.
pub const SET_CLASS: &StaticType = &SET;
pub const FROZEN_SET_CLASS: &StaticType = &FROZEN_SET;

impl Trace for Set {
    fn trace(&self, visitor: &mut Visitor<'_>) {
        self.0.trace(visitor);
    }
    fn clear(&self) {
        self.0.clear();
    }
}

impl Trace for FrozenSet {
    fn trace(&self, visitor: &mut Visitor<'_>) {
        self.0.trace(visitor);
    }
}

impl Trace for SetData {
    fn trace(&self, visitor: &mut Visitor<'_>) {
        for key in self.table().places().iter().filter_map(Place::key) {
            key.trace(visitor);
        }
    }
}

impl Default for SetData {
    #[inline]
    fn default() -> SetData {
        SetData { table: UnsafeCell::default(), changes: Cell::new(0), finger: Cell::new(0), hash: Cell::new(-1) }
    }
}

/// The elements of a set or frozenset (or an instance of a subclass).
#[inline]
pub fn as_set(obj: &Obj) -> Option<&SetData> {
    // Exact instances first: each question for an instance of a subclass goes through the bases.
    if let Some(set) = obj.exact::<Set>() {
        return Some(&set.0);
    }
    if let Some(set) = obj.exact::<FrozenSet>() {
        return Some(&set.0);
    }
    if let Some(set) = obj.downcast::<Set>() {
        return Some(&set.0);
    }
    obj.downcast::<FrozenSet>().map(|set| &set.0)
}

impl Set {
    /// A new empty set.
    pub fn empty() -> Ptr<Set> {
        Ptr::new(Set::default())
    }
}

impl FrozenSet {
    /// A new empty frozenset, for the one who fills it.
    pub fn empty() -> Ptr<FrozenSet> {
        Ptr::new(FrozenSet::default())
    }
}

/// A new frozenset.
pub fn frozenset_from(items: Vec<Obj>) -> PyResult<Obj> {
    let set = FrozenSet::empty();
    items.into_iter().try_for_each(|item| set.0.add(item).map(drop))?;
    Ok(set.into_obj())
}

/// A new set.
pub fn set_from(items: impl IntoIterator<Item = Obj>) -> PyResult<Obj> {
    let set = Set::empty();
    items.into_iter().try_for_each(|item| set.0.add(item).map(drop))?;
    Ok(set.into_obj())
}

/// The hash of an object that is to be an element: the error for unhashable objects says so.
#[inline]
pub fn hash_element(key: &Obj) -> PyResult<i64> {
    compare::hash(key).map_err(|raised| explain_unhashable(raised, key, "a set element"))
}

/// Walks the places where a hash may be.
struct Probe {
    mask: usize,
    perturb: u64,
    at: usize,
    /// Neighbours left before the next jump.
    neighbours: usize,
    base: usize,
}

impl Probe {
    #[inline]
    fn new(hash: i64, mask: usize) -> Probe {
        let base = hash as usize & mask;
        Probe { mask, perturb: hash as u64, at: base, neighbours: Probe::neighbours(base, mask), base }
    }

    fn neighbours(base: usize, mask: usize) -> usize {
        if base + LINEAR_PROBES <= mask { LINEAR_PROBES } else { 0 }
    }

    #[inline]
    fn advance(&mut self) {
        if self.neighbours > 0 {
            self.neighbours -= 1;
            self.at += 1;
            return;
        }
        self.perturb >>= 5;
        self.base = self.base.wrapping_mul(5).wrapping_add(1).wrapping_add(self.perturb as usize) & self.mask;
        self.at = self.base;
        self.neighbours = Probe::neighbours(self.base, self.mask);
    }
}

/// Puts a key that is known to be missing into its place, in a table with room and without removed places.
#[inline]
fn place_clean(places: &mut [Place], place: Place) {
    let first = &mut places[place.hash as usize & (places.len() - 1)];
    if first.key.is_null() {
        *first = place;
        return;
    }
    let mut probe = Probe::new(place.hash, places.len() - 1);
    while !places[probe.at].key.is_null() {
        probe.advance();
    }
    places[probe.at] = place;
}

/// Puts the keys of `old`, of which there are `left`, into an empty table.
#[inline]
fn fill_clean(places: &mut [Place], old: &[Place], left: &mut usize) {
    for place in old {
        if *left == 0 {
            return;
        }
        if !place.key.is_null() {
            *left -= 1;
            place_clean(places, *place);
        }
    }
}

impl Table {
    #[inline(always)]
    fn places(&self) -> &[Place] {
        if self.many.is_empty() { &self.few } else { &self.many }
    }

    #[inline(always)]
    fn places_mut(&mut self) -> &mut [Place] {
        if self.many.is_empty() { &mut self.few } else { &mut self.many }
    }

    #[inline(always)]
    fn mask(&self) -> usize {
        self.places().len() - 1
    }

    /// Inserts a key that is known to be missing, into a table with room and without removed places.
    #[inline]
    fn insert_clean(&mut self, place: Place) {
        place_clean(self.places_mut(), place);
        self.fill += 1;
        self.used += 1;
    }

    /// Makes room for more than `least` elements.
    fn resize(&mut self, least: usize) {
        let mut size = MIN_SIZE;
        while size <= least {
            size <<= 1;
        }
        let mut left = self.used;
        self.fill = left;
        let many = std::mem::take(&mut self.many);
        if size > MIN_SIZE {
            let mut new = vec![Place::FREE; size].into_boxed_slice();
            let old: &[Place] = if many.is_empty() { &self.few } else { &many };
            fill_clean(&mut new, old, &mut left);
            self.many = new;
        } else {
            let few = std::mem::replace(&mut self.few, [Place::FREE; MIN_SIZE]);
            let old: &[Place] = if many.is_empty() { &few } else { &many };
            fill_clean(&mut self.few, old, &mut left);
        }
    }

    /// Makes this empty table a copy of one of the same size that has no removed places.
    fn copy_places(&mut self, other: &Table) {
        for (own, theirs) in self.places_mut().iter_mut().zip(other.places()) {
            if !theirs.key.is_null() {
                incref(theirs.key);
            }
            *own = *theirs;
        }
        self.fill = other.fill;
        self.used = other.used;
    }
}

impl SetData {
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

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn changed(&self) {
        self.changes.set(self.changes.get() + 1);
    }

    /// The place of a key, or the free one where it would go.
    #[inline]
    fn find(&self, key: &Obj, hash: i64) -> PyResult<Result<usize, usize>> {
        let places = self.table().places();
        let mut probe = Probe::new(hash, places.len() - 1);
        loop {
            let place = &places[probe.at];
            match place.key() {
                None if place.hash != REMOVED => return Ok(Err(probe.at)),
                Some(own) if own.is(key) => return Ok(Ok(probe.at)),
                // Not the same object, but perhaps equal.
                Some(_) if place.hash == hash => return self.search(key, hash),
                _ => {}
            }
            probe.advance();
        }
    }

    fn search(&self, key: &Obj, hash: i64) -> PyResult<Result<usize, usize>> {
        'restart: loop {
            let places = self.table().places();
            let mut probe = Probe::new(hash, places.len() - 1);
            loop {
                let place = &places[probe.at];
                match place.key() {
                    None if place.is_free() => return Ok(Err(probe.at)),
                    Some(own) if place.hash == hash => {
                        if own.is(key) {
                            return Ok(Ok(probe.at));
                        }
                        match compare::quick_equal(own, key) {
                            Some(true) => return Ok(Ok(probe.at)),
                            Some(false) => {}
                            None => {
                                let (own, before) = (own.clone(), self.changes.get());
                                let equal = compare::equal(&own, key)?;
                                if self.changes.get() != before {
                                    continue 'restart;
                                }
                                if equal {
                                    return Ok(Ok(probe.at));
                                }
                            }
                        }
                    }
                    _ => {}
                }
                probe.advance();
            }
        }
    }

    /// Whether an int or an exact string is an element, if that shows at its first place.
    #[inline(always)]
    pub fn quick_contains(&self, key: Value) -> Option<bool> {
        let hash = compare::quick_hash(key)?;
        let places = self.table().places();
        let place = places.get(hash as usize & places.len().wrapping_sub(1))?;
        match place.key() {
            Some(own) if own.value() == key => Some(true),
            None if place.is_free() => Some(false),
            _ => None,
        }
    }

    #[inline]
    pub fn contains_hashed(&self, key: &Obj, hash: i64) -> PyResult<bool> {
        // In its first place, or nothing there: nearly always.
        let places = self.table().places();
        match places.get(hash as usize & places.len().wrapping_sub(1)) {
            Some(place) if place.key().is_some_and(|own| own.is(key)) => Ok(true),
            Some(place) if place.is_free() => Ok(false),
            Some(_) => Ok(self.find(key, hash)?.is_ok()),
            None => Ok(false),
        }
    }

    pub fn contains(&self, key: &Obj) -> PyResult<bool> {
        self.contains_hashed(key, hash_element(key)?)
    }

    /// Adds an element; true if it was not there.
    #[inline]
    pub fn add(&self, key: Obj) -> PyResult<bool> {
        let hash = hash_element(&key)?;
        self.add_hashed(key, hash)
    }

    /// Adds an owned word for which a free place shows at once, where there is room: true if so. Calls nothing.
    ///
    /// # Safety
    /// The word is alive; the caller gives it up if the result is true.
    #[inline(always)]
    pub unsafe fn add_in_place(&self, key: Value) -> bool {
        let Some(hash) = compare::quick_hash(key) else { return false };
        let table = self.table_mut();
        let fill = table.fill + 1;
        let places = table.places_mut();
        let mask = places.len() - 1;
        // SAFETY: the table's size is a power of two.
        let place = unsafe { places.get_unchecked_mut(hash as usize & mask) };
        if !place.is_free() || fill * 5 >= mask * 3 {
            return false;
        }
        *place = Place { hash, key };
        table.fill = fill;
        table.used += 1;
        self.changed();
        true
    }

    pub fn add_hashed(&self, key: Obj, hash: i64) -> PyResult<bool> {
        // Nothing in its first place, or the very object: nearly always.
        let places = self.table().places();
        let first = hash as usize & places.len().wrapping_sub(1);
        let at = match places.get(first) {
            Some(place) if place.is_free() => first,
            Some(place) if place.key().is_some_and(|own| own.is(&key)) => return Ok(false),
            _ => match self.find(&key, hash)? {
                Ok(_) => return Ok(false),
                Err(at) => at,
            },
        };
        self.changed();
        let table = self.table_mut();
        table.places_mut()[at] = Place::new(hash, key);
        table.fill += 1;
        table.used += 1;
        if table.fill * 5 >= table.mask() * 3 {
            table.resize(if table.used > 50_000 { table.used * 2 } else { table.used * 4 });
        }
        Ok(true)
    }

    /// Removes an element; true if it was there.
    pub fn discard(&self, key: &Obj) -> PyResult<bool> {
        let hash = hash_element(key)?;
        self.discard_hashed(key, hash)
    }

    pub fn discard_hashed(&self, key: &Obj, hash: i64) -> PyResult<bool> {
        match self.find(key, hash)? {
            Ok(at) => {
                drop(self.remove_at(at));
                Ok(true)
            }
            Err(_) => Ok(false),
        }
    }

    fn remove_at(&self, at: usize) -> Option<Obj> {
        self.changed();
        let table = self.table_mut();
        table.used -= 1;
        let old = std::mem::replace(&mut table.places_mut()[at], Place { hash: REMOVED, key: Value::NULL });
        // SAFETY: the place's reference moves.
        (!old.key.is_null()).then(|| unsafe { old.key.into_obj() })
    }

    /// Removes and returns some element.
    pub fn pop(&self) -> Option<Obj> {
        let (used, size) = (self.len(), self.table().places().len());
        if used == 0 {
            return None;
        }
        let mut at = self.finger.get() & (size - 1);
        while self.table().places()[at].key.is_null() {
            at = (at + 1) & (size - 1);
        }
        self.finger.set(at + 1);
        self.remove_at(at)
    }

    pub fn clear(&self) {
        self.changed();
        if self.table().fill != 0 {
            drop(std::mem::take(self.table_mut()));
        }
    }

    /// The first element at or behind place `at`, with its hash and the place behind it.
    #[inline]
    pub fn next_element(&self, mut at: usize) -> Option<(usize, i64, Obj)> {
        let places = self.table().places();
        while let Some(place) = places.get(at) {
            at += 1;
            if let Some(key) = place.key() {
                return Some((at, place.hash, key.clone()));
            }
        }
        None
    }

    /// All elements with their hashes, one after the other: the set may change meanwhile.
    pub fn elements(&self) -> impl Iterator<Item = (i64, Obj)> {
        let mut at = 0;
        std::iter::from_fn(move || {
            while let Some(place) = self.table().places().get(at) {
                at += 1;
                if let Some(key) = place.key() {
                    return Some((place.hash, key.clone()));
                }
            }
            None
        })
    }

    /// Whether all elements pass a test, which runs no Python code.
    #[inline]
    pub fn all(&self, test: impl Fn(&Obj) -> bool) -> bool {
        self.table().places().iter().filter_map(Place::key).all(test)
    }

    /// All elements.
    pub fn keys(&self) -> Vec<Obj> {
        self.elements().map(|(_, key)| key).collect()
    }

    /// A copy of the elements.
    pub fn copy(&self) -> SetData {
        let copy = SetData::default();
        copy.merge_known(self);
        copy
    }

    /// Adds all elements of a set to this one, which is empty.
    fn merge_known(&self, other: &SetData) {
        let (own, theirs) = (self.table_mut(), other.table());
        if theirs.used == 0 {
            return;
        }
        if theirs.used * 5 >= own.mask() * 3 {
            own.resize(theirs.used * 2);
        }
        if own.mask() == theirs.mask() && theirs.fill == theirs.used {
            own.copy_places(theirs);
        } else {
            let mut left = theirs.used;
            for place in theirs.places() {
                if left == 0 {
                    break;
                }
                if !place.key.is_null() {
                    left -= 1;
                    incref(place.key);
                    own.insert_clean(*place);
                }
            }
        }
        self.changed();
    }

    /// Adds the elements of two other sets to this one, which is empty.
    pub fn merge_both(&self, first: &SetData, second: &SetData) -> PyResult<()> {
        let (own, one, two) = (self.table_mut(), first.table(), second.table());
        // Where the first set's table would be copied only to grow at once, it is large enough from the start. The
        // elements come into it in the same order.
        if std::ptr::eq(first, second) {
            return self.merge(first);
        }
        if one.used != 0
            && one.mask() == own.mask()
            && one.fill == one.used
            && (one.used + two.used) * 5 >= own.mask() * 3
        {
            own.resize((one.used + two.used) * 2);
        }
        self.merge(first)?;
        self.merge(second)
    }

    /// Adds the elements of another set.
    pub fn merge(&self, other: &SetData) -> PyResult<()> {
        if std::ptr::eq(self, other) {
            return Ok(());
        }
        if self.table().fill == 0 {
            self.merge_known(other);
            return Ok(());
        }
        let (own, theirs) = (self.table_mut(), other.table());
        if (own.fill + theirs.used) * 5 >= own.mask() * 3 {
            own.resize((own.used + theirs.used) * 2);
            self.changed();
        }
        for (hash, key) in other.elements() {
            self.add_hashed(key, hash)?;
        }
        Ok(())
    }

    /// Adds the elements of any iterable.
    pub fn update(&self, iterable: &Obj) -> PyResult<()> {
        if let Some(other) = as_set(iterable) {
            return self.merge(other);
        }
        if let Some(dict) = iterable.exact::<Dict>() {
            let table = self.table_mut();
            if (dict.len() + table.fill) * 5 >= table.mask() * 3 {
                table.resize((table.used + dict.len()) * 2);
                self.changed();
            }
            let mut at = 0;
            while let Some((next, key, _)) = dict.next_item(at) {
                self.add_hashed(key, dict.hash_before(next))?;
                at = next;
            }
            return Ok(());
        }
        iter::for_each(iterable, |item| self.add(item).map(drop))
    }

    /// Exchanges the elements with another set's.
    pub fn swap(&self, other: &SetData) {
        std::mem::swap(self.table_mut(), other.table_mut());
        self.changed();
        other.changed();
    }

    /// Bytes of the table, for `__sizeof__`: eight places are part of the object itself in CPython.
    pub fn table_size(&self) -> usize {
        self.table().many.len() * 16
    }

    /// The order-independent hash of a frozenset.
    pub fn hash(&self) -> i64 {
        let shuffle = |h: u64| ((h ^ 89_869_747) ^ (h << 16)).wrapping_mul(3_644_798_167);
        let mut hash = 0u64;
        for place in self.table().places().iter().filter(|place| !place.key.is_null()) {
            hash ^= shuffle(place.hash as u64);
        }
        hash ^= (self.len() as u64 + 1).wrapping_mul(1_927_868_237);
        hash ^= (hash >> 11) ^ (hash >> 25);
        hash = hash.wrapping_mul(69_069).wrapping_add(907_133_923);
        if hash == u64::MAX { 590_923_713 } else { hash as i64 }
    }
}
