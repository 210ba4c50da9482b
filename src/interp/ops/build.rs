//! Building and filling containers, slices and strings.

use pyrs_bytecode::Conversion;
use pyrs_runtime::errors::PyResult;
use pyrs_runtime::heap::decref;
use pyrs_runtime::object::{Obj, Object, PyClass};
use pyrs_runtime::objects::dict::Dict;
use pyrs_runtime::objects::exceptions::{AttributeError, TypeError};
use pyrs_runtime::objects::list::List;
use pyrs_runtime::objects::set::{self, Set};
use pyrs_runtime::objects::singletons::none;
use pyrs_runtime::objects::slice::Slice;
use pyrs_runtime::objects::str::{Str, StrData};
use pyrs_runtime::objects::template::{Interpolation, Template};
use pyrs_runtime::objects::tuple::Tuple;
use pyrs_runtime::protocols::{iter, sequence, text};
use pyrs_runtime::value::Value;
use pyrs_runtime::{call, raise};

use crate::frame::keep_loop;

/// So many words are copied in less time than a library function needs to begin.
const FEW: usize = 8;

/// Takes `count` owned words over.
///
/// # Safety
/// `count` owned words at `words`, which the caller gives up.
#[inline(always)]
pub unsafe fn take_words(words: *mut Value, count: usize) -> Vec<Obj> {
    let mut items: Vec<Obj> = Vec::with_capacity(count);
    // SAFETY: by contract; Obj and Value are the same word.
    unsafe {
        if count <= FEW {
            let first: *mut Value = items.as_mut_ptr().cast();
            for i in 0..count {
                *first.add(i) = *words.add(i);
                keep_loop();
            }
        } else {
            std::ptr::copy_nonoverlapping(words as *const Obj, items.as_mut_ptr(), count);
        }
        items.set_len(count);
    }
    items
}

/// # Safety
/// `count` live words at `words`.
unsafe fn view<'a>(words: *mut Value, count: usize) -> &'a [Obj] {
    // SAFETY: by contract.
    unsafe { std::slice::from_raw_parts(words as *const Obj, count) }
}

/// # Safety
/// The operands lie where the interpreter loop has them.
pub unsafe fn build_set(words: *mut Value, count: usize) -> PyResult<Obj> {
    // SAFETY: the caller's operands.
    set::set_from(unsafe { view(words, count) }.iter().cloned())
}

/// A dict of `count` keys and values, which lie in turn at `words`.
///
/// # Safety
/// The words are owned, and the caller gives them up.
pub unsafe fn build_map(words: *mut Value, count: usize) -> PyResult<Obj> {
    let dict = Dict::with_capacity(count);
    for i in 0..count {
        // SAFETY: by contract; each word is taken once.
        unsafe {
            let (key, value) = (*words.add(2 * i), *words.add(2 * i + 1));
            if let Err(raised) = dict.set(key.into_obj(), value.into_obj()) {
                (2 * i + 2..2 * count).for_each(|left| decref(*words.add(left)));
                return Err(raised);
            }
        }
    }
    Ok(dict.into_obj())
}

/// Joins the pieces of an f-string.
///
/// # Safety
/// The operands lie where the interpreter loop has them.
pub unsafe fn build_string(words: *mut Value, count: usize) -> Obj {
    // SAFETY: the caller's operands, all str.
    let operands = unsafe { view(words, count) };
    // SAFETY: the compiler made them strings.
    let text = |o: &Obj| unsafe { &*(o.value().as_pointer() as *const Object<Str>) };
    let mut few: [&Str; 8] = [text(&operands[0]); 8];
    if count <= few.len() {
        for (piece, operand) in few.iter_mut().zip(operands) {
            *piece = text(operand);
        }
        return Str::concat(&few[..count]).into_obj();
    }
    Str::concat(&operands.iter().map(|o| &**text(o)).collect::<Vec<&Str>>()).into_obj()
}

/// Concatenates strings.
pub fn join(pieces: &[&Str]) -> pyrs_runtime::Ptr<Str> {
    let length = pieces.iter().map(|p| p.len()).sum();
    if pieces.iter().all(|p| p.kind() == 1) {
        let mut bytes = Vec::with_capacity(length);
        pieces.iter().for_each(|p| bytes.extend_from_slice(p.raw_bytes()));
        return Str::from_latin1(&bytes);
    }
    let mut points: Vec<u32> = Vec::with_capacity(length);
    pieces.iter().for_each(|p| points.extend(p.code_points()));
    Str::from_data(StrData::Four(&points))
}

/// # Safety
/// The operands lie where the interpreter loop has them.
pub unsafe fn build_slice(sp: *mut Value, count: usize) -> Obj {
    // SAFETY: the caller's operands.
    let parts = unsafe { view(sp.sub(count), count) };
    let step = parts.get(2).cloned().unwrap_or_else(none);
    Slice::new(parts[0].clone(), parts[1].clone(), step).into_obj()
}

/// `container[start:stop]`.
pub fn binary_slice(container: &Obj, start: &Obj, stop: &Obj) -> PyResult<Obj> {
    if let Some(list) = container.exact::<List>()
        && let Some((start, stop)) = plain_bounds(start, stop, list.len())
    {
        // SAFETY: cloning items runs no other code.
        return Ok(List::from_vec(unsafe { list.items_unchecked() }[start..stop].to_vec()).into_obj());
    }
    if let Some(tuple) = container.exact::<Tuple>()
        && let Some((start, stop)) = plain_bounds(start, stop, tuple.len())
    {
        if stop - start == tuple.len() {
            return Ok(container.clone());
        }
        return Ok(Tuple::from_slice(&tuple.items()[start..stop]).into_obj());
    }
    if let Some(text) = container.exact::<Str>()
        && let Some((start, stop)) = plain_bounds(start, stop, text.len())
    {
        if stop - start == text.len() {
            return Ok(container.clone());
        }
        return Ok(Str::from_data(text.data().slice(start, stop)).into_obj());
    }
    let slice = Slice::new(start.clone(), stop.clone(), none()).into_obj();
    sequence::getitem(container, &slice)
}

/// Bounds of a slice that are small integers or None, clipped to a sequence of that length.
fn plain_bounds(start: &Obj, stop: &Obj, length: usize) -> Option<(usize, usize)> {
    let bound = |v: &Obj, default: usize| {
        if v.is_none() {
            return Some(default);
        }
        let v = v.value();
        let i = if v.is_fixnum() { v.as_fixnum() } else { return None };
        Some(if i < 0 { (i + length as i64).max(0) as usize } else { (i as usize).min(length) })
    };
    let (start, stop) = (bound(start, 0)?, bound(stop, length)?);
    Some((start, stop.max(start)))
}

/// `container[start:stop] = value`.
///
/// # Safety
/// The operands lie where the interpreter loop has them.
pub unsafe fn store_slice(sp: *mut Value) -> PyResult<()> {
    // SAFETY: four operands: value, container, start, stop.
    let operands = unsafe { view(sp.sub(4), 4) };
    if let (Some(value), Some(list)) = (operands[0].exact::<List>(), operands[1].exact::<List>())
        && !std::ptr::eq(value, list)
        && let Some((start, stop)) = plain_bounds(&operands[2], &operands[3], list.len())
    {
        // SAFETY: it is another list, which no code can change meanwhile.
        list.replace_range(start, stop, unsafe { value.items_unchecked() });
        return Ok(());
    }
    let slice = Slice::new(operands[2].clone(), operands[3].clone(), none()).into_obj();
    sequence::setitem(&operands[1], &slice, &operands[0])
}

/// `[*iterable]` and arguments of `f(*iterable)`.
///
/// # Safety
/// The operands lie where the interpreter loop has them.
pub unsafe fn list_extend(list: *mut Value, iterable: &Obj) -> PyResult<()> {
    // SAFETY: the compiler put a list there.
    let list = unsafe { (*list).as_obj().downcast_unchecked::<List>() };
    if list.extend_plainly(iterable) {
        return Ok(());
    }
    let items = match iter::collect(iterable) {
        Ok(items) => items,
        Err(raised) if raised.matches(TypeError::class()) && !iter::is_iterable(iterable) => {
            raised.discard();
            return Err(raise!(TypeError, "Value after * must be an iterable, not {}", iterable.class().name()));
        }
        Err(raised) => return Err(raised),
    };
    list.with(|v| v.extend(items));
    Ok(())
}

#[inline(never)]
pub fn set_add(set: &Obj, item: Obj) -> PyResult<()> {
    set.exact::<Set>().expect("the compiler put a set there").0.add(item).map(drop)
}

pub fn set_update(set: &Obj, iterable: &Obj) -> PyResult<()> {
    set::as_set(set).expect("the compiler put a set there").update(iterable)
}

/// `{**mapping}`.
pub fn dict_update(dict: &Obj, mapping: &Obj) -> PyResult<()> {
    let dict = dict.exact::<Dict>().expect("the compiler put a dict there");
    match dict.update(mapping) {
        Err(raised) if raised.matches(AttributeError::class()) => {
            raised.discard();
            Err(raise!(TypeError, "'{}' object is not a mapping", mapping.class().name()))
        }
        other => other,
    }
}

/// `f(**mapping)`: no key twice.
pub fn dict_merge(callable: &Obj, dict: &Obj, mapping: &Obj) -> PyResult<()> {
    let dict = dict.exact::<Dict>().expect("the compiler put a dict there");
    if let Some(source) = mapping.exact::<Dict>()
        && dict.is_empty()
        && source.pairs().all(|(key, _)| key.exact::<Str>().is_some())
    {
        return dict.update_from(source);
    }
    let function = || super::call::callable_name(callable);
    let pairs = match mapping.exact::<Dict>() {
        Some(m) => m.entries(),
        None => {
            let keys = match call::call_method(mapping, "keys", &[]) {
                Ok(keys) => iter::collect(&keys)?,
                Err(raised) if raised.matches(AttributeError::class()) => {
                    raised.discard();
                    return Err(raise!(
                        TypeError,
                        "{} argument after ** must be a mapping, not {}",
                        function()?,
                        mapping.class().name()
                    ));
                }
                Err(raised) => return Err(raised),
            };
            let mut pairs = Vec::with_capacity(keys.len());
            for key in keys {
                let value = sequence::getitem(mapping, &key)?;
                pairs.push((key, value));
            }
            pairs
        }
    };
    for (key, value) in pairs {
        let Some(text) = key.downcast::<Str>() else {
            return Err(raise!(TypeError, "keywords must be strings"));
        };
        if dict.contains(&key)? {
            return Err(raise!(
                TypeError,
                "{} got multiple values for keyword argument '{}'",
                function()?,
                text.to_string_lossy()
            ));
        }
        dict.set(key, value)?;
    }
    Ok(())
}

/// `{v!r}` and friends.
pub fn convert_value(v: &Obj, oparg: u32) -> PyResult<Obj> {
    Ok(match Conversion::from_u32(oparg) {
        Some(Conversion::Str) => text::str(v)?.into_obj(),
        Some(Conversion::Repr) => text::repr(v)?.into_obj(),
        Some(Conversion::Ascii) => text::ascii(v)?.into_obj(),
        _ => v.clone(),
    })
}

pub fn format(v: &Obj, spec: Option<&Obj>) -> PyResult<Obj> {
    match spec {
        Some(spec) => text::format(v, spec).map(|s| s.into_obj()),
        None => text::format(v, &Str::empty().into_obj()).map(|s| s.into_obj()),
    }
}

/// An Interpolation of a t-string: value, expression text, conversion, format spec.
///
/// # Safety
/// The operands lie where the interpreter loop has them.
pub unsafe fn build_interpolation(sp: *mut Value, oparg: u32) -> PyResult<Obj> {
    let count = 2 + (oparg as usize & 1);
    // SAFETY: the caller's operands.
    let operands = unsafe { view(sp.sub(count), count) };
    let conversion = match oparg >> 2 {
        1 => Str::new("s").into_obj(),
        2 => Str::new("r").into_obj(),
        3 => Str::new("a").into_obj(),
        _ => none(),
    };
    let spec = operands.get(2).cloned().unwrap_or_else(|| Str::empty().into_obj());
    Ok(Interpolation::new(operands[0].clone(), operands[1].clone(), conversion, spec).into_obj())
}

/// A Template from its strings and interpolations.
pub fn build_template(strings: &Obj, interpolations: &Obj) -> PyResult<Obj> {
    let tuple = |obj: &Obj| iter::collect(obj).map(Tuple::from_vec);
    Ok(Template::new(tuple(strings)?, tuple(interpolations)?).into_obj())
}
