//! `_pickle`: the native pickler and unpickler, protocols 0 to 5.
//!
//! The bytes are those that CPython's `_pickle` writes, opcode for opcode.

pub mod buffer;
mod load;
mod memo;
mod output;
mod pickler;
mod reduce;
mod unpickler;

use pyrs_macros::pymodule;
use pyrs_runtime::args::Maybe;
use pyrs_runtime::call;
use pyrs_runtime::errors::{self, PyResult, Raised};
use pyrs_runtime::object::{Obj, Object, PyClass};
use pyrs_runtime::objects::dict::Dict;
use pyrs_runtime::objects::exceptions;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::protocols::attr;
use pyrs_runtime::thread::{current, runtime};
use pyrs_runtime::types::{Type, as_type};

pub const HIGHEST_PROTOCOL: i64 = 5;
pub const DEFAULT_PROTOCOL: i64 = 5;

/// One of the three exception classes.
fn error_class(name: &'static str) -> PyResult<Obj> {
    let key = match name {
        "PickleError" => "_pickle.PickleError",
        "PicklingError" => "_pickle.PicklingError",
        _ => "_pickle.UnpicklingError",
    };
    if let Some(found) = runtime().registered(key) {
        return Ok(found);
    }
    let class = if name == "PickleError" {
        crate::exception_class("_pickle", name, exceptions::Exception::class())?
    } else {
        let base = error_class("PickleError")?;
        crate::exception_class("_pickle", name, as_type(&base).expect("a class"))?
    };
    runtime().register(key, class.clone());
    Ok(class)
}

fn raise_named(name: &'static str, text: &str) -> Raised {
    match error_class(name) {
        Ok(class) => errors::raise_text(as_type(&class).expect("a class"), text),
        Err(raised) => raised,
    }
}

#[cold]
fn pickling_error(text: &str) -> Raised {
    raise_named("PicklingError", text)
}

#[cold]
fn unpickling_error(text: &str) -> Raised {
    raise_named("UnpicklingError", text)
}

/// An attribute of a module, which is imported if need be.
fn imported(module: &str, name: &str) -> PyResult<Obj> {
    let module = crate::core::import::import_module(module)?;
    attr::getattr_text(&module, name)
}

/// A dict of a module; anything else there is an error.
fn imported_dict(module: &str, name: &str) -> PyResult<pyrs_runtime::Ptr<Dict>> {
    imported(module, name)?.into_ptr::<Dict>().map_err(|other| {
        let class = other.class().name();
        pyrs_runtime::raise!(RuntimeError, "{module}.{name} should be a dict, not {class}")
    })
}

/// The module's class as messages name it.
fn full_name(obj: &Obj) -> String {
    obj.class().full_name()
}

/// Adds a line to the pending exception that tells where it came up.
#[cold]
fn with_note(raised: Raised, note: impl FnOnce() -> PyResult<String>) -> Raised {
    let exc = raised.take();
    let added = note().and_then(|note| exceptions::add_note(&exc, &Str::new(&note).into_obj()));
    if let Err(second) = added {
        second.discard();
    }
    current().restore_exception(Some(exc));
    Raised::pending()
}

/// True if `method` is the native method `name` itself, not an override.
fn is_native_method(method: &Obj, name: &str) -> bool {
    use pyrs_runtime::objects::builtin_function::BuiltinFunction;
    method.exact::<BuiltinFunction>().is_some_and(|f| f.def.name == name)
}

/// Optimized C implementation for the Python pickle module.
#[pymodule(name = "_pickle")]
pub mod module {
    use super::*;
    use pyrs_runtime::objects::module::Module;

    #[module_exec]
    fn exec(module: &Object<Module>) -> PyResult<()> {
        pyrs_runtime::types::ready(memo::PicklerMemoProxy::def());
        pyrs_runtime::types::ready(memo::UnpicklerMemoProxy::def());
        let classes: [&Type; 3] = [
            {
                pyrs_runtime::types::ready(pickler::Pickler::def());
                pickler::Pickler::class()
            },
            {
                pyrs_runtime::types::ready(unpickler::Unpickler::def());
                unpickler::Unpickler::class()
            },
            {
                pyrs_runtime::types::ready(buffer::PickleBuffer::def());
                buffer::PickleBuffer::class()
            },
        ];
        for class in classes {
            module.add(class.short_name(), class.to_obj());
        }
        for name in ["PickleError", "PicklingError", "UnpicklingError"] {
            module.add(name, error_class(name)?);
        }
        Ok(())
    }

    /// Write a pickled representation of obj to the open file object file.
    ///
    /// This is equivalent to ``Pickler(file, protocol).dump(obj)``, but may
    /// be more efficient.
    ///
    /// The optional *protocol* argument tells the pickler to use the given
    /// protocol; supported protocols are 0, 1, 2, 3, 4 and 5.  The default
    /// protocol is 5. It was introduced in Python 3.8, and is incompatible
    /// with previous versions.
    ///
    /// Specifying a negative protocol version selects the highest protocol
    /// version supported.  The higher the protocol used, the more recent the
    /// version of Python needed to read the pickle produced.
    ///
    /// The *file* argument must have a write() method that accepts a single
    /// bytes argument.  It can thus be a file object opened for binary
    /// writing, an io.BytesIO instance, or any other custom object that meets
    /// this interface.
    ///
    /// If *fix_imports* is True and protocol is less than 3, pickle will try
    /// to map the new Python 3 names to the old module names used in Python
    /// 2, so that the pickle data stream is readable with Python 2.
    ///
    /// If *buffer_callback* is None (the default), buffer views are serialized
    /// into *file* as part of the pickle stream.  It is an error if
    /// *buffer_callback* is not None and *protocol* is None or smaller than 5.
    #[pyfunction(sig = "(obj, file, protocol=None, *, fix_imports=True, buffer_callback=None)")]
    fn dump(
        obj: &Obj,
        file: &Obj,
        protocol: Option<&Obj>,
        fix_imports: bool,
        buffer_callback: Option<&Obj>,
    ) -> PyResult<()> {
        let pickler = pickler::Pickler::make(protocol, fix_imports, buffer_callback)?;
        pickler.set_file(file)?;
        pickler::dump(&pickler, obj)
    }

    /// Return the pickled representation of the object as a bytes object.
    ///
    /// The optional *protocol* argument tells the pickler to use the given
    /// protocol; supported protocols are 0, 1, 2, 3, 4 and 5.  The default
    /// protocol is 5. It was introduced in Python 3.8, and is incompatible
    /// with previous versions.
    ///
    /// Specifying a negative protocol version selects the highest protocol
    /// version supported.  The higher the protocol used, the more recent the
    /// version of Python needed to read the pickle produced.
    ///
    /// If *fix_imports* is True and *protocol* is less than 3, pickle will
    /// try to map the new Python 3 names to the old module names used in
    /// Python 2, so that the pickle data stream is readable with Python 2.
    ///
    /// If *buffer_callback* is None (the default), buffer views are serialized
    /// into *file* as part of the pickle stream.  It is an error if
    /// *buffer_callback* is not None and *protocol* is None or smaller than 5.
    #[pyfunction(sig = "(obj, protocol=None, *, fix_imports=True, buffer_callback=None)")]
    fn dumps(obj: &Obj, protocol: Option<&Obj>, fix_imports: bool, buffer_callback: Option<&Obj>) -> PyResult<Obj> {
        let pickler = pickler::Pickler::make(protocol, fix_imports, buffer_callback)?;
        pickler::dump(&pickler, obj)?;
        Ok(pickler.take_output())
    }

    /// Read and return an object from the pickle data stored in a file.
    ///
    /// This is equivalent to ``Unpickler(file).load()``, but may be more
    /// efficient.
    ///
    /// The protocol version of the pickle is detected automatically, so no
    /// protocol argument is needed.  Bytes past the pickled object's
    /// representation are ignored.
    ///
    /// The argument *file* must have two methods, a read() method that takes
    /// an integer argument, and a readline() method that requires no
    /// arguments.  Both methods should return bytes.  Thus *file* can be a
    /// binary file object opened for reading, an io.BytesIO object, or any
    /// other custom object that meets this interface.
    ///
    /// Optional keyword arguments are *fix_imports*, *encoding* and *errors*,
    /// which are used to control compatibility support for pickle stream
    /// generated by Python 2.  If *fix_imports* is True, pickle will try to
    /// map the old Python 2 names to the new names used in Python 3.  The
    /// *encoding* and *errors* tell pickle how to decode 8-bit string
    /// instances pickled by Python 2; these default to 'ASCII' and 'strict',
    /// respectively.  The *encoding* can be 'bytes' to read these 8-bit
    /// string instances as bytes objects.
    #[pyfunction(sig = "(file, *, fix_imports=True, encoding='ASCII', errors='strict', buffers=())")]
    fn load(file: &Obj, fix_imports: bool, encoding: String, errors: String, buffers: Maybe<&Obj>) -> PyResult<Obj> {
        let unpickler = unpickler::Unpickler::make(fix_imports, encoding, errors, buffers.0)?;
        unpickler.set_file(file)?;
        load::load(&unpickler)
    }

    /// Read and return an object from the given pickle data.
    ///
    /// The protocol version of the pickle is detected automatically, so no
    /// protocol argument is needed.  Bytes past the pickled object's
    /// representation are ignored.
    ///
    /// Optional keyword arguments are *fix_imports*, *encoding* and *errors*,
    /// which are used to control compatibility support for pickle stream
    /// generated by Python 2.  If *fix_imports* is True, pickle will try to
    /// map the old Python 2 names to the new names used in Python 3.  The
    /// *encoding* and *errors* tell pickle how to decode 8-bit string
    /// instances pickled by Python 2; these default to 'ASCII' and 'strict',
    /// respectively.  The *encoding* can be 'bytes' to read these 8-bit
    /// string instances as bytes objects.
    #[pyfunction(sig = "(data, /, *, fix_imports=True, encoding='ASCII', errors='strict', buffers=())")]
    fn loads(data: &Obj, fix_imports: bool, encoding: String, errors: String, buffers: Maybe<&Obj>) -> PyResult<Obj> {
        let unpickler = unpickler::Unpickler::make(fix_imports, encoding, errors, buffers.0)?;
        unpickler.set_data(data)?;
        load::load(&unpickler)
    }
}

/// Calls a bound method with one argument.
fn call_one(method: &Obj, arg: &Obj) -> PyResult<Obj> {
    call::call(method, std::slice::from_ref(arg))
}
