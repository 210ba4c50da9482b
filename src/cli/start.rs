//! Bringing the runtime up.

use pyrs_modules::core::{self, Flags, import};
use pyrs_runtime::hooks::Hooks;
use pyrs_runtime::object::Obj;
use pyrs_runtime::{PyResult, hooks, thread};

use crate::{args, paths};

/// The key for hashing strings: random, or from `PYTHONHASHSEED`.
fn hash_key(flags: &mut Flags) -> Result<(u64, u64), String> {
    let seed = args::variable(flags, "PYTHONHASHSEED");
    match seed.as_ref().and_then(|s| s.to_str()) {
        Some(_) if flags.force_random_hash => Ok(random_key()),
        Some("random") => Ok(random_key()),
        None if seed.is_none() => Ok(random_key()),
        Some("0") => {
            flags.hash_randomization = false;
            Ok((0, 0))
        }
        Some(text) if text.parse::<u32>().is_ok() => {
            // CPython's generator, so that equal seeds give the hashes that CPython gives.
            let mut x = text.parse::<u32>().unwrap_or(0);
            let mut next = || {
                let bytes = std::array::from_fn(|_| {
                    x = x.wrapping_mul(214_013).wrapping_add(2_531_011);
                    (x >> 16) as u8
                });
                u64::from_le_bytes(bytes)
            };
            Ok((next(), next()))
        }
        _ => Err("config_init_hash_seed: PYTHONHASHSEED must be \"random\" or an integer in range [0; 4294967295]"
            .to_owned()),
    }
}

fn random_key() -> (u64, u64) {
    let mut bytes = [0u8; 16];
    // SAFETY: the buffer is 16 bytes long.
    let got = unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), 16, 0) };
    if got != 16 {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_nanos());
        bytes = now.to_le_bytes();
    }
    let [a, b] = [&bytes[..8], &bytes[8..]].map(|half| u64::from_le_bytes(half.try_into().expect("eight bytes")));
    (a, b)
}

fn super_arguments() -> PyResult<(Obj, Obj)> {
    pyrs_interp::frame_object::super_arguments(thread::current())
}

/// Makes runtime, classes and import system.
pub fn start(mut flags: Flags) -> Result<(), String> {
    let key = hash_key(&mut flags)?;
    paths::set(&mut flags);
    let digits = flags.int_max_str_digits;
    if flags.no_debug_ranges {
        pyrs_bytecode::LINES_ONLY.store(true, std::sync::atomic::Ordering::Relaxed);
    }
    let bytes_warning = flags.bytes_warning > 0;
    core::set_flags(flags);
    thread::init(key);
    thread::runtime().bytes_warning.set(bytes_warning);
    if let Some(digits) = digits {
        thread::runtime().int_max_str_digits.set(digits);
    }
    // What is made until the program starts lives on: looking for garbage there is no use.
    thread::runtime().gc_enabled.set(false);
    hooks::install(Hooks {
        import_module: import::import_module,
        write_unraisable: core::sys_objects::write_unraisable,
        current_globals: || pyrs_interp::frame::current_globals(thread::current()),
        check_signals: pyrs_modules::os::check_signals,
        super_arguments,
        class_modified: |_| {},
        function_call: pyrs_interp::eval::function_vectorcall,
        warn: pyrs_modules::lang::warnings::warn_text,
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
        format!("init_import: {shown}\n{place}")
    })
}
