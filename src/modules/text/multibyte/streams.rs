//! The stream classes of `_multibytecodec`.

use pyrs_macros::{pyclass, pymethods};
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::object::{DataCell, Obj, ObjCell, Ptr};
use pyrs_runtime::objects::bytes::Bytes;
use pyrs_runtime::objects::int;
use pyrs_runtime::objects::singletons::bool_obj;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::protocols::sequence;
use pyrs_runtime::types::Type;
use pyrs_runtime::{call, raise};

use super::module::{Converter, codec_of};

/// Decodes what a stream of bytes gives.
#[pyclass(name = "MultibyteStreamReader", module = "_multibytecodec", flags = BASETYPE)]
pub struct MultibyteStreamReader {
    converter: Converter,
    pending: DataCell<Vec<u8>>,
    stream: ObjCell,
}

/// The stream, unless it was taken away.
fn attached(stream: &ObjCell) -> PyResult<Obj> {
    stream.get().ok_or_else(|| raise!(AttributeError, "stream"))
}

/// A size argument: negative for everything.
fn size_of_arg(size: Option<&Obj>) -> PyResult<i64> {
    match size {
        None => Ok(-1),
        Some(size) if int::is_int(size) => {
            int::to_i64(size).ok_or_else(|| raise!(OverflowError, "Python int too large to convert to C ssize_t"))
        }
        Some(_) => Err(raise!(TypeError, "arg 1 must be an integer")),
    }
}

impl MultibyteStreamReader {
    /// Reads with a method of the stream until there is some text, or no more bytes.
    fn read_with(&self, method: &str, size: i64) -> PyResult<Ptr<Str>> {
        if size == 0 {
            return Ok(Str::empty());
        }
        let mut size = size;
        loop {
            let args = if size < 0 { vec![] } else { vec![int::new(size)] };
            let data = call::call_method(&attached(&self.stream)?, method, &args)?;
            let Some(data) = data.downcast::<Bytes>() else {
                let class = data.class().name();
                return Err(raise!(TypeError, "stream function returned a non-bytes object ({class})"));
            };
            let is_end = data.is_empty() || size < 0;
            let pending = self.pending.with(|pending| pending.clone());
            let (text, rest) = self.converter.decode(&pending, data.as_slice(), is_end)?;
            self.pending.replace(rest);
            if is_end || !text.is_empty() {
                return Ok(text);
            }
            // A part of a character is there: its next byte may be enough.
            size = 1;
        }
    }
}

#[pymethods]
impl MultibyteStreamReader {
    #[new(sig = "(stream, errors='strict')", name = "StreamReader")]
    fn py_new(cls: &Type, stream: Obj, errors: Option<String>) -> PyResult<Obj> {
        let converter = Converter::decoder(codec_of(cls)?, errors);
        Ok(Ptr::new_in(
            cls,
            MultibyteStreamReader { converter, pending: DataCell::default(), stream: ObjCell::of(stream) },
        )
        .into())
    }

    #[pymethod(sig = "(sizeobj=None, /)")]
    fn read(&self, size: Option<&Obj>) -> PyResult<Ptr<Str>> {
        self.read_with("read", size_of_arg(size)?)
    }

    #[pymethod(sig = "(sizeobj=None, /)")]
    fn readline(&self, size: Option<&Obj>) -> PyResult<Ptr<Str>> {
        self.read_with("readline", size_of_arg(size)?)
    }

    #[pymethod(sig = "(sizehintobj=None, /)")]
    fn readlines(&self, size: Option<&Obj>) -> PyResult<Obj> {
        let text = self.read_with("read", size_of_arg(size)?)?;
        call::call_method(&text.into_obj(), "splitlines", &[bool_obj(true)])
    }

    #[pymethod]
    fn reset(&self) {
        self.converter.reset_decoder();
        self.pending.replace(Vec::new());
    }

    #[getter]
    fn stream(&self) -> PyResult<Obj> {
        attached(&self.stream)
    }

    #[setter(name = "stream")]
    fn set_stream(&self, value: Option<&Obj>) -> PyResult<()> {
        self.stream.set(value.cloned());
        Ok(())
    }

    /// how to treat errors
    #[getter]
    fn errors(&self) -> String {
        self.converter.errors()
    }

    #[setter(name = "errors")]
    fn set_errors(&self, value: Option<&Obj>) -> PyResult<()> {
        self.converter.set_errors(value)
    }
}

/// Encodes into a stream of bytes.
#[pyclass(name = "MultibyteStreamWriter", module = "_multibytecodec", flags = BASETYPE)]
pub struct MultibyteStreamWriter {
    converter: Converter,
    pending: DataCell<String>,
    stream: ObjCell,
}

impl MultibyteStreamWriter {
    fn write_text(&self, text: &Obj, is_final: bool) -> PyResult<Vec<u8>> {
        let pending = self.pending.with(|pending| pending.clone());
        let (bytes, rest) = self.converter.encode(&pending, text, is_final)?;
        self.pending.replace(rest);
        Ok(bytes)
    }
}

#[pymethods]
impl MultibyteStreamWriter {
    #[new(sig = "(stream, errors='strict')", name = "StreamWriter")]
    fn py_new(cls: &Type, stream: Obj, errors: Option<String>) -> PyResult<Obj> {
        let converter = Converter::encoder(codec_of(cls)?, errors);
        Ok(Ptr::new_in(
            cls,
            MultibyteStreamWriter { converter, pending: DataCell::default(), stream: ObjCell::of(stream) },
        )
        .into())
    }

    #[pymethod(sig = "(strobj, /)")]
    fn write(&self, text: &Obj) -> PyResult<()> {
        let bytes = self.write_text(text, false)?;
        call::call_method(&attached(&self.stream)?, "write", &[Bytes::from_vec(bytes).into()]).map(drop)
    }

    #[pymethod(sig = "(lines, /)")]
    fn writelines(&self, lines: &Obj) -> PyResult<()> {
        if !sequence::is_sequence(lines) {
            return Err(raise!(TypeError, "arg must be a sequence object"));
        }
        // The sequence may change while the stream is written to.
        let mut at = 0;
        while at < sequence::len(lines)? {
            let line = sequence::get(lines, at as isize)?;
            self.write(&line)?;
            at += 1;
        }
        Ok(())
    }

    /// Writes what is held back, and the way back to the encoding's first character set.
    #[pymethod]
    fn reset(&self) -> PyResult<()> {
        let bytes = self.write_text(&Str::empty().into(), true)?;
        if bytes.is_empty() {
            return Ok(());
        }
        call::call_method(&attached(&self.stream)?, "write", &[Bytes::from_vec(bytes).into()]).map(drop)
    }

    #[getter]
    fn stream(&self) -> PyResult<Obj> {
        attached(&self.stream)
    }

    #[setter(name = "stream")]
    fn set_stream(&self, value: Option<&Obj>) -> PyResult<()> {
        self.stream.set(value.cloned());
        Ok(())
    }

    /// how to treat errors
    #[getter]
    fn errors(&self) -> String {
        self.converter.errors()
    }

    #[setter(name = "errors")]
    fn set_errors(&self, value: Option<&Obj>) -> PyResult<()> {
        self.converter.set_errors(value)
    }
}
