//! `_warnings`: the fast path of `warnings`, with its shared state.

use pyrs_macros::pymodule;

/// _warnings provides basic warning filtering support.
/// It is a helper module to speed up interpreter start-up.
#[pymodule(name = "_warnings")]
pub mod warnings {
    use pyrs_runtime::args::Maybe;
    use pyrs_runtime::call;
    use pyrs_runtime::errors::PyResult;
    use pyrs_runtime::object::{Obj, Object, PyClass};
    use pyrs_runtime::objects::dict::Dict;
    use pyrs_runtime::objects::exceptions;
    use pyrs_runtime::objects::int;
    use pyrs_runtime::objects::list::List;
    use pyrs_runtime::objects::module::Module;
    use pyrs_runtime::objects::singletons::none;
    use pyrs_runtime::objects::str::Str;
    use pyrs_runtime::objects::tuple::Tuple;
    use pyrs_runtime::protocols::attr;
    use pyrs_runtime::types::TYPE;

    fn python(function: &str, args: &[Obj], keywords: &[(&str, Obj)]) -> PyResult<Obj> {
        let module = (pyrs_runtime::hooks::hooks().import_module)("_py_warnings")?;
        let f = pyrs_runtime::protocols::attr::getattr_text(&module, function)?;
        call::call_keywords(&f, args, keywords)
    }

    /// Issue a warning, or maybe ignore it or raise an exception.
    #[pyfunction(sig = "(message, category=None, stacklevel=1, source=None, *, skip_file_prefixes=<unrepresentable>)")]
    fn warn(
        message: Obj,
        category: Option<Obj>,
        stacklevel: i64,
        source: Option<Obj>,
        skip_file_prefixes: Maybe<Obj>,
    ) -> PyResult<Obj> {
        let prefixes = skip_file_prefixes.0.unwrap_or_else(|| Tuple::empty().into());
        let args = [message, category.unwrap_or_else(none), int::new(stacklevel), source.unwrap_or_else(none)];
        python("warn", &args, &[("skip_file_prefixes", prefixes)])
    }

    /// Issue a warning, or maybe ignore it or raise an exception.
    #[pyfunction(
        sig = "(message, category, filename, lineno, module=None, registry=None, module_globals=None, source=None)"
    )]
    #[allow(clippy::too_many_arguments)]
    fn warn_explicit(
        message: Obj,
        category: Obj,
        filename: Obj,
        lineno: Obj,
        module: Option<Obj>,
        registry: Option<Obj>,
        module_globals: Option<Obj>,
        source: Option<Obj>,
    ) -> PyResult<Obj> {
        let or_none = |v: Option<Obj>| v.unwrap_or_else(none);
        let args = [
            message,
            category,
            filename,
            lineno,
            or_none(module),
            or_none(registry),
            or_none(module_globals),
            or_none(source),
        ];
        python("warn_explicit", &args, &[])
    }

    /// Internal: the filters have changed.
    #[pyfunction]
    fn _filters_mutated_lock_held() -> PyResult<()> {
        Ok(())
    }

    /// Internal: takes the lock of the warnings module.
    #[pyfunction]
    fn _acquire_lock() {}

    /// Internal: releases the lock of the warnings module.
    #[pyfunction]
    fn _release_lock() {}

    /// A module's name in a filter: compares as a whole, where filters made by `filterwarnings` have a pattern. The
    /// filter functions call `match` on either.
    fn exact_name(text: &str) -> PyResult<Obj> {
        let str_class = Str::class().to_obj();
        let namespace = Dict::new();
        namespace.set_text("match", attr::getattr_text(&str_class, "__eq__")?);
        namespace.set_text("__slots__", Tuple::empty().into());
        let bases = Tuple::from_vec(vec![str_class]).into();
        let class = call::call(&TYPE.get().to_obj(), &[Str::new("str").into(), bases, namespace.into_obj()])?;
        call::call(&class, &[Str::new(text).into()])
    }

    #[module_exec]
    fn exec(module: &Object<Module>) -> PyResult<()> {
        let filter = |action: &str, category: &pyrs_runtime::types::Type, module: Obj| -> Obj {
            Tuple::from_vec(vec![Str::new(action).into(), none(), category.to_obj(), module, int::new(0)]).into()
        };
        let filters = List::from_vec(vec![
            filter("default", exceptions::DeprecationWarning::class(), exact_name("__main__")?),
            filter("ignore", exceptions::DeprecationWarning::class(), none()),
            filter("ignore", exceptions::PendingDeprecationWarning::class(), none()),
            filter("ignore", exceptions::ImportWarning::class(), none()),
            filter("ignore", exceptions::ResourceWarning::class(), none()),
        ]);
        module.add("filters", filters);
        module.add("_onceregistry", Dict::new());
        module.add("_defaultaction", Str::new("default"));
        let context = crate::core::import::load_builtin("_contextvars")
            .and_then(|m| call::call_method(&m, "ContextVar", &[Str::new("warnings_context").into()]));
        match context {
            Ok(variable) => module.add("_warnings_context", variable),
            Err(raised) => return Err(raised),
        }
        Ok(())
    }
}
