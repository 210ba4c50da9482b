//! The symbol table: which names each block binds and uses, and where they live.
//!
//! `collect` walks the tree and notes facts; `analyze` decides from them what is local, cell, free
//! or global.

mod analyze;
mod collect;

use std::collections::{HashMap, HashSet};

use pyrs_bytecode::WStr;
use pyrs_parser::ast::{Location, Mod};

use crate::errors::Compiled;
use crate::future::FutureFeatures;
use crate::ordered::OrderedMap;

/// Facts about a name in a block, as in CPython's `symtable` module.
pub mod symbol {
    pub const DEF_GLOBAL: u32 = 1;
    pub const DEF_LOCAL: u32 = 2;
    pub const DEF_PARAM: u32 = 4;
    pub const DEF_NONLOCAL: u32 = 8;
    pub const USE: u32 = 16;
    pub const DEF_FREE_CLASS: u32 = 64;
    pub const DEF_IMPORT: u32 = 128;
    pub const DEF_ANNOT: u32 = 256;
    pub const DEF_COMP_ITER: u32 = 512;
    pub const DEF_TYPE_PARAM: u32 = 1024;
    pub const DEF_COMP_CELL: u32 = 2048;
    pub const DEF_BOUND: u32 = DEF_LOCAL | DEF_PARAM | DEF_IMPORT | DEF_TYPE_PARAM;
    /// The scope stands above the facts.
    pub const SCOPE_OFFSET: u32 = 12;
    pub const SCOPE_MASK: u32 = 15;
}

/// Where a name lives.
#[repr(u32)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// Not known in the block.
    Unknown = 0,
    Local = 1,
    GlobalExplicit = 2,
    GlobalImplicit = 3,
    Free = 4,
    Cell = 5,
}

impl Scope {
    /// The scope in a symbol's bits.
    pub fn of(bits: u32) -> Scope {
        match bits >> symbol::SCOPE_OFFSET & symbol::SCOPE_MASK {
            1 => Scope::Local,
            2 => Scope::GlobalExplicit,
            3 => Scope::GlobalImplicit,
            4 => Scope::Free,
            5 => Scope::Cell,
            _ => Scope::Unknown,
        }
    }
}

/// The kind of a block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BlockType {
    Function,
    Class,
    Module,
    Annotation,
    TypeVariable,
    TypeAlias,
    TypeParameters,
}

/// The kind of a comprehension's block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ComprehensionKind {
    List,
    Set,
    Dict,
    Generator,
}

/// Identifies a block by the node that it belongs to: its address, and which of the blocks that
/// share the node it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct BlockKey(usize, BlockRole);

/// Which block of a node.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum BlockRole {
    /// The node's own block.
    Body,
    /// Annotations of a module, class or function.
    Annotations,
    /// Type parameters.
    TypeParams,
    /// The bound or the default of a type parameter.
    Bound,
    Default,
}

impl BlockKey {
    /// The key of a node's block.
    pub fn new<T>(node: &T, role: BlockRole) -> BlockKey {
        BlockKey(std::ptr::from_ref(node) as usize, role)
    }
}

/// The index of a block in the table.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct BlockId(pub usize);

/// A block of the program.
#[derive(Clone, Debug)]
pub struct Block {
    pub name: WStr,
    pub kind: BlockType,
    pub location: Location,
    pub key: BlockKey,
    pub symbols: OrderedMap<WStr, u32>,
    /// Parameters in order.
    pub varnames: Vec<WStr>,
    pub children: Vec<BlockId>,
    pub directives: Vec<(WStr, Location)>,
    /// In a type parameter block around a class: the only names to mangle.
    pub mangled_names: Option<HashSet<WStr>>,
    pub nested: bool,
    pub generator: bool,
    pub coroutine: bool,
    pub comprehension: Option<ComprehensionKind>,
    pub varargs: bool,
    pub varkeywords: bool,
    pub returns_value: bool,
    pub needs_class_closure: bool,
    pub needs_classdict: bool,
    pub comp_inlined: bool,
    pub comp_iter_target: bool,
    pub comp_iter_expr: u32,
    pub can_see_class_scope: bool,
    pub has_docstring: bool,
    pub method: bool,
    pub has_conditional_annotations: bool,
    pub in_conditional_block: bool,
    pub in_unevaluated_annotation: bool,
    pub annotations_used: bool,
    pub annotation_block: Option<BlockId>,
    pub scope_info: &'static str,
}

impl Block {
    /// The bits of a name, 0 if it does not occur.
    pub fn bits(&self, name: &WStr) -> u32 {
        self.symbols.get(name).copied().unwrap_or(0)
    }

    /// Where a name lives.
    pub fn scope(&self, name: &WStr) -> Scope {
        Scope::of(self.bits(name))
    }

    /// Whether names live in fast locals here.
    pub fn is_function_like(&self) -> bool {
        !matches!(self.kind, BlockType::Class | BlockType::Module)
    }
}

/// All blocks of a program.
#[derive(Clone, Debug)]
pub struct SymbolTable {
    pub blocks: Vec<Block>,
    pub top: BlockId,
    by_key: HashMap<BlockKey, BlockId>,
}

impl SymbolTable {
    /// Makes the table of a program.
    pub fn build(tree: &Mod, future: FutureFeatures, flags: u32) -> Compiled<SymbolTable> {
        let mut table = collect::collect(tree, future, flags)?;
        analyze::analyze(&mut table)?;
        Ok(table)
    }

    /// The block of a node.
    pub fn lookup(&self, key: BlockKey) -> Option<BlockId> {
        self.by_key.get(&key).copied()
    }

    /// A block by its index.
    pub fn block(&self, id: BlockId) -> &Block {
        &self.blocks[id.0]
    }

    /// A block by its index, writable.
    pub fn block_mut(&mut self, id: BlockId) -> &mut Block {
        &mut self.blocks[id.0]
    }
}

/// `__name` inside a class becomes `_Class__name`.
pub fn mangle(private: Option<&WStr>, name: &WStr) -> WStr {
    let Some(class) = private else {
        return name.clone();
    };
    let bytes = name.as_bytes();
    if !bytes.starts_with(b"__") || bytes.ends_with(b"__") || bytes.contains(&b'.') {
        return name.clone();
    }
    let underscores = class.as_bytes().iter().take_while(|byte| **byte == b'_').count();
    if underscores == class.as_bytes().len() {
        return name.clone();
    }
    let mut mangled = vec![b'_'];
    mangled.extend_from_slice(&class.as_bytes()[underscores..]);
    mangled.extend_from_slice(bytes);
    WStr::from_wtf8(&mangled).unwrap_or_else(|| name.clone())
}

/// `mangle`, but in a type parameter block only for its parameters.
pub fn maybe_mangle(private: Option<&WStr>, block: &Block, name: &WStr) -> WStr {
    if block.mangled_names.as_ref().is_some_and(|names| !names.contains(name)) {
        return name.clone();
    }
    mangle(private, name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mangling() {
        let class = WStr::from("_Spam");
        let mangled = |name: &str| mangle(Some(&class), &WStr::from(name)).to_string();
        assert_eq!(mangled("__x"), "_Spam__x");
        assert_eq!(mangled("__x__"), "__x__");
        assert_eq!(mangled("_x"), "_x");
        assert_eq!(mangle(Some(&WStr::from("__")), &WStr::from("__x")).to_string(), "__x");
    }
}
