//! A map that keeps the order of insertion, and the name tables made of it.

use std::collections::HashMap;
use std::hash::Hash;

/// A map in order of insertion.
#[derive(Clone, Debug)]
pub struct OrderedMap<K, V> {
    entries: Vec<(K, V)>,
    index: HashMap<K, usize>,
}

impl<K, V> Default for OrderedMap<K, V> {
    fn default() -> Self {
        OrderedMap { entries: Vec::new(), index: HashMap::new() }
    }
}

impl<K: Clone + Eq + Hash, V> OrderedMap<K, V> {
    /// The value of a key.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.index.get(key).map(|position| &self.entries[*position].1)
    }

    /// Sets the value of a key; a new key goes last.
    pub fn insert(&mut self, key: K, value: V) {
        match self.index.get(&key) {
            Some(position) => self.entries[*position].1 = value,
            None => {
                self.index.insert(key.clone(), self.entries.len());
                self.entries.push((key, value));
            }
        }
    }

    /// Removes a key.
    pub fn remove(&mut self, key: &K) {
        if let Some(position) = self.index.remove(key) {
            self.entries.remove(position);
            for other in self.index.values_mut().filter(|other| **other > position) {
                *other -= 1;
            }
        }
    }

    /// Whether there is such a key.
    pub fn contains(&self, key: &K) -> bool {
        self.index.contains_key(key)
    }

    /// The number of keys.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no keys.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entries in order.
    pub fn iter(&self) -> impl Iterator<Item = &(K, V)> {
        self.entries.iter()
    }

    /// The entries in order, values writable.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&K, &mut V)> {
        self.entries.iter_mut().map(|(key, value)| (&*key, value))
    }

    /// The keys in order.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.entries.iter().map(|(key, _)| key)
    }
}

/// Names or constants numbered in the order in which they were first seen.
pub type Numbered<K> = OrderedMap<K, usize>;

impl<K: Clone + Eq + Hash> OrderedMap<K, usize> {
    /// The number of a key, the next free one if it is new.
    pub fn number(&mut self, key: K) -> usize {
        if let Some(number) = self.get(&key) {
            return *number;
        }
        let number = self.len();
        self.insert(key, number);
        number
    }
}
