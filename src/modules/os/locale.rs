//! `_locale`: the C library's locale.

use pyrs_macros::pymodule;

/// Support for POSIX locales.
#[pymodule(name = "_locale")]
pub mod locale {
    use std::ffi::{CStr, CString};

    use pyrs_runtime::errors::{PyResult, Raised};
    use pyrs_runtime::object::{Obj, Object, PyClass};
    use pyrs_runtime::objects::dict::Dict;
    use pyrs_runtime::objects::list::List;
    use pyrs_runtime::objects::module::Module;
    use pyrs_runtime::objects::str::Str;
    use pyrs_runtime::objects::{exceptions, int};
    use pyrs_runtime::raise;

    use crate::os::posix::posix::{name_bytes, path_arg};
    use crate::os::support::{add_constants, os_error, text_of};

    fn error_class() -> PyResult<Obj> {
        match pyrs_runtime::thread::runtime().registered("locale.Error") {
            Some(class) => Ok(class),
            None => {
                let class = crate::exception_class("locale", "Error", exceptions::Exception::class())?;
                pyrs_runtime::thread::runtime().register("locale.Error", class.clone());
                Ok(class)
            }
        }
    }

    fn failed(text: &str) -> Raised {
        match error_class() {
            Ok(class) => {
                let class = pyrs_runtime::types::as_type(&class).expect("a class");
                pyrs_runtime::errors::raise_text(class, text)
            }
            Err(raised) => raised,
        }
    }

    fn c_text(text: &Str) -> PyResult<CString> {
        CString::new(name_bytes(text)?).map_err(|_| raise!(ValueError, "embedded null character"))
    }

    /// The text at `p`, or `None` for a null pointer.
    ///
    /// # Safety
    /// `p` is null or NUL-terminated.
    unsafe fn text_at(p: *const libc::c_char) -> Option<Obj> {
        // SAFETY: by contract.
        (!p.is_null()).then(|| text_of(unsafe { CStr::from_ptr(p) }))
    }

    /// Set the locale of a category; without a locale, ask for it.
    #[pyfunction(sig = "(category, locale=None, /)")]
    fn setlocale(category: i32, locale: Option<&Object<Str>>) -> PyResult<Obj> {
        let name = locale.map(|l| c_text(l)).transpose()?;
        let pointer = name.as_ref().map_or(std::ptr::null(), |n| n.as_ptr());
        // SAFETY: a NUL-terminated name or null; the answer is copied before another call.
        let answer = unsafe { text_at(libc::setlocale(category, pointer)) };
        let wrong = if locale.is_some() { "unsupported locale setting" } else { "locale query failed" };
        answer.ok_or_else(|| failed(wrong))
    }

    /// The sizes of digit groups, ended by CHAR_MAX or 0.
    fn grouping(p: *const libc::c_char) -> Obj {
        let mut sizes = Vec::new();
        // SAFETY: the C library's grouping is ended by 0 or CHAR_MAX.
        unsafe {
            let mut at = p;
            while !at.is_null() {
                let size = *at;
                if size == 0 && at == p {
                    break;
                }
                sizes.push(int::new(size as i64));
                if size == 0 || size == libc::c_char::MAX {
                    break;
                }
                at = at.add(1);
            }
        }
        List::from_vec(sizes).into()
    }

    /// How numbers and amounts of money are written.
    #[pyfunction]
    fn localeconv() -> PyResult<Obj> {
        let result = Dict::new();
        // SAFETY: the structure stays valid until the next call; its strings are NUL-terminated.
        unsafe {
            let c = &*libc::localeconv();
            let texts = [
                ("decimal_point", c.decimal_point),
                ("thousands_sep", c.thousands_sep),
                ("int_curr_symbol", c.int_curr_symbol),
                ("currency_symbol", c.currency_symbol),
                ("mon_decimal_point", c.mon_decimal_point),
                ("mon_thousands_sep", c.mon_thousands_sep),
                ("positive_sign", c.positive_sign),
                ("negative_sign", c.negative_sign),
            ];
            for (name, p) in texts {
                result.set_text(name, text_at(p).unwrap_or_else(|| Str::empty().into()));
            }
            result.set_text("grouping", grouping(c.grouping));
            result.set_text("mon_grouping", grouping(c.mon_grouping));
            let numbers = [
                ("int_frac_digits", c.int_frac_digits),
                ("frac_digits", c.frac_digits),
                ("p_cs_precedes", c.p_cs_precedes),
                ("p_sep_by_space", c.p_sep_by_space),
                ("n_cs_precedes", c.n_cs_precedes),
                ("n_sep_by_space", c.n_sep_by_space),
                ("p_sign_posn", c.p_sign_posn),
                ("n_sign_posn", c.n_sign_posn),
            ];
            for (name, n) in numbers {
                result.set_text(name, int::new(n as i64));
            }
        }
        Ok(result.into())
    }

    fn wide(text: &Str) -> PyResult<Vec<libc::wchar_t>> {
        let mut out: Vec<libc::wchar_t> = text.code_points().map(|c| c as libc::wchar_t).collect();
        if out.contains(&0) {
            return Err(raise!(ValueError, "embedded null character"));
        }
        out.push(0);
        Ok(out)
    }

    unsafe extern "C" {
        fn wcscoll(a: *const libc::wchar_t, b: *const libc::wchar_t) -> libc::c_int;
        fn wcsxfrm(to: *mut libc::wchar_t, from: *const libc::wchar_t, size: usize) -> usize;
        fn gettext(text: *const libc::c_char) -> *mut libc::c_char;
        fn dgettext(domain: *const libc::c_char, text: *const libc::c_char) -> *mut libc::c_char;
        fn dcgettext(
            domain: *const libc::c_char,
            text: *const libc::c_char,
            category: libc::c_int,
        ) -> *mut libc::c_char;
        fn textdomain(domain: *const libc::c_char) -> *mut libc::c_char;
        fn bindtextdomain(domain: *const libc::c_char, folder: *const libc::c_char) -> *mut libc::c_char;
        fn bind_textdomain_codeset(domain: *const libc::c_char, codeset: *const libc::c_char) -> *mut libc::c_char;
    }

    /// Compare two texts by the rules of the locale: negative, 0 or positive.
    #[pyfunction]
    fn strcoll(os1: &Object<Str>, os2: &Object<Str>) -> PyResult<i32> {
        let (a, b) = (wide(os1)?, wide(os2)?);
        // SAFETY: NUL-terminated texts.
        Ok(unsafe { wcscoll(a.as_ptr(), b.as_ptr()) })
    }

    /// A key that sorts as the locale compares.
    #[pyfunction]
    fn strxfrm(string: &Object<Str>) -> PyResult<Obj> {
        let from = wide(string)?;
        let mut to: Vec<libc::wchar_t> = vec![0; from.len() + 1];
        loop {
            // SAFETY: a NUL-terminated text, and a buffer of the stated size.
            let needed = unsafe {
                *libc::__errno_location() = 0;
                wcsxfrm(to.as_mut_ptr(), from.as_ptr(), to.len())
            };
            // SAFETY: plain query.
            let errno = unsafe { *libc::__errno_location() };
            if errno != 0 && errno != libc::ERANGE {
                return Err(os_error());
            }
            if needed < to.len() {
                to.truncate(needed);
                let points: Vec<u32> = to.iter().map(|c| *c as u32).collect();
                // Units beyond Unicode cannot stand in a str: spread them over two characters.
                if points.iter().all(|p| *p < 0x11_0000) {
                    return Ok(Str::from_code_points(&points).into());
                }
                let spread: Vec<u32> = points.iter().flat_map(|p| [0x1_0000 + (p >> 16), p & 0xffff]).collect();
                return Ok(Str::from_code_points(&spread).into());
            }
            to = vec![0; needed + 1];
        }
    }

    /// A piece of information about the locale, by its number.
    #[pyfunction]
    fn nl_langinfo(key: i32) -> PyResult<Obj> {
        if !CONSTANTS.iter().any(|(name, n)| *n == key as i64 && !name.starts_with("LC_") && *name != "CHAR_MAX") {
            return Err(raise!(ValueError, "unsupported langinfo constant"));
        }
        // SAFETY: the answer is NUL-terminated and copied at once.
        unsafe {
            let p = libc::nl_langinfo(key);
            if key == ALT_DIGITS as i32 || key == ERA as i32 {
                return Ok(Str::new(&joined(p)).into());
            }
            Ok(text_at(p).unwrap_or_else(|| Str::empty().into()))
        }
    }

    const ALT_DIGITS: i64 = 131119;
    const ERA: i64 = 131116;

    /// A list of texts, each with a NUL, ended by an empty one, as texts with semicolons between them.
    ///
    /// # Safety
    /// `p` is null or such a list.
    unsafe fn joined(p: *const libc::c_char) -> String {
        let (mut at, mut parts) = (p, Vec::new());
        // SAFETY: by contract; ALT_DIGITS has at most 100 entries.
        unsafe {
            while !at.is_null() && *at != 0 && parts.len() < 100 {
                let part = CStr::from_ptr(at);
                parts.push(part.to_string_lossy().into_owned());
                at = at.add(part.count_bytes() + 1);
            }
        }
        parts.join(";")
    }

    /// The translation of a message.
    #[pyfunction(name = "gettext")]
    fn py_gettext(msg: &Object<Str>) -> PyResult<Obj> {
        let msg = c_text(msg)?;
        // SAFETY: the answer is the argument or a text of the catalogue, copied at once.
        Ok(unsafe { text_at(gettext(msg.as_ptr())) }.unwrap_or_else(|| Str::empty().into()))
    }

    fn optional(text: Option<&Object<Str>>) -> PyResult<Option<CString>> {
        text.map(|t| c_text(t)).transpose()
    }

    fn pointer(text: &Option<CString>) -> *const libc::c_char {
        text.as_ref().map_or(std::ptr::null(), |t| t.as_ptr())
    }

    /// The translation of a message in a domain.
    #[pyfunction(name = "dgettext")]
    fn py_dgettext(domain: Option<&Object<Str>>, msg: &Object<Str>) -> PyResult<Obj> {
        let (domain, msg) = (optional(domain)?, c_text(msg)?);
        // SAFETY: as in `gettext`.
        Ok(unsafe { text_at(dgettext(pointer(&domain), msg.as_ptr())) }.unwrap_or_else(|| Str::empty().into()))
    }

    /// The translation of a message in a domain and a category.
    #[pyfunction(name = "dcgettext")]
    fn py_dcgettext(domain: Option<&Object<Str>>, msg: &Object<Str>, category: i32) -> PyResult<Obj> {
        let (domain, msg) = (optional(domain)?, c_text(msg)?);
        // SAFETY: as in `gettext`.
        let answer = unsafe { text_at(dcgettext(pointer(&domain), msg.as_ptr(), category)) };
        Ok(answer.unwrap_or_else(|| Str::empty().into()))
    }

    /// Set the domain of gettext(), or ask for it with None.
    #[pyfunction(name = "textdomain")]
    fn py_textdomain(domain: Option<&Object<Str>>) -> PyResult<Obj> {
        let domain = optional(domain)?;
        // SAFETY: a NUL-terminated name or null; the answer is copied at once.
        unsafe { text_at(textdomain(pointer(&domain))) }.ok_or_else(os_error)
    }

    /// Set the folder of a domain's catalogues, or ask for it with None.
    #[pyfunction(name = "bindtextdomain")]
    fn py_bindtextdomain(domain: &Object<Str>, dir: &Obj) -> PyResult<Obj> {
        if domain.is_empty() {
            return Err(failed("domain must be a non-empty string"));
        }
        let domain = c_text(domain)?;
        let folder = if dir.is_none() { None } else { Some(path_arg("bindtextdomain", "dir", dir, false)?.c()) };
        // SAFETY: as above.
        unsafe { text_at(bindtextdomain(domain.as_ptr(), pointer(&folder))) }.ok_or_else(os_error)
    }

    /// Set the encoding of a domain's translations, or ask for it with None.
    #[pyfunction(name = "bind_textdomain_codeset")]
    fn py_bind_textdomain_codeset(domain: &Object<Str>, codeset: Option<&Object<Str>>) -> PyResult<Option<Obj>> {
        let (domain, codeset) = (c_text(domain)?, optional(codeset)?);
        // SAFETY: as above.
        Ok(unsafe { text_at(bind_textdomain_codeset(domain.as_ptr(), pointer(&codeset))) })
    }

    /// The encoding of the locale.
    #[pyfunction]
    fn getencoding() -> PyResult<Obj> {
        // SAFETY: the answer is copied at once.
        let found = unsafe { text_at(libc::nl_langinfo(libc::CODESET)) };
        Ok(found.unwrap_or_else(|| Str::new("utf-8").into()))
    }

    #[module_exec]
    fn exec(module: &Object<Module>) -> PyResult<()> {
        module.add("Error", error_class()?);
        add_constants(module, CONSTANTS);
        Ok(())
    }

    /// glibc's numbers.
    const CONSTANTS: &[(&str, i64)] = &[
        ("ABDAY_1", 131072),
        ("ABDAY_2", 131073),
        ("ABDAY_3", 131074),
        ("ABDAY_4", 131075),
        ("ABDAY_5", 131076),
        ("ABDAY_6", 131077),
        ("ABDAY_7", 131078),
        ("ABMON_1", 131086),
        ("ABMON_10", 131095),
        ("ABMON_11", 131096),
        ("ABMON_12", 131097),
        ("ABMON_2", 131087),
        ("ABMON_3", 131088),
        ("ABMON_4", 131089),
        ("ABMON_5", 131090),
        ("ABMON_6", 131091),
        ("ABMON_7", 131092),
        ("ABMON_8", 131093),
        ("ABMON_9", 131094),
        ("ALT_DIGITS", 131119),
        ("AM_STR", 131110),
        ("CHAR_MAX", 127),
        ("CODESET", 14),
        ("CRNCYSTR", 262159),
        ("DAY_1", 131079),
        ("DAY_2", 131080),
        ("DAY_3", 131081),
        ("DAY_4", 131082),
        ("DAY_5", 131083),
        ("DAY_6", 131084),
        ("DAY_7", 131085),
        ("D_FMT", 131113),
        ("D_T_FMT", 131112),
        ("ERA", 131116),
        ("ERA_D_FMT", 131118),
        ("ERA_D_T_FMT", 131120),
        ("ERA_T_FMT", 131121),
        ("LC_ALL", 6),
        ("LC_COLLATE", 3),
        ("LC_CTYPE", 0),
        ("LC_MESSAGES", 5),
        ("LC_MONETARY", 4),
        ("LC_NUMERIC", 1),
        ("LC_TIME", 2),
        ("MON_1", 131098),
        ("MON_10", 131107),
        ("MON_11", 131108),
        ("MON_12", 131109),
        ("MON_2", 131099),
        ("MON_3", 131100),
        ("MON_4", 131101),
        ("MON_5", 131102),
        ("MON_6", 131103),
        ("MON_7", 131104),
        ("MON_8", 131105),
        ("MON_9", 131106),
        ("NOEXPR", 327681),
        ("PM_STR", 131111),
        ("RADIXCHAR", 65536),
        ("THOUSEP", 65537),
        ("T_FMT", 131114),
        ("T_FMT_AMPM", 131115),
        ("YESEXPR", 327680),
        ("_DATE_FMT", 131180),
    ];
}
