//! What an instruction found on the stack, in words: the reasons in the tables of [`super::stats`].

use pyrs_bytecode::{BinaryOp, Opcode};
use pyrs_runtime::object::{Obj, Object};
use pyrs_runtime::objects::module::Module;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::types::{as_type, flags, lookup_raw, slot_functions};
use pyrs_runtime::value::Value;

use crate::dispatch::{Regs, TABLE};
use crate::frame::Frame;

/// The operands of an adaptive instruction in its general form, as far as they matter for its specialization.
///
/// # Safety
/// Contract of handlers.
pub unsafe fn describe(general: Opcode, frame: *mut Frame, sp: *mut Value, oparg: usize) -> String {
    let m = Regs { thread: std::ptr::null(), frame, ip: std::ptr::null_mut(), sp, table: &TABLE, oparg };
    // SAFETY: by contract; each family's operands lie where its handlers take them from.
    unsafe {
        let class = |n: usize| m.obj(n).class().name();
        match general {
            Opcode::LoadAttr => attribute(m.obj(1), m.name(oparg >> 1), oparg & 1 != 0),
            Opcode::StoreAttr => attribute(m.obj(1), m.name(oparg), false),
            Opcode::LoadGlobal => m.name(oparg >> 1).to_string_lossy(),
            Opcode::LoadSuperAttr => class(1).to_owned(),
            Opcode::BinaryOp => {
                let op = std::mem::transmute::<u8, BinaryOp>(oparg as u8);
                format!("{op:?} {}, {}", class(2), class(1))
            }
            Opcode::CompareOp => format!("{}, {}", class(2), class(1)),
            Opcode::ContainsOp => format!("{} in {}", class(2), class(1)),
            Opcode::StoreSubscr => format!("{}[{}]", class(2), class(1)),
            Opcode::Call => callable(m.obj(oparg + 2)),
            Opcode::CallKw => callable(m.obj(oparg + 3)),
            Opcode::Send => class(2).to_owned(),
            _ => class(1).to_owned(),
        }
    }
}

fn callable(callable: &Obj) -> String {
    match as_type(callable) {
        Some(class) => format!("class {}", class.name()),
        None => callable.class().name().to_owned(),
    }
}

/// Where an attribute is found, if not where a specialized form looks.
fn attribute(owner: &Obj, name: &Object<Str>, for_call: bool) -> String {
    let class = owner.class();
    let what = if owner.exact::<Module>().is_some() {
        "of a module"
    } else if as_type(owner).is_some() {
        "of a class"
    } else if !slot_functions::uses_generic_getattr(class) {
        "with its own getattr"
    } else {
        let found = lookup_raw(class, name);
        if found.is_null() {
            "own or missing"
        } else {
            // SAFETY: the class holds the value.
            kind(unsafe { found.as_obj() }, for_call)
        }
    };
    format!("{}.{}: {what}", class.name(), name.to_string_lossy())
}

/// What sort of thing a class holds for an attribute.
fn kind(found: &Obj, for_call: bool) -> &'static str {
    let slots = found.class().slots();
    match (slots.descr_get.is_some(), slots.descr_set.is_some()) {
        _ if found.class().has_flag(flags::METHOD_DESCRIPTOR) && !for_call => "bound method",
        _ if found.class().has_flag(flags::METHOD_DESCRIPTOR) => "method",
        (_, true) => "data descriptor",
        (true, false) => "descriptor",
        (false, false) => "plain value",
    }
}
