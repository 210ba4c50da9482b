//! Iteration and unpacking.

use pyrs_bytecode::co_flags;
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::name;
use pyrs_runtime::object::{Obj, PyClass};
use pyrs_runtime::objects::dict_views::DictItemIterator;
use pyrs_runtime::objects::exceptions::{StopIteration, TypeError};
use pyrs_runtime::objects::function::Function;
use pyrs_runtime::objects::iterators::{Enumerate, Zip};
use pyrs_runtime::objects::list::List;
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::protocols::iter;
use pyrs_runtime::raise;
use pyrs_runtime::types::lookup_raw;
use pyrs_runtime::value::Value;

/// One step of a `for` loop.
#[inline(always)]
pub fn next(it: &Obj) -> PyResult<Option<Obj>> {
    match it.class().slots().iternext.map(|f| f(it)) {
        Some(Ok(item)) => Ok(item),
        other => without_item(it, other),
    }
}

/// A step that has raised an exception, StopIteration perhaps, or could not be made.
#[cold]
#[inline(never)]
fn without_item(it: &Obj, result: Option<PyResult<Option<Obj>>>) -> PyResult<Option<Obj>> {
    match result {
        Some(Err(raised)) if raised.matches(StopIteration::class()) => {
            raised.discard();
            Ok(None)
        }
        Some(result) => result,
        None => Err(raise!(TypeError, "'{}' object is not an iterator", it.class().name())),
    }
}

/// The generator function that a Python class has as `__iter__`, if there is nothing special about it; borrowed from the class.
pub fn generator_iter(v: &Obj) -> Option<Value> {
    const KINDS: u32 = co_flags::GENERATOR | co_flags::COROUTINE | co_flags::ASYNC_GENERATOR;
    if !v.value().is_pointer_or_null() || !v.class().is_heap_type() {
        return None;
    }
    let found = lookup_raw(v.class(), name!("__iter__"));
    if found.is_null() {
        return None;
    }
    // SAFETY: the class holds the value.
    let code = unsafe { found.as_obj() }.exact::<Function>()?.code();
    (code.simple_args && code.argcount == 1 && code.flags & KINDS == co_flags::GENERATOR).then_some(found)
}

/// What [`next_pair`] did.
pub enum Pair {
    /// Two items are on the stack, the first one on top.
    Pushed,
    Exhausted,
    Raised,
    /// The iterator does not give pairs of its own making.
    Other,
}

/// One step of a `for` loop that unpacks pairs, over the items of a dictionary, `enumerate` or `zip`: without the
/// tuple that would be made and taken apart at once.
///
/// # Safety
/// Two free words at `sp`.
#[inline(never)]
pub unsafe fn next_pair(it: &Obj, sp: *mut Value) -> Pair {
    let pair = if let Some(items) = it.exact::<DictItemIterator>() {
        items.next_pair()
    } else if let Some(enumerate) = it.exact::<Enumerate>() {
        enumerate.next_pair()
    } else if let Some(zip) = it.exact::<Zip>() {
        match zip.next_pair() {
            Some(pair) => pair,
            None => return Pair::Other,
        }
    } else {
        return Pair::Other;
    };
    match pair {
        Ok(Some((first, second))) => {
            // SAFETY: by contract.
            unsafe {
                *sp = second.into_value();
                *sp.add(1) = first.into_value();
            }
            Pair::Pushed
        }
        Ok(None) => Pair::Exhausted,
        Err(raised) => {
            raised.leave_pending();
            Pair::Raised
        }
    }
}

/// Unpacks exactly `count` items, the first one on top.
///
/// # Safety
/// `count` free words at `sp`.
pub unsafe fn unpack(v: &Obj, count: usize, sp: *mut Value) -> PyResult<()> {
    if let Some(tuple) = v.exact::<Tuple>() {
        return exact(tuple.items(), count, sp);
    }
    if let Some(list) = v.exact::<List>() {
        // SAFETY: cloning items runs no other code.
        return exact(unsafe { list.items_unchecked() }, count, sp);
    }
    let it = iterator(v)?;
    let mut items = Vec::with_capacity(count);
    for i in 0..count {
        match iter::next(&it)? {
            Some(item) => items.push(item),
            None => return Err(raise!(ValueError, "not enough values to unpack (expected {count}, got {i})")),
        }
    }
    if iter::next(&it)?.is_some() {
        // The length of a dict is known; of other iterables, nobody has counted the rest.
        if let Some(dict) = v.exact::<pyrs_runtime::objects::dict::Dict>() {
            let got = dict.len();
            return Err(raise!(ValueError, "too many values to unpack (expected {count}, got {got})"));
        }
        return Err(raise!(ValueError, "too many values to unpack (expected {count})"));
    }
    place(items, sp);
    Ok(())
}

fn iterator(v: &Obj) -> PyResult<Obj> {
    match iter::iter(v) {
        Err(raised) if raised.matches(TypeError::class()) && !iter::is_iterable(v) => {
            raised.discard();
            Err(raise!(TypeError, "cannot unpack non-iterable {} object", v.class().name()))
        }
        other => other,
    }
}

fn exact(items: &[Obj], count: usize, sp: *mut Value) -> PyResult<()> {
    if items.len() != count {
        return Err(if items.len() < count {
            raise!(ValueError, "not enough values to unpack (expected {count}, got {})", items.len())
        } else {
            raise!(ValueError, "too many values to unpack (expected {count}, got {})", items.len())
        });
    }
    for (i, item) in items.iter().rev().enumerate() {
        // SAFETY: `count` free words, by the caller's contract.
        unsafe { *sp.add(i) = item.clone().into_value() };
    }
    Ok(())
}

fn place(items: Vec<Obj>, sp: *mut Value) {
    for (i, item) in items.into_iter().rev().enumerate() {
        // SAFETY: the caller's free words.
        unsafe { *sp.add(i) = item.into_value() };
    }
}

/// `a, *b, c = v`.
///
/// # Safety
/// `before + after + 1` free words at `sp`.
pub unsafe fn unpack_ex(v: &Obj, before: usize, after: usize, sp: *mut Value) -> PyResult<()> {
    let it = iterator(v)?;
    let mut items = Vec::new();
    let mut first = Vec::with_capacity(before);
    for i in 0..before {
        match iter::next(&it)? {
            Some(item) => first.push(item),
            None if after == 0 => {
                return Err(raise!(ValueError, "not enough values to unpack (expected at least {before}, got {i})"));
            }
            None => {
                let least = before + after;
                return Err(raise!(ValueError, "not enough values to unpack (expected at least {least}, got {i})"));
            }
        }
    }
    while let Some(item) = iter::next(&it)? {
        items.push(item);
    }
    if items.len() < after {
        let (least, got) = (before + after, before + items.len());
        return Err(raise!(ValueError, "not enough values to unpack (expected at least {least}, got {got})"));
    }
    let last = items.split_off(items.len() - after);
    let mut all = first;
    all.push(List::from_vec(items).into_obj());
    all.extend(last);
    place(all, sp);
    Ok(())
}

/// `async for`: the asynchronous iterator.
pub fn get_aiter(v: &Obj) -> PyResult<Obj> {
    let Some(f) = v.class().slots().aiter else {
        return Err(raise!(
            TypeError,
            "'async for' requires an object with __aiter__ method, got {}",
            v.class().name()
        ));
    };
    let result = f(v)?;
    if result.class().slots().anext.is_none() {
        return Err(raise!(
            TypeError,
            "'async for' received an object from __aiter__ that does not implement __anext__: {}",
            result.class().name()
        ));
    }
    Ok(result)
}

/// The awaitable for the next item of an asynchronous iterator.
pub fn get_anext(it: &Obj) -> PyResult<Obj> {
    if it.exact::<crate::generator::AsyncGenerator>().is_some() {
        let f = it.class().slots().anext.expect("async generators have __anext__");
        return f(it);
    }
    let Some(f) = it.class().slots().anext else {
        return Err(raise!(
            TypeError,
            "'async for' requires an iterator with __anext__ method, got {}",
            it.class().name()
        ));
    };
    let awaitable = f(it)?;
    match crate::generator::awaitable_iter(&awaitable) {
        Ok(result) => Ok(result),
        Err(raised) => {
            let cause = raised.take();
            let raised = raise!(
                TypeError,
                "'async for' received an invalid object from __anext__: {}",
                awaitable.class().name()
            );
            let exc = raised.take();
            pyrs_runtime::objects::exceptions::set_cause(&exc, Some(cause.clone()));
            pyrs_runtime::objects::exceptions::set_context(&exc, cause);
            Err(pyrs_runtime::errors::Raised::new(exc))
        }
    }
}
