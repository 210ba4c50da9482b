//! Numbers: functions of reals and complex numbers, random numbers, statistics, hashes.

pub mod complex;
pub mod random;
pub mod real;
pub mod statistics;

use pyrs_runtime::class::ModuleDef;

/// The definitions of the modules in this folder.
pub fn modules() -> Vec<fn() -> &'static ModuleDef> {
    vec![real::module::def, complex::module::def, random::module::def, statistics::module::def]
}
