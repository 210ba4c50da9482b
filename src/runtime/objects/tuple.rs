//! `tuple`: representation and construction. Its methods are in `tuple_methods`.

use std::cell::Cell;

use crate::heap::{self, cycles::Visitor};
use crate::object::{Header, Obj, Object, Ptr, PyClass};
use crate::objects::list::drop_in_reverse;
use crate::types::{NativeLayout, StaticType, Type, shape};
use crate::value::Value;

/// Payload of `tuple`; the items follow it.
#[repr(C)]
pub struct Tuple {
    length: usize,
    /// -1 = not computed yet.
    pub hash: Cell<i64>,
}

static TUPLE: StaticType = StaticType::new();

// SAFETY: TUPLE is readied with the layout of this payload.
unsafe impl PyClass for Tuple {
    #[inline(always)]
    fn class() -> &'static Type {
        TUPLE.get()
    }
}

/// The class object, for its definition.
pub const CLASS: &StaticType = &TUPLE;

const PAYLOAD: usize = size_of::<Object<Tuple>>();

/// How the heap handles the items.
pub const LAYOUT: NativeLayout = NativeLayout { drop_payload: drop_items, trace: trace_items, clear: clear_nothing };

unsafe fn clear_nothing(_: *mut Header) {}

unsafe fn drop_items(header: *mut Header) {
    // SAFETY: called once for a dying tuple, whose items are initialised.
    unsafe {
        let tuple = &*(header as *const Object<Tuple>);
        let items = tuple.items();
        drop_in_reverse(items as *const [Obj] as *mut [Obj]);
    }
}

unsafe fn trace_items(header: *mut Header, visitor: &mut Visitor<'_>) {
    // SAFETY: a live tuple; while it is being filled, missing items are NULL words.
    unsafe {
        let tuple = &*(header as *const Object<Tuple>);
        let first = (&raw const tuple.payload).add(1) as *const Value;
        for i in 0..tuple.length {
            visitor.visit(*first.add(i));
        }
    }
}

impl Tuple {
    /// Where compiled code finds the number of items in the payload; the items follow the payload.
    pub const LENGTH_OFFSET: usize = std::mem::offset_of!(Tuple, length);

    pub fn empty() -> Ptr<Tuple> {
        use std::sync::atomic::{AtomicU64, Ordering};
        static EMPTY: AtomicU64 = AtomicU64::new(0);
        let mut word = EMPTY.load(Ordering::Relaxed);
        if word == 0 {
            let empty = Tuple::allocate(TUPLE.get(), 0);
            heap::make_immortal(&empty.as_obj());
            word = empty.value().0;
            EMPTY.store(word, Ordering::Relaxed);
        }
        // SAFETY: immortal.
        unsafe { Value(word).as_obj().downcast_unchecked::<Tuple>().to_ptr() }
    }

    /// From owned items.
    pub fn from_vec(items: Vec<Obj>) -> Ptr<Tuple> {
        if items.is_empty() {
            return Tuple::empty();
        }
        Tuple::from_vec_in(TUPLE.get(), items)
    }

    /// `(a, b)`.
    #[inline]
    pub fn pair(a: Obj, b: Obj) -> Ptr<Tuple> {
        // SAFETY: both words are owned, and their ownership moves.
        unsafe { Tuple::from_words([a.into_value(), b.into_value()].as_ptr(), 2) }
    }

    /// From borrowed items.
    pub fn from_slice(items: &[Obj]) -> Ptr<Tuple> {
        Tuple::from_slices(items, &[])
    }

    /// From borrowed items, those of `second` behind those of `first`.
    pub fn from_slices(first: &[Obj], second: &[Obj]) -> Ptr<Tuple> {
        let length = first.len() + second.len();
        if length == 0 {
            return Tuple::empty();
        }
        // SAFETY: fresh memory, all of it written here; cloning runs no other code.
        unsafe {
            let header = heap::alloc_static(TUPLE.get(), PAYLOAD + length * 8, true);
            let object = header as *mut Object<Tuple>;
            (&raw mut (*object).payload).write(Tuple { length, hash: Cell::new(-1) });
            let mut at = (&raw mut (*object).payload).add(1) as *mut Obj;
            for items in [first, second] {
                for item in items {
                    at.write(item.clone());
                    at = at.add(1);
                }
            }
            Ptr::from_owned(object)
        }
    }

    /// From owned items, as an instance of a subclass.
    pub fn from_vec_in(class: &Type, mut items: Vec<Obj>) -> Ptr<Tuple> {
        let tuple = Tuple::allocate(class, items.len());
        // SAFETY: room for that many items; the vector gives up its ownership.
        unsafe {
            let first = (&raw const tuple.payload).add(1) as *mut Obj;
            std::ptr::copy_nonoverlapping(items.as_ptr(), first, items.len());
            items.set_len(0);
        }
        tuple
    }

    /// From raw owned words.
    ///
    /// # Safety
    /// `count` owned words at `words`, whose ownership moves.
    pub unsafe fn from_words(words: *const Value, count: usize) -> Ptr<Tuple> {
        if count == 0 {
            return Tuple::empty();
        }
        // SAFETY: fresh memory, all of it written here; the words by contract.
        unsafe {
            let header = heap::alloc_static(TUPLE.get(), PAYLOAD + count * 8, true);
            let object = header as *mut Object<Tuple>;
            (&raw mut (*object).payload).write(Tuple { length: count, hash: Cell::new(-1) });
            let first = (&raw mut (*object).payload).add(1) as *mut Value;
            for i in 0..count {
                first.add(i).write(*words.add(i));
                heap::keep_loop();
            }
            Ptr::from_owned(object)
        }
    }

    /// A tuple whose items are all `NULL` words, which the caller fills before it can be looked at.
    fn allocate(class: &Type, length: usize) -> Ptr<Tuple> {
        let size = if class.has_managed_slots() {
            shape::var_managed_offset(class, length) + class.managed_size()
        } else {
            PAYLOAD + length * 8
        };
        // SAFETY: fresh memory of that size, fully written here.
        unsafe {
            let header = heap::alloc_object(class, size);
            let object = header as *mut Object<Tuple>;
            (&raw mut (*object).payload).write(Tuple { length, hash: Cell::new(-1) });
            let first = (&raw mut (*object).payload).add(1) as *mut Value;
            for i in 0..length {
                first.add(i).write(Value::NULL);
            }
            if class.has_managed_slots() {
                shape::init_instance(header, class, PAYLOAD);
            }
            Ptr::from_owned(object)
        }
    }

    #[inline(always)]
    pub fn items(&self) -> &[Obj] {
        // SAFETY: a Tuple only lives inside its object; its items follow it and never change.
        unsafe { std::slice::from_raw_parts((self as *const Tuple).add(1) as *const Obj, self.length) }
    }

    #[inline(always)]
    pub fn len(&self) -> usize {
        self.length
    }

    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }
}
