//! `cell`: a variable shared by a function and its closures.

use crate::errors::PyResult;
use crate::object::{Obj, ObjCell, Ptr};
use crate::objects::singletons::not_implemented;
use crate::objects::str::Str;
use crate::protocols::compare;
use crate::raise;
use crate::types::Type;
use crate::types::slots::CompareOp;
use crate::value::Value;
use pyrs_macros::{pyclass, pymethods};

/// Create a new cell object.
///
///   contents
///     the contents of the cell. If not specified, the cell will be empty,
///     and
///  further attempts to access its cell_contents attribute will
///     raise a ValueError.
#[pyclass(name = "cell", unhashable)]
pub struct Cell {
    contents: ObjCell,
}

impl Cell {
    /// Where compiled code finds the contents in the payload.
    pub const CONTENTS_OFFSET: usize = std::mem::offset_of!(Cell, contents);

    pub fn new(contents: Option<Obj>) -> Ptr<Cell> {
        Ptr::new(Cell { contents: ObjCell::new(contents) })
    }

    pub fn get(&self) -> Option<Obj> {
        self.contents.get()
    }

    /// The contents without a new reference.
    #[inline(always)]
    pub fn peek(&self) -> Value {
        self.contents.peek()
    }

    /// Exchanges the contents as raw words: takes over `v`'s reference and gives the old one away.
    #[inline(always)]
    pub fn replace_word(&self, v: Value) -> Value {
        self.contents.replace_word(v)
    }

    #[inline]
    pub fn set(&self, value: Option<Obj>) {
        self.contents.set(value);
    }
}

#[pymethods]
impl Cell {
    #[new(sig = "(contents=<unrepresentable>, /)")]
    fn py_new(cls: &Type, contents: crate::args::Maybe<Obj>) -> PyResult<Obj> {
        let _ = cls;
        Ok(Cell::new(contents.0).into_obj())
    }

    #[slot(repr)]
    fn repr(this: &crate::object::Object<Cell>) -> PyResult<Obj> {
        let at = this.as_obj().id();
        Ok(Str::new(&match this.get() {
            Some(v) => format!("<cell at {at:#x}: {} object at {:#x}>", v.class().name(), v.id()),
            None => format!("<cell at {at:#x}: empty>"),
        })
        .into_obj())
    }

    #[slot(richcompare)]
    fn compare(&self, other: &Obj, op: CompareOp) -> PyResult<Obj> {
        let Some(other) = other.exact::<Cell>() else { return Ok(not_implemented()) };
        match (self.get(), other.get()) {
            (Some(a), Some(b)) => compare::rich_compare(&a, &b, op),
            (a, b) => Ok(crate::objects::singletons::bool_obj(op.matches(a.is_some().cmp(&b.is_some())))),
        }
    }

    #[getter(name = "cell_contents")]
    fn cell_contents(&self) -> PyResult<Obj> {
        self.get().ok_or_else(|| raise!(ValueError, "cell is empty"))
    }

    #[setter(name = "cell_contents")]
    fn set_cell_contents(&self, value: Option<&Obj>) -> PyResult<()> {
        self.set(value.cloned());
        Ok(())
    }
}
