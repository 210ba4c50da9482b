//! `_md5`, `_sha1`, `_sha2`, `_sha3` and `_blake2`: message digests.

use blake2b_simd as b2b;
use blake2s_simd as b2s;
use md5::digest::{Digest, ExtendableOutput, Update, XofReader};
use num_traits::ToPrimitive;
use pyrs_macros::{pyclass, pymethods, pymodule};
use pyrs_runtime::args::{FromArg, Maybe};
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::object::{DataCell, Obj, Object, Ptr, PyClass};
use pyrs_runtime::objects::bytes::Bytes;
use pyrs_runtime::objects::int;
use pyrs_runtime::objects::module::Module;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::protocols::buffer::{BytesLike, has_buffer};
use pyrs_runtime::protocols::number;
use pyrs_runtime::raise;
use pyrs_runtime::types::Type;

/// Work on less than this is done under the GIL, as the modules tell.
const GIL_MINSIZE: i64 = 2048;
/// Longest output of the extendable functions.
const MAX_OUTPUT: usize = 1 << 29;

/// The data to be hashed.
pub struct Data<'a>(BytesLike<'a>);

impl<'a> FromArg<'a> for Data<'a> {
    fn from_arg(arg: &'a Obj) -> PyResult<Self> {
        if arg.is_instance_of::<Str>() {
            return Err(raise!(TypeError, "Strings must be encoded before hashing"));
        }
        if !has_buffer(arg) {
            return Err(raise!(TypeError, "object supporting the buffer API required"));
        }
        BytesLike::new(arg).map(Data)
    }
}

/// `data`, or `string`, as it was called before.
fn source<'a>(data: Maybe<Data<'a>>, string: Maybe<Option<Data<'a>>>) -> PyResult<Option<Data<'a>>> {
    match (data.0, string.0.flatten()) {
        (Some(_), Some(_)) => Err(raise!(
            TypeError,
            "'data' and 'string' are mutually exclusive and support for 'string' keyword parameter is slated for removal in a \
             future version."
        )),
        (data, string) => Ok(data.or(string)),
    }
}

fn to_hex(digest: &[u8]) -> String {
    digest.iter().map(|b| format!("{b:02x}")).collect()
}

macro_rules! hash_class {
    ($ty:ident, $state:ty, $module:literal, $class:literal, $name:literal, $block:literal) => {
        #[pyclass(name = $class, module = $module, nogc, flags = DISALLOW_INSTANTIATION)]
        pub struct $ty {
            state: DataCell<$state>,
        }

        impl $ty {
            fn make(data: Option<Data<'_>>) -> Obj {
                let mut state = <$state>::default();
                if let Some(data) = data {
                    Digest::update(&mut state, &*data.0);
                }
                Ptr::new($ty { state: DataCell::new(state) }).into_obj()
            }

            fn finish(&self) -> Vec<u8> {
                self.state.with(|s| s.clone().finalize().to_vec())
            }
        }

        #[pymethods]
        impl $ty {
            /// Return a copy of the hash object.
            #[pymethod]
            fn copy(&self) -> Obj {
                Ptr::new($ty { state: DataCell::new(self.state.with(|s| s.clone())) }).into_obj()
            }

            /// Return the digest value as a bytes object.
            #[pymethod]
            fn digest(&self) -> Obj {
                Bytes::from_vec(self.finish()).into_obj()
            }

            /// Return the digest value as a string of hexadecimal digits.
            #[pymethod]
            fn hexdigest(&self) -> String {
                to_hex(&self.finish())
            }

            /// Update this hash object's state with the provided string.
            #[pymethod]
            fn update(&self, obj: Data<'_>) {
                self.state.with(|s| Digest::update(s, &*obj.0));
            }

            #[getter]
            fn name(&self) -> &'static str {
                $name
            }

            #[getter]
            fn block_size(&self) -> i32 {
                $block
            }

            #[getter]
            fn digest_size(&self) -> usize {
                <$state as Digest>::output_size()
            }
        }
    };
}

hash_class!(Md5, md5::Md5, "_md5", "md5", "md5", 64);
hash_class!(Sha1, sha1::Sha1, "_sha1", "sha1", "sha1", 64);
hash_class!(Sha224, sha2::Sha224, "_sha2", "SHA224Type", "sha224", 64);
hash_class!(Sha256, sha2::Sha256, "_sha2", "SHA256Type", "sha256", 64);
hash_class!(Sha384, sha2::Sha384, "_sha2", "SHA384Type", "sha384", 128);
hash_class!(Sha512, sha2::Sha512, "_sha2", "SHA512Type", "sha512", 128);

macro_rules! sha3_class {
    ($ty:ident, $state:ty, $name:literal, $digest:literal) => {
        /// Return a new SHA3 hash object.
        #[pyclass(name = $name, module = "_sha3", nogc)]
        pub struct $ty {
            state: DataCell<$state>,
        }

        #[pymethods]
        impl $ty {
            #[new(name = $name, sig = "(data=b'', *, usedforsecurity=True, string=None)", text_signature = "")]
            fn construct(
                cls: &Type,
                data: Maybe<Data<'_>>,
                usedforsecurity: bool,
                string: Maybe<Option<Data<'_>>>,
            ) -> PyResult<Obj> {
                let _ = usedforsecurity;
                let mut state = <$state>::default();
                if let Some(data) = source(data, string)? {
                    Digest::update(&mut state, &*data.0);
                }
                Ok(Ptr::new_in(cls, $ty { state: DataCell::new(state) }).into_obj())
            }

            /// Return a copy of the hash object.
            #[pymethod]
            fn copy(&self) -> Obj {
                Ptr::new($ty { state: DataCell::new(self.state.with(|s| s.clone())) }).into_obj()
            }

            /// Return the digest value as a bytes object.
            #[pymethod]
            fn digest(&self) -> Obj {
                Bytes::from_vec(self.state.with(|s| s.clone().finalize().to_vec())).into_obj()
            }

            /// Return the digest value as a string of hexadecimal digits.
            #[pymethod]
            fn hexdigest(&self) -> String {
                to_hex(&self.state.with(|s| s.clone().finalize().to_vec()))
            }

            /// Update this hash object's state with the provided bytes-like object.
            #[pymethod]
            fn update(&self, data: Data<'_>) {
                self.state.with(|s| Digest::update(s, &*data.0));
            }

            #[getter]
            fn block_size(&self) -> i32 {
                200 - 2 * $digest
            }

            #[getter]
            fn name(&self) -> &'static str {
                $name
            }

            #[getter]
            fn digest_size(&self) -> i32 {
                $digest
            }

            #[getter(name = "_capacity_bits")]
            fn capacity_bits(&self) -> i32 {
                16 * $digest
            }

            #[getter(name = "_rate_bits")]
            fn rate_bits(&self) -> i32 {
                1600 - 16 * $digest
            }

            #[getter(name = "_suffix")]
            fn suffix(&self) -> Obj {
                Bytes::new(&[6]).into_obj()
            }
        }
    };
}

sha3_class!(Sha3x224, sha3::Sha3_224, "sha3_224", 28);
sha3_class!(Sha3x256, sha3::Sha3_256, "sha3_256", 32);
sha3_class!(Sha3x384, sha3::Sha3_384, "sha3_384", 48);
sha3_class!(Sha3x512, sha3::Sha3_512, "sha3_512", 64);

/// The length of an extendable output.
fn output_length(length: &Obj) -> PyResult<usize> {
    let index = number::index(length)?;
    if number::is_negative(&index) {
        return Err(raise!(ValueError, "Cannot convert negative int"));
    }
    match int::to_i64(&index).and_then(|n| usize::try_from(n).ok()).filter(|&n| n < MAX_OUTPUT) {
        Some(n) => Ok(n),
        None => Err(raise!(ValueError, "length is too large")),
    }
}

macro_rules! shake_class {
    ($ty:ident, $state:ty, $name:literal, $rate:literal) => {
        /// Return a new SHAKE hash object.
        #[pyclass(name = $name, module = "_sha3", nogc)]
        pub struct $ty {
            state: DataCell<$state>,
        }

        impl $ty {
            fn read(&self, length: usize) -> Vec<u8> {
                let mut out = vec![0; length];
                self.state.with(|s| s.clone().finalize_xof().read(&mut out));
                out
            }
        }

        #[pymethods]
        impl $ty {
            #[new(name = $name, sig = "(data=b'', *, usedforsecurity=True, string=None)", text_signature = "")]
            fn construct(
                cls: &Type,
                data: Maybe<Data<'_>>,
                usedforsecurity: bool,
                string: Maybe<Option<Data<'_>>>,
            ) -> PyResult<Obj> {
                let _ = usedforsecurity;
                let mut state = <$state>::default();
                if let Some(data) = source(data, string)? {
                    Update::update(&mut state, &data.0);
                }
                Ok(Ptr::new_in(cls, $ty { state: DataCell::new(state) }).into_obj())
            }

            /// Return a copy of the hash object.
            #[pymethod]
            fn copy(&self) -> Obj {
                Ptr::new($ty { state: DataCell::new(self.state.with(|s| s.clone())) }).into_obj()
            }

            /// Return the digest value as a bytes object.
            #[pymethod(sig = "(length)")]
            fn digest(&self, length: &Obj) -> PyResult<Obj> {
                Ok(Bytes::from_vec(self.read(output_length(length)?)).into_obj())
            }

            /// Return the digest value as a string of hexadecimal digits.
            #[pymethod(sig = "(length)")]
            fn hexdigest(&self, length: &Obj) -> PyResult<String> {
                Ok(to_hex(&self.read(output_length(length)?)))
            }

            /// Update this hash object's state with the provided bytes-like object.
            #[pymethod]
            fn update(&self, data: Data<'_>) {
                self.state.with(|s| Update::update(s, &data.0));
            }

            #[getter]
            fn block_size(&self) -> i32 {
                $rate
            }

            #[getter]
            fn name(&self) -> &'static str {
                $name
            }

            #[getter]
            fn digest_size(&self) -> i32 {
                0
            }

            #[getter(name = "_capacity_bits")]
            fn capacity_bits(&self) -> i32 {
                1600 - 8 * $rate
            }

            #[getter(name = "_rate_bits")]
            fn rate_bits(&self) -> i32 {
                8 * $rate
            }

            #[getter(name = "_suffix")]
            fn suffix(&self) -> Obj {
                Bytes::new(&[0x1f]).into_obj()
            }
        }
    };
}

shake_class!(Shake128, sha3::Shake128, "shake_128", 168);
shake_class!(Shake256, sha3::Shake256, "shake_256", 136);

/// A BLAKE2 parameter that is an unsigned integer.
fn unsigned(value: Option<&Obj>, name: &str, max: u64) -> PyResult<u64> {
    let Some(value) = value else { return Ok(0) };
    let index = number::index(value)?;
    if number::is_negative(&index) {
        return Err(raise!(ValueError, "Cannot convert negative int"));
    }
    let n = int::to_bigint(&index).unwrap_or_default();
    match n.to_u64().filter(|&n| n <= max) {
        Some(n) => Ok(n),
        None => Err(raise!(OverflowError, "{name} is too large")),
    }
}

fn in_range(n: i32, low: i32, high: i32, text: &str) -> PyResult<()> {
    if (low..=high).contains(&n) { Ok(()) } else { Err(raise!(ValueError, "{text}")) }
}

fn at_most(data: Option<&Data<'_>>, max: usize, what: &str) -> PyResult<()> {
    match data {
        Some(data) if data.0.len() > max => Err(raise!(ValueError, "maximum {what} length is {max} bytes")),
        _ => Ok(()),
    }
}

macro_rules! blake_class {
    ($ty:ident, $crate_name:ident, $name:literal, $shown:literal, $digest:literal, $salt:literal, $block:literal, $max_offset:expr, $doc:literal, $signature:literal) => {
        #[doc = $doc]
        #[pyclass(name = $name, module = "_blake2", nogc, flags = BASETYPE)]
        pub struct $ty {
            state: DataCell<$crate_name::State>,
            digest_size: usize,
        }

        #[pymethods]
        impl $ty {
            #[new(
                name = $name,
                sig = "(data=b'', *, digest_size=None, key=b'', salt=b'', person=b'', fanout=1, depth=1, leaf_size=0, node_offset=0, node_depth=0, inner_size=0, last_node=False, usedforsecurity=True, string=None)",
                text_signature = $signature
            )]
            #[allow(clippy::too_many_arguments)]
            fn construct(
                cls: &Type,
                data: Maybe<Data<'_>>,
                digest_size: Maybe<i32>,
                key: Maybe<Data<'_>>,
                salt: Maybe<Data<'_>>,
                person: Maybe<Data<'_>>,
                fanout: i32,
                depth: i32,
                leaf_size: Maybe<&Obj>,
                node_offset: Maybe<&Obj>,
                node_depth: i32,
                inner_size: i32,
                last_node: bool,
                usedforsecurity: bool,
                string: Maybe<Option<Data<'_>>>,
            ) -> PyResult<Obj> {
                let _ = usedforsecurity;
                let size = digest_size.0.unwrap_or($digest);
                let text = format!(
                    "digest_size for {} must be between 1 and {} bytes, here it is {size}",
                    $shown, $digest
                );
                in_range(size, 1, $digest, &text)?;
                at_most(salt.0.as_ref(), $salt, "salt")?;
                at_most(person.0.as_ref(), $salt, "person")?;
                in_range(fanout, 0, 255, "fanout must be between 0 and 255")?;
                in_range(depth, 1, 255, "depth must be between 1 and 255")?;
                let leaf_size = unsigned(leaf_size.0, "leaf_size", u64::from(u32::MAX))?;
                let node_offset = unsigned(node_offset.0, "node_offset", $max_offset)?;
                in_range(node_depth, 0, 255, "node_depth must be between 0 and 255")?;
                in_range(inner_size, 0, $digest, concat!("inner_size must be between 0 and is ", $digest))?;
                at_most(key.0.as_ref(), $digest, "key")?;
                let mut params = $crate_name::Params::new();
                params
                    .hash_length(size as usize)
                    .fanout(fanout as u8)
                    .max_depth(depth as u8)
                    .max_leaf_length(leaf_size as u32)
                    .node_offset(node_offset)
                    .node_depth(node_depth as u8)
                    .inner_hash_length(inner_size as usize)
                    .last_node(last_node);
                if let Some(key) = &key.0 {
                    params.key(&key.0);
                }
                if let Some(salt) = &salt.0 {
                    params.salt(&salt.0);
                }
                if let Some(person) = &person.0 {
                    params.personal(&person.0);
                }
                let mut state = params.to_state();
                if let Some(data) = source(data, string)? {
                    state.update(&data.0);
                }
                Ok(Ptr::new_in(cls, $ty { state: DataCell::new(state), digest_size: size as usize }).into_obj())
            }

            /// Return a copy of the hash object.
            #[pymethod]
            fn copy(&self) -> Obj {
                let state = DataCell::new(self.state.with(|s| s.clone()));
                Ptr::new($ty { state, digest_size: self.digest_size }).into_obj()
            }

            /// Return the digest value as a bytes object.
            #[pymethod]
            fn digest(&self) -> Obj {
                Bytes::new(self.state.with(|s| s.finalize()).as_bytes()).into_obj()
            }

            /// Return the digest value as a string of hexadecimal digits.
            #[pymethod]
            fn hexdigest(&self) -> String {
                to_hex(self.state.with(|s| s.finalize()).as_bytes())
            }

            /// Update this hash object's state with the provided bytes-like object.
            #[pymethod]
            fn update(&self, data: Data<'_>) {
                self.state.with(|s| {
                    s.update(&data.0);
                });
            }

            #[getter]
            fn name(&self) -> &'static str {
                $name
            }

            #[getter]
            fn block_size(&self) -> i32 {
                $block
            }

            #[getter]
            fn digest_size(&self) -> usize {
                self.digest_size
            }
        }
    };
}

blake_class!(
    Blake2b,
    b2b,
    "blake2b",
    "Blake2b",
    64,
    16,
    128,
    u64::MAX,
    "Return a new BLAKE2b hash object.",
    "(data=b'', *, digest_size=_blake2.blake2b.MAX_DIGEST_SIZE,\n        key=b'', salt=b'', person=b'', fanout=1, depth=1, leaf_size=0,\n        node_offset=0, node_depth=0, inner_size=0, last_node=False,\n        usedforsecurity=True, string=None)"
);
blake_class!(
    Blake2s,
    b2s,
    "blake2s",
    "Blake2s",
    32,
    8,
    64,
    (1 << 48) - 1,
    "Return a new BLAKE2s hash object.",
    "(data=b'', *, digest_size=_blake2.blake2s.MAX_DIGEST_SIZE,\n        key=b'', salt=b'', person=b'', fanout=1, depth=1, leaf_size=0,\n        node_offset=0, node_depth=0, inner_size=0, last_node=False,\n        usedforsecurity=True, string=None)"
);

fn constants(module: &Object<Module>) {
    module.add("_GIL_MINSIZE", int::new(GIL_MINSIZE));
}

/// Message digests.
#[pymodule(name = "_md5")]
pub mod md5_module {
    use super::*;

    #[module_exec]
    fn exec(module: &Object<Module>) -> PyResult<()> {
        constants(module);
        pyrs_runtime::types::ready(Md5::def());
        module.add("MD5Type", Md5::class().to_obj());
        Ok(())
    }

    /// Return a new MD5 hash object; optionally initialized with a string.
    #[pyfunction(
        sig = "(data=b'', *, usedforsecurity=True, string=None)",
        text_signature = "($module, /, data=b'', *, usedforsecurity=True, string=None)"
    )]
    pub fn md5(data: Maybe<Data<'_>>, usedforsecurity: bool, string: Maybe<Option<Data<'_>>>) -> PyResult<Obj> {
        let _ = usedforsecurity;
        Ok(Md5::make(source(data, string)?))
    }
}

/// Message digests.
#[pymodule(name = "_sha1")]
pub mod sha1_module {
    use super::*;

    #[module_exec]
    fn exec(module: &Object<Module>) -> PyResult<()> {
        constants(module);
        pyrs_runtime::types::ready(Sha1::def());
        module.add("SHA1Type", Sha1::class().to_obj());
        Ok(())
    }

    /// Return a new SHA1 hash object; optionally initialized with a string.
    #[pyfunction(
        sig = "(data=b'', *, usedforsecurity=True, string=None)",
        text_signature = "($module, /, data=b'', *, usedforsecurity=True, string=None)"
    )]
    fn sha1(data: Maybe<Data<'_>>, usedforsecurity: bool, string: Maybe<Option<Data<'_>>>) -> PyResult<Obj> {
        let _ = usedforsecurity;
        Ok(Sha1::make(source(data, string)?))
    }
}

/// Message digests.
#[pymodule(name = "_sha2")]
pub mod sha2_module {
    use super::*;

    #[module_exec]
    fn exec(module: &Object<Module>) -> PyResult<()> {
        constants(module);
        pyrs_runtime::types::ready(Sha224::def());
        module.add("SHA224Type", Sha224::class().to_obj());
        pyrs_runtime::types::ready(Sha256::def());
        module.add("SHA256Type", Sha256::class().to_obj());
        pyrs_runtime::types::ready(Sha384::def());
        module.add("SHA384Type", Sha384::class().to_obj());
        pyrs_runtime::types::ready(Sha512::def());
        module.add("SHA512Type", Sha512::class().to_obj());
        Ok(())
    }

    /// Return a new SHA-224 hash object; optionally initialized with a string.
    #[pyfunction(
        sig = "(data=b'', *, usedforsecurity=True, string=None)",
        text_signature = "($module, /, data=b'', *, usedforsecurity=True, string=None)"
    )]
    fn sha224(data: Maybe<Data<'_>>, usedforsecurity: bool, string: Maybe<Option<Data<'_>>>) -> PyResult<Obj> {
        let _ = usedforsecurity;
        Ok(Sha224::make(source(data, string)?))
    }

    /// Return a new SHA-256 hash object; optionally initialized with a string.
    #[pyfunction(
        sig = "(data=b'', *, usedforsecurity=True, string=None)",
        text_signature = "($module, /, data=b'', *, usedforsecurity=True, string=None)"
    )]
    fn sha256(data: Maybe<Data<'_>>, usedforsecurity: bool, string: Maybe<Option<Data<'_>>>) -> PyResult<Obj> {
        let _ = usedforsecurity;
        Ok(Sha256::make(source(data, string)?))
    }

    /// Return a new SHA-384 hash object; optionally initialized with a string.
    #[pyfunction(
        sig = "(data=b'', *, usedforsecurity=True, string=None)",
        text_signature = "($module, /, data=b'', *, usedforsecurity=True, string=None)"
    )]
    fn sha384(data: Maybe<Data<'_>>, usedforsecurity: bool, string: Maybe<Option<Data<'_>>>) -> PyResult<Obj> {
        let _ = usedforsecurity;
        Ok(Sha384::make(source(data, string)?))
    }

    /// Return a new SHA-512 hash object; optionally initialized with a string.
    #[pyfunction(
        sig = "(data=b'', *, usedforsecurity=True, string=None)",
        text_signature = "($module, /, data=b'', *, usedforsecurity=True, string=None)"
    )]
    fn sha512(data: Maybe<Data<'_>>, usedforsecurity: bool, string: Maybe<Option<Data<'_>>>) -> PyResult<Obj> {
        let _ = usedforsecurity;
        Ok(Sha512::make(source(data, string)?))
    }
}

/// Message digests of the SHA-3 family.
#[pymodule(
    name = "_sha3",
    classes(super::Sha3x224, super::Sha3x256, super::Sha3x384, super::Sha3x512, super::Shake128, super::Shake256)
)]
pub mod sha3_module {
    use super::*;

    #[module_exec]
    fn exec(module: &Object<Module>) -> PyResult<()> {
        constants(module);
        module.add("implementation", Str::new("RustCrypto"));
        Ok(())
    }
}

/// _blake2b provides BLAKE2b for hashlib
#[pymodule(name = "_blake2", classes(super::Blake2b, super::Blake2s))]
pub mod blake2_module {
    use super::*;

    #[module_exec]
    fn exec(module: &Object<Module>) -> PyResult<()> {
        constants(module);
        for (class, prefix, digest, salt) in
            [(Blake2b::class(), "BLAKE2B", 64, 16), (Blake2s::class(), "BLAKE2S", 32, 8)]
        {
            let sizes =
                [("SALT_SIZE", salt), ("PERSON_SIZE", salt), ("MAX_KEY_SIZE", digest), ("MAX_DIGEST_SIZE", digest)];
            for (name, size) in sizes {
                module.add(&format!("{prefix}_{name}"), int::new(size));
                class.dict().set_text(name, int::new(size));
            }
        }
        Ok(())
    }
}
