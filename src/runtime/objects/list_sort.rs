//! `list.sort`: keys, direction, and the guard against changes by comparisons.

use crate::call;
use crate::errors::PyResult;
use crate::object::Obj;
use crate::objects::list::List;
use crate::objects::str::Str;
use crate::protocols::{compare, truth};
use crate::raise;
use crate::types::slots::CompareOp;
use crate::value::Value;
use pyrs_unicode::timsort;

/// An item with its key, as raw words that the vectors beside them own.
#[derive(Copy, Clone)]
struct Keyed {
    key: Value,
    item: Value,
}

/// Sorts in place. While keys and comparisons run, the list looks empty; whatever they put into it is an
/// error.
pub fn sort(list: &List, key: Option<&Obj>, reverse: bool) -> PyResult<()> {
    let mut items = list.take();
    let untouched = list.with(|v| v.as_ptr());
    let result = sort_items(&mut items, key, reverse);
    let (meanwhile, changed) = list.with(|v| {
        let changed = !v.is_empty() || v.as_ptr() != untouched;
        (std::mem::replace(v, items), changed)
    });
    drop(meanwhile);
    result?;
    if changed {
        return Err(raise!(ValueError, "list modified during sort"));
    }
    Ok(())
}

/// Sorts a vector that nobody else sees; on error it still holds the same objects.
pub fn sort_items(items: &mut Vec<Obj>, key: Option<&Obj>, reverse: bool) -> PyResult<()> {
    match key {
        Some(key) => sort_by_key(items, key, reverse),
        None => {
            // Reversing before and after keeps equal items in their order.
            if reverse {
                items.reverse();
            }
            let result = sort_plain(items);
            if reverse {
                items.reverse();
            }
            result
        }
    }
}

fn sort_plain(items: &mut [Obj]) -> PyResult<()> {
    if items.iter().all(|item| item.value().is_fixnum()) {
        // Compared where they stand, without a call.
        return timsort::sort(words_of(items), |a, b| Ok(a.as_fixnum() < b.as_fixnum()));
    }
    let less = less_for(items);
    // SAFETY: the words are live objects, owned by the vector.
    timsort::sort(words_of(items), |a, b| unsafe { less(a.as_obj(), b.as_obj()) })
}

/// The items as words, to be permuted.
fn words_of(items: &mut [Obj]) -> &mut [Value] {
    // SAFETY: Obj and Value are the same word, and a permutation keeps each reference where somebody owns it.
    unsafe { std::slice::from_raw_parts_mut(items.as_mut_ptr().cast::<Value>(), items.len()) }
}

fn sort_by_key(items: &mut Vec<Obj>, key: &Obj, reverse: bool) -> PyResult<()> {
    let mut keys = Vec::with_capacity(items.len());
    for item in items.iter() {
        keys.push(call::call(key, std::slice::from_ref(item))?);
    }
    let mut pairs: Vec<Keyed> =
        keys.iter().zip(items.iter()).map(|(k, i)| Keyed { key: k.value(), item: i.value() }).collect();
    if reverse {
        pairs.reverse();
    }
    let less = less_for(&keys);
    // SAFETY: the words are live objects, owned by the two vectors.
    let result = timsort::sort(&mut pairs, |a, b| unsafe { less(a.key.as_obj(), b.key.as_obj()) });
    if reverse {
        pairs.reverse();
    }
    // SAFETY: the pairs hold each item of the vector once: the same references in another order.
    unsafe {
        let words = items.as_mut_ptr().cast::<Value>();
        for (i, pair) in pairs.iter().enumerate() {
            words.add(i).write(pair.item);
        }
    }
    result
}

type Less = fn(&Obj, &Obj) -> PyResult<bool>;

/// The cheapest comparison that works for all keys.
fn less_for(keys: &[Obj]) -> Less {
    if keys.iter().all(|k| k.value().is_fixnum()) {
        |a, b| Ok(a.value().as_fixnum() < b.value().as_fixnum())
    } else if keys.iter().all(|k| k.value().is_flonum()) {
        |a, b| Ok(a.value().as_flonum() < b.value().as_flonum())
    } else if keys.iter().all(|k| k.exact::<Str>().is_some()) {
        less_str
    } else {
        less_any
    }
}

fn less_str(a: &Obj, b: &Obj) -> PyResult<bool> {
    let (Some(a), Some(b)) = (a.exact::<Str>(), b.exact::<Str>()) else { return less_any(a, b) };
    if a.kind() == 1 && b.kind() == 1 {
        return Ok(a.raw_bytes() < b.raw_bytes());
    }
    Ok(a.code_points().lt(b.code_points()))
}

fn less_any(a: &Obj, b: &Obj) -> PyResult<bool> {
    truth::is_true(&compare::rich_compare(a, b, CompareOp::Lt)?)
}
