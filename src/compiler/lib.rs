//! From the syntax tree to code objects.
//!
//! The bytecode is CPython 3.14's, byte for byte: symbol table, code generation, control-flow
//! graph, optimisation and assembly follow the same decisions in the same order.

mod assemble;
mod codegen;
pub mod errors;
mod flowgraph;
mod folding;
mod future;
mod instruction;
mod ordered;
mod preprocess;
pub mod symtable;
mod unit;
pub mod unparse;
mod validate;

use std::sync::Arc;

pub use pyrs_bytecode::CodeObject;
pub use pyrs_parser::ast;
use pyrs_parser::ast::Mod;
pub use pyrs_parser::{
    Codec, ErrorKind, Mode, ParseOptions, SyntaxErrorInfo, SyntaxWarningInfo, WarningKind, decode_program,
};

/// Bits of `compile`'s flags.
pub mod compile_flags {
    pub const DONT_IMPLY_DEDENT: u32 = 0x200;
    pub const ONLY_AST: u32 = 0x400;
    pub const IGNORE_COOKIE: u32 = 0x800;
    pub const TYPE_COMMENTS: u32 = 0x1000;
    pub const ALLOW_TOP_LEVEL_AWAIT: u32 = 0x2000;
    pub const ALLOW_INCOMPLETE_INPUT: u32 = 0x4000;
    pub const OPTIMIZED_AST: u32 = 0x8000 | ONLY_AST;
}

pub use validate::{InvalidTree, validate};

/// Takes the warnings of a compilation.
pub type Warnings<'w> = &'w mut dyn FnMut(SyntaxWarningInfo);

/// Parses source text.
pub fn parse(
    source: &str,
    filename: &str,
    mode: Mode,
    flags: u32,
    warnings: Warnings<'_>,
) -> Result<Mod, SyntaxErrorInfo> {
    let options = ParseOptions { filename, mode, flags };
    pyrs_parser::parse(source, options, warnings).map(|(tree, _)| tree)
}

/// Parses the bytes of a source file.
pub fn parse_bytes(
    source: &[u8],
    filename: &str,
    mode: Mode,
    flags: u32,
    codec: Option<Codec<'_>>,
    warnings: Warnings<'_>,
) -> Result<Mod, SyntaxErrorInfo> {
    let options = ParseOptions { filename, mode, flags };
    pyrs_parser::parse_bytes(source, options, codec, warnings).map(|(tree, _)| tree)
}

/// What the compiler does to a tree before it generates code: folding, docstrings, `__debug__`.
pub fn optimize_tree(tree: &mut Mod, flags: u32, optimize: i8) {
    let optimize = u8::try_from(optimize).unwrap_or(0);
    pyrs_parser::with_big_stack(1 << 16, || {
        preprocess::Preprocessor::new(optimize, flags, false, &mut |_| {}).run(tree);
    });
}

/// Compiles source text.
pub fn compile(
    source: &str,
    filename: &str,
    mode: Mode,
    flags: u32,
    optimize: i8,
    warnings: Warnings<'_>,
) -> Result<Arc<CodeObject>, SyntaxErrorInfo> {
    let tree = parse(source, filename, mode, flags, warnings)?;
    compile_owned(tree, source.len(), filename, flags, optimize, warnings)
}

/// Compiles the bytes of a source file; a codec decodes what the coding cookie asks for.
pub fn compile_bytes(
    source: &[u8],
    filename: &str,
    mode: Mode,
    flags: u32,
    optimize: i8,
    codec: Option<Codec<'_>>,
    warnings: Warnings<'_>,
) -> Result<Arc<CodeObject>, SyntaxErrorInfo> {
    let options = ParseOptions { filename, mode, flags };
    let (tree, _) = pyrs_parser::parse_bytes(source, options, codec, warnings)?;
    compile_owned(tree, source.len(), filename, flags, optimize, warnings)
}

/// Compiles a tree.
pub fn compile_ast(
    tree: &Mod,
    filename: &str,
    flags: u32,
    optimize: i8,
    warnings: Warnings<'_>,
) -> Result<Arc<CodeObject>, SyntaxErrorInfo> {
    compile_owned(tree.clone(), 1 << 16, filename, flags, optimize, warnings)
}

/// Makes the symbol table of source text, as the `symtable` module shows it.
pub fn symbol_table(
    source: &str,
    filename: &str,
    mode: Mode,
    flags: u32,
    warnings: Warnings<'_>,
) -> Result<symtable::SymbolTable, SyntaxErrorInfo> {
    let tree = parse(source, filename, mode, flags, warnings)?;
    pyrs_parser::with_big_stack(source.len(), || {
        let future = future::future_features(&tree)?;
        symtable::SymbolTable::build(&tree, future, flags)
    })
    .map_err(|error| in_file(*error, filename))
}

fn compile_owned(
    mut tree: Mod,
    size: usize,
    filename: &str,
    flags: u32,
    optimize: i8,
    warnings: Warnings<'_>,
) -> Result<Arc<CodeObject>, SyntaxErrorInfo> {
    let optimize = u8::try_from(optimize).unwrap_or(0);
    pyrs_parser::with_big_stack(size, || {
        let result = compile_steps(&mut tree, filename, flags, optimize, warnings);
        drop(std::mem::replace(&mut tree, Mod::Interactive { body: Vec::new() }));
        result
    })
    .map_err(|error| in_file(*error, filename))
}

fn compile_steps(
    tree: &mut Mod,
    filename: &str,
    flags: u32,
    optimize: u8,
    warnings: Warnings<'_>,
) -> errors::Compiled<Arc<CodeObject>> {
    let future = future::future_features(tree)?;
    preprocess::Preprocessor::new(optimize, future.flags | flags, false, warnings).run(tree);
    let table = symtable::SymbolTable::build(tree, future, flags)?;
    codegen::Compiler::new(table, filename, future, flags, optimize, warnings).module(tree)
}

fn in_file(error: SyntaxErrorInfo, filename: &str) -> SyntaxErrorInfo {
    SyntaxErrorInfo { filename: filename.to_string(), ..error }
}
