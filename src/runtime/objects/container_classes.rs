//! The definitions of the container classes, and what those written by hand share.

use crate::class::{ClassDef, drop_payload};
use crate::heap::cycles::Visitor;
use crate::object::{Header, Object, Trace};
use crate::types::NativeLayout;

/// The layout of a payload that traces itself.
pub const fn traced_layout<T: Trace>() -> NativeLayout {
    NativeLayout { drop_payload: drop_payload::<T>, trace: trace_payload::<T>, clear: clear_payload::<T> }
}

/// # Safety
/// `header` is a live instance with a `T` behind its header.
unsafe fn trace_payload<T: Trace>(header: *mut Header, visitor: &mut Visitor<'_>) {
    // SAFETY: by contract.
    unsafe { (*(header as *const Object<T>)).trace(visitor) }
}

/// # Safety
/// As [`trace_payload`].
unsafe fn clear_payload<T: Trace>(header: *mut Header) {
    // SAFETY: by contract.
    unsafe { (*(header as *const Object<T>)).clear() }
}

/// Every container and iterator class; bases come first.
pub fn all_classes() -> Vec<fn() -> &'static ClassDef> {
    use super::dict_views::*;
    use super::iterators::*;
    use super::*;
    vec![
        list::List::def,
        list_methods::ListIterator::def,
        list_methods::ListReverseIterator::def,
        tuple::Tuple::def,
        tuple_methods::TupleIterator::def,
        dict::Dict::def,
        DictKeys::def,
        DictValues::def,
        DictItems::def,
        DictKeyIterator::def,
        DictValueIterator::def,
        DictItemIterator::def,
        DictReverseKeyIterator::def,
        DictReverseValueIterator::def,
        DictReverseItemIterator::def,
        mapping_proxy::MappingProxy::def,
        set::Set::def,
        set::FrozenSet::def,
        set_methods::SetIterator::def,
        slice::Slice::def,
        iter::SequenceIterator::def,
        iter::CallableIterator::def,
        range::Range::def,
        range::RangeIterator::def,
        range::LongRangeIterator::def,
        Enumerate::def,
        Reversed::def,
        Zip::def,
        Map::def,
        Filter::def,
        generic_alias::GenericAlias::def,
        generic_alias::GenericAliasIterator::def,
        union_type::Union::def,
        simple_namespace::SimpleNamespace::def,
        crate::heap::weakref::WeakRef::def,
        weakref::Proxy::def,
        weakref::CallableProxy::def,
    ]
}
