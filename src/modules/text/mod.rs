//! Text: codecs, characters, regular expressions, JSON, and bytes as text.

pub mod codecs;
pub mod sre;

use pyrs_runtime::class::ModuleDef;

/// The definitions of the modules in this folder.
pub fn modules() -> Vec<fn() -> &'static ModuleDef> {
    vec![codecs::module::def, sre::module::def]
}
