//! Divisions of rows that keep something together: groups, the past, or the shares of the classes.

use std::collections::{BTreeMap, BTreeSet};

use super::{Purpose, SPLIT_STREAM, generator, permute};
use crate::Cells;

/// The stream of random numbers for folds; no epoch reaches it.
const FOLD_STREAM: u64 = u64::MAX;

/// Divides the rows at random into those kept and those held out, both in ascending order, so that rows with the same
/// group are on the same side.
///
/// As many groups are held out as come nearest to the share of the rows; at least one group is kept.
///
/// # Panics
///
/// If `share` is not between 0 and 1, or if there are more than `u32::MAX` rows.
pub(super) fn hold_out_groups(groups: &[u32], share: f64, seed: u64) -> (Vec<u32>, Vec<u32>) {
    assert!((0.0..=1.0).contains(&share), "the share held out must be between 0 and 1");
    let rows = u32::try_from(groups.len()).expect("row numbers must fit in 32 bits");
    let sizes = sizes(groups);
    let mut order: Vec<u32> = sizes.keys().copied().collect();
    permute(&mut order, &mut generator(Purpose::Rows, seed, SPLIT_STREAM));
    let wanted = groups.len() as f64 * share;
    let mut taken = 0;
    let mut held = BTreeSet::new();
    for group in order.into_iter().skip(1) {
        let more = taken + sizes[&group];
        if (more as f64 - wanted).abs() < (taken as f64 - wanted).abs() {
            taken = more;
            held.insert(group);
        }
    }
    (0..rows).partition(|&row| !held.contains(&groups[row as usize]))
}

/// Divides the rows into the earlier ones and the latest, which are held out; both in ascending order of row.
///
/// Rows of the same time are on the same side, so what is held out is as near to `share` of the rows as that allows; if
/// the share is above 0, it is at least the latest time of several. Rows without a time (NaN) are kept.
///
/// # Panics
///
/// If `share` is not between 0 and 1, or if there are more than `u32::MAX` rows.
pub(super) fn hold_out_latest(times: &[f64], share: f64) -> (Vec<u32>, Vec<u32>) {
    assert!((0.0..=1.0).contains(&share), "the share held out must be between 0 and 1");
    let rows = u32::try_from(times.len()).expect("row numbers must fit in 32 bits");
    let mut sorted: Vec<f64> = times.iter().copied().filter(|time| !time.is_nan()).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let wanted = times.len() as f64 * share;
    // The rows that are held out from each time on that is not the first.
    let later = (1..sorted.len()).filter(|&first| sorted[first - 1] < sorted[first]);
    let away = |first: usize| ((sorted.len() - first) as f64 - wanted).abs();
    let nearest = later.min_by(|&a, &b| away(a).total_cmp(&away(b)));
    let split = match nearest {
        Some(first) if share > 0.0 => sorted[first],
        _ => f64::INFINITY,
    };
    (0..rows).partition(|&row| times[row as usize].is_nan() || times[row as usize] < split)
}

/// Deals the rows at random into `k` folds, and gives the fold of each row.
///
/// With labels, each class is dealt out evenly, so that the folds differ by one row at most in each class and in all.
/// With groups, rows of the same group are in the same fold, and each group goes to the fold that has the fewest rows
/// so far, the largest group first; labels then count for nothing.
///
/// # Panics
///
/// If `k` is 0, if labels or groups are not one for each row, or if there are more than `u32::MAX` rows.
pub(super) fn folds(n: usize, labels: Option<&[u32]>, groups: Option<&[u32]>, k: u32, seed: u64) -> Vec<u32> {
    assert!(k > 0, "there must be at least one fold");
    let rows = u32::try_from(n).expect("row numbers must fit in 32 bits");
    let mut generator = generator(Purpose::Rows, seed, FOLD_STREAM);
    let mut fold = vec![0; n];
    if let Some(groups) = groups {
        assert_eq!(groups.len(), n, "there must be one group for each row");
        let sizes = sizes(groups);
        let mut order: Vec<u32> = sizes.keys().copied().collect();
        permute(&mut order, &mut generator);
        // The sort is stable, so that groups of one size stay in random order.
        order.sort_by_key(|group| std::cmp::Reverse(sizes[group]));
        let mut filled = vec![0usize; k as usize];
        let mut of_group = BTreeMap::new();
        for group in order {
            let emptiest = (0..k).min_by_key(|&fold| filled[fold as usize]).expect("there is a fold");
            filled[emptiest as usize] += sizes[&group];
            of_group.insert(group, emptiest);
        }
        for (fold, group) in fold.iter_mut().zip(groups) {
            *fold = of_group[group];
        }
        return fold;
    }
    let mut order: Vec<u32> = (0..rows).collect();
    permute(&mut order, &mut generator);
    if let Some(labels) = labels {
        assert_eq!(labels.len(), n, "there must be one label for each row");
        order.sort_by_key(|&row| labels[row as usize]);
    }
    // One class after the other, in turn: the next class goes on where the one before ended.
    for (row, next) in order.into_iter().zip((0..k).cycle()) {
        fold[row as usize] = next;
    }
    fold
}

fn sizes(groups: &[u32]) -> BTreeMap<u32, usize> {
    let mut sizes = BTreeMap::new();
    for &group in groups {
        *sizes.entry(group).or_insert(0) += 1;
    }
    sizes
}

impl Cells {
    /// A number for each row, the same for rows with the same cell; rows without a value are a group together.
    pub fn groups(&self) -> Vec<u32> {
        match self {
            Cells::Texts(texts) => (0..texts.len()).map(|row| texts.code(row).unwrap_or(u32::MAX)).collect(),
            Cells::Numbers(values) | Cells::Times(values) => {
                let mut different: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
                different.sort_unstable_by(f64::total_cmp);
                different.dedup();
                let group = |value: &f64| match value.is_nan() {
                    true => u32::MAX,
                    false => different.partition_point(|other| other < value) as u32,
                };
                values.iter().map(group).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn counts(folds: &[u32], k: u32, of: impl Fn(usize) -> bool) -> Vec<usize> {
        (0..k).map(|fold| (0..folds.len()).filter(|&row| folds[row] == fold && of(row)).count()).collect()
    }

    fn are_even(counts: &[usize]) -> bool {
        counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1
    }

    proptest! {
        #[test]
        fn groups_stay_together(groups in prop::collection::vec(0u32..20, 1..200), share in 0.0f64..1.0, seed: u64) {
            let (kept, held) = hold_out_groups(&groups, share, seed);
            prop_assert!(kept.is_sorted() && held.is_sorted() && kept.len() + held.len() == groups.len());
            prop_assert!(!kept.is_empty());
            let of = |rows: &[u32]| rows.iter().map(|&row| groups[row as usize]).collect::<BTreeSet<_>>();
            prop_assert!(of(&kept).is_disjoint(&of(&held)));
            let largest = sizes(&groups).into_values().max().unwrap();
            let wanted = share * groups.len() as f64;
            prop_assert!((held.len() as f64 - wanted).abs() <= largest as f64);
            prop_assert_eq!(hold_out_groups(&groups, share, seed), (kept, held));
        }

        #[test]
        fn the_latest_are_held_out(times in prop::collection::vec(0u8..30, 1..200), share in 0.0f64..1.0) {
            let times: Vec<f64> = times.iter().map(|&time| if time == 0 { f64::NAN } else { f64::from(time) }).collect();
            let (kept, held) = hold_out_latest(&times, share);
            prop_assert!(kept.len() + held.len() == times.len());
            let latest_kept = kept.iter().map(|&row| times[row as usize]).fold(f64::MIN, f64::max);
            prop_assert!(held.iter().all(|&row| times[row as usize] > latest_kept));
            let largest = (1..30).map(|t| times.iter().filter(|&&time| time == f64::from(t)).count()).max().unwrap();
            let dated = times.iter().filter(|time| !time.is_nan()).count();
            let wanted = share * times.len() as f64;
            // The earliest time is always kept.
            prop_assert!((held.len() as f64 - wanted).abs() <= largest as f64 || wanted > (dated - largest) as f64);
            let several = times.iter().any(|t| !t.is_nan() && *t != times[kept[0] as usize]) && dated > 0;
            prop_assert!(share == 0.0 || !held.is_empty() || !several || times[kept[0] as usize].is_nan());
        }

        #[test]
        fn folds_are_even_in_each_class(
            labels in prop::collection::vec(0u32..4, 1..200), k in 1u32..8, seed: u64, stratified: bool,
        ) {
            let of = stratified.then_some(labels.as_slice());
            let folds = folds(labels.len(), of, None, k, seed);
            prop_assert!(are_even(&counts(&folds, k, |_| true)));
            if stratified {
                for class in 0..4 {
                    prop_assert!(are_even(&counts(&folds, k, |row| labels[row] == class)));
                }
            }
            prop_assert_eq!(super::folds(labels.len(), of, None, k, seed), folds);
        }

        #[test]
        fn folds_keep_groups_together(groups in prop::collection::vec(0u32..30, 1..200), k in 1u32..8, seed: u64) {
            let folds = folds(groups.len(), None, Some(&groups), k, seed);
            let mut of_group = BTreeMap::new();
            for (fold, group) in folds.iter().zip(&groups) {
                prop_assert_eq!(of_group.entry(group).or_insert(fold), &fold);
            }
            let counts = counts(&folds, k, |_| true);
            let largest = sizes(&groups).into_values().max().unwrap();
            prop_assert!(counts.iter().max().unwrap() - counts.iter().min().unwrap() <= largest);
        }
    }

    #[test]
    fn the_folds_of_a_seed_never_change() {
        assert_eq!(folds(8, None, None, 3, 42), [0, 1, 1, 0, 1, 2, 2, 0]);
        assert_ne!(folds(50, None, None, 3, 42), folds(50, None, None, 3, 43));
    }

    #[test]
    fn cells_give_groups() {
        let texts = Cells::Texts([Some("a"), None, Some("b"), Some("a")].into_iter().collect());
        assert_eq!(texts.groups(), [0, u32::MAX, 1, 0]);
        assert_eq!(Cells::Numbers(vec![2.5, f64::NAN, -1.0, 2.5]).groups(), [1, u32::MAX, 0, 1]);
    }
}
