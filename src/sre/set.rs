//! Character sets: a table for Latin-1, and the charset program for everything above.

use crate::chars::{CharTables, lower_ascii};

/// One element of a charset program.
#[derive(Debug, Clone)]
pub(crate) enum Item {
    Negate,
    Literal(u32),
    Range(u32, u32),
    /// A range that the upper-cased character may be in as well.
    RangeUpper(u32, u32),
    Category(u32),
    /// 256 bits.
    Bits(Box<[u32]>),
    /// Block numbers for the 256 blocks of the BMP, then 256 bits for each block.
    Blocks(Box<[u8]>, Box<[u32]>),
}

/// How a subject character is mapped before it is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fold {
    None,
    Ascii,
    Unicode,
    /// Lower or upper case may be in the set, as the locale of the moment says.
    Locale,
}

impl Fold {
    pub(crate) fn apply(self, tables: &CharTables, c: u32) -> u32 {
        match self {
            Fold::None => c,
            Fold::Ascii => lower_ascii(c),
            Fold::Unicode => (tables.to_lower)(c),
            Fold::Locale => tables.lower_locale(c),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Set {
    latin1: [bool; 256],
    /// False if the locale decides, so that `latin1` can't be trusted.
    fixed: bool,
    fold: Fold,
    /// A literal compared by locale: its opposite is the opposite of "equal in some case".
    locale_literal: Option<(u32, bool)>,
    items: Box<[Item]>,
    tables: &'static CharTables,
}

impl Set {
    pub(crate) fn new(items: Vec<Item>, fold: Fold, tables: &'static CharTables) -> Set {
        let by_locale = |item: &Item| matches!(item, Item::Category(8 | 9));
        let fixed = fold != Fold::Locale && !items.iter().any(by_locale);
        let mut set = Set { latin1: [false; 256], fixed, fold, locale_literal: None, items: items.into(), tables };
        if fixed {
            for c in 0..256 {
                set.latin1[c as usize] = set.evaluate(c);
            }
        }
        set
    }

    pub(crate) fn locale_literal(c: u32, negate: bool, tables: &'static CharTables) -> Set {
        let mut set = Set::new(Vec::new(), Fold::Locale, tables);
        set.locale_literal = Some((c, negate));
        set
    }

    /// The Latin-1 table, unless the locale decides.
    pub(crate) fn latin1(&self) -> Option<&[bool; 256]> {
        self.fixed.then_some(&self.latin1)
    }

    #[inline(always)]
    pub(crate) fn contains(&self, c: u32) -> bool {
        if c < 256 && self.fixed { self.latin1[c as usize] } else { self.evaluate(c) }
    }

    #[inline(never)]
    fn evaluate(&self, c: u32) -> bool {
        if let Some((literal, negate)) = self.locale_literal {
            let lower = self.tables.lower_locale(c);
            let equal = c == literal || lower == literal || self.tables.upper_locale(c) == literal;
            return equal != negate;
        }
        let folded = self.fold.apply(self.tables, c);
        if self.fold != Fold::Locale {
            return self.lookup(folded);
        }
        let upper = self.tables.upper_locale(c);
        // Neither case may be in a set that is excluded.
        match self.items.first() {
            Some(Item::Negate) => self.lookup(folded) && self.lookup(upper),
            _ => self.lookup(folded) || self.lookup(upper),
        }
    }

    fn lookup(&self, c: u32) -> bool {
        let mut answer = true;
        for item in &self.items {
            if matches!(item, Item::Negate) {
                answer = !answer;
            } else if self.item_contains(item, c) {
                return answer;
            }
        }
        !answer
    }

    fn item_contains(&self, item: &Item, c: u32) -> bool {
        let bit = |bits: &[u32], at: u32| bits[(at / 32) as usize] >> (at % 32) & 1 == 1;
        match item {
            Item::Negate => false,
            Item::Literal(literal) => c == *literal,
            Item::Range(low, high) => (*low..=*high).contains(&c),
            Item::RangeUpper(low, high) => {
                let range = *low..=*high;
                range.contains(&c) || range.contains(&(self.tables.to_upper)(c))
            }
            Item::Category(kind) => self.tables.category(*kind, c),
            Item::Bits(bits) => c < 256 && bit(bits, c),
            Item::Blocks(numbers, bits) => {
                c < 0x1_0000 && bit(bits, u32::from(numbers[(c >> 8) as usize]) * 256 + (c & 255))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chars::STD_TABLES;

    #[test]
    fn negated_range_with_a_category() {
        let items = vec![Item::Negate, Item::Range(97, 122), Item::Category(10)];
        let set = Set::new(items, Fold::None, &STD_TABLES);
        assert!(!set.contains(98) && !set.contains(0x663) && !set.contains(0x31));
        assert!(set.contains(65) && set.contains(0x1_0000));
    }

    #[test]
    fn folding_happens_before_the_lookup() {
        let set = Set::new(vec![Item::Literal(0x6b)], Fold::Unicode, &STD_TABLES);
        assert!(set.contains(0x4b) && set.contains(0x212a) && !set.contains(0x4c));
        let ascii = Set::new(vec![Item::Literal(0x6b)], Fold::Ascii, &STD_TABLES);
        assert!(ascii.contains(0x4b) && !ascii.contains(0x212a));
    }

    #[test]
    fn locale_literals_and_their_opposites() {
        let set = Set::locale_literal(65, false, &STD_TABLES);
        assert!(set.contains(65) && set.contains(97) && !set.contains(66));
        let opposite = Set::locale_literal(65, true, &STD_TABLES);
        assert!(!opposite.contains(97) && opposite.contains(66));
    }
}
