//! `module`: a namespace with attributes.

use crate::call::Args;
use crate::errors::PyResult;
use crate::object::{Obj, Object, Ptr};
use crate::objects::dict::Dict;
use crate::objects::set;
use crate::objects::singletons::none;
use crate::objects::str::Str;
use crate::protocols::{attr, iter, text, truth};
use crate::thread::runtime;
use crate::types::{Type, shape};
use crate::{call, name, raise};
use pyrs_macros::{pyclass, pymethods};

/// Create a module object.
///
/// The name must be a string; the optional docstring can have any type.
#[pyclass(name = "module", flags = BASETYPE, dict, weaklist)]
pub struct Module {
    /// The definition of a native module.
    pub def: Option<&'static crate::class::ModuleDef>,
}

impl Module {
    /// A new module with the standard attributes.
    pub fn new(module_name: &str, doc: Option<&str>) -> Ptr<Module> {
        Module::with_def(module_name, doc, None)
    }

    pub fn with_def(
        module_name: &str,
        doc: Option<&str>,
        def: Option<&'static crate::class::ModuleDef>,
    ) -> Ptr<Module> {
        let module = Ptr::new(Module { def });
        module.init_dict(&Str::intern(module_name).into_obj(), &doc.map_or_else(none, |d| Str::new(d).into_obj()));
        module
    }
}

impl Object<Module> {
    /// The module's namespace.
    pub fn dict(&self) -> Ptr<Dict> {
        shape::instance_dict(&self.as_obj()).ok().flatten().expect("modules have a dictionary")
    }

    fn init_dict(&self, module_name: &Obj, doc: &Obj) {
        let dict = self.dict();
        dict.set_text("__name__", module_name.clone());
        dict.set_text("__doc__", doc.clone());
        for key in ["__package__", "__loader__", "__spec__"] {
            dict.set_text(key, none());
        }
    }

    /// Sets an attribute.
    pub fn add(&self, attribute: &str, value: impl Into<Obj>) {
        self.dict().set_text(attribute, value.into());
    }

    pub fn get(&self, attribute: &str) -> Option<Obj> {
        self.dict().get_text(attribute)
    }

    pub fn name(&self) -> String {
        let found = self.dict().get_text("__name__");
        found.and_then(|n| n.downcast::<Str>().map(|s| s.to_string_lossy())).unwrap_or_else(|| "?".to_owned())
    }
}

#[pymethods]
impl Module {
    #[slot(new)]
    fn new_module(cls: &Type, _args: Args<'_>) -> PyResult<Obj> {
        let module = Ptr::new_in(cls, Module { def: None });
        shape::instance_dict(&module.as_obj())?;
        Ok(module.into_obj())
    }

    #[init(sig = "(name, doc=None)")]
    fn init(this: &Object<Module>, name: &Object<Str>, doc: Option<&Obj>) -> PyResult<()> {
        this.init_dict(&name.to_obj(), &doc.cloned().unwrap_or_else(none));
        Ok(())
    }

    #[slot(repr)]
    fn repr(this: &Obj) -> PyResult<Obj> {
        let importlib = (crate::hooks::hooks().import_module)("_frozen_importlib")?;
        call::call_method(&importlib, "_module_repr", std::slice::from_ref(this))
    }

    #[slot(getattro)]
    fn getattro(this: &Obj, attribute: &Object<Str>) -> PyResult<Obj> {
        if let Some(found) = attr::generic_getattr_optional(this, attribute)? {
            return Ok(found);
        }
        // SAFETY: the slot belongs to this class.
        let module = unsafe { this.downcast_unchecked::<Module>() };
        if let Some(hook) = module.dict().get_str(name!("__getattr__"))? {
            return call::call(&hook, &[attribute.to_obj()]);
        }
        Err(missing_attribute(module, attribute)?)
    }

    #[getter(name = "__dict__")]
    fn get_dict(this: &Object<Module>) -> Obj {
        this.dict().into_obj()
    }

    #[getter(name = "__annotations__")]
    fn annotations(this: &Object<Module>) -> PyResult<Obj> {
        let dict = this.dict();
        if let Some(found) = dict.get_str(name!("__annotations__"))? {
            return Ok(found);
        }
        let result = match dict.get_str(name!("__annotate__"))? {
            Some(annotate) if !annotate.is_none() => call::call(&annotate, &[crate::objects::int::new(1)])?,
            _ => Dict::new().into_obj(),
        };
        dict.set_str(name!("__annotations__"), result.clone())?;
        Ok(result)
    }

    #[setter(name = "__annotations__")]
    fn set_annotations(this: &Object<Module>, value: Option<&Obj>) -> PyResult<()> {
        let dict = this.dict();
        match value {
            Some(value) => dict.set_str(name!("__annotations__"), value.clone())?,
            None => {
                if dict.remove_str(name!("__annotations__"))?.is_none() {
                    return Err(raise!(AttributeError, "__annotations__"));
                }
            }
        }
        dict.remove_str(name!("__annotate__")).map(drop)
    }

    #[getter(name = "__annotate__")]
    fn annotate(this: &Object<Module>) -> PyResult<Obj> {
        Ok(this.dict().get_str(name!("__annotate__"))?.unwrap_or_else(none))
    }

    #[setter(name = "__annotate__")]
    fn set_annotate(this: &Object<Module>, value: Option<&Obj>) -> PyResult<()> {
        let Some(value) = value else {
            return Err(raise!(TypeError, "cannot delete __annotate__ attribute"));
        };
        if !value.is_none() && value.class().slots().call.is_none() {
            return Err(raise!(TypeError, "__annotate__ must be callable or None"));
        }
        this.dict().set_str(name!("__annotate__"), value.clone())?;
        if !value.is_none() {
            this.dict().remove_str(name!("__annotations__"))?;
        }
        Ok(())
    }

    /// __dir__() -> list
    /// specialized dir() implementation
    #[pymethod(name = "__dir__")]
    fn dir(this: &Object<Module>) -> PyResult<Obj> {
        let dict = this.dict();
        match dict.get_str(name!("__dir__"))? {
            Some(hook) => call::call(&hook, &[]),
            None => Ok(crate::objects::list::List::from_vec(dict.keys()).into_obj()),
        }
    }
}

/// What a module's `__spec__` tells about where it comes from and how far its import is.
pub struct Source {
    /// The file.
    pub origin: Option<Obj>,
    pub initializing: bool,
    spec: Option<Obj>,
}

impl Source {
    pub fn of(spec: Option<Obj>) -> PyResult<Source> {
        let Some(spec) = spec.filter(|spec| !spec.is_none()) else {
            return Ok(Source { origin: None, initializing: false, spec: None });
        };
        let flag = |name: &Object<Str>| match attr::getattr_optional(&spec, name)? {
            Some(flag) => truth::is_true(&flag),
            None => Ok(false),
        };
        let has_location = flag(name!("has_location"))?;
        let origin = if has_location { attr::getattr_optional(&spec, name!("origin"))? } else { None };
        let origin = origin.filter(|origin| origin.downcast::<Str>().is_some());
        let initializing = flag(name!("_initializing"))?;
        Ok(Source { origin, initializing, spec: Some(spec) })
    }

    /// True if the module lies where the program is looked for first: it may hide another one of its name.
    fn is_beside_program(&self) -> bool {
        let Some(first) = runtime().registered(FIRST_PATH) else { return false };
        let text = |obj: &Obj| obj.downcast::<Str>().map(|s| s.to_string_lossy());
        let (Some(first), Some(origin)) = (text(&first), self.origin.as_ref().and_then(text)) else { return false };
        let origin = std::path::Path::new(&origin);
        let is_package = origin.file_name().is_some_and(|name| name == "__init__.py");
        let folder = origin.parent().and_then(|folder| if is_package { folder.parent() } else { Some(folder) });
        let here = std::env::current_dir().unwrap_or_default();
        let first = if first.is_empty() { here.as_path() } else { std::path::Path::new(&first) };
        folder == Some(first)
    }

    /// How a message goes on if the file should rather have another name.
    pub fn renaming_hint(&self, module: &Obj) -> PyResult<Option<String>> {
        let Some(origin) = self.origin.as_ref().filter(|_| self.is_beside_program()) else { return Ok(None) };
        let origin = text::str_text(origin)?;
        let names = runtime().sys_dict.get().and_then(|sys| sys.downcast::<Dict>()?.get_text("stdlib_module_names"));
        let hides_library = match names.as_ref().and_then(set::as_set) {
            Some(names) => names.contains(module)?,
            None => false,
        };
        if hides_library {
            let name = text::str_text(module)?;
            return Ok(Some(format!(
                "(consider renaming '{origin}' since it has the same name as the standard library module named \
                 '{name}' and prevents importing that standard library module)"
            )));
        }
        Ok(self.initializing.then(|| {
            format!("(consider renaming '{origin}' if it has the same name as a library you intended to import)")
        }))
    }

    /// True if a submodule of that name is being imported right now.
    fn is_importing(&self, submodule: &Object<Str>) -> PyResult<bool> {
        let Some(spec) = &self.spec else { return Ok(false) };
        match attr::getattr_optional(spec, name!("_uninitialized_submodules"))? {
            Some(names) => iter::contains(&names, &submodule.to_obj()),
            None => Ok(false),
        }
    }
}

/// The name under which the first entry of `sys.path`, the program's own, is kept.
pub const FIRST_PATH: &str = "sys.path: the program's entry";

fn missing_attribute(module: &Object<Module>, attribute: &Object<Str>) -> PyResult<crate::errors::Raised> {
    let wanted = attribute.to_string_lossy();
    let named = module.dict().get_text("__name__").filter(|n| n.downcast::<Str>().is_some());
    let Some(named) = named else {
        let text = format!("module has no attribute '{wanted}'");
        return Ok(crate::errors::raise_attribute_error(&text, &module.as_obj(), attribute));
    };
    let module_name = module.name();
    let source = Source::of(module.get("__spec__"))?;
    let text = if let Some(hint) = source.renaming_hint(&named)? {
        format!("module '{module_name}' has no attribute '{wanted}' {hint}")
    } else if source.initializing {
        let place = match &source.origin {
            Some(origin) => format!(" from '{}'", text::str_text(origin)?),
            None => String::new(),
        };
        format!(
            "partially initialized module '{module_name}'{place} has no attribute '{wanted}' (most likely due to a \
             circular import)"
        )
    } else if source.is_importing(attribute)? {
        format!("cannot access submodule '{wanted}' of module '{module_name}' (most likely due to a circular import)")
    } else {
        format!("module '{module_name}' has no attribute '{wanted}'")
    };
    Ok(crate::errors::raise_attribute_error(&text, &module.as_obj(), attribute))
}
