//! Random but repeatable choices of rows.
//!
//! The generator and the way its numbers are used are both fixed here, so that a seed gives the same rows on every
//! machine and with every later version of the libraries.

mod folds;

use std::collections::BTreeMap;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use folds::{folds, hold_out_groups, hold_out_latest};

/// Which rows must stay together when rows are divided.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Split {
    /// None: rows are drawn one by one.
    #[default]
    Rows,
    /// Those of the same group, such as all purchases of a customer.
    Groups(Vec<u32>),
    /// What was known at a time: the latest rows are held out. NaN where a row has no time.
    Times(Vec<f64>),
}

impl Split {
    /// Divides the rows `0..n` into those kept and those held out, both ascending; about `share · n` are held out. Rows
    /// are drawn at random, so that each class keeps its share, or by groups, or are the latest.
    ///
    /// # Panics
    ///
    /// If `share` is not between 0 and 1, if there is not one label, group or time for each row, or if `n` exceeds
    /// `u32::MAX`.
    pub fn hold_out(&self, n: usize, labels: Option<&[u32]>, share: f64, seed: u64) -> (Vec<u32>, Vec<u32>) {
        match self {
            Self::Rows => hold_out(n, labels, share, seed),
            Self::Groups(groups) => hold_out_groups(groups, share, seed),
            Self::Times(times) => hold_out_latest(times, share),
        }
    }

    /// The fold, from 0 up to but without `count`, of each of `n` rows; times count for nothing.
    ///
    /// # Panics
    ///
    /// If `count` is 0, if there is not one label or group for each row, or if `n` exceeds `u32::MAX`.
    pub fn folds(&self, n: usize, labels: Option<&[u32]>, count: u32, seed: u64) -> Vec<u32> {
        let groups = if let Self::Groups(groups) = self { Some(groups.as_slice()) } else { None };
        folds(n, labels, groups, count, seed)
    }

    /// The same for the rows at these positions, in that order.
    ///
    /// # Panics
    ///
    /// If a row is not there.
    #[must_use]
    pub fn select(&self, rows: &[u32]) -> Self {
        match self {
            Self::Rows => Self::Rows,
            Self::Groups(groups) => Self::Groups(rows.iter().map(|&row| groups[row as usize]).collect()),
            Self::Times(times) => Self::Times(rows.iter().map(|&row| times[row as usize]).collect()),
        }
    }
}

/// The stream of random numbers used by [`hold_out`]; epochs use the ones after it.
const SPLIT_STREAM: u64 = 0;

/// Divides the rows `0..n` at random into those kept and those held out, both in ascending order.
///
/// About `share · n` rows are held out. With labels the share is met within one row in every class, and in total as
/// nearly as that allows. Unless the share is 1, each class keeps at least one row, so little data may leave the
/// held-out part empty. The result depends only on the arguments.
///
/// # Panics
///
/// If `share` is not between 0 and 1, if there is not one label for each row, or if `n` exceeds `u32::MAX`.
pub fn hold_out(n: usize, labels: Option<&[u32]>, share: f64, seed: u64) -> (Vec<u32>, Vec<u32>) {
    assert!((0.0..=1.0).contains(&share), "the share held out must be between 0 and 1");
    let rows = u32::try_from(n).expect("row numbers must fit in 32 bits");
    if let Some(labels) = labels {
        assert_eq!(labels.len(), n, "there must be one label for each row");
    }
    let class_of = |row: u32| labels.map_or(0, |labels| labels[row as usize]);

    let mut sizes = BTreeMap::new();
    for row in 0..rows {
        *sizes.entry(class_of(row)).or_insert(0usize) += 1;
    }
    let mut quotas = quotas(&sizes, n, share);

    let mut order: Vec<u32> = (0..rows).collect();
    permute(&mut order, &mut generator(Purpose::Rows, seed, SPLIT_STREAM));
    let mut held = vec![false; n];
    for row in order {
        let quota = quotas.get_mut(&class_of(row)).expect("every class has a quota");
        if *quota > 0 {
            *quota -= 1;
            held[row as usize] = true;
        }
    }
    (0..rows).partition(|&row| !held[row as usize])
}

/// How many rows of each class to hold out: the share rounded down, then one more for the classes that rounding cost
/// most, until the total is right.
fn quotas(sizes: &BTreeMap<u32, usize>, n: usize, share: f64) -> BTreeMap<u32, usize> {
    let mut quotas = BTreeMap::new();
    let mut lost = Vec::new();
    for (&class, &size) in sizes {
        let exact = size as f64 * share;
        let whole = exact.floor() as usize;
        quotas.insert(class, whole);
        if whole + 1 < size {
            lost.push((exact - exact.floor(), class));
        }
    }
    // The sort is stable, so that equal losses are served in the order of the classes.
    lost.sort_by(|a, b| b.0.total_cmp(&a.0));
    let total = (n as f64 * share).round() as usize;
    let missing = total.saturating_sub(quotas.values().sum());
    for (_, class) in lost.into_iter().filter(|&(loss, _)| loss > 0.0).take(missing) {
        *quotas.get_mut(&class).expect("every class has a quota") += 1;
    }
    quotas
}

/// Shuffles the rows in place into the order of epoch `epoch` under `seed`.
///
/// The result depends only on the seed, the epoch and the order that the rows came in.
///
/// # Panics
///
/// If there are more than `u32::MAX` rows.
pub fn shuffle(rows: &mut [u32], seed: u64, epoch: u64) {
    permute(rows, &mut generator(Purpose::Rows, seed, epoch.wrapping_add(SPLIT_STREAM + 1)));
}

/// Scatters a number, with another that tells apart what it is for (the finaliser of splitmix64; Steele, Lea and Flood,
/// "Fast splittable pseudorandom number generators", 2014).
pub(crate) fn mix(number: u64, purpose: u64) -> u64 {
    let mut bits = number.wrapping_add((purpose + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

/// What random numbers are for: each has streams of its own.
#[derive(Clone, Copy)]
pub(crate) enum Purpose {
    /// Dividing and shuffling rows.
    Rows = 0,
    /// Changing images.
    Augment = 1,
}

pub(crate) fn generator(purpose: Purpose, seed: u64, stream: u64) -> ChaCha8Rng {
    // The key is spelled out because how `seed_from_u64` stretches a seed is not promised to stay as it is.
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8] = purpose as u8;
    let mut generator = ChaCha8Rng::from_seed(key);
    generator.set_stream(stream);
    generator
}

/// The Fisher-Yates shuffle.
fn permute(rows: &mut [u32], generator: &mut ChaCha8Rng) {
    for last in (1..rows.len()).rev() {
        let choices = u32::try_from(last + 1).expect("row numbers must fit in 32 bits");
        rows.swap(last, below(choices, generator) as usize);
    }
}

/// A number below `bound`, each equally likely (Lemire, "Fast random integer generation in an interval", 2019).
fn below(bound: u32, generator: &mut ChaCha8Rng) -> u32 {
    let uneven = bound.wrapping_neg() % bound;
    loop {
        let product = u64::from(generator.next_u32()) * u64::from(bound);
        if product as u32 >= uneven {
            return (product >> 32) as u32;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn held_out_rows_are_a_stratified_partition(
            labels in prop::collection::vec(0u32..5, 0..300), share in 0.0f64..1.0, seed: u64,
        ) {
            let n = labels.len();
            let (kept, held) = hold_out(n, Some(&labels), share, seed);
            prop_assert!(kept.is_sorted() && held.is_sorted());
            let mut all = [kept.clone(), held.clone()].concat();
            all.sort_unstable();
            prop_assert!(all.iter().copied().eq(0..n as u32));
            for class in 0..5 {
                let count = |rows: &[u32]| rows.iter().filter(|&&r| labels[r as usize] == class).count();
                let exact = share * (count(&kept) + count(&held)) as f64;
                prop_assert!((count(&held) as f64 - exact).abs() <= 1.0);
                prop_assert!(count(&kept) > 0 || count(&held) == 0);
            }
            prop_assert_eq!(hold_out(n, Some(&labels), share, seed), (kept, held));
        }

        #[test]
        fn without_labels_the_total_is_right(n in 2usize..500, share in 0.0f64..0.5, seed: u64) {
            let (kept, held) = hold_out(n, None, share, seed);
            prop_assert_eq!(held.len(), (n as f64 * share).round() as usize);
            prop_assert_eq!(kept.len() + held.len(), n);
        }

        #[test]
        fn a_shuffle_is_a_repeatable_permutation(n in 0u32..300, seed: u64, epoch: u64) {
            let mut rows: Vec<u32> = (0..n).collect();
            shuffle(&mut rows, seed, epoch);
            let mut again: Vec<u32> = (0..n).collect();
            shuffle(&mut again, seed, epoch);
            prop_assert_eq!(&rows, &again);
            rows.sort_unstable();
            prop_assert!(rows.into_iter().eq(0..n));
        }

        #[test]
        fn epochs_and_seeds_give_different_orders(seed: u64, epoch: u64) {
            let order = |seed, epoch| {
                let mut rows: Vec<u32> = (0..100).collect();
                shuffle(&mut rows, seed, epoch);
                rows
            };
            prop_assert_ne!(order(seed, epoch), order(seed, epoch.wrapping_add(1)));
            prop_assert_ne!(order(seed, epoch), order(seed.wrapping_add(1), epoch));
        }
    }

    #[test]
    fn the_order_of_a_seed_never_changes() {
        // The expected orders come from a separate implementation of ChaCha8 and of the shuffle.
        let mut rows: Vec<u32> = (0..10).collect();
        shuffle(&mut rows, 42, 3);
        assert_eq!(rows, [8, 1, 9, 5, 7, 2, 4, 3, 6, 0]);
        assert_eq!(hold_out(10, None, 0.3, 42).1, [6, 7, 8]);
    }

    #[test]
    fn all_or_nothing() {
        assert_eq!(hold_out(3, None, 0.0, 1), (vec![0, 1, 2], vec![]));
        assert_eq!(hold_out(3, None, 1.0, 1), (vec![], vec![0, 1, 2]));
        assert_eq!(hold_out(0, Some(&[]), 0.5, 1), (vec![], vec![]));
        assert_eq!(hold_out(2, Some(&[u32::MAX, 0]), 0.9, 1), (vec![0, 1], vec![]));
    }

    #[test]
    fn every_position_is_equally_likely() {
        let mut counts = [0u32; 4];
        for seed in 0..4000 {
            let mut rows = [0, 1, 2, 3];
            shuffle(&mut rows, seed, 0);
            counts[rows.iter().position(|&r| r == 0).unwrap()] += 1;
        }
        assert!(counts.iter().all(|&c| (880..1120).contains(&c)), "{counts:?}");
    }
}
