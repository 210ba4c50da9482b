//! Argument binding: from the arguments of a call to the local variables of a new frame.

use pyrs_bytecode::co_flags;
use pyrs_runtime::call::Args;
use pyrs_runtime::errors::{PyResult, Raised};
use pyrs_runtime::object::{Obj, Object};
use pyrs_runtime::objects::code::Code;
use pyrs_runtime::objects::dict::Dict;
use pyrs_runtime::objects::function::Function;
use pyrs_runtime::objects::str::Str;
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::protocols::compare;
use pyrs_runtime::raise;
use pyrs_runtime::value::Value;

/// Writes all of `localsplus`: arguments first, `NULL` elsewhere. On error nothing is left behind.
///
/// # Safety
/// `locals` has room for the code's `localsplus`.
pub unsafe fn bind(
    function: &Object<Function>,
    code: &Object<Code>,
    args: Args<'_>,
    locals: *mut Value,
) -> PyResult<()> {
    // SAFETY: by contract.
    let slots = unsafe {
        for i in 0..code.nlocalsplus {
            locals.add(i).write(Value::NULL);
            crate::frame::keep_loop();
        }
        std::slice::from_raw_parts_mut(locals, code.nlocalsplus)
    };
    let result = fill(function, code, args, slots);
    if result.is_err() {
        for slot in slots {
            // SAFETY: each slot owns what was written into it.
            unsafe { pyrs_runtime::heap::decref_or_null(std::mem::replace(slot, Value::NULL)) };
        }
    }
    result
}

fn fill(function: &Object<Function>, code: &Object<Code>, args: Args<'_>, slots: &mut [Value]) -> PyResult<()> {
    let argcount = code.argcount;
    let total = argcount + code.kwonlyargcount;
    let has_varargs = code.flags & co_flags::VARARGS != 0;
    let has_varkw = code.flags & co_flags::VARKEYWORDS != 0;
    let varkw = has_varkw.then(Dict::new);
    let taken = args.nargs.min(argcount);
    for (slot, value) in slots.iter_mut().zip(&args.values[..taken]) {
        *slot = value.clone().into_value();
    }
    if has_varargs {
        let rest = &args.values[taken..args.nargs];
        slots[total] = Tuple::from_slice(rest).into_obj().into_value();
    }
    if let Some(varkw) = &varkw {
        slots[total + has_varargs as usize] = varkw.to_obj().into_value();
    }
    for (keyword, value) in args.keywords() {
        bind_keyword(function, code, args, keyword, value, varkw.as_deref(), &mut slots[..total])?;
    }
    if args.nargs > argcount && !has_varargs {
        return Err(too_many_positional(function, code, args.nargs, slots));
    }
    fill_defaults(function, code, args.nargs, slots)
}

fn parameter_names(code: &Code) -> &[Obj] {
    code.localsplusnames.items()
}

fn bind_keyword(
    function: &Object<Function>,
    code: &Object<Code>,
    args: Args<'_>,
    keyword: &Object<Str>,
    value: &Obj,
    varkw: Option<&Object<Dict>>,
    slots: &mut [Value],
) -> PyResult<()> {
    let names = &parameter_names(code)[..slots.len()];
    let posonly = code.source.posonlyargcount as usize;
    let same = |n: &Obj| n.value() == keyword.value();
    let mut found = names[posonly..].iter().position(same);
    if found.is_none() {
        for (i, n) in names[posonly..].iter().enumerate() {
            if compare::equal(n, &keyword.as_obj())? {
                found = Some(i);
                break;
            }
        }
    }
    if let Some(i) = found.map(|i| i + posonly) {
        if !slots[i].is_null() {
            return Err(raise!(
                TypeError,
                "{}() got multiple values for argument '{}'",
                function.display_qualname(),
                keyword.to_string_lossy()
            ));
        }
        slots[i] = value.clone().into_value();
        return Ok(());
    }
    if let Some(varkw) = varkw {
        return varkw.set(keyword.to_obj(), value.clone());
    }
    let passed_posonly: Vec<String> = names[..posonly]
        .iter()
        .filter(|n| args.keywords().any(|(k, _)| k.value() == n.value()))
        .filter_map(|n| n.downcast::<Str>().map(|s| s.to_string_lossy()))
        .collect();
    if !passed_posonly.is_empty() {
        return Err(raise!(
            TypeError,
            "{}() got some positional-only arguments passed as keyword arguments: '{}'",
            function.display_qualname(),
            passed_posonly.join(", ")
        ));
    }
    let text = keyword.to_string_lossy();
    let candidates: Vec<String> =
        names[posonly..].iter().filter_map(|n| n.downcast::<Str>().map(|s| s.to_string_lossy())).collect();
    let hint = suggestion(&text, &candidates).map_or_else(String::new, |s| format!(". Did you mean '{s}'?"));
    Err(raise!(TypeError, "{}() got an unexpected keyword argument '{text}'{hint}", function.display_qualname()))
}

/// The candidate closest to `wrong`, if any is close enough.
fn suggestion<'a>(wrong: &str, candidates: &'a [String]) -> Option<&'a str> {
    let mut best: Option<(usize, &str)> = None;
    for c in candidates {
        if c == wrong {
            continue;
        }
        let limit = (wrong.len() + c.len() + 3) * 2 / 6;
        let distance = edit_distance(wrong.as_bytes(), c.as_bytes());
        if distance <= limit && best.is_none_or(|(d, _)| distance < d) {
            best = Some((distance, c));
        }
    }
    best.map(|(_, c)| c)
}

/// Levenshtein distance in units of two, where a change of case costs one.
fn edit_distance(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).map(|i| i * 2).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = (i + 1) * 2;
        for (j, y) in b.iter().enumerate() {
            let cost = if x == y { 0 } else { 1 + !x.eq_ignore_ascii_case(y) as usize };
            let next = (diagonal + cost).min(row[j] + 2).min(row[j + 1] + 2);
            diagonal = row[j + 1];
            row[j + 1] = next;
        }
    }
    row[b.len()]
}

fn fill_defaults(function: &Object<Function>, code: &Object<Code>, given: usize, slots: &mut [Value]) -> PyResult<()> {
    let argcount = code.argcount;
    if given < argcount {
        let defaults = function.defaults.get();
        let defaults: &[Obj] = defaults.as_ref().and_then(|d| d.downcast::<Tuple>()).map_or(&[], |t| t.items());
        let first_default = argcount.saturating_sub(defaults.len());
        let missing: Vec<usize> = (given..first_default).filter(|&i| slots[i].is_null()).collect();
        if !missing.is_empty() {
            return Err(missing_arguments(function, code, "positional", &missing));
        }
        for i in given.max(first_default)..argcount {
            if slots[i].is_null() {
                slots[i] = defaults[i + defaults.len() - argcount].clone().into_value();
            }
        }
    }
    if code.kwonlyargcount > 0 {
        let kwdefaults = function.kwdefaults.get();
        let kwdefaults = kwdefaults.as_ref().and_then(|d| d.downcast::<Dict>());
        let mut missing = Vec::new();
        for i in argcount..argcount + code.kwonlyargcount {
            if !slots[i].is_null() {
                continue;
            }
            let default = match kwdefaults {
                Some(dict) => dict.get(&parameter_names(code)[i])?,
                None => None,
            };
            match default {
                Some(v) => slots[i] = v.into_value(),
                None => missing.push(i),
            }
        }
        if !missing.is_empty() {
            return Err(missing_arguments(function, code, "keyword-only", &missing));
        }
    }
    Ok(())
}

#[cold]
fn missing_arguments(function: &Object<Function>, code: &Code, kind: &str, missing: &[usize]) -> Raised {
    let names: Vec<String> = missing
        .iter()
        .filter_map(|&i| parameter_names(code)[i].downcast::<Str>().map(|s| format!("'{}'", s.to_string_lossy())))
        .collect();
    let list = match names.as_slice() {
        [one] => one.clone(),
        [a, b] => format!("{a} and {b}"),
        [rest @ .., last] => format!("{}, and {last}", rest.join(", ")),
        [] => String::new(),
    };
    let plural = if names.len() == 1 { "" } else { "s" };
    raise!(
        TypeError,
        "{}() missing {} required {kind} argument{plural}: {list}",
        function.display_qualname(),
        names.len()
    )
}

#[cold]
fn too_many_positional(function: &Object<Function>, code: &Code, given: usize, slots: &[Value]) -> Raised {
    let most = code.argcount;
    let defaults = function.defaults.get();
    let defaults = defaults.as_ref().and_then(|d| d.downcast::<Tuple>()).map_or(0, |t| t.len());
    let kwonly_given = slots[most..most + code.kwonlyargcount].iter().filter(|v| !v.is_null()).count();
    let (plural, takes) = if defaults > 0 {
        (true, format!("from {} to {most}", most - defaults))
    } else {
        (most != 1, format!("{most}"))
    };
    let kwonly = if kwonly_given > 0 {
        let s = |n: usize| if n == 1 { "" } else { "s" };
        format!(" positional argument{} (and {kwonly_given} keyword-only argument{})", s(given), s(kwonly_given))
    } else {
        String::new()
    };
    raise!(
        TypeError,
        "{}() takes {takes} positional argument{} but {given}{kwonly} {} given",
        function.display_qualname(),
        if plural { "s" } else { "" },
        if given == 1 && kwonly_given == 0 { "was" } else { "were" }
    )
}
