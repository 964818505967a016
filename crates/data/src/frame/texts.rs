//! A column of texts in which each different one is kept once.

use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;

/// The code of a missing cell.
const MISSING: u32 = u32::MAX;

/// Texts, numbered in the order in which they first appear, with the number of each row.
#[derive(Clone, Debug, Default)]
pub struct Texts {
    codes: Vec<u32>,
    levels: Levels,
}

/// The different texts of a column, one after the other.
#[derive(Clone, Debug, Default)]
struct Levels {
    all: String,
    ends: Vec<usize>,
    index: HashTable<u32>,
    // Keyed at random, so that no file can be made whose texts all fall into one place of the table.
    hasher: DefaultHashBuilder,
}

impl Levels {
    fn get(&self, code: u32) -> &str {
        level(&self.all, &self.ends, code)
    }

    fn find(&self, text: &str) -> Option<u32> {
        self.index.find(self.hasher.hash_one(text), |&code| self.get(code) == text).copied()
    }

    fn code(&mut self, text: &str) -> u32 {
        if let Some(code) = self.find(text) {
            return code;
        }
        let code = self.ends.len() as u32;
        assert!(code < MISSING, "a column has fewer than four billion different texts");
        self.all.push_str(text);
        self.ends.push(self.all.len());
        let Levels { all, ends, index, hasher } = self;
        index.insert_unique(hasher.hash_one(text), code, |&code| hasher.hash_one(level(all, ends, code)));
        code
    }
}

fn level<'a>(all: &'a str, ends: &[usize], code: u32) -> &'a str {
    let start = if code == 0 { 0 } else { ends[code as usize - 1] };
    &all[start..ends[code as usize]]
}

impl Texts {
    pub(crate) fn missing(count: usize) -> Self {
        Texts { codes: vec![MISSING; count], levels: Levels::default() }
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.codes.len()
    }

    /// Whether there is no row at all.
    pub fn is_empty(&self) -> bool {
        self.codes.is_empty()
    }

    /// The number of a row's text; `None` where it is missing.
    ///
    /// # Panics
    ///
    /// If the row is not there.
    pub fn code(&self, row: usize) -> Option<u32> {
        Some(self.codes[row]).filter(|&code| code != MISSING)
    }

    /// The text of a row; `None` where it is missing.
    ///
    /// # Panics
    ///
    /// If the row is not there.
    pub fn get(&self, row: usize) -> Option<&str> {
        self.code(row).map(|code| self.levels.get(code))
    }

    /// The different texts, by number.
    pub fn levels(&self) -> impl ExactSizeIterator<Item = &str> + Clone {
        (0..self.levels.ends.len()).map(|code| self.levels.get(code as u32))
    }

    /// The number of a text, if a row has it or had it.
    pub fn find(&self, text: &str) -> Option<u32> {
        self.levels.find(text)
    }

    pub(crate) fn push(&mut self, text: Option<&str>) {
        let code = text.map_or(MISSING, |text| self.levels.code(text));
        self.codes.push(code);
    }

    /// About how many bytes of memory they take.
    pub(super) fn bytes(&self) -> usize {
        let Levels { all, ends, index, .. } = &self.levels;
        size_of_val(self.codes.as_slice()) + all.len() + size_of_val(ends.as_slice()) + index.capacity() * 5
    }

    pub(super) fn reserve(&mut self, more: usize) {
        self.codes.reserve_exact(more);
    }

    pub(crate) fn append(&mut self, other: &Texts) {
        let codes: Vec<u32> = other.levels().map(|text| self.levels.code(text)).collect();
        let code = |&code: &u32| if code == MISSING { MISSING } else { codes[code as usize] };
        self.codes.extend(other.codes.iter().map(code));
    }
}

impl PartialEq for Texts {
    /// Equal texts in every row, whatever their numbers.
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && (0..self.len()).all(|row| self.get(row) == other.get(row))
    }
}

impl<'a> FromIterator<Option<&'a str>> for Texts {
    fn from_iter<I: IntoIterator<Item = Option<&'a str>>>(texts: I) -> Self {
        let mut all = Texts::default();
        for text in texts {
            all.push(text);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn keeps_what_is_pushed_and_appended(
            a in prop::collection::vec(prop::option::of("[ab]{0,3}"), 0..60),
            b in prop::collection::vec(prop::option::of("[ab]{0,3}"), 0..60),
        ) {
            let mut all: Texts = a.iter().map(Option::as_deref).collect();
            all.append(&b.iter().map(Option::as_deref).collect());
            let expected: Vec<Option<&str>> = a.iter().chain(&b).map(Option::as_deref).collect();
            prop_assert_eq!((0..all.len()).map(|row| all.get(row)).collect::<Vec<_>>(), expected.clone());
            prop_assert!(all == expected.into_iter().collect());
            for (code, level) in all.levels().enumerate() {
                prop_assert_eq!(all.find(level), Some(code as u32));
            }
        }
    }
}
