//! `SyntaxError` with its location.

use super::base::{attributes, init_base, store_args, trace_cells};
use super::{BaseException, Exception};
use crate::call::Args;
use crate::errors::PyResult;
use crate::object::{Obj, ObjCell, Ptr};
use crate::objects::int;
use crate::objects::singletons::none;
use crate::objects::str::Str;
use crate::objects::text_builder::TextBuilder;
use crate::protocols::{iter, text};
use crate::raise;
use crate::types::Type;
use pyrs_macros::{pyclass, pymethods};

/// Invalid syntax.
#[repr(C)]
#[derive(Default)]
#[pyclass(flags = BASETYPE | BASE_EXC_SUBCLASS, dict, base = Exception, parts(PART, MEMBERS))]
pub struct SyntaxError {
    pub base: BaseException,
    pub msg: ObjCell,
    pub filename: ObjCell,
    pub lineno: ObjCell,
    pub offset: ObjCell,
    pub end_lineno: ObjCell,
    pub end_offset: ObjCell,
    pub text: ObjCell,
    pub print_file_and_line: ObjCell,
    pub _metadata: ObjCell,
}

trace_cells!(SyntaxError {
    msg,
    filename,
    lineno,
    offset,
    end_lineno,
    end_offset,
    text,
    print_file_and_line,
    _metadata
});
attributes!(SyntaxError, MEMBERS {
    msg set_msg "exception msg";
    filename set_filename "exception filename";
    lineno set_lineno "exception lineno";
    offset set_offset "exception offset";
    text set_text "exception text";
    end_lineno set_end_lineno "exception end lineno";
    end_offset set_end_offset "exception end offset";
    print_file_and_line set_print_file_and_line "exception print_file_and_line";
    _metadata set__metadata "exception private metadata";
});

#[pymethods]
impl SyntaxError {
    #[slot(new)]
    fn new(cls: &Type, args: Args<'_>) -> PyResult<Obj> {
        let exc = Ptr::new_in(cls, SyntaxError::default());
        store_args(&exc.base, args);
        Ok(exc.into_obj())
    }

    #[slot(init)]
    fn init(this: &Obj, args: Args<'_>) -> PyResult<()> {
        init_base(this, args)?;
        let exc = this.downcast::<SyntaxError>().expect("a slot of this class");
        if let Some(msg) = args.positionals().first() {
            exc.msg.put(msg.clone());
        }
        let [_, info] = args.positionals() else { return Ok(()) };
        let info = iter::collect(info)?;
        let given = info.len();
        if given < 4 {
            return Err(raise!(TypeError, "function takes at least 4 arguments ({given} given)"));
        }
        if given > 7 {
            return Err(raise!(TypeError, "function takes at most 7 arguments ({given} given)"));
        }
        let cells =
            [&exc.filename, &exc.lineno, &exc.offset, &exc.text, &exc.end_lineno, &exc.end_offset, &exc._metadata];
        for (i, cell) in cells.into_iter().enumerate() {
            // What is left out of the location of an earlier call stays; the end is forgotten.
            if i < given || i == 4 || i == 5 {
                cell.set(info.get(i).cloned());
            }
        }
        if exc.end_lineno.is_set() && !exc.end_offset.is_set() {
            return Err(raise!(TypeError, "end_offset must be provided when end_lineno is provided"));
        }
        Ok(())
    }

    #[slot(str)]
    fn str(this: &Obj) -> PyResult<Obj> {
        let exc = this.downcast::<SyntaxError>().expect("a slot of this class");
        let msg = exc.msg.get().unwrap_or_else(none);
        let filename = exc.filename.get().and_then(|f| f.into_ptr::<Str>().ok());
        let lineno = exc.lineno.get().filter(int::is_exact);
        if filename.is_none() && lineno.is_none() {
            return Ok(text::str(&msg)?.into_obj());
        }
        let mut out = TextBuilder::new();
        out.str(&msg)?.text(" (");
        if let Some(filename) = &filename {
            let start = filename.code_points().rposition(|c| c == '/' as u32).map_or(0, |i| i + 1);
            filename.code_points().skip(start).for_each(|c| {
                out.code_point(c);
            });
        }
        if let Some(lineno) = &lineno {
            out.text(if filename.is_some() { ", line " } else { "line " });
            // As a C long: what does not fit is shown as -1.
            out.text(&int::to_i64(lineno).unwrap_or(-1).to_string());
        }
        Ok(out.text(")").finish_obj())
    }
}
