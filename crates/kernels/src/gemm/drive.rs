//! The loops around the tiles: blocks of `k`, blocks of columns, and the pieces that threads take.
//!
//! The three steps for each block (pack `a`, pack `b`, multiply) are cut into pieces by shape alone and shared with
//! `rayon::join`, halving until a piece is not worth sharing. No sum over `k` is cut, so every number is computed in
//! the same way whoever computes it.

use super::MatRef;
use super::dots::{self, Dots};
use super::machine::{MAX_ROWS, Machine};
use super::micro::{Band, Left, Right};
use super::pack;
use super::plan::{COLUMN_SPLIT_ROWS, Plan};
use crate::Real;
use std::ops::Range;

/// One product under way.
pub(super) struct Product<'x, T> {
    pub(super) machine: Machine,
    pub(super) plan: Plan,
    pub(super) alpha: T,
    pub(super) a: MatRef<'x, T>,
    pub(super) b: MatRef<'x, T>,
    pub(super) beta: T,
}

/// The part of a product that is computed between two synchronisations: some steps of `k`, some columns.
struct Block<'x, T> {
    product: &'x Product<'x, T>,
    depth: Range<usize>,
    columns: Range<usize>,
    /// Packed `a`, empty if it is read in place.
    left: &'x [T],
    /// Packed `b`, empty if it is read in place.
    right: &'x [T],
    /// The copy of the last rows of the last panel of `b`.
    edge: &'x [T],
}

impl<T: Real> Product<'_, T> {
    /// All blocks, one after the other.
    pub(super) fn run(&self, c: &mut [T], scratch: &mut [T]) {
        let plan = &self.plan;
        if plan.as_dots(&self.a, &self.b) {
            return self.run_dots(c);
        }
        let (left, rest) = scratch.split_at_mut(plan.left_len());
        let (right, edge) = rest.split_at_mut(plan.right_len());
        let edge = &mut edge[..plan.edge_len()];
        let packs_left = plan.packs_left(&self.a);
        let packs_right = plan.packs_right(&self.b);
        if !packs_right {
            pack::right(self.b, plan.edge..plan.k, plan.last..plan.n, plan.last_width, edge);
        }
        let columns = if packs_right { plan.columns } else { plan.n };
        for depth in blocks(0..plan.k, plan.depth) {
            if packs_left {
                self.pack_left(&depth, left);
            }
            for columns in blocks(0..plan.n, columns) {
                if packs_right {
                    self.pack_right(&depth, &columns, right);
                }
                let block = Block {
                    product: self,
                    depth: depth.clone(),
                    columns,
                    left: if packs_left { left } else { &[] },
                    right: if packs_right { right } else { &[] },
                    edge,
                };
                block.run(c);
            }
        }
    }

    /// All of a product of few rows with a transposed matrix.
    fn run_dots(&self, c: &mut [T]) {
        let Self { machine, plan, alpha, a, b, beta } = *self;
        let grain = plan.grain(plan.m * plan.k * dots::COLUMNS);
        share_columns(row_slices(c, plan.n, &(0..plan.n)), plan.m, dots::COLUMNS, 0, grain, &|first, c| {
            machine.run(Dots { a, b, first, c, alpha, beta });
        });
    }

    fn pack_left(&self, depth: &Range<usize>, left: &mut [T]) {
        let plan = &self.plan;
        let left = &mut left[..plan.m * depth.len()];
        // Copying a number takes about as long as a few multiplications.
        let grain = plan.grain(plan.rows * depth.len() * 8);
        share(left, plan.rows * depth.len(), 0, grain, &|band, out| {
            let from = band * plan.rows;
            pack::left(self.a, from..(from + plan.rows).min(plan.m), depth.clone(), out);
        });
    }

    fn pack_right(&self, depth: &Range<usize>, columns: &Range<usize>, right: &mut [T]) {
        let plan = &self.plan;
        let to = if columns.end == plan.n { plan.last + plan.last_width } else { columns.end };
        let len = (to - columns.start) * depth.len();
        let grain = plan.grain(plan.width * depth.len() * 8);
        share(&mut right[..len], plan.width * depth.len(), 0, grain, &|panel, out| {
            let from = columns.start + panel * plan.width;
            let to = (from + plan.width).min(columns.end);
            pack::right(self.b, depth.clone(), from..to, out.len() / depth.len(), out);
        });
    }
}

impl<T: Real> Block<'_, T> {
    fn run(&self, c: &mut [T]) {
        let plan = &self.product.plan;
        if plan.by_columns() {
            let grain = plan.grain(plan.m * plan.width * self.depth.len());
            let rows = row_slices(c, plan.n, &self.columns);
            share_columns(rows, plan.m, plan.width, 0, grain, &|first, c| {
                for (band, c) in c.chunks_mut(plan.rows).enumerate() {
                    self.band(band, first, c);
                }
            });
        } else {
            let grain = plan.grain(plan.rows * self.columns.len() * self.depth.len());
            share(c, plan.rows * plan.n, 0, grain, &|band, c| {
                let count = c.len() / plan.n;
                let mut rows: [&mut [T]; MAX_ROWS] = row_slices(c, plan.n, &self.columns);
                self.band(band, 0, &mut rows[..count]);
            });
        }
    }

    /// One band; `c` holds its rows from `first` columns after the start of the block.
    fn band(&self, band: usize, first: usize, c: &mut [&mut [T]]) {
        let Product { machine, plan, alpha, a, b, beta } = self.product;
        let depth = self.depth.len();
        let row = band * plan.rows;
        let left = if !self.left.is_empty() {
            Left::Columns { data: &self.left[row * depth..][..c.len() * depth], stride: c.len() }
        } else if plan.by_rows(a) {
            Left::Rows { data: &a.data[row * a.row_stride + self.depth.start..], stride: a.row_stride }
        } else {
            Left::Columns { data: &a.data[self.depth.start * a.col_stride + row..], stride: a.col_stride }
        };
        let right = if self.right.is_empty() {
            let whole = plan.edge.clamp(self.depth.start, self.depth.end) - self.depth.start;
            let skipped = self.depth.start.saturating_sub(plan.edge);
            Right::InPlace {
                data: &b.data[self.depth.start * plan.n..],
                stride: plan.n,
                whole,
                edge: &self.edge[skipped * plan.last_width..],
            }
        } else {
            Right::Packed(self.right)
        };
        let beta = if self.depth.start == 0 { *beta } else { T::ONE };
        // In place, the block of columns is the whole row.
        machine.run(Band { left, right, depth, width: plan.width, first, c, alpha: *alpha, beta });
    }
}

/// `range` in pieces of `size`, the last one shorter.
fn blocks(range: Range<usize>, size: usize) -> impl Iterator<Item = Range<usize>> {
    range.clone().step_by(size).map(move |from| from..(from + size).min(range.end))
}

/// Calls `f(index, piece)` for every piece of `size` numbers of `data`, on several threads where there are more than
/// `grain` pieces.
fn share<T: Real>(data: &mut [T], size: usize, first: usize, grain: usize, f: &(impl Fn(usize, &mut [T]) + Sync)) {
    let pieces = data.len().div_ceil(size);
    if pieces <= grain.max(1) || rayon::current_num_threads() == 1 {
        for (i, piece) in data.chunks_mut(size).enumerate() {
            f(first + i, piece);
        }
        return;
    }
    let middle = pieces / 2;
    let (left, right) = data.split_at_mut(middle * size);
    rayon::join(|| share(left, size, first, grain, f), || share(right, size, first + middle, grain, f));
}

/// The columns `columns` of each row of `c`; empty slices after the last row.
fn row_slices<'c, T, const N: usize>(c: &'c mut [T], n: usize, columns: &Range<usize>) -> [&'c mut [T]; N] {
    let mut rows = c.chunks_exact_mut(n);
    std::array::from_fn(|_| rows.next().map_or(&mut [][..], |row| &mut row[columns.clone()]))
}

/// Calls `f(first, columns)` for ranges of the columns of the first `m` rows, cut at multiples of `width`, on several
/// threads where there are more than `grain` such pieces; `first` counts from the start of the slices given here.
fn share_columns<T: Real>(
    mut rows: [&mut [T]; COLUMN_SPLIT_ROWS],
    m: usize,
    width: usize,
    first: usize,
    grain: usize,
    f: &(impl Fn(usize, &mut [&mut [T]]) + Sync),
) {
    let pieces = rows[0].len().div_ceil(width);
    if pieces <= grain.max(1) || rayon::current_num_threads() == 1 {
        f(first, &mut rows[..m]);
        return;
    }
    let middle = pieces / 2 * width;
    let mut right: [&mut [T]; COLUMN_SPLIT_ROWS] = std::array::from_fn(|_| &mut [][..]);
    for (left, right) in rows.iter_mut().zip(&mut right).take(m) {
        (*left, *right) = std::mem::take(left).split_at_mut(middle);
    }
    rayon::join(
        || share_columns(rows, m, width, first, grain, f),
        || share_columns(right, m, width, first + middle, grain, f),
    );
}
