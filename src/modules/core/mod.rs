//! What every program needs: `builtins`, `sys`, the import machinery, compiling.

pub mod builtins;
pub mod compile;
pub mod frames;
pub mod gc;
pub mod imp;
pub mod import;
pub mod marshal;
pub mod monitoring;
pub mod sys;
pub mod sys_objects;
pub mod tree;
pub mod tree_reader;

use std::ffi::OsString;
use std::sync::OnceLock;

use pyrs_runtime::call;
use pyrs_runtime::class::{ClassDef, ModuleDef};
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::object::Obj;
use pyrs_runtime::objects::dict::Dict;
use pyrs_runtime::objects::list::List;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::thread::runtime;

/// Settings of the command line and environment, as `sys.flags` shows them.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    pub debug: u8,
    pub inspect: u8,
    pub interactive: u8,
    pub optimize: u8,
    pub dont_write_bytecode: bool,
    pub no_user_site: bool,
    pub no_site: bool,
    pub ignore_environment: bool,
    pub verbose: u8,
    pub bytes_warning: u8,
    pub quiet: bool,
    pub hash_randomization: bool,
    /// `-R`: whatever `PYTHONHASHSEED` says.
    pub force_random_hash: bool,
    /// `-X cpu_count`
    pub cpu_count: Option<i32>,
    /// `PYTHONMALLOCSTATS`
    pub malloc_stats: bool,
    pub isolated: bool,
    pub dev_mode: bool,
    pub utf8_mode: bool,
    pub warn_default_encoding: bool,
    pub safe_path: bool,
    /// `None` = the default.
    pub int_max_str_digits: Option<usize>,
    pub unbuffered: bool,
    pub executable: String,
    pub base_executable: String,
    pub argv: Vec<OsString>,
    pub orig_argv: Vec<OsString>,
    pub warn_options: Vec<OsString>,
    pub x_options: Vec<(String, Option<String>)>,
    pub path: Vec<OsString>,
    /// Of the virtual environment, if there is one.
    pub prefix: String,
    /// Where the library is.
    pub base_prefix: String,
    pub stdlib_dir: Option<String>,
    pub check_hash_pycs: String,
    pub pycache_prefix: Option<String>,
    pub faulthandler: bool,
    pub no_debug_ranges: bool,
    /// 1 = show how long imports take, 2 = modules that were loaded before too.
    pub import_time: u8,
}

static FLAGS: OnceLock<Flags> = OnceLock::new();

/// Fixes the settings; the first call wins.
pub fn set_flags(flags: Flags) {
    let _ = FLAGS.set(flags);
}

pub fn flags() -> &'static Flags {
    FLAGS.get_or_init(Flags::default)
}

/// True if the locale is `C` or `POSIX`, which say nothing about the encoding.
pub fn locale_is_c() -> bool {
    matches!(locale_name().as_str(), "" | "C" | "POSIX")
}

/// True if the locale says nothing about what the terminal can show: the standard streams take what is not valid text
/// through unharmed.
pub fn locale_is_plain() -> bool {
    locale_is_c() || matches!(locale_name().as_str(), "C.UTF-8" | "C.utf8" | "UTF-8")
}

/// The locale for characters, empty if it is unknown.
fn locale_name() -> String {
    // SAFETY: the locale is only set at start; the text is copied at once.
    unsafe {
        let name = libc::setlocale(libc::LC_CTYPE, std::ptr::null());
        if name.is_null() {
            return String::new();
        }
        std::ffi::CStr::from_ptr(name).to_string_lossy().into_owned()
    }
}

/// An attribute of `sys`.
pub fn sys_attribute(name: &str) -> Option<Obj> {
    let dict = runtime().sys_dict.get()?;
    dict.downcast::<Dict>()?.get_text(name)
}

/// Tells the hooks of `sys.addaudithook` of an event.
pub fn audit(event: &str, args: &[Obj]) -> PyResult<()> {
    let Some(hooks) = runtime().registered("audit_hooks") else { return Ok(()) };
    for hook in hooks.downcast::<List>().expect("a list").to_vec() {
        call::call(&hook, &[Str::new(event).into(), Tuple::from_slice(args).into()])?;
    }
    Ok(())
}

/// Classes that `builtins` shows.
pub fn builtin_classes() -> Vec<fn() -> &'static ClassDef> {
    use pyrs_runtime::objects::*;
    let mut classes: Vec<fn() -> &'static ClassDef> = vec![
        object::PlainObject::def,
        pyrs_runtime::types::TypeData::def,
        int::Int::def,
        singletons::Bool::def,
        float::Float::def,
        complex::Complex::def,
        str::Str::def,
        bytes::Bytes::def,
        bytearray::ByteArray::def,
        memoryview::MemoryView::def,
        list::List::def,
        tuple::Tuple::def,
        dict::Dict::def,
        set::Set::def,
        set::FrozenSet::def,
        range::Range::def,
        slice::Slice::def,
        property::Property::def,
        function::StaticMethod::def,
        function::ClassMethod::def,
        super_object::Super::def,
        iterators::Enumerate::def,
        iterators::Reversed::def,
        iterators::Zip::def,
        iterators::Map::def,
        iterators::Filter::def,
    ];
    classes.extend(exceptions::all_classes());
    classes
}

/// Modules of this folder.
pub fn modules() -> Vec<fn() -> &'static ModuleDef> {
    vec![
        builtins::builtins::def,
        sys::sys::def,
        sys::jit::def,
        monitoring::monitoring::def,
        gc::gc::def,
        imp::imp::def,
        marshal::marshal::def,
    ]
}

/// `module.Class` of an object, as the last line of a traceback shows it.
pub fn qualified_name(obj: &Obj) -> String {
    pyrs_runtime::objects::object::repr_name(obj.class())
}
