//! The loops around the tiles.
//!
//! `c` is cut into pieces by shape alone, and threads claim them. All of `a` is packed first, once, by bands; then
//! whoever has a piece packs the panels of `b` that it reads, block of `k` after block, and multiplies. No sum over
//! `k` is cut between pieces, so every number is computed in the same way whoever computes it.
#![expect(unsafe_code, reason = "pieces of `c` are columns of rows that others write too, and tiles take addresses")]

use super::dots::Dots;
use super::machine::Machine;
use super::plan::Plan;
use super::tile::Tile;
use super::{After, MatRef, Piece, pack};
use crate::Real;
use crate::team::{self, Shared};
use std::ops::Range;

/// Entries to the code that is compiled for each instruction set and shape of tile: compiled here, once for each type of
/// number, and not again in every crate that multiplies.
pub trait Compiled: pack::Turn {
    #[doc(hidden)]
    fn slab(slab: Slab<'_, '_, Self>);
    #[doc(hidden)]
    fn dots(machine: Machine, dots: Dots<'_, '_, Self>);
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
        let across = plan.n.div_ceil(plan.piece_columns);
        team::for_each(plan.pieces(), workers, &|worker, number| {
            let from = (number / across * plan.piece_rows, number % across * plan.piece_columns);
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

/// Where a band of `a` lies for some steps of `k`.
struct Left<'x, T> {
    data: &'x [T],
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
            for row in rows.clone().step_by(plan.rows) {
                self.tile(row..(row + plan.rows).min(rows.end), at..(at + width).min(columns.end), vectors);
            }
            at += width;
        }
    }

    fn left(&self, rows: &Range<usize>) -> Left<'x, T> {
        let Product { plan, a, .. } = self.product;
        if let Some(packed) = self.left {
            let step = rows.len();
            let band = &packed[rows.start / plan.rows * plan.band_len()..];
            return Left { data: &band[self.depth.start * step..self.depth.end * step], row: 1, step };
        }
        let first = rows.start * a.row_stride + self.depth.start * a.col_stride;
        let last = (rows.end - 1) * a.row_stride + (self.depth.end - 1) * a.col_stride;
        Left { data: &a.data[first..=last], row: a.row_stride, step: a.col_stride }
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

    fn tile(&self, rows: Range<usize>, columns: Range<usize>, vectors: usize) {
        let product = self.product;
        let Left { data: a, row: a_row, step: a_step } = self.left(&rows);
        let (b, b_step) = self.right(&columns, product.plan.width(vectors));
        let (c, c_row) = self.piece.address(rows.start, columns.start);
        let tile = Tile {
            a: a.as_ptr(),
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
        unsafe { tile.run(product.machine, rows.len(), vectors) };
    }
}
