//! Where the executable, the library and virtual environments are: `sys.prefix`, `sys.path` and their relatives.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use pyrs_modules::core::Flags;

use crate::args::variable;

/// Fills in everything that depends on where files are.
pub fn set(flags: &mut Flags) {
    let executable = find_executable(flags.orig_argv.first());
    let mut base_executable = executable.clone();
    let mut environment = None;
    if let Some((folder, config)) = executable.as_deref().and_then(find_config) {
        if let Some(home) = setting(&config, "home") {
            let name = executable.as_ref().and_then(|e| e.file_name()).unwrap_or_default();
            let named = setting(&config, "executable").map(PathBuf::from).filter(|p| p.exists());
            let beside = Path::new(&home).join(name);
            base_executable = if beside.exists() { Some(beside) } else { named.or(base_executable) };
        }
        environment = Some(folder);
    }
    let home = variable(flags, "PYTHONHOME").map(|h| {
        let bytes = h.as_bytes();
        let end = bytes.iter().position(|b| *b == b':').unwrap_or(bytes.len());
        OsString::from_vec(bytes[..end].to_vec())
    });
    let installed = base_executable
        .as_ref()
        .and_then(|e| e.canonicalize().ok())
        .and_then(|e| Some(e.parent()?.parent()?.to_owned()))
        .unwrap_or_else(|| PathBuf::from("/usr/local"));
    let base = home.map_or(installed, PathBuf::from);
    let text = |p: &Path| p.to_string_lossy().into_owned();
    flags.base_prefix = text(&base);
    flags.prefix = environment.map_or_else(|| text(&base), |e| text(&e));
    flags.executable = executable.map(|e| text(&e)).unwrap_or_default();
    flags.base_executable = base_executable.map(|e| text(&e)).unwrap_or_default();
    let mut path: Vec<OsString> = Vec::new();
    if let Some(list) = variable(flags, "PYTHONPATH") {
        path.extend(list.as_bytes().split(|b| *b == b':').map(|p| OsString::from_vec(p.to_vec())));
    }
    let library = base.join("lib/python3.14");
    path.push(base.join("lib/python314.zip").into());
    path.push(library.clone().into());
    path.push(library.join("lib-dynload").into());
    flags.stdlib_dir = Some(text(&library));
    flags.path = path;
}

/// The program's file as it was called: links are not followed, so that virtual environments are found.
fn find_executable(argv0: Option<&OsString>) -> Option<PathBuf> {
    let real = || std::env::current_exe().ok();
    let Some(argv0) = argv0.filter(|a| !a.is_empty()) else { return real() };
    let given = Path::new(argv0);
    let found = if argv0.as_bytes().contains(&b'/') {
        std::path::absolute(given).ok()
    } else {
        std::env::var_os("PATH")
            .and_then(|list| std::env::split_paths(&list).map(|dir| dir.join(given)).find(|p| is_executable(p)))
            .and_then(|p| std::path::absolute(p).ok())
    };
    found.filter(|p| p.is_file()).or_else(real)
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

/// The virtual environment of an executable: its folder, and the text of `pyvenv.cfg`.
fn find_config(executable: &Path) -> Option<(PathBuf, String)> {
    let folder = executable.parent()?;
    for place in [folder, folder.parent()?] {
        if let Ok(text) = std::fs::read_to_string(place.join("pyvenv.cfg")) {
            // The configuration stands beside the folder of the executable.
            let root = if place == folder { folder.parent().unwrap_or(folder) } else { place };
            return Some((root.to_owned(), text));
        }
    }
    None
}

/// A setting of `pyvenv.cfg`.
fn setting(config: &str, name: &str) -> Option<String> {
    config
        .lines()
        .filter_map(|line| line.split_once('='))
        .find_map(|(key, value)| key.trim().eq_ignore_ascii_case(name).then(|| value.trim().to_owned()))
}
