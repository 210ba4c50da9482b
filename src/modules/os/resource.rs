//! `resource`.

use pyrs_macros::pymodule;

/// Resource limits and usage of processes.
#[pymodule(name = "resource")]
pub mod resource {
    use pyrs_runtime::PyClass;
    use pyrs_runtime::errors::{PyResult, raise_io};
    use pyrs_runtime::object::{Obj, Object};
    use pyrs_runtime::objects::module::Module;
    use pyrs_runtime::objects::tuple::Tuple;
    use pyrs_runtime::objects::{exceptions, float, int};
    use pyrs_runtime::protocols::{iter, number};
    use pyrs_runtime::raise;

    use crate::os::support::{add_constants, check};

    const RLIM_NLIMITS: i32 = 16;

    const USAGE_FIELDS: [&str; 16] = [
        "ru_utime",
        "ru_stime",
        "ru_maxrss",
        "ru_ixrss",
        "ru_idrss",
        "ru_isrss",
        "ru_minflt",
        "ru_majflt",
        "ru_nswap",
        "ru_inblock",
        "ru_oublock",
        "ru_msgsnd",
        "ru_msgrcv",
        "ru_nsignals",
        "ru_nvcsw",
        "ru_nivcsw",
    ];

    fn usage_class() -> PyResult<Obj> {
        crate::struct_sequence::class("resource", "struct_rusage", &USAGE_FIELDS, 16)
    }

    /// `struct_rusage` from the system's structure.
    pub fn usage_object(usage: &libc::rusage) -> PyResult<Obj> {
        let seconds = |t: libc::timeval| float::new(t.tv_sec as f64 + t.tv_usec as f64 * 1e-6);
        let mut values = vec![seconds(usage.ru_utime), seconds(usage.ru_stime)];
        let counts = [
            usage.ru_maxrss,
            usage.ru_ixrss,
            usage.ru_idrss,
            usage.ru_isrss,
            usage.ru_minflt,
            usage.ru_majflt,
            usage.ru_nswap,
            usage.ru_inblock,
            usage.ru_oublock,
            usage.ru_msgsnd,
            usage.ru_msgrcv,
            usage.ru_nsignals,
            usage.ru_nvcsw,
            usage.ru_nivcsw,
        ];
        values.extend(counts.map(int::new));
        crate::struct_sequence::instance(&usage_class()?, values)
    }

    /// What a process (RUSAGE_SELF), its children or the calling thread have used so far.
    #[pyfunction]
    fn getrusage(who: i32) -> PyResult<Obj> {
        // SAFETY: a valid structure.
        let (result, usage) = unsafe {
            let mut usage: libc::rusage = std::mem::zeroed();
            (libc::getrusage(who, &mut usage), usage)
        };
        if result < 0 {
            let error = std::io::Error::last_os_error();
            if error.raw_os_error() == Some(libc::EINVAL) {
                return Err(raise!(ValueError, "invalid who parameter"));
            }
            return Err(raise_io(&error, None));
        }
        usage_object(&usage)
    }

    fn check_resource(resource: i32) -> PyResult<()> {
        if (0..RLIM_NLIMITS).contains(&resource) {
            Ok(())
        } else {
            Err(raise!(ValueError, "invalid resource specified"))
        }
    }

    /// One limit: a number, or -1 for none.
    fn limit(obj: &Obj) -> PyResult<u64> {
        let index = number::index(obj)?;
        let value = int::to_bigint(&index).unwrap_or_default();
        if value == num_bigint::BigInt::from(-1) {
            return Ok(u64::MAX);
        }
        match u64::try_from(&value) {
            Ok(n) => Ok(n),
            Err(_) if number::is_negative(&index) => Err(raise!(ValueError, "Cannot convert negative int")),
            Err(_) => Err(raise!(OverflowError, "int too big to convert")),
        }
    }

    fn limits(obj: &Obj) -> PyResult<libc::rlimit> {
        let items = match obj.downcast::<Tuple>() {
            Some(tuple) => tuple.items().to_vec(),
            None => iter::collect(obj)?,
        };
        match items.as_slice() {
            [soft, hard] => Ok(libc::rlimit { rlim_cur: limit(soft)?, rlim_max: limit(hard)? }),
            _ => Err(raise!(ValueError, "expected a tuple of 2 integers")),
        }
    }

    fn pair(limits: &libc::rlimit) -> Obj {
        let shown = |n: u64| if n == libc::RLIM_INFINITY { int::new(-1) } else { int::from_u64(n) };
        Tuple::from_vec(vec![shown(limits.rlim_cur), shown(limits.rlim_max)]).into()
    }

    /// The soft and the hard limit of a resource.
    #[pyfunction]
    fn getrlimit(resource: i32) -> PyResult<Obj> {
        check_resource(resource)?;
        let mut found = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: a valid structure.
        check(unsafe { libc::getrlimit(resource as libc::__rlimit_resource_t, &mut found) } as i64)?;
        Ok(pair(&found))
    }

    fn set_error() -> pyrs_runtime::Raised {
        let error = std::io::Error::last_os_error();
        match error.raw_os_error() {
            Some(libc::EINVAL) => raise!(ValueError, "current limit exceeds maximum limit"),
            Some(libc::EPERM) => raise!(ValueError, "not allowed to raise maximum limit"),
            _ => raise_io(&error, None),
        }
    }

    /// Set the (soft, hard) limits of a resource.
    #[pyfunction]
    fn setrlimit(resource: i32, limits: &Obj) -> PyResult<()> {
        check_resource(resource)?;
        let new = self::limits(limits)?;
        // SAFETY: a valid structure.
        if unsafe { libc::setrlimit(resource as libc::__rlimit_resource_t, &new) } < 0 {
            return Err(set_error());
        }
        Ok(())
    }

    /// Get the limits of another process, and set new ones if they are given.
    #[pyfunction(sig = "(pid, resource, limits=None, /)")]
    fn prlimit(pid: i32, resource: i32, limits: Option<&Obj>) -> PyResult<Obj> {
        check_resource(resource)?;
        let new = limits.map(self::limits).transpose()?;
        let mut old = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        let new = new.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
        // SAFETY: valid structures, or a null pointer for none.
        if unsafe { libc::prlimit(pid, resource as libc::__rlimit_resource_t, new, &mut old) } < 0 {
            let error = std::io::Error::last_os_error();
            if error.raw_os_error() == Some(libc::EINVAL) {
                return Err(raise!(ValueError, "current limit exceeds maximum limit"));
            }
            return Err(raise_io(&error, None));
        }
        Ok(pair(&old))
    }

    /// Bytes in a page of memory.
    #[pyfunction]
    fn getpagesize() -> i64 {
        // SAFETY: plain call.
        unsafe { libc::sysconf(libc::_SC_PAGESIZE) }
    }

    #[module_exec]
    fn exec(module: &Object<Module>) -> PyResult<()> {
        module.add("error", exceptions::OSError::class().to_obj());
        module.add("struct_rusage", usage_class()?);
        add_constants(
            module,
            &[
                ("RLIMIT_AS", 9),
                ("RLIMIT_CORE", 4),
                ("RLIMIT_CPU", 0),
                ("RLIMIT_DATA", 2),
                ("RLIMIT_FSIZE", 1),
                ("RLIMIT_MEMLOCK", 8),
                ("RLIMIT_MSGQUEUE", 12),
                ("RLIMIT_NICE", 13),
                ("RLIMIT_NOFILE", 7),
                ("RLIMIT_NPROC", 6),
                ("RLIMIT_OFILE", 7),
                ("RLIMIT_RSS", 5),
                ("RLIMIT_RTPRIO", 14),
                ("RLIMIT_RTTIME", 15),
                ("RLIMIT_SIGPENDING", 11),
                ("RLIMIT_STACK", 3),
                ("RLIM_INFINITY", -1),
                ("RUSAGE_CHILDREN", -1),
                ("RUSAGE_SELF", 0),
                ("RUSAGE_THREAD", 1),
            ],
        );
        Ok(())
    }
}
