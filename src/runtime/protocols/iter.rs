//! Iteration: what `for`, `in`, unpacking and every consumer of iterables is made of.

use crate::call;
use crate::errors::{PyResult, Raised, unless_raised};
use crate::object::{Obj, PyClass};
use crate::objects::exceptions::{StopIteration, TypeError, stop_iteration_value};
use crate::objects::list::List;
use crate::objects::tuple::Tuple;
use crate::objects::{int, iter as iterators};
use crate::protocols::{compare, sequence, truth};
use crate::types::slots::SendResult;
use crate::{name, raise};

/// Python's `iter(obj)`.
#[inline]
pub fn iter(obj: &Obj) -> PyResult<Obj> {
    match obj.class().slots().iter {
        Some(f) => {
            let result = f(obj)?;
            if is_iterator(&result) {
                Ok(result)
            } else {
                Err(raise!(TypeError, "iter() returned non-iterator of type '{}'", result.class().name()))
            }
        }
        None => iter_sequence(obj),
    }
}

#[cold]
fn iter_sequence(obj: &Obj) -> PyResult<Obj> {
    if sequence::is_sequence(obj) {
        return iterators::sequence_iterator(obj);
    }
    Err(raise!(TypeError, "'{}' object is not iterable", obj.class().name()))
}

/// True if the object has `__next__`.
#[inline]
pub fn is_iterator(obj: &Obj) -> bool {
    obj.class().slots().iternext.is_some()
}

/// True if `iter(obj)` could work.
pub fn is_iterable(obj: &Obj) -> bool {
    obj.class().slots().iter.is_some() || sequence::is_sequence(obj)
}

/// The next item; `None` at the end, whether the iterator raised StopIteration or not.
#[inline]
pub fn next(iterator: &Obj) -> PyResult<Option<Obj>> {
    let Some(f) = iterator.class().slots().iternext else {
        return Err(raise!(TypeError, "'{}' object is not an iterator", iterator.class().name()));
    };
    match f(iterator) {
        Ok(item) => Ok(item),
        Err(raised) => stopped(raised),
    }
}

/// No item, if it is StopIteration that has been raised.
#[cold]
#[inline(never)]
fn stopped(raised: Raised) -> PyResult<Option<Obj>> {
    if raised.matches(StopIteration::class()) {
        raised.discard();
        return Ok(None);
    }
    Err(raised)
}

/// Calls `f` with every item. Lists and tuples are walked without an iterator object.
pub fn for_each(iterable: &Obj, mut f: impl FnMut(Obj) -> PyResult<()>) -> PyResult<()> {
    if let Some(tuple) = iterable.exact::<Tuple>() {
        for item in tuple.items() {
            f(item.clone())?;
        }
        return Ok(());
    }
    if let Some(list) = iterable.exact::<List>() {
        let mut i = 0;
        while let Some(item) = list.get(i) {
            f(item)?;
            i += 1;
        }
        return Ok(());
    }
    let iterator = iter(iterable)?;
    while let Some(item) = next(&iterator)? {
        f(item)?;
    }
    Ok(())
}

/// All items.
pub fn collect(iterable: &Obj) -> PyResult<Vec<Obj>> {
    if let Some(tuple) = iterable.exact::<Tuple>() {
        return Ok(tuple.items().to_vec());
    }
    if let Some(list) = iterable.exact::<List>() {
        return Ok(list.to_vec());
    }
    let mut items = Vec::new();
    let iterator = iter(iterable)?;
    while let Some(item) = next(&iterator)? {
        items.push(item);
    }
    Ok(items)
}

/// All items of an iterable, or a TypeError with this text if it is none.
pub fn collect_or(iterable: &Obj, text: &str) -> PyResult<Vec<Obj>> {
    match unless_raised(iter_if_needed(iterable), TypeError::class())? {
        Some(found) => collect(&found),
        None => Err(raise!(TypeError, "{text}")),
    }
}

/// Lists and tuples as they are, everything else as an iterator.
fn iter_if_needed(iterable: &Obj) -> PyResult<Obj> {
    if iterable.exact::<Tuple>().is_some() || iterable.exact::<List>().is_some() {
        return Ok(iterable.clone());
    }
    iter(iterable)
}

/// `operator.length_hint(obj, default)`.
pub fn length_hint(obj: &Obj, default: usize) -> PyResult<usize> {
    if let Some(f) = obj.class().slots().length
        && let Some(n) = unless_raised(f(obj), TypeError::class())?
    {
        return Ok(n);
    }
    let hint = call::call_special(obj, name!("__length_hint__"), &[]);
    let Some(Some(hint)) = unless_raised(hint, TypeError::class())? else { return Ok(default) };
    if hint.value() == crate::objects::singletons::not_implemented_value() {
        return Ok(default);
    }
    if !int::is_int(&hint) {
        return Err(raise!(TypeError, "__length_hint__ must be an integer, not {}", hint.class().name()));
    }
    let n = crate::protocols::number::as_ssize(&hint, true)?;
    usize::try_from(n).map_err(|_| raise!(ValueError, "__length_hint__() should return >= 0"))
}

/// Python's `item in container`.
#[inline]
pub fn contains(container: &Obj, item: &Obj) -> PyResult<bool> {
    match container.class().slots().contains {
        Some(f) => f(container, item),
        None => contains_by_iteration(container, item),
    }
}

/// `item in container` for containers without `__contains__`.
pub fn contains_by_iteration(container: &Obj, item: &Obj) -> PyResult<bool> {
    let iterator = search_iterator(container, "a container or iterable")?;
    while let Some(candidate) = next(&iterator)? {
        if compare::equal(&candidate, item)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn search_iterator(container: &Obj, what: &str) -> PyResult<Obj> {
    match unless_raised(iter(container), TypeError::class())? {
        Some(iterator) => Ok(iterator),
        None => Err(raise!(TypeError, "argument of type '{}' is not {what}", container.class().name())),
    }
}

/// `operator.countOf`.
pub fn count(container: &Obj, item: &Obj) -> PyResult<usize> {
    let iterator = search_iterator(container, "iterable")?;
    let mut n = 0;
    while let Some(candidate) = next(&iterator)? {
        n += usize::from(compare::equal(&candidate, item)?);
    }
    Ok(n)
}

/// `operator.indexOf`.
pub fn index_of(container: &Obj, item: &Obj) -> PyResult<usize> {
    let iterator = search_iterator(container, "iterable")?;
    let mut n = 0;
    while let Some(candidate) = next(&iterator)? {
        if compare::equal(&candidate, item)? {
            return Ok(n);
        }
        n += 1;
    }
    Err(raise!(ValueError, "sequence.index(x): x not in sequence"))
}

/// True if any item is true.
pub fn any(iterable: &Obj) -> PyResult<bool> {
    let iterator = iter(iterable)?;
    while let Some(item) = next(&iterator)? {
        if truth::is_true(&item)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// True if all items are true.
pub fn all(iterable: &Obj) -> PyResult<bool> {
    let iterator = iter(iterable)?;
    while let Some(item) = next(&iterator)? {
        if !truth::is_true(&item)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Resumes an iterator or coroutine with a value; its end gives the value it returned.
pub fn send(this: &Obj, value: &Obj) -> PyResult<SendResult> {
    match this.class().slots().send {
        Some(f) => f(this, value),
        None => send_by_method(this, value),
    }
}

/// [`send`] for objects that have only methods: `__next__` for None, else `send`.
pub fn send_by_method(this: &Obj, value: &Obj) -> PyResult<SendResult> {
    let result = match this.class().slots().iternext {
        Some(f) if value.is_none() => f(this),
        _ => call::call_method_str(this, name!("send"), std::slice::from_ref(value)).map(Some),
    };
    match result {
        Ok(Some(item)) => Ok(SendResult::Yield(item)),
        Ok(None) => Ok(SendResult::Return(crate::objects::singletons::none())),
        Err(raised) if raised.matches(StopIteration::class()) => {
            Ok(SendResult::Return(stop_iteration_value(&raised.take())))
        }
        Err(raised) => Err(raised),
    }
}
