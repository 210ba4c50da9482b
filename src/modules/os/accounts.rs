//! `pwd` and `grp`: the user and group databases.

use std::ffi::CStr;

use pyrs_macros::pymodule;
use pyrs_runtime::args::bad_argument;
use pyrs_runtime::errors::{self, PyResult, raise_errno};
use pyrs_runtime::object::{Obj, PyClass};
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::{exceptions, int};
use pyrs_runtime::raise;
use pyrs_runtime::thread::allow_threads;

use crate::os::paths::id_argument;
use crate::os::posix::posix::name_bytes;

fn name_argument(function: &str, arg: &Obj) -> PyResult<std::ffi::CString> {
    let Some(text) = arg.downcast::<Str>() else {
        return Err(bad_argument(function, if function == "getgrnam" { " 'name'" } else { "" }, "str", arg));
    };
    std::ffi::CString::new(name_bytes(text)?).map_err(|_| raise!(ValueError, "embedded null byte"))
}

/// Owned text of a field, empty for a null pointer.
///
/// # Safety
/// `p` is null or NUL-terminated.
unsafe fn field(p: *const libc::c_char) -> Option<Vec<u8>> {
    // SAFETY: by contract.
    (!p.is_null()).then(|| unsafe { CStr::from_ptr(p) }.to_bytes().to_vec())
}

fn text(field: Option<Vec<u8>>) -> Obj {
    match field {
        Some(bytes) => crate::os::posix::posix::name_object(&bytes, false),
        None => pyrs_runtime::objects::singletons::none(),
    }
}

/// Calls a reentrant look-up with a buffer that grows until the entry fits: `Ok(None)` = no entry.
fn with_growing_buffer<T: Send>(
    f: impl Fn(&mut [libc::c_char]) -> (i32, Option<T>) + Send + Sync,
) -> PyResult<Option<T>> {
    let mut size = 1024;
    loop {
        let (error, found) = allow_threads(|| f(&mut vec![0; size]));
        match (error, found) {
            (0, found) => return Ok(found),
            (libc::ERANGE, _) if size < 1 << 24 => size *= 2,
            (libc::ENOENT | libc::ESRCH | libc::EBADF | libc::EPERM, _) => return Ok(None),
            (error, _) => return Err(raise_errno(error, None)),
        }
    }
}

/// The user database.
///
/// Entries are struct_passwd tuples: the fields of /etc/passwd in their order, with the ids as ints.
#[pymodule(name = "pwd")]
pub mod pwd {
    use super::*;
    use pyrs_runtime::object::Object;
    use pyrs_runtime::objects::module::Module;
    use pyrs_runtime::protocols::text::repr_text;

    struct Entry {
        name: Option<Vec<u8>>,
        passwd: Option<Vec<u8>>,
        uid: u32,
        gid: u32,
        gecos: Option<Vec<u8>>,
        dir: Option<Vec<u8>>,
        shell: Option<Vec<u8>>,
    }

    impl Entry {
        /// # Safety
        /// The strings of `p` are null or NUL-terminated.
        unsafe fn copy(p: &libc::passwd) -> Entry {
            // SAFETY: by contract.
            unsafe {
                Entry {
                    name: field(p.pw_name),
                    passwd: field(p.pw_passwd),
                    uid: p.pw_uid,
                    gid: p.pw_gid,
                    gecos: field(p.pw_gecos),
                    dir: field(p.pw_dir),
                    shell: field(p.pw_shell),
                }
            }
        }

        fn object(self) -> PyResult<Obj> {
            let (uid, gid) = (int::new(self.uid as i64), int::new(self.gid as i64));
            let (name, passwd) = (text(self.name), text(self.passwd));
            let values = vec![name, passwd, uid, gid, text(self.gecos), text(self.dir), text(self.shell)];
            crate::struct_sequence::instance(&class()?, values)
        }
    }

    fn class() -> PyResult<Obj> {
        let fields = ["pw_name", "pw_passwd", "pw_uid", "pw_gid", "pw_gecos", "pw_dir", "pw_shell"];
        crate::struct_sequence::class("pwd", "struct_passwd", &fields, 7)
    }

    /// The entry of a user id.
    #[pyfunction]
    fn getpwuid(uidobj: &Obj) -> PyResult<Obj> {
        // No user has an id that is out of range.
        let id = errors::unless_raised(id_argument(uidobj, "uid"), exceptions::OverflowError::class())?;
        let Some(uid) = id else { return Err(raise!(KeyError, "getpwuid(): uid not found")) };
        let found = with_growing_buffer(|buffer| {
            // SAFETY: the buffer backs the entry, which is copied before it goes.
            unsafe {
                let (mut entry, mut result) = (std::mem::zeroed(), std::ptr::null_mut());
                let error = libc::getpwuid_r(uid, &mut entry, buffer.as_mut_ptr(), buffer.len(), &mut result);
                (error, (!result.is_null()).then(|| Entry::copy(&entry)))
            }
        })?;
        let shown = if uid == u32::MAX { -1 } else { uid as i64 };
        found.ok_or_else(|| raise!(KeyError, "getpwuid(): uid not found: {shown}"))?.object()
    }

    /// The entry of a user name.
    #[pyfunction]
    fn getpwnam(name: &Obj) -> PyResult<Obj> {
        let c = name_argument("getpwnam", name)?;
        let found = with_growing_buffer(|buffer| {
            // SAFETY: as in `getpwuid`.
            unsafe {
                let (mut entry, mut result) = (std::mem::zeroed(), std::ptr::null_mut());
                let (start, size) = (buffer.as_mut_ptr(), buffer.len());
                let error = libc::getpwnam_r(c.as_ptr(), &mut entry, start, size, &mut result);
                (error, (!result.is_null()).then(|| Entry::copy(&entry)))
            }
        })?;
        match found {
            Some(entry) => entry.object(),
            None => Err(raise!(KeyError, "getpwnam(): name not found: {}", repr_text(name)?)),
        }
    }

    /// All entries, in no particular order.
    #[pyfunction]
    fn getpwall() -> PyResult<Vec<Obj>> {
        let mut all = Vec::new();
        // SAFETY: the GIL keeps other callers away from the database's static state.
        unsafe {
            libc::setpwent();
            loop {
                let p = libc::getpwent();
                if p.is_null() {
                    break;
                }
                all.push(Entry::copy(&*p));
            }
            libc::endpwent();
        }
        all.into_iter().map(Entry::object).collect()
    }

    #[module_exec]
    fn exec(module: &Object<Module>) -> PyResult<()> {
        module.add("struct_passwd", class()?);
        Ok(())
    }
}

/// The group database.
///
/// Entries are struct_group tuples: name, password, id, and the list of the members' names.
#[pymodule(name = "grp")]
pub mod grp {
    use super::*;
    use pyrs_runtime::object::Object;
    use pyrs_runtime::objects::list::List;
    use pyrs_runtime::objects::module::Module;
    use pyrs_runtime::protocols::text::repr_text;

    struct Entry {
        name: Option<Vec<u8>>,
        passwd: Option<Vec<u8>>,
        gid: u32,
        members: Vec<Vec<u8>>,
    }

    impl Entry {
        /// # Safety
        /// The strings of `g` are null or NUL-terminated, its list of members is NULL-terminated.
        unsafe fn copy(g: &libc::group) -> Entry {
            let mut members = Vec::new();
            // SAFETY: by contract.
            unsafe {
                let mut at = g.gr_mem;
                while !at.is_null()
                    && let Some(member) = field(at.read_unaligned())
                {
                    members.push(member);
                    at = at.add(1);
                }
                Entry { name: field(g.gr_name), passwd: field(g.gr_passwd), gid: g.gr_gid, members }
            }
        }

        fn object(self) -> PyResult<Obj> {
            let members = self.members.into_iter().map(|m| text(Some(m))).collect();
            let values =
                vec![text(self.name), text(self.passwd), int::new(self.gid as i64), List::from_vec(members).into()];
            crate::struct_sequence::instance(&class()?, values)
        }
    }

    fn class() -> PyResult<Obj> {
        crate::struct_sequence::class("grp", "struct_group", &["gr_name", "gr_passwd", "gr_gid", "gr_mem"], 4)
    }

    /// The entry of a group id.
    #[pyfunction(sig = "(id)")]
    fn getgrgid(id: &Obj) -> PyResult<Obj> {
        let gid = id_argument(id, "gid")?;
        let found = with_growing_buffer(|buffer| {
            // SAFETY: the buffer backs the entry, which is copied before it goes.
            unsafe {
                let (mut entry, mut result) = (std::mem::zeroed(), std::ptr::null_mut());
                let error = libc::getgrgid_r(gid, &mut entry, buffer.as_mut_ptr(), buffer.len(), &mut result);
                (error, (!result.is_null()).then(|| Entry::copy(&entry)))
            }
        })?;
        let shown = if gid == u32::MAX { -1 } else { gid as i64 };
        found.ok_or_else(|| raise!(KeyError, "getgrgid(): gid not found: {shown}"))?.object()
    }

    /// The entry of a group name.
    #[pyfunction(sig = "(name)")]
    fn getgrnam(name: &Obj) -> PyResult<Obj> {
        let c = name_argument("getgrnam", name)?;
        let found = with_growing_buffer(|buffer| {
            // SAFETY: as in `getgrgid`.
            unsafe {
                let (mut entry, mut result) = (std::mem::zeroed(), std::ptr::null_mut());
                let (start, size) = (buffer.as_mut_ptr(), buffer.len());
                let error = libc::getgrnam_r(c.as_ptr(), &mut entry, start, size, &mut result);
                (error, (!result.is_null()).then(|| Entry::copy(&entry)))
            }
        })?;
        match found {
            Some(entry) => entry.object(),
            None => Err(raise!(KeyError, "getgrnam(): name not found: {}", repr_text(name)?)),
        }
    }

    /// All entries, in no particular order.
    #[pyfunction]
    fn getgrall() -> PyResult<Vec<Obj>> {
        let mut all = Vec::new();
        // SAFETY: the GIL keeps other callers away from the database's static state.
        unsafe {
            libc::setgrent();
            loop {
                let g = libc::getgrent();
                if g.is_null() {
                    break;
                }
                all.push(Entry::copy(&*g));
            }
            libc::endgrent();
        }
        all.into_iter().map(Entry::object).collect()
    }

    #[module_exec]
    fn exec(module: &Object<Module>) -> PyResult<()> {
        module.add("struct_group", class()?);
        Ok(())
    }
}
