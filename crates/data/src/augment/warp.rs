//! One resampling for shift, rotation, scale and elastic distortion.

use super::Augmentation;
use super::elastic::Field;
use super::random::Draws;
use crate::ImageSize;

/// Where a pixel of the new image comes from: rows `[y, x]` of a matrix, and a place to begin at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Map {
    matrix: [[f32; 2]; 2],
    start: [f32; 2],
}

impl Map {
    pub(super) fn draw(how: &Augmentation, size: ImageSize, draws: &mut Draws) -> Self {
        let shift = [how.shift * draws.signed(), how.shift * draws.signed()];
        let angle = (how.rotate * draws.signed()).to_radians();
        let stretch = [1.0 + how.scale * draws.signed(), 1.0 + how.scale * draws.signed()];
        Self::new(shift, angle, stretch, size)
    }

    /// The way back of: stretch around the middle by `[y, x]`, turn by `angle` (from x to y), then shift by `[y, x]`.
    fn new(shift: [f32; 2], angle: f32, stretch: [f32; 2], size: ImageSize) -> Self {
        let (sine, cosine) = angle.sin_cos();
        let matrix = [[cosine / stretch[0], -sine / stretch[0]], [sine / stretch[1], cosine / stretch[1]]];
        let middle = [(size.height - 1) as f32 / 2.0, (size.width - 1) as f32 / 2.0];
        let from = [-middle[0] - shift[0], -middle[1] - shift[1]];
        let start = |axis: usize| matrix[axis][0] * from[0] + matrix[axis][1] * from[1] + middle[axis];
        Self { matrix, start: [start(0), start(1)] }
    }
}

/// Fills `out` with `image` as `map` and `field` move it, both `[planes, height, width]`.
pub(super) fn resample(image: &[f32], size: ImageSize, map: &Map, field: Option<&Field>, out: &mut [f32]) {
    // As the machine can do it best; the numbers are the same.
    pulp::Arch::new().dispatch(
        #[inline(always)]
        || resample_lines(image, size, map, field, out),
    );
}

/// Pixels whose places are found side by side.
const SIDE_BY_SIDE: usize = 16;

#[inline(always)]
fn resample_lines(image: &[f32], size: ImageSize, map: &Map, field: Option<&Field>, out: &mut [f32]) {
    let ImageSize { height, width, .. } = size;
    let area = height * width;
    for y in 0..height {
        for from in (0..width).step_by(SIDE_BY_SIDE) {
            let at = y * width + from;
            let count = SIDE_BY_SIDE.min(width - from);
            let moved = |axis: usize| field.map(|field| &field.along(axis)[at..at + count]);
            let (rows, down) = between(map.line(0, y, from), moved(0), height);
            let (columns, along) = between(map.line(1, y, from), moved(1), width);
            for (plane, out) in image.chunks_exact(area).zip(out.chunks_exact_mut(area)) {
                for (pixel, out) in out[at..at + count].iter_mut().enumerate() {
                    let (row, column) = (rows[pixel] as usize * width, columns[pixel] as usize);
                    let right = (column + 1).min(width - 1);
                    let next = (row + width).min(area - width);
                    let line = |row: usize| {
                        let (a, b) = (plane[row + column], plane[row + right]);
                        a + (b - a) * along[pixel]
                    };
                    let (above, below) = (line(row), line(next));
                    *out = above + (below - above) * down[pixel];
                }
            }
        }
    }
}

impl Map {
    /// The places along an axis that the pixels of line `y` from column `from` on come from.
    #[inline(always)]
    fn line(&self, axis: usize, y: usize, from: usize) -> [f32; SIDE_BY_SIDE] {
        let [by_y, by_x] = self.matrix[axis];
        std::array::from_fn(|x| by_y * y as f32 + by_x * (from + x) as f32 + self.start[axis])
    }
}

/// The last pixels before these places, and how far it is from them; there are `count` pixels.
#[inline(always)]
fn between(
    mut places: [f32; SIDE_BY_SIDE],
    moved: Option<&[f32]>,
    count: usize,
) -> ([i32; SIDE_BY_SIDE], [f32; SIDE_BY_SIDE]) {
    places.iter_mut().zip(moved.unwrap_or_default()).for_each(|(place, moved)| *place += moved);
    let places = places.map(|place| place.clamp(0.0, (count - 1) as f32));
    let first = places.map(|place| place as i32);
    (first, std::array::from_fn(|pixel| places[pixel] - first[pixel] as f32))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: ImageSize = ImageSize { planes: 1, height: 3, width: 4 };

    fn moved(shift: [f32; 2], degrees: f32, stretch: [f32; 2], size: ImageSize) -> Vec<f32> {
        let count = size.planes * size.height * size.width;
        let image: Vec<f32> = (0..count).map(|v| v as f32).collect();
        let mut out = vec![0.0; count];
        resample(&image, size, &Map::new(shift, degrees.to_radians(), stretch, size), None, &mut out);
        out
    }

    fn assert_close(found: &[f32], expected: &[f32]) {
        let close = found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-4);
        assert!(found.len() == expected.len() && close, "{found:?} for {expected:?}");
    }

    #[test]
    fn nothing_asked_is_nothing_done() {
        let size = ImageSize { planes: 2, ..SIZE };
        assert_close(&moved([0.0; 2], 0.0, [1.0; 2], size), &(0..24).map(|v| v as f32).collect::<Vec<_>>());
    }

    #[test]
    fn shifts_go_down_and_right_and_the_edge_goes_on() {
        let down = [0.0, 1.0, 2.0, 3.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0];
        assert_close(&moved([1.0, 0.0], 0.0, [1.0; 2], SIZE), &down);
        let right = [0.0, 0.5, 1.5, 2.5, 4.0, 4.5, 5.5, 6.5, 8.0, 8.5, 9.5, 10.5];
        assert_close(&moved([0.0, 0.5], 0.0, [1.0; 2], SIZE), &right);
    }

    #[test]
    fn turns_around_the_middle() {
        // x goes to y: the first row becomes the last column.
        let square = ImageSize { planes: 1, height: 3, width: 3 };
        assert_close(&moved([0.0; 2], 90.0, [1.0; 2], square), &[6.0, 3.0, 0.0, 7.0, 4.0, 1.0, 8.0, 5.0, 2.0]);
        assert_close(&moved([0.0; 2], 180.0, [1.0; 2], SIZE), &(0..12).rev().map(|v| v as f32).collect::<Vec<_>>());
    }

    #[test]
    fn stretches_around_the_middle() {
        let line = ImageSize { planes: 1, height: 1, width: 5 };
        assert_close(&moved([0.0; 2], 0.0, [1.0, 2.0], line), &[1.0, 1.5, 2.0, 2.5, 3.0]);
        assert_close(&moved([0.0; 2], 0.0, [1.0, 0.5], line), &[0.0, 0.0, 2.0, 4.0, 4.0]);
        let column = ImageSize { planes: 1, height: 5, width: 1 };
        assert_close(&moved([0.0; 2], 0.0, [2.0, 1.0], column), &[1.0, 1.5, 2.0, 2.5, 3.0]);
    }
}
