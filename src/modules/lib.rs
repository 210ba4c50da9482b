//! Native modules of the standard library, one file a module.
//!
//! Each folder lists its modules in its `modules()`; this file is the registry that the import system asks.

pub mod core;
pub mod data;
pub mod math;
pub mod os;
pub mod struct_sequence;
pub mod support;
pub mod text;

pub(crate) use support::{exception_class, masked_u32};

use std::sync::OnceLock;

use pyrs_runtime::class::ModuleDef;

type Maker = fn() -> &'static ModuleDef;

fn registry() -> &'static Vec<&'static ModuleDef> {
    static REGISTRY: OnceLock<Vec<&'static ModuleDef>> = OnceLock::new();
    REGISTRY.get_or_init(|| {
        let mut all: Vec<Maker> = core::modules();
        all.extend(data::modules());
        all.extend(math::modules());
        all.extend(os::modules());
        all.extend(text::modules());
        let mut defs: Vec<&'static ModuleDef> = all.into_iter().map(|m| m()).collect();
        defs.sort_by_key(|d| d.name);
        defs
    })
}

/// The definition of a native module.
pub fn find_module(name: &str) -> Option<&'static ModuleDef> {
    let all = registry();
    all.binary_search_by(|d| d.name.cmp(name)).ok().map(|i| all[i])
}

/// `sys.builtin_module_names`.
pub fn builtin_module_names() -> Vec<&'static str> {
    registry().iter().map(|d| d.name).collect()
}
