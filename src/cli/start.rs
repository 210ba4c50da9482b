//! Bringing the runtime up and down.

use pyrs_modules::core::{self, Flags, import};
use pyrs_runtime::hooks::Hooks;
use pyrs_runtime::object::Obj;
use pyrs_runtime::types::Type;
use pyrs_runtime::{PyResult, call, hooks, thread};

/// The key for hashing strings: random, or from `PYTHONHASHSEED`.
fn hash_key(flags: &Flags) -> Result<(u64, u64), String> {
    let seed = if flags.ignore_environment { None } else { std::env::var("PYTHONHASHSEED").ok() };
    match seed.as_deref() {
        None | Some("" | "random") => {
            let mut bytes = [0u8; 16];
            // SAFETY: the buffer is 16 bytes long.
            let got = unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), 16, 0) };
            if got != 16 {
                let now =
                    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_nanos());
                bytes = now.to_le_bytes();
            }
            Ok((
                u64::from_le_bytes(bytes[..8].try_into().expect("8")),
                u64::from_le_bytes(bytes[8..].try_into().expect("8")),
            ))
        }
        Some("0") => Ok((0, 0)),
        Some(text) => match text.parse::<u32>() {
            Ok(seed) => {
                // CPython's generator, so that equal seeds give the hashes that CPython gives.
                let mut x = seed;
                let mut next = || {
                    let bytes = std::array::from_fn(|_| {
                        x = x.wrapping_mul(214_013).wrapping_add(2_531_011);
                        (x >> 16) as u8
                    });
                    u64::from_le_bytes(bytes)
                };
                Ok((next(), next()))
            }
            Err(_) => Err("PYTHONHASHSEED must be \"random\" or an integer in range [0; 4294967295]".to_owned()),
        },
    }
}

fn warn(category: &Type, text: &str, level: usize) -> PyResult<()> {
    let warnings = import::import_module("warnings")?;
    let args = [
        pyrs_runtime::objects::str::Str::new(text).into_obj(),
        category.to_obj(),
        pyrs_runtime::objects::int::new(level as i64),
    ];
    call::call_method(&warnings, "warn", &args).map(drop)
}

fn super_arguments() -> PyResult<(Obj, Obj)> {
    pyrs_interp::frame_object::super_arguments(thread::current())
}

/// Makes runtime, classes and import system.
pub fn start(mut flags: Flags) -> Result<(), String> {
    let key = hash_key(&flags)?;
    set_paths(&mut flags);
    core::set_flags(flags);
    thread::init(key);
    hooks::install(Hooks {
        import_module: import::import_module,
        write_unraisable: core::sys_objects::write_unraisable,
        current_globals: || pyrs_interp::frame::current_globals(thread::current()),
        check_signals: pyrs_modules::os::check_signals,
        super_arguments,
        class_modified: |_| {},
        function_call: pyrs_interp::eval::function_vectorcall,
        warn,
    });
    let mut extra = pyrs_interp::classes();
    extra.push(pyrs_modules::struct_sequence::StructSequence::def);
    extra.push(pyrs_modules::struct_sequence::Field::def);
    pyrs_runtime::types::builtin::init(&extra);
    import::boot().map_err(|raised| {
        let exc = raised.take();
        let shown = pyrs_runtime::protocols::text::repr_text(&exc).unwrap_or_else(|r| {
            r.discard();
            exc.class().name().to_owned()
        });
        let place = pyrs_interp::frame_object::describe_traceback(&exc);
        format!("Fatal Python error: init_import: {shown}\n{place}")
    })
}

fn set_paths(flags: &mut Flags) {
    let environment =
        |name: &str| if flags.ignore_environment { None } else { std::env::var(name).ok().filter(|v| !v.is_empty()) };
    let mut path: Vec<String> = Vec::new();
    if let Some(list) = environment("PYTHONPATH") {
        path.extend(list.split(':').map(|p| if p.is_empty() { ".".to_owned() } else { p.to_owned() }));
    }
    let home = environment("PYTHONHOME");
    let executable = std::path::Path::new(&flags.executable);
    let prefix = executable
        .parent()
        .and_then(|p| p.parent())
        .map_or("/usr/local".to_owned(), |p| p.to_string_lossy().into_owned());
    flags.prefix = home.clone().unwrap_or(prefix);
    let library = format!("{}/lib/python3.14", flags.prefix);
    path.push(format!("{}/lib/python314.zip", flags.prefix));
    path.push(library.clone());
    path.push(format!("{library}/lib-dynload"));
    flags.stdlib_dir = Some(library);
    flags.path = path;
}

/// Runs what is due at the end: threads, `atexit`, streams. False if flushing failed.
pub fn finish() -> bool {
    let rt = thread::runtime();
    let threading = rt
        .modules
        .get()
        .and_then(|m| m.downcast::<pyrs_runtime::objects::dict::Dict>().and_then(|d| d.get_text("threading")));
    if let Some(threading) = threading
        && let Err(raised) = call::call_method(&threading, "_shutdown", &[])
    {
        pyrs_runtime::errors::write_unraisable(raised, None);
    }
    pyrs_modules::os::run_exit_functions();
    let mut fine = true;
    for name in ["stdout", "stderr"] {
        if let Some(stream) = core::sys_attribute(name).filter(|s| !s.is_none()) {
            match call::call_method(&stream, "flush", &[]) {
                Ok(_) => {}
                Err(raised) if name == "stdout" => {
                    fine = false;
                    pyrs_runtime::errors::write_unraisable(raised, Some(&stream));
                }
                Err(raised) => raised.discard(),
            }
        }
    }
    rt.finalizing.set(true);
    fine
}
