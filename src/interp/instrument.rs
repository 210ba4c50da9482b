//! Instrumented code: events fired by instructions.
//!
//! Where a tool wants to know of an instruction, its opcode is replaced by an `INSTRUMENTED_` one. The
//! interpreter comes here when it meets one; what the instruction does without watchers follows from
//! `co_code`, which never changes. Code that nobody watches runs as always: the only trace of all this is
//! the breaker bit that makes `RESUME` look whether its code is up to date.

use std::cell::Cell;
use std::collections::HashMap;

use pyrs_bytecode::Opcode;
use pyrs_runtime::errors::{PyResult, Raised};
use pyrs_runtime::object::{Obj, Object};
use pyrs_runtime::objects::code::{Code, Site};
use pyrs_runtime::objects::function::Function;
use pyrs_runtime::objects::inline_cache::counter;
use pyrs_runtime::objects::method::Method;
use pyrs_runtime::objects::singletons::{false_value, none_value, true_value};
use pyrs_runtime::objects::{exceptions, int};
use pyrs_runtime::thread::{EVAL_BREAKER, Thread, breaker, runtime};
use pyrs_runtime::value::Value;
use pyrs_runtime::{PyClass, call, raise};

use crate::frame::Frame;
use crate::monitoring::{EVENT_NAMES, TOOLS, event, tools};
use crate::{generator, ops, trace};

/// Results of [`step`] that are no opcode.
pub const LAST_OPCODE: u32 = 0xff;
pub const CONTINUE: u32 = 0x100;
const RAISED: u32 = 0x101;

/// What the interpreter does after an instrumented instruction was looked at.
pub enum Step {
    /// Execute the instruction as this opcode.
    Run(Opcode),
    /// Go on at the frame's `ip` and `sp`: the instruction is done, or a debugger has jumped.
    Continue,
}

thread_local! {
    /// The last jump: frame, instruction it came from, instruction it went to.
    static LAST_JUMP: Cell<(usize, usize, usize)> = const { Cell::new((0, 0, 0)) };
    /// Callbacks that are running; they are not watched.
    static BUSY: Cell<u32> = const { Cell::new(0) };
    /// The event that a callback is running for.
    static CURRENT_EVENT: Cell<usize> = const { Cell::new(event::COUNT) };
}

/// The event whose callback is running, if any.
pub fn current_event() -> Option<usize> {
    Some(CURRENT_EVENT.get()).filter(|e| *e < event::COUNT)
}

/// Runs a callback: nothing in it is watched.
pub fn quietly<R>(event: usize, f: impl FnOnce() -> R) -> R {
    BUSY.set(BUSY.get() + 1);
    let before = CURRENT_EVENT.replace(event);
    let result = f();
    CURRENT_EVENT.set(before);
    BUSY.set(BUSY.get() - 1);
    result
}

/// Lets events fire inside of a callback (`sys.call_tracing`).
pub fn loudly<R>(f: impl FnOnce() -> R) -> R {
    let busy = BUSY.replace(0);
    let before = CURRENT_EVENT.replace(event::COUNT);
    let result = f();
    CURRENT_EVENT.set(before);
    BUSY.set(busy);
    result
}

/// Tools' wishes have changed: running code is brought up to date, other code when it is entered.
pub fn wishes_changed(thread: &Thread) {
    if tools().anything() {
        EVAL_BREAKER.fetch_or(breaker::MONITORING, std::sync::atomic::Ordering::Relaxed);
    } else {
        EVAL_BREAKER.fetch_and(!breaker::MONITORING, std::sync::atomic::Ordering::Relaxed);
    }
    let mut frame = thread.frame.get() as *mut Frame;
    // SAFETY: the chain holds live frames.
    unsafe {
        while !frame.is_null() {
            if !(*frame).hidden {
                update((*frame).code());
            }
            frame = (*frame).previous;
        }
    }
}

/// Rewrites the instructions of `code` for the present wishes.
pub fn update(code: &Object<Code>) {
    let version = tools().version();
    if code.monitoring.with(|m| m.as_ref().map_or(0, |m| m.version)) == version {
        return;
    }
    let local = code.monitoring.with(|m| m.as_ref().map_or([0; TOOLS], |m| m.local_events));
    let wanted: Vec<u8> = (0..event::LOCAL_COUNT)
        .map(|e| tools().tools_for(e) | (0..TOOLS).fold(0, |mask, t| mask | (((local[t] >> e) & 1) as u8) << t))
        .collect();
    let nothing = wanted.iter().all(|w| *w == 0);
    let restarted = tools().restart_version();
    let had_nothing = code.monitoring.with(|m| {
        if nothing && m.is_none() {
            return true;
        }
        let m = m.get_or_insert_default();
        m.version = version;
        if m.restart_version != restarted {
            m.restart_version = restarted;
            m.disabled.clear();
        }
        m.sites.is_empty() && nothing
    });
    if had_nothing {
        return;
    }
    let disabled: HashMap<(u32, u8), u8> =
        code.monitoring.with(|m| m.as_ref().map_or_else(HashMap::new, |m| m.disabled.clone()));
    let sites = if nothing { Vec::new() } else { find_sites(code, &wanted, &disabled) };
    rewrite(code, &sites);
    code.monitoring.with(|m| m.get_or_insert_default().sites = sites);
}

/// What the instruction at a unit is without watchers.
fn base_opcode(code: &Object<Code>, unit: usize) -> Opcode {
    let byte = code.source.code[unit * 2];
    Opcode::from_u8(byte).map_or(Opcode::Reserved, Opcode::deopt)
}

/// Calls `f` with the index, opcode, full argument and length of each instruction; prefixes are instructions.
fn for_each_instruction(code: &Object<Code>, mut f: impl FnMut(usize, Opcode, u32)) {
    let (mut at, mut extended) = (0, 0u32);
    while at < code.unit_count() {
        let opcode = base_opcode(code, at);
        let oparg = u32::from(code.source.code[at * 2 + 1]) | extended;
        f(at, opcode, oparg);
        extended = if opcode == Opcode::ExtendedArg { oparg << 8 } else { 0 };
        at += 1 + opcode.cache_entries();
    }
}

/// Where the instruction at `at` may jump to.
fn jump_target(at: usize, opcode: Opcode, oparg: u32) -> Option<usize> {
    let next = at + 1 + opcode.cache_entries();
    match opcode {
        Opcode::PopJumpIfFalse
        | Opcode::PopJumpIfTrue
        | Opcode::PopJumpIfNone
        | Opcode::PopJumpIfNotNone
        | Opcode::JumpForward
        | Opcode::Send => Some(next + oparg as usize),
        Opcode::ForIter => Some(next + oparg as usize + 1),
        Opcode::JumpBackward | Opcode::JumpBackwardNoInterrupt => Some(next.checked_sub(oparg as usize)?),
        _ => None,
    }
}

/// Bits of [`Site::events`] and whether a line begins here for those who come from the instruction before.
fn find_sites(code: &Object<Code>, wanted: &[u8], disabled: &HashMap<(u32, u8), u8>) -> Vec<Site> {
    let units = code.unit_count();
    let mut lines = vec![-1i32; units];
    for row in code.source.locations() {
        for unit in row.start as usize / 2..(row.end as usize / 2).min(units) {
            lines[unit] = row.position.line.unwrap_or(-1);
        }
    }
    let mut sites = vec![Site::default(); units];
    let mut marked = vec![false; units];
    // The line of the last instruction that can begin one, and of the last instruction.
    let (mut line_before, mut previous) = (-1, (-1, Opcode::Nop));
    for_each_instruction(code, |at, opcode, oparg| {
        let line = lines[at];
        sites[at].line = line;
        if at < code.first_traceable {
            return;
        }
        let hidden =
            matches!(opcode, Opcode::EndAsyncFor | Opcode::EndFor | Opcode::EndSend | Opcode::PopIter | Opcode::Resume);
        let begins = line >= 0 && !hidden && line != line_before;
        sites[at].begins_line = begins && (line != previous.0 || previous.1 == Opcode::Resume);
        marked[at] |= begins;
        if !hidden {
            line_before = line;
        }
        previous = (line, opcode);
        if let Some(target) = jump_target(at, opcode, oparg).filter(|t| *t < units) {
            marked[target] = true;
        }
    });
    for entry in code.source.exception_entries() {
        if let Some(mark) = marked.get_mut(entry.target as usize / 2) {
            *mark = true;
        }
    }
    // Lines are told apart by where a jump came from.
    let follow_jumps = wanted[event::LINE] != 0;
    for_each_instruction(code, |at, opcode, _| {
        let mut events = 0u32;
        let mut want = |e: usize| {
            let off = disabled.get(&(at as u32, e as u8)).copied().unwrap_or(0);
            if wanted[e] & !off != 0 {
                events |= 1 << e;
            }
        };
        let first = at >= code.first_traceable;
        let hidden =
            matches!(opcode, Opcode::EndAsyncFor | Opcode::EndFor | Opcode::EndSend | Opcode::PopIter | Opcode::Resume);
        if marked[at] && lines[at] >= 0 && !hidden && first {
            want(event::LINE);
        }
        if first && opcode != Opcode::Resume || opcode == Opcode::Resume {
            want(event::INSTRUCTION);
        }
        match opcode {
            Opcode::Resume => {
                want(event::PY_START);
                want(event::PY_RESUME);
            }
            Opcode::ReturnValue => want(event::PY_RETURN),
            Opcode::YieldValue => want(event::PY_YIELD),
            Opcode::Call | Opcode::CallKw | Opcode::CallFunctionEx | Opcode::LoadSuperAttr => want(event::CALL),
            Opcode::JumpForward | Opcode::JumpBackward => want(event::JUMP),
            Opcode::PopJumpIfFalse | Opcode::PopJumpIfTrue | Opcode::PopJumpIfNone | Opcode::PopJumpIfNotNone => {
                want(event::BRANCH_LEFT);
                want(event::BRANCH_RIGHT);
            }
            Opcode::ForIter => {
                want(event::BRANCH_LEFT);
                want(event::BRANCH_RIGHT);
                want(event::STOP_ITERATION);
            }
            Opcode::Send => want(event::STOP_ITERATION),
            _ => {}
        }
        // Jumps are followed as long as somebody wants lines.
        let follows = follow_jumps
            && matches!(
                opcode,
                Opcode::JumpForward
                    | Opcode::JumpBackward
                    | Opcode::JumpBackwardNoInterrupt
                    | Opcode::PopJumpIfFalse
                    | Opcode::PopJumpIfTrue
                    | Opcode::PopJumpIfNone
                    | Opcode::PopJumpIfNotNone
                    | Opcode::ForIter
                    | Opcode::Send
            );
        sites[at].events = events;
        sites[at].watched = events != 0 || follows;
    });
    sites
}

/// Puts instrumented opcodes where sites are watched, and the plain ones elsewhere.
fn rewrite(code: &Object<Code>, sites: &[Site]) {
    let first = code.first_unit();
    for_each_instruction(code, |at, base, _| {
        let site = sites.get(at).copied().unwrap_or_default();
        // SAFETY: `at` is an instruction of this code, which holds at least that many units.
        unsafe {
            let unit = first.add(at);
            let present = Opcode::from_u8(*unit as u8).unwrap_or(Opcode::Reserved);
            let wanted = if site.watched { instrumented_form(base, site.events) } else { base };
            // A specialized form may stay where nobody watches.
            if site.watched || present.is_instrumented() {
                *unit = *unit & 0xff00 | wanted as u16;
            }
        }
    });
}

fn instrumented_form(base: Opcode, events: u32) -> Opcode {
    if events & 1 << event::LINE != 0 {
        return Opcode::InstrumentedLine;
    }
    if events & 1 << event::INSTRUCTION != 0 {
        return Opcode::InstrumentedInstruction;
    }
    match base {
        Opcode::Resume => Opcode::InstrumentedResume,
        Opcode::ReturnValue => Opcode::InstrumentedReturnValue,
        Opcode::YieldValue => Opcode::InstrumentedYieldValue,
        Opcode::Call => Opcode::InstrumentedCall,
        Opcode::CallKw => Opcode::InstrumentedCallKw,
        Opcode::CallFunctionEx => Opcode::InstrumentedCallFunctionEx,
        Opcode::LoadSuperAttr => Opcode::InstrumentedLoadSuperAttr,
        Opcode::JumpForward => Opcode::InstrumentedJumpForward,
        Opcode::JumpBackward => Opcode::InstrumentedJumpBackward,
        Opcode::PopJumpIfFalse => Opcode::InstrumentedPopJumpIfFalse,
        Opcode::PopJumpIfTrue => Opcode::InstrumentedPopJumpIfTrue,
        Opcode::PopJumpIfNone => Opcode::InstrumentedPopJumpIfNone,
        Opcode::PopJumpIfNotNone => Opcode::InstrumentedPopJumpIfNotNone,
        Opcode::ForIter => Opcode::InstrumentedForIter,
        _ => Opcode::InstrumentedInstruction,
    }
}

/// `code`, `offset` and the rest of a callback's arguments.
fn fire(thread: &Thread, frame: *mut Frame, unit: usize, event: usize, rest: &[Obj]) -> PyResult<()> {
    // SAFETY: callers pass a live frame; the code is kept alive by the reference.
    let code = unsafe { (*frame).code() }.to_ptr();
    let off = code
        .monitoring
        .with(|m| m.as_ref().and_then(|m| m.disabled.get(&(unit as u32, event as u8)).copied()).unwrap_or(0));
    let local = code.monitoring.with(|m| m.as_ref().map_or([0; TOOLS], |m| m.local_events));
    for tool in 0..TOOLS {
        let wanted = (tools().events(tool) | local[tool]) >> event_of_set(event) & 1 != 0;
        if !wanted || off >> tool & 1 != 0 {
            continue;
        }
        if tool >= crate::monitoring::PUBLIC_TOOLS {
            trace::fire(thread, frame, tool, event, rest)?;
            continue;
        }
        let legacy = match event {
            event::BRANCH_LEFT | event::BRANCH_RIGHT => tools().callback(tool, event::BRANCH),
            _ => None,
        };
        let Some(callback) = tools().callback(tool, event).or(legacy) else { continue };
        let mut args = vec![code.to_obj()];
        if event != event::LINE {
            args.push(int::new(unit as i64 * 2));
        }
        args.extend_from_slice(rest);
        let result = quietly(event, || call::call(&callback, &args))?;
        if Some(&result).is_some_and(|r| runtime().registered("monitoring_disable").is_some_and(|d| d.is(r))) {
            disable(&code, unit, tool, event)?;
        }
    }
    Ok(())
}

/// C_RETURN and C_RAISE are wanted with CALL.
fn event_of_set(event: usize) -> usize {
    if matches!(event, event::C_RETURN | event::C_RAISE) { event::CALL } else { event }
}

/// A callback returned DISABLE.
fn disable(code: &Object<Code>, unit: usize, tool: usize, event: usize) -> PyResult<()> {
    if matches!(event, event::C_RETURN | event::C_RAISE) {
        return Ok(());
    }
    if event >= event::LOCAL_COUNT {
        drop(tools().set_callback(tool, event, None));
        return Err(raise!(ValueError, "Cannot disable {} events. Callback removed.", EVENT_NAMES[event]));
    }
    code.monitoring.with(|m| {
        let m = m.get_or_insert_default();
        *m.disabled.entry((unit as u32, event as u8)).or_default() |= 1 << tool;
        m.version = 0;
    });
    update(code);
    Ok(())
}

/// [`instrumented`], with a result that fits a register: the opcode to execute the instruction as, [`CONTINUE`]
/// or something else with an exception pending.
///
/// # Safety
/// As [`instrumented`].
#[cold]
#[inline(never)]
pub unsafe fn step(thread: &Thread, frame: *mut Frame, oparg: u32) -> u32 {
    // SAFETY: by contract.
    match unsafe { instrumented(thread, frame, oparg) } {
        Ok(Step::Run(base)) => {
            if base.cache_entries() > 0 {
                // The plain form must not specialize itself: that would take the watcher's place.
                // SAFETY: the counter follows the instruction.
                unsafe { *(*frame).ip.add(1) = counter::WARMUP };
            }
            base as u32
        }
        Ok(Step::Continue) => CONTINUE,
        Err(raised) => {
            raised.leave_pending();
            RAISED
        }
    }
}

/// An exception is thrown into a suspended frame.
///
/// # Safety
/// `frame` is the running frame; an exception is pending.
pub unsafe fn thrown(thread: &Thread, frame: *mut Frame) {
    if exceptions_watched() {
        // SAFETY: by contract; the frame stands behind the instruction that suspended it.
        unsafe {
            update((*frame).code());
            let unit = (*frame).lasti() as usize / 2 - 1;
            exception_event(thread, frame, event::PY_THROW, Some(unit));
        }
    }
}

/// The instruction at the frame's `ip` is instrumented.
///
/// # Safety
/// `frame` is the running frame with `ip` at the instruction and `sp` up to date.
#[cold]
#[inline(never)]
pub unsafe fn instrumented(thread: &Thread, frame: *mut Frame, oparg: u32) -> PyResult<Step> {
    // SAFETY: (whole body) by contract; operands of the instruction stand on the stack.
    unsafe {
        let code = (*frame).code();
        let unit = (*frame).ip.offset_from(code.first_unit()) as usize;
        update(code);
        let base = base_opcode(code, unit);
        let site = code.monitoring.with(|m| m.as_ref().and_then(|m| m.sites.get(unit).copied()).unwrap_or_default());
        let jumped_from = take_jump(frame, unit);
        if BUSY.get() != 0 {
            return run_or_follow(thread, frame, base, oparg, unit, Site::default());
        }
        let here = (*frame).ip;
        if site.events & 1 << event::LINE != 0 {
            let begins = match jumped_from {
                Some(from) => {
                    let from_line = code.source.line_at(from as u32 * 2).unwrap_or(-1);
                    from_line != site.line && from != unit || base_opcode(code, from) == Opcode::Resume
                }
                None => site.begins_line,
            };
            if begins {
                fire(thread, frame, unit, event::LINE, &[int::new(site.line as i64)])?;
                if (*frame).ip != here {
                    // A debugger has moved on: the line that it went to is not announced.
                    let to = (*frame).ip.offset_from((*frame).code().first_unit()) as usize;
                    LAST_JUMP.set((frame as usize, to, to));
                    return Ok(Step::Continue);
                }
            }
        }
        if site.events & 1 << event::INSTRUCTION != 0 {
            fire(thread, frame, unit, event::INSTRUCTION, &[])?;
            if (*frame).ip != here {
                return Ok(Step::Continue);
            }
        }
        run_or_follow(thread, frame, base, oparg, unit, site)
    }
}

fn take_jump(frame: *mut Frame, unit: usize) -> Option<usize> {
    let (in_frame, from, to) = LAST_JUMP.get();
    if in_frame == frame as usize && to == unit {
        LAST_JUMP.set((0, 0, 0));
        return Some(from);
    }
    None
}

/// A handler was entered because the instruction at `from` raised.
pub fn handler_entered(frame: *mut Frame, from: usize, to: usize) {
    LAST_JUMP.set((frame as usize, from, to));
}

fn offset_obj(unit: usize) -> Obj {
    int::new(unit as i64 * 2)
}

/// Fires the events of the instruction itself.
///
/// # Safety
/// As [`instrumented`].
unsafe fn run_or_follow(
    thread: &Thread,
    frame: *mut Frame,
    base: Opcode,
    oparg: u32,
    unit: usize,
    site: Site,
) -> PyResult<Step> {
    let wants = |e: usize| site.events >> e & 1 != 0;
    let next = unit + 1 + base.cache_entries();
    let jump = |from: usize, to: usize| LAST_JUMP.set((frame as usize, from, to));
    // SAFETY: (whole body) by contract.
    unsafe {
        let top = |n: usize| (*(*frame).sp.sub(n)).as_obj();
        match base {
            Opcode::Resume => {
                let start = oparg & 3 == 0;
                let e = if start { event::PY_START } else { event::PY_RESUME };
                if wants(e) {
                    fire(thread, frame, unit, e, &[])?;
                }
            }
            Opcode::ReturnValue if wants(event::PY_RETURN) => {
                fire(thread, frame, unit, event::PY_RETURN, &[top(1).clone()])?;
            }
            Opcode::YieldValue if wants(event::PY_YIELD) => {
                let here = (*frame).ip;
                fire(thread, frame, unit, event::PY_YIELD, &[top(1).clone()])?;
                if (*frame).ip != here {
                    return Ok(Step::Continue);
                }
            }
            Opcode::JumpForward | Opcode::JumpBackward | Opcode::JumpBackwardNoInterrupt => {
                let target = jump_target(unit, base, oparg).unwrap_or(next);
                jump(unit, target);
                if wants(event::JUMP) {
                    let here = (*frame).ip;
                    fire(thread, frame, unit, event::JUMP, &[offset_obj(target)])?;
                    if (*frame).ip != here {
                        return Ok(Step::Continue);
                    }
                    jump(unit, target);
                }
            }
            Opcode::PopJumpIfFalse | Opcode::PopJumpIfTrue | Opcode::PopJumpIfNone | Opcode::PopJumpIfNotNone => {
                let v = *(*frame).sp.sub(1);
                let taken = match base {
                    Opcode::PopJumpIfFalse => v == false_value(),
                    Opcode::PopJumpIfTrue => v == true_value(),
                    Opcode::PopJumpIfNone => v == none_value(),
                    _ => v != none_value(),
                };
                let target = next + oparg as usize;
                if taken && wants(event::BRANCH_RIGHT) {
                    fire(thread, frame, unit, event::BRANCH_RIGHT, &[offset_obj(target)])?;
                } else if !taken && wants(event::BRANCH_LEFT) {
                    let code = (*frame).code();
                    let behind = if base_opcode(code, next) == Opcode::NotTaken { next + 1 } else { next };
                    fire(thread, frame, unit, event::BRANCH_LEFT, &[offset_obj(behind)])?;
                }
                if taken {
                    jump(unit, target);
                }
            }
            Opcode::ForIter => return for_iter(thread, frame, oparg, unit, site),
            Opcode::Send => return send(thread, frame, oparg, unit, site),
            Opcode::Call | Opcode::CallKw | Opcode::CallFunctionEx if wants(event::CALL) => {
                return watched_call(thread, frame, base, oparg, unit);
            }
            Opcode::LoadSuperAttr if wants(event::CALL) => {
                let args = [top(3).clone(), top(2).clone()];
                fire(thread, frame, unit, event::CALL, &args)?;
                fire(thread, frame, unit, event::C_RETURN, &args)?;
            }
            _ => {}
        }
    }
    Ok(Step::Run(base))
}

/// # Safety
/// As [`instrumented`].
unsafe fn for_iter(thread: &Thread, frame: *mut Frame, oparg: u32, unit: usize, site: Site) -> PyResult<Step> {
    let next = unit + 2;
    // SAFETY: the iterator is on top of the stack.
    unsafe {
        let it = *(*frame).sp.sub(1);
        let code = (*frame).code().to_ptr();
        match ops::iteration::next(it.as_obj())? {
            Some(v) => {
                *(*frame).sp = v.into_value();
                (*frame).sp = (*frame).sp.add(1);
                if site.events >> event::BRANCH_LEFT & 1 != 0 {
                    fire(thread, frame, unit, event::BRANCH_LEFT, &[offset_obj(next)])?;
                }
                (*frame).ip = code.first_unit().add(next);
            }
            None => {
                let target = next + oparg as usize + 1;
                if generator::core_of(it.as_obj()).is_some() && site.events >> event::STOP_ITERATION & 1 != 0 {
                    let exc = call::call(&exceptions::StopIteration::class().as_obj(), &[])?;
                    fire(thread, frame, target - 1, event::STOP_ITERATION, &[exc])?;
                }
                if site.events >> event::BRANCH_RIGHT & 1 != 0 {
                    fire(thread, frame, unit, event::BRANCH_RIGHT, &[offset_obj(target + 1)])?;
                }
                LAST_JUMP.set((frame as usize, unit, target));
                // POP_ITER begins no line; what follows it was reached from here.
                if base_opcode(&code, target) == Opcode::PopIter {
                    pyrs_runtime::heap::decref(it);
                    (*frame).sp = (*frame).sp.sub(1);
                    LAST_JUMP.set((frame as usize, unit, target + 1));
                    (*frame).ip = code.first_unit().add(target + 1);
                } else {
                    (*frame).ip = code.first_unit().add(target);
                }
            }
        }
    }
    Ok(Step::Continue)
}

/// # Safety
/// As [`instrumented`].
unsafe fn send(thread: &Thread, frame: *mut Frame, oparg: u32, unit: usize, site: Site) -> PyResult<Step> {
    use pyrs_runtime::types::slots::SendResult;
    let next = unit + 1 + Opcode::Send.cache_entries();
    // SAFETY: receiver and value are on top of the stack.
    unsafe {
        let (receiver, v) = (*(*frame).sp.sub(2), *(*frame).sp.sub(1));
        let code = (*frame).code().to_ptr();
        let result = generator::send_value(receiver.as_obj(), v.as_obj())?;
        let (r, to) = match result {
            SendResult::Yield(r) => (r, next),
            SendResult::Return(r) => (r, next + oparg as usize),
        };
        let returned = to != next || oparg == 0;
        *(*frame).sp.sub(1) = r.clone().into_value();
        pyrs_runtime::heap::decref(v);
        if returned {
            LAST_JUMP.set((frame as usize, unit, to));
            if generator::core_of(receiver.as_obj()).is_some() && site.events >> event::STOP_ITERATION & 1 != 0 {
                let exc = pyrs_runtime::errors::raise_stop_iteration(&r).take();
                fire(thread, frame, to, event::STOP_ITERATION, &[exc])?;
                LAST_JUMP.set((frame as usize, unit, to));
            }
        }
        (*frame).ip = code.first_unit().add(to);
    }
    Ok(Step::Continue)
}

/// A call that somebody watches. Calls of Python functions go on as always; others are made here, so that
/// their end can be told.
///
/// # Safety
/// As [`instrumented`].
unsafe fn watched_call(thread: &Thread, frame: *mut Frame, base: Opcode, oparg: u32, unit: usize) -> PyResult<Step> {
    // SAFETY: (whole body) the operands of the call stand on the stack.
    unsafe {
        let sp = (*frame).sp;
        let missing =
            runtime().registered("monitoring_missing").unwrap_or_else(pyrs_runtime::objects::singletons::none);
        let (words, total) = match base {
            Opcode::Call => (oparg as usize + 2, oparg as usize),
            Opcode::CallKw => (oparg as usize + 3, oparg as usize),
            _ => (4, 0),
        };
        let mut function = (*sp.sub(words)).as_obj().clone();
        let this = *sp.sub(words - 1);
        let mut first = if base == Opcode::CallFunctionEx {
            let args = (*sp.sub(2)).as_obj();
            args.downcast::<pyrs_runtime::objects::tuple::Tuple>().and_then(|t| t.items().first().cloned())
        } else if !this.is_null() {
            Some(this.as_obj().clone())
        } else if total > 0 {
            Some((*sp.sub(words - 2)).as_obj().clone())
        } else {
            None
        };
        if base == Opcode::Call
            && this.is_null()
            && let Some(method) = function.clone().exact::<Method>()
        {
            function = method.function.clone();
            first = Some(method.this.clone());
        }
        let args = [function.clone(), first.unwrap_or(missing)];
        fire(thread, frame, unit, event::CALL, &args)?;
        if function.exact::<Function>().is_some()
            || function.exact::<Method>().is_some_and(|m| m.function.exact::<Function>().is_some())
        {
            return Ok(Step::Run(base));
        }
        let result: PyResult<Obj> = match base {
            Opcode::Call => {
                let mut from = sp.sub(total);
                let mut argc = total;
                if !this.is_null() {
                    from = from.sub(1);
                    argc += 1;
                }
                let v = ops::call::vectorcall(thread, *sp.sub(words), from, argc, Value::NULL);
                pyrs_runtime::call::result(v)
            }
            Opcode::CallKw => {
                let v = ops::call::call_keywords(thread, sp.sub(1 + total), total, *sp.sub(1));
                pyrs_runtime::call::result(v)
            }
            _ => ops::call::call_function_ex(sp),
        };
        match result {
            Ok(v) => {
                fire(thread, frame, unit, event::C_RETURN, &args)?;
                for i in 1..=words {
                    pyrs_runtime::heap::decref_or_null(*sp.sub(i));
                }
                *sp.sub(words) = v.into_value();
                (*frame).sp = sp.sub(words - 1);
                (*frame).ip = (*frame).ip.add(1 + base.cache_entries());
                Ok(Step::Continue)
            }
            Err(raised) => {
                let exc = raised.take();
                fire(thread, frame, unit, event::C_RAISE, &args)?;
                thread.restore_exception(Some(exc));
                Err(Raised::pending())
            }
        }
    }
}

/// True if somebody wants to know of exceptions.
#[inline]
pub fn exceptions_watched() -> bool {
    EVAL_BREAKER.load(std::sync::atomic::Ordering::Relaxed) & breaker::MONITORING != 0 && BUSY.get() == 0
}

/// Tells of the pending exception: RAISE, RERAISE, EXCEPTION_HANDLED, PY_UNWIND or PY_THROW. What a callback
/// raises takes its place.
///
/// # Safety
/// `frame` is a live frame; an exception is pending. Without `unit` it stands at the frame's `ip`.
#[cold]
pub unsafe fn exception_event(thread: &Thread, frame: *mut Frame, event: usize, unit: Option<usize>) {
    if !exceptions_watched() || tools().tools_for(event) == 0 {
        return;
    }
    // SAFETY: by contract.
    let unit = unit.unwrap_or_else(|| unsafe { (*frame).lasti().max(0) as usize / 2 });
    let Some(exc) = thread.take_exception() else { return };
    match fire(thread, frame, unit, event, std::slice::from_ref(&exc)) {
        Ok(()) => thread.restore_exception(Some(exc)),
        Err(raised) => raised.leave_pending(),
    }
}
