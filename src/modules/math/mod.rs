//! Numbers: functions of reals and complex numbers, random numbers, statistics, hashes.

pub mod complex;
pub mod hashes;
pub mod random;
pub mod real;
pub mod statistics;

use pyrs_runtime::class::ModuleDef;

/// The definitions of the modules in this folder.
pub fn modules() -> Vec<fn() -> &'static ModuleDef> {
    vec![
        real::module::def,
        complex::module::def,
        random::module::def,
        statistics::module::def,
        hashes::md5_module::def,
        hashes::sha1_module::def,
        hashes::sha2_module::def,
        hashes::sha3_module::def,
        hashes::blake2_module::def,
    ]
}
