//! Template strings: `string.templatelib.Template`, `Interpolation` and the iterator over a template.

use std::cell::Cell;

use crate::args::Maybe;
use crate::call::Args;
use crate::errors::PyResult;
use crate::object::{Obj, Object, Ptr, PyClass};
use crate::objects::generic_alias::GenericAlias;
use crate::objects::singletons::none;
use crate::objects::str::Str;
use crate::objects::text_builder::TextBuilder;
use crate::objects::tuple::Tuple;
use crate::protocols::attr;
use crate::raise;
use crate::types::Type;
use pyrs_macros::{pyclass, pymethods};

/// Template object
#[pyclass(name = "Template", module = "string.templatelib")]
pub struct Template {
    /// One more than there are interpolations.
    strings: Ptr<Tuple>,
    interpolations: Ptr<Tuple>,
}

impl Template {
    /// From the parts that the compiler has laid out: one string more than interpolations.
    pub fn new(strings: Ptr<Tuple>, interpolations: Ptr<Tuple>) -> Ptr<Template> {
        debug_assert_eq!(strings.len(), interpolations.len() + 1);
        Ptr::new(Template { strings, interpolations })
    }

    /// From strings and interpolations in any order: neighbouring strings are joined.
    fn from_parts(parts: &[Obj]) -> PyResult<Ptr<Template>> {
        let (mut strings, mut interpolations) = (Vec::new(), Vec::new());
        let mut text = TextBuilder::new();
        for part in parts {
            if let Some(string) = part.downcast::<Str>() {
                text.push(string);
            } else if part.is_instance_of::<Interpolation>() {
                strings.push(text.finish_obj());
                text = TextBuilder::new();
                interpolations.push(part.clone());
            } else {
                return Err(raise!(
                    TypeError,
                    "Template.__new__ *args need to be of type 'str' or 'Interpolation', got {}",
                    part.class().name()
                ));
            }
        }
        strings.push(text.finish_obj());
        Ok(Template::new(Tuple::from_vec(strings), Tuple::from_vec(interpolations)))
    }

    /// The template with `other` behind it.
    fn concat(&self, other: &Template) -> PyResult<Obj> {
        let (a, b) = (self.strings.items(), other.strings.items());
        let mut middle = TextBuilder::new();
        for part in a.last().into_iter().chain(b.first()) {
            if let Some(text) = part.downcast::<Str>() {
                middle.push(text);
            }
        }
        let mut strings = a[..a.len() - 1].to_vec();
        strings.push(middle.finish_obj());
        strings.extend_from_slice(&b[1..]);
        let interpolations = [self.interpolations.items(), other.interpolations.items()].concat();
        Ok(Template::new(Tuple::from_vec(strings), Tuple::from_vec(interpolations)).into_obj())
    }
}

#[pymethods]
impl Template {
    #[new(text_signature = "")]
    fn construct(_cls: &Type, args: Args<'_>) -> PyResult<Obj> {
        if args.has_keywords() {
            return Err(raise!(TypeError, "Template.__new__ only accepts *args arguments"));
        }
        Template::from_parts(args.positionals()).map(Ptr::into_obj)
    }

    #[slot(repr)]
    fn repr(&self) -> PyResult<Obj> {
        let mut out = TextBuilder::new();
        out.text("Template(strings=").repr(&self.strings.as_obj())?;
        out.text(", interpolations=").repr(&self.interpolations.as_obj())?.text(")");
        Ok(out.finish_obj())
    }

    #[slot(iter)]
    fn iter(this: &Object<Template>) -> PyResult<Obj> {
        Ok(Ptr::new(TemplateIter { template: this.to_ptr(), index: Cell::new(0) }).into_obj())
    }

    #[slot(sq_concat)]
    fn add(&self, other: &Obj) -> PyResult<Obj> {
        match other.exact::<Template>() {
            Some(other) => self.concat(other),
            None => Err(raise!(
                TypeError,
                "can only concatenate string.templatelib.Template (not \"{}\") to string.templatelib.Template",
                other.class().name()
            )),
        }
    }

    #[pymethod(name = "__reduce__")]
    fn reduce(&self) -> PyResult<Obj> {
        let module = (crate::hooks::hooks().import_module)("string.templatelib")?;
        let function = attr::getattr_text(&module, "_template_unpickle")?;
        let args = Tuple::from_vec(vec![self.strings.to_obj(), self.interpolations.to_obj()]);
        Ok(Tuple::from_vec(vec![function, args.into_obj()]).into_obj())
    }

    /// See PEP 585
    #[classmethod(name = "__class_getitem__", sig = "(object, /)")]
    fn class_getitem(cls: &Type, object: &Obj) -> PyResult<Obj> {
        GenericAlias::class_getitem(cls, object)
    }

    /// Strings
    #[getter]
    fn strings(&self) -> Obj {
        self.strings.to_obj()
    }

    /// Interpolations
    #[getter]
    fn interpolations(&self) -> Obj {
        self.interpolations.to_obj()
    }

    /// Values of interpolations
    #[getter]
    fn values(&self) -> Obj {
        let value = |i: &Obj| i.downcast::<Interpolation>().map_or_else(none, |i| i.value.clone());
        Tuple::from_vec(self.interpolations.items().iter().map(value).collect()).into_obj()
    }
}

/// Interpolation object
#[pyclass(name = "Interpolation", module = "string.templatelib")]
pub struct Interpolation {
    value: Obj,
    expression: Obj,
    conversion: Obj,
    format_spec: Obj,
}

impl Interpolation {
    /// From what `BUILD_INTERPOLATION` has: the conversion is None, `'s'`, `'r'` or `'a'`.
    pub fn new(value: Obj, expression: Obj, conversion: Obj, format_spec: Obj) -> Ptr<Interpolation> {
        Ptr::new(Interpolation { value, expression, conversion, format_spec })
    }

    fn parts(&self) -> [Obj; 4] {
        [self.value.clone(), self.expression.clone(), self.conversion.clone(), self.format_spec.clone()]
    }
}

#[pymethods]
impl Interpolation {
    #[new(name = "Interpolation", sig = "(value, expression='', conversion=None, format_spec='')", text_signature = "")]
    fn construct(
        _cls: &Type,
        value: Obj,
        expression: Maybe<&Object<Str>>,
        conversion: Option<&Object<Str>>,
        format_spec: Maybe<&Object<Str>>,
    ) -> PyResult<Obj> {
        if conversion.is_some_and(|c| !matches!(c.as_ascii(), Some("s" | "r" | "a"))) {
            return Err(raise!(ValueError, "Interpolation() argument 'conversion' must be one of 's', 'a' or 'r'"));
        }
        let text = |arg: Option<&Object<Str>>| arg.map_or_else(|| Str::empty().into_obj(), |s| s.to_obj());
        let conversion = conversion.map_or_else(none, |c| c.to_obj());
        Ok(Interpolation::new(value, text(expression.0), conversion, text(format_spec.0)).into_obj())
    }

    #[slot(repr)]
    fn repr(&self) -> PyResult<Obj> {
        let mut out = TextBuilder::new();
        out.text("Interpolation(").reprs(&self.parts())?.text(")");
        Ok(out.finish_obj())
    }

    #[pymethod(name = "__reduce__")]
    fn reduce(this: &Object<Interpolation>) -> Obj {
        let args = Tuple::from_vec(this.parts().to_vec()).into_obj();
        Tuple::from_vec(vec![this.class().to_obj(), args]).into_obj()
    }

    /// See PEP 585
    #[classmethod(name = "__class_getitem__", sig = "(object, /)")]
    fn class_getitem(cls: &Type, object: &Obj) -> PyResult<Obj> {
        GenericAlias::class_getitem(cls, object)
    }

    /// Value
    #[getter]
    fn value(&self) -> Obj {
        self.value.clone()
    }

    /// Expression
    #[getter]
    fn expression(&self) -> Obj {
        self.expression.clone()
    }

    /// Conversion
    #[getter]
    fn conversion(&self) -> Obj {
        self.conversion.clone()
    }

    /// Format specifier
    #[getter]
    fn format_spec(&self) -> Obj {
        self.format_spec.clone()
    }
}

/// Gives `Interpolation` its `__match_args__`; called once the class is ready.
pub fn finish_classes() {
    let names = ["value", "expression", "conversion", "format_spec"];
    let names = names.iter().map(|n| Str::intern(n).into_obj()).collect();
    Interpolation::class().dict().set_text("__match_args__", Tuple::from_vec(names).into_obj());
}

/// Iterates over the parts of a template, empty strings left out.
#[pyclass(name = "TemplateIter", module = "string.templatelib", flags = DISALLOW_INSTANTIATION)]
pub struct TemplateIter {
    template: Ptr<Template>,
    /// Strings have even numbers, interpolations odd ones.
    index: Cell<usize>,
}

#[pymethods]
impl TemplateIter {
    #[slot(iter)]
    fn iter(this: &Obj) -> PyResult<Obj> {
        Ok(this.clone())
    }

    #[slot(iternext)]
    fn next(&self) -> PyResult<Option<Obj>> {
        loop {
            let i = self.index.get();
            let parts = if i.is_multiple_of(2) { &self.template.strings } else { &self.template.interpolations };
            let Some(part) = parts.items().get(i / 2) else { return Ok(None) };
            self.index.set(i + 1);
            if part.downcast::<Str>().is_none_or(|s| !s.is_empty()) {
                return Ok(Some(part.clone()));
            }
        }
    }
}
