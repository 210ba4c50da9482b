//! Local variables that hold doubles: they stay unboxed as long as nobody looks at them.
//!
//! The double lies in a *shadow* place, in the last words of what is set aside for inlined frames, because the
//! variable's own place must hold a value at all times: finalisers may look at frames. An exit boxes what is unboxed.

use std::collections::{HashMap, HashSet};

use pyrs_uops::Uop;

use super::{Entry, Home, Known, Local, Lower, Lowering, Own, Place, RESERVE_WORDS, State};
use crate::stats::Abort;

/// Words that no inlined frame takes.
const SHADOWS: usize = 48;

/// Where a shadow is.
fn shadow_home(index: u16) -> Home {
    Home { on_top: true, offset: 8 * (RESERVE_WORDS - SHADOWS + index as usize) as i32 }
}

/// What a lowering keeps about unboxed variables.
#[derive(Default)]
pub struct Doubles {
    /// The shadows of variables, by frame and slot.
    shadows: HashMap<(usize, usize), u16>,
    /// Boxed variables of the real frame whose doubles were used in the pass.
    used: HashSet<usize>,
}

impl Doubles {
    /// A pass begins.
    pub fn begin(&mut self) {
        self.used.clear();
    }
}

impl State {
    /// Where a variable's double is, if it is unboxed.
    pub fn raw_home(&self, frame: usize, slot: usize) -> Option<Home> {
        match self.frames[frame].locals[slot].own {
            Own::Raw(index) => Some(shadow_home(index)),
            _ => None,
        }
    }

    fn uses_shadow(&self, index: u16) -> bool {
        self.frames.iter().flat_map(|f| f.locals.iter()).any(|l| l.own == Own::Raw(index))
    }
}

impl Lowering<'_> {
    /// The shadow of a variable; None if all are in use.
    fn shadow_of(&mut self, frame: usize, slot: usize) -> Option<u16> {
        if let Own::Raw(index) = self.state.frames[frame].locals[slot].own {
            return Some(index);
        }
        if let Some(&index) = self.doubles.shadows.get(&(frame, slot)) {
            return (!self.state.uses_shadow(index)).then_some(index);
        }
        let taken =
            |index: &u16| self.doubles.shadows.values().any(|known| known == index) || self.state.uses_shadow(*index);
        let index = (0..SHADOWS as u16).find(|index| !taken(index))?;
        self.doubles.shadows.insert((frame, slot), index);
        Some(index)
    }

    /// Stores the double on top of the stack in a variable without boxing it; false if that is not possible.
    pub(super) fn store_double_local(&mut self, slot: usize) -> Lower<bool> {
        let frame = self.state.innermost();
        let Some(index) = self.shadow_of(frame, slot) else { return Ok(false) };
        self.unhook_users(frame, slot)?;
        self.give_up_local(frame, slot)?;
        self.in_doubles(1)?;
        self.op_home([Uop::StoreFloatFrame, Uop::StoreFloatTop], shadow_home(index))?;
        self.pop()?;
        self.state.frames[frame].locals[slot] = Local { known: Known::Float, own: Own::Raw(index), unset: false };
        Ok(true)
    }

    /// Empties a variable that holds a reference.
    fn give_up_local(&mut self, frame: usize, slot: usize) -> Lower<()> {
        let local = self.state.frames[frame].locals[slot];
        if local.unset || local.own != Own::Counted || local.known.is_uncounted() {
            return Ok(());
        }
        self.before_effect()?;
        self.room(1)?;
        self.op_immediate(Uop::LoadImmediate, 0)?;
        let home = self.state.home(frame, slot);
        self.op_home([Uop::ExchangeFrame, Uop::ExchangeTop], home)?;
        self.op(if local.known.is_null_free() { Uop::Decref } else { Uop::DecrefOrNull })
    }

    /// The double in a variable of any frame, in the next register for doubles.
    pub(super) fn load_raw(&mut self, home: Home) -> Lower<()> {
        self.float_room(1)?;
        self.op_home([Uop::LoadRawFrame, Uop::LoadRawTop], home)
    }

    /// An argument that is unboxed on the caller's stack stays so in the callee's variable; false if it is a word.
    pub(super) fn move_double(&mut self, f: usize, index: usize, inner: usize, slot: usize) -> Lower<bool> {
        let entry = self.state.frames[f].stack[index];
        let from = match entry.place {
            Place::Float => None,
            Place::RawFloat => Some(self.state.stack_home(f, index)),
            Place::Local { frame, slot } => match self.state.raw_home(frame, slot) {
                Some(home) => Some(home),
                None => return Ok(false),
            },
            _ => return Ok(false),
        };
        let Some(shadow) = self.shadow_of(inner, slot) else { return Err(Abort::TooLarge) };
        if let Some(home) = from {
            self.load_raw(home)?;
        }
        self.op_home([Uop::StoreFloatFrame, Uop::StoreFloatTop], shadow_home(shadow))?;
        self.state.frames[inner].locals[slot] = Local { known: Known::Float, own: Own::Raw(shadow), unset: false };
        Ok(true)
    }

    /// A boxed variable's double is used: a loop may keep it unboxed.
    pub(super) fn note_double(&mut self, entry: Entry) {
        if let Place::Local { frame: 0, slot } = entry.place {
            self.doubles.used.insert(slot);
        }
    }

    /// Puts an unboxed variable's word into its place.
    pub(super) fn box_local(&mut self, frame: usize, slot: usize) -> Lower<()> {
        let Some(from) = self.state.raw_home(frame, slot) else { return Ok(()) };
        let home = self.state.home(frame, slot);
        self.load_raw(from)?;
        self.room(1)?;
        self.op(Uop::Box)?;
        self.op_home([Uop::StoreFrame, Uop::StoreTop], home)?;
        self.state.frames[frame].locals[slot].own = Own::Counted;
        self.moves += 1;
        Ok(())
    }

    /// Boxes all unboxed variables.
    pub(super) fn box_locals(&mut self) -> Lower<()> {
        for frame in 0..self.state.frames.len() {
            for slot in 0..self.state.frames[frame].locals.len() {
                self.box_local(frame, slot)?;
            }
        }
        Ok(())
    }

    /// Boxes and unboxes the real frame's variables as `wanted` has them; its doubles are known to be doubles here.
    pub(super) fn conform(&mut self, wanted: &State) -> Lower<()> {
        for slot in 0..wanted.frames[0].locals.len() {
            let (now, then) = (self.state.frames[0].locals[slot].own, wanted.frames[0].locals[slot].own);
            match (now, then) {
                (Own::Raw(a), Own::Raw(b)) if a == b => {}
                (_, Own::Raw(b)) => {
                    match self.state.raw_home(0, slot) {
                        Some(home) => self.load_raw(home)?,
                        None => {
                            self.float_room(1)?;
                            let home = self.state.home(0, slot);
                            self.op_home([Uop::LoadFloatFrame, Uop::LoadFloatTop], home)?;
                        }
                    }
                    self.op_home([Uop::StoreFloatFrame, Uop::StoreFloatTop], shadow_home(b))?;
                    self.state.frames[0].locals[slot].own = then;
                    self.moves += 1;
                }
                _ => self.box_local(0, slot)?,
            }
        }
        Ok(())
    }

    /// Adds to what a loop begins with that the doubles it uses are unboxed; false if there is nothing to add.
    pub(super) fn unbox_variables(&mut self, assumed: &mut State) -> bool {
        let mut used: Vec<usize> = self.doubles.used.drain().collect();
        used.sort_unstable();
        let mut changed = false;
        for slot in used {
            let local = assumed.frames[0].locals[slot];
            if local.known != Known::Float || matches!(local.own, Own::Raw(_)) {
                continue;
            }
            if let Some(index) = self.shadow_of(0, slot)
                && !assumed.uses_shadow(index)
            {
                assumed.frames[0].locals[slot].own = Own::Raw(index);
                changed = true;
            }
        }
        changed
    }
}
