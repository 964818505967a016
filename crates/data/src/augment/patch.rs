//! Whole pixels moved or taken away.

use super::random::Draws;
use crate::ImageSize;

/// Left and right change places.
pub(super) fn flip(image: &mut [f32], width: usize) {
    image.chunks_exact_mut(width).for_each(<[f32]>::reverse);
}

/// Fills `out` with `image`, `margin` zeros around it, cut to its size at a random place (He et al. 2016).
pub(super) fn crop(image: &[f32], size: ImageSize, margin: usize, draws: &mut Draws, out: &mut [f32]) {
    let (down, right) = (draws.below(2 * margin + 1), draws.below(2 * margin + 1));
    let ImageSize { height, width, .. } = size;
    let row = |y: usize| (y + down).checked_sub(margin).filter(|y| *y < height);
    // Where the columns of the new image that show something begin and end.
    let (from, to) = (margin.saturating_sub(right).min(width), (width + margin - right.min(width + margin)).min(width));
    out.fill(0.0);
    for (plane, out) in image.chunks_exact(height * width).zip(out.chunks_exact_mut(height * width)) {
        for (y, line) in out.chunks_exact_mut(width).enumerate() {
            if let Some(source) = row(y)
                && from < to
            {
                let start = source * width + from + right - margin;
                line[from..to].copy_from_slice(&plane[start..start + to - from]);
            }
        }
    }
}

/// Sets a square to 0, as much of it as is in the image.
pub(super) fn cut_out(image: &mut [f32], size: ImageSize, side: usize, draws: &mut Draws) {
    let ImageSize { height, width, .. } = size;
    let span = |middle: usize, count: usize| {
        let start = middle.saturating_sub(side / 2);
        start..(middle + side - side / 2).min(count)
    };
    let (rows, columns) = (span(draws.below(height), height), span(draws.below(width), width));
    for plane in image.chunks_exact_mut(height * width) {
        for line in plane.chunks_exact_mut(width).skip(rows.start).take(rows.len()) {
            line[columns.clone()].fill(0.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: ImageSize = ImageSize { planes: 2, height: 3, width: 4 };

    fn image() -> Vec<f32> {
        (1..=24).map(|v| v as f32).collect()
    }

    #[test]
    fn a_flip_is_undone_by_another() {
        let mut flipped = image();
        flip(&mut flipped, 4);
        assert_eq!(flipped[..8], [4.0, 3.0, 2.0, 1.0, 8.0, 7.0, 6.0, 5.0]);
        flip(&mut flipped, 4);
        assert_eq!(flipped, image());
    }

    #[test]
    fn a_crop_moves_whole_pixels_with_zeros_behind_them() {
        let mut seen = std::collections::HashSet::new();
        for row in 0..500 {
            let mut again = Draws::new(0, 1, row);
            let (down, right) = (again.below(5) as isize - 2, again.below(5) as isize - 2);
            let mut out = vec![-1.0; 24];
            crop(&image(), SIZE, 2, &mut Draws::new(0, 1, row), &mut out);
            for (at, &value) in out.iter().enumerate() {
                let (plane, y, x) = (at / 12, (at % 12 / 4) as isize + down, (at % 4) as isize + right);
                let inside = (0..3).contains(&y) && (0..4).contains(&x);
                let expected = if inside { image()[plane * 12 + y as usize * 4 + x as usize] } else { 0.0 };
                assert_eq!(value, expected, "{down} {right}");
            }
            seen.insert((down, right));
        }
        assert_eq!(seen.len(), 25);
    }

    #[test]
    fn a_cutout_is_a_square_that_may_leave_the_image() {
        let size = ImageSize { planes: 2, height: 9, width: 8 };
        for row in 0..200 {
            let mut again = Draws::new(0, 1, row);
            let (y, x) = (again.below(9) as isize, again.below(8) as isize);
            let mut image = vec![1.0; 144];
            cut_out(&mut image, size, 3, &mut Draws::new(0, 1, row));
            for (at, &value) in image.iter().enumerate() {
                let (v, u) = ((at % 72 / 8) as isize, (at % 8) as isize);
                let inside = (v - y).abs() <= 1 && (u - x).abs() <= 1;
                assert_eq!(value, if inside { 0.0 } else { 1.0 });
            }
        }
    }
}
