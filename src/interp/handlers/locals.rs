//! Local variables, constants, cells, and moving words on the operand stack.

use pyrs_bytecode::Opcode;
use pyrs_macros::handler;
use pyrs_runtime::heap::{dealloc, incref};
use pyrs_runtime::object::{IMMORTAL_LIMIT, Obj, Object};
use pyrs_runtime::objects::cell::Cell;
use pyrs_runtime::value::Value;

use super::attributes;
use crate::dispatch::Regs;
use crate::dispatch::tri;
use crate::ops;
use crate::specialize;

#[handler]
pub unsafe fn load_fast(mut m: Regs) -> Value {
    let v = *m.local(m.oparg);
    incref(v);
    m.push(v);
    m.next(1)
}

/// As [`load_fast`]; an attribute of the instance that is read next is read without counting the instance.
#[handler]
pub unsafe fn load_fast_borrow(mut m: Regs) -> Value {
    let v = *m.local(m.oparg);
    *m.sp = v;
    let unit = *m.ip.add(1);
    if unit as u8 == Opcode::LoadAttrInstanceValue as u8 {
        return Regs { ip: m.ip.add(1), oparg: (unit >> 8) as usize, ..m }.tail(attributes::borrowed_instance_value);
    }
    if unit as u8 == Opcode::LoadAttrSlot as u8 {
        return Regs { ip: m.ip.add(1), oparg: (unit >> 8) as usize, ..m }.tail(attributes::borrowed_slot);
    }
    incref(v);
    m.sp = m.sp.add(1);
    m.goto_unit(m.ip.add(1), unit)
}

#[handler]
pub unsafe fn load_fast_load_fast(mut m: Regs) -> Value {
    let a = *m.local(m.oparg >> 4);
    let b = *m.local(m.oparg & 15);
    incref(a);
    incref(b);
    m.push(a);
    m.push(b);
    m.next(1)
}

/// As [`load_fast_load_fast`]; if the second variable's attribute is set to the first next, it is done without
/// counting the instance.
#[handler]
pub unsafe fn load_fast_borrow_load_fast_borrow(mut m: Regs) -> Value {
    let a = *m.local(m.oparg >> 4);
    let b = *m.local(m.oparg & 15);
    *m.sp = a;
    *m.sp.add(1) = b;
    incref(a);
    let unit = *m.ip.add(1);
    if unit as u8 == Opcode::StoreAttrInstanceValue as u8 {
        return Regs { ip: m.ip.add(1), oparg: (unit >> 8) as usize, ..m }
            .tail(attributes::store_borrowed_instance_value);
    }
    incref(b);
    m.sp = m.sp.add(2);
    m.goto_unit(m.ip.add(1), unit)
}

#[handler]
pub unsafe fn load_fast_check(mut m: Regs) -> Value {
    let v = *m.local(m.oparg);
    if v.is_null() {
        return m.tail(unbound_local);
    }
    incref(v);
    m.push(v);
    m.next(1)
}

#[cold]
#[handler]
unsafe fn unbound_local(m: Regs) -> Value {
    m.save();
    ops::names::unbound_local(m.frame, m.oparg as u32).leave_pending();
    m.raise()
}

#[handler]
pub unsafe fn load_fast_and_clear(mut m: Regs) -> Value {
    let v = *m.local(m.oparg);
    *m.local(m.oparg) = Value::NULL;
    m.push(v);
    m.next(1)
}

#[handler]
pub unsafe fn store_fast(mut m: Regs) -> Value {
    let v = m.pop();
    let slot = m.local(m.oparg);
    let old = *slot;
    *slot = v;
    m.drop_next(old, 1)
}

#[handler]
pub unsafe fn store_fast_load_fast(m: Regs) -> Value {
    let v = m.peek(1);
    let slot = m.local(m.oparg >> 4);
    let old = *slot;
    *slot = v;
    let next = *m.local(m.oparg & 15);
    incref(next);
    m.put(1, next);
    m.drop_next(old, 1)
}

#[handler]
pub unsafe fn store_fast_store_fast(m: Regs) -> Value {
    let slot = m.local(m.oparg >> 4);
    let old = *slot;
    *slot = m.peek(1);
    if old.is_pointer() {
        let count = &(*old.as_pointer()).refcnt;
        count.set(count.get() - 1);
        if count.get() == 0 {
            m.put(1, old);
            return m.tail(dealloc_and_store);
        }
    }
    store_second(m)
}

/// The second half of [`store_fast_store_fast`].
#[inline(always)]
unsafe fn store_second(mut m: Regs) -> Value {
    // SAFETY: contract of handlers.
    unsafe {
        m.sp = m.sp.sub(2);
        let slot = m.local(m.oparg & 15);
        let old = *slot;
        *slot = *m.sp;
        m.drop_next(old, 1)
    }
}

/// As [`store_second`], after destroying the object on top, whose count has reached zero.
#[cold]
#[handler]
unsafe fn dealloc_and_store(m: Regs) -> Value {
    m.save();
    dealloc(m.peek(1).as_pointer());
    store_second(m)
}

#[handler]
pub unsafe fn delete_fast(m: Regs) -> Value {
    let slot = m.local(m.oparg);
    let old = *slot;
    if old.is_null() {
        return m.tail(unbound_local);
    }
    *slot = Value::NULL;
    m.drop_next(old, 1)
}

/// The first execution leaves a form behind that knows whether the constant is counted.
#[handler]
pub unsafe fn load_const(m: Regs) -> Value {
    let v = constant(&m);
    let counted = v.is_pointer_or_null() && (*v.as_pointer()).refcnt.get() < IMMORTAL_LIMIT;
    let form = if counted { Opcode::LoadConstMortal } else { Opcode::LoadConstImmortal };
    specialize::rewrite_if(m.ip, Opcode::LoadConst, form);
    m.tail(load_const_mortal)
}

#[inline(always)]
unsafe fn constant(m: &Regs) -> Value {
    // SAFETY: contract of handlers.
    unsafe { (*m.frame).code().consts.items().get_unchecked(m.oparg).value() }
}

#[handler]
pub unsafe fn load_const_mortal(mut m: Regs) -> Value {
    let v = constant(&m);
    incref(v);
    m.push(v);
    m.next(1)
}

#[handler]
pub unsafe fn load_const_immortal(mut m: Regs) -> Value {
    m.push(constant(&m));
    m.next(1)
}

#[handler]
pub unsafe fn load_small_int(mut m: Regs) -> Value {
    m.push(Value::from_fixnum(m.oparg as i64));
    m.next(1)
}

#[handler]
pub unsafe fn load_common_constant(mut m: Regs) -> Value {
    m.save();
    let v = tri!(m, ops::names::common_constant(m.oparg as u32));
    m.push(v.into_value());
    m.next(1)
}

/// # Safety
/// `v` is a cell.
#[inline(always)]
unsafe fn cell<'a>(v: Value) -> &'a Object<Cell> {
    debug_assert!(!v.is_null());
    // SAFETY: by contract; the frame keeps the cell alive.
    unsafe { &*(v.as_pointer() as *const Object<Cell>) }
}

#[handler]
pub unsafe fn make_cell(m: Regs) -> Value {
    let slot = m.local(m.oparg);
    let initial = *slot;
    let initial = (!initial.is_null()).then(|| Obj::from_owned(initial));
    *slot = Cell::new(initial).into_obj().into_value();
    m.next(1)
}

#[handler]
pub unsafe fn copy_free_vars(m: Regs) -> Value {
    let function = (*m.frame).function();
    let closure = function.closure.as_ref().expect("code with free variables has a closure").items();
    let first = (*m.frame).code().nlocalsplus - m.oparg;
    for (i, cell) in closure.iter().enumerate() {
        incref(cell.value());
        *m.local(first + i) = cell.value();
    }
    m.next(1)
}

#[handler]
pub unsafe fn load_deref(mut m: Regs) -> Value {
    let v = cell(*m.local(m.oparg)).peek();
    if v.is_null() {
        return m.tail(unbound_deref);
    }
    incref(v);
    m.push(v);
    m.next(1)
}

#[cold]
#[handler]
unsafe fn unbound_deref(m: Regs) -> Value {
    m.save();
    ops::names::unbound_deref(m.frame, m.oparg as u32).leave_pending();
    m.raise()
}

#[handler]
pub unsafe fn store_deref(mut m: Regs) -> Value {
    let v = m.pop();
    let old = cell(*m.local(m.oparg)).replace_word(v);
    m.drop_next(old, 1)
}

#[handler]
pub unsafe fn delete_deref(m: Regs) -> Value {
    let old = cell(*m.local(m.oparg)).replace_word(Value::NULL);
    if old.is_null() {
        return m.tail(unbound_deref);
    }
    m.drop_next(old, 1)
}

#[handler]
pub unsafe fn load_from_dict_or_deref(m: Regs) -> Value {
    m.save();
    let v = tri!(m, ops::names::load_from_dict_or_deref(m.frame, m.obj(1), m.oparg as u32));
    m.replace_next(1, v.into_value(), 1)
}

#[handler]
pub unsafe fn pop_top(mut m: Regs) -> Value {
    let v = m.pop();
    m.drop_next(v, 1)
}

#[handler]
pub unsafe fn push_null(mut m: Regs) -> Value {
    m.push(Value::NULL);
    m.next(1)
}

#[handler]
pub unsafe fn copy(mut m: Regs) -> Value {
    let v = m.peek(m.oparg);
    if !v.is_null() {
        incref(v);
    }
    m.push(v);
    m.next(1)
}

#[handler]
pub unsafe fn swap(m: Regs) -> Value {
    let top = m.peek(1);
    m.put(1, m.peek(m.oparg));
    m.put(m.oparg, top);
    m.next(1)
}

#[handler]
pub unsafe fn end_send(mut m: Regs) -> Value {
    let value = m.pop();
    let receiver = m.peek(1);
    m.put(1, value);
    m.drop_next(receiver, 1)
}
