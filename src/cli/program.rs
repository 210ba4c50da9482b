//! Running a program: file, command, module or standard input.

use pyrs_compiler::Mode;
use pyrs_modules::core::{self, compile, import, sys_objects};
use pyrs_runtime::object::{Obj, PyClass};
use pyrs_runtime::objects::code::Code;
use pyrs_runtime::objects::dict::Dict;
use pyrs_runtime::objects::exceptions::{self, SystemExit};
use pyrs_runtime::objects::int;
use pyrs_runtime::objects::list::List;
use pyrs_runtime::objects::module::Module;
use pyrs_runtime::objects::singletons::none;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::protocols::{attr, text};
use pyrs_runtime::{PyResult, Raised, call, thread};

use crate::args::{Parsed, Target};
use crate::start;

/// Runs the whole life of a process; the exit code.
pub fn main(parsed: Parsed) -> i32 {
    if let Err(message) = start::start(parsed.flags.clone()) {
        eprintln!("{message}");
        return 1;
    }
    let result = init_program().and_then(|()| run(&parsed));
    let code = match result {
        Ok(()) => 0,
        Err(raised) => report(raised),
    };
    if start::finish() || code != 0 { code } else { 120 }
}

/// `site`, the standard streams, and `__main__`.
fn init_program() -> PyResult<()> {
    import::import_module("encodings")?;
    pyrs_modules::io::open_standard_streams()?;
    let main = Module::new("__main__", None);
    let rt = thread::runtime();
    main.add("__builtins__", import::import_module("builtins")?);
    main.add("__loader__", none());
    let modules = rt.modules.get().expect("sys.modules exists");
    modules.downcast::<Dict>().expect("a dict").set_text("__main__", main.into());
    if !core::flags().no_site {
        import::import_module("site")?;
    }
    Ok(())
}

fn main_dict() -> PyResult<Obj> {
    let main = import::import_module("__main__")?;
    Ok(main.downcast::<Module>().expect("a module").dict().into())
}

fn prepend_path(entry: &str) {
    if let Some(path) = core::sys_attribute("path")
        && let Some(list) = path.downcast::<List>()
    {
        list.with(|items| items.insert(0, Str::new(entry).into()));
    }
}

fn run(parsed: &Parsed) -> PyResult<()> {
    let flags = core::flags();
    match &parsed.target {
        Target::Command(command) => {
            if !flags.safe_path {
                prepend_path("");
            }
            let mut source = command.clone();
            source.push('\n');
            run_source(source.as_bytes(), "<string>")
        }
        Target::Module(module) => {
            if !flags.safe_path {
                let folder = std::env::current_dir().map(|d| d.to_string_lossy().into_owned()).unwrap_or_default();
                prepend_path(&folder);
            }
            let runpy = import::import_module("runpy")?;
            call::call_method(&runpy, "_run_module_as_main", &[Str::new(module).into()]).map(drop)
        }
        Target::File(path) => run_file(path, parsed.skip_first_line),
        Target::Stdin => run_stdin(),
    }
}

fn run_stdin() -> PyResult<()> {
    use std::io::{IsTerminal, Read};
    prepend_path("");
    let stdin = std::io::stdin();
    if stdin.is_terminal() || core::flags().interactive > 0 {
        let code = import::import_module("code")?;
        let local = main_dict()?;
        let interact = attr::getattr_text(&code, "interact")?;
        return call::call_keywords(&interact, &[], &[("local", local)]).map(drop);
    }
    let mut source = Vec::new();
    if let Err(error) = stdin.lock().read_to_end(&mut source) {
        return Err(pyrs_runtime::errors::raise_io(&error, None));
    }
    run_source(&source, "<stdin>")
}

fn run_file(path: &str, skip_first_line: bool) -> PyResult<()> {
    let file = std::path::Path::new(path);
    if file.is_dir() || is_zip(file) {
        prepend_path(path);
        let runpy = import::import_module("runpy")?;
        return call::call_method(
            &runpy,
            "_run_module_as_main",
            &[Str::new("__main__").into(), pyrs_runtime::objects::singletons::bool_obj(false)],
        )
        .map(drop);
    }
    let mut source = match std::fs::read(file) {
        Ok(source) => source,
        Err(error) => {
            let shown = text::repr_text(&Str::new(path).into())?;
            let errno = error.raw_os_error().unwrap_or(0);
            let reason = error.to_string();
            let reason = reason.split(" (os error").next().unwrap_or_default();
            eprintln!("{}: can't open file {shown}: [Errno {errno}] {reason}", core::flags().orig_argv[0]);
            return Err(pyrs_runtime::errors::raise_class(SystemExit::class(), &[int::new(2)]));
        }
    };
    if !core::flags().safe_path {
        let folder = file.canonicalize().ok().and_then(|p| p.parent().map(|d| d.to_string_lossy().into_owned()));
        prepend_path(&folder.unwrap_or_default());
    }
    let globals = main_dict()?;
    let globals = globals.downcast::<Dict>().expect("a dict");
    globals.set_text("__file__", Str::new(path).into());
    globals.set_text("__cached__", none());
    if path.ends_with(".pyc") {
        return run_pyc(&source);
    }
    if skip_first_line {
        let end = source.iter().position(|b| *b == b'\n').unwrap_or(source.len());
        source.drain(..end);
    }
    run_source(&source, path)
}

fn is_zip(path: &std::path::Path) -> bool {
    use std::io::Read;
    let mut head = [0u8; 4];
    std::fs::File::open(path).and_then(|mut f| f.read_exact(&mut head)).is_ok() && &head == b"PK\x03\x04"
}

fn run_pyc(data: &[u8]) -> PyResult<()> {
    if data.len() < 16 || data[..4] != [0x2b, 0x0e, 0x0d, 0x0a] {
        return Err(pyrs_runtime::raise!(RuntimeError, "Bad magic number in .pyc file"));
    }
    let code = import::constant_from_marshal(&data[16..])?;
    match code.exact::<Code>() {
        Some(_) => run_code(&code),
        None => Err(pyrs_runtime::raise!(RuntimeError, "Bad code object in .pyc file")),
    }
}

fn run_source(source: &[u8], filename: &str) -> PyResult<()> {
    let code = compile::compile_source(source, filename, Mode::Exec, 0, core::flags().optimize.min(2) as i8)?;
    run_code(&code)
}

fn run_code(code: &Obj) -> PyResult<()> {
    let globals = main_dict()?;
    let dict = globals.downcast::<Dict>().expect("a dict");
    let code = code.exact::<Code>().expect("compile gives code");
    pyrs_interp::eval::run_code(code, dict, &globals, None).map(drop)
}

/// Shows an exception that nobody caught; the exit code.
fn report(raised: Raised) -> i32 {
    let exc = raised.take();
    if exc.class().is_subclass(SystemExit::class()) {
        return exit_code(&exc);
    }
    flush("stdout");
    if core::sys_attribute("__stderr__").is_none() {
        // The streams could not be made: there is no other way to say why.
        let shown = text::repr_text(&exc).unwrap_or_default();
        eprintln!(
            "Fatal Python error: init_sys_streams: {shown}\n{}",
            pyrs_interp::frame_object::describe_traceback(&exc)
        );
        return 1;
    }
    let interrupted = exc.class().is_subclass(exceptions::KeyboardInterrupt::class());
    let traceback = exceptions::traceback(&exc).unwrap_or_else(none);
    for (name, value) in [
        ("last_type", exc.class().to_obj()),
        ("last_value", exc.clone()),
        ("last_traceback", traceback.clone()),
        ("last_exc", exc.clone()),
    ] {
        if let Some(sys) = thread::runtime().sys_dict.get() {
            sys.downcast::<Dict>().expect("a dict").set_text(name, value);
        }
    }
    let hook = core::sys_attribute("excepthook");
    let shown = match hook {
        Some(hook) => call::call(&hook, &[exc.class().to_obj(), exc.clone(), traceback.clone()]).map(drop),
        None => sys_objects::print_exception(&exc, &traceback),
    };
    if let Err(raised) = shown {
        let second = raised.take();
        if second.class().is_subclass(SystemExit::class()) {
            return exit_code(&second);
        }
        eprintln!("Error in sys.excepthook:");
        if let Err(raised) = sys_objects::print_exception(&second, &none()) {
            raised.discard();
        }
        eprintln!("\nOriginal exception was:");
        if let Err(raised) = sys_objects::print_exception(&exc, &traceback) {
            raised.discard();
        }
    }
    if interrupted { 130 } else { 1 }
}

fn flush(stream: &str) {
    if let Some(stream) = core::sys_attribute(stream).filter(|s| !s.is_none())
        && let Err(raised) = call::call_method(&stream, "flush", &[])
    {
        raised.discard();
    }
}

fn exit_code(exc: &Obj) -> i32 {
    let code = attr::getattr_text(exc, "code").unwrap_or_else(|raised| {
        raised.discard();
        none()
    });
    if code.is_none() {
        return 0;
    }
    if int::is_int(&code) {
        return int::to_i64(&code).map_or(-1, |n| (n & 0xff) as i32);
    }
    flush("stdout");
    let shown = text::str_text(&code).unwrap_or_default();
    if let Some(stderr) = core::sys_attribute("stderr").filter(|s| !s.is_none())
        && let Err(raised) = call::call_method(&stderr, "write", &[Str::new(&format!("{shown}\n")).into()])
    {
        raised.discard();
    }
    1
}
