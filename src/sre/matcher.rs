//! `Pattern` and `Matcher`: what the outside sees.

use crate::chars::{CharTables, CodeUnit};
use crate::execute::Stacks;
use crate::program::Program;
use crate::translate::{CodeError, SearchInfo, translate};

/// A validated pattern, ready to run; it can be shared between threads.
#[derive(Debug)]
pub struct Pattern {
    code: Box<[u32]>,
    groups: u32,
    flags: u32,
    pub(crate) tables: &'static CharTables,
    pub(crate) program: Program,
    pub(crate) search: SearchInfo,
    pub(crate) finder: Option<memchr::memmem::Finder<'static>>,
    pub(crate) starts: Option<Box<[bool; 256]>>,
}

impl Pattern {
    /// Validates `code`, as made by `re._compiler` for a pattern with `groups` capturing groups.
    ///
    /// Code that the compiler can't have made is an error here, so that matching never meets any.
    pub fn new(
        code: impl Into<Box<[u32]>>,
        groups: u32,
        flags: u32,
        tables: &'static CharTables,
    ) -> Result<Pattern, CodeError> {
        let code = code.into();
        let (program, search) = translate(&code, groups, tables)?;
        let starts = program.start_table();
        let prefix: Option<Vec<u8>> = search.prefix.iter().map(|&c| u8::try_from(c).ok()).collect::<Option<_>>();
        let finder =
            prefix.filter(|bytes| bytes.len() > 1).map(|bytes| memchr::memmem::Finder::new(&bytes).into_owned());
        Ok(Pattern { code, groups, flags, tables, program, search, finder, starts })
    }

    /// The opcode list that the pattern was made from.
    pub fn code(&self) -> &[u32] {
        &self.code
    }

    /// The number of capturing groups.
    pub fn groups(&self) -> u32 {
        self.groups
    }

    /// The flags given to `new`; matching does not look at them.
    pub fn flags(&self) -> u32 {
        self.flags
    }
}

/// Why a match could not be finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MatchError {
    /// The interrupt hook asked to stop.
    Interrupted,
    /// The backtrack stack could not grow.
    OutOfMemory,
}

/// Called every few thousand steps; returning true ends the match with `MatchError::Interrupted`.
pub type InterruptHook<'h> = &'h mut dyn FnMut() -> bool;

pub(crate) const NO_MARK: usize = usize::MAX;

/// One pattern on one subject; reusable for any number of matches, keeping its memory.
pub struct Matcher<'p, 's, T> {
    pub(crate) pattern: &'p Pattern,
    pub(crate) subject: &'s [T],
    pub(crate) hook: Option<InterruptHook<'p>>,
    pub(crate) steps_left: u32,
    /// The end of the part of the subject in use (`endpos`).
    pub(crate) end: usize,
    pub(crate) start: usize,
    pub(crate) position: usize,
    pub(crate) match_all: bool,
    pub(crate) must_advance: bool,
    pub(crate) marks: Box<[usize]>,
    /// The highest valid index of `marks`, or -1.
    pub(crate) lastmark: i32,
    pub(crate) lastindex: i32,
    pub(crate) stacks: Stacks,
}

impl<'p, 's, T: CodeUnit> Matcher<'p, 's, T> {
    /// A matcher that has not matched yet.
    pub fn new(pattern: &'p Pattern, subject: &'s [T]) -> Matcher<'p, 's, T> {
        Matcher {
            pattern,
            subject,
            hook: None,
            steps_left: crate::execute::STEPS_PER_HOOK,
            end: subject.len(),
            start: 0,
            position: 0,
            match_all: false,
            must_advance: false,
            marks: vec![NO_MARK; pattern.groups as usize * 2].into(),
            lastmark: -1,
            lastindex: -1,
            stacks: Stacks::default(),
        }
    }

    /// Sets the function that is called every few thousand steps.
    pub fn set_interrupt_hook(&mut self, hook: InterruptHook<'p>) {
        self.hook = Some(hook);
    }

    /// Makes the next match or search refuse an empty match at its very start.
    ///
    /// `finditer`, `sub`, `split` and scanners set it after an empty match; it holds for one call.
    pub fn set_must_advance(&mut self, must_advance: bool) {
        self.must_advance = must_advance;
    }

    /// Matches at `start`, in the part of the subject that ends at `end`.
    pub fn match_at(&mut self, start: usize, end: usize) -> Result<bool, MatchError> {
        self.match_anchored(start, end, false)
    }

    /// Matches all of the subject from `start` to `end`.
    pub fn fullmatch(&mut self, start: usize, end: usize) -> Result<bool, MatchError> {
        self.match_anchored(start, end, true)
    }

    fn match_anchored(&mut self, start: usize, end: usize, all: bool) -> Result<bool, MatchError> {
        self.set_range(start, end);
        self.match_all = all;
        // As in CPython, a start beyond `end` does not rule out an empty match there.
        let too_short = self.end.saturating_sub(start) < self.pattern.search.min_width;
        let matched = start <= self.subject.len() && !too_short && self.run_at(start)?;
        self.must_advance = false;
        Ok(matched)
    }

    /// Finds the first match that begins at or after `start`.
    pub fn search(&mut self, start: usize, end: usize) -> Result<bool, MatchError> {
        self.set_range(start, end);
        self.match_all = false;
        let found = start <= self.end && self.search_from(start)?;
        self.must_advance = false;
        Ok(found)
    }

    fn set_range(&mut self, start: usize, end: usize) {
        self.end = end.min(self.subject.len());
        self.start = start;
        self.position = start;
        self.reset_marks();
    }

    pub(crate) fn reset_marks(&mut self) {
        self.lastmark = -1;
        self.lastindex = -1;
    }

    /// The span of the match (group 0) or of a group, if it took part in the last match.
    pub fn span(&self, group: usize) -> Option<(usize, usize)> {
        if group == 0 {
            return Some((self.start, self.position));
        }
        self.group_marks(group - 1)
    }

    /// The marks of a zero-based group that is closed.
    pub(crate) fn group_marks(&self, group: usize) -> Option<(usize, usize)> {
        let open = group * 2;
        if open as i64 >= i64::from(self.lastmark) {
            return None;
        }
        let (start, end) = (self.marks[open], self.marks[open + 1]);
        (start != NO_MARK && end != NO_MARK && start <= end).then_some((start, end))
    }

    /// The number of the group that was closed last (`Match.lastindex`).
    pub fn lastindex(&self) -> Option<u32> {
        u32::try_from(self.lastindex).ok()
    }

    /// The highest mark that has been set, or -1.
    pub fn lastmark(&self) -> i32 {
        self.lastmark
    }

    /// Where the last match ended.
    pub fn position(&self) -> usize {
        self.position
    }
}
