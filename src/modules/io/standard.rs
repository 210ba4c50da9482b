//! `sys.stdin`, `sys.stdout`, `sys.stderr`, and the built-in `open`.

use pyrs_runtime::PyClass;
use pyrs_runtime::call;
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::name;
use pyrs_runtime::object::Obj;
use pyrs_runtime::objects::dict::Dict;
use pyrs_runtime::objects::int;
use pyrs_runtime::objects::singletons::{bool_obj, none};
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::protocols::attr;
use pyrs_runtime::thread::runtime;

use super::buffered::{BufferedReader, BufferedWriter};
use super::fd;
use super::file_io::FileIo;
use super::support::DEFAULT_BUFFER_SIZE;
use super::text::{TextIoWrapper, locale_encoding};

/// Encoding and error handler of the standard streams.
fn settings() -> (String, String) {
    let flags = crate::core::flags();
    let from_environment = if flags.ignore_environment { None } else { std::env::var("PYTHONIOENCODING").ok() };
    let given = from_environment.unwrap_or_default();
    let (encoding, errors) = given.split_once(':').unwrap_or((&given, ""));
    // Names in locales without an encoding of their own come through unharmed.
    let lenient = flags.utf8_mode || crate::core::locale_is_plain();
    let encoding = match encoding {
        // By the codec's name.
        "" if locale_encoding().eq_ignore_ascii_case("utf-8") => "utf-8".to_owned(),
        "" => locale_encoding(),
        encoding => encoding.to_owned(),
    };
    let errors = match errors {
        "" if given.is_empty() && lenient => "surrogateescape",
        "" => "strict",
        errors => errors,
    };
    (encoding, errors.to_owned())
}

/// Makes the streams; those whose descriptor is closed become None.
pub fn open_standard_streams() -> PyResult<()> {
    let module = crate::core::import::import_module("_io")?;
    let builtins = runtime().builtins.get().expect("builtins are set up");
    let open = attr::getattr(&module, name!("open"))?;
    builtins.downcast::<Dict>().expect("a dict").set_text("open", open);
    let sys = runtime().sys_dict.get().expect("sys is set up");
    let sys = sys.downcast::<Dict>().expect("a dict");
    let (encoding, errors) = settings();
    for (name, dunder, number) in [("stdin", "__stdin__", 0), ("stderr", "__stderr__", 2), ("stdout", "__stdout__", 1)]
    {
        let stream = match fd::status(number) {
            Ok(_) => open_stream(number, name, &encoding, &errors)?,
            Err(_) => none(),
        };
        sys.set_text(name, stream.clone());
        sys.set_text(dunder, stream);
    }
    Ok(())
}

fn open_stream(number: i32, name: &str, encoding: &str, errors: &str) -> PyResult<Obj> {
    let writing = number != 0;
    let mode = if writing { "w" } else { "r" };
    let unbuffered = crate::core::flags().unbuffered && writing;
    let text = |t: &str| Str::intern(t).into_obj();
    let raw = call::call(&FileIo::class().as_obj(), &[int::new(number as i64), text(mode), bool_obj(false)])?;
    attr::setattr(&raw, name!("name"), Some(&text(&format!("<{name}>"))))?;
    let buffer = if unbuffered {
        raw.clone()
    } else {
        let block = raw.downcast::<FileIo>().map_or(0, |f| f.block_size());
        let size = block.min(8 << 20).max(DEFAULT_BUFFER_SIZE as i64);
        let class = if writing { BufferedWriter::class() } else { BufferedReader::class() };
        call::call(&class.as_obj(), &[raw.clone(), int::new(size)])?
    };
    let errors = if name == "stderr" { "backslashreplace" } else { errors };
    let line_buffering = writing && (name == "stderr" || unbuffered || fd::is_terminal(number));
    let newline = if writing { text("\n") } else { none() };
    let args = [buffer, text(encoding), text(errors), newline, bool_obj(line_buffering), bool_obj(unbuffered)];
    let stream = call::call(&TextIoWrapper::class().as_obj(), &args)?;
    attr::setattr(&stream, name!("mode"), Some(&text(mode)))?;
    Ok(stream)
}
