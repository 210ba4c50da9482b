//! Where the fields are that compiled code reads and writes.

use std::mem::offset_of;
use std::sync::OnceLock;

use pyrs_interp::frame::Frame;
use pyrs_runtime::object::{Header, PyClass};
use pyrs_runtime::objects::cell::Cell;
use pyrs_runtime::objects::function::Function;
use pyrs_runtime::objects::list::List;
use pyrs_runtime::objects::list_methods::ListIterator;
use pyrs_runtime::objects::method::Method;
use pyrs_runtime::objects::range::RangeIterator;
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::objects::tuple_methods::TupleIterator;
use pyrs_runtime::thread::Thread;
use pyrs_runtime::types::Type;

/// Byte offsets from the start of the object, frame or thread.
#[derive(Debug)]
pub struct Layout {
    pub list_length: i32,
    pub list_items: i32,
    pub tuple_length: i32,
    pub tuple_items: i32,
    pub range_next: i32,
    pub range_remaining: i32,
    pub range_step: i32,
    pub list_iterator_index: i32,
    pub list_iterator_list: i32,
    pub tuple_iterator_index: i32,
    pub tuple_iterator_tuple: i32,
    pub function_code: i32,
    pub function_globals: i32,
    pub function_version: i32,
    pub function_closure: i32,
    pub method_function: i32,
    pub method_this: i32,
    /// In the head of a frame.
    pub frame_function: i32,
    pub cell_contents: i32,
    pub type_version: i32,
    /// The head of a frame: its variables come next.
    pub frame_head: i32,
    pub thread_jit_top: i32,
}

/// A field of a payload, from the start of its object.
const fn payload(offset: usize) -> i32 {
    (size_of::<Header>() + offset) as i32
}

pub fn layout() -> &'static Layout {
    static LAYOUT: OnceLock<Layout> = OnceLock::new();
    LAYOUT.get_or_init(|| {
        let (length, items) = List::vector_offsets();
        Layout {
            list_length: payload(length),
            list_items: payload(items),
            tuple_length: payload(Tuple::LENGTH_OFFSET),
            tuple_items: payload(size_of::<Tuple>()),
            range_next: payload(offset_of!(RangeIterator, next)),
            range_remaining: payload(offset_of!(RangeIterator, remaining)),
            range_step: payload(offset_of!(RangeIterator, step)),
            list_iterator_index: payload(offset_of!(ListIterator, index)),
            list_iterator_list: payload(offset_of!(ListIterator, list)),
            tuple_iterator_index: payload(offset_of!(TupleIterator, index)),
            tuple_iterator_tuple: payload(offset_of!(TupleIterator, tuple)),
            function_code: payload(offset_of!(Function, code)),
            function_globals: payload(offset_of!(Function, globals)),
            function_version: payload(offset_of!(Function, version)),
            function_closure: payload(offset_of!(Function, closure)),
            method_function: payload(offset_of!(Method, function)),
            method_this: payload(offset_of!(Method, this)),
            frame_function: offset_of!(Frame, function) as i32,
            cell_contents: payload(Cell::CONTENTS_OFFSET),
            type_version: Type::VERSION_OFFSET as i32,
            frame_head: size_of::<Frame>() as i32,
            thread_jit_top: offset_of!(Thread, jit_top) as i32,
        }
    })
}

/// The classes that lowering knows.
pub fn is_class<T: PyClass>(class: *const Type) -> bool {
    std::ptr::eq(class, T::class())
}
