//! Native modules of the standard library, one file a module.

pub mod data;
pub mod math;
pub mod text;
