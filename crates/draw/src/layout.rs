//! Where the nodes go: in layers, so that every edge leads down (Sugiyama, Tagawa and Toda 1981).
//!
//! A node's layer is the longest way from it to a variable. Edges that pass layers bend at places of their own there,
//! which take part in the ordering; the order in each layer follows the middle of the neighbours, from below and from
//! above in turn; and then places move towards their neighbours as far as the order lets them.

use crate::Picture;
use serde::Serialize;

/// More nodes are no picture any more.
pub const MOST_NODES: usize = 400;

/// The height of a node, and from one layer to the next.
pub(crate) const NODE_HEIGHT: f64 = 66.0;
const LAYER_HEIGHT: f64 = 136.0;
/// Room between neighbours, and around the whole.
const GAP: f64 = 30.0;
const MARGIN: f64 = 24.0;
/// The width of a letter, and of a place where an edge bends.
pub(crate) const LETTER: f64 = 7.6;
const BEND: f64 = 14.0;
/// How often the order is improved, and the places are moved.
const SWEEPS: usize = 12;
const MOVES: usize = 24;
/// The longest text of a node that is shown whole.
const LONGEST: usize = 26;

/// The places of a picture.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Layout {
    /// The width of the whole.
    pub width: f64,
    /// The height of the whole.
    pub height: f64,
    /// The middle of each node.
    pub nodes: Vec<[f64; 2]>,
    /// The width of each node.
    pub widths: Vec<f64>,
    /// The points of each edge, from the bottom of its node down to the top of the argument.
    pub edges: Vec<Vec<[f64; 2]>>,
}

/// A node, or a place where an edge bends.
struct Place {
    layer: usize,
    width: f64,
    x: f64,
    /// Its neighbours in the next layers.
    below: Vec<usize>,
    above: Vec<usize>,
}

impl Layout {
    /// Places the nodes of a picture.
    pub fn new(picture: &Picture) -> Self {
        let layers = layers(picture);
        let widths: Vec<f64> = picture.nodes.iter().map(width).collect();
        let mut places: Vec<Place> = layers
            .iter()
            .zip(&widths)
            .map(|(&layer, &width)| Place { layer, width, x: 0.0, below: Vec::new(), above: Vec::new() })
            .collect();
        let chains: Vec<Vec<usize>> = picture.edges.iter().map(|edge| chain(&mut places, edge.from, edge.to)).collect();
        let mut rows = rows(&places);
        order(&places, &mut rows);
        set(&mut places, &rows);
        let top = layers.iter().copied().max().unwrap_or(0);
        let y = |layer: usize| MARGIN + NODE_HEIGHT / 2.0 + (top - layer) as f64 * LAYER_HEIGHT;
        let left = places.iter().map(|p| p.x - p.width / 2.0).fold(f64::INFINITY, f64::min);
        places.iter_mut().for_each(|place| place.x += MARGIN - left);
        let right = places.iter().map(|p| p.x + p.width / 2.0).fold(0.0, f64::max);
        Self {
            width: right + MARGIN,
            height: y(0) + NODE_HEIGHT / 2.0 + MARGIN,
            nodes: places[..layers.len()].iter().map(|place| [place.x, y(place.layer)]).collect(),
            widths,
            edges: ends(picture, &places, &chains, y),
        }
    }
}

/// The texts of a node that are as long as they are shown.
pub(crate) fn shown(text: &str) -> String {
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    text.chars().take(LONGEST - 1).chain(['…']).collect()
}

fn width(node: &crate::Node) -> f64 {
    let formula = node.formula.as_deref().map_or(0, |formula| shown(formula).chars().count() + 3);
    let first = shown(&node.name).chars().count() + formula;
    let second = shown(&node.value).chars().count();
    let third = node.gradient.as_deref().map_or(0, |gradient| shown(gradient).chars().count() + 4);
    (first.max(second).max(third) as f64 * LETTER + 24.0).max(72.0)
}

/// The longest way from each node to one without arguments.
fn layers(picture: &Picture) -> Vec<usize> {
    let mut layers = vec![0; picture.nodes.len()];
    let mut edges: Vec<(usize, usize)> = picture.edges.iter().map(|edge| (edge.from, edge.to)).collect();
    edges.sort_unstable();
    // A node stands behind its arguments, so their layers are known.
    for (from, to) in edges {
        layers[from] = layers[from].max(layers[to] + 1);
    }
    layers
}

/// The places of an edge, with those where it passes a layer.
fn chain(places: &mut Vec<Place>, from: usize, to: usize) -> Vec<usize> {
    let mut chain = vec![from];
    for layer in (places[to].layer + 1..places[from].layer).rev() {
        places.push(Place { layer, width: BEND, x: 0.0, below: Vec::new(), above: Vec::new() });
        chain.push(places.len() - 1);
    }
    chain.push(to);
    for pair in chain.windows(2) {
        places[pair[0]].below.push(pair[1]);
        places[pair[1]].above.push(pair[0]);
    }
    chain
}

/// The places of each layer, from the bottom.
fn rows(places: &[Place]) -> Vec<Vec<usize>> {
    let top = places.iter().map(|place| place.layer).max().unwrap_or(0);
    let mut rows = vec![Vec::new(); top + 1];
    places.iter().enumerate().for_each(|(at, place)| rows[place.layer].push(at));
    rows
}

/// Orders each layer by the middle of the neighbours in the one before, and keeps the order with the fewest crossings.
fn order(places: &[Place], rows: &mut Vec<Vec<usize>>) {
    let mut best = (crossings(places, rows), rows.clone());
    for sweep in 0..SWEEPS {
        let count = rows.len();
        for step in 1..count {
            let upwards = sweep % 2 == 0;
            let (row, fixed) = if upwards { (step, step - 1) } else { (count - 1 - step, count - step) };
            let at = positions(places.len(), &rows[fixed]);
            let neighbours = |place: usize| if upwards { &places[place].below } else { &places[place].above };
            let own = positions(places.len(), &rows[row]);
            let middle = |&place: &usize| {
                let near = neighbours(place);
                let sum: f64 = near.iter().map(|&n| at[n]).sum();
                if near.is_empty() { own[place] } else { sum / near.len() as f64 }
            };
            rows[row].sort_by(|a, b| middle(a).total_cmp(&middle(b)));
        }
        let found = crossings(places, rows);
        if found < best.0 {
            best = (found, rows.clone());
        }
    }
    *rows = best.1;
}

/// The position of each place in its layer, as a share of its length, so that layers of different lengths compare.
fn positions(count: usize, row: &[usize]) -> Vec<f64> {
    let mut at = vec![0.0; count];
    for (position, &place) in row.iter().enumerate() {
        at[place] = (position as f64 + 0.5) / row.len() as f64;
    }
    at
}

/// How often edges between neighbouring layers cross.
fn crossings(places: &[Place], rows: &[Vec<usize>]) -> usize {
    let mut total = 0;
    for row in &rows[1..] {
        let lower = positions(places.len(), &rows[places[row[0]].layer - 1]);
        let ends: Vec<f64> = row
            .iter()
            .flat_map(|&place| {
                let mut below: Vec<f64> = places[place].below.iter().map(|&n| lower[n]).collect();
                below.sort_by(f64::total_cmp);
                below
            })
            .collect();
        total += (0..ends.len()).map(|at| ends[at + 1..].iter().filter(|end| **end < ends[at]).count()).sum::<usize>();
    }
    total
}

/// Places from left to right, and then towards the middle of their neighbours.
fn set(places: &mut [Place], rows: &[Vec<usize>]) {
    for row in rows {
        let wide: f64 = row.iter().map(|&place| places[place].width + GAP).sum();
        let mut x = -wide / 2.0;
        for &place in row {
            places[place].x = x + places[place].width / 2.0;
            x += places[place].width + GAP;
        }
    }
    for round in 0..MOVES {
        let upwards: Box<dyn Iterator<Item = &Vec<usize>>> =
            if round % 2 == 0 { Box::new(rows.iter()) } else { Box::new(rows.iter().rev()) };
        for row in upwards {
            let wanted: Vec<f64> = row.iter().map(|&place| middle(places, place)).collect();
            // Pushed from the left and from the right; the mean of both keeps the order and the room.
            let least = |a: usize, b: usize| (places[a].width + places[b].width) / 2.0 + GAP;
            let (mut left, mut right) = (wanted.clone(), wanted);
            for at in 1..row.len() {
                left[at] = left[at].max(left[at - 1] + least(row[at - 1], row[at]));
            }
            for at in (1..row.len()).rev() {
                right[at - 1] = right[at - 1].min(right[at] - least(row[at - 1], row[at]));
            }
            for (&place, x) in row.iter().zip(left.iter().zip(&right).map(|(a, b)| (a + b) / 2.0)) {
                places[place].x = x;
            }
        }
    }
}

fn middle(places: &[Place], place: usize) -> f64 {
    let Place { below, above, x, .. } = &places[place];
    let count = below.len() + above.len();
    let sum: f64 = below.iter().chain(above).map(|&near| places[near].x).sum();
    if count == 0 { *x } else { sum / count as f64 }
}

/// The points of each edge. Edges that meet at a node end side by side, in the order in which they come.
fn ends(picture: &Picture, places: &[Place], chains: &[Vec<usize>], y: impl Fn(usize) -> f64) -> Vec<Vec<[f64; 2]>> {
    let next = |edge: usize, down: bool| {
        let chain = &chains[edge];
        places[if down { chain[1] } else { chain[chain.len() - 2] }].x
    };
    let side = |node: usize, edge: usize, down: bool| {
        let meets = |e: &usize| if down { picture.edges[*e].from == node } else { picture.edges[*e].to == node };
        let mut all: Vec<usize> = (0..chains.len()).filter(meets).collect();
        all.sort_by(|&a, &b| next(a, down).total_cmp(&next(b, down)).then(a.cmp(&b)));
        let (position, count) = (all.iter().position(|e| *e == edge).unwrap_or(0), all.len() as f64);
        let room = (places[node].width - 28.0).min(26.0 * count);
        places[node].x + ((position as f64 + 0.5) / count - 0.5) * room
    };
    let points = |(edge, chain): (usize, &Vec<usize>)| {
        let (from, to) = (chain[0], chain[chain.len() - 1]);
        let bends = chain[1..chain.len() - 1].iter().map(|&place| [places[place].x, y(places[place].layer)]);
        let first = [side(from, edge, true), y(places[from].layer) + NODE_HEIGHT / 2.0];
        let last = [side(to, edge, false), y(places[to].layer) - NODE_HEIGHT / 2.0];
        [first].into_iter().chain(bends).chain([last]).collect()
    };
    chains.iter().enumerate().map(points).collect()
}
