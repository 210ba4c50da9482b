//! `_suggestions`: which name was meant.

use pyrs_macros::pymodule;

/// Suggestions for misspelt names.
#[pymodule(name = "_suggestions")]
pub mod suggestions {
    use pyrs_runtime::errors::PyResult;
    use pyrs_runtime::object::{Obj, Object};
    use pyrs_runtime::objects::list::List;
    use pyrs_runtime::objects::str::Str;
    use pyrs_runtime::raise;

    const MOVE_COST: usize = 2;
    const CASE_COST: usize = 1;
    const MAX_CANDIDATES: usize = 750;
    /// Longer names are not compared.
    const MAX_LENGTH: usize = 40;

    /// What it costs to write one byte for another; less if only the case differs.
    fn substitution(a: u8, b: u8) -> usize {
        if a == b {
            0
        } else if a.eq_ignore_ascii_case(&b) {
            CASE_COST
        } else {
            MOVE_COST
        }
    }

    /// The Levenshtein distance, or something above `limit`.
    fn distance(a: &[u8], b: &[u8], limit: usize) -> usize {
        let prefix = a.iter().zip(b).take_while(|(x, y)| x == y).count();
        let (a, b) = (&a[prefix..], &b[prefix..]);
        let suffix = a.iter().rev().zip(b.iter().rev()).take_while(|(x, y)| x == y).count();
        let (a, b) = (&a[..a.len() - suffix], &b[..b.len() - suffix]);
        if a.is_empty() || b.is_empty() {
            return (a.len() + b.len()) * MOVE_COST;
        }
        if a.len() > MAX_LENGTH || b.len() > MAX_LENGTH {
            return limit + 1;
        }
        let (a, b) = if a.len() > b.len() { (b, a) } else { (a, b) };
        if (b.len() - a.len()) * MOVE_COST > limit {
            return limit + 1;
        }
        let mut row: Vec<usize> = (1..=a.len()).map(|i| i * MOVE_COST).collect();
        let mut result = 0;
        for (j, y) in b.iter().enumerate() {
            let mut diagonal = j * MOVE_COST;
            result = diagonal;
            let mut best = usize::MAX;
            for (cell, x) in row.iter_mut().zip(a) {
                let replace = diagonal + substitution(*y, *x);
                diagonal = *cell;
                result = replace.min(result.min(diagonal) + MOVE_COST);
                *cell = result;
                best = best.min(result);
            }
            if best > limit {
                return limit + 1;
            }
        }
        result
    }

    /// The candidate that comes closest to a name, or None.
    #[pyfunction]
    fn _generate_suggestions(candidates: &Obj, item: &Obj) -> PyResult<Option<Obj>> {
        let Some(list) = candidates.exact::<List>() else {
            return Err(raise!(TypeError, "candidates must be a list"));
        };
        let Some(item) = item.downcast::<Str>() else {
            return Err(pyrs_runtime::args::bad_argument("_generate_suggestions", " 2", "str", item));
        };
        let all = list.to_vec();
        if all.iter().any(|c| c.downcast::<Str>().is_none()) {
            return Err(raise!(TypeError, "all elements in 'candidates' must be strings"));
        }
        if all.len() >= MAX_CANDIDATES {
            return Ok(None);
        }
        let wrong = item.to_string_checked()?;
        let mut best: Option<(usize, &Obj)> = None;
        for candidate in &all {
            let text: &Object<Str> = candidate.downcast::<Str>().expect("checked above");
            if text.equals(item) {
                continue;
            }
            let text = text.to_string_checked()?;
            // No more than a third of the characters may need a change.
            let mut limit = (wrong.len() + text.len() + 3) * MOVE_COST / 6;
            if let Some((least, _)) = best {
                limit = limit.min(least - 1);
            }
            let found = distance(wrong.as_bytes(), text.as_bytes(), limit);
            if found <= limit && best.is_none_or(|(least, _)| found < least) {
                best = Some((found, candidate));
            }
        }
        Ok(best.map(|(_, candidate)| candidate.clone()))
    }
}
