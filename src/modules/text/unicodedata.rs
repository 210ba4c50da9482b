//! `unicodedata`: the Unicode character database.

use pyrs_macros::{pyclass, pymethods, pymodule};
use pyrs_runtime::args::{FromArg, Maybe, type_name_for_message};
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::object::{Obj, Object, Ptr};
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::{float, int, str_methods};
use pyrs_runtime::{raise, units};
use pyrs_unicode::normalize::{self, Form};
use pyrs_unicode::properties;

/// One character as an argument.
#[derive(Copy, Clone)]
pub struct Character(u32);

impl<'a> FromArg<'a> for Character {
    fn from_arg(arg: &'a Obj) -> PyResult<Self> {
        Character::from_named(arg, "function", "")
    }

    fn from_named(arg: &'a Obj, function: &str, label: &str) -> PyResult<Self> {
        let Some(text) = arg.downcast::<Str>() else {
            let class = type_name_for_message(arg);
            return Err(raise!(TypeError, "{function}() argument{label} must be a unicode character, not {class}"));
        };
        match text.get_char(0) {
            Some(c) if text.len() == 1 => Ok(Character(c)),
            _ => Err(raise!(
                TypeError,
                "{function}(): argument{label} must be a unicode character, not a string of length {}",
                text.len()
            )),
        }
    }
}

fn name_of(c: u32) -> Option<String> {
    let c = char::from_u32(c)?;
    unicode_names2::name(c).map(|n| n.to_string())
}

/// Named sequences of several characters, by the names that the standard gives them.
fn find(name: &str) -> Option<Vec<u32>> {
    unicode_names2::character(name).map(|c| vec![u32::from(c)])
}

fn or_default(found: Option<Obj>, default: Maybe<Obj>, error: &str) -> PyResult<Obj> {
    match found.or(default.0) {
        Some(value) => Ok(value),
        None => Err(raise!(ValueError, "{error}")),
    }
}

fn form(name: &Object<Str>) -> PyResult<Form> {
    match name.to_utf8().and_then(|n| Form::from_name(&n)) {
        Some(form) => Ok(form),
        None => Err(raise!(ValueError, "invalid normalization form")),
    }
}

fn normalized(name: &Object<Str>, text: &Object<Str>) -> PyResult<Obj> {
    let form = form(name)?;
    if text.is_ascii() || units!(text.data(), u => normalize::quick_check(u, form)) {
        return Ok(str_methods::exact(text).into_obj());
    }
    Ok(Str::from_code_points(&units!(text.data(), u => normalize::normalize(u, form))).into_obj())
}

fn is_in_form(name: &Object<Str>, text: &Object<Str>) -> PyResult<bool> {
    let form = form(name)?;
    Ok(units!(text.data(), u => normalize::is_normalized(u, form)))
}

fn look_up(name: &Object<Str>) -> PyResult<Obj> {
    match name.to_utf8().and_then(|n| find(&n)) {
        Some(points) => Ok(Str::from_code_points(&points).into_obj()),
        None => {
            let text = format!("undefined character name '{}'", name.to_string_lossy());
            Err(pyrs_runtime::errors::raise_key_error(&Str::new(&text).into_obj()))
        }
    }
}

/// An older version of the database.
#[pyclass(name = "UCD", module = "unicodedata", nogc, flags = DISALLOW_INSTANTIATION)]
pub struct Ucd;

#[pymethods]
impl Ucd {
    /// Returns the general category assigned to the character chr as string.
    #[pymethod]
    fn category(&self, chr: Character) -> &'static str {
        properties::category(chr.0)
    }

    /// Returns the bidirectional class assigned to the character chr as string.
    ///
    /// If no such value is defined, an empty string is returned.
    #[pymethod]
    fn bidirectional(&self, chr: Character) -> &'static str {
        properties::bidirectional(chr.0)
    }

    /// Returns the canonical combining class assigned to the character chr as integer.
    ///
    /// Returns 0 if no combining class is defined.
    #[pymethod]
    fn combining(&self, chr: Character) -> u8 {
        properties::combining(chr.0)
    }

    /// Returns the mirrored property assigned to the character chr as integer.
    ///
    /// Returns 1 if the character is mirrored in bidirectional text, otherwise 0.
    #[pymethod]
    fn mirrored(&self, chr: Character) -> i32 {
        i32::from(properties::is_mirrored(chr.0))
    }

    /// Returns the east asian width assigned to the character chr as string.
    #[pymethod]
    fn east_asian_width(&self, chr: Character) -> &'static str {
        properties::east_asian_width(chr.0)
    }

    /// Returns the character decomposition mapping assigned to the character chr as string.
    ///
    /// An empty string is returned in case no such mapping is defined.
    #[pymethod]
    fn decomposition(&self, chr: Character) -> String {
        normalize::decomposition_text(chr.0)
    }

    /// Converts a Unicode character into its equivalent decimal value.
    ///
    /// If no such value is defined, default is returned, or if not given,
    /// ValueError is raised.
    #[pymethod(sig = "(chr, default=<unrepresentable>, /)")]
    fn decimal(&self, chr: Character, default: Maybe<Obj>) -> PyResult<Obj> {
        or_default(properties::decimal_value(chr.0).map(|d| int::new(i64::from(d))), default, "not a decimal")
    }

    /// Converts a Unicode character into its equivalent digit value.
    ///
    /// If no such value is defined, default is returned, or if not given,
    /// ValueError is raised.
    #[pymethod(sig = "(chr, default=<unrepresentable>, /)")]
    fn digit(&self, chr: Character, default: Maybe<Obj>) -> PyResult<Obj> {
        or_default(properties::digit_value(chr.0).map(|d| int::new(i64::from(d))), default, "not a digit")
    }

    /// Converts a Unicode character into its equivalent numeric value.
    ///
    /// If no such value is defined, default is returned, or if not given,
    /// ValueError is raised.
    #[pymethod(sig = "(chr, default=<unrepresentable>, /)")]
    fn numeric(&self, chr: Character, default: Maybe<Obj>) -> PyResult<Obj> {
        or_default(properties::numeric_value(chr.0).map(float::new), default, "not a numeric character")
    }

    /// Returns the name assigned to the character chr as a string.
    ///
    /// If no name is defined, default is returned, or, if not given,
    /// ValueError is raised.
    #[pymethod(sig = "(chr, default=<unrepresentable>, /)")]
    fn name(&self, chr: Character, default: Maybe<Obj>) -> PyResult<Obj> {
        or_default(name_of(chr.0).map(|n| Str::new(&n).into_obj()), default, "no such name")
    }

    /// Look up character by name.
    ///
    /// If a character with the given name is found, return the
    /// corresponding character.  If not found, KeyError is raised.
    #[pymethod]
    fn lookup(&self, name: &Object<Str>) -> PyResult<Obj> {
        look_up(name)
    }

    /// Return whether the Unicode string unistr is in the normal form 'form'.
    ///
    /// Valid values for form are 'NFC', 'NFKC', 'NFD', and 'NFKD'.
    #[pymethod]
    fn is_normalized(&self, form: &Object<Str>, unistr: &Object<Str>) -> PyResult<bool> {
        is_in_form(form, unistr)
    }

    /// Return the normal form 'form' for the Unicode string unistr.
    ///
    /// Valid values for form are 'NFC', 'NFKC', 'NFD', and 'NFKD'.
    #[pymethod]
    fn normalize(&self, form: &Object<Str>, unistr: &Object<Str>) -> PyResult<Obj> {
        normalized(form, unistr)
    }

    #[getter]
    fn unidata_version(&self) -> &'static str {
        "3.2.0"
    }
}

/// This module provides access to the Unicode Character Database which
/// defines character properties for all Unicode characters.
///
/// The data is of version 16.0.0 of the Unicode standard.
#[pymodule(name = "unicodedata", classes(super::Ucd))]
pub mod module {
    use super::*;
    use pyrs_runtime::objects::module::Module;

    #[module_exec]
    fn exec(module: &Object<Module>) -> PyResult<()> {
        module.add("unidata_version", Str::new("16.0.0"));
        module.add("ucd_3_2_0", Ptr::new(Ucd));
        Ok(())
    }

    /// Returns the general category assigned to the character chr as string.
    #[pyfunction(text_signature = "($self, chr, /)")]
    fn category(chr: Character) -> &'static str {
        properties::category(chr.0)
    }

    /// Returns the bidirectional class assigned to the character chr as string.
    ///
    /// If no such value is defined, an empty string is returned.
    #[pyfunction(text_signature = "($self, chr, /)")]
    fn bidirectional(chr: Character) -> &'static str {
        properties::bidirectional(chr.0)
    }

    /// Returns the canonical combining class assigned to the character chr as integer.
    ///
    /// Returns 0 if no combining class is defined.
    #[pyfunction(text_signature = "($self, chr, /)")]
    fn combining(chr: Character) -> u8 {
        properties::combining(chr.0)
    }

    /// Returns the mirrored property assigned to the character chr as integer.
    ///
    /// Returns 1 if the character is mirrored in bidirectional text, otherwise 0.
    #[pyfunction(text_signature = "($self, chr, /)")]
    fn mirrored(chr: Character) -> i32 {
        i32::from(properties::is_mirrored(chr.0))
    }

    /// Returns the east asian width assigned to the character chr as string.
    #[pyfunction(text_signature = "($self, chr, /)")]
    fn east_asian_width(chr: Character) -> &'static str {
        properties::east_asian_width(chr.0)
    }

    /// Returns the character decomposition mapping assigned to the character chr as string.
    ///
    /// An empty string is returned in case no such mapping is defined.
    #[pyfunction(text_signature = "($self, chr, /)")]
    fn decomposition(chr: Character) -> String {
        normalize::decomposition_text(chr.0)
    }

    /// Converts a Unicode character into its equivalent decimal value.
    ///
    /// If no such value is defined, default is returned, or if not given,
    /// ValueError is raised.
    #[pyfunction(
        sig = "(chr, default=<unrepresentable>, /)",
        text_signature = "($self, chr, default=<unrepresentable>, /)"
    )]
    fn decimal(chr: Character, default: Maybe<Obj>) -> PyResult<Obj> {
        or_default(properties::decimal_value(chr.0).map(|d| int::new(i64::from(d))), default, "not a decimal")
    }

    /// Converts a Unicode character into its equivalent digit value.
    ///
    /// If no such value is defined, default is returned, or if not given,
    /// ValueError is raised.
    #[pyfunction(
        sig = "(chr, default=<unrepresentable>, /)",
        text_signature = "($self, chr, default=<unrepresentable>, /)"
    )]
    fn digit(chr: Character, default: Maybe<Obj>) -> PyResult<Obj> {
        or_default(properties::digit_value(chr.0).map(|d| int::new(i64::from(d))), default, "not a digit")
    }

    /// Converts a Unicode character into its equivalent numeric value.
    ///
    /// If no such value is defined, default is returned, or if not given,
    /// ValueError is raised.
    #[pyfunction(
        sig = "(chr, default=<unrepresentable>, /)",
        text_signature = "($self, chr, default=<unrepresentable>, /)"
    )]
    fn numeric(chr: Character, default: Maybe<Obj>) -> PyResult<Obj> {
        or_default(properties::numeric_value(chr.0).map(float::new), default, "not a numeric character")
    }

    /// Returns the name assigned to the character chr as a string.
    ///
    /// If no name is defined, default is returned, or, if not given,
    /// ValueError is raised.
    #[pyfunction(
        sig = "(chr, default=<unrepresentable>, /)",
        text_signature = "($self, chr, default=<unrepresentable>, /)"
    )]
    fn name(chr: Character, default: Maybe<Obj>) -> PyResult<Obj> {
        or_default(name_of(chr.0).map(|n| Str::new(&n).into_obj()), default, "no such name")
    }

    /// Look up character by name.
    ///
    /// If a character with the given name is found, return the
    /// corresponding character.  If not found, KeyError is raised.
    #[pyfunction(text_signature = "($self, name, /)")]
    fn lookup(name: &Object<Str>) -> PyResult<Obj> {
        look_up(name)
    }

    /// Return whether the Unicode string unistr is in the normal form 'form'.
    ///
    /// Valid values for form are 'NFC', 'NFKC', 'NFD', and 'NFKD'.
    #[pyfunction(text_signature = "($self, form, unistr, /)")]
    fn is_normalized(form: &Object<Str>, unistr: &Object<Str>) -> PyResult<bool> {
        is_in_form(form, unistr)
    }

    /// Return the normal form 'form' for the Unicode string unistr.
    ///
    /// Valid values for form are 'NFC', 'NFKC', 'NFD', and 'NFKD'.
    #[pyfunction(text_signature = "($self, form, unistr, /)")]
    fn normalize(form: &Object<Str>, unistr: &Object<Str>) -> PyResult<Obj> {
        normalized(form, unistr)
    }
}
