//! `open()`: puts raw stream, buffer and text layer together.

use pyrs_runtime::PyClass;
use pyrs_runtime::call;
use pyrs_runtime::errors::{PyResult, Raised};
use pyrs_runtime::object::{Obj, Object};
use pyrs_runtime::objects::bytes::Bytes;
use pyrs_runtime::objects::exceptions::{EncodingWarning, RuntimeWarning};
use pyrs_runtime::objects::int;
use pyrs_runtime::objects::singletons::{bool_obj, none};
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::protocols::{attr, number};
use pyrs_runtime::{name, raise};

use super::buffered::{BufferedRandom, BufferedReader, BufferedWriter};
use super::file_io::FileIo;
use super::support::{DEFAULT_BUFFER_SIZE, method, text_argument};
use super::text::TextIoWrapper;

/// The arguments of `open()`.
pub struct Request<'a> {
    pub file: &'a Obj,
    pub mode: &'a str,
    pub buffering: i32,
    pub encoding: Option<&'a Obj>,
    pub errors: Option<&'a Obj>,
    pub newline: Option<&'a Obj>,
    pub closefd: bool,
    pub opener: Option<&'a Obj>,
}

/// What the mode says.
#[derive(Default)]
struct Mode {
    creating: bool,
    reading: bool,
    writing: bool,
    appending: bool,
    updating: bool,
    text: bool,
    binary: bool,
}

impl Mode {
    fn parse(text: &str) -> PyResult<Mode> {
        let mut mode = Mode::default();
        if text.contains('\0') {
            return Err(raise!(ValueError, "embedded null character"));
        }
        for (i, c) in text.char_indices() {
            match c {
                'x' => mode.creating = true,
                'r' => mode.reading = true,
                'w' => mode.writing = true,
                'a' => mode.appending = true,
                '+' => mode.updating = true,
                't' => mode.text = true,
                'b' => mode.binary = true,
                _ => return Err(raise!(ValueError, "invalid mode: '{text}'")),
            }
            if text[..i].contains(c) {
                return Err(raise!(ValueError, "invalid mode: '{text}'"));
            }
        }
        if mode.text && mode.binary {
            return Err(raise!(ValueError, "can't have text and binary mode at once"));
        }
        let main = [mode.creating, mode.reading, mode.writing, mode.appending];
        if main.iter().filter(|m| **m).count() > 1 {
            return Err(raise!(ValueError, "must have exactly one of create/read/write/append mode"));
        }
        Ok(mode)
    }

    /// The mode of the raw stream.
    fn raw(&self) -> String {
        let letters = [
            (self.creating, 'x'),
            (self.reading, 'r'),
            (self.writing, 'w'),
            (self.appending, 'a'),
            (self.updating, '+'),
        ];
        letters.iter().filter(|(set, _)| *set).map(|(_, c)| *c).collect()
    }
}

pub fn open(request: &Request<'_>) -> PyResult<Obj> {
    let encoding = text_argument(request.encoding, "open", "encoding")?;
    let errors = text_argument(request.errors, "open", "errors")?;
    let newline = text_argument(request.newline, "open", "newline")?;
    let mode = Mode::parse(request.mode)?;
    if mode.binary {
        for (what, given) in [("encoding", encoding), ("errors", errors), ("newline", newline)] {
            if given.is_some() {
                let article = if what == "newline" { "a" } else { "an" };
                return Err(raise!(ValueError, "binary mode doesn't take {article} {what} argument"));
            }
        }
        if request.buffering == 1 {
            let text =
                "line buffering (buffering=1) isn't supported in binary mode, the default buffer size will be used";
            (pyrs_runtime::hooks::hooks().warn)(RuntimeWarning::class(), text, 1)?;
        }
    }
    let raw = call::call(
        &FileIo::class().as_obj(),
        &[
            plain_path(request.file)?,
            Str::new(&mode.raw()).into(),
            bool_obj(request.closefd),
            request.opener.cloned().unwrap_or_else(none),
        ],
    )?;
    let mut opened = raw.clone();
    match put_layers(request, &mode, &raw, &mut opened) {
        Ok(stream) => Ok(stream),
        Err(raised) => {
            // The error matters more than one of closing.
            let exc = raised.take();
            if let Err(second) = method(&opened, name!("close")) {
                second.discard();
            }
            pyrs_runtime::thread::current().restore_exception(Some(exc));
            Err(Raised::pending())
        }
    }
}

/// The path that a path-like object stands for; the stream shows it as its name.
fn plain_path(file: &Obj) -> PyResult<Obj> {
    if number::has_index(file) || file.downcast::<Str>().is_some() || file.downcast::<Bytes>().is_some() {
        return Ok(file.clone());
    }
    let Some(path) = call::call_special(file, name!("__fspath__"), &[])? else {
        return Err(raise!(TypeError, "expected str, bytes or os.PathLike object, not {}", file.class().name()));
    };
    if path.downcast::<Str>().is_none() && path.downcast::<Bytes>().is_none() {
        return Err(raise!(
            TypeError,
            "expected {}.__fspath__() to return str or bytes, not {}",
            file.class().name(),
            path.class().name()
        ));
    }
    Ok(path)
}

fn put_layers(request: &Request<'_>, mode: &Mode, raw: &Obj, opened: &mut Obj) -> PyResult<Obj> {
    let file = raw.downcast::<FileIo>().expect("a FileIO was made");
    let mut buffering = request.buffering;
    let terminal = buffering < 0 && file.isatty_open_only()?;
    let line_buffering = (buffering == 1 && !mode.binary) || terminal;
    if buffering == 1 || terminal {
        buffering = -1;
    }
    if buffering == 0 {
        if !mode.binary {
            return Err(raise!(ValueError, "can't have unbuffered text I/O"));
        }
        return Ok(raw.clone());
    }
    let size = match buffering {
        // Bigger blocks than the default are used as they are, up to a limit.
        n if n < 0 => (file.block_size().min(8 << 20)).max(DEFAULT_BUFFER_SIZE as i64),
        n => n as i64,
    };
    let class = if mode.updating {
        BufferedRandom::class()
    } else if mode.creating || mode.writing || mode.appending {
        BufferedWriter::class()
    } else if mode.reading {
        BufferedReader::class()
    } else {
        return Err(raise!(ValueError, "unknown mode: '{}'", request.mode));
    };
    let buffer = call::call(&class.as_obj(), &[raw.clone(), int::new(size)])?;
    *opened = buffer.clone();
    if mode.binary {
        return Ok(buffer);
    }
    let or_none = |value: Option<&Obj>| value.cloned().unwrap_or_else(none);
    let args = [
        buffer,
        or_none(request.encoding),
        or_none(request.errors),
        or_none(request.newline),
        bool_obj(line_buffering),
    ];
    let stream = call::call(&TextIoWrapper::class().as_obj(), &args)?;
    *opened = stream.clone();
    attr::setattr(&stream, name!("mode"), Some(&Str::new(request.mode).into()))?;
    Ok(stream)
}

pub fn open_code(path: &Object<Str>) -> PyResult<Obj> {
    let request = Request {
        file: &path.as_obj(),
        mode: "rb",
        buffering: -1,
        encoding: None,
        errors: None,
        newline: None,
        closefd: true,
        opener: None,
    };
    open(&request)
}

pub fn text_encoding(encoding: &Obj, stacklevel: i64) -> PyResult<Obj> {
    if !encoding.is_none() {
        return Ok(encoding.clone());
    }
    if crate::core::flags().warn_default_encoding {
        let text = "'encoding' argument not specified";
        (pyrs_runtime::hooks::hooks().warn)(EncodingWarning::class(), text, stacklevel.max(1) as usize)?;
    }
    let name = if crate::core::flags().utf8_mode { "utf-8" } else { "locale" };
    Ok(Str::intern(name).into())
}
