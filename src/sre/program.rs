//! The form in which a validated pattern is executed.
//!
//! The opcode list is translated once: jumps become instruction numbers, runs of literals are fused,
//! character sets get a Latin-1 table, and every place where the matcher has a choice knows what the next
//! character must be.  Invariant: every index in here is in bounds, because only the translator makes it.

use crate::set::{Fold, Set};

/// What matches exactly one character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum One {
    Never,
    Any,
    AnyAll,
    Literal(u32),
    NotLiteral(u32),
    Set(u32),
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Inst {
    Success,
    One(One),
    Literal(u32),
    Set(u32),
    /// A run of literals in `Program::literals`.
    Literals {
        start: u32,
        len: u32,
    },
    At(u32),
    Mark(u32),
    Jump(u32),
    /// The first of its alternatives in `Program::alternatives`.
    Branch(u32),
    Fail,
    RepeatOne(u32),
    MinRepeatOne(u32),
    PossessiveRepeatOne(u32),
    Repeat(u32),
    MaxUntil,
    MinUntil,
    PossessiveRepeat(u32),
    Atomic {
        next: u32,
    },
    Assert {
        back: u32,
        next: u32,
    },
    AssertNot {
        back: u32,
        next: u32,
    },
    GroupRef {
        group: u32,
        fold: Fold,
    },
    GroupExists {
        group: u32,
        otherwise: u32,
    },
}

/// What the next character must be for an instruction to have a chance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum First {
    /// Nothing is known.
    Unknown,
    Literal(u32),
    Set(u32),
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Alternative {
    pub(crate) pc: u32,
    pub(crate) first: First,
    pub(crate) last: bool,
}

/// A repeat of a single character.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Single {
    pub(crate) item: One,
    pub(crate) min: u32,
    pub(crate) max: u32,
    pub(crate) tail: u32,
    pub(crate) first: First,
    /// No repeated character can start the tail, so giving characters back is useless.
    pub(crate) exclusive: bool,
}

/// A repeat of a subpattern.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Repeat {
    pub(crate) min: u32,
    pub(crate) max: u32,
    pub(crate) body: u32,
    pub(crate) body_first: First,
    pub(crate) until: u32,
    pub(crate) tail: u32,
    pub(crate) tail_first: First,
}

#[derive(Debug, Default)]
pub(crate) struct Program {
    pub(crate) insts: Vec<Inst>,
    pub(crate) literals: Vec<u32>,
    pub(crate) sets: Vec<Set>,
    pub(crate) alternatives: Vec<Alternative>,
    pub(crate) singles: Vec<Single>,
    pub(crate) repeats: Vec<Repeat>,
}

/// How deep the look for first characters goes; beyond it nothing is known.
const FIRST_DEPTH: u32 = 24;

/// How many instructions the look for a start table visits; beyond it nothing is known.
const START_STEPS: u32 = 400;

impl Program {
    /// Fills in what is known about next characters, once all code is there.
    pub(crate) fn link(&mut self) {
        for i in 0..self.alternatives.len() {
            self.alternatives[i].first = self.first(self.alternatives[i].pc);
        }
        for i in 0..self.singles.len() {
            let first = self.first(self.singles[i].tail);
            let item = self.singles[i].item;
            self.singles[i].first = first;
            self.singles[i].exclusive = match first {
                First::Literal(c) => !self.one_matches(item, c),
                First::Set(_) | First::Unknown => false,
            };
        }
        for i in 0..self.repeats.len() {
            self.repeats[i].body_first = self.first(self.repeats[i].body);
            self.repeats[i].tail_first = self.first(self.repeats[i].tail);
        }
    }

    fn first(&self, pc: u32) -> First {
        let mut pc = pc as usize;
        for _ in 0..FIRST_DEPTH {
            match self.insts[pc] {
                Inst::Mark(_) => pc += 1,
                Inst::Jump(target) => pc = target as usize,
                Inst::Literal(c) => return First::Literal(c),
                Inst::Literals { start, .. } => {
                    return First::Literal(self.literals[start as usize]);
                }
                Inst::Set(set) => return First::Set(set),
                Inst::RepeatOne(id) | Inst::MinRepeatOne(id) | Inst::PossessiveRepeatOne(id) => {
                    let single = &self.singles[id as usize];
                    return match single.item {
                        One::Literal(c) if single.min > 0 => First::Literal(c),
                        One::Set(set) if single.min > 0 => First::Set(set),
                        _ => First::Unknown,
                    };
                }
                _ => return First::Unknown,
            }
        }
        First::Unknown
    }

    #[inline(always)]
    pub(crate) fn one_matches(&self, one: One, c: u32) -> bool {
        match one {
            One::Never => false,
            One::Any => c != 10,
            One::AnyAll => true,
            One::Literal(literal) => c == literal,
            One::NotLiteral(literal) => c != literal,
            One::Set(set) => self.sets[set as usize].contains(c),
        }
    }

    /// The Latin-1 characters that a match can begin with, or `None` if the pattern can match nothing,
    /// or begins in a way that is not looked into.  Characters above Latin-1 must be taken as possible.
    pub(crate) fn start_table(&self) -> Option<Box<[bool; 256]>> {
        let mut table = Box::new([false; 256]);
        let known = self.add_starts(0, &mut table, &mut { START_STEPS });
        (known && table.iter().any(|&possible| !possible)).then_some(table)
    }

    fn add_starts(&self, pc: u32, table: &mut [bool; 256], steps: &mut u32) -> bool {
        let Some(left) = steps.checked_sub(1) else {
            return false;
        };
        *steps = left;
        let next = pc + 1;
        match self.insts[pc as usize] {
            Inst::Fail => true,
            Inst::Literal(c) => self.add_one(One::Literal(c), table),
            Inst::Set(set) => self.add_one(One::Set(set), table),
            Inst::One(one) => self.add_one(one, table),
            Inst::Literals { start, .. } => self.add_one(One::Literal(self.literals[start as usize]), table),
            Inst::Mark(_) | Inst::At(_) => self.add_starts(next, table, steps),
            Inst::Jump(target) => self.add_starts(target, table, steps),
            // An assertion only narrows what follows it.
            Inst::Assert { next, .. } | Inst::AssertNot { next, .. } => self.add_starts(next, table, steps),
            Inst::Branch(start) => self.add_branch_starts(start, table, steps),
            Inst::RepeatOne(id) | Inst::MinRepeatOne(id) | Inst::PossessiveRepeatOne(id) => {
                let single = &self.singles[id as usize];
                self.add_one(single.item, table) && (single.min > 0 || self.add_starts(single.tail, table, steps))
            }
            Inst::Repeat(id) | Inst::PossessiveRepeat(id) => {
                let repeat = &self.repeats[id as usize];
                self.add_starts(repeat.body, table, steps)
                    && (repeat.min > 0 || self.add_starts(repeat.tail, table, steps))
            }
            Inst::Atomic { .. } => self.add_starts(next, table, steps),
            _ => false,
        }
    }

    fn add_branch_starts(&self, start: u32, table: &mut [bool; 256], steps: &mut u32) -> bool {
        for alternative in &self.alternatives[start as usize..] {
            if !self.add_starts(alternative.pc, table, steps) {
                return false;
            }
            if alternative.last {
                break;
            }
        }
        true
    }

    fn add_one(&self, one: One, table: &mut [bool; 256]) -> bool {
        if let One::Set(set) = one
            && self.sets[set as usize].latin1().is_none()
        {
            return false;
        }
        for (c, possible) in table.iter_mut().enumerate() {
            *possible |= self.one_matches(one, c as u32);
        }
        true
    }
}
