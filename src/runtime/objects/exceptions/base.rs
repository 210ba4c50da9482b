//! Methods and attributes of `BaseException`, and `KeyError.__str__`.

use super::{BaseException, KeyError, base_of, instance_state, is_exception};
use crate::call::Args;
use crate::errors::PyResult;
use crate::object::{Obj, Ptr};
use crate::objects::dict::Dict;
use crate::objects::list::List;
use crate::objects::singletons::{as_bool, none};
use crate::objects::str::Str;
use crate::objects::text_builder::TextBuilder;
use crate::objects::tuple::Tuple;
use crate::protocols::{attr, iter, text};
use crate::types::{Type, shape};
use crate::{name, raise};
use pyrs_macros::pymethods;

/// Stores the positional arguments as `args`.
pub(super) fn store_args(exc: &BaseException, args: Args<'_>) {
    exc.args.put(Tuple::from_slice(args.positionals()).into_obj());
}

/// `BaseException.__init__`, which stores the arguments once more and takes no keywords.
pub(super) fn init_base(this: &Obj, args: Args<'_>) -> PyResult<()> {
    args.no_keywords(this.class().name())?;
    let exc = base_of(this).expect("a slot of this class");
    // Nearly always they are those that `__new__` has stored.
    let same = exc.args().items().iter().map(Obj::value).eq(args.positionals().iter().map(Obj::value));
    if !same {
        store_args(exc, args);
    }
    Ok(())
}

/// Deleting or setting a getset attribute of the wrong kind.
fn not_deletable<'a>(attribute: &str, value: Option<&'a Obj>) -> PyResult<&'a Obj> {
    value.ok_or_else(|| raise!(TypeError, "{attribute} may not be deleted"))
}

/// The class name without its module, as reprs show it.
pub(super) fn short_name(obj: &Obj) -> String {
    obj.class().short_name().to_owned()
}

#[pymethods]
impl BaseException {
    #[slot(new)]
    fn new(cls: &Type, args: Args<'_>) -> PyResult<Obj> {
        let exc = Ptr::new_in(cls, BaseException::default());
        store_args(&exc, args);
        Ok(exc.into_obj())
    }

    #[slot(init)]
    fn init(this: &Obj, args: Args<'_>) -> PyResult<()> {
        init_base(this, args)
    }

    #[slot(repr)]
    fn repr(this: &Obj) -> PyResult<Obj> {
        let args = base_of(this).expect("a slot of this class").args();
        let mut out = TextBuilder::new();
        out.text(&short_name(this));
        match args.items() {
            [only] => out.text("(").repr(only)?.text(")"),
            _ => out.repr(&args.as_obj())?,
        };
        Ok(out.finish_obj())
    }

    #[slot(str)]
    pub(super) fn str(this: &Obj) -> PyResult<Obj> {
        let args = base_of(this).expect("a slot of this class").args();
        Ok(match args.items() {
            [] => Str::empty().into_obj(),
            [only] => text::str(only)?.into_obj(),
            _ => text::str(&args.as_obj())?.into_obj(),
        })
    }

    #[pymethod(name = "__reduce__")]
    fn reduce(this: &Obj) -> PyResult<Obj> {
        let args = base_of(this).expect("a method of this class").args().into_obj();
        let mut parts = vec![this.class().to_obj(), args];
        parts.extend(instance_state(this)?.map(Ptr::into_obj));
        Ok(Tuple::from_vec(parts).into_obj())
    }

    #[pymethod(name = "__setstate__")]
    fn setstate(this: &Obj, state: &Obj) -> PyResult<()> {
        if state.is_none() {
            return Ok(());
        }
        let Some(state) = state.downcast::<Dict>() else {
            return Err(raise!(TypeError, "state is not a dictionary"));
        };
        for (key, value) in state.entries() {
            attr::setattr(this, &*attr::name_of(&key)?, Some(&value))?;
        }
        Ok(())
    }

    /// Set self.__traceback__ to tb and return self.
    #[pymethod]
    fn with_traceback(this: &Obj, tb: &Obj) -> PyResult<Obj> {
        set_checked_traceback(this, tb)?;
        Ok(this.clone())
    }

    /// Add a note to the exception
    #[pymethod]
    fn add_note(this: &Obj, note: &Obj) -> PyResult<()> {
        if note.downcast::<Str>().is_none() {
            let class = crate::args::type_name_for_message(note);
            return Err(raise!(TypeError, "add_note() argument must be str, not {class}"));
        }
        let notes = match attr::getattr_optional(this, name!("__notes__"))? {
            Some(notes) => notes,
            None => {
                let notes = List::new().into_obj();
                attr::setattr(this, name!("__notes__"), Some(&notes))?;
                notes
            }
        };
        match notes.downcast::<List>() {
            Some(list) => {
                list.push(note.clone());
                Ok(())
            }
            None => Err(raise!(TypeError, "Cannot add note: __notes__ is not a list")),
        }
    }

    #[getter(name = "__suppress_context__")]
    fn suppress_context(&self) -> bool {
        self.suppress_context.get()
    }

    #[setter(name = "__suppress_context__")]
    fn set_suppress_context(&self, value: Option<&Obj>) -> PyResult<()> {
        let Some(value) = value else {
            return Err(raise!(TypeError, "can't delete numeric/char attribute"));
        };
        let Some(flag) = as_bool(value) else {
            return Err(raise!(TypeError, "attribute value type must be bool"));
        };
        self.suppress_context.set(flag);
        Ok(())
    }

    #[getter(name = "__dict__")]
    fn dict(this: &Obj) -> PyResult<Option<Ptr<Dict>>> {
        shape::instance_dict(this)
    }

    #[setter(name = "__dict__")]
    fn set_dict(this: &Obj, value: Option<&Obj>) -> PyResult<()> {
        let Some(value) = value else {
            return Err(raise!(TypeError, "cannot delete __dict__"));
        };
        let Some(dict) = value.downcast::<Dict>() else {
            let class = value.class().name();
            return Err(raise!(TypeError, "__dict__ must be set to a dictionary, not a '{class}'"));
        };
        shape::set_instance_dict(this, Some(dict)).map(drop)
    }

    #[getter(name = "args")]
    fn get_args(&self) -> Ptr<Tuple> {
        self.args()
    }

    #[setter(name = "args")]
    fn set_args(&self, value: Option<&Obj>) -> PyResult<()> {
        let value = not_deletable("args", value)?;
        self.args.put(Tuple::from_vec(iter::collect(value)?).into_obj());
        Ok(())
    }

    #[getter(name = "__traceback__")]
    fn traceback(&self) -> Option<Obj> {
        self.traceback.get()
    }

    #[setter(name = "__traceback__")]
    fn set_traceback(this: &Obj, value: Option<&Obj>) -> PyResult<()> {
        set_checked_traceback(this, not_deletable("__traceback__", value)?)
    }

    #[getter(name = "__context__")]
    fn context(&self) -> Option<Obj> {
        self.context.get()
    }

    #[setter(name = "__context__")]
    fn set_context(&self, value: Option<&Obj>) -> PyResult<()> {
        let value = exception_or_none("context", not_deletable("__context__", value)?)?;
        self.context.set(value);
        Ok(())
    }

    #[getter(name = "__cause__")]
    fn cause(&self) -> Option<Obj> {
        self.cause.get()
    }

    #[setter(name = "__cause__")]
    fn set_cause(this: &Obj, value: Option<&Obj>) -> PyResult<()> {
        let value = exception_or_none("cause", not_deletable("__cause__", value)?)?;
        super::set_cause(this, value);
        Ok(())
    }
}

fn exception_or_none(what: &str, value: &Obj) -> PyResult<Option<Obj>> {
    if value.is_none() {
        return Ok(None);
    }
    if !is_exception(value) {
        return Err(raise!(TypeError, "exception {what} must be None or derive from BaseException"));
    }
    Ok(Some(value.clone()))
}

/// Sets `__traceback__` to a traceback object or None.
fn set_checked_traceback(exc: &Obj, value: &Obj) -> PyResult<()> {
    let is_traceback = !value.class().is_heap_type() && value.class().name() == "traceback";
    if !value.is_none() && !is_traceback {
        return Err(raise!(TypeError, "__traceback__ must be a traceback or None"));
    }
    super::set_traceback(exc, (!value.is(&none())).then(|| value.clone()));
    Ok(())
}

#[pymethods]
impl KeyError {
    /// A missing key is shown by its repr: an empty message would say nothing.
    #[slot(str)]
    fn str(this: &Obj) -> PyResult<Obj> {
        match base_of(this).and_then(|b| b.only_argument()) {
            Some(key) => Ok(text::repr(&key)?.into_obj()),
            None => BaseException::str(this),
        }
    }
}

/// Reads and writes of the plain attributes of an exception class (`None` while unset).
macro_rules! attributes {
    ($class:ident, $part:ident { $($field:ident $setter:ident $doc:tt;)* }) => {
        #[pyrs_macros::pymethods(part = $part)]
        impl $class {
            $(
                #[doc = $doc]
                #[getter]
                fn $field(&self) -> Option<crate::object::Obj> {
                    self.$field.get()
                }

                #[allow(non_snake_case)]
                #[setter]
                fn $setter(&self, value: Option<&crate::object::Obj>) -> crate::errors::PyResult<()> {
                    self.$field.set(value.cloned());
                    Ok(())
                }
            )*
        }
    };
}

/// Shows the collector the cells of a payload behind its base.
macro_rules! trace_cells {
    ($class:ident { $($field:ident),* }) => {
        impl crate::object::Trace for $class {
            fn trace(&self, visitor: &mut crate::heap::cycles::Visitor<'_>) {
                self.base.trace(visitor);
                $(self.$field.trace(visitor);)*
            }
            fn clear(&self) {
                self.base.clear();
                $(self.$field.clear();)*
            }
        }

        impl AsRef<super::BaseException> for $class {
            fn as_ref(&self) -> &super::BaseException {
                &self.base
            }
        }
    };
}

pub(super) use {attributes, trace_cells};
