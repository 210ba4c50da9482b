//! `UnicodeEncodeError`, `UnicodeDecodeError` and `UnicodeTranslateError`.

use std::cell::Cell;

use super::base::{attributes, init_base, store_args, trace_cells};
use super::{BaseException, UnicodeError};
use crate::call::Args;
use crate::errors::{PyResult, Raised};
use crate::object::{Obj, ObjCell, Ptr, PyClass};
use crate::objects::bytes::Bytes;
use crate::objects::int;
use crate::objects::singletons::none;
use crate::objects::str::Str;
use crate::objects::text_builder::TextBuilder;
use crate::objects::tuple::Tuple;
use crate::protocols::number;
use crate::raise;
use crate::types::Type;
use pyrs_macros::{pyclass, pymethods};

macro_rules! unicode_error {
    ($class:ident $doc:tt) => {
        #[doc = $doc]
        #[repr(C)]
        #[derive(Default)]
        #[pyclass(flags = BASETYPE | BASE_EXC_SUBCLASS, dict, base = UnicodeError, parts(PART, MEMBERS, POSITIONS))]
        pub struct $class {
            pub base: BaseException,
            pub encoding: ObjCell,
            pub object: ObjCell,
            pub start: Cell<isize>,
            pub end: Cell<isize>,
            pub reason: ObjCell,
        }

        trace_cells!($class { encoding, object, reason });
        attributes!($class, MEMBERS {
            encoding set_encoding "exception encoding";
            object set_object "exception object";
            reason set_reason "exception reason";
        });

        #[pymethods(part = POSITIONS)]
        impl $class {
            #[doc = "exception start"]
            #[getter]
            fn start(&self) -> isize {
                self.start.get()
            }

            #[setter]
            fn set_start(&self, value: Option<&Obj>) -> PyResult<()> {
                self.start.set(position(value)?);
                Ok(())
            }

            #[doc = "exception end"]
            #[getter]
            fn end(&self) -> isize {
                self.end.get()
            }

            #[setter]
            fn set_end(&self, value: Option<&Obj>) -> PyResult<()> {
                self.end.set(position(value)?);
                Ok(())
            }
        }
    };
}

unicode_error!(UnicodeEncodeError "Unicode encoding error.");
unicode_error!(UnicodeDecodeError "Unicode decoding error.");
unicode_error!(UnicodeTranslateError "Unicode translation error.");

/// A value for `start` or `end`.
fn position(value: Option<&Obj>) -> PyResult<isize> {
    let Some(value) = value else {
        return Err(raise!(TypeError, "can't delete numeric/char attribute"));
    };
    if !int::is_int(value) {
        return Err(raise!(TypeError, "an integer is required"));
    }
    number::as_ssize(value, true)
}

fn text_argument(args: &[Obj], i: usize) -> PyResult<Obj> {
    if args[i].downcast::<Str>().is_some() {
        return Ok(args[i].clone());
    }
    let class = crate::args::type_name_for_message(&args[i]);
    Err(raise!(TypeError, "argument {} must be str, not {class}", i + 1))
}

fn count(args: Args<'_>, wanted: usize) -> PyResult<&[Obj]> {
    let given = args.nargs;
    if given != wanted {
        return Err(raise!(TypeError, "function takes exactly {wanted} arguments ({given} given)"));
    }
    Ok(args.positionals())
}

/// The characters that could not be handled, as the messages name them: one by its code, more by place.
fn describe_place(out: &mut TextBuilder, text: Option<&Str>, start: isize, end: isize, verb: &str) {
    let one = (end == start + 1).then(|| usize::try_from(start).ok().and_then(|i| text?.get_char(i))).flatten();
    match one {
        Some(c) => {
            let code = match c {
                0..0x100 => format!("\\x{c:02x}"),
                0x100..0x10000 => format!("\\u{c:04x}"),
                _ => format!("\\U{c:08x}"),
            };
            out.text(&format!("{verb} character '{code}' in position {start}: "));
        }
        None => {
            out.text(&format!("{verb} characters in position {start}-{}: ", end - 1));
        }
    }
}

fn wrong_object(wanted: &str) -> Raised {
    raise!(TypeError, "object attribute must be {wanted}")
}

#[pymethods]
impl UnicodeEncodeError {
    #[slot(new)]
    fn new(cls: &Type, args: Args<'_>) -> PyResult<Obj> {
        let exc = Ptr::new_in(cls, UnicodeEncodeError::default());
        store_args(&exc.base, args);
        Ok(exc.into_obj())
    }

    #[slot(init)]
    fn init(this: &Obj, args: Args<'_>) -> PyResult<()> {
        init_base(this, args)?;
        let values = count(args, 5)?;
        let exc = this.downcast::<UnicodeEncodeError>().expect("a slot of this class");
        let (encoding, object) = (text_argument(values, 0)?, text_argument(values, 1)?);
        let (start, end) = (number::as_ssize(&values[2], true)?, number::as_ssize(&values[3], true)?);
        let reason = text_argument(values, 4)?;
        exc.encoding.put(encoding);
        exc.object.put(object);
        exc.start.set(start);
        exc.end.set(end);
        exc.reason.put(reason);
        Ok(())
    }

    #[slot(str)]
    fn str(this: &Obj) -> PyResult<Obj> {
        let exc = this.downcast::<UnicodeEncodeError>().expect("a slot of this class");
        let Some(object) = exc.object.get() else { return Ok(Str::empty().into_obj()) };
        let text = object.downcast::<Str>().ok_or_else(|| wrong_object("str"))?;
        let mut out = TextBuilder::new();
        out.text("'").str(&exc.encoding.get().unwrap_or_else(none))?.text("' codec can't ");
        describe_place(&mut out, Some(text), exc.start.get(), exc.end.get(), "encode");
        out.str(&exc.reason.get().unwrap_or_else(none))?;
        Ok(out.finish_obj())
    }
}

#[pymethods]
impl UnicodeDecodeError {
    #[slot(new)]
    fn new(cls: &Type, args: Args<'_>) -> PyResult<Obj> {
        let exc = Ptr::new_in(cls, UnicodeDecodeError::default());
        store_args(&exc.base, args);
        Ok(exc.into_obj())
    }

    #[slot(init)]
    fn init(this: &Obj, args: Args<'_>) -> PyResult<()> {
        init_base(this, args)?;
        let values = count(args, 5)?;
        let exc = this.downcast::<UnicodeDecodeError>().expect("a slot of this class");
        let encoding = text_argument(values, 0)?;
        let (start, end) = (number::as_ssize(&values[2], true)?, number::as_ssize(&values[3], true)?);
        let reason = text_argument(values, 4)?;
        let object = if values[1].downcast::<Bytes>().is_some() {
            values[1].clone()
        } else {
            Bytes::new(&crate::protocols::buffer::to_bytes(&values[1])?).into_obj()
        };
        exc.encoding.put(encoding);
        exc.object.put(object);
        exc.start.set(start);
        exc.end.set(end);
        exc.reason.put(reason);
        Ok(())
    }

    #[slot(str)]
    fn str(this: &Obj) -> PyResult<Obj> {
        let exc = this.downcast::<UnicodeDecodeError>().expect("a slot of this class");
        let Some(object) = exc.object.get() else { return Ok(Str::empty().into_obj()) };
        let bytes = object.downcast::<Bytes>().ok_or_else(|| wrong_object("bytes"))?;
        let (start, end) = (exc.start.get(), exc.end.get());
        let one = (end == start + 1).then(|| bytes.as_bytes().get(usize::try_from(start).ok()?).copied()).flatten();
        let mut out = TextBuilder::new();
        out.text("'").str(&exc.encoding.get().unwrap_or_else(none))?.text("' codec can't decode ");
        match one {
            Some(byte) => out.text(&format!("byte 0x{byte:02x} in position {start}: ")),
            None => out.text(&format!("bytes in position {start}-{}: ", end - 1)),
        };
        out.str(&exc.reason.get().unwrap_or_else(none))?;
        Ok(out.finish_obj())
    }
}

#[pymethods]
impl UnicodeTranslateError {
    #[slot(new)]
    fn new(cls: &Type, args: Args<'_>) -> PyResult<Obj> {
        let exc = Ptr::new_in(cls, UnicodeTranslateError::default());
        store_args(&exc.base, args);
        Ok(exc.into_obj())
    }

    #[slot(init)]
    fn init(this: &Obj, args: Args<'_>) -> PyResult<()> {
        init_base(this, args)?;
        let values = count(args, 4)?;
        let exc = this.downcast::<UnicodeTranslateError>().expect("a slot of this class");
        let object = text_argument(values, 0)?;
        let (start, end) = (number::as_ssize(&values[1], true)?, number::as_ssize(&values[2], true)?);
        let reason = text_argument(values, 3)?;
        exc.object.put(object);
        exc.start.set(start);
        exc.end.set(end);
        exc.reason.put(reason);
        Ok(())
    }

    #[slot(str)]
    fn str(this: &Obj) -> PyResult<Obj> {
        let exc = this.downcast::<UnicodeTranslateError>().expect("a slot of this class");
        let Some(object) = exc.object.get() else { return Ok(Str::empty().into_obj()) };
        let text = object.downcast::<Str>().ok_or_else(|| wrong_object("str"))?;
        let mut out = TextBuilder::new();
        describe_place(&mut out, Some(text), exc.start.get(), exc.end.get(), "can't translate");
        out.str(&exc.reason.get().unwrap_or_else(none))?;
        Ok(out.finish_obj())
    }
}

/// Raises `UnicodeDecodeError(encoding, bytes, start, end, reason)`.
#[cold]
pub fn raise_decode_error(encoding: &str, bytes: &[u8], start: usize, end: usize, reason: &str) -> Raised {
    let args = vec![
        Str::new(encoding).into_obj(),
        Bytes::new(bytes).into_obj(),
        int::new(start as i64),
        int::new(end as i64),
        Str::new(reason).into_obj(),
    ];
    crate::errors::raise_class(UnicodeDecodeError::class(), Tuple::from_vec(args).items())
}

/// Raises `UnicodeEncodeError(encoding, text, start, end, reason)`.
#[cold]
pub fn raise_encode_error(encoding: &str, text: &Obj, start: usize, end: usize, reason: &str) -> Raised {
    let args = vec![
        Str::new(encoding).into_obj(),
        text.clone(),
        int::new(start as i64),
        int::new(end as i64),
        Str::new(reason).into_obj(),
    ];
    crate::errors::raise_class(UnicodeEncodeError::class(), Tuple::from_vec(args).items())
}
