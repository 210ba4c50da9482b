//! What a Python program is made of: values, objects, classes, memory, and the protocols between them.
//!
//! `value` and `object` are the words and references everything else passes around; `heap` makes and
//! destroys objects; `types` holds classes, slots and shapes; `objects` the built-in types, one file (or
//! a few) each; `protocols` the operations that work on any object. `hooks` is the only way up: what
//! objects need from the interpreter.

extern crate self as pyrs_runtime;

pub mod args;
pub mod call;
pub mod class;
pub mod errors;
pub mod heap;
pub mod hooks;
pub mod native_only;
pub mod object;
pub mod objects;
pub mod protocols;
pub mod thread;
pub mod types;
pub mod value;

pub use errors::{PyResult, Raised};
pub use object::{DataCell, Obj, ObjCell, Object, Ptr, PyClass};
pub use value::Value;
