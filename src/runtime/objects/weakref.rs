//! `weakref.ref` and the weak proxies; the lists they hang in are the heap's.

use crate::call::{self, Args};
use crate::class::ClassDef;
use crate::errors::{PyResult, Raised};
use crate::heap::cycles::Visitor;
use crate::heap::weakref::{WeakRef, link, references_to};
use crate::object::{Obj, Object, Ptr, PyClass, Trace};
use crate::objects::container_classes::traced_layout;
use crate::objects::generic_alias::GenericAlias;
use crate::objects::singletons::{bool_obj, none, not_implemented};
use crate::objects::str::Str;
use crate::protocols::{attr, compare, iter, number, sequence, text, truth};
use crate::types::slots::CompareOp;
use crate::types::{StaticType, Type, flags};
use crate::{name, raise};
use pyrs_macros::pymethods;

static REFERENCE: StaticType = StaticType::new();
static PROXY: StaticType = StaticType::new();
static CALLABLE_PROXY: StaticType = StaticType::new();

// SAFETY: REFERENCE is readied with the layout of this payload.
unsafe impl PyClass for WeakRef {
    #[inline(always)]
    fn class() -> &'static Type {
        REFERENCE.get()
    }
}

impl Trace for WeakRef {
    fn trace(&self, visitor: &mut Visitor<'_>) {
        self.callback.trace(visitor);
    }
    fn clear(&self) {
        self.callback.clear();
    }
}

macro_rules! proxy_class {
    ($ty:ident, $storage:ident, $name:literal, [$($part:ident),*]) => {
        #[doc = concat!("Payload of `weakref.", $name, "`.")]
        #[repr(transparent)]
        pub struct $ty(WeakRef);

        // SAFETY: the class is readied with the layout of this payload.
        unsafe impl PyClass for $ty {
            #[inline(always)]
            fn class() -> &'static Type {
                $storage.get()
            }
        }

        impl Trace for $ty {
            fn trace(&self, visitor: &mut Visitor<'_>) {
                self.0.trace(visitor);
            }
            fn clear(&self) {
                self.0.clear();
            }
        }

        impl $ty {
            /// The definition that the class object is made from.
            pub fn def() -> &'static ClassDef {
                static DEF: ClassDef = ClassDef {
                    name: $name,
                    module: "weakref",
                    doc: "",
                    class: &$storage,
                    base: crate::objects::object::object_class,
                    flags: flags::HAVE_GC | flags::DISALLOW_INSTANTIATION,
                    basicsize: size_of::<Object<$ty>>(),
                    itemsize: 0,
                    has_dict: false,
                    has_weaklist: false,
                    layout: traced_layout::<$ty>(),
                    parts: &[$(&$ty::$part),*],
                    unhashable: true,
                };
                &DEF
            }
        }
    };
}

proxy_class!(Proxy, PROXY, "ProxyType", [PART, BYTES]);
proxy_class!(CallableProxy, CALLABLE_PROXY, "CallableProxyType", [PART, CALL]);

impl WeakRef {
    /// The definition that the class object is made from.
    pub fn def() -> &'static ClassDef {
        static DEF: ClassDef = ClassDef {
            name: "ReferenceType",
            module: "weakref",
            doc: "",
            class: &REFERENCE,
            base: crate::objects::object::object_class,
            flags: flags::HAVE_GC | flags::BASETYPE,
            basicsize: size_of::<Object<WeakRef>>(),
            itemsize: 0,
            has_dict: false,
            has_weaklist: false,
            layout: traced_layout::<WeakRef>(),
            parts: &[&WeakRef::PART],
            unhashable: false,
        };
        &DEF
    }
}

fn no_weak_references(obj: &Obj) -> Raised {
    raise!(TypeError, "cannot create weak reference to '{}' object", obj.class().name())
}

/// A reference without callback that exists already, of exactly this class.
fn existing(obj: &Obj, class: &Type) -> Option<Obj> {
    references_to(obj).into_iter().find(|r| {
        let plain = as_reference(r).is_some_and(|w| !w.callback.is_set());
        plain && std::ptr::eq(r.class(), class)
    })
}

/// The weak reference behind a `ref` or a proxy.
fn as_reference(obj: &Obj) -> Option<&Object<WeakRef>> {
    let is_proxy = obj.downcast::<Proxy>().is_some() || obj.downcast::<CallableProxy>().is_some();
    if is_proxy {
        // SAFETY: a proxy's payload is a WeakRef.
        return Some(unsafe { obj.downcast_unchecked::<WeakRef>() });
    }
    obj.downcast::<WeakRef>()
}

/// `weakref.ref(obj)` as an instance of `class`.
pub fn new_reference(class: &Type, obj: &Obj, callback: Option<Obj>) -> PyResult<Obj> {
    if callback.is_none()
        && std::ptr::eq(class, WeakRef::class())
        && let Some(known) = existing(obj, class)
    {
        return Ok(known);
    }
    let reference = Ptr::new_in(class, WeakRef::new(callback));
    if !link(&reference, obj) {
        return Err(no_weak_references(obj));
    }
    Ok(reference.into_obj())
}

/// `weakref.proxy(obj, callback)`.
pub fn new_proxy(obj: &Obj, callback: Option<Obj>) -> PyResult<Obj> {
    let callable = obj.class().slots().call.is_some();
    let class = if callable { CallableProxy::class() } else { Proxy::class() };
    if callback.is_none()
        && let Some(known) = existing(obj, class)
    {
        return Ok(known);
    }
    let proxy = if callable {
        Ptr::new(CallableProxy(WeakRef::new(callback))).into_obj()
    } else {
        Ptr::new(Proxy(WeakRef::new(callback))).into_obj()
    };
    if !link(as_reference(&proxy).expect("a proxy"), obj) {
        return Err(no_weak_references(obj));
    }
    Ok(proxy)
}

#[pymethods]
impl WeakRef {
    #[slot(new)]
    fn construct(cls: &Type, args: Args<'_>) -> PyResult<Obj> {
        if std::ptr::eq(cls, WeakRef::class()) {
            args.no_keywords("ref")?;
        }
        let (obj, callback) = match args.positionals() {
            [obj] => (obj, None),
            [obj, callback] => (obj, (!callback.is_none()).then(|| callback.clone())),
            [] => return Err(raise!(TypeError, "__new__ expected at least 1 argument, got 0")),
            more => return Err(raise!(TypeError, "__new__ expected at most 2 arguments, got {}", more.len())),
        };
        new_reference(cls, obj, callback)
    }

    #[slot(init)]
    fn init(_this: &Obj, args: Args<'_>) -> PyResult<()> {
        args.no_keywords("ref")?;
        match args.nargs {
            1 | 2 => Ok(()),
            0 => Err(raise!(TypeError, "__init__ expected at least 1 argument, got 0")),
            n => Err(raise!(TypeError, "__init__ expected at most 2 arguments, got {n}")),
        }
    }

    #[slot(call)]
    fn call(&self, args: Args<'_>) -> PyResult<Obj> {
        args.no_keywords("weakref")?;
        if args.nargs != 0 {
            return Err(raise!(TypeError, "weakref expected 0 arguments, got {}", args.nargs));
        }
        Ok(self.get().unwrap_or_else(none))
    }

    #[slot(repr)]
    fn repr(this: &Object<WeakRef>) -> PyResult<Obj> {
        let id = this.as_obj().id();
        let shown = match this.get() {
            None => format!("<weakref at {id:#x}; dead>"),
            Some(obj) => {
                let class = obj.class().name();
                let own_name = attr::getattr_optional(&obj, name!("__name__"))?;
                let own_name = own_name.and_then(|n| n.downcast::<Str>().map(|n| n.to_string_lossy()));
                let suffix = own_name.map_or_else(String::new, |n| format!(" ({n})"));
                format!("<weakref at {id:#x}; to '{class}' at {:#x}{suffix}>", obj.id())
            }
        };
        Ok(Str::new(&shown).into_obj())
    }

    #[slot(hash)]
    fn hash_of(&self) -> PyResult<i64> {
        if self.hash.get() == -1 {
            let Some(obj) = self.get() else { return Err(raise!(TypeError, "weak object has gone away")) };
            self.hash.set(compare::hash(&obj)?);
        }
        Ok(self.hash.get())
    }

    #[slot(richcompare)]
    fn compare(this: &Obj, other: &Obj, op: CompareOp) -> PyResult<Obj> {
        let (Some(a), Some(b)) = (this.downcast::<WeakRef>(), other.downcast::<WeakRef>()) else {
            return Ok(not_implemented());
        };
        if !matches!(op, CompareOp::Eq | CompareOp::Ne) {
            return Ok(not_implemented());
        }
        match (a.get(), b.get()) {
            (Some(x), Some(y)) => compare::rich_compare(&x, &y, op),
            _ => Ok(bool_obj(this.is(other) == (op == CompareOp::Eq))),
        }
    }

    /// Weakrefs are generic over the type of the referenced object.
    #[classmethod(name = "__class_getitem__")]
    fn class_getitem(cls: &Type, object: &Obj) -> PyResult<Obj> {
        GenericAlias::class_getitem(cls, object)
    }

    #[getter(name = "__callback__")]
    fn callback(&self) -> Option<Obj> {
        self.callback.get()
    }
}

/// The object behind a proxy; other objects as they are.
fn unwrap(obj: &Obj) -> PyResult<Obj> {
    let is_proxy = obj.downcast::<Proxy>().is_some() || obj.downcast::<CallableProxy>().is_some();
    if !is_proxy {
        return Ok(obj.clone());
    }
    match as_reference(obj).and_then(|r| r.get()) {
        Some(referent) => Ok(referent),
        None => Err(raise!(ReferenceError, "weakly-referenced object no longer exists")),
    }
}

macro_rules! proxy_methods {
    (
        $ty:ident;
        binary { $($bslot:ident $bname:ident $bfn:path;)* }
        unary { $($uslot:ident $uname:ident $ufn:path;)* }
    ) => {
        #[pymethods]
        impl $ty {
            $(
                #[slot($bslot)]
                fn $bname(a: &Obj, b: &Obj) -> PyResult<Obj> {
                    $bfn(&unwrap(a)?, &unwrap(b)?)
                }
            )*
            $(
                #[slot($uslot)]
                fn $uname(this: &Obj) -> PyResult<Obj> {
                    $ufn(&unwrap(this)?)
                }
            )*

            #[slot(nb_power)]
            fn power(a: &Obj, b: &Obj, modulus: &Obj) -> PyResult<Obj> {
                number::power(&unwrap(a)?, &unwrap(b)?, &unwrap(modulus)?)
            }

            #[slot(nb_inplace_power)]
            fn inplace_power(a: &Obj, b: &Obj, _modulus: &Obj) -> PyResult<Obj> {
                number::inplace_power(&unwrap(a)?, &unwrap(b)?)
            }

            #[slot(repr)]
            fn repr(this: &Obj) -> PyResult<Obj> {
                let referent = as_reference(this).and_then(|r| r.get()).unwrap_or_else(none);
                let (class, id) = (referent.class().name(), referent.id());
                Ok(Str::new(&format!("<weakproxy at {:#x}; to '{class}' at {id:#x}>", this.id())).into_obj())
            }

            #[slot(str)]
            fn str(this: &Obj) -> PyResult<Obj> {
                Ok(text::str(&unwrap(this)?)?.into_obj())
            }

            #[slot(richcompare)]
            fn compare(a: &Obj, b: &Obj, op: CompareOp) -> PyResult<Obj> {
                compare::rich_compare(&unwrap(a)?, &unwrap(b)?, op)
            }

            #[slot(getattro)]
            fn getattro(this: &Obj, attribute: &Object<Str>) -> PyResult<Obj> {
                attr::getattr(&unwrap(this)?, attribute)
            }

            #[slot(setattro)]
            fn setattro(this: &Obj, attribute: &Object<Str>, value: Option<&Obj>) -> PyResult<()> {
                attr::setattr(&unwrap(this)?, attribute, value)
            }

            #[slot(iter)]
            fn iter(this: &Obj) -> PyResult<Obj> {
                iter::iter(&unwrap(this)?)
            }

            #[slot(iternext)]
            fn next(this: &Obj) -> PyResult<Option<Obj>> {
                let referent = unwrap(this)?;
                if !iter::is_iterator(&referent) {
                    let class = referent.class().name();
                    return Err(raise!(TypeError, "Weakref proxy referenced a non-iterator '{class}' object"));
                }
                iter::next(&referent)
            }

            #[slot(nb_bool)]
            fn bool(this: &Obj) -> PyResult<bool> {
                truth::is_true(&unwrap(this)?)
            }

            #[slot(length)]
            fn length(this: &Obj) -> PyResult<usize> {
                truth::len(&unwrap(this)?)
            }

            #[slot(getitem)]
            fn getitem(this: &Obj, key: &Obj) -> PyResult<Obj> {
                sequence::getitem(&unwrap(this)?, &unwrap(key)?)
            }

            #[slot(setitem)]
            fn setitem(this: &Obj, key: &Obj, value: Option<&Obj>) -> PyResult<()> {
                match value {
                    Some(value) => sequence::setitem(&unwrap(this)?, key, value),
                    None => sequence::delitem(&unwrap(this)?, key),
                }
            }

            #[slot(contains)]
            fn contains(this: &Obj, item: &Obj) -> PyResult<bool> {
                iter::contains(&unwrap(this)?, item)
            }
        }
    };
}

macro_rules! both_proxies {
    ($($ty:ident),*) => { $(
        proxy_methods! {
            $ty;
            binary {
                nb_add add number::add;
                nb_subtract subtract number::subtract;
                nb_multiply multiply number::multiply;
                nb_remainder remainder number::remainder;
                nb_divmod divmod number::divmod;
                nb_lshift lshift number::lshift;
                nb_rshift rshift number::rshift;
                nb_and and number::and;
                nb_xor xor number::xor;
                nb_or or number::or;
                nb_floor_divide floor_divide number::floor_divide;
                nb_true_divide true_divide number::true_divide;
                nb_matrix_multiply matrix_multiply number::matrix_multiply;
                nb_inplace_add inplace_add number::inplace_add;
                nb_inplace_subtract inplace_subtract number::inplace_subtract;
                nb_inplace_multiply inplace_multiply number::inplace_multiply;
                nb_inplace_remainder inplace_remainder number::inplace_remainder;
                nb_inplace_lshift inplace_lshift number::inplace_lshift;
                nb_inplace_rshift inplace_rshift number::inplace_rshift;
                nb_inplace_and inplace_and number::inplace_and;
                nb_inplace_xor inplace_xor number::inplace_xor;
                nb_inplace_or inplace_or number::inplace_or;
                nb_inplace_floor_divide inplace_floor_divide number::inplace_floor_divide;
                nb_inplace_true_divide inplace_true_divide number::inplace_true_divide;
                nb_inplace_matrix_multiply inplace_matrix_multiply number::inplace_matrix_multiply;
            }
            unary {
                nb_negative negative number::negative;
                nb_positive positive number::positive;
                nb_absolute absolute number::absolute;
                nb_invert invert number::invert;
                nb_int int number::to_int;
                nb_float float number::to_float;
                nb_index index number::exact_index;
            }
        }
    )* };
}

both_proxies!(Proxy, CallableProxy);

#[pymethods(part = BYTES)]
impl Proxy {
    #[pymethod(name = "__bytes__")]
    fn bytes(this: &Obj) -> PyResult<Obj> {
        call::call_method_str(&unwrap(this)?, name!("__bytes__"), &[])
    }

    #[pymethod(name = "__reversed__")]
    fn reversed(this: &Obj) -> PyResult<Obj> {
        call::call_method_str(&unwrap(this)?, name!("__reversed__"), &[])
    }
}

#[pymethods(part = CALL)]
impl CallableProxy {
    #[slot(call)]
    fn call(this: &Obj, args: Args<'_>) -> PyResult<Obj> {
        call::call_args(&unwrap(this)?, args)
    }
}
