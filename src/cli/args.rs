//! Command-line options, as CPython's.

use std::ffi::OsString;

use pyrs_modules::core::Flags;

/// What to run.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// `-c command`
    Command(String),
    /// `-m module`
    Module(String),
    /// A file, directory or zip archive.
    File(String),
    /// Standard input.
    Stdin,
}

/// The parsed command line.
#[derive(Debug)]
pub struct Parsed {
    pub target: Target,
    pub flags: Flags,
    pub skip_first_line: bool,
}

const USAGE: &str = "usage: pyrs [option] ... [-c cmd | -m mod | file | -] [arg] ...";

const HELP: &str = "Options (and corresponding environment variables):
-b     : issue warnings about converting bytes/bytearray to str and comparing
         bytes/bytearray with str or bytes with int; also PYTHONBYTESWARNING=x
         (-bb: issue errors)
-B     : don't write .pyc files on import; also PYTHONDONTWRITEBYTECODE=x
-c cmd : program passed in as string (terminates option list)
-E     : ignore PYTHON* environment variables (such as PYTHONPATH)
-h     : print this help message and exit (also -? or --help)
-i     : inspect interactively after running script; also PYTHONINSPECT=x
-I     : isolate from the user's environment (implies -E, -P and -s)
-m mod : run library module as a script (terminates option list)
-O     : remove assert and __debug__-dependent statements; also PYTHONOPTIMIZE=x
-OO    : do -O changes and also discard docstrings
-P     : don't prepend a potentially unsafe path to sys.path; also PYTHONSAFEPATH
-q     : don't print version and copyright messages on interactive startup
-s     : don't add user site directory to sys.path; also PYTHONNOUSERSITE=x
-S     : don't imply 'import site' on initialization
-u     : force the stdout and stderr streams to be unbuffered; also PYTHONUNBUFFERED=x
-v     : verbose (trace import statements); also PYTHONVERBOSE=x
-V     : print the version number and exit (also --version)
-W arg : warning control (arg is action:message:category:module:lineno); also PYTHONWARNINGS=arg
-x     : skip first line of source, allowing use of non-Unix forms of #!cmd
-X opt : set implementation-specific option
--check-hash-based-pycs always|default|never:
         control how the interpreter invalidates hash-based .pyc files
Arguments:
file   : program read from script file
-      : program read from stdin (default; interactive mode if a tty)
arg ...: arguments passed to program in sys.argv[1:]
";

fn text(arg: OsString) -> String {
    arg.into_string().unwrap_or_else(|bytes| bytes.to_string_lossy().into_owned())
}

fn usage_error(message: &str) -> i32 {
    eprintln!("{message}");
    eprintln!("{USAGE}");
    eprintln!("Try `pyrs -h' for more information.");
    2
}

struct Parser {
    args: Vec<String>,
    at: usize,
    flags: Flags,
    skip_first_line: bool,
    jit: Option<bool>,
}

/// Parses the process's arguments; `Err` is an exit code for runs that end here.
pub fn parse(args: Vec<OsString>) -> Result<Parsed, i32> {
    let args: Vec<String> = args.into_iter().map(text).collect();
    let mut flags = Flags { orig_argv: args.clone(), ..Flags::default() };
    flags.executable = std::env::current_exe().map(|p| p.to_string_lossy().into_owned()).unwrap_or_default();
    let mut parser = Parser { args, at: 1, flags, skip_first_line: false, jit: None };
    let target = parser.options()?;
    let rest = parser.args[parser.at.min(parser.args.len())..].to_vec();
    let first = match &target {
        Target::Command(_) => "-c".to_owned(),
        Target::Module(_) => "-m".to_owned(),
        Target::File(path) => path.clone(),
        Target::Stdin if parser.at <= parser.args.len() && parser.args.get(parser.at - 1).is_some_and(|a| a == "-") => {
            "-".to_owned()
        }
        Target::Stdin => String::new(),
    };
    parser.flags.argv = std::iter::once(first).chain(rest).collect();
    parser.environment()?;
    Ok(Parsed { target, flags: parser.flags, skip_first_line: parser.skip_first_line })
}

impl Parser {
    fn value(&mut self, option: char, rest: &str) -> Result<String, i32> {
        if !rest.is_empty() {
            return Ok(rest.to_owned());
        }
        match self.args.get(self.at) {
            Some(value) => {
                self.at += 1;
                Ok(value.clone())
            }
            None => Err(usage_error(&format!("Argument expected for the -{option} option"))),
        }
    }

    fn options(&mut self) -> Result<Target, i32> {
        while let Some(arg) = self.args.get(self.at).cloned() {
            if arg == "-" {
                self.at += 1;
                return Ok(Target::Stdin);
            }
            if let Some(long) = arg.strip_prefix("--") {
                self.at += 1;
                self.long(long)?;
                continue;
            }
            let Some(letters) = arg.strip_prefix('-') else {
                self.at += 1;
                return Ok(Target::File(arg));
            };
            self.at += 1;
            if let Some(target) = self.letters(letters)? {
                return Ok(target);
            }
        }
        Ok(Target::Stdin)
    }

    fn long(&mut self, option: &str) -> Result<(), i32> {
        match option {
            "help" => {
                println!("{USAGE}\n{HELP}");
                Err(0)
            }
            "version" => {
                println!("Python 3.14.0 (pyrs {})", env!("CARGO_PKG_VERSION"));
                Err(0)
            }
            "jit" => {
                self.jit = Some(true);
                Ok(())
            }
            "no-jit" => {
                self.jit = Some(false);
                Ok(())
            }
            "check-hash-based-pycs" => {
                let value = self.value('-', "")?;
                if !["always", "default", "never"].contains(&value.as_str()) {
                    return Err(usage_error("--check-hash-based-pycs must be one of 'default', 'always', or 'never'"));
                }
                self.flags.check_hash_pycs = value;
                Ok(())
            }
            _ => Err(usage_error(&format!("unknown option --{option}"))),
        }
    }

    fn letters(&mut self, letters: &str) -> Result<Option<Target>, i32> {
        for (i, c) in letters.char_indices() {
            let rest = &letters[i + c.len_utf8()..];
            let f = &mut self.flags;
            match c {
                'b' => f.bytes_warning += 1,
                'B' => f.dont_write_bytecode = true,
                'c' => return Ok(Some(Target::Command(self.value('c', rest)?))),
                'd' => {}
                'E' => f.ignore_environment = true,
                'h' | '?' => {
                    println!("{USAGE}\n{HELP}");
                    return Err(0);
                }
                'i' => {
                    f.inspect += 1;
                    f.interactive += 1;
                }
                'I' => {
                    f.isolated = true;
                    f.ignore_environment = true;
                    f.no_user_site = true;
                    f.safe_path = true;
                }
                'm' => return Ok(Some(Target::Module(self.value('m', rest)?))),
                'O' => f.optimize += 1,
                'P' => f.safe_path = true,
                'q' => f.quiet = true,
                'R' => f.hash_randomization = true,
                's' => f.no_user_site = true,
                'S' => f.no_site = true,
                'u' => f.unbuffered = true,
                'v' => f.verbose += 1,
                'V' => {
                    println!("Python 3.14.0");
                    return Err(0);
                }
                'W' => {
                    let value = self.value('W', rest)?;
                    self.flags.warn_options.push(value);
                    return Ok(None);
                }
                'x' => self.skip_first_line = true,
                'X' => {
                    let value = self.value('X', rest)?;
                    self.x_option(&value);
                    return Ok(None);
                }
                _ => return Err(usage_error(&format!("Unknown option: -{c}"))),
            }
        }
        Ok(None)
    }

    fn x_option(&mut self, option: &str) {
        let (key, value) = match option.split_once('=') {
            Some((k, v)) => (k.to_owned(), Some(v.to_owned())),
            None => (option.to_owned(), None),
        };
        match key.as_str() {
            "dev" => self.flags.dev_mode = true,
            "utf8" => self.flags.utf8_mode = value.as_deref() != Some("0"),
            "warn_default_encoding" => self.flags.warn_default_encoding = true,
            _ => {}
        }
        self.flags.x_options.push((key, value));
    }

    /// `PYTHON*` variables, unless they are to be ignored.
    fn environment(&mut self) -> Result<(), i32> {
        let f = &mut self.flags;
        f.hash_randomization = true;
        f.utf8_mode |= false;
        if f.ignore_environment {
            return Ok(());
        }
        let variable = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
        let number = |name: &str| variable(name).map(|v| v.parse::<u8>().unwrap_or(1).max(1));
        f.optimize = f.optimize.max(number("PYTHONOPTIMIZE").unwrap_or(0));
        f.verbose = f.verbose.max(number("PYTHONVERBOSE").unwrap_or(0));
        f.inspect = f.inspect.max(variable("PYTHONINSPECT").is_some() as u8);
        f.dont_write_bytecode |= variable("PYTHONDONTWRITEBYTECODE").is_some();
        f.no_user_site |= variable("PYTHONNOUSERSITE").is_some();
        f.unbuffered |= variable("PYTHONUNBUFFERED").is_some();
        f.safe_path |= variable("PYTHONSAFEPATH").is_some();
        f.dev_mode |= variable("PYTHONDEVMODE").is_some();
        f.utf8_mode |= variable("PYTHONUTF8").is_some_and(|v| v == "1");
        if let Some(list) = variable("PYTHONWARNINGS") {
            let from_env: Vec<String> = list.split(',').map(str::to_owned).collect();
            f.warn_options.splice(0..0, from_env);
        }
        if variable("PYTHONHASHSEED").is_some_and(|v| v == "0") {
            f.hash_randomization = false;
        }
        Ok(())
    }
}
