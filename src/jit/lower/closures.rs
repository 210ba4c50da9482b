//! Variables that functions share, and those that comprehensions hide.

use pyrs_runtime::object::Obj;
use pyrs_runtime::objects::cell::Cell;
use pyrs_runtime::objects::function::Function;
use pyrs_runtime::value::Value;
use pyrs_uops::Uop;

use super::instructions::Done;
use super::{Callee, Entry, Home, Known, Local, Lower, Lowering, Own, Place};
use crate::asks;
use crate::layout::layout;
use crate::record::Record;

/// What is known of a variable that holds a cell.
fn cell_known() -> Known {
    Known::Class { class: <Cell as pyrs_runtime::PyClass>::class(), version: 0, shape: std::ptr::null() }
}

impl Lowering<'_> {
    /// COPY_FREE_VARS: the running function's cells become variables.
    pub(super) fn copy_free_variables(&mut self, record: &Record) -> Done {
        let f = self.state.innermost();
        let n = record.oparg as usize;
        let first = self.state.frames[f].locals.len() - n;
        match self.state.frames[f].callee {
            Callee::Constant(word) => {
                // SAFETY: a constant of the trace is alive.
                let object = unsafe { Obj::from_borrowed(Value(word)) };
                let Some(cells) = object.exact::<Function>().and_then(|f| f.closure.clone()) else { return Ok(None) };
                for (i, cell) in cells.items().iter().enumerate() {
                    let (home, word) = (self.state.home(f, first + i), cell.value().0);
                    self.room(1)?;
                    self.op_immediate(Uop::LoadImmediate, word)?;
                    self.op_home([Uop::StoreFrame, Uop::StoreTop], home)?;
                    let local = Local { known: Known::Word(word), own: Own::Constant, unset: false };
                    self.state.frames[f].locals[first + i] = local;
                }
            }
            Callee::Word { home, .. } => self.copy_cells(f, first, n, home)?,
            Callee::Held => self.copy_cells(f, first, n, Home { on_top: false, offset: layout().frame_function })?,
        }
        self.moves += 1;
        Ok(Some(1))
    }

    /// Copies the cells of the function at `home`.
    fn copy_cells(&mut self, f: usize, first: usize, n: usize, home: Home) -> Lower<()> {
        for i in 0..n {
            self.room(1)?;
            self.op_home([Uop::LoadFrame, Uop::LoadTop], home)?;
            self.op_with(Uop::LoadField, [0; 3], [layout().function_closure, 0, 0, 0])?;
            let item = layout().tuple_items + 8 * i as i32;
            self.op_with(Uop::LoadField, [0; 3], [item, 0, 0, 0])?;
            self.op(Uop::Incref1)?;
            let variable = self.state.home(f, first + i);
            self.op_home([Uop::StoreFrame, Uop::StoreTop], variable)?;
            let local = Local { known: cell_known(), own: Own::Counted, unset: false };
            self.state.frames[f].locals[first + i] = local;
        }
        Ok(())
    }

    /// MAKE_CELL: the variable's value moves into a new cell.
    pub(super) fn make_cell(&mut self, record: &Record) -> Done {
        let (f, slot) = (self.state.innermost(), record.oparg as usize);
        self.box_local(f, slot)?;
        let home = self.state.home(f, slot);
        if self.state.frames[f].locals[slot].unset {
            self.room(1)?;
            self.op_immediate(Uop::LoadImmediate, 0)?;
            self.op_home([Uop::StoreFrame, Uop::StoreTop], home)?;
            let local = Local { known: Known::Word(0), own: Own::Uncounted, unset: false };
            self.state.frames[f].locals[slot] = local;
        }
        self.ask_about(home, asks::cell, 0)?;
        self.push(cell_known(), Own::Counted);
        self.store_local(slot)?;
        Ok(Some(1))
    }

    /// LOAD_DEREF.
    pub(super) fn load_deref(&mut self, record: &Record) -> Done {
        let (f, slot) = (self.state.innermost(), record.oparg as usize);
        if self.state.frames[f].locals[slot].unset {
            return Ok(None);
        }
        self.room(1)?;
        let home = self.state.home(f, slot);
        self.op_home([Uop::LoadFrame, Uop::LoadTop], home)?;
        // The cell is a copy that an exit drops.
        self.op_with(Uop::LoadField, [0; 3], [layout().cell_contents, 0, 0, 0])?;
        self.push(Known::Something, Own::Fragile);
        Ok(Some(1))
    }

    /// STORE_DEREF.
    pub(super) fn store_deref(&mut self, record: &Record) -> Done {
        let (f, slot) = (self.state.innermost(), record.oparg as usize);
        if self.state.frames[f].locals[slot].unset {
            return Ok(None);
        }
        if self.peek(1)?.place == Place::Float {
            self.box_top()?;
        }
        self.own_top(1)?;
        self.before_effect()?;
        self.in_registers(1)?;
        self.room(1)?;
        self.in_registers(1)?;
        let home = self.state.home(f, slot);
        self.op_home([Uop::LoadFrame, Uop::LoadTop], home)?;
        self.op_with(Uop::ExchangeField, [0; 3], [layout().cell_contents, 0, 0, 0])?;
        self.pop()?;
        // The registers hold the cell, which the variable keeps, and the old contents.
        self.op(Uop::DecrefOrNull)?;
        self.drop_int();
        Ok(Some(1))
    }

    /// LOAD_FAST_AND_CLEAR: a comprehension hides a variable.
    pub(super) fn load_and_clear(&mut self, record: &Record) -> Done {
        let (f, slot) = (self.state.innermost(), record.oparg as usize);
        let local = self.state.frames[f].locals[slot];
        if local.unset {
            self.push_constant(0);
            return Ok(Some(1));
        }
        self.unhook_users(f, slot)?;
        self.box_local(f, slot)?;
        let home = self.state.home(f, slot);
        self.room(2)?;
        self.op_immediate(Uop::LoadImmediate, 0)?;
        self.op_home([Uop::ExchangeFrame, Uop::ExchangeTop], home)?;
        self.push_entry(Entry { place: Place::Int, known: local.known, own: local.own });
        let hidden = Local { known: Known::Word(0), own: Own::Uncounted, unset: false };
        self.state.frames[f].locals[slot] = hidden;
        Ok(Some(1))
    }
}
