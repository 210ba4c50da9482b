//! `_functools`: `partial`, `reduce`, `cmp_to_key` and the cache behind `lru_cache`.

mod lru_cache;
mod partial;

pub use lru_cache::{KeywordMark, LruCacheWrapper};
pub use partial::{Partial, PlaceholderType};

/// Tools that operate on functions.
#[pyrs_macros::pymodule(
    name = "_functools",
    classes(super::Partial, super::PlaceholderType, super::LruCacheWrapper, super::KeywordMark)
)]
pub mod module {
    use pyrs_macros::{pyclass, pymethods};
    use pyrs_runtime::args::Maybe;
    use pyrs_runtime::object::{Obj, ObjCell, Object, Ptr};
    use pyrs_runtime::objects::int;
    use pyrs_runtime::objects::module::Module;
    use pyrs_runtime::protocols::{compare, iter};
    use pyrs_runtime::types::slots::CompareOp;
    use pyrs_runtime::{PyResult, call, raise};

    /// Apply a function of two arguments cumulatively to the items of an iterable, from left to right.
    ///
    /// This effectively reduces the iterable to a single value.  If initial is
    /// present, it is placed before the items of the iterable in the
    /// calculation, and serves as a default when the iterable is empty.
    ///
    /// For example, reduce(lambda x, y: x+y, [1, 2, 3, 4, 5])
    /// calculates ((((1 + 2) + 3) + 4) + 5).
    #[pyfunction(
        sig = "(function, iterable, initial=<unrepresentable>)",
        text_signature = "($module, function, iterable, /, initial=<unrepresentable>)"
    )]
    pub fn reduce(function: &Obj, iterable: &Obj, initial: Maybe<Obj>) -> PyResult<Obj> {
        let iterator = iter::iter(iterable).map_err(|raised| {
            if raised.matches(<pyrs_runtime::objects::exceptions::TypeError as pyrs_runtime::PyClass>::class()) {
                raised.discard();
                return raise!(TypeError, "reduce() arg 2 must support iteration");
            }
            raised
        })?;
        let mut result = initial.0;
        while let Some(item) = iter::next(&iterator)? {
            result = Some(match result {
                None => item,
                Some(result) => call::call(function, &[result, item])?,
            });
        }
        result.ok_or_else(|| raise!(TypeError, "reduce() of empty iterable with no initial value"))
    }

    /// Convert a cmp= function into a key= function.
    ///
    ///   mycmp
    ///     Function that compares two objects.
    #[pyfunction(sig = "(mycmp)")]
    pub fn cmp_to_key(mycmp: Obj) -> Obj {
        Ptr::new(KeyWrapper { function: mycmp, value: ObjCell::empty() }).into_obj()
    }

    /// An object that compares by calling a function; without value it makes such objects.
    #[pyclass(name = "KeyWrapper", module = "functools", flags = DISALLOW_INSTANTIATION, unhashable)]
    pub struct KeyWrapper {
        function: Obj,
        value: ObjCell,
    }

    #[pymethods]
    impl KeyWrapper {
        #[slot(call)]
        fn call(&self, args: call::Args<'_>) -> PyResult<Obj> {
            let given = args.positionals().first().or_else(|| args.keyword("obj"));
            let (Some(value), 1) = (given, args.values.len()) else {
                return Err(raise!(TypeError, "K() missing required argument 'obj' (pos 1)"));
            };
            let payload = KeyWrapper { function: self.function.clone(), value: ObjCell::of(value.clone()) };
            Ok(Ptr::new(payload).into_obj())
        }

        #[slot(richcompare)]
        fn compare(&self, other: &Obj, op: CompareOp) -> PyResult<Obj> {
            let Some(other) = other.exact::<KeyWrapper>() else {
                return Err(raise!(TypeError, "other argument must be K instance"));
            };
            let (Some(x), Some(y)) = (self.value.get(), other.value.get()) else {
                return Err(raise!(AttributeError, "object"));
            };
            let order = call::call(&self.function, &[x, y])?;
            compare::rich_compare(&order, &int::new(0), op)
        }

        /// Value wrapped by a key function.
        #[getter]
        fn obj(&self) -> Option<Obj> {
            self.value.get()
        }

        #[setter]
        fn set_obj(&self, value: Option<&Obj>) -> PyResult<()> {
            self.value.set(value.cloned());
            Ok(())
        }
    }

    #[module_exec]
    fn exec(module: &Object<Module>) -> PyResult<()> {
        module.add("Placeholder", super::partial::placeholder());
        Ok(())
    }
}
