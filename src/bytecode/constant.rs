//! The constants of code objects, and the equality by which the compiler merges them.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use num_bigint::BigInt;

use crate::{CodeObject, WStr};

/// A value that can stand in `co_consts`.
#[derive(Clone, Debug)]
pub enum Constant {
    None,
    True,
    False,
    Ellipsis,
    /// Any int that fits; `BigInt` holds only those that do not.
    Int(i64),
    BigInt(BigInt),
    Float(f64),
    Complex {
        real: f64,
        imag: f64,
    },
    Str(WStr),
    Bytes(Vec<u8>),
    Tuple(Vec<Constant>),
    FrozenSet(Vec<Constant>),
    Slice(Box<[Constant; 3]>),
    Code(Arc<CodeObject>),
}

/// A hashable stand-in for a constant: equal exactly when the compiler may merge two constants,
/// so type, sign of zero and NaN bits all count.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum ConstKey {
    None,
    True,
    False,
    Ellipsis,
    Int(i64),
    BigInt(BigInt),
    Float(u64),
    Complex(u64, u64),
    Str(WStr),
    Bytes(Vec<u8>),
    Tuple(Vec<ConstKey>),
    FrozenSet(Vec<ConstKey>),
    Slice(Vec<ConstKey>),
    /// Code objects are compared by content.
    Code(CodeKey),
}

/// A code object as part of a key.
#[derive(Clone, Debug)]
pub struct CodeKey(Arc<CodeObject>);

impl PartialEq for CodeKey {
    fn eq(&self, other: &CodeKey) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}

impl Eq for CodeKey {}

impl Hash for CodeKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.name.hash(state);
        self.0.firstlineno.hash(state);
        self.0.code.hash(state);
    }
}

impl Constant {
    /// The int as the canonical variant for its size.
    pub fn from_bigint(value: BigInt) -> Constant {
        match i64::try_from(&value) {
            Ok(small) => Constant::Int(small),
            Err(_) => Constant::BigInt(value),
        }
    }

    /// `True` or `False`.
    pub fn from_bool(value: bool) -> Constant {
        if value { Constant::True } else { Constant::False }
    }

    /// The key by which equal constants are found.
    pub fn key(&self) -> ConstKey {
        let keys = |items: &[Constant]| items.iter().map(Constant::key).collect();
        match self {
            Constant::None => ConstKey::None,
            Constant::True => ConstKey::True,
            Constant::False => ConstKey::False,
            Constant::Ellipsis => ConstKey::Ellipsis,
            Constant::Int(value) => ConstKey::Int(*value),
            Constant::BigInt(value) => ConstKey::BigInt(value.clone()),
            Constant::Float(value) => ConstKey::Float(value.to_bits()),
            Constant::Complex { real, imag } => ConstKey::Complex(real.to_bits(), imag.to_bits()),
            Constant::Str(text) => ConstKey::Str(text.clone()),
            Constant::Bytes(bytes) => ConstKey::Bytes(bytes.clone()),
            Constant::Tuple(items) => ConstKey::Tuple(keys(items)),
            Constant::FrozenSet(items) => {
                let mut keys: Vec<ConstKey> = keys(items);
                keys.sort_by_cached_key(|key| format!("{key:?}"));
                ConstKey::FrozenSet(keys)
            }
            Constant::Slice(parts) => ConstKey::Slice(keys(&parts[..])),
            Constant::Code(code) => ConstKey::Code(CodeKey(code.clone())),
        }
    }

    /// The truth value; every code object is true.
    pub fn is_true(&self) -> bool {
        match self {
            Constant::None | Constant::False => false,
            Constant::True | Constant::Ellipsis | Constant::Code(_) | Constant::Slice(_) => true,
            Constant::Int(value) => *value != 0,
            Constant::BigInt(_) => true,
            Constant::Float(value) => *value != 0.0,
            Constant::Complex { real, imag } => *real != 0.0 || *imag != 0.0,
            Constant::Str(text) => !text.is_empty(),
            Constant::Bytes(bytes) => !bytes.is_empty(),
            Constant::Tuple(items) | Constant::FrozenSet(items) => !items.is_empty(),
        }
    }
}

/// Structural equality by key, except that code objects are compared by content.
impl PartialEq for Constant {
    fn eq(&self, other: &Constant) -> bool {
        match (self, other) {
            (Constant::Code(left), Constant::Code(right)) => left == right,
            (Constant::Tuple(left), Constant::Tuple(right)) => left == right,
            _ => self.key() == other.key(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_tell_apart_what_python_calls_equal() {
        assert_ne!(Constant::Float(0.0).key(), Constant::Float(-0.0).key());
        assert_ne!(Constant::Int(1).key(), Constant::True.key());
        assert_ne!(Constant::Int(1).key(), Constant::Float(1.0).key());
        let tuple = |item| Constant::Tuple(vec![item]).key();
        assert_ne!(tuple(Constant::Int(0)), tuple(Constant::False));
        assert_eq!(tuple(Constant::Int(7)), tuple(Constant::Int(7)));
    }
}
