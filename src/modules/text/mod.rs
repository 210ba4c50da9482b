//! Text: codecs, characters, regular expressions, JSON, and bytes as text.

pub mod binascii;
pub mod codecs;
pub mod csv;
pub mod json;
mod multibyte;
pub mod sre;
pub mod string;
pub mod structs;
pub mod tokenize;
pub mod unicodedata;

use pyrs_runtime::class::ModuleDef;

/// The definitions of the modules in this folder.
pub fn modules() -> Vec<fn() -> &'static ModuleDef> {
    let mut all: Vec<fn() -> &'static ModuleDef> = vec![
        binascii::module::def,
        codecs::module::def,
        csv::csv::def,
        json::module::def,
        sre::module::def,
        string::module::def,
        structs::module::def,
        tokenize::module::def,
        unicodedata::module::def,
    ];
    all.extend(multibyte::modules());
    all
}
