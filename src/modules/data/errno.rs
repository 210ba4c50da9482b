//! `errno`: the numbers of operating-system errors.

/// This module makes available standard errno system symbols.
///
/// The value of each symbol is the corresponding integer value,
/// e.g., on most systems, errno.ENOENT equals the integer 2.
///
/// The dictionary errno.errorcode maps numeric codes to symbol names,
/// e.g., errno.errorcode[2] could be the string 'ENOENT'.
///
/// Symbols that are not relevant to the underlying system are not defined.
///
/// To map error codes to error messages, use the function os.strerror(),
/// e.g. os.strerror(2) could return 'No such file or directory'.
#[pyrs_macros::pymodule(name = "errno")]
pub mod module {
    use pyrs_runtime::PyResult;
    use pyrs_runtime::object::Object;
    use pyrs_runtime::objects::dict::Dict;
    use pyrs_runtime::objects::int;
    use pyrs_runtime::objects::module::Module;
    use pyrs_runtime::objects::str::Str;

    macro_rules! symbols {
        ($($name:ident),* $(,)?) => {
            &[$((stringify!($name), libc::$name)),*]
        };
    }

    const SYMBOLS: &[(&str, i32)] = symbols![
        E2BIG,
        EACCES,
        EADDRINUSE,
        EADDRNOTAVAIL,
        EADV,
        EAFNOSUPPORT,
        EAGAIN,
        EALREADY,
        EBADE,
        EBADF,
        EBADFD,
        EBADMSG,
        EBADR,
        EBADRQC,
        EBADSLT,
        EBFONT,
        EBUSY,
        ECANCELED,
        ECHILD,
        ECHRNG,
        ECOMM,
        ECONNABORTED,
        ECONNREFUSED,
        ECONNRESET,
        EDEADLK,
        EDEADLOCK,
        EDESTADDRREQ,
        EDOM,
        EDOTDOT,
        EDQUOT,
        EEXIST,
        EFAULT,
        EFBIG,
        EHOSTDOWN,
        EHOSTUNREACH,
        EHWPOISON,
        EIDRM,
        EILSEQ,
        EINPROGRESS,
        EINTR,
        EINVAL,
        EIO,
        EISCONN,
        EISDIR,
        EISNAM,
        EKEYEXPIRED,
        EKEYREJECTED,
        EKEYREVOKED,
        EL2HLT,
        EL2NSYNC,
        EL3HLT,
        EL3RST,
        ELIBACC,
        ELIBBAD,
        ELIBEXEC,
        ELIBMAX,
        ELIBSCN,
        ELNRNG,
        ELOOP,
        EMEDIUMTYPE,
        EMFILE,
        EMLINK,
        EMSGSIZE,
        EMULTIHOP,
        ENAMETOOLONG,
        ENAVAIL,
        ENETDOWN,
        ENETRESET,
        ENETUNREACH,
        ENFILE,
        ENOANO,
        ENOBUFS,
        ENOCSI,
        ENODATA,
        ENODEV,
        ENOENT,
        ENOEXEC,
        ENOKEY,
        ENOLCK,
        ENOLINK,
        ENOMEDIUM,
        ENOMEM,
        ENOMSG,
        ENONET,
        ENOPKG,
        ENOPROTOOPT,
        ENOSPC,
        ENOSR,
        ENOSTR,
        ENOSYS,
        ENOTBLK,
        ENOTCONN,
        ENOTDIR,
        ENOTEMPTY,
        ENOTNAM,
        ENOTRECOVERABLE,
        ENOTSOCK,
        ENOTSUP,
        ENOTTY,
        ENOTUNIQ,
        ENXIO,
        EOPNOTSUPP,
        EOVERFLOW,
        EOWNERDEAD,
        EPERM,
        EPFNOSUPPORT,
        EPIPE,
        EPROTO,
        EPROTONOSUPPORT,
        EPROTOTYPE,
        ERANGE,
        EREMCHG,
        EREMOTE,
        EREMOTEIO,
        ERESTART,
        ERFKILL,
        EROFS,
        ESHUTDOWN,
        ESOCKTNOSUPPORT,
        ESPIPE,
        ESRCH,
        ESRMNT,
        ESTALE,
        ESTRPIPE,
        ETIME,
        ETIMEDOUT,
        ETOOMANYREFS,
        ETXTBSY,
        EUCLEAN,
        EUNATCH,
        EUSERS,
        EWOULDBLOCK,
        EXDEV,
        EXFULL,
    ];

    /// Names that share their number with another one, which `errorcode` shows.
    const ALIASES: [&str; 3] = ["EWOULDBLOCK", "EDEADLK", "EOPNOTSUPP"];

    #[module_exec]
    fn exec(module: &Object<Module>) -> PyResult<()> {
        let codes = Dict::new();
        for &(name, value) in SYMBOLS {
            let value = int::new(i64::from(value));
            module.add(name, value.clone());
            if !ALIASES.contains(&name) {
                codes.set(value, Str::intern(name).into_obj())?;
            }
        }
        // Linux has no such error; the number is one that it does not use.
        module.add("EFTYPE", int::new(134));
        codes.set(int::new(134), Str::intern("EFTYPE").into_obj())?;
        module.add("errorcode", codes);
        Ok(())
    }
}
