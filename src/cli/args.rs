//! Command-line options and `PYTHON*` variables, as CPython's.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use pyrs_interp::observe::Mode;
use pyrs_modules::core::Flags;

use crate::{help, jit};

/// What to run.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// `-c command`
    Command(OsString),
    /// `-m module`
    Module(String),
    /// A file, directory or zip archive.
    File(OsString),
    /// Standard input.
    Stdin,
}

/// The parsed command line.
#[derive(Debug)]
pub struct Parsed {
    pub target: Target,
    pub flags: Flags,
    pub skip_first_line: bool,
    /// `-X opstats` or `-X specialize`
    pub observe: Option<Mode>,
    pub jit: jit::Settings,
}

/// Why a run ends before it begins.
pub enum Stop {
    /// With this exit code.
    Exit(i32),
    /// With a message in the style of other fatal errors.
    Fatal(String),
}

struct Parser {
    args: Vec<OsString>,
    at: usize,
    flags: Flags,
    skip_first_line: bool,
    versions: u8,
    help: Option<fn(&str) -> String>,
    bytes_warnings: u8,
    command_line_warnings: Vec<OsString>,
    utf8: Option<bool>,
    /// `--jit`, `--no-jit`: the last one counts.
    jit: Option<bool>,
    dump: Option<jit::Format>,
    dump_to: Option<OsString>,
}

/// An environment variable that is set to something, unless they are to be ignored.
pub fn variable(flags: &Flags, name: &str) -> Option<OsString> {
    if flags.ignore_environment { None } else { std::env::var_os(name).filter(|v| !v.is_empty()) }
}

/// Parses the process's arguments.
pub fn parse(args: Vec<OsString>) -> Result<Parsed, Stop> {
    let flags = Flags { orig_argv: args.clone(), hash_randomization: true, ..Flags::default() };
    let mut parser = Parser {
        args,
        at: 1,
        flags,
        skip_first_line: false,
        versions: 0,
        help: None,
        bytes_warnings: 0,
        command_line_warnings: Vec::new(),
        utf8: None,
        jit: None,
        dump: None,
        dump_to: None,
    };
    let target = parser.options()?;
    if let Some(help) = parser.help {
        print!("{}", help(&parser.program()));
        return Err(Stop::Exit(0));
    }
    if parser.versions > 0 {
        println!("{}", help::version(parser.versions > 1));
        return Err(Stop::Exit(0));
    }
    let first = match &target {
        Target::Command(_) => "-c".into(),
        Target::Module(_) => "-m".into(),
        Target::File(path) => path.clone(),
        Target::Stdin if parser.args.get(parser.at - 1).is_some_and(|a| parser.at > 1 && a == "-") => "-".into(),
        Target::Stdin => OsString::new(),
    };
    let rest = parser.args[parser.at.min(parser.args.len())..].to_vec();
    parser.flags.argv = std::iter::once(first).chain(rest).collect();
    parser.environment()?;
    parser.settings()?;
    let observe = parser.observe()?;
    let jit = parser.jit_settings();
    Ok(Parsed { target, flags: parser.flags, skip_first_line: parser.skip_first_line, observe, jit })
}

impl Parser {
    fn program(&self) -> String {
        self.args.first().map(|a| a.to_string_lossy().into_owned()).unwrap_or_else(|| "pyrs".to_owned())
    }

    fn usage_error(&self, message: &str) -> Stop {
        pyrs_runtime::complain!("{message}");
        pyrs_runtime::complain!("usage: {} [option] ... [-c cmd | -m mod | file | -] [arg] ...", self.program());
        pyrs_runtime::complain!("Try `python -h' for more information.");
        Stop::Exit(2)
    }

    /// The value of an option: the rest of the argument or the next one.
    fn value(&mut self, option: char, rest: &[u8]) -> Result<OsString, Stop> {
        if !rest.is_empty() {
            return Ok(OsStr::from_bytes(rest).to_owned());
        }
        match self.args.get(self.at).cloned() {
            Some(value) => {
                self.at += 1;
                Ok(value)
            }
            None => Err(self.usage_error(&format!("Argument expected for the -{option} option"))),
        }
    }

    fn options(&mut self) -> Result<Target, Stop> {
        while let Some(arg) = self.args.get(self.at).cloned() {
            if arg == "-" {
                self.at += 1;
                return Ok(Target::Stdin);
            }
            let bytes = arg.as_bytes();
            if !bytes.starts_with(b"-") {
                self.at += 1;
                return Ok(Target::File(arg));
            }
            self.at += 1;
            if arg == "--" {
                return Ok(self.file_after_options());
            }
            if let Some(long) = bytes.strip_prefix(b"--") {
                self.long(&String::from_utf8_lossy(long))?;
                continue;
            }
            if let Some(target) = self.letters(&bytes[1..])? {
                return Ok(target);
            }
        }
        Ok(Target::Stdin)
    }

    fn file_after_options(&mut self) -> Target {
        match self.args.get(self.at).cloned() {
            Some(file) => {
                self.at += 1;
                if file == "-" { Target::Stdin } else { Target::File(file) }
            }
            None => Target::Stdin,
        }
    }

    fn long(&mut self, option: &str) -> Result<(), Stop> {
        match option {
            "help" => self.help = Some(help::options),
            "help-env" => self.help = Some(help::environment),
            "help-xoptions" => self.help = Some(help::x_options),
            "help-all" => self.help = Some(help::all),
            "version" => self.versions += 1,
            "jit" => self.jit = Some(true),
            "no-jit" => self.jit = Some(false),
            "dump-traces" | "dump-traces=text" => self.dump = Some(jit::Format::Text),
            "dump-traces=code" => self.dump = Some(jit::Format::Code),
            "dump-traces=json" => self.dump = Some(jit::Format::Json),
            "dump-traces-to" => {
                let Some(value) = self.args.get(self.at).cloned() else {
                    return Err(self.usage_error("Argument expected for the --dump-traces-to option"));
                };
                self.at += 1;
                self.dump_to = Some(value);
            }
            "check-hash-based-pycs" => {
                let Some(value) = self.args.get(self.at).cloned() else {
                    return Err(self.usage_error("Argument expected for the --check-hash-based-pycs options"));
                };
                self.at += 1;
                let value = value.to_string_lossy().into_owned();
                if !["always", "default", "never"].contains(&value.as_str()) {
                    return Err(
                        self.usage_error("--check-hash-based-pycs must be one of 'default', 'always', or 'never'")
                    );
                }
                self.flags.check_hash_pycs = value;
            }
            _ => return Err(self.usage_error(&format!("Unknown option: --{option}"))),
        }
        Ok(())
    }

    fn letters(&mut self, letters: &[u8]) -> Result<Option<Target>, Stop> {
        for (i, &c) in letters.iter().enumerate() {
            let rest = &letters[i + 1..];
            let f = &mut self.flags;
            match c {
                b'b' => self.bytes_warnings += 1,
                b'B' => f.dont_write_bytecode = true,
                b'c' => return self.value('c', rest).map(|v| Some(Target::Command(v))),
                // Old options without a meaning.
                b't' => {}
                b'd' => f.debug += 1,
                b'R' => f.force_random_hash = true,
                b'E' => f.ignore_environment = true,
                b'h' | b'?' => self.help = Some(help::options),
                b'i' => {
                    f.inspect += 1;
                    f.interactive += 1;
                }
                b'I' => {
                    f.isolated = true;
                    f.ignore_environment = true;
                    f.no_user_site = true;
                    f.safe_path = true;
                }
                b'm' => {
                    let module = self.value('m', rest)?;
                    return Ok(Some(Target::Module(module.to_string_lossy().into_owned())));
                }
                b'O' => f.optimize += 1,
                b'P' => f.safe_path = true,
                b'q' => f.quiet = true,
                b's' => f.no_user_site = true,
                b'S' => f.no_site = true,
                b'u' => f.unbuffered = true,
                b'v' => f.verbose += 1,
                b'V' => self.versions += 1,
                b'W' => {
                    let value = self.value('W', rest)?;
                    self.command_line_warnings.push(value);
                    return Ok(None);
                }
                b'x' => self.skip_first_line = true,
                b'X' => {
                    let value = self.value('X', rest)?;
                    let text = value.to_string_lossy();
                    let (key, value) = match text.split_once('=') {
                        Some((key, value)) => (key.to_owned(), Some(value.to_owned())),
                        None => (text.into_owned(), None),
                    };
                    self.flags.x_options.push((key, value));
                    return Ok(None);
                }
                _ => return Err(self.usage_error(&format!("Unknown option: -{}", c as char))),
            }
        }
        Ok(None)
    }

    /// The last value given for an `-X` option; the inner one is what stands behind `=`.
    fn x_option(&self, name: &str) -> Option<Option<&str>> {
        self.flags.x_options.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_deref())
    }

    fn variable(&self, name: &str) -> Option<String> {
        variable(&self.flags, name).map(|v| v.to_string_lossy().into_owned())
    }

    /// Variables that are switches or counters.
    fn environment(&mut self) -> Result<(), Stop> {
        // A value that is no positive number counts as 1.
        let count = |v: Option<String>| v.map_or(0, |v| v.trim().parse::<u8>().unwrap_or(1));
        let optimize = count(self.variable("PYTHONOPTIMIZE"));
        let verbose = count(self.variable("PYTHONVERBOSE"));
        let debug = count(self.variable("PYTHONDEBUG"));
        let inspect = self.variable("PYTHONINSPECT").is_some() as u8;
        let (bytecode, user_site) = (self.variable("PYTHONDONTWRITEBYTECODE"), self.variable("PYTHONNOUSERSITE"));
        let (unbuffered, safe_path) = (self.variable("PYTHONUNBUFFERED"), self.variable("PYTHONSAFEPATH"));
        let is_on = |v: Option<String>| v.is_some_and(|v| v.trim().parse::<i64>() != Ok(0));
        let dev = self.variable("PYTHONDEVMODE").is_some();
        let warn_encoding = self.variable("PYTHONWARNDEFAULTENCODING").is_some();
        let no_ranges = self.variable("PYTHONNODEBUGRANGES").is_some();
        let import_time = self.variable("PYTHONPROFILEIMPORTTIME");
        let prefix = self.variable("PYTHONPYCACHEPREFIX");
        let fault = self.variable("PYTHONFAULTHANDLER").is_some();
        let f = &mut self.flags;
        f.debug = f.debug.max(debug.min(1));
        f.optimize = f.optimize.max(optimize);
        f.verbose = f.verbose.max(verbose);
        f.inspect = f.inspect.max(inspect);
        f.dont_write_bytecode |= is_on(bytecode);
        f.no_user_site |= is_on(user_site);
        f.unbuffered |= is_on(unbuffered);
        f.safe_path |= safe_path.is_some();
        f.dev_mode |= dev;
        f.warn_default_encoding |= warn_encoding;
        f.no_debug_ranges |= no_ranges;
        f.import_time = f.import_time.max(count(import_time));
        f.pycache_prefix = prefix;
        f.faulthandler |= fault;
        Ok(())
    }

    /// `-X` options and what follows from several sources.
    fn settings(&mut self) -> Result<(), Stop> {
        let fatal = |text: &str| Err(Stop::Fatal(text.to_owned()));
        self.flags.dev_mode |= self.x_option("dev").is_some();
        self.flags.warn_default_encoding |= self.x_option("warn_default_encoding").is_some();
        self.flags.no_debug_ranges |= self.x_option("no_debug_ranges").is_some();
        self.flags.faulthandler |= self.x_option("faulthandler").is_some() || self.flags.dev_mode;
        if let Some(value) = self.x_option("importtime") {
            self.flags.import_time = match value {
                Some("2") => 2,
                None => 1,
                Some(text) if text == "1" || text.parse::<i64>().is_err() => 1,
                Some(_) => {
                    return fatal(
                        "config_init_import_time: -X importtime: values other than 1 and 2 are reserved for future use.",
                    );
                }
            };
        }
        match self.x_option("pycache_prefix") {
            Some(Some(prefix)) if !prefix.is_empty() => self.flags.pycache_prefix = Some(prefix.to_owned()),
            Some(_) => self.flags.pycache_prefix = None,
            None => {}
        }
        match self.x_option("frozen_modules") {
            None | Some(None | Some("" | "on" | "off")) => {}
            Some(Some(_)) => {
                return fatal("bad value for option -X frozen_modules (expected \"on\" or \"off\")");
            }
        }
        self.flags.malloc_stats = self.variable("PYTHONMALLOCSTATS").is_some();
        self.utf8_mode()?;
        self.cpu_count()?;
        self.digits_limit()?;
        self.allocator()?;
        self.tracemalloc()?;
        self.warning_options();
        Ok(())
    }

    /// What is asked of the JIT; `--dump-traces` alone turns it on.
    fn jit_settings(&self) -> jit::Settings {
        let mut settings = jit::Settings { dump: self.dump, dump_to: self.dump_to.clone(), ..Default::default() };
        settings.enabled = self.dump.is_some();
        if let Some(value) = self.variable("PYTHON_JIT") {
            settings.variable(&value);
        }
        if let Some(wanted) = self.jit {
            settings.enabled = wanted;
            settings.complaint = None;
        }
        if let Some(value) = self.x_option("jit") {
            settings.x_option(value);
        }
        let wanted = |x, variable| self.x_option(x).is_some() || self.variable(variable).is_some_and(|v| v != "0");
        settings.options.tools.perf_map = wanted("perf", "PYTHONPERFSUPPORT");
        settings.options.tools.jitdump = wanted("perf_jit", "PYTHON_PERF_JIT_SUPPORT");
        settings
    }

    /// `-X opstats`, else `-X specialize` or `PYTHONSPECIALIZE`.
    fn observe(&self) -> Result<Option<Mode>, Stop> {
        if self.x_option("opstats").is_some() {
            return Ok(Some(Mode::Count));
        }
        let value = match self.x_option("specialize") {
            Some(value) => Some(value.unwrap_or_default().to_owned()),
            None => self.variable("PYTHONSPECIALIZE"),
        };
        match value.as_deref() {
            None | Some("on") => Ok(None),
            Some("off") => Ok(Some(Mode::General)),
            Some("stress") => Ok(Some(Mode::Stress)),
            Some(_) => {
                Err(Stop::Fatal("bad value for option -X specialize (expected \"on\", \"off\" or \"stress\")".into()))
            }
        }
    }

    fn utf8_mode(&mut self) -> Result<(), Stop> {
        match self.x_option("utf8") {
            Some(None | Some("1")) => self.utf8 = Some(true),
            Some(Some("0")) => self.utf8 = Some(false),
            Some(Some(_)) => {
                return Err(Stop::Fatal("preconfig_init_utf8_mode: invalid -X utf8 option value".into()));
            }
            None => match self.variable("PYTHONUTF8").as_deref() {
                None => {}
                Some("1") => self.utf8 = Some(true),
                Some("0") => self.utf8 = Some(false),
                Some(_) => {
                    let text = "preconfig_init_utf8_mode: invalid PYTHONUTF8 environment variable value";
                    return Err(Stop::Fatal(text.into()));
                }
            },
        }
        self.flags.utf8_mode = crate::locale::set_up(&self.flags, self.utf8);
        Ok(())
    }

    fn cpu_count(&mut self) -> Result<(), Stop> {
        let (value, source) = match self.x_option("cpu_count") {
            Some(value) => (value.unwrap_or("").to_owned(), "-X cpu_count=n option: n"),
            None => match self.variable("PYTHON_CPU_COUNT") {
                Some(value) => (value, "environment variable PYTHON_CPU_COUNT"),
                None => return Ok(()),
            },
        };
        match value.parse::<i32>() {
            _ if value == "default" => {}
            Ok(n) if n >= 1 => self.flags.cpu_count = Some(n),
            _ if source.starts_with('-') => {
                return Err(Stop::Fatal(format!(
                    "config_init_cpu_count: {source} is missing or an invalid number, n must be greater than 0"
                )));
            }
            _ => {}
        }
        Ok(())
    }

    fn digits_limit(&mut self) -> Result<(), Stop> {
        let check = |value: Option<&str>, source: &str| match value.and_then(|v| v.parse::<i64>().ok()) {
            Some(n) if n == 0 || n >= 640 => Ok(Some(n as usize)),
            _ => Err(Stop::Fatal(format!(
                "config_init_int_max_str_digits: {source}: invalid limit; must be >= 640 or 0 for unlimited."
            ))),
        };
        if let Some(value) = self.x_option("int_max_str_digits") {
            self.flags.int_max_str_digits = check(value, "-X int_max_str_digits")?;
        } else if let Some(value) = self.variable("PYTHONINTMAXSTRDIGITS") {
            self.flags.int_max_str_digits = check(Some(&value), "PYTHONINTMAXSTRDIGITS")?;
        }
        Ok(())
    }

    /// `PYTHONMALLOC`: pools or the system's blocks, which the debug forms fill with a pattern before and after use. No
    /// object exists yet.
    fn allocator(&self) -> Result<(), Stop> {
        const KNOWN: [&str; 8] =
            ["default", "debug", "pymalloc", "pymalloc_debug", "malloc", "malloc_debug", "mimalloc", "mimalloc_debug"];
        match self.variable("PYTHONMALLOC") {
            Some(name) if !KNOWN.contains(&name.as_str()) => {
                Err(Stop::Fatal("preconfig_init_allocator: PYTHONMALLOC: unknown allocator".into()))
            }
            Some(name) if name == "malloc" || name.ends_with("debug") => {
                pyrs_runtime::heap::alloc::heap().use_system_blocks(name.ends_with("debug"));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn tracemalloc(&self) -> Result<(), Stop> {
        let (frames, source) = match self.x_option("tracemalloc") {
            Some(value) => (value.unwrap_or("1").to_owned(), "-X tracemalloc=NFRAME"),
            None => match self.variable("PYTHONTRACEMALLOC") {
                Some(value) => (value, "PYTHONTRACEMALLOC"),
                None => return Ok(()),
            },
        };
        match frames.parse::<u32>() {
            Ok(0) => Ok(()),
            Ok(n) if n <= u32::from(u16::MAX) => {
                Err(Stop::Fatal(format!("{source}: tracing of memory allocations is not available")))
            }
            _ => Err(Stop::Fatal(format!("config_init_tracemalloc: {source}: invalid number of frames"))),
        }
    }

    /// `sys.warnoptions`: later ones win.
    fn warning_options(&mut self) {
        let mut options: Vec<OsString> = Vec::new();
        if self.flags.dev_mode {
            options.push("default".into());
        }
        if let Some(list) = variable(&self.flags, "PYTHONWARNINGS") {
            options.extend(list.as_bytes().split(|b| *b == b',').map(|o| OsString::from_vec(o.to_vec())));
        }
        options.append(&mut self.command_line_warnings);
        self.flags.bytes_warning = self.bytes_warnings;
        match self.bytes_warnings {
            0 => {}
            1 => options.push("default::BytesWarning".into()),
            _ => options.push("error::BytesWarning".into()),
        }
        self.flags.warn_options = options;
    }
}
