//! Bodies of operations that are too long for the interpreter loop, by subject.

pub mod arith;
pub mod breaker;
pub mod build;
pub mod call;
pub mod exceptions;
pub mod imports;
pub mod intrinsics;
pub mod iteration;
pub mod names;
pub mod operators;
pub mod patterns;
