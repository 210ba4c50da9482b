//! `time`.

use pyrs_macros::pymodule;

/// This module provides various functions to manipulate time values.
#[pymodule(name = "time")]
pub mod time {
    use std::time::Duration;

    use pyrs_runtime::PyClass;
    use pyrs_runtime::args::Maybe;
    use pyrs_runtime::errors::{PyResult, raise_io};
    use pyrs_runtime::object::{Obj, Object};
    use pyrs_runtime::objects::module::Module;
    use pyrs_runtime::objects::singletons::{bool_obj, none};
    use pyrs_runtime::objects::str::Str;
    use pyrs_runtime::objects::tuple::Tuple;
    use pyrs_runtime::objects::{float, int, simple_namespace};
    use pyrs_runtime::protocols::number;
    use pyrs_runtime::thread::allow_threads;
    use pyrs_runtime::{call, raise};

    fn read_clock(id: libc::clockid_t) -> PyResult<i128> {
        let mut t = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: a valid structure.
        if unsafe { libc::clock_gettime(id, &mut t) } != 0 {
            return Err(raise_io(&std::io::Error::last_os_error(), None));
        }
        Ok(t.tv_sec as i128 * 1_000_000_000 + t.tv_nsec as i128)
    }

    fn seconds(ns: i128) -> f64 {
        ns as f64 / 1e9
    }

    /// Return the current time in seconds since the Epoch.
    #[pyfunction]
    fn time() -> PyResult<f64> {
        read_clock(libc::CLOCK_REALTIME).map(seconds)
    }

    /// Return the current time in nanoseconds since the Epoch.
    #[pyfunction]
    fn time_ns() -> PyResult<Obj> {
        read_clock(libc::CLOCK_REALTIME).map(int::from_i128)
    }

    /// Monotonic clock, cannot go backward.
    #[pyfunction]
    fn monotonic() -> PyResult<f64> {
        read_clock(libc::CLOCK_MONOTONIC).map(seconds)
    }

    /// Monotonic clock, cannot go backward, as nanoseconds.
    #[pyfunction]
    fn monotonic_ns() -> PyResult<Obj> {
        read_clock(libc::CLOCK_MONOTONIC).map(int::from_i128)
    }

    /// Performance counter for benchmarking.
    #[pyfunction]
    fn perf_counter() -> PyResult<f64> {
        read_clock(libc::CLOCK_MONOTONIC).map(seconds)
    }

    /// Performance counter for benchmarking as nanoseconds.
    #[pyfunction]
    fn perf_counter_ns() -> PyResult<Obj> {
        read_clock(libc::CLOCK_MONOTONIC).map(int::from_i128)
    }

    /// Process time for profiling: sum of the kernel and user-space CPU time.
    #[pyfunction]
    fn process_time() -> PyResult<f64> {
        read_clock(libc::CLOCK_PROCESS_CPUTIME_ID).map(seconds)
    }

    /// Process time for profiling as nanoseconds.
    #[pyfunction]
    fn process_time_ns() -> PyResult<Obj> {
        read_clock(libc::CLOCK_PROCESS_CPUTIME_ID).map(int::from_i128)
    }

    /// Thread time for profiling: sum of the kernel and user-space CPU time.
    #[pyfunction]
    fn thread_time() -> PyResult<f64> {
        read_clock(libc::CLOCK_THREAD_CPUTIME_ID).map(seconds)
    }

    /// Thread time for profiling as nanoseconds.
    #[pyfunction]
    fn thread_time_ns() -> PyResult<Obj> {
        read_clock(libc::CLOCK_THREAD_CPUTIME_ID).map(int::from_i128)
    }

    /// Return the time of the specified clock clk_id as a float.
    #[pyfunction]
    fn clock_gettime(clk_id: i32) -> PyResult<f64> {
        read_clock(clk_id).map(seconds)
    }

    /// Return the time of the specified clock clk_id as nanoseconds (int).
    #[pyfunction]
    fn clock_gettime_ns(clk_id: i32) -> PyResult<Obj> {
        read_clock(clk_id).map(int::from_i128)
    }

    /// Return the resolution (precision) of the specified clock clk_id.
    #[pyfunction]
    fn clock_getres(clk_id: i32) -> PyResult<f64> {
        let mut t = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: a valid structure.
        if unsafe { libc::clock_getres(clk_id, &mut t) } != 0 {
            return Err(raise_io(&std::io::Error::last_os_error(), None));
        }
        Ok(t.tv_sec as f64 + t.tv_nsec as f64 / 1e9)
    }

    /// Delay execution for a given number of seconds.
    #[pyfunction]
    fn sleep(secs: &Obj) -> PyResult<()> {
        let secs = number::as_f64(secs)?;
        if secs.is_nan() {
            return Err(raise!(ValueError, "Invalid value NaN (not a number)"));
        }
        if secs < 0.0 {
            return Err(raise!(ValueError, "sleep length must be non-negative"));
        }
        let deadline = std::time::Instant::now()
            + Duration::try_from_secs_f64(secs)
                .map_err(|_| raise!(OverflowError, "timestamp out of range for platform time_t"))?;
        // What has arrived already would not interrupt the wait.
        crate::os::check_signals()?;
        loop {
            let left = deadline.saturating_duration_since(std::time::Instant::now());
            let interrupted = allow_threads(move || {
                let t = libc::timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos() as i64 };
                // SAFETY: a valid structure.
                unsafe { libc::nanosleep(&t, std::ptr::null_mut()) != 0 }
            });
            if !interrupted {
                return Ok(());
            }
            crate::os::check_signals()?;
        }
    }

    const FIELDS: [&str; 11] = [
        "tm_year",
        "tm_mon",
        "tm_mday",
        "tm_hour",
        "tm_min",
        "tm_sec",
        "tm_wday",
        "tm_yday",
        "tm_isdst",
        "tm_zone",
        "tm_gmtoff",
    ];

    fn struct_time(tm: &libc::tm) -> PyResult<Obj> {
        let zone = if tm.tm_zone.is_null() {
            none()
        } else {
            // SAFETY: libc gives a NUL-terminated name.
            Str::new(&unsafe { std::ffi::CStr::from_ptr(tm.tm_zone) }.to_string_lossy()).into()
        };
        let n = |x: i32| int::new(x as i64);
        let values = vec![
            n(tm.tm_year + 1900),
            n(tm.tm_mon + 1),
            n(tm.tm_mday),
            n(tm.tm_hour),
            n(tm.tm_min),
            n(tm.tm_sec),
            n((tm.tm_wday + 6) % 7),
            n(tm.tm_yday + 1),
            n(tm.tm_isdst),
            zone,
            int::new(tm.tm_gmtoff),
        ];
        let class = crate::struct_sequence::class("time", "struct_time", &FIELDS, 9)?;
        crate::struct_sequence::instance(&class, values)
    }

    fn epoch(secs: Maybe<Option<Obj>>) -> PyResult<i64> {
        match secs.0.flatten() {
            None => Ok((read_clock(libc::CLOCK_REALTIME)? / 1_000_000_000) as i64),
            Some(v) => {
                if let Some(n) = int::to_i64(&v) {
                    return Ok(n);
                }
                let x = number::as_f64(&v)?;
                if x.is_nan() {
                    return Err(raise!(ValueError, "Invalid value NaN (not a number)"));
                }
                if x.abs() >= 9.2e18 {
                    return Err(raise!(OverflowError, "timestamp out of range for platform time_t"));
                }
                Ok(x.floor() as i64)
            }
        }
    }

    /// Convert seconds since the Epoch to a time tuple expressing UTC (a.k.a. GMT).
    #[pyfunction(sig = "(seconds=None, /)")]
    fn gmtime(seconds: Maybe<Option<Obj>>) -> PyResult<Obj> {
        let t = epoch(seconds)?;
        // SAFETY: valid structures.
        unsafe {
            let mut tm: libc::tm = std::mem::zeroed();
            if libc::gmtime_r(&t, &mut tm).is_null() {
                return Err(raise_io(&std::io::Error::last_os_error(), None));
            }
            struct_time(&tm)
        }
    }

    /// Convert seconds since the Epoch to a time tuple expressing local time.
    #[pyfunction(sig = "(seconds=None, /)")]
    fn localtime(seconds: Maybe<Option<Obj>>) -> PyResult<Obj> {
        let t = epoch(seconds)?;
        // SAFETY: valid structures.
        unsafe {
            let mut tm: libc::tm = std::mem::zeroed();
            if libc::localtime_r(&t, &mut tm).is_null() {
                return Err(raise_io(&std::io::Error::last_os_error(), None));
            }
            struct_time(&tm)
        }
    }

    fn to_tm(t: &Obj) -> PyResult<libc::tm> {
        let Some(tuple) = t.downcast::<Tuple>() else {
            return Err(raise!(TypeError, "Tuple or struct_time argument required"));
        };
        if tuple.len() != 9 {
            return Err(raise!(TypeError, "function takes exactly 9 arguments ({} given)", tuple.len()));
        }
        let mut n = [0i32; 9];
        for (to, item) in n.iter_mut().zip(tuple.items()) {
            *to = match int::to_i64(&number::index(item)?).and_then(|v| i32::try_from(v).ok()) {
                Some(v) => v,
                None => return Err(raise!(OverflowError, "Python int too large to convert to C int")),
            };
        }
        // SAFETY: all-zero is valid.
        let mut tm: libc::tm = unsafe { std::mem::zeroed() };
        tm.tm_year = n[0].wrapping_sub(1900);
        tm.tm_mon = n[1] - 1;
        tm.tm_mday = n[2];
        tm.tm_hour = n[3];
        tm.tm_min = n[4];
        tm.tm_sec = n[5];
        tm.tm_wday = (n[6] + 1) % 7;
        tm.tm_yday = n[7] - 1;
        tm.tm_isdst = n[8];
        Ok(tm)
    }

    fn check_tm(tm: &mut libc::tm) -> PyResult<()> {
        let check = |ok: bool, what: &str| if ok { Ok(()) } else { Err(raise!(ValueError, "{what} out of range")) };
        if tm.tm_mon == -1 {
            tm.tm_mon = 0;
        }
        if tm.tm_mday == 0 {
            tm.tm_mday = 1;
        }
        if tm.tm_yday == -1 {
            tm.tm_yday = 0;
        }
        check((0..12).contains(&tm.tm_mon), "month")?;
        check((1..32).contains(&tm.tm_mday), "day of month")?;
        check((0..24).contains(&tm.tm_hour), "hour")?;
        check((0..60).contains(&tm.tm_min), "minute")?;
        check((0..62).contains(&tm.tm_sec), "seconds")?;
        check(tm.tm_wday >= 0, "day of week")?;
        check((0..366).contains(&tm.tm_yday), "day of year")
    }

    /// Convert a time tuple in local time to seconds since the Epoch.
    #[pyfunction]
    fn mktime(tuple: &Obj) -> PyResult<f64> {
        let mut tm = to_tm(tuple)?;
        tm.tm_wday = -1;
        // SAFETY: a valid structure.
        let t = unsafe { libc::mktime(&mut tm) };
        if t == -1 && tm.tm_wday == -1 {
            return Err(raise!(OverflowError, "mktime argument out of range"));
        }
        Ok(t as f64)
    }

    fn ascii_time(tm: &libc::tm) -> String {
        const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
        const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        format!(
            "{} {}{:>3} {:02}:{:02}:{:02} {}",
            DAYS[tm.tm_wday as usize % 7],
            MONTHS[tm.tm_mon as usize % 12],
            tm.tm_mday,
            tm.tm_hour,
            tm.tm_min,
            tm.tm_sec,
            tm.tm_year as i64 + 1900
        )
    }

    /// Convert a time tuple to a string, e.g. 'Sat Jun 06 16:26:11 1998'.
    #[pyfunction(sig = "(tuple=<unrepresentable>, /)", text_signature = "")]
    fn asctime(tuple: Maybe<Obj>) -> PyResult<String> {
        let t = match tuple.0 {
            Some(t) => t,
            None => localtime(Maybe(None))?,
        };
        let mut tm = to_tm(&t)?;
        check_tm(&mut tm)?;
        Ok(ascii_time(&tm))
    }

    /// Convert a time in seconds since the Epoch to a string in local time.
    #[pyfunction(sig = "(seconds=None, /)")]
    fn ctime(seconds: Maybe<Option<Obj>>) -> PyResult<String> {
        let mut tm = to_tm(&localtime(seconds)?)?;
        check_tm(&mut tm)?;
        Ok(ascii_time(&tm))
    }

    /// Convert a time tuple to a string according to a format specification.
    #[pyfunction(sig = "(format, tuple=<unrepresentable>, /)", text_signature = "")]
    fn strftime(format: &Object<Str>, tuple: Maybe<Obj>) -> PyResult<Obj> {
        let t = match tuple.0 {
            Some(t) => t,
            None => localtime(Maybe(None))?,
        };
        let mut tm = to_tm(&t)?;
        check_tm(&mut tm)?;
        // The C library gets what is between NULs and lone surrogates; those stay as they are.
        let (mut out, mut piece): (Vec<u32>, String) = (Vec::new(), String::new());
        for c in format.code_points() {
            match char::from_u32(c) {
                Some(c) if c != '\0' => piece.push(c),
                _ => {
                    out.extend(formatted(&std::mem::take(&mut piece), &tm).chars().map(|c| c as u32));
                    out.push(c);
                }
            }
        }
        out.extend(formatted(&piece, &tm).chars().map(|c| c as u32));
        Ok(Str::from_code_points(&out).into())
    }

    /// `strftime` of the C library; the template has no NUL.
    fn formatted(piece: &str, tm: &libc::tm) -> String {
        if piece.is_empty() {
            return String::new();
        }
        let template = std::ffi::CString::new(piece).expect("split at NULs");
        let mut size = 256 + piece.len() * 16;
        loop {
            let mut buffer = vec![0u8; size];
            // SAFETY: the buffer has that size; the template is NUL-terminated.
            let n = unsafe { libc::strftime(buffer.as_mut_ptr().cast(), size, template.as_ptr(), tm) };
            if n > 0 || size > 1 << 16 {
                return String::from_utf8_lossy(&buffer[..n]).into_owned();
            }
            size *= 4;
        }
    }

    /// Parse a string to a time tuple according to a format specification.
    #[pyfunction(sig = "(string, format='%a %b %d %H:%M:%S %Y', /)")]
    fn strptime(string: Obj, format: Maybe<Obj>) -> PyResult<Obj> {
        let module = crate::core::import::import_module("_strptime")?;
        let mut args = vec![string];
        args.extend(format.0);
        call::call_method(&module, "_strptime_time", &args)
    }

    /// Get information about the specified clock.
    #[pyfunction]
    fn get_clock_info(name: &Object<Str>) -> PyResult<Obj> {
        let (implementation, adjustable, monotonic, id) = match name.to_string_lossy().as_str() {
            "time" => ("clock_gettime(CLOCK_REALTIME)", true, false, libc::CLOCK_REALTIME),
            "monotonic" | "perf_counter" => ("clock_gettime(CLOCK_MONOTONIC)", false, true, libc::CLOCK_MONOTONIC),
            "process_time" => ("clock_gettime(CLOCK_PROCESS_CPUTIME_ID)", false, true, libc::CLOCK_PROCESS_CPUTIME_ID),
            "thread_time" => ("clock_gettime(CLOCK_THREAD_CPUTIME_ID)", false, true, libc::CLOCK_THREAD_CPUTIME_ID),
            _ => return Err(raise!(ValueError, "unknown clock")),
        };
        let pairs = [
            ("implementation", Str::new(implementation).into()),
            ("monotonic", bool_obj(monotonic)),
            ("adjustable", bool_obj(adjustable)),
            ("resolution", float::new(clock_getres(id)?)),
        ];
        call::call_keywords(&simple_namespace::SimpleNamespace::class().to_obj(), &[], &pairs)
    }

    /// Initialize, or reinitialize, the local timezone to the value stored in os.environ['TZ'].
    #[pyfunction]
    fn tzset() -> PyResult<()> {
        let module = crate::core::import::import_module("time")?;
        match module.downcast::<Module>() {
            Some(module) => set_zone(module),
            None => Ok(()),
        }
    }

    fn set_zone(module: &Object<Module>) -> PyResult<()> {
        let at = |month: i32| -> libc::tm {
            // SAFETY: valid structures.
            unsafe {
                let mut tm: libc::tm = std::mem::zeroed();
                tm.tm_year = 125;
                tm.tm_mon = month;
                tm.tm_mday = 1;
                tm.tm_hour = 12;
                tm.tm_isdst = -1;
                libc::mktime(&mut tm);
                tm
            }
        };
        let (january, july) = (at(0), at(6));
        let (standard, summer) = if january.tm_gmtoff <= july.tm_gmtoff { (january, july) } else { (july, january) };
        let name = |tm: &libc::tm| -> Obj {
            // SAFETY: libc gives a NUL-terminated name.
            Str::new(&unsafe { std::ffi::CStr::from_ptr(tm.tm_zone) }.to_string_lossy()).into()
        };
        module.add("timezone", int::new(-standard.tm_gmtoff));
        module.add("altzone", int::new(-summer.tm_gmtoff));
        module.add("daylight", int::new((standard.tm_gmtoff != summer.tm_gmtoff) as i64));
        module.add("tzname", Tuple::from_vec(vec![name(&standard), name(&summer)]));
        Ok(())
    }

    #[module_exec]
    fn exec(module: &Object<Module>) -> PyResult<()> {
        for (name, value) in [
            ("CLOCK_REALTIME", libc::CLOCK_REALTIME),
            ("CLOCK_MONOTONIC", libc::CLOCK_MONOTONIC),
            ("CLOCK_MONOTONIC_RAW", libc::CLOCK_MONOTONIC_RAW),
            ("CLOCK_PROCESS_CPUTIME_ID", libc::CLOCK_PROCESS_CPUTIME_ID),
            ("CLOCK_THREAD_CPUTIME_ID", libc::CLOCK_THREAD_CPUTIME_ID),
            ("CLOCK_BOOTTIME", libc::CLOCK_BOOTTIME),
        ] {
            module.add(name, int::new(value as i64));
        }
        module.add("struct_time", crate::struct_sequence::class("time", "struct_time", &FIELDS, 9)?);
        module.add("_STRUCT_TM_ITEMS", int::new(11));
        set_zone(module)
    }
}
