//! Substring search over all combinations of widths, never quadratic.
//!
//! Bytes go to `memchr`.  Wider text is scanned for the first unit of the needle; when that turns
//! out to waste too many comparisons the two-way algorithm takes over.

use memchr::memmem;

use crate::text::CodeUnit;

/// A unit of a haystack; supplies the searches that can be done faster for bytes.
pub trait SearchUnit: CodeUnit + Ord {
    /// First occurrence of a needle of at least two units.
    fn find_same(haystack: &[Self], needle: &[Self]) -> Option<usize> {
        find_forward(haystack, needle)
    }

    /// Last occurrence of a needle of at least two units.
    fn rfind_same(haystack: &[Self], needle: &[Self]) -> Option<usize> {
        find_backward(haystack, needle)
    }

    /// First occurrence of a unit.
    fn find_unit(haystack: &[Self], unit: Self) -> Option<usize> {
        haystack.iter().position(|&other| other == unit)
    }

    /// Last occurrence of a unit.
    fn rfind_unit(haystack: &[Self], unit: Self) -> Option<usize> {
        haystack.iter().rposition(|&other| other == unit)
    }
}

impl SearchUnit for u8 {
    fn find_same(haystack: &[u8], needle: &[u8]) -> Option<usize> {
        memmem::find(haystack, needle)
    }

    fn rfind_same(haystack: &[u8], needle: &[u8]) -> Option<usize> {
        memmem::rfind(haystack, needle)
    }

    fn find_unit(haystack: &[u8], unit: u8) -> Option<usize> {
        memchr::memchr(unit, haystack)
    }

    fn rfind_unit(haystack: &[u8], unit: u8) -> Option<usize> {
        memchr::memrchr(unit, haystack)
    }
}

impl SearchUnit for u16 {}
impl SearchUnit for u32 {}

/// A needle made ready for haystacks of one width; the way to find many occurrences.
pub struct Finder<H> {
    needle: Vec<H>,
}

impl<H: SearchUnit> Finder<H> {
    /// `None` if the needle has a unit that no haystack of this width can hold.
    pub fn new<N: CodeUnit>(needle: &[N]) -> Option<Self> {
        let needle: Option<Vec<H>> = needle.iter().map(|&u| H::from_code(u.into())).collect();
        Some(Self { needle: needle? })
    }

    /// First occurrence.
    pub fn find(&self, haystack: &[H]) -> Option<usize> {
        match self.needle.as_slice() {
            [] => Some(0),
            [unit] => H::find_unit(haystack, *unit),
            needle if needle.len() > haystack.len() => None,
            needle => H::find_same(haystack, needle),
        }
    }

    /// First occurrence at or after `start`.
    pub fn find_from(&self, haystack: &[H], start: usize) -> Option<usize> {
        let rest = haystack.get(start..)?;
        self.find(rest).map(|offset| start + offset)
    }

    /// Last occurrence.
    pub fn rfind(&self, haystack: &[H]) -> Option<usize> {
        match self.needle.as_slice() {
            [] => Some(haystack.len()),
            [unit] => H::rfind_unit(haystack, *unit),
            needle if needle.len() > haystack.len() => None,
            needle => H::rfind_same(haystack, needle),
        }
    }

    /// Number of occurrences that do not overlap, up to `limit`.
    pub fn count(&self, haystack: &[H], limit: usize) -> usize {
        if self.needle.is_empty() {
            return haystack.len().saturating_add(1).min(limit);
        }
        let (mut start, mut count) = (0, 0);
        while count < limit
            && let Some(found) = self.find_from(haystack, start)
        {
            count += 1;
            start = found + self.needle.len();
        }
        count
    }
}

/// First occurrence of `needle`, `str.find`.
pub fn find<H: SearchUnit, N: CodeUnit>(haystack: &[H], needle: &[N]) -> Option<usize> {
    if needle.len() > haystack.len() {
        return None;
    }
    Finder::new(needle)?.find(haystack)
}

/// Last occurrence of `needle`, `str.rfind`.
pub fn rfind<H: SearchUnit, N: CodeUnit>(haystack: &[H], needle: &[N]) -> Option<usize> {
    if needle.len() > haystack.len() {
        return None;
    }
    Finder::new(needle)?.rfind(haystack)
}

/// Occurrences of `needle` that do not overlap, `str.count`.
pub fn count<H: SearchUnit, N: CodeUnit>(haystack: &[H], needle: &[N]) -> usize {
    Finder::new(needle).map_or(0, |finder| finder.count(haystack, usize::MAX))
}

/// True if `text` starts with `prefix`, whatever the widths.
pub fn starts_with<H: CodeUnit, N: CodeUnit>(text: &[H], prefix: &[N]) -> bool {
    text.len() >= prefix.len() && text.iter().zip(prefix).all(|(&a, &b)| a.into() == b.into())
}

/// True if `text` ends with `suffix`, whatever the widths.
pub fn ends_with<H: CodeUnit, N: CodeUnit>(text: &[H], suffix: &[N]) -> bool {
    text.len() >= suffix.len() && text.iter().rev().zip(suffix.iter().rev()).all(|(&a, &b)| a.into() == b.into())
}

/// Comparisons beyond this many per unit of haystack passed make the scan give up.
const SCAN_SLACK: usize = 4;

fn find_forward<T: SearchUnit>(haystack: &[T], needle: &[T]) -> Option<usize> {
    let last_start = haystack.len().checked_sub(needle.len())?;
    let (&first, rest) = needle.split_first()?;
    let (mut at, mut wasted) = (0, 0);
    while at <= last_start {
        at += haystack[at..=last_start].iter().position(|&unit| unit == first)?;
        let matched = common_length(&haystack[at + 1..], rest);
        if matched == rest.len() {
            return Some(at);
        }
        at += 1;
        wasted += matched;
        if wasted > SCAN_SLACK * at + 64 {
            let tail = &haystack[at..];
            return two_way(tail.len(), |i| tail[i], needle.len(), |i| needle[i]).map(|found| at + found);
        }
    }
    None
}

fn common_length<T: Eq>(a: &[T], b: &[T]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

fn find_backward<T: SearchUnit>(haystack: &[T], needle: &[T]) -> Option<usize> {
    let (hay_len, len) = (haystack.len(), needle.len());
    let (&last, head) = needle.split_last()?;
    let (mut end, mut wasted) = (hay_len, 0);
    while end >= len {
        end = head.len() + haystack[head.len()..end].iter().rposition(|&unit| unit == last)?;
        let before = haystack[..end].iter().rev().zip(head.iter().rev());
        let matched = before.take_while(|(a, b)| a == b).count();
        if matched == head.len() {
            return Some(end - head.len());
        }
        wasted += matched;
        if wasted > SCAN_SLACK * (hay_len - end) + 64 {
            let found = two_way(end, |i| haystack[end - 1 - i], len, |i| needle[len - 1 - i])?;
            return Some(end - found - len);
        }
    }
    None
}

/// Crochemore and Perrin's two-way search over anything indexable.
fn two_way<T: Ord>(hay_len: usize, hay: impl Fn(usize) -> T, len: usize, needle: impl Fn(usize) -> T) -> Option<usize> {
    let (cut_less, period_less) = maximal_suffix(len, &needle, false);
    let (cut_greater, period_greater) = maximal_suffix(len, &needle, true);
    let (cut, mut period) =
        if cut_less > cut_greater { (cut_less, period_less) } else { (cut_greater, period_greater) };
    let periodic = cut + period <= len && (0..cut).all(|i| needle(i) == needle(i + period));
    if !periodic {
        period = cut.max(len - cut) + 1;
    }
    let (mut at, mut remembered) = (0, 0);
    while at + len <= hay_len {
        let mut right = cut.max(remembered);
        while right < len && needle(right) == hay(at + right) {
            right += 1;
        }
        if right < len {
            at += right - cut + 1;
            remembered = 0;
            continue;
        }
        let mut left = cut;
        while left > remembered && needle(left - 1) == hay(at + left - 1) {
            left -= 1;
        }
        if left <= remembered {
            return Some(at);
        }
        at += period;
        remembered = if periodic { len - period } else { 0 };
    }
    None
}

/// Start and period of the maximal suffix, for the order or its reverse.
fn maximal_suffix<T: Ord>(len: usize, needle: &impl Fn(usize) -> T, reversed: bool) -> (usize, usize) {
    let (mut left, mut right, mut offset, mut period) = (0, 1, 0, 1);
    while right + offset < len {
        let (a, b) = (needle(right + offset), needle(left + offset));
        let smaller = if reversed { a > b } else { a < b };
        if smaller {
            right += offset + 1;
            offset = 0;
            period = right - left;
        } else if a == b {
            if offset + 1 == period {
                right += offset + 1;
                offset = 0;
            } else {
                offset += 1;
            }
        } else {
            left = right;
            right += 1;
            offset = 0;
            period = 1;
        }
    }
    (left, period)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn naive(haystack: &[u16], needle: &[u16]) -> Vec<usize> {
        (0..(haystack.len() + 1).saturating_sub(needle.len()))
            .filter(|&at| haystack[at..].starts_with(needle))
            .collect()
    }

    #[test]
    fn agrees_with_naive_search() {
        let mut state = 1u32;
        let mut next = |limit: u32| {
            state = state.wrapping_mul(1664525).wrapping_add(1013904223);
            (state >> 16) % limit
        };
        for _ in 0..3000 {
            let letters = 1 + next(3);
            let haystack: Vec<u16> = (0..next(60)).map(|_| next(letters) as u16).collect();
            let needle: Vec<u16> = (0..next(8)).map(|_| next(letters) as u16).collect();
            let all = naive(&haystack, &needle);
            assert_eq!(find(&haystack, &needle), all.first().copied());
            assert_eq!(rfind(&haystack, &needle), all.last().copied());
            if needle.len() > 1 {
                let forward = two_way(haystack.len(), |i| haystack[i], needle.len(), |i| needle[i]);
                assert_eq!(forward, all.first().copied());
            }
        }
    }

    #[test]
    fn no_quadratic_case() {
        let mut haystack = vec![7u16; 400_000];
        let mut needle = vec![7u16; 100_000];
        needle[50_000] = 8;
        assert_eq!(find(&haystack, &needle), None);
        assert_eq!(rfind(&haystack, &needle), None);
        haystack[60_000] = 8;
        assert_eq!(find(&haystack, &needle), Some(10_000));
        assert_eq!(rfind(&haystack, &needle), Some(10_000));
    }

    #[test]
    fn mixed_widths() {
        assert_eq!(find(b"abc", &[0x62u32]), Some(1));
        assert_eq!(find(b"abc", &[0x162u32]), None);
        assert_eq!(find(&[1u32, 0x62, 0x63], b"bc"), Some(1));
        assert_eq!(count(b"aaaa", b"aa"), 2);
        assert_eq!(count(b"aaaa", b""), 5);
        assert!(starts_with(&[0x61u16, 0x62], b"a") && ends_with(&[0x61u16, 0x62], b"b"));
    }
}
