//! Operations that work on any object: what operators, built-in functions and opcodes call.

pub mod attr;
pub mod buffer;
pub mod codecs;
pub mod compare;
pub mod iter;
pub mod number;
pub mod sequence;
pub mod sum;
pub mod text;
pub mod truth;
