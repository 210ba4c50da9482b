//! What compiled code asks for where it makes functions and generators, or changes a global variable: as
//! [`crate::asks`], which see.

use pyrs_bytecode::co_flags;
use pyrs_interp::frame::{self, Frame};
use pyrs_interp::generator;
use pyrs_interp::ops::call::set_function_attribute;
use pyrs_runtime::heap;
use pyrs_runtime::object::{Obj, Object};
use pyrs_runtime::objects::code::Code;
use pyrs_runtime::objects::dict::Dict;
use pyrs_runtime::objects::function::Function;
use pyrs_runtime::objects::singletons::none;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::thread::Thread;
use pyrs_runtime::value::Value;

use crate::generators;

/// The namespaces of a new function: those of the code that makes it.
pub struct FunctionPlan {
    pub globals: *const Object<Dict>,
    pub builtins: *const Object<Dict>,
}

/// Where an inlined call has its function.
#[derive(Copy, Clone, Debug)]
pub enum Holder {
    Constant(u64),
    /// Byte offset from the frame.
    Frame(i32),
    /// Byte offset from `top`.
    Top(i32),
}

/// A generator in the making.
pub struct GeneratorPlan {
    pub code: *const Object<Code>,
    /// Where the generator begins.
    pub resume: *mut u16,
    pub function: Holder,
    /// Byte offset of the variables from `top`.
    pub variables: i32,
}

/// A global variable.
pub struct GlobalPlan {
    pub globals: *const Object<Dict>,
    pub name: *const Object<Str>,
}

/// MAKE_FUNCTION: the code is at `at`.
///
/// # Safety
/// As [`crate::asks::Ask`] says; so for all functions here. The operand is the address of a plan.
pub unsafe extern "C" fn function(_: *const Thread, at: *mut Value, plan: u64) -> Value {
    // SAFETY: by contract; the dictionaries live as long as the trace.
    unsafe {
        let plan = &*(plan as *const FunctionPlan);
        let Ok(code) = Obj::from_borrowed(*at).into_ptr::<Code>() else { return Value::NULL };
        Function::new(code, (*plan.globals).to_ptr(), (*plan.builtins).to_ptr()).into_obj().into_value()
    }
}

/// SET_FUNCTION_ATTRIBUTE: the value, and the function above it, which nobody else has seen.
///
/// # Safety
/// As [`function`]; the operand says which attribute.
pub unsafe extern "C" fn function_with(_: *const Thread, at: *mut Value, which: u64) -> Value {
    // SAFETY: by contract.
    let (value, function) = unsafe { (Obj::from_borrowed(*at), Obj::from_borrowed(*at.add(1))) };
    set_function_attribute(function, value, which as u32).into_value()
}

/// RETURN_GENERATOR: the variables at `at` move into a new generator.
///
/// # Safety
/// As [`function`]; the variables own what they hold, and room for the head of their frame is in front of them.
pub unsafe extern "C" fn generator(thread: *const Thread, at: *mut Value, plan: u64) -> Value {
    // SAFETY: by contract.
    unsafe {
        let plan = &*(plan as *const GeneratorPlan);
        if (&*plan.code).flags & co_flags::COROUTINE != 0 && !generators::may_make_coroutine(&*thread) {
            return Value::NULL;
        }
        let word = |base: *mut u8, offset: i32| *(base.wrapping_offset(offset as isize) as *mut Value);
        let function = match plan.function {
            Holder::Constant(word) => Value(word),
            Holder::Frame(offset) => word((*thread).frame.get(), offset),
            Holder::Top(offset) => word(at as *mut u8, offset - plan.variables),
        };
        heap::incref(function);
        let head = (at as *mut Frame).sub(1);
        frame::init(head, function, &*plan.code, Value::NULL, std::ptr::null_mut());
        (*head).ip = plan.resume;
        generator::from_frame(head).into_value()
    }
}

/// STORE_GLOBAL: the value is at `at`. Only where the name is there: a new one changes what lookups find.
///
/// # Safety
/// As [`function`].
pub unsafe extern "C" fn store_global(_: *const Thread, at: *mut Value, plan: u64) -> Value {
    // SAFETY: by contract; the dictionary lives as long as the trace.
    unsafe {
        let plan = &*(plan as *const GlobalPlan);
        let (globals, name) = (&*plan.globals, &*plan.name);
        if !matches!(globals.get_str(name), Ok(Some(_))) {
            return Value::NULL;
        }
        match globals.set_str(name, Obj::from_borrowed(*at)) {
            Ok(()) => none().into_value(),
            Err(raised) => {
                drop(raised.take());
                Value::NULL
            }
        }
    }
}
