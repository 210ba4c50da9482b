//! Objects that are written by name, or by the call that makes them anew.

use pyrs_runtime::call;
use pyrs_runtime::errors::{PyResult, unless_raised};
use pyrs_runtime::object::{Obj, PyClass};
use pyrs_runtime::objects::dict::Dict;
use pyrs_runtime::objects::exceptions::{ImportError, KeyError, ValueError};
use pyrs_runtime::objects::function::is_function_class;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::objects::{int, singletons};
use pyrs_runtime::protocols::{attr, iter, sequence, text};
use pyrs_runtime::raise;
use pyrs_runtime::thread::runtime;
use pyrs_runtime::types::{TYPE, as_type};

use super::pickler::Saver;
use super::{full_name, imported, imported_dict, pickling_error, with_note};

/// Follows the names from an object on; `None` if one of them is missing.
pub fn follow(start: &Obj, path: &[String]) -> PyResult<Option<Obj>> {
    let mut found = start.clone();
    for name in path {
        match attr::getattr_optional(&found, &Str::intern(name))? {
            Some(next) => found = next,
            None => return Ok(None),
        }
    }
    Ok(Some(found))
}

fn split(name: &Str) -> Vec<String> {
    name.to_string_lossy().split('.').map(str::to_owned).collect()
}

impl Saver<'_> {
    /// Anything but the exact built-in containers.
    pub fn save_other(&self, obj: &Obj) -> PyResult<()> {
        if std::ptr::eq(obj.class(), TYPE.get()) {
            return self.save_type(obj);
        }
        if is_function_class(obj.class()) {
            return self.save_global(obj, None);
        }
        let class = obj.class().to_obj();
        let reducer = match &self.hooks.dispatch_table {
            None => imported_dict("copyreg", "dispatch_table")?.get(&class)?,
            Some(table) => match table.exact::<Dict>() {
                Some(dict) => dict.get(&class)?,
                None => unless_raised(sequence::getitem(table, &class), KeyError::class())?,
            },
        };
        let reduced = if let Some(reducer) = reducer {
            super::call_one(&reducer, obj)?
        } else if as_type(obj).is_some() {
            return self.save_global(obj, None);
        } else if let Some(method) = attr::getattr_optional(obj, &Str::intern("__reduce_ex__"))? {
            super::call_one(&method, &int::new(self.p.protocol.get()))?
        } else if let Some(method) = attr::getattr_optional(obj, &Str::intern("__reduce__"))? {
            call::call(&method, &[])?
        } else {
            return Err(pickling_error(&format!("Can't pickle {} object", full_name(obj))));
        };
        self.save_reduced(&reduced, obj)
    }

    /// What a reducer returned: a name, or the parts of a call.
    pub fn save_reduced(&self, reduced: &Obj, obj: &Obj) -> PyResult<()> {
        if let Some(name) = reduced.downcast::<Str>() {
            return self.save_global(obj, Some(&name.to_obj()));
        }
        let result = match reduced.downcast::<Tuple>() {
            Some(parts) => self.guarded(obj, || self.reduction(parts.items(), obj)),
            None => {
                Err(pickling_error(&format!("__reduce__ must return a string or tuple, not {}", full_name(reduced))))
            }
        };
        result.map_err(|raised| with_note(raised, || Ok(format!("when serializing {} object", full_name(obj)))))
    }

    /// A call that stands for an object of a built-in class.
    pub fn save_reduction(&self, parts: &[Obj], obj: &Obj) -> PyResult<()> {
        self.reduction(parts, obj)
    }

    fn save_part(&self, part: &Obj, owner: &Obj, what: &str) -> PyResult<()> {
        self.save(part, false)
            .map_err(|raised| with_note(raised, || Ok(format!("when serializing {} {what}", full_name(owner)))))
    }

    fn reduction(&self, parts: &[Obj], obj: &Obj) -> PyResult<()> {
        let n = parts.len();
        if !(2..=6).contains(&n) {
            return Err(pickling_error("tuple returned by __reduce__ must contain 2 through 6 elements"));
        }
        let part = |i: usize| parts.get(i).filter(|p| !p.is_none());
        let (function, args) = (&parts[0], &parts[1]);
        let wrong = |which: &str, what: &str, got: &Obj| {
            let got = full_name(got);
            Err(pickling_error(&format!("{which} item of the tuple returned by __reduce__ must be {what}, not {got}")))
        };
        if function.class().slots().call.is_none() {
            return wrong("first", "callable", function);
        }
        let Some(args) = args.downcast::<Tuple>() else { return wrong("second", "a tuple", args) };
        if let Some(items) = part(3).filter(|i| !iter::is_iterator(i)) {
            return wrong("fourth", "an iterator", items);
        }
        if let Some(items) = part(4).filter(|i| !iter::is_iterator(i)) {
            return wrong("fifth", "an iterator", items);
        }
        if let Some(setter) = part(5).filter(|s| s.class().slots().call.is_none()) {
            return wrong("sixth", "callable", setter);
        }
        self.save_call(function, args.items(), &parts[1], obj)?;
        match self.p.memo_number(obj) {
            // The object holds itself and has been written already: take that one.
            Some(number) => {
                self.p.write(b"0");
                self.p.write_memo_get(number);
            }
            None => self.p.memoize(obj),
        }
        if let Some(items) = part(3) {
            self.batch_items(items, obj)?;
        }
        if let Some(items) = part(4) {
            self.batch_pairs(items, obj)?;
        }
        let Some(state) = part(2) else { return Ok(()) };
        match part(5) {
            None => {
                self.save_part(state, obj, "state")?;
                self.p.write(b"b");
            }
            Some(setter) => {
                self.save_part(setter, obj, "state setter")?;
                self.save(obj, false)?;
                self.save_part(state, obj, "state")?;
                self.p.write(b"\x86R0");
            }
        }
        Ok(())
    }

    fn save_call(&self, function: &Obj, args: &[Obj], args_tuple: &Obj, obj: &Obj) -> PyResult<()> {
        let protocol = self.p.protocol.get();
        let name = if protocol < 2 { None } else { attr::getattr_optional(function, &Str::intern("__name__"))? };
        let named = |text: &str| name.as_ref().and_then(|n| n.downcast::<Str>()).is_some_and(|n| n.eq_str(text));
        if named("__newobj_ex__") {
            return self.save_newobj_ex(args, obj);
        }
        if named("__newobj__") {
            let Some((class, rest)) = args.split_first() else {
                return Err(pickling_error("__newobj__ expected at least 1 argument, got 0"));
            };
            self.check_class(class, obj, "__newobj__")?;
            self.save_part(class, obj, "class")?;
            self.save_part(&Tuple::from_slice(rest).into_obj(), obj, "__new__ arguments")?;
            self.p.write(b"\x81");
            return Ok(());
        }
        self.save_part(function, obj, "reconstructor")?;
        self.save_part(args_tuple, obj, "reconstructor arguments")?;
        self.p.write(b"R");
        Ok(())
    }

    fn check_class(&self, class: &Obj, obj: &Obj, function: &str) -> PyResult<()> {
        if as_type(class).is_none() {
            let got = full_name(class);
            return Err(pickling_error(&format!("first argument to {function}() must be a class, not {got}")));
        }
        let own = attr::getattr_text(obj, "__class__")?;
        if !own.is(class) {
            let (own, class) = (text::repr_text(&own)?, text::repr_text(class)?);
            return Err(pickling_error(&format!("first argument to {function}() must be {own}, not {class}")));
        }
        Ok(())
    }

    fn save_newobj_ex(&self, args: &[Obj], obj: &Obj) -> PyResult<()> {
        let [class, args, kwargs] = args else {
            return Err(pickling_error(&format!("__newobj_ex__ expected 3 arguments, got {}", args.len())));
        };
        self.check_class(class, obj, "__newobj_ex__")?;
        let Some(positional) = args.downcast::<Tuple>() else {
            let got = full_name(args);
            return Err(pickling_error(&format!("second argument to __newobj_ex__() must be a tuple, not {got}")));
        };
        let Some(keywords) = kwargs.downcast::<Dict>() else {
            let got = full_name(kwargs);
            return Err(pickling_error(&format!("third argument to __newobj_ex__() must be a dict, not {got}")));
        };
        if self.p.protocol.get() >= 4 {
            self.save_part(class, obj, "class")?;
            self.save_part(args, obj, "__new__ arguments")?;
            self.save_part(kwargs, obj, "__new__ arguments")?;
            self.p.write(b"\x92");
            return Ok(());
        }
        let mut all = vec![attr::getattr_text(class, "__new__")?, class.clone()];
        all.extend_from_slice(positional.items());
        let partial = call::call_dict(&imported("functools", "partial")?, &all, Some(keywords))?;
        self.save_part(&partial, obj, "reconstructor")?;
        self.save_part(&Tuple::empty().into_obj(), obj, "reconstructor arguments")?;
        self.p.write(b"R");
        Ok(())
    }

    fn save_type(&self, obj: &Obj) -> PyResult<()> {
        for single in [singletons::none(), singletons::not_implemented(), singletons::ellipsis()] {
            if obj.is(&single.class().as_obj()) {
                let args = Tuple::from_vec(vec![single]).into_obj();
                return self.save_reduction(&[TYPE.get().to_obj(), args], obj);
            }
        }
        self.save_global(obj, None)
    }

    /// The name of the module that holds the object under its name.
    fn module_of(&self, obj: &Obj, path: &[String], full: &str) -> PyResult<Obj> {
        if path.iter().any(|p| p == "<locals>") {
            return Err(pickling_error(&format!("Can't pickle local object {}", text::repr_text(obj)?)));
        }
        let own = attr::getattr_optional(obj, &Str::intern("__module__"))?.filter(|m| !m.is_none());
        let module_name = match own {
            Some(name) => name,
            None => match self.search_modules(obj, path)? {
                Some(name) => return Ok(name),
                None => Str::intern("__main__").into_obj(),
            },
        };
        let module = match import(&module_name) {
            Ok(module) => module,
            Err(raised)
                if raised.matches(ImportError::class())
                    || raised.matches(ValueError::class())
                    || raised.matches(KeyError::class()) =>
            {
                let exc = raised.take();
                let why = text::str_text(&exc)?;
                let error = pickling_error(&format!("Can't pickle {}: {why}", text::repr_text(obj)?)).take();
                pyrs_runtime::protocols::attr::setattr_text(&error, "__context__", &exc)?;
                return Err(pyrs_runtime::errors::Raised::new(error));
            }
            Err(raised) => return Err(raised),
        };
        let shown = text::str_text(&module_name)?;
        match follow(&module, path)? {
            Some(found) if found.is(obj) => Ok(module_name),
            Some(_) => Err(pickling_error(&format!(
                "Can't pickle {}: it's not the same object as {shown}.{full}",
                text::repr_text(obj)?
            ))),
            None => {
                let missing = path.iter().try_fold(module, |at, name| attr::getattr_text(&at, name));
                let cause = missing.err().map(pyrs_runtime::Raised::take);
                let repr = text::repr_text(obj)?;
                let error = pickling_error(&format!("Can't pickle {repr}: it's not found as {shown}.{full}")).take();
                if let Some(cause) = cause {
                    attr::setattr_text(&error, "__context__", &cause)?;
                }
                Err(pyrs_runtime::Raised::new(error))
            }
        }
    }

    fn search_modules(&self, obj: &Obj, path: &[String]) -> PyResult<Option<Obj>> {
        let modules = runtime().modules.get();
        let Some(modules) = modules.as_ref().and_then(|m| m.downcast::<Dict>()) else { return Ok(None) };
        for (name, module) in modules.entries() {
            let skipped = name.downcast::<Str>().is_some_and(|n| n.eq_str("__main__") || n.eq_str("__mp_main__"));
            if skipped || module.is_none() {
                continue;
            }
            if follow(&module, path)?.is_some_and(|found| found.is(obj)) {
                return Ok(Some(name));
            }
        }
        Ok(None)
    }

    pub fn save_global(&self, obj: &Obj, name: Option<&Obj>) -> PyResult<()> {
        let protocol = self.p.protocol.get();
        let name = match name {
            Some(name) => name.clone(),
            None => match attr::getattr_optional(obj, &Str::intern("__qualname__"))? {
                Some(name) => name,
                None => attr::getattr_text(obj, "__name__")?,
            },
        };
        let Some(name_text) = name.downcast::<Str>() else {
            return Err(raise!(TypeError, "__qualname__ must be str, not {}", name.class().name()));
        };
        let path = split(name_text);
        let module = self.module_of(obj, &path, &name_text.to_string_lossy())?;
        if protocol >= 2 {
            let key = Tuple::pair(module.clone(), name.clone()).into_obj();
            if let Some(code) = imported_dict("copyreg", "_extension_registry")?.get(&key)? {
                return self.save_extension(&code, obj);
            }
        }
        if protocol >= 4 {
            self.save(&module, false)?;
            self.save(&name, false)?;
            self.p.write(b"\x93");
        } else if path.len() > 1 {
            let getattr = imported("builtins", "getattr")?;
            for _ in &path[1..] {
                self.save(&getattr, false)?;
                if protocol < 2 {
                    self.p.write(b"(");
                }
            }
            self.save_top_level(&module, &Str::new(&path[0]).into_obj())?;
            for part in &path[1..] {
                self.save(&Str::new(part).into_obj(), false)?;
                self.p.write(if protocol < 2 { b"tR" } else { b"\x86R" });
            }
        } else {
            self.save_top_level(&module, &name)?;
        }
        self.p.memoize(obj);
        Ok(())
    }

    fn save_extension(&self, code: &Obj, obj: &Obj) -> PyResult<()> {
        let Some(n) = int::to_i64(code).filter(|_| int::is_int(code)) else {
            let shown = text::repr_text(obj)?;
            return Err(pickling_error(&format!(
                "Can't pickle {shown}: extension code {} isn't an integer",
                text::repr_text(code)?
            )));
        };
        if n <= 0 || n > 0x7fff_ffff {
            return Err(raise!(RuntimeError, "extension code {n} is out of range"));
        }
        let [a, b, c, d] = (n as u32).to_le_bytes();
        match n {
            ..=0xff => self.p.write(&[0x82, a]),
            0x100..=0xffff => self.p.write(&[0x83, a, b]),
            _ => self.p.write(&[0x84, a, b, c, d]),
        }
        Ok(())
    }

    fn save_top_level(&self, module: &Obj, name: &Obj) -> PyResult<()> {
        let protocol = self.p.protocol.get();
        let (mut module, mut name) = (module.clone(), name.clone());
        if self.p.fix_imports.get() {
            let key = Tuple::pair(module.clone(), name.clone()).into_obj();
            let renamed = imported_dict("_compat_pickle", "REVERSE_NAME_MAPPING")?.get(&key)?;
            if let Some([m, n]) = renamed.as_ref().and_then(|r| r.downcast::<Tuple>()).map(|t| t.items()) {
                (module, name) = (m.clone(), n.clone());
            } else if let Some(m) = imported_dict("_compat_pickle", "REVERSE_IMPORT_MAPPING")?.get(&module)? {
                module = m;
            }
        }
        let mut line = vec![b'c'];
        for (part, kind) in [(&module, "module"), (&name, "global")] {
            let text = part.downcast::<Str>();
            let encoded = text.and_then(|t| match protocol {
                3.. => t.to_utf8().map(|s| s.into_owned()),
                _ => t.as_ascii().map(str::to_owned),
            });
            let Some(encoded) = encoded else {
                let shown = text::repr_text(part)?;
                return Err(pickling_error(&format!(
                    "can't pickle {kind} identifier {shown} using pickle protocol {protocol}"
                )));
            };
            line.extend_from_slice(encoded.as_bytes());
            line.push(b'\n');
        }
        self.p.write(&line);
        Ok(())
    }
}

/// The module of a name, from `sys.modules` or imported.
pub fn import(name: &Obj) -> PyResult<Obj> {
    let modules = runtime().modules.get();
    let Some(modules) = modules.as_ref().and_then(|m| m.downcast::<Dict>()) else {
        return Err(raise!(RuntimeError, "unable to get sys.modules"));
    };
    if let Some(found) = modules.get(name)?.filter(|m| !m.is_none()) {
        return Ok(found);
    }
    call::call(&imported("builtins", "__import__")?, std::slice::from_ref(name))?;
    modules.get_item(name)
}
