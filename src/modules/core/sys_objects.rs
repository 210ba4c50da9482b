//! Constants and structures of `sys`, and printing of exceptions.

use pyrs_runtime::call;
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::object::{Obj, Object, PyClass};
use pyrs_runtime::objects::dict::Dict;
use pyrs_runtime::objects::exceptions;
use pyrs_runtime::objects::list::List;
use pyrs_runtime::objects::module::Module;
use pyrs_runtime::objects::simple_namespace;
use pyrs_runtime::objects::singletons::{bool_obj, none};
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::objects::{float, int};
use pyrs_runtime::protocols::{attr, text};
use pyrs_runtime::thread::runtime;

/// Version of the language.
pub const VERSION: (i64, i64, i64) = (3, 14, 0);
/// `sys.hexversion`.
const HEX_VERSION: i64 = 0x030e_00f0;

fn s(text: &str) -> Obj {
    Str::new(text).into()
}

/// Field names of the structures that `sys` shows.
fn fields(name: &str) -> &'static [&'static str] {
    match name {
        "flags" => &[
            "debug",
            "inspect",
            "interactive",
            "optimize",
            "dont_write_bytecode",
            "no_user_site",
            "no_site",
            "ignore_environment",
            "verbose",
            "bytes_warning",
            "quiet",
            "hash_randomization",
            "isolated",
            "dev_mode",
            "utf8_mode",
            "warn_default_encoding",
            "safe_path",
            "int_max_str_digits",
            "gil",
            "thread_inherit_context",
            "context_aware_warnings",
        ],
        "version_info" => &["major", "minor", "micro", "releaselevel", "serial"],
        "hash_info" => &["width", "modulus", "inf", "nan", "imag", "algorithm", "hash_bits", "seed_bits", "cutoff"],
        "float_info" => &[
            "max",
            "max_exp",
            "max_10_exp",
            "min",
            "min_exp",
            "min_10_exp",
            "dig",
            "mant_dig",
            "epsilon",
            "radix",
            "rounds",
        ],
        "int_info" => &["bits_per_digit", "sizeof_digit", "default_max_str_digits", "str_digits_check_threshold"],
        "thread_info" => &["name", "lock", "version"],
        "asyncgen_hooks" => &["firstiter", "finalizer"],
        "UnraisableHookArgs" => &["exc_type", "exc_value", "exc_traceback", "err_msg", "object"],
        _ => &[],
    }
}

/// A tuple with named fields of a class made on first use.
pub fn struct_sequence(name: &str, values: Vec<Obj>) -> PyResult<Obj> {
    // The last fields of `flags` have names only.
    let shown = if name == "flags" { 18 } else { fields(name).len() };
    let class = crate::struct_sequence::class("sys", name, fields(name), shown)?;
    crate::struct_sequence::instance(&class, values)
}

/// Fills the module.
pub fn fill(module: &Object<Module>) -> PyResult<()> {
    let flags = super::flags();
    use std::os::unix::ffi::OsStrExt;
    let decoded = |item: &std::ffi::OsString| crate::os::posix::posix::name_object(item.as_bytes(), false);
    let list = |items: &[std::ffi::OsString]| -> Obj { List::from_vec(items.iter().map(decoded).collect()).into() };
    module.add("argv", list(&flags.argv));
    module.add("orig_argv", list(&flags.orig_argv));
    module.add("path", list(&flags.path));
    module.add("warnoptions", list(&flags.warn_options));
    if let Some(jit) = super::import::builtin_module("sys._jit")? {
        module.add("_jit", jit);
    }
    if let Some(monitoring) = super::import::builtin_module("sys.monitoring")? {
        super::import::exec_builtin(&monitoring)?;
        module.add("monitoring", monitoring);
    }
    let xoptions = Dict::new();
    for (key, value) in &flags.x_options {
        xoptions.set(s(key), value.as_ref().map_or_else(|| bool_obj(true), |v| s(v)))?;
    }
    module.add("_xoptions", xoptions);
    let modules = runtime().modules.get().expect("sys.modules is made at start");
    module.add("modules", modules);
    for (name, value) in [("meta_path", List::new()), ("path_hooks", List::new())] {
        module.add(name, value);
    }
    module.add("path_importer_cache", Dict::new());
    module.add("executable", s(&flags.executable));
    module.add("_base_executable", s(&flags.base_executable));
    for name in ["prefix", "exec_prefix"] {
        module.add(name, s(&flags.prefix));
    }
    for name in ["base_prefix", "base_exec_prefix"] {
        module.add(name, s(&flags.base_prefix));
    }
    module.add("platlibdir", s("lib"));
    module.add("pycache_prefix", flags.pycache_prefix.as_ref().map_or_else(none, |p| s(p)));
    module.add("_stdlib_dir", flags.stdlib_dir.as_ref().map_or_else(none, |d| s(d)));
    module.add("_framework", s(""));
    module.add("abiflags", s(""));
    module.add("platform", s("linux"));
    module.add("byteorder", s(if cfg!(target_endian = "little") { "little" } else { "big" }));
    module.add(
        "copyright",
        s("Copyright (c) the pyrs developers. Python is a trademark of the Python Software Foundation."),
    );
    module.add("version", s(&format!("3.14.0 (pyrs {}) [Rust]", env!("CARGO_PKG_VERSION"))));
    module.add("hexversion", int::new(HEX_VERSION));
    module.add("api_version", int::new(1013));
    module.add("maxsize", int::new(i64::MAX));
    module.add("maxunicode", int::new(0x10_ffff));
    module.add("float_repr_style", s("short"));
    module.add("dont_write_bytecode", bool_obj(flags.dont_write_bytecode));
    module.add("_git", Tuple::from_vec(vec![s("pyrs"), s(""), s("")]));
    module.add("_home", none());
    let version = || {
        struct_sequence(
            "version_info",
            vec![int::new(VERSION.0), int::new(VERSION.1), int::new(VERSION.2), s("final"), int::new(0)],
        )
    };
    module.add("version_info", version()?);
    fill_info(module)?;
    let pairs = [
        ("name", s("pyrs")),
        ("cache_tag", s("pyrs-314")),
        ("version", version()?),
        ("hexversion", int::new(HEX_VERSION)),
        ("_multiarch", s(&format!("{}-linux-gnu", std::env::consts::ARCH))),
        ("supports_isolated_interpreters", bool_obj(false)),
    ];
    let implementation = call::call_keywords(&simple_namespace::SimpleNamespace::class().to_obj(), &[], &pairs)?;
    module.add("implementation", implementation);
    let names: Vec<Obj> = crate::builtin_module_names().iter().map(|n| s(n)).collect();
    module.add("builtin_module_names", Tuple::from_vec(names));
    module.add("stdlib_module_names", crate::core::import::stdlib_names()?);
    module.add("flags", flags_structure()?);
    Ok(())
}

fn fill_info(module: &Object<Module>) -> PyResult<()> {
    module.add(
        "hash_info",
        struct_sequence(
            "hash_info",
            vec![
                int::new(64),
                int::new((1 << 61) - 1),
                int::new(314159),
                int::new(0),
                int::new(1_000_003),
                s("siphash13"),
                int::new(64),
                int::new(128),
                int::new(0),
            ],
        )?,
    );
    module.add(
        "float_info",
        struct_sequence(
            "float_info",
            vec![
                float::new(f64::MAX),
                int::new(1024),
                int::new(308),
                float::new(f64::MIN_POSITIVE),
                int::new(-1021),
                int::new(-307),
                int::new(15),
                int::new(53),
                float::new(f64::EPSILON),
                int::new(2),
                int::new(1),
            ],
        )?,
    );
    module
        .add("int_info", struct_sequence("int_info", vec![int::new(30), int::new(4), int::new(4300), int::new(640)])?);
    module.add("thread_info", struct_sequence("thread_info", vec![s("pthread"), s("semaphore"), none()])?);
    Ok(())
}

fn flags_structure() -> PyResult<Obj> {
    let f = super::flags();
    let n = |x: u8| int::new(x as i64);
    let b = |x: bool| int::new(x as i64);
    struct_sequence(
        "flags",
        vec![
            n(f.debug),
            n(f.inspect),
            n(f.interactive),
            n(f.optimize),
            b(f.dont_write_bytecode),
            b(f.no_user_site),
            b(f.no_site),
            b(f.ignore_environment),
            n(f.verbose),
            n(f.bytes_warning),
            b(f.quiet),
            b(f.hash_randomization),
            b(f.isolated),
            bool_obj(f.dev_mode),
            b(f.utf8_mode),
            b(f.warn_default_encoding),
            bool_obj(f.safe_path),
            int::new(runtime().int_max_str_digits.get() as i64),
            int::new(1),
            int::new(0),
            int::new(0),
        ],
    )
}

/// Writes an exception with its traceback to `sys.stderr`, as `sys.excepthook` does.
pub fn print_exception(exc: &Obj, traceback: &Obj) -> PyResult<()> {
    if exceptions::traceback(exc).is_none() && !traceback.is_none() && exceptions::is_exception(exc) {
        exceptions::set_traceback(exc, Some(traceback.clone()));
    }
    let Some(stderr) = super::sys_attribute("stderr").filter(|f| !f.is_none()) else { return Ok(()) };
    let printed = (|| -> PyResult<()> {
        let module = (pyrs_runtime::hooks::hooks().import_module)("traceback")?;
        call::call_method(&module, "_print_exception_bltin", std::slice::from_ref(exc)).map(drop)
    })();
    if let Err(raised) = printed {
        // Without the traceback module there is still the exception itself.
        raised.discard();
        let shown = format!(
            "{}: {}\n",
            super::qualified_name(exc),
            text::str_text(exc).unwrap_or_else(|r| {
                r.discard();
                "<exception str() failed>".to_owned()
            })
        );
        call::call_method(&stderr, "write", &[s(&shown)])?;
    }
    call::call_method(&stderr, "flush", &[]).map(drop)
}

/// What `sys._debugmallocstats()` prints.
pub fn print_memory_statistics() {
    use pyrs_runtime::heap::alloc;
    let (arenas, used, pools) = alloc::heap().statistics();
    pyrs_runtime::complain!("Small block threshold = {}", alloc::SMALL_LIMIT);
    pyrs_runtime::complain!("# arenas allocated total           = {arenas:>20}");
    pyrs_runtime::complain!("# pools in use                     = {used:>20}");
    pyrs_runtime::complain!("# pools                            = {pools:>20}");
    pyrs_runtime::complain!("# allocated blocks                 = {:>20}", alloc::heap().allocated_blocks());
}

/// Writes a text that the stream's encoding cannot hold, with escapes.
pub fn write_escaped(stream: &Obj, shown: &Object<Str>) -> PyResult<()> {
    let encoding = attr::getattr_text(stream, "encoding")?;
    let bytes = call::call_method(&shown.as_obj(), "encode", &[encoding.clone(), s("backslashreplace")])?;
    match attr::getattr_optional(stream, &Str::intern("buffer"))? {
        Some(buffer) => {
            call::call_method(stream, "flush", &[])?;
            call::call_method(&buffer, "write", &[bytes]).map(drop)
        }
        None => {
            let text = call::call_method(&bytes, "decode", &[encoding, s("strict")])?;
            call::call_method(stream, "write", &[text]).map(drop)
        }
    }
}

/// The standard `sys.unraisablehook`.
pub fn print_unraisable(unraisable: &Obj) -> PyResult<()> {
    let field = |name: &str| attr::getattr_text(unraisable, name);
    let (value, object, message) = (field("exc_value")?, field("object")?, field("err_msg")?);
    let Some(stderr) = super::sys_attribute("stderr").filter(|f| !f.is_none()) else { return Ok(()) };
    let head = if !message.is_none() {
        let text_of = text::str_text(&message)?;
        if object.is_none() { format!("{text_of}:\n") } else { format!("{text_of}: {}\n", text::repr_text(&object)?) }
    } else if object.is_none() {
        String::new()
    } else {
        format!("Exception ignored in: {}\n", text::repr_text(&object)?)
    };
    call::call_method(&stderr, "write", &[s(&head)])?;
    let traceback = field("exc_traceback")?;
    print_exception(&value, &traceback)
}

/// Reports an exception that nobody can catch, through `sys.unraisablehook`.
pub fn write_unraisable(exc: &Obj, source: Option<&Obj>) {
    write_unraisable_message(exc, None, source);
}

/// As [`write_unraisable`], with a text that takes the place of the usual first line.
pub fn write_unraisable_message(exc: &Obj, message: Option<&str>, source: Option<&Obj>) {
    let result = (|| -> PyResult<()> {
        let hook = super::sys_attribute("unraisablehook");
        let args = vec![
            exc.class().to_obj(),
            exc.clone(),
            exceptions::traceback(exc).unwrap_or_else(none),
            message.map_or_else(none, s),
            source.cloned().unwrap_or_else(none),
        ];
        let args = struct_sequence("UnraisableHookArgs", args)?;
        match hook {
            Some(hook) => call::call(&hook, &[args]).map(drop),
            None => print_unraisable(&args),
        }
    })();
    if let Err(raised) = result {
        let second = raised.take();
        pyrs_runtime::complain!("Exception ignored while reporting an unraisable exception: {}", second.class().name());
    }
}
