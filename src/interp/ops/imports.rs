//! `import` statements.

use pyrs_runtime::call;
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::object::{Obj, Object};
use pyrs_runtime::objects::exceptions::raise_import_error;
use pyrs_runtime::objects::module::Source;
use pyrs_runtime::objects::singletons::none;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::protocols::attr;
use pyrs_runtime::{name, raise};

use crate::frame::Frame;

/// Calls `__import__(name, globals, locals, fromlist, level)`.
///
/// # Safety
/// `frame` is the caller's running frame.
pub unsafe fn import_name(frame: *mut Frame, module: &Object<Str>, fromlist: &Obj, level: &Obj) -> PyResult<Obj> {
    // SAFETY: the caller's running frame.
    let frame = unsafe { &*frame };
    let Some(import) = frame.builtins().get_str(name!("__import__"))? else {
        return Err(raise!(ImportError, "__import__ not found"));
    };
    // SAFETY: the frame owns its namespace.
    let locals = if frame.locals.is_null() { none() } else { unsafe { frame.locals.as_obj() }.clone() };
    call::call(&import, &[module.to_obj(), frame.globals().to_obj(), locals, fromlist.clone(), level.clone()])
}

/// `from module import name`.
pub fn import_from(module: &Obj, attribute: &Object<Str>) -> PyResult<Obj> {
    if let Some(found) = attr::getattr_optional(module, attribute)? {
        return Ok(found);
    }
    // A submodule that is still being imported may only stand in sys.modules.
    let package = attr::getattr_optional(module, name!("__name__"))?;
    if let Some(package) = package.as_ref().and_then(|p| p.downcast::<Str>()) {
        let full = format!("{}.{}", package.to_string_lossy(), attribute.to_string_lossy());
        let modules = pyrs_runtime::thread::runtime().modules.get();
        if let Some(modules) = modules
            && let Some(modules) = modules.downcast::<pyrs_runtime::objects::dict::Dict>()
            && let Some(found) = modules.get_text(&full)
        {
            return Ok(found);
        }
    }
    Err(cannot_import(module, package.as_ref(), attribute)?)
}

#[cold]
fn cannot_import(
    module: &Obj,
    package: Option<&Obj>,
    attribute: &Object<Str>,
) -> PyResult<pyrs_runtime::errors::Raised> {
    let wanted = attribute.to_string_lossy();
    let package_text =
        package.and_then(|p| p.downcast::<Str>()).map_or("<unknown module name>".to_owned(), |s| s.to_string_lossy());
    let source = Source::of(attr::getattr_optional(module, name!("__spec__"))?)?;
    let origin = match &source.origin {
        Some(origin) => Some(origin.clone()),
        None => attr::getattr_optional(module, name!("__file__"))?.filter(|o| o.downcast::<Str>().is_some()),
    };
    let hint = match package {
        Some(package) => source.renaming_hint(package)?,
        None => None,
    };
    let origin_text = origin.as_ref().and_then(|o| o.downcast::<Str>()).map(|s| s.to_string_lossy());
    let place = origin_text.unwrap_or_else(|| "unknown location".to_owned());
    let text = if let Some(hint) = hint {
        format!("cannot import name '{wanted}' from '{package_text}' {hint}")
    } else if source.initializing {
        format!(
            "cannot import name '{wanted}' from partially initialized module '{package_text}' (most likely due to a circular import) ({place})"
        )
    } else {
        format!("cannot import name '{wanted}' from '{package_text}' ({place})")
    };
    Ok(raise_import_error(&text, package.cloned(), origin, Some(attribute.to_obj())))
}
