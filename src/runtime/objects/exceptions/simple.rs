//! Exceptions with a few attributes: `StopIteration`, `SystemExit`, `ImportError`, `NameError`,
//! `AttributeError`.

use super::base::{attributes, init_base, store_args, trace_cells};
use super::{BaseException, Exception, base_of, instance_state};
use crate::call::Args;
use crate::errors::PyResult;
use crate::object::{Obj, ObjCell, Object, Ptr};
use crate::objects::dict::Dict;
use crate::objects::singletons::none;
use crate::objects::str::Str;
use crate::objects::tuple::Tuple;
use crate::raise;
use crate::types::Type;
use pyrs_macros::{pyclass, pymethods};

/// Signal the end from iterator.__next__().
#[repr(C)]
#[derive(Default)]
#[pyclass(flags = BASETYPE | BASE_EXC_SUBCLASS, dict, base = Exception, parts(PART, MEMBERS))]
pub struct StopIteration {
    pub base: BaseException,
    pub value: ObjCell,
}

trace_cells!(StopIteration { value });
attributes!(StopIteration, MEMBERS { value set_value "generator return value"; });

#[pymethods]
impl StopIteration {
    #[slot(new)]
    fn new(cls: &Type, args: Args<'_>) -> PyResult<Obj> {
        let exc = Ptr::new_in(cls, StopIteration::default());
        store_args(&exc.base, args);
        Ok(exc.into_obj())
    }

    #[slot(init)]
    fn init(this: &Obj, args: Args<'_>) -> PyResult<()> {
        init_base(this, args)?;
        let exc = this.downcast::<StopIteration>().expect("a slot of this class");
        exc.value.put(args.positionals().first().cloned().unwrap_or_else(none));
        Ok(())
    }
}

/// Request to exit from the interpreter.
#[repr(C)]
#[derive(Default)]
#[pyclass(flags = BASETYPE | BASE_EXC_SUBCLASS, dict, base = BaseException, parts(PART, MEMBERS))]
pub struct SystemExit {
    pub base: BaseException,
    pub code: ObjCell,
}

trace_cells!(SystemExit { code });
attributes!(SystemExit, MEMBERS { code set_code "exception code"; });

#[pymethods]
impl SystemExit {
    #[slot(new)]
    fn new(cls: &Type, args: Args<'_>) -> PyResult<Obj> {
        let exc = Ptr::new_in(cls, SystemExit::default());
        store_args(&exc.base, args);
        Ok(exc.into_obj())
    }

    #[slot(init)]
    fn init(this: &Obj, args: Args<'_>) -> PyResult<()> {
        init_base(this, args)?;
        let exc = this.downcast::<SystemExit>().expect("a slot of this class");
        match args.positionals() {
            [] => {}
            [only] => exc.code.put(only.clone()),
            several => exc.code.put(Tuple::from_slice(several).into_obj()),
        }
        Ok(())
    }
}

/// The keyword arguments of a constructor that takes any positional ones.
fn keywords<const N: usize>(function: &str, names: [&str; N], args: Args<'_>) -> PyResult<[Option<Obj>; N]> {
    let mut values = [const { None }; N];
    for (name, value) in args.keywords() {
        match names.iter().position(|n| name.eq_str(n)) {
            Some(i) => values[i] = Some(value.clone()),
            None => {
                let name = name.to_string_lossy();
                return Err(raise!(TypeError, "{function}() got an unexpected keyword argument '{name}'"));
            }
        }
    }
    Ok(values)
}

/// `BaseException.__init__` for classes that take keywords of their own.
fn init_positional(this: &Obj, args: Args<'_>) {
    store_args(base_of(this).expect("a slot of this class"), args);
}

/// Import can't find module, or can't find name in module.
#[repr(C)]
#[derive(Default)]
#[pyclass(flags = BASETYPE | BASE_EXC_SUBCLASS, dict, base = Exception, parts(PART, MEMBERS))]
pub struct ImportError {
    pub base: BaseException,
    pub msg: ObjCell,
    pub name: ObjCell,
    pub path: ObjCell,
    pub name_from: ObjCell,
}

trace_cells!(ImportError { msg, name, path, name_from });
attributes!(ImportError, MEMBERS {
    msg set_msg "exception message";
    name set_name "module name";
    path set_path "module path";
    name_from set_name_from "name imported from module";
});

#[pymethods]
impl ImportError {
    #[slot(new)]
    fn new(cls: &Type, args: Args<'_>) -> PyResult<Obj> {
        let exc = Ptr::new_in(cls, ImportError::default());
        store_args(&exc.base, args);
        Ok(exc.into_obj())
    }

    #[slot(init)]
    fn init(this: &Obj, args: Args<'_>) -> PyResult<()> {
        init_positional(this, args);
        let [name, path, name_from] = keywords("ImportError", ["name", "path", "name_from"], args)?;
        let exc = this.downcast::<ImportError>().expect("a slot of this class");
        exc.name.set(name);
        exc.path.set(path);
        exc.name_from.set(name_from);
        exc.msg.set(exc.base.only_argument());
        Ok(())
    }

    #[slot(str)]
    fn str(this: &Obj) -> PyResult<Obj> {
        let exc = this.downcast::<ImportError>().expect("a slot of this class");
        match exc.msg.get().filter(|m| m.exact::<Str>().is_some()) {
            Some(msg) => Ok(msg),
            None => BaseException::str(this),
        }
    }

    #[pymethod(name = "__reduce__")]
    fn reduce(this: &Obj) -> PyResult<Obj> {
        let exc = this.downcast::<ImportError>().expect("a method of this class");
        let fields = [("name", exc.name.get()), ("path", exc.path.get()), ("name_from", exc.name_from.get())];
        let mut parts = vec![this.class().to_obj(), exc.base.args().into_obj()];
        let state = instance_state(this)?;
        if fields.iter().any(|(_, value)| value.is_some()) {
            parts.push(with_fields(state.as_deref(), fields).into_obj());
        } else {
            parts.extend(state.map(Ptr::into_obj));
        }
        Ok(Tuple::from_vec(parts).into_obj())
    }
}

/// A copy of the instance dictionary with the fields that are set.
fn with_fields<const N: usize>(state: Option<&Object<Dict>>, fields: [(&str, Option<Obj>); N]) -> Ptr<Dict> {
    let copy = state.map_or_else(Dict::new, |d| d.copy());
    for (field, value) in fields {
        if let Some(value) = value {
            copy.set_text(field, value);
        }
    }
    copy
}

/// Name not found globally.
#[repr(C)]
#[derive(Default)]
#[pyclass(flags = BASETYPE | BASE_EXC_SUBCLASS, dict, base = Exception, parts(PART, MEMBERS))]
pub struct NameError {
    pub base: BaseException,
    pub name: ObjCell,
}

trace_cells!(NameError { name });
attributes!(NameError, MEMBERS { name set_name "name"; });

#[pymethods]
impl NameError {
    #[slot(new)]
    fn new(cls: &Type, args: Args<'_>) -> PyResult<Obj> {
        let exc = Ptr::new_in(cls, NameError::default());
        store_args(&exc.base, args);
        Ok(exc.into_obj())
    }

    #[slot(init)]
    fn init(this: &Obj, args: Args<'_>) -> PyResult<()> {
        init_positional(this, args);
        let [name] = keywords("NameError", ["name"], args)?;
        this.downcast::<NameError>().expect("a slot of this class").name.set(name);
        Ok(())
    }
}

/// Attribute not found.
#[repr(C)]
#[derive(Default)]
#[pyclass(flags = BASETYPE | BASE_EXC_SUBCLASS, dict, base = Exception, parts(PART, MEMBERS))]
pub struct AttributeError {
    pub base: BaseException,
    pub obj: ObjCell,
    pub name: ObjCell,
}

trace_cells!(AttributeError { obj, name });
attributes!(AttributeError, MEMBERS {
    name set_name "attribute name";
    obj set_obj "object";
});

#[pymethods]
impl AttributeError {
    #[slot(new)]
    fn new(cls: &Type, args: Args<'_>) -> PyResult<Obj> {
        let exc = Ptr::new_in(cls, AttributeError::default());
        store_args(&exc.base, args);
        Ok(exc.into_obj())
    }

    #[slot(init)]
    fn init(this: &Obj, args: Args<'_>) -> PyResult<()> {
        init_positional(this, args);
        let [name, obj] = keywords("AttributeError", ["name", "obj"], args)?;
        let exc = this.downcast::<AttributeError>().expect("a slot of this class");
        exc.name.set(name);
        exc.obj.set(obj);
        Ok(())
    }

    /// The object is left out: often it could not be pickled.
    #[pymethod(name = "__getstate__")]
    fn getstate(this: &Obj) -> PyResult<Ptr<Dict>> {
        let exc = this.downcast::<AttributeError>().expect("a method of this class");
        let fields = [("name", exc.name.get()), ("args", Some(exc.base.args().into_obj()))];
        Ok(with_fields(instance_state(this)?.as_deref(), fields))
    }

    #[pymethod(name = "__reduce__")]
    fn reduce(this: &Obj) -> PyResult<Obj> {
        let args = base_of(this).expect("a method of this class").args().into_obj();
        let state = AttributeError::getstate(this)?.into_obj();
        Ok(Tuple::from_vec(vec![this.class().to_obj(), args, state]).into_obj())
    }
}
