//! `_imp`.

use pyrs_macros::pymodule;

/// (Extremely) low-level import machinery bits as used by importlib.
#[pymodule(name = "_imp")]
pub mod imp {
    use pyrs_runtime::errors::PyResult;
    use pyrs_runtime::object::{Obj, Object};
    use pyrs_runtime::objects::bytes::Bytes;
    use pyrs_runtime::objects::code::Code;
    use pyrs_runtime::objects::int;
    use pyrs_runtime::objects::module::Module;
    use pyrs_runtime::objects::singletons::none;
    use pyrs_runtime::objects::str::Str;
    use pyrs_runtime::objects::tuple::Tuple;
    use pyrs_runtime::protocols::attr;
    use pyrs_runtime::raise;

    use crate::core::import;

    /// Return True if the import lock is currently held, else False.
    #[pyfunction]
    fn lock_held() -> bool {
        import::lock_held()
    }

    /// Acquires the interpreter's import lock for the current thread.
    #[pyfunction]
    fn acquire_lock() -> PyResult<()> {
        import::acquire_lock()
    }

    /// Release the interpreter's import lock.
    #[pyfunction]
    fn release_lock() -> PyResult<()> {
        import::release_lock()
    }

    /// Returns the list of file suffixes used to identify extension modules.
    #[pyfunction]
    fn extension_suffixes() -> Vec<String> {
        Vec::new()
    }

    /// Returns True if the module name corresponds to a built-in module.
    #[pyfunction]
    fn is_builtin(name: &Object<Str>) -> i32 {
        let name = name.to_string_lossy();
        if name == "sys" || name == "builtins" { -1 } else { crate::find_module(&name).is_some() as i32 }
    }

    /// Returns True if the module name corresponds to a frozen module.
    #[pyfunction]
    fn is_frozen(name: &Object<Str>) -> bool {
        import::embedded(&name.to_string_lossy()).is_some_and(|m| m.bootstrap)
    }

    /// Returns True if the module name is of a frozen package.
    #[pyfunction]
    fn is_frozen_package(name: &Object<Str>) -> PyResult<bool> {
        let text = name.to_string_lossy();
        match import::embedded(&text) {
            Some(m) => Ok(m.is_package),
            None => Err(raise!(ImportError, "No such frozen object named {text}")),
        }
    }

    /// Return info about the corresponding frozen module (if there is one) or None.
    #[pyfunction(sig = "(name, /, *, withdata=False)")]
    fn find_frozen(name: &Object<Str>, withdata: bool) -> Obj {
        let text = name.to_string_lossy();
        match import::embedded(&text).filter(|m| m.bootstrap) {
            Some(m) => {
                let data = if withdata { Bytes::new(&[]).into() } else { none() };
                let package = pyrs_runtime::objects::singletons::bool_obj(m.is_package);
                Tuple::from_vec(vec![data, package, name.to_obj()]).into()
            }
            None => none(),
        }
    }

    /// Create a code object for a frozen module.
    #[pyfunction(sig = "(name, data=None, /)")]
    fn get_frozen_object(name: &Object<Str>, data: Option<&Obj>) -> PyResult<Obj> {
        let _ = data;
        import::embedded_code(&name.to_string_lossy())
    }

    /// Names of frozen modules.
    #[pyfunction]
    fn _frozen_module_names() -> Vec<String> {
        import::bootstrap_names()
    }

    /// The package flag, origin and directory of a library module that is part of the program, or None.
    #[pyfunction]
    fn _find_embedded(name: &Object<Str>) -> Obj {
        match import::embedded(&name.to_string_lossy()) {
            Some(m) => {
                let package = pyrs_runtime::objects::singletons::bool_obj(m.is_package);
                Tuple::from_vec(vec![package, Str::new(&m.origin()).into()]).into()
            }
            None => none(),
        }
    }

    /// The source text of a library module that is part of the program, or None.
    #[pyfunction]
    fn _embedded_source(name: &Object<Str>) -> PyResult<Obj> {
        Ok(match import::embedded_source(&name.to_string_lossy()) {
            Some(bytes) => Bytes::new(&bytes).into(),
            None => none(),
        })
    }

    /// A data file of the library that is part of the program, or None.
    #[pyfunction]
    fn _embedded_data(path: &Object<Str>) -> Obj {
        match import::embedded_data(&path.to_string_lossy()) {
            Some(bytes) => Bytes::new(&bytes).into(),
            None => none(),
        }
    }

    /// Create a built-in module.
    #[pyfunction]
    fn create_builtin(spec: &Obj) -> PyResult<Obj> {
        let name = attr::getattr(spec, pyrs_runtime::name!("name"))?;
        let text = pyrs_runtime::protocols::text::str_text(&name)?;
        import::builtin_module(&text)?.ok_or_else(|| raise!(ImportError, "no built-in module named {text}"))
    }

    /// Initialize a built-in module.
    #[pyfunction]
    fn exec_builtin(module: &Obj) -> PyResult<i32> {
        import::exec_builtin(module).map(|()| 0)
    }

    /// Initializes a frozen module.
    #[pyfunction]
    fn init_frozen(name: &Object<Str>) -> PyResult<Obj> {
        let text = name.to_string_lossy();
        if import::embedded(&text).is_none() {
            return Ok(none());
        }
        import::import_embedded(&text)
    }

    /// Changes code.co_filename to specify the passed-in file path.
    #[pyfunction]
    fn _fix_co_filename(code: &Object<Code>, path: &Object<Str>) {
        fn fix(code: &Object<Code>, old: &Obj, path: &Obj) {
            if code.filename.get().is_some_and(|f| f.is(old)) {
                code.filename.put(path.clone());
                for constant in code.consts.items() {
                    if let Some(inner) = constant.exact::<Code>() {
                        fix(inner, old, path);
                    }
                }
            }
        }
        if let Some(old) = code.filename.get() {
            fix(code, &old, &path.to_obj());
        }
    }

    /// Compute the source hash that hash-based .pyc files carry.
    #[pyfunction(sig = "(key, source)")]
    fn source_hash(key: i64, source: &Obj) -> PyResult<Obj> {
        let bytes = pyrs_runtime::objects::bytes::from_object(source)?;
        let hash = import::source_hash(key as u64, &bytes);
        Ok(Bytes::new(&hash.to_le_bytes()).into())
    }

    /// Override the multi-phase init check of extension modules.
    #[pyfunction]
    fn _override_multi_interp_extensions_check(_override: &Obj) -> i64 {
        0
    }

    /// Override the use of frozen modules.
    #[pyfunction]
    fn _override_frozen_modules_for_tests(_override: i64) {}

    #[module_exec]
    fn exec(module: &Object<Module>) -> PyResult<()> {
        let check = &crate::core::flags().check_hash_pycs;
        module.add("check_hash_based_pycs", Str::new(if check.is_empty() { "default" } else { check }));
        module.add("pyc_magic_number_token", int::new(0x0a0d_0e2b));
        Ok(())
    }
}
