//! Waiting for descriptors, and sockets.

pub mod address;
pub mod constants;
pub mod messages;
pub mod resolve;
pub mod select;
pub mod socket;

use pyrs_runtime::class::ModuleDef;

/// The definitions of the modules in this folder.
pub fn modules() -> Vec<fn() -> &'static ModuleDef> {
    vec![resolve::resolve::def, select::select::def]
}
