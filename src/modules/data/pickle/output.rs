//! Where the pickler's bytes go: frames, and the file behind them.

use pyrs_runtime::errors::PyResult;
use pyrs_runtime::object::Obj;
use pyrs_runtime::objects::bytes::Bytes;

use super::{call_one, pickler::Pickler};

const FRAME: u8 = 0x95;
const FRAME_SIZE_MIN: usize = 4;
pub const FRAME_SIZE_TARGET: usize = 64 * 1024;
const FRAME_HEADER_SIZE: usize = 9;

/// The bytes that have not gone to the file yet.
#[derive(Default)]
pub struct Output {
    pub data: Vec<u8>,
    pub framing: bool,
    frame_start: Option<usize>,
}

impl Output {
    pub fn write(&mut self, bytes: &[u8]) {
        if self.framing && self.frame_start.is_none() {
            self.frame_start = Some(self.data.len());
            self.data.extend_from_slice(&[0; FRAME_HEADER_SIZE]);
        }
        self.data.extend_from_slice(bytes);
    }

    /// Fills in the header of the open frame; a very small frame loses it.
    pub fn commit_frame(&mut self) {
        let Some(start) = self.frame_start.take() else { return };
        let body = start + FRAME_HEADER_SIZE;
        let length = self.data.len() - body;
        if length >= FRAME_SIZE_MIN {
            self.data[start] = FRAME;
            self.data[start + 1..body].copy_from_slice(&(length as u64).to_le_bytes());
        } else {
            self.data.drain(start..body);
        }
    }

    /// True if the open frame has reached its size.
    fn frame_is_full(&self) -> bool {
        self.frame_start.is_some_and(|start| self.data.len() - start - FRAME_HEADER_SIZE >= FRAME_SIZE_TARGET)
    }
}

impl Pickler {
    pub fn write(&self, bytes: &[u8]) {
        self.output.with(|o| o.write(bytes));
    }

    /// Between two opcodes: ends a frame that is large enough.
    pub fn opcode_boundary(&self) -> PyResult<()> {
        let full = self.output.with(|o| {
            let full = o.frame_is_full();
            if full {
                o.commit_frame();
            }
            full
        });
        if full { self.flush_to_file() } else { Ok(()) }
    }

    /// Hands the bytes to the file, if there is one.
    pub fn flush_to_file(&self) -> PyResult<()> {
        let Some(write) = self.write_method.get() else { return Ok(()) };
        let data = self.output.with(|o| std::mem::take(&mut o.data));
        call_one(&write, &Bytes::from_vec(data).into_obj()).map(drop)
    }

    /// Writes the header and the contents of a long object: large ones stay outside of frames.
    pub fn write_payload(&self, header: &[u8], data: &[u8], object: Option<&Obj>) -> PyResult<()> {
        if data.len() < FRAME_SIZE_TARGET {
            self.output.with(|o| {
                o.write(header);
                o.write(data);
            });
            return Ok(());
        }
        let framing = self.output.with(|o| {
            o.commit_frame();
            let framing = std::mem::replace(&mut o.framing, false);
            o.write(header);
            framing
        });
        match self.write_method.get() {
            None => self.write(data),
            Some(write) => {
                self.flush_to_file()?;
                let payload = object.cloned().unwrap_or_else(|| Bytes::new(data).into_obj());
                call_one(&write, &payload)?;
            }
        }
        self.output.with(|o| o.framing = framing);
        Ok(())
    }
}
