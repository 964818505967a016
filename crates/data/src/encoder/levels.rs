//! The levels of a category as features.

use std::{cmp::Reverse, collections::HashMap};

use serde::{Deserialize, Serialize};

use crate::Texts;

/// How many features a category may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LevelOptions {
    /// The most levels that have a feature of their own.
    pub own: usize,
    /// How many features the levels beyond those share.
    pub shared: u16,
    /// The most levels that share; the rarest beyond them are as good as unknown.
    pub sharing: usize,
    /// Levels in fewer rows than this are as good as unknown.
    pub rare: usize,
}

impl Default for LevelOptions {
    fn default() -> Self {
        LevelOptions { own: 64, shared: 32, sharing: 10_000, rare: 2 }
    }
}

/// The levels of a category, most frequent first, and the features that they have.
///
/// Each of the first has a feature of its own. The ones after them share a fixed number of features, dealt out in turn.
/// Levels too rare to learn from have one feature together, which stands for unknown levels as well; if there was none
/// such in training, an unknown level has no feature at all, because a feature that was never seen has weights that
/// mean nothing. A missing value has a feature if one was missing in training, and none otherwise.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct Levels {
    own: Vec<String>,
    sharing: Vec<String>,
    /// How many features those have together. A small type, so that no model file can make the sum of all features overflow.
    shared: u16,
    has_other: bool,
    has_missing: bool,
}

impl Levels {
    /// Counts the levels in the rows.
    pub(super) fn fit(texts: &Texts, rows: &[u32], options: &LevelOptions) -> Self {
        let mut counts = vec![0usize; texts.levels().len()];
        let mut has_missing = false;
        for &row in rows {
            match texts.code(row as usize) {
                Some(code) => counts[code as usize] += 1,
                None => has_missing = true,
            }
        }
        let mut levels: Vec<(usize, &str)> = counts.into_iter().zip(texts.levels()).filter(|(n, _)| *n > 0).collect();
        levels.sort_unstable_by_key(|&(count, text)| (Reverse(count), text));
        let frequent = levels.iter().take_while(|(count, _)| *count >= options.rare).count();
        let names = |range: &[(usize, &str)]| range.iter().map(|(_, text)| text.to_string()).collect::<Vec<_>>();
        let own = names(&levels[..frequent.min(options.own)]);
        let beyond = if options.shared > 0 { options.sharing } else { 0 };
        let sharing = names(&levels[own.len()..frequent.min(own.len() + beyond)]);
        let shared = u16::try_from(sharing.len()).unwrap_or(u16::MAX).min(options.shared);
        let has_other = own.len() + sharing.len() < levels.len();
        Levels { own, sharing, shared, has_other, has_missing }
    }

    fn shared(&self) -> usize {
        usize::from(self.shared)
    }

    pub(super) fn width(&self) -> usize {
        self.own.len() + self.shared() + usize::from(self.has_other) + usize::from(self.has_missing)
    }

    pub(super) fn other_slot(&self) -> Option<usize> {
        self.has_other.then_some(self.own.len() + self.shared())
    }

    pub(super) fn missing_slot(&self) -> Option<usize> {
        self.has_missing.then_some(self.own.len() + self.shared() + usize::from(self.has_other))
    }

    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        let shared = (1..=self.shared).map(|number| format!("(shared {number})"));
        let other = self.has_other.then(|| "(other)".to_string());
        let missing = self.has_missing.then(|| "(missing)".to_string());
        self.own.iter().cloned().chain(shared).chain(other).chain(missing)
    }

    /// The feature of each of the texts; `None` for one that is not among the levels.
    pub(super) fn slots(&self, texts: &Texts) -> Vec<Option<usize>> {
        let sharing =
            self.sharing.iter().zip((0..self.shared()).cycle()).map(|(name, slot)| (name, self.own.len() + slot));
        let slots: HashMap<&str, usize> =
            self.own.iter().zip(0..).chain(sharing).map(|(name, slot)| (name.as_str(), slot)).collect();
        texts.levels().map(|text| slots.get(text).copied()).collect()
    }
}
