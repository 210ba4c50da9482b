//! `code`: compiled code as the interpreter runs it.
//!
//! The compiler's [`CodeObject`] stays as it was; beside it stand the objects for its constants and
//! names, and a copy of the instructions whose inline caches and specialized opcodes the interpreter
//! rewrites in place.

use std::cell::{Cell, OnceCell, UnsafeCell};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use pyrs_bytecode::{CodeObject, ExceptionEntry};

use pyrs_bytecode::{Constant, Opcode, WStr, co_flags, local_kind};

use crate::object::{DataCell, Obj, ObjCell, Object, Ptr};
use crate::objects::function::Function;
use crate::objects::inline_cache::{CacheArena, counter};
use crate::objects::int;
use crate::objects::singletons::{bool_obj, ellipsis, none};
use crate::objects::str::Str;
use crate::objects::tuple::Tuple;
use crate::objects::{float, slice};
use pyrs_macros::pyclass;

/// Create a code object.  Not for mere mortals.
#[pyclass(name = "code", weaklist, parts(METHODS))]
pub struct Code {
    pub source: Arc<CodeObject>,
    /// The instructions, rewritten in place: 16-bit units.
    units: UnsafeCell<Box<[u16]>>,
    pub consts: Ptr<Tuple>,
    pub names: Ptr<Tuple>,
    pub localsplusnames: Ptr<Tuple>,
    pub filename: ObjCell,
    pub name: Ptr<Str>,
    pub qualname: Ptr<Str>,
    /// Words of `localsplus` plus stack that a frame needs, and one above the stack that handlers may write to
    /// before they know whether it is wanted.
    pub frame_size: usize,
    pub nlocalsplus: usize,
    pub nlocals: usize,
    pub ncells: usize,
    pub nfrees: usize,
    pub flags: u32,
    pub argcount: usize,
    pub kwonlyargcount: usize,
    /// Arguments go to parameters of their own: a function without varargs and keywords.
    pub fixed_args: bool,
    /// Calls can copy their positional arguments: no varargs, keywords or keyword-only parameters.
    pub simple_args: bool,
    /// Names the code for caches: functions that are made again and again, such as lambdas and generator
    /// expressions, share their code. 0 = there are no names left.
    pub version: u32,
    /// For the JIT: entries until the function is hot; then the number of the executor that it begins with.
    pub entry: Cell<u32>,
    /// Index of the first traceable instruction.
    pub first_traceable: usize,
    /// The loops that take the values of generators with this code for native functions, by the interpreter's numbers.
    pub consumers: DataCell<Vec<Option<Ptr<Function>>>>,
    /// What tools of `sys.monitoring` watch here.
    pub monitoring: DataCell<Option<Box<Monitoring>>>,
    /// Inline caches that do not fit the instruction stream.
    pub caches: CacheArena,
    /// The rows of the exception table, once an exception has passed.
    handlers: OnceCell<Box<[ExceptionEntry]>>,
}

/// The part of a code object that `sys.monitoring` needs.
#[derive(Default)]
pub struct Monitoring {
    /// Events that each tool wants of this code alone.
    pub local_events: [u32; 8],
    /// The state of all wishes that the instructions were last rewritten for.
    pub version: u32,
    pub restart_version: u32,
    /// Tools that want to hear no more of an event (by unit and event), as a bit mask.
    pub disabled: HashMap<(u32, u8), u8>,
    /// By unit; empty if nobody watches.
    pub sites: Vec<Site>,
}

/// What is watched at one instruction.
#[derive(Clone, Copy, Default)]
pub struct Site {
    pub line: i32,
    /// Events that some tool wants from here.
    pub events: u32,
    /// A new line for those who come from the instruction before.
    pub begins_line: bool,
    /// The instruction is replaced by an instrumented one.
    pub watched: bool,
}

/// The object for a compile-time constant.
pub fn constant_object(constant: &Constant) -> Obj {
    match constant {
        Constant::None => none(),
        Constant::True => bool_obj(true),
        Constant::False => bool_obj(false),
        Constant::Ellipsis => ellipsis(),
        Constant::Int(n) => int::new(*n),
        Constant::BigInt(n) => int::from_bigint(n.clone()),
        Constant::Float(x) => float::new(*x),
        Constant::Complex { real, imag } => crate::objects::complex::new(*real, *imag),
        Constant::Str(s) => text_constant(s).into_obj(),
        Constant::Bytes(b) => crate::objects::bytes::Bytes::new(b).into_obj(),
        Constant::Tuple(items) => Tuple::from_vec(items.iter().map(constant_object).collect()).into_obj(),
        Constant::FrozenSet(items) => crate::objects::set::frozenset_from(items.iter().map(constant_object).collect())
            .expect("constants are hashable"),
        Constant::Slice(parts) => {
            slice::Slice::new(constant_object(&parts[0]), constant_object(&parts[1]), constant_object(&parts[2]))
                .into_obj()
        }
        Constant::Code(code) => Code::new(code.clone()).into_obj(),
    }
}

/// Constants that look like identifiers are interned, as attribute names will be.
fn text_constant(text: &WStr) -> Ptr<Str> {
    let like_name = text.as_bytes().iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_');
    if like_name { interned(text) } else { Str::from_wstr(text) }
}

/// The interned string; most are there already, so they are looked for first.
fn interned(text: &WStr) -> Ptr<Str> {
    match text.as_str() {
        Some(text) => Str::intern(text),
        None => Str::intern_ptr(Str::from_wstr(text)),
    }
}

fn next_version() -> u32 {
    static LAST_VERSION: AtomicU32 = AtomicU32::new(0);
    LAST_VERSION
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| last.checked_add(1))
        .map_or(0, |last| last + 1)
}

fn name_tuple(names: &[WStr]) -> Ptr<Tuple> {
    Tuple::from_vec(names.iter().map(|n| interned(n).into_obj()).collect())
}

/// Writes the first value of every adaptive instruction's counter.
fn start_counters(units: &mut [u16]) {
    let mut i = 0;
    while i < units.len() {
        let caches = Opcode::from_u8(units[i] as u8).map_or(0, Opcode::cache_entries);
        if caches > 0 {
            units[i + 1] = counter::WARMUP;
        }
        i += 1 + caches;
    }
}

impl Code {
    pub fn new(source: Arc<CodeObject>) -> Ptr<Code> {
        let consts = Tuple::from_vec(source.consts.iter().map(constant_object).collect());
        Code::with_consts(source, consts)
    }

    /// The handler that covers the instruction at this byte offset.
    pub fn find_handler(&self, offset: u32) -> Option<&ExceptionEntry> {
        let rows = self.handlers.get_or_init(|| self.source.exception_entries().collect());
        // Rows stand in the order of their starts.
        let behind = rows.partition_point(|row| row.start <= offset);
        rows[..behind].last().filter(|row| offset < row.end)
    }

    /// With constants that are objects already (`code.replace(co_consts=...)`).
    pub fn with_consts(source: Arc<CodeObject>, consts: Ptr<Tuple>) -> Ptr<Code> {
        // Code from files and `code.replace` may hold anything: numbers that are no opcode would not be values
        // of `Opcode`. They become one that the interpreter refuses. So do those that only the JIT writes.
        let opcode = |byte: u8| match Opcode::from_u8(byte) {
            Some(opcode) if !opcode.is_of_jit() => byte,
            _ => Opcode::Reserved as u8,
        };
        let mut units: Vec<u16> =
            source.code.chunks_exact(2).map(|c| u16::from_le_bytes([opcode(c[0]), c[1]])).collect();
        start_counters(&mut units);
        let count = |kind: u8| source.localspluskinds.iter().filter(|k| **k & kind != 0).count();
        let nlocalsplus = source.localsplusnames.len();
        let fixed_args = source.flags & (co_flags::VARARGS | co_flags::VARKEYWORDS) == 0
            // Module code called as a function needs a namespace.
            && source.flags & co_flags::OPTIMIZED != 0;
        let first_traceable = units.iter().position(|u| Opcode::from_u8(*u as u8) == Some(Opcode::Resume)).unwrap_or(0);
        Ptr::new(Code {
            units: UnsafeCell::new(units.into_boxed_slice()),
            consts,
            names: name_tuple(&source.names),
            localsplusnames: name_tuple(&source.localsplusnames),
            filename: ObjCell::of(interned(&source.filename).into_obj()),
            name: interned(&source.name),
            qualname: interned(&source.qualname),
            frame_size: nlocalsplus + source.stacksize as usize + 1,
            nlocalsplus,
            nlocals: count(local_kind::LOCAL),
            ncells: count(local_kind::CELL),
            nfrees: count(local_kind::FREE),
            flags: source.flags,
            argcount: source.argcount as usize,
            kwonlyargcount: source.kwonlyargcount as usize,
            fixed_args,
            simple_args: fixed_args && source.kwonlyargcount == 0,
            version: next_version(),
            entry: Cell::new(0),
            first_traceable,
            consumers: DataCell::new(Vec::new()),
            monitoring: DataCell::new(None),
            caches: CacheArena::default(),
            handlers: OnceCell::new(),
            source,
        })
    }

    /// First instruction unit.
    #[inline(always)]
    pub fn first_unit(&self) -> *mut u16 {
        // SAFETY: the box is never replaced.
        unsafe { (*self.units.get()).as_mut_ptr() }
    }

    pub fn unit_count(&self) -> usize {
        // SAFETY: as above.
        unsafe { (&*self.units.get()).len() }
    }

    /// A copy of the instructions as they are now (`_co_code_adaptive`), the beginnings of functions as CPython
    /// numbers them.
    pub fn adaptive_code(&self) -> Vec<u8> {
        // SAFETY: the copy runs no other code.
        let mut units = unsafe { (*self.units.get()).clone() };
        let beginning = &mut units[self.first_traceable];
        if matches!(Opcode::from_u8(*beginning as u8), Some(Opcode::ResumeCheckJit | Opcode::EnterFunction)) {
            *beginning = (*beginning & 0xff00) | Opcode::ResumeCheck as u16;
        }
        units.iter().flat_map(|u| u.to_le_bytes()).collect()
    }

    pub fn filename_text(&self) -> String {
        let name = self.filename.get();
        name.and_then(|n| n.downcast::<Str>().map(|s| s.to_string_lossy())).unwrap_or_default()
    }
}

impl Object<Code> {
    /// The code's name for messages.
    pub fn display_name(&self) -> String {
        self.qualname.to_string_lossy()
    }
}
