//! Validates an opcode list and translates it into a `Program`.
//!
//! The list may come from anywhere (`_sre.compile` is callable by anyone), so nothing in it is trusted:
//! each argument is bounds-checked, each jump must go where the compiler would have made it go, and marks
//! and group references must be of groups that exist.

use crate::chars::CharTables;
use crate::opcodes::{MAXREPEAT, at, category, info, op};
use crate::program::{Alternative, First, Inst, One, Program, Repeat, Single};
use crate::set::{Fold, Item, Set};

/// The code is not what the compiler of regular expressions produces (`RuntimeError: invalid SRE code`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeError {
    /// The offset of the word that can't be.
    pub offset: usize,
}

impl std::fmt::Display for CodeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("invalid SRE code")
    }
}

impl std::error::Error for CodeError {}

/// What the `INFO` block says about how to search.
#[derive(Debug, Default)]
pub(crate) struct SearchInfo {
    pub(crate) min_width: usize,
    pub(crate) prefix: Vec<u32>,
    pub(crate) overlap: Vec<u32>,
    /// The prefix is the whole pattern.
    pub(crate) literal: bool,
}

/// Deeper nesting than any pattern the compiler accepts.
const MAX_DEPTH: u32 = 2_000;

type Checked<T> = Result<T, CodeError>;

pub(crate) fn translate(code: &[u32], groups: u32, tables: &'static CharTables) -> Checked<(Program, SearchInfo)> {
    let mut translator = Translator { code, groups, tables, program: Program::default(), depth: 0 };
    let mut start = 0;
    let mut search = SearchInfo::default();
    if code.first() == Some(&op::INFO) {
        search = translator.info_block()?;
        start = translator.skip(1, code.len())?;
    }
    let end = code.len().checked_sub(1).filter(|&end| end >= start).ok_or(CodeError { offset: start })?;
    translator.expect(end, op::SUCCESS)?;
    translator.sequence(start, end)?;
    translator.program.insts.push(Inst::Success);
    translator.program.link();
    Ok((translator.program, search))
}

struct Translator<'c> {
    code: &'c [u32],
    groups: u32,
    tables: &'static CharTables,
    program: Program,
    depth: u32,
}

impl Translator<'_> {
    fn word(&self, at: usize, end: usize) -> Checked<u32> {
        if at < end { self.code.get(at).copied().ok_or(CodeError { offset: at }) } else { fail(at) }
    }

    fn expect(&self, at: usize, word: u32) -> Checked<()> {
        if self.code.get(at) == Some(&word) { Ok(()) } else { fail(at) }
    }

    /// The target of the skip word at `at`: past the word, and not past `end`.
    fn skip(&self, at: usize, end: usize) -> Checked<usize> {
        let skip = self.word(at, end)? as usize;
        match at.checked_add(skip) {
            Some(target) if skip > 0 && target <= end => Ok(target),
            _ => fail(at),
        }
    }

    fn pc(&self) -> u32 {
        self.program.insts.len() as u32
    }

    fn emit(&mut self, inst: Inst) -> usize {
        self.program.insts.push(inst);
        self.program.insts.len() - 1
    }

    fn info_block(&self) -> Checked<SearchInfo> {
        let end = self.skip(1, self.code.len())?;
        let flags = self.word(2, end)?;
        let min_width = self.word(3, end)? as usize;
        self.word(4, end)?;
        let known = info::PREFIX | info::LITERAL | info::CHARSET;
        let both = info::PREFIX | info::CHARSET;
        let prefixless_literal = flags & info::LITERAL != 0 && flags & info::PREFIX == 0;
        if flags & !known != 0 || flags & both == both || prefixless_literal {
            return fail(2);
        }
        let mut search = SearchInfo { min_width, ..SearchInfo::default() };
        let mut at = 5;
        if flags & info::PREFIX != 0 {
            at = self.info_prefix(end, &mut search)?;
            search.literal = flags & info::LITERAL != 0;
        } else if flags & info::CHARSET != 0 {
            at = self.charset(5, end)?.1;
        }
        if at == end { Ok(search) } else { fail(at) }
    }

    fn info_prefix(&self, end: usize, search: &mut SearchInfo) -> Checked<usize> {
        let len = self.word(5, end)? as usize;
        let prefix_skip = self.word(6, end)? as usize;
        let words = self.code.get(7..end).filter(|words| words.len() / 2 >= len);
        let Some(words) = words.filter(|_| len > 0 && prefix_skip <= len) else {
            return fail(5);
        };
        search.prefix = words[..len].to_vec();
        search.overlap = words[len..2 * len].to_vec();
        match search.overlap.iter().enumerate().find(|&(i, &k)| k as usize > i) {
            Some((i, _)) => fail(7 + len + i),
            None => Ok(7 + 2 * len),
        }
    }

    /// Translates the instructions of `[at, end)`.
    fn sequence(&mut self, at: usize, end: usize) -> Checked<()> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return fail(at);
        }
        let mut at = at;
        while at < end {
            at = self.literals(at, end);
            if at < end {
                at = self.instruction(at, end)?;
            }
        }
        self.depth -= 1;
        if at == end { Ok(()) } else { fail(at) }
    }

    /// Takes a run of `LITERAL`s, and returns where it ends.
    fn literals(&mut self, at: usize, end: usize) -> usize {
        let mut stop = at;
        while stop + 2 <= end && self.code[stop] == op::LITERAL {
            stop += 2;
        }
        let len = (stop - at) / 2;
        match len {
            0 => {}
            1 => drop(self.emit(Inst::Literal(self.code[at + 1]))),
            _ => {
                let start = self.program.literals.len() as u32;
                let run = self.code[at..stop].chunks_exact(2).map(|pair| pair[1]);
                self.program.literals.extend(run);
                self.emit(Inst::Literals { start, len: len as u32 });
            }
        }
        stop
    }

    /// Translates one instruction and returns where the next one is.
    fn instruction(&mut self, at: usize, end: usize) -> Checked<usize> {
        if let Some((one, next)) = self.one(at, end)? {
            self.emit(match one {
                One::Never => Inst::Fail,
                One::Literal(c) => Inst::Literal(c),
                One::Set(set) => Inst::Set(set),
                one => Inst::One(one),
            });
            return Ok(next);
        }
        match self.word(at, end)? {
            op::MARK => self.mark(at, end),
            op::AT => self.position(at, end),
            op::INFO => self.skip(at + 1, end),
            op::BRANCH => self.branch(at, end),
            op::REPEAT_ONE | op::MIN_REPEAT_ONE | op::POSSESSIVE_REPEAT_ONE => self.repeat_one(at, end),
            op::REPEAT => self.repeat(at, end),
            op::POSSESSIVE_REPEAT => self.possessive_repeat(at, end),
            op::ATOMIC_GROUP => self.atomic(at, end),
            op::ASSERT | op::ASSERT_NOT => self.assertion(at, end),
            op::GROUPREF => self.group_ref(at, end, Fold::None),
            op::GROUPREF_IGNORE => self.group_ref(at, end, Fold::Ascii),
            op::GROUPREF_UNI_IGNORE => self.group_ref(at, end, Fold::Unicode),
            op::GROUPREF_LOC_IGNORE => self.group_ref(at, end, Fold::Locale),
            op::GROUPREF_EXISTS => self.group_exists(at, end),
            _ => fail(at),
        }
    }

    /// Decodes an instruction that matches exactly one character.
    fn one(&mut self, at: usize, end: usize) -> Checked<Option<(One, usize)>> {
        let opcode = self.word(at, end)?;
        let fold = match opcode {
            op::LITERAL_IGNORE | op::NOT_LITERAL_IGNORE | op::IN_IGNORE => Fold::Ascii,
            op::LITERAL_UNI_IGNORE | op::NOT_LITERAL_UNI_IGNORE | op::IN_UNI_IGNORE => Fold::Unicode,
            op::IN_LOC_IGNORE => Fold::Locale,
            _ => Fold::None,
        };
        let one = match opcode {
            op::FAILURE => return Ok(Some((One::Never, at + 1))),
            op::ANY => return Ok(Some((One::Any, at + 1))),
            op::ANY_ALL => return Ok(Some((One::AnyAll, at + 1))),
            op::LITERAL => One::Literal(self.word(at + 1, end)?),
            op::NOT_LITERAL => One::NotLiteral(self.word(at + 1, end)?),
            op::LITERAL_IGNORE | op::LITERAL_UNI_IGNORE => {
                let items = vec![Item::Literal(self.word(at + 1, end)?)];
                self.add_set(Set::new(items, fold, self.tables))
            }
            op::NOT_LITERAL_IGNORE | op::NOT_LITERAL_UNI_IGNORE => {
                let items = vec![Item::Negate, Item::Literal(self.word(at + 1, end)?)];
                self.add_set(Set::new(items, fold, self.tables))
            }
            op::LITERAL_LOC_IGNORE | op::NOT_LITERAL_LOC_IGNORE => {
                let negate = opcode == op::NOT_LITERAL_LOC_IGNORE;
                self.add_set(Set::locale_literal(self.word(at + 1, end)?, negate, self.tables))
            }
            op::CATEGORY => {
                let items = vec![Item::Category(self.category(at + 1, end)?)];
                self.add_set(Set::new(items, Fold::None, self.tables))
            }
            op::IN | op::IN_IGNORE | op::IN_UNI_IGNORE | op::IN_LOC_IGNORE => {
                let stop = self.skip(at + 1, end)?;
                let (items, next) = self.charset(at + 2, stop)?;
                if next != stop {
                    return fail(next);
                }
                return Ok(Some((self.add_set(Set::new(items, fold, self.tables)), stop)));
            }
            _ => return Ok(None),
        };
        Ok(Some((one, at + 2)))
    }

    fn add_set(&mut self, set: Set) -> One {
        self.program.sets.push(set);
        One::Set(self.program.sets.len() as u32 - 1)
    }

    fn category(&self, at: usize, end: usize) -> Checked<u32> {
        let kind = self.word(at, end)?;
        if kind <= category::LAST { Ok(kind) } else { fail(at) }
    }

    /// Decodes a charset program up to and with its `FAILURE`.
    fn charset(&self, at: usize, end: usize) -> Checked<(Vec<Item>, usize)> {
        let mut items = Vec::new();
        let mut at = at;
        loop {
            let opcode = self.word(at, end)?;
            at += 1;
            let (item, words) = match opcode {
                op::FAILURE => return Ok((items, at)),
                op::NEGATE => (Item::Negate, 0),
                op::LITERAL => (Item::Literal(self.word(at, end)?), 1),
                op::RANGE => (Item::Range(self.word(at, end)?, self.word(at + 1, end)?), 2),
                op::RANGE_UNI_IGNORE => (Item::RangeUpper(self.word(at, end)?, self.word(at + 1, end)?), 2),
                op::CATEGORY => (Item::Category(self.category(at, end)?), 1),
                op::CHARSET => (Item::Bits(self.words(at, 8, end)?.into()), 8),
                op::BIGCHARSET => self.big_charset(at, end)?,
                _ => return fail(at - 1),
            };
            items.push(item);
            at += words;
        }
    }

    fn words(&self, at: usize, len: usize, end: usize) -> Checked<&[u32]> {
        let stop = at.checked_add(len).filter(|&stop| stop <= end);
        stop.and_then(|stop| self.code.get(at..stop)).ok_or(CodeError { offset: at })
    }

    fn big_charset(&self, at: usize, end: usize) -> Checked<(Item, usize)> {
        let blocks = self.word(at, end)? as usize;
        let numbers = self.words(at + 1, 64, end)?;
        let numbers: Vec<u8> = numbers.iter().flat_map(|word| word.to_ne_bytes()).collect();
        let len = blocks.checked_mul(8).ok_or(CodeError { offset: at })?;
        let bits = self.words(at + 65, len, end)?;
        if numbers.iter().any(|&number| usize::from(number) >= blocks) {
            return fail(at + 1);
        }
        Ok((Item::Blocks(numbers.into(), bits.into()), 65 + len))
    }

    fn mark(&mut self, at: usize, end: usize) -> Checked<usize> {
        let index = self.word(at + 1, end)?;
        if index / 2 >= self.groups {
            return fail(at + 1);
        }
        self.emit(Inst::Mark(index));
        Ok(at + 2)
    }

    fn position(&mut self, at: usize, end: usize) -> Checked<usize> {
        let position = self.word(at + 1, end)?;
        if position > at::UNI_NON_BOUNDARY {
            return fail(at + 1);
        }
        self.emit(Inst::At(position));
        Ok(at + 2)
    }

    fn branch(&mut self, at: usize, end: usize) -> Checked<usize> {
        let mut alternatives = Vec::new();
        let mut jumps = Vec::new();
        let branch = self.emit(Inst::Fail);
        let mut join = None;
        let mut at = at + 1;
        while self.word(at, end)? != 0 {
            let next = self.skip(at, end)?;
            let Some(jump) = next.checked_sub(2).filter(|&jump| jump > at) else {
                return fail(at);
            };
            alternatives.push(Alternative { pc: self.pc(), first: First::Unknown, last: false });
            self.sequence(at + 1, jump)?;
            self.expect(jump, op::JUMP)?;
            let target = self.skip(jump + 1, end)?;
            if *join.get_or_insert(target) != target {
                return fail(jump + 1);
            }
            jumps.push(self.emit(Inst::Fail));
            at = next;
        }
        let Some(last) = alternatives.last_mut().filter(|_| join == Some(at + 1)) else {
            return fail(at);
        };
        last.last = true;
        let start = self.program.alternatives.len() as u32;
        self.program.alternatives.extend(alternatives);
        self.program.insts[branch] = Inst::Branch(start);
        let target = self.pc();
        for jump in jumps {
            self.program.insts[jump] = Inst::Jump(target);
        }
        Ok(at + 1)
    }

    fn bounds(&self, at: usize, end: usize) -> Checked<(u32, u32)> {
        let (min, max) = (self.word(at, end)?, self.word(at + 1, end)?);
        if min <= max { Ok((min, max)) } else { fail(at) }
    }

    fn repeat_one(&mut self, at: usize, end: usize) -> Checked<usize> {
        let tail = self.skip(at + 1, end)?;
        let (min, max) = self.bounds(at + 2, tail)?;
        let Some((item, next)) = self.one(at + 4, tail)? else {
            return fail(at + 4);
        };
        self.expect(next, op::SUCCESS)?;
        if next + 1 != tail {
            return fail(next);
        }
        let id = self.program.singles.len() as u32;
        let inst = match self.code[at] {
            op::REPEAT_ONE => Inst::RepeatOne(id),
            op::MIN_REPEAT_ONE => Inst::MinRepeatOne(id),
            _ => Inst::PossessiveRepeatOne(id),
        };
        let tail_pc = self.pc() + 1;
        let first = First::Unknown;
        self.program.singles.push(Single { item, min, max, tail: tail_pc, first, exclusive: false });
        self.emit(inst);
        Ok(tail)
    }

    fn add_repeat(&mut self, min: u32, max: u32) -> u32 {
        let unknown = First::Unknown;
        let body = self.pc() + 1;
        let repeat = Repeat { min, max, body, body_first: unknown, until: 0, tail: 0, tail_first: unknown };
        self.program.repeats.push(repeat);
        self.program.repeats.len() as u32 - 1
    }

    fn close_repeat(&mut self, id: u32, until: Inst) {
        let pc = self.emit(until) as u32;
        let repeat = &mut self.program.repeats[id as usize];
        repeat.until = pc;
        repeat.tail = pc + 1;
    }

    fn repeat(&mut self, at: usize, end: usize) -> Checked<usize> {
        let until = self.skip(at + 1, end)?;
        let (min, max) = self.bounds(at + 2, until)?;
        let inst = match self.word(until, end)? {
            op::MAX_UNTIL => Inst::MaxUntil,
            op::MIN_UNTIL => Inst::MinUntil,
            _ => return fail(until),
        };
        let id = self.add_repeat(min, max);
        self.emit(Inst::Repeat(id));
        self.sequence(at + 4, until)?;
        self.close_repeat(id, inst);
        Ok(until + 1)
    }

    fn possessive_repeat(&mut self, at: usize, end: usize) -> Checked<usize> {
        let success = self.skip(at + 1, end)?;
        let (min, max) = self.bounds(at + 2, success)?;
        if self.word(success, end)? != op::SUCCESS {
            return fail(success);
        }
        let id = self.add_repeat(min, max);
        self.emit(Inst::PossessiveRepeat(id));
        self.sequence(at + 4, success)?;
        self.close_repeat(id, Inst::Success);
        Ok(success + 1)
    }

    /// The body of a group that ends in `SUCCESS` right before `stop`; returns the next instruction.
    fn closed_body(&mut self, start: usize, stop: usize) -> Checked<u32> {
        let Some(success) = stop.checked_sub(1).filter(|&success| success >= start) else {
            return fail(start);
        };
        self.expect(success, op::SUCCESS)?;
        self.sequence(start, success)?;
        self.emit(Inst::Success);
        Ok(self.pc())
    }

    fn atomic(&mut self, at: usize, end: usize) -> Checked<usize> {
        let stop = self.skip(at + 1, end)?;
        let inst = self.emit(Inst::Fail);
        let next = self.closed_body(at + 2, stop)?;
        self.program.insts[inst] = Inst::Atomic { next };
        Ok(stop)
    }

    fn assertion(&mut self, at: usize, end: usize) -> Checked<usize> {
        let stop = self.skip(at + 1, end)?;
        let back = self.word(at + 2, stop)?;
        if back > 1 << 31 {
            return fail(at + 2);
        }
        let inst = self.emit(Inst::Fail);
        let next = self.closed_body(at + 3, stop)?;
        self.program.insts[inst] = match self.code[at] {
            op::ASSERT => Inst::Assert { back, next },
            _ => Inst::AssertNot { back, next },
        };
        Ok(stop)
    }

    fn group(&self, at: usize, end: usize) -> Checked<u32> {
        let group = self.word(at, end)?;
        if group < self.groups { Ok(group) } else { fail(at) }
    }

    fn group_ref(&mut self, at: usize, end: usize, fold: Fold) -> Checked<usize> {
        let group = self.group(at + 1, end)?;
        self.emit(Inst::GroupRef { group, fold });
        Ok(at + 2)
    }

    /// The "yes" part ends either where the skip leads, or there in a `JUMP` over the "no" part.
    fn group_exists(&mut self, at: usize, end: usize) -> Checked<usize> {
        let group = self.group(at + 1, end)?;
        // The skip counts from the group number.
        let skip = self.word(at + 2, end)? as usize;
        let otherwise = match (at + 1).checked_add(skip) {
            Some(otherwise) if skip >= 2 && otherwise <= end => otherwise,
            _ => return fail(at + 2),
        };
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return fail(at);
        }
        let inst = self.emit(Inst::Fail);
        let mut position = at + 3;
        let mut next = otherwise;
        while position < otherwise {
            if position + 2 == otherwise && self.code[position] == op::JUMP {
                next = self.skip(position + 1, end)?;
                break;
            }
            position = self.instruction(position, otherwise)?;
        }
        let no_part = if next == otherwise {
            self.pc()
        } else {
            let jump = self.emit(Inst::Fail);
            let no_part = self.pc();
            self.nested(otherwise, next)?;
            self.program.insts[jump] = Inst::Jump(self.pc());
            no_part
        };
        self.depth -= 1;
        self.program.insts[inst] = Inst::GroupExists { group, otherwise: no_part };
        Ok(next)
    }

    fn nested(&mut self, start: usize, end: usize) -> Checked<()> {
        if start <= end { self.sequence(start, end) } else { fail(start) }
    }
}

fn fail<T>(offset: usize) -> Checked<T> {
    Err(CodeError { offset })
}

/// True if a repeat has no upper bound, or has not reached it.
#[inline(always)]
pub(crate) fn may_repeat(count: u64, max: u32) -> bool {
    max == MAXREPEAT || count < u64::from(max)
}
