//! The runtime inside the benchmark process.

use std::path::Path;
use std::sync::Once;

use pyrs_modules::core::{self, Flags, import};
use pyrs_runtime::object::Obj;
use pyrs_runtime::objects::list::List;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::protocols::text;
use pyrs_runtime::{PyResult, thread};

/// Starts the runtime, once; benchmarks run on the thread that did.
pub fn start() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        let flags = Flags { dont_write_bytecode: true, ..Flags::default() };
        pyrs_cli::start::start(flags).expect("the runtime starts");
        thread::runtime().gc_enabled.set(true);
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches");
        let path = core::sys_attribute("path").expect("sys.path exists");
        let path = path.downcast::<List>().expect("sys.path is a list");
        path.with(|items| items.push(Str::new(&folder.to_string_lossy()).into()));
    });
}

/// A module of the library or of this folder.
pub fn module(name: &str) -> Obj {
    start();
    must(import::import_module(name))
}

/// The result of something that has no reason to raise.
pub fn must<T>(result: PyResult<T>) -> T {
    result.unwrap_or_else(|raised| {
        let shown = text::repr_text(&raised.take()).ok();
        panic!("Python raised {}", shown.as_deref().unwrap_or("an exception without a text"))
    })
}
