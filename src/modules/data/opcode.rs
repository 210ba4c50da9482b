//! `_opcode`: the facts about opcodes that `opcode` and `dis` show.

/// Opcode support module.
#[pyrs_macros::pymodule(name = "_opcode")]
pub mod module {
    use pyrs_bytecode::AnyOpcode;
    use pyrs_runtime::object::{Obj, Object};
    use pyrs_runtime::objects::int;
    use pyrs_runtime::objects::list::List;
    use pyrs_runtime::objects::module::Module;
    use pyrs_runtime::objects::singletons::{as_bool, none};
    use pyrs_runtime::objects::str::Str;
    use pyrs_runtime::objects::tuple::Tuple;
    use pyrs_runtime::protocols::number;
    use pyrs_runtime::{PyResult, raise};

    fn opcode(number: i32) -> Option<AnyOpcode> {
        u16::try_from(number).ok().and_then(AnyOpcode::from_u16)
    }

    #[module_exec]
    fn exec(module: &Object<Module>) -> PyResult<()> {
        // Whether instructions are rewritten to specialized forms as they run.
        let specializes = int::new(1);
        module.add("ENABLE_SPECIALIZATION", specializes.clone());
        module.add("ENABLE_SPECIALIZATION_FT", specializes);
        Ok(())
    }

    /// Compute the stack effect of the opcode.
    #[pyfunction(sig = "(opcode, oparg=None, /, *, jump=None)")]
    pub fn stack_effect(opcode: i32, oparg: Option<&Obj>, jump: Option<&Obj>) -> PyResult<i32> {
        let jump = match jump {
            None => None,
            Some(flag) => match as_bool(flag) {
                Some(flag) => Some(flag),
                None => return Err(raise!(ValueError, "stack_effect: jump must be False, True or None")),
            },
        };
        let oparg = match oparg {
            None => 0,
            Some(oparg) => i32::try_from(number::as_ssize(oparg, true)?)
                .map_err(|_| raise!(OverflowError, "Python int too large to convert to C int"))?,
        };
        match self::opcode(opcode) {
            Some(op) => Ok(op.stack_effect(oparg, jump)),
            None => Err(raise!(ValueError, "invalid opcode or oparg")),
        }
    }

    /// Return True if opcode is valid, False otherwise.
    #[pyfunction(sig = "(opcode)")]
    pub fn is_valid(opcode: i32) -> bool {
        self::opcode(opcode).is_some()
    }

    /// Return True if the opcode uses its oparg, False otherwise.
    #[pyfunction(sig = "(opcode)")]
    pub fn has_arg(opcode: i32) -> bool {
        self::opcode(opcode).is_some_and(AnyOpcode::has_arg)
    }

    /// Return True if the opcode accesses a constant, False otherwise.
    #[pyfunction(sig = "(opcode)")]
    pub fn has_const(opcode: i32) -> bool {
        self::opcode(opcode).is_some_and(AnyOpcode::has_const)
    }

    /// Return True if the opcode accesses an attribute by name, False otherwise.
    #[pyfunction(sig = "(opcode)")]
    pub fn has_name(opcode: i32) -> bool {
        self::opcode(opcode).is_some_and(AnyOpcode::has_name)
    }

    /// Return True if the opcode has a jump target, False otherwise.
    #[pyfunction(sig = "(opcode)")]
    pub fn has_jump(opcode: i32) -> bool {
        self::opcode(opcode).is_some_and(AnyOpcode::has_jump)
    }

    /// Return True if the opcode accesses a free variable, False otherwise.
    ///
    /// Note that 'free' in this context refers to names in the current scope
    /// that are referenced by inner scopes or names in outer scopes that are
    /// referenced from this scope. It does not include references to global
    /// or builtin scopes.
    #[pyfunction(sig = "(opcode)")]
    pub fn has_free(opcode: i32) -> bool {
        self::opcode(opcode).is_some_and(AnyOpcode::has_free)
    }

    /// Return True if the opcode accesses a local variable, False otherwise.
    #[pyfunction(sig = "(opcode)")]
    pub fn has_local(opcode: i32) -> bool {
        self::opcode(opcode).is_some_and(AnyOpcode::has_local)
    }

    /// Return True if the opcode sets an exception handler, False otherwise.
    #[pyfunction(sig = "(opcode)")]
    pub fn has_exc(opcode: i32) -> bool {
        self::opcode(opcode).is_some_and(AnyOpcode::is_exception_setup)
    }

    /// Return the specialization stats
    #[pyfunction]
    pub fn get_specialization_stats() -> Obj {
        none()
    }

    fn names(names: &[&str]) -> Obj {
        List::from_vec(names.iter().map(|name| Str::intern(name).into_obj()).collect()).into_obj()
    }

    const BINARY: [(&str, &str); 13] = [
        ("ADD", "+"),
        ("AND", "&"),
        ("FLOOR_DIVIDE", "//"),
        ("LSHIFT", "<<"),
        ("MATRIX_MULTIPLY", "@"),
        ("MULTIPLY", "*"),
        ("REMAINDER", "%"),
        ("OR", "|"),
        ("POWER", "**"),
        ("RSHIFT", ">>"),
        ("SUBTRACT", "-"),
        ("TRUE_DIVIDE", "/"),
        ("XOR", "^"),
    ];

    /// Return array of symbols of binary ops.
    ///
    /// Indexed by the BINARY_OP oparg value.
    #[pyfunction]
    pub fn get_nb_ops() -> Obj {
        let pair = |name: String, symbol: String| {
            Tuple::from_vec(vec![Str::new(&name).into_obj(), Str::new(&symbol).into_obj()]).into_obj()
        };
        let plain = BINARY.iter().map(|(name, symbol)| pair(format!("NB_{name}"), (*symbol).to_owned()));
        let inplace = BINARY.iter().map(|(name, symbol)| pair(format!("NB_INPLACE_{name}"), format!("{symbol}=")));
        let subscript = std::iter::once(pair("NB_SUBSCR".to_owned(), "[]".to_owned()));
        List::from_vec(plain.chain(inplace).chain(subscript).collect()).into_obj()
    }

    /// Return a list of names of the unary intrinsics.
    #[pyfunction]
    pub fn get_intrinsic1_descs() -> Obj {
        names(&[
            "INTRINSIC_1_INVALID",
            "INTRINSIC_PRINT",
            "INTRINSIC_IMPORT_STAR",
            "INTRINSIC_STOPITERATION_ERROR",
            "INTRINSIC_ASYNC_GEN_WRAP",
            "INTRINSIC_UNARY_POSITIVE",
            "INTRINSIC_LIST_TO_TUPLE",
            "INTRINSIC_TYPEVAR",
            "INTRINSIC_PARAMSPEC",
            "INTRINSIC_TYPEVARTUPLE",
            "INTRINSIC_SUBSCRIPT_GENERIC",
            "INTRINSIC_TYPEALIAS",
        ])
    }

    /// Return a list of names of the binary intrinsics.
    #[pyfunction]
    pub fn get_intrinsic2_descs() -> Obj {
        names(&[
            "INTRINSIC_2_INVALID",
            "INTRINSIC_PREP_RERAISE_STAR",
            "INTRINSIC_TYPEVAR_WITH_BOUND",
            "INTRINSIC_TYPEVAR_WITH_CONSTRAINTS",
            "INTRINSIC_SET_FUNCTION_TYPE_PARAMS",
            "INTRINSIC_SET_TYPEPARAM_DEFAULT",
        ])
    }

    /// Return a list of special method names.
    #[pyfunction]
    pub fn get_special_method_names() -> Obj {
        names(&["__enter__", "__exit__", "__aenter__", "__aexit__"])
    }

    /// Return the executor object at offset in code if exists, None otherwise.
    #[pyfunction(sig = "(code, offset)")]
    pub fn get_executor(_code: &Obj, _offset: i32) -> PyResult<Obj> {
        Err(raise!(RuntimeError, "Executors are not available in this build"))
    }
}
