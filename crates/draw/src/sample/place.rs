//! Where the neurons and channels of a sample's picture go.

use super::{Fold, Sample};
use crate::Form;
use crate::layout::{LETTER, shown};

/// The radius of a neuron, and from the middle of one to the next.
pub(super) const RADIUS: f64 = 12.0;
const PITCH: f64 = 33.0;
/// Between the two maps of a channel, between channels, and how many stand on one another.
pub(super) const SEAM: f64 = 4.0;
const GAP: f64 = 12.0;
const STACKED: usize = 8;
/// Around the whole, between columns, and the height of a line of text.
const MARGIN: f64 = 20.0;
const BETWEEN: f64 = 104.0;
pub(super) const LINE: f64 = 17.0;

/// A neuron or a channel that is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mark {
    /// A neuron: its position in the layer, and its middle.
    Neuron {
        /// Which one of its layer.
        at: usize,
        /// Its middle.
        middle: [f64; 2],
    },
    /// A channel: its values and its gradient side by side.
    Channel {
        /// Which one of its layer.
        at: usize,
        /// The left upper corner.
        corner: [f64; 2],
        /// The width and height of each of both maps.
        size: [f64; 2],
    },
}

impl Mark {
    /// Left, top, right and bottom.
    pub fn bounds(&self) -> [f64; 4] {
        match *self {
            Self::Neuron { middle: [x, y], .. } => [x - RADIUS, y - RADIUS, x + RADIUS, y + RADIUS],
            Self::Channel { corner: [x, y], size: [w, h], .. } => [x, y, x + 2.0 * w + SEAM, y + h],
        }
    }

    /// Where edges end on its left, and begin on its right.
    pub(super) fn ports(&self) -> [[f64; 2]; 2] {
        let [left, top, right, bottom] = self.bounds();
        let y = f64::midpoint(top, bottom);
        [[left, y], [right, y]]
    }
}

/// The places of a sample's picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Columns {
    /// The width of the whole.
    pub width: f64,
    /// The height of the whole.
    pub height: f64,
    /// What is drawn of each column, the inputs first, from the top down.
    pub marks: Vec<Vec<Mark>>,
    /// The middle of each column.
    pub(super) middles: Vec<f64>,
    /// The lines above each column.
    pub(super) heads: Vec<Vec<String>>,
    /// Where the marks begin.
    pub(super) top: f64,
    /// Where what is folded is told of.
    pub(super) foot: f64,
}

impl Columns {
    /// Places what `folds` has of the columns of a sample.
    pub fn new(sample: &Sample<'_>, folds: &[Fold]) -> Self {
        let heads: Vec<Vec<String>> = (0..sample.columns()).map(|column| head(sample, column)).collect();
        let blocks: Vec<Block> =
            folds.iter().enumerate().map(|(at, fold)| Block::new(sample.column_form(at), fold)).collect();
        let tallest = blocks.iter().map(|block| block.height).fold(0.0, f64::max);
        let lines = heads.iter().map(Vec::len).max().unwrap_or(0);
        let top = MARGIN + lines as f64 * LINE + 14.0;
        let longest = |names: &[String], fold: &Fold| {
            let letters = fold.drawn.iter().filter_map(|&at| names.get(at)).map(|name| shown(name).chars().count());
            letters.max().map_or(0.0, |letters| letters as f64 * LETTER + 8.0)
        };
        let mut x = MARGIN;
        let (mut marks, mut middles) = (Vec::new(), Vec::new());
        for (at, (block, head)) in blocks.iter().zip(&heads).enumerate() {
            let before = if at == 0 { longest(sample.input_names, &folds[at]) } else { 0.0 };
            let after = if at + 1 == blocks.len() { longest(sample.output_names, &folds[at]) } else { 0.0 };
            let text = head.iter().map(|line| line.chars().count()).max().unwrap_or(0) as f64 * LETTER;
            let half = (block.width / 2.0).max(text / 2.0);
            let middle = x + (block.width / 2.0 + before).max(half);
            let corner = [middle - block.width / 2.0, top + (tallest - block.height) / 2.0];
            marks.push(block.marks(corner, &folds[at]));
            middles.push(middle);
            x = middle + (block.width / 2.0 + after).max(half) + BETWEEN
                - (half - block.width / 2.0).min(BETWEEN / 2.0);
        }
        let foot = top + tallest + 24.0;
        let width = x - BETWEEN + MARGIN + BETWEEN / 2.0;
        Self { width, height: foot + LINE + MARGIN, marks, middles, heads, top, foot }
    }
}

/// The lines above a column.
fn head(sample: &Sample<'_>, column: usize) -> Vec<String> {
    let Some(at) = column.checked_sub(1) else { return vec!["inputs x".to_owned(), sample.form.to_string()] };
    let layer = &sample.layers[at];
    let words = layer.words.split(", ").map(shown);
    let form = if let Form::Planes(_) = layer.form { Some(layer.form.to_string()) } else { None };
    [format!("layer {column}")].into_iter().chain(words).chain(form).collect()
}

/// The sizes of the marks of a column.
struct Block {
    width: f64,
    height: f64,
    /// The width and height of a map; nothing for neurons.
    map: Option<[f64; 2]>,
}

impl Block {
    fn new(form: Form, fold: &Fold) -> Self {
        let count = fold.drawn.len();
        let Form::Planes([_, height, width]) = form else {
            return Self { width: 2.0 * RADIUS, height: count as f64 * PITCH - (PITCH - 2.0 * RADIUS), map: None };
        };
        let longest = match count {
            1 => 112.0,
            2..=4 => 72.0,
            _ => 50.0,
        };
        let unit = longest / height.max(width) as f64;
        // A plane of one row or column is still to be seen.
        let map = [(width as f64 * unit).max(8.0), (height as f64 * unit).max(8.0)];
        let (rows, beside) = (count.min(STACKED) as f64, count.div_ceil(STACKED) as f64);
        Self { width: beside * (2.0 * map[0] + SEAM + GAP) - GAP, height: rows * (map[1] + GAP) - GAP, map: Some(map) }
    }

    fn marks(&self, [left, top]: [f64; 2], fold: &Fold) -> Vec<Mark> {
        let mark = |(position, &at): (usize, &usize)| match self.map {
            None => Mark::Neuron { at, middle: [left + RADIUS, top + RADIUS + position as f64 * PITCH] },
            Some(size @ [width, height]) => {
                let (beside, row) = (position / STACKED, position % STACKED);
                let x = left + beside as f64 * (2.0 * width + SEAM + GAP);
                Mark::Channel { at, corner: [x, top + row as f64 * (height + GAP)], size }
            }
        };
        fold.drawn.iter().enumerate().map(mark).collect()
    }
}
