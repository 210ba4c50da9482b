//! What may be tried, and what is worth trying.
//!
//! Compiled code asks the runtime for operations while its inlined frames are not real ([`crate::asks`]). Python code
//! that such an operation turns out to need is refused, and then nothing must have happened yet. The predicates on
//! operands here tell operations of which that is true; those on classes tell from what was recorded whether it is
//! worth asking.

use pyrs_runtime::object::{Obj, Object, PyClass};
use pyrs_runtime::objects::builtin_function::{BuiltinFunction, MethodDescriptor};
use pyrs_runtime::objects::bytes::Bytes;
use pyrs_runtime::objects::complex::Complex;
use pyrs_runtime::objects::dict::Dict;
use pyrs_runtime::objects::dict_views::{DictItemIterator, DictKeyIterator, DictValueIterator};
use pyrs_runtime::objects::iterators::{Enumerate, Zip};
use pyrs_runtime::objects::list::List;
use pyrs_runtime::objects::list_methods::ListIterator;
use pyrs_runtime::objects::object::PlainObject;
use pyrs_runtime::objects::property::Property;
use pyrs_runtime::objects::range::RangeIterator;
use pyrs_runtime::objects::set::{FrozenSet, Set};
use pyrs_runtime::objects::set_methods::SetIterator;
use pyrs_runtime::objects::singletons::{false_value, none_value, true_value};
use pyrs_runtime::objects::slice::Slice;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::objects::tuple_methods::TupleIterator;
use pyrs_runtime::objects::{float, int};
use pyrs_runtime::types::lookup::lookup;
use pyrs_runtime::types::{TYPE, Type, as_type, flags};

use crate::layout::is_class;
use crate::record::Seen;

/// Numbers, texts and None: nothing that Python code could take part in.
#[inline]
pub fn is_plain(v: &Obj) -> bool {
    !v.value().is_pointer_or_null() || v.exact::<Str>().is_some() || is_rarer_plain(v)
}

fn is_rarer_plain(v: &Obj) -> bool {
    let word = v.value();
    word == none_value()
        || word == true_value()
        || word == false_value()
        || int::is_exact(v)
        || float::is_exact(v)
        || v.exact::<Bytes>().is_some()
        || v.exact::<Complex>().is_some()
}

/// A dictionary whose class leaves subscripts and membership to `dict`. Keys that are missing may be another matter.
pub fn as_plain_dict(v: &Obj) -> Option<&Object<Dict>> {
    if let Some(dict) = v.exact::<Dict>() {
        return Some(dict);
    }
    let accesses = |class: &Type| {
        let slots = class.slots();
        (slots.getitem.map(|f| f as usize), slots.setitem.map(|f| f as usize), slots.contains.map(|f| f as usize))
    };
    v.downcast::<Dict>().filter(|_| accesses(v.class()) == accesses(Dict::class()))
}

pub fn is_sequence(v: &Obj) -> bool {
    v.exact::<List>().is_some() || v.exact::<Tuple>().is_some() || v.exact::<Str>().is_some()
}

fn is_set(v: &Obj) -> bool {
    v.exact::<Set>().is_some() || v.exact::<FrozenSet>().is_some()
}

/// Whether an operation in place, on `a`, changes nothing until it knows that it will succeed.
pub fn changes_at_once(a: &Obj, b: &Obj) -> bool {
    // What can't be changed in place at all, and what a class written in Python does.
    let is_immutable = is_plain(a) || a.exact::<Tuple>().is_some() || a.exact::<FrozenSet>().is_some();
    let is_plain_instance = || {
        let class = a.class();
        class.is_heap_type() && std::ptr::eq(native_base(class), PlainObject::class())
    };
    is_immutable
        || (a.exact::<List>().is_some() && (is_sequence(b) || is_plain(b)))
        || (is_set(a) && is_set(b))
        || is_plain_instance()
}

/// Whether `in` looks at the items that are there: a container of a native class, or one that leaves it to that.
/// Others are walked, and iterators are used up.
pub fn knows_its_items(class: &Type) -> bool {
    let contains = |class: &Type| class.slots().contains.map(|f| f as usize);
    contains(class).is_some() && contains(class) == contains(native_base(class))
}

/// The name of a native class, with its module outside of `builtins`.
fn native_name(class: &Type) -> &str {
    if class.is_heap_type() { "" } else { class.name() }
}

/// Native classes whose length, truth and iteration are native, beside those that are compared by address.
const CONTAINERS: &[&str] =
    &["bytes", "bytearray", "range", "dict_keys", "dict_values", "dict_items", "array.array", "collections.deque"];

pub fn is_container_class(class: &Type) -> bool {
    [List::class(), Tuple::class(), Str::class(), Dict::class(), Set::class(), FrozenSet::class()]
        .iter()
        .any(|c| std::ptr::eq(*c, class))
        || CONTAINERS.contains(&native_name(class))
}

/// A container whose length, truth and iteration are native.
pub fn is_container(v: &Obj) -> bool {
    v.value().is_pointer_or_null() && is_container_class(v.class())
}

/// A container with items at positions.
pub fn is_indexed(v: &Obj) -> bool {
    is_sequence(v)
        || (v.value().is_pointer_or_null()
            && matches!(
                native_name(v.class()),
                "bytes" | "bytearray" | "range" | "array.array" | "collections.deque" | "memoryview"
            ))
}

/// An index or a slice of plain parts.
pub fn is_index(v: &Obj) -> bool {
    let part = |v: &Obj| v.is_none() || v.value().is_fixnum() || int::is_exact(v);
    match v.exact::<Slice>() {
        Some(slice) => part(&slice.start) && part(&slice.stop) && part(&slice.step),
        None => !v.is_none() && (is_plain(v)),
    }
}

// ---- iterators

/// Iterators of native containers, beside those that are compared by address.
const ITERATORS: &[&str] = &[
    "dict_reversekeyiterator",
    "dict_reversevalueiterator",
    "dict_reverseitemiterator",
    "str_iterator",
    "str_ascii_iterator",
    "bytes_iterator",
    "bytearray_iterator",
    "list_reverseiterator",
    "longrange_iterator",
    "arrayiterator",
    "array.arrayiterator",
    "itertools.product",
    "itertools.permutations",
    "itertools.combinations",
    "itertools.combinations_with_replacement",
    "itertools.repeat",
];

/// Iterators that end quietly and do not look into others.
fn is_simple_iterator(class: &Type) -> bool {
    is_class::<ListIterator>(class)
        || is_class::<TupleIterator>(class)
        || is_class::<RangeIterator>(class)
        || is_class::<DictKeyIterator>(class)
        || is_class::<DictValueIterator>(class)
        || is_class::<DictItemIterator>(class)
        || is_class::<SetIterator>(class)
        || ITERATORS.contains(&native_name(class))
}

/// Whether steps of such iterators can be quiet.
pub fn may_step(class: &Type) -> bool {
    is_class::<Enumerate>(class) || is_class::<Zip>(class) || is_simple_iterator(class)
}

/// Iterators that give pairs without making tuples of them.
pub fn gives_pairs(class: &Type) -> bool {
    is_class::<DictItemIterator>(class) || is_class::<Enumerate>(class) || is_class::<Zip>(class)
}

/// Whether a step of the iterator, whose class passes [`may_step`], is quiet.
pub fn steps_quietly(it: &Obj) -> bool {
    if let Some(enumerate) = it.exact::<Enumerate>() {
        return is_quiet_iterator(&enumerate.iterator);
    }
    match it.exact::<Zip>() {
        Some(zip) => zip.iterators.iter().all(is_quiet_iterator),
        None => true,
    }
}

pub fn is_quiet_iterator(it: &Obj) -> bool {
    it.value().is_pointer_or_null() && may_step(it.class()) && steps_quietly(it)
}

// ---- what was recorded

/// The functions behind an operation of a class.
type Operation = fn(&Type) -> [Option<usize>; 2];

macro_rules! operations {
    ($($(#[$doc:meta])* $name:ident: $first:ident, $second:ident;)*) => {
        $($(#[$doc])* pub fn $name(class: &Type) -> [Option<usize>; 2] {
            let slots = class.slots();
            [slots.$first.map(|f| f as usize), slots.$second.map(|f| f as usize)]
        })*
    };
}

operations! {
    subscripts: getitem, sq_item;
    stores: setitem, getitem;
    comparison: richcompare, richcompare;
    truth: nb_bool, length;
    length: length, sq_item;
    iteration: iter, getitem;
}

/// Whether the class leaves the operation to native code.
pub fn seen_native(seen: Seen, operation: Operation) -> bool {
    let Seen::Object(class) = seen else { return seen != Seen::Null };
    // SAFETY: the class of a recorded operand, which the recording keeps in use.
    let class = unsafe { &*class };
    !class.is_heap_type() || operation(class) == operation(native_base(class))
}

/// Whether it is an instance of a native class, or of one derived from a native class other than `object`.
pub fn seen_builtin(seen: Seen) -> bool {
    let Seen::Object(class) = seen else { return seen != Seen::Null };
    // SAFETY: as above.
    let class = unsafe { &*class };
    !class.is_heap_type() || !std::ptr::eq(native_base(class), PlainObject::class())
}

/// Whether `in` looks at what is there.
pub fn seen_container(seen: Seen) -> bool {
    let Seen::Object(class) = seen else { return false };
    // SAFETY: as above.
    knows_its_items(unsafe { &*class })
}

// ---- callables

/// The nearest native class that a class is or inherits from.
fn native_base(class: &Type) -> &Type {
    let mut class = class;
    while class.is_heap_type() {
        match class.base() {
            Some(base) => class = base,
            None => break,
        }
    }
    class
}

/// What is called, if [`is_harmless`] can hold for it at all.
enum Native<'a> {
    /// A function of a module.
    Function(&'a str, &'static str),
    /// A method of a class, with `self` among the arguments.
    Method(&'a Type, &'static str),
    Class(&'a Type),
}

fn native(callable: &Obj) -> Option<Native<'_>> {
    if let Some(function) = callable.exact::<BuiltinFunction>() {
        let name = function.def.name;
        if function.passes_self() {
            return function.this.as_ref().map(|this| Native::Method(native_base(this.class()), name));
        }
        let module = function.module.as_ref()?.exact::<Str>()?.as_ascii()?;
        return Some(Native::Function(module, name));
    }
    if let Some(method) = callable.exact::<MethodDescriptor>() {
        return Some(Native::Method(method.owner(), method.def.name));
    }
    as_type(callable).filter(|class| !class.is_heap_type()).map(Native::Class)
}

/// Whether it is the built-in function of that name.
pub fn is_builtin(callable: &Obj, name: &str) -> bool {
    matches!(native(callable), Some(Native::Function("builtins", found)) if found == name)
}

/// Whether [`is_harmless`] can hold for the callable.
pub fn may_be_harmless(callable: &Obj) -> bool {
    match native(callable) {
        Some(Native::Function(module, name)) => match module {
            "builtins" => BUILTINS.contains(&name),
            "math" | "_operator" => true,
            "time" => CLOCKS.contains(&name),
            _ => false,
        },
        Some(Native::Method(owner, name)) => may_be_harmless_method(owner, name),
        Some(Native::Class(class)) => CLASSES.contains(&native_name(class)),
        None => false,
    }
}

const BUILTINS: &[&str] = &[
    "abs",
    "chr",
    "ord",
    "min",
    "max",
    "divmod",
    "pow",
    "id",
    "hex",
    "oct",
    "bin",
    "round",
    "hash",
    "repr",
    "ascii",
    "len",
    "sum",
    "sorted",
    "callable",
    "iter",
    "format",
    "any",
    "all",
    "issubclass",
    "getattr",
];

const CLOCKS: &[&str] = &["time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns"];

const CLASSES: &[&str] = &[
    "range",
    "int",
    "float",
    "bool",
    "str",
    "complex",
    "list",
    "tuple",
    "set",
    "frozenset",
    "dict",
    "enumerate",
    "zip",
    "reversed",
    "type",
    "object",
    "bytes",
    "bytearray",
    "slice",
];

fn may_be_harmless_method(owner: &Type, name: &str) -> bool {
    match native_name(owner) {
        "list" => LIST_METHODS.contains(&name),
        "dict" => {
            matches!(name, "get" | "setdefault" | "pop" | "popitem" | "clear" | "keys" | "values" | "items" | "copy")
        }
        "set" => matches!(name, "add" | "discard" | "remove" | "pop" | "clear" | "copy") || SET_METHODS.contains(&name),
        "frozenset" => SET_METHODS.contains(&name),
        "str" => !matches!(name, "format_map" | "translate" | "maketrans" | "encode"),
        "int" => matches!(name, "bit_length" | "bit_count" | "conjugate"),
        "float" => matches!(name, "is_integer" | "conjugate" | "hex"),
        "tuple" => matches!(name, "index" | "count"),
        "bytes" | "bytearray" => BYTES_METHODS.contains(&name),
        "collections.deque" => matches!(name, "append" | "appendleft" | "pop" | "popleft" | "rotate" | "clear"),
        "array.array" => matches!(name, "append" | "pop" | "reverse"),
        "_random.Random" => matches!(name, "random" | "getrandbits"),
        _ => false,
    }
}

const LIST_METHODS: &[&str] =
    &["append", "insert", "pop", "reverse", "copy", "clear", "extend", "index", "count", "remove"];

const SET_METHODS: &[&str] =
    &["union", "intersection", "difference", "symmetric_difference", "issubset", "issuperset", "isdisjoint"];

const BYTES_METHODS: &[&str] = &["append", "extend", "find", "rfind", "startswith", "endswith", "strip", "hex", "join"];

/// Functions and methods that only look at these arguments, or change nothing but their own container, and that fail
/// before they have changed anything.
pub fn is_harmless(callable: &Obj, args: &[Obj]) -> bool {
    match native(callable) {
        Some(Native::Function("builtins", name)) => is_harmless_builtin(name, args),
        Some(Native::Function("_operator", _)) => args.iter().all(is_plain),
        Some(Native::Function("math", _)) => !args.iter().any(is_iterator),
        Some(Native::Function("time", name)) => CLOCKS.contains(&name) && args.is_empty(),
        Some(Native::Method(owner, name)) => {
            if callable.exact::<BuiltinFunction>().is_some_and(|f| f.this.is_some()) {
                return is_harmless_method(owner, name, args);
            }
            let [this, rest @ ..] = args else { return false };
            this.class().is_subclass(owner) && is_harmless_method(owner, name, rest)
        }
        Some(Native::Class(class)) => is_harmless_class(native_name(class), args),
        _ => false,
    }
}

fn is_harmless_builtin(name: &str, args: &[Obj]) -> bool {
    match name {
        "getattr" => args.first().is_some_and(|owner| looks_up_plainly(owner.class())),
        "min" | "max" | "sum" | "sorted" | "any" | "all" => !args.iter().any(is_iterator),
        _ => true,
    }
}

/// Whether attributes of instances are looked up in the ordinary way: an attempt leaves nothing behind.
pub fn looks_up_plainly(class: &Type) -> bool {
    let lookup = |class: &Type| class.slots().getattro.map(|f| f as usize);
    lookup(class) == lookup(PlainObject::class()) || lookup(class) == lookup(TYPE.get())
}

/// Whether attributes of instances are looked up as `object` does it.
pub fn is_generic(class: &Type) -> bool {
    let lookup = |class: &Type| class.slots().getattro.map(|f| f as usize);
    lookup(class) == lookup(PlainObject::class())
}

/// The class `object`.
pub fn object_class() -> &'static Type {
    PlainObject::class()
}

/// Whether `object.__new__` makes instances of the class.
pub fn is_made_plainly(class: &Type) -> bool {
    class.is_heap_type()
        && std::ptr::eq(native_base(class), PlainObject::class())
        && !class.has_flag(flags::IS_ABSTRACT)
}

/// Whether a step would use something up.
pub fn is_iterator(v: &Obj) -> bool {
    v.value().is_pointer_or_null() && v.class().slots().iternext.is_some()
}

/// Whether `__class__` of instances is their class: nothing pretends to be something else.
pub fn tells_its_class(class: &Type) -> bool {
    let generic = |class: &Type| class.slots().getattro.map(|f| f as usize);
    generic(class) == generic(PlainObject::class())
        && lookup(class, pyrs_runtime::name!("__class__")).is_some_and(|found| binds_natively(&found))
}

fn binds_natively(found: &Obj) -> bool {
    !found.class().is_heap_type() && found.exact::<Property>().is_none()
}

fn is_harmless_class(name: &str, args: &[Obj]) -> bool {
    match name {
        "type" => args.len() == 1,
        "object" => args.is_empty(),
        "enumerate" | "zip" => true,
        "list" | "tuple" => args.iter().all(|a| !is_iterator(a) || is_quiet_iterator(a)),
        _ => !args.iter().any(is_iterator),
    }
}

fn is_harmless_method(owner: &Type, name: &str, rest: &[Obj]) -> bool {
    if !may_be_harmless_method(owner, name) {
        return false;
    }
    match (native_name(owner), name) {
        ("list", "append" | "insert") => true,
        ("list", "extend") => rest.iter().all(is_container),
        ("list" | "tuple", "index" | "count" | "remove") => true,
        ("dict", "get" | "setdefault" | "pop") | ("set", "add" | "discard" | "remove") => true,
        ("set" | "frozenset" | "str", _) | ("bytes" | "bytearray", "join") => !rest.iter().any(is_iterator),
        ("collections.deque", "append" | "appendleft") => true,
        _ => rest.iter().all(is_plain),
    }
}
