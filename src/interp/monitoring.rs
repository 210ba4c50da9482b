//! Who watches the program: the tools of `sys.monitoring`, their events and callbacks.
//!
//! Tools 0 to 5 belong to Python code; `sys.setprofile` and `sys.settrace` are tools 6 and 7.

use std::cell::{Cell, RefCell, UnsafeCell};

use pyrs_runtime::errors::PyResult;
use pyrs_runtime::object::{Obj, Object};
use pyrs_runtime::objects::code::Code;
use pyrs_runtime::raise;

/// Tools that Python code can be.
pub const PUBLIC_TOOLS: usize = 6;
pub const TOOLS: usize = 8;

/// Events by number; their sets are bit masks.
pub mod event {
    pub const PY_START: usize = 0;
    pub const PY_RESUME: usize = 1;
    pub const PY_RETURN: usize = 2;
    pub const PY_YIELD: usize = 3;
    pub const CALL: usize = 4;
    pub const LINE: usize = 5;
    pub const INSTRUCTION: usize = 6;
    pub const JUMP: usize = 7;
    pub const BRANCH_LEFT: usize = 8;
    pub const BRANCH_RIGHT: usize = 9;
    pub const STOP_ITERATION: usize = 10;
    pub const RAISE: usize = 11;
    pub const EXCEPTION_HANDLED: usize = 12;
    pub const PY_UNWIND: usize = 13;
    pub const PY_THROW: usize = 14;
    pub const RERAISE: usize = 15;
    pub const C_RETURN: usize = 16;
    pub const C_RAISE: usize = 17;
    /// Both directions of a branch in one, as before 3.14.
    pub const BRANCH: usize = 18;
    pub const COUNT: usize = 19;
    /// Events before this one belong to an instruction and can be set for one code object.
    pub const LOCAL_COUNT: usize = RAISE;
}

/// Names of the events, in the order of their numbers.
pub const EVENT_NAMES: [&str; event::COUNT] = [
    "PY_START",
    "PY_RESUME",
    "PY_RETURN",
    "PY_YIELD",
    "CALL",
    "LINE",
    "INSTRUCTION",
    "JUMP",
    "BRANCH_LEFT",
    "BRANCH_RIGHT",
    "STOP_ITERATION",
    "RAISE",
    "EXCEPTION_HANDLED",
    "PY_UNWIND",
    "PY_THROW",
    "RERAISE",
    "C_RETURN",
    "C_RAISE",
    "BRANCH",
];

/// The registry of tools.
#[derive(Default)]
pub struct Tools {
    names: RefCell<[Option<Obj>; TOOLS]>,
    events: Cell<[u32; TOOLS]>,
    callbacks: RefCell<[[Option<Obj>; event::COUNT]; TOOLS]>,
    /// Goes up with every change that may alter what code objects must report.
    version: Cell<u32>,
    /// The version at which callbacks that had returned DISABLE were last allowed again.
    restarted: Cell<u32>,
    /// Some code object has events of its own.
    local: Cell<bool>,
}

struct ToolsCell(UnsafeCell<Option<Tools>>);
// SAFETY: only touched under the GIL.
unsafe impl Sync for ToolsCell {}
static STATE: ToolsCell = ToolsCell(UnsafeCell::new(None));

/// The registry; the caller holds the GIL.
pub fn tools() -> &'static Tools {
    // SAFETY: made on first use under the GIL and never replaced.
    unsafe { (*STATE.0.get()).get_or_insert_with(Tools::default) }
}

impl Tools {
    pub fn name(&self, tool: usize) -> Option<Obj> {
        self.names.borrow()[tool].clone()
    }

    /// Takes a tool id into use or gives it back.
    pub fn set_name(&self, tool: usize, name: Option<Obj>) {
        let old = std::mem::replace(&mut self.names.borrow_mut()[tool], name);
        drop(old);
    }

    pub fn events(&self, tool: usize) -> u32 {
        self.events.get()[tool]
    }

    /// Tools that want an event everywhere, as a bit mask.
    pub fn tools_for(&self, event: usize) -> u8 {
        let events = self.events.get();
        (0..TOOLS).fold(0, |mask, tool| mask | (((events[tool] >> event) & 1) as u8) << tool)
    }

    pub fn set_events(&self, tool: usize, set: u32) -> PyResult<()> {
        let mut events = self.events.get();
        if events[tool] == set {
            return Ok(());
        }
        events[tool] = set;
        self.events.set(events);
        self.changed()
    }

    pub fn callback(&self, tool: usize, event: usize) -> Option<Obj> {
        self.callbacks.borrow()[tool][event].clone()
    }

    /// Registers a callback and gives the one before.
    pub fn set_callback(&self, tool: usize, event: usize, function: Option<Obj>) -> Option<Obj> {
        std::mem::replace(&mut self.callbacks.borrow_mut()[tool][event], function)
    }

    /// Forgets events and callbacks of a tool.
    pub fn clear_tool(&self, tool: usize) -> PyResult<()> {
        for event in 0..event::COUNT {
            drop(self.set_callback(tool, event, None));
        }
        self.set_events(tool, 0)
    }

    pub fn version(&self) -> u32 {
        self.version.get()
    }

    fn changed(&self) -> PyResult<()> {
        if self.version.get() == u32::MAX {
            return Err(raise!(OverflowError, "events set too many times"));
        }
        self.version.set(self.version.get() + 1);
        crate::instrument::wishes_changed(pyrs_runtime::thread::current());
        Ok(())
    }

    /// Callbacks that returned DISABLE are called again.
    pub fn restart(&self) -> PyResult<()> {
        self.restarted.set(self.version.get() + 1);
        self.changed()
    }

    pub fn restart_version(&self) -> u32 {
        self.restarted.get()
    }

    /// True if any tool wants any event.
    pub fn anything(&self) -> bool {
        self.local.get() || self.events.get().iter().any(|set| *set != 0)
    }

    pub fn local_events(&self, tool: usize, code: &Object<Code>) -> u32 {
        code.monitoring.with(|m| m.as_ref().map_or(0, |m| m.local_events[tool]))
    }

    pub fn set_local_events(&self, tool: usize, code: &Object<Code>, set: u32) -> PyResult<()> {
        let changed = code.monitoring.with(|m| {
            let m = m.get_or_insert_default();
            std::mem::replace(&mut m.local_events[tool], set) != set
        });
        if changed {
            self.local.set(true);
            self.changed()
        } else {
            Ok(())
        }
    }
}
