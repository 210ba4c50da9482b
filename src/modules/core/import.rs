//! The import system's native half: built-in modules, the embedded library, `__import__`.
//!
//! `importlib` itself is Python code from the embedded library. [`boot`] runs its two bootstrap modules, which
//! then find everything else: built-in modules here, library modules through the embedded importer, files
//! through the path finder.

use std::cell::Cell;

use pyrs_runtime::call;
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::object::{Obj, Object, Ptr, PyClass};
use pyrs_runtime::objects::builtin_function::BuiltinFunction;
use pyrs_runtime::objects::code::{Code, constant_object};
use pyrs_runtime::objects::dict::Dict;
use pyrs_runtime::objects::module::Module;
use pyrs_runtime::objects::set;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::protocols::{attr, truth};
use pyrs_runtime::thread::{self, runtime};
use pyrs_runtime::{name, raise};

use crate::os::locks::RLock;

include!(concat!(env!("OUT_DIR"), "/library_index.rs"));
static LIBRARY: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/library.bin"));

/// One module (or data file) of the embedded library.
pub struct Embedded {
    pub name: &'static str,
    /// Path below the library's root.
    path: &'static str,
    pub is_package: bool,
    /// Part of the bootstrap: `importlib` finds it as a frozen module.
    pub bootstrap: bool,
    code: (u32, u32),
    source: (u32, u32),
}

impl Embedded {
    /// The file that the module would be on disk.
    pub fn origin(&self) -> String {
        format!("{}/{}", library_root(), self.path)
    }
}

/// Where the library would be installed.
pub fn library_root() -> String {
    format!("{}/lib/python3.14", super::flags().base_prefix)
}

/// Modules that must be importable before `importlib` works.
const BOOTSTRAP: [&str; 3] = ["_frozen_importlib", "_frozen_importlib_external", "zipimport"];

fn find(name: &str) -> Option<Embedded> {
    let i = INDEX.binary_search_by(|row| row.0.cmp(name)).ok()?;
    let (name, path, is_package, code, source) = INDEX[i];
    Some(Embedded { name, path, is_package, bootstrap: false, code, source })
}

/// A library module by its full name.
pub fn embedded(name: &str) -> Option<Embedded> {
    let real = match name {
        "_frozen_importlib" => "importlib._bootstrap",
        "_frozen_importlib_external" => "importlib._bootstrap_external",
        // The real name has the platform in it.
        other if other.starts_with("_sysconfigdata_") => "_pyrs_sysconfigdata",
        other => other,
    };
    let mut found = find(real).filter(|m| m.code.1 != 0)?;
    found.bootstrap = BOOTSTRAP.contains(&name);
    Some(found)
}

fn bytes_at((offset, length): (u32, u32)) -> &'static [u8] {
    &LIBRARY[offset as usize..(offset + length) as usize]
}

/// The code object of a library module.
pub fn embedded_code(name: &str) -> PyResult<Obj> {
    let Some(module) = embedded(name) else {
        return Err(raise!(ImportError, "No such frozen object named {name}"));
    };
    if super::flags().optimize > 0 && !module.bootstrap {
        // What is embedded was compiled without `-O`.
        let source = embedded_source(name).unwrap_or_default();
        let level = super::flags().optimize.min(2) as i8;
        return super::compile::compile_source(&source, &module.origin(), pyrs_compiler::Mode::Exec, 0, level);
    }
    let code = constant_from_marshal(bytes_at(module.code))?;
    if let Some(code) = code.exact::<Code>() {
        let file = if module.bootstrap { format!("<frozen {}>", module.name) } else { module.origin() };
        set_filename(code, &Str::intern(&file).into_obj());
    }
    Ok(code)
}

fn set_filename(code: &Object<Code>, file: &Obj) {
    code.filename.put(file.clone());
    for constant in code.consts.items() {
        if let Some(inner) = constant.exact::<Code>() {
            set_filename(inner, file);
        }
    }
}

/// The source text of a library module.
pub fn embedded_source(name: &str) -> Option<Vec<u8>> {
    let module = embedded(name)?;
    lz4_flex::decompress_size_prepended(bytes_at(module.source)).ok()
}

/// A data file of the library, by its path.
pub fn embedded_data(path: &str) -> Option<Vec<u8>> {
    let root = library_root();
    let relative = path.strip_prefix(&root)?.trim_start_matches('/');
    let row = INDEX.iter().find(|row| row.1 == relative)?;
    lz4_flex::decompress_size_prepended(bytes_at(row.4)).ok()
}

pub fn bootstrap_names() -> Vec<String> {
    BOOTSTRAP.iter().map(|n| (*n).to_owned()).collect()
}

/// `sys.stdlib_module_names`.
pub fn stdlib_names() -> PyResult<Obj> {
    let mut names: Vec<Obj> =
        INDEX.iter().filter(|r| !r.0.contains('.') && r.3.1 != 0).map(|r| Str::intern(r.0).into_obj()).collect();
    names.extend(crate::builtin_module_names().iter().map(|n| Str::intern(n).into_obj()));
    set::frozenset_from(names)
}

/// An object from its marshalled form.
pub fn constant_from_marshal(data: &[u8]) -> PyResult<Obj> {
    match pyrs_bytecode::marshal::loads(data) {
        Ok(constant) => Ok(constant_object(&constant)),
        Err(pyrs_bytecode::marshal::MarshalError::Eof) => Err(raise!(EOFError, "marshal data too short")),
        Err(error) => Err(raise!(ValueError, "bad marshal data ({error})")),
    }
}

/// SipHash-1-3 of source text, keyed as hash-based .pyc files want it.
pub fn source_hash(key: u64, source: &[u8]) -> u64 {
    use std::hash::Hasher;
    let mut hasher = siphasher::sip::SipHasher13::new_with_keys(key, 0);
    hasher.write(source);
    hasher.finish()
}

const LOCK: &str = "import lock";

/// The reentrant lock around the import system's own tables.
fn lock() -> Ptr<RLock> {
    if let Some(lock) = runtime().registered(LOCK).and_then(|lock| lock.into_ptr::<RLock>().ok()) {
        return lock;
    }
    let lock = RLock::create();
    runtime().register(LOCK, lock.to_obj());
    lock
}

/// Whether some thread holds the import lock.
pub fn lock_held() -> bool {
    lock().locked()
}

pub fn acquire_lock() -> PyResult<()> {
    lock().enter().map(drop)
}

/// Gives the import lock back; the calling thread must hold it.
pub fn release_lock() -> PyResult<()> {
    let lock = lock();
    if lock.is_owned() { lock.release() } else { Err(raise!(RuntimeError, "not holding the import lock")) }
}

/// In the child of a fork: a lock that another thread held is free.
pub fn after_fork_in_child() {
    let lock = lock();
    if !lock.is_owned() {
        lock.at_fork_reinit();
    }
}

fn modules_dict() -> Ptr<Dict> {
    let modules = runtime().modules.get().expect("sys.modules is made at start");
    modules.into_ptr::<Dict>().unwrap_or_else(|_| Dict::new())
}

/// Makes (once) the module object of a native module.
pub fn builtin_module(module_name: &str) -> PyResult<Option<Obj>> {
    if let Some(existing) = modules_dict().get_text(module_name)
        && matches!(module_name, "sys" | "builtins")
    {
        return Ok(Some(existing));
    }
    let Some(def) = crate::find_module(module_name) else { return Ok(None) };
    let module = Module::with_def(def.name, Some(def.doc).filter(|d| !d.is_empty()), Some(def));
    add_contents(&module, def);
    Ok(Some(module.into()))
}

/// Adds the classes and functions of a definition to a module; large modules have several.
pub fn add_contents(module: &Object<Module>, def: &'static pyrs_runtime::class::ModuleDef) {
    for class in def.classes {
        let class_def = class();
        pyrs_runtime::types::ready(class_def);
        module.add(class_def.name, class_def.class.get().to_obj());
    }
    let module_name: Obj = Str::intern(def.name).into();
    for function in def.functions {
        let function_obj = BuiltinFunction::new(function, Some(module.to_obj()), Some(module_name.clone()));
        module.add(function.name, function_obj);
    }
}

/// Runs the code part of a native module.
pub fn exec_builtin(module: &Obj) -> PyResult<()> {
    let Some(module) = module.downcast::<Module>() else { return Ok(()) };
    match module.def.and_then(|d| d.exec) {
        Some(exec) => exec(module),
        None => Ok(()),
    }
}

/// Makes, registers and runs a native module.
pub fn load_builtin(module_name: &str) -> PyResult<Obj> {
    let modules = modules_dict();
    if let Some(found) = modules.get_text(module_name) {
        return Ok(found);
    }
    let Some(module) = builtin_module(module_name)? else {
        return Err(raise!(ImportError, "no built-in module named {module_name}"));
    };
    modules.set_text(module_name, module.clone());
    exec_builtin(&module)?;
    Ok(module)
}

/// Runs a library module without `importlib`.
pub fn import_embedded(module_name: &str) -> PyResult<Obj> {
    let code = embedded_code(module_name)?;
    let module = Module::new(module_name, None);
    modules_dict().set_text(module_name, module.to_obj());
    let dict = module.dict();
    if let Some(found) = embedded(module_name).filter(|m| m.bootstrap) {
        dict.set_text("__origname__", Str::intern(found.name).into());
    }
    dict.set_text("__builtins__", runtime().builtins.get().expect("builtins are set up"));
    let code = code.exact::<Code>().expect("modules are code").to_ptr();
    pyrs_interp::eval::run_code(&code, &dict, &dict.as_obj(), None)?;
    Ok(module.into())
}

/// Brings the import system up: `sys`, `builtins`, then `importlib`.
pub fn boot() -> PyResult<()> {
    let rt = runtime();
    rt.modules.put(Dict::new().into());
    let builtins = builtin_module("builtins")?.expect("builtins exist");
    let builtins_module = builtins.downcast::<Module>().expect("a module");
    rt.builtins.put(builtins_module.dict().into());
    modules_dict().set_text("builtins", builtins.clone());
    exec_builtin(&builtins)?;
    let sys = load_builtin("sys")?;
    if super::flags().verbose > 0 {
        // What follows is reported there.
        crate::io::open_standard_streams()?;
    }
    let imp = load_builtin("_imp")?;
    let bootstrap = import_embedded("_frozen_importlib")?;
    rt.register("importlib", bootstrap.clone());
    call::call_method(&bootstrap, "_install", &[sys.clone(), imp])?;
    call::call_method(&bootstrap, "_install_external_importers", &[])?;
    import_embedded("_pyrs_importer")?;
    Ok(())
}

/// `importlib._bootstrap`.
fn importlib() -> PyResult<Obj> {
    runtime().registered("importlib").ok_or_else(|| raise!(ImportError, "the import system is not set up yet"))
}

/// Imports a module by its absolute name and returns the module itself.
pub fn import_module(module_name: &str) -> PyResult<Obj> {
    if let Some(found) = modules_dict().get_text(module_name)
        && !found.is_none()
        && !is_initializing(&found)?
    {
        return Ok(found);
    }
    if runtime().registered("importlib").is_none() {
        return load_builtin(module_name);
    }
    find_and_load(&Str::intern(module_name).into())
}

fn is_initializing(module: &Obj) -> PyResult<bool> {
    let Some(spec) = attr::getattr_optional(module, name!("__spec__"))?.filter(|s| !s.is_none()) else {
        return Ok(false);
    };
    match attr::getattr_optional(&spec, name!("_initializing"))? {
        Some(flag) => truth::is_true(&flag),
        None => Ok(false),
    }
}

/// Imports a module that is not loaded; `-X importtime` reports how long it takes.
fn find_and_load(absolute: &Obj) -> PyResult<Obj> {
    if super::flags().import_time == 0 {
        return find_and_load_now(absolute);
    }
    thread_local! {
        /// How deep imports nest, and the time that the current level's imports have taken together.
        static STATE: Cell<(usize, u128, bool)> = const { Cell::new((0, 0, false)) };
    }
    let (depth, outer, headed) = STATE.get();
    if !headed {
        pyrs_runtime::complain!("import time: self [us] | cumulative | imported package");
    }
    STATE.set((depth + 1, 0, true));
    let start = std::time::Instant::now();
    let result = find_and_load_now(absolute);
    let total = start.elapsed().as_micros();
    let inner = STATE.get().1;
    STATE.set((depth, outer + total, true));
    let own = total.saturating_sub(inner);
    pyrs_runtime::complain!(
        "import time: {own:>9} | {total:>10} | {:indent$}{}",
        "",
        escaped(absolute),
        indent = depth * 2
    );
    result
}

/// The module's name in UTF-8, with escapes for surrogates.
fn escaped(name: &Obj) -> String {
    let Some(name) = name.downcast::<Str>() else { return String::new() };
    name.code_points().map(|c| char::from_u32(c).map_or_else(|| format!("\\u{c:04x}"), String::from)).collect()
}

const COMMAND: &str = "code of the command";
const COMMAND_SOURCE: &str = "source of the command";

/// Hands the source of code without a file to `linecache`, at once or when it is imported.
pub fn register_source(code: Obj, source: Obj) -> PyResult<()> {
    runtime().register(COMMAND, code);
    runtime().register(COMMAND_SOURCE, source);
    match modules_dict().get_text("linecache") {
        Some(linecache) => tell_linecache(&linecache),
        None => Ok(()),
    }
}

fn tell_linecache(linecache: &Obj) -> PyResult<()> {
    let (Some(code), Some(source)) = (runtime().registered(COMMAND), runtime().registered(COMMAND_SOURCE)) else {
        return Ok(());
    };
    match attr::getattr_optional(linecache, name!("_register_code"))? {
        Some(register) => call::call(&register, &[code, source, Str::intern("<string>").into()]).map(drop),
        None => Ok(()),
    }
}

fn find_and_load_now(absolute: &Obj) -> PyResult<Obj> {
    let importlib = importlib()?;
    let function = attr::getattr(&importlib, name!("_find_and_load"))?;
    let import = attr::getattr(&importlib, name!("_gcd_import"))?;
    match call::call(&function, &[absolute.clone(), import]) {
        Ok(module) => {
            if absolute.downcast::<Str>().is_some_and(|n| n.eq_str("linecache")) {
                tell_linecache(&module)?;
            }
            Ok(module)
        }
        Err(raised) => {
            let exc = raised.take();
            strip_importlib_frames(&exc);
            Err(restore(exc))
        }
    }
}

fn restore(exc: Obj) -> pyrs_runtime::Raised {
    thread::current().restore_exception(Some(exc));
    pyrs_runtime::Raised::pending()
}

/// Tracebacks do not show the frames of `importlib` itself: all of them for ImportError, those up to
/// `_call_with_frames_removed` otherwise.
fn strip_importlib_frames(exc: &Obj) {
    use pyrs_runtime::objects::exceptions;
    use pyrs_runtime::objects::traceback::Traceback;
    let always = exc.class().is_subclass(exceptions::ImportError::class());
    let mut entries = Vec::new();
    let mut at = exceptions::traceback(exc);
    while let Some(tb) = at {
        let Some(entry) = tb.exact::<Traceback>() else { break };
        at = entry.next.get();
        entries.push(entry.to_ptr());
    }
    let code_of = |tb: &Object<Traceback>| -> Option<(String, String)> {
        let code = attr::getattr(&tb.frame, name!("f_code")).ok()?;
        let code = code.exact::<Code>()?;
        Some((code.filename_text(), code.name.to_string_lossy()))
    };
    let is_importlib =
        |file: &str| matches!(file, "<frozen importlib._bootstrap>" | "<frozen importlib._bootstrap_external>");
    let mut kept: Vec<Ptr<Traceback>> = Vec::new();
    let mut chunk: Vec<Ptr<Traceback>> = Vec::new();
    for tb in entries {
        match code_of(&tb) {
            Some((file, function)) if is_importlib(&file) => {
                chunk.push(tb);
                if always || function == "_call_with_frames_removed" {
                    chunk.clear();
                }
            }
            _ => {
                kept.append(&mut chunk);
                kept.push(tb);
            }
        }
    }
    kept.append(&mut chunk);
    let mut next: Option<Obj> = None;
    for tb in kept.iter().rev() {
        tb.next.set(next.take());
        next = Some(tb.to_obj());
    }
    exceptions::set_traceback(exc, next);
}

/// The package that a relative import starts from.
fn package_of(globals: &Object<Dict>) -> PyResult<String> {
    let importlib = importlib()?;
    let package = call::call_method(&importlib, "_calc___package__", &[globals.to_obj()])?;
    match package.downcast::<Str>() {
        Some(text) => Ok(text.to_string_lossy()),
        None => Err(raise!(TypeError, "package must be a string")),
    }
}

fn resolve(module_name: &str, globals: Option<&Obj>, level: i64) -> PyResult<String> {
    let Some(globals) = globals.and_then(|g| g.downcast::<Dict>()) else {
        return Err(raise!(KeyError, "'__name__' not in globals"));
    };
    let package = package_of(globals)?;
    if package.is_empty() {
        return Err(raise!(ImportError, "attempted relative import with no known parent package"));
    }
    let mut base = package.as_str();
    for _ in 1..level {
        match base.rfind('.') {
            Some(dot) => base = &base[..dot],
            None => return Err(raise!(ImportError, "attempted relative import beyond top-level package")),
        }
    }
    Ok(if module_name.is_empty() { base.to_owned() } else { format!("{base}.{module_name}") })
}

/// `__import__`.
pub fn import_with_level(
    module_name: &Obj,
    globals: Option<&Obj>,
    fromlist: Option<&Obj>,
    level: i64,
) -> PyResult<Obj> {
    let Some(text) = module_name.downcast::<Str>() else {
        return Err(raise!(TypeError, "module name must be a string"));
    };
    let relative = text.to_string_lossy();
    if level < 0 {
        return Err(raise!(ValueError, "level must be >= 0"));
    }
    let absolute = if level > 0 {
        resolve(&relative, globals, level)?
    } else {
        if relative.is_empty() {
            return Err(raise!(ValueError, "Empty module name"));
        }
        relative.clone()
    };
    // The name as it is given may hold surrogates.
    let key: Obj = if level > 0 { Str::new(&absolute).into() } else { module_name.clone() };
    let found = modules_dict().get(&key)?;
    let module = match found {
        Some(m) if !m.is_none() => {
            if super::flags().import_time == 2 {
                pyrs_runtime::complain!("import time: cached    | cached     | {}", escaped(&key));
            }
            if is_initializing(&m)? && runtime().registered("importlib").is_some() {
                call::call_method(&importlib()?, "_lock_unlock_module", &[key])?;
            }
            m
        }
        _ if runtime().registered("importlib").is_none() => load_builtin(&absolute)?,
        _ => find_and_load(&key)?,
    };
    let has_from = match fromlist {
        Some(list) if !list.is_none() => truth::is_true(list)?,
        _ => false,
    };
    if has_from {
        if attr::getattr_optional(&module, name!("__path__"))?.is_some() {
            let importlib = importlib()?;
            let import = attr::getattr(&importlib, name!("_gcd_import"))?;
            let list = fromlist.expect("checked").clone();
            return call::call_method(&importlib, "_handle_fromlist", &[module, list, import]);
        }
        return Ok(module);
    }
    if level == 0 || !relative.is_empty() {
        let Some(dot) = relative.find('.') else { return Ok(module) };
        let front = if level == 0 {
            relative[..dot].to_owned()
        } else {
            let cut = relative.len() - dot;
            absolute[..absolute.len() - cut].to_owned()
        };
        if level == 0 {
            return import_module(&front);
        }
        return match modules_dict().get_text(&front) {
            Some(found) => Ok(found),
            None => Err(raise!(KeyError, "'{front}' not in sys.modules as expected")),
        };
    }
    Ok(module)
}
