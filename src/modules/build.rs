//! Embeds the Python library: compiles every module of the pure-Python library and of our own `Lib`
//! (which wins), and writes bytecode and compressed sources into one blob with an index.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use pyrs_compiler::Mode;

struct Row {
    path: String,
    is_package: bool,
    code: Vec<u8>,
    source: Vec<u8>,
}

/// Folders that are of no use to an installed program.
const SKIPPED: [&str; 5] = ["__pycache__", "test", "tests", "idle_test", "lib2to3"];

/// The modules that every start imports, in this order.
const AT_START: [&str; 11] = [
    "importlib._bootstrap",
    "importlib._bootstrap_external",
    "_pyrs_importer",
    "abc",
    "stat",
    "_collections_abc",
    "genericpath",
    "posixpath",
    "os",
    "_sitebuiltins",
    "site",
];

fn main() {
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets OUT_DIR"));
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Lib");
    println!("cargo::rerun-if-changed={}", own.display());
    println!("cargo::rerun-if-changed=build.rs");
    let mut rows = BTreeMap::new();
    for root in [PathBuf::from(rustpython_pylib::LIB_PATH), own] {
        collect(&root, &root, &mut rows);
    }
    let mut blob = Vec::new();
    let mut index = String::from(
        "/// Name, path, is a package, place of the code, place of the compressed source.\n\
         static INDEX: &[(&str, &str, bool, (u32, u32), (u32, u32))] = &[\n",
    );
    let codes = place_codes(&rows, &mut blob);
    for (name, row) in &rows {
        let code = codes[name.as_str()];
        let source = append(&mut blob, &lz4_flex::compress_prepend_size(&row.source));
        let _ = writeln!(index, "    ({name:?}, {:?}, {}, {code:?}, {source:?}),", row.path, row.is_package);
    }
    index.push_str("];\n");
    fs::write(out.join("library.bin"), blob).expect("the output folder is writable");
    fs::write(out.join("library_index.rs"), index).expect("the output folder is writable");
}

/// Writes the bytecode of all modules, those of each start first, and says where it is: what is read together lies
/// together, so that a process has no more pages of the library in memory than it uses.
fn place_codes<'a>(rows: &'a BTreeMap<String, Row>, blob: &mut Vec<u8>) -> BTreeMap<&'a str, (u32, u32)> {
    let mut names: Vec<&str> = rows.keys().map(String::as_str).collect();
    names.sort_by_key(|name| AT_START.iter().position(|first| first == name).unwrap_or(AT_START.len()));
    names.into_iter().map(|name| (name, append(blob, &rows[name].code))).collect()
}

fn append(blob: &mut Vec<u8>, data: &[u8]) -> (u32, u32) {
    let at = blob.len() as u32;
    blob.extend_from_slice(data);
    (at, data.len() as u32)
}

fn collect(root: &Path, folder: &Path, rows: &mut BTreeMap<String, Row>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let file = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() {
            if !SKIPPED.contains(&file.as_str()) {
                collect(root, &path, rows);
            }
            continue;
        }
        let relative = path.strip_prefix(root).expect("below the root").to_string_lossy().into_owned();
        let Ok(mut source) = fs::read(&path) else { continue };
        if ["site.py", "sysconfig/__init__.py"].contains(&relative.as_str()) {
            source = with_python_folders(&source);
        }
        if file.ends_with(".py") {
            add_module(&relative, source, rows);
        } else if file.ends_with(".txt") || file.ends_with(".cfg") {
            // Data files are found by path only.
            rows.insert(format!("/{relative}"), Row { path: relative, is_package: false, code: Vec::new(), source });
        }
    }
}

/// The folders of the library have CPython's names, not those of the distribution it comes from.
fn with_python_folders(source: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(source);
    text.replace("'RustPython'", "'Python'").replace("lib/rustpython", "lib/python").into_bytes()
}

fn add_module(relative: &str, source: Vec<u8>, rows: &mut BTreeMap<String, Row>) {
    let stem = relative.trim_end_matches(".py");
    let (stem, is_package) = match stem.strip_suffix("/__init__") {
        Some(package) => (package, true),
        None => (stem, false),
    };
    let name = stem.replace('/', ".");
    let compiled = pyrs_compiler::compile_bytes(&source, relative, Mode::Exec, 0, 0, None, &mut |_| {});
    match compiled {
        Ok(code) => {
            let code = pyrs_bytecode::marshal::dump_code(&code);
            rows.insert(name, Row { path: relative.to_owned(), is_package, code, source });
        }
        Err(error) => println!("cargo::warning={relative} is left out: {error}"),
    }
}
