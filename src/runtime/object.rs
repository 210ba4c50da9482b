//! Heap objects and the three ways Rust code holds them.
//!
//! Every heap object starts with a [`Header`]: reference count and class. [`Obj`] is an owned
//! reference to any object (an immediate integer or float included), [`Ptr<T>`] an owned reference
//! to an object whose payload is known to be `T`, `&Object<T>` a borrowed one. `Clone` increments
//! the count, `Drop` decrements it and destroys the object when it reaches zero.

use std::cell::{Cell, UnsafeCell};
use std::fmt;
use std::marker::PhantomData;
use std::mem::{ManuallyDrop, size_of};
use std::num::NonZeroU64;
use std::ops::Deref;
use std::ptr::NonNull;

use crate::heap;
use crate::heap::cycles::Visitor;
use crate::objects::float::Float;
use crate::objects::int::Int;
use crate::types::Type;
use crate::value::Value;

/// Immortal objects start so high that plain increments and decrements never reach zero.
pub const IMMORTAL_REFCNT: i64 = 1 << 60;
/// Counts above this belong to immortal objects.
pub const IMMORTAL_LIMIT: i64 = 1 << 59;

/// First words of every heap object; CPython's layout.
#[repr(C)]
pub struct Header {
    pub refcnt: Cell<i64>,
    pub class: Cell<*const Type>,
}

impl Header {
    pub const fn immortal(class: *const Type) -> Header {
        Header { refcnt: Cell::new(IMMORTAL_REFCNT), class: Cell::new(class) }
    }
}

/// A heap object with payload `T`. Only ever lives on the heap or in a `static`, so that
/// `&Object<T>` is always a counted object.
#[repr(C)]
pub struct Object<T> {
    pub(crate) header: Header,
    pub(crate) payload: T,
}

impl<T> Deref for Object<T> {
    type Target = T;
    #[inline(always)]
    fn deref(&self) -> &T {
        &self.payload
    }
}

impl<T> Object<T> {
    /// The object as an untyped reference.
    #[inline(always)]
    pub fn as_obj(&self) -> ObjRef<'_> {
        ObjRef { word: self.value().0, _lifetime: PhantomData }
    }

    /// A new owned untyped reference.
    #[inline(always)]
    pub fn to_obj(&self) -> Obj {
        Obj::clone(&self.as_obj())
    }

    /// A new owned typed reference.
    #[inline(always)]
    pub fn to_ptr(&self) -> Ptr<T> {
        self.header.refcnt.set(self.header.refcnt.get() + 1);
        Ptr(NonNull::from(self))
    }

    #[inline(always)]
    pub fn value(&self) -> Value {
        Value::from_pointer(&self.header)
    }

    /// The class of this instance (a subclass of `T`'s own class, perhaps).
    #[inline(always)]
    pub fn class(&self) -> &Type {
        // SAFETY: a live object's class pointer is valid; the object keeps its class alive.
        unsafe { &*self.header.class.get() }
    }

    #[inline(always)]
    pub fn header(&self) -> &Header {
        &self.header
    }
}

/// A native class: the Rust payload type behind instances of a Python class.
///
/// # Safety
/// `class()` returns the one type object whose instances hold a `Self` right after their header
/// (`#[pyclass]` guarantees it).
pub unsafe trait PyClass: Sized + 'static {
    fn class() -> &'static Type;
}

/// A borrowed reference to any object, usable where `&Obj` is wanted.
#[derive(Copy, Clone)]
#[repr(transparent)]
pub struct ObjRef<'a> {
    word: u64,
    _lifetime: PhantomData<&'a Obj>,
}

impl Deref for ObjRef<'_> {
    type Target = Obj;
    #[inline(always)]
    fn deref(&self) -> &Obj {
        // SAFETY: same word, and the object outlives the borrow.
        unsafe { &*(self as *const ObjRef<'_> as *const Obj) }
    }
}

/// An owned reference to any object.
#[repr(transparent)]
pub struct Obj(NonZeroU64, PhantomData<*const ()>);

impl Clone for Obj {
    #[inline(always)]
    fn clone(&self) -> Obj {
        heap::incref(self.value());
        Obj(self.0, PhantomData)
    }
}

impl Drop for Obj {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: self owns one reference and is not used again.
        unsafe { heap::decref(self.value()) }
    }
}

impl fmt::Debug for Obj {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} at {:#x}>", self.class().name(), self.0)
    }
}

impl Obj {
    /// # Safety
    /// `v` is not `NULL` and carries one reference that the result takes over.
    #[inline(always)]
    pub unsafe fn from_owned(v: Value) -> Obj {
        debug_assert!(!v.is_null());
        // SAFETY: not NULL by contract.
        Obj(unsafe { NonZeroU64::new_unchecked(v.0) }, PhantomData)
    }

    /// # Safety
    /// `v` is not `NULL` and alive.
    #[inline(always)]
    pub unsafe fn from_borrowed(v: Value) -> Obj {
        heap::incref(v);
        // SAFETY: the increment above made the reference that is handed over.
        unsafe { Obj::from_owned(v) }
    }

    #[inline(always)]
    pub fn value(&self) -> Value {
        Value(self.0.get())
    }

    /// Gives the reference away as a raw word.
    #[inline(always)]
    pub fn into_value(self) -> Value {
        ManuallyDrop::new(self).value()
    }

    /// The class of the object.
    #[inline(always)]
    pub fn class(&self) -> &Type {
        let v = self.value();
        if v.is_fixnum() {
            Int::class()
        } else if v.is_flonum() {
            Float::class()
        } else {
            // SAFETY: the reference keeps the object, and the object its class, alive.
            unsafe { &*(*v.as_pointer()).class.get() }
        }
    }

    /// Python's `is`.
    #[inline(always)]
    pub fn is(&self, other: &Obj) -> bool {
        self.0 == other.0
    }

    #[inline(always)]
    pub fn is_none(&self) -> bool {
        self.value() == crate::objects::singletons::none_value()
    }

    /// Python's `id()`.
    pub fn id(&self) -> u64 {
        self.0.get()
    }

    /// The payload if the object's class is exactly `T`'s.
    #[inline(always)]
    pub fn exact<T: PyClass>(&self) -> Option<&Object<T>> {
        let v = self.value();
        // SAFETY: the word is checked to be a heap pointer before it is followed; the class says
        // that the payload is a T.
        unsafe {
            if v.is_pointer_or_null() && std::ptr::eq((*v.as_pointer()).class.get(), T::class()) {
                Some(&*(v.as_pointer() as *const Object<T>))
            } else {
                None
            }
        }
    }

    /// The payload if the object is an instance of `T`'s class or of a subclass. Immediate integers
    /// and floats have no payload: use the accessors of `int` and `float`.
    #[inline(always)]
    pub fn downcast<T: PyClass>(&self) -> Option<&Object<T>> {
        let v = self.value();
        if !v.is_pointer_or_null() {
            return None;
        }
        // SAFETY: the class check proves that the payload begins with a T.
        unsafe {
            let class = &*(*v.as_pointer()).class.get();
            if std::ptr::eq(class, T::class()) || class.is_native_subclass(T::class()) {
                Some(&*(v.as_pointer() as *const Object<T>))
            } else {
                None
            }
        }
    }

    #[inline(always)]
    pub fn is_instance_of<T: PyClass>(&self) -> bool {
        let class = self.class();
        std::ptr::eq(class, T::class()) || class.is_native_subclass(T::class())
    }

    /// # Safety
    /// The object is a heap object whose payload begins with a `T`.
    #[inline(always)]
    pub unsafe fn downcast_unchecked<T>(&self) -> &Object<T> {
        debug_assert!(self.value().is_pointer_or_null());
        // SAFETY: by contract.
        unsafe { &*(self.value().as_pointer() as *const Object<T>) }
    }

    /// Turns the reference into a typed one, or gives it back.
    pub fn into_ptr<T: PyClass>(self) -> Result<Ptr<T>, Obj> {
        if self.downcast::<T>().is_some() {
            let word = ManuallyDrop::new(self).value();
            // SAFETY: checked just above; the count moves along.
            Ok(Ptr(unsafe { NonNull::new_unchecked(word.as_pointer() as *mut Object<T>) }))
        } else {
            Err(self)
        }
    }

    /// The reference count, as the header holds it; immediates count as immortal.
    pub fn refcnt(&self) -> i64 {
        let v = self.value();
        if v.is_pointer_or_null() {
            // SAFETY: the reference keeps the object alive.
            unsafe { (*v.as_pointer()).refcnt.get() }
        } else {
            IMMORTAL_REFCNT
        }
    }
}

/// An owned reference to an object with payload `T`.
#[repr(transparent)]
pub struct Ptr<T>(NonNull<Object<T>>);

impl<T> Clone for Ptr<T> {
    #[inline(always)]
    fn clone(&self) -> Ptr<T> {
        (**self).to_ptr()
    }
}

impl<T> Drop for Ptr<T> {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: self owns one reference and is not used again.
        unsafe { heap::decref(self.value()) }
    }
}

impl<T> Deref for Ptr<T> {
    type Target = Object<T>;
    #[inline(always)]
    fn deref(&self) -> &Object<T> {
        // SAFETY: the owned reference keeps the object alive.
        unsafe { self.0.as_ref() }
    }
}

impl<T> From<Ptr<T>> for Obj {
    #[inline(always)]
    fn from(p: Ptr<T>) -> Obj {
        p.into_obj()
    }
}

impl<T> Ptr<T> {
    #[inline(always)]
    pub fn into_obj(self) -> Obj {
        let v = ManuallyDrop::new(self).value();
        // SAFETY: the reference moves.
        unsafe { Obj::from_owned(v) }
    }

    /// # Safety
    /// `p` points to a live object and carries one reference.
    #[inline(always)]
    pub unsafe fn from_owned(p: *mut Object<T>) -> Ptr<T> {
        // SAFETY: by contract.
        Ptr(unsafe { NonNull::new_unchecked(p) })
    }
}

impl<T: PyClass> Ptr<T> {
    /// A new instance of `T`'s own class.
    #[inline]
    pub fn new(payload: T) -> Ptr<T> {
        heap::new_instance(T::class(), payload)
    }

    /// A new instance of `class`, a subclass of `T`'s class (as `tp_new` makes them).
    pub fn new_in(class: &Type, payload: T) -> Ptr<T> {
        debug_assert!(class.is_native_subclass(T::class()));
        heap::new_instance(class, payload)
    }
}

/// A mutable field that holds an object or nothing. Reading clones; writing releases the old
/// value after the new one is in place, so that code run by its destruction sees a whole object.
#[derive(Default)]
pub struct ObjCell(UnsafeCell<Option<Obj>>);

impl ObjCell {
    pub const fn empty() -> ObjCell {
        ObjCell(UnsafeCell::new(None))
    }

    pub const fn new(value: Option<Obj>) -> ObjCell {
        ObjCell(UnsafeCell::new(value))
    }

    pub fn of(value: Obj) -> ObjCell {
        ObjCell(UnsafeCell::new(Some(value)))
    }

    /// Exchanges the contents as raw words: takes over `v`'s reference and gives the old one away.
    #[inline(always)]
    pub fn replace_word(&self, v: Value) -> Value {
        // SAFETY: `Option<Obj>` is one word, 0 for `None`; no reference into the cell is alive.
        unsafe { std::mem::replace(&mut *(self.0.get() as *mut Value), v) }
    }

    #[inline]
    pub fn get(&self) -> Option<Obj> {
        // SAFETY: no reference into the cell outlives this call, and cloning runs no other code.
        unsafe { (*self.0.get()).clone() }
    }

    /// The raw word without a new reference; `NULL` if empty.
    #[inline(always)]
    pub fn peek(&self) -> Value {
        // SAFETY: as in `get`.
        unsafe { (*self.0.get()).as_ref().map_or(Value::NULL, Obj::value) }
    }

    #[inline]
    pub fn is_set(&self) -> bool {
        !self.peek().is_null()
    }

    #[inline]
    pub fn set(&self, value: Option<Obj>) {
        drop(self.replace(value));
    }

    #[inline]
    pub fn put(&self, value: Obj) {
        self.set(Some(value));
    }

    #[inline]
    pub fn replace(&self, value: Option<Obj>) -> Option<Obj> {
        // SAFETY: no reference into the cell is live; the old value leaves before it is dropped.
        unsafe { std::mem::replace(&mut *self.0.get(), value) }
    }

    #[inline]
    pub fn take(&self) -> Option<Obj> {
        self.replace(None)
    }
}

/// A mutable field for plain Rust data (vectors, tables). Access is by short closures that must
/// not run Python code: the debug build checks that they do not nest.
#[derive(Default)]
pub struct DataCell<T> {
    data: UnsafeCell<T>,
    #[cfg(debug_assertions)]
    busy: Cell<bool>,
}

impl<T> DataCell<T> {
    /// Where the data is, for compiled code.
    pub const DATA_OFFSET: usize = std::mem::offset_of!(DataCell<T>, data);

    pub const fn new(data: T) -> DataCell<T> {
        DataCell {
            data: UnsafeCell::new(data),
            #[cfg(debug_assertions)]
            busy: Cell::new(false),
        }
    }

    #[inline]
    pub fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        #[cfg(debug_assertions)]
        assert!(!self.busy.replace(true), "nested access to a DataCell");
        // SAFETY: access does not nest (checked in debug builds), so the reference is unique.
        let result = f(unsafe { &mut *self.data.get() });
        #[cfg(debug_assertions)]
        self.busy.set(false);
        result
    }

    #[inline]
    pub fn replace(&self, data: T) -> T {
        self.with(|d| std::mem::replace(d, data))
    }

    /// # Safety
    /// While the reference lives nothing else accesses the cell mutably.
    #[inline(always)]
    pub unsafe fn get_ref(&self) -> &T {
        // SAFETY: by contract.
        unsafe { &*self.data.get() }
    }
}

/// What the collector needs to know of a field: the references it holds, and how to let go of them.
/// `#[pyclass]` calls it for every field of a payload.
pub trait Trace {
    fn trace(&self, visitor: &mut Visitor<'_>);
    /// Drops the references that the field holds, where it is mutable.
    fn clear(&self) {}
}

impl Trace for Obj {
    fn trace(&self, visitor: &mut Visitor<'_>) {
        visitor.visit(self.value());
    }
}

impl<T> Trace for Ptr<T> {
    fn trace(&self, visitor: &mut Visitor<'_>) {
        visitor.visit(self.value());
    }
}

impl Trace for ObjCell {
    fn trace(&self, visitor: &mut Visitor<'_>) {
        visitor.visit(self.peek());
    }
    fn clear(&self) {
        drop(self.take());
    }
}

impl<T: Trace> Trace for Option<T> {
    fn trace(&self, visitor: &mut Visitor<'_>) {
        if let Some(x) = self {
            x.trace(visitor);
        }
    }
}

impl<T: Trace> Trace for Vec<T> {
    fn trace(&self, visitor: &mut Visitor<'_>) {
        self.iter().for_each(|x| x.trace(visitor));
    }
}

impl<T: Trace> Trace for Box<[T]> {
    fn trace(&self, visitor: &mut Visitor<'_>) {
        self.iter().for_each(|x| x.trace(visitor));
    }
}

impl<T: Trace> Trace for std::collections::VecDeque<T> {
    fn trace(&self, visitor: &mut Visitor<'_>) {
        self.iter().for_each(|x| x.trace(visitor));
    }
}

impl<A: Trace, B: Trace> Trace for (A, B) {
    fn trace(&self, visitor: &mut Visitor<'_>) {
        self.0.trace(visitor);
        self.1.trace(visitor);
    }
}

impl<T: Trace + Default> Trace for DataCell<T> {
    fn trace(&self, visitor: &mut Visitor<'_>) {
        // SAFETY: the collector runs no Python code while it visits, and no `with` closure is
        // active when a collection starts.
        unsafe { self.get_ref() }.trace(visitor);
    }
    fn clear(&self) {
        drop(self.replace(T::default()));
    }
}

/// Finds the [`Trace`] implementation of a field if it has one and does nothing otherwise
/// (method resolution prefers the first impl); used by the expansion of `#[pyclass]`.
pub struct TraceField<'a, T>(pub &'a T);

pub trait TraceIfPossible {
    fn trace_field(&self, visitor: &mut Visitor<'_>);
    fn clear_field(&self);
}

impl<T: Trace> TraceIfPossible for TraceField<'_, T> {
    fn trace_field(&self, visitor: &mut Visitor<'_>) {
        self.0.trace(visitor);
    }
    fn clear_field(&self) {
        self.0.clear();
    }
}

pub trait TraceNothing {
    fn trace_field(&self, _visitor: &mut Visitor<'_>) {}
    fn clear_field(&self) {}
}

impl<T> TraceNothing for &TraceField<'_, T> {}

const _: () = assert!(size_of::<Header>() == 16);
const _: () = assert!(size_of::<Option<Obj>>() == 8);
const _: () = assert!(size_of::<Option<Ptr<u8>>>() == 8);
