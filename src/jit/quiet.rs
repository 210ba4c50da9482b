//! What runs no Python code.
//!
//! Compiled code asks the runtime for operations while its inlined frames are not real ([`crate::asks`]). That is
//! allowed for operands whose operations are native all the way down: numbers, texts, built-in containers, and keys
//! whose hash and comparison nobody has defined in Python. The predicates here look at operands; those on classes
//! tell from what was recorded whether it is worth asking.

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
use pyrs_runtime::objects::set::{FrozenSet, Set, SetData};
use pyrs_runtime::objects::set_methods::SetIterator;
use pyrs_runtime::objects::singletons::{false_value, none_value, true_value};
use pyrs_runtime::objects::slice::Slice;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::objects::tuple_methods::TupleIterator;
use pyrs_runtime::objects::{float, int};
use pyrs_runtime::types::lookup::lookup;
use pyrs_runtime::types::{TYPE, Type, as_type};

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

/// Plain values, and tuples and lists of them.
pub fn is_plain_throughout(v: &Obj) -> bool {
    is_plain(v) || items_are(v, is_plain)
}

/// Whether all items of a tuple or list are of the kind.
pub fn items_are(v: &Obj, kind: impl Fn(&Obj) -> bool) -> bool {
    if let Some(tuple) = v.exact::<Tuple>() {
        return tuple.items().iter().all(kind);
    }
    // SAFETY: looking at items runs no other code.
    v.exact::<List>().is_some_and(|list| unsafe { list.items_unchecked() }.iter().all(kind))
}

/// A key whose hash and comparison run no Python code.
#[inline]
pub fn is_key(v: &Obj) -> bool {
    !v.value().is_pointer_or_null() || v.exact::<Str>().is_some() || is_rarer_key(v)
}

fn is_rarer_key(v: &Obj) -> bool {
    if let Some(tuple) = v.exact::<Tuple>() {
        return tuple.items().iter().all(is_key);
    }
    if is_rarer_plain(v) {
        return true;
    }
    let equality = equality(v.class());
    let like = |class: &Type| equality == self::equality(class);
    // Equal to itself alone; numbers and texts of other classes; named tuples.
    like(PlainObject::class())
        || like(int::CLASS.get())
        || like(Str::class())
        || (like(Tuple::class()) && v.downcast::<Tuple>().is_some_and(|tuple| tuple.items().iter().all(is_key)))
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

/// The functions that hash and compare instances.
fn equality(class: &Type) -> (Option<usize>, Option<usize>) {
    let slots = class.slots();
    (slots.hash.map(|f| f as usize), slots.richcompare.map(|f| f as usize))
}

pub fn is_sequence(v: &Obj) -> bool {
    v.exact::<List>().is_some() || v.exact::<Tuple>().is_some() || v.exact::<Str>().is_some()
}

fn as_exact_set(v: &Obj) -> Option<&SetData> {
    v.exact::<Set>().map(|s| &s.0).or_else(|| v.exact::<FrozenSet>().map(|s| &s.0))
}

pub fn is_set(v: &Obj) -> bool {
    as_exact_set(v).is_some()
}

/// A set of keys.
pub fn is_set_of_keys(v: &Obj) -> bool {
    as_exact_set(v).is_some_and(|set| set.all(is_key))
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

/// Something that can be walked without running Python code.
pub fn is_walkable(v: &Obj) -> bool {
    is_container(v) || is_quiet_iterator(v)
}

// ---- what was recorded

/// Whether words of these kinds are what [`is_plain`] looks for.
pub fn seen_plain(seen: Seen) -> bool {
    match seen {
        Seen::Object(class) => {
            is_class::<Str>(class)
                || is_class::<Bytes>(class)
                || is_class::<Complex>(class)
                || std::ptr::eq(class, int::CLASS.get())
                || std::ptr::eq(class, float::CLASS.get())
        }
        Seen::Null => false,
        _ => true,
    }
}

/// Whether the class is one of the built-in containers.
pub fn seen_container(seen: Seen) -> bool {
    let Seen::Object(class) = seen else { return false };
    // SAFETY: the class of a recorded operand, which the recording's code keeps in use.
    is_container_class(unsafe { &*class })
}

/// Whether iterating over such words is quiet.
pub fn seen_walkable(seen: Seen) -> bool {
    let Seen::Object(class) = seen else { return false };
    // SAFETY: as above.
    seen_container(seen) || may_step(unsafe { &*class })
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
        Some(Native::Function("math", _)) => args.iter().all(is_plain_throughout),
        Some(Native::Function("time", name)) => CLOCKS.contains(&name) && args.is_empty(),
        Some(Native::Method(owner, name)) => {
            if let Some(this) = callable.exact::<BuiltinFunction>().and_then(|f| f.this.as_ref()) {
                return is_harmless_method(owner, name, this, args);
            }
            let [this, rest @ ..] = args else { return false };
            this.class().is_subclass(owner) && is_harmless_method(owner, name, this, rest)
        }
        Some(Native::Class(class)) => is_harmless_class(native_name(class), args),
        _ => false,
    }
}

fn is_harmless_builtin(name: &str, args: &[Obj]) -> bool {
    match name {
        "len" | "iter" => args.iter().all(is_walkable),
        "hash" => args.iter().all(is_key),
        "callable" | "id" => true,
        "issubclass" => args.iter().all(|class| is_plain_class(class) || items_are(class, is_plain_class)),
        "getattr" => match args {
            [owner, name, ..] => name.exact::<Str>().is_some_and(|name| has_quiet_attribute(owner, name)),
            _ => false,
        },
        "min" | "max" | "sum" | "sorted" | "any" | "all" => args.iter().all(is_plain_throughout),
        _ => args.iter().all(is_plain),
    }
}

/// A class whose metaclass is `type`.
fn is_plain_class(v: &Obj) -> bool {
    v.value().is_pointer_or_null() && std::ptr::eq(v.class(), TYPE.get())
}

/// Whether looking an attribute up runs no Python code: no class defines how, and what is found on a class binds
/// natively or not at all.
pub fn has_quiet_attribute(owner: &Obj, name: &Object<Str>) -> bool {
    let binds_quietly = |found: Option<Obj>| match found {
        Some(found) => found.class().slots().descr_get.is_none() || binds_natively(&found),
        None => true,
    };
    if is_plain_class(owner) {
        let class = as_type(owner).expect("it has a metaclass");
        return binds_quietly(lookup(class, name)) && binds_quietly(lookup(TYPE.get(), name));
    }
    let plain = PlainObject::class().slots().getattro.map(|f| f as usize);
    owner.class().slots().getattro.map(|f| f as usize) == plain && binds_quietly(lookup(owner.class(), name))
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
        "list" | "tuple" | "enumerate" | "zip" => args.iter().all(|a| is_walkable(a) || a.value().is_fixnum()),
        "reversed" => args.iter().all(|a| a.exact::<List>().is_some()),
        "set" | "frozenset" => {
            args.iter().all(|a| items_are(a, is_key) || is_set_of_keys(a) || a.exact::<Str>().is_some())
        }
        "dict" => args.is_empty(),
        "bool" => args.iter().all(|a| is_plain(a) || is_container(a)),
        "bytes" | "bytearray" => args.iter().all(is_plain_throughout),
        _ => args.iter().all(is_plain),
    }
}

fn is_harmless_method(owner: &Type, name: &str, this: &Obj, rest: &[Obj]) -> bool {
    if !may_be_harmless_method(owner, name) {
        return false;
    }
    match (native_name(owner), name) {
        ("list", "append" | "insert") => true,
        ("list", "extend") => rest.iter().all(is_container),
        ("list" | "tuple", "index" | "count" | "remove") => rest.iter().all(is_key) && items_are(this, is_key),
        ("dict", "get" | "setdefault" | "pop") => rest.first().is_some_and(is_key),
        ("set", "add" | "discard" | "remove") => rest.iter().all(is_key),
        ("set" | "frozenset", _) => {
            rest.iter().all(|a| is_set_of_keys(a) || items_are(a, is_key)) && is_set_of_keys(this)
        }
        ("str", _) | ("bytes" | "bytearray", "join") => rest.iter().all(is_plain_throughout),
        ("collections.deque", "append" | "appendleft") => true,
        _ => rest.iter().all(is_plain),
    }
}
