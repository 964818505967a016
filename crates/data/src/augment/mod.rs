//! Images changed at random, so that a network learns what stays the same.
//!
//! What becomes of an image in an epoch depends on the seed, the epoch and its row alone (and in mixup on the order of the
//! epoch, from which the other image is taken): the threads that prepare a batch cannot show in it, and a training that
//! goes on later sees what it would have seen.

mod elastic;
mod patch;
mod random;
mod text;
mod warp;

use crate::{ImageSize, Matrix, Scaling};
use elastic::Field;
use random::Draws;

pub use text::AugmentationError;

/// How images to train on are changed, each time anew; what is not asked for is left as it is.
///
/// Read from a text such as `shift 2, rotate 15, scale 0.15, elastic 34 4`, and shown as one. Shift, rotation, scale and
/// elastic distortion are one resampling with bilinear interpolation, beyond the edge the nearest pixel goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Augmentation {
    /// The most pixels to each side and up or down.
    pub shift: f32,
    /// The most degrees to either side, around the middle.
    pub rotate: f32,
    /// The most that height and width, each for itself, are stretched or shrunk by, as a share of themselves.
    pub scale: f32,
    /// A smooth random displacement of each pixel.
    pub elastic: Option<Elastic>,
    /// Whether left and right change places in every second image.
    pub flip: bool,
    /// Pixels of 0 that are put around the image before it is cut to its size at a random place; 0 is the mean where
    /// the scaling is standard.
    pub crop: usize,
    /// The side of a square that is set to 0, its middle anywhere in the image (DeVries and Taylor 2017).
    pub cutout: usize,
    /// The α of mixup (Zhang et al. 2018): the image becomes λ of itself and 1 − λ of another one.
    ///
    /// Cross-entropy is linear in the target, so to mix targets as well, by a λ from Beta(α, α), is on average the same
    /// as to keep the target of the image and to draw λ from Beta(α + 1, α); so it is done here.
    pub mixup: f64,
}

/// Elastic distortion (Simard, Steinkraus and Platt 2003): each pixel comes from a place that is moved by `alpha` times a
/// field of numbers uniform in [−1, 1), one a pixel and direction, smoothed by a Gaussian.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Elastic {
    /// What the smoothed field is multiplied by, in pixels.
    pub alpha: f32,
    /// The standard deviation of the Gaussian, in pixels.
    pub sigma: f32,
}

/// The images of an epoch, as an [`Augmentation`] makes them.
#[derive(Clone, Copy, Debug)]
pub struct Augmented<'a> {
    /// How they are changed.
    pub augmentation: &'a Augmentation,
    /// The images as they are, a row each.
    pub images: &'a Matrix,
    /// Their size.
    pub size: ImageSize,
    /// What is done to their pixels first.
    pub scaling: &'a Scaling,
    /// The rows that are trained on: from them is drawn what an image is mixed with.
    pub rows: &'a [u32],
    /// The seed of every choice.
    pub seed: u64,
    /// The epoch.
    pub epoch: usize,
}

/// Room for the work on an image, to be used again for the next.
#[derive(Clone, Debug, Default)]
pub struct Room {
    image: Vec<f32>,
    other: Vec<f32>,
    field: Field,
}

impl Augmented<'_> {
    /// Fills `x` `[rows, pixels]` with these images, scaled and changed. Allocates nothing once `room` was used.
    ///
    /// # Panics
    /// If an image is not there, or if images are not of the size that is said.
    pub fn fill(&self, rows: &[u32], x: &mut [f32], room: &mut Room) {
        let pixels = self.images.cols();
        let ImageSize { planes, height, width } = self.size;
        assert_eq!(planes * height * width, pixels, "an image has planes of height times width");
        for (&row, image) in rows.iter().zip(x.chunks_exact_mut(pixels)) {
            let mut draws = self.change(row, image, room);
            if self.augmentation.mixup > 0.0 {
                let share = draws.beta(self.augmentation.mixup + 1.0, self.augmentation.mixup) as f32;
                let other = self.rows[draws.below(self.rows.len())];
                let mut second = std::mem::take(&mut room.other);
                second.resize(pixels, 0.0);
                self.change(other, &mut second, room);
                image.iter_mut().zip(&second).for_each(|(a, b)| *a = share * *a + (1.0 - share) * b);
                room.other = second;
            }
        }
    }

    /// An image by itself, and the random numbers from where it left them.
    fn change(&self, row: u32, image: &mut [f32], room: &mut Room) -> Draws {
        let how = self.augmentation;
        let mut draws = Draws::new(self.seed, self.epoch, row);
        self.images.gather(&[row], image);
        self.scaling.apply(image.len(), image);
        if how.warps() {
            let map = warp::Map::draw(how, self.size, &mut draws);
            if let Some(elastic) = how.elastic {
                room.field.draw(elastic, self.size, &mut draws);
            }
            let field = how.elastic.map(|_| &room.field);
            room.image.clear();
            room.image.extend_from_slice(image);
            warp::resample(&room.image, self.size, &map, field, image);
        }
        if how.flip && draws.unit() < 0.5 {
            patch::flip(image, self.size.width);
        }
        if how.crop > 0 {
            room.image.clear();
            room.image.extend_from_slice(image);
            patch::crop(&room.image, self.size, how.crop, &mut draws, image);
        }
        if how.cutout > 0 {
            patch::cut_out(image, self.size, how.cutout, &mut draws);
        }
        draws
    }
}

impl Augmentation {
    /// Whether images are resampled.
    fn warps(&self) -> bool {
        self.shift > 0.0 || self.rotate > 0.0 || self.scale > 0.0 || self.elastic.is_some()
    }

    /// What of it makes no sense for images of this size.
    pub fn problems(&self, size: ImageSize) -> Vec<String> {
        let side = size.height.min(size.width);
        let too_far = |name: &str, pixels: f64| {
            (pixels >= side as f64).then(|| {
                format!("augmentation: {name} of {pixels} pixels leaves nothing of images of {size}: give less")
            })
        };
        let sigma = self.elastic.map_or(0.0, |elastic| f64::from(elastic.sigma));
        let all = [
            ("a shift", f64::from(self.shift)),
            ("a crop", self.crop as f64),
            ("a cutout", self.cutout as f64),
            ("an elastic sigma", sigma),
        ];
        all.into_iter().filter_map(|(name, pixels)| too_far(name, pixels)).collect()
    }
}
