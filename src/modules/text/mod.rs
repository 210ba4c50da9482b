//! Text: codecs, characters, regular expressions, JSON, and bytes as text.

pub mod codecs;
