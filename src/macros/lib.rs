//! Attribute macros that declare native classes, functions and modules.
//!
//! ```ignore
//! /// A double-ended queue.
//! #[pyclass(name = "deque", module = "collections", flags = BASETYPE | SEQUENCE, weaklist)]
//! pub struct Deque { items: DataCell<VecDeque<Obj>> }
//!
//! #[pymethods]
//! impl Deque {
//!     #[new(sig = "(iterable=None, maxlen=None)")]
//!     fn new(cls: &Type, iterable: Option<&Obj>, maxlen: Option<&Obj>) -> PyResult<Obj> { … }
//!     #[slot(length)]
//!     fn len(&self) -> PyResult<usize> { … }
//!     /// Add an element to the right side of the deque.
//!     #[pymethod]
//!     fn append(&self, item: Obj) -> PyResult<()> { … }
//!     /// Maximum size of the deque, or None.
//!     #[getter]
//!     fn maxlen(&self) -> Option<usize> { … }
//! }
//! ```
//!
//! - `#[pyclass(name, module, base = RustType, flags = A | B, dict, weaklist, nogc, unhashable, itemsize = N,
//!   layout = EXPR, parts(A, B))]`: base defaults to `object`; `parts` names the `#[pymethods]` blocks if they
//!   are not the one default block.
//! - `#[pymethods]` or `#[pymethods(part = NAME)]` on an `impl`: functions marked `#[pymethod]`,
//!   `#[classmethod]`, `#[staticmethod]`, `#[new]`, `#[init]`, `#[slot(NAME)]`, `#[getter]`, `#[setter]`.
//! - `name = "…"` renames; `sig = "(a, /, b=1, *args, c=None, **kw)"` declares parameters (without self).
//!   Without `sig`, every Rust parameter is positional-only and those of type `Option`/`Maybe` are optional.
//!   One parameter of type `Args` receives the arguments as they are.
//! - The receiver is `&self`, `this: &Object<Self>` or `this: &Obj`; `cls: &Type` for class methods and `new`.
//! - `#[pymodule(name = "…", classes(A, B))]` on an inline `mod`: functions marked `#[pyfunction]`, one marked
//!   `#[module_exec]`.

mod class;
mod function;
mod handler;
mod module;
mod signature;

use proc_macro::TokenStream;

#[proc_macro_attribute]
pub fn pyclass(attr: TokenStream, item: TokenStream) -> TokenStream {
    class::pyclass(attr.into(), item.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}

#[proc_macro_attribute]
pub fn pymethods(attr: TokenStream, item: TokenStream) -> TokenStream {
    class::pymethods(attr.into(), item.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}

#[proc_macro_attribute]
pub fn pymodule(attr: TokenStream, item: TokenStream) -> TokenStream {
    module::pymodule(attr.into(), item.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Turns `unsafe fn name(mut m: Regs) -> Value { … }` into a bytecode handler: an `extern "C"` function that
/// takes the interpreter's registers as six scalar arguments, so that they stay in machine registers from one
/// handler to the next.
#[proc_macro_attribute]
pub fn handler(_attr: TokenStream, item: TokenStream) -> TokenStream {
    handler::handler(item.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}
