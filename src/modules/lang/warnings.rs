//! `_warnings`: issuing warnings, with the state that `warnings` shares.
//!
//! The module `warnings` may replace filters, default action and registry; its attributes count as soon as it is
//! imported. Showing a warning is its work as well, unless it is not there.

use pyrs_interp::frame_object::{Place, warning_place};
use pyrs_macros::pymodule;
use pyrs_runtime::errors::{PyResult, Raised};
use pyrs_runtime::native_only;
use pyrs_runtime::object::{Obj, Object, Ptr, PyClass};
use pyrs_runtime::objects::dict::Dict;
use pyrs_runtime::objects::list::List;
use pyrs_runtime::objects::singletons::{bool_obj, none};
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::objects::{exceptions, int};
use pyrs_runtime::protocols::{attr, compare, text, truth};
use pyrs_runtime::thread::{self, runtime};
use pyrs_runtime::types::{Type, as_type};
use pyrs_runtime::{call, name, raise};

use crate::core::import;
use crate::os::locks::RLock;

const FILTERS: &str = "warnings: filters";
const ONCE: &str = "warnings: once registry";
const VERSION: &str = "warnings: version";
const CONTEXT: &str = "warnings: context";
const LOCK: &str = "warnings: lock";
const DEFAULT_ACTION: &str = "default";

/// A warning on its way.
struct Warning {
    message: Obj,
    category: Obj,
    text: Obj,
    filename: Obj,
    line: i64,
    module: Obj,
    source: Option<Obj>,
}

/// An object of the state; made when it is first asked for.
fn state(key: &'static str, make: impl FnOnce() -> PyResult<Obj>) -> PyResult<Obj> {
    if let Some(found) = runtime().registered(key) {
        return Ok(found);
    }
    let made = make()?;
    runtime().register(key, made.clone());
    Ok(made)
}

fn default_filters() -> Obj {
    let filter = |action: &str, category: &Type, module: Obj| -> Obj {
        Tuple::from_vec(vec![Str::intern(action).into(), none(), category.to_obj(), module, int::new(0)]).into()
    };
    List::from_vec(vec![
        filter("default", exceptions::DeprecationWarning::class(), Str::intern("__main__").into()),
        filter("ignore", exceptions::DeprecationWarning::class(), none()),
        filter("ignore", exceptions::PendingDeprecationWarning::class(), none()),
        filter("ignore", exceptions::ImportWarning::class(), none()),
        filter("ignore", exceptions::ResourceWarning::class(), none()),
    ])
    .into()
}

fn filters() -> PyResult<Obj> {
    state(FILTERS, || Ok(default_filters()))
}

fn once_registry() -> PyResult<Obj> {
    state(ONCE, || Ok(Dict::new().into()))
}

/// The context variable that holds filters of the running context.
fn context_variable() -> PyResult<Obj> {
    state(CONTEXT, || {
        let module = import::load_builtin("_contextvars")?;
        call::call_method(&module, "ContextVar", &[Str::new("_warnings_context").into()])
    })
}

fn lock() -> PyResult<Ptr<RLock>> {
    let lock = state(LOCK, || Ok(RLock::create().into()))?;
    Ok(lock.into_ptr::<RLock>().unwrap_or_else(|_| RLock::create()))
}

/// Changes whenever the filters do; what registries remember belongs to one version.
fn version() -> i64 {
    runtime().registered(VERSION).and_then(|version| int::to_i64(&version)).unwrap_or(0)
}

/// An attribute of the module `warnings`, if that is there.
fn python_attribute(attribute: &str, import_it: bool) -> PyResult<Option<Obj>> {
    let modules = runtime().modules.get();
    let found = modules.as_ref().and_then(|m| m.downcast::<Dict>()).and_then(|m| m.get_text("warnings"));
    let module = match found.filter(|module| !module.is_none()) {
        Some(module) => module,
        None if import_it && !thread::is_finalizing() => match import::import_module("warnings") {
            Ok(module) => module,
            Err(raised) if raised.matches(exceptions::ImportError::class()) => {
                raised.discard();
                return Ok(None);
            }
            Err(raised) => return Err(raised),
        },
        None => return Ok(None),
    };
    attr::getattr_optional(&module, &Str::intern_ptr(Str::new(attribute)))
}

/// True if a part of a filter allows a text: `None`, a text that is the same, or a pattern.
fn part_matches(part: &Obj, subject: &Obj) -> PyResult<bool> {
    if part.is_none() {
        return Ok(true);
    }
    if part.exact::<Str>().is_some() {
        if subject.downcast::<Str>().is_none() {
            return Err(raise!(TypeError, "Can't compare str and {}", subject.class().name()));
        }
        return compare::equal(part, subject);
    }
    truth::is_true(&call::call_method_str(part, name!("match"), std::slice::from_ref(subject))?)
}

impl Warning {
    /// The action and the filter that decide; `None` as filter stands for the default action.
    fn action(&self) -> PyResult<(Obj, Obj)> {
        let context = call::call_method_str(&context_variable()?, name!("get"), &[none()])?;
        let found = if context.is_none() {
            let filters = match python_attribute("filters", false)? {
                Some(filters) => {
                    // They stay in force even if the attribute goes.
                    runtime().register(FILTERS, filters.clone());
                    filters
                }
                None => filters()?,
            };
            self.search(&filters, "warnings.filters")?
        } else {
            self.search(&attr::getattr(&context, name!("_filters"))?, "_warnings._warnings_context._filters")?
        };
        if let Some(found) = found {
            return Ok(found);
        }
        let action = python_attribute("defaultaction", false)?;
        let action = action.unwrap_or_else(|| Str::intern(DEFAULT_ACTION).into());
        if action.downcast::<Str>().is_none() {
            let class = action.class().name();
            return Err(raise!(TypeError, "_warnings.defaultaction must be a string, not '{class}'"));
        }
        Ok((action, none()))
    }

    fn search(&self, filters: &Obj, what: &str) -> PyResult<Option<(Obj, Obj)>> {
        let Some(filters) = filters.downcast::<List>() else {
            return Err(raise!(ValueError, "_{what} must be a list"));
        };
        // The list may change while patterns are tried.
        let mut at = 0;
        while let Some(item) = filters.get(at) {
            let parts = item.downcast::<Tuple>().map(|t| t.items());
            let Some([action, message, category, module, line]) = parts else {
                return Err(raise!(ValueError, "{what} item {at} isn't a 5-tuple"));
            };
            if action.downcast::<Str>().is_none() {
                let class = action.class().name();
                return Err(raise!(TypeError, "action must be a string, not '{class}'"));
            }
            let matches = part_matches(message, &self.text)?
                && part_matches(module, &self.module)?
                && attr::is_subclass(&self.category, category)?;
            let Some(wanted) = int::to_i64(line) else { return Err(raise!(TypeError, "an integer is required")) };
            if matches && (wanted == 0 || wanted == self.line) {
                return Ok(Some((action.clone(), item.clone())));
            }
            at += 1;
        }
        Ok(None)
    }

    fn key(&self, line: Option<i64>) -> Obj {
        let mut key = vec![self.text.clone(), self.category.clone()];
        key.extend(line.map(int::new));
        Tuple::from_vec(key).into()
    }

    /// Whether the registry wants it to be shown; the action may note that it was.
    fn is_new(&self, action: &Object<Str>, filter: &Obj, registry: Option<&Object<Dict>>) -> PyResult<bool> {
        if action.eq_str("always") || action.eq_str("all") {
            return Ok(true);
        }
        if let Some(registry) = registry {
            registry.set(self.key(Some(self.line)), bool_obj(true))?;
        }
        if action.eq_str("once") {
            return match registry {
                Some(registry) => note(registry, self.key(None), true).map(|known| !known),
                None => {
                    let registry = self.once_registry()?;
                    note(&registry, self.key(None), true).map(|known| !known)
                }
            };
        }
        if action.eq_str("module") {
            return match registry {
                Some(registry) => note(registry, self.key(None), true).map(|known| !known),
                None => Ok(true),
            };
        }
        if action.eq_str("default") {
            return Ok(true);
        }
        let (action, filter) = (text::repr_text(&action.to_obj())?, text::repr_text(filter)?);
        Err(raise!(RuntimeError, "Unrecognized action ({action}) in warnings.filters:\n {filter}"))
    }

    fn once_registry(&self) -> PyResult<Ptr<Dict>> {
        let registry = match python_attribute("onceregistry", false)? {
            Some(registry) => {
                runtime().register(ONCE, registry.clone());
                registry
            }
            None => once_registry()?,
        };
        registry
            .into_ptr::<Dict>()
            .map_err(|other| raise!(TypeError, "_warnings.onceregistry must be a dict, not '{}'", other.class().name()))
    }

    /// Filters, and shows or raises.
    fn issue(&self, registry: Option<&Object<Dict>>, source_line: Option<Obj>) -> PyResult<()> {
        if let Some(registry) = registry
            && note(registry, self.key(Some(self.line)), false)?
        {
            return Ok(());
        }
        let (action, filter) = self.action()?;
        let action = action.downcast::<Str>().expect("checked");
        if action.eq_str("error") {
            thread::current().raise(self.message.clone());
            return Err(Raised::pending());
        }
        if action.eq_str("ignore") || !self.is_new(action, &filter, registry)? {
            return Ok(());
        }
        self.show(source_line)
    }

    fn show(&self, source_line: Option<Obj>) -> PyResult<()> {
        // With a source, the Python code can tell where it was allocated.
        let Some(show) = python_attribute("_showwarnmsg", self.source.is_some())? else {
            return self.print(source_line);
        };
        if show.class().slots().call.is_none() {
            return Err(raise!(TypeError, "warnings._showwarnmsg() must be set to a callable"));
        }
        let Some(class) = python_attribute("WarningMessage", false)? else {
            return Err(raise!(RuntimeError, "unable to get warnings.WarningMessage"));
        };
        let source = self.source.clone().unwrap_or_else(none);
        let (message, category) = (self.message.clone(), self.category.clone());
        // The file itself is better, if it is there.
        let is_file = std::path::Path::new(&text::str_text(&self.filename)?).exists();
        let line = source_line.filter(|_| !is_file).unwrap_or_else(none);
        let args = [message, category, self.filename.clone(), int::new(self.line), none(), line, source];
        let message = call::call(&class, &args)?;
        call::call(&show, &[message]).map(drop)
    }

    /// Shows it without the module `warnings`.
    fn print(&self, source_line: Option<Obj>) -> PyResult<()> {
        let Some(stderr) = crate::core::sys_attribute("stderr").filter(|stream| !stream.is_none()) else {
            return Ok(());
        };
        let category = text::str_text(&attr::getattr(&self.category, name!("__name__"))?)?;
        let (filename, message) = (text::str_text(&self.filename)?, text::str_text(&self.text)?);
        let mut shown = format!("{filename}:{}: {category}: {message}\n", self.line);
        let line = match source_line {
            Some(line) => Some(text::str_text(&line)?),
            None => line_of_file(&filename, self.line),
        };
        if let Some(line) = line.as_deref().map(str::trim).filter(|line| !line.is_empty()) {
            shown.push_str(&format!("  {line}\n"));
        }
        call::call_method(&stderr, "write", &[Str::new(&shown).into()]).map(drop)
    }
}

fn line_of_file(filename: &str, line: i64) -> Option<String> {
    let source = std::fs::read(filename).ok()?;
    let index = usize::try_from(line - 1).ok()?;
    source.split(|byte| *byte == b'\n').nth(index).map(|line| String::from_utf8_lossy(line).into_owned())
}

/// Whether a registry has a key; `set` adds it. A registry of an earlier version of the filters is emptied.
fn note(registry: &Object<Dict>, key: Obj, set: bool) -> PyResult<bool> {
    let noted = registry.get_text("version").and_then(|noted| int::to_i64(&noted));
    if noted != Some(version()) {
        registry.clear();
        registry.set_text("version", int::new(version()));
    } else if let Some(known) = registry.get(&key)?
        && truth::is_true(&known)?
    {
        return Ok(true);
    }
    if set {
        registry.set(key, bool_obj(true))?;
    }
    Ok(false)
}

/// The category of a message: its class if it is a warning, else what is given.
fn category_of(message: &Obj, category: Option<Obj>) -> PyResult<Obj> {
    let warning = exceptions::Warning::class();
    if message.class().is_subclass(warning) {
        return Ok(message.class().to_obj());
    }
    let category = category.unwrap_or_else(|| exceptions::UserWarning::class().to_obj());
    match as_type(&category) {
        Some(class) if class.is_subclass(warning) => Ok(category),
        _ => {
            let class = category.class().name();
            Err(raise!(TypeError, "category must be a Warning subclass, not '{class}'"))
        }
    }
}

/// Text and message object of what a warning is called with.
fn text_and_message(message: Obj, category: &Obj) -> PyResult<(Obj, Obj)> {
    if message.class().is_subclass(exceptions::Warning::class()) {
        return Ok((text::str(&message)?.into(), message));
    }
    let object = call::call(category, std::slice::from_ref(&message))?;
    Ok((message, object))
}

/// The file name without `.py`.
fn module_of(filename: &Obj) -> PyResult<Obj> {
    let shown = text::str_text(filename)?;
    Ok(match shown.as_str() {
        "" => Str::new("<unknown>").into(),
        name if name.to_ascii_lowercase().ends_with(".py") => Str::new(&name[..name.len() - 3]).into(),
        _ => filename.clone(),
    })
}

/// True for code of `importlib`'s bootstrap, which the user knows nothing of.
fn is_internal(filename: &Obj) -> bool {
    let Some(filename) = filename.downcast::<Str>().map(|f| f.to_string_lossy()) else { return false };
    filename.contains("importlib") && filename.contains("_bootstrap")
}

/// `warnings.warn`
fn warn_caller(message: Obj, category: Option<Obj>, level: i64, source: Option<Obj>, prefixes: &[Obj]) -> PyResult<()> {
    let category = category_of(&message, category)?;
    let starts = |file: &Obj, prefix: &Obj| match (file.downcast::<Str>(), prefix.downcast::<Str>()) {
        (Some(file), Some(prefix)) => file.to_string_lossy().starts_with(&prefix.to_string_lossy()),
        _ => false,
    };
    let skip = |file: &Obj, own: bool| is_internal(file) || !own && prefixes.iter().any(|prefix| starts(file, prefix));
    let place = warning_place(thread::current(), level, &skip);
    let Place { globals, filename, line } = match place {
        Some(place) => place,
        None => {
            let sys = runtime().sys_dict.get().and_then(|sys| sys.into_ptr::<Dict>().ok());
            Place { globals: sys.unwrap_or_else(Dict::new), filename: Str::new("<sys>").into(), line: 0 }
        }
    };
    let registry = match globals.get_text("__warningregistry__") {
        Some(registry) => registry,
        None => {
            let registry = Dict::new();
            globals.set_text("__warningregistry__", registry.to_obj());
            registry.into()
        }
    };
    let module = match globals.get_text("__name__") {
        Some(module) if module.is_none() || module.downcast::<Str>().is_some() => module,
        _ => Str::new("<string>").into(),
    };
    let (text, message) = text_and_message(message, &category)?;
    let warning = Warning { message, category, text, filename, line: line as i64, module, source };
    issue_into(&warning, Some(&registry), None)
}

/// Issues a warning that its module may take note of.
fn issue_into(warning: &Warning, registry: Option<&Obj>, source_line: Option<Obj>) -> PyResult<()> {
    // Late in the life of the process modules lose their names.
    if warning.module.is_none() {
        return Ok(());
    }
    let registry = registry.filter(|registry| !registry.is_none());
    let dict = registry.map(|registry| registry.downcast::<Dict>());
    let Some(dict) = dict.map_or(Some(None), |dict| dict.map(Some)) else {
        return Err(raise!(TypeError, "'registry' must be a dict or None"));
    };
    let lock = lock()?;
    lock.enter()?;
    let result = warning.issue(dict, source_line);
    let released = lock.release();
    result.and(released)
}

/// Issues a warning for native code: category, text, stack level.
pub fn warn_text(category: &Type, text: &str, level: usize) -> PyResult<()> {
    // The registry must not remember a warning that nobody could be shown.
    if native_only::is_closed(thread::current()) {
        return Err(native_only::refuse(thread::current()));
    }
    warn_caller(Str::new(text).into(), Some(category.to_obj()), level as i64, None, &[])
}

/// Issues a warning about a line of a file.
pub fn warn_about_line(category: &Type, text: &str, filename: &str, line: i64) -> PyResult<()> {
    let (text, filename): (Obj, Obj) = (Str::new(text).into(), Str::new(filename).into());
    let category = category.to_obj();
    let (text, message) = text_and_message(text, &category)?;
    let module = module_of(&filename)?;
    issue_into(&Warning { message, category, text, filename, line, module, source: None }, None, None)
}

/// The line that a warning is about, by the loader of its module.
fn line_by_loader(globals: &Object<Dict>, line: i64) -> PyResult<Option<Obj>> {
    let external = import::import_module("_frozen_importlib_external")?;
    let loader = call::call_method(&external, "_bless_my_loader", &[globals.to_obj()])?;
    let Some(name) = globals.get_text("__name__").filter(|_| !loader.is_none()) else { return Ok(None) };
    let Some(get_source) = attr::getattr_optional(&loader, name!("get_source"))? else { return Ok(None) };
    let source = match call::call(&get_source, &[name]) {
        Ok(source) if source.is_none() => return Ok(None),
        Ok(source) => source,
        // `__main__` may be known to its loader by another name, or not at all.
        Err(raised) if raised.matches(exceptions::ImportError::class()) => {
            raised.discard();
            return Ok(None);
        }
        Err(raised) => return Err(raised),
    };
    let lines = call::call_method(&source, "splitlines", &[])?;
    let index = usize::try_from(line - 1).ok();
    Ok(lines.downcast::<List>().zip(index).and_then(|(lines, index)| lines.get(index)))
}

/// _warnings provides basic warning filtering support.
/// It is a helper module to speed up interpreter start-up.
#[pymodule(name = "_warnings")]
pub mod warnings {
    use super::*;
    use pyrs_runtime::args::Maybe;
    use pyrs_runtime::objects::module::Module;

    /// Issue a warning, or maybe ignore it or raise an exception.
    ///
    /// message
    ///   Text of the warning message.
    /// category
    ///   The Warning category subclass. Defaults to UserWarning.
    /// stacklevel
    ///   How far up the call stack to make this warning appear. A value of 2 for
    ///   example attributes the warning to the caller of the code calling warn().
    /// source
    ///   If supplied, the destroyed object which emitted a ResourceWarning
    /// skip_file_prefixes
    ///   An optional tuple of module filename prefixes indicating frames to skip
    ///   during stacklevel computations for stack frame attribution.
    #[pyfunction(sig = "(message, category=None, stacklevel=1, source=None, *, skip_file_prefixes=<unrepresentable>)")]
    fn warn(
        message: Obj,
        category: Option<Obj>,
        stacklevel: i64,
        source: Option<Obj>,
        skip_file_prefixes: Maybe<&Object<Tuple>>,
    ) -> PyResult<()> {
        let prefixes = skip_file_prefixes.0.map(|prefixes| prefixes.items()).unwrap_or_default();
        if let Some(other) = prefixes.iter().find(|prefix| prefix.downcast::<Str>().is_none()) {
            let class = other.class().name();
            return Err(raise!(TypeError, "Found non-str '{class}' in skip_file_prefixes."));
        }
        let level = if prefixes.is_empty() { stacklevel } else { stacklevel.max(2) };
        warn_caller(message, category, level, source, prefixes)
    }

    /// Issue a warning, or maybe ignore it or raise an exception.
    #[pyfunction(
        sig = "(message, category, filename, lineno, module=None, registry=None, module_globals=None, source=None)"
    )]
    fn warn_explicit(
        message: Obj,
        category: Obj,
        filename: &Object<Str>,
        lineno: i32,
        module: Maybe<Obj>,
        registry: Option<&Obj>,
        module_globals: Option<&Obj>,
        source: Option<Obj>,
    ) -> PyResult<()> {
        let line = i64::from(lineno);
        let source_line = match module_globals {
            None => None,
            Some(globals) => match globals.downcast::<Dict>() {
                Some(globals) => line_by_loader(globals, line)?,
                None => {
                    let class = globals.class().name();
                    return Err(raise!(TypeError, "module_globals must be a dict, not '{class}'"));
                }
            },
        };
        let filename = filename.to_obj();
        let module = match module.0 {
            Some(module) => module,
            None => module_of(&filename)?,
        };
        let is_warning = message.class().is_subclass(exceptions::Warning::class());
        let category = if is_warning { message.class().to_obj() } else { category };
        let (text, message) = text_and_message(message, &category)?;
        let warning = Warning { message, category, text, filename, line, module, source };
        issue_into(&warning, registry, source_line)
    }

    #[pyfunction]
    fn _filters_mutated_lock_held() -> PyResult<()> {
        if !lock()?.is_owned() {
            return Err(raise!(RuntimeError, "warnings lock is not held"));
        }
        runtime().register(VERSION, int::new(version() + 1));
        Ok(())
    }

    #[pyfunction]
    fn _acquire_lock() -> PyResult<()> {
        lock()?.enter().map(drop)
    }

    #[pyfunction]
    fn _release_lock() -> PyResult<()> {
        lock()?.release()
    }

    #[module_exec]
    fn exec(module: &Object<Module>) -> PyResult<()> {
        module.add("filters", filters()?);
        module.add("_onceregistry", once_registry()?);
        module.add("_defaultaction", Str::intern(DEFAULT_ACTION));
        module.add("_warnings_context", context_variable()?);
        Ok(())
    }
}
