//! The largest under each position of a window, and what belongs to it.

use super::{Finish, PIECES, Window};
use crate::team::{for_each_chunk, for_each_pair};
use crate::{Real, simd};
use std::array::from_fn;
use std::ops::Range;

/// Planes of fewer numbers together are looked through on one thread.
const SHARED: usize = 1 << 14;

impl Window {
    /// The first cell of the plane, along `axis`, that the kernel sees at a position, and how many it sees.
    fn seen(&self, axis: usize, position: usize) -> (usize, usize) {
        let cells = (0..self.kernel[axis]).filter_map(|cell| self.cell(axis, position, cell));
        cells.fold((usize::MAX, 0), |(first, count), at| (first.min(at), count + 1))
    }

    /// Calls `visit` with each position of a plane and the first largest cell under it; NaN is largest.
    #[inline]
    fn largest<T: Real>(&self, x: &[T], mut visit: impl FnMut(usize, usize)) {
        let (width, line) = (self.output[1], self.dilation[0] * self.input[1]);
        // Where the whole kernel lies in the plane along the width, its place follows from that of its first cell.
        let inner = self.inside(1, 0).start..self.inside(1, self.kernel[1] - 1).end;
        let inner = if inner.is_empty() { width..width } else { inner };
        for row in 0..self.output[0] {
            let (top, high) = self.seen(0, row);
            let mut at = |column: usize, left: usize, wide: usize| {
                if high > 0 && wide > 0 {
                    let first = top * self.input[1] + left;
                    visit(row * width + column, largest_of(x, first, [high, wide], [line, self.dilation[1]]));
                }
            };
            for column in (0..inner.start).chain(inner.end..width) {
                let (left, wide) = self.seen(1, column);
                at(column, left, wide);
            }
            for column in inner.clone() {
                at(column, column * self.stride[1] - self.padding[1], self.kernel[1]);
            }
        }
    }

    /// `out` at each position = the largest cell of `x` under it.
    pub fn max<T: Real>(&self, x: &[T], out: &mut [T]) {
        self.by_planes(
            out,
            self.positions(),
            #[inline(always)]
            |planes, out| {
                for (plane, out) in planes.zip(out.chunks_exact_mut(self.positions())) {
                    let x = &x[plane * self.plane()..(plane + 1) * self.plane()];
                    if self.halves() {
                        let lines = x.chunks_exact(2 * self.input[1]).zip(out.chunks_exact_mut(self.output[1].max(1)));
                        for (lines, out) in lines {
                            let (upper, lower) = lines.split_at(self.input[1]);
                            let (fours, rest) = out.as_chunks_mut::<4>();
                            // Lines are short: four windows at a time are a vector where a whole line would be a remainder.
                            let eights = upper.as_chunks::<8>().0.iter().zip(lower.as_chunks::<8>().0);
                            fours
                                .iter_mut()
                                .zip(eights)
                                .for_each(|(out, (upper, lower))| *out = most_of_four(upper, lower));
                            let done = 8 * fours.len();
                            let left = quads(&upper[done..], &lower[done..]);
                            rest.iter_mut().zip(left).for_each(|(out, cells)| *out = most(cells));
                        }
                    } else {
                        self.largest(x, |position, cell| out[position] = x[cell]);
                    }
                }
            },
        );
    }

    /// `out` at each position = `from` at the first largest cell of `by` under it.
    pub fn pick_largest<T: Real>(&self, by: &[T], from: &[T], out: &mut [T]) {
        self.by_planes(
            out,
            self.positions(),
            #[inline(always)]
            |planes, out| {
                for (at, out) in planes.zip(out.chunks_exact_mut(self.positions())) {
                    let plane = at * self.plane()..(at + 1) * self.plane();
                    let from = &from[plane.clone()];
                    self.largest(&by[plane], |position, cell| out[position] = from[cell]);
                }
            },
        );
    }

    /// Adds `from` at each position into zeros, at the first largest cell of `by` under it; each plane of `out` is finished
    /// when it is complete.
    pub fn spread_largest<T: Real>(
        &self,
        by: &[T],
        from: &[T],
        out: &mut [T],
        scratch: &mut [T],
        finish: Finish<'_, T>,
    ) {
        let [cells, positions] = [self.plane(), self.positions()];
        let Some(each) = self.planes_a_piece(out.len(), cells) else { return };
        // Some cells are in no window, or in several.
        let adds = !(self.halves() && self.output.map(|size| 2 * size) == self.input);
        for_each_pair(out, each * cells, scratch, finish.room, |number, out, room| {
            for (out, at) in out.chunks_exact_mut(cells).zip(number * each..) {
                let from = &from[at * positions..(at + 1) * positions];
                let by = &by[at * cells..(at + 1) * cells];
                simd(
                    #[inline(always)]
                    || {
                        if adds {
                            out.fill(T::ZERO);
                        }
                        if self.halves() {
                            self.spread_quads(by, from, out);
                        } else {
                            self.largest(by, |position, cell| out[cell] += from[position]);
                        }
                    },
                );
                (finish.work)(at * cells, out, room);
            }
        });
    }

    /// Numbers of scratch that [`Window::spread_largest`] needs for so many cells.
    pub fn spread_scratch(&self, cells: usize, room: usize) -> usize {
        let pieces = |each: usize| cells.div_ceil(each * self.plane());
        self.planes_a_piece(cells, self.plane()).map_or(0, pieces) * room
    }

    /// Whether windows of two by two stand side by side, which most pools are.
    fn halves(&self) -> bool {
        [self.kernel, self.stride] == [[2, 2]; 2] && [self.padding, self.dilation] == [[0, 0], [1, 1]]
    }

    /// [`Window::spread_largest`] in one plane where windows of two by two stand side by side.
    #[inline(always)]
    fn spread_quads<T: Real>(&self, by: &[T], from: &[T], out: &mut [T]) {
        let (wide, width) = (self.input[1], self.output[1].max(1));
        let lines = by.chunks_exact(2 * wide).zip(out.chunks_exact_mut(2 * wide));
        for ((by, out), from) in lines.zip(from.chunks_exact(width)) {
            let ((upper, lower), (above, below)) = (by.split_at(wide), out.split_at_mut(wide));
            let (fours, rest) = from.as_chunks::<4>();
            let cells = upper.as_chunks::<8>().0.iter().zip(lower.as_chunks::<8>().0);
            let places = above.as_chunks_mut::<8>().0.iter_mut().zip(below.as_chunks_mut::<8>().0);
            for ((values, (upper, lower)), (above, below)) in fours.iter().zip(cells).zip(places) {
                spread_four(values, [upper, lower], [above, below]);
            }
            let done = 8 * fours.len();
            let places = above[done..].as_chunks_mut::<2>().0.iter_mut().zip(below[done..].as_chunks_mut::<2>().0);
            for ((&value, cells), (above, below)) in rest.iter().zip(quads(&upper[done..], &lower[done..])).zip(places)
            {
                let [a, b, c, d] = spread_one(value, cells);
                (*above, *below) = ([a, b], [c, d]);
            }
        }
    }

    /// Planes, of `size` numbers each, that a thread is given at a time; none of nothing.
    fn planes_a_piece(&self, numbers: usize, size: usize) -> Option<usize> {
        let planes = numbers.checked_div(size).filter(|&planes| planes > 0)?;
        Some(SHARED.div_ceil(self.plane().max(1)).clamp(1, planes).max(planes.div_ceil(PIECES)))
    }

    /// Hands out planes of `out`, of `size` numbers each.
    fn by_planes<T: Real>(&self, out: &mut [T], size: usize, work: impl Fn(Range<usize>, &mut [T]) + Sync) {
        let Some(each) = self.planes_a_piece(out.len(), size) else { return };
        for_each_chunk(out, each * size, usize::MAX, &|_, number, out| {
            let planes = number * each..number * each + out.len() / size;
            simd(
                #[inline(always)]
                || work(planes, out),
            );
        });
    }
}

/// The windows of two by two that stand side by side in two lines: upper left, upper right, lower left, lower right.
#[inline(always)]
fn quads<T: Real>(upper: &[T], lower: &[T]) -> impl Iterator<Item = [T; 4]> {
    let pairs = upper.as_chunks::<2>().0.iter().zip(lower.as_chunks::<2>().0);
    pairs.map(|(upper, lower)| [upper[0], upper[1], lower[0], lower[1]])
}

/// The larger; NaN if there is one.
#[inline(always)]
fn larger<T: Real>(a: T, b: T) -> T {
    if (b > a) | is_nan(b) { b } else { a }
}

/// The largest; NaN if there is one.
#[inline(always)]
fn most<T: Real>([a, b, c, d]: [T; 4]) -> T {
    larger(larger(a, b), larger(c, d))
}

/// [`most`] of four windows side by side. Lines are short: four at a time are a vector where a whole line would be a
/// remainder.
#[inline(always)]
fn most_of_four<T: Real>(upper: &[T; 8], lower: &[T; 8]) -> [T; 4] {
    let higher: [T; 8] = from_fn(|i| larger(upper[i], lower[i]));
    from_fn(|i| larger(higher[2 * i], higher[2 * i + 1]))
}

/// A value at the first largest of four cells, and zeros.
#[inline(always)]
fn spread_one<T: Real>(value: T, cells: [T; 4]) -> [T; 4] {
    let largest = most(cells);
    let is_largest = cells.map(|cell| (cell == largest) | (is_nan(cell) & is_nan(largest)));
    let [a, b, c, d] = is_largest;
    let is_first = [a, !a & b, !a & !b & c, !a & !b & !c & d];
    is_first.map(|is_first| if is_first { value } else { T::ZERO })
}

/// [`spread_one`] for four windows side by side.
#[inline(always)]
fn spread_four<T: Real>(values: &[T; 4], [upper, lower]: [&[T; 8]; 2], [above, below]: [&mut [T; 8]; 2]) {
    let corner = |line: &[T; 8], side: usize| -> [T; 4] { from_fn(|i| line[2 * i + side]) };
    let (a, b, c, d) = (corner(upper, 0), corner(upper, 1), corner(lower, 0), corner(lower, 1));
    let spread: [[T; 4]; 4] = from_fn(|i| spread_one(values[i], [a[i], b[i], c[i], d[i]]));
    *above = from_fn(|i| spread[i / 2][i % 2]);
    *below = from_fn(|i| spread[i / 2][2 + i % 2]);
}

#[inline(always)]
fn is_nan<T: Real>(value: T) -> bool {
    value.partial_cmp(&value).is_none()
}

/// The place of the first largest of `high` times `wide` cells, or of the first NaN, if there is one.
#[inline]
fn largest_of<T: Real>(x: &[T], first: usize, [high, wide]: [usize; 2], [down, across]: [usize; 2]) -> usize {
    let (mut best, mut value) = (first, x[first]);
    for i in 0..high {
        for j in 0..wide {
            let at = first + i * down + j * across;
            let new = x[at];
            // Without branches, which could not be foreseen.
            let is_larger = (new > value) | (is_nan(new) & !is_nan(value));
            best = if is_larger { at } else { best };
            value = if is_larger { new } else { value };
        }
    }
    best
}
