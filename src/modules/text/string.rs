//! `_string`: what `string.Formatter` is built on.

use std::cell::RefCell;

use pyrs_macros::{pyclass, pymethods, pymodule};
use pyrs_runtime::errors::{PyResult, Raised};
use pyrs_runtime::object::{Obj, Object, Ptr};
use pyrs_runtime::objects::int;
use pyrs_runtime::objects::singletons::{bool_obj, none};
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::{raise, units};
use pyrs_unicode::str_format::{
    FieldFirst, FieldStep, Markup, MarkupIter, StrFormatError, field_steps, split_field_name,
};

type Steps<T> = RefCell<std::vec::IntoIter<Result<T, StrFormatError>>>;

#[cold]
fn malformed(error: StrFormatError) -> Raised {
    raise!(ValueError, "{}", error.0)
}

fn text_argument(object: &Obj) -> PyResult<&Object<Str>> {
    object.downcast::<Str>().ok_or_else(|| raise!(TypeError, "expected str, got {}", object.class().name()))
}

fn tuple(items: Vec<Obj>) -> Obj {
    Tuple::from_vec(items).into_obj()
}

fn part(text: &Str, range: &std::ops::Range<usize>) -> Obj {
    Str::from_data(text.data().slice(range.start, range.end)).into_obj()
}

/// Iterates over the pieces of a format.
#[pyclass(name = "formatteriterator", module = "builtins", flags = DISALLOW_INSTANTIATION)]
pub struct FormatterIterator {
    format: Ptr<Str>,
    pieces: Steps<Markup>,
}

#[pymethods]
impl FormatterIterator {
    #[slot(iter)]
    fn iter(this: &Obj) -> PyResult<Obj> {
        Ok(this.clone())
    }

    #[slot(iternext)]
    fn next(&self) -> PyResult<Option<Obj>> {
        let Some(piece) = self.pieces.borrow_mut().next() else { return Ok(None) };
        let piece = piece.map_err(malformed)?;
        let literal = part(&self.format, &piece.literal);
        Ok(Some(match piece.field {
            None => tuple(vec![literal, none(), none(), none()]),
            Some(field) => {
                let conversion = field.conversion.map_or_else(none, |c| Str::from_char(c).into_obj());
                tuple(vec![literal, part(&self.format, &field.name), part(&self.format, &field.spec), conversion])
            }
        }))
    }
}

/// Iterates over the steps of a field name.
#[pyclass(name = "fieldnameiterator", module = "builtins", flags = DISALLOW_INSTANTIATION)]
pub struct FieldNameIterator {
    name: Ptr<Str>,
    steps: Steps<FieldStep>,
}

#[pymethods]
impl FieldNameIterator {
    #[slot(iter)]
    fn iter(this: &Obj) -> PyResult<Obj> {
        Ok(this.clone())
    }

    #[slot(iternext)]
    fn next(&self) -> PyResult<Option<Obj>> {
        let Some(step) = self.steps.borrow_mut().next() else { return Ok(None) };
        let (is_attribute, value) = match step.map_err(malformed)? {
            FieldStep::Attribute(range) => (true, part(&self.name, &range)),
            FieldStep::Index(i) => (false, int::new(i as i64)),
            FieldStep::Key(range) => (false, part(&self.name, &range)),
        };
        Ok(Some(tuple(vec![bool_obj(is_attribute), value])))
    }
}

/// string helper module
#[pymodule(name = "_string", classes(super::FormatterIterator, super::FieldNameIterator))]
pub mod module {
    use super::*;
    use pyrs_runtime::objects::module::Module;

    #[module_exec]
    fn exec(module: &Object<Module>) -> PyResult<()> {
        for class in ["formatteriterator", "fieldnameiterator"] {
            module.dict().remove_str(&Str::intern(class))?;
        }
        Ok(())
    }

    /// parse the argument as a format string
    #[pyfunction(sig = "(object, /)", text_signature = "($self, object, /)")]
    fn formatter_parser(object: &Obj) -> PyResult<Obj> {
        let text = text_argument(object)?;
        let pieces: Vec<_> = units!(text.data(), u => MarkupIter::new(u).collect());
        Ok(Ptr::new(FormatterIterator { format: text.to_ptr(), pieces: RefCell::new(pieces.into_iter()) }).into_obj())
    }

    /// split the argument as a field name
    #[pyfunction(sig = "(object, /)", text_signature = "($self, object, /)")]
    fn formatter_field_name_split(object: &Obj) -> PyResult<Obj> {
        let text = text_argument(object)?;
        let (first, rest) = units!(text.data(), u => split_field_name(u)).map_err(malformed)?;
        let first = match first {
            FieldFirst::Empty => Str::empty().into_obj(),
            FieldFirst::Index(i) => int::new(i as i64),
            FieldFirst::Name(range) => part(text, &range),
        };
        let steps: Vec<_> = units!(text.data(), u => field_steps(u, rest).collect());
        let steps = FieldNameIterator { name: text.to_ptr(), steps: RefCell::new(steps.into_iter()) };
        Ok(tuple(vec![first, Ptr::new(steps).into_obj()]))
    }
}
