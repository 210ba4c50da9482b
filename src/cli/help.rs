//! Texts of `--help` and its relatives.

/// `-V`, or `-VV` with more about the build.
pub fn version(long: bool) -> String {
    let (major, minor, micro) = pyrs_modules::core::sys_objects::VERSION;
    let number = format!("Python {major}.{minor}.{micro}");
    if long { format!("{number} (pyrs {}) [Rust]", env!("CARGO_PKG_VERSION")) } else { number }
}

/// `--help`
pub fn options(program: &str) -> String {
    format!(
        "usage: {program} [option] ... [-c cmd | -m mod | file | -] [arg] ...
Options (and the environment variables that do the same):
-b     : warn when bytes and str are mixed up; twice: raise an error
-B     : write no .pyc files; also PYTHONDONTWRITEBYTECODE=x
-c cmd : run the command; what follows are its arguments
-E     : ignore all PYTHON* environment variables
-h     : show this text (also -? and --help)
-i     : go on interactively after the program; also PYTHONINSPECT=x
-I     : isolated: nothing of the user's environment (implies -E, -P and -s)
-m mod : run a module of the library; what follows are its arguments
-O     : leave out assert and code under __debug__; also PYTHONOPTIMIZE=x
-OO    : -O, and leave out docstrings
-P     : put neither the script's nor the current folder on sys.path; also PYTHONSAFEPATH=x
-q     : no version and copyright at the interactive start
-s     : no user site folder on sys.path; also PYTHONNOUSERSITE=x
-S     : do not import site
-u     : no buffers for stdout and stderr; also PYTHONUNBUFFERED=x
-v     : report imports, more when repeated; also PYTHONVERBOSE=x
-V     : show the version (also --version); twice: with more about the build
-W arg : set a warning filter, action:message:category:module:lineno; also PYTHONWARNINGS=arg
-x     : skip the first line of the source
-X opt : set an option of the implementation
--check-hash-based-pycs always|default|never:
         when to check .pyc files that name a hash of their source
--help-env      : environment variables
--help-xoptions : options for -X
--help-all      : everything

Arguments:
file   : the program
-      : read the program from stdin, interactively if that is a terminal (the default)
arg ...: the program's arguments, in sys.argv[1:]
"
    )
}

/// `--help-env`
pub fn environment(_program: &str) -> String {
    "Environment variables:
PYTHON_BASIC_REPL   : interactive prompt without line editing
PYTHON_COLORS       : 1 for coloured output, 0 against it
PYTHON_HISTORY      : file of the interactive history
PYTHONBREAKPOINT    : function that breakpoint() calls, 0 for none
PYTHONCOERCECLOCALE : 0 leaves the C locale alone, warn says that it is replaced
PYTHONHASHSEED      : random, or a number for hashes of str and bytes that repeat
PYTHONHOME          : prefix of the library
PYTHONIOENCODING    : encoding[:errors] of stdin, stdout and stderr
PYTHONMALLOC        : memory allocator
PYTHONPATH          : folders in front of the library on sys.path, separated by ':'
PYTHONSTARTUP       : file run at the interactive start
PYTHONUSERBASE      : base of the user site folder

Variables that do the same as options (see --help):
PYTHONDEVMODE             -X dev
PYTHONDONTWRITEBYTECODE   -B
PYTHONFAULTHANDLER        -X faulthandler
PYTHONINSPECT             -i
PYTHONINTMAXSTRDIGITS     -X int_max_str_digits
PYTHONNODEBUGRANGES       -X no_debug_ranges
PYTHONNOUSERSITE          -s
PYTHONOPTIMIZE            -O
PYTHONPROFILEIMPORTTIME   -X importtime
PYTHONPYCACHEPREFIX       -X pycache_prefix
PYTHONSAFEPATH            -P
PYTHONSPECIALIZE          -X specialize
PYTHONTRACEMALLOC         -X tracemalloc
PYTHONUNBUFFERED          -u
PYTHONUTF8                -X utf8
PYTHONVERBOSE             -v
PYTHONWARNDEFAULTENCODING -X warn_default_encoding
PYTHONWARNINGS            -W
PYTHON_JIT=0|1            --no-jit, --jit
"
    .to_owned()
}

/// `--help-xoptions`
pub fn x_options(_program: &str) -> String {
    "Options for -X:
-X dev                    : checks for development: more warnings, faulthandler, checked codec names
-X faulthandler           : show Python tracebacks when the process crashes
-X frozen_modules=on|off  : accepted; the library is part of the program
-X importtime[=2]         : show how long imports take; 2: modules that were loaded before too
-X int_max_str_digits=N   : longest int in decimal notation, 0 for no limit
-X jit=KEY=VALUE,...      : settings of the JIT: threshold=N, length=N, memory=BYTES, gdb=1
-X no_debug_ranges        : code objects without columns
-X opstats                : count instructions; print at exit how well specialization fits
-X perf                  : tell perf of compiled code, in /tmp/perf-PID.map
-X perf_jit              : the same with lines and code, in /tmp/jit-PID.dump
-X pycache_prefix=PATH    : folder for all .pyc files
-X specialize=on|off|stress : specialize instructions; never; at once and at random (for tests)
-X tracemalloc[=N]        : not available
-X utf8[=0|1]             : UTF-8 mode
-X warn_default_encoding  : warn where the locale's encoding is used for lack of an argument
"
    .to_owned()
}

/// `--help-all`
pub fn all(program: &str) -> String {
    format!("{}\n{}\n{}", options(program), environment(program), x_options(program))
}
