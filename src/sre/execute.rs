//! The matching loop and its backtrack stack.
//!
//! Every choice and every change that a failure must undo is one `Frame`; failing pops frames until one
//! of them knows where to go on.  So state at a choice point is always exactly what it was when the frame
//! was pushed.  Atomic bodies and assertions run above a `Frame::Barrier`: when they succeed, their frames
//! are cut, except for the marks they set, which an earlier choice may still have to undo.

use crate::chars::CodeUnit;
use crate::matcher::{MatchError, Matcher, NO_MARK};
use crate::opcodes::{at, category};
use crate::program::{First, Inst};
use crate::set::Fold;
use crate::translate::may_repeat;

/// Steps between two calls of the interrupt hook.
pub(crate) const STEPS_PER_HOOK: u32 = 4096;

const NO_REPEAT: u32 = u32::MAX;

/// Where to go on.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    Go(u32, usize),
    Fail,
}

/// One entry of the backtrack stack: 24 bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Frame {
    /// Untried alternatives, from this one on.
    Branch { alternative: u32, at: usize },
    /// A greedy single-character repeat may give back down to `low`.
    RepeatOne { id: u32, at: usize, low: usize },
    /// A lazy single-character repeat may take up to `high`.
    MinRepeatOne { id: u32, at: usize, high: usize },
    /// A mark had another value.
    Mark { index: u32, old: usize, lastmark: i32, lastindex: i32 },
    /// A greedy repeat tried one more body; its tail is still to be tried.
    MaxUntil { repeat: u32, at: usize, last_at: usize },
    /// A lazy repeat tried its tail; one more body is still to be tried.
    MinUntil { repeat: u32, at: usize },
    /// A lazy repeat tried one more body, its last chance.
    MinBody { repeat: u32, last_at: usize },
    /// A repeat that was below its minimum counted one more.
    Count { repeat: u32 },
    /// A repeat was left for its tail.
    Left { repeat: u32 },
    /// A repeat was entered.
    Entered,
    /// The floor of the top `Barrier`.
    Barrier,
}

/// The run-time state of a repeat of a subpattern.
#[derive(Debug, Clone, Copy)]
struct RepeatState {
    id: u32,
    /// The enclosing repeat.
    outer: u32,
    /// Bodies begun, less one, as the first body is not counted before its `UNTIL`.
    count: i64,
    /// Where the last optional body began, against endless empty bodies.
    last_at: usize,
}

#[derive(Debug, Clone, Copy)]
enum BarrierKind {
    Atomic,
    Assert,
    AssertNot,
    Possessive { id: u32, count: u64 },
}

/// A body that is matched on its own, up to its `Success`.
#[derive(Debug, Clone, Copy)]
struct Barrier {
    kind: BarrierKind,
    /// Where its `Frame::Barrier` is.
    floor: usize,
    next: u32,
    at: usize,
    repeat: u32,
    repeats: usize,
}

/// The stacks of a matcher; empty between matches, but with their memory.
#[derive(Debug, Default)]
pub(crate) struct Stacks {
    frames: Vec<Frame>,
    repeats: Vec<RepeatState>,
    barriers: Vec<Barrier>,
    /// The innermost repeat that is being matched.
    repeat: u32,
    out_of_memory: bool,
}

impl Stacks {
    fn clear(&mut self) {
        self.frames.clear();
        self.repeats.clear();
        self.barriers.clear();
        self.repeat = NO_REPEAT;
    }

    #[cold]
    fn reserve(&mut self) -> bool {
        let more = self.frames.len().max(256);
        self.out_of_memory |= self.frames.try_reserve_exact(more).is_err();
        !self.out_of_memory
    }
}

impl<T: CodeUnit> Matcher<'_, '_, T> {
    #[inline(always)]
    pub(crate) fn push(&mut self, frame: Frame) {
        let stacks = &mut self.stacks;
        if stacks.frames.len() < stacks.frames.capacity() || stacks.reserve() {
            stacks.frames.push(frame);
        } else {
            // The next step reports it.
            self.steps_left = 0;
        }
    }

    /// Runs the pattern at one position.
    pub(crate) fn run_at(&mut self, start: usize) -> Result<bool, MatchError> {
        self.stacks.clear();
        let program = &self.pattern.program;
        let insts = &program.insts[..];
        let (mut pc, mut at) = (0_usize, start);
        loop {
            let step = match insts[pc] {
                Inst::Literal(c) => self.advance_if(pc, at, |unit| unit == c),
                Inst::Set(set) => self.advance_if(pc, at, |c| program.sets[set as usize].contains(c)),
                Inst::Literals { start, len } => {
                    let run = &program.literals[start as usize..(start + len) as usize];
                    let matches = at + run.len() <= self.end
                        && self.subject[at..].iter().zip(run).all(|(unit, &c)| unit.code() == c);
                    if matches { Step::Go(pc as u32 + 1, at + run.len()) } else { Step::Fail }
                }
                Inst::One(one) => self.advance_if(pc, at, |c| program.one_matches(one, c)),
                Inst::Mark(index) => {
                    self.set_mark(index, at);
                    Step::Go(pc as u32 + 1, at)
                }
                Inst::Jump(target) => Step::Go(target, at),
                Inst::Branch(alternative) => self.branch(alternative, at),
                Inst::RepeatOne(id) => self.repeat_one(id, at),
                Inst::MinRepeatOne(id) => self.min_repeat_one(id, at),
                Inst::PossessiveRepeatOne(id) => self.possessive_repeat_one(id, at),
                Inst::Repeat(id) => self.enter_repeat(id, at),
                Inst::MaxUntil => self.max_until(at),
                Inst::MinUntil => self.min_until(at),
                Inst::At(position) => go_if(self.is_at(position, at), pc, at),
                Inst::Fail => Step::Fail,
                Inst::Success if self.stacks.barriers.is_empty() => {
                    if self.accepts(at) {
                        self.position = at;
                        return Ok(true);
                    }
                    Step::Fail
                }
                Inst::Success => self.barrier_success(at),
                Inst::GroupRef { group, fold } => self.group_ref(group, fold, pc, at),
                Inst::GroupExists { group, otherwise } => {
                    let exists = self.group_marks(group as usize).is_some();
                    Step::Go(if exists { pc as u32 + 1 } else { otherwise }, at)
                }
                Inst::PossessiveRepeat(id) => self.possessive_step(id, 0, at, NO_MARK),
                Inst::Atomic { next } => {
                    self.raise_barrier(BarrierKind::Atomic, next, at);
                    Step::Go(pc as u32 + 1, at)
                }
                Inst::Assert { back, next } => self.assertion(BarrierKind::Assert, back, pc, next, at),
                Inst::AssertNot { back, next } => self.assertion(BarrierKind::AssertNot, back, pc, next, at),
            };
            if self.steps_left == 0 {
                self.call_hook()?;
            }
            self.steps_left -= 1;
            (pc, at) = match step {
                Step::Go(pc, at) => (pc as usize, at),
                Step::Fail => match self.backtrack() {
                    Step::Go(pc, at) => (pc as usize, at),
                    Step::Fail => return Ok(false),
                },
            };
        }
    }

    #[cold]
    fn call_hook(&mut self) -> Result<(), MatchError> {
        self.steps_left = STEPS_PER_HOOK;
        if std::mem::take(&mut self.stacks.out_of_memory) {
            self.stacks = Stacks::default();
            return Err(MatchError::OutOfMemory);
        }
        let interrupted = self.hook.as_mut().is_some_and(|hook| hook());
        if interrupted { Err(MatchError::Interrupted) } else { Ok(()) }
    }

    fn accepts(&self, at: usize) -> bool {
        !(self.match_all && at != self.end || self.must_advance && at == self.start)
    }

    #[inline(always)]
    fn advance_if(&self, pc: usize, at: usize, matches: impl FnOnce(u32) -> bool) -> Step {
        if at < self.end && matches(self.subject[at].code()) { Step::Go(pc as u32 + 1, at + 1) } else { Step::Fail }
    }

    #[inline(always)]
    fn set_mark(&mut self, index: u32, at: usize) {
        let slot = index as usize;
        if !self.stacks.frames.is_empty() {
            let (lastmark, lastindex) = (self.lastmark, self.lastindex);
            self.push(Frame::Mark { index, old: self.marks[slot], lastmark, lastindex });
        }
        if index & 1 == 1 {
            self.lastindex = (index / 2 + 1) as i32;
        }
        if index as i32 > self.lastmark {
            self.marks[(self.lastmark + 1) as usize..slot].fill(NO_MARK);
            self.lastmark = index as i32;
        }
        self.marks[slot] = at;
    }

    /// Takes the first alternative from this one on that the next character allows.
    #[inline(always)]
    fn branch(&mut self, alternative: u32, at: usize) -> Step {
        let alternatives = &self.pattern.program.alternatives;
        let mut index = alternative as usize;
        while !self.first_allows(alternatives[index].first, at) {
            if alternatives[index].last {
                return Step::Fail;
            }
            index += 1;
        }
        let chosen = alternatives[index];
        // Look on for the next candidate, as with none there is nothing to come back to.
        while !alternatives[index].last {
            index += 1;
            if self.first_allows(alternatives[index].first, at) {
                self.push(Frame::Branch { alternative: index as u32, at });
                break;
            }
        }
        Step::Go(chosen.pc, at)
    }

    fn enter_repeat(&mut self, id: u32, at: usize) -> Step {
        let until = self.pattern.program.repeats[id as usize].until;
        let stacks = &mut self.stacks;
        let outer = std::mem::replace(&mut stacks.repeat, stacks.repeats.len() as u32);
        stacks.repeats.push(RepeatState { id, outer, count: -1, last_at: NO_MARK });
        self.push(Frame::Entered);
        Step::Go(until, at)
    }

    fn max_until(&mut self, at: usize) -> Step {
        let repeat = self.stacks.repeat;
        let state = &mut self.stacks.repeats[repeat as usize];
        let info = &self.pattern.program.repeats[state.id as usize];
        let count = (state.count + 1) as u64;
        if count < u64::from(info.min) {
            state.count += 1;
            self.push(Frame::Count { repeat });
            return Step::Go(info.body, at);
        }
        let last_at = state.last_at;
        if may_repeat(count, info.max) && at != last_at && self.first_allows(info.body_first, at) {
            let state = &mut self.stacks.repeats[repeat as usize];
            state.count += 1;
            state.last_at = at;
            self.push(Frame::MaxUntil { repeat, at, last_at });
            return Step::Go(info.body, at);
        }
        self.leave_repeat(repeat, at)
    }

    fn leave_repeat(&mut self, repeat: u32, at: usize) -> Step {
        let state = self.stacks.repeats[repeat as usize];
        let info = &self.pattern.program.repeats[state.id as usize];
        if info.tail_first != First::Unknown && !self.first_allows(info.tail_first, at) {
            return Step::Fail;
        }
        self.stacks.repeat = state.outer;
        self.push(Frame::Left { repeat });
        Step::Go(info.tail, at)
    }

    fn min_until(&mut self, at: usize) -> Step {
        let repeat = self.stacks.repeat;
        let state = &mut self.stacks.repeats[repeat as usize];
        let info = &self.pattern.program.repeats[state.id as usize];
        if ((state.count + 1) as u64) < u64::from(info.min) {
            state.count += 1;
            self.push(Frame::Count { repeat });
            return Step::Go(info.body, at);
        }
        self.stacks.repeat = state.outer;
        self.push(Frame::MinUntil { repeat, at });
        Step::Go(info.tail, at)
    }

    /// The tail of a lazy repeat failed: one more body, if allowed.
    fn min_until_body(&mut self, repeat: u32, at: usize) -> Step {
        self.stacks.repeat = repeat;
        let state = &mut self.stacks.repeats[repeat as usize];
        let info = &self.pattern.program.repeats[state.id as usize];
        if !may_repeat((state.count + 1) as u64, info.max) || at == state.last_at {
            return Step::Fail;
        }
        let last_at = std::mem::replace(&mut state.last_at, at);
        state.count += 1;
        self.push(Frame::MinBody { repeat, last_at });
        Step::Go(info.body, at)
    }

    /// Begins another body of a possessive repeat, or goes on with its tail.
    fn possessive_step(&mut self, id: u32, count: u64, at: usize, last_at: usize) -> Step {
        let info = &self.pattern.program.repeats[id as usize];
        let below = count < u64::from(info.min);
        if below || (may_repeat(count, info.max) && at != last_at) {
            self.raise_barrier(BarrierKind::Possessive { id, count }, info.tail, at);
            return Step::Go(info.body, at);
        }
        Step::Go(info.tail, at)
    }

    fn assertion(&mut self, kind: BarrierKind, back: u32, pc: usize, next: u32, at: usize) -> Step {
        match at.checked_sub(back as usize) {
            Some(from) => {
                self.raise_barrier(kind, next, at);
                Step::Go(pc as u32 + 1, from)
            }
            None if matches!(kind, BarrierKind::AssertNot) => Step::Go(next, at),
            None => Step::Fail,
        }
    }

    fn raise_barrier(&mut self, kind: BarrierKind, next: u32, at: usize) {
        let stacks = &mut self.stacks;
        let (floor, repeats) = (stacks.frames.len(), stacks.repeats.len());
        let barrier = Barrier { kind, floor, next, at, repeat: stacks.repeat, repeats };
        stacks.barriers.push(barrier);
        self.push(Frame::Barrier);
    }

    fn pop_barrier(&mut self) -> Option<Barrier> {
        let barrier = self.stacks.barriers.pop()?;
        self.stacks.repeats.truncate(barrier.repeats);
        self.stacks.repeat = barrier.repeat;
        Some(barrier)
    }

    /// The body above the top barrier has matched up to `at`.
    fn barrier_success(&mut self, at: usize) -> Step {
        let Some(barrier) = self.pop_barrier() else {
            return Step::Fail;
        };
        if matches!(barrier.kind, BarrierKind::AssertNot) {
            self.undo_marks(barrier.floor);
            return Step::Fail;
        }
        self.cut(barrier.floor);
        match barrier.kind {
            BarrierKind::Atomic => Step::Go(barrier.next, at),
            BarrierKind::Assert | BarrierKind::AssertNot => Step::Go(barrier.next, barrier.at),
            BarrierKind::Possessive { id, count } => {
                let min = self.pattern.program.repeats[id as usize].min;
                let last_at = if count < u64::from(min) { NO_MARK } else { barrier.at };
                self.possessive_step(id, count + 1, at, last_at)
            }
        }
    }

    /// The body above the top barrier can't match.
    fn barrier_failure(&mut self) -> Step {
        let Some(barrier) = self.pop_barrier() else {
            return Step::Fail;
        };
        match barrier.kind {
            BarrierKind::Atomic | BarrierKind::Assert => Step::Fail,
            BarrierKind::AssertNot => Step::Go(barrier.next, barrier.at),
            BarrierKind::Possessive { id, count } => {
                let min = self.pattern.program.repeats[id as usize].min;
                if count < u64::from(min) { Step::Fail } else { Step::Go(barrier.next, barrier.at) }
            }
        }
    }

    /// Drops the frames from `floor` on, but for the marks.
    fn cut(&mut self, floor: usize) {
        let frames = &mut self.stacks.frames;
        let mut kept = floor;
        if floor > 0 {
            for i in floor..frames.len() {
                if matches!(frames[i], Frame::Mark { .. }) {
                    frames[kept] = frames[i];
                    kept += 1;
                }
            }
        }
        frames.truncate(kept);
    }

    fn undo_marks(&mut self, floor: usize) {
        while self.stacks.frames.len() > floor {
            if let Some(Frame::Mark { index, old, lastmark, lastindex }) = self.stacks.frames.pop() {
                self.restore_mark(index, old, lastmark, lastindex);
            }
        }
    }

    #[inline(always)]
    fn restore_mark(&mut self, index: u32, old: usize, lastmark: i32, lastindex: i32) {
        self.marks[index as usize] = old;
        self.lastmark = lastmark;
        self.lastindex = lastindex;
    }

    /// Undoes frames until one has something left to try.
    fn backtrack(&mut self) -> Step {
        while let Some(frame) = self.stacks.frames.pop() {
            let step = match frame {
                Frame::Branch { alternative, at } => self.branch(alternative, at),
                Frame::RepeatOne { id, at, low } => self.give_back(id, at, low),
                Frame::MinRepeatOne { id, at, high } => self.take_one_more(id, at, high),
                Frame::Mark { index, old, lastmark, lastindex } => {
                    self.restore_mark(index, old, lastmark, lastindex);
                    Step::Fail
                }
                Frame::MaxUntil { repeat, at, last_at } => {
                    self.uncount(repeat, last_at);
                    self.leave_repeat(repeat, at)
                }
                Frame::MinUntil { repeat, at } => self.min_until_body(repeat, at),
                Frame::MinBody { repeat, last_at } => {
                    self.uncount(repeat, last_at);
                    Step::Fail
                }
                Frame::Count { repeat } => {
                    self.stacks.repeats[repeat as usize].count -= 1;
                    Step::Fail
                }
                Frame::Left { repeat } => {
                    self.stacks.repeat = repeat;
                    Step::Fail
                }
                Frame::Entered => {
                    if let Some(state) = self.stacks.repeats.pop() {
                        self.stacks.repeat = state.outer;
                    }
                    Step::Fail
                }
                Frame::Barrier => self.barrier_failure(),
            };
            if let Step::Go(..) = step {
                return step;
            }
        }
        Step::Fail
    }

    #[inline(always)]
    fn uncount(&mut self, repeat: u32, last_at: usize) {
        let state = &mut self.stacks.repeats[repeat as usize];
        state.count -= 1;
        state.last_at = last_at;
    }

    fn group_ref(&self, group: u32, fold: Fold, pc: usize, at: usize) -> Step {
        let Some((start, stop)) = self.group_marks(group as usize) else {
            return Step::Fail;
        };
        let len = stop - start;
        if len > 0 && at + len > self.end {
            return Step::Fail;
        }
        let (captured, here) = (&self.subject[start..stop], &self.subject[at..at + len]);
        let tables = self.pattern.tables;
        let equal = match fold {
            Fold::None => captured == here,
            _ => captured.iter().zip(here).all(|(a, b)| fold.apply(tables, a.code()) == fold.apply(tables, b.code())),
        };
        if equal { Step::Go(pc as u32 + 1, at + len) } else { Step::Fail }
    }

    fn is_at(&self, position: u32, at: usize) -> bool {
        let newline = |index: usize| self.subject.get(index).is_some_and(|unit| unit.code() == 10);
        match position {
            at::BEGINNING | at::BEGINNING_STRING => at == 0,
            at::BEGINNING_LINE => at == 0 || newline(at - 1),
            at::END => at == self.end || (at + 1 == self.end && newline(at)),
            at::END_LINE => at == self.end || newline(at),
            at::END_STRING => at == self.end,
            at::BOUNDARY => self.is_boundary(category::WORD, at),
            at::NON_BOUNDARY => !self.is_boundary(category::WORD, at),
            at::LOC_BOUNDARY => self.is_boundary(category::LOC_WORD, at),
            at::LOC_NON_BOUNDARY => !self.is_boundary(category::LOC_WORD, at),
            at::UNI_BOUNDARY => self.is_boundary(category::UNI_WORD, at),
            _ => !self.is_boundary(category::UNI_WORD, at),
        }
    }

    fn is_boundary(&self, word: u32, at: usize) -> bool {
        let is_word = |index: usize| self.pattern.tables.category(word, self.subject[index].code());
        let before = at > 0 && is_word(at - 1);
        let after = at < self.end && is_word(at);
        before != after
    }
}

#[inline(always)]
fn go_if(condition: bool, pc: usize, at: usize) -> Step {
    if condition { Step::Go(pc as u32 + 1, at) } else { Step::Fail }
}
