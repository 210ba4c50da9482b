//! Python-visible attributes and methods of `code`.

use crate::errors::PyResult;
use crate::object::{Obj, Object, PyClass};
use crate::objects::code::Code;
use crate::objects::exceptions::DeprecationWarning;
use crate::objects::singletons::{bool_obj, none, not_implemented};
use crate::objects::str::Str;
use crate::objects::tuple::Tuple;
use crate::objects::{bytes::Bytes, int};
use crate::protocols::compare;
use crate::raise;
use crate::types::slots::CompareOp;
use pyrs_bytecode::CodeObject;
use pyrs_bytecode::WStr;
use pyrs_macros::pymethods;

fn names(list: Vec<WStr>) -> Obj {
    Tuple::from_vec(list.iter().map(|n| Str::intern_ptr(Str::from_wstr(n)).into_obj()).collect()).into_obj()
}

fn optional_int(n: Option<i32>) -> Obj {
    n.map_or_else(none, |n| int::new(n as i64))
}

/// Changes that `replace` asks for, taken from its keyword arguments.
fn replaced(code: &Code, args: crate::call::Args<'_>) -> PyResult<(CodeObject, Obj)> {
    let mut new = (*code.source).clone();
    let mut consts = code.consts.to_obj();
    let (mut varnames, mut cellvars, mut freevars) = (None, None, None);
    for (key, value) in args.keywords() {
        let number = || -> PyResult<u32> {
            int::to_i64(value)
                .and_then(|n| u32::try_from(n).ok())
                .ok_or_else(|| raise!(ValueError, "code: {} must be a small int", key.to_string_lossy()))
        };
        let text = || -> PyResult<WStr> {
            value.downcast::<Str>().map(|s| s.to_wstr()).ok_or_else(|| {
                raise!(
                    TypeError,
                    "replace() argument '{}' must be str, not {}",
                    key.to_string_lossy(),
                    value.class().name()
                )
            })
        };
        let bytes = || -> PyResult<Vec<u8>> {
            value.downcast::<Bytes>().map(|b| b.as_slice().to_vec()).ok_or_else(|| {
                raise!(
                    TypeError,
                    "replace() argument '{}' must be bytes, not {}",
                    key.to_string_lossy(),
                    value.class().name()
                )
            })
        };
        let texts = || -> PyResult<Vec<WStr>> {
            let Some(tuple) = value.downcast::<Tuple>() else {
                return Err(raise!(
                    TypeError,
                    "replace() argument '{}' must be tuple, not {}",
                    key.to_string_lossy(),
                    value.class().name()
                ));
            };
            tuple
                .items()
                .iter()
                .map(|i| {
                    i.downcast::<Str>().map(|s| s.to_wstr()).ok_or_else(|| {
                        raise!(TypeError, "name tuples must contain only strings, not '{}'", i.class().name())
                    })
                })
                .collect()
        };
        match key.to_string_lossy().as_str() {
            "co_argcount" => new.argcount = number()?,
            "co_posonlyargcount" => new.posonlyargcount = number()?,
            "co_kwonlyargcount" => new.kwonlyargcount = number()?,
            "co_nlocals" => drop(number()?),
            "co_stacksize" => new.stacksize = number()?,
            "co_flags" => new.flags = number()?,
            "co_firstlineno" => new.firstlineno = number()? as i32,
            "co_code" => new.code = bytes()?,
            "co_consts" => {
                if value.downcast::<Tuple>().is_none() {
                    return Err(raise!(
                        TypeError,
                        "replace() argument 'co_consts' must be tuple, not {}",
                        value.class().name()
                    ));
                }
                consts = value.clone();
            }
            "co_names" => new.names = texts()?,
            "co_varnames" => varnames = Some(texts()?),
            "co_freevars" => freevars = Some(texts()?),
            "co_cellvars" => cellvars = Some(texts()?),
            "co_filename" => new.filename = text()?,
            "co_name" => new.name = text()?,
            "co_qualname" => new.qualname = text()?,
            "co_linetable" => new.linetable = bytes()?,
            "co_exceptiontable" => new.exceptiontable = bytes()?,
            other => return Err(raise!(TypeError, "replace() got an unexpected keyword argument '{other}'")),
        }
    }
    if varnames.is_some() || cellvars.is_some() || freevars.is_some() {
        let varnames = varnames.unwrap_or_else(|| new.varnames());
        let cellvars = cellvars.unwrap_or_else(|| new.cellvars());
        let freevars = freevars.unwrap_or_else(|| new.freevars());
        set_localsplus(&mut new, varnames, cellvars, freevars);
    }
    Ok((new, consts))
}

/// Lays locals, cells and free variables out as frames have them.
pub fn set_localsplus(code: &mut CodeObject, varnames: Vec<WStr>, cellvars: Vec<WStr>, freevars: Vec<WStr>) {
    use pyrs_bytecode::local_kind::{CELL, FREE, LOCAL};
    let (mut all, mut kinds) = (Vec::new(), Vec::new());
    for name in varnames {
        let cell = if cellvars.contains(&name) { CELL } else { 0 };
        all.push(name);
        kinds.push(LOCAL | cell);
    }
    for name in cellvars {
        if !all.contains(&name) {
            all.push(name);
            kinds.push(CELL);
        }
    }
    for name in freevars {
        all.push(name);
        kinds.push(FREE);
    }
    code.localsplusnames = all;
    code.localspluskinds = kinds;
}

#[pymethods(part = METHODS)]
impl Code {
    #[new(
        sig = "(argcount, posonlyargcount, kwonlyargcount, nlocals, stacksize, flags, codestring, constants, names, varnames, filename, name, qualname, firstlineno, linetable, exceptiontable, freevars=None, cellvars=None, /)"
    )]
    #[allow(clippy::too_many_arguments)]
    fn py_new(
        cls: &crate::types::Type,
        argcount: u32,
        posonlyargcount: u32,
        kwonlyargcount: u32,
        nlocals: u32,
        stacksize: u32,
        flags: u32,
        codestring: &Object<Bytes>,
        constants: &Object<Tuple>,
        names: &Object<Tuple>,
        varnames: &Object<Tuple>,
        filename: &Object<Str>,
        name: &Object<Str>,
        qualname: &Object<Str>,
        firstlineno: i32,
        linetable: &Object<Bytes>,
        exceptiontable: &Object<Bytes>,
        freevars: Option<&Object<Tuple>>,
        cellvars: Option<&Object<Tuple>>,
    ) -> PyResult<Obj> {
        let _ = (cls, nlocals);
        let texts = |tuple: &Object<Tuple>| -> PyResult<Vec<WStr>> {
            tuple
                .items()
                .iter()
                .map(|i| {
                    i.downcast::<Str>().map(|s| s.to_wstr()).ok_or_else(|| {
                        raise!(TypeError, "name tuples must contain only strings, not '{}'", i.class().name())
                    })
                })
                .collect()
        };
        let mut code = CodeObject {
            argcount,
            posonlyargcount,
            kwonlyargcount,
            stacksize,
            flags,
            code: codestring.as_slice().to_vec(),
            names: texts(names)?,
            filename: filename.to_wstr(),
            name: name.to_wstr(),
            qualname: qualname.to_wstr(),
            firstlineno,
            linetable: linetable.as_slice().to_vec(),
            exceptiontable: exceptiontable.as_slice().to_vec(),
            ..CodeObject::default()
        };
        let free = freevars.map_or_else(|| Ok(Vec::new()), texts)?;
        let cells = cellvars.map_or_else(|| Ok(Vec::new()), texts)?;
        set_localsplus(&mut code, texts(varnames)?, cells, free);
        Ok(Code::with_consts(code.into(), constants.to_ptr()).into_obj())
    }

    #[slot(repr)]
    fn repr(this: &Object<Code>) -> PyResult<Obj> {
        Ok(Str::new(&format!(
            "<code object {} at {:#x}, file \"{}\", line {}>",
            this.name.to_string_lossy(),
            this.as_obj().id(),
            this.filename_text(),
            this.source.firstlineno
        ))
        .into_obj())
    }

    #[slot(hash)]
    fn hash(&self) -> PyResult<i64> {
        let mut h = self.name.hash() ^ compare::hash(&self.names.as_obj())?;
        h ^= crate::objects::str::hash_bytes(&self.source.code);
        h ^= (self.source.firstlineno as i64) ^ ((self.argcount as i64) << 8) ^ ((self.flags as i64) << 16);
        Ok(if h == -1 { -2 } else { h })
    }

    #[slot(richcompare)]
    fn compare(&self, other: &Obj, op: CompareOp) -> PyResult<Obj> {
        let Some(other) = other.exact::<Code>() else { return Ok(not_implemented()) };
        if !matches!(op, CompareOp::Eq | CompareOp::Ne) {
            return Ok(not_implemented());
        }
        let (a, b) = (&self.source, &other.source);
        let mut same = a.name == b.name
            && (a.argcount, a.posonlyargcount, a.kwonlyargcount, a.flags, a.firstlineno)
                == (b.argcount, b.posonlyargcount, b.kwonlyargcount, b.flags, b.firstlineno)
            && a.code == b.code
            && a.names == b.names
            && a.localsplusnames == b.localsplusnames
            && a.localspluskinds == b.localspluskinds
            && a.linetable == b.linetable
            && a.exceptiontable == b.exceptiontable
            && self.consts.len() == other.consts.len();
        if same {
            for (x, y) in self.consts.items().iter().zip(other.consts.items()) {
                same &= std::ptr::eq(x.class(), y.class()) && compare::equal(x, y)?;
            }
        }
        Ok(bool_obj(same == (op == CompareOp::Eq)))
    }

    #[getter]
    fn co_argcount(&self) -> usize {
        self.argcount
    }

    #[getter]
    fn co_posonlyargcount(&self) -> u32 {
        self.source.posonlyargcount
    }

    #[getter]
    fn co_kwonlyargcount(&self) -> usize {
        self.kwonlyargcount
    }

    #[getter]
    fn co_nlocals(&self) -> usize {
        self.nlocals
    }

    #[getter]
    fn co_stacksize(&self) -> u32 {
        self.source.stacksize
    }

    #[getter]
    fn co_flags(&self) -> u32 {
        self.flags
    }

    #[getter]
    fn co_code(&self) -> Obj {
        Bytes::new(&self.source.code).into_obj()
    }

    #[getter(name = "_co_code_adaptive")]
    fn co_code_adaptive(&self) -> Obj {
        Bytes::new(&self.adaptive_code()).into_obj()
    }

    #[getter]
    fn co_consts(&self) -> Obj {
        self.consts.to_obj()
    }

    #[getter]
    fn co_names(&self) -> Obj {
        self.names.to_obj()
    }

    #[getter]
    fn co_varnames(&self) -> Obj {
        names(self.source.varnames())
    }

    #[getter]
    fn co_cellvars(&self) -> Obj {
        names(self.source.cellvars())
    }

    #[getter]
    fn co_freevars(&self) -> Obj {
        names(self.source.freevars())
    }

    #[getter]
    fn co_filename(&self) -> Option<Obj> {
        self.filename.get()
    }

    #[getter]
    fn co_name(&self) -> Obj {
        self.name.to_obj()
    }

    #[getter]
    fn co_qualname(&self) -> Obj {
        self.qualname.to_obj()
    }

    #[getter]
    fn co_firstlineno(&self) -> i32 {
        self.source.firstlineno
    }

    #[getter]
    fn co_linetable(&self) -> Obj {
        Bytes::new(&self.source.linetable).into_obj()
    }

    #[getter]
    fn co_lnotab(&self) -> PyResult<Obj> {
        let text = "co_lnotab is deprecated, use co_lines instead.";
        (crate::hooks::hooks().warn)(DeprecationWarning::class(), text, 1)?;
        let mut table = Vec::new();
        let (mut at, mut line) = (0, self.source.firstlineno);
        for entry in self.source.locations() {
            let Some(next) = entry.position.line.filter(|next| *next != line) else { continue };
            push_line_step(&mut table, entry.start - at, next - line);
            (at, line) = (entry.start, next);
        }
        Ok(Bytes::new(&table).into_obj())
    }

    #[getter]
    fn co_exceptiontable(&self) -> Obj {
        Bytes::new(&self.source.exceptiontable).into_obj()
    }

    /// Return a copy of the code object with new values for the specified fields.
    #[pymethod(text_signature = "($self, /, **changes)")]
    fn replace(&self, args: crate::call::Args<'_>) -> PyResult<Obj> {
        if args.nargs != 0 {
            return Err(raise!(TypeError, "replace() takes 0 positional arguments but {} were given", args.nargs));
        }
        let (source, consts) = replaced(self, args)?;
        let consts = consts.downcast::<Tuple>().expect("checked").to_ptr();
        Ok(Code::with_consts(source.into(), consts).into_obj())
    }

    #[pymethod(name = "__replace__", text_signature = "($self, /, **changes)")]
    fn dunder_replace(&self, args: crate::call::Args<'_>) -> PyResult<Obj> {
        self.replace(args)
    }

    #[pymethod]
    fn co_lines(&self) -> PyResult<Obj> {
        let mut rows: Vec<(u32, u32, Option<i32>)> = Vec::new();
        for entry in self.source.locations() {
            let line = entry.position.line;
            match rows.last_mut() {
                Some(last) if last.2 == line && last.1 == entry.start => last.1 = entry.end,
                _ => rows.push((entry.start, entry.end, line)),
            }
        }
        let rows = rows
            .into_iter()
            .map(|(a, b, line)| {
                Tuple::from_vec(vec![int::new(a as i64), int::new(b as i64), optional_int(line)]).into_obj()
            })
            .collect();
        crate::protocols::iter::iter(&crate::objects::list::List::from_vec(rows).into_obj())
    }

    #[pymethod]
    fn co_positions(&self) -> PyResult<Obj> {
        let mut rows = Vec::new();
        for p in self.source.positions() {
            let row = [p.line, p.end_line, p.column, p.end_column].map(optional_int);
            rows.push(Tuple::from_slice(&row).into_obj());
        }
        crate::protocols::iter::iter(&crate::objects::list::List::from_vec(rows).into_obj())
    }

    #[pymethod]
    fn co_branches(&self) -> PyResult<Obj> {
        let mut rows = Vec::new();
        for (offset, opcode, arg) in self.source.instructions() {
            use pyrs_bytecode::Opcode;
            let next = offset as i64 + 2 + 2 * opcode.cache_entries() as i64;
            let jump = next + 2 * arg as i64;
            let pair = match opcode {
                Opcode::PopJumpIfFalse | Opcode::PopJumpIfTrue | Opcode::PopJumpIfNone | Opcode::PopJumpIfNotNone => {
                    (next + 2, jump)
                }
                Opcode::ForIter => (next, jump + 2),
                Opcode::EndAsyncFor => (next, jump),
                _ => continue,
            };
            let row = [int::new(offset as i64), int::new(pair.0), int::new(pair.1)];
            rows.push(Tuple::from_slice(&row).into_obj());
        }
        crate::protocols::iter::iter(&crate::objects::list::List::from_vec(rows).into_obj())
    }

    #[pymethod(name = "_varname_from_oparg")]
    fn varname_from_oparg(&self, oparg: usize) -> PyResult<Obj> {
        let names = self.localsplusnames.items();
        names.get(oparg).cloned().ok_or_else(|| raise!(IndexError, "tuple index out of range"))
    }
}

/// One step of the old line table: pairs of a byte for the offset and a signed one for the line.
fn push_line_step(table: &mut Vec<u8>, mut bytes: u32, mut lines: i32) {
    while bytes > 255 {
        table.extend([255, 0]);
        bytes -= 255;
    }
    while !(-128..=127).contains(&lines) {
        let part = lines.clamp(-128, 127);
        table.extend([bytes as u8, part as i8 as u8]);
        bytes = 0;
        lines -= part;
    }
    table.extend([bytes as u8, lines as i8 as u8]);
}
