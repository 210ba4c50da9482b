//! `builtins`.

use pyrs_macros::pymodule;

/// Built-in functions, types, exceptions, and other objects.
///
/// This module provides direct access to all 'built-in'
/// identifiers of Python; for example, builtins.len is
/// the full name for the built-in function len().
///
/// This module is not normally accessed explicitly by most
/// applications, but can be useful in modules that provide
/// objects with the same name as a builtin and need access
/// to the built-in of that name.
#[pymodule(name = "builtins")]
pub mod builtins {
    use pyrs_interp::frame;
    use pyrs_runtime::args::Maybe;
    use pyrs_runtime::call::{self, Args};
    use pyrs_runtime::errors::{PyResult, raise_stop_iteration};
    use pyrs_runtime::object::{Obj, Object, PyClass};
    use pyrs_runtime::objects::code::Code;
    use pyrs_runtime::objects::dict::Dict;
    use pyrs_runtime::objects::list::List;
    use pyrs_runtime::objects::module::Module;
    use pyrs_runtime::objects::singletons::{ellipsis, none, not_implemented};
    use pyrs_runtime::objects::str::Str;
    use pyrs_runtime::objects::tuple::Tuple;
    use pyrs_runtime::objects::{int, iter as iterators};
    use pyrs_runtime::protocols::{attr, compare, iter as iteration, number, text, truth};
    use pyrs_runtime::types::slots::CompareOp;
    use pyrs_runtime::{name, raise, thread};

    use crate::core::compile as compiling;

    /// __build_class__(func, name, /, *bases, [metaclass], **kwds) -> class
    ///
    /// Internal helper function used by the class statement.
    #[pyfunction]
    fn __build_class__(args: Args<'_>) -> PyResult<Obj> {
        pyrs_interp::ops::call::build_class(args)
    }

    /// Import a module.
    ///
    /// Because this function is meant for use by the Python
    /// interpreter and not for general use, it is better to use
    /// importlib.import_module() to programmatically import a module.
    #[pyfunction(sig = "(name, globals=None, locals=None, fromlist=(), level=0)")]
    fn __import__(
        name: &Obj,
        globals: Option<&Obj>,
        locals: Option<&Obj>,
        fromlist: Option<&Obj>,
        level: Option<i64>,
    ) -> PyResult<Obj> {
        let _ = locals;
        crate::core::import::import_with_level(name, globals, fromlist, level.unwrap_or(0))
    }

    /// Return the absolute value of the argument.
    #[pyfunction]
    fn abs(number: &Obj) -> PyResult<Obj> {
        number::absolute(number)
    }

    /// Return True if bool(x) is True for all values x in the iterable.
    ///
    /// If the iterable is empty, return True.
    #[pyfunction]
    fn all(iterable: &Obj) -> PyResult<bool> {
        iteration::all(iterable)
    }

    /// Return True if bool(x) is True for any x in the iterable.
    ///
    /// If the iterable is empty, return False.
    #[pyfunction]
    fn any(iterable: &Obj) -> PyResult<bool> {
        iteration::any(iterable)
    }

    /// Return an ASCII-only representation of an object.
    ///
    /// As repr(), return a string containing a printable representation of an
    /// object, but escape the non-ASCII characters in the string returned by
    /// repr() using \\x, \\u or \\U escapes. This generates a string similar
    /// to that returned by repr() in Python 2.
    #[pyfunction]
    fn ascii(obj: &Obj) -> PyResult<Obj> {
        text::ascii(obj).map(Into::into)
    }

    /// Return an AsyncIterator for an AsyncIterable object.
    #[pyfunction]
    fn aiter(async_iterable: &Obj) -> PyResult<Obj> {
        let Some(f) = async_iterable.class().slots().aiter else {
            return Err(raise!(TypeError, "'{}' object is not an async iterable", async_iterable.class().name()));
        };
        let result = f(async_iterable)?;
        if result.class().slots().anext.is_none() {
            return Err(raise!(
                TypeError,
                "aiter() returned not an async iterator of type '{}'",
                result.class().name()
            ));
        }
        Ok(result)
    }

    /// Return the next item from the async iterator.
    ///
    /// If default is given and the async iterator is exhausted,
    /// it is returned instead of raising StopAsyncIteration.
    #[pyfunction(sig = "(async_iterator, default=<unrepresentable>, /)")]
    fn anext(async_iterator: &Obj, default: Maybe<Obj>) -> PyResult<Obj> {
        let Some(f) = async_iterator.class().slots().anext else {
            return Err(raise!(TypeError, "'{}' object is not an async iterator", async_iterator.class().name()));
        };
        let awaitable = f(async_iterator)?;
        Ok(match default.0 {
            Some(default) => pyrs_interp::async_generator::anext_with_default(awaitable, default),
            None => awaitable,
        })
    }

    fn radix_text(number: &Obj, radix: u32, prefix: &str) -> PyResult<String> {
        let index = number::index(number)?;
        let n = int::to_bigint(&index).expect("index() gives an int");
        let (sign, magnitude) = n.into_parts();
        let sign = if sign == num_bigint::Sign::Minus { "-" } else { "" };
        Ok(format!("{sign}{prefix}{}", magnitude.to_str_radix(radix)))
    }

    /// Return the binary representation of an integer.
    ///
    ///    >>> bin(2796202)
    ///    '0b1010101010101010101010'
    #[pyfunction]
    fn bin(number: &Obj) -> PyResult<String> {
        radix_text(number, 2, "0b")
    }

    /// Return the octal representation of an integer.
    ///
    ///    >>> oct(342391)
    ///    '0o1234567'
    #[pyfunction]
    fn oct(number: &Obj) -> PyResult<String> {
        radix_text(number, 8, "0o")
    }

    /// Return the hexadecimal representation of an integer.
    ///
    ///    >>> hex(12648430)
    ///    '0xc0ffee'
    #[pyfunction]
    fn hex(number: &Obj) -> PyResult<String> {
        radix_text(number, 16, "0x")
    }

    /// Call sys.breakpointhook(*args, **kws).
    ///
    /// sys.breakpointhook() must accept whatever arguments are passed.
    ///
    /// By default, this drops you into the pdb debugger.
    #[pyfunction(text_signature = "($module, /, *args, **kws)")]
    fn breakpoint(args: Args<'_>) -> PyResult<Obj> {
        match crate::core::sys_attribute("breakpointhook") {
            Some(hook) => call::call_args(&hook, args),
            None => Err(raise!(RuntimeError, "lost sys.breakpointhook")),
        }
    }

    /// Return whether the object is callable (i.e., some kind of function).
    ///
    /// Note that classes are callable, as are instances of classes with a
    /// __call__() method.
    #[pyfunction]
    fn callable(obj: &Obj) -> bool {
        obj.class().slots().call.is_some()
    }

    /// Return a Unicode string of one character with ordinal i; 0 <= i <= 0x10ffff.
    #[pyfunction]
    fn chr(i: &Obj) -> PyResult<Obj> {
        let index = number::index(i)?;
        match int::to_i64(&index) {
            Some(n) if (0..0x11_0000).contains(&n) => Ok(Str::from_char(n as u32).into()),
            _ => Err(raise!(ValueError, "chr() arg not in range(0x110000)")),
        }
    }

    /// Compile source into a code object that can be executed by exec() or eval().
    ///
    /// The source code may represent a Python module, statement or expression.
    /// The filename will be used for run-time error messages.
    /// The mode must be 'exec' to compile a module, 'single' to compile a
    /// single (interactive) statement, or 'eval' to compile an expression.
    /// The flags argument, if present, controls which future statements influence
    /// the compilation of the code.
    /// The dont_inherit argument, if true, stops the compilation inheriting
    /// the effects of any future statements in effect in the code calling
    /// compile; if absent or false these statements do influence the compilation,
    /// in addition to any features explicitly specified.
    #[pyfunction(sig = "(source, filename, mode, flags=0, dont_inherit=False, optimize=-1, *, _feature_version=-1)")]
    fn compile(
        source: &Obj,
        filename: &Obj,
        mode: &Object<Str>,
        flags: i64,
        dont_inherit: bool,
        optimize: i64,
        _feature_version: i64,
    ) -> PyResult<Obj> {
        compiling::compile(source, filename, &mode.to_string_lossy(), flags, dont_inherit, optimize)
    }

    /// Deletes the named attribute from the given object.
    ///
    /// delattr(x, 'y') is equivalent to ``del x.y``
    #[pyfunction]
    fn delattr(obj: &Obj, name: &Obj) -> PyResult<()> {
        attr::setattr(obj, &*attr::name_of(name)?, None)
    }

    /// dir([object]) -> list of strings
    ///
    /// If called without an argument, return the names in the current scope.
    /// Else, return an alphabetized list of names comprising (some of) the attributes
    /// of the given object, and of attributes reachable from it.
    /// If the object supplies a method named __dir__, it will be used; otherwise
    /// the default dir() logic is used and returns:
    ///   for a module object: the module's attributes.
    ///   for a class object:  its attributes, and recursively the attributes
    ///     of its bases.
    ///   for any other object: its attributes, its class's attributes, and
    ///     recursively the attributes of its class's base classes.
    #[pyfunction(sig = "(object=<unrepresentable>, /)", text_signature = "")]
    fn dir(object: Maybe<Obj>) -> PyResult<Obj> {
        let names = match object.0 {
            Some(object) => match call::call_special(&object, name!("__dir__"), &[])? {
                Some(names) => iteration::collect(&names)?,
                None => return Err(raise!(TypeError, "object does not provide __dir__")),
            },
            None => iteration::collect(&call::call_method(&current_locals()?, "keys", &[])?)?,
        };
        let list = List::from_vec(names);
        call::call_method(&list.as_obj(), "sort", &[])?;
        Ok(list.into())
    }

    /// Return the tuple (x//y, x%y).  Invariant: div*y + mod == x.
    #[pyfunction]
    fn divmod(x: &Obj, y: &Obj) -> PyResult<Obj> {
        number::divmod(x, y)
    }

    fn current_locals() -> PyResult<Obj> {
        let top = frame::current(thread::current());
        if top.is_null() {
            return Err(raise!(SystemError, "frame does not exist"));
        }
        crate::core::frames::locals_of(top)
    }

    fn current_globals() -> PyResult<Obj> {
        frame::current_globals(thread::current()).ok_or_else(|| raise!(SystemError, "globals do not exist"))
    }

    /// The namespaces for `exec` and `eval`.
    fn namespaces(function: &str, globals: Option<&Obj>, locals: Option<&Obj>) -> PyResult<(Obj, Obj)> {
        let locals_given = locals.filter(|l| !l.is_none());
        if let Some(locals) = locals_given
            && locals.class().slots().getitem.is_none()
        {
            return Err(raise!(
                TypeError,
                "{function}() locals must be a mapping or None, not {}",
                locals.class().name()
            ));
        }
        let (globals, locals) = match globals.filter(|g| !g.is_none()) {
            Some(globals) => {
                let locals = locals_given.unwrap_or(globals).clone();
                (globals.clone(), locals)
            }
            None => {
                let locals = match locals_given {
                    Some(l) => l.clone(),
                    None => current_locals()?,
                };
                (current_globals()?, locals)
            }
        };
        let Some(dict) = globals.downcast::<Dict>() else {
            return Err(raise!(TypeError, "{function}() globals must be a dict, not {}", globals.class().name()));
        };
        if dict.get_str(name!("__builtins__"))?.is_none() {
            let builtins = thread::runtime().builtins.get().expect("builtins are set up at start");
            dict.set_str(name!("__builtins__"), builtins)?;
        }
        Ok((globals, locals))
    }

    fn run(function: &str, code: &Object<Code>, globals: &Obj, locals: &Obj, closure: Option<&Obj>) -> PyResult<Obj> {
        let globals = globals.downcast::<Dict>().expect("checked");
        let closure = match closure.filter(|c| !c.is_none()) {
            None => {
                if code.nfrees > 0 {
                    return Err(raise!(TypeError, "code object passed to {function}() may not contain free variables"));
                }
                None
            }
            Some(closure) => {
                let ok = closure.exact::<Tuple>().filter(|t| {
                    t.len() == code.nfrees
                        && t.items().iter().all(|c| c.exact::<pyrs_runtime::objects::cell::Cell>().is_some())
                });
                match ok {
                    _ if code.nfrees == 0 => {
                        return Err(raise!(TypeError, "cannot use a closure with this code object"));
                    }
                    None => {
                        return Err(raise!(
                            TypeError,
                            "code object requires a closure of exactly length {}",
                            code.nfrees
                        ));
                    }
                    some => some,
                }
            }
        };
        pyrs_interp::eval::run_code(code, globals, locals, closure)
    }

    /// Evaluate the given source in the context of globals and locals.
    ///
    /// The source may be a string representing a Python expression
    /// or a code object as returned by compile().
    /// The globals must be a dictionary and locals can be any mapping,
    /// defaulting to the current globals and locals.
    /// If only globals is given, locals defaults to it.
    #[pyfunction(sig = "(source, /, globals=None, locals=None)")]
    fn eval(source: &Obj, globals: Option<&Obj>, locals: Option<&Obj>) -> PyResult<Obj> {
        let (globals, locals) = namespaces("eval", globals, locals)?;
        if let Some(code) = source.exact::<Code>() {
            return run("eval", code, &globals, &locals, None);
        }
        let code = compiling::compile_for("eval", source, "eval")?;
        run("eval", code.exact::<Code>().expect("compile gives code"), &globals, &locals, None)
    }

    /// Execute the given source in the context of globals and locals.
    ///
    /// The source may be a string representing one or more Python statements
    /// or a code object as returned by compile().
    /// The globals must be a dictionary and locals can be any mapping,
    /// defaulting to the current globals and locals.
    /// If only globals is given, locals defaults to it.
    /// The closure must be a tuple of cellvars, and can only be used
    /// when source is a code object requiring exactly that many cellvars.
    #[pyfunction(sig = "(source, /, globals=None, locals=None, *, closure=None)")]
    fn exec(source: &Obj, globals: Option<&Obj>, locals: Option<&Obj>, closure: Option<&Obj>) -> PyResult<()> {
        let (globals, locals) = namespaces("exec", globals, locals)?;
        if let Some(code) = source.exact::<Code>() {
            return run("exec", code, &globals, &locals, closure).map(drop);
        }
        if closure.is_some() {
            return Err(raise!(TypeError, "closure can only be used when source is a code object"));
        }
        let code = compiling::compile_for("exec", source, "exec")?;
        run("exec", code.exact::<Code>().expect("compile gives code"), &globals, &locals, None).map(drop)
    }

    /// Return type(value).__format__(value, format_spec)
    ///
    /// Many built-in types implement format_spec according to the
    /// Format Specification Mini-language. See help('FORMATTING') for details.
    ///
    /// If type(value) does not supply a method named __format__
    /// and format_spec is empty, then str(value) is returned.
    #[pyfunction(sig = "(value, format_spec='', /)")]
    fn format(value: &Obj, format_spec: Maybe<&Object<Str>>) -> PyResult<Obj> {
        let spec = match format_spec.0 {
            Some(spec) => spec.to_obj(),
            None => Str::empty().into(),
        };
        text::format(value, &spec).map(Into::into)
    }

    /// getattr(object, name[, default]) -> value
    ///
    /// Get a named attribute from an object; getattr(x, 'y') is equivalent to x.y.
    /// When a default argument is given, it is returned when the attribute doesn't
    /// exist; without it, an exception is raised in that case.
    #[pyfunction(sig = "(object, name, default=<unrepresentable>, /)", text_signature = "")]
    fn getattr(object: &Obj, name: &Obj, default: Maybe<Obj>) -> PyResult<Obj> {
        let name = attr::name_of(name)?;
        match default.0 {
            None => attr::getattr(object, &name),
            Some(default) => Ok(attr::getattr_optional(object, &name)?.unwrap_or(default)),
        }
    }

    /// Return the dictionary containing the current scope's global variables.
    ///
    /// NOTE: Updates to this dictionary *will* affect name lookups in the current
    /// global scope and vice-versa.
    #[pyfunction]
    fn globals() -> PyResult<Obj> {
        current_globals()
    }

    /// Return whether the object has an attribute with the given name.
    ///
    /// This is done by calling getattr(obj, name) and catching AttributeError.
    #[pyfunction]
    fn hasattr(obj: &Obj, name: &Obj) -> PyResult<bool> {
        let name = attr::name_of(name)?;
        Ok(attr::getattr_optional(obj, &name)?.is_some())
    }

    /// Return the hash value for the given object.
    ///
    /// Two objects that compare equal must also have the same hash value, but the
    /// reverse is not necessarily true.
    #[pyfunction]
    fn hash(obj: &Obj) -> PyResult<i64> {
        compare::hash(obj)
    }

    /// Return the identity of an object.
    ///
    /// This is guaranteed to be unique among simultaneously existing objects.
    /// (CPython uses the object's memory address.)
    #[pyfunction]
    fn id(obj: &Obj) -> u64 {
        obj.id()
    }

    /// Read a string from standard input.  The trailing newline is stripped.
    ///
    /// The prompt string, if given, is printed to standard output without a
    /// trailing newline before reading input.
    ///
    /// If the user hits EOF (*nix: Ctrl-D, Windows: Ctrl-Z+Return), raise EOFError.
    /// On *nix systems, readline is used if available.
    #[pyfunction(sig = "(prompt='', /)")]
    fn input(prompt: Maybe<Obj>) -> PyResult<Obj> {
        let stream = |n: &str| {
            crate::core::sys_attribute(n)
                .filter(|s| !s.is_none())
                .ok_or_else(|| raise!(RuntimeError, "input(): lost sys.{n}"))
        };
        let (stdin, stdout, stderr) = (stream("stdin")?, stream("stdout")?, stream("stderr")?);
        call::call_method(&stderr, "flush", &[])?;
        if let Some(prompt) = prompt.0 {
            let shown = text::str(&prompt)?;
            call::call_method(&stdout, "write", &[shown.into()])?;
        }
        call::call_method(&stdout, "flush", &[])?;
        let line = call::call_method(&stdin, "readline", &[])?;
        let Some(line) = line.downcast::<Str>() else {
            return Err(raise!(TypeError, "object.readline() returned non-string"));
        };
        if line.is_empty() {
            return Err(raise!(EOFError, "EOF when reading a line"));
        }
        let end = if line.get_char(line.len() - 1) == Some('\n' as u32) { line.len() - 1 } else { line.len() };
        Ok(Str::from_data(line.data().slice(0, end)).into())
    }

    /// Return whether an object is an instance of a class or of a subclass thereof.
    ///
    /// A tuple, as in ``isinstance(x, (A, B, ...))``, may be given as the target to
    /// check against. This is equivalent to ``isinstance(x, A) or isinstance(x, B)
    /// or ...`` etc.
    #[pyfunction]
    fn isinstance(obj: &Obj, class_or_tuple: &Obj) -> PyResult<bool> {
        attr::is_instance(obj, class_or_tuple)
    }

    /// Return whether 'cls' is derived from another class or is the same class.
    ///
    /// A tuple, as in ``issubclass(x, (A, B, ...))``, may be given as the target to
    /// check against. This is equivalent to ``issubclass(x, A) or issubclass(x, B)
    /// or ...``.
    #[pyfunction]
    fn issubclass(cls: &Obj, class_or_tuple: &Obj) -> PyResult<bool> {
        attr::is_subclass(cls, class_or_tuple)
    }

    /// iter(iterable) -> iterator
    /// iter(callable, sentinel) -> iterator
    ///
    /// Get an iterator from an object.
    /// In the first form, the argument must supply its own iterator, or be a sequence.
    /// In the second form, the callable is called until it returns the sentinel.
    #[pyfunction(sig = "(object, sentinel=<unrepresentable>, /)", text_signature = "")]
    fn iter(object: &Obj, sentinel: Maybe<&Obj>) -> PyResult<Obj> {
        match sentinel.0 {
            None => iteration::iter(object),
            Some(sentinel) => iterators::callable_iterator(object, sentinel),
        }
    }

    /// Return the number of items in a container.
    #[pyfunction]
    fn len(obj: &Obj) -> PyResult<usize> {
        truth::len(obj)
    }

    /// Return a dictionary containing the current scope's local variables.
    ///
    /// NOTE: Whether or not updates to this dictionary will affect name lookups in
    /// the local scope and vice-versa is *implementation dependent* and not
    /// covered by any backwards compatibility guarantees.
    #[pyfunction]
    fn locals() -> PyResult<Obj> {
        current_locals()
    }

    /// `a < b` or `a > b`, as a truth value.
    #[inline]
    fn ranks_before(a: &Obj, b: &Obj, op: CompareOp) -> PyResult<bool> {
        let (x, y) = (a.value(), b.value());
        if x.is_fixnum() && y.is_fixnum() {
            return Ok(op.matches(x.as_fixnum().cmp(&y.as_fixnum())));
        }
        truth::is_true(&compare::rich_compare(a, b, op)?)
    }

    fn extreme(function: &str, args: Args<'_>, op: CompareOp) -> PyResult<Obj> {
        let (mut key, mut default) = (None, None);
        for (name, value) in args.keywords() {
            if name.eq_str("key") {
                key = Some(value.clone()).filter(|k| !k.is_none());
            } else if name.eq_str("default") {
                default = Some(value.clone());
            } else {
                return Err(raise!(
                    TypeError,
                    "{function}() got an unexpected keyword argument '{}'",
                    name.to_string_lossy()
                ));
            }
        }
        if let [first, rest @ ..] = args.positionals()
            && !rest.is_empty()
            && !args.has_keywords()
        {
            let mut best = first;
            for item in rest {
                if ranks_before(item, best, op)? {
                    best = item;
                }
            }
            return Ok(best.clone());
        }
        let items = match args.positionals() {
            [] => return Err(raise!(TypeError, "{function} expected at least 1 argument, got 0")),
            [one] => iteration::iter(one)?,
            many => {
                if default.is_some() {
                    return Err(raise!(
                        TypeError,
                        "Cannot specify a default for {function}() with multiple positional arguments"
                    ));
                }
                iteration::iter(&Tuple::from_slice(many).into())?
            }
        };
        let mut best: Option<(Obj, Obj)> = None;
        while let Some(item) = iteration::next(&items)? {
            let rank = match &key {
                Some(key) => call::call(key, std::slice::from_ref(&item))?,
                None => item.clone(),
            };
            let better = match &best {
                Some((_, best_rank)) => ranks_before(&rank, best_rank, op)?,
                None => true,
            };
            if better {
                best = Some((item, rank));
            }
        }
        match (best, default) {
            (Some((item, _)), _) => Ok(item),
            (None, Some(default)) => Ok(default),
            (None, None) => Err(raise!(ValueError, "{function}() iterable argument is empty")),
        }
    }

    /// max(iterable, *[, default=obj, key=func]) -> value
    /// max(arg1, arg2, *args, *[, key=func]) -> value
    ///
    /// With a single iterable argument, return its biggest item. The
    /// default keyword-only argument specifies an object to return if
    /// the provided iterable is empty.
    /// With two or more positional arguments, return the largest argument.
    #[pyfunction]
    fn max(args: Args<'_>) -> PyResult<Obj> {
        extreme("max", args, CompareOp::Gt)
    }

    /// min(iterable, *[, default=obj, key=func]) -> value
    /// min(arg1, arg2, *args, *[, key=func]) -> value
    ///
    /// With a single iterable argument, return its smallest item. The
    /// default keyword-only argument specifies an object to return if
    /// the provided iterable is empty.
    /// With two or more positional arguments, return the smallest argument.
    #[pyfunction]
    fn min(args: Args<'_>) -> PyResult<Obj> {
        extreme("min", args, CompareOp::Lt)
    }

    /// next(iterator[, default])
    ///
    /// Return the next item from the iterator. If default is given and the iterator
    /// is exhausted, it is returned instead of raising StopIteration.
    #[pyfunction(sig = "(iterator, default=<unrepresentable>, /)", text_signature = "")]
    fn next(iterator: &Obj, default: Maybe<Obj>) -> PyResult<Obj> {
        let Some(f) = iterator.class().slots().iternext else {
            return Err(raise!(TypeError, "'{}' object is not an iterator", iterator.class().name()));
        };
        let stop = pyrs_runtime::objects::exceptions::StopIteration::class();
        match (f(iterator), default.0) {
            (Ok(Some(item)), _) => Ok(item),
            (Ok(None), Some(default)) => Ok(default),
            (Ok(None), None) => Err(raise_stop_iteration(&none())),
            (Err(raised), Some(default)) if raised.matches(stop) => {
                raised.discard();
                Ok(default)
            }
            (Err(raised), _) => Err(raised),
        }
    }

    /// Return the ordinal value of a character.
    ///
    /// If the argument is a one-character string, return the Unicode code
    /// point of that character.
    ///
    /// If the argument is a bytes or bytearray object of length 1, return its
    /// single byte value.
    #[pyfunction]
    fn ord(character: &Obj) -> PyResult<i64> {
        if let Some(s) = character.downcast::<Str>() {
            return match s.len() {
                1 => Ok(s.get_char(0).expect("one character") as i64),
                n => Err(raise!(TypeError, "ord() expected a character, but string of length {n} found")),
            };
        }
        match pyrs_runtime::objects::bytes::bytes_or_bytearray(character) {
            Some(bytes) if bytes.len() == 1 => Ok(bytes[0] as i64),
            Some(bytes) => {
                Err(raise!(TypeError, "ord() expected a character, but string of length {} found", bytes.len()))
            }
            None => Err(raise!(TypeError, "ord() expected string of length 1, but {} found", character.class().name())),
        }
    }

    /// Equivalent to base**exp with 2 arguments or base**exp % mod with 3 arguments.
    ///
    /// Some types, such as ints, are able to use a more efficient algorithm when
    /// invoked using the three argument form.
    #[pyfunction(sig = "(base, exp, mod=None)")]
    fn pow(base: &Obj, exp: &Obj, r#mod: Option<&Obj>) -> PyResult<Obj> {
        number::power(base, exp, r#mod.unwrap_or(&none()))
    }

    /// Prints the values to a stream, or to sys.stdout by default.
    ///
    ///   sep
    ///     string inserted between values, default a space.
    ///   end
    ///     string appended after the last value, default a newline.
    ///   file
    ///     a file-like object (stream); defaults to the current sys.stdout.
    ///   flush
    ///     whether to forcibly flush the stream.
    #[pyfunction(sig = "(*args, sep=' ', end='\\n', file=None, flush=False)")]
    fn print(args: &[Obj], sep: Option<&Obj>, end: Option<&Obj>, file: Option<&Obj>, flush: bool) -> PyResult<()> {
        let file = match file {
            Some(file) => file.clone(),
            None => match crate::core::sys_attribute("stdout") {
                Some(f) if f.is_none() => return Ok(()),
                Some(f) => f,
                None => return Err(raise!(RuntimeError, "lost sys.stdout")),
            },
        };
        for (what, value) in [("sep", sep), ("end", end)] {
            if let Some(v) = value
                && v.downcast::<Str>().is_none()
            {
                return Err(raise!(TypeError, "{what} must be None or a string, not {}", v.class().name()));
            }
        }
        if crate::io::text::writes_directly(&file)? {
            let mut pieces = Vec::with_capacity(2 * args.len() + 1);
            for (i, arg) in args.iter().enumerate() {
                if i > 0 {
                    pieces.push(sep.cloned().unwrap_or_else(|| Str::intern(" ").into()));
                }
                pieces.push(text::str(arg)?.into());
            }
            pieces.push(end.cloned().unwrap_or_else(|| Str::intern("\n").into()));
            crate::io::text::write_pieces(&file, &pieces)?;
            if flush {
                call::call_method(&file, "flush", &[])?;
            }
            return Ok(());
        }
        let write = attr::getattr(&file, name!("write"))?;
        for (i, arg) in args.iter().enumerate() {
            if i > 0 {
                let sep = sep.cloned().unwrap_or_else(|| Str::new(" ").into());
                call::call(&write, &[sep])?;
            }
            call::call(&write, &[text::str(arg)?.into()])?;
        }
        let end = end.cloned().unwrap_or_else(|| Str::new("\n").into());
        call::call(&write, &[end])?;
        if flush {
            call::call_method(&file, "flush", &[])?;
        }
        Ok(())
    }

    /// Return the canonical string representation of the object.
    ///
    /// For many object types, including most builtins, eval(repr(obj)) == obj.
    #[pyfunction]
    fn repr(obj: &Obj) -> PyResult<Obj> {
        text::repr(obj).map(Into::into)
    }

    /// Round a number to a given precision in decimal digits.
    ///
    /// The return value is an integer if ndigits is omitted or None.  Otherwise
    /// the return value has the same type as the number.  ndigits may be negative.
    #[pyfunction(sig = "(number, ndigits=None)")]
    fn round(number: &Obj, ndigits: Option<Obj>) -> PyResult<Obj> {
        let args: Vec<Obj> = ndigits.into_iter().collect();
        match call::call_special(number, name!("__round__"), &args)? {
            Some(result) => Ok(result),
            None => Err(raise!(TypeError, "type {} doesn't define __round__ method", number.class().name())),
        }
    }

    /// Sets the named attribute on the given object to the specified value.
    ///
    /// setattr(x, 'y', v) is equivalent to ``x.y = v``
    #[pyfunction]
    fn setattr(obj: &Obj, name: &Obj, value: &Obj) -> PyResult<()> {
        let name = attr::name_of(name)?;
        attr::setattr(obj, &name, Some(value))
    }

    /// Return a new list containing all items from the iterable in ascending order.
    ///
    /// A custom key function can be supplied to customize the sort order, and the
    /// reverse flag can be set to request the result in descending order.
    #[pyfunction(text_signature = "($module, iterable, /, *, key=None, reverse=False)")]
    fn sorted(args: Args<'_>) -> PyResult<Obj> {
        let [iterable] = args.positionals() else {
            return Err(raise!(TypeError, "sorted expected 1 argument, got {}", args.nargs));
        };
        let list = List::from_vec(iteration::collect(iterable)?);
        let sort = attr::getattr(&list.as_obj(), name!("sort"))?;
        call::call_args(&sort, args.rest())?;
        Ok(list.into())
    }

    /// Return the sum of a 'start' value (default: 0) plus an iterable of numbers
    ///
    /// When the iterable is empty, return the start value.
    /// This function is intended specifically for use with numeric values and may
    /// reject non-numeric types.
    #[pyfunction(sig = "(iterable, /, start=0)")]
    fn sum(iterable: &Obj, start: Maybe<Obj>) -> PyResult<Obj> {
        let start = start.0.unwrap_or_else(|| int::new(0));
        if start.downcast::<Str>().is_some() {
            return Err(raise!(TypeError, "sum() can't sum strings [use ''.join(seq) instead]"));
        }
        if let Some(bytes) = pyrs_runtime::objects::bytes::bytes_or_bytearray(&start) {
            drop(bytes);
            return Err(raise!(TypeError, "sum() can't sum {} [use b''.join(seq) instead]", start.class().name()));
        }
        pyrs_runtime::protocols::sum::sum(iterable, start)
    }

    /// vars([object]) -> dictionary
    ///
    /// Without arguments, equivalent to locals().
    /// With an argument, equivalent to object.__dict__.
    #[pyfunction(sig = "(object=<unrepresentable>, /)", text_signature = "")]
    fn vars(object: Maybe<Obj>) -> PyResult<Obj> {
        match object.0 {
            None => current_locals(),
            Some(object) => match attr::getattr_optional(&object, name!("__dict__"))? {
                Some(dict) => Ok(dict),
                None => Err(raise!(TypeError, "vars() argument must have __dict__ attribute")),
            },
        }
    }

    #[module_exec]
    fn exec_module(module: &Object<Module>) -> PyResult<()> {
        let runtime = thread::runtime();
        if !runtime.all.is_set() {
            runtime.all.set(module.get("all"));
            runtime.any.set(module.get("any"));
        }
        for class in crate::core::builtin_classes() {
            let def = class();
            module.add(def.name, def.class.get().to_obj());
        }
        module.add("EnvironmentError", pyrs_runtime::objects::exceptions::OSError::class().to_obj());
        module.add("IOError", pyrs_runtime::objects::exceptions::OSError::class().to_obj());
        for (name, value) in [
            ("None", none()),
            ("True", pyrs_runtime::objects::singletons::bool_obj(true)),
            ("False", pyrs_runtime::objects::singletons::bool_obj(false)),
            ("Ellipsis", ellipsis()),
            ("NotImplemented", not_implemented()),
            ("__debug__", pyrs_runtime::objects::singletons::bool_obj(crate::core::flags().optimize == 0)),
        ] {
            module.add(name, value);
        }
        Ok(())
    }
}
