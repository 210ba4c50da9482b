//! `seek()` and `tell()` of text streams.
//!
//! A position is a number that packs where a decoder can start in the file, its flags there, how many bytes to feed it,
//! and how many characters to skip after that.

use num_bigint::{BigInt, Sign};
use pyrs_runtime::call;
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::object::{Obj, Object};
use pyrs_runtime::objects::bytes::Bytes;
use pyrs_runtime::objects::int;
use pyrs_runtime::protocols::compare;
use pyrs_runtime::protocols::number;
use pyrs_runtime::types::slots::CompareOp;
use pyrs_runtime::{name, raise};

use super::TextIoWrapper;
use super::codec::TextDecoder;
use crate::io::support::{method, offset, unsupported};

/// Size of a packed position in bytes.
const COOKIE_SIZE: usize = 21;

/// A position taken apart.
#[derive(Default, Debug)]
struct Cookie {
    start: u64,
    flags: i32,
    bytes_to_feed: i32,
    chars_to_skip: i32,
    need_eof: bool,
}

impl Cookie {
    fn pack(&self) -> Obj {
        if self.flags == 0 && self.bytes_to_feed == 0 && self.chars_to_skip == 0 && !self.need_eof {
            return int::from_u64(self.start);
        }
        let mut bytes = Vec::with_capacity(COOKIE_SIZE);
        bytes.extend(self.start.to_le_bytes());
        bytes.extend(self.flags.to_le_bytes());
        bytes.extend(self.bytes_to_feed.to_le_bytes());
        bytes.extend(self.chars_to_skip.to_le_bytes());
        bytes.push(self.need_eof as u8);
        int::from_bigint(BigInt::from_bytes_le(Sign::Plus, &bytes))
    }

    fn unpack(cookie: &Obj) -> PyResult<Cookie> {
        let number = int::to_bigint(&number::index(cookie)?).unwrap_or_default();
        let (_, mut bytes) = number.to_bytes_le();
        if bytes.len() > COOKIE_SIZE {
            return Err(raise!(OverflowError, "int too big to convert"));
        }
        bytes.resize(COOKIE_SIZE, 0);
        let word = |at: usize| i32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
        Ok(Cookie {
            start: u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes")),
            flags: word(8),
            bytes_to_feed: word(12),
            chars_to_skip: word(16),
            need_eof: bytes[20] != 0,
        })
    }
}

fn empty_bytes() -> Obj {
    Bytes::new(b"").into()
}

/// Brings the decoder to where a cookie says: its flags, or the very start.
fn set_decoder(decoder: &TextDecoder<'_>, cookie: &Cookie) -> PyResult<()> {
    if cookie.start == 0 && cookie.flags == 0 {
        decoder.reset()
    } else {
        decoder.set_state(&empty_bytes(), &int::new(cookie.flags as i64))
    }
}

impl TextIoWrapper {
    /// Brings the encoder to a position: only at the start it may write a mark.
    fn set_encoder(&self, at_start: bool) -> PyResult<()> {
        match self.encoder() {
            None => Ok(()),
            Some(encoder) if at_start => encoder.restart(),
            Some(encoder) => encoder.continue_stream(),
        }
    }

    pub(super) fn seek_to(this: &Object<TextIoWrapper>, cookie: &Obj, whence: i32) -> PyResult<Obj> {
        let buffer = TextIoWrapper::open_buffer(this)?;
        if !this.seekable.get() {
            return Err(unsupported("underlying stream is not seekable"));
        }
        let obj = this.as_obj();
        let is_zero = || compare::compare_bool(cookie, &int::new(0), CompareOp::Eq);
        let mut cookie = cookie.clone();
        match whence {
            1 => {
                if !is_zero()? {
                    return Err(unsupported("can't do nonzero cur-relative seeks"));
                }
                // Going to where we are settles everything that is buffered.
                method(&obj, name!("flush"))?;
                cookie = method(&obj, name!("tell"))?;
            }
            2 => {
                if !is_zero()? {
                    return Err(unsupported("can't do nonzero end-relative seeks"));
                }
                method(&obj, name!("flush"))?;
                this.set_decoded(None);
                this.clear_snapshot();
                if let Some(decoder) = this.text_decoder() {
                    decoder.reset()?;
                }
                let end = call::call_method_str(&buffer, name!("seek"), &[int::new(0), int::new(2)])?;
                this.set_encoder(compare::equal(&end, &int::new(0))?)?;
                return Ok(end);
            }
            0 => {}
            other => return Err(raise!(ValueError, "invalid whence ({other}, should be 0, 1 or 2)")),
        }
        if compare::compare_bool(&cookie, &int::new(0), CompareOp::Lt)? {
            let shown = pyrs_runtime::protocols::text::repr_text(&cookie)?;
            return Err(raise!(ValueError, "negative seek position {shown}"));
        }
        method(&obj, name!("flush"))?;
        let place = Cookie::unpack(&cookie)?;
        let start = int::from_u64(place.start);
        call::call_method_str(&buffer, name!("seek"), &[start])?;
        this.set_decoded(None);
        this.clear_snapshot();
        if let Some(decoder) = this.text_decoder() {
            set_decoder(&decoder, &place)?;
            if place.chars_to_skip != 0 {
                this.skip_characters(&buffer, &decoder, &place)?;
            } else {
                let flags = int::new(place.flags as i64);
                drop(this.snapshot.replace(Some((flags, empty_bytes()))));
            }
        }
        this.set_encoder(place.start == 0 && place.flags == 0)?;
        Ok(cookie)
    }

    /// Decodes a few bytes again, to come to a character within them.
    fn skip_characters(&self, buffer: &Obj, decoder: &TextDecoder<'_>, place: &Cookie) -> PyResult<()> {
        let size = int::new(place.bytes_to_feed as i64);
        let input = call::call_method_str(buffer, name!("read"), &[size])?;
        if input.downcast::<Bytes>().is_none() {
            let class = input.class().name();
            return Err(raise!(TypeError, "underlying read() should have returned a bytes object, not '{class}'"));
        }
        drop(self.snapshot.replace(Some((int::new(place.flags as i64), input.clone()))));
        let text = decoder.decode(&input, place.need_eof)?;
        let enough = text.len() as i64 >= place.chars_to_skip as i64;
        self.set_decoded(Some(text.into()));
        if !enough {
            return Err(raise!(OSError, "can't restore logical file position"));
        }
        self.used.set(place.chars_to_skip as usize);
        Ok(())
    }

    pub(super) fn position(this: &Object<TextIoWrapper>) -> PyResult<Obj> {
        let buffer = TextIoWrapper::open_buffer(this)?;
        if !this.seekable.get() {
            return Err(unsupported("underlying stream is not seekable"));
        }
        if !this.telling.get() {
            return Err(raise!(OSError, "telling position disabled by next() call"));
        }
        this.write_pending(&buffer)?;
        method(&this.as_obj(), name!("flush"))?;
        let position = method(&buffer, name!("tell"))?;
        let snapshot = this.snapshot.with(|s| s.clone());
        let (Some(decoder), Some((flags, input))) = (this.text_decoder(), snapshot) else {
            return Ok(position);
        };
        let input = input.downcast::<Bytes>().expect("a snapshot holds bytes");
        let start = offset(&position)? - input.len() as i64;
        let skip = this.used.get();
        let flags = int::to_i64(&flags).and_then(|f| i32::try_from(f).ok());
        let Some(flags) = flags else {
            return Err(raise!(OverflowError, "Python int too large to convert to C int"));
        };
        if !this.decoded.is_set() || skip == 0 {
            return Ok(Cookie { start: start as u64, flags, ..Cookie::default() }.pack());
        }
        // The decoder is moved about to find a safe place to start, and put back afterwards.
        let (held, saved) = decoder.state()?;
        let found = find_start(&decoder, input.as_slice(), start, flags, skip, this.bytes_per_char.get());
        let restored = {
            let failed = found.is_err().then(|| pyrs_runtime::thread::current().take_exception()).flatten();
            let restored = decoder.set_state(&held, &saved);
            match (failed, restored) {
                (Some(exc), restored) => {
                    if let Err(raised) = restored {
                        raised.discard();
                    }
                    pyrs_runtime::thread::current().restore_exception(Some(exc));
                    Ok(())
                }
                (None, restored) => restored,
            }
        };
        let found = found?;
        restored?;
        Ok(found.pack())
    }
}

/// Decodes in a fresh state and counts the characters.
fn count_from(decoder: &TextDecoder<'_>, flags: i32, input: &[u8]) -> PyResult<usize> {
    decoder.set_state(&empty_bytes(), &int::new(flags as i64))?;
    Ok(decoder.decode_slice(input, false)?.len())
}

/// What the decoder holds back, and its flags.
fn held_and_flags(decoder: &TextDecoder<'_>) -> PyResult<(usize, i32)> {
    let (held, flags) = decoder.state()?;
    let held = held.downcast::<Bytes>().map_or(0, |b| b.len());
    Ok((held, int::to_i64(&flags).unwrap_or(0) as i32))
}

/// Finds the last place before `skip` characters where the decoder holds nothing back.
fn find_start(
    decoder: &TextDecoder<'_>,
    input: &[u8],
    position: i64,
    flags: i32,
    skip: usize,
    bytes_per_char: f64,
) -> PyResult<Cookie> {
    let (mut flags, mut skip) = (flags, skip);
    let mut from = ((bytes_per_char * skip as f64) as usize).min(input.len());
    let mut step = 1;
    loop {
        if from == 0 {
            decoder.set_state(&empty_bytes(), &int::new(flags as i64))?;
            break;
        }
        let count = count_from(decoder, flags, &input[..from])?;
        if count <= skip {
            let (held, new_flags) = held_and_flags(decoder)?;
            if held == 0 {
                (flags, skip) = (new_flags, skip - count);
                break;
            }
            from -= held.min(from);
            step = 1;
        } else {
            from = from.saturating_sub(step);
            step *= 2;
        }
    }
    let mut cookie = Cookie { start: (position + from as i64) as u64, flags, ..Cookie::default() };
    if skip == 0 {
        return Ok(cookie);
    }
    // Byte by byte from there, as far as the character.
    let (mut fed, mut decoded) = (0, 0);
    let mut complete = false;
    for byte in &input[from..] {
        fed += 1;
        decoded += decoder.decode_slice(&[*byte], false)?.len();
        let (held, new_flags) = held_and_flags(decoder)?;
        if held == 0 && decoded <= skip {
            cookie.start += fed as u64;
            skip -= decoded;
            cookie.flags = new_flags;
            (fed, decoded) = (0, 0);
        }
        if decoded >= skip {
            complete = true;
            break;
        }
    }
    if !complete {
        decoded += decoder.decode_slice(&[], true)?.len();
        cookie.need_eof = true;
        if decoded < skip {
            return Err(raise!(OSError, "can't reconstruct logical file position"));
        }
    }
    cookie.bytes_to_feed = fed;
    cookie.chars_to_skip = skip as i32;
    Ok(cookie)
}
