//! Shapes (hidden classes): where an instance keeps its attributes.
//!
//! An instance of a Python class ends in a managed part: a shape word, a dictionary word, perhaps a
//! weak-reference word, and inline attribute slots. The shape maps attribute names to slot numbers; it
//! is rooted in the class, so one compare guards both class and layout. Adding an attribute follows a
//! transition to a child shape. Once somebody asks for `__dict__` as an object, or deletes an
//! attribute, the attributes move to a real dictionary and the shape becomes the class's
//! dictionary shape, which has no slots.
//!
//! Variable-size classes (`tuple`, `bytes`, `str`) put the managed part behind their items.

use std::cell::{Cell, RefCell, UnsafeCell};
use std::collections::HashMap;

use super::{Type, flags};
use crate::errors::PyResult;
use crate::heap::{decref_or_null, var_len};
use crate::object::{Header, Obj, Object, Ptr};
use crate::objects::dict::Dict;
use crate::objects::str::Str;
use crate::objects::tuple::Tuple;
use crate::value::Value;

/// An inline array never grows beyond this; later attributes go to the dictionary.
const MAX_INLINE: usize = 30;
/// The smallest inline array that the first instance of a class gets.
const FIRST_INLINE: usize = 4;

/// How many attributes the methods of a class and its bases assign to `self`, as the compiler has counted them.
fn expected_attributes(class: &Type) -> usize {
    let count = |base: &Obj| {
        let names = super::as_type(base)?.dict().peek_str(crate::name!("__static_attributes__"));
        // SAFETY: the namespace holds the value.
        (!names.is_null()).then(|| unsafe { names.as_obj() }.exact::<Tuple>().map_or(0, |names| names.len()))
    };
    class.mro().iter().filter_map(count).sum()
}

/// One layout of attributes.
pub struct Shape {
    /// The class whose instances have this shape; it owns the shape.
    pub class: *const Type,
    /// Attribute slots that an instance with this shape was allocated with.
    pub capacity: u32,
    /// Attributes in the dictionary word instead of slots.
    pub in_dict: bool,
    /// Interned names, in slot order (the shape keeps them alive).
    pub names: Vec<Ptr<Str>>,
    index: HashMap<u64, u32, foldhash::fast::FixedState>,
    children: RefCell<Vec<(u64, *mut Shape)>>,
}

/// The shapes of one class.
#[derive(Default)]
pub struct Shapes {
    /// Root for the current capacity.
    root: Cell<*mut Shape>,
    in_dict: Cell<*mut Shape>,
    all: UnsafeCell<Vec<Box<Shape>>>,
    capacity: Cell<u32>,
}

impl Shapes {
    pub const fn new() -> Shapes {
        Shapes {
            root: Cell::new(std::ptr::null_mut()),
            in_dict: Cell::new(std::ptr::null_mut()),
            all: UnsafeCell::new(Vec::new()),
            capacity: Cell::new(0),
        }
    }

    fn add(&self, shape: Shape) -> *mut Shape {
        let mut shape = Box::new(shape);
        let p: *mut Shape = &mut *shape;
        // SAFETY: the vector is only touched here and when the class dies.
        unsafe { (*self.all.get()).push(shape) };
        p
    }

    fn root(&self, class: &Type) -> *mut Shape {
        let root = self.root.get();
        if !root.is_null() {
            return root;
        }
        if self.capacity.get() == 0 {
            let expected = expected_attributes(class);
            // Others assign attributes too.
            let room = expected + expected.div_ceil(4);
            self.capacity.set(room.clamp(FIRST_INLINE, MAX_INLINE) as u32);
        }
        let root = self.add(Shape::new(class, self.capacity.get(), false));
        self.root.set(root);
        root
    }

    fn dict_shape(&self, class: &Type, capacity: u32) -> *mut Shape {
        // One dictionary shape for each capacity, so that the size of the instance stays known.
        // SAFETY: as in `add`.
        for shape in unsafe { (*self.all.get()).iter_mut() } {
            if shape.in_dict && shape.capacity == capacity {
                return &mut **shape;
            }
        }
        let shape = self.add(Shape::new(class, capacity, true));
        self.in_dict.set(shape);
        shape
    }
}

impl Shape {
    fn new(class: &Type, capacity: u32, in_dict: bool) -> Shape {
        Shape {
            class,
            capacity,
            in_dict,
            names: Vec::new(),
            index: HashMap::default(),
            children: RefCell::new(Vec::new()),
        }
    }

    /// The slot of an interned name.
    #[inline]
    pub fn slot(&self, name: &Object<Str>) -> Option<usize> {
        let id = name.value().0;
        if self.names.len() <= 6 {
            return self.names.iter().position(|n| n.value().0 == id);
        }
        self.index.get(&id).map(|&i| i as usize)
    }
}

/// The managed words of an instance.
#[repr(C)]
pub struct Managed {
    pub shape: Cell<*mut Shape>,
    /// The dictionary once it exists (owned), else `NULL`.
    pub dict: Cell<Value>,
}

/// Offset of the managed part of a variable-size instance with `items` items.
#[inline]
pub fn var_managed_offset(class: &Type, items: usize) -> usize {
    (class.var_base_size() + items * class.itemsize() + 7) & !7
}

/// # Safety
/// `header` is a live instance of `class`, which has a dictionary word.
#[inline(always)]
pub unsafe fn managed<'a>(header: *const Header, class: &Type) -> &'a Managed {
    // SAFETY: the offset lies inside the instance.
    unsafe {
        let offset =
            if class.itemsize() == 0 { class.dict_offset() } else { var_managed_offset(class, var_len(header)) };
        &*((header as *const u8).add(offset) as *const Managed)
    }
}

/// # Safety
/// `header` is a live instance of `class`, which has a weak-reference word.
#[inline]
pub unsafe fn weak_word(header: *const Header, class: &Type) -> *const u8 {
    // SAFETY: the offset lies inside the instance.
    unsafe {
        let offset = if class.itemsize() == 0 {
            class.weaklist_offset()
        } else {
            let pair = if class.dict_offset() != 0 { 16 } else { 0 };
            var_managed_offset(class, var_len(header)) + pair
        };
        (header as *const u8).add(offset)
    }
}

/// Where the offsets of `__slots__` words count from: the instance, or in variable-size instances the end of the
/// other managed words.
///
/// # Safety
/// `header` is a live instance of `class`.
#[inline]
pub unsafe fn slot_words(header: *const Header, class: &Type) -> *const u8 {
    if class.itemsize() == 0 {
        return header as *const u8;
    }
    // SAFETY: the offset lies inside the instance.
    unsafe {
        let offset = var_managed_offset(class, var_len(header)) + class.standard_words_size();
        (header as *const u8).add(offset)
    }
}

/// # Safety
/// `header` is a live instance with inline slots (its shape is not a dictionary shape).
#[inline(always)]
pub unsafe fn inline_slot<'a>(header: *const Header, class: &Type, index: usize) -> &'a Cell<Value> {
    // SAFETY: the inline array starts where the fixed part of the class ends.
    unsafe { &*((header as *const u8).add(class.basicsize() + index * 8) as *const Cell<Value>) }
}

/// How many inline slots a new instance of `class` gets.
#[inline]
pub fn initial_capacity(class: &Type) -> usize {
    if class.has_inline_slots() {
        // SAFETY: a root shape lives as long as its class.
        unsafe { (*class.shapes().root(class)).capacity as usize }
    } else {
        0
    }
}

/// # Safety
/// `header` is a live instance of `class`, which has a dictionary word.
pub unsafe fn inline_capacity(header: *const Header, class: &Type) -> usize {
    if !class.has_inline_slots() {
        return 0;
    }
    // SAFETY: the instance's shape lives as long as its class.
    unsafe {
        let shape = managed(header, class).shape.get();
        if shape.is_null() { 0 } else { (*shape).capacity as usize }
    }
}

/// Writes the managed words of a new instance: `__slots__`, attributes and weak references empty.
///
/// # Safety
/// `header` is fresh memory for an instance of `class`; `payload_end` is where its payload ends.
#[inline]
pub unsafe fn init_instance(header: *mut Header, class: &Type, payload_end: usize) {
    // SAFETY: all offsets lie inside the allocated instance.
    unsafe {
        let (start, end) = if class.itemsize() == 0 {
            ((payload_end + 7) & !7, class.basicsize())
        } else {
            let start = var_managed_offset(class, var_len(header));
            (start, start + class.managed_size())
        };
        let mut at = start;
        while at < end {
            *((header as *mut u8).add(at) as *mut Value) = Value::NULL;
            at += 8;
        }
        if class.has_inline_slots() {
            let root = class.shapes().root(class);
            managed(header, class).shape.set(root);
            for i in 0..(*root).capacity as usize {
                inline_slot(header, class, i).set(Value::NULL);
            }
        }
    }
}

/// Releases everything that the managed words hold.
///
/// # Safety
/// `header` is an instance of `class` that is being destroyed.
#[inline]
pub unsafe fn clear_instance(header: *mut Header, class: &Type) {
    if class.has_flag(flags::SLOT_WORDS) || class.dict_offset() != 0 {
        // SAFETY: by contract.
        unsafe { clear_attributes(header, class) };
    }
}

/// # Safety
/// As [`clear_instance`].
unsafe fn clear_attributes(header: *mut Header, class: &Type) {
    // SAFETY: each word is emptied before the value that was in it is released.
    unsafe {
        if class.has_flag(flags::SLOT_WORDS) {
            let words = slot_words(header, class);
            class.for_each_slot_offset(&mut |offset| {
                let cell = &*(words.add(offset) as *const Cell<Value>);
                decref_or_null(cell.replace(Value::NULL));
            });
        }
        if class.dict_offset() != 0 {
            let managed = managed(header, class);
            if class.has_inline_slots() && !(*managed.shape.get()).in_dict {
                let shape = &*managed.shape.get();
                for i in 0..shape.names.len() {
                    decref_or_null(inline_slot(header, class, i).replace(Value::NULL));
                }
                managed.shape.set(class.shapes().dict_shape(class, shape.capacity));
            }
            decref_or_null(managed.dict.replace(Value::NULL));
        }
    }
}

/// True for instances that keep their attributes in slots of their own rather than in a dictionary.
pub fn has_inline_attributes(obj: &Obj) -> bool {
    let class = obj.class();
    // SAFETY: instances of classes with inline slots have managed words.
    obj.value().is_pointer_or_null()
        && class.has_inline_slots()
        && !unsafe { (*managed(obj.value().as_pointer(), class).shape.get()).in_dict }
}

/// Shows the collector what the managed words hold.
///
/// # Safety
/// `header` is a live instance of `class`.
pub unsafe fn trace_instance(header: *const Header, class: &Type, visitor: &mut crate::heap::cycles::Visitor<'_>) {
    // SAFETY: by contract.
    unsafe {
        if class.has_flag(flags::SLOT_WORDS) {
            let words = slot_words(header, class);
            class.for_each_slot_offset(&mut |offset| visitor.visit((*(words.add(offset) as *const Cell<Value>)).get()));
        }
        if class.dict_offset() != 0 {
            let managed = managed(header, class);
            if class.has_inline_slots() && !managed.shape.get().is_null() && !(*managed.shape.get()).in_dict {
                for i in 0..(*managed.shape.get()).names.len() {
                    visitor.visit(inline_slot(header, class, i).get());
                }
            }
            visitor.visit(managed.dict.get());
        }
    }
}

/// The attribute `name` (interned) among the instance's own attributes.
#[inline]
pub fn get_attribute(obj: &Obj, name: &Object<Str>) -> PyResult<Option<Obj>> {
    let class = obj.class();
    if class.dict_offset() == 0 {
        return Ok(None);
    }
    // SAFETY: classes with a dictionary word have heap instances.
    unsafe {
        let header = obj.value().as_pointer();
        let managed = managed(header, class);
        if class.has_inline_slots() {
            let shape = &*managed.shape.get();
            if !shape.in_dict {
                return Ok(shape.slot(name).and_then(|i| {
                    let v = inline_slot(header, class, i).get();
                    (!v.is_null()).then(|| Obj::from_borrowed(v))
                }));
            }
        }
        let dict = managed.dict.get();
        if dict.is_null() {
            return Ok(None);
        }
        let dict = Obj::from_borrowed(dict);
        dict.downcast_unchecked::<Dict>().get_str(name)
    }
}

/// Sets (or with `None` deletes) one of the instance's own attributes; `Ok(false)` if there is no such
/// attribute to delete or the class has no room for attributes.
pub fn set_attribute(obj: &Obj, name: &Object<Str>, value: Option<&Obj>) -> PyResult<bool> {
    let class = obj.class();
    if class.dict_offset() == 0 {
        return Ok(false);
    }
    // SAFETY: as in `get_attribute`; slots are written before old values are released.
    unsafe {
        let header = obj.value().as_pointer();
        let managed = managed(header, class);
        if class.has_inline_slots() && !(*managed.shape.get()).in_dict {
            let shape = managed.shape.get();
            match (value, (*shape).slot(name)) {
                (Some(value), Some(i)) => {
                    let old = inline_slot(header, class, i).replace(value.clone().into_value());
                    decref_or_null(old);
                    return Ok(true);
                }
                (Some(value), None) => {
                    if let Some(child) = transition(class, shape, name) {
                        let i = (*child).names.len() - 1;
                        inline_slot(header, class, i).set(value.clone().into_value());
                        managed.shape.set(child);
                        return Ok(true);
                    }
                }
                (None, None) => return Ok(false),
                (None, Some(_)) => {}
            }
        }
        let dict = instance_dict(obj)?.expect("a class with a dictionary word");
        match value {
            Some(value) => dict.set_str(name, value.clone()).map(|()| true),
            None => dict.remove_str(name).map(|old| old.is_some()),
        }
    }
}

/// The shape after `name` has been added, if it still fits inline.
///
/// # Safety
/// `shape` is a live shape of `class`.
pub unsafe fn transition(class: &Type, shape: *mut Shape, name: &Object<Str>) -> Option<*mut Shape> {
    // SAFETY: shapes live as long as their class.
    unsafe {
        let id = name.value().0;
        if let Some(&(_, child)) = (*shape).children.borrow().iter().find(|(n, _)| *n == id) {
            return Some(child);
        }
        let count = (*shape).names.len();
        if count >= (*shape).capacity as usize {
            // Later instances get more room.
            let shapes = class.shapes();
            if (*shape).capacity == shapes.capacity.get() && count < MAX_INLINE {
                shapes.capacity.set((count as u32 * 2).min(MAX_INLINE as u32));
                shapes.root.set(std::ptr::null_mut());
            }
            return None;
        }
        if !name.is_interned() || (*shape).children.borrow().len() > 64 {
            return None;
        }
        let mut child = Shape::new(class, (*shape).capacity, false);
        child.names = (*shape).names.clone();
        child.names.push(name.to_ptr());
        child.index = (*shape).index.clone();
        child.index.insert(id, count as u32);
        let child = class.shapes().add(child);
        (*shape).children.borrow_mut().push((id, child));
        Some(child)
    }
}

/// The instance's `__dict__`, made on the first call: attributes move from slots into it.
/// `None` if the class has none.
pub fn instance_dict(obj: &Obj) -> PyResult<Option<Ptr<Dict>>> {
    let class = obj.class();
    if class.dict_offset() == 0 {
        return Ok(None);
    }
    // SAFETY: as in `get_attribute`; references move from the slots into the dictionary.
    unsafe {
        let header = obj.value().as_pointer();
        let managed = managed(header, class);
        if managed.dict.get().is_null() {
            let dict = Dict::new();
            if class.has_inline_slots() {
                let shape = &*managed.shape.get();
                if !shape.in_dict {
                    for (i, name) in shape.names.iter().enumerate() {
                        let v = inline_slot(header, class, i).replace(Value::NULL);
                        if !v.is_null() {
                            dict.set_str(name, Obj::from_owned(v))?;
                        }
                    }
                    managed.shape.set(class.shapes().dict_shape(class, shape.capacity));
                }
            }
            managed.dict.set(dict.into_obj().into_value());
        }
        Ok(Some((*(managed.dict.get().as_pointer() as *const Object<Dict>)).to_ptr()))
    }
}

/// Replaces the instance's `__dict__`.
pub fn set_instance_dict(obj: &Obj, dict: Option<&Object<Dict>>) -> PyResult<bool> {
    if instance_dict(obj)?.is_none() {
        return Ok(false);
    }
    // SAFETY: the dictionary word exists; the old value is released after the new one is in place.
    unsafe {
        let managed = managed(obj.value().as_pointer(), obj.class());
        let new = dict.map_or(Value::NULL, |d| d.to_obj().into_value());
        decref_or_null(managed.dict.replace(new));
    }
    Ok(true)
}

/// The inline slot count changes when `obj.__class__` is assigned: attributes move to a dictionary first.
pub fn change_class(obj: &Obj, class: &Type) -> PyResult<()> {
    let had_dict = instance_dict(obj)?.is_some();
    // SAFETY: both classes have the same layout (checked by the caller), so the words stay where they
    // are; the dictionary shape keeps the instance's real capacity.
    unsafe {
        let header = obj.value().as_pointer();
        if had_dict && class.has_inline_slots() {
            let managed = managed(header, obj.class());
            let capacity = if managed.shape.get().is_null() { 0 } else { (*managed.shape.get()).capacity };
            managed.shape.set(class.shapes().dict_shape(class, capacity));
        }
        let old = (*header).class.replace(class);
        if class.is_heap_type() {
            crate::heap::incref(class.value());
        }
        if (*old).is_heap_type() {
            crate::heap::decref((*old).value());
        }
    }
    Ok(())
}
