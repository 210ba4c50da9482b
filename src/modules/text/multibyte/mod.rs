//! The East Asian encodings: `_multibytecodec` and the modules that hand its codecs out.
//!
//! Most encodings are a table ([`table_codec`]); ISO-2022 and HZ switch between character sets ([`iso2022`],
//! [`hz`]). A codec converts one unit at a time; [`convert`] runs it over whole inputs and calls error handlers;
//! [`module`] has the Python classes, [`streams`] those around streams.

mod convert;
mod hz;
mod iso2022;
pub mod module;
mod streams;
mod table_codec;
mod tables;

use pyrs_runtime::class::ModuleDef;
use pyrs_unicode::text_buffer::TextBuffer;

/// What a codec remembers between units, as `getstate()` shows it.
pub type State = [u8; 8];

/// What one step of a codec did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// So many bytes or characters are done.
    Done(usize),
    /// So many bytes or characters have no counterpart.
    Illegal(usize),
    /// More input is needed.
    Incomplete,
}

/// One encoding.
pub trait Codec: Sync {
    /// The state in front of bytes.
    fn decode_start(&self) -> State {
        [0; 8]
    }

    /// The state in front of text.
    fn encode_start(&self) -> State {
        [0; 8]
    }

    /// The state when decoding starts again.
    fn decode_reset(&self, state: &mut State) {
        *state = self.decode_start();
    }

    /// Decodes the unit in front; the input is not empty.
    fn decode(&self, state: &mut State, input: &[u8], out: &mut TextBuffer) -> Step;

    /// Encodes the unit in front; the input is not empty. `flush`: nothing follows the input.
    fn encode(&self, state: &mut State, input: &[u32], flush: bool, out: &mut Vec<u8>) -> Step;

    /// Ends the text: back to the encoding's first character set.
    fn encode_reset(&self, _state: &mut State, _out: &mut Vec<u8>) {}
}

/// A codec by its name in `getcodec`.
fn find(name: &str) -> Option<&'static dyn Codec> {
    match name {
        "hz" => Some(&hz::Hz),
        _ => table_codec::find(name).or_else(|| iso2022::find(name)),
    }
}

/// The definitions of the modules.
pub fn modules() -> Vec<fn() -> &'static ModuleDef> {
    vec![
        module::multibytecodec::def,
        module::cn::def,
        module::hk::def,
        module::iso2022::def,
        module::jp::def,
        module::kr::def,
        module::tw::def,
    ]
}
