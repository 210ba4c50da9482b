//! Building a `str` piece by piece from Rust text, strings and the `repr` or `str` of objects.

use pyrs_unicode::text_buffer::TextBuffer;

use crate::errors::PyResult;
use crate::object::{Obj, Object, Ptr};
use crate::objects::str::{Str, StrData};
use crate::protocols::text;

/// A `str` under construction; as narrow as its widest character, surrogates included.
#[derive(Default)]
pub struct TextBuilder(TextBuffer);

impl TextBuilder {
    pub fn new() -> TextBuilder {
        TextBuilder::default()
    }

    /// Appends Rust text.
    pub fn text(&mut self, text: &str) -> &mut TextBuilder {
        self.0.push_str(text);
        self
    }

    /// Appends a string object.
    pub fn push(&mut self, text: &Object<Str>) -> &mut TextBuilder {
        match text.data() {
            StrData::One(units) => self.0.push_latin1(units),
            StrData::Two(units) => self.0.push_units(units),
            StrData::Four(units) => self.0.push_units(units),
        }
        self
    }

    /// Appends one code point.
    pub fn code_point(&mut self, code: u32) -> &mut TextBuilder {
        self.0.push(code);
        self
    }

    /// Appends `repr(obj)`.
    pub fn repr(&mut self, obj: &Obj) -> PyResult<&mut TextBuilder> {
        let shown = text::repr(obj)?;
        Ok(self.push(&shown))
    }

    /// Appends `str(obj)`.
    pub fn str(&mut self, obj: &Obj) -> PyResult<&mut TextBuilder> {
        let shown = text::str(obj)?;
        Ok(self.push(&shown))
    }

    /// Appends the reprs of some items with commas between them.
    pub fn reprs(&mut self, items: &[Obj]) -> PyResult<&mut TextBuilder> {
        for (i, item) in items.iter().enumerate() {
            if i != 0 {
                self.text(", ");
            }
            self.repr(item)?;
        }
        Ok(self)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The finished string.
    pub fn finish(&mut self) -> Ptr<Str> {
        match std::mem::take(&mut self.0) {
            TextBuffer::Latin1(units) => Str::from_latin1(&units),
            TextBuffer::Ucs2(units) => Str::from_data(StrData::Two(&units)),
            TextBuffer::Ucs4(units) => Str::from_data(StrData::Four(&units)),
        }
    }

    /// The finished string as an object.
    pub fn finish_obj(&mut self) -> Obj {
        self.finish().into_obj()
    }
}
