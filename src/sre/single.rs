//! Repeats of one character: the tight loops.

use crate::chars::CodeUnit;
use crate::execute::{Frame, Step};
use crate::matcher::Matcher;
use crate::opcodes::MAXREPEAT;
use crate::program::{First, One, Program, Single};

/// How many units at the front of `units` match `one`.
#[inline]
fn count<T: CodeUnit>(program: &Program, one: One, units: &[T]) -> usize {
    let run = |stop: Option<usize>| stop.unwrap_or(units.len());
    match one {
        One::Never => 0,
        One::AnyAll => units.len(),
        One::Any => run(T::from_code(10).and_then(|newline| T::find(units, newline))),
        One::Literal(c) => run(units.iter().position(|unit| unit.code() != c)),
        One::NotLiteral(c) => run(T::from_code(c).and_then(|c| T::find(units, c))),
        One::Set(set) => {
            let set = &program.sets[set as usize];
            match set.latin1() {
                Some(table) => run(units.iter().position(|unit| match table.get(unit.code() as usize) {
                    Some(&inside) => !inside,
                    None => !set.contains(unit.code()),
                })),
                None => run(units.iter().position(|unit| !set.contains(unit.code()))),
            }
        }
    }
}

impl<T: CodeUnit> Matcher<'_, '_, T> {
    #[inline(always)]
    pub(crate) fn first_allows(&self, first: First, at: usize) -> bool {
        match first {
            First::Unknown => true,
            First::Literal(c) => at < self.end && self.subject[at].code() == c,
            First::Set(set) => {
                at < self.end && self.pattern.program.sets[set as usize].contains(self.subject[at].code())
            }
        }
    }

    /// The length of the longest run of at most `max` characters.
    #[inline]
    fn run_length(&self, single: &Single, at: usize, max: u32) -> usize {
        let room = self.end - at;
        let limit = if max == MAXREPEAT { room } else { room.min(max as usize) };
        count(&self.pattern.program, single.item, &self.subject[at..at + limit])
    }

    #[inline]
    pub(crate) fn repeat_one(&mut self, id: u32, at: usize) -> Step {
        let single = &self.pattern.program.singles[id as usize];
        if at > self.end {
            return Step::Fail;
        }
        let min = single.min as usize;
        let run = self.run_length(single, at, single.max);
        if run < min {
            return Step::Fail;
        }
        if single.exclusive {
            // A shorter run is followed by a repeated character, and no tail begins with one.
            let stop = at + run;
            return if self.first_allows(single.first, stop) { Step::Go(single.tail, stop) } else { Step::Fail };
        }
        self.give_back(id, at + run, at + min)
    }

    /// Tries the tail at `at`, and later at the places down to `low`.
    #[inline]
    pub(crate) fn give_back(&mut self, id: u32, at: usize, low: usize) -> Step {
        let single = &self.pattern.program.singles[id as usize];
        let mut at = at;
        while !self.first_allows(single.first, at) {
            if at == low {
                return Step::Fail;
            }
            at -= 1;
        }
        if at > low {
            self.push(Frame::RepeatOne { id, at: at - 1, low });
        }
        Step::Go(single.tail, at)
    }

    #[inline]
    pub(crate) fn possessive_repeat_one(&mut self, id: u32, at: usize) -> Step {
        let single = &self.pattern.program.singles[id as usize];
        if at > self.end {
            return Step::Fail;
        }
        let run = self.run_length(single, at, single.max);
        if run < single.min as usize { Step::Fail } else { Step::Go(single.tail, at + run) }
    }

    #[inline]
    pub(crate) fn min_repeat_one(&mut self, id: u32, at: usize) -> Step {
        let single = &self.pattern.program.singles[id as usize];
        if at > self.end {
            return Step::Fail;
        }
        if self.run_length(single, at, single.min) < single.min as usize {
            return Step::Fail;
        }
        let high = if single.max == MAXREPEAT { usize::MAX } else { at.saturating_add(single.max as usize) };
        self.take_more(id, at + single.min as usize, high)
    }

    /// Tries the tail at `at`, and later at places further on, up to `high`.
    #[inline]
    pub(crate) fn take_more(&mut self, id: u32, at: usize, high: usize) -> Step {
        let single = &self.pattern.program.singles[id as usize];
        let mut at = at;
        while !self.first_allows(single.first, at) {
            if !self.can_take(single, at, high) {
                return Step::Fail;
            }
            at += 1;
        }
        self.push(Frame::MinRepeatOne { id, at, high });
        Step::Go(single.tail, at)
    }

    /// Resumes a lazy repeat whose tail failed at `at`.
    #[inline]
    pub(crate) fn take_one_more(&mut self, id: u32, at: usize, high: usize) -> Step {
        let single = &self.pattern.program.singles[id as usize];
        if !self.can_take(single, at, high) {
            return Step::Fail;
        }
        self.take_more(id, at + 1, high)
    }

    #[inline(always)]
    fn can_take(&self, single: &Single, at: usize, high: usize) -> bool {
        at < high && at < self.end && self.pattern.program.one_matches(single.item, self.subject[at].code())
    }
}
