//! What is drawn of a large column, and what is kept of it in the page.

use super::Sample;
use crate::Form;

/// The most neurons, or channels, of a column that are drawn.
pub const MOST_DRAWN: usize = 16;
/// The most columns that are drawn.
pub const MOST_COLUMNS: usize = 48;
/// The most neurons in all columns together that a page has the numbers of, and the most cells of planes.
const MOST_NEURONS: usize = 6_000;
const MOST_CELLS: usize = 40_000;
/// The longest side of a plane that is drawn cell by cell.
const MOST_SIDE: usize = 64;

/// What of a column is drawn and kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fold {
    /// How many neurons, or channels, it has.
    pub total: usize,
    /// Those that are drawn, in order.
    pub drawn: Vec<usize>,
    /// Those whose numbers the page has, in order; all that are drawn are among them.
    pub kept: Vec<usize>,
    /// From one cell of a plane that is drawn to the next.
    pub step: usize,
}

impl Fold {
    /// How many are not drawn.
    pub fn folded(&self) -> usize {
        self.total - self.drawn.len()
    }
}

/// What of each column of a sample is drawn, the inputs first: the neurons, or channels, with the largest sums of
/// |a · ∂C/∂a|, by which the cost would change, to first order, without them.
pub fn fold(sample: &Sample<'_>) -> Vec<Fold> {
    let columns = sample.columns();
    let fold = |column: usize| {
        let scores = sample.weight_in_cost(column);
        match sample.column_form(column) {
            Form::Flat(total) => {
                let kept = largest(&scores, (MOST_NEURONS / columns).max(MOST_DRAWN));
                Fold { total, drawn: largest(&scores, MOST_DRAWN), kept, step: 1 }
            }
            Form::Planes([total, height, width]) => {
                let step = height.max(width).div_ceil(MOST_SIDE);
                let cells = height.div_ceil(step) * width.div_ceil(step);
                let of_channel = |plane: &[f64]| plane.iter().sum();
                let scores: Vec<f64> = scores.chunks(height * width).map(of_channel).collect();
                let drawn = largest(&scores, (MOST_CELLS / columns / cells).clamp(1, MOST_DRAWN));
                Fold { total, kept: drawn.clone(), drawn, step }
            }
        }
    };
    (0..columns).map(fold).collect()
}

/// The positions of the `count` largest, in order. What is no number counts as the largest: it is what to look at.
pub(super) fn largest(scores: &[f64], count: usize) -> Vec<usize> {
    let rank = |score: f64| if score.is_nan() { f64::INFINITY } else { score };
    let mut order: Vec<usize> = (0..scores.len()).collect();
    if count < order.len() {
        order.select_nth_unstable_by(count, |&a, &b| rank(scores[b]).total_cmp(&rank(scores[a])).then(a.cmp(&b)));
        order.truncate(count);
    }
    order.sort_unstable();
    order
}
