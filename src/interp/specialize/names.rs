//! Forms of LOAD_GLOBAL.

use pyrs_bytecode::Opcode;
use pyrs_macros::handler;
use pyrs_runtime::PyClass;
use pyrs_runtime::object::Object;
use pyrs_runtime::objects::dict::Dict;
use pyrs_runtime::objects::inline_cache::InlineCache;
use pyrs_runtime::value::Value;

use super::{failed, specialized_with};
use crate::dispatch::Regs;

fn is_plain(dict: &Object<Dict>) -> bool {
    std::ptr::eq(dict.class(), Dict::class())
}

#[handler]
pub unsafe fn load_global(m: Regs) -> Value {
    let (globals, builtins) = ((*m.frame).globals(), (*m.frame).builtins());
    let name = m.name(m.oparg >> 1);
    if !is_plain(globals) || !is_plain(builtins) {
        return failed(m);
    }
    let version = globals.keys_version();
    if version == 0 {
        return failed(m);
    }
    if let Some(entry) = globals.entry_of(name) {
        let cache = InlineCache { version, target: globals.entry_address(entry) as u64, ..Default::default() };
        return specialized_with(m, Opcode::LoadGlobalModule, cache);
    }
    let version2 = builtins.keys_version();
    match builtins.entry_of(name) {
        Some(entry) if version2 != 0 => {
            let target = builtins.entry_address(entry) as u64;
            specialized_with(
                m,
                Opcode::LoadGlobalBuiltin,
                InlineCache { version, version2, target, ..Default::default() },
            )
        }
        _ => failed(m),
    }
}
