//! Tuples with named fields: `os.stat_result`, `time.struct_time`, `sys.flags`.

use std::cell::RefCell;
use std::collections::HashMap;

use pyrs_macros::{pyclass, pymethods};
use pyrs_runtime::args::Maybe;
use pyrs_runtime::call::{self, Args};
use pyrs_runtime::class::ClassDef;
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::object::{Obj, Object, Ptr, PyClass};
use pyrs_runtime::objects::dict::Dict;
use pyrs_runtime::objects::int;
use pyrs_runtime::objects::singletons::none;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::tuple::{LAYOUT, Tuple};
use pyrs_runtime::protocols::{attr, iter, text};
use pyrs_runtime::types::{StaticType, TYPE, Type, build, flags};
use pyrs_runtime::{name, raise};

thread_local! {
    /// Classes made so far, by "module.name".
    static CLASSES: RefCell<HashMap<String, Obj>> = RefCell::default();
}

/// The base of all structures; its instances are tuples.
pub struct StructSequence;
static CLASS: StaticType = StaticType::new();

// SAFETY: instances have tuple's layout; `StructSequence` itself is zero-sized and never read.
unsafe impl PyClass for StructSequence {
    fn class() -> &'static Type {
        CLASS.get()
    }
}

impl StructSequence {
    pub fn def() -> &'static ClassDef {
        static DEF: ClassDef = ClassDef {
            name: "structseq",
            module: "builtins",
            doc: "",
            class: &CLASS,
            base: <Tuple as PyClass>::class,
            flags: flags::BASETYPE | flags::HAVE_GC,
            basicsize: size_of::<Object<Tuple>>(),
            itemsize: 8,
            has_dict: false,
            has_weaklist: false,
            layout: LAYOUT,
            parts: &[&StructSequence::PART],
            unhashable: false,
        };
        &DEF
    }
}

/// One named field: reads item `index`.
#[pyclass(name = "structseq_field", flags = DISALLOW_INSTANTIATION)]
pub struct Field {
    index: usize,
}

#[pymethods]
impl Field {
    #[slot(descr_get)]
    fn get(this: &Obj, instance: Option<&Obj>, _owner: Option<&Type>) -> PyResult<Obj> {
        let field = this.exact::<Field>().expect("the slot belongs to this class");
        match instance {
            None => Ok(this.clone()),
            Some(instance) => match instance.downcast::<Tuple>().and_then(|t| t.items().get(field.index).cloned()) {
                Some(item) => Ok(item),
                None => Err(raise!(TypeError, "descriptor does not apply to a '{}' object", instance.class().name())),
            },
        }
    }

    #[slot(descr_set)]
    fn set(&self, _instance: &Obj, _value: Option<&Obj>) -> PyResult<()> {
        Err(raise!(AttributeError, "readonly attribute"))
    }
}

/// The field names that a class keeps under `key`.
fn names(class: &Type, key: &str) -> Vec<Obj> {
    let found = pyrs_runtime::types::lookup(class, &Str::intern(key));
    found.and_then(|n| n.exact::<Tuple>().map(|t| t.items().to_vec())).unwrap_or_default()
}

fn build_instance(class: &Type, mut values: Vec<Obj>, extra: Option<&Object<Dict>>) -> PyResult<Obj> {
    let visible = names(class, "__match_args__").len();
    let hidden = names(class, "_hidden_fields");
    let total = visible + hidden.len();
    if values.len() < visible || values.len() > total {
        let want = if hidden.is_empty() {
            format!("a {visible}-sequence")
        } else if values.len() < visible {
            format!("an at least {visible}-sequence")
        } else {
            format!("an at most {total}-sequence")
        };
        return Err(raise!(TypeError, "{}() takes {want} ({}-sequence given)", class.full_name(), values.len()));
    }
    let rest = values.split_off(visible);
    let instance = Tuple::from_vec_in(class, values).into_obj();
    if let Some(dict) = pyrs_runtime::types::shape::instance_dict(&instance)? {
        let mut rest = rest.into_iter();
        for name in &hidden {
            let value = match rest.next() {
                Some(v) => v,
                None => match extra {
                    Some(extra) => extra.get(name)?.unwrap_or_else(none),
                    None => none(),
                },
            };
            dict.set(name.clone(), value)?;
        }
    }
    Ok(instance)
}

#[pymethods]
impl StructSequence {
    #[new(sig = "(sequence, dict=<unrepresentable>)")]
    fn py_new(cls: &Type, sequence: &Obj, dict: Maybe<&Object<Dict>>) -> PyResult<Obj> {
        let values = iter::collect_or(sequence, "constructor requires a sequence")?;
        build_instance(cls, values, dict.0)
    }

    #[slot(repr)]
    fn repr(this: &Obj) -> PyResult<Obj> {
        let items = this.downcast::<Tuple>().expect("the layout is tuple's");
        let mut parts = Vec::new();
        for (name, item) in names(this.class(), "__match_args__").iter().zip(items.items()) {
            parts.push(format!("{}={}", text::str_text(name)?, text::repr_text(item)?));
        }
        Ok(Str::new(&format!("{}({})", this.class().full_name(), parts.join(", "))).into())
    }

    #[pymethod(name = "__reduce__")]
    fn reduce(this: &Obj) -> PyResult<Obj> {
        let items = this.downcast::<Tuple>().expect("the layout is tuple's").items().to_vec();
        let dict = Dict::new();
        for name in names(this.class(), "_hidden_fields") {
            let value = attr::getattr(this, &*attr::name_of(&name)?)?;
            dict.set(name, value)?;
        }
        let args = Tuple::from_vec(vec![Tuple::from_vec(items).into(), dict.into()]);
        Ok(Tuple::from_vec(vec![this.class().to_obj(), args.into()]).into())
    }

    /// Return a copy of the structure with new values for the specified fields.
    #[pymethod(name = "__replace__")]
    fn replace(this: &Obj, args: Args<'_>) -> PyResult<Obj> {
        let mut values = this.downcast::<Tuple>().expect("the layout is tuple's").items().to_vec();
        let mut all = names(this.class(), "__match_args__");
        for name in names(this.class(), "_hidden_fields") {
            values.push(attr::getattr(this, &*attr::name_of(&name)?)?);
            all.push(name);
        }
        for (key, value) in args.keywords() {
            match all.iter().position(|n| n.downcast::<Str>().is_some_and(|n| n.equals(key))) {
                Some(i) => values[i] = value.clone(),
                None => {
                    return Err(raise!(TypeError, "Got unexpected field name(s): ['{}']", key.to_string_lossy()));
                }
            }
        }
        build_instance(this.class(), values, None)
    }
}

/// The class for a structure, made on the first call: its first `visible` fields are the tuple's items, the
/// others are attributes only.
pub fn class(module: &str, name: &str, fields: &[&str], visible: usize) -> PyResult<Obj> {
    let key = format!("{module}.{name}");
    if let Some(found) = CLASSES.with_borrow(|c| c.get(&key).cloned()) {
        return Ok(found);
    }
    let namespace = Dict::new();
    let tuple_of = |fields: &[&str]| Tuple::from_vec(fields.iter().map(|f| Str::intern(f).into()).collect());
    for (index, field) in fields[..visible].iter().enumerate() {
        namespace.set_text(field, Ptr::new(Field { index }).into());
    }
    namespace.set_text("__module__", Str::new(module).into());
    namespace.set_text("__match_args__", tuple_of(&fields[..visible]).into());
    namespace.set_text("_hidden_fields", tuple_of(&fields[visible..]).into());
    namespace.set_text("n_fields", int::new(fields.len() as i64));
    namespace.set_text("n_sequence_fields", int::new(visible as i64));
    namespace.set_text("n_unnamed_fields", int::new(0));
    if fields.len() == visible {
        namespace.set_text("__slots__", Tuple::empty().into());
    }
    let bases = Tuple::from_vec(vec![StructSequence::class().to_obj()]);
    let made = build::new_type(TYPE.get(), &Str::new(name), &bases, &namespace, Args::EMPTY)?;
    CLASSES.with_borrow_mut(|c| c.insert(key, made.clone()));
    Ok(made)
}

/// An instance from all its values.
pub fn instance(class: &Obj, values: Vec<Obj>) -> PyResult<Obj> {
    call::call(class, &[Tuple::from_vec(values).into()])
}

/// True for instances of any structure.
pub fn is_structure(obj: &Obj) -> bool {
    pyrs_runtime::types::lookup(obj.class(), name!("n_sequence_fields")).is_some()
}
