//! Waiting for descriptors, and sockets.

pub mod select;

use pyrs_runtime::class::ModuleDef;

/// The definitions of the modules in this folder.
pub fn modules() -> Vec<fn() -> &'static ModuleDef> {
    vec![select::select::def]
}
