//! Running a program: file, command, module or standard input.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use pyrs_compiler::Mode;
use pyrs_interp::observe;
use pyrs_modules::core::{self, compile, import, sys_objects};
use pyrs_modules::os::posix::posix::name_object;
use pyrs_runtime::object::{Obj, PyClass};
use pyrs_runtime::objects::code::Code;
use pyrs_runtime::objects::dict::Dict;
use pyrs_runtime::objects::exceptions::{self, SystemExit};
use pyrs_runtime::objects::int;
use pyrs_runtime::objects::list::List;
use pyrs_runtime::objects::module::{FIRST_PATH, Module};
use pyrs_runtime::objects::singletons::{bool_obj, none};
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::protocols::{attr, text};
use pyrs_runtime::{PyResult, Raised, call, thread};

use crate::args::{Parsed, Target, variable};
use crate::{early, fatal, finish, start};

/// How a program ended.
enum Outcome {
    Code(i32),
    /// Nobody handled KeyboardInterrupt: the process ends by the signal.
    Interrupted,
}

/// Runs the whole life of a process; the exit code.
pub fn main(parsed: Parsed) -> i32 {
    early::restore_closed_descriptors();
    if let Err(message) = start::start(parsed.flags.clone()) {
        return fatal(&message);
    }
    if let Some(mode) = parsed.observe {
        observe::set_mode(mode);
    }
    parsed.jit.start();
    let result = init_program().and_then(|()| {
        finish::remember_start();
        thread::runtime().gc_enabled.set(true);
        run(&parsed)
    });
    let mut outcome = match result {
        Ok(()) => Outcome::Code(0),
        Err(raised) => report(raised),
    };
    if wants_prompt(&parsed) {
        outcome = match prompt(false) {
            Ok(()) => Outcome::Code(0),
            Err(raised) => report(raised),
        };
    }
    parsed.jit.finish();
    let flushed = finish::finish();
    if let Some(report) = observe::stats::report() {
        eprint!("{report}");
    }
    match outcome {
        Outcome::Code(code) => {
            if flushed {
                code
            } else {
                120
            }
        }
        Outcome::Interrupted => end_by_interrupt(),
    }
}

/// Ends the process as the signal would have done without a handler.
fn end_by_interrupt() -> i32 {
    // SAFETY: plain calls; if the process survives, its exit code says the same.
    unsafe {
        libc::signal(libc::SIGINT, libc::SIG_DFL);
        libc::kill(libc::getpid(), libc::SIGINT);
    }
    130
}

/// `-i`, or `PYTHONINSPECT` set while the program ran.
fn wants_prompt(parsed: &Parsed) -> bool {
    if parsed.target == Target::Stdin {
        return false;
    }
    core::flags().inspect > 0 || variable(core::flags(), "PYTHONINSPECT").is_some()
}

/// Signals, the standard streams, `__main__` and `site`.
fn init_program() -> PyResult<()> {
    import::import_module("_signal")?;
    pyrs_modules::io::open_standard_streams()?;
    let flags = core::flags();
    if flags.faulthandler {
        let module = import::import_module("faulthandler")?;
        call::call_method(&module, "enable", &[])?;
    }
    let main = Module::new("__main__", None);
    let rt = thread::runtime();
    main.add("__builtins__", import::import_module("builtins")?);
    if let Some(importlib) = rt.registered("importlib") {
        main.add("__loader__", attr::getattr_text(&importlib, "BuiltinImporter")?);
    }
    let modules = rt.modules.get().expect("sys.modules exists");
    modules.downcast::<Dict>().expect("a dict").set_text("__main__", main.into());
    if !flags.warn_options.is_empty() {
        import::import_module("warnings")?;
    }
    if !flags.no_site {
        import::import_module("site")?;
    }
    Ok(())
}

fn main_dict() -> PyResult<Obj> {
    let main = import::import_module("__main__")?;
    Ok(main.downcast::<Module>().expect("a module").dict().into())
}

fn os_text(text: &OsStr) -> Obj {
    name_object(text.as_bytes(), false)
}

fn prepend_path(entry: &OsStr) {
    if core::flags().safe_path {
        return;
    }
    thread::runtime().register(FIRST_PATH, os_text(entry));
    insert_path(entry);
}

fn insert_path(entry: &OsStr) {
    if let Some(path) = core::sys_attribute("path")
        && let Some(list) = path.downcast::<List>()
    {
        list.with(|items| items.insert(0, os_text(entry)));
    }
}

fn run(parsed: &Parsed) -> PyResult<()> {
    match &parsed.target {
        Target::Command(command) => run_command(command),
        Target::Module(module) => {
            let folder = std::env::current_dir().map(OsString::from).unwrap_or_default();
            prepend_path(&folder);
            let runpy = import::import_module("runpy")?;
            call::call_method(&runpy, "_run_module_as_main", &[Str::new(module).into()]).map(drop)
        }
        Target::File(path) => run_file(path, parsed.skip_first_line),
        Target::Stdin => run_stdin(),
    }
}

fn run_command(command: &OsStr) -> PyResult<()> {
    prepend_path(OsStr::new(""));
    let decoded = os_text(command);
    let source = decoded.downcast::<Str>().expect("a str").to_string_checked();
    let mut source = match source {
        Ok(source) => source,
        Err(raised) => {
            pyrs_runtime::complain!("Unable to decode the command from the command line:");
            return Err(raised);
        }
    };
    // Indentation that all lines share is no part of the command.
    source = dedent(&source);
    source.push('\n');
    let flags = pyrs_compiler::compile_flags::IGNORE_COOKIE;
    let level = core::flags().optimize.min(2) as i8;
    let code = compile::compile_source(source.as_bytes(), "<string>", Mode::Exec, flags, level)?;
    // Tracebacks show the lines of the command.
    import::register_source(code.clone(), Str::new(&source).into())?;
    run_code(&code)
}

/// Takes away the white space that all lines begin with; lines of nothing else do not count.
fn dedent(source: &str) -> String {
    let indent = |line: &str| line.len() - line.trim_start_matches([' ', '\t']).len();
    let filled = || source.lines().filter(|l| !l.trim().is_empty());
    let Some(first) = filled().next() else { return source.to_owned() };
    let mut common = &first[..indent(first)];
    for line in filled() {
        let same = common.bytes().zip(line.bytes()).take_while(|(a, b)| a == b).count();
        common = &common[..same];
    }
    if common.is_empty() {
        return source.to_owned();
    }
    let blank = |line: &str| line.trim().is_empty();
    let cut = |line: &str| if blank(line) { String::new() } else { cut_line(line, common) };
    source.split('\n').map(cut).collect::<Vec<String>>().join("\n")
}

fn cut_line(line: &str, common: &str) -> String {
    line.strip_prefix(common).unwrap_or(line).to_owned()
}

fn run_stdin() -> PyResult<()> {
    use std::io::IsTerminal;
    prepend_path(OsStr::new(""));
    let flags = core::flags();
    if std::io::stdin().is_terminal() || flags.interactive > 0 {
        if !flags.quiet {
            let repl = import::import_module("_pyrs_repl")?;
            call::call_method(&repl, "banner", &[])?;
        }
        return prompt(true);
    }
    let Some(stdin) = core::sys_attribute("stdin").filter(|s| !s.is_none()) else { return Ok(()) };
    let buffer = attr::getattr_text(&stdin, "buffer")?;
    let source = call::call_method(&buffer, "read", &[])?;
    let source = pyrs_runtime::objects::bytes::from_object(&source)?;
    run_source(&source, "<stdin>")?;
    if flags.inspect > 0 { prompt(false) } else { Ok(()) }
}

/// The interactive prompt.
fn prompt(startup: bool) -> PyResult<()> {
    let repl = import::import_module("_pyrs_repl")?;
    let fancy = variable(core::flags(), "PYTHON_BASIC_REPL").is_none() && {
        use std::io::IsTerminal;
        std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
    };
    call::call_method(&repl, "interact", &[bool_obj(startup), bool_obj(fancy)]).map(drop)
}

fn run_file(path: &OsStr, skip_first_line: bool) -> PyResult<()> {
    let file = Path::new(path);
    let absolute = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    if file.is_dir() {
        return run_folder(path);
    }
    let mut source = match std::fs::read(file) {
        Ok(source) => source,
        Err(error) => {
            let shown = text::repr_text(&os_text(absolute.as_os_str()))?;
            let errno = error.raw_os_error().unwrap_or(0);
            let reason = error.to_string();
            let reason = reason.split(" (os error").next().unwrap_or_default();
            let program = core::flags().orig_argv.first().map(|a| a.to_string_lossy().into_owned());
            let program = program.unwrap_or_default();
            pyrs_runtime::complain!("{program}: can't open file {shown}: [Errno {errno}] {reason}");
            return Err(pyrs_runtime::errors::raise_class(SystemExit::class(), &[int::new(2)]));
        }
    };
    if is_zip(&source) {
        return run_folder(path);
    }
    let folder = file.canonicalize().ok().and_then(|p| p.parent().map(Path::to_owned));
    prepend_path(folder.unwrap_or_default().as_os_str());
    let globals = main_dict()?;
    let globals = globals.downcast::<Dict>().expect("a dict");
    let shown = os_text(absolute.as_os_str());
    globals.set_text("__file__", shown.clone());
    globals.set_text("__cached__", none());
    let shown = shown.downcast::<Str>().expect("a str").to_string_lossy();
    let is_compiled = path.as_bytes().ends_with(b".pyc");
    let loader = if is_compiled { "SourcelessFileLoader" } else { "SourceFileLoader" };
    let external = import::import_module("_frozen_importlib_external")?;
    let loader = call::call_method(&external, loader, &[Str::intern("__main__").into(), Str::new(&shown).into()])?;
    globals.set_text("__loader__", loader);
    if is_compiled {
        return run_pyc(&source);
    }
    if skip_first_line {
        // The line stays, empty, so that line numbers are right.
        let end = source.iter().position(|b| *b == b'\n').unwrap_or(source.len());
        source.drain(..end);
    }
    run_source(&source, &shown)
}

/// A folder or an archive with a `__main__`.
fn run_folder(path: &OsStr) -> PyResult<()> {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.into());
    insert_path(absolute.as_os_str());
    let runpy = import::import_module("runpy")?;
    call::call_method(&runpy, "_run_module_as_main", &[Str::new("__main__").into(), bool_obj(false)]).map(drop)
}

/// An archive ends with the record of its directory, and perhaps a comment behind it.
fn is_zip(data: &[u8]) -> bool {
    const RECORD: usize = 22;
    if data.len() < RECORD {
        return false;
    }
    let start = data.len().saturating_sub(RECORD + 0xffff);
    (start..=data.len() - RECORD).rev().any(|at| {
        let record = &data[at..];
        record.starts_with(b"PK\x05\x06")
            && at + RECORD + u16::from_le_bytes([record[20], record[21]]) as usize == data.len()
    })
}

fn run_pyc(data: &[u8]) -> PyResult<()> {
    if data.len() < 16 || data[..4] != [0x2b, 0x0e, 0x0d, 0x0a] {
        return Err(pyrs_runtime::raise!(RuntimeError, "Bad magic number in .pyc file"));
    }
    let bad = || pyrs_runtime::raise!(RuntimeError, "Bad code object in .pyc file");
    let code = import::constant_from_marshal(&data[16..]).map_err(|raised| {
        raised.discard();
        bad()
    })?;
    match code.exact::<Code>() {
        Some(_) => run_code(&code),
        None => Err(bad()),
    }
}

fn run_source(source: &[u8], filename: &str) -> PyResult<()> {
    let code = compile::compile_program(source, filename, core::flags().optimize.min(2) as i8)?;
    run_code(&code)
}

fn run_code(code: &Obj) -> PyResult<()> {
    let globals = main_dict()?;
    let dict = globals.downcast::<Dict>().expect("a dict");
    let code = code.exact::<Code>().expect("compile gives code");
    pyrs_interp::eval::run_code(code, dict, &globals, None).map(drop)
}

/// Shows an exception that nobody caught.
fn report(raised: Raised) -> Outcome {
    let exc = raised.take();
    if exc.class().is_subclass(SystemExit::class()) {
        return Outcome::Code(exit_code(&exc));
    }
    flush("stdout");
    if core::sys_attribute("__stderr__").is_none() {
        // The streams could not be made: there is no other way to say why.
        let shown = text::repr_text(&exc).unwrap_or_default();
        let place = pyrs_interp::frame_object::describe_traceback(&exc);
        return Outcome::Code(fatal(&format!("init_sys_streams: {shown}\n{place}")));
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
            return Outcome::Code(exit_code(&second));
        }
        pyrs_runtime::complain!("Error in sys.excepthook:");
        if let Err(raised) = sys_objects::print_exception(&second, &none()) {
            raised.discard();
        }
        pyrs_runtime::complain!("\nOriginal exception was:");
        if let Err(raised) = sys_objects::print_exception(&exc, &traceback) {
            raised.discard();
        }
    }
    if interrupted { Outcome::Interrupted } else { Outcome::Code(1) }
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
    let shown = text::str(&code).map(Into::<Obj>::into).unwrap_or_else(|raised| {
        raised.discard();
        Str::empty().into()
    });
    match core::sys_attribute("stderr").filter(|s| !s.is_none()) {
        Some(stderr) => {
            for piece in [shown, Str::new("\n").into()] {
                if let Err(raised) = call::call_method(&stderr, "write", &[piece]) {
                    raised.discard();
                }
            }
        }
        None => pyrs_runtime::complain!("{}", shown.downcast::<Str>().map(|s| s.to_string_lossy()).unwrap_or_default()),
    }
    1
}
