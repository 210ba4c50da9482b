//! Micro-ops, exits, and moving words between registers and memory.

use pyrs_uops::{Depth, FLOAT_REGISTERS, INT_REGISTERS, Uop, flags};

use super::shared::Shared;
use super::{
    Entry, ExitPlan, Fix, FrameSnapshot, Home, Known, Lower, Lowering, Own, Place, Snapshot, State, VirtualFrame, Way,
};
use crate::assemble::{Inst, NO_EXIT};
use crate::layout::layout;
use crate::stats::Abort;

impl State {
    /// Where a word of a frame's variables and stack is.
    pub fn home(&self, frame: usize, word: usize) -> Home {
        let head = if frame == 0 { 0 } else { self.frames[frame].head };
        Home { on_top: frame != 0, offset: head + layout().frame_head + 8 * word as i32 }
    }

    pub fn stack_home(&self, frame: usize, index: usize) -> Home {
        // SAFETY: the code of a frame is alive.
        let variables = unsafe { (&*self.frames[frame].code).nlocalsplus };
        self.home(frame, variables + index)
    }

    pub fn innermost(&self) -> usize {
        self.frames.len() - 1
    }
}

impl Lowering<'_> {
    /// The innermost frame.
    pub(super) fn frame(&self) -> &VirtualFrame {
        self.state.frames.last().expect("a real frame at least")
    }

    /// The innermost frame, to be changed: its copies in exits are left alone.
    pub(super) fn frame_mut(&mut self) -> &mut VirtualFrame {
        self.state.frames.last_mut().expect("a real frame at least")
    }

    /// The `n`-th word from the top of the operand stack, counted from 1.
    pub(super) fn peek(&self, n: usize) -> Lower<&Entry> {
        let stack = &self.frame().stack;
        let at = stack.len().checked_sub(n).ok_or(Abort::Unsupported)?;
        Ok(&stack[at])
    }

    pub(super) fn peek_mut(&mut self, n: usize) -> Lower<&mut Entry> {
        let stack = &mut self.frame_mut().stack;
        let at = stack.len().checked_sub(n).ok_or(Abort::Unsupported)?;
        Ok(&mut stack[at])
    }

    /// Appends a micro-op with immediates and displacements.
    pub(super) fn op_with(&mut self, uop: Uop, immediates: [u64; 3], displacements: [i32; 4]) -> Lower<()> {
        let depth = self.state.depth;
        let exit = match uop {
            Uop::Box => self.box_exit()?,
            _ if uop.has(flags::EXITS) => self.exit()?,
            _ => NO_EXIT,
        };
        let after = uop.step(depth).ok_or(Abort::Unsupported)?;
        if uop.has(flags::EXITS) && uop.has(flags::CALLS) && uop != Uop::Interpret {
            self.out.exits[exit as usize].asked = true;
        }
        self.out.body.push(Inst { uop, depth, immediates, displacements, exit });
        self.out.origins.push(self.record as u32);
        self.state.depth = after;
        if after != depth || uop.has(flags::SHIFTS) {
            self.moves += 1;
        }
        Ok(())
    }

    pub(super) fn op(&mut self, uop: Uop) -> Lower<()> {
        self.op_with(uop, [0; 3], [0; 4])
    }

    pub(super) fn op_immediate(&mut self, uop: Uop, immediate: u64) -> Lower<()> {
        self.op_with(uop, [immediate, 0, 0], [0; 4])
    }

    /// A micro-op on a word of a frame: the first form for the real frame, the second for inlined ones.
    pub(super) fn op_home(&mut self, forms: [Uop; 2], home: Home) -> Lower<()> {
        self.op_with(forms[home.on_top as usize], [0; 3], [home.offset, 0, 0, 0])
    }

    /// Takes the top register for words out of use.
    pub(super) fn drop_int(&mut self) {
        self.state.depth.ints -= 1;
        self.moves += 1;
    }

    /// The exit that goes back to the beginning of the present instruction.
    fn exit(&mut self) -> Lower<u32> {
        if let Some((moves, at, exit)) = self.last_exit
            && moves == self.moves
            && at == self.at
        {
            return Ok(exit);
        }
        let plan = self.plan_exit(self.at, self.before)?;
        let exit = self.out.exits.len() as u32;
        self.out.exits.push(plan);
        self.last_exit = Some((self.moves, self.at, exit));
        Ok(exit)
    }

    /// As [`Self::exit`], for a double that can't be in a word.
    fn box_exit(&mut self) -> Lower<u32> {
        let plan = ExitPlan { way: Way::Box, ..self.plan_exit(self.at, self.before)? };
        self.out.exits.push(plan);
        Ok(self.out.exits.len() as u32 - 1)
    }

    /// An exit to `ip`, with `keep` words on the innermost frame's stack.
    pub(super) fn plan_exit(&mut self, ip: *mut u16, keep: usize) -> Lower<ExitPlan> {
        let mut stub = Vec::new();
        let mut after = self.state.clone();
        let inner = after.innermost();
        if after.frames[inner].stack.len() < keep {
            return Err(Abort::Unsupported);
        }
        // Registers above those of the stack's words hold copies, which are not needed any more.
        let cached = self.words_in_registers();
        let count = |wanted| cached.iter().filter(|c| c.2 == wanted).count() as u8;
        let mut depth = Depth { ints: count(Place::Int), floats: count(Place::Float) };
        // From the top down: registers are stored in the order in which they can be popped.
        for &(f, i, place) in &cached {
            let home = after.stack_home(f, i);
            let (forms, place) = match place {
                Place::Int => ([Uop::StoreFrame, Uop::StoreTop], Place::Memory),
                _ => ([Uop::StoreFloatFrame, Uop::StoreFloatTop], Place::RawFloat),
            };
            let uop = forms[home.on_top as usize];
            if f != inner || i < keep {
                let displacements = [home.offset, 0, 0, 0];
                stub.push(Inst { uop, depth, immediates: [0; 3], displacements, exit: NO_EXIT });
            }
            after.frames[f].stack[i].place = place;
            depth = uop.after(depth);
        }
        if after.frames[inner].stack.len() > keep {
            after.frames[inner].stack.truncate(keep);
        }
        after.depth = Depth::default();
        Ok(ExitPlan { state: Some(after), stub, ip, way: Way::Guard, asked: false })
    }

    /// The operand stacks' words in registers, from the top down: frame, index, place.
    fn words_in_registers(&self) -> Vec<(usize, usize, Place)> {
        let mut left = self.state.depth.ints + self.state.depth.floats;
        let mut found = Vec::with_capacity(left as usize);
        for (f, frame) in self.state.frames.iter().enumerate().rev() {
            for (i, entry) in frame.stack.iter().enumerate().rev() {
                if left == 0 {
                    return found;
                }
                if matches!(entry.place, Place::Int | Place::Float) {
                    found.push((f, i, entry.place));
                    left -= 1;
                }
            }
        }
        found
    }

    // ---- words in registers

    /// Makes room for `n` more words in registers.
    pub(super) fn room(&mut self, n: usize) -> Lower<()> {
        while self.state.depth.ints as usize + n > INT_REGISTERS {
            self.spill_int()?;
        }
        Ok(())
    }

    pub(super) fn float_room(&mut self, n: usize) -> Lower<()> {
        while self.state.depth.floats as usize + n > FLOAT_REGISTERS {
            self.spill_float()?;
        }
        Ok(())
    }

    fn deepest(&self, place: Place) -> Option<(usize, usize)> {
        self.state
            .frames
            .iter()
            .enumerate()
            .find_map(|(f, frame)| frame.stack.iter().position(|e| e.place == place).map(|i| (f, i)))
    }

    /// Stores the deepest cached word.
    pub(super) fn spill_int(&mut self) -> Lower<()> {
        let (f, i) = self.deepest(Place::Int).ok_or(Abort::Unsupported)?;
        let home = self.state.stack_home(f, i);
        self.op_home([Uop::SpillFrame, Uop::SpillTop], home)?;
        self.state.frames[f].stack[i].place = Place::Memory;
        Ok(())
    }

    pub(super) fn spill_float(&mut self) -> Lower<()> {
        let (f, i) = self.deepest(Place::Float).ok_or(Abort::Unsupported)?;
        let home = self.state.stack_home(f, i);
        self.op_home([Uop::SpillFloatFrame, Uop::SpillFloatTop], home)?;
        self.state.frames[f].stack[i].place = Place::RawFloat;
        Ok(())
    }

    /// Pushes the word of an entry that is not in a register to the registers.
    pub(super) fn load(&mut self, entry: Entry, home: Home) -> Lower<()> {
        self.room(1)?;
        match entry.place {
            Place::Constant(word) => self.op_immediate(Uop::LoadImmediate, word),
            Place::Memory => self.op_home([Uop::LoadFrame, Uop::LoadTop], home),
            Place::Local { frame, slot } => {
                if let Some(home) = self.state.raw_home(frame, slot) {
                    self.load_raw(home)?;
                    self.room(1)?;
                    return self.op(Uop::Box);
                }
                let home = self.state.home(frame, slot);
                self.op_home([Uop::LoadFrame, Uop::LoadTop], home)
            }
            Place::Int | Place::Float | Place::RawFloat => Err(Abort::Unsupported),
        }
    }

    /// Brings the top `n` words into registers, in their order.
    pub(super) fn in_registers(&mut self, n: usize) -> Lower<()> {
        self.in_registers_under(0, n)
    }

    /// As [`Self::in_registers`], for the `n` words under the top `skip` ones, which are in no register.
    pub(super) fn in_registers_under(&mut self, skip: usize, n: usize) -> Lower<()> {
        let f = self.state.innermost();
        let Some(length) = self.state.frames[f].stack.len().checked_sub(skip).filter(|l| *l >= n) else {
            return Err(Abort::Unsupported);
        };
        if self.state.frames[f].stack[length..].iter().any(|e| e.place == Place::Int) {
            return Err(Abort::Unsupported);
        }
        let first = length - n;
        for i in first..length {
            if matches!(self.state.frames[f].stack[i].place, Place::Float | Place::RawFloat) {
                self.float_to_memory(f, i)?;
            }
        }
        let is_int = |l: &Self, i: usize| l.state.frames[f].stack[i].place == Place::Int;
        // Those above the deepest one that is missing have to make room for it.
        if let Some(missing) = (first..length).find(|&i| !is_int(self, i)) {
            let above: Vec<usize> = (missing + 1..length).filter(|&i| is_int(self, i)).collect();
            if above.len() == 1 && missing + 1 == above[0] && above[0] == length - 1 {
                self.room(1)?;
                if is_int(self, length - 1) {
                    let (entry, home) = (self.state.frames[f].stack[missing], self.state.stack_home(f, missing));
                    self.load(entry, home)?;
                    self.op(Uop::Swap2)?;
                    self.state.frames[f].stack[missing].place = Place::Int;
                    return Ok(());
                }
            }
            for i in above.into_iter().rev() {
                if is_int(self, i) {
                    let home = self.state.stack_home(f, i);
                    self.op_home([Uop::StoreFrame, Uop::StoreTop], home)?;
                    self.state.frames[f].stack[i].place = Place::Memory;
                }
            }
        }
        for i in first..length {
            if !is_int(self, i) {
                let needed = (i..length).filter(|&k| !is_int(self, k)).count();
                self.room(needed.min(INT_REGISTERS))?;
                let (entry, home) = (self.state.frames[f].stack[i], self.state.stack_home(f, i));
                self.load(entry, home)?;
                self.state.frames[f].stack[i].place = Place::Int;
            }
        }
        // Making room may have spilled what was wanted.
        if (first..length).all(|i| is_int(self, i)) { Ok(()) } else { Err(Abort::Unsupported) }
    }

    /// Boxes the doubles among a frame's words from `first` on, and stores them.
    pub(super) fn floats_to_memory(&mut self, frame: usize, first: usize) -> Lower<()> {
        for i in first..self.state.frames[frame].stack.len() {
            if matches!(self.state.frames[frame].stack[i].place, Place::Float | Place::RawFloat) {
                self.float_to_memory(frame, i)?;
            }
        }
        Ok(())
    }

    /// Stores words that are in no register, from `first` on, at their places.
    pub(super) fn rest_to_memory(&mut self, frame: usize, first: usize) -> Lower<()> {
        for i in first..self.state.frames[frame].stack.len() {
            let (entry, home) = (self.state.frames[frame].stack[i], self.state.stack_home(frame, i));
            if entry.place != Place::Memory {
                self.load(entry, home)?;
                self.op_home([Uop::StoreFrame, Uop::StoreTop], home)?;
                self.state.frames[frame].stack[i].place = Place::Memory;
                self.moves += 1;
            }
        }
        Ok(())
    }

    /// Boxes the double on top of the stack into the next register for words.
    pub(super) fn box_top(&mut self) -> Lower<()> {
        self.room(1)?;
        self.op(Uop::Box)?;
        let entry = self.peek_mut(1)?;
        (entry.place, entry.own) = (Place::Int, Own::Uncounted);
        self.moves += 1;
        Ok(())
    }

    /// Boxes a double and stores it; doubles above it go first.
    pub(super) fn float_to_memory(&mut self, frame: usize, index: usize) -> Lower<()> {
        loop {
            let top = self
                .state
                .frames
                .iter()
                .enumerate()
                .rev()
                .find_map(|(f, fr)| fr.stack.iter().rposition(|e| e.place == Place::Float).map(|i| (f, i)));
            match self.state.frames[frame].stack[index].place {
                Place::RawFloat => {
                    // Only below all that are in registers: those are spilled, then this is the only one.
                    while self.state.depth.floats > 0 {
                        self.spill_float()?;
                    }
                    let home = self.state.stack_home(frame, index);
                    self.op_home([Uop::FillFloatFrame, Uop::FillFloatTop], home)?;
                    self.state.frames[frame].stack[index].place = Place::Float;
                }
                Place::Float => {
                    let (f, i) = top.ok_or(Abort::Unsupported)?;
                    self.room(1)?;
                    self.op(Uop::Box)?;
                    let home = self.state.stack_home(f, i);
                    self.op_home([Uop::StoreFrame, Uop::StoreTop], home)?;
                    let entry = &mut self.state.frames[f].stack[i];
                    (entry.place, entry.own) = (Place::Memory, Own::Uncounted);
                    self.moves += 1;
                }
                _ => return Ok(()),
            }
        }
    }

    /// Pushes a word that a micro-op has left in the next register.
    pub(super) fn push(&mut self, known: Known, own: Own) {
        self.push_entry(Entry { place: Place::Int, known, own });
    }

    pub(super) fn push_entry(&mut self, mut entry: Entry) {
        if entry.known.is_uncounted() {
            entry.own = Own::Uncounted;
        }
        self.frame_mut().stack.push(entry);
        self.moves += 1;
    }

    pub(super) fn push_constant(&mut self, word: u64) {
        let entry = Entry { place: Place::Constant(word), known: Known::Word(word), own: Own::Constant };
        self.push_entry(entry);
    }

    /// The `NULL` behind what is about to be called, if the instruction's operand asks for it.
    pub(super) fn push_null_for_call(&mut self, oparg: u32) {
        if oparg & 1 != 0 {
            self.push_constant(0);
        }
    }

    /// Takes the top word off the abstract stack; its register, if it is in one, stays in use.
    pub(super) fn pop(&mut self) -> Lower<Entry> {
        self.moves += 1;
        self.frame_mut().stack.pop().ok_or(Abort::Unsupported)
    }

    /// Pops the top word and gives up what it holds.
    pub(super) fn discard(&mut self) -> Lower<()> {
        let counted = self.peek(1)?.own == Own::Counted && !self.peek(1)?.known.is_uncounted();
        if counted {
            self.before_effect()?;
            self.in_registers(1)?;
            let known = self.peek(1)?.known;
            self.pop()?;
            return self.op(if known.is_null_free() { Uop::Decref } else { Uop::DecrefOrNull });
        }
        match self.pop()?.place {
            Place::Int => self.drop_int(),
            Place::Float => self.state.depth.floats -= 1,
            _ => {}
        }
        Ok(())
    }

    // ---- references

    /// Takes a reference for a word that has none of its own.
    pub(super) fn own(&mut self, frame: usize, index: usize) -> Lower<()> {
        let entry = self.state.frames[frame].stack[index];
        if matches!(entry.own, Own::Counted) {
            return Ok(());
        }
        let done = |l: &mut Self| {
            l.state.frames[frame].stack[index].own = Own::Counted;
            l.moves += 1;
            Ok(())
        };
        if entry.known.is_uncounted() || entry.own == Own::Uncounted {
            return done(self);
        }
        let forms = [Uop::IncrefFrame, Uop::IncrefTop];
        match entry.place {
            Place::Memory => {
                let home = self.state.stack_home(frame, index);
                self.op_home(forms, home)?;
            }
            Place::Local { frame: f, slot } => {
                let home = self.state.home(f, slot);
                self.op_home(forms, home)?;
            }
            Place::Int => {
                let above = self.ints_above(frame, index);
                match above {
                    0 => self.op(Uop::Incref1)?,
                    1 => self.op(Uop::Incref2)?,
                    _ => {
                        while self.state.frames[frame].stack[index].place == Place::Int {
                            self.spill_int()?;
                        }
                        let home = self.state.stack_home(frame, index);
                        self.op_home(forms, home)?;
                    }
                }
            }
            Place::Constant(word) => {
                self.room(1)?;
                self.op_immediate(Uop::LoadImmediate, word)?;
                self.op(Uop::Incref1)?;
                self.drop_int();
            }
            Place::Float | Place::RawFloat => {}
        }
        done(self)
    }

    fn ints_above(&self, frame: usize, index: usize) -> usize {
        let count = |entries: &[Entry]| entries.iter().filter(|e| e.place == Place::Int).count();
        count(&self.state.frames[frame].stack[index + 1..])
            + self.state.frames[frame + 1..].iter().map(|f| count(&f.stack)).sum::<usize>()
    }

    /// Makes sure that the top `n`-th word has a reference of its own.
    pub(super) fn own_top(&mut self, n: usize) -> Lower<()> {
        let f = self.state.innermost();
        let index = self.state.frames[f].stack.len().checked_sub(n).ok_or(Abort::Unsupported)?;
        self.own(f, index)
    }

    /// Gives up the reference that a word in memory holds.
    pub(super) fn release_home(&mut self, home: Home, known: Known) -> Lower<()> {
        if known.is_null_free() {
            return self.op_home([Uop::DecrefFrame, Uop::DecrefTop], home);
        }
        self.room(1)?;
        self.op_home([Uop::LoadFrame, Uop::LoadTop], home)?;
        self.op(Uop::DecrefOrNull)
    }

    /// Before something is stored or destroyed: words that only an object's field keeps alive get a reference.
    pub(super) fn before_effect(&mut self) -> Lower<()> {
        self.own_where(|e| e.own == Own::Fragile)
    }

    /// Takes references for all words of the kind.
    pub(super) fn own_where(&mut self, wanted: impl Fn(&Entry) -> bool) -> Lower<()> {
        for f in 0..self.state.frames.len() {
            for i in 0..self.state.frames[f].stack.len() {
                if wanted(&self.state.frames[f].stack[i]) {
                    self.own(f, i)?;
                }
            }
        }
        Ok(())
    }

    /// Puts the operand stacks into the form that the interpreter knows: words in memory, each with a reference.
    pub(super) fn settle(&mut self) -> Lower<()> {
        for f in 0..self.state.frames.len() {
            self.floats_to_memory(f, 0)?;
        }
        self.own_where(|_| true)?;
        while self.state.depth.ints > 0 {
            self.spill_int()?;
        }
        for f in 0..self.state.frames.len() {
            self.rest_to_memory(f, 0)?;
        }
        self.moves += 1;
        Ok(())
    }

    /// What is known after code that may have done anything.
    pub(super) fn forget(&mut self) {
        for frame in self.state.frames.iter_mut().chain(&mut self.state.below) {
            let mut all = frame.locals.iter().map(|l| l.known).chain(frame.stack.iter().map(|e| e.known));
            if all.all(|known| known == known.after_python()) {
                continue;
            }
            for local in frame.locals.iter_mut() {
                local.known = local.known.after_python();
            }
            for entry in &mut frame.stack {
                entry.known = entry.known.after_python();
            }
        }
        self.state.checked = Shared::default();
    }
}

/// The snapshot of a state without registers.
pub fn snapshot(state: &State, ip: *mut u16) -> Lower<Snapshot> {
    let mut fixes = Vec::new();
    let mut frames = Vec::new();
    for (f, frame) in state.frames.iter().enumerate() {
        // SAFETY: the code of a frame is alive.
        let variables = unsafe { (&*frame.code).nlocalsplus };
        let inner = f == state.innermost();
        for (i, local) in frame.locals.iter().enumerate() {
            let home = state.home(f, i);
            if local.unset {
                fixes.push((home, Fix::Constant(0)));
            } else if let Some(shadow) = state.raw_home(f, i) {
                fixes.push((home, Fix::BoxFrom(shadow)));
            } else if local.own != Own::Counted && !local.known.is_uncounted() {
                fixes.push((home, Fix::Own));
            }
        }
        for (i, entry) in frame.stack.iter().enumerate() {
            let home = state.stack_home(f, i);
            let needs_reference = entry.own != Own::Counted && !entry.known.is_uncounted();
            match entry.place {
                Place::Memory if needs_reference => fixes.push((home, Fix::Own)),
                Place::Memory => {}
                Place::RawFloat => fixes.push((home, Fix::Box)),
                Place::Constant(word) => {
                    fixes.push((home, Fix::Constant(word)));
                    if needs_reference {
                        fixes.push((home, Fix::Own));
                    }
                }
                Place::Local { frame, slot } => {
                    let fix = match state.raw_home(frame, slot) {
                        Some(shadow) => Fix::BoxFrom(shadow),
                        None => Fix::Copy(state.home(frame, slot)),
                    };
                    fixes.push((home, fix));
                    if needs_reference {
                        fixes.push((home, Fix::Own));
                    }
                }
                Place::Int | Place::Float => return Err(Abort::Unsupported),
            }
        }
        frames.push(FrameSnapshot {
            head: frame.head,
            code: frame.code,
            callee: frame.callee,
            ip: if inner { ip } else { frame.call.0 },
            words: variables + frame.stack.len(),
            return_offset: frame.call.1,
            returns: frame.returns,
        });
    }
    Ok(Snapshot { frames, fixes })
}
