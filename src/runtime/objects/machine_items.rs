//! Blocks of machine values: what compiled code has to know of classes whose instances keep their items in one.

use std::sync::Mutex;

use crate::types::Type;

/// A machine value that has an int or a float for its Python value.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Item {
    I8,
    U8,
    I16,
    U16,
    I32,
    I64,
    F64,
}

/// Where the parts are in a class's payload, by byte offsets.
#[derive(Copy, Clone, Debug)]
pub struct MachineItems {
    class: *const Type,
    /// A word that tells item types apart.
    pub kind: usize,
    pub address: usize,
    /// The block's length in bytes.
    pub bytes: usize,
    /// The item type for a word at `kind`.
    pub item_of: fn(u64) -> Option<Item>,
}

// SAFETY: classes of this kind are static.
unsafe impl Send for MachineItems {}

static KNOWN: Mutex<Vec<MachineItems>> = Mutex::new(Vec::new());

impl MachineItems {
    /// Describes a class whose payload has a vector of bytes at `vector` and a word for the item type at `kind`.
    pub fn new(class: &'static Type, kind: usize, vector: usize, item_of: fn(u64) -> Option<Item>) -> MachineItems {
        let (length, address) = vector_offsets::<u8>();
        MachineItems { class, kind, address: vector + address, bytes: vector + length, item_of }
    }

    /// Makes the class known.
    pub fn register(self) {
        KNOWN.lock().expect("nothing panics with the lock held").push(self);
    }

    /// What has been registered for exactly this class.
    pub fn of(class: *const Type) -> Option<MachineItems> {
        let known = KNOWN.lock().expect("nothing panics with the lock held");
        known.iter().find(|k| std::ptr::eq(k.class, class)).copied()
    }
}

/// Where a vector keeps its length and the address of its items. The standard library does not say, so a vector with
/// known parts is asked.
pub fn vector_offsets<T: Default>() -> (usize, usize) {
    let mut sample: Vec<T> = Vec::with_capacity(701);
    sample.resize_with(3, T::default);
    let address = sample.as_ptr() as usize;
    // SAFETY: a vector is three words without padding.
    let words = unsafe { std::mem::transmute_copy::<Vec<T>, [usize; 3]>(&sample) };
    let find = |word: usize| words.iter().position(|w| *w == word).expect("a part of the vector") * 8;
    (find(3), find(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vectors_parts_are_found() {
        let (length, address) = vector_offsets::<u8>();
        let mut v = vec![1u8, 2, 3];
        v.push(4);
        let at = &raw const v as *const u8;
        // SAFETY: the offsets are inside of the vector.
        unsafe {
            assert_eq!(*(at.add(length) as *const usize), 4);
            assert_eq!(*(at.add(address) as *const usize), v.as_ptr() as usize);
        }
    }
}
