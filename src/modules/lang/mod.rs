//! Modules about the language itself: types, symbol tables, suggestions, crash reports.

pub mod faulthandler;
pub mod suggestions;
pub mod symtable;
pub mod types;
pub mod warnings;

use pyrs_runtime::class::ModuleDef;

/// The definitions of the modules in this folder.
pub fn modules() -> Vec<fn() -> &'static ModuleDef> {
    vec![
        faulthandler::faulthandler::def,
        suggestions::suggestions::def,
        symtable::symtable::def,
        types::types::def,
        warnings::warnings::def,
    ]
}
