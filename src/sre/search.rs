//! Finding the places where a match can begin.

use crate::chars::CodeUnit;
use crate::matcher::{MatchError, Matcher};
use crate::opcodes::at;
use crate::program::Inst;

impl<T: CodeUnit> Matcher<'_, '_, T> {
    pub(crate) fn search_from(&mut self, start: usize) -> Result<bool, MatchError> {
        let search = &self.pattern.search;
        if self.end - start < search.min_width {
            return Ok(false);
        }
        if !search.prefix.is_empty() {
            return self.search_prefix(start);
        }
        let last = if search.min_width > 1 { self.end - (search.min_width - 1) } else { self.end };
        match self.pattern.program.insts[0] {
            Inst::At(at::BEGINNING | at::BEGINNING_STRING) => self.run_at(start),
            _ if self.pattern.starts.is_some() => self.search_starts(start, last),
            _ => self.search_everywhere(start, last),
        }
    }

    fn search_everywhere(&mut self, start: usize, last: usize) -> Result<bool, MatchError> {
        for at in start..=last {
            if self.attempt(at)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// One attempt of a search: an empty match is refused only at the first.
    #[inline]
    fn attempt(&mut self, at: usize) -> Result<bool, MatchError> {
        self.start = at;
        self.reset_marks();
        let matched = self.run_at(at);
        self.must_advance = false;
        matched
    }

    fn search_starts(&mut self, start: usize, last: usize) -> Result<bool, MatchError> {
        let pattern = self.pattern;
        let Some(starts) = pattern.starts.as_deref() else {
            return Ok(false);
        };
        let mut at = start;
        let last = last.min(self.end);
        loop {
            let candidate = |unit: &T| starts.get(unit.code() as usize).is_none_or(|&may| may);
            // A start table means that a match takes at least one character.
            let stop = (last + 1).min(self.end);
            match self.subject[at.min(stop)..stop].iter().position(candidate) {
                Some(offset) => at += offset,
                None => return Ok(false),
            }
            if self.attempt(at)? {
                return Ok(true);
            }
            at += 1;
        }
    }

    fn search_prefix(&mut self, start: usize) -> Result<bool, MatchError> {
        let mut at = start;
        while let Some(found) = self.find_prefix(at) {
            if self.pattern.search.literal {
                self.start = found;
                self.position = found + self.pattern.search.prefix.len();
                return Ok(true);
            }
            if self.attempt(found)? {
                return Ok(true);
            }
            at = found + 1;
        }
        Ok(false)
    }

    fn find_prefix(&self, from: usize) -> Option<usize> {
        let prefix = &self.pattern.search.prefix[..];
        let haystack = self.subject.get(from..self.end)?;
        if let [single] = prefix {
            return T::find(haystack, T::from_code(*single)?).map(|offset| from + offset);
        }
        if let Some(finder) = &self.pattern.finder
            && let Some(found) = T::find_bytes(haystack, finder)
        {
            return found.map(|offset| from + offset);
        }
        let first = T::from_code(prefix[0])?;
        self.find_by_overlap(haystack, first).map(|offset| from + offset)
    }

    /// Knuth, Morris and Pratt's search, with a fast scan for the first unit.
    fn find_by_overlap(&self, haystack: &[T], first: T) -> Option<usize> {
        let (prefix, overlap) = (&self.pattern.search.prefix[..], &self.pattern.search.overlap[..]);
        let (mut at, mut matched) = (0, 0);
        loop {
            if matched == 0 {
                at += T::find(haystack.get(at..)?, first)? + 1;
                matched = 1;
            }
            let c = haystack.get(at)?.code();
            if c == prefix[matched] {
                matched += 1;
                at += 1;
                if matched == prefix.len() {
                    return Some(at - matched);
                }
            } else {
                matched = overlap[matched - 1] as usize;
            }
        }
    }
}
