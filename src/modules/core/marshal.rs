//! `marshal`.

use pyrs_macros::pymodule;

/// This module contains functions that can read and write Python values in
/// a binary format. The format is specific to Python, but independent of
/// machine architecture issues.
#[pymodule(name = "marshal")]
pub mod marshal {
    use pyrs_bytecode::Constant;
    use pyrs_bytecode::marshal as format;
    use pyrs_runtime::call;
    use pyrs_runtime::errors::PyResult;
    use pyrs_runtime::object::{Obj, Object};
    use pyrs_runtime::objects::bytes::{self, Bytes};
    use pyrs_runtime::objects::code::Code;
    use pyrs_runtime::objects::complex::Complex;
    use pyrs_runtime::objects::dict::Dict;
    use pyrs_runtime::objects::int::IntRef;
    use pyrs_runtime::objects::list::List;
    use pyrs_runtime::objects::module::Module;
    use pyrs_runtime::objects::set;
    use pyrs_runtime::objects::singletons::as_bool;
    use pyrs_runtime::objects::slice::Slice;
    use pyrs_runtime::objects::str::Str;
    use pyrs_runtime::objects::tuple::Tuple;
    use pyrs_runtime::objects::{float, int};
    use pyrs_runtime::{PyClass, raise};

    fn unmarshallable() -> pyrs_runtime::Raised {
        raise!(ValueError, "unmarshallable object")
    }

    /// The value as the format's own tree.
    fn to_constant(value: &Obj, allow_code: bool, depth: usize) -> PyResult<Constant> {
        if depth > 2000 {
            return Err(raise!(ValueError, "object too deeply nested to marshal"));
        }
        let all =
            |items: &[Obj]| items.iter().map(|i| to_constant(i, allow_code, depth + 1)).collect::<PyResult<Vec<_>>>();
        if value.is_none() {
            return Ok(Constant::None);
        }
        if let Some(b) = as_bool(value) {
            return Ok(Constant::from_bool(b));
        }
        if value.is(&pyrs_runtime::objects::singletons::ellipsis()) {
            return Ok(Constant::Ellipsis);
        }
        if int::is_exact(value) {
            return Ok(match int::view(value) {
                Some(IntRef::Small(n)) => Constant::Int(n),
                Some(IntRef::Big(n)) => Constant::from_bigint(n.clone()),
                None => return Err(unmarshallable()),
            });
        }
        if float::is_exact(value) {
            return Ok(Constant::Float(float::view(value).unwrap_or(0.0)));
        }
        if let Some(c) = value.exact::<Complex>() {
            return Ok(Constant::Complex { real: c.re, imag: c.im });
        }
        if let Some(s) = value.exact::<Str>() {
            return Ok(Constant::Str(s.to_wstr()));
        }
        if let Some(t) = value.exact::<Tuple>() {
            return Ok(Constant::Tuple(all(t.items())?));
        }
        if let Some(s) = value.exact::<Slice>() {
            return Ok(Constant::Slice(Box::new([
                to_constant(&s.start, allow_code, depth + 1)?,
                to_constant(&s.stop, allow_code, depth + 1)?,
                to_constant(&s.step, allow_code, depth + 1)?,
            ])));
        }
        if let Some(c) = value.exact::<Code>() {
            if !allow_code {
                return Err(raise!(ValueError, "marshalling code objects is disallowed"));
            }
            let mut source = (*c.source).clone();
            source.consts = all(c.consts.items())?;
            return Ok(Constant::Code(source.into()));
        }
        if std::ptr::eq(value.class(), set::FrozenSet::class()) {
            return Ok(Constant::FrozenSet(all(&set::as_set(value).expect("a frozenset").keys())?));
        }
        if let Some(bytes) = bytes::contiguous(value)? {
            return Ok(Constant::Bytes(bytes.to_vec()));
        }
        Err(unmarshallable())
    }

    /// Lists, dicts and sets have codes of their own that the constants of code never use.
    fn write(value: &Obj, allow_code: bool, out: &mut Vec<u8>, depth: usize) -> PyResult<()> {
        if depth > 2000 {
            return Err(raise!(ValueError, "object too deeply nested to marshal"));
        }
        let count = |out: &mut Vec<u8>, n: usize| out.extend_from_slice(&(n as u32).to_le_bytes());
        if let Some(list) = value.exact::<List>() {
            out.push(b'[');
            count(out, list.len());
            return list.to_vec().iter().try_for_each(|i| write(i, allow_code, out, depth + 1));
        }
        if let Some(dict) = value.exact::<Dict>() {
            out.push(b'{');
            for (k, v) in dict.entries() {
                write(&k, allow_code, out, depth + 1)?;
                write(&v, allow_code, out, depth + 1)?;
            }
            out.push(b'0');
            return Ok(());
        }
        if std::ptr::eq(value.class(), set::Set::class()) {
            let keys = set::as_set(value).expect("a set").keys();
            out.push(b'<');
            count(out, keys.len());
            return keys.iter().try_for_each(|i| write(i, allow_code, out, depth + 1));
        }
        if let Some(tuple) = value.exact::<Tuple>()
            && has_mutable(tuple.items())
        {
            out.push(b'(');
            count(out, tuple.len());
            return tuple.items().iter().try_for_each(|i| write(i, allow_code, out, depth + 1));
        }
        out.extend_from_slice(&format::dumps(&to_constant(value, allow_code, depth)?));
        Ok(())
    }

    fn has_mutable(items: &[Obj]) -> bool {
        items.iter().any(|i| {
            i.exact::<List>().is_some()
                || i.exact::<Dict>().is_some()
                || std::ptr::eq(i.class(), set::Set::class())
                || i.exact::<Tuple>().is_some_and(|t| has_mutable(t.items()))
        })
    }

    /// Return the bytes object that would be written to a file by dump(value, file).
    #[pyfunction(sig = "(value, version=5, /, *, allow_code=True)")]
    fn dumps(value: &Obj, version: i64, allow_code: bool) -> PyResult<Obj> {
        let _ = version;
        let mut out = Vec::new();
        write(value, allow_code, &mut out, 0)?;
        Ok(Bytes::new(&out).into())
    }

    /// Write the value on the open file.
    #[pyfunction(sig = "(value, file, version=5, /, *, allow_code=True)")]
    fn dump(value: &Obj, file: &Obj, version: i64, allow_code: bool) -> PyResult<Obj> {
        let data = dumps(value, version, allow_code)?;
        call::call_method(file, "write", &[data])
    }

    /// Convert the bytes-like object to a value.
    #[pyfunction(sig = "(bytes, /, *, allow_code=True)")]
    fn loads(bytes: &Obj, allow_code: bool) -> PyResult<Obj> {
        let data = bytes::from_object(bytes)?;
        read(&data, allow_code)
    }

    /// Read one value from the open file and return it.
    #[pyfunction(sig = "(file, /, *, allow_code=True)")]
    fn load(file: &Obj, allow_code: bool) -> PyResult<Obj> {
        let data = call::call_method(file, "read", &[])?;
        loads(&data, allow_code)
    }

    fn read(data: &[u8], allow_code: bool) -> PyResult<Obj> {
        let _ = allow_code;
        crate::core::import::constant_from_marshal(data)
    }

    #[module_exec]
    fn exec(module: &Object<Module>) -> PyResult<()> {
        module.add("version", int::new(5));
        Ok(())
    }
}
