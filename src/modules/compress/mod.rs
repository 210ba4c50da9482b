//! Compression: `zlib`, `_bz2`, `_lzma`, `_zstd`.
//!
//! The decompressors for files keep input that they have not needed yet and stop at a given length of output;
//! [`Pending`] is that part of them.

pub mod bz2;
#[cfg(feature = "lzma")]
pub mod lzma;
pub mod zlib;
pub(crate) mod zlib_stream;

use pyrs_runtime::class::ModuleDef;
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::object::Obj;
use pyrs_runtime::objects::bytes::Bytes;
use pyrs_runtime::raise;

/// The definitions of the modules in this folder.
pub fn modules() -> Vec<fn() -> &'static ModuleDef> {
    vec![
        bz2::bz2::def,
        #[cfg(feature = "lzma")]
        lzma::lzma::def,
        zlib::zlib::def,
    ]
}

/// What one step of a decoder did.
pub struct Step {
    pub consumed: usize,
    pub at_end: bool,
    /// The decoder may have more output without more input.
    pub has_more: bool,
}

/// The state of a decompressor between calls.
#[derive(Default)]
pub struct Pending {
    input: Vec<u8>,
    pub at_end: bool,
    pub unused: Vec<u8>,
    pub starved: bool,
}

impl Pending {
    pub fn new() -> Pending {
        Pending { starved: true, ..Pending::default() }
    }

    /// `decompress(data, max_length)`: `decode` appends to the output, which may grow to the limit.
    pub fn decompress(
        &mut self,
        data: &[u8],
        max_length: isize,
        decode: impl FnOnce(&[u8], &mut Vec<u8>, usize) -> PyResult<Step>,
    ) -> PyResult<Obj> {
        if self.at_end {
            return Err(raise!(EOFError, "End of stream already reached"));
        }
        let limit = usize::try_from(max_length).unwrap_or(usize::MAX);
        let mut out = Vec::new();
        let mut joined = std::mem::take(&mut self.input);
        let input = if joined.is_empty() {
            data
        } else {
            joined.extend_from_slice(data);
            &joined
        };
        let step = match decode(input, &mut out, limit) {
            Ok(step) => step,
            Err(raised) => {
                self.starved = false;
                return Err(raised);
            }
        };
        let rest = &input[step.consumed..];
        if step.at_end {
            self.at_end = true;
            self.starved = false;
            self.unused = rest.to_vec();
        } else if rest.is_empty() {
            self.starved = !step.has_more;
        } else {
            self.starved = false;
            self.input = rest.to_vec();
        }
        Ok(Bytes::from_vec(out).into())
    }
}

/// Room for the next piece of output: it grows with what there is already.
pub fn next_room(used: usize, limit: usize) -> usize {
    used.clamp(16 << 10, 64 << 20).min(limit - used)
}
