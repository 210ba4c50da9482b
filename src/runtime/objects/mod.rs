//! The built-in types. A type whose representation other code needs has a small file of its own name;
//! its Python-visible methods are in `*_methods`.

pub mod builtin_function;
pub mod cell;
pub mod code;
pub mod descriptor;
pub mod dict;
pub mod exceptions;
pub mod float;
pub mod function;
pub mod int;
pub mod list;
pub mod method;
pub mod module;
pub mod object;
pub mod property;
pub mod singleton_methods;
pub mod singletons;
pub mod str;
pub mod super_object;
pub mod traceback;
pub mod tuple;
pub mod type_object;
