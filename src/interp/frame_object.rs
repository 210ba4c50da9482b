//! Frame objects: how Python code sees frames.
//!
//! A frame object refers to a live frame, or owns the copy of one whose call has ended.

use std::cell::Cell;

use pyrs_macros::{pyclass, pymethods};
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::heap::{self, alloc, cycles::Visitor};
use pyrs_runtime::object::{Obj, ObjCell, Object, Ptr, Trace};
use pyrs_runtime::objects::cell::Cell as VariableCell;
use pyrs_runtime::objects::dict::Dict;
use pyrs_runtime::objects::singletons::none;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::value::Value;
use pyrs_runtime::{raise, thread};

use crate::frame::{self, Frame, HEAD_WORDS, Owner};

/// Payload of `frame`.
#[pyclass(name = "frame", flags = DISALLOW_INSTANTIATION)]
pub struct FrameObject {
    pub body: Body,
    pub trace: ObjCell,
    pub trace_lines: Cell<bool>,
    pub trace_opcodes: Cell<bool>,
    /// Line set by a debugger's jump, 0 = none.
    line: Cell<i32>,
    /// Caller, once the frame is no longer linked.
    back: ObjCell,
    /// Names that code added to `f_locals` of a function.
    pub extra_locals: ObjCell,
}

/// The frame behind a frame object.
pub struct Body {
    pub frame: Cell<*mut Frame>,
    owned: Cell<bool>,
}

impl std::ops::Deref for FrameObject {
    type Target = Body;
    fn deref(&self) -> &Body {
        &self.body
    }
}

impl Trace for Body {
    fn trace(&self, visitor: &mut Visitor<'_>) {
        if !self.owned.get() {
            return;
        }
        let frame = self.frame.get();
        // SAFETY: an owned frame's words up to `sp` are owned or NULL.
        unsafe {
            let mut at = Frame::locals(frame);
            while at < (*frame).sp {
                visitor.visit(*at);
                at = at.add(1);
            }
            visitor.visit((*frame).locals);
            visitor.visit((*frame).function);
            visitor.visit(Value::from_pointer((*frame).code.cast()));
        }
    }

    fn clear(&self) {
        if self.owned.get() {
            self.clear_variables();
        }
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        if self.owned.get() {
            let frame = self.frame.get();
            // SAFETY: the copy is owned and nobody else refers to it.
            unsafe {
                frame::clear(frame);
                alloc::free(frame as *mut u8, false);
            }
        }
    }
}

impl Body {
    /// Releases local variables and operands.
    fn clear_variables(&self) {
        let frame = self.frame.get();
        // SAFETY: words up to `sp` are owned; each is emptied before it is released.
        unsafe {
            let mut at = Frame::locals(frame);
            let end = (*frame).sp;
            while at < end {
                let v = std::mem::replace(&mut *at, Value::NULL);
                heap::decref_or_null(v);
                at = at.add(1);
            }
        }
    }
}

impl FrameObject {
    /// # Safety
    /// `frame` is live; it takes a reference to the object and unlinks it when it ends.
    pub unsafe fn for_frame(frame: *mut Frame) -> Ptr<FrameObject> {
        Ptr::new(FrameObject {
            body: Body { frame: Cell::new(frame), owned: Cell::new(false) },
            trace: ObjCell::empty(),
            trace_lines: Cell::new(true),
            trace_opcodes: Cell::new(false),
            line: Cell::new(0),
            back: ObjCell::empty(),
            extra_locals: ObjCell::empty(),
        })
    }

    /// It is as a new object of its frame would be.
    pub fn says_nothing(&self) -> bool {
        let quiet = self.trace_lines.get() && !self.trace_opcodes.get() && self.line.get() == 0;
        quiet && !self.trace.is_set() && !self.extra_locals.is_set()
    }

    /// The call ends but somebody still holds the object: its frame moves here.
    ///
    /// # Safety
    /// `frame` is this object's frame, no longer running; the caller forgets its contents.
    pub unsafe fn take_over(&self, frame: *mut Frame) {
        // SAFETY: head and words up to `sp` are copied; ownership moves with them.
        unsafe {
            let back = frame::visible((*frame).previous);
            if !back.is_null() {
                self.back.put(frame::object_of(back).into_obj());
            }
            let code = (*frame).code();
            let words = HEAD_WORDS + code.frame_size;
            let copy = alloc::allocate(words * 8, false) as *mut Frame;
            let used = (*frame).sp.offset_from(frame as *mut Value) as usize;
            std::ptr::copy_nonoverlapping(frame as *const Value, copy as *mut Value, used);
            (*copy).sp = (copy as *mut Value).add(used);
            (*copy).owner = Owner::FrameObject;
            (*copy).previous = std::ptr::null_mut();
            (*copy).frame_object.set(Value::NULL);
            self.body.frame.set(copy);
            self.body.owned.set(true);
        }
    }

    fn live(&self) -> PyResult<&Frame> {
        let frame = self.body.frame.get();
        if frame.is_null() {
            return Err(raise!(RuntimeError, "frame has been cleared"));
        }
        // SAFETY: the pointer is reset before the frame goes.
        Ok(unsafe { &*frame })
    }

    /// The values of the frame's variables, cells opened: (name, value or NULL, is_hidden).
    pub fn variables(&self) -> Vec<(Obj, Value)> {
        let frame = self.body.frame.get();
        if frame.is_null() {
            return Vec::new();
        }
        // SAFETY: a live or owned frame.
        unsafe {
            let code = (*frame).code();
            let locals = Frame::locals(frame);
            let closure_missing = (*frame).lasti() <= 0;
            let mut found = Vec::new();
            for (i, name) in code.localsplusnames.items().iter().enumerate() {
                let kind = code.source.localspluskinds[i];
                if kind & pyrs_bytecode::local_kind::HIDDEN != 0 {
                    continue;
                }
                let mut v = *locals.add(i);
                if kind & (pyrs_bytecode::local_kind::CELL | pyrs_bytecode::local_kind::FREE) != 0 {
                    if kind & pyrs_bytecode::local_kind::FREE != 0 && closure_missing && v.is_null() {
                        let function = (*frame).function();
                        let at = i + code.nfrees - code.nlocalsplus;
                        if let Some(cells) = &function.closure {
                            v = cells.items()[at].value();
                        }
                    }
                    if !v.is_null()
                        && let Some(cell) = v.as_obj().exact::<VariableCell>()
                    {
                        v = cell.peek();
                    }
                }
                found.push((name.clone(), v));
            }
            found
        }
    }

    /// Assigns a variable of a function's frame; false if it has no variable of that name.
    pub fn set_variable(&self, name: &Obj, value: Option<Obj>) -> bool {
        let frame = self.body.frame.get();
        if frame.is_null() {
            return false;
        }
        // SAFETY: a live or owned frame; the old value is released after the new one is in place.
        unsafe {
            let code = (*frame).code();
            let Some(i) = code.localsplusnames.items().iter().position(|n| n.is(name)) else { return false };
            let kind = code.source.localspluskinds[i];
            if kind & pyrs_bytecode::local_kind::HIDDEN != 0 {
                return false;
            }
            let slot = Frame::locals(frame).add(i);
            let is_cell = kind & (pyrs_bytecode::local_kind::CELL | pyrs_bytecode::local_kind::FREE) != 0;
            if is_cell
                && !(*slot).is_null()
                && let Some(cell) = (*slot).as_obj().exact::<VariableCell>()
            {
                cell.set(value);
                return true;
            }
            let old = std::mem::replace(&mut *slot, value.map_or(Value::NULL, Obj::into_value));
            heap::decref_or_null(old);
            true
        }
    }

    /// `f_locals` as `locals()` gives it: a fresh dict for functions, the namespace otherwise.
    pub fn locals_snapshot(&self) -> PyResult<Obj> {
        let frame = self.live()?;
        if !frame.locals.is_null() {
            // SAFETY: the frame owns its namespace.
            return Ok(unsafe { frame.locals.as_obj() }.clone());
        }
        let dict = Dict::new();
        for (name, value) in self.variables() {
            if !value.is_null() {
                // SAFETY: the frame holds the value.
                dict.set(name, unsafe { Obj::from_borrowed(value) })?;
            }
        }
        if let Some(extra) = self.extra_locals.get()
            && let Some(extra) = extra.exact::<Dict>()
        {
            dict.update_from(extra)?;
        }
        Ok(dict.into_obj())
    }

    pub fn line_number(&self) -> Option<i32> {
        let frame = self.body.frame.get();
        // SAFETY: a live or owned frame.
        if frame.is_null() { None } else { unsafe { (*frame).line() } }
    }
}

#[pymethods]
impl FrameObject {
    #[slot(repr)]
    fn repr(this: &Object<FrameObject>) -> PyResult<Obj> {
        let frame = this.live()?;
        let code = frame.code();
        let line = this.line_number().map_or_else(|| "None".to_owned(), |l| l.to_string());
        let file = pyrs_runtime::protocols::text::repr_text(&code.filename.get().unwrap_or_else(none))?;
        let name = code.name.to_string_lossy();
        Ok(Str::new(&format!("<frame at {:#x}, file {file}, line {line}, code {name}>", this.as_obj().id())).into_obj())
    }

    #[getter]
    fn f_code(&self) -> PyResult<Obj> {
        Ok(self.live()?.code().to_obj())
    }

    #[getter]
    fn f_globals(&self) -> PyResult<Obj> {
        Ok(self.live()?.globals().to_obj())
    }

    #[getter]
    fn f_builtins(&self) -> PyResult<Obj> {
        Ok(self.live()?.builtins().to_obj())
    }

    /// Return the generator or coroutine associated with this frame, or None.
    #[getter]
    fn f_generator(&self) -> PyResult<Option<Obj>> {
        let frame = self.live()?;
        if frame.owner != Owner::Generator || frame.generator.is_null() {
            return Ok(None);
        }
        // SAFETY: a generator outlives its frame.
        Ok(Some(unsafe { frame.generator.as_obj() }.clone()))
    }

    #[getter]
    fn f_back(&self) -> Option<Obj> {
        if self.body.owned.get() || self.body.frame.get().is_null() {
            return self.back.get();
        }
        // SAFETY: a live frame's callers are live, and its generator.
        unsafe {
            let generator = (*self.body.frame.get()).generator;
            if !generator.is_null() {
                crate::generator::core_of(generator.as_obj()).map(|core| core.state());
            }
            let back = frame::visible((*self.body.frame.get()).previous);
            (!back.is_null()).then(|| frame::object_of(back).into_obj())
        }
    }

    #[getter]
    fn f_locals(this: &Object<FrameObject>) -> PyResult<Obj> {
        let frame = this.live()?;
        if !frame.locals.is_null() {
            // SAFETY: the frame owns its namespace.
            return Ok(unsafe { frame.locals.as_obj() }.clone());
        }
        Ok(crate::locals_proxy::LocalsProxy::create(this))
    }

    #[getter]
    fn f_lasti(&self) -> PyResult<i32> {
        Ok(self.live()?.lasti())
    }

    #[getter]
    fn f_lineno(&self) -> Option<i32> {
        if self.line.get() != 0 { Some(self.line.get()) } else { self.line_number() }
    }

    #[setter]
    fn set_f_lineno(this: &Object<FrameObject>, value: Option<&Obj>) -> PyResult<()> {
        crate::jump::set_line_number(this, value)
    }

    #[getter]
    fn f_trace(&self) -> Option<Obj> {
        self.trace.get()
    }

    #[setter]
    fn set_f_trace(&self, value: Option<&Obj>) -> PyResult<()> {
        self.trace.set(value.filter(|v| !v.is_none()).cloned());
        Ok(())
    }

    #[getter]
    fn f_trace_lines(&self) -> bool {
        self.trace_lines.get()
    }

    #[setter]
    fn set_f_trace_lines(&self, value: Option<&Obj>) -> PyResult<()> {
        self.trace_lines.set(flag(value)?);
        Ok(())
    }

    #[getter]
    fn f_trace_opcodes(&self) -> bool {
        self.trace_opcodes.get()
    }

    #[setter]
    fn set_f_trace_opcodes(&self, value: Option<&Obj>) -> PyResult<()> {
        self.trace_opcodes.set(flag(value)?);
        if self.trace_opcodes.get() { crate::trace::want_opcodes() } else { Ok(()) }
    }

    /// Clear all references held by the frame.
    #[pymethod]
    fn clear(&self) -> PyResult<()> {
        let frame = self.body.frame.get();
        if frame.is_null() {
            return Ok(());
        }
        // SAFETY: a live or owned frame.
        unsafe {
            if (*frame).owner == Owner::Generator {
                let generator = (*frame).generator.as_obj().clone();
                let core = crate::generator::core_of(&generator).expect("generator frames know their generator");
                if core.is_running() {
                    return Err(raise!(RuntimeError, "cannot clear an executing frame"));
                }
                if core.state() != crate::generator::State::Created {
                    return Err(raise!(RuntimeError, "cannot clear a suspended frame"));
                }
                return crate::generator::close(&generator).map(drop);
            }
        }
        if !self.body.owned.get() {
            return Err(raise!(RuntimeError, "cannot clear an executing frame"));
        }
        self.body.clear_variables();
        Ok(())
    }
}

fn flag(value: Option<&Obj>) -> PyResult<bool> {
    value
        .and_then(pyrs_runtime::objects::singletons::as_bool)
        .ok_or_else(|| raise!(TypeError, "attribute value type must be bool"))
}

/// Where the coroutine of the running frame was made: (filename, line, function) of up to `depth` callers.
pub fn origin(depth: i32) -> Obj {
    let mut rows = Vec::new();
    // SAFETY: the chain holds live frames, the coroutine's own among them.
    unsafe {
        let mut at = frame::visible((*frame::current(thread::current())).previous);
        while !at.is_null() && rows.len() < depth as usize {
            let code = (*at).code();
            let line = (*at).line().unwrap_or(0);
            rows.push(
                Tuple::from_vec(vec![
                    code.filename.get().unwrap_or_else(none),
                    pyrs_runtime::objects::int::new(line as i64),
                    code.name.to_obj(),
                ])
                .into_obj(),
            );
            at = frame::visible((*at).previous);
        }
    }
    Tuple::from_vec(rows).into_obj()
}

/// `locals()` of a live frame.
pub fn locals_of_frame(frame: *mut Frame) -> PyResult<Obj> {
    // SAFETY: callers pass a live, complete frame.
    unsafe { frame::object_of(frame) }.locals_snapshot()
}

/// Flags of the code that a live frame runs.
pub fn flags_of(frame: *mut Frame) -> u32 {
    // SAFETY: callers pass a live frame.
    unsafe { (*frame).code().flags }
}

/// The frame object `depth` calls up from the innermost one.
pub fn nth(thread: &thread::Thread, depth: usize) -> Option<Obj> {
    let mut at = frame::current(thread);
    // SAFETY: the chain holds live frames.
    unsafe {
        for _ in 0..depth {
            if at.is_null() {
                return None;
            }
            at = frame::visible((*at).previous);
        }
        (!at.is_null()).then(|| frame::object_of(at).into_obj())
    }
}

/// The innermost frame of every thread that runs Python code, by the thread's number.
pub fn of_all_threads() -> Vec<(u64, Obj)> {
    let mut found = Vec::new();
    for state in thread::all_threads() {
        // SAFETY: states in the list are alive; their threads wait for the GIL, which the caller holds.
        let state = unsafe { &*state };
        found.extend(nth(state, 0).map(|frame| (state.id, frame)));
    }
    found
}

/// The exception that every thread is handling, or None, by the thread's number.
pub fn exceptions_of_all_threads() -> Vec<(u64, Obj)> {
    // SAFETY: as above.
    let handled = |state: *mut thread::Thread| unsafe { ((*state).id, (*state).handled_exception()) };
    let all = thread::all_threads();
    all.into_iter().map(handled).map(|(id, exc)| (id, exc.unwrap_or_else(none))).collect()
}

/// Globals, file name and line of a frame.
pub struct Place {
    pub globals: Ptr<Dict>,
    pub filename: Obj,
    pub line: i32,
}

/// Where a warning for the caller `level` calls up is due: level 1 is the running frame. From the second on, frames
/// that `skip` knows by their file name do not count, unless the running one is among them already.
pub fn warning_place(thread: &thread::Thread, level: i64, skip: &dyn Fn(&Obj, bool) -> bool) -> Option<Place> {
    let mut at = frame::current(thread);
    // SAFETY: the chain holds live frames; the collector does not run in between.
    unsafe {
        let is_skipped = |at: *mut Frame, own: bool| (*at).code().filename.get().is_some_and(|file| skip(&file, own));
        let plain = at.is_null() || level <= 1 || is_skipped(at, true);
        for _ in 1..level {
            loop {
                if at.is_null() {
                    return None;
                }
                at = frame::visible((*at).previous);
                if plain || at.is_null() || !is_skipped(at, false) {
                    break;
                }
            }
        }
        if at.is_null() {
            return None;
        }
        let filename = (*at).code().filename.get().unwrap_or_else(none);
        Some(Place { globals: (*at).globals().to_ptr(), filename, line: (*at).line().unwrap_or(0) })
    }
}

/// The class cell and first argument of the calling frame, for `super()` without arguments.
pub fn super_arguments(thread: &thread::Thread) -> PyResult<(Obj, Obj)> {
    let frame = frame::current(thread);
    if frame.is_null() {
        return Err(raise!(RuntimeError, "super(): no current frame"));
    }
    // SAFETY: a live, complete frame.
    unsafe {
        let code = (*frame).code();
        if code.argcount == 0 && code.flags & pyrs_bytecode::co_flags::VARARGS == 0 {
            return Err(raise!(RuntimeError, "super(): no arguments"));
        }
        let mut first = *Frame::locals(frame);
        if !first.is_null()
            && code.source.localspluskinds.first().is_some_and(|k| k & pyrs_bytecode::local_kind::CELL != 0)
            && let Some(cell) = first.as_obj().exact::<VariableCell>()
        {
            first = cell.peek();
        }
        if first.is_null() {
            return Err(raise!(RuntimeError, "super(): arg[0] deleted"));
        }
        let names = code.localsplusnames.items();
        let start = code.nlocalsplus - code.nfrees;
        let Some(i) =
            (start..code.nlocalsplus).find(|&i| names[i].downcast::<Str>().is_some_and(|n| n.eq_str("__class__")))
        else {
            return Err(raise!(RuntimeError, "super(): __class__ cell not found"));
        };
        let cell = *Frame::locals(frame).add(i);
        let class = if cell.is_null() { None } else { cell.as_obj().exact::<VariableCell>().and_then(|c| c.get()) };
        match class {
            Some(class) => Ok((class, first.as_obj().clone())),
            None => Err(raise!(RuntimeError, "super(): empty __class__ cell")),
        }
    }
}

/// Where an exception came from, for messages before the `traceback` module can be imported.
pub fn describe_traceback(exc: &Obj) -> String {
    use pyrs_runtime::objects::traceback::Traceback;
    let mut lines = String::new();
    let mut at = pyrs_runtime::objects::exceptions::traceback(exc);
    while let Some(tb) = at {
        let Some(entry) = tb.exact::<Traceback>() else { break };
        if let Some(frame) = entry.frame.exact::<FrameObject>()
            && let Ok(live) = frame.live().map_err(pyrs_runtime::Raised::discard)
        {
            let code = live.code();
            lines.push_str(&format!(
                "  File \"{}\", line {}, in {}\n",
                code.filename_text(),
                entry.lineno.get(),
                code.name.to_string_lossy()
            ));
        }
        at = entry.next.get();
    }
    lines
}
