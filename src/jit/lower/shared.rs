//! Parts of the abstract machine that its copies have in common.
//!
//! Every exit keeps the machine as it was there. Between two exits little changes, in most cases the innermost frame
//! alone: the rest is not copied until it does.

use std::ops::{Deref, DerefMut};
use std::rc::Rc;

/// A value that is copied when it is changed while somebody else has it too.
#[derive(Debug, Default)]
pub struct Shared<T>(Rc<T>);

impl<T> From<T> for Shared<T> {
    fn from(value: T) -> Shared<T> {
        Shared(Rc::new(value))
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Shared<T> {
        Shared(self.0.clone())
    }
}

impl<T: PartialEq> PartialEq for Shared<T> {
    fn eq(&self, other: &Shared<T>) -> bool {
        Rc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Clone> DerefMut for Shared<T> {
    fn deref_mut(&mut self) -> &mut T {
        Rc::make_mut(&mut self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_does_not_show_in_copies() {
        let mut a = Shared::from(vec![1, 2]);
        let b = a.clone();
        a.push(3);
        assert_eq!((a.len(), b.len()), (3, 2));
        assert!(a != b && b == Shared::from(vec![1, 2]));
    }
}
