//! Character data, and the text and number algorithms that need no object model.
//!
//! Everything here works on plain slices: text is `&[u8]` (ASCII or Latin-1), `&[u16]` (UCS-2) or
//! `&[u32]` (UCS-4), lone surrogates included, and errors are plain enums.  The object model wraps
//! them in Python objects and exceptions.

pub mod codecs;
pub mod format_spec;
pub mod hash;
pub mod mt19937;
pub mod normalize;
pub mod number_format;
pub mod number_parse;
pub mod percent_format;
pub mod properties;
pub mod repr;
pub mod search;
pub mod str_format;
#[rustfmt::skip]
pub mod tables;
pub mod text;
pub mod text_buffer;
pub mod timsort;
