//! The adaptive, stable merge sort of `list.sort`: natural runs, binary insertion for short ones,
//! the powersort merge policy, galloping merges.
//!
//! It makes the same comparisons in the same order as CPython 3.14, so that programs which watch
//! `__lt__` see the same.  A comparison may fail; the slice then still is a permutation of what it
//! was, because every merge puts what it holds aside back before it returns.

/// Runs shorter than this many elements are grown by insertion (at most).
const MAX_MINRUN: usize = 64;
/// Wins in a row that make a merge start galloping.
const MIN_GALLOP: usize = 7;

/// Sorts `items`; `less(a, b)` tells whether `a < b`.
pub fn sort<T: Copy, E>(items: &mut [T], less: impl FnMut(&T, &T) -> Result<bool, E>) -> Result<(), E> {
    if items.len() < 2 {
        return Ok(());
    }
    let mut sorter = Sorter { less, aside: Vec::new(), min_gallop: MIN_GALLOP, runs: Vec::new() };
    let minrun = minimal_run(items.len());
    let mut start = 0;
    while start < items.len() {
        let rest = &mut items[start..];
        let mut length = sorter.count_run(rest)?;
        if length < minrun {
            let forced = rest.len().min(minrun);
            sorter.insertion_sort(&mut rest[..forced], length)?;
            length = forced;
        }
        if length == items.len() {
            return Ok(());
        }
        sorter.found_run(items, length)?;
        sorter.runs.push(Run { start, length, power: 0 });
        start += length;
    }
    sorter.collapse(items)
}

/// A length such that the number of runs is, or is a little below, a power of two.
fn minimal_run(mut length: usize) -> usize {
    let mut dropped = 0;
    while length >= MAX_MINRUN {
        dropped |= length & 1;
        length >>= 1;
    }
    length + dropped
}

/// The depth, in a perfectly balanced merge tree over `total` elements, of the node between two
/// adjacent runs.
fn power(start: usize, left: usize, right: usize, total: usize) -> u32 {
    // Twice the midpoints of the runs; compared bit by bit as fractions of twice the total.
    let mut a = 2 * start + left;
    let mut b = a + left + right;
    let mut depth = 0;
    loop {
        depth += 1;
        if a >= total {
            a -= total;
            b -= total;
        } else if b >= total {
            return depth;
        }
        a <<= 1;
        b <<= 1;
    }
}

#[derive(Clone, Copy)]
struct Run {
    start: usize,
    length: usize,
    power: u32,
}

struct Sorter<T, F> {
    less: F,
    /// The shorter run of a merge.
    aside: Vec<T>,
    min_gallop: usize,
    runs: Vec<Run>,
}

/// A merge in progress.  Between `hole` and the elements still to come there are exactly as many
/// free places as `aside` has elements that are not placed yet.
struct Merge {
    /// Elements left in the run in place.
    in_place: usize,
    /// Elements left in the run that was put aside.
    aside: usize,
    /// Where the next element goes (forward), or one past it (backward).
    hole: usize,
}

impl<T: Copy, E, F: FnMut(&T, &T) -> Result<bool, E>> Sorter<T, F> {
    /// Length of the run at the start of `items`, made ascending.
    fn count_run(&mut self, items: &mut [T]) -> Result<usize, E> {
        let total = items.len();
        let mut n = self.ascend(items, 1)?;
        if n == total {
            return Ok(n);
        }
        // items[n] < items[n - 1].  What came before may be one plateau; then the run descends.
        if n > 1 {
            if (self.less)(&items[0], &items[n - 1])? {
                return Ok(n);
            }
            items[..n].reverse();
        }
        n += 1;
        // Equal neighbours are reversed at once, so that the final reversal restores their order.
        let mut equal = 0;
        while n < total {
            if (self.less)(&items[n], &items[n - 1])? {
                items[n - 1 - equal..n].reverse();
                equal = 0;
            } else if (self.less)(&items[n - 1], &items[n])? {
                break;
            } else {
                equal += 1;
            }
            n += 1;
        }
        items[n - 1 - equal..n].reverse();
        items[..n].reverse();
        self.ascend(items, n)
    }

    /// Extends an ascending run of `n` elements.
    fn ascend(&mut self, items: &[T], mut n: usize) -> Result<usize, E> {
        while n < items.len() && !(self.less)(&items[n], &items[n - 1])? {
            n += 1;
        }
        Ok(n)
    }

    /// Binary insertion sort; the first `sorted` elements are in order.
    fn insertion_sort(&mut self, items: &mut [T], sorted: usize) -> Result<(), E> {
        for next in sorted.max(1)..items.len() {
            let pivot = items[next];
            let (mut low, mut high) = (0, next);
            while low < high {
                let middle = (low + high) / 2;
                if (self.less)(&pivot, &items[middle])? {
                    high = middle;
                } else {
                    low = middle + 1;
                }
            }
            items[low..=next].rotate_right(1);
        }
        Ok(())
    }

    /// Merges what has to be merged before a run of `length` is pushed.
    fn found_run(&mut self, items: &mut [T], length: usize) -> Result<(), E> {
        let Some(&last) = self.runs.last() else {
            return Ok(());
        };
        let power = power(last.start, last.length, length, items.len());
        while self.runs.len() > 1 && self.runs[self.runs.len() - 2].power > power {
            self.merge_at(items, self.runs.len() - 2)?;
        }
        if let Some(last) = self.runs.last_mut() {
            last.power = power;
        }
        Ok(())
    }

    /// Merges all runs.
    fn collapse(&mut self, items: &mut [T]) -> Result<(), E> {
        while self.runs.len() > 1 {
            let mut at = self.runs.len() - 2;
            if at > 0 && self.runs[at - 1].length < self.runs[at + 1].length {
                at -= 1;
            }
            self.merge_at(items, at)?;
        }
        Ok(())
    }

    /// Merges the runs `at` and `at + 1`.
    fn merge_at(&mut self, items: &mut [T], at: usize) -> Result<(), E> {
        let (left, right) = (self.runs[at], self.runs[at + 1]);
        self.runs[at].length = left.length + right.length;
        self.runs.remove(at + 1);
        let items = &mut items[left.start..right.start + right.length];
        // Elements of the left run that stay in place, then those of the right.
        let (a, b) = items.split_at(left.length);
        let skipped = self.gallop_right(&b[0], a, 0)?;
        if skipped == a.len() {
            return Ok(());
        }
        let kept = self.gallop_left(&a[a.len() - 1], b, b.len() - 1)?;
        if kept == 0 {
            return Ok(());
        }
        let items = &mut items[skipped..left.length + kept];
        let left_length = left.length - skipped;
        if left_length <= kept { self.merge_low(items, left_length) } else { self.merge_high(items, left_length) }
    }

    /// The place for `key` before any equal element.
    fn gallop_left(&mut self, key: &T, items: &[T], hint: usize) -> Result<usize, E> {
        let (mut low, mut step) = (0, 1);
        let (mut low_bound, mut high_bound);
        if (self.less)(&items[hint], key)? {
            let limit = items.len() - hint;
            while step < limit && (self.less)(&items[hint + step], key)? {
                low = step;
                step = step * 2 + 1;
            }
            (low_bound, high_bound) = (hint + low + 1, hint + step.min(limit));
        } else {
            let limit = hint + 1;
            while step < limit && !(self.less)(&items[hint - step], key)? {
                low = step;
                step = step * 2 + 1;
            }
            (low_bound, high_bound) = (hint + 1 - step.min(limit), hint - low);
        }
        while low_bound < high_bound {
            let middle = low_bound + (high_bound - low_bound) / 2;
            if (self.less)(&items[middle], key)? {
                low_bound = middle + 1;
            } else {
                high_bound = middle;
            }
        }
        Ok(high_bound)
    }

    /// The place for `key` after any equal element.
    fn gallop_right(&mut self, key: &T, items: &[T], hint: usize) -> Result<usize, E> {
        let (mut low, mut step) = (0, 1);
        let (mut low_bound, mut high_bound);
        if (self.less)(key, &items[hint])? {
            let limit = hint + 1;
            while step < limit && (self.less)(key, &items[hint - step])? {
                low = step;
                step = step * 2 + 1;
            }
            (low_bound, high_bound) = (hint + 1 - step.min(limit), hint - low);
        } else {
            let limit = items.len() - hint;
            while step < limit && !(self.less)(key, &items[hint + step])? {
                low = step;
                step = step * 2 + 1;
            }
            (low_bound, high_bound) = (hint + low + 1, hint + step.min(limit));
        }
        while low_bound < high_bound {
            let middle = low_bound + (high_bound - low_bound) / 2;
            if (self.less)(key, &items[middle])? {
                high_bound = middle;
            } else {
                low_bound = middle + 1;
            }
        }
        Ok(high_bound)
    }

    /// Merges from the left; the left run, the shorter one, goes aside.
    fn merge_low(&mut self, items: &mut [T], left: usize) -> Result<(), E> {
        let mut aside = std::mem::take(&mut self.aside);
        aside.clear();
        aside.extend_from_slice(&items[..left]);
        let mut merge = Merge { in_place: items.len() - left, aside: left, hole: 0 };
        let result = self.merge_forward(items, &aside, &mut merge);
        // After an error, or when the right run is used up.
        let rest = &aside[aside.len() - merge.aside..];
        let hole = merge.hole;
        if result.is_ok() && merge.in_place > 0 {
            // One element is left aside and goes behind all others.
            let start = items.len() - merge.in_place;
            items.copy_within(start.., hole);
            let end = items.len() - rest.len();
            items[end..].copy_from_slice(rest);
        } else {
            items[hole..hole + rest.len()].copy_from_slice(rest);
        }
        self.aside = aside;
        result
    }

    fn merge_forward(&mut self, items: &mut [T], aside: &[T], merge: &mut Merge) -> Result<(), E> {
        let total = items.len();
        let take_in_place = |items: &mut [T], merge: &mut Merge, count: usize| {
            let from = total - merge.in_place;
            items.copy_within(from..from + count, merge.hole);
            merge.hole += count;
            merge.in_place -= count;
        };
        let take_aside = |items: &mut [T], merge: &mut Merge, count: usize| {
            let from = aside.len() - merge.aside;
            items[merge.hole..merge.hole + count].copy_from_slice(&aside[from..from + count]);
            merge.hole += count;
            merge.aside -= count;
        };
        take_in_place(items, merge, 1);
        if merge.in_place == 0 || merge.aside == 1 {
            return Ok(());
        }
        let mut min_gallop = self.min_gallop;
        loop {
            let (mut a_wins, mut b_wins) = (0, 0);
            while a_wins < min_gallop && b_wins < min_gallop {
                let (a, b) = (&aside[aside.len() - merge.aside], &items[total - merge.in_place]);
                if (self.less)(b, a)? {
                    take_in_place(items, merge, 1);
                    (a_wins, b_wins) = (0, b_wins + 1);
                    if merge.in_place == 0 {
                        return Ok(());
                    }
                } else {
                    take_aside(items, merge, 1);
                    (a_wins, b_wins) = (a_wins + 1, 0);
                    if merge.aside == 1 {
                        return Ok(());
                    }
                }
            }
            min_gallop += 1;
            loop {
                min_gallop -= usize::from(min_gallop > 1);
                self.min_gallop = min_gallop;
                let key = items[total - merge.in_place];
                let a_count = self.gallop_right(&key, &aside[aside.len() - merge.aside..], 0)?;
                take_aside(items, merge, a_count);
                if merge.aside <= 1 {
                    return Ok(());
                }
                take_in_place(items, merge, 1);
                if merge.in_place == 0 {
                    return Ok(());
                }
                let key = aside[aside.len() - merge.aside];
                let b_count = self.gallop_left(&key, &items[total - merge.in_place..], 0)?;
                take_in_place(items, merge, b_count);
                if merge.in_place == 0 {
                    return Ok(());
                }
                take_aside(items, merge, 1);
                if merge.aside == 1 {
                    return Ok(());
                }
                if a_count < MIN_GALLOP && b_count < MIN_GALLOP {
                    break;
                }
            }
            min_gallop += 1;
            self.min_gallop = min_gallop;
        }
    }

    /// Merges from the right; the right run, the shorter one, goes aside.
    fn merge_high(&mut self, items: &mut [T], left: usize) -> Result<(), E> {
        let mut aside = std::mem::take(&mut self.aside);
        aside.clear();
        aside.extend_from_slice(&items[left..]);
        let mut merge = Merge { in_place: left, aside: aside.len(), hole: items.len() };
        let result = self.merge_backward(items, &aside, &mut merge);
        let rest = &aside[..merge.aside];
        if result.is_ok() && merge.in_place > 0 {
            // One element is left aside and goes before all others.
            items.copy_within(..merge.in_place, merge.hole - merge.in_place);
            items[..rest.len()].copy_from_slice(rest);
        } else {
            items[merge.hole - rest.len()..merge.hole].copy_from_slice(rest);
        }
        self.aside = aside;
        result
    }

    fn merge_backward(&mut self, items: &mut [T], aside: &[T], merge: &mut Merge) -> Result<(), E> {
        let take_in_place = |items: &mut [T], merge: &mut Merge, count: usize| {
            let from = merge.in_place - count;
            items.copy_within(from..merge.in_place, merge.hole - count);
            merge.hole -= count;
            merge.in_place -= count;
        };
        let take_aside = |items: &mut [T], merge: &mut Merge, count: usize| {
            let source = &aside[merge.aside - count..merge.aside];
            items[merge.hole - count..merge.hole].copy_from_slice(source);
            merge.hole -= count;
            merge.aside -= count;
        };
        take_in_place(items, merge, 1);
        if merge.in_place == 0 || merge.aside == 1 {
            return Ok(());
        }
        let mut min_gallop = self.min_gallop;
        loop {
            let (mut a_wins, mut b_wins) = (0, 0);
            while a_wins < min_gallop && b_wins < min_gallop {
                if (self.less)(&aside[merge.aside - 1], &items[merge.in_place - 1])? {
                    take_in_place(items, merge, 1);
                    (a_wins, b_wins) = (a_wins + 1, 0);
                    if merge.in_place == 0 {
                        return Ok(());
                    }
                } else {
                    take_aside(items, merge, 1);
                    (a_wins, b_wins) = (0, b_wins + 1);
                    if merge.aside == 1 {
                        return Ok(());
                    }
                }
            }
            min_gallop += 1;
            loop {
                min_gallop -= usize::from(min_gallop > 1);
                self.min_gallop = min_gallop;
                let run = &items[..merge.in_place];
                let place = self.gallop_right(&aside[merge.aside - 1], run, run.len() - 1)?;
                let a_count = run.len() - place;
                take_in_place(items, merge, a_count);
                if merge.in_place == 0 {
                    return Ok(());
                }
                take_aside(items, merge, 1);
                if merge.aside == 1 {
                    return Ok(());
                }
                let run = &aside[..merge.aside];
                let place = self.gallop_left(&items[merge.in_place - 1], run, run.len() - 1)?;
                let b_count = run.len() - place;
                take_aside(items, merge, b_count);
                if merge.aside <= 1 {
                    return Ok(());
                }
                take_in_place(items, merge, 1);
                if merge.in_place == 0 {
                    return Ok(());
                }
                if a_count < MIN_GALLOP && b_count < MIN_GALLOP {
                    break;
                }
            }
            min_gallop += 1;
            self.min_gallop = min_gallop;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers of one shape of input, by the same generator as in the reference program.
    fn numbers(shape: u32, count: u32) -> Vec<(u32, u32)> {
        let mut state = 12345u32;
        (0..count)
            .map(|i| {
                state = state.wrapping_mul(1664525).wrapping_add(1013904223);
                let value = match shape {
                    0 => state >> 8,
                    1 => (state >> 16) % 10,
                    2 => i + (state >> 16) % 5,
                    3 => count - i / 3,
                    4 => i % 100,
                    _ => {
                        if i % 200 < 100 {
                            i
                        } else {
                            1000u32.wrapping_sub(i)
                        }
                    }
                };
                (value, i)
            })
            .collect()
    }

    #[test]
    fn comparisons_of_cpython() {
        // Number of comparisons, and a checksum over the order of them.
        let expected = [
            (30760, 811014228),
            (21160, 128928077),
            (12688, 719046762),
            (4998, 833438372),
            (15802, 518972912),
            (4762, 228055080),
        ];
        for (shape, &want) in (0..6).zip(&expected) {
            let mut items = numbers(shape, 3000);
            let (mut count, mut sum) = (0u64, 0u64);
            let result: Result<(), ()> = sort(&mut items, |a, b| {
                count += 1;
                sum = (sum * 31 + u64::from(a.1) * 7 + u64::from(b.1)) % 1_000_000_007;
                Ok(a.0 < b.0)
            });
            assert_eq!(result, Ok(()));
            assert!(items.is_sorted());
            assert_eq!((count, sum), want, "shape {shape}");
        }
    }

    #[test]
    fn errors_lose_nothing() {
        for limit in (0..20_000).step_by(97) {
            for shape in 0..6 {
                let mut items = numbers(shape, 1500);
                let mut count = 0;
                let _ = sort(&mut items, |a, b| {
                    count += 1;
                    if count > limit { Err(()) } else { Ok(a.0 < b.0) }
                });
                items.sort_by_key(|item| item.1);
                assert!(items.iter().enumerate().all(|(i, item)| item.1 as usize == i));
            }
        }
    }
}
