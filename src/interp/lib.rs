//! Tier 0: the bytecode interpreter.
//!
//! [`dispatch`] runs frames, [`handlers`] are its instructions, and [`specialize`] rewrites those for what they see
//! (tier 1); [`eval`] enters it; [`frame`] lays frames out; [`bind`] distributes arguments; [`consumers`] are
//! native functions that loop over generators; [`unwind`] finds exception
//! handlers; [`generator`] and [`async_generator`] suspend frames, [`delegation`] chains of them; [`observe`] counts instructions or shakes the specializer; [`frame_object`] and [`locals_proxy`] show
//! them to Python code; [`ops`] holds the bodies of longer operations.

pub mod async_generator;
pub mod bind;
pub mod consumers;
pub mod delegation;
pub mod dispatch;
pub mod eval;
pub mod frame;
pub mod frame_object;
pub mod generator;
mod handlers;
pub mod instrument;
pub mod jit;
pub mod jump;
pub mod locals_proxy;
pub mod monitoring;
pub mod observe;
pub mod ops;
mod specialize;
pub mod trace;
pub mod unwind;

use pyrs_runtime::class::ClassDef;

/// The classes that the interpreter adds to the built-in ones.
pub fn classes() -> Vec<fn() -> &'static ClassDef> {
    vec![
        frame_object::FrameObject::def,
        pyrs_runtime::protocols::sum::PartialSum::def,
        locals_proxy::LocalsProxy::def,
        generator::Generator::def,
        generator::Coroutine::def,
        generator::CoroutineWrapper::def,
        async_generator::AsyncGenerator::def,
        async_generator::WrappedValue::def,
        async_generator::ASend::def,
        async_generator::AThrow::def,
        async_generator::AnextAwaitable::def,
    ]
}
