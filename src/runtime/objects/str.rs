//! `str`: representation, construction, interning and hashing. Its methods are in `str_methods`.
//!
//! Text is stored as Latin-1, UCS-2 or UCS-4 units, the narrowest that holds its largest code point, so
//! that indexing is O(1) and equal texts have equal bytes. Lone surrogates are allowed. The units stand
//! right behind the payload; instances of subclasses keep theirs in the same place, in front of their
//! managed words.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::hash::Hasher;
use std::sync::atomic::{AtomicU64, Ordering};

use hashbrown::HashTable;

use crate::errors::PyResult;
use crate::heap;
use crate::object::{Obj, Object, Ptr, PyClass};
use crate::thread::runtime;
use crate::types::{StaticType, Type, shape};
use crate::value::Value;
use pyrs_bytecode::WStr;
use pyrs_unicode::text_buffer::TextBuffer;

/// Payload of `str`; the units follow it.
#[repr(C)]
pub struct Str {
    /// Number of code points. First, as in every variable-size payload.
    length: usize,
    /// -1 = not computed yet.
    hash: Cell<i64>,
    /// Bytes a unit: 1, 2 or 4.
    kind: u8,
    ascii: bool,
    interned: Cell<bool>,
}

/// The units of a string.
#[derive(Copy, Clone)]
pub enum StrData<'a> {
    /// ASCII or Latin-1.
    One(&'a [u8]),
    Two(&'a [u16]),
    Four(&'a [u32]),
}

static STR: StaticType = StaticType::new();

// SAFETY: STR is readied in `types::ready` with the layout of this payload.
unsafe impl PyClass for Str {
    #[inline(always)]
    fn class() -> &'static Type {
        STR.get()
    }
}

/// The class object, for its definition.
pub const CLASS: &StaticType = &STR;

const PAYLOAD: usize = size_of::<Object<Str>>();

/// The strings of one Latin-1 character, once they have been made.
static CHARS: [AtomicU64; 256] = [const { AtomicU64::new(0) }; 256];

struct Interned(RefCell<HashTable<Value>>);
// SAFETY: only touched under the GIL.
unsafe impl Sync for Interned {}
static INTERNED: Interned = Interned(RefCell::new(HashTable::new()));

impl<'a> StrData<'a> {
    pub fn len(&self) -> usize {
        match self {
            StrData::One(d) => d.len(),
            StrData::Two(d) => d.len(),
            StrData::Four(d) => d.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline]
    pub fn get(&self, i: usize) -> u32 {
        match self {
            StrData::One(d) => d[i] as u32,
            StrData::Two(d) => d[i] as u32,
            StrData::Four(d) => d[i],
        }
    }

    pub fn slice(self, start: usize, end: usize) -> StrData<'a> {
        match self {
            StrData::One(d) => StrData::One(&d[start..end]),
            StrData::Two(d) => StrData::Two(&d[start..end]),
            StrData::Four(d) => StrData::Four(&d[start..end]),
        }
    }

    /// Copies the units to `to`, widened to `kind` bytes each.
    ///
    /// # Safety
    /// There is room for them at `to`, aligned for the width, which is not smaller than their own.
    unsafe fn write_units(self, to: *mut u8, kind: u8) {
        // SAFETY: by contract; the source is another allocation.
        unsafe {
            match (self, kind) {
                (StrData::One(d), 1) => std::ptr::copy_nonoverlapping(d.as_ptr(), to, d.len()),
                (StrData::Two(d), 2) => std::ptr::copy_nonoverlapping(d.as_ptr(), to as *mut u16, d.len()),
                (StrData::Four(d), 4) => std::ptr::copy_nonoverlapping(d.as_ptr(), to as *mut u32, d.len()),
                (StrData::One(d), 2) => {
                    d.iter().enumerate().for_each(|(i, &c)| (to as *mut u16).add(i).write(c as u16));
                }
                _ => self.iter().enumerate().for_each(|(i, c)| (to as *mut u32).add(i).write(c)),
            }
        }
    }

    pub fn iter(self) -> impl DoubleEndedIterator<Item = u32> + ExactSizeIterator + Clone + 'a {
        (0..self.len()).map(move |i| self.get(i))
    }
}

impl Str {
    /// From Rust text.
    pub fn new(text: &str) -> Ptr<Str> {
        if text.is_ascii() {
            Str::from_latin1(text.as_bytes())
        } else {
            Str::from_points(text.chars().map(|c| c as u32))
        }
    }

    pub fn empty() -> Ptr<Str> {
        crate::name!("").to_ptr()
    }

    /// From Latin-1 bytes; one-character texts are shared.
    pub fn from_latin1(bytes: &[u8]) -> Ptr<Str> {
        match bytes {
            [] => Str::empty(),
            [b] => Str::latin1_char(*b),
            _ => Str::of_bytes(bytes, bytes.is_ascii()),
        }
    }

    /// As [`Self::from_latin1`], where all bytes are known to be ASCII.
    #[inline]
    pub fn from_ascii(bytes: &[u8]) -> Ptr<Str> {
        debug_assert!(bytes.is_ascii());
        match bytes {
            [] => Str::empty(),
            [b] => Str::latin1_char(*b),
            _ => Str::of_bytes(bytes, true),
        }
    }

    /// From ASCII bytes, two or more.
    #[inline]
    pub fn ascii_of(bytes: impl ExactSizeIterator<Item = u8>) -> Ptr<Str> {
        let length = bytes.len();
        // SAFETY: as many units as have been asked for are written, zeros first: iterators may be shorter than they say.
        unsafe {
            Str::filled(length, true, |units| {
                units.write_bytes(0, length);
                let units = std::slice::from_raw_parts_mut(units, length);
                units.iter_mut().zip(bytes).for_each(|(unit, byte)| *unit = byte);
            })
        }
    }

    /// Two or more Latin-1 bytes.
    fn of_bytes(bytes: &[u8], ascii: bool) -> Ptr<Str> {
        // SAFETY: the function fills what it is given.
        unsafe {
            Str::filled(bytes.len(), ascii, |units| {
                std::ptr::copy_nonoverlapping(bytes.as_ptr(), units, bytes.len());
            })
        }
    }

    /// A text of `length` one-byte units, two or more, which `fill` writes where they stay.
    ///
    /// # Safety
    /// `fill` initialises all units and runs nothing that looks at the object; they are what `ascii` says.
    #[inline(always)]
    pub(crate) unsafe fn filled(length: usize, ascii: bool, fill: impl FnOnce(*mut u8)) -> Ptr<Str> {
        // SAFETY: fresh memory of that size, all of it written here.
        unsafe {
            let object = heap::alloc_static(STR.get(), PAYLOAD + length, false) as *mut Object<Str>;
            let payload = Str { length, hash: Cell::new(-1), kind: 1, ascii, interned: Cell::new(false) };
            (&raw mut (*object).payload).write(payload);
            fill((object as *mut u8).add(PAYLOAD));
            Ptr::from_owned(object)
        }
    }

    /// The shared, immortal string of one Latin-1 character at `i`, borrowed; `NULL` if there is none, or none yet.
    #[inline(always)]
    pub fn peek_char(&self, i: usize) -> Value {
        if self.kind != 1 || i >= self.length {
            return Value::NULL;
        }
        // SAFETY: the units follow the payload, and there are more than `i`.
        let c = unsafe { *((&raw const *self).add(1) as *const u8).add(i) };
        Value(CHARS[c as usize].load(Ordering::Relaxed))
    }

    #[inline]
    fn latin1_char(b: u8) -> Ptr<Str> {
        let word = CHARS[b as usize].load(Ordering::Relaxed);
        if word != 0 {
            // SAFETY: the table owns the strings.
            return unsafe { Value(word).as_obj().downcast_unchecked::<Str>().to_ptr() };
        }
        let text = Str::intern_ptr(Str::allocate(STR.get(), StrData::One(&[b])));
        heap::make_immortal(&text.as_obj());
        CHARS[b as usize].store(text.value().0, Ordering::Relaxed);
        text
    }

    /// From code points, surrogates included.
    pub fn from_points(points: impl Iterator<Item = u32> + Clone) -> Ptr<Str> {
        let max = points.clone().max().unwrap_or(0);
        if max < 0x100 {
            Str::from_latin1(&points.map(|c| c as u8).collect::<Vec<u8>>())
        } else if max < 0x10000 {
            Str::allocate(STR.get(), StrData::Two(&points.map(|c| c as u16).collect::<Vec<u16>>()))
        } else {
            Str::allocate(STR.get(), StrData::Four(&points.collect::<Vec<u32>>()))
        }
    }

    pub fn from_code_points(points: &[u32]) -> Ptr<Str> {
        Str::from_points(points.iter().copied())
    }

    /// From units of any width; narrowed to the canonical one.
    pub fn from_data(data: StrData<'_>) -> Ptr<Str> {
        match data {
            StrData::One(d) => Str::from_latin1(d),
            StrData::Two(d) if d.iter().any(|&c| c >= 0x100) => Str::allocate(STR.get(), data),
            StrData::Four(d) if d.iter().any(|&c| c >= 0x10000) => Str::allocate(STR.get(), data),
            _ => Str::from_points(data.iter()),
        }
    }

    #[inline]
    pub fn from_char(c: u32) -> Ptr<Str> {
        if c < 0x100 { Str::latin1_char(c as u8) } else { Str::from_points(std::iter::once(c)) }
    }

    pub fn from_wstr(text: &WStr) -> Ptr<Str> {
        match text.as_str() {
            Some(s) => Str::new(s),
            None => Str::from_code_points(&text.code_points().collect::<Vec<u32>>()),
        }
    }

    pub fn to_wstr(&self) -> WStr {
        WStr::from_code_points(self.data().iter())
    }

    /// A copy as an instance of `class`, a subclass of `str`.
    pub fn new_in(class: &Type, data: StrData<'_>) -> Ptr<Str> {
        Str::allocate(class, data)
    }

    /// `data` is in canonical width.
    fn allocate(class: &Type, data: StrData<'_>) -> Ptr<Str> {
        let (kind, bytes): (u8, &[u8]) = match data {
            StrData::One(d) => (1, d),
            // SAFETY: any initialised units can be read as bytes.
            StrData::Two(d) => (2, unsafe { std::slice::from_raw_parts(d.as_ptr().cast(), d.len() * 2) }),
            // SAFETY: as above.
            StrData::Four(d) => (4, unsafe { std::slice::from_raw_parts(d.as_ptr().cast(), d.len() * 4) }),
        };
        let ascii = kind == 1 && bytes.is_ascii();
        // Managed words of subclasses are placed as if every unit had four bytes.
        let size = if class.has_managed_slots() {
            shape::var_managed_offset(class, data.len()) + class.managed_size()
        } else {
            PAYLOAD + bytes.len()
        };
        // SAFETY: fresh memory of that size; every part is written before anyone can look.
        unsafe {
            let header = heap::alloc_object(class, size);
            let object = header as *mut Object<Str>;
            (&raw mut (*object).payload).write(Str {
                length: data.len(),
                hash: Cell::new(-1),
                kind,
                ascii,
                interned: Cell::new(false),
            });
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), (object as *mut u8).add(PAYLOAD), bytes.len());
            if class.has_managed_slots() {
                shape::init_instance(header, class, PAYLOAD);
            }
            Ptr::from_owned(object)
        }
    }

    /// The texts one behind the other, in one allocation.
    pub fn concat(parts: &[&Str]) -> Ptr<Str> {
        let length = parts.iter().map(|p| p.length).sum();
        let kind = parts.iter().map(|p| if p.length == 0 { 1 } else { p.kind }).max().unwrap_or(1);
        if length < 2 {
            let only = parts.iter().find_map(|p| p.get_char(0));
            return only.map_or_else(Str::empty, Str::from_char);
        }
        let ascii = kind == 1 && parts.iter().all(|p| p.ascii);
        // SAFETY: fresh memory for that many units; the parts fill it exactly.
        unsafe {
            let header = heap::alloc_object(STR.get(), PAYLOAD + length * kind as usize);
            let object = header as *mut Object<Str>;
            let payload = Str { length, hash: Cell::new(-1), kind, ascii, interned: Cell::new(false) };
            (&raw mut (*object).payload).write(payload);
            let mut to = (object as *mut u8).add(PAYLOAD);
            for part in parts {
                part.data().write_units(to, kind);
                to = to.add(part.length * kind as usize);
            }
            Ptr::from_owned(object)
        }
    }

    /// `left + right`, where `left` grows in place if nobody else holds it.
    ///
    /// # Safety
    /// `left` is an owned reference to an exact `str`, which the result takes over; `right` is an exact `str`.
    pub unsafe fn append(left: Value, right: &Obj) -> Value {
        // SAFETY: by contract; a text that nobody else holds may move and change, as long as its hash is forgotten.
        unsafe {
            let (text, tail) = (&*(left.as_pointer() as *const Object<Str>), right.downcast_unchecked::<Str>());
            let shared = text.header().refcnt.get() != 1 || text.interned.get() || left == right.value();
            if shared || tail.kind > text.kind || text.length < 2 {
                let whole = Str::concat(&[text, tail]).into_obj().into_value();
                heap::decref(left);
                return whole;
            }
            let (kind, length) = (text.kind, text.length);
            let used = PAYLOAD + length * kind as usize;
            let grown = used + tail.length * kind as usize;
            let object = heap::alloc::grow(left.as_pointer() as *mut u8, used, grown) as *mut Object<Str>;
            tail.data().write_units((object as *mut u8).add(used), kind);
            let payload = &mut (*object).payload;
            payload.length += tail.length;
            payload.ascii &= tail.ascii;
            payload.hash.set(-1);
            Value::from_pointer(object as *const crate::object::Header)
        }
    }

    /// From a text builder, whose units are in canonical width.
    pub fn from_buffer(buffer: &TextBuffer) -> Ptr<Str> {
        match buffer {
            TextBuffer::Latin1(d) => Str::from_latin1(d),
            TextBuffer::Ucs2(d) => Str::from_data(StrData::Two(d)),
            TextBuffer::Ucs4(d) => Str::from_data(StrData::Four(d)),
        }
    }

    /// Number of code points.
    #[inline(always)]
    pub fn len(&self) -> usize {
        self.length
    }

    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    #[inline(always)]
    pub fn is_ascii(&self) -> bool {
        self.ascii
    }

    #[inline(always)]
    pub fn is_interned(&self) -> bool {
        self.interned.get()
    }

    /// Bytes a unit.
    pub fn kind(&self) -> usize {
        self.kind as usize
    }

    #[inline]
    pub fn data(&self) -> StrData<'_> {
        // SAFETY: a Str only lives inside its object, and its units follow it.
        unsafe {
            let units = (self as *const Str).add(1) as *const u8;
            match self.kind {
                1 => StrData::One(std::slice::from_raw_parts(units, self.length)),
                2 => StrData::Two(std::slice::from_raw_parts(units as *const u16, self.length)),
                _ => StrData::Four(std::slice::from_raw_parts(units as *const u32, self.length)),
            }
        }
    }

    /// The units as bytes, for hashing and comparing.
    #[inline]
    pub fn raw_bytes(&self) -> &[u8] {
        // SAFETY: as in `data`.
        unsafe {
            let units = (self as *const Str).add(1) as *const u8;
            std::slice::from_raw_parts(units, self.length * self.kind as usize)
        }
    }

    /// The text if it is ASCII.
    #[inline]
    pub fn as_ascii(&self) -> Option<&str> {
        // SAFETY: ASCII bytes are UTF-8.
        self.ascii.then(|| unsafe { std::str::from_utf8_unchecked(self.raw_bytes()) })
    }

    /// The text as UTF-8; `None` if it holds surrogates.
    pub fn to_utf8(&self) -> Option<Cow<'_, str>> {
        if let Some(s) = self.as_ascii() {
            return Some(Cow::Borrowed(s));
        }
        self.data().iter().map(char::from_u32).collect::<Option<String>>().map(Cow::Owned)
    }

    /// The text with surrogates replaced by U+FFFD.
    pub fn to_string_lossy(&self) -> String {
        match self.as_ascii() {
            Some(s) => s.to_owned(),
            None => self.data().iter().map(|c| char::from_u32(c).unwrap_or('\u{fffd}')).collect(),
        }
    }

    #[inline]
    pub fn get_char(&self, i: usize) -> Option<u32> {
        (i < self.length).then(|| self.data().get(i))
    }

    pub fn code_points(&self) -> impl DoubleEndedIterator<Item = u32> + ExactSizeIterator + Clone + '_ {
        self.data().iter()
    }

    /// Equal to an ASCII (or any UTF-8) text.
    pub fn eq_str(&self, text: &str) -> bool {
        if self.ascii {
            return self.raw_bytes() == text.as_bytes();
        }
        !text.is_ascii() && self.data().iter().eq(text.chars().map(|c| c as u32))
    }

    #[inline]
    pub fn equals(&self, other: &Str) -> bool {
        std::ptr::eq(self, other)
            || (self.length == other.length && self.kind == other.kind && self.raw_bytes() == other.raw_bytes())
    }

    /// The hash, computed on the first call.
    #[inline]
    pub fn hash(&self) -> i64 {
        let hash = self.hash.get();
        if hash != -1 { hash } else { self.compute_hash() }
    }

    /// The hash if it has been computed, else anything.
    #[inline(always)]
    pub fn known_hash(&self) -> i64 {
        self.hash.get()
    }

    /// Whether two strings are equal, where that can be told without a look at their units.
    #[inline(always)]
    pub fn equals_at_sight(&self, other: &Str) -> Option<bool> {
        if std::ptr::eq(self, other) {
            return Some(true);
        }
        let differ = self.length != other.length || (self.interned.get() && other.interned.get());
        differ.then_some(false)
    }

    #[cold]
    fn compute_hash(&self) -> i64 {
        let hash = hash_bytes(self.raw_bytes());
        self.hash.set(hash);
        hash
    }

    /// The interned string of a text.
    pub fn intern(text: &str) -> Ptr<Str> {
        if let Some(found) = find_interned(hash_of_text(text), |s| s.eq_str(text)) {
            return found;
        }
        let fresh = if text.is_ascii() {
            Str::allocate(STR.get(), StrData::One(text.as_bytes()))
        } else {
            Str::from_points(text.chars().map(|c| c as u32))
        };
        Str::intern_ptr(fresh)
    }

    /// The interned equal of `text`: itself if it is the first of its kind. Interned strings live for
    /// ever.
    pub fn intern_ptr(text: Ptr<Str>) -> Ptr<Str> {
        if text.is_interned() || !std::ptr::eq(text.class(), STR.get()) {
            return text;
        }
        if let Some(found) = find_interned(text.hash(), |s| s.equals(&text)) {
            return found;
        }
        text.interned.set(true);
        heap::make_immortal(&text.as_obj());
        INTERNED.0.borrow_mut().insert_unique(text.hash() as u64, text.value(), |v| {
            // SAFETY: interned strings live for ever.
            unsafe { v.as_obj().downcast_unchecked::<Str>().hash() as u64 }
        });
        text
    }
}

impl Object<Str> {
    /// The interned string of the same text: what attribute lookups compare by identity.
    pub fn as_name(&self) -> Ptr<Str> {
        if self.is_interned() || std::ptr::eq(self.class(), STR.get()) {
            return Str::intern_ptr(self.to_ptr());
        }
        Str::intern_ptr(Str::from_data(self.data()))
    }

    /// The text, or UnicodeEncodeError if it holds surrogates.
    pub fn to_string_checked(&self) -> PyResult<String> {
        match self.to_utf8() {
            Some(s) => Ok(s.into_owned()),
            None => crate::protocols::codecs::encode_utf8(self, None).map(|_| self.to_string_lossy()),
        }
    }
}

/// `units!(data, u => f(u))`: the expression with `u` bound to the units, whatever their width.
#[macro_export]
macro_rules! units {
    ($data:expr, $units:ident => $body:expr) => {
        match $data {
            $crate::objects::str::StrData::One($units) => $body,
            $crate::objects::str::StrData::Two($units) => $body,
            $crate::objects::str::StrData::Four($units) => $body,
        }
    };
}

/// How many interned strings there are.
pub fn interned_count() -> usize {
    INTERNED.0.borrow().len()
}

fn find_interned(hash: i64, eq: impl Fn(&Str) -> bool) -> Option<Ptr<Str>> {
    let table = INTERNED.0.borrow();
    // SAFETY: interned strings live for ever.
    let found = table.find(hash as u64, |v| eq(unsafe { v.as_obj().downcast_unchecked::<Str>() }))?;
    // SAFETY: as above.
    Some(unsafe { found.as_obj().downcast_unchecked::<Str>().to_ptr() })
}

/// The hash that `Str::hash` gives for the same text.
fn hash_of_text(text: &str) -> i64 {
    if text.is_ascii() {
        return hash_bytes(text.as_bytes());
    }
    let max = text.chars().max().map_or(0, |c| c as u32);
    let units = text.chars().map(|c| c as u32);
    if max < 0x100 {
        hash_bytes(&units.map(|c| c as u8).collect::<Vec<u8>>())
    } else if max < 0x10000 {
        hash_bytes(&units.flat_map(|c| (c as u16).to_ne_bytes()).collect::<Vec<u8>>())
    } else {
        hash_bytes(&units.flat_map(u32::to_ne_bytes).collect::<Vec<u8>>())
    }
}

/// SipHash-1-3 with the process's key; never -1.
pub fn hash_bytes(bytes: &[u8]) -> i64 {
    if bytes.is_empty() {
        return 0;
    }
    let (k0, k1) = runtime().hash_key.get();
    let mut hasher = siphasher::sip::SipHasher13::new_with_keys(k0, k1);
    hasher.write(bytes);
    match hasher.finish() as i64 {
        -1 => -2,
        hash => hash,
    }
}

/// An interned string that Rust code names by its text; looked up once.
pub struct StaticName {
    text: &'static str,
    word: AtomicU64,
}

impl StaticName {
    pub const fn new(text: &'static str) -> StaticName {
        StaticName { text, word: AtomicU64::new(0) }
    }

    #[inline]
    pub fn get(&self) -> &'static Object<Str> {
        let mut word = self.word.load(Ordering::Relaxed);
        if word == 0 {
            word = Str::intern(self.text).value().0;
            self.word.store(word, Ordering::Relaxed);
        }
        // SAFETY: interned strings live for ever.
        unsafe { &*(Value(word).as_pointer() as *const Object<Str>) }
    }
}

/// `name!("__len__")`: the interned string, looked up once.
#[macro_export]
macro_rules! name {
    ($text:literal) => {{
        static NAME: $crate::objects::str::StaticName = $crate::objects::str::StaticName::new($text);
        NAME.get()
    }};
}
