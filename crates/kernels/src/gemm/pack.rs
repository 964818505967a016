//! Packing: copies of `a` and `b` in the order in which the tiles read them.
//!
//! A tile reads a column of `a` and a row of `b` at every step of `k`. In a large matrix those lie a whole row apart,
//! on a page of their own; packed, they follow each other, and the copy is read many times.

use super::MatRef;
use crate::Real;
use std::ops::Range;

/// Packs `rows` of `a` for the steps `depth` of `k`: column after column.
pub(super) fn left<T: Real>(a: MatRef<'_, T>, rows: Range<usize>, depth: Range<usize>, out: &mut [T]) {
    transpose_or_copy(a.transposed(), depth, rows.clone(), rows.len(), out);
}

/// Packs the columns `columns` of `b` for the steps `depth` of `k`: row after row of `width` numbers, filled up
/// with zeros.
pub(super) fn right<T: Real>(
    b: MatRef<'_, T>,
    depth: Range<usize>,
    columns: Range<usize>,
    width: usize,
    out: &mut [T],
) {
    transpose_or_copy(b, depth, columns, width, out);
}

/// `out[r, c] = from[rows.start + r, columns.start + c]`, rows `width` apart and filled up with zeros.
fn transpose_or_copy<T: Real>(
    from: MatRef<'_, T>,
    rows: Range<usize>,
    columns: Range<usize>,
    width: usize,
    out: &mut [T],
) {
    let used = columns.len();
    if from.col_stride == 1 {
        for (r, line) in rows.zip(out.chunks_exact_mut(width)) {
            let (copy, zeros) = line.split_at_mut(used);
            copy.copy_from_slice(&from.data[r * from.row_stride + columns.start..][..used]);
            zeros.fill(T::ZERO);
        }
        return;
    }
    // The numbers of a column are neighbours (or nothing is: then one is as good as the other).
    if used < width {
        for line in out.chunks_exact_mut(width) {
            line[used..].fill(T::ZERO);
        }
    }
    let mut at = 0;
    while at < used {
        let count = (used - at).min(GROUP);
        let start = |c: usize| (columns.start + at + c) * from.col_stride + rows.start * from.row_stride;
        if count == GROUP && from.row_stride == 1 {
            let lines: [&[T]; GROUP] = std::array::from_fn(|c| &from.data[start(c)..][..rows.len()]);
            for (r, line) in out.chunks_exact_mut(width).take(rows.len()).enumerate() {
                let group: [T; GROUP] = std::array::from_fn(|c| lines[c][r]);
                line[at..at + GROUP].copy_from_slice(&group);
            }
        } else {
            for c in 0..count {
                let start = start(c);
                for (r, line) in out.chunks_exact_mut(width).take(rows.len()).enumerate() {
                    line[at + c] = from.data[start + r * from.row_stride];
                }
            }
        }
        at += count;
    }
}

/// How many columns are transposed together.
const GROUP: usize = 4;
