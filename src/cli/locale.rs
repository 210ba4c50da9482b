//! The locale at start: coercion of the `C` locale and UTF-8 mode (PEP 538 and 540).

use std::ffi::{CStr, CString};

use pyrs_modules::core::{Flags, locale_is_c};

/// Sets the locale of the process. `wanted` is UTF-8 mode as options and environment ask for it; the result is
/// whether it is on.
pub fn set_up(flags: &Flags, wanted: Option<bool>) -> bool {
    set(c"");
    let is_c = locale_is_c();
    if is_c && std::env::var_os("LC_ALL").is_none_or(|v| v.is_empty()) {
        let choice = if flags.ignore_environment { None } else { std::env::var("PYTHONCOERCECLOCALE").ok() };
        if choice.as_deref() != Some("0") {
            coerce(choice.as_deref() == Some("warn"));
        }
    }
    wanted.unwrap_or(is_c)
}

/// Moves on to a locale with the same language and UTF-8, for child processes too.
fn coerce(warn: bool) {
    for target in [c"C.UTF-8", c"C.utf8", c"UTF-8"] {
        if !set(target) {
            continue;
        }
        let name = target.to_string_lossy();
        // SAFETY: no other thread exists yet.
        unsafe { std::env::set_var("LC_CTYPE", &*name) };
        if warn {
            pyrs_runtime::complain!(
                "Python detected LC_CTYPE=C: LC_CTYPE coerced to {name} (set another locale or \
                 PYTHONCOERCECLOCALE=0 to disable this locale coercion behavior)."
            );
        }
        return;
    }
}

fn set(name: &CStr) -> bool {
    let name: CString = name.to_owned();
    // SAFETY: a NUL-terminated name; no other thread exists yet.
    unsafe { !libc::setlocale(libc::LC_CTYPE, name.as_ptr()).is_null() }
}
