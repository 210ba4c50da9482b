//! `_stat`: file modes.

use pyrs_macros::pymodule;

/// Tests and constants for file modes.
///
/// S_IFMT() gives the kind of file, S_IMODE() the bits that chmod() can set, the S_IS...() functions
/// test for one kind, and filemode() shows a mode as `ls -l` does.
#[pymodule(name = "_stat")]
pub mod stat {
    use pyrs_runtime::errors::PyResult;
    use pyrs_runtime::object::{Obj, Object};
    use pyrs_runtime::objects::int;
    use pyrs_runtime::objects::module::Module;
    use pyrs_runtime::protocols::number;
    use pyrs_runtime::raise;

    use crate::os::support::add_constants;

    const FORMAT: u32 = 0o170000;

    fn mode(object: &Obj) -> PyResult<u32> {
        let index = number::index(object)?;
        match int::to_bigint(&index).and_then(|n| u64::try_from(&n).ok()) {
            Some(n) => u32::try_from(n).map_err(|_| raise!(OverflowError, "mode out of range")),
            None if number::is_negative(&index) => {
                Err(raise!(OverflowError, "can't convert negative value to unsigned int"))
            }
            None => Err(raise!(OverflowError, "Python int too large to convert to C unsigned long")),
        }
    }

    fn has_kind(object: &Obj, kind: u32) -> PyResult<bool> {
        Ok(mode(object)? & FORMAT == kind)
    }

    /// True for the mode of a directory.
    #[pyfunction(name = "S_ISDIR")]
    fn is_dir(object: &Obj) -> PyResult<bool> {
        has_kind(object, libc::S_IFDIR)
    }

    /// True for the mode of a character device.
    #[pyfunction(name = "S_ISCHR")]
    fn is_chr(object: &Obj) -> PyResult<bool> {
        has_kind(object, libc::S_IFCHR)
    }

    /// True for the mode of a block device.
    #[pyfunction(name = "S_ISBLK")]
    fn is_blk(object: &Obj) -> PyResult<bool> {
        has_kind(object, libc::S_IFBLK)
    }

    /// True for the mode of a regular file.
    #[pyfunction(name = "S_ISREG")]
    fn is_reg(object: &Obj) -> PyResult<bool> {
        has_kind(object, libc::S_IFREG)
    }

    /// True for the mode of a FIFO (named pipe).
    #[pyfunction(name = "S_ISFIFO")]
    fn is_fifo(object: &Obj) -> PyResult<bool> {
        has_kind(object, libc::S_IFIFO)
    }

    /// True for the mode of a symbolic link.
    #[pyfunction(name = "S_ISLNK")]
    fn is_lnk(object: &Obj) -> PyResult<bool> {
        has_kind(object, libc::S_IFLNK)
    }

    /// True for the mode of a socket.
    #[pyfunction(name = "S_ISSOCK")]
    fn is_sock(object: &Obj) -> PyResult<bool> {
        has_kind(object, libc::S_IFSOCK)
    }

    /// True for the mode of a door; Linux has none.
    #[pyfunction(name = "S_ISDOOR")]
    fn is_door(object: &Obj) -> PyResult<bool> {
        mode(object).map(|_| false)
    }

    /// True for the mode of an event port; Linux has none.
    #[pyfunction(name = "S_ISPORT")]
    fn is_port(object: &Obj) -> PyResult<bool> {
        mode(object).map(|_| false)
    }

    /// True for the mode of a whiteout; Linux has none.
    #[pyfunction(name = "S_ISWHT")]
    fn is_wht(object: &Obj) -> PyResult<bool> {
        mode(object).map(|_| false)
    }

    /// The bits of a mode that chmod() can set.
    #[pyfunction(name = "S_IMODE")]
    fn imode(object: &Obj) -> PyResult<u32> {
        Ok(mode(object)? & 0o7777)
    }

    /// The bits of a mode that tell the kind of file.
    #[pyfunction(name = "S_IFMT")]
    fn ifmt(object: &Obj) -> PyResult<u32> {
        Ok(mode(object)? & FORMAT)
    }

    /// A mode as text: '-rwxrwxrwx'.
    #[pyfunction]
    fn filemode(object: &Obj) -> PyResult<String> {
        let mode = mode(object)?;
        let mut text = String::with_capacity(10);
        text.push(match mode & FORMAT {
            libc::S_IFREG => '-',
            libc::S_IFDIR => 'd',
            libc::S_IFLNK => 'l',
            libc::S_IFBLK => 'b',
            libc::S_IFCHR => 'c',
            libc::S_IFIFO => 'p',
            libc::S_IFSOCK => 's',
            _ => '?',
        });
        for (i, c) in "rwxrwxrwx".chars().enumerate() {
            let set = mode & 0o400 >> i != 0;
            // set-user-id, set-group-id and the sticky bit are shown over the x of their group.
            let special = i % 3 == 2 && mode & 0o4000 >> (i / 3) != 0;
            let letter = if i == 8 { 't' } else { 's' };
            text.push(match (special, set) {
                (true, true) => letter,
                (true, false) => letter.to_ascii_uppercase(),
                (false, true) => c,
                (false, false) => '-',
            });
        }
        Ok(text)
    }

    #[module_exec]
    fn exec(module: &Object<Module>) -> PyResult<()> {
        add_constants(module, CONSTANTS);
        Ok(())
    }

    const CONSTANTS: &[(&str, i64)] = &[
        ("SF_APPEND", 262144),
        ("SF_ARCHIVED", 65536),
        ("SF_DATALESS", 1073741824),
        ("SF_FIRMLINK", 8388608),
        ("SF_IMMUTABLE", 131072),
        ("SF_NOUNLINK", 1048576),
        ("SF_SETTABLE", 4294901760),
        ("SF_SNAPSHOT", 2097152),
        ("ST_ATIME", 7),
        ("ST_CTIME", 9),
        ("ST_DEV", 2),
        ("ST_GID", 5),
        ("ST_INO", 1),
        ("ST_MODE", 0),
        ("ST_MTIME", 8),
        ("ST_NLINK", 3),
        ("ST_SIZE", 6),
        ("ST_UID", 4),
        ("S_ENFMT", 1024),
        ("S_IEXEC", 64),
        ("S_IFBLK", 24576),
        ("S_IFCHR", 8192),
        ("S_IFDIR", 16384),
        ("S_IFDOOR", 0),
        ("S_IFIFO", 4096),
        ("S_IFLNK", 40960),
        ("S_IFPORT", 0),
        ("S_IFREG", 32768),
        ("S_IFSOCK", 49152),
        ("S_IFWHT", 0),
        ("S_IREAD", 256),
        ("S_IRGRP", 32),
        ("S_IROTH", 4),
        ("S_IRUSR", 256),
        ("S_IRWXG", 56),
        ("S_IRWXO", 7),
        ("S_IRWXU", 448),
        ("S_ISGID", 1024),
        ("S_ISUID", 2048),
        ("S_ISVTX", 512),
        ("S_IWGRP", 16),
        ("S_IWOTH", 2),
        ("S_IWRITE", 128),
        ("S_IWUSR", 128),
        ("S_IXGRP", 8),
        ("S_IXOTH", 1),
        ("S_IXUSR", 64),
        ("UF_APPEND", 4),
        ("UF_COMPRESSED", 32),
        ("UF_DATAVAULT", 128),
        ("UF_HIDDEN", 32768),
        ("UF_IMMUTABLE", 2),
        ("UF_NODUMP", 1),
        ("UF_NOUNLINK", 16),
        ("UF_OPAQUE", 8),
        ("UF_SETTABLE", 65535),
        ("UF_TRACKED", 64),
    ];
}
