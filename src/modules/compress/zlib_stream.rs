//! A thin safe face of the zlib streams.

use libz_rs_sys as z;

/// A stream that compresses or decompresses.
pub struct Stream {
    /// Boxed: the library keeps a pointer to it.
    state: Box<z::z_stream>,
    inflating: bool,
}

/// What a call did.
pub struct Progress {
    pub code: i32,
    pub consumed: usize,
}

impl Drop for Stream {
    fn drop(&mut self) {
        // SAFETY: an initialised stream, not used after this.
        unsafe {
            if self.inflating {
                z::inflateEnd(&mut *self.state);
            } else {
                z::deflateEnd(&mut *self.state);
            }
        }
    }
}

fn blank() -> Box<z::z_stream> {
    Box::new(z::z_stream::default())
}

const SIZE: i32 = size_of::<z::z_stream>() as i32;

impl Stream {
    /// A compressing stream, or the library's error.
    pub fn deflate(level: i32, method: i32, wbits: i32, memory: i32, strategy: i32) -> Result<Stream, i32> {
        let mut state = blank();
        // SAFETY: a blank stream; version and size are the library's own.
        let code =
            unsafe { z::deflateInit2_(&mut *state, level, method, wbits, memory, strategy, z::zlibVersion(), SIZE) };
        if code == z::Z_OK { Ok(Stream { state, inflating: false }) } else { Err(code) }
    }

    /// A decompressing stream, or the library's error.
    pub fn inflate(wbits: i32) -> Result<Stream, i32> {
        let mut state = blank();
        // SAFETY: a blank stream; version and size are the library's own.
        let code = unsafe { z::inflateInit2_(&mut *state, wbits, z::zlibVersion(), SIZE) };
        if code == z::Z_OK { Ok(Stream { state, inflating: true }) } else { Err(code) }
    }

    pub fn set_dictionary(&mut self, dictionary: &[u8]) -> i32 {
        let length = dictionary.len() as u32;
        // SAFETY: bytes of the stated length.
        unsafe {
            if self.inflating {
                z::inflateSetDictionary(&mut *self.state, dictionary.as_ptr(), length)
            } else {
                z::deflateSetDictionary(&mut *self.state, dictionary.as_ptr(), length)
            }
        }
    }

    /// A stream in the same state.
    pub fn copy(&self) -> Result<Stream, i32> {
        let mut state = blank();
        let source = (&raw const *self.state).cast_mut();
        // SAFETY: both streams are valid; the source is only read.
        let code = unsafe {
            if self.inflating { z::inflateCopy(&mut *state, source) } else { z::deflateCopy(&mut *state, source) }
        };
        if code == z::Z_OK { Ok(Stream { state, inflating: self.inflating }) } else { Err(code) }
    }

    /// One call of the library; at most `room` bytes are added to the output.
    pub fn run(&mut self, input: &[u8], out: &mut Vec<u8>, room: usize, flush: i32) -> Progress {
        let (given, room) = (input.len().min(u32::MAX as usize), room.min(u32::MAX as usize));
        let used = out.len();
        out.resize(used + room, 0);
        let state = &mut *self.state;
        state.next_in = input.as_ptr().cast_mut();
        state.avail_in = given as u32;
        state.next_out = out[used..].as_mut_ptr();
        state.avail_out = room as u32;
        // SAFETY: input and output have the stated sizes.
        let code = unsafe { if self.inflating { z::inflate(state, flush) } else { z::deflate(state, flush) } };
        out.truncate(used + room - state.avail_out as usize);
        let consumed = given - state.avail_in as usize;
        // Nothing is kept of the buffers; copying a stream asks for an address that is not null.
        state.next_in = std::ptr::NonNull::dangling().as_ptr();
        state.avail_in = 0;
        state.next_out = std::ptr::NonNull::dangling().as_ptr();
        state.avail_out = 0;
        Progress { code, consumed }
    }

    /// The library's message about the last error.
    pub fn message(&self) -> Option<String> {
        let p = self.state.msg;
        // SAFETY: null or a constant NUL-terminated text.
        (!p.is_null()).then(|| unsafe { std::ffi::CStr::from_ptr(p) }.to_string_lossy().into_owned())
    }
}

pub fn adler32(start: u32, data: &[u8]) -> u32 {
    data.chunks(1 << 30).fold(start, |sum, chunk| {
        // SAFETY: bytes of the stated length.
        unsafe { z::adler32(sum.into(), chunk.as_ptr(), chunk.len() as u32) as u32 }
    })
}

pub fn crc32(start: u32, data: &[u8]) -> u32 {
    data.chunks(1 << 30).fold(start, |sum, chunk| {
        // SAFETY: bytes of the stated length.
        unsafe { z::crc32(sum.into(), chunk.as_ptr(), chunk.len() as u32) as u32 }
    })
}
