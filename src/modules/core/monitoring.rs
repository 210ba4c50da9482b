//! `sys.monitoring`.

use pyrs_macros::pymodule;

#[pymodule(name = "sys.monitoring")]
pub mod monitoring {
    use pyrs_interp::monitoring::{EVENT_NAMES, PUBLIC_TOOLS, event, tools};
    use pyrs_runtime::call;
    use pyrs_runtime::errors::PyResult;
    use pyrs_runtime::object::{Obj, Object, PyClass};
    use pyrs_runtime::objects::code::Code;
    use pyrs_runtime::objects::dict::Dict;
    use pyrs_runtime::objects::module::Module;
    use pyrs_runtime::objects::str::Str;
    use pyrs_runtime::objects::{int, simple_namespace};
    use pyrs_runtime::raise;
    use pyrs_runtime::thread::runtime;

    const C_CALL_EVENTS: u32 = 1 << event::CALL | 1 << event::C_RETURN | 1 << event::C_RAISE;

    fn check_tool(tool: i32) -> PyResult<usize> {
        if (0..PUBLIC_TOOLS as i32).contains(&tool) {
            return Ok(tool as usize);
        }
        Err(raise!(ValueError, "invalid tool {tool} (must be between 0 and 5)"))
    }

    fn check_used(tool: i32) -> PyResult<usize> {
        let tool = check_tool(tool)?;
        if tools().name(tool).is_none() {
            return Err(raise!(ValueError, "tool {tool} is not in use"));
        }
        Ok(tool)
    }

    fn code_of(code: &Obj) -> PyResult<&Object<Code>> {
        code.exact::<Code>().ok_or_else(|| raise!(TypeError, "code must be a code object"))
    }

    /// The set with C_RETURN and C_RAISE taken for part of CALL, and BRANCH for both of its directions.
    fn normalize(set: u32) -> PyResult<u32> {
        let mut set = set;
        if set & C_CALL_EVENTS & !(1 << event::CALL) != 0 && set & C_CALL_EVENTS != C_CALL_EVENTS {
            return Err(raise!(ValueError, "cannot set C_RETURN or C_RAISE events independently"));
        }
        set &= !(C_CALL_EVENTS & !(1 << event::CALL));
        if set & 1 << event::BRANCH != 0 {
            set = set & !(1 << event::BRANCH) | 1 << event::BRANCH_LEFT | 1 << event::BRANCH_RIGHT;
        }
        Ok(set)
    }

    #[pyfunction]
    fn use_tool_id(tool_id: i32, name: &Obj) -> PyResult<()> {
        let tool = check_tool(tool_id)?;
        if name.downcast::<Str>().is_none() {
            return Err(raise!(ValueError, "tool name must be a str"));
        }
        if tools().name(tool).is_some() {
            return Err(raise!(ValueError, "tool {tool} is already in use"));
        }
        tools().set_name(tool, Some(name.clone()));
        Ok(())
    }

    #[pyfunction]
    fn clear_tool_id(tool_id: i32) -> PyResult<()> {
        let tool = check_tool(tool_id)?;
        if tools().name(tool).is_some() { tools().clear_tool(tool) } else { Ok(()) }
    }

    #[pyfunction]
    fn free_tool_id(tool_id: i32) -> PyResult<()> {
        let tool = check_tool(tool_id)?;
        if tools().name(tool).is_some() {
            tools().clear_tool(tool)?;
            tools().set_name(tool, None);
        }
        Ok(())
    }

    #[pyfunction]
    fn get_tool(tool_id: i32) -> PyResult<Option<Obj>> {
        Ok(tools().name(check_tool(tool_id)?))
    }

    #[pyfunction]
    fn register_callback(tool_id: i32, event: i32, func: Obj) -> PyResult<Option<Obj>> {
        let tool = check_tool(tool_id)?;
        if event <= 0 || event.count_ones() != 1 {
            return Err(raise!(ValueError, "The callback can only be set for one event at a time"));
        }
        let number = event.trailing_zeros() as usize;
        if number >= event::COUNT {
            return Err(raise!(ValueError, "invalid event {event}"));
        }
        crate::core::audit("sys.monitoring.register_callback", std::slice::from_ref(&func))?;
        Ok(tools().set_callback(tool, number, Some(func).filter(|f| !f.is_none())))
    }

    #[pyfunction]
    fn get_events(tool_id: i32) -> PyResult<u32> {
        Ok(tools().events(check_tool(tool_id)?))
    }

    #[pyfunction]
    fn set_events(tool_id: i32, event_set: i32) -> PyResult<()> {
        let tool = check_tool(tool_id)?;
        if !(0..1 << event::COUNT).contains(&event_set) {
            return Err(raise!(ValueError, "invalid event set 0x{event_set:x}"));
        }
        let set = normalize(event_set as u32)?;
        check_used(tool_id)?;
        tools().set_events(tool, set)
    }

    #[pyfunction]
    fn get_local_events(tool_id: i32, code: &Obj) -> PyResult<u32> {
        let code = code_of(code)?;
        Ok(tools().local_events(check_tool(tool_id)?, code))
    }

    #[pyfunction]
    fn set_local_events(tool_id: i32, code: &Obj, event_set: i32) -> PyResult<()> {
        let code = code_of(code)?;
        let tool = check_tool(tool_id)?;
        let set = normalize(event_set as u32)?;
        if set >= 1 << event::LOCAL_COUNT {
            return Err(raise!(ValueError, "invalid local event set 0x{set:x}"));
        }
        check_used(tool_id)?;
        tools().set_local_events(tool, code, set)
    }

    #[pyfunction]
    fn restart_events() -> PyResult<()> {
        tools().restart()
    }

    #[pyfunction]
    fn _all_events() -> Obj {
        let found = Dict::new();
        for (number, name) in EVENT_NAMES.iter().enumerate().take(event::C_RETURN) {
            let mask = tools().tools_for(number);
            if mask != 0 {
                found.set_text(name, int::new(mask as i64));
            }
        }
        found.into()
    }

    #[module_exec]
    fn exec(module: &Object<Module>) -> PyResult<()> {
        for (name, number) in [("DEBUGGER_ID", 0), ("COVERAGE_ID", 1), ("PROFILER_ID", 2), ("OPTIMIZER_ID", 5)] {
            module.add(name, int::new(number));
        }
        let plain = pyrs_runtime::objects::object::PlainObject::class().to_obj();
        for name in ["DISABLE", "MISSING"] {
            let marker = call::call(&plain, &[])?;
            runtime()
                .register(if name == "DISABLE" { "monitoring_disable" } else { "monitoring_missing" }, marker.clone());
            module.add(name, marker);
        }
        let mut events: Vec<(&str, Obj)> =
            EVENT_NAMES.iter().enumerate().map(|(i, name)| (*name, int::new(1 << i))).collect();
        events.push(("NO_EVENTS", int::new(0)));
        module.add("events", simple_namespace::SimpleNamespace::new(events)?);
        Ok(())
    }
}
