//! The list of all native classes of the object model, and their start-up.

use super::TypeData;
use super::ready::{prepare, ready};
use super::slot_wrapper::{MethodWrapper, SlotWrapper};
use crate::class::ClassDef;
use crate::objects::*;

/// Every native class; bases come before subclasses.
pub fn classes() -> Vec<fn() -> &'static ClassDef> {
    let mut all: Vec<fn() -> &'static ClassDef> = vec![
        object::PlainObject::def,
        TypeData::def,
        str::Str::def,
        container_classes::all_classes()[0],
        SlotWrapper::def,
        MethodWrapper::def,
        builtin_function::BuiltinFunction::def,
        builtin_function::MethodDescriptor::def,
        builtin_function::ClassMethodDescriptor::def,
        descriptor::GetSetDescriptor::def,
        descriptor::MemberDescriptor::def,
        int::Int::def,
        singletons::Bool::def,
        float::Float::def,
        complex::Complex::def,
        bytes::Bytes::def,
        bytes_methods::BytesIterator::def,
        bytearray::ByteArray::def,
        bytearray::ByteArrayIterator::def,
        memoryview::ManagedBuffer::def,
        memoryview::MemoryView::def,
        memoryview::MemoryIterator::def,
        singletons::NoneType::def,
        singletons::NotImplementedType::def,
        singletons::EllipsisType::def,
        function::Function::def,
        function::StaticMethod::def,
        function::ClassMethod::def,
        method::Method::def,
        property::Property::def,
        super_object::Super::def,
        cell::Cell::def,
        str_methods::StrIterator::def,
        str_methods::AsciiIterator::def,
        code::Code::def,
        module::Module::def,
        traceback::Traceback::def,
        template::Template::def,
        template::Interpolation::def,
        template::TemplateIter::def,
    ];
    all.extend(container_classes::all_classes());
    all.extend(exceptions::all_classes());
    all
}

/// Makes all classes usable. Runs once, before any object of them exists.
pub fn init(extra: &[fn() -> &'static ClassDef]) {
    let mut all = classes();
    all.extend_from_slice(extra);
    for class in &all {
        prepare(class());
    }
    for class in &all {
        ready(class());
    }
    exceptions::ready_exception_group();
    template::finish_classes();
}
