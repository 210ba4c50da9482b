//! `gc`.

use pyrs_macros::pymodule;

/// This module provides access to the garbage collector for reference cycles.
#[pymodule(name = "gc")]
pub mod gc {
    use pyrs_runtime::call;
    use pyrs_runtime::errors::PyResult;
    use pyrs_runtime::heap::{alloc, cycles};
    use pyrs_runtime::object::{Obj, Object};
    use pyrs_runtime::objects::dict::Dict;
    use pyrs_runtime::objects::int;
    use pyrs_runtime::objects::list::List;
    use pyrs_runtime::objects::module::Module;
    use pyrs_runtime::objects::str::Str;
    use pyrs_runtime::raise;
    use pyrs_runtime::thread::runtime;

    /// Enable automatic garbage collection.
    #[pyfunction]
    fn enable() {
        runtime().gc_enabled.set(true);
    }

    /// Disable automatic garbage collection.
    #[pyfunction]
    fn disable() {
        runtime().gc_enabled.set(false);
    }

    /// Returns true if automatic garbage collection is enabled.
    #[pyfunction]
    fn isenabled() -> bool {
        runtime().gc_enabled.get()
    }

    const DEBUG_STATS: i64 = 1;

    fn objects_by_generation() -> String {
        (0..3).map(|g| cycles::all_objects(Some(g)).len().to_string()).collect::<Vec<_>>().join(" ")
    }

    fn notify(phase: &str, generation: u8, outcome: cycles::Outcome) -> PyResult<()> {
        let module = crate::core::import::load_builtin("gc")?;
        let Some(callbacks) = module.downcast::<Module>().and_then(|m| m.get("callbacks")) else { return Ok(()) };
        let Some(list) = callbacks.downcast::<List>() else { return Ok(()) };
        for callback in list.to_vec() {
            let info = Dict::new();
            info.set_text("generation", int::new(generation as i64));
            info.set_text("collected", int::new(outcome.collected as i64));
            info.set_text("uncollectable", int::new(outcome.uncollectable as i64));
            if let Err(raised) = call::call(&callback, &[Str::new(phase).into(), info.into()]) {
                pyrs_runtime::errors::write_unraisable(raised, Some(&callback));
            }
        }
        Ok(())
    }

    /// Run the garbage collector.
    ///
    /// With no arguments, run a full collection.  The optional argument
    /// may be an integer specifying which generation to collect.  A ValueError
    /// is raised if the generation number is invalid.
    ///
    /// The number of unreachable objects is returned.
    #[pyfunction(sig = "(generation=2)")]
    fn collect(generation: i64) -> PyResult<usize> {
        if !(0..3).contains(&generation) {
            return Err(raise!(ValueError, "invalid generation"));
        }
        notify("start", generation as u8, cycles::Outcome::default())?;
        let debug = runtime().gc_debug.get();
        if debug & DEBUG_STATS != 0 {
            pyrs_runtime::complain!("gc: collecting generation {generation}...");
            pyrs_runtime::complain!("gc: objects in each generation: {}", objects_by_generation());
        }
        let began = std::time::Instant::now();
        let outcome = cycles::collect(generation as u8);
        if debug & DEBUG_STATS != 0 {
            let (found, stuck) = (outcome.collected + outcome.uncollectable, outcome.uncollectable);
            pyrs_runtime::complain!(
                "gc: done, {found} unreachable, {stuck} uncollectable, {:.4}s elapsed",
                began.elapsed().as_secs_f64()
            );
        }
        let saved = runtime().gc_garbage.replace(Vec::new());
        if !saved.is_empty()
            && let Some(garbage) =
                crate::core::import::load_builtin("gc")?.downcast::<Module>().and_then(|m| m.get("garbage"))
            && let Some(list) = garbage.downcast::<List>()
        {
            saved.into_iter().for_each(|obj| list.push(obj));
        }
        let [young, middle, old] = runtime().gc_generation_counts.get();
        if generation == 2 {
            runtime().gc_generation_counts.set([0, 0, old]);
        } else {
            runtime().gc_generation_counts.set([young, middle, old]);
        }
        notify("stop", generation as u8, outcome)?;
        Ok(outcome.collected + outcome.uncollectable)
    }

    /// Return a three-tuple of the current collection counts.
    #[pyfunction]
    fn get_count() -> (i64, i64, i64) {
        let [_, middle, old] = runtime().gc_generation_counts.get();
        (alloc::heap().gc_count.max(0) as i64, middle as i64, old as i64)
    }

    /// Set the collection thresholds (the collection frequency).
    #[pyfunction(sig = "(threshold0, threshold1=10, threshold2=0, /)", text_signature = "")]
    fn set_threshold(threshold0: i64, threshold1: i64, threshold2: i64) {
        let _ = (threshold1, threshold2);
        alloc::heap().set_gc_threshold(threshold0 as isize);
    }

    /// Return the current collection thresholds.
    #[pyfunction]
    fn get_threshold() -> (i64, i64, i64) {
        (alloc::heap().gc_threshold() as i64, 10, 0)
    }

    /// Set the garbage collection debugging flags.
    #[pyfunction]
    fn set_debug(flags: i64) {
        runtime().gc_debug.set(flags);
        runtime().gc_save_all.set(flags & 32 != 0);
    }

    /// Get the garbage collection debugging flags.
    #[pyfunction]
    fn get_debug() -> i64 {
        runtime().gc_debug.get()
    }

    /// Return a list of objects tracked by the collector (excluding the list returned).
    #[pyfunction(sig = "(generation=None)")]
    fn get_objects(generation: Option<i64>) -> PyResult<Vec<Obj>> {
        match generation {
            None => Ok(cycles::all_objects(None)),
            Some(n) if (0..3).contains(&n) => Ok(cycles::all_objects(Some(n as u8))),
            Some(n) if n < 0 => Err(raise!(ValueError, "generation parameter cannot be negative")),
            Some(_) => Err(raise!(
                ValueError,
                "generation parameter must be less than the number of available generations (3)"
            )),
        }
    }

    /// Return the list of objects that directly refer to any of 'objs'.
    #[pyfunction(sig = "(*objs)")]
    fn get_referrers(objs: &[Obj]) -> Vec<Obj> {
        cycles::all_objects(None)
            .into_iter()
            .filter(|o| cycles::referents(o).iter().any(|r| objs.iter().any(|x| x.is(r))))
            .collect()
    }

    /// Return the list of objects that are directly referred to by 'objs'.
    #[pyfunction(sig = "(*objs)")]
    fn get_referents(objs: &[Obj]) -> Vec<Obj> {
        objs.iter().flat_map(cycles::referents).collect()
    }

    /// Returns true if the object is tracked by the garbage collector.
    #[pyfunction]
    fn is_tracked(obj: &Obj) -> bool {
        // Static classes live for ever and are not looked at.
        obj.value().is_pointer_or_null()
            && obj.class().is_gc()
            && pyrs_runtime::types::as_type(obj).is_none_or(|class| class.is_heap_type())
    }

    /// Returns true if the object has been already finalized by the GC.
    #[pyfunction]
    fn is_finalized(obj: &Obj) -> bool {
        obj.value().is_pointer_or_null() && runtime().was_finalized(obj.value().as_pointer())
    }

    /// Freeze all current tracked objects and ignore them for future collections.
    #[pyfunction]
    fn freeze() {
        cycles::freeze();
    }

    /// Unfreeze all objects in the permanent generation.
    #[pyfunction]
    fn unfreeze() {
        cycles::unfreeze();
    }

    /// Return the number of objects in the permanent generation.
    #[pyfunction]
    fn get_freeze_count() -> usize {
        cycles::frozen()
    }

    /// Return a list of dictionaries containing per-generation statistics.
    #[pyfunction]
    fn get_stats() -> PyResult<Vec<Obj>> {
        let rows = runtime().gc_stats.get();
        Ok(rows
            .iter()
            .map(|row| {
                let dict = Dict::new();
                for (name, n) in ["collections", "collected", "uncollectable"].into_iter().zip(row) {
                    dict.set_text(name, int::from_u64(*n));
                }
                dict.into()
            })
            .collect())
    }

    #[module_exec]
    fn exec(module: &Object<Module>) -> PyResult<()> {
        module.add("garbage", List::new());
        module.add("callbacks", List::new());
        for (name, value) in [
            ("DEBUG_STATS", 1),
            ("DEBUG_COLLECTABLE", 2),
            ("DEBUG_UNCOLLECTABLE", 4),
            ("DEBUG_SAVEALL", 32),
            ("DEBUG_LEAK", 38),
        ] {
            module.add(name, int::new(value));
        }
        Ok(())
    }
}
