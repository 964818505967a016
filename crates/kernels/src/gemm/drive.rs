//! The loops around the tiles.
//!
//! `c` is cut into pieces by shape alone, and threads claim them. All of `a` is packed first, once, by bands; then
//! whoever has a piece packs the panels of `b` that it reads, block of `k` after block, and multiplies. No sum over
//! `k` is cut between pieces, so every number is computed in the same way whoever computes it.
#![expect(unsafe_code, reason = "pieces of `c` are columns of rows that others write too, and tiles take addresses")]

use super::dots::Dots;
use super::machine::Machine;
use super::plan::Plan;
use super::tile::Tiles;
use super::{After, MatRef, Piece, pack};
use crate::Real;
use crate::conv::tile::{Results, Weights};
use crate::team::{self, Shared};
use std::ops::Range;

/// Entries to the code that is compiled for each instruction set and shape of tile: compiled here, once for each type of
/// number, and not again in every crate that multiplies.
pub trait Compiled: pack::Turn {
    #[doc(hidden)]
    fn slab(slab: Slab<'_, '_, Self>);
    #[doc(hidden)]
    fn dots(machine: Machine, dots: Dots<'_, '_, Self>);
    /// # Safety
    /// What [`Results::run`] asks for.
    #[doc(hidden)]
    unsafe fn results(machine: Machine, rows: usize, vectors: usize, results: Results<Self>);
    /// # Safety
    /// What [`Weights::run`] asks for.
    #[doc(hidden)]
    unsafe fn weights(machine: Machine, vectors: usize, weights: Weights<Self>);
}

macro_rules! compiled {
    ($($float:ident)*) => {
        $(impl Compiled for $float {
            fn slab(slab: Slab<'_, '_, Self>) {
                slab.run();
            }
            fn dots(machine: Machine, dots: Dots<'_, '_, Self>) {
                machine.run(dots);
            }
            unsafe fn results(machine: Machine, rows: usize, vectors: usize, results: Results<Self>) {
                // SAFETY: by the caller's promise.
                unsafe { results.run(machine, rows, vectors) };
            }
            unsafe fn weights(machine: Machine, vectors: usize, weights: Weights<Self>) {
                // SAFETY: by the caller's promise.
                unsafe { weights.run(machine, vectors) };
            }
        })*
    };
}

compiled!(f32 f64);

/// One product under way.
pub(super) struct Product<'x, T> {
    pub(super) machine: Machine,
    pub(super) plan: Plan,
    pub(super) alpha: T,
    pub(super) a: MatRef<'x, T>,
    pub(super) b: MatRef<'x, T>,
    pub(super) beta: T,
}

impl<T: Real> Product<'_, T> {
    /// Computes all of `c`, and calls `after` for each piece as soon as it is done.
    pub(super) fn run(&self, c: &mut [T], scratch: &mut [T], after: &After<'_, T>) {
        let plan = &self.plan;
        let as_dots = plan.as_dots(&self.a, &self.b);
        let (left, right) = plan.align(scratch).split_at_mut(plan.left_len());
        let packs_left = !as_dots && plan.packs_left();
        if packs_left {
            // Copying a number takes about as long as a few multiplications.
            let workers = if plan.pieces() > 1 { usize::MAX } else { 1 };
            team::for_each_chunk(left, plan.band_len(), workers, &|_, band, out| self.pack_left(band, out));
        }
        let left = packs_left.then_some(&*left);
        let room = plan.right_len();
        let workers = right.len().checked_div(room).unwrap_or(1);
        let (c, right) = (Shared(c.as_mut_ptr()), Shared(right.as_mut_ptr()));
        team::for_each(plan.pieces(), workers, &|worker, number| {
            let from = (number / plan.across * plan.piece_rows, number % plan.across * plan.piece_columns);
            let rows = from.0..(from.0 + plan.piece_rows).min(plan.m);
            let columns = from.1..(from.1 + plan.piece_columns).min(plan.n);
            // SAFETY: each worker has `room` numbers of scratch of its own.
            let right = unsafe { std::slice::from_raw_parts_mut(right.at(worker * room), room) };
            // SAFETY: `c` is `[m, n]`, and no other piece has these columns of these rows.
            let mut piece = unsafe { Piece::new(c, plan.n, rows, columns) };
            if as_dots {
                self.dots(&mut piece);
                after(piece);
            } else {
                self.piece(&mut piece, left, right, after);
            }
        });
    }

    fn dots(&self, piece: &mut Piece<'_, T>) {
        let Self { machine, alpha, a, b, beta, .. } = *self;
        T::dots(machine, Dots { a, b, piece, alpha, beta });
    }

    fn pack_left(&self, band: usize, out: &mut [T]) {
        let plan = &self.plan;
        let rows = band * plan.rows..((band + 1) * plan.rows).min(plan.m);
        pack::left(self.a, rows, 0..plan.k, out);
    }

    /// Packs the panels of these columns that are not read in place, for some steps of `k`.
    fn pack_right(&self, depth: &Range<usize>, columns: &Range<usize>, right: &mut [T]) {
        let plan = &self.plan;
        let mut at = columns.start;
        while at < columns.end {
            let width = plan.width(plan.panel(columns.end - at));
            let panel = at..(at + width).min(columns.end);
            if self.is_packed(depth, &panel, width) {
                let out = &mut right[(at - columns.start) * depth.len()..][..width * depth.len()];
                pack::right(self.b, depth.clone(), panel, width, out);
            }
            at += width;
        }
    }

    /// Whether a panel is read from the packed copy for these steps of `k`. Read in place, the vectors of one that
    /// sticks out on the right go on into the next row (and what they compute there is not stored), which there must be.
    fn is_packed(&self, depth: &Range<usize>, panel: &Range<usize>, width: usize) -> bool {
        let end = (depth.end - 1) * self.b.row_stride + panel.start + width;
        end > self.b.data.len() || self.plan.packs_right(&self.b)
    }

    fn piece(&self, piece: &mut Piece<'_, T>, left: Option<&[T]>, right: &mut [T], after: &After<'_, T>) {
        let plan = &self.plan;
        let mut start = 0;
        while start < plan.k {
            let depth = start..(start + plan.depth).min(plan.k);
            self.pack_right(&depth, &piece.columns, right);
            let beta = if start == 0 { self.beta } else { T::ONE };
            start = depth.end;
            for row in piece.rows().step_by(plan.block_rows) {
                let mut block = piece.part(row..(row + plan.block_rows).min(piece.rows.end));
                T::slab(Slab { product: self, depth: depth.clone(), piece: &mut block, left, right, beta });
                if start == plan.k {
                    after(block);
                }
            }
        }
    }
}

/// A block of a piece for some steps of `k`.
pub struct Slab<'x, 'c, T> {
    product: &'x Product<'x, T>,
    depth: Range<usize>,
    piece: &'x mut Piece<'c, T>,
    /// All of packed `a`, if it is not read in place.
    left: Option<&'x [T]>,
    /// The packed panels.
    right: &'x [T],
    beta: T,
}

/// Where bands of `a` lie for some steps of `k`: numbers, and the distances from band to band, row to row and step to
/// step.
struct Left<'x, T> {
    data: &'x [T],
    band: usize,
    row: usize,
    step: usize,
}

impl<'x, T: Real> Slab<'x, '_, T> {
    fn run(self) {
        let plan = &self.product.plan;
        let rows = self.piece.rows();
        let columns = self.piece.columns();
        let mut at = columns.start;
        // A panel of `b` stays in the first-level cache while the bands of `a` pass by.
        while at < columns.end {
            let vectors = plan.panel(columns.end - at);
            let width = plan.width(vectors);
            let panel = at..(at + width).min(columns.end);
            // The last band may have fewer rows.
            let whole = rows.start + rows.len() / plan.rows * plan.rows;
            for (rows, bands) in [(rows.start..whole, rows.len() / plan.rows), (whole..rows.end, 1)] {
                if !rows.is_empty() {
                    self.tiles(rows, bands, panel.clone(), vectors);
                }
            }
            at += width;
        }
    }

    /// So many bands of `a`.
    fn left(&self, rows: &Range<usize>, bands: usize) -> Left<'x, T> {
        let Product { plan, a, .. } = self.product;
        let height = rows.len() / bands;
        if let Some(packed) = self.left {
            let band = plan.band_len();
            let first = rows.start / plan.rows * band;
            let range = first + self.depth.start * height..first + (bands - 1) * band + self.depth.end * height;
            return Left { data: &packed[range], band, row: 1, step: height };
        }
        let first = rows.start * a.row_stride + self.depth.start * a.col_stride;
        let last = (rows.end - 1) * a.row_stride + (self.depth.end - 1) * a.col_stride;
        Left { data: &a.data[first..=last], band: height * a.row_stride, row: a.row_stride, step: a.col_stride }
    }

    /// A panel of `b`, and the distance from a step to the next.
    fn right(&self, columns: &Range<usize>, width: usize) -> (&'x [T], usize) {
        let Product { b, .. } = self.product;
        let depth = self.depth.len();
        if self.product.is_packed(&self.depth, columns, width) {
            return (&self.right[(columns.start - self.piece.columns.start) * depth..][..width * depth], width);
        }
        let first = self.depth.start * b.row_stride + columns.start;
        (&b.data[first..first + (depth - 1) * b.row_stride + width], b.row_stride)
    }

    /// The tiles of a panel and so many bands of equal height.
    fn tiles(&self, rows: Range<usize>, bands: usize, columns: Range<usize>, vectors: usize) {
        let product = self.product;
        let Left { data: a, band: a_band, row: a_row, step: a_step } = self.left(&rows, bands);
        let (b, b_step) = self.right(&columns, product.plan.width(vectors));
        let (c, c_row) = self.piece.address(rows.start, columns.start);
        let tiles = Tiles {
            bands,
            a: a.as_ptr(),
            a_band,
            a_row,
            a_step,
            b: b.as_ptr(),
            b_step,
            depth: self.depth.len(),
            c,
            c_row,
            columns: columns.len(),
            alpha: product.alpha,
            beta: self.beta,
        };
        // SAFETY: `left` and `right` cut slices that hold all steps of these rows and of whole vectors of these
        // columns, and the rows and columns of `c` are this piece's own.
        unsafe { tiles.run(product.machine, rows.len() / bands, vectors) };
    }
}
