//! `syslog`.

use pyrs_macros::pymodule;

/// Messages to the system's log.
#[pymodule(name = "syslog")]
pub mod syslog {
    use std::ffi::CString;
    use std::sync::Mutex;

    use pyrs_runtime::args::{FromArg, Maybe};
    use pyrs_runtime::call::Args;
    use pyrs_runtime::errors::PyResult;
    use pyrs_runtime::object::Object;
    use pyrs_runtime::objects::list::List;
    use pyrs_runtime::objects::module::Module;
    use pyrs_runtime::objects::str::Str;
    use pyrs_runtime::raise;
    use pyrs_runtime::thread::allow_threads;

    use crate::os::posix::posix::name_bytes;
    use crate::os::support::add_constants;

    /// The log is open; the system keeps a pointer to the identification.
    static OPEN: Mutex<Option<Option<CString>>> = Mutex::new(None);

    /// The script's name without its folder.
    fn script_name() -> Option<CString> {
        let argv = crate::core::sys_attribute("argv")?;
        let first = argv.downcast::<List>()?.get(0)?;
        let text = first.downcast::<Str>()?.to_string_checked().map_err(|r| r.discard()).ok()?;
        let base = text.rsplit('/').next().unwrap_or_default();
        if base.is_empty() { None } else { CString::new(base).ok() }
    }

    fn open(ident: Option<CString>, options: i32, facility: i32) {
        let mut open = OPEN.lock().expect("never poisoned");
        let pointer = ident.as_ref().map_or(std::ptr::null(), |i| i.as_ptr());
        // SAFETY: the text is kept until the log is opened anew or closed; moving the CString leaves it in place.
        unsafe { libc::openlog(pointer, options, facility) };
        *open = Some(ident);
    }

    /// Set what later messages begin with (the script's name if ident is left out), options and facility.
    #[pyfunction(sig = "(ident=<unrepresentable>, logoption=0, facility=8)")]
    fn openlog(ident: Maybe<&Object<Str>>, logoption: i32, facility: i32) -> PyResult<()> {
        let ident = match ident.0 {
            Some(text) => {
                Some(CString::new(name_bytes(text)?).map_err(|_| raise!(ValueError, "embedded null character"))?)
            }
            None => script_name(),
        };
        open(ident, logoption, facility);
        Ok(())
    }

    /// syslog([priority=LOG_INFO,] message)
    /// Send a message to the log.
    #[pyfunction]
    fn syslog(args: Args<'_>) -> PyResult<()> {
        args.no_keywords("syslog.syslog")?;
        let (priority, message) = match args.positionals() {
            [message] => (libc::LOG_INFO, message),
            [priority, message] => (i32::from_arg(priority)?, message),
            _ => return Err(raise!(TypeError, "syslog.syslog requires 1 to 2 arguments")),
        };
        let message = <&Object<Str>>::from_named(message, "syslog", &format!(" {}", args.nargs))?;
        let text =
            CString::new(message.to_string_checked()?).map_err(|_| raise!(ValueError, "embedded null character"))?;
        if OPEN.lock().expect("never poisoned").is_none() {
            open(script_name(), 0, libc::LOG_USER);
        }
        // SAFETY: the format takes one NUL-terminated text.
        allow_threads(move || unsafe { libc::syslog(priority, c"%s".as_ptr(), text.as_ptr()) });
        Ok(())
    }

    /// Forget the settings of openlog().
    #[pyfunction]
    fn closelog() {
        let mut open = OPEN.lock().expect("never poisoned");
        if open.take().is_some() {
            // SAFETY: plain call.
            unsafe { libc::closelog() };
        }
    }

    /// Set the mask of priorities that are logged (0 = leave it as it is); the old mask.
    #[pyfunction]
    fn setlogmask(maskpri: i32) -> i32 {
        // SAFETY: plain call.
        unsafe { libc::setlogmask(maskpri) }
    }

    /// The mask of one priority.
    #[pyfunction(name = "LOG_MASK")]
    fn log_mask(pri: i32) -> i32 {
        1i32.wrapping_shl(pri as u32)
    }

    /// The mask of all priorities up to one.
    #[pyfunction(name = "LOG_UPTO")]
    fn log_upto(pri: i32) -> i32 {
        1i32.wrapping_shl(pri as u32 + 1).wrapping_sub(1)
    }

    #[module_exec]
    fn exec(module: &Object<Module>) -> PyResult<()> {
        add_constants(
            module,
            &[
                ("LOG_ALERT", 1),
                ("LOG_AUTH", 32),
                ("LOG_AUTHPRIV", 80),
                ("LOG_CONS", 2),
                ("LOG_CRIT", 2),
                ("LOG_CRON", 72),
                ("LOG_DAEMON", 24),
                ("LOG_DEBUG", 7),
                ("LOG_EMERG", 0),
                ("LOG_ERR", 3),
                ("LOG_FTP", 88),
                ("LOG_INFO", 6),
                ("LOG_KERN", 0),
                ("LOG_LOCAL0", 128),
                ("LOG_LOCAL1", 136),
                ("LOG_LOCAL2", 144),
                ("LOG_LOCAL3", 152),
                ("LOG_LOCAL4", 160),
                ("LOG_LOCAL5", 168),
                ("LOG_LOCAL6", 176),
                ("LOG_LOCAL7", 184),
                ("LOG_LPR", 48),
                ("LOG_MAIL", 16),
                ("LOG_NDELAY", 8),
                ("LOG_NEWS", 56),
                ("LOG_NOTICE", 5),
                ("LOG_NOWAIT", 16),
                ("LOG_ODELAY", 4),
                ("LOG_PERROR", 32),
                ("LOG_PID", 1),
                ("LOG_SYSLOG", 40),
                ("LOG_USER", 8),
                ("LOG_UUCP", 64),
                ("LOG_WARNING", 4),
            ],
        );
        Ok(())
    }
}
