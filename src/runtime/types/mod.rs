//! Classes: `type` objects, their slots, method resolution order and attribute lookup.
//!
//! A native class is a `static` of type [`StaticType`] (declared by `#[pyclass]`), so that "is this a
//! list" compares against a link-time address. It is empty until [`ready`] fills it from its
//! [`ClassDef`](crate::class::ClassDef). Python classes are ordinary heap objects made by
//! [`build::new_type`].

pub mod build;
pub mod builtin;
pub mod lookup;
pub mod ready;
pub mod shape;
pub mod slot_functions;
pub mod slot_wrapper;
pub mod slots;

use std::borrow::Cow;
use std::cell::{Cell, UnsafeCell};

use crate::class::ClassDef;
use crate::errors::PyResult;
use crate::heap::cycles::Visitor;
use crate::object::{DataCell, Header, Obj, ObjCell, Object, PyClass};
use crate::objects::dict::Dict;
use crate::objects::tuple::Tuple;
use crate::value::Value;
use shape::Shapes;
use slots::Slots;

pub use lookup::*;
pub use ready::ready;

/// A class object.
pub type Type = Object<TypeData>;

/// What the heap has to know about the native part of an instance.
#[derive(Copy, Clone)]
pub struct NativeLayout {
    /// Drops the payload behind the header.
    pub drop_payload: unsafe fn(*mut Header),
    /// Shows the collector the references in the payload.
    pub trace: unsafe fn(*mut Header, &mut Visitor<'_>),
    /// Lets go of the references in mutable fields of the payload.
    pub clear: unsafe fn(*mut Header),
}

unsafe fn nothing(_: *mut Header) {}
unsafe fn trace_nothing(_: *mut Header, _: &mut Visitor<'_>) {}

impl NativeLayout {
    pub const EMPTY: NativeLayout = NativeLayout { drop_payload: nothing, trace: trace_nothing, clear: nothing };
}

/// CPython's type flags, as `__flags__` shows them, and ours above bit 32.
pub mod flags {
    pub const SEQUENCE: u64 = 1 << 5;
    pub const MAPPING: u64 = 1 << 6;
    pub const DISALLOW_INSTANTIATION: u64 = 1 << 7;
    pub const IMMUTABLE: u64 = 1 << 8;
    pub const HEAPTYPE: u64 = 1 << 9;
    pub const BASETYPE: u64 = 1 << 10;
    pub const HAVE_VECTORCALL: u64 = 1 << 11;
    pub const READY: u64 = 1 << 12;
    pub const HAVE_GC: u64 = 1 << 14;
    pub const METHOD_DESCRIPTOR: u64 = 1 << 17;
    pub const IS_ABSTRACT: u64 = 1 << 20;
    pub const MATCH_SELF: u64 = 1 << 22;
    pub const LONG_SUBCLASS: u64 = 1 << 24;
    pub const LIST_SUBCLASS: u64 = 1 << 25;
    pub const TUPLE_SUBCLASS: u64 = 1 << 26;
    pub const BYTES_SUBCLASS: u64 = 1 << 27;
    pub const UNICODE_SUBCLASS: u64 = 1 << 28;
    pub const DICT_SUBCLASS: u64 = 1 << 29;
    pub const BASE_EXC_SUBCLASS: u64 = 1 << 30;
    pub const TYPE_SUBCLASS: u64 = 1 << 31;
    /// Flags that subclasses take over.
    pub const INHERITED: u64 = HAVE_GC
        | LONG_SUBCLASS
        | LIST_SUBCLASS
        | TUPLE_SUBCLASS
        | BYTES_SUBCLASS
        | UNICODE_SUBCLASS
        | DICT_SUBCLASS
        | BASE_EXC_SUBCLASS
        | TYPE_SUBCLASS
        | SEQUENCE
        | MAPPING
        | MATCH_SELF;
    /// Instances have inline attribute slots behind the fixed part.
    pub const INLINE_SLOTS: u64 = 1 << 32;
    /// Instances have managed words (slots, dictionary, weak references).
    pub const MANAGED: u64 = 1 << 33;
    /// Instances have words for `__slots__`, of this class or a base.
    pub const SLOT_WORDS: u64 = 1 << 37;
    /// Instances have a finaliser.
    pub const FINALIZER: u64 = 1 << 34;
    /// The class is not a static one in CPython, and `__flags__` shows it so.
    pub const HEAP_LIKE: u64 = 1 << 35;
    /// The class has no `__new__` of its own: `object.__new__` makes instances.
    pub const PLAIN_NEW: u64 = 1 << 36;
    /// A static class of fixed size whose instances have a word for weak references, and no other managed words.
    pub const WEAK_WORD_ALONE: u64 = 1 << 38;
    /// What `__flags__` shows.
    pub const VISIBLE: u64 = (1 << 32) - 1;
}

/// Payload of a class object.
#[repr(C)]
pub struct TypeData {
    name: UnsafeCell<Cow<'static, str>>,
    /// Module of a native class.
    module: Cell<&'static str>,
    pub(crate) flags: Cell<u64>,
    pub(crate) version: Cell<u32>,
    pub(crate) basicsize: Cell<u32>,
    /// Where the native payload of an instance ends.
    pub(crate) payload_size: Cell<u32>,
    pub(crate) itemsize: Cell<u32>,
    pub(crate) dict_offset: Cell<u32>,
    pub(crate) weaklist_offset: Cell<u32>,
    /// Where items of a variable-size class begin.
    pub(crate) var_base: Cell<u32>,
    pub(crate) slots: UnsafeCell<Slots>,
    pub(crate) layout: Cell<NativeLayout>,
    /// The class that the memory layout comes from (`__base__`), owned.
    pub(crate) base: Cell<*const Type>,
    pub(crate) bases: ObjCell,
    pub(crate) mro: ObjCell,
    pub(crate) dict: ObjCell,
    pub(crate) qualname: ObjCell,
    /// Subclasses, not counted; they sign off when they die.
    pub(crate) subclasses: DataCell<Vec<*const Type>>,
    shapes: Shapes,
    /// Offsets of `__slots__` words that this class adds.
    pub(crate) slot_offsets: UnsafeCell<Vec<u32>>,
    /// The definition of a native class.
    pub(crate) def: Cell<Option<&'static ClassDef>>,
    /// A word for the specializer: the `__init__` function and version it was last seen with.
    pub spec_cache: Cell<[u64; 2]>,
}

impl TypeData {
    pub const fn empty() -> TypeData {
        TypeData {
            name: UnsafeCell::new(Cow::Borrowed("")),
            module: Cell::new("builtins"),
            flags: Cell::new(0),
            version: Cell::new(0),
            basicsize: Cell::new(16),
            payload_size: Cell::new(16),
            itemsize: Cell::new(0),
            dict_offset: Cell::new(0),
            weaklist_offset: Cell::new(0),
            var_base: Cell::new(0),
            slots: UnsafeCell::new(Slots::EMPTY),
            layout: Cell::new(NativeLayout::EMPTY),
            base: Cell::new(std::ptr::null()),
            bases: ObjCell::empty(),
            mro: ObjCell::empty(),
            dict: ObjCell::empty(),
            qualname: ObjCell::empty(),
            subclasses: DataCell::new(Vec::new()),
            shapes: Shapes::new(),
            slot_offsets: UnsafeCell::new(Vec::new()),
            def: Cell::new(None),
            spec_cache: Cell::new([0; 2]),
        }
    }
}

/// Storage of a native class: the object and, as every instance of `type` has it, its weak-reference word.
#[repr(C)]
pub struct StaticType(Type, Cell<usize>);

// SAFETY: class objects are only touched under the GIL.
unsafe impl Sync for StaticType {}

impl Default for StaticType {
    fn default() -> Self {
        Self::new()
    }
}

impl StaticType {
    pub const fn new() -> StaticType {
        StaticType(Object { header: Header::immortal(&TYPE.0), payload: TypeData::empty() }, Cell::new(0))
    }

    #[inline(always)]
    pub const fn get(&'static self) -> &'static Type {
        &self.0
    }
}

/// `type` itself.
pub static TYPE: StaticType = StaticType::new();

// SAFETY: TYPE is the class whose instances are class objects.
unsafe impl PyClass for TypeData {
    #[inline(always)]
    fn class() -> &'static Type {
        TYPE.get()
    }
}

impl Drop for TypeData {
    fn drop(&mut self) {
        let base = self.base.get();
        if !base.is_null() {
            // SAFETY: the class owns a reference to its base.
            unsafe { crate::heap::decref((*base).value()) };
        }
    }
}

impl Type {
    /// Where compiled code finds the version tag.
    pub const VERSION_OFFSET: usize = size_of::<Header>() + std::mem::offset_of!(TypeData, version);

    /// The name for messages: `__name__`, with the module in front for native classes outside of `builtins`.
    pub fn name(&self) -> &str {
        // SAFETY: names are only replaced by `set_name`, which leaks the old text.
        unsafe { &*self.name.get() }
    }

    /// `__name__`: native classes outside of `builtins` carry their module's name in [`Self::name`], as
    /// messages show it.
    pub fn short_name(&self) -> &str {
        let name = self.name();
        if self.is_heap_type() { name } else { name.rsplit('.').next().unwrap_or(name) }
    }

    pub fn set_name(&self, name: Cow<'static, str>) {
        // SAFETY: see `name`; the old text stays allocated for borrows that are still around.
        unsafe { std::mem::forget(std::mem::replace(&mut *self.name.get(), name)) }
    }

    /// The module that a native class is shown in.
    pub fn native_module(&self) -> &'static str {
        self.module.get()
    }

    pub(crate) fn set_native_module(&self, module: &'static str) {
        self.module.set(module);
    }

    #[inline(always)]
    pub fn has_flag(&self, flag: u64) -> bool {
        self.flags.get() & flag != 0
    }

    pub fn add_flags(&self, flags: u64) {
        self.flags.set(self.flags.get() | flags);
    }

    pub fn remove_flags(&self, flags: u64) {
        self.flags.set(self.flags.get() & !flags);
    }

    /// The tag of the class's present state, 0 if it has none yet: what inline caches compare.
    #[inline(always)]
    pub fn current_version(&self) -> u32 {
        self.version.get()
    }

    #[inline(always)]
    pub fn is_gc(&self) -> bool {
        self.has_flag(flags::HAVE_GC)
    }

    #[inline(always)]
    pub fn is_heap_type(&self) -> bool {
        self.has_flag(flags::HEAPTYPE)
    }

    #[inline(always)]
    pub fn has_finalizer(&self) -> bool {
        self.has_flag(flags::FINALIZER)
    }

    #[inline(always)]
    pub fn has_managed_slots(&self) -> bool {
        self.has_flag(flags::MANAGED)
    }

    #[inline(always)]
    pub fn has_inline_slots(&self) -> bool {
        self.has_flag(flags::INLINE_SLOTS)
    }

    /// Nothing but payload and memory is to be given up with an instance.
    #[inline(always)]
    pub fn dies_simply(&self) -> bool {
        !self.has_flag(flags::FINALIZER | flags::MANAGED | flags::HEAPTYPE) && self.weaklist_offset() == 0
    }

    /// Instances are a payload and a word for weak references, and nothing of their own happens when they die.
    #[inline(always)]
    pub fn adds_weak_word_alone(&self) -> bool {
        self.flags.get() & (flags::WEAK_WORD_ALONE | flags::FINALIZER) == flags::WEAK_WORD_ALONE
    }

    /// Bytes of the fixed part of an instance, header included.
    #[inline(always)]
    pub fn basicsize(&self) -> usize {
        self.basicsize.get() as usize
    }

    #[inline(always)]
    pub fn itemsize(&self) -> usize {
        self.itemsize.get() as usize
    }

    /// Where the items of a variable-size instance begin.
    #[inline(always)]
    pub fn var_base_size(&self) -> usize {
        self.var_base.get() as usize
    }

    /// Offset of the shape and dictionary words; 0 if instances have no attributes of their own. For
    /// variable-size classes only "0 or not" has a meaning.
    #[inline(always)]
    pub fn dict_offset(&self) -> usize {
        self.dict_offset.get() as usize
    }

    /// Offset of the weak-reference word; as [`Self::dict_offset`].
    #[inline(always)]
    pub fn weaklist_offset(&self) -> usize {
        self.weaklist_offset.get() as usize
    }

    /// Bytes of managed words behind the items of a variable-size instance.
    pub fn managed_size(&self) -> usize {
        let slots = if self.has_flag(flags::SLOT_WORDS) { self.slot_word_count() * 8 } else { 0 };
        self.standard_words_size() + slots
    }

    /// Bytes of the words for attributes and weak references of a variable-size instance; `__slots__` words follow.
    pub fn standard_words_size(&self) -> usize {
        (if self.dict_offset() != 0 { 16 } else { 0 }) + if self.weaklist_offset() != 0 { 8 } else { 0 }
    }

    /// How many `__slots__` words an instance has, bases included.
    pub fn slot_word_count(&self) -> usize {
        let mut count = 0;
        self.for_each_slot_offset(&mut |_| count += 1);
        count
    }

    #[inline(always)]
    pub fn shapes(&self) -> &Shapes {
        &self.shapes
    }

    #[inline(always)]
    pub fn slots(&self) -> &Slots {
        // SAFETY: slots change only while a class is made or assigned to, never during a borrow: users
        // copy the function pointer out.
        unsafe { &*self.slots.get() }
    }

    pub(crate) fn update_slots(&self, f: impl FnOnce(&mut Slots)) {
        // SAFETY: as in `slots`.
        f(unsafe { &mut *self.slots.get() });
        let has_finalizer = self.slots().finalize.is_some();
        if has_finalizer {
            self.add_flags(flags::FINALIZER);
        } else {
            self.remove_flags(flags::FINALIZER);
        }
    }

    #[inline(always)]
    pub fn drop_payload(&self) -> unsafe fn(*mut Header) {
        self.layout.get().drop_payload
    }

    /// # Safety
    /// `header` is a live instance of this class.
    pub(crate) unsafe fn traverse(&self, header: *mut Header, visitor: &mut Visitor<'_>) {
        // SAFETY: by contract.
        unsafe {
            (self.layout.get().trace)(header, visitor);
            if self.has_managed_slots() {
                shape::trace_instance(header, self, visitor);
            }
        }
        if self.is_heap_type() {
            visitor.visit(self.value());
        }
    }

    /// Breaks cycles through `header`.
    ///
    /// # Safety
    /// `header` is a live instance of this class.
    pub(crate) unsafe fn clear(&self, header: *mut Header) {
        // SAFETY: by contract.
        unsafe {
            (self.layout.get().clear)(header);
            if self.has_managed_slots() {
                shape::clear_instance(header, self);
            }
        }
    }

    pub(crate) fn call_finalizer(&self, obj: &Obj) {
        if let Some(finalize) = self.slots().finalize {
            let pending = crate::thread::current().take_exception();
            crate::native_only::opened(|| finalize(obj));
            crate::thread::current().restore_exception(pending);
        }
    }

    /// Calls `f` with the offset of every `__slots__` word of an instance, bases included. Offsets count from the
    /// place that [`shape::slot_words`] gives.
    pub fn for_each_slot_offset(&self, f: &mut dyn FnMut(usize)) {
        let mut class = Some(self);
        while let Some(c) = class {
            if !c.is_heap_type() {
                break;
            }
            // SAFETY: filled once when the class is made.
            for &offset in unsafe { &*c.slot_offsets.get() } {
                f(offset as usize);
            }
            class = c.base();
        }
    }

    /// `__base__`: the class the layout comes from.
    #[inline(always)]
    pub fn base(&self) -> Option<&Type> {
        // SAFETY: the class owns a reference to its base.
        unsafe { self.base.get().as_ref() }
    }

    /// True if instances of this class begin with the payload of the native class `other`.
    #[inline]
    pub fn is_native_subclass(&self, other: &Type) -> bool {
        let mut class: *const Type = self;
        while !class.is_null() {
            if std::ptr::eq(class, other) {
                return true;
            }
            // SAFETY: base pointers are owned by the classes they are in.
            class = unsafe { (*class).payload.base.get() };
        }
        false
    }

    /// `__mro__` as a borrowed slice of class objects.
    #[inline]
    pub fn mro(&self) -> &[Obj] {
        let mro = self.mro.peek();
        if mro.is_null() {
            return &[];
        }
        // SAFETY: the tuple is owned by the class and replaced only by `__bases__` assignment.
        unsafe { (*(mro.as_pointer() as *const Object<Tuple>)).items() }
    }

    /// Python's `issubclass` without `__subclasscheck__`.
    #[inline(always)]
    pub fn is_subclass(&self, other: &Type) -> bool {
        std::ptr::eq(self, other) || self.has_base(other)
    }

    fn has_base(&self, other: &Type) -> bool {
        if !self.mro.is_set() {
            return self.is_native_subclass(other);
        }
        let other = other.value();
        self.mro().iter().any(|c| c.value() == other)
    }

    /// The class's own namespace.
    #[inline]
    pub fn dict(&self) -> &Object<Dict> {
        let dict = self.dict.peek();
        debug_assert!(!dict.is_null(), "class {} is not ready", self.name());
        // SAFETY: a ready class has a dictionary for life.
        unsafe { &*(dict.as_pointer() as *const Object<Dict>) }
    }

    pub fn bases(&self) -> Obj {
        self.bases.get().unwrap_or_else(|| Tuple::empty().into_obj())
    }

    /// Name with module, as `repr` and messages show it.
    pub fn full_name(&self) -> String {
        let module = crate::types::build::module_name(self);
        let qualname = self.qualname_text();
        match module {
            Some(m) if m != "builtins" && m != "__main__" => format!("{m}.{qualname}"),
            _ => qualname,
        }
    }

    pub fn qualname_text(&self) -> String {
        match self.qualname.get() {
            Some(q) => q.downcast::<crate::objects::str::Str>().map_or_else(String::new, |s| s.to_string_lossy()),
            None => self.short_name().to_owned(),
        }
    }

    /// The definition of a native class.
    pub fn native_def(&self) -> Option<&'static ClassDef> {
        self.def.get()
    }
}

/// Views an object as a class.
#[inline]
pub fn as_type(obj: &Obj) -> Option<&Type> {
    let v = obj.value();
    if v.is_pointer_or_null() && obj.class().has_flag(flags::TYPE_SUBCLASS) {
        // SAFETY: the flag says that the payload is a TypeData.
        Some(unsafe { obj.downcast_unchecked::<TypeData>() })
    } else {
        None
    }
}

/// Words of a class for the collector.
pub(crate) unsafe fn trace_type(header: *mut Header, visitor: &mut Visitor<'_>) {
    // SAFETY: called for class objects only.
    let class = unsafe { &*(header as *const Type) };
    if !class.is_heap_type() {
        return;
    }
    for cell in [&class.bases, &class.mro, &class.dict, &class.qualname] {
        visitor.visit(cell.peek());
    }
    let base = class.base.get();
    if !base.is_null() {
        visitor.visit(Value::from_pointer(base as *const Header));
    }
}

pub(crate) unsafe fn clear_type(header: *mut Header) {
    // SAFETY: called for class objects only.
    let class = unsafe { &*(header as *const Type) };
    if class.is_heap_type() {
        lookup::modified(class);
        if let Some(dict) = class.dict.get() {
            // Instances that die later still look at the (now empty) namespace.
            // SAFETY: a class namespace is a Dict.
            unsafe { dict.downcast_unchecked::<Dict>() }.clear();
        }
        // The order holds the class itself; without it, only the chain of bases is left to ask.
        class.mro.set(None);
    }
}

pub(crate) unsafe fn drop_type(header: *mut Header) {
    // SAFETY: the class is dying; its bases still list it.
    unsafe {
        let class = header as *mut Type;
        lookup::forget(&*class);
        build::unlink_from_bases(&*class);
        std::ptr::drop_in_place(&raw mut (*class).payload);
    }
}

/// Reads the version tag, assigning one if needed; 0 = none left.
pub fn version_of(class: &Type) -> u32 {
    lookup::version_tag(class)
}

/// Shorthand for slots that answer "not my business".
pub fn not_implemented() -> PyResult<Obj> {
    Ok(crate::objects::singletons::not_implemented())
}
