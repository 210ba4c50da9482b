//! `_lzma`.

use liblzma::stream::{Action, Check, Error, Filters, LzmaOptions, MatchFinder, Mode, Status, Stream};
use pyrs_macros::{pyclass, pymethods, pymodule};
use pyrs_runtime::args::FromArg;
use pyrs_runtime::errors::{self, PyResult, Raised};
use pyrs_runtime::object::{DataCell, Obj, Object, Ptr, PyClass};
use pyrs_runtime::objects::bytes::Bytes;
use pyrs_runtime::objects::dict::Dict;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::{exceptions, int};
use pyrs_runtime::protocols::buffer::BytesLike;
use pyrs_runtime::protocols::{iter, sequence};
use pyrs_runtime::raise;
use pyrs_runtime::thread::runtime;
use pyrs_runtime::types::Type;

use super::{Pending, Step, next_room};

const FORMAT_AUTO: i32 = 0;
const FORMAT_XZ: i32 = 1;
const FORMAT_ALONE: i32 = 2;
const FORMAT_RAW: i32 = 3;
const CHECK_NONE: i32 = 0;
const CHECK_UNKNOWN: i32 = 16;
const PRESET_DEFAULT: u32 = 6;
const FILTER_LZMA1: u64 = 0x4000_0000_0000_0001;
const FILTER_LZMA2: u64 = 0x21;
const FILTER_DELTA: u64 = 3;
/// Filters for machine code: x86, PowerPC, IA-64, ARM, ARM Thumb, SPARC.
const FILTER_BCJ: std::ops::RangeInclusive<u64> = 4..=9;

fn error_class() -> PyResult<Obj> {
    match runtime().registered("_lzma.LZMAError") {
        Some(class) => Ok(class),
        None => {
            let class = crate::exception_class("_lzma", "LZMAError", exceptions::Exception::class())?;
            runtime().register("_lzma.LZMAError", class.clone());
            Ok(class)
        }
    }
}

fn lzma_error(text: &str) -> Raised {
    match error_class() {
        Ok(class) => errors::raise_text(pyrs_runtime::types::as_type(&class).expect("a class"), text),
        Err(raised) => raised,
    }
}

fn failed(error: Error) -> Raised {
    match error {
        Error::Mem => raise!(MemoryError),
        Error::UnsupportedCheck => lzma_error("Unsupported integrity check"),
        Error::MemLimit => lzma_error("Memory usage limit exceeded"),
        Error::Format => lzma_error("Input format not supported by decoder"),
        Error::Options => lzma_error("Invalid or unsupported options"),
        Error::Data => lzma_error("Corrupt input data"),
        Error::Program => lzma_error("Internal error"),
        Error::NoCheck => lzma_error("Input stream has no integrity check"),
    }
}

fn check_of(number: i32) -> PyResult<Check> {
    match number {
        0 => Ok(Check::None),
        1 => Ok(Check::Crc32),
        -1 | 4 => Ok(Check::Crc64),
        10 => Ok(Check::Sha256),
        _ => Err(lzma_error("Unsupported integrity check")),
    }
}

/// Numbers of one of LZMA's filters.
struct LzmaNumbers {
    dict_size: u32,
    lc: u32,
    lp: u32,
    pb: u32,
}

/// One filter of a chain.
enum Filter {
    /// With the id, and the numbers that its properties hold.
    Lzma(u64, Box<LzmaOptions>, LzmaNumbers),
    Delta(u32),
    /// With the id and the start offset.
    Bcj(u64, u32),
}

fn unsigned(obj: &Obj) -> PyResult<u32> {
    let index = pyrs_runtime::protocols::number::index(obj)?;
    match int::to_bigint(&index).and_then(|n| u32::try_from(&n).ok()) {
        Some(n) => Ok(n),
        None if pyrs_runtime::protocols::number::is_negative(&index) => {
            Err(raise!(ValueError, "Cannot convert negative int"))
        }
        None => Err(raise!(OverflowError, "Value too large for uint32_t type")),
    }
}

/// The entries of a filter specifier, all of which must be known.
fn entries(spec: &Obj, known: &[&str], what: &str) -> PyResult<Vec<Option<Obj>>> {
    let wrong = || raise!(ValueError, "Invalid filter specifier for {what} filter");
    let keys = iter::collect(&pyrs_runtime::call::call_method(spec, "keys", &[])?)?;
    let mut values = vec![None; known.len()];
    for key in keys {
        let at = key.downcast::<Str>().and_then(|k| known.iter().position(|n| k.eq_str(n)));
        let Some(at) = at else { return Err(wrong()) };
        values[at] = Some(sequence::getitem(spec, &key)?);
    }
    Ok(values)
}

/// The dictionary size of a preset.
fn preset_numbers(preset: u32) -> LzmaNumbers {
    const SIZES: [u32; 10] = [18, 20, 21, 22, 22, 23, 23, 24, 25, 26];
    let level = (preset & 31) as usize;
    LzmaNumbers { dict_size: 1 << SIZES[level.min(9)], lc: 3, lp: 0, pb: 2 }
}

fn lzma_options(spec: &Obj, id: u64) -> PyResult<Filter> {
    let known = ["id", "preset", "dict_size", "lc", "lp", "pb", "mode", "nice_len", "mf", "depth"];
    let values = entries(spec, &known, "LZMA")?;
    let number = |i: usize| values[i].as_ref().map(unsigned).transpose();
    let preset = number(1)?.unwrap_or(PRESET_DEFAULT);
    let wrong = |_| lzma_error(&format!("Invalid compression preset: {preset}"));
    let mut options = Box::new(LzmaOptions::new_preset(preset).map_err(wrong)?);
    let mut numbers = preset_numbers(preset);
    if let Some(n) = number(2)? {
        options.dict_size(n);
        numbers.dict_size = n;
    }
    if let Some(n) = number(3)? {
        options.literal_context_bits(n);
        numbers.lc = n;
    }
    if let Some(n) = number(4)? {
        options.literal_position_bits(n);
        numbers.lp = n;
    }
    if let Some(n) = number(5)? {
        options.position_bits(n);
        numbers.pb = n;
    }
    let invalid = || lzma_error("Invalid or unsupported options");
    match number(6)? {
        Some(1) => drop(options.mode(Mode::Fast)),
        Some(2) => drop(options.mode(Mode::Normal)),
        Some(_) => return Err(invalid()),
        None => {}
    }
    if let Some(n) = number(7)? {
        options.nice_len(n);
    }
    match number(8)? {
        Some(3) => drop(options.match_finder(MatchFinder::HashChain3)),
        Some(4) => drop(options.match_finder(MatchFinder::HashChain4)),
        Some(18) => drop(options.match_finder(MatchFinder::BinaryTree2)),
        Some(19) => drop(options.match_finder(MatchFinder::BinaryTree3)),
        Some(20) => drop(options.match_finder(MatchFinder::BinaryTree4)),
        Some(_) => return Err(invalid()),
        None => {}
    }
    if let Some(n) = number(9)? {
        options.depth(n);
    }
    Ok(Filter::Lzma(id, options, numbers))
}

impl Filter {
    fn from_spec(spec: &Obj) -> PyResult<Filter> {
        if !sequence::is_mapping(spec) {
            return Err(raise!(TypeError, "Filter specifier must be a dict or dict-like object"));
        }
        let key: Obj = Str::intern("id").into();
        let found = errors::unless_raised(sequence::getitem(spec, &key), exceptions::KeyError::class())?;
        let Some(id) = found else {
            return Err(raise!(ValueError, "Filter specifier must have an \"id\" entry"));
        };
        let id = filter_id(&id)?;
        match id {
            FILTER_LZMA1 | FILTER_LZMA2 => lzma_options(spec, id),
            FILTER_DELTA => {
                let values = entries(spec, &["id", "dist"], "delta")?;
                Ok(Filter::Delta(values[1].as_ref().map(unsigned).transpose()?.unwrap_or(1)))
            }
            _ if FILTER_BCJ.contains(&id) => {
                let values = entries(spec, &["id", "start_offset"], "BCJ")?;
                Ok(Filter::Bcj(id, values[1].as_ref().map(unsigned).transpose()?.unwrap_or(0)))
            }
            _ => Err(raise!(ValueError, "Invalid filter ID: {id}")),
        }
    }

    fn add_to(&self, chain: &mut Filters) -> PyResult<()> {
        match self {
            Filter::Lzma(FILTER_LZMA1, options, _) => drop(chain.lzma1(options)),
            Filter::Lzma(_, options, _) => drop(chain.lzma2(options)),
            Filter::Delta(_) => drop(chain.delta_properties(&self.properties()?).map_err(failed)?),
            Filter::Bcj(id, _) => {
                let properties = self.properties()?;
                let added = match id {
                    4 => chain.x86_properties(&properties),
                    5 => chain.powerpc_properties(&properties),
                    6 => chain.ia64_properties(&properties),
                    7 => chain.arm_properties(&properties),
                    8 => chain.arm_thumb_properties(&properties),
                    _ => chain.sparc_properties(&properties),
                };
                added.map(drop).map_err(failed)?;
            }
        }
        Ok(())
    }

    /// The filter's properties as files hold them.
    fn properties(&self) -> PyResult<Vec<u8>> {
        match self {
            Filter::Lzma(FILTER_LZMA1, _, n) => {
                if n.lc > 4 || n.lp > 4 || n.lc + n.lp > 4 || n.pb > 4 {
                    return Err(lzma_error("Internal error"));
                }
                let mut out = vec![((n.pb * 5 + n.lp) * 9 + n.lc) as u8];
                out.extend(n.dict_size.to_le_bytes());
                Ok(out)
            }
            Filter::Lzma(_, _, n) => {
                // The size is 2 or 3 times a power of 2, rounded up.
                let wanted = n.dict_size.max(4096) as u64;
                let code = (0..40u32).find(|c| (2 + (*c as u64 & 1)) << (c / 2 + 11) >= wanted);
                Ok(vec![code.unwrap_or(40) as u8])
            }
            Filter::Delta(distance) => match distance {
                1..=256 => Ok(vec![(distance - 1) as u8]),
                _ => Err(lzma_error("Invalid or unsupported options")),
            },
            Filter::Bcj(_, 0) => Ok(Vec::new()),
            Filter::Bcj(_, offset) => Ok(offset.to_le_bytes().to_vec()),
        }
    }
}

fn filter_id(obj: &Obj) -> PyResult<u64> {
    let index = pyrs_runtime::protocols::number::index(obj)?;
    match int::to_bigint(&index).map(|n| u64::try_from(&n)) {
        Some(Ok(n)) => Ok(n),
        _ if pyrs_runtime::protocols::number::is_negative(&index) => {
            Err(raise!(ValueError, "Cannot convert negative int"))
        }
        _ => Err(raise!(OverflowError, "Value too large for lzma_vli type")),
    }
}

/// A chain of filter specifiers.
fn filter_chain(specs: &Obj) -> PyResult<(Vec<Filter>, Filters)> {
    if !sequence::is_sequence(specs) {
        return Err(raise!(TypeError, "{} is not a sequence", specs.class().name()));
    }
    let count = sequence::len(specs)?;
    if count > 4 {
        return Err(raise!(ValueError, "Too many filters - liblzma supports a maximum of 4"));
    }
    let (mut list, mut chain) = (Vec::new(), Filters::new());
    for i in 0..count {
        let filter = Filter::from_spec(&sequence::get(specs, i as isize)?)?;
        filter.add_to(&mut chain)?;
        list.push(filter);
    }
    Ok((list, chain))
}

/// Runs a stream over a piece of input: how much it took, and whether it is at its end.
fn run(stream: &mut Stream, input: &[u8], out: &mut Vec<u8>, limit: usize, action: Action) -> PyResult<Step> {
    let mut consumed = 0;
    loop {
        let room = next_room(out.len(), limit);
        let used = out.len();
        out.resize(used + room, 0);
        let before = (stream.total_in(), stream.total_out());
        let result = stream.process(&input[consumed..], &mut out[used..], action);
        let produced = (stream.total_out() - before.1) as usize;
        out.truncate(used + produced);
        let step = (stream.total_in() - before.0) as usize;
        consumed += step;
        // "No progress" is an error only for those who cannot give more.
        let at_end = matches!(result.map_err(failed)?, Status::StreamEnd);
        let full = produced == room;
        let stuck = step == 0 && produced == 0;
        let idle = !full && (stuck || (consumed == input.len() && matches!(action, Action::Run)));
        if at_end || out.len() >= limit || idle {
            return Ok(Step { consumed, at_end, has_more: full });
        }
    }
}

/// LZMACompressor(format=FORMAT_XZ, check=-1, preset=None, filters=None)
///
/// Create a compressor object for compressing data incrementally.
///
/// format is the container: FORMAT_XZ, FORMAT_ALONE (the old one) or FORMAT_RAW (none).  check is the
/// integrity check of FORMAT_XZ, -1 for CHECK_CRC64.  The settings are a preset (0 to 9, with PRESET_EXTREME
/// perhaps) or a chain of filters, dicts with "id" and the filter's options.
#[pyclass(name = "LZMACompressor", module = "_lzma", nogc)]
pub struct Compressor {
    stream: DataCell<Option<Stream>>,
}

#[pymethods]
impl Compressor {
    #[new(sig = "(format=1, check=-1, preset=None, filters=None)", text_signature = "")]
    fn py_new(cls: &Type, format: i32, check: i32, preset: Option<&Obj>, filters: Option<&Obj>) -> PyResult<Obj> {
        if preset.is_some() && filters.is_some() {
            return Err(raise!(ValueError, "Cannot specify both preset and filter chain"));
        }
        let number = preset.map_or(Ok(PRESET_DEFAULT), unsigned)?;
        if format != FORMAT_XZ && check != -1 && check != CHECK_NONE {
            return Err(raise!(ValueError, "Integrity checks are only supported by FORMAT_XZ"));
        }
        let bad_preset = || lzma_error(&format!("Invalid compression preset: {number}"));
        let stream = match (format, filters) {
            (FORMAT_XZ, None) => {
                let check = check_of(check)?;
                Stream::new_easy_encoder(number, check)
            }
            (FORMAT_XZ, Some(specs)) => {
                let check = check_of(check)?;
                Stream::new_stream_encoder(&filter_chain(specs)?.1, check)
            }
            (FORMAT_ALONE, None) => {
                let options = LzmaOptions::new_preset(number).map_err(|_| bad_preset())?;
                Stream::new_lzma_encoder(&options)
            }
            (FORMAT_ALONE, Some(specs)) => match filter_chain(specs)?.0.as_slice() {
                [Filter::Lzma(FILTER_LZMA1, options, _)] => Stream::new_lzma_encoder(options),
                _ => {
                    return Err(raise!(
                        ValueError,
                        "Invalid filter chain for FORMAT_ALONE - must be a single LZMA1 filter"
                    ));
                }
            },
            (FORMAT_RAW, Some(specs)) => Stream::new_raw_encoder(&filter_chain(specs)?.1),
            (FORMAT_RAW, None) => return Err(raise!(ValueError, "Must specify filters for FORMAT_RAW")),
            _ => return Err(raise!(ValueError, "Invalid container format: {format}")),
        };
        let stream = DataCell::new(Some(stream.map_err(failed)?));
        Ok(Ptr::new_in(cls, Compressor { stream }).into())
    }

    /// Compress data; what has come out so far.  flush() ends the stream.
    #[pymethod]
    fn compress(&self, data: BytesLike<'_>) -> PyResult<Obj> {
        let mut out = Vec::new();
        self.stream.with(|stream| match stream {
            Some(stream) => run(stream, &data, &mut out, usize::MAX, Action::Run).map(drop),
            None => Err(raise!(ValueError, "Compressor has been flushed")),
        })?;
        Ok(Bytes::from_vec(out).into())
    }

    /// End the stream; what is still inside.  The object cannot be used after this.
    #[pymethod]
    fn flush(&self) -> PyResult<Obj> {
        let mut out = Vec::new();
        self.stream.with(|stream| match stream {
            Some(stream) => run(stream, b"", &mut out, usize::MAX, Action::Finish).map(drop),
            None => Err(raise!(ValueError, "Repeated call to flush()")),
        })?;
        drop(self.stream.replace(None));
        Ok(Bytes::from_vec(out).into())
    }

    #[pymethod(name = "__reduce__")]
    fn reduce(&self) -> PyResult<Obj> {
        Err(raise!(TypeError, "cannot pickle '_lzma.LZMACompressor' object"))
    }
}

/// Create a decompressor object for decompressing data incrementally.
///
/// format is the container, FORMAT_AUTO for FORMAT_XZ or FORMAT_ALONE, whichever it is.  memlimit limits the
/// memory in bytes.  filters belong to FORMAT_RAW.
#[pyclass(name = "LZMADecompressor", module = "_lzma", nogc)]
pub struct Decompressor {
    stream: DataCell<Stream>,
    pending: DataCell<Pending>,
    /// The start of the input, which tells the check of an .xz stream; `None` where there is none.
    header: DataCell<Option<Vec<u8>>>,
}

/// Bytes of the header up to the check.
const HEADER: usize = 8;

#[pymethods]
impl Decompressor {
    #[new(
        sig = "(format=0, memlimit=None, filters=None)",
        text_signature = "(format=FORMAT_AUTO, memlimit=None, filters=None)"
    )]
    fn py_new(cls: &Type, format: i32, memlimit: Option<&Obj>, filters: Option<&Obj>) -> PyResult<Obj> {
        if memlimit.is_some() && format == FORMAT_RAW {
            return Err(raise!(ValueError, "Cannot specify memory limit with FORMAT_RAW"));
        }
        let limit = memlimit.map_or(Ok(u64::MAX), u64::from_arg)?;
        if format == FORMAT_RAW && filters.is_none() {
            return Err(raise!(ValueError, "Must specify filters for FORMAT_RAW"));
        }
        if format != FORMAT_RAW && filters.is_some() {
            return Err(raise!(ValueError, "Cannot specify filters except with FORMAT_RAW"));
        }
        let stream = match format {
            FORMAT_AUTO => Stream::new_auto_decoder(limit, 0),
            FORMAT_XZ => Stream::new_stream_decoder(limit, 0),
            FORMAT_ALONE => Stream::new_lzma_decoder(limit),
            FORMAT_RAW => Stream::new_raw_decoder(&filter_chain(filters.expect("checked"))?.1),
            _ => return Err(raise!(ValueError, "Invalid container format: {format}")),
        };
        let header = matches!(format, FORMAT_AUTO | FORMAT_XZ).then(Vec::new);
        let decompressor = Decompressor {
            stream: DataCell::new(stream.map_err(failed)?),
            pending: DataCell::new(Pending::new()),
            header: DataCell::new(header),
        };
        Ok(Ptr::new_in(cls, decompressor).into())
    }

    /// Decompress data; at most max_length bytes come out if it is not negative, and the rest of the
    /// input is kept for the next call.
    #[pymethod(sig = "(data, max_length=-1)")]
    fn decompress(&self, data: BytesLike<'_>, max_length: isize) -> PyResult<Obj> {
        self.header.with(|header| {
            if let Some(header) = header {
                header.extend(data.iter().take(HEADER.saturating_sub(header.len())));
            }
        });
        self.pending.with(|pending| {
            pending.decompress(&data, max_length, |input, out, limit| {
                self.stream.with(|stream| run(stream, input, out, limit, Action::Run))
            })
        })
    }

    /// ID of the integrity check used by the input stream.
    #[getter]
    fn check(&self) -> i32 {
        self.header.with(|header| match header.as_deref() {
            None => CHECK_NONE,
            Some(start) if start.len() < HEADER && (start.is_empty() || b"\xfd7zXZ\0".starts_with(&start[..1])) => {
                CHECK_UNKNOWN
            }
            Some(start) if start.starts_with(b"\xfd7zXZ\0") => (start[7] & 15) as i32,
            Some(_) => CHECK_NONE,
        })
    }

    /// True if the end-of-stream marker has been reached.
    #[getter]
    fn eof(&self) -> bool {
        self.pending.with(|pending| pending.at_end)
    }

    /// True if more input is needed before more decompressed data can be produced.
    #[getter]
    fn needs_input(&self) -> bool {
        self.pending.with(|pending| pending.starved)
    }

    /// Data found after the end of the compressed stream.
    #[getter]
    fn unused_data(&self) -> Obj {
        self.pending.with(|pending| Bytes::new(&pending.unused)).into()
    }

    #[pymethod(name = "__reduce__")]
    fn reduce(&self) -> PyResult<Obj> {
        Err(raise!(TypeError, "cannot pickle '_lzma.LZMADecompressor' object"))
    }
}

/// Compression as .xz and .lzma files have it.
#[pymodule(name = "_lzma", classes(super::Compressor, super::Decompressor))]
pub mod lzma {
    use super::*;
    use pyrs_runtime::objects::module::Module;

    /// Whether an integrity check can be used.
    #[pyfunction]
    fn is_check_supported(check_id: i32) -> bool {
        matches!(check_id, 0 | 1 | 4 | 10)
    }

    /// The options of a filter as bytes, without its id.
    #[pyfunction]
    fn _encode_filter_properties(filter: &Obj) -> PyResult<Obj> {
        Ok(Bytes::from_vec(Filter::from_spec(filter)?.properties()?).into())
    }

    /// A filter specifier from an id and the options as bytes.
    #[pyfunction]
    fn _decode_filter_properties(filter_id: &Obj, encoded_props: BytesLike<'_>) -> PyResult<Obj> {
        let id = super::filter_id(filter_id)?;
        let wrong = || lzma_error("Invalid or unsupported options");
        let spec = Dict::new();
        let put = |name: &str, n: u64| spec.set_text(name, int::from_u64(n));
        put("id", id);
        let word = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().expect("four bytes"));
        match (id, &*encoded_props) {
            (FILTER_LZMA1, [first, size @ ..]) if size.len() == 4 && *first < 225 => {
                put("dict_size", word(size) as u64);
                put("lc", *first as u64 % 9);
                put("lp", *first as u64 / 9 % 5);
                put("pb", *first as u64 / 45);
            }
            (FILTER_LZMA2, [code]) if *code <= 40 => {
                let size = if *code == 40 { u32::MAX as u64 } else { (2 | (*code as u64 & 1)) << (code / 2 + 11) };
                put("dict_size", size);
            }
            (FILTER_DELTA, [distance]) => put("dist", *distance as u64 + 1),
            (id, []) if FILTER_BCJ.contains(&id) => {}
            (id, offset) if FILTER_BCJ.contains(&id) && offset.len() == 4 => match word(offset) {
                0 => {}
                offset => put("start_offset", offset as u64),
            },
            _ => return Err(wrong()),
        }
        Ok(spec.into())
    }

    #[module_exec]
    fn exec(module: &Object<Module>) -> PyResult<()> {
        module.add("LZMAError", error_class()?);
        module.add("FILTER_LZMA1", int::from_u64(FILTER_LZMA1));
        crate::os::support::add_constants(
            module,
            &[
                ("CHECK_CRC32", 1),
                ("CHECK_CRC64", 4),
                ("CHECK_ID_MAX", 15),
                ("CHECK_NONE", CHECK_NONE as i64),
                ("CHECK_SHA256", 10),
                ("CHECK_UNKNOWN", CHECK_UNKNOWN as i64),
                ("FILTER_ARM", 7),
                ("FILTER_ARMTHUMB", 8),
                ("FILTER_DELTA", FILTER_DELTA as i64),
                ("FILTER_IA64", 6),
                ("FILTER_LZMA2", FILTER_LZMA2 as i64),
                ("FILTER_POWERPC", 5),
                ("FILTER_SPARC", 9),
                ("FILTER_X86", 4),
                ("FORMAT_ALONE", FORMAT_ALONE as i64),
                ("FORMAT_AUTO", FORMAT_AUTO as i64),
                ("FORMAT_RAW", FORMAT_RAW as i64),
                ("FORMAT_XZ", FORMAT_XZ as i64),
                ("MF_BT2", 18),
                ("MF_BT3", 19),
                ("MF_BT4", 20),
                ("MF_HC3", 3),
                ("MF_HC4", 4),
                ("MODE_FAST", 1),
                ("MODE_NORMAL", 2),
                ("PRESET_DEFAULT", PRESET_DEFAULT as i64),
                ("PRESET_EXTREME", 1 << 31),
            ],
        );
        Ok(())
    }
}
