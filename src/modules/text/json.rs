//! `_json`: the scanner and the encoder behind `json`.

use std::cell::RefCell;
use std::collections::HashMap;

use pyrs_macros::{pyclass, pymethods, pymodule};
use pyrs_runtime::args::Maybe;
use pyrs_runtime::call;
use pyrs_runtime::errors::{PyResult, Raised, raise_stop_iteration};
use pyrs_runtime::hooks::hooks;
use pyrs_runtime::object::{Obj, Object, Ptr, PyClass};
use pyrs_runtime::objects::builtin_function::BuiltinFunction;
use pyrs_runtime::objects::dict::Dict;
use pyrs_runtime::objects::float::{self, Float};
use pyrs_runtime::objects::int::{self, Int};
use pyrs_runtime::objects::list::List;
use pyrs_runtime::objects::singletons::{as_bool, bool_obj, none};
use pyrs_runtime::objects::str::{Str, StrData};
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::objects::{float_methods, int_methods, str_methods};
use pyrs_runtime::protocols::{attr, iter, number, text, truth};
use pyrs_runtime::thread::{current, with_recursion};
use pyrs_runtime::types::Type;
use pyrs_runtime::{name, raise};
use pyrs_unicode::number_format::float_repr;
use pyrs_unicode::text::CodeUnit;
use pyrs_unicode::text_buffer::TextBuffer;

/// Raises `json.JSONDecodeError`.
#[cold]
fn decode_error(message: &str, document: &Object<Str>, at: usize) -> Raised {
    decode_error_at(message, document, at as i64)
}

#[cold]
fn decode_error_at(message: &str, document: &Object<Str>, at: i64) -> Raised {
    let class = (hooks().import_module)("json.decoder").and_then(|m| attr::getattr_text(&m, "JSONDecodeError"));
    let args = [Str::new(message).into_obj(), document.to_obj(), int::new(at)];
    match class.and_then(|class| call::call(&class, &args)) {
        Ok(exc) => Raised::new(exc),
        Err(raised) => raised,
    }
}

fn pair(value: Obj, end: usize) -> Obj {
    Tuple::from_vec(vec![value, int::new(end as i64)]).into_obj()
}

/// Reads a string literal whose opening quote stands in front of `start`; returns it and its end.
fn scan_string<U: CodeUnit>(
    document: &Object<Str>,
    units: &[U],
    start: usize,
    strict: bool,
) -> PyResult<(Ptr<Str>, usize)> {
    let get = |i: usize| units.get(i).map(|&u| u.into());
    let unterminated = || decode_error_at("Unterminated string starting at", document, start as i64 - 1);
    let mut out: Option<TextBuffer> = None;
    let mut i = start;
    loop {
        let chunk = i;
        let stop = loop {
            match get(i) {
                None => return Err(unterminated()),
                Some(c @ (0x22 | 0x5c)) => break c,
                Some(0..=0x1f) if strict => return Err(decode_error("Invalid control character at", document, i)),
                Some(_) => i += 1,
            }
        };
        if stop == 0x22 && out.is_none() {
            return Ok((str_methods::substring(document, start, i), i + 1));
        }
        let buffer = out.get_or_insert_default();
        buffer.push_units(&units[chunk..i]);
        if stop == 0x22 {
            return Ok((Str::from_buffer(buffer), i + 1));
        }
        let Some(escape) = get(i + 1) else { return Err(unterminated()) };
        let plain = match char::from_u32(escape) {
            Some(c @ ('"' | '\\' | '/')) => Some(c as u32),
            Some('b') => Some(8),
            Some('f') => Some(12),
            Some('n') => Some(10),
            Some('r') => Some(13),
            Some('t') => Some(9),
            Some('u') => None,
            _ => return Err(decode_error("Invalid \\escape", document, i)),
        };
        if let Some(c) = plain {
            buffer.push(c);
            i += 2;
            continue;
        }
        let hex = |at: usize| -> Option<u32> {
            (at..at + 4).try_fold(0, |value, i| Some(value * 16 + char::from_u32(get(i)?)?.to_digit(16)?))
        };
        let Some(mut code) = hex(i + 2) else { return Err(decode_error("Invalid \\uXXXX escape", document, i + 1)) };
        i += 6;
        // A surrogate pair makes one character.
        if (0xd800..0xdc00).contains(&code)
            && get(i) == Some(0x5c)
            && get(i + 1) == Some(u32::from('u'))
            && let Some(low) = hex(i + 2).filter(|c| (0xdc00..0xe000).contains(c))
        {
            code = 0x10000 + ((code & 0x3ff) << 10 | low & 0x3ff);
            i += 6;
        }
        buffer.push(code);
    }
}

/// JSON scanner object
#[pyclass(name = "Scanner", module = "_json")]
pub struct Scanner {
    strict: bool,
    object_hook: Obj,
    object_pairs_hook: Obj,
    parse_float: Obj,
    parse_int: Obj,
    parse_constant: Obj,
}

/// One run of the scanner over a document.
struct Scan<'a, U> {
    scanner: &'a Scanner,
    document: &'a Object<Str>,
    units: &'a [U],
    /// Keys seen so far: equal ones are one object.
    memo: RefCell<HashMap<Vec<u8>, Ptr<Str>>>,
}

impl<U: CodeUnit> Scan<'_, U> {
    fn get(&self, i: usize) -> Option<u32> {
        self.units.get(i).map(|&u| u.into())
    }

    fn skip_space(&self, mut i: usize) -> usize {
        while matches!(self.get(i), Some(32 | 9 | 10 | 13)) {
            i += 1;
        }
        i
    }

    fn starts_with(&self, i: usize, word: &str) -> bool {
        word.bytes().enumerate().all(|(k, b)| self.get(i + k) == Some(u32::from(b)))
    }

    fn no_value(&self, i: usize) -> Raised {
        raise_stop_iteration(&int::new(i as i64))
    }

    fn constant(&self, word: &str, i: usize) -> PyResult<(Obj, usize)> {
        Ok((call::call(&self.scanner.parse_constant, &[Str::intern(word).into_obj()])?, i + word.len()))
    }

    fn value(&self, i: usize) -> PyResult<(Obj, usize)> {
        let Some(c) = self.get(i).and_then(char::from_u32) else { return Err(self.no_value(i)) };
        match c {
            '"' => {
                let (text, end) = scan_string(self.document, self.units, i + 1, self.scanner.strict)?;
                Ok((text.into_obj(), end))
            }
            '{' => with_recursion(" while decoding a JSON object from a unicode string", || self.object(i + 1)),
            '[' => with_recursion(" while decoding a JSON array from a unicode string", || self.array(i + 1)),
            'n' if self.starts_with(i, "null") => Ok((none(), i + 4)),
            't' if self.starts_with(i, "true") => Ok((bool_obj(true), i + 4)),
            'f' if self.starts_with(i, "false") => Ok((bool_obj(false), i + 5)),
            'N' if self.starts_with(i, "NaN") => self.constant("NaN", i),
            'I' if self.starts_with(i, "Infinity") => self.constant("Infinity", i),
            '-' if self.starts_with(i, "-Infinity") => self.constant("-Infinity", i),
            _ => self.number(i),
        }
    }

    fn number(&self, start: usize) -> PyResult<(Obj, usize)> {
        let digit = |i: usize| matches!(self.get(i), Some(0x30..=0x39));
        let skip = |mut i: usize| {
            while digit(i) {
                i += 1;
            }
            i
        };
        let mut i = start + (self.get(start) == Some(u32::from('-'))) as usize;
        match self.get(i) {
            Some(0x30) => i += 1,
            Some(0x31..=0x39) => i = skip(i),
            _ => return Err(self.no_value(start)),
        }
        let mut is_float = false;
        if self.get(i) == Some(u32::from('.')) && digit(i + 1) {
            is_float = true;
            i = skip(i + 1);
        }
        if matches!(self.get(i), Some(0x65 | 0x45)) {
            let sign = matches!(self.get(i + 1), Some(0x2b | 0x2d)) as usize;
            if digit(i + 1 + sign) {
                is_float = true;
                i = skip(i + 1 + sign);
            }
        }
        let text = Str::from_data(self.document.data().slice(start, i));
        let value = if is_float {
            if self.scanner.parse_float.is(&Float::class().as_obj()) {
                float::new(float_methods::parse(&text.as_obj())?)
            } else {
                call::call(&self.scanner.parse_float, &[text.into_obj()])?
            }
        } else if self.scanner.parse_int.is(&Int::class().as_obj()) {
            int_methods::parse_str(&text, 10)?
        } else {
            call::call(&self.scanner.parse_int, &[text.into_obj()])?
        };
        Ok((value, i))
    }

    fn key(&self, i: usize) -> PyResult<(Obj, usize)> {
        let (key, end) = scan_string(self.document, self.units, i, self.scanner.strict)?;
        let mut id = key.raw_bytes().to_vec();
        id.push(key.kind() as u8);
        let shared = self.memo.borrow_mut().entry(id).or_insert(key).clone();
        Ok((shared.into_obj(), end))
    }

    fn object(&self, start: usize) -> PyResult<(Obj, usize)> {
        let mut pairs = Vec::new();
        let mut i = self.skip_space(start);
        if self.get(i) == Some(u32::from('}')) {
            return self.finish_object(pairs, i + 1);
        }
        loop {
            if self.get(i) != Some(u32::from('"')) {
                return Err(decode_error("Expecting property name enclosed in double quotes", self.document, i));
            }
            let (key, end) = self.key(i + 1)?;
            i = self.skip_space(end);
            if self.get(i) != Some(u32::from(':')) {
                return Err(decode_error("Expecting ':' delimiter", self.document, i));
            }
            let (value, end) = self.value(self.skip_space(i + 1))?;
            pairs.push((key, value));
            i = self.skip_space(end);
            match self.get(i).and_then(char::from_u32) {
                Some('}') => return self.finish_object(pairs, i + 1),
                Some(',') => {}
                _ => return Err(decode_error("Expecting ',' delimiter", self.document, i)),
            }
            let comma = i;
            i = self.skip_space(i + 1);
            if self.get(i) == Some(u32::from('}')) {
                return Err(decode_error("Illegal trailing comma before end of object", self.document, comma));
            }
        }
    }

    fn finish_object(&self, pairs: Vec<(Obj, Obj)>, end: usize) -> PyResult<(Obj, usize)> {
        if !self.scanner.object_pairs_hook.is_none() {
            let tuple = |(k, v)| Tuple::from_vec(vec![k, v]).into_obj();
            let list = List::from_vec(pairs.into_iter().map(tuple).collect()).into_obj();
            return Ok((call::call(&self.scanner.object_pairs_hook, &[list])?, end));
        }
        let dict = Dict::new();
        for (key, value) in pairs {
            dict.set(key, value)?;
        }
        let dict = dict.into_obj();
        if self.scanner.object_hook.is_none() {
            return Ok((dict, end));
        }
        Ok((call::call(&self.scanner.object_hook, &[dict])?, end))
    }

    fn array(&self, start: usize) -> PyResult<(Obj, usize)> {
        let mut items = Vec::new();
        let mut i = self.skip_space(start);
        if self.get(i) == Some(u32::from(']')) {
            return Ok((List::from_vec(items).into_obj(), i + 1));
        }
        loop {
            let (value, end) = self.value(i)?;
            items.push(value);
            i = self.skip_space(end);
            match self.get(i).and_then(char::from_u32) {
                Some(']') => return Ok((List::from_vec(items).into_obj(), i + 1)),
                Some(',') => {}
                _ => return Err(decode_error("Expecting ',' delimiter", self.document, i)),
            }
            let comma = i;
            i = self.skip_space(i + 1);
            if self.get(i) == Some(u32::from(']')) {
                return Err(decode_error("Illegal trailing comma before end of array", self.document, comma));
            }
        }
    }
}

fn document(string: &Obj) -> PyResult<&Object<Str>> {
    string
        .downcast::<Str>()
        .ok_or_else(|| raise!(TypeError, "first argument must be a string, not {}", string.class().name()))
}

#[pymethods]
impl Scanner {
    #[new(name = "make_scanner", sig = "(context)", text_signature = "")]
    fn construct(cls: &Type, context: &Obj) -> PyResult<Obj> {
        let scanner = Scanner {
            strict: truth::is_true(&attr::getattr(context, name!("strict"))?)?,
            object_hook: attr::getattr(context, name!("object_hook"))?,
            object_pairs_hook: attr::getattr(context, name!("object_pairs_hook"))?,
            parse_float: attr::getattr(context, name!("parse_float"))?,
            parse_int: attr::getattr(context, name!("parse_int"))?,
            parse_constant: attr::getattr(context, name!("parse_constant"))?,
        };
        Ok(Ptr::new_in(cls, scanner).into_obj())
    }

    #[slot(call)]
    fn call(&self, args: pyrs_runtime::call::Args<'_>) -> PyResult<Obj> {
        static SPEC: pyrs_runtime::args::ParamSpec = pyrs_runtime::args::ParamSpec {
            owner: pyrs_runtime::args::Owner::None,
            function: "scan_once",
            names: &["string", "idx"],
            posonly: 0,
            positional: 2,
            required: 3,
            varargs: false,
            varkw: false,
        };
        let bound = pyrs_runtime::args::bind::<2>(&SPEC, args)?;
        let (Some(string), Some(idx)) = (bound.values[0], bound.values[1]) else { return Ok(none()) };
        let document = document(string)?;
        let Ok(start) = usize::try_from(number::as_ssize(idx, true)?) else {
            return Err(raise!(ValueError, "idx cannot be negative"));
        };
        let (value, end) = match document.data() {
            StrData::One(units) => self.run(document, units, start),
            StrData::Two(units) => self.run(document, units, start),
            StrData::Four(units) => self.run(document, units, start),
        }?;
        Ok(pair(value, end))
    }

    /// strict
    #[getter]
    fn strict(&self) -> bool {
        self.strict
    }

    /// object_hook
    #[getter]
    fn object_hook(&self) -> Obj {
        self.object_hook.clone()
    }

    #[getter]
    fn object_pairs_hook(&self) -> Obj {
        self.object_pairs_hook.clone()
    }

    /// parse_float
    #[getter]
    fn parse_float(&self) -> Obj {
        self.parse_float.clone()
    }

    /// parse_int
    #[getter]
    fn parse_int(&self) -> Obj {
        self.parse_int.clone()
    }

    /// parse_constant
    #[getter]
    fn parse_constant(&self) -> Obj {
        self.parse_constant.clone()
    }
}

impl Scanner {
    fn run<U: CodeUnit>(&self, document: &Object<Str>, units: &[U], start: usize) -> PyResult<(Obj, usize)> {
        Scan { scanner: self, document, units, memo: RefCell::default() }.value(start)
    }
}

/// Appends a string literal.
fn push_literal(out: &mut TextBuffer, text: &Str, ascii_only: bool) {
    out.push(0x22);
    for c in text.code_points() {
        match c {
            0x22 => out.push_str("\\\""),
            0x5c => out.push_str("\\\\"),
            10 => out.push_str("\\n"),
            13 => out.push_str("\\r"),
            9 => out.push_str("\\t"),
            8 => out.push_str("\\b"),
            12 => out.push_str("\\f"),
            0..=0x1f => out.push_str(&format!("\\u{c:04x}")),
            0x20..=0x7e => out.push(c),
            _ if !ascii_only => out.push(c),
            0x10000.. => {
                let offset = c - 0x10000;
                let (high, low) = (0xd800 | offset >> 10, 0xdc00 | offset & 0x3ff);
                out.push_str(&format!("\\u{high:04x}\\u{low:04x}"));
            }
            _ => out.push_str(&format!("\\u{c:04x}")),
        }
    }
    out.push(0x22);
}

/// How strings are written.
#[derive(Copy, Clone, PartialEq)]
enum StringEncoder {
    Ascii,
    Plain,
    Custom,
}

/// Encoder(markers, default, encoder, indent, key_separator, item_separator, sort_keys, skipkeys, allow_nan)
#[pyclass(name = "Encoder", module = "_json")]
pub struct Encoder {
    markers: Obj,
    default: Obj,
    encoder: Obj,
    indent: Obj,
    key_separator: Ptr<Str>,
    item_separator: Ptr<Str>,
    sort_keys: bool,
    skipkeys: bool,
    allow_nan: bool,
    strings: StringEncoder,
}

/// Adds a line to the pending exception that tells where it came up.
fn with_note(raised: Raised, note: impl FnOnce() -> PyResult<String>) -> Raised {
    let exc = raised.take();
    let added = note().and_then(|note| call::call_method(&exc, "add_note", &[Str::new(&note).into_obj()]));
    if let Err(second) = added {
        second.discard();
    }
    current().restore_exception(Some(exc));
    Raised::pending()
}

impl Encoder {
    fn push_string(&self, out: &mut TextBuffer, text: &Object<Str>) -> PyResult<()> {
        if self.strings != StringEncoder::Custom {
            push_literal(out, text, self.strings == StringEncoder::Ascii);
            return Ok(());
        }
        let result = call::call(&self.encoder, &[text.to_obj()])?;
        match result.downcast::<Str>() {
            Some(text) => {
                out.extend(text.code_points());
                Ok(())
            }
            None => Err(raise!(TypeError, "encoder() must return a string, not {}", result.class().name())),
        }
    }

    fn float_text(&self, obj: &Obj, x: f64) -> PyResult<String> {
        if x.is_finite() {
            return Ok(float_repr(x));
        }
        if !self.allow_nan {
            let shown = text::repr_text(obj)?;
            return Err(raise!(ValueError, "Out of range float values are not JSON compliant: {shown}"));
        }
        Ok(if x.is_nan() {
            "NaN"
        } else if x > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        }
        .to_owned())
    }

    /// Text of None, bools, ints and floats, alike for values and keys.
    fn simple(&self, obj: &Obj) -> PyResult<Option<String>> {
        if obj.is_none() {
            return Ok(Some("null".to_owned()));
        }
        if let Some(b) = as_bool(obj) {
            return Ok(Some(if b { "true" } else { "false" }.to_owned()));
        }
        if let Some(n) = int::view(obj) {
            return int_methods::to_decimal(n).map(Some);
        }
        match float::view(obj) {
            Some(x) => self.float_text(obj, x).map(Some),
            None => Ok(None),
        }
    }

    fn value(&self, out: &mut TextBuffer, obj: &Obj, level: usize) -> PyResult<()> {
        if let Some(text) = obj.downcast::<Str>() {
            return self.push_string(out, text);
        }
        if let Some(text) = self.simple(obj)? {
            out.push_str(&text);
            return Ok(());
        }
        with_recursion(" while encoding a JSON object", || {
            if obj.is_instance_of::<List>() || obj.is_instance_of::<Tuple>() {
                return self.marked(obj, || self.list(out, obj, level));
            }
            if let Some(dict) = obj.downcast::<Dict>() {
                return self.marked(obj, || self.dict(out, obj, dict, level));
            }
            self.marked(obj, || {
                let replacement = call::call(&self.default, std::slice::from_ref(obj))?;
                self.value(out, &replacement, level).map_err(|raised| {
                    with_note(raised, || Ok(format!("when serializing {} object", obj.class().full_name())))
                })
            })
        })
    }

    /// Runs `f` with `obj` marked as being written, to find circles.
    fn marked(&self, obj: &Obj, f: impl FnOnce() -> PyResult<()>) -> PyResult<()> {
        let Some(markers) = self.markers.downcast::<Dict>() else { return f() };
        let key = int::from_u64(obj.id());
        if markers.contains(&key)? {
            return Err(raise!(ValueError, "Circular reference detected"));
        }
        markers.set(key.clone(), obj.clone())?;
        f()?;
        markers.remove(&key)?;
        Ok(())
    }

    fn line_break(&self, out: &mut TextBuffer, level: usize) {
        if let Some(indent) = self.indent.downcast::<Str>() {
            out.push(10);
            for _ in 0..level {
                out.extend(indent.code_points());
            }
        }
    }

    fn list(&self, out: &mut TextBuffer, obj: &Obj, level: usize) -> PyResult<()> {
        let items = iter::collect(obj)?;
        if items.is_empty() {
            out.push_str("[]");
            return Ok(());
        }
        out.push_str("[");
        for (i, item) in items.iter().enumerate() {
            if i > 0 {
                out.extend(self.item_separator.code_points());
            }
            self.line_break(out, level + 1);
            self.value(out, item, level + 1).map_err(|raised| {
                with_note(raised, || Ok(format!("when serializing {} item {i}", obj.class().full_name())))
            })?;
        }
        self.line_break(out, level);
        out.push_str("]");
        Ok(())
    }

    fn dict(&self, out: &mut TextBuffer, obj: &Obj, dict: &Object<Dict>, level: usize) -> PyResult<()> {
        if dict.is_empty() {
            out.push_str("{}");
            return Ok(());
        }
        let mut items = if self.sort_keys || obj.exact::<Dict>().is_none() {
            let list = List::from_vec(iter::collect(&call::call_method(obj, "items", &[])?)?);
            if self.sort_keys {
                call::call_method(&list.as_obj(), "sort", &[])?;
            }
            list.to_vec().iter().map(pair_of).collect::<PyResult<Vec<_>>>()?
        } else {
            dict.entries()
        }
        .into_iter();
        out.push_str("{");
        let mut first = true;
        for (key, value) in &mut items {
            let key_text = match key.downcast::<Str>() {
                Some(text) => text.to_ptr(),
                None => match self.simple(&key)? {
                    Some(text) => Str::new(&text),
                    None if self.skipkeys => continue,
                    None => {
                        return Err(raise!(
                            TypeError,
                            "keys must be str, int, float, bool or None, not {}",
                            key.class().name()
                        ));
                    }
                },
            };
            if !std::mem::replace(&mut first, false) {
                out.extend(self.item_separator.code_points());
            }
            self.line_break(out, level + 1);
            self.push_string(out, &key_text)?;
            out.extend(self.key_separator.code_points());
            self.value(out, &value, level + 1).map_err(|raised| {
                with_note(raised, || {
                    Ok(format!("when serializing {} item {}", obj.class().full_name(), text::repr_text(&key)?))
                })
            })?;
        }
        if !first {
            self.line_break(out, level);
        }
        out.push_str("}");
        Ok(())
    }
}

fn pair_of(item: &Obj) -> PyResult<(Obj, Obj)> {
    match item.downcast::<Tuple>().map(|t| t.items()) {
        Some([key, value]) => Ok((key.clone(), value.clone())),
        _ => Err(raise!(ValueError, "items must return 2-tuples")),
    }
}

#[pymethods]
impl Encoder {
    #[new(
        name = "make_encoder",
        sig = "(markers, default, encoder, indent, key_separator, item_separator, sort_keys, skipkeys, allow_nan)",
        text_signature = ""
    )]
    #[allow(clippy::too_many_arguments)]
    fn construct(
        cls: &Type,
        markers: &Obj,
        default: &Obj,
        encoder: &Obj,
        indent: &Obj,
        key_separator: &Object<Str>,
        item_separator: &Object<Str>,
        sort_keys: bool,
        skipkeys: bool,
        allow_nan: bool,
    ) -> PyResult<Obj> {
        if !markers.is_none() && !markers.is_instance_of::<Dict>() {
            return Err(raise!(
                TypeError,
                "make_encoder() argument 1 must be dict or None, not {}",
                markers.class().name()
            ));
        }
        let strings = match encoder.exact::<BuiltinFunction>().map(|f| f.def.name) {
            Some("encode_basestring_ascii") => StringEncoder::Ascii,
            Some("encode_basestring") => StringEncoder::Plain,
            _ => StringEncoder::Custom,
        };
        let encoder = Encoder {
            markers: markers.clone(),
            default: default.clone(),
            encoder: encoder.clone(),
            indent: indent.clone(),
            key_separator: key_separator.to_ptr(),
            item_separator: item_separator.to_ptr(),
            sort_keys,
            skipkeys,
            allow_nan,
            strings,
        };
        Ok(Ptr::new_in(cls, encoder).into_obj())
    }

    #[slot(call)]
    fn call(&self, args: pyrs_runtime::call::Args<'_>) -> PyResult<Obj> {
        static SPEC: pyrs_runtime::args::ParamSpec = pyrs_runtime::args::ParamSpec {
            owner: pyrs_runtime::args::Owner::None,
            function: "_iterencode",
            names: &["obj", "_current_indent_level"],
            posonly: 0,
            positional: 2,
            required: 3,
            varargs: false,
            varkw: false,
        };
        let bound = pyrs_runtime::args::bind::<2>(&SPEC, args)?;
        let (Some(obj), Some(level)) = (bound.values[0], bound.values[1]) else { return Ok(none()) };
        let level = usize::try_from(number::as_ssize(level, true)?).unwrap_or(0);
        let mut out = TextBuffer::default();
        self.value(&mut out, obj, level)?;
        Ok(Tuple::from_vec(vec![Str::from_buffer(&out).into_obj()]).into_obj())
    }

    /// markers
    #[getter]
    fn markers(&self) -> Obj {
        self.markers.clone()
    }

    /// default
    #[getter]
    fn default(&self) -> Obj {
        self.default.clone()
    }

    /// encoder
    #[getter]
    fn encoder(&self) -> Obj {
        self.encoder.clone()
    }

    /// indent
    #[getter]
    fn indent(&self) -> Obj {
        self.indent.clone()
    }

    /// key_separator
    #[getter]
    fn key_separator(&self) -> Obj {
        self.key_separator.to_obj()
    }

    /// item_separator
    #[getter]
    fn item_separator(&self) -> Obj {
        self.item_separator.to_obj()
    }

    /// sort_keys
    #[getter]
    fn sort_keys(&self) -> bool {
        self.sort_keys
    }

    /// skipkeys
    #[getter]
    fn skipkeys(&self) -> bool {
        self.skipkeys
    }
}

/// json speedups
#[pymodule(name = "_json")]
pub mod module {
    use super::*;
    use pyrs_runtime::objects::module::Module;

    #[module_exec]
    fn exec(module: &Object<Module>) -> PyResult<()> {
        pyrs_runtime::types::ready(Scanner::def());
        pyrs_runtime::types::ready(Encoder::def());
        module.add("make_scanner", Scanner::class().to_obj());
        module.add("make_encoder", Encoder::class().to_obj());
        Ok(())
    }

    fn literal(string: &Obj, ascii_only: bool) -> PyResult<Obj> {
        let mut out = TextBuffer::default();
        push_literal(&mut out, document(string)?, ascii_only);
        Ok(Str::from_buffer(&out).into_obj())
    }

    /// encode_basestring_ascii(string) -> string
    ///
    /// Return an ASCII-only JSON representation of a Python string
    #[pyfunction(sig = "(object, /)", text_signature = "($self, object, /)")]
    fn encode_basestring_ascii(object: &Obj) -> PyResult<Obj> {
        literal(object, true)
    }

    /// encode_basestring(string) -> string
    ///
    /// Return a JSON representation of a Python string
    #[pyfunction(sig = "(object, /)", text_signature = "($self, object, /)")]
    fn encode_basestring(object: &Obj) -> PyResult<Obj> {
        literal(object, false)
    }

    /// scanstring(string, end, strict=True) -> (string, end)
    ///
    /// Scan the string s for a JSON string. End is the index of the
    /// character in s after the quote that started the JSON string.
    /// If strict is False, literal control characters are allowed.
    ///
    /// Returns a tuple of the decoded string and the index of the character in s
    /// after the end quote.
    #[pyfunction(sig = "(string, end, strict=True, /)", text_signature = "")]
    fn scanstring(string: &Obj, end: isize, strict: Maybe<bool>) -> PyResult<Obj> {
        let text = document(string)?;
        let strict = strict.0.unwrap_or(true);
        let Some(start) = usize::try_from(end).ok().filter(|&i| i <= text.len()) else {
            return Err(raise!(ValueError, "end is out of bounds"));
        };
        let (value, end) = pyrs_runtime::units!(text.data(), u => scan_string(text, u, start, strict))?;
        Ok(pair(value.into_obj(), end))
    }
}
