//! `_symtable`: what the compiler knows of the names in a program.

use pyrs_compiler::symtable::{BlockId, BlockType, SymbolTable, symbol};
use pyrs_compiler::{Mode, SyntaxWarningInfo};
use pyrs_macros::{pyclass, pymethods, pymodule};
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::object::{Obj, Object, Ptr};
use pyrs_runtime::objects::dict::Dict;
use pyrs_runtime::objects::int;
use pyrs_runtime::objects::list::List;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::raise;

/// One block of a program.
#[pyclass(name = "symtable entry", flags = DISALLOW_INSTANTIATION)]
pub struct Entry {
    id: u64,
    name: Obj,
    symbols: Obj,
    varnames: Obj,
    children: Obj,
    nested: bool,
    kind: i64,
    lineno: i64,
}

/// The blocks below `id` as objects.
fn entry(table: &SymbolTable, id: BlockId) -> PyResult<Obj> {
    let block = table.block(id);
    let symbols = Dict::new();
    for (name, bits) in block.symbols.iter() {
        symbols.set(Str::from_wstr(name).into(), int::new(*bits as i64))?;
    }
    let varnames = block.varnames.iter().map(|n| Str::from_wstr(n).into_obj()).collect();
    let children = block.children.iter().map(|c| entry(table, *c)).collect::<PyResult<Vec<Obj>>>()?;
    let kind = match block.kind {
        BlockType::Function => 0,
        BlockType::Class => 1,
        BlockType::Module => 2,
        BlockType::Annotation => 3,
        BlockType::TypeAlias => 4,
        BlockType::TypeParameters => 5,
        BlockType::TypeVariable => 6,
    };
    let made = Ptr::new(Entry {
        // Blocks are told apart by number; the address of a block would serve as well.
        id: std::ptr::from_ref(block) as u64,
        name: Str::from_wstr(&block.name).into(),
        symbols: symbols.into(),
        varnames: List::from_vec(varnames).into(),
        children: List::from_vec(children).into(),
        nested: block.nested,
        kind,
        lineno: block.location.lineno as i64,
    });
    Ok(made.into())
}

#[pymethods]
impl Entry {
    #[slot(repr)]
    fn repr(this: &Object<Entry>) -> PyResult<Obj> {
        let name = pyrs_runtime::protocols::text::str_text(&this.name)?;
        Ok(Str::new(&format!("<symtable entry {name}({}), line {}>", this.id, this.lineno)).into())
    }

    #[getter]
    fn id(&self) -> Obj {
        int::from_u64(self.id)
    }

    #[getter]
    fn name(&self) -> Obj {
        self.name.clone()
    }

    #[getter]
    fn symbols(&self) -> Obj {
        self.symbols.clone()
    }

    #[getter]
    fn varnames(&self) -> Obj {
        self.varnames.clone()
    }

    #[getter]
    fn children(&self) -> Obj {
        self.children.clone()
    }

    #[getter]
    fn nested(&self) -> i64 {
        self.nested as i64
    }

    #[getter(name = "type")]
    fn kind(&self) -> i64 {
        self.kind
    }

    #[getter]
    fn lineno(&self) -> i64 {
        self.lineno
    }
}

/// Symbol tables of the compiler.
#[pymodule(name = "_symtable")]
pub mod symtable {
    use super::*;
    use pyrs_runtime::objects::module::Module;

    /// The symbol table of a program: the entry of its outermost block.
    #[pyfunction(name = "symtable")]
    fn make(source: &Obj, filename: &Obj, startstr: &Object<Str>) -> PyResult<Obj> {
        let mode = match startstr.to_string_lossy().as_str() {
            "exec" => Mode::Exec,
            "eval" => Mode::Eval,
            "single" => Mode::Single,
            _ => return Err(raise!(ValueError, "symtable() arg 3 must be 'exec' or 'eval' or 'single'")),
        };
        let text = if let Some(text) = source.downcast::<Str>() {
            text.to_string_checked()?
        } else if pyrs_runtime::protocols::buffer::has_buffer(source) {
            let bytes = pyrs_runtime::protocols::buffer::to_bytes(source)?;
            String::from_utf8_lossy(&bytes).into_owned()
        } else {
            return Err(raise!(TypeError, "symtable() arg 1 must be a string or bytes"));
        };
        if text.contains('\0') {
            return Err(raise!(SyntaxError, "source code string cannot contain null bytes"));
        }
        let filename = crate::core::compile::path_text(filename)?;
        let mut ignore = |_: SyntaxWarningInfo| {};
        let table = pyrs_compiler::symbol_table(&text, &filename, mode, 0, &mut ignore)
            .map_err(|error| crate::core::compile::raise_syntax_error(&error))?;
        pyrs_runtime::types::ready(Entry::def());
        entry(&table, table.top)
    }

    #[module_exec]
    fn exec(module: &Object<Module>) -> PyResult<()> {
        crate::os::support::add_constants(
            module,
            &[
                ("USE", symbol::USE as i64),
                ("DEF_GLOBAL", symbol::DEF_GLOBAL as i64),
                ("DEF_NONLOCAL", symbol::DEF_NONLOCAL as i64),
                ("DEF_LOCAL", symbol::DEF_LOCAL as i64),
                ("DEF_PARAM", symbol::DEF_PARAM as i64),
                ("DEF_TYPE_PARAM", symbol::DEF_TYPE_PARAM as i64),
                ("DEF_FREE_CLASS", symbol::DEF_FREE_CLASS as i64),
                ("DEF_IMPORT", symbol::DEF_IMPORT as i64),
                (
                    "DEF_BOUND",
                    (symbol::DEF_LOCAL | symbol::DEF_PARAM | symbol::DEF_IMPORT | symbol::DEF_TYPE_PARAM) as i64,
                ),
                ("DEF_ANNOT", symbol::DEF_ANNOT as i64),
                ("DEF_COMP_ITER", symbol::DEF_COMP_ITER as i64),
                ("DEF_COMP_CELL", symbol::DEF_COMP_CELL as i64),
                ("TYPE_FUNCTION", 0),
                ("TYPE_CLASS", 1),
                ("TYPE_MODULE", 2),
                ("TYPE_ANNOTATION", 3),
                ("TYPE_TYPE_ALIAS", 4),
                ("TYPE_TYPE_PARAMETERS", 5),
                ("TYPE_TYPE_VARIABLE", 6),
                ("LOCAL", 1),
                ("GLOBAL_EXPLICIT", 2),
                ("GLOBAL_IMPLICIT", 3),
                ("FREE", 4),
                ("CELL", 5),
                ("SCOPE_OFF", symbol::SCOPE_OFFSET as i64),
                ("SCOPE_MASK", symbol::SCOPE_MASK as i64),
            ],
        );
        Ok(())
    }
}
