//! `traceback`: where an exception passed.

use std::cell::Cell;

use crate::errors::PyResult;
use crate::object::{Obj, ObjCell, Object, Ptr};
use crate::objects::list::List;
use crate::objects::str::Str;
use crate::raise;
use crate::types::Type;
use pyrs_macros::{pyclass, pymethods};

/// TracebackType(tb_next, tb_frame, tb_lasti, tb_lineno)
/// --
///
/// Create a new traceback object.
#[pyclass(name = "traceback")]
pub struct Traceback {
    pub next: ObjCell,
    /// A frame object.
    pub frame: Obj,
    /// Byte offset of the instruction.
    pub lasti: i32,
    /// -1 = computed from `lasti` when asked for.
    pub lineno: Cell<i32>,
}

impl Traceback {
    pub fn new(next: Option<Obj>, frame: Obj, lasti: i32, lineno: i32) -> Ptr<Traceback> {
        Ptr::new(Traceback { next: ObjCell::new(next), frame, lasti, lineno: Cell::new(lineno) })
    }
}

#[pymethods]
impl Traceback {
    #[new(sig = "(tb_next, tb_frame, tb_lasti, tb_lineno)")]
    fn py_new(cls: &Type, tb_next: Option<&Obj>, tb_frame: Obj, tb_lasti: i32, tb_lineno: i32) -> PyResult<Obj> {
        let _ = cls;
        if let Some(next) = tb_next
            && next.exact::<Traceback>().is_none()
        {
            return Err(raise!(TypeError, "expected traceback object or None, got '{}'", next.class().name()));
        }
        if tb_frame.class().name() != "frame" {
            return Err(raise!(
                TypeError,
                "TracebackType() argument 'tb_frame' must be frame, not {}",
                tb_frame.class().name()
            ));
        }
        Ok(Traceback::new(tb_next.cloned(), tb_frame, tb_lasti, tb_lineno).into_obj())
    }

    #[getter]
    fn tb_next(&self) -> Option<Obj> {
        self.next.get()
    }

    #[setter]
    fn set_tb_next(this: &Object<Traceback>, value: Option<&Obj>) -> PyResult<()> {
        let Some(value) = value else { return Err(raise!(TypeError, "can't delete tb_next attribute")) };
        if value.is_none() {
            this.next.set(None);
            return Ok(());
        }
        let mut at = value.clone();
        loop {
            let Some(tb) = at.exact::<Traceback>() else {
                return Err(raise!(TypeError, "expected traceback object, got '{}'", at.class().name()));
            };
            if std::ptr::eq(tb, this) {
                return Err(raise!(ValueError, "traceback loop detected"));
            }
            match tb.next.get() {
                Some(next) => at = next,
                None => break,
            }
        }
        this.next.put(value.clone());
        Ok(())
    }

    #[getter]
    fn tb_frame(&self) -> Obj {
        self.frame.clone()
    }

    #[getter]
    fn tb_lasti(&self) -> i32 {
        self.lasti
    }

    #[getter]
    fn tb_lineno(&self) -> PyResult<Obj> {
        if self.lineno.get() == -1 {
            let code = crate::protocols::attr::getattr(&self.frame, crate::name!("f_code"))?;
            if let Some(code) = code.exact::<crate::objects::code::Code>() {
                return Ok(match code.source.line_at(self.lasti.max(0) as u32) {
                    Some(line) => crate::objects::int::new(line as i64),
                    None => crate::objects::singletons::none(),
                });
            }
        }
        Ok(crate::objects::int::new(self.lineno.get() as i64))
    }

    #[pymethod(name = "__dir__")]
    fn dir(&self) -> PyResult<Obj> {
        let names = ["tb_frame", "tb_next", "tb_lasti", "tb_lineno"];
        Ok(List::from_vec(names.iter().map(|n| Str::intern(n).into_obj()).collect()).into_obj())
    }
}
